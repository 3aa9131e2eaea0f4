//! Frames as they are, and in every wrapping that a mirror may put around them.

use spanwatch_parsers::LinkType;

use crate::frames::write;
use crate::seeds::{Captured, spread};

/// Inputs of some frames each: stretches of the capture, each followed by a few of its frames in one wrapping.
#[must_use]
pub fn frames(captured: &[Captured]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (number, stretch) in spread(captured.chunks(STRETCH).collect(), STRETCHES).into_iter().enumerate() {
        let (mut plain, mut wrapped) = (Vec::new(), Vec::new());
        let wrap = WRAPPINGS[number % WRAPPINGS.len()];
        for (place, frame) in stretch.iter().enumerate() {
            let bytes = &frame.bytes[..frame.bytes.len().min(FRAME_KEPT)];
            write(&mut plain, frame.link, bytes);
            if place < WRAPPED && frame.link == LinkType::ETHERNET {
                let (link, packets) = wrap(bytes);
                packets.iter().for_each(|packet| write(&mut wrapped, link, packet));
            }
        }
        inputs.push(plain);
        inputs.push(wrapped);
    }
    inputs
}

type Wrapping = fn(&[u8]) -> (LinkType, Vec<Vec<u8>>);

const WRAPPINGS: [Wrapping; 15] = [
    |frame| ethernet(tagged(frame, b"\x81\0\0\x14")),
    |frame| ethernet(tagged(frame, b"\x88\xa8\0\x64\x81\0\x60\x14")),
    |frame| ethernet(ip(UDP, &vxlan(frame))),
    |frame| ethernet(ip(GRE, &[b"\0\0\x65\x58", frame].concat())),
    |frame| ethernet(ip(GRE, &[b"\0\0\x88\xbe", frame].concat())),
    |frame| ethernet(ip(GRE, &[ERSPAN_2, frame].concat())),
    |frame| ethernet(ip(GRE, &[ERSPAN_3, frame].concat())),
    |frame| ethernet(ip(UDP, &vxlan(&ip(GRE, &[ERSPAN_2, frame].concat())))),
    |frame| (LinkType::ETHERNET, in_two(&ip(UDP, &vxlan(frame)))),
    |frame| (LinkType::ETHERNET, in_two(&ip(GRE, &[ERSPAN_2, frame].concat()))),
    |frame| (LinkType::RAW, vec![behind(b"", frame)]),
    |frame| (LinkType::NULL, vec![behind(b"\x02\0\0\0", frame)]),
    |frame| (LinkType::LINUX_SLL, vec![behind(b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x08\0", frame)]),
    |frame| {
        (LinkType::LINUX_SLL2, vec![behind(b"\x08\0\0\0\0\0\0\x01\0\x01\0\x06\x02\0\0\0\0\x01\0\0", frame)])
    },
    |frame| ethernet(behind(b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\0\x2e\xaa\xaa\x03\0\0\0\x08\0", frame)),
];

fn ethernet(frame: Vec<u8>) -> (LinkType, Vec<Vec<u8>>) {
    (LinkType::ETHERNET, vec![frame])
}

/// The packet with another header in front of it.
fn behind(header: &[u8], frame: &[u8]) -> Vec<u8> {
    [header, frame.get(ETHERNET..).unwrap_or_default()].concat()
}

fn tagged(frame: &[u8], tags: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(frame.len().min(12));
    [addresses, tags, rest].concat()
}

/// A datagram with a VXLAN header and the frame.
fn vxlan(frame: &[u8]) -> Vec<u8> {
    let length = u16::try_from(frame.len() + 16).unwrap_or(u16::MAX);
    [b"\xc0\xde\x12\xb5", &length.to_be_bytes()[..], b"\0\0\x08\0\0\0\0\x13\x88\0", frame].concat()
}

/// An Ethernet frame with an IPv4 packet.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0".to_vec();
    let length = u16::try_from(payload.len() + 20).unwrap_or(u16::MAX);
    frame.extend(length.to_be_bytes());
    frame.extend(b"\x12\x34\0\0\x40");
    frame.push(protocol);
    frame.extend(b"\0\0\xc0\0\x02\x01\xc0\0\x02\x02");
    frame.extend(payload);
    frame
}

/// The same packet as two fragments.
fn in_two(frame: &[u8]) -> Vec<Vec<u8>> {
    let (header, payload) = frame.split_at(HEADERS);
    let (first, second) = payload.split_at(payload.len().min(FRAGMENT));
    let fragment = |flags: [u8; 2], part: &[u8]| {
        let mut fragment = [header, part].concat();
        let length = u16::try_from(part.len() + 20).unwrap_or(u16::MAX);
        fragment[16..18].copy_from_slice(&length.to_be_bytes());
        fragment[20..22].copy_from_slice(&flags);
        fragment
    };
    vec![fragment([0x20, 0], first), fragment([0, 6], second)]
}

const UDP: u8 = 17;
const GRE: u8 = 47;

const ERSPAN_2: &[u8] = b"\x10\0\x88\xbe\0\0\0\x07\x10\x14\0\x64\0\0\0\x01";
const ERSPAN_3: &[u8] = b"\x10\0\x22\xeb\0\0\0\x07\x20\x14\0\x64\0\0\0\x01\0\0\0\x02";

/// Bytes of an Ethernet header, and of an IPv4 header behind it.
const ETHERNET: usize = 14;
const HEADERS: usize = 34;
/// Six times eight bytes.
const FRAGMENT: usize = 48;

/// Stretches, frames in each, and how many of them are wrapped.
const STRETCHES: usize = 60;
const STRETCH: usize = 24;
const WRAPPED: usize = 4;

/// What is behind is picture.
const FRAME_KEPT: usize = 700;
