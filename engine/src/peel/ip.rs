//! IPv4 and IPv6 up to the transport header.
//!
//! ```text
//! IPv4  0 version:4 length:4 (words)   2 total length   4 identification   6 flags:3 offset:13 (×8)
//!       8 TTL   9 protocol   10 checksum   12 source   16 destination   20 options
//! IPv6  0 version:4 …   4 payload length   6 next header   7 hop limit   8 source   24 destination   40
//!       extension: next header, length (words of 8, the first not counted), …
//!       fragment:  next header, 0, offset:13 (×8) 00 M, identification (4)
//! ```
//!
//! all big-endian. Source: RFC 791, 3.1; RFC 8200, 3 and 4; RFC 4302, 2. Checksums
//! are not checked: what the receiver would throw away is rare, and capturing
//! machines leave them to the network card.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::peel::counts::Encapsulation;
use crate::peel::layers::{Fragment, Network};
use crate::peel::link::{Fault, Walk};
use crate::peel::wire::{Cursor, offset};

impl Walk {
    /// Reads an IP packet of the version that its first byte states.
    pub fn ip(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self.cursor(bytes).u8().ok_or("ip header")? >> 4 {
            4 => self.ipv4(bytes),
            6 => self.ipv6(bytes),
            _ => Err("ip version"),
        }
    }

    /// Reads an IPv4 packet that begins here.
    #[inline]
    pub fn ipv4(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let header: [u8; 20] = cursor.array().ok_or("ipv4 header")?;
        let [first, _, l, l2, i, i2, f, f2, ttl, protocol, _, _, s, s2, s3, s4, d, d2, d3, d4] = header;
        if first >> 4 != 4 {
            return Err("ipv4 version");
        }
        let options =
            usize::from(first & 15).saturating_mul(4).checked_sub(20).ok_or("ipv4 header length")?;
        cursor.skip(options).ok_or("ipv4 options")?;
        let total = usize::from(u16::from_be_bytes([l, l2]));
        if total >= options.saturating_add(20) {
            self.limit(self.at.saturating_add(total));
        } else if total > 0 {
            return Err("ipv4 total length");
        }
        let flags = u16::from_be_bytes([f, f2]);
        let part = Fragment { offset: u32::from(flags & 0x1fff) << 3, more: flags & 0x2000 != 0 };
        self.layers.ips =
            Some((IpAddr::V4(Ipv4Addr::new(s, s2, s3, s4)), IpAddr::V4(Ipv4Addr::new(d, d2, d3, d4))));
        self.layers.hop_limit = ttl;
        self.layers.identification = Some(u16::from_be_bytes([i, i2]).into());
        self.layers.fragment = (part.offset > 0 || part.more).then_some(part);
        self.layers.protocol = protocol;
        self.transport(bytes, cursor.at(), protocol == AH)
    }

    /// Reads an IPv6 packet that begins here.
    pub fn ipv6(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let [first, _, _, _, l, l2, next, hop_limit] = cursor.array().ok_or("ipv6 header")?;
        let source: [u8; 16] = cursor.array().ok_or("ipv6 header")?;
        let destination: [u8; 16] = cursor.array().ok_or("ipv6 header")?;
        if first >> 4 != 6 {
            return Err("ipv6 version");
        }
        let length = usize::from(u16::from_be_bytes([l, l2]));
        if length > 0 {
            self.limit(cursor.at().saturating_add(length));
        }
        self.layers.ips = Some((IpAddr::V6(Ipv6Addr::from(source)), IpAddr::V6(Ipv6Addr::from(destination))));
        self.layers.hop_limit = hop_limit;
        self.layers.identification = None;
        self.layers.fragment = None;
        self.layers.protocol = next;
        self.transport(bytes, cursor.at(), true)
    }

    /// Notes where the transport begins: at `at`, behind extension headers where there may be such.
    #[inline]
    fn transport(&mut self, bytes: &[u8], at: usize, is_extended: bool) -> Result<(), Fault> {
        let network_at = offset(self.at);
        self.at = at;
        let is_whole = self.layers.fragment.is_none();
        let stepped = if is_extended && is_whole { self.extensions(bytes) } else { Ok(()) };
        self.payload(Network::Ip);
        self.layers.network_at = network_at;
        stepped
    }

    /// Steps over the extension headers that begin here.
    #[inline(never)]
    fn extensions(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut cursor = self.cursor(bytes);
        let mut found = Extensions { protocol: self.layers.protocol, ..Extensions::default() };
        let stepped = found.skip(&mut cursor);
        if let Some((part, identification)) = found.fragment {
            self.layers.fragment = Some(part);
            self.layers.identification = Some(identification);
        }
        if found.is_authenticated {
            self.seen.add(Encapsulation::Ah);
        }
        self.layers.protocol = found.protocol;
        self.at = cursor.at();
        stepped
    }
}

/// What stands between an IP header and its transport.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extensions {
    /// Protocol number of what comes next.
    pub protocol: u8,
    /// The fragment header, where the packet is not whole; nothing behind it was read.
    pub fragment: Option<(Fragment, u32)>,
    /// Whether an authentication header was stepped over.
    pub is_authenticated: bool,
}

impl Extensions {
    /// Steps over the extension headers that `cursor` stands before.
    ///
    /// # Errors
    /// The header that is cut, or that there are too many of them; `self` then
    /// says how far it came.
    pub fn skip(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        for _ in 0..EXTENSIONS_MAX {
            let mut ahead = *cursor;
            match self.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION | SHIM6 => {
                    let [next, length] = ahead.array().ok_or("ipv6 extension")?;
                    ahead
                        .skip(usize::from(length).saturating_mul(8).saturating_add(6))
                        .ok_or("ipv6 extension")?;
                    self.protocol = next;
                }
                AH => {
                    let [next, length] = ahead.array().ok_or("ah header")?;
                    ahead.skip(usize::from(length).saturating_mul(4).saturating_add(6)).ok_or("ah header")?;
                    self.is_authenticated = true;
                    self.protocol = next;
                }
                FRAGMENT => {
                    let [next, _] = ahead.array().ok_or("ipv6 fragment header")?;
                    let offset = ahead.u16().ok_or("ipv6 fragment header")?;
                    let identification = ahead.u32().ok_or("ipv6 fragment header")?;
                    let part = Fragment { offset: (offset & 0xfff8).into(), more: offset & 1 == 1 };
                    self.protocol = next;
                    if part.offset > 0 || part.more {
                        *cursor = ahead;
                        self.fragment = Some((part, identification));
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
            *cursor = ahead;
        }
        Err("too many ipv6 extensions")
    }
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AH: u8 = 51;
const DESTINATION: u8 = 60;
const SHIM6: u8 = 140;

/// RFC 8200 knows each header once, destination options twice.
const EXTENSIONS_MAX: usize = 8;
