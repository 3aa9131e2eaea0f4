//! Captures to frames, and frames to captures.
//!
//! ```text
//! PATH… ──► Inputs ──► Reader ─┐
//!           found,      merged by├──► Batch (frames as positions in shared buffers) ──► PcapngWriter
//!           ordered     packet   │
//! PORT… ──────────────► Live ────┘ time
//! ```
//!
//! [`Inputs`] finds files, folders and standard input and puts them in an order
//! that depends on names and contents alone; [`Reader`] merges them by packet
//! time and fills [`Batch`]es. [`Live`] does the same with network ports; both are a [`Source`].
//! Nothing here seeks, and memory does not grow with
//! the size of the files. Damage ends no run: what can be read is, and
//! [`InputReport::error`] says where and what.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod batch;
mod block;
mod bytes;
mod filter;
mod format;
pub mod fuzz;
mod harm;
mod input;
mod inputs;
mod link_type;
mod live;
mod pcap;
mod pcapng;
mod reader;
mod signature;
mod source;
mod stream;
mod write;
mod written;

pub use batch::{Batch, Event, EventKind, FrameHead, Item};
pub use filter::{Filter, FilterError};
pub use harm::Damage;
pub use input::{InputReport, PortReport};
pub use inputs::{Inputs, OpenError, Skipped};
pub use link_type::link_type_name;
pub use live::{Control, Live, PortError, Settings, Word, wall_clock};
pub use reader::{OPEN_MAX, Progress, ReadError, Reader};
pub use source::Source;
pub use stream::Bound;
pub use write::{PcapngWriter, WrittenFrame};
pub use written::{ReadFrame, WrittenFile};

/// The most bytes that one frame can have, as in tcpdump and Wireshark.
pub const FRAME_MAX: u32 = 262_144;
