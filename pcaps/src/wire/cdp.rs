//! Cisco Discovery Protocol, version 2, behind LLC and SNAP; no public standard, Cisco's notes on the format
//! ("Understanding and Configuring CDP"). To 01:00:0c:cc:cc:cc.
//!
//! ```text
//! 0                         8         9     10         12
//! | aa aa 03 00 00 0c 20 00 | version | ttl | checksum | TLV*     TLV = | type 2 | length 2, header included | value |
//! ```

use std::net::Ipv4Addr;

use super::ip;

/// Capability bits: router.
pub const ROUTER: u32 = 0x01;
/// Switch.
pub const SWITCH: u32 = 0x08;
/// Host.
pub const HOST: u32 = 0x10;
/// Multicast is filtered by IGMP.
pub const IGMP: u32 = 0x20;

/// What a device says of itself on one port.
#[derive(Debug, Clone, Copy)]
pub struct Cdp<'a> {
    /// How long this holds.
    pub ttl_s: u8,
    /// Device id: its name.
    pub device: &'a str,
    /// Port id: the interface's name.
    pub port: &'a str,
    /// Capabilities.
    pub capabilities: u32,
    /// Software version.
    pub version: &'a str,
    /// Platform.
    pub platform: &'a str,
    /// Its address.
    pub address: Option<Ipv4Addr>,
    /// VLAN of untagged frames.
    pub native_vlan: Option<u16>,
    /// What a device draws, in milliwatts.
    pub power_mw: Option<u16>,
    /// Whether the port works in both directions at once.
    pub is_full_duplex: bool,
}

impl Cdp<'_> {
    /// The payload behind the length of an 802.3 frame.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut out = vec![0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00];
        let start = out.len();
        out.extend_from_slice(&[2, self.ttl_s, 0, 0]);
        tlv(0x01, self.device.as_bytes(), &mut out);
        if let Some(address) = self.address {
            // One address; its protocol is one NLPID byte, that of IPv4.
            let value = [&[0, 0, 0, 1, 1, 1, 0xcc, 0, 4], &address.octets()[..]].concat();
            tlv(0x02, &value, &mut out);
        }
        tlv(0x03, self.port.as_bytes(), &mut out);
        tlv(0x04, &self.capabilities.to_be_bytes(), &mut out);
        tlv(0x05, self.version.as_bytes(), &mut out);
        tlv(0x06, self.platform.as_bytes(), &mut out);
        if let Some(vlan) = self.native_vlan {
            tlv(0x0a, &vlan.to_be_bytes(), &mut out);
        }
        if let Some(power_mw) = self.power_mw {
            tlv(0x10, &power_mw.to_be_bytes(), &mut out);
        }
        tlv(0x0b, &[u8::from(self.is_full_duplex)], &mut out);
        let sum = checksum(&out[start..]);
        out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

fn tlv(kind: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(4 + value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

/// The Internet checksum, but an odd last byte is the low half of its word. Ours is 0 or 1 (duplex): above 127
/// senders differ.
fn checksum(bytes: &[u8]) -> u16 {
    let (even, odd) = bytes.split_at(bytes.len() & !1);
    let last = odd.first().copied().unwrap_or_default();
    ip::finish(ip::add(0, even) + u64::from(last))
}
