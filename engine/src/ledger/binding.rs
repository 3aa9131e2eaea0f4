//! Who holds which address, and which hardware addresses are one device's, as it is witnessed.
//!
//! What makes a device one is kept with who said so first and where ([`Bond`], [`Witness`]), and goes with what it
//! witnessed: an address that another takes is bound to its holder no longer.

use std::net::IpAddr;

use spanwatch_parsers::{BindingBy, Fact, Interface, Mac, Time};

use super::Ledger;
use super::directory::{Bound, Number, is_device_address};
use crate::observation::{Cite, Observation, Party};

/// What a device is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// A hardware address beside the one that names it.
    Mac(Mac),
    /// An address.
    Ip(IpAddr),
}

/// Who says that a device has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    /// The protocol.
    pub source: &'static str,
    /// What that is worth, in per cent.
    pub strength: u8,
    /// When it first did.
    pub at: Time,
    /// In which frame.
    pub cite: Cite,
}

impl Witness {
    fn of(seen: &Observation, strength: u8) -> Self {
        let (source, at) = match &seen.fact {
            Fact::Activity(activity) => (ITS_PACKETS, activity.last),
            _ => (seen.source, seen.at),
        };
        Self { source, strength, at, cite: seen.cite }
    }
}

impl Ledger {
    /// Takes a witnessed binding.
    pub(super) fn bind(&mut self, mac: Mac, ip: IpAddr, by: BindingBy, seen: &Observation) {
        if by == BindingBy::LinkScope && self.directory.find_mac(mac).is_some_and(|n| self.forwards(n)) {
            return;
        }
        let is_arp = by == BindingBy::Claim && ip.is_ipv4();
        if is_arp && self.directory.claimed_again(mac, ip, seen.subject.vlan, seen.at) {
            return;
        }
        let is_new = self.directory.find_mac(mac).is_none();
        self.join_management(mac, ip, by, seen);
        let bound = if is_arp {
            self.directory.claim(mac, ip, seen.subject.vlan, seen.at)
        } else {
            self.directory.bind(mac, ip, seen.subject.vlan, seen.at)
        };
        self.merged(bound);
        self.witnessed(mac, ip, strength_of(by), seen);
        if is_new && bound.is_some() {
            self.name_by_mac(mac, seen);
        }
    }

    /// Takes a frame as a binding: its sender bears his own MAC and has the address back.
    pub(super) fn take_back(&mut self, party: &Party, seen: &Observation) {
        if let (Some(mac), Some(ip)) = (party.mac, party.ip) {
            let bound = self.directory.bind(mac, ip, party.vlan, seen.at);
            self.merged(bound);
            self.witnessed(mac, ip, strength_of(BindingBy::LinkScope), seen);
        }
    }

    /// Takes what a device tells of its network interfaces. It is believed where one of them bears the MAC and the address
    /// of the frame: who stands behind an address translator tells others, and who stands behind a router only what his
    /// MAC is. An interface that is somebody else's on the wire is not the device's.
    pub(super) fn interfaces(&mut self, interfaces: &[Interface], seen: &Observation) {
        let (Some(number), Some(ip)) = (self.site_device_of(seen), seen.subject.ip) else { return };
        let Some(own) = interfaces.iter().find(|it| it.ips.contains(&ip)) else { return };
        let bears = |device: &super::Device| device.macs.contains(&own.mac);
        let is_on_link =
            seen.subject.mac == Some(own.mac) || self.directory.device(number).is_some_and(bears);
        if !is_on_link {
            let is_known = |device: &super::Device| !device.macs.is_empty() || !device.bonds.is_empty();
            if !self.directory.device(number).is_some_and(is_known) {
                self.vouch(number, Bond::Mac(own.mac), Witness::of(seen, BY_INTERFACES));
            }
            return;
        }
        for interface in interfaces {
            if self.is_anothers(interface, number, seen.subject.vlan) {
                continue;
            }
            self.join(number, interface.mac, seen);
            for ip in interface.ips.iter().copied().filter(|ip| is_device_address(*ip)) {
                let holder = self.directory.find_ip(ip, seen.subject.vlan);
                let has_mac = |it: Number| self.directory.device(it).is_some_and(|it| !it.macs.is_empty());
                if holder.is_some_and(|holder| holder != number && has_mac(holder)) {
                    continue;
                }
                let bound = self.directory.bind(interface.mac, ip, seen.subject.vlan, seen.at);
                self.merged(bound);
                self.witnessed(interface.mac, ip, BY_INTERFACES, seen);
            }
        }
    }

    /// Whether the wire shows an interface as that of another device than this: with further MACs, or with none of the
    /// addresses that are told of it.
    fn is_anothers(&self, interface: &Interface, number: Number, vlan: Option<u16>) -> bool {
        let owner = self.directory.find_mac(interface.mac).filter(|owner| *owner != number);
        let holds = |ip: &IpAddr| self.directory.find_ip(*ip, vlan) == owner;
        owner.and_then(|owner| self.directory.device(owner)).is_some_and(|device| {
            device.macs.len() > 1 || !device.ips.is_empty() && !interface.ips.iter().any(holds)
        })
    }

    /// Learns routers: a MAC with an address of its own that also sends for many others.
    pub(super) fn carried(&mut self, party: &Party) {
        let (Some(mac), Some(ip)) = (party.mac, party.ip) else { return };
        let Some(number) = self.directory.find_mac(mac) else { return };
        let Some(device) = self.directory.device(number).filter(|device| !device.is_router) else { return };
        if !is_device_address(ip) || device.ips.is_empty() || device.ips.contains(&ip) {
            return;
        }
        if self.carried.len() >= CARRIERS_MAX && !self.carried.contains_key(&mac) {
            self.refused.count("MACs that may forward", CARRIERS_MAX);
            return;
        }
        let carried = self.carried.entry(mac).or_default();
        carried.insert(ip);
        if carried.len() >= CARRIES_MANY {
            self.carried.remove(&mac);
            if let Some(device) = self.directory.device_mut(number) {
                device.is_router = true;
            }
        }
    }

    /// Says that a MAC is another port of a device.
    pub(super) fn join(&mut self, number: Number, mac: Mac, seen: &Observation) {
        let bound = self.directory.join(number, mac);
        if bound.is_some() {
            self.merged(bound);
            self.vouch(number, Bond::Mac(mac), Witness::of(seen, BY_ITSELF));
        }
    }

    /// A switch names its management address from any port, and answers for it from one MAC:
    /// that MAC is the switch's too, whichever of the two is heard first.
    fn join_management(&mut self, mac: Mac, ip: IpAddr, by: BindingBy, seen: &Observation) {
        let Some(holder) = self.directory.find_ip(ip, seen.subject.vlan) else {
            if by == BindingBy::Management {
                self.manages(mac, ip, seen);
            }
            return;
        };
        if by == BindingBy::Management {
            let owner = self.manages(mac, ip, seen);
            let mac = self.directory.device(holder).and_then(|device| device.macs.first().copied());
            if let Some(mac) = mac.filter(|_| owner != holder && self.is_bridge(owner)) {
                self.join(owner, mac, seen);
            }
        } else {
            let is_named =
                self.directory.device(holder).is_some_and(|device| device.rare.management.contains(&ip));
            if is_named && self.is_bridge(holder) {
                self.join(holder, mac, seen);
            }
        }
    }

    fn manages(&mut self, mac: Mac, ip: IpAddr, seen: &Observation) -> Number {
        let number = self.directory.mac_or_add(mac, seen.at);
        if let Some(device) = self.directory.device_mut(number) {
            device.manages(ip, &mut self.refused);
        }
        number
    }

    /// Notes who said that the owner of `mac` holds `ip`, where he does.
    fn witnessed(&mut self, mac: Mac, ip: IpAddr, strength: u8, seen: &Observation) {
        let Some(number) = self.directory.find_mac(mac) else { return };
        if self.directory.device(number).is_some_and(|device| device.ips.contains(&ip)) {
            self.vouch(number, Bond::Ip(ip), Witness::of(seen, strength));
        }
    }

    /// Notes who first said that a device has something.
    pub(super) fn vouch(&mut self, number: Number, bond: Bond, witness: Witness) {
        if let Some(device) = self.directory.device_mut(number) {
            device.bonds.or_insert(bond, witness);
        }
    }

    /// Tells the other rooms that two devices turned out to be one.
    fn merged(&mut self, bound: Option<Bound>) {
        if let Some(Bound::Merged { kept, gone }) = bound {
            self.verdict.renumber(gone, kept);
            self.view.renumber(gone, kept);
            self.streams.renumber(gone, kept);
            self.losses.renumber(gone, kept);
            self.handshakes.renumber(gone, kept);
            self.switches.renumber(gone, kept);
            self.each_detector(|detector, _| detector.renumber(gone, kept));
            self.told.renumber(gone, kept);
        }
    }
}

/// What a binding is worth, in per cent: a claim can be forged, a lease is two parties' word.
const fn strength_of(by: BindingBy) -> u8 {
    match by {
        BindingBy::Claim => 85,
        BindingBy::Lease => 90,
        BindingBy::Management => BY_ITSELF,
        BindingBy::LinkScope => 80,
    }
}

/// A device's own word on its ports, in per cent.
const BY_ITSELF: u8 = 85;
/// Its own word on its interfaces: makers fill them in with care for the first alone.
const BY_INTERFACES: u8 = 75;
/// Hop limit 255, or a MAC that was known as the address's.
const ITS_PACKETS: &str = "packets that no router touched";
/// A MAC that sends for so many addresses that are not its own forwards for them.
const CARRIES_MANY: usize = 3;
/// MACs watched for that at once.
const CARRIERS_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
