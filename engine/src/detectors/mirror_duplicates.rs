//! `mirror-duplicates`: the mirror shows packets more than once.
//!
//! ## What it says
//! At least one packet in twenty came again within the mirror's delay, unchanged, with another VLAN tag or by another
//! interface. Copies are set aside: devices, streams and losses are counted once. What a
//! router passes on has another hop limit and is not counted here, nor are frames that circle, bare acknowledgements,
//! and what a router says in each of its VLANs.
//!
//! ## Why it matters
//! Copies take room on the mirror port; at half of its rate the mirror begins to lose packets. Other
//! tools count them as retransmissions.
//!
//! ## Where it is wrong
//! Where two capture points were put into one analysis on purpose, each packet comes by both of them.
//!
//! ## State
//! None: the shards count.

use spanwatch_parsers::Time;

use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::Cite;
use crate::report::CaptureCounts;

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-duplicates",
    category: "capture",
    severity: Severity::Low,
    source: include_str!("mirror_duplicates.rs"),
    start: None,
};

/// Words it; `None` where copies are few. `whole` is the capture's span.
#[must_use]
pub fn finding(counts: &CaptureCounts, whole: (Time, Time)) -> Option<Finding> {
    let copies = &counts.copies;
    let made = copies.by_mirror;
    if made < COPIES_MIN || made.saturating_mul(100) < counts.packets.saturating_mul(SHARE_MIN) {
        return None;
    }
    let ((first, cite), last) = copies.made.unwrap_or(((whole.0, Cite::default()), whole.1));
    let (differ, remedy) = reason(counts);
    Some(Finding {
        confidence: 92,
        dispatch: Some("no"),
        cause: Some(Cause::Mirror),
        title: format!("The mirror shows {made} of {} packets more than once", counts.packets),
        summary: format!(
            "The mirror sent Spanwatch {made} packets twice or more often. They were set aside and nothing is counted double, but they fill the mirror port. No device is at fault. It is IT's turn, when there is time: change the sources of the mirror session."
        ),
        detail: format!(
            "Of {} packets {made} are copies made by the mirror: {differ}. At most {} copies of one packet; {} more are what routers passed on.",
            counts.packets, copies.most, copies.by_hop_limit
        ),
        remedy: remedy.to_owned(),
        verify: "`spanwatch doctor` over a new capture counts no copies, or few.".to_owned(),
        evidence: vec![Evidence {
            at: first,
            cite: copies.made.map(|_| cite),
            protocol: None,
            text: "first of the copies".to_owned(),
        }],
        last_seen: last,
        ..Finding::of_network(&KIND, "", first, last)
    })
}

/// By what most copies differ, and what to change.
#[must_use]
pub fn reason(counts: &CaptureCounts) -> (String, &'static str) {
    let copies = &counts.copies;
    let (tags, ways, same) = (copies.by_tags, copies.by_interface, copies.by_delay);
    if tags >= ways.max(same) {
        (
            format!("{tags} with another VLAN tag than the first, or with and without one"),
            "The same frame is copied with its own tag and with another: mirror ingress only, and keep an RSPAN VLAN off every trunk but those between the mirror and us.",
        )
    } else if ways >= same {
        (
            format!("{ways} by another interface, tunnel or direction"),
            "Two sources or sessions show the same traffic: mirror it at one place, the uplink or the access ports.",
        )
    } else {
        (
            format!("{same} without any difference, microseconds apart"),
            "Ingress and egress of the same ports or VLAN are both mirrored: mirror both directions of the uplinks only, or ingress (rx) alone of all ports.",
        )
    }
}

/// Fewer are chance.
const COPIES_MIN: u64 = 100;
/// From this share of all packets on, in per cent.
const SHARE_MIN: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplicate::Counts;

    fn told(packets: u64, copies: Counts) -> Option<String> {
        let counts = CaptureCounts { packets, copies, ..CaptureCounts::default() };
        finding(&counts, (Time(0), Time(1))).map(|finding| finding.detail)
    }

    #[test]
    fn what_a_router_passes_on_and_what_circles_is_no_habit_of_the_mirror() {
        assert_eq!(told(1_000, Counts { by_hop_limit: 500, most: 1, ..Counts::default() }), None);
        assert_eq!(told(1_000, Counts { by_delay: 900, by_mirror: 8, most: 900, ..Counts::default() }), None);
    }

    #[test]
    fn a_few_copies_are_nothing() {
        assert_eq!(
            told(100_000, Counts { by_delay: 900, by_mirror: 900, most: 1, ..Counts::default() }),
            None
        );
        assert_eq!(told(100, Counts { by_delay: 50, by_mirror: 50, most: 1, ..Counts::default() }), None);
    }

    #[test]
    fn what_copies_differ_by_is_told() {
        let by_tags = Counts { by_tags: 500, by_delay: 3, by_mirror: 503, most: 1, ..Counts::default() };
        assert!(told(1_000, by_tags).unwrap().contains("500 with another VLAN tag"));
        let same = Counts { by_delay: 500, by_mirror: 500, most: 1, ..Counts::default() };
        assert!(told(1_000, same).unwrap().contains("500 without any difference"));
    }
}
