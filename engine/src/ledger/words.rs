//! Who a device is, as it says itself, its switch says, or its MAC.

use std::sync::Arc;

use spanwatch_parsers::{Concluded, Key, Label, Mac, Neighbor, Text};

use super::device::Attachment;
use super::directory::Number;
use super::identity::{Attribute, Sight};
use super::{Ledger, switch};
use crate::observation::Observation;

impl Ledger {
    pub(super) fn attribute(&mut self, seen: &Observation, key: Key, value: &Text) {
        let canonical =
            if key == Key::Vendor { self.fingerprints.vendor_named(value.as_str()) } else { None };
        let value = canonical.map_or_else(|| value.clone(), Text::from);
        let source = if key.is_outright() { seen.source } else { key.name() };
        if key == Key::WsdType && value.as_str().starts_with(OF_VIDEO) {
            self.with_subject(seen, |device, _| device.is_of_video = true);
        }
        if let Some(number) = self.site_device_of(seen)
            && let Some(sight) = Sight::said(key, value, source, (seen.at, seen.cite))
        {
            self.directory.learn(number, sight);
        }
    }

    pub(super) fn label(&mut self, seen: &Observation, label: &Label) {
        let is_of_client = matches!(label.key, Key::RtspUserAgent | Key::HttpUserAgent | Key::SipUserAgent);
        let is_client_kind = label.attribute == Concluded::Kind && is_of_client;
        let Some(number) = self.site_device_of(seen) else { return };
        if !(is_client_kind && self.forwards(number)) {
            self.directory.learn(number, Sight::labelled(label, seen.at, seen.cite));
        }
    }

    pub(super) fn attach(&mut self, seen: &Observation, attachment: Attachment) {
        let Some(number) = self.device_of(&seen.subject, seen) else { return };
        if let Some(switch) = &attachment.switch {
            self.switches.attached(switch, attachment.port.as_ref(), number, attachment.source);
        }
        if let Some(device) = self.directory.device_mut(number) {
            device.attachment = Some(Box::new(attachment));
            self.directory.changed.note(number);
        }
    }

    pub(super) fn neighbor(&mut self, seen: &Observation, neighbor: &Neighbor) {
        let is_bridge = neighbor.capabilities & LLDP_BRIDGE != 0;
        let is_router = neighbor.capabilities & LLDP_ROUTER != 0;
        if is_bridge {
            self.switches.announced(neighbor, seen.source);
        }
        let Some(port) = seen.subject.mac.filter(|mac| mac.is_device()) else { return };
        // A switch sends from the MAC of a port: its chassis is what tells it from others.
        let named = switch::key(neighbor);
        let known =
            self.chassis.get(&named).copied().filter(|number| self.directory.device(*number).is_some());
        let number = match (is_bridge, neighbor.mac.filter(|mac| mac.is_device()), known) {
            (true, Some(chassis), _) => self.named_mac(chassis, seen),
            (true, None, Some(number)) => number,
            _ => self.named_mac(port, seen),
        };
        if let Some(device) = self.directory.device_mut(number) {
            device.is_bridge |= is_bridge;
            device.is_router |= is_router;
        }
        if is_bridge {
            if self.chassis.len() < CHASSIS_MAX || self.chassis.contains_key(&named) {
                self.chassis.insert(named, number);
            } else {
                self.refused.count("bridges by name", CHASSIS_MAX);
            }
            self.join(number, port, seen);
        }
    }

    /// The device that owns a MAC, its maker noted where it is new.
    pub(super) fn named_mac(&mut self, mac: Mac, seen: &Observation) -> Number {
        let is_new = self.directory.find_mac(mac).is_none();
        let number = self.directory.mac_or_add(mac, seen.at);
        if is_new {
            self.name_by_mac(mac, seen);
        }
        number
    }

    /// Names what is known of a MAC that was not known before: what an earlier run knew, and its maker.
    pub(super) fn name_by_mac(&mut self, mac: Mac, seen: &Observation) {
        let Some(number) = self.directory.find_mac(mac) else { return };
        let memory = Arc::clone(&self.memory);
        memory.of(mac).for_each(|sight| self.directory.learn(number, sight.clone()));
        let Some(vendor) = self.fingerprints.vendor_of(mac) else { return };
        let by = ("mac.oui", BY_OUI);
        let sight = Sight::outright(Attribute::Vendor, vendor.into(), by, (seen.at, seen.cite));
        self.directory.learn(number, sight);
    }
}

/// An OUI is the weakest witness, in per cent: modules and relabelled devices carry another's.
const BY_OUI: u8 = 40;
/// Enabled capabilities of IEEE 802.1AB-2016, table 8-4.
const LLDP_BRIDGE: u16 = 1 << 2;
const LLDP_ROUTER: u16 = 1 << 4;
/// What all device types of network video begin with (ONVIF Core Specification, 7.3.1).
const OF_VIDEO: &str = "NetworkVideo";
/// Bridges known by another name than a MAC.
const CHASSIS_MAX: usize = 8_192;
