//! `mirror-drops`: the mirror does not show all packets.
//!
//! ## What it says
//! Packets are missing here that arrived where they were sent to: hosts acknowledge TCP segments that were never seen, or
//! receivers of media report (RTCP) that they miss nothing, or far less than we do. It is said where it is
//! at least 10 packets within a minute, in five different seconds and more, and half a per cent of one conversation, or one in
//! a thousand of all. The switch, its mirror port or the capturing machine dropped the copies. While it lasts no loss
//! of any stream is told. A minute without such a packet ends it.
//!
//! ## Why it matters
//! What was dropped cannot be judged: a picture that seems to stutter may be whole, and what we do not find
//! may have been there.
//!
//! ## Where it is wrong
//! A receiver that always reports zero makes loss look like ours; one such receiver is not believed while all
//! other streams are whole. Where nobody reports and nothing is acknowledged, drops cannot be told from loss, and nothing
//! is said.
//!
//! ## State
//! None of its own: see `ledger/loss`.

use super::losses::{self, share, when};
use super::{Detector, Known};
use crate::finding::{Cause, Finding, Kind, Severity};
use crate::ledger::loss::episode::{Episode, Place};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-drops",
    category: "capture",
    severity: Severity::High,
    source: include_str!("mirror_drops.rs"),
    start: Some(|| Box::new(MirrorDrops)),
};

/// Several receivers miss nothing, in per cent.
const BY_SEVERAL: u8 = 90;
/// One, and there is no other, in per cent.
const BY_ONE: u8 = 60;

#[derive(Debug)]
struct MirrorDrops;

impl Detector for MirrorDrops {
    fn observe(&mut self, _seen: &Observation, _known: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        known.losses.of(Place::Mirror).map(|episode| finding(episode, known)).collect()
    }
}

fn finding(episode: &Episode, known: &Known<'_>) -> Finding {
    let (lost, expected) = episode.sum();
    Finding {
        confidence: if episode.members.len() > 1 { BY_SEVERAL } else { BY_ONE },
        dispatch: Some("no"),
        cause: Some(Cause::Mirror),
        title: format!("The mirror drops about {} of all packets", share((lost, expected))),
        summary: format!(
            "{} Spanwatch did not get to see all packets, though they arrived where they were sent to. The cameras' pictures are not affected. It is IT's turn: give the mirror port more room, or mirror less.",
            when(episode)
        ),
        detail: format!(
            "{lost} of {expected} packets did not come by the mirror and were received all the same. By sender: {}.",
            losses::shares(episode, known)
        ),
        remedy: "Compare the load of the mirrored ports with the speed of the mirror port and read its output drops; mirror one direction or fewer ports, or use a faster port. If the switch shows no drops, look at the capturing machine's counters."
            .to_owned(),
        verify: "A minute without a missing packet gives this finding an end.".to_owned(),
        evidence: losses::evidence(episode, known),
        ..losses::begun(&KIND, episode, "")
    }
}
