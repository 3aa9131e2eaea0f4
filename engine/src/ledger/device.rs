//! What the ledger holds on one device.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Mac, Text, Time};

use super::identity::{Attribute, Identity};
use crate::observation::Cite;

/// One device. Every collection in it is bounded.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its MACs, the first witnessed first.
    pub macs: Vec<Mac>,
    /// The addresses it holds.
    pub ips: BTreeSet<IpAddr>,
    /// Addresses that it held and another holds now.
    pub former_ips: BTreeSet<IpAddr>,
    /// Addresses not kept because there were too many.
    pub ips_refused: u64,
    /// VLANs it was seen in, the innermost tag of each frame.
    pub vlans: BTreeSet<u16>,
    /// Whether it said, or showed, that it forwards for others.
    pub is_router: bool,
    /// Whether it said over LLDP that it bridges.
    pub is_bridge: bool,
    /// Whether it was seen sending media.
    pub sends_media: bool,
    /// Addresses that it named as its own management addresses.
    pub management: BTreeSet<IpAddr>,
    /// First frame.
    pub first_seen: Time,
    /// Last frame.
    pub last_seen: Time,
    /// The frame of `last_seen`.
    pub last_frame: Cite,
    /// Frames sent.
    pub packets: u64,
    /// Bytes sent, as on the wire.
    pub bytes: u64,
    /// What it is.
    pub identity: Identity,
    /// What it answered as: transport, port and protocol, with the first and last time.
    pub services: BTreeMap<(&'static str, u16, &'static str), (Time, Time)>,
    /// Servers from which it pulled media.
    pub pulled_from: BTreeSet<IpAddr>,
    /// Where it hangs.
    pub attachment: Option<Attachment>,
}

/// The switch port a device hangs on, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The switch's id as the source writes it.
    pub switch: Option<Text>,
    /// The port's name.
    pub port: Option<Text>,
    /// `dhcp option 82` or `lldp`.
    pub source: &'static str,
    /// In per cent.
    pub confidence: u8,
}

impl Device {
    /// A device first seen at `at`.
    #[must_use]
    pub fn new(at: Time) -> Self {
        Self {
            macs: Vec::new(),
            ips: BTreeSet::new(),
            former_ips: BTreeSet::new(),
            ips_refused: 0,
            vlans: BTreeSet::new(),
            is_router: false,
            is_bridge: false,
            sends_media: false,
            management: BTreeSet::new(),
            first_seen: at,
            last_seen: at,
            last_frame: Cite::default(),
            packets: 0,
            bytes: 0,
            identity: Identity::default(),
            services: BTreeMap::new(),
            pulled_from: BTreeSet::new(),
            attachment: None,
        }
    }

    /// The contract's id: its MAC where one is witnessed, else its address.
    #[must_use]
    pub fn id(&self) -> String {
        match (self.macs.first(), self.ips.first()) {
            (Some(mac), _) => mac.to_string(),
            (None, Some(ip)) => ip.to_string(),
            (None, None) => "unknown".to_owned(),
        }
    }

    /// The address people know it by: the first IPv4, else the first IPv6 that is not link-local.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let is_link_local =
            |ip: &&IpAddr| matches!(ip, IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80);
        self.ips.iter().find(|ip| !is_link_local(ip)).or_else(|| self.ips.first()).copied()
    }

    /// Its kind: what identity says, else what it does.
    ///
    /// An OUI alone never makes a kind. The confidence is in per cent.
    #[must_use]
    pub fn kind(&self) -> (&str, u8) {
        if self.is_bridge {
            return (if self.is_router { "router" } else { "switch" }, SAID_BY_LLDP);
        }
        if let Some((kind, confidence)) = self.identity.best(Attribute::Kind) {
            return (kind.as_str(), confidence);
        }
        if self.is_router {
            return ("router", ROUTES);
        }
        if self.pulled_from.len() >= PULLS_FROM_MANY {
            return ("recorder", PULLS);
        }
        let serves_rtsp = self.services.keys().any(|(_, _, protocol)| *protocol == "rtsp");
        if self.sends_media && serves_rtsp && self.pulled_from.is_empty() {
            return ("camera", SERVES_MEDIA);
        }
        ("unknown", 0)
    }

    /// How sure we are of who it is, in per cent: the mean of kind, vendor and model, the
    /// three that tell a person which box it is.
    #[must_use]
    pub fn confidence(&self) -> u8 {
        let known =
            |attribute| self.identity.best(attribute).map_or(0, |(_, confidence)| u16::from(confidence));
        let sum = u16::from(self.kind().1) + known(Attribute::Vendor) + known(Attribute::Model);
        u8::try_from(sum / 3).unwrap_or(0)
    }

    /// What to call it in a sentence: `Axis P3245-LV (192.0.2.7)`.
    #[must_use]
    pub fn title(&self) -> String {
        let best = |attribute| self.identity.best(attribute).map(|(value, _)| value.as_str());
        let address = self.address().map_or_else(|| self.id(), |ip| ip.to_string());
        match (
            best(Attribute::Name).or(best(Attribute::Hostname)),
            best(Attribute::Vendor),
            best(Attribute::Model),
        ) {
            (_, Some(vendor), Some(model)) => format!("{vendor} {model} ({address})"),
            (Some(name), Some(vendor), None) => format!("{vendor} {name} ({address})"),
            (Some(name), None, _) => format!("{name} ({address})"),
            (None, Some(vendor), None) => format!("{vendor} ({address})"),
            (None, None, _) => address,
        }
    }

    /// Takes over all that is known of a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self) {
        self.macs.extend(other.macs);
        self.ips.extend(other.ips);
        self.management.extend(other.management);
        self.sends_media |= other.sends_media;
        self.former_ips.extend(other.former_ips);
        self.ips_refused = self.ips_refused.saturating_add(other.ips_refused);
        self.vlans.extend(other.vlans);
        self.is_router |= other.is_router;
        self.is_bridge |= other.is_bridge;
        self.first_seen = self.first_seen.min(other.first_seen);
        if other.last_seen > self.last_seen {
            self.last_seen = other.last_seen;
            self.last_frame = other.last_frame;
        }
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.identity.absorb(other.identity);
        for (service, (first, last)) in other.services {
            let times = self.services.entry(service).or_insert((first, last));
            *times = (times.0.min(first), times.1.max(last));
        }
        self.pulled_from.extend(other.pulled_from);
        self.attachment = self.attachment.take().or(other.attachment);
    }

    /// Adds a VLAN, [`VLANS_MAX`] at most: a trunk port's host is in a handful.
    pub fn in_vlan(&mut self, vlan: Option<u16>) {
        if let Some(vlan) = vlan.filter(|_| self.vlans.len() < VLANS_MAX) {
            self.vlans.insert(vlan);
        }
    }

    /// Adds a service that it answered as, [`SERVICES_MAX`] at most.
    pub fn serves(&mut self, transport: &'static str, port: u16, protocol: &'static str, at: Time) {
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(&(transport, port, protocol)) {
            return;
        }
        let times = self.services.entry((transport, port, protocol)).or_insert((at, at));
        *times = (times.0.min(at), times.1.max(at));
    }
}

/// A bridge's own word on LLDP, in per cent.
const SAID_BY_LLDP: u8 = 90;
/// It forwards packets, which a host can do too, in per cent.
const ROUTES: u8 = 70;
/// It pulls media from several devices, as a recorder does and a viewing station may, in per cent.
const PULLS: u8 = 50;
/// It serves media that it does not pull from others; an encoder does so too, in per cent.
const SERVES_MEDIA: u8 = 50;
/// From how many.
const PULLS_FROM_MANY: usize = 2;
const VLANS_MAX: usize = 64;
const SERVICES_MAX: usize = 256;
