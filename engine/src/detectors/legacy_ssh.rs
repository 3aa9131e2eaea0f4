//! `legacy-ssh`: a device still agrees to ways of SSH that are given up.
//!
//! ## What it says
//! A device of the site, as a server, speaks version 1 of SSH, or offers a way to agree on keys, a key, or a cipher that standards forbid or advise
//! against: RFC 9142, 3 (`diffie-hellman-group1-sha1`, `diffie-hellman-group-exchange-sha1`, `rsa1024-sha1`), RFC 8758 (`arcfour`),
//! SP 800-131A revision 2 (`ssh-dss`, `3des-cbc`), `des-cbc` and none at all.
//!
//! ## Why it matters
//! Who sits on the way can bring both sides to the weakest way that they share, and read or change what is typed.
//!
//! ## Where it is wrong
//! A client that knows better ways uses those: what is offered need not be what is used.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, KeyExchange, Text};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "legacy-ssh",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("legacy_ssh.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::KeyExchange(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::KeyExchange(exchange) = &seen.fact else { return None };
    let weak = weak(exchange);
    (exchange.is_server && !weak.is_empty()).then(|| Sight::of(seen, weak.join(", ")))
}

/// What of it is given up.
fn weak(exchange: &KeyExchange) -> Vec<String> {
    let KeyExchange { version, keys, host_keys, ciphers, sums, .. } = exchange;
    let old = version.as_str().starts_with("1.").then(|| format!("SSH version {version}"));
    let among = |names: &[Text], weak: &'static [&'static str]| {
        let found = names.iter().map(Text::as_str).filter(move |name| weak.contains(name));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let none = [ciphers, sums].iter().any(|names| names.iter().any(|name| name.as_str() == "none"));
    let parts = [among(keys, KEYS), among(host_keys, HOST_KEYS), among(ciphers, CIPHERS)];
    let none = none.then(|| "no protection (none)".to_owned());
    old.into_iter().chain(parts.into_iter().flatten()).chain(none).collect()
}

const KEYS: &[&str] = &["diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1", "rsa1024-sha1"];
const HOST_KEYS: &[&str] = &["ssh-dss"];
const CIPHERS: &[&str] = &["arcfour", "arcfour128", "arcfour256", "des-cbc", "des-cbc@ssh.com", "3des-cbc"];

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Outdated SSH at {who}"),
        summary: format!(
            "{who} still takes old forms of encrypted login that no longer hold. {turn}: update its firmware or allow newer forms alone."
        ),
        detail: format!("It offers {what} (RFC 9142, 3; RFC 8758; SP 800-131A revision 2)."),
        remedy: "Update the device's firmware; where its SSH can be set, leave curve25519-sha256 or diffie-hellman-group14-sha256, ed25519 or RSA keys with SHA-2, and AES in CTR or GCM mode alone. Switch SSH off where nobody uses it.".to_owned(),
        verify: "The device's SSH offers none of them: ssh -vv shows its lists.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{Said, kinds};
    use super::*;

    fn offers(is_server: bool, version: &str, lists: [&str; 4]) -> Said {
        let [keys, host_keys, ciphers, sums] =
            lists.map(|names| names.split(',').map(Text::from).collect::<Box<[Text]>>());
        let version = version.into();
        (1, Fact::KeyExchange(Box::new(KeyExchange { is_server, version, keys, host_keys, ciphers, sums })))
    }

    const MODERN: [&str; 4] = ["curve25519-sha256", "ssh-ed25519,ssh-rsa", "aes128-ctr", "hmac-sha1"];

    #[test]
    fn what_is_given_up_is_told_and_what_is_not_is_not() {
        let old = ["curve25519-sha256,diffie-hellman-group1-sha1", "ssh-dss", "3des-cbc,none", "hmac-md5"];
        let told = kinds(&KIND, &[&offers(true, "1.99", old)]);
        assert_eq!(
            told[0].evidence[0].text,
            "SSH version 1.99, diffie-hellman-group1-sha1, ssh-dss, 3des-cbc, no protection (none)"
        );
        assert!(kinds(&KIND, &[&offers(true, "2.0", MODERN)]).is_empty());
    }

    #[test]
    fn what_a_client_offers_is_not_told() {
        let old = ["diffie-hellman-group1-sha1", "ssh-dss", "arcfour", "hmac-md5"];
        assert!(kinds(&KIND, &[&offers(false, "2.0", old)]).is_empty());
    }
}
