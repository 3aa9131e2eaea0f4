//! Who a device is: witnesses for and against each attribute, each with its frame.
//!
//! A witness is one source saying one value once or often. Witnesses of one
//! value add up as independent chances do, in integers: what is left of the
//! doubt after each is `doubt * (100 - strength) / 100`. Contradictions stand
//! side by side; the value least in doubt is shown, and of equals the one that
//! sorts first.

use std::collections::BTreeMap;

use spanwatch_parsers::{Concluded, Key, Label, Text, Time};

use crate::observation::Cite;

/// What can be known of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// One of the contract's device kinds.
    Kind,
    /// Maker.
    Vendor,
    /// Model or part number.
    Model,
    /// Firmware or software version.
    Firmware,
    /// Hardware revision.
    Hardware,
    /// Serial number.
    Serial,
    /// The name people gave it.
    Name,
    /// DNS or DHCP host name.
    Hostname,
    /// Where it is, in the installer's words.
    Location,
    /// Asset number.
    Asset,
}

impl Attribute {
    /// The report's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Vendor => "vendor",
            Self::Model => "model",
            Self::Firmware => "firmware",
            Self::Hardware => "hardware",
            Self::Serial => "serial",
            Self::Name => "name",
            Self::Hostname => "hostname",
            Self::Location => "location",
            Self::Asset => "asset",
        }
    }

    /// The attribute that an outright key says; `None` for a raw key.
    const fn said_by(key: Key) -> Option<Self> {
        Some(match key {
            Key::Vendor => Self::Vendor,
            Key::Model => Self::Model,
            Key::Firmware => Self::Firmware,
            Key::Hardware => Self::Hardware,
            Key::Serial => Self::Serial,
            Key::Name => Self::Name,
            Key::Hostname => Self::Hostname,
            Key::Location => Self::Location,
            Key::Asset => Self::Asset,
            _ => return None,
        })
    }
}

impl From<Concluded> for Attribute {
    fn from(concluded: Concluded) -> Self {
        match concluded {
            Concluded::Vendor => Self::Vendor,
            Concluded::Model => Self::Model,
            Concluded::Firmware => Self::Firmware,
            Concluded::Serial => Self::Serial,
            Concluded::Name => Self::Name,
            Concluded::Kind => Self::Kind,
        }
    }
}

/// The first frame in which a source said a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What the sight is worth, in per cent.
    pub strength: u8,
    /// When.
    pub at: Time,
    /// In which frame.
    pub cite: Cite,
}

/// All that was witnessed of one device, [`VALUES_MAX`] values at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    values: BTreeMap<(Attribute, Text), BTreeMap<&'static str, Witness>>,
    /// Values that were not kept because there were too many.
    pub refused: u64,
}

impl Identity {
    /// Takes what a message said outright of the device. Raw keys are left to the fingerprints.
    pub fn said(&mut self, key: Key, value: &Text, source: &'static str, at: Time, cite: Cite) {
        if let Some(attribute) = Attribute::said_by(key) {
            self.add(attribute, value.clone(), source, Witness { strength: SAID_OUTRIGHT, at, cite });
        }
    }

    /// Takes what a fingerprint concluded.
    pub fn labelled(&mut self, label: &Label, at: Time, cite: Cite) {
        let witness = Witness { strength: label.strength, at, cite };
        self.add(label.attribute.into(), label.value.clone(), label.key.name(), witness);
    }

    /// Adds one witness; the first sight of a source is kept, its strongest strength with it.
    pub fn add(&mut self, attribute: Attribute, value: Text, source: &'static str, witness: Witness) {
        if self.values.len() >= VALUES_MAX && !self.values.contains_key(&(attribute, value.clone())) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let witnesses = self.values.entry((attribute, value)).or_default();
        match witnesses.get_mut(source) {
            Some(known) => {
                known.strength = known.strength.max(witness.strength);
                if (witness.at, witness.cite) < (known.at, known.cite) {
                    (known.at, known.cite) = (witness.at, witness.cite);
                }
            }
            None => {
                witnesses.insert(source, witness);
            }
        }
    }

    /// Takes over what was witnessed of a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self) {
        for ((attribute, value), witnesses) in other.values {
            for (source, witness) in witnesses {
                self.add(attribute, value.clone(), source, witness);
            }
        }
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// The value least in doubt, and its confidence in per cent.
    #[must_use]
    pub fn best(&self, attribute: Attribute) -> Option<(&Text, u8)> {
        self.values
            .range((attribute, Text::default())..)
            .take_while(|((named, _), _)| *named == attribute)
            .map(|((_, value), witnesses)| (value, confidence(witnesses)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Every witness, in the report's order: attribute, value, source.
    pub fn witnesses(&self) -> impl Iterator<Item = (Attribute, &Text, &'static str, &Witness)> {
        self.values.iter().flat_map(|((attribute, value), witnesses)| {
            witnesses.iter().map(move |(source, witness)| (*attribute, value, *source, witness))
        })
    }
}

fn confidence(witnesses: &BTreeMap<&'static str, Witness>) -> u8 {
    let doubt = witnesses.values().fold(1_000_000_u64, |doubt, witness| {
        doubt * u64::from(100_u8.saturating_sub(witness.strength)) / 100
    });
    let sure = (1_000_000 - doubt) / 10_000;
    u8::try_from(sure.min(CERTAIN)).unwrap_or(99)
}

/// What a device says of itself in a field made for it, in per cent: it can still lie or be misconfigured.
const SAID_OUTRIGHT: u8 = 85;

/// Nothing that came over the wire is more certain than this, in per cent.
const CERTAIN: u64 = 99;

/// Distinct values kept of one device; an honest one has about a dozen.
const VALUES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(strength: u8) -> Witness {
        Witness { strength, at: Time(5), cite: Cite { input: 0, frame: 5 } }
    }

    #[test]
    fn independent_witnesses_add_up_and_never_reach_certainty() {
        let mut identity = Identity::default();
        identity.add(Attribute::Vendor, "Axis".into(), "mac.oui", witness(40));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 40)));
        identity.add(Attribute::Vendor, "Axis".into(), "dhcp.vendor-class", witness(85));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 91)));
        identity.add(Attribute::Vendor, "Axis".into(), "rtsp.realm", witness(99));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(99));
    }

    #[test]
    fn the_same_source_counts_once() {
        let mut identity = Identity::default();
        identity.add(Attribute::Vendor, "Axis".into(), "mac.oui", witness(40));
        identity.add(Attribute::Vendor, "Axis".into(), "mac.oui", witness(40));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(40));
    }

    #[test]
    fn contradictions_stand_side_by_side() {
        let mut identity = Identity::default();
        identity.add(Attribute::Vendor, "Hikvision".into(), "mac.oui", witness(40));
        identity.add(Attribute::Vendor, "Annke".into(), "rtsp.realm", witness(70));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Annke".into(), 70)));
        assert_eq!(identity.witnesses().count(), 2);
    }

    #[test]
    fn values_are_bounded() {
        let mut identity = Identity::default();
        for n in 0..200 {
            identity.add(Attribute::Name, n.to_string().as_str().into(), "lldp", witness(85));
        }
        assert_eq!(identity.witnesses().count(), VALUES_MAX);
        assert_eq!(identity.refused, 200 - VALUES_MAX as u64);
    }
}
