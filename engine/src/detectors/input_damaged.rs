//! `input-damaged`: a capture could not be read to its end, or not without skipping.
//!
//! ## What it says
//! At the named offset the file breaks its format: it was cut, or its bytes are damaged. All
//! packets that could be read were read, and the rest of the work went on.
//!
//! ## Why it matters
//! What happened in the missing part is unknown. As evidence the file needs its
//! original.
//!
//! ## Where it is wrong
//! A capture that is still being written ends in the middle of a packet.
//!
//! ## State
//! None: the reader says it.

use crate::finding::{Evidence, Finding, Kind, Owner, Severity, id};
use crate::observation::Cite;
use crate::report::Input;

/// The kind.
pub const KIND: Kind = Kind {
    id: "input-damaged",
    category: "capture",
    severity: Severity::Low,
    source: include_str!("input_damaged.rs"),
    start: None,
};

/// Words the damage of the `index`th input; `None` where it has none.
#[must_use]
pub fn finding(index: u32, input: &Input) -> Option<Finding> {
    let error = input.error.as_ref()?;
    let at = input.last.unwrap_or_default();
    let frame = Cite::new(index, input.packets);
    Some(Finding {
        id: id(KIND.id, &format!("{}/{}", input.name, input.bytes), at),
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
        title: format!("{} is damaged", input.name),
        summary: format!(
            "The capture file {} is cut or damaged. {} packets could be read; what the rest held is unknown. It is IT's turn: take the file again, or find its original.",
            input.name, input.packets
        ),
        detail: error.clone(),
        remedy: "Copy the file again and compare its SHA-256 with the original's.".to_owned(),
        verify: "A replay of the new copy shows no such finding.".to_owned(),
        evidence: vec![Evidence {
            at,
            cite: (input.packets > 0).then_some(frame),
            protocol: None,
            text: if input.packets > 0 {
                "last packet that could be read"
            } else {
                "no packet could be read"
            }
            .to_owned(),
        }],
        first_seen: at,
        detected: at,
        last_seen: at,
        ended: None,
        count: 1,
    })
}
