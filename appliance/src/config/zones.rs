//! Parts of a site ([`Zone`]): one name for many devices, wherever devices are named.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Config, Expected, Fault, Named};

/// A part of the site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Zone {
    pub name: Named,
    pub devices: Vec<Named>,
}

impl Config {
    /// Puts what a zone consists of in the place of its name.
    ///
    /// # Errors
    /// Of a name that another zone or the Internet has, and of a zone of nobody or of zones.
    pub(super) fn resolve_zones(&mut self) -> Result<(), Fault> {
        let mut zones: BTreeMap<Named, Vec<Named>> = BTreeMap::new();
        for (index, zone) in self.zone.iter().enumerate() {
            let fault = |key, what| Err(self.fault(("zone", index, key), what));
            let name = &zone.name.0;
            if name == "internet" {
                return fault("name", "internet is every public address; call the zone otherwise".to_owned());
            }
            if zone.devices.is_empty() {
                let what = format!(
                    "nobody is in the zone {name}: list MACs, addresses, networks, names, kinds or switches"
                );
                return fault("devices", what);
            }
            let is_zone = |it: &&Named| self.zone.iter().any(|zone| zone.name == **it);
            if let Some(other) = zone.devices.iter().find(is_zone) {
                let what = format!("{} is a zone itself: list what it consists of", other.0);
                return fault("devices", what);
            }
            if zones.insert(zone.name.clone(), zone.devices.clone()).is_some() {
                return fault(
                    "name",
                    format!("there is a zone {name} above already; call one of them otherwise"),
                );
            }
        }
        for names in self.names() {
            let each = std::mem::take(names).into_iter();
            names.extend(each.flat_map(|name| zones.get(&name).cloned().unwrap_or_else(|| vec![name])));
        }
        Ok(())
    }

    /// Every list of devices.
    fn names(&mut self) -> impl Iterator<Item = &mut Vec<Named>> {
        let Self { maintenance, grace, policy, expected, .. } = self;
        let Expected { viewers, dns, ntp, smtp, dhcp } = expected;
        let maintenance = maintenance.iter_mut().map(|it| &mut it.devices);
        let grace = grace.iter_mut().map(|it| &mut it.devices);
        let policy = policy.iter_mut().flat_map(|it| [&mut it.from, &mut it.to]);
        maintenance.chain(grace).chain(policy).chain([viewers, dns, ntp, smtp, dhcp].into_iter().flatten())
    }
}
