//! Which way each bridge reaches the root, and when it has to take another.
//!
//! ```text
//! a bridge's port was designated, or another was its root port ──is its root port──► it took another way
//! its way costs C for STEADY ──costs more, for CONFIRM──► its way is longer            └──the former──► over
//! one of its cables is announced no more ([`super::ends`]) ──► it took another way
//! ```
//!
//! The root stays the same: otherwise it is [`super::roots`]' matter. In the first minute ways are learned.
//!
//! Source: IEEE 802.1D-2004, 17.6 and 17.9.

use std::collections::BTreeSet;

use spanwatch_parsers::{Bridge, BridgeId, Fact, Mac, Span, Text, Time};

use super::ends::{Ends, News};
use super::roots::START;
use crate::bounded::Expiring;
use crate::observation::{Cite, Observation};

/// Three hellos.
pub const CONFIRM: Span = Span::seconds(6);
/// A way that was taken for so long is the usual one: what STP takes to forward (802.1D-2004, table 17-1).
const STEADY: Span = Span::seconds(30);
/// Bridges of all trees.
const WAYS_MAX: usize = 16_384;
/// Not heard for so long, and nothing is known.
const IDLE: Span = Span::seconds(86_400);
/// Designated ports remembered of a bridge.
const PORTS_MAX: usize = 64;
/// Losses remembered.
const LOSSES_MAX: usize = 1_024;

type Sight = (Time, Cite);

/// What became of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Another port leads to the root; the former one, where it is known.
    Port { from: Option<u16>, to: u16 },
    /// The way costs more.
    Cost { from: u32, to: u32 },
    /// A cable is gone, and the other leads to the root: what the bridge calls their ports.
    Cable { from: Text, to: Text },
}

/// A bridge that had to take another way.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Whose tree, where each VLAN has its own.
    pub vlan: Option<u16>,
    /// Who.
    pub bridge: BridgeId,
    /// The MAC that it sent from.
    pub mac: Mac,
    /// What became of its way.
    pub turn: Turn,
    /// The last sight of the former way.
    pub before: Sight,
    /// The first sight of the new one.
    pub first: Sight,
    /// When it was clear.
    pub known: Time,
    /// When the former one was back.
    pub ended: Option<Time>,
}

#[derive(Debug)]
struct Way {
    root: Mac,
    last: Sight,
    root_port: Option<u16>,
    designated: BTreeSet<u16>,
    cost: u32,
    since: Time,
    /// A higher cost, since when, and how often it was said.
    dearer: Option<(u32, Sight, u32)>,
}

/// The ways of all bridges.
#[derive(Debug)]
pub struct Paths {
    start: Option<Time>,
    ways: Expiring<(Option<u16>, Mac), Way>,
    losses: Vec<Loss>,
    ends: Ends,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            start: None,
            ways: Expiring::new(WAYS_MAX, IDLE, SEED),
            losses: Vec::new(),
            ends: Ends::default(),
        }
    }
}

/// Whether facts of this form tell of ways.
pub const fn reads(fact: &Fact) -> bool {
    matches!(fact, Fact::Neighbor(_) | Fact::Bridge(_) | Fact::TopologyChange { .. })
}

impl Paths {
    /// Says that the first observation is of `at`.
    pub fn begin(&mut self, at: Time) {
        self.start.get_or_insert(at);
    }

    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation) {
        let start = *self.start.get_or_insert(seen.at);
        if let Some(news) = self.ends.observe(seen) {
            self.cable(news, seen.at, start);
        }
        if let (Fact::Bridge(bridge), Some(mac)) = (&seen.fact, seen.subject.mac)
            && bridge.message_age < bridge.max_age
            && bridge.bridge.mac != bridge.root.mac
        {
            self.says(bridge, mac, (seen.at, seen.cite), seen.at - start < START);
        }
    }

    fn cable(&mut self, news: News, at: Time, start: Time) {
        match news {
            News::Lost { mac, chassis, ports: (from, to), before, first } => {
                if first.0 - start >= START && self.losses.len() < LOSSES_MAX {
                    let bridge = BridgeId { priority: 0, mac: chassis.unwrap_or(mac) };
                    let turn = Turn::Cable { from, to };
                    self.losses.push(Loss {
                        vlan: None,
                        bridge,
                        mac,
                        turn,
                        before,
                        first,
                        known: at,
                        ended: None,
                    });
                }
            }
            News::Back(mac) => {
                let is_it = |it: &&mut Loss| it.is_cable() && it.mac == mac && it.ended.is_none();
                if let Some(loss) = self.losses.iter_mut().rev().find(is_it) {
                    loss.ended = Some(at);
                }
            }
        }
    }

    fn says(&mut self, bridge: &Bridge, mac: Mac, sight: Sight, is_start: bool) {
        let key = (bridge.vlan, bridge.bridge.mac);
        let cost =
            bridge.region.as_ref().map_or(0, |region| region.root_cost).saturating_add(bridge.root_cost);
        let Some(way) = self.ways.get(&key, sight.0).filter(|way| way.root == bridge.root.mac) else {
            self.ways.insert(key, Way::new(bridge, cost, sight), sight.0);
            return;
        };
        let before = std::mem::replace(&mut way.last, sight);
        let port = way.takes(bridge).filter(|_| !is_start);
        let dear = way.costs(cost, sight);
        let dear = dear.filter(|_| !is_start);
        let is_cheap = way.dearer.is_none();
        let (cost_now, root_port) = (way.cost, way.root_port);
        let open = self.losses.iter_mut().rev().find(|it| {
            !it.is_cable()
                && it.ended.is_none()
                && (it.vlan, it.bridge.mac) == (bridge.vlan, bridge.bridge.mac)
        });
        if let Some(open) = open {
            let is_back = match &open.turn {
                Turn::Port { to, .. } => root_port != Some(*to),
                Turn::Cost { from, .. } => is_cheap && cost_now <= *from,
                Turn::Cable { .. } => false,
            };
            if is_back {
                open.ended = Some(sight.0);
            }
            return;
        }
        let turn = port.map(|turn| (turn, sight)).or(dear);
        if let Some((turn, first)) = turn.filter(|_| self.losses.len() < LOSSES_MAX) {
            let (vlan, bridge) = (bridge.vlan, bridge.bridge);
            let known = sight.0;
            self.losses.push(Loss { vlan, bridge, mac, turn, before, first, known, ended: None });
        }
    }

    /// Says that nobody watched: what changes meanwhile is learned.
    pub fn unwatched(&mut self) {
        self.ways = Expiring::new(WAYS_MAX, IDLE, SEED);
        self.ends.unwatched();
    }

    /// All losses, in the order in which they were seen.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

impl Loss {
    /// Whether one of two cables is gone.
    #[must_use]
    pub const fn is_cable(&self) -> bool {
        matches!(self.turn, Turn::Cable { .. })
    }
}

impl Way {
    fn new(bridge: &Bridge, cost: u32, sight: Sight) -> Self {
        let mut way = Self {
            root: bridge.root.mac,
            last: sight,
            root_port: None,
            designated: BTreeSet::new(),
            cost,
            since: sight.0,
            dearer: None,
        };
        way.takes(bridge);
        way
    }

    /// Notes what its port does. Whether another leads to the root than before.
    fn takes(&mut self, bridge: &Bridge) -> Option<Turn> {
        match bridge.flags.role() {
            ROOT_PORT => {
                let was_designated = self.designated.remove(&bridge.port);
                let from = self.root_port.replace(bridge.port);
                let is_other = from.is_some_and(|from| from != bridge.port);
                (is_other || was_designated)
                    .then_some(Turn::Port { from: from.filter(|_| is_other), to: bridge.port })
            }
            DESIGNATED => {
                if self.root_port == Some(bridge.port) {
                    self.root_port = None;
                }
                if self.designated.len() < PORTS_MAX {
                    self.designated.insert(bridge.port);
                }
                None
            }
            _ => None,
        }
    }

    /// Notes what its way costs. Whether that is more than it long was.
    fn costs(&mut self, cost: u32, sight: Sight) -> Option<(Turn, Sight)> {
        if cost <= self.cost {
            if cost < self.cost {
                (self.cost, self.since) = (cost, sight.0);
            }
            self.dearer = None;
            return None;
        }
        let (said, first, count) = self.dearer.filter(|(said, ..)| *said == cost).unwrap_or((cost, sight, 0));
        self.dearer = Some((said, first, count.saturating_add(1)));
        if sight.0 - first.0 < CONFIRM || count < CONFIRM_COUNT {
            return None;
        }
        let from = std::mem::replace(&mut self.cost, cost);
        let was_steady = first.0 - self.since >= STEADY;
        (self.since, self.dearer) = (first.0, None);
        was_steady.then_some((Turn::Cost { from, to: cost }, first))
    }
}

/// Roles of ports (IEEE 802.1D-2004, 9.3.3).
const ROOT_PORT: u8 = 2;
const DESIGNATED: u8 = 3;
/// Said so often before.
const CONFIRM_COUNT: u32 = 2;
/// No result depends on it.
const SEED: u64 = 0x7761_7973;

#[cfg(test)]
mod tests {
    use super::super::bench::{cite, s};
    use super::super::roots::tests::{bpdu, from};
    use super::*;
    use crate::observation::{Party, Place};

    const ACCESS: u8 = 9;

    /// What an access bridge says on a port: `(from, to, role, cost, port)`, every two seconds.
    fn said(spans: &[(i64, i64, u8, u32, u16)]) -> Paths {
        let mut paths = Paths::default();
        let last = spans.iter().map(|it| it.1).max().unwrap_or(0);
        for n in (0..last).step_by(2) {
            for (_, _, role, cost, port) in spans.iter().filter(|it| (it.0..it.1).contains(&n)) {
                let Fact::Bridge(mut bridge) = bpdu(1, ACCESS, false, *role, None) else { return paths };
                (bridge.root_cost, bridge.port) = (*cost, *port);
                paths.observe(&Observation {
                    place: Place::default(),
                    at: s(n),
                    cite: cite(s(n)),
                    subject: from(ACCESS),
                    peer: Party::default(),
                    transport: None,
                    source: "stp",
                    fact: Fact::Bridge(bridge),
                });
            }
        }
        paths
    }

    fn told(spans: &[(i64, i64, u8, u32, u16)]) -> Vec<(Turn, Time, Option<Time>)> {
        said(spans).losses().iter().map(|it| (it.turn.clone(), it.first.0, it.ended)).collect()
    }

    #[test]
    fn a_port_that_was_designated_and_leads_to_the_root_is_another_way() {
        let turn = Turn::Port { from: None, to: 2 };
        assert_eq!(told(&[(0, 100, 3, 5, 2), (100, 104, 2, 5, 2)]), [(turn.clone(), s(100), None)]);
        let back = [(0, 100, 3, 5, 2), (100, 104, 2, 5, 2), (200, 300, 3, 5, 2)];
        assert_eq!(told(&back), [(turn, s(100), Some(s(200)))]);
    }

    #[test]
    fn another_root_port_is_another_way() {
        let turn = Turn::Port { from: Some(1), to: 2 };
        let spans = [(0, 4, 2, 5, 1), (100, 104, 2, 5, 2), (200, 204, 2, 5, 1)];
        assert_eq!(told(&spans), [(turn, s(100), Some(s(200)))]);
    }

    #[test]
    fn a_way_that_costs_more_for_good_is_longer() {
        let turn = Turn::Cost { from: 5, to: 8 };
        assert_eq!(told(&[(0, 100, 3, 5, 2), (100, 200, 3, 8, 2)]), [(turn.clone(), s(100), None)]);
        let back = [(0, 100, 3, 5, 2), (100, 200, 3, 8, 2), (200, 300, 3, 5, 2)];
        assert_eq!(told(&back), [(turn, s(100), Some(s(200)))]);
    }

    #[test]
    fn what_is_learned_passing_or_better_is_none() {
        assert_eq!(told(&[(0, 30, 3, 5, 2), (30, 200, 3, 8, 2), (40, 42, 2, 8, 1), (44, 46, 2, 8, 3)]), []);
        assert_eq!(told(&[(0, 100, 3, 5, 2), (100, 104, 3, 8, 2), (104, 200, 3, 5, 2)]), []);
        assert_eq!(told(&[(0, 100, 3, 8, 2), (100, 200, 3, 5, 2)]), []);
    }

    #[test]
    fn what_changed_while_nobody_watched_is_learned() {
        let mut paths = said(&[(0, 100, 3, 5, 2)]);
        paths.unwatched();
        assert_eq!(paths.ways.len(), 0);
    }
}
