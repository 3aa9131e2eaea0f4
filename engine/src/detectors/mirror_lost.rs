//! `mirror-lost`: everything fell silent at once, so our own eyes failed.
//!
//! ## What it says
//! In at least 20 of the last 30 s something was heard, and then nothing at all from any source for
//! more than 10 s, inside one input. While it lasts nothing is called offline, and the
//! availability of every device is unknown. The next frame ends it.
//!
//! ## Why it matters
//! A mirror session that was removed, a pulled cable or a switch without power looks like
//! the end of the world; it says nothing about a single device.
//!
//! ## Where it is wrong
//! On a network so quiet that 10 s without any frame are normal; such a network never
//! gets this finding, only the blind time in the report.
//!
//! ## State
//! The packets of the last 30 s, one number each.

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
};

/// How busy the last half minute was.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Seconds in which something was heard, the latest last.
    seconds: VecDeque<Time>,
    /// The last frame heard.
    last: Cite,
}

impl Pulse {
    /// Says that frames were heard in the second that ends at `tick`, `last` the last of them.
    pub fn heard(&mut self, tick: Time, last: Cite) {
        self.seconds.push_back(tick);
        self.last = last;
        while self.seconds.len() > WINDOW_S {
            self.seconds.pop_front();
        }
    }

    /// Judges a time without any frame.
    #[must_use]
    pub fn silent(&self, from: Time, to: Time) -> Option<Finding> {
        let busy = self.seconds.iter().filter(|second| **second >= from - WINDOW).count();
        (busy >= BUSY_S).then(|| finding(from, to, self.last))
    }
}

fn finding(from: Time, to: Time, last: Cite) -> Finding {
    let (since, until) = (clock_time(from), clock_time(to));
    Finding {
        id: id(KIND.id, "", from),
        kind: &KIND,
        severity: KIND.severity,
        confidence: 90,
        owner: Owner::It,
        first_check: None,
        dispatch: Some("no"),
        devices: Vec::new(),
        switch: None,
        cause: Some(Cause::Mirror),
        alternatives: Vec::new(),
        revisions: Vec::new(),
        title: format!("The mirror port was silent from {since} to {until} UTC"),
        summary: format!(
            "Spanwatch saw nothing at all from {since} to {until} UTC ({}). Its own connection failed, not the cameras: whether they ran is unknown for that time. It is IT's turn: check the mirror port.",
            length(to - from)
        ),
        detail: format!(
            "No frame from any source for {}, after steady traffic. A removed SPAN session, the capture port's link, or the switch itself.",
            length(to - from)
        ),
        remedy:
            "Check the SPAN session and the capture port's link on the switch, and the capture host's log."
                .to_owned(),
        verify: "Frames arrive again and broadcast, unicast and both directions are among them.".to_owned(),
        evidence: vec![Evidence {
            at: from,
            cite: Some(last),
            protocol: None,
            text: "last frame before everything fell silent".to_owned(),
        }],
        first_seen: from,
        detected: from + SILENCE,
        last_seen: to,
        ended: Some(to),
        count: 1,
    }
}

/// What is looked back on.
const WINDOW: Span = Span::seconds(30);
/// The same in seconds.
const WINDOW_S: usize = 30;
/// So many of them with traffic make silence strange.
const BUSY_S: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    #[test]
    fn silence_after_steady_traffic_is_the_mirror() {
        let mut pulse = Pulse::default();
        (1..=40).for_each(|at| pulse.heard(s(at), Cite::default()));
        let finding = pulse.silent(s(40), s(100)).unwrap();
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(40), s(50), Some(s(100))));
    }

    #[test]
    fn silence_of_a_quiet_network_is_nothing() {
        let mut pulse = Pulse::default();
        (1..=40).for_each(|at| pulse.heard(s(at * 5), Cite::default()));
        assert!(pulse.silent(s(200), s(300)).is_none());
    }
}
