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

use spanwatch_fingerprints::{Fingerprints, passwords};
use spanwatch_parsers::{About, Fact, Key, KnownPassword, Label, Malformed, Proof, Span, Text, Time};

use crate::bounded::Expiring;
use crate::hash::Keyed;
use crate::observation::Party;
use crate::scribe::{Scribe, Talk};

/// The memory of what was said, bounded: what is forgotten may be said twice.
#[derive(Debug)]
pub struct Said {
    fingerprints: Option<&'static Fingerprints>,
    /// By hash, each used when it was last passed on.
    heard: Expiring<NonZeroU64, ()>,
    keyed: Keyed,
    labels: Vec<Label>,
    tests_passwords: bool,
    untested: u64,
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
            tests_passwords: true,
            untested: 0,
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

    /// Leaves passwords untested.
    pub const fn leave_passwords(&mut self) {
        self.tests_passwords = false;
    }

    /// Logins that were not compared with known passwords, for one pair had too many.
    #[must_use]
    pub const fn untested(&self) -> u64 {
        self.untested
    }

    /// Compares an accepted login with the passwords that are known for its user, each account of a pair once a minute. What
    /// proved it ends here: only the numbers of rows go on.
    pub fn password(&mut self, scribe: &mut Scribe<'_>, talk: &Talk, about: About, proof: &Proof) {
        let (subject, peer) = talk.about(about);
        // Over SIP a request that gets no answer is sent again as it is.
        if let Some((nonce, count)) = proof.nonce().filter(|_| talk.source != "sip") {
            let nonce = Keyed::new(NONCES).of(&nonce);
            scribe.write(talk, about, Fact::DigestAccepted { nonce, count });
        }
        let pair = (who(&subject), who(&peer), talk.source);
        if !self.tests_passwords || !self.is_news(scribe.at(), AGAIN, &(pair, proof.user())) {
            return;
        }
        if !(0..LOGINS_MAX).any(|login| self.is_news(scribe.at(), AGAIN, &(pair, login))) {
            self.untested = self.untested.saturating_add(1);
            return;
        }
        let rows = passwords::matching(proof);
        if !rows.is_empty() || proof.is_token() {
            let account = Text::some(proof.user());
            let known = KnownPassword { account, rows: rows.into(), is_token: proof.is_token() };
            scribe.write(talk, about, Fact::KnownPassword(Box::new(known)));
        }
    }

    /// Notes that a server asked a client for a login over HTTP: many close the connection with that, and take the login in the next one.
    pub fn challenged(&mut self, now: Time, talk: &Talk, about: About) {
        let asked = self.keyed.of(&asked(talk, about));
        self.heard.insert(NonZeroU64::new(asked).unwrap_or(NonZeroU64::MIN), (), now);
    }

    /// Whether it did so within [`AGAIN`].
    pub fn has_challenged(&self, now: Time, talk: &Talk, about: About) -> bool {
        let asked = self.keyed.of(&asked(talk, about));
        let slot = self.heard.find(&NonZeroU64::new(asked).unwrap_or(NonZeroU64::MIN));
        let last = slot.and_then(|slot| self.heard.used(slot));
        last.is_some_and(|last| now - last < AGAIN && now >= last)
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
        let last = self.heard.find(&hash).and_then(|slot| self.heard.used(slot));
        if last.is_some_and(|last| now - last < again && now >= last) {
            return false;
        }
        self.heard.insert(hash, (), now);
        true
    }
}

/// Under what a server's asking of a client is remembered.
fn asked(talk: &Talk, about: About) -> impl std::hash::Hash {
    let (server, client) = talk.about(about);
    ("asked", who(&server), server.port, who(&client), talk.source)
}

/// What a party is known by: his ports and hop limits change.
fn who(party: &Party) -> (Option<spanwatch_parsers::Mac>, Option<std::net::IpAddr>, Option<u16>) {
    (party.mac, party.ip, party.vlan)
}

/// After this time the same is news again.
pub const AGAIN: Span = Span::seconds(60);

/// A sender of rubbish may send a million a second.
const FAULT_AGAIN: Span = Span::seconds(1);

/// Accounts of one pair whose passwords are tested in a minute; a recorder has one or two at a camera.
pub const LOGINS_MAX: u8 = 8;

/// So that shards tell the same nonce alike; a nonce is no secret.
const NONCES: u64 = 0x6e6f_6e63;

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
    fn challenge_holds_for_a_minute_for_the_same_client_and_port() {
        let mut said = Said::new(None, 1);
        let at = |s: i64| Time(s * 1_000_000_000);
        let talk = |port| {
            let server = Party { port, ..Party::default() };
            Talk { sender: server, receiver: Party::default(), transport: None, source: "http" }
        };
        assert!(!said.has_challenged(at(0), &talk(80), About::Sender));
        said.challenged(at(0), &talk(80), About::Sender);
        assert!(said.has_challenged(at(59), &talk(80), About::Sender));
        assert!(!said.has_challenged(at(1), &talk(8_080), About::Sender));
        assert!(!said.has_challenged(at(1), &talk(80), About::Receiver));
        assert!(!said.has_challenged(at(60), &talk(80), About::Sender));
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

    /// How often a login with a known password is told of as these users, in the order in which they log in.
    fn told_of(said: &mut Said, users: &[String]) -> usize {
        let mut out: Vec<Observation> = Vec::new();
        let mut scribe = Scribe::new(&mut out, Place::default(), Time(0), Cite::default());
        let talk =
            Talk { sender: Party::default(), receiver: Party::default(), transport: None, source: "x" };
        for user in users {
            let digest =
                format!("Digest username=\"{user}\", realm=\"a\", nonce=\"b\", uri=\"/\", response=\"");
            let proof =
                Proof::of_header(format!("{digest}00112233445566778899aabbccddeeff\"").as_bytes(), b"GET");
            said.password(&mut scribe, &talk, About::Sender, &proof.expect("a proof"));
        }
        // admin:12345
        let proof = Proof::of_header(b"Basic YWRtaW46MTIzNDU=", b"GET").expect("a proof");
        for _ in 0..2 {
            said.password(&mut scribe, &talk, About::Sender, &proof);
        }
        out.iter().filter(|seen| matches!(seen.fact, Fact::KnownPassword(_))).count()
    }

    #[test]
    fn nonce_of_an_accepted_digest_is_told_each_time_and_of_sip_never() {
        let digest = b"Digest username=\"a\", realm=\"b\", nonce=\"c\", uri=\"/\", qop=auth, nc=0000000a, cnonce=\"d\", \
            response=\"00112233445566778899aabbccddeeff\"";
        let proof = Proof::of_header(digest, b"GET").expect("a proof");
        for (source, count) in [("http", 2), ("sip", 0)] {
            let (mut said, mut out) = (Said::new(None, 1), Vec::new());
            let mut scribe = Scribe::new(&mut out, Place::default(), Time(0), Cite::default());
            let talk = Talk { sender: Party::default(), receiver: Party::default(), transport: None, source };
            (0..2).for_each(|_| said.password(&mut scribe, &talk, About::Sender, &proof));
            let told =
                out.iter().filter(|it| matches!(it.fact, Fact::DigestAccepted { count: Some(10), .. }));
            assert_eq!(told.count(), count, "{source}");
        }
    }

    #[test]
    fn known_password_is_told_once_a_minute_and_not_where_it_is_switched_off() {
        assert_eq!(told_of(&mut Said::new(None, 1), &[]), 1);
        let mut off = Said::new(None, 1);
        off.leave_passwords();
        assert_eq!(told_of(&mut off, &[]), 0);
    }

    #[test]
    fn logins_that_are_tested_are_bounded_and_the_others_counted() {
        let users: Vec<String> = (0..LOGINS_MAX).map(|n| n.to_string()).collect();
        let mut said = Said::new(None, 1);
        assert_eq!((told_of(&mut said, &users[1..]), said.untested()), (1, 0));
        let mut said = Said::new(None, 1);
        assert_eq!((told_of(&mut said, &users), said.untested()), (0, 1));
    }

    #[test]
    fn clock_that_went_back_does_not_silence() {
        let mut said = Said::new(None, 1);
        assert_eq!(said_at(&mut said, 1_000, "gate"), 1);
        assert_eq!(said_at(&mut said, 10, "gate"), 1);
    }
}
