//! Ethernet frames without their check sequence (IEEE 802.3-2018, 3.1.1).
//!
//! ```text
//! 0             6        12            14
//! | destination | source | type/length | payload     padded to 60 bytes in all
//! ```

use super::Mac;

/// The shortest frame, check sequence left out (IEEE 802.3-2018, 4A.4.2).
pub const SHORTEST: usize = 60;

/// Type numbers (IEEE registry).
pub const IPV4: u16 = 0x0800;
/// ARP (RFC 826).
pub const ARP: u16 = 0x0806;
/// IPv6 (RFC 2464).
pub const IPV6: u16 = 0x86dd;
/// LLDP (IEEE 802.1AB-2016, 7.3).
pub const LLDP: u16 = 0x88cc;

/// Appends the header of an Ethernet II frame.
pub fn header(out: &mut Vec<u8>, destination: Mac, source: Mac, ethertype: u16) {
    out.extend_from_slice(&destination.0);
    out.extend_from_slice(&source.0);
    out.extend_from_slice(&ethertype.to_be_bytes());
}

/// Appends zeros until the frame that began at `start` has its shortest length.
pub fn pad(out: &mut Vec<u8>, start: usize) {
    if out.len() < start + SHORTEST {
        out.resize(start + SHORTEST, 0);
    }
}
