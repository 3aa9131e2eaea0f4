//! Runs tshark once over many captures and hands out each message that it read: the bytes and the fields.

pub mod arp;
pub mod cdp;
pub mod crafted;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod eapol;
pub mod igmp;
pub mod lacp;
pub mod lldp;
pub mod mld;
pub mod nd;
pub mod netbios;
pub mod ntp;
pub mod snmp;
pub mod ssdp;
pub mod stp;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use serde_json::Value;
use spanwatch_parsers::Malformed;

/// One message that tshark read.
pub struct Message {
    /// The capture's name, relative to its folder.
    pub capture: String,
    /// The packet's number in it, from 1.
    pub frame: u64,
    /// The protocol's bytes, as far as they were captured.
    pub bytes: Vec<u8>,
    /// What tshark read, by its name for the field, in the order of the bytes.
    pub fields: BTreeMap<String, Vec<Field>>,
}

/// One field that tshark read.
pub struct Field {
    show: String,
    hex: String,
    position: u64,
}

/// How two readings of a field are compared.
#[derive(Clone, Copy)]
pub enum As {
    /// Whole numbers.
    Number,
    /// What tshark shows.
    Shown,
    /// What tshark shows, less its own remark, which begins so.
    Before(&'static str),
    /// The bytes, in hexadecimal; empty ones do not count.
    Bytes,
    /// The number in the first byte, where tshark marks more than that; 0, a pad, does not count.
    FirstByte,
    /// The lowest bits of a whole number, where tshark shows those above too.
    Low(u32),
}

/// A field that both read: its names at tshark, and how to compare.
pub type Column = (&'static [&'static str], As);

/// What we read: the first name of a column, and the value, in the order of the bytes.
pub type Said = Vec<(&'static str, String)>;

/// What tshark reads, and the layers in which it shows that.
const FILTER: &str = "arp || dhcp || lldp || (icmpv6.type >= 130 && icmpv6.type <= 137) || icmpv6.type == 143 || stp || cdp || lacp || snmp || eapol || ntp \
    || igmp.type in {0x11, 0x12, 0x16, 0x17, 0x22} \
    || dns || (udp && (mdns || llmnr || ssdp || nbns || dhcpv6))";
const LAYERS: &[&str] = &[
    "arp", "dhcp", "lldp", "icmpv6", "stp", "lacp", "cdp", "igmp", "snmp", "ntp", "eapol", "eap", "dns",
    "mdns", "llmnr", "ssdp", "nbns", "dhcpv6",
];
/// Captures with these topics have messages of ours.
const TOPICS: &[&str] = &[
    "arp",
    "dhcp",
    "lldp",
    "icmpv6",
    "stp",
    "lacp",
    "cdp",
    "igmp",
    "mld",
    "snmp",
    "ntp",
    "eapol",
    "mdns",
    "llmnr",
    "nbns",
    "ssdp",
    "dhcpv6",
    "vendor-discovery",
];

/// So have these, whatever their topic: DNS over TCP.
const DNS_OVER_TCP: &[&str] = &[
    "ntop__nDPI/tests/cfgs/default/pcap/dns_fragmented.pcap",
    "seladb__PcapPlusPlus/Tests/Packet++Test/PacketExamples/dns_over_tcp.pcapng",
    "the-tcpdump-group__tcpdump/tests/dns_tcp.pcap",
];

/// Stands for a column where we could read nothing of a message.
const UNREADABLE: &str = "unreadable";

/// A whole number as it is compared.
pub fn number(value: impl Into<u64>) -> String {
    value.into().to_string()
}

/// Bytes as they are compared.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares every message of `protocol`, column by column, and every difference
/// with the checked-in list: no other may occur, and each on the list must.
pub fn compare(protocol: &str, columns: &[Column], said: fn(&[u8]) -> Result<Said, Malformed>) {
    let Some(messages) = messages(protocol) else { return };
    let known = known_differences(protocol);
    let mut seen = BTreeSet::new();
    let mut unknown = Vec::new();
    let mut compared: BTreeMap<&str, usize> = columns.iter().map(|(names, _)| (names[0], 0)).collect();
    for message in messages {
        let mut differ = |column: &str, ours: String, theirs: String| {
            let key = |frame: String| (message.capture.clone(), frame, column.to_owned());
            let keys = [key(message.frame.to_string()), key("*".to_owned())];
            match keys.into_iter().find(|key| known.contains(key)) {
                Some(key) => drop(seen.insert(key)),
                None => unknown.push(format!(
                    "{protocol}\t{}\t{}\t{column}\n    ours   {ours}\n    tshark {theirs}",
                    message.capture, message.frame
                )),
            }
        };
        let said = match said(&message.bytes) {
            Ok(said) => said,
            Err(why) => {
                differ(UNREADABLE, format!("{why:?}"), format!("{} fields", message.fields.len()));
                continue;
            }
        };
        for (names, how) in columns {
            let ours = said.iter().filter(|(name, value)| *name == names[0] && !value.is_empty());
            let ours: Vec<&str> = ours.map(|(_, value)| value.as_str()).collect();
            let theirs = theirs(message, names, *how);
            *compared.entry(names[0]).or_default() += theirs.len();
            if ours != theirs {
                differ(names[0], format!("{ours:?}"), format!("{theirs:?}"));
            }
        }
    }
    let values: usize = compared.values().sum();
    println!("{protocol}: {} messages, {values} values, {} known differences", messages.len(), seen.len());
    let idle: Vec<_> = compared.iter().filter(|(_, values)| **values == 0).map(|(name, _)| name).collect();
    assert!(idle.is_empty(), "no capture shows {idle:?}");
    assert!(
        unknown.is_empty(),
        "{} differences that nobody explained:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    let gone: Vec<_> = known.difference(&seen).collect();
    assert!(gone.is_empty(), "differences that are on the list and do not occur: {gone:?}");
}

fn theirs(message: &Message, names: &[&str], how: As) -> Vec<String> {
    let mut fields: Vec<_> = names.iter().filter_map(|name| message.fields.get(*name)).flatten().collect();
    fields.sort_by_key(|field| field.position);
    let number = |show: &str| match show.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => show.parse().ok(),
    };
    let value = |field: &&Field| match how {
        As::Shown => Some(field.show.clone()),
        As::Before(remark) => field.show.split(remark).next().map(str::to_owned),
        As::Bytes => Some(field.hex.clone()).filter(|hex| !hex.is_empty()),
        As::Number => Some(number(&field.show).map_or(field.show.clone(), |value| value.to_string())),
        As::FirstByte => {
            let byte = u8::from_str_radix(field.hex.get(..2).unwrap_or(&field.hex), 16).ok();
            byte.filter(|byte| *byte != 0).map(|byte| byte.to_string())
        }
        As::Low(bits) => Some((number(&field.show)? & ((1 << bits) - 1)).to_string()),
    };
    fields.iter().filter_map(value).collect()
}

/// `protocol, capture, frame or *, field, reason` by line; the reason is for people.
fn known_differences(protocol: &str) -> BTreeSet<(String, String, String)> {
    let list = include_str!("differences.tsv");
    let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[0] == protocol)
        .map(|row| {
            assert!(row.len() == 5 && !row[4].is_empty(), "a difference has five columns: {row:?}");
            (row[1].to_owned(), row[2].to_owned(), row[3].to_owned())
        })
        .collect()
}

/// Every message of `protocol`; `None`, said aloud, where what that needs is missing.
fn messages(protocol: &str) -> Option<&'static Vec<Message>> {
    static ALL: OnceLock<Option<BTreeMap<String, Vec<Message>>>> = OnceLock::new();
    let all = ALL.get_or_init(|| match read_all() {
        Ok(all) => Some(all),
        Err(missing) => {
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "missing: {missing}");
            eprintln!("SKIPPED, nothing was compared: missing {missing}");
            None
        }
    });
    all.as_ref().map(|all| all.get(protocol).expect("a protocol that occurs"))
}

fn read_all() -> Result<BTreeMap<String, Vec<Message>>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let shared = root.join("../shared/pcaps");
    let index = fs::read_to_string(shared.join("INDEX.tsv")).map_err(|_| "../shared/pcaps".to_owned())?;

    let mut captures: Vec<(String, PathBuf)> = Vec::new();
    for row in index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        let has_ours = row[6].split(',').any(|topic| TOPICS.contains(&topic));
        if (has_ours && row[5] != "0") || DNS_OVER_TCP.contains(&row[0]) {
            captures.push((row[0].to_owned(), shared.join(row[0])));
        }
    }
    let own = fs::read_dir(root.join("pcaps")).unwrap().map(|entry| entry.unwrap().path());
    let mut own: Vec<_> =
        own.filter(|path| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng")).collect();
    own.sort();
    captures
        .extend(own.into_iter().map(|path| (format!("own/{}", path.file_name().unwrap().display()), path)));
    let path = scratch.join("crafted.pcap");
    fs::write(&path, crafted::capture(&crafted::frames())).unwrap();
    captures.push(("crafted".to_owned(), path));

    // One frame before each capture tells where it begins in the merged file.
    let mut paths = Vec::new();
    for (n, (_, path)) in captures.iter().enumerate() {
        let marker = scratch.join(format!("marker-{n}.pcap"));
        fs::write(&marker, crafted::capture(&[crafted::marker()])).unwrap();
        paths.extend([marker, path.clone()]);
    }
    let merged = scratch.join("merged.pcapng");
    run(Command::new("mergecap").arg("-a").arg("-w").arg(&merged).args(&paths))?;

    let json = run(Command::new("tshark").arg("-r").arg(&merged).args([
        "-n",
        "-Y",
        &format!("eth.type == 0x88b5 || {FILTER}"),
        "-J",
        &format!("frame {}", LAYERS.join(" ")),
        "-T",
        "json",
        "-x",
        "--no-duplicate-keys",
    ]))?;
    let packets: Vec<Value> = serde_json::from_str(&json).unwrap();
    let mut all: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    let mut following = captures.iter().map(|(name, _)| name.as_str());
    let (mut capture, mut marker) = ("", 0);
    for packet in &packets {
        let layers = &packet["_source"]["layers"];
        let number: u64 = text(&layers["frame"]["frame.number"]).parse().unwrap();
        if text(&layers["frame"]["frame.protocols"]) == crafted::MARKER_PROTOCOLS {
            marker = number;
            capture = following.next().expect("as many markers as captures");
            continue;
        }
        for &protocol in LAYERS {
            let (Some(layer), Some(bytes)) =
                (layers[protocol].as_object(), layers[format!("{protocol}_raw")][0].as_str())
            else {
                continue;
            };
            let mut bytes = unhex(bytes);
            if layer.contains_key("dns.length") {
                bytes.drain(..2);
            }
            let protocol = match (protocol, bytes.first()) {
                // Two of our parsers share ICMPv6; an error in it quotes others.
                ("icmpv6", Some(130..=132 | 143)) => "mld",
                ("icmpv6", Some(133..=137)) => protocol,
                ("icmpv6", _) => continue,
                _ => protocol,
            };
            let mut fields = BTreeMap::new();
            flatten(layer, &mut fields);
            fields
                .values_mut()
                .for_each(|fields: &mut Vec<Field>| fields.sort_by_key(|field| field.position));
            let (capture, frame) = (capture.to_owned(), number - marker);
            all.entry(protocol.to_owned()).or_default().push(Message { capture, frame, bytes, fields });
        }
    }
    Ok(all)
}

fn flatten(layer: &serde_json::Map<String, Value>, fields: &mut BTreeMap<String, Vec<Field>>) {
    for (name, value) in layer {
        if name.ends_with("_raw") {
            continue;
        }
        let raw = layer.get(&format!("{name}_raw"));
        for (n, value) in one_or_many(value).enumerate() {
            match value {
                Value::Object(inner) => flatten(inner, fields),
                Value::String(show) => {
                    // A single one stands without the list around it.
                    let raw = raw.map_or(&Value::Null, |raw| if raw[0].is_array() { &raw[n] } else { raw });
                    fields.entry(name.clone()).or_default().push(Field {
                        show: show.clone(),
                        hex: raw[0].as_str().unwrap_or_default().to_owned(),
                        position: raw[1].as_u64().unwrap_or_default(),
                    });
                }
                _ => {}
            }
        }
    }
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// What the command prints; the command's name where it is not installed.
fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|_| program.clone())?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
