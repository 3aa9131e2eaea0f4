//! Whom an observation is about: the device that a party is, if he is one of the site's.

use std::net::IpAddr;

use super::Ledger;
use super::device::Device;
use super::directory::{Number, is_device_address, is_site_address};
use super::refusals::Refusals;
use crate::observation::{Observation, Party};

impl Ledger {
    /// Whether the subject is an Internet host that a device of the site talks to: it is no device of the site.
    pub(super) fn is_foreign(&self, seen: &Observation) -> bool {
        let is_remote = |ip: Option<IpAddr>| ip.is_some_and(|ip| !is_site_address(ip));
        let is_local = |ip: Option<IpAddr>| ip.is_some_and(is_site_address);
        is_remote(seen.subject.ip) && is_local(seen.peer.ip) && self.directory.find(&seen.subject).is_none()
    }

    pub(super) fn is_bridge(&self, number: Number) -> bool {
        self.directory.device(number).is_some_and(|device| device.is_bridge)
    }

    pub(super) fn forwards(&self, number: Number) -> bool {
        self.directory.device(number).is_some_and(|device| device.is_router)
    }

    /// The device that a party is, made where there is none yet. A client that has no address
    /// yet, or is only named by its MAC, is known by the MAC. `None` where he can be no device.
    pub(super) fn device_of(&mut self, party: &Party, seen: &Observation) -> Option<Number> {
        if let Some(number) = self.directory.own(party) {
            if !self.directory.is_back(party, number) {
                self.directory.named(number, seen.at);
                return Some(number);
            }
            self.take_back(party, seen);
        }
        match party.ip.filter(|ip| is_device_address(*ip)) {
            Some(_) => self.directory.party_or_add(party, seen.at),
            None => Some(self.named_mac(party.mac.filter(|mac| mac.is_device())?, seen)),
        }
    }

    /// The device that the subject is, unless he is an Internet host.
    pub(super) fn site_device_of(&mut self, seen: &Observation) -> Option<Number> {
        if self.is_foreign(seen) { None } else { self.device_of(&seen.subject, seen) }
    }

    pub(super) fn with_subject(
        &mut self,
        seen: &Observation,
        change: impl FnOnce(&mut Device, &mut Refusals),
    ) {
        let number = self.site_device_of(seen);
        let Some(number) = number else { return };
        if let Some(device) = self.directory.device_mut(number) {
            change(device, &mut self.refused);
            self.directory.changed.note(number);
        }
    }
}
