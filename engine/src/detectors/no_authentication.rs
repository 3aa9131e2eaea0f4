//! `no-authentication`: a device gives its video or its settings to who has not logged in.
//!
//! ## What it says
//! A device of the site answered RTSP (DESCRIBE, PLAY), a camera's snapshot or MJPEG over HTTP, or an ONVIF call that is not for everybody, and
//! the client had shown nothing by which it may be known: no login, cookie, token or secret in the URL. In that protocol the device
//! never refused anybody, and nobody ever logged in. Or it gave somebody a prompt by Telnet, or let him in by FTP or MQTT, without an account of his own, whatever
//! others do there.
//!
//! ## Why it matters
//! Whoever reaches the device sees its pictures, and where ONVIF is open may change it (ONVIF Core Specification, 5.9.4).
//!
//! ## Where it is wrong
//! A device may let in some addresses alone, or be meant for everybody. One that asks some clients for a login is not told, though other
//! pictures of it be open; nor is what is inside TLS.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "no-authentication",
    category: "weakness",
    severity: Severity::High,
    source: include_str!("no_authentication.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 95,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Login(_) | Fact::Anonymous { .. }),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    match &seen.fact {
        Fact::Anonymous { given: Some(given) } => Some(Sight::of(seen, given.as_str().to_owned())),
        // There who has no account says so.
        _ if BY_NAME.contains(&seen.source) => None,
        Fact::Anonymous { given: None } | Fact::Login(_) => Some(Sight::none_of(seen)),
        _ => None,
    }
}

const BY_NAME: &[&str] = &["ftp", "mqtt", "telnet"];

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("No login needed at {who}"),
        summary: format!(
            "{who} answers anybody: whoever reaches it gets in without a password. {turn}: switch its login on, for every protocol."
        ),
        detail: format!("Answered without a login: {what}. Where logins are part of each request, none was refused there and none bore one."),
        remedy: "Switch authentication on for RTSP, HTTP, ONVIF (Digest, better over TLS), FTP and MQTT, switch Telnet off, take anonymous viewing away, and give recorders and viewers an account of their own.".to_owned(),
        verify: "The same request without a login is answered with 401.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Login, Outcome};

    use super::super::weakness::bench::{Said, kinds, kinds_in};
    use super::*;

    fn asked(given: Option<&str>) -> Said {
        (1, Fact::Anonymous { given: given.map(Into::into) })
    }

    #[test]
    fn what_anybody_gets_is_told_once_for_a_device() {
        let told = kinds(
            &KIND,
            &[&asked(Some("RTSP DESCRIBE")), &asked(Some("RTSP PLAY")), &asked(Some("RTSP PLAY"))],
        );
        let [finding] = &told[..] else { panic!("one finding") };
        assert_eq!((finding.count, finding.evidence.len()), (3, 2));
        assert!(finding.detail.contains("RTSP DESCRIBE, RTSP PLAY"), "{}", finding.detail);
    }

    #[test]
    fn a_device_that_refused_somebody_before_or_after_is_not_told() {
        let (open, refused) = (asked(Some("RTSP DESCRIBE")), asked(None));
        assert!(kinds(&KIND, &[&open, &refused]).is_empty());
        assert!(kinds(&KIND, &[&refused, &open]).is_empty());
    }

    #[test]
    fn who_lets_anonymous_in_is_told_whatever_others_do_there() {
        let login = Login { account: Some("admin".into()), scheme: "plain", outcome: Outcome::Accepted };
        let login = (1, Fact::Login(Box::new(login)));
        let open = asked(Some("FTP login as anonymous"));
        assert_eq!(kinds_in("ftp", 21, &KIND, &[&login, &open, &login, &asked(None)]).len(), 1);
        assert!(kinds_in("ftp", 21, &KIND, &[&login]).is_empty());
    }

    #[test]
    fn a_device_at_which_somebody_logs_in_is_not_told() {
        let login = Login { account: None, scheme: "digest-md5", outcome: Outcome::Accepted };
        let login = (1, Fact::Login(Box::new(login)));
        assert!(kinds(&KIND, &[&asked(Some("RTSP DESCRIBE")), &login]).is_empty());
    }
}
