//! `certificate-long-lived`: a device's certificate is valid for longer than anybody will look after it.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate that is valid for more than ten years.
//!
//! ## Why it matters
//! A key that leaks stays good until the end. Public authorities may give 398 days and less (CA/Browser Forum, ballot SC-081); ten years are
//! the longest that is usual for devices.
//!
//! ## Where it is wrong
//! A device's identity from its factory (IEEE 802.1AR) may be valid for ever, and says so by the year 9999: that is not told. From TLS 1.3 on
//! certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, day, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-long-lived",
    category: "weakness",
    severity: Severity::Low,
    source: include_str!("certificate_long_lived.rs"),
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
    let (from, until) = (certificate.not_before_s, certificate.not_after_s);
    let is_long = until.saturating_sub(from) > LONG_S && until < FOR_EVER_S;
    is_long.then(|| {
        Sight::of(seen, format!("{}, valid from {} until {}", shown_as(certificate), day(from), day(until)))
    })
}

/// Ten years, leap days and a day's rounding among them.
const LONG_S: i64 = 3_654 * 86_400;
/// 99991231235959Z (RFC 5280, 4.1.2.5).
const FOR_EVER_S: i64 = 253_402_300_799;

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Certificate for more than ten years at {who}"),
        summary: format!(
            "{who}: the certificate is valid for more than ten years; if its key leaks, nobody will notice for long. {turn}, when certificates are next handed out."
        ),
        detail: format!("{what}."),
        remedy: "Issue certificates for a year or two, and renew them by a program where the device can."
            .to_owned(),
        verify: "New connections show a certificate with a shorter life.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{NOW_S, certified, kinds};
    use super::*;

    #[test]
    fn more_than_ten_years_are_told_and_a_factory_identity_is_not() {
        let years = |years: i64| certified(move |it| it.not_after_s = it.not_before_s + years * 365 * 86_400);
        assert_eq!(kinds(&KIND, &[&years(20)]).len(), 1);
        assert!(kinds(&KIND, &[&years(10)]).is_empty());
        let factory = certified(|it| (it.not_before_s, it.not_after_s) = (NOW_S - 1, FOR_EVER_S));
        assert!(kinds(&KIND, &[&factory]).is_empty());
    }
}
