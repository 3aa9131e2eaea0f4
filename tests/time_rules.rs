//! Time: what silence, holes, leaps and damage may and may not be taken for.
//!
//! The sample with parts taken out of it or moved, by rules of design rather than by what the program does.

use crate::support;

use serde_json::Value;
use support::capture::{Frame, Pcap, pcapng};
use support::run::{Scratch, replay, spanwatch};
use support::site::Site;
use support::story::{incidents, list, nanoseconds};

const SECOND: i64 = 1_000_000_000;

fn kinds(report: &Value) -> Vec<&str> {
    incidents(report).map(|finding| finding["kind"].as_str().expect("a kind")).collect()
}

/// The sample until the first thing happens in it: a site where all is well.
fn well() -> (Vec<Frame>, i64) {
    let site = Site::sample();
    let first = nanoseconds(site.truth["events"][0]["from"].as_str().expect("a time"));
    let frames: Vec<Frame> = site.frames.into_iter().filter(|frame| frame.at < first - SECOND).collect();
    let start = frames[0].at;
    (frames, start)
}

#[test]
fn a_site_where_all_is_well_has_no_finding() {
    let scratch = Scratch::new("well");
    let (frames, _) = well();
    let report = replay(&scratch.file("well.pcapng", &pcapng(&frames, &[9])));
    assert_eq!(kinds(&report), [""; 0]);
    assert_eq!(report["summary"]["offline"], 0);
}

#[test]
fn nothing_fires_at_the_end_of_a_capture() {
    let scratch = Scratch::new("end");
    let site = Site::sample();
    let death = nanoseconds(site.truth["events"][0]["from"].as_str().expect("a time"));
    let frames: Vec<Frame> = site.frames.into_iter().filter(|frame| frame.at < death + 3 * SECOND).collect();
    let report = replay(&scratch.file("end.pcapng", &pcapng(&frames, &[9])));
    assert_eq!(kinds(&report), [""; 0]);
}

#[test]
fn silence_of_everything_is_the_mirror_and_nobody_is_offline() {
    let scratch = Scratch::new("silence");
    let (frames, start) = well();
    let (from, to) = (start + 50 * SECOND, start + 80 * SECOND);
    let last = frames.iter().map(|frame| frame.at).filter(|at| *at < from).max().expect("frames before");
    let frames: Vec<Frame> = frames.into_iter().filter(|frame| !(from..to).contains(&frame.at)).collect();
    let report = replay(&scratch.file("silence.pcapng", &pcapng(&frames, &[9])));
    assert_eq!(kinds(&report), ["mirror-lost"]);
    let finding = incidents(&report).next().expect("as its kind is there");
    assert_eq!(nanoseconds(finding["first_seen"].as_str().expect("a time")), last);
    assert!(finding["ended"].is_string());
    assert_eq!(report["capture"]["blind"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_hole_between_two_files_is_neither_the_mirror_nor_a_device() {
    let scratch = Scratch::new("hole");
    let (frames, start) = well();
    let (before, after): (Vec<Frame>, Vec<Frame>) =
        frames.into_iter().partition(|frame| frame.at < start + 50 * SECOND);
    let after: Vec<Frame> = after.into_iter().filter(|frame| frame.at >= start + 80 * SECOND).collect();
    scratch.file("one.pcapng", &pcapng(&before, &[9]));
    scratch.file("two.pcapng", &pcapng(&after, &[9]));
    let report = replay(scratch.path());
    assert_eq!(kinds(&report), [""; 0]);
    let blind = &report["capture"]["blind"];
    assert_eq!(blind.as_array().map(Vec::len), Some(1), "{blind}");
    assert_eq!(blind[0]["reason"], "no input covers it");
    let camera = list(&report, "devices").find(|device| device["kind"] == "camera").expect("a camera");
    let states: Vec<&str> = list(camera, "history").filter_map(|entry| entry["state"].as_str()).collect();
    assert_eq!(states, ["online", "unknown", "online"]);
}

#[test]
fn a_leap_of_the_clock_is_said_and_nothing_is_concluded_from_it() {
    for by_days in [3, -3] {
        let scratch = Scratch::new("leap");
        let (mut frames, start) = well();
        for frame in frames.iter_mut().filter(|frame| frame.at > start + 50 * SECOND) {
            frame.at += by_days * 86_400 * SECOND;
        }
        let report = replay(&scratch.file("leap.pcapng", &pcapng(&frames, &[9])));
        assert_eq!(kinds(&report), ["mirror-clock"], "{by_days} days");
        assert_eq!(report["summary"]["offline"], 0);
    }
}

#[test]
fn a_capture_cut_in_the_middle_yields_what_is_before_and_says_where() {
    let scratch = Scratch::new("cut");
    let (frames, _) = well();
    let mut bytes = Pcap { is_big_endian: false, is_nano: true }.bytes(&frames[..500]);
    let whole = bytes.len();
    bytes.truncate(whole - 10);
    let path = scratch.file("cut.pcap", &bytes);
    let outcome = spanwatch(["replay".as_ref(), path.as_os_str()]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let report = outcome.report();
    assert_eq!(kinds(&report), ["input-damaged"]);
    assert_eq!(report["capture"]["inputs"][0]["packets"], 499);
    let last = whole - 16 - frames[499].bytes.len();
    let error = report["capture"]["inputs"][0]["error"].as_str().expect("an error");
    assert!(error.contains(&last.to_string()), "{error} names no offset {last}");
}

#[test]
fn time_goes_on_until_the_given_end() {
    let site = Site::sample();
    let scratch = Scratch::new("until");
    let event = &site.truth["events"][0];
    let death = nanoseconds(event["from"].as_str().expect("a time"));
    let to = nanoseconds(event["link_up"].as_str().expect("a time"));
    let frames: Vec<Frame> = site.frames.into_iter().filter(|frame| frame.at < to - SECOND).collect();
    let path = scratch.file("until.pcapng", &pcapng(&frames, &[9]));
    let report = replay(&path);
    assert_eq!(kinds(&report), ["device-offline"]);
    let finding = incidents(&report).next().expect("as its kind is there");
    assert!(finding.get("ended").is_none());
    let since = nanoseconds(finding["first_seen"].as_str().expect("a time"));
    let detected = nanoseconds(finding["detected"].as_str().expect("a time"));
    assert!((death - 2 * SECOND..death + SECOND).contains(&since), "{finding}");
    assert!(detected > since);
    assert_eq!(report["summary"]["offline"], 1);

    let until = ["replay".as_ref(), path.as_os_str(), "--until=2100-01-01T00:00:00Z".as_ref()];
    let later = spanwatch(until).report();
    assert_eq!(kinds(&later), ["device-offline"]);
    assert_eq!(later["summary"]["online"], 0);
}
