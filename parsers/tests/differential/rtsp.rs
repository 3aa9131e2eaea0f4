//! RTSP and what it interleaves against tshark, over real dialogues: no differences are known.
//!
//! Retransmissions are left out of tshark's side, which reads them again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::wire::connections::{Begin, Direction, Heard, connections};
use crate::wire::{self, Packet, number};
use spanwatch_parsers::protocols::rtsp::RTSP;
use spanwatch_parsers::protocols::rtsp::message::{Message, Start, head_length};
use spanwatch_parsers::{Ended, Fact, Outcome, StreamTransport, Text, Way};

const CAPTURES: &[&str] = &[
    "own/rtsp-dialogues.pcap",
    "own/site-camera-then-switch.pcapng",
    "ntop__nDPI/tests/cfgs/default/pcap/rtsp.pcap",
    "ntop__nDPI/tests/cfgs/default/pcap/rtsp_setup_http.pcapng",
];

fn heard(packets: &[Packet]) -> Vec<Heard> {
    connections(&RTSP, Begin::AtOnce, packets)
}

/// The messages of a connection, as lines, each with the way it went.
fn messages(heard: &Heard) -> impl Iterator<Item = (Way, Vec<String>)> {
    heard.taken.iter().filter_map(|(way, bytes)| {
        let message = Message::parse(bytes, head_length(bytes)?).ok()?;
        Some((*way, lines(&message)))
    })
}

/// The media of a connection, as numbers, each with the way it went.
fn media(heard: &Heard) -> impl Iterator<Item = (Way, [i64; 5])> {
    heard.media.iter().map(|(way, it)| {
        let marker = i64::from(it.marker);
        (*way, [it.ssrc.into(), it.sequence.into(), it.timestamp.into(), it.payload_type.into(), marker])
    })
}

/// A message as tshark shows it: the start line, then `name: value` with the name in lower case.
fn lines(message: &Message<'_>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let version = text(message.version);
    let mut lines = vec![match message.start {
        Start::Request { method, url } => format!("{} {} RTSP/{version}", text(method), text(url)),
        Start::Answer { status, reason } => format!("RTSP/{version} {status} {}", text(reason)),
    }];
    let header = |name: &[u8], value: &[u8]| format!("{}: {}", text(name).to_ascii_lowercase(), text(value));
    lines.extend(message.headers.iter().map(|each| header(each.name, &each.value)));
    lines
}

/// The messages that tshark shows, by direction.
fn expected_messages(path: &Path) -> BTreeMap<Direction, Vec<Vec<String>>> {
    let filter = "(rtsp.request or rtsp.response) and !tcp.analysis.retransmission";
    let shown = wire::tshark(path, &["-Y", filter, "-O", "rtsp"]);
    let mut all: BTreeMap<Direction, Vec<Vec<String>>> = BTreeMap::new();
    let (mut addresses, mut direction, mut is_inside) = (None, None, false);
    for line in shown.lines() {
        if let Some(rest) = line.strip_prefix("Internet Protocol Version 4, Src: ") {
            let (from, to) = rest.split_once(", Dst: ").unwrap();
            addresses = Some((from.parse().unwrap(), to.parse().unwrap()));
        } else if let Some(rest) = line.strip_prefix("Transmission Control Protocol, Src Port: ") {
            let mut ports =
                rest.split(", ").map(|field| field.rsplit(' ').next().unwrap().parse().unwrap_or(0));
            let (from, to): (IpAddr, IpAddr) = addresses.unwrap();
            direction = Some(((from, ports.next().unwrap()), (to, ports.next().unwrap())));
        } else if !line.starts_with(' ') {
            is_inside = line == "Real Time Streaming Protocol";
        } else if is_inside && !line.starts_with("     ") {
            let line = line.trim().trim_end_matches("\\n").trim_end_matches("\\r").trim();
            let messages = all.entry(direction.unwrap()).or_default();
            if let Some(start) = line.strip_prefix("Request: ").or_else(|| line.strip_prefix("Response: ")) {
                messages.push(vec![start.to_owned()]);
            } else if let Some((name, value)) = line.split_once(':') {
                let message = messages.last_mut().unwrap();
                message.push(format!("{}: {}", name.to_ascii_lowercase(), value.trim()));
            }
        }
    }
    all
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    name.strip_prefix("own/").map_or_else(|| folder.join(name), wire::own_capture)
}

#[test]
fn messages_are_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut count = 0;
    for name in CAPTURES {
        let path = path_of(&folder, name);
        let mut ours: BTreeMap<Direction, Vec<Vec<String>>> = BTreeMap::new();
        for heard in heard(&wire::packets(&path)) {
            messages(&heard).for_each(|(way, it)| ours.entry(heard.along(way)).or_default().push(it));
        }
        let expected = expected_messages(&path);
        assert_eq!(ours, expected, "{name}");
        count += ours.values().map(Vec::len).sum::<usize>();
    }
    assert!(count > 300, "{count} messages");
}

#[test]
fn interleaved_media_is_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = [
        "ip.src",
        "tcp.srcport",
        "ip.dst",
        "tcp.dstport",
        "rtp.ssrc",
        "rtp.seq",
        "rtp.timestamp",
        "rtp.p_type",
        "rtp.marker",
    ];
    let mut packets = 0;
    for name in CAPTURES {
        let path = path_of(&folder, name);
        let mut ours: BTreeMap<Direction, Vec<[i64; 5]>> = BTreeMap::new();
        for heard in heard(&wire::packets(&path)) {
            media(&heard).for_each(|(way, it)| ours.entry(heard.along(way)).or_default().push(it));
        }
        let mut expected: BTreeMap<Direction, Vec<[i64; 5]>> = BTreeMap::new();
        for row in wire::tshark_fields(&path, "tcp && rtp && !tcp.analysis.retransmission", &[], &fields) {
            let media = expected.entry(direction_of(&row)).or_default();
            media.extend(
                (0..row[4].len()).map(|n| [4, 5, 6, 7, 8].map(|field: usize| number(&row[field][n]))),
            );
        }
        assert_eq!(ours, expected, "{name}");
        packets += ours.values().map(Vec::len).sum::<usize>();
    }
    assert!(packets > 1000, "{packets} packets");
}

#[test]
fn interleaved_reports_are_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = [
        "ip.src",
        "tcp.srcport",
        "ip.dst",
        "tcp.dstport",
        "rtcp.timestamp.ntp.msw",
        "rtcp.timestamp.ntp.lsw",
        "rtcp.timestamp.rtp",
        "rtcp.ssrc.fraction",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.ext_high",
        "rtcp.ssrc.jitter",
    ];
    let mut directions = 0;
    for name in CAPTURES {
        let path = path_of(&folder, name);
        let mut ours: BTreeMap<Direction, [Vec<Vec<i64>>; 2]> = BTreeMap::new();
        for heard in heard(&wire::packets(&path)) {
            for (way, _, fact) in &heard.facts {
                if let Some((kind, numbers)) = numbers(fact) {
                    ours.entry(heard.along(*way)).or_default()[kind].push(numbers);
                }
            }
        }
        let mut expected: BTreeMap<Direction, [Vec<Vec<i64>>; 2]> = BTreeMap::new();
        for row in wire::tshark_fields(&path, "tcp && rtcp && !tcp.analysis.retransmission", &[], &fields) {
            let [clocks, blocks] = expected.entry(direction_of(&row)).or_default();
            let columns = |from: usize, to: usize, n: usize| {
                row[from..to].iter().map(|values| number(&values[n])).collect::<Vec<_>>()
            };
            clocks.extend((0..row[4].len()).map(|n| columns(4, 7, n)));
            blocks.extend((0..row[7].len()).map(|n| columns(7, 11, n)));
        }
        expected.retain(|_, [clocks, blocks]| !clocks.is_empty() || !blocks.is_empty());
        assert_eq!(ours, expected, "{name}");
        directions += ours.len();
    }
    assert!(directions > 10, "{directions} directions");
}

fn numbers(fact: &Fact) -> Option<(usize, Vec<i64>)> {
    match fact {
        Fact::Clock(clock) => {
            let (seconds, fraction) = ((clock.ntp >> 32) as i64, (clock.ntp & 0xffff_ffff) as i64);
            Some((0, vec![seconds, fraction, clock.rtp_ticks.into()]))
        }
        Fact::ReceiverReport(report) => {
            let (fraction, lost) = (report.fraction_lost.into(), report.lost.into());
            Some((1, vec![fraction, lost, report.highest_sequence.into(), report.jitter_ticks.into()]))
        }
        _ => None,
    }
}

fn direction_of(row: &[Vec<String>]) -> Direction {
    let end = |n: usize| (row[n][0].parse().unwrap(), row[n + 1][0].parse().unwrap());
    (end(0), end(2))
}

/// What the script beside the capture makes the players do, in order.
#[test]
fn dialogues_give_their_logins_and_streams() {
    let heard = heard(&wire::packets(&wire::own_capture("rtsp-dialogues.pcap")));
    let mut logins = Vec::new();
    let mut streams = Vec::new();
    let mut ended = 0;
    for (_, _, fact) in heard.iter().flat_map(|heard| &heard.facts) {
        match fact {
            Fact::Login(login) => {
                assert_eq!(login.account.as_ref().map(Text::as_str), Some("operator"));
                logins.push((login.scheme, login.outcome));
            }
            Fact::StreamAnnounced(stream) => {
                streams.push((stream.transport, stream.codec.as_ref().map(ToString::to_string)));
            }
            Fact::StreamEnded { by: Ended::Teardown, .. } => ended += 1,
            Fact::Malformed(fault) => panic!("{fault:?}"),
            _ => {}
        }
    }
    use Outcome::{Accepted, Rejected};
    let (md5, basic) = ("digest-md5", "basic");
    let expected = [
        (md5, Accepted),
        (md5, Accepted),
        (md5, Rejected),
        (basic, Accepted),
        (md5, Accepted),
        (basic, Accepted),
        (md5, Accepted),
        (md5, Accepted),
    ];
    assert_eq!(logins, expected);
    use StreamTransport::{Interleaved, Multicast, Udp};
    let video = |transport| (transport, Some("H264".to_owned()));
    let both = |transport| [video(transport), (transport, Some("PCMA".to_owned()))];
    let played = |transports: &[_]| transports.iter().copied().flat_map(both).collect::<Vec<_>>();
    let before = played(&[Udp, Interleaved, Interleaved, Multicast]);
    assert_eq!(streams, [before, vec![video(Interleaved)], played(&[Interleaved, Udp])].concat());
    assert!(ended > 8, "{ended} ended");
}

#[test]
fn dialogues_say_the_same_however_they_are_cut() {
    let packets = wire::packets(&wire::own_capture("rtsp-dialogues.pcap"));
    let whole = heard(&packets);
    let cut = heard(&packets.iter().flat_map(wire::byte_by_byte).collect::<Vec<_>>());
    assert_eq!(whole.len(), cut.len());
    for (whole, cut) in whole.iter().zip(&cut) {
        assert_eq!((&whole.facts, &whole.media), (&cut.facts, &cut.media), "{:?}", whole.direction);
    }
}

/// Every 17th segment with data is lost: what is still said was said without the loss, too.
#[test]
fn loss_makes_up_nothing_and_costs_little() {
    for name in ["rtsp-dialogues.pcap", "site-camera-then-switch.pcapng"] {
        let packets = wire::packets(&wire::own_capture(name));
        let whole = heard(&packets);
        let with_data = |packet: &&Packet| packet.tcp.is_some() && !packet.payload.is_empty();
        let lost: Vec<u64> =
            packets.iter().filter(with_data).map(|packet| packet.frame).step_by(17).collect();
        let kept: Vec<_> = packets.iter().filter(|packet| !lost.contains(&packet.frame)).cloned().collect();
        let after = heard(&kept);
        let all = |heard: &[Heard]| heard.iter().flat_map(media).map(|(_, it)| it).collect::<Vec<_>>();
        let (before, after_media) = (all(&whole), all(&after));
        assert!(after_media.iter().all(|packet| before.contains(packet)), "{name}");
        let share = after_media.len() * 100 / before.len();
        assert!(share >= 90, "{name}: {share} % of {}", before.len());
        for (_, _, fact) in after.iter().flat_map(|heard| &heard.facts) {
            assert!(!matches!(fact, Fact::Malformed(_)), "{name}: {fact:?}");
        }
    }
}
