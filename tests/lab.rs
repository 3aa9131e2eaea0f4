//! The lab: a site of real devices in network namespaces is built, a camera dies, and the report is the truth.
//!
//! Needs root and the programs that `tests/lab/lab.py doctor` asks for. `SPANWATCH_ALL=1` holds every
//! shipped capture of the lab against its truth as well.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::run::{Scratch, replay};
use support::site::Site;
use support::truth::complaints;
use support::{is_asked_for, project, skipped};

fn lab(arguments: &[&Path]) -> Output {
    let output = Command::new("timeout")
        .args(["--signal=INT", "--kill-after=60", "300"])
        .arg(project("tests/lab/lab.py"))
        .args(arguments)
        .output();
    output.expect("timeout(1) is there")
}

/// Holds one capture against its truth.
fn judged(capture: &Path) {
    let site = Site::read(capture);
    let complaints = complaints(&site, &replay(&site.path));
    let name = capture.display();
    assert!(complaints.is_empty(), "{name}: {} complaints:\n{}", complaints.len(), complaints.join("\n"));
    eprintln!("{name}: {} frames, as the truth says", site.frames.len());
}

#[test]
fn a_camera_that_dies_in_the_lab_is_reported_as_it_was() {
    let lacking = lab(&[Path::new("doctor")]);
    if !lacking.status.success() {
        let what = String::from_utf8_lossy(&lacking.stdout);
        return skipped(&format!("the lab cannot run here: {}", what.trim().replace('\n', " ")));
    }
    let scratch = Scratch::new("lab");
    let (capture, truth) = (scratch.path().join("short.pcapng"), scratch.path().join("short.truth.json"));
    let output = lab(&[Path::new("short"), &capture, &truth]);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the lab failed: {said}");
    judged(&capture);
}

#[test]
fn every_shipped_capture_of_the_lab_is_judged_when_asked_for() {
    if !is_asked_for("SPANWATCH_ALL") {
        return;
    }
    let mut captures: Vec<PathBuf> = std::fs::read_dir(project("pcaps"))
        .expect("there are captures")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|it| it == "pcapng"))
        .filter(|path| path.with_extension("truth.json").exists())
        .collect();
    captures.sort();
    assert!(!captures.is_empty());
    captures.iter().for_each(|capture| judged(capture));
}
