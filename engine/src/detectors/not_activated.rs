//! `not-activated`: a device still in factory state.
//!
//! ## What it says
//! A device itself tells, in its maker's search (Hikvision's SADP) or by a scope of ONVIF's Profile Q, that nobody has given it a password
//! since it left the factory or was reset. It ends when the device tells otherwise.
//!
//! ## Why it matters
//! Whoever reaches the device first can set its password and has it: he sees the pictures, and the owner is locked out.
//!
//! ## Where it is wrong
//! A device that is being installed is in this state for some minutes. That a device has a password says nothing about how good it is.
//!
//! ## State
//! One row a device, `DEVICES_MAX` at most.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, Key, Time};

use super::{Detector, Known};
use crate::finding::{Evidence, Finding, Kind, Owner, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "not-activated",
    category: "weakness",
    severity: Severity::Critical,
    source: include_str!("not_activated.rs"),
    start: Some(|| Box::new(NotActivated::default())),
};

/// Devices told of.
const DEVICES_MAX: usize = 1_024;
/// It says so itself, in a field made for it, in per cent.
const SAID: u8 = 95;
/// What ONVIF's Profile Q has a device tell of its state (ONVIF Profile Q Specification, 7.2).
const FACTORY: &str = "onvif://www.onvif.org/Profile/Q/Factory_Default";
const OPERATIONAL: &str = "onvif://www.onvif.org/Profile/Q/Operational";

/// One that told so.
#[derive(Debug)]
struct Told {
    /// What it was called then.
    id: String,
    source: &'static str,
    first: (Time, Cite),
    last: (Time, Cite),
    ended: Option<(Time, Cite)>,
    count: u64,
}

/// All that told so.
#[derive(Debug, Default)]
pub struct NotActivated {
    devices: BTreeMap<Number, Told>,
    refused: u64,
}

impl NotActivated {
    fn told(&mut self, number: Number, is_activated: bool, seen: &Observation, known: &Known<'_>) {
        let sight = (seen.at, seen.cite);
        let has_room = self.devices.len() < DEVICES_MAX;
        match (self.devices.get_mut(&number), is_activated) {
            (Some(told), true) => told.ended = told.ended.or(Some(sight)),
            (Some(told), false) => {
                (told.last, told.ended) = (sight, None);
                told.count = told.count.saturating_add(1);
            }
            (None, false) if has_room => {
                let (id, source) = (known.id_of(number), seen.source);
                let told = Told { id, source, first: sight, last: sight, ended: None, count: 1 };
                self.devices.insert(number, told);
            }
            (None, false) => self.refused = self.refused.saturating_add(1),
            (None, true) => {}
        }
    }
}

impl Told {
    fn finding(&self, number: Number, known: &Known<'_>) -> Finding {
        let device = known.directory.device(number);
        let called = device.map_or_else(|| self.id.clone(), Device::title);
        let since = clock_time(self.first.0);
        let is_over = self.ended.map_or("", |_| " Somebody has given it one since.");
        let evidence = |(at, cite): (Time, Cite), text: String| Evidence {
            at,
            cite: Some(cite),
            protocol: Some(self.source),
            text,
        };
        let said = evidence(self.first, format!("{called} tells that it was not activated yet"));
        let ended = self.ended.map(|sight| evidence(sight, format!("{called} tells that it is activated")));
        Finding {
            confidence: SAID,
            owner: if device.is_none_or(Device::is_guarded) { Owner::PhysicalSecurity } else { Owner::It },
            devices: vec![number],
            switch: known.switch_of(number),
            title: format!("{called} has no password yet: it is in factory state"),
            summary: format!(
                "{called} is still as it left the factory: nobody has given it a password. Whoever reaches it first can take it over.{is_over} Give it a password of its own now."
            ),
            detail: format!(
                "By {}, {called} has told since {since} UTC that it is not activated.",
                self.source.to_uppercase()
            ),
            remedy: "Activate the device with its maker's tool and a strong password of its own, then set its address and update its firmware. If you did not expect it to be new, ask who reset it.".to_owned(),
            verify: "The device answers the next search as activated; then this finding gets an end.".to_owned(),
            evidence: [Some(said), ended].into_iter().flatten().collect(),
            last_seen: self.ended.unwrap_or(self.last).0,
            ended: self.ended.map(|(at, _)| at),
            count: self.count,
            ..Finding::of_network(&KIND, &self.id, self.first.0, self.first.0)
        }
    }
}

impl Detector for NotActivated {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Activation { .. } | Fact::Attribute { .. })
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let is_activated = match &seen.fact {
            Fact::Activation { is_activated } => *is_activated,
            Fact::Attribute { key: Key::OnvifScope, value } if value.as_str() == FACTORY => false,
            Fact::Attribute { key: Key::OnvifScope, value } if value.as_str() == OPERATIONAL => true,
            _ => return,
        };
        if let Some(number) = known.directory.find(&seen.subject) {
            self.told(number, is_activated, seen, known);
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(told) = self.devices.remove(&gone) {
            self.devices.entry(kept).or_insert(told);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.devices.iter().map(|(number, told)| told.finding(*number, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices in factory state", DEVICES_MAX, self.refused)]
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Mac;

    use super::super::bench::{Bench, cite, mac, party, s};
    use super::*;
    use crate::observation::Party;

    fn tells(bench: &mut Bench, at: i64, device: u8, fact: Fact) {
        let ip = format!("192.0.2.{device}");
        bench.claims(s(at), mac(device), &ip, None);
        bench.sees(s(at), party(mac(device), &ip, None), Party::default(), fact);
    }

    fn activation(is_activated: bool) -> Fact {
        Fact::Activation { is_activated }
    }

    fn scope(scope: &str) -> Fact {
        Fact::Attribute { key: Key::OnvifScope, value: scope.into() }
    }

    #[test]
    fn a_device_without_a_password_is_told_once_until_it_has_one() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, 7, activation(false));
        tells(&mut bench, 70, 7, activation(false));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.last_seen, finding.ended), (s(10), s(70), None));
        assert_eq!((finding.count, finding.evidence[0].cite), (2, Some(cite(s(10)))));
        tells(&mut bench, 100, 7, activation(true));
        let finding = &bench.of(&KIND)[0];
        assert_eq!((finding.ended, finding.evidence.len()), (Some(s(100)), 2));
    }

    #[test]
    fn a_scope_of_onvif_tells_so_too() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, 7, scope(FACTORY));
        tells(&mut bench, 10, 8, scope(OPERATIONAL));
        tells(&mut bench, 10, 9, scope("onvif://www.onvif.org/Profile/Streaming"));
        assert_eq!(bench.of(&KIND).len(), 1);
        tells(&mut bench, 20, 7, scope(OPERATIONAL));
        assert_eq!(bench.of(&KIND)[0].ended, Some(s(20)));
    }

    #[test]
    fn a_device_that_has_one_is_not_told() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, 7, activation(true));
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn state_is_bounded_and_what_does_not_fit_is_counted() {
        let mut bench = Bench::new();
        for n in 0..DEVICES_MAX as u16 + 5 {
            let [high, low] = n.to_be_bytes();
            let subject = party(Mac([2, 0, 0, 0, high, low]), &format!("10.0.{high}.{low}"), None);
            bench.claims(s(1), Mac([2, 0, 0, 0, high, low]), &format!("10.0.{high}.{low}"), None);
            bench.sees(s(1), subject, Party::default(), activation(false));
        }
        assert_eq!(bench.of(&KIND).len(), DEVICES_MAX);
        let limits = bench.of(&crate::detectors::limit_reached::KIND);
        assert!(limits.iter().any(|it| it.title.contains("devices in factory state")), "{limits:?}");
    }
}
