//! A host starts: it asks DHCP for its address, claims it, and its services begin (RFC 2131, RFC 5227).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::link::{Parcel, vlan_of};
use super::{Clock, Event, GATEWAY, Message, THINKING, Timer, World};
use crate::fabric::HostId;
use crate::frame::{Body, Data, Frame, Packet, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::site::{Host, Role, gateway_ip};
use crate::wire::dhcp::{self, ACK, DISCOVER, NAK, OFFER, REQUEST};
use crate::wire::{Mac, ntp};

/// A DHCP message, as its reader takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub kind: u8,
    pub transaction: u32,
    pub ip: Ipv4Addr,
    pub server: HostId,
}

/// The DHCP server of one VLAN.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    /// It answers nobody.
    pub is_dead: bool,
    /// It has nothing left to give.
    pub is_exhausted: bool,
    leases: BTreeMap<Mac, Ipv4Addr>,
}

impl World<'_> {
    pub(super) fn boot(&mut self, at: i64, host: HostId) {
        let state = &mut self.hosts[host];
        state.is_up = true;
        state.is_ready = false;
        state.serves = true;
        state.epoch += 1;
        state.booted = at;
        state.neighbors.clear();
        state.packet_id = state.random.bits() as u16;
        state.stamp_base = state.random.bits() as u32;
        if self.site.hosts[host].has_lease {
            self.after(at + 300 * MILLISECOND, host, Timer::Discover(0));
        } else {
            self.become_ready(at + 200 * MILLISECOND, host);
        }
    }

    /// The link of a host that runs comes up: it asks for its address as after a boot, its clock and counters go on.
    pub(super) fn link_up(&mut self, at: i64, host: HostId, booted: i64) {
        let state = &self.hosts[host];
        let (packet_id, stamp_base) = (state.packet_id, state.stamp_base);
        self.boot(at, host);
        let state = &mut self.hosts[host];
        (state.booted, state.packet_id, state.stamp_base) = (booted, packet_id, stamp_base);
    }

    /// What a host held goes to somebody else.
    pub(super) fn forget_lease(&mut self, host: HostId) {
        let plan = &self.site.hosts[host];
        self.dhcp[usize::from(plan.vlan)].leases.remove(&plan.mac);
    }

    /// Asks everybody for an address, again and again (RFC 2131, 4.1: after 4, 8, 16 … s).
    pub(super) fn discover(&mut self, at: i64, host: HostId, tries: u8) {
        if self.hosts[host].is_ready {
            return;
        }
        self.say_dhcp(at, host, DISCOVER, None);
        let sway = self.hosts[host].random.between(-SECOND, SECOND);
        let wait = ((4 * SECOND) << tries.min(4)) + sway;
        self.after(at + wait, host, Timer::Discover(tries.saturating_add(1)));
    }

    /// Renews its lease at half of it (RFC 2131, 4.4.5).
    pub(super) fn renew(&mut self, at: i64, host: HostId) {
        if !self.is_ready(host) {
            return;
        }
        let server = gateway_ip(self.site.hosts[host].vlan);
        let transaction = self.hosts[host].random.bits() as u32;
        let own = self.hosts[host].ip;
        let (bytes, mut says) = self.client_message(host, REQUEST, transaction, Some(own), None);
        says.extend(self.attached(host));
        let message = Message::Dhcp(Said { kind: REQUEST, transaction, ip: own, server: GATEWAY });
        let transport = Self::datagram((68, 67), bytes);
        self.send(at, Parcel { from: host, to: server, transport, says, message });
        self.after(at + Host::LEASE / 2, host, Timer::Renew);
    }

    fn say_dhcp(&mut self, at: i64, host: HostId, kind: u8, offered: Option<(Ipv4Addr, HostId, u32)>) {
        let transaction =
            offered.map_or_else(|| self.hosts[host].random.bits() as u32, |(_, _, transaction)| transaction);
        let (bytes, mut says) =
            self.client_message(host, kind, transaction, None, offered.map(|(ip, server, _)| (ip, server)));
        says.extend(self.attached(host));
        if kind == DISCOVER {
            self.hosts[host].asks = Some(transaction);
        }
        let mac = self.site.hosts[host].mac;
        let packet = Packet {
            source: Ipv4Addr::UNSPECIFIED.into(),
            destination: Ipv4Addr::BROADCAST.into(),
            ttl: self.site.hosts[host].product.ttl,
            id: 0,
            transport: Self::datagram((68, 67), bytes),
        };
        let frame = Frame { destination: Mac::BROADCAST, source: mac, body: Body::Ip(packet) };
        let vlan = self.site.hosts[host].vlan;
        if !self.flood(at, host, vlan, &frame, &says) {
            return;
        }
        let (ip, chosen) = offered.map_or((Ipv4Addr::UNSPECIFIED, GATEWAY), |(ip, server, _)| (ip, server));
        let said = Said { kind, transaction, ip, server: chosen };
        for server in self.dhcp_servers(vlan) {
            if self.fabric.reaches(host, server) {
                let delay = 400_000 + self.random.between(0, 300_000);
                self.agenda
                    .at(at + delay, Event::Message { to: server, from: host, message: Message::Dhcp(said) });
            }
        }
    }

    /// Who answers DHCP in a VLAN: the gateway, and whoever an incident set up beside it.
    fn dhcp_servers(&self, vlan: u16) -> Vec<HostId> {
        let rogues = (0..self.hosts.len())
            .filter(|id| self.hosts[*id].gives_leases && self.site.hosts[*id].vlan == vlan);
        std::iter::once(GATEWAY).chain(rogues).collect()
    }

    fn client_message(
        &self,
        host: HostId,
        kind: u8,
        transaction: u32,
        own: Option<Ipv4Addr>,
        offered: Option<(Ipv4Addr, HostId)>,
    ) -> (Vec<u8>, Vec<Says>) {
        let plan = &self.site.hosts[host];
        let product = plan.product;
        let class = product.vendor_class.map(|text| self.filled(host, text));
        let name = product.hostname.map(|text| self.filled(host, text));
        let client_id = [&[1][..], &plan.mac.0].concat();
        let asked = offered.map(|(ip, _)| ip.octets());
        let server = offered.map(|(_, server)| self.server_ip(server, plan.vlan).octets());
        let relay = self.relay_information(host);
        let mut options: Vec<(u8, &[u8])> = vec![(61, &client_id)];
        options.extend(asked.as_ref().map(|ip| (50, &ip[..])));
        options.extend(server.as_ref().map(|ip| (54, &ip[..])));
        options.push((57, &[2, 64]));
        options.push((55, product.parameters));
        options.extend(class.as_ref().map(|text| (60, text.as_bytes())));
        options.extend(name.as_ref().map(|text| (12, text.as_bytes())));
        options.extend(relay.as_ref().map(|bytes| (82, &bytes[..])));
        let message = dhcp::Message {
            kind,
            transaction,
            seconds: 0,
            client: plan.mac,
            client_ip: own,
            your_ip: None,
            relay: None,
            hops: 0,
            is_broadcast: false,
            options: &options,
        };
        let mut bytes = Vec::new();
        message.write(&mut bytes);
        let ip = own.or(offered.map(|(ip, _)| ip)).map(Into::into);
        let server = offered.map(|(_, server)| self.server_ip(server, plan.vlan).into());
        let says = Says::Leased {
            message: kind,
            mac: plan.mac,
            own: own.map(Into::into),
            ip,
            router: None,
            server,
            lease_s: None,
            transaction,
        };
        (bytes, vec![says, Says::Named { mac: plan.mac, class, name }])
    }

    /// What the switch adds: its MAC and the port (RFC 3046; the circuit id as Cisco's switches write it).
    fn relay_information(&self, host: HostId) -> Option<Vec<u8>> {
        let plug = self.site.hosts[host].plug;
        let switch = &self.site.switches[plug.switch];
        if !switch.adds_option_82 {
            return None;
        }
        let [vlan_high, vlan_low] = self.site.hosts[host].vlan.to_be_bytes();
        let circuit = [0, 4, vlan_high, vlan_low, 1, plug.port as u8];
        let remote = [&[0, 6][..], &switch.mac.0].concat();
        Some(dhcp::relay_information(&circuit, &remote))
    }

    fn attached(&self, host: HostId) -> Option<Says> {
        let plan = &self.site.hosts[host];
        let switch = &self.site.switches[plan.plug.switch];
        switch
            .adds_option_82
            .then(|| Says::Attached(plan.mac, switch.mac.to_string(), format!("1/{}", plan.plug.port)))
    }

    fn server_ip(&self, server: HostId, vlan: u16) -> Ipv4Addr {
        if server == GATEWAY { gateway_ip(vlan) } else { self.hosts[server].ip }
    }

    pub(super) fn dhcp(&mut self, at: i64, to: HostId, from: HostId, said: Said) {
        match said.kind {
            DISCOVER => self.offer(at, to, from, said, OFFER),
            REQUEST if said.server == to => self.offer(at, to, from, said, ACK),
            OFFER if self.hosts[to].asks == Some(said.transaction) => {
                // The first offer is as good as any.
                self.hosts[to].asks = None;
                self.say_dhcp(at + THINKING, to, REQUEST, Some((said.ip, said.server, said.transaction)))
            }
            ACK if !self.hosts[to].is_ready => {
                let before = std::mem::replace(&mut self.hosts[to].ip, said.ip);
                if before != said.ip
                    && let Some(owners) = self.owners.get_mut(&before)
                {
                    owners.retain(|owner| *owner != to);
                }
                let owners = self.owners.entry(said.ip).or_default();
                if !owners.contains(&to) {
                    owners.push(to);
                }
                self.claim(at + 5 * MILLISECOND, to, true);
                self.become_ready(at + 1_200 * MILLISECOND, to);
            }
            _ => {}
        }
    }

    /// A server answers a client.
    fn offer(&mut self, at: i64, server: HostId, client: HostId, said: Said, kind: u8) {
        let plan = &self.site.hosts[client];
        let (vlan, mac, planned) = (plan.vlan, plan.mac, plan.ip);
        let state = &mut self.dhcp[usize::from(vlan)];
        let is_rogue = server != GATEWAY;
        let planned = if vlan_of(planned) == vlan { planned } else { guest_lease(vlan, planned) };
        let is_known = state.leases.contains_key(&mac);
        if !is_rogue && (state.is_dead || (state.is_exhausted && !is_known && kind == OFFER)) {
            return;
        }
        let ip = if is_rogue { rogue_lease(planned) } else { planned };
        let (kind, ip) = if kind == ACK && said.ip != ip { (NAK, said.ip) } else { (kind, ip) };
        if kind == ACK && !is_rogue {
            state.leases.insert(mac, ip);
        }
        let own = self.server_ip(server, vlan);
        let lease = ((Host::LEASE / SECOND) as u32).to_be_bytes();
        let (own_bytes, gateway) = (own.octets(), gateway_ip(vlan).octets());
        let router = if is_rogue { own_bytes } else { gateway };
        let options: Vec<(u8, &[u8])> = if kind == NAK {
            vec![(54, &own_bytes)]
        } else {
            vec![
                (54, &own_bytes),
                (51, &lease),
                (1, &[255, 255, 0, 0]),
                (3, &router),
                (6, &router),
                (42, &router),
            ]
        };
        let message = dhcp::Message {
            kind,
            transaction: said.transaction,
            seconds: 0,
            client: mac,
            client_ip: None,
            your_ip: (kind != NAK).then_some(ip),
            relay: None,
            hops: 0,
            is_broadcast: false,
            options: &options,
        };
        let mut bytes = Vec::new();
        message.write(&mut bytes);
        let packet = Packet {
            source: own.into(),
            destination: ip.into(),
            ttl: 64,
            id: self.hosts[server].id(false),
            transport: Transport::Udp((67, 68), Data::Bytes(Rc::from(bytes))),
        };
        let frame = Frame { destination: mac, source: self.site.hosts[server].mac, body: Body::Ip(packet) };
        let says = [Says::Leased {
            message: kind,
            mac,
            own: None,
            router: (kind != NAK).then_some(router.into()),
            ip: (kind != NAK).then_some(ip.into()),
            server: Some(own.into()),
            lease_s: Some((Host::LEASE / SECOND) as u32),
            transaction: said.transaction,
        }];
        let (arrives, _) = self.unicast(at + THINKING, server, client, vlan, &frame, &says);
        if let Some(then) = arrives {
            let message = Message::Dhcp(Said { kind, ip, server, ..said });
            self.agenda.at(then, Event::Message { to: client, from: server, message });
        }
    }

    /// The host has its address: it claims it, and does what hosts of its role do.
    pub(super) fn become_ready(&mut self, at: i64, host: HostId) {
        self.hosts[host].is_ready = true;
        let role = self.site.hosts[host].role;
        let spread = |world: &mut Self, from: i64, to: i64| at + world.hosts[host].random.between(from, to);
        if role == Role::Internet {
            return;
        }
        self.after(at, host, Timer::Announce(0));
        if self.site.hosts[host].has_lease {
            self.after(at + Host::LEASE / 2, host, Timer::Renew);
        }
        if role != Role::Gateway {
            let then = spread(self, SECOND, 20 * SECOND);
            self.after(then, host, Timer::Time);
        }
        match role {
            Role::Camera => self.begin_habit(at, host),
            Role::Recorder => self.start_pulling(at + SECOND, host),
            Role::Vms => {
                let then = spread(self, 10 * SECOND, 20 * SECOND);
                self.after(then, host, Timer::Ask(0));
            }
            Role::AccessServer => self.start_polling(at + SECOND, host),
            Role::Intercom => {
                let then = spread(self, SECOND, 5 * SECOND);
                self.after(then, host, Timer::Register);
            }
            Role::Viewer => {
                let then = spread(self, 20 * SECOND, 120 * SECOND);
                self.after(then, host, Timer::Look);
                self.after(then + SECOND, host, Timer::Chat);
            }
            Role::Workstation | Role::Printer => {
                let then = spread(self, SECOND, 30 * SECOND);
                self.after(then, host, Timer::Chat);
            }
            Role::Gateway => self.after(at + SECOND, host, Timer::Chat),
            Role::Controller | Role::Switch(_) | Role::Internet => {}
        }
    }

    /// Asks the gateway for the time, more and more seldom (RFC 5905, 7.3).
    pub(super) fn keep_time(&mut self, at: i64, host: HostId) {
        let port = self.ask_time(at, host);
        let age = at - self.hosts[host].booted;
        let poll = if age < 300 * SECOND {
            64
        } else if age < 3_600 * SECOND {
            256
        } else {
            1_024
        };
        self.after(at + poll * SECOND + i64::from(port) * 10_000, host, Timer::Time);
    }

    /// Asks the gateway for the time once, from the port that is returned.
    pub(super) fn ask_time(&mut self, at: i64, host: HostId) -> u16 {
        let server = gateway_ip(self.site.hosts[host].vlan);
        let request = ntp::request(at);
        let port = self.hosts[host].port();
        let message = Message::TimeRequest(Rc::from(&request[..]), port);
        let transport = Self::datagram((port, 123), request);
        let says = vec![Says::AsksTime];
        self.send(at, Parcel { from: host, to: server, transport, says, message });
        port
    }

    pub(super) fn tell_time(&mut self, at: i64, server: HostId, client: HostId, request: &[u8], port: u16) {
        let bytes = match self.clock {
            Clock::Set => ntp::reply(request, at, at + 40_000),
            Clock::Unset => ntp::unsynchronized(request, at, at + 40_000),
            Clock::Mute => return,
        };
        let to = self.hosts[client].ip;
        let transport = Self::datagram((123, port), bytes);
        let says = vec![Says::Served("ntp"), Says::TellsTime(self.clock == Clock::Set)];
        self.send(at + 40_000, Parcel { from: server, to, transport, says, message: Message::TimeReply });
    }
}

/// What a server gives to whom it does not expect in its VLAN.
const fn guest_lease(vlan: u16, planned: Ipv4Addr) -> Ipv4Addr {
    let [_, _, c, d] = planned.octets();
    Ipv4Addr::new(10, vlan as u8, 0x40 | c, d)
}

/// What a rogue server gives: the upper half of the same network.
const fn rogue_lease(planned: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, d] = planned.octets();
    Ipv4Addr::new(a, b, c | 0x80, d)
}
