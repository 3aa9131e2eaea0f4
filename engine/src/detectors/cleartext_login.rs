//! `cleartext-login`: a password crosses the network where everybody can read it.
//!
//! ## What it says
//! A device of the site accepted a login whose password is sent as it is (HTTP, RTSP or SIP Basic; Telnet, FTP, SMTP, MQTT), over a connection that is not
//! encrypted.
//!
//! ## Why it matters
//! Who sits on the way, or on another mirror port, reads the password and keeps it (RFC 7617, 4; RFC 4954, 9; RFC 2577, 8).
//!
//! ## Where it is wrong
//! Refused attempts are not told: they show a wrong password, and say nothing of the device. Nor is a login to a
//! server on the Internet, which is no device of the site.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, Outcome};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "cleartext-login",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("cleartext_login.rs"),
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
    let form = match login.scheme {
        _ if login.outcome != Outcome::Accepted => return None,
        "basic" => " Basic",
        "plain" => "",
        _ => return None,
    };
    let account =
        login.account.as_ref().map_or_else(String::new, |account| format!(" as {}", account.as_str()));
    Some(Sight::of(seen, format!("{}{form} login{account}", seen.source.to_uppercase())))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Password in clear text at {who}"),
        summary: format!(
            "{who} takes its password over an unprotected connection; everybody on the way can read it. {turn}: use an encrypted way in, and change the password afterwards."
        ),
        detail: format!("{what}, accepted without TLS (RFC 7617, 4; RFC 4954, 9)."),
        remedy: "Set the device's authentication to Digest only, better HTTPS or RTSP over TLS; use SSH for Telnet, and TLS for FTP, mail and MQTT; set recorders and viewers to the same; then change the password.".to_owned(),
        verify: "Logins at this device come by Digest, by SSH or over TLS.".to_owned(),
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
    fn an_accepted_plain_login_is_told_and_neither_a_refused_one_nor_digest() {
        let told = kinds(&KIND, &[&login("basic", Outcome::Accepted)]);
        assert_eq!(told[0].evidence[0].text, "TEST Basic login as admin");
        assert_eq!(
            kinds(&KIND, &[&login("plain", Outcome::Accepted)])[0].evidence[0].text,
            "TEST login as admin"
        );
        assert!(kinds(&KIND, &[&login("basic", Outcome::Rejected)]).is_empty());
        assert!(kinds(&KIND, &[&login("anonymous", Outcome::Accepted)]).is_empty());
        assert!(kinds(&KIND, &[&login("digest-md5", Outcome::Accepted)]).is_empty());
    }
}
