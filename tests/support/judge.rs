//! Holds a report on a made-up site against the truth about it: what was due and how it was said, and what was said
//! that nothing bears out.
//!
//! ```text
//! due     kind (or one that says the same), somebody of its devices, while it lasts and a minute after
//! right   its cause is the last that was visible, or one that the same traffic fits; or it is the true one and was
//!         visible before
//! false   said of the site or the mirror, and neither due nor following from anything that happened there
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use spanwatch_simulator::options::SECOND;
use spanwatch_simulator::truth::{Event, Expected, Truth};

use crate::support::story::{list, nanoseconds};

/// What a report is worth.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Each finding that was due.
    pub due: Vec<Due>,
    /// Each that nothing bears out.
    pub wrong: Vec<False>,
    /// Findings that said again what was said.
    pub again: Vec<(String, String)>,
    /// How many device-seconds were watched.
    pub device_seconds: u64,
}

/// A finding that was due.
#[derive(Debug)]
pub struct Due {
    /// Kind of the incident.
    pub incident: String,
    /// Kind of the finding.
    pub finding: String,
    /// Whom it happened to, for people.
    pub subject: String,
    /// The cause that the traffic proves, where it proves any.
    pub proved: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The cause that was said, where kinds of its sort say one.
    pub said: Option<String>,
    /// The kind that said it.
    pub said_by: String,
    /// What else was said of the same devices.
    pub instead: BTreeSet<String>,
    /// From its beginning until it was said.
    pub gone_after: Option<i64>,
    /// From its beginning until the final cause was said.
    pub final_after: Option<i64>,
    /// From the moment when the final cause was proved until it was said.
    pub behind_proof: Option<i64>,
    /// Whether it is a camera that always sends.
    pub is_streaming: bool,
}

/// What became of a finding that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// There is no such kind yet.
    NotDelivered,
    /// This mirror cannot show it, and nothing was said.
    Hidden,
    /// It was said, though this mirror proves nothing.
    Beyond,
    /// It was not said.
    Missed,
    /// It was said, the cause left open though it was proved.
    Unknown,
    /// It was said with another cause.
    Wrong,
    /// It was said with the cause.
    Right,
}

/// A finding that nothing bears out.
#[derive(Debug)]
pub struct False {
    /// Its kind.
    pub finding: String,
    /// What happened at that time, if anything.
    pub beside: String,
    /// Its cause, where it says one.
    pub cause: Option<String>,
    /// For people: whom it blames, and when.
    pub what: String,
    /// How many devices it calls gone that are there.
    pub false_offlines: u64,
}

/// Judges one report; `delivered` are the kinds that can be said.
pub fn judge(truth: &Truth, report: &Value, delivered: &BTreeSet<&str>) -> Judgement {
    let bench = Bench::new(truth, report, delivered);
    let mut taken = BTreeSet::new();
    let mut judgement = Judgement { device_seconds: bench.device_seconds(), ..Judgement::default() };
    for event in &bench.events {
        for expected in &event.is.expected {
            judgement.due.push(bench.due(event, expected, &mut taken));
        }
    }
    for (index, said) in bench.said.iter().enumerate().filter(|(index, _)| !taken.contains(index)) {
        match bench.is_said_again(said) {
            Some(event) => judgement.again.push((event.is.kind.clone(), said.kind.to_owned())),
            None => judgement.wrong.extend(bench.mistake(&bench.said[index])),
        }
    }
    judgement
}

struct Bench<'a> {
    truth: &'a Truth,
    delivered: &'a BTreeSet<&'a str>,
    events: Vec<Happened<'a>>,
    said: Vec<Said<'a>>,
    ends: i64,
}

/// An incident, and who has to do with it.
struct Happened<'a> {
    is: &'a Event,
    from: i64,
    until: i64,
    /// Whom it happens to, by name.
    subjects: BTreeSet<&'a str>,
    /// And who notices.
    around: BTreeSet<&'a str>,
    /// The switches that they hang on.
    switches: BTreeSet<&'a str>,
    is_everywhere: bool,
}

/// A finding.
struct Said<'a> {
    kind: &'a str,
    category: &'a str,
    cause: Option<&'a str>,
    title: &'a str,
    /// By name.
    devices: Vec<&'a str>,
    switch: Option<&'a str>,
    first: i64,
    detected: i64,
    ended: Option<i64>,
    /// When its cause was said.
    settled: i64,
}

impl<'a> Bench<'a> {
    fn new(truth: &'a Truth, report: &'a Value, delivered: &'a BTreeSet<&'a str>) -> Self {
        let mut names = BTreeMap::new();
        for device in &truth.devices {
            let ids = std::iter::once(&device.mac).chain(&device.ips);
            names.extend(ids.map(|id| (id.as_str(), device.name.as_str())));
        }
        names.extend(truth.switches.iter().map(|switch| (switch.mac.as_str(), switch.name.as_str())));
        let start = nanoseconds(&truth.order.start);
        let ends = start + truth.order.length_s as i64 * SECOND;
        Self {
            truth,
            delivered,
            events: truth.incidents.iter().map(|event| happened(truth, event, &names, ends)).collect(),
            said: list(report, "findings").map(|finding| said(finding, &names)).collect(),
            ends,
        }
    }

    /// Whether the mirror has this fault from the first packet on.
    fn stands(&self, kind: &str) -> bool {
        self.truth.mirror.faults.iter().any(|fault| fault == kind)
    }

    fn device_seconds(&self) -> u64 {
        let shown = self.truth.devices.iter().filter(|device| device.mirror.is_some()).count();
        shown as u64 * self.truth.order.length_s
    }

    fn due(&self, event: &Happened<'a>, due: &Expected, taken: &mut BTreeSet<usize>) -> Due {
        let kinds: Vec<&str> = std::iter::once(&due.kind).chain(&due.or).map(String::as_str).collect();
        let since = nanoseconds(&due.since);
        let until = due.until.as_deref().map_or(self.ends, nanoseconds);
        // Where several are due of one incident, each has what was proved during its own time.
        let is_of_it = |from: i64| event.is.expected.len() == 1 || (since..=until + SECOND).contains(&from);
        let visible: Vec<_> = event.is.visible.iter().filter(|it| is_of_it(nanoseconds(&it.from))).collect();
        let in_time = visible.iter().rposition(|it| nanoseconds(&it.from) <= self.ends - TIME_TO_JUDGE);
        let names = |said: &Said| {
            let theirs = |name: &&&str| event.subjects.contains(**name);
            said.devices.iter().filter(theirs).count()
        };
        let is_it = |said: &Said| {
            let is_about = event.is_everywhere
                || (PORTS.contains(&said.kind) && event.is_at_port(said))
                || names(said) > 0
                || (said.devices.is_empty() && said.switch.is_none_or(|it| event.subjects.contains(it)))
                || (said.switch.is_some_and(|it| event.subjects.contains(it)) && !is_offline(said.kind));
            // Who sets a clock back tells of it by the clock that is behind.
            let is_then = event.is_during(said)
                && (said.detected >= since - SLACK || said.kind == CLOCK)
                && said.first <= until + AFTER;
            // What stands from the first packet on is said once, from there.
            kinds.contains(&said.kind) && is_about && (is_then || self.stands(said.kind))
        };
        let candidates =
            (0..self.said.len()).filter(|index| !taken.contains(index) && is_it(&self.said[*index]));
        // Of an incident that makes several due, each takes what names its own devices.
        let own = |said: &Said| {
            let macs =
                said.devices.iter().filter_map(|name| self.truth.devices.iter().find(|it| it.name == *name));
            macs.filter(|device| due.devices.contains(&device.mac)).count()
        };
        let best = candidates.min_by_key(|index| {
            let said = &self.said[*index];
            (own(said) == 0, said.kind != due.kind, usize::MAX - names(said), said.detected)
        });
        taken.extend(best);
        let found = best.map(|index| &self.said[index]);
        let proved = in_time.map(|index| visible[index]);
        let allowed = |cause: &str| {
            let fits = |it: &&spanwatch_simulator::truth::Visible| {
                it.cause == cause || it.or.iter().any(|it| it == cause)
            };
            let last = in_time.unwrap_or(0);
            visible[last..].iter().any(fits) || (due.cause == cause && visible.iter().any(fits))
        };
        // Who cannot be shown to be gone before he is back can only be said to have restarted.
        let is_shown_gone = visible.iter().any(|it| nanoseconds(&it.from) < until);
        let can_say = |kind: &str| self.delivered.contains(kind) && (is_shown_gone || !is_offline(kind));
        let outcome = match (found, proved) {
            (None, _) if !kinds.iter().any(|kind| can_say(kind)) => Outcome::NotDelivered,
            (None, None) => Outcome::Hidden,
            (Some(_), None) => Outcome::Beyond,
            (None, Some(_)) => Outcome::Missed,
            (Some(said), Some(_)) if said.cause.is_none_or(allowed) => Outcome::Right,
            (Some(said), Some(_)) if said.cause == Some(UNKNOWN) => Outcome::Unknown,
            (Some(_), Some(_)) => Outcome::Wrong,
        };
        let beside = self.said.iter().filter(|it| event.is_during(it) && names(it) > 0);

        Due {
            incident: event.is.kind.clone(),
            finding: due.kind.clone(),
            subject: event.is.subjects.first().cloned().unwrap_or_default(),
            proved: proved.map(|it| it.cause.clone()),
            outcome,
            said: found.and_then(|it| it.cause).map(str::to_owned),
            said_by: found.map_or("", |it| it.kind).to_owned(),
            instead: if found.is_none() {
                beside.map(|it| it.kind.to_owned()).collect()
            } else {
                BTreeSet::new()
            },
            gone_after: found.filter(|it| is_offline(it.kind)).map(|it| it.detected - since),
            final_after: found.map(|it| it.settled - since),
            behind_proof: found
                .zip(proved)
                .map(|(it, proved)| (it.settled - nanoseconds(&proved.from)).max(0)),
            is_streaming: self.is_streaming(due),
        }
    }

    fn is_streaming(&self, due: &Expected) -> bool {
        let first = self.truth.devices.iter().find(|device| due.devices.first() == Some(&device.mac));
        first.is_some_and(|device| device.habit.as_deref() == Some("always"))
    }

    /// The incident that a finding tells of once more.
    fn is_said_again(&self, said: &Said) -> Option<&Happened<'a>> {
        self.events.iter().find(|event| {
            let is_due = event.is.expected.iter().any(|due| due.kind == said.kind);
            is_due && event.is_during(said) && event.explains(said)
        })
    }

    /// What is wrong with a finding that is none of those due.
    fn mistake(&self, said: &Said) -> Option<False> {
        let is_ours = matches!(said.category, "availability" | "network" | "capture");
        let during = || self.events.iter().filter(|event| event.is_during(said));
        let is_forbidden = during().any(|event| {
            event.is.must_not.iter().any(|it| {
                let names = |mac: &String| {
                    self.truth
                        .devices
                        .iter()
                        .any(|device| device.mac == *mac && said.devices.contains(&device.name.as_str()))
                };
                it.kind == said.kind && (it.devices.is_empty() || it.devices.iter().any(names))
            })
        });
        let follows = during().any(|event| event.allows(said.kind) && event.explains(said));
        if follows || self.stands(said.kind) || !(is_ours || is_forbidden) {
            return None;
        }
        let nearest =
            during().max_by_key(|event| (event.explains(said), !event.is_standing(self), event.from));
        let are_there = said.devices.iter().filter(|name| !during().any(|event| event.silences(name)));
        let second = |at: i64| (at - nanoseconds(&self.truth.order.start)) as f64 / SECOND as f64;
        Some(False {
            finding: said.kind.to_owned(),
            beside: nearest.map_or("nothing", |event| event.is.kind.as_str()).to_owned(),
            cause: said.cause.map(str::to_owned),
            what: format!(
                "{} from {:.1} s, said at {:.1} s, until {}: {}",
                said.devices.iter().take(4).copied().collect::<Vec<_>>().join(", "),
                second(said.first),
                second(said.detected),
                said.ended.map_or("the end".to_owned(), |at| format!("{:.1} s", second(at))),
                said.title
            ),
            false_offlines: if is_offline(said.kind) { are_there.count() as u64 } else { 0 },
        })
    }
}

impl Happened<'_> {
    /// Whether something was said while this lasted, or soon after.
    fn is_during(&self, said: &Said) -> bool {
        (said.detected >= self.from - SLACK || said.kind == CLOCK)
            && said.first >= self.from - BEFORE
            && said.first <= self.until.saturating_add(AFTER)
    }

    /// Whether a finding is about whom this happens to; for what calls nobody gone, it may be one who notices.
    fn explains(&self, said: &Said) -> bool {
        let known = |name: &&str| self.subjects.contains(name);
        if is_offline(said.kind) {
            return said.devices.iter().all(known);
        }
        self.is_everywhere
            || (PORTS.contains(&said.kind) && self.is_at_port(said))
            || (said.devices.is_empty() && said.switch.is_none())
            || said.devices.iter().chain(&said.switch).any(|name| self.around.contains(name))
    }

    /// Whether a finding is about a switch that one of the subjects hangs on, and about nobody else.
    fn is_at_port(&self, said: &Said) -> bool {
        let mut named = said.devices.iter().chain(&said.switch).peekable();
        named.peek().is_some()
            && named.all(|name| self.switches.contains(name) || self.subjects.contains(name))
    }

    fn allows(&self, kind: &str) -> bool {
        let due = self.is.expected.iter().flat_map(|due| std::iter::once(&due.kind).chain(&due.or));
        due.chain(&self.is.may).any(|it| it == kind)
    }

    /// Whether somebody was silent because of this.
    fn silences(&self, name: &str) -> bool {
        self.subjects.contains(name) && SILENCING.iter().any(|kind| self.allows(kind))
    }

    fn is_standing(&self, bench: &Bench) -> bool {
        self.until >= bench.ends && self.from <= nanoseconds(&bench.truth.order.start)
    }
}

fn happened<'a>(
    truth: &'a Truth,
    event: &'a Event,
    names: &BTreeMap<&'a str, &'a str>,
    ends: i64,
) -> Happened<'a> {
    let name = |id: &'a String| names.get(id.as_str()).copied().unwrap_or(id);
    let mut subjects: BTreeSet<&str> = event.subjects.iter().map(String::as_str).collect();
    for due in &event.expected {
        subjects.extend(due.devices.iter().chain(&due.switch).map(name));
    }
    // Whoever has his address from a server that fails may lose it.
    for device in truth.devices.iter().filter(|device| device.addressing == "dhcp") {
        if device.vlan.is_some_and(|vlan| subjects.contains(format!("vlan-{vlan}").as_str())) {
            subjects.insert(&device.name);
        }
    }
    // Whoever hangs on a switch that something happens to, pulls from somebody of it, or is pulled.
    let mut around = subjects.clone();
    for device in &truth.devices {
        if around.contains(device.switch.as_str()) {
            around.insert(&device.name);
        }
    }
    for device in &truth.devices {
        let Some(recorder) = device.recorded_by.as_deref() else { continue };
        if subjects.contains(recorder) {
            around.insert(&device.name);
        }
        if around.contains(device.name.as_str()) {
            around.insert(recorder);
        }
    }
    let hang = truth.devices.iter().filter(|device| subjects.contains(device.name.as_str()));
    let switches = hang.map(|device| device.switch.as_str()).collect();
    let is_everywhere = subjects.iter().any(|it| *it == "mirror" || it.starts_with("vlan-"))
        || EVERYWHERE.contains(&event.kind.as_str());
    Happened {
        is: event,
        from: nanoseconds(&event.started),
        until: event.ended.as_deref().map_or(ends, nanoseconds),
        subjects,
        around,
        switches,
        is_everywhere,
    }
}

fn said<'a>(finding: &'a Value, names: &BTreeMap<&'a str, &'a str>) -> Said<'a> {
    let name = |id: &'a Value| {
        let id = id.as_str().unwrap_or_default();
        names.get(id.split(['@', '+']).next().unwrap_or(id)).copied().unwrap_or(id)
    };
    let text = |key: &str| finding[key].as_str();
    let time = |key: &str| text(key).map(nanoseconds);
    let detected = time("detected").expect("a time");

    let revisions = finding["revisions"].as_array().map_or(&[][..], Vec::as_slice);
    // The last change of its cause; what only made it surer is none.
    let mut settled = detected;
    let mut before = None;
    for revision in revisions {
        if before.is_some_and(|before| before != &revision["cause"]) {
            settled = revision["time"].as_str().map_or(settled, nanoseconds);
        }
        before = Some(&revision["cause"]);
    }
    Said {
        kind: text("kind").expect("a kind"),
        category: text("category").expect("a category"),
        cause: text("cause"),
        title: text("title").unwrap_or_default(),
        devices: list(finding, "devices").map(name).collect(),
        switch: finding.get("switch").map(name),
        first: time("first_seen").expect("a time"),
        detected,
        ended: time("ended"),
        settled,
    }
}

fn is_offline(kind: &str) -> bool {
    OFFLINE.contains(&kind)
}

/// Kinds that call somebody gone.
pub const OFFLINE: &[&str] = &["device-offline", "devices-offline-together", "recorder-offline"];
/// Kinds that follow when somebody is silent, however short.
const SILENCING: &[&str] = &[
    "boot-loop",
    "device-flapping",
    "device-offline",
    "device-restarted",
    "devices-offline-together",
    "port-flapping",
    "recorder-offline",
];
/// Kinds about a port, which name its switch.
const PORTS: &[&str] = &["link-degraded", "port-flapping", "power-fault"];
/// Incidents that everybody feels.
const EVERYWHERE: &[&str] = &["loop", "broadcast-storm"];
const UNKNOWN: &str = "unknown";
/// Says that the capture's own clock leapt.
const CLOCK: &str = "mirror-clock";
/// Clocks and rounding.
const SLACK: i64 = SECOND;
/// The last sign of who rarely speaks may be so old when he goes.
const BEFORE: i64 = 60 * SECOND;
/// What follows from an incident is said at most so long after it.
const AFTER: i64 = 60 * SECOND;
/// What is proved later before the end of the capture may be said, and need not.
const TIME_TO_JUDGE: i64 = 30 * SECOND;
