//! `limit-reached`: one of our own caps was hit, and something was not kept.
//!
//! ## What it says
//! Everything that grows with traffic has a cap. The named one was reached, and so often
//! something was dropped or forgotten to stay within memory.
//!
//! ## Why it matters
//! Claims that rest on what was dropped are missing. A flood of made-up addresses
//! or connections is the usual reason, and is worth a look of its own.
//!
//! ## Where it is wrong
//! On a network larger than the caps were made for.
//!
//! ## State
//! One counter per cap.

use spanwatch_parsers::Time;

use crate::finding::{Evidence, Finding, Kind, Owner, Severity, id};

/// The kind.
pub const KIND: Kind = Kind {
    id: "limit-reached",
    category: "capture",
    severity: Severity::Low,
    source: include_str!("limit_reached.rs"),
    start: None,
};

/// One cap that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The cap, in units of what it limits.
    pub cap: u64,
    /// How often it made us drop something.
    pub evicted: u64,
    /// When it was first reached.
    pub first: Time,
    /// When it was last reached.
    pub last: Time,
}

/// Words a cap that was reached.
#[must_use]
pub fn finding(what: &str, limit: &Limit) -> Finding {
    Finding {
        id: id(KIND.id, what, limit.first),
        kind: &KIND,
        severity: KIND.severity,
        confidence: 99,
        owner: Owner::It,
        first_check: None,
        dispatch: None,
        devices: Vec::new(),
        switch: None,
        cause: None,
        alternatives: Vec::new(),
        revisions: Vec::new(),
        supersedes: Vec::new(),
        title: format!("Limit reached: {what}"),
        summary: format!(
            "There was more traffic of one sort than Spanwatch keeps at once ({what}). What was dropped is missing from this report. It is IT's turn: look for a flood."
        ),
        detail: format!("{what}: cap {}, {} dropped.", limit.cap, limit.evicted),
        remedy: "Look for a scan, a loop or a flood in the traffic; or split the capture.".to_owned(),
        verify: "A replay without the flood shows no such finding.".to_owned(),
        evidence: vec![Evidence {
            at: limit.first,
            cite: None,
            protocol: None,
            text: format!("the cap of {} was reached for the first time", limit.cap),
        }],
        first_seen: limit.first,
        detected: limit.first,
        last_seen: limit.last,
        ended: None,
        count: limit.evicted,
    }
}
