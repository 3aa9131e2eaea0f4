//! A small walk from capture files to datagrams and streams, for tests that compare with tshark.
//!
//! It knows pcap and pcapng in either byte order, Ethernet with VLAN tags, Linux cooked, BSD loopback,
//! raw IP, IPv4 without fragments, IPv6, UDP and TCP; all else is passed over. It is
//! deliberately not the engine's.

pub mod connections;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

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
}

/// Every datagram and segment of a capture that can be read.
pub fn packets(path: &Path) -> Vec<Packet> {
    let bytes = fs::read(path).unwrap_or_default();
    let numbered = frames(&bytes).into_iter().zip(1..);
    numbered
        .filter_map(|((link, data), frame)| link_layer(link, data).and_then(|ip| network(frame, ip)))
        .collect()
}

/// The folder of captures beside the project; `None` where it is missing and tests may be skipped.
pub fn shared_captures() -> Option<PathBuf> {
    static LACKS: LazyLock<Option<&str>> = LazyLock::new(|| {
        let tshark = Command::new("tshark").arg("--version").output();
        match (folder().is_dir(), tshark.is_ok_and(|output| output.status.success())) {
            (true, true) => None,
            (false, _) => Some("the folder ../shared/pcaps"),
            (true, false) => Some("tshark"),
        }
    });
    let Some(lacks) = *LACKS else { return Some(folder()) };
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{lacks} is missing");
    println!("SKIPPED: {lacks} is missing");
    None
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps")
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

/// Rows of tshark's fields, each a list of values.
pub type Rows = Vec<Vec<Vec<String>>>;

/// The rows of one capture.
pub fn tshark_fields(path: &Path, filter: &str, options: &[&str], fields: &[&str]) -> Rows {
    let mut arguments = vec!["-Y", filter, "-T", "fields", "-E", "aggregator=\u{1}"];
    arguments.extend(options);
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    let list =
        |cell: &str| cell.split('\u{1}').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    tshark(path, &arguments).lines().map(|line| line.split('\t').map(list).collect()).collect()
}

/// The rows of each of these captures, in their order.
///
/// To start tshark costs far more than to read a small capture, so that those of about one size are read in one run: each
/// is filled up to the same number of frames, after which tshark begins anew, knows nothing and counts from 1.
pub fn tshark_fields_of(paths: &[PathBuf], filter: &str, options: &[&str], fields: &[&str]) -> Vec<Rows> {
    let mut by_size: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, path) in paths.iter().enumerate() {
        let count = frames(&fs::read(path).unwrap()).len();
        let above = (1..).map(|power| 4_usize.pow(power)).find(|size| *size > count).expect("a size above");
        let size = if path.ends_with(WITH_SECRETS) { 0 } else { above };
        by_size.entry(size).or_default().push((at, count));
    }
    let mut rows = vec![Rows::new(); paths.len()];
    for (size, captures) in by_size {
        if let [(at, _)] = captures[..] {
            rows[at] = tshark_fields(&paths[at], filter, options, fields);
            continue;
        }
        let of_size: Vec<_> = captures.iter().map(|(at, count)| (&*paths[*at], size - count)).collect();
        let found = tshark_fields_filled(&of_size, size, (filter, options, fields));
        captures.iter().zip(found).for_each(|((at, _), found)| rows[*at] = found);
    }
    rows
}

/// The rows of captures that miss so many frames to this size, by one run.
fn tshark_fields_filled(
    captures: &[(&Path, usize)],
    size: usize,
    (filter, options, fields): (&str, &[&str], &[&str]),
) -> Vec<Rows> {
    let scratch = format!("{}-{:?}", std::process::id(), std::thread::current().id());
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(scratch);
    fs::create_dir_all(&scratch).unwrap();
    let merged = scratch.join("merged.pcapng");
    let mut mergecap = Command::new("mergecap");
    mergecap.arg("-a").arg("-w").arg(&merged);
    for (path, missing) in captures {
        let rest = scratch.join(format!("{missing}.pcap"));
        fs::write(&rest, filling(*missing)).unwrap();
        mergecap.arg(path).arg(rest);
    }
    assert!(mergecap.status().expect("mergecap runs").success(), "{captures:?}");

    let filter = format!("({filter}) || (eth.type == {END:#06x} && frame.number == {size})");
    let session = size.to_string();
    let options = [&["-M", &session], options].concat();
    let fields = [&["eth.type"], fields].concat();
    let (mut all, mut rows) = (Vec::new(), Rows::new());
    for mut row in tshark_fields(&merged, &filter, &options, &fields) {
        let wanted = row.split_off(1);
        if row[0].first().is_some_and(|kind| number(kind) == i64::from(END)) {
            all.push(std::mem::take(&mut rows));
        } else {
            rows.push(wanted);
        }
    }
    assert_eq!((all.len(), rows.len()), (captures.len(), 0), "{captures:?}");
    fs::remove_dir_all(scratch).unwrap();
    all
}

/// A capture of so many frames, which say nothing; the last shows that it is.
fn filling(count: usize) -> Vec<u8> {
    let mut capture = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for left in (0..count).rev() {
        let kind = if left == 0 { END } else { FILL };
        capture.extend(b"\0\0\0\0\0\0\0\0\x0e\0\0\0\x0e\0\0\0\x02\0\0\0\0\x01\x02\0\0\0\0\x02");
        capture.extend(kind.to_be_bytes());
    }
    capture
}

/// Types of Ethernet for experiments (IEEE 802).
const FILL: u16 = 0x88b5;
const END: u16 = 0x88b6;

/// mergecap cannot write what a capture brings of secrets.
const WITH_SECRETS: &str = "chrome-cloudflare-quic-with-secrets.pcapng";

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
    early: BTreeMap<u32, Vec<u8>>,
}

/// What [`Ordered`] gives on.
pub enum Piece {
    Bytes(Vec<u8>),
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
        self.early.entry(start).or_insert_with(|| packet.payload.clone());
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
            let bytes = self.early.remove(&start).unwrap_or_default();
            let known = next.wrapping_sub(start) as usize;
            if let Some(bytes) = bytes.get(known..).filter(|bytes| !bytes.is_empty()) {
                self.next = Some(next.wrapping_add(bytes.len() as u32));
                out.push(Piece::Bytes(bytes.to_vec()));
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

/// The frames of a capture, each with its link type.
fn frames(bytes: &[u8]) -> Frames<'_> {
    let mut frames = Frames::new();
    match bytes.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(bytes, &mut frames),
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => _ = pcap(bytes, false, &mut frames),
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => _ = pcap(bytes, true, &mut frames),
        _ => {}
    }
    frames
}

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
            transport(frame, *ip.get(9)?, (from, to), ip.get(header..end)?)
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
            transport(frame, protocol, (from, to), ip.get(at..total.min(ip.len()))?)
        }
        _ => None,
    }
}

fn transport(frame: u64, protocol: u8, ends: (IpAddr, IpAddr), bytes: &[u8]) -> Option<Packet> {
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
    Some(Packet { frame, from, to, tcp, payload: payload.to_vec() })
}
