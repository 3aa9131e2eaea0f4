//! Shared fate: absences that began together for one reason are one incident.
//!
//! ```text
//! last signs of life   ──a─b─c───────────────d────►      a, b, c hang on one switch: one incident
//!                        └ TOGETHER ┘                     d, later, is an incident of its own
//! ```
//!
//! Within [`TOGETHER`] of the first of them, absences belong together where the devices hang on one
//! switch: two of them if they fell silent almost at once, else three. Devices whose switch
//! nobody named join such a group if they fell silent with it. Of those left three that fell silent
//! almost at once make a group, wherever they hang, for three unrelated faults in one moment are not believable. Groups of
//! several switches in one moment share something above them. (facts, offline_and_switch 10.5.) Two that each started anew
//! while others of their switch lived on share nothing.
//!
//! Who is heard now and then while nobody reaches him is cut off. Several who are cut off at the same time share the cut,
//! though the one fell silent later than the other: a sender of TCP goes on for a while.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Span, Text, Time};

use super::Absence;
use crate::ledger::directory::Number;

/// One incident: one absence, or several with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Indices of its absences, in order of the last sign of life.
    pub members: Vec<usize>,
    /// The one switch that those hang on whose switch is known.
    pub switch: Option<Text>,
    /// When it was clear that they belong together; of a single absence when it was detected.
    pub detected: Time,
}

/// Sorts absences into incidents, each into one, in order of their beginning. `lives` tells whether others of the same
/// switch lived on.
#[must_use]
pub fn incidents(
    absences: &[Absence],
    hangs_on: impl Fn(Number) -> Option<Text>,
    lives: impl Fn(&Absence) -> bool,
) -> Vec<Fate> {
    let failed = moments(absences);
    let since = |index: &usize| failed.get(*index).copied().unwrap_or(Time::MIN);
    let heard = |index: &usize| absences.get(*index).map_or(Time::MIN, |absence| absence.since);
    let mut order: Vec<usize> = (0..absences.len()).collect();
    order.sort_by_key(|index| (since(index), *index));
    let mut fates = Vec::new();
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let begin = since(first);
        let count = rest.partition_point(|index| since(index) - begin <= TOGETHER);
        let (cluster, later) = rest.split_at(count);
        rest = later;
        sort_cluster(cluster, (absences, &failed), (&hangs_on, &lives), &mut fates);
    }
    let mut fates = cut_off(fates, absences, &hangs_on);
    for fate in &mut fates {
        fate.members.sort_by_key(|index| (heard(index), *index));
    }
    fates.sort_by_key(|fate| fate.members.first().map(heard));
    fates
}

/// When each may have failed. Who speaks often failed at his last word. Who speaks every few seconds failed some time
/// within his pause: where others failed in it, three and more with him, he failed with most of them.
fn moments(absences: &[Absence]) -> Vec<Time> {
    let mut failed: Vec<Time> = absences.iter().map(|absence| absence.since).collect();
    let mut begins: Vec<Time> = absences.iter().map(|absence| absence.since - AT_ONCE).collect();
    let mut ends: Vec<Time> = absences.iter().map(|absence| absence.since + absence.gap + AT_ONCE).collect();
    let mut all = failed.clone();
    for sorted in [&mut begins, &mut ends, &mut all] {
        sorted.sort_unstable();
    }
    all.dedup();
    // How many may have failed at a moment: those whose time has begun, less those whose time is over.
    let count = |at: Time| begins.partition_point(|it| *it <= at) - ends.partition_point(|it| *it < at);
    let counted: Vec<(Time, usize)> = all.into_iter().map(|at| (at, count(at))).collect();
    for (absence, failed) in absences.iter().zip(&mut failed).filter(|(absence, _)| absence.gap > AT_ONCE) {
        let from = counted.partition_point(|(at, _)| *at < absence.since);
        let near = counted.iter().skip(from).take_while(|(at, _)| *at <= absence.since + absence.gap);
        let most = near.max_by_key(|(at, count)| (*count, std::cmp::Reverse(*at)));
        if let Some((at, _)) = most.filter(|(_, count)| *count >= GROUP) {
            *failed = *at;
        }
    }
    failed
}

fn sort_cluster(
    cluster: &[usize],
    (absences, failed): (&[Absence], &[Time]),
    (hangs_on, lives): (&impl Fn(Number) -> Option<Text>, &impl Fn(&Absence) -> bool),
    fates: &mut Vec<Fate>,
) {
    let since = |index: &usize| failed.get(*index).copied().unwrap_or(Time::MIN);
    let mut by_switch: BTreeMap<Option<Text>, Vec<usize>> = BTreeMap::new();
    for index in cluster {
        let switch = absences.get(*index).and_then(|absence| hangs_on(absence.device));
        by_switch.entry(switch).or_default().push(*index);
    }
    let mut strangers = by_switch.remove(&None).unwrap_or_default();
    let started_alone = |index: &usize| {
        absences.get(*index).is_some_and(|absence| absence.began_anew().is_some() && lives(absence))
    };
    let (groups, singles): (Vec<_>, Vec<_>) = by_switch.into_iter().partition(|(_, members)| {
        let is_pair = members.len() == PAIR && spread(members, &since) <= AT_ONCE;
        members.len() >= GROUP || (is_pair && !members.iter().all(started_alone))
    });
    let mut groups: Vec<(Option<Text>, Vec<usize>)> = merged(groups, &since);
    for (_, members) in &mut groups {
        let (from, to) = reach(members, &since);
        let joins = |index: &usize| since(index) >= from - AT_ONCE && since(index) <= to + AT_ONCE;
        members.extend(strangers.iter().copied().filter(joins));
        strangers.retain(|index| !joins(index));
        members.sort_by_key(|index| (since(index), *index));
    }
    // Who is left, whatever his switch.
    let named = singles.into_iter().flat_map(|(switch, members)| {
        members.into_iter().map(move |index| (index, switch.clone())).collect::<Vec<_>>()
    });
    let mut left: Vec<(usize, Option<Text>)> =
        named.chain(strangers.into_iter().map(|index| (index, None))).collect();
    left.sort_by_key(|(index, _)| (since(index), *index));
    let mut rest = left.as_slice();
    while let Some((first, _)) = rest.first() {
        let begin = since(first);
        let count = rest.partition_point(|(index, _)| since(index) - begin <= AT_ONCE);
        let (members, later) = rest.split_at(if count < GROUP { 1 } else { count });
        rest = later;
        if count < GROUP {
            fates.push(single(*first, absences));
            continue;
        }
        let mut switches: Vec<&Text> = members.iter().filter_map(|(_, switch)| switch.as_ref()).collect();
        switches.sort_unstable();
        switches.dedup();
        let switch = if let [only] = switches[..] { Some(only.clone()) } else { None };
        groups.push((switch, members.iter().map(|(index, _)| *index).collect()));
    }
    fates.extend(groups.into_iter().map(|(switch, members)| group(switch, members, absences)));
}

/// Joins those who were cut off at the same time.
fn cut_off(fates: Vec<Fate>, absences: &[Absence], hangs_on: &impl Fn(Number) -> Option<Text>) -> Vec<Fate> {
    let (cut, mut kept): (Vec<Cut>, Vec<Cut>) =
        fates.into_iter().map(|fate| Cut::of(fate, absences, hangs_on)).partition(|it| it.is_seen);
    let mut joined: Vec<Cut> = Vec::new();
    for one in cut {
        match joined.iter_mut().find(|other| other.is_near(&one)) {
            Some(other) => other.join(one),
            None => joined.push(one),
        }
    }
    let (groups, singles): (Vec<Cut>, Vec<Cut>) =
        kept.into_iter().partition(|it| it.ran && it.members.len() > 1);
    joined.extend(groups);
    kept = singles;
    // Who ran all the time and is back with a group that was cut off was cut off with it.
    for group in joined.iter_mut().filter(|it| it.members.len() > 1) {
        let is_of_it =
            |one: &Cut| one.members.len() == 1 && one.ran && group.is_near(one) && group.is_back_with(one);
        let (own, others): (Vec<Cut>, Vec<Cut>) = kept.into_iter().partition(is_of_it);
        kept = others;
        own.into_iter().for_each(|one| group.join(one));
    }
    let fate = |cut: Cut| {
        let needed = if cut.switch.is_some() { PAIR } else { GROUP };
        match cut.fates.len() {
            0 | 1 => cut.fates,
            _ if cut.members.len() < needed => cut.fates,
            _ => vec![group(cut.switch, cut.members, absences)],
        }
    };
    joined.into_iter().chain(kept).flat_map(fate).collect()
}

/// Fates of those who may have been cut off at the same time.
struct Cut {
    since: Time,
    /// When the first of them was back, and the last.
    back: Time,
    ended: Time,
    switch: Option<Text>,
    devices: BTreeSet<Number>,
    members: Vec<usize>,
    fates: Vec<Fate>,
    /// Whether one of them was heard while nobody reached him.
    is_seen: bool,
    /// Whether one of them ran all the time.
    ran: bool,
}

impl Cut {
    fn of(fate: Fate, absences: &[Absence], hangs_on: &impl Fn(Number) -> Option<Text>) -> Self {
        let all: Vec<&Absence> = fate.members.iter().filter_map(|index| absences.get(*index)).collect();
        let own = if let [only] = all[..] { hangs_on(only.device) } else { None };
        let ended = || all.iter().map(|it| it.ended.map_or(Time::MAX, |(at, _)| at));
        Self {
            since: all.iter().map(|it| it.since).min().unwrap_or(Time::MIN),
            back: ended().min().unwrap_or(Time::MAX),
            ended: ended().max().unwrap_or(Time::MAX),
            switch: fate.switch.clone().or(own),
            devices: all.iter().map(|it| it.device).collect(),
            members: fate.members.clone(),
            is_seen: all.iter().any(|it| !it.glimpses.is_empty()),
            ran: all.iter().any(|it| it.lived().is_some()),
            fates: vec![fate],
        }
    }

    fn is_near(&self, other: &Self) -> bool {
        let is_one = self.switch.is_none() || other.switch.is_none() || self.switch == other.switch;
        let begun = Span((self.since - other.since).0.saturating_abs());
        // Who was heard meanwhile, for too long to be a moment, is cut off as before.
        let is_again = !self.devices.is_disjoint(&other.devices);
        is_one && (begun <= CUT || is_again) && self.since <= other.ended && other.since <= self.ended
    }

    fn is_back_with(&self, other: &Self) -> bool {
        other.ended < Time::MAX && (self.back - TOGETHER..=self.ended + TOGETHER).contains(&other.ended)
    }

    fn join(&mut self, other: Self) {
        (self.since, self.ended) = (self.since.min(other.since), self.ended.max(other.ended));
        self.back = self.back.min(other.back);
        self.switch = self.switch.take().or(other.switch);
        self.devices.extend(other.devices);
        self.members.extend(other.members);
        self.fates.extend(other.fates);
    }
}

/// Groups of several switches that fell silent in one moment are one.
fn merged(
    groups: Vec<(Option<Text>, Vec<usize>)>,
    since: &impl Fn(&usize) -> Time,
) -> Vec<(Option<Text>, Vec<usize>)> {
    let mut all: Vec<(Option<Text>, Vec<usize>)> = Vec::new();
    for (switch, members) in groups {
        let (from, to) = reach(&members, since);
        let near = all.iter_mut().find(|(_, other)| {
            let (other_from, other_to) = reach(other, since);
            from - AT_ONCE <= other_to && other_from - AT_ONCE <= to
        });
        match near {
            Some((shared, other)) => {
                *shared = None;
                other.extend(members);
                other.sort_by_key(|index| (since(index), *index));
            }
            None => all.push((switch, members)),
        }
    }
    all
}

fn single(index: usize, absences: &[Absence]) -> Fate {
    let detected = absences.get(index).map_or(Time::MIN, |absence| absence.detected);
    Fate { members: vec![index], switch: None, detected }
}

/// That they belong together is clear with the second of one switch, or with the third of whatever.
fn group(switch: Option<Text>, members: Vec<usize>, absences: &[Absence]) -> Fate {
    let mut detected: Vec<Time> =
        members.iter().filter_map(|index| absences.get(*index)).map(|absence| absence.detected).collect();
    detected.sort_unstable();
    let needed = if switch.is_some() { PAIR } else { GROUP };
    let detected = detected.get(needed - 1).or(detected.last()).copied().unwrap_or(Time::MIN);
    Fate { members, switch, detected }
}

fn reach(members: &[usize], since: &impl Fn(&usize) -> Time) -> (Time, Time) {
    let all = members.iter().map(since);
    (all.clone().min().unwrap_or(Time::MIN), all.max().unwrap_or(Time::MIN))
}

fn spread(members: &[usize], since: &impl Fn(&usize) -> Time) -> Span {
    let (from, to) = reach(members, since);
    to - from
}

/// Silences that begin this close together may have one cause (facts, offline_and_switch 10.5).
pub const TOGETHER: Span = Span::seconds(5);

/// ... and this close hardly have two: a camera sends several pictures in that time.
pub const AT_ONCE: Span = Span::millis(1_500);

/// Who is cut off falls silent within this time: TCP gives up a peer that does not acknowledge after 20 s and more.
const CUT: Span = Span::seconds(30);

/// A group without further proof.
const GROUP: usize = 3;

/// Enough where they hang on one switch and fell silent at once.
const PAIR: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::returns::Start;
    use super::*;
    use crate::observation::Cite;

    /// Absences by the millisecond of their last sign; found 5 s later. The device's number is its place.
    fn absences(since_ms: &[i64]) -> Vec<Absence> {
        let one = |(index, ms): (usize, &i64)| {
            Absence::for_test(
                Number::for_test(index as u32),
                Time(ms * 1_000_000),
                Time((ms + 5_000) * 1_000_000),
            )
        };
        since_ms.iter().enumerate().map(one).collect()
    }

    fn members(fates: &[Fate]) -> Vec<(&[usize], Option<&str>)> {
        fates.iter().map(|fate| (&fate.members[..], fate.switch.as_ref().map(Text::as_str))).collect()
    }

    /// Sorts absences; `switches` names each device's switch, `-` none.
    fn sorted(since_ms: &[i64], switches: &str) -> Vec<Fate> {
        let names: Vec<char> = switches.chars().collect();
        let name = |number: Number| {
            let letter = names[number.before() as usize];
            (letter != '-').then(|| Text::from(letter.to_string().as_str()))
        };
        incidents(&absences(since_ms), name, |_| false)
    }

    #[test]
    fn devices_of_one_switch_share_their_fate() {
        let fates = sorted(&[0, 300, 4_000, 9_000], "aaaa");
        assert_eq!(members(&fates), [(&[0, 1, 2][..], Some("a")), (&[3][..], None)]);
        assert_eq!(fates[0].detected, Time(5_300 * 1_000_000));
    }

    #[test]
    fn two_unrelated_losses_stay_two() {
        assert_eq!(members(&sorted(&[0, 100], "ab")), [(&[0][..], None), (&[1][..], None)]);
        assert_eq!(members(&sorted(&[0, 100], "--")), [(&[0][..], None), (&[1][..], None)]);
        assert_eq!(members(&sorted(&[0, 3_000], "aa")), [(&[0][..], None), (&[1][..], None)]);
    }

    #[test]
    fn two_of_one_switch_at_once_belong_together() {
        assert_eq!(members(&sorted(&[0, 1_400], "aa")), [(&[0, 1][..], Some("a"))]);
    }

    #[test]
    fn three_at_once_belong_together_though_nobody_named_their_switch() {
        let fates = sorted(&[0, 900, 1_300], "---");
        assert_eq!(members(&fates), [(&[0, 1, 2][..], None)]);
        assert_eq!(fates[0].detected, Time(6_300 * 1_000_000));
        assert_eq!(sorted(&[0, 2_000, 4_000], "---").len(), 3);
    }

    #[test]
    fn who_fell_silent_with_a_switch_hangs_on_it_for_all_we_know() {
        assert_eq!(members(&sorted(&[0, 200, 300, 400], "aa-a")), [(&[0, 1, 2, 3][..], Some("a"))]);
        let apart = sorted(&[0, 200, 300, 4_500], "aaa-");
        assert_eq!(members(&apart), [(&[0, 1, 2][..], Some("a")), (&[3][..], None)]);
    }

    #[test]
    fn a_stranger_of_another_switch_stays_out() {
        let fates = sorted(&[0, 200, 300, 350], "aaab");
        assert_eq!(members(&fates), [(&[0, 1, 2][..], Some("a")), (&[3][..], None)]);
    }

    #[test]
    fn three_at_once_belong_together_though_the_switch_of_one_alone_is_known() {
        assert_eq!(members(&sorted(&[0, 300, 600], "a--")), [(&[0, 1, 2][..], Some("a"))]);
        assert_eq!(members(&sorted(&[0, 300, 600], "a-b")), [(&[0, 1, 2][..], None)]);
        assert_eq!(sorted(&[0, 300, 2_600], "a--").len(), 3);
    }

    #[test]
    fn two_switches_at_once_share_what_is_above_them() {
        assert_eq!(members(&sorted(&[0, 200, 300, 350], "abab")), [(&[0, 1, 2, 3][..], None)]);
    }

    #[test]
    fn who_speaks_rarely_failed_with_those_who_failed_in_his_pause() {
        let mut slow = absences(&[0, 2_300, 2_400, 2_500]);
        assert_eq!(incidents(&slow, |_| None, |_| false).len(), 2);
        slow[0].gap = Span::millis(3_000);
        assert_eq!(members(&incidents(&slow, |_| None, |_| false)), [(&[0, 1, 2, 3][..], None)]);
        slow[0].gap = Span::millis(2_000);
        assert_eq!(incidents(&slow, |_| None, |_| false).len(), 2);
        let mut all_slow = absences(&[0, 2_000, 4_000]);
        all_slow.iter_mut().for_each(|absence| absence.gap = Span::seconds(5));
        assert_eq!(incidents(&all_slow, |_| None, |_| false).len(), 1);
    }

    #[test]
    fn who_is_cut_off_shares_the_cut_with_who_fell_silent_later() {
        let mut cut = absences(&[0, 12_000, 25_000]);
        cut.iter_mut().for_each(|absence| absence.glimpses = vec![(absence.detected, Cite::default())]);
        let sorted =
            |cut: &[Absence], name: Option<&str>| incidents(cut, |_| name.map(Text::from), |_| false).len();
        assert_eq!((sorted(&cut, Some("a")), sorted(&cut, None)), (1, 1));
        assert_eq!((sorted(&cut[..2], Some("a")), sorted(&cut[..2], None)), (1, 2));
        cut[1].glimpses.clear();
        assert_eq!(sorted(&cut, Some("a")), 2);
        cut[0].ended = Some((Time(20_000 * 1_000_000), Cite::default()));
        assert_eq!(sorted(&cut, Some("a")), 3);
    }

    /// Three of one switch that are back after 80, 90 and 100 s, and one more.
    fn cut(device: u32, since_ms: i64, ended_s: i64) -> usize {
        let mut cut = absences(&[0, 300, 500, since_ms]);
        cut[3].device = Number::for_test(device);
        for (absence, ended) in cut.iter_mut().zip([80, 90, 100, ended_s]) {
            absence.ended = Some((Time(ended * 1_000_000_000), Cite::default()));
            absence.ran_on = absence.ended;
        }
        incidents(&cut, |_| Some(Text::from("a")), |_| false).len()
    }

    #[test]
    fn who_is_back_while_they_come_back_was_cut_off_with_them() {
        assert_eq!([76, 80, 104].map(|ended| cut(3, 12_000, ended)), [1, 1, 1]);
        assert_eq!([60, 120].map(|ended| cut(3, 12_000, ended)), [2, 2]);
    }

    #[test]
    fn who_is_gone_again_before_the_cut_is_mended_is_of_it() {
        assert_eq!([cut(1, 50_000, 90), cut(3, 50_000, 90)], [1, 2]);
    }

    #[test]
    fn two_that_each_started_anew_share_nothing_while_their_switch_lives() {
        let mut pair = absences(&[0, 1_000]);
        let sorted =
            |pair: &[Absence], lives: bool| incidents(pair, |_| Some(Text::from("a")), |_| lives).len();
        pair.iter_mut().for_each(|it| it.restarted = Some((it.detected, Cite::default(), Start::Lease)));
        assert_eq!((sorted(&pair, true), sorted(&pair, false)), (2, 1));
        pair[0].restarted = None;
        assert_eq!(sorted(&pair, true), 1);
    }

    #[test]
    fn nothing_absent_is_no_incident() {
        assert!(sorted(&[], "").is_empty());
    }
}
