//! A parser and a detector that panic, in the whole pipeline at several numbers of threads.

use std::path::PathBuf;

use spanwatch_capture::{Inputs, Reader};
use spanwatch_engine::detectors::{self, Detector, Known, port_scan};
use spanwatch_engine::finding::Finding;
use spanwatch_engine::report::build::{Run, report};
use spanwatch_engine::report::{Report, json};
use spanwatch_parsers::{ALL, Fact, On, Probe, Start};

use super::*;

/// Is asked of ARP before the others, and panics where the address that is asked for is even.
static BROKEN: Parser = Parser {
    name: "broken",
    about: "",
    source: "",
    on: &[On::EtherType(0x0806)],
    probe: |_, bytes| {
        assert!(bytes.get(27).is_none_or(|last| last % 2 == 1), "a message that goes wrong on purpose");
        Probe::No
    },
    start: Start::Datagram(|_, _, _| Ok(())),
};

/// Panics at every observation of a device that is told by ARP.
#[derive(Debug)]
struct Faulty;

impl Detector for Faulty {
    fn reads(&self, _: &Fact) -> bool {
        true
    }

    fn observe(&mut self, seen: &Observation, _: &Known<'_>) {
        assert!(seen.source != "arp", "a turn that goes wrong on purpose");
    }

    fn findings(&self, _: &Known<'_>) -> Vec<Finding> {
        Vec::new()
    }
}

static FAULTY: Kind = Kind { id: "faulty", start: Some(|| Box::new(Faulty)), ..port_scan::KIND };

fn analysed(threads: usize, is_broken: bool) -> (Report, u64) {
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pcaps/site-six-behind-a-switch.pcapng");
    let reader = Reader::new(Inputs::find(&[sample]).unwrap(), None);
    let (mut parsers, mut kinds) = (ALL.to_vec(), detectors::ALL.to_vec());
    if is_broken {
        parsers.insert(0, &BROKEN);
        kinds.insert(0, &FAULTY);
    }
    let health = Arc::<Health>::default();
    let known = Knowledge {
        fingerprints: Fingerprints::builtin(),
        inventory: Arc::default(),
        tests_passwords: true,
        memory: Arc::default(),
        recorder: None,
        health: Arc::clone(&health),
        parsers: parsers.leak(),
        kinds: kinds.leak(),
        policy: Arc::default(),
        networks: Arc::default(),
    };
    let analysis = analyse(Box::new(reader), threads, &known, None, &mut |_, _| {}).unwrap();
    assert_eq!(health.waiting(), 0);
    let frames = analysis.peeled.frames;
    (report(analysis.ledger, &Run { clock: analysis.clock, ..Run::default() }), frames)
}

#[test]
fn panics_cost_messages_and_turns_and_the_same_ones_at_any_number_of_threads() {
    let mut told = Vec::new();
    for threads in [1, 2, 8] {
        let (report, frames) = analysed(threads, true);
        let names: Vec<&str> = report.capture.panics.keys().map(String::as_str).collect();
        assert_eq!(names, ["detector faulty", "parser broken"], "{:?}", report.capture.panics);
        let mut bytes = Vec::new();
        json::write(&report, &mut bytes).unwrap();
        told.push((frames, bytes));
    }
    assert!(told.iter().all(|one| *one == told[0]), "the same bytes at 1, 2 and 8 threads");
    let (sound, frames) = analysed(2, false);
    assert!(sound.capture.panics.is_empty());
    assert_eq!(frames, told[0].0, "every packet was taken");
    let (broken, _) = analysed(2, true);
    let kinds = |report: &Report| report.findings.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&broken), kinds(&sound), "all else is found as before");
}
