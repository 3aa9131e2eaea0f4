//! `weak-authentication`: logins rest on MD5.
//!
//! ## What it says
//! A device of the site accepted a login by Digest with MD5, over a connection that is not encrypted. From three devices on it is the rule of the site
//! and told once.
//!
//! ## Why it matters
//! Whoever records such a login can try passwords at home, thousands of millions a second (RFC 7616 keeps MD5 for old peers only). A long
//! password holds all the same.
//!
//! ## Where it is wrong
//! The device may offer SHA-256 to others: the client chose.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, Outcome};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "weak-authentication",
    category: "weakness",
    severity: Severity::Info,
    source: include_str!("weak_authentication.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: true,
    reads: |fact| matches!(fact, Fact::Login(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Login(login) = &seen.fact else { return None };
    let is_weak = login.scheme.starts_with("digest-md5") && login.outcome == Outcome::Accepted;
    is_weak.then(|| Sight::of(seen, format!("{} Digest with MD5", seen.source.to_uppercase())))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Logins by MD5 at {who}"),
        summary: format!(
            "{who}: whoever records a login can try out passwords at leisure. Long passwords hold; SHA-256 or TLS is better. {turn}, with the next change of settings."
        ),
        detail: format!("{what} (RFC 7616, 5.13)."),
        remedy: "Use passwords of 12 characters and more; where devices and recorders can, set Digest to SHA-256 or use TLS.".to_owned(),
        verify: "Logins come by SHA-256, or over TLS.".to_owned(),
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
    fn md5_is_told_and_sha_256_is_not() {
        assert_eq!(
            kinds(&KIND, &[&login("digest-md5", Outcome::Accepted)])[0].evidence[0].text,
            "TEST Digest with MD5"
        );
        assert!(kinds(&KIND, &[&login("digest-md5", Outcome::Rejected)]).is_empty());
        assert!(kinds(&KIND, &[&login("digest-sha-256", Outcome::Accepted)]).is_empty());
    }
}
