//! The end of a second in a shard: sums, flows whose time is over, and what was lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spanwatch_parsers::{About, Fact, Time};

use super::flows::Flows;
use super::tunnels::Tunnels;
use super::{Counts, FRAGMENTED_MAX, FRAGMENTS_HELD_MAX, Panicked, Shard};
use crate::duplicate::{OFTEN, Round};
use crate::flow::Counted;
use crate::fragment::Fragments;
use crate::observation::{Observation, Party, Place};
use crate::planted;
use crate::said::LOGINS_MAX;
use crate::scribe::{Scribe, Talk};
use crate::stream::Streams;

/// Losses that were said already.
#[derive(Debug, Default)]
pub(super) struct Reported(Vec<(&'static str, u64)>);

impl Shard {
    /// Ends a second at `at`, before frame `frame`: sums go out, what is idle is forgotten. A panic costs what the shard held
    /// of conversations: it begins them anew.
    pub fn tick(&mut self, at: Time, frame: u64, out: &mut Vec<Observation>) {
        self.surviving(at, frame, out, Self::end_second);
    }

    /// Says that a second panicked instead of what it would have said.
    fn surviving(
        &mut self,
        at: Time,
        frame: u64,
        out: &mut Vec<Observation>,
        turn: impl FnOnce(&mut Self, Time, u64, &mut Vec<Observation>),
    ) {
        let before = out.len();
        if catch_unwind(AssertUnwindSafe(|| turn(&mut *self, at, frame, out))).is_ok() {
            return;
        }
        out.truncate(before);
        self.begin_anew();
        self.panicked.seconds = self.panicked.seconds.saturating_add(1);
        let mut scribe = Scribe::new(out, self.tick_place(frame), at, self.last);
        self.say_panics(&mut scribe);
        self.ticked = scribe.place();
    }

    /// Forgets conversations and what waits for their rest.
    fn begin_anew(&mut self) {
        let ended = std::mem::replace(&mut self.flows, Flows::new(self.seed)).ended;
        self.flows.ended = ended;
        self.fragments = Fragments::new(FRAGMENTED_MAX, FRAGMENTS_HELD_MAX, self.seed);
        self.tunnels = Tunnels::default();
        self.voice.streams = Streams::new(self.seed);
        self.voice.sink.clear();
    }

    fn end_second(&mut self, at: Time, frame: u64, out: &mut Vec<Observation>) {
        planted::here("second");
        let scribe = Scribe::new(out, self.tick_place(frame), at, self.last);
        let frame = Counted { at, cite: self.last, bytes: 0, stamp: None };
        let mut hearing = self.voice.hear(scribe, frame);
        self.flows.give_up_holes(at, &mut hearing);
        while let Some(flow) = self.flows.expire(at) {
            self.flows.part_with(flow, &mut hearing);
        }
        let mut scribe = hearing.scribe;
        self.flows.sum(&mut scribe);
        self.tunnels.sum(&mut scribe);
        self.voice.streams.tick(&mut scribe);
        self.voice.said.expire(at);
        self.fragments.expire(at);
        self.report(&mut scribe);
        self.ticked = scribe.place();
    }

    /// Ends everything at `at`, before a frame `frame` that will not come, and tells what it counted.
    pub fn finish(mut self, at: Time, frame: u64, out: &mut Vec<Observation>) -> Counts {
        self.tick(at, frame, out);
        self.surviving(at, frame, out, Self::end);
        self.counts()
    }

    fn end(&mut self, at: Time, frame: u64, out: &mut Vec<Observation>) {
        let scribe = Scribe::new(out, self.tick_place(frame), at, self.last);
        let mut hearing = self.voice.hear(scribe, Counted { at, cite: self.last, bytes: 0, stamp: None });
        while let Some(flow) = self.flows.pop() {
            self.flows.part_with(flow, &mut hearing);
        }
        let mut scribe = hearing.scribe;
        self.voice.streams.tick(&mut scribe);
        self.report(&mut scribe);
        self.ticked = scribe.place();
    }

    /// Where the observations of a tick begin: behind those of an earlier one before the same frame.
    fn tick_place(&self, frame: u64) -> Place {
        let index = if self.ticked.frame == frame { self.ticked.index } else { 0 };
        Place { frame, shard: self.index, index }
    }

    /// Says which caps were reached, and how many copies were dropped, since the last tick.
    fn report(&mut self, scribe: &mut Scribe<'_>) {
        let Round { copies: count, most, returning, sender, cite } = self.copies.take_round();
        if count > 0 {
            scribe.write(&talk("duplicates"), About::Sender, Fact::Copies { count, most });
        }
        if returning.most >= OFTEN {
            let talk = Talk { sender, ..talk("duplicates") };
            scribe.write_at(cite, &talk, About::Sender, Fact::Returning(returning));
        }
        let faults = &self.voice.faults;
        let (streams, streams_max) = self.voice.streams.evicted();
        let (unsummed, unsummed_max) = self.voice.streams.unsummed();
        let (forgotten, recent_max) = self.copies.forgotten();
        let [connections, flows, sums] = self.flows.losses();
        let losses = [
            connections,
            flows,
            sums,
            ("fragmented packets", self.fragments.capacity(), self.fragments.lost()),
            ("tunnels", Tunnels::CAPACITY, self.tunnels.refused()),
            ("streams", streams_max, streams),
            ("sums of streams", unsummed_max, unsummed),
            ("packets compared for copies", recent_max, forgotten),
            ("facts of one message", spanwatch_parsers::Sink::MAX, faults.refused),
            ("bytes of one message", crate::tcp::INBOX_MAX, faults.overfull),
            ("bytes kept of connections", super::segment::HELD_MAX, faults.unheld),
            ("logins of a pair compared with known passwords", LOGINS_MAX.into(), self.voice.said.untested()),
        ];
        for (what, cap, count) in losses {
            let more = self.reported.more(what, count);
            if more > 0 {
                let fact = Fact::Lost { what, cap: cap as u64, count: more };
                scribe.write(&talk("shard"), About::Sender, fact);
            }
        }
        self.say_panics(scribe);
    }

    fn say_panics(&mut self, scribe: &mut Scribe<'_>) {
        for (name, count) in std::mem::take(&mut self.voice.faults.panicked) {
            scribe.write(&talk(name), About::Sender, Fact::Panicked { what: "parser", count });
        }
        let Panicked { headers, frames, seconds } = std::mem::take(&mut self.panicked);
        for (name, count) in [("headers", headers), ("frames", frames), (SECONDS, seconds)] {
            if count > 0 {
                scribe.write(&talk(name), About::Sender, Fact::Panicked { what: "reader", count });
            }
        }
    }
}

impl Reported {
    /// By how much a count grew since it was last asked for.
    fn more(&mut self, what: &'static str, count: u64) -> u64 {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, reported)) => count.saturating_sub(std::mem::replace(reported, count)),
            None => {
                self.0.push((what, count));
                count
            }
        }
    }
}

/// Who says that a second of a shard is lost.
pub(crate) const SECONDS: &str = "seconds";

/// The shard speaks of itself.
const fn talk(source: &'static str) -> Talk {
    const NOBODY: Party = Party { mac: None, ip: None, vlan: None, hop_limit: 0, port: 0 };
    Talk { sender: NOBODY, receiver: NOBODY, transport: None, source }
}
