//! `smb1`: a device shares files by the first version of SMB.
//!
//! ## What it says
//! A device of the site agreed, as a server, on SMB 1.
//!
//! ## Why it matters
//! It protects neither logins nor files, and worms spread by its faults (MS17-010); its makers no longer ship it.
//!
//! ## Where it is wrong
//! Nowhere known: a request in the form of version 1 that ends in version 2 or 3 is not told.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "smb1",
    category: "weakness",
    severity: Severity::High,
    source: include_str!("smb1.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Version { .. }),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Version { version } = &seen.fact else { return None };
    let is_first = seen.source == "smb" && version.as_str().split([' ', '.']).next() == Some("1");
    is_first.then(|| Sight::of(seen, format!("SMB {version}")))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("SMB 1 in use at {who}"),
        summary: format!(
            "{who} shares its files by a version of Windows file sharing that is thirty years old and that worms break into. {turn}: allow newer versions alone."
        ),
        detail: format!("It agreed on {what} (MS-CIFS); that version has no protection that holds (MS17-010)."),
        remedy: "Switch SMB 1 off on the device and on those that connect to it, and allow SMB 2.1 or newer, signed; where the device knows no other, take its shares away or update it.".to_owned(),
        verify: "The device agrees on SMB 2 or 3 alone.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_in;
    use super::*;
    use crate::finding::Finding;

    fn told(source: &'static str, version: &str) -> Vec<Finding> {
        kinds_in(source, 445, &KIND, &[&(1, Fact::Version { version: version.into() })])
    }

    #[test]
    fn first_version_is_told_and_later_ones_are_not() {
        assert_eq!(told("smb", "1 (NT LM 0.12)")[0].evidence[0].text, "SMB 1 (NT LM 0.12)");
        for version in ["2.0.2", "2.1", "3.1.1", "10"] {
            assert!(told("smb", version).is_empty(), "{version}");
        }
    }

    #[test]
    fn version_of_another_protocol_says_nothing() {
        assert!(told("mqtt", "1").is_empty());
    }
}
