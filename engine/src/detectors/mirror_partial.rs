//! `mirror-partial`: part of what was mirrored fell out of the mirror.
//!
//! ## What it says
//! Two devices and more, seen until then, sent nothing more that we could see from one moment on, while
//! others show that they live: they go on with their TCP connections to them for 20 s, send them more 10 s later and nothing twice, or report that media
//! of theirs still arrives. So it is our mirror that no longer shows them: the port of an uplink, a VLAN or a
//! source fell out of it. While it lasts these devices, and those that fell silent with them,
//! are unknown and not called offline. It is over when half of them were seen again.
//!
//! ## Why it matters
//! Nothing is known of these devices meanwhile, and what happens to them goes unnoticed.
//!
//! ## Where it is wrong
//! Where their traffic now takes a way that was never mirrored, as after a failover of an uplink: then the finding is right
//! and the mirror needs that port too. One device alone may have its answers on another way and is nothing.
//!
//! ## State
//! None of its own: [`crate::verdict::view`] notices it.

use spanwatch_parsers::Fact;

use std::collections::BTreeSet;

use super::{Detector, Known};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::Observation;
use crate::report::time::{clock_time, length};
use crate::verdict::account::title_of;
use crate::verdict::view::{Fault, How, What};

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-partial",
    category: "capture",
    severity: Severity::High,
    source: include_str!("mirror_partial.rs"),
    start: Some(|| Box::new(Partial)),
};

#[derive(Debug)]
struct Partial;

impl Detector for Partial {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _: &Observation, _: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        known.faults.iter().filter(|fault| fault.what == What::Partial).map(|it| finding(it, known)).collect()
    }
}

fn finding(fault: &Fault, known: &Known<'_>) -> Finding {
    let until = fault.ended.map(|(ended, _)| ended);
    let since = clock_time(fault.since);
    let span = match until {
        None => format!("since {since} UTC"),
        Some(ended) => {
            format!("from {since} to {} UTC ({})", clock_time(ended), length(ended - fault.since))
        }
    };
    let switch = shared_switch(&fault.members, known);
    let count = fault.members.len();
    let share = match (&switch, shared_vlan(&fault.members, known)) {
        (Some((_, name)), _) => format!(" All whose switch is known hang on {name}."),
        (None, Some(vlan)) => format!(" All are in VLAN {vlan}."),
        (None, None) => String::new(),
    };
    Finding {
        confidence: if fault.proofs.len() > 2 { MANY } else { FEW },
        dispatch: Some("no"),
        devices: fault.members.clone(),
        switch: switch.map(|(id, _)| id),
        cause: Some(Cause::Mirror),
        title: format!("The mirror does not show {count} devices {span}"),
        summary: format!(
            "Spanwatch did not see {count} devices {span}, but others go on talking with them: they run, and it is the mirror that does not show them. Whether anything else happened to them meanwhile is unknown. Nobody needs to visit them. It is IT's turn: check the sources of the mirror session."
        ),
        detail: format!(
            "Not seen: {}.{share} {} of them were shown to live by their peers, who acknowledge what we do not see or report that media arrives. All kinds of traffic from them stopped within 1.5 s; a port, VLAN or source was taken out of the mirror session, or their traffic now goes over a port that is not mirrored.",
            named(&fault.members, known),
            fault.proofs.iter().map(|proof| proof.device).collect::<BTreeSet<_>>().len(),
        ),
        remedy: "Compare the mirror session's source list (ports, VLANs, direction) with what it should be: the uplink or VLAN of these devices is missing. `spanwatch doctor` names the commands for your switch.".to_owned(),
        verify: "Frames from these devices are seen again; this finding then gets an end.".to_owned(),
        evidence: evidence(fault, known),
        last_seen: until.unwrap_or(known.now),
        ended: until,
        ..Finding::of_network(&KIND, "", fault.since, fault.detected)
    }
}

/// The first few by name, and how many more there are.
pub(super) fn named(members: &[Number], known: &Known<'_>) -> String {
    let names: Vec<String> =
        members.iter().take(NAMED_MAX).map(|number| title_of(*number, known.directory)).collect();
    match members.len().saturating_sub(NAMED_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// What was last seen, what shows that it goes on, and what came back first.
pub(super) fn evidence(fault: &Fault, known: &Known<'_>) -> Vec<Evidence> {
    let name =
        |who: Option<Number>| who.map_or_else(|| "somebody".to_owned(), |it| title_of(it, known.directory));
    let last = fault.last_frame.map(|cite| Evidence {
        at: fault.since,
        cite: Some(cite),
        protocol: None,
        text: "last frame of what is missing since".to_owned(),
    });
    let lives = fault.proofs.iter().map(|proof| {
        let (by, device) = (name(proof.by), name(proof.device));
        let (protocol, text) = match proof.how {
            How::GoesOn(packets) => (
                "tcp",
                format!("{by} goes on talking to {device}: {packets} packets in 10 s, and nothing seen back"),
            ),
            How::IsAnswered(after) => (
                "tcp",
                format!(
                    "{by} sent {device} more {} later and nothing twice, so it was acknowledged; nothing was seen back",
                    length(after)
                ),
            ),
            How::Receives(packets) => (
                "rtcp",
                format!("{by} reports {packets} more packets of media from {device}, and none was seen"),
            ),
        };
        Evidence { at: proof.at, cite: Some(proof.cite), protocol: Some(protocol), text }
    });
    let back = fault.ended.map(|(at, cite)| Evidence {
        at,
        cite: Some(cite),
        protocol: None,
        text: "first frame of what was missing".to_owned(),
    });
    last.into_iter().chain(lives).chain(back).collect()
}

/// The id and the name of the one switch that all hang on whose switch is known.
fn shared_switch(members: &[Number], known: &Known<'_>) -> Option<(String, String)> {
    let ids: BTreeSet<String> = members.iter().filter_map(|number| known.switch_of(*number)).collect();
    let id = ids.first().filter(|_| ids.len() == 1)?.clone();
    let switch = known.switches.get(&id.as_str().into()).and_then(|switch| switch.name.clone());
    let name = switch.map_or_else(|| id.clone(), |name| name.as_str().to_owned());
    Some((id, name))
}

/// The one VLAN that all are in.
fn shared_vlan(members: &[Number], known: &Known<'_>) -> Option<u16> {
    let mut vlans =
        members.iter().map(|number| known.directory.device(*number).map(|it| it.vlans.as_slice()));
    let first = vlans.next()??;
    let [vlan] = first else { return None };
    vlans.all(|other| other == Some(first)).then_some(*vlan)
}

/// So many devices are heard by their peers, in per cent (facts, offline_and_switch 7).
const MANY: u8 = 92;
/// Two, in per cent.
const FEW: u8 = 80;
/// Names in one sentence.
const NAMED_MAX: usize = 6;
