//! The names of link types, as capture files number them.
//!
//! Source: tcpdump.org, "Link-layer header types". The names are fixed here, and
//! not asked of the capture library, so that a report is the same everywhere.

use std::borrow::Cow;

use spanwatch_parsers::LinkType;

/// The name of a link type: `ethernet`; `link type 147` where it has none here.
#[must_use]
pub fn link_type_name(link: LinkType) -> Cow<'static, str> {
    match NAMES.binary_search_by_key(&link.0, |(number, _)| *number) {
        Ok(index) => NAMES.get(index).map_or(Cow::Borrowed(""), |(_, name)| Cow::Borrowed(*name)),
        Err(_) => Cow::Owned(format!("link type {}", link.0)),
    }
}

/// The link type that a file's number means; some programs wrote a number of
/// their own system for raw IP (12 on Linux, 14 on OpenBSD).
pub(crate) const fn normal(number: u32) -> LinkType {
    match number {
        12 | 14 => LinkType::RAW,
        _ => LinkType(number),
    }
}

/// The number by which the capture library knows a link type, where it differs
/// from the files' number (Linux).
pub(crate) const fn library_number(link: LinkType) -> u32 {
    match link.0 {
        100 => 11,
        101 => 12,
        102 => 15,
        103 => 16,
        106 => 19,
        number => number,
    }
}

/// In order of the number.
const NAMES: &[(u32, &str)] = &[
    (0, "null"),
    (1, "ethernet"),
    (3, "ax25"),
    (6, "token-ring"),
    (7, "arcnet"),
    (8, "slip"),
    (9, "ppp"),
    (10, "fddi"),
    (50, "ppp-hdlc"),
    (51, "ppp-ether"),
    (100, "atm-rfc1483"),
    (101, "raw"),
    (104, "c-hdlc"),
    (105, "ieee802.11"),
    (107, "frelay"),
    (108, "loop"),
    (113, "linux-sll"),
    (114, "ltalk"),
    (117, "pflog"),
    (119, "ieee802.11-prism"),
    (122, "ip-over-fc"),
    (123, "sunatm"),
    (127, "ieee802.11-radiotap"),
    (129, "arcnet-linux"),
    (138, "apple-ip-over-ieee1394"),
    (143, "docsis"),
    (144, "linux-irda"),
    (149, "user2"),
    (163, "ieee802.11-avs"),
    (165, "bacnet-ms-tp"),
    (187, "bluetooth-hci-h4"),
    (189, "usb-linux"),
    (192, "ppi"),
    (195, "ieee802.15.4-withfcs"),
    (201, "bluetooth-hci-h4-with-phdr"),
    (220, "usb-linux-mmapped"),
    (228, "ipv4"),
    (229, "ipv6"),
    (230, "ieee802.15.4-nofcs"),
    (239, "nflog"),
    (240, "netanalyzer"),
    (249, "usbpcap"),
    (251, "bluetooth-le-ll"),
    (253, "netlink"),
    (258, "pktap"),
    (272, "nordic-ble"),
    (276, "linux-sll2"),
    (283, "ieee802.15.4-tap"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_link_types_have_a_name() {
        assert_eq!(link_type_name(LinkType::ETHERNET), "ethernet");
        assert_eq!(link_type_name(LinkType::LINUX_SLL2), "linux-sll2");
        assert_eq!(link_type_name(LinkType(147)), "link type 147");
    }

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.is_sorted_by_key(|(number, _)| number));
    }
}
