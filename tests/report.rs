//! The report: the contract's names, evidence that can be looked up, and the formats.

use crate::support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::capture::Pcap;
use support::run::{SPANWATCH, Scratch, replayed, sample, spanwatch};
use support::site::{Site, text};
use support::story::{list, nanoseconds};

#[test]
fn a_filter_leaves_packets_out_but_not_their_numbers() {
    let whole = replayed(&["--format=json"]).report();
    let report = replayed(&["--format=json", "--filter=udp port 67 or udp port 68"]).report();
    assert_eq!(report["capture"]["inputs"][0]["packets"], whole["capture"]["inputs"][0]["packets"]);
    let analysed = report["capture"]["packets"].as_u64().expect("a count");
    assert!(analysed > 20 && analysed < 500, "{analysed}");
    assert_ne!(report["configuration"], whole["configuration"]);
    let frames = |report: &Value| -> Vec<u64> {
        let devices = list(report, "devices").flat_map(|device| list(device, "identity"));
        devices.filter(|it| it["source"] == "dhcp").filter_map(|it| it["frame"].as_u64()).collect()
    };
    assert!(!frames(&report).is_empty());
    assert_eq!(frames(&report), frames(&whole));
}

#[test]
fn the_report_bears_the_names_of_the_contract() {
    let report = replayed(&["--format=json"]).report();
    assert_eq!(report["schema"], "spanwatch/report/1");
    for key in [
        "version",
        "configuration",
        "data",
        "capture",
        "devices",
        "switches",
        "streams",
        "sessions",
        "findings",
        "summary",
    ] {
        assert!(!report[key].is_null(), "{key}");
    }
    let capture = &report["capture"];
    for key in [
        "inputs",
        "packets",
        "bytes",
        "first",
        "last",
        "duplicates",
        "truncated",
        "undecodable",
        "encapsulations",
        "vlans",
        "one_way_share",
        "blind",
        "limits",
    ] {
        assert!(!capture[key].is_null(), "capture.{key}");
    }
    let whole = capture["packets"].as_u64().expect("a count");
    for finding in list(&report, "findings") {
        for key in [
            "id",
            "kind",
            "category",
            "severity",
            "confidence",
            "owner",
            "devices",
            "title",
            "summary",
            "detail",
            "remedy",
            "verify",
            "evidence",
            "first_seen",
            "detected",
            "last_seen",
            "count",
        ] {
            assert!(!finding[key].is_null(), "finding.{key}");
        }
        let cited: Vec<u64> = list(finding, "evidence").filter_map(|it| it["frame"].as_u64()).collect();
        assert!(!cited.is_empty(), "nothing to look up: {finding}");
        assert!(cited.iter().all(|frame| (1..=whole).contains(frame)), "{cited:?} of {whole}");
    }
    let ids: Vec<_> = list(&report, "devices").map(|device| device["id"].as_str()).collect();
    assert!(ids.is_sorted());
}

#[test]
fn evidence_cites_frames_by_their_number_and_time() {
    let report = replayed(&["--format=json"]).report();
    let frames = Site::sample().frames;
    let findings = list(&report, "findings").flat_map(|it| list(it, "evidence"));
    let identity = list(&report, "devices").flat_map(|it| list(it, "identity"));
    let (mut checked, mut wrong) = (0, Vec::new());
    for cited in findings.chain(identity) {
        let Some(number) = cited["frame"].as_u64() else { continue }; // What was silent has no frame.
        let number = usize::try_from(number).expect("fits");
        if nanoseconds(text(cited, "time")) != frames[number - 1].at {
            wrong.push(cited.to_string());
        }
        checked += 1;
    }
    assert!(checked > 20);
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_a_filter_leaves_out_was_no_silence() {
    for filter in ["arp", "tcp", "host 192.0.2.53"] {
        let report = replayed(&["--format=json", "--filter", filter]).report();
        let kinds: Vec<_> = list(&report, "findings").map(|finding| &finding["kind"]).collect();
        assert!(!kinds.iter().any(|kind| *kind == "mirror-lost"), "--filter {filter}: {kinds:?}");
    }
}

#[test]
fn lines_each_have_a_type() {
    let outcome = replayed(&["--format=jsonl"]);
    let report = replayed(&["--format=json"]).report();
    let lines = outcome.lines();
    let count = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!(
        (lines[0]["type"].as_str(), count("report"), count("capture"), count("summary")),
        (Some("report"), 1, 1, 1)
    );
    for (kind, key) in [
        ("device", "devices"),
        ("switch", "switches"),
        ("stream", "streams"),
        ("session", "sessions"),
        ("finding", "findings"),
    ] {
        assert_eq!(count(kind), list(&report, key).count(), "{kind}");
    }
    let all = lines.len();
    assert_eq!(lines.iter().filter(|line| line["type"].is_string() && line["of"].is_null()).count(), all);
}

#[test]
fn tables_of_csv_have_a_row_for_each() {
    let report = replayed(&["--format=json"]).report();
    for table in ["devices", "findings", "streams"] {
        let outcome = replayed(&["--format=csv", "--table", table]);
        assert_eq!(outcome.code, 0);
        let (columns, rows) = csv(outcome.text());
        assert_eq!(rows.len(), list(&report, table).count(), "{table}");
        assert!(rows.iter().all(|row| row.len() == columns.len()), "{table}");
        let key = if table == "streams" { "ssrc" } else { "id" };
        let column = columns.iter().position(|name| name == key).expect("a column");
        let told: Vec<_> = list(&report, table).map(|it| it[key].to_string().replace('"', "")).collect();
        assert_eq!(rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>(), told, "{table}");
    }
}

/// The header and the rows of a CSV text (RFC 4180).
fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let (mut rows, mut cell, mut is_quoted) = (vec![Vec::new()], String::new(), false);
    for character in text.chars() {
        let row = rows.last_mut().expect("one row at least");
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(Vec::new());
            }
            '\r' if !is_quoted => {}
            other => cell.push(other),
        }
    }
    assert_eq!(rows.pop(), Some(Vec::new()), "the last row ends");
    (rows.remove(0), rows)
}

#[test]
fn a_table_is_plain_when_piped() {
    for environment in
        [None, Some(("NO_COLOR", "1")), Some(("TERM", "xterm-256color")), Some(("CLICOLOR_FORCE", "1"))]
    {
        let mut command = Command::new(SPANWATCH);
        command.args(["replay", "--format=table"]).arg(sample()).envs(environment);
        let output = command.output().expect("it runs");
        assert!(output.status.success());
        assert!(!output.stdout.contains(&0x1b), "{environment:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_table_on_a_terminal_is_coloured_unless_told_not_to_be() {
    // script(1) gives it a terminal; its own last line is cut off.
    let shown = |environment: &[(&str, &str)]| {
        let command =
            format!("stty rows 40 cols 120; {SPANWATCH} replay --no-progress {}", sample().display());
        let mut script = Command::new("script");
        script
            .args(["-qec", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied());
        let output = script.stdin(Stdio::null()).output().expect("script(1) is there");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    };
    let coloured = shown(&[]);
    assert!(coloured.contains("\x1b["), "{coloured}");
    let plain = shown(&[("NO_COLOR", "1")]);
    assert!(!plain.contains('\x1b'), "{plain}");
    assert!(plain.contains("offline") || plain.contains("OFFLINE"), "{plain}");
    let widest = plain.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest <= Some(120), "{widest:?} columns on a terminal of 120");
}

#[test]
fn each_input_is_reported_by_itself() {
    let scratch = Scratch::new("each");
    let frames = Site::sample().frames;
    for (number, part) in frames.chunks(frames.len() / 2 + 1).enumerate() {
        scratch.file(&format!("part{number}.pcap"), &Pcap::PLAIN.bytes(part));
    }
    scratch.file("readme.txt", b"not a capture");
    let outcome =
        spanwatch([Path::new("replay"), Path::new("--each"), Path::new("--format=json"), scratch.path()]);
    let reports = outcome.report();
    let names: Vec<_> = reports
        .as_array()
        .expect("an array")
        .iter()
        .map(|it| it["capture"]["inputs"][0]["name"].as_str())
        .collect();
    assert_eq!(names, [Some("part0.pcap"), Some("part1.pcap")]);
    assert!(outcome.stderr.contains("readme.txt is left out: it looks like text"), "{}", outcome.stderr);
}
