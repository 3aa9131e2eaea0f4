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
//!
//! **A claim can be forged.** It takes an address away from its holder, but what
//! bears the holder's own MAC goes on counting for him, and the next frame that
//! he sends from the address gives it back ([`Directory::is_back`]).

mod claims;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use spanwatch_parsers::{Mac, Span, Text, Time};

use super::binding::Bond;
use super::changed::Changed;
use super::device::Device;
use super::identity::{IDENTITY_BYTES_MAX, Sight};
use super::inventory::Inventory;
use super::refusals::Refusals;
use crate::ahead::fetch;
use crate::bounded::Expiring;
use crate::few::Few;
use crate::hash::Keyed;
use crate::numbered::{Numbered, Numbers};
use crate::observation::Party;

pub use crate::numbered::Number;

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
#[derive(Debug)]
pub struct Directory {
    devices: Numbered<Device>,
    by_mac: HashMap<Mac, Number, Keyed>,
    /// Holders of an address, by VLAN. Two only where two MACs hold it in two VLANs.
    by_ip: Expiring<IpAddr, Few<(Option<u16>, Number)>>,
    /// Everybody by his last frame, from when the first had to be forgotten.
    by_last_seen: Option<BTreeSet<(Time, Number)>>,
    numbers: Numbers,
    /// What was not kept.
    pub refused: Refusals,
    /// Devices that were forgotten and that the other rooms have not been told of.
    untold: Vec<Number>,
    /// Former addresses of all devices.
    formers: usize,
    /// What the identities of all devices take.
    identity_bytes: usize,
    /// The site's own list.
    inventory: Arc<Inventory>,
    /// Makers, models and versions that many devices have alike.
    shared: HashSet<Text, Keyed>,
    /// Devices that have another row of it than before, or whose place is to be looked at again.
    relisted: Vec<Number>,
    /// Devices that have another address, name or row, or are gone.
    pub changed: Changed,
    /// The address that last went from one to another, since that was last cleared.
    pub handed: Option<Handed>,
}

/// An address that went to another device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handed {
    /// Which.
    pub ip: IpAddr,
    /// Who held it.
    pub from: Number,
    /// Since when.
    pub since: Time,
}

impl Default for Directory {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Directory {
    /// An empty one whose tables nobody outside can aim at.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let keyed = Keyed::new(seed);
        Self {
            devices: Numbered::default(),
            by_mac: HashMap::with_hasher(keyed),
            by_ip: Expiring::new(IPS_OF_ALL_MAX, Span(i64::MAX), seed),
            by_last_seen: None,
            numbers: Numbers::default(),
            refused: Refusals::default(),
            untold: Vec::new(),
            formers: 0,
            identity_bytes: 0,
            inventory: Arc::default(),
            shared: HashSet::with_hasher(keyed),
            relisted: Vec::new(),
            changed: Changed::default(),
            handed: None,
        }
    }

    /// Takes the site's own list, before any device is known.
    pub fn listed(&mut self, inventory: Arc<Inventory>) {
        self.inventory = inventory;
    }

    /// The devices whose row in the list, or whose place, is another since this was last asked.
    pub fn take_relisted(&mut self) -> Vec<Number> {
        std::mem::take(&mut self.relisted)
    }

    /// Looks up a device's row anew.
    fn relist(&mut self, number: Number) {
        self.changed.note(number);
        if self.inventory.is_empty() {
            return;
        }
        let Some(device) = self.devices.get_mut(number) else { return };
        let listing = self.inventory.of(&device.macs, device.ips.iter());
        if listing.as_ref().map(Arc::as_ptr) != device.listing.as_ref().map(Arc::as_ptr) {
            device.listing = listing;
            self.relisted.push(number);
        }
    }

    /// How many devices are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.devices.len()
    }

    /// A device by its number.
    #[must_use]
    pub fn device(&self, number: Number) -> Option<&Device> {
        self.devices.get(number)
    }

    /// A device by its number.
    pub fn device_mut(&mut self, number: Number) -> Option<&mut Device> {
        self.devices.get_mut(number)
    }

    /// All devices by number.
    pub fn devices(&self) -> impl Iterator<Item = (Number, &Device)> {
        self.devices.iter()
    }

    /// All devices by number, to be changed.
    pub fn devices_mut(&mut self) -> impl Iterator<Item = (Number, &mut Device)> {
        self.devices.iter_mut()
    }

    /// Fetches where what is held on a device begins.
    pub fn foresee(&self, number: Number) {
        self.devices.foresee(number);
    }

    /// Fetches the rest of what is looked at of it with each second of traffic.
    pub fn foresee_more(&self, number: Number) {
        if let Some(device) = self.devices.get(number) {
            fetch(&device.macs);
            fetch(&device.ips);
            fetch(&device.bytes);
            fetch(&device.rare);
            fetch(&device.speaks);
        }
    }

    /// Fetches who holds an address.
    pub fn foresee_ip(&self, ip: IpAddr) {
        self.by_ip.foresee(&ip);
    }

    /// The device that a party of a packet is, where one is known: whose MAC he bears where that held
    /// the address, else who holds it.
    #[must_use]
    pub fn find(&self, party: &Party) -> Option<Number> {
        match party.ip.filter(|ip| is_device_address(*ip)) {
            Some(ip) => self.own(party).or_else(|| self.find_ip(ip, party.vlan)),
            None => self.find_mac(party.mac?),
        }
    }

    /// The device that bears the party's MAC, where it does not forward and holds or held the party's address.
    #[must_use]
    pub fn own(&self, party: &Party) -> Option<Number> {
        let (number, device, ip) = self.bearer(party)?;
        (device.ips.contains(&ip) || device.rare.former_ips.contains(&ip)).then_some(number)
    }

    /// The same where it still holds the address, as nearly all do.
    #[must_use]
    pub fn at_home(&self, party: &Party) -> Option<Number> {
        let (number, device, ip) = self.bearer(party)?;
        device.ips.contains(&ip).then_some(number)
    }

    /// The device that bears the party's MAC, where it does not forward, with the party's address.
    fn bearer(&self, party: &Party) -> Option<(Number, &Device, IpAddr)> {
        let (mac, ip) = (party.mac?, party.ip?);
        let number = self.find_mac(mac)?;
        let device = self.devices.get(number).filter(|device| !device.is_router)?;
        Some((number, device, ip))
    }

    /// Whether the party, whose own MAC the device bears, sent this from an address that another took from him.
    #[must_use]
    pub fn is_back(&self, party: &Party, number: Number) -> bool {
        let holds = || self.devices.get(number).zip(party.ip).is_some_and(|(it, ip)| it.ips.contains(&ip));
        party.hop_limit > 0 && !holds()
    }

    /// The holder of an address in a VLAN.
    #[must_use]
    pub fn find_ip(&self, ip: IpAddr, vlan: Option<u16>) -> Option<Number> {
        let holders = self.by_ip.peek(&ip)?;
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
            self.named(number, at);
            return number;
        }
        let number = self.add(at);
        self.own_mac(number, mac);
        number
    }

    /// The device that a party with an address is, made where there is none.
    pub fn party_or_add(&mut self, party: &Party, at: Time) -> Option<Number> {
        let number = self.own(party).or_else(|| self.ip_or_add(party.ip?, party.vlan, at))?;
        self.named(number, at);
        Some(number)
    }

    /// Says that a frame of `at` was about a device: stamps may come out of order.
    pub fn named(&mut self, number: Number, at: Time) {
        if let Some(device) = self.devices.get_mut(number) {
            device.first_seen = device.first_seen.min(at);
        }
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
        let found = self.find_ip(ip, vlan);
        let holder = found.filter(|holder| *holder != owner);
        if found == Some(owner) || !self.can_hold(owner, ip) {
            return Some(Bound::To(owner));
        }
        if let Some(holder) = holder {
            let has_own_mac = self.devices.get(holder).is_some_and(|device| !device.macs.is_empty());
            if !has_own_mac {
                self.merge(owner, holder);
                return Some(Bound::Merged { kept: owner, gone: holder });
            }
            // The address went to another device: a new lease, a swap, or a conflict.
            self.let_go(ip, |of| of == vlan || of.is_none() || vlan.is_none());
        }
        self.hold_ip(owner, ip, vlan);
        Some(Bound::To(owner))
    }

    /// Takes one source's word on who a device is, within what is kept of all devices.
    pub fn learn(&mut self, number: Number, mut sight: Sight) {
        if sight.attribute.is_of_many() {
            sight.value = self.share(sight.value);
        }
        let Some(device) = self.devices.get_mut(number) else { return };
        let others = self.identity_bytes.saturating_sub(device.identity.bytes());
        let room = IDENTITY_BYTES_MAX.saturating_sub(self.identity_bytes);
        device.identity.add(sight, room, &mut self.refused);
        self.changed.note(number);
        self.identity_bytes = others.saturating_add(device.identity.bytes());
    }

    fn share(&mut self, text: Text) -> Text {
        if let Some(known) = self.shared.get(&text) {
            return known.clone();
        }
        if self.shared.len() < SHARED_MAX {
            self.shared.insert(text.clone());
        }
        text
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
            None => self.own_mac(number, mac).then_some(Bound::To(number)),
        }
    }

    /// Says that a device was heard from the first time to the last, which keeps it from being forgotten: the device.
    pub fn heard(&mut self, number: Number, (first, last): (Time, Time)) -> Option<&mut Device> {
        let device = self.devices.get_mut(number)?;
        let last = first.max(last);
        if last > device.last_seen {
            if let Some(order) = &mut self.by_last_seen {
                order.remove(&(device.last_seen, number));
                order.insert((last, number));
            }
            device.last_seen = last;
        }
        device.first_seen = device.first_seen.min(first).min(last);
        Some(device)
    }

    fn add(&mut self, at: Time) -> Number {
        if self.devices.len() >= DEVICES_MAX && self.forget_oldest(None) {
            self.refused.count("devices", DEVICES_MAX);
        }
        let number = self.numbers.give();
        self.changed.note(number);
        self.devices.insert(number, Device::new(at));
        if let Some(order) = &mut self.by_last_seen {
            order.insert((at, number));
        }
        number
    }

    fn own_mac(&mut self, number: Number, mac: Mac) -> bool {
        if self.devices.get(number).is_none_or(|device| device.macs.len() >= MACS_MAX) {
            self.refused.count("MACs of one device", MACS_MAX);
            return false;
        }
        while self.by_mac.len() >= MACS_OF_ALL_MAX && self.forget_oldest(Some(number)) {
            self.refused.count("MACs of all devices", MACS_OF_ALL_MAX);
        }
        self.by_mac.insert(mac, number);
        if let Some(device) = self.devices.get_mut(number) {
            device.macs.push(mac);
        }
        self.relist(number);
        true
    }

    /// Whether there is room for an address; counts where there is none.
    fn can_hold(&mut self, number: Number, ip: IpAddr) -> bool {
        let has_room = |device: &Device| device.ips.len() < IPS_MAX || device.ips.contains(&ip);
        let is_able = self.devices.get(number).is_some_and(has_room);
        if !is_able {
            self.refused.count("addresses of one device", IPS_MAX);
        }
        is_able
    }

    fn hold_ip(&mut self, number: Number, ip: IpAddr, vlan: Option<u16>) {
        if !self.can_hold(number, ip) {
            return;
        }
        while self.by_ip.len() >= IPS_OF_ALL_MAX
            && self.by_ip.find(&ip).is_none()
            && self.forget_oldest(Some(number))
        {
            self.refused.count("addresses of all devices", IPS_OF_ALL_MAX);
        }
        let Some(device) = self.devices.get_mut(number) else { return };
        let slot = self.by_ip.find(&ip);
        let slot = slot.unwrap_or_else(|| self.by_ip.insert(ip, Few::default(), Time::MIN).0);
        let Some(holders) = self.by_ip.at(slot) else { return };
        if !holders.contains(&(vlan, number)) {
            if holders.len() >= HOLDERS_MAX {
                self.refused.count("holders of one address", HOLDERS_MAX);
                return;
            }
            holders.insert((vlan, number));
        }
        device.ips.insert(ip);
        if device.rare.get_mut().is_some_and(|rare| rare.former_ips.remove(&ip)) {
            self.formers = self.formers.saturating_sub(1);
        }
        self.relist(number);
    }

    /// Notes an address that a device held.
    fn held(&mut self, number: Number, ip: IpAddr) {
        let Some(device) = self.devices.get_mut(number) else { return };
        if device.ips.contains(&ip) || device.rare.former_ips.contains(&ip) {
            return;
        }
        if device.rare.former_ips.len() >= IPS_MAX {
            self.refused.count("former addresses of one device", IPS_MAX);
        } else if self.formers >= IPS_OF_ALL_MAX {
            self.refused.count("former addresses of all devices", IPS_OF_ALL_MAX);
        } else {
            device.rare.fill().former_ips.insert(ip);
            self.formers = self.formers.saturating_add(1);
        }
    }

    fn let_go(&mut self, ip: IpAddr, which: impl Fn(Option<u16>) -> bool) {
        let Some(slot) = self.by_ip.find(&ip) else { return };
        let Some(holders) = self.by_ip.at(slot) else { return };
        let gone: Vec<_> = holders.iter().copied().filter(|(vlan, _)| which(*vlan)).collect();
        holders.retain(|(vlan, _)| !which(*vlan));
        let is_still_held = |number: Number| holders.iter().any(|(_, holder)| *holder == number);
        let gone: Vec<Number> =
            gone.into_iter().map(|(_, number)| number).filter(|number| !is_still_held(*number)).collect();
        if holders.is_empty() {
            self.by_ip.take(slot);
        }
        for number in gone {
            if let Some(device) = self.devices.get_mut(number) {
                device.ips.remove(&ip);
                let since = device.bonds.remove(&Bond::Ip(ip)).map(|witness| witness.at);
                self.handed = since.map(|since| Handed { ip, from: number, since }).or(self.handed);
                device.claims.retain(|claim| claim.ip != ip);
                device.rare.fill().lost = Some(ip);
            }
            self.held(number, ip);
            self.relist(number);
        }
    }

    fn unlink(&mut self, ip: IpAddr, number: Number) {
        let Some(slot) = self.by_ip.find(&ip) else { return };
        let Some(holders) = self.by_ip.at(slot) else { return };
        holders.retain(|(_, holder)| *holder != number);
        if holders.is_empty() {
            self.by_ip.take(slot);
        }
    }

    fn merge(&mut self, kept: Number, gone: Number) {
        let Some(mut absorbed) = self.devices.remove(gone) else { return };
        self.numbers.give_back(gone);
        self.changed.note(gone);
        self.changed.note(kept);
        self.moved(gone, absorbed.last_seen, None);
        self.formers = self.formers.saturating_sub(absorbed.rare.former_ips.len());
        for mac in std::mem::take(&mut absorbed.macs) {
            self.by_mac.remove(&mac);
            self.own_mac(kept, mac);
        }
        for ip in std::mem::take(&mut absorbed.ips) {
            let holders = self.by_ip.peek(&ip).into_iter().flatten();
            let vlans: Vec<_> = holders.filter(|(_, it)| *it == gone).map(|(vlan, _)| *vlan).collect();
            self.unlink(ip, gone);
            for vlan in vlans {
                self.hold_ip(kept, ip, vlan);
            }
        }
        for ip in absorbed.rare.former_ips.clone() {
            self.held(kept, ip);
        }
        let Some(device) = self.devices.get_mut(kept) else { return };
        for claim in absorbed.claims.drain(..) {
            if device.claims.len() < IPS_MAX && device.ips.contains(&claim.ip.into()) {
                device.claims.push(claim);
            }
        }
        let before = (device.last_seen, device.identity.bytes() + absorbed.identity.bytes());
        device.absorb(absorbed, &mut self.refused);
        let others = self.identity_bytes.saturating_sub(before.1);
        self.identity_bytes = others.saturating_add(device.identity.bytes());
        let now = device.last_seen;
        self.moved(kept, before.0, Some(now));
        if !self.inventory.is_empty() {
            self.relisted.push(kept);
        }
    }

    /// Says that a device was last heard `before`, and is now at `after` or gone.
    fn moved(&mut self, number: Number, before: Time, after: Option<Time>) {
        if let Some(order) = &mut self.by_last_seen {
            order.remove(&(before, number));
            order.extend(after.map(|after| (after, number)));
        }
    }

    /// Forgets who was heard longest ago, `spared` excepted. Whether there was one.
    fn forget_oldest(&mut self, spared: Option<Number>) -> bool {
        let devices = &self.devices;
        let order = self.by_last_seen.get_or_insert_with(|| {
            devices.iter().map(|(number, device)| (device.last_seen, number)).collect()
        });
        let oldest = order.iter().map(|(_, number)| *number).find(|it| Some(*it) != spared);
        let Some(oldest) = oldest else { return false };
        self.forget(oldest);
        self.untold.push(oldest);
        true
    }

    fn forget(&mut self, number: Number) {
        let Some(device) = self.devices.remove(number) else { return };
        self.numbers.give_back(number);
        self.changed.note(number);
        self.moved(number, device.last_seen, None);
        self.formers = self.formers.saturating_sub(device.rare.former_ips.len());
        self.identity_bytes = self.identity_bytes.saturating_sub(device.identity.bytes());
        for mac in &device.macs {
            self.by_mac.remove(mac);
        }
        for ip in &device.ips {
            self.unlink(*ip, number);
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

/// Such texts held; names and serial numbers are not among them.
const SHARED_MAX: usize = 4_096;

/// Devices held at once; a large campus has a few ten thousand.
pub const DEVICES_MAX: usize = 65_536;

/// MACs kept of one device; a switch shows one for each port.
const MACS_MAX: usize = 1_024;

/// Addresses kept of one device; a camera has two or three, a host with privacy addresses a dozen.
const IPS_MAX: usize = 64;

/// MACs kept of all devices: four times as many, for few have a second one.
const MACS_OF_ALL_MAX: usize = 4 * DEVICES_MAX;

/// Addresses kept of all devices, and as many former ones.
const IPS_OF_ALL_MAX: usize = 4 * DEVICES_MAX;

/// Devices that may hold one address, each in a VLAN of its own.
const HOLDERS_MAX: usize = 64;

#[cfg(test)]
mod tests;
