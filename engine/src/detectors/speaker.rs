//! Which port speaks: what one frame of LLDP or CDP says is about the port that its first fact names.

use spanwatch_parsers::{Fact, Mac, Neighbor, Text};

use super::Known;
use crate::ledger::directory::Number;
use crate::observation::Observation;

/// The port that spoke last.
#[derive(Debug, Default)]
pub struct Speaker {
    frame: u64,
    port: Option<Port>,
}

/// A port, by the MAC that it sends from and its own name: many switches send from one MAC on all ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The MAC.
    pub mac: Mac,
    /// The name.
    pub name: Text,
    /// Whether it is a bridge's.
    pub is_bridge: bool,
}

impl Speaker {
    /// Notes who speaks. What follows in the same frame is about the port that is given back.
    pub fn observe(&mut self, seen: &Observation) -> Option<&Port> {
        if let (Fact::Neighbor(neighbor), Some(mac)) = (&seen.fact, seen.subject.mac) {
            self.frame = seen.place.frame;
            self.port = Some(Port::new(mac, neighbor));
        }
        self.port.as_ref().filter(|_| self.frame == seen.place.frame)
    }
}

impl Port {
    /// The port that says this.
    #[must_use]
    pub fn new(mac: Mac, neighbor: &Neighbor) -> Self {
        Self { mac, name: neighbor.port.clone(), is_bridge: neighbor.capabilities & BRIDGE != 0 }
    }

    /// Whose it is, and what to call it in a sentence. A host's port seldom has a name that says anything.
    #[must_use]
    pub fn called(&self, known: &Known<'_>) -> (Option<Number>, String) {
        let number = known.directory.find_mac(self.mac);
        let title = number.and_then(|number| known.directory.device(number)).map(|device| device.title());
        let title = title.unwrap_or_else(|| self.mac.to_string());
        let called = if self.is_bridge { format!("port {} of {title}", self.name) } else { title };
        (number, called)
    }
}

/// Enabled capabilities of IEEE 802.1AB-2016, table 8-4.
const BRIDGE: u16 = 1 << 2;
