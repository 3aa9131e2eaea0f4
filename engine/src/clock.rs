//! The one clock of a replay: packet time, made monotonic.
//!
//! ```text
//! frame stamps   10.2  10.9  11.1  10.8  14.0          40.0
//! clock          10.2  10.9  11.1  11.1  14.0          40.0      the running maximum
//! events                     Tick 11     Tick 14       Gap 14.0-40.0, Tick 40
//! ```
//!
//! A *tick* comes with the first frame at or past a whole second. Time that no
//! input covers, or in which nothing arrived from any source for more than
//! [`SILENCE`], is a *gap*: nobody watched, so nobody was absent. A leap of more
//! than [`LEAP`] inside one input, or stamps that stay more than [`BEHIND`] behind
//! the clock, are no time at all but a broken clock, and the clock is based anew.

use spanwatch_parsers::{Span, Time};

/// What the next frame means for time, to be heeded before the frame itself, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Each variant says what its fields are.
pub enum Moment {
    /// Stamps leapt inside one input: `from` is the clock before, `to` the new base.
    Leap { from: Time, to: Time },
    /// Nothing was captured between the two.
    Gap { from: Time, to: Time, why: GapReason },
    /// A whole second of the clock is over: every frame before it has been seen.
    Tick(Time),
    /// It is `at` where we listen, and nothing has been captured since `since`. Said while it lasts, by a live capture alone.
    Blind { since: Time, at: Time, why: GapReason },
    /// Frames did not reach us, and were counted.
    Dropped(Dropped),
}

/// Frames that did not reach us, by the count of who dropped them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Since when.
    pub from: Time,
    /// Until when.
    pub to: Time,
    /// Whose they were.
    pub by: Dropper,
    /// How many.
    pub lost: u64,
    /// Of so many, these among them.
    pub of: u64,
}

/// Who drops frames on their way to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropper {
    /// The capturing machine, or its port.
    Machine,
    /// The mirror, or its tunnel's way: it numbers its copies.
    Mirror,
}

/// Why nothing was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapReason {
    /// No input covers that time.
    BetweenInputs,
    /// An input covers it, and nothing arrived from any source.
    Silence,
    /// No port that we listen on had a link.
    PortDown,
    /// Too much was dropped by the capturing machine, or on the mirror's way to it.
    Dropped(Dropper),
}

/// Packet time over all inputs.
#[derive(Debug, Default)]
pub struct Clock {
    now: Option<Time>,
    /// The last moment of the second that it lies in.
    second_ends: Time,
    /// The stamp of the last frame of each input.
    last_of_input: Vec<Option<Time>>,
    /// Inputs that have begun and not ended.
    open: Vec<bool>,
    /// Whether some input was open ever since the last frame.
    is_covered: bool,
    /// Whether the last input that closed did so because its port went down.
    is_port_down: bool,
    /// Whether a filter leaves frames out, so that silence says nothing.
    is_filtered: bool,
    /// Frames in a row whose stamps lie far behind the clock.
    behind: u32,
}

impl Clock {
    /// A clock that has seen nothing. Of a capture that `is_filtered` silence says nothing.
    #[must_use]
    pub fn new(is_filtered: bool) -> Self {
        Self { is_filtered, ..Self::default() }
    }

    /// Says that `input` covers time from here on.
    pub fn input_opened(&mut self, input: u32) {
        let index = input as usize;
        if self.open.len() <= index {
            self.open.resize(index + 1, false);
            self.last_of_input.resize(index + 1, None);
        }
        self.open[index] = true;
    }

    /// Says that `input` has no more frames.
    pub fn input_ended(&mut self, input: u32) {
        if let Some(open) = self.open.get_mut(input as usize) {
            *open = false;
        }
        self.is_port_down = false;
        self.is_covered &= self.open.contains(&true);
    }

    /// Says that the port behind `input` has no link until it is opened again.
    pub fn input_down(&mut self, input: u32) {
        self.input_ended(input);
        self.is_port_down = true;
    }

    /// Says that frames of `input` are missing before its next one: it is no witness of that time.
    pub fn input_damaged(&mut self, input: u32) {
        let mut inputs = self.open.iter().enumerate();
        self.is_covered &= inputs.any(|(index, is_open)| *is_open && index != input as usize);
    }

    /// Takes the stamp of the next frame and adds to `moments` what it means.
    #[inline]
    pub fn frame(&mut self, at: Time, input: u32, moments: &mut Vec<Moment>) {
        let last = self.last_of_input.get_mut(input as usize);
        if let (Some(now), Some(last)) = (self.now, last)
            && self.is_covered
            && now <= at
            && at <= self.second_ends
        {
            // Nearly all frames: time goes on, and within a second.
            (*last, self.now, self.behind) = (Some(at), Some(at), 0);
        } else {
            self.notable_frame(at, input, moments);
        }
    }

    fn notable_frame(&mut self, at: Time, input: u32, moments: &mut Vec<Moment>) {
        let index = input as usize;
        if self.last_of_input.len() <= index {
            self.input_opened(input);
        }
        let Some(now) = self.now else {
            self.set(at);
            self.last_of_input[index] = Some(at);
            self.is_covered = true;
            return;
        };
        let before = self.last_of_input[index].replace(at);
        let leapt = before.is_some_and(|before| (at - before).0.unsigned_abs() > LEAP.0.unsigned_abs());
        if leapt && (at - now).0.unsigned_abs() > LEAP.0.unsigned_abs() {
            moments.push(Moment::Leap { from: now, to: at });
            self.set(at);
            self.is_covered = true;
            return;
        }
        // One stamp behind the clock is a wrong stamp; many in a row show that the clock is wrong:
        // it was set back, or a wrong stamp had moved it forwards.
        self.behind = if now - at > BEHIND { self.behind.saturating_add(1) } else { 0 };
        if self.behind >= BEHIND_FRAMES {
            moments.push(Moment::Leap { from: now, to: at });
            self.set(at);
            (self.is_covered, self.behind) = (true, 0);
            return;
        }
        if let Some(why) = self.blindness(at - now) {
            moments.push(Moment::Gap { from: now, to: at, why });
        }
        if at > self.second_ends {
            moments.push(Moment::Tick(at.floor_second()));
        }
        self.set(now.max(at));
        self.is_covered = true;
    }

    /// Says that it is `at` where we listen, and that every frame stamped before has been told.
    ///
    /// Time goes on only with frames: who is absent while nothing comes from anybody is nobody's to say. Of a capture
    /// that is filtered it goes on, for there silence is the filter's.
    pub fn passed(&mut self, at: Time, moments: &mut Vec<Moment>) {
        let Some(now) = self.now else { return };
        if let Some(why) = self.blindness(at - now) {
            moments.push(Moment::Blind { since: now, at, why });
        } else if self.is_filtered && self.is_covered && at > self.second_ends {
            moments.push(Moment::Tick(at.floor_second()));
            self.set(at.floor_second());
        }
    }

    /// Says that the clock of the machine we listen on was set, and how far.
    pub fn stepped(&mut self, by: Span, moments: &mut Vec<Moment>) {
        let Some(now) = self.now else { return };
        let to = now + by;
        moments.push(Moment::Leap { from: now, to });
        self.set(to);
        self.behind = 0;
        self.last_of_input.fill(None);
    }

    fn set(&mut self, now: Time) {
        self.now = Some(now);
        self.second_ends = now.floor_second() + Span(Span::seconds(1).0 - 1);
    }

    /// Why nobody watched, where nothing was captured for so long that it must be said.
    fn blindness(&self, passed: Span) -> Option<GapReason> {
        match (self.is_covered, self.is_port_down) {
            (true, _) => (passed > SILENCE && !self.is_filtered).then_some(GapReason::Silence),
            (false, true) => (passed > HOLE).then_some(GapReason::PortDown),
            (false, false) => (passed > HOLE).then_some(GapReason::BetweenInputs),
        }
    }

    /// The running maximum; `None` before the first frame.
    #[must_use]
    pub const fn now(&self) -> Option<Time> {
        self.now
    }
}

/// Stamps of one input this far apart are a broken clock, not time passing.
pub const LEAP: Span = Span::seconds(86_400);

/// Stamps this far behind the clock are not frames out of order: who captures from several interfaces empties the
/// buffer of each once a second at least (libpcap's packet buffer timeout).
pub const BEHIND: Span = Span::seconds(2);

/// So many of them in a row, and the clock is wrong rather than they.
const BEHIND_FRAMES: u32 = 16;

/// Nothing from any source for longer than this is time in which we were blind.
pub const SILENCE: Span = Span::seconds(10);

/// Between two inputs, less than this is the ordinary distance of two frames of a rotated capture.
pub const HOLE: Span = Span::seconds(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> Time {
        Time(ms * 1_000_000)
    }

    fn moments(frames: &[(i64, u32)]) -> Vec<Moment> {
        let (mut clock, mut out) = (Clock::new(false), Vec::new());
        for &(at, input) in frames {
            clock.frame(ms(at), input, &mut out);
        }
        out
    }

    #[test]
    fn a_tick_comes_with_the_first_frame_past_a_whole_second() {
        assert_eq!(
            moments(&[(10_200, 0), (10_900, 0), (11_100, 0), (10_800, 0), (11_900, 0), (14_000, 0)]),
            [Moment::Tick(ms(11_000)), Moment::Tick(ms(14_000))]
        );
    }

    #[test]
    fn silence_of_everything_is_a_gap_before_the_tick() {
        let gap = Moment::Gap { from: ms(1_000), to: ms(12_000), why: GapReason::Silence };
        assert_eq!(moments(&[(1_000, 0), (12_000, 0)]), [gap, Moment::Tick(ms(12_000))]);
    }

    #[test]
    fn what_a_filter_leaves_out_is_no_silence() {
        let (mut clock, mut out) = (Clock::new(true), Vec::new());
        clock.frame(ms(1_000), 0, &mut out);
        clock.frame(ms(60_000), 0, &mut out);
        assert_eq!(out, [Moment::Tick(ms(60_000))]);
    }

    #[test]
    fn ten_quiet_seconds_are_not_a_gap() {
        assert_eq!(moments(&[(1_000, 0), (11_000, 0)]), [Moment::Tick(ms(11_000))]);
    }

    #[test]
    fn a_hole_between_two_inputs_is_not_silence() {
        let mut clock = Clock::new(false);
        let mut out = Vec::new();
        clock.frame(ms(1_000), 0, &mut out);
        clock.input_ended(0);
        clock.input_opened(1);
        clock.frame(ms(4_500), 1, &mut out);
        let gap = Moment::Gap { from: ms(1_000), to: ms(4_500), why: GapReason::BetweenInputs };
        assert_eq!(out, [gap, Moment::Tick(ms(4_000))]);
    }

    #[test]
    fn a_rotated_capture_has_no_hole() {
        let mut clock = Clock::new(false);
        let mut out = Vec::new();
        clock.frame(ms(1_100), 0, &mut out);
        clock.input_ended(0);
        clock.input_opened(1);
        clock.frame(ms(1_300), 1, &mut out);
        assert_eq!(out, []);
    }

    #[test]
    fn an_input_that_stays_open_covers_the_hole_of_another() {
        let mut clock = Clock::new(false);
        let mut out = Vec::new();
        clock.frame(ms(1_000), 0, &mut out);
        clock.frame(ms(1_001), 1, &mut out);
        clock.input_ended(0);
        clock.frame(ms(8_000), 1, &mut out);
        assert_eq!(out, [Moment::Tick(ms(8_000))]);
    }

    #[test]
    fn a_clock_that_was_set_back_an_hour_is_based_anew_after_some_frames() {
        let hour = 3_600_000;
        let mut frames = vec![(2 * hour, 0)];
        frames.extend((0..20).map(|n| (hour + n * 100, 0)));
        let out = moments(&frames);
        let leap = Moment::Leap { from: ms(2 * hour), to: ms(hour + 1_500) };
        assert_eq!(out, [leap]);
    }

    #[test]
    fn a_clock_that_was_set_back_three_seconds_is_based_anew_and_stamps_out_of_order_are_not() {
        let set_back = |by: i64, in_a_row: i64| {
            let frames: Vec<_> =
                (0..60).map(|n| (10_000 + n * 10 - if n % in_a_row == 0 { 0 } else { by }, 0)).collect();
            moments(&frames).iter().filter(|moment| matches!(moment, Moment::Leap { .. })).count()
        };
        assert_eq!([set_back(3_000, 60), set_back(3_000, 8), set_back(1_500, 60)], [1, 0, 0]);
    }

    #[test]
    fn one_wrong_stamp_moves_the_clock_and_the_next_move_it_back() {
        let hour = 3_600_000;
        let mut frames = vec![(0, 0), (22 * hour, 0)];
        frames.extend((1..40).map(|n| (n * 100, 0)));
        let out = moments(&frames);
        assert!(matches!(out[0], Moment::Gap { .. }));
        assert_eq!(out[2], Moment::Leap { from: ms(22 * hour), to: ms(1_600) });
        assert_eq!(out[3], Moment::Tick(ms(2_000)));
    }

    #[test]
    fn silence_is_said_while_it_lasts_and_moves_nothing() {
        let (mut clock, mut out) = (Clock::new(false), Vec::new());
        clock.frame(ms(1_000), 0, &mut out);
        clock.passed(ms(11_000), &mut out);
        assert_eq!(out, []);
        clock.passed(ms(12_000), &mut out);
        clock.frame(ms(13_500), 0, &mut out);
        let blind = Moment::Blind { since: ms(1_000), at: ms(12_000), why: GapReason::Silence };
        let gap = Moment::Gap { from: ms(1_000), to: ms(13_500), why: GapReason::Silence };
        assert_eq!(out, [blind, gap, Moment::Tick(ms(13_000))]);
    }

    #[test]
    fn behind_a_filter_time_goes_on_without_frames() {
        let (mut clock, mut out) = (Clock::new(true), Vec::new());
        clock.frame(ms(1_200), 0, &mut out);
        clock.passed(ms(30_100), &mut out);
        clock.frame(ms(30_050), 0, &mut out);
        assert_eq!(out, [Moment::Tick(ms(30_000))]);
    }

    #[test]
    fn a_port_without_a_link_covers_no_time() {
        let (mut clock, mut out) = (Clock::new(false), Vec::new());
        clock.frame(ms(1_000), 0, &mut out);
        clock.input_down(0);
        clock.passed(ms(3_000), &mut out);
        clock.input_opened(0);
        clock.frame(ms(5_500), 0, &mut out);
        let why = GapReason::PortDown;
        let blind = Moment::Blind { since: ms(1_000), at: ms(3_000), why };
        let gap = Moment::Gap { from: ms(1_000), to: ms(5_500), why };
        assert_eq!(out, [blind, gap, Moment::Tick(ms(5_000))]);
    }

    #[test]
    fn a_clock_that_is_known_to_be_set_leaps_once_and_no_silence_comes_of_it() {
        for by in [-3_600_000, 7_200_000] {
            let (mut clock, mut out) = (Clock::new(false), Vec::new());
            let start = 4_000_000;
            clock.frame(ms(start), 0, &mut out);
            clock.stepped(Span(by * 1_000_000), &mut out);
            (1..20).for_each(|n| clock.frame(ms(start + by + n), 0, &mut out));
            assert_eq!(out, [Moment::Leap { from: ms(start), to: ms(start + by) }]);
        }
    }

    #[test]
    fn a_leap_of_more_than_a_day_bases_the_clock_anew_both_ways() {
        let day = 86_400_000;
        let up = Moment::Leap { from: ms(1_000), to: ms(3 * day) };
        let down = Moment::Leap { from: ms(3 * day), to: ms(1_500) };
        assert_eq!(
            moments(&[(1_000, 0), (3 * day, 0), (1_500, 0), (2_000, 0)]),
            [up, down, Moment::Tick(ms(2_000))]
        );
    }
}
