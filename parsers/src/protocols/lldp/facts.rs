//! What one LLDP frame tells of its sender.

use std::net::IpAddr;

use super::{Frame, Management, Tlv, ieee, med};
use crate::identifier::before_zero;
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
    if let Some(power) = link_power(&frame) {
        sink.fact(About::Sender, Fact::LinkPower(power));
    }
    for tlv in &frame.tlvs {
        if let Tlv::Ieee(ieee::Tlv::MacPhy(link)) = tlv
            && let Some((mbps, is_full)) = link.link()
        {
            sink.fact(About::Sender, Fact::LinkSpeed { mbps });
            sink.fact(About::Sender, Fact::Duplex { is_full });
        }
    }
    match frame.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

/// `None` where the mandatory part is not whole.
fn neighbor(frame: &Frame<'_>) -> Option<Neighbor> {
    let (chassis, port) = (frame.chassis()?.id, frame.port()?.id);
    let mut neighbor = Neighbor {
        chassis: chassis.shown(),
        mac: chassis.mac(),
        port: port.shown(),
        ttl_s: frame.ttl_s()?,
        ..Neighbor::default()
    };
    for tlv in &frame.tlvs {
        match tlv {
            Tlv::PortDescription(text) => neighbor.port_description = Text::some(before_zero(text)),
            Tlv::SystemName(text) => neighbor.name = Text::some(before_zero(text)),
            Tlv::Capabilities { enabled, .. } => neighbor.capabilities = *enabled,
            Tlv::Management(management) if neighbor.management.len() < MANAGEMENT_MAX => {
                neighbor.management.extend(management.ip());
            }
            Tlv::Ieee(ieee::Tlv::PortVlan(vlan @ 1..=4094)) => neighbor.vlan = Some(*vlan),
            _ => {}
        }
    }
    Some(neighbor)
}

/// The management addresses belong to the chassis; where that is not named by a
/// MAC, the port's or the frame's stands for it.
fn bind(frame: &Frame<'_>, envelope: &Envelope, sink: &mut Sink) {
    let named = [frame.chassis(), frame.port()].into_iter().flatten().find_map(|id| id.id.mac());
    let Some(mac) = named.filter(|mac| mac.is_device()).or(envelope.source_mac) else { return };
    let addresses = frame.tlvs.iter().filter_map(|tlv| match tlv {
        Tlv::Management(management) => management_host(management),
        _ => None,
    });
    for ip in addresses.take(MANAGEMENT_MAX) {
        sink.fact(About::Sender, Fact::Binding { mac, ip, by: BindingBy::Management });
    }
}

/// The address, where a host can hold it.
fn management_host(management: &Management<'_>) -> Option<IpAddr> {
    let ip = management.ip()?;
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let is_host = !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_broadcast);
    is_host.then_some(ip)
}

fn attributes(frame: &Frame<'_>, sink: &mut Sink) {
    let mut say = |key, value: &[u8]| sink.attribute(About::Sender, key, before_zero(value));
    let is_said = |text: &[u8]| Text::some(before_zero(text)).is_some_and(|text| !text.is_placeholder());
    let has_software =
        frame.tlvs.iter().any(|tlv| matches!(tlv, Tlv::Med(med::Tlv::Software(text)) if is_said(text)));
    for tlv in &frame.tlvs {
        match tlv {
            Tlv::SystemName(text) => {
                say(Key::Name, text);
                say(Key::LldpName, text);
            }
            Tlv::SystemDescription(text) => say(Key::LldpDescription, text),
            Tlv::Med(med::Tlv::Hardware(text)) => say(Key::Hardware, text),
            // The firmware revision is the boot loader's where a software revision stands beside it.
            Tlv::Med(med::Tlv::Firmware(text)) if !has_software => say(Key::Firmware, text),
            Tlv::Med(med::Tlv::Software(text)) => say(Key::Firmware, text),
            Tlv::Med(med::Tlv::Serial(text)) => say(Key::Serial, text),
            Tlv::Med(med::Tlv::Manufacturer(text)) => say(Key::Vendor, text),
            Tlv::Med(med::Tlv::Model(text)) => say(Key::Model, text),
            Tlv::Med(med::Tlv::Asset(text)) => say(Key::Asset, text),
            Tlv::Med(med::Tlv::Location(med::Location::Civic(civic))) => {
                say(Key::Location, address(civic).as_bytes());
            }
            _ => {}
        }
    }
}

/// The parts in the order sent, the country last.
fn address(civic: &med::Civic<'_>) -> String {
    let parts = civic.parts.iter().map(|(_, text)| *text).chain([civic.country]);
    let texts: Vec<_> =
        parts.filter_map(|text| Text::some(before_zero(text))).map(|text| text.to_string()).collect();
    texts.join(", ")
}

/// Power as 802.3 says it, what is missing filled in from LLDP-MED.
fn link_power(frame: &Frame<'_>) -> Option<LinkPower> {
    let by_ieee = frame.tlvs.iter().find_map(|tlv| match tlv {
        Tlv::Ieee(ieee::Tlv::Power(power)) => Some(power.link_power()),
        _ => None,
    });
    let by_med = frame.tlvs.iter().find_map(|tlv| match tlv {
        Tlv::Med(med::Tlv::Power(power)) => Some(*power),
        _ => None,
    });
    let Some((by_med, supplies)) = by_med.and_then(|power| power.is_pse().map(|pse| (power, pse))) else {
        return by_ieee;
    };
    let mut power = by_ieee.unwrap_or(LinkPower { supplies, ..LinkPower::default() });
    let said_mw = Some(u32::from(by_med.value_dw).saturating_mul(100)).filter(|mw| *mw != 0);
    match (supplies, power.supplies) {
        (true, true) => power.allocated_mw = power.allocated_mw.or(said_mw),
        (false, false) => power.requested_mw = power.requested_mw.or(said_mw),
        _ => {}
    }
    Some(power)
}

/// More than any device has ports with addresses.
const MANAGEMENT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::tests::{MAC, frame};
    use super::*;
    use crate::vocabulary::Mac;
    use std::net::Ipv4Addr;

    fn observed(envelope: &Envelope, bytes: &[u8]) -> (Vec<Fact>, Result<(), Malformed>) {
        let mut sink = Sink::default();
        let result = observe(envelope, bytes, &mut sink);
        assert!(sink.facts.iter().all(|(about, _)| *about == About::Sender));
        (sink.facts.into_iter().map(|(_, fact)| fact).collect(), result)
    }

    fn facts(tlvs: &[u8]) -> Vec<Fact> {
        let (facts, result) = observed(&Envelope::default(), &frame(tlvs));
        result.unwrap();
        facts
    }

    fn attribute(key: Key, value: &str) -> Fact {
        Fact::Attribute { key, value: value.into() }
    }

    const MANAGEMENT: &[u8] = b"\x10\x0c\x05\x01\xc0\0\x02\x05\x02\0\0\0\x07\0";

    #[test]
    fn switch_tells_name_address_and_vlan() {
        let tlvs =
            [b"\x08\x03up1\x0a\x02s1\x0e\x04\0\x14\0\x04", MANAGEMENT, b"\xfe\x06\0\x80\xc2\x01\0\x14\0\0"]
                .concat();
        let ip = Ipv4Addr::new(192, 0, 2, 5).into();
        let neighbor = Neighbor {
            chassis: "02:00:00:00:00:5a".into(),
            mac: Some(MAC),
            port: "g1".into(),
            port_description: Some("up1".into()),
            name: Some("s1".into()),
            ttl_s: 120,
            capabilities: 4,
            management: vec![ip],
            vlan: Some(20),
        };
        let expected = [
            Fact::Neighbor(Box::new(neighbor)),
            Fact::Binding { mac: MAC, ip, by: BindingBy::Management },
            attribute(Key::Name, "s1"),
            attribute(Key::LldpName, "s1"),
        ];
        assert_eq!(facts(&tlvs), expected);
    }

    #[test]
    fn goodbye_is_a_neighbor_without_time() {
        let bytes = b"\x02\x07\x04\x02\0\0\0\0\x5a\x04\x03\x05g1\x06\x02\0\0\0\0";
        let (facts, result) = observed(&Envelope::default(), bytes);
        assert!(matches!(facts.as_slice(), [Fact::Neighbor(neighbor)] if neighbor.ttl_s == 0));
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn chassis_without_a_mac_is_bound_by_its_frame() {
        let bytes = [b"\x02\x03\x07s1\x04\x03\x05g1\x06\x02\0\x78", MANAGEMENT].concat();
        let source = Mac([2, 0, 0, 0, 0, 9]);
        let (facts, _) = observed(&Envelope { source_mac: Some(source), ..Envelope::default() }, &bytes);
        let bound = facts.iter().any(|fact| matches!(fact, Fact::Binding { mac, .. } if *mac == source));
        assert!(bound);
        let (facts, _) = observed(&Envelope::default(), &bytes);
        assert!(!facts.iter().any(|fact| matches!(fact, Fact::Binding { .. })));
    }

    #[test]
    fn inventory_gives_attributes() {
        let tlvs = b"\xfe\x06\0\x12\xbb\x05H1\xfe\x06\0\x12\xbb\x06B1\xfe\x06\0\x12\xbb\x07F2\
            \xfe\x06\0\x12\xbb\x08S3\xfe\x06\0\x12\xbb\x09Ac\xfe\x06\0\x12\xbb\x0aM4\xfe\x06\0\x12\xbb\x0bA5";
        let expected = [
            attribute(Key::Hardware, "H1"),
            attribute(Key::Firmware, "F2"),
            attribute(Key::Serial, "S3"),
            attribute(Key::Vendor, "Ac"),
            attribute(Key::Model, "M4"),
            attribute(Key::Asset, "A5"),
        ];
        assert_eq!(facts(tlvs)[1..], expected);
    }

    #[test]
    fn boot_loader_is_the_firmware_where_no_software_is_said() {
        let tlvs = b"\xfe\x06\0\x12\xbb\x06B1\xfe\x05\0\x12\xbb\x07 ";
        assert_eq!(facts(tlvs)[1..], [attribute(Key::Firmware, "B1")]);
    }

    #[test]
    fn what_a_switch_left_behind_a_zero_is_not_told() {
        assert_eq!(facts(b"\xfe\x09\0\x12\xbb\x0b1\0\x0a\xff\0")[1..], [attribute(Key::Asset, "1")]);
    }

    #[test]
    fn civic_address_is_a_location() {
        let tlvs = b"\xfe\x0e\0\x12\xbb\x03\x02\x08\x02DE\x03\x03Ulm\0\0";
        assert_eq!(facts(tlvs)[1..], [attribute(Key::Location, "Ulm, DE")]);
    }

    #[test]
    fn power_of_both_sources_is_one_fact() {
        let tlvs = b"\xfe\x07\0\x12\x0f\x02\x07\x01\x05\xfe\x07\0\x12\xbb\x04\x01\0\x41";
        let expected =
            LinkPower { supplies: true, class: Some(4), requested_mw: None, allocated_mw: Some(6500) };
        assert_eq!(facts(tlvs)[1..], [Fact::LinkPower(expected)]);
        let alone = LinkPower { supplies: false, requested_mw: Some(6500), ..LinkPower::default() };
        assert_eq!(facts(b"\xfe\x07\0\x12\xbb\x04\x41\0\x41")[1..], [Fact::LinkPower(alone)]);
    }

    #[test]
    fn link_tells_speed_and_duplex() {
        let told = [Fact::LinkSpeed { mbps: 100 }, Fact::Duplex { is_full: false }];
        assert_eq!(facts(b"\xfe\x09\0\x12\x0f\x01\x03\x6c\x01\0\x0f")[1..], told);
    }

    #[test]
    fn damage_does_not_hide_what_stands_before_it() {
        let (facts, result) = observed(&Envelope::default(), &frame(b"\x0a\x02s1\x0c\x09OS"));
        assert_eq!(facts[1..], [attribute(Key::Name, "s1"), attribute(Key::LldpName, "s1")]);
        assert_eq!(result, Err(Malformed::Truncated { field: "TLV" }));
    }

    #[test]
    fn frame_that_the_capture_cut_is_not_malformed() {
        let cut = Envelope { is_cut: true, ..Envelope::default() };
        let bytes = frame(b"\x0a\x02s1\x0c\x09OS");
        let (facts, result) = observed(&cut, &bytes);
        assert_eq!((facts.len(), result), (3, Ok(())));
        assert_eq!(observed(&cut, &bytes[..11]), (vec![], Ok(())));
        assert_eq!(observed(&cut, &bytes[..1]), (vec![], Ok(())));
    }

    #[test]
    fn management_address_that_nobody_holds_is_not_bound() {
        let tlvs = b"\x10\x0c\x05\x01\0\0\0\0\x02\0\0\0\x07\0";
        assert!(!facts(tlvs).iter().any(|fact| matches!(fact, Fact::Binding { .. })));
    }
}
