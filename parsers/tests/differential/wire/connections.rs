//! TCP connections of a capture, fed to the sessions of a parser.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{About, Envelope, Fact, Media, Parser, Probe, Progress, Session, Sink, Start, Way};

use super::{Ordered, Packet, Piece, SYN};

/// Address and port of one who sends, and of one who receives.
pub type Direction = ((IpAddr, u16), (IpAddr, u16));

/// Where a connection becomes a session of the parser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With its first bytes, whatever they are.
    AtOnce,
    /// Where the probe takes what a side says first.
    Probed,
    /// Where the probe takes what a side says, whatever it said before.
    ProbedAgain,
}

/// What was heard of a connection, and who sent its first packet.
pub struct Heard {
    pub direction: Direction,
    pub facts: Vec<(Way, About, Fact)>,
    pub media: Vec<(Way, Media)>,
    /// What the session took at once, as far as it was there.
    pub taken: Vec<(Way, Vec<u8>)>,
}

impl Heard {
    /// Whom a fact is about, and who is on the other side.
    pub fn ends(&self, way: Way, about: About) -> Direction {
        let (orig, resp) = self.direction;
        let is_orig = (way == Way::Orig) == (about == About::Sender);
        if is_orig { (orig, resp) } else { (resp, orig) }
    }

    /// Who sends on this way, and to whom.
    pub fn along(&self, way: Way) -> Direction {
        self.ends(way, About::Sender)
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

/// Every connection in which something was said.
pub fn connections(parser: &'static Parser, begin: Begin, packets: &[Packet]) -> Vec<Heard> {
    let mut open: BTreeMap<Direction, usize> = BTreeMap::new();
    let mut all: Vec<Open> = Vec::new();
    for packet in packets {
        let Some((_, flags)) = packet.tcp else { continue };
        let (there, back) = ((packet.from, packet.to), (packet.to, packet.from));
        let is_again = open.get(&there).is_some_and(|at| all[*at].is_silent());
        if flags & (SYN | ACK) == SYN && packet.payload.is_empty() && !is_again {
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
        all[at].take((parser, begin), way, pieces);
    }
    let heard = all.into_iter().map(|open| open.end((parser, begin)));
    heard.filter(|it| !(it.facts.is_empty() && it.media.is_empty() && it.taken.is_empty())).collect()
}

impl Open {
    fn new(direction: Direction) -> Self {
        Self {
            session: None,
            kept: Default::default(),
            ahead: [0; 2],
            ordered: Default::default(),
            heard: Heard { direction, facts: Vec::new(), media: Vec::new(), taken: Vec::new() },
        }
    }

    /// Whether nothing was said yet that anybody knows of.
    fn is_silent(&self) -> bool {
        self.session.is_none() && self.kept.iter().all(Vec::is_empty)
    }

    fn take(&mut self, how: (&'static Parser, Begin), way: Way, pieces: Vec<Piece>) {
        let side = way as usize;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => {
                    let skipped = self.ahead[side].min(bytes.len());
                    self.ahead[side] -= skipped;
                    self.kept[side].extend(&bytes[skipped..]);
                    self.find(how, way);
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

    fn find(&mut self, (parser, begin): (&'static Parser, Begin), way: Way) {
        if self.session.is_some() {
            return;
        }
        let envelope = |way| {
            let (from, to) = self.heard.along(way);
            Envelope {
                source_port: from.1,
                destination_port: to.1,
                source: Some(from.0),
                destination: Some(to.0),
                is_stream: true,
                ..Envelope::default()
            }
        };
        let Start::Session(start) = parser.start else { unreachable!("a parser of streams") };
        let probed = (parser.probe)(&envelope(way), &self.kept[way as usize]);
        if begin == Begin::AtOnce || probed == Probe::Yes {
            self.session = Some(start(&envelope(Way::Orig)));
            self.read(way.other());
        } else if begin == Begin::ProbedAgain && probed == Probe::No {
            self.kept[way as usize].clear();
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
                    self.heard.taken.push((way, self.kept[side].drain(..here).collect()));
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
        self.heard.media.extend(sink.media.into_iter().map(|media| (way, media)));
    }

    fn end(mut self, how: (&'static Parser, Begin)) -> Heard {
        for way in [Way::Orig, Way::Resp] {
            let mut pieces = Vec::new();
            self.ordered[way as usize].finish(&mut pieces);
            self.take(how, way, pieces);
        }
        self.say(Way::Orig, |session, sink| session.end(sink));
        self.heard
    }
}

const ACK: u8 = 0x10;
