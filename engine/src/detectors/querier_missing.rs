//! `querier-missing`: nobody asks who wants which multicast group.
//!
//! ## What it says
//! A device joined the group of a stream, said so only then, and for 255 s nobody in its VLAN has asked who is in which group (IGMP or MLD
//! query), while the stream was sent. It ends with the first query.
//!
//! ## Why it matters
//! Switches forget a member who is never asked after about 260 s. Then the picture stops, though camera and recorder are fine; or the
//! switches send the stream to everybody, and the network drowns.
//!
//! ## Where it is wrong
//! Queries that a switch makes itself are often not mirrored. Members that say again that they are in a group were asked by somebody, so
//! nothing is said then. Where the mirror shows neither queries nor what members say later, it is. Without media to the
//! group nothing is said.
//!
//! ## State
//! `GROUPS_MAX` groups and `STREAMS_MAX` streams, the one heard longest ago is forgotten first; the last query of each VLAN.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Mac, MembershipChange, Span, StreamTransport, Time};

use super::{Detector, Known, in_vlan, of_vlan};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "querier-missing",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("querier_missing.rs"),
    start: Some(|| Box::new(Queriers::new())),
};

/// Other querier present interval (RFC 3376, 8.5; RFC 3810, 9.5).
const PATIENCE: Span = Span::seconds(255);
/// Who joins says so twice within this time (RFC 2236, 3: unsolicited report interval 10 s); who says so later was asked.
const JOINING: Span = Span::seconds(25);
/// A stream that was heard so shortly before runs.
const RUNS: Span = Span::seconds(30);
/// Members remembered of a group.
const MEMBERS_MAX: usize = 16;
/// Groups with members.
const GROUPS_MAX: usize = 4_096;
/// Streams to groups.
const STREAMS_MAX: usize = 4_096;
/// Longer than [`PATIENCE`].
const IDLE: Span = Span::seconds(900);
/// VLANs told of.
const MISSING_MAX: usize = 256;
/// Groups named.
const NAMED: usize = 4;
/// Queries may not be mirrored, in per cent.
const UNSEEN: u8 = 65;

/// In which VLAN, and which.
type Key = (Option<u16>, IpAddr);

/// A group that somebody joined.
#[derive(Debug)]
struct Group {
    joined: (Time, Cite),
    /// When each member last said so.
    members: BTreeMap<Mac, Time>,
}

#[derive(Debug)]
struct Missing {
    vlan: Option<u16>,
    joined: (Time, Cite),
    media: (Time, Cite),
    member: Mac,
    groups: BTreeSet<IpAddr>,
    detected: Time,
    last: Time,
    ended: Option<Time>,
}

/// ```text
/// joins ──media──► waits ──PATIENCE──► missing ──query──► over
///   ▲                │
///   └── query, says so again after JOINING
/// ```
#[derive(Debug)]
pub struct Queriers {
    groups: Expiring<Key, Group>,
    /// When to look at which group.
    deadlines: BTreeSet<(Time, Key)>,
    /// When somebody was last seen, or shown, to ask.
    asked: BTreeMap<Option<u16>, Time>,
    /// Streams to groups.
    streams: Expiring<IpAddr, (Time, Cite)>,
    missing: Vec<Missing>,
}

impl Queriers {
    fn new() -> Self {
        Self {
            groups: Expiring::new(GROUPS_MAX, IDLE, SEED),
            deadlines: BTreeSet::new(),
            asked: BTreeMap::new(),
            streams: Expiring::new(STREAMS_MAX, IDLE, SEED),
            missing: Vec::new(),
        }
    }

    /// Somebody asks. Where tags are on one direction alone, a question without one is for all.
    fn asks(&mut self, vlan: Option<u16>, at: Time) {
        self.asked.insert(vlan, at);
        for it in self.missing.iter_mut().filter(|it| it.ended.is_none()) {
            if vlan.is_none() || it.vlan.is_none() || it.vlan == vlan {
                it.ended = Some(at);
            }
        }
    }

    fn was_asked(&self, vlan: Option<u16>, since: Time) -> bool {
        let is_ours = |it: &Option<u16>| vlan.is_none() || it.is_none() || *it == vlan;
        self.asked.iter().any(|(it, at)| is_ours(it) && *at >= since)
    }

    fn joined(&mut self, key: Key, mac: Mac, seen: &Observation) {
        let at = seen.at;
        let Some(group) = self.groups.get(&key, at) else {
            let (joined, members) = ((at, seen.cite), BTreeMap::from([(mac, at)]));
            self.groups.insert(key, Group { joined, members }, at);
            if self.deadlines.len() >= GROUPS_MAX {
                self.deadlines.pop_first();
            }
            self.deadlines.insert((at + PATIENCE, key));
            return;
        };
        let before = group.members.get(&mac).copied();
        if before.is_some() || group.members.len() < MEMBERS_MAX {
            group.members.insert(mac, at);
        }
        if before.is_some_and(|before| at - before > JOINING) {
            self.asks(key.0, at);
        }
    }

    fn left(&mut self, key: Key, mac: Mac, at: Time) {
        let Some(slot) = self.groups.find(&key) else { return };
        let Some(group) = self.groups.touch(slot, at) else { return };
        group.members.remove(&mac);
        if group.members.is_empty() {
            self.groups.take(slot);
        }
    }

    /// A group was joined long enough ago.
    fn judge(&mut self, due: Time, key: Key) {
        let (vlan, ip) = key;
        let since = due - PATIENCE;
        let Some(slot) = self.groups.find(&key) else { return };
        let Some(group) = self.groups.at(slot) else { return };
        let (joined, member) = (group.joined, group.members.keys().next().copied());
        let streams = self
            .streams
            .peek(&ip)
            .copied()
            .filter(|(last, _)| due - *last <= RUNS || *last > joined.0 + RUNS);
        if joined.0 != since {
            return;
        }
        let (Some(member), Some(media)) = (member, streams) else { return };
        if self.was_asked(vlan, since) {
            return;
        }
        if let Some(open) = self.missing.iter_mut().find(|it| it.vlan == vlan && it.ended.is_none()) {
            open.last = due;
            if open.groups.len() < GROUPS_MAX {
                open.groups.insert(ip);
            }
        } else if self.missing.len() < MISSING_MAX {
            let groups = BTreeSet::from([ip]);
            self.missing.push(Missing {
                vlan,
                joined,
                media,
                member,
                groups,
                detected: due,
                last: due,
                ended: None,
            });
        }
    }
}

impl Detector for Queriers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::MembershipQuery(_) | Fact::Membership { .. } | Fact::Stream(_))
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        match &seen.fact {
            Fact::MembershipQuery(_) => self.asks(seen.subject.vlan, seen.at),
            Fact::Membership { group, change } => {
                let Some(mac) = seen.subject.mac else { return };
                let key = (seen.subject.vlan, *group);
                match change {
                    MembershipChange::Joined => self.joined(key, mac, seen),
                    MembershipChange::Left => self.left(key, mac, seen.at),
                    MembershipChange::Narrowed => {}
                }
            }
            Fact::Stream(stream) if stream.transport == StreamTransport::Multicast => {
                let sight = (stream.last, seen.cite);
                match self.streams.get(&stream.destination, seen.at) {
                    Some(known) => *known = sight,
                    None => {
                        self.streams.insert(stream.destination, sight, seen.at);
                    }
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while let Some((due, key)) = self.deadlines.first().copied().filter(|(due, _)| *due <= to) {
            self.deadlines.remove(&(due, key));
            self.judge(due, key);
        }
        while self.groups.expire(to).is_some() {}
        while self.streams.expire(to).is_some() {}
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        // Who was asked meanwhile nobody saw: who joined before is not judged.
        self.groups = Expiring::new(GROUPS_MAX, IDLE, SEED);
        self.deadlines.clear();
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.missing.iter().map(|it| it.finding(known)).collect()
    }
}

impl Missing {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let (number, called) = known.bearer(self.member);
        let (since, at_vlan) = (clock_time(self.joined.0), in_vlan(self.vlan));
        let groups: Vec<String> = self.groups.iter().take(NAMED).map(ToString::to_string).collect();
        let is_over = self.ended.map_or("", |_| " Somebody asks again since.");
        Finding {
            confidence: UNSEEN,
            devices: number.into_iter().collect(),
            cause: Some(Cause::Switch),
            title: format!("Nobody keeps video by multicast alive{at_vlan}: no querier"),
            summary: format!(
                "Some video is sent to groups of receivers (multicast){at_vlan}, and no switch asks who still wants it. After some four minutes pictures stop for who joined last, or flood the whole network; cameras and recorders are fine.{is_over} It is IT's turn: turn on an IGMP querier in this network."
            ),
            detail: format!(
                "{called} joined {} at {since} UTC and was not asked since: no IGMP or MLD query{at_vlan} for {} s, and no member said again that it is one. Groups: {}.",
                groups.first().map_or("a group", String::as_str),
                PATIENCE.0 / 1_000_000_000,
                groups.join(", ")
            ),
            remedy: "Turn on the IGMP snooping querier in this VLAN on the core switch, or multicast routing on its router. If one is on, let the mirror copy what the switch itself sends.".to_owned(),
            verify: "A query is seen every 125 s; with the first one this finding gets an end.".to_owned(),
            evidence: vec![
                Evidence {
                    at: self.joined.0,
                    cite: Some(self.joined.1),
                    protocol: Some(if self.groups.iter().all(IpAddr::is_ipv4) { "igmp" } else { "mld" }),
                    text: format!("{called} joins a group"),
                },
                Evidence {
                    at: self.media.0,
                    cite: Some(self.media.1),
                    protocol: Some("rtp"),
                    text: "its stream runs".to_owned(),
                },
            ],
            last_seen: self.ended.unwrap_or(self.last),
            ended: self.ended,
            count: self.groups.len() as u64,
            ..Finding::of_network(&KIND, &of_vlan(self.vlan), self.joined.0, self.detected)
        }
    }
}

/// No result depends on it.
const SEED: u64 = 0x7175_6572;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{MembershipQuery, StreamActivity};

    use super::super::bench::{Bench, address, mac, party, s};
    use super::*;

    const GROUP: &str = "239.1.2.3";

    /// A recorder joins a stream's group at second 10; what it says and who asks comes at these seconds.
    fn site(media: bool, again: &[i64], asked: &[i64], until: i64) -> Bench {
        let mut bench = Bench::new();
        let (member, camera) = (party(mac(7), "192.0.2.7", None), party(mac(8), "192.0.2.8", None));
        let group = party(mac(9), GROUP, None);
        for n in 0..until {
            if [10, 11].contains(&n) || again.contains(&n) {
                let change = MembershipChange::Joined;
                bench.sees(s(n), member, group, Fact::Membership { group: address(GROUP), change });
            }
            if asked.contains(&n) {
                let max_response = Span::seconds(10);
                let query = MembershipQuery { group: None, generation: 2, max_response, interval: None };
                bench.sees(s(n), camera, group, Fact::MembershipQuery(query));
            }
            if media {
                let stream = StreamActivity {
                    stream: (1, 0),
                    transport: StreamTransport::Multicast,
                    destination: address(GROUP),
                    ports: (5_000, 5_000),
                    channel: None,
                    ssrc: 7,
                    payload_type: 96,
                    first: s(n),
                    first_frame: (0, 1),
                    last: s(n),
                    packets: 10,
                    bytes: 1_000,
                    lost: 0,
                    sequence: 0,
                    out_of_order: 0,
                    duplicates: 0,
                    frames: 0,
                    jitter_16ticks: 0,
                    longest_gap: Span::ZERO,
                };
                bench.sees(s(n), camera, group, Fact::Stream(Box::new(stream)));
            }
            bench.tick(s(n + 1));
        }
        bench
    }

    #[test]
    fn a_member_whom_nobody_asks_is_told_until_somebody_does() {
        let bench = site(true, &[], &[400], 500);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected), (s(10), s(265)));
        assert_eq!(finding.ended, Some(s(400)));
    }

    #[test]
    fn a_query_or_a_member_that_answers_one_unseen_is_enough() {
        assert!(site(true, &[], &[135, 260, 385], 500).of(&KIND).is_empty());
        assert!(site(true, &[135, 260, 385], &[], 500).of(&KIND).is_empty());
    }

    #[test]
    fn without_media_or_before_the_time_is_over_nothing_is_said() {
        assert!(site(false, &[], &[], 500).of(&KIND).is_empty());
        assert!(site(true, &[], &[], 264).of(&KIND).is_empty());
    }

    #[test]
    fn who_joined_before_a_gap_is_not_judged() {
        let mut bench = site(true, &[], &[], 200);
        bench.unwatched(s(200), s(240));
        bench.tick(s(900));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut bench = Bench::new();
        for n in 0..GROUPS_MAX as u32 + 50 {
            let [_, b, c, d] = n.to_be_bytes();
            let (group, change) = (IpAddr::from([239, b, c, d]), MembershipChange::Joined);
            bench.sees(
                s(1),
                party(mac(7), "192.0.2.7", None),
                party(mac(9), GROUP, None),
                Fact::Membership { group, change },
            );
        }
        bench.tick(s(900));
        assert!(bench.of(&KIND).is_empty());
    }
}
