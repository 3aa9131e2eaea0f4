//! What devices are called outside, kept as they change: [`Ids`].
//!
//! A device's id is its MAC, else its address. Where two would bear the same, the later known bears its VLAN too, or a `+`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::ledger::device::Device;
use crate::ledger::directory::{Directory, Number};

/// The ids of all devices.
#[derive(Debug, Default)]
pub struct Ids {
    ids: BTreeMap<Number, String>,
    /// Who would be called so.
    alike: BTreeMap<String, BTreeSet<Number>>,
}

impl Ids {
    /// The ids of all that a directory knows.
    pub(super) fn of(directory: &Directory) -> Self {
        let mut ids = Self::default();
        ids.learn(directory, &directory.devices().map(|(number, _)| number).collect());
        ids
    }

    /// By number.
    pub(super) const fn all(&self) -> &BTreeMap<Number, String> {
        &self.ids
    }

    /// By number, and nothing besides.
    pub(super) fn into_all(self) -> BTreeMap<Number, String> {
        self.ids
    }

    /// Learns what those are called that are another than before, or gone.
    pub(super) fn learn(&mut self, directory: &Directory, changed: &BTreeSet<Number>) {
        let mut touched = BTreeSet::new();
        for number in changed {
            let own = directory.device(*number).map(Device::id);
            let before = self.ids.get(number).map(|id| alone(id).to_owned());
            // Of those that are alike the VLAN counts, too.
            if before == own && own.as_ref().is_some_and(|own| self.is_alone(own)) {
                continue;
            }
            if let Some(before) = before {
                self.ids.remove(number);
                if let Some(alike) = self.alike.get_mut(&before) {
                    alike.remove(number);
                }
                touched.insert(before);
            }
            if let Some(own) = own {
                self.alike.entry(own.clone()).or_default().insert(*number);
                touched.insert(own);
            }
        }
        touched.into_iter().for_each(|own| self.tell_apart(directory, &own));
    }

    fn is_alone(&self, own: &str) -> bool {
        self.alike.get(own).is_some_and(|alike| alike.len() == 1)
    }

    fn tell_apart(&mut self, directory: &Directory, own: &str) {
        let Some(alike) = self.alike.get(own) else { return };
        if alike.is_empty() {
            self.alike.remove(own);
            return;
        }
        let mut taken = BTreeSet::new();
        for number in alike {
            let mut id = own.to_owned();
            let vlan = directory.device(*number).and_then(|device| device.vlans.first());
            if let (true, Some(vlan)) = (taken.contains(&id), vlan) {
                let _ = write!(id, "@{vlan}");
            }
            while !taken.insert(id.clone()) {
                let _ = write!(id, "+");
            }
            self.ids.insert(*number, id);
        }
    }
}

/// What a device of this id would be called if nobody were called alike.
fn alone(id: &str) -> &str {
    id.split(['@', '+']).next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::{Mac, Time};

    use super::*;

    fn called(ids: &Ids) -> Vec<(u32, &str)> {
        ids.all().iter().map(|(number, id)| (number.before(), id.as_str())).collect()
    }

    #[test]
    fn who_is_called_alike_is_told_apart_and_who_is_left_alone_has_the_name() {
        let mut directory = Directory::default();
        let ip = [192, 0, 2, 1].into();
        let first = directory.ip_or_add(ip, None, Time(0)).unwrap();
        let mut ids = Ids::of(&directory);
        assert_eq!(called(&ids), [(0, "192.0.2.1")]);
        // Nobody knows what they are.
        let nameless: Vec<Number> =
            (1..=3).map(|last| directory.mac_or_add(Mac([2, 0, 0, 0, 0, last]), Time(0))).collect();
        for number in &nameless {
            directory.device_mut(*number).unwrap().macs.clear();
        }
        directory.device_mut(nameless[2]).unwrap().vlans.insert(7);
        ids.learn(&directory, &nameless.iter().copied().collect());
        assert_eq!(called(&ids), [(0, "192.0.2.1"), (1, "unknown"), (2, "unknown+"), (3, "unknown@7")]);
        directory.device_mut(nameless[0]).unwrap().macs.push(Mac([2, 0, 0, 0, 0, 9]));
        ids.learn(&directory, &BTreeSet::from([nameless[0]]));
        assert_eq!(called(&ids)[1..], [(1, "02:00:00:00:00:09"), (2, "unknown"), (3, "unknown@7")]);
        directory.bind(Mac([2, 0, 0, 0, 0, 2]), ip, None, Time(0));
        ids.learn(&directory, &BTreeSet::from([first]));
        assert!(!ids.all().contains_key(&first), "it is another's address");
        assert_eq!(Ids::of(&directory).all().len(), 3);
    }
}
