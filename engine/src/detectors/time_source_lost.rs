//! `time-source-lost`: a server that told devices the time tells nobody any more.
//!
//! ## What it says
//! A server told the site's devices the time (NTP) at least twice. Then for a minute eight questions in a row and more, those of
//! one device at least 16 s apart, got no answer within 4 s, or only the answer that its own clock is not set. An answer
//! would have been seen: the server sent other things to one of them meanwhile; or to anybody, where those who ask had
//! their answers from it before and it is on their link; or an ICMP error says that
//! nobody takes the questions; or one of them looked for the server on its link three times within 10 s, in vain. Devices that
//! have the time from somebody else meanwhile do not count. It ends with the next answer that tells the time.
//!
//! ## Why it matters
//! Nothing fails at once. Clocks drift by seconds a day, then recordings of several cameras no longer fit together, logins
//! with a time stamp (ONVIF) are refused, and certificates seem to be too young or too old.
//!
//! ## Where it is wrong
//! A server in the Internet that falls silent is told only where its way out says so. Devices that ask
//! once a day are noticed after days.
//!
//! ## State
//! `SERVERS_MAX` servers with `CLIENTS_MAX` clients each, `FED_MAX` clients that have the time; the one used longest ago is
//! forgotten first. `SUSPECTS_MAX` servers that owe an answer; `WAITING_MAX` questions without an answer yet; `LOST_MAX` losses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Mac, Span, Time, TimeStep, Timekeeping};

use super::time_losses::{Lost, Proof, Sight};
use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Observation, Party};

/// The kind.
pub const KIND: Kind = Kind {
    id: "time-source-lost",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("time_source_lost.rs"),
    start: Some(|| Box::new(TimeSources::new())),
};

/// So many questions in a row: then a client takes its server for unreachable (RFC 5905, 9.2: reach is 8 bits).
const UNANSWERED: u64 = 8;
/// For so long: a service that restarts is no loss. The usual time between two questions of one client (RFC 5905, 7.2) is as long.
const LASTS: Span = Span::seconds(60);
/// A server that told the time so often serves it.
const TOLD: u64 = 2;
/// An answer comes within this time; across the Internet it takes less than a second.
pub(super) const PATIENCE: Span = Span::seconds(4);
/// Questions that follow one another faster are one: the shortest time between two (RFC 5905, 7.2: `MINPOLL` is 2^4 s).
const APART: Span = Span::seconds(16);
/// Who looks for a host on its link does so three times, a second apart (RFC 4861, 10; Linux does the same over ARP) ...
const LOOKS: usize = 3;
/// ... within this time.
const LOOKING: Span = Span::seconds(10);
/// Servers that owe somebody an answer, and are watched for what else they send.
const SUSPECTS_MAX: usize = 16;
/// Servers that are asked; a site has one or two, its devices' makers name dozens.
const SERVERS_MAX: usize = 1_024;
/// Clients of one.
pub(super) const CLIENTS_MAX: usize = 256;
/// Clients that were told the time: a large campus has a few ten thousand devices.
const FED_MAX: usize = 65_536;
/// Questions that wait for their answer; of more, nothing is said.
const WAITING_MAX: usize = 16_384;
/// Many devices ask once a day.
const IDLE: Span = Span::seconds(3 * 86_400);
/// Losses told of.
const LOST_MAX: usize = 256;

/// ```text
/// told twice ──question, PATIENCE──► unanswered 1, 2 … UNANSWERED ──► lost ──told──► over
///     ▲                                   │
///     └────────────── told ───────────────┘
/// ```
#[derive(Debug)]
pub struct TimeSources {
    servers: Expiring<IpAddr, Server>,
    /// When who was last told the time, by whomever.
    fed: Expiring<IpAddr, Time>,
    /// Servers that owe an answer, and the MAC that theirs came from.
    suspects: BTreeMap<IpAddr, Option<Mac>>,
    /// Until when whose question to whom is to be answered.
    deadlines: BTreeSet<(Time, IpAddr, IpAddr)>,
    lost: Vec<Lost>,
    /// Questions before it may have been answered unseen.
    watched_since: Time,
}

#[derive(Debug, Default)]
struct Server {
    vlan: Option<u16>,
    /// Its MAC, or that of the router before it.
    mac: Option<Mac>,
    told: u64,
    last_told: Sight,
    proof: Proof,
    /// Who looked for it on the link lately, and when.
    looked: VecDeque<(IpAddr, Sight)>,
    clients: BTreeMap<IpAddr, Client>,
    /// Where its loss stands, while it lasts.
    lost: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Client {
    /// Whether it was ever told the time by this server.
    was_told: bool,
    /// Its last question that counts.
    asked: Sight,
    is_waiting: bool,
    /// Questions in a row that nobody answered, and the first.
    unanswered: u64,
    /// How often the server had told the time when they were counted: it told it again, and they count no more.
    told_before: u64,
    first: Sight,
}

impl Client {
    /// Questions in a row that nobody answered, where the server told the time so often.
    const fn unanswered(&self, told: u64) -> u64 {
        if self.told_before == told { self.unanswered } else { 0 }
    }
}

impl TimeSources {
    fn new() -> Self {
        Self {
            servers: Expiring::new(SERVERS_MAX, IDLE, SEED),
            fed: Expiring::new(FED_MAX, IDLE, SEED),
            suspects: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            lost: Vec::new(),
            watched_since: Time::MIN,
        }
    }

    fn server(&mut self, ip: IpAddr, party: Party, at: Time) -> Option<&mut Server> {
        let Party { vlan, mac, .. } = party;
        let slot = match self.servers.find(&ip) {
            Some(slot) => slot,
            None => self.servers.insert(ip, Server { vlan, mac, ..Server::default() }, at).0,
        };
        self.servers.touch(slot, at)
    }

    fn asked(&mut self, seen: &Observation) {
        let (Some(client), Some(server)) = (seen.subject.ip, seen.peer.ip) else { return };
        if server.is_multicast() {
            return;
        }
        let sight = (seen.at, seen.cite);
        let Some(of) = self.server(server, seen.peer, seen.at) else { return };
        let fresh = Client {
            was_told: false,
            asked: sight,
            is_waiting: true,
            unanswered: 0,
            told_before: of.told,
            first: sight,
        };
        let has_room = of.clients.len() < CLIENTS_MAX;
        match of.clients.get_mut(&client) {
            Some(known) if seen.at - known.asked.0 < APART => return,
            Some(known) => (known.asked, known.is_waiting) = (sight, true),
            None if has_room => drop(of.clients.insert(client, fresh)),
            None => return,
        }
        if self.deadlines.len() < WAITING_MAX {
            self.deadlines.insert((seen.at + PATIENCE, server, client));
        }
    }

    fn answered(&mut self, told: &Timekeeping, seen: &Observation) {
        let (Some(server), Some(client)) = (seen.subject.ip, seen.peer.ip) else { return };
        let (sight, at) = ((seen.at, seen.cite), seen.at);
        let Some(of) = self.server(server, seen.subject, at) else { return };
        if !told.is_set {
            let is_refusal = told.source.as_ref().is_some_and(|code| REFUSALS.contains(&code.as_str()));
            match of.clients.get_mut(&client) {
                // It lives, and wants this client to ask less, or not at all.
                Some(client) if is_refusal => client.is_waiting = false,
                _ if is_refusal => {}
                _ => of.proof.unset = Some((sight, told.source.clone())),
            }
            return;
        }
        (of.told, of.last_told, of.mac) = (of.told.saturating_add(1), sight, seen.subject.mac);
        (of.proof, of.looked) = (Proof::default(), VecDeque::new());
        if let Some(told) = of.clients.get_mut(&client) {
            (told.is_waiting, told.was_told) = (false, true);
        }
        if let Some(lost) = of.lost.take().and_then(|index| self.lost.get_mut(index)) {
            lost.ended = Some(at);
        }
        self.suspects.remove(&server);
        match self.fed.get(&client, at) {
            Some(last) => *last = at,
            None => drop(self.fed.insert(client, at, at)),
        }
    }

    /// Somebody sends something to somebody: it may be a server, to one who waits for its answer.
    fn speaks(&mut self, seen: &Observation) {
        let (mac, ip) = (seen.subject.mac, seen.subject.ip);
        let is_of =
            |(server, own): &(&IpAddr, &Option<Mac>)| Some(**server) == ip || (mac.is_some() && **own == mac);
        for (server, _) in self.suspects.iter().filter(is_of) {
            let Some(of) = self.servers.find(server).and_then(|slot| self.servers.at(slot)) else {
                continue;
            };
            let sight = Some((seen.at, seen.cite));
            of.proof.lives = sight;
            if seen.peer.ip.is_some_and(|client| of.clients.contains_key(&client)) {
                of.proof.speaks = sight;
            }
        }
    }

    /// Somebody looks for a host on its link.
    fn looks(&mut self, target: IpAddr, seen: &Observation) {
        if !self.suspects.contains_key(&target) {
            return;
        }
        let Some(of) = self.servers.find(&target).and_then(|slot| self.servers.at(slot)) else { return };
        let Some(by) = seen.subject.ip else { return };
        while of.looked.front().is_some_and(|(_, (at, _))| seen.at - *at > LOOKING)
            || of.looked.len() > CLIENTS_MAX
        {
            of.looked.pop_front();
        }
        of.looked.push_back((by, (seen.at, seen.cite)));
        if of.looked.iter().filter(|(other, _)| *other == by).count() >= LOOKS {
            of.proof.missing = Some((seen.at, seen.cite));
        }
    }

    /// A question was not answered in time.
    fn missed(&mut self, due: Time, server: IpAddr, client: IpAddr, known: &Known<'_>) {
        let (asked, watched_since) = (due - PATIENCE, self.watched_since);
        let Some(slot) = self.servers.find(&server) else { return };
        let Some(of) = self.servers.at(slot) else { return };
        let Some(it) = of.clients.get_mut(&client).filter(|it| it.is_waiting && it.asked.0 == asked) else {
            return;
        };
        it.is_waiting = false;
        if asked < watched_since {
            return;
        }
        if it.unanswered(of.told) == 0 || it.first.0 < watched_since {
            (it.unanswered, it.told_before, it.first) = (0, of.told, it.asked);
        }
        it.unanswered = it.unanswered.saturating_add(1);
        if of.told > 0 && self.suspects.len() < SUSPECTS_MAX {
            self.suspects.insert(server, of.mac);
        }
        let open = of.lost.and_then(|index| self.lost.get_mut(index));
        if let Some(lost) = open {
            (lost.last, lost.questions) = (due, lost.questions.saturating_add(1));
            lost.proof = of.proof.clone();
            if lost.clients.len() < CLIENTS_MAX {
                lost.clients.entry(client).or_insert(it.first);
            }
            return;
        }
        // A router tells the time in each of its networks, by an address of its own.
        let owner = known.directory.find_ip(server, of.vlan).and_then(|it| known.directory.device(it));
        let ips: BTreeSet<IpAddr> =
            owner.into_iter().flat_map(|it| it.ips.iter().copied()).chain([server]).collect();
        let servers = ips.iter().filter_map(|ip| Some((*ip, self.servers.peek(ip)?)));
        let all: Vec<(IpAddr, &Server)> = servers.filter(|(_, it)| it.lost.is_none()).collect();
        let lacking: Vec<(IpAddr, Vec<(IpAddr, Client)>)> =
            all.iter().map(|(ip, it)| (*ip, self.hungry(it))).collect();
        let hungry = || lacking.iter().flat_map(|(_, clients)| clients);
        let questions = hungry().fold(0_u64, |sum, (_, it)| sum.saturating_add(it.unanswered));
        let since = hungry().map(|(_, it)| it.first.0).min().unwrap_or(due);
        let told = all.iter().fold(0_u64, |sum, (_, it)| sum.saturating_add(it.told));
        let is_proved = all.iter().any(|(_, it)| it.proof.after(since).is_some());
        // Its answers to those who ask now were seen before, and its frames are still.
        let on_link = |mac: Option<Mac>| mac.zip(owner).is_some_and(|(mac, owner)| owner.macs.contains(&mac));
        let lives =
            all.iter().any(|(_, it)| on_link(it.mac) && it.proof.lives.is_some_and(|(at, _)| at >= since));
        let of_told = hungry()
            .filter(|(_, it)| it.was_told)
            .fold(0_u64, |sum, (_, it)| sum.saturating_add(it.unanswered));
        let is_proved = is_proved || (lives && of_told >= UNANSWERED);
        let is_blind = known.faults.iter().any(|it| it.ended.is_none_or(|(ended, _)| ended >= since));
        let is_enough = questions >= UNANSWERED && due - since >= LASTS && told >= TOLD;
        if !is_enough || is_blind || !is_proved {
            return;
        }
        for (ip, clients) in lacking.into_iter().filter(|(_, clients)| !clients.is_empty()) {
            self.lose(ip, clients, due);
        }
    }

    /// Who of a server's clients asked it in vain, and has the time from nobody since.
    fn hungry(&self, of: &Server) -> Vec<(IpAddr, Client)> {
        let is_hungry = |(ip, it): &(&IpAddr, &Client)| {
            it.unanswered(of.told) > 0
                && it.first.0 >= self.watched_since
                && self.fed.peek(ip).is_none_or(|fed| *fed < it.first.0)
        };
        of.clients.iter().filter(is_hungry).map(|(ip, it)| (*ip, *it)).collect()
    }

    fn lose(&mut self, server: IpAddr, hungry: Vec<(IpAddr, Client)>, due: Time) {
        let Some(of) = self.servers.find(&server).and_then(|slot| self.servers.at(slot)) else { return };
        if self.lost.len() >= LOST_MAX {
            return;
        }
        of.lost = Some(self.lost.len());
        self.lost.push(Lost {
            server,
            vlan: of.vlan,
            mac: of.mac,
            last_told: of.last_told,
            proof: of.proof.clone(),
            questions: hungry.iter().fold(0, |sum, (_, it)| it.unanswered.saturating_add(sum)),
            since: hungry.iter().map(|(_, it)| it.first.0).min().unwrap_or(due),
            clients: hungry.into_iter().map(|(ip, it)| (ip, it.first)).collect(),
            detected: due,
            last: due,
            ended: None,
        });
    }
}

impl Detector for TimeSources {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(
            fact,
            Fact::Timekeeping(_) | Fact::Unreachable { .. } | Fact::Activity(_) | Fact::Asked { .. }
        )
    }

    fn is_idle(&self) -> bool {
        self.suspects.is_empty()
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        match &seen.fact {
            Fact::Timekeeping(told) => match told.step {
                TimeStep::Asked => self.asked(seen),
                TimeStep::Answered => self.answered(told, seen),
                TimeStep::Told => {}
            },
            Fact::Unreachable { target, transport: UDP, port: Some(PORT), .. } => {
                if let Some(server) = self.servers.get(target, seen.at) {
                    server.proof.refused = Some((seen.at, seen.cite));
                }
            }
            Fact::Activity(_) if !self.suspects.is_empty() => self.speaks(seen),
            Fact::Asked { target, .. } => self.looks(*target, seen),
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, known: &Known<'_>) {
        while let Some((due, server, client)) = self.deadlines.first().copied().filter(|it| it.0 <= to) {
            self.deadlines.remove(&(due, server, client));
            self.missed(due, server, client, known);
        }
        while self.servers.expire(to).is_some() {}
        while self.fed.expire(to).is_some() {}
    }

    fn unwatched(&mut self, _from: Time, to: Time) {
        self.watched_since = to;
        self.suspects.clear();
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let mut told: Vec<(Option<Number>, Lost)> = Vec::new();
        for lost in &self.lost {
            let number = known.directory.find_ip(lost.server, lost.vlan);
            let is_gone = |number: Number| {
                let mut absences = known.absences.iter().filter(|absence| absence.device == number);
                absences.any(|it| {
                    it.ended.is_none_or(|(ended, _)| ended >= lost.since) && it.since <= lost.detected
                })
            };
            // That it is gone is said by itself.
            if number.is_some_and(is_gone) {
                continue;
            }
            // A router tells the time in each of its networks; what fails behind it fails for one reason.
            let is_same = |(other, it): &&mut (Option<Number>, Lost)| {
                let is_one =
                    (number.is_some() && *other == number) || (it.mac.is_some() && it.mac == lost.mac);
                is_one && it.overlaps(lost)
            };
            match told.iter_mut().find(is_same) {
                Some((other, it)) => {
                    it.join(lost);
                    if other.is_none() && number.is_some() {
                        (*other, it.server) = (number, lost.server);
                    }
                }
                None => told.push((number, lost.clone())),
            }
        }
        told.iter().map(|(number, lost)| lost.finding(*number, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![
            ("servers asked for the time", SERVERS_MAX, self.servers.evicted()),
            ("devices told the time", FED_MAX, self.fed.evicted()),
        ]
    }
}

/// UDP, and NTP's port.
const UDP: u8 = 17;
pub(super) const PORT: u16 = 123;
/// Kiss codes for one client that asks too often, or may not (RFC 5905, 7.4).
const REFUSALS: [&str; 3] = ["RATE", "DENY", "RSTR"];
/// No result depends on it.
const SEED: u64 = 0x7469_6d65;

#[cfg(test)]
mod tests;
