//! What an earlier run knew of devices: [`Memory`], by MAC.
//!
//! It makes no device. Who is heard again, by the MAC that he had, gets his witnesses back, each for half of what it was worth:
//! he may have been replaced, renamed or updated meanwhile, and one fresh word outweighs the old one. The same source saying the
//! same again counts in full, and once. What was remembered of no frame of this run is cited as packet 0.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Mac, Text, Time};

use super::identity::{Attribute, Sight};
use crate::expected::{Candidate, Peer, Role};
use crate::observation::Cite;

/// What an earlier run knew of devices.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    of: BTreeMap<Mac, Vec<Sight>>,
    sources: BTreeSet<&'static str>,
    /// Who was learned, and since when he did it.
    peers: BTreeMap<(Role, String), Time>,
    /// Until when the picture is being learned, whatever a run has seen.
    pub learns_until: Option<Time>,
}

/// A witness as the report writes it.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Witness<'a> {
    pub attribute: &'a str,
    pub value: &'a str,
    /// In per cent.
    pub strength: u8,
    pub source: &'a str,
    pub at: Time,
}

impl Memory {
    /// Remembers that there was a device with a MAC.
    pub fn meet(&mut self, mac: Mac) {
        if self.of.len() < DEVICES_MAX {
            self.of.entry(mac).or_default();
        }
    }

    /// Whether there was a device with this MAC.
    #[must_use]
    pub fn knows(&self, mac: Mac) -> bool {
        self.of.contains_key(&mac)
    }

    /// Remembers who was learned in a role.
    pub fn expect(&mut self, peer: Peer) {
        if self.peers.len() < PEERS_MAX {
            self.peers.insert((peer.role, peer.who), peer.since);
        }
    }

    /// Who was learned in a role, and since when he did it.
    pub fn peers(&self, role: Role) -> impl Iterator<Item = (&str, Time)> {
        let of_role = self.peers.range((role, String::new())..).take_while(move |((of, _), _)| *of == role);
        of_role.map(|((_, who), since)| (who.as_str(), *since))
    }

    /// Since when somebody does something, where he was learned.
    #[must_use]
    pub fn expects(&self, role: Role, who: Candidate<'_>) -> Option<Time> {
        let is_any = self.peers(role).next().is_some();
        let mut names = who.names().take_while(|_| is_any);
        names.find_map(|name| self.peers.get(&(role, name)).copied())
    }

    /// Remembers a witness of the device with a MAC; what is no attribute, as an address, is left out.
    pub fn add(&mut self, mac: Mac, witness: Witness<'_>) {
        let Some(attribute) = Attribute::ALL.into_iter().find(|it| it.name() == witness.attribute) else {
            return;
        };
        let source = self.source(witness.source);
        let strength = witness.strength / 2;
        let value = Text::from(witness.value);
        let sight = Sight::outright(attribute, value, (source, strength), (witness.at, Cite::default()));
        if self.of.len() < DEVICES_MAX || self.of.contains_key(&mac) {
            self.of.entry(mac).or_default().push(sight);
        }
    }

    /// What was known of who has this MAC.
    pub(super) fn of(&self, mac: Mac) -> impl Iterator<Item = &Sight> {
        self.of.get(&mac).into_iter().flatten()
    }

    /// Of how many devices something is known.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.of.len()
    }

    /// A source's name, kept for the life of the program: there are some dozens.
    fn source(&mut self, name: &str) -> &'static str {
        if let Some(known) = self.sources.get(name) {
            return known;
        }
        if self.sources.len() >= SOURCES_MAX {
            return "memory";
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.sources.insert(name);
        name
    }
}

/// As many as the directory holds.
const DEVICES_MAX: usize = super::directory::DEVICES_MAX;
/// More than all roles have.
const PEERS_MAX: usize = 32_768;
/// Sources that are told apart.
const SOURCES_MAX: usize = 1_024;
