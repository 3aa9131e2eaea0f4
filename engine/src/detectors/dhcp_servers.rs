//! The DHCP servers of each VLAN, as their answers show them: [`Learned`], for `rogue-dhcp`.

use std::net::IpAddr;

use spanwatch_parsers::{Lease, Mac, Span, Time};

use super::Known;
use crate::expected::{Candidate, Peer, Role};
use crate::finding::Evidence;
use crate::observation::{Cite, Observation};

/// ```text
/// first answer ──► learning ──LEARNING──► learned: whoever is new is a stand-in or a rogue
/// ```
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) until: Time,
    pub(super) servers: Vec<Server>,
    /// First three bytes of what they give.
    pub(super) networks: Vec<[u8; 3]>,
    /// The last answer of a known server.
    pub(super) last: Option<Answer>,
    /// Whether one of them is one that an earlier run learned: then nobody else is learned here.
    pub(super) is_remembered: bool,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) ip: IpAddr,
    mac: Option<Mac>,
    /// Its first answer that gave an address.
    pub(super) first: Option<Answer>,
    /// Its last one.
    latest: Option<Answer>,
    /// What it gave, [`GIVEN_MAX`] at most.
    given: Vec<IpAddr>,
    /// What the first answer that names a way out named, and the frame of it.
    pub(super) routers: Vec<IpAddr>,
    named_in: Option<u64>,
    /// Whether one of these was seen forwarding before.
    routes: bool,
    /// Whether it prolonged a lease that was there before.
    prolongs: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) at: Time,
    pub(super) cite: Cite,
    pub(super) frame: u64,
    pub(super) vlan: Option<u16>,
    pub(super) client: Mac,
    pub(super) transaction: u32,
    pub(super) server: IpAddr,
    /// The MAC that it came from, where it came straight from the server.
    pub(super) mac: Option<Mac>,
    pub(super) address: Option<IpAddr>,
    pub(super) lease_s: Option<u32>,
    /// Whether the client says so, rather than the server.
    pub(super) is_choice: bool,
    /// Whether it is an ACK.
    pub(super) is_ack: bool,
    /// Whether it gave an address, rather than refused or told something else.
    pub(super) gives: bool,
}

impl Learned {
    pub(super) fn knows(&self, answer: &Answer) -> bool {
        self.place_of(answer).is_some()
    }

    pub(super) fn place_of(&self, answer: &Answer) -> Option<usize> {
        let is_same_mac = |mac: Option<Mac>| mac.is_some() && mac == answer.mac;
        let by_mac = || self.servers.iter().position(|it| is_same_mac(it.mac));
        self.place_by_ip(answer).or_else(by_mac)
    }

    fn place_by_ip(&self, answer: &Answer) -> Option<usize> {
        self.servers.iter().position(|it| it.ip == answer.server)
    }

    /// Takes an answer of one of its servers, which may be new, or have another address in another network.
    pub(super) fn serves(&mut self, answer: &Answer, recent: &[Answer]) {
        let place = match self.place_by_ip(answer) {
            Some(place) => place,
            None if self.servers.len() < SERVERS_MAX => {
                self.servers.push(Server {
                    ip: answer.server,
                    mac: answer.mac,
                    first: None,
                    latest: None,
                    given: Vec::new(),
                    routers: Vec::new(),
                    named_in: None,
                    routes: false,
                    prolongs: false,
                });
                self.servers.len() - 1
            }
            None => return,
        };
        let Some(server) = self.servers.get_mut(place).filter(|_| answer.gives) else { return };
        (server.first, server.latest) = (server.first.or(Some(*answer)), Some(*answer));
        if let Some(ip) =
            answer.address.filter(|ip| server.given.len() < GIVEN_MAX && !server.given.contains(ip))
        {
            server.given.push(ip);
        }
        server.prolongs |= answer.is_ack && !recent.iter().any(|it| it.is_to_same_request(answer));
    }

    /// Takes the answer of a server that an earlier run learned. Who was taken for another one before it answered is none, unless he stood in for it,
    /// or serves a network of his own: the first and the last answer of each.
    pub(super) fn remembers(&mut self, answer: &Answer, known: &Known<'_>) -> Vec<(Answer, Answer)> {
        if std::mem::replace(&mut self.is_remembered, true) {
            return Vec::new();
        }
        let is_stranger = |server: &Server| {
            let who = Candidate { ip: Some(server.ip), device: None };
            let is_it = server.ip == answer.server || (server.mac.is_some() && server.mac == answer.mac);
            let (Some(first), Some(latest)) = (server.first, server.latest) else { return false };
            let has_network =
                first.network() != answer.network() && residents(&first, &server.given, known) == RESIDENTS;
            let stood_in = latest.at - first.at >= LEARNING;
            !is_it && !has_network && !stood_in && known.memory.expects(Role::Dhcp, who).is_none()
        };
        let strangers: Vec<Server> = self.servers.extract_if(.., |server| is_stranger(server)).collect();
        let answers: Vec<_> = strangers.iter().filter_map(|it| it.first.zip(it.latest)).collect();
        self.networks.retain(|it| !answers.iter().any(|(first, _)| first.network() == Some(*it)));
        answers
    }

    /// Takes a router that an answer names. What was said before tells whether it forwards: it is a router by
    /// this word from the next packet on.
    pub(super) fn names(&mut self, answer: &Answer, router: IpAddr, known: &Known<'_>) {
        let place = self.place_of(answer);
        let Some(server) = place.and_then(|place| self.servers.get_mut(place)) else { return };
        let is_first = *server.named_in.get_or_insert(answer.frame) == answer.frame;
        if is_first && server.routers.len() < ROUTERS_MAX && !server.routers.contains(&router) {
            let number = known.directory.find_ip(router, answer.vlan);
            server.routes |= number.and_then(|it| known.directory.device(it)).is_some_and(|it| it.is_router);
            server.routers.push(router);
        }
    }

    /// Whether the server of an answer is no server of this site, and that of the other one is. Where the mirror does
    /// not show what a server names as the way out, it must give addresses of another network.
    pub(super) fn is_beside(&self, wrong: &Answer, right: &Answer, known: &Known<'_>) -> bool {
        let server = |answer| self.place_of(answer).and_then(|place| self.servers.get(place));
        let (Some(of_wrong), Some(of_right)) = (server(wrong), server(right)) else { return false };
        let is_apart = if of_wrong.routers.is_empty() {
            wrong.network() != right.network()
        } else {
            !of_right.routers.is_empty() && of_wrong.routers.iter().all(|it| !of_right.routers.contains(it))
        };
        let stands_alone = of_wrong.standing(residents(wrong, &of_wrong.given, known)) == 0;
        is_apart && stands_alone && of_right.standing(residents(right, &[], known)) >= TELLS
    }

    /// Whether devices of the site live in the network of this answer already, and it is not that of the servers
    /// known so far: the server of a network that was there before, be it that the mirror removes its tag, or that the one heard
    /// first was a stranger.
    pub(super) fn is_of_the_site(&self, answer: &Answer, known: &Known<'_>) -> bool {
        let is_new = answer.network().is_some_and(|it| !self.networks.contains(&it));
        is_new && self.servers.len() < SERVERS_MAX && residents(answer, &[], known) == RESIDENTS
    }

    /// Learns which network an answer is of.
    pub(super) fn gives(&mut self, answer: &Answer) {
        if let Some(network) = answer.network()
            && self.networks.len() < NETWORKS_MAX
            && !self.networks.contains(&network)
        {
            self.networks.push(network);
        }
    }
}

impl Server {
    /// It, once it gave an address.
    pub(super) fn peer(&self) -> Option<Peer> {
        Some(Peer { role: Role::Dhcp, who: self.ip.to_string(), since: self.first?.at })
    }

    /// What speaks for it, where so many devices live in the network that it gives.
    fn standing(&self, residents: usize) -> usize {
        let lives = if residents >= RESIDENTS { 2 } else { residents.min(1) };
        lives + usize::from(self.routes) + usize::from(self.prolongs)
    }
}

/// Devices that live in the network that an answer gives an address of, but for these, [`RESIDENTS`] at most.
fn residents(answer: &Answer, but: &[IpAddr], known: &Known<'_>) -> usize {
    let Some(network) = answer.network() else { return 0 };
    let ips = known.directory.devices().flat_map(|(_, device)| &device.ips);
    let others = ips.filter(|ip| Some(**ip) != answer.address && **ip != answer.server && !but.contains(ip));
    others.filter(|ip| network_of(**ip) == Some(network)).take(RESIDENTS).count()
}

impl Answer {
    /// An answer that a server gives to a client of this VLAN; `None` for what is on its way to a relay, for
    /// which the client's VLAN is not this one, and for what gives no address and refuses none. A client that names
    /// to everybody the server that it chose (RFC 2131, 4.3.1) tells of an answer that the mirror may not show.
    pub(super) fn of(lease: &Lease, seen: &Observation, known: &Known<'_>) -> Option<Self> {
        let is_by_relay = lease.relay.is_some();
        let is_on_way_to_relay = is_by_relay && lease.relay != seen.peer.ip;
        let is_choice = lease.message == REQUEST && !is_by_relay;
        let server = lease.server.filter(|server| Some(*server) != lease.relay)?;
        if !(is_choice || matches!(lease.message, OFFER | ACK | NAK)) || is_on_way_to_relay {
            return None;
        }
        let is_straight = !is_by_relay && seen.peer.ip == Some(server);
        let holder = || {
            let number = known.directory.find_ip(server, seen.subject.vlan)?;
            known.directory.device(number)?.macs.first().copied()
        };
        let mac = if is_choice { holder() } else { seen.peer.mac.filter(|_| is_straight) };
        Some(Self {
            at: seen.at,
            cite: seen.cite,
            frame: seen.place.frame,
            vlan: seen.subject.vlan,
            client: seen.subject.mac?,
            transaction: lease.transaction,
            server,
            mac,
            address: lease.address,
            lease_s: lease.lease_s,
            is_choice,
            is_ack: lease.message == ACK,
            gives: lease.message != NAK && lease.address.is_some() && (is_choice || lease.lease_s.is_some()),
        })
    }

    pub(super) fn is_to_same_request(&self, other: &Self) -> bool {
        (self.client, self.transaction) == (other.client, other.transaction)
            && (self.at - other.at).0.abs() <= SAME_REQUEST.0
    }

    pub(super) fn network(&self) -> Option<[u8; 3]> {
        network_of(self.address.filter(|_| self.gives)?)
    }
}

/// The first three bytes of an IPv4 address: DHCP does not say how many count in a form that is kept.
fn network_of(ip: IpAddr) -> Option<[u8; 3]> {
    match ip {
        IpAddr::V4(v4) => v4.octets().first_chunk().copied(),
        IpAddr::V6(_) => None,
    }
}

impl Answer {
    /// It, cited with these words.
    pub(super) fn evidence(&self, text: &str) -> Evidence {
        Evidence { at: self.at, cite: Some(self.cite), protocol: Some("dhcp"), text: text.to_owned() }
    }
}

/// Who answers within this time of a VLAN's first answer is one of its servers.
pub(super) const LEARNING: Span = Span::seconds(120);
/// Both servers answer one request within this time.
pub(super) const SAME_REQUEST: Span = Span::seconds(10);
/// What speaks for one of two servers: so much tells the right one, where nothing speaks for the other.
const TELLS: usize = 2;
/// So many devices live in a network, and it was there before its server was heard.
const RESIDENTS: usize = 3;
/// Servers known in one VLAN; a failover pair is two.
pub(super) const SERVERS_MAX: usize = 16;
/// Networks that the servers of a VLAN give out.
pub(super) const NETWORKS_MAX: usize = 64;
/// Routers kept that a server names.
const ROUTERS_MAX: usize = 4;
/// Addresses kept that a server gave, to tell them from those that were there before.
const GIVEN_MAX: usize = 64;

/// RFC 2132, 9.6.
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
pub(super) const ACK: u8 = 5;
const NAK: u8 = 6;
