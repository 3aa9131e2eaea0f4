//! The masker: what it overwrites keeps its length and is peeled as it was before, and a login shows no password however it is cut.
//!
//! The input is frames, as in [`crate::frames`]. Behind them comes a login in pieces, which its first bytes choose.

use spanwatch_engine::mask::Masker;
use spanwatch_engine::peel::{Layers, Peeler};
use spanwatch_parsers::{LinkType, Time};

use crate::frames;

/// Holds frames to the laws.
///
/// # Panics
/// Where a law is broken.
pub fn hold(input: &[u8]) {
    let frames = frames::read_all(input);
    let [mut one, mut other] = [Masker::new(1), Masker::new(2)];
    let [mut peeler, mut again] = [Peeler::new(), Peeler::new()];
    for frame in &frames {
        let peeled = peeler.peel(frame.link, frame.at, frame.bytes, frame.wire_length);
        let mut bytes = frame.bytes.to_vec();
        let masked = one.mask(frame.link, frame.at, &peeled, &mut bytes);
        assert_eq!(bytes.len(), frame.bytes.len(), "a masked frame is as long as it was");
        let differ = bytes.iter().zip(frame.bytes).filter(|(after, before)| after != before).count();
        assert_eq!(differ, masked.bytes, "as many bytes are told as were overwritten");

        let mut same = frame.bytes.to_vec();
        let twice = other.mask(frame.link, frame.at, &peeled, &mut same);
        assert_eq!((&same, twice), (&bytes, masked), "what is random in its tables shows in nothing");

        let after = again.peel(frame.link, frame.at, &bytes, frame.wire_length);
        if peeled.owned.is_none() && !peeled.layers.is_absorbed {
            let of = |layers: &Layers| (layers.ips, layers.source_mac, layers.destination_mac);
            assert_eq!(of(&after.layers), of(&peeled.layers), "who speaks to whom is seen as before");
        }
    }
    hold_login(&mut one, input);
}

/// Sends a login in pieces that lie anywhere, in any order, again and again.
fn hold_login(masker: &mut Masker, input: &[u8]) {
    let mut peeler = Peeler::new();
    let opens = input.first().is_some_and(|first| first & 1 == 1);
    let pieces = input.iter().take(PIECES_MAX).map(|byte| {
        let from = usize::from(*byte) * 7 % LOGIN.len();
        from..(from + PIECE_MIN + usize::from(byte >> 4)).min(LOGIN.len())
    });
    for piece in opens.then_some(0..0).into_iter().chain(pieces).chain([0..LOGIN.len()]) {
        let mut bytes = segment(piece);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let peeled = peeler.peel(LinkType::ETHERNET, Time(0), &bytes, length);
        masker.mask(LinkType::ETHERNET, Time(0), &peeled, &mut bytes);
        let shown = SECRET.windows(SHOWN).find(|part| bytes.windows(SHOWN).any(|it| it == *part));
        assert_eq!(shown, None, "a piece of a password is seen");
    }
}

/// A segment of the login; the empty one opens its connection.
fn segment(piece: std::ops::Range<usize>) -> Vec<u8> {
    let flags = if piece.is_empty() { 2 } else { 0x18 };
    let sequence = if piece.is_empty() { 0 } else { u32::try_from(piece.start).unwrap_or(0) + 1 };
    let payload = LOGIN.get(piece).unwrap_or_default();
    let length = u16::try_from(payload.len() + 40).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 7, 8, 0, 0x45, 0, length[0], length[1]];
    bytes.extend([0, 0, 0, 0, 64, 6, 0, 0, 198, 51, 100, 7, 198, 51, 100, 9, 0xc0, 1, 2, 0x2a]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

const LOGIN: &[u8] = b"DESCRIBE rtsp://198.51.100.9/a RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic x7Kq9ZpLw3Vt8RbN\r\n\r\n";
const SECRET: &[u8] = b"x7Kq9ZpLw3Vt8RbN";
/// Bytes of a password that are a piece of it, and no chance.
const SHOWN: usize = 4;
const PIECES_MAX: usize = 24;
const PIECE_MIN: usize = 8;
