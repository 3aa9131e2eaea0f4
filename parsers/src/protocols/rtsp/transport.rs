//! The `Transport` header: how media will travel, as proposed and as agreed.
//!
//! ```text
//! RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=0A1B2C3D
//! RTP/AVP/TCP;unicast;interleaved=0-1
//! RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16
//! RTP/AVP/UDP;unicast;dest_addr=":5000"/":5001";src_addr="192.0.2.7:6000"/"192.0.2.7:6001"   (2.0)
//! ```
//!
//! Alternatives are separated by commas, best first. Parameters that do not read
//! are taken as absent.
//!
//! Source: RFC 2326, 12.39; RFC 7826, 18.54.
//! Left out: `source`, `layers`, `append`, `setup`, and `MIKEY`, which is a key.

use std::net::{IpAddr, SocketAddr};

use crate::protocols::sdp::number;
use crate::vocabulary::StreamTransport;

/// One alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// How it travels.
    pub by: StreamTransport,
    /// Whether the profile is RTP's at all.
    pub is_rtp: bool,
    /// Whether the profile is SAVP or SAVPF.
    pub is_encrypted: bool,
    /// Where the media goes, where it is named.
    pub destination: Option<IpAddr>,
    /// The receiver's RTP port.
    pub client_port: Option<u16>,
    /// The sender's RTP port.
    pub server_port: Option<u16>,
    /// The group's RTP port.
    pub port: Option<u16>,
    /// The interleaved channels of RTP and of RTCP.
    pub channels: Option<(u8, Option<u8>)>,
    /// The sender's SSRC.
    pub ssrc: Option<u32>,
    /// Whether the client sends (`mode=record`).
    pub is_record: bool,
}

impl Transport {
    /// Reads all alternatives of one header, at most [`ALTERNATIVES_MAX`].
    #[must_use]
    pub fn parse_all(value: &[u8]) -> Vec<Self> {
        let mut is_quoted = false;
        let alternatives = value.split(|&byte| {
            is_quoted ^= byte == b'"';
            byte == b',' && !is_quoted
        });
        let named = alternatives.map(<[u8]>::trim_ascii).filter(|alternative| !alternative.is_empty());
        named.take(ALTERNATIVES_MAX).map(Self::parse).collect()
    }

    fn parse(alternative: &[u8]) -> Self {
        let mut fields = alternative.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let profile = fields.next().unwrap_or_default().to_ascii_uppercase();
        let mut transport = Self {
            by: StreamTransport::Udp,
            is_rtp: profile.starts_with(b"RTP/"),
            is_encrypted: profile.windows(4).any(|window| window == b"SAVP"),
            destination: None,
            client_port: None,
            server_port: None,
            port: None,
            channels: None,
            ssrc: None,
            is_record: false,
        };
        for field in fields {
            transport.add(field);
        }
        let is_group = transport.destination.is_some_and(|address| address.is_multicast());
        if profile.ends_with(b"/TCP") || transport.channels.is_some() {
            transport.by = StreamTransport::Interleaved;
        } else if is_group {
            transport.by = StreamTransport::Multicast;
        }
        transport
    }

    fn add(&mut self, field: &[u8]) {
        let mut parts = field.splitn(2, |&byte| byte == b'=');
        let name = parts.next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let value = parts.next().unwrap_or_default().trim_ascii();
        match &name[..] {
            b"multicast" => self.by = StreamTransport::Multicast,
            b"destination" => self.destination = address(value),
            b"client_port" => self.client_port = first_port(value),
            b"server_port" => self.server_port = first_port(value),
            b"port" => self.port = first_port(value),
            b"interleaved" => self.channels = channels(value),
            b"ssrc" => self.ssrc = ssrc(value),
            b"mode" => self.is_record = is_record(value),
            b"dest_addr" => {
                let (address, port) = first_address(value);
                self.destination = address;
                self.client_port = port;
            }
            b"src_addr" => self.server_port = first_address(value).1,
            _ => {}
        }
    }

    /// Fills what an answer leaves out from the request it answers.
    #[must_use]
    pub fn completed_by(mut self, requested: &[Self]) -> Self {
        let alike = requested.iter().find(|request| request.by == self.by);
        let Some(request) = alike else { return self };
        self.destination = self.destination.or(request.destination);
        self.client_port = self.client_port.or(request.client_port);
        self.server_port = self.server_port.or(request.server_port);
        self.port = self.port.or(request.port);
        self.channels = self.channels.or(request.channels);
        self.ssrc = self.ssrc.or(request.ssrc);
        self.is_record |= request.is_record;
        self
    }
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?;
    let text = text.trim_matches('"').trim_start_matches('[').trim_end_matches(']');
    // A multicast address may carry its TTL.
    text.split('/').next()?.parse().ok()
}

fn first_port(value: &[u8]) -> Option<u16> {
    let first = value.split(|&byte| byte == b'-').next()?;
    number(first.trim_ascii()).and_then(|port| u16::try_from(port).ok())
}

fn channels(value: &[u8]) -> Option<(u8, Option<u8>)> {
    let mut numbers = value
        .splitn(2, |&byte| byte == b'-')
        .map(|field| number(field.trim_ascii()).and_then(|channel| u8::try_from(channel).ok()));
    let first = numbers.next().flatten()?;
    Some((first, numbers.next().flatten()))
}

/// The first of several, in hexadecimal digits.
fn ssrc(value: &[u8]) -> Option<u32> {
    let first = value.split(|&byte| byte == b'/').next()?;
    let text = std::str::from_utf8(first).ok()?.trim().trim_matches('"');
    let digits = text.trim_start_matches("0x");
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

fn is_record(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    value.windows(6).any(|window| window == b"record") || value.windows(7).any(|window| window == b"receive")
}

/// The first of `"address:port"/"address:port"`; the address may be empty.
fn first_address(value: &[u8]) -> (Option<IpAddr>, Option<u16>) {
    let first = value.split(|&byte| byte == b'"').find(|part| !part.is_empty()).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(first) else { return (None, None) };
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return (Some(socket.ip()), Some(socket.port()));
    }
    let port = text.rsplit(':').next().and_then(|port| number(port.as_bytes()));
    (text.parse().ok(), port.filter(|_| text.starts_with(':')).and_then(|port| u16::try_from(port).ok()))
}

/// Alternatives of one header that are kept; clients name three at most.
pub const ALTERNATIVES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first(value: &str) -> Transport {
        Transport::parse_all(value.as_bytes()).remove(0)
    }

    #[test]
    fn unicast_has_the_ports_of_both_ends() {
        let transport =
            first("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=0a1B2c3D;mode=\"PLAY\"");
        assert_eq!((transport.by, transport.is_rtp), (StreamTransport::Udp, true));
        assert_eq!((transport.client_port, transport.server_port), (Some(5000), Some(6000)));
        assert_eq!((transport.ssrc, transport.is_record), (Some(0x0a1b_2c3d), false));
    }

    #[test]
    fn interleaved_has_channels() {
        let transport = first("RTP/SAVP/TCP;interleaved=2-3");
        assert_eq!((transport.by, transport.channels), (StreamTransport::Interleaved, Some((2, Some(3)))));
        assert!(transport.is_encrypted);
        assert_eq!(first("RTP/AVP;interleaved=4").channels, Some((4, None)));
        assert_eq!(first("RTP/AVP;interleaved=256-257").channels, None);
    }

    #[test]
    fn multicast_has_a_group() {
        let transport = first("RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001;ttl=16");
        assert_eq!(transport.by, StreamTransport::Multicast);
        assert_eq!((transport.destination, transport.port), (Some(IpAddr::from([239, 1, 2, 3])), Some(5000)));
        assert_eq!(first("RTP/AVP/UDP;destination=239.1.2.3").by, StreamTransport::Multicast);
    }

    #[test]
    fn version_2_names_addresses() {
        let transport = first(
            "RTP/AVP/UDP;unicast;dest_addr=\":5000\"/\":5001\";src_addr=\"[2001:db8::7]:6000\"/\"[2001:db8::7]:6001\"",
        );
        assert_eq!((transport.client_port, transport.destination), (Some(5000), None));
        assert_eq!(transport.server_port, Some(6000));
        let transport = first("RTP/AVP/UDP;dest_addr=\"192.0.2.9:5000\",RTP/AVP/TCP");
        assert_eq!((transport.destination, transport.client_port), (Some([192, 0, 2, 9].into()), Some(5000)));
    }

    #[test]
    fn alternatives_are_split_outside_quotes() {
        let all =
            Transport::parse_all(b"RTP/AVP/TCP;x=\"a,b\";interleaved=0-1, RTP/AVP;client_port=7000-7001,");
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].channels, all[1].client_port), (Some((0, Some(1))), Some(7000)));
        assert!(Transport::parse_all(b"").is_empty());
    }

    #[test]
    fn record_is_told() {
        assert!(first("RTP/AVP;mode=record").is_record);
        assert!(first("RTP/AVP;mode=\"RECORD\"").is_record);
    }

    #[test]
    fn answer_is_completed_by_the_request_of_its_kind() {
        let requested = Transport::parse_all(b"RTP/AVP/TCP;interleaved=0-1,RTP/AVP;client_port=5000-5001");
        let answer = first("RTP/AVP;unicast;server_port=6000-6001").completed_by(&requested);
        assert_eq!((answer.client_port, answer.server_port, answer.channels), (Some(5000), Some(6000), None));
        let alone = first("RTP/AVP;multicast").completed_by(&requested);
        assert_eq!(alone.client_port, None);
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(value in "(RTP/AVP|[a-z_]{1,12}=[0-9a-z\":/,.-]{0,12}|;|,){0,12}") {
            let _ = Transport::parse_all(value.as_bytes());
        }
    }
}
