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

/// How the store is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// All that was told up to then is in the store.
    pub written: Time,
    /// Batches that were written.
    pub batches: u64,
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
    fn before(mut self, since: Self) -> Self {
        since.devices.into_iter().for_each(|(number, picture)| self.device(number, picture));
        self.findings.extend(since.findings);
        self.now = self.now.max(since.now);
        self
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
    ) {
        let mut state = self.state();
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

    pub(super) fn written(&self, until: Time) {
        let mut state = self.state();
        state.status.written = until;
        state.status.batches = state.status.batches.saturating_add(1);
        state.status.failing = None;
        self.changed.notify_all();
    }

    /// Takes back what could not be written, and rests, unless this is the end.
    pub(super) fn failed(&self, batch: Batch, why: &str, rest: Duration) {
        let mut state = self.state();
        let since = std::mem::take(&mut state.batch);
        state.batch = batch.before(since);
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

/// Devices that wait at most, of some kilobytes each.
pub(super) const ROOM: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test::{device, finding};

    #[test]
    fn of_each_the_latest_word_waits_and_what_failed_stands_before_it() {
        let slate = Slate::default();
        slate.tell(Time(1), [(7, Picture::Is(Box::new(device(1))))], []);
        slate.tell(Time(2), [(7, Picture::Heard(Time(9), 5, 6))], [("a".to_owned(), Word::Withdrawn)]);
        assert_eq!(slate.room(), ROOM - 1);
        let batch = slate.take().unwrap();
        let Some(Picture::Is(device)) = batch.devices.get(&7) else { panic!("{batch:?}") };
        assert_eq!((device.last_seen.0, device.packets, batch.now), (Time(9), 5, Time(2)));
        slate.tell(
            Time(3),
            [(7, Picture::Gone)],
            [("a".to_owned(), Word::Is(Box::new(finding("a")), false))],
        );
        slate.close();
        slate.failed(batch, "full", Duration::from_secs(3_600));
        assert_eq!(slate.status().failing.as_deref(), Some("full"));
        assert!(slate.take().is_none(), "it failed in the end");
        let batch = std::mem::take(&mut slate.state().batch);
        assert!(matches!(batch.devices.get(&7), Some(Picture::Gone)));
        assert!(matches!(batch.findings.get("a"), Some(Word::Is(..))));
    }

    #[test]
    fn a_closed_slate_is_written_and_then_over() {
        let slate = Slate::default();
        slate.tell(Time(1), [], []);
        slate.close();
        assert!(slate.take().is_some());
        slate.written(Time(1));
        assert!(slate.take().is_none());
        slate.end();
        assert!(slate.is_over(Duration::from_secs(3_600)));
    }
}
