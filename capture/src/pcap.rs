//! The classic capture file, pcap.
//!
//! ```text
//! file    0      4        6        8         16        20         24
//!         | magic| major  | minor  | (unused)| snaplen | link type| record*
//! record  0         4          8          12         16
//!         | seconds | fraction | captured | original | frame
//! ```
//!
//! The magic tells the byte order of everything and what a fraction is:
//! `a1b2c3d4` microseconds, `a1b23c4d` nanoseconds, `a1b2cd34` microseconds with
//! eight more bytes in each record header (interface, protocol, packet type), as
//! some old Linux kernels' tools wrote. The upper bits of the link type tell
//! of a frame check sequence; they are left out of the link type, the check
//! sequence stays in the frame. Before version 2.3 the two lengths stood the
//! other way round.
//!
//! Source: draft-ietf-opsawg-pcap; tcpdump.org, "pcap-savefile". A length that
//! no frame can have is damage; see [`Pcap::next`] for how reading goes on.

use std::io::Read;

use spanwatch_parsers::{LinkType, Time};

use crate::FRAME_MAX;
use crate::block::Window;
use crate::bytes::Order;
use crate::format::{Frame, RESYNC_MAX, cut};
use crate::harm::Harm;
use crate::link_type;

/// A pcap file behind its magic.
#[derive(Debug)]
pub(crate) struct Pcap {
    order: Order,
    is_nano: bool,
    /// Bytes of a record header.
    header: usize,
    lengths: Lengths,
    snaplen: u32,
    link: LinkType,
    /// Seconds of the record before.
    second: Option<u32>,
    /// Whether the record before was zeros.
    is_in_blank: bool,
    /// Oddities that this file has shown to be its habit.
    habits: u8,
}

/// Which of the two lengths comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Version 2.3 was written both ways.
    SmallerIsCaptured,
}

/// A record header.
#[derive(Debug, Clone, Copy)]
struct Record {
    second: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Pcap {
    /// Reads the file header; `None` where these are no first bytes of a pcap file.
    pub(crate) fn start<R: Read>(window: &mut Window<R>, harm: &mut Harm) -> Option<Self> {
        let magic = *window.peek(4)?.first_chunk::<4>()?;
        let (order, is_nano, header) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false, RECORD),
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false, RECORD),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true, RECORD),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true, RECORD),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, false, RECORD_MODIFIED),
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, false, RECORD_MODIFIED),
            _ => return None,
        };
        let mut pcap = Self {
            order,
            is_nano,
            header,
            lengths: Lengths::CapturedFirst,
            snaplen: 0,
            link: LinkType::default(),
            second: None,
            is_in_blank: false,
            habits: 0,
        };
        if pcap.file_header(window).is_none() {
            let there = window.in_view();
            harm.note(0, format!("the file ends inside its header: {there} of {FILE} bytes are there"));
            harm.skip(there as u64);
            window.pass(there);
        }
        Some(pcap)
    }

    fn file_header<R: Read>(&mut self, window: &mut Window<R>) -> Option<()> {
        let header = window.peek(FILE)?;
        let version = (self.order.u16(header, 4)?, self.order.u16(header, 6)?);
        self.snaplen = self.order.u32(header, 16)?;
        self.link = link_type::normal(self.order.u32(header, 20)? & LINK_MASK);
        self.lengths = match version {
            (2, 3) => Lengths::SmallerIsCaptured,
            (2, 0..3) => Lengths::OriginalFirst,
            _ => Lengths::CapturedFirst,
        };
        window.pass(FILE);
        Some(())
    }

    /// Whether fractions are nanoseconds.
    pub(crate) const fn is_nano(&self) -> bool {
        self.is_nano
    }

    /// The one link type of the file.
    pub(crate) const fn link(&self) -> LinkType {
        self.link
    }

    /// Reads the next frame; its bytes lie in the window's block until the next call.
    ///
    /// A header that cannot be is damage. So is one that looks odd (lengths that
    /// contradict each other, a fraction above a second) where no header follows
    /// it and sound ones begin elsewhere, unless the oddity is the file's habit.
    /// Behind damage the next place is taken from which three records in a row, or
    /// all up to the end of the file, are beyond doubt.
    pub(crate) fn next<R: Read>(&mut self, window: &mut Window<R>, harm: &mut Harm) -> Option<Frame> {
        loop {
            match self.record(window) {
                Ok((record, length)) => {
                    let start = window.place().saturating_add(self.header);
                    let is_blank = self.is_blank(record);
                    if is_blank && !self.is_in_blank {
                        harm.note(window.offset(), "zeros stand where a record header should");
                    }
                    self.is_in_blank = is_blank;
                    if is_blank {
                        harm.skip(self.header as u64);
                    } else {
                        self.second = Some(record.second);
                    }
                    window.pass(self.header.saturating_add(length));
                    return Some(Frame {
                        at: Some(self.time(record)).filter(|_| !is_blank),
                        link: self.link,
                        interface: 0,
                        numbered_before: 0,
                        wire_length: record.original,
                        start,
                        length,
                    });
                }
                Err(Fault::End) => return None,
                Err(Fault::Cut(text)) => {
                    harm.note(window.offset(), text);
                    harm.skip(window.in_view() as u64);
                    window.pass(window.in_view());
                    return None;
                }
                Err(Fault::Damage(text)) => {
                    let offset = window.offset();
                    harm.note(offset, text);
                    let is_found = self.resync(window);
                    harm.skip(window.offset().saturating_sub(offset));
                    if !is_found {
                        return None;
                    }
                }
            }
        }
    }

    /// Judges the record at the window and brings it in view.
    fn record<R: Read>(&mut self, window: &mut Window<R>) -> Result<(Record, usize), Fault> {
        let Some(record) = self.peek_record(window, 0) else {
            return Err(match window.in_view() {
                0 if window.failure().is_none() => Fault::End,
                _ => Fault::Cut(cut(window, self.header, "a record header")),
            });
        };
        if record.captured > FRAME_MAX {
            let captured = record.captured;
            return Err(Fault::Damage(format!(
                "a record header says {captured} bytes, and no frame has more than {FRAME_MAX}"
            )));
        }
        let length = record.captured as usize;
        let whole = self.header.saturating_add(length);
        let oddities = self.oddities(record);
        if window.peek(whole).is_none() {
            let text = cut(window, whole, "a record");
            return Err(if oddities & !self.habits == 0 { Fault::Cut(text) } else { Fault::Damage(text) });
        }
        if oddities & !self.habits != 0 {
            if !self.continues(window, whole, record) && self.is_other_place_better(window) {
                let Record { captured, original, fraction, .. } = record;
                return Err(Fault::Damage(format!(
                    "a record header cannot be true: {captured} bytes captured of {original}, fraction \
                     {fraction}, and no record header behind it"
                )));
            }
            self.habits |= oddities;
        }
        window.peek(whole).ok_or(Fault::End)?;
        Ok((record, length))
    }

    fn peek_record<R: Read>(&self, window: &mut Window<R>, ahead: usize) -> Option<Record> {
        let bytes = window.peek(ahead.checked_add(self.header)?)?.get(ahead..)?;
        let first = self.order.u32(bytes, 8)?;
        let second = self.order.u32(bytes, 12)?;
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        Some(Record {
            second: self.order.u32(bytes, 0)?,
            fraction: self.order.u32(bytes, 4)?,
            captured,
            original,
        })
    }

    fn time(&self, record: Record) -> Time {
        let unit = if self.is_nano { 1 } else { 1_000 };
        let nanos = i64::from(record.fraction).saturating_mul(unit);
        Time(i64::from(record.second).saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    const fn second_length(&self) -> u32 {
        if self.is_nano { 1_000_000_000 } else { 1_000_000 }
    }

    /// A stretch that was never written reads as records of no bytes in 1970. They are
    /// given as empty frames without a time, so that frames are numbered as elsewhere.
    fn is_blank(&self, record: Record) -> bool {
        let Record { second, fraction, captured, original } = record;
        (second, fraction, captured, original) == (0, 0, 0, 0) && self.second != Some(0)
    }

    fn oddities(&self, record: Record) -> u8 {
        let Record { captured, original, .. } = record;
        let mut odd = 0;
        if record.fraction >= self.second_length() {
            odd |= ODD_FRACTION;
        }
        if captured > original {
            odd |= ODD_LONGER;
        }
        if captured < original && captured != self.snaplen {
            odd |= ODD_SHORTER;
        }
        if captured > self.snaplen && self.snaplen != 0 {
            odd |= ODD_SNAPLEN;
        }
        odd
    }

    /// Searches on from a damaged record; leaves the window on a good one, or says no.
    fn resync<R: Read>(&self, window: &mut Window<R>) -> bool {
        for _ in 0..RESYNC_MAX {
            window.pass(1);
            let Some(record) = self.peek_record(window, 0) else { break };
            if self.is_beyond_doubt(record, self.second) && self.chains(window, 0, self.second) {
                return true;
            }
        }
        window.pass(window.in_view());
        false
    }

    /// Whether what stands behind an odd record, `whole` bytes long, could be the next one.
    fn continues<R: Read>(&self, window: &mut Window<R>, whole: usize, record: Record) -> bool {
        let Some(next) = self.peek_record(window, whole) else { return true };
        let is_odder = self.oddities(next) & ODD_FRACTION & !self.oddities(record) != 0;
        let is_possible = next.captured <= FRAME_MAX && !is_odder && !self.is_blank(next);
        is_possible && is_near(next, record.second) || self.chains(window, whole, None)
    }

    /// Whether sound records begin where an odd record, if it is damaged, could really end.
    fn is_other_place_better<R: Read>(&self, window: &mut Window<R>) -> bool {
        (self.header..=self.header.saturating_add(FRAME_MAX as usize)).any(|ahead| {
            let record = self.peek_record(window, ahead);
            record.is_some_and(|record| self.is_beyond_doubt(record, self.second))
                && self.chains(window, ahead, self.second)
        })
    }

    /// Whether records in a row that are beyond doubt begin `ahead` bytes from here, the first one near `second`.
    fn chains<R: Read>(&self, window: &mut Window<R>, mut ahead: usize, mut second: Option<u32>) -> bool {
        // Without a time to be near to, one record up to the end of the file proves nothing.
        let least = if second.is_some() { 1 } else { 2 };
        for links in 0..CHAIN {
            let Some(record) = self.peek_record(window, ahead) else {
                return links >= least && ahead == window.in_view();
            };
            if !self.is_beyond_doubt(record, second) {
                return false;
            }
            second = Some(record.second);
            ahead = ahead.saturating_add(self.header).saturating_add(record.captured as usize);
        }
        true
    }

    fn is_beyond_doubt(&self, record: Record, before: Option<u32>) -> bool {
        let Record { second, fraction, captured, original } = record;
        before.is_none_or(|before| is_near(record, before))
            && second != 0
            && fraction < self.second_length()
            && (1..=FRAME_MAX).contains(&captured)
            && original <= FRAME_MAX
            && (captured == original
                || captured < original && (captured == self.snaplen || self.habits & ODD_SHORTER != 0))
    }
}

/// Whether a record's time can follow that of another.
fn is_near(record: Record, before: u32) -> bool {
    record.second.abs_diff(before) <= NEAR_S
}

/// Why there is no record.
enum Fault {
    /// No more records.
    End,
    /// The stream ends within a record whose header is sound.
    Cut(String),
    /// Where the next record begins is in doubt.
    Damage(String),
}

/// Bytes of the file header.
const FILE: usize = 24;
/// Bytes of a record header.
const RECORD: usize = 16;
/// Bytes of a record header of the modified kind.
const RECORD_MODIFIED: usize = 24;
/// The bits of the link type field that are the link type.
const LINK_MASK: u32 = 0x03ff_ffff;

/// Records in a row that prove a place to be a record's beginning.
const CHAIN: usize = 3;
/// How far the time of a record in doubt may be from the one in front of it, in seconds.
const NEAR_S: u32 = 86_400;

const ODD_FRACTION: u8 = 1;
const ODD_LONGER: u8 = 2;
const ODD_SHORTER: u8 = 4;
const ODD_SNAPLEN: u8 = 8;
