//! Every parser of the registry, held to the contract of the vocabulary.
//!
//! ```text
//! 0        1       2           3             5                  7
//! | parser | flags | hop limit | source port | destination port | mac 6? | addresses 2 × 4 or 2 × 16? | chunk*
//!
//! flags  1 cut by the capture, 2 a MAC follows, 4 IPv4 or 8 IPv6 addresses follow, 16 datagrams rather than a stream,
//!        all of the upper three: a long stream
//! chunk  | control | length u16 | bytes |
//! control  1 sent by the responder, 2 a gap before it, 4 of known length, upper four bits: so many doublings of it
//! ```
//!
//! all numbers big-endian. A parser without memory is given all that stands
//! behind the addresses as one message.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spanwatch_parsers::{
    ALL, About, Envelope, Fact, Mac, Media, On, Parser, Probe, Progress, Session, Sink, Start, Text, Way,
};

use crate::tape::{Tape, put_counted};

/// One input, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case<'a> {
    /// Its parser's place in the registry.
    pub parser: u8,
    /// Whether a parser of both kinds reads datagrams.
    pub is_datagrams: bool,
    /// How many bytes of a stream are used.
    pub stream_max: usize,
    /// What lower layers say.
    pub envelope: Envelope,
    /// The message, or the chunks of a flow.
    pub rest: &'a [u8],
}

/// A piece of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Who sent it.
    pub way: Way,
    /// Whether something before it is missing, and how much where that is known.
    pub gap: Option<Option<u64>>,
    /// How often it is doubled.
    pub doublings: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Holds one input to the laws, and tells how many facts and media packets it gave.
///
/// # Panics
/// Where a law is broken.
pub fn hold(input: &[u8]) -> usize {
    let case = Case::read(input);
    let Some(parser) = ALL.get(usize::from(case.parser) % ALL.len()) else { return 0 };
    hold_text(case.rest);
    match parser.start {
        Start::Datagram(read) => {
            let said = [case.envelope.is_cut, true].map(|is_cut| {
                let envelope = Envelope { is_cut, ..case.envelope };
                (parser.probe)(&envelope, case.rest);
                let mut sink = Sink::default();
                if let Err(fault) = read(&envelope, case.rest, &mut sink) {
                    assert!(!fault.field().is_empty(), "a fault names its field");
                }
                hold_sink(&sink);
                let said = sink.facts.len() + sink.media.len();
                hold_said(said, case.rest.len());
                said
            });
            said[0]
        }
        Start::Session(start) => {
            let chunks = Chunk::read_all(case.rest);
            let is_stream = is_stream(parser, &case);
            let envelope = Envelope { is_stream, ..case.envelope };
            let start = || start(&envelope);
            if is_stream {
                hold_probe(parser, &envelope, &chunks);
                hold_stream(&start, &joined(&chunks, case.stream_max))
            } else {
                hold_datagrams(parser, &envelope, &mut *start(), &chunks)
            }
        }
    }
}

fn is_stream(parser: &Parser, case: &Case<'_>) -> bool {
    let reads_tcp = parser.on.iter().any(|on| matches!(on, On::Tcp(_) | On::AnyTcp(_)));
    let reads_udp = parser.on.iter().any(|on| matches!(on, On::Udp(_) | On::AnyUdp));
    reads_tcp && !(reads_udp && case.is_datagrams)
}

/// What a session made of a flow.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    facts: Vec<(Way, About, Fact)>,
    media: Vec<(Way, Media)>,
    refused: u64,
}

impl Heard {
    fn len(&self) -> usize {
        self.facts.len() + self.media.len()
    }

    fn take(&mut self, way: Way, sink: &mut Sink) {
        hold_sink(sink);
        self.refused = self.refused.saturating_add(sink.refused);
        self.facts.extend(sink.facts.drain(..).map(|(about, fact)| (way, about, fact)));
        self.media.extend(sink.media.drain(..).map(|media| (way, media)));
        sink.clear();
    }
}

/// Does with a session what the engine does with a TCP connection.
struct Connection<'a> {
    session: &'a mut dyn Session,
    /// Bytes of each way that were not consumed.
    kept: [Vec<u8>; 2],
    /// How many bytes of each way were consumed before they came.
    ahead: [usize; 2],
    is_done: bool,
    /// Bytes that came so far.
    fed: usize,
    sink: Sink,
    heard: Heard,
}

impl<'a> Connection<'a> {
    fn new(session: &'a mut dyn Session) -> Self {
        let (sink, heard) = (Sink::default(), Heard::default());
        Self { session, kept: Default::default(), ahead: [0; 2], is_done: false, fed: 0, sink, heard }
    }

    fn gap(&mut self, way: Way, missing: Option<u64>) {
        if self.is_done {
            return;
        }
        self.kept[side(way)].clear();
        self.ahead[side(way)] = 0;
        self.session.gap(way, missing, &mut self.sink);
        self.heard.take(way, &mut self.sink);
    }

    fn data(&mut self, way: Way, bytes: &[u8]) {
        self.fed += bytes.len();
        let skipped = self.ahead[side(way)].min(bytes.len());
        self.ahead[side(way)] -= skipped;
        let mut kept = std::mem::take(&mut self.kept[side(way)]);
        kept.extend_from_slice(&bytes[skipped..]);
        let mut at = 0;
        while !self.is_done && at < kept.len() {
            let progress = self.session.data(way, &kept[at..], &mut self.sink);
            self.heard.take(way, &mut self.sink);
            match progress {
                Progress::Consumed(n) => {
                    assert!(n >= 1, "what is consumed is at least one byte");
                    self.ahead[side(way)] = n.saturating_sub(kept.len() - at);
                    at = at.saturating_add(n).min(kept.len());
                }
                Progress::NeedMore => {
                    assert!(kept.len() - at <= KEPT_MAX, "no message needs more than {KEPT_MAX} bytes");
                    break;
                }
                Progress::Done => self.is_done = true,
            }
        }
        kept.drain(..at);
        self.kept[side(way)] = kept;
        let held = self.session.held();
        assert!(held <= HELD_MIN + 2 * self.fed, "of {} bytes that came, {held} are held", self.fed);
    }

    fn end(mut self) -> Heard {
        self.session.end(&mut self.sink);
        self.heard.take(Way::Orig, &mut self.sink);
        hold_said(self.heard.len(), self.fed);
        self.heard
    }
}

/// What a stream says does not depend on how TCP cut it.
fn hold_stream(start: &dyn Fn() -> Box<dyn Session>, blocks: &[Block]) -> usize {
    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    let piece = if bytes <= BYTE_BY_BYTE_MAX { 1 } else { bytes.div_ceil(PIECES) };
    let [whole, pieces] = [usize::MAX, piece].map(|piece| {
        let mut session = start();
        let mut connection = Connection::new(&mut *session);
        for block in blocks {
            if let Some(missing) = block.gap {
                connection.gap(block.way, missing);
            }
            for piece in block.bytes.chunks(piece) {
                connection.data(block.way, piece);
            }
        }
        connection.end()
    });
    if whole.refused == 0 && pieces.refused == 0 {
        assert_eq!(
            whole, pieces,
            "what a stream says does not depend on its cuts (left: whole, right: pieces)"
        );
    }
    whole.len()
}

/// A sure answer is the same whatever follows. On a foreign port a few bytes are no ground for patience: there
/// a no may still become a yes.
fn hold_probe(parser: &Parser, envelope: &Envelope, chunks: &[Chunk<'_>]) {
    let Some(first) = chunks.first() else { return };
    let ports = [envelope.source_port, envelope.destination_port];
    let is_at_home = parser.on.iter().any(|on| matches!(on, On::Tcp(port) if ports.contains(port)));
    let mut sure = None;
    for end in (1..=first.bytes.len()).take(PROBED_MAX) {
        let answer = (parser.probe)(envelope, &first.bytes[..end]);
        match (sure, answer) {
            (Some((since, sure)), _) => {
                assert_eq!(sure, answer, "a probe that was sure at {since} bytes stays so at {end}");
            }
            (None, Probe::Yes) => sure = Some((end, answer)),
            (None, Probe::No) if is_at_home => sure = Some((end, answer)),
            (None, _) => {}
        }
    }
}

/// Each datagram is consumed as it comes.
fn hold_datagrams(
    parser: &Parser,
    envelope: &Envelope,
    session: &mut dyn Session,
    chunks: &[Chunk<'_>],
) -> usize {
    let mut fed = 0;
    let (mut sink, mut heard) = (Sink::default(), Heard::default());
    let mut left = DATAGRAMS_MAX;
    'flow: for chunk in chunks {
        if let Some(missing) = chunk.gap {
            session.gap(chunk.way, missing, &mut sink);
        }
        for _ in 0..1_usize << chunk.doublings.min(DATAGRAM_DOUBLINGS) {
            (parser.probe)(envelope, chunk.bytes);
            let progress = session.data(chunk.way, chunk.bytes, &mut sink);
            heard.take(chunk.way, &mut sink);
            fed += chunk.bytes.len();
            left -= 1;
            match progress {
                Progress::Consumed(n) => {
                    assert!(n >= chunk.bytes.len().max(1), "a datagram is consumed whole")
                }
                Progress::NeedMore => panic!("a datagram has no more bytes to give"),
                Progress::Done => break 'flow,
            }
            if left == 0 {
                break 'flow;
            }
        }
    }
    session.end(&mut sink);
    heard.take(Way::Orig, &mut sink);
    hold_said(heard.len(), fed);
    heard.len()
}

/// Work is bounded by what came: nobody makes much of little.
fn hold_said(said: usize, fed: usize) {
    assert!(said <= SAID_MIN + fed, "{said} facts of {fed} bytes");
}

/// The sink is bounded, and so is each fact; no text can do harm to who reads it.
fn hold_sink(sink: &Sink) {
    assert!(sink.facts.len() <= Sink::MAX && sink.media.len() <= Sink::MAX, "a sink is bounded");
    let mut shown = String::new();
    for (about, fact) in &sink.facts {
        shown.clear();
        write!(shown, "{about:?} {fact:?}").expect("writing to a string cannot fail");
        assert!(shown.len() <= FACT_MAX, "a fact is small: {} bytes", shown.len());
        assert!(!shows_control(&shown), "no control character in {shown}");
    }
}

/// Every text goes through one door.
fn hold_text(bytes: &[u8]) {
    let text = Text::new(bytes);
    assert!(text.as_str().len() <= Text::MAX, "a text is capped");
    assert!(!text.as_str().contains(is_harmful), "no control character in {text:?}");
}

/// Whether a string in Rust's notation has an escaped control character.
fn shows_control(shown: &str) -> bool {
    let mut rest = shown;
    while let Some((_, escaped)) = rest.split_once('\\') {
        let mut behind = escaped.chars();
        match behind.next() {
            Some('\\' | '"' | '\'') => {}
            Some('u') => {
                let digits = escaped.get(2..).and_then(|digits| digits.split('}').next()).unwrap_or_default();
                let character = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                if character.is_none_or(is_harmful) {
                    return true;
                }
            }
            _ => return true,
        }
        rest = behind.as_str();
    }
    false
}

/// Controls, and the marks that reorder text.
fn is_harmful(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const fn side(way: Way) -> usize {
    match way {
        Way::Orig => 0,
        Way::Resp => 1,
    }
}

/// What one side sends before the other speaks, or a gap.
struct Block {
    way: Way,
    gap: Option<Option<u64>>,
    bytes: Vec<u8>,
}

fn joined(chunks: &[Chunk<'_>], mut left: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for chunk in chunks {
        let times = (1 << chunk.doublings).min(left.div_ceil(chunk.bytes.len().max(1)));
        let bytes = chunk.bytes.repeat(times);
        let bytes = &bytes[..bytes.len().min(left)];
        left -= bytes.len();
        match blocks.last_mut() {
            Some(last) if last.way == chunk.way && chunk.gap.is_none() => last.bytes.extend_from_slice(bytes),
            _ => blocks.push(Block { way: chunk.way, gap: chunk.gap, bytes: bytes.to_vec() }),
        }
    }
    blocks
}

impl<'a> Case<'a> {
    /// Reads an input.
    #[must_use]
    pub fn read(input: &'a [u8]) -> Self {
        let mut tape = Tape::new(input);
        let (parser, flags, hop_limit) = (tape.byte(), tape.byte(), tape.byte());
        let (source_port, destination_port) = (tape.short(), tape.short());
        let source_mac = (flags & MAC != 0).then(|| Mac(tape.array()));
        let mut address = || match flags & (IPV4 | IPV6) {
            0 => None,
            IPV4 => Some(IpAddr::V4(Ipv4Addr::from(tape.array::<4>()))),
            _ => Some(IpAddr::V6(Ipv6Addr::from(tape.array::<16>()))),
        };
        let (source, destination) = (address(), address());
        let is_cut = flags & CUT != 0;
        let envelope = Envelope {
            source_port,
            destination_port,
            hop_limit,
            source_mac,
            source,
            destination,
            is_cut,
            ..Envelope::default()
        };
        let stream_max = if flags & LONG == LONG { STREAM_LONG } else { STREAM_SHORT };
        Self { parser, is_datagrams: flags & DATAGRAMS != 0, stream_max, envelope, rest: tape.rest() }
    }

    /// Writes it so that [`Case::read`] gives the same.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let Envelope {
            source_port,
            destination_port,
            hop_limit,
            source_mac,
            source,
            destination,
            is_cut,
            ..
        } = self.envelope;
        let addresses = source.zip(destination);
        let mut flags = if is_cut { CUT } else { 0 };
        flags |= if source_mac.is_some() { MAC } else { 0 };
        flags |= if self.is_datagrams { DATAGRAMS } else { 0 };
        flags |= if self.stream_max > STREAM_SHORT { LONG } else { 0 };
        flags |= match addresses {
            Some((IpAddr::V4(_), IpAddr::V4(_))) => IPV4,
            Some(_) => IPV6,
            None => 0,
        };
        let mut out = vec![self.parser, flags, hop_limit];
        out.extend(source_port.to_be_bytes());
        out.extend(destination_port.to_be_bytes());
        out.extend(source_mac.iter().flat_map(|mac| mac.0));
        for ip in addresses.iter().flat_map(|(source, destination)| [source, destination]) {
            match ip {
                IpAddr::V4(ip) => out.extend(ip.octets()),
                IpAddr::V6(ip) => out.extend(ip.octets()),
            }
        }
        out.extend(self.rest);
        out
    }
}

impl<'a> Chunk<'a> {
    /// Reads all chunks of a flow, [`CHUNKS_MAX`] at most.
    #[must_use]
    pub fn read_all(bytes: &'a [u8]) -> Vec<Self> {
        let mut tape = Tape::new(bytes);
        let mut chunks = Vec::new();
        while !tape.is_empty() && chunks.len() < CHUNKS_MAX {
            let control = tape.byte();
            let way = if control & RESPONDER == 0 { Way::Orig } else { Way::Resp };
            let bytes = tape.counted();
            let missing = (control & GAP_KNOWN != 0).then_some(bytes.len() as u64);
            let gap = (control & GAP != 0).then_some(missing);
            chunks.push(Self { way, gap, doublings: control >> 4, bytes });
        }
        chunks
    }

    /// Adds the chunk to an input's rest.
    pub fn write(&self, out: &mut Vec<u8>) {
        let gap = match self.gap {
            Some(Some(_)) => GAP | GAP_KNOWN,
            Some(None) => GAP,
            None => 0,
        };
        let way = if self.way == Way::Resp { RESPONDER } else { 0 };
        out.push(self.doublings << 4 | gap | way);
        put_counted(out, self.bytes);
    }
}

const CUT: u8 = 1;
const MAC: u8 = 2;
const IPV4: u8 = 4;
const IPV6: u8 = 8;
const DATAGRAMS: u8 = 16;
const LONG: u8 = 224;

const RESPONDER: u8 = 1;
const GAP: u8 = 2;
const GAP_KNOWN: u8 = 4;

/// A session that waits for more than this would wait for ever: a frame inside RTSP has 64 KiB,
/// and what must follow it to be believed some more.
const KEPT_MAX: usize = 80 << 10;

/// So many bytes may be set aside besides twice those that came: memory grows by doubling.
const HELD_MIN: usize = 1 << 10;

/// So much may be said of a message besides as much as it has bytes.
const SAID_MIN: usize = 16;

/// No protocol has a fact that takes more room on a screen.
const FACT_MAX: usize = 8 << 10;

/// So many chunks and datagrams go into one run.
const CHUNKS_MAX: usize = 256;
const DATAGRAMS_MAX: usize = 1_024;
const DATAGRAM_DOUBLINGS: u8 = 7;

/// Bytes of a long stream: enough to fill what any parser holds; it takes long to read.
const STREAM_LONG: usize = 128 << 10;
/// Bytes of any other stream: enough for a dialogue.
pub const STREAM_SHORT: usize = 8 << 10;

/// Longer streams are fed in so many pieces: byte by byte each byte costs a look at all before it.
const BYTE_BY_BYTE_MAX: usize = 1_024;
const PIECES: usize = 128;

/// A probe is asked about so many beginnings.
const PROBED_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Malformed;

    use super::*;

    #[test]
    fn case_is_read_as_it_was_written() {
        let mut rest = Vec::new();
        let chunk = Chunk { way: Way::Resp, gap: Some(Some(3)), doublings: 2, bytes: b"abc" };
        chunk.write(&mut rest);
        let envelope = Envelope {
            source_port: 554,
            destination_port: 40_000,
            hop_limit: 64,
            source_mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            source: Some("192.0.2.1".parse().unwrap()),
            destination: Some("192.0.2.2".parse().unwrap()),
            is_cut: true,
            ..Envelope::default()
        };
        for envelope in [envelope, Envelope::default()] {
            let case = Case { parser: 6, is_datagrams: true, stream_max: STREAM_LONG, envelope, rest: &rest };
            assert_eq!(Case::read(&case.write()), case);
            assert_eq!(Chunk::read_all(case.rest), [chunk]);
        }
    }

    /// Says how long each piece was that it was given, and takes it all.
    struct Careless;

    impl Session for Careless {
        fn data(&mut self, _: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
            let field = if bytes.len() > 1 { "long" } else { "short" };
            sink.fact(About::Sender, Fact::Malformed(Malformed::Invalid { field }));
            Progress::Consumed(bytes.len())
        }

        fn gap(&mut self, _: Way, _: Option<u64>, _: &mut Sink) {}
    }

    /// Never has enough.
    struct Insatiable;

    impl Session for Insatiable {
        fn data(&mut self, _: Way, _: &[u8], _: &mut Sink) -> Progress {
            Progress::NeedMore
        }

        fn gap(&mut self, _: Way, _: Option<u64>, _: &mut Sink) {}
    }

    /// Says much of little, and keeps it.
    struct Talkative {
        held: usize,
    }

    impl Session for Talkative {
        fn data(&mut self, _: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
            for _ in 0..100 {
                sink.fact(About::Sender, Fact::Announced);
            }
            Progress::Consumed(bytes.len())
        }

        fn gap(&mut self, _: Way, _: Option<u64>, _: &mut Sink) {}

        fn held(&self) -> usize {
            self.held
        }
    }

    fn block(length: usize) -> [Block; 1] {
        [Block { way: Way::Orig, gap: None, bytes: vec![7; length] }]
    }

    #[test]
    #[should_panic = "does not depend on its cuts"]
    fn session_that_depends_on_cuts_is_found() {
        hold_stream(&|| Box::new(Careless), &block(20));
    }

    #[test]
    #[should_panic = "no message needs more than"]
    fn session_that_waits_for_ever_is_found() {
        hold_stream(&|| Box::new(Insatiable), &block(KEPT_MAX + 1));
    }

    #[test]
    #[should_panic = "100 facts of 20 bytes"]
    fn session_that_makes_much_of_little_is_found() {
        hold_stream(&|| Box::new(Talkative { held: 0 }), &block(20));
    }

    #[test]
    #[should_panic = "of 20 bytes that came, 5000 are held"]
    fn session_that_keeps_more_than_came_is_found() {
        hold_stream(&|| Box::new(Talkative { held: 5_000 }), &block(20));
    }

    #[test]
    #[should_panic = "a datagram has no more bytes to give"]
    fn session_that_waits_for_more_of_a_datagram_is_found() {
        let chunk = Chunk { way: Way::Orig, gap: None, doublings: 0, bytes: b"abc" };
        hold_datagrams(ALL[0], &Envelope::default(), &mut Insatiable, &[chunk]);
    }

    #[test]
    fn escaped_controls_are_found() {
        assert!(!shows_control(r#"Attribute { value: "a\"b\\n·é\u{301}" }"#));
        assert!(shows_control(r#""a\nb""#));
        assert!(shows_control(r#""\\\u{1b}[31m""#));
        assert!(shows_control(r#""\u{202e}""#));
    }
}
