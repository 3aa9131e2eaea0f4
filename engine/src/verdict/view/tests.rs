use spanwatch_parsers::{Fact, Mac};

use super::*;
use crate::observation::{Party, Place};

const RECORDER: u8 = 200;

fn s(s: i64) -> Time {
    Time(s * 1_000_000_000)
}

fn address(host: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, host])
}

fn party(host: u8, port: u16) -> Party {
    Party { mac: Some(Mac([2, 0, 0, 0, 0, host])), ip: Some(address(host)), port, ..Party::default() }
}

fn cite(at: Time) -> Cite {
    Cite::new(0, at.0.unsigned_abs() / 1_000_000_000)
}

/// A view with the directory that it looks at.
#[derive(Default)]
struct Site {
    view: View,
    directory: Directory,
}

impl Site {
    fn number(&mut self, host: u8) -> Number {
        self.directory.party_or_add(&party(host, 0), s(0)).unwrap()
    }

    /// In the second before `at` one host sent another some packets, none of them with bytes of a connection.
    fn sends(&mut self, at: i64, from: u8, to: u8, transport: u8, packets: u64) {
        self.says(at, (from, to), transport, (packets, 60 * packets));
    }

    /// In the second before `at` one host sent another so many packets with so many bytes.
    fn says(&mut self, at: i64, (from, to): (u8, u8), transport: u8, (packets, bytes): (u64, u64)) {
        let (number, peer) = (self.number(from), self.number(to));
        let port = |host| if host == RECORDER { 50_000 } else { 554 };
        let last = Time(s(at).0 - 1);
        let activity = Activity { first: last, bytes, ..crate::detectors::bench::activity(last, packets) };
        let seen = observed(at, (from, port(from)), (to, port(to)), Some(transport));
        self.directory.heard(number, (last, last));
        self.directory.device_mut(number).unwrap().last_own = last;
        self.view.back(number, (last, cite(last)));
        self.view.heard(&seen, &activity, Some(number), Some(peer));
    }

    /// The recorder reports how far the media of a camera came.
    fn reports(&mut self, at: i64, camera: u8, highest: u32) {
        let (source, by) = (self.number(camera), self.number(RECORDER));
        let last = self.directory.device(source).unwrap().last_seen;
        let report = ReceiverReport {
            ssrc: camera.into(),
            fraction_lost: 0,
            lost: 0,
            highest_sequence: highest,
            jitter_ticks: 0,
        };
        let seen = observed(at, (RECORDER, 5_001), (camera, 5_001), Some(17));
        self.view.reported(&seen, Some(by), (source, last), &report);
    }

    fn tick(&mut self, at: i64) {
        self.view.advance(s(at), &self.directory, |_| true);
    }

    /// Conversations of cameras with the recorder, from one second to another; `seen` are the cameras that we see.
    fn runs(&mut self, from: i64, to: i64, cameras: &[u8], seen: &[u8]) {
        for at in from..to {
            for camera in cameras {
                if seen.contains(camera) {
                    self.sends(at, *camera, RECORDER, TCP, 5);
                }
                self.sends(at, RECORDER, *camera, TCP, 3);
            }
            self.tick(at);
        }
    }

    fn told(&self) -> Vec<(What, usize)> {
        self.view.faults().iter().map(|fault| (fault.what, fault.members.len())).collect()
    }
}

fn observed(at: i64, from: (u8, u16), to: (u8, u16), transport: Option<u8>) -> Observation {
    Observation {
        place: Place::default(),
        at: s(at),
        cite: cite(s(at)),
        subject: party(from.0, from.1),
        peer: party(to.0, to.1),
        transport,
        source: "flow",
        fact: Fact::Router,
    }
}

#[test]
fn both_sides_of_all_are_no_fault() {
    let mut site = Site::default();
    site.runs(0, 100, &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]);
    assert_eq!(site.told(), []);
}

#[test]
fn one_side_of_all_from_the_start_is_one_way() {
    let mut site = Site::default();
    site.runs(0, 60, &[1, 2, 3, 4, 5], &[]);
    let [fault] = site.view.faults() else { panic!("one fault") };
    assert_eq!((fault.what, fault.since, fault.detected, fault.ended), (What::OneWay, s(0), s(20), None));
    assert!(fault.is_from_the_start());
}

#[test]
fn one_side_of_all_for_a_while_is_one_way_for_that_while() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    site.runs(33, 73, &all, &[]);
    let veiled: Vec<_> = site.view.veiled().collect();
    assert_eq!(veiled.len(), 5, "nobody of them may be called gone");
    site.runs(73, 100, &all, &all);
    let [fault] = site.view.faults() else { panic!("one fault") };
    let second = |at: Time| at.0.div_euclid(1_000_000_000);
    assert_eq!((fault.what, second(fault.since), fault.detected), (What::OneWay, 31, s(60)));
    assert_eq!(fault.ended.map(|(ended, _)| second(ended)), Some(72));
    assert_eq!(site.view.veiled().count(), 0);
}

#[test]
fn some_that_fall_out_at_once_are_partial_and_veiled() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    site.runs(33, 73, &all, &[3, 4, 5]);
    assert_eq!(
        site.view.veiled().map(|(number, _)| number).collect::<Vec<_>>(),
        [site.number(1), site.number(2)]
    );
    site.runs(73, 100, &all, &all);
    let [fault] = site.view.faults() else { panic!("one fault") };
    let second = |at: Time| at.0.div_euclid(1_000_000_000);
    assert_eq!((fault.what, second(fault.since), fault.members.len()), (What::Partial, 31, 2));
    assert_eq!(fault.ended.map(|(ended, _)| second(ended)), Some(72));
}

#[test]
fn who_fell_silent_with_them_is_veiled_too() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    for at in 0..33 {
        site.sends(at, 6, RECORDER, 17, 9);
        site.runs(at, at + 1, &all, &all);
    }
    site.runs(33, 73, &all, &[3, 4, 5]);
    assert_eq!(site.told(), [(What::Partial, 3)]);
}

#[test]
fn a_single_conversation_seen_one_way_is_nothing() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    site.runs(33, 100, &all, &[2, 3, 4, 5]);
    assert_eq!(site.told(), []);
    let mut site = Site::default();
    site.runs(0, 100, &[1], &[]);
    assert_eq!(site.told(), []);
}

#[test]
fn who_sends_again_in_vain_is_no_sign_of_a_mirror() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    for at in 33..120 {
        // Sent again after 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4 and 51 s, by a recorder that had much under way.
        let packets = [(33, 40), (34, 4), (36, 1), (39, 1), (45, 1), (58, 1), (84, 1)];
        for (_, packets) in packets.iter().filter(|(when, _)| *when == at) {
            all.iter().for_each(|camera| site.sends(at, RECORDER, *camera, TCP, *packets));
        }
        site.sends(at, 7, 8, TCP, 5);
        site.sends(at, 8, 7, TCP, 5);
        site.tick(at);
    }
    assert_eq!(site.told(), []);
}

#[test]
fn probes_of_silent_peers_are_no_sign_of_a_mirror() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    for at in 33..120 {
        // Windows: ten probes, 1 s apart.
        if (36..46).contains(&at) {
            all.iter().for_each(|camera| site.sends(at, RECORDER, *camera, TCP, 1));
        }
        site.tick(at);
    }
    assert_eq!(site.told(), []);
}

/// A host asks each of some others every few seconds and is answered; from second 60 on the answers are not seen.
fn polls(others: &[u8], is_acknowledged: bool) -> Site {
    let mut site = Site::default();
    for at in 0..120_i64 {
        for other in others.iter().filter(|other| (at + i64::from(**other)) % 4 == 0) {
            site.says(at, (RECORDER, *other), TCP, (2, 157));
            if at < 60 {
                site.says(at, (*other, RECORDER), TCP, (1, 115));
            } else if !is_acknowledged {
                site.view.resent(&observed(at, (RECORDER, 50_000), (*other, 554), Some(TCP)));
            }
        }
        site.tick(at);
    }
    site
}

#[test]
fn who_says_more_and_nothing_twice_was_answered() {
    let site = polls(&[1, 2, 3, 4, 5], true);
    let [fault] = site.view.faults() else { panic!("one fault: {:?}", site.told()) };
    assert_eq!((fault.what, fault.members.len(), fault.talks), (What::OneWay, 5, (5, 5)));
    assert!(matches!(fault.proofs[0].how, How::IsAnswered(after) if after >= ANSWERED), "{:?}", fault.proofs);
    assert!((s(56)..s(60)).contains(&fault.since) && fault.detected <= s(90), "{fault:?}");
    assert_eq!(polls(&[1, 2, 3], true).told(), [(What::Partial, 3)], "too few for all");
}

#[test]
fn who_says_the_same_twice_was_not_answered() {
    assert_eq!(polls(&[1, 2, 3, 4, 5], false).told(), []);
}

#[test]
fn few_words_on_both_sides_are_no_fault() {
    let mut site = Site::default();
    for at in 0..200_i64 {
        for other in (1..6).filter(|other| (at + i64::from(*other)) % 30 == 0) {
            site.says(at, (RECORDER, other), TCP, (2, 157));
            site.says(at, (other, RECORDER), TCP, (1, 115));
        }
        site.tick(at);
    }
    assert_eq!(site.told(), []);
}

#[test]
fn media_without_reports_is_one_sided_by_nature() {
    let mut site = Site::default();
    for at in 0..100 {
        (1..9).for_each(|camera| site.sends(at, camera, RECORDER, 17, 50));
        site.tick(at);
    }
    assert_eq!(site.told(), []);
}

#[test]
fn receivers_that_count_on_show_that_the_senders_live() {
    for (is_alive, expected) in [(true, vec![(What::Partial, 2)]), (false, vec![])] {
        let mut site = Site::default();
        for at in 0..100_i64 {
            if at < 40 {
                [1, 2].iter().for_each(|camera| site.sends(at, *camera, RECORDER, 17, 50));
            }
            if at % 5 == 0 {
                let highest = if is_alive { at } else { at.min(39) } * 50;
                [1, 2].iter().for_each(|camera| site.reports(at, *camera, u32::try_from(highest).unwrap()));
            }
            site.sends(at, 7, 8, TCP, 5);
            site.sends(at, 8, 7, TCP, 5);
            site.tick(at);
        }
        assert_eq!(site.told(), expected);
    }
}

#[test]
fn what_was_weighed_before_a_time_without_a_watch_counts_no_more() {
    let all = [1, 2, 3, 4, 5];
    let mut site = Site::default();
    site.runs(0, 33, &all, &all);
    site.runs(33, 45, &all, &[]);
    site.view.unwatched();
    site.runs(500, 515, &all, &[]);
    assert_eq!(site.told(), []);
}

#[test]
fn conversations_and_reports_are_bounded() {
    let mut site = Site::default();
    for n in 0..TALKS_MAX + 9 {
        let [_, .., high, low] = n.to_be_bytes();
        let mut seen = observed(1, (1, 554), (RECORDER, u16::from_be_bytes([high, low])), Some(TCP));
        seen.peer.ip = Some(IpAddr::from([192, 0, 3, (n >> 16) as u8]));
        let activity = crate::detectors::bench::activity(s(1), 9);
        site.view.heard(&seen, &activity, None, None);
    }
    assert_eq!((site.view.talks.len(), site.view.unweighed), (TALKS_MAX, 9));
}

#[test]
fn conversations_know_who_turned_out_to_be_another_when_they_are_weighed() {
    let mut site = Site::default();
    site.runs(0, 5, &[1, 2], &[1, 2]);
    let (one, two) = (site.number(1), site.number(2));
    let (other, third) = (Number::for_test(900), Number::for_test(901));
    site.view.renumber(one, other);
    site.view.renumber(other, third);
    site.tick(20);
    let named: BTreeSet<Number> =
        site.view.talks.values().flat_map(|talk| &talk.sides).filter_map(|side| side.who).collect();
    assert_eq!(named, BTreeSet::from([site.number(RECORDER), two, third]));
}

#[test]
fn who_turned_out_to_be_another_is_remembered_for_some_alone() {
    let mut view = View::default();
    for n in 0..10 * RENAMED_MAX {
        view.renumber(Number::for_test(u32::try_from(n).unwrap() + 1), Number::for_test(0));
        assert!(view.renamed.len() < RENAMED_MAX);
    }
}
