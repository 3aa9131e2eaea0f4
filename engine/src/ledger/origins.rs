//! Devices that nobody heard: a recorder, or an address translator, passes on their media and lets slip who they are.
//!
//! | said by | a device is inferred | why |
//! | --- | --- | --- |
//! | a recorder's list of channels | for each address in it | the list is of its cameras |
//! | the origin in descriptions of streams (SDP) | where one server names two foreign ones at least | one may be its own other name, or an old one |
//!
//! An address that the server or its client holds or held is no other's, nor is one that is not the site's or means
//! something on one link alone. What is inferred is worth little: whoever is heard himself is told by what he says.

use std::net::IpAddr;

use spanwatch_parsers::Origin;

use super::Ledger;
use super::binding::{Bond, Witness};
use super::device::Device;
use super::directory::{is_device_address, is_site_address};
use super::identity::{Attribute, Sight};
use crate::observation::Observation;

impl Ledger {
    /// Takes a server's word on where media comes from.
    pub(super) fn origin(&mut self, origin: &Origin, seen: &Observation) {
        let Some(server) = self.site_device_of(seen) else { return };
        let holds =
            |device: &Device| device.ips.contains(&origin.ip) || device.rare.former_ips.contains(&origin.ip);
        let is_of = |number| self.directory.device(number).is_some_and(holds);
        let is_known = [seen.subject.ip, seen.peer.ip].contains(&Some(origin.ip))
            || is_of(server)
            || self.directory.find(&seen.peer).is_some_and(is_of);
        if is_known || !is_of_site(origin.ip) {
            return;
        }
        if origin.by == DESCRIPTION {
            let Some(device) = self.directory.device_mut(server) else { return };
            device.names_origin(origin.ip, &mut self.refused);
            let origins = device.rare.origins.clone();
            if origins.len() >= SEVERAL {
                origins.iter().for_each(|ip| self.infer(*ip, origin, seen));
            }
        } else {
            self.infer(origin.ip, origin, seen);
        }
    }

    fn infer(&mut self, ip: IpAddr, origin: &Origin, seen: &Observation) {
        let is_new = self.directory.find_ip(ip, seen.subject.vlan).is_none();
        let Some(number) = self.directory.ip_or_add(ip, seen.subject.vlan, seen.at) else { return };
        let (at, cite, strength, source) = (seen.at, seen.cite, INFERRED, origin.by);
        if is_new {
            self.vouch(number, Bond::Ip(ip), Witness { source, strength, at, cite });
            let sight = Sight::outright(Attribute::Kind, "camera".into(), (source, strength), (at, cite));
            self.directory.learn(number, sight);
        }
        for (key, value) in &origin.attributes {
            if let Some(mut sight) = Sight::said(*key, value.clone(), source, (at, cite)) {
                sight.strength = strength;
                self.directory.learn(number, sight);
            }
        }
    }
}

/// Whether an address is one that the site gives out and that means the same on all of its links.
fn is_of_site(ip: IpAddr) -> bool {
    let is_link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    };
    is_device_address(ip) && is_site_address(ip) && !is_link_local
}

/// What an SDP says.
const DESCRIPTION: &str = "sdp.origin";
/// Foreign origins in the descriptions of one server that no longer are a mistake.
const SEVERAL: usize = 2;
/// What somebody says of others, in per cent.
const INFERRED: u8 = 30;

#[cfg(test)]
mod tests {
    use spanwatch_fingerprints::Fingerprints;
    use spanwatch_parsers::{BindingBy, Fact, Key, Mac, Time};

    use super::*;
    use crate::observation::{Cite, Party, Place};

    const RECORDER: Mac = Mac([2, 0, 0, 0, 0, 0xd]);

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// What the recorder at 192.0.2.9 says to 192.0.2.5 in these frames, and who is known then.
    fn after(said: &[(&'static str, IpAddr)]) -> Vec<(String, String, u8)> {
        let mut ledger = Ledger::new(Fingerprints::builtin());
        let recorder = Party { mac: Some(RECORDER), ip: Some(ip(9)), ..Party::default() };
        let viewer = Party { ip: Some(ip(5)), ..Party::default() };
        let mut says = |n: usize, fact| {
            let frame = n as u64 + 1;
            let (at, cite) = (Time(n as i64), Cite::new(0, frame));
            let place = Place { frame, ..Place::default() };
            let (subject, peer) = (recorder, viewer);
            ledger.observe(&Observation {
                place,
                at,
                cite,
                subject,
                peer,
                transport: Some(6),
                source: "rtsp",
                fact,
            });
        };
        says(0, Fact::Binding { mac: RECORDER, ip: ip(9), by: BindingBy::Claim });
        for (n, (by, ip)) in said.iter().enumerate() {
            let attributes = vec![(Key::Model, "M7".into())];
            says(n + 1, Fact::Origin(Box::new(Origin { ip: *ip, attributes, by })));
        }
        let devices = ledger.directory.devices().filter(|(_, device)| device.macs.is_empty());
        devices.map(|(_, device)| (device.id(), device.kind().0.to_owned(), device.kind().1)).collect()
    }

    fn camera(last: u8) -> (String, String, u8) {
        (ip(last).to_string(), "camera".to_owned(), INFERRED)
    }

    #[test]
    fn cameras_that_a_recorder_lists_are_devices_inferred() {
        let list = "isapi.channels";
        assert_eq!(after(&[(list, ip(71)), (list, ip(72)), (list, ip(71))]), [camera(71), camera(72)]);
    }

    #[test]
    fn one_foreign_origin_is_nobody_and_two_are_two() {
        assert_eq!(after(&[(DESCRIPTION, ip(71)), (DESCRIPTION, ip(71))]), []);
        assert_eq!(after(&[(DESCRIPTION, ip(71)), (DESCRIPTION, ip(72))]), [camera(71), camera(72)]);
    }

    #[test]
    fn an_origin_that_is_no_address_of_another_on_the_site_is_nobody() {
        let own = [ip(9), ip(5), [8, 8, 8, 8].into(), [169, 254, 1, 1].into(), [0, 0, 0, 0].into()];
        let own = [&own[..], &["fe80::1".parse().unwrap(), "::1".parse().unwrap()]].concat();
        let said: Vec<_> =
            own.into_iter().flat_map(|ip| [(DESCRIPTION, ip), ("dahua.channels", ip)]).collect();
        assert_eq!(after(&said), []);
    }
}
