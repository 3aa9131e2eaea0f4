//! Discovery in XML, and Ubiquiti's, against tshark: no differences are known.
//!
//! tshark knows neither WS-Discovery nor the searches of Hikvision and Bosch, but it reads XML: their datagrams are put
//! into a capture of nothing but XML. Where tshark has no reader at all (Dahua, Hanwha, HID, Sony, Vivotek), the
//! parsers' own tests and the texts beside the public payloads are what there is (`docs/expectations.md`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use spanwatch_parsers::portrait::Portrait;
use spanwatch_parsers::protocols::{bosch, sadp, ubiquiti, ws_discovery};
use spanwatch_parsers::{Envelope, Key, Parser, Probe};

use crate::wire;

/// What is said in one message: names of leaves, and their texts.
type Said = Vec<(String, String)>;

/// Every UDP datagram of a parser's port that it takes, of our captures and of the public ones on its topics.
fn datagrams(folder: &Path, parser: &Parser, port: u16) -> Vec<Vec<u8>> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let on_topic = rows.filter(|row| {
        row[5] != "0"
            && row[6].split(',').any(|it| ["ws-discovery", "sadp", "vendor-discovery"].contains(&it))
    });
    let mut paths: Vec<PathBuf> = on_topic.map(|row| folder.join(row[0])).collect();
    paths.extend(OWN.map(wire::own_capture));
    let packets = paths.iter().flat_map(|path| wire::packets(path));
    let here = packets.filter(|it| it.tcp.is_none() && [it.from.1, it.to.1].contains(&port));
    let taken = here.filter(|it| (parser.probe)(&Envelope::default(), &it.payload) == Probe::Yes);
    taken.map(|packet| packet.payload).collect()
}

const OWN: [&str; 3] =
    ["discovery.pcap", "site-camera-then-switch.pcapng", "site-six-behind-a-switch.pcapng"];

/// The leaves of each document as tshark reads them, their names less prefixes, and attributes by `@name`.
fn by_tshark(name: &str, documents: &[Vec<u8>]) -> Vec<Said> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pcap"));
    let mut capture = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x93\0\0\0".to_vec();
    for document in documents {
        let length = u32::try_from(document.len()).unwrap().to_le_bytes();
        capture.extend([&[0; 8][..], &length, &length, document].concat());
    }
    fs::write(&path, capture).unwrap();
    let reader = "uat:user_dlts:\"User 0 (DLT=147)\",\"xml\",\"0\",\"\",\"0\",\"\"";
    // `<field name="xml.tag" … show="&lt;d:Types&gt;" …>`, and inside of it `xml.cdata` and `xml.attribute`.
    let shown = wire::tshark(&path, &["-o", reader, "-T", "pdml"]);
    let mut all: Vec<Said> = Vec::new();
    let mut name = String::new();
    for line in shown.lines().map(str::trim) {
        let value = |start: &str| line.split_once(start).and_then(|(_, rest)| rest.split('"').next());
        let show = value(" show=\"").map(unescaped).unwrap_or_default();
        match (line, value("name=\"")) {
            ("<packet>", _) => all.push(Said::new()),
            (_, Some("xml.tag")) => {
                let tag = show.trim_matches(['<', '>']).split(' ').next().unwrap_or_default();
                name = tag.rsplit(':').next().unwrap_or(tag).to_owned();
            }
            (_, Some("xml.cdata")) => all.last_mut().expect("in a packet").push((name.clone(), show)),
            (_, Some("xml.attribute")) => {
                let (name, value) = show.split_once('=').unwrap_or((&show, ""));
                let said = (format!("@{name}"), value.trim_matches('"').to_owned());
                all.last_mut().expect("in a packet").push(said);
            }
            _ => {}
        }
    }
    assert_eq!(all.len(), documents.len());
    all
}

fn unescaped(text: &str) -> String {
    let names =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    names.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
}

/// The first text of this name; nothing where there is none.
fn text<'a>(said: &'a Said, name: &str) -> &'a str {
    said.iter().find(|(it, _)| it == name).map_or("", |(_, text)| text)
}

#[test]
fn ws_discovery_is_read_as_tshark_reads_its_xml() {
    let Some(folder) = wire::shared_captures() else { return };
    let documents = datagrams(&folder, &ws_discovery::WS_DISCOVERY, 3702);
    let mut compared = BTreeMap::new();
    for (document, theirs) in documents.iter().zip(by_tshark("ws-discovery", &documents)) {
        let ours = ws_discovery::Message::parse(document).unwrap();
        let action = ours.action.map(|action| format!("{action:?}")).unwrap_or_default();
        let types: Vec<_> = ours.types.iter().map(ToString::to_string).collect();
        let scopes: Vec<_> = ours.scopes.split_whitespace().map(str::to_owned).collect();
        let words =
            |name: &str| text(&theirs, name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let local: Vec<_> =
            words("Types").iter().map(|word| word.rsplit(':').next().unwrap_or(word).to_owned()).collect();
        let instance = ours.instance.map(|id| id.to_string()).unwrap_or_default();
        let pairs = [
            (
                "action",
                vec![action],
                vec![text(&theirs, "Action").rsplit('/').next().unwrap_or("").to_owned()],
            ),
            ("types", types, local),
            ("scopes", scopes, words("Scopes")),
            ("instance", vec![instance], vec![text(&theirs, "@InstanceId").to_owned()]),
        ];
        for (what, ours, theirs) in pairs {
            assert_eq!(ours, theirs, "{what} of {}", String::from_utf8_lossy(document));
            *compared.entry(what).or_insert(0) += theirs.iter().filter(|it| !it.is_empty()).count();
        }
    }
    println!("{} messages, {compared:?}", documents.len());
    assert!(documents.len() > 20 && compared.values().all(|count| *count > 3), "{compared:?}");
}

/// What a portrait says, by the names of the elements that it was drawn from.
fn drawn(portrait: &Portrait<'_>, keys: &[(Key, &'static str)]) -> BTreeMap<&'static str, String> {
    let value = |key: Key| {
        let found = portrait.attributes.iter().find(|(it, _)| *it == key);
        found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned()).unwrap_or_default()
    };
    keys.iter().map(|(key, name)| (*name, value(*key))).collect()
}

/// A search whose answers are XML, its elements in small letters.
struct Search {
    parser: &'static Parser,
    port: u16,
    draw: fn(&[u8]) -> Option<Portrait<'static>>,
    mac: &'static str,
    ip: &'static str,
    keys: &'static [(Key, &'static str)],
}

const SEARCHES: &[Search] = &[
    Search {
        parser: &sadp::SADP,
        port: 37_020,
        draw: sadp::portrait,
        mac: "mac",
        ip: "ipv4address",
        keys: &[
            (Key::Model, "devicedescription"),
            (Key::Serial, "devicesn"),
            (Key::Firmware, "softwareversion"),
        ],
    },
    Search {
        parser: &bosch::BOSCH,
        port: 1758,
        draw: bosch::portrait,
        mac: "physaddress",
        ip: "unitipaddress",
        keys: &[(Key::Model, "friendlyname"), (Key::Name, "unitname"), (Key::Serial, "serialnumber")],
    },
];

#[test]
fn searches_in_xml_are_read_as_tshark_reads_them() {
    let Some(folder) = wire::shared_captures() else { return };
    for Search { parser, port, draw, mac, ip, keys } in SEARCHES {
        let mut documents = datagrams(&folder, parser, *port);
        documents.retain(|document| document.starts_with(b"<"));
        let mut portraits = 0;
        for (document, theirs) in documents.iter().zip(by_tshark(parser.name, &documents)) {
            let Some(portrait) = draw(document) else { continue };
            let lower: Said =
                theirs.into_iter().map(|(name, text)| (name.to_ascii_lowercase(), text)).collect();
            let expected: BTreeMap<_, _> =
                keys.iter().map(|(_, name)| (*name, text(&lower, name).to_owned())).collect();
            assert_eq!(drawn(&portrait, keys), expected, "{}", parser.name);
            let digits = text(&lower, mac).to_ascii_lowercase().replace('-', ":");
            assert_eq!(portrait.mac.map(|mac| mac.to_string()).unwrap_or_default(), digits);
            assert_eq!(portrait.ip.map(|ip| ip.to_string()).unwrap_or_default(), text(&lower, ip));
            portraits += 1;
        }
        assert!(portraits >= 2, "{}: {portraits}", parser.name);
    }
}

#[test]
fn ubiquiti_is_read_as_tshark_reads_it() {
    let Some(folder) = wire::shared_captures() else { return };
    let fields = [
        "ubdp.mac",
        "ubdp.ip",
        "ubdp.hostname",
        "ubdp.model",
        "ubdp.firmware_full",
        "ubdp.uptime",
        "udp.payload",
    ];
    let payload = folder.join("julienblitte__UniversalScanner/Ubiquiti.derived.pcap");
    let mut answers = 0;
    for path in [wire::own_capture("discovery.pcap"), payload] {
        for row in wire::tshark_fields(&path, "ubdp.len", &["-d", "udp.port==10001,ubdp"], &fields) {
            let bytes: Vec<u8> = row[6][0]
                .replace(':', "")
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            let answer = ubiquiti::Answer::parse(&bytes).unwrap();
            let first = |at: usize| row[at].first().cloned().unwrap_or_default();
            let keys = [(Key::Hostname, "host name"), (Key::Model, "model"), (Key::Firmware, "firmware")];
            let expected =
                BTreeMap::from([("host name", first(2)), ("model", first(3)), ("firmware", first(4))]);
            assert_eq!(drawn(&answer.portrait, &keys), expected);
            assert_eq!(answer.portrait.mac.map(|mac| mac.to_string()).unwrap_or_default(), first(0));
            assert_eq!(answer.portrait.ip.map(|ip| ip.to_string()).unwrap_or_default(), first(1));
            assert_eq!(answer.uptime_s.map(|it| it.to_string()).unwrap_or_default(), first(5));
            answers += 1;
        }
    }
    assert!(answers >= 2, "{answers}");
}
