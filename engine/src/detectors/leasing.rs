//! Who asks for an address over DHCP and gets none: what `dhcp-failed` and `dhcp-exhausted` are judged by.
//!
//! A client that is answered stops asking, so what counts is that it asks *again*. That it was answered shows
//! even where the answer is not mirrored: it then names the server that it chose, to everybody (RFC 2131, 4.3.1).
//! One that renews names none, and is answered in unicast: it counts only if it was seen to be acknowledged here before.
//!
//! ```text
//! asks ──► in vain ──asks again; two such, or one four times; for 10 s; none answered for 30 s──► Failed
//!             │                                  … and known clients are acknowledged meanwhile──► Exhausted
//!             └── OFFER, ACK, or it names a server ──► forgotten, and what was open ends
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Lease, Mac, Span, Time};

use super::Known;
use crate::finding::Evidence;
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};

/// Why clients get no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody answers anybody.
    Failed,
    /// Known clients are acknowledged, new ones get nothing.
    Exhausted,
    /// Made-up clients ask for all there is.
    Starved,
}

/// Clients by VLAN. There is one [`Segment`] for each tag at most.
#[derive(Debug, Default)]
pub struct Leasing {
    segments: BTreeMap<Option<u16>, Segment>,
    /// No deadline fires before this.
    next: Option<Time>,
    /// What became of it, [`EPISODES_MAX`] at most.
    pub episodes: Vec<Episode>,
}

/// A time in which clients got no address.
#[derive(Debug, Clone)]
pub struct Episode {
    /// Where.
    pub vlan: Option<u16>,
    /// Why.
    pub why: Why,
    /// The first request that was in vain.
    pub since: Time,
    /// When it was clear.
    pub detected: Time,
    /// The last request in vain.
    pub last: Time,
    /// When it was over.
    pub ended: Option<Time>,
    /// Whether it turned out to be something else, which another episode tells.
    pub is_superseded: bool,
    /// Whether it is what such a one turned out to be; both began at the same time.
    pub is_revision: bool,
    /// Who asked in vain, the first first, [`CLIENTS_NAMED`] at most.
    pub clients: Vec<Mac>,
    /// How many asked in vain when it was clear.
    pub clients_count: usize,
    /// Requests in vain.
    pub tries: u64,
    /// Refusals (NAK).
    pub refusals: u64,
    /// The last answer before, and whose it was.
    pub answered: Option<Answer>,
    /// A known client that was acknowledged while others asked in vain.
    pub renewed: Option<Answer>,
    /// One sender of all that the made-up clients ask, where it is one.
    pub flooder: Option<Mac>,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// A server's answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// When.
    pub at: Time,
    /// Where.
    pub cite: Cite,
    /// To whom.
    pub client: Mac,
    /// By whom.
    pub server: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Segment {
    vain: BTreeMap<Mac, Tries>,
    answered: Option<Answer>,
    /// An acknowledgement to somebody who was not in vain, after the first of those who are asked.
    renewed: Option<Answer>,
    /// Unicast of two hosts in this VLAN, until the way back was seen.
    one_way: Vec<(Mac, Mac)>,
    is_two_way: bool,
    /// Who was last acknowledged when, on whatever leg; [`CLIENTS_MAX`] at most.
    acknowledged: BTreeMap<Mac, Time>,
    /// The open episode's index.
    open: Option<usize>,
    newcomers: Newcomers,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    first: (Time, Cite),
    last: (Time, Cite),
    count: u32,
    refusals: u32,
    /// Whether it has its address still.
    is_renewal: bool,
}

/// Clients never seen before, in the last moments.
#[derive(Debug, Default)]
struct Newcomers {
    since: Option<(Time, Cite)>,
    /// Each with who sent the frame.
    macs: BTreeMap<Mac, Option<Mac>>,
}

impl Leasing {
    /// Whether what goes on can tell nothing more: of each VLAN with clients both ways were seen.
    pub fn is_idle(&self) -> bool {
        self.segments.values().all(|segment| segment.is_two_way)
    }

    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Lease(lease) => {
                if let Some(client) = seen.subject.mac {
                    self.lease(client, lease, seen, known);
                }
            }
            Fact::Activity(_) => {
                if let (Some(from), Some(to)) = (seen.subject.mac, seen.peer.mac)
                    && let Some(segment) = self.segments.get_mut(&seen.subject.vlan)
                {
                    segment.passed(from, to);
                }
            }
            _ => {}
        }
    }

    fn lease(&mut self, client: Mac, lease: &Lease, seen: &Observation, known: &Known<'_>) {
        // What a relay passes on is another leg of what it was asked, or told.
        let vlan = seen.subject.vlan;
        let is_relayed_on = lease.relay.is_some() && lease.relay != seen.peer.ip;
        let is_ask = matches!((lease.message, lease.server), (DISCOVER, _) | (REQUEST, None));
        match lease.message {
            DISCOVER | REQUEST if lease.relay.is_some() => {}
            DISCOVER | REQUEST if is_ask => {
                let has_address = seen.peer.ip.is_some_and(|ip| !ip.is_unspecified());
                let is_renewal = lease.message == REQUEST && has_address;
                let segment = self.segments.get(&vlan);
                if !is_renewal || segment.is_some_and(|it| it.acknowledged.contains_key(&client)) {
                    self.fire(seen.at);
                    self.asks(vlan, (client, is_renewal), seen, known);
                }
            }
            REQUEST | OFFER | ACK | NAK => {
                self.fire(seen.at);
                let vlans: Vec<Option<u16>> = self
                    .segments
                    .iter()
                    .filter(|(of, segment)| {
                        (**of == vlan && !is_relayed_on) || segment.vain.contains_key(&client)
                    })
                    .map(|(of, _)| *of)
                    .collect();
                let own = (vlans.is_empty() && !is_relayed_on).then_some(vlan);
                let answer = Answer { at: seen.at, cite: seen.cite, client, server: lease.server };
                for vlan in vlans.into_iter().chain(own) {
                    self.answers(vlan, lease.message, answer);
                }
                if lease.message == ACK {
                    self.segments.entry(vlan).or_default().acknowledges(client, seen.at);
                }
            }
            _ => {}
        }
    }

    fn asks(
        &mut self,
        vlan: Option<u16>,
        (client, is_renewal): (Mac, bool),
        seen: &Observation,
        known: &Known<'_>,
    ) {
        let segment = self.segments.entry(vlan).or_default();
        let now = (seen.at, seen.cite);
        let is_new = segment.newcomers.take(client, seen, known);
        match segment.vain.get_mut(&client) {
            Some(tries) if seen.at - tries.last.0 <= FORGOTTEN => {
                tries.last = now.max(tries.last);
                tries.count = tries.count.saturating_add(1);
                tries.is_renewal &= is_renewal;
            }
            Some(tries) => *tries = Tries::new(now, is_renewal),
            None => {
                if segment.vain.len() >= CLIENTS_MAX {
                    let oldest =
                        segment.vain.iter().min_by_key(|(_, tries)| tries.last.0).map(|(mac, _)| *mac);
                    oldest.and_then(|mac| segment.vain.remove(&mac));
                }
                segment.vain.insert(client, Tries::new(now, is_renewal));
            }
        }
        if let Some(episode) = segment.open.and_then(|open| self.episodes.get_mut(open)) {
            if is_new || episode.why != Why::Starved {
                episode.last = episode.last.max(seen.at);
                episode.tries = episode.tries.saturating_add(1);
            }
        } else if is_new && segment.newcomers.are_made_up() {
            self.starve(vlan, seen.at);
        } else if let Some(due) = segment.due() {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    fn answers(&mut self, vlan: Option<u16>, message: u8, answer: Answer) {
        let segment = self.segments.entry(vlan).or_default();
        let open = segment.open.and_then(|open| self.episodes.get_mut(open));
        if message == NAK {
            segment.answered = Some(answer);
            if let Some(tries) = segment.vain.get_mut(&answer.client) {
                tries.refusals = tries.refusals.saturating_add(1);
            }
            if let Some(episode) = open {
                episode.refusals = episode.refusals.saturating_add(1);
                if episode.why == Why::Failed {
                    (episode.ended, segment.open) = (Some(answer.at), None);
                }
            }
            return;
        }
        let was_in_vain = segment.vain.remove(&answer.client);
        let is_renewal = message == ACK && was_in_vain.is_none_or(|tries| tries.is_renewal);
        if is_renewal {
            segment.renewed = Some(answer);
            // Whoever renews is served: as below.
            segment.vain.retain(|_, tries| !tries.is_renewal);
        } else {
            // Whoever is new is served: those before him must ask again to be in vain.
            segment.vain.clear();
            segment.renewed = None;
        }
        // A client that names a server shows an answer that we do not see.
        if message != REQUEST {
            segment.answered = Some(answer);
        }
        if let Some(episode) = open {
            if episode.why == Why::Failed || (episode.why == Why::Exhausted && !is_renewal) {
                (episode.ended, segment.open) = (Some(answer.at), None);
            } else {
                episode.renewed = Some(answer);
            }
        }
    }

    /// Lets deadlines before `to` fire.
    pub fn fire(&mut self, to: Time) {
        if self.next.is_none_or(|next| next > to) {
            return;
        }
        let due: Vec<(Time, Option<u16>)> = self
            .segments
            .iter()
            .filter(|(_, segment)| segment.open.is_none())
            .filter_map(|(vlan, segment)| segment.due().map(|due| (due, *vlan)))
            .filter(|(due, _)| *due <= to)
            .collect();
        for (due, vlan) in due {
            self.open(vlan, due);
        }
        for segment in self.segments.values_mut() {
            let Some(open) = segment.open else { continue };
            if let Some(episode) = self.episodes.get_mut(open)
                && episode.quiet_at() <= to
            {
                // Nobody asks any more: whether one would be answered is unknown.
                (episode.ended, segment.open) = (Some(episode.last), None);
                segment.vain.clear();
            }
        }
        let deadlines = self.segments.values().filter_map(|segment| match segment.open {
            Some(open) => self.episodes.get(open).map(Episode::quiet_at),
            None => segment.due(),
        });
        self.next = deadlines.min();
    }

    fn open(&mut self, vlan: Option<u16>, detected: Time) {
        let Some(segment) = self.segments.get_mut(&vlan) else { return };
        let ripe = segment.ripe();
        let Some(since) = ripe.iter().map(|(_, tries)| tries.first.0).min() else { return };
        let renewed = segment.renewed.filter(|renewed| renewed.at >= since);
        let why = if renewed.is_some() { Why::Exhausted } else { Why::Failed };
        let mut episode = Episode::new(vlan, why, (since, detected), &ripe);
        episode.answered = segment.answered;
        episode.renewed = renewed;
        episode.evidence(&ripe);
        // What looked like a dead server and then renewed a lease was one that has nothing left.
        let before = self.episodes.iter_mut().rev().find(|it| it.vlan == vlan);
        if let Some(before) = before.filter(|_| why == Why::Exhausted)
            && before.why == Why::Failed
            && before.ended.is_some_and(|ended| since - ended <= FORGOTTEN)
        {
            before.is_superseded = true;
            (episode.since, episode.is_revision) = (before.since, true);
        }
        let open = self.keep(episode);
        if let Some(segment) = self.segments.get_mut(&vlan) {
            segment.open = open;
        }
    }

    fn starve(&mut self, vlan: Option<u16>, at: Time) {
        let Some(segment) = self.segments.get_mut(&vlan) else { return };
        let Some((since, cite)) = segment.newcomers.since else { return };
        let macs: Vec<Mac> = segment.newcomers.macs.keys().copied().take(CLIENTS_NAMED).collect();
        let mut senders: Vec<Mac> = segment.newcomers.macs.values().copied().flatten().collect();
        senders.sort_unstable();
        senders.dedup();
        let mut episode = Episode::new(vlan, Why::Starved, (since, at), &[]);
        episode.clients_count = segment.newcomers.macs.len();
        episode.tries = episode.clients_count as u64;
        episode.flooder = if let [one] = senders[..] { Some(one) } else { None };
        episode.answered = segment.answered;
        episode.last = at;
        if let Some(first) = macs.first() {
            episode.evidence.push(said(
                since,
                cite,
                format!(
                    "{first} asks, the first of {} new clients within {NEWCOMERS_S} s",
                    episode.clients_count
                ),
            ));
        }
        episode.clients = macs;
        let open = self.keep(episode);
        if let Some(segment) = self.segments.get_mut(&vlan) {
            segment.open = open;
        }
    }

    fn keep(&mut self, episode: Episode) -> Option<usize> {
        if self.episodes.len() >= EPISODES_MAX {
            return None;
        }
        let quiet = episode.quiet_at();
        self.next = Some(self.next.map_or(quiet, |next| next.min(quiet)));
        self.episodes.push(episode);
        self.episodes.len().checked_sub(1)
    }

    /// Says that nobody watched: an answer may have come.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        for segment in self.segments.values_mut() {
            segment.vain.clear();
            segment.renewed = None;
            segment.newcomers = Newcomers::default();
            if let Some(episode) = segment.open.and_then(|open| self.episodes.get_mut(open)) {
                episode.last = episode.last + (to - from);
            }
        }
    }
}

impl Segment {
    /// Those who asked again.
    fn ripe(&self) -> Vec<(Mac, Tries)> {
        let mut ripe: Vec<(Mac, Tries)> = self
            .vain
            .iter()
            .filter(|(_, tries)| tries.count >= AGAIN && tries.last.0 - tries.first.0 >= AGAIN_AFTER)
            .map(|(mac, tries)| (*mac, *tries))
            .collect();
        ripe.sort_by_key(|(mac, tries)| (tries.first.0, *mac));
        ripe
    }

    /// When it is clear that nobody answers; `None` while too few ask.
    fn due(&self) -> Option<Time> {
        let ripe = self.ripe();
        let is_seen = self.answered.is_some();
        let are_many = ripe.len() >= CLIENTS_MIN;
        // One that renews in vain may have had its answer on a way that is no longer mirrored.
        let is_alone = |tries: &Tries| tries.count >= TRIES_OF_ONE && !tries.is_renewal;
        let is_enough = are_many || ripe.iter().any(|(_, tries)| is_alone(tries));
        if !is_enough || !(is_seen || self.is_two_way) {
            return None;
        }
        let first = ripe.iter().map(|(_, tries)| tries.first.0).min()?;
        let last = ripe.iter().map(|(_, tries)| tries.last.0).max()?;
        // A single device in a VLAN without a server may have been left to ask by mistake.
        let patience = if is_seen || are_many { PATIENCE } else { PATIENCE.times(2) };
        (last - first >= ASKING_ON).then(|| last.max(first + patience))
    }

    /// Notes that somebody has an address from now on; of too many the one acknowledged longest ago is forgotten.
    fn acknowledges(&mut self, client: Mac, at: Time) {
        if self.acknowledged.len() >= CLIENTS_MAX && !self.acknowledged.contains_key(&client) {
            let oldest = self.acknowledged.iter().min_by_key(|(_, at)| **at).map(|(mac, _)| *mac);
            oldest.and_then(|mac| self.acknowledged.remove(&mac));
        }
        self.acknowledged.insert(client, at);
    }

    /// Notes unicast between two hosts.
    fn passed(&mut self, from: Mac, to: Mac) {
        if self.is_two_way {
            return;
        }
        if self.one_way.contains(&(to, from)) {
            (self.is_two_way, self.one_way) = (true, Vec::new());
        } else if self.one_way.len() < PAIRS_MAX && !self.one_way.contains(&(from, to)) {
            self.one_way.push((from, to));
        }
    }
}

impl Tries {
    const fn new(now: (Time, Cite), is_renewal: bool) -> Self {
        Self { first: now, last: now, count: 1, refusals: 0, is_renewal }
    }
}

impl Newcomers {
    /// Notes who asks; whether he was never heard of before.
    fn take(&mut self, client: Mac, seen: &Observation, known: &Known<'_>) -> bool {
        let is_old = self.since.is_some_and(|(since, _)| seen.at - since > NEWCOMERS_WITHIN);
        if is_old || self.since.is_none() {
            *self = Self { since: Some((seen.at, seen.cite)), macs: BTreeMap::new() };
        }
        let device = known.directory.find_mac(client).and_then(|number| known.directory.device(number));
        let is_known = device.is_some_and(|device| !device.ips.is_empty());
        if is_known || self.macs.len() >= NEWCOMERS_MAX {
            return false;
        }
        self.macs.insert(client, seen.peer.mac).is_none()
    }

    /// Whether so many made-up addresses are among them as no site has devices to start at once: half of them
    /// share their maker with no other, or one sender asks for all of them in his own frames.
    fn are_made_up(&self) -> bool {
        if self.macs.len() < NEWCOMERS_MANY {
            return false;
        }
        let mut makers: Vec<[u8; 3]> = self.macs.keys().map(|Mac([a, b, c, ..])| [*a, *b, *c]).collect();
        makers.sort_unstable();
        makers.dedup();
        let mut senders: Vec<(Mac, Mac)> =
            self.macs.iter().filter_map(|(mac, by)| Some((*mac, (*by)?))).collect();
        senders.retain(|(mac, by)| mac != by);
        let is_by_one = senders.len() >= NEWCOMERS_MANY && senders.windows(2).all(|two| two[0].1 == two[1].1);
        is_by_one || makers.len().saturating_mul(2) >= self.macs.len()
    }
}

impl Episode {
    fn new(vlan: Option<u16>, why: Why, (since, detected): (Time, Time), ripe: &[(Mac, Tries)]) -> Self {
        Self {
            vlan,
            why,
            since,
            detected,
            last: ripe.iter().map(|(_, tries)| tries.last.0).max().unwrap_or(since),
            ended: None,
            is_superseded: false,
            is_revision: false,
            clients: ripe.iter().map(|(mac, _)| *mac).take(CLIENTS_NAMED).collect(),
            clients_count: ripe.len(),
            tries: ripe.iter().map(|(_, tries)| u64::from(tries.count)).sum(),
            refusals: ripe.iter().map(|(_, tries)| u64::from(tries.refusals)).sum(),
            answered: None,
            renewed: None,
            flooder: None,
            evidence: Vec::new(),
        }
    }

    /// The last answer, what was asked in vain, and a renewal meanwhile.
    fn evidence(&mut self, ripe: &[(Mac, Tries)]) {
        let answer = self.answered.filter(|answer| answer.at < self.since);
        self.evidence.extend(
            answer.map(|it| said(it.at, it.cite, format!("the last answer before, to {}", it.client))),
        );
        for (mac, tries) in ripe.iter().take(CLIENTS_CITED) {
            let what = if tries.is_renewal { "to keep its address" } else { "for an address" };
            self.evidence.push(said(tries.first.0, tries.first.1, format!("{mac} asks {what}")));
            let again = format!("{mac} asks again, attempt {}", tries.count);
            self.evidence.push(said(tries.last.0, tries.last.1, again));
        }
        self.evidence.extend(
            self.renewed.map(|it| {
                said(it.at, it.cite, format!("meanwhile {} is acknowledged its address", it.client))
            }),
        );
    }

    /// When it is over unless somebody asks again.
    fn quiet_at(&self) -> Time {
        self.last + if self.why == Why::Starved { STARVING } else { FORGOTTEN }
    }

    /// The devices it concerns: the server, where one was heard; then who asked.
    pub fn devices(&self, known: &Known<'_>) -> Vec<Number> {
        let server = self.server().and_then(|ip| known.directory.find_ip(ip, self.vlan));
        let clients = self.clients.iter().filter_map(|mac| known.directory.find_mac(*mac));
        let mut devices: Vec<Number> = Vec::new();
        for number in server.into_iter().chain(clients) {
            if !devices.contains(&number) {
                devices.push(number);
            }
        }
        devices
    }

    /// The server that answered last.
    pub fn server(&self) -> Option<IpAddr> {
        self.renewed.or(self.answered)?.server
    }

    /// `the DHCP server 192.0.2.1`, by name where it has one.
    pub fn server_called(&self, known: &Known<'_>) -> String {
        self.server().map_or_else(
            || "the DHCP server".to_owned(),
            |ip| format!("the DHCP server {}", known.holder(ip, self.vlan).1),
        )
    }

    /// Who asked in vain, by name.
    pub fn clients_called(&self, known: &Known<'_>) -> String {
        let named: Vec<String> =
            self.clients.iter().take(CLIENTS_CITED).map(|mac| known.bearer(*mac).1).collect();
        let more = self.clients_count.saturating_sub(named.len());
        if more == 0 { named.join("; ") } else { format!("{}; and {more} more", named.join("; ")) }
    }
}

fn said(at: Time, cite: Cite, text: String) -> Evidence {
    Evidence { at, cite: Some(cite), protocol: Some("dhcp"), text }
}

/// RFC 2132, 9.6.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// Nobody answers for so long: the third try of a client that doubles its pauses (RFC 2131, 4.1) is over.
pub const PATIENCE: Span = Span::seconds(30);
/// From the first to the last try at least: who was answered out of our sight asks no longer.
const ASKING_ON: Span = Span::seconds(10);
/// A client that asked so often asks in vain …
const AGAIN: u32 = 2;
/// … if it waited so long before: what comes at once is the same request on another way.
const AGAIN_AFTER: Span = Span::seconds(2);
/// So many clients in vain are enough …
const CLIENTS_MIN: usize = 2;
/// … or so many tries of one.
const TRIES_OF_ONE: u32 = 4;
/// A client that was silent for so long asks for something new.
const FORGOTTEN: Span = Span::seconds(600);

/// Without a made-up client for so long that is over.
const STARVING: Span = Span::seconds(60);

/// So many new clients within so short a time …
const NEWCOMERS_WITHIN: Span = Span::seconds(NEWCOMERS_S);
const NEWCOMERS_S: i64 = 10;
/// … are not devices: a large switch that starts feeds 48 of them, one after the other.
const NEWCOMERS_MANY: usize = 64;
/// New clients told apart within that time.
const NEWCOMERS_MAX: usize = 1_024;

/// Clients in vain in one VLAN; the one silent for longest is forgotten first.
const CLIENTS_MAX: usize = 256;
/// Clients kept of an episode.
const CLIENTS_NAMED: usize = 64;
/// Clients cited and named in a sentence.
const CLIENTS_CITED: usize = 4;
/// Pairs of hosts remembered until unicast both ways was seen.
const PAIRS_MAX: usize = 64;
/// Episodes kept.
const EPISODES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::super::bench::{cite, nothing_but, party, s};
    use super::*;
    use crate::ledger::directory::Directory;
    use crate::ledger::switch::Switches;
    use crate::observation::{Party, Place};

    #[test]
    fn state_is_bounded() {
        let (directory, switches) = (Directory::default(), Switches::default());
        let known = nothing_but(&directory, &switches);
        let mut leasing = Leasing::default();
        for n in 0..5_000_u32 {
            let [_, b, c, d] = n.to_be_bytes();
            let at = s(i64::from(n) * 40);
            let client = Mac([2, 1, b, c, d, 0]);
            let lease = Lease {
                message: DISCOVER,
                server: None,
                address: None,
                lease_s: None,
                relay: None,
                transaction: n,
            };
            for (vlan, mac) in [(Some(n as u16 % 4_096), client), (None, client)] {
                let seen = Observation {
                    place: Place::default(),
                    at,
                    cite: cite(at),
                    subject: Party { mac: Some(mac), vlan, ..Party::default() },
                    peer: party(mac, "0.0.0.0", vlan),
                    transport: None,
                    source: "dhcp",
                    fact: Fact::Lease(Box::new(lease.clone())),
                };
                leasing.observe(&seen, &known);
            }
            if let Some(segment) = leasing.segments.get_mut(&None) {
                segment.passed(mac_of(n), mac_of(n + 1));
            }
        }
        assert!(leasing.segments.len() <= 4_097);
        assert!(
            leasing.segments.values().all(|it| it.vain.len() <= CLIENTS_MAX && it.one_way.len() <= PAIRS_MAX)
        );
    }

    fn mac_of(n: u32) -> Mac {
        let [a, b, c, d] = n.to_be_bytes();
        Mac([2, 2, a, b, c, d])
    }
}
