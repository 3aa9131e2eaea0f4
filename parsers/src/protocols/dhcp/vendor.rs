//! DHCP options whose content each maker made up: 43, and 125 by enterprise number.
//!
//! Option 43 mostly holds options of its own, with the codes of the maker that
//! option 60 names:
//!
//! | option 60 begins | code | meaning |
//! | --- | --- | --- |
//! | `docsis`, `pktc` (cable modems) | 4, 5, 6, 9, 10 | serial, hardware, firmware, model, maker |
//! | `ubnt` (UniFi) | 1 | the controller's address |
//! | `Cisco AP` | 241 | the controllers' addresses |
//!
//! Servers seldom repeat option 60; Cisco's code is known without it by its form.
//!
//! Source: CableLabs CL-SP-CANN-DHCP-Reg, 4; Ubiquiti's and Cisco's manuals on
//! option 43; Broadband Forum TR-069, 3.1.4 and annex F. Left out: what other makers put there.

use std::net::Ipv4Addr;

use super::options::{self, SubOption};
use super::value::{self, Identified};
use crate::vocabulary::Key;

/// What a sub-option of option 43 or 125 means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning<'v> {
    /// A property of the client.
    Attribute(Key, &'v [u8]),
    /// Who manages the client.
    Controllers(Vec<Ipv4Addr>),
}

/// Reads option 43 as options of its own; `None` where it is not laid out so.
#[must_use]
pub fn sub_options(value: &[u8]) -> Option<Vec<SubOption<'_>>> {
    let mut rest = value;
    let mut read = Vec::new();
    loop {
        match rest {
            [] | [options::END, ..] => return Some(read).filter(|read| !read.is_empty()),
            [options::PAD, after @ ..] => rest = after,
            [code, length, after @ ..] => {
                let (value, after) = after.split_at_checked(usize::from(*length))?;
                read.push(SubOption { code: *code, value });
                rest = after;
            }
            _ => return None,
        }
    }
}

/// What a sub-option of option 43 means to the maker that option 60 names.
#[must_use]
pub fn meaning<'v>(class: Option<&[u8]>, option: SubOption<'v>) -> Option<Meaning<'v>> {
    let is = |prefix: &[u8]| class.is_some_and(|class| class.starts_with(prefix));
    let controllers = || value::addresses(option.value).map(Meaning::Controllers);
    if is(b"docsis") || is(b"pktc") {
        let key = match option.code {
            4 => Key::Serial,
            5 => Key::Hardware,
            6 => Key::Firmware,
            9 => Key::Model,
            10 => Key::Vendor,
            _ => return None,
        };
        return Some(Meaning::Attribute(key, option.value));
    }
    match option.code {
        1 if is(b"ubnt") => controllers(),
        CISCO_CONTROLLERS if class.is_none() || is(b"Cisco AP") => controllers(),
        _ => None,
    }
}

/// What the client tells of itself in option 125, where the enterprise is known.
#[must_use]
pub fn identified<'v>(data: &Identified<'v>) -> Vec<(Key, &'v [u8])> {
    if data.enterprise != BROADBAND_FORUM {
        return Vec::new();
    }
    let key = |code| match code {
        2 => Some(Key::Serial),
        3 => Some(Key::Model),
        _ => None,
    };
    let read = data.sub_options().unwrap_or_default();
    read.iter().filter_map(|option| key(option.code).map(|key| (key, option.value))).collect()
}

const BROADBAND_FORUM: u32 = 3561;
const CISCO_CONTROLLERS: u8 = 241;

#[cfg(test)]
mod tests {
    use super::*;

    fn meanings<'v>(class: Option<&[u8]>, value: &'v [u8]) -> Vec<Meaning<'v>> {
        sub_options(value)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|option| meaning(class, option))
            .collect()
    }

    #[test]
    fn cable_modem_tells_what_it_is() {
        let value = b"\x02\x02CM\x04\x03S17\x09\x02M9\x0a\x04Acme\xff";
        let expected = [
            Meaning::Attribute(Key::Serial, b"S17"),
            Meaning::Attribute(Key::Model, b"M9"),
            Meaning::Attribute(Key::Vendor, b"Acme"),
        ];
        assert_eq!(meanings(Some(b"docsis3.0:"), value), expected);
        assert_eq!(meanings(Some(b"other"), value), []);
    }

    #[test]
    fn controllers_are_read() {
        let controller = [Meaning::Controllers(vec![Ipv4Addr::new(192, 0, 2, 9)])];
        assert_eq!(meanings(Some(b"ubnt"), b"\x01\x04\xc0\0\x02\x09"), controller);
        assert_eq!(meanings(Some(b"Cisco AP c2700"), b"\xf1\x04\xc0\0\x02\x09"), controller);
        assert_eq!(meanings(None, b"\xf1\x04\xc0\0\x02\x09"), controller);
        assert_eq!(meanings(Some(b"MSFT 5.0"), b"\x01\x04\0\0\0\x02"), []);
    }

    #[test]
    fn empty_or_plain_text_is_no_sub_option() {
        assert_eq!(sub_options(&[]), None);
        assert_eq!(sub_options(b"\0\0\xff"), None);
        assert_eq!(sub_options(b"192.0.2.9"), None);
    }

    #[test]
    fn gateway_tells_serial_and_model_by_enterprise() {
        let data = b"\x01\x06A1B2C3\x02\x02S1\x03\x02M1";
        let expected = [(Key::Serial, b"S1".as_slice()), (Key::Model, b"M1")];
        assert_eq!(identified(&Identified { enterprise: 3561, data }), expected);
        assert_eq!(identified(&Identified { enterprise: 9, data }), []);
        assert_eq!(identified(&Identified { enterprise: 3561, data: b"\x02\x09S" }), []);
    }
}
