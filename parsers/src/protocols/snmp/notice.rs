//! Notifications: which one it is, and about which port.
//!
//! ```text
//! SNMPv2, 3   binding 1 sysUpTime.0, binding 2 snmpTrapOID.0, then what the notification says
//! SNMPv1      generic trap g < 6 is 1.3.6.1.6.3.1.1.5.(g + 1); any other is enterprise.0.specific
//!
//! ifEntry     1.3.6.1.2.1.2.2.1.(1 index, 2 description, 7 wanted state).interface
//! ifName      1.3.6.1.2.1.31.1.1.1.1.interface
//! pethPsePortDetectionStatus   1.3.6.1.2.1.105.1.1.1.6.group.port, 3 where it supplies power
//! ```
//!
//! Source: RFC 3584, 3.1; RFC 3418; RFC 2863, 6; RFC 3621; RFC 4188 (`newRoot`, `topologyChange`).

use super::{Binding, Pdu, PduKind};
use crate::ber::{OBJECT_IDENTIFIER, OCTET_STRING, Oid};
use crate::vocabulary::{Notice, NoticeKind, Text};

/// What a notification says; `None` where it is none, or does not say which.
#[must_use]
pub fn notice(pdu: &Pdu<'_>) -> Option<Notice> {
    let identity = identity(pdu)?;
    let mut notice =
        Notice { kind: kind(&identity), identity: identity.as_str().into(), ..Notice::default() };
    let mut description = None;
    let mut supplies = None;
    for Binding { name, value } in &pdu.bindings {
        if let Some(column) = name.behind(IF_ENTRY) {
            let Some((column, Some(interface))) = column.0.split_first().map(|(c, i)| (*c, Oid(i).number()))
            else {
                continue;
            };
            notice.interface.get_or_insert(interface);
            match column {
                IF_DESCRIPTION if value.tag == OCTET_STRING => description = Text::some(value.value),
                IF_ADMIN_STATUS => notice.is_enabled = value.signed().map(|status| status == UP),
                _ => {}
            }
        } else if let Some(interface) = name.behind(IF_NAME).and_then(Oid::number) {
            notice.interface.get_or_insert(interface);
            notice.port = Some(value).filter(|it| it.tag == OCTET_STRING).and_then(|it| Text::some(it.value));
        } else if let Some(port) = name.behind(POWER_STATUS) {
            let mut numbers = port.numbers();
            notice.power_port = numbers.next().zip(numbers.next());
            supplies = value.signed().map(|status| status == DELIVERS_POWER);
        }
    }
    notice.port = notice.port.or(description);
    if notice.kind == NoticeKind::PowerOn && supplies != Some(true) {
        notice.kind = NoticeKind::PowerOff;
    }
    Some(notice)
}

/// The notification's object identifier, with dots.
fn identity(pdu: &Pdu<'_>) -> Option<String> {
    if let Some(trap) = &pdu.trap {
        return Some(match trap.generic {
            0..SPECIFIC => format!("{GENERIC}.{}", trap.generic.saturating_add(1)),
            _ => match trap.enterprise.to_string() {
                zero if zero.ends_with(".0") => format!("{zero}.{}", trap.specific),
                enterprise => format!("{enterprise}.0.{}", trap.specific),
            },
        });
    }
    if !matches!(pdu.kind, PduKind::TRAP | PduKind::INFORM) {
        return None;
    }
    let named =
        pdu.bindings.iter().find(|it| it.name == Oid(TRAP_OID) && it.value.tag == OBJECT_IDENTIFIER)?;
    Some(Oid(named.value.value).to_string())
}

fn kind(identity: &str) -> NoticeKind {
    match identity {
        "1.3.6.1.6.3.1.1.5.1" => NoticeKind::ColdStart,
        "1.3.6.1.6.3.1.1.5.2" => NoticeKind::WarmStart,
        "1.3.6.1.6.3.1.1.5.3" => NoticeKind::LinkDown,
        "1.3.6.1.6.3.1.1.5.4" => NoticeKind::LinkUp,
        "1.3.6.1.6.3.1.1.5.5" => NoticeKind::AuthenticationFailure,
        // Which way is told by its binding.
        "1.3.6.1.2.1.105.0.1" => NoticeKind::PowerOn,
        "1.3.6.1.2.1.17.0.1" => NoticeKind::NewRoot,
        "1.3.6.1.2.1.17.0.2" => NoticeKind::TopologyChange,
        _ => NoticeKind::Other,
    }
}

const GENERIC: &str = "1.3.6.1.6.3.1.1.5";
const SPECIFIC: i64 = 6;

/// snmpTrapOID.0, 1.3.6.1.6.3.1.1.4.1.0.
const TRAP_OID: &[u8] = b"\x2b\x06\x01\x06\x03\x01\x01\x04\x01\0";
/// 1.3.6.1.2.1.2.2.1.
const IF_ENTRY: &[u8] = b"\x2b\x06\x01\x02\x01\x02\x02\x01";
const IF_DESCRIPTION: u8 = 2;
const IF_ADMIN_STATUS: u8 = 7;
const UP: i64 = 1;
/// 1.3.6.1.2.1.31.1.1.1.1.
const IF_NAME: &[u8] = b"\x2b\x06\x01\x02\x01\x1f\x01\x01\x01\x01";
/// 1.3.6.1.2.1.105.1.1.1.6.
const POWER_STATUS: &[u8] = b"\x2b\x06\x01\x02\x01\x69\x01\x01\x01\x06";
const DELIVERS_POWER: i64 = 3;

#[cfg(test)]
mod tests {
    use super::super::tests::{message, of};
    use super::super::{Message, Trap};
    use super::*;

    /// A trap of SNMPv2 with this identity and bindings.
    fn trap(identity: &[u8], bindings: &[(&[u8], Vec<u8>)]) -> Notice {
        let head: [(&[u8], Vec<u8>); 2] =
            [(b"\x2b\x06\x01\x02\x01\x01\x03\0", b"\x43\x01\x64".to_vec()), (TRAP_OID, of(6, &[identity]))];
        let bytes = message(0xa7, &[&head, bindings].concat());
        notice(&Message::parse(&bytes).unwrap().pdu.unwrap()).unwrap()
    }

    const LINK_DOWN: &[u8] = b"\x2b\x06\x01\x06\x03\x01\x01\x05\x03";
    const POWER: &[u8] = b"\x2b\x06\x01\x02\x01\x69\0\x01";

    #[test]
    fn link_down_names_the_interface() {
        let expected = Notice {
            kind: NoticeKind::LinkDown,
            identity: "1.3.6.1.6.3.1.1.5.3".into(),
            interface: Some(10_107),
            port: Some("Gi1/0/7".into()),
            is_enabled: Some(true),
            ..Notice::default()
        };
        let bindings: [(&[u8], Vec<u8>); 4] = [
            (b"\x2b\x06\x01\x02\x01\x02\x02\x01\x01\xce\x7b", b"\x02\x02\x27\x7b".to_vec()),
            (b"\x2b\x06\x01\x02\x01\x02\x02\x01\x07\xce\x7b", b"\x02\x01\x01".to_vec()),
            (b"\x2b\x06\x01\x02\x01\x1f\x01\x01\x01\x01\xce\x7b", b"\x04\x07Gi1/0/7".to_vec()),
            (b"\x2b\x06\x01\x02\x01\x02\x02\x01\x02\xce\x7b", b"\x04\x06port 7".to_vec()),
        ];
        assert_eq!(trap(LINK_DOWN, &bindings), expected);
        assert_eq!(trap(LINK_DOWN, &bindings[3..]).port, Some("port 7".into()));
    }

    #[test]
    fn power_notice_tells_which_way_by_its_binding() {
        let of = |status| {
            let binding = (&b"\x2b\x06\x01\x02\x01\x69\x01\x01\x01\x06\x01\x07"[..], vec![2, 1, status]);
            let notice = trap(POWER, &[binding]);
            (notice.kind, notice.power_port)
        };
        assert_eq!(of(3), (NoticeKind::PowerOn, Some((1, 7))));
        assert_eq!(of(2), (NoticeKind::PowerOff, Some((1, 7))));
    }

    #[test]
    fn notices_are_told_by_their_identity() {
        for (last, kind) in
            [(1, NoticeKind::NewRoot), (2, NoticeKind::TopologyChange), (3, NoticeKind::Other)]
        {
            assert_eq!(trap(&[0x2b, 6, 1, 2, 1, 17, 0, last], &[]).kind, kind);
        }
        assert_eq!(trap(b"\x2b\x06\x01\x06\x03\x01\x01\x05\x01", &[]).kind, NoticeKind::ColdStart);
    }

    #[test]
    fn trap_of_version_1_has_an_identity_too() {
        let of = |enterprise, generic, specific| {
            let agent = [192, 0, 2, 5].into();
            let trap = Trap { enterprise: Oid(enterprise), agent, generic, specific, uptime_cs: 0 };
            let kind = PduKind::TRAP_1;
            let (trap, bindings) = (Some(trap), Vec::new());
            let pdu = Pdu { kind, request: 0, error_status: 0, error_index: 0, trap, bindings };
            let notice = notice(&pdu).unwrap();
            (notice.kind, notice.identity.as_str().to_owned())
        };
        assert_eq!(of(b"\x2b\x06", 2, 0), (NoticeKind::LinkDown, "1.3.6.1.6.3.1.1.5.3".to_owned()));
        let bridge = b"\x2b\x06\x01\x02\x01\x11";
        assert_eq!(of(bridge, 6, 1), (NoticeKind::NewRoot, "1.3.6.1.2.1.17.0.1".to_owned()));
        let power = b"\x2b\x06\x01\x02\x01\x69\0";
        assert_eq!(of(power, 6, 1), (NoticeKind::PowerOff, "1.3.6.1.2.1.105.0.1".to_owned()));
        assert_eq!(of(bridge, -5, i64::MAX).0, NoticeKind::Other);
    }

    #[test]
    fn what_is_no_notification_is_no_notice() {
        let response = message(0xa2, &[(TRAP_OID, of(6, &[LINK_DOWN]))]);
        assert_eq!(notice(&Message::parse(&response).unwrap().pdu.unwrap()), None);
        let nameless = message(0xa7, &[]);
        assert_eq!(notice(&Message::parse(&nameless).unwrap().pdu.unwrap()), None);
    }
}
