//! What we read of LLDP is what lldpd reads of the same frames, power above all.
//!
//! One expectation is lldpd's own, published with its tests; the other was
//! printed by lldpd on the cable that `pcaps/lldp-power.pcap` was taken from
//! (`pcaps/lldp-power.sh`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use spanwatch_parsers::identifier::{Identifier, before_zero};
use spanwatch_parsers::protocols::lldp::ieee::MacPhy;
use spanwatch_parsers::protocols::lldp::power::Power;
use spanwatch_parsers::protocols::lldp::{Frame, LLDP, Tlv, ieee, med};
use spanwatch_parsers::{Envelope, Fact, LinkPower, Sink, Start};

/// Values by key, several where lldpd prints a key several times.
type Values = BTreeMap<String, Vec<String>>;

#[test]
fn published_values_are_met() {
    let data = root().join("../shared/pcaps/lldpd__lldpd/tests/integration/data");
    if !data.exists() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "missing: ../shared/pcaps");
        eprintln!("SKIPPED, nothing was compared: missing ../shared/pcaps");
        return;
    }
    let expected = fs::read_to_string(data.join("sg200.expected.txt")).unwrap();
    assert_eq!(compare(&expected, &frames(&data.join("sg200.pcap"))), 1);
}

#[test]
fn values_of_a_live_lldpd_are_met() {
    let data = root().join("pcaps");
    let expected = fs::read_to_string(data.join("lldp-power.lldpd.txt")).unwrap();
    assert_eq!(compare(&expected, &frames(&data.join("lldp-power.pcap"))), 5);
}

#[test]
fn power_facts_are_what_lldpd_prints() {
    let data = root().join("pcaps");
    let frames = frames(&data.join("lldp-power.pcap"));
    let mut compared = 0;
    for neighbor in neighbors(&fs::read_to_string(data.join("lldp-power.lldpd.txt")).unwrap()) {
        let Some(side) = neighbor.get("port.power.device-type") else { continue };
        let fact = link_power(last_of(&neighbor, &frames)).unwrap();
        assert_eq!(fact.supplies, side[0] == "PSE");
        let milliwatts = |key: &str| {
            let value = |key: String| neighbor.get(&key).map_or(0, |values| values[0].parse().unwrap());
            let (whole, parts) = (value(key.into()), value(format!("{key}-a")) + value(format!("{key}-b")));
            Some(if whole == 0 { parts } else { whole }).filter(|power| *power != 0)
        };
        assert_eq!(fact.requested_mw, milliwatts("port.power.requested"));
        assert_eq!(fact.allocated_mw, milliwatts("port.power.allocated"));
        compared += 1;
    }
    assert_eq!(compared, 5);
}

/// Compares each neighbour with the last frame of its chassis; how many there were.
fn compare(expected: &str, frames: &[Vec<u8>]) -> usize {
    let neighbors = neighbors(expected);
    for neighbor in &neighbors {
        let ours = said(&Frame::parse(last_of(neighbor, frames)).unwrap());
        for (key, theirs) in neighbor {
            if !NOT_OURS.iter().any(|end| key.ends_with(end)) {
                assert_eq!(ours.get(key), Some(theirs), "{key} of {:?}", neighbor["chassis.mac"]);
            }
        }
    }
    neighbors.len()
}

/// Keys that name what is not said on the wire, or that put into words what is compared as a number.
const NOT_OURS: &[&str] = &[
    "via",
    "rid",
    "auto-negotiation.current",
    "power.source",
    "poe.source",
    "poe.priority",
    "powering-status",
    "power-pairs-ext",
    "power-class-ext-a",
    "power-class-ext-b",
    "power-type-ext",
    "pd-load",
    "policy.apptype",
    "policy.priority",
    // Cut down, as 9.98 for 9.99.
    "Coordinates.lat",
    "Coordinates.lon",
    "altitude.unit",
];

/// `lldp.PORT.key=value` by line; each neighbour begins with `via`.
fn neighbors(text: &str) -> Vec<Values> {
    let mut neighbors: Vec<Values> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("lldp.")) {
        let (key, value) = line.split_once('=').unwrap();
        let key = key.splitn(3, '.').nth(2).unwrap();
        if key == "via" {
            neighbors.push(Values::new());
        }
        neighbors.last_mut().unwrap().entry(key.to_owned()).or_default().push(value.to_owned());
    }
    neighbors
}

/// What follows the Ethernet header of the last frame of the neighbour's chassis that is no goodbye.
fn last_of<'a>(neighbor: &Values, frames: &'a [Vec<u8>]) -> &'a [u8] {
    let is_his = |payload: &&[u8]| {
        let frame = Frame::parse(payload).unwrap();
        frame.chassis().unwrap().id.to_string() == neighbor["chassis.mac"][0] && frame.ttl_s() != Some(0)
    };
    frames.iter().map(|frame| &frame[14..]).rfind(is_his).unwrap()
}

/// The packets of a little-endian pcap file.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let mut rest = &file[24..];
    let mut frames = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes(head[8..12].try_into().unwrap()) as usize;
        let (frame, after) = after.split_at(length);
        frames.push(frame.to_vec());
        rest = after;
    }
    frames
}

fn link_power(payload: &[u8]) -> Option<LinkPower> {
    let Start::Datagram(observe) = LLDP.start else { return None };
    let mut sink = Sink::default();
    observe(&Envelope::default(), payload, &mut sink).unwrap();
    sink.facts.into_iter().find_map(|(_, fact)| match fact {
        Fact::LinkPower(power) => Some(power),
        _ => None,
    })
}

/// A frame in lldpd's words.
fn said(frame: &Frame<'_>) -> Values {
    let mut values = Values::new();
    let mut say = |key: &str, value: String| values.entry(key.to_owned()).or_default().push(value);
    for tlv in &frame.tlvs {
        match tlv {
            Tlv::Chassis(id) => say("chassis.mac", id.id.to_string()),
            Tlv::Port(id) => match id.id {
                Identifier::Mac(mac) => say("port.mac", mac.to_string()),
                id => say("port.ifname", id.to_string()),
            },
            Tlv::TimeToLive(ttl_s) => say("port.ttl", ttl_s.to_string()),
            Tlv::PortDescription(words) => say("port.descr", text(words)),
            Tlv::SystemName(words) => say("chassis.name", text(words)),
            Tlv::SystemDescription(words) => say("chassis.descr", text(words)),
            Tlv::Management(management) => {
                say("chassis.mgmt-ip", management.ip().unwrap().to_string());
                say("chassis.mgmt-iface", management.interface.to_string());
            }
            Tlv::Capabilities { system, enabled } => {
                for (name, bit) in [("Bridge", 2), ("Wlan", 3), ("Router", 4), ("Tel", 5), ("Station", 7)] {
                    if system >> bit & 1 == 1 {
                        let state = if enabled >> bit & 1 == 1 { "on" } else { "off" };
                        say(&format!("chassis.{name}.enabled"), state.to_owned());
                    }
                }
            }
            Tlv::Ieee(ieee::Tlv::MacPhy(link)) => link_said(link, &mut say),
            Tlv::Ieee(ieee::Tlv::Power(power)) => power_said(power, &mut say),
            Tlv::Med(tlv) => med_said(tlv, &mut say),
            _ => {}
        }
    }
    values
}

fn link_said(link: &MacPhy, say: &mut impl FnMut(&str, String)) {
    say("port.auto-negotiation.supported", yes(link.negotiation & 1 != 0));
    say("port.auto-negotiation.enabled", yes(link.negotiation & 2 != 0));
    if link.offered & 3 != 0 {
        say("port.auto-negotiation.1000Base-T.hd", yes(link.offered & 2 != 0));
        say("port.auto-negotiation.1000Base-T.fd", yes(link.offered & 1 != 0));
    }
}

fn power_said(power: &Power, say: &mut impl FnMut(&str, String)) {
    let mut say = |key: &str, value: String| say(&format!("port.power.{key}"), value);
    say("supported", yes(power.flags & 2 != 0));
    say("enabled", yes(power.flags & 4 != 0));
    say("paircontrol", yes(power.flags & 8 != 0));
    say("device-type", if power.is_pse() { "PSE" } else { "PD" }.to_owned());
    say("pairs", if power.pairs == 1 { "signal" } else { "spare" }.to_owned());
    say("class", format!("class {}", power.class - 1));
    if let Some(at) = power.at {
        say("power-type", if at.source & 0x80 == 0 { "2" } else { "1" }.to_owned());
        say("priority", ["unknown", "critical", "high", "low"][usize::from(at.source & 3)].to_owned());
        say("requested", milliwatts(at.requested_dw));
        say("allocated", milliwatts(at.allocated_dw));
    }
    if let Some(bt) = power.bt {
        say("requested-a", milliwatts(bt.requested_dw[0]));
        say("requested-b", milliwatts(bt.requested_dw[1]));
        say("allocated-a", milliwatts(bt.allocated_dw[0]));
        say("allocated-b", milliwatts(bt.allocated_dw[1]));
        say("max-power", milliwatts(bt.available_dw));
        let is_dual = bt.status & 15 == 15;
        let class = power.power_class().map(|class| format!("Class {class}"));
        say("power-class-ext", class.filter(|_| !is_dual).unwrap_or("Dual-signature PD".to_owned()));
    }
}

fn med_said(tlv: &med::Tlv<'_>, say: &mut impl FnMut(&str, String)) {
    let mut say = |key: &str, value: String| say(&format!("lldp-med.{key}"), value);
    match tlv {
        med::Tlv::Capabilities { bits, class } => {
            let class = match class {
                3 => "Communication Device Endpoint (Class III)",
                4 => "Network Connectivity Device",
                _ => "another",
            };
            say("device-type", class.to_owned());
            let names = ["Capabilities", "Policy", "Location", "MDI/PSE", "MDI/PD", "Inventory"];
            for (_, name) in names.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1) {
                say(&format!("{name}.available"), yes(true));
            }
        }
        med::Tlv::Policy(policy) => {
            say("policy.defined", yes(!policy.is_unknown));
            say("policy.vlan.vid", policy.vlan.to_string());
            say("policy.pcp", policy.priority.to_string());
            say("policy.dscp", policy.dscp.to_string());
        }
        med::Tlv::Location(med::Location::Coordinates(place)) => {
            say("Coordinates.geoid", if place.datum == 1 { "WGS84" } else { "another" }.to_owned());
            say("Coordinates.altitude", format!("{:.1}", place.altitude as f64 / 256.0));
        }
        med::Tlv::Location(med::Location::Civic(civic)) => {
            say("Civic address.country", text(civic.country));
            for (kind, words) in &civic.parts {
                let name = match kind {
                    3 => "city",
                    6 => "street",
                    25 => "building",
                    27 => "floor",
                    28 => "room",
                    _ => "another",
                };
                say(&format!("Civic address.{name}"), text(words));
            }
        }
        med::Tlv::Location(med::Location::Number(number)) => say("ELIN.ecs", text(number)),
        med::Tlv::Location(med::Location::Other { .. }) => {}
        med::Tlv::Power(power) => {
            say("poe.device-type", if power.is_pse() == Some(true) { "PSE" } else { "PD" }.to_owned());
            say("poe.power", milliwatts(power.value_dw));
        }
        med::Tlv::Hardware(words) => say("inventory.hardware", text(words)),
        med::Tlv::Firmware(words) => say("inventory.firmware", text(words)),
        med::Tlv::Software(words) => say("inventory.software", text(words)),
        med::Tlv::Serial(words) => say("inventory.serial", text(words)),
        med::Tlv::Manufacturer(words) => say("inventory.manufacturer", text(words)),
        med::Tlv::Model(words) => say("inventory.model", text(words)),
        med::Tlv::Asset(words) => say("inventory.asset", text(words)),
    }
}

fn text(words: &[u8]) -> String {
    String::from_utf8_lossy(before_zero(words)).into_owned()
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn milliwatts(tenths: u16) -> String {
    (u32::from(tenths) * 100).to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
