//! The map: switches, their ports and who hangs on them, laid out as a tree.
//!
//! ```text
//!             ┌ sw-core ─┬ sw-dock ┬ ge1 Gate camera
//!   site ─────┤          │         └ ge2 Yard camera
//!             └ not known where ┄┄┄┄ Hall camera
//! ```
//!
//! Dashed is what was inferred or only listed, whole what a switch or an address server said. A part that failed
//! makes what it hangs on critical, that makes its own degraded: one step weaker with each step up. What is worst is drawn first.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_engine::report::{Device, Report, Switch};

use crate::Picture;
use crate::lists::encoded;
use crate::words::{self, Shown};

/// Devices, each with the port that it hangs on.
type Hanging<'a> = Vec<(&'a Device, &'a str)>;

/// How a part stands; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Okay,
    /// Something below it is critical.
    Degraded,
    /// Something below it failed.
    Critical,
    /// It failed.
    Failed,
}

impl Health {
    /// What it makes of what it hangs on.
    const fn above(self) -> Self {
        match self {
            Self::Failed => Self::Critical,
            Self::Critical => Self::Degraded,
            Self::Degraded | Self::Okay => Self::Okay,
        }
    }

    /// In words, and in the stylesheet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Okay => "okay",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Failed => "failed",
        }
    }
}

/// The map, ready to be drawn.
#[derive(Debug)]
pub struct Map {
    /// Of the drawing.
    pub height: i64,
    /// All that is drawn, from top to bottom.
    pub nodes: Vec<Node>,
    /// What joins them.
    pub edges: Vec<Edge>,
    /// Of the whole site.
    pub health: Health,
    /// Switches that are not drawn.
    pub left_out: usize,
}

/// A switch or a device.
#[derive(Debug)]
pub struct Node {
    /// Its left edge.
    pub x: i64,
    /// Its middle.
    pub y: i64,
    /// What it is called.
    pub name: Shown,
    /// What stands beside it.
    pub beside: Shown,
    /// Where it leads.
    pub link: Option<String>,
    /// How it stands, in the stylesheet's words.
    pub class: &'static str,
    /// How it stands, in people's words.
    pub told: &'static str,
    /// Whether it is a switch.
    pub is_switch: bool,
}

/// A line from one to the other.
#[derive(Debug)]
pub struct Edge {
    /// As SVG has it.
    pub path: String,
    /// Whether nobody said so himself.
    pub is_inferred: bool,
}

/// Lays out the map.
pub fn map(picture: &Picture) -> Map {
    let report = &picture.report;
    let mut hanging: BTreeMap<&str, Hanging<'_>> = BTreeMap::new();
    let switches: BTreeSet<&str> = report.switches.iter().map(|switch| switch.id.as_str()).collect();
    let mut loose = Vec::new();
    for device in report.devices.iter().map(|device| &**device) {
        let at = device.switch.as_ref().and_then(|it| it.id.as_deref().or(it.name.as_deref()));
        match at.and_then(|at| switches.get(at)) {
            Some(id) => hanging.entry(id).or_default().push((device, port(report, id, device))),
            None if switches.contains(device.id.as_str()) => {}
            None => loose.push((device, "")),
        }
    }
    let mut map = Map { height: 0, nodes: Vec::new(), edges: Vec::new(), health: Health::Okay, left_out: 0 };
    let site = report.site.as_deref().unwrap_or("This site");
    map.node((SITE, 24), (words::shown(site), words::shown("")), None, (Health::Okay.name(), true));
    let mut y = 24;
    let mut switches: Vec<(Health, &Switch, Hanging<'_>)> = report
        .switches
        .iter()
        .map(|switch| {
            let devices = hanging.remove(switch.id.as_str()).unwrap_or_default();
            (health(picture, switch, &devices), switch, devices)
        })
        .collect();
    switches.sort_by_key(|(health, _, devices)| std::cmp::Reverse((*health, devices.len())));
    for (health, switch, devices) in switches.into_iter().take(SWITCHES_MAX) {
        map.health = map.health.max(health.above());
        let about = words::shown(&format!("{} devices", words::count(devices.len() as u64)));
        let link = picture.device(&switch.id).map(|it| format!("/devices/{}", encoded(&it.id)));
        map.edge((SITE_END, 24), (SWITCH, y), !is_told(switch.source));
        map.node((SWITCH, y), (picture.switch_called(&switch.id), about), link, (health.name(), true));
        let more = format!("/devices?switch={}", encoded(&switch.id));
        y = map.devices((SWITCH_END, y), devices, &more).saturating_add(14);
    }
    if !loose.is_empty() {
        let about = words::shown(&format!("{} devices", words::count(loose.len() as u64)));
        let worst = loose.iter().map(|(device, _)| of_device(device)).max().unwrap_or(Health::Okay);
        map.health = map.health.max(worst.above().above());
        map.edge((SITE_END, 24), (SWITCH, y), true);
        map.node((SWITCH, y), (words::shown("Not known where"), about), None, (worst.above().name(), true));
        y = map.devices((SWITCH_END, y), loose, "/devices?switch=-");
    }
    map.left_out = report.switches.len().saturating_sub(SWITCHES_MAX);
    map.height = y.saturating_add(10);
    if let Some(site) = map.nodes.first_mut() {
        (site.class, site.told) = (map.health.name(), map.health.name());
    }
    map
}

impl Map {
    fn node(
        &mut self,
        (x, y): (i64, i64),
        (name, beside): (Shown, Shown),
        link: Option<String>,
        (class, is_switch): (&'static str, bool),
    ) {
        self.nodes.push(Node { x, y, name, beside, link, class, told: class, is_switch });
    }

    fn edge(&mut self, (x, y): (i64, i64), (to_x, to_y): (i64, i64), is_inferred: bool) {
        let middle = x.midpoint(to_x);
        self.edges.push(Edge { path: format!("M{x} {y}H{middle}V{to_y}H{to_x}"), is_inferred });
    }

    /// Draws who hangs on one switch, and says where the next one may begin.
    fn devices(&mut self, from: (i64, i64), mut devices: Hanging<'_>, more: &str) -> i64 {
        devices
            .sort_by_key(|(device, port)| (std::cmp::Reverse(of_device(device)), natural(port), &device.id));
        let left_out = devices.len().saturating_sub(DEVICES_MAX);
        let mut y = from.1;
        for (device, port) in devices.iter().take(DEVICES_MAX) {
            let is_inferred = !device.switch.as_ref().is_some_and(|it| is_told(it.source));
            self.edge(from, (DEVICE, y), is_inferred);
            let beside =
                if port.is_empty() { device.kind.clone() } else { format!("{port} · {}", device.kind) };
            let link = Some(format!("/devices/{}", encoded(&device.id)));
            let state = match device.state {
                "offline" => "offline",
                "degraded" => "partial",
                "unknown" => "unknown",
                _ => "online",
            };
            self.node((DEVICE, y), (words::called(device), words::shown(&beside)), link, (state, false));
            y = y.saturating_add(ROW);
        }
        if left_out > 0 {
            self.edge(from, (DEVICE, y), true);
            let name = words::shown(&format!("{} more", words::count(left_out as u64)));
            self.node((DEVICE, y), (name, words::shown("")), Some(more.to_owned()), ("unknown", false));
            y = y.saturating_add(ROW);
        }
        if y == from.1 { y.saturating_add(ROW) } else { y }
    }
}

/// The port of a switch that a device hangs on.
fn port<'a>(report: &'a Report, switch: &str, device: &'a Device) -> &'a str {
    let own = device.switch.as_ref().and_then(|it| it.port.as_deref());
    let of_switch = || {
        let ports = report.switches.iter().filter(|it| it.id == switch).flat_map(|it| &it.ports);
        ports.into_iter().find(|port| port.devices.contains(&device.id)).map(|port| port.name.as_str())
    };
    own.or_else(of_switch).unwrap_or_default()
}

fn of_device(device: &Device) -> Health {
    match device.state {
        "offline" => Health::Failed,
        "degraded" => Health::Degraded,
        _ => Health::Okay,
    }
}

/// A switch failed where a finding that is not over says so; else it is a step better than the worst that hangs on it.
fn health(picture: &Picture, switch: &Switch, devices: &[(&Device, &str)]) -> Health {
    let own = picture.findings.iter().any(|it| {
        picture.is_open(it)
            && it.switch.as_deref() == Some(switch.id.as_str())
            && matches!(it.cause, Some("switch" | "power" | "uplink"))
    });
    let itself = picture.device(&switch.id).map_or(Health::Okay, of_device);
    let worst = devices.iter().map(|(device, _)| of_device(device)).max().unwrap_or(Health::Okay);
    if own { Health::Failed } else { itself.max(worst.above()) }
}

/// Whether who knows said where something hangs.
fn is_told(source: &str) -> bool {
    source.starts_with("lldp") || source.starts_with("cdp") || source.starts_with("dhcp") || source == "stp"
}

/// `ge10` behind `ge9`.
fn natural(port: &str) -> (String, u64) {
    let name = port.trim_end_matches(|it: char| it.is_ascii_digit());
    (name.to_owned(), port.get(name.len()..).and_then(|digits| digits.parse().ok()).unwrap_or(0))
}

const SITE: i64 = 10;
const SITE_END: i64 = 190;
const SWITCH: i64 = 230;
const SWITCH_END: i64 = 470;
const DEVICE: i64 = 510;
const ROW: i64 = 26;
/// A page of them; the others are in the list of devices.
const SWITCHES_MAX: usize = 60;
/// For each switch.
const DEVICES_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_one_step_weaker_above() {
        let mut report = crate::test::report();
        report.devices[0].state = "offline";
        report.findings.clear();
        let map = map(&Picture::new(report, None));
        let of = |name: &str| map.nodes.iter().find(|it| it.name.as_str() == name).map(|it| it.class);
        assert_eq!(
            (of("Gate"), of("sw-dock"), of("Harbour")),
            (Some("offline"), Some("critical"), Some("degraded"))
        );
    }

    #[test]
    fn ports_are_in_their_order() {
        let mut ports = ["ge10", "ge9", "ge1"];
        ports.sort_by_key(|port| natural(port));
        assert_eq!(ports, ["ge1", "ge9", "ge10"]);
    }
}
