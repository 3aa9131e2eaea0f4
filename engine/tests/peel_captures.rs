//! Peeling over the public captures, against what tshark and etherparse read in them.

mod support;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use etherparse::{LaxNetSlice, LaxSlicedPacket};
use spanwatch_capture::Item;
use spanwatch_engine::peel::{Encapsulation, Network, Peeled, Peeler};
use spanwatch_parsers::{LinkType, Mac};

use support::{captures, captures_on, each_frame, has_program};

#[test]
fn no_capture_makes_it_panic_and_positions_are_in_order() {
    let Some(folder) = captures() else { return };
    let mut frames = 0_u64;
    for path in captures_on(&folder, &[]) {
        let mut peeler = Peeler::new();
        each_frame(&[path], |item| {
            let Item::Frame(head, bytes) = item else { return };
            let peeled = peeler.peel(head.link, head.at, bytes, head.wire_length);
            let layers = peeled.layers;
            if layers.network != Network::Unknown {
                assert!(layers.network_at <= layers.transport_at && layers.transport_at <= layers.end);
                assert!(layers.end <= layers.whole_end);
                assert!(layers.end as usize <= peeled.bytes(bytes).len());
            }
            frames += 1;
        });
    }
    assert!(frames > 100_000, "{frames}");
}

/// What the innermost headers are, as text to be compared.
fn ours(peeled: &Peeled) -> String {
    let layers = &peeled.layers;
    let mut text = String::new();
    if let (Network::Ip, Some((source, destination))) = (layers.network, layers.ips) {
        write!(text, "{source} {destination} {} {} ", layers.protocol, layers.hop_limit).unwrap();
        let part = layers.fragment.map(|part| (part.offset, part.more));
        write!(text, "{part:?} {}-{} ", layers.transport_at, layers.end).unwrap();
    }
    write!(text, "{:?} {:?}", layers.source_mac, layers.tags.inner()).unwrap();
    text
}

/// The same, as etherparse reads it; `None` where it reads less.
fn by_etherparse(bytes: &[u8]) -> Option<String> {
    let packet = LaxSlicedPacket::from_ethernet(bytes).ok().filter(|packet| packet.stop_err.is_none())?;
    let mut text = String::new();
    let position = |part: &[u8]| part.as_ptr() as usize - bytes.as_ptr() as usize;
    let payload = packet.net.as_ref()?.ip_payload_ref()?;
    let (from, to) = (position(payload.payload), position(payload.payload) + payload.payload.len());
    match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let part = (u32::from(header.fragments_offset().value()) * 8, header.more_fragments());
            let part = Some(part).filter(|part| *part != (0, false));
            let (source, destination) =
                (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()));
            write!(text, "{source} {destination} {} {} ", payload.ip_number.0, header.ttl()).unwrap();
            write!(text, "{part:?} {from}-{to} ").unwrap();
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let (source, destination) =
                (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()));
            write!(text, "{source} {destination} {} {} ", payload.ip_number.0, header.hop_limit()).unwrap();
            if payload.fragmented {
                return None;
            }
            write!(text, "None {from}-{to} ").unwrap();
        }
        LaxNetSlice::Arp(_) => return None,
    }
    let source: Option<[u8; 6]> = bytes.get(6..12)?.try_into().ok();
    let vlan = packet.link_exts.iter().rev().find_map(|tag| match tag {
        etherparse::LaxLinkExtSlice::Vlan(tag) => Some(tag.vlan_identifier().value()).filter(|id| *id != 0),
        _ => None,
    });
    write!(text, "{:?} {vlan:?}", source.map(Mac)).unwrap();
    Some(text)
}

#[test]
fn headers_are_those_that_etherparse_reads() {
    let Some(folder) = captures() else { return };
    let (mut same, mut wrong) = (0_u64, Vec::new());
    for path in captures_on(&folder, &[]) {
        let mut peeler = Peeler::new();
        each_frame(std::slice::from_ref(&path), |item| {
            let Item::Frame(head, bytes) = item else { return };
            let peeled = peeler.peel(head.link, head.at, bytes, head.wire_length);
            if head.link != LinkType::ETHERNET || peeled.outer.is_some() || peeled.layers.is_absorbed {
                return;
            }
            let Some(theirs) = by_etherparse(bytes) else { return };
            if theirs == ours(&peeled) {
                same += 1;
            } else if !OTHER_THAN_ETHERPARSE.iter().any(|(known, _)| path.ends_with(known)) {
                wrong.push(format!("{} {}:\n  {theirs}\n  {}", path.display(), head.frame, ours(&peeled)));
            }
        });
    }
    assert!(wrong.is_empty(), "{} frames differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(same > 80_000, "{same}");
}

/// Captures that etherparse reads otherwise, and why ours is kept.
const OTHER_THAN_ETHERPARSE: &[(&str, &str)] = &[
    ("ipv6-malformed-fragments-11/frag-11.pcap", DEPTH),
    ("tests/icmp-rfc8335-missing-bytes.pcap", LENGTH),
    ("tests/ipv4_invalid_total_length_2.pcap", LENGTH),
    ("tests/macsec-short-longer.pcap", MACSEC),
    ("tests/macsec-short-shorter.pcap", MACSEC),
    ("tests/macsec-short-valid.pcap", MACSEC),
];
const DEPTH: &str = "a chain of fragment headers without fragments is followed to a depth only";
const LENGTH: &str = "a total length below the header's own is no length";
const MACSEC: &str = "MACsec stays closed, encrypted or not";

/// Fields of one frame in tshark, each with all its occurrences.
const FIELDS: [&str; 8] =
    ["frame.protocols", "eth.src", "vlan.id", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "frame.number"];

/// Layers that stay closed, or repeat addresses without being around anything.
const CLOSED: &[&str] = &[
    "icmp",
    "icmpv6",
    "mpls",
    "pppoes",
    "pppoed",
    "geneve",
    "gtp",
    "l2tp",
    "tzsp",
    "esp",
    "teredo",
    "ah",
    "udpencap",
    "capwap",
    "wlan",
    "lwapp",
    "sflow",
    "ayiya",
    "nsh",
    "vntag",
    "ieee8021ah",
    "etherip",
    "pwethheuristic",
    "hsr",
    "wccp",
    "nhrp",
    "iwarp_ddp",
    "aruba_erm",
    "pptp",
    "ppp",
    "lisp",
    "macsec",
    "openflow",
    "cfm",
];

/// Addresses of packets that tshark reads otherwise, and why ours is kept.
const OTHER_THAN_TSHARK: &[(&str, &str)] =
    &[("10.254.127.194 10.254.214.82 ", "a redirect header (WCCP) behind GRE stays closed")];

/// What tshark reads as the innermost headers of a frame, by our rules of what is opened.
fn by_tshark(line: &str) -> Option<(u64, String)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [protocols, macs, vlans, from4, to4, from6, to6, number] = fields[..] else { panic!("{line}") };
    let (mut v4, mut v6, mut eth, mut vlan, mut vlan_here, mut has_mac) = (0, 0, 0, 0, 0, false);
    let (mut innermost, mut before) = (None, "");
    let mut layers = protocols.split(':');
    while let Some(layer) = layers.next() {
        match layer {
            _ if CLOSED.contains(&layer) => break,
            "ip" | "ipv6" if matches!(before, "ip" | "ipv6" | "udp") => break,
            "gre" => match layers.clone().find(|inside| *inside != "erspan") {
                // IP right behind it has no Ethernet of its own.
                Some("eth" | "ip" | "ipv6") => (vlan_here, has_mac) = (0, false),
                _ => break,
            },
            "ip" => (v4, innermost) = (v4 + 1, Some("ip")),
            "ipv6" => (v6, innermost) = (v6 + 1, Some("ipv6")),
            "eth" => (eth, vlan_here, innermost, has_mac) = (eth + 1, 0, None, true),
            "vlan" => (vlan, vlan_here) = (vlan + 1, vlan_here + 1),
            "arp" | "llc" | "stp" | "lldp" => innermost = None,
            _ => {}
        }
        // Options and extension headers stand between.
        if !layer.starts_with("ipv6.") {
            before = layer;
        }
    }
    let nth = |list: &str, n: usize| list.split(',').nth(n.checked_sub(1)?).map(str::to_owned);
    let ips = match innermost {
        Some("ip") => format!("{} {}", nth(from4, v4)?, nth(to4, v4)?),
        Some(_) => format!("{} {}", nth(from6, v6)?, nth(to6, v6)?),
        None => String::new(),
    };
    let tag = nth(vlans, vlan).filter(|id| vlan_here > 0 && id != "0").unwrap_or_default();
    let mac = nth(macs, eth).filter(|_| has_mac).unwrap_or_default();
    Some((number.parse().unwrap(), format!("{ips} mac {mac} vlan {tag}")))
}

fn open_layers(protocols: &str) -> impl Iterator<Item = &str> {
    protocols.split(':').take_while(|layer| !CLOSED.contains(layer))
}

#[test]
fn innermost_addresses_are_those_that_tshark_reads() {
    let Some(folder) = captures() else { return };
    if !has_program("tshark") || !has_program("mergecap") {
        return;
    }
    let paths = captures_on(&folder, &["vlan", "qinq", "gre", "erspan", "vxlan", "ip-fragments"]);
    let merged = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tunnels.pcapng");
    let status = Command::new("mergecap").arg("-a").arg("-w").arg(&merged).args(&paths).status().unwrap();
    assert!(status.success());
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-o", "ip.defragment:true", "-T", "fields", "-E", "occurrence=a"]);
    tshark.args(FIELDS.iter().flat_map(|field| ["-e", field])).arg("-r").arg(&merged);
    let told = String::from_utf8(tshark.output().unwrap().stdout).unwrap();
    let with = |layer: &str| {
        let protocols = told.lines().filter_map(|line| line.split('\t').next());
        protocols.filter(|protocols| open_layers(protocols).any(|other| other == layer)).count() as u64
    };
    let (erspan, vxlan) = (with("erspan"), with("vxlan"));
    let mut told = told.lines();

    let mut peeler = Peeler::new();
    let (mut same, mut inside, mut wrong) = (0_u64, 0_u64, Vec::new());
    each_frame(&[merged], |item| {
        let Item::Frame(head, bytes) = item else { return };
        let line = told.next().unwrap();
        let peeled = peeler.peel(head.link, head.at, bytes, head.wire_length);
        let layers = &peeled.layers;
        if head.link != LinkType::ETHERNET || layers.network == Network::Unknown || layers.is_absorbed {
            return;
        }
        let Some((number, theirs)) = by_tshark(line) else { return };
        assert_eq!(number, head.frame);
        let ips = layers.ips.map_or(String::new(), |(from, to)| format!("{from} {to}"));
        let tag = layers.tags.inner().map_or(String::new(), |id| id.to_string());
        let mac = layers.source_mac.map_or(String::new(), |mac| mac.to_string());
        let ours = format!("{ips} mac {mac} vlan {tag}");
        inside += u64::from(peeled.outer.is_some());
        if ours == theirs || OTHER_THAN_TSHARK.iter().any(|(known, _)| ours.starts_with(known)) {
            same += 1;
        } else {
            wrong.push(format!("{number} {:?}\n  tshark {theirs}\n  ours   {ours}\n  {line}", peeled.outer));
        }
    });
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
    assert!(same > 7_500 && inside > 1_300, "{same} {inside}");
    let count =
        |which: &[Encapsulation]| which.iter().map(|one| peeler.counts().encapsulated(*one)).sum::<u64>();
    assert_eq!(count(&[Encapsulation::Erspan1, Encapsulation::Erspan2, Encapsulation::Erspan3]), erspan);
    assert_eq!(count(&[Encapsulation::Vxlan, Encapsulation::VxlanGpe]), vxlan);
}
