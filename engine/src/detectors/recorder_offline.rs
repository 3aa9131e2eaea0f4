//! `recorder-offline`: a recorder or a VMS is gone.
//!
//! ## What it says
//! A device that records, or was told apart as a recorder or VMS, was heard steadily and has been silent since, and
//! who talked to it gets no answer. Its cameras are not offline for that: they are merely not asked any more.
//!
//! ## Why it matters
//! Nothing is recorded while it lasts, though every camera works.
//!
//! ## Where it is wrong
//! As `device-offline`: where our mirror lost only the recorder's port.
//!
//! ## State
//! None of its own: it is an absence like any other, with another name and weight.

use crate::finding::{Kind, Severity};

/// The kind.
pub const KIND: Kind = Kind {
    id: "recorder-offline",
    category: "availability",
    severity: Severity::Critical,
    source: include_str!("recorder_offline.rs"),
    start: None,
};
