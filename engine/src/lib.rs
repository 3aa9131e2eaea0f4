//! Frames in, records out.
//!
//! The lower half (peel, fragments, duplicates, flows, reassembly, streams: one
//! [`shard`]) turns frames into [`observation`]s; the upper half (the ledger)
//! turns observations and time into devices, findings and the report. All of it
//! is pure: it sees no clock, file, socket, environment or thread.

pub mod ahead;
pub mod bounded;
pub mod carve;
pub mod clock;
pub mod detectors;
pub mod dispatch;
pub mod duplicate;
pub mod expected;
pub mod few;
pub mod finding;
pub mod flow;
pub mod fragment;
pub mod hash;
pub mod hearing;
pub mod icmp;
pub mod ledger;
pub mod mask;
pub mod networks;
pub mod numbered;
pub mod observation;
pub mod peel;
pub mod pieces;
mod planted;
pub mod policy;
pub mod report;
pub mod said;
pub mod scribe;
pub mod shard;
pub mod slots;
pub mod stream;
pub mod tcp;
pub mod verdict;
