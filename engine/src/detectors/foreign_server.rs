//! `foreign-server`: a device uses a name, time or mail server that is none of the site's.
//!
//! ## What it says
//! A camera, recorder or another device of physical security was answered by a name server (DNS), a time server (NTP) or a mail server that none of them had used while the picture
//! was learned, though it, or [`MANY`] of them, use another; or by one that the site's configuration does not list (`dns`, `ntp`, `smtp` of `[expected]`). Servers of a protocol that are used within two
//! minutes of the first one are the site's, with a new store those of its first day alone, whatever restarts and gaps come later; so are those that its DHCP servers (options 6 and 42) and routers (RDNSS) name: DHCP servers that are listed or
//! that a store learned, and whoever names any while the picture is learned. Of time
//! and mail a public one is told only where all others are inside. Devices that turn to the same server are one finding, as where all take to a spare one.
//!
//! ## Why it matters
//! Who tells a device names decides where it sends its pictures and passwords; who tells it the time decides what recordings prove. Worms and thieves change these settings.
//!
//! ## Where it is wrong
//! A server that IT put up is new all the same, and a spare one that no DHCP server names and that is asked for the first time; routers are none; a device that was brought with its maker's settings
//! uses its maker's. What DHCPv6 names is not read.
//!
//! ## State
//! [`SERVERS_MAX`] servers of the site in each protocol, [`NAMED_MAX`] that were named; see [`super::peers`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Span, Time};

use super::peers::{self, Held, Talk, Talks};
use super::{Detector, Known};
use crate::expected::{Candidate, LEARNS, Peer, Role};
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

/// Who names servers, and servers that were named; a site has a few of each.
const NAMED_MAX: usize = 256;
/// The longest that a router is silent unless it is told otherwise (RFC 4861, 6.2.1: `MaxRtrAdvInterval`).
const ROUTER_SILENT: Span = Span::seconds(600);

/// The protocols, what their servers do, and what they are called.
const PROTOCOLS: &[(&str, Role, &str)] = &[
    ("dns", Role::Dns, "name server"),
    ("ntp", Role::Ntp, "time server"),
    ("smtp", Role::Smtp, "mail server"),
];

/// The servers of one protocol.
#[derive(Debug)]
struct Learned {
    since: Time,
    servers: BTreeMap<IpAddr, Server>,
}

#[derive(Debug)]
struct Server {
    since: Time,
    clients: BTreeSet<Number>,
}

/// Servers that others name to devices.
#[derive(Debug, Default)]
struct Named {
    /// The first who named any, and when.
    since: Option<Time>,
    /// Who may: those who did while the picture was learned.
    by: BTreeSet<IpAddr>,
    servers: BTreeSet<(Role, IpAddr)>,
    refused: u64,
}

/// All servers that devices of physical security use.
#[derive(Debug, Default)]
pub struct Servers {
    learned: BTreeMap<Role, Learned>,
    named: Named,
    talks: Talks,
}

/// Whether a device is one of physical security by more than that it watches, as a workstation does too.
fn is_meant(device: &Device) -> bool {
    device.is_guarded_surely() && device.kind().1 >= SURELY
}

impl Named {
    /// Takes servers that somebody names at `at`: they are the site's where he is. That is who is expected to give out addresses, and who names servers while
    /// the picture is learned; where no earlier run learned who gives out addresses, who does so within `learns` of the first, too.
    fn takes(
        &mut self,
        by: IpAddr,
        (at, learns): (Time, Span),
        servers: impl IntoIterator<Item = (Role, IpAddr)>,
        known: &Known<'_>,
    ) {
        let is_early = at - *self.since.get_or_insert(at) <= learns;
        let is_learning =
            at <= known.learns_until || (is_early && known.memory.peers(Role::Dhcp).next().is_none());
        let is_expected = known.expects(Role::Dhcp, Candidate { ip: Some(by), device: None });
        // A router that names servers gives out no addresses, so that no list of those who do names it.
        let is_unlisted = is_expected == Some(false) && by.is_ipv4();
        if is_learning && !is_unlisted {
            self.refused += u64::from(!insert(&mut self.by, by));
        }
        if is_expected == Some(true) || self.by.contains(&by) {
            let refused = servers.into_iter().filter(|it| !insert(&mut self.servers, *it)).count();
            self.refused = self.refused.saturating_add(refused as u64);
        }
    }
}

/// Puts one into a set of [`NAMED_MAX`] at most; whether he is in it now.
fn insert<T: Ord>(set: &mut BTreeSet<T>, one: T) -> bool {
    let has_room = set.len() < NAMED_MAX;
    set.contains(&one) || (has_room && set.insert(one))
}

impl Servers {
    /// Takes an answer; whether it is of a foreign server.
    fn answered(
        &mut self,
        (role, server): (Role, IpAddr),
        client: Number,
        at: Time,
        known: &Known<'_>,
    ) -> bool {
        let empty = || Learned { since: at, servers: BTreeMap::new() };
        let learned = self.learned.entry(role).or_insert_with(empty);
        let is_expected = known.expects(role, Candidate { ip: Some(server), device: None });
        let is_ours = learned.servers.contains_key(&server) || self.named.servers.contains(&(role, server));
        let is_foreign = match is_expected {
            Some(is_expected) => !is_expected,
            None if is_ours || known.is_learning(role, learned.since, at) => false,
            None => learned.is_foreign((role, server), client, known),
        };
        let is_full = learned.servers.len() >= SERVERS_MAX && !learned.servers.contains_key(&server);
        if !is_foreign && !is_full {
            let new = || Server { since: at, clients: BTreeSet::new() };
            let clients = &mut learned.servers.entry(server).or_insert_with(new).clients;
            if clients.len() < CLIENTS_MAX {
                clients.insert(client);
            }
        }
        is_foreign
    }

    /// One finding of devices that turned to the same servers.
    fn finding(alike: &[(Number, &Held)], known: &Known<'_>) -> Option<Finding> {
        let mut talks: Vec<(Number, &Talk)> =
            alike.iter().flat_map(|(number, held)| held.talks.iter().map(|talk| (*number, talk))).collect();
        talks.sort_by_key(|(number, talk)| (talk.at, talk.cite, *number));
        let (first, (_, earliest)) = (talks.first()?.1.at, talks.first()?);
        let is_first =
            |(_, held): &&(Number, &Held)| held.talks.iter().any(|talk| std::ptr::eq(talk, *earliest));
        let subject = &alike.iter().find(is_first)?.1.subject;
        let mut met = BTreeSet::new();
        let devices: Vec<Number> =
            talks.iter().map(|(number, _)| *number).filter(|number| met.insert(*number)).collect();
        let (leading, others) = (*devices.first()?, devices.len() - 1);
        let title = peers::title(leading, known);
        let (who, have, one) = match others {
            0 => (title, "has", "The device asks"),
            1 => (format!("{title} and another device"), "have", "The devices ask"),
            _ => (format!("{title} and {others} other devices"), "have", "The devices ask"),
        };
        let what = peers::list(talks.iter().map(|(_, talk)| format!("{} {}", talk.what, talk.with)));
        let uses = if others == 0 { "uses" } else { "use" };
        Some(Finding {
            confidence: 75,
            switch: known.switch_of(leading).filter(|_| others == 0),
            devices,
            title: format!("{who} {uses} a server that is none of the site's: {what}"),
            summary: format!(
                "{who} {have} begun to use {what}, which no camera or recorder here had used before. It is IT's turn: see who set it so."
            ),
            detail: format!("Answered by {what}, first at {} UTC.", clock_time(first)),
            remedy: "Compare the name, time and mail servers in the device's network settings with the site's. If nobody changed them, look for changed accounts too, and set the device back to factory state. Let devices reach the site's own servers alone.".to_owned(),
            verify: format!(
                "{one} the same servers as before, or the site's configuration lists the server (`[expected]`), or a rule (`[[policy]]`) says that it may."
            ),
            evidence: talks.iter().take(peers::SHOWN).map(|(_, talk)| talk.evidence(known)).collect(),
            last_seen: talks.iter().map(|(_, talk)| talk.last).max()?,
            count: talks.iter().fold(0, |sum, (_, talk)| sum.saturating_add(talk.count)),
            ..Finding::of_network(&KIND, subject, first, first)
        })
    }

    /// What is told of a device.
    fn told((number, held): (Number, &Held), known: &Known<'_>) -> Option<(Number, Held)> {
        known.directory.device(number).filter(|device| is_meant(device))?;
        let mut held = held.clone();
        held.talks.retain(|talk| talk.judged(number, known) != Some(true));
        (!held.talks.is_empty()).then_some((number, held))
    }
}

impl Learned {
    /// Whether a server is foreign to who uses it, by what he and the others use.
    fn is_foreign(&self, (role, server): (Role, IpAddr), client: Number, known: &Known<'_>) -> bool {
        let earlier = || known.memory.peers(role).filter_map(|(who, _)| who.parse::<IpAddr>().ok());
        let is_public = |ip: IpAddr| !is_site_address(ip);
        // Of a pool each answer comes from another one.
        let is_of_pool = is_public(server)
            && role != Role::Dns
            && self.servers.keys().copied().chain(earlier()).any(is_public);
        let is_used = |server: &Server| server.clients.contains(&client) || server.clients.len() >= MANY;
        !is_of_pool && (earlier().next().is_some() || self.servers.values().any(is_used))
    }
}

/// Devices that turned to a common server, each group by itself, with all others that one of them turned to.
fn groups<'a>(told: &'a [(Number, Held)]) -> Vec<Vec<(Number, &'a Held)>> {
    let mut groups: Vec<Vec<(Number, &'a Held)>> = Vec::new();
    let mut of_server: BTreeMap<(&str, IpAddr), usize> = BTreeMap::new();
    for (number, held) in told {
        let servers = |held: &'a Held| held.talks.iter().map(|it| (it.what.as_str(), it.with));
        let mut met: Vec<usize> = servers(held).filter_map(|it| of_server.get(&it).copied()).collect();
        // The largest takes the others in, so that nobody moves often.
        met.sort_by_key(|group| groups.get(*group).map(Vec::len));
        let into = met.pop().unwrap_or(groups.len());
        if into == groups.len() {
            groups.push(Vec::new());
        }
        let others = met.into_iter().filter(|group| *group != into);
        let mut joining: Vec<_> =
            others.filter_map(|group| groups.get_mut(group).map(std::mem::take)).flatten().collect();
        joining.push((*number, held));
        for server in joining.iter().flat_map(|(_, held)| servers(held)) {
            of_server.insert(server, into);
        }
        groups.get_mut(into).into_iter().for_each(|group| group.append(&mut joining));
    }
    groups.retain(|alike| !alike.is_empty());
    groups
}

impl Detector for Servers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Service { .. } | Fact::Offers(_) | Fact::RouterAnnounced(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let protocol = match &seen.fact {
            Fact::Service { protocol } => *protocol,
            Fact::Offers(offers) => {
                let resolvers = offers.resolvers.iter().map(|ip| (Role::Dns, *ip));
                let servers = resolvers.chain(offers.clocks.iter().map(|ip| (Role::Ntp, *ip)));
                if let Some(by) = offers.by {
                    self.named.takes(by, (seen.at, LEARNS), servers, known);
                }
                return;
            }
            Fact::RouterAnnounced(said) => {
                let servers = said.resolvers.iter().map(|ip| (Role::Dns, IpAddr::V6(*ip)));
                if let Some(by) = seen.subject.ip {
                    self.named.takes(by, (seen.at, ROUTER_SILENT), servers, known);
                }
                return;
            }
            _ => return,
        };
        let Some((_, role, called)) = PROTOCOLS.iter().find(|(own, ..)| *own == protocol) else { return };
        let Some(server) = seen.subject.ip else { return };
        let Some(client) = known.directory.find(&seen.peer) else { return };
        // A router serves each of its networks by an address of its own.
        let is_gateway = known.directory.find_ip(server, seen.subject.vlan);
        let is_gateway =
            is_gateway.and_then(|number| known.directory.device(number)).is_some_and(|it| it.is_router);
        if !is_gateway
            && known.directory.device(client).is_some_and(is_meant)
            && self.answered((*role, server), client, seen.at, known)
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
        for server in self.learned.values_mut().flat_map(|it| it.servers.values_mut()) {
            if server.clients.remove(&gone) {
                server.clients.insert(kept);
            }
        }
    }

    fn learned(&self, _known: &Known<'_>) -> Vec<Peer> {
        let of = |(role, learned): (&Role, &Learned)| -> Vec<Peer> {
            let peer = |(ip, server): (&IpAddr, &Server)| Peer {
                role: *role,
                who: ip.to_string(),
                since: server.since,
            };
            learned.servers.iter().map(peer).collect()
        };
        self.learned.iter().flat_map(of).collect()
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let told: Vec<(Number, Held)> = self.talks.iter().filter_map(|it| Self::told(it, known)).collect();
        groups(&told).iter().filter_map(|alike| Self::finding(alike, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        let mut limits = self.talks.limits("devices that use foreign servers");
        limits.push(("servers that DHCP and routers name", NAMED_MAX, self.named.refused));
        limits
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Offers, RouterAnnounced};

    use super::super::bench::{Bench, address, mac, nothing_but, party, s};
    use super::*;
    use crate::ledger::memory::Memory;
    use crate::observation::Party;
    use crate::policy::Policy;

    /// Cameras 1 to 5, and what answers them: when, whom, who, in which protocol.
    fn found(answers: &[(i64, u8, &str, &'static str)]) -> Vec<Finding> {
        found_in(Bench::new(), answers)
    }

    fn found_in(mut bench: Bench, answers: &[(i64, u8, &str, &'static str)]) -> Vec<Finding> {
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
    fn all_who_take_to_one_spare_server_are_one_finding() {
        let own = (1..=5).map(|host| (10, host, OWN, "dns"));
        let spare = (1..=5).map(|host| (300 + i64::from(host), host, "192.0.2.54", "dns"));
        let alone = [(20, 5, OWN, "ntp"), (400, 5, "192.0.2.124", "ntp")];
        let [finding] = &found(&own.chain(spare).chain(alone).collect::<Vec<_>>())[..] else {
            panic!("one finding")
        };
        assert_eq!((finding.first_seen, finding.count, finding.devices.len()), (s(301), 6, 5));
        assert!(finding.title.contains("and 4 other devices use a server"), "{}", finding.title);
        // Who turns to another one is another finding.
        let apart = [
            (10, 1, OWN, "dns"),
            (10, 2, OWN, "dns"),
            (300, 1, PUBLIC, "dns"),
            (301, 2, "198.18.0.54", "dns"),
        ];
        assert_eq!(found(&apart).len(), 2);
    }

    /// A DHCP server, or a router, that names a name server at `at`.
    fn names(bench: &mut Bench, at: i64, by: &str, server: &str) {
        let camera = party(mac(1), "192.0.2.1", None);
        let ip = by.parse().ok();
        if by.contains(':') {
            let said =
                RouterAnnounced { resolvers: vec![server.parse().unwrap()], ..RouterAnnounced::default() };
            let router = party(mac(98), by, None);
            bench.sees_in("nd", s(at), (router, Party::default()), Fact::RouterAnnounced(Box::new(said)));
        } else {
            let offers = Offers { by: ip, resolvers: vec![server.parse().unwrap()], clocks: Vec::new() };
            bench.sees_in("dhcp", s(at), (camera, Party::default()), Fact::Offers(Box::new(offers)));
        }
    }

    #[test]
    fn what_the_sites_dhcp_server_and_router_name_is_the_sites() {
        for (by, server, stranger) in
            [("192.0.2.67", "192.0.2.54", "192.0.2.66"), ("fe80::1", "2001:db8::54", "fe80::66")]
        {
            let answers = [(10, 1, OWN, "dns"), (900, 1, server, "dns")];
            let mut bench = Bench::new();
            names(&mut bench, 5, by, server);
            assert!(found_in(bench, &answers).is_empty(), "{by}");
            // Who names servers for the first time after the picture was learned is none of the site's.
            let mut bench = Bench::new();
            names(&mut bench, 5, by, if by.contains(':') { "2001:db8::53" } else { OWN });
            names(&mut bench, 800, stranger, server);
            assert_eq!(found_in(bench, &answers).len(), 1, "{by}");
        }
    }

    #[test]
    fn who_names_servers_after_an_earlier_run_learned_is_believed_where_he_is_expected() {
        let found = |mut bench: Bench, (at, by): (i64, &str)| {
            let (own, spare) =
                if by.contains(':') { ("2001:db8::53", "2001:db8::54") } else { (OWN, "192.0.2.54") };
            names(&mut bench, 5, by, own);
            names(&mut bench, at, by, spare);
            found_in(bench, &[(10, 1, OWN, "dns"), (900, 1, spare, "dns")]).len()
        };
        let learned = |until: i64| {
            let mut memory = Memory::default();
            for (role, who) in [(Role::Dhcp, "192.0.2.67"), (Role::Dns, OWN)] {
                memory.expect(Peer { role, who: who.to_owned(), since: s(-90_000) });
            }
            memory.learns_until = Some(s(until));
            Bench::remembering(memory)
        };
        let by = ["192.0.2.67", "192.0.2.66", "fe80::66"];
        assert_eq!(by.map(|by| found(learned(1), (8, by))), [0, 1, 1]);
        assert_eq!(by.map(|by| found(learned(850), (800, by))), [0, 0, 0]);
        // Where the site lists its DHCP servers they are all, and its routers are none of them.
        let listed = || {
            let expected = [(Role::Dhcp, vec!["192.0.2.67".to_owned()])].into();
            Bench::with(Policy { expected, ..Policy::default() })
        };
        assert_eq!(by.map(|by| found(listed(), (8, by))), [0, 1, 0]);
    }

    #[test]
    fn servers_that_are_named_are_bounded_and_counted() {
        let (directory, switches) = Default::default();
        let known = nothing_but(&directory, &switches);
        let mut servers = Servers::default();
        let all = (0..NAMED_MAX as u32 + 5).map(|n| (Role::Dns, IpAddr::from(n.to_be_bytes())));
        for _ in 0..2 {
            servers.named.takes(address("192.0.2.67"), (s(0), LEARNS), all.clone(), &known);
        }
        assert_eq!(servers.limits()[1], ("servers that DHCP and routers name", NAMED_MAX, 10));
    }

    #[test]
    fn who_is_listed_is_all_and_who_was_learned_stays_learned() {
        let answers = [(10, 1, OWN, "dns"), (20, 1, "192.0.2.54", "dns")];
        let listed = |names: &[&str]| {
            let names = names.iter().map(|it| (*it).to_owned()).collect();
            Bench::with(Policy { expected: [(Role::Dns, names)].into(), ..Policy::default() })
        };
        assert_eq!(found_in(listed(&[OWN]), &answers).len(), 1);
        assert!(found_in(listed(&[OWN, "192.0.2.54"]), &answers).is_empty());
        assert_eq!(
            found_in(listed(&["192.0.2.54"]), &[(400, 1, "192.0.2.54", "dns"), (401, 1, OWN, "dns")]).len(),
            1
        );
        let learned = |who: &str| {
            let mut memory = Memory::default();
            memory.expect(Peer { role: Role::Dns, who: who.to_owned(), since: s(-90_000) });
            Bench::remembering(memory)
        };
        assert_eq!(found_in(learned(OWN), &answers).len(), 1);
        assert!(found_in(learned(OWN), &answers[..1]).is_empty());
        let mut bench = learned(OWN);
        bench.learns_until(s(15));
        assert_eq!(found_in(bench, &answers).len(), 1);
        let mut bench = learned(OWN);
        bench.learns_until(s(25));
        assert!(found_in(bench, &answers).is_empty());
    }

    #[test]
    fn where_a_store_has_learned_no_restart_and_no_gap_begins_anew() {
        let answers = [(10, 1, OWN, "dns"), (100, 1, "192.0.2.54", "dns"), (110, 1, "192.0.2.55", "dns")];
        let found = |learns_until: i64| {
            let mut bench = Bench::new();
            bench.learns_until(s(learns_until));
            found_in(bench, &answers).iter().map(|it| it.count).sum::<u64>()
        };
        assert_eq!([5, 15, 105, 400].map(found), [2, 2, 1, 0]);
    }

    #[test]
    fn what_is_learned_and_pools_are_none() {
        assert!(found(&[(10, 1, OWN, "dns"), (100, 2, PUBLIC, "dns"), (300, 1, PUBLIC, "dns")]).is_empty());
        assert!(found(&[(10, 1, OWN, "dns"), (300, 2, PUBLIC, "dns")]).is_empty());
        assert!(found(&[(10, 1, PUBLIC, "ntp"), (900, 1, "198.18.0.54", "ntp")]).is_empty());
        assert!(found(&[(10, 1, OWN, "ntp"), (300, 1, PUBLIC, "dns")]).is_empty());
    }
}
