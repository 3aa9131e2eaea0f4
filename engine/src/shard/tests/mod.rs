//! Frames in, observations out, with parsers made for it.

mod connections;
mod flows;
mod messages;

use std::net::IpAddr;
use std::sync::Arc;

use spanwatch_parsers::{
    About, Envelope, Fact, Key, LinkType, Mac, Malformed, Media, On, Parser, Probe, Progress, Session, Span,
    Start,
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
    source: "",
    on: &[On::AnyTcp(b"abcdefghijklmnopqrstuvwxyz")],
    probe: lines,
    start: Start::Session(|_| Box::new(Lines)),
};

static WORDS: Parser = Parser {
    name: "words",
    about: "",
    source: "",
    on: &[On::Udp(7), On::EtherType(0x88b5), On::Snap([2, 0, 0x0c], 7), On::Ip(253)],
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
    source: "",
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
    /// The frames of one row so far.
    row: (Latest, Vec<Option<Coming>>),
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
        let shard = Shard::with_parsers(3, None, 7, &Arc::new(Dispatch::new(PARSERS)));
        Self { peeler: Peeler::new(), shard, out: Vec::new(), frame: 0, row: Default::default() }
    }

    fn frame(&mut self, at: Time, bytes: &[u8]) {
        self.frame += 1;
        let length = bytes.len() as u32;
        let peeled = self.peeler.peel(LinkType::ETHERNET, at, bytes, length);
        let cite = Cite::new(0, self.frame);
        let frame = FrameIn { at, frame: self.frame, cite, interface: 0, wire_length: length };
        let (latest, before) = &mut self.row;
        let mut coming = self.shard.coming(before.len() as u32, &peeled, bytes, latest);
        if coming.seeks() {
            self.shard.seek(&mut coming);
        }
        self.shard.expect(&mut coming, before);
        before.push(Some(coming));
        self.shard.expected(&frame, (&peeled, &coming), bytes, &mut self.out);
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
