//! `mirror-one-way`: the mirror shows one direction of nearly all conversations.
//!
//! ## What it says
//! Of the TCP connections between at least four pairs of hosts that went on for 20 s and more, or in which one side sent more
//! 10 s later and nothing twice, nine in ten and more showed one side only, from the start of the capture or from some moment on. TCP needs both, so the other
//! side is there and is not copied to us. Devices that fell out of sight with it are unknown while it
//! lasts, and are not called offline. It is over once most connections show both sides again.
//!
//! ## Why it matters
//! Half of what devices say is not seen: answers, refusals, the reports of recorders. Whether a device
//! answers cannot be told, and loss of video is not told from loss in the mirror.
//!
//! ## Where it is wrong
//! Where all traffic really returns by another way that is not mirrored: the finding is then right, and
//! the remedy is to mirror that way too. A single conversation seen one way is nothing. Video over UDP without
//! reports is one-sided by nature and is not counted.
//!
//! ## State
//! None of its own: [`crate::verdict::view`] notices it.

use spanwatch_parsers::Fact;

use super::mirror_partial::{evidence, named};
use super::{Detector, Known};
use crate::finding::{Cause, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};
use crate::verdict::view::{Fault, What};

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-one-way",
    category: "capture",
    severity: Severity::High,
    source: include_str!("mirror_one_way.rs"),
    start: Some(|| Box::new(OneWay)),
};

#[derive(Debug)]
struct OneWay;

impl Detector for OneWay {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _: &Observation, _: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        known.faults.iter().filter(|fault| fault.what == What::OneWay).map(|it| finding(it, known)).collect()
    }
}

fn finding(fault: &Fault, known: &Known<'_>) -> Finding {
    let (lone, all) = fault.talks;
    let until = fault.ended.map(|(ended, _)| ended);
    let span = match (fault.is_from_the_start(), until) {
        (true, None) => "from the first packet on".to_owned(),
        (true, Some(ended)) => format!("until {} UTC", clock_time(ended)),
        (false, None) => format!("since {} UTC", clock_time(fault.since)),
        (false, Some(ended)) => format!(
            "from {} to {} UTC ({})",
            clock_time(fault.since),
            clock_time(ended),
            length(ended - fault.since)
        ),
    };
    let unseen = named(&fault.members, known);
    let unseen = if unseen.is_empty() { "devices that we do not know".to_owned() } else { unseen };
    Finding {
        confidence: if fault.is_from_the_start() { NEVER_SEEN } else { WAS_SEEN },
        dispatch: Some("no"),
        cause: Some(Cause::Mirror),
        title: format!("The mirror shows one direction only {span}"),
        summary: format!(
            "Spanwatch saw only one side of nearly all conversations {span}: the mirror does not copy the other direction to it. Nothing is wrong with the devices themselves for all we know, and nobody needs to visit them. It is IT's turn: mirror both directions."
        ),
        detail: format!(
            "{lone} of {all} TCP connections that went on showed one side only. Not seen is what these send: {unseen}. A source port mirrored in one direction (rx or tx), or the way back runs over a port that is not mirrored."
        ),
        remedy: "Mirror both directions (rx and tx) of the source ports; where traffic returns by another uplink, mirror that one too. `spanwatch doctor` names the commands for your switch.".to_owned(),
        verify: "`spanwatch doctor` over a new capture says that both directions are seen.".to_owned(),
        evidence: evidence(fault, known),
        last_seen: until.unwrap_or(known.now),
        ended: until,
        ..Finding::of_network(&KIND, "", fault.since, fault.detected)
    }
}

/// Both sides were there before, in per cent.
const WAS_SEEN: u8 = 92;
/// The other side never was, in per cent: it may go another way.
const NEVER_SEEN: u8 = 85;
