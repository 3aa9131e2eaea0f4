//! `switching-loop`: frames circle in the network.
//!
//! ## What it says
//! The same frames of two senders and more came again and again, unchanged, in two seconds at least: one frame for longer than a
//! mirror takes to copy it, or far more often than this mirror ever showed one while it copied everything else
//! as before. Named are how many and whose. Thirty seconds without end it.
//!
//! ## Why it matters
//! A cable that joins two switch ports in a circle sends every broadcast round without end. Within seconds nothing
//! else gets through, and every device behind these switches seems dead.
//!
//! ## Where it is wrong
//! A mirror that shows a frame once for each of many ports copies each the same number of times within some
//! milliseconds, and is learned. One device that sends the same frame without pause is `broadcast-storm`. What a
//! mirror on one side of the loop does not show is not seen.
//!
//! ## State
//! What came again in the running second, by `SENDERS_MAX` senders; the mirror's habit; `LOOPS_MAX` loops.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, Mac, Span, Time};

use super::{Detector, Known, in_vlan};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "switching-loop",
    category: "network",
    severity: Severity::Critical,
    source: include_str!("switching_loop.rs"),
    start: Some(|| Box::new(Loops::default())),
};

/// A mirror's own copies of one frame are over after this time: the delay that is learned of it stays below.
const COPIES_OVER: Span = Span::millis(100);
/// One frame came again so often.
const MOST_MIN: u32 = 16;
/// So many times the most that this mirror showed of one frame.
const HABIT_TIMES: u32 = 4;
/// Seconds after which the mirror's habit is known.
const HABIT_S: u32 = 10;
/// Seconds at least, none of them further from the next than this.
const SECONDS_MIN: u32 = 2;
const APART: Span = Span::seconds(60);
/// Senders at least: one alone may send the same frame on purpose.
const SENDERS_MIN: usize = 2;
/// Seconds without that end it.
const QUIET: Span = Span::seconds(30);
/// Senders told apart.
const SENDERS_MAX: usize = 64;
/// Loops kept.
const LOOPS_MAX: usize = 256;
/// Of several senders, for longer than any mirror copies, in per cent.
const ENDLESS: u8 = 95;
/// Of several senders, far more often than this mirror's habit, in per cent.
const UNUSUAL: u8 = 75;

#[derive(Debug, Clone, Copy)]
struct Circling {
    again: u64,
    vlan: Option<u16>,
    first: (Time, Cite),
    last: (Time, Cite),
}

#[derive(Debug, Default)]
struct Second {
    again: u64,
    frames: u64,
    most: u32,
    lasting: Span,
    /// All copies, and those of frames to one device among them.
    copies: u64,
    senders: BTreeMap<Mac, Circling>,
}

#[derive(Debug)]
struct Loop {
    since: Time,
    detected: Time,
    last: Time,
    /// From when on the quiet is measured.
    quiet_from: Time,
    ended: Option<Time>,
    is_open: bool,
    is_endless: bool,
    seconds: u32,
    again: u64,
    frames: u64,
    first_rate: u64,
    peak: u64,
    most: u32,
    lasting: Span,
    habit: u32,
    senders: BTreeMap<Mac, Circling>,
}

/// What circles, and what did before.
///
/// ```text
/// usual ──second in which frames return──► suspect ──SECONDS_MIN, SENDERS_MIN──► loop ──QUIET without──► over
///                                             └──APART without──► usual
/// ```
#[derive(Debug, Default)]
pub struct Loops {
    second: Second,
    /// The most of one frame, copies of frames to one device a second, and seconds it was learned in.
    habit: (u32, u64, u32),
    /// The last one is suspect or on.
    loops: Vec<Loop>,
}

impl Loops {
    fn judge(&mut self, to: Time) {
        let second = std::mem::take(&mut self.second);
        let (most, unicast, seconds) = self.habit;
        let others = second.copies.saturating_sub(second.again);
        let is_endless = second.lasting > COPIES_OVER;
        let is_unusual = seconds >= HABIT_S
            && second.most >= most.saturating_mul(HABIT_TIMES)
            && others <= unicast.saturating_mul(2).saturating_add(COPIES_FEW);
        if second.most >= MOST_MIN && (is_endless || is_unusual) {
            self.circles(&second, is_endless);
        } else {
            self.habit = (most.max(second.most), unicast.max(others), seconds.saturating_add(1));
        }
        let is_over = |it: &Loop| it.is_open && it.quiet_from + QUIET <= to;
        if let Some(last) = self.loops.last_mut().filter(|it| it.ended.is_none()) {
            if is_over(last) {
                last.ended = Some(last.last);
            } else if !last.is_open && last.quiet_from + APART <= to {
                self.loops.pop();
            }
        }
    }

    fn circles(&mut self, second: &Second, is_endless: bool) {
        if self.loops.last().is_none_or(|last| last.ended.is_some()) {
            if self.loops.len() >= LOOPS_MAX {
                return;
            }
            self.loops.push(Loop::new(second, self.habit.0));
        }
        if let Some(last) = self.loops.last_mut() {
            last.add(second, is_endless);
        }
    }
}

impl Detector for Loops {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Copies { .. } | Fact::Returning(_))
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        match &seen.fact {
            Fact::Copies { count, .. } => self.second.copies = self.second.copies.saturating_add(*count),
            Fact::Returning(it) => {
                let second = &mut self.second;
                second.again = second.again.saturating_add(it.again);
                second.frames = second.frames.saturating_add(it.frames.into());
                second.most = second.most.max(it.most);
                second.lasting = second.lasting.max(it.lasting);
                let Some(mac) = seen.subject.mac.filter(|_| it.most >= MOST_MIN) else { return };
                let sight = (it.last, seen.cite);
                let circling =
                    Circling { again: it.again, vlan: seen.subject.vlan, first: sight, last: sight };
                add(&mut second.senders, mac, circling);
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.judge(to);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.second = Second::default();
        if let Some(last) = self.loops.last_mut().filter(|it| it.ended.is_none()) {
            last.quiet_from = last.quiet_from + (to - from);
            if !last.is_open {
                self.loops.pop();
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.loops.iter().filter(|it| it.is_open).map(|it| it.finding(known)).collect()
    }
}

impl Loop {
    fn new(first: &Second, habit: u32) -> Self {
        let since = first.senders.values().map(|it| it.first.0).min().unwrap_or(Time::MAX);
        Self {
            since: since - first.lasting,
            detected: since,
            last: since,
            quiet_from: since,
            ended: None,
            is_open: false,
            is_endless: false,
            seconds: 0,
            again: 0,
            frames: 0,
            first_rate: first.again,
            peak: 0,
            most: 0,
            lasting: Span::ZERO,
            habit,
            senders: BTreeMap::new(),
        }
    }

    fn add(&mut self, second: &Second, is_endless: bool) {
        let last = second.senders.values().map(|it| it.last.0).max();
        self.last = last.map_or(self.last, |last| self.last.max(last));
        self.quiet_from = self.last;
        self.is_endless |= is_endless;
        self.seconds = self.seconds.saturating_add(1);
        self.again = self.again.saturating_add(second.again);
        self.frames = self.frames.saturating_add(second.frames);
        self.peak = self.peak.max(second.again);
        self.most = self.most.max(second.most);
        self.lasting = self.lasting.max(second.lasting);
        for (mac, circling) in &second.senders {
            add(&mut self.senders, *mac, *circling);
        }
        if !self.is_open && self.seconds >= SECONDS_MIN && self.senders.len() >= SENDERS_MIN {
            (self.is_open, self.detected) = (true, self.last);
        }
    }

    fn finding(&self, known: &Known<'_>) -> Finding {
        let since = clock_time(self.since);
        let mut senders: Vec<(&Mac, &Circling)> = self.senders.iter().collect();
        senders.sort_by_key(|(mac, it)| (std::cmp::Reverse(it.again), **mac));
        let vlans: Vec<Option<u16>> = senders.iter().map(|(_, it)| it.vlan).collect();
        let vlan = vlans.first().copied().flatten().filter(|_| vlans.windows(2).all(|two| two[0] == two[1]));
        let at_vlan = in_vlan(vlan);
        let named: Vec<String> = senders.iter().take(NAMED).map(|(mac, _)| known.bearer(**mac).1).collect();
        let is_over = self
            .ended
            .map_or_else(String::new, |_| format!(" It was over after {}.", length(self.last - self.since)));
        let most = if self.most >= MOST_TOLD { "more than 65,000".to_owned() } else { self.most.to_string() };
        let why = if self.is_endless {
            format!("one frame went on coming for {}, which no mirror does", length(self.lasting))
        } else {
            format!("this mirror showed a frame {} times at most before", self.habit.saturating_add(1))
        };
        let rate = if self.peak > self.first_rate {
            format!("{} a second at first, {} at most", self.first_rate, self.peak)
        } else {
            format!("up to {} a second", self.peak)
        };
        Finding {
            confidence: if self.is_endless { ENDLESS } else { UNUSUAL },
            title: format!("Messages circle in the network{at_vlan} since {since} UTC"),
            summary: format!(
                "Since {since} UTC the same messages come by again and again{at_vlan}: somewhere two network sockets or switch ports are joined in a circle. Soon nothing else gets through, and cameras seem dead that are fine.{is_over} It is IT's turn: find the cable that was plugged in last."
            ),
            detail: format!(
                "Frames to broadcast or groups of {} senders returned {} times{at_vlan}, {rate}; one of them {most} times with the same TTL. It is a loop and no mirror copy: {why}. Senders: {}.",
                senders.len(),
                self.again,
                named.join("; ")
            ),
            remedy: "Look for the pair of ports on which the switch's MAC table flaps (log: MAC flapping, loop detected), unplug one of them, then turn on spanning tree, BPDU guard and loop detection on access ports. Small switches without spanning tree under desks are the usual place.".to_owned(),
            verify: "Each broadcast is seen once again; after thirty seconds this finding gets an end.".to_owned(),
            evidence: senders
                .iter()
                .take(NAMED)
                .map(|(mac, it)| Evidence {
                    at: it.last.0,
                    cite: Some(it.last.1),
                    protocol: None,
                    text: format!("a frame of {mac} comes by again, one of {} sights", it.again),
                })
                .collect(),
            last_seen: self.last,
            ended: self.ended,
            count: self.again,
            cause: Some(Cause::Link),
            ..Finding::of_network(&KIND, "", self.since, self.detected)
        }
    }
}

fn add(to: &mut BTreeMap<Mac, Circling>, mac: Mac, circling: Circling) {
    let has_room = to.len() < SENDERS_MAX;
    match to.get_mut(&mac) {
        Some(known) => {
            known.again = known.again.saturating_add(circling.again);
            known.first = known.first.min(circling.first);
            known.last = known.last.max(circling.last);
        }
        None if has_room => {
            to.insert(mac, circling);
        }
        None => {}
    }
}

/// Copies a second that say nothing.
const COPIES_FEW: u64 = 10;
/// From here on the count of one frame stands still.
const MOST_TOLD: u32 = 65_535;
/// Senders named and cited.
const NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, s};
    use super::*;

    /// A healthy half minute, then seconds in which frames of `senders` come again.
    fn looped(seconds: i64, senders: u8, most: u32, lasting: Span) -> Bench {
        let mut bench = Bench::new();
        (1..=30).for_each(|n| bench.tick(s(n)));
        for n in 31..31 + seconds {
            for sender in 1..=senders {
                bench.returns(s(n), mac(sender), most, lasting);
            }
            bench.tick(s(n));
        }
        bench
    }

    #[test]
    fn frames_of_several_that_come_without_end_are_a_loop() {
        let bench = looped(3, 2, 5_000, Span::seconds(1));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.last_seen), (s(30), s(32), s(33)));
        assert_eq!((finding.confidence, finding.count, finding.evidence.len()), (ENDLESS, 120_000, 2));
        assert_eq!(finding.evidence[0].cite, Some(cite(s(33))));
    }

    #[test]
    fn thirty_quiet_seconds_end_it() {
        let mut bench = looped(3, 2, 5_000, Span::seconds(1));
        bench.tick(s(63));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(33)));
    }

    #[test]
    fn far_more_copies_than_this_mirror_makes_are_one_too() {
        assert_eq!(looped(3, 2, 40, Span::millis(20)).of(&KIND)[0].confidence, UNUSUAL);
    }

    #[test]
    fn one_second_one_sender_or_few_copies_are_none() {
        for bench in [
            looped(1, 3, 5_000, Span::seconds(1)),
            looped(9, 1, 5_000, Span::seconds(9)),
            looped(9, 3, 12, Span::millis(20)),
        ] {
            assert!(bench.of(&KIND).is_empty());
        }
    }

    #[test]
    fn a_mirror_of_many_ports_is_known_by_its_habit() {
        let mut bench = Bench::new();
        for n in 1..600 {
            for sender in 1..9 {
                bench.returns(s(n), mac(sender), 47 + n as u32 % 3, Span::millis(60));
            }
            bench.tick(s(n));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_mirror_that_got_more_ports_copies_everything_more_often() {
        let mut bench = Bench::new();
        for n in 1..600 {
            if n > 100 {
                bench.returns(s(n), mac(1), 47, Span::millis(1));
                bench.returns(s(n), mac(2), 47, Span::millis(1));
                let nobody = crate::observation::Party::default();
                bench.sees(s(n), nobody, nobody, Fact::Copies { count: 8_000, most: 47 });
            }
            bench.tick(s(n));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn blind_time_joins_no_seconds() {
        let mut bench = looped(1, 2, 5_000, Span::seconds(1));
        bench.unwatched(s(31), s(35));
        bench.returns(s(36), mac(1), 5_000, Span::seconds(1));
        bench.returns(s(36), mac(2), 5_000, Span::seconds(1));
        bench.tick(s(36));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn one_long_jump_says_the_same_as_many_ticks() {
        let (mut jump, mut ticks) = (looped(3, 2, 90, Span::seconds(1)), looped(3, 2, 90, Span::seconds(1)));
        jump.tick(s(900));
        (34..=900).for_each(|n| ticks.tick(s(n)));
        assert_eq!(jump.of(&KIND)[0].ended, ticks.of(&KIND)[0].ended);
    }

    #[test]
    fn state_is_bounded() {
        let mut loops = Loops::default();
        for n in 0..1_000_i64 {
            for k in 0..3 {
                for sender in 0..200 {
                    let sight = (s(n * 100 + k), Cite::default());
                    let circling = Circling { again: 99, vlan: None, first: sight, last: sight };
                    add(&mut loops.second.senders, mac(sender), circling);
                }
                (loops.second.most, loops.second.lasting) = (999, Span::seconds(2));
                loops.judge(s(n * 100 + k));
            }
            loops.judge(s(n * 100 + 50));
        }
        assert_eq!(loops.loops.len(), LOOPS_MAX);
        assert!(loops.loops.iter().all(|it| it.senders.len() <= SENDERS_MAX && it.is_open));
    }
}
