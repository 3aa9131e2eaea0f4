//! `certificate-not-yet-valid`: a device proves itself with a certificate that is not valid yet.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate whose time begins more than an hour after it was shown, by the packet's time.
//!
//! ## Why it matters
//! Clients that check refuse it. Mostly the device made it while its own clock was wrong, and then its recordings bear wrong times as well
//! (RFC 5280, 4.1.2.5).
//!
//! ## Where it is wrong
//! If the clock of the capturing machine was behind. From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, day, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-not-yet-valid",
    category: "weakness",
    severity: Severity::Low,
    source: include_str!("certificate_not_yet_valid.rs"),
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
    let is_early = certificate.not_before_s > now_s.saturating_add(SLACK_S);
    is_early.then(|| {
        Sight::of(seen, format!("{}, valid from {}", shown_as(certificate), day(certificate.not_before_s)))
    })
}

/// Two clocks may differ by as much and be right enough.
const SLACK_S: i64 = 3_600;

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Certificate not yet valid at {who}"),
        summary: format!(
            "{who} identifies itself with a certificate whose time has not come; its clock was probably wrong when it was made. {turn}: set the clock and make a new certificate."
        ),
        detail: format!("{what} (RFC 5280, 4.1.2.5)."),
        remedy: "Set the device's clock by NTP, then make its certificate anew.".to_owned(),
        verify: "New connections show a certificate that is valid.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{NOW_S, certified, kinds};
    use super::*;

    #[test]
    fn what_begins_tomorrow_is_told_and_what_begins_in_a_minute_is_not() {
        let seen = certified(|it| it.not_before_s = NOW_S + 86_400);
        assert_eq!(kinds(&KIND, &[&seen])[0].evidence[0].text, "CN=camera, valid from 2026-11-27");
        assert!(kinds(&KIND, &[&certified(|it| it.not_before_s = NOW_S + 60)]).is_empty());
    }
}
