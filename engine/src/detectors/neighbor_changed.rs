//! `neighbor-changed`: what speaks over LLDP or CDP from a port is not what it was.
//!
//! ## What it says
//! From one hardware address a device announced itself by one name or chassis, again and again, and now announces itself by another, again and
//! again, and the former one no more. It ends when the former is back.
//!
//! ## Why it matters
//! Somebody exchanged the device, plugged it in elsewhere, or gave it another name. If nobody meant to, a stranger
//! stands in for it. The list of what hangs where is wrong until it is brought up to date.
//!
//! ## Where it is wrong
//! A switch that starts may bear its maker's name for a moment: both names must have been said for twenty seconds. Two
//! programs that speak LLDP side by side on one port do so in turns, and are left alone.
//!
//! ## State
//! `PORTS_MAX` ports, the one heard longest ago is forgotten first; `CHANGES_MAX` changes.

use spanwatch_parsers::{Fact, Mac, Neighbor, Span, Text, Time};

use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "neighbor-changed",
    category: "network",
    severity: Severity::Low,
    source: include_str!("neighbor_changed.rs"),
    start: Some(|| Box::new(Neighbors::new())),
};

/// It is said for so long at least: a link that comes up is announced each second (IEEE 802.1AB-2016, 9.2.5).
const SAID_FOR: Span = Span::seconds(20);
/// Ports heard lately.
const PORTS_MAX: usize = 16_384;
/// Longer than any time to live (16 bits of seconds).
const IDLE: Span = Span::seconds(65_536);
/// Changes told of.
const CHANGES_MAX: usize = 1_024;
/// It says so itself, and is not signed, in per cent.
const SAID: u8 = 85;

/// As whom one speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    chassis: Text,
    name: Option<Text>,
}

/// One who speaks, and how long.
#[derive(Debug, Clone)]
struct Said {
    who: Identity,
    first: (Time, Cite),
    last: (Time, Cite),
}

#[derive(Debug)]
struct Port {
    known: Said,
    new: Option<Said>,
}

#[derive(Debug)]
struct Change {
    mac: Mac,
    source: &'static str,
    before: Said,
    after: Said,
    detected: Time,
    ended: Option<Time>,
}

/// ```text
/// known ──says another──► new ──for SAID_FOR, and known no more──► changed ──says the former──► over
///   ▲                      │
///   └──── says known ──────┘
/// ```
#[derive(Debug)]
pub struct Neighbors {
    ports: Expiring<(&'static str, Mac, Text), Port>,
    changes: Vec<Change>,
}

impl Neighbors {
    fn new() -> Self {
        Self { ports: Expiring::new(PORTS_MAX, IDLE, SEED), changes: Vec::new() }
    }

    fn said(&mut self, mac: Mac, neighbor: &Neighbor, seen: &Observation) {
        let key = (seen.source, mac, neighbor.port.clone());
        let who = Identity { chassis: neighbor.chassis.clone(), name: neighbor.name.clone() };
        let sight = (seen.at, seen.cite);
        let said = Said { who, first: sight, last: sight };
        let Some(port) = self.ports.get(&key, seen.at) else {
            self.ports.insert(key, Port { known: said, new: None }, seen.at);
            return;
        };
        if port.known.who.is_like(&said.who) {
            port.known.last = sight;
            port.new = None;
            return;
        }
        if port.known.last.0 - port.known.first.0 < SAID_FOR {
            *port = Port { known: said, new: None };
            return;
        }
        match port.new.as_mut().filter(|new| new.who.is_like(&said.who)) {
            Some(new) => new.last = sight,
            None => port.new = Some(said),
        }
        let Some(after) = port.new.take_if(|new| new.last.0 - new.first.0 >= SAID_FOR) else { return };
        let before = std::mem::replace(&mut port.known, after.clone());
        let open = self.changes.iter_mut().rev().find(|it| {
            (it.mac, it.source) == (mac, seen.source)
                && it.ended.is_none()
                && it.after.who.is_like(&before.who)
        });
        if let Some(open) = open {
            open.ended = Some(after.first.0);
            if open.before.who.is_like(&after.who) {
                return;
            }
        }
        if self.changes.len() < CHANGES_MAX {
            let (source, detected) = (seen.source, seen.at);
            self.changes.push(Change { mac, source, before, after, detected, ended: None });
        }
    }
}

impl Detector for Neighbors {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Neighbor(_))
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        if let (Fact::Neighbor(neighbor), Some(mac)) = (&seen.fact, seen.subject.mac)
            && neighbor.ttl_s > 0
        {
            self.said(mac, neighbor, seen);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.changes.iter().map(|it| it.finding(known)).collect()
    }
}

impl Identity {
    /// A name that is not said anymore, or not yet, is no other one.
    fn is_like(&self, other: &Self) -> bool {
        let is_same_name = self.name.as_ref().zip(other.name.as_ref()).is_none_or(|(a, b)| a == b);
        self.chassis == other.chassis && is_same_name
    }

    fn words(&self) -> String {
        match &self.name {
            Some(name) if *name != self.chassis => format!("{name} (chassis {})", self.chassis),
            _ => self.chassis.as_str().to_owned(),
        }
    }
}

impl Change {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let (number, _) = known.bearer(self.mac);
        let (before, after) = (self.before.who.words(), self.after.who.words());
        let (since, protocol) = (clock_time(self.after.first.0), self.source.to_uppercase());
        let is_over = self.ended.map_or("", |_| " It is no longer so.");
        let sight = |said: &Said, (at, cite): (Time, Cite)| Evidence {
            at,
            cite: Some(cite),
            protocol: Some(self.source),
            text: format!("{} announces itself as {}", self.mac, said.who.words()),
        };
        Finding {
            confidence: SAID,
            devices: number.into_iter().collect(),
            switch: known.switch_with(self.mac).or_else(|| number.and_then(|number| known.switch_of(number))),
            title: format!("{before} is now {after}"),
            summary: format!(
                "Since {since} UTC a network device calls itself {after}; before it was {before}. It was exchanged, plugged in elsewhere, or given another name.{is_over} It is IT's turn: see whether that was meant, and bring the plan up to date."
            ),
            detail: format!(
                "By {protocol}, {} was {before} until {} UTC and is {after} since {since} UTC.",
                self.mac,
                clock_time(self.before.last.0)
            ),
            remedy: "Compare with the change log. If nobody changed it, look at the port: `show lldp neighbors detail` or `show cdp neighbors detail` on the switch at the other end.".to_owned(),
            verify: format!("It announces itself as {before} again, or the plan says {after}."),
            evidence: vec![sight(&self.before, self.before.last), sight(&self.after, self.after.first)],
            last_seen: self.ended.unwrap_or(self.detected),
            ended: self.ended,
            ..Finding::of_network(&KIND, &self.mac.to_string(), self.after.first.0, self.detected)
        }
    }
}

/// No result depends on it.
const SEED: u64 = 0x6e65_6967;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, s};
    use super::*;
    use crate::observation::Party;

    /// Who speaks on a port every ten seconds, from when to when.
    fn spoken(spans: &[(i64, i64, &str)]) -> Vec<Finding> {
        let mut bench = Bench::new();
        for (from, to, name) in spans {
            for n in (*from..*to).step_by(10) {
                let neighbor = Neighbor {
                    chassis: "02:00:00:00:00:05".into(),
                    port: "ge1".into(),
                    name: Some((*name).into()),
                    ttl_s: 120,
                    ..Neighbor::default()
                };
                let subject = Party { mac: Some(mac(7)), ..Party::default() };
                bench.sees(s(n), subject, Party::default(), Fact::Neighbor(Box::new(neighbor)));
            }
        }
        bench.of(&KIND)
    }

    #[test]
    fn another_name_on_the_same_port_is_told_until_the_former_is_back() {
        let [finding] = &spoken(&[(0, 60, "a"), (60, 120, "b")])[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(60), s(80), None));
        assert_eq!(finding.evidence[0].cite, Some(cite(s(50))));
        let back = spoken(&[(0, 60, "a"), (60, 120, "b"), (120, 180, "a")]);
        assert_eq!((back.len(), back[0].ended), (1, Some(s(120))));
    }

    #[test]
    fn one_who_starts_under_another_name_and_two_in_turns_are_none() {
        assert!(spoken(&[(0, 20, "Switch"), (20, 120, "a")]).is_empty());
        assert!(spoken(&[(0, 60, "a"), (60, 80, "Switch"), (80, 120, "a")]).is_empty());
        let turns: Vec<_> = (0..20).map(|n| (n * 10, n * 10 + 1, ["a", "b"][n as usize % 2])).collect();
        assert!(spoken(&turns).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut neighbors = Neighbors::new();
        let sight = (s(0), Cite::default());
        for n in 0..PORTS_MAX as u32 + 50 {
            let [_, b, c, d] = n.to_be_bytes();
            let who = Identity { chassis: Text::default(), name: None };
            let port = Port { known: Said { who, first: sight, last: sight }, new: None };
            neighbors.ports.insert(("lldp", Mac([2, 0, 0, b, c, d]), Text::default()), port, s(0));
        }
        assert_eq!(neighbors.ports.len(), PORTS_MAX);
    }
}
