//! The lower half over the public captures: nothing is lost on the way, nothing depends on a seed,
//! and media is measured as tshark's fields say.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use spanwatch_engine::observation::Observation;
use spanwatch_engine::shard::Shard;
use spanwatch_parsers::{Fact, StreamActivity, StreamTransport, Time};

use support::{Lower, Seen, captures, captures_on, each_frame, has_program};

fn seen(paths: &[PathBuf], seed: u64) -> Seen {
    let mut lower = Lower::new(|index| Shard::new(index, None, seed));
    each_frame(paths, |item| lower.see(item));
    lower.finish()
}

#[test]
fn every_frame_is_counted_once_and_no_parser_panics() {
    let Some(folder) = captures() else { return };
    for path in captures_on(&folder, &[]) {
        let seen = seen(std::slice::from_ref(&path), 7);
        let mut packets = 0;
        for one in &seen.observations {
            match &one.fact {
                Fact::Activity(sum) => packets += sum.packets,
                Fact::Lost { what, cap, .. } => {
                    assert!(*cap > 0 && *what != "sums of flows", "{}: {:?}", path.display(), one.fact);
                }
                _ => {}
            }
        }
        assert_eq!(packets, seen.shards.frames - seen.shards.copies.copies, "{}", path.display());
        let places: BTreeSet<_> = seen.observations.iter().map(|one| one.place).collect();
        assert_eq!(places.len(), seen.observations.len(), "{}", path.display());
    }
}

#[test]
fn seeds_do_not_show() {
    let Some(folder) = captures() else { return };
    let paths =
        captures_on(&folder, &["rtp", "rtsp", "iot-camera", "ip-fragments", "malformed", "tls", "http"]);
    for path in paths {
        let path = std::slice::from_ref(&path);
        let [one, other] = [1, u64::MAX / 3].map(|seed| seen(path, seed).observations);
        assert_eq!(one, other, "{path:?}");
    }
}

/// One RTP packet as tshark reads it.
struct Packet {
    at: Time,
    sequence: u16,
    timestamp: u32,
}

/// A stream's sender, receiver, ports and source.
type Key = (String, String, u16, u16, u32);

fn by_tshark(capture: &Path) -> BTreeMap<Key, Vec<Packet>> {
    let fields = [
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "udp.srcport",
        "udp.dstport",
        "rtp.ssrc",
        "rtp.seq",
        "rtp.timestamp",
        "ipv6.src",
    ];
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "--enable-heuristic",
        "rtp_udp",
        "-Y",
        "rtp && udp && !icmp && !rtp.setup-frame == 0",
    ]);
    tshark.args(["-T", "fields"]).args(fields.iter().flat_map(|field| ["-e", field])).arg("-r").arg(capture);
    let told = String::from_utf8(tshark.output().unwrap().stdout).unwrap();
    let mut streams: BTreeMap<Key, Vec<Packet>> = BTreeMap::new();
    for line in told.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [at, from, to, from_port, to_port, ssrc, sequence, timestamp, ""] = fields[..] else { continue };
        let Ok(ssrc) = u32::from_str_radix(ssrc.trim_start_matches("0x"), 16) else { continue };
        let (Ok(sequence), Ok(timestamp)) = (sequence.parse(), timestamp.parse()) else { continue };
        let (seconds, fraction) = at.split_once('.').unwrap();
        let at = seconds.parse::<i64>().unwrap() * 1_000_000_000 + fraction.parse::<i64>().unwrap();
        let key = (from.into(), to.into(), from_port.parse().unwrap(), to_port.parse().unwrap(), ssrc);
        streams.entry(key).or_default().push(Packet { at: Time(at), sequence, timestamp });
    }
    streams
}

/// Loss and jitter of packets without a restart, by counting and by floating point.
fn measured(packets: &[Packet], clock_hz: f64) -> (u64, f64) {
    let first = packets[0].sequence;
    let offset = |sequence: u16| i64::from(sequence.wrapping_sub(first) as i16);
    let mut highest = 0_i64;
    let (mut jitter, mut before) = (0.0_f64, None);
    for packet in packets {
        // Far from the wrap of 16 bits in one capture of these.
        highest = highest.max(offset(packet.sequence) + (highest & !0x7fff));
        let arrival = (packet.at.0 - packets[0].at.0) as f64 / 1e9 * clock_hz;
        let transit = arrival - f64::from(packet.timestamp.wrapping_sub(packets[0].timestamp) as i32);
        if let Some(before) = before.replace(transit) {
            jitter += ((transit - before).abs() - jitter) / 16.0;
        }
    }
    let lost = u64::try_from(highest + 1 - packets.len() as i64).unwrap_or(0);
    (lost, jitter)
}

fn last_seconds(observations: &[Observation]) -> BTreeMap<Key, (u64, StreamActivity)> {
    let mut streams: BTreeMap<Key, (u64, StreamActivity)> = BTreeMap::new();
    for seen in observations {
        if let Fact::Stream(stream) = &seen.fact
            && stream.transport != StreamTransport::Interleaved
            && let Some(source) = seen.subject.ip
        {
            let (from, to) = stream.ports;
            let key = (source.to_string(), stream.destination.to_string(), from, to, stream.ssrc);
            let packets = streams.get(&key).map_or(0, |(packets, _)| *packets) + stream.packets;
            streams.insert(key, (packets, (**stream).clone()));
        }
    }
    streams
}

#[test]
fn media_is_measured_as_tsharks_fields_say() {
    let Some(folder) = captures() else { return };
    if !has_program("tshark") {
        return;
    }
    let (mut same, mut wrong) = (0, Vec::new());
    for path in captures_on(&folder, &["rtp"]) {
        let told = by_tshark(&path);
        for (key, (packets, ours)) in last_seconds(&seen(std::slice::from_ref(&path), 7).observations) {
            let Some(theirs) = told.get(&key) else { continue };
            let clock_hz = spanwatch_parsers::protocols::rtp::static_type(ours.payload_type);
            let (lost, jitter) = measured(theirs, clock_hz.map_or(90_000.0, |(_, hz)| f64::from(hz)));
            let our_jitter = ours.jitter_16ticks as f64 / 16.0;
            let is_near = (our_jitter - jitter).abs() <= 2.0 + jitter / 50.0;
            if (packets, ours.lost, is_near) == (theirs.len() as u64, lost, true) {
                same += 1;
            } else {
                wrong.push(format!(
                    "{} {key:?}: packets {packets} {}, lost {} {lost}, jitter {our_jitter} {jitter}",
                    path.display(),
                    theirs.len(),
                    ours.lost
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), same + wrong.len(), wrong.join("\n"));
    assert!(same >= 10, "{same}");
}
