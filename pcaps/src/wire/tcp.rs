//! TCP segments (RFC 9293, 3.1) with the options that today's stacks send (RFC 7323, RFC 2018).
//!
//! ```text
//! 0        2             4          8     12       13      14       16         18       20
//! | source | destination | sequence | ack | offset | flags | window | checksum | urgent | options, payload
//! ```

use super::ip::{self, Header};

/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// PSH.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;

/// A segment, less its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// Source and destination.
    pub ports: (u16, u16),
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Acknowledgement number; sent where ACK is set.
    pub acknowledgement: u32,
    /// Flags.
    pub flags: u8,
    /// Window as it stands in the header, not scaled.
    pub window: u16,
    /// Maximum segment size, window scale and SACK permitted: what a SYN offers.
    pub offer: Option<(u16, u8)>,
    /// Time stamp and its echo (RFC 7323, 3).
    pub stamps: Option<(u32, u32)>,
    /// One selectively acknowledged block (RFC 2018, 3).
    pub sack: Option<(u32, u32)>,
}

impl Segment {
    /// Length of the header with its options.
    #[must_use]
    pub const fn header_length(&self) -> usize {
        20 + if self.offer.is_some() { 8 } else { 0 }
            + if self.stamps.is_some() { 12 } else { 0 }
            + if self.sack.is_some() { 12 } else { 0 }
    }

    /// Appends header and payload.
    pub fn write(&self, header: &Header, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let length = self.header_length();
        out.extend_from_slice(&self.ports.0.to_be_bytes());
        out.extend_from_slice(&self.ports.1.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        let acknowledgement = if self.flags & ACK == 0 { 0 } else { self.acknowledgement };
        out.extend_from_slice(&acknowledgement.to_be_bytes());
        out.extend_from_slice(&[(length as u8 / 4) << 4, self.flags]);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0, 0]);
        if let Some((mss, scale)) = self.offer {
            out.extend_from_slice(&[2, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
            out.extend_from_slice(&[1, 3, 3, scale]);
        }
        if let Some((own, echo)) = self.stamps {
            let lead: [u8; 2] = if self.offer.is_some() { [4, 2] } else { [1, 1] };
            out.extend_from_slice(&lead);
            out.extend_from_slice(&[8, 10]);
            out.extend_from_slice(&own.to_be_bytes());
            out.extend_from_slice(&echo.to_be_bytes());
        }
        if let Some((left, right)) = self.sack {
            out.extend_from_slice(&[1, 1, 5, 10]);
            out.extend_from_slice(&left.to_be_bytes());
            out.extend_from_slice(&right.to_be_bytes());
        }
        out.extend_from_slice(payload);
        let sum = ip::finish(ip::add(header.pseudo_sum(length + payload.len()), &out[start..]));
        out[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
    }
}
