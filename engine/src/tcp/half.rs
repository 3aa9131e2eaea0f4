//! One direction of a TCP connection: [`Half`] puts its bytes in order.
//!
//! ```text
//! offset 0 = the first byte after the SYN, or the first byte seen
//!
//! ──────────────────────┬───────────┬─────────┬ ─ ─ ┬─────────
//!  delivered, or passed │   hole    │ pieces  │     │ pieces
//! ──────────────────────┴───────────┴─────────┴ ─ ─ ┴─────────
//!                     next        first            sent
//! ```
//!
//! A hole is waited for, and given up as a *gap* once its bytes will not come:
//! see [`Half::gives_up`]. A hole in bytes that the session does not want anyway
//! (the inside of a video frame) is passed over at once.

use spanwatch_parsers::{Span, Time, Way};

use super::passed::Passed;
use crate::ahead::fetch;
use crate::pieces::Pieces;

/// Who takes the bytes of a connection in order.
pub trait Ear {
    /// Takes the next bytes.
    fn bytes(&mut self, way: Way, bytes: &[u8]);
    /// Is told that the next bytes will never come, and how many they are where that is known.
    fn gap(&mut self, way: Way, missing: Option<u64>);
    /// How many of the next bytes it does not want; `u64::MAX` once it wants nothing more.
    fn unwanted(&self, way: Way) -> u64;
    /// Is told that so many bytes that it does not want have passed.
    fn pass(&mut self, way: Way, count: u64);
}

/// One direction.
#[derive(Debug, Default)]
pub struct Half {
    base: Option<u32>,
    next: u64,
    sent: u64,
    acknowledged: Option<u64>,
    pieces: Pieces,
    hole: Option<Box<Hole>>,
    sent_again: Option<Box<Again>>,
    /// What of it came by us.
    pub passed: Passed,
    /// Whether this side itself was heard.
    pub is_heard: bool,
    /// The offset behind its last byte, once it said FIN.
    pub fin: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    since: Time,
    segments: u32,
}

#[derive(Debug, Clone, Copy)]
struct Again {
    offset: u64,
    attempt: u16,
    at: Time,
}

/// A segment of one direction, by offset.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Where it begins; negative before the first byte seen.
    pub offset: i64,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// How many bytes of it the capture cut off.
    pub cut: u64,
    /// When.
    pub at: Time,
}

impl Half {
    /// Fetches what is looked at of it with each segment.
    pub fn foresee(&self) {
        fetch(&self.acknowledged);
        fetch(&self.base);
        fetch(&self.is_heard);
        self.passed.foresee();
    }

    /// Starts at a sequence number, where nothing is known yet.
    pub fn base_at(&mut self, sequence: u32) {
        self.base.get_or_insert(sequence);
    }

    /// Whether it knows where it is.
    #[must_use]
    pub const fn is_based(&self) -> bool {
        self.base.is_some()
    }

    /// The offset of a sequence number, near to what comes next.
    #[must_use]
    pub fn offset(&self, sequence: u32) -> i64 {
        let next = self.base.unwrap_or(sequence).wrapping_add(self.next as u32);
        let step = sequence.wrapping_sub(next) as i32;
        (self.next as i64).saturating_add(step.into())
    }

    /// Whether a sequence number lies where one of this connection can.
    #[must_use]
    pub fn is_near(&self, sequence: u32) -> bool {
        self.base.is_none() || self.offset(sequence).abs_diff(self.next as i64) <= NEAR
    }

    /// Where a hole ends, if there is one.
    #[must_use]
    pub fn hole_ends(&self) -> Option<u64> {
        self.pieces.first()
    }

    /// The memory in use.
    #[must_use]
    pub fn held(&self) -> usize {
        self.pieces.held()
    }

    /// Whether all that it sent was delivered, its FIN included.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.fin.is_some_and(|fin| self.next >= fin)
    }

    /// Takes an acknowledgement of this half's bytes.
    pub fn acknowledge(&mut self, sequence: u32, at: Time) {
        if self.base.is_none() {
            self.base = Some(sequence);
        }
        let offset = self.offset(sequence);
        if let Ok(offset) = u64::try_from(offset)
            && self.is_near(sequence)
        {
            self.acknowledged = self.acknowledged.max(Some(offset));
            self.passed.acknowledge(offset, at);
        }
    }

    /// Says which attempt this is, if the stretch was seen before, is not acknowledged and is the first of
    /// those: what keeps a connection from going on.
    pub fn sent_again(&mut self, stretch: &Stretch<'_>) -> Option<u16> {
        let is_new_to_us = self.passed.take(stretch, self.acknowledged);
        let start = u64::try_from(stretch.offset).ok()?;
        let length = (stretch.bytes.len() as u64).saturating_add(stretch.cut);
        let end = start.saturating_add(length);
        let is_keep_alive = length <= 1 && end == self.sent;
        // What lies behind a hole was seen too; if it begins there, what is missing was acknowledged unseen.
        let behind = self.pieces.first().filter(|first| start >= *first && end <= self.sent);
        if length == 0 || (end > self.next && behind.is_none()) || is_keep_alive || is_new_to_us {
            return None;
        }
        let is_first_open = self
            .acknowledged
            .is_none_or(|reached| (start <= reached || behind == Some(start)) && reached < end);
        if !is_first_open {
            return None;
        }
        let attempt = match self.sent_again.as_deref() {
            Some(again) if again.offset == start => again.attempt.saturating_add(1),
            Some(again) if apart(again.at, stretch.at) < AGAIN_APART => return None,
            _ => 1,
        };
        self.sent_again = Some(Box::new(Again { offset: start, attempt, at: stretch.at }));
        Some(attempt)
    }

    /// Takes a segment and delivers what is in order.
    pub fn take(&mut self, way: Way, stretch: &Stretch<'_>, ear: &mut impl Ear) {
        let before = (self.next as i64).saturating_sub(stretch.offset);
        let known = usize::try_from(before.max(0)).unwrap_or(usize::MAX);
        let bytes = stretch.bytes.get(known..).unwrap_or_default();
        let length = (stretch.bytes.len() as u64).saturating_add(stretch.cut);
        let end = stretch.offset.saturating_add_unsigned(length);
        let Ok(end) = u64::try_from(end) else { return };
        self.sent = self.sent.max(end);
        if end <= self.next {
            return;
        }
        let start = self.next.max(u64::try_from(stretch.offset).unwrap_or(0));
        let hole = start.saturating_sub(self.next);
        if self.pieces.is_empty() && hole <= ear.unwanted(way) {
            self.miss(way, hole, ear);
            self.deliver(way, bytes, ear);
            self.miss(way, end.saturating_sub(self.next), ear);
            return;
        }
        self.pieces.add(start, bytes);
        let hole = self.hole.get_or_insert_with(|| Box::new(Hole { since: stretch.at, segments: 0 }));
        hole.segments = hole.segments.saturating_add(1);
        self.drain(way, ear);
    }

    /// Whether the hole will not be filled any more:
    /// - the buffer is full, or
    /// - the peer acknowledged what is missing, so only we did not see it: at once if he answers it,
    ///   else after a few segments or a moment, for a mirror may swap neighbours, or
    /// - it has been open for too long.
    #[must_use]
    pub fn gives_up(&self, at: Time, is_answered: bool) -> bool {
        let (Some(hole), Some(first)) = (self.hole.as_deref(), self.pieces.first()) else { return false };
        let waited = apart(hole.since, at);
        let is_acknowledged = self.acknowledged.is_some_and(|reached| reached >= first);
        let is_late = is_answered || hole.segments >= SWAPPED_MAX || waited >= SWAPPED_FOR;
        self.pieces.held() > HELD_MAX
            || self.pieces.len() > PIECES_MAX
            || waited >= HOLE_FOR
            || (is_acknowledged && is_late)
    }

    /// Gives the hole up and delivers what lies behind it, up to the next.
    pub fn give_up(&mut self, way: Way, ear: &mut impl Ear) {
        if let Some(first) = self.pieces.first() {
            self.miss(way, first.saturating_sub(self.next), ear);
            self.drain(way, ear);
        }
    }

    /// Goes on at a sequence number that has nothing to do with what came before.
    pub fn leap(&mut self, way: Way, sequence: u32, ear: &mut impl Ear) {
        let fresh = Self { base: Some(sequence), is_heard: self.is_heard, ..Self::default() };
        *self = fresh;
        ear.gap(way, None);
    }

    fn deliver(&mut self, way: Way, bytes: &[u8], ear: &mut impl Ear) {
        if !bytes.is_empty() {
            self.next = self.next.saturating_add(bytes.len() as u64);
            ear.bytes(way, bytes);
        }
    }

    fn miss(&mut self, way: Way, missing: u64, ear: &mut impl Ear) {
        let unwanted = ear.unwanted(way).min(missing);
        if unwanted > 0 {
            ear.pass(way, unwanted);
        }
        let missing_here = missing.saturating_sub(unwanted);
        self.next = self.next.saturating_add(missing);
        if missing_here > 0 {
            ear.gap(way, Some(missing_here));
        }
    }

    fn drain(&mut self, way: Way, ear: &mut impl Ear) {
        while let Some(first) = self.pieces.first() {
            let hole = first.saturating_sub(self.next);
            if hole > ear.unwanted(way) {
                return;
            }
            self.miss(way, hole, ear);
            let Some((at, piece)) = self.pieces.pop_first() else { return };
            let known = usize::try_from(self.next.saturating_sub(at)).unwrap_or(usize::MAX);
            self.deliver(way, piece.get(known..).unwrap_or_default(), ear);
        }
        self.hole = None;
    }
}

/// The time between two moments.
pub fn apart(before: Time, after: Time) -> Span {
    Span(after.0.saturating_sub(before.0))
}

/// Bytes kept behind holes of one direction: half a second of a large camera's stream.
pub const HELD_MAX: usize = 256 << 10;

/// Stretches kept: so many of full size hold more than [`HELD_MAX`].
const PIECES_MAX: usize = 1_024;

/// Segments, and time, by which neighbours may be swapped on their way to us.
const SWAPPED_MAX: u32 = 4;
const SWAPPED_FOR: Span = Span::millis(20);

/// Longer than the first retransmissions take (RFC 6298: 1 s and doubling, in practice 0.2 s).
const HOLE_FOR: Span = Span::seconds(3);

/// Two retransmissions of different bytes this close are one burst.
const AGAIN_APART: Span = Span::millis(100);

/// The largest window (RFC 7323: 1 GiB) is never used; 64 MiB is far beyond what cameras can have in flight.
const NEAR: u64 = 64 << 20;
