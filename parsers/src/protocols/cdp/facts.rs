//! What one CDP frame tells of its sender.

use std::net::IpAddr;

use super::{Address, Frame, Power, Tlv};
use crate::identifier::{Identifier, before_zero};
use crate::vocabulary::{About, BindingBy, Envelope, Fact, Key, LinkPower, Malformed, Neighbor, Sink, Text};

/// Turns one frame into facts.
pub fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let frame = match Frame::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    if let Some(neighbor) = neighbor(&frame) {
        sink.fact(About::Sender, Fact::Neighbor(Box::new(neighbor)));
    }
    bind(&frame, envelope, sink);
    attributes(&frame, sink);
    for tlv in &frame.tlvs {
        if let Tlv::FullDuplex(is_full) = tlv {
            sink.fact(About::Sender, Fact::Duplex { is_full: *is_full });
        }
    }
    if let Some(power) = link_power(&frame) {
        sink.fact(About::Sender, Fact::LinkPower(power));
    }
    match frame.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

/// `None` where it does not say who sends, or from which port.
fn neighbor(frame: &Frame<'_>) -> Option<Neighbor> {
    let mut neighbor = Neighbor { ttl_s: frame.ttl_s.into(), ..Neighbor::default() };
    let (mut chassis, mut port, mut system) = (None, None, None);
    let (mut own, mut management) = (Vec::new(), Vec::new());
    for tlv in &frame.tlvs {
        match tlv {
            Tlv::DeviceId(id) => chassis = Some(Identifier::text_or_opaque(id).shown()),
            Tlv::PortId(id) => port = Some(Identifier::text_or_opaque(id).shown()),
            Tlv::SystemName(name) => system = Text::some(before_zero(name)),
            Tlv::Capabilities(bits) => neighbor.capabilities = capabilities(*bits),
            Tlv::NativeVlan(vlan @ 1..=4094) => neighbor.vlan = Some(*vlan),
            Tlv::Addresses(addresses) => own.extend(hosts(addresses)),
            Tlv::Management(addresses) => management.extend(hosts(addresses)),
            _ => {}
        }
    }
    neighbor.chassis = chassis.filter(|id| !id.is_empty())?;
    neighbor.port = port.filter(|id| !id.is_empty())?;
    neighbor.name = system.or_else(|| Some(neighbor.chassis.clone()));
    neighbor.management = if management.is_empty() { own } else { management };
    neighbor.management.truncate(MANAGEMENT_MAX);
    Some(neighbor)
}

/// The addresses of the port that sends are held by the MAC that sends; those for management may be elsewhere.
fn bind(frame: &Frame<'_>, envelope: &Envelope, sink: &mut Sink) {
    let Some(mac) = envelope.source_mac.filter(|mac| mac.is_device()) else { return };
    let own = frame.tlvs.iter().filter_map(|tlv| match tlv {
        Tlv::Addresses(addresses) => Some(hosts(addresses)),
        _ => None,
    });
    for ip in own.flatten().take(MANAGEMENT_MAX) {
        sink.fact(About::Sender, Fact::Binding { mac, ip, by: BindingBy::Management });
    }
}

/// The addresses that a host can hold.
fn hosts(addresses: &[Address<'_>]) -> impl Iterator<Item = IpAddr> {
    addresses.iter().filter_map(Address::ip).filter(|ip| {
        let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_broadcast)
    })
}

fn attributes(frame: &Frame<'_>, sink: &mut Sink) {
    let has_system_name =
        frame.tlvs.iter().any(|tlv| matches!(tlv, Tlv::SystemName(name) if !name.is_empty()));
    let mut say = |key, value: &[u8]| sink.attribute(About::Sender, key, before_zero(value));
    for tlv in &frame.tlvs {
        match tlv {
            Tlv::SystemName(text) => {
                say(Key::Name, text);
                say(Key::LldpName, text);
            }
            Tlv::DeviceId(text) if !has_system_name => {
                say(Key::Name, text);
                say(Key::LldpName, text);
            }
            Tlv::Version(text) => say(Key::LldpDescription, text),
            Tlv::Platform(text) => say(Key::CdpPlatform, text),
            Tlv::Location(text) => say(Key::Location, text),
            _ => {}
        }
    }
}

/// The same in the bits of 802.1AB, table 8-4.
fn capabilities(cdp: u32) -> u16 {
    let bits = [
        (REPEATER, 1 << 1),
        (TRANSPARENT_BRIDGE | SOURCE_ROUTE_BRIDGE | SWITCH, 1 << 2),
        (ROUTER, 1 << 4),
        (TELEPHONE, 1 << 5),
        (HOST, 1 << 7),
    ];
    bits.iter().filter(|(wanted, _)| cdp & wanted != 0).fold(0, |sum, (_, bit)| sum | bit)
}

/// Who offers power supplies it; who asks for some, or says what it takes, is powered.
fn link_power(frame: &Frame<'_>) -> Option<LinkPower> {
    let first = |power: &Power| power.levels_mw.first().copied().filter(|mw| *mw != 0 && *mw != u32::MAX);
    let available = frame.tlvs.iter().find_map(|tlv| match tlv {
        Tlv::PowerAvailable(power) => first(power),
        _ => None,
    });
    if available.is_some() {
        return Some(LinkPower { supplies: true, allocated_mw: available, ..LinkPower::default() });
    }
    let requested = frame.tlvs.iter().find_map(|tlv| match tlv {
        Tlv::PowerRequested(power) => first(power),
        _ => None,
    });
    let consumed = frame.tlvs.iter().find_map(|tlv| match tlv {
        Tlv::PowerConsumption(mw) => Some(u32::from(*mw)).filter(|mw| *mw != 0),
        _ => None,
    });
    let requested_mw = requested.or(consumed);
    requested_mw.is_some().then_some(LinkPower { supplies: false, requested_mw, ..LinkPower::default() })
}

/// More than any device has ports with addresses.
const MANAGEMENT_MAX: usize = 64;
const ROUTER: u32 = 0x01;
const TRANSPARENT_BRIDGE: u32 = 0x02;
const SOURCE_ROUTE_BRIDGE: u32 = 0x04;
const SWITCH: u32 = 0x08;
const HOST: u32 = 0x10;
const REPEATER: u32 = 0x40;
const TELEPHONE: u32 = 0x80;

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::*;
    use crate::vocabulary::Mac;

    const PORT: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn observed(envelope: &Envelope, bytes: &[u8]) -> (Vec<Fact>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(envelope, bytes, &mut sink);
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        (sink.facts.into_iter().map(|(_, fact)| fact).collect(), result)
    }

    fn facts(tlvs: &[u8]) -> Vec<Fact> {
        let envelope = Envelope { source_mac: Some(PORT), ..Envelope::default() };
        let (facts, result) = observed(&envelope, &frame(tlvs));
        result.unwrap();
        facts
    }

    fn attribute(key: Key, value: &str) -> Fact {
        Fact::Attribute { key, value: value.into() }
    }

    const OWN: &[u8] = b"\0\x02\0\x11\0\0\0\x01\x01\x01\xcc\0\x04\xc0\0\x02\x05";
    const MANAGEMENT: &[u8] = b"\0\x16\0\x11\0\0\0\x01\x01\x01\xcc\0\x04\xc0\0\x02\x06";

    #[test]
    fn switch_tells_name_addresses_vlan_and_software() {
        let tlvs =
            [OWN, MANAGEMENT, b"\0\x04\0\x08\0\0\0\x29\0\x0a\0\x06\0\x14\0\x05\0\x07IOS\0\x06\0\x06C2"]
                .concat();
        let neighbor = Neighbor {
            chassis: "sw1".into(),
            port: "Gi1/7".into(),
            name: Some("sw1".into()),
            ttl_s: 180,
            capabilities: 1 << 2 | 1 << 4,
            management: vec!["192.0.2.6".parse().unwrap()],
            vlan: Some(20),
            ..Neighbor::default()
        };
        let ip = "192.0.2.5".parse().unwrap();
        let expected = [
            Fact::Neighbor(Box::new(neighbor)),
            Fact::Binding { mac: PORT, ip, by: BindingBy::Management },
            attribute(Key::Name, "sw1"),
            attribute(Key::LldpName, "sw1"),
            attribute(Key::LldpDescription, "IOS"),
            attribute(Key::CdpPlatform, "C2"),
        ];
        assert_eq!(facts(&tlvs), expected);
    }

    #[test]
    fn system_name_is_a_better_name_than_the_device_id() {
        let facts = facts(b"\0\x14\0\x08gate");
        assert!(
            matches!(&facts[0], Fact::Neighbor(it) if it.name == Some("gate".into()) && it.chassis.as_str() == "sw1")
        );
        assert_eq!(facts[1..], [attribute(Key::Name, "gate"), attribute(Key::LldpName, "gate")]);
    }

    #[test]
    fn duplex_is_told() {
        assert_eq!(facts(b"\0\x0b\0\x05\0")[3..], [Fact::Duplex { is_full: false }]);
    }

    #[test]
    fn who_offers_power_supplies_it_and_who_takes_some_is_powered() {
        let supplied = LinkPower { supplies: true, allocated_mw: Some(15_400), ..LinkPower::default() };
        let offer = b"\0\x1a\0\x10\0\x07\0\x01\0\0\x3c\x28\xff\xff\xff\xff";
        assert_eq!(facts(offer)[3..], [Fact::LinkPower(supplied)]);
        let powered = |mw| LinkPower { requested_mw: Some(mw), ..LinkPower::default() };
        let request = b"\0\x10\0\x06\x18\x9c\0\x19\0\x0c\0\x07\0\x01\0\0\x3c\x28";
        assert_eq!(facts(request)[3..], [Fact::LinkPower(powered(15_400))]);
        assert_eq!(facts(&request[..6])[3..], [Fact::LinkPower(powered(6_300))]);
    }

    #[test]
    fn frame_that_does_not_say_who_sends_is_no_neighbor() {
        let (facts, result) = observed(&Envelope::default(), b"\x02\xb4\0\0\0\x03\0\x09Gi1/7");
        assert_eq!((facts, result), (vec![], Ok(())));
    }

    #[test]
    fn damage_does_not_hide_what_stands_before_it() {
        let (facts, result) = observed(&Envelope::default(), &frame(b"\0\x05\0\x09IOS"));
        assert_eq!((facts.len(), result), (3, Err(Malformed::Truncated { field: "TLV" })));
    }

    #[test]
    fn frame_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        let (facts, result) = observed(&cut, &frame(b"\0\x05\0\x09IOS"));
        assert_eq!((facts.len(), result), (3, Ok(())));
        assert_eq!(observed(&cut, b"\x02\xb4"), (vec![], Ok(())));
    }
}
