//! `switch-fault`: the devices of one switch vanish together again and again.
//!
//! ## What it says
//! Devices were gone together twice or more within a day, and they were mostly the same: half of them behind a switch that is
//! known, four fifths where nobody named one. Each time alone is told as `devices-offline-together`; this replaces them.
//!
//! ## Why it matters
//! Every outage ends before somebody comes, and everybody looks at the cameras. What they share is what fails.
//!
//! ## Where it is wrong
//! Where people switch the same devices off and on, or somebody works on the switch.
//!
//! ## State
//! None of its own: [`crate::verdict::again`] finds incidents of one group, and this words them.

use spanwatch_parsers::Time;

use crate::detectors::devices_offline_together::counted;
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Revision, Severity, id};
use crate::ledger::directory::Directory;
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "switch-fault",
    category: "network",
    severity: Severity::Critical,
    source: include_str!("switch_fault.rs"),
    start: None,
};

/// Puts outages of one group, two at least, in order of time, into words. `name` is what to call their switch,
/// `directory` who is who.
#[must_use]
pub fn finding(
    outages: &[Finding],
    name: Option<&str>,
    directory: &Directory,
    opened_as: &str,
    now: Time,
) -> Option<Finding> {
    let [first, second, ..] = outages else { return None };
    let last = outages.last()?;
    let mut devices = first.devices.clone();
    for outage in outages.iter().skip(1) {
        devices.extend(outage.devices.iter().filter(|device| !devices.contains(device)).collect::<Vec<_>>());
    }
    let thing = name.map_or_else(|| "what they share".to_owned(), |name| format!("switch {name}"));
    let (since, times) = (first.first_seen, outages.len());
    let what = counted(devices.iter().copied(), directory);
    let place = name.map_or_else(String::new, |name| format!(" behind switch {name}"));
    let often = if times == 2 { "twice".to_owned() } else { format!("{times} times") };
    let spans: Vec<String> = outages.iter().map(span).collect();
    let evidence: Vec<Evidence> =
        outages.iter().flat_map(|outage| outage.evidence.iter().take(SHOWN_MAX).cloned()).collect();
    let all: Vec<usize> = (0..evidence.len()).collect();
    let powers = outages.iter().filter(|it| it.cause == Some(Cause::Power)).count();
    let uplinks = outages.iter().filter(|it| it.cause == Some(Cause::Uplink)).count();
    let cause = if powers == times { Cause::Power } else { Cause::Switch };
    let weigh = |cause, confidence, would_change| Alternative {
        cause,
        confidence,
        speaks_for: all.clone(),
        speaks_against: Vec::new(),
        would_change,
    };
    let supply = "its supplies and their log";
    let log = "its own log and uptime";
    let alternatives = match cause {
        Cause::Power => vec![weigh(Cause::Power, SURE, supply), weigh(Cause::Switch, 30, log)],
        _ => vec![
            weigh(Cause::Switch, SURE, log),
            weigh(
                Cause::Uplink,
                if uplinks == times { 45 } else { 20 },
                "the uplink's counters and log on both ends",
            ),
        ],
    };
    let revisions = first.revisions.iter().cloned().chain(std::iter::once(Revision {
        at: second.detected,
        cause,
        confidence: SURE,
        because: "the same devices vanished together for the second time".to_owned(),
    }));
    let ended = last.ended.filter(|ended| now - *ended > QUIET);
    Some(Finding {
        id: id(KIND.id, opened_as, since),
        confidence: SURE,
        dispatch: Some("no"),
        switch: last.switch.clone().or_else(|| first.switch.clone()),
        cause: Some(cause),
        alternatives,
        revisions: revisions.collect(),
        supersedes: outages.iter().flat_map(|it| std::iter::once(it.id.clone()).chain(it.supersedes.clone())).collect(),
        title: format!("{what}{place}: gone together {often} since {} UTC", clock_time(since)),
        summary: format!(
            "{what}{place} vanished together {often}: {}. They share {thing}, and that is what fails; the devices are not to blame. It is IT's turn: replace or repair {thing}, its supply or its uplink, before it happens again. Nobody needs to visit a camera.",
            spans.join(", ")
        ),
        detail: outages.iter().map(|it| it.detail.clone()).collect::<Vec<_>>().join(" "),
        remedy: "Read the log and the uptime of that switch and the counters of its uplink; look at its supply and its temperature. Plan its replacement if the log shows restarts.".to_owned(),
        verify: "No outage of these devices for a day.".to_owned(),
        evidence,
        last_seen: last.ended.unwrap_or(now),
        ended,
        count: times as u64,
        devices,
        ..Finding::of_network(&KIND, "", since, second.detected)
    })
}

fn span(outage: &Finding) -> String {
    let since = clock_time(outage.first_seen);
    match outage.ended {
        Some(ended) => format!("from {since} UTC for {}", length(ended - outage.first_seen)),
        None => format!("since {since} UTC"),
    }
}

/// The same devices twice, in per cent.
const SURE: u8 = 85;
/// Pieces of evidence shown of each time.
const SHOWN_MAX: usize = 12;
/// A fault that did not show for a day is taken for mended (contract, `switch-fault`).
const QUIET: spanwatch_parsers::Span = spanwatch_parsers::Span::seconds(86_400);
