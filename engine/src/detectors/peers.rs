//! What the kinds about who talks to whom have in common: of each device whom it talked to, and over what.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::Time;

use super::Known;
use crate::finding::Evidence;
use crate::ledger::device::Device;
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::policy::Target;

/// One whom a device talked to over one thing, as it was seen first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    /// Whom.
    pub with: IpAddr,
    /// In which VLAN.
    pub vlan: Option<u16>,
    /// The port of who serves; `None` where it does not matter.
    pub port: Option<u16>,
    /// Over what, as `TCP port 23`.
    pub what: String,
    /// When first.
    pub at: Time,
    /// The frame of it.
    pub cite: Cite,
    /// The protocol that showed it.
    pub source: &'static str,
    /// When last.
    pub last: Time,
    /// How often.
    pub count: u64,
}

impl Talk {
    /// With somebody, as an observation shows it.
    pub const fn of(seen: &Observation, (with, port): (IpAddr, u16), what: String) -> Self {
        let (at, vlan, port) = (seen.at, seen.subject.vlan, if port == 0 { None } else { Some(port) });
        Self { with, vlan, port, what, at, cite: seen.cite, source: seen.source, last: at, count: 1 }
    }

    /// Whom, as far as he is known by now.
    pub fn partner(&self, known: &Known<'_>) -> (Option<Number>, String) {
        known.holder(self.with, self.vlan)
    }

    /// Whether the site's rules say that a device may, or may not; `None` where they say nothing.
    pub fn judged(&self, number: Number, known: &Known<'_>) -> Option<bool> {
        let partner = self.partner(known).0.and_then(|partner| known.directory.device(partner));
        let target = Target { ip: self.with, device: partner, port: self.port };
        known.policy.judge(known.directory.device(number)?, target)
    }

    /// As a piece of evidence.
    pub fn evidence(&self, known: &Known<'_>) -> Evidence {
        Evidence {
            at: self.at,
            cite: Some(self.cite),
            protocol: Some(self.source),
            text: format!("{} of {}", self.what, self.partner(known).1),
        }
    }
}

/// Whom each device talked to.
#[derive(Debug, Default)]
pub struct Talks {
    held: BTreeMap<Number, Held>,
    refused: u64,
}

/// Whom one device talked to.
#[derive(Debug, Clone)]
pub struct Held {
    /// What was known first of who it is; see [`crate::finding::id`].
    pub subject: String,
    /// What was seen first coming first.
    pub talks: Vec<Talk>,
}

impl Talks {
    /// Whether anything is held on a device.
    pub fn knows(&self, number: Number) -> bool {
        self.held.contains_key(&number)
    }

    /// Takes one more.
    pub fn add(&mut self, number: Number, talk: Talk, known: &Known<'_>) {
        if self.held.len() >= DEVICES_MAX && !self.held.contains_key(&number) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let named = || Held { subject: known.id_of(number), talks: Vec::new() };
        self.held.entry(number).or_insert_with(named).add(talk);
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        let Some(mut held) = self.held.remove(&gone) else { return };
        if let Some(other) = self.held.remove(&kept) {
            other.talks.into_iter().for_each(|talk| held.add(talk));
        }
        held.talks.sort_by(|a, b| (a.at, a.cite, &a.what).cmp(&(b.at, b.cite, &b.what)));
        self.held.insert(kept, held);
    }

    /// All, by device.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &Held)> {
        self.held.iter().map(|(number, held)| (*number, held))
    }

    /// What it holds at most, and how much it did not keep.
    pub fn limits(&self, what: &'static str) -> Vec<(&'static str, usize, u64)> {
        vec![(what, DEVICES_MAX, self.refused)]
    }
}

impl Held {
    /// What there is no room for counts with the last.
    fn add(&mut self, talk: Talk) {
        let is_full = self.talks.len() >= TALKS_MAX;
        let same = self.talks.iter().position(|it| (it.with, &it.what) == (talk.with, &talk.what));
        match same.or(is_full.then_some(TALKS_MAX - 1)).and_then(|at| self.talks.get_mut(at)) {
            Some(known) => {
                known.last = known.last.max(talk.last);
                known.count = known.count.saturating_add(talk.count);
            }
            None => self.talks.push(talk),
        }
    }
}

/// What to call a device in a sentence.
pub fn title(number: Number, known: &Known<'_>) -> String {
    known.directory.device(number).map_or_else(String::new, Device::title)
}

/// Names joined by commas, each once, the first [`SHOWN`] of them.
pub fn list(names: impl Iterator<Item = String>) -> String {
    let mut shown: Vec<String> = Vec::new();
    for name in names {
        if shown.contains(&name) {
            continue;
        }
        if shown.len() >= SHOWN {
            return format!("{} and more", shown.join(", "));
        }
        shown.push(name);
    }
    shown.join(", ")
}

/// Devices that talk to somebody worth telling; a site where more do has other worries.
const DEVICES_MAX: usize = 16_384;
/// Kept of one device.
const TALKS_MAX: usize = 16;
/// Names, and pieces of evidence, that are shown.
pub const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::bench::nothing_but;
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_counted() {
        let (directory, switches) = Default::default();
        let known = nothing_but(&directory, &switches);
        let mut talks = Talks::default();
        let talk = |n: u32| Talk {
            with: n.to_be_bytes().into(),
            vlan: None,
            port: Some(23),
            what: "TCP port 23".to_owned(),
            at: Time(n.into()),
            cite: Cite::default(),
            source: "flow",
            last: Time(n.into()),
            count: 1,
        };
        for n in 0..DEVICES_MAX as u32 + 5 {
            talks.add(Number::for_test(n), talk(n), &known);
        }
        (0..100).for_each(|n| talks.add(Number::for_test(0), talk(n), &known));
        assert_eq!(talks.limits("x"), [("x", DEVICES_MAX, 5)]);
        let (_, held) = talks.iter().next().unwrap();
        assert_eq!((held.talks.len(), held.talks.iter().map(|it| it.count).sum::<u64>()), (TALKS_MAX, 101));
    }

    #[test]
    fn names_are_told_once_and_not_too_many() {
        let names = |count: u32| (0..count).flat_map(|n| [n.to_string(), n.to_string()]);
        assert_eq!(list(names(3)), "0, 1, 2");
        assert_eq!(list(names(20)), "0, 1, 2, 3, 4, 5, 6, 7 and more");
    }
}
