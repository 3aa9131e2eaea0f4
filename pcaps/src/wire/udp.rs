//! UDP (RFC 768).
//!
//! ```text
//! 0        2             4        6          8
//! | source | destination | length | checksum | payload
//! ```

use super::ip::{self, Header};

/// Length of the header.
pub const HEADER: usize = 8;

/// Appends a UDP header and its payload, which is already known to follow `header`.
pub fn write(header: &Header, ports: (u16, u16), payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = HEADER + payload.len();
    out.extend_from_slice(&ports.0.to_be_bytes());
    out.extend_from_slice(&ports.1.to_be_bytes());
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    let sum = ip::finish(ip::add(header.pseudo_sum(length), &out[start..]));
    // A sum of zero is sent as all ones, for zero says that there is none.
    let sum = if sum == 0 { 0xffff } else { sum };
    out[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
}
