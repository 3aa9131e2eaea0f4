//! One file per protocol.

pub mod arp;
pub mod nd;
