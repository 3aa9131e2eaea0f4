//! What hosts say unasked: gratuitous ARP, IPv6's start, mDNS, WS-Discovery's Hello, SSDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{GATEWAY, Timer, World};
use crate::fabric::HostId;
use crate::frame::{Body, Frame, Packet, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::site::{Habit, Role};
use crate::wire::{Mac, ip, mdns, mld, nd, ssdp, wsd};

impl World<'_> {
    /// The turns of a start: its address twice, then its name and its services.
    pub(super) fn announce(&mut self, at: i64, host: HostId, turn: u8) {
        let role = self.site.hosts[host].role;
        match turn {
            0 | 1 => self.claim(at, host, false),
            2 => self.announce_ip6(at, host),
            3 | 4 => self.announce_name(at, host),
            _ if role == Role::Camera => self.say_hello(at, host),
            _ => {}
        }
        if turn < 5 {
            let wait = if turn == 0 { 2 * SECOND } else { 600 * MILLISECOND };
            self.after(at + wait, host, Timer::Announce(turn + 1));
        }
    }

    fn announce_ip6(&mut self, at: i64, host: HostId) {
        let Some(own) = self.site.hosts[host].ip6 else { return };
        let mac = self.site.hosts[host].mac;
        let solicited = nd::solicited_node(own);
        let probe = nd::neighbor_solicit((Ipv6Addr::UNSPECIFIED, solicited), None, own);
        let says = [Says::Asked(None, own.into())];
        self.send_ip6(at, host, (Ipv6Addr::UNSPECIFIED, solicited), (255, false), probe, &says);
        let report = mld::report_v2((own, MLD_ROUTERS), &[(mld::TO_EXCLUDE, solicited)]);
        self.send_ip6(at + 120 * MILLISECOND, host, (own, MLD_ROUTERS), (1, true), report, &[]);
        let solicit = nd::router_solicit((own, ALL_ROUTERS), Some(mac));
        let says = [Says::Binding(mac, own.into())];
        self.send_ip6(at + 200 * MILLISECOND, host, (own, ALL_ROUTERS), (255, false), solicit, &says);
    }

    fn send_ip6(
        &mut self,
        at: i64,
        host: HostId,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        (ttl, is_alert): (u8, bool),
        message: Vec<u8>,
        says: &[Says],
    ) {
        let transport = Transport::Other { protocol: ip::ICMPV6, is_alert, message: message.into() };
        let packet = Packet { source: source.into(), destination: destination.into(), ttl, id: 0, transport };
        let frame = Frame {
            destination: Mac::of_group6(destination),
            source: self.site.hosts[host].mac,
            body: Body::Ip(packet),
        };
        let vlan = self.site.hosts[host].vlan;
        self.flood(at, host, vlan, &frame, says);
    }

    /// A host makes itself known to IPv6 hosts as their router (RFC 4861, 6.2.4); with a lifetime of 0 it says that it
    /// is none any more. Who is not meant to be one gives out a prefix of its own.
    pub(super) fn advertise_router(&mut self, at: i64, host: HostId, lifetime_s: u16) {
        let Some(own) = self.site.hosts[host].ip6 else { return };
        let mac = self.site.hosts[host].mac;
        let prefix = (host != GATEWAY).then_some((STRANGERS, 64));
        let router = nd::Router { mac, lifetime_s, prefix };
        let message = nd::router_advertise((own, ALL_NODES), &router);
        let told = Says::RouterFor(lifetime_s, prefix.map(|(prefix, _)| prefix));
        let mut says = vec![Says::Binding(mac, own.into()), told];
        says.extend((lifetime_s > 0).then_some(Says::Router));
        self.send_ip6(at, host, (own, ALL_NODES), (255, false), message, &says);
    }

    fn announce_name(&mut self, at: i64, host: HostId) {
        let plan = &self.site.hosts[host];
        let (kind, port) = match plan.role {
            Role::Camera if plan.product.vendor == "Axis" => ("_axis-video._tcp", 80),
            Role::Camera => ("_rtsp._tcp", 554),
            Role::Printer => ("_ipp._tcp", 631),
            Role::Intercom => ("_http._tcp", 80),
            _ => return,
        };
        let name = plan.product.hostname.map_or_else(|| plan.name.clone(), |text| self.filled(host, text));
        let mac: String = plan.mac.0.iter().map(|byte| format!("{byte:02X}")).collect();
        let instance = format!("{} {} - {mac}", plan.product.vendor, plan.product.model);
        let (target, text) = (name.replace(' ', "-"), format!("macaddress={mac}"));
        let addresses = [IpAddr::V4(self.hosts[host].ip)];
        let service = mdns::Service {
            instance: &instance,
            kind,
            host: &target,
            addresses: &addresses,
            port,
            texts: &[&text],
            ttl_s: 120,
        };
        let bytes = mdns::announce(&service);
        self.multicast(at, host, MDNS, 255, Self::datagram((5_353, 5_353), bytes), &[]);
    }

    fn say_hello(&mut self, at: i64, host: HostId) {
        let bytes = self.discovery(host, wsd::hello);
        let says = [Says::Hello(self.instance(host))];
        self.multicast(at, host, WS_DISCOVERY, 1, Self::datagram((3_702, 3_702), bytes), &says);
        let own = self.hosts[host].ip;
        let (uuid, location) = (self.uuid(host), format!("http://{own}:49152/description.xml"));
        let server =
            format!("Linux/3.14 UPnP/1.0 {}/1.0", self.site.hosts[host].product.vendor.replace(' ', "-"));
        let device = ssdp::Device {
            kind: "urn:schemas-upnp-org:device:Basic:1",
            uuid: &uuid,
            location: &location,
            server: &server,
            max_age_s: 1_800,
        };
        let port = self.hosts[host].port();
        self.multicast(
            at + 50 * MILLISECOND,
            host,
            SSDP,
            4,
            Self::datagram((port, 1_900), device.alive()),
            &[],
        );
    }

    /// Says goodbye before it shuts down on purpose.
    pub(super) fn say_bye(&mut self, at: i64, host: HostId) {
        let bytes = self.discovery(host, wsd::bye);
        let says = [Says::Goodbye(self.instance(host))];
        self.multicast(at, host, WS_DISCOVERY, 1, Self::datagram((3_702, 3_702), bytes), &says);
    }

    fn discovery(&self, host: HostId, make: impl Fn(&wsd::Device, wsd::Message) -> String) -> Vec<u8> {
        let plan = &self.site.hosts[host];
        let own = self.hosts[host].ip;
        let scopes: Vec<String> = plan
            .product
            .scopes
            .iter()
            .map(|scope| format!("onvif://www.onvif.org/{}", self.filled(host, scope).replace(' ', "%20")))
            .collect();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let (uuid, address) = (self.uuid(host), format!("http://{own}/onvif/device_service"));
        let instance = self.instance(host);
        let device = wsd::Device { uuid: &uuid, scopes: &scopes, addresses: &[&address], instance };
        let message_uuid = format!("{:08x}-0000-4000-8000-{:012x}", instance, own.to_bits());
        make(&device, wsd::Message { uuid: &message_uuid, number: 1 }).into_bytes()
    }

    /// Which of its starts it is: their times grow.
    fn instance(&self, host: HostId) -> u32 {
        (self.hosts[host].booted / SECOND) as u32
    }

    /// A UUID that ends in the device's MAC, as many makers make it.
    fn uuid(&self, host: HostId) -> String {
        let mac: String = self.site.hosts[host].mac.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("2419d68a-2dd2-21b2-a205-{mac}")
    }

    /// What a camera does by itself once it runs.
    pub(super) fn begin_habit(&mut self, at: i64, host: HostId) {
        let habit = self.site.hosts[host].media.map(|media| media.habit);
        match habit {
            Some(Habit::OnMotion) => {
                let wait = self.hosts[host].random.between(5, 120) * SECOND;
                self.after(at + wait, host, Timer::Motion(true));
            }
            Some(Habit::Sleeping) => self.after(at + 20 * SECOND, host, Timer::Wake),
            Some(Habit::Always | Habit::OnDemand) | None => {}
        }
    }
}

/// What a router gives out that nobody asked for (RFC 3849: a prefix for documentation).
const STRANGERS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0);
const MDNS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const WS_DISCOVERY: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const SSDP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const MLD_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
