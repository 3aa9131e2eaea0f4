//! What is known of devices, told as it changes: [`Pictures`].
//!
//! A device is told again where its identity, addresses, services, place or availability is another than last told. That it
//! merely went on is told of each device every five minutes, of some in each second.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use spanwatch_parsers::Time;

use super::Device;
use super::build;
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

/// The devices as last told.
#[derive(Debug, Default)]
pub struct Pictures {
    /// What was told, in short, by number; and whether it still is there.
    told: BTreeMap<Number, (u64, bool)>,
}

impl Pictures {
    /// All that is another than last told as of `now`, by number; of devices to be told anew `room` at most, the others
    /// when this is next asked. `claims` are the findings.
    pub(super) fn since(
        &mut self,
        ledger: &Ledger,
        claims: &[finding::Finding],
        ids: &BTreeMap<Number, String>,
        (now, mut room): (Time, usize),
    ) -> Vec<(u32, Picture)> {
        let turn = now.0.div_euclid(SECOND).rem_euclid(TURNS);
        let mut causes: BTreeMap<Number, Vec<(Time, Option<Cause>)>> = BTreeMap::new();
        for claim in claims.iter().filter(|claim| claim.kind.category == "availability") {
            if let Some(subject) = claim.devices.first() {
                causes.entry(*subject).or_default().push((claim.first_seen, claim.cause));
            }
        }
        let mut pictures = Vec::new();
        for (number, device) in ledger.directory.devices() {
            let essence = essence(ledger, (number, device), causes.get(&number), now);
            let told = self.told.get_mut(&number);
            if let Some(told) = told {
                told.1 = true;
                if told.0 == essence {
                    if i64::from(number.0).rem_euclid(TURNS) == turn {
                        let heard = Picture::Heard(device.last_seen, device.packets, device.bytes);
                        pictures.push((number.0, heard));
                    }
                    continue;
                }
            }
            if let Some(less) = room.checked_sub(1) {
                room = less;
                self.told.insert(number, (essence, true));
                let device = build::device(ledger, claims, number, device, ids, now);
                pictures.push((number.0, Picture::Is(Box::new(device))));
            }
        }
        self.told.retain(|number, (_, is_there)| {
            if !std::mem::take(is_there) {
                pictures.push((number.0, Picture::Gone));
                return false;
            }
            true
        });
        pictures
    }
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

    fn told(ledger: &Ledger, pictures: &mut Pictures, second: i64, room: usize) -> Vec<(u32, &'static str)> {
        let now = Time(second * SECOND);
        let (_, told) = build::tick(ledger, now, Some((&mut *pictures, room)));
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
        assert_eq!(told(&ledger, &mut pictures, 2, 9), [(0, "is"), (1, "is")]);
        assert_eq!(told(&ledger, &mut pictures, 3, 9), []);
        bound(&mut ledger, 3, Time(SECOND));
        assert_eq!(told(&ledger, &mut pictures, 4, 0), []);
        assert_eq!(told(&ledger, &mut pictures, 5, 9), [(2, "is")], "there was no room before");
        assert_eq!(told(&ledger, &mut pictures, TURNS + 1, 9), [(1, "heard")]);
    }

    #[test]
    fn who_is_not_known_any_more_is_gone() {
        let (mut ledger, mut pictures) = (Ledger::new(Fingerprints::builtin()), Pictures::default());
        bound(&mut ledger, 1, Time(SECOND));
        told(&ledger, &mut pictures, 2, 9);
        assert_eq!(told(&Ledger::new(Fingerprints::builtin()), &mut pictures, 3, 9), [(0, "gone")]);
    }
}
