//! Frames built byte by byte, and what peeling makes of them.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const CAMERA: [u8; 6] = [0x02, 0, 0, 0, 0, 7];
const RECORDER: [u8; 6] = [0x02, 0, 0, 0, 0, 9];

/// 192.0.2.7:5000 to 192.0.2.9:6000 with four bytes of payload.
fn udp() -> Vec<u8> {
    ip(17, b"\x13\x88\x17\x70\0\x0c\0\0data")
}

/// An IPv4 packet from 192.0.2.7 to 192.0.2.9, TTL 64, identification 0x1234.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    packet.extend([0x12, 0x34, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 7, 192, 0, 2, 9]);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    packet.extend("2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet.extend("2001:db8::9".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet.extend(payload);
    packet
}

fn ethernet(types: &[u8], payload: &[u8]) -> Vec<u8> {
    [&RECORDER[..], &CAMERA, types, payload].concat()
}

fn peel(link: LinkType, bytes: &[u8]) -> (Peeled, Counts) {
    let mut peeler = Peeler::new();
    let peeled = peeler.peel(link, Time(0), bytes, u32::try_from(bytes.len()).unwrap());
    (peeled, peeler.counts)
}

/// Checks that `frame` leads to the packet of [`udp`] and gives its layers.
#[track_caller]
fn leads_to_udp(link: LinkType, frame: &[u8]) -> (Peeled, Counts) {
    let (peeled, counts) = peel(link, frame);
    let layers = peeled.layers;
    let camera = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let recorder = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    assert_eq!((layers.network, layers.ips), (Network::Ip, Some((camera, recorder))));
    assert_eq!((layers.protocol, layers.hop_limit, layers.identification), (17, 64, Some(0x1234)));
    let (from, to) = (layers.transport_at as usize, layers.end as usize);
    assert_eq!(peeled.bytes(frame).get(from..to), Some(&b"\x13\x88\x17\x70\0\x0c\0\0data"[..]));
    assert!(!layers.is_cut());
    (peeled, counts)
}

#[test]
fn ethernet_padding_is_not_payload() {
    let frame = [ethernet(b"\x08\0", &udp()), vec![0; 14]].concat();
    let (peeled, _) = leads_to_udp(LinkType::ETHERNET, &frame);
    assert_eq!(peeled.layers.source_mac, Some(Mac(CAMERA)));
    assert_eq!(peeled.layers.destination_mac, Some(Mac(RECORDER)));
}

#[test]
fn every_link_type_leads_to_the_packet() {
    let sll = [b"\0\x04\0\x01\0\x06", &CAMERA[..], b"\0\0\x08\0", &udp()].concat();
    let sll2 = [b"\x08\0\0\0\0\0\0\x02\0\x01\0\x06", &CAMERA[..], b"\0\0", &udp()].concat();
    leads_to_udp(LinkType::NULL, &[b"\x02\0\0\0", &udp()[..]].concat());
    leads_to_udp(LinkType::LOOP, &[b"\0\0\0\x02", &udp()[..]].concat());
    for raw in [LinkType::RAW, LinkType::IPV4, LinkType(12), LinkType(14)] {
        leads_to_udp(raw, &udp());
    }
    let (cooked, counts) = leads_to_udp(LinkType::LINUX_SLL, &sll);
    assert_eq!(cooked.layers.source_mac, Some(Mac(CAMERA)));
    assert_eq!((cooked.layers.direction, counts.outgoing), (Some(Direction::Out), 1));
    let (cooked, _) = leads_to_udp(LinkType::LINUX_SLL2, &sll2);
    assert_eq!((cooked.layers.source_mac, cooked.layers.direction), (Some(Mac(CAMERA)), Some(Direction::In)));
}

#[test]
fn snap_with_an_ethertype_is_ethernet() {
    let llc = [b"\xaa\xaa\x03\0\0\0\x08\0", &udp()[..]].concat();
    let length = u16::try_from(llc.len()).unwrap().to_be_bytes();
    leads_to_udp(LinkType::ETHERNET, &ethernet(&length, &llc));
}

#[test]
fn llc_names_its_service_and_ends_at_its_length() {
    let frame = ethernet(b"\0\x05", b"\x42\x42\x03\0\0padding");
    let (peeled, _) = peel(LinkType::ETHERNET, &frame);
    assert_eq!(peeled.layers.network, Network::Llc { dsap: 0x42, ssap: 0x42 });
    assert_eq!((peeled.layers.transport_at, peeled.layers.end), (17, 19));
}

#[test]
fn snap_of_an_organization_names_its_protocol_and_ends_at_its_length() {
    let cdp = ethernet(b"\0\x0a", b"\xaa\xaa\x03\0\0\x0c\x20\0\x02\xb4padding");
    let (peeled, _) = peel(LinkType::ETHERNET, &cdp);
    assert_eq!(peeled.layers.network, Network::Snap { oui: [0, 0, 0x0c], kind: 0x2000 });
    let payload = peeled.layers.transport_at as usize..peeled.layers.end as usize;
    assert_eq!(cdp.get(payload), Some(&b"\x02\xb4"[..]));
}

#[test]
fn one_tag_is_a_vlan_and_two_are_qinq() {
    let frame = ethernet(b"\x81\0\x60\x14\x08\0", &udp());
    let (peeled, counts) = leads_to_udp(LinkType::ETHERNET, &frame);
    assert_eq!((peeled.layers.tags.outer(), peeled.layers.vlan()), (Some(20), Some(20)));
    assert_eq!((counts.encapsulated(Encapsulation::Vlan), counts.vlans()), (1, vec![20]));

    let frame = ethernet(b"\x88\xa8\0\x64\x81\0\0\x14\x08\0", &udp());
    let (peeled, counts) = leads_to_udp(LinkType::ETHERNET, &frame);
    assert_eq!((peeled.layers.tags.outer(), peeled.layers.vlan()), (Some(100), Some(20)));
    assert_eq!((counts.encapsulated(Encapsulation::Vlan), counts.encapsulated(Encapsulation::Qinq)), (0, 1));
    assert_eq!(counts.vlans(), [20, 100]);
}

#[test]
fn priority_tag_is_no_vlan() {
    let (peeled, _) = leads_to_udp(LinkType::ETHERNET, &ethernet(b"\x81\0\xa0\0\x08\0", &udp()));
    assert_eq!(peeled.layers.vlan(), None);
}

#[test]
fn tags_without_end_are_given_up() {
    let frame = ethernet(&b"\x81\0\0\x01".repeat(9), &udp());
    let (peeled, counts) = peel(LinkType::ETHERNET, &frame);
    assert_eq!(peeled.layers.network, Network::Unknown);
    assert_eq!(counts.undecodable()["too many vlan tags"], 1);
}

#[test]
fn ipv6_extensions_are_stepped_over() {
    let hop_by_hop = b"\x3c\0\x01\x04\0\0\0\0";
    let destination = b"\x11\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0";
    let packet = ipv6(0, &[&hop_by_hop[..], destination, b"\0\x01\0\x02\0\x08\0\0"].concat());
    let (peeled, _) = peel(LinkType::ETHERNET, &ethernet(b"\x86\xdd", &packet));
    assert_eq!((peeled.layers.protocol, peeled.layers.transport_at), (17, 14 + 40 + 24));
    assert_eq!((peeled.layers.identification, peeled.layers.fragment), (None, None));
}

#[test]
fn ipv6_fragment_header_tells_the_part() {
    let packet = ipv6(44, b"\x11\0\0\xb1\0\0\0\x07rest");
    let (peeled, counts) = peel(LinkType::RAW, &packet);
    assert_eq!(peeled.layers.fragment, Some(Fragment { offset: 176, more: true }));
    assert_eq!((peeled.layers.protocol, peeled.layers.identification), (17, Some(7)));
    assert_eq!((peeled.layers.transport_at, counts.fragments), (48, 1));
}

#[test]
fn extensions_without_end_are_given_up() {
    let packet = ipv6(60, &b"\x3c\0\x01\x04\0\0\0\0".repeat(9));
    let (_, counts) = peel(LinkType::RAW, &packet);
    assert_eq!(counts.undecodable()["too many ipv6 extensions"], 1);
}

#[test]
fn authentication_header_is_stepped_over() {
    let ah = b"\x11\x04\0\0\0\0\0\x01\0\0\0\x01ABCDEFGHIJKL";
    let packet = ip(51, &[&ah[..], b"\0\x01\0\x02\0\x08\0\0"].concat());
    let (peeled, counts) = peel(LinkType::RAW, &packet);
    assert_eq!((peeled.layers.protocol, peeled.layers.transport_at), (17, 44));
    assert_eq!(counts.encapsulated(Encapsulation::Ah), 1);
}

/// The forms in which a mirror can send the frame with tag 20, and their names.
fn mirrored() -> Vec<(Encapsulation, Vec<u8>)> {
    let frame = ethernet(b"\x81\0\0\x14\x08\0", &udp());
    let gre = |header: &[u8]| ip(47, &[header, &frame].concat());
    let vxlan = [b"\xc0\0\x12\xb5\0\0\0\0\x08\0\0\0\0\0\x07\0", &frame[..]].concat();
    vec![
        (Encapsulation::Gre, gre(b"\0\0\x65\x58")),
        (Encapsulation::Gre, gre(b"\xb0\0\x65\x58\0\0\0\0\0\0\0\x07\0\0\0\x01")),
        (Encapsulation::Erspan1, gre(b"\0\0\x88\xbe")),
        (Encapsulation::Erspan2, gre(b"\x10\0\x88\xbe\0\0\0\x01\x10\x14\x18\x05\0\0\0\0")),
        (Encapsulation::Erspan3, gre(b"\x10\0\x22\xeb\0\0\0\x01\x20\x14\0\x05\0\0\0\0\0\0\0\0")),
        (Encapsulation::Erspan3, gre(b"\x10\0\x22\xeb\0\0\0\x01\x20\x14\0\x05\0\0\0\0\0\0\0\x01ABCDEFGH")),
        (Encapsulation::Vxlan, ip(17, &vxlan)),
    ]
}

#[test]
fn every_mirror_transport_leads_to_the_frame() {
    let (plain, _) = peel(LinkType::ETHERNET, &ethernet(b"\x08\0", &udp()));
    for (by, packet) in mirrored() {
        let (peeled, counts) = leads_to_udp(LinkType::ETHERNET, &ethernet(b"\x81\0\0\x63\x08\0", &packet));
        assert_eq!((counts.encapsulated(by), peeled.layers.vlan()), (1, Some(20)), "{by:?}");
        assert_eq!(peeled.outer.map(|outer| (outer.by, outer.vlan)), Some((by, Some(99))));
        assert_eq!(peeled.layers.shard, plain.layers.shard);
    }
}

#[test]
fn erspan_tells_the_vlan_that_it_took_out() {
    let frame = ethernet(b"\x08\0", &udp());
    let packet = ip(47, &[b"\x10\0\x88\xbe\0\0\0\x01\x10\x14\x10\x05\0\0\0\0", &frame[..]].concat());
    let (peeled, _) = leads_to_udp(LinkType::RAW, &packet);
    assert_eq!((peeled.layers.tags.inner(), peeled.layers.vlan()), (None, Some(20)));
}

#[test]
fn tunnels_nest_to_a_depth_and_no_further() {
    let mut packet = ethernet(b"\x08\0", &udp());
    for _ in 0..TUNNELS_MAX {
        packet = ethernet(b"\x08\0", &ip(47, &[b"\0\0\x65\x58", &packet[..]].concat()));
    }
    leads_to_udp(LinkType::ETHERNET, &packet);
    packet = ethernet(b"\x08\0", &ip(47, &[b"\0\0\x65\x58", &packet[..]].concat()));
    let (peeled, _) = peel(LinkType::ETHERNET, &packet);
    assert_eq!(peeled.layers.protocol, 47);
}

#[test]
fn tunnel_around_rubbish_stays_what_it_is() {
    let packet = ip(47, b"\0\0\x65\x58short");
    let (peeled, counts) = peel(LinkType::RAW, &packet);
    assert_eq!((peeled.layers.protocol, peeled.outer), (47, None));
    assert_eq!(counts.undecodable()["inside of a tunnel"], 1);
    assert_eq!(counts.encapsulated(Encapsulation::Gre), 1);
}

#[test]
fn other_encapsulations_are_counted_by_name() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("ipip", ip(4, &udp())),
        ("6in4", ip(41, &ipv6(59, b""))),
        ("esp", ip(50, b"\0\0\0\x01\0\0\0\x01")),
        ("pptp", ip(47, b"\x30\x01\x88\x0b\0\0\0\0")),
        ("geneve", ip(17, b"\xc0\0\x17\xc1\0\0\0\0\0\0\x65\x58\0\0\x01\0")),
        ("gtp", ip(17, b"\x08\x68\x08\x68\0\0\0\0\x30\xff\0\0\0\0\0\x01")),
        ("tzsp", ip(17, b"\xc0\0\x90\x90\0\0\0\0\x01\0\0\x01\x01\0\0\0")),
    ];
    for (name, packet) in cases {
        let (peeled, counts) = peel(LinkType::RAW, packet);
        assert_eq!(counts.encapsulations().get(name), Some(&1), "{name}");
        assert_eq!(peeled.outer, None);
    }
    let (_, counts) = peel(LinkType::ETHERNET, &ethernet(b"\x88\x47", b"\0\x01\x01\x40"));
    assert_eq!(counts.encapsulations()["mpls"], 1);
}

/// Cuts an IPv4 packet in two at `at` bytes of payload.
fn in_two(packet: &[u8], at: usize) -> [Vec<u8>; 2] {
    let (header, payload) = packet.split_at(20);
    let part = |payload: &[u8], flags: u16| {
        let mut part = [header, payload].concat();
        part[2..4].copy_from_slice(&u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
        part[6..8].copy_from_slice(&flags.to_be_bytes());
        ethernet(b"\x08\0", &part)
    };
    let (first, second) = payload.split_at(at);
    [part(first, 0x2000), part(second, u16::try_from(at / 8).unwrap())]
}

#[test]
fn fragments_of_a_tunnel_are_joined() {
    for (by, packet) in mirrored() {
        let mut peeler = Peeler::new();
        let [first, second] = in_two(&packet, 24);
        let peeled = peeler.peel(LinkType::ETHERNET, Time(0), &first, 0);
        assert!(peeled.layers.is_absorbed, "{by:?}");
        let peeled = peeler.peel(LinkType::ETHERNET, Time(1), &second, 0);
        assert!(!peeled.layers.is_absorbed);
        let (from, to) = (peeled.layers.transport_at as usize, peeled.layers.end as usize);
        assert_eq!(peeled.bytes(&second).get(from..to), Some(&b"\x13\x88\x17\x70\0\x0c\0\0data"[..]));
        assert_eq!(peeler.counts().encapsulated(by), 1);
    }
}

#[test]
fn other_fragments_pass() {
    let packet = ip(17, &[b"\x13\x88\x17\x70\0\x28\0\0".to_vec(), vec![7; 32]].concat());
    let mut peeler = Peeler::new();
    for (frame, offset) in in_two(&packet, 16).iter().zip([0, 16]) {
        let layers = peeler.peel(LinkType::ETHERNET, Time(0), frame, 0).layers;
        assert_eq!((layers.is_absorbed, layers.fragment.map(|part| part.offset)), (false, Some(offset)));
    }
    assert_eq!(peeler.counts().fragments, 2);
}

#[test]
fn missing_numbers_of_a_mirror_are_counted() {
    let mut peeler = Peeler::new();
    let frame = ethernet(b"\x08\0", &udp());
    for number in [1_u32, 2, 5, 4, 6] {
        let header = [&b"\x10\0\x88\xbe"[..], &number.to_be_bytes(), b"\x10\0\x18\x05\0\0\0\0"].concat();
        peeler.peel(LinkType::RAW, Time(0), &ip(47, &[header, frame.clone()].concat()), 0);
    }
    assert_eq!((peeler.counts().lost_by_mirror, peeler.missing(), peeler.missing()), (1, (1, 5), (0, 0)));
}

#[test]
fn packet_longer_than_the_capture_is_cut() {
    let frame = ethernet(b"\x08\0", &udp());
    let mut peeler = Peeler::new();
    let peeled = peeler.peel(LinkType::ETHERNET, Time(0), &frame[..40], 46);
    assert!(peeled.layers.is_cut());
    assert_eq!((peeled.layers.end, peeled.layers.whole_end), (40, 46));
    assert_eq!(peeler.counts().truncated, 1);
}

#[test]
fn both_directions_have_one_shard_and_pairs_spread() {
    let shard = |a: u32, b: u32| {
        let ips = (IpAddr::V4(a.into()), IpAddr::V4(b.into()));
        shard_of(&Layers { ips: Some(ips), ..Layers::default() })
    };
    let mut filled = [0; SHARDS];
    for host in 0..6_400 {
        assert_eq!(shard(0x0a00_0001, 0x0a00_0100 + host), shard(0x0a00_0100 + host, 0x0a00_0001));
        filled[shard(0x0a00_0001, 0x0a00_0100 + host) as usize] += 1;
    }
    assert!(filled.iter().all(|count| (50..=160).contains(count)), "{filled:?}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(link in prop::sample::select(vec![0, 1, 101, 108, 113, 276]), head in 0_usize..7, bytes in prop::collection::vec(any::<u8>(), 0..200), wire in any::<u32>()) {
        let mut peeler = Peeler::new();
        peeler.peel(LinkType(link), Time(0), &bytes, wire);
        // The same bytes behind headers that lead somewhere.
        let (_, packet) = &mirrored()[head];
        let cut = packet.len().min(usize::from(bytes.first().copied().unwrap_or(0)));
        let frame = [ethernet(b"\x08\0", &packet[..cut]), bytes].concat();
        let layers = peeler.peel(LinkType::ETHERNET, Time(0), &frame, wire).layers;
        prop_assert!(layers.transport_at <= layers.end || layers.network == Network::Unknown);
        prop_assert!(layers.network_at <= layers.transport_at);
    }
}
