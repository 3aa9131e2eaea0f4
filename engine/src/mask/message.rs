//! Messages that are whole in their packet: datagrams, ICMP, and what has no IP.
//!
//! What is seen is named here; all else is overwritten.
//!
//! Source: RFC 768; RFC 3417 and 3414, 2.4 (SNMP); RFC 2131 and 2132 (DHCP); RFC 8415 (DHCPv6); RFC 3550 (RTP, RTCP);
//! RFC 792, 4443 and 4861 (ICMP); RFC 3748 and IEEE 802.1X-2020, 11 (EAP); RFC 826 (ARP).

use spanwatch_parsers::ber;

use super::cover;
use super::scan::{Scanner, opens};
use super::sums::UDP;
use super::xml::Xml;

/// Overwrites what may be secret in a datagram's payload.
pub(super) fn datagram(ports: (u16, u16), payload: &mut [u8]) {
    let is_on = |known: &[u16]| known.contains(&ports.0) || known.contains(&ports.1);
    match () {
        () if is_on(&DNS) => {}
        () if is_on(&[NTP]) => cover(behind(payload, NTP_LENGTH)),
        () if is_on(&DHCP) => dhcp(payload),
        () if is_on(&DHCPV6) => dhcpv6(payload),
        () if is_on(&SNMP) => {
            if snmp(payload).is_none() {
                cover(payload);
            }
        }
        () if payload.starts_with(b"<") => Xml::default().scan(payload),
        () if opens(payload) => Scanner::default().scan(payload),
        () if is_rtcp(payload) => {}
        () if ports.0 >= 1024 && ports.1 >= 1024 => match rtp_header(payload) {
            Some(header) => cover(behind(payload, header)),
            None => cover(payload),
        },
        () => cover(payload),
    }
}

/// Overwrites what may be secret in a frame's payload of this EtherType.
pub(super) fn ethertype(kind: u16, payload: &mut [u8]) {
    match (kind, &*payload) {
        (ARP, [_, _, _, _, hardware, protocol, ..]) => {
            let addresses = usize::from(*hardware).saturating_add((*protocol).into()).saturating_mul(2);
            cover(behind(payload, addresses.saturating_add(8)));
        }
        (LLDP | SLOW, _) => {}
        (EAPOL, [_, 0, ..]) => eap(behind(payload, 4)),
        (EAPOL, _) => cover(behind(payload, 4)),
        _ => cover(payload),
    }
}

/// Overwrites what may be secret in an LLC frame's payload: all but spanning tree.
pub(super) fn llc(access_points: (u8, u8), payload: &mut [u8]) {
    if access_points != (STP, STP) {
        cover(payload);
    }
}

/// Overwrites what may be secret in a SNAP frame's payload: all but CDP and Cisco's spanning tree.
pub(super) fn snap(oui: [u8; 3], kind: u16, payload: &mut [u8]) {
    if oui != CISCO || !matches!(kind, CDP | PVST) {
        cover(payload);
    }
}

/// Overwrites what an ICMP message carries along: of a quoted packet its headers are seen, of an echo nothing.
pub(super) fn icmp(message: &mut [u8]) {
    match *message {
        [3 | 4 | 5 | 11 | 12, _, _, _, _, _, _, _, first, ..] => {
            let header = usize::from(first & 15).saturating_mul(4);
            let protocol = message.get(ICMP_HEADER.saturating_add(9)).copied();
            quoted(behind(message, header.saturating_add(ICMP_HEADER)), protocol);
        }
        [9 | 10, ..] => {}
        _ => cover(behind(message, ICMP_HEADER)),
    }
}

/// The same of ICMPv6; what it says of neighbours, routers and groups is seen.
pub(super) fn icmpv6(message: &mut [u8]) {
    match *message {
        [1..=4, ..] => {
            let protocol = message.get(ICMP_HEADER.saturating_add(6)).copied();
            quoted(behind(message, ICMP_HEADER.saturating_add(IPV6_HEADER)), protocol);
        }
        [130..=137 | 143, ..] => {}
        _ => cover(behind(message, ICMP_HEADER)),
    }
}

/// Overwrites a quoted transport but for what RFC 792 quotes of it; its checksum would tell of the rest.
fn quoted(transport: &mut [u8], protocol: Option<u8>) {
    let (header, rest) = transport.split_at_mut(transport.len().min(QUOTED));
    if rest.is_empty() {
        return;
    }
    cover(rest);
    if protocol == Some(UDP) {
        behind(header, UDP_SUM).fill(0);
    }
}

/// Overwrites an answer to a challenge, or a password; who asks to be let in is seen.
fn eap(packet: &mut [u8]) {
    match &*packet {
        [1 | 2, _, _, _, IDENTITY | NOTIFICATION | NAK, ..] => {}
        _ => cover(behind(packet, 5)),
    }
}

/// Overwrites the community, or what authenticates the message; and what is set. `None` where it is no SNMP.
fn snmp(payload: &mut [u8]) -> Option<()> {
    let length = payload.len();
    let at = |rest: &[u8]| length.checked_sub(rest.len());
    let bytes = &*payload;
    let (behind_message, message) = ber::whole(bytes, SEQUENCE, "message").ok()?;
    let inside = message.value.len().saturating_add(behind_message.len());
    let (_, inside) = bytes.split_at_checked(length.checked_sub(inside)?)?;
    let (inside, version) = ber::integer(inside, "version").ok()?;
    let (secret, pdu_at) = if version == VERSION_3 {
        let (rest, _) = ber::whole(inside, SEQUENCE, "header").ok()?;
        let (rest, security) = ber::octets(rest, "security").ok()?;
        let from = at(rest)?.checked_sub(security.len())?;
        let (own, _) = ber::whole(security, SEQUENCE, "security").ok()?;
        let all = security.len().checked_sub(own.len())?;
        let mut fields = ber::opened(security.get(..all)?, SEQUENCE, "security").ok()?.1.value;
        for field in [OCTETS, INTEGER, INTEGER, OCTETS] {
            fields = ber::whole(fields, field, "security").ok()?.0;
        }
        let (after, authentic) = ber::octets(fields, "authentication").ok()?;
        let end = from.checked_add(all)?.checked_sub(after.len())?;
        let secret = end.checked_sub(authentic.len())?..end;
        // Of an encrypted one nothing more is to be said.
        let scoped = ber::whole(rest, SEQUENCE, "scoped pdu").ok();
        let pdu = scoped.and_then(|(behind, scoped)| {
            let rest = ber::octets(scoped.value, "engine").ok()?.0;
            let rest = ber::octets(rest, "context").ok()?.0;
            length.checked_sub(rest.len().checked_add(behind.len())?)
        });
        (secret, pdu)
    } else {
        let (rest, community) = ber::octets(inside, "community").ok()?;
        let end = at(rest)?;
        (end.checked_sub(community.len())?..end, Some(end))
    };
    let extra = length.checked_sub(behind_message.len())?;
    cover(payload.get_mut(secret)?);
    cover(behind(payload, extra));
    if let Some(pdu) = pdu_at.and_then(|at| payload.get_mut(at..))
        && pdu.first() == Some(&SET)
    {
        cover(behind(pdu, 2));
    }
    Some(())
}

/// Overwrites options that may hold an address of the web with a login, or authenticate the message.
fn dhcp(payload: &mut [u8]) {
    if payload.get(COOKIE_AT..OPTIONS_AT) != Some(&COOKIE) {
        return cover(payload);
    }
    let mut rest = behind(payload, OPTIONS_AT);
    loop {
        match *rest {
            [PAD, ..] => rest = behind(rest, 1),
            [END, ..] => {
                rest = behind(rest, 1);
                break;
            }
            [code, length, ..] => {
                let end = usize::from(length).saturating_add(2).min(rest.len());
                let (option, others) = rest.split_at_mut(end);
                if DHCP_CLOSED.contains(&code) {
                    // Options within it read as padding.
                    behind(option, 2).fill(PAD);
                }
                rest = others;
            }
            _ => break,
        }
    }
    rest.iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'*');
}

fn dhcpv6(payload: &mut [u8]) {
    // A relay's message has addresses before its options, and another message in one of them.
    let options_at = if matches!(payload.first(), Some(12 | 13)) { 34 } else { 4 };
    let mut rest = behind(payload, options_at);
    while let [code, code2, length, length2, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([length, length2]));
        let (option, others) = rest.split_at_mut(length.saturating_add(4).min(rest.len()));
        match u16::from_be_bytes([code, code2]) {
            code if DHCPV6_CLOSED.contains(&code) => cover(behind(option, 4)),
            DHCPV6_RELAYED if options_at == 34 => dhcpv6_relayed(behind(option, 4)),
            _ => {}
        }
        rest = others;
    }
    cover(rest);
}

/// A relayed message is read once; one within one within one is not seen.
fn dhcpv6_relayed(message: &mut [u8]) {
    if matches!(message.first(), Some(12 | 13)) { cover(message) } else { dhcpv6(message) }
}

/// Whether all of it is reports and names of RTCP, which end where it ends.
fn is_rtcp(payload: &[u8]) -> bool {
    let mut rest = payload;
    while let [first, kind, length, length2, ..] = *rest {
        let words = usize::from(u16::from_be_bytes([length, length2])).saturating_add(1);
        let Some(others) = rest.get(words.saturating_mul(4)..) else { return false };
        if first >> 6 != 2 || !matches!(kind, 200..=203 | 205..=207) {
            return false;
        }
        rest = others;
    }
    !payload.is_empty() && rest.is_empty()
}

/// The length of the RTP header, where this may be RTP; its extension is not seen.
fn rtp_header(payload: &[u8]) -> Option<usize> {
    let [first, kind, ..] = *payload else { return None };
    let is_media = first >> 6 == 2 && matches!(kind & 0x7f, 0..=34 | 96..=127);
    let length = usize::from(first & 15).saturating_mul(4).saturating_add(RTP_HEADER);
    (is_media && payload.len() > length).then_some(length)
}

fn behind(bytes: &mut [u8], at: usize) -> &mut [u8] {
    bytes.get_mut(at..).unwrap_or_default()
}

/// DNS, mDNS, LLMNR and NetBIOS names.
const DNS: [u16; 4] = [53, 5353, 5355, 137];
const NTP: u16 = 123;
/// Without extensions and what authenticates it.
const NTP_LENGTH: usize = 48;
const SNMP: [u16; 2] = [161, 162];
const DHCP: [u16; 2] = [67, 68];
const DHCPV6: [u16; 2] = [546, 547];

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const COOKIE_AT: usize = 236;
const OPTIONS_AT: usize = 240;
const PAD: u8 = 0;
const END: u8 = 255;
/// Vendors' own, names of servers and files, authentication, proxy, and what phones and cameras are set up by.
const DHCP_CLOSED: [u8; 13] = [43, 56, 66, 67, 90, 114, 124, 125, 150, 157, 160, 161, 252];
/// Authentication, vendors' own, boot files.
const DHCPV6_CLOSED: [u16; 4] = [11, 17, 59, 60];
const DHCPV6_RELAYED: u16 = 9;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const SET: u8 = 0xa3;
const VERSION_3: i64 = 3;

const RTP_HEADER: usize = 12;

const ICMP_HEADER: usize = 8;
const IPV6_HEADER: usize = 40;
const QUOTED: usize = 8;
const UDP_SUM: usize = 6;

const ARP: u16 = 0x0806;
const LLDP: u16 = 0x88cc;
const SLOW: u16 = 0x8809;
const EAPOL: u16 = 0x888e;
const IDENTITY: u8 = 1;
const NOTIFICATION: u8 = 2;
const NAK: u8 = 3;
const STP: u8 = 0x42;
const CISCO: [u8; 3] = [0, 0, 0x0c];
const CDP: u16 = 0x2000;
const PVST: u16 = 0x010b;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut bytes = payload.to_vec();
        datagram(ports, &mut bytes);
        bytes
    }

    #[test]
    fn community_goes_and_the_rest_stays_unless_something_is_set() {
        let message = |pdu: u8| [&b"\x30\x11\x02\x01\x01\x04\x06hidden"[..], &[pdu, 4], b"abcd"].concat();
        assert_eq!(shown((161, 4_000), &message(0xa2)), b"\x30\x11\x02\x01\x01\x04\x06******\xa2\x04abcd");
        assert_eq!(shown((161, 4_000), &message(0xa3)), b"\x30\x11\x02\x01\x01\x04\x06******\xa3\x04****");
        let damaged = &message(0xa2)[..12];
        assert!(shown((4_000, 162), damaged).iter().all(|byte| *byte == b'*'));
    }

    #[test]
    fn media_show_their_header_and_reports_all() {
        assert_eq!(shown((5_000, 6_000), b"\x80\x600123456789video"), b"\x80\x600123456789*****");
        assert_eq!(shown((5_000, 6_000), b"\x81\xc9\0\x010123"), b"\x81\xc9\0\x010123");
        assert_eq!(shown((5_000, 6_000), b"\x81\xc9\0\x010123pw"), b"**********");
        assert_eq!(shown((5_000, 69), b"\x80\x600123456789video"), [b'*'; 17]);
    }

    #[test]
    fn dhcp_options_of_set_up_go() {
        let mut message = vec![0; OPTIONS_AT];
        message[COOKIE_AT..].copy_from_slice(&COOKIE);
        message.extend(b"\x0c\x02ab\x42\x02pw\xffleft\0");
        assert!(shown((68, 67), &message).ends_with(b"\x0c\x02ab\x42\x02\0\0\xff****\0"));
        message.truncate(OPTIONS_AT);
        message.push(END);
        assert_eq!(shown((68, 67), &message), message);
        assert_eq!(shown((68, 67), b"hidden"), b"******");
    }

    #[test]
    fn datagrams_of_others_show_nothing() {
        assert_eq!(shown((40_000, 37_777), b"login hidden"), b"************");
        assert_eq!(
            shown((40_000, 37_020), b"<P><Password>x</Password></P>"),
            b"<P><Password>*</Password></P>"
        );
        let sip = b"REGISTER sip:a SIP/2.0\r\nX: hidden\r\n\r\n";
        assert_eq!(shown((5_060, 5_060), sip), b"REGISTER sip:a SIP/2.0\r\nX:*******\r\n\r\n");
    }

    #[test]
    fn answers_to_challenges_go() {
        for (frame, seen) in [
            (&b"\x02\0\0\x09\x02\x01\0\x09\x04abcd"[..], &b"\x02\0\0\x09\x02\x01\0\x09\x04****"[..]),
            (b"\x02\0\0\x09\x02\x01\0\x09\x01abcd", b"\x02\0\0\x09\x02\x01\0\x09\x01abcd"),
        ] {
            let mut bytes = frame.to_vec();
            ethertype(EAPOL, &mut bytes);
            assert_eq!(bytes, seen);
        }
    }

    #[test]
    fn echo_and_quotation_lose_what_they_carry() {
        let mut echo = *b"\x08\0\0\0\0\0\0\0hidden";
        icmp(&mut echo);
        assert!(echo.ends_with(b"\0******"));
        let mut quote = [&[3, 3, 0, 0, 0, 0, 0, 0, 0x45][..], &[7; 19], b"ports...hidden"].concat();
        icmp(&mut quote);
        assert!(quote.ends_with(b"ports...******"));
    }
}
