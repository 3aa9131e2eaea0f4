//! The detectors at work: [`Watchers`]. One that panics loses its turn, and is counted by its kind; the others and the
//! ledger go on. Of one that cannot be asked it is known, so that what it said last holds on.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::{Discriminant, discriminant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use spanwatch_parsers::Fact;

use crate::detectors::{Detector, Known, Look};
use crate::expected::{Peer, Role};
use crate::finding::{Finding, Kind};
use crate::hash::Keyed;
use crate::ledger::directory::Number;
use crate::observation::Observation;

/// Detectors in the order of their kinds.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    all: Vec<Watcher>,
    /// Who looks ahead.
    looking_ahead: Vec<usize>,
    /// Who reads facts of a form, as far as they have been asked.
    readers: HashMap<Discriminant<Fact>, Vec<usize>, Keyed>,
    /// Who heeds of what goes on what looks like this, likewise.
    heeding: [Option<Vec<usize>>; Look::COUNT],
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
    /// Whether what goes on means nothing to it now.
    is_idle: bool,
}

impl Watcher {
    fn start(kind: &Kind) -> Option<Self> {
        let detector = (kind.start?)();
        let is_idle = detector.is_idle();
        Some(Self { kind: kind.id, detector, is_idle })
    }
}

impl Watchers {
    /// Starts those of all kinds that have one.
    pub(super) fn new(kinds: &[&'static Kind]) -> Self {
        let all: Vec<_> = kinds.iter().filter_map(|kind| Watcher::start(kind)).collect();
        let looking_ahead = those(&all, |it| it.detector.looks_ahead());
        Self { all, looking_ahead, ..Self::default() }
    }

    /// Gives each its turn.
    pub(super) fn each(&mut self, turn: impl FnMut(&mut dyn Detector)) {
        let places = 0..self.all.len();
        give(places, (&mut self.all, &mut self.faults), |_| true, turn);
    }

    /// Lets those who look ahead get ready for a second of what goes on.
    pub(super) fn foresee(&self, seen: &Observation, device: Option<Number>) {
        for it in self.looking_ahead.iter().filter_map(|place| self.all.get(*place)) {
            it.detector.foresee(seen, device);
        }
    }

    /// Shows an observation to each that reads such.
    pub(super) fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Self { all, readers, heeding, faults, .. } = self;
        let reads = |it: &Watcher| it.detector.reads(&seen.fact);
        let turn = |detector: &mut dyn Detector| detector.observe(seen, known);
        if matches!(seen.fact, Fact::Activity(_)) {
            let look = Look::of(seen);
            let heeds = || those(all, |it| reads(it) && it.detector.heeds(look));
            let Some(heeding) = heeding.get_mut(look.index()) else { return };
            let places = heeding.get_or_insert_with(heeds).iter().copied();
            give(places, (all, faults), |it| !it.is_idle, turn);
        } else {
            let readers = readers.entry(discriminant(&seen.fact)).or_insert_with(|| those(all, reads));
            give(readers.iter().copied(), (all, faults), |_| true, turn);
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
        (self.all, self.looking_ahead, self.readers, self.heeding) = Default::default();
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places of those who are so.
fn those(all: &[Watcher], are: impl Fn(&Watcher) -> bool) -> Vec<usize> {
    (0..).zip(all).filter(|(_, it)| are(it)).map(|(place, _)| place).collect()
}

/// Gives those at these places their turn, as far as they have one; a panic costs that one's alone.
fn give(
    mut places: impl Iterator<Item = usize>,
    (all, faults): (&mut [Watcher], &mut Mutex<Faults>),
    has_turn: impl Fn(&Watcher) -> bool,
    mut turn: impl FnMut(&mut dyn Detector),
) {
    let mut whose = None;
    let mut is_over = false;
    while !is_over {
        let rest = AssertUnwindSafe(|| {
            for place in places.by_ref() {
                let Some(it) = all.get_mut(place).filter(|it| has_turn(it)) else { continue };
                (whose, it.is_idle) = (Some(it.kind), false);
                turn(it.detector.as_mut());
                it.is_idle = it.detector.is_idle();
            }
        });
        is_over = catch_unwind(rest).is_ok();
        if let Some(kind) = whose.filter(|_| !is_over) {
            faults.get_mut().unwrap_or_else(PoisonError::into_inner).note(kind);
        }
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
    use crate::detectors::bench::{activity, mac, nothing_but, party, s};
    use crate::detectors::port_scan;
    use crate::ledger::directory::Directory;
    use crate::ledger::switch::Switches;
    use crate::observation::{Cite, Place};

    /// Panics at every turn after its first, and whenever it is asked.
    #[derive(Debug, Default)]
    struct Broken(u32);

    /// Counts its turns.
    #[derive(Debug, Default)]
    struct Sound(u64);

    impl Detector for Broken {
        fn reads(&self, _: &Fact) -> bool {
            false
        }

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
        fn reads(&self, _: &Fact) -> bool {
            false
        }

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

    /// Sleeps until somebody announces himself, and then counts what goes on with a tag.
    #[derive(Debug, Default)]
    struct Drowsy {
        is_awake: bool,
        shown: u64,
    }

    impl Detector for Drowsy {
        fn reads(&self, fact: &Fact) -> bool {
            matches!(fact, Fact::Announced | Fact::Activity(_))
        }

        fn heeds(&self, look: Look) -> bool {
            look.is_tagged
        }

        fn is_idle(&self) -> bool {
            !self.is_awake
        }

        fn observe(&mut self, seen: &Observation, _: &Known<'_>) {
            match seen.fact {
                Fact::Activity(_) => self.shown += 1,
                _ => self.is_awake = true,
            }
        }

        fn findings(&self, _: &Known<'_>) -> Vec<Finding> {
            Vec::new()
        }

        fn limits(&self) -> Vec<(&'static str, usize, u64)> {
            vec![("shown", 0, self.shown)]
        }
    }

    static DROWSY: Kind =
        Kind { id: "drowsy", start: Some(|| Box::new(Drowsy::default())), ..port_scan::KIND };
    static BROKEN: Kind =
        Kind { id: "broken", start: Some(|| Box::new(Broken::default())), ..port_scan::KIND };
    static SOUND: Kind = Kind { id: "sound", start: Some(|| Box::new(Sound::default())), ..port_scan::KIND };

    #[test]
    fn one_that_panics_loses_its_turns_and_the_others_have_theirs() {
        let mut watchers = Watchers::new(&[&SOUND, &BROKEN, &SOUND]);
        for _ in 0..3 {
            watchers.each(|detector| detector.unwatched(Time(0), Time(1)));
        }
        let turns: Vec<u64> = watchers.limits().map(|(_, _, turns)| turns).collect();
        assert_eq!(turns, [3, 3]);
        assert_eq!(watchers.panicked(), BTreeMap::from([("broken", 2)]));
    }

    #[test]
    fn what_goes_on_is_shown_to_who_heeds_it_and_is_awake() {
        let (directory, switches) = (Directory::default(), Switches::default());
        let known = nothing_but(&directory, &switches);
        let mut watchers = Watchers::new(&[&DROWSY]);
        let mut shown_after = |fact: Fact, vlan: Option<u16>| {
            let [subject, peer] = [1, 2].map(|n| party(mac(n), "192.0.2.7", vlan));
            let seen = Observation {
                place: Place::default(),
                at: s(1),
                cite: Cite::default(),
                subject,
                peer,
                transport: Some(6),
                source: "test",
                fact,
            };
            watchers.observe(&seen, &known);
            watchers.limits().map(|(_, _, shown)| shown).sum::<u64>()
        };
        let goes_on = || Fact::Activity(activity(s(1), 1));
        assert_eq!(shown_after(goes_on(), Some(10)), 0, "it sleeps");
        assert_eq!(shown_after(Fact::Announced, None), 0, "it wakes");
        assert_eq!(shown_after(goes_on(), None), 0, "it heeds no such");
        assert_eq!(shown_after(goes_on(), Some(10)), 1);
    }
}
