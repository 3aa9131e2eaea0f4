//! Switches: what they say of themselves over LLDP and CDP, and who hangs on them.

use std::collections::{BTreeMap, BTreeSet};

use spanwatch_parsers::{Mac, Neighbor, Span, Text, Time};

use super::directory::Number;
use super::refusals::Refusals;

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
    pub ports: BTreeMap<Text, Port>,
    /// Devices on it.
    pub members: BTreeSet<Number>,
    /// Who says that it exists.
    pub source: &'static str,
}

impl Switch {
    /// Whether it spoke for itself.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.ports.values().any(|port| port.is_announced)
    }
}

/// One port of a switch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// Whether the switch itself named it. One that others named is there while something hangs on it.
    pub is_announced: bool,
    /// What hangs on it.
    pub devices: BTreeSet<Number>,
}

/// All switches by id (chassis id or option 82 remote id), [`SWITCHES_MAX`] at most.
#[derive(Debug, Default)]
pub struct Switches {
    switches: BTreeMap<Text, Switch>,
    /// Names and addresses, each with the id of a switch that bears it.
    called: BTreeSet<(Text, Text)>,
    /// Announced names as people compare them, each with the id of the switch that last bore it.
    plain: BTreeMap<String, Text>,
    /// Names in the site's own list as people compare them, each as it stands there first.
    listed: BTreeMap<String, Text>,
    /// Where each device hangs: on one switch, on one port at most.
    places: BTreeMap<Number, (Text, Option<Text>)>,
    /// Whose tree a bridge says it is part of (STP), and when it last did: by its own address, the root's.
    roots: BTreeMap<Mac, (Mac, Time)>,
    /// When any bridge last did.
    rooted_last: Time,
    /// Ports of all switches.
    ports: usize,
    /// What was not kept.
    pub refused: Refusals,
}

impl Switches {
    /// Takes a bridge's own words, said by the protocol `source`. What was said of it under its name or address
    /// comes with it. A bridge that tells only its name is the one that is known by it.
    pub fn announced(&mut self, neighbor: &Neighbor, source: &'static str) {
        let id = if neighbor.mac.is_some() { key(neighbor) } else { self.id_of(&key(neighbor)) };
        let addresses = neighbor.management.iter().map(|ip| Text::from(ip.to_string().as_str()));
        let addresses: Vec<Text> = addresses.take(ADDRESSES_MAX).collect();
        let listed = self.listed_as(neighbor.name.as_ref(), &id);
        let aliases = addresses.iter().chain(&neighbor.name).chain(&listed).filter(|alias| **alias != id);
        let before: Vec<Switch> = aliases.filter_map(|alias| self.remove(alias)).collect();
        let Some(switch) = self.switch(&id, source) else { return };
        if !switch.is_announced() {
            switch.source = source;
        }
        if let Some(name) = &neighbor.name
            && let Some(former) = switch.name.replace(name.clone()).filter(|former| former != name)
            && !switch.addresses.contains(&former)
        {
            self.called.remove(&(former, id.clone()));
        }
        self.called.extend(neighbor.name.iter().map(|name| (name.clone(), id.clone())));
        self.called.extend(listed.into_iter().map(|name| (name, id.clone())));
        for address in addresses {
            self.addressed(&id, address);
        }
        for said in before {
            for device in said.members {
                let port = said.ports.iter().find(|(_, port)| port.devices.contains(&device));
                self.hang(&id, port.map(|(name, _)| name), device);
            }
        }
        if let Some(port) = self.port(&id, &neighbor.port) {
            port.is_announced = true;
        }
    }

    /// Says that `device` hangs on `port` of the switch called `id`, by chassis id, name or address.
    pub fn attached(&mut self, id: &Text, port: Option<&Text>, device: Number, source: &'static str) {
        let id = self.id_of(id);
        let is_elsewhere = self.places.get(&device).is_some_and(|(switch, on)| {
            *switch != id || port.is_some_and(|port| on.as_ref().is_some_and(|on| on != port))
        });
        if is_elsewhere {
            self.forget(device);
        }
        if self.switch(&id, source).is_some() {
            self.hang(&id, port, device);
        }
    }

    /// Takes a bridge's word on whose tree it is part of.
    pub fn rooted(&mut self, bridge: Mac, root: Mac, at: Time) {
        self.rooted_last = self.rooted_last.max(at);
        if self.roots.len() >= SWITCHES_MAX && !self.roots.contains_key(&bridge) {
            let last = self.rooted_last;
            self.roots.retain(|_, (_, said)| last - *said <= ROOTED);
            if self.roots.len() >= SWITCHES_MAX {
                self.refused.count("bridges", SWITCHES_MAX);
                return;
            }
        }
        self.roots.insert(bridge, (root, at));
    }

    /// The roots that bridges name, and named lately when the last of them did.
    fn named_roots(&self) -> impl Iterator<Item = Mac> + '_ {
        self.roots.values().filter(|(_, said)| self.rooted_last - *said <= ROOTED).map(|(root, _)| *root)
    }

    /// The switch that one hangs on, and who says so: where it hangs itself as any device does, else the root of its tree, or of the
    /// only tree there is; that may have others between. `place` is where a hardware address or an address hangs.
    #[must_use]
    pub fn parent(
        &self,
        id: &Text,
        place: &dyn Fn(&str) -> Option<(Text, &'static str)>,
    ) -> Option<(Text, &'static str)> {
        let switch = self.switches.get(id)?;
        let own = std::iter::once(id).chain(&switch.addresses);
        let hangs =
            own.filter_map(|address| place(address.as_str())).map(|(on, source)| (self.id_of(&on), source));
        let is_other = |(on, _): &(Text, &'static str)| on != id && self.switches.contains_key(on);
        if let Some(parent) = hangs.into_iter().find(is_other) {
            return Some(parent);
        }
        let mac = super::inventory::mac(id.as_str())?;
        let told = self.roots.get(&mac).map(|(root, _)| *root);
        let root = told.or_else(|| self.only_root().filter(|_| switch.is_announced()));
        let root = root.filter(|root| *root != mac)?;
        let root: Text = root.to_string().as_str().into();
        self.switches.contains_key(&root).then_some((root, "stp"))
    }

    /// The root of all trees, where they have one in common: what is heard beside it hangs below it.
    fn only_root(&self) -> Option<Mac> {
        let mut roots = self.named_roots();
        let first = roots.next()?;
        roots.all(|root| root == first).then_some(first)
    }

    /// The id of the switch that the site's own list calls `said`: a hardware address however written, a name whatever
    /// its case and with or without its domain, an address. One that has not announced itself goes by its first spelling.
    pub fn called_by_list(&mut self, said: &Text) -> Text {
        if let Some(mac) = super::inventory::mac(said.as_str()) {
            return mac.to_string().as_str().into();
        }
        let plain = said.as_str().to_lowercase();
        if let Some(id) = self.plain.get(&plain).filter(|id| self.switches.contains_key(*id)) {
            return id.clone();
        }
        let id = self.id_of(said);
        if id != *said {
            return id;
        }
        self.listed.entry(plain).or_insert_with(|| said.clone()).clone()
    }

    /// What the site's own list calls a switch that calls itself `name`.
    fn listed_as(&mut self, name: Option<&Text>, id: &Text) -> Vec<Text> {
        let Some(name) = name else { return Vec::new() };
        let whole = name.as_str().to_lowercase();
        let is_address = whole.parse::<std::net::IpAddr>().is_ok();
        let host = whole.split('.').next().filter(|host| !is_address && **host != whole).map(str::to_owned);
        let forms: Vec<String> = std::iter::once(whole).chain(host).collect();
        let listed = forms.iter().filter_map(|form| self.listed.get(form).cloned()).collect();
        for form in forms {
            if self.plain.len() < NAMES_MAX || self.plain.contains_key(&form) {
                self.plain.insert(form, id.clone());
            } else {
                self.refused.count("names of switches", NAMES_MAX);
            }
        }
        listed
    }

    /// The id under which a switch is known that `said` calls by id, name or management address.
    #[must_use]
    pub fn id_of(&self, said: &Text) -> Text {
        if self.switches.contains_key(said) {
            return said.clone();
        }
        let called = self.called.range((said.clone(), Text::default())..).next();
        called.filter(|(alias, _)| alias == said).map_or_else(|| said.clone(), |(_, id)| id.clone())
    }

    /// A switch by its id.
    #[must_use]
    pub fn get(&self, id: &Text) -> Option<&Switch> {
        self.switches.get(id)
    }

    /// Says that one device turned out to be another, whose own place counts where both have one.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        let Some((id, port)) = self.places.get(&gone).cloned() else { return };
        if !self.places.contains_key(&kept) {
            self.hang(&id, port.as_ref(), kept);
        }
        self.forget(gone);
    }

    /// Says that a device was forgotten.
    pub fn forget(&mut self, device: Number) {
        let Some((id, port)) = self.places.remove(&device) else { return };
        let Some(switch) = self.switches.get_mut(&id) else { return };
        switch.members.remove(&device);
        let Some((name, port)) = port.and_then(|name| switch.ports.get_mut(&name).map(|port| (name, port)))
        else {
            return;
        };
        port.devices.remove(&device);
        if port.devices.is_empty() && !port.is_announced {
            switch.ports.remove(&name);
            self.ports = self.ports.saturating_sub(1);
        }
    }

    /// Every switch by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Switch)> {
        self.switches.iter()
    }

    fn switch(&mut self, id: &Text, source: &'static str) -> Option<&mut Switch> {
        if self.switches.len() >= SWITCHES_MAX && !self.switches.contains_key(id) {
            self.refused.count("switches", SWITCHES_MAX);
            return None;
        }
        Some(self.switches.entry(id.clone()).or_insert_with(|| Switch { source, ..Switch::default() }))
    }

    /// A port of a switch that is kept, made where there is none.
    fn port(&mut self, id: &Text, name: &Text) -> Option<&mut Port> {
        let switch = self.switches.get_mut(id)?;
        if !switch.ports.contains_key(name) {
            if switch.ports.len() >= PORTS_MAX {
                self.refused.count("ports of one switch", PORTS_MAX);
                return None;
            }
            if self.ports >= PORTS_OF_ALL_MAX {
                self.refused.count("ports of all switches", PORTS_OF_ALL_MAX);
                return None;
            }
            self.ports = self.ports.saturating_add(1);
        }
        Some(switch.ports.entry(name.clone()).or_default())
    }

    /// Hangs a device on a switch that is kept; without a port, on the one it hung on before.
    fn hang(&mut self, id: &Text, port: Option<&Text>, device: Number) {
        let is_kept =
            port.and_then(|name| self.port(id, name)).map(|port| port.devices.insert(device)).is_some();
        if let Some(switch) = self.switches.get_mut(id) {
            switch.members.insert(device);
            let port = port.filter(|_| is_kept).cloned();
            let place = self.places.entry(device).or_insert_with(|| (id.clone(), None));
            *place = (id.clone(), port.or(place.1.take()));
        }
    }

    fn addressed(&mut self, id: &Text, address: Text) {
        let Some(switch) = self.switches.get_mut(id) else { return };
        if switch.addresses.contains(&address) {
            return;
        }
        if switch.addresses.len() >= ADDRESSES_MAX {
            self.refused.count("management addresses of one switch", ADDRESSES_MAX);
            return;
        }
        switch.addresses.insert(address.clone());
        self.called.insert((address, id.clone()));
    }

    fn remove(&mut self, id: &Text) -> Option<Switch> {
        let switch = self.switches.remove(id)?;
        for alias in switch.addresses.iter().chain(&switch.name) {
            self.called.remove(&(alias.clone(), id.clone()));
        }
        for device in &switch.members {
            self.places.remove(device);
        }
        self.ports = self.ports.saturating_sub(switch.ports.len());
        Some(switch)
    }
}

/// Switches kept.
pub const SWITCHES_MAX: usize = 8_192;

/// A bridge says whose tree it is in each two seconds; what is older than six seconds is void, and 40 s the most that may be set
/// (802.1D-2004, 17.14).
const ROOTED: Span = Span::seconds(60);
/// Names kept, with and without their domain.
const NAMES_MAX: usize = 4 * SWITCHES_MAX;
/// Ports kept of one switch; a chassis of ten 48-port cards has 480.
const PORTS_MAX: usize = 1_024;
/// Ports kept of all switches; a campus of 1,000 switches has 48,000.
const PORTS_OF_ALL_MAX: usize = 65_536;
/// Management addresses kept of one switch.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Neighbor {
        Neighbor {
            chassis: "02:00:00:00:00:05".into(),
            mac: Some(Mac([2, 0, 0, 0, 0, 5])),
            port: "ge9".into(),
            name: Some("sw-dock".into()),
            management: vec!["192.0.2.3".parse().unwrap()],
            ..Neighbor::default()
        }
    }

    #[test]
    fn what_was_said_of_its_address_comes_with_its_own_words() {
        let mut switches = Switches::default();
        switches.attached(&"192.0.2.3".into(), Some(&"ge1".into()), Number::for_test(7), "dhcp option 82");
        switches.announced(&announcement(), "lldp");
        let all: Vec<_> = switches.iter().collect();
        let [(id, switch)] = all[..] else { panic!("one switch") };
        assert_eq!((id.as_str(), switch.source), ("02:00:00:00:00:05", "lldp"));
        assert_eq!(switch.members, BTreeSet::from([Number::for_test(7)]));
        assert_eq!(switch.ports.keys().map(Text::as_str).collect::<Vec<_>>(), ["ge1", "ge9"]);
    }

    #[test]
    fn a_switch_hangs_where_its_own_address_does_else_below_the_root_of_its_tree() {
        let mut switches = Switches::default();
        switches.announced(&announcement(), "lldp");
        let core = Mac([2, 0, 0, 0, 0, 1]);
        let id = Text::from("02:00:00:00:00:05");
        let nowhere = |_: &str| None;
        switches.rooted(Mac([2, 0, 0, 0, 0, 5]), core, Time(0));
        assert_eq!(switches.parent(&id, &nowhere), None, "the root is no switch that is known");
        let of_core = Neighbor {
            mac: Some(core),
            chassis: core.to_string().as_str().into(),
            name: None,
            ..announcement()
        };
        switches.announced(&Neighbor { management: vec![], ..of_core }, "lldp");
        let root = Text::from(core.to_string().as_str());
        assert_eq!(switches.parent(&id, &nowhere), Some((root.clone(), "stp")));
        assert_eq!(switches.parent(&root, &nowhere), None);
        let told = |address: &str| (address == "192.0.2.3").then(|| (root.clone(), "dhcp option 82"));
        assert_eq!(switches.parent(&id, &told), Some((root.clone(), "dhcp option 82")));
        switches.rooted(Mac([2, 0, 0, 0, 0, 9]), Mac([2, 0, 0, 0, 0, 9]), Time(0));
        let itself = |_: &str| Some((id.clone(), "inventory"));
        assert_eq!(switches.parent(&id, &itself), Some((root.clone(), "stp")), "it says so itself");
        let other =
            Neighbor { mac: Some(Mac([2, 0, 0, 0, 0, 7])), name: None, management: vec![], ..announcement() };
        switches.announced(&Neighbor { chassis: "02:00:00:00:00:07".into(), ..other }, "lldp");
        let silent = Text::from("02:00:00:00:00:07");
        assert_eq!(switches.parent(&silent, &nowhere), None, "there are two trees");
        switches.rooted(Mac([2, 0, 0, 0, 0, 5]), core, Time(61_000_000_000));
        assert_eq!(
            switches.parent(&silent, &nowhere),
            Some((root.clone(), "stp")),
            "of one nothing is heard"
        );
        switches.rooted(Mac([2, 0, 0, 0, 0, 9]), core, Time(61_000_000_000));
        assert_eq!(switches.parent(&silent, &nowhere), Some((root, "stp")));
    }

    #[test]
    fn a_device_that_is_plugged_elsewhere_leaves_its_former_switch() {
        let mut switches = Switches::default();
        switches.attached(&"one".into(), Some(&"1".into()), Number::for_test(7), "dhcp option 82");
        switches.attached(&"two".into(), Some(&"2".into()), Number::for_test(7), "dhcp option 82");
        let members: Vec<_> = switches.iter().map(|(_, switch)| switch.members.len()).collect();
        assert_eq!(members, [0, 1]);
    }

    #[test]
    fn two_bridges_with_one_text_as_chassis_are_told_apart_by_name() {
        let mut switches = Switches::default();
        for name in ["sw-a", "sw-b"] {
            let neighbor =
                Neighbor { chassis: "switch".into(), mac: None, name: Some(name.into()), ..announcement() };
            switches.announced(&Neighbor { management: vec![], ..neighbor }, "lldp");
        }
        assert_eq!(switches.iter().count(), 2);
    }

    #[test]
    fn a_bridge_that_speaks_two_protocols_is_one_switch() {
        let by_name =
            Neighbor { chassis: "sw-dock".into(), mac: None, port: "Gi0/9".into(), ..announcement() };
        for cdp_is_first in [true, false] {
            let mut switches = Switches::default();
            if cdp_is_first {
                switches.announced(&by_name, "cdp");
            }
            switches.announced(&announcement(), "lldp");
            switches.announced(&by_name, "cdp");
            let all: Vec<_> = switches.iter().map(|(id, switch)| (id.as_str(), switch.source)).collect();
            assert_eq!(all, [("02:00:00:00:00:05", "lldp")]);
        }
    }

    #[test]
    fn a_port_that_others_named_goes_with_the_last_device_on_it() {
        let mut switches = Switches::default();
        switches.announced(&announcement(), "lldp");
        for (device, port) in [(7, "ge9"), (7, "ge1"), (8, "ge1"), (7, "ge2"), (8, "ge2")] {
            switches.attached(
                &"sw-dock".into(),
                Some(&port.into()),
                Number::for_test(device),
                "dhcp option 82",
            );
        }
        let switch = switches.get(&"02:00:00:00:00:05".into()).unwrap();
        assert_eq!(switch.ports.keys().map(Text::as_str).collect::<Vec<_>>(), ["ge2", "ge9"]);
        assert_eq!((switches.ports, switch.members.len()), (2, 2));
    }

    #[test]
    fn a_device_that_is_merged_or_forgotten_leaves_no_trace() {
        let mut switches = Switches::default();
        switches.attached(&"one".into(), Some(&"1".into()), Number::for_test(7), "dhcp option 82");
        switches.renumber(Number::for_test(7), Number::for_test(3));
        assert_eq!(switches.get(&"one".into()).unwrap().members, BTreeSet::from([Number::for_test(3)]));
        switches.forget(Number::for_test(3));
        assert!(switches.get(&"one".into()).unwrap().ports.is_empty());
        assert_eq!((switches.ports, switches.places.len()), (0, 0));
    }

    #[test]
    fn a_switch_is_found_by_its_last_name_and_its_addresses() {
        let mut switches = Switches::default();
        switches.announced(&announcement(), "lldp");
        switches.announced(&Neighbor { name: Some("sw-gate".into()), ..announcement() }, "lldp");
        let id = Text::from("02:00:00:00:00:05");
        assert_eq!(switches.id_of(&"sw-gate".into()), id);
        assert_eq!(switches.id_of(&"192.0.2.3".into()), id);
        assert_eq!(switches.id_of(&"sw-dock".into()), "sw-dock".into());
    }

    #[test]
    fn the_sites_list_may_spell_a_switch_otherwise() {
        let named = Neighbor { name: Some("SW-Dock.example.org".into()), ..announcement() };
        for is_first in [true, false] {
            let mut switches = Switches::default();
            if is_first {
                switches.announced(&named, "lldp");
            }
            let id = switches.called_by_list(&"sw-dock".into());
            switches.attached(&id, Some(&"7".into()), Number::for_test(7), "inventory");
            switches.announced(&named, "lldp");
            let again = switches.called_by_list(&"Sw-Dock".into());
            switches.attached(&again, Some(&"8".into()), Number::for_test(8), "inventory");
            let all: Vec<_> =
                switches.iter().map(|(id, it)| (id.as_str(), it.source, it.members.len())).collect();
            assert_eq!(all, [("02:00:00:00:00:05", "lldp", 2)]);
            assert_eq!(switches.id_of(&id).as_str(), "02:00:00:00:00:05");
            assert_eq!(switches.called_by_list(&"02-00-00-00-00-05".into()).as_str(), "02:00:00:00:00:05");
            assert_eq!(switches.called_by_list(&"192.0.2.3".into()).as_str(), "02:00:00:00:00:05");
        }
    }

    #[test]
    fn ports_of_all_switches_are_bounded_and_counted() {
        let mut switches = Switches::default();
        for n in 0..100_000_u32 {
            let (id, port) = (format!("sw{}", n / 1_000), format!("ge{n}"));
            let (id, port) = (id.as_str().into(), port.as_str().into());
            switches.attached(&id, Some(&port), Number::for_test(n), "dhcp option 82");
        }
        assert_eq!(switches.ports, PORTS_OF_ALL_MAX);
        let counted: Vec<_> = switches.refused.take().collect();
        let refused = 100_000 - PORTS_OF_ALL_MAX as u64;
        assert_eq!(counted, [("ports of all switches", PORTS_OF_ALL_MAX as u64, refused)]);
    }
}
