//! What one SNMP message tells of who sent it.
//!
//! ```text
//! system      1.3.6.1.2.1.1.(1 description, 3 uptime, 5 name, 6 location).0
//! entPhysical 1.3.6.1.2.1.47.1.1.1.1.(8 hardware, 9 firmware, 10 software, 11 serial number, 12 maker, 13 model).index
//! address     1.3.6.1.6.3.18.1.3.0, who sent a notification that somebody passed on
//! ```
//!
//! A device speaks of itself in answers and notifications; what is asked of it proves nothing. Who answers
//! from port 162 acknowledges a notification by repeating it. Of the physical entities only the first is the
//! device, or with Cisco's numbers 1001; the others are its modules. Its firmware is its boot loader, except
//! where the same message says that there is no software.
//!
//! Source: RFC 3418; RFC 6933; RFC 3584, 4; RFC 3416, 4.2.7.

use std::net::{IpAddr, Ipv4Addr};

use super::notice::notice;
use super::{Binding, IP_ADDRESS, Message, Pdu, PduKind, Security, TIME_TICKS};
use crate::ber::{OCTET_STRING, Oid};
use crate::time::Span;
use crate::vocabulary::{About, Envelope, Fact, Key, Malformed, Sink, Text};

/// Turns one message into facts.
pub fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = match Message::parse(bytes) {
        Err(Malformed::Truncated { .. }) if envelope.is_cut => return Ok(()),
        read => read?,
    };
    if let Security::Engine(engine) = message.security
        && is_authoritative(&message, envelope)
        && !engine.id.is_empty()
        && engine.boots > 0
    {
        let uptime = Span::seconds(engine.time_s.into());
        sink.fact(About::Sender, Fact::Uptime { uptime, boots: Some(engine.boots) });
    }
    if let Some(pdu) = message.pdu.as_ref().filter(|pdu| is_about_its_sender(pdu.kind, envelope)) {
        if pdu.kind == PduKind::RESPONSE {
            sink.fact(About::Sender, Fact::Service { protocol: "snmp" });
        }
        if let Security::Community { is_default } = message.security {
            sink.fact(About::Sender, Fact::ClearSecret { is_default });
        }
        told(pdu, speaker(pdu, envelope), sink);
    }
    match message.damage {
        Some(Malformed::Truncated { .. }) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

fn told(pdu: &Pdu<'_>, about: About, sink: &mut Sink) {
    if let Some(notice) = notice(pdu) {
        sink.fact(about, Fact::Notice(Box::new(notice)));
    }
    let uptime_cs = pdu.trap.map(|trap| trap.uptime_cs).or_else(|| {
        let binding = pdu.bindings.iter().find(|it| it.name == Oid(UPTIME) && it.value.tag == TIME_TICKS)?;
        u32::try_from(binding.value.unsigned()?).ok()
    });
    if let Some(uptime_cs) = uptime_cs {
        let uptime = Span::millis(i64::from(uptime_cs).saturating_mul(10));
        sink.fact(about, Fact::Uptime { uptime, boots: None });
    }
    let has_software = pdu.bindings.iter().any(|it| {
        entity(it).is_some_and(|column| column == SOFTWARE) && Text::some(it.value.value).is_some()
    });
    let is_software_asked = pdu.bindings.iter().any(|it| entity(it).is_some_and(|column| column == SOFTWARE));
    for binding in pdu.bindings.iter().filter(|it| it.value.tag == OCTET_STRING) {
        let value = binding.value.value;
        if let Some(column) = entity(binding) {
            match column {
                HARDWARE => sink.attribute(about, Key::Hardware, value),
                FIRMWARE if is_software_asked && !has_software => sink.attribute(about, Key::Firmware, value),
                SOFTWARE => sink.attribute(about, Key::Firmware, value),
                SERIAL => sink.attribute(about, Key::Serial, value),
                MAKER => sink.attribute(about, Key::Vendor, value),
                MODEL => sink.attribute(about, Key::Model, value),
                _ => {}
            }
        } else if let Some([column, 0]) = binding.name.behind(SYSTEM).map(|column| column.0) {
            match *column {
                DESCRIPTION => sink.attribute(about, Key::LldpDescription, value),
                NAME => {
                    sink.attribute(about, Key::Name, value);
                    sink.attribute(about, Key::LldpName, value);
                }
                LOCATION => sink.attribute(about, Key::Location, value),
                _ => {}
            }
        }
    }
}

/// Of which device a notification speaks: whoever passed it on left the sender's address in it.
fn speaker(pdu: &Pdu<'_>, envelope: &Envelope) -> About {
    let passed_on = pdu.bindings.iter().find(|it| it.name == Oid(ADDRESS) && it.value.tag == IP_ADDRESS);
    let passed_on = passed_on.and_then(|it| <[u8; 4]>::try_from(it.value.value).ok().map(Ipv4Addr::from));
    let agent = passed_on.or(pdu.trap.map(|trap| trap.agent)).filter(|ip| is_host(*ip)).map(IpAddr::V4);
    match agent {
        Some(agent) if pdu.kind != PduKind::RESPONSE && Some(agent) != envelope.source => {
            About::Named { mac: None, ip: Some(agent) }
        }
        _ => About::Sender,
    }
}

fn is_host(ip: Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast())
}

fn is_about_its_sender(kind: PduKind, envelope: &Envelope) -> bool {
    match kind {
        PduKind::RESPONSE => envelope.source_port != NOTIFICATIONS,
        kind => matches!(kind, PduKind::TRAP_1 | PduKind::INFORM | PduKind::TRAP),
    }
}

/// Whether the engine that is named is the sender's (RFC 3414, 1.5.1): of what is encrypted the port tells.
fn is_authoritative(message: &Message<'_>, envelope: &Envelope) -> bool {
    match &message.pdu {
        Some(pdu) => matches!(pdu.kind, PduKind::RESPONSE | PduKind::TRAP | PduKind::REPORT),
        None => envelope.source_port == QUESTIONS,
    }
}

/// Which property of the device it is.
fn entity(binding: &Binding<'_>) -> Option<u8> {
    let (column, index) = binding.name.behind(ENTITY)?.0.split_first()?;
    matches!(Oid(index).number(), Some(1 | 1001)).then_some(*column)
}

const QUESTIONS: u16 = 161;
const NOTIFICATIONS: u16 = 162;

/// 1.3.6.1.2.1.1.
const SYSTEM: &[u8] = b"\x2b\x06\x01\x02\x01\x01";
const DESCRIPTION: u8 = 1;
const NAME: u8 = 5;
const LOCATION: u8 = 6;
/// sysUpTime.0.
const UPTIME: &[u8] = b"\x2b\x06\x01\x02\x01\x01\x03\0";
/// snmpTrapAddress.0.
const ADDRESS: &[u8] = b"\x2b\x06\x01\x06\x03\x12\x01\x03\0";
/// 1.3.6.1.2.1.47.1.1.1.1.
const ENTITY: &[u8] = b"\x2b\x06\x01\x02\x01\x2f\x01\x01\x01\x01";
const HARDWARE: u8 = 8;
const FIRMWARE: u8 = 9;
const SOFTWARE: u8 = 10;
const SERIAL: u8 = 11;
const MAKER: u8 = 12;
const MODEL: u8 = 13;

#[cfg(test)]
mod tests {
    use super::super::tests::{message, of, version_3};
    use super::*;
    use crate::vocabulary::NoticeKind;

    const SERVICE: Fact = Fact::Service { protocol: "snmp" };
    const CLEAR: Fact = Fact::ClearSecret { is_default: true };

    fn observed(envelope: &Envelope, bytes: &[u8]) -> Vec<(About, Fact)> {
        let mut sink = Sink::default();
        observe(envelope, bytes, &mut sink).unwrap();
        sink.facts
    }

    fn from_port(source_port: u16) -> Envelope {
        let source = Some("192.0.2.5".parse().unwrap());
        Envelope { source_port, source, ..Envelope::default() }
    }

    /// What the sender tells of himself, from port 161.
    fn facts(bytes: &[u8]) -> Vec<Fact> {
        let facts = observed(&from_port(161), bytes);
        assert!(facts.iter().all(|(about, _)| *about == About::Sender));
        facts.into_iter().map(|(_, fact)| fact).collect()
    }

    fn attribute(key: Key, value: &str) -> Fact {
        Fact::Attribute { key, value: value.into() }
    }

    /// An object of the first physical entity.
    fn physical(column: u8, index: u8) -> Vec<u8> {
        [ENTITY, &[column, index]].concat()
    }

    #[test]
    fn answer_tells_who_it_is() {
        let bytes = message(
            0xa2,
            &[
                (b"\x2b\x06\x01\x02\x01\x01\x01\0", b"\x04\x04OS 1".to_vec()),
                (UPTIME, b"\x43\x02\x01\0".to_vec()),
                (b"\x2b\x06\x01\x02\x01\x01\x05\0", b"\x04\x03sw1".to_vec()),
                (b"\x2b\x06\x01\x02\x01\x01\x06\0", b"\x04\x04hall".to_vec()),
            ],
        );
        let expected = [
            SERVICE,
            CLEAR,
            Fact::Uptime { uptime: Span::millis(2_560), boots: None },
            attribute(Key::LldpDescription, "OS 1"),
            attribute(Key::Name, "sw1"),
            attribute(Key::LldpName, "sw1"),
            attribute(Key::Location, "hall"),
        ];
        assert_eq!(facts(&bytes), expected);
    }

    #[test]
    fn inventory_of_the_device_is_told_and_that_of_its_modules_is_not() {
        let bytes = message(
            0xa2,
            &[
                (&physical(8, 1), b"\x04\x02H1".to_vec()),
                (&physical(10, 1), b"\x04\x02S1".to_vec()),
                (&physical(9, 1), b"\x04\x02B1".to_vec()),
                (&physical(11, 1), b"\x04\x04N123".to_vec()),
                (&physical(13, 1), b"\x04\x02M4".to_vec()),
                (&physical(11, 7), b"\x04\x04N999".to_vec()),
            ],
        );
        let expected = [
            attribute(Key::Hardware, "H1"),
            attribute(Key::Firmware, "S1"),
            attribute(Key::Serial, "N123"),
            attribute(Key::Model, "M4"),
        ];
        assert_eq!(facts(&bytes)[2..], expected);
    }

    #[test]
    fn firmware_counts_where_there_is_no_software() {
        let firmware = (&physical(9, 1)[..], b"\x04\x02B1".to_vec());
        let no_software = (&physical(10, 1)[..], b"\x04\0".to_vec());
        assert_eq!(
            facts(&message(0xa2, &[firmware.clone(), no_software]))[2..],
            [attribute(Key::Firmware, "B1")]
        );
        assert_eq!(facts(&message(0xa2, &[firmware])), [SERVICE, CLEAR]);
    }

    #[test]
    fn notification_tells_what_happened_and_for_how_long_it_ran() {
        let trap_oid = b"\x2b\x06\x01\x06\x03\x01\x01\x04\x01\0";
        let bytes = message(
            0xa7,
            &[
                (UPTIME, b"\x43\x01\x64".to_vec()),
                (trap_oid, of(6, &[b"\x2b\x06\x01\x06\x03\x01\x01\x05\x01"])),
            ],
        );
        let facts = facts(&bytes);
        assert_eq!(facts[0], CLEAR);
        assert!(matches!(&facts[1], Fact::Notice(it) if it.kind == NoticeKind::ColdStart));
        assert_eq!(facts[2..], [Fact::Uptime { uptime: Span::seconds(1), boots: None }]);
    }

    #[test]
    fn notification_that_was_passed_on_is_about_who_sent_it_first() {
        let head = b"\x06\x02\x2b\x06\x40\x04\xc0\0\x02\x07\x02\x01\x02\x02\x01\0\x43\x01\x64\x30\0";
        let bytes = of(0x30, &[b"\x02\x01\0\x04\x01x", &of(0xa4, &[head])]);
        let about: Vec<_> = observed(&from_port(5000), &bytes).into_iter().map(|(about, _)| about).collect();
        let first = About::Named { mac: None, ip: Some("192.0.2.7".parse().unwrap()) };
        assert_eq!(about, [About::Sender, first, first]);
    }

    #[test]
    fn question_proves_nothing() {
        assert_eq!(facts(&message(0xa0, &[(UPTIME, b"\x05\0".to_vec())])), []);
    }

    #[test]
    fn acknowledgment_of_a_notification_is_not_about_who_sends_it() {
        let bytes = message(0xa2, &[(UPTIME, b"\x43\x01\x64".to_vec())]);
        assert_eq!(observed(&from_port(162), &bytes), []);
        let trap = message(0xa7, &[(UPTIME, b"\x43\x01\x64".to_vec())]);
        assert_eq!(observed(&from_port(162), &trap).len(), 2);
    }

    #[test]
    fn engine_tells_how_often_it_started() {
        let expected = [Fact::Uptime { uptime: Span::seconds(90), boots: Some(5) }];
        assert_eq!(facts(&version_3(3, b"\x04\x03\x01\x02\x03")), expected);
        let report =
            of(0x30, &[b"\x04\x03\x80\0\x01\x04\0", b"\xa8\x0b\x02\x01\x07\x02\x01\0\x02\x01\0\x30\0"]);
        assert_eq!(facts(&version_3(0, &report)), expected);
        assert_eq!(observed(&from_port(5000), &version_3(3, b"\x04\x03\x01\x02\x03")), []);
    }

    #[test]
    fn message_that_the_capture_cut_is_not_malformed() {
        let bytes = message(0xa2, &[(UPTIME, b"\x43\x01\x64".to_vec()), (UPTIME, b"\x43\x01\x64".to_vec())]);
        let cut = Envelope { is_cut: true, ..from_port(161) };
        assert_eq!(observed(&cut, &bytes[..bytes.len() - 1]).len(), 3);
        assert_eq!(observed(&cut, &bytes[..1]), []);
        let mut sink = Sink::default();
        let truncated = Err(Malformed::Truncated { field: "value" });
        assert_eq!(observe(&from_port(161), &bytes[..bytes.len() - 1], &mut sink), truncated);
    }
}
