//! `unexpected-viewer`: somebody watches a camera who never did before.
//!
//! ## What it says
//! Somebody had a camera, or a recorder, send him live pictures over RTSP (PLAY), and had not watched anything while the picture was learned, while others did; or he is none of the `viewers` that the
//! site's configuration lists (`[expected]`). One finding for who watches, with all that he watches; who watches several cameras does what a recorder does, and the finding says so.
//! Who is sent media by such a device watches, too. It is learned for the first two minutes after somebody watches, and again after a gap in the capture; by a watch with a store on the store's first day alone: whom it learned stays learned. Where no earlier run learned, who is sent pictures before he asks for any is taken for one who always did.
//!
//! ## Why it matters
//! Recorders and guards' stations are few and always the same. Somebody else who sees the pictures has a password, or needs none.
//!
//! ## Where it is wrong
//! A colleague who seldom watches, from a machine of his own, is told the first time. Who watches in a browser, or in a maker's own protocol, is not seen.
//!
//! ## State
//! [`VIEWERS_MAX`] who watch; see [`super::peers`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Time};

use super::peers::{self, Held, Talk, Talks};
use super::{Detector, Known};
use crate::expected::{Candidate, Peer, Role};
use crate::finding::{Finding, Kind, Owner, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::Number;
use crate::observation::Observation;
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "unexpected-viewer",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("unexpected_viewer.rs"),
    start: Some(|| Box::<Viewers>::default()),
};

/// Who watch.
const VIEWERS_MAX: usize = 16_384;
/// Who watches so many is a recorder, or acts like one.
const RECORDS: usize = 3;

/// Who watches.
#[derive(Debug, Default)]
pub struct Viewers {
    since: Option<Time>,
    /// When the first picture came.
    pictures: Option<Time>,
    /// Those who did so while the picture was learned, and since when.
    known: BTreeMap<Number, Time>,
    talks: Talks,
    refused: u64,
}

impl Viewers {
    /// Who is sent pictures while the picture is learned watches, too, though he began before anybody listened.
    fn streamed(&mut self, seen: &Observation, to: IpAddr, known: &Known<'_>) {
        // Until somebody is seen to begin.
        let first = *self.pictures.get_or_insert(seen.at);
        let since = self.since.unwrap_or(first);
        if !known.is_learning(Role::Viewer, since, seen.at) {
            return;
        }
        let number = known.directory.find(&seen.subject);
        let is_picture = number.and_then(|it| known.directory.device(it)).is_some_and(Device::is_guarded);
        // Cameras and the like are sent sound.
        let watches = |it: &Number| {
            let kind = known.directory.device(*it).map_or("", |device| device.kind().0);
            !["camera", "encoder", "intercom", "speaker"].contains(&kind)
        };
        let client = known.directory.find_ip(to, seen.subject.vlan).filter(|_| is_picture);
        let Some(client) = client.filter(|it| !self.known.contains_key(it) && watches(it)) else { return };
        if self.talks.knows(client) {
            return;
        }
        if self.known.len() < VIEWERS_MAX {
            self.known.insert(client, seen.at);
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    fn finding(number: Number, held: &Held, known: &Known<'_>) -> Option<Finding> {
        let told: Vec<(&Talk, Number, String)> = held
            .talks
            .iter()
            .filter(|talk| talk.judged(number, known) != Some(true))
            .filter_map(|talk| {
                let (camera, called) = talk.partner(known);
                let camera =
                    camera.filter(|it| known.directory.device(*it).is_some_and(Device::is_guarded))?;
                Some((talk, camera, called))
            })
            .collect();
        let first = told.first()?.0.at;
        let who = peers::title(number, known);
        let cameras: BTreeSet<Number> = told.iter().map(|(_, camera, _)| *camera).collect();
        let whom = peers::list(told.iter().map(|(.., called)| called.clone()));
        let like = if cameras.len() >= RECORDS { ", as a recorder does" } else { "" };
        let mut devices = vec![number];
        devices.extend(cameras.iter().filter(|camera| **camera != number));
        Some(Finding {
            confidence: 80,
            owner: Owner::PhysicalSecurity,
            devices,
            switch: known.switch_of(number),
            title: format!("{who} watches {whom} and never did before"),
            summary: format!(
                "Since {} UTC {who} has live pictures of {whom} sent to it{like}, and had not watched anything before. It is the camera team's turn: find out who sits there.",
                clock_time(first)
            ),
            detail: format!(
                "RTSP PLAY was answered with 200: {}.",
                peers::list(told.iter().map(|(talk, _, called)| format!("{called}, {}", talk.what)))
            ),
            remedy: "Ask who works at that machine. Where nobody may watch from there, change the passwords of the cameras, see with which account it was (sessions in the report), and let cameras be reached by recorders alone.".to_owned(),
            verify: "It watches no more, or the site's configuration lists it among the `viewers` of `[expected]`, or a rule (`[[policy]]`) says that it may.".to_owned(),
            evidence: told.iter().take(peers::SHOWN).map(|(talk, ..)| talk.evidence(known)).collect(),
            last_seen: told.iter().map(|(talk, ..)| talk.last).max()?,
            count: told.iter().fold(0, |sum, (talk, ..)| sum.saturating_add(talk.count)),
            ..Finding::of_network(&KIND, &held.subject, first, first)
        })
    }
}

impl Detector for Viewers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Exchange(_) | Fact::Stream(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        if let Fact::Stream(second) = &seen.fact {
            return self.streamed(seen, second.destination, known);
        }
        let Fact::Exchange(exchange) = &seen.fact else { return };
        if seen.source != "rtsp" || exchange.method.as_str() != "PLAY" || exchange.status != Some(200) {
            return;
        }
        let (Some(client), Some(server)) = (known.directory.find(&seen.peer), seen.subject.ip) else {
            return;
        };
        let since = *self.since.get_or_insert(seen.at);
        if self.known.contains_key(&client) {
            return;
        }
        let who = Candidate { ip: seen.peer.ip, device: known.directory.device(client) };
        let is_expected = known.expects(Role::Viewer, who);
        // Who is sent pictures before he asks for any began before anybody watched him.
        let is_watching =
            |device: &Device| device.receives_media || device.rare.pulled_from.iter().any(|ip| *ip != server);
        let is_old = known.is_unlearned(Role::Viewer, seen.at)
            && !self.talks.knows(client)
            && known.directory.device(client).is_some_and(is_watching);
        let is_learning = known.is_learning(Role::Viewer, since, seen.at);
        if !is_expected.unwrap_or(is_learning || is_old) {
            let target = exchange.target.as_ref().map_or("live pictures", |target| target.as_str());
            self.talks.add(client, Talk::of(seen, (server, seen.subject.port), target.to_owned()), known);
        } else if self.known.len() < VIEWERS_MAX {
            self.known.insert(client, seen.at);
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    fn unwatched(&mut self, _from: Time, to: Time) {
        // Who began to watch meanwhile is not known.
        self.since = self.since.map(|_| to);
        self.pictures = self.pictures.map(|_| to);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        self.talks.renumber(gone, kept);
        if let Some(since) = self.known.remove(&gone) {
            let known = self.known.entry(kept).or_insert(since);
            *known = since.min(*known);
        }
    }

    fn learned(&self, known: &Known<'_>) -> Vec<Peer> {
        let peer = |(number, since): (&Number, &Time)| Peer {
            role: Role::Viewer,
            who: known.id_of(*number).split('@').next().unwrap_or_default().to_owned(),
            since: *since,
        };
        self.known.iter().map(peer).collect()
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        // What a device was before it turned out to be another may have watched from the beginning.
        let new = self.talks.iter().filter(|(number, _)| !self.known.contains_key(number));
        new.filter_map(|(number, held)| Self::finding(number, held, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        let mut limits = self.talks.limits("who watches and never did before");
        limits.push(("who watches", VIEWERS_MAX, self.refused));
        limits
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Exchange;

    use super::super::bench::{Bench, address, mac, media, party, s};
    use super::*;
    use crate::ledger::memory::Memory;
    use crate::observation::Party;
    use crate::policy::Policy;

    /// Who plays what when: the time, the client, the camera, what came of it.
    fn found(plays: &[(i64, u8, u8, u16)]) -> Vec<Finding> {
        found_in(Bench::new(), plays)
    }

    fn found_in(mut bench: Bench, plays: &[(i64, u8, u8, u16)]) -> Vec<Finding> {
        for host in [1, 2, 3, 4, 50, 51] {
            bench.claims(s(0), mac(host), &format!("192.0.2.{host}"), None);
        }
        for (at, client, camera, status) in plays {
            let server = Party { port: 554, ..party(mac(*camera), &format!("192.0.2.{camera}"), None) };
            let client = Party { port: 40_000, ..party(mac(*client), &format!("192.0.2.{client}"), None) };
            bench.sees_in("rtsp", s(*at), (server, client), Fact::Service { protocol: "rtsp" });
            let target = Some("rtsp://192.0.2.1/live".into());
            let play = Exchange { method: "PLAY".into(), target, status: Some(*status) };
            bench.sees_in("rtsp", s(*at), (server, client), Fact::Exchange(Box::new(play)));
        }
        bench.of(&KIND)
    }

    #[test]
    fn who_watches_after_the_picture_is_learned_is_told_once_with_all_he_watches() {
        let plays =
            [(10, 50, 1, 200), (300, 51, 1, 200), (310, 51, 2, 200), (320, 51, 3, 200), (400, 51, 1, 200)];
        let [finding] = &found(&plays)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.count, finding.devices.len()), (s(300), 4, 4));
        assert!(finding.summary.contains("as a recorder does"), "{}", finding.summary);
    }

    #[test]
    fn who_is_listed_is_all_and_who_was_learned_stays_learned() {
        let plays = [(10, 50, 1, 200), (300, 51, 1, 200)];
        let listed = |name: &str| {
            let names = vec![name.to_owned()];
            Bench::with(Policy { expected: [(Role::Viewer, names)].into(), ..Policy::default() })
        };
        // Both are told, from the first on; nobody is.
        assert_eq!(found_in(listed("192.0.2.9"), &plays).len(), 2);
        assert!(found_in(listed("192.0.2.48/30"), &plays).is_empty());
        let learned = |host: u8| {
            let mut memory = Memory::default();
            memory.expect(Peer { role: Role::Viewer, who: mac(host).to_string(), since: s(-90_000) });
            Bench::remembering(memory)
        };
        assert_eq!(found_in(learned(50), &plays).len(), 1);
        assert_eq!(found_in(learned(51), &plays)[0].first_seen, s(10));
        let mut bench = learned(51);
        bench.learns_until(s(86_400));
        assert!(found_in(bench, &plays).is_empty());
    }

    #[test]
    fn where_a_store_has_learned_no_restart_and_no_gap_begins_anew() {
        let found = |learns_until: i64| {
            let mut bench = Bench::new();
            bench.learns_until(s(learns_until));
            found_in(bench, &[(10, 50, 1, 200), (100, 51, 1, 200)]).len()
        };
        assert_eq!([5, 15, 400].map(found), [2, 1, 0]);
    }

    #[test]
    fn who_began_during_a_restart_is_known_only_where_no_earlier_run_learned() {
        let found = |mut bench: Bench| {
            for host in [1, 51] {
                bench.claims(s(0), mac(host), &format!("192.0.2.{host}"), None);
            }
            let camera = Party { port: 554, ..party(mac(1), "192.0.2.1", None) };
            let client = Party { port: 40_000, ..party(mac(51), "192.0.2.51", None) };
            // Longer than is learned before anybody is seen to begin.
            for at in [0, 130] {
                let media = media(s(at), address("192.0.2.9"));
                bench.sees_in("rtp", s(at), (camera, Party::default()), Fact::Stream(Box::new(media)));
            }
            let media = media(s(130), address("192.0.2.51"));
            bench.sees_in("rtp", s(130), (camera, client), Fact::Stream(Box::new(media)));
            found_in(bench, &[(140, 50, 1, 200), (300, 51, 1, 200)]).len()
        };
        let remembering = |until: i64, who: &[u8]| {
            let mut memory = Memory::default();
            memory.learns_until = Some(s(until));
            for host in who {
                memory.expect(Peer { role: Role::Viewer, who: mac(*host).to_string(), since: s(-90_000) });
            }
            Bench::remembering(memory)
        };
        assert_eq!([found(Bench::new()), found(remembering(400, &[]))], [0, 0]);
        assert_eq!([found(remembering(-9, &[50])), found(remembering(-9, &[51]))], [1, 1]);
    }

    #[test]
    fn who_is_sent_pictures_is_learned_from_the_first_picture_on_and_not_without_end() {
        let learned = |at: i64| {
            let mut bench = Bench::new();
            for host in [1, 50, 51] {
                bench.claims(s(0), mac(host), &format!("192.0.2.{host}"), None);
            }
            let camera = Party { port: 554, ..party(mac(1), "192.0.2.1", None) };
            bench.sees_in("rtsp", s(0), (camera, Party::default()), Fact::Service { protocol: "rtsp" });
            for (at, host) in [(10, 50), (at, 51)] {
                let client = Party { port: 40_000, ..party(mac(host), &format!("192.0.2.{host}"), None) };
                let media = media(s(at), client.ip.unwrap());
                bench.sees_in("rtp", s(at), (camera, client), Fact::Stream(Box::new(media)));
            }
            bench.learned().len()
        };
        assert_eq!([130, 131].map(learned), [2, 1]);
    }

    #[test]
    fn recorders_that_come_back_who_is_refused_and_the_first_of_all_are_none() {
        assert!(
            found(&[(10, 50, 1, 200), (100, 51, 1, 200), (900, 50, 2, 200), (900, 51, 3, 200)]).is_empty()
        );
        assert!(found(&[(10, 50, 1, 200), (300, 51, 1, 401)]).is_empty());
        assert!(found(&[(900, 50, 1, 200), (960, 51, 1, 200)]).is_empty());
    }
}
