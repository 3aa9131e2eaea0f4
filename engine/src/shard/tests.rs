//! Frames in, observations out, with parsers made for it.

use std::net::IpAddr;

use spanwatch_parsers::{
    About, Envelope, Fact, Key, LinkType, Mac, Malformed, Media, On, Probe, Progress, Session, Span, Start,
};

use super::*;
use crate::peel::Peeler;

/// Lines of text, each its own message; `skip N` is followed by N bytes that nobody wants.
struct Lines;

impl Session for Lines {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Progress::NeedMore };
        let line = &bytes[..end];
        assert_ne!(line, b"panic");
        if line == b"done" {
            return Progress::Done;
        }
        sink.attribute(About::Sender, if way == Way::Orig { Key::Name } else { Key::Hostname }, line);
        let skip = line.strip_prefix(b"skip ").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
        Progress::Consumed(end + 1 + skip.unwrap_or(0))
    }

    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) {
        sink.attribute(About::Sender, Key::Location, format!("gap {way:?} {missing:?}").as_bytes());
    }

    fn end(&mut self, sink: &mut Sink) {
        sink.attribute(About::Sender, Key::Location, b"end");
    }
}

fn lines(_: &Envelope, bytes: &[u8]) -> Probe {
    match bytes {
        [b'a'..=b'z', ..] if bytes.contains(&b'\n') => Probe::Yes,
        [b'a'..=b'z', ..] => Probe::Maybe,
        _ => Probe::No,
    }
}

static LINES: Parser = Parser {
    name: "lines",
    about: "",
    on: &[On::AnyTcp],
    probe: lines,
    start: Start::Session(|_| Box::new(Lines)),
};

static WORDS: Parser = Parser {
    name: "words",
    about: "",
    on: &[On::Udp(7), On::EtherType(0x88b5), On::Icmpv6],
    probe: |_, bytes| match bytes {
        [b'?', ..] => Probe::Maybe,
        [b'a'..=b'z' | b'!', ..] => Probe::Yes,
        _ => Probe::No,
    },
    start: Start::Datagram(|_, bytes, sink| {
        assert_ne!(bytes, b"panic");
        sink.attribute(About::Sender, Key::Name, bytes);
        if bytes.ends_with(b"!") { Err(Malformed::Invalid { field: "word" }) } else { Ok(()) }
    }),
};

/// Media of two bytes of sequence number behind `m`.
static MEDIA: Parser = Parser {
    name: "rtp",
    about: "",
    on: &[On::AnyUdp],
    probe: |_, bytes| if bytes.first() == Some(&b'M') { Probe::Maybe } else { Probe::No },
    start: Start::Session(|_| Box::new(Packets(0))),
};

struct Packets(u32);

impl Session for Packets {
    fn data(&mut self, _: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let [b'M', a, b, ..] = *bytes else { return Progress::Done };
        let sequence = u16::from_be_bytes([a, b]);
        let timestamp = u32::from(sequence) * 1_800;
        let bytes = bytes.len() as u32;
        sink.media(Media {
            channel: None,
            payload_type: 96,
            marker: false,
            sequence,
            timestamp,
            ssrc: 7,
            bytes,
        });
        self.0 += 1;
        if self.0 == 4 {
            sink.fact(About::Sender, Fact::MediaProved { ssrc: 7 });
        }
        Progress::Consumed(bytes as usize)
    }

    fn gap(&mut self, _: Way, _: Option<u64>, _: &mut Sink) {}
}

static PARSERS: &[&Parser] = &[&LINES, &WORDS, &MEDIA];

/// A shard, a peeler and a frame counter.
struct Bench {
    peeler: Peeler,
    shard: Shard,
    out: Vec<Observation>,
    frame: u64,
}

/// One end of a conversation.
#[derive(Clone, Copy)]
struct End {
    host: u8,
    port: u16,
    vlan: Option<u16>,
    hop_limit: u8,
    mac: u8,
}

const CLIENT: End = End { host: 9, port: 5000, vlan: None, hop_limit: 64, mac: 9 };
const SERVER: End = End { host: 7, port: 80, vlan: None, hop_limit: 63, mac: 7 };

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn ms(ms: i64) -> Time {
    Time(ms * 1_000_000)
}

impl Bench {
    fn new() -> Self {
        let shard = Shard::with_parsers(3, None, 7, PARSERS);
        Self { peeler: Peeler::new(), shard, out: Vec::new(), frame: 0 }
    }

    fn frame(&mut self, at: Time, bytes: &[u8]) {
        self.frame += 1;
        let length = bytes.len() as u32;
        let peeled = self.peeler.peel(LinkType::ETHERNET, at, bytes, length);
        let cite = Cite { input: 0, frame: self.frame };
        let frame = FrameIn { at, frame: self.frame, cite, interface: 0, wire_length: length };
        self.shard.frame(&frame, &peeled, bytes, &mut self.out);
    }

    fn ip(&mut self, at: Time, (from, to): (End, End), protocol: u8, transport: &[u8]) {
        let mut bytes = vec![2, 0, 0, 0, 0, to.mac, 2, 0, 0, 0, 0, from.mac];
        if let Some(vlan) = from.vlan {
            bytes.extend([0x81, 0]);
            bytes.extend(vlan.to_be_bytes());
        }
        bytes.extend([8, 0, 0x45, 0]);
        bytes.extend((20 + transport.len() as u16).to_be_bytes());
        bytes.extend((self.frame as u16 + 1).to_be_bytes());
        bytes.extend([0, 0, from.hop_limit, protocol, 0, 0]);
        bytes.extend([192, 0, 2, from.host, 192, 0, 2, to.host]);
        bytes.extend(transport);
        self.frame(at, &bytes);
    }

    fn udp(&mut self, at: Time, (from, to): (End, End), payload: &[u8]) {
        let mut bytes = [from.port.to_be_bytes(), to.port.to_be_bytes()].concat();
        bytes.extend((8 + payload.len() as u16).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(payload);
        self.ip(at, (from, to), 17, &bytes);
    }

    fn tcp(
        &mut self,
        at: Time,
        (from, to): (End, End),
        (flags, sequence, acknowledges): (u8, u32, u32),
        payload: &[u8],
    ) {
        let mut bytes = [from.port.to_be_bytes(), to.port.to_be_bytes()].concat();
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(acknowledges.to_be_bytes());
        bytes.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        self.ip(at, (from, to), 6, &bytes);
    }

    fn handshake(&mut self) {
        self.tcp(ms(0), (CLIENT, SERVER), (SYN, 99, 0), b"");
        self.tcp(ms(1), (SERVER, CLIENT), (SYN | ACK, 199, 100), b"");
        self.tcp(ms(2), (CLIENT, SERVER), (ACK, 100, 200), b"");
        self.out.clear();
    }

    fn tick(&mut self, at: Time) {
        self.shard.tick(at, self.frame + 1, &mut self.out);
    }

    /// What was said since it was last asked, sums left out: protocol and text.
    fn said(&mut self) -> Vec<String> {
        let said = self.out.drain(..).filter_map(|seen| match seen.fact {
            Fact::Attribute { key, value } => Some(format!("{} {key:?} {value}", seen.source)),
            Fact::Activity(_) | Fact::Stream(_) => None,
            other => Some(format!("{} {other:?}", seen.source)),
        });
        said.collect()
    }
}

#[test]
fn connection_is_read_in_order_from_both_sides() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 104, 200), b"lo\n");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 100, 200), b"hel-");
    bench.tcp(ms(12), (SERVER, CLIENT), (ACK, 200, 107), b"world\n");
    assert_eq!(bench.said(), ["lines Name hel-lo", "lines Hostname world"]);
}

#[test]
fn connection_ends_with_its_fins_and_with_a_reset() {
    for (flags, ends) in [(FIN | ACK, false), (RST, true)] {
        let mut bench = Bench::new();
        bench.handshake();
        bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
        bench.tcp(ms(11), (CLIENT, SERVER), (flags, 102, 200), b"");
        assert_eq!(bench.said().last().is_some_and(|last| last.ends_with("end")), ends);
        bench.tcp(ms(12), (SERVER, CLIENT), (FIN | ACK, 200, 103), b"");
        assert_eq!(bench.said().len(), usize::from(!ends));
    }
}

#[test]
fn connection_that_began_earlier_is_read_from_the_first_message_that_shows_itself() {
    let mut bench = Bench::new();
    bench.tcp(ms(0), (CLIENT, SERVER), (ACK, 100, 200), b"...cut\nhalf");
    bench.tcp(ms(1), (SERVER, CLIENT), (ACK, 200, 111), b"!!answer\n");
    bench.tcp(ms(2), (CLIENT, SERVER), (ACK, 111, 209), b"whole\n");
    bench.tcp(ms(3), (SERVER, CLIENT), (ACK, 209, 117), b"yes\n");
    assert_eq!(bench.said(), ["lines Name whole", "lines Location gap Resp None", "lines Hostname yes"]);
}

#[test]
fn unwanted_bytes_are_skipped_even_where_they_are_lost() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"skip 5000\n12345");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 4_110, 200), &[b'x'; 1_000]);
    bench.tcp(ms(12), (CLIENT, SERVER), (ACK, 5_110, 200), b"next\n");
    assert_eq!(bench.said(), ["lines Name skip 5000", "lines Name next"]);
}

#[test]
fn gap_is_told_and_survived() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"one\ntw");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 116, 200), b"three\n");
    bench.tick(ms(1_000));
    assert_eq!(bench.said(), ["lines Name one"]);
    bench.tick(ms(4_000));
    assert_eq!(bench.said(), ["lines Location gap Orig Some(10)", "lines Name three"]);
}

#[test]
fn openings_refusals_and_repetitions_are_told() {
    let mut bench = Bench::new();
    bench.tcp(ms(0), (CLIENT, SERVER), (SYN, 99, 0), b"");
    bench.tcp(ms(1_000), (CLIENT, SERVER), (SYN, 99, 0), b"");
    bench.tcp(ms(1_001), (SERVER, CLIENT), (RST | ACK, 0, 100), b"");
    let refused = bench.out.last().unwrap();
    assert_eq!((refused.subject.hop_limit, refused.subject.port, refused.peer.port), (63, 80, 5000));
    let target = "192.0.2.7".parse().unwrap();
    let opening = |attempt| format!("flow {:?}", Fact::Opening { target, port: 80, attempt });
    assert_eq!(bench.said(), [opening(1), opening(2), format!("flow {:?}", Fact::Refused { port: 80 })]);

    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    bench.tcp(ms(300), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    assert_eq!(bench.said()[1], format!("flow {:?}", Fact::Retried { target, attempt: 1 }));
}

#[test]
fn port_that_is_used_again_is_another_connection() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    bench.tcp(ms(20), (CLIENT, SERVER), (SYN, 7_000, 0), b"");
    bench.tcp(ms(21), (CLIENT, SERVER), (ACK, 7_001, 0), b"b\n");
    let target = "192.0.2.7".parse().unwrap();
    let opening = format!("flow {:?}", Fact::Opening { target, port: 80, attempt: 1 });
    assert_eq!(bench.said(), ["lines Name a", "lines Location end", &opening, "lines Name b"]);
}

#[test]
fn panic_costs_the_session_and_is_counted() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\npanic\nb\n");
    bench.tcp(ms(11), (CLIENT, SERVER), (ACK, 110, 200), b"c\n");
    bench.udp(ms(12), (CLIENT, End { port: 7, ..SERVER }), b"panic");
    bench.udp(ms(13), (CLIENT, End { port: 7, ..SERVER }), b"word");
    assert_eq!(bench.said(), ["lines Name a", "words Name word"]);
    bench.tick(ms(1_000));
    let lost = Fact::Lost { what: "parser panicked", cap: 0, count: 2 };
    assert_eq!(bench.said(), [format!("shard {lost:?}")]);
    bench.tick(ms(2_000));
    assert!(bench.said().is_empty());
}

#[test]
fn datagrams_are_read_and_faults_told_once_a_second() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    for (at, word) in
        [(0, &b"one"[..]), (1, b"one"), (2, b"bad!"), (3, b"bad!"), (4, b"?guess"), (5, b"?no!")]
    {
        bench.udp(ms(at), ends, word);
    }
    let fault = format!("words {:?}", Fact::Malformed(Malformed::Invalid { field: "word" }));
    let said = bench.said();
    assert_eq!(said[..3], ["words Name one", "words Name bad!", &fault]);
    // Once the flow is known to speak it, being unsure is enough.
    assert_eq!(said[3..], ["words Name ?guess", "words Name ?no!"]);
}

#[test]
fn what_is_only_guessed_is_dropped_where_it_cannot_be_read() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"?no!");
    assert!(bench.said().is_empty());
    bench.udp(ms(1), ends, b"?yes");
    assert_eq!(bench.said(), ["words Name ?yes"]);
}

#[test]
fn frames_without_ip_are_read_by_their_type() {
    let mut bench = Bench::new();
    bench.frame(ms(0), b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x88\xb5hello");
    let seen = &bench.out[0];
    assert_eq!((seen.subject.mac, seen.peer.mac), (Some(Mac([2, 0, 0, 0, 0, 7])), None));
    assert_eq!((seen.subject.ip, seen.transport, seen.source), (None, None, "words"));
}

#[test]
fn media_is_summed_each_second_once_it_is_proved() {
    let mut bench = Bench::new();
    for n in 0..50_u16 {
        let [a, b] = n.to_be_bytes();
        bench.udp(ms(i64::from(n) * 20), (SERVER, CLIENT), &[b'M', a, b, 0]);
    }
    bench.tick(ms(1_000));
    let streams: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match &seen.fact {
            Fact::Stream(stream) => Some((seen.place, stream.packets, stream.lost, stream.ports)),
            _ => None,
        })
        .collect();
    assert_eq!(streams.len(), 1);
    assert_eq!((streams[0].1, streams[0].2, streams[0].3), (50, 0, (80, 5000)));
    assert_eq!((streams[0].0.frame, streams[0].0.shard), (51, 3));
    assert!(streams[0].0.index < FIRST_OF_FRAME);
    let protocol = bench.out.iter().find_map(|seen| match &seen.fact {
        Fact::Activity(activity) => activity.protocol,
        _ => None,
    });
    assert_eq!(protocol, Some("rtp"));
}

#[test]
fn activity_is_summed_by_flow_and_side() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    for at in [0, 100, 400] {
        bench.udp(ms(at), ends, b"one");
    }
    bench.udp(ms(450), (ends.1, ends.0), b"two");
    bench.tick(ms(1_000));
    let sums: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => {
                Some((sum.flow, sum.packets, sum.longest_gap, seen.subject.port, seen.cite.frame))
            }
            _ => None,
        })
        .collect();
    assert_eq!(sums, [(1, 3, Span::millis(300), 5000, 3), (1, 1, Span::ZERO, 7, 4)]);
    bench.out.clear();
    bench.tick(ms(2_000));
    assert!(bench.out.is_empty());
}

#[test]
fn icmp_error_names_whom_it_is_about() {
    let mut bench = Bench::new();
    let quoted = b"\x45\0\0\x20\0\0\0\0\x40\x11\0\0\xc0\0\x02\x09\xc0\0\x02\x4d\x13\x88\0\x35\0\x0c\0\0";
    let router = End { host: 1, mac: 1, ..SERVER };
    bench.ip(ms(0), (router, CLIENT), 1, &[b"\x03\x01\0\0\0\0\0\0", &quoted[..]].concat());
    let seen = &bench.out[0];
    let target = IpAddr::from([192, 0, 2, 77]);
    let expected = Fact::Unreachable { target, kind: 3, code: 1, transport: 17, port: Some(53) };
    assert_eq!((&seen.fact, seen.subject.ip), (&expected, Some(IpAddr::from([192, 0, 2, 1]))));
}

#[test]
fn hosts_of_one_address_in_two_vlans_have_flows_of_their_own() {
    let mut bench = Bench::new();
    let in_vlan = |end: End, vlan: u16, mac: u8| End { vlan: Some(vlan), mac, ..end };
    let here = (in_vlan(CLIENT, 10, 1), in_vlan(End { port: 7, ..SERVER }, 10, 2));
    let there = (in_vlan(CLIENT, 20, 3), in_vlan(End { port: 7, ..SERVER }, 20, 4));
    for n in 0..3 {
        bench.udp(ms(n * 100), here, b"one");
        bench.udp(ms(n * 100 + 10), there, b"two");
        bench.udp(ms(n * 100 + 20), (there.1, there.0), b"two-back");
        bench.udp(ms(n * 100 + 30), (here.1, here.0), b"one-back");
    }
    bench.tick(ms(1_000));
    let sums: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some((sum.flow, sum.packets, seen.subject.vlan)),
            _ => None,
        })
        .collect();
    assert_eq!(sums, [(1, 3, Some(10)), (1, 3, Some(10)), (2, 3, Some(20)), (2, 3, Some(20))]);
}

#[test]
fn tag_on_one_direction_makes_no_second_flow() {
    let mut bench = Bench::new();
    let tagged = End { vlan: Some(10), ..CLIENT };
    let server = End { port: 7, ..SERVER };
    for n in 0..3 {
        bench.udp(ms(n), (tagged, server), b"one");
        bench.udp(ms(n), (server, tagged), b"two");
    }
    bench.tick(ms(1_000));
    let flows: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some((sum.flow, sum.packets)),
            _ => None,
        })
        .collect();
    assert_eq!(flows, [(1, 3), (1, 3)]);
}

#[test]
fn senders_without_an_address_are_told_by_their_mac() {
    let mut bench = Bench::new();
    for mac in [1_u8, 2] {
        let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, mac, 8, 0];
        frame.extend(b"\x45\0\0\x20\0\x01\0\0\x40\x11\0\0\0\0\0\0\xff\xff\xff\xff\0\x44\0\x43\0\x0c\0\0dhc");
        frame.push(mac);
        bench.frame(ms(mac.into()), &frame);
    }
    bench.tick(ms(1_000));
    let macs: Vec<_> = bench.out.iter().map(|seen| seen.subject.mac).collect();
    assert_eq!(macs, [Some(Mac([2, 0, 0, 0, 0, 1])), Some(Mac([2, 0, 0, 0, 0, 2]))]);
}

#[test]
fn fragments_are_read_once_they_are_whole_and_count_for_their_flow() {
    let mut bench = Bench::new();
    let whole = [&b"\x13\x88\0\x07\0\x18\0\0"[..], b"a-long-word-here"].concat();
    let part = |bench: &mut Bench, at, offset: usize, more: bool| {
        let end = if more { offset + 8 } else { whole.len() };
        let bytes = &whole[offset..end];
        let mut frame = b"\x02\0\0\0\0\x07\x02\0\0\0\0\x09\x08\0\x45\0".to_vec();
        frame.extend((20 + bytes.len() as u16).to_be_bytes());
        frame.extend([0, 9]);
        frame.extend(((offset as u16 / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        frame.extend(b"\x40\x11\0\0\xc0\0\x02\x09\xc0\0\x02\x07");
        frame.extend(bytes);
        bench.frame(ms(at), &frame);
    };
    part(&mut bench, 0, 0, true);
    part(&mut bench, 1, 16, false);
    assert!(bench.out.is_empty());
    part(&mut bench, 2, 8, true);
    assert_eq!(bench.said(), ["words Name a-long-word-here"]);
    bench.tick(ms(1_000));
    let Fact::Activity(sum) = bench.out[0].fact else { panic!("{:?}", bench.out) };
    assert_eq!((sum.packets, bench.out[0].subject.port, bench.out.len()), (3, 5000, 1));
}

#[test]
fn group_of_the_link_binds_its_sender_once_a_minute() {
    let mut bench = Bench::new();
    for at in [0, 1_000, 59_000, 60_000] {
        let mut frame = b"\x01\0\x5e\0\0\xfb\x02\0\0\0\0\x07\x08\0\x45\0\0\x20".to_vec();
        frame.extend((at as u16).to_be_bytes());
        frame.extend(b"\0\0\x01\x11\0\0\xc0\0\x02\x07\xe0\0\0\xfb\x14\xe9\x14\xe9\0\x0c\0\0mdns");
        bench.frame(ms(at), &frame);
    }
    let bindings: Vec<_> = bench
        .out
        .iter()
        .filter(|seen| matches!(seen.fact, Fact::Binding { .. }))
        .map(|seen| seen.at)
        .collect();
    assert_eq!(bindings, [ms(0), ms(60_000)]);
}

#[test]
fn bytes_of_all_connections_stay_in_bounds() {
    let mut bench = Bench::new();
    let payload = [&b"first\n"[..], &[b'x'; 1_300]].concat();
    let more = [b'x'; 1_306];
    for connection in 0..1_000_u16 {
        let at = ms(connection.into());
        let ends = (End { port: 1_000 + connection, ..CLIENT }, SERVER);
        bench.tcp(at, ends, (SYN, 99, 0), b"");
        // A message that never ends, then one behind a hole.
        for n in 0..4 {
            bench.tcp(at, ends, (ACK, 100 + n * 1_306, 200), if n == 0 { &payload } else { &more });
        }
        bench.tcp(at, ends, (ACK, 100_000, 200), &payload);
        assert!(bench.shard.flows.held <= segment::HELD_MAX + 8_000, "{}", bench.shard.flows.held);
    }
    bench.out.clear();
    bench.tick(ms(1_000));
    let lost = bench.said();
    assert!(lost.len() == 1 && lost[0].contains("bytes kept of connections"), "{lost:?}");
}

#[test]
fn question_and_answer_are_forgotten_before_a_flow_that_goes_on() {
    let mut bench = Bench::new();
    let server = End { port: 7, ..SERVER };
    bench.udp(ms(0), (CLIENT, server), b"question");
    let other = End { port: 5_001, ..CLIENT };
    bench.udp(ms(0), (other, server), b"one");
    bench.udp(ms(20_000), (other, server), b"two");
    bench.tick(ms(31_000));
    bench.out.clear();
    bench.udp(ms(40_000), (CLIENT, server), b"again");
    bench.udp(ms(40_000), (other, server), b"three");
    bench.tick(ms(41_000));
    let flows: Vec<_> = bench
        .out
        .iter()
        .filter_map(|seen| match seen.fact {
            Fact::Activity(sum) => Some(sum.flow),
            _ => None,
        })
        .collect();
    assert_eq!(flows, [4, 2]);
}

#[test]
fn copies_disturb_nothing_and_are_counted() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"one");
    bench.frame -= 1; // The same identification.
    bench.udp(Time(20_000), (End { vlan: Some(10), ..ends.0 }, ends.1), b"one");
    bench.tick(ms(1_000));
    assert_eq!(bench.shard.counts().copies.by_tags, 1);
    let facts: Vec<_> = bench.out.iter().map(|seen| &seen.fact).collect();
    assert!(
        matches!(facts[..], [Fact::Attribute { .. }, Fact::Activity(sum), Fact::Copies { count: 1, most: 1 }] if sum.packets == 1),
        "{facts:?}"
    );
}

#[test]
fn two_ticks_before_one_frame_have_places_of_their_own() {
    let mut bench = Bench::new();
    let ends = (CLIENT, End { port: 7, ..SERVER });
    bench.udp(ms(0), ends, b"one");
    bench.tick(ms(1_000));
    bench.udp(ms(500), ends, b"two");
    bench.frame -= 1;
    bench.tick(ms(2_000));
    let mut places: Vec<_> = bench.out.iter().map(|seen| seen.place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), bench.out.len());
}

#[test]
fn last_words_of_open_sessions_are_heard_at_the_end() {
    let mut bench = Bench::new();
    bench.handshake();
    bench.tcp(ms(10), (CLIENT, SERVER), (ACK, 100, 200), b"a\n");
    let mut out = Vec::new();
    let counts = bench.shard.finish(ms(10), 9, &mut out);
    assert!(
        out.iter().any(|seen| matches!(&seen.fact, Fact::Attribute { value, .. } if value.as_str() == "end"))
    );
    assert_eq!((counts.two_way, counts.one_way, counts.frames), (1, 0, 4));
}
