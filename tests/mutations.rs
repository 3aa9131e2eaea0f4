//! Every parser is given real messages, whole and up to each of their bytes, and 100,000 that were damaged: it keeps
//! the fuzzers' laws. Nothing panics, what a stream says does not depend on its cuts, and what is said and held is
//! bounded by what came.

mod support;

#[path = "../fuzz/src/parsers.rs"]
mod parsers;
#[path = "../fuzz/src/tape.rs"]
mod tape;

#[path = "../fuzz/src/seeds"]
mod seeds {
    pub mod captured;
    pub mod messages;
}

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use spanwatch_parsers::ALL;
use support::{project, shared_captures};

#[test]
fn every_parser_survives_its_messages_damaged() {
    let seeds = seeds();
    if shared_captures().is_some() {
        let lacking: Vec<_> = (0..).zip(ALL).filter(|(number, _)| !seeds.contains_key(number)).collect();
        assert!(lacking.is_empty(), "no capture has a message for {lacking:?}");
    }
    let left = Mutex::new(seeds.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((number, seeds)) = { left.lock().unwrap().next() } {
                    let name = ALL[usize::from(*number)].name;
                    let told: usize = seeds.iter().map(|seed| parsers::hold(seed)).sum();
                    assert!(told > 0, "{name}: {} messages say nothing", seeds.len());
                    seeds.iter().for_each(|seed| prefixes(seed));
                    let speaking = mutations(seeds);
                    println!(
                        "{name}: {} messages, {told} facts; {speaking} damaged ones say something",
                        seeds.len()
                    );
                    assert!(speaking * 50 > MUTATIONS, "{name}: only {speaking} of {MUTATIONS} say anything");
                }
            });
        }
    });
}

/// Inputs by the parser's number.
fn seeds() -> BTreeMap<u8, Vec<Vec<u8>>> {
    let own = project("pcaps").read_dir().expect("the folder is there");
    let mut captures: Vec<PathBuf> = own.map(|entry| entry.expect("an entry").path()).collect();
    captures.retain(|path| path.extension().is_some_and(|it| it == "pcap" || it == "pcapng"));
    captures.sort();
    if let Some(folder) = shared_captures() {
        let index = std::fs::read_to_string(folder.join("INDEX.tsv")).expect("the index is text");
        let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        captures.extend(
            rows.filter(|row| row[5] != "0" && !row[0].ends_with(".gz")).map(|row| folder.join(row[0])),
        );
    }
    let mut seeds: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
    let frames = seeds::captured::captured(&captures).expect("they can be read");
    for seed in seeds::messages::parsers(&frames) {
        seeds.entry(seed[0]).or_default().push(seed);
    }
    seeds
}

/// The message up to each of its bytes, up to some hundred of a long one.
fn prefixes(seed: &[u8]) {
    for end in (1..seed.len()).step_by(1 + seed.len() / PREFIXES) {
        parsers::hold(&seed[..end]);
    }
}

/// How many of the damaged messages still say something.
fn mutations(seeds: &[Vec<u8>]) -> usize {
    let mut chance = Chance(0x5eed);
    let speaks = |number: usize| {
        let (seed, other) = (&seeds[number % seeds.len()], &seeds[chance.below(seeds.len())]);
        parsers::hold(&damaged(seed, other, &mut chance)) > 0
    };
    (0..MUTATIONS).map(speaks).filter(|it| *it).count()
}

/// A message with some damage; the first byte, which names the parser, stays.
fn damaged(seed: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(3) {
        let at = 1 + chance.below(bytes.len().max(2) - 1);
        let end = (at + 1 + chance.below(16)).min(bytes.len());
        match chance.below(8) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = chance.next() as u8,
            2 => bytes[at] = EXTREMES[chance.below(EXTREMES.len())],
            3 => bytes[at..end].fill(EXTREMES[chance.below(EXTREMES.len())]),
            4 => bytes.truncate(at.max(2)),
            5 => drop(bytes.drain(at..end)),
            6 => bytes.extend_from_within(at..end),
            _ => {
                let tail = other.get(at..).unwrap_or_default();
                bytes.truncate(at);
                bytes.extend_from_slice(tail);
            }
        }
        if bytes.len() < 2 {
            return seed.to_vec();
        }
    }
    bytes
}

/// Numbers without a pattern (splitmix64), the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Of each parser.
const MUTATIONS: usize = 100_000;
const PREFIXES: usize = 300;
const EXTREMES: [u8; 6] = [0, 1, 0x20, 0x7f, 0x80, 0xff];
