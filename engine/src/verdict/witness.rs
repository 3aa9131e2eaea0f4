//! Who asked in vain.
//!
//! An ask is refused when the asker himself shows that he got no answer, by
//! asking again. A single ask without a visible answer is nothing: a mirror may
//! show one direction only (facts, offline_and_switch 9.1, Q1, Q2, Q4, Q5).

use std::collections::VecDeque;

use spanwatch_parsers::{Span, Time};

use crate::ledger::directory::Number;
use crate::observation::Cite;

/// How somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Who has this address? (ARP, neighbour solicitation)
    Resolve,
    /// A connection attempt.
    Connect,
    /// Data sent again for want of an acknowledgement.
    Resend,
    /// A router's word that it does not find the device on its link.
    HostUnreachable,
}

/// One ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// When.
    pub at: Time,
    /// In which frame.
    pub cite: Cite,
    /// Who asked.
    pub by: Number,
    /// How.
    pub how: How,
    /// For the how-manieth time without an answer, where the frame shows it; 1 otherwise.
    pub attempt: u16,
}

/// The latest asks to one device.
#[derive(Debug, Default)]
pub struct Asks {
    latest: VecDeque<Ask>,
}

impl Asks {
    /// Adds one; of more than [`ASKS_MAX`] the oldest goes.
    pub fn add(&mut self, ask: Ask) {
        if self.latest.len() >= ASKS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(ask);
    }

    /// Takes over the asks to a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self) {
        let mut all: Vec<Ask> = self.latest.drain(..).chain(other.latest).collect();
        all.sort_by_key(|ask| (ask.at, ask.cite));
        let surplus = all.len().saturating_sub(ASKS_MAX);
        self.latest = all.into_iter().skip(surplus).collect();
    }

    /// When it was asked next after `at`.
    #[must_use]
    pub fn next_after(&self, at: Time) -> Option<Time> {
        self.latest.iter().map(|ask| ask.at).filter(|asked| *asked > at).min()
    }

    /// The asks after `since` and until `until` that prove a refusal: for each way of asking
    /// that was refused, the asks that show it. Empty where none was.
    #[must_use]
    pub fn refused(&self, since: Time, until: Time) -> Vec<Ask> {
        let in_time: Vec<Ask> =
            self.latest.iter().filter(|ask| ask.at > since && ask.at <= until).copied().collect();
        let mut refused = Vec::new();
        for how in [How::Resolve, How::Connect, How::Resend, How::HostUnreachable] {
            let mut ways: Vec<Ask> = in_time.iter().filter(|ask| ask.how == how).copied().collect();
            ways.sort_by_key(|ask| (ask.by, ask.at, ask.cite));
            if let Some(run) = ways.chunk_by(|a, b| a.by == b.by).find(|run| is_refused(how, run)) {
                refused.extend(run.iter().take(SHOWN_MAX));
            }
        }
        refused
    }
}

/// Whether these asks by one asker, in order, show that he was not answered.
fn is_refused(how: How, asks: &[Ask]) -> bool {
    match how {
        How::HostUnreachable => !asks.is_empty(),
        How::Connect | How::Resend => asks.iter().any(|ask| ask.attempt >= ATTEMPTS),
        How::Resolve => asks.windows(RESOLVES).any(|run| match run {
            [first, .., last] => last.at - first.at <= RESOLVES_WITHIN,
            _ => false,
        }),
    }
}

/// The same segment for the third time (Q2: about 1, 2 and 4 s apart).
const ATTEMPTS: u16 = 3;
/// Requests by one asker ...
const RESOLVES: usize = 3;
/// ... within this time (Q1).
const RESOLVES_WITHIN: Span = Span::seconds(5);
/// Asks kept of one device.
const ASKS_MAX: usize = 64;
/// Asks of one way that a finding cites.
const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(s: i64, by: u32, how: How, attempt: u16) -> Ask {
        Ask { at: Time(s * 1_000_000_000), cite: Cite::default(), by: Number(by), how, attempt }
    }

    fn refused(asks: &[Ask]) -> usize {
        let mut all = Asks::default();
        asks.iter().for_each(|ask| all.add(*ask));
        all.refused(Time(0), Time(100_000_000_000)).len()
    }

    #[test]
    fn three_requests_by_one_asker_within_five_seconds_are_refused() {
        let asks = [1, 2, 3].map(|s| ask(s, 1, How::Resolve, 1));
        assert_eq!(refused(&asks), 3);
    }

    #[test]
    fn requests_by_three_askers_or_far_apart_are_nothing() {
        assert_eq!(refused(&[1, 2, 3].map(|n| ask(i64::from(n), n, How::Resolve, 1))), 0);
        assert_eq!(refused(&[1, 11, 21].map(|s| ask(s, 1, How::Resolve, 1))), 0);
    }

    #[test]
    fn the_third_attempt_at_a_connection_is_refused_and_the_second_is_not() {
        assert_eq!(refused(&[ask(1, 1, How::Connect, 1), ask(2, 1, How::Connect, 2)]), 0);
        assert_eq!(refused(&[ask(1, 1, How::Connect, 1), ask(4, 1, How::Connect, 3)]), 2);
    }

    #[test]
    fn asks_before_the_silence_do_not_count() {
        let mut asks = Asks::default();
        (1..=3).for_each(|s| asks.add(ask(s, 1, How::Resolve, 1)));
        assert_eq!(asks.refused(Time(1_000_000_000), Time(9_000_000_000)), []);
    }

    #[test]
    fn asks_are_bounded() {
        let mut asks = Asks::default();
        (0..1_000).for_each(|s| asks.add(ask(s, 1, How::Connect, 1)));
        assert_eq!(asks.latest.len(), ASKS_MAX);
    }
}
