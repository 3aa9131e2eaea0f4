//! `snmp-default-community`: everybody knows the SNMP password of a device.
//!
//! ## What it says
//! A device of the site answered SNMP version 1 or 2c with a community that is a documented default.
//!
//! ## Why it matters
//! It is the first that anybody tries; with the one for writing he changes settings at will.
//!
//! ## Where it is wrong
//! Which community it was is not shown. Traps are not judged: their community need not be one that the device answers to.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "snmp-default-community",
    category: "weakness",
    severity: Severity::High,
    source: include_str!("snmp_default_community.rs"),
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
    let is_default = matches!(seen.fact, Fact::ClearSecret { is_default: true });
    let is_asked = is_default && seen.subject.port == AGENT;
    is_asked.then(|| Sight::of(seen, "an answer by SNMP to a documented default community"))
}

/// The port that an agent answers from (RFC 3417, 3.1); traps go out from any.
const AGENT: u16 = 161;

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Default SNMP password at {who}"),
        summary: format!(
            "{who} gives its data to whoever asks with a password that stands in every manual. {turn}: change it, better use SNMPv3."
        ),
        detail: format!("{what} (version 1 or 2c; RFC 3584, 8)."),
        remedy: "Delete the default communities, for reading and for writing; set up SNMPv3 with authentication and privacy.".to_owned(),
        verify: "The device no longer answers to a default community.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_at;
    use super::*;

    #[test]
    fn a_default_is_told_and_another_community_or_a_trap_is_not() {
        let said = |is_default| (1, Fact::ClearSecret { is_default });
        assert_eq!(kinds_at(161, &KIND, &[&said(true)]).len(), 1);
        assert!(kinds_at(161, &KIND, &[&said(false)]).is_empty());
        assert!(kinds_at(50_000, &KIND, &[&said(true)]).is_empty());
    }
}
