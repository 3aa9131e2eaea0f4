//! Panics that tests plant: [`here`] is where one can grow. In the product it is nothing.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Panics where a test of this thread planted one in this place.
#[cfg(test)]
pub fn here(place: &'static str) {
    assert!(PLANTED.get() != Some(place), "a panic that was planted in {place}");
}

/// Nothing.
#[cfg(not(test))]
pub const fn here(_: &'static str) {}

/// Does something while a panic is planted in one place.
#[cfg(test)]
pub fn with<R>(place: &'static str, act: impl FnOnce() -> R) -> R {
    PLANTED.set(Some(place));
    let result = act();
    PLANTED.set(None);
    result
}
