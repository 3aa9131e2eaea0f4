//! `nonce-reuse`: what a login was proved with can be used again by whoever listened.
//!
//! ## What it says
//! A device of the site accepted, over RTSP or HTTP, a Digest login with a nonce and a count (`nc`) that it had accepted before, in another connection; or it accepted one nonce without
//! count from two clients, or for longer than an hour.
//!
//! ## Why it matters
//! The nonce is there so that an overheard login is worth nothing later. A server that takes it twice lets in whoever plays it back, without the password.
//!
//! ## Where it is wrong
//! Two clients behind one address look like one. A server may have checked something else, as the client's address.
//!
//! ## State
//! The last [`NONCES`] nonces of each server, of [`SERVERS_MAX`] servers, as hashes; the one used longest ago is forgotten first.

use std::collections::VecDeque;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Span, Time};

use super::peers::{self, Held, Talk, Talks};
use super::{Detector, Known, weakness};
use crate::bounded::Expiring;
use crate::finding::{Finding, Kind, Owner, Severity};
use crate::ledger::directory::Number;
use crate::observation::Observation;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "nonce-reuse",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("nonce_reuse.rs"),
    start: Some(|| Box::new(Nonces::default())),
};

/// Without a count a client may use a nonce for as long as the server lets it; no server that means it lets it for so long.
const LIFE: Span = Span::seconds(3_600);
/// Nonces kept of a server.
const NONCES: usize = 8;
/// Servers that logins by Digest are seen at.
const SERVERS_MAX: usize = 8_192;

/// A nonce that was accepted.
#[derive(Debug, Clone, Copy)]
struct Taken {
    nonce: u64,
    count: Option<u32>,
    client: IpAddr,
    at: Time,
}

/// Which nonces servers accept.
#[derive(Debug)]
pub struct Nonces {
    taken: Expiring<IpAddr, VecDeque<Taken>>,
    talks: Talks,
}

impl Default for Nonces {
    fn default() -> Self {
        Self { taken: Expiring::new(SERVERS_MAX, Span(i64::MAX), SEED), talks: Talks::default() }
    }
}

impl Nonces {
    /// Takes an accepted one; what is wrong with it.
    fn accepted(&mut self, server: IpAddr, new: Taken) -> Option<String> {
        if self.taken.find(&server).is_none() {
            self.taken.insert(server, VecDeque::new(), new.at);
        }
        let known = self.taken.get(&server, new.at)?;
        let same = known.iter().filter(|it| it.nonce == new.nonce);
        let wrong = same.clone().find_map(|it| match (it.count, new.count) {
            (Some(before), Some(count)) if before == count && it.client == new.client => {
                Some(format!("the same nonce with the same count ({count}) again"))
            }
            (None, None) if it.client != new.client => Some("one nonce from two clients".to_owned()),
            (None, None) if new.at - it.at > LIFE => {
                Some(format!("one nonce for more than {}", length(LIFE)))
            }
            _ => None,
        });
        // The first use of a nonce without count is what its age counts from.
        let is_kept = new.count.is_none() && same.count() > 0;
        if !is_kept {
            if known.len() >= NONCES {
                known.pop_front();
            }
            known.push_back(new);
        }
        wrong
    }

    fn finding(number: Number, held: &Held, known: &Known<'_>) -> Option<Finding> {
        let first = held.talks.first()?.at;
        let who = peers::title(number, known);
        let owner = weakness::owner(std::iter::once(number), known);
        let turn = match owner {
            Owner::It => "It is IT's turn",
            _ => "It is the camera team's turn",
        };
        let what = peers::list(held.talks.iter().map(|talk| talk.what.clone()));
        let count = held.talks.iter().fold(0_u64, |sum, talk| sum.saturating_add(talk.count));
        Some(Finding {
            confidence: 85,
            owner,
            devices: vec![number],
            title: format!("{who} accepts overheard logins again"),
            summary: format!(
                "{who} lets in whoever repeats a login that he overheard, without knowing the password. {turn}: have it log in over encryption."
            ),
            detail: format!(
                "It accepted {what}, first at {} UTC, {count} times (RFC 7616, 3.3 and 5.5).",
                clock_time(first)
            ),
            remedy: "Use HTTPS and RTSPS for logins, so that nobody can overhear them, and update the firmware: newer ones check nonce and count.".to_owned(),
            verify: "A recorded login that is sent again is answered with 401.".to_owned(),
            evidence: held.talks.iter().take(peers::SHOWN).map(|talk| talk.evidence(known)).collect(),
            last_seen: held.talks.iter().map(|talk| talk.last).max()?,
            count,
            ..Finding::of_network(&KIND, &held.subject, first, first)
        })
    }
}

impl Detector for Nonces {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::DigestAccepted { .. })
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::DigestAccepted { nonce, count } = seen.fact else { return };
        let (Some(server), Some(client)) = (seen.subject.ip, seen.peer.ip) else { return };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let taken = Taken { nonce, count, client, at: seen.at };
        if let Some(wrong) = self.accepted(server, taken) {
            self.talks.add(number, Talk::of(seen, (client, 0), wrong), known);
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        self.talks.renumber(gone, kept);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.talks.iter().filter_map(|(number, held)| Self::finding(number, held, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        self.talks.limits("servers that accept a nonce again")
    }
}

/// No result depends on it.
const SEED: u64 = 0x6e6f_6e63;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    /// What is found of a server that accepts these: when, from whom, which nonce, its count.
    fn found(accepted: &[(i64, u8, u64, Option<u32>)]) -> Vec<Finding> {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        for (at, client, nonce, count) in accepted {
            let server = Party { port: 80, ..party(mac(7), "192.0.2.7", None) };
            let client = Party { port: 40_000, ..party(mac(*client), &format!("192.0.2.{client}"), None) };
            let fact = Fact::DigestAccepted { nonce: *nonce, count: *count };
            bench.sees_in("http", s(*at), (server, client), fact);
        }
        bench.of(&KIND)
    }

    #[test]
    fn a_nonce_that_is_accepted_again_is_told_once_a_server() {
        let again = found(&[(1, 9, 5, Some(1)), (2, 9, 5, Some(1)), (3, 9, 5, Some(1))]);
        let [finding] = &again[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.count), (s(2), 2));
        assert!(finding.evidence[0].text.contains("same count (1)"), "{finding:?}");
        assert_eq!(found(&[(1, 9, 5, None), (2, 10, 5, None)]).len(), 1);
        assert_eq!(found(&[(1, 9, 5, None), (1_000, 9, 5, None), (3_700, 9, 5, None)]).len(), 1);
    }

    #[test]
    fn nonces_that_change_and_counts_that_grow_are_none() {
        assert!(found(&[(1, 9, 5, Some(1)), (2, 9, 5, Some(2)), (3, 9, 6, Some(1))]).is_empty());
        assert!(found(&[(1, 9, 5, None), (600, 9, 5, None), (3_000, 9, 5, None)]).is_empty());
        assert!(found(&[(1, 9, 5, Some(1)), (2, 10, 6, Some(1)), (4_000, 9, 7, None)]).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut nonces = Nonces::default();
        let taken = |nonce| Taken { nonce, count: Some(1), client: [192, 0, 2, 9].into(), at: s(1) };
        for n in 0..SERVERS_MAX as u32 + 5 {
            nonces.accepted(n.to_be_bytes().into(), taken(0));
        }
        (0..50).for_each(|n| assert!(nonces.accepted([9; 4].into(), taken(n)).is_none()));
        assert_eq!(nonces.taken.len(), SERVERS_MAX);
        assert_eq!(nonces.taken.peek(&[9; 4].into()).map(VecDeque::len), Some(NONCES));
    }
}
