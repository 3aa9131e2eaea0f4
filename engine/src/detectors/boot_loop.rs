//! `boot-loop`: a device restarts again and again.
//!
//! ## What it says
//! Three times within an hour of one another a device was silent and then did what one does after a start: it asked for
//! an address, or whether its own is free. Nothing showed that it had run on meanwhile.
//!
//! ## Why it matters
//! Between two starts it looks healthy, and most of what it should record is missing.
//!
//! ## Where it is wrong
//! Where somebody or a watchdog switches its power off and on: the port's log tells.
//!
//! ## State
//! None of its own: [`crate::verdict::again`] sorts what befell a device, and this words it.

use super::device_flapping::{Around, evidence};
use crate::finding::{Alternative, Cause, Finding, Kind, Revision, Severity, id};
use crate::report::time::{clock_time, length};
use crate::verdict::account::{subject_of, title_of};
use crate::verdict::again::Repeated;

/// The kind.
pub const KIND: Kind = Kind {
    id: "boot-loop",
    category: "availability",
    severity: Severity::High,
    source: include_str!("boot_loop.rs"),
    start: None,
};

/// Puts it into words.
#[must_use]
pub fn finding(repeated: &Repeated<'_>, around: Around<'_>) -> Option<Finding> {
    let Around { opened_as, directory, switch, supersedes, now } = around;
    let (first, last) = (repeated.episodes.first()?, repeated.episodes.last()?);
    let (since, _) = first.from();
    let (detected, ended) = (repeated.clear()?, repeated.ended(now));
    let name = title_of(repeated.device, directory);
    let who = subject_of(repeated.device, directory);
    let starts = repeated.starts();
    let evidence = evidence(&repeated.episodes);
    let all: Vec<usize> = (0..evidence.len()).collect();
    let weigh = |cause, confidence, would_change| Alternative {
        cause,
        confidence,
        speaks_for: all.clone(),
        speaks_against: Vec::new(),
        would_change,
    };
    Some(Finding {
        id: id(KIND.id, opened_as, since),
        confidence: SURE,
        owner: Cause::Device.owner(),
        dispatch: Some("wait"),
        devices: vec![repeated.device],
        switch,
        cause: Some(Cause::Device),
        alternatives: vec![
            weigh(Cause::Device, 65, "its own log: crash or watchdog before each start"),
            weigh(Cause::Power, 30, "the port's PoE log: power lost before each start, by a fault or by a watchdog that switches it"),
        ],
        revisions: vec![Revision {
            at: detected,
            cause: Cause::Device,
            confidence: SURE,
            because: "it started for the third time".to_owned(),
        }],
        supersedes,
        title: format!("{name}: restarted {starts} times since {} UTC", clock_time(since)),
        summary: format!(
            "{who} restarts again and again: {starts} times between {} and {} UTC. It is physical security's turn: look at its firmware and its supply. Before somebody goes there, IT looks whether the port's power was lost each time.",
            clock_time(since),
            clock_time(last.to().map_or(now, |(at, _)| at))
        ),
        detail: format!(
            "{starts} starts in {}, each with questions for an address or whether one is free (DHCP, ARP or ND probes) after a silence.",
            length(last.to().map_or(now, |(at, _)| at) - since)
        ),
        remedy: "Read the port's PoE log. Power steady: load the factory settings and the last good firmware, then replace the device.".to_owned(),
        verify: "It runs for longer than it ever did; this finding then gets an end.".to_owned(),
        evidence,
        last_seen: last.to().map_or(now, |(at, _)| at),
        ended,
        count: starts as u64,
        ..Finding::of_network(&KIND, "", since, detected)
    })
}

/// Three starts seen, in per cent.
const SURE: u8 = 85;
