//! LLDP (IEEE 802.1AB-2016, 8 and 9), with the TLVs of IEEE 802.1Q-2018 annex D, IEEE 802.3-2018
//! clause 79 and ANSI/TIA-1057 (LLDP-MED).
//!
//! ```text
//! TLV*: 0       7        16
//!       | type7 | length9 | value        the first three: chassis, port, time to live; the last: end
//! ```

use std::net::IpAddr;

use super::Mac;

/// Capability bits (IEEE 802.1AB-2016, table 8-4): bridge.
pub const BRIDGE: u16 = 0x0004;
/// Router.
pub const ROUTER: u16 = 0x0010;
/// Station and nothing else.
pub const STATION: u16 = 0x0080;

/// What a device says of itself on one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lldp {
    /// Chassis, by hardware address.
    pub chassis: Mac,
    /// Port, by interface name.
    pub port: String,
    /// What the port is called by its administrator.
    pub port_description: Option<String>,
    /// How long this holds; 0 says good-bye.
    pub ttl_s: u16,
    /// System name.
    pub name: String,
    /// System description.
    pub description: String,
    /// Capabilities: had, enabled.
    pub capabilities: (u16, u16),
    /// Management address and its interface's number.
    pub management: Option<(IpAddr, u32)>,
    /// VLAN of untagged frames.
    pub vlan: Option<u16>,
    /// Power over the port's own wires.
    pub power: Option<Power>,
    /// Speed and duplex.
    pub link: Option<Link>,
    /// Inventory.
    pub med: Option<Med>,
}

/// Power via MDI with the fields of 802.3at (IEEE 802.3-2018, 79.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// Whether the sender gives power, as a switch does, or takes it.
    pub is_source: bool,
    /// Class 0 to 4; class 4 is type 2.
    pub class: u8,
    /// What the device asked for, in tenths of a watt.
    pub requested_dw: u16,
    /// What the switch gave, in tenths of a watt.
    pub allocated_dw: u16,
}

/// MAC/PHY configuration and status (IEEE 802.3-2018, 79.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Bit 0: negotiation supported; bit 1: enabled.
    pub negotiation: u8,
    /// Abilities advertised (`ifMauAutoNegCapAdvertisedBits`, RFC 4836).
    pub advertised: u16,
    /// Type in operation (`dot3MauType`, RFC 4836): 15 100BASE-TX half, 16 full, 30 1000BASE-T full.
    pub mau: u16,
}

/// LLDP-MED inventory (ANSI/TIA-1057, 10.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Med {
    /// Device type: 1 to 3 endpoint classes, 4 network connectivity.
    pub class: u8,
    /// Hardware revision.
    pub hardware: String,
    /// Firmware revision.
    pub firmware: String,
    /// Software revision.
    pub software: String,
    /// Serial number.
    pub serial: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
}

impl Lldp {
    /// The payload behind the Ethernet type.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        tlv(1, &[&[4], &self.chassis.0], &mut out);
        tlv(2, &[&[5], self.port.as_bytes()], &mut out);
        tlv(3, &[&self.ttl_s.to_be_bytes()], &mut out);
        if self.ttl_s == 0 {
            tlv(0, &[], &mut out);
            return out;
        }
        if let Some(description) = &self.port_description {
            tlv(4, &[description.as_bytes()], &mut out);
        }
        tlv(5, &[self.name.as_bytes()], &mut out);
        tlv(6, &[self.description.as_bytes()], &mut out);
        let (had, enabled) = self.capabilities;
        tlv(7, &[&had.to_be_bytes(), &enabled.to_be_bytes()], &mut out);
        if let Some((ip, interface)) = self.management {
            let address = match ip {
                IpAddr::V4(ip) => [&[5, 1], &ip.octets()[..]].concat(),
                IpAddr::V6(ip) => [&[17, 2], &ip.octets()[..]].concat(),
            };
            // Numbered by ifIndex, no object identifier.
            tlv(8, &[&address, &[2], &interface.to_be_bytes(), &[0]], &mut out);
        }
        if let Some(vlan) = self.vlan {
            tlv(127, &[&IEEE_802_1, &[1], &vlan.to_be_bytes()], &mut out);
        }
        if let Some(link) = self.link {
            let (advertised, mau) = (link.advertised.to_be_bytes(), link.mau.to_be_bytes());
            tlv(127, &[&IEEE_802_3, &[1, link.negotiation], &advertised, &mau], &mut out);
        }
        if let Some(power) = self.power {
            power.write(&mut out);
        }
        if let Some(med) = &self.med {
            med.write(&mut out);
        }
        tlv(0, &[], &mut out);
        out
    }
}

impl Power {
    fn write(&self, out: &mut Vec<u8>) {
        // Port class, supported, enabled; the device has no say in these.
        let support = if self.is_source { 0x07 } else { 0x00 };
        let kind = match (self.class >= 4, self.is_source) {
            (true, true) => 0x00,
            (true, false) => 0x40,
            (false, true) => 0x80,
            (false, false) => 0xc0,
        };
        // Power comes from the primary source; the device has it from the switch; priority low.
        let head = [2, support, 1, self.class + 1, kind | 0x10 | 0x03];
        let (requested, allocated) = (self.requested_dw.to_be_bytes(), self.allocated_dw.to_be_bytes());
        tlv(127, &[&IEEE_802_3, &head, &requested, &allocated], out);
    }
}

impl Med {
    fn write(&self, out: &mut Vec<u8>) {
        // Capabilities and inventory.
        tlv(127, &[&TIA, &[1, 0x00, 0x21, self.class]], out);
        let texts = [
            (5, &self.hardware),
            (6, &self.firmware),
            (7, &self.software),
            (8, &self.serial),
            (9, &self.manufacturer),
            (10, &self.model),
        ];
        for (subtype, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            tlv(127, &[&TIA, &[subtype], text.as_bytes()], out);
        }
    }
}

fn tlv(kind: u16, parts: &[&[u8]], out: &mut Vec<u8>) {
    let value = parts.concat();
    out.extend_from_slice(&(kind << 9 | value.len() as u16).to_be_bytes());
    out.extend_from_slice(&value);
}

const IEEE_802_1: [u8; 3] = [0x00, 0x80, 0xc2];
const IEEE_802_3: [u8; 3] = [0x00, 0x12, 0x0f];
const TIA: [u8; 3] = [0x00, 0x12, 0xbb];
