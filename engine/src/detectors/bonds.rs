//! Cables that are used as one, and which of them fell out.
//!
//! ```text
//! a port is in use for SETTLED ──says that it is not, or that it hears nobody, for CONFIRM──► lost, if another of the
//!                              └─says nothing for three times what was agreed, others do──►   same bond goes on
//! ```
//!
//! Ports are of one bond where one system tells of them with one key, and of one system with one key at the other end.
//! A bond that starts is not in use yet; of one that lost all its cables nothing goes on. A port that may not be used
//! together with others was taken out by hand.
//!
//! Source: IEEE 802.1AX-2020, 6.4.2.3 (state), 6.4.4 (timers: 1 s and 3 s, or 30 s and 90 s).

use std::collections::BTreeMap;

use spanwatch_parsers::{Bond, Fact, Mac, Span, Time};

use crate::observation::{Cite, Observation};

/// A port that was in use for so long is expected to stay.
const SETTLED: Span = Span::seconds(10);
/// What lasts no longer was a flap.
const CONFIRM: Span = Span::seconds(10);
/// Where no other was in use all the time, all may be on their way back.
const ALL_BACK: Span = Span::seconds(60);
/// Short and long periodic time (6.4.4).
const FAST: Span = Span::seconds(1);
const SLOW: Span = Span::seconds(30);
/// Who misses so many is not heard (6.4.4: short and long timeout).
const MISSES: i64 = 3;
/// Ports kept; a large core switch has a hundred in bonds.
pub const PORTS_MAX: usize = 4_096;
/// Losses kept.
const LOSSES_MAX: usize = 1_024;

type Sight = (Time, Cite);

/// A port: its system, and its number there.
type Port = (Mac, u16);

/// A bond as one end tells of it: its system and key, and those of the other end.
type Ends = (Mac, u16, Mac, u16);

/// How a port shows that it is out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It no longer hears the other end.
    Deaf,
    /// It takes and sends no traffic.
    Idle,
    /// Nothing is heard of it, and the other goes on.
    Silent,
}

/// A port that fell out of its bond.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The system that tells of it.
    pub system: Mac,
    /// The system at the other end.
    pub partner: Mac,
    /// The MAC that it was sent from.
    pub mac: Mac,
    /// Its number.
    pub port: u16,
    /// One that goes on.
    pub other: u16,
    /// How it shows.
    pub sign: Sign,
    /// When it was last seen in use.
    pub before: Sight,
    /// What shows it first.
    pub first: Sight,
    /// When it was clear.
    pub known: Time,
    /// When it was in use again, or taken out.
    pub ended: Option<Time>,
}

#[derive(Debug)]
struct Member {
    mac: Mac,
    bond: Ends,
    /// Since when without a break; `None` where it is not.
    used_since: Option<Time>,
    used: Sight,
    /// When it was last heard, in watched time.
    heard: Time,
    every: Span,
    /// Since when it says that it is not in use.
    out: Option<(Sight, Sign)>,
    /// Index of the loss that lasts.
    loss: Option<usize>,
}

/// The ports of all bonds.
#[derive(Debug, Default)]
pub struct Bonds {
    members: BTreeMap<Port, Member>,
    losses: Vec<Loss>,
    refused: u64,
    /// Packet time less watched time.
    offset: Span,
}

impl Member {
    /// After so long it is heard no more.
    fn patience(&self) -> Span {
        self.every.times(MISSES).max(CONFIRM)
    }

    /// Since when it is out of use, when that is sure, what shows it.
    fn loss(&self, offset: Span) -> Option<(Time, Time, Sign)> {
        if let Some((first, sign)) = self.out {
            return Some((first.0, first.0 + CONFIRM, sign));
        }
        self.used_since.map(|_| (self.used.0, self.heard + offset + self.patience(), Sign::Silent))
    }
}

/// Whether facts of this form tell of bonds.
pub const fn reads(fact: &Fact) -> bool {
    matches!(fact, Fact::Bond(_))
}

impl Bonds {
    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation) {
        let (Fact::Bond(bond), Some(mac)) = (&seen.fact, seen.subject.mac) else { return };
        let port = (bond.actor.system, bond.actor.port);
        if !bond.actor.state.may_aggregate() {
            if let Some(member) = self.members.remove(&port) {
                self.end(member.loss, seen.at);
            }
            return;
        }
        if bond.actor.state.is_in_use() {
            self.used(port, mac, bond, (seen.at, seen.cite));
        } else if let Some(member) = self.members.get_mut(&port) {
            member.heard = seen.at - self.offset;
            let is_settled = member.used_since.take().is_some_and(|since| seen.at - since >= SETTLED);
            if is_settled {
                let state = bond.actor.state;
                let is_deaf = state.is_expired() || state.is_defaulted();
                member.out = Some(((seen.at, seen.cite), if is_deaf { Sign::Deaf } else { Sign::Idle }));
            }
        }
    }

    fn used(&mut self, port: Port, mac: Mac, bond: &Bond, now: Sight) {
        let ends = (port.0, bond.actor.key, bond.partner.system, bond.partner.key);
        let every = if bond.partner.state.is_fast() { FAST } else { SLOW };
        let heard = now.0 - self.offset;
        if self.members.len() >= PORTS_MAX && !self.members.contains_key(&port) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let member = self.members.entry(port).or_insert_with(|| Member {
            mac,
            bond: ends,
            used_since: None,
            used: now,
            heard,
            every,
            out: None,
            loss: None,
        });
        let was_lost = member.loss.take();
        if member.bond != ends || was_lost.is_some() || heard - member.heard >= member.patience() {
            (member.bond, member.used_since) = (ends, None);
        }
        member.used_since.get_or_insert(now.0);
        (member.mac, member.used, member.heard, member.every, member.out) = (mac, now, heard, every, None);
        self.end(was_lost, now.0);
    }

    fn end(&mut self, loss: Option<usize>, at: Time) {
        if let Some(loss) = loss.and_then(|index| self.losses.get_mut(index)) {
            loss.ended.get_or_insert(at);
        }
    }

    /// Says that all before `to` has been seen.
    pub fn advance(&mut self, to: Time) {
        let mut lost = Vec::new();
        for ((system, port), member) in &self.members {
            let Some((since, sure, sign)) = member.loss(self.offset).filter(|_| member.loss.is_none()) else {
                continue;
            };
            if sure > to || self.losses.len() + lost.len() >= LOSSES_MAX {
                continue;
            }
            let others =
                self.members.iter().filter(|((_, other), it)| other != port && it.bond == member.bond);
            let goes_on = others.filter_map(|((_, other), it)| {
                let known = it.goes_on(member, since, sure, self.offset)?;
                Some((known, *other, it.used))
            });
            // The first that showed it.
            let Some((known, other, shown)) = goes_on.min().filter(|(known, ..)| *known <= to) else {
                continue;
            };
            let first = member.out.map_or(shown, |(first, _)| first);
            let (system, partner, mac, before) = (*system, member.bond.2, member.mac, member.used);
            let loss =
                Loss { system, partner, mac, port: *port, other, sign, before, first, known, ended: None };
            lost.push(((system, *port), loss));
        }
        for (port, loss) in lost {
            if let Some(member) = self.members.get_mut(&port) {
                member.loss = Some(self.losses.len());
                self.losses.push(loss);
            }
        }
    }

    /// Says that nobody watched between the two.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        self.offset = self.offset + (to - from);
    }

    /// All losses, in the order in which they were sure.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Ports for which there was no room.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

impl Member {
    /// When it is sure that this one goes on while `lost` is out of use since then.
    fn goes_on(&self, lost: &Self, since: Time, sure: Time, offset: Span) -> Option<Time> {
        let used_since = self.used_since?;
        let is_after = self.used.0 > since && self.used.0 >= self.heard + offset;
        // Of a silent one it must have been heard twice more since that should have spoken.
        let is_heard = lost.out.is_some() || self.heard - lost.heard >= lost.every.times(MISSES - 1);
        let known = if used_since > since { sure.max(used_since + ALL_BACK) } else { sure };
        (is_after && is_heard).then(|| known.max(self.used.0))
    }
}

#[cfg(test)]
pub mod tests {
    use spanwatch_parsers::{BondSide, BondState};

    use super::super::bench::mac;
    use super::*;

    pub const USED: u8 = 0x3d;
    pub const EXPIRED: u8 = 0x85;
    pub const STANDBY: u8 = 0x05;

    /// How port `port` of switch 1, bound to switch 9, stands; every second.
    pub fn bond(port: u16, state: u8) -> Fact {
        let side = |system, port, state| BondSide {
            system_priority: 0x8000,
            system: mac(system),
            key: 13,
            port_priority: 0x8000,
            port,
            state: BondState(state),
        };
        Fact::Bond(Box::new(Bond { actor: side(1, port, state), partner: side(9, port + 10, 0x3f) }))
    }
}
