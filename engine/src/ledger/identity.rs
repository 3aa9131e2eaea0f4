//! Who a device is: witnesses for and against each attribute, each with its frame.
//!
//! A witness is one source saying one value once or often. Witnesses of one
//! value add up as independent chances do, in integers: what is left of the
//! doubt after each is `doubt * (100 - strength) / 100`. Contradictions stand
//! side by side; the value least in doubt is shown, and of equals the one that
//! sorts first.

use spanwatch_parsers::{Concluded, Key, Label, Text, Time};

use super::refusals::Refusals;
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
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Kind,
        Self::Vendor,
        Self::Model,
        Self::Firmware,
        Self::Hardware,
        Self::Serial,
        Self::Name,
        Self::Hostname,
        Self::Location,
        Self::Asset,
    ];

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

    /// Whether many devices have it alike.
    #[must_use]
    pub const fn is_of_many(self) -> bool {
        matches!(self, Self::Kind | Self::Vendor | Self::Model | Self::Firmware | Self::Hardware)
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

/// One source saying one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Of what.
    pub attribute: Attribute,
    /// The value.
    pub value: Text,
    by: By,
    /// The raw property that a fingerprint drew it from.
    key: Option<Key>,
    /// What that is worth, in per cent.
    pub strength: u8,
    /// When it first did.
    pub at: Time,
    /// In which frame.
    pub cite: Cite,
}

/// Who says so; a fingerprint's key stands beside it, so that this is no larger than its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// Somebody outright.
    Source(&'static str),
    /// A fingerprint, of this id.
    Entry(&'static &'static str),
}

impl Sight {
    /// What `source` said outright, worth `strength` per cent.
    #[must_use]
    pub const fn outright(
        attribute: Attribute,
        value: Text,
        (source, strength): (&'static str, u8),
        (at, cite): (Time, Cite),
    ) -> Self {
        Self { attribute, value, by: By::Source(source), key: None, strength, at, cite }
    }

    /// What a message said outright of a device. `None` for a raw key, which is the fingerprints' to read.
    #[must_use]
    pub fn said(key: Key, value: Text, source: &'static str, (at, cite): (Time, Cite)) -> Option<Self> {
        let attribute = Attribute::said_by(key)?;
        Some(Self::outright(attribute, value, (source, SAID_OUTRIGHT), (at, cite)))
    }

    /// What a fingerprint concluded.
    #[must_use]
    pub fn labelled(label: &Label, at: Time, cite: Cite) -> Self {
        Self {
            attribute: label.attribute.into(),
            value: label.value.clone(),
            by: By::Entry(label.entry),
            key: Some(label.key),
            strength: label.strength,
            at,
            cite,
        }
    }

    /// Who says so.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.by {
            By::Source(source) => source,
            By::Entry(_) => self.key.map(Key::name).unwrap_or_default(),
        }
    }

    /// The fingerprint that concluded it; `None` where it was said outright.
    #[must_use]
    pub const fn entry(&self) -> Option<&'static str> {
        match self.by {
            By::Source(_) => None,
            By::Entry(entry) => Some(*entry),
        }
    }

    fn order(&self) -> (Attribute, &Text, &'static str) {
        (self.attribute, &self.value, self.source())
    }

    /// Whether it is of the same value as another.
    fn says_as(&self, other: &Self) -> bool {
        (self.attribute, &self.value) == (other.attribute, &other.value)
    }
}

/// All that was witnessed of one device, [`VALUES_MAX`] values at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// By attribute, value and source.
    sights: Vec<Sight>,
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
    pub fn add(&mut self, mut sight: Sight, room: usize, refused: &mut Refusals) {
        let place = match self.sights.binary_search_by(|known| known.order().cmp(&sight.order())) {
            Ok(place) => {
                if let Some(known) = self.sights.get_mut(place) {
                    known.strength = known.strength.max(sight.strength);
                    if (sight.at, sight.cite) < (known.at, known.cite) {
                        (known.at, known.cite, known.by) = (sight.at, sight.cite, sight.by);
                        known.key = sight.key;
                    }
                }
                return;
            }
            Err(place) => place,
        };
        let is_same = |known: &&Sight| known.says_as(&sight);
        let before = place.checked_sub(1).and_then(|place| self.sights.get(place)).filter(is_same);
        let said = before.or(self.sights.get(place).filter(is_same)).map(|known| known.value.clone());
        let is_known = said.is_some();
        let text_bytes = sight.value.as_str().len();
        let of_value = if is_known { 0 } else { VALUE_BYTES.saturating_add(text_bytes) };
        let bytes = of_value.saturating_add(WITNESS_BYTES);
        if !is_known && self.values().count() >= VALUES_MAX {
            refused.count("identity values of one device", VALUES_MAX);
        } else if bytes > room {
            refused.count("identity of all devices, in bytes", IDENTITY_BYTES_MAX);
        } else {
            sight.value = said.unwrap_or(sight.value);
            self.sights.reserve_exact(1);
            self.sights.insert(place, sight);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Takes over what was witnessed of a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self, refused: &mut Refusals) {
        for sight in other.sights {
            self.add(sight, usize::MAX, refused);
        }
    }

    /// The value least in doubt, and its confidence in per cent.
    #[must_use]
    pub fn best(&self, attribute: Attribute) -> Option<(&Text, u8)> {
        self.values_of(attribute)
            .map(|(value, sights)| (value, confidence(strengths(sights))))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// As [`Identity::best`], with one more witness for a value. Of equals that value is the better one.
    #[must_use]
    pub fn best_beside<'a>(
        &'a self,
        attribute: Attribute,
        more: Option<(&'a str, u8)>,
    ) -> Option<(&'a str, u8)> {
        let with_more = |value: &Text, sights: &'a [Sight]| {
            let more = more.filter(|(other, _)| *other == value.as_str()).map(|(_, strength)| strength);
            strengths(sights).chain(more)
        };
        self.values_of(attribute)
            .map(|(value, sights)| (value.as_str(), confidence(with_more(value, sights))))
            .chain(more)
            .reduce(|best, next| {
                let is_better = next.1 > best.1 || next.1 == best.1 && more.is_some_and(|it| it.0 == next.0);
                if is_better { next } else { best }
            })
    }

    /// Every sight, in the report's order: attribute, value, source.
    pub fn sights(&self) -> impl Iterator<Item = &Sight> {
        self.sights.iter()
    }

    /// The sights of each value.
    fn values(&self) -> impl Iterator<Item = &[Sight]> {
        self.sights.chunk_by(Sight::says_as)
    }

    /// The values of one attribute, each with its sights.
    fn values_of(&self, attribute: Attribute) -> impl Iterator<Item = (&Text, &[Sight])> {
        self.values().filter_map(move |sights| {
            let first = sights.first().filter(|first| first.attribute == attribute)?;
            Some((&first.value, sights))
        })
    }
}

fn strengths(sights: &[Sight]) -> impl Iterator<Item = u8> {
    sights.iter().map(|sight| sight.strength)
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

/// What a value takes beside its text and its sights, about.
const VALUE_BYTES: usize = 128;

/// What a sight takes beside that.
const WITNESS_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_witnesses_add_up_and_never_reach_certainty() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", 40));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 40)));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("dhcp.vendor-class", 85));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Axis".into(), 91)));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("rtsp.realm", 99));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(99));
    }

    #[test]
    fn the_same_source_counts_once() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", 40));
        add(&mut identity, Attribute::Vendor, "Axis".into(), ("mac.oui", 40));
        assert_eq!(identity.best(Attribute::Vendor).map(|best| best.1), Some(40));
    }

    #[test]
    fn contradictions_stand_side_by_side() {
        let mut identity = Identity::default();
        add(&mut identity, Attribute::Vendor, "Hikvision".into(), ("mac.oui", 40));
        add(&mut identity, Attribute::Vendor, "Annke".into(), ("rtsp.realm", 70));
        assert_eq!(identity.best(Attribute::Vendor), Some((&"Annke".into(), 70)));
        assert_eq!(identity.sights().count(), 2);
    }

    #[test]
    fn values_are_bounded() {
        let (mut identity, mut refused) = (Identity::default(), Refusals::default());
        for n in 0..200 {
            identity.add(sight(n), usize::MAX, &mut refused);
        }
        assert_eq!(identity.sights().count(), VALUES_MAX);
        let counted: Vec<_> = refused.take().collect();
        assert_eq!(counted, [("identity values of one device", 64, 200 - VALUES_MAX as u64)]);
    }

    #[test]
    fn what_does_not_fit_the_room_of_all_devices_is_counted() {
        let (mut identity, mut refused) = (Identity::default(), Refusals::default());
        identity.add(sight(1), 10, &mut refused);
        assert_eq!((identity.sights().count(), identity.bytes()), (0, 0));
        assert_eq!(refused.take().count(), 1);
        identity.add(sight(1), 1_000, &mut refused);
        let bytes = identity.bytes();
        identity.add(sight(1), 0, &mut refused);
        assert_eq!((identity.bytes(), refused.take().count()), (bytes, 0));
    }

    fn sight(n: u32) -> Sight {
        let value = n.to_string().as_str().into();
        seen(Attribute::Name, value, ("lldp", 85))
    }

    fn add(identity: &mut Identity, attribute: Attribute, value: Text, by: (&'static str, u8)) {
        identity.add(seen(attribute, value, by), usize::MAX, &mut Refusals::default());
    }

    fn seen(attribute: Attribute, value: Text, (source, strength): (&'static str, u8)) -> Sight {
        Sight::outright(attribute, value, (source, strength), (Time(5), Cite::new(0, 5)))
    }
}
