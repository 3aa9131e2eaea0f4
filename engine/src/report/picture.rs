//! What is known of devices, told as it changes: [`Pictures`].
//!
//! A device is told again where its identity, addresses, services, place or availability is another than last told. Looked at are
//! those of which the ledger says so ([`Ledger::take_changed`]), and in each second some of the others, for what a device does
//! makes it another without a word; so a second costs what changes in it, however many devices there are. That it merely went on
//! is told of each device every five minutes, and all of it every hour.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use spanwatch_parsers::Time;

use super::Device;
use super::build;
use super::ids::Ids;
use crate::finding::{self, Cause};
use crate::ledger::Ledger;
use crate::ledger::device;
use crate::ledger::directory::Number;

/// What became of one device.
#[derive(Debug)]
pub enum Picture {
    /// It is known so.
    Is(Box<Device>),
    /// Nothing but its last sign is new: when, and the packets and bytes that it has sent.
    Heard(Time, u64, u64),
    /// It turned out to be another, or had to be forgotten.
    Gone,
}

/// When availability claims of a device began, and why.
type Causes = BTreeMap<Number, Vec<(Time, Option<Cause>)>>;

/// The devices as last told.
#[derive(Debug, Default)]
pub struct Pictures {
    /// What they are called.
    pub(super) ids: Ids,
    /// What was told, in short, by number.
    told: BTreeMap<Number, u64>,
    /// Of whom there was no room to tell.
    waiting: BTreeSet<Number>,
    causes: Causes,
}

impl Pictures {
    /// Learns what devices are called that are another than before; `None` where any may be.
    pub(super) fn called(&mut self, ledger: &Ledger, changed: Option<BTreeSet<Number>>) {
        let any = || {
            let known = ledger.directory.devices().map(|(number, _)| number);
            known.chain(self.told.keys().copied()).collect()
        };
        let changed = changed.unwrap_or_else(any);
        self.ids.learn(&ledger.directory, &changed);
        self.waiting.extend(changed);
    }

    /// What a device is called.
    pub(super) fn id(&self, number: Number) -> Option<&str> {
        self.ids.all().get(&number).map(String::as_str)
    }

    /// All that is another than last told as of `now`, by number; of devices to be told anew `room` at most, the others
    /// when this is next asked. `claims` are the findings.
    pub(super) fn since(
        &mut self,
        ledger: &Ledger,
        claims: &[finding::Finding],
        (now, mut room): (Time, usize),
    ) -> Vec<(u32, Picture)> {
        let second = now.0.div_euclid(SECOND);
        let is_turn = |number: &Number, turns: i64| {
            i64::from(number.before()).rem_euclid(turns) == second.rem_euclid(turns)
        };
        let causes = causes(claims);
        self.waiting.extend(differing(&self.causes, &causes));
        self.causes = causes;
        // What a device does is another without a word.
        self.waiting.extend(self.told.keys().filter(|number| is_turn(number, LOOKED_AT)));
        let mut pictures = Vec::new();
        for number in std::mem::take(&mut self.waiting) {
            let Some(device) = ledger.directory.device(number) else {
                if self.told.remove(&number).is_some() {
                    pictures.push((number.before(), Picture::Gone));
                }
                continue;
            };
            let essence = essence(ledger, (number, device), self.causes.get(&number), now);
            if self.told.get(&number) == Some(&essence) && !is_turn(&number, TOLD_WHOLE) {
                continue;
            }
            if let Some(less) = room.checked_sub(1) {
                room = less;
                self.told.insert(number, essence);
                let device = build::device(ledger, claims, number, device, self.ids.all(), now);
                pictures.push((number.before(), Picture::Is(Box::new(device))));
            } else {
                self.waiting.insert(number);
            }
        }
        let goes_on = self.told.keys().filter(|number| is_turn(number, TURNS));
        pictures.extend(goes_on.filter_map(|number| {
            let device = ledger.directory.device(*number)?;
            Some((number.before(), Picture::Heard(device.last_seen, device.packets, device.bytes)))
        }));
        pictures
    }
}

fn causes(claims: &[finding::Finding]) -> Causes {
    let mut causes = Causes::new();
    for claim in claims.iter().filter(|claim| claim.kind.category == "availability") {
        if let Some(subject) = claim.devices.first() {
            causes.entry(*subject).or_default().push((claim.first_seen, claim.cause));
        }
    }
    causes
}

/// Of whom one says other than the other.
fn differing<'a>(one: &'a Causes, other: &'a Causes) -> impl Iterator<Item = Number> + 'a {
    let gone = one.keys().filter(|number| !other.contains_key(number));
    gone.chain(other.iter().filter(|(number, it)| one.get(number) != Some(*it)).map(|(number, _)| number))
        .copied()
}

/// What makes a device's picture another when it differs; it costs less than the picture.
fn essence(
    ledger: &Ledger,
    (number, device): (Number, &device::Device),
    causes: Option<&Vec<(Time, Option<Cause>)>>,
    now: Time,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    for mac in &device.macs {
        mac.hash(&mut hasher);
    }
    device.ips.iter().for_each(|ip| ip.hash(&mut hasher));
    device.vlans.iter().for_each(|vlan| vlan.hash(&mut hasher));
    for sight in device.identity.sights() {
        sight.strength.hash(&mut hasher);
    }
    (device.services.len(), device.role().map(|role| role.kind)).hash(&mut hasher);
    (device.rare.former_ips.len(), device.rare.profiles.len()).hash(&mut hasher);
    ledger.handshakes.of(number).count().hash(&mut hasher);
    if let Some(at) = &device.attachment {
        (at.switch.as_ref().map(|it| it.as_str()), at.port.as_ref().map(|it| it.as_str())).hash(&mut hasher);
    }
    device.listing.as_ref().and_then(|row| row.name.as_ref()).map(|name| name.as_str()).hash(&mut hasher);
    for (from, state) in ledger.verdict.history(number, now) {
        (from.0, state.name()).hash(&mut hasher);
    }
    for (from, cause) in causes.into_iter().flatten() {
        (from.0, cause.map(Cause::name)).hash(&mut hasher);
    }
    hasher.finish()
}

const SECOND: i64 = 1_000_000_000;
/// Seconds after which it is told anew that a device goes on.
const TURNS: i64 = 300;
/// Seconds after which a device is looked at though nothing was said of it.
const LOOKED_AT: i64 = 60;
/// Seconds after which all of a device is told anew, though it is as it was.
const TOLD_WHOLE: i64 = 3_600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Cite, Observation, Party, Place};
    use spanwatch_fingerprints::Fingerprints;
    use spanwatch_parsers::{BindingBy, Fact, Mac};

    fn bound(ledger: &mut Ledger, last: u8, at: Time) {
        let mac = Mac([2, 0, 0, 0, 0, last]);
        let ip = [192, 0, 2, last].into();
        ledger.observe(&Observation {
            place: Place { frame: 1, shard: 0, index: 0 },
            at,
            cite: Cite::new(0, 1),
            subject: Party { mac: Some(mac), ip: Some(ip), ..Party::default() },
            peer: Party::default(),
            transport: None,
            source: "arp",
            fact: Fact::Binding { mac, ip, by: BindingBy::Claim },
        });
    }

    fn told(
        ledger: &mut Ledger,
        pictures: &mut Pictures,
        second: i64,
        room: usize,
    ) -> Vec<(u32, &'static str)> {
        let now = Time(second * SECOND);
        let (_, told) = build::tick(ledger, now, pictures, Some(room));
        let what = |picture: &Picture| match picture {
            Picture::Is(_) => "is",
            Picture::Heard(..) => "heard",
            Picture::Gone => "gone",
        };
        told.iter().map(|(number, picture)| (*number, what(picture))).collect()
    }

    #[test]
    fn a_device_is_told_once_and_again_where_it_is_another() {
        let (mut ledger, mut pictures) = (Ledger::new(Fingerprints::builtin()), Pictures::default());
        bound(&mut ledger, 1, Time(SECOND));
        bound(&mut ledger, 2, Time(SECOND));
        assert_eq!(told(&mut ledger, &mut pictures, 2, 9), [(0, "is"), (1, "is")]);
        assert_eq!(told(&mut ledger, &mut pictures, 3, 9), []);
        bound(&mut ledger, 3, Time(SECOND));
        assert_eq!(told(&mut ledger, &mut pictures, 4, 0), []);
        assert_eq!(told(&mut ledger, &mut pictures, 5, 9), [(2, "is")], "there was no room before");
        assert_eq!(told(&mut ledger, &mut pictures, TURNS + 1, 9), [(1, "heard")]);
        assert_eq!(told(&mut ledger, &mut pictures, TOLD_WHOLE + 2, 9), [(2, "is"), (2, "heard")]);
    }

    #[test]
    fn only_who_changed_is_looked_at_and_the_others_in_their_turn() {
        let (mut ledger, mut pictures) = (Ledger::new(Fingerprints::builtin()), Pictures::default());
        (1..=3).for_each(|last| bound(&mut ledger, last, Time(SECOND)));
        assert_eq!(told(&mut ledger, &mut pictures, 3, 9).len(), 3);
        // It bridges, as nobody says aloud.
        ledger.directory.device_mut(Number::for_test(1)).unwrap().is_bridge = true;
        assert_eq!(told(&mut ledger, &mut pictures, 4, 9), []);
        assert_eq!(told(&mut ledger, &mut pictures, LOOKED_AT + 1, 9), [(1, "is")]);
        bound(&mut ledger, 4, Time(SECOND));
        assert_eq!(told(&mut ledger, &mut pictures, LOOKED_AT + 4, 9), [(3, "is")]);
    }

    #[test]
    fn who_is_not_known_any_more_is_gone() {
        let (mut ledger, mut pictures) = (Ledger::new(Fingerprints::builtin()), Pictures::default());
        bound(&mut ledger, 1, Time(SECOND));
        told(&mut ledger, &mut pictures, 2, 9);
        assert_eq!(told(&mut Ledger::new(Fingerprints::builtin()), &mut pictures, 3, 9), [(0, "gone")]);
    }
}
