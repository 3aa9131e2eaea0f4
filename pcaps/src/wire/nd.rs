//! Neighbor discovery for IPv6 (RFC 4861, 4). Every message travels with hop limit 255.
//!
//! ```text
//! 133 solicit a router    | reserved 4
//! 134 advertise a router  | hops 1 | flags 1 | lifetime 2 | reachable 4 | retransmit 4
//! 135 solicit a neighbor  | reserved 4 | target 16
//! 136 advertise a neighbor| flags 4    | target 16
//! option*                 | type 1 | length/8 1 | value       1, 2 link-layer address, 3 prefix, 5 MTU
//! ```

use std::net::Ipv6Addr;

use super::Mac;
use super::icmpv6::{self, Ends};

/// Flags of a neighbor's advertisement: it is a router.
pub const ROUTER: u8 = 0x80;
/// It was asked.
pub const SOLICITED: u8 = 0x40;
/// It overrides what was known.
pub const OVERRIDE: u8 = 0x20;

/// Asks for the owner of `target`; without `source` it is the check for a second owner (RFC 4862, 5.4.2).
#[must_use]
pub fn neighbor_solicit(ends: Ends, source: Option<Mac>, target: Ipv6Addr) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend_from_slice(&target.octets());
    if let Some(source) = source {
        link_layer(1, source, &mut body);
    }
    icmpv6::message(ends, 135, 0, &body)
}

/// Says that `owner` has `target`.
#[must_use]
pub fn neighbor_advertise(ends: Ends, owner: Mac, target: Ipv6Addr, flags: u8) -> Vec<u8> {
    let mut body = vec![flags, 0, 0, 0];
    body.extend_from_slice(&target.octets());
    link_layer(2, owner, &mut body);
    icmpv6::message(ends, 136, 0, &body)
}

/// Asks for routers.
#[must_use]
pub fn router_solicit(ends: Ends, source: Option<Mac>) -> Vec<u8> {
    let mut body = vec![0; 4];
    if let Some(source) = source {
        link_layer(1, source, &mut body);
    }
    icmpv6::message(ends, 133, 0, &body)
}

/// What a router offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Router {
    /// Its address on the link.
    pub mac: Mac,
    /// How long it is a default router; 0 says that it is none.
    pub lifetime_s: u16,
    /// Prefix that is on the link and gives addresses, with its length.
    pub prefix: Option<(Ipv6Addr, u8)>,
}

/// A router's offer.
#[must_use]
pub fn router_advertise(ends: Ends, router: &Router) -> Vec<u8> {
    let mut body = vec![64, 0];
    body.extend_from_slice(&router.lifetime_s.to_be_bytes());
    body.extend_from_slice(&[0; 8]);
    link_layer(1, router.mac, &mut body);
    body.extend_from_slice(&[5, 1, 0, 0]);
    body.extend_from_slice(&1_500_u32.to_be_bytes());
    if let Some((prefix, length)) = router.prefix {
        body.extend_from_slice(&[3, 4, length, 0xc0]);
        body.extend_from_slice(&VALID_S.to_be_bytes());
        body.extend_from_slice(&PREFERRED_S.to_be_bytes());
        body.extend_from_slice(&[0; 4]);
        body.extend_from_slice(&prefix.octets());
    }
    icmpv6::message(ends, 134, 0, &body)
}

/// The group that a question for `target` goes to (RFC 4291, 2.7.1).
#[must_use]
pub const fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a as u16, (b as u16) << 8 | c as u16)
}

fn link_layer(kind: u8, mac: Mac, out: &mut Vec<u8>) {
    out.extend_from_slice(&[kind, 1]);
    out.extend_from_slice(&mac.0);
}

/// Lifetimes of a prefix: 30 days and 7 days (RFC 4861, 6.2.1).
const VALID_S: u32 = 2_592_000;
const PREFERRED_S: u32 = 604_800;
