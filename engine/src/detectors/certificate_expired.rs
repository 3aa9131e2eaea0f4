//! `certificate-expired`: a device proves itself with a certificate that is no longer valid.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate whose time was over when it did: by the packet's time, never by the
//! clock of the machine that reads the capture.
//!
//! ## Why it matters
//! Clients that check refuse it, and the rest were told to check nothing: both are how an attacker gets between
//! (RFC 5280, 4.1.2.5). It often means that nobody looks after the device.
//!
//! ## Where it is wrong
//! If the clock of the capturing machine was ahead. From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, day, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-expired",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("certificate_expired.rs"),
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
    let (certificate, now_s) = of_server(seen)?;
    let is_over = certificate.not_after_s < now_s;
    is_over.then(|| {
        Sight::of(seen, format!("{}, valid until {}", shown_as(certificate), day(certificate.not_after_s)))
    })
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Expired certificate at {who}"),
        summary: format!(
            "{who} identifies itself with a certificate that has run out. Programs that check it refuse to connect, the others cannot tell it from an impostor. {turn}: give it a new one."
        ),
        detail: format!("{what} (RFC 5280, 4.1.2.5)."),
        remedy: "Issue a new certificate for the device, best by your own certificate authority, and set the device's clock by NTP.".to_owned(),
        verify: "New connections show a certificate that is valid.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{NOW_S, certified, kinds};
    use super::*;

    #[test]
    fn what_is_over_is_told_and_what_is_not_yet_over_is_not() {
        let seen = certified(|it| it.not_after_s = NOW_S - 1);
        assert_eq!(kinds(&KIND, &[&seen])[0].evidence[0].text, "CN=camera, valid until 2026-11-25");
        assert!(kinds(&KIND, &[&certified(|it| it.not_after_s = NOW_S + 1)]).is_empty());
    }
}
