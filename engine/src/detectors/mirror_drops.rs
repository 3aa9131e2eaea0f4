//! `mirror-drops`: the mirror does not show all packets.
//!
//! ## What it says
//! Packets are missing here that arrived where they were sent to: hosts acknowledge TCP segments that were never seen, or
//! receivers of media report (RTCP) that they miss nothing, or far less than we do. It is said where it is
//! at least 10 packets within a minute, in five different seconds and more, and half a per cent of one conversation, or one in
//! a thousand of all. The switch, its mirror port or the capturing machine dropped the copies. While it lasts no loss
//! of any stream is told. A minute without such a packet ends it.
//!
//!
//! Where drops are counted, no conclusion is needed: the capturing machine counts what it drops itself, and a mirror that sends
//! its copies through a tunnel numbers them (ERSPAN II and III). It is said of 10 and one in a thousand of those seconds.
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
//!
//! Source: draft-foschiano-erspan-03, 4.1 and 4.2 (the GRE header's sequence number).

use spanwatch_parsers::{Fact, Time};

use super::losses::{self, from_to, share, when};
use super::{Detector, Known};
use crate::clock::Dropper;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::loss::drops::Drops;
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
/// Who drops them says so, in per cent.
const COUNTED: u8 = 99;
/// One, and there is no other, in per cent.
const BY_ONE: u8 = 60;

#[derive(Debug)]
struct MirrorDrops;

impl Detector for MirrorDrops {
    fn reads(&self, _: &Fact) -> bool {
        false
    }

    fn observe(&mut self, _seen: &Observation, _known: &Known<'_>) {}

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let concluded = known.losses.of(Place::Mirror).map(|episode| finding(episode, known));
        let counted = known.losses.counted_drops().filter_map(|drops| counted(drops, known.now));
        concluded.chain(counted).collect()
    }
}

fn counted(drops: &Drops, now: Time) -> Option<Finding> {
    let share = share((drops.lost, drops.of));
    let ended = drops.ended(now);
    let when = from_to(drops.since, ended);
    let (subject, title, summary, detail, remedy) = match drops.by {
        Dropper::Machine => (
            "machine",
            format!("This machine drops about {share} of what arrives"),
            format!(
                "{when} Spanwatch's own machine was too slow for what the mirror sent, so Spanwatch did not get to see all packets. The cameras' pictures are not affected. It is IT's turn: mirror less, or give Spanwatch a faster machine."
            ),
            format!(
                "{} of {} frames that reached this machine's port in those seconds were dropped, by the counters of the kernel and of the port.",
                drops.lost, drops.of
            ),
            "Leave out with --filter what need not be watched, make the ring larger (--buffer), mirror fewer ports, or use a faster machine or network card.",
        ),
        Dropper::Mirror => (
            "mirror",
            format!("The mirror drops about {share} of its copies"),
            format!(
                "{when} Spanwatch did not get to see all packets: the switch numbers the copies that it sends, and numbers are missing. The cameras' pictures are not affected. It is IT's turn: give the way from the switch to Spanwatch more room, or mirror less."
            ),
            format!(
                "{} of {} copies of those seconds never came, by the running numbers of the mirror's tunnel (ERSPAN).",
                drops.lost, drops.of
            ),
            "Look for drops on the way of the ERSPAN tunnel: the switch's limit for mirrored traffic, queues of the links between, the port that Spanwatch hangs on. Mirror one direction or fewer ports.",
        ),
    };
    let detected = drops.detected?;
    let seen =
        |(at, cite), text: &str| Evidence { at, cite: Some(cite), protocol: None, text: text.to_owned() };
    Some(Finding {
        confidence: COUNTED,
        dispatch: Some("no"),
        cause: Some(Cause::Mirror),
        title,
        summary,
        detail,
        remedy: remedy.to_owned(),
        verify: "A minute without a dropped packet gives this finding an end.".to_owned(),
        evidence: vec![
            seen(drops.cited[0], "the first second with dropped packets ends before it"),
            seen(drops.cited[1], "the last second with dropped packets ends before it"),
        ],
        last_seen: drops.last,
        ended,
        count: drops.lost,
        ..Finding::of_network(&KIND, subject, drops.since, detected)
    })
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
