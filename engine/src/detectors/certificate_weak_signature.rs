//! `certificate-weak-signature`: a device's certificate is signed by a method that can be forged.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate that somebody else signed with MD2, MD4, MD5 or SHA-1.
//!
//! ## Why it matters
//! Two contents with one such hash can be made, so that a signature proves nothing (RFC 6151, RFC 9155, NIST SP 800-131A).
//!
//! ## Where it is wrong
//! Who signed himself proves nothing by it anyhow: that is `certificate-self-signed`, and not told here. From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-weak-signature",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("certificate_weak_signature.rs"),
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
    let signature = certificate.signature.as_str().to_lowercase();
    let is_broken = BROKEN.iter().any(|hash| signature.contains(hash)) && !certificate.is_self_signed;
    is_broken.then(|| {
        Sight::of(seen, format!("{}, signed with {}", shown_as(certificate), certificate.signature.as_str()))
    })
}

/// As the names of algorithms have them.
const BROKEN: [&str; 5] = ["md2", "md4", "md5", "sha1", "sha-1"];

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Certificate with a forgeable signature at {who}"),
        summary: format!(
            "{who} identifies itself with a certificate whose signature can be forged, so that it proves nothing. {turn}: give it a new one."
        ),
        detail: format!("{what}."),
        remedy: "Issue a new certificate, signed with SHA-256.".to_owned(),
        verify: "New connections show a certificate signed with SHA-256 or better.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{certified, kinds};
    use super::*;

    #[test]
    fn broken_hashes_of_an_issuer_are_told() {
        let signed = |by: &'static str, is_own| {
            certified(move |it| (it.signature, it.is_self_signed) = (by.into(), is_own))
        };
        let told = kinds(&KIND, &[&signed("sha1WithRSAEncryption", false)]);
        assert_eq!(told[0].evidence[0].text, "CN=camera, signed with sha1WithRSAEncryption");
        assert_eq!(kinds(&KIND, &[&signed("md5WithRSAEncryption", false)]).len(), 1);
        assert!(kinds(&KIND, &[&signed("sha1WithRSAEncryption", true)]).is_empty());
        assert!(kinds(&KIND, &[&signed("ecdsa-with-SHA256", false)]).is_empty());
    }
}
