//! Traffic made to exhaust tables: every cap holds, every eviction is told, and who lives in
//! another shard notices nothing.

mod support;

use std::collections::BTreeMap;

use spanwatch_capture::FrameHead;
use spanwatch_engine::observation::Observation;
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::shard::Shard;
use spanwatch_parsers::{Fact, LinkType, Time};

use support::Lower;

/// Numbers without a pattern (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// A frame from one MAC to another.
fn ethernet(from: u64, kind: &[u8], payload: &[u8]) -> Vec<u8> {
    let mac = from.to_be_bytes();
    [b"\x02\0\0\0\0\x01\x02", &mac[3..8], kind, payload].concat()
}

/// An IPv4 packet between two hosts.
fn packet(from: u32, to: u32, (identification, flags): (u16, u16), protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend(u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    bytes.extend(identification.to_be_bytes());
    bytes.extend(flags.to_be_bytes());
    bytes.extend([64, protocol, 0, 0]);
    bytes.extend(from.to_be_bytes());
    bytes.extend(to.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    [&ports.0.to_be_bytes()[..], &ports.1.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

fn tcp(ports: (u16, u16), sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// The attacker's pair of hosts, whose shard he fills.
const PAIR: (u32, u32) = (0xc633_6401, 0xc633_6402);

/// The nth frame of an attack that tries everything in turn.
fn attack(n: u64, chance: &mut Chance) -> Vec<u8> {
    let random = chance.next();
    let bytes = random.to_be_bytes();
    let ports = (random as u16, (random >> 16) as u16);
    let ip = |identification: u16, protocol: u8, payload: &[u8]| {
        ethernet(random, b"\x08\0", &packet(PAIR.0, PAIR.1, (identification, 0), protocol, payload))
    };
    match n % 10 {
        // A new flow each, of datagrams.
        0 => ip(n as u16, 17, &udp(ports, b"\x01\x02\x03")),
        // A new connection each, that nobody answers.
        1 => ip(n as u16, 6, &tcp(ports, random as u32, 2, b"")),
        // A new connection each, with a hole that is never filled.
        2 => {
            let first = ip(n as u16, 6, &tcp((ports.0, 554), 1, 24, b"OPTIONS rtsp://x RTSP/1.0\r\n"));
            if random & 1 == 0 {
                first
            } else {
                ip(n as u16, 6, &tcp((ports.0, 554), 5_000, 24, &[b'a'; 140]))
            }
        }
        // One connection whose header never ends.
        3 => {
            let mut line = [b'a'; 140];
            if n < 10 {
                line[..30].copy_from_slice(b"OPTIONS rtsp://x RTSP/1.0\r\nX: ");
            }
            ip(n as u16, 6, &tcp((4_000, 554), (n / 10 * 140) as u32, 24, &line))
        }
        // A new packet each, of which the rest never comes.
        4 => {
            let part = packet(PAIR.0, PAIR.1, (n as u16, 0x2000), 17, &udp(ports, &[7; 1_392]));
            ethernet(random, b"\x08\0", &part)
        }
        // A new source of media each, on one flow.
        5 => ip(
            n as u16,
            17,
            &udp((6_000, 6_002), &[&[0x80, 96, 0, 1, 0, 0, 0, 0][..], &bytes[..4], b"video"].concat()),
        ),
        // A new host each.
        6 => ethernet(
            random,
            b"\x08\x06",
            &[b"\0\x01\x08\0\x06\x04\0\x01\x02", &bytes[3..8], &bytes[..4], &[0; 6], &bytes[4..]].concat(),
        ),
        // A new mirror each.
        7 => {
            let inner = ip(n as u16, 17, &udp((7_000, 7_001), b"inside"));
            let gre = [b"\x10\0\x88\xbe", &bytes[..4], b"\x10\0\x18\x05\0\0\0\0", &inner].concat();
            ethernet(random, b"\x08\0", &packet(random as u32, 0xc633_64ff, (1, 0), 47, &gre))
        }
        // A new type each.
        8 => ethernet(random, &(0x0600 + (random as u16 >> 1)).to_be_bytes(), &bytes),
        _ => ethernet(random, b"\x81\0", &bytes),
    }
}

/// A camera's media: one packet.
fn camera(n: u64) -> Vec<u8> {
    let n = n as u16;
    let header =
        [&[0x80, 96][..], &n.to_be_bytes(), &(u32::from(n) * 1_800).to_be_bytes(), &[0, 0, 0, 9]].concat();
    let payload = [&header[..], &[n as u8; 900]].concat();
    ethernet(7, b"\x08\0", &packet(0xc000_0207, 0xc000_0209, (n, 0), 17, &udp((6_970, 5_000), &payload)))
}

/// Sends a camera's media, and between its packets so many frames of an attack.
fn run(frames_between: u64, mut see: impl FnMut(Vec<Observation>)) {
    let mut lower = Lower::new(|index| Shard::new(index, None, 7));
    let mut chance = Chance(1);
    let (mut number, mut hostile) = (0, 0);
    let mut send = |lower: &mut Lower, at: i64, bytes: &[u8]| {
        number += 1;
        let head = FrameHead {
            at: Time(at),
            number,
            frame: number,
            link: LinkType::ETHERNET,
            wire_length: u32::try_from(bytes.len()).unwrap(),
            ..FrameHead::default()
        };
        lower.frame(&head, bytes);
    };
    for n in 0..PACKETS {
        let at = i64::try_from(n).unwrap() * 20_000_000;
        send(&mut lower, at, &camera(n));
        for between in 0..frames_between {
            hostile += 1;
            send(&mut lower, at + 1_000 * i64::try_from(between + 1).unwrap(), &attack(hostile, &mut chance));
        }
        see(lower.take());
    }
    see(lower.finish().observations);
}

const PACKETS: u64 = 400;

#[test]
fn caps_hold_and_what_was_lost_is_told() {
    let mut lost: BTreeMap<&str, u64> = BTreeMap::new();
    let before = memory_kib();
    let mut most = 0;
    run(300, |seen| {
        for one in seen {
            if let Fact::Lost { what, count, .. } | Fact::Panicked { what, count } = one.fact {
                *lost.entry(what).or_default() += count;
            }
        }
        most = most.max(memory_kib().saturating_sub(before));
    });
    // Datagrams of which there is but one have said all when they are forgotten: no flow of theirs is lost.
    for what in ["connections", "streams", "fragmented packets", "tunnels"] {
        assert!(lost.get(what).is_some_and(|count| *count > 0), "{what}: {lost:?}");
    }
    assert_eq!(lost.get("parser"), None);
    assert!(most < 256 << 10, "{most} KiB");
}

#[test]
fn a_camera_in_another_shard_notices_nothing() {
    let attacked =
        Peeler::new().peel(LinkType::ETHERNET, Time(0), &attack(1, &mut Chance(1)), 60).layers.shard;
    let unharmed = Peeler::new().peel(LinkType::ETHERNET, Time(0), &camera(0), 60).layers.shard;
    assert_ne!(attacked, unharmed);
    let of_camera = |frames_between: u64| {
        let mut all = Vec::new();
        run(frames_between, |seen| {
            let seen = seen.into_iter().filter(|seen| seen.place.shard == unharmed);
            // Hostile hosts without IP spread over all shards.
            let seen = seen.filter(|seen| seen.subject.ip == Some([192, 0, 2, 7].into()));
            all.extend(seen.map(|seen| match seen.fact {
                Fact::Activity(sum) => format!("{:?} {} {:?}", sum.protocol, sum.packets, sum.longest_gap),
                Fact::Stream(sum) => format!("{} {} {:?}", sum.packets, sum.lost, sum.longest_gap),
                other => format!("{other:?}"),
            }));
        });
        all
    };
    let calm = of_camera(0);
    assert!(calm.len() > 10);
    assert_eq!(of_camera(100), calm);
}

/// The memory that this process has at hand, where the system tells.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}
