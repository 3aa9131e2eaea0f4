//! The forms in which a mirror may show the same traffic.

use std::collections::BTreeSet;

use super::capture::Frame;
use super::wire::{self, End, Mac, SERVICE_TAG, TAG};

/// Nanoseconds between a frame and its copy, as of a switch that mirrors both ways.
pub const COPY_DELAY: i64 = 8_000;

/// VLANs of tagged forms.
pub const INNER_VLAN: u16 = 30;
pub const OUTER_VLAN: u16 = 100;

/// Adds to each frame the copy that `of` makes, some microseconds later.
pub fn with_copies(frames: &[Frame], of: impl Fn(&Frame) -> Option<Vec<u8>>) -> Vec<Frame> {
    let copy = |frame: &Frame| {
        of(frame).map(|bytes| Frame { at: frame.at + COPY_DELAY, interface: frame.interface, bytes })
    };
    let mut all: Vec<Frame> =
        frames.iter().flat_map(|frame| [Some(frame.clone()), copy(frame)]).flatten().collect();
    all.sort_by_key(|frame| frame.at);
    all
}

/// Changes the bytes of each frame.
pub fn each(frames: &[Frame], change: impl Fn(&Frame) -> Vec<u8>) -> Vec<Frame> {
    frames.iter().map(|frame| Frame { bytes: change(frame), ..*frame }).collect()
}

/// Tags every frame.
pub fn tagged(frames: &[Frame]) -> Vec<Frame> {
    each(frames, |frame| wire::tagged(&frame.bytes, TAG, INNER_VLAN))
}

/// Tags the frames of some senders, as a mirror that tags one direction only.
pub fn tagged_one_way(frames: &[Frame], senders: &BTreeSet<Mac>) -> Vec<Frame> {
    each(frames, |frame| {
        if senders.contains(&frame.source()) {
            wire::tagged(&frame.bytes, TAG, INNER_VLAN)
        } else {
            frame.bytes.clone()
        }
    })
}

/// Tags every frame twice, 802.1ad outside.
pub fn double_tagged(frames: &[Frame]) -> Vec<Frame> {
    each(frames, |frame| wire::tagged(&wire::tagged(&frame.bytes, TAG, INNER_VLAN), SERVICE_TAG, OUTER_VLAN))
}

/// A transport that carries mirrored frames to where they are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// GRE without a sequence number, then the frame.
    Erspan1,
    /// GRE with a sequence number and a header of 8 bytes.
    Erspan2,
    /// GRE with a sequence number and a header of 12 bytes.
    Erspan3,
    /// Transparent Ethernet bridging.
    Gre,
    /// UDP to port 4789.
    Vxlan,
}

/// Wraps every frame, from a switch to a sink that never answers; `mtu` cuts the outer packets.
pub fn tunnelled(frames: &[Frame], by: Tunnel, mtu: usize) -> Vec<Frame> {
    let mut out = Vec::with_capacity(frames.len());
    for (number, frame) in (0_u32..).zip(frames) {
        let (protocol, payload) = by.payload(number, frame);
        let step = (mtu - 20) / 8 * 8;
        let mut pieces = payload.chunks(step).enumerate().peekable();
        while let Some((index, piece)) = pieces.next() {
            let more = if pieces.peek().is_some() { 0x2000 } else { 0 };
            let place = u16::try_from(index * step / 8).expect("fits") | more;
            let bytes = wire::ipv4(SWITCH, SINK, protocol, [number as u16, place], piece);
            out.push(Frame { bytes, ..*frame });
        }
    }
    out
}

impl Tunnel {
    /// The IP protocol and what follows the outer IP header.
    fn payload(self, number: u32, frame: &Frame) -> (u8, Vec<u8>) {
        let inside = &frame.bytes[..];
        let number = number.to_be_bytes();
        match self {
            Self::Erspan1 => (GRE, [&[0, 0, 0x88, 0xbe], inside].concat()),
            Self::Erspan2 => {
                let header = [0x10, 0, 0, SESSION, 0, 0, 0, 7]; // version 1, no VLAN, port index 7
                (GRE, [&[0x10, 0, 0x88, 0xbe], &number[..], &header, inside].concat())
            }
            Self::Erspan3 => {
                let stamp = (frame.at / 100) as u32; // granularity 100 µs is not said here: any clock will do
                let header = [&[0x20, 0, 0, SESSION], &stamp.to_be_bytes()[..], &[0, 0, 0x80, 0]].concat();
                (GRE, [&[0x10, 0, 0x22, 0xeb], &number[..], &header, inside].concat())
            }
            Self::Gre => (GRE, [&[0, 0, 0x65, 0x58], inside].concat()),
            Self::Vxlan => {
                let length = u16::try_from(inside.len() + 16).expect("fits");
                let udp = [SWITCH.port, SINK.port, length, 0].map(u16::to_be_bytes).concat();
                (UDP, [&udp[..], &[8, 0, 0, 0, 0, 0, 42, 0], inside].concat())
            }
        }
    }
}

/// Swaps neighbours that are at most a millisecond apart, stamps and all.
pub fn out_of_order(frames: &[Frame]) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    let mut at = 0;
    while at + 1 < frames.len() {
        if frames[at + 1].at - frames[at].at <= 1_000_000 {
            frames.swap(at, at + 1);
            at += 1;
        }
        at += 1;
    }
    frames
}

/// Who mirrors and who is mirrored to: no devices of the site.
const SWITCH: End =
    End { mac: [0x02, 0, 0, 0, 0xee, 1], ip: std::net::Ipv4Addr::new(198, 51, 100, 1), port: 49_152 };
pub const SINK: End =
    End { mac: [0x02, 0, 0, 0, 0xee, 2], ip: std::net::Ipv4Addr::new(198, 51, 100, 99), port: 4_789 };

const GRE: u8 = 47;
const UDP: u8 = 17;
const SESSION: u8 = 9;
