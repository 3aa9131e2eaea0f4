//! `wrong-segment`: a device has moved to a VLAN where its own kind is not.
//!
//! ## What it says
//! A device that was heard in one VLAN for a minute and more, or for 30 s without a pause, is heard in another one, twice at least, and no more in its
//! own for ten seconds. Two others of its network are still heard in the VLAN it left. It is back when it is heard there again.
//!
//! ## Why it matters
//! The device lives, its lamps are on, and nobody reaches it. Somebody set a port of the switch to another VLAN, or plugged the
//! cable into another port. Nobody needs to visit the device.
//!
//! ## Where it is wrong
//! Where a device was moved on purpose. A mirror that shows no tags, or tags of one direction only, shows nothing of it. Machines in several
//! VLANs at once, routers and switches are left out.
//!
//! ## State
//! The VLAN of each hardware address, `HOMES_MAX`; moves, `MOVES_MAX`.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, Mac, Span, Time};

use super::{Detector, Known, Look};
use crate::bounded::Expiring;
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Revision, Severity};
use crate::ledger::device::Device;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "wrong-segment",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("wrong_segment.rs"),
    start: Some(|| Box::new(Segments::new())),
};

/// A device that was heard in a VLAN for so long lives there.
const AT_HOME: Span = Span::seconds(60);
/// So does one that was heard there for half as long, in nearly every second.
const AT_WORK: Span = Span::seconds(30);
const WORKED: u32 = 25;
/// A second in nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// Who is not heard at home for so long while he speaks elsewhere has left.
const LEFT: Span = Span::seconds(10);
/// Sights elsewhere that count: one frame can be forged.
const SIGHTS: u32 = 2;
/// Others of its network that show that its VLAN is still there.
const NEIGHBOURS: usize = 2;
/// Who is not heard for so long is forgotten.
const IDLE: Span = Span::seconds(3_600);
/// Hardware addresses whose VLAN is remembered.
const HOMES_MAX: usize = 65_536;
/// Seed of a table that traffic fills; it never shows.
const SEED: u64 = 0x5e67;
/// Moves kept.
const MOVES_MAX: usize = 1_024;
/// The tags say so, in per cent.
const SURE: u8 = 85;

/// Where everybody lives.
#[derive(Debug)]
pub struct Segments {
    homes: Expiring<Mac, Home>,
    moves: Vec<Move>,
    /// Those who are heard elsewhere and not yet said to have left.
    away: BTreeMap<Mac, Time>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Home {
    vlan: u16,
    first: Time,
    last: (Time, Cite),
    /// In how many seconds it was heard there.
    seconds: u32,
    /// Another VLAN in which it was heard since: the first sight, the last, and how many.
    other: Option<(u16, (Time, Cite), Time, u32)>,
    /// Whether it is in several VLANs at once.
    is_many: bool,
}

#[derive(Debug)]
struct Move {
    mac: Mac,
    from: u16,
    to: u16,
    left: (Time, Cite),
    came: (Time, Cite),
    detected: Time,
    last: Time,
    back: Option<(Time, Cite)>,
}

impl Segments {
    fn new() -> Self {
        Self {
            homes: Expiring::new(HOMES_MAX, IDLE, SEED),
            moves: Vec::new(),
            away: BTreeMap::new(),
            refused: 0,
        }
    }

    fn heard(&mut self, mac: Mac, vlan: u16, (at, cite): (Time, Cite)) {
        let Some(home) = self.homes.get(&mac, at) else {
            let home = Home { vlan, first: at, last: (at, cite), seconds: 1, other: None, is_many: false };
            self.homes.insert(mac, home, at);
            return;
        };
        if home.vlan == vlan {
            // Heard at home after it was heard elsewhere: in both at once, unless it had left and is back.
            let open = self.moves.iter_mut().find(|it| it.mac == mac && it.back.is_none());
            match open {
                Some(it) => it.back = Some((at, cite)),
                None => home.is_many |= home.other.is_some_and(|(_, first, ..)| at > first.0 + LEFT),
            }
            if home.other.take().is_some() {
                self.away.remove(&mac);
            }
            if at.0.div_euclid(SECOND) > home.last.0.0.div_euclid(SECOND) {
                home.seconds = home.seconds.saturating_add(1);
            }
            home.last = home.last.max((at, cite));
            return;
        }
        if at <= home.last.0 {
            return;
        }
        match &mut home.other {
            Some((other, _, last, count)) if *other == vlan => {
                (*last, *count) = (at.max(*last), count.saturating_add(1));
            }
            other => *other = Some((vlan, (at, cite), at, 1)),
        }
        if let Some(it) = self.moves.iter_mut().find(|it| it.mac == mac && it.back.is_none()) {
            it.last = at;
        } else if self.away.len() < MOVES_MAX || self.away.contains_key(&mac) {
            self.away.entry(mac).or_insert(at + LEFT);
        }
    }

    /// Judges one that was heard elsewhere.
    fn judge(&mut self, mac: Mac, due: Time, known: &Known<'_>) {
        let Some(home) = self.homes.peek(&mac) else { return };
        let Some((to, came, last, count)) = home.other.filter(|_| !home.is_many) else { return };
        let length = home.last.0 - home.first;
        let lived = length >= AT_HOME || (length >= AT_WORK && home.seconds >= WORKED);
        let device = known.directory.find_mac(mac).and_then(|number| known.directory.device(number));
        let is_host = device.is_some_and(|device| !device.is_router && !device.is_bridge);
        if !lived || !is_host || count < SIGHTS || !device.is_some_and(|it| has_neighbours(it, home, known)) {
            return;
        }
        if self.moves.len() >= MOVES_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let (from, left) = (home.vlan, home.last);
        self.moves.push(Move { mac, from, to, left, came, detected: due, last, back: None });
    }
}

/// Whether others of its network are still heard in the VLAN that it left.
fn has_neighbours(device: &Device, home: &Home, known: &Known<'_>) -> bool {
    let network = |device: &Device| {
        device.ips.iter().find_map(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.octets().first_chunk::<3>().copied(),
            std::net::IpAddr::V6(_) => None,
        })
    };
    let own = network(device);
    let is_near = |other: &&Device| {
        other.macs != device.macs
            && other.vlans.contains(&home.vlan)
            && other.last_seen > home.last.0
            && own.is_some()
            && network(other) == own
    };
    known.directory.devices().map(|(_, device)| device).filter(is_near).take(NEIGHBOURS).count() >= NEIGHBOURS
}

impl Move {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let (number, called) = known.bearer(self.mac);
        let (from, to, since) = (self.from, self.to, clock_time(self.left.0));
        let back = self.back.map_or_else(String::new, |(at, _)| {
            format!(" It is back in VLAN {from} since {} UTC.", clock_time(at))
        });
        let sight = |(at, cite), text: String| Evidence { at, cite: Some(cite), protocol: None, text };
        let mut evidence = vec![
            sight(self.left, format!("last heard in VLAN {from}")),
            sight(self.came, format!("first heard in VLAN {to}")),
        ];
        evidence.extend(self.back.map(|at| sight(at, format!("heard in VLAN {from} again"))));
        Finding {
            confidence: SURE,
            owner: Cause::Switch.owner(),
            dispatch: Some("no"),
            devices: number.into_iter().collect(),
            switch: number.and_then(|number| known.switch_of(number)),
            cause: Some(Cause::Switch),
            alternatives: vec![Alternative {
                cause: Cause::Switch,
                confidence: SURE,
                speaks_for: vec![0, 1],
                speaks_against: Vec::new(),
                would_change: "the port's VLAN is as it was: then the cable was plugged elsewhere",
            }],
            revisions: vec![Revision {
                at: self.detected,
                cause: Cause::Switch,
                confidence: SURE,
                because: "it speaks in another VLAN and no more in its own".to_owned(),
            }],
            title: format!("{called} has moved from VLAN {from} to VLAN {to}"),
            summary: format!(
                "{called} lives, but since {since} UTC it is in another part of the network (VLAN {to} instead of {from}), where nobody who needs it reaches it.{back} It is IT's turn: a port was set to the wrong VLAN, or the cable is in the wrong port. Nobody needs to visit the device."
            ),
            detail: format!(
                "{} sent with tag {from} until {since} UTC and with tag {to} from {} UTC on; others of its network are still heard in VLAN {from}.",
                self.mac,
                clock_time(self.came.0)
            ),
            remedy: format!("Look up {} in the MAC tables, and set its port to VLAN {from}.", self.mac),
            verify: format!("It is heard in VLAN {from} again; this finding then gets an end."),
            evidence,
            last_seen: self.back.map_or(self.last, |(at, _)| at),
            ended: self.back.map(|(at, _)| at),
            count: 1,
            ..Finding::of_network(&KIND, &format!("{} {from} {to}", self.mac), self.left.0, self.detected)
        }
    }
}

impl Detector for Segments {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(
            fact,
            Fact::Binding { .. } | Fact::Lease(_) | Fact::Asked { .. } | Fact::Announced | Fact::Activity(_)
        )
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_tagged
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let (Some(mac), Some(vlan)) = (seen.subject.mac, seen.subject.vlan) else { return };
        match &seen.fact {
            // What a router passed on bears its MAC: only the sender's own word on the link counts away from home.
            Fact::Binding { mac, .. } if mac.is_device() && seen.source != "flow" => {
                self.heard(*mac, vlan, (seen.at, seen.cite));
            }
            Fact::Lease(_) | Fact::Asked { .. } | Fact::Announced if mac.is_device() => {
                self.heard(mac, vlan, (seen.at, seen.cite));
            }
            Fact::Activity(activity) => {
                let device = known.subject(seen).and_then(|number| known.directory.device(number));
                let is_home = self.homes.peek(&mac).is_none_or(|home| home.vlan == vlan);
                if is_home && device.is_some_and(|device| device.macs.contains(&mac) && !device.is_router) {
                    self.heard(mac, vlan, (activity.last, seen.cite));
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, known: &Known<'_>) {
        while self.homes.expire(to).is_some() {}
        let due: Vec<(Mac, Time)> =
            self.away.iter().filter(|(_, due)| **due <= to).map(|(mac, due)| (*mac, *due)).collect();
        for (mac, due) in due {
            self.away.remove(&mac);
            self.judge(mac, due, known);
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        for due in self.away.values_mut() {
            *due = *due + (to - from);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.moves.iter().map(|it| it.finding(known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("moves between VLANs", MOVES_MAX, self.refused)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::bench::{Bench, mac, s};

    /// A device of VLAN 10 among others, who is heard in VLAN 40 at these seconds, and at home until and from then.
    fn moved(neighbours: u8, at_home: &[i64], elsewhere: &[i64]) -> Bench {
        let mut bench = Bench::new();
        for at in 0..=240 {
            for n in 0..neighbours {
                let ip = format!("192.0.2.{}", 20 + n);
                if at == 0 {
                    bench.claims(s(0), mac(20 + n), &ip, Some(10));
                }
                bench.sends(s(at), mac(20 + n), &ip, Some(10));
            }
            if at_home.contains(&at) {
                bench.claims(s(at), mac(7), "192.0.2.7", Some(10));
            }
            if elsewhere.contains(&at) {
                bench.claims(s(at), mac(7), "192.0.2.7", Some(40));
            }
            bench.tick(s(at));
        }
        bench
    }

    #[test]
    fn who_speaks_in_another_vlan_and_no_more_in_his_own_has_moved_until_he_is_back() {
        let bench = moved(3, &[0, 50, 100, 200], &[105, 109, 130]);
        let found = bench.of(&KIND);
        let [finding] = &found[..] else { panic!("one: {found:#?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(100), s(115), Some(s(200))));
        assert!(finding.title.contains("from VLAN 10 to VLAN 40"), "{}", finding.title);
    }

    #[test]
    fn who_sends_all_the_time_is_at_home_after_half_a_minute() {
        let all: Vec<i64> = (0..35).collect();
        assert_eq!(moved(3, &all, &[40, 45]).of(&KIND).len(), 1);
    }

    #[test]
    fn who_is_in_both_at_once_or_was_not_at_home_or_lives_alone_has_not() {
        assert!(moved(3, &[0, 50, 100, 107, 112, 118], &[105, 109, 114, 130]).of(&KIND).is_empty());
        assert!(moved(3, &[0, 30], &[40, 45]).of(&KIND).is_empty());
        assert!(moved(1, &[0, 50, 100], &[105, 109, 130]).of(&KIND).is_empty());
        assert!(moved(3, &[0, 50, 100], &[105]).of(&KIND).is_empty());
    }
}
