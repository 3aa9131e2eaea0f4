//! `mirror-lost`: everything fell silent at once, so our own view is in doubt.
//!
//! ## What it says
//! Several devices were heard steadily for half a minute, and then nothing at all from any source, inside
//! one input, for more than 10 s and three times the longest silence before. While it lasts
//! nothing is called offline, and the availability of every device is unknown. The next frame ends it;
//! silence that comes again is counted.
//!
//! ## Why it matters
//! A mirror session that was removed, a pulled cable or a switch without power looks like
//! the end of the world; it says nothing about a single device.
//!
//! ## Where it is wrong
//! Where all traffic really stopped: a lab that was switched off, a capture of a single
//! conversation that paused for the first time.
//!
//! ## State
//! The seconds of the last half minute in which something was heard, and the longest silence.

use std::collections::VecDeque;

use spanwatch_parsers::{Span, Time};

use crate::clock::SILENCE;
use crate::finding::{Cause, Evidence, Finding, Kind, Owner, Severity, id};
use crate::observation::Cite;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-lost",
    category: "capture",
    severity: Severity::High,
    source: include_str!("mirror_lost.rs"),
    start: None,
};

/// How busy the last half minute was, and when nothing came.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Seconds in which something was heard, the latest last, and how many sent something.
    seconds: VecDeque<(Time, usize)>,
    longest: Span,
    /// The last frame heard.
    last: Cite,
    losses: Vec<Loss>,
    count: u64,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    from: Time,
    to: Time,
    last: Cite,
}

impl Pulse {
    /// Says that `senders` were heard in the second that ends at `tick`, `last` the last frame of them.
    pub fn heard(&mut self, tick: Time, senders: usize, last: Cite) {
        if let Some((before, _)) = self.seconds.back() {
            self.longest = self.longest.max(tick - *before);
        }
        self.seconds.push_back((tick, senders));
        self.last = last;
        while self.seconds.len() > WINDOW_S {
            self.seconds.pop_front();
        }
    }

    /// Judges a time without any frame.
    pub fn silent(&mut self, from: Time, to: Time) {
        let recent = self.seconds.iter().filter(|(second, _)| *second >= from - WINDOW);
        let is_steady = recent.clone().count() >= BUSY_S;
        let is_shared = recent.clone().any(|(_, senders)| *senders >= SENDERS_MIN);
        if is_steady && is_shared && to - from > self.longest.times(LONGEST_TIMES) {
            self.count = self.count.saturating_add(1);
            if self.losses.len() < LOSSES_SHOWN {
                self.losses.push(Loss { from, to, last: self.last });
            } else if let Some(last) = self.losses.last_mut() {
                *last = Loss { from, to, last: self.last };
            }
        } else {
            self.longest = self.longest.max(to - from);
        }
        self.seconds.clear();
    }

    /// Says that the clock leapt: what was before cannot be compared.
    pub fn restart(&mut self) {
        self.seconds.clear();
    }

    /// What it amounts to.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let (first, last) = (self.losses.first()?, self.losses.last()?);
        let (since, until) = (clock_time(first.from), clock_time(first.to));
        let lasted = length(first.to - first.from);
        let again = match self.count {
            1 => String::new(),
            count => format!(" It happened {count} times, the last time until {} UTC.", clock_time(last.to)),
        };
        Some(Finding {
            id: id(KIND.id, "", first.from),
            kind: &KIND,
            severity: KIND.severity,
            confidence: 80,
            owner: Owner::It,
            first_check: None,
            dispatch: Some("no"),
            devices: Vec::new(),
            switch: None,
            cause: Some(Cause::Mirror),
            alternatives: Vec::new(),
            revisions: Vec::new(),
            supersedes: Vec::new(),
            title: format!("The mirror port was silent from {since} to {until} UTC"),
            summary: format!(
                "Spanwatch saw nothing at all from {since} to {until} UTC ({lasted}), most likely because its own connection failed: whether the cameras ran is unknown for that time.{again} It is IT's turn: check the mirror port."
            ),
            detail: format!(
                "No frame from any source for {lasted}, after steady traffic. A removed SPAN session, the capture port's link, or the switch itself."
            ),
            remedy: "Check the SPAN session and the capture port's link on the switch, and the capture host's log."
                .to_owned(),
            verify: "Frames arrive again, and broadcast, unicast and both directions are among them.".to_owned(),
            evidence: self
                .losses
                .iter()
                .map(|loss| Evidence {
                    at: loss.from,
                    cite: Some(loss.last),
                    protocol: None,
                    text: format!("last frame before everything fell silent for {}", length(loss.to - loss.from)),
                })
                .collect(),
            first_seen: first.from,
            detected: first.from + SILENCE,
            last_seen: last.to,
            ended: Some(last.to),
            count: self.count,
        })
    }
}

/// What is looked back on.
const WINDOW: Span = Span::seconds(30);
/// The same in seconds.
const WINDOW_S: usize = 30;
/// So many of them with traffic make silence strange.
const BUSY_S: usize = 20;
/// A single conversation may pause; so many senders do not pause at once.
const SENDERS_MIN: usize = 3;
/// Silence so many times the longest before it is strange.
const LONGEST_TIMES: i64 = 3;
/// Losses that are cited; the last of all is always among them.
const LOSSES_SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn pulse(seconds: impl Iterator<Item = i64>, senders: usize) -> Pulse {
        let mut pulse = Pulse::default();
        seconds.for_each(|at| pulse.heard(s(at), senders, Cite::default()));
        pulse
    }

    #[test]
    fn silence_after_steady_traffic_is_the_mirror() {
        let mut pulse = pulse(1..=40, 5);
        pulse.silent(s(40), s(100));
        let finding = pulse.finding().unwrap();
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(40), s(50), Some(s(100))));
    }

    #[test]
    fn silence_of_a_quiet_network_or_of_one_conversation_is_nothing() {
        for mut pulse in [pulse((1..=40).map(|at| at * 5), 5), pulse(1..=40, 2)] {
            pulse.silent(s(200), s(300));
            assert!(pulse.finding().is_none());
        }
    }

    #[test]
    fn silence_no_longer_than_thrice_the_longest_before_is_nothing() {
        let mut pulse = pulse((1..=10).chain(16..=45), 5);
        pulse.silent(s(45), s(62));
        assert!(pulse.finding().is_none());
    }

    #[test]
    fn what_happens_again_is_counted_in_one_finding() {
        let mut pulse = pulse(1..=40, 5);
        pulse.silent(s(40), s(100));
        (101..=140).for_each(|at| pulse.heard(s(at), 5, Cite::default()));
        pulse.silent(s(140), s(200));
        let finding = pulse.finding().unwrap();
        assert_eq!((finding.count, finding.ended), (2, Some(s(200))));
    }
}
