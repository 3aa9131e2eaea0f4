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
