//! `certificate-weak-key`: the key in a device's certificate is too short to hold.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate with an RSA key below 2048 bits, an elliptic curve below 224, or a DSA key.
//!
//! ## Why it matters
//! Keys below a strength of 112 bits must not be used (NIST SP 800-131A, SP 800-57 part 1); RSA of 512 bits has been broken for the price of a
//! meal. Who has the key can pose as the device.
//!
//! ## Where it is wrong
//! From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Certificate;

use super::certificates::{self, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-weak-key",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("certificate_weak_key.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: certificates::reads,
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let (certificate, _) = of_server(seen)?;
    let key = weakness(certificate)?;
    Some(Sight::of(seen, format!("{}, {key}", shown_as(certificate))))
}

/// What key it is, where it is a weak one.
fn weakness(certificate: &Certificate) -> Option<String> {
    let least = match certificate.key {
        "rsa" => 2048,
        "ec" => 224,
        // FIPS 186-5 allows none.
        "dsa" => u32::MAX,
        _ => return None,
    };
    let bits = certificate.key_bits.filter(|bits| *bits < least)?;
    Some(format!("{} key of {bits} bits", certificate.key.to_uppercase()))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Key too short at {who}"),
        summary: format!(
            "{who} proves its identity with a key that is too short: somebody with time can find it out and pose as the device. {turn}: make a new key and certificate."
        ),
        detail: format!("{what}; NIST SP 800-131A asks for 2048 bits of RSA or 224 of an elliptic curve."),
        remedy: "Make a new key (RSA of 2048 bits, or P-256) and certificate on the device; update firmware that offers neither.".to_owned(),
        verify: "New connections show a certificate with such a key.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{certified, kinds};
    use super::*;

    #[test]
    fn short_keys_are_told_and_others_are_not() {
        for (key, bits, is_told) in [
            ("rsa", 1024, true),
            ("rsa", 2048, false),
            ("ec", 192, true),
            ("ec", 256, false),
            ("dsa", 2048, true),
            ("ed25519", 256, false),
        ] {
            let seen = certified(|it| (it.key, it.key_bits) = (key, Some(bits)));
            assert_eq!(kinds(&KIND, &[&seen]).len(), usize::from(is_told), "{key} {bits}");
        }
        let seen = certified(|it| it.key_bits = Some(1024));
        assert_eq!(kinds(&KIND, &[&seen])[0].evidence[0].text, "CN=camera, RSA key of 1024 bits");
    }
}
