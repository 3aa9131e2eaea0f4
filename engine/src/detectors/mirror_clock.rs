//! `mirror-clock`: the capture's own clock leapt.
//!
//! ## What it says
//! Inside one input the time stamps leapt by more than a day, or stayed more than 2 s behind the latest.
//! No device did that: the clock of the capturing host was set, or a stamp is damaged. Time
//! goes on from the new stamps, and nothing is concluded from the leap.
//!
//! ## Why it matters
//! Times in the report before and after the leap cannot be compared, which matters when they
//! are evidence.
//!
//! ## Where it is wrong
//! A capture of one packet a week.
//!
//! ## State
//! None: the engine's clock notices it.

use spanwatch_parsers::Time;

use crate::finding::{Cause, Evidence, Finding, Kind, Owner, Severity, id};
use crate::observation::Cite;
use crate::report::time::rfc3339;

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-clock",
    category: "capture",
    severity: Severity::Low,
    source: include_str!("mirror_clock.rs"),
    start: None,
};

/// Words a leap of the stamps from `from` to `to`, the latter that of the frame `cite`.
#[must_use]
pub fn finding(from: Time, to: Time, cite: Cite) -> Finding {
    let (before, after) = (rfc3339(from), rfc3339(to));
    Finding {
        id: id(KIND.id, &cite.frame().to_string(), from),
        kind: &KIND,
        severity: KIND.severity,
        confidence: 95,
        owner: Owner::It,
        first_check: None,
        dispatch: None,
        devices: Vec::new(),
        switch: None,
        cause: Some(Cause::Mirror),
        alternatives: Vec::new(),
        revisions: Vec::new(),
        supersedes: Vec::new(),
        title: "The capture's clock leapt".to_owned(),
        summary: "The clock of the capturing computer was set, or its stamps are damaged: times before and after cannot be compared. No camera is concerned. It is IT's turn: check the capturing computer's clock.".to_owned(),
        detail: format!("The clock stood at {before}; stamps went on from {after}."),
        remedy: "Let the capturing host keep time by NTP.".to_owned(),
        verify: "A new capture has no such leap.".to_owned(),
        evidence: vec![Evidence {
            at: to,
            cite: Some(cite),
            protocol: None,
            text: format!("first frame after the leap; the clock stood at {before}"),
        }],
        first_seen: to,
        detected: to,
        last_seen: to,
        ended: None,
        count: 1,
    }
}
