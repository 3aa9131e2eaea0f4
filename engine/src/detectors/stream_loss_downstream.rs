//! `stream-loss-downstream`: packets that came by us do not arrive.
//!
//! ## What it says
//! A receiver of media reports (RTCP) missing packets, twice and more within a minute, at least 10 and half a per cent of them, that
//! came by our mirror; or a camera whose media goes inside TCP sends as much again that came by, in five seconds and more, for nobody
//! acknowledged it. They are lost behind the mirrored switch: on the way to the receiver, or in its own network card or
//! processor. One finding for each receiver names the cameras. A minute without ends it.
//!
//! ## Why it matters
//! The recording has holes although every camera and its cable is fine: nobody needs to climb a ladder.
//!
//! ## Where it is wrong
//! A receiver that counts wrongly. Reports are compared only over times in which the stream was seen without a pause.
//!
//! ## State
//! None of its own: see `ledger/loss`.

use spanwatch_parsers::Fact;

use std::net::IpAddr;

use super::losses::{self, instead, share, when};
use super::{Detector, Known};
use crate::finding::{Cause, Finding, Kind, Severity};
use crate::ledger::loss::episode::{Episode, Place};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "stream-loss-downstream",
    category: "availability",
    severity: Severity::Medium,
    source: include_str!("stream_loss_downstream.rs"),
    start: Some(|| Box::new(StreamLossDownstream)),
};

/// The receiver reports it, in per cent.
const BY_REPORT: u8 = 85;

#[derive(Debug)]
struct StreamLossDownstream;

impl Detector for StreamLossDownstream {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _seen: &Observation, _known: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let episodes = known.losses.of(Place::Receiver);
        episodes.filter_map(|it| Some(finding(it, it.subject?, known))).collect()
    }
}

fn finding(episode: &Episode, receiver: IpAddr, known: &Known<'_>) -> Finding {
    let sum = episode.sum();
    let (number, name) = known.holder(receiver, episode.vlan);
    let devices = number.into_iter().chain(losses::devices(episode)).collect();
    Finding {
        confidence: BY_REPORT,
        cause: Some(Cause::NetworkPath),
        devices,
        switch: number.and_then(|number| known.switch_of(number)),
        alternatives: vec![
            instead(Cause::Recorder, 30, "its own counters of dropped packets, and its load"),
            instead(Cause::Link, 30, "the error counters of its switch port"),
        ],
        title: format!("{name} does not get {} of the packets sent to it", share(sum)),
        summary: format!(
            "{} pictures arrive at {name} with pieces missing, though the cameras sent them whole: {}. The cameras and their cables are fine. It is IT's turn: check the way to {name}, then its network card and its load.",
            when(episode),
            losses::names(episode, known)
        ),
        detail: format!(
            "{receiver} did not get {} of {} packets with media that came by the mirror ({}). {}.",
            sum.0,
            sum.1,
            share(sum),
            losses::shares(episode, known)
        ),
        remedy: format!(
            "Read errors and discards on the ports between the mirrored switch and {name}, its own included; then the receive drops of its network card and the load of its processor and disks."
        ),
        verify: "The receiver gets all that is sent; after a minute this finding gets an end.".to_owned(),
        evidence: losses::evidence(episode, known),
        ..losses::begun(&KIND, episode, &receiver.to_string())
    }
}
