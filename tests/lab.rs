//! The lab: a site of real devices in network namespaces is built, a camera dies, and the report is the truth.
//!
//! Needs root and the programs that `tests/lab/lab.py doctor` asks for. `SPANWATCH_ALL=1` holds every
//! capture that `make lab` left against its truth instead.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::run::{Scratch, replay};
use support::site::Site;
use support::truth::{complaints, delays};
use support::{is_asked_for, project, skipped};

fn lab(arguments: &[&Path]) -> Output {
    let output = Command::new("timeout")
        .args(["--signal=INT", "--kill-after=60", "300"])
        .arg(project("tests/lab/lab.py"))
        .args(arguments)
        .output();
    output.expect("timeout(1) is there")
}

/// What one capture's report says against its truth.
fn judged(capture: &Path) -> Vec<String> {
    let site = Site::read(capture);
    let name = capture.file_stem().unwrap_or_default().to_string_lossy();
    let report = replay(&site.path);
    let complaints = complaints(&site, &report);
    if complaints.is_empty() {
        let told = delays(&site, &report);
        let told = if told.is_empty() { "nothing to tell".to_owned() } else { told.join("; ") };
        eprintln!("{name}: {} frames, as the truth says: {told}", site.frames.len());
    }
    complaints.into_iter().map(|complaint| format!("{name}: {complaint}")).collect()
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn a_camera_that_dies_in_the_lab_is_reported_as_it_was() {
    if is_asked_for("SPANWATCH_ALL") {
        return;
    }
    let lacking = lab(&[Path::new("doctor")]);
    if !lacking.status.success() {
        let what = String::from_utf8_lossy(&lacking.stdout);
        return skipped(&format!("the lab cannot run here: {}", what.trim().replace('\n', " ")));
    }
    let scratch = Scratch::new("lab");
    let (capture, truth) = (scratch.path().join("short.pcapng"), scratch.path().join("short.truth.json"));
    let output = lab(&[Path::new("run"), Path::new("short"), &capture, &truth]);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the lab failed: {said}");
    assert_none(&judged(&capture));
}

#[test]
fn every_site_of_the_lab_is_reported_as_it_was_when_asked_for() {
    if !is_asked_for("SPANWATCH_ALL") {
        return;
    }
    let captures = captures_with_truth(&project("target/lab"));
    assert!(!captures.is_empty(), "`make lab` makes them");
    assert_none(&captures.iter().flat_map(|capture| judged(capture)).collect::<Vec<_>>());
}

#[test]
fn every_shipped_capture_of_the_lab_is_reported_as_it_was() {
    let captures = captures_with_truth(&project("pcaps"));
    assert!(!captures.is_empty());
    assert_none(&captures.iter().flat_map(|capture| judged(capture)).collect::<Vec<_>>());
}

fn captures_with_truth(folder: &Path) -> Vec<PathBuf> {
    let mut captures: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|it| it == "pcapng"))
        .filter(|path| path.with_extension("truth.json").exists())
        .collect();
    captures.sort();
    captures
}
