//! A disk that fills up under a running watch: packets stop first, then history, the watch never; and all go on when there is room.
//!
//! Recorder and store are on one small file system of their own. Needs root, iproute2 and python3.

use crate::support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use support::capture;
use support::run::{Scratch, spanwatch};
use support::wires::Wires;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What the watch tells Prometheus.
fn figures(wires: &Wires) -> BTreeMap<String, f64> {
    let answer = wires.inside(["python3", "-c", ASK]).output().expect("python3 is there");
    let told = String::from_utf8_lossy(&answer.stdout);
    let lines = told.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(it, is)| Some((it.to_owned(), is.parse().ok()?)))
        .collect()
}

/// Asks until it is so.
fn until(wires: &Wires, what: &str, is_so: impl Fn(&dyn Fn(&str) -> f64) -> bool) -> BTreeMap<String, f64> {
    support::until(what, || {
        let told = figures(wires);
        let of = |name: &str| told.get(&format!("spanwatch_{name}")).copied().unwrap_or(f64::NAN);
        is_so(&of).then_some(told)
    })
}

/// Fills a file system until so many bytes are left.
fn fill(ballast: &Path, left: u64) {
    let mut file = File::options().create(true).append(true).open(ballast).expect("it is ours");
    let free = || {
        let output = std::process::Command::new("stat").args(["-f", "-c", "%a %S"]).arg(ballast).output();
        let output = output.expect("stat is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (blocks, size) = said.trim().split_once(' ').expect("two numbers");
        blocks.parse::<u64>().expect("a number") * size.parse::<u64>().expect("a number")
    };
    while free() > left {
        if file.write_all(&vec![1; usize::try_from((free() - left).min(1 << 20)).expect("small")]).is_err() {
            return;
        }
    }
}

#[test]
fn a_full_disk_stops_packets_then_history_and_never_the_watch_and_room_lets_them_go_on() {
    let Some(wires) = Wires::silent("full") else { return };
    let scratch = Scratch::new("full");
    wires.run("ip link set lo up");
    let made = scratch.path().join("site.pcapng");
    let ordered = ["--devices=12", "--length=5s", "--bit-rate=20000"];
    let outcome = spanwatch(["simulate", "-w", text(&made)].into_iter().chain(ordered));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let frames = capture::read(&made);
    let disk = scratch.path().join("disk");
    fs::create_dir(&disk).expect("it is ours");
    let configuration = "[metrics]\n[recorder]\nsize_max_mib = 4\nevidence_max_mib = 4\nfree_min_mib = 8\n";
    let configuration = scratch.file("spanwatch.toml", configuration.as_bytes());
    let store = disk.join("store");
    let watch = ["-i", "b0", "--store", text(&store), "--config", text(&configuration)];
    let Some(mut watch) = wires.watch_on_its_own_disk(&disk, "24m", &watch) else { return };
    // As the watch sees it, whose file system it is.
    let ballast = Path::new("/proc").join(watch.process().to_string()).join("root");
    let ballast = ballast.join(disk.strip_prefix("/").expect("it is absolute")).join("ballast");

    let is_over = AtomicBool::new(false);
    let (rounds, order) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut rounds = 0_usize;
            while !is_over.load(Ordering::Relaxed) {
                wires.play("a0", &frames);
                rounds += 1;
            }
            rounds
        });
        until(&wires, "recording", |of| of("recorded_packets_total") > 0.0 && of("store_time_seconds") > 0.0);

        fill(&ballast, 6 << 20);
        watch.until_it_says(
            "the disk has less than 8 MiB left; no frames are recorded, history and the watch go on",
        );
        let short = until(&wires, "nothing recorded", |of| of("recorder_failing") > 0.0);
        let at = short["spanwatch_store_time_seconds"];
        until(&wires, "history meanwhile", |of| {
            of("store_time_seconds") > at + 1.0 && of("store_failing") == 0.0 && of("recorder_failing") > 0.0
        });

        fill(&ballast, 0);
        watch.until_it_says("no history is written, the watch goes on");
        let full = until(&wires, "no history", |of| of("store_failing") > 0.0);
        let (at, seen) = (full["spanwatch_time_seconds"], "packets_total{interface=\"b0\"}");
        let packets = full[&format!("spanwatch_{seen}")];
        until(&wires, "a watch meanwhile", |of| {
            of("time_seconds") > at + 1.0 && of(seen) > packets && of("store_failing") > 0.0
        });

        fs::remove_file(&ballast).expect("it is ours");
        watch.until_it_says("history is written again");
        watch.until_it_says("frames are recorded again");
        let again = until(&wires, "all again", |of| of("store_failing") + of("recorder_failing") == 0.0);
        until(&wires, "what waited", |of| of("store_time_seconds") >= again["spanwatch_time_seconds"]);
        is_over.store(true, Ordering::Relaxed);
        (sender.join().expect("it ends"), watch.said().to_owned())
    });
    let at = |words: &str| order.find(words).unwrap_or_else(|| panic!("{words}: {order}"));
    assert!(at("no frames are recorded") < at("no history is written"), "{order}");
    let (capture, said) = watch.end();
    assert_eq!(capture["packets"], rounds * frames.len(), "{said}");
}

/// Asks for the figures.
const ASK: &str = "\
import urllib.request
print(urllib.request.urlopen('http://127.0.0.1:9947/metrics', timeout=20).read().decode())";
