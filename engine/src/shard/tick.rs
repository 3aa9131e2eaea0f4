//! The end of a second in a shard: sums, flows whose time is over, and what was lost.

use spanwatch_parsers::{About, Fact, Time};

use super::tunnels::Tunnels;
use super::{Counts, Shard};
use crate::duplicate::{OFTEN, Round};
use crate::flow::Counted;
use crate::observation::{Observation, Party, Place};
use crate::said::LOGINS_MAX;
use crate::scribe::{Scribe, Talk};

/// Losses that were said already.
#[derive(Debug, Default)]
pub(super) struct Reported(Vec<(&'static str, u64)>);

impl Shard {
    /// Ends a second at `at`, before frame `frame`: sums go out, what is idle is forgotten.
    pub fn tick(&mut self, at: Time, frame: u64, out: &mut Vec<Observation>) {
        let scribe = Scribe::new(out, self.tick_place(frame), at, self.last.cite);
        let frame = Counted { at, cite: self.last.cite, bytes: 0, stamp: None };
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
        let scribe = Scribe::new(out, self.tick_place(frame), at, self.last.cite);
        let mut hearing =
            self.voice.hear(scribe, Counted { at, cite: self.last.cite, bytes: 0, stamp: None });
        while let Some(flow) = self.flows.pop() {
            self.flows.part_with(flow, &mut hearing);
        }
        let mut scribe = hearing.scribe;
        self.voice.streams.tick(&mut scribe);
        self.report(&mut scribe);
        self.counts()
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
        for (name, count) in std::mem::take(&mut self.voice.faults.panicked) {
            scribe.write(&talk(name), About::Sender, Fact::Panicked { what: "parser", count });
        }
        let count = std::mem::take(&mut self.panicked);
        if count > 0 {
            scribe.write(&talk("frames"), About::Sender, Fact::Panicked { what: "reader", count });
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

/// The shard speaks of itself.
const fn talk(source: &'static str) -> Talk {
    const NOBODY: Party = Party { mac: None, ip: None, vlan: None, hop_limit: 0, port: 0 };
    Talk { sender: NOBODY, receiver: NOBODY, transport: None, source }
}
