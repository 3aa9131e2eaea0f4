//! `p2p-cloud`: a device talks to a cloud for cameras.
//!
//! ## What it says
//! A camera, recorder or another device of physical security asked a name server, or a server over TLS, for a name of a known cloud, relay (P2P) or service of dynamic
//! names; or sent to a public address on a port of such relays (UDP 32100, 32108, 8800). Whose cloud it is is in the evidence.
//!
//! ## Why it matters
//! Over such a relay the device is reached from anywhere, past the firewall, by whoever has its number and its password; makers have switched it on by themselves.
//!
//! ## Where it is wrong
//! A site may want it: devices of some makers cannot do without. A name that is asked for may lead nowhere, where the firewall stops what follows.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_fingerprints::clouds;
use spanwatch_parsers::{Fact, TlsRole};

use super::weakness::{Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{is_device_address, is_site_address};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "p2p-cloud",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("p2p_cloud.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 90,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Activity(_) | Fact::NameAsked { .. } | Fact::Tls(_)),
    applies,
};

/// Ports of relays over UDP, and whose they are.
const RELAYS: &[(u16, &str)] = &[(32_100, "PPPP"), (32_108, "PPPP"), (8_800, "Dahua P2P")];
const UDP: u8 = 17;

fn see(seen: &Observation) -> Option<Sight> {
    match &seen.fact {
        Fact::NameAsked { name } => named(seen, name.as_str(), "asks for the name"),
        Fact::Tls(side) if side.role == TlsRole::Client => {
            named(seen, side.server_name.as_ref()?.as_str(), "speaks TLS to")
        }
        Fact::Activity(_) if seen.transport == Some(UDP) => {
            let (_, whose) = RELAYS.iter().find(|(port, _)| *port == seen.peer.port)?;
            let far = seen.peer.ip.filter(|ip| !is_site_address(*ip) && is_device_address(*ip))?;
            Some(Sight::of(seen, format!("sends to UDP port {} of {far} ({whose})", seen.peer.port)))
        }
        _ => None,
    }
}

fn named(seen: &Observation, name: &str, how: &str) -> Option<Sight> {
    let cloud = clouds::of_name(name)?;
    Some(Sight::of(seen, format!("{how} {name} ({} {})", cloud.vendor, cloud.service)))
}

fn applies(_: &[u16], device: &Device) -> bool {
    device.is_guarded_surely()
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} uses a cloud"),
        summary: format!(
            "{who} gets in touch with a cloud, over which it may be reached from anywhere past the firewall. {turn}: find out whether somebody wants that, and switch it off where nobody does."
        ),
        detail: format!("It {what}."),
        remedy: "Switch cloud, P2P and dynamic DNS off in the device (Hikvision: Platform Access; Dahua: P2P; Reolink: UID; Axis: One-click cloud connection), and block its way out at the firewall.".to_owned(),
        verify: "The device asks for no such name any more, or the site's rules (`[[policy]]`) say that it may.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, activity, mac, party, s};
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    fn found(kind: &str, facts: &[Fact], far: (&str, u16)) -> Vec<Finding> {
        let mut bench = Bench::new();
        let own = Party { port: 40_000, ..party(mac(7), "192.0.2.7", None) };
        let far = Party { port: far.1, ..party(mac(1), far.0, None) };
        bench.claims(s(0), mac(7), "192.0.2.7", None);
        bench.is_a(s(1), own, kind);
        for fact in facts {
            let mut seen = Observation {
                place: Default::default(),
                at: s(2),
                cite: Default::default(),
                subject: own,
                peer: far,
                transport: Some(UDP),
                source: "dns",
                fact: fact.clone(),
            };
            bench.observes(&seen);
            seen.at = s(3);
            bench.observes(&seen);
        }
        bench.of(&KIND)
    }

    fn asks(name: &str) -> Fact {
        Fact::NameAsked { name: name.into() }
    }

    #[test]
    fn a_camera_that_seeks_a_cloud_is_told_once_with_all_that_it_seeks() {
        let names = [asks("dev.hik-connect.com"), asks("www.easy4ipcloud.com")];
        let [finding] = &found("camera", &names, ("192.0.2.1", 53))[..] else { panic!("one finding") };
        assert_eq!((finding.evidence.len(), finding.count), (2, 4));
        assert!(finding.detail.contains("Hikvision Hik-Connect"), "{}", finding.detail);
        let sends = [Fact::Activity(activity(s(2), 3))];
        assert_eq!(found("camera", &sends, ("198.18.0.9", 32_100)).len(), 1);
    }

    #[test]
    fn other_names_other_devices_and_the_site_itself_are_none() {
        assert!(found("camera", &[asks("ntp.example.net")], ("192.0.2.1", 53)).is_empty());
        assert!(found("workstation", &[asks("dev.hik-connect.com")], ("192.0.2.1", 53)).is_empty());
        let sends = [Fact::Activity(activity(s(2), 3))];
        assert!(found("camera", &sends, ("192.0.2.9", 32_100)).is_empty());
        assert!(found("camera", &sends, ("198.18.0.9", 443)).is_empty());
    }
}
