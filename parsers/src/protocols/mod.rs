//! One file per protocol.

pub mod arp;
pub mod cdp;
pub mod dhcp;
pub mod dhip;
pub mod dns;
pub mod eapol;
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
pub mod ssdp;
pub mod stp;
