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
use spanwatch_parsers::{Span, Time};

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
    let edge = end + Span((end - from).0 / 20);
    let scale = Scale::between(from, edge);
    let is_within = |it: &Spell<'_>| it.to >= from && it.from <= edge;
    let mut by_switch: BTreeMap<Option<&str>, Vec<Spell<'_>>> = BTreeMap::new();
    for finding in picture.findings.iter().filter(|it| is_fault(it) && it.severity != "info") {
        let Some(spell) = Spell::of(picture, finding, end).filter(is_within) else { continue };
        let spells = by_switch.entry(finding.switch.as_deref()).or_default();
        if spells.len() < BARS_MAX {
            spells.push(spell);
        }
    }
    if by_switch.is_empty() {
        return None;
    }
    let mut worst: Vec<_> = by_switch.into_iter().collect();
    let weight = |spells: &[Spell<'_>]| (spells.iter().filter(|it| it.is_down()).count(), spells.len());
    worst.sort_by_key(|(_, spells)| std::cmp::Reverse(weight(spells)));
    let left_out = worst.len().saturating_sub(LANES_MAX);
    let lane = |(number, (switch, spells)): (i64, (Option<&str>, Vec<Spell<'_>>))| Lane {
        y: TOP.saturating_add(LANE.saturating_mul(number)),
        name: switch.map_or_else(
            || words::shown("The network"),
            |id| words::brief(picture.switch_called(id).as_str()),
        ),
        bars: spells.iter().filter_map(|it| it.drawn(&scale)).collect(),
    };
    let lanes: Vec<Lane> = (0..).zip(worst.into_iter().take(LANES_MAX)).map(lane).collect();
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

/// How long a fault lasted.
struct Spell<'a> {
    finding: &'a Finding,
    from: Time,
    to: Time,
    has_ended: bool,
    is_open: bool,
}

impl<'a> Spell<'a> {
    fn of(picture: &Picture, finding: &'a Finding, end: Time) -> Option<Self> {
        let ended = finding.ended.as_deref().and_then(parse);
        let is_open = picture.is_open(finding);
        let to = ended.unwrap_or(if is_open { end } else { parse(&finding.last_seen)? });
        Some(Self { finding, from: parse(&finding.first_seen)?, to, has_ended: ended.is_some(), is_open })
    }

    fn is_down(&self) -> bool {
        matches!(self.finding.severity, "critical" | "high")
    }

    fn drawn(&self, scale: &Scale) -> Option<Fault> {
        let until = match (self.has_ended, self.is_open) {
            (true, _) => format!("to {}", day_time(self.to)),
            (false, true) => "not over".to_owned(),
            (false, false) => format!("last seen {}", day_time(self.to)),
        };
        let told = format!("{}: from {} UTC, {until}", self.finding.title, day_time(self.from));
        let bar = scale.bar((self.from, self.to), "", &told)?;
        Some(Fault {
            x: bar.x,
            width: bar.width.max(BAR_MIN),
            class: if self.is_down() { "down" } else { "ailing" },
            told: bar.told,
            link: format!("/findings/{}", encoded(&self.finding.id)),
        })
    }
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
