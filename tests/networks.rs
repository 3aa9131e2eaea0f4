//! Who has which public addresses, by a list of the site's own: named in findings, told in the report, and faults told with their line.

use crate::support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::acts;
use support::capture::{Frame, Pcap};
use support::run::{Outcome, Scratch, spanwatch};
use support::site::text;
use support::story::list;

const LIST: &str =
    "# 2026-11-01\nnetwork,country,owner\n198.18.0.0/15,NL,\"Example, B.V.\"\n203.0.113.0/24,DE,Another\n";

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Replays frames with this list.
fn with_list(scratch: &Scratch, networks: &str, frames: &[Frame]) -> Outcome {
    scratch.file("networks.csv", networks.as_bytes());
    let configuration = scratch.file("spanwatch.toml", b"site = \"Harbour\"\nnetworks = \"networks.csv\"\n");
    let capture = scratch.file("capture.pcap", &Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(frames));
    spanwatch(["replay", path(&capture), "--format=json", "--no-progress", "--config", path(&configuration)])
}

#[test]
fn country_and_owner_stand_beside_the_addresses_of_the_internet() {
    let scratch = Scratch::new("networks");
    let named = "198.18.0.9 (NL, Example, B.V.)";
    for (kind, frames, told) in [
        ("internet-egress", acts::internet_egress(true), format!("TCP port 443 of {named}")),
        ("internet-exposed", acts::internet_exposed(true), format!("RTSP on port 554 from {named}")),
    ] {
        let report = with_list(&scratch, LIST, &frames).report();
        let of = |report: &Value| list(report, "findings").find(|it| it["kind"] == kind).expect(kind).clone();
        let it = of(&report);
        assert_eq!(text(&it["evidence"][0], "text"), told);
        assert!(text(&it, "detail").contains(&told), "{it}");
        let known = &report["data"]["networks"];
        let sum = Command::new("sha256sum").arg(scratch.path().join("networks.csv")).output();
        let sum = String::from_utf8(sum.expect("sha256sum is there").stdout).expect("text");
        assert_eq!((text(known, "date"), text(known, "sha256")), ("2026-11-01", &sum[..64]));
        // It names, and nothing else changes.
        let other = with_list(&scratch, &LIST.replace("198.18", "198.20"), &frames).report();
        let ids = |report: &Value| -> Vec<String> {
            list(report, "findings").map(|it| format!("{} {}", it["id"], it["severity"])).collect()
        };
        assert_eq!(ids(&other), ids(&report));
        assert_eq!(text(&of(&other)["evidence"][0], "text"), told.replace(named, "198.18.0.9"));
    }
}

#[test]
fn a_list_with_a_fault_is_refused_with_its_line_and_what_to_do() {
    let scratch = Scratch::new("networks-faults");
    for (networks, told) in [
        ("", "networks.csv, line 1: the first line must say of when the list is: write it as # 2026-11-01"),
        (
            &LIST.replace("198.18.0.0/15", "198.18.0.1/15"),
            "networks.csv, line 3: 198.18.0.1/15 is no network",
        ),
    ] {
        let refused = with_list(&scratch, networks, &[]);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        let line = format!("spanwatch.toml:2: networks: {}/{told}", path(scratch.path()));
        assert!(refused.stderr.contains(&line), "{}", refused.stderr);
    }
}
