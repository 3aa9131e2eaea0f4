//! RTCP in compound packets: a report, the sender's name, perhaps a good-bye (RFC 3550, 6).
//!
//! ```text
//! 0             1      2                  4
//! | V2 P count5 | type | length/4 less 1 | SSRC ...     200 SR, 201 RR, 202 SDES, 203 BYE
//! ```

use super::ntp;

/// What a source of a stream reports (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// The stream.
    pub ssrc: u32,
    /// Unix time of its clock.
    pub clock_ns: i64,
    /// The same moment on the stream's clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// What a receiver reports of one stream (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The stream.
    pub ssrc: u32,
    /// Part lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the start; 24 bits on the wire.
    pub lost: i32,
    /// Highest sequence number, with its cycles.
    pub highest: u32,
    /// Jitter in units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's clock; 0 for none.
    pub last_sr: u32,
    /// Time since then in 1/65536 s.
    pub delay_since: u32,
}

/// A sender's report and its name.
#[must_use]
pub fn sender_report(sender: &Sender, cname: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let start = open(0, 200, sender.ssrc, &mut out);
    out.extend_from_slice(&ntp::stamp(sender.clock_ns).to_be_bytes());
    for word in [sender.timestamp, sender.packets, sender.octets] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    close(start, &mut out);
    name(sender.ssrc, cname, &mut out);
    out
}

/// A receiver's report on at most 31 streams, and its name.
#[must_use]
pub fn receiver_report(ssrc: u32, blocks: &[Block], cname: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let start = open(blocks.len() as u8, 201, ssrc, &mut out);
    for block in blocks {
        out.extend_from_slice(&block.ssrc.to_be_bytes());
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        out.extend_from_slice(&[block.fraction_lost, lost[1], lost[2], lost[3]]);
        for word in [block.highest, block.jitter, block.last_sr, block.delay_since] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    close(start, &mut out);
    name(ssrc, cname, &mut out);
    out
}

/// A sender's last report, its name and its good-bye.
#[must_use]
pub fn sender_bye(sender: &Sender, cname: &str) -> Vec<u8> {
    let mut out = sender_report(sender, cname);
    goodbye(sender.ssrc, &mut out);
    out
}

/// A receiver's last report, which is empty, its name and its good-bye.
#[must_use]
pub fn receiver_bye(ssrc: u32, cname: &str) -> Vec<u8> {
    let mut out = receiver_report(ssrc, &[], cname);
    goodbye(ssrc, &mut out);
    out
}

/// The middle 32 bits of an NTP time stamp, as `last_sr` wants them.
#[must_use]
pub const fn middle(unix_ns: i64) -> u32 {
    (ntp::stamp(unix_ns) >> 16) as u32
}

fn name(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let start = open(1, 202, ssrc, out);
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname.as_bytes());
    // The list of items ends with one zero at least, and at a word's end.
    let length = out.len() - start + 1;
    out.resize(start + length.next_multiple_of(4), 0);
    close(start, out);
}

fn goodbye(ssrc: u32, out: &mut Vec<u8>) {
    let start = open(1, 203, ssrc, out);
    close(start, out);
}

fn open(count: u8, kind: u8, ssrc: u32, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count & 0x1f, kind, 0, 0]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    start
}

fn close(start: usize, out: &mut [u8]) {
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}
