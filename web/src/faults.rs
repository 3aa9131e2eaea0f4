//! Faults over time: a lane for each switch, what failed there as bars, one under the other where they overlap in name only.
//!
//! ```text
//!  sw-dock      ──████──────────█──────
//!  sw-core      ───────▒▒▒▒───────────
//!  The network  ─────────▒────────────
//!              11-20    11-21    11-22
//! ```

use std::collections::BTreeMap;

use spanwatch_engine::report::Finding;
use spanwatch_engine::report::time::{day_time, parse};
use spanwatch_parsers::Span;

use crate::Picture;
use crate::lanes::{LANE, Scale, TOP};
use crate::lists::encoded;
use crate::words::{self, Shown};

/// The drawing.
#[derive(Debug)]
pub struct Faults {
    /// Of the drawing.
    pub height: i64,
    /// Where the lanes end.
    pub bottom: i64,
    /// The worst first.
    pub lanes: Vec<Lane>,
    /// Words of the axis.
    pub labels: Vec<(i64, String)>,
    /// The time shown.
    pub told: String,
    /// Switches without a lane.
    pub left_out: usize,
}

/// One switch, or what is of no switch.
#[derive(Debug)]
pub struct Lane {
    /// Its upper edge.
    pub y: i64,
    /// Whose it is.
    pub name: Shown,
    /// What failed.
    pub bars: Vec<Fault>,
}

/// One fault.
#[derive(Debug)]
pub struct Fault {
    /// Its left edge.
    pub x: i64,
    /// How wide it is.
    pub width: i64,
    /// down or ailing, in the stylesheet.
    pub class: &'static str,
    /// In words.
    pub told: Shown,
    /// Its page.
    pub link: String,
}

/// Whether a finding is a fault of the network.
pub fn is_fault(finding: &Finding) -> bool {
    finding.category == "network" || finding.switch.is_some() && finding.category == "availability"
}

/// Draws the faults of the last thirty days, or of all that was watched; `None` where there is none.
pub fn faults(picture: &Picture) -> Option<Faults> {
    let (end, first) =
        (words::end(&picture.report)?, picture.report.capture.first.as_deref().and_then(parse)?);
    let from = first.max(end - LONGEST);
    // What goes on ends before the edge, and so does the last word of the axis.
    let scale = Scale::between(from, end + Span((end - from).0 / 20));
    let mut by_switch: BTreeMap<Option<&str>, Vec<&Finding>> = BTreeMap::new();
    for finding in picture.findings.iter().filter(|it| is_fault(it) && it.severity != "info") {
        by_switch.entry(finding.switch.as_deref()).or_default().push(finding);
    }
    let fault = |it: &&Finding| {
        let from = parse(&it.first_seen)?;
        let ended = it.ended.as_deref().and_then(parse);
        let to = ended.unwrap_or(if picture.is_open(it) { end } else { parse(&it.last_seen)? });
        let is_down = matches!(it.severity, "critical" | "high");
        let until = match (ended, picture.is_open(it)) {
            (Some(to), _) => format!("to {}", day_time(to)),
            (None, true) => "not over".to_owned(),
            (None, false) => format!("last seen {}", day_time(to)),
        };
        let told = format!("{}: from {} UTC, {until}", it.title, day_time(from));
        let bar = scale.bar((from, to), "", &told)?;
        Some(Fault {
            x: bar.x,
            width: bar.width.max(BAR_MIN),
            class: if is_down { "down" } else { "ailing" },
            told: bar.told,
            link: format!("/findings/{}", encoded(&it.id)),
        })
    };
    let mut lanes: Vec<Lane> = by_switch
        .into_iter()
        .map(|(switch, findings)| Lane {
            y: 0,
            name: switch.map_or_else(
                || words::shown("The network"),
                |id| words::brief(picture.switch_called(id).as_str()),
            ),
            bars: findings.iter().filter_map(fault).take(BARS_MAX).collect(),
        })
        .filter(|lane| !lane.bars.is_empty())
        .collect();
    if lanes.is_empty() {
        return None;
    }
    let weight = |lane: &Lane| (lane.bars.iter().filter(|bar| bar.class == "down").count(), lane.bars.len());
    lanes.sort_by_key(|lane| std::cmp::Reverse(weight(lane)));
    let left_out = lanes.len().saturating_sub(LANES_MAX);
    lanes.truncate(LANES_MAX);
    for (number, lane) in (0..).zip(&mut lanes) {
        lane.y = TOP.saturating_add(LANE.saturating_mul(number));
    }
    let bottom = lanes.last().map_or(TOP, |lane| lane.y.saturating_add(LANE));
    Some(Faults {
        height: bottom.saturating_add(LANE),
        bottom,
        lanes,
        labels: scale.labels(),
        told: format!("{} to {} UTC", day_time(from), day_time(end)),
        left_out,
    })
}

const LONGEST: Span = Span::seconds(30 * 86_400);
/// What can be seen and hit.
const BAR_MIN: i64 = 6;
/// What a person can look over.
const LANES_MAX: usize = 30;
/// Of one lane: the worst.
const BARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::PLOT;

    #[test]
    fn each_switch_has_a_lane_with_what_failed_there() {
        let drawn = faults(&crate::test::picture()).unwrap();
        let [lane] = &drawn.lanes[..] else { panic!("one lane: {drawn:?}") };
        let [fault] = &lane.bars[..] else { panic!("one fault: {drawn:?}") };
        assert_eq!(
            (lane.name.as_str(), fault.class, fault.link.as_str()),
            ("sw-dock", "down", "/findings/abc123")
        );
        assert!(fault.told.as_str().ends_with("from 2026-11-22 03:40:36 UTC, not over"), "{}", fault.told);
        // 216 of 300 seconds are over when it begins; it lasts to the end, behind which a twentieth is left.
        assert_eq!((fault.x - PLOT, fault.x + fault.width - PLOT), (486, 676));
    }
}
