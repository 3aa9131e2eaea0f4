//! `weak-tls-version`: a device encrypts with a version of TLS that is no longer safe.
//!
//! ## What it says
//! A device of the site answered a TLS handshake with SSL 3.0, TLS 1.0 or TLS 1.1, or asked for one and offered nothing newer. Judged is what
//! the server chose and the highest version that the client offered, not the number on the record, which is old in new versions too.
//!
//! ## Why it matters
//! SSL 3.0 is broken (RFC 7568); TLS 1.0 and 1.1 lean on SHA-1 and MD5 and must not be used (RFC 8996). Who sits on the
//! way may read or change what is sent, passwords included.
//!
//! ## Where it is wrong
//! A device may speak newer versions to others: it is told for as long as it accepts an old one. SSL 2.0 is not read.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, TlsRole, TlsVersion};

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "weak-tls-version",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("weak_tls_version.rs"),
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
    let Fact::Tls(side) = &seen.fact else { return None };
    match side.role {
        TlsRole::Server => {
            let version = side.version.filter(|it| is_old(*it))?;
            Some(Sight::of(seen, format!("{version} agreed on")))
        }
        TlsRole::Client => {
            let offered = side.offered.filter(|it| is_old(*it))?;
            Some(Sight::of(seen, format!("nothing above {offered} asked for")))
        }
    }
}

fn is_old(version: TlsVersion) -> bool {
    (TlsVersion::SSL_3_0..TlsVersion::TLS_1_2).contains(&version)
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Outdated encryption at {who}: {what}"),
        summary: format!(
            "{who} encrypts with an old method that is no longer safe ({what}). Who sits between could read passwords and pictures. {turn}: update the firmware and switch the old versions off."
        ),
        detail: format!("{what}. RFC 8996 forbids TLS 1.0 and 1.1, RFC 7568 SSL 3.0; RFC 9325 and NIST SP 800-52r2 ask for TLS 1.2 at least."),
        remedy: "Update the firmware; in the device's security settings leave TLS 1.2 and 1.3 alone on. Where it is the recorder or a viewer that asks for nothing newer, update that one.".to_owned(),
        verify: "New connections of this device agree on TLS 1.2 or 1.3.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::weakness::bench::{client, kinds, server};
    use super::*;

    #[test]
    fn old_versions_are_told_once_a_device_and_new_ones_never() {
        let old = server(|side| side.version = Some(TlsVersion::TLS_1_0));
        let [finding] = &kinds(&KIND, &[&old, &old])[..] else { panic!("one finding") };
        assert_eq!((finding.count, finding.evidence.len()), (2, 1));
        assert_eq!(finding.evidence[0].text, "TLS 1.0 agreed on");
        assert!(kinds(&KIND, &[&server(|side| side.version = Some(TlsVersion::TLS_1_2))]).is_empty());
        // A draft of TLS 1.3.
        assert!(kinds(&KIND, &[&server(|side| side.version = Some(TlsVersion(0x7f1c)))]).is_empty());
    }

    #[test]
    fn who_offers_nothing_newer_is_told_though_nobody_answers() {
        let old = client(|side| side.offered = Some(TlsVersion::TLS_1_1));
        assert_eq!(kinds(&KIND, &[&old])[0].evidence[0].text, "nothing above TLS 1.1 asked for");
        assert!(kinds(&KIND, &[&client(|side| side.offered = Some(TlsVersion::TLS_1_3))]).is_empty());
    }
}
