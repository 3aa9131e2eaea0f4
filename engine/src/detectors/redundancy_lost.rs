//! `redundancy-lost`: one of two ways through the network has failed, and the other carries on.
//!
//! ## What it says
//! A switch reaches the root of the spanning tree by another port than before, or by a way that costs more, while the root is the same
//! one, and no device went dark for it. Or it announced itself by two ports (LLDP, CDP), one of them is silent for longer than it
//! said to be believed, and by the other it told of a change of the tree meanwhile. So a cable, a port or a switch on its former way is gone. It ends when
//! the former way is back.
//!
//! ## Why it matters
//! Nobody notices: all pictures are there, or back within a minute (what was told of that is told with it). The next fault on the same path takes all the cameras behind it down, and the spare way may be
//! too slow for all of them.
//!
//! ## Where it is wrong
//! Somebody may have changed a path's cost, or pulled a cable on purpose. Bonds of cables (LACP) and virtual routers (VRRP, HSRP)
//! are not read; a spare cable that fails while it is not in use shows only on the switch. Without an outage nearby it is told after 20 s; with one it belongs to that. In the first
//! minute of a capture the ways are learned.
//!
//! ## State
//! The ways of 16,384 bridges; 1,024 losses ([`super::paths`]).

use spanwatch_parsers::{Span, Time};

use super::paths::{CONFIRM, Loss, Paths, Turn};
use super::{Detector, Known, in_vlans, is_explained, of_vlan, outages};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::Observation;
use crate::report::time::{clock_time, length};

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
/// Bridges named.
const NAMED: usize = 4;

/// Who reaches the root how.
#[derive(Debug, Default)]
pub struct Redundancy {
    paths: Paths,
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
    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        self.paths.observe(seen);
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.until = to;
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        self.paths.unwatched();
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        told(&self.paths, known, self.until).iter().filter_map(|group| finding(group, known)).collect()
    }
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

    #[test]
    fn it_ends_when_the_former_way_is_back() {
        assert_eq!(failover(150).of(&KIND)[0].ended, Some(s(150)));
    }

    #[test]
    fn a_way_that_is_tried_for_a_moment_is_none() {
        assert!(failover(104).of(&KIND).is_empty());
    }
}
