//! Passwords that manuals document, and those that everybody tries.
//!
//! ```text
//! vendor <tab> user <tab> password <tab> default or common <tab> source
//! ```
//!
//! *default* is documented for logins over HTTP, RTSP, ONVIF or SIP of that maker; *common* is what installers, other makers and
//! worms use. A row is known by its number; what it says of the password stays in this room.
//!
//! Source: the last column. Left out: what depends on the unit, as its MAC or its serial number.

use std::sync::OnceLock;

use spanwatch_parsers::Proof;

use crate::oui::date;
use crate::{Source, shipped};

/// One row of the list.
#[derive(Clone, Copy)]
struct Row {
    vendor: &'static str,
    user: &'static str,
    password: &'static str,
    is_default: bool,
}

/// The rows with whose password a login was made, for its user in any case; empty where there is none.
#[must_use]
pub fn matching(proof: &Proof) -> Vec<u16> {
    let own = (0_u16..).zip(rows()).filter(|(_, row)| row.user.as_bytes().eq_ignore_ascii_case(proof.user()));
    // The same password stands in many rows, one after the other where they are sorted by it.
    let mut last = None;
    let mut found: Vec<u16> = own
        .filter(|(_, row)| match last {
            Some((password, is_it)) if password == row.password => is_it,
            _ => {
                let is_it = proof.is_of(row.password.as_bytes());
                last = Some((row.password, is_it));
                is_it
            }
        })
        .map(|(number, _)| number)
        .collect();
    found.sort_unstable();
    found
}

/// Whether one of the rows is a documented default of this maker.
#[must_use]
pub fn is_default_of(numbers: &[u16], vendor: &str) -> bool {
    let named = numbers.iter().filter_map(|number| rows().get(usize::from(*number)));
    named.into_iter().any(|row| row.is_default && row.vendor == vendor)
}

/// Whether these are rows of one and the same password.
#[must_use]
pub fn are_of_one(numbers: &[u16]) -> bool {
    let mut named = numbers.iter().filter_map(|number| rows().get(usize::from(*number)));
    let first = named.next();
    first.is_some_and(|first| named.all(|row| row.password == first.password))
}

/// Sorted by password.
fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let lines = shipped::PASSWORDS.1.lines().filter(|line| !line.starts_with('#'));
        let mut rows: Vec<Row> = lines.filter_map(row).collect();
        rows.sort_by_key(|row| (row.password, row.user, row.vendor));
        rows
    })
}

fn row(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let (vendor, user, password) = (cells.next()?, cells.next()?, cells.next()?);
    Some(Row { vendor, user, password, is_default: cells.next()? == "default" })
}

/// The file that the list is made of.
pub(crate) fn source() -> Source {
    let (file, text) = shipped::PASSWORDS;
    Source::new("", file, date(text), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching_of(header: &str) -> Vec<u16> {
        matching(&Proof::of_header(header.as_bytes(), b"GET").unwrap())
    }

    #[test]
    fn every_row_is_whole_and_names_its_source() {
        let lines: Vec<&str> = shipped::PASSWORDS.1.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 5, "{line}");
            assert!(["default", "common"].contains(&cells[3]), "{line}");
            let is_said = |cell: &str| !cell.is_empty() && cell.trim() == cell;
            assert!(is_said(cells[0]) && is_said(cells[1]) && is_said(cells[4]), "{line}");
            assert!(cells[3] == "common" || cells[0] != "any", "{line}");
        }
        assert_eq!(rows().len(), lines.len());
        assert!(u16::try_from(rows().len()).is_ok());
    }

    #[test]
    fn a_default_is_one_of_its_maker_alone() {
        // admin:12345, in two writings of the user.
        for header in ["Basic YWRtaW46MTIzNDU=", "Basic QURNSU46MTIzNDU="] {
            let rows = matching_of(header);
            assert!(is_default_of(&rows, "Hikvision") && !is_default_of(&rows, "Axis"), "{header}");
        }
        assert!(!is_default_of(&[u16::MAX], "Hikvision"));
    }

    #[test]
    fn rows_of_two_passwords_are_told_from_rows_of_one() {
        // admin:12345, admin:admin.
        let [one, other] = ["Basic YWRtaW46MTIzNDU=", "Basic YWRtaW46YWRtaW4="].map(matching_of);
        assert!(one.len() > 1 && are_of_one(&one) && are_of_one(&other));
        assert!(!are_of_one(&[one, other].concat()) && !are_of_one(&[]));
    }

    #[test]
    fn another_password_or_another_user_matches_nothing() {
        // admin:hunter2, nobody:12345.
        for header in ["Basic YWRtaW46aHVudGVyMg==", "Basic bm9ib2R5OjEyMzQ1"] {
            assert!(matching_of(header).is_empty());
        }
    }
}
