//! Cells of the site's list: what people write for an address, an importance, nothing.

use std::borrow::Cow;
use std::net::IpAddr;

use spanwatch_parsers::{Mac, Text};

use super::Importance;
use crate::ledger::directory::is_device_address;

/// A cell as it is kept, or `None` where nothing stands in it. An apostrophe that keeps a spreadsheet from
/// calculating goes, and so does what may be a secret in an address of the web.
pub(super) fn cell(written: &str) -> Option<Text> {
    let written = written.trim();
    let bare = written.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(written);
    let cell = Text::some(without_secrets(bare).as_bytes())?;
    (!NOTHING.iter().any(|said| cell.as_str().eq_ignore_ascii_case(said))).then_some(cell)
}

/// Reads a MAC, written as `00:11:22:33:44:55`, with `-` or `.` between, or with nothing between.
pub(in crate::ledger) fn mac(cell: &str) -> Option<Mac> {
    let digits: String = cell.chars().filter(|it| !matches!(it, ':' | '-' | '.' | ' ')).collect();
    if digits.len() != 12 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(&digits, 16).ok()?;
    let bytes = number.to_be_bytes();
    Mac::from_slice(bytes.get(2..)?).filter(|mac| mac.is_device())
}

/// Reads an address that one device can hold; the length of its network may stand behind it.
pub(super) fn ip(cell: &str) -> Option<IpAddr> {
    let (address, length) = cell.split_once('/').map_or((cell, None), |(ip, length)| (ip, Some(length)));
    let is_length = length.is_none_or(|it| it.parse::<u8>().is_ok_and(|it| it <= 128));
    address.trim().parse().ok().filter(|ip| is_length && is_device_address(*ip))
}

/// Reads an importance.
pub(super) fn importance(cell: &str) -> Option<Importance> {
    match cell.to_ascii_lowercase().as_str() {
        "critical" => Some(Importance::Critical),
        "normal" => Some(Importance::Normal),
        "unimportant" => Some(Importance::Unimportant),
        _ => None,
    }
}

/// Whether a column so called may hold secrets (Milestone's import calls it `HardwarePassword`).
pub(super) fn is_secret(header: &str) -> bool {
    let header = header.to_lowercase();
    let mut words = header.split(|it: char| !it.is_alphanumeric());
    SECRET.iter().any(|secret| header.contains(secret)) || words.any(|word| SECRET_WORDS.contains(&word))
}

/// Leaves account and password out of addresses as `rtsp://user:password@host/path?token`, and what follows
/// a question mark. A password may hold any sign but a space.
fn without_secrets(cell: &str) -> Cow<'_, str> {
    if !cell.contains("://") {
        return Cow::Borrowed(cell);
    }
    let word = |word: &str| match word.split_once("://") {
        Some((scheme, rest)) => {
            let rest = rest.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{}", rest.split('?').next().unwrap_or_default())
        }
        None => word.to_owned(),
    };
    Cow::Owned(cell.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];
/// What people write where they have nothing to write.
const NOTHING: [&str; 7] = ["-", "--", "?", "n/a", "na", "none", "unknown"];
/// What marks a column of secrets, within a word ...
const SECRET: [&str; 8] =
    ["passw", "passphrase", "pwd", "kennwort", "secret", "credential", "contrase", "mot de passe"];
/// ... and as a word.
const SECRET_WORDS: [&str; 6] = ["pass", "pin", "psk", "token", "community", "key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_read_as_people_write_them() {
        let expected = Some(Mac([0, 0x1a, 7, 0x2b, 0xff, 5]));
        for written in ["00:1a:07:2b:ff:05", "00-1A-07-2B-FF-05", "001a.072b.ff05", "001A072BFF05"] {
            assert_eq!(mac(written), expected, "{written}");
        }
        for wrong in ["1.12E+09", "00:1a:07:2b:ff", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "camera", "é"]
        {
            assert_eq!(mac(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_are_those_of_one_device() {
        assert_eq!(ip("192.0.2.7/24"), ip("192.0.2.7"));
        assert!(ip("2001:db8::7").is_some());
        for wrong in ["192.0.2.300", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.7/x", "dock 2"] {
            assert_eq!(ip(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_is_written_in_many_ways() {
        for nothing in ["", "  ", "-", "N/A", "unknown", "\u{0}"] {
            assert_eq!(cell(nothing), None, "{nothing:?}");
        }
        assert_eq!(cell("'=SUM(A1)"), Some("=SUM(A1)".into()));
        assert_eq!(cell("it's"), Some("it's".into()));
        assert_eq!(cell("a\u{1b}[31mb"), Some("a·[31mb".into()));
    }

    #[test]
    fn secrets_are_known_by_their_column_and_by_their_place() {
        for column in ["HardwarePassword", "pwd", "Admin pass", "PIN", "SNMP community", "Kennwort"] {
            assert!(is_secret(column), "{column}");
        }
        for column in ["Compass direction", "Spinning", "Username", "Keyboard", "Notes"] {
            assert!(!is_secret(column), "{column}");
        }
        let url = "see rtsp://admin:s3/c@ret@192.0.2.7:554/live?user=a&pwd=b or http://a:b@c";
        assert_eq!(cell(url), Some("see rtsp://192.0.2.7:554/live or http://c".into()));
    }
}
