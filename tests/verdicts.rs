//! What the verdict is worth: made-up sites by the thousand, each held against its truth.
//!
//! The small form is part of `make test`. `make verdicts` is the whole: `SPANWATCH_ALL=1`, and numbers of one's own
//! by `SPANWATCH_SITES` (second depth), `SPANWATCH_PACKET_SITES`, `SPANWATCH_DAYS` (healthy device-days, second
//! depth), `SPANWATCH_PACKET_DAYS`; `SPANWATCH_FROM` is the first seed. `SPANWATCH_RESERVED=1` takes the seeds that
//! nothing was tuned on, and shows sums alone. `docs/verdicts.md` says what is measured.

mod support;

#[path = "support/figures.rs"]
mod figures;
#[path = "support/judge.rs"]
mod judge;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/tally.rs"]
mod tally;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use spanwatch_engine::detectors;
use spanwatch_simulator::incident::{Plan, is_reserved, random_order};
use spanwatch_simulator::mirror::Writer;
use spanwatch_simulator::options::{IncidentOrder, Options, SECOND, View};
use spanwatch_simulator::random::Random;
use spanwatch_simulator::run::{plan, run};
use spanwatch_simulator::tap::{Out, Sink};
use spanwatch_simulator::truth::Truth;

use judge::judge;
use observed::Observed;
use support::is_asked_for;
use support::run::piped;
use tally::Tally;

/// How a site comes to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What an attentive reader would note, straight to the ledger.
    Sights,
    /// As packets, through the program.
    Packets,
}

/// Packets to a pipe.
struct Capture<W: Write>(Writer<W>);

impl<W: Write> Sink for Capture<W> {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        self.0.frame(at, bytes, wire_length);
        if self.0.has_failed() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }
}

impl Depth {
    fn run(self, plan: &Plan) -> (Truth, Value) {
        match self {
            Self::Sights => {
                let mut observed = Observed::default();
                let truth = run(plan, Out::Sights(&mut observed), |_| ()).expect("the reader takes all");
                (truth, serde_json::to_value(observed.report()).expect("a report is JSON"))
            }
            Self::Packets => {
                let mut truth = None;
                let outcome = piped(&["replay", "-", "--format=json"], |program| {
                    let snap = plan.options.form.snap.unwrap_or(0);
                    let mut capture = Capture(Writer::new(program, snap).expect("the program takes bytes"));
                    truth = Some(run(plan, Out::Packets(&mut capture), |_| ()).expect("it takes all"));
                    capture.0.finish().expect("it takes all");
                });
                (truth.expect("it was run"), outcome.report())
            }
        }
    }

    /// The kinds that can be said; some need what only packets show.
    fn kinds(self) -> BTreeSet<&'static str> {
        let all = detectors::ALL.iter().map(|kind| kind.id);
        all.filter(|kind| self == Self::Packets || !ONLY_BY_PACKETS.contains(kind)).collect()
    }
}

/// Holds every site against its truth, on all cores; the sum is in the order of the sites.
fn judged(orders: &[Options], depth: Depth) -> Tally {
    let kinds = depth.kinds();
    let next = AtomicUsize::new(0);
    let done: Vec<_> = orders.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(order) = orders.get(index) else { return };
                    let plan = plan(order).expect("it can be done");
                    let (truth, report) = depth.run(&plan);
                    let judgement = judge(&truth, &report, &kinds);
                    *done[index].lock().expect("nobody panicked") = Some(judgement);
                }
            });
        }
    });
    let mut tally = Tally::default();
    for (order, judgement) in orders.iter().zip(done) {
        let judgement = judgement.into_inner().expect("nobody panicked").expect("all are done");
        tally.add(judgement, &order.arguments());
    }
    tally
}

/// The seeds of this run, from the first.
fn seeds() -> impl Iterator<Item = u64> {
    let reserved = is_asked_for("SPANWATCH_RESERVED");
    (number("SPANWATCH_FROM", 1, 1)..).filter(move |seed| is_reserved(*seed) == reserved)
}

/// A number given by the environment, else one for the small form and one for the whole.
fn number(variable: &str, small: u64, whole: u64) -> u64 {
    let given = std::env::var_os(variable).map(|value| {
        let value = value.into_string().unwrap_or_default();
        value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}"))
    });
    given.unwrap_or(if is_asked_for("SPANWATCH_ALL") { whole } else { small })
}

/// Healthy sites until there are so many device-days: mixed in size, shape, mirror and habits, every other one with
/// faults of the mirror's and near misses.
fn healthy(device_days: u64, depth: Depth) -> Vec<Options> {
    let mut left = device_days as i64 * 86_400;
    let each = if depth == Depth::Sights { 12 } else { 4 };
    seeds()
        .map(|seed| healthy_order(seed, each, depth))
        .take_while(|order| {
            let is_due = left > 0;
            left -= i64::from(order.devices) * order.length / SECOND;
            is_due
        })
        .collect()
}

fn healthy_order(seed: u64, hours: i64, depth: Depth) -> Options {
    let mut random = Random::of(seed, "healthy", 0);
    let mut order = Options { random_incidents: 0, length: hours * 3_600 * SECOND, ..random_order(seed) };
    order.frame_rate = Some(5);
    if depth == Depth::Packets {
        (order.bit_rate, order.frame_rate) = (Some(20_000), Some(2));
        order.form.snap = None;
    }
    if random.below(2) == 0 {
        return order;
    }
    let near = |order: &Options| if order.devices >= 20 { NEAR_MISSES } else { &[] };
    let kinds: Vec<&str> = FAULTS.iter().chain(near(&order)).copied().collect();
    let slots = random.between(2, 5);
    let mut chosen = BTreeSet::new();
    for slot in 1..=slots {
        let kind = *random.pick(&kinds);
        if !chosen.insert(kind) {
            continue;
        }
        if matches!(kind, "mirror-one-way" | "mirror-partial") {
            order.view = View::Core;
        }
        let after = order.length / (slots + 1) * slot + random.between(0, 600 * SECOND);
        let mut with = order.clone();
        with.incidents.push(IncidentOrder {
            kind: kind.to_owned(),
            after: Some(after / SECOND * SECOND + 371_000_000),
            subject: None,
            length: None,
        });
        if plan(&with).is_ok() {
            order = with;
        }
    }
    order
}

fn show(title: &str, tally: &Tally) {
    println!("\n## {title}\n\n{tally}");
    if !is_asked_for("SPANWATCH_RESERVED") {
        println!("{}", tally.examples());
    }
}

#[test]
fn incidents_are_told_as_they_were() {
    let sites = number("SPANWATCH_SITES", 60, 2_000);
    let orders: Vec<Options> = seeds().take(sites as usize).map(random_order).collect();
    let tally = judged(&orders, Depth::Sights);
    show("Incidents, straight to the ledger", &tally);
    let (due, amiss) = tally.due();
    assert!(due > 0 || sites == 0);
    assert!(amiss * 100 <= due * MOST_AMISS, "{amiss} of {due} findings are missed or have another cause");
    assert_eq!(tally.wrong().1, 0, "devices are called gone that are there");
}

#[test]
fn incidents_are_told_as_they_were_through_packets() {
    let sites = number("SPANWATCH_PACKET_SITES", 2, 60);
    let orders: Vec<Options> = seeds().take(sites as usize).map(random_order).collect();
    let tally = judged(&orders, Depth::Packets);
    show("Incidents, through packets", &tally);
}

#[test]
fn nobody_is_called_gone_who_is_there() {
    let days = number("SPANWATCH_DAYS", 40, 2_000);
    let tally = judged(&healthy(days, Depth::Sights), Depth::Sights);
    show("Healthy sites, straight to the ledger", &tally);
    assert_eq!(tally.wrong().1, 0, "devices are called gone that are there");
}

#[test]
fn nobody_is_called_gone_who_is_there_through_packets() {
    let days = number("SPANWATCH_PACKET_DAYS", 0, 100);
    let tally = judged(&healthy(days, Depth::Packets), Depth::Packets);
    show("Healthy sites, through packets", &tally);
    assert_eq!(tally.wrong().1, 0, "devices are called gone that are there");
}

/// The mirror's own incidents, which a second depth can show.
const FAULTS: &[&str] = &[
    "mirror-lost",
    "mirror-one-way",
    "mirror-partial",
    "mirror-drops",
    "mirror-duplicates",
    "clock-step-back",
    "clock-step-forward",
];
/// What looks like an incident and is none; sites of some size have whom it could happen to.
const NEAR_MISSES: &[&str] =
    &["motion-stream", "on-demand-stream", "sleeping-device", "recorder-reconnect", "short-blip"];
/// Kinds that need what sights do not tell.
const ONLY_BY_PACKETS: &[&str] = &["mirror-truncated", "input-damaged"];
/// So many of a hundred findings may be missed or have another cause; to be lowered as the verdict gets better.
const MOST_AMISS: u64 = 40;
