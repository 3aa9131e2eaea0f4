//! What the clock says: seconds that are over, and times in which nobody watched.

use spanwatch_parsers::{Span, Time};

use super::Ledger;
use super::device::Device;
use crate::clock::{Dropped, GapReason};
use crate::detectors::mirror_clock;
use crate::observation::Cite;
use crate::planted;

/// A time in which nobody watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blind {
    /// From the last frame before.
    pub from: Time,
    /// To the first frame after.
    pub to: Time,
    /// Why.
    pub why: GapReason,
}

impl Ledger {
    /// Says that every shard has flushed all frames before `tick`.
    pub fn complete(&mut self, tick: Time) {
        if let Some(last) = self.second.take() {
            self.pulse.heard(tick, self.senders.len(), last);
            self.senders.clear();
        }
        self.surviving("verdict", |it| {
            planted::here("verdict");
            it.view.advance(tick, &it.directory, |number| it.verdict.is_missed(number, tick));
            it.verdict.veil(it.view.veiled().collect());
            it.verdict.advance(tick);
            it.name_absences();
        });
        self.surviving("losses", |it| {
            let (directory, switches) = (&it.directory, &it.switches);
            it.losses.advance(tick, |number| {
                let attachment = directory.device(number)?.attachment.as_ref()?;
                let switch = attachment.switch.as_ref()?;
                Some(switches.id_of(switch).as_str().to_owned())
            });
        });
        self.each_detector(|detector, known| detector.advance(tick, known));
    }

    /// Says that nothing was captured between the two; every shard has flushed.
    pub fn gap(&mut self, from: Time, to: Time, why: GapReason) {
        if self.blind_since.take() != Some(from) {
            self.complete(from);
        }
        if why != GapReason::BetweenInputs {
            self.pulse.silent(from, to);
        }
        self.note_blind(from, to, why);
        self.verdict.unwatched(from, to);
        self.losses.unwatched(from, to);
        self.view.unwatched();
        self.each_detector(|detector, _| detector.unwatched(from, to));
    }

    /// Says that nothing has been captured since `since`, and that it is `at`; every shard has flushed. A gap ends it.
    pub fn blind_since(&mut self, since: Time, at: Time, why: GapReason) {
        if self.blind_since != Some(since) {
            self.complete(since);
            self.blind_since = Some(since);
        }
        if why != GapReason::BetweenInputs {
            self.pulse.silent_so_far(since, at);
        }
    }

    /// Says that a shard's second before `at` is lost: who was heard in it, nobody knows. Of a second that several lost it is said once.
    pub(super) fn second_lost(&mut self, at: Time) {
        let from = self.lost_until.max(at - Span::seconds(1));
        if from >= at {
            return;
        }
        self.lost_until = at;
        self.verdict.unwatched(from, at);
        self.losses.unwatched(from, at);
        self.view.unwatched();
        self.each_detector(|detector, _| detector.unwatched(from, at));
    }

    /// Says that frames did not reach us, `cite` the next that did: no loss is told of that time, and where it was much,
    /// nobody was watched either.
    pub fn dropped(&mut self, dropped: &Dropped, cite: Cite) {
        self.losses.dropped(dropped, cite);
        if dropped.lost.saturating_mul(100) < dropped.of.saturating_mul(BLINDING_PER_CENT) {
            return;
        }
        let (from, to, why) = (dropped.from, dropped.to, GapReason::Dropped(dropped.by));
        match self.blind.last_mut() {
            Some(last) if last.why == why && from <= last.to => last.to = last.to.max(to),
            _ => self.note_blind(from, to, why),
        }
        self.verdict.unwatched(from, to);
        self.view.unwatched();
    }

    fn note_blind(&mut self, from: Time, to: Time, why: GapReason) {
        if self.blind.len() < BLIND_MAX {
            self.blind.push(Blind { from, to, why });
        } else {
            self.limit("times without capture", BLIND_MAX as u64, 1, to);
        }
    }

    /// Says that the stamps leapt, `cite` the first frame after; every shard has flushed.
    pub fn leap(&mut self, from: Time, to: Time, cite: Cite) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(mirror_clock::finding(from, to, cite));
        } else {
            self.limit("findings", FINDINGS_MAX as u64, 1, to);
        }
        self.verdict.unwatched(from, to);
        self.losses.unwatched(from, to);
        self.view.unwatched();
        self.each_detector(|detector, _| detector.unwatched(from, to));
        self.pulse.restart();
        if from <= self.learns_until {
            self.learns_until = self.learns_until + (to - from);
        }
        self.now = to;
    }

    fn name_absences(&mut self) {
        for absence in self.verdict.absences().iter().skip(self.opened_as.len()) {
            let id = self.directory.device(absence.device).map_or_else(String::new, Device::id);
            self.opened_as.push(id);
        }
    }
}

const FINDINGS_MAX: usize = 16_384;
/// Times in which nobody watched that are told apart.
const BLIND_MAX: usize = 4_096;
/// With fewer of a hundred frames missing, three requests and all their answers do not go unseen.
const BLINDING_PER_CENT: u64 = 10;
