//! `large-upload`: a device sends much to the Internet.
//!
//! ## What it says
//! A camera, recorder or another device of physical security sent [`MUCH`] bytes or more to public addresses within an hour.
//!
//! ## Why it matters
//! So much is pictures: somebody outside watches, or takes the recordings away.
//!
//! ## Where it is wrong
//! Recording in a cloud that the site pays for, and people who watch from home, look the same. A site with public addresses of its own sends inside what seems to leave it.
//!
//! ## State
//! One [`Upload`] for each such device that sends to a public address, [`DEVICES_MAX`] at most, with [`SHOWN`] receivers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Span, Time};

use super::{Detector, Known, Look, peers};
use crate::finding::{Evidence, Finding, Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{Number, is_device_address, is_site_address};
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "large-upload",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("large_upload.rs"),
    start: Some(|| Box::<Uploads>::default()),
};

/// Bytes within an hour: five minutes of video at 1.5 Mbit/s; an hour of status and snapshots is less than a tenth.
const MUCH: u64 = 50_000_000;
const HOUR: Span = Span::seconds(3_600);
/// Devices of physical security that send to public addresses.
const DEVICES_MAX: usize = 16_384;
/// Receivers kept.
const SHOWN: usize = 8;

/// What a device sends to public addresses.
#[derive(Debug)]
struct Upload {
    subject: String,
    /// Of this hour.
    since: Time,
    bytes: u64,
    /// Of all hours with much.
    found: Option<Found>,
    to: Vec<(IpAddr, Time, Cite, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    first: Time,
    detected: Time,
    last: Time,
    bytes: u64,
}

/// Who sends to public addresses.
#[derive(Debug, Default)]
pub struct Uploads {
    devices: BTreeMap<Number, Upload>,
    refused: u64,
}

impl Upload {
    fn sends(&mut self, to: IpAddr, bytes: u64, (at, cite): (Time, Cite)) {
        if at - self.since > HOUR {
            (self.since, self.bytes) = (at, 0);
            if self.found.is_none() {
                self.to.clear();
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        let has_room = self.to.len() < SHOWN;
        match self.to.iter_mut().find(|(ip, ..)| *ip == to) {
            Some((.., sum)) => *sum = sum.saturating_add(bytes),
            None if has_room => self.to.push((to, at, cite, bytes)),
            None => {}
        }
        match &mut self.found {
            Some(found) => {
                found.bytes = found.bytes.saturating_add(bytes);
                found.last = at;
            }
            None if self.bytes >= MUCH => {
                self.found = Some(Found { first: self.since, detected: at, last: at, bytes: self.bytes });
            }
            None => {}
        }
    }

    fn finding(&self, number: Number, known: &Known<'_>) -> Option<Finding> {
        let found = self.found?;
        let is_meant = |device: &&Device| device.is_guarded_surely() && !known.policy.allows_out(device);
        known.directory.device(number).filter(is_meant)?;
        let who = peers::title(number, known);
        let whom = peers::list(self.to.iter().map(|(ip, ..)| ip.to_string()));
        let much = format!("{} MB", found.bytes / 1_000_000);
        Some(Finding {
            confidence: 85,
            devices: vec![number],
            switch: known.switch_of(number),
            title: format!("{who} sends much to the Internet: {much}"),
            summary: format!(
                "{who} sent {much} to the Internet since {} UTC; so much is pictures. It is IT's turn: find out whether somebody wants that, and stop it where nobody does.",
                clock_time(found.first)
            ),
            detail: format!(
                "{} bytes to {whom} from {} to {} UTC.",
                found.bytes,
                clock_time(found.first),
                clock_time(found.last)
            ),
            remedy: "Block the device's way out at the firewall, and allow a cloud by name where it is wanted. Look who is logged in to the device and which accounts, clouds and FTP or mail targets are set in it.".to_owned(),
            verify: "Less than a tenth of that leaves the site in an hour, or the site's rules (`[[policy]]`) say that it may.".to_owned(),
            evidence: self
                .to
                .iter()
                .map(|(ip, at, cite, bytes)| Evidence {
                    at: *at,
                    cite: Some(*cite),
                    protocol: None,
                    text: format!("{} kB to {ip}", bytes / 1_000),
                })
                .collect(),
            last_seen: found.last,
            ..Finding::of_network(&KIND, &self.subject, found.first, found.detected)
        })
    }
}

impl Detector for Uploads {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Activity(_))
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_remote
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Fact::Activity(activity) = &seen.fact else { return };
        let Some(to) = seen.peer.ip.filter(|ip| !is_site_address(*ip) && is_device_address(*ip)) else {
            return;
        };
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let news = (seen.at, seen.cite);
        if let Some(upload) = self.devices.get_mut(&number) {
            upload.sends(to, activity.bytes, news);
            return;
        }
        let is_own = seen.subject.ip.is_some_and(is_site_address);
        if !is_own || !known.directory.device(number).is_some_and(Device::is_guarded_surely) {
            return;
        }
        if self.devices.len() >= DEVICES_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let (subject, since) = (known.id_of(number), activity.first);
        let mut upload = Upload { subject, since, bytes: 0, found: None, to: Vec::new() };
        upload.sends(to, activity.bytes, news);
        self.devices.insert(number, upload);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(upload) = self.devices.remove(&gone) {
            self.devices.entry(kept).or_insert(upload);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.devices.iter().filter_map(|(number, upload)| upload.finding(*number, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices that send to the Internet", DEVICES_MAX, self.refused)]
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Activity;

    use super::super::bench::{Bench, activity, mac, party, s};
    use super::*;

    /// A device sends so many bytes each minute to somebody.
    fn found(kind: &str, to: &str, bytes: u64, minutes: i64) -> Vec<Finding> {
        let mut bench = Bench::new();
        let own = party(mac(7), "192.0.2.7", None);
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        bench.is_a(s(1), own, kind);
        for minute in 1..=minutes {
            let at = s(minute * 60);
            let sent = Activity { bytes, ..activity(at, 9) };
            bench.sees_in("flow", at, (own, party(mac(1), to, None)), Fact::Activity(sent));
        }
        bench.of(&KIND)
    }

    #[test]
    fn a_camera_that_sends_pictures_out_is_told_once_with_how_much() {
        let [finding] = &found("camera", "198.18.0.9", 12_000_000, 10)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected), (s(60), s(300)));
        assert!(finding.title.ends_with("120 MB"), "{}", finding.title);
        assert_eq!(finding.evidence[0].text, "120000 kB to 198.18.0.9");
    }

    #[test]
    fn a_little_each_hour_the_site_itself_and_other_devices_are_none() {
        assert!(found("camera", "198.18.0.9", 500_000, 300).is_empty());
        assert!(found("camera", "192.0.2.9", 12_000_000, 10).is_empty());
        assert!(found("workstation", "198.18.0.9", 12_000_000, 10).is_empty());
    }
}
