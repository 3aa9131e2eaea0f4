//! What is held on one device: [`Watch`].

use std::collections::BTreeSet;

use smallvec::SmallVec;
use spanwatch_parsers::{Span, Time};

use super::expectation::Expectation;
use super::returns::Restart;
use super::running::Clocks;
use super::witness::Asks;
use super::{FRESH, HISTORY_MAX, State};
use crate::ahead::fetch;
use crate::few::{Empty, Seldom, Sometime};
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// What is held on one device.
#[derive(Debug)]
pub(super) struct Watch {
    /// Its last frame: in watched time, as stamped, and where.
    pub(super) last: (Time, Time, Cite),
    /// Its first frame, in watched time.
    pub(super) begun: Time,
    pub(super) expectation: Expectation,
    pub(super) asks: Asks,
    /// Whom it asked last for something, and when in watched time.
    pub(super) asked: Option<(Number, Time)>,
    pub(super) clocks: Clocks,
    /// In watched time.
    pub(super) deadline: Sometime,
    /// Where it stands among the deadlines: not after its own, which may have moved on since.
    pub(super) entered: Sometime,
    pub(super) past: Seldom<Past>,
    /// When it last asked to keep its address.
    pub(super) renewed: Sometime,
    /// When it last asked for a lease.
    pub(super) asked_lease: Sometime,
    /// When it last sent media.
    pub(super) sent_media: Sometime,
    /// Whether something was ever expected of it.
    pub(super) was_expected: bool,
    pub(super) history: SmallVec<[(Time, State); 1]>,
    /// How many times without a watch were over when it was last heard.
    pub(super) blinds: u16,
}

/// What was ever amiss with a device; with most nothing was.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Its last frame before the first, where only later that turned out to be of this device: as [`Watch::last`].
    pub(super) before: Option<(Time, Time, Cite)>,
    /// Index of the open absence.
    pub(super) absent: Option<usize>,
    /// Index of the last absence, open or not.
    pub(super) was_absent: Option<usize>,
    /// The last silence that was strange and may turn out to be a [`Hole`](super::returns::Hole).
    pub(super) silence: Option<[(Time, Cite); 2]>,
    /// When it last sent again what nobody had acknowledged.
    pub(super) resent: Option<(Time, Cite)>,
    /// When its last [`Hole`](super::returns::Hole) was over.
    pub(super) cut: Option<Time>,
    /// A start that only an announcement shows: it counts once the clock shows it too.
    pub(super) announced: Option<Restart>,
    /// The first start of one of whom nothing was expected and whose kind was not known.
    pub(super) unnamed: Option<Restart>,
    /// Index of the last start without an absence.
    pub(super) restart: Option<usize>,
}

impl Empty for Past {
    const EMPTY: &'static Self = &Self {
        before: None,
        absent: None,
        was_absent: None,
        silence: None,
        resent: None,
        cut: None,
        announced: None,
        unnamed: None,
        restart: None,
    };
}

impl Watch {
    /// One that is first heard so, where so many times without a watch are over.
    pub(super) fn new(first: (Time, Cite), offset: Span, blinds: u16) -> Self {
        Self {
            last: (first.0 - offset, first.0, first.1),
            begun: first.0 - offset,
            expectation: Expectation::default(),
            asks: Asks::default(),
            asked: None,
            clocks: Clocks::default(),
            deadline: Sometime::default(),
            entered: Sometime::default(),
            past: Seldom::default(),
            renewed: Sometime::default(),
            asked_lease: Sometime::default(),
            sent_media: Sometime::default(),
            was_expected: false,
            history: SmallVec::new(),
            blinds,
        }
    }

    /// Fetches what is looked at of it with each second of traffic.
    pub(super) fn foresee(&self) {
        fetch(&self.last);
        fetch(&self.blinds);
        fetch(&self.deadline);
        fetch(&self.clocks);
        fetch(&self.asks);
        fetch(&self.past);
        fetch(&self.expectation);
    }

    /// Fetches what that points at.
    pub(super) fn foresee_more(&self) {
        self.clocks.foresee();
        self.asks.foresee();
        self.expectation.foresee();
    }

    /// When silence becomes suspect, in watched time; `None` while nothing is expected or it is known to be gone.
    pub(super) fn due(&self) -> Option<Time> {
        let is_expected = self.expectation.is_learned() && self.past.absent.is_none();
        is_expected.then(|| self.last.0 + self.expectation.patience())
    }

    /// Sets the deadline. One that moves on, as it does with every frame, keeps its place until that comes up.
    pub(super) fn rearm(
        &mut self,
        due: Option<Time>,
        device: Number,
        deadlines: &mut BTreeSet<(Time, Number)>,
    ) {
        self.deadline = due.into();
        let Some(due) = due.filter(|due| self.entered.get().is_none_or(|entered| entered > *due)) else {
            return;
        };
        if let Some(entered) = self.entered.replace(due) {
            deadlines.remove(&(entered, device));
        }
        deadlines.insert((due, device));
    }

    /// The last frame before `at`, in watched time.
    pub(super) fn last_before(&self, at: Time) -> (Time, Time, Cite) {
        let before = self.past.before.filter(|before| before.0 < at && self.last.0 >= at);
        before.unwrap_or(self.last)
    }

    /// So long it may be silent.
    pub(super) fn patience(&self) -> Span {
        if self.expectation.is_learned() { self.expectation.patience() } else { FRESH }
    }

    /// Takes a state from `at` on; how many changes were not kept is counted. Whether it is another.
    pub(super) fn enter(&mut self, at: Time, state: State, refused: &mut u64) -> bool {
        if self.history.last().is_some_and(|(_, last)| *last == state) {
            return false;
        }
        // A state that lasted no time was never really so.
        if self.history.last().is_some_and(|(since, _)| *since == at) {
            self.history.pop();
            self.enter(at, state, refused);
            return true;
        }
        if self.history.len() < HISTORY_MAX {
            self.history.push((at, state));
        } else {
            *refused = refused.saturating_add(1);
        }
        true
    }

    /// Takes over what was held on another that turned out to be this one.
    pub(super) fn absorb(&mut self, other: Self, refused: &mut u64) {
        let (one, other_last) = (self.last, other.last);
        if one.0 < other.begun {
            self.past.fill().before = Some(one);
        } else if other_last.0 < self.begun {
            self.past.fill().before = Some(other_last);
        }
        self.begun = self.begun.min(other.begun);
        if other_last.0 > one.0 {
            self.last = other_last;
        }
        if !self.expectation.is_learned() {
            self.expectation = other.expectation;
        }
        self.asks.absorb(other.asks);
        self.clocks.absorb(other.clocks);
        if let Some(other) = other.past.into_inner() {
            let past = self.past.fill();
            past.absent = past.absent.or(other.absent);
            past.was_absent = past.was_absent.max(other.was_absent);
            past.restart = past.restart.max(other.restart);
            past.unnamed = past.unnamed.take().or(other.unnamed);
        }
        self.sent_media = self.sent_media.max(other.sent_media);
        self.was_expected |= other.was_expected;
        self.blinds = self.blinds.max(other.blinds);
        let own = std::mem::take(&mut self.history);
        let mut all: Vec<_> = own.into_iter().chain(other.history).collect();
        all.sort_unstable();
        for (at, state) in all {
            self.enter(at, state, refused);
        }
    }
}
