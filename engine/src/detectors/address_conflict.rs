//! `address-conflict`: two devices hold one IP address.
//!
//! ## What it says
//! Two hardware addresses (MACs) or more hold one IP address in one VLAN and none gives way: two of them held it again after
//! another had, each time within 60 s, by what they claim over ARP or IPv6 neighbour discovery and by what they send
//! from it. Or a device gave back a leased address because it found another on it (DHCP DECLINE), and
//! that other one was heard within 60 s. Five quiet minutes end it.
//!
//! ## Why it matters
//! What is sent to the address reaches now the one, now the other: pictures freeze, recorders reconnect,
//! and each device looks faulty by itself. New cameras that all start on their maker's default address are the
//! usual reason.
//!
//! ## Where it is wrong
//! A machine that answers with several network cards on purpose is told by neighbouring MACs; where its cards
//! are of different makers it looks like a conflict. Two cameras from one carton with neighbouring MACs are taken for
//! such a machine until one of them is known to be a camera. The virtual MACs of redundant routers, a router that
//! answers for others, and a MAC that claims four addresses and more are left out. A swapped device is no
//! conflict: the old MAC is silent from then on.
//!
//! ## State
//! One [`Held`] for each address that is claimed, `HELD_MAX` at most; the one used longest ago is forgotten first. One
//! [`Quarrel`] for each conflict, `QUARRELS_MAX` at most.

use std::net::IpAddr;

use spanwatch_parsers::{BindingBy, Fact, Mac, Span, Time};

use super::{Detector, Known, in_vlan};
use crate::bounded::Expiring;
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::flow::is_shared;
use crate::ledger::device::Device;
use crate::ledger::directory::{Number, is_device_address};
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "address-conflict",
    category: "network",
    severity: Severity::Medium,
    source: include_str!("address_conflict.rs"),
    start: Some(|| Box::new(Conflicts::new())),
};

/// An address changes hands within this time, or it was given from one to the other.
const WITHIN: Span = Span::seconds(60);
/// So many held it, lost it and hold it again: after a swap none does, after a standby that gives back one.
const BACK_MIN: usize = 2;
/// Devices told apart on one address; a carton of new cameras holds as many.
const HOLDERS_MAX: usize = 8;
/// A change so long after the one before is the first of a new round.
const ROUND: Span = Span::seconds(300);
/// After so long without a change of hands it is over.
const QUIET: Span = Span::seconds(300);
/// Ports of one network card have MACs this near to each other: two or four of them.
const NEIGHBOURS: u8 = 3;
/// Addresses that are claimed; as many as the directory holds devices.
const HELD_MAX: usize = 65_536;
/// Addresses that were given back and whose other holder was not heard yet.
const DECLINED_MAX: usize = 1_024;
/// Conflicts told apart; a site where each device has one is larger than any.
const QUARRELS_MAX: usize = 1_024;
/// Sights kept of a conflict.
const TRAIL: usize = 4;
/// A MAC that claims so many addresses answers for others, or lies; see the directory's own rule.
const CLAIMS_MANY: usize = 4;
/// Claims that say so, and what one sender of traffic proves, in per cent.
const BY_CLAIMS: u8 = 80;
/// Claims, and both send traffic from the address or one said itself that it is taken, in per cent.
const BY_TWO_WITNESSES: u8 = 92;

type Key = (Option<u16>, IpAddr);

/// How somebody showed that he holds an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Claims,
    Sends,
    Declines,
}

#[derive(Debug, Clone, Copy)]
struct Sign {
    mac: Mac,
    how: How,
    at: Time,
    cite: Cite,
}

/// Who holds an address.
///
/// ```text
/// A claims ──► A holds ──B claims within 60 s of A's last sign──► B holds ──A shows again──► A is back ──B shows again──► conflict
///                 └──────B claims later──────► B holds alone
/// ```
#[derive(Debug)]
struct Held {
    last: Sign,
    /// When the holder became it.
    took: Time,
    /// The first to hold it; of most addresses nobody else does.
    first: Holder,
    round: Option<Box<Round>>,
}

/// Hands that an address went through.
#[derive(Debug)]
struct Round {
    /// Who held it, the first first, [`HOLDERS_MAX`] at most.
    holders: Vec<Holder>,
    /// The last sights at which it changed hands, the one before the first included.
    trail: Vec<Sign>,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    mac: Mac,
    /// Whether he held it again after another did.
    is_back: bool,
    /// Whether he was seen to send traffic from it.
    sends: bool,
}

/// An address that several hold.
#[derive(Debug)]
struct Quarrel {
    key: Key,
    /// Who holds it, the first first, [`HOLDERS_MAX`] at most.
    holders: Vec<Holder>,
    first: Time,
    detected: Time,
    last: Time,
    /// From when on the quiet is measured.
    quiet_from: Time,
    ended: Option<Time>,
    changes: u64,
    trail: Vec<Sign>,
    is_declined: bool,
}

/// What is held, and by whom at once.
#[derive(Debug)]
pub struct Conflicts {
    held: Expiring<Key, Held>,
    declined: Expiring<Key, Sign>,
    quarrels: Vec<Quarrel>,
}

impl Conflicts {
    fn new() -> Self {
        Self {
            held: Expiring::new(HELD_MAX, WITHIN, SEED),
            declined: Expiring::new(DECLINED_MAX, WITHIN, SEED),
            quarrels: Vec::new(),
        }
    }

    /// Takes a sign that somebody holds an address.
    fn sign(&mut self, key: Key, sign: Sign) {
        let is_claim = sign.how == How::Claims;
        let Some(held) = self.held.get(&key, sign.at) else {
            if is_claim {
                self.held.insert(key, Held::by(sign), sign.at);
                self.meet_declined(key, sign);
            }
            return;
        };
        let is_known = held.holders().iter().any(|holder| holder.mac == sign.mac);
        if held.last.mac == sign.mac {
            if held.round.is_none() {
                held.last = if sign.at >= held.last.at { sign } else { held.last };
                return;
            }
            held.shows(&sign);
            if let Some(quarrel) = self.quarrels.iter_mut().find(|it| it.key == key) {
                quarrel.shows(&sign);
            }
            return;
        }
        // A virtual router passes from one machine to the other; only two real ones can quarrel.
        if is_shared(sign.mac) || !(is_claim || is_known) || sign.at <= held.took {
            return;
        }
        if sign.at - held.last.at > WITHIN || is_shared(held.last.mac) {
            *held = Held::by(sign);
            return;
        }
        let round = held.change(sign);
        let back: Vec<Holder> = round.holders.iter().filter(|it| it.is_back).copied().collect();
        let trail = round.trail.clone();
        self.meet(key, &back, &trail, back.len() >= BACK_MIN);
        if is_claim {
            self.meet_declined(key, sign);
        }
    }

    /// Takes a change of hands; whether it is enough to open a conflict.
    fn meet(&mut self, key: Key, holders: &[Holder], trail: &[Sign], is_enough: bool) {
        let ([_, second, .., last] | [_, second @ last]) = trail else { return };
        if let Some(quarrel) = self.quarrels.iter_mut().find(|it| it.key == key) {
            quarrel.goes_on(holders, last, is_enough);
        } else if is_enough && self.quarrels.len() < QUARRELS_MAX {
            let mut quarrel = Quarrel {
                key,
                holders: holders.to_vec(),
                first: second.at,
                detected: last.at,
                last: last.at,
                quiet_from: last.at,
                ended: None,
                changes: (trail.len() as u64).saturating_sub(1),
                trail: trail.to_vec(),
                is_declined: false,
            };
            trail.iter().for_each(|sign| quarrel.shows(sign));
            self.quarrels.push(quarrel);
        }
    }

    /// Says that `sign` holds an address that another gave back because of it.
    fn meet_declined(&mut self, key: Key, sign: Sign) {
        let Some(slot) = self.declined.find(&key) else { return };
        let Some(declined) = self.declined.at(slot).copied() else { return };
        if declined.mac != sign.mac && sign.at - declined.at <= WITHIN {
            self.declined.take(slot);
            self.meet(key, &[Holder::of(&sign), Holder::of(&declined)], &[declined, sign], true);
        }
    }

    /// Takes a client's word that an address it was given is another's.
    fn declined(&mut self, key: Key, sign: Sign) {
        let holder = self.held.peek(&key).map(|held| held.last);
        match holder.filter(|holder| holder.mac != sign.mac && sign.at - holder.at <= WITHIN) {
            Some(holder) => {
                self.meet(key, &[Holder::of(&holder), Holder::of(&sign)], &[holder, sign], true);
            }
            None => {
                self.declined.insert(key, sign, sign.at);
            }
        }
    }

    fn finding(quarrel: &Quarrel, known: &Known<'_>) -> Option<Finding> {
        let (vlan, ip) = quarrel.key;
        let parties = quarrel.parties(known);
        if parties.len() < BACK_MIN {
            return None;
        }
        let (since, at_vlan) = (clock_time(quarrel.first), in_vlan(vlan));
        let count = match parties.len() {
            2 => "Two".to_owned(),
            count => count.to_string(),
        };
        let called: Vec<&str> = parties.iter().map(|(_, _, called)| called.as_str()).collect();
        let macs: Vec<String> = parties.iter().map(|(holder, ..)| holder.mac.to_string()).collect();
        let macs = macs.join(" and ");
        let is_sent_by_all = parties.iter().all(|(holder, ..)| holder.sends);
        let hands = match quarrel.changes {
            0 | 1 => String::new(),
            changes => {
                format!(" It changed hands {changes} times in {}.", length(quarrel.last - quarrel.first))
            }
        };
        let declined = if quarrel.is_declined {
            " One of them gave a leased address back because of it (DHCP DECLINE)."
        } else {
            ""
        };
        let now_over = quarrel.ended.map_or("", |_| " It has been quiet since.");
        let devices: Vec<Number> = parties.iter().filter_map(|(_, number, _)| *number).collect();
        Some(Finding {
            confidence: if is_sent_by_all || quarrel.is_declined { BY_TWO_WITNESSES } else { BY_CLAIMS },
            switch: devices.last().and_then(|number| known.switch_of(*number)),
            devices,
            title: format!("{count} devices hold {ip}{at_vlan}"),
            summary: format!(
                "{count} devices use the address {ip} at the same time since {since} UTC: {}. Each disturbs the other, so pictures from them may freeze or be missing.{now_over} It is IT's turn: give each an address of its own.",
                called.join("; and ")
            ),
            detail: format!(
                "{ip} is held by {macs}{at_vlan}.{hands}{declined} {}",
                if is_sent_by_all { "All of them send traffic from it." } else { "All of them claim it." }
            ),
            remedy: format!(
                "Find the switch ports of {macs} in the switch's MAC table, leave the address to one of them and give the others free ones (by DHCP, or by hand outside the DHCP range), then clear the ARP caches of recorder and router."
            ),
            verify: format!(
                "Only one hardware address answers for {ip} any more; after five quiet minutes this finding gets an end."
            ),
            evidence: quarrel.trail.iter().map(|sign| sign.evidence(ip)).collect(),
            last_seen: quarrel.last,
            ended: quarrel.ended,
            count: quarrel.changes.max(1),
            cause: Some(Cause::AddressConflict),
            ..Finding::of_network(&KIND, &format!("{ip}{at_vlan}"), quarrel.first, quarrel.detected)
        })
    }
}

impl Detector for Conflicts {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Binding { .. } | Fact::Activity(_) | Fact::Lease(_))
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    fn foresee(&self, seen: &Observation, _device: Option<Number>) {
        if let Some(ip) = seen.subject.ip {
            self.held.foresee(&(seen.subject.vlan, ip));
        }
    }

    fn observe(&mut self, seen: &Observation, _known: &Known<'_>) {
        let vlan = seen.subject.vlan;
        let sign = |mac, how, at| Sign { mac, how, at, cite: seen.cite };
        match &seen.fact {
            Fact::Binding { mac, ip, by: BindingBy::Claim }
                if seen.source != "dhcp" && mac.is_device() && is_device_address(*ip) =>
            {
                self.sign((vlan, *ip), sign(*mac, How::Claims, seen.at));
            }
            Fact::Activity(activity) => {
                if let (Some(mac), Some(ip)) = (seen.subject.mac, seen.subject.ip) {
                    self.sign((vlan, ip), sign(mac, How::Sends, activity.last));
                }
            }
            Fact::Lease(lease) if lease.message == DHCP_DECLINE => {
                if let (Some(mac), Some(ip)) = (seen.subject.mac, lease.address) {
                    self.declined((vlan, ip), sign(mac, How::Declines, seen.at));
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        while self.held.expire(to).is_some() {}
        while self.declined.expire(to).is_some() {}
        for quarrel in &mut self.quarrels {
            if quarrel.ended.is_none() && quarrel.quiet_from + QUIET <= to {
                quarrel.ended = Some(quarrel.last);
            }
        }
    }

    fn unwatched(&mut self, from: Time, to: Time) {
        // Who held what meanwhile is unknown: a change of hands would be a guess.
        self.held = Expiring::new(HELD_MAX, WITHIN, SEED);
        self.declined = Expiring::new(DECLINED_MAX, WITHIN, SEED);
        for quarrel in self.quarrels.iter_mut().filter(|quarrel| quarrel.ended.is_none()) {
            quarrel.quiet_from = quarrel.quiet_from + (to - from);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.quarrels.iter().filter_map(|quarrel| Self::finding(quarrel, known)).collect()
    }
}

impl Held {
    fn by(sign: Sign) -> Self {
        Self { last: sign, took: sign.at, first: Holder::of(&sign), round: None }
    }

    fn holders(&self) -> &[Holder] {
        self.round.as_deref().map_or(std::slice::from_ref(&self.first), |round| &round.holders)
    }

    fn change(&mut self, sign: Sign) -> &Round {
        if sign.at - self.took > ROUND {
            (self.first, self.round) = (Holder::of(&self.last), None);
        }
        let (first, last) = (self.first, self.last);
        let begun = || Box::new(Round { holders: vec![first], trail: vec![last] });
        let round = self.round.get_or_insert_with(begun);
        (self.last, self.took) = (sign, sign.at);
        round.change(sign);
        round
    }

    fn shows(&mut self, sign: &Sign) {
        if sign.at >= self.last.at {
            self.last = *sign;
        }
        if let Some(round) = &mut self.round {
            shows(&mut round.holders, sign);
        }
    }
}

impl Round {
    fn change(&mut self, sign: Sign) {
        if self.trail.len() >= TRAIL {
            self.trail.remove(0);
        }
        self.trail.push(sign);
        if let Some(holder) = self.holders.iter_mut().find(|holder| holder.mac == sign.mac) {
            holder.is_back = true;
        } else {
            if self.holders.len() >= HOLDERS_MAX {
                self.holders.remove(0);
            }
            self.holders.push(Holder::of(&sign));
        }
        shows(&mut self.holders, &sign);
    }
}

impl Holder {
    fn of(sign: &Sign) -> Self {
        Self { mac: sign.mac, is_back: false, sends: sign.how == How::Sends }
    }
}

/// Notes how one of them showed that he holds it.
fn shows(holders: &mut [Holder], sign: &Sign) {
    for holder in holders.iter_mut().filter(|holder| holder.mac == sign.mac) {
        holder.sends |= sign.how == How::Sends;
    }
}

impl Quarrel {
    fn shows(&mut self, sign: &Sign) {
        self.is_declined |= sign.how == How::Declines;
        shows(&mut self.holders, sign);
    }

    /// Notes a further change of hands. One that is over begins again only with what would open one.
    fn goes_on(&mut self, holders: &[Holder], sign: &Sign, is_enough: bool) {
        for holder in holders {
            let is_known = self.holders.iter().any(|it| it.mac == holder.mac);
            if is_enough && !is_known && self.holders.len() < HOLDERS_MAX {
                self.holders.push(*holder);
            }
        }
        let is_theirs = self.holders.iter().any(|holder| holder.mac == sign.mac);
        if !is_theirs || (self.ended.is_some() && !is_enough) {
            return;
        }
        self.shows(sign);
        self.changes = self.changes.saturating_add(1);
        (self.last, self.quiet_from, self.ended) = (sign.at, sign.at, None);
    }

    /// Who holds it, each machine once, with his number and what to call him; none that answers for others.
    fn parties(&self, known: &Known<'_>) -> Vec<(Holder, Option<Number>, String)> {
        let mut parties: Vec<(Holder, Option<Number>, String)> = Vec::new();
        for holder in &self.holders {
            let (number, called) = known.bearer(holder.mac);
            let is_same = |(other, of, _): &(Holder, Option<Number>, String)| {
                let is_field = is_field(number, known) || is_field(*of, known);
                (number.is_some() && number == *of) || (are_neighbours(other.mac, holder.mac) && !is_field)
            };
            if !answers_for_others(holder.mac, number, known) && !parties.iter().any(is_same) {
                parties.push((*holder, number, called));
            }
        }
        parties
    }
}

impl Sign {
    fn evidence(&self, ip: IpAddr) -> Evidence {
        let mac = self.mac;
        let (protocol, text) = match self.how {
            How::Claims if ip.is_ipv6() => ("nd", format!("{mac} says that it holds {ip}")),
            How::Claims => ("arp", format!("{mac} says that it holds {ip}")),
            How::Sends => ("ip", format!("{mac} sends from {ip}")),
            How::Declines => ("dhcp", format!("{mac} gives {ip} back: somebody else is on it")),
        };
        Evidence { at: self.at, cite: Some(self.cite), protocol: Some(protocol), text }
    }
}

/// Whether a MAC claims so many addresses that a claim says nothing of who holds one.
fn answers_for_others(mac: Mac, number: Option<Number>, known: &Known<'_>) -> bool {
    let device = number.and_then(|number| known.directory.device(number));
    let is_said = |it: &Device| it.answers_for_others || it.claims.len() >= CLAIMS_MANY;
    device.map_or_else(|| is_shared(mac), is_said)
}

/// Whether a device is one that people mount: it has one network card.
fn is_field(number: Option<Number>, known: &Known<'_>) -> bool {
    let device = number.and_then(|number| known.directory.device(number));
    device.is_some_and(|device| {
        matches!(
            device.kind().0,
            "camera" | "encoder" | "access-controller" | "intercom" | "speaker" | "sensor" | "decoder"
        )
    })
}

/// Whether two MACs may be cards of one machine: they differ in the last bits, or one is the other made local.
fn are_neighbours(one: Mac, other: Mac) -> bool {
    let ([a, a_rest @ .., a_last], [b, b_rest @ .., b_last]) = (one.0, other.0);
    let is_near = a == b && a_rest == b_rest && a_last.abs_diff(b_last) <= NEIGHBOURS;
    let is_made_local = a ^ b == 2 && a_rest == b_rest && a_last.abs_diff(b_last) <= NEIGHBOURS;
    is_near || is_made_local
}

/// RFC 2132, 9.6.
const DHCP_DECLINE: u8 = 4;
/// No result depends on it.
const SEED: u64 = 0x6164_6472;

#[cfg(test)]
mod tests;
