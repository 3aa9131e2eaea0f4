//! The one file with threads: capture → peel → shards → ledger.
//!
//! ```text
//!  reader thread             workers (64 shards, dealt out)        caller's thread
//!  fill a batch              each sees every round and takes       rounds in order, observations by
//!  peel, clock  ──Arc<Round>──► its own shards' frames  ──Seen──►  Place, then what the clock said
//! ```
//!
//! Every channel is bounded. With one thread everything runs in the caller's,
//! by the same functions; the result is the same to the byte.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use spanwatch_appliance::recorder::{Feed, Frames};
use spanwatch_capture::{Batch, Event, EventKind, FrameHead, InputReport, Item, ReadError, Source};
use spanwatch_engine::clock::{Clock, Dropped, Dropper, Moment};
use spanwatch_engine::dispatch::Dispatch;
use spanwatch_engine::finding::Kind;
use spanwatch_engine::hash::seed;
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::ledger::inventory::Inventory;
use spanwatch_engine::ledger::memory::Memory;
use spanwatch_engine::networks::Networks;
use spanwatch_engine::observation::{Cite, Observation};
use spanwatch_engine::peel::{self, Peeled, Peeler};
use spanwatch_engine::policy::Policy;
use spanwatch_engine::shard::{Coming, FrameIn, Latest, SHARDS, Shard, ShardCounts};
use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Parser, Time};

use crate::health::Health;

/// What an analysis gives.
#[derive(Debug)]
pub struct Analysis {
    /// Devices, streams, findings.
    pub ledger: Ledger,
    /// What the reader says of each input.
    pub inputs: Vec<InputReport>,
    /// Why packets of some link types could not pass the filter.
    pub filter_refusals: Vec<String>,
    /// What the peeler counted.
    pub peeled: peel::Counts,
    /// What the shards counted.
    pub shards: ShardCounts,
    /// The clock at the end.
    pub clock: Option<Time>,
}

/// Why an analysis gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The reader cannot go on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A thread of ours died.
    #[error("a thread of the analysis died")]
    Died,
}

/// Frames of one batch, peeled, with what the clock says between them.
#[derive(Default)]
struct Round {
    batch: Batch,
    peeled: Vec<Peeled>,
    marks: Vec<Mark>,
}

impl Frames for Round {
    fn count(&self) -> usize {
        self.peeled.len()
    }

    fn each(&self, take: &mut dyn FnMut(&FrameHead, &Peeled, &[u8])) {
        self.batch.frames().zip(&self.peeled).for_each(|((head, bytes), peeled)| take(head, peeled, bytes));
    }
}

/// What the clock says before the frame at `before`, which may be the next round's first.
struct Mark {
    before: usize,
    /// That frame's global number.
    frame: u64,
    /// Its place in its input; where it has not come yet, that of the last one.
    cite: Cite,
    moments: Vec<Moment>,
}

/// What one worker saw in a round: at each mark what its shards had summed, and all it saw between.
#[derive(Default)]
struct Seen {
    flushed: Vec<Vec<Observation>>,
    own: Vec<Observation>,
}

/// What an analysis knows beforehand.
#[derive(Debug)]
pub struct Knowledge {
    /// Who makes what.
    pub fingerprints: &'static Fingerprints,
    /// The site's own list of its devices.
    pub inventory: Arc<Inventory>,
    /// Whether accepted logins are compared with known passwords.
    pub tests_passwords: bool,
    /// What an earlier run knew of devices.
    pub memory: Arc<Memory>,
    /// Where frames are recorded.
    pub recorder: Option<Feed>,
    /// Shows how far it is.
    pub health: Arc<Health>,
    /// What can be read.
    pub parsers: &'static [&'static Parser],
    /// What can be found.
    pub kinds: &'static [&'static Kind],
    /// What the site allows and forbids.
    pub policy: Arc<Policy>,
    /// Who has which public addresses.
    pub networks: Arc<Networks>,
}

impl Knowledge {
    fn ledger(&self) -> Ledger {
        let ledger = Ledger::with_kinds(self.fingerprints, self.kinds).seeded(seed());
        ledger
            .listed(Arc::clone(&self.inventory))
            .remembering(Arc::clone(&self.memory))
            .governed(Arc::clone(&self.policy))
            .naming(Arc::clone(&self.networks))
    }
}

/// Who looks at the ledger each time that the clock says something, and once more, without a word of it, when all is taken.
pub type Watcher<'a> = &'a mut dyn FnMut(&mut Ledger, Option<&Moment>);

/// Analyses all that `source` gives, with `threads` workers, until `until` where that is later than
/// the last frame; `watcher` sees how it goes.
///
/// # Errors
/// Those of the source; a dead thread.
pub fn analyse(
    source: Box<dyn Source>,
    threads: usize,
    known: &Knowledge,
    until: Option<Time>,
    watcher: Watcher<'_>,
) -> Result<Analysis, Stopped> {
    let workers = threads.clamp(1, SHARDS);
    let reading = Reading { recorder: known.recorder.clone(), ..Reading::new(source, known) };
    let books = Books { ledger: known.ledger(), watcher };
    if workers == 1 {
        alone(reading, books, known, until)
    } else {
        together(reading, books, (known, workers), until)
    }
}

fn alone(
    mut source: Reading,
    mut books: Books<'_>,
    known: &Knowledge,
    until: Option<Time>,
) -> Result<Analysis, Stopped> {
    let mut worker = Worker::new((0, 1), known);
    let mut spare = Round::default();
    while let Some(round) = source.next(spare)? {
        worker.tell(&round, &mut books);
        known.health.has_kept();
        // One that is being recorded is not ours alone.
        spare = Arc::try_unwrap(round).unwrap_or_default();
    }
    let (clock, last_frame) = (source.clock.now(), source.last.number);
    let end = clock.unwrap_or_default();
    let shards = worker.finish_telling(end, last_frame.saturating_add(1), &mut books);
    books.close(Vec::new(), clock, until);
    source.finish(books.ledger, shards)
}

fn together(
    mut source: Reading,
    mut books: Books<'_>,
    (known, workers): (&Knowledge, usize),
    until: Option<Time>,
) -> Result<Analysis, Stopped> {
    thread::scope(|scope| {
        let (to_workers, from_reader): (Vec<Sender<Arc<Round>>>, Vec<Receiver<_>>) =
            (0..workers).map(|_| bounded(ROUNDS)).unzip();
        let (to_books, all_rounds) = bounded::<Arc<Round>>(ROUNDS);
        let reading = named(scope, "reader", move || {
            while let Some(round) = source.next(Round::default())? {
                // A channel is closed only where a thread died; joining it tells.
                for worker in to_workers.iter().chain([&to_books]) {
                    if worker.send(Arc::clone(&round)).is_err() {
                        return Err(Stopped::Died);
                    }
                }
            }
            Ok(source)
        })?;
        let mut seen_by = Vec::new();
        let mut working = Vec::new();
        for (index, rounds) in from_reader.into_iter().enumerate() {
            let (to_books, seen) = bounded::<Seen>(ROUNDS);
            seen_by.push(seen);
            working.push(named(scope, "worker", move || {
                let mut worker = Worker::new((index, workers), known);
                for round in rounds {
                    if to_books.send(worker.see(&round)).is_err() {
                        break;
                    }
                }
                worker
            })?);
        }
        for round in all_rounds {
            let seen: Result<Vec<Seen>, _> = seen_by.iter().map(Receiver::recv).collect();
            let Ok(seen) = seen else { break };
            books.enter(&round, seen);
            known.health.has_kept();
        }
        drop(seen_by);
        let source = reading.join().map_err(|_| Stopped::Died)??;
        let (clock, last_frame) = (source.clock.now(), source.last.number);
        let mut shards = ShardCounts::default();
        let mut rest = Vec::new();
        for worker in working {
            let worker = worker.join().map_err(|_| Stopped::Died)?;
            let (flushed, counts) = worker.finish(clock.unwrap_or_default(), last_frame.saturating_add(1));
            shards.add(&counts);
            rest.push(flushed);
        }
        books.close(rest, clock, until);
        source.finish(books.ledger, shards)
    })
}

/// A thread that `top -H` shows by its name.
fn named<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>, Stopped> {
    thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).map_err(|_| Stopped::Died)
}

/// The reader's side: batches, peeled, with the clock's marks.
struct Reading {
    source: Box<dyn Source>,
    peeler: Peeler,
    clock: Clock,
    /// The last frame.
    last: FrameHead,
    /// What this machine dropped since the clock last said something.
    dropped: Option<Dropped>,
    /// What mirrors' numbers said was missing when the clock last said something. It waits for the next time: this machine may
    /// say only then that it was itself.
    missing: Option<Dropped>,
    /// When the clock last said something.
    said: Option<Time>,
    recorder: Option<Feed>,
    health: Arc<Health>,
}

impl Reading {
    fn new(source: Box<dyn Source>, known: &Knowledge) -> Self {
        let clock = Clock::new(source.is_filtered());
        Self {
            source,
            peeler: Peeler::new(),
            clock,
            last: FrameHead::default(),
            dropped: None,
            missing: None,
            said: None,
            recorder: None,
            health: Arc::clone(&known.health),
        }
    }

    /// The next round, in the room of one that nobody needs any more.
    fn next(
        &mut self,
        Round { mut batch, mut peeled, mut marks }: Round,
    ) -> Result<Option<Arc<Round>>, ReadError> {
        batch.clear();
        peeled.clear();
        marks.clear();
        if !self.source.fill(&mut batch)? {
            return Ok(None);
        }
        peeled.reserve(batch.len());
        let mut moments = Vec::new();
        let mut last = None;
        for item in batch.items() {
            match item {
                Item::Event(event) => self.heed(event, &mut moments),
                Item::Frame(head, _) => self.clock.frame(head.at, head.input, &mut moments),
            }
            if !moments.is_empty() {
                let (frame, cite) = match item {
                    Item::Event(_) => {
                        let last = last.unwrap_or(&self.last);
                        (last.number.saturating_add(1), cite(last))
                    }
                    Item::Frame(head, _) => (head.number, cite(head)),
                };
                let dropped = self.dropped_until(self.clock.now());
                moments.extend(dropped.map(Moment::Dropped));
                if moments.iter().any(|moment| matches!(moment, Moment::Gap { .. })) {
                    self.peeler.unwatched();
                }
                let moments = std::mem::take(&mut moments);
                marks.push(Mark { before: peeled.len(), frame, cite, moments });
            }
            if let Item::Frame(head, bytes) = item {
                peeled.push(self.peeler.peel(head.link, head.at, bytes, head.wire_length));
                last = Some(head);
            }
        }
        self.last = last.copied().unwrap_or(self.last);
        self.health.has_read();
        let round = Arc::new(Round { batch, peeled, marks });
        if let Some(recorder) = self.recorder.as_ref().filter(|_| round.count() > 0) {
            recorder.offer(Arc::<Round>::clone(&round));
        }
        Ok(Some(round))
    }

    fn heed(&mut self, event: &Event, moments: &mut Vec<Moment>) {
        match event.kind {
            EventKind::Opened => self.clock.input_opened(event.input),
            EventKind::Damaged { .. } => self.clock.input_damaged(event.input),
            EventKind::Ended => self.clock.input_ended(event.input),
            EventKind::Down => self.clock.input_down(event.input),
            EventKind::Passed => self.clock.passed(event.at, moments),
            EventKind::ClockSet { by } => self.clock.stepped(by, moments),
            EventKind::Dropped { from, lost, of } => {
                let before = self.dropped.map_or((from, 0, 0), |it| (it.from, it.lost, it.of));
                let (lost, of) = (before.1.saturating_add(lost), before.2.saturating_add(of));
                self.dropped = Some(Dropped { from: before.0, to: event.at, by: Dropper::Machine, lost, of });
            }
        }
    }

    /// What did not reach us, as far as it is to be told when the clock says something at `now`.
    fn dropped_until(&mut self, now: Option<Time>) -> Option<Dropped> {
        let (lost, of) = self.peeler.missing();
        let now = now.unwrap_or_default();
        let from = self.said.replace(now).unwrap_or(now);
        let is_missing = lost > 0 && !self.source.is_filtered();
        let missing = is_missing.then_some(Dropped { from, to: now, by: Dropper::Mirror, lost, of });
        let before = std::mem::replace(&mut self.missing, missing);
        let dropped = self.dropped.take();
        if dropped.is_some() {
            self.missing = None;
        }
        dropped.or(before)
    }

    fn finish(mut self, ledger: Ledger, shards: ShardCounts) -> Result<Analysis, Stopped> {
        let clock = self.clock.now();
        let peeled = self.peeler.counts().clone();
        let filter_refusals = self.source.filter_refusals();
        Ok(Analysis { ledger, inputs: self.source.finish()?, filter_refusals, peeled, shards, clock })
    }
}

/// Some of the 64 shards.
struct Worker {
    /// By shard number; `None` where another worker has it.
    shards: Vec<Option<Shard>>,
    /// What they said of each frame of the round; `None` where it is another worker's.
    expected: Vec<Option<Coming>>,
    /// Which of them seek their flow.
    seeking: Vec<usize>,
    /// Room for what they see: empty between rounds.
    seen: Vec<Observation>,
}

impl Worker {
    fn new((index, workers): (usize, usize), known: &Knowledge) -> Self {
        let (seed, parsers) = (seed(), Arc::new(Dispatch::new(known.parsers)));
        let shard = |number: u8| {
            let is_ours = usize::from(number) % workers == index;
            let shard =
                is_ours.then(|| Shard::with_parsers(number, Some(known.fingerprints), seed, &parsers))?;
            Some(if known.tests_passwords { shard } else { shard.leaving_passwords() })
        };
        let shards = (0..SHARDS).map(|number| u8::try_from(number).ok().and_then(shard)).collect();
        Self { shards, expected: Vec::new(), seeking: Vec::new(), seen: Vec::new() }
    }

    /// Sees a round for a ledger that waits for what others saw.
    fn see(&mut self, round: &Round) -> Seen {
        let mut seen = Seen::default();
        let mut marks = round.marks.iter().peekable();
        self.expect(round);
        for (index, frame) in round.batch.frames().zip(&round.peeled).enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.before == index) {
                seen.flushed.push(self.flush(mark));
            }
            self.take(index, frame, &mut seen.own);
        }
        seen.flushed.extend(marks.map(|mark| self.flush(mark)));
        seen
    }

    fn flush(&mut self, mark: &Mark) -> Vec<Observation> {
        let mut flushed = Vec::new();
        for shard in self.shards.iter_mut().flatten() {
            shard.tick(mark.at(), mark.frame, &mut flushed);
        }
        flushed
    }

    /// Sees a round and tells the ledger at once, which keeps no second's sums of all shards together.
    /// Frames come in order, and at a mark the shards do, so that nothing has to be sorted.
    fn tell(&mut self, round: &Round, books: &mut Books<'_>) {
        let mut seen = std::mem::take(&mut self.seen);
        let mut marks = round.marks.iter().peekable();
        self.expect(round);
        for (index, frame) in round.batch.frames().zip(&round.peeled).enumerate() {
            while let Some(mark) = marks.next_if(|mark| mark.before == index) {
                self.tell_mark(mark, &mut seen, books);
            }
            self.take(index, frame, &mut seen);
        }
        marks.for_each(|mark| self.tell_mark(mark, &mut seen, books));
        books.observe(&mut seen);
        self.seen = seen;
    }

    fn tell_mark(&mut self, mark: &Mark, seen: &mut Vec<Observation>, books: &mut Books<'_>) {
        books.observe(seen);
        for shard in self.shards.iter_mut().flatten() {
            shard.tick(mark.at(), mark.frame, seen);
            books.observe(seen);
        }
        books.mark(mark);
    }

    /// Ends all shards, one after the other, and tells the ledger what each still held.
    fn finish_telling(self, at: Time, frame: u64, books: &mut Books<'_>) -> ShardCounts {
        let mut counts = ShardCounts::default();
        let mut seen = Vec::new();
        for shard in self.shards.into_iter().flatten() {
            counts.add(&shard.finish(at, frame, &mut seen));
            books.observe(&mut seen);
        }
        counts
    }

    /// Gets ready for all frames of a round, in steps ([`spanwatch_engine::ahead`]).
    fn expect(&mut self, round: &Round) {
        let Self { shards, expected, seeking, .. } = self;
        let shard = |peeled: &Peeled| shards.get(usize::from(peeled.layers.shard))?.as_ref();
        expected.clear();
        seeking.clear();
        let mut latest = Latest::default();
        for (index, (peeled, (_, bytes))) in (0..).zip(round.peeled.iter().zip(round.batch.frames())) {
            let coming = shard(peeled).map(|shard| shard.coming(index, peeled, bytes, &mut latest));
            if coming.as_ref().is_some_and(Coming::seeks) {
                seeking.push(index as usize);
            }
            expected.push(coming);
        }
        let each_that_seeks = |step: fn(&Shard, &mut Coming), expected: &mut [Option<Coming>]| {
            for index in seeking.iter().copied() {
                if let (Some(peeled), Some(Some(coming))) = (round.peeled.get(index), expected.get_mut(index))
                    && let Some(shard) = shard(peeled)
                {
                    step(shard, coming);
                }
            }
        };
        each_that_seeks(Shard::seek, expected);
        for (index, peeled) in round.peeled.iter().enumerate() {
            let (before, rest) = expected.split_at_mut(index);
            if let (Some(Some(coming)), Some(shard)) = (rest.first_mut(), shard(peeled)) {
                shard.expect(coming, before);
            }
        }
        each_that_seeks(Shard::seek_more, expected);
        each_that_seeks(Shard::seek_all, expected);
    }

    fn take(
        &mut self,
        index: usize,
        ((head, bytes), peeled): ((&FrameHead, &[u8]), &Peeled),
        out: &mut Vec<Observation>,
    ) {
        let Some(Some(coming)) = self.expected.get(index) else { return };
        if let Some(Some(shard)) = self.shards.get_mut(usize::from(peeled.layers.shard)) {
            let frame = FrameIn {
                at: head.at,
                frame: head.number,
                cite: cite(head),
                interface: head.interface,
                wire_length: head.wire_length,
            };
            shard.expected(&frame, (peeled, coming), bytes, out);
        }
    }

    fn finish(self, at: Time, frame: u64) -> (Vec<Observation>, ShardCounts) {
        let mut counts = ShardCounts::default();
        let mut out = Vec::new();
        for shard in self.shards.into_iter().flatten() {
            counts.add(&shard.finish(at, frame, &mut out));
        }
        (out, counts)
    }
}

/// Adds observations, by taking the whole of them where there are none yet.
fn join(all: &mut Vec<Observation>, part: Vec<Observation>) {
    if all.is_empty() {
        *all = part;
    } else {
        all.extend(part);
    }
}

impl Mark {
    /// The time that sums are stamped with: that of the first thing the clock says.
    fn at(&self) -> Time {
        match self.moments.first() {
            Some(Moment::Tick(at)) => *at,
            Some(Moment::Gap { from, .. } | Moment::Leap { from, .. }) => *from,
            Some(Moment::Blind { since, .. }) => *since,
            Some(Moment::Dropped(dropped)) => dropped.to,
            None => Time::MIN,
        }
    }
}

/// The ledger's side: rounds in order.
struct Books<'a> {
    ledger: Ledger,
    watcher: Watcher<'a>,
}

impl Books<'_> {
    fn enter(&mut self, round: &Round, seen: Vec<Seen>) {
        let mut own = Vec::new();
        let mut flushed: Vec<Vec<Observation>> = round.marks.iter().map(|_| Vec::new()).collect();
        for worker in seen {
            join(&mut own, worker.own);
            for (all, part) in flushed.iter_mut().zip(worker.flushed) {
                join(all, part);
            }
        }
        own.sort_unstable_by_key(|seen| seen.place);
        let mut own = own.iter().peekable();
        for (mark, mut flushed) in round.marks.iter().zip(flushed) {
            let before = std::iter::from_fn(|| own.next_if(|seen| seen.place.frame < mark.frame));
            self.ledger.take(before);
            flushed.sort_unstable_by_key(|seen| seen.place);
            self.ledger.take_all(&flushed);
            self.mark(mark);
        }
        self.ledger.take(own);
    }

    /// Takes observations that are in order, and leaves none.
    fn observe(&mut self, seen: &mut Vec<Observation>) {
        self.ledger.take_all(seen);
        seen.clear();
    }

    /// Takes what the clock says.
    fn mark(&mut self, mark: &Mark) {
        for moment in &mark.moments {
            self.ledger.surviving("time", |ledger| match *moment {
                Moment::Tick(at) => ledger.complete(at),
                Moment::Gap { from, to, why } => ledger.gap(from, to, why),
                Moment::Leap { from, to } => ledger.leap(from, to, mark.cite),
                Moment::Blind { since, at, why } => ledger.blind_since(since, at, why),
                Moment::Dropped(dropped) => ledger.dropped(&dropped, mark.cite),
            });
            (self.watcher)(&mut self.ledger, Some(moment));
        }
    }

    /// Takes what the shards still held. Nothing fires after the last frame's time, unless `until` is later.
    fn close(&mut self, rest: Vec<Vec<Observation>>, clock: Option<Time>, until: Option<Time>) {
        let mut rest: Vec<Observation> = rest.into_iter().flatten().collect();
        rest.sort_unstable_by_key(|seen| seen.place);
        self.ledger.take_all(&rest);
        if let Some(end) = clock.max(until) {
            self.ledger.surviving("time", |ledger| ledger.complete(end));
        }
        (self.watcher)(&mut self.ledger, None);
    }
}

const fn cite(head: &FrameHead) -> Cite {
    Cite::new(head.input, head.frame)
}

/// Rounds on their way between two threads; one is a quarter of a megabyte.
const ROUNDS: usize = 16;

#[cfg(test)]
mod tests;
