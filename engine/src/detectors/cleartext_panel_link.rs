//! `cleartext-panel-link`: a door controller talks to its host in clear.
//!
//! ## What it says
//! A controller for doors, or a reader, pushed its events to its host and fetched its orders over HTTP without TLS, in ZKTeco's push protocol (`/iclock/`).
//!
//! ## Why it matters
//! Whoever listens on the way reads who passes which door, cards and PINs among it; whoever stands in the way opens doors.
//!
//! ## Where it is wrong
//! Links of other makers (Mercury, HID, Suprema) are not read: silence says nothing about them.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "cleartext-panel-link",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("cleartext_panel_link.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 85,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Exchange(_)),
    applies: ALWAYS,
};

/// Requests of ZKTeco's push protocol.
const PUSHES: &[&str] = &["/iclock/cdata", "/iclock/getrequest", "/iclock/devicecmd", "/iclock/registry"];

/// The controller is who asks.
fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Exchange(exchange) = &seen.fact else { return None };
    let target =
        exchange.target.as_ref().filter(|_| seen.source == "http" && exchange.status == Some(200))?;
    let push = PUSHES.iter().find(|push| target.as_str().starts_with(*push))?;
    let host = seen.subject.ip.map_or_else(String::new, |ip| format!(" of {ip}"));
    Some(Sight { who: seen.peer, ..Sight::of(seen, format!("HTTP {push}{host}")) })
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} talks to its host in clear"),
        summary: format!(
            "{who} tells its host over the network who passes which door, and takes its orders, for everybody to read. {turn}: switch encryption on."
        ),
        detail: format!("ZKTeco's push protocol without TLS: {what}."),
        remedy: "Switch HTTPS on for the link to the host (ADMS, cloud server settings) in controller and host; until then keep both in a network of their own.".to_owned(),
        verify: "The controller reaches its host over TLS alone.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Exchange;

    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    fn found(target: &str) -> Vec<crate::finding::Finding> {
        let mut bench = Bench::new();
        let panel = Party { port: 40_000, ..party(mac(7), "192.0.2.7", None) };
        let host = Party { port: 8_088, ..party(mac(9), "192.0.2.9", None) };
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        let exchange = Exchange { method: "GET".into(), target: Some(target.into()), status: Some(200) };
        (1..4).for_each(|at| {
            bench.sees_in("http", s(at), (host, panel), Fact::Exchange(Box::new(exchange.clone())));
        });
        bench.of(&KIND)
    }

    #[test]
    fn a_controller_that_pushes_in_clear_is_told_once_and_other_requests_are_not() {
        let [finding] = &found("/iclock/cdata")[..] else { panic!("one finding") };
        assert_eq!((finding.count, &finding.evidence[0].text[..]), (3, "HTTP /iclock/cdata of 192.0.2.9"));
        assert!(found("/clock/cdata").is_empty());
    }
}
