//! `unexpected-service`: a device offers what no device of its kind should.
//!
//! ## What it says
//! A camera, encoder, intercom, access controller, sensor or speaker answered as a file server (SMB), mail server, name server, time server, DHCP server or MQTT
//! broker, or as an SSH server on another port than 22. A recorder answered as a mail server or on such an SSH port.
//!
//! ## Why it matters
//! What a device was not bought for nobody looks after: a maker's forgotten service is a way in, and a service that appears one day may be somebody who got in.
//!
//! ## Where it is wrong
//! A device that is more than its kind says, as a camera with an access point of its own, offers such things on purpose. Services that Spanwatch cannot read are not told.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "unexpected-service",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("unexpected_service.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 80,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Service { .. }),
    applies,
};

/// Protocol, what to call it, and whether recorders should not offer it either.
const SERVICES: &[(&str, &str, bool)] = &[
    ("smb", "a file server (SMB)", false),
    ("smtp", "a mail server", true),
    ("dns", "a name server", false),
    ("ntp", "a time server", false),
    ("dhcp", "a DHCP server", false),
    ("dhcpv6", "a DHCP server (IPv6)", false),
    ("mqtt", "an MQTT broker", false),
];
/// Where SSH is looked for.
const SSH: u16 = 22;
/// Rows of a sight: nobody should, and no edge device should.
const OF_NOBODY: u16 = 1;
const OF_NO_EDGE: u16 = 2;
/// Kinds at the edge.
const EDGE: &[&str] = &["camera", "encoder", "intercom", "access-controller", "sensor", "speaker"];
/// What makes it of its kind is worth more than what it does alone, in per cent.
const SURELY: u8 = 60;

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Service { protocol } = seen.fact else { return None };
    let port = seen.subject.port;
    let over = match seen.transport {
        Some(17) => "UDP",
        _ => "TCP",
    };
    let row = SERVICES.iter().find(|(own, ..)| *own == protocol);
    let (called, rows) = match row {
        Some((_, called, is_of_nobody)) => (*called, if *is_of_nobody { OF_NOBODY } else { OF_NO_EDGE }),
        None if protocol == "ssh" && ![SSH, 0].contains(&port) => ("an SSH server", OF_NOBODY),
        None => return None,
    };
    Some(Sight { rows: vec![rows], ..Sight::of(seen, format!("{called} on {over} port {port}")) })
}

fn applies(rows: &[u16], device: &Device) -> bool {
    let (kind, confidence) = device.kind();
    let is_edge = EDGE.contains(&kind);
    confidence >= SURELY && (is_edge || (kind == "recorder" && rows.contains(&OF_NOBODY)))
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} offers what no device of its kind should"),
        summary: format!(
            "{who} answers as {what}. No device of its kind needs to. {turn}: switch it off, or find out who switched it on."
        ),
        detail: format!("It answered as {what}."),
        remedy: "Switch the service off in the device's network settings. If nobody switched it on, compare the firmware with the maker's, set the device back to factory state and change its passwords.".to_owned(),
        verify: "The device answers on that port no more.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    fn found(kind: &str, protocol: &'static str, port: u16) -> Vec<Finding> {
        let mut bench = Bench::new();
        let own = Party { port, ..party(mac(7), "192.0.2.7", None) };
        let peer = Party { port: 40_000, ..party(mac(9), "192.0.2.9", None) };
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        bench.is_a(s(1), own, kind);
        (2..4).for_each(|at| bench.sees_in("test", s(at), (own, peer), Fact::Service { protocol }));
        bench.of(&KIND)
    }

    #[test]
    fn a_camera_that_serves_files_mail_or_ssh_elsewhere_is_told_once() {
        let [files] = &found("camera", "smb", 445)[..] else { panic!("one finding") };
        assert_eq!(files.evidence[0].text, "a file server (SMB) on TCP port 445");
        assert_eq!(files.count, 2);
        assert_eq!(found("camera", "smtp", 25).len(), 1);
        assert_eq!(found("camera", "ssh", 2222).len(), 1);
        assert_eq!(found("recorder", "ssh", 2222).len(), 1);
    }

    #[test]
    fn what_devices_of_the_kind_offer_and_servers_are_none() {
        for (kind, protocol, port) in [
            ("camera", "rtsp", 554),
            ("camera", "ssh", 22),
            ("recorder", "smb", 445),
            ("recorder", "dhcp", 67),
            ("server", "smb", 445),
            ("printer", "smb", 445),
        ] {
            assert!(found(kind, protocol, port).is_empty(), "{kind} {protocol}");
        }
    }
}
