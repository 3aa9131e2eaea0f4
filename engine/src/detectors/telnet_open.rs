//! `telnet-open`: a device answers Telnet.
//!
//! ## What it says
//! A device of the site answered as a server of Telnet: it told its options, or asked for a login.
//!
//! ## Why it matters
//! Passwords and all that is typed cross the network as they are (RFC 854), and worms that seek cameras begin here.
//!
//! ## Where it is wrong
//! A console server that offers Telnet on purpose, in a network of its own, is told too.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "telnet-open",
    category: "weakness",
    severity: Severity::High,
    source: include_str!("telnet_open.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Service { .. }),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    matches!(seen.fact, Fact::Service { protocol: "telnet" })
        .then(|| Sight::of(seen, format!("Telnet on port {}", seen.subject.port)))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Telnet is open at {who}"),
        summary: format!(
            "{who} lets people in by Telnet, an old way that shows passwords to everybody on the way and that worms look for. {turn}: switch it off."
        ),
        detail: format!("It answers {what}, without encryption (RFC 854)."),
        remedy: "Switch Telnet off in the device's network settings; use SSH or HTTPS. Where it cannot be switched off, update the firmware or block TCP port 23 towards the device.".to_owned(),
        verify: "A connection to the device's Telnet port is refused.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_at;
    use super::*;

    #[test]
    fn who_answers_telnet_is_told_and_who_answers_ssh_is_not() {
        let serves = |protocol| (1, Fact::Service { protocol });
        assert_eq!(kinds_at(23, &KIND, &[&serves("telnet")])[0].evidence[0].text, "Telnet on port 23");
        assert!(kinds_at(23, &KIND, &[&serves("ssh")]).is_empty());
    }
}
