//! `certificate-wrong-name`: a device's certificate is for another name than it was asked for by.
//!
//! ## What it says
//! A device of the site, as a server, was asked for by name (SNI) and showed a certificate that somebody else signed and that bears other names.
//!
//! ## Why it matters
//! A client that checks refuses it, and one that does not cannot tell the device from an impostor (RFC 9525).
//!
//! ## Where it is wrong
//! Clients that ask by address say no name, and are not judged. Of a certificate 16 names are read; one with more is not judged. A self-signed
//! one proves no name at all: that is `certificate-self-signed`. From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Certificate, Fact};

use super::certificates::{of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-wrong-name",
    category: "weakness",
    severity: Severity::Low,
    source: include_str!("certificate_wrong_name.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 99,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Tls(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let (certificate, _) = of_server(seen)?;
    let Fact::Tls(side) = &seen.fact else { return None };
    let asked = side.server_name.as_ref()?.as_str().to_lowercase();
    let is_judged = !certificate.is_self_signed && certificate.names.len() < Certificate::NAMES_MAX;
    let is_other = is_judged && !is_for(certificate, &asked);
    is_other.then(|| Sight::of(seen, format!("{}, asked for as {asked}", shown_as(certificate))))
}

/// Whether it bears a name: among its alternative names or, where it has none, as its common name (RFC 9525, 6.3).
fn is_for(certificate: &Certificate, asked: &str) -> bool {
    let common = || {
        let parts = certificate.subject.as_str().split(',');
        parts.filter_map(|part| part.strip_prefix("CN=")).any(|name| covers(name, asked))
    };
    if certificate.names.is_empty() {
        common()
    } else {
        certificate.names.iter().any(|name| covers(name.as_str(), asked))
    }
}

/// Whether a name, maybe with `*` as its first label, covers another one.
fn covers(name: &str, asked: &str) -> bool {
    let name = name.to_lowercase();
    match name.strip_prefix("*.") {
        Some(rest) => asked.split_once('.').is_some_and(|(_, parent)| parent == rest),
        None => name.trim_end_matches('.') == asked.trim_end_matches('.'),
    }
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Certificate for another name at {who}"),
        summary: format!(
            "{who} shows a certificate that is made out to another name than it is asked for by. Programs that check it refuse to connect. {turn}: give it one for the name that is used."
        ),
        detail: format!("{what} (RFC 9525)."),
        remedy: "Issue a certificate with the name that recorders and viewers use as subject alternative name, or let them use the name in the certificate.".to_owned(),
        verify: "New connections show a certificate that bears the name asked for.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{asked_for, kinds};
    use super::*;

    #[test]
    fn another_name_is_told_and_its_own_is_not() {
        let told = kinds(&KIND, &[&asked_for("door.example", &["camera.example"])]);
        assert_eq!(told[0].evidence[0].text, "CN=camera, asked for as door.example");
        for (asked, names) in [
            ("Camera.Example", &["camera.example"][..]),
            ("one.site.example", &["*.site.example"]),
            ("camera", &[]),
        ] {
            assert!(kinds(&KIND, &[&asked_for(asked, names)]).is_empty(), "{asked}");
        }
        assert_eq!(kinds(&KIND, &[&asked_for("a.b.site.example", &["*.site.example"])]).len(), 1);
    }
}
