//! Link-local multicast name resolution (RFC 4795, 2.1): DNS messages on UDP 5355 to 224.0.0.252 and ff02::1:3.

use std::net::IpAddr;

use super::dns::{self, Data, Record};

/// Asks the link for a name of one label.
#[must_use]
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    dns::message(id, 0, &[(name, kind)], &[])
}

/// The owner's answer.
#[must_use]
pub fn response(id: u16, name: &str, ip: IpAddr) -> Vec<u8> {
    let kind = if ip.is_ipv4() { dns::A } else { dns::AAAA };
    let record = Record { name, ttl_s: 30, is_unique: false, data: Data::from(ip) };
    dns::message(id, 0x8000, &[(name, kind)], &[record])
}
