//! Traffic made to exhaust: memory stays bounded, what was dropped is told, and others are unharmed.
//!
//! `SPANWATCH_SOAK=1` makes it millions of frames. Bytes are asserted, never seconds.

use crate::support;

use std::io::Write;

use serde_json::Value;
use support::capture::{Frame, Pcap};
use support::run::{Outcome, Scratch, measured, replay, spanwatch};
use support::site::Site;
use support::story::{Story, list};
use support::wire::{self, ACK, BROADCAST, End, SYN, TAG};
use support::{forms, is_asked_for};

/// Frames of a flood.
fn size() -> u32 {
    if is_asked_for("SPANWATCH_SOAK") { 5_000_000 } else { 150_000 }
}

/// Replays `frames(0)`, `frames(1)`, ... a tenth of a millisecond apart, and holds the memory against the cap.
fn flooded(frame: impl Fn(u32) -> Vec<u8> + Send) -> Value {
    let frames = move |out: &mut dyn Write| {
        let mut record = Vec::new();
        let mut write = |bytes: &[u8]| out.write_all(bytes).expect("it reads to the end");
        write(&Pcap::PLAIN.header());
        for number in 0..size() {
            record.clear();
            Pcap::PLAIN.record(START + i64::from(number) * 100_000, &frame(number), &mut record);
            write(&record);
        }
    };
    let (outcome, peak) = measured(&["replay", "-", "--format=json", "--threads=2"], frames);
    let report = outcome.report();
    eprintln!("peak {} MiB, {} frames, limits {}", peak >> 20, size(), report["capture"]["limits"]);
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
    assert_eq!(report["capture"]["packets"], size());
    assert!(!outcome.text().contains("panic"));
    report
}

/// Fails unless a cap was reached, and told as a limit and a finding.
fn is_limited(report: &Value) {
    let limits = list(&report["capture"], "limits").count();
    let findings = list(report, "findings").filter(|finding| finding["kind"] == "limit-reached").count();
    assert!(limits > 0 && findings > 0, "{limits} limits and {findings} findings");
}

/// A different 32 bits for each number, the same in every run.
const fn mixed(number: u32) -> u32 {
    let mut x = number.wrapping_add(0x9e37_79b9);
    x = (x ^ x >> 16).wrapping_mul(0x21f0_aaad);
    x = (x ^ x >> 15).wrapping_mul(0x735a_2d97);
    x ^ x >> 15
}

/// An address of 10/8 with `number` in it.
fn host(number: u32, port: u16) -> End {
    let [_, b, c, d] = number.to_be_bytes();
    End::new([10, b, c, d], port)
}

#[test]
fn a_new_flow_with_every_frame() {
    let report = flooded(|number| {
        let port = 1_024 + (number % 60_000) as u16;
        let (from, to) = (host(mixed(number), port), host(mixed(!number), 554));
        match number % 3 {
            0 => wire::udp(from, to, number as u16, &number.to_be_bytes()),
            _ => wire::tcp(from, to, SYN, [mixed(number), 0], &[]),
        }
    });
    is_limited(&report);
}

#[test]
fn a_new_mac_with_every_frame() {
    let report = flooded(|number| {
        let sender = host(number, 0);
        wire::arp(sender, sender, BROADCAST)
    });
    is_limited(&report);
}

#[test]
fn rtsp_headers_that_never_end() {
    flooded(|number| {
        let (connection, turn) = (number % 500, number / 500);
        let (client, server) = (host(1 + connection, 40_000), host(0x00ff_0000, 554));
        let start = mixed(connection);
        let head: &[u8] = b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\nCSeq: 1\r\nX-Never: ";
        let endless = [b'a'; 1_400];
        let sent = 1 + head.len() as u32 + turn.saturating_sub(2).wrapping_mul(1_400);
        match turn {
            0 => wire::tcp(client, server, SYN, [start, 0], &[]),
            1 => wire::tcp(client, server, ACK, [start.wrapping_add(1), 1], head),
            _ => wire::tcp(client, server, ACK, [start.wrapping_add(sent), 1], &endless),
        }
    });
}

#[test]
fn http_bodies_that_never_end() {
    let report = flooded(|number| {
        let (connection, turn) = (number % 12_000, number / 12_000);
        let (client, server) = (host(1 + connection, 40_000), host(0x00ff_0000 + connection % 200, 80));
        let start = mixed(connection);
        let head: &[u8] = b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 1000000\r\n\r\n<a>";
        let sent = 1 + head.len() as u32 + turn.saturating_sub(2).wrapping_mul(1_400);
        match turn {
            0 => wire::tcp(client, server, SYN, [start, 0], &[]),
            1 => wire::tcp(client, server, ACK, [start.wrapping_add(1), 1], head),
            _ => wire::tcp(client, server, ACK, [start.wrapping_add(sent), 1], &[b'a'; 1_400]),
        }
    });
    is_limited(&report);
}

#[test]
fn tcp_segments_behind_holes_that_are_never_filled() {
    flooded(|number| {
        let (connection, turn) = (number % 20_000, number / 20_000);
        let (client, server) = (host(1 + connection, 40_000), host(0x00ff_0000 + connection % 200, 554));
        let start = mixed(connection);
        match turn {
            0 => wire::tcp(client, server, SYN, [start, 0], &[]),
            _ => wire::tcp(client, server, ACK, [start.wrapping_add(turn * 3_000), 1], &[b'a'; 1_400]),
        }
    });
}

#[test]
fn dhcp_from_a_new_client_with_every_frame() {
    let report = flooded(|number| {
        let [a, b, c, d] = number.to_be_bytes();
        let mac = [0x02, 0xdc, a, b, c, d];
        let nobody = End { mac, ip: [0; 4].into(), port: 68 };
        let everybody = End { mac: BROADCAST, ip: [255; 4].into(), port: 67 };
        let mut message = vec![1, 1, 6, 0, a, b, c, d];
        message.resize(28, 0);
        message.extend(mac);
        message.resize(236, 0);
        message.extend([99, 130, 83, 99, 53, 1, 1, 12, 8]);
        message.extend(format!("{number:08x}").bytes());
        message.extend([55, 4, 1, 3, 6, 15, 255]);
        wire::udp(nobody, everybody, number as u16, &message)
    });
    is_limited(&report);
}

#[test]
fn fragments_that_are_never_completed() {
    let report = flooded(|number| {
        let (from, to) = (host(mixed(number) % 4_096, 9), host(0x00ff_0000, 9));
        let place = 0x2000 + (number % 7) as u16 * 100;
        wire::ipv4(from, to, 17, [number as u16, place], &[0x5a; 800])
    });
    is_limited(&report);
}

#[test]
fn fragments_of_a_mirror_that_are_never_completed() {
    flooded(|number| {
        let (from, to) = (host(mixed(number) % 4_096, 4_789), host(0x00ff_0000, 4_789));
        wire::ipv4(from, to, 47, [number as u16, 0x2000], &[&[0x10, 0, 0x88, 0xbe][..], &[0; 1_204]].concat())
    });
}

#[test]
fn tags_and_tunnels_within_each_other() {
    let report = flooded(|number| {
        let depth = number % 40;
        let mut frame = wire::udp(host(1, 5_000), host(2, 5_001), number as u16, &number.to_be_bytes());
        for _ in 0..depth {
            if number % 2 == 0 {
                frame = wire::tagged(&frame, TAG, 1 + (number % 4_000) as u16);
            } else {
                let carried = [Frame::new(0, frame)];
                frame = forms::tunnelled(&carried, TUNNELS[number as usize / 2 % TUNNELS.len()], 65_535)
                    .remove(0)
                    .bytes;
            }
        }
        frame
    });
    let undecodable = report["capture"]["undecodable"].as_object().expect("counts by reason");
    assert!(!undecodable.is_empty(), "tags forty deep are read without a word");
}

#[test]
fn a_new_media_source_with_every_few_packets() {
    flooded(|number| {
        let (source, turn) = (number / 25, number % 25);
        let (from, to) = (host(1 + source % 3_000, 6_000), host(0x00ff_0000, 6_002));
        let sequence = (source as u16).wrapping_add(turn as u16).to_be_bytes();
        let stamp = (number * 3_600).to_be_bytes();
        let header = [&[0x80, 96][..], &sequence, &stamp, &mixed(source).to_be_bytes()].concat();
        wire::udp(from, to, number as u16, &[&header[..], &[0x41; 200]].concat())
    });
}

#[test]
fn a_new_neighbor_with_every_frame() {
    let report = flooded(|number| {
        let [a, b, c, d] = number.to_be_bytes();
        let chassis = [2, 7, 4, 0x02, 0x1d, a, b, c, d];
        let port = [4, 5, 5, b'g', b'e', b'1', b'0' + d % 10];
        let rest = [6, 2, 0, 120, 10, 5, b's', b'w', b'-', b'a' + d % 26, b'a', 14, 4, 0, 4, 0, 4, 0, 0];
        let units = [&chassis[..], &port, &rest].concat();
        wire::ethernet([0x01, 0x80, 0xc2, 0, 0, 0x0e], [0x02, 0x1d, a, b, c, d], 0x88cc, &units)
    });
    is_limited(&report);
}

#[test]
fn a_flood_into_one_shard_leaves_the_others_unharmed() {
    let site = Site::sample();
    let story = Story::of(&replay(&site.path));
    // One address pair is one shard, whatever its ports: all of this flood's flows meet in it.
    let (attacker, target) = ([198, 51, 100, 66], [198, 51, 100, 77]);
    let flow = |number: u32| {
        let port = 1_024 + (number % 60_000) as u16;
        let (from, to) = (End::new(attacker, port), End::new(target, 1 + (number / 60_000) as u16));
        wire::tcp(from, to, SYN, [mixed(number), 0], &[])
    };
    let mut frames = site.frames.clone();
    let (first, last) = (frames[0].at, frames[frames.len() - 1].at);
    let step = (last - first) / i64::from(size());
    frames.extend((0..size()).map(|number| Frame::new(first + 1 + i64::from(number) * step, flow(number))));
    frames.sort_by_key(|frame| frame.at);
    let scratch = Scratch::new("one-shard");
    let report = replay(&scratch.file("flood.pcap", &Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(&frames)));
    is_limited(&report);
    let is_flood = |name: &str| {
        name.contains("198.51.100.") || name.contains("02:00:c6:33:64") || name.contains("limit-reached")
    };
    let differences = story.differences(&Story::of(&report).without(is_flood), 0);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn memory_is_the_same_for_50_and_500_repetitions() {
    let site = Site::sample();
    let frames = if is_asked_for("SPANWATCH_SOAK") { &site.frames[..] } else { &site.frames[6_000..7_500] };
    let length = frames[frames.len() - 1].at - frames[0].at + 1_000_000;
    let repeated = |times: i64| {
        let feed = move |out: &mut dyn Write| {
            out.write_all(&Pcap::PLAIN.header()).expect("it reads");
            for turn in 0..times {
                let mut records = Vec::new();
                for frame in frames {
                    Pcap::PLAIN.record(frame.at + turn * length, &frame.bytes, &mut records);
                }
                out.write_all(&records).expect("it reads to the end");
            }
        };
        let (outcome, peak) = measured(&["replay", "-", "--format=json", "--threads=2"], feed);
        assert_eq!(outcome.report()["capture"]["packets"], frames.len() as i64 * times);
        eprintln!("{times} repetitions: peak {} KiB", peak >> 10);
        peak
    };
    let (fifty, five_hundred) = (repeated(50), repeated(500));
    assert!(five_hundred < fifty + MARGIN, "{} KiB became {} KiB", fifty >> 10, five_hundred >> 10);
}

#[test]
fn the_address_space_of_a_small_machine_is_enough_for_the_sample() {
    let sample = Site::sample().path;
    let limited = std::process::Command::new("prlimit")
        .arg(format!("--as={}", 2_u64 << 30))
        .args([support::run::SPANWATCH, "replay", "--format=json", "--threads=2"])
        .arg(&sample)
        .output()
        .expect("prlimit(1) is there");
    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
    let Outcome { stdout, .. } = spanwatch(["replay".as_ref(), "--format=json".as_ref(), sample.as_os_str()]);
    assert!(limited.stdout == stdout);
}

const TUNNELS: &[forms::Tunnel] = &[
    forms::Tunnel::Gre,
    forms::Tunnel::Erspan1,
    forms::Tunnel::Erspan2,
    forms::Tunnel::Erspan3,
    forms::Tunnel::Vxlan,
];

/// 2026-11-22, in nanoseconds.
const START: i64 = 1_795_305_600_000_000_000;

/// The most that any traffic may make a replay hold.
const MEMORY_MAX: u64 = 768 << 20;

/// Batches in flight between threads.
const MARGIN: u64 = 16 << 20;
