//! TCP connections and UDP flows of a capture, fed to the sessions of a parser.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{About, Envelope, Fact, Parser, Probe, Progress, Session, Sink, Start, Way};

use super::{Ordered, Packet, Piece, SYN};

/// Address and port of one who sends, and of one who receives.
pub type Direction = ((IpAddr, u16), (IpAddr, u16));

/// What was heard of a connection, and who sent its first packet.
pub struct Heard {
    pub direction: Direction,
    pub facts: Vec<(Way, About, Fact)>,
}

impl Heard {
    /// Whom a fact is about, and who is on the other side.
    pub fn ends(&self, way: Way, about: About) -> Direction {
        let (orig, resp) = self.direction;
        let is_orig = (way == Way::Orig) == (about == About::Sender);
        if is_orig { (orig, resp) } else { (resp, orig) }
    }
}

struct Open {
    session: Option<Box<dyn Session>>,
    /// Bytes of each way that were not consumed, all of them while nobody knows what it is.
    kept: [Vec<u8>; 2],
    ahead: [usize; 2],
    ordered: [Ordered; 2],
    heard: Heard,
}

/// Every connection that the parser's probe takes.
pub fn connections(parser: &'static Parser, packets: &[Packet]) -> Vec<Heard> {
    let mut open: BTreeMap<Direction, usize> = BTreeMap::new();
    let mut all: Vec<Open> = Vec::new();
    for packet in packets {
        let Some((_, flags)) = packet.tcp else { continue };
        let (there, back) = ((packet.from, packet.to), (packet.to, packet.from));
        if flags & (SYN | ACK) == SYN {
            open.remove(&there);
            open.remove(&back);
        }
        let (at, way) = match (open.get(&there), open.get(&back)) {
            (Some(at), _) => (*at, Way::Orig),
            (_, Some(at)) => (*at, Way::Resp),
            _ => {
                all.push(Open::new(there));
                open.insert(there, all.len() - 1);
                (all.len() - 1, Way::Orig)
            }
        };
        let mut pieces = Vec::new();
        all[at].ordered[way as usize].add(packet, &mut pieces);
        all[at].take(parser, way, pieces);
    }
    all.into_iter().map(|open| open.end(parser)).filter(|heard| !heard.facts.is_empty()).collect()
}

impl Open {
    fn new(direction: Direction) -> Self {
        Self {
            session: None,
            kept: Default::default(),
            ahead: [0; 2],
            ordered: Default::default(),
            heard: Heard { direction, facts: Vec::new() },
        }
    }

    fn take(&mut self, parser: &'static Parser, way: Way, pieces: Vec<Piece>) {
        let side = way as usize;
        for piece in pieces {
            match piece {
                Piece::Bytes { bytes, .. } => {
                    let skipped = self.ahead[side].min(bytes.len());
                    self.ahead[side] -= skipped;
                    self.kept[side].extend(&bytes[skipped..]);
                    self.find(parser, way);
                    self.read(way);
                }
                Piece::Gap { missing } if missing as usize <= self.ahead[side] => {
                    self.ahead[side] -= missing as usize;
                }
                Piece::Gap { missing } => {
                    self.ahead[side] = 0;
                    self.kept[side].clear();
                    self.say(way, |session, sink| session.gap(way, Some(missing), sink));
                }
            }
        }
    }

    fn find(&mut self, parser: &'static Parser, way: Way) {
        let (orig, resp) = self.heard.direction;
        let (from, to) = if way == Way::Orig { (orig, resp) } else { (resp, orig) };
        let envelope = Envelope {
            source_port: from.1,
            destination_port: to.1,
            source: Some(from.0),
            destination: Some(to.0),
            is_stream: true,
            ..Envelope::default()
        };
        let Start::Session(start) = parser.start else { unreachable!("a parser of streams") };
        if self.session.is_none() && (parser.probe)(&envelope, &self.kept[way as usize]) == Probe::Yes {
            self.session = Some(start(&envelope));
            self.read(way.other());
        }
    }

    fn read(&mut self, way: Way) {
        let side = way as usize;
        while self.session.is_some() && !self.kept[side].is_empty() {
            let kept = std::mem::take(&mut self.kept[side]);
            let mut progress = Progress::Done;
            self.say(way, |session, sink| progress = session.data(way, &kept, sink));
            self.kept[side] = kept;
            match progress {
                Progress::Consumed(count) => {
                    let here = count.min(self.kept[side].len());
                    self.kept[side].drain(..here);
                    self.ahead[side] = count - here;
                }
                Progress::NeedMore => break,
                Progress::Done => self.ahead = [usize::MAX; 2],
            }
            if progress == Progress::Done {
                self.kept = Default::default();
            }
        }
    }

    fn say(&mut self, way: Way, call: impl FnOnce(&mut dyn Session, &mut Sink)) {
        let Some(session) = &mut self.session else { return };
        let mut sink = Sink::default();
        call(session.as_mut(), &mut sink);
        self.heard.facts.extend(sink.facts.into_iter().map(|(about, fact)| (way, about, fact)));
    }

    fn end(mut self, parser: &'static Parser) -> Heard {
        for way in [Way::Orig, Way::Resp] {
            let mut pieces = Vec::new();
            self.ordered[way as usize].finish(&mut pieces);
            self.take(parser, way, pieces);
        }
        self.say(Way::Orig, |session, sink| session.end(sink));
        self.heard
    }
}

const ACK: u8 = 0x10;
