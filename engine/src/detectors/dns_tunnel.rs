//! `dns-tunnel`: a device sends data out hidden in the names that it asks for.
//!
//! ## What it says
//! A device of the site asked for [`NAMES`] different names below one domain within ten minutes, each with [`LONG`] letters at least in front of it. Who answers names himself, as a name server
//! that asks for others, is left out.
//!
//! ## Why it matters
//! Names are let through where all else is blocked; who has taken a device over gets data out and orders in this way.
//!
//! ## Where it is wrong
//! Some virus scanners and mail filters ask their maker about files and senders in just this way.
//!
//! ## State
//! [`ASKERS_MAX`] devices and domains, hashes of [`NAMES`] names of each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use spanwatch_parsers::{Fact, Span, Time};

use super::{Detector, Known, peers};
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::hash::Keyed;
use crate::ledger::directory::{Number, is_site_address};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "dns-tunnel",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("dns_tunnel.rs"),
    start: Some(|| Box::<Tunnels>::default()),
};

/// Letters in front of a domain: tools fill names up, and what people name is shorter.
const LONG: usize = 40;
/// Different ones within [`WINDOW`]: some hundred bytes a tool sends in one.
const NAMES: usize = 30;
const WINDOW: Span = Span::seconds(600);
/// Devices and domains with long names.
const ASKERS_MAX: usize = 4_096;
/// Names kept as evidence.
const TRAIL: usize = 4;

/// Long names below one domain that one device asks for.
#[derive(Debug)]
struct Names {
    subject: String,
    first: Time,
    last: Time,
    /// Those of the last window, as hashes.
    names: BTreeSet<u64>,
    bytes: u64,
    count: u64,
    detected: Option<Time>,
    trail: Vec<(Time, Cite, String)>,
}

/// All who ask for long names.
#[derive(Debug, Default)]
pub struct Tunnels {
    askers: BTreeMap<(Number, String), Names>,
    refused: u64,
}

/// The domain that somebody registered, and what stands in front of it: by the last two labels, three where the last but one is
/// as short as in `co.uk`.
fn split(name: &str) -> Option<(&str, &str)> {
    let mut dots = name.char_indices().rev().filter(|(_, letter)| *letter == '.').map(|(at, _)| at);
    let (last, second) = (dots.next()?, dots.next()?);
    let is_short = last - second <= SECOND_LEVEL;
    let at = if is_short { dots.next()? } else { second };
    Some((name.get(..at)?, name.get(at + 1..)?))
}

impl Tunnels {
    fn asked(&mut self, seen: &Observation, name: &str, known: &Known<'_>) {
        let Some((front, domain)) = split(name).filter(|(front, _)| front.len() >= LONG) else { return };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let key = (number, domain.to_owned());
        if self.askers.len() >= ASKERS_MAX && !self.askers.contains_key(&key) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let begun = || Names {
            subject: known.id_of(number),
            first: seen.at,
            last: seen.at,
            names: BTreeSet::new(),
            bytes: 0,
            count: 0,
            detected: None,
            trail: Vec::new(),
        };
        let own = self.askers.entry(key).or_insert_with(begun);
        if own.detected.is_none() && seen.at - own.first > WINDOW {
            let subject = std::mem::take(&mut own.subject);
            *own = Names { subject, ..begun() };
        }
        if own.names.len() < NAMES && !own.names.insert(Keyed::new(SEED).of(&front)) {
            return;
        }
        own.last = seen.at;
        own.count = own.count.saturating_add(1);
        own.bytes = own.bytes.saturating_add(front.len() as u64);
        if own.trail.len() < TRAIL {
            own.trail.push((seen.at, seen.cite, name.to_owned()));
        }
        if own.names.len() >= NAMES {
            own.detected = own.detected.or(Some(seen.at));
        }
    }

    fn finding(number: Number, domain: &str, own: &Names, known: &Known<'_>) -> Option<Finding> {
        let detected = own.detected?;
        let device = known.directory.device(number)?;
        let serves_names = device.services.keys().any(|(_, _, protocol)| *protocol == "dns");
        if serves_names || !device.ips.iter().any(|ip| is_site_address(*ip)) {
            return None;
        }
        let who = peers::title(number, known);
        Some(Finding {
            confidence: 75,
            devices: vec![number],
            switch: known.switch_of(number),
            title: format!("{who} seems to send data out in names below {domain}"),
            summary: format!(
                "{who} asks for long names without meaning below {domain}, one after the other, as programs do that hide data in them. It is IT's turn: find out what runs on it."
            ),
            detail: format!(
                "{} different names below {domain} from {} to {} UTC, {} letters in front of it.",
                own.count,
                clock_time(own.first),
                clock_time(own.last),
                own.bytes
            ),
            remedy: format!(
                "Block {domain} at the name server, let devices ask no other server than the site's, and look what runs on the device; a camera or recorder is set back to factory state and updated."
            ),
            verify: format!("The device asks for no names below {domain} any more."),
            evidence: own
                .trail
                .iter()
                .map(|(at, cite, name)| Evidence {
                    at: *at,
                    cite: Some(*cite),
                    protocol: Some("dns"),
                    text: format!("asks for {name}"),
                })
                .collect(),
            last_seen: own.last,
            count: own.count,
            ..Finding::of_network(&KIND, &format!("{} {domain}", own.subject), own.first, detected)
        })
    }
}

impl Detector for Tunnels {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::NameAsked { .. })
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        if let Fact::NameAsked { name } = &seen.fact {
            self.asked(seen, name.as_str(), known);
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        let own = self.askers.keys().filter(|(number, _)| *number == gone).cloned().collect::<Vec<_>>();
        for key in own {
            if let Some(names) = self.askers.remove(&key) {
                self.askers.entry((kept, key.1)).or_insert(names);
            }
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        // Looked at where room is short: to be forgotten late does no harm.
        if self.askers.len() > ASKERS_MAX / 2 {
            self.askers.retain(|_, own| own.detected.is_some() || to - own.first <= WINDOW);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let each = self.askers.iter();
        each.filter_map(|((number, domain), own)| Self::finding(*number, domain, own, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices that ask for long names", ASKERS_MAX, self.refused)]
    }
}

/// A label of so many letters, its dot included, is a second level of a country.
const SECOND_LEVEL: usize = 4;
/// No result depends on it.
const SEED: u64 = 0x646e_7374;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    fn found(names: impl Iterator<Item = (i64, String)>, is_server: bool) -> Vec<Finding> {
        let mut bench = Bench::new();
        let own = Party { port: 40_000, ..party(mac(7), "192.0.2.7", None) };
        let server = Party { port: 53, ..party(mac(1), "192.0.2.1", None) };
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        if is_server {
            let client = Party { port: 40_000, ..party(mac(9), "192.0.2.9", None) };
            bench.sees_in(
                "dns",
                s(1),
                (Party { port: 53, ..own }, client),
                Fact::Service { protocol: "dns" },
            );
        }
        for (at, name) in names {
            bench.sees_in("dns", s(at), (own, server), Fact::NameAsked { name: name.as_str().into() });
        }
        bench.of(&KIND)
    }

    fn long(n: i64) -> String {
        format!("{n:0>50}.t.example.com")
    }

    #[test]
    fn many_long_names_below_one_domain_are_told_once() {
        let [finding] = &found((0..60).map(|n| (n, long(n))), false)[..] else { panic!("one finding") };
        assert_eq!((finding.detected, finding.count), (s(29), 60));
        assert!(finding.title.ends_with("below example.com"), "{}", finding.title);
    }

    #[test]
    fn few_or_short_names_the_same_again_and_name_servers_are_none() {
        assert!(found((0..20).map(|n| (n, long(n))), false).is_empty());
        assert!(found((0..60).map(|n| (n * 60, long(n))), false).is_empty());
        assert!(found((0..60).map(|n| (n, format!("host{n}.example.com"))), false).is_empty());
        assert!(found((0..60).map(|n| (n, long(1))), false).is_empty());
        assert!(found((0..60).map(|n| (n, long(n))), true).is_empty());
    }

    #[test]
    fn domains_are_what_somebody_registered() {
        assert_eq!(split("a.b.example.com"), Some(("a.b", "example.com")));
        assert_eq!(split("a.example.co.uk"), Some(("a", "example.co.uk")));
        assert_eq!(split("example.com"), None);
    }

    #[test]
    fn state_is_bounded() {
        let (directory, switches) = Default::default();
        let mut known = super::super::bench::nothing_but(&directory, &switches);
        known.now = s(1);
        let mut tunnels = Tunnels::default();
        let names = || Names {
            subject: String::new(),
            first: s(0),
            last: s(0),
            names: BTreeSet::new(),
            bytes: 0,
            count: 0,
            detected: None,
            trail: Vec::new(),
        };
        (0..ASKERS_MAX as u32).for_each(|n| {
            tunnels.askers.insert((Number::for_test(n), String::new()), names());
        });
        let mut directory = crate::ledger::directory::Directory::default();
        directory.mac_or_add(mac(7), s(0));
        let known = Known { directory: &directory, ..known };
        let seen = Observation {
            place: Default::default(),
            at: s(1),
            cite: Cite::default(),
            subject: Party { mac: Some(mac(7)), ..Party::default() },
            peer: Party::default(),
            transport: None,
            source: "dns",
            fact: Fact::Announced,
        };
        tunnels.asked(&seen, &long(1), &known);
        assert_eq!((tunnels.askers.len(), tunnels.limits()[0].2), (ASKERS_MAX, 1));
    }
}
