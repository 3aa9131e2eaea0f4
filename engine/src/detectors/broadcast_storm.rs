//! `broadcast-storm`: a flood of frames to everybody.
//!
//! ## What it says
//! For two seconds and more, more frames went to everybody than 1,000 a second and ten times what is usual here.
//! Named are who sent most of them and with which protocol. Counted are broadcasts, and what goes to the groups in which devices
//! make themselves known; a video stream to a group is none of them, and neither are the copies
//! that a mirror makes. Ten seconds below the limit end it.
//!
//! ## Why it matters
//! Every device on the network must look at each of these frames. Cameras and door controllers
//! have weak processors: they drop pictures, restart or hang, all at once, and each looks faulty.
//!
//! ## Where it is wrong
//! Where a scanner searches a large network on purpose. A whole site that starts after a power cut is no storm: nobody sends
//! 100 a second. Frames that circle in a loop are `switching-loop`.
//!
//! ## State
//! The frames of the running second by sender, `SOURCES_MAX` at most; what is usual; `STORMS_MAX` storms, the
//! `TOPS_MAX` first senders of each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Mac, Span, Time};

use super::{Detector, Known, Look};
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation, Party};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "broadcast-storm",
    category: "network",
    severity: Severity::Critical,
    source: include_str!("broadcast_storm.rs"),
    start: Some(|| Box::new(Storms::default())),
};

/// Frames a second; below it nothing suffers.
const RATE_MIN: u64 = 1_000;
/// One source at least sends so many of them: a device that starts says a dozen words in a second.
const LOUD_MIN: u64 = 100;
/// So many times what is usual.
const BASE_TIMES: u64 = 10;
/// Seconds over which what is usual is averaged.
const BASE_S: u64 = 60;
/// Seconds in a row.
const SECONDS_MIN: u32 = 2;
/// Seconds below the limit that end it.
const QUIET: Span = Span::seconds(10);
/// A mirror's own copies of one frame are over after this time; what comes for longer was sent.
const COPIES_OVER: Span = Span::millis(100);
/// Senders told apart in one second.
const SOURCES_MAX: usize = 1_024;
/// Senders kept of a storm, the loudest of its first seconds.
const TOPS_MAX: usize = 64;
/// Storms kept.
const STORMS_MAX: usize = 256;
/// The rate alone, in per cent.
const BY_RATE: u8 = 80;
/// The rate, and what is usual here is known and far below, in per cent.
const BY_RATE_AND_BASE: u8 = 90;

/// Who sends, and with which protocol.
type Source = (Option<Mac>, Option<IpAddr>, &'static str);

#[derive(Debug, Clone, Copy)]
struct Tally {
    frames: u64,
    first: (Time, Cite),
    last: (Time, Cite),
    vlan: Option<u16>,
}

#[derive(Debug, Default)]
struct Second {
    frames: u64,
    sources: BTreeMap<Source, Tally>,
    /// Who sent frames that came again for longer than a mirror copies, and how often; two at most.
    returning: BTreeMap<Option<Mac>, (u64, Tally)>,
}

#[derive(Debug)]
struct Storm {
    since: Time,
    detected: Time,
    last: Time,
    /// From when on the quiet is measured.
    quiet_from: Time,
    ended: Option<Time>,
    seconds: u64,
    frames: u64,
    peak: u64,
    base: u64,
    is_base_known: bool,
    sources: BTreeMap<Source, Tally>,
}

/// The flood of the moment, and those before.
///
/// ```text
/// usual ──second over the limit──► rising ──SECONDS_MIN in a row──► storm ──QUIET below it──► usual
///                                     └──second below it──► usual
/// ```
#[derive(Debug, Default)]
pub struct Storms {
    second: Second,
    /// To where seconds are judged.
    judged: Option<Time>,
    /// Thousandths of a frame a second, and over how many seconds.
    base: (u64, u64),
    /// Seconds over the limit in a row that are not a storm yet.
    rising: Vec<Second>,
    /// Whether the last storm goes on.
    is_on: bool,
    storms: Vec<Storm>,
}

impl Storms {
    /// Judges the second that ends at `to`, and those without any frame before it.
    fn judge(&mut self, to: Time) {
        let second = std::mem::take(&mut self.second).whole();
        let passed = self.judged.map_or(1, |judged| (to - judged).0 / SECOND_NS).max(1);
        self.judged = Some(to);
        let limit = self.limit();
        if second.frames > limit && second.is_loud() {
            self.over(second);
        } else {
            self.rising.clear();
            if !self.is_on {
                self.learn(second.frames, 1);
            }
        }
        if passed > 1 {
            // The frames were of the first of these seconds.
            self.rising.clear();
            if !self.is_on {
                self.learn(0, passed.unsigned_abs() - 1);
            }
        }
        if let Some(storm) = self.storms.last_mut().filter(|storm| storm.ended.is_none())
            && storm.quiet_from + QUIET <= to
        {
            storm.ended = Some(storm.last);
            self.is_on = false;
        }
    }

    fn limit(&self) -> u64 {
        RATE_MIN.max(self.base.0.saturating_mul(BASE_TIMES) / 1_000)
    }

    /// Takes a second over the limit.
    fn over(&mut self, second: Second) {
        if let Some(storm) = self.storms.last_mut().filter(|_| self.is_on) {
            storm.add(second);
            return;
        }
        self.rising.push(second);
        if self.rising.len() < SECONDS_MIN as usize {
            return;
        }
        let rising = std::mem::take(&mut self.rising);
        if self.storms.len() >= STORMS_MAX {
            return;
        }
        let mut storm = Storm::new(self.base.0 / 1_000, self.base.1 >= BASE_S / 2);
        rising.into_iter().for_each(|second| storm.add(second));
        storm.detected = storm.last;
        self.storms.push(storm);
        self.is_on = true;
    }

    /// Averages over the last minute, or what there is of it.
    fn learn(&mut self, frames: u64, times: u64) {
        let (base, seconds) = &mut self.base;
        for _ in 0..times.min(BASE_S.saturating_mul(8)) {
            *seconds = seconds.saturating_add(1).min(BASE_S);
            let rate = frames.saturating_mul(1_000);
            *base = base.saturating_mul(*seconds - 1).saturating_add(rate) / *seconds;
        }
    }
}

impl Detector for Storms {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Activity(_) | Fact::Returning(_))
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_to_many
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        match &seen.fact {
            Fact::Activity(activity) if is_to_all(seen, activity.protocol) => {
                let tally = Tally {
                    frames: activity.packets,
                    first: (activity.first, Cite::new(activity.first_frame.0, activity.first_frame.1)),
                    last: (activity.last, seen.cite),
                    vlan: seen.subject.vlan,
                };
                let protocol =
                    activity.protocol.unwrap_or(if seen.transport.is_some() { "ip" } else { "ethernet" });
                self.second.take((seen.subject.mac, seen.subject.ip, protocol), tally);
            }
            Fact::Returning(returning) if returning.lasting > COPIES_OVER => {
                let sight = (returning.last, seen.cite);
                let tally =
                    Tally { frames: returning.again, first: sight, last: sight, vlan: seen.subject.vlan };
                let returning = &mut self.second.returning;
                if returning.len() < 2 || returning.contains_key(&seen.subject.mac) {
                    let (again, known) = returning.entry(seen.subject.mac).or_insert((0, tally));
                    *again = again.saturating_add(tally.frames);
                    known.last = sight;
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.judge(to);
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        self.rising.clear();
        self.judged = Some(to);
        for storm in self.storms.iter_mut().filter(|storm| storm.ended.is_none()) {
            storm.quiet_from = storm.quiet_from + (to - from);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.storms.iter().map(|storm| storm.finding(known)).collect()
    }
}

impl Second {
    fn take(&mut self, source: Source, tally: Tally) {
        self.frames = self.frames.saturating_add(tally.frames);
        add(&mut self.sources, source, tally, SOURCES_MAX);
    }

    /// With what one sender alone sent again and again. Where several senders' frames come again they circle, and
    /// nothing is said of such a second.
    /// Whether somebody floods, rather than thousands each saying their few words, as when a whole site starts.
    fn is_loud(&self) -> bool {
        self.sources.values().any(|tally| tally.frames >= LOUD_MIN)
    }

    fn whole(mut self) -> Self {
        let mut returning = std::mem::take(&mut self.returning).into_iter();
        match (returning.next(), returning.next()) {
            (None, _) => self,
            (Some((mac, (again, tally))), None) => {
                let known =
                    self.sources.iter().filter(|((of, ..), _)| *of == mac).map(|(_, it)| it.frames).sum();
                let more = again.saturating_sub(known);
                if more > 0 {
                    self.take((mac, None, "the same frame"), Tally { frames: more, ..tally });
                }
                self
            }
            (Some(_), Some(_)) => Self::default(),
        }
    }
}

impl Storm {
    fn new(base: u64, is_base_known: bool) -> Self {
        Self {
            since: Time::MAX,
            detected: Time::MIN,
            last: Time::MIN,
            quiet_from: Time::MIN,
            ended: None,
            seconds: 0,
            frames: 0,
            peak: 0,
            base,
            is_base_known,
            sources: BTreeMap::new(),
        }
    }

    fn add(&mut self, second: Second) {
        let first = second.sources.values().map(|tally| tally.first.0).min();
        let last = second.sources.values().map(|tally| tally.last.0).max();
        self.since = first.map_or(self.since, |first| self.since.min(first));
        self.last = last.map_or(self.last, |last| self.last.max(last));
        self.quiet_from = self.last;
        self.seconds = self.seconds.saturating_add(1);
        self.frames = self.frames.saturating_add(second.frames);
        self.peak = self.peak.max(second.frames);
        let mut sources: Vec<(Source, Tally)> = second.sources.into_iter().collect();
        sources.sort_by_key(|(source, tally)| (std::cmp::Reverse(tally.frames), *source));
        for (source, tally) in sources {
            add(&mut self.sources, source, tally, TOPS_MAX);
        }
    }

    fn finding(&self, known: &Known<'_>) -> Finding {
        let mut tops: Vec<(&Source, &Tally)> = self.sources.iter().collect();
        tops.sort_by_key(|(source, tally)| (std::cmp::Reverse(tally.frames), **source));
        let loudest = tops.first().map_or(0, |(_, tally)| tally.frames);
        tops.retain(|(_, tally)| tally.frames >= loudest / QUIETER);
        let named: Vec<(Option<Number>, String, u64, &str)> = tops
            .iter()
            .take(NAMED)
            .map(|((mac, ip, protocol), tally)| {
                let (number, called) = who(*mac, *ip, tally.vlan, known);
                (number, called, tally.frames.saturating_mul(100) / self.frames.max(1), *protocol)
            })
            .collect();
        let since = clock_time(self.since);
        let top = named.first();
        let (called, protocol, share) = top
            .map_or(("unknown", "unknown", 0), |(_, called, share, protocol)| {
                (called.as_str(), *protocol, *share)
            });
        let list: Vec<String> = named
            .iter()
            .map(|(_, called, share, protocol)| format!("{called}: {share} % ({protocol})"))
            .collect();
        let number = top.and_then(|(number, ..)| *number);
        let usual = if self.is_base_known {
            format!("Usual here are {} a second.", self.base)
        } else {
            "What is usual here was not known yet.".to_owned()
        };
        let lasted = length(self.last - self.since);
        let is_over =
            if self.ended.is_some() { format!(" It was over after {lasted}.") } else { String::new() };
        Finding {
            confidence: if self.is_base_known { BY_RATE_AND_BASE } else { BY_RATE },
            devices: number.into_iter().collect(),
            switch: number.and_then(|number| known.switch_of(number)),
            title: format!("Flood of broadcasts since {since} UTC, most of them from {called}"),
            summary: format!(
                "Since {since} UTC up to {} messages a second went to every device on the network, {share} % of them from one: {called}. Cameras and door controllers may stutter or restart because of it.{is_over} It is IT's turn: find its port and unplug it.",
                self.peak
            ),
            detail: format!(
                "{} frames to broadcast or discovery groups in {} s over the limit, at most {} in one second. {usual} By sender: {}.",
                self.frames,
                self.seconds,
                self.peak,
                list.join("; ")
            ),
            remedy: format!(
                "Find the port of {called} in the switch's MAC table and shut it; the protocol is {protocol}. Then set storm control on access ports. If the flood goes on without it, look for a loop."
            ),
            verify: "Fewer than 1,000 broadcasts a second; after ten quiet seconds this finding gets an end."
                .to_owned(),
            evidence: tops
                .iter()
                .take(NAMED)
                .zip(&named)
                .flat_map(|((_, tally), (_, called, _, protocol))| {
                    [
                        seen(
                            tally.first,
                            format!(
                                "{called} sends to everybody ({protocol}), the first of {} frames",
                                tally.frames
                            ),
                        ),
                        seen(
                            tally.last,
                            format!("{called} sends to everybody ({protocol}), the last of them"),
                        ),
                    ]
                })
                .collect(),
            last_seen: self.last,
            ended: self.ended,
            count: self.frames,
            ..Finding::of_network(&KIND, "", self.since, self.detected)
        }
    }
}

fn add(to: &mut BTreeMap<Source, Tally>, source: Source, tally: Tally, cap: usize) {
    let has_room = to.len() < cap;
    match to.get_mut(&source) {
        Some(known) => {
            known.frames = known.frames.saturating_add(tally.frames);
            known.first = known.first.min(tally.first);
            known.last = known.last.max(tally.last);
        }
        None if has_room => {
            to.insert(source, tally);
        }
        None => {}
    }
}

fn seen((at, cite): (Time, Cite), text: String) -> Evidence {
    Evidence { at, cite: Some(cite), protocol: None, text }
}

fn who(
    mac: Option<Mac>,
    ip: Option<IpAddr>,
    vlan: Option<u16>,
    known: &Known<'_>,
) -> (Option<Number>, String) {
    match (mac, ip) {
        (Some(mac), _) => known.bearer(mac),
        (None, Some(ip)) => known.holder(ip, vlan),
        (None, None) => (None, "somebody without an address".to_owned()),
    }
}

/// Whether frames went to everybody, or to a group in which devices make themselves known: groups of the link
/// (RFC 5771, 4; RFC 4291, 2.7) and that of SSDP and WS-Discovery. Media goes to other groups.
fn is_to_all(seen: &Observation, protocol: Option<&str>) -> bool {
    let Party { mac, ip, .. } = &seen.peer;
    let is_framed = seen.subject.mac.is_some() && mac.is_none();
    match ip {
        _ if protocol == Some("rtp") => false,
        None => is_framed,
        Some(IpAddr::V4(ip)) => {
            let octets = ip.octets();
            let is_directed = is_framed && octets[3] == 255 && !ip.is_multicast();
            ip.is_broadcast() || is_directed || matches!(octets, [224, 0, 0, _] | [239, 255, 255, 250])
        }
        Some(IpAddr::V6(ip)) => matches!(ip.segments(), [0xff02 | 0xff12, ..]),
    }
}

/// Who sends so many times less than the loudest is no part of it.
const QUIETER: u64 = 20;
/// Senders named and cited.
const NAMED: usize = 3;
const SECOND_NS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, activity, address, cite, mac, party, s};
    use super::*;

    /// So many broadcasts in each second from 0 on.
    fn cried(rates: &[u64]) -> Bench {
        let mut bench = Bench::new();
        for (n, rate) in (0..).zip(rates) {
            if *rate > 0 {
                bench.cries(s(n), mac(1), *rate);
            }
            bench.tick(s(n + 1));
        }
        bench
    }

    #[test]
    fn two_seconds_over_the_limit_are_a_storm_with_its_source() {
        let bench = cried(&[[5; 40].as_slice(), &[4_000, 6_000, 5_000]].concat());
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.last_seen), (s(40), s(41), s(42)));
        assert_eq!((finding.count, finding.confidence, finding.devices.len()), (15_000, BY_RATE_AND_BASE, 0));
        assert!(finding.title.contains(&mac(1).to_string()), "{}", finding.title);
        assert_eq!(finding.evidence[0].cite, Some(cite(s(40))));
    }

    #[test]
    fn ten_quiet_seconds_end_it_and_it_is_named_by_who_it_is() {
        let mut bench = cried(&[4_000, 6_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bench.claims(s(13), mac(1), "192.0.2.7", None);
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.ended, finding.devices.len(), finding.confidence), (Some(s(1)), 1, BY_RATE));
    }

    #[test]
    fn one_second_and_what_is_usual_here_are_none() {
        assert!(cried(&[5, 5_000, 5, 5_000, 5]).of(&KIND).is_empty());
        assert!(cried(&[900; 60]).of(&KIND).is_empty());
        let rising: Vec<u64> = (0..200).map(|n| 100 + n * 10).collect();
        assert!(cried(&rising).of(&KIND).is_empty(), "a network that grows loud over minutes");
    }

    #[test]
    fn a_video_stream_to_a_group_is_none() {
        let mut bench = Bench::new();
        for (n, to) in (0..20).zip(["239.1.2.3", "224.0.0.7"].iter().cycle()) {
            let peer = Party { ip: Some(address(to)), ..Party::default() };
            let mut sum = activity(s(n), 9_000);
            sum.protocol = if *to == "224.0.0.7" { Some("rtp") } else { None };
            bench.sees(s(n), party(mac(1), "192.0.2.7", None), peer, Fact::Activity(sum));
            bench.tick(s(n + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn unicast_at_any_rate_is_none() {
        let mut bench = Bench::new();
        for n in 0..20 {
            let peer = party(mac(2), "192.0.2.255", None);
            bench.sees(s(n), party(mac(1), "192.0.2.7", None), peer, Fact::Activity(activity(s(n), 90_000)));
            bench.tick(s(n + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_mirrors_copies_are_none_and_one_sender_of_the_same_frame_is_a_storm() {
        for (lasting, storms) in [(Span::millis(60), 0), (Span::seconds(5), 1)] {
            let mut bench = Bench::new();
            for n in 0..20 {
                bench.returns(s(n), mac(1), 4_000, lasting);
                bench.tick(s(n + 1));
            }
            assert_eq!(bench.of(&KIND).len(), storms);
        }
    }

    #[test]
    fn frames_of_several_that_circle_are_a_loop_and_no_storm() {
        let mut bench = Bench::new();
        for n in 0..20 {
            bench.returns(s(n), mac(1), 4_000, Span::seconds(5));
            bench.returns(s(n), mac(2), 4_000, Span::seconds(5));
            bench.cries(s(n), mac(1), 4_000);
            bench.tick(s(n + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn blind_time_joins_no_seconds() {
        let mut bench = cried(&[5, 5_000]);
        bench.unwatched(s(2), s(30));
        bench.cries(s(30), mac(1), 5_000);
        bench.tick(s(31));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn one_long_jump_says_the_same_as_many_ticks() {
        let (mut jump, mut ticks) = (cried(&[5, 5_000, 5_000]), cried(&[5, 5_000, 5_000]));
        jump.tick(s(900));
        (4..=900).for_each(|n| ticks.tick(s(n)));
        for bench in [&mut jump, &mut ticks] {
            for n in [900, 901] {
                bench.cries(s(n), mac(1), 1_500);
                bench.tick(s(n + 1));
            }
        }
        let said = |bench: &Bench| {
            bench.of(&KIND).iter().map(|it| (it.id.clone(), it.detected, it.ended)).collect::<Vec<_>>()
        };
        assert_eq!((said(&jump), jump.of(&KIND).len()), (said(&ticks), 2));
    }

    #[test]
    fn a_site_that_starts_is_no_storm() {
        let mut storms = Storms::default();
        for n in 0..10 {
            let at = (s(n), Cite::default());
            for k in 0..1_000_u16 {
                let [a, b] = k.to_be_bytes();
                let tally = Tally { frames: 9, first: at, last: at, vlan: None };
                storms.second.take((Some(Mac([2, 0, 0, 0, a, b])), None, "arp"), tally);
            }
            storms.judge(s(n + 1));
        }
        assert!(storms.storms.is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut storms = Storms::default();
        for n in 0..600_u32 {
            storms.judge(s(i64::from(n) * 20));
            for k in 0..2_000_u32 {
                let [_, _, c, d] = k.to_be_bytes();
                let [_, _, a, b] = n.to_be_bytes();
                let at = (s(i64::from(n) * 20 + i64::from(k % 2)), Cite::default());
                storms.second.take(
                    (Some(Mac([2, 0, a, b, c, d])), None, "arp"),
                    Tally { frames: LOUD_MIN, first: at, last: at, vlan: None },
                );
                if k == 999 {
                    storms.judge(s(i64::from(n) * 20 + 1));
                }
            }
            storms.judge(s(i64::from(n) * 20 + 2));
            storms.judge(s(i64::from(n) * 20 + 13));
        }
        assert_eq!(storms.storms.len(), STORMS_MAX);
        assert!(storms.storms.iter().all(|storm| storm.sources.len() <= TOPS_MAX));
    }
}
