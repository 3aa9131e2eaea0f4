//! TCP: [`Connection`] follows both directions and tells what happens to them.
//!
//! ```text
//! Open ──FIN of both, FIN of the only one heard, RST──► Closed
//! ```
//!
//! A connection may begin with its SYN, or anywhere in the middle; either side
//! may never be heard. Bytes go to an [`Ear`] in order, each once, the first copy
//! of each. Checksums are not checked (RFC 9293, 3.1), as hosts leave them to the
//! network card; urgent data and options are stepped over.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod half;
mod listening;
mod passed;

#[cfg(test)]
mod tests;

use spanwatch_parsers::{Segments, Time, Way};

pub use half::{Ear, HELD_MAX, Half, Stretch};
pub use listening::{INBOX_MAX, Listening, Reading};

use crate::ahead::fetch;

/// A connection.
#[derive(Debug, Default)]
pub struct Connection {
    orig: Half,
    resp: Half,
    opening: Option<Opening>,
    is_answered: bool,
    /// When it ended.
    pub closed: Option<Time>,
}

#[derive(Debug, Clone, Copy)]
struct Opening {
    way: Way,
    sequence: u32,
    attempt: u16,
}

/// A connection and who reads it.
#[derive(Debug)]
pub struct Tcp {
    /// What puts it in order.
    pub connection: Connection,
    /// Who reads it.
    pub reading: Reading,
    /// Whether it stands in the list of those that wait for missing bytes.
    pub is_waiting: bool,
    /// The memory that it was last found to use for bytes.
    pub held: u32,
}

impl Tcp {
    /// One whose first segment this is.
    #[must_use]
    pub fn beginning_with(segment: &Segment<'_>) -> Box<Self> {
        let is_midstream = !segment.opens() && !segment.answers_opening();
        Box::new(Self {
            connection: Connection::default(),
            reading: Reading::new(is_midstream),
            is_waiting: false,
            held: 0,
        })
    }

    /// Fetches what is looked at of it with each segment.
    pub fn foresee(&self) {
        self.connection.orig.foresee();
        self.connection.resp.foresee();
        fetch(&self.reading);
    }

    /// Says that it is among connections that use `all` bytes: looks again what it uses of them, and sums up anew.
    pub fn weigh(&mut self, all: &mut usize) {
        let held = self.connection.held().saturating_add(self.reading.held());
        let before = std::mem::replace(&mut self.held, u32::try_from(held).unwrap_or(u32::MAX));
        *all = all.saturating_sub(before as usize).saturating_add(self.held as usize);
    }
}

/// One segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Who sent it.
    pub way: Way,
    /// When.
    pub at: Time,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number, with ACK.
    pub acknowledges: Option<u32>,
    /// The flag byte.
    pub flags: u8,
    /// The sender's time stamp clock (TSval, RFC 7323, 3).
    pub stamp: Option<u32>,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How many bytes of it the capture cut off.
    pub cut: u64,
}

/// What a segment means besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Its sender opens the connection, for the nth time.
    pub opening: Option<u16>,
    /// Its sender refuses it.
    pub refused: bool,
    /// Its sender sends again what was not acknowledged, for the nth time.
    pub retried: Option<u16>,
    /// It ends the connection.
    pub closed: bool,
}

impl<'a> Segment<'a> {
    /// Reads the header; `None` where it is no TCP segment. `whole` is its length on the wire.
    #[must_use]
    pub fn parse(bytes: &'a [u8], whole: usize, way: Way, at: Time) -> Option<Self> {
        let [_, _, _, _, s, s2, s3, s4, a, a2, a3, a4, length, flags, ..] = *bytes.first_chunk::<20>()?;
        let header = usize::from(length >> 4).checked_mul(4).filter(|header| *header >= 20)?;
        let payload = bytes.get(header..).unwrap_or_default();
        let captured = header.saturating_add(payload.len()).max(bytes.len());
        Some(Self {
            way,
            at,
            sequence: u32::from_be_bytes([s, s2, s3, s4]),
            acknowledges: (flags & ACK != 0).then_some(u32::from_be_bytes([a, a2, a3, a4])),
            flags,
            stamp: stamp(bytes.get(20..header).unwrap_or_default()),
            payload,
            cut: whole.saturating_sub(captured) as u64,
        })
    }

    /// Whether it opens a connection: SYN without ACK.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }

    /// Whether it answers an opening: SYN with ACK.
    #[must_use]
    pub const fn answers_opening(&self) -> bool {
        self.flags & (SYN | ACK) == SYN | ACK
    }

    /// Whether it carries bytes.
    #[must_use]
    pub const fn has_payload(&self) -> bool {
        !self.payload.is_empty() || self.cut > 0
    }
}

/// The sender's time stamp among the options of a segment (RFC 7323, 3.2), `None` where there is none.
fn stamp(mut options: &[u8]) -> Option<u32> {
    loop {
        match *options {
            [TIME_STAMP, TIME_STAMP_LENGTH, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d])),
            [NO_OPERATION, ref rest @ ..] => options = rest,
            [END, ..] => return None,
            [_, length, ..] if length >= 2 => options = options.get(usize::from(length)..)?,
            _ => return None,
        }
    }
}

impl Connection {
    /// Whether the segment opens another connection between the same ports.
    #[must_use]
    pub fn is_succeeded_by(&self, segment: &Segment<'_>) -> bool {
        if !segment.opens() {
            return false;
        }
        let is_repeated = self
            .opening
            .is_some_and(|opening| (opening.way, opening.sequence) == (segment.way, segment.sequence));
        let is_heard = self.orig.is_heard || self.resp.is_heard;
        is_heard && (!is_repeated || self.closed.is_some())
    }

    /// Whether nothing but openings was seen.
    #[must_use]
    pub const fn is_embryonic(&self) -> bool {
        self.opening.is_some() && !self.is_answered
    }

    /// Whether both sides were heard.
    #[must_use]
    pub const fn is_two_way(&self) -> bool {
        self.orig.is_heard && self.resp.is_heard
    }

    /// What one side sent since it was last asked, where the other was heard.
    pub fn sum(&mut self, way: Way, at: Time) -> Option<Segments> {
        let sum = self.half(way).passed.sum(at);
        self.is_two_way().then_some(sum)
    }

    /// The memory in use.
    #[must_use]
    pub fn held(&self) -> usize {
        self.orig.held().saturating_add(self.resp.held())
    }

    /// Whether some bytes wait for others.
    #[must_use]
    pub fn has_holes(&self) -> bool {
        self.orig.hole_ends().is_some() || self.resp.hole_ends().is_some()
    }

    /// Takes a segment.
    pub fn take(&mut self, segment: &Segment<'_>, ear: &mut impl Ear) -> Outcome {
        let mut outcome = Outcome::default();
        if segment.flags & RST != 0 {
            self.reset(segment, &mut outcome);
            return outcome;
        }
        if segment.flags & SYN != 0 {
            self.synchronize(segment, &mut outcome);
        } else {
            self.is_answered |=
                self.opening.is_none_or(|opening| opening.way != segment.way) || segment.has_payload();
        }
        if self.closed.is_some() {
            return outcome;
        }
        let way = segment.way;
        let sequence = segment.sequence.wrapping_add(u32::from(segment.flags & SYN != 0));
        let half = self.half(way);
        half.is_heard = true;
        half.base_at(sequence);
        if !half.is_near(sequence) {
            half.leap(way, sequence, ear);
        }
        if let Some(acknowledged) = segment.acknowledges {
            let other = self.half(way.other());
            other.acknowledge(acknowledged, segment.at);
            self.give_up(way.other(), segment.at, segment.has_payload(), ear);
        }
        let half = self.half(way);
        let offset = half.offset(sequence);
        let stretch = Stretch { offset, bytes: segment.payload, cut: segment.cut, at: segment.at };
        outcome.retried = half.sent_again(&stretch);
        half.take(way, &stretch, ear);
        if segment.flags & FIN != 0 {
            let length = (segment.payload.len() as u64).saturating_add(segment.cut);
            half.fin = half.fin.or(u64::try_from(offset).ok().map(|offset| offset.saturating_add(length)));
        }
        self.give_up(way, segment.at, false, ear);
        outcome.closed = self.is_over();
        if outcome.closed {
            self.closed = Some(segment.at);
        }
        outcome
    }

    /// Gives up what has waited too long at `at`.
    pub fn tick(&mut self, at: Time, ear: &mut impl Ear) {
        self.give_up(Way::Orig, at, false, ear);
        self.give_up(Way::Resp, at, false, ear);
    }

    /// Gives up all that waits.
    pub fn give_all_up(&mut self, ear: &mut impl Ear) {
        for way in [Way::Orig, Way::Resp] {
            while self.half(way).hole_ends().is_some() {
                self.half(way).give_up(way, ear);
            }
        }
    }

    fn half(&mut self, way: Way) -> &mut Half {
        match way {
            Way::Orig => &mut self.orig,
            Way::Resp => &mut self.resp,
        }
    }

    fn give_up(&mut self, way: Way, at: Time, is_answered: bool, ear: &mut impl Ear) {
        let half = self.half(way);
        while half.hole_ends().is_some() && half.gives_up(at, is_answered) {
            half.give_up(way, ear);
        }
    }

    fn synchronize(&mut self, segment: &Segment<'_>, outcome: &mut Outcome) {
        if segment.opens() {
            let attempt = match self.opening {
                Some(opening) if opening.sequence == segment.sequence => opening.attempt.saturating_add(1),
                _ => 1,
            };
            self.opening = Some(Opening { way: segment.way, sequence: segment.sequence, attempt });
            outcome.opening = Some(attempt);
        } else {
            self.is_answered = true;
        }
    }

    /// A reset ends the connection if it could be meant for it; one that answers a SYN refuses it.
    fn reset(&mut self, segment: &Segment<'_>, outcome: &mut Outcome) {
        if self.closed.is_some() {
            return;
        }
        outcome.refused = match self.opening {
            Some(opening) if !self.is_answered && opening.way != segment.way => {
                segment.acknowledges.is_none_or(|number| number == opening.sequence.wrapping_add(1))
            }
            _ => false,
        };
        let half = self.half(segment.way);
        let is_meant = outcome.refused || !half.is_based() || half.is_near(segment.sequence);
        if is_meant {
            self.closed = Some(segment.at);
            outcome.closed = true;
        }
    }

    fn is_over(&self) -> bool {
        let over = |half: &Half, other: &Half| half.is_finished() && (other.is_finished() || !other.is_heard);
        over(&self.orig, &self.resp) || over(&self.resp, &self.orig)
    }
}

/// Kinds of options (RFC 9293, 3.2; RFC 7323, 3.2).
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const TIME_STAMP: u8 = 8;
const TIME_STAMP_LENGTH: u8 = 10;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
