//! Checksums of what was overwritten (RFC 1071; RFC 768; RFC 9293, 3.1; RFC 4443, 2.3; RFC 2784, 2.1).
//!
//! They are computed anew and not adjusted: an adjusted sum that was wrong before, as hosts leave it to their
//! network card, would tell the sum of what was overwritten. Where bytes are missing it cannot be computed, and is
//! set to zero.

use std::net::IpAddr;

/// A header with a checksum, and what it covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Summed {
    pub protocol: u8,
    /// Source and destination of the packet.
    pub ips: (IpAddr, IpAddr),
    /// Whether all bytes that it covers are there.
    pub is_whole: bool,
}

/// Mends the checksum of `transport`; whether there is one that holds.
pub(super) fn mend(summed: Summed, transport: &mut [u8]) -> bool {
    let (at, is_with_addresses) = match summed.protocol {
        TCP => (16, true),
        UDP => (6, true),
        ICMP => (2, false),
        ICMPV6 => (2, true),
        GRE => (4, false),
        _ => return true,
    };
    let is_used = match summed.protocol {
        // Zero says that there is none.
        UDP => transport.get(6..8) != Some(&[0, 0]),
        GRE => transport.first().is_some_and(|first| first & 0x80 != 0),
        _ => true,
    };
    if !is_used {
        return true;
    }
    let length = match (summed.protocol, transport.get(4..6)) {
        (UDP, Some([high, low])) => match usize::from(u16::from_be_bytes([*high, *low])) {
            0 => transport.len(),
            length => length,
        },
        _ => transport.len(),
    };
    let Some(covered) = transport.get_mut(..length).filter(|_| summed.is_whole) else {
        clear(transport, at);
        return false;
    };
    clear(covered, at);
    let mut sum = sum_of(covered);
    if is_with_addresses {
        let words = |ip| match ip {
            IpAddr::V4(ip) => sum_of(&ip.octets()),
            IpAddr::V6(ip) => sum_of(&ip.octets()),
        };
        sum = sum.wrapping_add(words(summed.ips.0)).wrapping_add(words(summed.ips.1));
        sum = sum.wrapping_add(u64::from(summed.protocol)).wrapping_add(length as u64);
    }
    let check = match !u16::try_from(folded(sum)).unwrap_or_default() {
        0 if matches!(summed.protocol, UDP | ICMPV6) => u16::MAX,
        check => check,
    };
    if let Some(field) = covered.get_mut(at..at.saturating_add(2)) {
        field.copy_from_slice(&check.to_be_bytes());
    }
    true
}

fn clear(transport: &mut [u8], at: usize) {
    if let Some(field) = transport.get_mut(at..at.saturating_add(2)) {
        field.fill(0);
    }
}

/// The sum of all 16-bit words. It is made of words in the machine's own order, two at a time: that is the same sum with its two
/// bytes in that order (RFC 1071, 2).
fn sum_of(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    let all = words.iter().chain([&last]);
    let sum = all.fold(0_u64, |sum, word| sum.wrapping_add(u32::from_ne_bytes(*word).into()));
    u16::from_be(u16::try_from(folded(sum)).unwrap_or_default()).into()
}

/// The same sum in 16 bits: what is carried out is added again.
const fn folded(mut sum: u64) -> u64 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    sum
}

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const GRE: u8 = 47;
pub(super) const ICMPV6: u8 = 58;
