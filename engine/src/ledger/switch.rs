//! Switches: what they say of themselves over LLDP, and who hangs on them.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Neighbor, Text};

use super::directory::Number;

/// What a bridge is known by: its chassis id where that is a MAC, which is its own; else its name,
/// for two bridges may bear the same text as chassis id.
#[must_use]
pub fn key(neighbor: &Neighbor) -> Text {
    match (&neighbor.mac, &neighbor.name) {
        (None, Some(name)) => name.clone(),
        _ => neighbor.chassis.clone(),
    }
}

/// One switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switch {
    /// System name.
    pub name: Option<Text>,
    /// Management addresses, as text.
    pub addresses: BTreeSet<Text>,
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
    /// Takes a bridge's own words. What was said of it under its name or address comes with it.
    pub fn announced(&mut self, neighbor: &Neighbor) {
        let id = key(neighbor);
        let addresses = neighbor.management.iter().map(|ip| Text::from(ip.to_string().as_str()));
        let addresses: Vec<Text> = addresses.take(ADDRESSES_MAX).collect();
        let aliases = addresses.iter().chain(&neighbor.name).filter(|alias| **alias != id);
        let before: Vec<Switch> = aliases.filter_map(|alias| self.switches.remove(alias)).collect();
        let Some(switch) = self.switch(&id, "lldp") else { return };
        switch.name = neighbor.name.clone().or(switch.name.take());
        switch.source = "lldp";
        switch.addresses.extend(addresses);
        for said in before {
            switch.members.extend(said.members);
            for (port, devices) in said.ports {
                switch.ports.entry(port).or_default().extend(devices);
            }
        }
        if switch.ports.len() < PORTS_MAX {
            switch.ports.entry(neighbor.port.clone()).or_default();
        }
    }

    /// Says that `device` hangs on `port` of the switch called `id`, by chassis id, name or address.
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

    /// The id under which a switch is known that `said` calls by id, name or management address.
    #[must_use]
    pub fn id_of(&self, said: &Text) -> Text {
        let is_it = |switch: &Switch| switch.name.as_ref() == Some(said) || switch.addresses.contains(said);
        let by_name = || self.switches.iter().find(|(_, switch)| is_it(switch));
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
/// Management addresses kept of one switch.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Neighbor {
        Neighbor {
            chassis: "02:00:00:00:00:05".into(),
            mac: Some(spanwatch_parsers::Mac([2, 0, 0, 0, 0, 5])),
            port: "ge9".into(),
            name: Some("sw-dock".into()),
            management: vec!["192.0.2.3".parse().unwrap()],
            ..Neighbor::default()
        }
    }

    #[test]
    fn what_was_said_of_its_address_comes_with_its_own_words() {
        let mut switches = Switches::default();
        switches.attached(&"192.0.2.3".into(), Some(&"ge1".into()), Number(7), "dhcp option 82");
        switches.announced(&announcement());
        let all: Vec<_> = switches.iter().collect();
        let [(id, switch)] = all[..] else { panic!("one switch") };
        assert_eq!((id.as_str(), switch.source), ("02:00:00:00:00:05", "lldp"));
        assert_eq!(switch.members, BTreeSet::from([Number(7)]));
        assert_eq!(switch.ports.keys().map(Text::as_str).collect::<Vec<_>>(), ["ge1", "ge9"]);
    }

    #[test]
    fn a_device_that_is_plugged_elsewhere_leaves_its_former_switch() {
        let mut switches = Switches::default();
        switches.attached(&"one".into(), Some(&"1".into()), Number(7), "dhcp option 82");
        switches.attached(&"two".into(), Some(&"2".into()), Number(7), "dhcp option 82");
        let members: Vec<_> = switches.iter().map(|(_, switch)| switch.members.len()).collect();
        assert_eq!(members, [0, 1]);
    }

    #[test]
    fn two_bridges_with_one_text_as_chassis_are_told_apart_by_name() {
        let mut switches = Switches::default();
        for name in ["sw-a", "sw-b"] {
            let neighbor =
                Neighbor { chassis: "switch".into(), mac: None, name: Some(name.into()), ..announcement() };
            switches.announced(&Neighbor { management: vec![], ..neighbor });
        }
        assert_eq!(switches.iter().count(), 2);
    }
}
