//! [`Hearing`]: parsers are called here, and what they find goes its way.
//!
//! A parser that panics costs its message (and its session), never the capture; it is counted by its name.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use spanwatch_parsers::{About, Envelope, Fact, Key, Malformed, Outcome, Parser, Probe, Sink, Start, Way};

use crate::dispatch::{Dispatch, Running};
use crate::flow::{Counted, Head};
use crate::said::Said;
use crate::scribe::{Scribe, Talk};
use crate::stream::{Found, Streams};

/// Everything a message needs besides its flow.
#[derive(Debug)]
pub struct Hearing<'a, 'o> {
    /// The registry.
    pub dispatch: &'a Dispatch,
    /// Where parsers put what they find.
    pub sink: &'a mut Sink,
    /// What was said before.
    pub said: &'a mut Said,
    /// Media.
    pub streams: &'a mut Streams,
    /// What went wrong.
    pub faults: &'a mut Faults,
    /// The way up.
    pub scribe: Scribe<'o>,
    /// The frame.
    pub frame: Counted,
}

/// What went wrong with messages.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Messages that made their parser panic, by its name.
    pub panicked: BTreeMap<&'static str, u64>,
    /// Facts and media packets that did not fit into the sink.
    pub refused: u64,
    /// Bytes of one direction that a session could not use before its buffer was full.
    pub overfull: u64,
    /// Bytes that were let go because a shard's connections held too many.
    pub unheld: u64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was read.
    Read,
    /// It breaks its specification.
    Faulty(Malformed),
    /// The parser panicked.
    Nothing,
}

impl Hearing<'_, '_> {
    /// Calls code of the parser that has this place in the registry; `None` where it panics.
    pub fn call<R>(&mut self, number: u16, parser: impl FnOnce(&mut Sink) -> R) -> Option<R> {
        let sink = &mut *self.sink;
        let result = catch_unwind(AssertUnwindSafe(|| parser(sink)));
        if result.is_err() {
            self.panicked(number);
        }
        result.ok()
    }

    /// Asks parsers in turn whether a message is theirs, until one says yes and `may_read` it: which that is, and the first of
    /// those that are unsure. Who panics says no.
    pub fn ask(
        &mut self,
        mut parsers: impl Iterator<Item = u16>,
        envelope: &Envelope,
        message: &[u8],
        may_read: impl Fn(&Parser) -> bool,
    ) -> (Option<u16>, Option<u16>) {
        let dispatch = self.dispatch;
        let (mut sure, mut unsure) = (None, None);
        let mut asked = 0;
        let mut is_over = false;
        while !is_over {
            let rest = AssertUnwindSafe(|| {
                for number in parsers.by_ref() {
                    asked = number;
                    let Some(parser) = dispatch.parser(number) else { continue };
                    match (parser.probe)(envelope, message) {
                        Probe::Yes if may_read(parser) => {
                            sure = Some(number);
                            return;
                        }
                        Probe::Maybe => unsure = unsure.or(Some(number)),
                        Probe::Yes | Probe::No => {}
                    }
                }
            });
            is_over = catch_unwind(rest).is_ok();
            if !is_over {
                self.panicked(asked);
            }
        }
        (sure, unsure)
    }

    #[cold]
    fn panicked(&mut self, number: u16) {
        let name = self.dispatch.parser(number).map_or(SOURCE, |parser| parser.name);
        let panicked = self.faults.panicked.entry(name).or_default();
        *panicked = panicked.saturating_add(1);
    }

    /// Starts a session of a parser with memory.
    pub fn start(&mut self, head: &Head, number: u16, is_on_trial: bool) -> Option<Running> {
        let Start::Session(start) = self.dispatch.parser(number)?.start else { return None };
        let envelope = head.envelope(Way::Orig, false);
        let session = self.call(number, |_| start(&envelope))?;
        Some(Running { parser: number, session, is_on_trial })
    }

    /// Passes on what a parser found in a message sent `way`; whether it proved media.
    pub fn deliver(&mut self, head: &mut Head, way: Way, parser: &'static Parser) -> bool {
        self.faults.refused = self.faults.refused.saturating_add(std::mem::take(&mut self.sink.refused));
        if !self.sink.media.is_empty() {
            let mut found = Found { head: &mut *head, way, frame: (self.scribe.place().frame, self.frame) };
            for media in &self.sink.media {
                self.streams.take(&mut found, media);
            }
            self.sink.media.clear();
        }
        if self.sink.facts.is_empty() && self.sink.proofs.is_empty() {
            return false;
        }
        let talk = talk(head, way, parser.name);
        let (mut is_proved, mut is_unasked) = (false, false);
        let has_proof = !self.sink.proofs.is_empty();
        for (about, fact) in self.sink.facts.drain(..) {
            match fact {
                Fact::Attribute { key, value } => {
                    if key == Key::HttpRealm {
                        self.said.challenged(self.frame.at, &talk, about);
                    }
                    self.said.attribute(&mut self.scribe, &talk, about, (key, value));
                }
                Fact::MediaProved { ssrc } => {
                    self.streams.prove((head.number, way), ssrc, self.frame.at);
                    is_proved = true;
                }
                Fact::StreamAnnounced(announced) => {
                    let (sender, receiver) = talk.about(about);
                    self.streams.announce(&Talk { sender, receiver, ..talk }, &announced, self.frame.at);
                    self.scribe.write(&talk, about, Fact::StreamAnnounced(announced));
                }
                Fact::Malformed(fault) => self.said.malformed(&mut self.scribe, &talk, fault),
                Fact::Login(mut login) if has_proof && login.outcome == Outcome::Unknown => {
                    if self.said.has_challenged(self.frame.at, &talk, about) {
                        login.outcome = Outcome::Accepted;
                    } else {
                        is_unasked = true;
                    }
                    self.scribe.write(&talk, about, Fact::Login(login));
                }
                fact => self.scribe.write(&talk, about, fact),
            }
        }
        if is_unasked {
            self.sink.proofs.clear();
        }
        for (about, proof) in self.sink.proofs.drain(..) {
            self.said.password(&mut self.scribe, &talk, about, &proof);
        }
        is_proved
    }

    /// Says that a message sent `way` breaks its specification.
    pub fn faulty(&mut self, head: &Head, way: Way, parser: &'static Parser, fault: Malformed) {
        self.said.malformed(&mut self.scribe, &talk(head, way, parser.name), fault);
    }

    /// Writes a fact of the engine itself about who sent a frame `way`.
    pub fn say(&mut self, head: &Head, way: Way, fact: Fact) {
        self.scribe.write(&talk(head, way, SOURCE), About::Sender, fact);
    }
}

/// Who speaks to whom in a flow.
#[must_use]
pub fn talk(head: &Head, way: Way, source: &'static str) -> Talk {
    Talk {
        sender: head.party(way),
        receiver: head.party(way.other()),
        transport: head.key.protocol(),
        source,
    }
}

/// The engine's own part in observations about flows.
pub const SOURCE: &str = "flow";
