//! Who a device is: witnesses for and against each attribute, each with its frame.
//!
//! A witness is one source saying one value once or often. Witnesses of one
//! value add up as independent chances do, in integers: what is left of the
//! doubt after each is `doubt * (100 - strength) / 100`. Contradictions stand
//! side by side; the value least in doubt is shown, and of equals the one that
//! sorts first.

use spanwatch_parsers::{Concluded, Key, Label, Text, Time};

use super::refusals::Refusals;
use crate::few::FewBy;
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
    /// The fingerprint that concluded it; `None` where it was said outright.
    pub entry: Option<&'static str>,
}

/// One source saying one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Of what.
    pub attribute: Attribute,
    /// The value.
    pub value: Text,
    /// Who says so.
    pub source: &'static str,
    /// Since when, and where it is seen.
    pub witness: Witness,
}

impl Sight {
    /// What a message said outright of a device. `None` for a raw key, which is the fingerprints' to read.
    #[must_use]
    pub fn said(key: Key, value: Text, source: &'static str, (at, cite): (Time, Cite)) -> Option<Self> {
        let witness = Witness { strength: SAID_OUTRIGHT, at, cite, entry: None };
        Attribute::said_by(key).map(|attribute| Self { attribute, value, source, witness })
    }

    /// What a fingerprint concluded.
    #[must_use]
    pub fn labelled(label: &Label, at: Time, cite: Cite) -> Self {
        Self {
            attribute: label.attribute.into(),
            value: label.value.clone(),
            source: label.key.name(),
            witness: Witness { strength: label.strength, at, cite, entry: Some(label.entry) },
        }
    }
}

/// All that was witnessed of one device, [`VALUES_MAX`] values at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The witnesses of each value by source.
    values: FewBy<(Attribute, Text), Vec<(&'static str, Witness)>>,
    bytes: usize,
}

impl Identity {
    /// The memory that it takes, about.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a sight where it needs no more than `room` bytes; the first sight of a source is kept,
    /// its strongest strength with it.
    pub fn add(&mut self, sight: Sight, room: usize, refused: &mut Refusals) {
        let Sight { attribute, value, source, witness } = sight;
        let text_bytes = value.as_str().len();
        let key = (attribute, value);
        if let Some(witnesses) = self.values.get_mut(&key) {
            match witnesses.binary_search_by_key(&source, |(known, _)| known) {
                Ok(place) => {
                    if let Some((_, known)) = witnesses.get_mut(place) {
                        known.strength = known.strength.max(witness.strength);
                        if (witness.at, witness.cite) < (known.at, known.cite) {
                            (known.at, known.cite, known.entry) = (witness.at, witness.cite, witness.entry);
                        }
                    }
                }
                Err(place) if WITNESS_BYTES <= room => {
                    witnesses.reserve_exact(1);
                    witnesses.insert(place, (source, witness));
                    self.bytes = self.bytes.saturating_add(WITNESS_BYTES);
                }
                Err(_) => refused.count("identity of all devices, in bytes", IDENTITY_BYTES_MAX),
            }
            return;
        }
        let bytes = VALUE_BYTES.saturating_add(WITNESS_BYTES).saturating_add(text_bytes);
        if self.values.len() >= VALUES_MAX {
            refused.count("identity values of one device", VALUES_MAX);
        } else if bytes > room {
            refused.count("identity of all devices, in bytes", IDENTITY_BYTES_MAX);
        } else {
            self.values.or_insert(key, vec![(source, witness)]);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Takes over what was witnessed of a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self, refused: &mut Refusals) {
        for ((attribute, value), witnesses) in other.values {
            for (source, witness) in witnesses {
                let sight = Sight { attribute, value: value.clone(), source, witness };
                self.add(sight, usize::MAX, refused);
            }
        }
    }

    /// The value least in doubt, and its confidence in per cent.
    #[must_use]
    pub fn best(&self, attribute: Attribute) -> Option<(&Text, u8)> {
        self.values
            .iter()
            .filter(|((named, _), _)| *named == attribute)
            .map(|((_, value), witnesses)| (value, confidence(witnesses.iter().map(|it| it.1.strength))))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// As [`Identity::best`], with one more witness for a value. Of equals that value is the better one.
    #[must_use]
    pub fn best_beside<'a>(
        &'a self,
        attribute: Attribute,
        more: Option<(&'a str, u8)>,
    ) -> Option<(&'a str, u8)> {
        let strengths = |witnesses: &'a [(&str, Witness)], value: &Text| {
            let more = more.filter(|(other, _)| *other == value.as_str()).map(|(_, strength)| strength);
            witnesses.iter().map(|it| it.1.strength).chain(more)
        };
        self.values
            .iter()
            .filter(|((named, _), _)| *named == attribute)
            .map(|((_, value), witnesses)| (value.as_str(), confidence(strengths(witnesses, value))))
            .chain(more)
            .reduce(|best, next| {
                let is_better = next.1 > best.1 || next.1 == best.1 && more.is_some_and(|it| it.0 == next.0);
                if is_better { next } else { best }
            })
    }

    /// Every witness, in the report's order: attribute, value, source.
    pub fn witnesses(&self) -> impl Iterator<Item = (Attribute, &Text, &'static str, &Witness)> {
        self.values.iter().flat_map(|((attribute, value), witnesses)| {
            witnesses.iter().map(move |(source, witness)| (*attribute, value, *source, witness))
        })
    }
}

/// How sure independent witnesses of these strengths make together, in per cent.
pub fn confidence(strengths: impl Iterator<Item = u8>) -> u8 {
    let doubt = strengths
        .fold(1_000_000_u64, |doubt, strength| doubt * u64::from(100_u8.saturating_sub(strength)) / 100);
    let sure = (1_000_000 - doubt) / 10_000;
    u8::try_from(sure.min(CERTAIN)).unwrap_or(99)
}

/// What a device says of itself in a field made for it, in per cent: it can still lie or be misconfigured.
const SAID_OUTRIGHT: u8 = 85;

/// Nothing that came over the wire is more certain than this, in per cent.
const CERTAIN: u64 = 99;

/// Distinct values kept of one device; an honest one has about a dozen.
const VALUES_MAX: usize = 64;

/// What is kept of who all devices are; ten values each of 20,000 devices fit.
pub const IDENTITY_BYTES_MAX: usize = 64 << 20;

/// What a value takes beside its text and its witnesses: a place in the tree and two allocations.
const VALUE_BYTES: usize = 128;

/// What a witness takes.
const WITNESS_BYTES: usize = size_of::<(&'static str, Witness)>();

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(strength: u8) -> Witness {
        Witness { strength, at: Time(5), cite: Cite { input: 0, frame: 5 }, entry: None }
    }

    #[test]
    fn independent_witnesses_add_up_and_never_reach_certainty() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", witness(40)));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 40)));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("dhcp.vendor-class", witness(85)));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 91)));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("rtsp.realm", witness(99)));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(99));
    }

    #[test]
    fn the_same_source_counts_once() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", witness(40)));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", witness(40)));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(40));
    }

    #[test]
    fn contradictions_stand_side_by_side() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Hikvision".into(), ("mac.oui", witness(40)));
        add(&mut identity, Attribute::Vendor, "Annke".into(), ("rtsp.realm", witness(70)));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Annke".into(), 70)));
        assert_eq!(identity.witnesses().count(), 2);
    }

    #[test]
    fn values_are_bounded() {
        let (mut identity, mut refused) = (Identity::default(), Refusals::default());
        for n in 0..200 {
            identity.add(sight(n), usize::MAX, &mut refused);
        }
        assert_eq!(identity.witnesses().count(), VALUES_MAX);
        let counted: Vec<_> = refused.take().collect();
        assert_eq!(counted, [("identity values of one device", 64, 200 - VALUES_MAX as u64)]);
    }

    #[test]
    fn what_does_not_fit_the_room_of_all_devices_is_counted() {
        let (mut identity, mut refused) = (Identity::default(), Refusals::default());
        identity.add(sight(1), 10, &mut refused);
        assert_eq!((identity.witnesses().count(), identity.bytes()), (0, 0));
        assert_eq!(refused.take().count(), 1);
        identity.add(sight(1), 1_000, &mut refused);
        let bytes = identity.bytes();
        identity.add(sight(1), 0, &mut refused);
        assert_eq!((identity.bytes(), refused.take().count()), (bytes, 0));
    }

    fn sight(n: u32) -> Sight {
        let value = n.to_string().as_str().into();
        Sight { attribute: Attribute::Name, value, source: "lldp", witness: witness(85) }
    }

    fn add(identity: &mut Identity, attribute: Attribute, value: Text, by: (&'static str, Witness)) {
        let sight = Sight { attribute, value, source: by.0, witness: by.1 };
        identity.add(sight, usize::MAX, &mut Refusals::default());
    }
}
