//! Runs tshark once over many captures and hands out each message that it read: the bytes and the fields.

pub mod arp;
pub mod crafted;
pub mod dhcp;
pub mod lldp;
pub mod nd;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use serde_json::Value;

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
    /// The bytes, in hexadecimal.
    Bytes,
}

/// A field that both read: its names at tshark, and how to compare.
pub type Column = (&'static [&'static str], As);

/// What we read: the first name of a column, and the value, in the order of the bytes.
pub type Said = Vec<(&'static str, String)>;

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
pub fn compare(protocol: &str, columns: &[Column], said: fn(&[u8]) -> Said) {
    let Some(messages) = messages(protocol) else { return };
    let known = known_differences(protocol);
    let mut seen = BTreeSet::new();
    let mut unknown = Vec::new();
    let mut compared = 0;
    for message in messages {
        let ours = said(&message.bytes);
        for (names, how) in columns {
            let ours: Vec<&str> =
                ours.iter().filter(|(name, _)| *name == names[0]).map(|(_, value)| value.as_str()).collect();
            let theirs = theirs(message, names, *how);
            compared += ours.len().max(theirs.len());
            if ours == theirs {
                continue;
            }
            let key = |frame: String| (message.capture.clone(), frame, names[0].to_owned());
            let listed = [key(message.frame.to_string()), key("*".to_owned())].into_iter().find(|key| known.contains(key));
            match listed {
                Some(key) => drop(seen.insert(key)),
                None => unknown.push(format!(
                    "{}\t{}\t{}\t{}\n    ours   {ours:?}\n    tshark {theirs:?}",
                    protocol, message.capture, message.frame, names[0]
                )),
            }
        }
    }
    println!("{protocol}: {} messages, {compared} values, {} known differences", messages.len(), seen.len());
    assert!(unknown.is_empty(), "{} differences that nobody explained:\n{}", unknown.len(), unknown.join("\n"));
    let gone: Vec<_> = known.difference(&seen).collect();
    assert!(gone.is_empty(), "differences that are on the list and do not occur: {gone:?}");
}

fn theirs(message: &Message, names: &[&str], how: As) -> Vec<String> {
    let mut fields: Vec<_> = names.iter().filter_map(|name| message.fields.get(*name)).flatten().collect();
    fields.sort_by_key(|field| field.position);
    let value = |field: &&Field| match how {
        As::Shown => field.show.clone(),
        As::Bytes => field.hex.clone(),
        As::Number => match field.show.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap().to_string(),
            None => field.show.clone(),
        },
    };
    fields.iter().map(value).collect()
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
        let has_ours = row[6].split(',').any(|topic| ["dhcp", "arp", "lldp", "icmpv6"].contains(&topic));
        if has_ours && row[5] != "0" {
            captures.push((row[0].to_owned(), shared.join(row[0])));
        }
    }
    for own in ["lldp-power.pcap"] {
        captures.push((own.to_owned(), root.join("pcaps").join(own)));
    }
    let crafted = scratch.join("crafted.pcap");
    fs::write(&crafted, crafted::capture()).unwrap();
    captures.push(("crafted".to_owned(), crafted));

    let paths = || captures.iter().map(|(_, path)| path);
    let merged = scratch.join("merged.pcapng");
    run(Command::new("mergecap").arg("-a").arg("-w").arg(&merged).args(paths()))?;
    let counts = run(Command::new("capinfos").args(["-T", "-M", "-r", "-c"]).args(paths()))?;
    let counts: Vec<u64> =
        counts.lines().map(|line| line.rsplit('\t').next().unwrap().trim().parse().unwrap()).collect();
    assert_eq!(counts.len(), captures.len());

    let json = run(Command::new("tshark").arg("-r").arg(&merged).args([
        "-n",
        "-Y",
        "arp || dhcp || lldp || (icmpv6.type >= 133 && icmpv6.type <= 137)",
        "-J",
        "frame arp dhcp lldp icmpv6",
        "-T",
        "json",
        "-x",
        "--no-duplicate-keys",
    ]))?;
    let packets: Vec<Value> = serde_json::from_str(&json).unwrap();
    let mut all: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for packet in &packets {
        let layers = &packet["_source"]["layers"];
        let number: u64 = text(&layers["frame"]["frame.number"]).parse().unwrap();
        let (capture, frame) = locate(number, &counts);
        for protocol in ["arp", "dhcp", "lldp", "icmpv6"] {
            let (Some(layer), Some(bytes)) = (layers[protocol].as_object(), layers[format!("{protocol}_raw")][0].as_str())
            else {
                continue;
            };
            let mut fields = BTreeMap::new();
            flatten(layer, &mut fields);
            fields.values_mut().for_each(|fields: &mut Vec<Field>| fields.sort_by_key(|field| field.position));
            let capture = captures[capture].0.clone();
            all.entry(protocol.to_owned()).or_default().push(Message { capture, frame, bytes: unhex(bytes), fields });
        }
    }
    Ok(all)
}

/// The capture that holds packet `number` of the merged file, and its number there.
fn locate(number: u64, counts: &[u64]) -> (usize, u64) {
    let mut frame = number;
    for (capture, count) in counts.iter().enumerate() {
        if frame <= *count {
            return (capture, frame);
        }
        frame -= count;
    }
    panic!("packet {number} is past the last capture");
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
