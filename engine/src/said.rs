//! [`Said`]: what was said before is not said again each second.
//!
//! A device repeats its name with every message. The same property of the same
//! subject in talk with the same peer is passed on once, and again once a minute
//! ([`AGAIN`]), so that what is known of it stays fresh. Raw properties are shown
//! to the fingerprints, and their labels follow them.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::num::NonZeroU64;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{About, Fact, Key, Label, Malformed, Span, Text, Time};

use crate::bounded::Expiring;
use crate::hash::Keyed;
use crate::observation::Party;
use crate::scribe::{Scribe, Talk};

/// The memory of what was said, bounded: what is forgotten may be said twice.
#[derive(Debug)]
pub struct Said {
    fingerprints: Option<&'static Fingerprints>,
    /// By hash.
    heard: Expiring<NonZeroU64, Time>,
    keyed: Keyed,
    labels: Vec<Label>,
}

impl Said {
    /// One that has heard nothing.
    #[must_use]
    pub fn new(fingerprints: Option<&'static Fingerprints>, seed: u64) -> Self {
        Self {
            fingerprints,
            heard: Expiring::new(HEARD_MAX, AGAIN, seed),
            keyed: Keyed::new(seed),
            labels: Vec::new(),
        }
    }

    /// Passes a property on if it is news, and its labels.
    pub fn attribute(
        &mut self,
        scribe: &mut Scribe<'_>,
        talk: &Talk,
        about: About,
        (key, value): (Key, Text),
    ) {
        let (subject, peer) = talk.about(about);
        // In which VLAN a peer is shows only once he answers.
        let to = (peer.mac, peer.ip);
        if !self.is_news(scribe.at(), AGAIN, &(who(&subject), to, talk.source, key, &value)) {
            return;
        }
        if let Some(fingerprints) = self.fingerprints.filter(|_| !key.is_outright()) {
            fingerprints.labels(key, value.as_str(), &mut self.labels);
        }
        scribe.write(talk, about, Fact::Attribute { key, value });
        for label in self.labels.drain(..) {
            scribe.write(talk, about, Fact::Label(label));
        }
    }

    /// Passes the fault of a message on, the same of one talk once a second.
    pub fn malformed(&mut self, scribe: &mut Scribe<'_>, talk: &Talk, fault: Malformed) {
        if self.is_news(
            scribe.at(),
            FAULT_AGAIN,
            &(who(&talk.sender), who(&talk.receiver), talk.source, fault),
        ) {
            scribe.write(talk, About::Sender, Fact::Malformed(fault));
        }
    }

    /// Forgets what is old.
    pub fn expire(&mut self, now: Time) {
        while self.heard.expire(now).is_some() {}
    }

    fn is_news<T: std::hash::Hash>(&mut self, now: Time, again: Span, what: &T) -> bool {
        let hash = NonZeroU64::new(self.keyed.of(what)).unwrap_or(NonZeroU64::MIN);
        match self.heard.get(&hash, now) {
            Some(last) if now - *last < again && now >= *last => false,
            Some(last) => {
                *last = now;
                true
            }
            None => {
                self.heard.insert(hash, now, now);
                true
            }
        }
    }
}

/// What a party is known by: his ports and hop limits change.
fn who(party: &Party) -> (Option<spanwatch_parsers::Mac>, Option<std::net::IpAddr>, Option<u16>) {
    (party.mac, party.ip, party.vlan)
}

/// After this time the same is news again.
pub const AGAIN: Span = Span::seconds(60);

/// A sender of rubbish may send a million a second.
const FAULT_AGAIN: Span = Span::seconds(1);

/// Properties remembered; a device says ten to twenty.
const HEARD_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Cite, Observation, Place};

    fn said_at(said: &mut Said, s: i64, name: &str) -> usize {
        let mut out: Vec<Observation> = Vec::new();
        let mut scribe = Scribe::new(&mut out, Place::default(), Time(s * 1_000_000_000), Cite::default());
        let talk =
            Talk { sender: Party::default(), receiver: Party::default(), transport: None, source: "x" };
        said.attribute(&mut scribe, &talk, About::Sender, (Key::Name, name.into()));
        out.len()
    }

    #[test]
    fn same_property_is_said_once_a_minute() {
        let mut said = Said::new(None, 1);
        assert_eq!(said_at(&mut said, 0, "gate"), 1);
        assert_eq!(said_at(&mut said, 59, "gate"), 0);
        assert_eq!(said_at(&mut said, 59, "door"), 1);
        assert_eq!(said_at(&mut said, 60, "gate"), 1);
        assert_eq!(said_at(&mut said, 61, "gate"), 0);
    }

    #[test]
    fn clock_that_went_back_does_not_silence() {
        let mut said = Said::new(None, 1);
        assert_eq!(said_at(&mut said, 1_000, "gate"), 1);
        assert_eq!(said_at(&mut said, 10, "gate"), 1);
    }
}
