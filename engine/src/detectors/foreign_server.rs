//! `foreign-server`: a device uses a name, time or mail server that is none of the site's.
//!
//! ## What it says
//! A camera, recorder or another device of physical security was answered by a name server (DNS), a time server (NTP) or a mail server that none of them had used while the picture
//! was learned, though it, or [`MANY`] of them, use another. Servers of a protocol that are used within two minutes of the first one are the site's; of time
//! and mail a public one is told only where all others are inside.
//!
//! ## Why it matters
//! Who tells a device names decides where it sends its pictures and passwords; who tells it the time decides what recordings prove. Worms and thieves change these settings.
//!
//! ## Where it is wrong
//! A server that IT put up is new all the same, and a spare one that is asked for the first time; routers are none; a device that was brought with its maker's settings uses its maker's.
//!
//! ## State
//! [`SERVERS_MAX`] servers of the site; see [`super::peers`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Span, Time};

use super::peers::{self, Held, Talk, Talks};
use super::{Detector, Known};
use crate::finding::{Finding, Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{Number, is_site_address};
use crate::observation::Observation;
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "foreign-server",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("foreign_server.rs"),
    start: Some(|| Box::<Servers>::default()),
};

/// So many devices make a server the rule.
const MANY: usize = 3;
/// What makes a device one of its kind is worth more than what it does alone, in per cent.
const SURELY: u8 = 60;
/// Servers of the site.
const SERVERS_MAX: usize = 256;
/// Clients kept of one server, as far as it matters how many.
const CLIENTS_MAX: usize = 1_024;

/// The protocols, and what their servers are called.
const PROTOCOLS: &[(&str, &str)] = &[("dns", "name server"), ("ntp", "time server"), ("smtp", "mail server")];

/// The servers of one protocol.
#[derive(Debug)]
struct Learned {
    since: Time,
    servers: BTreeMap<IpAddr, BTreeSet<Number>>,
}

/// All servers that devices of physical security use.
#[derive(Debug, Default)]
pub struct Servers {
    learned: BTreeMap<&'static str, Learned>,
    talks: Talks,
}

/// Whether a device is one of physical security by more than that it watches, as a workstation does too.
fn is_meant(device: &Device) -> bool {
    device.is_guarded_surely() && device.kind().1 >= SURELY
}

impl Servers {
    /// Takes an answer; whether it is of a foreign server.
    fn answered(
        &mut self,
        protocol: &'static str,
        server: IpAddr,
        client: Number,
        (at, learns): (Time, Span),
    ) -> bool {
        let empty = || Learned { since: at, servers: BTreeMap::new() };
        let learned = self.learned.entry(protocol).or_insert_with(empty);
        let is_learning = at - learned.since <= learns;
        if !is_learning && !learned.servers.contains_key(&server) {
            let is_public = !is_site_address(server);
            let mut others = learned.servers.iter();
            // Of a pool each answer comes from another one.
            let is_of_pool = is_public && protocol != "dns" && others.any(|(ip, _)| !is_site_address(*ip));
            let used = |clients: &BTreeSet<Number>| clients.contains(&client) || clients.len() >= MANY;
            if !is_of_pool && learned.servers.values().any(used) {
                return true;
            }
        }
        let is_full = learned.servers.len() >= SERVERS_MAX;
        if !is_full || learned.servers.contains_key(&server) {
            let clients = learned.servers.entry(server).or_default();
            if clients.len() < CLIENTS_MAX {
                clients.insert(client);
            }
        }
        false
    }

    fn finding(number: Number, held: &Held, known: &Known<'_>) -> Option<Finding> {
        known.directory.device(number).filter(|device| is_meant(device))?;
        let talks: Vec<&Talk> =
            held.talks.iter().filter(|talk| talk.judged(number, known) != Some(true)).collect();
        let first = talks.first()?.at;
        let who = peers::title(number, known);
        let what = peers::list(talks.iter().map(|talk| format!("{} {}", talk.what, talk.with)));
        Some(Finding {
            confidence: 75,
            devices: vec![number],
            switch: known.switch_of(number),
            title: format!("{who} uses a server that is none of the site's: {what}"),
            summary: format!(
                "{who} has begun to use {what}, which no camera or recorder here had used before. It is IT's turn: see who set it so."
            ),
            detail: format!("Answered by {what}, first at {} UTC.", clock_time(first)),
            remedy: "Compare the name, time and mail servers in the device's network settings with the site's. If nobody changed them, look for changed accounts too, and set the device back to factory state. Let devices reach the site's own servers alone.".to_owned(),
            verify: "The device asks the same servers as its peers, or the site's rules (`[[policy]]`) say that it may.".to_owned(),
            evidence: talks.iter().take(peers::SHOWN).map(|talk| talk.evidence(known)).collect(),
            last_seen: talks.iter().map(|talk| talk.last).max()?,
            count: talks.iter().fold(0, |sum, talk| sum.saturating_add(talk.count)),
            ..Finding::of_network(&KIND, &held.subject, first, first)
        })
    }
}

impl Detector for Servers {
    fn reads_traffic(&self) -> bool {
        false
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::Service { protocol } = seen.fact else { return };
        let Some((protocol, called)) = PROTOCOLS.iter().find(|(own, _)| *own == protocol) else { return };
        let Some(server) = seen.subject.ip else { return };
        let Some(client) = known.directory.find(&seen.peer) else { return };
        // A router serves each of its networks by an address of its own.
        let is_gateway = known.directory.find_ip(server, seen.subject.vlan);
        let is_gateway =
            is_gateway.and_then(|number| known.directory.device(number)).is_some_and(|it| it.is_router);
        if !is_gateway
            && known.directory.device(client).is_some_and(is_meant)
            && self.answered(protocol, server, client, (seen.at, peers::learns(client, known)))
        {
            self.talks.add(client, Talk::of(seen, (server, seen.subject.port), (*called).to_owned()), known);
        }
    }

    fn unwatched(&mut self, _from: Time, to: Time) {
        // What became the rule meanwhile is not known.
        for learned in self.learned.values_mut() {
            learned.since = to;
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        self.talks.renumber(gone, kept);
        for clients in self.learned.values_mut().flat_map(|it| it.servers.values_mut()) {
            if clients.remove(&gone) {
                clients.insert(kept);
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.talks.iter().filter_map(|(number, held)| Self::finding(number, held, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        self.talks.limits("devices that use foreign servers")
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    /// Cameras 1 to 5, and what answers them: when, whom, who, in which protocol.
    fn found(answers: &[(i64, u8, &str, &'static str)]) -> Vec<Finding> {
        let mut bench = Bench::new();
        let camera = |host: u8| party(mac(host), &format!("192.0.2.{host}"), None);
        for host in 1..=5 {
            bench.claims(s(0), mac(host), &format!("192.0.2.{host}"), None);
            bench.is_a(s(0), camera(host), "camera");
        }
        for (at, host, server, protocol) in answers {
            let server = Party { port: 53, ..party(mac(99), server, None) };
            let client = Party { port: 40_000, ..camera(*host) };
            bench.sees_in(protocol, s(*at), (server, client), Fact::Service { protocol });
        }
        bench.of(&KIND)
    }

    const OWN: &str = "192.0.2.53";
    const PUBLIC: &str = "198.18.0.53";

    #[test]
    fn a_camera_that_turns_to_another_server_is_told_once() {
        let answers = [(10, 1, OWN, "dns"), (300, 1, PUBLIC, "dns"), (400, 1, PUBLIC, "dns")];
        let [finding] = &found(&answers)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.count), (s(300), 2));
        assert!(finding.title.contains("name server 198.18.0.53"), "{}", finding.title);
        // One of which nothing was known does what none of its peers do.
        let answers =
            [(10, 1, OWN, "ntp"), (11, 2, OWN, "ntp"), (12, 3, OWN, "ntp"), (300, 4, PUBLIC, "ntp")];
        assert_eq!(found(&answers).len(), 1);
    }

    #[test]
    fn what_is_learned_and_pools_are_none() {
        assert!(found(&[(10, 1, OWN, "dns"), (100, 2, PUBLIC, "dns"), (300, 1, PUBLIC, "dns")]).is_empty());
        assert!(found(&[(10, 1, OWN, "dns"), (300, 2, PUBLIC, "dns")]).is_empty());
        assert!(found(&[(10, 1, PUBLIC, "ntp"), (900, 1, "198.18.0.54", "ntp")]).is_empty());
        assert!(found(&[(10, 1, OWN, "ntp"), (300, 1, PUBLIC, "dns")]).is_empty());
    }
}
