//! `default-password`: a device still takes the password that its manual names.
//!
//! ## What it says
//! A device of the site accepted a login whose password is a documented default of its maker for that account, worked out from the login itself.
//! Basic and Digest (HTTP, RTSP, SIP), UsernameTokens (ONVIF) and plain logins (Telnet, FTP, mail, MQTT) are compared; nobody is asked anything. `--no-password-test` leaves it out.
//!
//! ## Why it matters
//! Whoever can read its maker's manual has the device; worms try these passwords first.
//!
//! ## Where it is wrong
//! A server that takes any password for a UsernameToken proves nothing by accepting one: of an account that is taken with two passwords nothing is told, but as
//! long as all log in with the same one it is. The maker must be known: until then it is told as `weak-password`.
//!
//! ## State
//! See [`super::weakness`]. The password is in no observation: rows of a list are.

use spanwatch_fingerprints::passwords;
use spanwatch_parsers::Fact;

use super::weakness::{Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::identity::Attribute;
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "default-password",
    category: "weakness",
    severity: Severity::Critical,
    source: include_str!("default_password.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule { kind: &KIND, see, words, confidence: 98, is_common: false, reads, applies };

/// See [`super::Detector::reads`].
pub const fn reads(fact: &Fact) -> bool {
    matches!(fact, Fact::KnownPassword(_))
}

/// Who accepted which account with a known password.
pub fn see(seen: &Observation) -> Option<Sight> {
    let Fact::KnownPassword(known) = &seen.fact else { return None };
    let account =
        known.account.as_ref().map_or_else(String::new, |account| format!(" as {}", account.as_str()));
    let by = if known.is_token { "ONVIF".to_owned() } else { seen.source.to_uppercase() };
    let mut rows = known.rows.to_vec();
    if known.is_token {
        rows.push(if rows.is_empty() { OTHER } else { TOKEN });
    }
    Some(Sight { rows, ..Sight::of(seen, format!("{by} login{account}")) })
}

/// Whether the rows of an account show that the server looked at its password.
pub fn is_proved(rows: &[u16]) -> bool {
    !rows.contains(&OTHER) && (!rows.contains(&TOKEN) || passwords::are_of_one(rows))
}

/// Among the rows of an account: it was taken by a UsernameToken of one of them, and of a password that is in none.
const TOKEN: u16 = u16::MAX;
const OTHER: u16 = u16::MAX - 1;

/// Whether one of the rows is a default of the device's maker.
pub fn applies(rows: &[u16], device: &Device) -> bool {
    let vendor = device.identity.best(Attribute::Vendor);
    is_proved(rows) && vendor.is_some_and(|(vendor, _)| passwords::is_default_of(rows, vendor.as_str()))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Documented default password at {who}"),
        summary: format!(
            "{who} still takes the password that its manual names: whoever reaches it has it. {turn}: change the password today."
        ),
        detail: format!("{what}, accepted with a documented default of its maker."),
        remedy: "Give the device a password of its own, 12 characters or more, and set recorders and viewers to it; use HTTPS or RTSP over TLS where it can. Look whether its settings or accounts were changed.".to_owned(),
        verify: "A login with the old password is refused.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Key, KnownPassword, Mac, Proof};

    use super::super::bench::{Bench, mac, party, s};
    use super::super::weak_password;
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    /// What is found of both kinds where a device of this maker accepts admin:12345, a default of Hikvision's.
    fn found(vendor: Option<&str>, is_known_first: bool) -> [Vec<Finding>; 2] {
        let proof = Proof::of_header(b"Basic YWRtaW46MTIzNDU=", b"GET").expect("a proof");
        let rows = passwords::matching(&proof).into();
        let known = Fact::KnownPassword(Box::new(KnownPassword {
            account: Some("admin".into()),
            rows,
            is_token: false,
        }));
        let mut bench = Bench::new();
        let own: Mac = mac(7);
        bench.claims(s(1), own, "192.0.2.7", None);
        let named = vendor.map(|vendor| Fact::Attribute { key: Key::Vendor, value: vendor.into() });
        let mut said: Vec<Fact> = named.into_iter().collect();
        said.insert(if is_known_first { said.len() } else { 0 }, known);
        for (at, fact) in (2..).zip(said) {
            bench.sees(s(at), party(own, "192.0.2.7", None), Party::default(), fact);
        }
        [bench.of(&KIND), bench.of(&weak_password::KIND)]
    }

    #[test]
    fn a_default_is_told_of_its_maker_whenever_he_is_known() {
        for is_known_first in [true, false] {
            let [default, weak] = found(Some("Hikvision"), is_known_first);
            assert!(weak.is_empty());
            assert_eq!(default[0].evidence[0].text, "TEST login as admin");
        }
    }

    #[test]
    fn account_that_a_token_opens_with_two_passwords_is_not_told() {
        // admin:12345, admin:admin, and one that is in no list.
        let [default, common] = [&b"Basic YWRtaW46MTIzNDU="[..], b"Basic YWRtaW46YWRtaW4="]
            .map(|login| passwords::matching(&Proof::of_header(login, b"GET").expect("a proof")));
        let told = |is_token, logins: &[&[u16]]| {
            let mut bench = Bench::new();
            bench.claims(s(1), mac(7), "192.0.2.7", None);
            for (at, rows) in (2..).zip(logins) {
                let known = KnownPassword { account: Some("admin".into()), rows: (*rows).into(), is_token };
                let known = Fact::KnownPassword(Box::new(known));
                bench.sees(s(at), party(mac(7), "192.0.2.7", None), Party::default(), known);
            }
            bench.of(&weak_password::KIND).len()
        };
        assert_eq!(told(true, &[&default, &default]), 1);
        assert_eq!(told(true, &[&default, &common]), 0);
        assert_eq!((told(true, &[&default, &[]]), told(true, &[&[], &default])), (0, 0));
        assert_eq!(
            told(false, &[&default, &common]),
            1,
            "it was changed, or another server of the device takes it"
        );
    }

    #[test]
    fn what_is_no_default_of_the_maker_is_a_common_password() {
        for vendor in [Some("Axis"), None] {
            let [default, weak] = found(vendor, true);
            assert_eq!((default.len(), weak.len()), (0, 1), "{vendor:?}");
        }
    }
}
