//! Names of switches and ports as machines write them: a MAC, an address, text, or anything.
//!
//! Option 82 of DHCP and LLDP both carry such names without saying, or without
//! saying truly, how they are written.

use std::fmt;
use std::net::IpAddr;

use crate::vocabulary::{Mac, Text};

/// A name, as far as its form is known; shown as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier<'a> {
    /// A MAC.
    Mac(Mac),
    /// An IP address.
    Address(IpAddr),
    /// Text.
    Text(&'a [u8]),
    /// Anything else, shown in hexadecimal.
    Opaque(&'a [u8]),
}

impl<'a> Identifier<'a> {
    /// Text where every byte can be printed, but for zeros at the end; else opaque.
    #[must_use]
    pub fn text_or_opaque(value: &'a [u8]) -> Self {
        let end = value.iter().rposition(|byte| *byte != 0);
        let text = end.and_then(|end| value.get(..=end));
        match text {
            Some(text) if is_printable(text) => Self::Text(text),
            _ => Self::Opaque(value),
        }
    }

    /// The MAC, where it is one.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        match self {
            Self::Mac(mac) => Some(*mac),
            _ => None,
        }
    }

    /// How it is shown.
    #[must_use]
    pub fn shown(&self) -> Text {
        match self {
            Self::Text(text) => Text::new(text),
            _ => Text::from(self.to_string().as_str()),
        }
    }
}

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => write!(f, "{mac}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Text(text) => f.write_str(Text::new(text).as_str()),
            Self::Opaque(bytes) => {
                f.write_str("0x")?;
                // Two digits a byte; what is past the longest text would be cut anyway.
                bytes.iter().take(Text::MAX / 2).try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// The text up to its first zero byte: fields of fixed length are filled up behind it,
/// and not always with zeros (seen in `sg200.pcap` of lldpd).
#[must_use]
pub fn before_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether it is UTF-8 without control characters.
fn is_printable(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_bytes_are_text_and_lose_their_zeros() {
        assert_eq!(Identifier::text_or_opaque(b"Gi1/0/7\0\0"), Identifier::Text(b"Gi1/0/7"));
        assert_eq!(Identifier::text_or_opaque("Büro".as_bytes()).shown().as_str(), "Büro");
    }

    #[test]
    fn other_bytes_are_shown_in_hexadecimal() {
        assert_eq!(Identifier::text_or_opaque(&[0, 7]).shown().as_str(), "0x0007");
        assert_eq!(Identifier::text_or_opaque(&[0, 0]).shown().as_str(), "0x0000");
    }

    #[test]
    fn what_stands_behind_a_zero_is_not_text() {
        assert_eq!(before_zero(b"M4\0\x0a\xff"), b"M4");
        assert_eq!(before_zero(b"M4"), b"M4");
        assert_eq!(before_zero(b"\0M4"), b"");
    }

    #[test]
    fn nothing_is_opaque() {
        assert_eq!(Identifier::text_or_opaque(&[]), Identifier::Opaque(&[]));
    }

    #[test]
    fn longest_name_stays_a_text() {
        assert!(Identifier::Opaque(&[0x80; 600]).shown().as_str().len() <= Text::MAX);
    }
}
