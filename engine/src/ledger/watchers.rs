//! The detectors at work: [`Watchers`]. One that panics loses its turn, and is counted by its kind; the others and the
//! ledger go on. Of one that cannot be asked it is known, so that what it said last holds on.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use spanwatch_parsers::Fact;

use crate::detectors::{Detector, Known};
use crate::expected::{Peer, Role};
use crate::finding::{Finding, Kind};
use crate::hash::Keyed;

/// Detectors in the order of their kinds.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    all: Vec<Watcher>,
    /// Who reads facts of a form, and all, as far as they have been asked.
    readers: HashMap<Option<Discriminant<Fact>>, Vec<usize>, Keyed>,
    /// What a detector finds is asked of a ledger that does not change.
    faults: Mutex<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    /// How often each panicked, by kind.
    panicked: BTreeMap<&'static str, u64>,
    /// Those that panicked when they were last asked what they found.
    unasked: BTreeSet<&'static str>,
}

#[derive(Debug)]
struct Watcher {
    kind: &'static str,
    detector: Box<dyn Detector>,
}

impl Watchers {
    /// Starts those of all kinds that have one.
    pub(super) fn new(kinds: &[&'static Kind]) -> Self {
        let all = kinds.iter().filter_map(|kind| Some(Watcher { kind: kind.id, detector: (kind.start?)() }));
        Self { all: all.collect(), ..Self::default() }
    }

    /// Gives each its turn, or each that reads such a fact.
    pub(super) fn each(&mut self, fact: Option<&Fact>, mut turn: impl FnMut(&mut dyn Detector)) {
        let Self { all, readers, faults } = self;
        let reads = |watcher: &Watcher| fact.is_none_or(|fact| watcher.detector.reads(fact));
        let ask = || (0..).zip(&*all).filter(|(_, it)| reads(it)).map(|(index, _)| index).collect();
        let mut turns = readers.entry(fact.map(discriminant)).or_insert_with(ask).iter();
        let mut watched = None;
        while turns.len() > 0 {
            let rest = AssertUnwindSafe(|| {
                for index in turns.by_ref() {
                    let Some(watcher) = all.get_mut(*index) else { continue };
                    watched = Some(watcher.kind);
                    turn(watcher.detector.as_mut());
                }
            });
            if catch_unwind(rest).is_err()
                && let Some(kind) = watched
            {
                faults.get_mut().unwrap_or_else(PoisonError::into_inner).note(kind);
            }
        }
    }

    /// Lets who has this name do something; whether he did not panic.
    pub(super) fn survives(&self, name: &'static str, turn: impl FnOnce()) -> bool {
        let is_over = catch_unwind(AssertUnwindSafe(turn)).is_ok();
        if !is_over {
            self.faults().note(name);
        }
        is_over
    }

    /// Adds what they found.
    pub(super) fn find(&self, known: &Known<'_>, findings: &mut Vec<Finding>) {
        for it in &self.all {
            findings.append(&mut self.asked(it.kind, || it.detector.findings(known)));
        }
    }

    /// What who has this name found.
    pub(super) fn asked(&self, name: &'static str, findings: impl FnOnce() -> Vec<Finding>) -> Vec<Finding> {
        let mut found = Vec::new();
        let is_asked = self.survives(name, || found = findings());
        let mut faults = self.faults();
        if is_asked {
            faults.unasked.remove(name)
        } else {
            faults.unasked.insert(name)
        };
        found
    }

    /// Whom they learned to expect.
    pub(super) fn learned(&self, known: &Known<'_>) -> Vec<Peer> {
        let mut learned = Vec::new();
        for it in &self.all {
            self.survives(it.kind, || learned.extend(it.detector.learned(known)));
        }
        learned
    }

    /// Who turned out not to belong in a role.
    pub(super) fn refuted(&self) -> BTreeSet<(Role, String)> {
        let mut refuted = BTreeSet::new();
        for it in &self.all {
            self.survives(it.kind, || refuted.extend(it.detector.refuted()));
        }
        refuted
    }

    /// Those that panicked when they were last asked what they found.
    pub(super) fn unasked(&self) -> BTreeSet<&'static str> {
        self.faults().unasked.clone()
    }

    /// Their caps, and what they did not keep for them.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, usize, u64)> {
        self.all.iter().flat_map(|watcher| watcher.detector.limits())
    }

    /// How often each panicked, by kind.
    pub(super) fn panicked(&self) -> BTreeMap<&'static str, u64> {
        self.faults().panicked.clone()
    }

    /// Lets go of all they hold.
    pub(super) fn let_go(&mut self) {
        (self.all, self.readers) = Default::default();
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults {
    fn note(&mut self, kind: &'static str) {
        let count = self.panicked.entry(kind).or_default();
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Time;

    use super::*;
    use crate::detectors::port_scan;
    use crate::observation::Observation;

    /// Panics at every turn after its first, and whenever it is asked.
    #[derive(Debug, Default)]
    struct Broken(u32);

    /// Counts its turns.
    #[derive(Debug, Default)]
    struct Sound(u64);

    impl Detector for Broken {
        fn observe(&mut self, _: &Observation, _: &Known<'_>) {}

        fn unwatched(&mut self, _: Time, _: Time) {
            self.0 += 1;
            assert!(self.0 < 2, "a turn that goes wrong on purpose");
        }

        fn findings(&self, _: &Known<'_>) -> Vec<Finding> {
            panic!("a question that goes wrong on purpose")
        }
    }

    impl Detector for Sound {
        fn observe(&mut self, _: &Observation, _: &Known<'_>) {}

        fn unwatched(&mut self, _: Time, _: Time) {
            self.0 += 1;
        }

        fn findings(&self, _: &Known<'_>) -> Vec<Finding> {
            Vec::new()
        }

        fn limits(&self) -> Vec<(&'static str, usize, u64)> {
            vec![("turns", 0, self.0)]
        }
    }

    static BROKEN: Kind =
        Kind { id: "broken", start: Some(|| Box::new(Broken::default())), ..port_scan::KIND };
    static SOUND: Kind = Kind { id: "sound", start: Some(|| Box::new(Sound::default())), ..port_scan::KIND };

    #[test]
    fn one_that_panics_loses_its_turns_and_the_others_have_theirs() {
        let mut watchers = Watchers::new(&[&SOUND, &BROKEN, &SOUND]);
        for _ in 0..3 {
            watchers.each(None, |detector| detector.unwatched(Time(0), Time(1)));
        }
        let turns: Vec<u64> = watchers.limits().map(|(_, _, turns)| turns).collect();
        assert_eq!(turns, [3, 3]);
        assert_eq!(watchers.panicked(), BTreeMap::from([("broken", 2)]));
    }
}
