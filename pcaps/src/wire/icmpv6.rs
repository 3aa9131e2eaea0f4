//! ICMPv6 messages (RFC 4443, 2.1 and 4).
//!
//! ```text
//! 0      1      2          4
//! | type | code | checksum | body
//! ```

use std::net::{IpAddr, Ipv6Addr};

use super::ip::{self, Header};

/// Sender and receiver, over whom the checksum runs too.
pub type Ends = (Ipv6Addr, Ipv6Addr);

/// A message with its checksum.
#[must_use]
pub fn message(ends: Ends, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, code, 0, 0];
    out.extend_from_slice(body);
    let header = Header {
        source: IpAddr::V6(ends.0),
        destination: IpAddr::V6(ends.1),
        ttl: 255,
        id: 0,
        protocol: ip::ICMPV6,
        is_alert: false,
    };
    let sum = ip::finish(ip::add(header.pseudo_sum(out.len()), &out));
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

/// An echo request, or its reply.
#[must_use]
pub fn echo(ends: Ends, is_reply: bool, (id, sequence): (u16, u16), data: &[u8]) -> Vec<u8> {
    let body = [&id.to_be_bytes(), &sequence.to_be_bytes(), data].concat();
    message(ends, if is_reply { 129 } else { 128 }, 0, &body)
}
