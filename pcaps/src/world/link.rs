//! Frames past the mirror, neighbours, and the way of a packet through the gateway.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use super::tcp::ConnectionId;
use super::{Event, GATEWAY, Message, Timer, World};
use crate::fabric::HostId;
use crate::frame::{Body, Data, Frame, Packet, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::site::{Role, gateway_ip, vlan};
use crate::tap::{Passing, Past};
use crate::wire::arp::Arp;
use crate::wire::{Mac, icmp, ip};

/// What a host knows of a neighbour.
#[derive(Debug, Default)]
pub struct Neighbor {
    /// Who it is.
    host: Option<HostId>,
    /// When it last showed that it is there.
    confirmed: i64,
    /// Requests sent without an answer.
    asked: u8,
    /// Whether these went to it alone.
    is_probe: bool,
    waiting: Vec<Waiting>,
}

/// What waits for a neighbour's address.
#[derive(Debug)]
enum Waiting {
    Parcel(Box<Parcel>),
    Connection(ConnectionId, u32),
}

/// A packet to send.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub from: HostId,
    pub to: Ipv4Addr,
    pub transport: Transport,
    pub says: Vec<Says>,
    pub message: Message,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It arrives then, there, past the mirror or not.
    Arrives(i64, HostId, Past),
    /// It was lost, past the mirror or not.
    Lost(Past),
    /// The neighbour's address is not known yet.
    Waits,
}

impl Sent {
    /// What became of it at the mirror.
    pub(super) const fn past(self) -> Past {
        match self {
            Self::Arrives(_, _, past) | Self::Lost(past) => past,
            Self::Waits => Past::Apart,
        }
    }
}

impl World<'_> {
    /// Sends a datagram, at once or when its neighbour is found.
    pub(super) fn send(&mut self, at: i64, parcel: Parcel) {
        let own = self.hosts[parcel.from].ip;
        match self.send_ip(at, (parcel.from, own), parcel.to, &parcel.transport, &parcel.says) {
            Sent::Arrives(then, to, _) => {
                let from = parcel.from;
                if !matches!(parcel.message, Message::Nothing) {
                    self.agenda.at(then, Event::Message { to, from, message: parcel.message });
                }
            }
            Sent::Lost(_) => {}
            Sent::Waits => {
                let (from, hop) = (parcel.from, self.next_hop(parcel.from, parcel.to));
                let neighbor = self.hosts[from].neighbors.entry(hop).or_default();
                if neighbor.waiting.len() < WAITING_MAX {
                    neighbor.waiting.push(Waiting::Parcel(Box::new(parcel)));
                }
            }
        }
    }

    /// Lets a connection be told when its neighbour is found or given up.
    pub(super) fn wait_for(&mut self, from: HostId, to: Ipv4Addr, connection: ConnectionId, generation: u32) {
        let hop = self.next_hop(from, to);
        let waiting = &mut self.hosts[from].neighbors.entry(hop).or_default().waiting;
        if !waiting.iter().any(|it| matches!(it, Waiting::Connection(id, _) if *id == connection)) {
            waiting.push(Waiting::Connection(connection, generation));
        }
    }

    fn next_hop(&self, from: HostId, to: Ipv4Addr) -> Ipv4Addr {
        // A host knows its network by its own address, whatever VLAN its port is in.
        let own = vlan_of(self.hosts[from].ip);
        if from == GATEWAY || vlan_of(to) == own { to } else { gateway_ip(own) }
    }

    /// Sends an IPv4 packet of a host, from one of its addresses, on its way: to its neighbour, or through the gateway.
    pub(super) fn send_ip(
        &mut self,
        at: i64,
        (from, own): (HostId, Ipv4Addr),
        to: Ipv4Addr,
        transport: &Transport,
        says: &[Says],
    ) -> Sent {
        let source =
            if from == GATEWAY && vlan_of(to) != vlan::OUTSIDE { gateway_ip(vlan_of(to)) } else { own };
        if self.site.hosts[from].role == Role::Internet {
            return self.deliver_inside(at, source, to, transport, says);
        }
        let counts = self.site.hosts[from].product.counts_packets;
        let id = self.hosts[from].id(counts);
        let ttl = self.site.hosts[from].product.ttl;
        let packet =
            Packet { source: source.into(), destination: to.into(), ttl, id, transport: transport.clone() };
        self.forward(at, from, to, packet, Some(says))
    }

    /// Sends a packet on; `says` is `None` where the mirror showed it on its way to the gateway.
    fn forward(
        &mut self,
        at: i64,
        from: HostId,
        to: Ipv4Addr,
        packet: Packet,
        says: Option<&[Says]>,
    ) -> Sent {
        let hop = self.next_hop(from, to);
        let Some(next) = self.resolve(at, from, hop) else { return Sent::Waits };
        let segment = if from == GATEWAY { vlan_of(to) } else { self.site.hosts[from].vlan };
        let frame = Frame {
            destination: self.site.hosts[next].mac,
            source: self.site.hosts[from].mac,
            body: Body::Ip(packet),
        };
        let (arrives, past) = self.unicast_packet(at, (from, next), segment, &frame, says);
        let Some(then) = arrives.filter(|_| self.hosts[next].is_up) else { return Sent::Lost(past) };
        let is_there =
            hop == to || (next == GATEWAY && vlan_of(to) != vlan::OUTSIDE && self.owns(GATEWAY, to));
        // A host drops what goes to an address that it no longer has.
        if hop == to && next != GATEWAY && self.hosts[next].ip != to {
            return Sent::Lost(past);
        }
        if is_there {
            return Sent::Arrives(then, next, past);
        }
        let Body::Ip(mut packet) = frame.body else { return Sent::Lost(past) };
        packet.ttl = packet.ttl.saturating_sub(1);
        let there = then + ROUTING;
        if vlan_of(to) == vlan::OUTSIDE {
            return self.internet.map_or(Sent::Lost(past), |id| Sent::Arrives(there + INTERNET, id, past));
        }
        let says = says.filter(|_| !past.is_shown());
        match self.forward(there, GATEWAY, to, packet.clone(), says) {
            Sent::Arrives(then, host, later) => Sent::Arrives(then, host, past.max(later)),
            Sent::Lost(later) => Sent::Lost(past.max(later)),
            Sent::Waits => {
                // A router holds the packet while it asks for its receiver.
                let parcel = Parcel {
                    from: GATEWAY,
                    to,
                    transport: packet.transport,
                    says: Vec::new(),
                    message: Message::Nothing,
                };
                let neighbor = self.hosts[GATEWAY].neighbors.entry(to).or_default();
                let source = packet.source;
                if neighbor.waiting.is_empty() && source != IpAddr::V4(gateway_ip(vlan_of(to))) {
                    neighbor.waiting.push(Waiting::Parcel(Box::new(Parcel { from, ..parcel })));
                }
                Sent::Lost(past)
            }
        }
    }

    /// What comes from the Internet reaches its receiver from the gateway.
    fn deliver_inside(
        &mut self,
        at: i64,
        source: Ipv4Addr,
        to: Ipv4Addr,
        transport: &Transport,
        says: &[Says],
    ) -> Sent {
        let id = self.hosts[GATEWAY].id(false);
        let packet = Packet {
            source: source.into(),
            destination: to.into(),
            ttl: 52,
            id,
            transport: transport.clone(),
        };
        match self.forward(at + INTERNET, GATEWAY, to, packet, Some(says)) {
            Sent::Waits => Sent::Lost(Past::Apart),
            sent => sent,
        }
    }

    fn owns(&self, host: HostId, ip: Ipv4Addr) -> bool {
        self.owners.get(&ip).is_some_and(|owners| owners.contains(&host))
    }

    /// Sends a frame to one host: when it arrives, and what became of it at the mirror.
    pub(super) fn unicast(
        &mut self,
        at: i64,
        from: HostId,
        to: HostId,
        vlan: u16,
        frame: &Frame,
        says: &[Says],
    ) -> (Option<i64>, Past) {
        self.unicast_packet(at, (from, to), vlan, frame, Some(says))
    }

    fn unicast_packet(
        &mut self,
        at: i64,
        (from, to): (HostId, HostId),
        vlan: u16,
        frame: &Frame,
        says: Option<&[Says]>,
    ) -> (Option<i64>, Past) {
        if !self.hosts[from].is_up {
            return (None, Past::Apart);
        }
        let is_reached = self.is_in(to, vlan);
        // No port of the VLAN has learned the receiver: the frame goes to everybody, and to nobody who cares.
        let journey = if is_reached { self.fabric.send(from, to) } else { self.fabric.flood(from) };
        let passing = Passing { host: from, at, vlan };
        let past = self.tap.copy_of_packet(passing, &journey.copies, frame, says);
        (journey.arrives.filter(|_| is_reached).map(|after| at + after), past)
    }

    /// Whether a host hears what is sent in a VLAN; the gateway is in all of them.
    pub(super) fn is_in(&self, host: HostId, vlan: u16) -> bool {
        host == GATEWAY || self.site.hosts[host].vlan == vlan || self.site.hosts[host].role == Role::Internet
    }

    /// Sends a frame to everybody; whether it got as far as its switch.
    pub(super) fn flood(&mut self, at: i64, from: HostId, vlan: u16, frame: &Frame, says: &[Says]) -> bool {
        if !self.hosts[from].is_up {
            return false;
        }
        let journey = self.fabric.flood(from);
        let before = self.tap.handed();
        let (mut first, mut last) = (None, at);
        for round in 0..=i64::from(self.circling) {
            let passing = Passing { host: from, at: at + round * ROUND_TRIP, vlan };
            let says = Some(says).filter(|_| first.is_none());
            if let Past::Shown(at) = self.tap.copy_of_packet(passing, &journey.copies, frame, says) {
                (first, last) = (first.or(Some(at)), at);
            }
        }
        let arrives = journey.arrives.is_some();
        let again = (self.tap.handed() - before).saturating_sub(1) as u32;
        if let Some(first) = first.filter(|_| again > 0) {
            self.tap.came_again(first, frame, vlan, Says::Again(again, last - first));
        }
        arrives
    }

    /// Asks everybody for an address and expects nothing.
    pub(super) fn cry(&mut self, at: i64, host: HostId, target: Ipv4Addr) {
        let (mac, own) = (self.site.hosts[host].mac, self.hosts[host].ip);
        let arp = Arp { is_reply: false, sender: (mac, own), target: (Mac::ZERO, target) };
        let frame = Frame { destination: Mac::BROADCAST, source: mac, body: Body::Arp(arp) };
        let vlan = self.site.hosts[host].vlan;
        self.flood(
            at,
            host,
            vlan,
            &frame,
            &[Says::Binding(mac, own.into()), Says::Asked(Some(own.into()), target.into())],
        );
    }

    /// Sends a datagram to a group or to everybody.
    pub(super) fn multicast(
        &mut self,
        at: i64,
        from: HostId,
        to: Ipv4Addr,
        ttl: u8,
        transport: Transport,
        says: &[Says],
    ) {
        let counts = self.site.hosts[from].product.counts_packets;
        let id = self.hosts[from].id(counts);
        let source = self.hosts[from].ip;
        let destination = if to.is_multicast() { Mac::of_group(to) } else { Mac::BROADCAST };
        let packet = Packet { source: source.into(), destination: to.into(), ttl, id, transport };
        let frame = Frame { destination, source: self.site.hosts[from].mac, body: Body::Ip(packet) };
        let vlan = self.site.hosts[from].vlan;
        self.flood(at, from, vlan, &frame, says);
    }

    /// Who has this address on the link, as far as it is known; asks otherwise.
    fn resolve(&mut self, at: i64, from: HostId, hop: Ipv4Addr) -> Option<HostId> {
        let patience = self.patience(from);
        let neighbor = self.hosts[from].neighbors.entry(hop).or_default();
        match neighbor.host {
            Some(host) => {
                if at - neighbor.confirmed > patience + DELAY_FIRST_PROBE && neighbor.asked == 0 {
                    neighbor.is_probe = true;
                    neighbor.asked = 1;
                    self.ask(at, from, hop, Some(host));
                }
                Some(host)
            }
            None => {
                if neighbor.asked == 0 {
                    neighbor.is_probe = false;
                    neighbor.asked = 1;
                    self.ask(at, from, hop, None);
                }
                None
            }
        }
    }

    /// Whether a host would send to this neighbour without asking for it first.
    pub(super) fn knows(&self, from: HostId, ip: Ipv4Addr, host: HostId, at: i64) -> bool {
        let Some(neighbor) = self.hosts[from].neighbors.get(&ip) else { return false };
        let is_fresh = at - neighbor.confirmed <= self.patience(from) + DELAY_FIRST_PROBE;
        neighbor.host == Some(host)
            && (is_fresh || neighbor.asked != 0)
            && self.next_hop(from, ip) == ip
            && self.is_in(host, self.site.hosts[from].vlan)
    }

    /// How long a host believes in a neighbour.
    fn patience(&self, host: HostId) -> i64 {
        REACHABLE + i64::from(self.site.hosts[host].mac.0[5]) * (REACHABLE_SPREAD / 256)
    }

    /// Takes any sign of life of a neighbour.
    pub(super) fn confirm(&mut self, at: i64, host: HostId, ip: Ipv4Addr) {
        if let Some(neighbor) = self.hosts[host].neighbors.get_mut(&ip) {
            neighbor.confirmed = neighbor.confirmed.max(at);
        }
    }

    /// Sends an ARP request, to everybody or to the one who had the address (RFC 1122, 2.3.2.1).
    fn ask(&mut self, at: i64, from: HostId, target: Ipv4Addr, known: Option<HostId>) {
        let mac = self.site.hosts[from].mac;
        let segment = if from == GATEWAY { vlan_of(target) } else { self.site.hosts[from].vlan };
        let own = if from == GATEWAY { gateway_ip(segment) } else { self.hosts[from].ip };
        let arp = Arp { is_reply: false, sender: (mac, own), target: (Mac::ZERO, target) };
        let destination = known.map_or(Mac::BROADCAST, |host| self.site.hosts[host].mac);
        let frame = Frame { destination, source: mac, body: Body::Arp(arp) };
        let says = [Says::Binding(mac, own.into()), Says::Asked(Some(own.into()), target.into())];
        let asked: Vec<HostId> = if let Some(host) = known {
            let (arrives, _) = self.unicast(at, from, host, segment, &frame, &says);
            arrives.map(|_| host).into_iter().collect()
        } else if self.flood(at, from, segment, &frame, &says) {
            let owners = self.owners.get(&target).cloned().unwrap_or_default();
            // The gateway answers for its address in this VLAN, not for those in others.
            let hears = |owner: HostId| {
                self.is_in(owner, segment) && (owner != GATEWAY || vlan_of(target) == segment)
            };
            owners.into_iter().filter(|owner| hears(*owner) && self.fabric.reaches(from, *owner)).collect()
        } else {
            Vec::new()
        };
        for owner in asked {
            let delay = 150_000 + self.hosts[owner].random.between(0, 200_000);
            self.agenda.at(at + delay, Event::Asked { owner, asker: from, target });
        }
        let epoch = self.hosts[from].epoch;
        self.agenda.at(at + ASK_AGAIN, Event::AskAgain(from, epoch, target));
    }

    pub(super) fn asked(&mut self, at: i64, owner: HostId, asker: HostId, target: Ipv4Addr) {
        let has_it = self.hosts[owner].ip == target || self.owns(owner, target);
        if !self.is_ready(owner) || !has_it {
            return;
        }
        let mac = self.site.hosts[owner].mac;
        let segment = if owner == GATEWAY { vlan_of(target) } else { self.site.hosts[owner].vlan };
        let asker_ip = if asker == GATEWAY { gateway_ip(segment) } else { self.hosts[asker].ip };
        let arp =
            Arp { is_reply: true, sender: (mac, target), target: (self.site.hosts[asker].mac, asker_ip) };
        let frame = Frame { destination: self.site.hosts[asker].mac, source: mac, body: Body::Arp(arp) };
        let says = [Says::Binding(mac, target.into())];
        let (arrives, _) = self.unicast(at, owner, asker, segment, &frame, &says);
        if let Some(then) = arrives {
            self.agenda.at(then, Event::Answered { asker, ip: target, owner });
        }
        // Who is asked learns who asks (RFC 826).
        let neighbor = self.hosts[owner].neighbors.entry(asker_ip).or_default();
        neighbor.host = Some(asker);
        neighbor.confirmed = neighbor.confirmed.max(at);
        neighbor.asked = 0;
    }

    pub(super) fn answered(&mut self, at: i64, asker: HostId, ip: Ipv4Addr, owner: HostId) {
        let Some(neighbor) = self.hosts[asker].neighbors.get_mut(&ip) else { return };
        neighbor.host = Some(owner);
        neighbor.confirmed = at;
        neighbor.asked = 0;
        for waiting in std::mem::take(&mut neighbor.waiting) {
            match waiting {
                Waiting::Parcel(parcel) if parcel.from == asker => self.send(at + 20_000, *parcel),
                Waiting::Parcel(_) => {}
                Waiting::Connection(id, generation) => {
                    self.agenda.at(at + 20_000, Event::SynAgain(id, generation));
                }
            }
        }
    }

    pub(super) fn ask_again(&mut self, at: i64, host: HostId, ip: Ipv4Addr) {
        let Some(neighbor) = self.hosts[host].neighbors.get_mut(&ip) else { return };
        if neighbor.asked == 0 || at - neighbor.confirmed < ASK_AGAIN {
            neighbor.asked = 0;
            return;
        }
        if neighbor.asked < ASKS {
            neighbor.asked += 1;
            let known = neighbor.host.filter(|_| neighbor.is_probe);
            self.ask(at, host, ip, known);
            return;
        }
        neighbor.asked = 0;
        neighbor.host = None;
        for waiting in std::mem::take(&mut neighbor.waiting) {
            match waiting {
                Waiting::Connection(id, generation) => {
                    self.agenda.at(at, Event::Closed(id, generation, super::Why::Unreachable));
                }
                Waiting::Parcel(parcel) if host == GATEWAY && parcel.from != GATEWAY => {
                    self.say_unreachable(at, parcel.from, ip, &parcel.transport);
                }
                Waiting::Parcel(_) => {}
            }
        }
    }

    /// The gateway tells a sender that it does not find the receiver (RFC 792).
    fn say_unreachable(&mut self, at: i64, sender: HostId, target: Ipv4Addr, transport: &Transport) {
        let mut quoted = Vec::new();
        let source = self.hosts[sender].ip;
        let packet = Packet {
            source: source.into(),
            destination: target.into(),
            ttl: 63,
            id: 1,
            transport: transport.clone(),
        };
        packet.write(&mut quoted);
        let mut message = Vec::new();
        icmp::unreachable(1, &quoted, &mut message);
        let transport = Transport::Other { protocol: ip::ICMP, is_alert: false, message: message.into() };
        let says = vec![Says::Unreachable(target.into())];
        self.send(at, Parcel { from: GATEWAY, to: source, transport, says, message: Message::Nothing });
    }

    /// Announces an address that a host took: probes and announcements (RFC 5227, 2.1.1 and 2.3).
    pub(super) fn claim(&mut self, at: i64, host: HostId, is_probe: bool) {
        let (mac, own) = (self.site.hosts[host].mac, self.hosts[host].ip);
        let sender = if is_probe { Ipv4Addr::UNSPECIFIED } else { own };
        let arp = Arp { is_reply: false, sender: (mac, sender), target: (Mac::ZERO, own) };
        let frame = Frame { destination: Mac::BROADCAST, source: mac, body: Body::Arp(arp) };
        let says = if is_probe { Says::Asked(None, own.into()) } else { Says::Claimed(mac, own.into()) };
        let vlan = self.site.hosts[host].vlan;
        self.flood(at, host, vlan, &frame, &[says]);
        let is_contested = self.owners.get(&own).is_some_and(|owners| owners.len() > 1);
        if !is_probe && is_contested {
            self.learn_from_claim(at, host, own);
            self.defend(at, host, own);
        }
    }

    /// Who has an address that somebody else claims claims it too, once in ten seconds (RFC 5227, 2.4).
    fn defend(&mut self, at: i64, claimant: HostId, ip: Ipv4Addr) {
        let vlan = self.site.hosts[claimant].vlan;
        for owner in self.owners.get(&ip).cloned().unwrap_or_default() {
            let is_due = at - self.hosts[owner].defended > DEFEND;
            let hears = self.is_in(owner, vlan) && self.fabric.reaches(claimant, owner);
            if owner != claimant && is_due && hears && self.is_ready(owner) && self.hosts[owner].ip == ip {
                self.hosts[owner].defended = at;
                self.after(at + 30 * MILLISECOND, owner, Timer::Defend);
            }
        }
    }

    /// Who knew the address of somebody else now knows the claimant.
    fn learn_from_claim(&mut self, at: i64, claimant: HostId, ip: Ipv4Addr) {
        for other in 0..self.hosts.len() {
            if other != claimant
                && self.hosts[other].neighbors.get(&ip).is_some_and(|neighbor| neighbor.host.is_some())
                && self.is_in(other, self.site.hosts[claimant].vlan)
                && self.fabric.reaches(claimant, other)
                && let Some(neighbor) = self.hosts[other].neighbors.get_mut(&ip)
            {
                neighbor.host = Some(claimant);
                neighbor.confirmed = at;
                neighbor.asked = 0;
            }
        }
    }

    /// A datagram of bytes.
    pub(super) fn datagram(ports: (u16, u16), bytes: Vec<u8>) -> Transport {
        Transport::Udp(ports, Data::Bytes(Rc::from(bytes)))
    }
}

/// The VLAN of an address; what is no address of the site is outside.
pub(super) const fn vlan_of(ip: Ipv4Addr) -> u16 {
    match ip.octets() {
        [10, vlan, ..] => vlan as u16,
        _ => vlan::OUTSIDE,
    }
}

/// A neighbour is believed in for this long without a sign (Linux: 15 to 45 s) ...
const REACHABLE: i64 = 15 * SECOND;
const REACHABLE_SPREAD: i64 = 30 * SECOND;
/// ... and asked for so much later.
const DELAY_FIRST_PROBE: i64 = 5 * SECOND;
/// Requests without an answer before one gives up, and how far apart.
const ASKS: u8 = 3;
const ASK_AGAIN: i64 = SECOND;
/// An address is defended at most so often (RFC 5227, 1.1).
const DEFEND: i64 = 10 * SECOND;
/// Packets that wait for one neighbour.
const WAITING_MAX: usize = 3;
/// What the gateway takes to forward a packet.
const ROUTING: i64 = 60_000;
/// A frame that circles comes by again after this long.
const ROUND_TRIP: i64 = 400_000;
/// One way to a server in the Internet.
const INTERNET: i64 = 9 * MILLISECOND;
