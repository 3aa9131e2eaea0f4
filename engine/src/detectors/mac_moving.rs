//! `mac-moving`: one device appears in two VLANs in turns.
//!
//! ## What it says
//! One hardware address (MAC) sent from one and the same IP address with the tag of one VLAN, then of another, and back,
//! three times and each time within 60 s. A device is in one place: it is wired to two, its address was
//! copied into a second device, or two VLANs are joined. Five quiet minutes end it.
//!
//! ## Why it matters
//! Switches send what is for the device to the place where they heard it last, so half of it is lost: the picture stutters and
//! sessions break, while the device itself is fine.
//!
//! ## Where it is wrong
//! A machine that is in two VLANs on purpose has an address of its own in each, and is left out, as routers are. Where
//! three devices and more appear in the same two VLANs it is no device that moves: one is the VLAN in which a
//! remote mirror carries its copies, or the VLANs are joined. Tags on one direction alone say
//! nothing, and neither does a device that was moved for good.
//!
//! ## State
//! One [`Seen`] for each MAC and address with a tag, `SEEN_MAX` at most; the one heard longest ago is forgotten first.
//! `MOVES_MAX` moves.

use std::net::IpAddr;

use spanwatch_parsers::{BindingBy, Fact, Mac, Span, Time};

use super::{Detector, Known, Look};
use crate::bounded::Expiring;
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::flow::is_shared;
use crate::ledger::directory::is_device_address;
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "mac-moving",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("mac_moving.rs"),
    start: Some(|| Box::new(Moves::new())),
};

/// It was heard in the other VLAN within this time, or it was moved.
const WITHIN: Span = Span::seconds(60);
/// There, back, and there again.
const CHANGES_MIN: u32 = 3;
/// After so long without a change it is over, and the next one is the first of a new round.
const QUIET: Span = Span::seconds(300);
/// Pairs of MAC and address; as many as the directory holds devices.
const SEEN_MAX: usize = 65_536;
/// Moves told apart.
const MOVES_MAX: usize = 1_024;
/// So many devices in the same two VLANs, and it is the VLANs, not a device.
const DEVICES_MANY: usize = 3;
/// Sights kept of a move.
const TRAIL: usize = 4;
/// Tags alone, in per cent: what a mirror does to tags is not known.
const BY_TAGS: u8 = 75;

#[derive(Debug, Clone, Copy)]
struct Sight {
    vlan: u16,
    at: Time,
    cite: Cite,
}

/// Where a device is heard.
#[derive(Debug)]
struct Seen {
    last: Sight,
    took: Time,
    before: Option<u16>,
    changes: u32,
    trail: Vec<Sight>,
}

#[derive(Debug)]
struct Move {
    mac: Mac,
    ip: IpAddr,
    vlans: [u16; 2],
    first: Time,
    detected: Time,
    last: Time,
    /// From when on the quiet is measured.
    quiet_from: Time,
    ended: Option<Time>,
    changes: u64,
    trail: Vec<Sight>,
}

/// Who is heard where, and who in two places.
///
/// ```text
/// heard in a ──in b within WITHIN──► b, a may be again ──in a──► a ──in b──► moving ──QUIET──► over
///                  └──in b later──► moved for good
/// ```
#[derive(Debug)]
pub struct Moves {
    seen: Expiring<(Mac, IpAddr), Seen>,
    moves: Vec<Move>,
}

impl Moves {
    fn new() -> Self {
        Self { seen: Expiring::new(SEEN_MAX, WITHIN, SEED), moves: Vec::new() }
    }

    fn heard(&mut self, mac: Mac, ip: IpAddr, sight: Sight, known: &Known<'_>) {
        let Some(seen) = self.seen.get(&(mac, ip), sight.at) else {
            self.seen.insert((mac, ip), Seen::at(sight), sight.at);
            return;
        };
        if seen.last.vlan == sight.vlan {
            if sight.at >= seen.last.at {
                seen.last = sight;
            }
            return;
        }
        if sight.at <= seen.took {
            return;
        }
        if sight.at - seen.last.at > WITHIN || !is_one_host(mac, ip, known) {
            *seen = Seen::at(sight);
            return;
        }
        seen.change(sight);
        let (Some(before), changes, trail) = (seen.before, seen.changes, seen.trail.clone()) else { return };
        let vlans = [before.min(sight.vlan), before.max(sight.vlan)];
        let known = self.moves.iter_mut().find(|it| (it.mac, it.ip, it.vlans) == (mac, ip, vlans));
        if let Some(known) = known {
            if known.ended.is_none() || changes >= CHANGES_MIN {
                known.changes = known.changes.saturating_add(1);
                (known.last, known.quiet_from, known.ended) = (sight.at, sight.at, None);
            }
        } else if changes >= CHANGES_MIN && self.moves.len() < MOVES_MAX {
            self.moves.push(Move {
                mac,
                ip,
                vlans,
                first: trail.get(1).map_or(sight.at, |second| second.at),
                detected: sight.at,
                last: sight.at,
                quiet_from: sight.at,
                ended: None,
                changes: changes.into(),
                trail,
            });
        }
    }

    fn finding(it: &Move, known: &Known<'_>) -> Finding {
        let (number, called) = known.bearer(it.mac);
        let (since, [a, b]) = (clock_time(it.first), it.vlans);
        let is_over = it.ended.map_or("", |_| " It has stayed in one since.");
        Finding {
            confidence: BY_TAGS,
            devices: number.into_iter().collect(),
            switch: number.and_then(|number| known.switch_of(number)),
            title: format!("{called} appears in VLAN {a} and VLAN {b} in turns"),
            summary: format!(
                "Since {since} UTC one device seems to be in two parts of the network in turns, VLAN {a} and VLAN {b}: {called}. What is sent to it gets lost half of the time, so its picture may stutter or break off.{is_over} It is IT's turn: look where it is plugged in."
            ),
            detail: format!(
                "{} sent from {} with the tags {a} and {b} in turns, {} changes in {}: a second cable, a copied hardware address, or two VLANs joined at an access port.",
                it.mac,
                it.ip,
                it.changes,
                length(it.last - it.first)
            ),
            remedy: format!(
                "Look up {} in the MAC tables of the switches for VLAN {a} and for VLAN {b}: one port, and its VLAN is set twice; two ports, and one of them leads to a copy or a loop.",
                it.mac
            ),
            verify: "It is heard in one VLAN alone; after five quiet minutes this finding gets an end."
                .to_owned(),
            evidence: it
                .trail
                .iter()
                .map(|sight| Evidence {
                    at: sight.at,
                    cite: Some(sight.cite),
                    protocol: None,
                    text: format!("{} sends from {} in VLAN {}", it.mac, it.ip, sight.vlan),
                })
                .collect(),
            last_seen: it.last,
            ended: it.ended,
            count: it.changes,
            ..Finding::of_network(&KIND, &format!("{} {} {a} {b}", it.mac, it.ip), it.first, it.detected)
        }
    }
}

impl Detector for Moves {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Binding { .. } | Fact::Activity(_))
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_tagged
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Some(vlan) = seen.subject.vlan else { return };
        let sight = |at| Sight { vlan, at, cite: seen.cite };
        match &seen.fact {
            Fact::Binding { mac, ip, by: BindingBy::Claim }
                if seen.source != "dhcp" && mac.is_device() && is_device_address(*ip) =>
            {
                self.heard(*mac, *ip, sight(seen.at), known);
            }
            Fact::Activity(activity) => {
                if let (Some(mac), Some(ip)) =
                    (seen.subject.mac, seen.subject.ip.filter(|ip| is_device_address(*ip)))
                {
                    self.heard(mac, ip, sight(activity.last), known);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while self.seen.expire(to).is_some() {}
        for it in self.moves.iter_mut().filter(|it| it.ended.is_none()) {
            if it.quiet_from + QUIET <= to {
                it.ended = Some(it.last);
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.seen = Expiring::new(SEEN_MAX, WITHIN, SEED);
        for it in self.moves.iter_mut().filter(|it| it.ended.is_none()) {
            it.quiet_from = it.quiet_from + (to - from);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let devices_in = |vlans: [u16; 2]| {
            let mut macs: Vec<Mac> =
                self.moves.iter().filter(|it| it.vlans == vlans).map(|it| it.mac).collect();
            macs.sort_unstable();
            macs.dedup();
            macs.len()
        };
        let moves = self
            .moves
            .iter()
            .filter(|it| devices_in(it.vlans) < DEVICES_MANY && is_one_host(it.mac, it.ip, known));
        moves.map(|it| Self::finding(it, known)).collect()
    }
}

impl Seen {
    const fn at(sight: Sight) -> Self {
        Self { last: sight, took: sight.at, before: None, changes: 0, trail: Vec::new() }
    }

    fn change(&mut self, sight: Sight) {
        if sight.at - self.took > QUIET || self.before.is_some_and(|before| before != sight.vlan) {
            (self.changes, self.trail) = (0, Vec::new());
        }
        if self.trail.is_empty() {
            self.trail.push(self.last);
        }
        if self.trail.len() >= TRAIL {
            self.trail.remove(0);
        }
        self.trail.push(sight);
        self.before = Some(self.last.vlan);
        (self.last, self.took) = (sight, sight.at);
        self.changes = self.changes.saturating_add(1);
    }
}

/// Whether the MAC is that of a host, and the address its own.
fn is_one_host(mac: Mac, ip: IpAddr, known: &Known<'_>) -> bool {
    let device = known.directory.find_mac(mac).and_then(|number| known.directory.device(number));
    !is_shared(mac) && device.is_some_and(|it| !it.is_router && !it.is_bridge && it.ips.contains(&ip))
}

/// No result depends on it.
const SEED: u64 = 0x6d6f_7665;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, nothing_but, party, s};
    use super::*;
    use crate::observation::Party;

    const IP: &str = "192.0.2.7";

    /// A device that claims its address in two VLANs in turns, every 10 s.
    fn moving(times: i64, vlans: [Option<u16>; 2]) -> Bench {
        let mut bench = Bench::new();
        for n in 0..times {
            bench.claims(s(n * 10), mac(1), IP, vlans[usize::from(n % 2 == 1)]);
            bench.tick(s(n * 10 + 1));
        }
        bench
    }

    #[test]
    fn one_mac_in_two_vlans_in_turns_moves() {
        let bench = moving(4, [Some(10), Some(20)]);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.count), (s(10), s(30), 3));
        assert_eq!((finding.devices.len(), finding.evidence[0].cite), (1, Some(cite(s(0)))));
    }

    #[test]
    fn quiet_minutes_end_it() {
        let mut bench = moving(4, [Some(10), Some(20)]);
        bench.tick(s(330));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(30)));
    }

    #[test]
    fn a_tag_on_one_direction_and_a_device_moved_for_good_are_none() {
        assert!(moving(20, [Some(10), None]).of(&KIND).is_empty());
        assert!(moving(3, [Some(10), Some(20)]).of(&KIND).is_empty());
        let mut bench = Bench::new();
        (0..40).for_each(|n| bench.claims(s(n), mac(1), IP, Some(if n < 20 { 10 } else { 20 })));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn many_in_the_same_two_vlans_are_a_mirrors_own() {
        let mut bench = Bench::new();
        for n in 0..40 {
            for device in 1..5 {
                bench.claims(
                    s(n),
                    mac(device),
                    &format!("192.0.2.{device}"),
                    Some([10, 900][n as usize % 2]),
                );
            }
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_machine_with_an_address_in_each_vlan_is_none() {
        let mut bench = Bench::new();
        for n in 0..40 {
            let even = n % 2 == 0;
            bench.claims(
                s(n),
                mac(1),
                if even { IP } else { "198.51.100.7" },
                Some(if even { 10 } else { 20 }),
            );
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn what_a_router_passes_on_is_none() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(2), IP, Some(10));
        bench.claims(s(0), mac(1), "192.0.2.1", Some(20));
        for n in 0..40 {
            bench.sends(s(n), mac(1), IP, Some([20, 30][n as usize % 2]));
        }
        let said = party(mac(3), "192.0.2.3", Some(20));
        bench.claims(s(0), mac(3), "192.0.2.3", Some(20));
        bench.sees(s(1), said, Party::default(), Fact::Router);
        for n in 0..40 {
            bench.claims(s(n), mac(3), "192.0.2.3", Some([20, 30][n as usize % 2]));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn blind_time_joins_no_sights() {
        let mut bench = moving(3, [Some(10), Some(20)]);
        bench.unwatched(s(21), s(25));
        bench.claims(s(30), mac(1), IP, Some(20));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn one_long_jump_says_the_same_as_many_ticks() {
        let (mut jump, mut ticks) = (moving(4, [Some(10), Some(20)]), moving(4, [Some(10), Some(20)]));
        jump.tick(s(1_000));
        (32..=1_000).for_each(|n| ticks.tick(s(n)));
        assert_eq!(jump.of(&KIND)[0].ended, ticks.of(&KIND)[0].ended);
    }

    #[test]
    fn state_is_bounded() {
        let mut bench = Bench::new();
        let mut moves = Moves::new();
        bench.claims(s(0), mac(1), IP, Some(1));
        let (directory, switches) = Default::default();
        let known = nothing_but(&directory, &switches);
        for n in 0..SEEN_MAX as u32 + 50 {
            for turn in 0..4 {
                let sight = Sight { vlan: turn % 2, at: s(i64::from(turn)), cite: Cite::default() };
                moves.heard(mac(1), IpAddr::from(n.to_be_bytes()), sight, &known);
            }
        }
        assert_eq!(moves.seen.len(), SEEN_MAX);
        assert!(moves.moves.len() <= MOVES_MAX);
    }
}
