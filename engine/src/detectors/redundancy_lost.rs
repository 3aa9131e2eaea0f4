//! `redundancy-lost`: one of two ways through the network has failed, and the other carries on.
//!
//! ## What it says
//! A switch reaches the root of the spanning tree by another port than before, or by a way that costs more, while the root is the same
//! one, and no device went dark for it. Or it announced itself by two ports (LLDP, CDP), one of them is silent for longer than it
//! said to be believed, and by the other it told of a change of the tree meanwhile. So a cable, a port or a switch on its former way is gone. It ends when
//! the former way is back.
//!
//! Of cables that are used as one (LACP) it is told when one that was in use for 10 s takes no part for 10 s, no longer hears the
//! other end, or is heard no more (for 10 s, or 90 s where so was agreed), while another of the same bond goes on.
//!
//! ## Why it matters
//! Nobody notices: all pictures are there, or back within a minute (what was told of that is told with it). The next fault on the same path takes all the cameras behind it down, and the spare way may be
//! too slow for all of them.
//!
//! ## Where it is wrong
//! Somebody may have changed a path's cost, or pulled a cable on purpose. Virtual routers (VRRP, HSRP)
//! are not read; a spare cable that fails while it is not in use shows only on the switch. Without an outage nearby it is told after 20 s; with one it belongs to that. In the first
//! minute of a capture the ways are learned.
//!
//! LACP never passes a switch: a mirror shows it only where it copies the very ports of the bond, what comes in at them, and on
//! many switches not even then. A mirror that lost one of these ports looks like a cable that is heard no more.
//!
//! ## State
//! The ways of 16,384 bridges; 1,024 losses ([`super::paths`]). Ports of bonds, `PORTS_MAX`; as many losses ([`super::bonds`]).

use spanwatch_parsers::{Fact, Span, Time};

use super::bonds::{self, Bonds, PORTS_MAX, Sign};
use super::paths::{self, CONFIRM, Loss, Paths, Turn};
use super::{Detector, Known, in_vlans, is_explained, of_vlan, outages};
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};
use crate::verdict::view::Fault;

/// The kind.
pub const KIND: Kind = Kind {
    id: "redundancy-lost",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("redundancy_lost.rs"),
    start: Some(|| Box::new(Redundancy::default())),
};

/// Ways that change this close together do so for one reason.
const TOGETHER: Span = Span::seconds(10);
/// After so long an outage that explains it has been noticed.
const SETTLED: Span = Span::seconds(20);
/// Bridges say it in so many words, in per cent.
const SAID: u8 = 80;
/// A cable that is heard no more may be the mirror's, in per cent.
const UNHEARD: u8 = 60;
/// Bridges named.
const NAMED: usize = 4;

/// Who reaches the root how.
#[derive(Debug, Default)]
pub struct Redundancy {
    paths: Paths,
    bonds: Bonds,
    until: Time,
}

/// Losses that nothing else explains, those for one reason together.
#[must_use]
pub fn told<'a>(paths: &'a Paths, known: &Known<'_>, until: Time) -> Vec<Vec<&'a Loss>> {
    let outages = outages(known);
    let lasts = |it: &&Loss| it.ended.is_none_or(|ended| ended - it.first.0 >= CONFIRM);
    // A cable of which the other is in use is lost whatever went dark until that was.
    let is_sure = |it: &Loss| it.is_cable() || !is_explained(it.first.0, &outages);
    let is_own = |it: &&Loss| it.first.0 + SETTLED <= until && is_sure(it);
    let mut groups: Vec<Vec<&Loss>> = Vec::new();
    let mut losses: Vec<&Loss> = paths.losses().iter().filter(lasts).filter(is_own).collect();
    losses.sort_by_key(|it| it.first);
    for it in losses {
        match groups
            .last_mut()
            .filter(|group| group.first().is_some_and(|first| it.first.0 - first.first.0 <= TOGETHER))
        {
            Some(group) => group.push(it),
            None => groups.push(vec![it]),
        }
    }
    groups
}

impl Detector for Redundancy {
    fn reads(&self, fact: &Fact) -> bool {
        paths::reads(fact) || bonds::reads(fact)
    }

    fn begin(&mut self, at: Time) {
        self.paths.begin(at);
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        self.paths.observe(seen);
        self.bonds.observe(seen);
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.until = to;
        self.bonds.advance(to);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.paths.unwatched();
        self.bonds.unwatched(from, to);
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let paths = told(&self.paths, known, self.until);
        let of_paths = paths.iter().filter_map(|group| finding(group, known));
        let bonds = bonds_told(&self.bonds, known);
        of_paths.chain(bonds.iter().filter_map(|group| of_bond(group, known))).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("ports of bonds", PORTS_MAX, self.bonds.refused())]
    }
}

/// Losses of one bond, as both of its ends tell of them, those that last together.
fn bonds_told<'a>(bonds: &'a Bonds, known: &Known<'_>) -> Vec<Vec<&'a bonds::Loss>> {
    let ends = |it: &bonds::Loss| (it.system.min(it.partner), it.system.max(it.partner));
    // What is not heard while the mirror lacks something says nothing.
    let is_seen = |it: &&bonds::Loss| {
        let covers = |fault: &Fault| {
            fault.since <= it.known && fault.ended.is_none_or(|(ended, _)| ended >= it.before.0)
        };
        it.sign != Sign::Silent || !known.faults.iter().any(covers)
    };
    let mut groups: Vec<Vec<&bonds::Loss>> = Vec::new();
    let mut losses: Vec<&bonds::Loss> = bonds.losses().iter().filter(is_seen).collect();
    losses.sort_by_key(|it| (it.first, it.port));
    for it in losses {
        let lasts = |group: &&mut Vec<&bonds::Loss>| {
            let is_same = group.first().is_some_and(|first| ends(first) == ends(it));
            is_same && group.iter().any(|of| of.ended.is_none_or(|ended| ended >= it.first.0))
        };
        match groups.iter_mut().find(lasts) {
            Some(group) => group.push(it),
            None => groups.push(vec![it]),
        }
    }
    groups
}

fn of_bond(group: &[&bonds::Loss], known: &Known<'_>) -> Option<Finding> {
    let it = *group.first()?;
    let called = |system, mac| match known.bearer(system) {
        (Some(number), called) => (Some(number), called),
        (None, called) => (known.directory.find_mac(mac), called),
    };
    let (number, who) = called(it.system, it.mac);
    let (other_end, to) = known.bearer(it.partner);
    let ended =
        group.iter().map(|it| it.ended).collect::<Option<Vec<Time>>>().and_then(|all| all.into_iter().max());
    let since = clock_time(it.first.0);
    let is_over = ended
        .map_or_else(String::new, |at| format!(" It was in use again after {}.", length(at - it.first.0)));
    let text = |it: &bonds::Loss| {
        let said = match it.sign {
            Sign::Deaf => "no longer hears the other end",
            Sign::Idle => "takes and sends no traffic",
            Sign::Silent => "is heard no more",
        };
        format!("port {} of {} {said}; its port {} goes on", it.port, known.bearer(it.system).1, it.other)
    };
    let all: Vec<String> = group.iter().take(NAMED).map(|it| text(it)).collect();
    let is_said = group.iter().any(|it| it.sign != Sign::Silent);
    let sure = if is_said { SAID } else { UNHEARD };
    let weigh = |cause, confidence, would_change| Alternative {
        cause,
        confidence,
        speaks_for: vec![1],
        speaks_against: Vec::new(),
        would_change,
    };
    let mirror = weigh(Cause::Mirror, 30, "the switch shows all cables of the bond in use");
    let cable = weigh(Cause::Uplink, sure, "the switch shows all cables of the bond in use");
    Some(Finding {
        confidence: sure,
        devices: number.into_iter().chain(other_end.filter(|end| Some(*end) != number)).collect(),
        switch: known.switch_with(it.system).or_else(|| known.switch_with(it.mac)),
        cause: Some(Cause::Uplink),
        alternatives: if is_said { Vec::new() } else { vec![cable, mirror] },
        title: format!("One of several cables used as one is out of use since {since} UTC: {who}"),
        summary: format!(
            "Since {since} UTC one of the cables that {who} and {to} use as one is out of use; the others carry all. All cameras are there, but less is left in reserve: the next fault may take them down, and the rest may be too slow for all of them.{is_over} It is IT's turn: look at the ports of this bond."
        ),
        detail: format!("LACP: {}.", all.join("; ")),
        remedy: "Look at the port that is out of use at both ends: cable, module, media converter, speed, and whether both ends are set to LACP; then at the switches' logs.".to_owned(),
        verify: "All cables of the bond are in use at both ends; then this finding gets an end.".to_owned(),
        evidence: group
            .iter()
            .take(NAMED)
            .flat_map(|it| {
                let evidence =
                    |(at, cite), text| Evidence { at, cite: Some(cite), protocol: Some("lacp"), text };
                [evidence(it.before, "in use, last seen".to_owned()), evidence(it.first, text(it))]
            })
            .collect(),
        last_seen: ended.unwrap_or(it.first.0),
        ended,
        ..Finding::of_network(&KIND, &format!("{}/{}", it.system, it.port), it.first.0, it.known)
    })
}

fn finding(group: &[&Loss], known: &Known<'_>) -> Option<Finding> {
    let it = *group.first()?;
    let mut bridges: Vec<(Option<_>, String)> = group
        .iter()
        .map(|it| {
            let number = known.directory.find_mac(it.bridge.mac).or_else(|| known.directory.find_mac(it.mac));
            let title = number.and_then(|number| known.directory.device(number)).map(|device| device.title());
            (number, title.unwrap_or_else(|| it.bridge.mac.to_string()))
        })
        .collect();
    bridges.sort();
    bridges.dedup();
    let mut vlans: Vec<u16> = group.iter().filter_map(|it| it.vlan).collect();
    vlans.sort_unstable();
    vlans.dedup();
    let names: Vec<&str> = bridges.iter().take(NAMED).map(|(_, called)| called.as_str()).collect();
    let who = names.join("; ");
    let ended =
        group.iter().map(|it| it.ended).collect::<Option<Vec<Time>>>().and_then(|all| all.into_iter().max());
    let (since, at_vlans) = (clock_time(it.first.0), in_vlans(&vlans));
    let is_over = ended.map_or_else(String::new, |at| {
        format!(" The former way was back after {}.", length(at - it.first.0))
    });
    let known_at = it.known.max(it.first.0 + SETTLED);
    let text = |it: &Loss| {
        let bridge = known.bearer(it.bridge.mac).1;
        match &it.turn {
            Turn::Port { to, from } => {
                let before =
                    from.map_or_else(String::new, |from| format!(", before by port {}", from & PORT));
                format!("{bridge} reaches the root by its port {}{before}", to & PORT)
            }
            Turn::Cost { from, to } => {
                format!("{bridge} reaches the root at a cost of {to}, before of {from}")
            }
            Turn::Cable { from, to } => {
                format!(
                    "{bridge} is heard by its port {to} alone, which told of a change of the tree, and no longer by its port {from}"
                )
            }
        }
    };
    let ways: Vec<String> = group.iter().take(NAMED).map(|it| text(it)).collect();
    Some(Finding {
        confidence: SAID,
        devices: bridges.iter().filter_map(|(number, _)| *number).collect(),
        switch: known.switch_with(it.bridge.mac).or_else(|| known.switch_with(it.mac)),
        cause: Some(Cause::Uplink),
        title: format!("A spare way{at_vlans} is in use since {since} UTC: {who}"),
        summary: format!(
            "Since {since} UTC {who} reaches the rest of the network by another way than before; the usual one has failed. All cameras are there, but nothing is left in reserve: the next fault takes them down.{is_over} It is IT's turn: look at the uplinks of this switch."
        ),
        detail: format!("The root of the spanning tree{at_vlans} is the same, the way there is not: {}.", ways.join("; ")),
        remedy: "Look at the ports between this switch and the core that are down or blocked, and at their logs; mend the cable, the module or the switch on the former way.".to_owned(),
        verify: "The switch reaches the root as before; then this finding gets an end.".to_owned(),
        evidence: group
            .iter()
            .take(NAMED)
            .flat_map(|it| {
                let evidence = |(at, cite), protocol, text| Evidence { at, cite: Some(cite), protocol, text };
                let by = Some("stp").filter(|_| !it.is_cable());
                [
                    evidence(it.before, by, "the former way, last seen".to_owned()),
                    evidence(it.first, Some("stp"), text(it)),
                ]
            })
            .collect(),
        last_seen: ended.unwrap_or(it.first.0),
        ended,
        ..Finding::of_network(&KIND, &of_vlan(it.vlan), it.first.0, known_at)
    })
}

/// The number of a port; above it stands its priority.
const PORT: u16 = 0x0fff;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, s};
    use super::super::bonds::tests::{EXPIRED, STANDBY, USED, bond};
    use super::super::roots::tests::{bpdu, from};
    use super::*;
    use crate::observation::Party;

    /// Port 9 of an access bridge is designated, and leads to the root from second 100 on, to another second.
    fn failover(back: i64) -> Bench {
        let mut bench = Bench::new();
        for n in (0..180).step_by(2) {
            let role = if (100..back).contains(&n) { 2 } else { 3 };
            let is_changing = (100..104).contains(&n);
            bench.sees(s(n), from(9), Party::default(), bpdu(1, 9, is_changing, role, None));
            bench.tick(s(n + 1));
        }
        bench
    }

    #[test]
    fn a_switch_that_takes_another_way_is_told_and_its_topology_change_with_it() {
        let bench = failover(400);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(100), s(120), None));
        assert_eq!(finding.evidence.len(), 2);
        assert!(bench.of(&super::super::stp_topology_change::KIND).is_empty());
    }

    /// Ports 1 and 2 of a bond, each second; how they stand, `None` being nothing.
    fn bonded(until: i64, states: impl Fn(i64) -> [Option<u8>; 2]) -> Vec<Finding> {
        let mut bench = Bench::new();
        for n in 0..until {
            for (port, state) in [1, 2].into_iter().zip(states(n)) {
                let told = state.map(|state| bond(port, state));
                told.into_iter().for_each(|fact| bench.sees(s(n), from(port as u8), Party::default(), fact));
            }
            bench.tick(s(n + 1));
        }
        bench.of(&KIND)
    }

    /// The second port stands otherwise between two seconds.
    fn second_port(from: i64, to: i64, state: Option<u8>) -> Vec<Finding> {
        bonded(180, |n| [Some(USED), if (from..to).contains(&n) { state } else { Some(USED) }])
    }

    #[test]
    fn a_cable_that_falls_out_of_its_bond_is_told_until_it_is_back() {
        for state in [EXPIRED, STANDBY] {
            let found = second_port(100, 150, Some(state));
            let [finding] = &found[..] else { panic!("one finding") };
            assert_eq!((finding.first_seen, finding.detected), (s(100), s(110)));
            assert_eq!((finding.ended, finding.confidence, finding.evidence.len()), (Some(s(150)), SAID, 2));
        }
    }

    #[test]
    fn a_cable_that_is_heard_no_more_while_the_other_is_may_be_the_mirror() {
        let found = second_port(100, 400, None);
        let [finding] = &found[..] else { panic!("one finding") };
        assert_eq!((finding.evidence[0].at, finding.detected, finding.ended), (s(99), s(109), None));
        assert_eq!((finding.confidence, finding.alternatives.len()), (UNHEARD, 2));
    }

    #[test]
    fn a_flap_both_cables_and_a_bond_that_starts_are_none() {
        assert!(second_port(100, 107, Some(EXPIRED)).is_empty(), "a flap");
        assert!(second_port(100, 108, None).is_empty(), "not heard for a moment");
        assert!(second_port(0, 40, Some(STANDBY)).is_empty(), "it starts");
        assert!(second_port(5, 40, Some(EXPIRED)).is_empty(), "it starts over");
        let both = |n| if (100..150).contains(&n) { Some(EXPIRED) } else { Some(USED) };
        assert!(bonded(180, |n| [both(n); 2]).is_empty(), "both are down");
        let in_turns = |n: i64, back| if (100..back).contains(&n) { None } else { Some(USED) };
        assert!(bonded(180, |n| [in_turns(n, 140), in_turns(n, 160)]).is_empty(), "both were, and are back");
        let by_hand = |n| [Some(USED), Some(if n < 100 { USED } else { 0x39 })];
        assert!(bonded(180, by_hand).is_empty(), "taken out of the bond");
    }

    #[test]
    fn where_all_were_down_and_one_stays_so_it_is_told_later() {
        let found = bonded(300, |n| {
            let [first, second] = [!(100..130).contains(&n), n < 100];
            [first, second].map(|is_used| Some(if is_used { USED } else { EXPIRED }))
        });
        let [finding] = &found[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(100), s(190), None));
    }

    #[test]
    fn silence_that_nobody_watched_is_none() {
        let mut bench = Bench::new();
        for n in (0..100).chain(200..300) {
            if n == 200 {
                bench.unwatched(s(100), s(200));
            }
            for port in [1, 2] {
                bench.sees(s(n), from(port as u8), Party::default(), bond(port, USED));
            }
            bench.tick(s(n + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn it_ends_when_the_former_way_is_back() {
        assert_eq!(failover(150).of(&KIND)[0].ended, Some(s(150)));
    }

    #[test]
    fn a_way_that_is_tried_for_a_moment_is_none() {
        assert!(failover(104).of(&KIND).is_empty());
    }
}
