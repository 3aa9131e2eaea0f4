//! `rogue-ra`: an IPv6 router that was not there before tells hosts to send through it.
//!
//! ## What it says
//! Whoever announces himself as a router (router advertisement) within 10 minutes of the first frame of a VLAN is one
//! of its routers: that is how long a router may stay silent. After that another one announced itself, and it is no stand-in: a
//! router that was known was heard within the last minute, or announced itself again later; or there never was
//! one. Within the 10 minutes, but after the first two, only who announces twice within 20 s, as a router does that has just been
//! put up, and was not seen forwarding before. It ends when the router says goodbye, or when its last word has run out.
//!
//! ## Why it matters
//! Every host that speaks IPv6 believes it at once, without being asked: it takes an address and sends what it has through a
//! stranger, or into nothing. Mostly somebody shares his connection or plugged in a home router; sometimes it is an attack. It works in networks that
//! use IPv4 alone, too.
//!
//! ## Where it is wrong
//! A router that IT put up is new all the same. Where the mirror removes tags, the routers of all VLANs look like those of one.
//! Where the first router heard is the rogue itself, nothing is said.
//!
//! ## State
//! The known routers of each VLAN, `ROUTERS_MAX` in each; `ROGUES_MAX` that are not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use spanwatch_parsers::{Fact, Mac, RouterAnnounced, Span, Time};

use super::{Detector, Known, in_vlan, of_vlan};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "rogue-ra",
    category: "network",
    severity: Severity::High,
    source: include_str!("rogue_ra.rs"),
    start: Some(|| Box::new(Routers::default())),
};

/// The longest that a router is silent unless it is told otherwise (RFC 4861, 6.2.1: `MaxRtrAdvInterval`).
const LEARNING: Span = Span::seconds(600);
/// Who announces itself so early is learned, whatever speaks against it.
const LEARNED_AT_ONCE: Span = Span::seconds(120);
/// Who starts to announce says so three times at most 16 s apart (RFC 4861, 6.2.4 and 10); 4 s for a late one.
const STARTING: Span = Span::seconds(20);
/// A known router that was heard within this time has not failed: nobody stands in for it.
const ALIVE: Span = Span::seconds(60);
/// Routers known in one VLAN; a pair is two.
const ROUTERS_MAX: usize = 16;
/// Rogues, and those who may be, told apart.
const ROGUES_MAX: usize = 256;
/// Sights kept of a rogue.
const EVIDENCE_MAX: usize = 8;
/// Prefixes and resolvers named.
const NAMED: usize = 4;
/// A router where another is known, in per cent.
const ONE_WITNESS: u8 = 75;
/// And it gives another prefix, or the known router contradicts later, in per cent.
const TWO_WITNESSES: u8 = 92;

/// One announcement.
#[derive(Debug, Clone)]
struct Sight {
    at: Time,
    cite: Cite,
    said: RouterAnnounced,
}

/// Who announces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Who {
    mac: Option<Mac>,
    ip: IpAddr,
}

#[derive(Debug)]
struct Router {
    who: Who,
    last: Sight,
}

/// The routers of all VLANs; there is one entry for each tag at most.
#[derive(Debug, Default)]
pub struct Routers {
    vlans: BTreeMap<Option<u16>, Learned>,
    strangers: Vec<Stranger>,
}

/// ```text
/// first frame ──► at once ──LEARNED_AT_ONCE──► who starts is a rogue ──LEARNING──► whoever is new is a stand-in or a rogue
/// ```
#[derive(Debug)]
struct Learned {
    since: Time,
    routers: Vec<Router>,
}

#[derive(Debug)]
struct Stranger {
    vlan: Option<u16>,
    who: Who,
    first: Sight,
    last: Sight,
    /// When it became clear; until then it may be one of the site's, or stand in for one.
    detected: Option<Time>,
    ended: Option<Time>,
    announcements: u64,
    /// The router that it is beside, and its last word before, or after.
    beside: Option<(Who, Sight)>,
    is_other_prefix: bool,
    evidence: Vec<Evidence>,
}

impl Routers {
    fn announced(&mut self, seen: &Observation, said: &RouterAnnounced, known: &Known<'_>) {
        let Some(ip) = seen.subject.ip else { return };
        let (who, vlan) = (Who { mac: seen.subject.mac, ip }, seen.subject.vlan);
        let sight = Sight { at: seen.at, cite: seen.cite, said: said.clone() };
        let Some(learned) = self.vlans.get_mut(&vlan) else { return };
        if let Some(router) = learned.routers.iter_mut().find(|it| it.who.is(&who)) {
            let is_up = said.lifetime_s > 0;
            router.last = sight.clone();
            let learned_by = learned.since + LEARNING;
            for stranger in self.strangers.iter_mut().filter(|it| it.vlan == vlan && is_up) {
                // While all are learned, a pair would look the same.
                if stranger.first.at > learned_by {
                    stranger.contradicted(who, &sight);
                }
            }
            return;
        }
        let age = seen.at - learned.since;
        if let Some(stranger) = self.strangers.iter_mut().find(|it| it.vlan == vlan && it.who.is(&who)) {
            let apart = sight.at - stranger.last.at;
            stranger.takes(sight);
            if stranger.detected.is_none() && (age > LEARNING || apart <= STARTING) {
                stranger.judge(learned, known);
            }
            return;
        }
        if said.lifetime_s == 0 {
            return;
        }
        let was_router = seen
            .subject
            .mac
            .and_then(|mac| known.directory.find_mac(mac))
            .and_then(|number| known.directory.device(number))
            // The parser says that it is a router after this.
            .is_some_and(|device| device.is_router);
        let is_learned = age <= LEARNED_AT_ONCE || (age <= LEARNING && was_router);
        if is_learned {
            learned.takes(who, sight);
        } else if self.strangers.len() < ROGUES_MAX {
            let mut stranger = Stranger::new(vlan, who, sight);
            if age > LEARNING {
                stranger.judge(learned, known);
            }
            self.strangers.push(stranger);
        }
    }
}

impl Detector for Routers {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Binding { .. } | Fact::Asked { .. } | Fact::RouterAnnounced(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            // What is said to a whole link shows that the link is watched.
            Fact::Binding { .. } | Fact::Asked { .. } => self.watched(seen),
            Fact::RouterAnnounced(said) => {
                self.watched(seen);
                self.announced(seen, said, known);
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        for stranger in self.strangers.iter_mut().filter(|it| it.ended.is_none()) {
            let until = stranger.last.at + Span::seconds(stranger.last.said.lifetime_s.into());
            if until <= to {
                stranger.ended = Some(until);
            }
        }
        // Who was not contradicted for so long is one of the site's.
        let vlans = &mut self.vlans;
        self.strangers.retain(|stranger| {
            let Some(learned) = vlans.get_mut(&stranger.vlan) else { return true };
            let learned_by = learned.since + LEARNING;
            let due = if stranger.first.at > learned_by { stranger.first.at + LEARNING } else { learned_by };
            let is_one_of_them = stranger.detected.is_none() && due <= to;
            if is_one_of_them {
                learned.takes(stranger.who, stranger.last.clone());
            }
            !is_one_of_them
        });
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        for learned in self.vlans.values_mut().filter(|learned| learned.since + LEARNING > from) {
            learned.since = learned.since + (to - from);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.strangers.iter().filter_map(|stranger| stranger.finding(known)).collect()
    }
}

impl Routers {
    fn watched(&mut self, seen: &Observation) {
        self.vlans
            .entry(seen.subject.vlan)
            .or_insert_with(|| Learned { since: seen.at, routers: Vec::new() });
    }
}

impl Who {
    /// A router has one MAC on all its links, and may have one address on all of them.
    fn is(&self, other: &Self) -> bool {
        self.ip == other.ip || (self.mac.is_some() && self.mac == other.mac)
    }
}

impl Learned {
    fn takes(&mut self, who: Who, last: Sight) {
        if self.routers.len() < ROUTERS_MAX {
            self.routers.push(Router { who, last });
        }
    }

    /// The last known router that lives, if any: its last word has not run out, and it was heard lately.
    fn alive<'a>(&'a self, at: Time, known: &Known<'_>) -> Option<&'a Router> {
        self.routers.iter().filter(|router| router.is_up(at)).find(|router| {
            let number = router.who.mac.and_then(|mac| known.directory.find_mac(mac));
            let heard = number.and_then(|number| known.directory.device(number)).map(|it| it.last_seen);
            heard.unwrap_or(router.last.at).max(router.last.at) >= at - ALIVE
        })
    }
}

impl Router {
    fn is_up(&self, at: Time) -> bool {
        at - self.last.at < Span::seconds(self.last.said.lifetime_s.into())
    }
}

impl Stranger {
    fn new(vlan: Option<u16>, who: Who, sight: Sight) -> Self {
        let mut stranger = Self {
            vlan,
            who,
            first: sight.clone(),
            last: sight.clone(),
            detected: None,
            ended: None,
            announcements: 0,
            beside: None,
            is_other_prefix: false,
            evidence: Vec::new(),
        };
        stranger.takes(sight);
        stranger
    }

    fn takes(&mut self, sight: Sight) {
        if sight.said.lifetime_s == 0 {
            self.ended = self.ended.or(Some(sight.at));
        } else {
            self.announcements = self.announcements.saturating_add(1);
            self.ended = None;
        }
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(Evidence {
                at: sight.at,
                cite: Some(sight.cite),
                protocol: Some("nd"),
                text: format!("{} announces itself as a router{}", self.who.ip, offer(&sight.said)),
            });
        }
        self.last = sight;
    }

    /// Whether it stands in for a router of the site, or stands beside one.
    fn judge(&mut self, learned: &Learned, known: &Known<'_>) {
        let at = self.last.at;
        if let Some(router) = learned.alive(at, known) {
            self.detected = Some(at);
            self.compare(router.who, &router.last);
        } else if learned.routers.is_empty() {
            self.detected = Some(at);
        }
    }

    /// A router of the site announced itself: nobody stands in for it.
    fn contradicted(&mut self, who: Who, sight: &Sight) {
        if self.ended.is_none() && self.beside.is_none() {
            self.detected = self.detected.or(Some(sight.at));
            self.compare(who, sight);
        }
    }

    fn compare(&mut self, who: Who, sight: &Sight) {
        let theirs = &sight.said.prefixes;
        let ours = &self.last.said.prefixes;
        self.is_other_prefix = !theirs.is_empty() && ours.iter().any(|it| !theirs.contains(it));
        self.beside = Some((who, sight.clone()));
    }

    fn finding(&self, known: &Known<'_>) -> Option<Finding> {
        let detected = self.detected?;
        let (number, called) = match self.who.mac {
            Some(mac) => known.bearer(mac),
            None => known.holder(self.who.ip, self.vlan),
        };
        let (since, at_vlan) = (clock_time(self.first.at), in_vlan(self.vlan));
        let beside = self.beside.as_ref().map_or_else(
            || "No IPv6 router was heard here before.".to_owned(),
            |(who, sight)| format!("The known router is {}{}.", who.ip, offer(&sight.said)),
        );
        let mut evidence = self.evidence.clone();
        if let Some((who, sight)) = &self.beside {
            evidence.push(Evidence {
                at: sight.at,
                cite: Some(sight.cite),
                protocol: Some("nd"),
                text: format!("{}, the router known here, announces itself{}", who.ip, offer(&sight.said)),
            });
        }
        let until = self.ended.map_or("", |_| " It has stopped.");
        Some(Finding {
            confidence: if self.is_other_prefix { TWO_WITNESSES } else { ONE_WITNESS },
            devices: number.into_iter().collect(),
            cause: Some(Cause::NetworkPath),
            title: format!("{called} announces itself as an IPv6 router{at_vlan}, which it was not before"),
            summary: format!(
                "Since {since} UTC {called} tells all devices{at_vlan} to send what goes out through it. Devices believe that without being asked, and may become unreachable or be listened to.{until} It is IT's turn: find it, and take it off the network unless it is meant to be a router."
            ),
            detail: format!(
                "{} router advertisements of {}{at_vlan}{}, way out for {}. {beside}",
                self.announcements,
                self.who.ip,
                offer(&self.last.said),
                length(Span::seconds(self.last.said.lifetime_s.into())),
            ),
            remedy: format!(
                "Find the port of {} in the switch's MAC table and shut it, or turn off connection sharing on that machine; turn on RA guard (RFC 6105) on the ports of devices. A router of your own becomes known when the watch starts anew.",
                self.who.mac.map_or_else(|| self.who.ip.to_string(), |mac| mac.to_string())
            ),
            verify: format!(
                "{} announces nothing any more; devices keep no address and no route of its making.",
                self.who.ip
            ),
            evidence,
            last_seen: self.ended.unwrap_or(self.last.at).max(detected),
            ended: self.ended,
            count: self.announcements,
            ..Finding::of_network(
                &KIND,
                &format!("{} {}", self.who.ip, of_vlan(self.vlan)),
                self.first.at,
                detected,
            )
        })
    }
}

/// ` with prefix 2001:db8::/64 and resolver 2001:db8::1`, or nothing.
fn offer(said: &RouterAnnounced) -> String {
    let named = |what: &str, items: Vec<String>| match items.len() {
        0 => None,
        1 => Some(format!("{what} {}", items.concat())),
        _ => Some(format!("{what}{} {}", if what.ends_with('x') { "es" } else { "s" }, items.join(", "))),
    };
    let prefix = |(prefix, length): &(Ipv6Addr, u8)| format!("{prefix}/{length}");
    let prefixes = named("prefix", said.prefixes.iter().take(NAMED).map(prefix).collect());
    let resolvers = named("resolver", said.resolvers.iter().take(NAMED).map(ToString::to_string).collect());
    let words: Vec<String> = prefixes.into_iter().chain(resolvers).collect();
    if words.is_empty() { String::new() } else { format!(" with {}", words.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, address, cite, mac, party, s};
    use super::*;
    use crate::observation::Party;

    const ROUTER: (u8, &str) = (1, "fe80::1");
    const ROGUE: (u8, &str) = (66, "fe80::66");

    fn said(lifetime_s: u16, prefix: &str) -> RouterAnnounced {
        let prefixes = prefix.parse().ok().map(|prefix| (prefix, 64)).into_iter().collect();
        RouterAnnounced { lifetime_s, prefixes, ..RouterAnnounced::default() }
    }

    fn announces(bench: &mut Bench, at: i64, who: (u8, &str), said: RouterAnnounced) {
        let (subject, everybody) = (party(mac(who.0), who.1, None), Party::default());
        bench.sees(s(at), subject, everybody, Fact::RouterAnnounced(Box::new(said)));
        bench.sees(s(at), subject, everybody, Fact::Router);
    }

    /// A router that announces itself each 200 s, until then.
    fn site(until: i64) -> Bench {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(1), "192.0.2.1", None);
        for at in (10..until).step_by(200) {
            announces(&mut bench, at, ROUTER, said(1_800, "2001:db8:1::"));
        }
        bench.tick(s(until));
        bench
    }

    #[test]
    fn another_router_after_the_learning_is_a_rogue() {
        let mut bench = site(1_000);
        announces(&mut bench, 850, ROGUE, said(300, "2001:db8:1::"));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.confidence), (s(850), s(850), ONE_WITNESS));
        assert_eq!(finding.evidence[0].cite, Some(cite(s(850))));
        assert!(finding.detail.contains("fe80::1 with prefix 2001:db8:1::/64"), "{}", finding.detail);
    }

    #[test]
    fn another_prefix_makes_it_surer() {
        let mut bench = site(1_000);
        announces(&mut bench, 850, ROGUE, said(300, "2001:db8:bad::"));
        assert_eq!(bench.of(&KIND)[0].confidence, TWO_WITNESSES);
    }

    #[test]
    fn one_that_starts_while_others_are_learned_is_a_rogue() {
        let mut bench = site(300);
        announces(&mut bench, 290, ROGUE, said(300, ""));
        assert!(bench.of(&KIND).is_empty());
        bench.sends(s(300), mac(1), "192.0.2.1", None);
        announces(&mut bench, 306, ROGUE, said(300, ""));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected, finding.count), (s(290), s(306), 2));
    }

    #[test]
    fn a_pair_that_takes_its_time_is_learned() {
        let mut bench = site(400);
        for at in [390, 590, 800, 1_000] {
            announces(&mut bench, at, ROGUE, said(1_800, "2001:db8:1::"));
            bench.tick(s(at + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn both_of_the_first_two_minutes_are_the_sites() {
        let mut bench = site(100);
        for at in [110, 120, 700, 900] {
            announces(&mut bench, at, ROGUE, said(1_800, "2001:db8:2::"));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn the_first_router_of_a_network_without_any_is_a_rogue() {
        let mut bench = Bench::new();
        bench.claims(s(0), mac(9), "192.0.2.9", None);
        announces(&mut bench, 700, ROGUE, said(1_800, ""));
        assert!(bench.of(&KIND)[0].detail.contains("No IPv6 router was heard here before"));
    }

    #[test]
    fn a_stand_in_for_a_router_that_left_or_fell_silent_is_none() {
        let mut bench = site(1_000);
        announces(&mut bench, 1_000, ROUTER, said(0, ""));
        announces(&mut bench, 1_001, ROGUE, said(1_800, "2001:db8:1::"));
        assert!(bench.of(&KIND).is_empty());
        let mut bench = site(1_000);
        announces(&mut bench, 1_100, ROGUE, said(1_800, "2001:db8:1::"));
        assert!(bench.of(&KIND).is_empty(), "the known one was last heard at 810");
        // It lives after all.
        announces(&mut bench, 1_110, ROUTER, said(1_800, "2001:db8:1::"));
        assert_eq!(bench.of(&KIND)[0].detected, s(1_110));
    }

    #[test]
    fn a_stand_in_that_nobody_contradicts_is_learned() {
        let mut bench = site(1_000);
        announces(&mut bench, 1_100, ROGUE, said(1_800, "2001:db8:1::"));
        bench.tick(s(1_701));
        announces(&mut bench, 1_710, ROUTER, said(1_800, "2001:db8:1::"));
        announces(&mut bench, 1_720, ROGUE, said(1_800, "2001:db8:1::"));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn one_that_forwarded_before_is_learned() {
        let mut bench = site(300);
        bench.sees(s(200), party(mac(66), "fe80::66", None), Party::default(), Fact::Router);
        for at in [290, 306] {
            announces(&mut bench, at, ROGUE, said(300, ""));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn the_same_router_with_another_address_or_card_is_none() {
        let mut bench = site(1_000);
        announces(&mut bench, 850, (1, "fe80::2"), said(1_800, ""));
        announces(&mut bench, 851, (2, "fe80::1"), said(1_800, ""));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn who_says_that_it_is_no_way_out_is_none() {
        let mut bench = site(1_000);
        announces(&mut bench, 850, ROGUE, said(0, ""));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn it_ends_with_its_goodbye_or_when_its_word_runs_out() {
        let mut bench = site(1_000);
        announces(&mut bench, 850, ROGUE, said(300, ""));
        bench.tick(s(1_149));
        assert_eq!(bench.of(&KIND)[0].ended, None);
        bench.tick(s(2_000));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(1_150)));
        announces(&mut bench, 2_100, ROGUE, said(300, ""));
        assert_eq!(bench.of(&KIND)[0].ended, None);
        announces(&mut bench, 2_110, ROGUE, said(0, ""));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(2_110)));
    }

    #[test]
    fn blind_time_does_not_shorten_the_learning() {
        let mut bench = site(100);
        bench.unwatched(s(100), s(900));
        announces(&mut bench, 910, ROGUE, said(1_800, ""));
        announces(&mut bench, 1_200, ROGUE, said(1_800, ""));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut bench = site(1_000);
        for n in 0..1_000_u32 {
            let who = Party { mac: None, ip: Some(address(&format!("fe80::9:{n:x}"))), ..Party::default() };
            bench.sees(s(850), who, Party::default(), Fact::RouterAnnounced(Box::new(said(300, ""))));
        }
        assert_eq!(bench.of(&KIND).len(), ROGUES_MAX);
    }
}
