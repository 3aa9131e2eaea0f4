//! `cleartext-management`: a device is managed in clear.
//!
//! ## What it says
//! A device of the site took orders that change its settings, accounts or firmware over HTTP without TLS, or let somebody in by Telnet.
//!
//! ## Why it matters
//! Who sits on the way reads and may change what is ordered; sessions can be taken over (IEC 62443-3-3 SR 3.1).
//!
//! ## Where it is wrong
//! Digest protects the password of such a session and nothing else: it is told all the same. A session that only looks at settings is not told.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, Order, Outcome};

use super::orders::obeyed;
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "cleartext-management",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("cleartext_management.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 95,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Command(_) | Fact::Login(_) | Fact::Anonymous { .. }),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    match &seen.fact {
        Fact::Command(_) => obeyed(seen, &[Order::Configure, Order::Account, Order::Firmware, Order::Reset]),
        Fact::Login(login) if seen.source == "telnet" && login.outcome == Outcome::Accepted => {
            Some(Sight::of(seen, "a Telnet session"))
        }
        Fact::Anonymous { given: Some(_) } if seen.source == "telnet" => {
            Some(Sight::of(seen, "a Telnet session"))
        }
        _ => None,
    }
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} is managed in clear text"),
        summary: format!(
            "{who} is set up over an unprotected connection; everybody on the way can read it, and change it. {turn}: use HTTPS or SSH for it."
        ),
        detail: format!("In clear: {what}."),
        remedy: "Switch HTTPS on and HTTP off for the device's own pages and interfaces, and set recorders and tools to it; use SSH for Telnet.".to_owned(),
        verify: "No order reaches the device but inside TLS or SSH.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_in;
    use super::*;

    #[test]
    fn a_session_of_telnet_is_told_and_a_refused_login_is_not() {
        let login = |outcome| {
            let login = spanwatch_parsers::Login { account: None, scheme: "plain", outcome };
            (1, Fact::Login(Box::new(login)))
        };
        assert_eq!(kinds_in("telnet", 23, &KIND, &[&login(Outcome::Accepted)]).len(), 1);
        assert!(kinds_in("telnet", 23, &KIND, &[&login(Outcome::Rejected)]).is_empty());
        assert!(kinds_in("ftp", 21, &KIND, &[&login(Outcome::Accepted)]).is_empty());
    }
}
