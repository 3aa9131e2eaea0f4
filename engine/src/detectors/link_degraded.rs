//! `link-degraded`: a cable's link runs worse than it should.
//!
//! ## What it says
//! A device or a switch says over LLDP or CDP, twice and 20 s apart at least, that a link speaks and listens by turns (half duplex);
//! or a device says that its own link runs at 10 Mbit/s, or slower than it did before. It ends
//! when the same port says that all is well.
//!
//! ## Why it matters
//! On such a link pictures stutter as soon as there is much to send. Mostly a wire of the cable is broken or a plug is bad; on half duplex
//! one side is often set by hand while the other one negotiates.
//!
//! ## Where it is wrong
//! Old door controllers and serial gateways know nothing better than 10 Mbit/s or half duplex. What a switch says of the speed is
//! left out, for computers slow their link down while they sleep. Links of 100 Mbit/s are common among
//! cameras and are told only where they were faster.
//!
//! ## State
//! `PORTS_MAX` ports, the one heard longest ago is forgotten first; `LINKS_MAX` links.

use spanwatch_parsers::{Fact, Span, Time};

use super::speaker::{Port, Speaker};
use super::{Detector, Known};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "link-degraded",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("link_degraded.rs"),
    start: Some(|| Box::new(Links::new())),
};

/// Said again after so long it is no link that comes up: LLDP speaks each second then (IEEE 802.1AB-2016, 9.2.5).
const AGAIN: Span = Span::seconds(20);
/// Slower than any device of today.
const SLOW_MBPS: u32 = 10;
/// Ports heard lately.
const PORTS_MAX: usize = 16_384;
/// Longer than any time to live (16 bits of seconds).
const IDLE: Span = Span::seconds(65_536);
/// Links told of.
const LINKS_MAX: usize = 1_024;
/// It says so itself, in per cent.
const SAID: u8 = 90;

/// What is wrong with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Half,
    Slow { mbps: u32 },
    Fell { from: u32, to: u32 },
}

/// What a port says of itself.
#[derive(Debug, Default)]
struct Said {
    /// Speed, in the order said, and the best one.
    mbps: Option<u32>,
    best: u32,
    is_half: bool,
    /// What is wrong, since when it is said, and where.
    trouble: Option<(Trouble, Time, Cite)>,
}

#[derive(Debug)]
struct Link {
    port: Port,
    trouble: Trouble,
    source: &'static str,
    first: (Time, Cite),
    detected: (Time, Cite),
    last: Time,
    ended: Option<Time>,
}

/// ```text
/// well ──says so──► troubled ──says so AGAIN──► degraded ──says otherwise──► over
///   ▲                   │
///   └──says otherwise───┘
/// ```
#[derive(Debug)]
pub struct Links {
    speaker: Speaker,
    ports: Expiring<Port, Said>,
    links: Vec<Link>,
}

impl Links {
    fn new() -> Self {
        Self { speaker: Speaker::default(), ports: Expiring::new(PORTS_MAX, IDLE, SEED), links: Vec::new() }
    }

    fn said(&mut self, port: Port, seen: &Observation) {
        if self.ports.get(&port, seen.at).is_none() {
            self.ports.insert(port.clone(), Said::default(), seen.at);
        }
        let Some(said) = self.ports.get(&port, seen.at) else { return };
        match &seen.fact {
            Fact::LinkSpeed { mbps } if !port.is_bridge => said.mbps = Some(*mbps),
            Fact::Duplex { is_full } => said.is_half = !is_full,
            _ => return,
        }
        let trouble = said.judge();
        said.trouble = match (trouble, said.trouble) {
            (Some(now), Some((before, since, cite))) if now == before => Some((before, since, cite)),
            (Some(now), _) => Some((now, seen.at, seen.cite)),
            (None, _) => None,
        };
        let has_room = self.links.len() < LINKS_MAX;
        let open = self.links.iter_mut().rev().find(|it| it.port == port && it.ended.is_none());
        match (open, said.trouble) {
            (Some(open), Some((trouble, ..))) if open.trouble == trouble => open.last = seen.at,
            (Some(open), _) => open.ended = Some(seen.at),
            (None, Some((trouble, since, cite))) if seen.at - since >= AGAIN && has_room => {
                let (source, first, detected) = (seen.source, (since, cite), (seen.at, seen.cite));
                self.links.push(Link { port, trouble, source, first, detected, last: seen.at, ended: None });
            }
            (None, _) => {}
        }
    }

    fn finding(it: &Link, known: &Known<'_>) -> Finding {
        let (number, called) = it.port.called(known);
        let since = clock_time(it.first.0);
        let (what, plainly) = match it.trouble {
            Trouble::Half => {
                ("half duplex".to_owned(), "cannot send and receive at the same time".to_owned())
            }
            Trouble::Slow { mbps } => (format!("{mbps} Mbit/s"), format!("runs at {mbps} Mbit/s only")),
            Trouble::Fell { from, to } => (
                format!("{to} Mbit/s, {from} before"),
                format!("runs at {to} Mbit/s and ran at {from} Mbit/s before"),
            ),
        };
        let is_over = it.ended.map_or("", |_| " It is well again.");
        Finding {
            confidence: SAID,
            devices: number.into_iter().collect(),
            switch: number.and_then(|number| known.switch_of(number)).or_else(|| known.switch_with(it.port.mac)),
            cause: Some(Cause::Link),
            title: format!("The network cable at {called} is running badly: {what}"),
            summary: format!(
                "The link at {called} {plainly}. Pictures over it may stutter or arrive late, though the device is fine.{is_over} It is IT's turn: check the cable and the settings of the switch port."
            ),
            detail: format!(
                "By {}, {called} ({}, port {}) has run at {what} since {since} UTC at least.",
                it.source.to_uppercase(),
                it.port.mac,
                it.port.name
            ),
            remedy: "Let both sides negotiate (auto), never one alone. Then swap the patch cables, and have the run tested: at 1000 Mbit/s all four pairs must be whole, at 100 two of them.".to_owned(),
            verify: "The same port announces full duplex and the former speed; then this finding gets an end.".to_owned(),
            evidence: [it.first, it.detected]
                .map(|(at, cite)| Evidence {
                    at,
                    cite: Some(cite),
                    protocol: Some(it.source),
                    text: format!("{called} says that its link runs at {what}"),
                })
                .to_vec(),
            last_seen: it.ended.unwrap_or(it.last),
            ended: it.ended,
            ..Finding::of_network(&KIND, &format!("{} {}", it.port.mac, it.port.name), it.first.0, it.detected.0)
        }
    }
}

impl Detector for Links {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::LinkSpeed { .. } | Fact::Duplex { .. } | Fact::Neighbor(_))
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        if let Some(port) = self.speaker.observe(seen)
            && matches!(seen.fact, Fact::LinkSpeed { .. } | Fact::Duplex { .. })
        {
            let port = port.clone();
            self.said(port, seen);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.links.iter().map(|it| Self::finding(it, known)).collect()
    }
}

impl Said {
    fn judge(&mut self) -> Option<Trouble> {
        let mbps = self.mbps.unwrap_or(0);
        self.best = self.best.max(mbps);
        match mbps {
            _ if self.is_half => Some(Trouble::Half),
            1.. if mbps < self.best => Some(Trouble::Fell { from: self.best, to: mbps }),
            1..=SLOW_MBPS => Some(Trouble::Slow { mbps }),
            _ => None,
        }
    }
}

/// No result depends on it.
const SEED: u64 = 0x6c69_6e6b;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Mac, Neighbor};

    use super::super::bench::{Bench, cite, mac, s};
    use super::*;
    use crate::observation::Party;

    /// A port says this at these seconds: speed, and whether it is full duplex.
    fn says(bench: &mut Bench, is_bridge: bool, at: &[i64], mbps: u32, is_full: bool) {
        let subject = Party { mac: Some(mac(7)), ..Party::default() };
        let neighbor = Neighbor {
            port: "ge1".into(),
            capabilities: if is_bridge { 1 << 2 } else { 1 << 7 },
            ..Neighbor::default()
        };
        for n in at {
            let facts = [
                Fact::Neighbor(Box::new(neighbor.clone())),
                Fact::LinkSpeed { mbps },
                Fact::Duplex { is_full },
            ];
            facts.into_iter().for_each(|fact| bench.sees(s(*n), subject, Party::default(), fact));
        }
    }

    fn of(is_bridge: bool, at: &[i64], mbps: u32, is_full: bool) -> Vec<Finding> {
        let mut bench = Bench::new();
        says(&mut bench, is_bridge, at, mbps, is_full);
        bench.of(&KIND)
    }

    #[test]
    fn half_duplex_said_again_is_told_until_it_is_full() {
        let mut bench = Bench::new();
        says(&mut bench, true, &[10, 40], 100, false);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(10), s(40), None));
        assert_eq!(finding.evidence[0].cite, Some(cite(s(10))));
        says(&mut bench, true, &[70], 100, true);
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(70)));
    }

    #[test]
    fn a_device_on_ten_and_one_that_fell_are_told() {
        assert!(of(false, &[10, 40], 10, true)[0].title.contains("10 Mbit/s"));
        let mut bench = Bench::new();
        says(&mut bench, false, &[10, 40], 1_000, true);
        says(&mut bench, false, &[70, 100], 100, true);
        assert!(bench.of(&KIND)[0].title.contains("100 Mbit/s, 1000 before"));
    }

    #[test]
    fn a_healthy_link_and_a_computer_asleep_are_none() {
        assert!(of(false, &[10, 40], 100, true).is_empty());
        assert!(of(true, &[10, 40], 10, true).is_empty());
    }

    #[test]
    fn what_is_said_while_the_link_comes_up_is_none() {
        assert!(of(false, &[10, 11, 12, 13], 10, false).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut links = Links::new();
        let mut bench = Bench::new();
        says(&mut bench, false, &[10], 10, true);
        for n in 0..PORTS_MAX as u32 + 50 {
            let [_, b, c, d] = n.to_be_bytes();
            let port = Port { mac: Mac([2, 0, 0, b, c, d]), name: "1".into(), is_bridge: false };
            links.ports.insert(port, Said::default(), s(1));
        }
        assert_eq!(links.ports.len(), PORTS_MAX);
    }
}
