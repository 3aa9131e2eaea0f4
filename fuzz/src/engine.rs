//! The whole engine: frames to observations to the report.
//!
//! The input is frames, as in [`crate::frames`]. All go to one shard, whatever
//! their addresses, so that few frames meet in its tables.

use spanwatch_engine::clock::{Clock, Moment};
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::observation::{Cite, Observation};
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::build::{Run, report};
use spanwatch_engine::report::{csv, jsonl, table};
use spanwatch_engine::shard::{FrameIn, Shard};
use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Fact, Time};

use crate::frames::{self, Frame};

/// Holds frames to the laws.
///
/// # Panics
/// Where a law is broken.
pub fn hold(input: &[u8]) {
    let frames = frames::read_all(input);
    let (steps, clock) = steps(&frames, 1);
    hold_order(&steps);
    let (again, _) = self::steps(&frames, u64::MAX);
    assert!(steps == again, "no result depends on the tables' seed:\n{}", difference(&steps, &again));
    let mut ledger = Ledger::new(Fingerprints::builtin());
    for step in &steps {
        match step {
            Step::Seen(seen) => ledger.observe(seen),
            Step::Said(Moment::Tick(at)) => ledger.complete(*at),
            Step::Said(Moment::Gap { from, to, why }) => ledger.gap(*from, *to, *why),
            Step::Said(Moment::Leap { from, to }) => ledger.leap(*from, *to, Cite::default()),
            Step::Said(Moment::Blind { since, at, why }) => ledger.blind_since(*since, *at, *why),
            Step::Said(Moment::Dropped(dropped)) => ledger.dropped(dropped, Cite::default()),
        }
    }
    if let Some(clock) = clock {
        ledger.complete(clock);
        hold_report(ledger, clock);
    }
}

/// What the ledger is told, in this order.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // Nearly all are observations.
enum Step {
    Seen(Observation),
    Said(Moment),
}

fn steps(frames: &[Frame<'_>], seed: u64) -> (Vec<Step>, Option<Time>) {
    let (mut clock, mut peeler) = (Clock::new(false), Peeler::new());
    let mut shard = Shard::new(0, Some(Fingerprints::builtin()), seed);
    let (mut steps, mut seen, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for (number, frame) in (1..).zip(frames) {
        clock.frame(frame.at, 0, &mut moments);
        let tick = moments.first().map(|moment| match moment {
            Moment::Tick(at) => *at,
            Moment::Gap { from, .. } | Moment::Leap { from, .. } => *from,
            Moment::Blind { since, .. } => *since,
            Moment::Dropped(dropped) => dropped.to,
        });
        if let Some(at) = tick {
            shard.tick(at, number, &mut seen);
            steps.extend(seen.drain(..).map(Step::Seen));
        }
        steps.extend(moments.drain(..).map(Step::Said));
        let peeled = peeler.peel(frame.link, frame.at, frame.bytes, frame.wire_length);
        let cite = Cite::new(0, number);
        let place =
            FrameIn { at: frame.at, frame: number, cite, interface: 0, wire_length: frame.wire_length };
        shard.frame(&place, &peeled, frame.bytes, &mut seen);
        steps.extend(seen.drain(..).map(Step::Seen));
    }
    shard.finish(clock.now().unwrap_or_default(), frames.len() as u64 + 1, &mut seen);
    steps.extend(seen.drain(..).map(Step::Seen));
    (steps, clock.now())
}

/// Observations come in the order of their places, and no two share one; what is counted was there.
fn hold_order(steps: &[Step]) {
    let mut last = None;
    for step in steps {
        let Step::Seen(seen) = step else { continue };
        assert!(last < Some(seen.place), "{last:?} stands before {seen:?}");
        last = Some(seen.place);
        match &seen.fact {
            Fact::Activity(sum) => {
                assert!(sum.packets > 0 && sum.first <= sum.last && sum.longest_gap.0 >= 0, "{sum:?}");
            }
            Fact::Stream(sum) => {
                assert!(sum.packets > 0 && sum.first <= sum.last && sum.longest_gap.0 >= 0, "{sum:?}");
            }
            _ => {}
        }
    }
}

/// The report can be written in every form, and nothing in it does harm to a terminal.
fn hold_report(ledger: Ledger, clock: Time) {
    let run = Run { clock: Some(clock), ..Run::default() };
    let report = report(ledger, &run);
    let style = table::Style { width: 120, is_coloured: false };
    let mut written = Vec::new();
    let results = [
        jsonl::write(&report, None, &mut written),
        csv::write(&report, csv::Table::Devices, true, &mut written),
        csv::write(&report, csv::Table::Findings, true, &mut written),
        csv::write(&report, csv::Table::Streams, true, &mut written),
        table::write(&report, style, &mut written),
    ];
    assert!(results.iter().all(Result::is_ok), "writing to memory cannot fail");
    let written = String::from_utf8_lossy(&written);
    let harm = written.find(|character: char| character.is_control() && !matches!(character, '\n' | '\r'));
    assert!(harm.is_none(), "a control character in {:?}", harm.and_then(|at| written.get(at..)));
    let devices = report.devices.len() as u64;
    assert_eq!(report.summary.devices, devices, "every device is in the summary");
}

/// The first two steps that are not the same.
fn difference(one: &[Step], other: &[Step]) -> String {
    let at =
        one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
    format!("{:?}\n{:?}", one.get(at), other.get(at))
}
