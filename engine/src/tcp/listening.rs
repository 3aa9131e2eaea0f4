//! Who reads a connection: [`Reading`], and the [`Listening`] that feeds him.
//!
//! ```text
//! Searching ──probe says yes──► Session ──Done──► Deaf, or Searching where the start was missed
//!     └──too much, too many, nobody──► Deaf
//! ```
//!
//! While searching, each direction keeps its first bytes ([`HEAD_MAX`]). Where the
//! beginning was not seen, a message can begin with any segment: each is probed
//! by itself, ever more seldom after [`SEGMENTS_MIDSTREAM`].

use std::fmt;

use spanwatch_parsers::{Parser, Progress, Session, Start, Way};

use super::half::Ear;
use crate::ahead::fetch;
use crate::dispatch::Channel;
use crate::flow::Head;
use crate::hearing::Hearing;

/// Who reads a connection.
#[derive(Debug)]
pub enum Reading {
    /// Nobody yet.
    Searching(Box<Search>),
    /// A session.
    Session(Box<Listener>),
    /// Nobody, for good.
    Deaf,
}

/// The first bytes of a connection whose protocol is not known.
#[derive(Debug, Default)]
pub struct Search {
    heads: [Vec<u8>; 2],
    segments: [u32; 2],
    refused: [bool; 2],
    first: Option<Way>,
    is_midstream: bool,
}

/// A session, and for each direction what it has not consumed.
pub struct Listener {
    parser: u16,
    session: Box<dyn Session>,
    inboxes: [Inbox; 2],
    is_midstream: bool,
}

#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    unwanted: u64,
    /// Bytes before those that come next were not given to the session.
    is_torn: bool,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({}, {:?})", self.parser, self.inboxes)
    }
}

impl Reading {
    /// A reading that begins with the connection, or in its middle.
    #[must_use]
    pub fn new(is_midstream: bool) -> Self {
        Self::Searching(Box::new(Search { is_midstream, ..Search::default() }))
    }

    /// Fetches who reads.
    pub fn foresee(&self) {
        match self {
            Self::Searching(search) => fetch(&search.segments),
            Self::Session(listener) => {
                fetch(&listener.parser);
                fetch(&listener.session);
            }
            Self::Deaf => {}
        }
    }

    /// The memory in use.
    #[must_use]
    pub fn held(&self) -> usize {
        match self {
            Self::Searching(search) => search.heads.iter().map(Vec::capacity).sum(),
            Self::Session(listener) => {
                let inboxes = listener.inboxes.iter().map(|inbox| inbox.bytes.capacity());
                inboxes.fold(listener.session.held(), usize::saturating_add)
            }
            Self::Deaf => 0,
        }
    }
}

impl Inbox {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
    }

    fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
        if self.start >= self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
            if self.bytes.capacity() > INBOX_KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start.min(self.bytes.len()));
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// Feeds the bytes of a connection, in order, to who reads it.
#[derive(Debug)]
pub struct Listening<'a, 'h, 'o> {
    /// Who reads.
    pub reading: &'a mut Reading,
    /// The flow.
    pub head: &'a mut Head,
    /// The way to the parsers and up.
    pub hearing: &'a mut Hearing<'h, 'o>,
}

impl Ear for Listening<'_, '_, '_> {
    fn bytes(&mut self, way: Way, bytes: &[u8]) {
        match &mut *self.reading {
            Reading::Deaf => {}
            Reading::Searching(_) => self.search(way, bytes),
            Reading::Session(_) => self.feed(way, bytes),
        }
    }

    fn gap(&mut self, way: Way, missing: Option<u64>) {
        match &mut *self.reading {
            Reading::Deaf => {}
            Reading::Searching(search) => {
                search.is_midstream = true;
                pick(&mut search.heads, way).clear();
            }
            Reading::Session(listener) => {
                let inbox = pick(&mut listener.inboxes, way);
                inbox.clear();
                inbox.unwanted = 0;
                inbox.is_torn = false;
                let session = &mut listener.session;
                let heard = self.hearing.call(listener.parser, |sink| session.gap(way, missing, sink));
                self.heard(Way::Orig, heard.is_some());
            }
        }
    }

    fn unwanted(&self, way: Way) -> u64 {
        match &*self.reading {
            Reading::Deaf => u64::MAX,
            Reading::Searching(_) => 0,
            Reading::Session(listener) => match way {
                Way::Orig => listener.inboxes.first(),
                Way::Resp => listener.inboxes.last(),
            }
            .map_or(0, |inbox| inbox.unwanted),
        }
    }

    fn pass(&mut self, way: Way, count: u64) {
        if let Reading::Session(listener) = &mut *self.reading {
            let inbox = pick(&mut listener.inboxes, way);
            inbox.unwanted = inbox.unwanted.saturating_sub(count);
        }
    }
}

impl Listening<'_, '_, '_> {
    /// Tells the session that the flow is over.
    pub fn end(&mut self) {
        if let Reading::Session(listener) = &mut *self.reading {
            let session = &mut listener.session;
            let heard = self.hearing.call(listener.parser, |sink| session.end(sink));
            self.heard(Way::Orig, heard.is_some());
        }
        *self.reading = Reading::Deaf;
    }

    /// Forgets what was kept for later, for want of room.
    pub fn let_go(&mut self) {
        let held = self.reading.held() as u64;
        self.hearing.faults.unheld = self.hearing.faults.unheld.saturating_add(held);
        for way in [Way::Orig, Way::Resp] {
            match &mut *self.reading {
                Reading::Session(listener) => {
                    let is_kept = listener.session.held() > 0;
                    if is_kept || !pick(&mut listener.inboxes, way).rest().is_empty() {
                        self.gap(way, None);
                    }
                }
                Reading::Searching(_) => *self.reading = Reading::Deaf,
                Reading::Deaf => {}
            }
        }
    }

    fn search(&mut self, way: Way, bytes: &[u8]) {
        let Reading::Searching(search) = &mut *self.reading else { return };
        search.first.get_or_insert(way);
        let segments = pick(&mut search.segments, way);
        *segments = segments.saturating_add(1);
        let tried = *segments;
        if search.is_midstream && tried > SEGMENTS_MIDSTREAM && !tried.is_power_of_two() {
            return;
        }
        pick(&mut search.heads, way).extend_from_slice(bytes);
        let envelope = self.head.envelope(way, false);
        let dispatch = self.hearing.dispatch;
        let message = std::mem::take(pick(&mut search.heads, way));
        let channel = Channel::Tcp(envelope.source_port, envelope.destination_port);
        let candidates = dispatch.candidates(channel, message.first().copied());
        let may_read = |parser: &Parser| matches!(parser.start, Start::Session(_));
        let (sure, unsure) = self.hearing.ask(candidates, &envelope, &message, may_read);
        *pick(&mut search.heads, way) = message;
        match sure {
            Some(number) => self.choose(number, way),
            None => self.keep_searching(way, unsure.is_some()),
        }
    }

    fn keep_searching(&mut self, way: Way, is_open: bool) {
        let Reading::Searching(search) = &mut *self.reading else { return };
        let head = pick(&mut search.heads, way);
        let is_overfull = head.len() > HEAD_MAX;
        if search.is_midstream {
            if !is_open || is_overfull {
                head.clear();
            }
            return;
        }
        *pick(&mut search.refused, way) |= !is_open;
        let segments = search.segments.iter().fold(0_u32, |sum, count| sum.saturating_add(*count));
        if is_overfull || segments >= SEGMENTS_MAX || search.refused == [true; 2] {
            *self.reading = Reading::Deaf;
        }
    }

    /// Starts a session and gives it what was kept, the side that spoke first before the other.
    fn choose(&mut self, number: u16, way: Way) {
        let Some(running) = self.hearing.start(self.head, number, false) else {
            *self.reading = Reading::Deaf;
            return;
        };
        let Reading::Searching(search) = std::mem::replace(&mut *self.reading, Reading::Deaf) else { return };
        let Search { heads, first, is_midstream, .. } = *search;
        let mut inboxes = [Inbox::default(), Inbox::default()];
        if is_midstream {
            pick(&mut inboxes, way.other()).is_torn = true;
        }
        self.head.protocol = self.hearing.dispatch.parser(number).map(|parser| &parser.name);
        let listener = Listener { parser: number, session: running.session, inboxes, is_midstream };
        *self.reading = Reading::Session(Box::new(listener));
        let [orig, resp] = heads;
        let first = if is_midstream { way } else { first.unwrap_or(way) };
        let heads = match first {
            Way::Orig => [(Way::Orig, orig), (Way::Resp, resp)],
            Way::Resp => [(Way::Resp, resp), (Way::Orig, orig)],
        };
        for (way, head) in heads {
            if !head.is_empty() {
                self.bytes(way, &head);
            }
        }
    }

    fn feed(&mut self, way: Way, bytes: &[u8]) {
        let Reading::Session(listener) = &mut *self.reading else { return };
        let inbox = pick(&mut listener.inboxes, way);
        if inbox.is_torn {
            inbox.is_torn = false;
            let session = &mut listener.session;
            let heard = self.hearing.call(listener.parser, |sink| session.gap(way, None, sink));
            self.heard(Way::Orig, heard.is_some());
        }
        let Reading::Session(listener) = &mut *self.reading else { return };
        let inbox = pick(&mut listener.inboxes, way);
        let skip = usize::try_from(inbox.unwanted).unwrap_or(usize::MAX).min(bytes.len());
        inbox.unwanted = inbox.unwanted.saturating_sub(skip as u64);
        let bytes = bytes.get(skip..).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        if inbox.rest().is_empty() {
            if let Some(rest) = self.read(way, bytes)
                && let Reading::Session(listener) = &mut *self.reading
            {
                pick(&mut listener.inboxes, way).append(rest);
            }
            return;
        }
        inbox.append(bytes);
        let kept = std::mem::take(inbox);
        let rest = self.read(way, kept.rest()).map(<[u8]>::len);
        if let (Some(rest), Reading::Session(listener)) = (rest, &mut *self.reading) {
            let inbox = pick(&mut listener.inboxes, way);
            let unwanted = inbox.unwanted;
            *inbox = kept;
            inbox.unwanted = unwanted;
            let consumed = inbox.rest().len().saturating_sub(rest);
            inbox.consume(consumed);
            if rest > INBOX_MAX {
                self.hearing.faults.overfull = self.hearing.faults.overfull.saturating_add(rest as u64);
                self.gap(way, Some(rest as u64));
            }
        }
    }

    /// Lets the session read; gives back what it wants to see again with more, `None` once it is over.
    fn read<'b>(&mut self, way: Way, mut bytes: &'b [u8]) -> Option<&'b [u8]> {
        while !bytes.is_empty() {
            let Reading::Session(listener) = &mut *self.reading else { return None };
            let session = &mut listener.session;
            let progress = self.hearing.call(listener.parser, |sink| session.data(way, bytes, sink));
            self.heard(way, progress.is_some_and(|progress| progress != Progress::Done));
            let Reading::Session(listener) = &mut *self.reading else { return None };
            match progress {
                Some(Progress::Consumed(count)) if count > 0 => {
                    let beyond = count.saturating_sub(bytes.len());
                    pick(&mut listener.inboxes, way).unwanted = beyond as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                _ => return Some(bytes),
            }
        }
        Some(bytes)
    }

    /// Passes on what the session said; where it goes on no more, others may be looked for.
    fn heard(&mut self, way: Way, goes_on: bool) {
        let Reading::Session(listener) = &mut *self.reading else { return };
        if let Some(parser) = self.hearing.dispatch.parser(listener.parser) {
            self.hearing.deliver(self.head, way, parser);
        }
        if !goes_on {
            let is_midstream = listener.is_midstream;
            *self.reading = if is_midstream { Reading::new(true) } else { Reading::Deaf };
        }
    }
}

const fn pick<T>(both: &mut [T; 2], way: Way) -> &mut T {
    let [orig, resp] = both;
    match way {
        Way::Orig => orig,
        Way::Resp => resp,
    }
}

/// Bytes of a direction in which a protocol shows itself or never will.
const HEAD_MAX: usize = 4 << 10;

/// Segments after which the search is given up, where the beginning was seen.
const SEGMENTS_MAX: u32 = 16;

/// Segments of a direction that are all probed, where the beginning was missed.
const SEGMENTS_MIDSTREAM: u32 = 64;

/// Bytes that a session may ask to see again: more than any message that is read whole.
pub const INBOX_MAX: usize = 256 << 10;

/// A larger buffer is given back once it is empty.
const INBOX_KEPT: usize = 16 << 10;
