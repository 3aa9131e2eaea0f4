//! The machine's clock is set while it is watched: an hour forwards, two hours back.
//!
//! The packets' times come from the kernel, so that a kernel of its own is needed whose clock nobody else has: User Mode Linux,
//! which runs as a process and takes the files of this machine for its own. Needs user-mode-linux, busybox, iproute2 and python3.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::capture::Frame;
use support::run::{SPANWATCH, Scratch, spanwatch};
use support::wire::{End, arp};
use support::wires::{SEND, lines_of};
use support::{capture, machine};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// All lines of a file, as JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What SQL gives of a store, as Python's SQLite reads it: one number.
fn number(store: &Path, sql: &str) -> u64 {
    let output = Command::new("python3").args(["-c", ASK]).arg(store.join("spanwatch.db")).arg(sql).output();
    let output = output.expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

#[test]
fn a_clock_that_is_set_forwards_and_back_makes_nobody_offline_and_loses_no_minute() {
    if !machine::is_there() {
        return;
    }
    let scratch = Scratch::new("clock");
    let folder = scratch.path();
    let made = folder.join("site.pcapng");
    let ordered = ["--devices=12", "--length=17s", "--bit-rate=20000"];
    let outcome = spanwatch(["simulate", "-w", text(&made)].into_iter().chain(ordered));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let frames = capture::read(&made);
    scratch.file("frames", lines_of(&frames).as_bytes());
    // With which time goes on when all is sent.
    let [asks, asked] = [1, 2].map(|last| End::new([192, 0, 2, last], 0));
    let after = [0, 1_500, 3_000].map(|ms| Frame::new(ms * 1_000_000, arp(asks, asked, [0xff; 6])));
    scratch.file("after", lines_of(&after).as_bytes());
    scratch.file("send.py", SEND.as_bytes());
    let boot = scratch.file("boot", BOOT.as_bytes());
    let sh = Command::new("chmod").arg("+x").arg(&boot).status();
    assert!(sh.is_ok_and(|it| it.success()));
    let cables = machine::cables();
    let set = [("FOLDER", text(folder)), ("SPANWATCH", SPANWATCH), ("CABLES", text(&cables))];
    machine::run(Path::new("/"), &boot, &set, &folder.join("log"));
    let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
    assert_eq!(fs::read_to_string(folder.join("code")).unwrap_or_default().trim(), "0", "{said}");
    for by in [3_600, -7_200] {
        // Reading the clock and setting it takes a moment.
        let is_said = |by: i64| said.contains(&format!("of this machine was set, by {by} s"));
        let is_said = (by - 1..=by + 1).any(is_said);
        assert!(is_said, "{by}: {said}");
    }

    let report = lines(&folder.join("report.jsonl"));
    let of = |kind: &'static str| report.iter().filter(move |line| line["type"] == kind);
    let capture = of("capture").next().expect("the report is whole");
    assert_eq!(capture["packets"], frames.len() + after.len(), "{said}");
    let kinds: Vec<&str> = of("finding").map(|it| it["kind"].as_str().expect("a kind")).collect();
    assert!(kinds.iter().filter(|kind| **kind == "mirror-clock").count() >= 2, "{kinds:?}");
    let is_absence = |kind: &&str| {
        kind.contains("offline") || ["device-flapping", "boot-loop", "switch-fault"].contains(kind)
    };
    assert!(!kinds.iter().any(is_absence), "{kinds:?}");
    let changes = fs::read_to_string(folder.join("changes.jsonl")).expect("it is ours");
    assert!(!changes.contains("offline"), "nor in between: {changes}");
    let states: Vec<&str> = of("device").filter_map(|it| it["state"].as_str()).collect();
    assert!(states.len() >= 12 && !states.contains(&"offline"), "{states:?}");

    let store = folder.join("store");
    assert_eq!(number(&store, "SELECT count(*) FROM availability WHERE state = 'offline'"), 0);
    let seen: u64 = of("stream").map(|it| it["packets"].as_u64().expect("a number")).sum();
    assert!(seen > 500, "{seen}");
    for span in [60, 3_600] {
        let sql = format!("SELECT sum(packets) FROM stream_sums WHERE span = {span}");
        assert_eq!(number(&store, &sql), seen, "history of {span} s has every packet of media");
    }
}

/// What the machine does: watches, has frames sent and its clock set, and is switched off. In the end the clock goes on by some
/// minutes, so that the last one of media is over.
const BOOT: &str = "\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run
busybox insmod $CABLES
ip link add a0 type veth peer name b0
for port in a0 b0; do
    echo 1 > /proc/sys/net/ipv6/conf/$port/disable_ipv6
    ip link set $port up arp off
done
cd $FOLDER
$SPANWATCH watch -i b0 --store /run/store --format jsonl -o report.jsonl > changes.jsonl 2> said &
watch=$!
until grep -q 'listening on' said || ! kill -0 $watch; do sleep 0.1; done
python3 send.py a0 < frames &
sender=$!
sleep 11; date -s '1 hour'
sleep 3; date -s '2 hours ago'
wait $sender
sleep 2; date -s '5 minutes'; python3 send.py a0 < after
kill -INT $watch; wait $watch; echo $? > code
cp -r /run/store store
sync; echo o > /proc/sysrq-trigger; sleep 10
";

const ASK: &str = "\
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
