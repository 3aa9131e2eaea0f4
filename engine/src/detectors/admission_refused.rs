//! `admission-refused`: the network does not let a device in.
//!
//! ## What it says
//! A switch refused a device twice or more (802.1X, EAP failure), has not let it in since, and nobody sent the device anything.
//! It ends when the device is let in, or when somebody talks to it.
//!
//! ## Why it matters
//! The device looks dead from everywhere and is not: it has power and link, and the switch keeps it out. Mostly its
//! certificate has expired, its password was changed, or it was exchanged and nobody told the network.
//!
//! ## Where it is wrong
//! Many switches let a device in by its hardware address or into a guest network after they refused it; who is talked to counts as let
//! in. The mirror shows all this only where it copies the port's own frames. What a switch refuses without a word (port
//! security) cannot be seen.
//!
//! ## State
//! `DEVICES_MAX` devices that ask, the one heard longest ago is forgotten first; `REFUSED_MAX` refused ones.

use spanwatch_parsers::{Admission, Fact, Mac, Span, Time};

use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::directory::is_device_address;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "admission-refused",
    category: "availability",
    severity: Severity::High,
    source: include_str!("admission_refused.rs"),
    start: Some(|| Box::new(Admissions::new())),
};

/// Once may be a password that was typed wrong.
const TIMES: usize = 2;
/// Who was refused so long ago has given up; a switch asks again each hour (IEEE 802.1X-2020, 8.6: reAuthPeriod 3600 s).
const IDLE: Span = Span::seconds(7_200);
/// A switch that speaks to a group means who answered it so shortly before.
const ANSWERED: Span = Span::seconds(30);
/// Devices that ask.
const DEVICES_MAX: usize = 16_384;
/// Devices refused.
const REFUSED_MAX: usize = 1_024;
/// Refusals shown of one.
const SHOWN: usize = 8;
/// The switch says so, in per cent.
const SAID: u8 = 90;

/// One who asks.
#[derive(Debug, Default)]
struct Asking {
    /// The last refusals since it was let in.
    refusals: Vec<(Time, Cite)>,
}

#[derive(Debug)]
struct Refused {
    mac: Mac,
    /// The port that refuses it, by its MAC.
    by: Option<Mac>,
    sights: Vec<(Time, Cite)>,
    detected: Time,
    last: Time,
    count: u64,
    ended: Option<Time>,
}

/// ```text
/// asks ──failure──► refused once ──failure──► refused ──success, or talked to──► over
///   ▲──── success, or talked to ────┘
/// ```
#[derive(Debug)]
pub struct Admissions {
    asking: Expiring<Mac, Asking>,
    /// Who answered last: the port that asked, the id, who, and when.
    answered: Option<(Option<Mac>, u8, Mac, Time)>,
    refused: Vec<Refused>,
}

impl Admissions {
    fn new() -> Self {
        Self { asking: Expiring::new(DEVICES_MAX, IDLE, SEED), answered: None, refused: Vec::new() }
    }

    /// Whom an answer of the switch is for.
    fn meant(&self, seen: &Observation, id: u8) -> Option<Mac> {
        let last = self.answered.filter(|it| it.1 == id && seen.at - it.3 <= ANSWERED).map(|it| it.2);
        seen.subject.mac.filter(|mac| mac.is_device()).or(last)
    }

    fn refuse(&mut self, mac: Mac, seen: &Observation) {
        if self.asking.get(&mac, seen.at).is_none() {
            self.asking.insert(mac, Asking::default(), seen.at);
        }
        let Some(asking) = self.asking.get(&mac, seen.at) else { return };
        let sight = (seen.at, seen.cite);
        if asking.refusals.len() < SHOWN {
            asking.refusals.push(sight);
        }
        let sights = asking.refusals.clone();
        if let Some(open) = self.refused.iter_mut().rev().find(|it| it.mac == mac && it.ended.is_none()) {
            open.last = seen.at;
            open.count = open.count.saturating_add(1);
            open.sights = sights;
        } else if sights.len() >= TIMES && self.refused.len() < REFUSED_MAX {
            let (by, detected, last, count) = (seen.peer.mac, seen.at, seen.at, sights.len() as u64);
            self.refused.push(Refused { mac, by, sights, detected, last, count, ended: None });
        }
    }

    fn let_in(&mut self, mac: Mac, at: Time) {
        let Some(slot) = self.asking.find(&mac) else { return };
        self.asking.take(slot);
        if let Some(open) = self.refused.iter_mut().rev().find(|it| it.mac == mac && it.ended.is_none()) {
            open.ended = Some(at);
        }
    }
}

impl Detector for Admissions {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Admission(_) | Fact::Activity(_))
    }

    fn is_idle(&self) -> bool {
        self.asking.is_empty()
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        match &seen.fact {
            Fact::Admission(Admission::Answered { id }) => {
                if let Some(mac) = seen.subject.mac {
                    self.answered = Some((seen.peer.mac, *id, mac, seen.at));
                }
            }
            Fact::Admission(Admission::Refused { id }) => {
                if let Some(mac) = self.meant(seen, *id) {
                    self.refuse(mac, seen);
                }
            }
            Fact::Admission(Admission::Accepted { id }) => {
                if let Some(mac) = self.meant(seen, *id) {
                    self.let_in(mac, seen.at);
                }
            }
            // Frames of its own show nothing: a mirror copies what the switch drops.
            Fact::Activity(activity) if !self.asking.is_empty() => {
                if let Some(mac) = seen.peer.mac
                    && seen.subject.ip.is_some_and(is_device_address)
                {
                    self.let_in(mac, activity.first);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while self.asking.expire(to).is_some() {}
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.refused.iter().map(|it| it.finding(known)).collect()
    }
}

impl Refused {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let (number, called) = known.bearer(self.mac);
        let first = self.sights.first().map_or(self.detected, |it| it.0);
        let since = clock_time(first);
        let by = self.by.map_or_else(|| "A switch".to_owned(), |mac| known.bearer(mac).1);
        let is_over = self.ended.map_or("", |_| " It has been let in since.");
        Finding {
            confidence: SAID,
            devices: number.into_iter().collect(),
            switch: self.by.and_then(|mac| known.switch_with(mac)).or_else(|| known.switch_of(number?)),
            cause: Some(Cause::Switch),
            dispatch: Some("no"),
            title: format!("The network does not let {called} in"),
            summary: format!(
                "Since {since} UTC the network has refused {called} {} times. The device looks dead and is not: it has power and a cable, and the switch keeps it out.{is_over} It is IT's turn: look why its login to the network (802.1X) is refused. Nobody needs to go there.",
                self.count
            ),
            detail: format!("{by} answered the login of {} (EAP over LAN) with failure {} times and with no success since.", self.mac, self.count),
            remedy: "Look it up in the log of the RADIUS server: an expired certificate, a changed password, an unknown hardware address. Renew the device's certificate or account, or enter its address for MAC authentication bypass.".to_owned(),
            verify: "The switch answers its login with success; then this finding gets an end.".to_owned(),
            evidence: self
                .sights
                .iter()
                .map(|(at, cite)| Evidence {
                    at: *at,
                    cite: Some(*cite),
                    protocol: Some("eapol"),
                    text: format!("{called} is refused"),
                })
                .collect(),
            last_seen: self.ended.unwrap_or(self.last),
            ended: self.ended,
            count: self.count,
            ..Finding::of_network(&KIND, &self.mac.to_string(), first, self.detected)
        }
    }
}

/// No result depends on it.
const SEED: u64 = 0x6561_706f;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, party, s};
    use super::*;
    use crate::observation::Party;

    const DEVICE: Party = Party { mac: Some(mac(7)), ip: None, vlan: None, hop_limit: 0, port: 0 };
    const PORT: Party = Party { mac: Some(mac(1)), ip: None, vlan: None, hop_limit: 0, port: 0 };
    const GROUP: Party = Party { mac: None, ip: None, vlan: None, hop_limit: 0, port: 0 };

    /// A device answers at these seconds, and the switch says this to somebody.
    fn tries(at: &[i64], to: Party, said: fn(u8) -> Admission) -> Bench {
        let mut bench = Bench::new();
        for n in at {
            bench.sees(s(*n), DEVICE, PORT, Fact::Admission(Admission::Answered { id: 5 }));
            bench.sees(s(*n), to, PORT, Fact::Admission(said(5)));
            bench.tick(s(*n + 1));
        }
        bench
    }

    fn failure(id: u8) -> Admission {
        Admission::Refused { id }
    }

    #[test]
    fn a_device_that_is_refused_twice_is_told_whomever_the_switch_speaks_to() {
        for to in [DEVICE, GROUP] {
            let bench = tries(&[10, 70, 130], to, failure);
            let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
            assert_eq!((finding.first_seen, finding.detected, finding.count), (s(10), s(70), 3));
            assert_eq!((finding.evidence[0].cite, finding.dispatch), (Some(cite(s(10))), Some("no")));
        }
    }

    #[test]
    fn it_ends_when_the_device_is_let_in_or_talked_to() {
        let mut bench = tries(&[10, 70], DEVICE, failure);
        bench.sees(s(90), DEVICE, PORT, Fact::Admission(Admission::Accepted { id: 6 }));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(90)));
        let mut bench = tries(&[10, 70], DEVICE, failure);
        let talk = Fact::Activity(super::super::bench::activity(s(95), 3));
        bench.sees(s(96), party(mac(9), "192.0.2.9", None), party(mac(7), "192.0.2.7", None), talk);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(95)));
    }

    #[test]
    fn once_or_with_a_success_between_is_none() {
        assert!(tries(&[10], DEVICE, failure).of(&KIND).is_empty());
        let mut bench = tries(&[10], DEVICE, failure);
        bench.sees(s(20), DEVICE, PORT, Fact::Admission(Admission::Accepted { id: 6 }));
        bench.sees(s(3_600), DEVICE, PORT, Fact::Admission(Admission::Refused { id: 7 }));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_failure_to_a_group_that_nobody_answered_is_nobodys() {
        let mut bench = Bench::new();
        (0..9).for_each(|n| bench.sees(s(n), GROUP, PORT, Fact::Admission(Admission::Refused { id: 5 })));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut admissions = Admissions::new();
        for n in 0..DEVICES_MAX as u32 + 50 {
            let [_, b, c, d] = n.to_be_bytes();
            admissions.asking.insert(Mac([2, 0, 0, b, c, d]), Asking::default(), s(1));
        }
        assert_eq!(admissions.asking.len(), DEVICES_MAX);
    }
}
