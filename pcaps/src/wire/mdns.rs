//! Multicast DNS and the services it announces (RFC 6762, 18; RFC 6763, 4 and 9). UDP 5353 to 224.0.0.251
//! and ff02::fb, hop limit 255.
//!
//! ```text
//! _services._dns-sd._udp.local  PTR  _rtsp._tcp.local
//! _rtsp._tcp.local              PTR  Front door._rtsp._tcp.local
//! Front door._rtsp._tcp.local   SRV  cam-07.local port 554,  TXT ...
//! cam-07.local                  A, AAAA
//! ```

use std::net::IpAddr;

use super::dns::{self, Data, Record};

/// A service that a host offers.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// Name of this one.
    pub instance: &'a str,
    /// Type, like `_rtsp._tcp`.
    pub kind: &'a str,
    /// Host, `.local` left out.
    pub host: &'a str,
    /// Its addresses.
    pub addresses: &'a [IpAddr],
    /// Port.
    pub port: u16,
    /// Texts, like `path=/1`.
    pub texts: &'a [&'a str],
    /// How long all this holds.
    pub ttl_s: u32,
}

/// Asks who offers a service of this type.
#[must_use]
pub fn query(kind: &str) -> Vec<u8> {
    dns::message(0, 0, &[(&format!("{kind}.local"), dns::PTR)], &[])
}

/// Announces a service, or answers the question for it.
#[must_use]
pub fn announce(service: &Service) -> Vec<u8> {
    let kind = format!("{}.local", service.kind);
    let name = format!("{}.{kind}", service.instance);
    let host = format!("{}.local", service.host);
    let record = |name, is_unique, data| Record { name, ttl_s: service.ttl_s, is_unique, data };
    let mut records = vec![
        record("_services._dns-sd._udp.local", false, Data::Ptr(&kind)),
        record(&kind, false, Data::Ptr(&name)),
        record(&name, true, Data::Srv(&host, service.port)),
        record(&name, true, Data::Txt(service.texts)),
    ];
    records.extend(service.addresses.iter().map(|ip| record(&host, true, Data::from(*ip))));
    dns::message(0, AUTHORITATIVE_RESPONSE, &[], &records)
}

/// Takes the announcement back: the same with no time to live (RFC 6762, 10.1).
#[must_use]
pub fn goodbye(service: &Service) -> Vec<u8> {
    announce(&Service { ttl_s: 0, ..*service })
}

const AUTHORITATIVE_RESPONSE: u16 = 0x8400;
