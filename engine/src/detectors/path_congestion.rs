//! `path-congestion`: more wants to go over a path than fits.
//!
//! ## What it says
//! Devices lose packets together on the way that they share (as `stream-loss-shared` says it), and they do so when the path
//! is fullest: of the seconds in which two of them and more lost something, four in five carried at least 80 % of the
//! most that was seen on that path, and of the quiet seconds at most one in five did; five of each at least.
//! Where the switch tells the speed of its uplink (LLDP), seconds near that speed need no quiet ones beside them. It stands for what was said of
//! the loss.
//!
//! ## Why it matters
//! No cable is bad and no device is: a copy, a backup, an update or one camera too many takes the room that pictures need.
//! Exchanging hardware does not help; less traffic, a faster link or priority for video does.
//!
//! ## Where it is wrong
//! Where it is not known which devices hang on which switch, all that comes by counts as the path's load. Bursts
//! much shorter than a second (all cameras send a key picture in one moment) show in no second's sum, and stay
//! `stream-loss-shared`.
//!
//! ## State
//! Of each path that loses, `PATHS_MAX` at most, the last `SECONDS_MAX` seconds; the speeds of `SPEEDS_MAX` links.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use spanwatch_parsers::{Activity, Fact, Mac, Span, Time};

use super::losses::{self, instead, share, when};
use super::{Detector, Known};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::loss::episode::{Episode, Place};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "path-congestion",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("path_congestion.rs"),
    start: Some(|| Box::new(Paths::default())),
};

/// Near the most that a path carries, in per cent: TCP fills a link to about so much before queues overflow.
const NEAR: u64 = 80;
/// Seconds of each sort.
const SECONDS_MIN: usize = 5;
/// One in so many seconds may be on the wrong side.
const ONE_IN: usize = 5;
/// So many devices lose something in one second.
const LOSERS_MIN: usize = 2;
/// Paths that lose at once.
const PATHS_MAX: usize = 64;
/// Seconds kept of each: five minutes.
const SECONDS_MAX: usize = 300;
/// Links that tell their speed.
const SPEEDS_MAX: usize = 4_096;
/// Loss goes with load, in per cent.
const BY_LOAD: u8 = 75;
/// And the load is near the speed that the link tells, in per cent.
const BY_SPEED: u8 = 90;

/// Which path: its first member, and when its loss was clear.
type Key = (Option<IpAddr>, Time);

/// ```text
/// loss on a path ──each second: load, who loses──► full when it loses, and only then ──► congested
/// ```
#[derive(Debug, Default)]
pub struct Paths {
    watched: BTreeMap<Key, Watched>,
    /// Speeds in Mbit/s, by who tells them.
    speeds: BTreeMap<Mac, u32>,
}

#[derive(Debug, Default)]
struct Watched {
    switch: Option<String>,
    /// What each member had lost by the last second.
    lost: BTreeMap<IpAddr, u64>,
    /// Bytes of this second, and the frame of the last of them.
    load: (u64, Cite),
    seconds: VecDeque<Second>,
    proof: Option<Proof>,
}

#[derive(Debug, Clone, Copy)]
struct Second {
    at: Time,
    cite: Cite,
    bytes: u64,
    losers: usize,
}

/// What shows that the path is full.
#[derive(Debug, Clone, Copy)]
struct Proof {
    at: Time,
    /// The fullest second with a loss, and the fullest quiet one where there are enough.
    full: Second,
    quiet: Option<Second>,
    lossy: usize,
    /// What the link says that it can carry, in Mbit/s.
    speed: Option<u32>,
}

impl Paths {
    fn carries(&mut self, activity: &Activity, seen: &Observation, known: &Known<'_>) {
        let number = known.directory.find(&seen.subject);
        let switch = number.and_then(|number| known.switch_of(number));
        for path in self.watched.values_mut() {
            if path.switch.is_none() || path.switch == switch {
                path.load = (path.load.0.saturating_add(activity.bytes), seen.cite);
            }
        }
    }

    /// The slowest link that a switch tells of.
    fn speed(&self, switch: Option<&String>, known: &Known<'_>) -> Option<u32> {
        let of_it = |mac: &Mac| switch.is_some() && known.switch_with(*mac).as_ref() == switch;
        self.speeds.iter().filter(|(mac, _)| of_it(mac)).map(|(_, mbps)| *mbps).min()
    }
}

impl Detector for Paths {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Activity(_) | Fact::LinkSpeed { .. })
    }

    fn is_idle(&self) -> bool {
        self.watched.is_empty()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Activity(activity) if !self.watched.is_empty() => self.carries(activity, seen, known),
            Fact::LinkSpeed { mbps } => {
                let Some(mac) = seen.subject.mac else { return };
                if self.speeds.len() < SPEEDS_MAX || self.speeds.contains_key(&mac) {
                    self.speeds.insert(mac, *mbps);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, known: &Known<'_>) {
        let open: BTreeMap<Key, &Episode> =
            known.losses.of(Place::Path).filter(|it| it.is_open()).map(|it| (key(it), it)).collect();
        self.watched.retain(|key, path| path.proof.is_some() || open.contains_key(key));
        for (key, episode) in open {
            if self.watched.len() >= PATHS_MAX && !self.watched.contains_key(&key) {
                continue;
            }
            let speed = self.speed(episode.switch.as_ref(), known);
            let path = self.watched.entry(key).or_default();
            path.second(to, episode);
            path.judge(to, speed);
        }
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        for path in self.watched.values_mut() {
            path.load = (0, Cite::default());
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let told = known.losses.of(Place::Path).filter_map(|episode| {
            let proof = self.watched.get(&key(episode))?.proof?;
            Some(finding(episode, &proof, known))
        });
        told.collect()
    }
}

const fn key(episode: &Episode) -> Key {
    (episode.subject, episode.detected)
}

impl Watched {
    /// Ends a second.
    fn second(&mut self, at: Time, episode: &Episode) {
        let is_first = self.lost.is_empty();
        let mut losers = 0_usize;
        for (ip, member) in &episode.members {
            let before = self.lost.insert(*ip, member.lost);
            if before.is_some_and(|before| member.lost > before) {
                losers = losers.saturating_add(1);
            }
        }
        let (bytes, cite) = std::mem::take(&mut self.load);
        // Another switch is another path: what was summed before was not its load.
        if self.switch != episode.switch {
            self.switch.clone_from(&episode.switch);
            self.seconds.clear();
        } else if !is_first && bytes > 0 {
            if self.seconds.len() >= SECONDS_MAX {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Second { at, cite, bytes, losers });
        }
    }

    fn judge(&mut self, at: Time, speed: Option<u32>) {
        let Some(most) = self.seconds.iter().map(|it| it.bytes).max() else { return };
        let capacity = speed.map(|mbps| u64::from(mbps).saturating_mul(BYTES_PER_MBIT));
        // The speed counts where the path comes near it.
        let limit = capacity.filter(|capacity| is_near(most, *capacity));
        let ceiling = limit.unwrap_or(most);
        let is_full = |it: &&Second| is_near(it.bytes, ceiling);
        let lossy = || self.seconds.iter().filter(|it| it.losers >= LOSERS_MIN);
        let quiet = || self.seconds.iter().filter(|it| it.losers == 0);
        let (lossy_count, quiet_count) = (lossy().count(), quiet().count());
        let goes_together = lossy().filter(is_full).count().saturating_mul(ONE_IN)
            >= lossy_count.saturating_mul(ONE_IN.saturating_sub(1))
            && quiet().filter(is_full).count().saturating_mul(ONE_IN) <= quiet_count;
        let is_enough = lossy_count >= SECONDS_MIN && (quiet_count >= SECONDS_MIN || limit.is_some());
        if !goes_together || !is_enough {
            return;
        }
        let fullest = |it: &&Second| it.bytes;
        let Some(full) = lossy().max_by_key(fullest).copied() else { return };
        let at = self.proof.map_or(at, |proof| proof.at);
        let quiet = quiet().filter(|it| !is_full(it)).max_by_key(fullest).copied();
        self.proof =
            Some(Proof { at, full, quiet, lossy: lossy_count, speed: speed.filter(|_| limit.is_some()) });
    }
}

const fn is_near(bytes: u64, ceiling: u64) -> bool {
    bytes.saturating_mul(100) >= ceiling.saturating_mul(NEAR)
}

fn finding(episode: &Episode, proof: &Proof, known: &Known<'_>) -> Finding {
    let sum = episode.sum();
    let many = episode.members.len();
    let subject = episode.subject.map_or_else(String::new, |ip| ip.to_string());
    let (cause, place) = match &episode.switch {
        Some(switch) => (Cause::Uplink, format!("the uplink of switch {}", known.switch_name(switch))),
        None => (Cause::NetworkPath, "the path that they share".to_owned()),
    };
    let full = mbits(proof.full.bytes);
    let limit = proof
        .speed
        .map_or_else(String::new, |mbps| format!(", and the link says that it runs at {mbps} Mbit/s"));
    let quiet = proof.quiet.map_or_else(String::new, |quiet| {
        format!(
            "; of the quiet seconds the fullest that was not near that carried {} Mbit/s",
            mbits(quiet.bytes)
        )
    });
    let mut evidence = vec![Evidence {
        at: proof.full.at,
        cite: Some(proof.full.cite),
        protocol: None,
        text: format!(
            "{full} Mbit/s in the second before, in which {} devices lost packets",
            proof.full.losers
        ),
    }];
    evidence.extend(proof.quiet.map(|quiet| Evidence {
        at: quiet.at,
        cite: Some(quiet.cite),
        protocol: None,
        text: format!("{} Mbit/s in the second before, in which nobody lost any", mbits(quiet.bytes)),
    }));
    evidence.extend(losses::evidence(episode, known));
    Finding {
        confidence: if proof.speed.is_some() { BY_SPEED } else { BY_LOAD },
        cause: Some(cause),
        devices: losses::devices(episode),
        alternatives: vec![instead(
            Cause::Link,
            30,
            "error counters of the ports: errors rise with load where a cable is bad, discards where it is full",
        )],
        title: format!(
            "More traffic than fits: pictures of {many} devices lose packets ({}) when {place} is full",
            share(sum)
        ),
        summary: format!(
            "{} pieces of the pictures of {many} devices go missing whenever {place} carries most: {}. Neither the devices nor a cable is at fault. It is IT's turn: find out what fills it, and give video more room.",
            when(episode),
            losses::names(episode, known)
        ),
        detail: format!(
            "{} of {} RTP packets of {many} senders did not come by the mirror, together in {} seconds, which carried up to {full} Mbit/s{limit}{quiet}. {}.",
            sum.0,
            sum.1,
            proof.lossy,
            losses::shares(episode, known)
        ),
        remedy: format!(
            "At {} UTC {place} was full: see in its port's counters (discards, output queue drops) and in the flows of that minute who sends. Move copies and backups out of the day, put video into a queue of its own (DSCP), or make the link faster.",
            clock_time(proof.full.at - Span::seconds(1))
        ),
        verify:
            "Discards stand still at the same load; after a minute without loss this finding gets an end."
                .to_owned(),
        evidence,
        detected: proof.at,
        count: proof.lossy as u64,
        ..losses::begun(&KIND, episode, &subject)
    }
}

/// Bytes in a second as Mbit/s, with one decimal.
fn mbits(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(8) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Bytes in a second of a link of 1 Mbit/s.
const BYTES_PER_MBIT: u64 = 125_000;

#[cfg(test)]
mod tests {
    use super::super::bench::{cite, s};
    use super::*;
    use crate::ledger::loss::episode::Member;

    fn episode(lost: u64) -> Episode {
        let member = |n: u8| {
            let mut member = Member::default();
            member.lost = lost;
            (IpAddr::from([192, 0, 2, n]), member)
        };
        Episode {
            place: Place::Path,
            subject: Some(IpAddr::from([192, 0, 2, 1])),
            vlan: None,
            switch: None,
            since: s(0),
            detected: s(0),
            last: s(0),
            quiet_from: s(0),
            ended: None,
            members: (1..4).map(member).collect(),
            others: (0, 0),
            is_slight: false,
            is_superseded: false,
            supersedes: Vec::new(),
        }
    }

    /// What comes of seconds that carry so much, and lose something or not.
    fn judged(seconds: &[(u64, bool)], speed: Option<u32>) -> Option<Proof> {
        let (mut path, mut lost) = (Watched::default(), 10);
        path.second(s(0), &episode(lost));
        for (at, (bytes, loses)) in (1..).zip(seconds) {
            lost += u64::from(*loses);
            path.load = (*bytes, cite(s(at)));
            path.second(s(at), &episode(lost));
            path.judge(s(at), speed);
        }
        path.proof
    }

    #[test]
    fn loss_when_it_is_fullest_and_only_then_is_congestion() {
        let seconds: Vec<_> =
            (0..40).map(|n| if n % 4 == 0 { (900_000, true) } else { (300_000, false) }).collect();
        let proof = judged(&seconds, None).expect("it is");
        assert_eq!((proof.at, proof.lossy, proof.full.losers, proof.speed), (s(17), 10, 3, None));
        assert_eq!(
            (mbits(proof.full.bytes), proof.quiet.map(|it| mbits(it.bytes))),
            ("7.2".into(), Some("2.4".into()))
        );
    }

    #[test]
    fn loss_whatever_it_carries_is_none() {
        let steady: Vec<_> = (0..100).map(|n| (500_000, n % 2 == 0)).collect();
        assert!(judged(&steady, None).is_none());
        let apart: Vec<_> =
            (0..100).map(|n| (if n % 4 == 0 { 900_000 } else { 300_000 }, n % 3 == 0)).collect();
        assert!(judged(&apart, None).is_none());
    }

    #[test]
    fn a_few_seconds_say_nothing() {
        let seconds: Vec<_> =
            (0..16).map(|n| if n % 4 == 0 { (900_000, true) } else { (300_000, false) }).collect();
        assert!(judged(&seconds, None).is_none());
    }

    #[test]
    fn a_link_at_its_own_speed_needs_no_quiet_seconds() {
        let seconds = [(1_150_000, true); 10];
        assert!(judged(&seconds, None).is_none());
        assert_eq!(judged(&seconds, Some(10)).and_then(|it| it.speed), Some(10));
        assert!(judged(&seconds, Some(100)).is_none(), "it is far from full");
    }

    #[test]
    fn state_is_bounded() {
        let seconds = vec![(1, false); SECONDS_MAX + 50];
        let mut path = Watched::default();
        for (at, (bytes, _)) in (0..).zip(seconds) {
            path.load = (bytes, Cite::default());
            path.second(s(at), &episode(1));
        }
        assert_eq!(path.seconds.len(), SECONDS_MAX);
    }
}
