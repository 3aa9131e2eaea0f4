//! `dhcp-failed`: devices ask for an address and nobody answers.
//!
//! ## What it says
//! At least two devices asked for an address over DHCP again and again, or one did four times, and for 30 s
//! nobody in that VLAN was answered, though answers were seen there before, or traffic in both directions is. Two that renew
//! what they have count too, if they were seen to be given it. The first answer ends it.
//!
//! ## Why it matters
//! What has an address keeps it until its lease ends; whatever starts now stays dark. After a power
//! cut that is every camera at once. The server, its relay or the way to it is at fault, no camera is.
//!
//! ## Where it is wrong
//! In a VLAN that is meant to have no DHCP server, a device that was left on DHCP asks for ever.
//!
//! ## State
//! [`super::leasing`]: who asks in vain, by VLAN.

use spanwatch_parsers::{Fact, Time};

use super::leasing::{Episode, Leasing, PATIENCE, Why};
use super::{Detector, Known, in_vlan, of_vlan};
use crate::finding::{Cause, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "dhcp-failed",
    category: "network",
    severity: Severity::High,
    source: include_str!("dhcp_failed.rs"),
    start: Some(|| Box::new(Unanswered::default())),
};

/// A server that answered here before answers no more, in per cent.
const ANSWERED_BEFORE: u8 = 80;
/// No server was ever heard here, in per cent.
const NEVER_ANSWERED: u8 = 60;

/// Who asks and is not answered.
#[derive(Debug, Default)]
pub struct Unanswered(Leasing);

impl Detector for Unanswered {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Lease(_) | Fact::Activity(_))
    }

    fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        self.0.observe(seen, known);
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.0.fire(to);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.0.unwatched(from, to);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let failed = self.0.episodes.iter().filter(|it| it.why == Why::Failed && !it.is_superseded);
        failed.map(|episode| finding(episode, known)).collect()
    }
}

fn finding(episode: &Episode, known: &Known<'_>) -> Finding {
    let (vlan, since) = (in_vlan(episode.vlan), clock_time(episode.since));
    let many = match episode.clients_count {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    let until = episode.ended.map_or_else(
        || format!("Since {since} UTC"),
        |ended| format!("From {since} to {} UTC", clock_time(ended)),
    );
    let server = episode.server_called(known);
    let before = episode.answered.map_or_else(
        || "No DHCP server was heard here at all.".to_owned(),
        |answer| format!("The last answer came at {} UTC by {server}.", clock_time(answer.at)),
    );
    Finding {
        confidence: if episode.answered.is_some() { ANSWERED_BEFORE } else { NEVER_ANSWERED },
        devices: episode.devices(known),
        title: format!("Nobody gives out addresses{vlan} since {since} UTC"),
        summary: format!(
            "{until} {many} asked the network for an address{vlan} and got none, so what starts now stays dark: {}. The devices are not at fault. It is IT's turn: check {server}.",
            episode.clients_called(known)
        ),
        detail: format!(
            "{} DHCP requests of {many} without any answer for more than {}{vlan}. {before}",
            episode.tries,
            length(PATIENCE)
        ),
        remedy: "Check that the DHCP service runs and listens in this VLAN, then the relay (ip helper) of the VLAN's router, then DHCP snooping on the switches.".to_owned(),
        verify: "A device that asks is answered within a second; this finding then gets an end.".to_owned(),
        evidence: episode.evidence.clone(),
        last_seen: episode.ended.unwrap_or(episode.last).max(episode.last),
        ended: episode.ended,
        count: episode.tries,
        cause: Some(Cause::Dhcp),
            ..Finding::of_network(&KIND, &of_vlan(episode.vlan), episode.since, episode.detected)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, s};
    use super::*;

    const SERVER: (spanwatch_parsers::Mac, &str) = (mac(100), "192.0.2.1");

    /// A client that is given its address by the server.
    fn served(bench: &mut Bench, at: i64, client: u8) {
        let ip = format!("192.0.2.{client}");
        bench.lease(s(at), mac(client), 1, None, None);
        bench.lease(s(at), mac(client), 2, Some(SERVER), Some(&ip));
        bench.lease(s(at), mac(client), 3, Some(SERVER), Some(&ip));
        bench.lease(s(at), mac(client), 5, Some(SERVER), Some(&ip));
    }

    fn asks(bench: &mut Bench, client: u8, seconds: &[i64]) {
        for at in seconds {
            bench.lease(s(*at), mac(client), 1, None, None);
            bench.tick(s(*at));
        }
    }

    /// A server that answered once, and then two that ask in vain.
    fn failed() -> Bench {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        for at in [100, 104, 112, 128] {
            asks(&mut bench, 7, &[at]);
            asks(&mut bench, 8, &[at + 1]);
        }
        bench.tick(s(131));
        bench
    }

    #[test]
    fn two_that_ask_in_vain_for_half_a_minute_are_a_failure() {
        let [finding] = &failed().of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(100), s(130), None));
        assert_eq!((finding.confidence, finding.devices.len(), finding.count), (ANSWERED_BEFORE, 3, 8));
        assert!(finding.evidence.len() >= 5 && finding.summary.contains("192.0.2.1"), "{}", finding.summary);
    }

    /// Two that have addresses ask to keep them.
    fn renew(bench: &mut Bench, at: i64) {
        for client in [7, 8] {
            bench.renewal(s(at), mac(client), &format!("192.0.2.{client}"));
            bench.tick(s(at));
        }
    }

    fn keeps(bench: &mut Bench, at: i64) {
        for client in [7, 8] {
            bench.lease(s(at), mac(client), 5, Some(SERVER), Some(&format!("192.0.2.{client}")));
        }
    }

    #[test]
    fn two_that_renew_in_vain_are_a_failure_where_they_were_acknowledged_before() {
        let mut bench = Bench::new();
        keeps(&mut bench, 1);
        [120, 124, 132, 148].into_iter().for_each(|at| renew(&mut bench, at));
        bench.tick(s(151));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(120), s(150), None));
        keeps(&mut bench, 160);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(160)));
    }

    #[test]
    fn who_renews_where_no_answer_was_ever_seen_or_is_served_the_next_time_is_no_failure() {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        [120, 124, 132, 148, 160].into_iter().for_each(|at| renew(&mut bench, at));
        bench.tick(s(300));
        assert!(bench.of(&KIND).is_empty());
        let mut bench = Bench::new();
        for at in (0..300).step_by(30) {
            renew(&mut bench, at);
            renew(&mut bench, at + 4);
            keeps(&mut bench, at + 5);
        }
        bench.tick(s(600));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn an_answer_ends_it() {
        let mut bench = failed();
        served(&mut bench, 140, 7);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.ended, finding.last_seen), (Some(s(140)), s(140)));
    }

    #[test]
    fn one_that_asks_four_times_is_enough() {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112]);
        bench.tick(s(140));
        assert!(bench.of(&KIND).is_empty());
        asks(&mut bench, 7, &[141]);
        assert_eq!(bench.of(&KIND)[0].detected, s(141));
    }

    #[test]
    fn clients_that_stop_asking_were_answered_out_of_sight() {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        for client in 1..9 {
            asks(&mut bench, client, &[100 + i64::from(client)]);
            asks(&mut bench, client, &[104 + i64::from(client)]);
            // It names the server that it chose.
            bench.lease(s(105 + i64::from(client)), mac(client), 3, Some(SERVER), Some("192.0.2.7"));
        }
        for client in 20..29 {
            asks(&mut bench, client, &[200 + i64::from(client)]);
        }
        bench.tick(s(900));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn where_no_answer_could_be_seen_nothing_is_said() {
        let mut bench = Bench::new();
        for at in [100, 104, 112, 128, 160, 220] {
            asks(&mut bench, 7, &[at]);
            asks(&mut bench, 8, &[at + 1]);
        }
        bench.tick(s(900));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn traffic_both_ways_shows_that_an_answer_would_be_seen() {
        let mut bench = Bench::new();
        asks(&mut bench, 7, &[100]);
        for (from, to) in [(1, 2), (2, 1)] {
            let [from, to] =
                [from, to].map(|n| super::super::bench::party(mac(n), &format!("192.0.2.{n}"), None));
            bench.sees(s(101), from, to, Fact::Activity(super::super::bench::activity(s(101), 1)));
        }
        asks(&mut bench, 7, &[104, 112, 128, 144]);
        bench.tick(s(159));
        assert!(bench.of(&KIND).is_empty());
        bench.tick(s(160));
        assert_eq!((bench.of(&KIND)[0].detected, bench.of(&KIND)[0].confidence), (s(160), NEVER_ANSWERED));
    }

    #[test]
    fn another_vlan_and_a_relays_leg_are_told_apart() {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        for at in [100, 104, 112, 128] {
            bench.lease_in(Some(30), s(at), mac(7), 1, None, None);
            bench.lease_in(Some(30), s(at), mac(8), 1, None, None);
        }
        bench.tick(s(900));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn blind_time_may_have_held_the_answer() {
        let mut bench = Bench::new();
        served(&mut bench, 0, 50);
        asks(&mut bench, 7, &[100, 104, 112]);
        bench.unwatched(s(113), s(120));
        asks(&mut bench, 7, &[128]);
        bench.tick(s(200));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn one_long_jump_says_the_same_as_many_ticks() {
        let make = || {
            let mut bench = Bench::new();
            served(&mut bench, 0, 50);
            asks(&mut bench, 7, &[100, 104, 112]);
            asks(&mut bench, 8, &[101, 105, 113]);
            bench
        };
        let (mut jump, mut ticks) = (make(), make());
        jump.tick(s(2_000));
        (114..=2_000).for_each(|n| ticks.tick(s(n)));
        let said = |bench: &Bench| {
            bench.of(&KIND).iter().map(|it| (it.id.clone(), it.detected, it.ended)).collect::<Vec<_>>()
        };
        assert_eq!(said(&jump), said(&ticks));
        assert_eq!(jump.of(&KIND)[0].detected, s(130));
    }
}
