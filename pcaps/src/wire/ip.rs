//! IPv4 and IPv6 headers (RFC 791, RFC 8200) and the Internet checksum (RFC 1071).

use std::net::IpAddr;

/// Protocol numbers (IANA).
pub const ICMP: u8 = 1;
/// IGMP (RFC 2236).
pub const IGMP: u8 = 2;
/// TCP (RFC 9293).
pub const TCP: u8 = 6;
/// UDP (RFC 768).
pub const UDP: u8 = 17;
/// GRE (RFC 2784).
pub const GRE: u8 = 47;
/// ICMPv6 (RFC 4443).
pub const ICMPV6: u8 = 58;

/// What an IP header says, its payload's length left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Sender; of the same family as the receiver.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Hop limit.
    pub ttl: u8,
    /// Identification; IPv6 has none.
    pub id: u16,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Whether the packet carries the router alert option (RFC 2113, RFC 2711), as IGMP and MLD must.
    pub is_alert: bool,
}

impl Header {
    /// Appends the header of a packet with `length` bytes of payload.
    pub fn write(&self, length: usize, out: &mut Vec<u8>) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let start = out.len();
                let header = if self.is_alert { 24 } else { 20 };
                let words = if self.is_alert { 0x46 } else { 0x45 };
                let [id0, id1] = self.id.to_be_bytes();
                let [length0, length1] = short(header + length).to_be_bytes();
                // Without an identification nothing may fragment it (RFC 6864, 4.1).
                let fragment = if self.id == 0 { 0x40 } else { 0 };
                out.extend_from_slice(&[words, 0, length0, length1, id0, id1, fragment, 0]);
                out.extend_from_slice(&[self.ttl, self.protocol, 0, 0]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&destination.octets());
                if self.is_alert {
                    out.extend_from_slice(&[0x94, 4, 0, 0]);
                }
                let sum = finish(add(0, &out[start..]));
                out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let extra = if self.is_alert { 8 } else { 0 };
                let [length0, length1] = short(extra + length).to_be_bytes();
                let next = if self.is_alert { 0 } else { self.protocol };
                out.extend_from_slice(&[0x60, 0, 0, 0, length0, length1, next, self.ttl]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&destination.octets());
                if self.is_alert {
                    out.extend_from_slice(&[self.protocol, 0, 5, 2, 0, 0, 1, 0]);
                }
            }
            _ => unreachable!("both ends of a packet are of one family"),
        }
    }

    /// The sum over the pseudo-header of a payload of `length` bytes (RFC 9293, 3.1; RFC 8200, 8.1).
    #[must_use]
    pub fn pseudo_sum(&self, length: usize) -> u64 {
        let sum = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                add(add(0, &source.octets()), &destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                add(add(0, &source.octets()), &destination.octets())
            }
            _ => unreachable!("both ends of a packet are of one family"),
        };
        sum + u64::from(self.protocol) + length as u64
    }
}

/// Adds bytes, as big-endian 16-bit words, to a sum; only the last part may have an odd length.
#[must_use]
pub fn add(sum: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    let mut sum = words
        .by_ref()
        .fold(sum, |sum, word| sum + u64::from(u32::from_be_bytes(word.try_into().unwrap_or_default())));
    let mut rest = [0; 4];
    rest[..words.remainder().len()].copy_from_slice(words.remainder());
    sum += u64::from(u32::from_be_bytes(rest));
    sum
}

/// Folds a sum and takes its complement.
#[must_use]
pub const fn finish(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// A length that fits 16 bits, as every packet's here does.
fn short(length: usize) -> u16 {
    u16::try_from(length).expect("a packet of ours is below 64 KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071, 3.
    #[test]
    fn sum_is_that_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(finish(add(0, &bytes)), !0xddf2);
    }
}
