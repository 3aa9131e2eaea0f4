//! Small capture files of every kind.

use spanwatch_capture::{PcapngWriter, WrittenFrame};
use spanwatch_parsers::Time;

use crate::seeds::{Captured, spread};

/// Classic captures in both byte orders, of every magic, some with frames cut by a snaplen.
#[must_use]
pub fn pcap(frames: &[Captured]) -> Vec<Vec<u8>> {
    let frames = spread(frames.to_vec(), FRAMES);
    let mut files = Vec::new();
    for order in [Order::Little, Order::Big] {
        for magic in [MICROSECONDS, NANOSECONDS, MODIFIED] {
            for snaplen in [262_144, 68] {
                files.push(classic(&frames, order, magic, snaplen));
            }
        }
    }
    files
}

/// Files with every kind of block in both byte orders, and one as our own writer makes it.
#[must_use]
pub fn pcapng(frames: &[Captured]) -> Vec<Vec<u8>> {
    let frames = spread(frames.to_vec(), FRAMES);
    let mut files: Vec<_> = [Order::Little, Order::Big].map(|order| section(&frames, order)).into();
    files.push(files.concat());
    files.extend(ours(&frames));
    files
}

fn classic(frames: &[Captured], order: Order, magic: u32, snaplen: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let link = frames.first().map_or(1, |frame| frame.link.0);
    order.words(&mut file, &[magic]);
    order.halves(&mut file, &[2, 4]);
    order.words(&mut file, &[0, 0, snaplen, link]);
    for (second, frame) in (1_700_000_000..).zip(frames) {
        let length = length(&frame.bytes);
        let captured = length.min(snaplen);
        order.words(&mut file, &[second, 999_999, captured, length]);
        if magic == MODIFIED {
            order.words(&mut file, &[0, 0]);
        }
        file.extend(&frame.bytes[..captured as usize]);
    }
    file
}

fn section(frames: &[Captured], order: Order) -> Vec<u8> {
    let mut file = Vec::new();
    let mut body = Vec::new();
    order.words(&mut body, &[0x1a2b_3c4d]);
    order.halves(&mut body, &[1, 0]);
    body.extend([0xff; 8]);
    order.block(&mut file, SECTION, &body);
    for unit in [6, 9, 0x8a] {
        body.clear();
        order.halves(&mut body, &[1, 0]);
        order.words(&mut body, &[0]);
        order.option(&mut body, 9, &[unit]);
        order.option(&mut body, 14, &[0; 8]);
        order.option(&mut body, 0, &[]);
        order.block(&mut file, INTERFACE, &body);
    }
    for (number, frame) in (0_u32..).zip(frames) {
        body.clear();
        let length = length(&frame.bytes);
        let stamp = [0x0006_0000, number, length, length];
        let kind = match number % 5 {
            3 => {
                order.words(&mut body, &[length]);
                SIMPLE
            }
            4 => {
                order.halves(&mut body, &[1, 7]);
                order.words(&mut body, &stamp);
                OLD
            }
            interface => {
                order.words(&mut body, &[interface]);
                order.words(&mut body, &stamp);
                ENHANCED
            }
        };
        body.extend(&frame.bytes);
        if kind == ENHANCED {
            order.option(&mut body, 1, b"a comment");
            order.option(&mut body, 4, &[1; 8]);
            order.option(&mut body, 0, &[]);
        }
        order.block(&mut file, kind, &body);
    }
    body.clear();
    order.words(&mut body, &[1, 0x0006_0000, 99]);
    order.option(&mut body, 5, &[2; 8]);
    order.option(&mut body, 0, &[]);
    order.block(&mut file, COUNTS, &body);
    for other in OTHERS {
        order.block(&mut file, other, &[0; 12]);
    }
    file
}

fn ours(frames: &[Captured]) -> Option<Vec<u8>> {
    let mut writer = PcapngWriter::new(Vec::new(), "spanwatch").ok()?;
    let interface = writer.interface(frames.first()?.link, 0, "span0").ok()?;
    for (second, frame) in (1_700_000_000_i64..).zip(frames) {
        let (at, wire_length) = (Time(second * 1_000_000_000), length(&frame.bytes));
        let written = WrittenFrame { interface, at, wire_length, bytes: &frame.bytes, comment: Some("seen") };
        writer.frame(written).ok()?;
    }
    writer.finish().ok()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn words(self, out: &mut Vec<u8>, words: &[u32]) {
        for word in words {
            out.extend(match self {
                Self::Little => word.to_le_bytes(),
                Self::Big => word.to_be_bytes(),
            });
        }
    }

    fn halves(self, out: &mut Vec<u8>, halves: &[u16]) {
        for half in halves {
            out.extend(match self {
                Self::Little => half.to_le_bytes(),
                Self::Big => half.to_be_bytes(),
            });
        }
    }

    /// Pads what stands before it, too.
    fn option(self, out: &mut Vec<u8>, code: u16, value: &[u8]) {
        out.resize(out.len().next_multiple_of(4), 0);
        self.halves(out, &[code, u16::try_from(value.len()).unwrap_or(u16::MAX)]);
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    fn block(self, out: &mut Vec<u8>, kind: u32, body: &[u8]) {
        let padded = body.len().next_multiple_of(4);
        let total = u32::try_from(padded + 12).unwrap_or(u32::MAX);
        self.words(out, &[kind, total]);
        out.extend(body);
        out.resize(out.len() + padded - body.len(), 0);
        self.words(out, &[total]);
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD: u32 = 2;
const SIMPLE: u32 = 3;
const COUNTS: u32 = 5;
const ENHANCED: u32 = 6;
/// Names, journal, secrets, and one that nobody knows.
const OTHERS: [u32; 4] = [4, 9, 10, 0x0bad];

/// Frames in each file.
const FRAMES: usize = 10;
