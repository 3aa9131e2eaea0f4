//! Who asked in vain.
//!
//! An ask is refused when the asker himself shows that he got no answer, by
//! asking again. A single ask without a visible answer is nothing: a mirror may
//! show one direction only. Only who received the device's media counts as an
//! asker, and the routers: a scanner's unanswered probe of a closed port, or a
//! stranger's, says nothing of a device (facts, offline_and_switch 9.1, Q1 to Q5).
//!
//! A receiver of media over UDP may say it without asking: his report names the highest number that came (RFC 3550,
//! 6.4.1). Where that is the last that the mirror showed, he still wants it and gets no more, and the mirror hides
//! nothing. It takes more to tell that from an encoder's pause: [`super::expectation::Expectation::is_beyond_chance`].

use std::collections::VecDeque;

use spanwatch_parsers::{Span, Time};

use crate::ahead::fetch;
use crate::few::FewBy;
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// How somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Who has this address? (ARP, neighbour solicitation)
    Resolve,
    /// A connection attempt to a port that the device served.
    Connect,
    /// Data sent again for want of an acknowledgement.
    Resend,
    /// A router's word that it does not find the device on its link.
    HostUnreachable,
    /// A receiver's report: what we saw last of its media is the last that came.
    ReceivesNothing,
}

/// How strange it is that a device says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// Not very.
    Usual,
    /// Its media stopped, as a living source's does not by chance.
    BeyondChance,
    /// And so did its reports on it: it is no stall of the encoder's either.
    OfAll,
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

/// The latest asks to one device, in watched time.
#[derive(Debug, Default)]
pub struct Asks {
    /// In a box: of most devices nobody asks.
    #[allow(clippy::box_collection)]
    latest: Option<Box<VecDeque<(Time, Ask)>>>,
    /// Who received its media, and when he last sent it anything.
    clients: FewBy<Number, Time>,
}

impl Asks {
    /// Fetches what is looked at when somebody sends it anything.
    pub fn foresee(&self) {
        if let Some(first) = self.clients.keys().next() {
            fetch(first);
        }
    }

    /// Says that somebody receives the device's media, [`CLIENTS_MAX`] at most.
    pub fn known(&mut self, client: Option<Number>) {
        if let Some(client) = client.filter(|_| self.clients.len() < CLIENTS_MAX) {
            self.clients.or_insert(client, Time::MIN);
        }
    }

    /// Who received the device's media, or was served by it.
    pub fn clients(&self) -> impl Iterator<Item = Number> + '_ {
        self.clients.keys().copied()
    }

    /// Says that somebody sent the device something at `at`.
    pub fn addressed(&mut self, by: Number, at: Time) {
        if let Some(last) = self.clients.get_mut(&by) {
            *last = (*last).max(at);
        }
    }

    /// Adds an ask; whether it counts. Of more than [`ASKS_MAX`] the oldest goes.
    pub fn add(&mut self, at: Time, ask: Ask) -> bool {
        if ask.how != How::HostUnreachable && !self.clients.contains_key(&ask.by) {
            return false;
        }
        let latest = self.latest.get_or_insert_default();
        if latest.len() >= ASKS_MAX {
            latest.pop_front();
        }
        latest.push_back((at, ask));
        true
    }

    /// Takes over the asks to a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self) {
        let mut all: Vec<(Time, Ask)> = self.latest().chain(other.latest()).copied().collect();
        all.sort_by_key(|(at, ask)| (*at, ask.cite));
        let surplus = all.len().saturating_sub(ASKS_MAX);
        let latest: VecDeque<_> = all.into_iter().skip(surplus).collect();
        self.latest = (!latest.is_empty()).then(|| Box::new(latest));
        for (client, last) in other.clients {
            self.known(Some(client));
            self.addressed(client, last);
        }
    }

    /// When it was asked next after `at`.
    #[must_use]
    pub fn next_after(&self, at: Time) -> Option<Time> {
        self.latest().map(|(asked, _)| *asked).filter(|asked| *asked > at).min()
    }

    /// The asks after `since` and until `until` that prove a refusal: for each way of asking
    /// that was refused, the asks that show it. Empty where none was. The stranger
    /// the silence itself, the less is needed.
    #[must_use]
    pub fn refused(&self, (since, until): (Time, Time), silence: Silence) -> Vec<Ask> {
        let is_in_time = |(at, ask): &&(Time, Ask)| {
            let after = if ask.how == How::ReceivesNothing { MISSED_FOR } else { Span::ZERO };
            *at > since + after && *at <= until
        };
        let in_time: Vec<&(Time, Ask)> = self.latest().filter(is_in_time).collect();
        let mut refused = Vec::new();
        for how in [How::Resolve, How::Connect, How::Resend, How::HostUnreachable, How::ReceivesNothing] {
            let mut ways: Vec<(Time, Ask)> =
                in_time.iter().filter(|(_, ask)| ask.how == how).map(|it| **it).collect();
            ways.sort_by_key(|(at, ask)| (ask.by, *at, ask.cite));
            if let Some(run) =
                ways.chunk_by(|a, b| a.1.by == b.1.by).find(|run| self.is_refused(how, run, (until, silence)))
            {
                refused.extend(run.iter().take(SHOWN_MAX).map(|(_, ask)| *ask));
            }
        }
        refused
    }

    fn latest(&self) -> impl Iterator<Item = &(Time, Ask)> {
        self.latest.iter().flat_map(|latest| latest.iter())
    }

    /// Whether these asks by one asker, in order, show that he was not answered.
    fn is_refused(&self, how: How, asks: &[(Time, Ask)], (until, silence): (Time, Silence)) -> bool {
        match how {
            How::HostUnreachable => asks.len() >= WORDS,
            // That nothing comes any more may be the encoder's silence alone.
            How::ReceivesNothing => silence == Silence::OfAll && !asks.is_empty(),
            How::Connect | How::Resend => asks.iter().any(|(at, ask)| {
                let is_enough = ask.attempt >= ATTEMPTS_MIN && until - *at >= ANSWER;
                ask.attempt >= ATTEMPTS || silence >= Silence::BeyondChance && is_enough
            }),
            How::Resolve => asks.windows(RESOLVES).any(|run| match run {
                [(first, _), .., (last, ask)] => {
                    // Who still sends to the hardware address that he asks for had his answer unseen by us.
                    let sent = self.clients.get(&ask.by).copied().unwrap_or(Time::MIN);
                    *last - *first <= RESOLVES_WITHIN && sent <= *last
                }
                _ => false,
            }),
        }
    }
}

/// The same segment for the third time (Q2: about 1, 2 and 4 s apart).
const ATTEMPTS: u16 = 3;
/// Or for the second time and unanswered again, by one who fell silent beyond chance: then a lost segment explains nothing.
const ATTEMPTS_MIN: u16 = 2;
/// So long an answer takes at most.
pub(super) const ANSWER: Span = Span::millis(200);
/// Requests by one asker ...
const RESOLVES: usize = 3;
/// ... within this time (Q1).
const RESOLVES_WITHIN: Span = Span::seconds(5);
/// A router's word counts from the second time on: one frame can be forged.
const WORDS: usize = 2;
/// A receiver misses nothing before the next picture is due.
const MISSED_FOR: Span = Span::seconds(1);
/// Asks kept of one device.
const ASKS_MAX: usize = 64;
/// Receivers kept of one device's media.
const CLIENTS_MAX: usize = 64;
/// Asks of one way that a finding cites.
const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(s: i64, by: u32, how: How, attempt: u16) -> Ask {
        Ask { at: Time(s * 1_000_000_000), cite: Cite::default(), by: Number::for_test(by), how, attempt }
    }

    fn asks(all: &[Ask]) -> Asks {
        let mut asks = Asks::default();
        (1..=3).for_each(|client| asks.known(Some(Number::for_test(client))));
        all.iter().for_each(|ask| {
            asks.add(ask.at, *ask);
        });
        asks
    }

    fn refused(all: &[Ask]) -> usize {
        asks(all).refused((Time(0), Time(100_000_000_000)), Silence::Usual).len()
    }

    fn refused_in(silence: Silence, one: Ask) -> usize {
        asks(&[one]).refused((Time(0), Time(100_000_000_000)), silence).len()
    }

    #[test]
    fn three_requests_by_one_asker_within_five_seconds_are_refused() {
        assert_eq!(refused(&[1, 2, 3].map(|s| ask(s, 1, How::Resolve, 1))), 3);
    }

    #[test]
    fn who_goes_on_sending_was_not_refused() {
        let mut asks = asks(&[1, 2, 3].map(|s| ask(s, 1, How::Resolve, 1)));
        asks.addressed(Number::for_test(1), Time(4_000_000_000));
        assert_eq!(asks.refused((Time(0), Time(100_000_000_000)), Silence::Usual), []);
    }

    #[test]
    fn strangers_do_not_count() {
        assert_eq!(refused(&[1, 2, 3].map(|s| ask(s, 77, How::Resolve, 1))), 0);
        assert_eq!(refused(&[ask(4, 77, How::Connect, 3)]), 0);
    }

    #[test]
    fn a_routers_word_counts_from_the_second_time_on() {
        assert_eq!(refused(&[ask(1, 9, How::HostUnreachable, 1)]), 0);
        assert_eq!(refused(&[1, 2].map(|s| ask(s, 9, How::HostUnreachable, 1))), 2);
    }

    #[test]
    fn a_receivers_word_counts_a_second_after_the_silence_began() {
        assert_eq!(refused_in(Silence::OfAll, ask(1, 1, How::ReceivesNothing, 1)), 0);
        assert_eq!(refused_in(Silence::OfAll, ask(2, 1, How::ReceivesNothing, 1)), 1);
        assert_eq!(refused_in(Silence::OfAll, ask(2, 77, How::ReceivesNothing, 1)), 0);
        assert_eq!(refused_in(Silence::BeyondChance, ask(2, 1, How::ReceivesNothing, 1)), 0);
    }

    #[test]
    fn a_second_attempt_is_enough_where_the_silence_is_beyond_chance() {
        for how in [How::Connect, How::Resend] {
            let counts = |silence| [1, 2].map(|attempt| refused_in(silence, ask(2, 1, how, attempt)));
            assert_eq!([Silence::Usual, Silence::BeyondChance].map(counts), [[0, 0], [0, 1]]);
            assert_eq!(refused_in(Silence::BeyondChance, ask(100, 1, how, 2)), 0);
        }
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
        let asks = asks(&[1, 2, 3].map(|s| ask(s, 1, How::Resolve, 1)));
        assert_eq!(asks.refused((Time(1_000_000_000), Time(9_000_000_000)), Silence::Usual), []);
    }

    #[test]
    fn asks_and_clients_are_bounded() {
        let mut asks =
            asks(&[1].repeat(1_000).iter().map(|s| ask(*s, 1, How::Connect, 1)).collect::<Vec<_>>());
        (0..1_000).for_each(|client| asks.known(Some(Number::for_test(client))));
        assert_eq!((asks.latest().count(), asks.clients.len()), (ASKS_MAX, CLIENTS_MAX));
    }
}
