//! `ftp-open`: a device answers FTP.
//!
//! ## What it says
//! A device of the site answered as a server of FTP, and was never seen to begin TLS there.
//!
//! ## Why it matters
//! Passwords and files cross the network as they are (RFC 2577, 8), and firmware or recordings may be fetched or put there.
//!
//! ## Where it is wrong
//! A file server is meant to answer. One that begins TLS for some and takes plain logins of others is not told here; its plain logins are `cleartext-login`.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, TlsRole};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "ftp-open",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("ftp_open.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Service { .. } | Fact::Tls(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    match &seen.fact {
        Fact::Service { protocol: "ftp" } => {
            Some(Sight::of(seen, format!("FTP on port {}", seen.subject.port)))
        }
        Fact::Tls(side) if seen.source == "ftp" && side.role == TlsRole::Server => Some(Sight::none_of(seen)),
        _ => None,
    }
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("FTP is open at {who}"),
        summary: format!(
            "{who} offers its files by FTP, an old way that shows passwords and files to everybody on the way. {turn}: switch it off."
        ),
        detail: format!("It answers {what}, without TLS (RFC 2577, 8)."),
        remedy: "Switch FTP off in the device's network settings; use SFTP, FTP over TLS or HTTPS where files must be fetched.".to_owned(),
        verify: "A connection to the device's FTP port is refused, or it begins TLS before any login.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::kinds_at;
    use super::*;

    #[test]
    fn who_answers_ftp_is_told_and_who_answers_another_protocol_is_not() {
        let serves = |protocol| (1, Fact::Service { protocol });
        assert_eq!(kinds_at(21, &KIND, &[&serves("ftp")])[0].evidence[0].text, "FTP on port 21");
        assert!(kinds_at(21, &KIND, &[&serves("ssh")]).is_empty());
    }
}
