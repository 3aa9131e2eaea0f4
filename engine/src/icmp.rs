//! ICMP errors: who says that whom cannot be reached.
//!
//! ```text
//! 0      1      2          4        8
//! | type | code | checksum | varies | the packet that failed: IP header, then at least 8 bytes |
//! ```
//!
//! Read are ICMP 3 (destination unreachable) and 11 (time exceeded), ICMPv6 1 and 3.
//! The error is about the receiver of the quoted packet, and proves no device.
//!
//! Source: RFC 792; RFC 4443, 3.1 and 3.3. Extensions (RFC 4884) are left out.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

use std::net::IpAddr;

use spanwatch_parsers::Fact;

use crate::peel::Extensions;
use crate::peel::wire::Cursor;

/// What an ICMP or ICMPv6 message says, if it is such an error.
#[must_use]
pub fn unreachable(protocol: u8, message: &[u8]) -> Option<Fact> {
    let mut cursor = Cursor::new(message, 0, message.len());
    let [kind, code, ..] = cursor.array::<8>()?;
    let (target, transport) = match (protocol, kind) {
        (ICMP, 3 | 11) => quoted_ipv4(&mut cursor)?,
        (ICMPV6, 1 | 3) => quoted_ipv6(&mut cursor)?,
        _ => return None,
    };
    let _source_port = cursor.u16();
    let port = cursor.u16().filter(|_| matches!(transport, 6 | 17 | 132));
    Some(Fact::Unreachable { target, kind, code, transport, port })
}

fn quoted_ipv4(cursor: &mut Cursor<'_>) -> Option<(IpAddr, u8)> {
    let header: [u8; 16] = cursor.array()?;
    let target: [u8; 4] = cursor.array()?;
    let [first, _, _, _, _, _, flags, offset, _, transport, ..] = header;
    let options = usize::from(first & 15).checked_sub(5)?;
    cursor.skip(options.saturating_mul(4))?;
    let is_first = flags & 0x1f == 0 && offset == 0;
    (first >> 4 == 4 && is_first).then(|| (target.into(), transport))
}

fn quoted_ipv6(cursor: &mut Cursor<'_>) -> Option<(IpAddr, u8)> {
    let [first, _, _, _, _, _, next, _] = cursor.array()?;
    cursor.skip(16)?;
    let target: [u8; 16] = cursor.array()?;
    let mut behind = Extensions { protocol: next, ..Extensions::default() };
    behind.skip(cursor).ok()?;
    (first >> 4 == 6 && behind.fragment.is_none()).then(|| (target.into(), behind.protocol))
}

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_unreachable_names_the_quoted_receiver() {
        let message = b"\x03\x03\0\0\0\0\0\0\
            \x45\0\0\x20\0\0\0\0\x40\x11\0\0\xc0\0\x02\x09\xc0\0\x02\x07\
            \x13\x88\0\x35\0\x0c\0\0";
        let target = "192.0.2.7".parse().unwrap();
        let fact = Fact::Unreachable { target, kind: 3, code: 3, transport: 17, port: Some(53) };
        assert_eq!(unreachable(1, message), Some(fact));
    }

    #[test]
    fn ipv6_error_is_read_too() {
        let mut message = b"\x01\x03\0\0\0\0\0\0\x60\0\0\0\0\x08\x3a\x40".to_vec();
        message.extend("2001:db8::9".parse::<std::net::Ipv6Addr>().unwrap().octets());
        message.extend("2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
        let target = "2001:db8::7".parse().unwrap();
        let fact = Fact::Unreachable { target, kind: 1, code: 3, transport: 58, port: None };
        assert_eq!(unreachable(58, &message), Some(fact));
    }

    #[test]
    fn what_is_no_error_or_cut_says_nothing() {
        assert_eq!(unreachable(1, b"\x08\0\0\0\0\0\0\x01ping"), None);
        assert_eq!(unreachable(1, b"\x03\x03\0\0\0\0\0\0\x45\0"), None);
        assert_eq!(unreachable(17, b"\x03\x03\0\0\0\0\0\0\x45\0"), None);
    }
}
