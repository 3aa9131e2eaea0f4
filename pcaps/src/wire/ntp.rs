//! NTP version 4, between a client and a server (RFC 5905, 7.3).
//!
//! ```text
//! 0                   1         2      3           4            8                 12       16          24       32        40
//! | leap,version,mode | stratum | poll | precision | root delay | root dispersion | ref id | reference | origin | receive | transmit
//! ```

/// Length of a packet without extensions.
const LENGTH: usize = 48;

/// A client's request, sent at `now_ns` (Unix time).
#[must_use]
pub fn request(now_ns: i64) -> Vec<u8> {
    let mut packet = vec![0; LENGTH];
    packet[..4].copy_from_slice(&[0x23, 0, 6, 0xec]);
    packet[40..].copy_from_slice(&stamp(now_ns).to_be_bytes());
    packet
}

/// The answer to `request` by a server of stratum 2.
#[must_use]
pub fn reply(request: &[u8], received_ns: i64, sent_ns: i64) -> Vec<u8> {
    let mut packet = answer(request, received_ns, sent_ns);
    packet[..2].copy_from_slice(&[0x24, 2]);
    packet[4..12].copy_from_slice(&[0, 0, 0x03, 0x10, 0, 0, 0x02, 0x80]);
    packet[12..16].copy_from_slice(&UPSTREAM);
    packet[16..24].copy_from_slice(&stamp(received_ns - SINCE_SET_NS).to_be_bytes());
    packet
}

/// The answer to `request` by a server that has no time to give: leap 3, stratum 0, code INIT (RFC 5905, 7.4).
#[must_use]
pub fn unsynchronized(request: &[u8], received_ns: i64, sent_ns: i64) -> Vec<u8> {
    let mut packet = answer(request, received_ns, sent_ns);
    packet[..2].copy_from_slice(&[0xe4, 0]);
    packet[12..16].copy_from_slice(b"INIT");
    packet
}

/// An NTP time stamp: seconds since 1900 and their fraction, modulo 2^32 s (RFC 5905, 6).
#[must_use]
pub const fn stamp(unix_ns: i64) -> u64 {
    let seconds = unix_ns.div_euclid(1_000_000_000) + FROM_1900_TO_1970_S;
    let fraction = ((unix_ns.rem_euclid(1_000_000_000) as u64) << 32) / 1_000_000_000;
    ((seconds as u64) << 32) | fraction
}

fn answer(request: &[u8], received_ns: i64, sent_ns: i64) -> Vec<u8> {
    let mut packet = vec![0; LENGTH];
    packet[2] = request[2];
    packet[3] = 0xe9;
    packet[24..32].copy_from_slice(&request[40..48]);
    packet[32..40].copy_from_slice(&stamp(received_ns).to_be_bytes());
    packet[40..].copy_from_slice(&stamp(sent_ns).to_be_bytes());
    packet
}

/// RFC 868: "the time" 2 208 988 800 is 00:00 of 1 January 1970.
const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
/// Whom the server itself asks.
const UPSTREAM: [u8; 4] = [192, 0, 2, 123];
/// How long ago the server's own clock was last set.
const SINCE_SET_NS: i64 = 37_000_000_000;
