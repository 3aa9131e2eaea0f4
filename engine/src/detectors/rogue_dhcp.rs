//! `rogue-dhcp`: a DHCP server that was not there before gives out addresses.
//!
//! ## What it says
//! For two minutes from the first DHCP answer of a VLAN on, whoever answers there is taken for one of its servers: a
//! pair that shares the work is learned; whom a store learned, or the site's configuration lists (`dhcp` of `[expected]`), is known from the start, and in a VLAN in which
//! one whom a store learned answers nobody else is learned. After that another one gave an address, and it is no stand-in: it gives addresses
//! of another network, or it answered a request that a known server answered too, or a known server
//! answered others within the last two minutes. Where two servers answer one request from the start and name different
//! routers, the site tells which of them is the stranger: devices live in the network that the right one gives, what it names
//! as the way out was seen forwarding, and leases of its were there before; the other has none of that. It ends when others answered three more devices and this one none.
//!
//! ## Why it matters
//! A device that takes its address from the wrong server lands in a network where nobody finds it, or sends all it has
//! through a stranger. Mostly somebody plugged in a home router; sometimes it is an attack.
//!
//! ## Where it is wrong
//! Where the first server heard is the rogue itself and fewer than three devices of the site's own network were heard, the
//! right one is named when it first answers. A new server that
//! IT put up for another network of the same VLAN is new all the same. A relay is no server. A server that a store learned is known in all VLANs. Where the mirror
//! removes tags, the servers of all VLANs look like those of one.
//!
//! ## State
//! The known servers of each VLAN, 16 in each (`dhcp_servers.rs`); the last answers, `RECENT_MAX`; `ROGUES_MAX` rogues.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Mac, Span, Time};

use super::dhcp_servers::{Answer, LEARNING, Learned, SAME_REQUEST};
use super::{Detector, Known, in_vlan, of_vlan};
use crate::expected::{Candidate, Peer, Role};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "rogue-dhcp",
    category: "network",
    severity: Severity::High,
    source: include_str!("rogue_dhcp.rs"),
    start: Some(|| Box::new(Servers::default())),
};

/// A known server that answered within this time has not failed: nobody stands in for it.
const ALIVE: Span = Span::seconds(120);
/// So many devices were given an address without it: it is gone.
const UNANSWERED: usize = 3;
/// Answers remembered, to see two to one request.
const RECENT_MAX: usize = 256;
/// Rogues told apart.
const ROGUES_MAX: usize = 256;
/// Addresses named that a rogue gave.
const GIVEN_NAMED: usize = 4;
/// Devices named that it gave addresses to.
const CLIENTS_MAX: usize = 64;
/// Sights kept of a rogue.
const EVIDENCE_MAX: usize = 8;
/// Another server where one was known, in per cent.
const ONE_WITNESS: u8 = 75;
/// And both answered one request, or it gives out another network in this VLAN, in per cent.
const TWO_WITNESSES: u8 = 92;

/// The servers of each VLAN; there is one entry for each tag at most.
#[derive(Debug, Default)]
pub struct Servers {
    vlans: BTreeMap<Option<u16>, Learned>,
    recent: Vec<Answer>,
    rogues: Vec<Rogue>,
}

#[derive(Debug)]
struct Rogue {
    vlan: Option<u16>,
    ip: IpAddr,
    mac: Option<Mac>,
    /// Its first answer.
    first: Answer,
    latest: Answer,
    detected: Time,
    last: Time,
    ended: Option<Time>,
    /// Requests that it answered with an address.
    answers: u64,
    clients: Vec<Mac>,
    given: Vec<IpAddr>,
    routers: Vec<IpAddr>,
    lease_s: Option<u32>,
    /// Who was given an address by others since it last gave one.
    missed: Vec<Mac>,
    /// What speaks for it.
    is_other_network: bool,
    contested: Option<(Answer, Answer)>,
    known_server: Option<Answer>,
    evidence: Vec<Evidence>,
    /// Whether it is judged; until then it may stand in for a server that failed.
    is_judged: bool,
}

impl Servers {
    fn answer(&mut self, answer: Answer, known: &Known<'_>) {
        let learned = self
            .vlans
            .entry(answer.vlan)
            .or_insert_with(|| Learned { until: answer.at + LEARNING, ..Learned::default() });
        let is_rogue = self.rogues.iter().any(|it| it.is_same(&answer));
        let who = Candidate { ip: Some(answer.server), device: None };
        let listed = known.policy.expects(Role::Dhcp, who);
        let is_learned = !is_rogue && known.memory.expects(Role::Dhcp, who).is_some();
        if is_learned && listed.is_none() {
            let room = ROGUES_MAX.saturating_sub(self.rogues.len());
            for (first, latest) in learned.remembers(&answer, known).into_iter().take(room) {
                let mut rogue = Rogue::new(first);
                [first, latest].iter().for_each(|it| rogue.takes(it));
                rogue.is_other_network = answer.network().is_some_and(|it| first.network() != Some(it));
                self.rogues.push(rogue);
            }
        }
        let learns = !learned.is_remembered && answer.at <= learned.until;
        let is_known = learned.knows(&answer) || is_learned || (learns && !is_rogue);
        if listed.unwrap_or(is_known) {
            learned.serves(&answer, &self.recent);
            learned.gives(&answer);
            learned.last = Some(answer);
            self.known_answered(&answer);
            if answer.is_choice {
                self.weigh(&answer, known);
            }
        } else if answer.gives {
            self.stranger(answer, listed.is_some(), known);
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(answer);
    }

    /// A known server lives: who was new beside it is a rogue, and one that it answers alone is gone.
    fn known_answered(&mut self, answer: &Answer) {
        for rogue in self.rogues.iter_mut().filter(|rogue| rogue.vlan == answer.vlan) {
            if rogue.contested.is_none() && rogue.latest.is_to_same_request(answer) {
                rogue.contested = Some((*answer, rogue.latest));
            }
            if !rogue.is_judged && answer.at - rogue.last <= ALIVE {
                rogue.judge(answer.at, Some(*answer));
            }
            let is_missed = answer.gives && answer.at - rogue.last > SAME_REQUEST;
            if is_missed && rogue.missed.len() < UNANSWERED && !rogue.missed.contains(&answer.client) {
                rogue.missed.push(answer.client);
            }
            if rogue.missed.len() >= UNANSWERED && rogue.ended.is_none() {
                rogue.ended = Some(answer.at);
            }
        }
    }

    /// Takes an answer of somebody who is not known, or, where the site lists its servers, not listed.
    fn stranger(&mut self, answer: Answer, is_unlisted: bool, known: &Known<'_>) {
        let Some(learned) = self.vlans.get_mut(&answer.vlan) else { return };
        let is_first = !self.rogues.iter().any(|it| it.is_same(&answer));
        if is_first && !is_unlisted && learned.is_of_the_site(&answer, known) {
            learned.serves(&answer, &self.recent);
            learned.gives(&answer);
            return;
        }
        let is_other_network = answer
            .network()
            .is_some_and(|it| !learned.networks.is_empty() && !learned.networks.contains(&it));
        let before = learned.last;
        let contested = self
            .recent
            .iter()
            .rev()
            .find(|it| it.server != answer.server && it.is_to_same_request(&answer) && learned.knows(it))
            .copied();
        let rogues = self.rogues.len();
        let told = self.rogues.iter_mut().find(|it| it.is_same(&answer));
        let rogue = match told {
            Some(rogue) => rogue,
            None if rogues < ROGUES_MAX => {
                self.rogues.push(Rogue::new(answer));
                let Some(rogue) = self.rogues.last_mut() else { return };
                rogue
            }
            None => return,
        };
        rogue.takes(&answer);
        rogue.is_other_network |= is_other_network;
        if rogue.contested.is_none() {
            rogue.contested = contested.map(|it| (it, answer));
        }
        let is_alive = before.is_some_and(|before| answer.at - before.at <= ALIVE);
        if is_unlisted || rogue.is_other_network || rogue.contested.is_some() || is_alive {
            rogue.judge(answer.at, before);
        } else if !rogue.is_judged && answer.at - rogue.first.at >= LEARNING {
            // It stood in for long enough, and nobody contradicted.
            self.rogues.retain(|rogue| rogue.is_judged || !rogue.is_same(&answer));
            if let Some(learned) = self.vlans.get_mut(&answer.vlan) {
                learned.serves(&answer, &self.recent);
            }
        }
    }

    /// Of two servers that answer one request, each with its own way out, one does not belong here; where the site
    /// tells which, it is a rogue.
    fn weigh(&mut self, answer: &Answer, known: &Known<'_>) {
        let Some(learned) = self.vlans.get_mut(&answer.vlan) else { return };
        let rival = self.recent.iter().rev().find(|it| {
            it.gives && it.server != answer.server && it.is_to_same_request(answer) && learned.knows(it)
        });
        let Some((rival, answer)) = rival.copied().zip(answer.gives.then_some(*answer)) else { return };
        let (right, wrong) =
            match (learned.is_beside(&answer, &rival, known), learned.is_beside(&rival, &answer, known)) {
                (true, false) => (rival, answer),
                (false, true) => (answer, rival),
                _ => return,
            };
        if self.rogues.len() >= ROGUES_MAX {
            return;
        }
        let who = Candidate { ip: Some(wrong.server), device: None };
        if known.policy.expects(Role::Dhcp, who) == Some(true) {
            return;
        }
        let Some(place) = learned.place_of(&wrong) else { return };
        let stranger = learned.servers.remove(place);
        learned.networks.retain(|it| Some(*it) != wrong.network() || Some(*it) == right.network());
        let mut rogue = Rogue::new(stranger.first.unwrap_or(wrong));
        rogue.takes(&wrong);
        rogue.routers = stranger.routers;
        rogue.is_other_network = wrong.network() != right.network();
        rogue.contested = Some((right, wrong));
        rogue.judge(answer.at, Some(right));
        self.rogues.push(rogue);
    }
}

impl Detector for Servers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Lease(_) | Fact::Router)
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Lease(lease) => {
                if let Some(answer) = Answer::of(lease, seen, known) {
                    self.answer(answer, known);
                }
            }
            // The routers that an answer names follow it, of the same frame.
            Fact::Router if seen.source == "dhcp" => {
                let Some(last) = self.recent.last().filter(|last| last.frame == seen.place.frame) else {
                    return;
                };
                let (last, Some(ip)) = (*last, seen.subject.ip) else { return };
                match self.rogues.iter_mut().find(|rogue| rogue.is_same(&last)) {
                    Some(rogue) if rogue.routers.len() < GIVEN_NAMED && !rogue.routers.contains(&ip) => {
                        rogue.routers.push(ip);
                    }
                    Some(_) => {}
                    None => {
                        if let Some(learned) = self.vlans.get_mut(&last.vlan) {
                            learned.names(&last, ip, known);
                        }
                        self.weigh(&last, known);
                    }
                }
            }
            _ => {}
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.recent.clear();
        for learned in self.vlans.values_mut().filter(|learned| learned.until > from) {
            learned.until = learned.until + (to - from);
        }
    }

    fn learned(&self, _known: &Known<'_>) -> Vec<Peer> {
        let servers = self.vlans.values().flat_map(|learned| &learned.servers);
        servers.filter_map(super::dhcp_servers::Server::peer).collect()
    }

    fn refuted(&self) -> Vec<(Role, String)> {
        let servers = || self.vlans.values().flat_map(|learned| &learned.servers);
        let is_none = |rogue: &&Rogue| rogue.is_judged || servers().all(|it| it.ip != rogue.ip);
        self.rogues.iter().filter(is_none).map(|rogue| (Role::Dhcp, rogue.ip.to_string())).collect()
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.rogues.iter().filter(|rogue| rogue.is_judged).map(|rogue| rogue.finding(known)).collect()
    }
}

impl Rogue {
    const fn new(first: Answer) -> Self {
        Self {
            vlan: first.vlan,
            ip: first.server,
            mac: first.mac,
            first,
            latest: first,
            detected: first.at,
            last: first.at,
            ended: None,
            answers: 0,
            clients: Vec::new(),
            given: Vec::new(),
            routers: Vec::new(),
            lease_s: None,
            missed: Vec::new(),
            is_other_network: false,
            contested: None,
            known_server: None,
            evidence: Vec::new(),
            is_judged: false,
        }
    }

    fn is_same(&self, answer: &Answer) -> bool {
        self.vlan == answer.vlan
            && (self.ip == answer.server || (self.mac.is_some() && self.mac == answer.mac))
    }

    fn takes(&mut self, answer: &Answer) {
        let is_new = self.answers == 0 || !self.latest.is_to_same_request(answer);
        self.answers = self.answers.saturating_add(u64::from(is_new));
        (self.last, self.ended, self.missed) = (self.last.max(answer.at), None, Vec::new());
        self.latest = *answer;
        self.lease_s = answer.lease_s.or(self.lease_s);
        self.mac = self.mac.or(answer.mac);
        if self.clients.len() < CLIENTS_MAX && !self.clients.contains(&answer.client) {
            self.clients.push(answer.client);
        }
        if let Some(ip) = answer.address.filter(|ip| !self.given.contains(ip)) {
            if self.given.len() < GIVEN_NAMED {
                self.given.push(ip);
            }
            if self.evidence.len() < EVIDENCE_MAX {
                let client = answer.client;
                self.evidence.push(answer.evidence(&if answer.is_choice {
                    format!("{client} tells everybody that it takes {ip} from {}", answer.server)
                } else {
                    format!("it gives {ip} to {client}")
                }));
            }
        }
    }

    /// Takes it for a rogue from `at` on, where it was not before.
    fn judge(&mut self, at: Time, known_server: Option<Answer>) {
        if !self.is_judged {
            (self.is_judged, self.detected, self.known_server) = (true, at, known_server);
        }
    }

    fn finding(&self, known: &Known<'_>) -> Finding {
        let (of_mac, at_vlan, since) =
            (self.mac.map(|mac| known.bearer(mac)), in_vlan(self.vlan), clock_time(self.first.at));
        let (by_ip, called_ip) = known.holder(self.ip, self.vlan);
        let number = of_mac.as_ref().and_then(|(number, _)| *number).or(by_ip);
        let who = of_mac.map_or(called_ip, |(_, called)| called);
        let server = self.known_server.map(|answer| known.holder(answer.server, self.vlan));
        let right = server.as_ref().map_or_else(
            || "the server known before".to_owned(),
            |(_, called)| format!("the right server, {called}"),
        );
        let given: Vec<String> = self.given.iter().map(ToString::to_string).collect();
        let routers: Vec<String> = self.routers.iter().map(ToString::to_string).collect();
        let router = if routers.is_empty() {
            String::new()
        } else {
            format!(" It names {} as the way out.", routers.join(", "))
        };
        let network = if self.is_other_network { " These are addresses of another network." } else { "" };
        let contested = if self.contested.is_some() {
            " The known server and this one answered the same request."
        } else {
            ""
        };
        let over = self.ended.map_or("", |_| " Others have been answered without it since.");
        let mut evidence = self.evidence.clone();
        if let Some(before) = self.known_server {
            evidence.insert(
                0,
                before.evidence(&format!(
                    "{} answers {}, as the server known here",
                    before.server, before.client
                )),
            );
        }
        if let Some((right, wrong)) =
            self.contested.filter(|(right, _)| Some(right.cite) != self.known_server.map(|it| it.cite))
        {
            evidence.push(right.evidence(&format!(
                "{} answers the request that {} answered too",
                right.server, wrong.server
            )));
        }
        let devices = number.into_iter().chain(self.clients.iter().filter_map(|mac| known.bearer(*mac).0));
        Finding {
            confidence: if self.contested.is_some() || (self.is_other_network && self.vlan.is_some()) {
                TWO_WITNESSES
            } else {
                ONE_WITNESS
            },
            devices: distinct(devices),
            switch: number.and_then(|number| known.switch_of(number)),
            title: format!("{} gives out addresses{at_vlan} and is not the DHCP server", self.ip),
            summary: format!(
                "Since {since} UTC a device that is not this network's address server gives out addresses{at_vlan}: {who}. Whoever takes one may not be found by the recorder any more; {} did so far.{over} It is IT's turn: find its port and unplug it.",
                match self.clients.len() {
                    1 => "1 device".to_owned(),
                    count => format!("{count} devices"),
                }
            ),
            detail: format!(
                "{who} answered {} DHCP requests as server {}{at_vlan}, beside {right}. It gives {}{}, lease {}.{network}{router}{contested}",
                self.answers,
                self.ip,
                given.join(", "),
                if self.given.len() >= GIVEN_NAMED { " and maybe more" } else { "" },
                self.lease_s.map_or_else(|| "unknown".to_owned(), |s| length(Span::seconds(s.into()))),
            ),
            remedy: format!(
                "Find the port of {} in the switch's MAC table and shut it; turn on DHCP snooping with the right server's port trusted; then restart the devices that took an address from it. If it is a new server of yours, list it among the `dhcp` of `[expected]` in the site's configuration.",
                self.mac.map_or_else(|| self.ip.to_string(), |mac| mac.to_string())
            ),
            verify: format!(
                "Devices that ask are answered by the right server alone; {} answers nobody.",
                self.ip
            ),
            evidence,
            last_seen: self.last,
            ended: self.ended,
            count: self.answers,
            cause: Some(Cause::Dhcp),
            ..Finding::of_network(
                &KIND,
                &format!("{} {}", self.ip, of_vlan(self.vlan)),
                self.first.at,
                self.detected,
            )
        }
    }
}

/// Each once, in the order of the first.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

#[cfg(test)]
mod tests;
