//! What hosts say to find addresses, groups, names and the time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spanwatch_simulator::wire::arp::Arp;
use spanwatch_simulator::wire::ip::Header;
use spanwatch_simulator::wire::{Mac, dhcp, ethernet, icmp, icmpv6, igmp, ip, mld, nd, ntp, udp};

use crate::UNREAD;
use crate::capture::{CAMERA, CAMERA_MAC, Capture, RECORDER, RECORDER_MAC};

pub fn frames(capture: &mut Capture) {
    dhcp(capture);
    ntp(capture);
    groups(capture);
    neighbors(capture);
    basics(capture);
}

fn dhcp(capture: &mut Capture) {
    let (client, server) = (Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(192, 0, 2, 1));
    let relay_information = dhcp::relay_information(&[0, 4, 0, 20, 1, 3], b"\0\x06\x02\0\x5e\0\x01\x02");
    let routers = dhcp::addresses(&[server, Ipv4Addr::new(192, 0, 2, 2)]);
    let message = dhcp::Message {
        kind: dhcp::REQUEST,
        transaction: 0x1234_5678,
        seconds: 3,
        client: CAMERA_MAC,
        client_ip: None,
        your_ip: None,
        relay: Some(server),
        hops: 1,
        is_broadcast: true,
        options: &[
            (12, b"cam-07"),
            (50, &client.octets()),
            (55, &[1, 3, 6, 42]),
            (60, b"EX-1"),
            (82, &relay_information),
        ],
    };
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    capture
        .udp("dhcp request", (68, 67), bytes)
        .shows("dhcp.type", 1)
        .shows("dhcp.hops", 1)
        .shows("dhcp.id", "0x12345678")
        .shows("dhcp.secs", 3)
        .shows("dhcp.flags.bc", 1)
        .shows("dhcp.ip.relay", server)
        .shows("dhcp.hw.mac_addr", CAMERA_MAC)
        .shows("dhcp.option.dhcp", dhcp::REQUEST)
        .shows("dhcp.option.hostname", "cam-07")
        .shows("dhcp.option.requested_ip_address", client)
        .shows("dhcp.option.request_list_item", "1|3|6|42")
        .shows("dhcp.option.vendor_class_id", "EX-1")
        .shows("dhcp.option.agent_information_option.agent_circuit_id", "000400140103")
        .shows("dhcp.option.agent_information_option.agent_remote_id", "000602005e000102");

    let message = dhcp::Message {
        kind: dhcp::ACK,
        your_ip: Some(client),
        relay: None,
        options: &[
            (1, &[255, 255, 255, 0]),
            (3, &routers),
            (51, &3_600_u32.to_be_bytes()),
            (54, &server.octets()),
        ],
        ..message
    };
    let mut bytes = Vec::new();
    message.write(&mut bytes);
    assert_eq!(bytes.len(), 300);
    capture
        .udp("dhcp ack", (67, 68), bytes)
        .shows("dhcp.type", 2)
        .shows("dhcp.ip.your", client)
        .shows("dhcp.option.dhcp", dhcp::ACK)
        .shows("dhcp.option.router", "192.0.2.1|192.0.2.2")
        .shows("dhcp.option.ip_address_lease_time", 3_600)
        .shows("dhcp.option.dhcp_server_id", server);
}

fn ntp(capture: &mut Capture) {
    let request = ntp::request(1_750_000_000_250_000_000);
    let reply = ntp::reply(&request, 1_750_000_000_500_000_000, 1_750_000_000_750_000_000);
    let none = ntp::unsynchronized(&request, 1_750_000_000_500_000_000, 1_750_000_000_750_000_000);
    capture
        .udp("ntp request", (123, 123), request)
        .shows("ntp.flags.vn", 4)
        .shows("ntp.flags.mode", 3)
        .shows("ntp.xmt", "Jun 15, 2025 15:06:40.250000000 UTC");
    capture
        .udp("ntp reply", (123, 123), reply)
        .shows("ntp.flags.mode", 4)
        .shows("ntp.stratum", 2)
        .shows("ntp.refid", "c000027b")
        .shows("ntp.org", "Jun 15, 2025 15:06:40.250000000 UTC")
        .shows("ntp.rec", "Jun 15, 2025 15:06:40.500000000 UTC")
        .shows("ntp.xmt", "Jun 15, 2025 15:06:40.750000000 UTC");
    capture.udp("ntp without time", (123, 123), none).shows("ntp.flags.li", 3).shows("ntp.stratum", 0);
}

fn groups(capture: &mut Capture) {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let host = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let to = |last| (host, IpAddr::V4(Ipv4Addr::new(224, 0, 0, last)));
    capture
        .other("igmp general query", to(1), ip::IGMP, true, igmp::query(None, 100))
        .shows("igmp.type", "0x11")
        .shows("igmp.max_resp", 100)
        .shows("igmp.maddr", "0.0.0.0");
    capture
        .other("igmp group query", (host, IpAddr::V4(group)), ip::IGMP, true, igmp::query_v3(Some(group), 10))
        .shows("igmp.version", 3)
        .shows("igmp.qqic", 125)
        .shows("igmp.maddr", group);
    capture
        .other("igmp report", (host, IpAddr::V4(group)), ip::IGMP, true, igmp::report_v2(group))
        .shows("igmp.type", "0x16")
        .shows("igmp.maddr", group);
    capture
        .other("igmp leave", to(2), ip::IGMP, true, igmp::leave(group))
        .shows("igmp.type", "0x17")
        .shows("igmp.maddr", group);
    let records = [(igmp::TO_EXCLUDE, group), (igmp::TO_INCLUDE, Ipv4Addr::new(239, 1, 2, 4))];
    capture
        .other("igmp report 3", to(22), ip::IGMP, true, igmp::report_v3(&records))
        .shows("igmp.num_grp_recs", 2)
        .shows("igmp.record_type", "4|3")
        .shows("igmp.maddr", "239.1.2.3|239.1.2.4");

    let ends = ("fe80::7".parse().expect("an address"), "ff02::16".parse().expect("an address"));
    let listened: Ipv6Addr = "ff02::1:ff00:7".parse().expect("an address");
    capture
        .other(
            "mld report",
            six(ends),
            ip::ICMPV6,
            true,
            mld::report_v2(ends, &[(mld::TO_EXCLUDE, listened)]),
        )
        .shows("icmpv6.type", 143)
        .shows("icmpv6.mldr.nb_mcast_records", 1)
        .shows("icmpv6.mldr.mar.record_type", mld::TO_EXCLUDE)
        .shows("icmpv6.mldr.mar.multicast_address", listened);
    let ends = (ends.0, "ff02::1".parse().expect("an address"));
    capture
        .other("mld query", six(ends), ip::ICMPV6, true, mld::query(ends, None, 10_000))
        .shows("icmpv6.type", 130)
        .shows("icmpv6.mld.maximum_response_code", 10_000);
}

fn neighbors(capture: &mut Capture) {
    let (camera, asker): (Ipv6Addr, Ipv6Addr) =
        ("fe80::7".parse().expect("an address"), "fe80::50".parse().expect("an address"));
    let ends = (asker, nd::solicited_node(camera));
    assert_eq!(ends.1.to_string(), "ff02::1:ff00:7");
    capture
        .other(
            "neighbor solicit",
            six(ends),
            ip::ICMPV6,
            false,
            nd::neighbor_solicit(ends, Some(CAMERA_MAC), camera),
        )
        .shows("icmpv6.type", 135)
        .shows("icmpv6.nd.ns.target_address", camera)
        .shows("icmpv6.opt.linkaddr", CAMERA_MAC);
    let ends = (Ipv6Addr::UNSPECIFIED, nd::solicited_node(camera));
    capture
        .other("neighbor check", six(ends), ip::ICMPV6, false, nd::neighbor_solicit(ends, None, camera))
        .shows("icmpv6.opt.linkaddr", "");
    let ends = (camera, asker);
    let answer = nd::neighbor_advertise(ends, CAMERA_MAC, camera, nd::SOLICITED | nd::OVERRIDE);
    capture
        .other("neighbor advertise", six(ends), ip::ICMPV6, false, answer)
        .shows("icmpv6.type", 136)
        .shows("icmpv6.nd.na.flag.r", 0)
        .shows("icmpv6.nd.na.flag.s", 1)
        .shows("icmpv6.nd.na.flag.o", 1)
        .shows("icmpv6.nd.na.target_address", camera);
    let ends = (camera, "ff02::2".parse().expect("an address"));
    capture
        .other("router solicit", six(ends), ip::ICMPV6, false, nd::router_solicit(ends, Some(CAMERA_MAC)))
        .shows("icmpv6.type", 133);
    let ends = (asker, "ff02::1".parse().expect("an address"));
    let router = nd::Router {
        mac: CAMERA_MAC,
        lifetime_s: 1_800,
        prefix: Some(("2001:db8:1::".parse().expect("an address"), 64)),
    };
    capture
        .other("router advertise", six(ends), ip::ICMPV6, false, nd::router_advertise(ends, &router))
        .shows("icmpv6.nd.ra.router_lifetime", 1_800)
        .shows("icmpv6.opt.prefix", "2001:db8:1::")
        .shows("icmpv6.opt.prefix.length", 64)
        .shows("icmpv6.opt.mtu", 1_500);
    let ends = (camera, asker);
    capture
        .other("echo", six(ends), ip::ICMPV6, false, icmpv6::echo(ends, false, (9, 1), b"abcdefgh"))
        .shows("icmpv6.echo.identifier", "0x0009")
        .shows(UNREAD, "6162636465666768");
}

fn basics(capture: &mut Capture) {
    let (camera, asker) = (Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(192, 0, 2, 50));
    let arp = Arp { is_reply: false, sender: (RECORDER_MAC, asker), target: (Mac::ZERO, camera) };
    let mut bytes = Vec::new();
    arp.write(&mut bytes);
    capture
        .typed("arp", Mac::BROADCAST, ethernet::ARP, bytes)
        .shows("arp.opcode", 1)
        .shows("arp.src.hw_mac", RECORDER_MAC)
        .shows("arp.src.proto_ipv4", asker)
        .shows("arp.dst.proto_ipv4", camera);
    let mut bytes = Vec::new();
    icmp::echo(true, 9, 2, b"abcdefgh", &mut bytes);
    capture
        .other("echo reply", (CAMERA, RECORDER), ip::ICMP, false, bytes)
        .shows("icmp.type", 0)
        .shows("icmp.ident", 9)
        .shows("icmp.seq", 2)
        .shows(UNREAD, "6162636465666768");
    let header =
        Header { source: RECORDER, destination: CAMERA, ttl: 64, id: 0, protocol: ip::UDP, is_alert: false };
    let (mut packet, mut bytes) = (Vec::new(), Vec::new());
    header.write(8, &mut packet);
    udp::write(&header, (40_000, 162), b"", &mut packet);
    icmp::unreachable(3, &packet, &mut bytes);
    capture
        .other("port unreachable", (CAMERA, RECORDER), ip::ICMP, false, bytes)
        .shows("icmp.code", 3)
        .shows("udp.dstport", 162);
    let ends = ("fe80::7".parse().expect("an address"), "fe80::1".parse().expect("an address"));
    capture
        .datagram("udp over six", six(ends), (123, 123), ntp::request(0))
        .shows("ipv6.src", "fe80::7")
        .shows("udp.checksum.status", 1)
        .shows("ntp.flags.mode", 3);
}

fn six((source, destination): (Ipv6Addr, Ipv6Addr)) -> (IpAddr, IpAddr) {
    (IpAddr::V6(source), IpAddr::V6(destination))
}
