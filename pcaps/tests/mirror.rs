//! Every form of a mirror, read by Wireshark: what was put in is what it sees innermost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use spanwatch_simulator::frame::{Body, Data, Frame, Packet, Transport};
use spanwatch_simulator::mirror::{Copy, Form, Order, Tags, Tunnel, Way, Writer};
use spanwatch_simulator::wire::arp::Arp;
use spanwatch_simulator::wire::tcp::{self, Segment};
use spanwatch_simulator::wire::{Mac, ethernet};

const CAMERA: (Mac, Ipv4Addr) = (Mac([0x02, 0, 0, 0, 0, 0x11]), Ipv4Addr::new(192, 0, 2, 17));
const RECORDER: (Mac, Ipv4Addr) = (Mac([0x02, 0, 0, 0, 0, 0x22]), Ipv4Addr::new(192, 0, 2, 34));
/// Odd on purpose: every digit must come back.
const START: i64 = 1_790_000_000_123_456_789;
const VLAN: u16 = 120;

/// All tags with all tunnels, and some of them cut.
fn forms() -> Vec<String> {
    let tags = ["plain", "tagged", "tagged-ingress", "tagged-egress", "qinq=3001"];
    let tunnels = ["", ",erspan1", ",erspan2", ",erspan3", ",gre", ",vxlan=7340033"];
    let whole = tags.iter().flat_map(|tags| tunnels.iter().map(move |tunnel| format!("{tags}{tunnel}")));
    let cut = ["plain,snap=60", "tagged,snap=128", "qinq=3001,erspan3,snap=128", "tagged,vxlan=9,snap=129"];
    whole.chain(cut.map(str::to_owned)).collect()
}

/// When, in nanoseconds after [`START`]; which way; in which VLAN; what.
type Sent = (i64, Way, u16, Frame);

/// What goes in, in order of time.
fn copies() -> Vec<Sent> {
    let ends = (IpAddr::V4(CAMERA.1), IpAddr::V4(RECORDER.1));
    let packet = |transport| Packet { source: ends.0, destination: ends.1, ttl: 64, id: 7, transport };
    let to_recorder = |body| Frame { destination: RECORDER.0, source: CAMERA.0, body };
    let datagram = |sequence: u8, length| {
        let rtp = [0x80, 0x60, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        to_recorder(Body::Ip(packet(Transport::Udp((50_000, 50_002), Data::Rtp(rtp, 12, length)))))
    };
    let syn = Segment {
        ports: (50_004, 50_006),
        sequence: 1,
        flags: tcp::SYN,
        window: 65_535,
        offer: Some((1_460, 7)),
        ..Segment::default()
    };
    let question = Arp { is_reply: false, sender: RECORDER, target: (Mac::ZERO, CAMERA.1) };
    let answer = Arp { is_reply: true, sender: CAMERA, target: RECORDER };
    let announcement: Rc<[u8]> = [2, 7, 4, 2, 0, 0, 0, 0, 0x11, 4, 2, 7, b'1', 6, 2, 0, 120, 0, 0].into();
    vec![
        (
            0,
            Way::Egress,
            VLAN,
            Frame { destination: Mac::BROADCAST, source: RECORDER.0, body: Body::Arp(question) },
        ),
        (1, Way::Ingress, VLAN, to_recorder(Body::Arp(answer))),
        (900, Way::Ingress, VLAN, datagram(1, 1_400)),
        (900, Way::Egress, VLAN, datagram(2, 1_401)),
        (1_000_000, Way::Ingress, VLAN, datagram(3, 18)),
        (3_000_001, Way::Ingress, VLAN, to_recorder(Body::Ip(packet(Transport::Tcp(syn, Data::Empty))))),
        (
            1_999_999_999,
            Way::Ingress,
            0,
            Frame {
                destination: Mac([0x01, 0x80, 0xc2, 0, 0, 0x0e]),
                source: CAMERA.0,
                body: Body::Typed(ethernet::LLDP, announcement),
            },
        ),
    ]
}

#[test]
fn wireshark_sees_in_every_form_what_was_put_in() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "tshark is missing");
        eprintln!("SKIPPED: tshark is missing, so no form of the mirror was checked");
        return;
    }
    for form in forms() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mirror-{form}.pcapng"));
        let form: Form = form.parse().unwrap();
        write(&form, &path);
        let seen = read(&path);
        let copies = copies();
        assert_eq!(seen.len(), copies.len(), "{form:?}");
        for (index, (mut seen, copy)) in seen.into_iter().zip(&copies).enumerate() {
            judge(&mut seen);
            assert_eq!(seen, expected(&form, index, copy), "frame {index} of {form:?}");
        }
        fs::remove_file(path).unwrap();
    }
}

/// Writes the copies, pushed against the order of time.
fn write(form: &Form, path: &Path) {
    let mut form = form.clone();
    let mut writer = Writer::new(File::create(path).unwrap(), form.snap.unwrap_or(0)).unwrap();
    let mut order = Order::default();
    let mut copies = copies();
    copies.sort_by_key(|(after, ..)| std::cmp::Reverse(*after));
    for (after, way, vlan, frame) in &copies {
        order.push_with(START + after, |out| {
            frame.write(out);
            (*way, *vlan)
        });
    }
    let mut captured = Vec::new();
    let mut sink = |at, frame: &[u8], (way, vlan)| {
        captured.clear();
        let length = form.write(&Copy { at, way, vlan, port: PORT, frame }, &mut captured);
        writer.frame(at, &captured, length);
    };
    order.release(START + 900, &mut sink);
    order.finish(&mut sink);
    writer.finish().unwrap();
}

/// What Wireshark says of one frame: every value of every field, the outermost first.
type Seen = BTreeMap<&'static str, Vec<String>>;

const FIELDS: &[&str] = &[
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "frame.interface_name",
    "eth.src",
    "eth.dst",
    "arp.opcode",
    "arp.src.proto_ipv4",
    "ip.src",
    "ip.dst",
    "ip.id",
    "ip.checksum.status",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.checksum.status",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.checksum.status",
    "lldp.time_to_live",
    "vlan.id",
    "ieee8021ad.id",
    "gre.proto",
    "gre.key",
    "gre.sequence_number",
    "erspan.version",
    "erspan.vlan",
    "erspan.encap",
    "erspan.truncated",
    "erspan.spanid",
    "erspan.index",
    "erspan.timestamp",
    "erspan.ft",
    "erspan.gra",
    "erspan.direction",
    "erspan.pid3.port_index",
    "erspan.pid3.timestamp",
    "vxlan.vni",
    "vxlan.flag_i",
    "_ws.malformed",
    "_ws.expert.severity",
];

fn read(path: &Path) -> Vec<Seen> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;"]);
    for layer in ["ip", "udp", "tcp"] {
        tshark.args(["-o", &format!("{layer}.check_checksum:TRUE")]);
    }
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let output = tshark.arg("-r").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let values = |cell: &str| cell.split(';').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    let row = |line: &str| {
        let cells = FIELDS.iter().copied().zip(line.split('\t').map(values));
        cells.filter(|(_, values): &(_, Vec<String>)| !values.is_empty()).collect()
    };
    lines.lines().map(row).collect()
}

/// Takes out what needs no exact value.
fn judge(seen: &mut Seen) {
    const WARNING: u32 = 0x60_0000;
    let severities = seen.remove("_ws.expert.severity").unwrap_or_default();
    assert!(severities.iter().all(|severity| severity.parse::<u32>().unwrap() < WARNING), "{seen:?}");
    if seen.contains_key("vxlan.vni") {
        let port: u16 = seen.get_mut("udp.srcport").unwrap().remove(0).parse().unwrap();
        assert!(port >= 49_152, "{seen:?}");
        seen.retain(|_, values| !values.is_empty());
    }
}

/// What Wireshark must say of the copy that was sent as number `index`.
fn expected(form: &Form, index: usize, (after, way, vlan, frame): &Sent) -> Seen {
    let mut seen = Seen::new();
    let mut say = |field, value: &dyn ToString| seen.entry(field).or_default().push(value.to_string());
    let at = START + after;

    let own = (*vlan != 0).then_some(*vlan);
    let (mut outer, mut inner) = match (form.tags, way) {
        (Tags::Double { outer }, _) => (Some(outer), own),
        (Tags::Both, _) | (Tags::IngressOnly, Way::Ingress) | (Tags::EgressOnly, Way::Egress) => (None, own),
        _ => (None, None),
    };
    let overhead = match form.tunnel {
        None => 0,
        Some(Tunnel::Erspan1) => 14 + 20 + 4,
        Some(Tunnel::Erspan2) => 14 + 20 + 8 + 8,
        Some(Tunnel::Erspan3) => 14 + 20 + 8 + 12 + 8,
        Some(Tunnel::Gre) => 14 + 20 + 12,
        Some(Tunnel::Vxlan { .. }) => 14 + 20 + 8 + 8,
    };
    let is_taken = matches!(form.tunnel, Some(Tunnel::Erspan2 | Tunnel::Erspan3));
    let taken = if is_taken { outer.take().or_else(|| inner.take()) } else { None };
    let labels = [("ieee8021ad.id", outer), ("vlan.id", inner)];
    let labels: Vec<_> = labels.into_iter().filter_map(|(field, vlan)| Some((field, vlan?))).collect();
    let length = overhead + 4 * labels.len() + frame.len();
    let captured = form.snap.map_or(length, |snap| length.min(snap as usize));
    let sum = if captured == length { GOOD } else { "2" };
    if form.tunnel.is_some() {
        say("eth.src", &"02:53:57:00:00:01");
        say("eth.dst", &"02:53:57:00:00:02");
        say("ip.src", &"198.51.100.1");
        say("ip.dst", &"198.51.100.2");
        say("ip.id", &format!("{:#06x}", index + 1));
        say("ip.checksum.status", &GOOD);
    }
    if is_taken {
        say("gre.sequence_number", &index);
        say("erspan.vlan", &taken.unwrap_or(*vlan));
        say("erspan.truncated", &0);
        say("erspan.spanid", &17);
        if form.tunnel == Some(Tunnel::Erspan2) {
            say("erspan.encap", &if taken.is_some() { 2 } else { 0 });
        }
    }
    match form.tunnel {
        None => {}
        Some(Tunnel::Erspan1) => say("gre.proto", &"0x88be"),
        Some(Tunnel::Erspan2) => {
            say("gre.proto", &"0x88be");
            say("erspan.version", &1);
            say("erspan.index", &PORT);
        }
        Some(Tunnel::Erspan3) => {
            say("gre.proto", &"0x22eb");
            say("erspan.version", &2);
            say("erspan.ft", &0);
            say("erspan.gra", &0);
            say("erspan.direction", &i32::from(*way == Way::Egress));
            say("erspan.pid3.port_index", &PORT);
            say("erspan.timestamp", &(at / 100_000 % (1 << 32)));
            say("erspan.pid3.timestamp", &(at / 100_000 / (1 << 32)));
        }
        Some(Tunnel::Gre) => {
            say("gre.proto", &"0x6558");
            say("gre.key", &"0x00000011");
            say("gre.sequence_number", &index);
        }
        Some(Tunnel::Vxlan { vni }) => {
            say("vxlan.vni", &vni);
            say("vxlan.flag_i", &1);
            say("udp.dstport", &4_789);
            say("udp.length", &(length - 14 - 20));
            say("udp.checksum.status", &"3");
        }
    }

    say("frame.time_epoch", &format!("{}.{:09}", at / 1_000_000_000, at % 1_000_000_000));
    say("frame.len", &length);
    say("frame.cap_len", &captured);
    say("frame.interface_name", &"span0");
    for (field, vlan) in labels {
        say(field, &vlan);
    }
    say("eth.src", &frame.source);
    say("eth.dst", &frame.destination);
    match &frame.body {
        Body::Arp(arp) => {
            say("arp.opcode", &if arp.is_reply { 2 } else { 1 });
            say("arp.src.proto_ipv4", &arp.sender.1);
        }
        Body::Ip(packet) => {
            say("ip.src", &packet.source);
            say("ip.dst", &packet.destination);
            say("ip.id", &format!("{:#06x}", packet.id));
            say("ip.checksum.status", &GOOD);
            match &packet.transport {
                Transport::Udp(ports, data) => {
                    say("udp.srcport", &ports.0);
                    say("udp.dstport", &ports.1);
                    say("udp.length", &(8 + data.len()));
                    say("udp.checksum.status", &sum);
                }
                Transport::Tcp(segment, _) => {
                    say("tcp.srcport", &segment.ports.0);
                    say("tcp.dstport", &segment.ports.1);
                    say("tcp.checksum.status", &sum);
                }
                Transport::Other { .. } => {}
            }
        }
        Body::Typed(..) | Body::Llc(_) => say("lldp.time_to_live", &120),
    }
    seen
}

/// What Wireshark calls a checksum that is right; 0 is wrong, 2 not judged, 3 absent.
const GOOD: &str = "1";
const PORT: u16 = 5;
