//! `lateral-connection`: a camera opens a session to a device that is no business of its.
//!
//! ## What it says
//! A camera or encoder opened a TCP connection to another camera, or to a workstation, printer or telephone of the office, and was answered; or to anybody on the site on a port of
//! remote control: Telnet, remote desktop, VNC; or any device did what the site's own rules (`[[policy]]`) forbid. Cameras serve, and push to recorders, servers and storage; they never open sessions to their peers.
//!
//! ## Why it matters
//! This is how one camera that was taken over takes the next one, and how an attacker gets from the cameras' network into the office.
//!
//! ## Where it is wrong
//! Who pulls pictures from cameras is taken for a recorder, and left out. A camera that serves as recorder for others (edge recording) and was never seen to pull is told. A connection that was
//! open before watching began is not seen.
//!
//! ## State
//! [`PENDING_MAX`] connections that were not answered yet; see [`super::peers`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Span, Time};

use super::peers::{self, Held, Talk, Talks};
use super::{Detector, Known};
use crate::finding::{Finding, Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{Number, is_device_address, is_site_address};
use crate::observation::Observation;
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "lateral-connection",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("lateral_connection.rs"),
    start: Some(|| Box::<Crossing>::default()),
};

/// Kinds of the office.
const OFFICE: &[&str] = &["workstation", "printer", "phone"];
/// Telnet and where worms put it, remote desktop, VNC.
const OF_CONTROL: &[u16] = &[23, 2323, 3389, 5900];
/// An answer comes within this time.
const ANSWERS: Span = Span::seconds(5);
/// Connections that were not answered yet.
const PENDING_MAX: usize = 4_096;
/// What makes it a camera is worth more than what it does alone, in per cent: a recorder that was not seen to pull does as much.
const SURELY: u8 = 60;

/// Client, server and the server's port.
type Ends = (IpAddr, IpAddr, u16);

/// Cameras that open connections.
#[derive(Debug, Default)]
pub struct Crossing {
    pending: BTreeMap<Ends, (Number, Talk)>,
    talks: Talks,
    refused: u64,
}

/// Whether it is a camera, and pulls nothing from others.
fn is_camera(device: &Device) -> bool {
    let (kind, confidence) = device.kind();
    matches!(kind, "camera" | "encoder") && confidence >= SURELY && device.rare.pulled_from.is_empty()
}

impl Crossing {
    fn opens(&mut self, seen: &Observation, (target, port): (IpAddr, u16), known: &Known<'_>) {
        let Some(client) = seen.subject.ip else { return };
        let is_inside = is_site_address(target) && is_device_address(target);
        if !is_inside {
            return;
        }
        let Some(number) = known.directory.find(&seen.subject) else { return };
        let is_meant = |device: &Device| is_camera(device) || known.policy.forbids(device);
        if known.directory.device(number).is_some_and(is_meant) {
            if self.pending.len() >= PENDING_MAX {
                self.refused = self.refused.saturating_add(1);
                return;
            }
            let talk = Talk::of(seen, (target, port), format!("TCP port {port}"));
            self.pending.insert((client, target, port), (number, talk));
        }
    }

    fn finding(&self, number: Number, held: &Held, known: &Known<'_>) -> Option<Finding> {
        let told: Vec<(&Talk, Option<Number>, String)> = held
            .talks
            .iter()
            .filter(|talk| is_told(number, talk, known))
            .map(|talk| {
                let (partner, called) = talk.partner(known);
                (talk, partner, called)
            })
            .collect();
        let first = told.first()?.0.at;
        let who = peers::title(number, known);
        let whom = peers::list(told.iter().map(|(.., called)| called.clone()));
        let what = peers::list(told.iter().map(|(talk, _, called)| format!("{} of {called}", talk.what)));
        let mut devices = vec![number];
        for partner in told.iter().filter_map(|(_, partner, _)| *partner) {
            if !devices.contains(&partner) {
                devices.push(partner);
            }
        }
        Some(Finding {
            confidence: 85,
            devices,
            switch: known.switch_of(number),
            title: format!("{who} opens connections to {whom}"),
            summary: format!(
                "{who} opens connections to {whom}, which no device of its kind needs to, or is forbidden here. It is IT's turn: find out what runs on it; who took a camera over goes on like this."
            ),
            detail: format!("It was answered on {what}, first at {} UTC.", clock_time(first)),
            remedy: "Keep cameras from reaching one another and the office: private VLANs or an access list that allows recorder, time and name server alone. Where nobody wanted this, set the camera back to factory state, update its firmware and change its passwords.".to_owned(),
            verify: "The device opens connections to recorders and servers alone, or the site's rules (`[[policy]]`) say that it may.".to_owned(),
            evidence: told.iter().take(peers::SHOWN).map(|(talk, ..)| talk.evidence(known)).collect(),
            last_seen: told.iter().map(|(talk, ..)| talk.last).max()?,
            count: told.iter().fold(0, |sum, (talk, ..)| sum.saturating_add(talk.count)),
            ..Finding::of_network(&KIND, &held.subject, first, first)
        })
    }
}

/// Whether a device has no business there: by the site's rules, else as a camera that it is, as far as is known by now of who is there.
fn is_told(number: Number, talk: &Talk, known: &Known<'_>) -> bool {
    if let Some(may) = talk.judged(number, known) {
        return !may;
    }
    if !known.directory.device(number).is_some_and(is_camera) {
        return false;
    }
    let is_control = talk.port.is_some_and(|port| OF_CONTROL.contains(&port));
    let partner = talk.partner(known).0.and_then(|number| known.directory.device(number));
    is_control
        || partner.is_some_and(|device| {
            let (kind, confidence) = device.kind();
            is_camera(device) || (OFFICE.contains(&kind) && confidence >= SURELY)
        })
}

impl Detector for Crossing {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Opening { .. } | Fact::Refused { .. } | Fact::Activity(_))
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        match &seen.fact {
            Fact::Opening { target, port, .. } => self.opens(seen, (*target, *port), known),
            Fact::Refused { port } => {
                if let (Some(client), Some(server)) = (seen.peer.ip, seen.subject.ip) {
                    self.pending.remove(&(client, server, *port));
                }
            }
            Fact::Activity(activity) if !self.pending.is_empty() && activity.packets > 1 => {
                let (Some(client), Some(server)) = (seen.peer.ip, seen.subject.ip) else { return };
                if let Some((number, talk)) = self.pending.remove(&(client, server, seen.subject.port)) {
                    self.talks.add(number, talk, known);
                }
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Time, _known: &Known<'_>) {
        self.pending.retain(|_, (_, talk)| to - talk.at <= ANSWERS);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        self.talks.renumber(gone, kept);
        for (number, _) in self.pending.values_mut().filter(|(number, _)| *number == gone) {
            *number = kept;
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.talks.iter().filter_map(|(number, held)| self.finding(number, held, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        let mut limits = self.talks.limits("cameras that open connections");
        limits.push(("connections of cameras that wait for their answer", PENDING_MAX, self.refused));
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, activity, address, mac, party, s};
    use super::*;
    use crate::observation::Party;

    /// A device with this last number of its address, known as this kind.
    fn knows(bench: &mut Bench, host: u8, kind: &str) {
        bench.claims(s(0), mac(host), &format!("192.0.2.{host}"), None);
        if !kind.is_empty() {
            bench.is_a(s(1), party(mac(host), &format!("192.0.2.{host}"), None), kind);
        }
    }

    /// Who opens a connection to whom, and is answered or refused.
    fn opens(bench: &mut Bench, client: u8, (server, port): (u8, u16), is_answered: bool) {
        let ip = |host: u8| format!("192.0.2.{host}");
        let client = Party { port: 40_000, ..party(mac(client), &ip(client), None) };
        let target = Party { port, ..party(mac(server), &ip(server), None) };
        let fact = Fact::Opening { target: address(&ip(server)), port, attempt: 1 };
        bench.sees_in("flow", s(5), (client, target), fact);
        if is_answered {
            bench.sees_in("flow", s(6), (target, client), Fact::Activity(activity(s(6), 4)));
        } else {
            bench.sees_in("flow", s(5), (target, client), Fact::Refused { port });
            bench.sees_in("flow", s(6), (target, client), Fact::Activity(activity(s(6), 1)));
        }
        bench.tick(s(7));
    }

    fn found(kinds: [&str; 2], port: u16, is_answered: bool) -> Vec<Finding> {
        let mut bench = Bench::new();
        knows(&mut bench, 7, kinds[0]);
        knows(&mut bench, 8, kinds[1]);
        opens(&mut bench, 7, (8, port), is_answered);
        opens(&mut bench, 7, (8, port), is_answered);
        bench.of(&KIND)
    }

    #[test]
    fn a_camera_that_opens_connections_to_a_peer_or_the_office_is_told_once() {
        for other in ["camera", "workstation", "printer"] {
            let found = found(["camera", other], 80, true);
            let [finding] = &found[..] else { panic!("one finding: {found:?}") };
            assert_eq!((finding.devices.len(), finding.count), (2, 2));
            assert!(finding.evidence[0].text.starts_with("TCP port 80 of"), "{finding:?}");
        }
        assert_eq!(found(["camera", ""], 23, true).len(), 1);
    }

    #[test]
    fn recorders_servers_and_who_refuses_are_none() {
        assert!(found(["camera", "recorder"], 80, true).is_empty());
        assert!(found(["camera", ""], 21, true).is_empty());
        assert!(found(["recorder", "camera"], 80, true).is_empty());
        assert!(found(["camera", "camera"], 80, false).is_empty());
    }

    #[test]
    fn the_sites_rules_go_before() {
        for (rule, kinds, count) in [
            (("camera", "camera", true), ["camera", "camera"], 0),
            (("camera", "recorder", false), ["camera", "recorder"], 1),
            (("access-controller", "192.0.2.0/24", false), ["access-controller", ""], 1),
            (("access-controller", "camera", false), ["access-controller", ""], 0),
        ] {
            let mut bench = Bench::with_rule(rule.0, rule.1, rule.2);
            knows(&mut bench, 7, kinds[0]);
            knows(&mut bench, 8, kinds[1]);
            opens(&mut bench, 7, (8, 80), true);
            assert_eq!(bench.of(&KIND).len(), count, "{rule:?}");
        }
    }

    #[test]
    fn who_pulls_from_cameras_is_no_camera() {
        let mut bench = Bench::new();
        knows(&mut bench, 7, "camera");
        knows(&mut bench, 8, "camera");
        let client = Party { port: 40_000, ..party(mac(7), "192.0.2.7", None) };
        let server = Party { port: 554, ..party(mac(8), "192.0.2.8", None) };
        let play = spanwatch_parsers::Exchange { method: "PLAY".into(), target: None, status: Some(200) };
        opens(&mut bench, 7, (8, 554), true);
        assert_eq!(bench.of(&KIND).len(), 1);
        bench.sees_in("rtsp", s(8), (server, client), Fact::Exchange(Box::new(play)));
        assert!(bench.of(&KIND).is_empty());
    }
}
