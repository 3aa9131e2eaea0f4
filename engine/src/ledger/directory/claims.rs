//! Claims over ARP: who holds an address, and who answers for others.
//!
//! A router answers ARP for others (proxy ARP, RFC 1027). A MAC that claims
//! [`ANSWERS_FOR_MANY`] IPv4 addresses in one VLAN within [`ANSWERS_WITHIN`] does
//! so: of each VLAN it keeps the address that it claimed first, the others are
//! devices of their own. So does a MAC that is known to forward, where it claims
//! in a VLAN in which it has an address one that is already known as a device by
//! itself. IPv6 and 169.254/16 do not count, so a host with privacy addresses, a
//! factory address and a lease stays one device, and so does a router with an
//! address in each VLAN. A server with four addresses of one VLAN is taken apart.

use std::net::{IpAddr, Ipv4Addr};

use spanwatch_parsers::{Mac, Span, Time};

use super::{Bound, Directory, IPS_MAX, Number, is_device_address};
use crate::ledger::binding::Bond;
use crate::ledger::device::Claim;

impl Directory {
    /// Takes a claim of an address over ARP: a binding, unless `mac` answers for others with it.
    pub fn claim(&mut self, mac: Mac, ip: IpAddr, vlan: Option<u16>, at: Time) -> Option<Bound> {
        if !mac.is_device() || !is_device_address(ip) {
            return None;
        }
        let owner = self.mac_or_add(mac, at);
        let claim = counted_claim(ip).map(|ip| Claim { vlan, ip, last: at });
        if claim.is_some_and(|claim| self.is_for_another(owner, claim)) {
            return Some(Bound::To(owner));
        }
        self.bind(mac, ip, vlan, at)
    }

    /// Notes a claim that was made and witnessed before, and of which nothing follows: by who holds the address, and claims too
    /// few to answer for others. Most are such. Whether this is one.
    pub fn claimed_again(&mut self, mac: Mac, ip: IpAddr, vlan: Option<u16>, at: Time) -> bool {
        let Some(owner) = self.find_mac(mac).filter(|owner| self.find_ip(ip, vlan) == Some(*owner)) else {
            return false;
        };
        let Some(device) = self.devices.get_mut(owner) else { return false };
        let is_few = device.claims.len() < ANSWERS_FOR_MANY && !device.answers_for_others;
        if !is_few || !device.ips.contains(&ip) || !device.bonds.contains_key(&Bond::Ip(ip)) {
            return false;
        }
        let known = device.claims.iter_mut().find(|it| it.vlan == vlan && it.ip == ip);
        let is_known = known.map(|known| known.last = known.last.max(at)).is_some();
        if is_known {
            device.first_seen = device.first_seen.min(at);
        }
        is_known
    }

    /// Notes a claim, and tells whether it says nothing about who holds the address.
    fn is_for_another(&mut self, owner: Number, claim: Claim) -> bool {
        let holder = self.find_ip(claim.ip.into(), claim.vlan).and_then(|holder| self.devices.get(holder));
        let is_known_by_itself = holder.is_some_and(|device| device.macs.is_empty());
        let Some(device) = self.devices.get_mut(owner) else { return false };
        let in_vlan = |it: &Claim| it.vlan == claim.vlan;
        let first = device.claims.iter().find(|it| in_vlan(it)).map_or(claim.ip, |it| it.ip);
        let is_further = first != claim.ip;
        if is_further && (device.answers_for_others || (device.is_router && is_known_by_itself)) {
            return true;
        }
        if let Some(known) = device.claims.iter_mut().find(|it| in_vlan(it) && it.ip == claim.ip) {
            known.last = known.last.max(claim.last);
        } else if device.claims.len() < IPS_MAX {
            device.claims.push(claim);
        } else {
            self.refused.count("ARP claims of one device", IPS_MAX);
        }
        let is_recent = |it: &&Claim| in_vlan(it) && claim.last - it.last <= ANSWERS_WITHIN;
        if device.claims.iter().filter(is_recent).count() < ANSWERS_FOR_MANY {
            return false;
        }
        device.answers_for_others = true;
        device.is_router = true;
        let claims = std::mem::take(&mut device.claims).into_iter();
        let (further, own): (Vec<_>, Vec<_>) = claims.partition(|it| in_vlan(it) && it.ip != first);
        device.claims = own.into();
        for it in further {
            self.release(owner, it.ip.into());
        }
        is_further
    }

    /// Takes an address from a device that never held it.
    fn release(&mut self, number: Number, ip: IpAddr) {
        let Some(device) = self.devices.get_mut(number) else { return };
        if device.claims.iter().any(|claim| claim.ip == ip) {
            return;
        }
        device.ips.remove(&ip);
        device.bonds.remove(&Bond::Ip(ip));
        self.unlink(ip, number);
        self.relist(number);
    }
}

/// The address, where a claim of it says something of who answers for others: an IPv4 address
/// that no host takes for itself (RFC 3927).
const fn counted_claim(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(v4) if !v4.is_link_local() => Some(v4),
        _ => None,
    }
}

/// A MAC that claims so many IPv4 addresses in one VLAN answers for others; a host has one, and a
/// camera three at most (factory, lease, fixed).
const ANSWERS_FOR_MANY: usize = 4;

/// Within this time: who is given another address now and then does not.
const ANSWERS_WITHIN: Span = Span::seconds(600);
