//! What the ledger holds on one device.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use smallvec::SmallVec;
use spanwatch_parsers::{Mac, MediaProfile, Text, Time, ip_text};

use super::binding::{Bond, Witness};
use super::identity::{Attribute, Identity};
use super::inventory::{self, Importance, Row};
use super::refusals::Refusals;
use crate::few::{Empty, Few, FewBy, Seldom};
use crate::observation::Cite;

/// One device. Every collection in it is bounded.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its MACs, the first witnessed first.
    pub macs: SmallVec<[Mac; 2]>,
    /// The addresses it holds.
    pub ips: Few<IpAddr>,
    /// Who says that it has its addresses, and its MACs but the first: of all that it has, by whoever first said so.
    pub bonds: FewBy<Bond, Witness>,
    /// What it claimed over ARP and holds, in the order of the first claims.
    pub claims: SmallVec<[Claim; 1]>,
    /// Whether it answers ARP for others, so that a claim of its says nothing about who holds the address.
    pub answers_for_others: bool,
    /// VLANs it was seen in, the innermost tag of each frame.
    pub vlans: Few<u16>,
    /// Whether it said, or showed, that it forwards for others.
    pub is_router: bool,
    /// Whether it said over LLDP that it bridges.
    pub is_bridge: bool,
    /// Whether it was seen sending media.
    pub sends_media: bool,
    /// Whether it says that it is a device of network video (WS-Discovery; ONVIF Core Specification, 7.3.1).
    pub is_of_video: bool,
    /// Whether media was seen going to it.
    pub receives_media: bool,
    /// Whether it was seen sending to one receiver, and not to groups alone.
    pub speaks: bool,
    /// Whether something was seen going to it alone.
    pub is_spoken_to: bool,
    /// First frame.
    pub first_seen: Time,
    /// Last frame.
    pub last_seen: Time,
    /// The frame of `last_seen`.
    pub last_frame: Cite,
    /// Last frame that it sent itself, as far as that can be told: none that a router passed on.
    pub last_own: Time,
    /// Which of its starts it runs since, by its own count.
    pub instance: Option<u32>,
    /// Frames sent.
    pub packets: u64,
    /// Bytes sent, as on the wire.
    pub bytes: u64,
    /// What it is.
    pub identity: Identity,
    /// What it answered as: transport, port and protocol, with the first and last time.
    pub services: FewBy<(&'static str, u16, &'static str), (Time, Time)>,
    /// Where it hangs.
    pub attachment: Option<Box<Attachment>>,
    /// Its row in the site's own list.
    pub listing: Option<Arc<Row>>,
    /// What few devices have.
    pub rare: Seldom<Rare>,
}

/// The id of who is known by such an address.
#[must_use]
pub fn id_of(bearing: Option<Bond>) -> String {
    match bearing {
        Some(Bond::Mac(mac)) => mac.to_string(),
        Some(Bond::Ip(ip)) => ip_text(ip),
        None => "unknown".to_owned(),
    }
}

/// What few devices have.
#[derive(Debug, Clone, Default)]
pub struct Rare {
    /// Addresses that it held and another holds now.
    pub former_ips: Few<IpAddr>,
    /// The one of them that it lost last.
    pub lost: Option<IpAddr>,
    /// Addresses that it named as its own management addresses.
    pub management: Few<IpAddr>,
    /// Servers from which it pulled media.
    pub pulled_from: Few<IpAddr>,
    /// Addresses of others that it names as the origin of media that it serves.
    pub origins: Few<IpAddr>,
    /// How it says that it is set to send its pictures.
    pub profiles: Vec<MediaProfile>,
}

impl Empty for Rare {
    const EMPTY: &'static Self = &Self {
        former_ips: Few::NONE,
        lost: None,
        management: Few::NONE,
        pulled_from: Few::NONE,
        origins: Few::NONE,
        profiles: Vec::new(),
    };
}

/// An IPv4 address that a MAC claimed over ARP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// In which VLAN.
    pub vlan: Option<u16>,
    /// Which address.
    pub ip: Ipv4Addr,
    /// When it last did.
    pub last: Time,
}

/// The switch port a device hangs on, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The switch's id as the source writes it.
    pub switch: Option<Text>,
    /// The port's name.
    pub port: Option<Text>,
    /// `dhcp option 82`, `lldp` or `inventory`, the site's own list.
    pub source: &'static str,
    /// In per cent.
    pub confidence: u8,
}

/// What a device does that tells its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// The kind that does so.
    pub kind: &'static str,
    /// What it is worth as a witness, in per cent.
    pub strength: u8,
    /// What it does, as a sentence less its full stop.
    pub because: &'static str,
}

impl Device {
    /// A device first seen at `at`.
    #[must_use]
    pub fn new(at: Time) -> Self {
        Self {
            macs: SmallVec::new(),
            ips: Few::default(),
            bonds: FewBy::default(),
            claims: SmallVec::new(),
            answers_for_others: false,
            vlans: Few::default(),
            is_router: false,
            is_bridge: false,
            sends_media: false,
            is_of_video: false,
            receives_media: false,
            speaks: false,
            is_spoken_to: false,
            first_seen: at,
            last_seen: at,
            last_frame: Cite::default(),
            last_own: at,
            instance: None,
            packets: 0,
            bytes: 0,
            identity: Identity::default(),
            services: FewBy::default(),
            attachment: None,
            listing: None,
            rare: Seldom::default(),
        }
    }

    /// The contract's id: its MAC where one is witnessed, else its address.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(self.bearing())
    }

    /// What its id is made of.
    #[must_use]
    pub fn bearing(&self) -> Option<Bond> {
        let ip = || self.ips.first().or(self.rare.lost.as_ref());
        self.macs.first().map(|mac| Bond::Mac(*mac)).or_else(|| ip().map(|ip| Bond::Ip(*ip)))
    }

    /// The address people know it by: the first IPv4, else the first IPv6 that is not link-local.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let is_link_local =
            |ip: &&IpAddr| matches!(ip, IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80);
        self.ips.iter().find(|ip| !is_link_local(ip)).or_else(|| self.ips.first()).copied()
    }

    /// Its kind, and how sure that is in per cent: what it says of itself and what it does are witnesses alike.
    ///
    /// An OUI alone never makes a kind.
    #[must_use]
    pub fn kind(&self) -> (&str, u8) {
        let role = self.role().map(|role| (role.kind, role.strength));
        self.identity.best_beside(Attribute::Kind, role).unwrap_or(("unknown", 0))
    }

    /// The kind that what it does makes it, if any.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        let role = |kind, strength, because| Some(Role { kind, strength, because });
        if self.is_bridge && self.is_router {
            return role("router", SAID_BY_LLDP, "it tells its neighbours that it bridges and routes");
        }
        if self.is_bridge {
            return role("switch", SAID_BY_LLDP, "it tells its neighbours that it bridges");
        }
        if self.is_router {
            return role("router", ROUTES, "it forwards for others");
        }
        if self.rare.pulled_from.len() >= PULLS_FROM_MANY {
            return role("recorder", PULLS, "it pulls media from several devices");
        }
        let serves_rtsp = self.services.keys().any(|(_, _, protocol)| *protocol == "rtsp");
        if self.sends_media && serves_rtsp && self.rare.pulled_from.is_empty() {
            return role("camera", SERVES_MEDIA, "it serves media over RTSP and pulls none");
        }
        None
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

    /// How much it matters, by the site's own list.
    #[must_use]
    pub fn importance(&self) -> Importance {
        self.listing.as_ref().map_or(Importance::Normal, |row| row.importance)
    }

    /// What to call it in a sentence: as the site's own list does, else `Axis P3245-LV (192.0.2.7)`.
    #[must_use]
    pub fn title(&self) -> String {
        let best = |attribute| self.identity.best(attribute).map(|(value, _)| value.as_str());
        // Who lost his address to a successor is still known by it.
        let address = self.address().or(self.rare.lost).map_or_else(|| self.id(), |ip| ip.to_string());
        if let Some(name) = self.listing.as_ref().and_then(|row| row.name.as_ref()) {
            return format!("{name} ({address})");
        }
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

    /// Takes over what is known of a device that turned out to be this one. Its MACs and addresses
    /// are the directory's to move.
    pub fn absorb(&mut self, other: Self, refused: &mut Refusals) {
        for vlan in other.vlans {
            self.in_vlan(Some(vlan), refused);
        }
        if let Some(other) = other.rare.into_inner() {
            for ip in other.management {
                self.manages(ip, refused);
            }
            for server in other.pulled_from {
                self.pulls_from(server, refused);
            }
            for ip in other.origins {
                self.names_origin(ip, refused);
            }
            let rare = self.rare.fill();
            if rare.profiles.is_empty() {
                rare.profiles = other.profiles;
            }
            rare.lost = rare.lost.or(other.lost);
        }
        for ((transport, port, protocol), (first, last)) in other.services {
            self.serves((transport, port, protocol), first, refused);
            self.serves((transport, port, protocol), last, refused);
        }
        for (bond, witness) in other.bonds {
            self.bonds.or_insert(bond, witness);
        }
        self.answers_for_others |= other.answers_for_others;
        self.sends_media |= other.sends_media;
        self.is_of_video |= other.is_of_video;
        self.receives_media |= other.receives_media;
        self.is_router |= other.is_router;
        self.is_bridge |= other.is_bridge;
        self.instance = self.instance.or(other.instance);
        self.first_seen = self.first_seen.min(other.first_seen);
        if other.last_seen > self.last_seen {
            self.last_seen = other.last_seen;
            self.last_frame = other.last_frame;
        }
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.identity.absorb(other.identity, refused);
        let from_list = self.attachment.take_if(|it| it.source == inventory::SOURCE);
        self.attachment = self.attachment.take().or(other.attachment).or(from_list);
    }

    /// Adds a VLAN, [`VLANS_MAX`] at most: a trunk port's host is in a handful.
    pub fn in_vlan(&mut self, vlan: Option<u16>, refused: &mut Refusals) {
        let Some(vlan) = vlan else { return };
        if !add(&mut self.vlans, vlan, VLANS_MAX) {
            refused.count("VLANs of one device", VLANS_MAX);
        }
    }

    /// Adds a management address that it named.
    pub fn manages(&mut self, ip: IpAddr, refused: &mut Refusals) {
        if !add(&mut self.rare.fill().management, ip, MANAGEMENT_MAX) {
            refused.count("management addresses of one device", MANAGEMENT_MAX);
        }
    }

    /// Adds a server that it pulled media from.
    pub fn pulls_from(&mut self, server: IpAddr, refused: &mut Refusals) {
        if !add(&mut self.rare.fill().pulled_from, server, PULLED_MAX) {
            refused.count("media servers of one device", PULLED_MAX);
        }
    }

    /// Adds an origin of media that it serves.
    pub fn names_origin(&mut self, ip: IpAddr, refused: &mut Refusals) {
        if !add(&mut self.rare.fill().origins, ip, ORIGINS_MAX) {
            refused.count("origins of one device's media", ORIGINS_MAX);
        }
    }

    /// Whether it sent media, or offers to.
    #[must_use]
    pub fn offers_media(&self) -> bool {
        self.sends_media || self.services.keys().any(|(_, _, protocol)| *protocol == "rtsp")
    }

    /// Whether it is one of those that send pictures, by all that is known.
    #[must_use]
    pub fn is_camera(&self) -> bool {
        matches!(self.kind().0, "camera" | "encoder")
    }

    /// Whether it belongs to the site's physical security, as far as is known.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.offers_media() || self.is_guarded_surely()
    }

    /// Whether it does by more than media that it sends, as a telephone does too.
    #[must_use]
    pub fn is_guarded_surely(&self) -> bool {
        let serves_rtsp = self.services.keys().any(|(_, _, protocol)| *protocol == "rtsp");
        serves_rtsp || self.is_of_video || GUARDED.contains(&self.kind().0)
    }

    /// Adds a service that it answered as: transport, port and protocol.
    pub fn serves(&mut self, service: (&'static str, u16, &'static str), at: Time, refused: &mut Refusals) {
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(&service) {
            refused.count("services of one device", SERVICES_MAX);
            return;
        }
        if let Some(times) = self.services.or_insert(service, (at, at)) {
            *times = (times.0.min(at), times.1.max(at));
        }
    }
}

/// Adds to a set that holds `cap` at most. Whether it is in it.
fn add<T: Ord>(set: &mut Few<T>, item: T, cap: usize) -> bool {
    if set.len() >= cap {
        return set.contains(&item);
    }
    set.insert(item);
    true
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
/// Management addresses kept of one device.
const MANAGEMENT_MAX: usize = 16;
/// Servers remembered of one client; a recorder has up to a few hundred channels.
const PULLED_MAX: usize = 1_024;

/// Origins remembered of one server; the largest recorders have 256 channels.
const ORIGINS_MAX: usize = 256;

/// Kinds of devices that physical security looks after.
const GUARDED: &[&str] = &[
    "camera",
    "encoder",
    "recorder",
    "vms",
    "access-controller",
    "intercom",
    "speaker",
    "sensor",
    "storage",
    "decoder",
    "serial-gateway",
    "wireless-bridge",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_whose_address_another_took_keeps_it_in_its_title() {
        let mut device = Device::new(Time(1));
        device.rare.fill().lost = Some("192.0.2.7".parse().unwrap());
        assert_eq!((device.title(), device.address()), ("192.0.2.7".to_owned(), None));
    }

    #[test]
    fn what_a_device_has_is_bounded_and_counted() {
        let (mut device, mut refused) = (Device::new(Time(1)), Refusals::default());
        for n in 0..2_000_u16 {
            device.serves(("tcp", n, "http"), Time(1), &mut refused);
            device.in_vlan(Some(n), &mut refused);
            device.pulls_from(IpAddr::from(n_to_v4(n)), &mut refused);
            device.manages(IpAddr::from(n_to_v4(n)), &mut refused);
            device.names_origin(IpAddr::from(n_to_v4(n)), &mut refused);
        }
        device.in_vlan(Some(1), &mut refused);
        let counted: Vec<_> = refused.take().map(|(_, cap, count)| cap + count).collect();
        assert_eq!(counted, [2_000; 5]);
    }

    fn n_to_v4(n: u16) -> [u8; 4] {
        let [high, low] = n.to_be_bytes();
        [10, 0, high, low]
    }
}
