//! `identity-changed`: behind an address of a camera or recorder there is another machine.
//!
//! ## What it says
//! A device of physical security held an address and was heard for [`SETTLED`] at least since; then another machine had it (by ARP, neighbour discovery, or what it sent on its own link), with another hardware address and
//! without a lease for it, and the first one was not heard any more.
//!
//! ## Why it matters
//! A camera may have been replaced, and wants to be on the list; or somebody stands where it stood, to send other pictures or to take the recorder's password.
//!
//! ## Where it is wrong
//! A device whose network card was changed is another machine to the wire. Where both are heard it is an `address-conflict`.
//!
//! ## State
//! [`CHANGES_MAX`] addresses that went from one to another, and [`LEASED_MAX`] that were leased.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{BindingBy, Fact, Mac, Span, Time};

use super::{Detector, Known, weakness};
use crate::finding::{Evidence, Finding, Kind, Owner, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "identity-changed",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("identity_changed.rs"),
    start: Some(|| Box::<Places>::default()),
};

/// Who held an address for so long was meant to.
const SETTLED: Span = Span::seconds(60);

/// An address, in a VLAN.
type Place = (Option<u16>, IpAddr);

/// Which addresses went from one to another.
#[derive(Debug, Default)]
pub struct Places {
    /// Addresses that a server leased: they wander.
    leased: BTreeSet<IpAddr>,
    changes: BTreeMap<(Place, Mac), Change>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Change {
    before: Number,
    old: Mac,
    at: Time,
    cite: Cite,
    source: &'static str,
}

impl Places {
    /// Takes an address that is said, or shown, to be a machine's.
    fn taken(&mut self, (mac, ip): (Mac, IpAddr), seen: &Observation, known: &Known<'_>) {
        let Some(handed) = known.directory.handed.filter(|handed| handed.ip == ip) else { return };
        let place = (seen.subject.vlan, ip);
        // Who is back was there all the time.
        self.changes.retain(|(of, _), change| *of != place || change.old != mac);
        let Some(old) = known.directory.device(handed.from) else { return };
        let is_settled = old.last_own - handed.since >= SETTLED;
        let Some(was) = old.macs.first().copied().filter(|_| is_settled) else { return };
        if self.changes.len() >= CHANGES_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let (at, cite, source) = (seen.at, seen.cite, seen.source);
        let change = Change { before: handed.from, old: was, at, cite, source };
        self.changes.entry((place, mac)).or_insert(change);
    }
}

impl Detector for Places {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Lease(_) | Fact::Binding { .. } | Fact::Activity(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Lease(lease) => {
                let leased = lease.address.filter(|_| self.leased.len() < LEASED_MAX);
                self.leased.extend(leased);
            }
            Fact::Binding { mac, ip, by: BindingBy::Claim | BindingBy::LinkScope } => {
                self.taken((*mac, *ip), seen, known)
            }
            // What no router touched binds its sender's address, too.
            Fact::Activity(_) => {
                if let (Some(mac), Some(ip), Some(_)) =
                    (seen.subject.mac, seen.subject.ip, known.directory.handed)
                {
                    self.taken((mac, ip), seen, known);
                }
            }
            _ => {}
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        let of_gone = self.changes.values_mut().filter(|change| change.before == gone);
        of_gone.for_each(|change| change.before = kept);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let each = self.changes.iter();
        each.filter_map(|((place, mac), change)| {
            let (_, ip) = place;
            let number = known.directory.find_mac(*mac)?;
            let old = known.directory.device(change.before)?;
            let new = known.directory.device(number)?;
            let is_changed = number != change.before
                && old.is_guarded_surely()
                && old.last_seen < change.at
                && !new.is_router
                && !self.leased.contains(ip);
            if !is_changed {
                return None;
            }
            let owner = weakness::owner([change.before, number].into_iter(), known);
            let turn = if owner == Owner::It { "It is IT's turn" } else { "It is the camera team's turn" };
            let (was, is) = (old.title(), new.title());
            Some(Finding {
                confidence: 80,
                owner,
                devices: vec![number, change.before],
                title: format!("Another machine at {ip}"),
                summary: format!(
                    "Since {} UTC another machine answers where {was} was. {turn}: see whether it was replaced.",
                    clock_time(change.at)
                ),
                detail: format!(
                    "{ip} was held by {} ({was}), and from {} UTC on by {mac} ({is}); the first was not heard since.",
                    change.old,
                    clock_time(change.at)
                ),
                remedy: "Ask who replaced it and put the new one on the list. Where nobody did, go and look, and change the passwords that recorders use there.".to_owned(),
                verify: "The site's list names the hardware address that holds the address.".to_owned(),
                evidence: vec![Evidence {
                    at: change.at,
                    cite: Some(change.cite),
                    protocol: Some(change.source),
                    text: format!("{mac} has {ip}, which {} held", change.old),
                }],
                ..Finding::of_network(&KIND, &format!("{ip} {mac}"), change.at, change.at)
            })
        })
        .collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("addresses that went to another machine", CHANGES_MAX, self.refused)]
    }
}

/// Changes told apart: as many as there may be devices.
const CHANGES_MAX: usize = 65_536;
/// IPv4 and IPv6 of 50,000 devices.
const LEASED_MAX: usize = 114_688;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Concluded, Key, Label};

    use super::super::bench::{Bench, activity, mac, party, s};
    use super::*;

    /// What is found where 7, a camera or not, holds an address for 100 s, and 8 takes it.
    fn found(is_camera: bool, is_heard: bool) -> Vec<Finding> {
        let mut bench = Bench::new();
        let own = party(mac(7), "192.0.2.7", None);
        for at in 0..10 {
            bench.claims(s(at * 10), mac(7), "192.0.2.7", None);
            bench.sees(s(at * 10), own, own, Fact::Activity(activity(s(at * 10), 1)));
        }
        if is_camera {
            let (key, entry) = (Key::RtspServer, &"test");
            let label =
                Label { attribute: Concluded::Kind, value: "camera".into(), strength: 90, key, entry };
            bench.sees(s(95), own, own, Fact::Label(label));
        }
        bench.claims(s(200), mac(8), "192.0.2.7", None);
        if is_heard {
            bench.claims(s(210), mac(7), "192.0.2.7", None);
        }
        bench.of(&KIND)
    }

    #[test]
    fn another_machine_in_a_cameras_place_is_told() {
        let told = found(true, false);
        assert_eq!(told.len(), 1);
        assert!(told[0].evidence[0].text.ends_with("has 192.0.2.7, which 02:00:00:00:10:07 held"));
    }

    #[test]
    fn where_both_are_heard_or_it_was_no_camera_nothing_is_said() {
        assert!(found(true, true).is_empty());
        assert!(found(false, false).is_empty());
    }
}
