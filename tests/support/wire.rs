//! Frames made by hand: Ethernet, tags, IPv4, UDP, TCP, and what mirrors wrap around frames.
//!
//! Sources: RFC 791, 768, 9293; RFC 2784 and 2890 (GRE); draft-foschiano-erspan;
//! RFC 7348 (VXLAN); IEEE 802.1Q clause 9.

use std::net::Ipv4Addr;

/// A MAC address.
pub type Mac = [u8; 6];

/// One end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// MAC address.
    pub mac: Mac,
    /// IPv4 address.
    pub ip: Ipv4Addr,
    /// TCP or UDP port.
    pub port: u16,
}

impl End {
    /// An end whose MAC is made of its address.
    pub const fn new(ip: [u8; 4], port: u16) -> Self {
        let [a, b, c, d] = ip;
        Self { mac: [0x02, 0, a, b, c, d], ip: Ipv4Addr::new(a, b, c, d), port }
    }
}

/// An Ethernet II frame.
pub fn ethernet(to: Mac, from: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), payload].concat()
}

/// An IPv4 packet in a frame; `identification` is the packet's, `place` its fragment field.
pub fn ipv4(from: End, to: End, protocol: u8, [identification, place]: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).expect("fits an IPv4 packet").to_be_bytes();
    let [[id0, id1], [place0, place1]] = [identification.to_be_bytes(), place.to_be_bytes()];
    let start = [0x45, 0, length[0], length[1], id0, id1, place0, place1, 64, protocol, 0, 0];
    let mut header = [&start[..], &from.ip.octets(), &to.ip.octets()].concat();
    let sum = checksum(&header, 0);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    ethernet(to.mac, from.mac, IPV4, &[&header[..], payload].concat())
}

/// A UDP datagram in a frame.
pub fn udp(from: End, to: End, identification: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).expect("fits a datagram");
    let head = [from.port, to.port, length, 0].map(u16::to_be_bytes).concat();
    ipv4(from, to, 17, [identification, 0], &[&head[..], payload].concat())
}

/// A TCP segment in a frame.
pub fn tcp(from: End, to: End, flags: u8, [sequence, acknowledged]: [u32; 2], payload: &[u8]) -> Vec<u8> {
    let ports = [from.port, to.port].map(u16::to_be_bytes).concat();
    let numbers = [sequence, acknowledged].map(u32::to_be_bytes).concat();
    let rest = [0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    let mut segment = [&ports[..], &numbers, &rest, payload].concat();
    let pseudo = [&from.ip.octets()[..], &to.ip.octets(), &[0, 6]].concat();
    let sum = checksum(&segment, sum_of(&pseudo) + segment.len() as u32);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ipv4(from, to, 6, [sequence as u16, DONT_FRAGMENT], &segment)
}

/// An ARP packet in a frame: a request where `to` is all ones, else a reply.
pub fn arp(sender: End, target: End, to: Mac) -> Vec<u8> {
    let operation = if to == BROADCAST { 1 } else { 2 };
    let known = if to == BROADCAST { [0; 6] } else { target.mac };
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    let body = [&head[..], &sender.mac, &sender.ip.octets(), &known, &target.ip.octets()].concat();
    ethernet(to, sender.mac, ARP, &body)
}

/// A DHCP message (RFC 2131) about `client`: a server's where `from` has its port. `given` is the address that
/// is given, or asked for; `server` is option 54.
pub fn dhcp(
    [from, to]: [End; 2],
    message: u8,
    client: Mac,
    given: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
) -> Vec<u8> {
    let is_answer = from.port == 67;
    let transaction = [client[2], client[3], client[4], client[5]];
    let mut bytes = [&[if is_answer { 2 } else { 1 }, 1, 6, 0], &transaction[..], &[0; 8]].concat();
    bytes.extend(given.filter(|_| is_answer).map_or([0; 4], |ip| ip.octets()));
    bytes.resize(28, 0);
    bytes.extend(client);
    bytes.resize(236, 0);
    bytes.extend([99, 130, 83, 99, 53, 1, message]);
    if let Some(ip) = given.filter(|_| !is_answer) {
        bytes.extend([&[50, 4][..], &ip.octets()].concat());
    }
    if let Some(ip) = server {
        bytes.extend([&[54, 4][..], &ip.octets()].concat());
    }
    if is_answer {
        bytes.extend([51, 4, 0, 0, 14, 16, 3, 4]);
        bytes.extend(from.ip.octets());
    }
    bytes.push(255);
    udp(from, to, u16::from(message), &bytes)
}

/// A router, or anybody, tells `to` that what it sent to `target` on a UDP port got no further (ICMP, RFC 792).
pub fn unreachable(by: End, to: End, target: End, [kind, code]: [u8; 2], identification: u16) -> Vec<u8> {
    let failed = udp(to, target, identification, &[0; 8]);
    let mut message = [&[kind, code, 0, 0, 0, 0, 0, 0][..], &failed[14..42]].concat();
    let sum = checksum(&message, 0);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(by, to, 1, [identification, 0], &message)
}

/// The address of an end on its link over IPv6, made of its IPv4 address.
fn of_link(end: End) -> [u8; 16] {
    let [a, b, c, d] = end.ip.octets();
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

/// A UDP datagram over IPv6.
pub fn udp6(from: End, to: End, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).expect("fits a datagram");
    let mut datagram =
        [&[from.port, to.port, length, 0].map(u16::to_be_bytes).concat()[..], payload].concat();
    ipv6(from, (to.mac, of_link(to)), 17, &mut datagram, 6)
}

/// A host asks who holds another's address on the link (RFC 4861, 4.3).
pub fn solicits(from: End, target: End) -> Vec<u8> {
    let address = of_link(target);
    let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, address[13], address[14], address[15]];
    let to = ([0x33, 0x33, 0xff, address[13], address[14], address[15]], group);
    let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &address, &[1, 1], &from.mac].concat();
    ipv6(from, to, 58, &mut message, 2)
}

/// A packet over IPv6 with hop limit 255, its checksum at `place`.
fn ipv6(from: End, to: (Mac, [u8; 16]), protocol: u8, message: &mut [u8], place: usize) -> Vec<u8> {
    let own = of_link(from);
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    let pseudo = [&own[..], &to.1, &[0, 0], &length, &[0, 0, 0, protocol]].concat();
    let sum = checksum(message, sum_of(&pseudo));
    message[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    let packet = [&[0x60, 0, 0, 0][..], &length, &[protocol, 255], &own, &to.1, message].concat();
    ethernet(to.0, from.mac, IPV6, &packet)
}

/// A question for the time, or with a stratum the answer (NTP version 4, RFC 5905, 7.3); 16 says that its clock is not set.
pub fn ntp(from: End, to: End, identification: u16, stratum: Option<u8>) -> Vec<u8> {
    let stamp = [&[0xe8, 0, 0, 0][..], &u32::from(identification).to_be_bytes()].concat();
    let (first, origin) = if stratum.is_some() { (0x24, &stamp[..]) } else { (0x23, &[0; 8][..]) };
    let head = [first, stratum.unwrap_or(0), 6, 0xe9, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 123];
    udp(from, to, identification, &[&head[..], &[0; 8], origin, &[0; 8], &stamp].concat())
}

/// A router announces itself to the link for so many seconds, with this prefix in 2001:db8::/32 (RFC 4861, 4.2 and 4.6.2).
pub fn router_announces(from: End, lifetime_s: u16, prefix: u16) -> Vec<u8> {
    let everybody = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let head = [&[134, 0, 0, 0, 64, 0][..], &lifetime_s.to_be_bytes(), &[0; 8]].concat();
    let of_prefix = [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8];
    let mut message = [&head[..], &[1, 1], &from.mac, &of_prefix, &prefix.to_be_bytes(), &[0; 10]].concat();
    ipv6(from, ([0x33, 0x33, 0, 0, 0, 1], everybody), 58, &mut message, 2)
}

/// An LLDP frame of a bridge's port `ge1`, `tlvs` behind its name (IEEE 802.1AB-2016, 8).
pub fn lldp(from: Mac, name: &str, tlvs: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    let chassis = [&[2, 7, 4][..], &from].concat();
    let port = b"\x04\x04\x05ge1\x06\x02\0\x78\x0e\x04\0\x04\0\x04";
    let bytes = [&chassis[..], port, &[10, length], name.as_bytes(), tlvs, &[0, 0]].concat();
    ethernet([0x01, 0x80, 0xc2, 0, 0, 0x0e], from, LLDP, &bytes)
}

/// An EAPOL frame that carries EAP of this code (IEEE 802.1X-2020, 11.3; RFC 3748, 4).
pub fn eap(from: Mac, to: Mac, code: u8, id: u8) -> Vec<u8> {
    let method: &[u8] = if code < 3 { &[1] } else { &[] };
    let length = 4 + method.len() as u8;
    ethernet(to, from, EAPOL, &[&[2, 0, 0, length, code, id, 0, length], method].concat())
}

/// A host says that it is in a group (IGMP version 2, RFC 2236).
pub fn joins(from: End, group: End, identification: u16) -> Vec<u8> {
    let mut message = [&[0x16, 0, 0, 0][..], &group.ip.octets()].concat();
    let sum = checksum(&message, 0);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(from, group, 2, [identification, 0], &message)
}

/// One RTP packet (RFC 3550, 5.1).
pub fn rtp(from: End, to: End, sequence: u16) -> Vec<u8> {
    rtp_of(from, to, sequence, 4)
}

/// The same of another source of this sender.
pub fn rtp_of(from: End, to: End, sequence: u16, source: u8) -> Vec<u8> {
    let stamp = (u32::from(sequence) * 4_500).to_be_bytes();
    let head = [&[0x80, 0x60][..], &sequence.to_be_bytes(), &stamp, &[1, 2, 3, source]].concat();
    udp(from, to, sequence, &[&head[..], &[7; 40]].concat())
}

/// An SNMP trap of `from`: the link of an interface went down; `is_enabled` says whether it is meant to be up
/// (RFC 3416, 4.2.6; RFC 2863, 6).
pub fn link_down(from: End, to: End, identification: u16, interface: u8, is_enabled: bool) -> Vec<u8> {
    let node =
        |tag: u8, value: &[u8]| [&[tag, u8::try_from(value.len()).expect("short")][..], value].concat();
    let object = |oid: &[u8], value: Vec<u8>| node(0x30, &[node(6, oid), value].concat());
    let entry = |column| [0x2b, 6, 1, 2, 1, 2, 2, 1, column, interface];
    let bindings = [
        object(&[0x2b, 6, 1, 2, 1, 1, 3, 0], node(0x43, &[100])),
        object(&[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0], node(6, &[0x2b, 6, 1, 6, 3, 1, 1, 5, 3])),
        object(&entry(1), node(2, &[interface])),
        object(&entry(7), node(2, &[if is_enabled { 1 } else { 2 }])),
    ]
    .concat();
    let zero = node(2, &[0]);
    let pdu = [node(2, &[7]), zero.clone(), zero, node(0x30, &bindings)].concat();
    let message = [node(2, &[1]), node(4, b"public"), node(0xa7, &pdu)].concat();
    udp(End { port: 50_000, ..from }, End { port: 162, ..to }, identification, &node(0x30, &message))
}

/// A bridge by the lower byte of its MAC, of the usual priority.
pub fn bridge(number: u8) -> [u8; 8] {
    [0x80, 0, 2, 0, 0, 0xb0, 0xb0, number]
}

/// A rapid BPDU of `sender` (IEEE 802.1D-2004, 9.3.3) on its first port, which is designated and forwards.
pub fn bpdu(root: [u8; 8], sender: [u8; 8], is_changing: bool) -> Vec<u8> {
    bpdu_with(root, sender, 0x3c | u8::from(is_changing))
}

/// The same with these flags.
pub fn bpdu_with(root: [u8; 8], sender: [u8; 8], flags: u8) -> Vec<u8> {
    let head = [0x42, 0x42, 3, 0, 0, 2, 2, flags];
    let times = [1, 0, 20, 0, 2, 0, 15, 0, 0];
    let bytes = [&head[..], &root, &[0, 0, 0x4e, 0x20], &sender, &[0x80, 1], &times].concat();
    let from = [sender[2], sender[3], sender[4], sender[5], sender[6], sender[7]];
    ethernet([0x01, 0x80, 0xc2, 0, 0, 0], from, bytes.len() as u16, &bytes)
}

/// An LACPDU (IEEE 802.1AX-2020, 6.4.2.3) of a bridge's port, bound to the same of another, in this state.
pub fn lacp(actor: [u8; 8], partner: [u8; 8], port: u8, state: u8) -> Vec<u8> {
    let side = |kind: u8, system: [u8; 8], state: u8| {
        [&[kind, 20][..], &system, &[0, 13, 0x80, 0, 0, port, state, 0, 0, 0]].concat()
    };
    let collector = [3, 16, 0, 0];
    let mut bytes = [&[1, 1][..], &side(1, actor, state), &side(2, partner, 0x3f), &collector].concat();
    bytes.resize(110, 0);
    let from = [actor[2], actor[3], actor[4], actor[5], actor[6], port];
    ethernet([0x01, 0x80, 0xc2, 0, 0, 2], from, SLOW, &bytes)
}

/// `frame` with a tag of `kind` and `vlan` before its EtherType.
pub fn tagged(frame: &[u8], kind: u16, vlan: u16) -> Vec<u8> {
    let tag = [kind, vlan].map(u16::to_be_bytes).concat();
    [&frame[..12], &tag, &frame[12..]].concat()
}

/// `frame` as a router passes it on: one hop less, from the MAC `router`; `None` where it would not.
pub fn routed(frame: &[u8], router: Mac) -> Option<Vec<u8>> {
    let is_unicast = frame[0] & 1 == 0;
    let is_ipv4 = frame[12..14] == IPV4.to_be_bytes() && frame[14] == 0x45;
    if !is_unicast || !is_ipv4 || frame[22] < 2 || frame[..6] == router || frame[6..12] == router {
        return None;
    }
    let mut copy = frame.to_vec();
    copy[6..12].copy_from_slice(&router);
    copy[22] -= 1;
    copy[24..26].fill(0);
    let sum = checksum(&copy[14..34], 0);
    copy[24..26].copy_from_slice(&sum.to_be_bytes());
    Some(copy)
}

/// The Internet checksum (RFC 1071) of `bytes`, with what was summed before.
pub fn checksum(bytes: &[u8], before: u32) -> u16 {
    let mut sum = sum_of(bytes) + before;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn sum_of(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

/// EtherTypes.
pub const IPV4: u16 = 0x0800;
pub const ARP: u16 = 0x0806;
pub const IPV6: u16 = 0x86dd;
pub const LLDP: u16 = 0x88cc;
pub const EAPOL: u16 = 0x888e;
pub const SLOW: u16 = 0x8809;
pub const TAG: u16 = 0x8100;
pub const SERVICE_TAG: u16 = 0x88a8;

/// The MAC of everybody.
pub const BROADCAST: Mac = [0xff; 6];

/// TCP flags.
pub const SYN: u8 = 0x02;
pub const ACK: u8 = 0x10;

const DONT_FRAGMENT: u16 = 0x4000;
