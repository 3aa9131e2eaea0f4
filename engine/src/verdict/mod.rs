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
//! it is silent beyond its patience, somebody who received its media shows that he
//! is not answered ([`witness`]), and others than he were heard meanwhile.
//!
//! Judgement runs on *watched time*: packet time less all time in which nobody
//! watched and all leaps of the capture's clock. So every deadline moves by the
//! length of a hole, and a clock that was set neither ages nor wakes anybody.
//!
//! Whom the mirror cannot show ([`view`]) is *veiled*: unknown, and not called offline while that lasts. Who stays
//! silent after it is judged by his last sign before it.
//!
//! Deadlines advance only to the last tick that every shard has flushed, and an
//! absence is stamped with the deadline, never with the frame that moved the clock.

pub mod account;
pub mod again;
pub mod expectation;
pub mod fate;
pub mod returns;
pub mod running;
pub mod view;
mod watch;
pub mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Activity, Span, StreamActivity, StreamTransport, Time};

use crate::ledger::changed::Changed;
use crate::ledger::directory::Number;
use crate::numbered::Numbered;
use crate::observation::Cite;
use fate::TOGETHER;
use returns::{HOLE_MIN, Hole, Restart, Start};
use watch::Watch;
use witness::{ANSWER, Ask, How, Silence};

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
    /// How many other devices, the askers apart, were heard meanwhile until `detected`;
    /// [`OTHERS_COUNTED`] at most.
    pub others_heard: usize,
    /// Devices whose silence began within [`TOGETHER`] of it: the first [`TOGETHER_NAMED`].
    pub together: Vec<Number>,
    /// How many they are in all.
    pub together_count: usize,
    /// The longest silence that was normal for it.
    pub patience: Span,
    /// The longest time between two signs that was normal for it: it failed within this time after its last.
    pub gap: Span,
    /// How long its media, or what else was expected of it, had run.
    pub streamed: Span,
    /// Whether that was media.
    pub is_of_media: bool,
    /// The sources of media it had before.
    pub sources: Vec<u32>,
    /// What it did, while away or just after, that one does after a start, and the frame.
    pub restarted: Option<(Time, Cite, Start)>,
    /// Whether a source of before went on after, and the frame.
    pub resumed: Option<(Time, Cite)>,
    /// Whether that source was asked for by nobody after its return, and counted its packets on: who starts anew knows
    /// nothing of it.
    pub is_unasked: bool,
    /// Whether none of that source's packets is missing, and nobody asked in vain meanwhile: it stood still by itself.
    pub stood_still: bool,
    /// When it first agreed to anything after its return.
    asked: Option<Time>,
    /// Whether its own clock shows that it ran all the time, and the frame.
    pub ran_on: Option<(Time, Cite)>,
    /// When it was heard for a moment meanwhile, while who asked for it got no answer; [`GLIMPSES_MAX`] at most.
    pub glimpses: Vec<(Time, Cite)>,
    /// Index of the same device's absence before.
    before: Option<usize>,
    /// Since when, in watched time.
    watched_since: Time,
}

impl Absence {
    /// What shows that it ran all the time: its clock, or media of a source of before without a sign of a start. That it
    /// announced its address is none then: its link came up. Or it was heard while nobody reached it.
    #[must_use]
    pub fn lived(&self) -> Option<(Time, Cite)> {
        let asked = self.restarted.is_some_and(|(_, _, how)| !how.is_faint());
        let glimpse = self.glimpses.first().copied().filter(|_| self.restarted.is_none());
        self.ran_on.or(self.resumed.filter(|_| !asked || self.is_unasked)).or(glimpse)
    }

    /// What shows that it started anew.
    #[must_use]
    pub fn began_anew(&self) -> Option<(Time, Cite, Start)> {
        self.restarted.filter(|_| self.lived().is_none())
    }
}

#[cfg(test)]
impl Absence {
    /// An absence of which only this is known.
    pub(crate) fn for_test(device: Number, since: Time, detected: Time) -> Self {
        Self {
            device,
            since,
            last_frame: Cite::default(),
            detected,
            ended: None,
            asks: Vec::new(),
            others_heard: 1,
            together: Vec::new(),
            together_count: 0,
            patience: Span::seconds(5),
            gap: Span::ZERO,
            streamed: Span::seconds(60),
            is_of_media: true,
            sources: Vec::new(),
            restarted: None,
            resumed: None,
            is_unasked: false,
            stood_still: false,
            asked: None,
            ran_on: None,
            glimpses: Vec::new(),
            before: None,
            watched_since: since,
        }
    }
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

/// The availability of all devices.
#[derive(Debug, Default)]
pub struct Verdict {
    watches: Numbered<Watch>,
    /// When to look at whom, in watched time.
    deadlines: BTreeSet<(Time, Number)>,
    /// Every device by its last frame, in watched time; made where a judgement needs it.
    by_last: Vec<(Time, Number)>,
    absences: Vec<Absence>,
    holes: Vec<Hole>,
    restarts: Vec<Restart>,
    /// Open absences by their beginning, in watched time.
    open: BTreeSet<(Time, usize)>,
    /// Packet time less watched time.
    offset: Span,
    /// When each time without a watch began.
    blinds: Vec<Time>,
    /// Whom the mirror cannot show, and when it last did.
    veiled: BTreeMap<Number, Time>,
    /// Absences, short cuts and starts that were not kept.
    refused: [u64; 3],
    /// Changes of state that were not kept.
    pub history_refused: u64,
    /// Devices whose history is another.
    pub changed: Changed,
}

impl Verdict {
    /// Fetches where what is held on a device begins.
    pub fn foresee(&self, device: Number) {
        self.watches.foresee(device);
    }

    /// Fetches the rest of what is looked at of it with each second of traffic.
    pub fn foresee_more(&self, device: Number) {
        if let Some(watch) = self.watches.get(device) {
            watch.foresee();
        }
    }

    /// Fetches what that points at.
    pub fn foresee_all(&self, device: Number) {
        if let Some(watch) = self.watches.get(device) {
            watch.foresee_more();
        }
    }

    /// Says that a device was heard: the first and the last time, each with its frame.
    pub fn heard(&mut self, device: Number, first: (Time, Cite), last: (Time, Cite)) {
        let watched = last.0 - self.offset;
        let times_blind = self.times_blind();
        let begun = || Watch::new(first, self.offset, times_blind);
        let Some(watch) = self.watches.or_insert_with(device, begun) else { return };
        let silence = first.0 - self.offset - watch.last.0;
        if silence >= HOLE_MIN && watch.past.absent.is_none() && watch.expectation.is_strange(silence) {
            watch.past.fill().silence = Some([(watch.last.1, watch.last.2), first]);
        } else if let Some([from, to]) = watch.past.get_mut().and_then(|past| past.silence.as_mut()) {
            // Nor is what ends a silence in order of time.
            *to = if first > *from { first.min(*to) } else { *to };
        }
        let hole = watch.past.resent.and_then(|(at, cite)| watch.hole(device, at, cite));
        if watched >= watch.last.0 {
            watch.last = (watched, last.0, last.1);
        }
        if let Some(index) = watch.past.get_mut().and_then(|past| past.absent.take())
            && let Some(absence) = self.absences.get(index)
        {
            self.open.remove(&(absence.watched_since, index));
        }
        if let Some(absence) = watch.past.was_absent.and_then(|index| self.absences.get_mut(index)) {
            // Of what the second of its return brings, in no order of time, the earliest ends it.
            let is_earlier = absence.ended.is_none_or(|ended| first < ended);
            if is_earlier && first.0 - self.offset > absence.watched_since {
                absence.ended = Some(first);
            }
        }
        let mut is_another = false;
        if let Some(from) = self.blinds.get(usize::from(watch.blinds)) {
            is_another = watch.enter(*from, State::Unknown, &mut self.history_refused);
        }
        watch.blinds = times_blind;
        is_another |= watch.enter(first.0, State::Online, &mut self.history_refused);
        if is_another {
            self.changed.note(device);
        }
        watch.rearm(watch.due(), device, &mut self.deadlines);
        self.keep_hole(hole);
    }

    /// Takes one second of a device's media, `cite` its first frame, `client` who receives it.
    pub fn streamed(&mut self, device: Number, second: &StreamActivity, client: Option<Number>, cite: Cite) {
        let offset = self.offset;
        let Some(watch) = self.watches.get_mut(device) else { return };
        if let Some(absence) = watch.past.was_absent.and_then(|index| self.absences.get_mut(index))
            && let Some((ended, _)) = absence.ended
            && absence.resumed.is_none()
            && absence.sources.contains(&second.ssrc)
            && second.last >= ended
        {
            absence.resumed = Some((second.first, cite));
            let is_lossy = second.lost > watch.expectation.lost(second.ssrc);
            // A second of media is told at its end, a request at once.
            let is_first = absence.asked.is_none_or(|asked| second.first < asked);
            absence.is_unasked = is_first && second.transport != StreamTransport::Multicast && is_lossy;
            absence.stood_still = !is_lossy
                && second.transport != StreamTransport::Interleaved
                && absence.asks.iter().all(|ask| ask.how == How::ReceivesNothing);
        }
        let is_of_before = watch.expectation.has_source(second.ssrc);
        let lost = second.lost > watch.expectation.lost(second.ssrc) && is_of_before;
        let hole = watch.hole(device, second.last, cite).filter(|hole| {
            let is_kept = second.transport == StreamTransport::Interleaved;
            lost || (is_kept && watch.expectation.makes_up(second, hole.from.0, offset))
        });
        watch.sent_media = watch.sent_media.max(Some(second.last).into());
        let is_cut = hole.is_some() || watch.was_cut((second.first, second.last), second.longest_gap);
        watch.expectation.media(second, is_cut, offset);
        watch.was_expected |= watch.expectation.is_learned();
        watch.asks.known(client);
        watch.rearm(watch.due(), device, &mut self.deadlines);
        self.keep_hole(hole);
    }

    /// Takes one second of what a device sends to `peer` by a flow that it serves, or by which it receives media.
    pub fn signed(&mut self, device: Number, second: &Activity, to: IpAddr, peer: Option<Number>) {
        let offset = self.offset;
        let Some(watch) = self.watches.get_mut(device) else { return };
        let is_cut = watch.was_cut((second.first, second.last), second.longest_gap);
        if watch.expectation.sign(second, (to, is_cut), offset) {
            watch.was_expected = true;
            watch.asks.known(peer);
            watch.rearm(watch.due(), device, &mut self.deadlines);
        }
    }

    /// Says that a device reports on a source of its own media that it sends `to` somebody.
    pub fn reports(&mut self, device: Number, (ssrc, to): (u32, IpAddr), at: Time) {
        let offset = self.offset;
        if let Some(watch) = self.watches.get_mut(device) {
            watch.expectation.report(ssrc, to, at - offset);
        }
    }

    /// Whether what a receiver got last of a device's media is the last that we saw.
    #[must_use]
    pub fn ended_with(&self, device: Number, ssrc: u32, sequence: u16) -> bool {
        self.watches.get(device).is_some_and(|watch| watch.expectation.ended_with(ssrc, sequence))
    }

    /// Says that the device agreed to what `client` asked for: he notices when it answers no more.
    pub fn served(&mut self, device: Number, at: Time, client: Option<Number>) {
        if let Some(watch) = self.watches.get_mut(device) {
            watch.asks.known(client);
            if let Some(absence) = watch.past.was_absent.and_then(|index| self.absences.get_mut(index))
                && absence.ended.is_some()
            {
                absence.asked.get_or_insert(at);
            }
        }
    }

    /// Says that `client` ended the device's media to himself on purpose, or with no client named
    /// that the device ended the source `ssrc`.
    pub fn ended_on_purpose(&mut self, device: Number, client: Option<IpAddr>, ssrc: Option<u32>) {
        if let Some(watch) = self.watches.get_mut(device) {
            watch.expectation.end(client, ssrc);
            let due = watch.due();
            self.rearm(device, due);
        }
    }

    /// Says that somebody asked the device for something.
    pub fn asked(&mut self, device: Number, ask: Ask) {
        let at = ask.at - self.offset;
        if let Some(asker) = self.watches.get_mut(ask.by) {
            asker.asked = Some((device, at));
        }
        let Some(watch) = self.watches.get_mut(device) else { return };
        if !watch.asks.add(at, ask) {
            return;
        }
        // A refused ask settles it, also after its silence was given up as unknown.
        let due = watch.due().map(|due| due.max(at + ANSWER));
        if due.is_some() && watch.deadline.get().is_none_or(|deadline| Some(deadline) > due) {
            self.rearm(device, due);
        }
    }

    /// Says that `by` sent the device something, which one does only while one has its hardware address.
    pub fn addressed(&mut self, device: Number, by: Number, last: Time) {
        let at = last - self.offset;
        if let Some(watch) = self.watches.get_mut(device) {
            watch.asks.addressed(by, at);
        }
    }

    /// How many times without a watch there were.
    fn times_blind(&self) -> u16 {
        u16::try_from(self.blinds.len()).unwrap_or(u16::MAX)
    }

    /// Says that nobody watched between the two, or that the capture's clock leapt from one to the other.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        self.offset = self.offset + (to - from);
        if self.blinds.len() < BLINDS_MAX {
            self.blinds.push(from);
        }
    }

    /// Says whom the mirror cannot show from now on, and when it last did.
    pub fn veil(&mut self, veiled: BTreeMap<Number, Time>) {
        for (device, last) in veiled.iter().filter(|(device, _)| !self.veiled.contains_key(device)) {
            if let Some(watch) = self.watches.get_mut(*device).filter(|watch| watch.past.absent.is_none()) {
                watch.enter(watch.last.1.max(*last), State::Unknown, &mut self.history_refused);
                self.changed.note(*device);
            }
        }
        self.veiled = veiled;
    }

    /// The absences of a device, the latest first.
    pub fn absences_of(&self, device: Number) -> impl Iterator<Item = &Absence> {
        let last = self.watches.get(device).and_then(|watch| self.absences.get(watch.past.was_absent?));
        std::iter::successors(last, |absence| self.absences.get(absence.before?))
    }

    /// Whether something is expected of a device.
    #[must_use]
    pub fn is_expected(&self, device: Number) -> bool {
        self.watches.get(device).is_some_and(|watch| watch.expectation.is_learned())
    }

    /// Who received a device's media, or was served by it.
    pub fn clients(&self, device: Number) -> impl Iterator<Item = Number> + '_ {
        self.watches.get(device).into_iter().flat_map(|watch| watch.asks.clients())
    }

    /// Whether more was to be expected of a device by `now` than silence.
    #[must_use]
    pub fn is_missed(&self, device: Number, now: Time) -> bool {
        let silent = |watch: &Watch| now - self.offset - watch.last.0;
        self.watches.get(device).is_some_and(|watch| watch.expectation.is_strange(silent(watch)))
    }

    /// Judges every silence whose deadline is at or before `complete_to`.
    pub fn advance(&mut self, complete_to: Time) {
        let now = complete_to - self.offset;
        self.by_last.clear();
        while let Some((due, device)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now) {
            self.deadlines.pop_first();
            let Some(watch) = self.watches.get_mut(device) else { continue };
            watch.entered.take();
            let deadline = watch.deadline.get();
            if deadline == Some(due) {
                let next = self.judge(device, due);
                self.rearm(device, next);
            } else {
                watch.rearm(deadline, device, &mut self.deadlines);
            }
        }
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        let Some(mut absorbed) = self.remove(gone) else { return };
        (absorbed.deadline, absorbed.entered) = Default::default();
        let (holes, restarts) = (self.holes.iter_mut(), self.restarts.iter_mut());
        let devices = holes.map(|it| &mut it.device).chain(restarts.map(|it| &mut it.device));
        let unnamed = absorbed.past.get_mut().and_then(|past| past.unnamed.as_mut());
        let devices = devices.chain(unnamed.map(|it| &mut it.device));
        devices.filter(|device| **device == gone).for_each(|device| *device = kept);
        if absorbed.past.was_absent.is_some() {
            for absence in self.absences.iter_mut().filter(|absence| absence.device == gone) {
                absence.device = kept;
            }
        }
        match self.watches.get_mut(kept) {
            None => self.watches.insert(kept, absorbed),
            Some(watch) => watch.absorb(absorbed, &mut self.history_refused),
        }
        self.changed.note(kept);
        let due = self.watches.get(kept).and_then(Watch::due);
        self.rearm(kept, due);
    }

    /// Says that a device was forgotten: nothing is claimed about it any more.
    pub fn forget(&mut self, device: Number) {
        self.remove(device);
    }

    fn remove(&mut self, device: Number) -> Option<Watch> {
        let watch = self.watches.remove(device)?;
        if let Some(entered) = watch.entered.get() {
            self.deadlines.remove(&(entered, device));
        }
        Some(watch)
    }

    /// What is held at most, and how much was not kept for that.
    #[must_use]
    pub const fn limits(&self) -> [(&'static str, usize, u64); 3] {
        let [absences, cuts, starts] = self.refused;
        [
            ("absences", ABSENCES_MAX, absences),
            ("short cuts", returns::HOLES_MAX, cuts),
            ("starts without an absence", returns::RESTARTS_MAX, starts),
        ]
    }

    /// Every absence, in the order in which they were detected.
    #[must_use]
    pub fn absences(&self) -> &[Absence] {
        &self.absences
    }

    /// The history of a device: from when it was what, ending with what it is at `now`.
    #[must_use]
    pub fn history(&self, device: Number, now: Time) -> Vec<(Time, State)> {
        let Some(watch) = self.watches.get(device) else { return Vec::new() };
        let mut history = watch.history.to_vec();
        history.extend(self.silence(watch, now));
        history
    }

    /// What devices are at `now`, in no particular order: of those that were ever heard.
    pub fn states(&self, now: Time) -> impl Iterator<Item = State> {
        self.watches.values().map(move |watch| {
            let silence = self.silence(watch, now).map(|(_, state)| state);
            silence.or(watch.history.last().map(|(_, state)| *state)).unwrap_or(State::Unknown)
        })
    }

    /// Since when it is unknown what a device is of which nothing else is known.
    fn silence(&self, watch: &Watch, now: Time) -> Option<(Time, State)> {
        let is_unknown = watch.history.last().is_some_and(|(_, state)| *state == State::Unknown);
        if watch.past.absent.is_some() || is_unknown {
            return None;
        }
        let quiet_at = watch.last.1 + watch.patience();
        let blind = self.blinds.get(usize::from(watch.blinds)).map(|from| (*from).min(quiet_at));
        let since = blind.or((now > quiet_at).then_some(quiet_at))?;
        Some((since, State::Unknown))
    }

    fn judge(&mut self, device: Number, due: Time) -> Option<Time> {
        let watch = self.watches.get(device)?;
        let (since, _, last_frame) = watch.last;
        if watch.past.absent.is_some() || watch.due()? > due {
            return watch.due();
        }
        if self.veiled.contains_key(&device) {
            return Some(due + JUDGE_AGAIN);
        }
        let silence = match &watch.expectation {
            it if it.is_no_stall(due) => Silence::OfAll,
            it if it.is_beyond_chance(due) => Silence::BeyondChance,
            _ => Silence::Usual,
        };
        let mut refusals = watch.asks.refused((since, due), silence);
        refusals.retain(|ask| !self.is_just_back(ask.by, ask.at));
        let is_asker = |number: Number| refusals.iter().any(|ask| ask.by == number);
        if !refusals.is_empty() && self.by_last.is_empty() {
            // Nobody is heard while silences are judged, so that the order stands until all are.
            self.by_last = self.watches.iter().map(|(number, watch)| (watch.last.0, number)).collect();
            self.by_last.sort_unstable();
        }
        let later = self.by_last.iter().skip(self.by_last.partition_point(|(last, _)| *last <= since));
        let others = later.filter(|(_, number)| *number != device && !is_asker(*number));
        let others_heard = if refusals.is_empty() { 0 } else { others.take(OTHERS_COUNTED).count() };
        if others_heard == 0 {
            // Whom nobody asks any more is not looked at any more either.
            let again = Some(due + JUDGE_AGAIN).filter(|_| due - since < GIVE_UP);
            let asked = watch.asks.next_after(due - ANSWER).map(|at| at + ANSWER);
            return again.into_iter().chain(asked).min();
        }
        if self.is_still_gone(device) {
            return None;
        }
        if self.absences.len() >= ABSENCES_MAX {
            self.refused[0] = self.refused[0].saturating_add(1);
            return None;
        }
        let from = self.by_last.partition_point(|(last, _)| *last < since - TOGETHER);
        let to = self.by_last.partition_point(|(last, _)| *last <= since + TOGETHER);
        let window = self.by_last.get(from..to).unwrap_or_default();
        let mut together: Vec<Number> = Vec::new();
        let mut together_count = 0;
        for (last, number) in window.iter().filter(|(_, number)| *number != device) {
            // Who asked it in vain lived then, and may be silent because he got no answer.
            let asked = |other: &Watch| other.asked.is_some_and(|(whom, at)| whom == device && at > since);
            let is_strange = |other: &Watch| other.expectation.is_strange(due - *last) && !asked(other);
            if self.watches.get(*number).is_some_and(is_strange) {
                together_count += 1;
                if together.len() < TOGETHER_NAMED {
                    together.push(*number);
                }
            }
        }
        let index = self.absences.len();
        let near = (since - TOGETHER, 0)..=(since + TOGETHER, usize::MAX);
        for (_, other) in self.open.range(near) {
            let Some(absence) = self.absences.get_mut(*other) else { continue };
            if absence.together.len() < TOGETHER_NAMED && !absence.together.contains(&device) {
                absence.together.push(device);
                absence.together_count = absence.together_count.max(absence.together.len());
            }
        }
        let stamp = |watched: Time| watched + self.offset;
        let watch = self.watches.get_mut(device)?;
        self.absences.push(Absence {
            device,
            since: watch.last.1,
            last_frame,
            detected: stamp(due),
            ended: None,
            asks: refusals,
            others_heard,
            together,
            together_count,
            patience: watch.expectation.patience(),
            gap: watch.expectation.gap(),
            streamed: watch.expectation.length(),
            is_of_media: watch.expectation.is_of_media(),
            sources: watch.expectation.sources(),
            restarted: None,
            resumed: None,
            is_unasked: false,
            stood_still: false,
            asked: None,
            ran_on: None,
            glimpses: Vec::new(),
            before: watch.past.was_absent,
            watched_since: since,
        });
        self.open.insert((since, index));
        let past = watch.past.fill();
        (past.absent, past.was_absent) = (Some(index), Some(index));
        watch.enter(watch.last.1, State::Offline, &mut self.history_refused);
        self.changed.note(device);
        None
    }

    /// Whether a device that was heard again is as unreachable as before: it was heard for a moment only, and sent no media
    /// in that time. Then that was no return, and its absence goes on.
    fn is_still_gone(&mut self, device: Number) -> bool {
        let Some(watch) = self.watches.get_mut(device) else { return false };
        let Some(index) = watch.past.was_absent else { return false };
        let Some(absence) = self.absences.get_mut(index) else { return false };
        let Some((back, cite)) = absence.ended else { return false };
        let is_moment =
            watch.last.1 - back < GLIMPSE && watch.sent_media.get().is_none_or(|sent| sent < back);
        if !is_moment || absence.restarted.is_some() {
            return false;
        }
        absence.ended = None;
        if absence.glimpses.len() < GLIMPSES_MAX {
            absence.glimpses.push((back, cite));
        }
        self.open.insert((absence.watched_since, index));
        watch.past.fill().absent = Some(index);
        watch.enter(watch.last.1, State::Offline, &mut self.history_refused);
        self.changed.note(device);
        true
    }

    fn rearm(&mut self, device: Number, due: Option<Time>) {
        if let Some(watch) = self.watches.get_mut(device) {
            watch.rearm(due, device, &mut self.deadlines);
        }
    }

    /// Whether somebody had himself been gone just before `at`: until his port forwards nobody can answer him.
    fn is_just_back(&self, number: Number, at: Time) -> bool {
        let absence = self.watches.get(number).and_then(|watch| self.absences.get(watch.past.was_absent?));
        absence.and_then(|it| it.ended).is_some_and(|(back, _)| at >= back && at - back <= NOT_FORWARDED)
    }
}

/// A device without a learned cadence counts as online for this long after its last frame (design, "Time").
pub const FRESH: Span = Span::seconds(60);

/// So long a port passes nothing on after its link came up: twice the forward delay (IEEE 802.1D-2004, 17.14), and
/// what a device asks meanwhile is copied to the mirror nevertheless.
const NOT_FORWARDED: Span = Span::seconds(35);

/// A suspect is judged again this often, for asks take time to be refused.
const JUDGE_AGAIN: Span = Span::seconds(1);

/// After this much silence without a refused ask nobody is asking, and silence proves nothing.
const GIVE_UP: Span = Span::seconds(60);

/// Who is heard for less and sends no media meanwhile is not back: it asks in vain, three times, a second apart.
const GLIMPSE: Span = Span::seconds(5);

/// Moments kept in which a device was heard while nobody reached it.
const GLIMPSES_MAX: usize = 8;

/// Others heard are counted up to here: more make nothing surer.
pub const OTHERS_COUNTED: usize = 1_000;

/// Devices that fell silent together and are named.
pub const TOGETHER_NAMED: usize = 64;

/// Times without a watch that show in histories.
const BLINDS_MAX: usize = 4_096;

/// Absences kept.
pub const ABSENCES_MAX: usize = 16_384;

/// Changes of state kept of one device.
pub const HISTORY_MAX: usize = 256;

#[cfg(test)]
pub(crate) use tests::second as second_of_media;

#[cfg(test)]
mod tests;
