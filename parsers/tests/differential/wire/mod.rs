//! A small walk from capture files to datagrams and streams, for tests that compare with tshark.
//!
//! It knows pcap and pcapng in either byte order, Ethernet with VLAN tags, Linux cooked, BSD loopback,
//! raw IP, IPv4 without fragments, IPv6, UDP and TCP; all else is passed over. It is
//! deliberately not the engine's.
#![allow(dead_code, reason = "a packet tells more than is compared")]

pub mod connections;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One UDP datagram or TCP segment.
#[derive(Debug, Clone)]
pub struct Packet {
    /// As tshark counts, from 1.
    pub frame: u64,
    /// Address and port of the sender.
    pub from: (IpAddr, u16),
    /// Address and port of the receiver.
    pub to: (IpAddr, u16),
    /// Sequence number and flags of TCP; `None` of UDP.
    pub tcp: Option<(u32, u8)>,
    pub payload: Vec<u8>,
    /// Whether the capture holds less than was sent.
    pub is_cut: bool,
}

/// Every datagram and segment of a capture that can be read.
pub fn packets(path: &Path) -> Vec<Packet> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut frames = Vec::new();
    match bytes.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(&bytes, &mut frames),
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => _ = pcap(&bytes, false, &mut frames),
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => _ = pcap(&bytes, true, &mut frames),
        _ => {}
    }
    let numbered = frames.into_iter().zip(1..);
    numbered
        .filter_map(|((link, data), frame)| link_layer(link, data).and_then(|ip| network(frame, ip)))
        .collect()
}

/// The folder of captures beside the project; `None` where it is missing and tests may be skipped.
pub fn shared_captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    let tshark = Command::new("tshark").arg("--version").output();
    let lacks = match (folder.is_dir(), tshark.is_ok_and(|output| output.status.success())) {
        (true, true) => return Some(folder),
        (false, _) => "the folder ../shared/pcaps",
        (true, false) => "tshark",
    };
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{lacks} is missing");
    println!("SKIPPED: {lacks} is missing");
    None
}

/// A capture that the project ships.
pub fn own_capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps").join(name)
}

/// What tshark prints.
pub fn tshark(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark").arg("-n").arg("-r").arg(path).args(arguments).output();
    let output = output.expect("tshark runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The rows of tshark's fields, each a list of values.
pub fn tshark_fields(path: &Path, filter: &str, options: &[&str], fields: &[&str]) -> Vec<Vec<Vec<String>>> {
    let mut arguments = vec!["-Y", filter, "-T", "fields", "-E", "aggregator=;"];
    arguments.extend(options);
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    let list = |cell: &str| cell.split(';').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    tshark(path, &arguments).lines().map(|line| line.split('\t').map(list).collect()).collect()
}

/// A number as tshark prints it, decimal or hexadecimal.
pub fn number(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).expect("hexadecimal"),
        None => text.parse().expect("decimal"),
    }
}

/// A segment as so many of one byte each.
pub fn byte_by_byte(packet: &Packet) -> Vec<Packet> {
    let Some((sequence, flags)) = packet.tcp.filter(|_| !packet.payload.is_empty()) else {
        return vec![packet.clone()];
    };
    let piece = |(n, &byte): (usize, &u8)| Packet {
        tcp: Some((sequence.wrapping_add(n as u32), flags)),
        payload: vec![byte],
        ..packet.clone()
    };
    packet.payload.iter().enumerate().map(piece).collect()
}

/// Puts one direction of a TCP connection in order; the first byte wins.
#[derive(Default)]
pub struct Ordered {
    next: Option<u32>,
    early: BTreeMap<u32, (u64, Vec<u8>)>,
}

/// What [`Ordered`] gives on.
pub enum Piece {
    Bytes { frame: u64, bytes: Vec<u8> },
    Gap { missing: u64 },
}

impl Ordered {
    pub fn add(&mut self, packet: &Packet, out: &mut Vec<Piece>) {
        let (sequence, flags) = packet.tcp.expect("a segment");
        let start = sequence.wrapping_add(u32::from(flags & SYN != 0));
        if flags & SYN != 0 {
            self.next = Some(start);
        }
        if packet.payload.is_empty() {
            return;
        }
        self.next.get_or_insert(start);
        self.early.entry(start).or_insert((packet.frame, packet.payload.clone()));
        self.drain(out);
        if self.early.len() > EARLY_MAX {
            self.jump(out);
        }
    }

    pub fn finish(&mut self, out: &mut Vec<Piece>) {
        while !self.early.is_empty() {
            self.jump(out);
        }
    }

    fn drain(&mut self, out: &mut Vec<Piece>) {
        while let Some(next) = self.next {
            let due = self.early.keys().copied().find(|&start| start.wrapping_sub(next) as i32 <= 0);
            let Some(start) = due else { return };
            let (frame, bytes) = self.early.remove(&start).unwrap_or_default();
            let known = next.wrapping_sub(start) as usize;
            if let Some(bytes) = bytes.get(known..).filter(|bytes| !bytes.is_empty()) {
                self.next = Some(next.wrapping_add(bytes.len() as u32));
                out.push(Piece::Bytes { frame, bytes: bytes.to_vec() });
            }
        }
    }

    fn jump(&mut self, out: &mut Vec<Piece>) {
        let Some(next) = self.next else { return };
        let nearest = self.early.keys().copied().min_by_key(|start| start.wrapping_sub(next));
        if let Some(start) = nearest {
            out.push(Piece::Gap { missing: start.wrapping_sub(next).into() });
            self.next = Some(start);
            self.drain(out);
        }
    }
}

const SYN: u8 = 2;
const EARLY_MAX: usize = 32;

type Frames<'a> = Vec<(u32, &'a [u8])>;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize, is_big: bool) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if is_big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

/// Ends with `None` where the file does.
fn pcap<'a>(bytes: &'a [u8], is_big: bool, out: &mut Frames<'a>) -> Option<()> {
    let link = u32_at(bytes, 20, is_big)? & 0xffff;
    let mut rest = bytes.get(24..)?;
    loop {
        let length = u32_at(rest, 8, is_big)? as usize;
        out.push((link, rest.get(16..16 + length)?));
        rest = rest.get(16 + length..)?;
    }
}

fn pcapng<'a>(bytes: &'a [u8], out: &mut Frames<'a>) {
    let mut rest = bytes;
    let mut is_big = false;
    let mut links = Vec::new();
    while let Some(block) = pcapng_block(rest, &mut is_big, &mut links, out) {
        rest = rest.get(block..).unwrap_or_default();
    }
}

fn pcapng_block<'a>(
    rest: &'a [u8],
    is_big: &mut bool,
    links: &mut Vec<u32>,
    out: &mut Frames<'a>,
) -> Option<usize> {
    if u32_at(rest, 0, true)? == 0x0a0d_0d0a {
        *is_big = u32_at(rest, 8, true)? == 0x1a2b_3c4d;
        links.clear();
    }
    let is_big = *is_big;
    let kind = u32_at(rest, 0, is_big)?;
    let total = u32_at(rest, 4, is_big)? as usize;
    let block = rest.get(..total).filter(|_| total >= 12)?;
    match kind {
        1 => {
            let link: [u8; 2] = block.get(8..10)?.try_into().ok()?;
            links.push(if is_big { u16::from_be_bytes(link) } else { u16::from_le_bytes(link) }.into());
        }
        6 => {
            let link = *links.get(u32_at(block, 8, is_big)? as usize)?;
            let length = u32_at(block, 20, is_big)? as usize;
            out.push((link, block.get(28..28 + length)?));
        }
        3 => {
            let length = (u32_at(block, 8, is_big)? as usize).min(total - 16);
            out.push((*links.first()?, block.get(12..12 + length)?));
        }
        _ => {}
    }
    Some(total)
}

/// The IP packet in a frame.
fn link_layer(link: u32, frame: &[u8]) -> Option<&[u8]> {
    match link {
        0 | 108 => frame.get(4..),
        1 => {
            let mut at = 12;
            while matches!(u16_at(frame, at)?, 0x8100 | 0x88a8 | 0x9100) {
                at += 4;
            }
            match u16_at(frame, at)? {
                0x0800 | 0x86dd => frame.get(at + 2..),
                0x8864 => frame.get(at + 10..),
                _ => None,
            }
        }
        12 | 14 | 101 | 228 | 229 => Some(frame),
        113 => frame.get(16..),
        276 => frame.get(20..),
        _ => None,
    }
}

fn network(frame: u64, ip: &[u8]) -> Option<Packet> {
    match ip.first()? >> 4 {
        4 => {
            let header = usize::from(ip.first()? & 0x0f) * 4;
            let total = usize::from(u16_at(ip, 2)?);
            if u16_at(ip, 6)? & 0x3fff != 0 {
                return None;
            }
            let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
            let (from, to) = (address(12)?.into(), address(16)?.into());
            // Segmentation offload leaves 0.
            let end = if total == 0 { ip.len() } else { total.min(ip.len()) };
            transport(frame, *ip.get(9)?, (from, to), ip.get(header..end)?, total > ip.len())
        }
        6 => {
            let total = usize::from(u16_at(ip, 4)?) + 40;
            let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
            let (from, to) = (address(8)?.into(), address(24)?.into());
            let mut protocol = *ip.get(6)?;
            let mut at = 40;
            while matches!(protocol, 0 | 43 | 60) {
                protocol = *ip.get(at)?;
                at += (usize::from(*ip.get(at + 1)?) + 1) * 8;
            }
            transport(frame, protocol, (from, to), ip.get(at..total.min(ip.len()))?, total > ip.len())
        }
        _ => None,
    }
}

fn transport(frame: u64, protocol: u8, ends: (IpAddr, IpAddr), bytes: &[u8], is_cut: bool) -> Option<Packet> {
    let (from, to) = ((ends.0, u16_at(bytes, 0)?), (ends.1, u16_at(bytes, 2)?));
    let (tcp, payload) = match protocol {
        6 => {
            let header = usize::from(bytes.get(12)? >> 4) * 4;
            (Some((u32_at(bytes, 4, true)?, *bytes.get(13)?)), bytes.get(header..)?)
        }
        17 => {
            let length = usize::from(u16_at(bytes, 4)?);
            (None, bytes.get(8..length.min(bytes.len())).or(bytes.get(8..))?)
        }
        _ => return None,
    };
    Some(Packet { frame, from, to, tcp, payload: payload.to_vec(), is_cut })
}
