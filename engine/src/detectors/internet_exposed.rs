//! `internet-exposed`: a device is reached from the Internet.
//!
//! ## What it says
//! A device of the site answered a session that came from a public address, over TCP: a camera, recorder or other device of physical security in any protocol, any
//! device in RTSP, ONVIF, Telnet, FTP, SMB or Dahua's protocol.
//!
//! ## Why it matters
//! Whoever scans the Internet finds it within hours; its password and its firmware are then all that protects it.
//!
//! ## Where it is wrong
//! A site may use public addresses for its own machines. A server of a maker's cloud that calls back over a tunnel is seen from the tunnel's end.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{is_device_address, is_site_address};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "internet-exposed",
    category: "behavior",
    severity: Severity::Critical,
    source: include_str!("internet_exposed.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 95,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Service { .. }),
    applies,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Service { protocol } = seen.fact else { return None };
    let (own, other) = (seen.subject.ip?, seen.peer.ip?);
    let is_reached = is_site_address(own)
        && !is_site_address(other)
        && is_device_address(other)
        && seen.transport == Some(TCP);
    is_reached.then(|| {
        let rows = if OF_DEVICES.contains(&protocol) { vec![ANY] } else { Vec::new() };
        let what = format!("{} on port {} from {other}", protocol.to_uppercase(), seen.subject.port);
        Sight { rows, ..Sight::of(seen, what) }
    })
}

fn applies(rows: &[u16], device: &Device) -> bool {
    rows.contains(&ANY) || device.is_guarded()
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} is reached from the Internet"),
        summary: format!(
            "{who} answers somebody on the Internet: whoever finds it can try to get in. {turn}: close that way."
        ),
        detail: format!("It answered {what}, over TCP."),
        remedy: "Take the port forwarding (also by UPnP) for this device away on the router, and let who must reach it come by a VPN. Look whether its settings or accounts were changed.".to_owned(),
        verify: "No connection from a public address reaches the device; a try from outside gets no answer.".to_owned(),
    }
}

const TCP: u8 = 6;
/// Protocols that no device is meant to offer to the Internet, whatever it is.
const OF_DEVICES: &[&str] = &["rtsp", "onvif", "telnet", "ftp", "smb", "dhip"];
const ANY: u16 = 1;

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    fn reached(protocol: &'static str, from: &str) -> Vec<Finding> {
        let mut bench = Bench::new();
        bench.claims(s(1), mac(7), "192.0.2.7", None);
        let subject = Party { port: 554, ..party(mac(7), "192.0.2.7", None) };
        let peer = Party { port: 40_000, ..party(mac(1), from, None) };
        bench.sees_in("test", s(2), (subject, peer), Fact::Service { protocol });
        bench.of(&KIND)
    }

    #[test]
    fn who_answers_a_public_address_is_told_and_who_answers_the_site_is_not() {
        let told = reached("rtsp", "198.18.0.9");
        assert_eq!(told[0].evidence[0].text, "RTSP on port 554 from 198.18.0.9");
        assert!(reached("rtsp", "192.0.2.9").is_empty());
    }

    #[test]
    fn a_web_server_that_is_no_device_of_physical_security_is_not_told() {
        assert!(reached("http", "198.18.0.9").is_empty());
    }
}
