//! The table at the widths of terminals.

use crate::report::time::Stamp;
use std::collections::BTreeMap;

use super::super::{Attachment, Capture, Decimal, Evidence, Finding, Stream, Summary};
use super::*;

const IPV6: &str = "2001:db8:1234:5678:9abc:def0:1234:5678";

/// A camera with long names that streams to a recorder, and one long finding.
fn report() -> Report {
    let finding = Finding {
        id: String::new(),
        kind: "camera-offline",
        category: "availability",
        severity: "critical",
        confidence: Decimal::confidence(90),
        owner: "network",
        first_check: None,
        dispatch: None,
        devices: Vec::new(),
        switch: None,
        cause: None,
        alternatives: Vec::new(),
        revisions: Vec::new(),
        supersedes: Vec::new(),
        title: "Camera 192.0.2.51 above the entrance of the long north hall went dark".repeat(3),
        summary: "It said nothing for a minute. ".repeat(9),
        detail: String::new(),
        remedy: String::new(),
        verify: String::new(),
        evidence: (0..6).map(|n| evidence(900_000_000 + n)).collect(),
        first_seen: String::new(),
        detected: String::new(),
        last_seen: String::new(),
        ended: None,
        count: 1,
        references: None,
    };
    Report {
        schema: "spanwatch/report/1",
        version: "0",
        site: None,
        configuration: String::new(),
        data: BTreeMap::new(),
        capture: Capture {
            inputs: Vec::new(),
            packets: 1,
            bytes: 1,
            first: None,
            last: None,
            duplicates: 0,
            dropped: None,
            truncated: 0,
            undecodable: BTreeMap::from([("a reason that is told at length ".repeat(4), 1)]),
            malformed: BTreeMap::new(),
            encapsulations: BTreeMap::new(),
            vlans: Vec::new(),
            one_way_share: Decimal::share(0, 1),
            blind: Vec::new(),
            limits: Vec::new(),
            panics: BTreeMap::new(),
        },
        devices: [device("a", "192.0.2.51"), device("b", "198.51.100.201"), device("c", "192.0.2.9")]
            .map(Box::new)
            .into(),
        switches: Vec::new(),
        streams: vec![Box::new(stream("a", "b"))],
        sessions: Vec::new(),
        learned: Vec::new(),
        findings: vec![finding],
        summary: Summary {
            devices: 3,
            online: 3,
            degraded: 0,
            offline: 0,
            unknown: 0,
            findings: BTreeMap::new(),
        },
    }
}

fn evidence(frame: u64) -> Evidence {
    Evidence { time: String::new(), input: None, frame: Some(frame), protocol: None, text: String::new() }
}

fn device(id: &str, ip: &str) -> Device {
    Device {
        id: id.into(),
        aliases: Vec::new(),
        mac: Some("02:00:5e:10:00:51".into()),
        ips: vec![ip.into()],
        vlans: Vec::new(),
        kind: "access-controller".into(),
        vendor: Some("Hanwha".into()),
        model: Some("XNV-6080R".into()),
        firmware: None,
        serial: None,
        name: Some("North hall entrance camera".into()),
        hostname: None,
        confidence: Decimal::confidence(95),
        role: None,
        identity: Vec::new(),
        services: Vec::new(),
        state: "degraded",
        history: Vec::new(),
        switch: Some(Attachment {
            id: None,
            name: Some("switch-hall".into()),
            port: Some("GigabitEthernet0/1".into()),
            source: "lldp",
            confidence: Decimal::confidence(95),
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

fn stream(source: &str, destination: &str) -> Stream {
    Stream {
        number: (0, 0),
        source: source.into(),
        destination: destination.into(),
        transport: "interleaved",
        protocol: Some("rtp"),
        codec: Some("H264".into()),
        payload_type: 96,
        ssrc: Some(1),
        packets: 1_234_567,
        lost: 76_543,
        out_of_order: Some(0),
        duplicates: Some(0),
        jitter_ms: Decimal::milliseconds(12_345),
        bitrate_bps: 4_096_000,
        frame_rate: Some(Decimal::tenths(250)),
        longest_gap_ms: Some(Decimal::milliseconds(60_123_456)),
        first_seen: Stamp::default(),
        last_seen: Stamp::default(),
    }
}

fn written(report: &Report, width: u16) -> String {
    let mut out = Vec::new();
    write(report, Style { width, is_coloured: false }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The columns that stand over the rows of devices and of streams.
fn headers(text: &str, first: &str) -> String {
    let line = text.lines().find(|line| line.trim().starts_with(first)).unwrap_or_default();
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 60..=220 {
        for line in written(&report(), width).lines() {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
    }
}

#[test]
fn addresses_states_and_numbers_stand_in_one_piece_at_any_width() {
    for width in 60..=220 {
        let text = written(&report(), width);
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        for (whole, count) in [("degraded", 3), ("198.51.100.201", 2), ("192.0.2.9", 1), ("76543", 1)] {
            assert_eq!(words.iter().filter(|word| **word == whole).count(), count, "{width}: {whole}");
        }
        let macs = words.iter().filter(|word| **word == "02:00:5e:10:00:51").count();
        assert!(macs == 3 || (macs == 0 && !text.contains("02:00")), "{width}: {macs}");
    }
}

#[test]
fn a_wide_terminal_shows_all() {
    let text = written(&report(), 220);
    assert_eq!(headers(&text, "STATE"), "STATE KIND VENDOR MODEL FIRMWARE NAME ADDRESS MAC SWITCH SURE");
    let streams = "FROM TO CODEC OVER PACKETS LOST JITTER ms KBIT/S FRAMES/S LONGEST GAP ms";
    assert_eq!(headers(&text, "FROM"), streams);
    assert!(!text.contains('…') && !text.contains("No room"));
}

#[test]
fn columns_go_in_their_order_and_are_named() {
    for (width, devices, left_out) in [
        (140, "STATE KIND VENDOR MODEL FIRMWARE NAME ADDRESS SWITCH SURE", "No room for MAC\n"),
        (125, "STATE KIND VENDOR MODEL NAME ADDRESS SWITCH SURE", "No room for MAC, FIRMWARE\n"),
        (100, "STATE KIND VENDOR MODEL NAME ADDRESS SURE", "No room for MAC, FIRMWARE, SWITCH\n"),
        (80, "STATE KIND VENDOR MODEL NAME ADDRESS SURE", "No room for MAC, FIRMWARE, SWITCH\n"),
    ] {
        let text = written(&report(), width);
        assert_eq!(headers(&text, "STATE"), devices, "{width}");
        assert!(text.contains(left_out), "{width}");
    }
    let narrow = written(&report(), 80);
    assert!(narrow.contains("North h…"), "{narrow}");
    assert_eq!(headers(&narrow, "FROM"), "FROM TO CODEC OVER PACKETS LOST KBIT/S");
    assert!(narrow.contains("No room for LONGEST GAP ms, JITTER ms, FRAMES/S\n"));
}

#[test]
fn a_long_address_costs_columns_and_stays_whole() {
    let mut report = report();
    report.devices[0].ips = vec![IPV6.into()];
    let text = written(&report, 60);
    assert_eq!(headers(&text, "STATE"), "STATE ADDRESS");
    assert!(text.contains(&format!(" degraded  {IPV6}\n")), "{text}");
}
