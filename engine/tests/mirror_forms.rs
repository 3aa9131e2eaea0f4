//! The public captures in every form in which a mirror may show them: the same observations.
//!
//! Each capture is rewritten frame by frame. What a form cannot carry is left out of
//! the comparison: VLANs, frame numbers, and what is said of copies and tunnels.

mod support;

use spanwatch_capture::{FrameHead, Item};
use spanwatch_engine::observation::{Cite, Observation, Place};
use spanwatch_engine::shard::Shard;
use spanwatch_parsers::{Fact, LinkType, Time};

use support::{Lower, captures, captures_on, each_frame};

/// One frame of a capture.
type Frame = (FrameHead, Vec<u8>);

/// What the lower half makes of frames, less what differs between forms by right.
fn observed(frames: &[Frame]) -> Vec<Observation> {
    let mut lower = Lower::new(|index| Shard::new(index, None, 7));
    for (number, (head, bytes)) in (1..).zip(frames) {
        let head = FrameHead { number, frame: number, link: LinkType::ETHERNET, ..*head };
        lower.frame(&head, bytes);
    }
    let mut seen = lower.finish().observations;
    seen.retain(|seen| {
        !matches!(
            seen.fact,
            Fact::Copies { .. } | Fact::Returning(_) | Fact::Tunnel { .. } | Fact::Lost { .. }
        )
    });
    for one in &mut seen {
        one.place = Place { shard: one.place.shard, ..Place::default() };
        one.cite = Cite::default();
        (one.subject.vlan, one.peer.vlan) = (None, None);
        match &mut one.fact {
            // The last tick comes with the last frame, copy or not.
            Fact::Activity(activity) => {
                (activity.flow, activity.bytes, activity.first_frame, one.at) = (0, 0, (0, 0), activity.last)
            }
            Fact::Stream(stream) => {
                (stream.stream, stream.first_frame, one.at) = ((0, 0), (0, 0), stream.last);
            }
            Fact::Segments(_) => one.at = Time::default(),
            // What nobody answered, and a handshake that was not finished, is told at the end.
            Fact::Exchange(exchange) if exchange.status.is_none() => one.at = Time::default(),
            Fact::Tls(_) => one.at = Time::default(),
            _ => {}
        }
    }
    // Within a shard the order stays; the shards' own order at one frame does not matter.
    seen.sort_by_key(|seen| (seen.at, seen.place.shard));
    seen
}

/// Captures whose frames a form can carry: plain Ethernet, without copies or tags of their own.
fn suitable() -> Vec<(String, Vec<Frame>)> {
    let Some(folder) = captures() else { return Vec::new() };
    let mut suitable = Vec::new();
    for path in captures_on(&folder, &[]) {
        let mut frames: Vec<Frame> = Vec::new();
        let mut is_suitable = true;
        let mut lower = Lower::new(|index| Shard::new(index, None, 7));
        each_frame(std::slice::from_ref(&path), |item| {
            let Item::Frame(head, bytes) = item else { return };
            is_suitable &= head.link == LinkType::ETHERNET && head.wire_length as usize == bytes.len();
            frames.push((*head, bytes.to_vec()));
            lower.frame(head, bytes);
        });
        let seen = lower.finish();
        let is_in_order = frames.windows(2).all(|pair| pair[0].0.at < pair[1].0.at);
        if is_suitable
            && is_in_order
            && seen.shards.copies.copies == 0
            && seen.counts.encapsulations().is_empty()
            && seen.counts.undecodable().is_empty()
            && seen.counts.fragments == 0
            && (10..20_000).contains(&frames.len())
        {
            suitable.push((path.display().to_string(), frames));
        }
    }
    assert!(suitable.len() > 300, "{}", suitable.len());
    suitable
}

fn ethernet(bytes: &[u8], between: &[u8]) -> Vec<u8> {
    let (macs, rest) = bytes.split_at(12);
    [macs, between, rest].concat()
}

/// The frame inside an IPv4 packet from 198.51.100.1 to 198.51.100.2.
fn inside(protocol: u8, header: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut outer = b"\x02\0\0\0\xff\x02\x02\0\0\0\xff\x01\x08\0\x45\0".to_vec();
    outer.extend(u16::try_from(20 + header.len() + bytes.len()).unwrap_or(0).to_be_bytes());
    outer.extend([0, 0, 0, 0, 64, protocol, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2]);
    [&outer, header, bytes].concat()
}

fn changed(frames: &[Frame], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Frame> {
    let change = |(head, bytes): &Frame| {
        let bytes = change(bytes);
        (FrameHead { wire_length: u32::try_from(bytes.len()).unwrap(), ..*head }, bytes)
    };
    frames.iter().map(change).collect()
}

/// Each frame and, `delay` nanoseconds later, its copy, where there is one.
fn copied(frames: &[Frame], delay: i64, change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Frame> {
    let mut all: Vec<Frame> = frames.to_vec();
    for (mut head, bytes) in changed(frames, change).into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        head.at.0 += delay;
        all.push((head, bytes));
    }
    all.sort_by_key(|(head, _)| head.at);
    all
}

/// The frame behind a router, which forwards IPv4 alone.
fn routed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let ([0x08, 0], Some(hop_limit @ 2..)) = (&bytes[12..14], bytes.get(22).copied()) {
        bytes[22] = hop_limit - 1;
        bytes[..12].copy_from_slice(b"\x02\0\0\0\xff\x09\x02\0\0\0\xff\x08");
        return ethernet(&bytes, b"\x81\0\0\x1f");
    }
    Vec::new()
}

type Form = (&'static str, fn(&[Frame]) -> Vec<Frame>);

const FORMS: &[Form] =
    &[
        ("tagged", |frames| changed(frames, |bytes| ethernet(bytes, b"\x81\0\0\x1e"))),
        ("one side tagged", |frames| {
            changed(frames, |bytes| {
                if bytes[11] & 1 == 0 { bytes.to_vec() } else { ethernet(bytes, b"\x81\0\0\x1e") }
            })
        }),
        ("qinq", |frames| changed(frames, |bytes| ethernet(bytes, b"\x88\xa8\0\x64\x81\0\0\x1e"))),
        ("erspan I", |frames| changed(frames, |bytes| inside(47, b"\0\0\x88\xbe", bytes))),
        ("erspan II", |frames| {
            changed(frames, |bytes| inside(47, b"\x10\0\x88\xbe\0\0\0\0\x10\x1e\x18\x05\0\0\0\0", bytes))
        }),
        ("gre", |frames| changed(frames, |bytes| inside(47, b"\x20\0\x65\x58\0\0\0\x07", bytes))),
        ("vxlan", |frames| {
            changed(frames, |bytes| inside(17, b"\xc0\0\x12\xb5\0\0\0\0\x08\0\0\0\0\0\x07\0", bytes))
        }),
        ("copied", |frames| copied(frames, 8_000, <[u8]>::to_vec)),
        ("copied into a vlan", |frames| copied(frames, 300_000, |bytes| ethernet(bytes, b"\x81\0\0\x1e"))),
        ("copied by a router", |frames| copied(frames, 40_000, routed)),
        ("copied and copied again", |frames| {
            copied(&copied(frames, 2_000, <[u8]>::to_vec), 5_000, <[u8]>::to_vec)
        }),
    ];

#[test]
fn every_form_gives_the_same_observations() {
    let mut wrong = Vec::new();
    for (path, frames) in suitable() {
        let plain = observed(&frames);
        for (form, rewrite) in FORMS {
            let found = observed(&rewrite(&frames));
            if found == plain {
                continue;
            }
            let differs = plain.iter().zip(&found).find(|(plain, found)| plain != found);
            let (before, after) = (plain.len(), found.len());
            let detail = differs.map(|(plain, found)| format!("\n  {plain:?}\n  {found:?}"));
            wrong.push(format!("{path} {form}: {before} {after}{}", detail.unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}
