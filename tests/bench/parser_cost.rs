//! What each parser costs: `parser_cost PATH…` walks captures as a replay does and times every call of every parser.
//!
//! It prints a Markdown table: how often a parser was asked whether something is his, how many messages (or pieces of
//! a stream) it read, their bytes, and its time for each in nanoseconds, the clock's own taken off; last, what all
//! parsers together take of the time of a packet. What they found is thrown away, so that the ledger has no part in it.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use spanwatch_capture::{Batch, Inputs, Reader, Source};
use spanwatch_engine::dispatch::Dispatch;
use spanwatch_engine::observation::Cite;
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::shard::{FrameIn, Shard};
use spanwatch_parsers::{ALL, Envelope, Malformed, Parser, Probe, Progress, Session, Sink, Start, Way};

/// What one parser was asked for and took.
struct Account {
    probes: AtomicU64,
    probing_ns: AtomicU64,
    pieces: AtomicU64,
    bytes: AtomicU64,
    reading_ns: AtomicU64,
}

static ACCOUNTS: [Account; PARSERS_MAX] = [const {
    Account {
        probes: AtomicU64::new(0),
        probing_ns: AtomicU64::new(0),
        pieces: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        reading_ns: AtomicU64::new(0),
    }
}; PARSERS_MAX];

fn probe<const N: usize>(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let start = Instant::now();
    let answer = (ALL[N].probe)(envelope, bytes);
    ACCOUNTS[N].probing_ns.fetch_add(nanoseconds(start), Relaxed);
    ACCOUNTS[N].probes.fetch_add(1, Relaxed);
    answer
}

fn datagram<const N: usize>(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let Start::Datagram(read) = ALL[N].start else { return Ok(()) };
    let start = Instant::now();
    let outcome = read(envelope, bytes, sink);
    read_one(N, bytes, start);
    outcome
}

fn session<const N: usize>(envelope: &Envelope) -> Box<dyn Session> {
    match ALL[N].start {
        Start::Session(start) => Box::new(Timed { number: N, session: start(envelope) }),
        Start::Datagram(_) => unreachable!("{} has no sessions", ALL[N].name),
    }
}

/// A session that is timed.
struct Timed {
    number: usize,
    session: Box<dyn Session>,
}

impl Session for Timed {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        let start = Instant::now();
        let progress = self.session.data(way, bytes, sink);
        read_one(self.number, bytes, start);
        progress
    }

    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) {
        self.session.gap(way, missing, sink);
    }

    fn end(&mut self, sink: &mut Sink) {
        self.session.end(sink);
    }
}

fn read_one(number: usize, bytes: &[u8], start: Instant) {
    let account = &ACCOUNTS[number];
    account.reading_ns.fetch_add(nanoseconds(start), Relaxed);
    account.pieces.fetch_add(1, Relaxed);
    account.bytes.fetch_add(bytes.len() as u64, Relaxed);
}

fn nanoseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The three functions that time parser `N`.
type Wrapped = (
    fn(&Envelope, &[u8]) -> Probe,
    fn(&Envelope, &[u8], &mut Sink) -> Result<(), Malformed>,
    fn(&Envelope) -> Box<dyn Session>,
);

macro_rules! wrapped {
    ($($number:literal)*) => { [$((probe::<$number>, datagram::<$number>, session::<$number>)),*] };
}

const PARSERS_MAX: usize = 64;
const WRAPPED: [Wrapped; PARSERS_MAX] = wrapped!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

/// The registry, each parser behind its clock.
fn registry() -> &'static [&'static Parser] {
    assert!(ALL.len() <= PARSERS_MAX, "there are more parsers than clocks: raise PARSERS_MAX");
    let timed = |(parser, (probe, datagram, session)): (&&'static Parser, Wrapped)| -> &'static Parser {
        let start = match parser.start {
            Start::Datagram(_) => Start::Datagram(datagram),
            Start::Session(_) => Start::Session(session),
        };
        Box::leak(Box::new(Parser { probe, start, ..**parser }))
    };
    ALL.iter().zip(WRAPPED).map(timed).collect::<Vec<_>>().leak()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err("usage: parser_cost PATH...".into());
    }
    let registry = registry();
    let began = Instant::now();
    let packets = walk(Reader::new(Inputs::find(&paths)?, None), registry)?;
    let whole_ns = began.elapsed().as_nanos() as f64;
    print(packets, whole_ns, clock_ns());
    Ok(())
}

/// Gives all frames to the shards, and nothing of what they say to anybody.
fn walk(mut reader: Reader, registry: &'static [&'static Parser]) -> Result<u64, Box<dyn std::error::Error>> {
    let parsers = Arc::new(Dispatch::new(registry));
    let mut shards: Vec<Shard> =
        (0..64).map(|index| Shard::with_parsers(index, None, SEED, &parsers)).collect();
    let mut peeler = Peeler::new();
    let (mut batch, mut said, mut packets) = (Batch::default(), Vec::new(), 0);
    loop {
        batch.clear();
        if !reader.fill(&mut batch)? {
            return Ok(packets);
        }
        for (head, bytes) in batch.frames() {
            let peeled = peeler.peel(head.link, head.at, bytes, head.wire_length);
            let frame = FrameIn {
                at: head.at,
                frame: head.number,
                cite: Cite::new(head.input, head.frame),
                interface: head.interface,
                wire_length: head.wire_length,
            };
            if let Some(shard) = shards.get_mut(usize::from(peeled.layers.shard)) {
                shard.frame(&frame, &peeled, bytes, &mut said);
            }
            said.clear();
            packets += 1;
        }
    }
}

fn print(packets: u64, whole_ns: f64, clock_ns: f64) {
    println!("| parser | asked | ns each | messages or pieces | bytes each | ns each |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let mut parsing_ns = 0.0;
    for (parser, account) in ALL.iter().zip(&ACCOUNTS) {
        let [probes, probing, pieces, bytes, reading] =
            [&account.probes, &account.probing_ns, &account.pieces, &account.bytes, &account.reading_ns]
                .map(|it| it.load(Relaxed) as f64);
        let [probing, reading] =
            [(probing, probes), (reading, pieces)].map(|(ns, calls)| (ns - calls * clock_ns).max(0.0));
        parsing_ns += probing + reading;
        let each = |sum: f64, count: f64| if count == 0.0 { 0.0 } else { sum / count };
        println!(
            "| {} | {probes} | {:.0} | {pieces} | {:.0} | {:.0} |",
            parser.name,
            each(probing, probes),
            each(bytes, pieces),
            each(reading, pieces)
        );
    }
    let of = |ns: f64| ns / packets as f64;
    println!();
    println!(
        "{packets} packets; parsers take {:.0} ns a packet of {:.0} that reading, peeling and the shards take with them.",
        of(parsing_ns),
        of(whole_ns)
    );
}

/// What reading the clock twice takes, where nothing came between: the median of many means.
fn clock_ns() -> f64 {
    let mut means: Vec<f64> = (0..CLOCK_ROUNDS)
        .map(|_| {
            (0..CLOCK_ROUNDS).map(|_| nanoseconds(Instant::now())).sum::<u64>() as f64 / CLOCK_ROUNDS as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means[means.len() / 2]
}

const CLOCK_ROUNDS: usize = 1_000;
const SEED: u64 = 1;
