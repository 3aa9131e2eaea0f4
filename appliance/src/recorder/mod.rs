//! The flight recorder of a watch: recent frames in a ring on disk, and of each finding the frames behind it ([`Recorder`]).
//!
//! ```text
//! reader ─► Feed ──bounded──► recorder's thread: mask ─► ring (frames/)
//!           never waits                                    │ a finding opened, changed, ended
//! tick ──► Recorder::take ──────────► what is wanted ──────┴─► evidence's thread: carve ─► evidence/ID.pcapng
//! ```
//!
//! Nothing waits for the recorder: what it is too slow for is dropped, and counted. Frames are masked before any of their bytes is
//! written anywhere; a gap makes the masker show less, never more. Both threads give way to the analysis.
//!
//! **When the disk is full** the ring goes first, then evidence of findings that are over; then nothing more is recorded, and it is
//! said. A share of the disk is left to the history for that ([`Limits::free_min`]).
//!
//! A finding is frozen when it opens, when it changes or ends, and once more when what is around that is over.

mod behind;
mod freeze;
mod ring;
#[cfg(test)]
mod test;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use spanwatch_capture::FrameHead;
use spanwatch_engine::carve::{AROUND, Addresses};
use spanwatch_engine::peel::Peeled;
use spanwatch_engine::report::{Finding, time};
use spanwatch_parsers::{Span, Time};

use crate::outputs::Say;
pub use behind::{Behind, behind};
use freeze::{Freezer, Wanted};
pub use freeze::{Frozen, evidence, frames, write};
use ring::{Ring, Segment};

/// What a recorder may hold, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of recent frames.
    pub frames_bytes_max: u64,
    /// For how long they are kept.
    pub frames_age: Span,
    /// Of what is overwritten up to a frame's end (media, what is encrypted or unknown) so many bytes are kept.
    pub media_bytes: usize,
    /// Bytes of the frames behind findings.
    pub evidence_bytes_max: u64,
    /// Findings whose frames are kept.
    pub findings_max: u64,
    /// Bytes of the disk that are left to others.
    pub free_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frames_bytes_max: 512 << 20,
            frames_age: Span::seconds(24 * 3_600),
            media_bytes: 0,
            evidence_bytes_max: 512 << 20,
            findings_max: 4_096,
            free_min: 256 << 20,
        }
    }
}

/// Frames that were read, with what is around them.
pub trait Frames: Send + Sync {
    /// How many.
    fn count(&self) -> usize;
    /// Shows them, in order.
    fn each(&self, take: &mut dyn FnMut(&FrameHead, &Peeled, &[u8]));
}

/// How a recorder is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames that it wrote.
    pub written: u64,
    /// Frames that it was too slow for.
    pub dropped: u64,
    /// Frames that found no room on the disk.
    pub unwritten: u64,
    /// Bytes of recent frames on disk.
    pub frames_bytes: u64,
    /// Findings with frames, and their bytes.
    pub findings: u64,
    /// Bytes of these.
    pub evidence_bytes: u64,
    /// Findings whose frames had to make room.
    pub let_go: u64,
    /// Frames that were one too many for their finding.
    pub left_out: u64,
    /// Why nothing is recorded at the moment.
    pub failing: Option<String>,
}

/// What is shared with the recorder's threads.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    over: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// All is told up to then.
    now: Time,
    /// Findings to be frozen, once frames up to `now` are written.
    wanted: BTreeMap<String, Wanted>,
    /// Findings that are not over.
    open: BTreeSet<String>,
    status: Status,
    is_closed: bool,
    is_over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where who reads frames leaves them.
#[derive(Clone)]
pub struct Feed {
    frames: SyncSender<Arc<dyn Frames>>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl Feed {
    /// Leaves frames to be recorded. Never waits: where the recorder is behind they are dropped, and counted.
    pub fn offer(&self, frames: Arc<dyn Frames>) {
        if let Err(TrySendError::Full(frames) | TrySendError::Disconnected(frames)) =
            self.frames.try_send(frames)
        {
            self.shared.dropped.fetch_add(frames.count() as u64, Ordering::Relaxed);
        }
    }
}

/// A recorder that runs.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    began: Time,
    /// Of each finding what was last asked for, and when it is to be asked for again.
    told: BTreeMap<String, (u64, Option<Time>)>,
}

impl Recorder {
    /// Begins to record into a store's folder. `names` are those of the inputs, in their order; `seed` keeps tables unpredictable;
    /// `now` is the wall clock's time.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub fn start(
        dir: &Path,
        limits: Limits,
        names: Vec<String>,
        (now, seed): (Time, u64),
        say: &Say,
    ) -> io::Result<(Self, Feed)> {
        let shared = Arc::<Shared>::default();
        let (sender, frames) = sync_channel(QUEUE);
        let (dir, of_thread, say) = (dir.to_owned(), Arc::clone(&shared), Arc::clone(say));
        let (to_freezer, batches) = sync_channel(1);
        let freezer = {
            let (dir, shared, names, say) =
                (dir.clone(), Arc::clone(&shared), names.clone(), Arc::clone(&say));
            let work = move || freezing(Freezer::new(&dir, limits, names), &batches, &shared, &say);
            thread::Builder::new().name("evidence".to_owned()).spawn(work)?
        };
        thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            give_way(RECORDER_NICE);
            let ring = Ring::new(&dir, limits, names, now, seed);
            Recording {
                dir,
                ring,
                limits,
                shared: of_thread,
                to_freezer,
                say,
                fault: None,
                retry: Time::MIN,
                is_short: false,
            }
            .serve(&frames, freezer);
        })?;
        let feed = Feed { frames: sender, shared: Arc::clone(&shared) };
        Ok((Self { shared, began: now, told: BTreeMap::new() }, feed))
    }

    /// Takes all findings as they are at `now`; `addresses` gives those of a device. Never waits.
    pub fn take(&mut self, now: Time, findings: &[Finding], addresses: &dyn Fn(&str) -> Addresses) {
        let mut before = std::mem::take(&mut self.told);
        let mut wanted = BTreeMap::new();
        for finding in findings {
            let essence = essence(finding);
            let (known, due) = before.remove(&finding.id).unzip();
            let due = due.flatten();
            let is_new = known != Some(essence);
            let is_due = due.is_some_and(|due| due <= now);
            let is_wanted = is_due || is_new && due.is_none();
            let again = match due {
                _ if is_wanted => is_new.then_some(now + AROUND + SETTLED),
                // One that changes all the time is frozen now and then.
                Some(due) if is_new => Some(due.min(now + SOON)),
                due => due,
            };
            let told = if is_wanted { essence } else { known.unwrap_or(essence) };
            self.told.insert(finding.id.clone(), (told, again));
            if is_wanted && let Some(finding) = own(finding, (self.began, Time(i64::MAX))) {
                let all = finding.devices.iter().take(DEVICES_MAX).map(|id| addresses(id));
                let addresses = all.fold(Addresses::default(), |mut sum, (macs, ips)| {
                    sum.0.extend(macs);
                    sum.1.extend(ips);
                    sum
                });
                wanted.insert(finding.id.clone(), Wanted { finding, addresses });
            }
        }
        let mut state = self.shared.state();
        state.now = state.now.max(now);
        state.wanted.extend(wanted);
        state.open = findings.iter().filter(|it| it.ended.is_none()).map(|it| it.id.clone()).collect();
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.shared.state().status.clone();
        status.dropped = self.shared.dropped.load(Ordering::Relaxed);
        status
    }

    /// Lets all that waits be written, for so long at most. Whether it was.
    #[must_use]
    pub fn finish(self, patience: Duration) -> bool {
        let mut state = self.shared.state();
        state.is_closed = true;
        let waits = |state: &mut State| !state.is_over;
        let waited = self.shared.over.wait_timeout_while(state, patience, waits);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_over && state.status.failing.is_none()
    }
}

/// A finding without the frames that another run counted than the one that began then and ended before `until`; `None` where
/// nothing of it is of that one.
fn own(finding: &Finding, (began, until): (Time, Time)) -> Option<Finding> {
    let is_own =
        |text: &String| time::parse(text).is_some_and(|at| at >= began - SLACK && at < until - SLACK);
    let mut finding = finding.clone();
    let mut has_own = [Some(&finding.detected), finding.ended.as_ref()].into_iter().flatten().any(is_own);
    for evidence in &mut finding.evidence {
        if is_own(&evidence.time) {
            has_own = true;
        } else {
            (evidence.input, evidence.frame) = (None, None);
        }
    }
    has_own.then_some(finding)
}

/// What changes where the frames behind a finding do.
fn essence(finding: &Finding) -> u64 {
    let Finding { ended, devices, evidence, revisions, .. } = finding;
    let mut hasher = DefaultHasher::new();
    (ended, devices, evidence.len(), revisions.len()).hash(&mut hasher);
    evidence.last().map(|it| (&it.time, it.frame)).hash(&mut hasher);
    hasher.finish()
}

/// Findings to be frozen, out of which segments, until when.
type Order = (Vec<Wanted>, Vec<Segment>, Time);

/// The recorder's thread.
struct Recording {
    dir: PathBuf,
    ring: Ring,
    limits: Limits,
    shared: Arc<Shared>,
    to_freezer: SyncSender<Order>,
    say: Say,
    fault: Option<String>,
    /// When it is tried again to write, by the frames' time.
    retry: Time,
    /// Whether the disk has too little room for others: nothing is written until it has again.
    is_short: bool,
}

impl Recording {
    fn serve(mut self, frames: &Receiver<Arc<dyn Frames>>, freezer: thread::JoinHandle<()>) {
        let mut clock = Time::MIN;
        // By the last round's time; where the clock is set back, frames' times stand before that.
        let (mut round, mut looked) = (Time::MIN, Time::MIN);
        loop {
            let got = frames.recv_timeout(IDLE);
            let is_idle = match got {
                Ok(frames) => {
                    round = self.record(&*frames);
                    clock = clock.max(round);
                    false
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let is_closed = self.shared.state().is_closed;
            if is_idle || (round - looked).0.unsigned_abs() >= SECOND {
                looked = round;
                self.look(clock, is_idle);
            }
            if is_idle && is_closed {
                break;
            }
        }
        self.look(Time(i64::MAX), true);
        while !self.shared.state().wanted.is_empty() && self.fault.is_none() {
            thread::sleep(IDLE);
            self.look(Time(i64::MAX), true);
        }
        drop(self.to_freezer);
        let _ = freezer.join();
        self.shared.state().is_over = true;
        self.shared.over.notify_all();
    }

    /// Writes frames, and gives the time of the last.
    fn record(&mut self, frames: &dyn Frames) -> Time {
        let mut last = Time::MIN;
        let (mut unwritten, mut fault, mut is_any) = (0_u64, None, false);
        let Self { ring, retry, is_short, .. } = self;
        let mut left = frames.count() as u64;
        let turn = AssertUnwindSafe(|| {
            frames.each(&mut |head, peeled, bytes| {
                last = last.max(head.at);
                let is_wanted = fault.is_none() && !*is_short && head.at >= *retry;
                let taken = ring.take(head, peeled, bytes, is_wanted);
                let is_written = is_wanted && taken.is_ok();
                is_any |= is_written;
                fault = fault.take().or(taken.err());
                unwritten = unwritten.saturating_add(u64::from(!is_written));
                left = left.saturating_sub(1);
            });
        });
        if catch_unwind(turn).is_err() {
            unwritten = unwritten.saturating_add(left);
            ring.forget_connections();
            (self.say)("recording packets failed, and goes on with the next: please report it");
        }
        match fault {
            Some(error) => self.stopped(&error.to_string(), last),
            None if is_any && self.fault.take().is_some() => {
                self.shared.state().status.failing = None;
                (self.say)("frames are recorded again");
            }
            None => {}
        }
        let mut state = self.shared.state();
        state.status.unwritten = state.status.unwritten.saturating_add(unwritten);
        last
    }

    /// Once a second: lets others see what was written, keeps off a full disk, and has wanted findings frozen.
    fn look(&mut self, clock: Time, is_idle: bool) {
        if let Err(error) = self.ring.flush() {
            self.stopped(&error.to_string(), clock);
        }
        self.make_room(clock);
        let order = {
            let mut state = self.shared.state();
            state.status.written = self.ring.written;
            state.status.frames_bytes = self.ring.held();
            // Frames that are still to come may be behind what was found.
            let is_due = !state.wanted.is_empty() && (is_idle || clock >= state.now);
            is_due.then(|| {
                let ids: Vec<_> = state.wanted.keys().take(WANTED_MAX).cloned().collect();
                let wanted: Vec<_> = ids.iter().filter_map(|id| state.wanted.remove(id)).collect();
                (wanted, state.now)
            })
        };
        let Some((wanted, now)) = order else { return };
        let segments = self.ring.segments().unwrap_or_default();
        if let Err(TrySendError::Full((wanted, ..)) | TrySendError::Disconnected((wanted, ..))) =
            self.to_freezer.try_send((wanted, segments, now))
        {
            let mut state = self.shared.state();
            for wanted in wanted {
                // What was asked for since is newer.
                state.wanted.entry(wanted.finding.id.clone()).or_insert(wanted);
            }
        }
    }

    /// Lets go of the oldest frames while the disk has too little room for others.
    fn make_room(&mut self, clock: Time) {
        let free = || free(&self.dir).unwrap_or(u64::MAX);
        let mut left = free();
        while left < self.limits.free_min && self.ring.let_go() {
            left = free();
        }
        self.is_short = left < self.limits.free_min;
        if self.is_short {
            let mib = self.limits.free_min >> 20;
            self.stopped(&format!("the disk has less than {mib} MiB left"), clock);
        }
    }

    /// Nothing more is written for a while, and that is said.
    fn stopped(&mut self, why: &str, clock: Time) {
        self.retry = clock.max(self.retry).min(Time(i64::MAX / 2)) + REST;
        if self.fault.as_deref() != Some(why) {
            (self.say)(&format!("{why}; no frames are recorded, history and the watch go on"));
        }
        self.fault = Some(why.to_owned());
        self.shared.state().status.failing = Some(why.to_owned());
    }
}

/// The thread that freezes.
fn freezing(mut freezer: Freezer, orders: &Receiver<Order>, shared: &Shared, say: &Say) {
    give_way(EVIDENCE_NICE);
    let mut is_failing = false;
    let show = |freezer: &Freezer| {
        let mut state = shared.state();
        let status = &mut state.status;
        (status.findings, status.evidence_bytes) = freezer.held();
        (status.let_go, status.left_out) = (freezer.let_go, freezer.left_out);
    };
    show(&freezer);
    for (wanted, segments, until) in orders {
        let open = shared.state().open.clone();
        let mut frozen = freezer.freeze(&wanted, &segments, until, &open);
        while frozen.as_ref().is_err_and(is_full) && freezer.let_go(&open) {
            frozen = freezer.freeze(&wanted, &segments, until, &open);
        }
        if let Err(error) = &frozen
            && !is_failing
        {
            say(&format!("the frames behind findings cannot be kept: {error}"));
        }
        is_failing = frozen.is_err();
        show(&freezer);
    }
}

/// Whether room is all that is lacking.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Lets the analysis go first where there are not processors enough; where that is forbidden it shares them.
fn give_way(by: i32) {
    let _ = rustix::process::nice(by);
}

/// Bytes that a disk has left.
fn free(dir: &Path) -> io::Result<u64> {
    let about = rustix::fs::statvfs(dir)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

const APPLICATION: &str = concat!("spanwatch ", env!("CARGO_PKG_VERSION"));
/// Batches that wait for the recorder, which gives way to the analysis: a quarter of a megabyte or 256 frames each at most, so that
/// it may be three seconds behind at 20,000 frames a second.
const QUEUE: usize = 256;
/// Findings that are frozen in one pass over the ring.
const WANTED_MAX: usize = 16;
/// Devices of one finding whose frames are looked for; more are in no finding that people read.
pub const DEVICES_MAX: usize = 1_024;
/// What is around a moment is in the ring so long after it is over.
const SETTLED: Span = Span::seconds(2);
/// A finding that changed again is frozen again after so long.
const SOON: Span = Span::seconds(3);
/// The clock of the wall may be set a little when a watch begins.
const SLACK: Span = Span::seconds(1);
/// Nanoseconds of a second: so often it is looked after what was recorded.
const SECOND: u64 = 1_000_000_000;
/// After what could not be written.
const REST: Span = Span::seconds(5);
/// What waits is looked at at least so often.
const IDLE: Duration = Duration::from_millis(200);
/// How far the threads stand behind the analysis, of 19 at most: frames that are late are lost, findings can wait.
const RECORDER_NICE: i32 = 4;
const EVIDENCE_NICE: i32 = 10;
