//! HTTP against tshark, over every capture beside the project that has it.
//!
//! Compared are, of each direction of each connection, methods and targets of requests, codes of answers, and
//! the headers that we tell of. tshark's side is less retransmissions, which it reads again, and tunnels, which the
//! walk of these tests does not enter. Where the two differ otherwise, [`DIFFERENT`] says why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::wire::connections::{Begin, Direction, Heard, connections};
use crate::wire::{self, Packet};
use spanwatch_parsers::protocols::http::HTTP;
use spanwatch_parsers::protocols::http::head::{Head, Start, head_length};
use spanwatch_parsers::{Fact, Key, Outcome, Text, TimeTold};

/// Captures in which the two differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "http-missing-protocol/",
        "the start line tells no version, so that it is none; tshark reads it for its method",
    ),
    (
        "IoT-Sentinel/HueBridge/",
        "an answer came once, behind what followed it, and passes for a retransmission",
    ),
    (
        "nDPI/tests/cfgs/default/pcap/soap.pcap",
        "tshark puts the late first segment in order and does not read it again",
    ),
    ("nDPI/tests/cfgs/default/pcap/fuzz-2006", "damaged at random: sequence numbers, lengths and addresses"),
    ("PacketExamples/SllPacket.pcap", "a head whose end is missing: tshark shows its lines as they come"),
    ("PcapExamples/pcapng-example.pcapng", "the same packet"),
    ("socks5-http-302-frag.pcap", "behind a SOCKS handshake, which the session's probe is not asked past"),
    ("nflog", "a link type that the walk of these tests does not know"),
    ("arcnet-rfc", "a link type that the walk of these tests does not know"),
    ("snap-tcp.pcap", "SNAP, which the walk of these tests does not enter"),
    ("mpls-in-vlan.pcap", "MPLS, which the walk of these tests does not enter"),
    ("ipfragutil_bpf_filter.pcap", "fragments, which the walk of these tests passes over"),
    ("frag_http_req.pcap", "fragments, which the walk of these tests passes over"),
    ("vlan-collisions.pcap", "one connection in two VLANs, which the walk of these tests takes for one"),
];

/// What one direction carries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Carried {
    requests: Vec<(String, String)>,
    codes: Vec<String>,
    servers: Vec<String>,
    agents: Vec<String>,
}

impl Carried {
    fn note(&mut self, head: &Head<'_>) {
        let all =
            |name: &str| head.all(name).map(shown).filter(|value| !value.is_empty()).collect::<Vec<_>>();
        match head.start {
            Start::Request { method, target } => {
                self.requests.push((method.to_owned(), target.to_owned()));
                self.agents.extend(all("user-agent"));
            }
            Start::Answer { status } => {
                self.codes.push(status.to_string());
                self.servers.extend(all("server"));
            }
        }
    }
}

fn shown(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn heard(packets: &[Packet]) -> Vec<Heard> {
    connections(&HTTP, Begin::ProbedAgain, packets)
}

fn facts(packets: &[Packet]) -> Vec<Fact> {
    heard(packets).into_iter().flat_map(|heard| heard.facts).map(|(_, _, fact)| fact).collect()
}

fn ours(packets: &[Packet]) -> BTreeMap<Direction, Carried> {
    let mut carried: BTreeMap<Direction, Carried> = BTreeMap::new();
    for heard in heard(packets) {
        for (way, bytes) in &heard.taken {
            if head_length(bytes) == Some(bytes.len())
                && let Ok(head) = Head::parse(bytes)
            {
                carried.entry(heard.along(*way)).or_default().note(&head);
            }
        }
    }
    carried.retain(|_, carried| *carried != Carried::default());
    carried
}

const FIELDS: &[&str] = &[
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "http.request.method",
    "http.request.uri",
    "http.response.code",
    "http.server",
    "http.user_agent",
];

fn expected(rows: wire::Rows) -> BTreeMap<Direction, Carried> {
    let mut all: BTreeMap<Direction, Carried> = BTreeMap::new();
    for row in rows {
        let one = |n: usize, or: usize| match (&row[n][..], &row[or][..]) {
            ([only], []) | ([], [only]) => Some(only.parse::<IpAddr>().unwrap()),
            _ => None,
        };
        let (Some(from), Some(to)) = (one(0, 1), one(3, 4)) else { continue };
        let port = |n: usize| row[n][0].parse::<u16>().unwrap();
        let texts =
            |n: usize| row[n].iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let carried = all.entry(((from, port(2)), (to, port(5)))).or_default();
        carried.requests.extend(texts(6).zip(texts(7)));
        carried.codes.extend(texts(8));
        carried.servers.extend(texts(9));
        carried.agents.extend(texts(10));
    }
    all
}

/// Captures whose topics name HTTP, each once.
fn captures(folder: &Path) -> Vec<String> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>());
    let named = rows.filter(|row| row[6].contains("http") && !row[0].ends_with(".gz"));
    let by_hash: BTreeMap<String, String> = named.map(|row| (row[3].to_owned(), row[0].to_owned())).collect();
    by_hash.into_values().collect()
}

#[test]
fn heads_are_what_tshark_reads() {
    let Some(folder) = wire::shared_captures() else { return };
    let names = captures(&folder);
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let filter = "tcp and (http.request or http.response) and !tcp.analysis.retransmission";
    let rows = wire::tshark_fields_of(&paths, filter, &["-o", "http.desegment_body:FALSE"], FIELDS);
    let mut messages = 0;
    let mut different = Vec::new();
    for ((name, path), rows) in names.iter().zip(&paths).zip(rows) {
        let (ours, expected) = (ours(&wire::packets(path)), expected(rows));
        messages += ours.values().map(|carried| carried.requests.len() + carried.codes.len()).sum::<usize>();
        let directions = ours.keys().chain(expected.keys()).filter(|it| ours.get(it) != expected.get(it));
        for direction in directions.take(2) {
            println!("{name} {direction:?}\n  {:?}\n  {:?}", ours.get(direction), expected.get(direction));
        }
        different.extend((ours != expected).then_some(name));
    }
    let equal = names.len() - different.len();
    let explained = |name: &str| DIFFERENT.iter().any(|(different, _)| name.contains(different));
    different.retain(|name| !explained(name));
    println!("{messages} messages, {equal} captures equal, {} different for a reason", DIFFERENT.len());
    assert!(messages > 1_000, "{messages} messages");
    assert_eq!(different, Vec::<&String>::new());
}

/// What tshark reads in the XML of the answers that name `operation`.
fn texts_of(path: &Path, operation: &str) -> Vec<Vec<String>> {
    let filter = format!("http.response and xml.tag contains \"{operation}\"");
    let arguments = ["-Y", &filter, "-T", "fields", "-E", "aggregator=\u{1}", "-e", "xml.cdata"];
    let shown = wire::tshark(path, &arguments);
    shown.lines().map(|line| line.split('\u{1}').map(|text| text.trim().to_owned()).collect()).collect()
}

/// What the script beside the capture makes its clients do.
#[test]
fn device_says_of_itself_what_tshark_reads() {
    if wire::shared_captures().is_none() {
        return;
    }
    let path = wire::own_capture("http-dialogues.pcap");
    let facts = facts(&wire::packets(&path));
    let said = |wanted: &[Key]| -> Vec<String> {
        let values = facts.iter().filter_map(|fact| match fact {
            Fact::Attribute { key, value } if wanted.contains(key) => Some(value.to_string()),
            _ => None,
        });
        values.collect()
    };
    let of_device = [Key::Vendor, Key::Model, Key::Firmware, Key::Serial, Key::Hardware];
    assert_eq!(texts_of(&path, "GetDeviceInformationResponse"), [said(&of_device)]);
    let scopes: Vec<String> = texts_of(&path, "GetScopesResponse").concat();
    let scopes: Vec<String> = scopes.into_iter().filter(|text| text.starts_with("onvif://")).collect();
    assert!(scopes.len() > 2 && scopes == said(&[Key::OnvifScope]), "{scopes:?}");
    let services = texts_of(&path, "GetServicesResponse").concat();
    let services: BTreeSet<_> = services.into_iter().filter(|text| text.contains("/wsdl")).collect();
    // GetCapabilities tells them as well.
    assert_eq!(services, said(&[Key::OnvifService]).into_iter().collect());
    assert_eq!(said(&[Key::Name, Key::HttpTitle]), ["IPyCam", "Gate 3"]);
    let clock = facts.iter().find_map(|fact| match fact {
        Fact::TimeOfDay { utc, told: TimeTold::Asked } => Some(utc.0 / 1_000_000_000),
        _ => None,
    });
    let filter = "http.response and xml.tag contains \"GetSystemDateAndTimeResponse\"";
    let arrived = wire::tshark_fields(&path, filter, &[], &["frame.time_epoch"]);
    let arrived: f64 = arrived[0][0][0].parse().unwrap();
    assert!(clock.is_some_and(|clock| (clock - arrived as i64).abs() <= 1), "{clock:?} {arrived}");
}

#[test]
fn logins_are_judged_as_they_went() {
    let packets = wire::packets(&wire::own_capture("http-dialogues.pcap"));
    let mut logins = Vec::new();
    for fact in facts(&packets) {
        if let Fact::Login(login) = fact {
            assert_eq!(login.account.as_ref().map(Text::as_str), Some("operator"));
            logins.push((login.scheme, login.outcome));
        }
    }
    use Outcome::{Accepted, Rejected, Unknown};
    logins.dedup();
    let expected = [
        ("basic", Rejected),
        // curl shows the password before anybody asks for it; the server has no HEAD and says 501.
        ("basic", Unknown),
        ("wsse-digest", Accepted),
        ("wsse-digest", Rejected),
        // Requests through the tunnel, whose answers come by the other connection.
        ("basic", Unknown),
    ];
    assert_eq!(logins, expected);
}

#[test]
fn media_in_the_tunnel_is_what_tshark_reads() {
    if wire::shared_captures().is_none() {
        return;
    }
    let path = wire::own_capture("http-dialogues.pcap");
    let media = heard(&wire::packets(&path)).into_iter().flat_map(|heard| heard.media);
    let ours: Vec<[i64; 3]> =
        media.map(|(_, it)| [it.ssrc.into(), it.sequence.into(), it.timestamp.into()]).collect();
    let fields = ["rtp.ssrc", "rtp.seq", "rtp.timestamp"];
    let rows = wire::tshark_fields(&path, "rtp && !tcp.analysis.retransmission", &[], &fields);
    let expected = rows.iter().flat_map(|row| {
        (0..row[0].len()).map(|n| [0, 1, 2].map(|field: usize| wire::number(&row[field][n])))
    });
    assert_eq!(ours, expected.collect::<Vec<_>>());
    assert!(ours.len() > 20, "{} packets", ours.len());
}

#[test]
fn dialogues_say_the_same_byte_by_byte() {
    let packets = wire::packets(&wire::own_capture("http-dialogues.pcap"));
    let cut: Vec<Packet> = packets.iter().flat_map(wire::byte_by_byte).collect();
    let (whole, cut) = (heard(&packets), heard(&cut));
    assert_eq!(whole.len(), cut.len());
    for (whole, cut) in whole.iter().zip(&cut) {
        assert_eq!((&whole.facts, &whole.media), (&cut.facts, &cut.media), "{:?}", whole.direction);
    }
}
