//! `no-forward-secrecy`: who gets hold of a device's key later can read all that was recorded before.
//!
//! ## What it says
//! A device of the site, as a server, chose a cipher suite in which the session's secret travels under the certificate's own key
//! (static RSA, DH or ECDH). From three devices on it is the rule of the site and told once.
//!
//! ## Why it matters
//! Firmware is public, and with it the keys that a maker put into it. RFC 9325 (4.1) and NIST SP 800-52r2 ask for suites with ECDHE.
//!
//! ## Where it is wrong
//! The client may have offered nothing better.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{CipherSuite, Fact, TlsRole};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "no-forward-secrecy",
    category: "weakness",
    severity: Severity::Info,
    source: include_str!("no_forward_secrecy.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: true,
    reads: |fact| matches!(fact, Fact::Tls(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Tls(side) = &seen.fact else { return None };
    let cipher = side.cipher.filter(|it| side.role == TlsRole::Server && is_static(*it))?;
    Some(Sight::of(seen, cipher.to_string()))
}

fn is_static(cipher: CipherSuite) -> bool {
    let name = cipher.to_string();
    let exchanges = ["TLS_RSA_", "TLS_DH_", "TLS_ECDH_"];
    exchanges.iter().any(|exchange| name.starts_with(exchange)) && !name.contains("_anon_")
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("No forward secrecy at {who}"),
        summary: format!(
            "{who}: what is recorded of the encrypted connections today can be read by whoever gets the device's key later. {turn}, with the next firmware update."
        ),
        detail: format!("Chosen by the server: {what}; the key exchange is not ephemeral (RFC 9325, 4.1)."),
        remedy: "Allow suites with ECDHE, and put them first; update firmware that has none.".to_owned(),
        verify: "New connections choose a suite with ECDHE, or TLS 1.3.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{kinds, server, server_of};
    use super::*;

    #[test]
    fn static_exchanges_are_told_and_ephemeral_ones_are_not() {
        for (number, is_told) in [
            (0x002f, true),
            (0x009c, true),
            (0xc004, true),
            (0xc02f, false),
            (0x1301, false),
            (0x0018, false),
        ] {
            let seen = server(|side| side.cipher = Some(CipherSuite(number)));
            assert_eq!(kinds(&KIND, &[&seen]).len(), usize::from(is_told), "{}", CipherSuite(number));
        }
    }

    #[test]
    fn where_it_is_the_rule_it_is_told_once() {
        let all: Vec<_> =
            (1..=4).map(|host| server_of(host, |side| side.cipher = Some(CipherSuite(0x002f)))).collect();
        let all: Vec<_> = all.iter().collect();
        assert_eq!(kinds(&KIND, &all[..2]).len(), 2);
        let [finding] = &kinds(&KIND, &all)[..] else { panic!("one finding") };
        assert_eq!((finding.devices.len(), finding.evidence.len(), finding.count), (4, 4, 4));
        assert_eq!(finding.title, "No forward secrecy at 4 devices");
    }
}
