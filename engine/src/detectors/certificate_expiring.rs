//! `certificate-expiring`: a device's certificate runs out within a month.
//!
//! ## What it says
//! A device of the site, as a server, showed a certificate that is valid for less than 30 days more, by the packet's time.
//!
//! ## Why it matters
//! When it has run out, recorders and viewers that check it refuse to connect: all pictures of such devices stop on one day.
//!
//! ## Where it is wrong
//! Where certificates are renewed by a program (ACME), some weeks before the end are normal; those that are given for 200 days at most are not told.
//! From TLS 1.3 on certificates are not visible.
//!
//! ## State
//! See [`super::weakness`].

use super::certificates::{self, day, of_server, shown_as};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "certificate-expiring",
    category: "weakness",
    severity: Severity::Low,
    source: include_str!("certificate_expiring.rs"),
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
    let left_s = certificate.not_after_s.saturating_sub(now_s);
    let is_soon = (0..SOON_S).contains(&left_s);
    // Who hands out certificates for weeks renews them by a program.
    let is_long = certificate.not_after_s.saturating_sub(certificate.not_before_s) > SHORT_S;
    (is_soon && is_long).then(|| {
        Sight::of(seen, format!("{}, valid until {}", shown_as(certificate), day(certificate.not_after_s)))
    })
}

/// Time enough to order and install a new one.
const SOON_S: i64 = 30 * 86_400;
/// The lifetime that public authorities may give from 2026-03-15 on, 200 days (CA/Browser Forum, ballot SC-081).
const SHORT_S: i64 = 200 * 86_400;

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("The certificate of {who} runs out soon"),
        summary: format!(
            "{who} identifies itself with a certificate that runs out within 30 days; after that recorders and viewers may refuse to connect. {turn}: renew it in time."
        ),
        detail: format!("{what}."),
        remedy: "Issue a new certificate and install it before that day.".to_owned(),
        verify: "New connections show a certificate that is valid for longer.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{NOW_S, certified, kinds};
    use super::*;

    #[test]
    fn the_last_month_is_told_and_neither_what_is_over_nor_what_never_lasts_longer() {
        let until = |days: i64| certified(move |it| it.not_after_s = NOW_S + days * 86_400);
        assert_eq!(kinds(&KIND, &[&until(29)])[0].evidence[0].text, "CN=camera, valid until 2026-12-25");
        assert!(kinds(&KIND, &[&until(31)]).is_empty());
        assert!(kinds(&KIND, &[&until(-1)]).is_empty());
        let short = certified(|it| (it.not_before_s, it.not_after_s) = (NOW_S - 86_400, NOW_S + 20 * 86_400));
        assert!(kinds(&KIND, &[&short]).is_empty());
    }
}
