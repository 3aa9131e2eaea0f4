//! What the tests over captures share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use spanwatch_capture::{Batch, EventKind, FrameHead, Inputs, Item, Reader, Source};
use spanwatch_engine::clock::{Clock, Moment};
use spanwatch_engine::observation::{Cite, Observation};
use spanwatch_engine::peel::{Counts, Peeled, Peeler};
use spanwatch_engine::shard::{FrameIn, SHARDS, Shard, ShardCounts};
use spanwatch_parsers::Time;

/// The folder of public captures; `None`, said loudly, where it is not there.
pub fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    skip("the public captures are missing");
    None
}

/// The captures whose topics contain one of `topics`; all with none given.
pub fn captures_on(folder: &Path, topics: &[&str]) -> Vec<PathBuf> {
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| topics.is_empty() || row[6].split(',').any(|topic| topics.contains(&topic)))
        .map(|row| folder.join(row[0]))
        .collect()
}

/// Whether a program can be run; where not, that is said loudly.
pub fn has_program(name: &str) -> bool {
    let is_there = Command::new(name).arg("--version").output().is_ok();
    if !is_there {
        skip(&format!("{name} is missing"));
    }
    is_there
}

#[allow(clippy::disallowed_methods, reason = "where everything must be there, skipping is a fault")]
fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

/// Walks all frames of some captures, as one merged input or as they are.
pub fn each_frame(paths: &[PathBuf], mut see: impl FnMut(Item<'_>)) {
    let mut reader = Reader::new(Inputs::find(paths).unwrap_or_else(|error| panic!("{error}")), None);
    let mut batch = Batch::default();
    while reader.fill(&mut batch).unwrap() {
        batch.items().for_each(&mut see);
    }
}

/// All that the lower half makes of some captures.
#[derive(Debug)]
pub struct Seen {
    pub observations: Vec<Observation>,
    pub counts: Counts,
    pub shards: ShardCounts,
}

/// The lower half as the pipeline drives it, all shards in one thread.
pub struct Lower {
    peeler: Peeler,
    clock: Clock,
    shards: Vec<Shard>,
    out: Vec<Observation>,
    last: u64,
}

impl Lower {
    pub fn new(shard: impl Fn(u8) -> Shard) -> Self {
        let shards = (0..SHARDS).map(|index| shard(u8::try_from(index).unwrap())).collect();
        Self { peeler: Peeler::new(), clock: Clock::new(false), shards, out: Vec::new(), last: 0 }
    }

    pub fn see(&mut self, item: Item<'_>) {
        match item {
            Item::Event(event) => match event.kind {
                EventKind::Opened => self.clock.input_opened(event.input),
                EventKind::Damaged { .. } => self.clock.input_damaged(event.input),
                EventKind::Ended => self.clock.input_ended(event.input),
                other => panic!("no file says {other:?}"),
            },
            Item::Frame(head, bytes) => {
                self.frame(head, bytes);
            }
        }
    }

    pub fn frame(&mut self, head: &FrameHead, bytes: &[u8]) -> Peeled {
        let mut moments = Vec::new();
        self.clock.frame(head.at, head.input, &mut moments);
        for moment in moments {
            if let Moment::Tick(at) = moment {
                self.tick(at, head.number);
            }
        }
        let peeled = self.peeler.peel(head.link, head.at, bytes, head.wire_length);
        let frame = FrameIn {
            at: head.at,
            frame: head.number,
            cite: Cite::new(head.input, head.frame),
            interface: head.interface,
            wire_length: head.wire_length,
        };
        self.last = head.number;
        self.shards[usize::from(peeled.layers.shard)].frame(&frame, &peeled, bytes, &mut self.out);
        peeled
    }

    fn tick(&mut self, at: Time, frame: u64) {
        for shard in &mut self.shards {
            shard.tick(at, frame, &mut self.out);
        }
    }

    /// What was observed since it was last asked.
    pub fn take(&mut self) -> Vec<Observation> {
        std::mem::take(&mut self.out)
    }

    pub fn finish(mut self) -> Seen {
        let mut shards = ShardCounts::default();
        let end = self.clock.now().unwrap_or_default();
        for shard in self.shards {
            shards.add(&shard.finish(end, self.last + 1, &mut self.out));
        }
        self.out.sort_by_key(|seen| seen.place);
        Seen { observations: self.out, counts: self.peeler.counts().clone(), shards }
    }
}
