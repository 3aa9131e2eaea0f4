//! `snmp-v1v2c`: a device is managed over SNMP without protection.
//!
//! ## What it says
//! A device of the site answered SNMP version 1 or 2c.
//!
//! ## Why it matters
//! The community is a password in clear text, and nothing proves who asks (RFC 3584, 8): who sits on the way can read the device's state and, with the community
//! for writing, change it.
//!
//! ## Where it is wrong
//! A device that answers version 3 to others is told as well, for as long as it answers the old ones.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "snmp-v1v2c",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("snmp_v1v2c.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::ClearSecret { .. }),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let is_asked = matches!(seen.fact, Fact::ClearSecret { .. }) && seen.subject.port == AGENT;
    is_asked.then(|| Sight::of(seen, "an answer by SNMP with a community"))
}

/// The port that an agent answers from (RFC 3417, 3.1); traps go out from any.
const AGENT: u16 = 161;

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Unprotected SNMP at {who}"),
        summary: format!(
            "{who} is watched over an old form of SNMP that protects nothing: its password can be read on the way. {turn}: change to SNMPv3."
        ),
        detail: format!("{what}, version 1 or 2c (RFC 3584, 8; RFC 3411)."),
        remedy: "Set up SNMPv3 with authentication and privacy (SHA-2, AES) on the device and in the management system, and turn versions 1 and 2c off.".to_owned(),
        verify: "The device answers SNMPv3 alone.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_at;
    use super::*;

    #[test]
    fn who_answers_to_a_community_is_told_and_who_sends_a_trap_is_not() {
        let said = (1, Fact::ClearSecret { is_default: false });
        assert_eq!(kinds_at(161, &KIND, &[&said]).len(), 1);
        assert!(kinds_at(50_000, &KIND, &[&said]).is_empty());
    }
}
