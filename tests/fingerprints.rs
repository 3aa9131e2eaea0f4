//! `spanwatch fingerprints`: the data held to its proof, a site's own files, why a device was identified so.

use crate::support;

use std::path::Path;

use support::run::{Scratch, sample, spanwatch};

/// A camera of the sample, its id, and what it says of itself.
const AXIS: &str = "b8:a4:4f:3a:91:0c";

/// An entry of a site's own, for what the sample's Axis camera answers as its realm.
const OURS: &str = r#"
date = "2026-11-26"

[[entry]]
id       = "ours-lobby-camera"
match    = '^AXIS_WS_B8A44F3A910C$'
labels   = { name = "Lobby" }
strength = 95
source   = "our own purchase"
examples = ["AXIS_WS_B8A44F3A910C"]
"#;

#[test]
fn shipped_fingerprints_are_proved() {
    let outcome = spanwatch(["fingerprints", "check"]);
    assert_eq!(outcome.code, 0, "{}", outcome.text());
    assert!(outcome.text().ends_with("files: all proved\n"), "{}", outcome.text());
}

#[test]
fn a_fault_in_a_file_of_ours_is_named_with_file_entry_and_remedy() {
    let scratch = Scratch::new("fingerprints-faults");
    scratch.file("rtsp.realm.toml", OURS.replace("910C\"]", "910D\"]").as_bytes());
    let outcome = spanwatch([Path::new("fingerprints"), Path::new("check"), scratch.path()]);
    assert_eq!(outcome.code, 1);
    let text = outcome.text();
    assert!(text.contains("rtsp.realm.toml, entry `ours-lobby-camera`: "), "{text}");
    assert!(text.contains("1 faults"), "{text}");
}

#[test]
fn a_file_that_names_no_key_fails_with_a_sentence() {
    let scratch = Scratch::new("fingerprints-no-key");
    let file = scratch.file("rtsp.sever.toml", OURS.as_bytes());
    for arguments in [vec!["fingerprints", "check"], vec!["replay", "--fingerprints"]] {
        let mut arguments: Vec<&Path> = arguments.into_iter().map(Path::new).collect();
        let sample = sample();
        let is_replay = arguments[0] == Path::new("replay");
        arguments.push(&file);
        arguments.extend(is_replay.then_some(sample.as_path()));
        let outcome = spanwatch(arguments);
        assert_eq!(outcome.code, 1);
        assert!(outcome.stderr.contains("rtsp.sever.toml: no attribute is called so"), "{}", outcome.stderr);
    }
}

#[test]
fn entries_of_ours_speak_and_are_named_in_the_report() {
    let scratch = Scratch::new("fingerprints-ours");
    scratch.file("rtsp.realm.toml", OURS.as_bytes());
    let sample = sample();
    let with: [&Path; 5] = [
        Path::new("replay"),
        &sample,
        Path::new("--format=json"),
        Path::new("--fingerprints"),
        scratch.path(),
    ];
    let report = spanwatch(with).report();
    let device = &report["devices"].as_array().unwrap().iter().find(|it| it["id"] == AXIS).unwrap();
    assert_eq!(device["name"], "Lobby");
    let cited = device["identity"].as_array().unwrap().iter().find(|it| it["value"] == "Lobby").unwrap();
    assert_eq!(
        (cited["entry"].as_str(), cited["source"].as_str()),
        (Some("ours-lobby-camera"), Some("rtsp.realm"))
    );
    assert!(report["data"]["site/rtsp.realm"]["sha256"].is_string());
    assert!(report["data"]["rtsp.realm"]["sha256"].is_string());
}

#[test]
fn a_device_is_explained_by_every_witness_with_its_packet() {
    let sample = sample();
    for word in [AXIS, "B8-A4-4F-3A-91-0C", "axis-b8a44f3a910c", "192.0.2.51"] {
        let words = ["fingerprints", "explain", word].map(Path::new);
        let outcome = spanwatch(words.into_iter().chain([sample.as_path()]));
        assert_eq!(outcome.code, 0, "{word}: {}", outcome.stderr);
        let text = outcome.text();
        for line in [
            "vendor    Axis (0.99)",
            "  0.50  what it does: it serves media over RTSP and pulls none",
            "rtsp-realm-axis, in rtsp.realm.toml",
            "        ^AXIS_(?:WS_)?(?<serial>[0-9A-F]{12})$",
        ] {
            assert!(text.lines().any(|it| it == line), "{line:?} is not in:\n{text}");
        }
        let is_cited =
            |line: &str| line.starts_with("  0.85  dhcp.vendor-class (dhcp-class-axis-camera), packet ");
        assert!(text.lines().any(is_cited), "{text}");
        let address = text.lines().position(|line| line.starts_with("ip        192.0.2.51 (0."));
        let witness = address.and_then(|at| text.lines().nth(at + 1)).unwrap_or_default();
        assert!(witness.contains(", packet "), "{text}");
    }
}

#[test]
fn what_contradicts_stands_beside_what_is_believed() {
    let scratch = Scratch::new("fingerprints-against");
    scratch.file("rtsp.realm.toml", OURS.replace("name = \"Lobby\"", "vendor = \"Bosch\"").as_bytes());
    let sample = sample();
    let words = ["fingerprints", "explain", AXIS, "--fingerprints"].map(Path::new);
    let outcome = spanwatch(words.into_iter().chain([scratch.path(), sample.as_path()]));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.text().contains("vendor    against it: Bosch (0.95)"), "{}", outcome.text());
}

#[test]
fn a_device_that_is_not_there_fails_with_a_sentence() {
    let sample = sample();
    let words = ["fingerprints", "explain", "10.9.9.9"].map(Path::new);
    let outcome = spanwatch(words.into_iter().chain([sample.as_path()]));
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("devices is called 10.9.9.9"), "{}", outcome.stderr);
}
