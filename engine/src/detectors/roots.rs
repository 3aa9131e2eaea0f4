//! Who is root of each spanning tree, and when another took its place.
//!
//! ```text
//! A ──A──A──A──A                 A was named last when B was named first, or soon after, and B is named
//!               B──B──B──B──►    for CONFIRM and on, A no more: B took over
//!               └CONFIRM┘
//! ```
//!
//! Two roots that are named side by side are two networks which one mirror shows. A bridge that starts names
//! itself until it hears a better one; that takes it a hello or two, and is no change. In the first minute
//! roots are learned, unless one was named for 40 s. Of MSTP, the root of the common tree is meant.
//!
//! Source: IEEE 802.1D-2004, 17.6 and 17.14.

use std::collections::BTreeMap;

use spanwatch_parsers::{Bridge, BridgeId, Fact, Mac, Span, Time};

use crate::observation::{Cite, Observation};

/// A site that starts builds its trees in its first minute (contract, `stp-topology-change`).
pub const START: Span = Span::seconds(60);
/// Who was named for so long was no newcomer's guess: the longest max age (17.14).
const SETTLED: Span = Span::seconds(40);
/// Three hellos: so long who took over is named alone (802.1D-2004, 17.21.23).
const CONFIRM: Span = Span::seconds(6);
/// And so often.
const NAMED_MIN: u32 = 3;
/// Who lost its place was named so shortly before: the longest max age, and the hellos around it (17.14).
const BEFORE: Span = Span::seconds(46);
/// Who was not named for so long is named anew.
const ANEW: Span = Span::seconds(20);
/// Roots remembered of one tree.
const ROOTS_MAX: usize = 8;
/// Takeovers remembered.
const TAKEOVERS_MAX: usize = 1_024;

/// One frame that names a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// When.
    pub at: Time,
    /// Where.
    pub cite: Cite,
    /// Which bridge names it.
    pub by: BridgeId,
    /// How old the root's word is.
    pub age: Span,
}

/// A root, as long as it is named.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// Who.
    pub id: BridgeId,
    /// When it was first named.
    pub first: Sight,
    /// When it was last named.
    pub last: Sight,
    named: u32,
    is_judged: bool,
}

/// One root in the place of another.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// Whose tree, where each VLAN has its own.
    pub vlan: Option<u16>,
    /// Who was root.
    pub from: Root,
    /// Who is.
    pub to: Root,
    /// When it was sure.
    pub detected: Time,
    /// When the former root was back, or a third one came.
    pub ended: Option<Time>,
}

#[derive(Debug, Default)]
struct Tree {
    roots: Vec<Root>,
    /// Who was root before the first takeover of a row.
    normal: Option<Mac>,
}

/// The roots of all trees: one for each VLAN at most, and one for all.
#[derive(Debug, Default)]
pub struct Roots {
    start: Option<Time>,
    trees: BTreeMap<Option<u16>, Tree>,
    takeovers: Vec<Takeover>,
}

impl Roots {
    /// Says that the first observation is of `at`.
    pub fn begin(&mut self, at: Time) {
        self.start.get_or_insert(at);
    }

    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation) {
        let start = *self.start.get_or_insert(seen.at);
        // What is as old as it may become is void (802.1D-2004, 17.21.23).
        if let Fact::Bridge(bridge) = &seen.fact
            && bridge.message_age < bridge.max_age
        {
            self.named(bridge, start, seen.at, seen.cite);
        }
    }

    fn named(&mut self, bridge: &Bridge, start: Time, at: Time, cite: Cite) {
        let tree = self.trees.entry(bridge.vlan).or_default();
        let sight = Sight { at, cite, by: bridge.bridge, age: bridge.message_age };
        let root = tree.named(bridge.root, sight);
        let open = self.takeovers.iter_mut().rev().find(|it| it.vlan == bridge.vlan && it.ended.is_none());
        if let Some(open) = open.filter(|open| open.to.id.mac == root.id.mac) {
            (open.to.id, open.to.last) = (root.id, root.last);
            return;
        }
        if root.is_judged || root.named < NAMED_MIN || at - root.first.at < CONFIRM {
            return;
        }
        let former = tree.roots.iter().filter(|it| it.id.mac != root.id.mac && it.gave_way_to(&root));
        let Some(former) = former.max_by_key(|it| it.last.at).copied() else { return };
        if let Some(it) = tree.roots.iter_mut().find(|it| it.id.mac == root.id.mac) {
            it.is_judged = true;
        }
        if root.first.at - start < START && former.last.at - former.first.at < SETTLED {
            // Who led before somebody took over in the first minute is rightly root when he is back.
            if former.named >= NAMED_MIN && former.last.at - former.first.at >= CONFIRM {
                tree.normal.get_or_insert(former.id.mac);
            }
            return;
        }
        let before = self.takeovers.iter_mut().rev().find(|it| it.vlan == bridge.vlan && it.ended.is_none());
        if let Some(before) = before {
            before.ended = Some(root.first.at);
            if tree.normal == Some(root.id.mac) {
                return;
            }
        } else if tree.normal == Some(root.id.mac) {
            return;
        } else {
            tree.normal = Some(former.id.mac);
        }
        if self.takeovers.len() < TAKEOVERS_MAX {
            let (vlan, from, to) = (bridge.vlan, former, root);
            self.takeovers.push(Takeover { vlan, from, to, detected: at, ended: None });
        }
    }

    /// Says that nobody watched between the two.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        let by = to - from;
        for root in self.trees.values_mut().flat_map(|tree| &mut tree.roots) {
            // Who is named first after the gap has taken over in it.
            if root.last.at <= from {
                root.last.at = root.last.at + by;
            }
        }
    }

    /// All takeovers, in the order in which they were sure.
    #[must_use]
    pub fn takeovers(&self) -> &[Takeover] {
        &self.takeovers
    }
}

impl Tree {
    fn named(&mut self, id: BridgeId, sight: Sight) -> Root {
        if let Some(root) = self.roots.iter_mut().find(|root| root.id.mac == id.mac) {
            if sight.at - root.last.at > ANEW {
                *root = Root::new(id, sight);
            }
            root.id = id;
            root.last = sight;
            root.named = root.named.saturating_add(1);
            return *root;
        }
        if self.roots.len() >= ROOTS_MAX
            && let Some(least) = (0..self.roots.len()).min_by_key(|at| self.roots.get(*at).map(|it| it.named))
        {
            self.roots.swap_remove(least);
        }
        let root = Root { named: 1, ..Root::new(id, sight) };
        self.roots.push(root);
        root
    }
}

impl Root {
    const fn new(id: BridgeId, sight: Sight) -> Self {
        Self { id, first: sight, last: sight, named: 0, is_judged: false }
    }

    /// Whether it was named until the other was, and no more.
    fn gave_way_to(&self, other: &Self) -> bool {
        let (last, rose) = (self.last.at, other.first.at);
        rose - last <= BEFORE && last - rose <= CONFIRM && other.last.at - last >= CONFIRM
    }
}

#[cfg(test)]
pub mod tests {
    use spanwatch_parsers::PortFlags;

    use super::super::bench::{cite, mac, s};
    use super::*;
    use crate::observation::{Party, Place};

    /// A rapid BPDU of `bridge`, on its port of that number, that names `root`; the lower number is the better bridge.
    pub fn bpdu(root: u8, bridge: u8, is_changing: bool, role: u8, vlan: Option<u16>) -> Fact {
        let id = |last: u8| BridgeId { priority: 0x8000, mac: mac(last) };
        Fact::Bridge(Box::new(Bridge {
            version: 2,
            vlan,
            root: id(root),
            root_cost: 20_000,
            bridge: id(bridge),
            port: 0x8000 | u16::from(bridge),
            flags: PortFlags(0x30 | role << 2 | u8::from(is_changing)),
            message_age: Span::seconds(1),
            max_age: Span::seconds(20),
            hello: Span::seconds(2),
            forward_delay: Span::seconds(15),
            region: None,
        }))
    }

    /// A port of a bridge.
    pub fn from(bridge: u8) -> Party {
        Party { mac: Some(mac(bridge)), ..Party::default() }
    }

    fn seen(at: Time, by: u8, fact: Fact) -> Observation {
        Observation {
            place: Place { frame: cite(at).frame(), ..Place::default() },
            at,
            cite: cite(at),
            subject: from(by),
            peer: Party::default(),
            transport: None,
            source: "stp",
            fact,
        }
    }

    /// Who is named as root every two seconds, `(from, to, root, by)`.
    pub fn named(spans: &[(i64, i64, u8, u8)]) -> Roots {
        let mut roots = Roots::default();
        let last = spans.iter().map(|it| it.1).max().unwrap_or(0);
        for n in (0..last).step_by(2) {
            for (_, _, root, by) in spans.iter().filter(|it| (it.0..it.1).contains(&n)) {
                roots.observe(&seen(s(n), *by, bpdu(*root, *by, false, 3, None)));
            }
        }
        roots
    }

    fn told(spans: &[(i64, i64, u8, u8)]) -> Vec<(u8, u8, Time, Option<Time>)> {
        let takeovers = named(spans).takeovers().to_vec();
        let last = |root: &Root| root.id.mac.0[5];
        takeovers.iter().map(|it| (last(&it.from), last(&it.to), it.detected, it.ended)).collect()
    }

    #[test]
    fn root_that_is_named_in_the_place_of_another_took_over() {
        assert_eq!(told(&[(0, 100, 5, 5), (100, 200, 2, 5)]), [(5, 2, s(106), None)]);
        // The former root's word grows old before another is named.
        assert_eq!(told(&[(0, 100, 2, 2), (120, 200, 5, 5)]), [(2, 5, s(126), None)]);
        // Another bridge speaks on this link from then on.
        assert_eq!(told(&[(0, 102, 5, 5), (100, 200, 2, 2)]), [(5, 2, s(106), None)]);
    }

    #[test]
    fn it_ends_when_the_former_root_is_back_or_a_third_comes() {
        let back = [(0, 100, 5, 5), (100, 200, 2, 5), (200, 300, 5, 5)];
        assert_eq!(told(&back), [(5, 2, s(106), Some(s(200)))]);
        let third = [(0, 100, 5, 5), (100, 200, 2, 5), (200, 300, 1, 5)];
        assert_eq!(told(&third), [(5, 2, s(106), Some(s(200))), (2, 1, s(206), None)]);
    }

    #[test]
    fn roots_of_the_first_minute_are_learned() {
        assert_eq!(told(&[(0, 30, 5, 5), (30, 300, 2, 5)]), []);
    }

    #[test]
    fn who_led_before_somebody_took_over_in_the_first_minute_is_back_and_no_news() {
        assert_eq!(told(&[(0, 30, 5, 5), (30, 90, 2, 5), (90, 150, 5, 5)]), []);
    }

    #[test]
    fn a_bridge_that_starts_names_itself_for_a_moment() {
        assert_eq!(told(&[(0, 300, 2, 2), (100, 104, 9, 9), (104, 300, 2, 9)]), []);
    }

    #[test]
    fn two_networks_that_one_mirror_shows_have_a_root_each() {
        assert_eq!(told(&[(0, 300, 2, 2), (0, 300, 5, 5)]), []);
        assert_eq!(told(&[(0, 300, 2, 2), (100, 300, 5, 5)]), []);
        let one_changes = [(0, 300, 2, 2), (0, 100, 5, 5), (100, 300, 4, 5)];
        assert_eq!(told(&one_changes), [(5, 4, s(106), None)]);
    }

    #[test]
    fn a_root_of_another_priority_is_the_same_root() {
        let mut roots = named(&[(0, 100, 5, 5)]);
        for n in (100..200).step_by(2) {
            let Fact::Bridge(mut bridge) = bpdu(5, 5, false, 3, None) else { return };
            bridge.root.priority = 0;
            roots.observe(&seen(s(n), 5, Fact::Bridge(bridge)));
        }
        assert!(roots.takeovers().is_empty());
    }

    #[test]
    fn word_that_is_too_old_is_void() {
        let mut roots = named(&[(0, 100, 5, 5)]);
        for n in (100..200).step_by(2) {
            let Fact::Bridge(mut bridge) = bpdu(2, 5, false, 3, None) else { return };
            bridge.message_age = bridge.max_age;
            roots.observe(&seen(s(n), 5, Fact::Bridge(bridge)));
        }
        assert!(roots.takeovers().is_empty());
    }

    #[test]
    fn who_took_over_while_nobody_watched_is_told() {
        let mut roots = named(&[(0, 100, 5, 5)]);
        roots.unwatched(s(98), s(400));
        for n in (400..420).step_by(2) {
            roots.observe(&seen(s(n), 5, bpdu(2, 5, false, 3, None)));
        }
        assert_eq!(roots.takeovers().len(), 1);
    }

    #[test]
    fn state_is_bounded() {
        let mut roots = named(&[(0, 100, 5, 5)]);
        for n in 0..100_000_u32 {
            let Fact::Bridge(mut bridge) = bpdu(5, 5, false, 3, None) else { return };
            let [_, b, c, d] = n.to_be_bytes();
            bridge.root.mac = Mac([2, 0, 0, b, c, d]);
            bridge.vlan = Some((n % 7) as u16);
            roots.observe(&seen(s(100 + i64::from(n)), 5, Fact::Bridge(bridge)));
        }
        assert!(roots.trees.values().all(|tree| tree.roots.len() <= ROOTS_MAX));
        assert!(roots.takeovers.len() <= TAKEOVERS_MAX);
    }
}
