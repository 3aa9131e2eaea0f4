//! Looking ahead: [`fetch`].
//!
//! Most of what is held on a flow or a device lies far from the processor. Memory answers many
//! questions at a time, if nobody waits for one answer before he asks the next. So who has a row of
//! packets or observations before him first has all fetched that they will look at, in steps: where
//! a thing begins, then, once that is here, its other lines, then what it points at.

/// Asks memory for the line where `place` begins, and does not wait for it: nothing depends on it but time.
#[inline]
pub fn fetch<T>(place: &T) {
    prefetch_index::prefetch_index(std::slice::from_ref(place), 0);
}
