//! IGMP, versions 2 and 3 (RFC 2236, 2; RFC 3376, 4). Sent with hop limit 1 and router alert.
//!
//! ```text
//! 0      1              2          4       8
//! | type | max response | checksum | group | version 3 query: flags 1 | interval 1 | sources 2
//! | 0x22 | 0            | checksum | 0, records 2 | record*    record = | type 1 | aux 1 | sources 2 | group 4
//! ```

use std::net::Ipv4Addr;

use super::ip;

/// Kinds of record (RFC 3376, 4.2.12): still listens, to all sources.
pub const IS_EXCLUDE: u8 = 2;
/// Stops listening.
pub const TO_INCLUDE: u8 = 3;
/// Begins listening.
pub const TO_EXCLUDE: u8 = 4;

/// Who listens to `group`, or to anything; the answer may take so many tenths of a second. Version 2.
#[must_use]
pub fn query(group: Option<Ipv4Addr>, max_response_ds: u8) -> Vec<u8> {
    message(0x11, max_response_ds, &group.unwrap_or(Ipv4Addr::UNSPECIFIED).octets())
}

/// The same in version 3, at most 127 tenths of a second.
#[must_use]
pub fn query_v3(group: Option<Ipv4Addr>, max_response_ds: u8) -> Vec<u8> {
    let group = group.unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
    message(0x11, max_response_ds, &[&group[..], &[2, 125, 0, 0]].concat())
}

/// A host listens to `group`.
#[must_use]
pub fn report_v2(group: Ipv4Addr) -> Vec<u8> {
    message(0x16, 0, &group.octets())
}

/// A host leaves `group`.
#[must_use]
pub fn leave(group: Ipv4Addr) -> Vec<u8> {
    message(0x17, 0, &group.octets())
}

/// What a host listens to: kind of record and group.
#[must_use]
pub fn report_v3(groups: &[(u8, Ipv4Addr)]) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend_from_slice(&(groups.len() as u16).to_be_bytes());
    for (kind, group) in groups {
        body.extend_from_slice(&[*kind, 0, 0, 0]);
        body.extend_from_slice(&group.octets());
    }
    message(0x22, 0, &body)
}

fn message(kind: u8, max_response: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, max_response, 0, 0];
    out.extend_from_slice(body);
    let sum = ip::finish(ip::add(0, &out));
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}
