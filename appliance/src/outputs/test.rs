//! Messages for the tests of what takes them.

use std::sync::Arc;

use spanwatch_engine::report::changes::Change;
use spanwatch_engine::report::{Decimal, Finding};
use spanwatch_parsers::Time;

use super::outbox::Message;

/// A finding on a switch.
pub(crate) fn finding(severity: &'static str) -> Finding {
    Finding {
        id: "4dfc782a684a1893".to_owned(),
        kind: "devices-offline-together",
        category: "availability",
        severity,
        confidence: Decimal::confidence(92),
        owner: "it",
        first_check: None,
        dispatch: Some("no"),
        devices: vec!["02:00:00:00:00:01".to_owned(), "192.0.2.7".to_owned()],
        switch: Some("sw-dock".to_owned()),
        cause: Some("uplink"),
        alternatives: vec![],
        revisions: vec![],
        supersedes: vec![],
        title: "2 cameras behind switch sw-dock: no sign of life since 03:40:36 UTC".to_owned(),
        summary: "They are silent together.".to_owned(),
        detail: String::new(),
        remedy: String::new(),
        verify: String::new(),
        evidence: vec![],
        first_seen: "2026-11-22T03:40:36.000000000Z".to_owned(),
        detected: "2026-11-22T03:40:50.000000000Z".to_owned(),
        last_seen: "2026-11-22T03:40:50.000000000Z".to_owned(),
        ended: None,
        count: 1,
        references: None,
    }
}

/// What became of it.
pub(super) fn message(change: &str, severity: &str) -> Arc<Message> {
    let changes = ["made", "revised", "ended", "withdrawn"];
    let severities = ["critical", "high", "medium", "low", "info"];
    let of = |all: &[&'static str], name: &str| all.iter().copied().find(|it| *it == name).expect("known");
    let change = Change { change: of(&changes, change), finding: finding(of(&severities, severity)) };
    let at = Time(1_795_318_850_123_456_789);
    Arc::new(Message::new(at, at.0, None, change))
}
