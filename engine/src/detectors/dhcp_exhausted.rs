//! `dhcp-exhausted`: known devices keep their addresses, new ones get none.
//!
//! ## What it says
//! At least two devices asked for an address over DHCP again and again, or one did four times, and got nothing
//! or a refusal for 30 s, while the server acknowledged others their addresses: it lives and has nothing left to give.
//! Or so many clients that were never heard of asked within 10 s as no site has devices, with made-up hardware
//! addresses: somebody takes all there is. The first new device that is given an address ends it.
//!
//! ## Why it matters
//! A replaced or added camera stays dark although it is fine and its cable is too. Where made-up
//! clients ask, it is an attack, or a device gone mad, and soon concerns everybody.
//!
//! ## Where it is wrong
//! A server that gives addresses to known devices only, on purpose, looks the same to a foreign one.
//! An access point that serves a crowd may be taken for made-up clients.
//!
//! ## State
//! [`super::leasing`]: who asks in vain, by VLAN.

use spanwatch_parsers::{Fact, Time};

use super::leasing::{Episode, Leasing, Why};
use super::{Detector, Known, dhcp_failed, in_vlan, of_vlan};
use crate::finding::{Cause, Finding, Kind, Severity, id};
use crate::observation::Observation;
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "dhcp-exhausted",
    category: "network",
    severity: Severity::High,
    source: include_str!("dhcp_exhausted.rs"),
    start: Some(|| Box::new(Exhausted::default())),
};

/// Some are acknowledged and others not answered, in per cent: why, only the server knows.
const SILENT_TO_SOME: u8 = 70;
/// It refuses them too, in per cent.
const REFUSED_TOO: u8 = 85;
/// Made-up clients, in per cent.
const MADE_UP: u8 = 80;

/// Who asks and is given nothing.
#[derive(Debug, Default)]
pub struct Exhausted(Leasing);

impl Detector for Exhausted {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Lease(_) | Fact::Activity(_))
    }

    fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        self.0.observe(seen, known);
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.0.fire(to);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.0.unwatched(from, to);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let exhausted = self.0.episodes.iter().filter(|episode| episode.why != Why::Failed);
        exhausted.map(|episode| finding(episode, known)).collect()
    }
}

fn finding(episode: &Episode, known: &Known<'_>) -> Finding {
    let (vlan, since, server) =
        (in_vlan(episode.vlan), clock_time(episode.since), episode.server_called(known));
    let until = episode.ended.map_or_else(
        || format!("Since {since} UTC"),
        |ended| format!("From {since} to {} UTC", clock_time(ended)),
    );
    let superseded =
        episode.is_revision.then(|| id(dhcp_failed::KIND.id, &of_vlan(episode.vlan), episode.since));
    let frame = Finding {
        devices: episode.devices(known),
        supersedes: superseded.into_iter().collect(),
        evidence: episode.evidence.clone(),
        last_seen: episode.ended.unwrap_or(episode.last).max(episode.last),
        ended: episode.ended,
        count: episode.tries,
        verify: "A new device that asks is given an address within a second; this finding then gets an end."
            .to_owned(),
        cause: Some(Cause::Dhcp),
        ..Finding::of_network(&KIND, &of_vlan(episode.vlan), episode.since, episode.detected)
    };
    if episode.why == Why::Starved {
        let source = episode.flooder.map_or_else(
            || "They come from made-up hardware addresses.".to_owned(),
            |mac| format!("All of them come from one device: {}.", known.bearer(mac).1),
        );
        let mut devices: Vec<_> = episode.flooder.and_then(|mac| known.bearer(mac).0).into_iter().collect();
        devices.extend(episode.server().and_then(|ip| known.holder(ip, episode.vlan).0));
        return Finding {
            confidence: MADE_UP,
            switch: devices.first().and_then(|number| known.switch_of(*number)),
            devices,
            title: format!("Made-up devices take all addresses{vlan}"),
            summary: format!(
                "{until} {} devices that do not exist asked the network for an address within seconds{vlan}: soon none is left, and cameras that start stay dark. {source} It is IT's turn: find the port they come from and close it.",
                episode.clients_count
            ),
            detail: format!(
                "{} DHCP clients never heard of before asked within 10 s{vlan}, from hardware addresses without a common maker or in one sender's frames: a starvation attack, or a test tool. {source}",
                episode.clients_count
            ),
            remedy: "Find the port in the switch's MAC table and shut it; turn on port security and a DHCP rate limit (DHCP snooping) on access ports; then clear the leases of the made-up clients.".to_owned(),
            ..frame
        };
    }
    let many = match episode.clients_count {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    let refused = match episode.refusals {
        0 => String::new(),
        count => format!(" {count} requests were refused (NAK)."),
    };
    let renewed = episode.renewed.map_or_else(String::new, |it| {
        format!(" Meanwhile {} was acknowledged its own at {} UTC.", it.client, clock_time(it.at))
    });
    Finding {
        confidence: if episode.refusals > 0 { REFUSED_TOO } else { SILENT_TO_SOME },
        title: format!("No addresses left{vlan}: new devices get none since {since} UTC"),
        summary: format!(
            "{until} {many} asked the network for an address{vlan} and got none, while others kept theirs: most likely none is left. They stay dark and are not at fault: {}. It is IT's turn: look how many addresses {server} has left.",
            episode.clients_called(known)
        ),
        detail: format!(
            "{} DHCP requests of {many} were in vain{vlan} while {server} went on answering others.{renewed}{refused}",
            episode.tries
        ),
        remedy: "Enlarge the address range (scope), shorten the lease, or delete leases of devices that are gone; check that the server is not set to known devices only.".to_owned(),
        ..frame
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use spanwatch_parsers::{Fact, Lease, Mac};

    const SERVER: (Mac, &str) = (mac(100), "192.0.2.1");

    fn acknowledged(bench: &mut Bench, at: i64, client: u8) {
        let ip = format!("192.0.2.{client}");
        bench.lease(s(at), mac(client), 5, Some(SERVER), Some(&ip));
        bench.tick(s(at));
    }

    fn asks(bench: &mut Bench, client: u8, seconds: &[i64]) {
        for at in seconds {
            bench.lease(s(*at), mac(client), 1, None, None);
            bench.tick(s(*at));
        }
    }

    #[test]
    fn new_ones_in_vain_while_known_ones_are_acknowledged_are_exhaustion() {
        let mut bench = Bench::new();
        acknowledged(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112]);
        acknowledged(&mut bench, 115, 50);
        asks(&mut bench, 7, &[128]);
        bench.tick(s(131));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(100), s(130), None));
        assert_eq!(finding.confidence, SILENT_TO_SOME);
        assert!(bench.of(&dhcp_failed::KIND).is_empty());
        // A known one ends nothing; a new one that is served does.
        acknowledged(&mut bench, 140, 51);
        assert_eq!(bench.of(&KIND)[0].ended, None);
        bench.lease(s(150), mac(7), 2, Some(SERVER), Some("192.0.2.7"));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(150)));
    }

    #[test]
    fn what_looked_like_a_dead_server_is_revised_by_a_renewal() {
        let mut bench = Bench::new();
        acknowledged(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112, 128]);
        bench.tick(s(131));
        let before = bench.of(&dhcp_failed::KIND);
        assert_eq!(before.len(), 1);
        acknowledged(&mut bench, 140, 50);
        asks(&mut bench, 7, &[160]);
        bench.tick(s(170));
        assert!(bench.of(&dhcp_failed::KIND).is_empty());
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, &finding.supersedes), (s(100), &vec![before[0].id.clone()]));
    }

    #[test]
    fn refusals_make_it_surer() {
        let mut bench = Bench::new();
        acknowledged(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112]);
        acknowledged(&mut bench, 115, 50);
        bench.lease(s(116), mac(7), 6, Some(SERVER), None);
        asks(&mut bench, 7, &[128]);
        bench.tick(s(131));
        assert_eq!(bench.of(&KIND)[0].confidence, REFUSED_TOO);
    }

    #[test]
    fn a_server_that_gives_to_one_new_device_has_some_left() {
        let mut bench = Bench::new();
        acknowledged(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112]);
        bench.lease(s(113), mac(9), 2, Some(SERVER), Some("192.0.2.9"));
        acknowledged(&mut bench, 114, 50);
        asks(&mut bench, 7, &[128]);
        bench.tick(s(200));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn clients_without_a_common_maker_in_one_moment_are_made_up() {
        let mut bench = Bench::new();
        for n in 0..80_u8 {
            bench.lease(s(10), Mac([n & 0xfe, n, n.wrapping_mul(7), 1, 2, 3]), 1, None, None);
        }
        bench.tick(s(11));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.confidence, finding.first_seen), (MADE_UP, s(10)));
    }

    #[test]
    fn one_sender_that_asks_for_many_is_named() {
        let mut bench = Bench::new();
        for n in 0..80_u8 {
            let lease =
                Lease { message: 1, server: None, address: None, lease_s: None, relay: None, transaction: 1 };
            let subject = Mac([2, 0, 0, 0, 0, n]);
            let subject = crate::observation::Party { mac: Some(subject), ..Default::default() };
            bench.sees(s(10), subject, party(mac(9), "0.0.0.0", None), Fact::Lease(Box::new(lease)));
        }
        assert!(bench.of(&KIND)[0].detail.contains(&mac(9).to_string()));
    }

    #[test]
    fn a_site_that_starts_is_no_attack() {
        let mut bench = Bench::new();
        for n in 0..200_u8 {
            bench.lease(s(10 + i64::from(n) / 40), mac(n), 1, None, None);
            bench.lease(s(10 + i64::from(n) / 40), mac(n), 2, Some(SERVER), Some("192.0.2.9"));
        }
        bench.tick(s(100));
        assert!(bench.of(&KIND).is_empty());
    }
}
