//! `mirror-truncated`: packets reach us cut short.
//!
//! ## What it says
//! At least one packet in twenty, and ten in all, came without its end: the capture kept only so many bytes of
//! it (snap length), or the mirror had cut it before: it says so itself (ERSPAN's T bit), or the packet
//! inside is shorter than its IP header says.
//!
//! ## Why it matters
//! What stood in the missing part is unknown: names, versions and logins may be missed. Headers are whole, so who
//! talks to whom, and the loss of video streams, are still told rightly.
//!
//! ## Where it is wrong
//! Where the capture was cut on purpose, to save room or for privacy: then it is no fault, and still true.
//!
//! ## State
//! None: the lower half counts.

use spanwatch_parsers::Time;

use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::report::CaptureCounts;

/// The kind.
pub const KIND: Kind = Kind {
    id: "mirror-truncated",
    category: "capture",
    severity: Severity::Low,
    source: include_str!("mirror_truncated.rs"),
    start: None,
};

/// Words it; `None` where packets are whole, or as good as. `whole` is the capture's span.
#[must_use]
pub fn finding(counts: &CaptureCounts, whole: (Time, Time)) -> Option<Finding> {
    let (by_capture, by_mirror) = (counts.truncated, counts.cut_by_mirror);
    let all = by_capture.saturating_add(by_mirror);
    if all < CUT_MIN || all.saturating_mul(100) < counts.packets.saturating_mul(SHARE_MIN) {
        return None;
    }
    let (first, last) = counts.cut.unwrap_or(whole);
    let (what, remedy) = if by_capture >= by_mirror {
        (
            format!("the capture kept at most {} bytes of {by_capture} packets", counts.cut_at),
            "Capture whole packets: `tcpdump -s 0`, dumpcap without -s; in a mirror session that cuts its copies, turn truncation off.",
        )
    } else {
        (
            format!("the mirror had cut {by_mirror} packets before they reached us"),
            "Turn truncation off in the mirror session, and raise the MTU on the way of an ERSPAN tunnel so that a full frame with the tunnel's 50 to 60 bytes fits.",
        )
    };
    Some(Finding {
        confidence: 95,
        dispatch: Some("no"),
        cause: Some(Cause::Mirror),
        title: format!("{all} of {} packets are cut short", counts.packets),
        summary: format!(
            "Spanwatch got only the beginning of {all} of {} packets, so it may miss what devices say of themselves. No device is at fault. It is IT's turn: capture or mirror whole packets.",
            counts.packets
        ),
        detail: format!(
            "Of {} packets {what}. Headers are read all the same; payloads are read as far as they go.",
            counts.packets
        ),
        remedy: remedy.to_owned(),
        verify: "`spanwatch doctor` over a new capture says that packets are whole.".to_owned(),
        evidence: vec![Evidence {
            at: first,
            cite: None,
            protocol: None,
            text: format!("first of {all} packets that were cut"),
        }],
        last_seen: last,
        ..Finding::of_network(&KIND, "", first, last)
    })
}

/// Fewer are no habit, and may be damaged packets.
const CUT_MIN: u64 = 10;
/// From this share of all on, in per cent.
const SHARE_MIN: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(packets: u64, truncated: u64, cut_by_mirror: u64) -> Option<String> {
        let counts =
            CaptureCounts { packets, truncated, cut_by_mirror, cut_at: 96, ..CaptureCounts::default() };
        finding(&counts, (Time(0), Time(1))).map(|finding| finding.detail)
    }

    #[test]
    fn whole_packets_and_a_few_damaged_ones_are_nothing() {
        assert_eq!(told(1_000, 0, 0), None);
        assert_eq!(told(5, 5, 0), None);
        assert_eq!(told(1_000, 0, 40), None);
    }

    #[test]
    fn who_cut_is_told() {
        assert!(told(1_000, 900, 3).unwrap().contains("kept at most 96 bytes of 900"));
        assert!(told(1_000, 0, 900).unwrap().contains("mirror had cut 900"));
    }
}
