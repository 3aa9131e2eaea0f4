//! Cables and ports of single devices.
//!
//! A device behind a pulled cable never restarts: its TCP time stamps and its counted IP identifications go on, it
//! asks for no lease and probes no address, and within the client's patience its media goes on with the same SSRC.
//! That much is proved when it is heard again; before that only a trap tells that the port lost its link.

use super::power::{ONE_GONE, TRAP};
use super::{Draft, Expected, Family, Kind, MustNot, Scene, Subject, Visible};
use crate::options::SECOND;
use crate::world::Change;

pub(super) const CABLE_PULL: Kind = Kind {
    name: "cable-pull",
    about: "a device's cable is pulled and put back; the device runs on",
    family: Family::Cable,
    lasts_s: (25, 90),
    needs: |_| (),
    fits: |scene, subject| {
        super::fit_or(subject, |host| scene.is_steady(host), |host| super::is_at_access(scene, host))
    },
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            changes: vec![(case.at, Change::Cable(host, false)), (case.end, Change::Cable(host, true))],
            ended: Some(case.end),
            what: format!("The cable of {} is pulled and put back.", scene.name(case.subject)),
            expected: vec![Expected::new("device-offline", "link", vec![host], (case.at, case.end))],
            may: ONE_GONE.to_vec(),
            must_not: MustNot::new(&["device-restarted", "devices-offline-together"], &[host]),
            touches: vec![host],
            ..Draft::default()
        };
        if scene.proves_gone(host, case.at, case.end) {
            draft.visible.push(Visible::new(case.at, "unknown"));
            if scene.traps(scene.host(host).plug.switch) {
                draft.visible.push(Visible::new(case.at + TRAP, "link").or(&["power"]));
            }
            draft.visible.push(Visible::new(case.end, "link").or(&["network-path"]));
        }
        draft
    },
};

pub(super) const PORT_FLAPPING: Kind = Kind {
    name: "port-flapping",
    about: "a device's link goes down and up, a few seconds each, again and again",
    family: Family::Cable,
    lasts_s: (50, 100),
    needs: |_| (),
    fits: |scene, subject| {
        super::fit_or(subject, |host| scene.is_steady(host), |host| super::is_at_access(scene, host))
    },
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            what: format!("The link of {} goes down and up again and again.", scene.name(case.subject)),
            may: [ONE_GONE, &["device-offline", "device-flapping", "link-degraded"]].concat(),
            must_not: MustNot::new(&["device-restarted", "boot-loop"], &[host]),
            touches: vec![host],
            ..Draft::default()
        };
        let mut at = case.at;
        let mut ups = Vec::new();
        while at < case.end.min(scene.ends()) || ups.len() < FLAPS {
            let up = scene.later(at, (2, 4));
            draft.changes.push((at, Change::Cable(host, false)));
            draft.changes.push((up, Change::Cable(host, true)));
            ups.push(up);
            at = scene.later(up, (5, 10));
        }
        let last = ups.last().copied().unwrap_or(case.end);
        let ended = if case.end >= scene.ends() { case.end } else { last };
        draft.ended = Some(ended);
        draft.expected = vec![
            Expected::new("port-flapping", "link", vec![host], (case.at, ended)).or(&["device-flapping"]),
        ];
        let is_steady = scene.askers(host).iter().any(|asker| scene.shows(host, *asker));
        if scene.traps(scene.host(host).plug.switch) || is_steady {
            draft.visible.push(Visible::new(ups[FLAPS - 1], "link"));
        }
        draft
    },
};

/// A blip is shorter than anybody's patience.
pub(super) const BLIP: i64 = SECOND;
/// So many times down and up are a flapping port.
const FLAPS: usize = 3;

/// The near miss of both.
pub(super) fn blip(scene: &Scene, subject: Subject, at: i64) -> Draft {
    let Subject::Host(host) = subject else { return Draft::default() };
    Draft {
        changes: vec![(at, Change::Cable(host, false)), (at + BLIP, Change::Cable(host, true))],
        ended: Some(at + BLIP),
        what: format!("The link of {} is lost for a second.", scene.name(subject)),
        may: vec!["stream-loss"],
        must_not: MustNot::new(
            &["device-offline", "device-restarted", "device-flapping", "port-flapping", "stream-stalled"],
            &[host],
        ),
        touches: vec![host],
        ..Draft::default()
    }
}
