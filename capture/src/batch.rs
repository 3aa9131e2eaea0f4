//! What the reader gives: a [`Batch`] of frames, and the [`Event`]s between them.

use std::sync::Arc;

use spanwatch_parsers::{LinkType, Span, Time};

use crate::block::Block;

/// What a capture says of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameHead {
    /// The frame's own time stamp; of a packet without one, that of the packet before
    /// it in its input, or behind it where it is the first.
    pub at: Time,
    /// Its number over all inputs in merged order, from 1, counted before any filter.
    pub number: u64,
    /// Its number in its input, from 1, counted before any filter, as Wireshark shows it.
    pub frame: u64,
    /// Index into the reader's reports.
    pub input: u32,
    /// The interface in its input, counted over all sections from 0.
    pub interface: u32,
    /// Its link type.
    pub link: LinkType,
    /// Bytes it had on the wire; more than were captured where it was cut.
    pub wire_length: u32,
}

/// Something that happened to an input between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Index into the reader's reports.
    pub input: u32,
    /// What happened.
    pub kind: EventKind,
    /// When: the input's clock, which is the greatest time stamp it has shown so far; of a network port, the machine's.
    pub at: Time,
}

/// What can happen to an input.
///
/// Time is covered while at least one input is open; what lies between an
/// [`EventKind::Ended`] that closes the last one and the next
/// [`EventKind::Opened`] was not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Its first frame comes next.
    Opened,
    /// Frames were lost to damage in the file since `from`: this input is no witness of that time.
    Damaged {
        /// The time stamp of the last frame before the damage.
        from: Time,
    },
    /// Its last frame was the one before.
    Ended,
    /// The port it comes from has no link, until it is [`EventKind::Opened`] again.
    Down,
    /// It is so late, and every frame of any port stamped before has been told.
    Passed,
    /// Since `from` frames were lost on this machine.
    Dropped {
        /// When that was last looked at.
        from: Time,
        /// How many.
        lost: u64,
        /// Of so many that arrived, these among them.
        of: u64,
    },
    /// The clock of this machine was set, so far forwards.
    ClockSet {
        /// Negative where it was set back.
        by: Span,
    },
}

/// One thing in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A frame with its captured bytes.
    Frame(&'a FrameHead, &'a [u8]),
    /// An event before the frame that follows.
    Event(&'a Event),
}

/// Some frames in merged order, their bytes where they were read, and the
/// events between them. To be filled again and again; `Send` and `Sync`.
#[derive(Debug, Default)]
pub struct Batch {
    blocks: Vec<Arc<Block>>,
    frames: Vec<Placed>,
    /// Each with the number of frames before it.
    events: Vec<(usize, Event)>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    head: FrameHead,
    block: u32,
    start: u32,
    length: u32,
}

impl Batch {
    /// How many frames are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether neither frame nor event is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.events.is_empty()
    }

    /// Captured bytes of all its frames.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frame at `index`, from 0.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<(&FrameHead, &[u8])> {
        self.frames.get(index).map(|placed| self.place(placed))
    }

    /// The frames, in order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (&FrameHead, &[u8])> {
        self.frames.iter().map(|placed| self.place(placed))
    }

    /// The events, each with the index of the frame it comes before.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (usize, &Event)> {
        self.events.iter().map(|(before, event)| (*before, event))
    }

    /// Frames and events, in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let (mut events, mut frames) = (self.events.as_slice(), self.frames.as_slice());
        std::iter::from_fn(move || {
            let index = self.frames.len().saturating_sub(frames.len());
            if let [(before, event), rest @ ..] = events
                && (*before <= index || frames.is_empty())
            {
                events = rest;
                return Some(Item::Event(event));
            }
            let (placed, rest) = frames.split_first()?;
            frames = rest;
            let (head, bytes) = self.place(placed);
            Some(Item::Frame(head, bytes))
        })
    }

    /// Empties it and lets go of the buffers behind it.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.frames.clear();
        self.events.clear();
        self.bytes = 0;
    }

    /// Whether it should be sent before more goes in.
    pub(crate) fn is_full(&self) -> bool {
        self.frames.len() >= FRAMES || self.bytes >= BYTES
    }

    /// Adds the frame that lies in `block` from `start`, `length` bytes long.
    #[inline]
    pub(crate) fn push(&mut self, head: FrameHead, block: &Arc<Block>, start: usize, length: usize) {
        let index = match self.blocks.iter().rposition(|known| Arc::ptr_eq(known, block)) {
            Some(index) => index,
            None => {
                self.blocks.push(Arc::clone(block));
                self.blocks.len().saturating_sub(1)
            }
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.frames.push(Placed { head, block: number(index), start: number(start), length: number(length) });
        self.bytes = self.bytes.saturating_add(length);
    }

    /// Adds an event behind the frames that are there.
    pub(crate) fn push_event(&mut self, event: Event) {
        self.events.push((self.frames.len(), event));
    }

    fn place<'a>(&'a self, placed: &'a Placed) -> (&'a FrameHead, &'a [u8]) {
        let block = self.blocks.get(placed.block as usize);
        let bytes = block.map(|block| block.slice(placed.start as usize, placed.length as usize));
        (&placed.head, bytes.unwrap_or_default())
    }
}

/// Frames after which a batch is sent: they pass several hands, and are to stay in the processor's cache on the way.
const FRAMES: usize = 256;
/// Captured bytes after which a batch is sent.
const BYTES: usize = 1 << 18;
