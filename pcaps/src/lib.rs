//! Captures of made-up sites with incidents, and the truth about them.
//!
//! It shares no code and no constant with what reads captures: a mistake of
//! a decoder, a parser or a detector must not be made here a second time.

mod agenda;
pub mod fabric;
pub mod frame;
pub mod incident;
pub mod makers;
pub mod mirror;
pub mod options;
pub mod random;
pub mod run;
pub mod sight;
pub mod site;
pub mod sums;
pub mod tap;
pub mod truth;
pub mod wire;
pub mod world;
