//! `arp-spoofing`: somebody tells others that addresses of other devices are his.
//!
//! ## What it says
//! A device that goes on using an address of its own told unasked, over ARP or IPv6 neighbour discovery, again and again, that it holds one of another device's, while that
//! one was heard: [`TURNS`] times after the holder had shown himself on it again; or [`CLAIMS`] times for addresses of two holders; or [`CLAIMS_ALONE`] times for the only address
//! of one. One finding for who tells so, with all addresses. It ends after five quiet minutes.
//!
//! ## Why it matters
//! What is meant for the router, the recorder or a camera goes through the liar's hands: he reads passwords, and may change or drop the picture.
//!
//! ## Where it is wrong
//! Two machines that both think they are the active one of a pair, each with an address of its own beside the common one, look like this. The virtual hardware addresses
//! of VRRP, HSRP and GLBP, a router that answers for others when it is asked, who was given the address by DHCP, who takes an address over once and keeps it,
//! and two devices set to one address (`address-conflict`) are no spoofing.
//!
//! ## State
//! One [`Holder`] for each address that is claimed, [`HOLDERS_MAX`] at most; one [`Contest`] for each that another claims, [`CONTESTS_MAX`] at most.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use spanwatch_parsers::{BindingBy, Fact, Mac, Span, Time};

use super::{Detector, Known, in_vlan};
use crate::bounded::Expiring;
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::flow::is_shared;
use crate::ledger::device::Device;
use crate::ledger::directory::is_device_address;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "arp-spoofing",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("arp_spoofing.rs"),
    start: Some(|| Box::new(Claims::default())),
};

/// Claims after each of which the holder showed himself again: a pair that fails over and back does so once or twice.
const TURNS: u32 = 3;
/// Unasked claims for each of two holders' addresses; who takes an address over tells so two to five times, of one holder's.
const CLAIMS: u32 = 3;
/// Unasked claims for one address; keepalived tells five times at once and five more 5 s later.
const CLAIMS_ALONE: u32 = 12;
/// And they go on for longer than any takeover.
const GOES_ON: Span = Span::seconds(8);
/// A claim so soon after somebody asked is an answer.
const ANSWERS: Span = Span::seconds(2);
/// Who was heard within this time lives.
const ALIVE: Span = Span::seconds(60);
/// What nobody contested for so long is a move.
const SETTLED: Span = Span::seconds(600);
/// After so long without a claim it is over.
const QUIET: Span = Span::seconds(300);
/// Addresses that are claimed; as many as the directory holds devices.
const HOLDERS_MAX: usize = 65_536;
/// Contests at once.
const CONTESTS_MAX: usize = 1_024;
/// Claims kept of a contest.
const TRAIL: usize = 3;
/// Pieces of evidence, and addresses, shown.
const SHOWN: usize = 8;

type Key = (Option<u16>, IpAddr);

/// Who holds an address.
#[derive(Debug)]
struct Holder {
    mac: Mac,
    /// Who held it before: he may have it back.
    before: Mac,
    /// When somebody last asked for it.
    asked: Time,
    /// When the holder last showed himself on it.
    shown: Time,
}

impl Holder {
    const fn passes_to(&mut self, mac: Mac, at: Time) {
        (self.before, self.mac, self.shown) = (self.mac, mac, at);
    }
}

/// An address that another than its holder claims, unasked.
///
/// ```text
/// holder ──another claims, unasked──► contest ──holder shows himself──► turn ──claims again──► … TURNS ──► spoofing
///                                        └──SETTLED without more──► he holds it now
/// ```
#[derive(Debug)]
struct Contest {
    holder: Mac,
    first: Time,
    last: Time,
    claims: u32,
    turns: u32,
    /// Whether the holder was heard, on whatever address, since the first claim.
    is_alive: bool,
    /// Whether the holder has another address, too.
    has_other: bool,
    /// Whether the claimer showed himself on an address of his own since the first claim: who changed to the address does not.
    is_elsewhere: bool,
    trail: Vec<(Time, Cite, &'static str)>,
}

/// Who claims what, and who did before.
#[derive(Debug)]
pub struct Claims {
    holders: Expiring<Key, Holder>,
    contests: BTreeMap<(Mac, Key), Contest>,
    /// Whose addresses others claim.
    contested: BTreeSet<Mac>,
    /// Who was found to lie, and when that was clear.
    liars: BTreeMap<Mac, Time>,
    refused: u64,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            holders: Expiring::new(HOLDERS_MAX, Span(i64::MAX), SEED),
            contests: BTreeMap::new(),
            contested: BTreeSet::new(),
            liars: BTreeMap::new(),
            refused: 0,
        }
    }
}

impl Contest {
    fn is_like(&self, least: u32) -> bool {
        self.claims >= least && self.is_alive && self.last - self.first >= GOES_ON
    }
}

impl Claims {
    fn claimed(&mut self, key: Key, mac: Mac, seen: &Observation, known: &Known<'_>) {
        let Some(holder) = self.holders.get(&key, seen.at) else {
            let (asked, shown) = (Time::MIN, seen.at);
            self.holders.insert(key, Holder { mac, before: mac, asked, shown }, seen.at);
            return;
        };
        if holder.mac == mac {
            holder.shown = holder.shown.max(seen.at);
            return;
        }
        if holder.before == mac {
            holder.passes_to(mac, seen.at);
            return;
        }
        let of = |mac| known.directory.find_mac(mac).and_then(|number| known.directory.device(number));
        let (claimer, owner) = (of(mac), of(holder.mac));
        let is_heard = owner.is_some_and(|device| seen.at - device.last_own <= ALIVE);
        let is_one_machine = known.directory.find_mac(mac) == known.directory.find_mac(holder.mac);
        let is_answer = holder.asked > Time::MIN && seen.at - holder.asked <= ANSWERS;
        let is_plain = is_answer || !claimer.is_some_and(|device| has_other(device, key.1));
        if is_shared(mac) || is_shared(holder.mac) || is_one_machine || (is_plain && !is_heard) {
            holder.passes_to(mac, seen.at);
            return;
        }
        if is_plain {
            return;
        }
        let (was, shown) = (holder.mac, holder.shown);
        let place = (mac, key);
        if self.contests.len() >= CONTESTS_MAX && !self.contests.contains_key(&place) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.contested.insert(was);
        let begun = || Contest {
            holder: was,
            first: seen.at,
            last: Time::MIN,
            claims: 0,
            turns: 0,
            is_alive: false,
            has_other: false,
            is_elsewhere: false,
            trail: Vec::new(),
        };
        let contest = self.contests.entry(place).or_insert_with(begun);
        if contest.holder != was {
            *contest = begun();
        }
        contest.is_alive |= owner.is_some_and(|device| device.last_own > contest.first);
        contest.has_other |= owner.is_some_and(|device| has_other(device, key.1));
        if contest.claims > 0 && shown > contest.last {
            contest.turns = contest.turns.saturating_add(1);
        }
        contest.claims = contest.claims.saturating_add(1);
        contest.last = seen.at;
        if contest.trail.len() < TRAIL {
            contest.trail.push((seen.at, seen.cite, seen.source));
        }
        if self.is_lying(mac) {
            self.liars.entry(mac).or_insert(seen.at);
        }
    }

    /// Takes a sign of somebody on an address: where it is his own, he still uses that beside those he claims.
    fn shown(&mut self, (mac, ip): (Mac, IpAddr), at: Time, known: &Known<'_>) {
        let claims = |key: &(Mac, Key)| key.0 == mac;
        if !self.contests.keys().any(claims) || self.contests.keys().any(|key| claims(key) && key.1.1 == ip) {
            return;
        }
        let device = known.directory.find_mac(mac).and_then(|number| known.directory.device(number));
        if device.is_some_and(|device| device.ips.contains(&ip)) {
            let own = self.contests.iter_mut().filter(|(key, _)| claims(key));
            own.for_each(|(_, it)| it.is_elsewhere |= at > it.first);
        }
    }

    fn of(&self, mac: Mac) -> impl Iterator<Item = (Key, &Contest)> {
        let all = self.contests.iter().filter(move |((claimer, _), _)| *claimer == mac);
        all.map(|((_, key), contest)| (*key, contest))
    }

    fn is_lying(&self, mac: Mac) -> bool {
        let holders: BTreeSet<Mac> =
            self.of(mac).filter(|(_, it)| it.is_like(CLAIMS)).map(|(_, it)| it.holder).collect();
        let is_lie = |it: &Contest| it.turns >= TURNS || (!it.has_other && it.is_like(CLAIMS_ALONE));
        let is_elsewhere = self.of(mac).any(|(_, it)| it.is_elsewhere);
        is_elsewhere && (holders.len() > 1 || self.of(mac).any(|(_, it)| is_lie(it)))
    }

    fn finding(&self, mac: Mac, detected: Time, known: &Known<'_>) -> Option<Finding> {
        let mut told: Vec<(Key, &Contest)> = self.of(mac).collect();
        told.sort_by_key(|(key, it)| (it.first, *key));
        let first = told.first()?.1.first;
        let last = told.iter().map(|(_, it)| it.last).max()?;
        let count = told.iter().fold(0_u64, |sum, (_, it)| sum.saturating_add(it.claims.into()));
        let (liar, called) = known.bearer(mac);
        let mut devices: Vec<_> = liar.into_iter().collect();
        let mut whose: Vec<String> = Vec::new();
        for ((vlan, ip), contest) in &told {
            let (number, title) = known.bearer(contest.holder);
            devices.extend(number.filter(|number| !devices.contains(number)));
            whose.push(format!("{ip}{} of {title}", in_vlan(*vlan)));
        }
        let more = if whose.len() > SHOWN { " and more" } else { "" };
        whose.truncate(SHOWN);
        let whose = format!("{}{more}", whose.join("; "));
        let evidence = told.iter().flat_map(|((_, ip), contest)| {
            contest.trail.iter().map(move |(at, cite, source)| Evidence {
                at: *at,
                cite: Some(*cite),
                protocol: Some(source),
                text: format!("{mac} tells unasked that it holds {ip}, which {} holds", contest.holder),
            })
        });
        let is_two = told.len() > 1 || told.iter().any(|(_, it)| it.turns >= TURNS);
        let is_over = known.now - last >= QUIET;
        Some(Finding {
            confidence: if is_two { 92 } else { 80 },
            devices,
            switch: liar.and_then(|number| known.switch_of(number)),
            title: format!("{called} pretends to be other devices"),
            summary: format!(
                "{called} tells the network that addresses of others are its own, so that what is meant for them goes through it: {whose}. {}It is IT's turn: find that machine and take it off the network.",
                if is_over { "It has been quiet since. " } else { "" }
            ),
            detail: format!(
                "{mac} claimed unasked {whose}, {count} times since {} UTC, while the holders were heard.",
                clock_time(first)
            ),
            remedy: format!(
                "Find the switch port of {mac} in the MAC table and shut it; clear the ARP caches of router, recorder and cameras. Switch on dynamic ARP inspection and DHCP snooping, for IPv6 the same for neighbour discovery. Change passwords that crossed the network in clear meanwhile."
            ),
            verify: "Each address is claimed by its own device alone; after five quiet minutes this finding gets an end.".to_owned(),
            evidence: evidence.take(SHOWN).collect(),
            last_seen: last,
            ended: is_over.then_some(last),
            count,
            ..Finding::of_network(&KIND, &mac.to_string(), first, detected)
        })
    }
}

impl Detector for Claims {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Binding { .. } | Fact::Asked { .. } | Fact::Lease(_) | Fact::Activity(_))
    }

    fn is_idle(&self) -> bool {
        self.contests.is_empty()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let vlan = seen.subject.vlan;
        match &seen.fact {
            Fact::Binding { mac, ip, by: BindingBy::Claim }
                if !seen.source.starts_with("dhcp") && mac.is_device() && is_device_address(*ip) =>
            {
                if !self.contests.is_empty() {
                    self.shown((*mac, *ip), seen.at, known);
                }
                self.claimed((vlan, *ip), *mac, seen, known);
            }
            Fact::Asked { target, .. } => {
                if let Some(slot) = self.holders.find(&(vlan, *target))
                    && let Some(holder) = self.holders.at(slot)
                {
                    holder.asked = holder.asked.max(seen.at);
                }
            }
            // Who is given an address holds it.
            Fact::Lease(lease) if lease.message == DHCP_ACK => {
                if let (Some(mac), Some(ip)) = (seen.subject.mac, lease.address)
                    && let Some(holder) = self.holders.get(&(vlan, ip), seen.at)
                    && holder.mac != mac
                {
                    holder.passes_to(mac, seen.at);
                }
            }
            Fact::Activity(activity) if !self.contests.is_empty() => {
                let (Some(mac), Some(ip)) = (seen.subject.mac, seen.subject.ip) else { return };
                self.shown((mac, ip), activity.last, known);
                if self.contested.contains(&mac) {
                    let own = self.contests.values_mut().filter(|it| it.holder == mac);
                    own.for_each(|it| it.is_alive |= activity.last > it.first);
                }
                if let Some(slot) = self.holders.find(&(vlan, ip))
                    && let Some(holder) = self.holders.at(slot)
                    && holder.mac == mac
                {
                    holder.shown = holder.shown.max(activity.last);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        let (liars, holders) = (&self.liars, &mut self.holders);
        self.contests.retain(|(mac, key), contest| {
            if liars.contains_key(mac) || to - contest.last < SETTLED {
                return true;
            }
            let moved = holders.get(key, to).filter(|holder| holder.shown <= contest.last);
            if let Some(holder) = moved {
                holder.passes_to(*mac, contest.last);
            }
            false
        });
        if self.contests.is_empty() {
            self.contested.clear();
        }
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        // Who took an address over meanwhile is not known.
        self.holders = Expiring::new(HOLDERS_MAX, Span(i64::MAX), SEED);
        let liars = &self.liars;
        self.contests.retain(|(mac, _), _| liars.contains_key(mac));
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.liars.iter().filter_map(|(mac, detected)| self.finding(*mac, *detected, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("addresses that two claim", CONTESTS_MAX, self.refused)]
    }
}

/// Whether a device holds another address than this one, of its own sort.
fn has_other(device: &Device, ip: IpAddr) -> bool {
    device.ips.iter().any(|own| *own != ip && own.is_ipv4() == ip.is_ipv4())
}

/// Option 53 (RFC 2132, 9.6).
const DHCP_ACK: u8 = 5;
/// No result depends on it.
const SEED: u64 = 0x6c69_6172;

#[cfg(test)]
mod tests {
    use super::super::address_conflict;
    use super::super::bench::{Bench, address, mac, party, s};
    use super::*;
    use crate::observation::Party;

    const ROUTER: &str = "192.0.2.1";
    const CAMERA: &str = "192.0.2.7";

    /// A router, a camera and a third machine that all claim their own address and go on sending.
    fn site() -> Bench {
        let mut bench = Bench::new();
        for (host, ip) in [(1, ROUTER), (7, CAMERA), (9, "192.0.2.9")] {
            bench.claims(s(0), mac(host), ip, None);
        }
        bench
    }

    fn lives(bench: &mut Bench, at: i64) {
        bench.sends(s(at), mac(9), "192.0.2.9", None);
        bench.sends(s(at), mac(1), ROUTER, None);
        bench.sends(s(at), mac(7), CAMERA, None);
        bench.tick(s(at));
    }

    #[test]
    fn who_claims_the_addresses_of_two_who_live_is_told_once() {
        let mut bench = site();
        for at in (10..40).step_by(2) {
            bench.claims(s(at), mac(9), ROUTER, None);
            bench.claims(s(at), mac(9), CAMERA, None);
            lives(&mut bench, at + 1);
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding: {:?}", bench.of(&KIND)) };
        assert_eq!((finding.first_seen, finding.count, finding.devices.len()), (s(10), 30, 3));
        assert!(finding.title.contains(&mac(9).to_string()), "{}", finding.title);
        assert!(bench.of(&address_conflict::KIND).is_empty(), "it is told as spoofing alone");
        bench.tick(s(400));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(38)));
    }

    #[test]
    fn who_claims_the_only_address_of_one_who_lives_is_told() {
        let mut bench = site();
        for at in (10..40).step_by(2) {
            bench.claims(s(at), mac(9), ROUTER, None);
            // The router forwards, and shows its own address to nobody.
            bench.sends(s(at + 1), mac(1), "198.51.100.7", None);
            bench.sends(s(at + 1), mac(9), "192.0.2.9", None);
            bench.tick(s(at + 1));
        }
        assert_eq!(bench.of(&KIND).len(), 1);
    }

    #[test]
    fn a_takeover_of_an_address_that_is_kept_is_none() {
        let mut bench = site();
        bench.claims(s(1), mac(1), "192.0.2.254", None);
        for at in [20, 20, 20, 20, 20, 25, 25, 25, 25, 25] {
            bench.claims(s(at), mac(9), "192.0.2.254", None);
            lives(&mut bench, at + 1);
        }
        // And back.
        for at in [60, 60, 60, 60, 60, 65, 65, 65, 65, 65] {
            bench.claims(s(at), mac(1), "192.0.2.254", None);
            lives(&mut bench, at + 1);
        }
        bench.tick(s(2_000));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_virtual_router_and_a_router_that_answers_when_asked_are_none() {
        let mut bench = site();
        let virtual_mac = Mac([0, 0, 0x5e, 0, 1, 5]);
        for at in (10..60).step_by(2) {
            bench.claims(s(at), virtual_mac, ROUTER, None);
            let asker = party(mac(20), "192.0.2.20", None);
            bench.sees(s(at + 1), asker, Party::default(), Fact::Asked { target: address(CAMERA), of: None });
            bench.claims(s(at + 1), mac(9), CAMERA, None);
            lives(&mut bench, at + 1);
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn who_is_given_the_address_by_dhcp_and_two_on_one_address_are_none() {
        let mut bench = site();
        bench.lease(s(5), mac(9), 5, Some((mac(1), ROUTER)), Some(CAMERA));
        for at in (10..40).step_by(2) {
            bench.claims(s(at), mac(9), CAMERA, None);
            lives(&mut bench, at + 1);
        }
        assert!(bench.of(&KIND).is_empty());
        // Two cameras of one carton have no address beside the one that both are set to.
        let mut bench = site();
        for at in (10..60).step_by(2) {
            bench.claims(s(at), mac(8), CAMERA, None);
            lives(&mut bench, at + 1);
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn who_changed_to_an_address_that_another_has_is_no_liar() {
        let mut bench = site();
        for at in (10..60).step_by(2) {
            bench.claims(s(at), mac(9), CAMERA, None);
            bench.sends(s(at + 1), mac(7), CAMERA, None);
            bench.tick(s(at + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn who_has_his_own_address_back_from_a_mac_that_was_heard_once_is_none() {
        let mut bench = site();
        bench.claims(s(1), mac(9), "192.0.2.99", None);
        for at in (100..2_000).step_by(100) {
            // Damaged frames, each from another MAC.
            bench.claims(s(at), mac(100 + (at / 100) as u8), "192.0.2.9", None);
            bench.claims(s(at + 90), mac(9), "192.0.2.9", None);
            bench.tick(s(at + 1));
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut bench = Bench::new();
        let mut claims = Claims::default();
        bench.claims(s(0), mac(1), ROUTER, None);
        let (directory, switches) = Default::default();
        let known = super::super::bench::nothing_but(&directory, &switches);
        let seen = Observation {
            place: Default::default(),
            at: s(1),
            cite: Cite::default(),
            subject: Party::default(),
            peer: Party::default(),
            transport: None,
            source: "arp",
            fact: Fact::Announced,
        };
        for n in 0..HOLDERS_MAX as u32 + 50 {
            claims.claimed((None, n.to_be_bytes().into()), mac(1), &seen, &known);
        }
        assert_eq!(claims.holders.len(), HOLDERS_MAX);
    }
}
