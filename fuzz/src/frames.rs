//! A capture's frames as a fuzzer writes them, for what works on frames.
//!
//! ```text
//! frame   | link type | step | cut | length u16 | bytes |      big-endian
//! ```
//!
//! `link type` and `step` are places in the tables below; `cut` is how many bytes
//! the capture left out of the frame.

use spanwatch_parsers::{LinkType, Span, Time};

use crate::tape::{Tape, put_counted};

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its link type.
    pub link: LinkType,
    /// Its time.
    pub at: Time,
    /// Its length on the wire.
    pub wire_length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Reads all frames of an input, [`FRAMES_MAX`] at most.
#[must_use]
pub fn read_all(input: &[u8]) -> Vec<Frame<'_>> {
    let mut tape = Tape::new(input);
    let mut at = START;
    let mut frames = Vec::new();
    while !tape.is_empty() && frames.len() < FRAMES_MAX {
        let (link, step, cut) = (tape.byte(), tape.byte(), tape.byte());
        let bytes = tape.counted();
        at = at + STEPS[usize::from(step) % STEPS.len()];
        let link = LINKS[usize::from(link) % LINKS.len()];
        let wire_length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(cut.into());
        frames.push(Frame { link, at, wire_length, bytes });
    }
    frames
}

/// Adds a frame, a millisecond behind the one before, to an input; nothing where its link type is not in the table.
pub fn write(out: &mut Vec<u8>, link: LinkType, bytes: &[u8]) {
    let Some(link) = LINKS.iter().position(|known| *known == link) else { return };
    out.extend([u8::try_from(link).unwrap_or(0), MILLISECOND, 0]);
    put_counted(out, bytes);
}

/// Every link type that is read, and one that is not.
const LINKS: [LinkType; 9] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::RAW,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::LINUX_SLL2,
    LinkType(105),
];

/// How long a frame comes after the one before: at once, around every time-out, back, and a leap.
const STEPS: [Span; 12] = [
    Span(0),
    Span(1_000),
    Span::millis(1),
    Span::millis(40),
    Span::millis(400),
    Span::seconds(1),
    Span::seconds(5),
    Span::seconds(31),
    Span::seconds(121),
    Span::seconds(3_700),
    Span::seconds(-2),
    Span::seconds(200_000),
];
const MILLISECOND: u8 = 2;

/// Some day.
const START: Time = Time(1_700_000_000_000_000_000);

/// So many frames in one run.
pub const FRAMES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let mut input = Vec::new();
        write(&mut input, LinkType::LINUX_SLL, b"abc");
        write(&mut input, LinkType::ETHERNET, b"");
        let frames = read_all(&input);
        let shown: Vec<_> = frames.iter().map(|frame| (frame.link, frame.wire_length, frame.bytes)).collect();
        assert_eq!(shown, [(LinkType::LINUX_SLL, 3, &b"abc"[..]), (LinkType::ETHERNET, 0, b"")]);
        assert_eq!(frames[1].at - frames[0].at, Span::millis(1));
    }
}
