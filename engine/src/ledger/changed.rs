//! Which devices are another than before, for who asks again and again: [`Changed`].

use std::collections::BTreeSet;

use super::directory::Number;

/// Devices that are another, or gone, since this was last asked. Nothing is kept for who never asks.
#[derive(Debug, Default)]
pub struct Changed {
    devices: BTreeSet<Number>,
    is_asked: bool,
}

impl Changed {
    /// Notes one.
    pub fn note(&mut self, number: Number) {
        if self.is_asked {
            self.devices.insert(number);
        }
    }

    /// Those since this was last asked; `None` the first time, when any may be.
    pub fn take(&mut self) -> Option<BTreeSet<Number>> {
        let devices = std::mem::take(&mut self.devices);
        std::mem::replace(&mut self.is_asked, true).then_some(devices)
    }
}
