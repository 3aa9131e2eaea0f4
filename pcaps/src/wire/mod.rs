//! Bytes of every protocol that the made-up devices speak.
//!
//! One file a protocol, written from its specification alone.

pub mod arp;
pub mod base64;
pub mod calendar;
pub mod cdp;
pub mod certificate;
mod der;
pub mod dhcp;
pub mod dns;
pub mod ethernet;
pub mod h264;
mod head;
pub mod http;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
pub mod ip;
pub mod lacp;
pub mod lldp;
pub mod llmnr;
pub mod mdns;
pub mod mld;
pub mod nd;
pub mod netbios;
pub mod ntp;
pub mod onvif;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
pub mod sip;
pub mod snmp;
pub mod ssdp;
pub mod stp;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod wsd;

/// A 48-bit hardware address (IEEE 802-2014, 8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether it is that of a group, or of everybody (IEEE 802-2014, 8.2.2).
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The group address of an IPv4 multicast group (RFC 1112, 6.4).
    #[must_use]
    pub const fn of_group(group: std::net::Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// The group address of an IPv6 multicast group (RFC 2464, 7).
    #[must_use]
    pub const fn of_group6(group: std::net::Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
