//! DHCP option 82: what a relay or a snooping switch says of the client's place.
//!
//! ```text
//! 0      1        2
//! | code | length | value |
//! ```
//!
//! | code | value | source |
//! | --- | --- | --- |
//! | 1 | circuit id: the port | RFC 3046 |
//! | 2 | remote id: the switch | RFC 3046 |
//! | 4 | DOCSIS device class 4 | RFC 3256 |
//! | 5, 11, 150 | link selection, server override, Cisco's link selection: an address | RFC 3527, RFC 5107 |
//! | 6 | subscriber, text | RFC 3993 |
//! | 7, 8 | RADIUS attributes, authentication: never shown | RFC 4014, RFC 4030 |
//! | 9 | (enterprise 4, length 1, data)* | RFC 4243 |
//! | 10 | flags 1: the upper bit, client sent unicast | RFC 5010 |
//! | 12 | the relay's identifier | RFC 6925 |
//! | 19 | nothing: the relay's port is not 67 | RFC 8357 |
//! | 151, 152 | virtual network, and that it was ignored | RFC 6607 |
//!
//! Nobody specified what stands inside 1 and 2. Switches use
//!
//! ```text
//! 00 04 | vlan 2 | module | port     circuit id (Cisco, and many who follow)
//! 00 06 | mac 6                      remote id
//! 01 length | text                   either one, as the administrator wrote it
//! text  or  mac 6  or  anything
//! ```
//!
//! Source for those: Cisco's configuration guides, "DHCP option 82 data insertion".

use std::net::Ipv4Addr;

use super::options::{SubOption, sub_options};
use crate::identifier::Identifier;
use crate::vocabulary::{Attached, Mac, Malformed, Text};

/// The whole option, borrowed from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayInfo<'v> {
    /// What it holds, in the order sent.
    pub sub_options: Vec<SubOption<'v>>,
    /// The first fault in it.
    pub damage: Option<Malformed>,
}

/// A circuit id, as far as its form is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit<'v> {
    /// A port by VLAN, module (or stack member) and number.
    Port {
        /// The client's VLAN.
        vlan: u16,
        /// The module.
        module: u8,
        /// The port on it.
        port: u8,
    },
    /// A name.
    Named(Identifier<'v>),
}

impl<'v> RelayInfo<'v> {
    /// Reads the whole value of option 82.
    #[must_use]
    pub fn parse(value: &'v [u8]) -> Self {
        let (sub_options, damage) = sub_options(value);
        let mut info = Self { sub_options, damage };
        if info.damage.is_none() && !info.has_right_lengths() {
            info.damage = Some(Malformed::Invalid { field: "sub-option value" });
        }
        info
    }

    /// The value of the first sub-option `code`.
    #[must_use]
    pub fn first(&self, code: u8) -> Option<&'v [u8]> {
        self.sub_options.iter().find(|option| option.code == code).map(|option| option.value)
    }

    /// The address in the first sub-option `code`, where it holds exactly one.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.first(code)?).ok().map(Ipv4Addr::from)
    }

    /// The port that the client hangs on.
    #[must_use]
    pub fn circuit_id(&self) -> Option<Circuit<'v>> {
        self.first(CIRCUIT_ID).filter(|value| !value.is_empty()).map(circuit)
    }

    /// The switch that the client hangs on.
    #[must_use]
    pub fn remote_id(&self) -> Option<Identifier<'v>> {
        self.first(REMOTE_ID).filter(|value| !value.is_empty()).map(remote)
    }

    /// Where the client hangs; `None` where neither port nor switch is said.
    #[must_use]
    pub fn attached(&self) -> Option<Attached> {
        let switch = self.remote_id().map(|id| id.shown()).filter(|text| !text.is_empty());
        let (port, vlan) = match self.circuit_id() {
            Some(Circuit::Port { vlan, module, port }) => {
                (Some(Text::from(format!("{module}/{port}").as_str())), Some(vlan))
            }
            Some(Circuit::Named(id)) => (Some(id.shown()).filter(|text| !text.is_empty()), None),
            None => (None, None),
        };
        (port.is_some() || switch.is_some()).then_some(Attached { switch, port, vlan })
    }

    fn has_right_lengths(&self) -> bool {
        self.sub_options.iter().all(|option| match option.code {
            DEVICE_CLASS | LINK_SELECTION | SERVER_OVERRIDE | LINK_SELECTION_CISCO => option.value.len() == 4,
            FLAGS => option.value.len() == 1,
            SOURCE_PORT => option.value.is_empty(),
            _ => true,
        })
    }
}

fn circuit(value: &[u8]) -> Circuit<'_> {
    match *value {
        [0, 4, high, low, module, port] => {
            Circuit::Port { vlan: u16::from_be_bytes([high, low]), module, port }
        }
        _ => Circuit::Named(named(value)),
    }
}

/// A MAC that begins with 00:04 is a MAC here.
fn remote(value: &[u8]) -> Identifier<'_> {
    match value {
        [0, 6, mac @ ..] if mac.len() == 6 => named(mac),
        _ => named(value),
    }
}

fn named(value: &[u8]) -> Identifier<'_> {
    let text = match value {
        [1, length, text @ ..] if usize::from(*length) == text.len() => text,
        _ => value,
    };
    match (Identifier::text_or_opaque(text), Mac::from_slice(value)) {
        (Identifier::Opaque(_), Some(mac)) => Identifier::Mac(mac),
        (Identifier::Opaque(_), None) => Identifier::Opaque(value),
        (text, _) => text,
    }
}

/// The port.
pub const CIRCUIT_ID: u8 = 1;
/// The switch.
pub const REMOTE_ID: u8 = 2;
/// What kind of cable modem it is.
pub const DEVICE_CLASS: u8 = 4;
/// The client's subnet.
pub const LINK_SELECTION: u8 = 5;
/// The subscriber, whatever moves.
pub const SUBSCRIBER_ID: u8 = 6;
/// Flags.
pub const FLAGS: u8 = 10;
/// The address that option 54 shall bear.
pub const SERVER_OVERRIDE: u8 = 11;
/// The relay.
pub const RELAY_ID: u8 = 12;
/// The relay's port is not 67.
pub const SOURCE_PORT: u8 = 19;
/// Sub-option 5, before it had a number.
pub const LINK_SELECTION_CISCO: u8 = 150;

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCH: Mac = Mac([2, 0, 0, 0, 0, 0x5a]);

    fn attached(value: &[u8]) -> Option<(Option<String>, Option<String>, Option<u16>)> {
        let text = |text: Option<Text>| text.map(|text| text.as_str().to_owned());
        RelayInfo::parse(value).attached().map(|a| (text(a.switch), text(a.port), a.vlan))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn cisco_form_gives_vlan_port_and_switch() {
        let value = b"\x01\x06\0\x04\0\x14\x01\x07\x02\x08\0\x06\x02\0\0\0\0\x5a";
        assert_eq!(attached(value), Some((some("02:00:00:00:00:5a"), some("1/7"), Some(20))));
    }

    #[test]
    fn text_is_read_with_and_without_its_form_and_length() {
        let value = b"\x01\x07\x01\x05port7\x02\x08switch-a";
        assert_eq!(attached(value), Some((some("switch-a"), some("port7"), None)));
        assert_eq!(circuit(b"Gi1/0/7\0"), Circuit::Named(Identifier::Text(b"Gi1/0/7")));
    }

    #[test]
    fn raw_mac_is_a_mac_even_where_it_begins_like_a_port() {
        assert_eq!(remote(&SWITCH.0), Identifier::Mac(SWITCH));
        let cisco = [0, 4, 0x9a, 0, 0, 1];
        assert_eq!(remote(&cisco), Identifier::Mac(Mac(cisco)));
    }

    #[test]
    fn unknown_form_is_shown_in_hexadecimal() {
        assert_eq!(attached(b"\x01\x02\0\x07"), Some((None, some("0x0007"), None)));
    }

    #[test]
    fn neither_port_nor_switch_is_no_place() {
        assert_eq!(attached(&[]), None);
        assert_eq!(attached(b"\x01\0\x05\x04\xc0\0\x02\0"), None);
    }

    #[test]
    fn addresses_are_read() {
        let info = RelayInfo::parse(b"\x05\x04\xc0\0\x02\0\x0b\x04\xc0\0\x02\x01\x13\0");
        assert_eq!(info.address(LINK_SELECTION), Some(Ipv4Addr::new(192, 0, 2, 0)));
        assert_eq!(info.address(SERVER_OVERRIDE), Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!((info.first(SOURCE_PORT), info.damage), (Some([].as_slice()), None));
    }

    #[test]
    fn damaged_sub_option_does_not_hide_the_earlier() {
        let info = RelayInfo::parse(b"\x01\x02p7\x02\x09s");
        assert_eq!(info.circuit_id(), Some(Circuit::Named(Identifier::Text(b"p7"))));
        assert_eq!(info.damage, Some(Malformed::Truncated { field: "sub-option" }));
    }

    #[test]
    fn wrong_length_is_invalid() {
        let info = RelayInfo::parse(b"\x05\x03\xc0\0\x02");
        assert_eq!(info.damage, Some(Malformed::Invalid { field: "sub-option value" }));
    }

    #[test]
    fn longest_id_stays_short_text() {
        let value = [b"\x01\xff".as_slice(), &[0x80; 255]].concat();
        let (_, port, _) = attached(&value).unwrap();
        assert!(port.unwrap().len() <= Text::MAX);
    }
}
