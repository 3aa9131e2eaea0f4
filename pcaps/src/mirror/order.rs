//! Frames in order of time, from pushes that come a little out of order.
//!
//! ```text
//!            | slice | slice | slice |       slices of SLICE_NS, the oldest first
//! push --->      bytes of frames, one behind another; entries that say when and where
//! release <--- entries of whole slices, sorted by time
//! ```
//!
//! Devices that are simulated one after another each run ahead of the others, a little and never more
//! than 2 seconds. Within a slice the frames lie as they were pushed and are sorted when they leave;
//! the memory of a slice that is empty is used again.

use std::collections::VecDeque;

/// Frames that wait for earlier ones, each with a note for whom they are handed to: the length on the wire
/// of captured bytes, or what a [`Form`](super::Form) must know of a whole frame.
///
/// A tunnel numbers its copies, so a form is written when frames are released, not when they are pushed.
#[derive(Debug)]
pub struct Order<T = u32> {
    /// Those that hold frames, by number.
    slices: VecDeque<Slice<T>>,
    /// Those that were emptied.
    spare: Vec<Slice<T>>,
    /// No frame before this can come any more.
    released: Option<i64>,
}

/// The frames of one slice of time.
#[derive(Debug)]
struct Slice<T> {
    number: i64,
    bytes: Vec<u8>,
    entries: Vec<Entry<T>>,
}

/// One frame in a slice.
#[derive(Debug)]
struct Entry<T> {
    at: i64,
    from: u32,
    to: u32,
    note: T,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { slices: VecDeque::new(), spare: Vec::new(), released: None }
    }
}

impl<T> Order<T> {
    /// Takes a frame of the time `at`.
    ///
    /// # Panics
    /// If frames up to `at` were released already: it comes too late.
    pub fn push(&mut self, at: i64, bytes: &[u8], note: T) {
        self.push_with(at, |out| {
            out.extend_from_slice(bytes);
            note
        });
    }

    /// Takes a frame that `write` appends to what it is given, returning the note; that spares a copy.
    ///
    /// # Panics
    /// If frames up to `at` were released already: it comes too late.
    pub fn push_with(&mut self, at: i64, write: impl FnOnce(&mut Vec<u8>) -> T) {
        assert!(self.released.is_none_or(|released| at >= released), "a frame that is too late: {at}");
        let slice = self.slice(at.div_euclid(SLICE_NS));
        let from = position(&slice.bytes);
        let note = write(&mut slice.bytes);
        let to = position(&slice.bytes);
        slice.entries.push(Entry { at, from, to, note });
    }

    /// Hands on all frames before `before`, in order of time, those of the same time as they were pushed.
    pub fn release(&mut self, before: i64, mut sink: impl FnMut(i64, &[u8], T)) {
        self.released = self.released.max(Some(before));
        let number = before.div_euclid(SLICE_NS);
        let whole = self.slices.partition_point(|slice| slice.number < number);
        for mut slice in self.slices.drain(..whole) {
            slice.release(None, &mut sink);
            self.spare.push(slice);
        }
        if let Some(slice) = self.slices.front_mut().filter(|slice| slice.number == number) {
            slice.release(Some(before), &mut sink);
        }
    }

    /// Hands on all that is left.
    pub fn finish(mut self, mut sink: impl FnMut(i64, &[u8], T)) {
        for slice in &mut self.slices {
            slice.release(None, &mut sink);
        }
    }

    /// The slice with this number, made if there is none.
    fn slice(&mut self, number: i64) -> &mut Slice<T> {
        let index = match self.slices.back() {
            Some(last) if last.number == number => self.slices.len() - 1,
            Some(last) if last.number > number => self.slices.partition_point(|slice| slice.number < number),
            _ => self.slices.len(),
        };
        if self.slices.get(index).is_none_or(|slice| slice.number != number) {
            let empty = Slice { number, bytes: Vec::new(), entries: Vec::new() };
            let slice = Slice { number, ..self.spare.pop().unwrap_or(empty) };
            self.slices.insert(index, slice);
        }
        &mut self.slices[index]
    }
}

impl<T> Slice<T> {
    /// Hands on the frames before a time, or all.
    fn release(&mut self, before: Option<i64>, sink: &mut impl FnMut(i64, &[u8], T)) {
        self.entries.sort_by_key(|entry| entry.at);
        let count = before
            .map_or(self.entries.len(), |before| self.entries.partition_point(|entry| entry.at < before));
        for entry in self.entries.drain(..count) {
            sink(entry.at, &self.bytes[entry.from as usize..entry.to as usize], entry.note);
        }
        if self.entries.is_empty() {
            self.bytes.clear();
        }
    }
}

fn position(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a slice of time holds less than 4 GiB")
}

/// Short enough that few frames are sorted at once and that they are still in the cache.
const SLICE_NS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    type Frames = Vec<(i64, Vec<u8>, u32)>;

    fn into(frames: &mut Frames) -> impl FnMut(i64, &[u8], u32) {
        |at, bytes, note| frames.push((at, bytes.to_vec(), note))
    }

    #[test]
    fn frames_leave_in_order_of_time() {
        let mut order = Order::default();
        order.push(5_000_000, b"late", 60);
        order.push(3, b"", 61);
        order.push(-1, b"early", 62);
        let mut frames = Frames::new();
        order.finish(into(&mut frames));
        let expected = [(-1, b"early".to_vec(), 62), (3, Vec::new(), 61), (5_000_000, b"late".to_vec(), 60)];
        assert_eq!(frames, expected);
    }

    #[test]
    fn nothing_gives_nothing() {
        let mut order = Order::<u32>::default();
        order.release(9, |_, _, _| unreachable!());
        order.finish(|_, _, _| unreachable!());
    }

    #[test]
    fn release_stops_within_a_slice() {
        let mut order = Order::default();
        for at in [12, 11, 10] {
            order.push(at, &[at as u8], 0);
        }
        let mut frames = Frames::new();
        order.release(11, into(&mut frames));
        assert_eq!(frames, [(10, vec![10], 0)]);
        order.push(11, b"second", 0);
        order.finish(into(&mut frames));
        assert_eq!(frames[1..], [(11, vec![11], 0), (11, b"second".to_vec(), 0), (12, vec![12], 0)]);
    }

    #[test]
    #[should_panic(expected = "too late")]
    fn a_frame_before_what_was_released_is_too_late() {
        let mut order = Order::default();
        order.release(10, |_, _, _: u32| {});
        order.push(9, b"", 0);
    }

    #[test]
    fn many_leave_as_a_stable_sort_would_have_them() {
        let mut random = Random::new(1);
        let (mut order, mut pushed, mut frames) = (Order::default(), Frames::new(), Frames::new());
        for note in 0..20_000_u32 {
            let now = i64::from(note) * 50_000;
            // Coarse, so that many have the same time.
            let at = now + random.between(0, 20) * 100_000_000;
            let bytes = note.to_le_bytes()[..(note % 5) as usize].to_vec();
            order.push(at, &bytes, note);
            pushed.push((at, bytes, note));
            if random.chance(10_000) {
                order.release(now, into(&mut frames));
            }
        }
        order.finish(into(&mut frames));
        pushed.sort_by_key(|(at, ..)| *at);
        assert!(frames == pushed);
    }

    #[test]
    fn memory_is_used_again() {
        let mut order = Order::default();
        for second in 0..100 {
            order.push(second * 1_000_000_000, &[0; 1_000], 0);
            order.release(second * 1_000_000_000, |_, _, _| {});
        }
        assert!(order.slices.len() + order.spare.len() <= 2);
    }
}
