//! A small report for tests of what writes it.

use std::collections::BTreeMap;

use super::time::{Stamp, parse};
use super::{
    Alternative, Attachment, Blind, Capture, CaptureInput, Decimal, Device, Evidence, Finding, History,
    Report, Revision, Summary,
};

/// Two cameras that were gone together, and that went on.
pub fn report() -> Report {
    Report {
        schema: "spanwatch/report/1",
        version: "0",
        site: Some("Harbour".into()),
        configuration: "c0".into(),
        data: BTreeMap::new(),
        capture: capture(),
        devices: vec![Box::new(device("a", "A <one>")), Box::new(device("b", "B"))],
        switches: Vec::new(),
        streams: Vec::new(),
        sessions: Vec::new(),
        learned: Vec::new(),
        findings: vec![finding("abc123")],
        summary: Summary {
            devices: 2,
            online: 2,
            degraded: 0,
            offline: 0,
            unknown: 0,
            findings: BTreeMap::new(),
        },
    }
}

/// A finding on both.
pub fn finding(id: &str) -> Finding {
    let evidence = |time: &str, frame, text: &str| Evidence {
        time: time.into(),
        input: Some(0),
        frame,
        protocol: Some("rtp"),
        text: text.into(),
    };
    Finding {
        id: id.into(),
        kind: "devices-offline-together",
        category: "availability",
        severity: "critical",
        confidence: Decimal::confidence(92),
        owner: "it",
        first_check: None,
        dispatch: Some("no"),
        devices: vec!["a".into(), "b".into()],
        switch: None,
        cause: Some("uplink"),
        alternatives: vec![Alternative {
            cause: "uplink",
            confidence: Decimal::confidence(90),
            speaks_for: vec![0],
            speaks_against: vec![1],
            would_change: "the uplink's counters",
        }],
        revisions: vec![Revision {
            time: "2026-11-22T03:41:24.000000000Z".into(),
            cause: "uplink",
            confidence: Decimal::confidence(90),
            because: "they went on".into(),
        }],
        supersedes: vec!["0aa0".into()],
        title: "2 cameras behind switch sw-dock: no sign of life from 03:40:36 to 03:41:24 UTC".into(),
        summary: "2 cameras were silent together.".into(),
        detail: "Their last frames lie within 1.0 s of one another.".into(),
        remedy: "Look at the switch.".into(),
        verify: "They answer again.".into(),
        evidence: vec![
            evidence("2026-11-22T03:40:36.123000000Z", Some(12), "last frame from A"),
            evidence("2026-11-23T00:00:01.000000000Z", None, "the switch was heard"),
        ],
        first_seen: "2026-11-22T03:40:36.123000000Z".into(),
        detected: "2026-11-22T03:40:43.000000000Z".into(),
        last_seen: "2026-11-22T03:41:24.000000000Z".into(),
        ended: Some("2026-11-22T03:41:24.000000000Z".into()),
        count: 1,
        references: None,
    }
}

fn device(id: &str, name: &str) -> Device {
    let at = |time: &str| Stamp(parse(&format!("2026-11-22T{time}Z")).unwrap());
    let history =
        |from, to: Option<&str>, state| History { from: at(from), to: to.map(at), state, cause: None };
    Device {
        id: id.into(),
        aliases: Vec::new(),
        mac: None,
        ips: vec!["192.0.2.7".into()],
        vlans: Vec::new(),
        kind: "camera".into(),
        vendor: None,
        model: None,
        firmware: None,
        serial: None,
        name: Some(name.into()),
        hostname: None,
        confidence: Decimal::confidence(50),
        role: None,
        identity: Vec::new(),
        services: Vec::new(),
        state: "online",
        history: vec![
            history("03:37:00", Some("03:40:37"), "online"),
            history("03:40:37", Some("03:41:24"), "offline"),
            history("03:41:24", None, "online"),
        ],
        switch: Some(Attachment {
            id: None,
            name: Some("sw-dock".into()),
            port: Some("ge1".into()),
            source: "inventory",
            confidence: Decimal::confidence(60),
        }),
        inventory: None,
        tls: Vec::new(),
        profiles: Vec::new(),
        first_seen: Stamp::default(),
        last_seen: Stamp::default(),
        packets: 1,
        bytes: 1,
    }
}

fn capture() -> Capture {
    let input = CaptureInput {
        name: "a.pcap".into(),
        sha256: Some("00".into()),
        bytes: 1,
        packets: 1,
        format: "pcap".into(),
        link_type: "EN10MB".into(),
        first: None,
        last: None,
        error: None,
        other_blocks: None,
        dropped: None,
        sent: None,
        joined: None,
    };
    Capture {
        inputs: vec![input],
        packets: 1,
        bytes: 1,
        first: Some("2026-11-22T03:37:00.000000000Z".into()),
        last: Some("2026-11-22T03:42:00.000000000Z".into()),
        duplicates: 0,
        dropped: None,
        truncated: 0,
        undecodable: BTreeMap::new(),
        malformed: BTreeMap::new(),
        encapsulations: BTreeMap::new(),
        vlans: Vec::new(),
        one_way_share: Decimal::share(0, 1),
        blind: vec![Blind {
            from: "2026-11-22T03:41:00.000000000Z".into(),
            to: "2026-11-22T03:41:10.000000000Z".into(),
            reason: "nothing was heard from any source",
        }],
        limits: Vec::new(),
        panics: BTreeMap::new(),
    }
}
