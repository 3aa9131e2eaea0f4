//! The lab: a site of real devices in network namespaces is built, a camera dies, and the report is the truth. It is watched
//! live meanwhile, and what is said then is what a replay of the capture says.
//!
//! Needs root and the programs that `tests/lab/lab.py doctor` asks for. `SPANWATCH_ALL=1` holds every
//! capture that `make lab` left against its truth instead.

mod attacks;
mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use support::capture::{self, Frame, Pcap};
use support::run::{SPANWATCH, Scratch, replay};
use support::site::{self, Site};
use support::story::nanoseconds;
use support::truth::{complaints, delays};
use support::{is_asked_for, project, skipped};

fn lab<A: AsRef<OsStr>>(arguments: &[A]) -> Output {
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
    let lacking = lab(&["doctor"]);
    if !lacking.status.success() {
        let what = String::from_utf8_lossy(&lacking.stdout);
        return skipped(&format!("the lab cannot run here: {}", what.trim().replace('\n', " ")));
    }
    let scratch = Scratch::new("lab");
    let (capture, truth) = (scratch.path().join("short.pcapng"), scratch.path().join("short.truth.json"));
    let (live, lines) = (scratch.path().join("live.json"), scratch.path().join("lines.jsonl"));
    let [run, site, between, shell] = ["run", "short", "--", "sh"].map(OsStr::new);
    let watch =
        format!("exec {SPANWATCH} watch -i span0 --format json -o {} > {}", live.display(), lines.display());
    let beside = [between, shell, OsStr::new("-c"), watch.as_ref()];
    let arguments = [&[run, site, capture.as_os_str(), truth.as_os_str()][..], &beside].concat();
    let output = lab(&arguments);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the lab failed: {said}");
    assert_none(&judged(&capture));

    let live: Value = serde_json::from_slice(&std::fs::read(live).expect("it was written")).expect("JSON");
    assert_live_is_replay(&live, &capture, &scratch);
    let lines = std::fs::read_to_string(lines).expect("it was written");
    assert_lines_lead_to(&lines, &live);
}

/// What was said live is what a replay says of the frames of that time, as another program captured them beside it. Each
/// program has a stamp of its own for a frame that bears none (TCP between namespaces: Linux keeps the time of sending in
/// its place), so that times differ a little, and with them the ids of findings that begin then.
fn assert_live_is_replay(live: &Value, beside: &Path, scratch: &Scratch) {
    let port = &live["capture"]["inputs"][0];
    assert_eq!([&port["sent"], &port["dropped"]], [0, 0], "{port}");
    let frames = capture::read(beside);
    let ends = ["first", "last"].map(|key| nanoseconds(site::text(port, key)));
    let count = usize::try_from(port["packets"].as_u64().expect("a count")).expect("fits");
    let frames = same_frames(&frames, count, ends);
    let nanoseconds = Pcap { is_nano: true, ..Pcap::PLAIN };
    let replayed = replay(&scratch.file("beside.pcap", &nanoseconds.bytes(frames)));
    for key in ["findings", "devices", "switches", "summary"] {
        let mut complaints = Vec::new();
        differences(key, &live[key], &replayed[key], &mut complaints);
        assert_none(&complaints);
    }
    assert_eq!(live["capture"]["packets"], replayed["capture"]["packets"]);
    assert!(live["findings"].as_array().is_some_and(|findings| !findings.is_empty()));
}

/// As many frames on end as were seen live, of which the first and the last lie nearest to those.
fn same_frames(frames: &[Frame], count: usize, [first, last]: [i64; 2]) -> &[Frame] {
    let distance = |span: &&[Frame]| span[0].at.abs_diff(first) + span[count - 1].at.abs_diff(last);
    let nearest = frames.windows(count).min_by_key(distance).expect("as many frames as were seen live");
    assert!(distance(&nearest) < 2 * STAMPS_APART_NS, "the same frames were captured");
    nearest
}

/// Says where two values differ by more than a stamp does.
fn differences(at: &str, one: &Value, other: &Value, out: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let pairs = ones.iter().zip(others).enumerate();
            pairs.for_each(|(index, (one, other))| differences(&format!("{at}[{index}]"), one, other, out));
        }
        (Value::Object(ones), Value::Object(others)) if ones.keys().eq(others.keys()) => {
            let is_named_by_time =
                |key: &str| at.starts_with("findings") && ["id", "supersedes"].contains(&key);
            for (key, one) in ones.iter().filter(|(key, _)| !is_named_by_time(key)) {
                differences(&format!("{at}.{key}"), one, &others[key], out);
            }
        }
        _ => {
            let times =
                [text(one), text(other)].map(|it| it.filter(|it| is_time(it)).map(|it| nanoseconds(&it)));
            let is_near = matches!(times, [Some(one), Some(other)] if one.abs_diff(other) < STAMPS_APART_NS);
            if !is_near && one != other {
                out.push(format!("{at}: live {one}, replayed {other}"));
            }
        }
    }
}

fn is_time(text: &str) -> bool {
    text.len() == "2026-11-22T09:14:03.000000000Z".len() && text.ends_with('Z') && text.contains('T')
}

/// Each finding of the report was told as it was made, and ended where it did; whatever else was made was withdrawn.
fn assert_lines_lead_to(lines: &str, report: &Value) {
    let mut told = BTreeMap::new();
    let (mut made, mut ended) = (0, 0);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(line["type"], "finding");
        let id = site::text(&line, "id").to_owned();
        match site::text(&line, "change") {
            "made" => made += usize::from(told.insert(id, line["ended"].clone()).is_none()),
            "withdrawn" => assert!(told.remove(&id).is_some(), "{line}"),
            change => {
                ended += usize::from(change == "ended");
                assert!(told.insert(id, line["ended"].clone()).is_some(), "{line}");
            }
        }
    }
    let findings = listed(&report["findings"]);
    let due = findings.iter().map(|finding| (site::text(finding, "id").to_owned(), finding["ended"].clone()));
    assert_eq!(told, due.collect());
    assert!(made > 0 && ended > 0, "{made} made, {ended} ended");
}

fn listed(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
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

/// Two programs that read the same port stamp a frame at most so far apart: microseconds, or for as long as the machine
/// takes the processor away between the two.
const STAMPS_APART_NS: u64 = 50_000_000;
