//! The site's own list of its devices: what people call them, where they are, on which switch they hang.
//!
//! ```text
//! mac,ip,name,location,switch,port,importance          a row is of a device where
//! 02:00:00:00:00:07,,Gate camera,Dock 2,sw-dock,7,critical    its MAC is one of the device's,
//! ,192.0.2.8,Yard camera,,sw-dock,8,                           else its address is one that the device holds
//! ```
//!
//! A row that gives a MAC and an address is found by the address only where the device's MAC was never
//! witnessed, as behind a router: another MAC on that address is another device.
//! What the list says of switch and port is believed until the wire says otherwise.

mod cells;
mod read;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use spanwatch_parsers::{Mac, Text};

use super::device::Attachment;
use crate::finding::Severity;
pub(super) use cells::mac;
pub use read::{BYTES_MAX, Listed, Remark, Unreadable, read};

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Hardware address.
    pub mac: Option<Mac>,
    /// Address.
    pub ip: Option<IpAddr>,
    /// What people call it.
    pub name: Option<Text>,
    /// Where it is.
    pub location: Option<Text>,
    /// The switch it hangs on, by name, hardware address or address.
    pub switch: Option<Text>,
    /// The port of that switch.
    pub port: Option<Text>,
    /// How much it matters.
    pub importance: Importance,
    /// Every further column by its header, where something stands in it.
    pub further: BTreeMap<Text, Text>,
}

/// How much a device matters to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Importance {
    /// What befalls it is one step more severe.
    Critical,
    /// As every other.
    #[default]
    Normal,
    /// What befalls it is one step less severe.
    Unimportant,
}

impl Row {
    /// Where the list says that it hangs; a port without a switch says nothing.
    #[must_use]
    pub fn attachment(&self) -> Option<Attachment> {
        let switch = self.switch.clone()?;
        Some(Attachment {
            switch: Some(switch),
            port: self.port.clone(),
            source: SOURCE,
            confidence: BY_LIST,
        })
    }

    /// The row as the report shows it: what stands in it, by column.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<String, String> {
        let importance = match self.importance {
            Importance::Critical => Some("critical"),
            Importance::Normal => None,
            Importance::Unimportant => Some("unimportant"),
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
        let known = [
            ("mac", self.mac.map(|mac| mac.to_string())),
            ("ip", self.ip.map(|ip| ip.to_string())),
            ("name", text(&self.name)),
            ("location", text(&self.location)),
            ("switch", text(&self.switch)),
            ("port", text(&self.port)),
            ("importance", importance.map(str::to_owned)),
        ];
        let known = known.into_iter().filter_map(|(column, value)| Some((column.to_owned(), value?)));
        let further = self.further.iter().map(|(column, value)| (column.to_string(), value.to_string()));
        known.chain(further).collect()
    }
}

/// All rows, [`read::ROWS_MAX`] at most.
#[derive(Debug, Default)]
pub struct Inventory {
    by_mac: BTreeMap<Mac, Arc<Row>>,
    by_ip: BTreeMap<IpAddr, Arc<Row>>,
}

impl Inventory {
    /// Whether no row is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_mac.is_empty() && self.by_ip.is_empty()
    }

    /// The row of a device that bears these MACs and holds these addresses.
    #[must_use]
    pub fn of<'a>(&self, macs: &[Mac], mut ips: impl Iterator<Item = &'a IpAddr>) -> Option<Arc<Row>> {
        let by_mac = macs.iter().find_map(|mac| self.by_mac.get(mac));
        let is_it = |row: &&Arc<Row>| macs.is_empty() || row.mac.is_none();
        by_mac.or_else(|| ips.find_map(|ip| self.by_ip.get(ip).filter(is_it))).cloned()
    }

    /// Adds a row. The column by which it is listed already, where it is.
    fn add(&mut self, row: Row) -> Option<&'static str> {
        let row = Arc::new(row);
        if let Some(mac) = row.mac {
            if self.by_mac.contains_key(&mac) {
                return Some("mac");
            }
            self.by_mac.insert(mac, Arc::clone(&row));
        }
        if let Some(ip) = row.ip {
            if row.mac.is_none() && self.by_ip.get(&ip).is_some_and(|other| other.mac.is_none()) {
                return Some("ip");
            }
            let is_better = row.mac.is_none() || !self.by_ip.contains_key(&ip);
            if is_better {
                self.by_ip.insert(ip, row);
            }
        }
        None
    }
}

/// How severe a finding is on devices that matter so much to the site: one step up where one of them is critical,
/// one down where none of them is important.
#[must_use]
pub fn weighed(severity: Severity, mut of: impl Iterator<Item = Importance> + Clone) -> Severity {
    let step = if of.clone().any(|it| it == Importance::Critical) {
        -1
    } else if of.clone().next().is_some() && of.all(|it| it == Importance::Unimportant) {
        1
    } else {
        0
    };
    let rank = Severity::ALL.iter().position(|it| *it == severity).unwrap_or_default();
    rank.checked_add_signed(step).and_then(|rank| Severity::ALL.get(rank)).copied().unwrap_or(severity)
}

/// What the report calls it as a source.
pub const SOURCE: &str = "inventory";

/// Lists age: devices are plugged elsewhere and nobody writes it down, in per cent.
const BY_LIST: u8 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(csv: &str) -> Inventory {
        read(csv.as_bytes()).unwrap().inventory
    }

    fn name_of(inventory: &Inventory, macs: &[Mac], ip: &str) -> Option<String> {
        let ip: IpAddr = ip.parse().unwrap();
        inventory.of(macs, [ip].iter())?.name.as_ref().map(ToString::to_string)
    }

    const A: Mac = Mac([2, 0, 0, 0, 0, 7]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 8]);

    #[test]
    fn a_row_is_found_by_mac_then_by_address() {
        let list = inventory("mac,ip,name\n02:00:00:00:00:07,,gate\n,192.0.2.8,yard\n");
        assert_eq!(name_of(&list, &[A], "192.0.2.8").as_deref(), Some("gate"));
        assert_eq!(name_of(&list, &[B], "192.0.2.8").as_deref(), Some("yard"));
        assert_eq!(name_of(&list, &[B], "192.0.2.9"), None);
    }

    #[test]
    fn another_mac_on_a_listed_address_is_another_device() {
        let list = inventory("mac,ip,name\n02:00:00:00:00:07,192.0.2.7,gate\n");
        assert_eq!(name_of(&list, &[B], "192.0.2.7"), None);
        assert_eq!(name_of(&list, &[], "192.0.2.7").as_deref(), Some("gate"));
    }

    #[test]
    fn a_port_without_a_switch_is_no_place() {
        let list = inventory("mac,port\n02:00:00:00:00:07,554\n");
        assert_eq!(list.of(&[A], [].iter()).unwrap().attachment(), None);
    }

    #[test]
    fn one_critical_device_raises_and_only_unimportant_ones_lower() {
        use Importance::{Critical, Normal, Unimportant};
        let weigh = |of: &[Importance]| weighed(Severity::High, of.iter().copied());
        assert_eq!(weigh(&[Normal, Critical, Unimportant]), Severity::Critical);
        assert_eq!(weigh(&[Unimportant, Unimportant]), Severity::Medium);
        assert_eq!(weigh(&[Unimportant, Normal]), Severity::High);
        assert_eq!(weigh(&[]), Severity::High);
        assert_eq!(weighed(Severity::Critical, [Critical].into_iter()), Severity::Critical);
        assert_eq!(weighed(Severity::Info, [Unimportant].into_iter()), Severity::Info);
    }
}
