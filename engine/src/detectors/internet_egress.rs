//! `internet-egress`: a device talks to the Internet.
//!
//! ## What it says
//! A camera, recorder or other device of physical security was answered by a public address, over TCP or UDP, in a session that it opened itself. Questions for names
//! and for the time (ports 53 and 123) are left out.
//!
//! ## Why it matters
//! Pictures and passwords may leave the site this way, and who has taken the device over commands it by it; firewalls seldom stop what comes from inside.
//!
//! ## Where it is wrong
//! Updates, cloud recording and push messages that somebody wants are sessions like these; so is what a site with public addresses of its own talks inside. Who sends
//! media and is not known as a camera or another device of physical security, as a telephone, is left out.
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
    id: "internet-egress",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("internet_egress.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 90,
    is_common: false,
    reads: |fact| matches!(fact, Fact::Activity(_)),
    applies,
};

/// What a public address sends from a server's port to one that a client takes is its answer.
fn see(seen: &Observation) -> Option<Sight> {
    let Fact::Activity(_) = seen.fact else { return None };
    let (far, own) = (seen.subject.ip?, seen.peer.ip?);
    let over = match seen.transport {
        Some(6) => "TCP",
        Some(17) => "UDP",
        _ => return None,
    };
    let (port, client) = (seen.subject.port, seen.peer.port);
    let is_answer = !is_site_address(far)
        && is_device_address(far)
        && is_site_address(own)
        && is_device_address(own)
        && (1..EPHEMERAL).contains(&port)
        && client >= EPHEMERAL
        && !LEFT_OUT.contains(&port);
    is_answer.then(|| Sight {
        who: seen.peer,
        what: Some(format!("{over} port {port} of {far}").into()),
        rows: Vec::new(),
    })
}

fn applies(_: &[u16], device: &Device) -> bool {
    device.is_guarded_surely()
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} talks to the Internet"),
        summary: format!(
            "{who} opens connections to the Internet and is answered. {turn}: find out whether somebody wants that, and block what nobody does."
        ),
        detail: format!("It was answered by {what}."),
        remedy: "Give cameras and recorders no way out: block them at the firewall, and allow update or cloud servers by name where they are wanted. Switch cloud and P2P functions off in the device.".to_owned(),
        verify: "No public address answers the device any more, or the site's rules (`[[policy]]`) say that it may.".to_owned(),
    }
}

/// DNS and NTP.
const LEFT_OUT: [u16; 2] = [53, 123];
/// RFC 6335, 6; Linux begins at 32768.
const EPHEMERAL: u16 = 32_768;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Key;

    use super::super::bench::{Bench, activity, mac, party, s};
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    fn answered(kind: &str, far: &str, port: u16) -> Vec<Finding> {
        let mut bench = Bench::new();
        bench.claims(s(1), mac(7), "192.0.2.7", None);
        let own = Party { port: 40_000, ..party(mac(7), "192.0.2.7", None) };
        let far = Party { port, ..party(mac(1), far, None) };
        if kind == "camera" {
            bench.sees_in(
                "rtsp",
                s(2),
                (Party { port: 554, ..own }, far),
                Fact::Service { protocol: "rtsp" },
            );
            let value = "AXIS M1011 Network Camera 5.20".into();
            let banner = Fact::Attribute { key: Key::FtpBanner, value };
            bench.sees_in("ftp", s(2), (own, far), banner);
            let label = spanwatch_parsers::Label {
                attribute: spanwatch_parsers::Concluded::Kind,
                value: "camera".into(),
                strength: 90,
                key: Key::FtpBanner,
                entry: &"test",
            };
            bench.sees_in("ftp", s(2), (own, far), Fact::Label(label));
        }
        bench.sees_in("flow", s(3), (far, own), Fact::Activity(activity(s(3), 1)));
        bench.of(&KIND)
    }

    #[test]
    fn a_camera_that_the_internet_answers_is_told_and_another_device_is_not() {
        let told = answered("camera", "198.18.0.9", 443);
        assert_eq!(told[0].evidence[0].text, "TCP port 443 of 198.18.0.9");
        assert!(answered("unknown", "198.18.0.9", 443).is_empty());
    }

    #[test]
    fn names_the_time_and_the_site_itself_are_left_out() {
        for (far, port) in
            [("198.18.0.9", 53), ("198.18.0.9", 123), ("192.0.2.9", 443), ("198.18.0.9", 50_000)]
        {
            assert!(answered("camera", far, port).is_empty(), "{far} {port}");
        }
    }
}
