//! Bytes in, facts out.
//!
//! A parser reads one protocol and says what was said, in the words of
//! [`vocabulary`]. It knows neither time nor place: when a fact was seen, and
//! in which frame, is added by the engine. [`ALL`] is the whole registry.
//!
//! Every byte comes from a network that may be hostile: a parser never panics,
//! never allocates without a bound and never loops without shrinking its input.

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

pub mod base64;
pub mod ber;
#[cfg(test)]
mod feeder;
pub mod group;
pub mod identifier;
pub mod json;
pub mod name;
pub mod portrait;
mod proof;
pub mod protocols;
pub mod time;
pub mod vocabulary;
pub mod xml;

pub use proof::Proof;
pub use time::{Span, Time};
pub use vocabulary::*;

/// Every parser, in the order in which their probes are asked.
pub const ALL: &[&Parser] = &[
    &protocols::arp::ARP,
    &protocols::nd::ND,
    &protocols::igmp::IGMP,
    &protocols::mld::MLD,
    &protocols::dhcp::DHCP,
    &protocols::lldp::LLDP,
    &protocols::cdp::CDP,
    &protocols::stp::STP,
    &protocols::lacp::LACP,
    &protocols::eapol::EAPOL,
    &protocols::snmp::SNMP,
    &protocols::ntp::NTP,
    &protocols::ws_discovery::WS_DISCOVERY,
    &protocols::dns::DNS,
    &protocols::dns::DNS_STREAM,
    &protocols::dns::MDNS,
    &protocols::dns::LLMNR,
    &protocols::ssdp::SSDP,
    &protocols::port_mapping::PORT_MAPPING,
    &protocols::dhip::DHIP,
    &protocols::dhip::DHIP_SESSION,
    &protocols::netbios::NETBIOS,
    &protocols::dhcpv6::DHCPV6,
    &protocols::hanwha::HANWHA,
    &protocols::vivotek::VIVOTEK,
    &protocols::ubiquiti::UBIQUITI,
    &protocols::hid::HID,
    &protocols::sony::SONY,
    &protocols::sadp::SADP,
    &protocols::eaton::EATON,
    &protocols::bosch::BOSCH,
    &protocols::rtcp::RTCP,
    &protocols::rtp::RTP,
    &protocols::rtsp::RTSP,
    &protocols::tls::TLS,
    &protocols::http::HTTP,
    &protocols::ssh::SSH,
    &protocols::sip::SIP,
    &protocols::ftp::FTP,
    &protocols::smtp::SMTP,
    &protocols::telnet::TELNET,
    &protocols::mqtt::MQTT,
    &protocols::smb::SMB,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What a side may say first of all.
    const STARTS: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\n\r\n",
        b"INVITE sip:door@192.0.2.1 SIP/2.0\r\n\r\n",
        b"SSH-2.0-dropbear\r\n",
        b"220 mail ESMTP\r\n",
        b"220 FTP server ready\r\n",
        b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04door",
        b"\xff\xfd\x01\xff\xfd\x1f",
        b"\x16\x03\x01\0\x40\x01\0\0\x3c\x03\x03",
    ];

    #[test]
    fn who_reads_streams_of_any_port_wants_nothing_that_begins_otherwise() {
        let envelope =
            Envelope { source_port: 40_000, destination_port: 3_001, is_stream: true, ..Envelope::default() };
        let mut readers = 0;
        for parser in ALL {
            let begins = parser.on.iter().find_map(|on| match on {
                On::AnyTcp(begins) => Some(*begins),
                _ => None,
            });
            let Some(begins) = begins else { continue };
            readers += 1;
            let own = STARTS.iter().filter(|start| (parser.probe)(&envelope, start) == Probe::Yes);
            assert_eq!(own.count(), 1, "{}", parser.name);
            for first in (0..=u8::MAX).filter(|first| !begins.contains(first)) {
                for start in STARTS {
                    let [instead, before] = [&start[1..], start].map(|rest| [&[first], rest].concat());
                    for message in [&[first][..], &instead, &before] {
                        let said = (parser.probe)(&envelope, message);
                        assert_eq!(said, Probe::No, "{} of {message:02x?}", parser.name);
                    }
                }
            }
        }
        assert_eq!(readers, STARTS.len());
    }
}
