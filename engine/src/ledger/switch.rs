//! Switches: what they say of themselves over LLDP, and who hangs on them.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Neighbor, Text};

use super::directory::Number;

/// One switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switch {
    /// System name.
    pub name: Option<Text>,
    /// Ports on which it announced itself or on which a device hangs.
    pub ports: BTreeMap<Text, BTreeSet<Number>>,
    /// Devices on it.
    pub members: BTreeSet<Number>,
    /// Who says that it exists.
    pub source: &'static str,
}

/// All switches by id (chassis id or option 82 remote id), [`SWITCHES_MAX`] at most.
#[derive(Debug, Default)]
pub struct Switches {
    switches: BTreeMap<Text, Switch>,
    /// Switches that were not kept.
    pub refused: u64,
}

impl Switches {
    /// Takes a bridge's own words.
    pub fn announced(&mut self, neighbor: &Neighbor) {
        let Some(switch) = self.switch(&neighbor.chassis, "lldp") else { return };
        switch.name = neighbor.name.clone().or(switch.name.take());
        switch.source = "lldp";
        if switch.ports.len() < PORTS_MAX {
            switch.ports.entry(neighbor.port.clone()).or_default();
        }
    }

    /// Says that `device` hangs on `port` of the switch called `id`, by chassis id or by name.
    pub fn attached(&mut self, id: &Text, port: Option<&Text>, device: Number, source: &'static str) {
        let id = self.id_of(id);
        for (other, switch) in &mut self.switches {
            if *other != id && switch.members.remove(&device) {
                switch.ports.values_mut().for_each(|devices| {
                    devices.remove(&device);
                });
            }
        }
        let Some(switch) = self.switch(&id, source) else { return };
        switch.members.insert(device);
        if let Some(port) =
            port.filter(|port| switch.ports.len() < PORTS_MAX || switch.ports.contains_key(*port))
        {
            switch.ports.entry(port.clone()).or_default().insert(device);
        }
    }

    /// The id under which a switch is known that `said` calls by id or by name.
    #[must_use]
    pub fn id_of(&self, said: &Text) -> Text {
        let by_name = || self.switches.iter().find(|(_, switch)| switch.name.as_ref() == Some(said));
        match self.switches.get(said) {
            Some(_) => said.clone(),
            None => by_name().map_or_else(|| said.clone(), |(id, _)| id.clone()),
        }
    }

    /// A switch by its id.
    #[must_use]
    pub fn get(&self, id: &Text) -> Option<&Switch> {
        self.switches.get(id)
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        for switch in self.switches.values_mut() {
            let of_ports = switch.ports.values_mut();
            for members in of_ports.chain([&mut switch.members]).filter(|set| set.contains(&gone)) {
                members.remove(&gone);
                members.insert(kept);
            }
        }
    }

    /// Says that a device was forgotten.
    pub fn forget(&mut self, device: Number) {
        for switch in self.switches.values_mut() {
            switch.members.remove(&device);
            for members in switch.ports.values_mut() {
                members.remove(&device);
            }
        }
    }

    /// Every switch by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Switch)> {
        self.switches.iter()
    }

    fn switch(&mut self, id: &Text, source: &'static str) -> Option<&mut Switch> {
        if self.switches.len() >= SWITCHES_MAX && !self.switches.contains_key(id) {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        Some(self.switches.entry(id.clone()).or_insert_with(|| Switch { source, ..Switch::default() }))
    }
}

/// Switches kept.
pub const SWITCHES_MAX: usize = 8_192;
/// Ports kept of one switch; a chassis of ten 48-port cards has 480.
const PORTS_MAX: usize = 1_024;
