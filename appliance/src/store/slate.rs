//! What waits to be written: [`Slate`], bounded by what is known, not by how slow the disk is.
//!
//! Of each device and finding the latest word waits, once: a store that falls behind writes a coarser history, and nothing
//! of the present is lost. Of devices [`ROOM`] wait at most; who asks for room first tells the others later.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spanwatch_engine::report::Finding;
use spanwatch_engine::report::picture::Picture;
use spanwatch_parsers::Time;

use super::Lists;
use super::learned::Lesson;
use super::sums::{Running, Sums};
use crate::outputs::outbox::Outbox;

/// How the store is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// All that was told up to then is in the store.
    pub written: Time,
    /// Batches that were written.
    pub batches: u64,
    /// Messages to receivers that a restart does not lose.
    pub messages: u64,
    /// Minutes of streams that found no room while nothing could be written.
    pub sums_lost: u64,
    /// Why nothing can be written at the moment.
    pub failing: Option<String>,
}

/// What is told of one finding.
#[derive(Debug, Clone)]
pub(super) enum Word {
    /// And whether nobody has heard of it yet.
    Is(Box<Finding>, bool),
    Withdrawn,
}

/// What was told since the last batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) now: Time,
    pub(super) devices: BTreeMap<u32, Picture>,
    pub(super) findings: BTreeMap<String, Word>,
    pub(super) beside: Beside,
}

/// What is told beside devices and findings.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What waits for receivers, where it is another than last told.
    pub(super) outbox: Option<Outbox>,
    /// What came of streams.
    pub(super) sums: Sums,
    /// How far the minute is that goes on.
    pub(super) running: Running,
    /// The data lists that this run goes by, as long as they are not written.
    pub(super) lists: Option<Lists>,
    /// Who was learned, where it is another than last told.
    pub(super) learned: Option<Lesson>,
}

impl Beside {
    pub(super) fn is_empty(&self) -> bool {
        let Self { outbox, sums, running, lists, learned } = self;
        let are_told = outbox.is_some() || lists.is_some() || learned.is_some();
        !are_told && sums.is_empty() && !running.is_new && running.streams.is_empty()
    }

    /// Takes what was told since. How many sums found no room.
    pub(super) fn add(&mut self, since: Self) -> u64 {
        self.outbox = since.outbox.or(self.outbox.take());
        self.lists = since.lists.or(self.lists.take());
        self.learned = since.learned.or(self.learned.take());
        self.running.add(since.running);
        let mut lost = 0_u64;
        for (key, sum) in since.sums {
            if self.sums.len() < SUMS_MAX || self.sums.contains_key(&key) {
                self.sums.entry(key).or_default().add(&sum);
            } else {
                lost = lost.saturating_add(1);
            }
        }
        lost
    }
}

impl Batch {
    /// Adds a device's news to what waits: of a device that is there the last sign alone adds to what was told before.
    fn device(&mut self, number: u32, picture: Picture) {
        if let Picture::Heard(last, packets, bytes) = picture
            && let Some(Picture::Is(device)) = self.devices.get_mut(&number)
        {
            device.last_seen.0 = last;
            (device.packets, device.bytes) = (packets, bytes);
            return;
        }
        self.devices.insert(number, picture);
    }

    /// Puts what could not be written before what was told since.
    fn before(mut self, since: Self) -> (Self, u64) {
        since.devices.into_iter().for_each(|(number, picture)| self.device(number, picture));
        self.findings.extend(since.findings);
        let lost = self.beside.add(since.beside);
        self.now = self.now.max(since.now);
        (self, lost)
    }
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    is_new: bool,
    is_closed: bool,
    is_over: bool,
    status: Status,
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Slate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Slate {
    /// How many devices more can wait.
    pub(super) fn room(&self) -> usize {
        ROOM.saturating_sub(self.state().batch.devices.len())
    }

    /// Takes what is told at `now`. Never waits.
    pub(super) fn tell(
        &self,
        now: Time,
        devices: impl IntoIterator<Item = (u32, Picture)>,
        findings: impl IntoIterator<Item = (String, Word)>,
        beside: Beside,
    ) {
        let mut state = self.state();
        let lost = state.batch.beside.add(beside);
        state.status.sums_lost = state.status.sums_lost.saturating_add(lost);
        devices.into_iter().for_each(|(number, picture)| state.batch.device(number, picture));
        state.batch.findings.extend(findings);
        state.batch.now = state.batch.now.max(now);
        state.is_new = true;
        self.changed.notify_all();
    }

    /// Waits for something to write; `None` where nothing will come.
    pub(super) fn take(&self) -> Option<Batch> {
        let waits = |state: &mut State| !state.is_new && !state.is_closed;
        let mut state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.is_new).then(|| std::mem::take(&mut state.batch))
    }

    /// All is written that was told up to then; where the queues were, so many messages are kept.
    pub(super) fn written(&self, until: Time, messages: Option<u64>) {
        let mut state = self.state();
        state.status.messages = messages.unwrap_or(state.status.messages);
        state.status.written = until;
        state.status.batches = state.status.batches.saturating_add(1);
        state.status.failing = None;
        self.changed.notify_all();
    }

    /// Takes back what could not be written, and rests, unless this is the end.
    pub(super) fn failed(&self, batch: Batch, why: &str, rest: Duration) {
        let mut state = self.state();
        let since = std::mem::take(&mut state.batch);
        let (batch, lost) = batch.before(since);
        state.batch = batch;
        state.status.sums_lost = state.status.sums_lost.saturating_add(lost);
        state.is_new = !state.is_closed;
        state.status.failing = Some(why.to_owned());
        let rests = |state: &mut State| !state.is_closed;
        drop(self.changed.wait_timeout_while(state, rest, rests));
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// Waits until all is written, for so long at most. Whether it is.
    pub(super) fn is_over(&self, patience: Duration) -> bool {
        let waits = |state: &mut State| !state.is_over;
        let waited = self.changed.wait_timeout_while(self.state(), patience, waits);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_over && state.status.failing.is_none()
    }

    #[cfg(test)]
    pub(super) fn wait(&self, until: Time) {
        let waits = |state: &mut State| state.status.written < until;
        drop(self.changed.wait_while(self.state(), waits));
    }

    pub(super) fn status(&self) -> Status {
        self.state().status.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shared by who tells and who writes.
pub(super) type Shared = Arc<Slate>;

/// Minutes of streams that wait at most, of 150 bytes each.
const SUMS_MAX: usize = 131_072;
/// Devices that wait at most, of some kilobytes each.
pub(super) const ROOM: usize = 2_048;

#[cfg(test)]
mod tests {
    use spanwatch_engine::report::minutes::{StreamKey, StreamSum};

    use super::*;
    use crate::store::test::{device, finding};

    #[test]
    fn of_each_the_latest_word_waits_and_what_failed_stands_before_it() {
        let slate = Slate::default();
        slate.tell(Time(1), [(7, Picture::Is(Box::new(device(1))))], [], beside(60, 3));
        slate.tell(
            Time(2),
            [(7, Picture::Heard(Time(9), 5, 6))],
            [("a".to_owned(), Word::Withdrawn)],
            Beside::default(),
        );
        assert_eq!(slate.room(), ROOM - 1);
        let batch = slate.take().unwrap();
        let Some(Picture::Is(device)) = batch.devices.get(&7) else { panic!("{batch:?}") };
        assert_eq!((device.last_seen.0, device.packets, batch.now), (Time(9), 5, Time(2)));
        slate.tell(
            Time(3),
            [(7, Picture::Gone)],
            [("a".to_owned(), Word::Is(Box::new(finding("a")), false))],
            beside(120, 2),
        );
        slate.close();
        slate.failed(batch, "full", Duration::from_secs(3_600));
        assert_eq!(slate.status().failing.as_deref(), Some("full"));
        assert!(slate.take().is_none(), "it failed in the end");
        let batch = std::mem::take(&mut slate.state().batch);
        assert!(matches!(batch.devices.get(&7), Some(Picture::Gone)));
        assert!(matches!(batch.findings.get("a"), Some(Word::Is(..))));
        assert!(batch.beside.outbox.is_some(), "the queues are still to be written");
        assert_eq!(batch.beside.sums.values().map(|sum| sum.packets).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(slate.status().sums_lost, 0);
    }

    /// An empty queue, and so many packets of a stream in the minute that began then.
    fn beside(began: i64, packets: u64) -> Beside {
        let (source, destination) = ("a".to_owned(), "b".to_owned());
        let key = StreamKey { source, destination, transport: "udp", payload_type: 96 };
        let sums = Sums::from([((Time(began), key), StreamSum { packets, ..StreamSum::default() })]);
        Beside { outbox: Some(Outbox::new()), sums, ..Beside::default() }
    }

    #[test]
    fn how_far_a_minute_is_goes_when_it_is_over() {
        let key = StreamKey {
            source: String::new(),
            destination: String::new(),
            transport: "udp",
            payload_type: 0,
        };
        let running = |is_new, at: i64, number: u64| {
            let streams = [((number, 0), (Time(at), key.clone(), StreamSum::default()))].into();
            Beside { running: Running { is_new, streams }, ..Beside::default() }
        };
        let mut waits = Beside::default();
        waits.add(running(false, 60, 1));
        waits.add(running(false, 60, 2));
        let told = |waits: &Beside| {
            waits.running.streams.iter().map(|((it, _), (at, ..))| (*it, at.0)).collect::<Vec<_>>()
        };
        assert_eq!((told(&waits), waits.running.is_new), (vec![(1, 60), (2, 60)], false));
        waits.add(running(true, 120, 2));
        assert_eq!((told(&waits), waits.running.is_new), (vec![(2, 120)], true));
        waits.add(running(false, 120, 3));
        assert_eq!((told(&waits), waits.running.is_new), (vec![(2, 120), (3, 120)], true));
    }

    #[test]
    fn minutes_for_which_there_is_no_room_are_counted() {
        let mut waits = Beside::default();
        let many = |from: i64| {
            let key = StreamKey {
                source: String::new(),
                destination: String::new(),
                transport: "udp",
                payload_type: 0,
            };
            let sums =
                (from..from + 100_000).map(|at| ((Time(at), key.clone()), StreamSum::default())).collect();
            Beside { sums, ..Beside::default() }
        };
        assert_eq!(waits.add(many(0)), 0);
        assert_eq!(waits.add(many(100_000)), 200_000 - SUMS_MAX as u64);
        assert_eq!((waits.add(many(0)), waits.sums.len()), (0, SUMS_MAX), "those that wait go on");
    }

    #[test]
    fn a_closed_slate_is_written_and_then_over() {
        let slate = Slate::default();
        slate.tell(Time(1), [], [], Beside::default());
        slate.close();
        assert!(slate.take().is_some());
        slate.written(Time(1), Some(3));
        assert_eq!(slate.status().messages, 3);
        assert!(slate.take().is_none());
        slate.end();
        assert!(slate.is_over(Duration::from_secs(3_600)));
    }
}
