//! ICMP for IPv4 (RFC 792).
//!
//! ```text
//! 0      1      2          4                8
//! | type | code | checksum | rest of header | data
//! ```

use super::ip;

/// Appends an echo request, or its reply, with `data`.
pub fn echo(is_reply: bool, id: u16, sequence: u16, data: &[u8], out: &mut Vec<u8>) {
    let mut rest = [0; 4];
    rest[..2].copy_from_slice(&id.to_be_bytes());
    rest[2..].copy_from_slice(&sequence.to_be_bytes());
    write(if is_reply { 0 } else { 8 }, 0, rest, data, out);
}

/// Appends "destination unreachable" with `code` (1 host, 3 port), quoting the packet that could not be delivered:
/// its header and 8 bytes more.
pub fn unreachable(code: u8, packet: &[u8], out: &mut Vec<u8>) {
    write(3, code, [0; 4], &packet[..packet.len().min(28)], out);
}

fn write(kind: u8, code: u8, rest: [u8; 4], data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[kind, code, 0, 0]);
    out.extend_from_slice(&rest);
    out.extend_from_slice(data);
    let sum = ip::finish(ip::add(0, &out[start..]));
    out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
}
