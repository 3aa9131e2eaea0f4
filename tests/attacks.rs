//! Tools that others wrote attack real devices, and use weak ones: each is found once, of the right device, and nothing else is.
//!
//! Needs root and the programs that `tests/lab/attacks.py doctor` asks for. `tests/lab/attacks.toml` says what happens and what is due;
//! `SPANWATCH_ALL=1` lets its long steps happen too.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use serde_json::Value;
use spanwatch_engine::detectors::ALL;

use support::run::{Scratch, replay};
use support::site::text;
use support::{is_asked_for, project, skipped};

fn attacks(arguments: &[&str]) -> Output {
    let output = Command::new("timeout")
        .args(["--signal=INT", "--kill-after=60", "400"])
        .arg(project("tests/lab/attacks.py"))
        .args(arguments)
        .output();
    output.expect("timeout(1) is there")
}

#[test]
fn each_attack_and_weakness_is_found_once_and_its_near_miss_is_silent() {
    let lacking = attacks(&["doctor"]);
    if !lacking.status.success() {
        let what = String::from_utf8_lossy(&lacking.stdout);
        return skipped(&format!("the attacks cannot run here: {}", what.trim().replace('\n', " ")));
    }
    let scratch = Scratch::new("attacks");
    let [capture, truth] = ["attacks.pcapng", "attacks.truth.json"].map(|name| scratch.path().join(name));
    let mut arguments = vec!["run", capture.to_str().expect("UTF-8"), truth.to_str().expect("UTF-8")];
    if is_asked_for("SPANWATCH_ALL") {
        arguments.push("--all");
    }
    let output = attacks(&arguments);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the attacks failed: {said}");
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).expect("it was written")).expect("JSON");
    let report = replay(&capture);

    assert_eq!(told(&report, &truth), due(&truth), "{:#}", report["findings"]);
    let secrets = secrets();
    assert!(secrets.len() >= 10, "{secrets:?}");
    let report = report.to_string();
    for secret in secrets {
        assert!(!report.contains(&secret), "{secret} is in the report");
    }
}

/// A kind and the names of the devices, as often as it is due.
type Findings = BTreeMap<(String, Vec<String>), usize>;

fn due(truth: &Value) -> Findings {
    let mut findings = Findings::new();
    // The table may be ahead of the detectors.
    let exists = |due: &&Value| ALL.iter().any(|kind| kind.id == text(due, "kind"));
    for due in support::story::list(truth, "due").filter(exists) {
        let devices = due["devices"].as_array().expect("names").iter();
        let devices = devices.map(|name| name.as_str().expect("a name").to_owned()).collect();
        *findings.entry((text(due, "kind").to_owned(), devices)).or_default() += 1;
    }
    findings
}

/// What the report tells above low.
fn told(report: &Value, truth: &Value) -> Findings {
    let hosts = truth["hosts"].as_object().expect("hosts");
    let name = |id: &Value| {
        let host = hosts.iter().find(|(_, host)| host["mac"] == *id || host["ip"] == *id);
        host.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    };
    let mut findings = Findings::new();
    for finding in support::story::list(report, "findings") {
        if ["critical", "high", "medium"].contains(&text(finding, "severity")) {
            let devices = finding["devices"].as_array().expect("ids").iter().map(name).collect();
            *findings.entry((text(finding, "kind").to_owned(), devices)).or_default() += 1;
        }
    }
    findings
}

/// The passwords and communities of the site.
fn secrets() -> BTreeSet<String> {
    let table = std::fs::read_to_string(project("tests/lab/attacks.toml")).expect("the table is there");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = table.split(|c: char| !is_word(c)).filter(|word| word.starts_with("Lab-"));
    words.map(str::to_owned).collect()
}
