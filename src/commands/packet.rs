//! A packet in a line, for people: who to whom, and what kind of thing. No payload is told.

use std::net::{IpAddr, Ipv4Addr};

use spanwatch_engine::peel::{Network, Peeled};

/// What a frame is; `bytes` as they were captured.
pub fn told(peeled: &Peeled, bytes: &[u8]) -> String {
    let layers = &peeled.layers;
    let inside = peeled.bytes(bytes);
    let at = usize::try_from(layers.transport_at).unwrap_or(usize::MAX);
    let rest = inside.get(at..).unwrap_or_default();
    let macs = || {
        let mac =
            |mac: Option<spanwatch_parsers::Mac>| mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
        format!("{} to {}", mac(layers.source_mac), mac(layers.destination_mac))
    };
    match (layers.network, layers.ips) {
        (Network::Ip, Some((from, to))) => packet(layers.protocol, (from, to), rest),
        (Network::EtherType(ARP), _) => arp(rest).unwrap_or_else(|| format!("ARP {}", macs())),
        (Network::EtherType(kind), _) => match ETHER_TYPES.iter().find(|(number, _)| *number == kind) {
            Some((_, name)) => format!("{name} {}", macs()),
            None => format!("type {kind:#06x} {}", macs()),
        },
        (Network::Llc { dsap: STP, .. }, _) => format!("STP {}", macs()),
        (Network::Snap { oui: CISCO, kind: 0x2000 }, _) => format!("CDP {}", macs()),
        _ => format!("Ethernet {}", macs()),
    }
}

fn packet(protocol: u8, (from, to): (IpAddr, IpAddr), rest: &[u8]) -> String {
    let ports = || match rest {
        [a, b, c, d, ..] => Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => None,
    };
    match (protocol, ports()) {
        (TCP, Some((source, target))) => {
            let flags = rest.get(13).map(|flags| self::flags(*flags)).unwrap_or_default();
            format!("TCP {} to {}{}{flags}", end(from, source), end(to, target), named(source, target))
        }
        (UDP, Some((source, target))) => {
            format!("UDP {} to {}{}", end(from, source), end(to, target), named(source, target))
        }
        (ICMP, _) => {
            let kind = match rest.first() {
                Some(0) => "answer to a ping",
                Some(3) => "unreachable",
                Some(8) => "ping",
                Some(11) => "too many hops",
                _ => "ICMP",
            };
            format!("ICMP {from} to {to}, {kind}")
        }
        (ICMPV6, _) => {
            let kind = match rest.first() {
                Some(133) => "asks for routers",
                Some(134) => "router announcement",
                Some(135) => "asks for a neighbour",
                Some(136) => "neighbour announcement",
                _ => "ICMPv6",
            };
            format!("ICMPv6 {from} to {to}, {kind}")
        }
        (2, _) => format!("IGMP {from} to {to}"),
        (protocol, _) => format!("IP protocol {protocol}, {from} to {to}"),
    }
}

/// RFC 826, IPv4 over Ethernet.
fn arp(rest: &[u8]) -> Option<String> {
    let ip = |at: usize| rest.get(at..)?.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip));
    let (asker, wanted) = (ip(14)?, ip(24)?);
    Some(match rest.get(6..8)? {
        [0, 2] => format!("ARP {asker} says where it is, to {wanted}"),
        _ if asker == wanted => format!("ARP {asker} says that it is there"),
        _ => format!("ARP {asker} asks who has {wanted}"),
    })
}

fn end(ip: IpAddr, port: u16) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    }
}

fn named(source: u16, target: u16) -> String {
    let name = |port: u16| PORTS.iter().find(|(number, _)| *number == port).map(|(_, name)| *name);
    name(target).or_else(|| name(source)).map_or_else(String::new, |name| format!(", {name}"))
}

/// RFC 9293, 3.1.
fn flags(flags: u8) -> String {
    let names = [(2, "SYN"), (16, "ACK"), (8, "PSH"), (1, "FIN"), (4, "RST")];
    let set: Vec<&str> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    format!(" [{}]", set.join(" "))
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const ARP: u16 = 0x0806;
/// IEEE 802.1D, 7.12.3.
const STP: u8 = 0x42;
const CISCO: [u8; 3] = [0, 0, 0x0c];
/// By their usual port (IANA), which is what a person looks for; what it is indeed the parsers tell.
const PORTS: &[(u16, &str)] = &[
    (22, "SSH"),
    (23, "Telnet"),
    (53, "DNS"),
    (67, "DHCP"),
    (68, "DHCP"),
    (80, "HTTP"),
    (123, "NTP"),
    (161, "SNMP"),
    (443, "HTTPS"),
    (514, "syslog"),
    (547, "DHCPv6"),
    (554, "RTSP"),
    (1_900, "SSDP"),
    (3_702, "WS-Discovery"),
    (5_060, "SIP"),
    (5_353, "mDNS"),
];
const ETHER_TYPES: &[(u16, &str)] =
    &[(0x88cc, "LLDP"), (0x888e, "802.1X"), (0x88e3, "MRP"), (0x8899, "loop protection"), (0x8863, "PPPoE")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_in_a_line() {
        let ends = ([192, 0, 2, 10].into(), [192, 0, 2, 51].into());
        let mut segment = [0_u8; 20];
        segment[..4].copy_from_slice(&[0xc0, 0x01, 0x02, 0x2a]);
        segment[13] = 0x12;
        assert_eq!(packet(TCP, ends, &segment), "TCP 192.0.2.10:49153 to 192.0.2.51:554, RTSP [SYN ACK]");
        assert_eq!(packet(UDP, ends, &[0, 68, 0, 67]), "UDP 192.0.2.10:68 to 192.0.2.51:67, DHCP");
        assert_eq!(packet(TCP, ends, &[0, 1]), "IP protocol 6, 192.0.2.10 to 192.0.2.51");
        assert_eq!(packet(ICMP, ends, &[]), "ICMP 192.0.2.10 to 192.0.2.51, ICMP");
    }

    #[test]
    fn arp_is_told_and_cut_short_is_none() {
        let mut asked = [0_u8; 28];
        asked[7] = 1;
        asked[14..18].copy_from_slice(&[192, 0, 2, 10]);
        asked[24..].copy_from_slice(&[192, 0, 2, 51]);
        assert_eq!(arp(&asked).unwrap(), "ARP 192.0.2.10 asks who has 192.0.2.51");
        assert_eq!(arp(&asked[..27]), None);
    }
}
