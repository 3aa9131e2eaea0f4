//! What the findings about certificates have in common.

use spanwatch_parsers::{Certificate, Fact, TlsRole};

use crate::observation::Observation;
use crate::report::time::rfc3339_of_seconds;

/// The certificate that a server shows, and when, in seconds since 1970.
pub fn of_server(seen: &Observation) -> Option<(&Certificate, i64)> {
    let Fact::Tls(side) = &seen.fact else { return None };
    let certificate = side.certificate.as_deref().filter(|_| side.role == TlsRole::Server)?;
    Some((certificate, seen.at.0.div_euclid(SECOND)))
}

/// See [`super::Detector::reads`].
pub const fn reads(fact: &Fact) -> bool {
    matches!(fact, Fact::Tls(_))
}

/// What to call it: whom it is for, else its SHA-256.
pub fn shown_as(certificate: &Certificate) -> String {
    match certificate.subject.as_str() {
        "" => format!("certificate {}", certificate.sha256),
        subject => subject.to_owned(),
    }
}

/// A day, as `2026-11-25`.
pub fn day(seconds: i64) -> String {
    let mut written = rfc3339_of_seconds(seconds);
    written.truncate(written.find('T').unwrap_or(written.len()));
    written
}

const SECOND: i64 = 1_000_000_000;
