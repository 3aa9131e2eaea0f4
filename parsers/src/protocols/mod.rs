//! One file per protocol.

pub mod arp;
pub mod cdp;
pub mod dhcp;
pub mod dhcpv6;
pub mod dhip;
pub mod dns;
pub mod eapol;
pub mod hanwha;
pub mod hid;
pub mod igmp;
pub mod lldp;
pub mod mld;
pub mod nd;
pub mod netbios;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;
pub mod snmp;
pub mod sony;
pub mod ssdp;
pub mod stp;
pub mod ubiquiti;
pub mod vivotek;
pub mod tls;
