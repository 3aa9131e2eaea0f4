//! Starts: what one does after a start, and who did it.

use std::net::IpAddr;

use spanwatch_parsers::{Fact, Lease, Mac, Span, Time};

use super::Ledger;
use super::device::Device;
use super::directory::Number;
use crate::bounded::Expiring;
use crate::observation::{Cite, Observation, Party};
use crate::verdict::returns::Start;

/// Clients of DHCP that no device is known to be, and when they began to ask.
pub(super) type Strangers = Expiring<Mac, (Time, Cite)>;

/// Nobody yet.
pub(super) fn nobody() -> Strangers {
    Expiring::new(STRANGERS_MAX, LEASES_WITHIN, SEED)
}

impl Ledger {
    /// Who has no address yet asks whether one is free.
    pub(super) fn probed(&mut self, seen: &Observation) {
        let (Party { mac: Some(mac), ip: None, .. }, Fact::Asked { target, .. }) = (seen.subject, &seen.fact)
        else {
            return;
        };
        let number = self.directory.find_mac(mac);
        self.started(number, (seen, seen.at, seen.cite), Some(*target), Start::Probe);
    }

    /// Who tells which of his starts he runs since. Who says hello with the number he had before did not start.
    pub(super) fn instance(&mut self, seen: &Observation, number: Option<u32>, is_announced: bool) {
        let Some(device) = self.site_device_of(seen) else { return };
        let known = self.directory.device(device).and_then(|device| device.instance);
        let how = match (number, known) {
            (Some(number), Some(known)) if number == known => return,
            (Some(_), Some(_)) => Some(Start::Instance),
            _ => Some(Start::Hello).filter(|_| is_announced),
        };
        if let Some(device) = self.directory.device_mut(device) {
            device.instance = number.or(known);
        }
        if let Some(how) = how {
            self.started(Some(device), (seen, seen.at, seen.cite), None, how);
        }
    }

    pub(super) fn lease(&mut self, seen: &Observation, lease: &Lease) {
        let is_start =
            lease.message == DHCP_DISCOVER || (lease.message == DHCP_REQUEST && lease.server.is_none());
        if is_start && !(lease.message == DHCP_REQUEST && seen.subject.ip.is_some()) {
            let number =
                self.directory.find(&seen.subject).or_else(|| self.directory.find_mac(seen.subject.mac?));
            let is_told = self.started(number, (seen, seen.at, seen.cite), lease.address, Start::Lease);
            if let (false, Some(mac)) = (is_told, seen.subject.mac) {
                self.strangers.insert(mac, (seen.at, seen.cite), seen.at);
            }
        }
        if lease.message == DHCP_REQUEST && lease.server.is_none() && seen.subject.ip.is_some() {
            let number =
                self.directory.find(&seen.subject).or_else(|| self.directory.find_mac(seen.subject.mac?));
            number.into_iter().for_each(|number| self.verdict.renewed(number, seen.at));
        }
        if lease.message == DHCP_ACK
            && let Some((at, cite)) = self.asked_before(seen.subject.mac)
            && seen.at - at <= LEASES_WITHIN
        {
            let number = self.directory.find(&seen.subject);
            self.started(number, (seen, at, cite), lease.address, Start::Lease);
        }
    }

    /// Somebody tells everybody his address unasked. He may have asked for it before, without our seeing the answer.
    pub(super) fn announced(&mut self, seen: &Observation) {
        let number = self.directory.find(&seen.subject);
        if let Some((at, cite)) =
            self.asked_before(seen.subject.mac).filter(|(at, _)| seen.at - *at <= LEASES_WITHIN)
        {
            self.started(number, (seen, at, cite), None, Start::Lease);
        }
        self.started(number, (seen, seen.at, seen.cite), None, Start::Announcement);
    }

    fn asked_before(&mut self, mac: Option<Mac>) -> Option<(Time, Cite)> {
        let slot = self.strangers.find(&mac?)?;
        self.strangers.take(slot).map(|(_, asked)| asked)
    }

    /// Somebody did what one does after a start. Whose MAC is not known yet may be the device that holds the address
    /// he speaks of: so far it may have been known by that alone.
    pub(super) fn started(
        &mut self,
        number: Option<Number>,
        (seen, at, cite): (&Observation, Time, Cite),
        speaks_of: Option<IpAddr>,
        how: Start,
    ) -> bool {
        let nameless =
            |number: &Number| self.directory.device(*number).is_some_and(|device| device.macs.is_empty());
        let held = speaks_of.and_then(|ip| self.directory.find_ip(ip, seen.subject.vlan)).filter(nameless);
        let number = number.or(held);
        // Who speaks in another VLAN than before was moved: his link came up, and he asks as after a start.
        let is_moved = |device: &Device| {
            let vlan = seen.subject.vlan;
            vlan.is_some() && !device.vlans.is_empty() && !device.vlans.iter().any(|it| Some(*it) == vlan)
        };
        if let Some(number) = number
            && !self.directory.device(number).is_some_and(is_moved)
        {
            let is_guarded = self.directory.device(number).is_some_and(Device::is_guarded);
            return self.verdict.started(number, (at, cite), how, is_guarded);
        }
        number.is_some()
    }
}

/// Message types of RFC 2132, 9.6.
const DHCP_DISCOVER: u8 = 1;
const DHCP_REQUEST: u8 = 3;
const DHCP_ACK: u8 = 5;
/// A client that asks has its lease within this time, or asks anew (RFC 2131, 4.1).
const LEASES_WITHIN: Span = Span::seconds(64);
/// MACs of no known device that ask for a lease, remembered until they have it.
const STRANGERS_MAX: usize = 1_024;
/// Seed of a table that traffic fills; it never shows.
const SEED: u64 = 0x57a7;
