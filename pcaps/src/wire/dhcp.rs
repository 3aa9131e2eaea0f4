//! DHCP messages for IPv4 (RFC 2131, 2; options: RFC 2132, RFC 3046).
//!
//! ```text
//! 0    1       2      3      4             8         10      12       16      20       24      28       44      108    236     240
//! | op | htype | hlen | hops | transaction | seconds | flags | ciaddr | yiaddr| siaddr | giaddr| chaddr | sname | file | magic | option*, 255
//! ```

use std::net::Ipv4Addr;

use super::Mac;

/// Message kinds, the values of option 53 (RFC 2132, 9.6).
pub const DISCOVER: u8 = 1;
/// What a server can give.
pub const OFFER: u8 = 2;
/// What the client wants, or wants to keep.
pub const REQUEST: u8 = 3;
/// The address is in use already.
pub const DECLINE: u8 = 4;
/// The lease is given.
pub const ACK: u8 = 5;
/// The lease is refused.
pub const NAK: u8 = 6;
/// The client gives its lease back.
pub const RELEASE: u8 = 7;
/// The client has an address and wants the rest.
pub const INFORM: u8 = 8;

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Option 53.
    pub kind: u8,
    /// Transaction number.
    pub transaction: u32,
    /// Seconds since the client began.
    pub seconds: u16,
    /// The client's hardware address.
    pub client: Mac,
    /// The address the client has (`ciaddr`).
    pub client_ip: Option<Ipv4Addr>,
    /// The address the server gives (`yiaddr`).
    pub your_ip: Option<Ipv4Addr>,
    /// The relay on the way (`giaddr`).
    pub relay: Option<Ipv4Addr>,
    /// Relays passed.
    pub hops: u8,
    /// Whether the client wants its answer by broadcast.
    pub is_broadcast: bool,
    /// Options behind option 53, in this order; a value longer than 255 bytes is split (RFC 3396, 5).
    pub options: &'a [(u8, &'a [u8])],
}

impl Message<'_> {
    /// Appends the message: 300 bytes or more (RFC 1542, 2.1).
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let is_reply = matches!(self.kind, OFFER | ACK | NAK);
        out.extend_from_slice(&[if is_reply { 2 } else { 1 }, 1, 6, self.hops]);
        out.extend_from_slice(&self.transaction.to_be_bytes());
        out.extend_from_slice(&self.seconds.to_be_bytes());
        out.extend_from_slice(&[if self.is_broadcast { 0x80 } else { 0 }, 0]);
        for address in [self.client_ip, self.your_ip, None, self.relay] {
            out.extend_from_slice(&address.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        }
        out.extend_from_slice(&self.client.0);
        out.resize(start + 236, 0);
        out.extend_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        option(53, &[self.kind], out);
        for (code, value) in self.options {
            option(*code, value, out);
        }
        out.push(255);
        if out.len() < start + SHORTEST {
            out.resize(start + SHORTEST, 0);
        }
    }
}

/// The value of option 82 with its circuit (1) and remote (2) parts (RFC 3046, 2 and 3).
#[must_use]
pub fn relay_information(circuit: &[u8], remote: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(4 + circuit.len() + remote.len());
    option(1, circuit, &mut value);
    option(2, remote, &mut value);
    value
}

/// The value of an option that lists addresses: 3 routers, 6 name servers, 42 time servers.
#[must_use]
pub fn addresses(list: &[Ipv4Addr]) -> Vec<u8> {
    list.iter().flat_map(Ipv4Addr::octets).collect()
}

fn option(code: u8, value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.extend_from_slice(&[code, 0]);
    }
    for part in value.chunks(255) {
        out.extend_from_slice(&[code, part.len() as u8]);
        out.extend_from_slice(part);
    }
}

/// The vendor field of BOOTP has 64 bytes, and relays drop what is shorter.
const SHORTEST: usize = 300;
