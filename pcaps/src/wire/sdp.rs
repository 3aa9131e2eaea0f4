//! SDP as cameras answer it to DESCRIBE (RFC 8866, 5; RFC 2326, appendix C).
//!
//! ```text
//! v=0  o=  s=  c=  t=0 0  a=*        then for each stream  m=  c=  a=rtpmap  a=fmtp  a=control
//! ```

use std::net::IpAddr;

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `video`, `audio` or `application`.
    pub kind: &'static str,
    /// Port; 0 where SETUP will choose it.
    pub port: u16,
    /// RTP payload type.
    pub payload_type: u8,
    /// Encoding and clock rate, like `H264/90000`.
    pub encoding: String,
    /// Parameters of the encoding.
    pub fmtp: Option<String>,
    /// What SETUP names.
    pub control: String,
    /// Whether it is encrypted (RFC 3711).
    pub is_secure: bool,
    /// Multicast group and hop limit.
    pub connection: Option<(IpAddr, u8)>,
}

/// The description of a session; `attributes` are those of the session as a whole, `a=` left out.
#[must_use]
pub fn description(origin: IpAddr, name: &str, attributes: &[&str], streams: &[Media]) -> Vec<u8> {
    let mut lines = vec![
        "v=0".to_owned(),
        format!("o=- 1 1 IN {} {origin}", family(origin)),
        format!("s={name}"),
        format!("c=IN {}", if origin.is_ipv4() { "IP4 0.0.0.0" } else { "IP6 ::" }),
        "t=0 0".to_owned(),
    ];
    lines.extend(attributes.iter().map(|attribute| format!("a={attribute}")));
    for stream in streams {
        let (kind, port, number) = (stream.kind, stream.port, stream.payload_type);
        let profile = if stream.is_secure { "RTP/SAVP" } else { "RTP/AVP" };
        lines.push(format!("m={kind} {port} {profile} {number}"));
        if let Some((group, ttl)) = stream.connection {
            // IPv6 has scopes in place of a hop limit (RFC 8866, 5.7).
            let ttl = if group.is_ipv4() { format!("/{ttl}") } else { String::new() };
            lines.push(format!("c=IN {} {group}{ttl}", family(group)));
        }
        lines.push(format!("a=rtpmap:{number} {}", stream.encoding));
        lines.extend(stream.fmtp.iter().map(|fmtp| format!("a=fmtp:{number} {fmtp}")));
        lines.push(format!("a=control:{}", stream.control));
    }
    lines.push(String::new());
    lines.join("\r\n").into_bytes()
}

const fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}
