//! The machine's clocks: [`Clocks`] notices that the wall clock was set, and that the machine slept.
//!
//! ```text
//!                        time goes by   slewed by NTP   set by an hour   asleep for an hour
//! wall (labels)               +1 s         +1.0005 s          +1 h              +1 h
//! since start, sleep too      +1 s          +1 s               0                +1 h
//! since start, awake          +1 s          +1 s               0                 0
//! ```
//!
//! Frames bear the wall clock's time, so do all that is told. Only the difference between two looks counts: what NTP slews
//! (at most 500 parts in a million, `adjtimex(2)`) is never a step.
//!
//! Source: `clock_gettime(2)`: `CLOCK_REALTIME`, `CLOCK_BOOTTIME`, `CLOCK_MONOTONIC`.

use rustix::time::{ClockId, clock_gettime};
use spanwatch_parsers::{Span, Time};

/// What the clocks show at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Since 1970, as frames are stamped.
    pub(super) wall: Time,
    /// Since the machine started, with the time it slept.
    pub(super) running: Time,
    /// Since the machine started, without.
    pub(super) awake: Time,
}

/// What happened to time between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The wall clock was set, so far forwards.
    Set(Span),
    /// The machine slept, so long.
    Slept(Span),
}

/// The clocks as last looked at.
#[derive(Debug)]
pub(super) struct Clocks {
    last: Now,
}

impl Now {
    /// Looks at the clocks.
    pub(super) fn look() -> Self {
        let read = |id| {
            let time = clock_gettime(id);
            Time(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
        };
        Self {
            wall: read(ClockId::Realtime),
            running: read(ClockId::Boottime),
            awake: read(ClockId::Monotonic),
        }
    }
}

impl Clocks {
    /// Begins with what the clocks show.
    pub(super) const fn new(now: Now) -> Self {
        Self { last: now }
    }

    /// Compares with the look before.
    pub(super) fn look(&mut self, now: Now) -> Option<Break> {
        let before = std::mem::replace(&mut self.last, now);
        let ran = now.running - before.running;
        let slept = ran - (now.awake - before.awake);
        let set = now.wall - before.wall - ran;
        if set.0.unsigned_abs() > STEP.0.unsigned_abs() {
            return Some(Break::Set(set));
        }
        (slept > STEP).then_some(Break::Slept(slept))
    }
}

/// A frame's stamp by the clock as it is, where the clock was set by `set` and the frame may have been stamped before.
pub(super) fn restamped(at: Time, set: Span, wall: Time) -> Time {
    let moved = at + set;
    let is_old = (moved - wall).0.unsigned_abs() < (at - wall).0.unsigned_abs();
    if is_old { moved } else { at }
}

/// Less is no step: frames out of order are borne anyway.
const STEP: Span = Span::seconds(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn now(wall_ms: i64, running_ms: i64, awake_ms: i64) -> Now {
        let ms = |ms: i64| Time(ms * 1_000_000);
        Now { wall: ms(wall_ms), running: ms(running_ms), awake: ms(awake_ms) }
    }

    #[test]
    fn time_that_goes_by_or_is_slewed_is_no_break() {
        let mut clocks = Clocks::new(now(1_000_000, 500, 400));
        assert_eq!(clocks.look(now(1_060_000, 60_500, 60_400)), None);
        assert_eq!(clocks.look(now(1_120_030, 120_500, 120_400)), None);
    }

    #[test]
    fn clock_that_is_set_is_told_once_both_ways() {
        let mut clocks = Clocks::new(now(1_000_000, 0, 0));
        assert_eq!(clocks.look(now(4_600_100, 100, 100)), Some(Break::Set(Span::seconds(3_600))));
        assert_eq!(clocks.look(now(4_600_200, 200, 200)), None);
        assert_eq!(clocks.look(now(1_000_300, 300, 300)), Some(Break::Set(Span::seconds(-3_600))));
    }

    #[test]
    fn sleep_is_no_set_clock() {
        let mut clocks = Clocks::new(now(1_000_000, 0, 0));
        assert_eq!(clocks.look(now(4_600_100, 3_600_100, 100)), Some(Break::Slept(Span::seconds(3_600))));
    }

    #[test]
    fn frames_stamped_before_the_clock_was_set_are_moved_and_no_others() {
        let ms = |ms: i64| Time(ms * 1_000_000);
        let hour = Span::seconds(3_600);
        assert_eq!(restamped(ms(1_000_000), hour, ms(4_600_100)), ms(4_600_000));
        assert_eq!(restamped(ms(4_600_050), hour, ms(4_600_100)), ms(4_600_050));
    }
}
