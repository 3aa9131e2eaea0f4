//! The header of RTP (RFC 3550, 5.1).
//!
//! ```text
//! 0                1                2          4           8      12
//! | V2 P X count4 | M payload type | sequence | timestamp | SSRC | payload
//! ```

/// The header of one packet: no padding, no extension, no contributing source.
#[must_use]
pub fn header(payload_type: u8, is_marked: bool, sequence: u16, timestamp: u32, ssrc: u32) -> [u8; 12] {
    let mut header = [0; 12];
    header[0] = 0x80;
    header[1] = u8::from(is_marked) << 7 | payload_type & 0x7f;
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    header[8..].copy_from_slice(&ssrc.to_be_bytes());
    header
}
