//! RTP and RTCP over UDP against tshark, over all captures there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::wire::{self, Packet, number};
use spanwatch_parsers::protocols::{rtcp, rtp};
use spanwatch_parsers::{Envelope, Fact, Key, Media, Probe, Progress, Session, Sink, Start, Way};

/// Captures with media; `own` are the project's.
const WITH_MEDIA: &[&str] = &[
    "own/rtsp-dialogues.pcap",
    "own/site-camera-then-switch.pcapng",
    "ntop__nDPI/tests/cfgs/default/pcap/fuzz-2006-06-26-2594.pcap",
    "ntop__nDPI/tests/cfgs/default/pcap/rtcp_multiple_pkts_in_the_same_datagram.pcap",
    "ntop__nDPI/tests/cfgs/default/pcap/rtsp.pcap",
    "ntop__nDPI/tests/cfgs/default/pcap/sip.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/Asterisk_ZFONE_XLITE.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/MagicJack+_short_call.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/SIP_DTMF2.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/h263-over-rtp.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/only_sip_sdp_rtp.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-dvi4.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-g711.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-g722.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-lpc.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-opus.pcap",
    "odedshimon__BruteShark/Pcap_Examples/Voip Calls (SIP, RTP)/sip-rtp-speex.pcap",
];

/// What one capture gave, by frame.
#[derive(Default)]
struct Heard {
    media: BTreeMap<u64, Media>,
    reports: BTreeMap<u64, Vec<Fact>>,
    proved: BTreeSet<(u64, u32)>,
    flow_of: BTreeMap<u64, u64>,
}

impl Heard {
    fn proved_media(&self) -> BTreeMap<u64, Media> {
        let is_proved = |frame: u64, ssrc| self.proved.contains(&(self.flow_of[&frame], ssrc));
        self.media
            .iter()
            .filter(|(frame, media)| is_proved(**frame, media.ssrc))
            .map(|(&f, &m)| (f, m))
            .collect()
    }
}

/// Feeds each flow as an engine without any other parser would.
fn heard(packets: &[Packet]) -> Heard {
    let mut flows: BTreeMap<_, (u64, Option<Box<dyn Session>>)> = BTreeMap::new();
    let mut heard = Heard::default();
    let Start::Session(start) = rtp::RTP.start else { unreachable!() };
    for packet in packets.iter().filter(|packet| packet.tcp.is_none() && !packet.payload.is_empty()) {
        let envelope =
            Envelope { source_port: packet.from.1, destination_port: packet.to.1, ..Envelope::default() };
        let mut sink = Sink::default();
        if (rtcp::RTCP.probe)(&envelope, &packet.payload) == Probe::Yes {
            rtcp::observe(&packet.payload, &mut sink).expect("what the probe was sure of is whole");
            heard.reports.insert(packet.frame, sink.facts.drain(..).map(|(_, fact)| fact).collect());
        }
        let ends = (packet.from.min(packet.to), packet.from.max(packet.to));
        let way = if packet.from <= packet.to { Way::Orig } else { Way::Resp };
        let (id, session) = flows.entry(ends).or_insert((packet.frame, None));
        heard.flow_of.insert(packet.frame, *id);
        if session.is_none() && (rtp::RTP.probe)(&envelope, &packet.payload) == Probe::Maybe {
            *session = Some(start(&envelope));
        }
        let Some(trial) = session else { continue };
        sink.clear();
        if trial.data(way, &packet.payload, &mut sink) == Progress::Done {
            *session = None;
        }
        heard.media.extend(sink.media.iter().map(|media| (packet.frame, *media)));
        heard.proved.extend(sink.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::MediaProved { ssrc } => Some((*id, *ssrc)),
            _ => None,
        }));
    }
    heard
}

fn with_media(folder: &Path) -> Vec<PathBuf> {
    let path = |name: &&str| name.strip_prefix("own/").map_or_else(|| folder.join(name), wire::own_capture);
    WITH_MEDIA.iter().map(path).collect()
}

fn all_captures(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { open.push(entry) } else { files.push(entry) }
        }
    }
    files.sort();
    files
}

/// A capture, its packets, a reason.
type Difference = (&'static str, fn(&[i64]) -> bool, &'static str);

/// Where tshark reads media that we do not prove: the capture, the packets (SSRC, sequence, time
/// stamp, type, marker), and why it is ours to keep.
const DIFFERENCES: &[Difference] = &[
    (
        "own",
        |packet| packet == [0, 0, 0, 0, 0],
        "the player opens its firewall with one packet of zeros per stream: no source that counts on",
    ),
    (
        "own/rtsp-dialogues.pcap",
        |packet| (35..96).contains(&packet[3]),
        "another player opens its firewall with random bytes, which have payload types of nobody",
    ),
    (
        "Asterisk_ZFONE_XLITE.pcap",
        |packet| packet[0] == 3_202_413_293,
        "two packets of one end are too few to be believed without SIP",
    ),
    (
        "fuzz-2006-06-26-2594.pcap",
        |_| true,
        "nine packets whose addresses, sources and payload types were damaged at random",
    ),
];

#[test]
fn proved_media_is_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = ["frame.number", "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.p_type", "rtp.marker"];
    let mut packets = 0;
    let mut used = BTreeSet::new();
    let paths = with_media(&folder);
    let options = ["--enable-heuristic", "rtp_udp"];
    let rows = wire::tshark_fields_of(&paths, "udp && rtp && !icmp", &options, &fields);
    for ((name, path), rows) in WITH_MEDIA.iter().zip(&paths).zip(rows) {
        // Rows without a source are of another version; an expected port makes tshark list them.
        let expected: BTreeMap<u64, Vec<i64>> =
            rows.iter().filter(|row| !row[1].is_empty()).map(|row| row_of(row)).collect();
        let heard = heard(&wire::packets(path)).proved_media();
        let ours: BTreeMap<u64, Vec<i64>> =
            heard.iter().map(|(frame, media)| (*frame, numbers(media))).collect();
        for (frame, packet) in &ours {
            assert_eq!(expected.get(frame), Some(packet), "{name}: frame {frame}");
        }
        for (frame, packet) in expected.iter().filter(|(frame, _)| !ours.contains_key(frame)) {
            let is_listed = |&(capture, is, _): &Difference| name.contains(capture) && is(packet);
            let listed = DIFFERENCES.iter().position(is_listed);
            used.insert(listed.unwrap_or_else(|| panic!("{name}: frame {frame} {packet:?}")));
        }
        packets += ours.len();
    }
    assert!(packets > 10_000, "{packets} packets");
    assert_eq!(used.len(), DIFFERENCES.len(), "a difference is gone");
}

fn row_of(row: &[Vec<String>]) -> (u64, Vec<i64>) {
    (number(&row[0][0]) as u64, row[1..].iter().map(|values| number(&values[0])).collect())
}

fn numbers(media: &Media) -> Vec<i64> {
    vec![
        media.ssrc.into(),
        media.sequence.into(),
        media.timestamp.into(),
        media.payload_type.into(),
        media.marker.into(),
    ]
}

/// Where tshark reads reports that we do not: the capture, the frame, and why it is ours to keep.
const REPORT_DIFFERENCES: &[(&str, u64, &str)] = &[(
    "own/rtsp-dialogues.pcap",
    692,
    "random bytes that open a firewall look like a source description of 122 KB; it is not whole",
)];

#[test]
fn reports_are_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = [
        "frame.number",
        "rtcp.timestamp.ntp.msw",
        "rtcp.timestamp.ntp.lsw",
        "rtcp.timestamp.rtp",
        "rtcp.ssrc.fraction",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.ext_high",
        "rtcp.ssrc.jitter",
        "rtcp.sdes.type",
        "rtcp.sdes.text",
    ];
    let mut reports = 0;
    let paths = with_media(&folder);
    let rows = wire::tshark_fields_of(&paths, "udp && rtcp && !icmp", &[], &fields);
    for ((name, path), rows) in WITH_MEDIA.iter().zip(&paths).zip(rows) {
        let heard = heard(&wire::packets(path));
        let mut expected: BTreeMap<_, _> =
            rows.iter().map(|row| (number(&row[0][0]) as u64, lines_of(row))).collect();
        let ours: BTreeMap<_, _> =
            heard.reports.iter().map(|(frame, facts)| (*frame, lines(facts))).collect();
        for frame in
            REPORT_DIFFERENCES.iter().filter(|(capture, ..)| capture == name).map(|(_, frame, _)| frame)
        {
            assert_eq!(
                (expected.remove(frame), ours.get(frame)),
                (Some(Vec::new()), None),
                "{name}: frame {frame}"
            );
        }
        assert_eq!(ours, expected, "{name}");
        reports += ours.len();
    }
    assert!(reports > 200, "{reports} reports");
}

/// tshark's row as lines: clocks, report blocks, names.
fn lines_of(row: &[Vec<String>]) -> Vec<String> {
    let together = |from: usize, to: usize| {
        let count = row[from].len();
        let line = move |n: usize| {
            row[from..=to].iter().map(|values| number(&values[n]).to_string()).collect::<Vec<_>>()
        };
        (0..count).map(move |n| line(n).join(" "))
    };
    let mut lines: Vec<_> = together(1, 3).chain(together(4, 7)).collect();
    let kinds = row[8].iter().filter(|kind| *kind != "0");
    let named =
        kinds.zip(&row[9]).filter(|(kind, text)| ["1", "6"].contains(&kind.as_str()) && !text.is_empty());
    lines.extend(named.map(|(_, text)| text.clone()));
    lines
}

fn lines(facts: &[Fact]) -> Vec<String> {
    let mut lines: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Clock(clock) => {
                Some(format!("{} {} {}", clock.ntp >> 32, clock.ntp & 0xffff_ffff, clock.rtp_ticks))
            }
            _ => None,
        })
        .collect();
    lines.extend(facts.iter().filter_map(|fact| match fact {
        Fact::ReceiverReport(report) => Some(format!(
            "{} {} {} {}",
            report.fraction_lost, report.lost, report.highest_sequence, report.jitter_ticks
        )),
        _ => None,
    }));
    lines.extend(facts.iter().filter_map(|fact| match fact {
        Fact::Attribute { key: Key::RtcpCname | Key::RtcpTool, value } => Some(value.to_string()),
        _ => None,
    }));
    lines
}

#[test]
fn nothing_else_on_udp_is_proved_to_be_media() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut datagrams = 0;
    let (mut paths, mut all) = (Vec::new(), Vec::new());
    for path in all_captures(&folder) {
        let packets = wire::packets(&path);
        datagrams += packets.iter().filter(|packet| packet.tcp.is_none()).count();
        let heard = heard(&packets);
        let ours: BTreeSet<u64> = heard.proved_media().into_keys().chain(heard.reports.into_keys()).collect();
        if !ours.is_empty() {
            paths.push(path);
            all.push(ours);
        }
    }
    let rows = wire::tshark_fields_of(&paths, "udp", &[], &["frame.number", "frame.protocols"]);
    for ((path, ours), rows) in paths.iter().zip(all).zip(rows) {
        for row in rows {
            let protocols: Vec<_> = row[1][0].split(':').collect();
            let is_media = protocols.iter().any(|name| ["rtp", "rtcp"].contains(name));
            let is_unknown = protocols.last() == Some(&"data");
            let is_ours = ours.contains(&(number(&row[0][0]) as u64));
            assert!(!is_ours || is_media || is_unknown, "{}: {row:?}", path.display());
        }
    }
    assert!(datagrams > 30_000, "{datagrams} datagrams");
}
