//! `mirror-lost`: everything fell silent at once, so our own view is in doubt.
//!
//! ## What it says
//! Several devices were heard steadily for half a minute, and then nothing at all from any source, inside
//! one input, for more than 10 s and three times the longest silence before; or the port we listen on had no link.
//! While it lasts nothing is called offline, and the availability of every device is unknown. The next frame ends it;
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
    /// What goes on now.
    open: Option<Loss>,
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
        self.open = None;
        if self.is_strange(from, to) {
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

    /// Judges a time without any frame that is not over.
    pub fn silent_so_far(&mut self, from: Time, at: Time) {
        self.open = self.is_strange(from, at).then_some(Loss { from, to: at, last: self.last });
    }

    fn is_strange(&self, from: Time, to: Time) -> bool {
        let recent = self.seconds.iter().filter(|(second, _)| *second >= from - WINDOW);
        let is_steady = recent.clone().count() >= BUSY_S;
        let is_shared = recent.clone().any(|(_, senders)| *senders >= SENDERS_MIN);
        is_steady && is_shared && to - from > self.longest.times(LONGEST_TIMES)
    }

    /// Says that the clock leapt: what was before cannot be compared.
    pub fn restart(&mut self) {
        self.seconds.clear();
    }

    /// What it amounts to.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let losses = || self.losses.iter().chain(&self.open);
        let (first, last) = (losses().next()?, losses().last()?);
        let count = self.count.saturating_add(u64::from(self.open.is_some()));
        let since = clock_time(first.from);
        let is_first_open = self.open.is_some() && count == 1;
        let when = match is_first_open {
            true => format!("since {since} UTC"),
            false => format!("from {since} to {} UTC", clock_time(first.to)),
        };
        let again = match (count, self.open) {
            (1, _) => String::new(),
            (_, None) => {
                format!(" It happened {count} times, the last time until {} UTC.", clock_time(last.to))
            }
            (_, Some(open)) => {
                format!(" It happened {count} times; it is silent since {} UTC.", clock_time(open.from))
            }
        };
        let lasted =
            if is_first_open { String::new() } else { format!(" ({})", length(first.to - first.from)) };
        let evidence = |loss: &Loss| {
            let is_open = self.open.is_some_and(|open| open.from == loss.from);
            let lasted =
                if is_open { String::new() } else { format!(" for {}", length(loss.to - loss.from)) };
            Evidence {
                at: loss.from,
                cite: Some(loss.last),
                protocol: None,
                text: format!("last frame before everything fell silent{lasted}"),
            }
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
            title: format!("The mirror port {} silent {when}", if is_first_open { "is" } else { "was" }),
            summary: format!(
                "Spanwatch {} nothing at all {when}{lasted}, most likely because its own connection failed: whether the cameras ran is unknown for that time.{again} It is IT's turn: check the mirror port.",
                if is_first_open { "sees" } else { "saw" }
            ),
            detail: format!(
                "No frame from any source {}, after steady traffic. A removed SPAN session, the capture port's link, or the switch itself.",
                if is_first_open { when.clone() } else { format!("for {}", length(first.to - first.from)) }
            ),
            remedy: "Check the SPAN session and the capture port's link on the switch, and the capture host's log."
                .to_owned(),
            verify: "Frames arrive again, and broadcast, unicast and both directions are among them.".to_owned(),
            evidence: losses().map(evidence).collect(),
            first_seen: first.from,
            detected: first.from + SILENCE,
            last_seen: last.to,
            ended: self.open.is_none().then_some(last.to),
            count,
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
    fn silence_that_lasts_has_no_end_and_keeps_its_id_when_it_ends() {
        let mut pulse = pulse(1..=40, 5);
        pulse.silent_so_far(s(40), s(51));
        let open = pulse.finding().unwrap();
        assert_eq!((open.ended, open.title.as_str()), (None, "The mirror port is silent since 00:00:40 UTC"));
        pulse.silent_so_far(s(40), s(52));
        pulse.silent(s(40), s(100));
        let ended = pulse.finding().unwrap();
        assert_eq!((ended.id, ended.count, ended.ended), (open.id, 1, Some(s(100))));
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
