//! What makes two frames one flow: [`Key`].

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spanwatch_parsers::Mac;

/// The two ends of a flow, the lower one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    low: End,
    high: End,
    kind: Kind,
    segment: u16,
}

/// An address of 16 bytes in two halves, which are aligned as the rest is.
type End = [u64; 2];

/// What the ends speak, and by which ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4, by protocol number and the ports of both ends.
    V4(u8, u16, u16),
    /// IPv6, by the same.
    V6(u8, u16, u16),
    /// No IP, by EtherType; one flow for each direction.
    EtherType(u16),
    /// No IP, by LLC service access points; one flow for each direction.
    Llc(u8, u8),
    /// No IP, by an organization's own protocol; one flow for each direction.
    Snap([u8; 3], u16),
}

impl Key {
    /// The key of a packet, and whether its sender is the lower end. `source_mac` stands for a sender
    /// without an address.
    #[must_use]
    pub fn ip(
        ips: (IpAddr, IpAddr),
        ports: (u16, u16),
        protocol: u8,
        source_mac: Option<Mac>,
    ) -> (Self, bool) {
        let source = if is_nobodys(ips.0) { mac_word(source_mac) } else { word(ips.0) };
        let from = (source, ports.0);
        let to = (word(ips.1), ports.1);
        let is_low = from <= to;
        let ((low, low_port), (high, high_port)) = if is_low { (from, to) } else { (to, from) };
        let kind = match ips.0 {
            IpAddr::V4(_) => Kind::V4(protocol, low_port, high_port),
            IpAddr::V6(_) => Kind::V6(protocol, low_port, high_port),
        };
        (Self { low: halves(low), high: halves(high), kind, segment: 0 }, is_low)
    }

    /// The key of a frame without IP; its sender always is the lower end.
    #[must_use]
    pub fn link(source: Option<Mac>, destination: Option<Mac>, kind: Kind) -> Self {
        let [low, high] = [source, destination].map(|mac| halves(mac_word(mac)));
        Self { low, high, kind, segment: 0 }
    }

    /// The IP protocol number.
    #[must_use]
    pub const fn protocol(&self) -> Option<u8> {
        match self.kind {
            Kind::V4(protocol, ..) | Kind::V6(protocol, ..) => Some(protocol),
            _ => None,
        }
    }

    /// Whether it is one of TCP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.protocol() == Some(TCP)
    }

    /// The address and the port of an end; no address and 0 where it has none.
    #[must_use]
    pub fn end(&self, is_low: bool) -> (Option<IpAddr>, u16) {
        let [low, high] = if is_low { self.low } else { self.high };
        let (is_v4, low_port, high_port) = match self.kind {
            Kind::V4(_, low_port, high_port) => (true, low_port, high_port),
            Kind::V6(_, low_port, high_port) => (false, low_port, high_port),
            _ => return (None, 0),
        };
        let ip: IpAddr = match (is_v4, high == MAC_HIGH) {
            (true, true) => Ipv4Addr::UNSPECIFIED.into(),
            // The lower half of its place in IPv6.
            (true, false) => Ipv4Addr::from_bits(low as u32).into(),
            (false, true) => Ipv6Addr::UNSPECIFIED.into(),
            (false, false) => Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into(),
        };
        (Some(ip), if is_low { low_port } else { high_port })
    }

    /// A number that few others have, sooner found than a hash. Anybody can make others that have it: it is a hint.
    #[must_use]
    pub const fn gist(&self) -> u64 {
        let ([low, low_high], [high, high_high]) = (self.low, self.high);
        let kind = match self.kind {
            Kind::V4(_, low_port, high_port) | Kind::V6(_, low_port, high_port) => {
                (low_port as u64) << 16 | high_port as u64
            }
            Kind::EtherType(_) | Kind::Llc(..) | Kind::Snap(..) => 0,
        };
        low ^ high.rotate_left(21) ^ (low_high ^ high_high).rotate_left(42) ^ kind << 32
    }

    /// The same ends in a VLAN of their own, where another flow has the plain key.
    #[must_use]
    pub fn in_segment(self, vlan: Option<u16>) -> Self {
        Self { segment: vlan.unwrap_or(0).saturating_add(1), ..self }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for [low, high] in [self.low, self.high] {
            state.write_u128(u128::from(high) << 64 | u128::from(low));
        }
        let kind = match self.kind {
            Kind::V4(protocol, low, high) | Kind::V6(protocol, low, high) => {
                u64::from(protocol) << 32 | u64::from(low) << 16 | u64::from(high)
            }
            Kind::EtherType(kind) => 1 << 40 | u64::from(kind),
            Kind::Llc(dsap, ssap) => 2 << 40 | u64::from(dsap) << 8 | u64::from(ssap),
            Kind::Snap(_, kind) => 3 << 40 | u64::from(kind),
        };
        state.write_u64(kind << 16 | u64::from(self.segment));
    }
}

const fn halves(word: u128) -> End {
    [word as u64, (word >> 64) as u64]
}

fn word(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => V4 | u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// Whether a sender cannot be known by his address: he has none yet, or one in the place of MACs.
fn is_nobodys(ip: IpAddr) -> bool {
    ip.is_unspecified() || (word(ip) >> 64) as u64 == MAC_HIGH
}

fn mac_word(mac: Option<Mac>) -> u128 {
    let [a, b, c, d, e, f] = mac.unwrap_or_default().0;
    MAC | u128::from(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// ::ffff:0:0/96, the place of IPv4 in IPv6 (RFC 4291, 2.5.5.2).
const V4: u128 = 0xffff_0000_0000;

/// 100::/64, which discards (RFC 6666): no host has such an address.
const MAC: u128 = 0x0100 << 112;
const MAC_HIGH: u64 = (MAC >> 64) as u64;

/// IP protocol number.
const TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let (a, b): (IpAddr, IpAddr) = ("192.0.2.7".parse().unwrap(), "192.0.2.9".parse().unwrap());
        let (there, there_low) = Key::ip((a, b), (5000, 80), 6, None);
        let (back, back_low) = Key::ip((b, a), (80, 5000), 6, None);
        assert_eq!((there, there_low), (back, !back_low));
    }

    #[test]
    fn talk_to_oneself_has_directions_by_port() {
        let a: IpAddr = "::1".parse().unwrap();
        assert_ne!(Key::ip((a, a), (5000, 80), 6, None).1, Key::ip((a, a), (80, 5000), 6, None).1);
    }

    #[test]
    fn sender_without_address_is_known_by_his_mac() {
        let ips: (IpAddr, IpAddr) = ("0.0.0.0".parse().unwrap(), "255.255.255.255".parse().unwrap());
        let of = |mac| Key::ip(ips, (68, 67), 17, Some(Mac([2, 0, 0, 0, 0, mac]))).0;
        assert_ne!(of(1), of(2));
        let (key, is_low) = Key::ip(ips, (68, 67), 17, Some(Mac([2, 0, 0, 0, 0, 1])));
        assert_eq!((key.end(is_low), key.end(!is_low)), ((Some(ips.0), 68), (Some(ips.1), 67)));
    }

    #[test]
    fn ends_are_the_addresses_and_ports_that_went_in() {
        let pairs = [
            ("192.0.2.7", "198.51.100.9"),
            ("0.0.0.0", "192.0.2.1"),
            ("192.0.2.1", "0.0.0.0"),
            ("2001:db8::7", "ff02::1"),
            ("fe80::1", "fe80::2"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.9"),
            ("::", "ff02::1:ff00:7"),
        ];
        for (from, to) in pairs {
            let ips: (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let (key, is_low) = Key::ip(ips, (5_000, 80), 17, Some(Mac([2, 0, 0, 0, 0, 1])));
            assert_eq!(key.end(is_low), (Some(ips.0), 5_000), "{from}");
            assert_eq!(key.end(!is_low), (Some(ips.1), 80), "{to}");
        }
        let link = Key::link(Some(Mac([2, 0, 0, 0, 0, 1])), None, Kind::EtherType(0x88cc));
        assert_eq!([true, false].map(|it| link.end(it)), [(None, 0); 2]);
    }

    #[test]
    fn mapped_addresses_are_others_than_those_they_map() {
        let of =
            |from: &str, to: &str| Key::ip((from.parse().unwrap(), to.parse().unwrap()), (1, 2), 6, None).0;
        assert_ne!(of("192.0.2.7", "192.0.2.9"), of("::ffff:192.0.2.7", "::ffff:192.0.2.9"));
    }
}
