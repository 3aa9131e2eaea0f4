//! Captures of made-up sites with incidents, and the truth about them.
//!
//! It shares no code and no constant with what reads captures: a mistake of
//! a decoder, a parser or a detector must not be made here a second time.

pub mod frame;
pub mod mirror;
pub mod random;
pub mod wire;
