//! What the faults that devices tell of themselves have in common: a device notifies who asked for that (ONVIF events) that
//! something is amiss with one of its inputs or disks, and later that it is over.
//!
//! ```text
//! (nothing) ──begins──► Begun ──LASTS──► Told ──over──► Over
//!                         └──over──► (nothing)   ◄─begins─┘ counted
//! ```
//!
//! Several topics may tell of one place, as imaging and analytics both do of a scene that changed: it is over when none
//! of them lasts.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, NoticeKind, Span, Text, Time};

use super::{Detector, Known};
use crate::finding::{Cause, Evidence, Finding, Kind, Owner};
use crate::ledger::device::Device;
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// One kind of fault that devices tell of.
#[derive(Debug)]
pub struct Rule {
    /// Its kind.
    pub kind: &'static Kind,
    /// How devices tell of it.
    pub notice: NoticeKind,
    /// Whether to send a technician.
    pub dispatch: &'static str,
    /// What to say of it.
    pub words: fn(&str, &str) -> Words,
}

/// What is said of it, of whom and of which place (` (source_1)`, or nothing).
#[derive(Debug)]
pub struct Words {
    /// One line, without when.
    pub title: String,
    /// For the person who looks after the cameras: what it means and what to do.
    pub summary: String,
    /// The next step.
    pub remedy: &'static str,
    /// How to see that it is mended.
    pub verify: &'static str,
}

/// Watches for one kind.
#[derive(Debug)]
pub struct Watch {
    rule: &'static Rule,
    /// By device, and its input or disk where it names one.
    faults: BTreeMap<(Number, Option<Text>), Fault>,
    refused: u64,
}

/// What a device tells of one place.
#[derive(Debug)]
struct Fault {
    /// What the device was called then.
    id: String,
    source: &'static str,
    first: (Time, Cite),
    last: (Time, Cite),
    /// The topic that told so first.
    told_as: Text,
    /// Topics by which it lasts.
    topics: Vec<Text>,
    state: State,
    count: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It is told of when it lasts until `due`.
    Begun { due: Time },
    /// It lasts, and did so long enough at `detected`.
    Told { detected: Time },
    /// The device has told that it is over.
    Over { detected: Time, ended: (Time, Cite) },
}

/// What is over sooner is none: inputs and disks start with their device, and a lamp that goes on changes a scene.
const LASTS: Span = Span::seconds(10);
/// Places of all devices: a recorder has 64 inputs.
const PLACES_MAX: usize = 4_096;
/// Topics that tell of one place; there are three for a scene that changed.
const TOPICS_MAX: usize = 8;
/// The device says so itself, unsigned, in per cent.
const SAID: u8 = 90;

impl Watch {
    /// Watches by a rule.
    #[must_use]
    pub const fn new(rule: &'static Rule) -> Self {
        Self { rule, faults: BTreeMap::new(), refused: 0 }
    }
}

impl Fault {
    fn begins(&mut self, topic: &Text, sight: (Time, Cite)) {
        self.last = sight;
        if !self.topics.contains(topic) && self.topics.len() < TOPICS_MAX {
            self.topics.push(topic.clone());
        }
        if let State::Over { detected, .. } = self.state {
            self.state = State::Told { detected };
            self.count = self.count.saturating_add(1);
        }
    }

    /// Whether there was nothing to tell of after all.
    fn ends(&mut self, topic: &Text, sight: (Time, Cite)) -> bool {
        self.advance(sight.0);
        self.topics.retain(|lasting| lasting != topic);
        match self.state {
            _ if !self.topics.is_empty() => false,
            State::Begun { .. } => true,
            State::Told { detected } => {
                self.state = State::Over { detected, ended: sight };
                false
            }
            State::Over { .. } => false,
        }
    }

    fn advance(&mut self, to: Time) {
        if let State::Begun { due } = self.state
            && due <= to
        {
            self.state = State::Told { detected: due };
        }
    }

    fn finding(
        &self,
        (number, place): (Number, Option<&Text>),
        rule: &Rule,
        known: &Known<'_>,
    ) -> Option<Finding> {
        let (detected, ended) = match self.state {
            State::Begun { .. } => return None,
            State::Told { detected } => (detected, None),
            State::Over { detected, ended } => (detected, Some(ended)),
        };
        let called = known.directory.device(number).map_or_else(|| self.id.clone(), Device::title);
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        let words = (rule.words)(&called, &place);
        let since = clock_time(self.first.0);
        let span = match ended {
            Some((at, _)) if self.count == 1 => {
                format!("from {since} to {} UTC ({})", clock_time(at), length(at - self.first.0))
            }
            Some((at, _)) => format!("{} times from {since} to {} UTC", self.count, clock_time(at)),
            None => format!("since {since} UTC"),
        };
        let is_over = ended.map_or("", |_| " It says that it is over.");
        let evidence = |(at, cite): (Time, Cite), text: String| Evidence {
            at,
            cite: Some(cite),
            protocol: Some(self.source),
            text,
        };
        let begun = evidence(self.first, format!("{called} tells {}{place}: it lasts", self.told_as));
        let ended_as = ended.map(|sight| evidence(sight, format!("{called} tells that it is over{place}")));
        Some(Finding {
            confidence: SAID,
            owner: Owner::PhysicalSecurity,
            cause: Some(Cause::Device),
            dispatch: Some(if ended.is_some() { "wait" } else { rule.dispatch }),
            devices: vec![number],
            switch: known.switch_of(number),
            title: format!("{} {span}", words.title),
            summary: format!("{}{is_over}", words.summary),
            detail: format!(
                "By an event of ONVIF, {}{place}, {called} told so {span}. Nobody signs such events.",
                self.told_as
            ),
            remedy: words.remedy.to_owned(),
            verify: words.verify.to_owned(),
            evidence: [Some(begun), ended_as].into_iter().flatten().collect(),
            last_seen: ended.unwrap_or(self.last).0.max(detected),
            ended: ended.map(|(at, _)| at),
            count: self.count,
            ..Finding::of_network(rule.kind, &format!("{}{place}", self.id), self.first.0, detected)
        })
    }
}

impl Detector for Watch {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Notice(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::Notice(notice) = &seen.fact else { return };
        let (true, Some(lasts)) = (notice.kind == self.rule.notice, notice.lasts) else { return };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let (topic, sight) = (&notice.identity, (seen.at, seen.cite));
        let place = (number, notice.port.clone());
        let has_room = self.faults.len() < PLACES_MAX;
        match (self.faults.get_mut(&place), lasts) {
            (Some(fault), true) => fault.begins(topic, sight),
            (Some(fault), false) => {
                if fault.ends(topic, sight) {
                    self.faults.remove(&place);
                }
            }
            (None, true) if !has_room => self.refused = self.refused.saturating_add(1),
            (None, true) => {
                let fault = Fault {
                    id: known.id_of(number),
                    source: seen.source,
                    first: sight,
                    last: sight,
                    told_as: topic.clone(),
                    topics: vec![topic.clone()],
                    state: State::Begun { due: seen.at + LASTS },
                    count: 1,
                };
                self.faults.insert(place, fault);
            }
            (None, false) => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.faults.values_mut().for_each(|fault| fault.advance(to));
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        for fault in self.faults.values_mut() {
            if let State::Begun { due } = &mut fault.state {
                *due = *due + (to - from);
            }
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        let places: Vec<_> = self.faults.keys().filter(|(number, _)| *number == gone).cloned().collect();
        for place in places {
            if let Some(fault) = self.faults.remove(&place) {
                self.faults.entry((kept, place.1)).or_insert(fault);
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let faults = self.faults.iter();
        faults
            .filter_map(|((number, place), fault)| fault.finding((*number, place.as_ref()), self.rule, known))
            .collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("inputs and disks that tell of a fault", PLACES_MAX, self.refused)]
    }
}

#[cfg(test)]
pub(super) mod bench {
    use spanwatch_parsers::Notice;

    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::observation::Party;

    /// A camera tells of a fault of this kind by this topic, at its source 1.
    pub fn tells(bench: &mut Bench, at: i64, kind: NoticeKind, topic: &str, lasts: bool) {
        let notice = Notice {
            kind,
            identity: topic.into(),
            port: Some("source_1".into()),
            lasts: Some(lasts),
            ..Notice::default()
        };
        bench.claims(s(at), mac(7), "192.0.2.7", None);
        bench.sees(s(at), party(mac(7), "192.0.2.7", None), Party::default(), Fact::Notice(Box::new(notice)));
        bench.tick(s(at));
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, party, s};
    use super::super::tamper_reported::KIND;
    use super::bench::tells;
    use super::*;
    use crate::observation::Party;

    const KIND_OF_NOTICE: NoticeKind = NoticeKind::Tampering;

    /// What is found after a camera told so at these seconds, up to second 100.
    fn after(told: &[(i64, &str, bool)]) -> Vec<Finding> {
        let mut bench = Bench::new();
        for (at, topic, lasts) in told {
            tells(&mut bench, *at, KIND_OF_NOTICE, topic, *lasts);
        }
        bench.tick(s(100));
        bench.of(&KIND)
    }

    #[test]
    fn a_fault_that_lasts_is_told_until_it_is_over() {
        let found = after(&[(10, "A", true)]);
        let [finding] = &found[..] else { panic!("one finding: {found:?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(10), s(20), None));
        assert_eq!((finding.owner, finding.dispatch), (Owner::PhysicalSecurity, Some("wait")));
        assert_eq!(finding.evidence[0].cite, Some(cite(s(10))));
        let over = &after(&[(10, "A", true), (30, "A", false)])[0];
        assert_eq!((over.ended, over.evidence.len(), over.count), (Some(s(30)), 2, 1));
    }

    #[test]
    fn a_fault_that_comes_again_is_one_finding_and_is_counted() {
        let found = after(&[(10, "A", true), (30, "A", false), (50, "A", true), (60, "A", true)]);
        let [finding] = &found[..] else { panic!("one finding: {found:?}") };
        assert_eq!((finding.count, finding.ended, finding.last_seen), (2, None, s(60)));
    }

    #[test]
    fn what_is_over_at_once_or_never_was_is_none() {
        assert!(after(&[(10, "A", true), (15, "A", false), (80, "A", true), (85, "A", false)]).is_empty());
        assert!(after(&[(10, "A", false), (50, "A", false)]).is_empty());
    }

    #[test]
    fn a_deadline_between_two_messages_counts_as_if_ticks_had_passed() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, KIND_OF_NOTICE, "A", true);
        tells(&mut bench, 30, KIND_OF_NOTICE, "A", false);
        assert_eq!(bench.of(&KIND)[0].detected, s(20));
    }

    #[test]
    fn two_topics_of_one_place_are_one_fault_that_is_over_with_the_last() {
        let begun = [(10, "A", true), (10, "B", false), (12, "B", true), (40, "A", false)];
        assert_eq!(after(&begun).iter().map(|it| it.ended).collect::<Vec<_>>(), [None]);
        let all = [&begun[..], &[(50, "B", false)]].concat();
        assert_eq!(after(&all)[0].ended, Some(s(50)));
    }

    #[test]
    fn nobody_watching_is_no_time_that_it_lasted() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, KIND_OF_NOTICE, "A", true);
        bench.unwatched(s(12), s(90));
        bench.tick(s(95));
        assert!(bench.of(&KIND).is_empty());
        bench.tick(s(98));
        assert_eq!(bench.of(&KIND)[0].detected, s(98));
    }

    #[test]
    fn state_is_bounded_and_what_does_not_fit_is_counted() {
        let mut bench = Bench::new();
        let subject = party(mac(7), "192.0.2.7", None);
        bench.claims(s(1), mac(7), "192.0.2.7", None);
        for n in 0..PLACES_MAX + 5 {
            let notice = spanwatch_parsers::Notice {
                kind: KIND_OF_NOTICE,
                identity: "A".into(),
                port: Some(n.to_string().as_str().into()),
                lasts: Some(true),
                ..Default::default()
            };
            bench.sees(s(1), subject, Party::default(), Fact::Notice(Box::new(notice)));
        }
        bench.tick(s(100));
        assert_eq!(bench.of(&KIND).len(), PLACES_MAX);
        let limits = bench.of(&crate::detectors::limit_reached::KIND);
        assert!(limits.iter().any(|it| it.title.contains("inputs and disks")), "{limits:?}");
    }
}
