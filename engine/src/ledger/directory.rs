//! Who is a device: addresses to numbers, and numbers that merge.
//!
//! A MAC owns an IP address only where that was witnessed; until then the
//! address is a device of its own, keyed by IP. Inside, a device is a number
//! that is never reused; its public id is derived when a record leaves.
//!
//! ```text
//! ARP 192.0.2.7 is-at 02:..:07    binding    by_mac 02:..:07 ─┐
//! frame from 192.0.2.7            by_ip     192.0.2.7        ─┴─► device 4
//! frame from 198.51.100.9 via a router       by_ip 198.51.100.9 ─► device 5
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Mac, Time};

use super::device::Device;
use crate::observation::Party;

/// A device's number inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u32);

/// What a binding did to the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Each variant says what its fields are.
pub enum Bound {
    /// The device now holds the address.
    To(Number),
    /// `gone`, known by its address alone, turned out to be `kept`.
    Merged { kept: Number, gone: Number },
}

/// All devices, [`DEVICES_MAX`] at most; the one heard longest ago goes first.
#[derive(Debug, Default)]
pub struct Directory {
    devices: BTreeMap<Number, Device>,
    by_mac: BTreeMap<Mac, Number>,
    /// Holders of an address, by VLAN. Two only where two MACs hold it in two VLANs.
    by_ip: BTreeMap<IpAddr, Vec<(Option<u16>, Number)>>,
    by_last_seen: BTreeSet<(Time, Number)>,
    next: u32,
    /// Devices that were forgotten because there were too many.
    pub evicted: u64,
    /// Those of them that the other rooms have not been told of.
    untold: Vec<Number>,
}

impl Directory {
    /// A device by its number.
    #[must_use]
    pub fn device(&self, number: Number) -> Option<&Device> {
        self.devices.get(&number)
    }

    /// A device by its number.
    pub fn device_mut(&mut self, number: Number) -> Option<&mut Device> {
        self.devices.get_mut(&number)
    }

    /// All devices by number.
    pub fn devices(&self) -> impl Iterator<Item = (Number, &Device)> {
        self.devices.iter().map(|(number, device)| (*number, device))
    }

    /// All devices by number, to be changed.
    pub fn devices_mut(&mut self) -> impl Iterator<Item = (Number, &mut Device)> {
        self.devices.iter_mut().map(|(number, device)| (*number, device))
    }

    /// The device that a party of a packet is, where one is known.
    #[must_use]
    pub fn find(&self, party: &Party) -> Option<Number> {
        match party.ip.filter(|ip| is_device_address(*ip)) {
            Some(ip) => self.find_ip(ip, party.vlan),
            None => self.find_mac(party.mac?),
        }
    }

    /// The holder of an address in a VLAN.
    #[must_use]
    pub fn find_ip(&self, ip: IpAddr, vlan: Option<u16>) -> Option<Number> {
        let holders = self.by_ip.get(&ip)?;
        holders.iter().find(|(of, _)| *of == vlan).or_else(|| holders.first()).map(|(_, number)| *number)
    }

    /// The owner of a MAC.
    #[must_use]
    pub fn find_mac(&self, mac: Mac) -> Option<Number> {
        self.by_mac.get(&mac).copied()
    }

    /// The owner of `mac`, made where there is none.
    pub fn mac_or_add(&mut self, mac: Mac, at: Time) -> Number {
        if let Some(number) = self.find_mac(mac) {
            return number;
        }
        let number = self.add(at);
        self.own_mac(number, mac);
        number
    }

    /// The holder of `ip` in a VLAN, made where there is none; `None` where no device can hold it.
    pub fn ip_or_add(&mut self, ip: IpAddr, vlan: Option<u16>, at: Time) -> Option<Number> {
        if !is_device_address(ip) {
            return None;
        }
        self.find_ip(ip, vlan).or_else(|| {
            let number = self.add(at);
            self.hold_ip(number, ip, vlan);
            Some(number)
        })
    }

    /// Takes a witnessed binding. `None` where one of the two can belong to no device.
    pub fn bind(&mut self, mac: Mac, ip: IpAddr, vlan: Option<u16>, at: Time) -> Option<Bound> {
        if !mac.is_device() || !is_device_address(ip) {
            return None;
        }
        let owner = self.mac_or_add(mac, at);
        let Some(holder) = self.find_ip(ip, vlan) else {
            self.hold_ip(owner, ip, vlan);
            return Some(Bound::To(owner));
        };
        if holder == owner {
            return Some(Bound::To(owner));
        }
        let has_own_mac = self.devices.get(&holder).is_some_and(|device| !device.macs.is_empty());
        if !has_own_mac {
            self.merge(owner, holder);
            return Some(Bound::Merged { kept: owner, gone: holder });
        }
        let same_vlan = |of: Option<u16>| of == vlan || of.is_none() || vlan.is_none();
        let held_here = self.by_ip.get(&ip).is_some_and(|all| all.iter().any(|(of, _)| same_vlan(*of)));
        if held_here {
            // The address went to another device: a new lease, a swap, or a conflict.
            self.let_go(ip, same_vlan);
        }
        self.hold_ip(owner, ip, vlan);
        Some(Bound::To(owner))
    }

    /// The devices forgotten since this was last asked.
    pub fn take_evicted(&mut self) -> Vec<Number> {
        std::mem::take(&mut self.untold)
    }

    /// Says that `mac` is another port of a device. The device that bore it alone, where there is one,
    /// merges into it.
    pub fn join(&mut self, number: Number, mac: Mac) -> Option<Bound> {
        if !mac.is_device() {
            return None;
        }
        match self.find_mac(mac) {
            Some(owner) if owner == number => None,
            Some(gone) => {
                self.merge(number, gone);
                Some(Bound::Merged { kept: number, gone })
            }
            None => {
                self.own_mac(number, mac);
                Some(Bound::To(number))
            }
        }
    }

    /// Says that a device was heard, which keeps it from being forgotten.
    pub fn heard(&mut self, number: Number, at: Time) {
        if let Some(device) = self.devices.get_mut(&number) {
            if at > device.last_seen {
                self.by_last_seen.remove(&(device.last_seen, number));
                device.last_seen = at;
                self.by_last_seen.insert((at, number));
            }
            device.first_seen = device.first_seen.min(at);
        }
    }

    fn add(&mut self, at: Time) -> Number {
        if self.devices.len() >= DEVICES_MAX
            && let Some((_, oldest)) = self.by_last_seen.pop_first()
        {
            self.forget(oldest);
            self.evicted = self.evicted.saturating_add(1);
            self.untold.push(oldest);
        }
        let number = Number(self.next);
        self.next = self.next.saturating_add(1);
        self.devices.insert(number, Device::new(at));
        self.by_last_seen.insert((at, number));
        number
    }

    fn own_mac(&mut self, number: Number, mac: Mac) {
        self.by_mac.insert(mac, number);
        if let Some(device) = self.devices.get_mut(&number)
            && device.macs.len() < MACS_MAX
        {
            device.macs.push(mac);
        }
    }

    fn hold_ip(&mut self, number: Number, ip: IpAddr, vlan: Option<u16>) {
        let Some(device) = self.devices.get_mut(&number) else { return };
        if device.ips.len() >= IPS_MAX && !device.ips.contains(&ip) {
            device.ips_refused = device.ips_refused.saturating_add(1);
            return;
        }
        device.ips.insert(ip);
        let holders = self.by_ip.entry(ip).or_default();
        if holders.len() < HOLDERS_MAX {
            holders.push((vlan, number));
            holders.sort_unstable();
        }
    }

    fn let_go(&mut self, ip: IpAddr, which: impl Fn(Option<u16>) -> bool) {
        let Some(holders) = self.by_ip.get_mut(&ip) else { return };
        let (gone, kept): (Vec<_>, Vec<_>) = holders.drain(..).partition(|(vlan, _)| which(*vlan));
        *holders = kept;
        for (_, number) in gone {
            if let Some(device) = self.devices.get_mut(&number) {
                device.ips.remove(&ip);
                device.former_ips.insert(ip);
            }
        }
    }

    fn merge(&mut self, kept: Number, gone: Number) {
        let Some(absorbed) = self.devices.remove(&gone) else { return };
        self.by_last_seen.remove(&(absorbed.last_seen, gone));
        for mac in &absorbed.macs {
            self.by_mac.insert(*mac, kept);
        }
        for ip in &absorbed.ips {
            for (_, number) in self.by_ip.get_mut(ip).into_iter().flatten() {
                if *number == gone {
                    *number = kept;
                }
            }
        }
        if let Some(device) = self.devices.get_mut(&kept) {
            let before = device.last_seen;
            device.absorb(absorbed);
            self.by_last_seen.remove(&(before, kept));
            self.by_last_seen.insert((device.last_seen, kept));
        }
    }

    fn forget(&mut self, number: Number) {
        let Some(device) = self.devices.remove(&number) else { return };
        for mac in &device.macs {
            self.by_mac.remove(mac);
        }
        for ip in &device.ips {
            if let Some(holders) = self.by_ip.get_mut(ip) {
                holders.retain(|(_, holder)| *holder != number);
                if holders.is_empty() {
                    self.by_ip.remove(ip);
                }
            }
        }
    }
}

/// Whether one device can hold the address: not unspecified, loopback, a group or broadcast.
#[must_use]
pub fn is_device_address(ip: IpAddr) -> bool {
    let is_special = match ip {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240,
        IpAddr::V6(_) => false,
    };
    !(is_special || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast())
}

/// Whether the address is one that a site gives out by itself (RFC 1918, 3927, 4193, 6598, 4291
/// link-local, and the documentation blocks of RFC 5737 and 3849, which stand for such in examples).
#[must_use]
pub fn is_site_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || v4.is_documentation() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            a & 0xfe00 == 0xfc00 || a & 0xffc0 == 0xfe80 || (a == 0x2001 && b == 0xdb8)
        }
    }
}

/// Devices held at once; a large campus has a few ten thousand.
pub const DEVICES_MAX: usize = 65_536;

/// MACs kept of one device; a switch shows one for each port.
const MACS_MAX: usize = 1_024;

/// Addresses kept of one device; a camera has two or three, a host with privacy addresses a dozen.
const IPS_MAX: usize = 64;

/// Devices that may hold one address, each in a VLAN of its own.
const HOLDERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const A: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
    const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn an_address_without_witness_is_a_device_of_its_own() {
        let mut directory = Directory::default();
        let number = directory.ip_or_add(IP, None, Time(1)).unwrap();
        assert_eq!(directory.find_mac(A), None);
        assert!(directory.device(number).unwrap().macs.is_empty());
    }

    #[test]
    fn a_witnessed_binding_merges_the_two_and_keeps_the_address_as_alias() {
        let mut directory = Directory::default();
        let by_ip = directory.ip_or_add(IP, None, Time(1)).unwrap();
        let bound = directory.bind(A, IP, None, Time(2)).unwrap();
        let kept = directory.find_mac(A).unwrap();
        assert_eq!(bound, Bound::Merged { kept, gone: by_ip });
        assert_eq!(directory.find_ip(IP, Some(20)), Some(kept));
        assert_eq!(directory.devices().count(), 1);
        assert_eq!(directory.device(kept).unwrap().first_seen, Time(1));
    }

    #[test]
    fn an_address_that_moves_leaves_its_former_holder() {
        let mut directory = Directory::default();
        directory.bind(A, IP, None, Time(1));
        directory.bind(B, IP, Some(10), Time(2));
        let (a, b) = (directory.find_mac(A).unwrap(), directory.find_mac(B).unwrap());
        assert_eq!(directory.find_ip(IP, None), Some(b));
        assert!(directory.device(a).unwrap().ips.is_empty());
        assert!(directory.device(a).unwrap().former_ips.contains(&IP));
    }

    #[test]
    fn ports_of_one_device_join_it() {
        let mut directory = Directory::default();
        directory.bind(B, IP, None, Time(1));
        let number = directory.mac_or_add(A, Time(2));
        let gone = directory.find_mac(B).unwrap();
        assert_eq!(directory.join(number, B), Some(Bound::Merged { kept: number, gone }));
        assert_eq!(directory.join(number, B), None);
        assert_eq!((directory.find_mac(B), directory.find_ip(IP, None)), (Some(number), Some(number)));
        assert_eq!(directory.device(number).unwrap().macs, [A, B]);
        assert_eq!(directory.devices().count(), 1);
    }

    #[test]
    fn the_same_address_in_two_vlans_is_two_devices() {
        let mut directory = Directory::default();
        directory.bind(A, IP, Some(10), Time(1));
        directory.bind(B, IP, Some(20), Time(2));
        assert_eq!(directory.find_ip(IP, Some(10)), directory.find_mac(A));
        assert_eq!(directory.find_ip(IP, Some(20)), directory.find_mac(B));
    }

    #[test]
    fn groups_and_unspecified_addresses_are_no_devices() {
        let mut directory = Directory::default();
        for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "127.0.0.1"] {
            assert_eq!(directory.ip_or_add(ip.parse().unwrap(), None, Time(1)), None, "{ip}");
        }
        assert_eq!(directory.bind(Mac::BROADCAST, IP, None, Time(1)), None);
        assert_eq!(directory.bind(Mac::ZERO, IP, None, Time(1)), None);
    }

    #[test]
    fn the_device_heard_longest_ago_is_forgotten_first() {
        let mut directory = Directory::default();
        for n in 0..=DEVICES_MAX as u32 {
            let ip = Ipv4Addr::from(0x0a00_0001 + n).into();
            let number = directory.ip_or_add(ip, None, Time(i64::from(n))).unwrap();
            directory.heard(number, Time(i64::from(n)));
        }
        assert_eq!(directory.devices().count(), DEVICES_MAX);
        assert_eq!(directory.evicted, 1);
        assert_eq!(directory.find_ip(Ipv4Addr::from(0x0a00_0001).into(), None), None);
        assert_eq!(directory.by_ip.len(), DEVICES_MAX);
        assert_eq!(directory.by_last_seen.len(), DEVICES_MAX);
    }
}
