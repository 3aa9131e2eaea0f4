//! Streams are measured as tshark measures them.
//!
//! Packets and loss against `tshark -z rtp,streams`, on our sample and on public captures; jitter against
//! RFC 3550's formula (A.8) over the arrival times and time stamps that tshark reads; the frame rate against the
//! distinct time stamps among them, and against what the simulator was ordered to send. Where media inside TCP is lost, by what
//! is sent again, on made-up sites.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::run::{Scratch, replay, sample, spanwatch};
use support::story::list;
use support::{shared_captures, skipped};

/// What tells streams apart: where from, where to, SSRC.
type Key = (String, String, u32);

fn tshark(path: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("tshark").arg("-r").arg(path).args(arguments).output();
    let Ok(output) = output else {
        skipped("tshark is missing");
        return None;
    };
    Some(String::from_utf8(output.stdout).expect("tshark writes UTF-8"))
}

/// Packets and lost packets of each stream long enough to be told from chance.
fn by_tshark(path: &Path) -> Option<BTreeMap<Key, (u64, u64)>> {
    let text = tshark(path, &["-q", "-z", "rtp,streams"])?;
    let mut streams = BTreeMap::new();
    for line in text.lines() {
        let Some((head, tail)) = line.split_once(" 0x") else { continue };
        let head: Vec<&str> = head.split_whitespace().collect();
        let [_, _, source, _, destination, _] = head[..] else { continue };
        let ssrc = u32::from_str_radix(&tail[..8], 16).expect("an SSRC is hexadecimal");
        // "... RTPType-96   167     0 (0.0%) ...": the packets and the lost stand before the bracket.
        let before: Vec<&str> = tail.split_once('(').expect("a share of loss").0.split_whitespace().collect();
        let [.., packets, lost] = before[..] else { panic!("no counts in {line}") };
        let counts = (packets.parse().expect("a number"), lost.parse().expect("a number"));
        streams.insert((source.to_owned(), destination.to_owned(), ssrc), counts);
    }
    streams.retain(|_, (packets, _)| *packets >= 8);
    Some(streams)
}

fn by_spanwatch(report: &Value) -> BTreeMap<Key, &Value> {
    let address_of = |id: &str| {
        let device = list(report, "devices").find(|device| device["id"] == id);
        device.and_then(|device| device["ips"][0].as_str()).unwrap_or(id).to_owned()
    };
    let key = |stream: &Value| {
        let end = |name: &str| address_of(stream[name].as_str().expect("an end"));
        let ssrc = stream["ssrc"].as_u64().and_then(|ssrc| u32::try_from(ssrc).ok());
        (end("source"), end("destination"), ssrc.expect("an SSRC"))
    };
    list(report, "streams").map(|stream| (key(stream), stream)).collect()
}

fn assert_counts_agree(path: &Path) -> usize {
    let Some(theirs) = by_tshark(path) else { return 0 };
    let report = replay(path);
    let ours = by_spanwatch(&report);
    for (key, (packets, lost)) in &theirs {
        let stream = ours.get(key).unwrap_or_else(|| panic!("{}: no stream {key:?}", path.display()));
        let counts = (stream["packets"].as_u64(), stream["lost"].as_u64());
        assert_eq!(counts, (Some(*packets), Some(*lost)), "{}: {key:?}", path.display());
    }
    theirs.len()
}

#[test]
fn packets_and_loss_of_the_sample_are_tsharks() {
    assert!(assert_counts_agree(&sample()) >= 8);
}

#[test]
fn packets_and_loss_of_public_calls_are_tsharks() {
    let Some(folder) = shared_captures() else { return };
    let calls = folder.join("odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)");
    let mut compared = 0;
    for call in CALLS {
        compared += assert_counts_agree(&calls.join(call));
    }
    assert!(compared >= CALLS.len(), "{compared} streams compared");
}

#[test]
fn jitter_of_the_sample_is_that_of_rfc_3550() {
    let fields = ["frame.time_epoch", "ip.src", "ip.dst", "rtp.ssrc", "rtp.timestamp"];
    let fields = fields.into_iter().flat_map(|field| ["-e", field]);
    // Over UDP only: of the segments of a TCP stream tshark tells times by another rule.
    let arguments: Vec<&str> = ["-Y", "rtp && udp", "-T", "fields"].into_iter().chain(fields).collect();
    let Some(text) = tshark(&sample(), &arguments) else { return };
    let mut streams: BTreeMap<Key, Jitter> = BTreeMap::new();
    for line in text.lines() {
        let [at, source, destination, ssrc, stamp] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five fields in {line}")
        };
        let ssrc = u32::from_str_radix(ssrc.trim_start_matches("0x"), 16).expect("hexadecimal");
        let key = (source.to_owned(), destination.to_owned(), ssrc);
        let seconds: f64 = at.parse().expect("a time");
        streams.entry(key).or_default().packet(seconds, stamp.parse().expect("a time stamp"));
    }
    let report = replay(&sample());
    let mut compared = 0;
    for (key, stream) in by_spanwatch(&report).iter().filter(|(_, stream)| stream["transport"] == "udp") {
        let (ours, theirs) =
            (stream["jitter_ms"].as_f64().expect("a number"), streams[key].jitter_s * 1_000.0);
        assert!(
            (ours - theirs).abs() < 0.02 + theirs / 1_000.0,
            "{key:?}: {ours} ms, by the formula {theirs} ms"
        );
        compared += 1;
    }
    assert!(compared >= 5, "{compared} streams compared");
}

/// What is told to be lost at a made-up site whose cameras all send inside TCP: the kinds, and whose it is.
fn lost_inside_tcp(order: &str) -> Vec<(String, usize)> {
    let scratch = Scratch::new("inside-tcp");
    let capture = scratch.path().join("site.pcapng");
    let mut arguments = vec!["simulate", "--no-progress", "-w", capture.to_str().expect("a path")];
    arguments.extend(order.split(' ').chain([
        "--devices",
        "30",
        "--length",
        "3m",
        "--transport",
        "interleaved",
    ]));
    let made = spanwatch(arguments);
    assert_eq!(made.code, 0, "{order}: {}", made.stderr);
    let is_loss = |kind: &str| kind.starts_with("stream-loss") || kind == "mirror-drops";
    list(&replay(&capture), "findings")
        .map(|it| (it["kind"].as_str().expect("a kind").to_owned(), list(it, "devices").len()))
        .filter(|(kind, _)| is_loss(kind))
        .collect()
}

#[test]
fn media_inside_tcp_is_lost_before_us_or_behind_us_by_what_is_sent_again() {
    let told = |kind: &str, devices: usize| vec![(kind.to_owned(), devices)];
    let cable = lost_inside_tcp("--seed 1 --incident loss-camera@60s+100s");
    assert_eq!(cable, told("stream-loss", 1));
    // Of the first switch's uplink: the recorder and all cameras behind it.
    let behind = lost_inside_tcp("--seed 4 --view uplink --incident loss-uplink@60s:sw-01+100s");
    assert_eq!(behind, told("stream-loss-downstream", 10));
    assert_eq!(lost_inside_tcp("--seed 4"), [], "nothing is lost");
}

/// A stream's distinct time stamps, and its first and last second.
type Frames = (BTreeSet<u32>, f64, f64);

/// Frames and time of every stream over UDP.
fn frames_by_tshark(path: &Path) -> Option<BTreeMap<Key, Frames>> {
    let fields = ["frame.time_epoch", "ip.src", "ip.dst", "rtp.ssrc", "rtp.timestamp"];
    let fields = fields.into_iter().flat_map(|field| ["-e", field]);
    let arguments: Vec<&str> = ["-Y", "rtp && udp", "-T", "fields"].into_iter().chain(fields).collect();
    let mut streams: BTreeMap<Key, Frames> = BTreeMap::new();
    for line in tshark(path, &arguments)?.lines() {
        let [at, source, destination, ssrc, stamp] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        // One frame may hold several packets; what carries RTP inside something else has several addresses.
        let Ok(ssrc) = u32::from_str_radix(ssrc.trim_start_matches("0x"), 16) else { continue };
        let (Ok(at), Ok(stamp)) = (at.parse(), stamp.parse()) else { continue };
        let key = (source.to_owned(), destination.to_owned(), ssrc);
        let (stamps, _, last) = streams.entry(key).or_insert_with(|| (BTreeSet::new(), at, at));
        stamps.insert(stamp);
        *last = at;
    }
    Some(streams)
}

fn assert_frame_rates_agree(path: &Path) -> usize {
    let Some(theirs) = frames_by_tshark(path) else { return 0 };
    let report = replay(path);
    let mut compared = 0;
    for (key, stream) in by_spanwatch(&report).iter().filter(|(_, stream)| stream["transport"] == "udp") {
        let Some((stamps, first, last)) = theirs.get(key).filter(|(stamps, ..)| stamps.len() >= 8) else {
            continue;
        };
        #[allow(clippy::cast_precision_loss)] // Captures have fewer than 2^52 frames.
        let expected = (stamps.len() - 1) as f64 / (last - first);
        let ours = stream["frame_rate"].as_f64().expect("two frames and time have a rate");
        // One decimal, and a frame whose packets all came late.
        assert!(
            (ours - expected).abs() < 0.051 + expected / 100.0,
            "{}: {key:?}: {ours}, {expected}",
            path.display()
        );
        compared += 1;
    }
    compared
}

#[test]
fn frame_rates_are_those_of_the_distinct_time_stamps() {
    let mut compared = assert_frame_rates_agree(&sample());
    assert!(compared >= 5, "{compared} streams compared");
    let Some(folder) = shared_captures() else { return };
    let calls = folder.join("odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)");
    compared = CALLS.iter().map(|call| assert_frame_rates_agree(&calls.join(call))).sum();
    assert!(compared >= CALLS.len(), "{compared} streams compared");
}

#[test]
fn frame_rates_are_those_that_the_simulator_was_ordered() {
    let scratch = Scratch::new("frame-rates");
    let path = scratch.path().join("made-up.pcapng");
    let file = path.to_str().expect("a path in ASCII");
    let order = ["--seed", "7", "--devices", "12", "--length", "60s", "--frame-rate", "12", "--write", file];
    let simulated = spanwatch(["simulate"].into_iter().chain(order));
    assert_eq!(simulated.code, 0, "{}", simulated.stderr);
    let report = replay(&path);
    let rates: Vec<f64> =
        list(&report, "streams").map(|stream| stream["frame_rate"].as_f64().expect("a rate")).collect();
    assert!(rates.len() >= 4, "{rates:?}");
    assert!(rates.iter().all(|rate| (rate - 12.0).abs() < 0.25), "{rates:?}");
}

/// RFC 3550, A.8, in seconds, for a clock of 90 kHz.
#[derive(Default)]
struct Jitter {
    last: Option<(f64, u32)>,
    jitter_s: f64,
}

impl Jitter {
    fn packet(&mut self, at: f64, stamp: u32) {
        if let Some((last_at, last_stamp)) = self.last.replace((at, stamp)) {
            let ticks = i64::from(stamp.wrapping_sub(last_stamp).cast_signed());
            #[allow(clippy::cast_precision_loss)] // A difference of time stamps is far below 2^52.
            let difference = (at - last_at) - ticks as f64 / 90_000.0;
            self.jitter_s += (difference.abs() - self.jitter_s) / 16.0;
        }
    }
}

const CALLS: &[&str] = &[
    "Asterisk_ZFONE_XLITE.pcap",
    "MagicJack+_short_call.pcap",
    "SIP_DTMF2.pcap",
    "h263-over-rtp.pcap",
    "sip-rtp-g711.pcap",
    "sip-rtp-g722.pcap",
    "sip-rtp-lpc.pcap",
];
