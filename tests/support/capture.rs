//! Captures: a reader for what our lab writes, and a writer for every form that tests need.
//!
//! ```text
//! pcap    magic 4, version 2 2, zone 4, figures 4, snaplen 4, link type 4, then records:
//!         seconds 4, fraction 4, captured 4, original 4, frame
//! pcapng  blocks: type 4, length 4, body, padding to 4, length 4
//! ```
//!
//! Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

use std::fs;
use std::path::Path;

/// A frame as captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Nanoseconds since 1970.
    pub at: i64,
    /// Interface it was captured on.
    pub interface: u32,
    /// From the destination MAC on.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// A frame on the first interface.
    pub const fn new(at: i64, bytes: Vec<u8>) -> Self {
        Self { at, interface: 0, bytes }
    }

    /// The MAC that sent it.
    pub fn source(&self) -> [u8; 6] {
        self.bytes[6..12].try_into().expect("a frame has a header")
    }
}

/// Reads a little-endian pcapng of dumpcap's: one section, enhanced packet blocks.
pub fn read(path: &Path) -> Vec<Frame> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(u32_at(8), 0x1a2b_3c4d, "{} is no little-endian pcapng", path.display());
    let (mut at, mut units, mut frames) = (0, Vec::new(), Vec::new());
    while at < bytes.len() {
        let length = u32_at(at + 4) as usize;
        match u32_at(at) {
            1 => units.push(unit(&bytes[at + 16..at + length - 4])),
            6 => {
                let interface = u32_at(at + 8);
                let ticks = i64::from(u32_at(at + 12)) << 32 | i64::from(u32_at(at + 16));
                let captured = u32_at(at + 20) as usize;
                let bytes = bytes[at + 28..at + 28 + captured].to_vec();
                frames.push(Frame { at: ticks * units[interface as usize], interface, bytes });
            }
            _ => {}
        }
        at += length;
    }
    frames
}

/// Nanoseconds of a tick, from an interface's options.
fn unit(mut options: &[u8]) -> i64 {
    while let [code, 0, length, 0, rest @ ..] = options {
        if (*code, *length) == (9, 1) {
            return 10_i64.pow(9 - u32::from(rest[0]));
        }
        options = &rest[usize::from(*length).next_multiple_of(4)..];
    }
    1_000
}

/// How a pcap file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcap {
    /// Byte order.
    pub is_big_endian: bool,
    /// Nanoseconds instead of microseconds.
    pub is_nano: bool,
}

impl Pcap {
    /// Little-endian, microseconds: what tcpdump writes.
    pub const PLAIN: Self = Self { is_big_endian: false, is_nano: false };

    /// The file.
    pub fn bytes(self, frames: &[Frame]) -> Vec<u8> {
        let mut out = self.header();
        for frame in frames {
            self.record(frame.at, &frame.bytes, &mut out);
        }
        out
    }

    /// The file header, Ethernet.
    pub fn header(self) -> Vec<u8> {
        let mut out = Vec::new();
        self.u32(if self.is_nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }, &mut out);
        self.u16(2, &mut out);
        self.u16(4, &mut out);
        for word in [0, 0, 262_144, 1] {
            self.u32(word, &mut out);
        }
        out
    }

    /// One record.
    pub fn record(self, at: i64, bytes: &[u8], out: &mut Vec<u8>) {
        let (second, ns) = (at.div_euclid(SECOND), at.rem_euclid(SECOND));
        let fraction = if self.is_nano { ns } else { ns / 1_000 };
        for word in [second, fraction, bytes.len() as i64, bytes.len() as i64] {
            self.u32(u32::try_from(word).expect("fits"), out);
        }
        out.extend_from_slice(bytes);
    }

    fn u32(self, word: u32, out: &mut Vec<u8>) {
        out.extend(if self.is_big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }

    fn u16(self, word: u16, out: &mut Vec<u8>) {
        out.extend(if self.is_big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }
}

/// A pcapng of one section whose interfaces stamp in 10 to the minus `resolutions` seconds.
pub fn pcapng(frames: &[Frame], resolutions: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let section = [&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..], &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section, &mut out);
    for resolution in resolutions {
        let interface = [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, *resolution, 0, 0, 0, 0, 0, 0, 0];
        block(1, &interface, &mut out);
    }
    for frame in frames {
        let ticks = frame.at / 10_i64.pow(9 - u32::from(resolutions[frame.interface as usize]));
        let length = u32::try_from(frame.bytes.len()).expect("fits");
        let mut body = Vec::with_capacity(20 + frame.bytes.len());
        for word in [frame.interface, (ticks >> 32) as u32, ticks as u32, length, length] {
            body.extend(word.to_le_bytes());
        }
        body.extend_from_slice(&frame.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        block(6, &body, &mut out);
    }
    out
}

fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len() + 12).expect("fits").to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(length);
    out.extend_from_slice(body);
    out.extend(length);
}

/// `bytes` as a zstd frame of raw blocks (RFC 8878, 3.1.1).
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]; // no content size, a window of 128 KiB
    let mut blocks = bytes.chunks(RAW_BLOCK).peekable();
    while let Some(raw) = blocks.next() {
        let header = u32::try_from(raw.len()).expect("fits") << 3 | u32::from(blocks.peek().is_none());
        out.extend(&header.to_le_bytes()[..3]);
        out.extend_from_slice(raw);
    }
    out
}

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;

const RAW_BLOCK: usize = 128 << 10;
