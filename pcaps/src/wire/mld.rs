//! Multicast listener discovery, version 2 (RFC 3810, 5). Sent with hop limit 1 and router alert.
//!
//! ```text
//! 130 query  | max response 2 | reserved 2 | group 16 | flags 1 | interval 1 | sources 2
//! 143 report | reserved 2 | records 2 | record*      record = | type 1 | aux 1 | sources 2 | group 16
//! ```

use std::net::Ipv6Addr;

use super::icmpv6::{self, Ends};

/// Kinds of record (RFC 3810, 5.2.12): still listens, to all sources.
pub const IS_EXCLUDE: u8 = 2;
/// Stops listening.
pub const TO_INCLUDE: u8 = 3;
/// Begins listening.
pub const TO_EXCLUDE: u8 = 4;

/// Who listens to `group`, or to anything.
#[must_use]
pub fn query(ends: Ends, group: Option<Ipv6Addr>, max_response_ms: u16) -> Vec<u8> {
    let mut body = max_response_ms.to_be_bytes().to_vec();
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&group.unwrap_or(Ipv6Addr::UNSPECIFIED).octets());
    body.extend_from_slice(&[2, 125, 0, 0]);
    icmpv6::message(ends, 130, 0, &body)
}

/// What a host listens to: kind of record and group.
#[must_use]
pub fn report_v2(ends: Ends, groups: &[(u8, Ipv6Addr)]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend_from_slice(&(groups.len() as u16).to_be_bytes());
    for (kind, group) in groups {
        body.extend_from_slice(&[*kind, 0, 0, 0]);
        body.extend_from_slice(&group.octets());
    }
    icmpv6::message(ends, 143, 0, &body)
}
