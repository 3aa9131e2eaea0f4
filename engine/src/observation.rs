//! The narrow waist: an [`Observation`] is one [`Fact`] with who, when and where.

use std::net::IpAddr;
use std::num::NonZeroU64;

use spanwatch_parsers::{Fact, Mac, Time};

/// The total order of observations, the same at any thread count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The frame's number over all inputs, merged by packet time, from 1.
    pub frame: u64,
    /// The shard that saw it.
    pub shard: u8,
    /// Counts what one frame gave, from 0.
    pub index: u32,
}

/// Where to find a frame again: contract.md's `input` and `frame`. In one word that is never zero, so that none takes no
/// more than one: a large site's ledger holds millions.
///
/// Ordered by input, then frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cite(NonZeroU64);

impl Default for Cite {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Cite {
    /// The frame with this number, from 1, counted before any filter, in the report's `capture.inputs` of this index.
    ///
    /// Of more than 2^20 inputs, or 2^44 - 1 frames in one, the last that can be told stands for the rest.
    #[must_use]
    pub const fn new(input: u32, frame: u64) -> Self {
        let input = if input < INPUTS { input } else { INPUTS - 1 };
        let frame = if frame < FRAMES { frame } else { FRAMES - 1 };
        Self(NonZeroU64::MIN.saturating_add((input as u64) << FRAME_BITS | frame))
    }

    /// Index into the report's `capture.inputs`.
    #[must_use]
    pub const fn input(self) -> u32 {
        (self.word() >> FRAME_BITS) as u32
    }

    /// The packet's number in that input.
    #[must_use]
    pub const fn frame(self) -> u64 {
        self.word() & FRAMES
    }

    const fn word(self) -> u64 {
        self.0.get() - 1
    }
}

/// Somebody, as one frame showed him; whether the MAC is his own is for the ledger to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Party {
    /// The MAC on his side of the frame; `None` without one, or where it is a group.
    pub mac: Option<Mac>,
    /// His IP address; `None` without one.
    pub ip: Option<IpAddr>,
    /// The innermost VLAN tag of the frame.
    pub vlan: Option<u16>,
    /// TTL or hop limit of the packet if he sent it; 0 where unknown.
    pub hop_limit: u8,
    /// His port; 0 without one.
    pub port: u16,
}

/// One fact, stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its place in the order of everything.
    pub place: Place,
    /// The frame's own time stamp; of a sum, the tick's.
    pub at: Time,
    /// The frame; of a sum, the last frame that went into it.
    pub cite: Cite,
    /// Whom the fact is about.
    pub subject: Party,
    /// The other side of the packet.
    pub peer: Party,
    /// IP protocol number of the packet; `None` without IP.
    pub transport: Option<u8>,
    /// The parser's name, or the engine's part: `flow`, `rtp`, `icmp`.
    pub source: &'static str,
    /// What was said.
    pub fact: Fact,
}

/// Inputs told apart: a file a minute for two years.
const INPUTS: u32 = 1 << 20;
/// Bits of a frame's number: a million frames a second for half a year.
const FRAME_BITS: u32 = 44;
/// One less than the bits can tell, so that a word with one added fits.
const FRAMES: u64 = (1 << FRAME_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cite_gives_back_what_it_was_made_of_and_goes_by_input_first() {
        let cites = [(0, 0), (0, 1), (0, FRAMES - 1), (1, 0), (INPUTS - 1, FRAMES - 1)];
        let made = cites.map(|(input, frame)| Cite::new(input, frame));
        assert_eq!(made.map(|cite| (cite.input(), cite.frame())), cites);
        assert!(made.is_sorted());
        assert_eq!(size_of::<Option<Cite>>(), size_of::<Cite>());
    }

    #[test]
    fn what_a_cite_cannot_tell_is_the_last_that_it_can() {
        let cite = Cite::new(u32::MAX, u64::MAX);
        assert_eq!((cite.input(), cite.frame()), (INPUTS - 1, FRAMES - 1));
    }
}
