//! Captures in every form, made by hand.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write;

/// Byte order of what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    pub fn u16(self, n: u16) -> [u8; 2] {
        if self == Self::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub fn u32(self, n: u32) -> [u8; 4] {
        if self == Self::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }

    pub fn u64(self, n: u64) -> [u8; 8] {
        if self == Self::Big { n.to_be_bytes() } else { n.to_le_bytes() }
    }
}

pub const BOTH: [Order; 2] = [Order::Big, Order::Little];
pub const MICRO: u32 = 0xa1b2_c3d4;
pub const NANO: u32 = 0xa1b2_3c4d;
pub const MODIFIED: u32 = 0xa1b2_cd34;

/// A pcap file's header.
pub fn pcap(order: Order, magic: u32, snaplen: u32, link: u32) -> Vec<u8> {
    let version = [order.u16(2), order.u16(4)].concat();
    [&order.u32(magic)[..], &version, &[0; 8], &order.u32(snaplen), &order.u32(link)].concat()
}

/// A pcap record.
pub fn record(order: Order, second: u32, fraction: u32, bytes: &[u8]) -> Vec<u8> {
    let length = order.u32(bytes.len() as u32);
    [&order.u32(second)[..], &order.u32(fraction), &length, &length, bytes].concat()
}

/// A pcapng block around `body`, which is padded.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

/// A pcapng option, padded.
pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [&order.u16(code)[..], &order.u16(value.len() as u16), value].concat();
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

pub fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &body)
}

pub fn interface(order: Order, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[&order.u16(link)[..], &[0, 0], &order.u32(snaplen), options].concat())
}

pub fn enhanced(order: Order, interface: u32, ticks: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
    let length = order.u32(bytes.len() as u32);
    let time = [order.u32((ticks >> 32) as u32), order.u32(ticks as u32)].concat();
    let mut body = [&order.u32(interface)[..], &time, &length, &length, bytes].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend_from_slice(options);
    block(order, 6, &body)
}

pub fn old(order: Order, interface: u16, drops: u16, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let length = order.u32(bytes.len() as u32);
    let time = [order.u32((ticks >> 32) as u32), order.u32(ticks as u32)].concat();
    block(order, 2, &[&order.u16(interface)[..], &order.u16(drops), &time, &length, &length, bytes].concat())
}

pub fn simple(order: Order, original: u32, bytes: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(original)[..], bytes].concat())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}

/// `length` bytes, different for each `seed`, that are neither zeros nor a pattern.
pub fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}
