//! Laws that hold for any bytes.
//!
//! Each module says how a fuzzer's bytes are laid out and holds them to the laws
//! of one room; a law that is broken panics with the words of the law. The
//! programs in `fuzz_targets` only call them. `fuzz/run` makes the first inputs
//! of our own captures ([`seeds`]) and runs them all.

pub mod capture;
pub mod engine;
pub mod frames;
pub mod mask;
pub mod parsers;
pub mod peel;
pub mod seeds;
pub mod tape;
