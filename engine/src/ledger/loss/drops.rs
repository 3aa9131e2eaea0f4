//! Frames that did not reach us, as they were counted: [`Drops`].
//!
//! The capturing machine counts what it drops, and a mirror that numbers its copies shows what is missing. Both are facts,
//! where missing acknowledgements and reports are conclusions (see [`super`]).

use spanwatch_parsers::{Span, Time};

use crate::clock::{Dropped, Dropper};
use crate::observation::Cite;

/// What was dropped in one place without a quiet minute.
#[derive(Debug, Clone)]
pub struct Drops {
    /// Whose they were.
    pub by: Dropper,
    /// How many.
    pub lost: u64,
    /// Of so many, in seconds with drops.
    pub of: u64,
    /// Since when.
    pub since: Time,
    /// The last time, and when it was told.
    pub last: Time,
    /// When it was more than a few.
    pub detected: Option<Time>,
    /// The first and the last frame that came after a drop.
    pub cited: [(Time, Cite); 2],
}

impl Drops {
    pub(super) fn new(dropped: &Dropped, cite: Cite) -> Self {
        let seen = (dropped.to, cite);
        let mut drops = Self {
            by: dropped.by,
            lost: 0,
            of: 0,
            since: dropped.from,
            last: dropped.to,
            detected: None,
            cited: [seen, seen],
        };
        drops.add(dropped, cite);
        drops
    }

    pub(super) fn add(&mut self, dropped: &Dropped, cite: Cite) {
        self.lost = self.lost.saturating_add(dropped.lost);
        self.of = self.of.saturating_add(dropped.of);
        self.last = self.last.max(dropped.to);
        self.cited[1] = (dropped.to, cite);
        if self.lost >= LOST_MIN && self.lost.saturating_mul(SHARE_MIN) >= self.of {
            self.detected = self.detected.or(Some(dropped.to));
        }
    }

    /// Whether what is dropped at `at` belongs to it.
    pub(super) fn goes_on(&self, at: Time) -> bool {
        at - self.last < QUIET
    }

    /// When it was over, as of `now`.
    #[must_use]
    pub fn ended(&self, now: Time) -> Option<Time> {
        (!self.goes_on(now)).then_some(self.last)
    }
}

/// Fewer are not worth a word.
const LOST_MIN: u64 = 10;
/// One in so many is.
const SHARE_MIN: u64 = 1_000;
/// What is dropped after so long is another matter.
const QUIET: Span = Span::seconds(60);
