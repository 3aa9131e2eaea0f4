//! Feeds sessions as the engine does: for tests.

use crate::vocabulary::{
    About, Envelope, Fact, Key, Malformed, Media, Outcome, Parser, Progress, Session, Sink, Start, Way,
};

/// What each side sent, in order.
pub type Blocks = Vec<(Way, Vec<u8>)>;

/// What was said of a connection, and the media.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    pub facts: Vec<(About, Fact)>,
    pub media: Vec<Media>,
    pub is_done: bool,
}

impl Heard {
    pub fn of(&self, wanted: impl Fn(&Fact) -> bool) -> Vec<(About, Fact)> {
        self.facts.iter().filter(|(_, fact)| wanted(fact)).cloned().collect()
    }

    pub fn attributes(&self, wanted: Key) -> Vec<String> {
        let values = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Attribute { key, value } if *key == wanted => Some(value.to_string()),
            _ => None,
        });
        values.collect()
    }

    /// Every login: the account, the scheme, what came of it.
    pub fn logins(&self) -> Vec<(Option<String>, &'static str, Outcome)> {
        let logins = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Login(it) => Some((it.account.as_ref().map(ToString::to_string), it.scheme, it.outcome)),
            _ => None,
        });
        logins.collect()
    }

    pub fn faults(&self) -> Vec<Malformed> {
        let faults = self.facts.iter().filter_map(|(_, fact)| match fact {
            Fact::Malformed(fault) => Some(*fault),
            _ => None,
        });
        faults.collect()
    }
}

/// Keeps what is not consumed, throws away what was consumed ahead.
pub struct Feeder {
    session: Box<dyn Session>,
    kept: [Vec<u8>; 2],
    ahead: [usize; 2],
    pub sink: Sink,
    is_done: bool,
    pub kept_most: usize,
}

impl Feeder {
    /// A stream between nobody.
    pub fn new(parser: &Parser) -> Self {
        Self::between(parser, &Envelope { is_stream: true, ..Envelope::default() })
    }

    pub fn between(parser: &Parser, envelope: &Envelope) -> Self {
        let Start::Session(start) = parser.start else { panic!("{} has no sessions", parser.name) };
        Self {
            session: start(envelope),
            kept: Default::default(),
            ahead: [0; 2],
            sink: Sink::default(),
            is_done: false,
            kept_most: 0,
        }
    }

    pub fn feed(&mut self, way: Way, bytes: &[u8]) {
        if self.is_done {
            return;
        }
        let side = usize::from(way == Way::Resp);
        let skipped = self.ahead[side].min(bytes.len());
        self.ahead[side] -= skipped;
        self.kept[side].extend(&bytes[skipped..]);
        while !self.is_done && !self.kept[side].is_empty() {
            match self.session.data(way, &self.kept[side], &mut self.sink) {
                Progress::Consumed(count) => {
                    assert_ne!(count, 0);
                    let here = count.min(self.kept[side].len());
                    self.kept[side].drain(..here);
                    self.ahead[side] = count - here;
                }
                Progress::NeedMore => break,
                Progress::Done => {
                    self.is_done = true;
                    self.kept = Default::default();
                }
            }
        }
        self.kept_most = self.kept_most.max(self.kept[side].len());
    }

    pub fn gap(&mut self, way: Way) {
        self.lose(way, None);
    }

    /// Loses bytes, `missing` of them where that is known.
    pub fn lose(&mut self, way: Way, missing: Option<u64>) {
        let side = usize::from(way == Way::Resp);
        self.kept[side].clear();
        self.ahead[side] = 0;
        if !self.is_done {
            self.session.gap(way, missing, &mut self.sink);
        }
    }

    pub fn end(mut self) -> Heard {
        self.session.end(&mut self.sink);
        Heard { facts: self.sink.facts, media: self.sink.media, is_done: self.is_done }
    }
}

/// What is said of a connection that comes in whole blocks.
pub fn heard(parser: &Parser, blocks: &Blocks) -> Heard {
    heard_in_pieces(parser, blocks, || usize::MAX)
}

/// What is said of a connection that comes in pieces of these sizes.
pub fn heard_in_pieces(parser: &Parser, blocks: &Blocks, mut size: impl FnMut() -> usize) -> Heard {
    let mut feeder = Feeder::new(parser);
    for (way, bytes) in blocks {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size().clamp(1, rest.len()));
            feeder.feed(*way, piece);
            rest = behind;
        }
    }
    feeder.end()
}

/// Whether the connection says the same in these pieces after bytes of it were overwritten.
pub fn says_the_same_damaged(
    parser: &Parser,
    blocks: &Blocks,
    damage: &[(u16, u8)],
    sizes: &[usize],
) -> bool {
    let mut blocks = blocks.clone();
    for &(at, value) in damage {
        let count = blocks.len();
        let bytes = &mut blocks[usize::from(at) % count].1;
        let length = bytes.len();
        bytes[usize::from(at / 7) % length] = value;
    }
    let mut next = sizes.iter().cycle();
    heard_in_pieces(parser, &blocks, || *next.next().unwrap()) == heard(parser, &blocks)
}

/// Reads every prefix of every block by itself, some hundred of a long one.
pub fn read_prefixes(parser: &Parser, blocks: &Blocks) {
    for (way, bytes) in blocks {
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            heard(parser, &vec![(*way, bytes[..end].to_vec())]);
        }
    }
}
