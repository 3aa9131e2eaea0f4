//! `port-scan`: somebody looks for open doors.
//!
//! ## What it says
//! One client tried in vain to reach [`HOSTS`] addresses on one port within a minute (*horizontal*), [`PORTS`] ports of one address within a minute (*vertical*), or
//! [`SLOW`] of both within an hour (*slow*), over TCP. In vain is what was refused, or not answered for three seconds. One finding for a client.
//!
//! ## Why it matters
//! Who has taken a machine looks for the next one this way; worms that seek cameras do nothing else.
//!
//! ## Where it is wrong
//! A program that inventories a network on purpose scans too. A port that the device was seen to serve is not counted, so that a recorder whose cameras are down is none;
//! nor is who is there and silent, as a camera that starts, unless many of its ports are tried; nor anything of a client that was never seen to get an answer, for there the mirror may show one side only.
//!
//! ## State
//! [`CLIENTS_MAX`] clients, of each [`TRIES_MAX`] tries of the last hour, the oldest forgotten first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use hashbrown::HashMap;
use spanwatch_parsers::{Fact, Span, Time};

use super::{Detector, Known, Look};
use crate::finding::{Evidence, Finding, Kind, Owner, Severity};
use crate::hash::{Keyed, seed};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "port-scan",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("port_scan.rs"),
    start: Some(|| Box::new(Scanning::new())),
};

/// Addresses on one port within [`MINUTE`] that do not answer there; a recorder whose list is old has a few.
const HOSTS: usize = 20;
/// Ports of one address within [`MINUTE`]; a program that looks for a device's services tries a handful.
const PORTS: usize = 15;
/// Pairs of both within [`HOUR`].
const SLOW: usize = 60;
const MINUTE: Span = Span::seconds(60);
const HOUR: Span = Span::seconds(3_600);
/// A host that is there answers sooner (RFC 6298, 2.1: the first SYN is sent again after one second).
const ANSWERS: Span = Span::seconds(3);

/// Who tries to reach whom.
#[derive(Debug)]
pub struct Scanning {
    /// In no order: what is told of them is sorted.
    clients: HashMap<Sort, Client, Keyed>,
    /// Who is forgotten first where there is no room: of those that did not scan, by their last try in vain.
    idle: BTreeSet<(Option<Time>, Sort)>,
    refused: u64,
}

/// An address as a number: one is looked up for each second of each connection.
type Sort = u128;

fn sort(ip: IpAddr) -> Sort {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[derive(Debug)]
struct Client {
    ip: IpAddr,
    /// Tries that were not answered, or refused, oldest first; of each address and port the first.
    tries: VecDeque<Try>,
    /// Where they were for.
    aims: BTreeSet<(Sort, u16)>,
    /// Whether anybody was ever seen to answer it.
    is_answered: bool,
    scan: Option<Scan>,
}

#[derive(Debug, Clone, Copy)]
struct Try {
    at: Time,
    cite: Cite,
    target: IpAddr,
    vlan: Option<u16>,
    port: u16,
    is_refused: bool,
}

impl Try {
    /// Whether the target serves that port, as is known by now.
    fn is_served(&self, known: &Known<'_>) -> bool {
        let device = known.directory.find_ip(self.target, self.vlan);
        let device = device.and_then(|number| known.directory.device(number));
        device.is_some_and(|device| {
            device.services.keys().any(|(over, at, _)| (*over, *at) == ("tcp", self.port))
        })
    }
}

#[derive(Debug)]
struct Scan {
    forms: BTreeSet<&'static str>,
    detected: Time,
    last: Time,
    tries: Vec<Try>,
}

impl Client {
    const fn new(ip: IpAddr) -> Self {
        Self { ip, tries: VecDeque::new(), aims: BTreeSet::new(), is_answered: false, scan: None }
    }

    /// Its place among the idle, unless it scanned.
    fn place(&self) -> Option<(Option<Time>, Sort)> {
        self.scan.is_none().then(|| (self.tries.back().map(|it| it.at), sort(self.ip)))
    }

    fn forget(&mut self, now: Time) {
        while self.tries.front().is_some_and(|it| now - it.at > HOUR) || self.tries.len() > TRIES_MAX {
            let Some(it) = self.tries.pop_front() else { break };
            self.aims.remove(&(sort(it.target), it.port));
        }
    }

    /// Takes an answer: what was tried there was not in vain, unless it was refused before.
    fn answered(&mut self, target: IpAddr, port: u16) {
        self.is_answered = true;
        let is_other = |it: &Try| it.is_refused || (it.target, it.port) != (target, port);
        if self.aims.contains(&(sort(target), port)) {
            self.tries.retain(is_other);
            if !self.tries.iter().any(|it| (it.target, it.port) == (target, port)) {
                self.aims.remove(&(sort(target), port));
            }
        }
        if let Some(scan) = &mut self.scan {
            scan.tries.retain(is_other);
        }
    }

    /// Which form of scan the last tries make, as of `now`.
    fn judge(&self, now: Time) -> Option<&'static str> {
        if !self.is_answered {
            return None;
        }
        let in_vain = self.tries.iter().filter(|it| it.is_refused || now - it.at >= ANSWERS);
        let near = in_vain.clone().filter(|it| now - it.at <= MINUTE);
        let (mut hosts, mut ports): (BTreeMap<u16, usize>, BTreeMap<IpAddr, usize>) = Default::default();
        for it in near {
            *hosts.entry(it.port).or_default() += 1;
            *ports.entry(it.target).or_default() += 1;
        }
        if hosts.values().any(|count| *count >= HOSTS) {
            return Some("horizontal");
        }
        if ports.values().any(|count| *count >= PORTS) {
            return Some("vertical");
        }
        (in_vain.count() >= SLOW).then_some("slow")
    }

    fn scan(&mut self, now: Time) {
        if let Some(scan) = &mut self.scan {
            // What goes on is counted; what was told once is a scan of this form too.
            let fresh: Vec<Try> = self.tries.iter().filter(|it| it.at > scan.last).copied().collect();
            fresh.iter().for_each(|it| scan.add(it));
        }
        let Some(form) = self.judge(now) else { return };
        match &mut self.scan {
            Some(scan) => {
                scan.forms.insert(form);
            }
            None => {
                let tries = self.tries.iter().copied().collect();
                let last = self.tries.back().map_or(now, |it| it.at);
                self.scan = Some(Scan { forms: BTreeSet::from([form]), detected: now, last, tries });
            }
        }
    }
}

impl Scan {
    fn add(&mut self, it: &Try) {
        self.last = self.last.max(it.at);
        if self.tries.len() < NAMED_MAX {
            self.tries.push(*it);
        }
    }

    /// What still counts: who serves the port by now was only late, and who is there and silent on one port, as a camera that starts,
    /// was looked for and not stumbled upon.
    fn in_vain(&self, known: &Known<'_>) -> Vec<Try> {
        let is_vertical = self.forms.contains("vertical");
        let is_there = |it: &Try| known.directory.find_ip(it.target, it.vlan).is_some();
        let counts = |it: &&Try| !it.is_served(known) && (it.is_refused || is_vertical || !is_there(it));
        self.tries.iter().filter(counts).copied().collect()
    }

    fn finding(&self, client: IpAddr, known: &Known<'_>) -> Option<Finding> {
        let tries = self.in_vain(known);
        let least = self.forms.iter().map(|form| match *form {
            "horizontal" => HOSTS,
            "vertical" => PORTS,
            _ => SLOW,
        });
        if tries.len() < least.min()? {
            return None;
        }
        let first = tries.first()?.at;
        let targets: BTreeSet<IpAddr> = tries.iter().map(|it| it.target).collect();
        let tried: BTreeSet<u16> = tries.iter().map(|it| it.port).collect();
        let evidence = |it: &Try| {
            let end = if it.is_refused { "refused" } else { "not answered" };
            Evidence {
                at: it.at,
                cite: Some(it.cite),
                protocol: Some("tcp"),
                text: format!("TCP port {} of {} is tried: {end}", it.port, it.target),
            }
        };
        let (number, called) = known.holder(client, None);
        let ports: Vec<String> = tried.iter().take(SHOWN).map(ToString::to_string).collect();
        let forms: Vec<&str> = self.forms.iter().copied().collect();
        let more = if tried.len() > SHOWN { " and more" } else { "" };
        let whom = match targets.len() {
            1 => targets.first().map_or_else(String::new, |ip| known.holder(*ip, None).1),
            count => format!("{count} addresses"),
        };
        Some(Finding {
            confidence: 90,
            owner: Owner::It,
            devices: number.into_iter().collect(),
            title: format!("Ports scanned from {called}"),
            summary: format!(
                "{called} tries the doors of {whom}, one after the other. It is IT's turn: find out what runs there; a device that was taken over does this."
            ),
            detail: format!(
                "A {} scan: from {} to {} UTC {client} tried in vain to reach {whom} on TCP ports {}{more}, {} tries.",
                forms.join(" and "),
                clock_time(first),
                clock_time(self.last),
                ports.join(", "),
                tries.len(),
            ),
            remedy: "Ask who looks after that machine whether a scan was meant. If not, take it off the network and look what runs on it; a camera or recorder is set back to factory state and updated.".to_owned(),
            verify: format!("{client} opens connections to what it needs alone for a day."),
            evidence: tries.iter().take(SHOWN).map(evidence).collect(),
            last_seen: self.last.max(self.detected),
            count: tries.len() as u64,
            ..Finding::of_network(&KIND, &client.to_string(), first, self.detected)
        })
    }
}

impl Scanning {
    fn new() -> Self {
        Self { clients: HashMap::with_hasher(Keyed::new(seed())), idle: BTreeSet::new(), refused: 0 }
    }

    fn opens(&mut self, client: IpAddr, it: Try) {
        let key = sort(client);
        if !self.clients.contains_key(&key) {
            if self.clients.len() >= CLIENTS_MAX {
                let Some((_, oldest)) = self.idle.pop_first() else {
                    self.refused = self.refused.saturating_add(1);
                    return;
                };
                self.clients.remove(&oldest);
            }
            let fresh = Client::new(client);
            self.idle.extend(fresh.place());
            self.clients.insert(key, fresh);
        }
        self.change(client, |client| {
            client.forget(it.at);
            if client.aims.insert((sort(it.target), it.port)) {
                client.tries.push_back(it);
            }
        });
    }

    /// Changes what is known of a client, where anything is.
    fn change(&mut self, client: IpAddr, how: impl FnOnce(&mut Client)) {
        let Some(client) = self.clients.get_mut(&sort(client)) else { return };
        let before = client.place();
        how(client);
        let after = client.place();
        if before != after {
            if let Some(place) = before {
                self.idle.remove(&place);
            }
            self.idle.extend(after);
        }
    }
}

impl Detector for Scanning {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Opening { .. } | Fact::Refused { .. } | Fact::Activity(_))
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_tcp
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Opening { target, port, .. } => {
                let Some(client) = seen.subject.ip else { return };
                let (at, cite, vlan) = (seen.at, seen.cite, seen.subject.vlan);
                let it = Try { at, cite, target: *target, vlan, port: *port, is_refused: false };
                if !it.is_served(known) {
                    self.opens(client, it);
                }
            }
            Fact::Refused { port } => {
                let (Some(client), Some(target)) = (seen.peer.ip, seen.subject.ip) else { return };
                self.change(client, |client| {
                    client.is_answered = true;
                    let same = client.tries.iter_mut().find(|it| (it.target, it.port) == (target, *port));
                    if let Some(it) = same {
                        it.is_refused = true;
                    }
                    client.scan(seen.at);
                });
            }
            Fact::Activity(_) if seen.transport == Some(TCP) => {
                let (Some(client), Some(target)) = (seen.peer.ip, seen.subject.ip) else { return };
                let Some(known) = self.clients.get_mut(&sort(client)) else { return };
                if known.tries.is_empty() && known.scan.is_none() {
                    known.is_answered = true;
                } else {
                    self.change(client, |client| client.answered(target, seen.subject.port));
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        let busy = self.clients.values().filter(|client| client.tries.len() >= PORTS);
        for client in busy.map(|client| client.ip).collect::<Vec<_>>() {
            self.change(client, |client| client.scan(to));
        }
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        // Whether what was tried before was answered is not known any more.
        for client in self.clients.values_mut() {
            client.tries.clear();
            client.aims.clear();
        }
        self.idle = self.clients.values().filter_map(Client::place).collect();
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let mut scanned: Vec<_> =
            self.clients.values().filter_map(|client| Some((client.ip, client.scan.as_ref()?))).collect();
        scanned.sort_unstable_by_key(|(client, _)| sort(*client));
        scanned.into_iter().filter_map(|(client, scan)| scan.finding(client, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("clients that tried ports in vain", CLIENTS_MAX, self.refused)]
    }
}

const TCP: u8 = 6;
const CLIENTS_MAX: usize = 1_024;
const TRIES_MAX: usize = 256;
const NAMED_MAX: usize = 256;
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, activity, address, mac, ms, party, s};
    use super::*;
    use crate::observation::Party;

    fn client() -> Party {
        Party { port: 40_000, ..party(mac(99), "192.0.2.99", None) }
    }

    fn host(last: u8, port: u16) -> Party {
        Party { port, ..party(mac(last), &format!("192.0.2.{last}"), None) }
    }

    /// The client tries a port of a host, which refuses it, answers, or is silent.
    fn tries(bench: &mut Bench, at_ms: i64, target: (u8, u16), answer: Option<bool>) {
        let server = host(target.0, target.1);
        let fact =
            Fact::Opening { target: address(&format!("192.0.2.{}", target.0)), port: target.1, attempt: 1 };
        bench.sees_in("flow", ms(at_ms), (client(), server), fact);
        match answer {
            Some(true) => {
                bench.sees_in("flow", ms(at_ms), (server, client()), Fact::Activity(activity(ms(at_ms), 1)));
            }
            Some(false) => {
                bench.sees_in("flow", ms(at_ms), (server, client()), Fact::Refused { port: target.1 });
            }
            None => {}
        }
    }

    fn found(tried: impl IntoIterator<Item = (i64, (u8, u16), Option<bool>)>) -> Vec<Finding> {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(99), "192.0.2.99", None);
        let mut last = 0;
        for (at_ms, target, answer) in tried {
            tries(&mut bench, at_ms, target, answer);
            last = at_ms;
        }
        bench.tick(ms(last + 5_000));
        bench.of(&KIND)
    }

    #[test]
    fn many_hosts_on_one_port_and_many_ports_of_one_host_are_scans() {
        let sweep = (0..25).map(|n| (i64::from(n) * 100, (n + 1, 23), (n == 0).then_some(true)));
        let [sweep] = &found(sweep)[..] else { panic!("one finding") };
        assert!(sweep.detail.starts_with("A horizontal scan"), "{}", sweep.detail);
        let ports = (0..25).map(|n| (i64::from(n) * 100, (7, 20 + n as u16), Some(false)));
        let [ports] = &found(ports)[..] else { panic!("one finding") };
        assert!(ports.detail.starts_with("A vertical scan"), "{}", ports.detail);
        assert_eq!(ports.count, 25);
    }

    #[test]
    fn what_takes_an_hour_is_a_slow_one() {
        let slow = (0..70).map(|n| (i64::from(n) * 40_000, (n + 1, 23), Some(false)));
        let [slow] = &found(slow)[..] else { panic!("one finding") };
        assert!(slow.detail.starts_with("A slow scan"), "{}", slow.detail);
    }

    #[test]
    fn a_recorder_that_is_answered_is_none() {
        let polls = (0..90).map(|n| (i64::from(n) * 100, (n + 1, 554), Some(true)));
        assert!(found(polls).is_empty());
    }

    #[test]
    fn where_nobody_was_seen_to_answer_nothing_is_said() {
        let blind = (0..90).map(|n| (i64::from(n) * 100, (n + 1, 554), None));
        assert!(found(blind).is_empty());
    }

    #[test]
    fn cameras_that_start_later_than_their_recorder_were_no_aim_of_a_scan() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(99), "192.0.2.99", None);
        (1..40).for_each(|n| tries(&mut bench, 1_000 + i64::from(n), (n, 554), (n < 10).then_some(false)));
        bench.tick(s(10));
        assert_eq!(bench.of(&KIND).len(), 1);
        for n in 1..40 {
            bench.claims(s(20), mac(n), &format!("192.0.2.{n}"), None);
            if n < 10 {
                bench.sees_in("rtsp", s(21), (host(n, 554), client()), Fact::Service { protocol: "rtsp" });
            }
        }
        bench.tick(s(30));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_port_that_was_served_is_not_counted() {
        let mut bench = Bench::new();
        for n in 1..40 {
            bench.claims(s(0), mac(n), &format!("192.0.2.{n}"), None);
            bench.sees_in("rtsp", s(1), (host(n, 554), client()), Fact::Service { protocol: "rtsp" });
        }
        for n in 1..40 {
            tries(&mut bench, 10_000 + i64::from(n), (n, 554), (n == 1).then_some(false));
        }
        bench.tick(s(20));
        assert!(bench.of(&KIND).is_empty());
    }
}
