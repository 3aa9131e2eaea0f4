//! ARP over Ethernet for IPv4 (RFC 826).
//!
//! ```text
//! 0          2          4      5      6           8            14          18           24
//! | hardware | protocol | hlen | plen | operation | sender MAC | sender IP | target MAC | target IP |
//! ```

use std::net::Ipv4Addr;

use super::Mac;

/// One ARP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// Whether it is a reply rather than a request.
    pub is_reply: bool,
    /// Who speaks.
    pub sender: (Mac, Ipv4Addr),
    /// Who is meant; the MAC is zero in a request.
    pub target: (Mac, Ipv4Addr),
}

impl Arp {
    /// Appends its 28 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, if self.is_reply { 2 } else { 1 }]);
        for (mac, ip) in [self.sender, self.target] {
            out.extend_from_slice(&mac.0);
            out.extend_from_slice(&ip.octets());
        }
    }
}
