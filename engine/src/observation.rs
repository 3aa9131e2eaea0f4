//! The narrow waist: an [`Observation`] is one [`Fact`] with who, when and where.

use std::net::IpAddr;

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

/// Where to find a frame again: contract.md's `input` and `frame`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cite {
    /// Index into the report's `capture.inputs`.
    pub input: u32,
    /// The packet's number in that input, from 1, counted before any filter.
    pub frame: u64,
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
