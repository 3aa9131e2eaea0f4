//! The map: switches, their ports and who hangs on them, laid out as a tree.
//!
//! ```text
//!             ┌ sw-core ── ge1 Door controller
//!   site ─────┤  └┄ sw-dock ┬ ge1 Gate camera
//!             │             └ ge2 Yard camera
//!             └ not known where ┄┄┄┄ Hall camera
//! ```
//!
//! Dashed is what was inferred or only listed, whole what a switch or an address server said. A part that failed
//! makes what it hangs on critical, that makes its own degraded: one step weaker with each step up. What is worst is drawn first,
//! a switch above those behind it.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_engine::report::{Device, Finding, Switch};

use crate::Picture;
use crate::lists::encoded;
use crate::words::{self, Shown};

/// Devices that hang on something.
type Hanging<'a> = Vec<&'a Device>;

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
    /// Of the drawing.
    pub width: i64,
    /// All that is drawn, from top to bottom.
    pub nodes: Vec<Node>,
    /// What joins them.
    pub edges: Vec<Edge>,
    /// Of the whole site.
    pub health: Health,
    /// Of each switch, drawn or not, by its id.
    pub switches: BTreeMap<String, Health>,
    /// Switches that are not drawn.
    pub left_out: usize,
    /// Devices that are drawn on each switch.
    most: usize,
    /// Whether others hang on its switches, who are no matter.
    is_way: bool,
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

/// A switch with all that hangs on it.
struct Part<'a> {
    switch: &'a Switch,
    devices: Hanging<'a>,
    behind: Vec<Part<'a>>,
    health: Health,
}

impl Part<'_> {
    /// Devices on it and behind it.
    fn size(&self) -> usize {
        self.behind.iter().map(Self::size).fold(self.devices.len(), usize::saturating_add)
    }

    /// Notes how it stands, and all behind it.
    fn note(&self, switches: &mut BTreeMap<String, Health>) {
        switches.insert(self.switch.id.clone(), self.health);
        self.behind.iter().for_each(|part| part.note(switches));
    }
}

/// Lays out the map.
pub fn map(picture: &Picture) -> Map {
    drawn(picture, (switches(picture), false), picture.report.devices.iter().map(|device| &**device))
}

/// Lays out the way to who is concerned by a finding: the switches that they hang on, up to the site, and how many devices are not
/// drawn; `None` where no switch is known.
pub fn way(picture: &Picture, finding: &Finding) -> Option<(Map, usize)> {
    let all = switches(picture);
    let devices: Vec<&Device> =
        finding.devices.iter().take(ON_WAY_MAX).filter_map(|id| picture.device(id)).collect();
    let mut on_way: BTreeMap<&str, &Switch> = BTreeMap::new();
    for id in devices.iter().filter_map(|it| hangs_on(it)).chain(finding.switch.as_deref()) {
        let mut next = all.get(id);
        while let Some(switch) = next.filter(|it| on_way.insert(&it.id, it).is_none()) {
            next = switch.parent.as_deref().and_then(|parent| all.get(parent));
        }
    }
    let left_out = finding.devices.len().saturating_sub(ON_WAY_MAX);
    (!on_way.is_empty()).then(|| (drawn(picture, (on_way, true), devices.into_iter()), left_out))
}

/// All switches by their ids.
fn switches(picture: &Picture) -> BTreeMap<&str, &Switch> {
    picture.report.switches.iter().map(|switch| (switch.id.as_str(), switch)).collect()
}

/// The switch that a device hangs on.
fn hangs_on(device: &Device) -> Option<&str> {
    device.switch.as_ref().and_then(|it| it.id.as_deref().or(it.name.as_deref()))
}

fn drawn<'a>(
    picture: &'a Picture,
    (switches, is_way): (BTreeMap<&'a str, &'a Switch>, bool),
    devices: impl Iterator<Item = &'a Device>,
) -> Map {
    let report = &picture.report;
    let mut hanging: BTreeMap<&str, Hanging<'_>> = BTreeMap::new();
    let mut loose = Vec::new();
    for device in devices {
        match hangs_on(device).and_then(|at| switches.get_key_value(at)) {
            // A switch is drawn as one, and not as a device as well.
            _ if switches.contains_key(device.id.as_str()) => {}
            Some((id, _)) => hanging.entry(id).or_default().push(device),
            None => loose.push(device),
        }
    }
    let mut behind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut tops = Vec::new();
    for (id, switch) in &switches {
        match parent(&switches, switch) {
            Some(parent) => behind.entry(parent).or_default().push(id),
            None => tops.push(*id),
        }
    }
    let mut grown = Grown { picture, switches: &switches, hanging, behind, failed: failed(picture) };
    let mut parts: Vec<Part<'_>> = tops.into_iter().filter_map(|id| grown.part(id, 0)).collect();
    parts.sort_by_key(|part| std::cmp::Reverse((part.health, part.size())));
    let mut map = Map {
        height: 0,
        width: WIDTH,
        nodes: Vec::new(),
        edges: Vec::new(),
        health: Health::Okay,
        switches: BTreeMap::new(),
        left_out: 0,
        most: (DRAWN_MAX / switches.len().clamp(1, SWITCHES_MAX)).min(DEVICES_MAX),
        is_way,
    };
    let site = report.site.as_deref().unwrap_or("This site");
    map.node((SITE, 24), (words::shown(site), words::shown("")), None, (Health::Okay.name(), true));
    let mut y = 24;
    let mut room = SWITCHES_MAX;
    for part in &parts {
        part.note(&mut map.switches);
        map.health = map.health.max(part.health.above());
        y = map.part(picture, part, ((SITE_END, 24), y, 0), &mut room);
    }
    if !loose.is_empty() {
        let about = words::shown(&many(loose.len(), ["device", "devices"]));
        let worst = loose.iter().map(|device| of_device(device)).max().unwrap_or(Health::Okay);
        map.health = map.health.max(worst.above().above());
        map.edge((SITE_END, 24), (SWITCH, y), true);
        map.node((SWITCH, y), (words::shown("Not known where"), about), None, (worst.above().name(), true));
        y = map.devices((SWITCH_END, y), (&loose, None), "/devices?switch=-");
    }
    map.left_out = map.switches.len().saturating_sub(SWITCHES_MAX);
    map.height = y.saturating_add(10);
    if let Some(site) = map.nodes.first_mut() {
        (site.class, site.told) = (map.health.name(), map.health.name());
    }
    map
}

/// What a switch hangs on, as long as that does not hang on it in turn.
fn parent<'a>(switches: &BTreeMap<&'a str, &'a Switch>, switch: &'a Switch) -> Option<&'a str> {
    let above = |switch: &Switch| {
        let id = switch.parent.as_deref().filter(|parent| *parent != switch.id)?;
        switches.get(id).copied()
    };
    let first = above(switch)?;
    let mut up = first;
    for _ in 0..DEPTH_MAX {
        match above(up) {
            None => return Some(&first.id),
            Some(next) if next.id == switch.id => return None,
            Some(next) => up = next,
        }
    }
    None
}

/// What parts grow out of.
struct Grown<'a, 'b> {
    picture: &'a Picture,
    switches: &'b BTreeMap<&'a str, &'a Switch>,
    hanging: BTreeMap<&'a str, Hanging<'a>>,
    behind: BTreeMap<&'a str, Vec<&'a str>>,
    failed: BTreeSet<&'a str>,
}

impl<'a> Grown<'a, '_> {
    fn part(&mut self, id: &str, depth: usize) -> Option<Part<'a>> {
        let switch = self.switches.get(id).copied()?;
        let devices = self.hanging.remove(id).unwrap_or_default();
        let ids = if depth < DEPTH_MAX { self.behind.remove(id).unwrap_or_default() } else { Vec::new() };
        let mut behind: Vec<Part<'a>> =
            ids.into_iter().filter_map(|id| self.part(id, depth.saturating_add(1))).collect();
        behind.sort_by_key(|part| std::cmp::Reverse((part.health, part.size())));
        let worst = behind.iter().map(|part| part.health).max().unwrap_or(Health::Okay);
        let health = match self.failed.contains(id) {
            true => Health::Failed,
            false => health(self.picture, switch, &devices).max(worst.above()),
        };
        Some(Part { switch, devices, behind, health })
    }
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

    /// Draws a switch, who hangs on it and what is behind it, and says where the next one may begin.
    fn part(
        &mut self,
        picture: &Picture,
        part: &Part<'_>,
        (from, y, depth): ((i64, i64), i64, i64),
        room: &mut usize,
    ) -> i64 {
        let Some(left) = room.checked_sub(1) else { return y };
        *room = left;
        let Part { switch, devices, behind, health } = part;
        let step = depth.saturating_mul(STEP);
        let (x, end) = (SWITCH.saturating_add(step), SWITCH_END.saturating_add(step));
        let about = words::shown(&about(part, self.is_way));
        let link = picture.device(&switch.id).map(|it| format!("/devices/{}", encoded(&it.id)));
        let source = if depth == 0 { Some(switch.source) } else { switch.parent_source };
        let is_inferred = !source.is_some_and(|source| is_told(source) && (depth == 0 || source != "stp"));
        if depth == 0 {
            self.edge(from, (x, y), is_inferred);
        } else {
            // Down along the one above, and to the right.
            let path = format!("M{} {}V{y}H{x}", from.0, from.1);
            self.edges.push(Edge { path, is_inferred });
        }
        self.node((x, y), (picture.switch_called(&switch.id), about), link, (health.name(), true));
        self.width = self.width.max(end.saturating_add(WIDTH.saturating_sub(SWITCH_END)));
        let more = format!("/devices?switch={}", encoded(&switch.id));
        let mut below = self.devices((end, y), (devices, Some(switch)), &more).saturating_add(14);
        let from = (x.saturating_add(14), y.saturating_add(13));
        for part in behind {
            below = self.part(picture, part, (from, below, depth.saturating_add(1)), room);
        }
        below
    }

    /// Draws who hangs on one switch, or on none that is known, and says where the next one may begin.
    fn devices(
        &mut self,
        from: (i64, i64),
        (devices, switch): (&Hanging<'_>, Option<&Switch>),
        more: &str,
    ) -> i64 {
        let ports = switch.into_iter().flat_map(|it| &it.ports);
        let on_port = ports.flat_map(|port| port.devices.iter().map(|id| (id.as_str(), port.name.as_str())));
        let listed: BTreeMap<&str, &str> = on_port.collect();
        let port = |device: &&Device| {
            let own = device.switch.as_ref().filter(|_| switch.is_some()).and_then(|it| it.port.as_deref());
            own.or_else(|| listed.get(device.id.as_str()).copied()).unwrap_or_default().to_owned()
        };
        let mut devices: Vec<(&Device, String)> = devices.iter().map(|it| (*it, port(it))).collect();
        devices.sort_by_cached_key(|(device, port)| {
            (std::cmp::Reverse(of_device(device)), natural(port), &device.id)
        });
        let left_out = devices.len().saturating_sub(self.most);
        let mut y = from.1;
        let column = from.0.saturating_add(DEVICE.saturating_sub(SWITCH_END));
        for (device, port) in devices.iter().take(self.most) {
            let is_inferred = !device.switch.as_ref().is_some_and(|it| is_told(it.source));
            self.edge(from, (column, y), is_inferred);
            let beside =
                if port.is_empty() { device.kind.clone() } else { format!("{port} · {}", device.kind) };
            let link = Some(format!("/devices/{}", encoded(&device.id)));
            let state = match device.state {
                "offline" => "offline",
                "degraded" => "partial",
                "unknown" => "unknown",
                _ => "online",
            };
            self.node((column, y), (words::called(device), words::shown(&beside)), link, (state, false));
            y = y.saturating_add(ROW);
        }
        if left_out > 0 {
            self.edge(from, (column, y), true);
            let name = words::shown(&format!("{} more", words::count(left_out as u64)));
            self.node((column, y), (name, words::shown("")), Some(more.to_owned()), ("unknown", false));
            y = y.saturating_add(ROW);
        }
        if y == from.1 { y.saturating_add(ROW) } else { y }
    }
}

/// What stands beside a switch. That nothing is known to hang on it does not mean that nothing does: it may only have passed on what
/// others sent.
fn about(part: &Part<'_>, is_way: bool) -> String {
    match (part.devices.len(), part.behind.len()) {
        (0, _) if is_way => "on the way".to_owned(),
        (devices, _) if is_way => format!("{} of them", words::count(devices as u64)),
        (0, 0) => "nobody known on it".to_owned(),
        (0, switches) => many(switches, ["switch behind it", "switches behind it"]),
        (devices, _) => many(devices, ["device", "devices"]),
    }
}

fn many(count: usize, [one, several]: [&str; 2]) -> String {
    format!("{} {}", words::count(count as u64), if count == 1 { one } else { several })
}

fn of_device(device: &Device) -> Health {
    match device.state {
        "offline" => Health::Failed,
        "degraded" => Health::Degraded,
        _ => Health::Okay,
    }
}

/// Switches that failed, as a finding says that is not over.
fn failed(picture: &Picture) -> BTreeSet<&str> {
    let own = picture.findings.iter().filter(|it| matches!(it.cause, Some("switch" | "power" | "uplink")));
    own.filter(|it| picture.is_open(it)).filter_map(|it| it.switch.as_deref()).collect()
}

/// A switch that did not fail is a step better than the worst that hangs on it.
fn health(picture: &Picture, switch: &Switch, devices: &Hanging<'_>) -> Health {
    let itself = picture.device(&switch.id).map_or(Health::Okay, of_device);
    let worst = devices.iter().map(|device| of_device(device)).max().unwrap_or(Health::Okay);
    itself.max(worst.above())
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
const WIDTH: i64 = 800;
/// To the right, for each switch behind a switch.
const STEP: i64 = 44;
/// Switches behind each other: rings of switches that point at each other end there.
const DEPTH_MAX: usize = 8;
/// A page of them; the others are in the list of devices.
const SWITCHES_MAX: usize = 60;
/// For each switch.
const DEVICES_MAX: usize = 24;
/// Of one finding: as many as have a lane.
const ON_WAY_MAX: usize = 40;
/// On all switches: some ninety kilobytes.
const DRAWN_MAX: usize = 200;

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
    fn a_switch_is_drawn_behind_the_one_it_hangs_on_dashed_where_that_is_inferred() {
        let mut report = crate::test::report();
        report.devices[0].state = "offline";
        report.findings.clear();
        let switch = |text: &str| serde_json::from_str::<Switch>(text).unwrap();
        report.switches[0].parent = Some("sw-0".into());
        report.switches[0].parent_source = Some("stp");
        report.switches.push(switch(
            r#"{"id":"sw-0","name":"sw-core","ports":[],"members":[],"source":"lldp","parent":"sw-9"}"#,
        ));
        let map = map(&Picture::new(report, None));
        let of = |name: &str| map.nodes.iter().find(|it| it.name.as_str() == name).unwrap();
        let (core, dock) = (of("sw-core"), of("sw-dock"));
        assert!(core.y < dock.y && core.x < dock.x, "{map:?}");
        assert_eq!((dock.class, core.class, of("Harbour").class), ("critical", "degraded", "okay"));
        let health = |id: &str| map.switches[id].name();
        assert_eq!((health("sw-1"), health("sw-0")), ("critical", "degraded"));
        assert_eq!((dock.beside.as_str(), core.beside.as_str()), ("2 devices", "1 switch behind it"));
        let edge = |to: &Node| {
            map.edges.iter().find(|it| it.path.ends_with(&format!("V{}H{}", to.y, to.x))).unwrap()
        };
        assert!(!edge(core).is_inferred && edge(dock).is_inferred);
    }

    #[test]
    fn the_way_to_who_is_concerned_leads_over_his_switches_alone() {
        let mut report = crate::test::report();
        report.switches[0].parent = Some("sw-0".into());
        for other in [
            r#"{"id":"sw-0","name":"sw-core","ports":[],"members":[],"source":"lldp","parent":"sw-1"}"#,
            r#"{"id":"sw-7","name":"sw-yard","ports":[],"members":[],"source":"lldp"}"#,
        ] {
            report.switches.push(serde_json::from_str(other).unwrap());
        }
        let one = report.findings[0].devices[0].clone();
        report.findings[0].devices.truncate(1);
        let picture = Picture::new(report, None);
        let (way, left_out) = way(&picture, picture.findings.get(0).unwrap()).unwrap();
        let names: Vec<&str> = way.nodes.iter().map(|it| it.name.as_str()).collect();
        let called = picture.called(&one);
        assert_eq!((names.len(), left_out), (4, 0), "{names:?}");
        assert!(
            ["Harbour", "sw-core", "sw-dock", called.as_str()].iter().all(|it| names.contains(it)),
            "{names:?}"
        );
        let beside =
            |name: &str| way.nodes.iter().find(|it| it.name.as_str() == name).unwrap().beside.as_str();
        assert_eq!((beside("sw-core"), beside("sw-dock")), ("on the way", "1 of them"));
        let nowhere =
            Finding { devices: Vec::new(), switch: None, ..picture.findings.get(0).unwrap().clone() };
        assert!(super::way(&picture, &nowhere).is_none());
    }

    #[test]
    fn switches_that_hang_on_each_other_are_drawn_once() {
        let mut report = crate::test::report();
        report.switches[0].parent = Some("sw-0".into());
        let other = r#"{"id":"sw-0","ports":[],"members":[],"source":"lldp","parent":"sw-1"}"#;
        report.switches.push(serde_json::from_str(other).unwrap());
        let map = map(&Picture::new(report, None));
        let switches = map.nodes.iter().filter(|it| it.is_switch).count();
        assert_eq!((switches, map.left_out), (3, 0));
    }

    #[test]
    fn ports_are_in_their_order() {
        let mut ports = ["ge10", "ge9", "ge1"];
        ports.sort_by_key(|port| natural(port));
        assert_eq!(ports, ["ge1", "ge9", "ge10"]);
    }
}
