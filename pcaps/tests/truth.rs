//! The truth against Wireshark: devices, streams with their loss, leases and the spanning tree are in the capture
//! as the truth tells them.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_simulator::options::{IncidentOrder, Mix, Options, SECOND, Shape, Transport};
use spanwatch_simulator::run::{plan, run};
use spanwatch_simulator::tap::Out;
use spanwatch_simulator::truth::Truth;
use support::{Capture, has_tshark, tshark};

fn made(options: &Options) -> (Capture, Truth) {
    let mut capture = Capture::default();
    let plan = plan(options).expect("the order can be carried out");
    let truth = run(&plan, Out::Packets(&mut capture), |_| ()).expect("memory takes every frame");
    (capture, truth)
}

/// One site of every kind, each with incidents of its own.
fn sites() -> Vec<Options> {
    let order = |text: &str| text.parse::<IncidentOrder>().expect("an order");
    let site = |seed, mix, shape, transport, incidents: &[&str]| Options {
        seed,
        mix,
        shape,
        transport,
        devices: 18,
        length: 200 * SECOND,
        bit_rate: Some(150_000),
        incidents: incidents.iter().map(|text| order(text)).collect(),
        ..Options::default()
    };
    vec![
        site(31, Mix::Site, Shape::Tree, None, &[]),
        site(32, Mix::Video, Shape::Ring, Some(Transport::Udp), &["loss-uplink@60s+60s"]),
        site(
            34,
            Mix::Video,
            Shape::Tree,
            Some(Transport::Udp),
            &["loss-camera@50s+90s", "loss-recorder@50s+90s"],
        ),
        site(35, Mix::Site, Shape::Redundant, None, &["power-cycle@60s+20s"]),
        site(37, Mix::Control, Shape::Tree, None, &["controller-offline@60s+60s"]),
        Options { is_settled: true, ..site(38, Mix::Site, Shape::Tree, None, &["switch-power@60s+30s"]) },
    ]
}

#[test]
fn tshark_sees_what_the_truth_tells() {
    if !has_tshark() {
        return;
    }
    for options in sites() {
        let (capture, truth) = made(&options);
        let seed = options.seed;
        assert_eq!(capture.frames.len() as u64, truth.capture.frames, "seed {seed}");
        devices(&capture, &truth);
        streams(&capture, &truth);
        leases(&capture, &truth);
        spanning_tree(&capture, &truth);
    }
}

fn rows(capture: &Capture, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    tshark(capture, &[], filter, fields)
}

/// Every device sent as many frames as the truth counts, and nobody else sent any.
fn devices(capture: &Capture, truth: &Truth) {
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows(capture, "", &["eth.src"]) {
        *sent.entry(row[0].clone()).or_default() += 1;
    }
    let is_switch = |mac: &str| truth.switches.iter().any(|switch| switch.mac[..14] == mac[..14]);
    let told: BTreeMap<String, u64> = truth
        .devices
        .iter()
        .filter(|device| device.kind != "switch")
        .filter_map(|device| Some((device.mac.clone(), device.mirror.as_ref()?.frames)))
        .collect();
    sent.retain(|mac, _| !is_switch(mac));
    assert!(told.len() > 10);
    assert_eq!(sent, told, "seed {}", truth.order.seed);
}

/// Every stream over UDP has the packets that the mirror showed, and lacks those lost before it.
fn streams(capture: &Capture, truth: &Truth) {
    let mut numbers: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for row in rows(capture, "rtp && udp && !icmp", &["rtp.ssrc", "rtp.seq", "ip.ttl"]) {
        let number: u16 = row[1].parse().expect("a sequence number");
        // What the gateway passed on was counted where it came from.
        if row[2] != "63" {
            numbers.entry(row[0].trim_start_matches("0x").to_owned()).or_default().push(number);
        }
    }
    let over_udp = truth.streams.iter().filter(|stream| stream.transport != "interleaved" && stream.seen > 0);
    let mut lost = 0;
    for stream in over_udp {
        // A settled site's sessions began before the capture: tshark does not know their ports.
        let Some(seen) = numbers.get(&stream.ssrc) else {
            assert!(truth.order.settled, "{} is not there", stream.ssrc);
            continue;
        };
        assert_eq!(seen.len() as u64, stream.seen, "{}: {stream:?}", truth.order.seed);
        let gaps: u64 =
            seen.windows(2).map(|two| u64::from(two[1].wrapping_sub(two[0])).saturating_sub(1)).sum();
        let told = stream.lost.before + stream.lost.mirror;
        assert!(gaps <= told && told - gaps <= EDGE, "{gaps} of {told}: {stream:?}");
        assert!(stream.sent == stream.seen + told, "{stream:?}");
        lost += gaps;
    }
    let is_lossy = truth.incidents.iter().any(|it| matches!(&it.kind[..], "loss-camera" | "loss-uplink"));
    // What a dying switch had in hand is lost, if it had anything.
    let may_lose = truth.incidents.iter().any(|it| it.kind == "switch-power");
    assert!(if is_lossy { lost > 0 } else { lost == 0 || may_lose }, "{}", truth.order.seed);
}

/// Who was given an address by DHCP has it, from its gateway, and its switch added option 82 or did not.
fn leases(capture: &Capture, truth: &Truth) {
    let fields = ["dhcp.hw.mac_addr", "dhcp.ip.your", "dhcp.option.dhcp_server_id"];
    let given = rows(capture, "dhcp.option.dhcp == 5", &fields);
    for row in &given {
        let device = truth.devices.iter().find(|it| it.mac == row[0]).expect("a device of the site");
        assert!(device.addressing == "dhcp" && device.ips.contains(&row[1]), "{row:?} {device:?}");
        let vlan = truth.vlans.iter().find(|vlan| Some(vlan.id) == device.vlan).expect("its VLAN");
        assert_eq!(vlan.gateway, row[2]);
    }
    assert!(!given.is_empty() || truth.order.settled);
    for row in rows(
        capture,
        "dhcp.type == 1",
        &["dhcp.hw.mac_addr", "dhcp.option.agent_information_option.agent_circuit_id"],
    ) {
        // The client's identifier is its MAC again.
        let mac = row[0].split(',').next().unwrap_or_default();
        let device = truth.devices.iter().find(|it| it.mac == mac).expect("a device of the site");
        let switch = truth.switches.iter().find(|it| it.name == device.switch).expect("its switch");
        assert_eq!(!row[1].is_empty(), switch.option82, "{row:?} {switch:?}");
    }
}

/// All bridges have the core for their root, and those that the truth calls heard are heard.
fn spanning_tree(capture: &Capture, truth: &Truth) {
    let heard: BTreeSet<Vec<String>> =
        rows(capture, "stp", &["stp.root.hw", "stp.bridge.hw"]).into_iter().collect();
    let core = &truth.switches[0].mac;
    assert!(!heard.is_empty() && heard.iter().all(|row| row[0] == *core), "{heard:?}");
    let told: BTreeSet<String> =
        rows(capture, "lldp", &["lldp.chassis.id.mac"]).concat().into_iter().collect();
    let due: BTreeSet<String> =
        truth.switches.iter().filter(|it| it.heard).map(|it| it.mac.clone()).collect();
    assert_eq!(told, due);
}

/// Packets at either end of a stream whose loss no sequence number shows.
const EDGE: u64 = 40;
