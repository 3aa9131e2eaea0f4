//! Many inputs, one order: [`Reader`] merges them by packet time.
//!
//! ```text
//! input 0  ───f───f──────f────────┐
//! input 1        ───f──f───f──────┤ by (input's clock, input) ──► filter ──► Batch
//! input 2  (opened when its time comes)
//! ```
//!
//! Frames of one input stay in the order of their file, whatever their stamps
//! say: its clock, by which it is merged, is the running maximum of its stamps
//! (see [`crate::EventKind`] for what is told between the frames). Inputs with
//! equal clocks go in the inputs' order. At most [`OPEN_MAX`] are open at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spanwatch_parsers::Time;

use crate::batch::{Batch, Event, EventKind, FrameHead};
use crate::block::{Block, Pool};
use crate::filter::Filter;
use crate::input::{Input, InputReport, Next};
use crate::inputs::{Found, Inputs, Origin};
use crate::source::Source;
use crate::stream::{Bound, Tap};

/// Reads inputs as one capture.
#[derive(Debug)]
pub struct Reader {
    inputs: Vec<State>,
    names: Vec<String>,
    /// Inputs not yet opened, the next one last.
    waiting: Vec<(Option<Time>, u32)>,
    /// The clock and index of each open input.
    heads: BinaryHeap<Reverse<(Time, u32)>>,
    number: u64,
    filter: Option<Filter>,
    is_hashing: bool,
    bound: Option<Bound>,
    pool: Arc<Pool>,
    progress: Progress,
}

/// Why reading stops before the end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Too many inputs cover the same time.
    #[error(
        "more than {OPEN_MAX} captures overlap in time, and no more can be merged at once ({name} is the next): \
         merge some of them first, or read each by itself"
    )]
    TooMany {
        /// The first that is too much.
        name: String,
    },
    /// A file was there before and cannot be opened when its time comes.
    #[error("{name} cannot be opened again: {source}")]
    Gone {
        /// The input.
        name: String,
        /// What the system says.
        source: io::Error,
    },
}

/// How far the reader is, in bytes of the files as given; may be watched from another thread.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    /// Bytes read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes of all inputs; `None` where one is a stream.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }
}

/// An input's way: `Waiting` → `Open` → `Done`; `Gone` where it could not be opened again.
#[derive(Debug, Default)]
enum State {
    #[default]
    Gone,
    Waiting(Origin),
    Open(Box<Input>),
    Done(Box<InputReport>),
}

impl Reader {
    /// Gets ready to read `inputs`, all frames or those that pass `filter`.
    #[must_use]
    pub fn new(inputs: Inputs, filter: Option<Filter>) -> Self {
        let progress = Progress { read: Arc::default(), total: inputs.total_bytes() };
        let (found, bound) = inputs.into_found();
        let size = BUFFERED.checked_div(found.len().clamp(1, OPEN_MAX)).unwrap_or(BLOCK_MIN);
        let mut reader = Self {
            inputs: Vec::new(),
            names: Vec::new(),
            waiting: Vec::new(),
            heads: BinaryHeap::new(),
            number: 0,
            filter,
            is_hashing: true,
            bound,
            pool: Pool::new(size.clamp(BLOCK_MIN, BLOCK_MAX)),
            progress,
        };
        for (index, Found { name, origin, start, .. }) in (0..).zip(found) {
            reader.names.push(name);
            reader.waiting.push((start, index));
            reader.inputs.push(State::Waiting(origin));
        }
        // Streams are open already and count from the beginning.
        let is_stream =
            |index: u32| matches!(reader.inputs.get(index as usize), Some(State::Waiting(Origin::Stream(_))));
        reader.waiting.sort_by_key(|(start, index)| Reverse((!is_stream(*index), *start, *index)));
        reader
    }

    /// The same, before anything is read, without a hash of each input: on large frames that is most of the work.
    #[must_use]
    pub fn without_hashes(self) -> Self {
        Self { is_hashing: false, ..self }
    }

    /// The inputs' names; [`FrameHead::input`] is an index into them and into the reports.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Opens the inputs whose time has come.
    fn open_due(&mut self) -> Result<(), ReadError> {
        while let Some((start, index)) = self.waiting.last().copied() {
            let is_due = match self.heads.peek() {
                Some(Reverse((clock, _))) => {
                    start.is_none_or(|start| start <= *clock) || self.is_stream(index)
                }
                None => true,
            };
            if !is_due {
                return Ok(());
            }
            if self.heads.len() >= OPEN_MAX {
                return Err(ReadError::TooMany { name: self.name(index) });
            }
            self.waiting.pop();
            self.open(index)?;
        }
        Ok(())
    }

    /// When an input is due next, be it open or not; of equal times the first input's comes first.
    fn due(&self) -> Option<(Time, u32)> {
        let open = self.heads.peek().map(|Reverse(head)| *head);
        let waiting = self.waiting.last().map(|(start, _)| (start.unwrap_or(Time::MIN), 0));
        open.into_iter().chain(waiting).min()
    }

    fn is_stream(&self, index: u32) -> bool {
        matches!(self.inputs.get(index as usize), Some(State::Waiting(Origin::Stream(_))))
    }

    fn open(&mut self, index: u32) -> Result<(), ReadError> {
        let mut input = match self.take(index) {
            State::Waiting(Origin::Stream(input)) => input,
            State::Waiting(Origin::File(path)) => {
                let gone = |source| ReadError::Gone { name: self.name(index), source };
                let tap =
                    Tap::new(Box::new(File::open(path).map_err(gone)?)).hashed().bounded(self.bound.clone());
                let input = Input::open(tap, &self.pool);
                Box::new(input.map_err(|looks| gone(io::Error::other(looks)))?)
            }
            _ => return Ok(()),
        };
        if !self.is_hashing {
            input.unhash();
        }
        input.report_to(&self.progress.read);
        match input.next().map(|next| next.key) {
            Some(key) => {
                self.heads.push(Reverse((key, index)));
                self.put(index, State::Open(input));
            }
            None => self.close(index, *input),
        }
        Ok(())
    }

    fn close(&mut self, index: u32, input: Input) {
        let report = input.finish(self.name(index));
        self.put(index, State::Done(Box::new(report)));
    }

    fn take(&mut self, index: u32) -> State {
        self.inputs.get_mut(index as usize).map(std::mem::take).unwrap_or_default()
    }

    fn put(&mut self, index: u32, state: State) {
        if let Some(there) = self.inputs.get_mut(index as usize) {
            *there = state;
        }
    }

    fn name(&self, index: u32) -> String {
        self.names.get(index as usize).cloned().unwrap_or_default()
    }
}

impl Source for Reader {
    /// Fills a batch; `false` where there is nothing more.
    ///
    /// # Errors
    /// `TooMany` where more inputs than can be merged at once cover the same
    /// time; `Gone` where a file vanished. Damage is no error, but stands in the report.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        batch.clear();
        while !batch.is_full() {
            self.open_due()?;
            let Some(Reverse((_, index))) = self.heads.pop() else { break };
            let due = self.due();
            let Some(State::Open(input)) = self.inputs.get_mut(index as usize) else { continue };
            let mut filtered: u64 = 0;
            // Its frames come in a row until another's is due.
            input.give(|next, block| {
                if batch.is_full() || due.is_some_and(|due| (next.key, index) >= due) {
                    return false;
                }
                self.number = self.number.saturating_add(1);
                let is_through = deliver(next, block, (index, self.number), self.filter.as_mut(), batch);
                filtered = filtered.saturating_add(u64::from(!is_through));
                true
            });
            input.count_filtered(filtered);
            if let Some(next) = input.next() {
                self.heads.push(Reverse((next.key, index)));
            } else {
                batch.push_event(Event { input: index, kind: EventKind::Ended, at: input.clock() });
                if let State::Open(input) = self.take(index) {
                    self.close(index, *input);
                }
            }
        }
        Ok(!batch.is_empty())
    }

    /// Whether a filter may leave frames out.
    fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Why frames of some link types could not pass the filter: one sentence each.
    fn filter_refusals(&self) -> Vec<String> {
        self.filter.iter().flat_map(Filter::refusals).collect()
    }

    /// Reports on every input, in the order of [`Reader::names`], once [`Source::fill`] said `false`.
    ///
    /// # Errors
    /// Before that it reads on, and fails as that does.
    fn finish(&mut self) -> Result<Vec<InputReport>, ReadError> {
        let mut rest = Batch::default();
        while self.fill(&mut rest)? {}
        let done = std::mem::take(&mut self.inputs).into_iter().filter_map(|state| match state {
            State::Done(report) => Some(*report),
            _ => None,
        });
        Ok(done.collect())
    }
}

/// Puts a frame of input `index`, and what happened before it, into the batch; `false` where it does not pass the filter.
#[inline]
fn deliver(
    next: &Next,
    block: &Arc<Block>,
    (index, number): (u32, u64),
    filter: Option<&mut Filter>,
    batch: &mut Batch,
) -> bool {
    let event = |kind| Event { input: index, kind, at: next.key };
    if next.is_first {
        batch.push_event(event(EventKind::Opened));
    }
    if let Some(from) = next.damaged_since {
        batch.push_event(event(EventKind::Damaged { from }));
    }
    let frame = next.frame;
    if filter.is_some_and(|filter| !filter.passes(frame.link, block.slice(frame.start, frame.length))) {
        return false;
    }
    let head = FrameHead {
        at: next.at,
        number,
        frame: next.number,
        input: index,
        interface: frame.interface,
        link: frame.link,
        wire_length: frame.wire_length,
    };
    batch.push(head, block, frame.start, frame.length);
    true
}

/// The most inputs open at once; a process may usually have 1024 files.
pub const OPEN_MAX: usize = 256;
/// Bytes that all open inputs' blocks share.
const BUFFERED: usize = 16 << 20;
/// The least bytes of a block; longer frames get a block of their own.
const BLOCK_MIN: usize = 64 << 10;
/// The most bytes of a block: it is hashed and read while it is in the processor's cache.
const BLOCK_MAX: usize = 128 << 10;
