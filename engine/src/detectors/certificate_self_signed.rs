//! `certificate-self-signed`: a device vouches for itself.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate that names itself as who signed it. From three devices on it is the rule of
//! the site and told once.
//!
//! ## Why it matters
//! Nobody can tell such a device from one that poses as it, so that clients are told to check nothing. In a closed network many sites accept
//! that (RFC 5280, 6).
//!
//! ## Where it is wrong
//! The signature itself is not checked. Where every client knows this very certificate it is as good as any. From TLS 1.3 on
//! certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-self-signed",
    category: "weakness",
    severity: Severity::Info,
    source: include_str!("certificate_self_signed.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: true,
    reads: certificates::reads,
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let (certificate, _) = of_server(seen)?;
    certificate.is_self_signed.then(|| Sight::of(seen, shown_as(certificate)))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Self-signed certificate at {who}"),
        summary: format!(
            "{who}: the certificate is the device's own, as it came from the factory; nobody can tell the device from an impostor by it. {turn}, when certificates are next handed out."
        ),
        detail: format!("{what}: subject and issuer are the same."),
        remedy: "Install certificates of your own authority, and let recorders and viewers check them."
            .to_owned(),
        verify: "New connections show a certificate that somebody else issued.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{certified, kinds};
    use super::*;

    #[test]
    fn who_signed_himself_is_told() {
        assert_eq!(
            kinds(&KIND, &[&certified(|it| it.is_self_signed = true)])[0].evidence[0].text,
            "CN=camera"
        );
        assert!(kinds(&KIND, &[&certified(|it| it.is_self_signed = false)]).is_empty());
    }
}
