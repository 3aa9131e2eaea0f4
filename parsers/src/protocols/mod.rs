//! One file per protocol.

pub mod arp;
