//! First inputs for the fuzzers, cut from captures of our own.

mod captured;
mod files;
mod messages;
mod wrapped;

use captured::spread;

pub use captured::{Captured, captured};
pub use files::{pcap, pcapng};
pub use messages::parsers;
pub use wrapped::frames;
