//! What the engine sums up of frames within one second.

use crate::time::{Span, Time};

/// Frames sent by one side of one flow within one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The flow's number: its first frame's global number.
    pub flow: u64,
    /// What the flow speaks, where it is known.
    pub protocol: Option<&'static str>,
    /// First frame's time.
    pub first: Time,
    /// Where the first frame is: its input, and its number in it.
    pub first_frame: (u32, u64),
    /// Last frame's time.
    pub last: Time,
    /// How many.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Longest time between two of them, the one before the first included.
    pub longest_gap: Span,
    /// The sender's time stamp clock in the first frame (TSval, RFC 7323, 3); `None` where it bears none.
    pub stamp: Option<u32>,
}

/// Frames to a group that came again and again within one second, each sight less than 100 ms after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returning {
    /// Sights after the first, of all such frames.
    pub again: u64,
    /// Frames that began to come again and again.
    pub frames: u32,
    /// The most sights of one frame after its first, since that; 65,535 stands for more.
    pub most: u32,
    /// The longest time that one frame has been coming.
    pub lasting: Span,
    /// When the one that came most often was last seen.
    pub last: Time,
}

/// One second of what one side of a TCP connection sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segments {
    /// Segments with bytes that were seen.
    pub carrying: u64,
    /// Segments that were never seen, and whose bytes the peer acknowledged.
    pub unseen: u64,
    /// Segments that were missing, from the peer too, and came when they were sent again.
    pub late: u64,
    /// Segments that came by, were not acknowledged, and came by again.
    pub again: u64,
}
