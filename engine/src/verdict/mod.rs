//! Availability is a judgement about expectation.
//!
//! ```text
//!            media for LEARNED            silent beyond its patience
//!  Learning ───────────────────► Watched ───────────────────────────► Suspect
//!      ▲                          ▲   ▲                                │   │
//!      └── media ended on purpose ┘   └──────────── heard ◄────────────┘   │ refused asks,
//!                                     └──────────── heard ◄── Offline ◄────┘ others heard
//! ```
//!
//! A device that streamed steadily is expected to go on. Its silence alone says
//! nothing: whoever asked for the media may have left. It is called offline when
//! it is silent beyond its patience, somebody who asks it is not answered
//! ([`witness`]), and others were heard meanwhile, so that our own view is whole.
//!
//! Deadlines advance only to the last tick that every shard has flushed, and an
//! absence is stamped with the deadline, never with the frame that moved the
//! clock. Time in which nobody watched moves every deadline by its length.

pub mod expectation;
pub mod witness;

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Span, StreamActivity, Time};

use crate::ledger::directory::Number;
use crate::observation::Cite;
use expectation::Expectation;
use witness::{Ask, Asks};

/// One absence, from the last sign of life to the first sign after.
#[derive(Debug, Clone)]
pub struct Absence {
    /// Who.
    pub device: Number,
    /// Its last sign of life.
    pub since: Time,
    /// The frame of it.
    pub last_frame: Cite,
    /// When we became sure.
    pub detected: Time,
    /// When it was heard again.
    pub ended: Option<(Time, Cite)>,
    /// Who asked in vain.
    pub asks: Vec<Ask>,
    /// How many other devices were heard meanwhile, until `detected`.
    pub others_heard: usize,
    /// Devices whose silence began within [`TOGETHER`] of it, by number.
    pub together: Vec<Number>,
    /// The longest silence that was normal for it.
    pub patience: Span,
    /// How long its media had run.
    pub streamed: Span,
    /// Whether it asked for an address as after a start, while away or just after, and the frame.
    pub restarted: Option<(Time, Cite)>,
    /// Whether a stream of before went on after, and the frame.
    pub resumed: Option<(Time, Cite)>,
}

/// The availability of a device over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Heard as expected.
    Online,
    /// Called offline.
    Offline,
    /// Nobody can tell.
    Unknown,
}

impl State {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }
}

/// What is held on one device.
#[derive(Debug)]
struct Watch {
    last: Time,
    last_frame: Cite,
    expectation: Expectation,
    asks: Asks,
    /// Time since `last` in which nobody watched.
    unwatched: Span,
    deadline: Option<Time>,
    /// Index of the open absence.
    absent: Option<usize>,
    /// Index of the last absence, open or not.
    was_absent: Option<usize>,
    history: Vec<(Time, State)>,
}

/// The availability of all devices.
#[derive(Debug, Default)]
pub struct Verdict {
    watches: BTreeMap<Number, Watch>,
    deadlines: BTreeSet<(Time, Number)>,
    absences: Vec<Absence>,
    /// Absences that were not kept.
    pub refused: u64,
}

impl Verdict {
    /// Says that a device was heard: the first and the last time, each with its frame.
    pub fn heard(&mut self, device: Number, first: (Time, Cite), last: (Time, Cite)) {
        let watch = self.watches.entry(device).or_insert_with(|| Watch::new(first.0, first.1));
        if last.0 >= watch.last {
            (watch.last, watch.last_frame, watch.unwatched) = (last.0, last.1, Span::ZERO);
        }
        watch.absent = None;
        if let Some(absence) = watch.was_absent.and_then(|index| self.absences.get_mut(index)) {
            // Of what the second of its return brings, in no order of time, the earliest ends it.
            let is_earlier = absence.ended.is_none_or(|ended| first < ended);
            if is_earlier && first.0 > absence.since {
                absence.ended = Some(first);
            }
        }
        watch.enter(first.0, State::Online);
        let due = watch.due();
        self.rearm(device, due);
    }

    /// Takes one second of a device's media, `cite` its first frame.
    pub fn streamed(&mut self, device: Number, second: &StreamActivity, cite: Cite) {
        let Some(watch) = self.watches.get_mut(&device) else { return };
        let is_known = watch.expectation.knows(second.ssrc);
        let resumed = is_known && second.first > watch.last_absence_end(&self.absences);
        watch.expectation.media(second.ssrc, second.first, second.last, second.longest_gap);
        if let Some(absence) = watch.was_absent.and_then(|index| self.absences.get_mut(index))
            && absence.ended.is_some()
            && absence.resumed.is_none()
            && resumed
        {
            absence.resumed = Some((second.first, cite));
        }
        let due = watch.due();
        self.rearm(device, due);
    }

    /// Says that somebody ended the device's media on purpose.
    pub fn ended_on_purpose(&mut self, device: Number) {
        if let Some(watch) = self.watches.get_mut(&device) {
            watch.expectation = Expectation::default();
            self.rearm(device, None);
        }
    }

    /// Says that somebody asked the device for something and how often.
    pub fn asked(&mut self, device: Number, ask: Ask) {
        let Some(watch) = self.watches.get_mut(&device) else { return };
        watch.asks.add(ask);
        if watch.deadline.is_none() && watch.absent.is_none() && watch.expectation.is_learned() {
            // Its silence was given up as unknown; a refused ask can still settle it.
            let due = watch.due().map(|due| due.max(ask.at));
            self.rearm(device, due);
        }
    }

    /// Says that the device asked for an address as one does after a start.
    pub fn started(&mut self, device: Number, at: Time, cite: Cite) {
        let Some(absence) = self
            .watches
            .get(&device)
            .and_then(|watch| watch.was_absent)
            .and_then(|index| self.absences.get_mut(index))
        else {
            return;
        };
        let is_near = absence.ended.is_none_or(|(ended, _)| at - ended <= START_SIGNS);
        if is_near && absence.restarted.is_none() && at > absence.since {
            absence.restarted = Some((at, cite));
        }
    }

    /// Says that nobody watched between the two.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        let hole = to - from;
        for watch in self.watches.values_mut() {
            watch.unwatched = watch.unwatched + hole;
            if watch.absent.is_none() {
                watch.enter(from, State::Unknown);
            }
        }
        self.deadlines = self.deadlines.iter().map(|(due, device)| (*due + hole, *device)).collect();
        for (due, device) in &self.deadlines {
            if let Some(watch) = self.watches.get_mut(device) {
                watch.deadline = Some(*due);
            }
        }
    }

    /// Judges every silence whose deadline is at or before `complete_to`.
    pub fn advance(&mut self, complete_to: Time) {
        while let Some(&(due, device)) = self.deadlines.first().filter(|(due, _)| *due <= complete_to) {
            let next = self.judge(device, due);
            self.rearm(device, next);
        }
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        self.rearm(gone, None);
        let Some(absorbed) = self.watches.remove(&gone) else { return };
        for absence in &mut self.absences {
            if absence.device == gone {
                absence.device = kept;
            }
            for number in &mut absence.together {
                if *number == gone {
                    *number = kept;
                }
            }
        }
        match self.watches.get_mut(&kept) {
            None => {
                self.watches.insert(kept, absorbed);
            }
            Some(watch) => watch.absorb(absorbed),
        }
        let due = self.watches.get(&kept).and_then(Watch::due);
        self.rearm(kept, due);
    }

    /// Says that a device was forgotten: nothing is claimed about it any more.
    pub fn forget(&mut self, device: Number) {
        self.rearm(device, None);
        self.watches.remove(&device);
    }

    /// Every absence, in the order in which they were detected.
    #[must_use]
    pub fn absences(&self) -> &[Absence] {
        &self.absences
    }

    /// The history of a device: from when it was what, ending with what it is at `now`.
    #[must_use]
    pub fn history(&self, device: Number, now: Time) -> Vec<(Time, State)> {
        let Some(watch) = self.watches.get(&device) else { return Vec::new() };
        let mut history = watch.history.clone();
        let state = watch.state(now);
        if history.last().is_some_and(|(_, last)| *last != state) {
            history.push((watch.last, state));
        }
        history
    }

    fn judge(&mut self, device: Number, due: Time) -> Option<Time> {
        let watch = self.watches.get(&device)?;
        let since = watch.last;
        if watch.absent.is_some() || watch.due()? > due {
            return watch.due();
        }
        let silent = (due - since) - watch.unwatched;
        let others_heard =
            self.watches.iter().filter(|(other, watch)| **other != device && watch.last > since).count();
        let refusals = watch.asks.refused(since, due);
        if refusals.is_empty() || others_heard == 0 {
            let asked_again = watch.asks.next_after(due);
            return if silent < GIVE_UP { Some(due + JUDGE_AGAIN) } else { asked_again };
        }
        if self.absences.len() >= ABSENCES_MAX {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        let is_together = |other: &Watch| {
            other.expectation.is_strange(due - other.last) && (other.last - since).0.abs() <= TOGETHER.0
        };
        let together: Vec<Number> = self
            .watches
            .iter()
            .filter(|(number, other)| **number != device && is_together(other))
            .map(|(number, _)| *number)
            .collect();
        for absence in &mut self.absences {
            let at_once = absence.ended.is_none() && (absence.since - since).0.abs() <= TOGETHER.0;
            if at_once && absence.device != device && !absence.together.contains(&device) {
                absence.together.push(device);
            }
        }
        let absence = Absence {
            device,
            since,
            last_frame: watch.last_frame,
            detected: due,
            ended: None,
            asks: refusals,
            others_heard,
            together,
            patience: watch.expectation.patience(),
            streamed: watch.expectation.length(),
            restarted: None,
            resumed: None,
        };
        let index = self.absences.len();
        self.absences.push(absence);
        if let Some(watch) = self.watches.get_mut(&device) {
            watch.absent = Some(index);
            watch.was_absent = Some(index);
            watch.enter(since, State::Offline);
        }
        None
    }

    fn rearm(&mut self, device: Number, due: Option<Time>) {
        let Some(watch) = self.watches.get_mut(&device) else { return };
        if watch.deadline == due {
            return;
        }
        if let Some(old) = watch.deadline {
            self.deadlines.remove(&(old, device));
        }
        watch.deadline = due;
        if let Some(due) = due {
            self.deadlines.insert((due, device));
        }
    }
}

impl Watch {
    fn new(at: Time, cite: Cite) -> Self {
        Self {
            last: at,
            last_frame: cite,
            expectation: Expectation::default(),
            asks: Asks::default(),
            unwatched: Span::ZERO,
            deadline: None,
            absent: None,
            was_absent: None,
            history: Vec::new(),
        }
    }

    /// When silence becomes suspect; `None` while nothing is expected or it is known to be gone.
    fn due(&self) -> Option<Time> {
        let is_expected = self.expectation.is_learned() && self.absent.is_none();
        is_expected.then(|| self.last + self.expectation.patience() + self.unwatched)
    }

    fn state(&self, now: Time) -> State {
        if self.absent.is_some() {
            return State::Offline;
        }
        let silent = (now - self.last) - self.unwatched;
        let patience = if self.expectation.is_learned() { self.expectation.patience() } else { FRESH };
        let is_blind = self.history.last().is_some_and(|(_, state)| *state == State::Unknown);
        if silent <= patience && !is_blind { State::Online } else { State::Unknown }
    }

    fn enter(&mut self, at: Time, state: State) {
        match self.history.last() {
            Some((_, last)) if *last == state => {}
            // A state entered before the last one ended replaces it: the last was never really so.
            Some((since, _)) if *since >= at => {
                self.history.pop();
                self.enter(at, state);
            }
            _ if self.history.len() < HISTORY_MAX => self.history.push((at, state)),
            _ => {}
        }
    }

    fn last_absence_end(&self, absences: &[Absence]) -> Time {
        let absence = self.was_absent.and_then(|index| absences.get(index));
        absence.and_then(|absence| absence.ended).map_or(Time::MAX, |(ended, _)| ended - Span::seconds(1))
    }

    fn absorb(&mut self, other: Self) {
        if other.last > self.last {
            (self.last, self.last_frame, self.unwatched) = (other.last, other.last_frame, other.unwatched);
        }
        if !self.expectation.is_learned() {
            self.expectation = other.expectation;
        }
        self.asks.absorb(other.asks);
        self.absent = self.absent.or(other.absent);
        self.was_absent = self.was_absent.max(other.was_absent);
        let own = std::mem::take(&mut self.history);
        let mut all: Vec<_> = own.into_iter().chain(other.history).collect();
        all.sort_unstable();
        for (at, state) in all {
            self.enter(at, state);
        }
    }
}

/// A device without a learned cadence counts as online for this long after its last frame (design, "Time").
pub const FRESH: Span = Span::seconds(60);

/// Silences that begin this close together may have one cause (facts, offline_and_switch 10.5).
pub const TOGETHER: Span = Span::seconds(5);

/// A suspect is judged again this often, for asks take time to be refused.
const JUDGE_AGAIN: Span = Span::seconds(1);

/// After this much silence without a refused ask nobody is asking, and silence proves nothing.
const GIVE_UP: Span = Span::seconds(60);

/// Signs of a start count until this long after the first frame: DHCP retries up to about 60 s (RFC 2131, 4.1).
const START_SIGNS: Span = Span::seconds(60);

/// Absences kept.
pub const ABSENCES_MAX: usize = 16_384;

/// Changes of state kept of one device.
const HISTORY_MAX: usize = 256;

#[cfg(test)]
mod tests;
