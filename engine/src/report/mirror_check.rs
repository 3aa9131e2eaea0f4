//! Is this mirror any good? What `spanwatch doctor` says, in plain words.
//!
//! Every remark rests on what was counted anyway; nothing is read for it alone.

use serde::Serialize;

use super::{CaptureCounts, Report};
use crate::detectors::mirror_duplicates;
use crate::ledger::Coverage;

/// How a topic stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Grade {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is lost.
    Note,
    /// Something cannot be seen because of it.
    Bad,
}

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Remark {
    /// What it is about.
    pub topic: &'static str,
    /// How it stands.
    pub grade: Grade,
    /// What was seen and what it means.
    pub text: String,
    /// What to change on the switch or the capturing host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

/// Judges the mirror behind a report.
#[must_use]
pub fn remarks(report: &Report, counts: &CaptureCounts) -> Vec<Remark> {
    if counts.packets == 0 {
        return vec![Remark {
            topic: "traffic",
            grade: Grade::Bad,
            text: "No packet was read, so nothing can be said.".to_owned(),
            remedy: Some(
                "Check that the capture port is the mirror's destination, and the filter if one was given.",
            ),
        }];
    }
    vec![
        third_parties(counts),
        directions(counts),
        copies(counts),
        tags(counts),
        cuts(report, counts),
        tunnels(counts),
        losses(report, counts),
        holes(report),
        faults(report),
        coverage(counts),
        neighbours(report, counts),
        unread(report),
    ]
}

fn remark(topic: &'static str, grade: Grade, text: String, remedy: Option<&'static str>) -> Remark {
    Remark { topic, grade, text, remedy }
}

fn third_parties(counts: &CaptureCounts) -> Remark {
    let share = percent(counts.unicast, counts.packets);
    if share < UNICAST_FEW {
        let text = format!(
            "Only {share} % of the packets go from one device to another; the rest is broadcast and multicast, which every port gets."
        );
        return remark(
            "mirror",
            Grade::Bad,
            text,
            Some(
                "Set up the mirror session: this looks like an ordinary port. Choose the uplink or the camera ports as sources, both directions.",
            ),
        );
    }
    let text =
        format!("{share} % of the packets go from one device to another: the port sees others' traffic.");
    remark("mirror", Grade::Good, text, None)
}

fn directions(counts: &CaptureCounts) -> Remark {
    let share = percent(counts.one_way, counts.flows);
    match (counts.flows, share) {
        (..FLOWS_FEW, _) => {
            let text = format!(
                "Only {} connections were seen: too few to tell whether both directions are mirrored.",
                counts.flows
            );
            remark("directions", Grade::Note, text, None)
        }
        (_, ONE_WAY_MANY..) => {
            let text =
                format!("{share} % of {} conversations were seen in one direction only.", counts.flows);
            remark(
                "directions",
                Grade::Bad,
                text,
                Some(
                    "Mirror both directions (rx and tx) of the source ports; with several uplinks mirror all of them.",
                ),
            )
        }
        _ => {
            let text = format!(
                "Both directions are seen ({share} % of {} conversations show only one).",
                counts.flows
            );
            remark("directions", Grade::Good, text, None)
        }
    }
}

fn copies(counts: &CaptureCounts) -> Remark {
    if counts.duplicates == 0 {
        return remark("copies", Grade::Good, "No packet was seen twice.".to_owned(), None);
    }
    let made = counts.copies.by_mirror;
    let routed = counts.copies.by_hop_limit;
    let share = percent(made, counts.packets);
    let (differ, remedy) = mirror_duplicates::reason(counts);
    let of_routers = format!("{routed} packets were seen on both sides of a router, as they must be");
    if share >= COPIES_MANY {
        let text = format!(
            "{made} packets ({share} %) are copies that the mirror made: {differ}. They were set aside."
        );
        return remark("copies", Grade::Note, text, Some(remedy));
    }
    let text = match (made, routed) {
        (0, 0) => "Few packets were seen twice.".to_owned(),
        (0, _) => format!("{of_routers}."),
        (_, 0) => format!("{made} packets ({share} %) were seen twice and set aside."),
        (_, _) => format!("{made} packets ({share} %) were seen twice and set aside; {of_routers}."),
    };
    remark("copies", Grade::Good, text, None)
}

fn tags(counts: &CaptureCounts) -> Remark {
    let list = counts.vlans.iter().take(VLANS_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if counts.vlans.is_empty() {
        let text = "No VLAN tags: the mirror takes them off, or the ports are access ports. Two VLANs with the same addresses could not be told apart.";
        return remark(
            "tags",
            Grade::Note,
            text.to_owned(),
            Some(
                "Where several VLANs are mirrored, let the mirror keep the tags (Cisco: encapsulation replicate).",
            ),
        );
    }
    if percent(counts.tagged_one_way, counts.flows) >= ONE_SIDE_MANY {
        let text = format!(
            "VLANs {list}. Tags stand on one direction only of {} conversations; they are taken for one VLAN.",
            counts.tagged_one_way
        );
        return remark("tags", Grade::Note, text, None);
    }
    remark("tags", Grade::Good, format!("VLANs {list}."), None)
}

fn cuts(report: &Report, counts: &CaptureCounts) -> Remark {
    if counts.cut_by_mirror > 0 {
        let text = format!("{} packets were cut by the mirror before they reached us.", counts.cut_by_mirror);
        return remark(
            "cut packets",
            Grade::Bad,
            text,
            Some("Raise the tunnel's MTU, or turn truncation off in the mirror session."),
        );
    }
    if counts.truncated > 0 {
        let text = format!(
            "{} packets were cut short by the capture (snap length): what they said beyond is unknown.",
            counts.truncated
        );
        return remark("cut packets", Grade::Bad, text, Some("Capture whole packets (tcpdump -s 0)."));
    }
    let by_ports: u64 = report.capture.inputs.iter().filter_map(|input| input.joined).sum();
    let joined = counts.oversized.max(by_ports);
    if joined > 0 {
        let text = format!(
            "Packets are whole, but {joined} are larger than any cable carries: the capturing host joined them."
        );
        return remark(
            "cut packets",
            Grade::Note,
            text,
            Some("Turn off GRO and LRO on the capture port (ethtool -K IF gro off lro off)."),
        );
    }
    remark("cut packets", Grade::Good, "Packets are whole.".to_owned(), None)
}

fn tunnels(counts: &CaptureCounts) -> Remark {
    let others = counts.encapsulations.iter().filter(|(name, _)| !["vlan", "qinq"].contains(&name.as_str()));
    let list = others.map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return remark(
            "tunnels",
            Grade::Good,
            "The mirror's packets come as they are, in no tunnel.".to_owned(),
            None,
        );
    }
    if counts.tunnel_packets_incomplete > 0 {
        let text = format!(
            "Packets come inside {list}; parts of {} of them never came.",
            counts.tunnel_packets_incomplete
        );
        let remedy = "Raise the MTU on the tunnel's way, so that a full frame with its 50 to 60 bytes more is not cut into parts.";
        return remark("tunnels", Grade::Bad, text, Some(remedy));
    }
    remark("tunnels", Grade::Good, format!("Packets come inside {list}, and are opened."), None)
}

fn losses(report: &Report, counts: &CaptureCounts) -> Remark {
    let dropped = report.capture.dropped.unwrap_or(0);
    let remedy = "Mirror fewer ports, one direction, or use a faster destination port: two full-duplex ports do not fit into one.";
    if let Some(found) = report.findings.iter().find(|finding| finding.kind == "mirror-drops") {
        return remark("losses", Grade::Bad, format!("{}.", found.title), Some(remedy));
    }
    if dropped + counts.lost_by_mirror == 0 {
        let known = report.capture.dropped.is_some() || counts.encapsulations.contains_key("erspan2");
        let text = if known {
            "No packet was lost on the way to us."
        } else {
            "The capture does not say whether packets were lost on the way to us."
        };
        return remark("losses", if known { Grade::Good } else { Grade::Note }, text.to_owned(), None);
    }
    let text = format!(
        "{dropped} packets were lost by the capturing host and {} on the way from the switch.",
        counts.lost_by_mirror
    );
    remark("losses", Grade::Bad, text, Some(remedy))
}

fn holes(report: &Report) -> Remark {
    let blind = &report.capture.blind;
    let Some(first) = blind.first() else {
        return remark("holes", Grade::Good, "There is no hole in time.".to_owned(), None);
    };
    let text = format!(
        "{} holes in which nobody watched, the first from {} to {} ({}).",
        blind.len(),
        first.from,
        first.to,
        first.reason
    );
    remark(
        "holes",
        Grade::Bad,
        text,
        Some("Capture without a break; nothing is said of devices in the holes."),
    )
}

/// What was found about the mirror over time.
fn faults(report: &Report) -> Remark {
    let told = report.findings.iter().filter(|finding| MISSING.contains(&finding.kind));
    let titles: Vec<&str> = told.map(|finding| finding.title.as_str()).collect();
    if titles.is_empty() {
        let text = "No source fell out of the mirror while it ran.".to_owned();
        return remark("sources", Grade::Good, text, None);
    }
    remark(
        "sources",
        Grade::Bad,
        format!("{}.", titles.join(". ")),
        Some("Compare the mirror session's source list (ports, VLANs, directions) with what it should be."),
    )
}

fn coverage(counts: &CaptureCounts) -> Remark {
    let Coverage { full, groups_only, own_side_only, other_side_only } = counts.coverage;
    let all =
        [groups_only, own_side_only, other_side_only].iter().fold(full, |sum, it| sum.saturating_add(*it));
    let text = format!(
        "{full} of {all} devices are fully visible: what they say to others and what is said to them."
    );
    if all < DEVICES_FEW || percent(full, all) >= FULL_MOST {
        return remark("coverage", Grade::Good, text, None);
    }
    remark(
        "coverage",
        Grade::Note,
        text,
        Some(
            "Mirror the ports where devices talk to one another: the recorder's port, or the uplinks of all access switches.",
        ),
    )
}

fn neighbours(report: &Report, counts: &CaptureCounts) -> Remark {
    let (neighbours, trees) = counts.words_of_switches;
    let tree = if trees > 0 { "The spanning tree is seen." } else { "No spanning tree is seen." };
    if report.switches.is_empty() {
        let text = format!(
            "No switch announces itself (LLDP, CDP), nor does DHCP name one: which switch a device hangs on may stay unknown. {tree}"
        );
        return remark(
            "switches",
            Grade::Note,
            text,
            Some(
                "Turn on LLDP, and let the mirror copy it (Cisco: encapsulation replicate). Many mirrors cannot.",
            ),
        );
    }
    remark(
        "switches",
        Grade::Good,
        format!(
            "{} switches announce themselves ({neighbours} LLDP or CDP frames) or are named by DHCP. {tree}",
            report.switches.len()
        ),
        None,
    )
}

fn unread(report: &Report) -> Remark {
    let undecodable: u64 = report.capture.undecodable.values().sum();
    if undecodable == 0 {
        return remark(
            "unread packets",
            Grade::Good,
            "Every packet's headers could be read.".to_owned(),
            None,
        );
    }
    let list = report
        .capture
        .undecodable
        .iter()
        .map(|(reason, count)| format!("{reason} ({count})"))
        .collect::<Vec<_>>()
        .join(", ");
    remark("unread packets", Grade::Note, format!("{undecodable} packets could not be read: {list}."), None)
}

/// Whole per cent, rounded down; 0 of nothing.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// Kinds that tell of something missing.
const MISSING: [&str; 2] = ["mirror-partial", "mirror-one-way"];
/// Below this share of unicast, in per cent, a port is no mirror.
const UNICAST_FEW: u64 = 10;
/// Fewer conversations say nothing of directions.
const FLOWS_FEW: u64 = 8;
/// From this share on, in per cent, one direction is not mirrored: scans and lost answers make a few.
const ONE_WAY_MANY: u64 = 40;
/// Fewer devices make no share.
const DEVICES_FEW: u64 = 4;
/// From this share of devices on, in per cent, the mirror shows most.
const FULL_MOST: u64 = 75;
/// From this share on, in per cent, copies are the mirror's habit.
const COPIES_MANY: u64 = 5;
/// From this share of conversations on, in per cent, one-sided tags are the mirror's habit.
const ONE_SIDE_MANY: u64 = 20;
const VLANS_SHOWN: usize = 16;
