//! The same traffic in every form in which a mirror or a capture program may show it gives the
//! same devices, switches, streams and findings.
//!
//! The shipped sample is rewritten by tools of our own. What a form cannot carry is left out of the
//! comparison and stands in its test: times finer than its stamps, VLANs, frame numbers.

use crate::support;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use support::capture::{Frame, Pcap, pcapng, zstd};
use support::forms::{self, INNER_VLAN, OUTER_VLAN, Tunnel};
use support::run::{Scratch, replay, spanwatch};
use support::site::Site;
use support::story::{Story, list};
use support::wire;

static SITE: LazyLock<Site> = LazyLock::new(Site::sample);
/// Frames that are alike to the last bit: a host may reset one connection twice.
static TWINS: LazyLock<usize> = LazyLock::new(|| {
    let pairs = SITE.frames.windows(2);
    pairs.filter(|pair| pair[0].bytes == pair[1].bytes && pair[1].at - pair[0].at < 100_000).count()
});
static STORY: LazyLock<Story> = LazyLock::new(|| Story::of(&replay(&SITE.path)));

/// Writes frames with nanoseconds, and holds the report against that on the sample as it is.
fn same(name: &str, frames: &[Frame]) -> Value {
    let scratch = Scratch::new(name);
    let nano = Pcap { is_nano: true, ..Pcap::PLAIN };
    let report = replay(&scratch.file("form.pcap", &nano.bytes(frames)));
    tells_the_same(&report, EXACT);
    report
}

fn tells_the_same(report: &Value, precision: i64) {
    let differences = STORY.differences(&Story::of(report), precision);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// VLANs of every device that was heard tagged.
fn vlans(report: &Value) -> Vec<&Value> {
    list(report, "devices").map(|device| &device["vlans"]).filter(|vlans| **vlans != json!([])).collect()
}

#[test]
fn the_sample_has_something_to_compare() {
    let report = replay(&SITE.path);
    assert!(list(&report, "streams").count() >= 7);
    assert!(list(&report, "findings").any(|finding| finding["kind"] == "device-offline"));
    assert_eq!(report["capture"]["packets"], SITE.frames.len());
    assert_eq!(report["capture"]["duplicates"], *TWINS);
    assert_eq!(report["capture"]["encapsulations"], json!({}));
}

#[test]
fn duplicated_both_ways() {
    let copied = forms::with_copies(&SITE.frames, |frame| Some(frame.bytes.clone()));
    let report = same("duplicated", &copied);
    assert_eq!(report["capture"]["duplicates"], SITE.frames.len() + *TWINS);
}

#[test]
fn duplicated_by_a_routing_switch() {
    let router = SITE.mac_of("router");
    let copied = forms::with_copies(&SITE.frames, |frame| wire::routed(&frame.bytes, router));
    assert!(copied.len() > SITE.frames.len() * 3 / 2);
    let report = same("routed", &copied);
    assert_eq!(report["capture"]["duplicates"], copied.len() - SITE.frames.len() + *TWINS);
}

#[test]
fn duplicated_into_another_vlan() {
    let copied =
        forms::with_copies(&SITE.frames, |frame| Some(wire::tagged(&frame.bytes, wire::TAG, INNER_VLAN)));
    let report = same("other-vlan", &copied);
    assert_eq!(report["capture"]["duplicates"], SITE.frames.len() + *TWINS);
}

#[test]
fn every_frame_tagged() {
    let report = same("tagged", &forms::tagged(&SITE.frames));
    assert_eq!(report["capture"]["vlans"], json!([INNER_VLAN]));
    assert_eq!(report["capture"]["encapsulations"], json!({ "vlan": SITE.frames.len() }));
    assert_eq!(vlans(&report).len(), list(&report, "devices").count());
}

#[test]
fn one_side_tagged() {
    let report = same("one-side", &forms::tagged_one_way(&SITE.frames, &SITE.field_devices()));
    assert_eq!(report["capture"]["vlans"], json!([INNER_VLAN]));
}

#[test]
fn tagged_twice() {
    let report = same("qinq", &forms::double_tagged(&SITE.frames));
    assert_eq!(report["capture"]["vlans"], json!([INNER_VLAN, OUTER_VLAN]));
    assert_eq!(report["capture"]["encapsulations"], json!({ "qinq": SITE.frames.len() }));
}

fn same_through(tunnel: Tunnel, called: &str) {
    let report = same(called, &forms::tunnelled(&SITE.frames, tunnel, UNCUT));
    assert_eq!(report["capture"]["encapsulations"], json!({ called: SITE.frames.len() }));
}

#[test]
fn carried_by_erspan_i() {
    same_through(Tunnel::Erspan1, "erspan1");
}

#[test]
fn carried_by_erspan_ii() {
    same_through(Tunnel::Erspan2, "erspan2");
}

#[test]
fn copies_that_are_missing_by_the_numbers_of_erspan_are_counted_and_no_loss_of_a_camera() {
    let whole = forms::tunnelled(&SITE.frames, Tunnel::Erspan2, UNCUT);
    let begin = whole[0].at;
    let is_missing =
        |(n, frame): &(usize, Frame)| n % 20 == 0 && (5..25).contains(&((frame.at - begin) / 1_000_000_000));
    let (missing, left): (Vec<_>, Vec<_>) = whole.into_iter().enumerate().partition(is_missing);
    let left: Vec<Frame> = left.into_iter().map(|(_, frame)| frame).collect();
    let scratch = Scratch::new("numbered");
    let report = replay(&scratch.file("numbered.pcap", &Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(&left)));
    let told = |report, is_drops| {
        let findings = list(report, "findings").filter(|it| (it["kind"] == "mirror-drops") == is_drops);
        // Where a first frame is missing another comes first.
        let mut told: Vec<_> =
            findings.map(|it| json!([it["kind"], it["cause"], it["switch"]]).to_string()).collect();
        told.sort();
        told
    };
    assert_eq!(told(&report, true), [json!(["mirror-drops", "mirror", null]).to_string()]);
    let drops = list(&report, "findings").find(|it| it["kind"] == "mirror-drops").expect("as was seen");
    assert_eq!(drops["count"], missing.len());
    assert_eq!(told(&report, false), told(&replay(&SITE.path), false));
}

#[test]
fn carried_by_erspan_iii() {
    same_through(Tunnel::Erspan3, "erspan3");
}

#[test]
fn carried_by_gre() {
    same_through(Tunnel::Gre, "gre");
}

#[test]
fn carried_by_vxlan() {
    same_through(Tunnel::Vxlan, "vxlan");
}

#[test]
fn carried_by_erspan_ii_in_fragments() {
    let cut = forms::tunnelled(&SITE.frames, Tunnel::Erspan2, 300);
    assert!(cut.len() > SITE.frames.len() * 5 / 4);
    same("fragments", &cut);
}

#[test]
fn tagged_and_duplicated_and_carried_by_vxlan() {
    let tagged = forms::tagged_one_way(&SITE.frames, &SITE.field_devices());
    let copied = forms::with_copies(&tagged, |frame| Some(frame.bytes.clone()));
    let report = same("all-at-once", &forms::tunnelled(&copied, Tunnel::Vxlan, UNCUT));
    assert_eq!(report["capture"]["duplicates"], SITE.frames.len() + *TWINS);
}

#[test]
fn nanoseconds_in_a_pcap() {
    same("nano", &SITE.frames);
}

#[test]
fn microseconds_in_a_pcap() {
    written("micro", &Pcap::PLAIN.bytes(&SITE.frames), "pcap", MICROSECOND);
}

#[test]
fn big_endian_microseconds() {
    let form = Pcap { is_big_endian: true, is_nano: false };
    written("big-endian", &form.bytes(&SITE.frames), "pcap", MICROSECOND);
}

#[test]
fn big_endian_nanoseconds() {
    let form = Pcap { is_big_endian: true, is_nano: true };
    written("big-endian-nano", &form.bytes(&SITE.frames), "pcap-ns", EXACT);
}

/// A file of this format, which is told.
fn written(name: &str, bytes: &[u8], format: &str, precision: i64) {
    let scratch = Scratch::new(name);
    let report = replay(&scratch.file("form.cap", bytes));
    assert_eq!(report["capture"]["inputs"][0]["format"], format);
    tells_the_same(&report, precision);
}

#[test]
fn two_interfaces_with_unlike_clocks() {
    let field = SITE.field_devices();
    let interface = |frame: &Frame| u32::from(field.contains(&frame.source()));
    let split: Vec<Frame> =
        SITE.frames.iter().map(|frame| Frame { interface: interface(frame), ..frame.clone() }).collect();
    written("two-interfaces", &pcapng(&split, &[9, 6]), "pcapng", MICROSECOND);
}

#[test]
fn packed_by_gzip() {
    let scratch = Scratch::new("gzip");
    let plain = scratch.file("form.pcap", &Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(&SITE.frames));
    assert!(Command::new("gzip").arg(&plain).status().expect("gzip is there").success());
    let report = replay(&plain.with_extension("pcap.gz"));
    assert_eq!(report["capture"]["inputs"][0]["format"], "pcap-ns+gzip");
    tells_the_same(&report, EXACT);
}

#[test]
fn packed_by_zstd() {
    let plain = Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(&SITE.frames);
    written("zstd", &zstd(&plain), "pcap-ns+zstd", EXACT);
}

/// The sample as `tcpdump -C` would have rotated it.
fn rotated(folder: &Scratch) -> Vec<std::path::PathBuf> {
    let part = |(number, frames)| folder.file(&format!("site.pcap{number}"), &pcapng(frames, &[9]));
    SITE.frames.chunks(SITE.frames.len() / 6 + 1).enumerate().map(part).collect()
}

#[test]
fn split_into_files_of_a_folder() {
    let scratch = Scratch::new("folder");
    let files = rotated(&scratch);
    let report = replay(scratch.path());
    assert_eq!(list(&report["capture"], "inputs").count(), files.len());
    tells_the_same(&report, EXACT);
}

#[test]
fn split_into_files_named_in_any_order() {
    let scratch = Scratch::new("shuffled");
    let files = rotated(&scratch);
    let arguments = [4, 1, 5, 0, 3, 2].map(|index| files[index].as_path());
    let report =
        spanwatch([Path::new("replay"), Path::new("--format=json")].into_iter().chain(arguments)).report();
    tells_the_same(&report, EXACT);
}

#[test]
fn one_capture_per_direction() {
    let scratch = Scratch::new("directions");
    let field = SITE.field_devices();
    let (from, to): (Vec<_>, Vec<_>) =
        SITE.frames.iter().cloned().partition(|frame| field.contains(&frame.source()));
    scratch.file("a-from-devices.pcapng", &pcapng(&from, &[9]));
    scratch.file("b-to-devices.pcapng", &pcapng(&to, &[9]));
    tells_the_same(&replay(scratch.path()), EXACT);
}

#[test]
fn out_of_order_within_a_millisecond() {
    let swapped = forms::out_of_order(&SITE.frames);
    assert_ne!(swapped, SITE.frames);
    let scratch = Scratch::new("out-of-order");
    let report = replay(&scratch.file("form.pcapng", &pcapng(&swapped, &[9])));
    // Media that comes in another order is told to come so, and who comes first may be told by the next frame.
    let but_order = |story: Story| story.without(|name| name.ends_with(" out_of_order"));
    let differences = but_order(STORY.clone()).differences(&but_order(Story::of(&report)), MILLISECOND);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Stamps are carried to the nanosecond.
const EXACT: i64 = 0;
/// Stamps are cut to the microsecond; a deadline is made of several.
const MICROSECOND: i64 = 5_000;
/// Frames were moved by less.
const MILLISECOND: i64 = 1_000_000;
/// No outer packet is cut.
const UNCUT: usize = 9_000;
