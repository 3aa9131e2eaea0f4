//! `certificate-shared-key`: several devices have one private key.
//!
//! ## What it says
//! Two devices of the site or more, as servers, showed certificates with the same public key, so that they hold the same private one.
//!
//! ## Why it matters
//! The key came with the firmware, and is in everybody's hands who has that: he can pose as any of these devices and, where there is no
//! forward secrecy, read what was recorded.
//!
//! ## Where it is wrong
//! Servers that share a certificate on purpose (clusters, wildcards of the site's own) are left out as far as they are known
//! as servers. One device with several addresses is one only if something said so; without a MAC of its own nobody is counted. From TLS 1.3 on
//! certificates are not visible.
//!
//! ## State
//! `KEYS_MAX` keys, `HOLDERS_MAX` devices of each.

use std::collections::BTreeMap;

use spanwatch_parsers::{Digest, Fact, Time};

use super::certificates::{self, of_server, shown_as};
use super::weakness::owner;
use super::{Detector, Known};
use crate::finding::{Evidence, Finding, Kind, Owner, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-shared-key",
    category: "weakness",
    severity: Severity::Critical,
    source: include_str!("certificate_shared_key.rs"),
    start: Some(|| Box::new(SharedKeys::default())),
};

/// Keys watched, one for each of as many devices.
const KEYS_MAX: usize = 16_384;
/// Devices remembered of one key.
const HOLDERS_MAX: usize = 1_024;
/// Devices named in the evidence.
const SHOWN: usize = 8;
/// Two devices that are not known to be one, in per cent.
const SURE: u8 = 95;

/// Who holds which key.
#[derive(Debug, Default)]
pub struct SharedKeys {
    keys: BTreeMap<Digest<32>, BTreeMap<Number, Shown>>,
    refused: u64,
}

/// A device showed its certificate.
#[derive(Debug, Clone)]
struct Shown {
    first: (Time, Cite),
    last: Time,
    subject: String,
}

impl Shown {
    fn join(&mut self, other: Self) {
        if other.first < self.first {
            (self.first, self.subject) = (other.first, other.subject);
        }
        self.last = self.last.max(other.last);
    }
}

impl Detector for SharedKeys {
    fn reads(&self, fact: &Fact) -> bool {
        certificates::reads(fact)
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Some((certificate, _)) = of_server(seen) else { return };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let has_room = self.keys.len() < KEYS_MAX;
        let holders = match self.keys.get_mut(&certificate.key_sha256) {
            Some(holders) => holders,
            None if has_room => self.keys.entry(certificate.key_sha256).or_default(),
            None => {
                self.refused = self.refused.saturating_add(1);
                return;
            }
        };
        let has_room = holders.len() < HOLDERS_MAX;
        match holders.get_mut(&number) {
            Some(shown) => shown.last = seen.at,
            None if has_room => {
                let first = (seen.at, seen.cite);
                holders.insert(number, Shown { first, last: seen.at, subject: shown_as(certificate) });
            }
            None => self.refused = self.refused.saturating_add(1),
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        for holders in self.keys.values_mut() {
            let Some(shown) = holders.remove(&gone) else { continue };
            match holders.get_mut(&kept) {
                Some(known) => known.join(shown),
                None => drop(holders.insert(kept, shown)),
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let shared = self.keys.iter().filter(|(_, holders)| holders.len() > 1);
        shared.filter_map(|(key, holders)| finding(key, holders, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("keys of certificates", KEYS_MAX, self.refused)]
    }
}

fn finding(key: &Digest<32>, holders: &BTreeMap<Number, Shown>, known: &Known<'_>) -> Option<Finding> {
    let is_own = |number: Number| {
        known
            .directory
            .device(number)
            .is_some_and(|it| !it.macs.is_empty() && !SERVERS.contains(&it.kind().0))
    };
    let mut holders: Vec<(Number, &Shown)> = holders
        .iter()
        .map(|(number, shown)| (*number, shown))
        .filter(|(number, _)| is_own(*number))
        .collect();
    holders.sort_by_key(|(number, shown)| (shown.first, *number));
    let ((_, first), (_, second)) = (holders.first()?, holders.get(1)?);
    let owner = owner(holders.iter().map(|(number, _)| *number), known);
    let turn = if owner == Owner::It { "It is IT's turn" } else { "It is the camera team's turn" };
    let count = holders.len();
    let called = |number: Number| known.directory.device(number).map_or_else(String::new, Device::title);
    let names: Vec<String> = holders.iter().take(SHOWN).map(|(number, _)| called(*number)).collect();
    let more = if count > SHOWN { " and more" } else { "" };
    Some(Finding {
        confidence: SURE,
        owner,
        devices: holders.iter().map(|(number, _)| *number).collect(),
        title: format!("{count} devices share one private key"),
        summary: format!(
            "{count} devices prove their identity with the same secret key, which came with their firmware: {}{more}. Whoever has that firmware can pose as any of them. {turn}: make a key and a certificate of its own on each.",
            names.join("; ")
        ),
        detail: format!("{}; SHA-256 of the public key: {key}.", first.subject),
        remedy: "Let each device make a new key and certificate, or install one of your own authority; a factory reset is not enough.".to_owned(),
        verify: "New connections to each of them show certificates with different keys.".to_owned(),
        evidence: holders
            .iter()
            .take(SHOWN)
            .map(|(number, shown)| Evidence {
                at: shown.first.0,
                cite: Some(shown.first.1),
                protocol: Some("tls"),
                text: format!("{} shows {}", called(*number), shown.subject),
            })
            .collect(),
        last_seen: holders.iter().map(|(_, shown)| shown.last).max()?,
        ..Finding::of_network(&KIND, &key.to_string(), second.first.0, second.first.0)
    })
}

/// Kinds of devices whose owner may give several the same certificate.
const SERVERS: [&str; 3] = ["server", "vms", "workstation"];

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{certified_of, kinds};
    use super::*;

    #[test]
    fn a_key_on_two_devices_is_told_once_and_two_keys_are_not() {
        let of = |host: u8, key: u8| certified_of(host, |it| it.key_sha256 = Digest([key; 32]));
        let [finding] = &kinds(&KIND, &[&of(1, 5), &of(2, 5), &of(3, 6), &of(1, 5)])[..] else {
            panic!("one finding")
        };
        assert_eq!((finding.devices.len(), finding.evidence.len()), (2, 2));
        assert!(finding.title.starts_with("2 devices"));
        assert!(kinds(&KIND, &[&of(1, 5), &of(2, 6)]).is_empty());
    }
}
