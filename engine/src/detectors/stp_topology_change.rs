//! `stp-topology-change`: the switches rebuild the paths of the network, and no outage explains it.
//!
//! ## What it says
//! Switches tell each other when a port begins or ceases to forward: the topology changes. One did after the capture's first
//! minute. Once six hours of a site are known, it is said when an hour brings more than twice the changes of a usual one. One finding
//! for each tree, with their count; trees of VLANs that changed together are one. Ten quiet minutes end it.
//!
//! ## Why it matters
//! After each change switches forget who is where and send everything everywhere until they have learned anew. With many cameras
//! that floods the network: pictures stutter on all of them, and none of them is at fault.
//!
//! ## Where it is wrong
//! One change or two around the beginning or the end of an outage are its effect, and told with it; so are those of a new root
//! and of a lost way.
//! Computers on ports that are not set up as edge ports (PortFast) change the topology whenever one is turned on; a
//! site where that is so every hour is learned, one where it is so each morning is told of. The mirror seldom shows
//! which port it was: the switch's log does.
//!
//! ## State
//! `PORTS_MAX` ports; 24 hours of each tree; `EPISODES_MAX` episodes of `CHANGES_MAX` changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spanwatch_parsers::{Fact, Mac, NoticeKind, Span, Time};

use super::paths::{self, Paths};
use super::roots::{Roots, START};
use super::{Detector, Known, in_vlans, joined, of_vlan, outages, redundancy_lost};
use crate::bounded::Expiring;
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "stp-topology-change",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("stp_topology_change.rs"),
    start: Some(|| Box::new(Changes::new())),
};

/// Bridges tell of one change for a hello and a second (IEEE 802.1D-2004, 17.21.7).
const ONE: Span = Span::seconds(3);
/// A port that told of no change for three hellos tells of a new one.
const HELD: Span = Span::seconds(6);
/// After so long an outage that explains it has been noticed.
const SETTLED: Span = Span::seconds(20);
/// Ten quiet minutes, and the next change is another matter (facts, offline_and_switch 5: three in ten minutes).
const QUIET: Span = Span::seconds(600);
/// Around a new root, or a lost way.
const AROUND_ROOT: (Span, Span) = (Span::seconds(5), Span::seconds(50));
/// So many changes follow from an outage, one from each moment of several; more are a fault of their own.
const OF_AN_OUTAGE: usize = 2;
/// What comes closer together is one outage (facts, offline_and_switch 10.5).
const AT_ONCE: Span = Span::seconds(5);
/// A site is known after so many hours, by the last 24.
const HOURS_KNOWN: usize = 6;
const HOURS: usize = 24;
const HOUR: Span = Span::seconds(3_600);
/// A usual hour may be twice as bad.
const USUAL_TIMES: u32 = 2;
/// Ports heard lately; a trunk of 1,000 VLANs on 16 ports.
const PORTS_MAX: usize = 16_384;
/// Episodes kept.
const EPISODES_MAX: usize = 1_024;
/// Changes kept of an episode.
const CHANGES_MAX: usize = 256;
/// Bridges kept of one change.
const SENDERS_MAX: usize = 8;
/// Sights shown.
const SHOWN: usize = 8;
/// Bridges say it in so many words, in per cent.
const SAID: u8 = 90;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    /// A bridge, by the MAC it sent from.
    Port(Mac),
    /// A device that told its manager.
    Device(Number),
}

/// One change, by all that tell of it.
#[derive(Debug, Clone)]
struct Change {
    at: Time,
    cite: Cite,
    source: &'static str,
    first: Sender,
    /// Who passed it on towards the root: it happened behind them.
    upward: BTreeSet<Sender>,
    is_unusual: bool,
}

/// Changes with less than [`QUIET`] between them.
#[derive(Debug)]
struct Episode {
    vlan: Option<u16>,
    changes: Vec<Change>,
    count: u64,
    last: Time,
    quiet_from: Time,
    ended: Option<Time>,
    /// Changes of a usual hour.
    usual: Option<u32>,
}

/// How often the topology of one tree changes.
#[derive(Debug)]
struct Tree {
    /// The hour under way, and those before.
    since: Time,
    count: u32,
    hours: VecDeque<u32>,
    /// When the change under way began.
    began: Option<Time>,
    /// When a port last told of one.
    told: Option<Time>,
}

/// ```text
/// a port tells of no change ──of one──► change ──within ONE, others too──► the same change ◄── a new port, meanwhile
///        ▲                                │ not in the first minute, more than usual
///        └──── HELD, or of none ──────────┘──► episode ──QUIET──► over
/// ```
#[derive(Debug)]
pub struct Changes {
    /// Changes before this are not judged.
    from: Time,
    /// Whether a port told of a change, and when it last spoke.
    ports: Expiring<(Option<u16>, Mac, u16), (bool, Time)>,
    trees: BTreeMap<Option<u16>, Tree>,
    episodes: Vec<Episode>,
    roots: Roots,
    paths: Paths,
    /// The frame of the last BPDU that knows its tree.
    frame: u64,
    /// All of the time before has been seen.
    until: Time,
}

impl Changes {
    fn new() -> Self {
        Self {
            from: Time::MIN,
            ports: Expiring::new(PORTS_MAX, HELD, SEED),
            trees: BTreeMap::new(),
            episodes: Vec::new(),
            roots: Roots::default(),
            paths: Paths::default(),
            frame: 0,
            until: Time::MIN,
        }
    }

    /// A port speaks.
    fn heard(
        &mut self,
        seen: &Observation,
        (vlan, port): (Option<u16>, u16),
        is_changing: bool,
        is_upward: bool,
    ) {
        let Some(mac) = seen.subject.mac else { return };
        let key = (vlan, mac, port);
        let was = self.ports.get(&key, seen.at).map(|state| std::mem::replace(state, (is_changing, seen.at)));
        if was.is_none() {
            self.ports.insert(key, (is_changing, seen.at), seen.at);
        }
        if !is_changing {
            return;
        }
        let tree = self.trees.entry(vlan).or_insert_with(|| Tree::new(seen.at));
        let told = tree.told.replace(seen.at).is_some_and(|told| seen.at - told <= HELD);
        // A port that comes up tells of what the others tell already; a notification is a bridge's own.
        let goes_on = match was.filter(|(_, at)| seen.at - *at <= HELD) {
            Some((was, _)) => was,
            None => told && port != NO_PORT,
        };
        if !goes_on {
            self.changes(seen, vlan, Sender::Port(mac), is_upward);
        }
    }

    fn changes(&mut self, seen: &Observation, vlan: Option<u16>, sender: Sender, is_upward: bool) {
        let at = seen.at;
        let tree = self.trees.entry(vlan).or_insert_with(|| Tree::new(at));
        if tree.began.is_some_and(|began| at - began <= ONE) {
            let under_way = self.episodes.iter_mut().rev().find(|it| it.vlan == vlan);
            if let Some(change) =
                under_way.and_then(|it| it.changes.last_mut()).filter(|it| at - it.at <= ONE)
                && is_upward
                && change.upward.len() < SENDERS_MAX
            {
                change.upward.insert(sender);
            }
            return;
        }
        tree.began = Some(at);
        if at < self.from {
            return;
        }
        tree.count = tree.count.saturating_add(1);
        let usual = tree.usual();
        let change = Change {
            at,
            cite: seen.cite,
            source: seen.source,
            first: sender,
            upward: is_upward.then_some(sender).into_iter().collect(),
            is_unusual: usual.is_none_or(|usual| tree.count > usual.saturating_mul(USUAL_TIMES)),
        };
        let open = self.episodes.iter_mut().rev().find(|it| it.vlan == vlan && it.ended.is_none());
        if let Some(open) = open {
            open.count = open.count.saturating_add(1);
            (open.last, open.quiet_from) = (at, at);
            if open.changes.len() < CHANGES_MAX {
                open.changes.push(change);
            }
        } else if self.episodes.len() < EPISODES_MAX {
            let changes = vec![change];
            self.episodes.push(Episode {
                vlan,
                changes,
                count: 1,
                last: at,
                quiet_from: at,
                ended: None,
                usual,
            });
        }
    }

    /// A bridge told its manager: that is said of the tree that changes, or of none that we hear.
    fn told(&mut self, seen: &Observation, known: &Known<'_>) {
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let is_under_way = |tree: &Tree| tree.began.is_some_and(|began| seen.at - began <= HELD);
        let vlans: Vec<Option<u16>> =
            self.trees.iter().filter(|(_, tree)| is_under_way(tree)).map(|(vlan, _)| *vlan).collect();
        for vlan in &vlans {
            let episode = self.episodes.iter_mut().rev().find(|it| it.vlan == *vlan);
            if let Some(change) =
                episode.and_then(|it| it.changes.last_mut()).filter(|it| seen.at - it.at <= HELD)
                && change.upward.len() < SENDERS_MAX
            {
                change.upward.insert(Sender::Device(number));
            }
        }
        if vlans.is_empty() {
            self.changes(seen, None, Sender::Device(number), true);
        }
    }

    /// When changes need no other explanation: around outages, a new root, and a lost way.
    fn explained(&self, known: &Known<'_>) -> Vec<(Time, Time)> {
        let takeovers = self.roots.takeovers().iter();
        let roots = takeovers.flat_map(|it| std::iter::once(it.to.first.at).chain(it.ended));
        let lost = redundancy_lost::told(&self.paths, known, self.until);
        let ways: Vec<Time> =
            lost.iter().flatten().flat_map(|it| std::iter::once(it.first.0).chain(it.ended)).collect();
        let around = |at: Time| (at - AROUND_ROOT.0, at + AROUND_ROOT.1);
        joined(outages(known).into_iter().chain(roots.chain(ways).map(around)).collect())
    }
}

impl Detector for Changes {
    fn reads(&self, fact: &Fact) -> bool {
        paths::reads(fact) || matches!(fact, Fact::Bridge(_) | Fact::TopologyChange { .. } | Fact::Notice(_))
    }

    fn begin(&mut self, at: Time) {
        self.roots.begin(at);
        self.paths.begin(at);
        self.from = at + START;
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        self.roots.observe(seen);
        self.paths.observe(seen);
        match &seen.fact {
            Fact::Bridge(bridge) => {
                self.frame = seen.place.frame;
                let (flags, place) = (bridge.flags, (bridge.vlan, bridge.port));
                self.heard(seen, place, flags.is_topology_change(), flags.role() == ROOT_PORT);
            }
            // What a BPDU with a tree says was taken with it. Without one, a notification goes to the root.
            Fact::TopologyChange { vlan } if seen.place.frame != self.frame => {
                self.heard(seen, (*vlan, NO_PORT), true, true);
            }
            Fact::Notice(notice) if notice.kind == NoticeKind::TopologyChange => self.told(seen, known),
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.until = to;
        while self.ports.expire(to).is_some() {}
        self.trees.values_mut().for_each(|tree| tree.advance(to));
        for it in self.episodes.iter_mut().filter(|it| it.ended.is_none()) {
            if it.quiet_from + QUIET <= to {
                it.ended = Some(it.last);
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.roots.unwatched(from, to);
        self.paths.unwatched();
        self.ports = Expiring::new(PORTS_MAX, HELD, SEED);
        // What is told just after began before, for all we know.
        self.from = self.from.max(to + HELD);
        self.trees.values_mut().for_each(|tree| tree.since = tree.since + (to - from));
        for it in self.episodes.iter_mut().filter(|it| it.ended.is_none()) {
            it.quiet_from = it.quiet_from + (to - from);
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        for change in self.episodes.iter_mut().flat_map(|it| &mut it.changes) {
            if change.upward.remove(&Sender::Device(gone)) {
                change.upward.insert(Sender::Device(kept));
            }
            if change.first == Sender::Device(gone) {
                change.first = Sender::Device(kept);
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let explained = self.explained(known);
        let moments = moments(known);
        let mut told: Vec<Told<'_>> =
            self.episodes.iter().filter_map(|it| Told::of(it, &explained, &moments, self.until)).collect();
        told.sort_by_key(|it| (it.first.at, it.vlans.clone()));
        let mut joined: Vec<Told<'_>> = Vec::new();
        for it in told {
            match joined.last_mut().filter(|last| it.first.at - last.first.at <= ONE) {
                Some(last) => last.vlans.extend(it.vlans),
                None => joined.push(it),
            }
        }
        joined.iter().map(|it| it.finding(known)).collect()
    }
}

impl Tree {
    fn new(at: Time) -> Self {
        Self { since: at, count: 0, hours: VecDeque::new(), began: None, told: None }
    }

    fn advance(&mut self, to: Time) {
        let mut hours = 0;
        while self.since + HOUR <= to && hours <= HOURS {
            self.hours.push_back(std::mem::take(&mut self.count));
            if self.hours.len() > HOURS {
                self.hours.pop_front();
            }
            self.since = self.since + HOUR;
            hours += 1;
        }
    }

    /// Changes in a usual hour: half of the last day's hours had no more. `None` where too few are known.
    fn usual(&self) -> Option<u32> {
        if self.hours.len() < HOURS_KNOWN {
            return None;
        }
        let mut hours: Vec<u32> = self.hours.iter().copied().collect();
        hours.sort_unstable();
        hours.get(hours.len() / 2).copied()
    }
}

/// What is said of an episode.
struct Told<'a> {
    episode: &'a Episode,
    /// What nothing else explains, and the first of it.
    changes: Vec<&'a Change>,
    first: &'a Change,
    vlans: Vec<u16>,
}

/// When devices went and came. Who went within [`AT_ONCE`] of one another went for one reason; who came back is served by
/// a port of his own, and each of these may change the tree, in so many words where they are [`ONE`] apart.
fn moments(known: &Known<'_>) -> Vec<Time> {
    let apart = |mut all: Vec<Time>, apart: Span| {
        all.sort_unstable();
        all.dedup_by(|later, first| *later - *first <= apart);
        all
    };
    let losses = known.absences.iter().map(|it| it.since).collect();
    let returns = known.absences.iter().filter_map(|it| it.ended).map(|(at, _)| at).collect();
    [apart(losses, AT_ONCE), apart(returns, ONE)].concat()
}

impl<'a> Told<'a> {
    /// `explained` are the spans in which changes need no other reason, `moments` when devices went and came.
    fn of(episode: &'a Episode, explained: &[(Time, Time)], moments: &[Time], until: Time) -> Option<Self> {
        let is_within = |change: &Change, (from, to): &(Time, Time)| (*from..=*to).contains(&change.at);
        let few: Vec<&(Time, Time)> = explained
            .iter()
            .filter(|span| {
                let count = episode.changes.iter().filter(|it| is_within(it, span)).count();
                count <= OF_AN_OUTAGE.max(moments.iter().filter(|at| (span.0..=span.1).contains(at)).count())
            })
            .collect();
        let is_told = |change: &&Change| {
            change.at + SETTLED <= until && !few.iter().any(|span| is_within(change, span))
        };
        let changes: Vec<&Change> = episode.changes.iter().filter(is_told).collect();
        let first = *changes.first()?;
        let is_unusual = changes.iter().any(|it| it.is_unusual);
        is_unusual.then(|| Self { episode, changes, first, vlans: episode.vlan.into_iter().collect() })
    }

    /// Behind whom most of the changes happened, where the mirror shows it.
    fn origin(&self, known: &Known<'_>) -> Option<(Option<Number>, Option<Mac>, String)> {
        let mut counts: BTreeMap<Sender, usize> = BTreeMap::new();
        for change in &self.changes {
            if let (1, Some(only)) = (change.upward.len(), change.upward.first()) {
                *counts.entry(*only).or_default() += 1;
            }
        }
        let (sender, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        if count * 2 <= self.changes.len() {
            return None;
        }
        Some(match sender {
            Sender::Port(mac) => {
                let (number, called) = known.bearer(mac);
                (number, Some(mac), called)
            }
            Sender::Device(number) => {
                let device = known.directory.device(number)?;
                (Some(number), device.macs.first().copied(), device.title())
            }
        })
    }

    fn finding(&self, known: &Known<'_>) -> Finding {
        let (first, it) = (self.first, self.episode);
        let last = self.changes.last().map_or(first.at, |change| change.at);
        // Beyond what was kept, all are told.
        let unkept = it.count.saturating_sub(it.changes.len() as u64);
        let count = unkept.saturating_add(self.changes.len() as u64);
        let last = if unkept > 0 { it.last } else { last };
        let (since, at_vlans) = (clock_time(first.at), in_vlans(&self.vlans));
        let origin = self.origin(known);
        let behind = origin.as_ref().map_or_else(String::new, |(_, _, called)| {
            format!(" Most of them came from {called} or from behind it.")
        });
        let (when, times) = if count == 1 {
            (format!("At {since} UTC"), "once".to_owned())
        } else {
            (format!("Since {since} UTC"), format!("{count} times in {}", length(last - first.at)))
        };
        let usual = match it.usual {
            Some(usual) => format!("A usual hour of this site has {usual}."),
            None => "The usual number of this site is not known yet.".to_owned(),
        };
        Finding {
            confidence: SAID,
            devices: origin.iter().filter_map(|(number, _, _)| *number).collect(),
            switch: origin.as_ref().and_then(|(_, mac, _)| known.switch_with((*mac)?)),
            title: if count == 1 {
                format!("The network{at_vlans} rebuilt its paths at {since} UTC")
            } else {
                format!("The network{at_vlans} rebuilt its paths {count} times since {since} UTC")
            },
            summary: format!(
                "{when} the switches rebuilt the paths of the network{at_vlans} {times}. Each time pictures may stutter or freeze for a moment, on many cameras at once; the cameras are fine.{behind} It is IT's turn: find the port or cable that came up or went down."
            ),
            detail: format!(
                "{count} topology change{} of the spanning tree{at_vlans}, {times}; no outage that we know of explains {}. Each makes bridges forget their MAC tables and flood until they have learned anew. {usual}",
                if count == 1 { "" } else { "s" },
                if count == 1 { "it" } else { "them" }
            ),
            remedy: "Ask the switches which port changed last (`show spanning-tree detail` or the log: the port of the last topology change), from the root towards the edge. Mend the cable or the device behind it, and set the ports of cameras and computers up as edge ports (PortFast): those do not count.".to_owned(),
            verify: "No switch tells of a topology change any more; after ten quiet minutes this finding gets an end.".to_owned(),
            evidence: self
                .changes
                .iter()
                .take(SHOWN)
                .map(|change| Evidence {
                    at: change.at,
                    cite: Some(change.cite),
                    protocol: Some(change.source),
                    text: format!("topology change, first told by {}", called(change.first, known)),
                })
                .collect(),
            last_seen: last,
            ended: it.ended,
            count,
            ..Finding::of_network(&KIND, &of_vlan(it.vlan), first.at, first.at + SETTLED)
        }
    }
}

fn called(sender: Sender, known: &Known<'_>) -> String {
    match sender {
        Sender::Port(mac) => known.bearer(mac).1,
        Sender::Device(number) => {
            known.directory.device(number).map_or_else(|| "a device".to_owned(), |device| device.title())
        }
    }
}

/// Role of a port on the way to the root (IEEE 802.1D-2004, 9.3.3).
const ROOT_PORT: u8 = 2;
/// A notification names no port.
const NO_PORT: u16 = 0;
/// No result depends on it.
const SEED: u64 = 0x7374_7074;

#[cfg(test)]
mod tests;
