//! Every public capture that lies beside the project, against what others count in it.

mod support;

use std::path::Path;
use std::process::Command;

use support::{captures, index, read_file};

/// Captures of which the index counts other packets than we do, with ours.
const DIFFERENCES: &[(&str, u64, &str)] = &[
    ("hadrielk__pcapng-test-generator/output_be/advanced/test102.pcapng", 5, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_be/basic/test017.pcapng", 0, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_be/difficult/test202.pcapng", 8, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/advanced/test102.pcapng", 5, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/basic/test017.pcapng", 0, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/difficult/test202.pcapng", 8, CUSTOM),
    ("the-tcpdump-group__tcpdump/tests/brcm-tag.pcap", 23, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/dsa-high-vid.pcap", 4, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/edsa-high-vid.pcap", 4, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/hoobr_juniper3.pcap", 1, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/juniper_monitor_invalid_cookie_length.pcap", 1, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/kday6.pcap", 1, UNKNOWN),
];
const CUSTOM: &str = "custom blocks are no frames, though the index counts them";
const UNKNOWN: &str = "the index could not open the link type";

#[test]
fn packets_are_as_many_as_the_index_says() {
    let Some(folder) = captures() else { return };
    let mut wrong = Vec::new();
    for (path, packets) in index(&folder) {
        let all = read_file(&folder.join(&path));
        let report = &all.reports[0];
        assert_eq!(all.frames.len() as u64, report.packets, "{path}");
        let difference = DIFFERENCES.iter().find(|(known, ..)| *known == path);
        let expected = difference.map_or(packets, |(_, packets, _)| *packets);
        if expected != report.packets {
            wrong.push(format!("{path}: {expected} expected, {} read, {:?}", report.packets, report.error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Captures that tshark reads in another way, and why ours is kept.
const READ_OTHERWISE: &[(&str, &str)] = &[
    ("the-tcpdump-group__tcpdump/tests/atm-heapoverflow.pcap", SUN_ATM),
    ("the-tcpdump-group__tcpdump/tests/atm-oam-heapoverflow.pcap", SUN_ATM),
    ("the-tcpdump-group__tcpdump/tests/atm-oam-loopback-print-overrun.pcap", SUN_ATM),
    ("the-tcpdump-group__tcpdump/tests/rx_serviceid_oobr.pcap", FRACTION),
    ("the-tcpdump-group__tcpdump/tests/timestamp_invalid_micro.pcap", FRACTION),
    ("the-tcpdump-group__tcpdump/tests/timestamp_invalid_nano.pcap", FRACTION),
];
const SUN_ATM: &str = "tshark takes four bytes of SunATM header out of the frame";
const FRACTION: &str = "a fraction of many seconds, which tshark keeps in 32 bits";

/// What tshark says of one frame: number, time, length on the wire and captured.
fn told_by_tshark(path: &Path) -> Vec<(u64, Option<i64>, u32, usize)> {
    let fields = ["frame.number", "frame.time_epoch", "frame.len", "frame.cap_len"];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields"]).args(fields.iter().flat_map(|field| ["-e", field]));
    let output = tshark.arg("-r").arg(path).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let frames = lines.lines().map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let [number, at, wire, captured] = fields[..] else { panic!("{line}") };
        (number.parse().unwrap(), nanoseconds(at), wire.parse().unwrap(), captured.parse().unwrap())
    });
    frames.collect()
}

fn nanoseconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.')?;
    let sign = if seconds.starts_with('-') { -1 } else { 1 };
    let whole = seconds.parse::<i64>().unwrap().saturating_mul(1_000_000_000);
    Some(whole.saturating_add(sign * fraction.parse::<i64>().unwrap()))
}

fn differs_from_tshark(folder: &Path, path: &str) -> Option<String> {
    let told = told_by_tshark(&folder.join(path));
    let all = read_file(&folder.join(path));
    for (head, bytes) in &all.frames {
        let ours = (head.frame, Some(head.at.0), head.wire_length, bytes.len());
        let Some(theirs) = told.iter().find(|(number, ..)| *number == head.frame) else {
            return Some(format!("{path}: tshark has no frame {}", head.frame));
        };
        // Zeros where a record header should stand have no time here.
        let at = theirs.1.filter(|at| (*at, theirs.2) != (0, 0));
        let theirs = (theirs.0, at.or(ours.1), theirs.2, theirs.3);
        if ours != theirs {
            return Some(format!("{path}: {ours:?} here, {theirs:?} there"));
        }
    }
    None
}

/// Compares every capture that `is_chosen` says, two at a time.
fn compare_with_tshark(is_chosen: impl Fn(usize, &str) -> bool) {
    let Some(folder) = captures() else { return };
    if !support::has_program("tshark") {
        return;
    }
    let is_known = |path: &str| {
        DIFFERENCES.iter().any(|(known, _, why)| *known == path && *why == UNKNOWN)
            || READ_OTHERWISE.iter().any(|(known, _)| *known == path)
    };
    let paths = index(&folder).into_iter().map(|(path, _)| path).enumerate();
    let paths: Vec<_> = paths.filter(|(row, path)| is_chosen(*row, path) && !is_known(path)).collect();
    let (one, other) = paths.split_at(paths.len() / 2);
    let compare = |paths: &[(usize, String)]| {
        paths.iter().filter_map(|(_, path)| differs_from_tshark(&folder, path)).collect::<Vec<_>>()
    };
    let wrong = std::thread::scope(|scope| {
        let other = scope.spawn(|| compare(other));
        [compare(one), other.join().unwrap()].concat()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn frames_of_the_pcapng_generator_and_a_sample_of_others_are_as_tshark_says() {
    compare_with_tshark(|row, path| path.starts_with("hadrielk__") || row % 40 == 0);
}

#[test]
#[ignore = "takes minutes"]
fn frames_of_all_captures_are_as_tshark_says() {
    compare_with_tshark(|_, _| true);
}
