//! `new-device`: somebody joined the network.
//!
//! ## What it says
//! A device was heard for the first time more than two minutes after watching began, and showed then that it joins: it asked for a lease, told its address unasked, or said
//! hello to all (WS-Discovery). Once for a device, however often it comes back; a watch with a store knows who was there before it was restarted, and with a new store
//! nobody is new on its first day, unless the site accepts earlier what was learned (`spanwatch learned accept`).
//!
//! ## Why it matters
//! What nobody put there on purpose may listen, or be a way in; and what was put there wants to be on the list.
//!
//! ## Where it is wrong
//! A device that was there all the time and starts anew after watching began is told, where nothing of it was heard before. A device that is merely heard late is not.
//! Phones that make up an address anew each day are new each day.
//!
//! ## State
//! [`DEVICES_MAX`] devices that joined.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, Mac, Span, Time};

use super::{Detector, Known, weakness};
use crate::expected::LEARNS;
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::ledger::device::Device;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "new-device",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("new_device.rs"),
    start: Some(|| Box::<Joining>::default()),
};

/// Who joins says so within this time of his first word.
const JOINS: Span = Span::seconds(60);

/// Who joined.
#[derive(Debug, Default)]
pub struct Joining {
    begun: Option<Time>,
    joined: BTreeMap<Mac, Joined>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Joined {
    begun: Time,
    at: Time,
    cite: Cite,
    source: &'static str,
    how: &'static str,
}

/// Whether a device was first heard after the picture was learned, and not long before or after it joined.
fn is_new(device: &Device, (begun, joined): (Time, Time), known: &Known<'_>) -> bool {
    let is_learned = device.first_seen - begun > LEARNS && device.first_seen > known.learns_until;
    is_learned && (joined - device.first_seen).0.abs() <= JOINS.0
}

impl Detector for Joining {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Lease(_) | Fact::Announced | Fact::Instance { .. })
    }

    fn begin(&mut self, at: Time) {
        self.begun.get_or_insert(at);
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Some(begun) = self.begun else { return };
        let how = match &seen.fact {
            Fact::Lease(lease) if matches!(lease.message, DISCOVER | REQUEST) => "asks for a lease",
            Fact::Announced => "tells its address unasked",
            Fact::Instance { is_announced: true, .. } => "says hello to all",
            _ => return,
        };
        if seen.at - begun <= LEARNS || seen.at <= known.learns_until {
            return;
        }
        // Who asks for his first lease is not known yet; whose MAC it is turns out later.
        let is_met = |mac: &Mac| self.joined.contains_key(mac) || known.memory.knows(*mac);
        let Some(mac) = seen.subject.mac.filter(|mac| !is_met(mac)) else { return };
        let device = known.directory.find_mac(mac).and_then(|number| known.directory.device(number));
        if device.is_some_and(|device| !is_new(device, (begun, seen.at), known)) {
            return;
        }
        if self.joined.len() >= DEVICES_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.joined.insert(mac, Joined { begun, at: seen.at, cite: seen.cite, source: seen.source, how });
    }

    fn unwatched(&mut self, _from: Time, to: Time) {
        // Who came meanwhile need not be new.
        self.begun = Some(to);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let each = self.joined.iter();
        each.filter_map(|(mac, joined)| {
            let number = known.directory.find_mac(*mac)?;
            // He may have turned out to be somebody who was there before.
            let device = known.directory.device(number);
            let device = device.filter(|it| is_new(it, (joined.begun, joined.at), known))?;
            let who = device.title();
            let owner = weakness::owner(std::iter::once(number), known);
            let turn = match owner {
                crate::finding::Owner::It => "It is IT's turn",
                _ => "It is the camera team's turn",
            };
            Some(Finding {
                confidence: 85,
                owner,
                devices: vec![number],
                title: format!("New device: {who}"),
                summary: format!(
                    "{who} joined the network at {} UTC and had not been heard before. {turn}: see whether somebody put it there on purpose, and put it on the list.",
                    clock_time(joined.at)
                ),
                detail: format!("First heard at {} UTC; it {} ({}).", clock_time(device.first_seen), joined.how, joined.source),
                remedy: "Find it (the switch's port is in its row, where a switch told), ask who installed it; where nobody did, shut its port.".to_owned(),
                verify: "The site's list names the device.".to_owned(),
                switch: known.switch_of(number),
                evidence: vec![Evidence {
                    at: joined.at,
                    cite: Some(joined.cite),
                    protocol: Some(joined.source),
                    text: format!("{who} {}", joined.how),
                }],
                ..Finding::of_network(&KIND, &mac.to_string(), device.first_seen, joined.at)
            })
        })
        .collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices that joined", DEVICES_MAX, self.refused)]
    }
}

/// DHCP message types (RFC 2132, 9.6).
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DEVICES_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;

    #[test]
    fn who_joins_after_two_minutes_is_told_once() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(1), "192.0.2.1", None);
        for at in [200, 500] {
            bench.lease(s(at), mac(7), 1, None, None);
            bench.tick(s(at));
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.count), (s(200), 1));
    }

    #[test]
    fn nobody_is_new_while_the_picture_is_learned() {
        let joined = |learns_until: i64| {
            let mut bench = Bench::new();
            bench.learns_until(s(learns_until));
            bench.claims(s(0), mac(1), "192.0.2.1", None);
            bench.lease(s(5_000), mac(7), 1, None, None);
            bench.lease(s(90_000), mac(8), 1, None, None);
            bench.of(&KIND).iter().map(|it| it.first_seen).collect::<Vec<_>>()
        };
        assert_eq!(joined(86_400), [s(90_000)]);
        assert_eq!(joined(4_000), [s(5_000), s(90_000)]);
    }

    #[test]
    fn who_joins_at_once_or_is_merely_heard_late_is_not() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(1), "192.0.2.1", None);
        bench.lease(s(100), mac(7), 1, None, None);
        bench.lease(s(400), mac(7), 1, None, None);
        bench.sends(s(200), mac(8), "192.0.2.8", None);
        bench.sees(
            s(300),
            party(mac(8), "192.0.2.8", None),
            party(mac(8), "192.0.2.8", None),
            Fact::Announced,
        );
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn who_comes_after_a_gap_need_not_be_new() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(1), "192.0.2.1", None);
        bench.tick(s(10));
        bench.unwatched(s(10), s(400));
        bench.lease(s(410), mac(7), 1, None, None);
        assert!(bench.of(&KIND).is_empty());
    }
}
