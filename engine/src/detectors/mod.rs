//! What Spanwatch can find: one file per kind, its documentation its help page.

pub mod device_offline;
pub mod input_damaged;
pub mod limit_reached;
pub mod mirror_clock;
pub mod mirror_lost;

use crate::finding::Kind;

/// Every kind of finding, in the contract's order.
pub const ALL: &[&Kind] = &[
    &device_offline::KIND,
    &mirror_lost::KIND,
    &mirror_clock::KIND,
    &input_damaged::KIND,
    &limit_reached::KIND,
];
