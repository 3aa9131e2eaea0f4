//! `stream-loss-shared`: packets of several devices are lost on the way that they share.
//!
//! ## What it says
//! Three devices and more lose packets of their media before they come by us (each as `stream-loss` says it), and they
//! do so in the same seconds, began within 5 s of one another, or hang on one switch and began within 30 s. One
//! finding names them all and stands for what was said of each. Where they lose only when the way is full it is
//! `path-congestion`.
//!
//! ## Why it matters
//! It is not three bad cameras but one bad uplink: a damaged fibre or plug, a wrong duplex, or more traffic than fits.
//!
//! ## Where it is wrong
//! Several bad cables at one switch that began to lose within half a minute. Which uplink it is can be told only where the switches of the
//! devices are known.
//!
//! ## State
//! None of its own: see `ledger/loss`.

use spanwatch_parsers::Fact;

use super::losses::{self, instead, share, when};
use super::{Detector, Known, stream_loss};
use crate::finding::{Cause, Finding, Kind, Severity, id};
use crate::ledger::loss::episode::{Episode, Place};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "stream-loss-shared",
    category: "availability",
    severity: Severity::High,
    source: include_str!("stream_loss_shared.rs"),
    start: Some(|| Box::new(StreamLossShared)),
};

/// All hang on one switch, in per cent.
const BY_SWITCH: u8 = 85;
/// By the time alone, in per cent.
const BY_TIME: u8 = 75;

#[derive(Debug)]
struct StreamLossShared;

impl Detector for StreamLossShared {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _seen: &Observation, _known: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        known.losses.of(Place::Path).map(|episode| finding(episode, known)).collect()
    }
}

fn finding(episode: &Episode, known: &Known<'_>) -> Finding {
    let sum = episode.sum();
    let many = episode.members.len();
    let subject = episode.subject.map_or_else(String::new, |ip| ip.to_string());
    let switch = episode.switch.as_ref().map(|id| known.switch_name(id));
    let (cause, place) = match &switch {
        Some(switch) => (Cause::Uplink, format!("the uplink of switch {switch}")),
        None => (Cause::NetworkPath, "the switch uplink that they share".to_owned()),
    };
    let of_single = |it: &Episode| it.subject.map(|ip| id(stream_loss::KIND.id, &ip.to_string(), it.since));
    Finding {
        confidence: if switch.is_some() { BY_SWITCH } else { BY_TIME },
        cause: Some(cause),
        devices: losses::devices(episode),
        alternatives: vec![instead(
            if switch.is_some() { Cause::NetworkPath } else { Cause::Uplink },
            40,
            "the error and discard counters of each port on the way",
        )],
        supersedes: known.losses.superseded_by(episode).filter_map(of_single).collect(),
        title: format!("Pictures of {many} devices lose packets on one way ({})", share(sum)),
        summary: format!(
            "{} pieces of the pictures of {many} devices go missing together: {}. The devices are not at fault. It is IT's turn: check {place}.",
            when(episode),
            losses::names(episode, known)
        ),
        detail: format!(
            "{} of {} RTP packets of {many} senders did not come by the mirror. {}.",
            sum.0,
            sum.1,
            losses::shares(episode, known)
        ),
        remedy: format!(
            "Read errors and discards on both ends of {place}, its load, speed and duplex; clean or change the fibre or the cable, or give it more room."
        ),
        verify: "The counters stand still; after a minute without loss this finding gets an end.".to_owned(),
        evidence: losses::evidence(episode, known),
        ..losses::begun(&KIND, episode, &subject)
    }
}
