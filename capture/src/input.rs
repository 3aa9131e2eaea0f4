//! One open input: [`Input`] gives its frames in file order, each with its place in the merge.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use spanwatch_parsers::{LinkType, Span, Time};

use crate::block::{Block, Pool, Window};
use crate::format::{Format, Frame};
use crate::harm::{Damage, Harm};
use crate::link_type::link_type_name;
use crate::signature::looks_like;
use crate::stream::{Stream, Tap};

/// What one input was, in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputReport {
    /// Its name relative to the argument it was found by; `-` for standard input.
    pub name: String,
    /// SHA-256 of the file as given, in lower-case hexadecimal; `None` of a network port, and where none was to be taken.
    pub sha256: Option<String>,
    /// Bytes of the file as given; of a network port, bytes captured.
    pub bytes: u64,
    /// Frames in it, before any filter.
    pub packets: u64,
    /// Frames that did not pass the filter.
    pub filtered: u64,
    /// `pcap`, `pcap-ns`, `pcapng`, or `live` of a network port, `live tunnel` of one to which mirrors are addressed; with `+gzip` and `+zstd` for what packs it.
    pub format: String,
    /// The names of its link types, joined by commas.
    pub link_type: String,
    /// The least time stamp; `None` where no frame has one.
    pub first: Option<Time>,
    /// The greatest time stamp.
    pub last: Option<Time>,
    /// Frames lost by whoever captured it; `None` where it does not say.
    pub dropped: Option<u64>,
    /// Blocks of pcapng that hold neither frames nor anything about them, and were stepped over.
    pub other_blocks: u64,
    /// How it is damaged or cut.
    pub error: Option<Damage>,
    /// Of a network port.
    pub port: Option<PortReport>,
}

/// What is told of a network port alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortReport {
    /// Frames that a mirror port transmitted while we listened; 0 where it is silent. `None` of a port to which mirrors are
    /// addressed, which speaks as any does.
    pub sent: Option<u64>,
    /// Frames longer than its cable carries: joined by the port (GRO, LRO).
    pub joined: u64,
}

/// An input that is being read, one frame ahead.
#[derive(Debug)]
pub(crate) struct Input {
    window: Window<Stream>,
    format: Format,
    harm: Harm,
    damaged_at_packed: Option<u64>,
    next: Option<Next>,
    after_next: Option<Next>,
    /// The block that the next frame lies in, where the window has moved on.
    left: Option<Arc<Block>>,
    /// The running maximum of its time stamps.
    clock: Option<Time>,
    /// The last time stamp seen.
    stamp: Option<Time>,
    /// Frames read.
    read: u64,
    /// The number of the last frame.
    number: u64,
    filtered: u64,
    /// The least time stamp and the greatest.
    span: Option<(Time, Time)>,
}

/// A frame that is about to be delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    pub(crate) frame: Frame,
    pub(crate) at: Time,
    /// The input's clock at this frame, by which inputs are merged.
    pub(crate) key: Time,
    /// Its number in the input.
    pub(crate) number: u64,
    pub(crate) is_first: bool,
    /// The time stamp before damage, where there was damage in between.
    pub(crate) damaged_since: Option<Time>,
}

impl Input {
    /// Opens an input and reads its first frame.
    ///
    /// # Errors
    /// Where it is no capture: what it looks like, as the end of a sentence.
    pub(crate) fn open(tap: Tap, pool: &Arc<Pool>) -> Result<Self, String> {
        let stream = Stream::open(tap).map_err(|error| format!("cannot be unpacked: {error}"))?;
        let mut looks = looks_like(stream.head());
        if let Some(failure) = stream.failure() {
            looks = match stream.packing().last() {
                Some(packing) => format!("looks like a damaged {packing} file: {failure}"),
                None => format!("cannot be read: {failure}"),
            };
        } else if let Some(packing) = stream.packing().last() {
            looks = format!("is packed with {packing}, and what is inside {looks}");
        }
        let mut window = Window::new(stream, pool);
        let mut harm = Harm::default();
        let format = Format::start(&mut window, &mut harm).ok_or(looks)?;
        let mut input = Self {
            window,
            format,
            harm,
            damaged_at_packed: None,
            next: None,
            after_next: None,
            left: None,
            clock: None,
            stamp: None,
            read: 0,
            number: 0,
            filtered: 0,
            span: None,
        };
        input.next = input.advance();
        Ok(input)
    }

    /// The frame to be delivered next; `None` at the end.
    pub(crate) const fn next(&self) -> Option<&Next> {
        self.next.as_ref()
    }

    /// The block in which the next frame lies.
    pub(crate) fn block(&self) -> &Arc<Block> {
        self.left.as_ref().unwrap_or_else(|| self.window.block())
    }

    /// The input's clock: the greatest time stamp so far, leaps left out.
    pub(crate) fn clock(&self) -> Time {
        self.clock.unwrap_or_default()
    }

    /// Counts frames that did not pass the filter.
    pub(crate) const fn count_filtered(&mut self, frames: u64) {
        self.filtered = self.filtered.saturating_add(frames);
    }

    /// Takes no hash of it.
    pub(crate) fn unhash(&mut self) {
        self.window.source_mut().tap_mut().unhash();
    }

    /// Reports bytes read, those so far included.
    pub(crate) fn report_to(&mut self, progress: &Arc<AtomicU64>) {
        self.window.source_mut().tap_mut().report_to(progress);
    }

    /// Gives the next frame and those behind it, each with the block it lies in, until `take` says that it did not take one,
    /// which stays the next.
    #[inline]
    pub(crate) fn give(&mut self, mut take: impl FnMut(&Next, &Arc<Block>) -> bool) {
        let mut given = self.next.take();
        while let Some(next) = given {
            if !take(&next, self.block()) {
                self.next = Some(next);
                return;
            }
            self.left = None;
            let following = self.follow();
            given = if following.is_some() { following } else { self.advance() };
        }
    }

    /// Goes on to the next frame.
    ///
    /// The merge key is the input's clock, the running maximum of its stamps. A
    /// stamp that leaps by more than a day moves the clock unless the stamp behind
    /// it leaps back: one wrong stamp must not hold back all that follows.
    fn advance(&mut self) -> Option<Next> {
        let mut next = if self.after_next.is_some() { self.after_next.take() } else { self.read() }?;
        let clock = match self.clock {
            Some(clock) if is_near(clock, next.at) => clock.max(next.at),
            clock => {
                self.left = Some(Arc::clone(self.window.block()));
                self.after_next = self.read();
                let after = self.after_next.as_ref().map(|next| next.at);
                if let (None, None, Some(after)) = (clock, next.frame.at, after) {
                    next.at = after;
                }
                let at = next.at;
                let falls_below =
                    |limit: Time| after.filter(|after| *after < Time(limit.0.saturating_sub(LEAP.0)));
                match clock {
                    None => falls_below(at).unwrap_or(at),
                    Some(clock) if at > clock => falls_below(at).map_or(at, |_| clock),
                    Some(clock) => falls_below(clock).map_or(clock, |_| at),
                }
            }
        };
        self.clock = Some(clock);
        next.key = clock;
        Some(next)
    }

    /// Goes on to a frame as nearly all are, less than a day from the clock. `None` where the next is another.
    #[inline]
    fn follow(&mut self) -> Option<Next> {
        let clock = self.clock.filter(|_| self.after_next.is_none())?;
        let (frame, length) = self.format.plain(&self.window)?;
        let key = clock.max(frame.at.filter(|at| is_near(clock, *at))?);
        self.window.pass(length);
        self.clock = Some(key);
        Some(Next { key, ..self.count(frame, None) })
    }

    fn read(&mut self) -> Option<Next> {
        let places = self.harm.places();
        let frame = self.format.next(&mut self.window, &mut self.harm);
        let is_damaged = self.harm.places() > places;
        if is_damaged && places == 0 {
            self.damaged_at_packed = self.window.source().packed_offset();
        }
        let damaged_since = self.stamp.filter(|_| is_damaged);
        Some(self.count(frame?, damaged_since))
    }

    /// Counts a frame that was read, which may be the next.
    #[inline]
    fn count(&mut self, frame: Frame, damaged_since: Option<Time>) -> Next {
        if let Some(at) = frame.at {
            self.stamp = Some(at);
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
        self.read = self.read.saturating_add(1);
        self.number = self.number.saturating_add(frame.numbered_before).saturating_add(1);
        let at = self.stamp.unwrap_or_default();
        Next { frame, at, key: at, number: self.number, is_first: self.read == 1, damaged_since }
    }

    /// Reads the file as given to its end and reports on it.
    pub(crate) fn finish(self, name: String) -> InputReport {
        let mut format = self.format.name().to_owned();
        for packing in self.window.source().packing() {
            format.push('+');
            format.push_str(packing);
        }
        let links = self.format.links();
        let digest = self.window.into_source().finish();
        InputReport {
            name,
            sha256: digest.sha256,
            bytes: digest.bytes,
            packets: self.read,
            filtered: self.filtered,
            format,
            link_type: names(&links),
            first: self.span.map(|(first, _)| first),
            last: self.span.map(|(_, last)| last),
            dropped: self.format.dropped(),
            other_blocks: self.format.others(),
            error: self.harm.damage(self.damaged_at_packed),
            port: None,
        }
    }
}

fn is_near(one: Time, other: Time) -> bool {
    one.0.abs_diff(other.0) <= LEAP.0.unsigned_abs()
}

fn names(links: &[LinkType]) -> String {
    let mut names: Vec<_> = links.iter().take(LINKS_NAMED).map(|link| link_type_name(*link)).collect();
    if links.len() > LINKS_NAMED {
        names.push("…".into());
    }
    names.join(", ")
}

/// What in one input is a broken clock rather than time passing.
const LEAP: Span = Span::seconds(86_400);
/// Link types that a report names; a real capture has one or two.
const LINKS_NAMED: usize = 16;
