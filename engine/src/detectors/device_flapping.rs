//! `device-flapping`: a device was gone and came back at least three times.
//!
//! ## What it says
//! Three times within an hour of one another a device was gone and back: called offline, or cut off for more than a
//! second and a half in which media or bytes of it were lost, or waited and came at once, while nobody else was cut off with it. A device that showed
//! each time that it ran on has a bad cable, plug or port. It is over when it has held for twice its longest pause.
//!
//! ## Why it matters
//! Each time alone passes before anybody looks. Together they say that it will happen again tonight.
//!
//! ## Where it is wrong
//! Where a wireless link stands for the cable; where somebody works on the device.
//!
//! ## State
//! None of its own: [`crate::verdict::again`] sorts what befell a device, and this words it.

use spanwatch_parsers::Time;

use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Owner, Revision, Severity, id};
use crate::ledger::directory::Directory;
use crate::report::time::{clock_time, length};
use crate::verdict::account::{subject_of, title_of};
use crate::verdict::again::{Episode, Repeated};

/// The kind.
pub const KIND: Kind = Kind {
    id: "device-flapping",
    category: "availability",
    severity: Severity::Medium,
    source: include_str!("device_flapping.rs"),
    start: None,
};

/// What the ledger knows around it.
#[derive(Debug)]
pub struct Around<'a> {
    /// The device's id when the first of it was seen.
    pub opened_as: &'a str,
    /// Who is who.
    pub directory: &'a Directory,
    /// The id of the switch that the device hangs on.
    pub switch: Option<String>,
    /// Findings on single times that were made before it was clear.
    pub supersedes: Vec<String>,
    /// The last packet's time.
    pub now: Time,
}

/// Puts it into words.
#[must_use]
pub fn finding(repeated: &Repeated<'_>, around: Around<'_>) -> Option<Finding> {
    let Around { opened_as, directory, switch, supersedes, now } = around;
    let (first, last) = (repeated.episodes.first()?, repeated.episodes.last()?);
    let (since, _) = first.from();
    let (detected, ended) = (repeated.clear()?, repeated.ended(now));
    let name = title_of(repeated.device, directory);
    let who = subject_of(repeated.device, directory);
    let times = repeated.episodes.len();
    let lived = repeated.episodes.iter().filter(|it| it.lived().is_some()).count();
    let starts = repeated.starts();
    let is_link = lived > starts;
    let cause = if is_link { Cause::Link } else { Cause::Unknown };
    let confidence = if lived == times { SURE } else { LIKELY };
    let longest = repeated.episodes.iter().filter_map(|it| Some(it.to()?.0 - it.from().0)).max()?;
    let until = ended.unwrap_or(now);
    let evidence = evidence(&repeated.episodes);
    let all: Vec<usize> = (0..evidence.len()).collect();
    let weigh = |cause, confidence, would_change| Alternative {
        cause,
        confidence,
        speaks_for: all.clone(),
        speaks_against: Vec::new(),
        would_change,
    };
    let port = "the port's log: link down and up each time, and its error counters";
    let supply = "the port's PoE log: power lost each time";
    let turn = if is_link {
        "It ran all the time; its connection comes and goes. It is IT's turn: cable, plug and port."
    } else {
        "It is IT's turn first: the port's log tells whether link or power was lost each time."
    };
    Some(Finding {
        id: id(KIND.id, opened_as, since),
        confidence,
        owner: cause.owner(),
        first_check: (cause.owner() == Owner::Unknown).then(|| {
            "IT: read the log of its switch port: link or power lost each time? If neither, physical security looks at the device.".to_owned()
        }),
        dispatch: Some("wait"),
        devices: vec![repeated.device],
        switch,
        cause: Some(cause),
        alternatives: if is_link {
            vec![weigh(Cause::Link, confidence, port), weigh(Cause::Switch, 10, "other devices of that switch flapping too")]
        } else {
            vec![weigh(Cause::Power, 35, supply), weigh(Cause::Link, 35, port), weigh(Cause::Device, 25, "the device's own log")]
        },
        revisions: vec![Revision {
            at: detected,
            cause,
            confidence,
            because: "gone and back for the third time".to_owned(),
        }],
        supersedes,
        title: format!("{name}: gone and back {times} times since {} UTC", clock_time(since)),
        summary: format!(
            "{who} was gone and came back {times} times between {} and {} UTC, for up to {} each. {turn}",
            clock_time(since),
            clock_time(last.to().map_or(until, |(at, _)| at)),
            length(longest)
        ),
        detail: format!(
            "{times} interruptions; {lived} times it went on as before (same source of media, or the clock of its TCP time stamps), {starts} times it started anew. Nobody else was cut off at those moments."
        ),
        remedy: "Read the port's log and error counters. Put the device on another port with another cable; if it goes on, look at its supply.".to_owned(),
        verify: "It stays for longer than it ever did; this finding then gets an end.".to_owned(),
        evidence,
        last_seen: last.to().map_or(now, |(at, _)| at),
        ended,
        count: times as u64,
        ..Finding::of_network(&KIND, "", since, detected)
    })
}

/// For each time the last frame before, and what the return showed.
#[must_use]
pub fn evidence(episodes: &[Episode<'_>]) -> Vec<Evidence> {
    let said =
        |(at, cite), protocol, text: &str| Evidence { at, cite: Some(cite), protocol, text: text.to_owned() };
    let shown = episodes.iter().take(SHOWN_MAX).flat_map(|it| {
        let back = match (it.lived(), it.began_anew(), it.to()) {
            (Some(at), _, _) => Some(said(at, None, "it is back, and went on as before")),
            (None, Some(at), _) => Some(said(at, None, "it is back, and started anew")),
            (None, None, Some(at)) => Some(said(at, None, "first frame after")),
            (None, None, None) => None,
        };
        std::iter::once(said(it.from(), None, "last frame from the device")).chain(back)
    });
    shown.collect()
}

/// Each time the device showed that it ran on, in per cent.
const SURE: u8 = 85;
/// Some of the times, in per cent.
const LIKELY: u8 = 70;
/// Times that are shown frame by frame.
const SHOWN_MAX: usize = 6;
