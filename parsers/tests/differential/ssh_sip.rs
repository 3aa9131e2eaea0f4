//! SSH and SIP against tshark and Zeek, over all captures that the index says have them.
//!
//! Differences that are to stay are in `ssh_sip_differences.tsv`: capture, column and reason; each must occur.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::wire::connections::{Begin, Direction, connections};
use crate::wire::{self, Packet};
use spanwatch_parsers::protocols::rtsp::message::{Dialect, Message, Start, head_length, probe_start_as};
use spanwatch_parsers::protocols::sip::SIP;
use spanwatch_parsers::protocols::ssh::SSH;
use spanwatch_parsers::{
    About, Envelope, Exchange, Fact, Key, Parser, Probe, Session, Sink, Start as How, Text, Way,
};

type Known = BTreeSet<(String, String)>;

/// What the list of known differences says, and what of it occurred.
struct Judge {
    known: Known,
    seen: Known,
    unknown: Vec<String>,
    equal: usize,
}

impl Judge {
    fn new(columns: &[&str]) -> Self {
        let list = include_str!("ssh_sip_differences.tsv");
        let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
        let known = rows.filter(|row| columns.contains(&row[1])).map(|row| {
            assert!(row.len() == 3 && !row[2].is_empty(), "a difference has three columns: {row:?}");
            (row[0].to_owned(), row[1].to_owned())
        });
        Self { known: known.collect(), seen: Known::new(), unknown: Vec::new(), equal: 0 }
    }

    fn compare<T: Ord + std::fmt::Debug>(
        &mut self,
        of: (&str, &str),
        ours: &BTreeSet<T>,
        theirs: &BTreeSet<T>,
    ) {
        if ours == theirs {
            self.equal += theirs.len();
            return;
        }
        let key = (of.0.to_owned(), of.1.to_owned());
        if !self.known.contains(&key) {
            let (more, less): (Vec<_>, Vec<_>) =
                (ours.difference(theirs).collect(), theirs.difference(ours).collect());
            self.unknown.push(format!("{of:?}\n    ours alone   {more:?}\n    theirs alone {less:?}"));
        }
        self.seen.insert(key);
    }

    fn decide(self, least: usize) {
        println!("{} equal, {} known differences", self.equal, self.seen.len());
        assert!(self.unknown.is_empty(), "differences that nobody explained:\n{}", self.unknown.join("\n"));
        let gone: Vec<_> = self.known.difference(&self.seen).collect();
        assert!(gone.is_empty(), "differences that are on the list and do not occur: {gone:?}");
        assert!(self.equal >= least, "{}", self.equal);
    }
}

/// The names of captures, and where they are.
fn captures(folder: &Path, topic: &str) -> (Vec<String>, Vec<PathBuf>) {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let with = rows.filter(|row| row[6].split(',').any(|it| it == topic) && !row[0].ends_with(".gz"));
    with.map(|row| (row[0].to_owned(), folder.join(row[0]))).unzip()
}

#[test]
fn ssh_is_identified_as_tshark_identifies_it() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut judge = Judge::new(&["ssh"]);
    let (captures, paths) = captures(&folder, "ssh");
    let fields = ["ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "ssh.protocol"];
    let rows = wire::tshark_fields_of(&paths, "tcp && ssh.protocol", &[], &fields);
    for ((capture, path), rows) in captures.iter().zip(&paths).zip(rows) {
        let mut ours = BTreeSet::new();
        for heard in connections(&SSH, Begin::Probed, &wire::packets(path)) {
            for (way, about, fact) in &heard.facts {
                if let Fact::Attribute { key: Key::SshIdentification, value } = fact {
                    ours.insert((heard.ends(*way, *about), value.to_string()));
                }
            }
        }
        let theirs = rows.iter().filter_map(|row| {
            let end = |at: usize| {
                let address = row[at].first().or(row[at + 1].first())?;
                Some((address.parse().ok()?, row[at + 2].first()?.parse().ok()?))
            };
            let direction: Direction = (end(0)?, end(3)?);
            Some((direction, Text::from(&*row[6].join(";")).to_string()))
        });
        judge.compare((capture, "ssh"), &ours, &theirs.collect());
    }
    judge.decide(40);
}

/// A message as it is compared: start line, CSeq, Call-ID, User-Agent, Server.
fn words(message: &Message<'_>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let version = text(message.version);
    let line = match message.start {
        Start::Request { method, url } => format!("{} {} SIP/{version}", text(method), text(url)),
        Start::Answer { status, reason } => {
            format!("SIP/{version} {status} {}", text(reason)).trim().to_owned()
        }
    };
    let header = |name: &[u8], short: &[u8]| text(message.either(name, short).unwrap_or_default());
    let none = b" ";
    vec![
        line,
        header(b"cseq", none),
        header(b"call-id", b"i"),
        header(b"user-agent", none),
        header(b"server", none),
    ]
}

#[test]
fn sip_datagrams_are_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut judge = Judge::new(&["sip"]);
    let (captures, paths) = captures(&folder, "sip");
    let fields = [
        "frame.number",
        "sip.Request-Line",
        "sip.Status-Line",
        "sip.CSeq",
        "sip.Call-ID",
        "sip.User-Agent",
        "sip.Server",
    ];
    let rows = wire::tshark_fields_of(&paths, "udp && sip && !icmp", &[], &fields);
    for ((capture, path), rows) in captures.iter().zip(&paths).zip(rows) {
        let mut ours = BTreeSet::new();
        for packet in wire::packets(path).iter().filter(|packet| packet.tcp.is_none()) {
            let text = packet.payload.trim_ascii_start();
            if probe_start_as(&Dialect::SIP, text) != Probe::Yes {
                continue;
            }
            let length = head_length(text).unwrap_or(text.len());
            if let Ok(message) = Message::parse_as(&Dialect::SIP, text, length) {
                ours.insert((packet.frame, words(&message)));
            }
        }
        let theirs = rows.iter().map(|row| {
            let text = |at: usize| row[at].join(";").trim().to_owned();
            let line = if row[1].is_empty() { text(2) } else { text(1) };
            let frame = row[0][0].parse::<u64>().unwrap();
            (frame, [vec![line], (3..7).map(text).collect()].concat())
        });
        judge.compare((capture, "sip"), &ours, &theirs.collect());
    }
    judge.decide(500);
}

/// Facts of every flow over UDP, each with who sent its first datagram.
fn flows(parser: &'static Parser, packets: &[Packet]) -> Vec<(Direction, Way, About, Fact)> {
    let How::Session(start) = parser.start else { unreachable!("a parser of sessions") };
    let mut open: BTreeMap<Direction, Box<dyn Session>> = BTreeMap::new();
    let mut facts = Vec::new();
    for packet in packets.iter().filter(|packet| packet.tcp.is_none()) {
        let (there, back) = ((packet.from, packet.to), (packet.to, packet.from));
        let (key, way) = if open.contains_key(&back) { (back, Way::Resp) } else { (there, Way::Orig) };
        let envelope = Envelope {
            source_port: packet.from.1,
            destination_port: packet.to.1,
            source: Some(packet.from.0),
            destination: Some(packet.to.0),
            ..Envelope::default()
        };
        if !open.contains_key(&key) && (parser.probe)(&envelope, &packet.payload) != Probe::Yes {
            continue;
        }
        let session = open.entry(key).or_insert_with(|| start(&envelope));
        let mut sink = Sink::default();
        session.data(way, &packet.payload, &mut sink);
        facts.extend(sink.facts.into_iter().map(|(about, fact)| (key, way, about, fact)));
    }
    for (key, session) in &mut open {
        let mut sink = Sink::default();
        session.end(&mut sink);
        facts.extend(sink.facts.into_iter().map(|(about, fact)| (*key, Way::Orig, about, fact)));
    }
    facts
}

#[test]
fn sip_exchanges_are_what_zeek_pairs() {
    let Some(folder) = wire::shared_captures() else { return };
    let facts =
        flows(&SIP, &wire::packets(&folder.join("zeek__zeek/testing/btest/Traces/sip/wireshark.pcap")));
    let ours: BTreeSet<_> = facts
        .iter()
        .filter_map(|(_, _, _, fact)| match fact {
            Fact::Exchange(exchange) => {
                let Exchange { method, target, status } = &**exchange;
                Some((method.to_string(), target.as_ref()?.to_string(), (*status)?))
            }
            _ => None,
        })
        .collect();
    let log = "zeek__zeek/testing/btest/Baseline/scripts.base.protocols.sip.wireshark/sip.log";
    let log = fs::read_to_string(folder.join(log)).unwrap();
    let rows =
        log.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    let theirs: BTreeSet<_> = rows
        .filter_map(|row| {
            let status = row[21].parse::<u16>().ok().filter(|status| *status >= 200)?;
            // Zeek shows parameters, and with the answer to a call the request by which it was given up.
            let target = row[8].split(';').next()?.to_owned();
            let method = if row[7] == "CANCEL" { "INVITE" } else { row[7] };
            (method != "ACK").then(|| (method.to_owned(), target, status))
        })
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 5, "{ours:?}");
}

#[test]
fn no_sip_capture_shows_a_secret() {
    let Some(folder) = wire::shared_captures() else { return };
    let mut count = 0;
    let (captures, paths) = captures(&folder, "sip");
    for (capture, path) in captures.iter().zip(&paths) {
        let packets = wire::packets(path);
        let over_tcp = connections(&SIP, Begin::Probed, &packets);
        let over_tcp = over_tcp.iter().flat_map(|heard| &heard.facts).map(|(_, _, fact)| format!("{fact:?}"));
        let over_udp = flows(&SIP, &packets).into_iter().map(|(_, _, _, fact)| format!("{fact:?}"));
        for fact in over_udp.chain(over_tcp) {
            count += 1;
            assert!(!fact.contains("response=") && !fact.contains("nonce="), "{capture}: {fact}");
        }
    }
    assert!(count > 500, "{count}");
}
