//! `plaintext-token`: an ONVIF login bears its password in clear text.
//!
//! ## What it says
//! A device of the site accepted an ONVIF request whose UsernameToken has the form PasswordText, over a connection that is not encrypted.
//!
//! ## Why it matters
//! Who sits on the way reads the password and keeps it (OASIS, WS-Security UsernameToken profile 1.1). ONVIF asks for PasswordDigest there.
//!
//! ## Where it is wrong
//! Refused attempts are not told.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, Outcome};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "plaintext-token",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("plaintext_token.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Login(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Login(login) = &seen.fact else { return None };
    let is_clear = login.scheme == "wsse-text" && login.outcome == Outcome::Accepted;
    let account =
        login.account.as_ref().map_or_else(String::new, |account| format!(" of {}", account.as_str()));
    is_clear.then(|| Sight::of(seen, format!("PasswordText token{account}")))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("ONVIF password in clear text at {who}"),
        summary: format!(
            "{who} takes its ONVIF password in clear text; everybody on the way can read it. {turn}: set the recorder to the digest form or to HTTPS, and change the password afterwards."
        ),
        detail: format!("{what}, accepted without TLS (OASIS UsernameToken profile 1.1, 3.1)."),
        remedy: "Let recorders and viewers log in with PasswordDigest or HTTP Digest, better over HTTPS; then change the password.".to_owned(),
        verify: "ONVIF requests to this device bear a PasswordDigest, or come over TLS.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Fact, Login, Outcome};

    use super::super::weakness::bench::kinds;
    use super::*;

    fn login(scheme: &'static str, outcome: Outcome) -> (u8, Fact) {
        (1, Fact::Login(Box::new(Login { account: Some("admin".into()), scheme, outcome })))
    }

    #[test]
    fn an_accepted_text_is_told_and_neither_a_refused_one_nor_a_digest() {
        let told = kinds(&KIND, &[&login("wsse-text", Outcome::Accepted)]);
        assert_eq!(told[0].evidence[0].text, "PasswordText token of admin");
        assert!(kinds(&KIND, &[&login("wsse-text", Outcome::Rejected)]).is_empty());
        assert!(kinds(&KIND, &[&login("wsse-digest", Outcome::Accepted)]).is_empty());
    }
}
