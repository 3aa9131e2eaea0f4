//! Switches, the cables between them, and the way a frame takes: past which ports, and whether it arrives.
//!
//! ```text
//!            core (root of the spanning tree; the mirror copies what enters its ports)
//!            │  │  └────┐
//!          s1   s2 ──── s3     a ring closes over a blocked cable, which opens when another fails
//! ```

use std::collections::HashMap;
use std::rc::Rc;

use crate::mirror::Way;
use crate::random::Random;

/// A switch, by its place in the site's list.
pub type SwitchId = usize;
/// A cable between two switches, by its place in the site's list.
pub type TrunkId = usize;
/// A host, by its place in the site's list.
pub type HostId = usize;

/// Where something is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plug {
    /// The switch.
    pub switch: SwitchId,
    /// Its port, from 1; 0 is the switch itself.
    pub port: u16,
}

/// A cable between two switches.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Its ends, the one nearer to the core first.
    pub ends: [Plug; 2],
    /// Whether it carries anything.
    pub is_up: bool,
    /// Frames lost on it, in a million.
    pub loss_ppm: u32,
}

/// A cable between a host and its switch.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Where it ends.
    pub plug: Plug,
    /// Whether it carries anything.
    pub is_up: bool,
    /// Frames lost on it, in a million.
    pub loss_ppm: u32,
}

/// What one mirror session copies.
#[derive(Debug, Clone)]
pub struct Source {
    /// The switch it runs on.
    pub switch: SwitchId,
    /// The ports it copies; all where there is no list.
    pub ports: Option<Vec<u16>>,
    /// Whether it copies what enters them.
    pub ingress: bool,
    /// Whether it copies what leaves them.
    pub egress: bool,
    /// Whether it copies what the switch itself sends: LLDP, BPDUs.
    pub own: bool,
    /// Ports that fell out of the list, though they should be in it.
    pub missing: Vec<u16>,
}

impl Source {
    fn copies(&self, at: Plug, way: Way) -> bool {
        let is_on = match way {
            Way::Ingress => self.ingress,
            Way::Egress => self.egress,
        };
        is_on
            && at.switch == self.switch
            && self.ports.as_ref().is_none_or(|ports| ports.contains(&at.port))
            && !self.missing.contains(&at.port)
    }
}

/// The copies that one frame leaves behind, and when it arrives.
#[derive(Debug, Clone, Default)]
pub struct Journey {
    /// Nanoseconds after it was sent, direction, port. The port numbers all ports of all switches.
    pub copies: Vec<(i64, Way, u16)>,
    /// Nanoseconds after it was sent; `None` where it was lost.
    pub arrives: Option<i64>,
}

/// The network.
#[derive(Debug, Clone)]
pub struct Fabric {
    /// Cables between switches.
    pub trunks: Vec<Trunk>,
    /// Cables of hosts, by host.
    pub access: Vec<Access>,
    /// Which switches forward.
    pub forwards: Vec<bool>,
    /// What the mirror copies.
    pub sources: Vec<Source>,
    /// By switch: the trunk towards the root, as the spanning tree last had it.
    towards_root: Vec<Option<TrunkId>>,
    /// Ways found since the tree was built.
    ways: HashMap<(SwitchId, SwitchId), Option<Rc<[TrunkId]>>>,
    journey: Journey,
    random: Random,
}

impl Fabric {
    /// A network in which all is well.
    #[must_use]
    pub fn new(
        switches: usize,
        trunks: Vec<Trunk>,
        access: Vec<Access>,
        sources: Vec<Source>,
        random: Random,
    ) -> Self {
        let mut fabric = Self {
            trunks,
            access,
            forwards: vec![true; switches],
            sources,
            towards_root: Vec::new(),
            ways: HashMap::new(),
            journey: Journey::default(),
            random,
        };
        fabric.converge();
        fabric
    }

    /// Builds the spanning tree anew, over the cables and switches that live: the root is switch 0.
    /// Returns the switches whose way to the root changed.
    pub fn converge(&mut self) -> Vec<SwitchId> {
        let before = std::mem::take(&mut self.towards_root);
        let mut towards: Vec<Option<TrunkId>> = vec![None; self.forwards.len()];
        let mut met = vec![false; self.forwards.len()];
        let mut next = vec![0];
        met[0] = true;
        while !next.is_empty() {
            let mut further = Vec::new();
            for switch in next {
                for (id, trunk) in self.trunks.iter().enumerate().filter(|(_, trunk)| trunk.is_up) {
                    let Some(other) = trunk.other(switch) else { continue };
                    if !met[other.switch] && self.forwards[other.switch] && self.forwards[switch] {
                        met[other.switch] = true;
                        towards[other.switch] = Some(id);
                        further.push(other.switch);
                    }
                }
            }
            next = further;
        }
        let changed =
            (0..towards.len()).filter(|s| before.get(*s).is_some_and(|b| *b != towards[*s])).collect();
        self.towards_root = towards;
        self.ways.clear();
        changed
    }

    /// The trunk of a switch towards the root.
    #[must_use]
    pub fn uplink(&self, switch: SwitchId) -> Option<TrunkId> {
        self.towards_root[switch]
    }

    /// How many trunks a switch is away from the root.
    #[must_use]
    pub fn depth(&self, switch: SwitchId) -> usize {
        let mut at = switch;
        let mut depth = 0;
        while let Some(parent) = self.parent(at).filter(|_| depth <= self.forwards.len()) {
            at = parent;
            depth += 1;
        }
        depth
    }

    fn parent(&self, switch: SwitchId) -> Option<SwitchId> {
        let trunk = &self.trunks[self.towards_root[switch]?];
        trunk.other(switch).map(|plug| plug.switch)
    }

    /// The trunks from one switch to another along the tree, each with whether it is gone up;
    /// `None` where there is no way.
    #[must_use]
    pub fn way(&self, from: SwitchId, to: SwitchId) -> Option<Vec<TrunkId>> {
        let (mut from_at, mut to_at) = (from, to);
        let (mut from_depth, mut to_depth) = (self.depth(from), self.depth(to));
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while from_at != to_at {
            if from_depth >= to_depth {
                up.push(self.towards_root[from_at]?);
                from_at = self.parent(from_at)?;
                from_depth = from_depth.checked_sub(1)?;
            } else {
                down.push(self.towards_root[to_at]?);
                to_at = self.parent(to_at)?;
                to_depth = to_depth.checked_sub(1)?;
            }
        }
        down.reverse();
        up.extend(down);
        Some(up)
    }

    /// Whether a frame could go from one host to another.
    #[must_use]
    pub fn reaches(&self, from: HostId, to: HostId) -> bool {
        let (a, b) = (self.access[from], self.access[to]);
        a.is_up
            && b.is_up
            && self.forwards[a.plug.switch]
            && self.forwards[b.plug.switch]
            && self
                .way(a.plug.switch, b.plug.switch)
                .is_some_and(|way| way.iter().all(|id| self.trunks[*id].is_up))
    }

    /// Whether some cable loses frames by chance.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.trunks.iter().any(|trunk| trunk.loss_ppm > 0)
            || self.access.iter().any(|access| access.loss_ppm > 0)
    }

    /// Sends a frame from one plug to another along the tree.
    pub fn send(&mut self, from: HostId, to: HostId) -> &Journey {
        let (a, b) = (self.access[from], self.access[to]);
        let mut journey = std::mem::take(&mut self.journey);
        journey.copies.clear();
        journey.arrives = self.travel(a, b, &mut journey.copies);
        self.journey = journey;
        &self.journey
    }

    fn travel(&mut self, a: Access, b: Access, copies: &mut Vec<(i64, Way, u16)>) -> Option<i64> {
        if !a.is_up || self.is_lost(a.loss_ppm) || !self.forwards[a.plug.switch] {
            return None;
        }
        let mut after = HOP;
        let mut at = a.plug;
        self.note(copies, after, at, Way::Ingress);
        let ends = (a.plug.switch, b.plug.switch);
        let known = self.ways.get(&ends).cloned();
        let way = known.unwrap_or_else(|| {
            let way: Option<Rc<[TrunkId]>> = self.way(ends.0, ends.1).map(Into::into);
            self.ways.insert(ends, way.clone());
            way
        });
        for id in way.as_deref().unwrap_or_default() {
            let trunk = &self.trunks[*id];
            let (Some(there), loss_ppm, is_up) = (trunk.other(at.switch), trunk.loss_ppm, trunk.is_up) else {
                return None;
            };
            let here = trunk.end(at.switch)?;
            if !is_up {
                return None;
            }
            after += STORE_AND_FORWARD;
            self.note(copies, after, here, Way::Egress);
            if self.is_lost(loss_ppm) || !self.forwards[there.switch] {
                return None;
            }
            at = there;
            after += HOP;
            self.note(copies, after, at, Way::Ingress);
        }
        way?;
        if !b.is_up {
            return None;
        }
        after += STORE_AND_FORWARD;
        self.note(copies, after, b.plug, Way::Egress);
        (!self.is_lost(b.loss_ppm)).then_some(after + HOP)
    }

    /// Sends a frame from a host to everybody. Who hears it is asked by [`Fabric::reaches`].
    pub fn flood(&mut self, from: HostId) -> &Journey {
        let a = self.access[from];
        let mut journey = std::mem::take(&mut self.journey);
        journey.copies.clear();
        journey.arrives = None;
        if a.is_up && !self.is_lost(a.loss_ppm) && self.forwards[a.plug.switch] {
            journey.arrives = Some(HOP);
            for index in 0..self.sources.len() {
                let switch = self.sources[index].switch;
                self.flood_past(a.plug, switch, &mut journey.copies);
            }
        }
        self.journey = journey;
        &self.journey
    }

    /// The copies of a flooded frame at one mirrored switch: where it comes in, and all ports where it goes out.
    fn flood_past(&self, from: Plug, switch: SwitchId, copies: &mut Vec<(i64, Way, u16)>) {
        let Some(way) = self.way(from.switch, switch) else { return };
        let is_whole = way.iter().all(|id| self.trunks[*id].is_up) && self.forwards[switch];
        if !is_whole {
            return;
        }
        let hops = way.len() as i64;
        let entry = way.last().map_or(from, |id| self.trunks[*id].end(switch).unwrap_or(from));
        let after = HOP + hops * (HOP + STORE_AND_FORWARD);
        self.note(copies, after, entry, Way::Ingress);
        if self.sources.iter().any(|source| source.switch == switch && source.egress) {
            let hosts = self.access.iter().filter(|access| access.is_up).map(|access| access.plug);
            let trunks = self.trunks.iter().filter(|trunk| trunk.is_up).filter_map(|trunk| trunk.end(switch));
            let mut ports: Vec<u16> = hosts
                .chain(trunks)
                .filter(|plug| plug.switch == switch && plug.port != 0)
                .map(|plug| plug.port)
                .collect();
            ports.sort_unstable();
            ports.dedup();
            for port in ports.into_iter().filter(|port| *port != entry.port) {
                self.note(copies, after + STORE_AND_FORWARD, Plug { switch, port }, Way::Egress);
            }
        }
    }

    /// The copies of a frame that a switch itself sends on one of its ports (LLDP, BPDUs), seen there and at
    /// the other end of the cable.
    pub fn send_on_port(&mut self, plug: Plug) -> &Journey {
        let mut journey = std::mem::take(&mut self.journey);
        journey.copies.clear();
        journey.arrives = None;
        if self.forwards[plug.switch] {
            self.note(&mut journey.copies, STORE_AND_FORWARD, plug, Way::Egress);
            let is_copied = |source: &Source| source.switch == plug.switch && source.own && !source.egress;
            if self.sources.iter().any(is_copied) {
                journey.copies.push((STORE_AND_FORWARD, Way::Egress, plug.number()));
            }
            let trunk = self.trunks.iter().find(|trunk| trunk.ends.contains(&plug));
            if let Some((there, loss_ppm)) = trunk
                .filter(|trunk| trunk.is_up)
                .and_then(|trunk| trunk.other(plug.switch).map(|there| (there, trunk.loss_ppm)))
                && !self.is_lost(loss_ppm)
                && self.forwards[there.switch]
            {
                self.note(&mut journey.copies, STORE_AND_FORWARD + HOP, there, Way::Ingress);
                journey.arrives = Some(STORE_AND_FORWARD + HOP);
            }
        }
        self.journey = journey;
        &self.journey
    }

    fn note(&self, copies: &mut Vec<(i64, Way, u16)>, after: i64, at: Plug, way: Way) {
        for source in &self.sources {
            if source.copies(at, way) {
                copies.push((after, way, at.number()));
            }
        }
    }

    fn is_lost(&mut self, loss_ppm: u32) -> bool {
        loss_ppm > 0 && self.random.chance(loss_ppm)
    }
}

impl Plug {
    /// A number that no other port near by has.
    #[must_use]
    pub const fn number(self) -> u16 {
        (self.switch as u16).wrapping_mul(64).wrapping_add(self.port)
    }
}

impl Trunk {
    /// Its end at this switch.
    #[must_use]
    pub fn end(&self, switch: SwitchId) -> Option<Plug> {
        self.ends.into_iter().find(|end| end.switch == switch)
    }

    /// Its end at the other switch.
    #[must_use]
    pub fn other(&self, switch: SwitchId) -> Option<Plug> {
        match self.ends {
            [a, b] if a.switch == switch => Some(b),
            [a, b] if b.switch == switch => Some(a),
            _ => None,
        }
    }
}

/// Serialization of a full frame at 1 Gbit/s, and a metre or two of cable, in nanoseconds.
const HOP: i64 = 12_300;
/// What a store-and-forward switch takes in addition.
const STORE_AND_FORWARD: i64 = 4_100;

#[cfg(test)]
mod tests {
    use super::*;

    const fn plug(switch: SwitchId, port: u16) -> Plug {
        Plug { switch, port }
    }

    fn trunk(a: Plug, b: Plug) -> Trunk {
        Trunk { ends: [a, b], is_up: true, loss_ppm: 0 }
    }

    fn access(switch: SwitchId, port: u16) -> Access {
        Access { plug: plug(switch, port), is_up: true, loss_ppm: 0 }
    }

    fn source(ingress: bool, egress: bool) -> Source {
        Source { switch: 0, ports: None, ingress, egress, own: false, missing: Vec::new() }
    }

    /// A core with two switches that are also cabled to one another; hosts 0 at the core, 1 and 2 behind switch 1,
    /// 3 behind switch 2.
    fn ring(sources: Vec<Source>) -> Fabric {
        let trunks =
            vec![trunk(plug(0, 1), plug(1, 1)), trunk(plug(0, 2), plug(2, 1)), trunk(plug(1, 2), plug(2, 2))];
        let hosts = vec![access(0, 3), access(1, 3), access(1, 4), access(2, 3)];
        Fabric::new(3, trunks, hosts, sources, Random::new(1))
    }

    fn ports(journey: &Journey) -> Vec<(Way, u16)> {
        journey.copies.iter().map(|(_, way, port)| (*way, *port)).collect()
    }

    #[test]
    fn what_crosses_the_core_is_copied_once_where_it_comes_in() {
        let mut fabric = ring(vec![source(true, false)]);
        assert_eq!(ports(fabric.send(1, 0)), [(Way::Ingress, 1)]);
        assert_eq!(ports(fabric.send(0, 3)), [(Way::Ingress, 3)]);
        assert_eq!(ports(fabric.send(1, 3)), [(Way::Ingress, 1)]);
    }

    #[test]
    fn what_stays_behind_a_switch_is_not_copied() {
        let mut fabric = ring(vec![source(true, true)]);
        let journey = fabric.send(1, 2);
        assert!(journey.copies.is_empty() && journey.arrives.is_some());
    }

    #[test]
    fn both_directions_copy_what_comes_in_and_what_goes_out() {
        let mut fabric = ring(vec![source(true, true)]);
        assert_eq!(ports(fabric.send(1, 0)), [(Way::Ingress, 1), (Way::Egress, 3)]);
        assert_eq!(ports(fabric.flood(1)), [(Way::Ingress, 1), (Way::Egress, 2), (Way::Egress, 3)]);
    }

    #[test]
    fn a_cut_cable_is_dead_until_the_tree_is_built_anew() {
        let mut fabric = ring(vec![source(true, false)]);
        fabric.trunks[0].is_up = false;
        assert!(fabric.send(1, 0).arrives.is_none() && !fabric.reaches(1, 0));
        assert_eq!(fabric.converge(), [1]);
        assert_eq!(ports(fabric.send(1, 0)), [(Way::Ingress, 2)]);
        assert_eq!(fabric.depth(1), 2);
    }

    #[test]
    fn a_dead_switch_takes_its_hosts_along() {
        let mut fabric = ring(vec![source(true, false)]);
        fabric.forwards[1] = false;
        fabric.converge();
        assert!(!fabric.reaches(1, 0) && fabric.reaches(3, 0));
        assert!(fabric.send(1, 0).copies.is_empty());
        let lost_there = fabric.send(0, 1);
        assert_eq!((ports(lost_there), lost_there.arrives), (vec![(Way::Ingress, 3)], None));
    }

    #[test]
    fn loss_before_the_mirror_is_not_seen_and_behind_it_is() {
        let mut fabric = ring(vec![source(true, false)]);
        fabric.access[1].loss_ppm = 500_000;
        let (mut seen, mut arrived) = (0, 0);
        for _ in 0..1_000 {
            let journey = fabric.send(1, 0);
            seen += journey.copies.len();
            arrived += usize::from(journey.arrives.is_some());
        }
        assert_eq!(seen, arrived);
        assert!((400..600).contains(&seen));
        fabric.access[1].loss_ppm = 0;
        fabric.access[0].loss_ppm = 500_000;
        let journeys: Vec<bool> = (0..1_000)
            .map(|_| {
                let journey = fabric.send(1, 0);
                assert_eq!(journey.copies.len(), 1);
                journey.arrives.is_some()
            })
            .collect();
        assert!((400..600).contains(&journeys.iter().filter(|arrives| **arrives).count()));
    }

    #[test]
    fn a_switchs_own_frames_are_copied_where_they_come_in_or_where_the_mirror_says_so() {
        let mut fabric = ring(vec![source(true, false)]);
        assert_eq!(ports(fabric.send_on_port(plug(1, 1))), [(Way::Ingress, 1)]);
        assert!(fabric.send_on_port(plug(0, 1)).copies.is_empty());
        fabric.sources[0].own = true;
        assert_eq!(ports(fabric.send_on_port(plug(0, 1))), [(Way::Egress, 1)]);
    }
}
