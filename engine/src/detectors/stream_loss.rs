//! `stream-loss`: packets of one camera's streams are lost before they come by us.
//!
//! ## What it says
//! Within a minute at least 10 packets of a device's media, and half a per cent of them, were missing, in five different seconds
//! and more, the worst second not counted, and the receiver reports the same loss. Where no receiver reports: for 20 s, while the streams of all others
//! lost nothing. Media inside TCP is measured by the segments that were missing until they were sent again. The packets went missing between the device and the mirrored switch.
//! A minute without loss ends it.
//!
//! ## Why it matters
//! The picture freezes, smears and stutters, in the live view and in the recording, and what was lost is on no disk.
//! It is mostly a bad cable, plug or port, and gets worse.
//!
//! ## Where it is wrong
//! A device that skips numbers while it drops packets by itself looks the same; a silence of two seconds and more is no
//! loss but an interruption. While our own mirror
//! drops packets nothing is said. Several devices on one way are `stream-loss-shared`, loss on the way
//! from us to the recorder is `stream-loss-downstream`.
//!
//! ## State
//! None of its own: see `ledger/loss`.

use spanwatch_parsers::Fact;

use std::net::IpAddr;

use super::losses::{self, instead, share, when};
use super::{Detector, Known};
use crate::finding::{Cause, Finding, Kind, Severity};
use crate::ledger::loss::episode::{Episode, Member, Place};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "stream-loss",
    category: "availability",
    severity: Severity::Medium,
    source: include_str!("stream_loss.rs"),
    start: Some(|| Box::new(StreamLoss)),
};

/// The receiver says the same, in per cent.
const BY_REPORT: u8 = 90;
/// Nobody reports; others lose nothing, in per cent.
const BY_OTHERS: u8 = 70;

#[derive(Debug)]
struct StreamLoss;

impl Detector for StreamLoss {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _seen: &Observation, _known: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let episodes = known.losses.of(Place::Device);
        episodes.filter_map(|it| Some(finding(it, it.members.first_key_value()?, known))).collect()
    }
}

fn finding(episode: &Episode, (ip, member): (&IpAddr, &Member), known: &Known<'_>) -> Finding {
    let name = losses::called(*ip, member.number, episode, known);
    let device = member.number.and_then(|number| known.directory.device(number));
    // Who has no hardware address of his own here is behind a router.
    let is_near = device.is_some_and(|device| !device.macs.is_empty());
    let (cause, place) = if is_near {
        (Cause::Link, "its cable, plug or switch port")
    } else {
        (Cause::NetworkPath, "the way from it to the mirrored switch")
    };
    let (lost, expected) = (member.lost, member.expected);
    let confirmed = match member.report {
        Some((by, report)) if report.is_tcp => {
            format!("{} did not get them either: they were sent again.", known.holder(by, episode.vlan).1)
        }
        Some((by, _)) => format!("The receiver {} reports the same.", known.holder(by, episode.vlan).1),
        None => "No receiver reports by RTCP; other streams lost nothing meanwhile.".to_owned(),
    };
    Finding {
        confidence: if member.report.is_some() { BY_REPORT } else { BY_OTHERS },
        owner: cause.owner(),
        cause: Some(cause),
        devices: losses::devices(episode),
        switch: member.number.and_then(|number| known.switch_of(number)),
        alternatives: vec![instead(
            Cause::Device,
            25,
            "the counters of its switch port: without errors there the device itself drops packets",
        )],
        title: format!("Pictures of {name} lose {} of their packets", share((lost, expected))),
        summary: format!(
            "{} pieces of the pictures of {name} go missing on the way, so they freeze or smear, in the recording too. The device is alive. It is IT's turn: check {place}.",
            when(episode)
        ),
        detail: format!(
            "{lost} of {expected} packets with media from {ip} did not come by the mirror ({}). {confirmed} They were lost before the mirrored switch.",
            share((lost, expected))
        ),
        remedy: format!(
            "Read the error and discard counters, the speed and the duplex of the port of {name}; then change the patch cable, the plug or the port."
        ),
        verify: "The error counters stand still; after a minute without loss this finding gets an end."
            .to_owned(),
        evidence: losses::evidence(episode, known),
        ..losses::begun(&KIND, episode, &ip.to_string())
    }
}
