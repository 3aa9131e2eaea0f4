//! The same captures give the same bytes, whatever the threads, the order of the arguments or the folder.

use crate::support;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use support::capture::{Frame, Pcap, pcapng};
use support::run::{Outcome, Scratch, command, spanwatch};
use support::shared_captures;
use support::site::Site;
use support::wire::{self, End};

/// Runs `replay` with these threads over these paths.
fn replayed(threads: &str, options: &[&str], paths: &[PathBuf]) -> Outcome {
    let options =
        ["replay", "--threads", threads].into_iter().chain(options.iter().copied()).map(OsString::from);
    let outcome = spanwatch(options.chain(paths.iter().map(|path| path.as_os_str().to_owned())));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome
}

/// Fails with the first line that differs, for a whole report is too long to read.
fn assert_same(one: &Outcome, other: &Outcome, when: &str) {
    if one.stdout == other.stdout {
        return;
    }
    let (mut ones, mut others) = (one.text().lines(), other.text().lines());
    let different = (1..).find_map(|number| {
        let (one, other) = (ones.next(), others.next());
        (one != other || one.is_none()).then_some((number, one, other))
    });
    let (number, one, other) = different.expect("somewhere they differ");
    let cut = |line: Option<&str>| line.map(|line| line.chars().take(2_000).collect::<String>());
    panic!("{when}: line {number} differs:\n{:?}\n{:?}", cut(one), cut(other));
}

#[test]
fn threads_change_nothing_in_the_sample() {
    let sample = [Site::sample().path];
    for format in ["json", "jsonl", "csv", "table"] {
        let one = replayed("1", &["--format", format], &sample);
        assert!(!one.stdout.is_empty());
        for threads in ["2", "8", "64"] {
            let many = replayed(threads, &["--format", format], &sample);
            assert_same(&one, &many, &format!("{format} with {threads} threads"));
        }
    }
}

#[test]
fn order_of_arguments_changes_nothing() {
    let scratch = Scratch::new("arguments");
    let sample = Site::sample();
    let parts = |(number, frames)| scratch.file(&format!("part{number}.pcapng"), &pcapng(frames, &[9]));
    let mut paths: Vec<PathBuf> =
        sample.frames.chunks(sample.frames.len() / 5 + 1).enumerate().map(parts).collect();
    let once = replayed("2", &["--format=json"], &paths);
    for _ in 1..paths.len() {
        paths.rotate_left(1);
        assert_same(&once, &replayed("1", &["--format=json"], &paths), "arguments turned round");
    }
    paths.reverse();
    assert_same(&once, &replayed("8", &["--format=json"], &paths), "arguments reversed");
    let folder = [scratch.path().to_owned()];
    assert_same(&once, &replayed("2", &["--format=json"], &folder), "as a folder");
}

#[test]
fn overlapping_captures_are_merged_alike() {
    let scratch = Scratch::new("overlapping");
    let sample = Site::sample();
    let mut paths = Vec::new();
    for every in 0..3 {
        let frames: Vec<_> = sample.frames.iter().skip(every).step_by(3).cloned().collect();
        paths.push(scratch.file(&format!("third{every}.pcapng"), &pcapng(&frames, &[9])));
    }
    let once = replayed("1", &["--format=json"], &paths);
    paths.reverse();
    assert_same(&once, &replayed("8", &["--format=json"], &paths), "reversed, with 8 threads");
}

#[test]
fn without_file_hashes_the_report_is_the_same_but_for_them() {
    let scratch = Scratch::new("unhashed");
    let sample = Site::sample();
    let (one, two) = sample.frames.split_at(sample.frames.len() / 2);
    let mut damaged = pcapng(two, &[9]);
    damaged.truncate(damaged.len() - 5);
    let parts = [pcapng(one, &[9]), damaged];
    // Of one name: only what is in them tells which comes first, and no folder does.
    let in_folders = |names: [&str; 2]| -> Vec<PathBuf> {
        let paths = names.into_iter().zip(&parts).map(|(folder, bytes)| {
            std::fs::create_dir_all(scratch.path().join(folder)).expect("a folder");
            scratch.file(&format!("{folder}/part.pcapng"), bytes)
        });
        paths.collect()
    };
    let unhashed = ["--format=json", "--no-file-hash"];
    let (mut paths, others) = (in_folders(["a", "b"]), in_folders(["d", "c"]));
    let without = replayed("2", &unhashed, &paths);
    let mut expected = replayed("1", &["--format=json"], &paths).report();
    for input in expected["capture"]["inputs"].as_array_mut().expect("inputs") {
        let hash = input.as_object_mut().expect("an input").remove("sha256").expect("a hash");
        assert_eq!(hash.as_str().map(str::len), Some(64));
    }
    assert_eq!(without.report(), expected);
    assert!(without.text().contains("input-damaged"), "a kind that tells of files");
    paths.reverse();
    assert_same(&without, &replayed("1", &unhashed, &paths), "arguments reversed");
    assert_same(&without, &replayed("8", &unhashed, &others), "in other folders");
}

#[test]
fn working_directory_and_name_of_the_folder_change_nothing() {
    let scratch = Scratch::new("directory");
    let sample = Site::sample().path;
    let name = sample.file_name().expect("a file");
    std::fs::create_dir(scratch.path().join("elsewhere")).expect("new");
    std::fs::copy(&sample, scratch.path().join("elsewhere").join(name)).expect("copied");
    let once = replayed("2", &["--format=json"], std::slice::from_ref(&sample));
    let arguments = [OsString::from("replay"), "--format=json".into(), name.into()];
    let folder = scratch.path().join("elsewhere");
    let output = command(arguments).current_dir(folder).env("TZ", "Asia/Tokyo").env("LANG", "C").output();
    assert!(output.expect("it runs").stdout == once.stdout, "from another directory, zone and language");
}

#[test]
fn seeds_of_tables_never_show() {
    // Far more at one moment, between two hosts, than anything can be kept apart for: something is evicted.
    let (one, other) = (End::new([192, 0, 2, 1], 5_000), End::new([192, 0, 2, 2], 5_001));
    let frame = |n: u32| {
        let from = End { port: 1_024 + (n % 50_000) as u16, ..one };
        Frame::new(0, wire::udp(from, other, n as u16, &n.to_be_bytes()))
    };
    let scratch = Scratch::new("seeds");
    for count in [2_000, 3_000, 6_000, 12_000, 60_000] {
        let flood: Vec<Frame> = (0..count).map(frame).collect();
        let flood = [scratch.file("flood.pcap", &Pcap::PLAIN.bytes(&flood))];
        let once = replayed("1", &["--format=json"], &flood);
        for _ in 0..8 {
            assert_same(&once, &replayed("2", &["--format=json"], &flood), &format!("{count} frames again"));
        }
    }
}

#[test]
fn threads_change_nothing_over_all_public_captures() {
    let Some(folder) = shared_captures() else { return };
    let folders = [folder];
    let one = replayed("1", EACH, &folders);
    assert!(one.text().lines().count() > 8_000);
    for threads in ["2", "8"] {
        assert_same(&one, &replayed(threads, EACH, &folders), &format!("--each with {threads} threads"));
    }
}

#[test]
fn threads_change_nothing_over_many_captures_as_one_site() {
    let Some(folder) = shared_captures() else { return };
    let mut paths: Vec<PathBuf> = MERGED.iter().map(|name| folder.join(name)).collect();
    paths.iter().for_each(|path| assert!(Path::new(path).exists(), "{}", path.display()));
    let one = replayed("1", &["--format=jsonl"], &paths);
    paths.reverse();
    assert_same(&one, &replayed("8", &["--format=jsonl"], &paths), "reversed, with 8 threads");
}

const EACH: &[&str] = &["--each", "--format=jsonl", "--no-progress"];

/// Folders whose captures are read as one site: years apart, all link types, damage.
const MERGED: &[&str] =
    &["andypitcher__IoT_Sentinel", "seladb__PcapPlusPlus", "lldpd__lldpd", "QuantumEntangledAndy__neolink"];
