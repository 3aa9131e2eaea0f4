//! The picture that ends the argument: every member of a finding and its switch, each on a lane of time.
//!
//! ```text
//!  sw-dock       ─────▲──────────────▲─────   the switch: what its trees (STP) say
//!  Gate camera   ────|███████|◆──────────     a member: silent, then it asks for an address (DHCP)
//!  Yard camera   ────|███████|◆──────────     · who is asked and does not answer
//!                   01:24:00   01:24:30
//! ```
//!
//! Coordinates are integers; the template draws, the stylesheet colours.

use std::collections::BTreeMap;

use spanwatch_engine::report::time::{clock_time, day_time, length, parse};
use spanwatch_engine::report::{Device, Evidence, Finding};
use spanwatch_parsers::{Span, Time};

use crate::Picture;
use crate::words::{self, Shown};

/// The picture, ready to be drawn.
#[derive(Debug)]
pub struct Lanes {
    /// Of the drawing.
    pub height: i64,
    /// Where the lanes end.
    pub bottom: i64,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// Times of which nothing is known.
    pub blind: Vec<Bar>,
    /// Words of the axis.
    pub labels: Vec<(i64, String)>,
    /// Where it was detected.
    pub detected: Option<(i64, String)>,
    /// Members without a lane.
    pub left_out: usize,
    /// The time shown.
    pub told: String,
    /// Which signs are met with.
    pub signs: Vec<(Sign, &'static str)>,
}

/// One lane.
#[derive(Debug)]
pub struct Lane {
    /// Its upper edge.
    pub y: i64,
    /// Whose it is.
    pub name: Shown,
    /// Where it leads.
    pub link: Option<String>,
    /// States, one after the other.
    pub bars: Vec<Bar>,
    /// Moments.
    pub marks: Vec<Mark>,
}

/// A time in which something held.
#[derive(Debug)]
pub struct Bar {
    /// Its left edge.
    pub x: i64,
    /// How wide it is.
    pub width: i64,
    /// online, offline, degraded or unknown.
    pub state: String,
    /// In words.
    pub told: Shown,
}

/// A moment.
#[derive(Debug)]
pub struct Mark {
    /// Where.
    pub x: i64,
    /// How it looks.
    pub sign: Sign,
    /// In words.
    pub told: Shown,
}

/// How a moment looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// The switches rebuild their paths.
    Stp,
    /// An address is asked for or given.
    Dhcp,
    /// Somebody asks.
    Asked,
    /// Anything else.
    Seen,
}

impl Sign {
    fn of(evidence: &Evidence) -> Self {
        match evidence.protocol {
            Some("stp" | "rstp" | "mstp" | "mrp") => Self::Stp,
            Some("dhcp" | "dhcpv6") => Self::Dhcp,
            Some("arp" | "icmp" | "icmpv6" | "nd" | "tcp") => Self::Asked,
            _ => Self::Seen,
        }
    }

    /// Its name in the stylesheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Stp => "stp",
            Self::Dhcp => "dhcp",
            Self::Asked => "asked",
            Self::Seen => "seen",
        }
    }

    const fn told(self) -> &'static str {
        match self {
            Self::Stp => "the switches rebuild their paths (STP)",
            Self::Dhcp => "an address is asked for (DHCP)",
            Self::Asked => "asked, or answered",
            Self::Seen => "seen",
        }
    }

    /// Its outline in a legend.
    pub fn alone(self) -> String {
        self.path(&7, &0)
    }

    /// Its outline around `x` on a lane that begins at `y`.
    pub fn path(self, x: &i64, y: &i64) -> String {
        let (x, y) = (*x, y.saturating_add(LANE / 2));
        let (l, r, t, b) =
            (x.saturating_sub(5), x.saturating_add(5), y.saturating_sub(6), y.saturating_add(6));
        match self {
            Self::Stp => format!("M{x} {t}L{r} {b}H{l}Z"),
            Self::Dhcp => format!("M{x} {t}L{r} {y}L{x} {b}L{l} {y}Z"),
            Self::Asked => format!("M{} {y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z", x.saturating_sub(3)),
            Self::Seen => format!("M{x} {}V{}", t.saturating_sub(2), b.saturating_add(2)),
        }
    }
}

/// Draws a finding.
pub fn lanes(picture: &Picture, finding: &Finding) -> Lanes {
    let scale = Scale::of(finding);
    let report = &picture.report;
    let members: Vec<(&String, Option<&Device>)> =
        finding.devices.iter().take(LANES_MAX).map(|id| (id, picture.device(id))).collect();
    let mut marks: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
    let trees = picture.findings.iter().filter(|it| it.id != finding.id && it.kind.starts_with("stp-"));
    let of_trees = trees.flat_map(|it| &it.evidence).filter(|it| Sign::of(it) == Sign::Stp);
    for evidence in finding.evidence.iter().chain(of_trees).take(MARKS_MAX) {
        let Some(at) = parse(&evidence.time).filter(|at| scale.holds(*at)) else { continue };
        let sign = Sign::of(evidence);
        let lane = members.iter().position(|(id, device)| names(&evidence.text, id, *device));
        let lane = lane.filter(|_| sign != Sign::Stp).map_or(0, |lane| lane.saturating_add(1));
        let told = words::said(&format!("{} UTC: {}", clock_time(at), evidence.text));
        marks.entry(lane).or_default().push(Mark { x: scale.x(at), sign, told });
    }
    let mut signs: Vec<Sign> = marks.values().flatten().map(|mark| mark.sign).collect();
    signs.sort_unstable();
    signs.dedup();
    let mut lanes = Vec::new();
    let switch = finding.switch.as_deref();
    if switch.is_some() || marks.contains_key(&0) {
        let device = switch.and_then(|id| picture.device(id));
        lanes.push(Lane {
            y: 0,
            name: switch.map_or_else(
                || words::shown("Network"),
                |id| words::brief(picture.switch_called(id).as_str()),
            ),
            link: device.map(|device| format!("/devices/{}", crate::lists::encoded(&device.id))),
            bars: device.map_or_else(Vec::new, |device| bars(device, &scale)),
            marks: marks.remove(&0).unwrap_or_default(),
        });
    }
    for (number, (id, device)) in (1..).zip(&members) {
        lanes.push(Lane {
            y: 0,
            name: device.map_or_else(|| words::brief(id), words::on_lane),
            link: device.map(|device| format!("/devices/{}", crate::lists::encoded(&device.id))),
            bars: device.map_or_else(Vec::new, |device| bars(device, &scale)),
            marks: marks.remove(&number).unwrap_or_default(),
        });
    }
    for (number, lane) in (0..).zip(&mut lanes) {
        lane.y = TOP.saturating_add(LANE.saturating_mul(number));
    }
    let bottom = lanes.last().map_or(TOP, |lane| lane.y.saturating_add(LANE));
    let blind = report.capture.blind.iter().filter_map(|it| {
        let (from, to) = (parse(&it.from)?, parse(&it.to)?);
        let told = format!("nobody watched from {} to {} UTC: {}", day_time(from), day_time(to), it.reason);
        scale.bar((from, to), "blind", &told)
    });
    Lanes {
        height: bottom.saturating_add(FOOT),
        bottom,
        blind: blind.take(MARKS_MAX).collect(),
        labels: scale.labels(),
        detected: parse(&finding.detected).map(|at| (scale.x(at), day_time(at))),
        left_out: finding.devices.len().saturating_sub(members.len()),
        told: format!("{} to {} UTC", day_time(scale.from), day_time(scale.to)),
        signs: signs.into_iter().map(|sign| (sign, sign.told())).collect(),
        lanes,
    }
}

/// A device's states within the time shown.
fn bars(device: &Device, scale: &Scale) -> Vec<Bar> {
    let spans = device.history.iter().filter_map(|it| {
        let (from, to) = (it.from.0, it.to.map(|to| to.0));
        let until = to.map_or_else(
            || "to the end".to_owned(),
            |to| format!("to {} ({})", clock_time(to), length(to - from)),
        );
        let told = format!("{}: {} from {} UTC {until}", words::called(device), it.state, day_time(from));
        scale.bar((from, to.unwrap_or(scale.to)), it.state, &told)
    });
    spans.take(BARS_MAX).collect()
}

/// Whether a piece of evidence speaks of a device.
fn names(text: &str, id: &str, device: Option<&Device>) -> bool {
    let is_met = |address: &str| {
        text.match_indices(address).any(|(at, _)| {
            let behind = text.get(at.saturating_add(address.len())..).and_then(|rest| rest.chars().next());
            behind.is_none_or(|letter| !letter.is_ascii_alphanumeric())
        })
    };
    !id.is_empty() && is_met(id) || device.is_some_and(|it| it.ips.iter().any(|ip| is_met(ip)))
}

/// Time to places.
pub struct Scale {
    from: Time,
    to: Time,
}

impl Scale {
    /// From one moment to another.
    pub const fn between(from: Time, to: Time) -> Self {
        Self { from, to }
    }

    fn of(finding: &Finding) -> Self {
        let time = |text: &str| parse(text);
        let own = [
            Some(&finding.first_seen),
            Some(&finding.detected),
            finding.ended.as_ref().or(Some(&finding.last_seen)),
        ];
        let shown: Vec<Time> = own
            .into_iter()
            .flatten()
            .chain(finding.evidence.iter().map(|it| &it.time))
            .filter_map(|text| time(text))
            .collect();
        let first = shown.iter().min().copied().unwrap_or_default();
        let last = shown.iter().max().copied().unwrap_or_default();
        let margin = Span(((last - first).0 / 10).max(Span::seconds(5).0));
        Self { from: first - margin, to: last + margin }
    }

    fn holds(&self, at: Time) -> bool {
        self.from <= at && at <= self.to
    }

    fn x(&self, at: Time) -> i64 {
        let whole = i128::from((self.to - self.from).0.max(1));
        let part = i128::from((at - self.from).0).clamp(0, whole);
        PLOT.saturating_add(i64::try_from(part * i128::from(SPAN) / whole).unwrap_or(0))
    }

    /// A time as a bar, where any of it is within.
    pub fn bar(&self, (from, to): (Time, Time), state: &str, told: &str) -> Option<Bar> {
        let x = self.x(from);
        let width = self.x(to).saturating_sub(x).max(2);
        (from <= self.to && to >= self.from).then(|| Bar {
            x,
            width,
            state: words::shown(state).to_string(),
            told: words::said(told),
        })
    }

    /// Words of the axis, each with its place.
    pub fn labels(&self) -> Vec<(i64, String)> {
        let whole = self.to - self.from;
        let step = STEPS_S.into_iter().map(Span::seconds).find(|step| whole.0 / step.0 <= 8).unwrap_or(whole);
        let mut at = Time(self.from.0.div_euclid(step.0.max(1)).saturating_mul(step.0));
        let mut labels = Vec::new();
        while labels.len() < 16 {
            at = at + step;
            if at > self.to {
                break;
            }
            let is_long = step.0 >= Span::seconds(86_400).0;
            let text =
                if is_long { day_time(at).get(5..10).unwrap_or_default().to_owned() } else { clock_time(at) };
            labels.push((self.x(at), text));
        }
        labels
    }
}

/// Lengths between two words of the axis.
const STEPS_S: [i64; 16] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400, 604_800];
/// Where the plot begins, beside the names, and how wide it is.
pub const PLOT: i64 = 230;
/// The plot's.
pub const SPAN: i64 = 710;
/// Above the first lane.
pub const TOP: i64 = 8;
/// One lane's height.
pub const LANE: i64 = 26;
const FOOT: i64 = 26;
/// What a person can look over; the others are told by number.
const LANES_MAX: usize = 40;
const BARS_MAX: usize = 200;
const MARKS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_has_a_lane_with_its_silence_and_its_marks() {
        let picture = crate::test::picture();
        let drawn = lanes(&picture, &picture.report.findings[0]);
        let names: Vec<&str> = drawn.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!(names, ["sw-dock", "Axis P3265 192.0.2.7", "Axis P3265 192.0.2.8"]);
        let silent = |lane: &Lane| lane.bars.iter().filter(|bar| bar.state == "offline").count();
        assert_eq!(drawn.lanes.iter().map(silent).collect::<Vec<_>>(), [0, 1, 0]);
        assert!(drawn.lanes[1].marks.iter().any(|mark| mark.sign == Sign::Dhcp), "{drawn:?}");
        let within = |bar: &Bar| bar.x >= PLOT && bar.x + bar.width <= PLOT + SPAN + 2;
        assert!(drawn.lanes.iter().flat_map(|lane| &lane.bars).all(within), "{drawn:?}");
    }

    #[test]
    fn an_address_is_not_taken_for_the_beginning_of_another() {
        assert!(names("no answer from 192.0.2.5", "192.0.2.5", None));
        assert!(!names("no answer from 192.0.2.57", "192.0.2.5", None));
    }
}
