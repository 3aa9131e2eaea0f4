//! Media that stops or is lost while everything else lives.
//!
//! Where media is lost follows from two things that cross the mirror: the packets' own numbers, and what their
//! receiver reports. Missing before the mirror and reported: on the way to it. Seen and reported missing: behind it.
//! Whether the lossy cable is before or behind is a matter of place: what is still copied when that cable loses
//! everything was copied before it.

use super::scene::GROUP;
use super::{Case, Draft, Expected, Family, Fit, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::{Fabric, HostId};
use crate::options::{SECOND, Transport};
use crate::site::Role;
use crate::world::Change;

pub(super) const STREAM_STALL: Kind = Kind {
    name: "stream-stall",
    about: "a camera's encoder stops: it answers, sessions open, no picture comes",
    family: Family::Stream,
    lasts_s: (25, 90),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit(subject, |host| scene.is_steady(host)),
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            changes: vec![(case.at, Change::Stall(host, true)), (case.end, Change::Stall(host, false))],
            ended: Some(case.end),
            what: format!("The encoder of {} stops; the camera lives.", scene.name(case.subject)),
            expected: vec![Expected::new("stream-stalled", "device", vec![host], (case.at, case.end))],
            may: vec!["not-recorded", "stream-loss"],
            must_not: MustNot::new(&["device-offline", "device-restarted"], &[host]),
            touches: vec![host],
            ..Draft::default()
        };
        // What ran for less than a minute may be sent on motion, and is over.
        let has_run = case.at - scene.options.start > STEADY;
        if has_run && scene.askers(host).iter().any(|asker| scene.shows(host, *asker)) {
            draft.visible.push(Visible::new(case.at, "device").or(&["service"]));
        }
        draft
    },
};

pub(super) const LOSS_CAMERA: Kind = Kind {
    name: "loss-camera",
    about: "a bad cable loses some of what one camera sends",
    family: Family::Stream,
    lasts_s: (60, 120),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit_or(subject, |host| is_lossy(scene, host), |host| scene.is_steady(host)),
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            changes: vec![(case.at, Change::CableLoss(host, LOSS)), (case.end, Change::CableLoss(host, 0))],
            ended: Some(case.end),
            what: format!(
                "The cable of {} loses {} % of its frames.",
                scene.name(case.subject),
                LOSS / 10_000
            ),
            expected: vec![Expected::new("stream-loss", "link", vec![host], (case.at, case.end))],
            may: vec!["link-degraded", "service-down"],
            must_not: MustNot::new(&["device-offline", "stream-loss-shared", "mirror-drops"], &[]),
            touches: vec![host],
            ..Draft::default()
        };
        if scene.askers(host).iter().any(|asker| scene.shows(host, *asker)) && is_lossy(scene, host) {
            draft.visible.push(Visible::new(case.at, "link").or(&["device"]));
        }
        draft
    },
};

pub(super) const LOSS_UPLINK: Kind = Kind {
    name: "loss-uplink",
    about: "a bad uplink loses some of what all cameras of a switch send",
    family: Family::Stream,
    lasts_s: (60, 120),
    needs: super::has_recorders,
    fits: |scene, subject| match subject {
        Subject::Switch(switch) if super::switch::is_access(scene, switch) => {
            match scene.site.behind(switch).filter(|host| is_lossy(scene, *host)).count() {
                0..GROUP => Fit::Allowed,
                _ => Fit::Good,
            }
        }
        _ => Fit::No,
    },
    draft: loss_uplink,
};

fn loss_uplink(scene: &mut Scene, case: Case) -> Draft {
    let Subject::Switch(switch) = case.subject else { return Draft::default() };
    let Some(trunk) = scene.uplink(switch) else { return Draft::default() };
    let members = scene.cut_off(|fabric| fabric.trunks[trunk].is_up = false);
    let behind = if members.is_empty() { scene.site.behind(switch).collect() } else { members };
    let cameras: Vec<HostId> = behind.iter().copied().filter(|host| is_lossy(scene, *host)).collect();
    let ends = |camera: &HostId| scene.recorder_of(*camera).map(|recorder| (*camera, recorder));
    let is_before = |ends: (HostId, HostId)| {
        let loses_all = |fabric: &mut Fabric| fabric.trunks[trunk].loss_ppm = 1_000_000;
        scene.shows(ends.0, ends.1) && !scene.shows_despite(ends, loses_all)
    };
    let is_shown = cameras.iter().filter_map(ends).any(|(camera, recorder)| scene.shows(camera, recorder));
    let are_before = cameras.iter().filter_map(ends).filter(|ends| is_before(*ends)).count();
    let kind = if is_shown && are_before == 0 { "stream-loss-downstream" } else { "stream-loss-shared" };
    let mut draft = Draft {
        changes: vec![(case.at, Change::TrunkLoss(trunk, LOSS)), (case.end, Change::TrunkLoss(trunk, 0))],
        ended: Some(case.end),
        what: format!("The uplink of {} loses {} % of its frames.", scene.name(case.subject), LOSS / 10_000),
        expected: vec![Expected::new(kind, "uplink", cameras.clone(), (case.at, case.end)).at_switch(switch)],
        may: vec![
            "stream-loss",
            "stream-loss-shared",
            "stream-loss-downstream",
            "path-congestion",
            "service-down",
        ],
        must_not: MustNot::new(&["device-offline", "devices-offline-together", "mirror-drops"], &[]),
        touches: behind,
        ..Draft::default()
    };
    if cameras.is_empty() {
        draft.expected.clear();
    } else if is_shown && are_before == 0 {
        draft.visible.push(Visible::new(case.at, "network-path").or(&["uplink", "recorder", "link"]));
    } else if are_before >= GROUP {
        draft.visible.push(Visible::new(case.at, "uplink").or(&["network-path", "link"]));
    } else if are_before > 0 {
        // One or two lose as by cables of their own.
        draft.expected[0].or.push("stream-loss");
        draft.visible.push(Visible::new(case.at, "link").or(&["uplink", "network-path"]));
    }
    draft
}

pub(super) const UPLINK_FULL: Kind = Kind {
    name: "uplink-full",
    about: "something behind a switch sends so much for a second, again and again, that the uplink drops frames",
    family: Family::Stream,
    lasts_s: (80, 140),
    needs: super::has_recorders,
    fits: LOSS_UPLINK.fits,
    draft: uplink_full,
};

fn uplink_full(scene: &mut Scene, case: Case) -> Draft {
    let Subject::Switch(switch) = case.subject else { return Draft::default() };
    let Some(trunk) = scene.uplink(switch) else { return Draft::default() };
    let mut draft = loss_uplink(scene, case);
    let Some(copier) = scene.site.behind(switch).next() else { return Draft::default() };
    draft.changes.clear();
    let mut at = case.at / SECOND * SECOND + SECOND + SECOND / 20;
    while at + SECOND < case.end.min(scene.ends()) {
        draft.changes.push((at, Change::Bulk(copier, GATEWAY, DATAGRAMS)));
        draft.changes.push((at, Change::TrunkLoss(trunk, OVERFLOW)));
        draft.changes.push((at + SECOND * 9 / 10, Change::TrunkLoss(trunk, 0)));
        at += 4 * SECOND;
    }
    draft.what = format!(
        "{} sends a copy in bursts that are more than the uplink of {} carries.",
        scene.host(copier).name,
        scene.name(case.subject)
    );
    for expected in draft.expected.iter_mut().filter(|it| it.kind == "stream-loss-shared") {
        expected.kind = "path-congestion";
        expected.or.push("stream-loss-shared");
    }
    draft
}

pub(super) const LOSS_RECORDER: Kind = Kind {
    name: "loss-recorder",
    about: "a recorder's own cable loses some of what all its cameras send: behind the mirror",
    family: Family::Stream,
    lasts_s: (60, 120),
    needs: super::has_recorders,
    fits: |scene, subject| {
        super::fit(subject, |host| {
            scene.host(host).role == Role::Recorder
                && scene.recorded_by(host).iter().any(|camera| is_lossy(scene, *camera))
        })
    },
    draft: |scene, case| {
        let host = case.host();
        let cameras: Vec<HostId> =
            scene.recorded_by(host).into_iter().filter(|camera| is_lossy(scene, *camera)).collect();
        let mut draft = Draft {
            changes: vec![(case.at, Change::CableLoss(host, LOSS)), (case.end, Change::CableLoss(host, 0))],
            ended: Some(case.end),
            what: format!(
                "The cable of {} loses {} % of its frames.",
                scene.name(case.subject),
                LOSS / 10_000
            ),
            expected: vec![Expected::new(
                "stream-loss-downstream",
                "link",
                std::iter::once(host).chain(cameras.iter().copied()).collect(),
                (case.at, case.end),
            )],
            may: vec!["link-degraded", "path-congestion", "service-down"],
            must_not: MustNot::new(
                &["device-offline", "recorder-offline", "stream-loss", "stream-loss-shared", "mirror-drops"],
                &[],
            ),
            touches: std::iter::once(host).chain(scene.recorded_by(host)).collect(),
            ..Draft::default()
        };
        if cameras.iter().any(|camera| scene.shows(*camera, host)) {
            draft.visible.push(Visible::new(case.at, "network-path").or(&["link", "recorder"]));
        }
        draft
    },
};

/// Whether a camera's media is lost where TCP would send it again.
fn is_lossy(scene: &Scene, host: HostId) -> bool {
    let media = scene.host(host).media;
    scene.is_steady(host) && media.is_some_and(|media| media.transport != Transport::Interleaved)
}

/// Recordings on motion are mostly shorter than this.
const STEADY: i64 = 60 * SECOND;
/// Frames lost, in a million.
const LOSS: u32 = 30_000;
/// Of a full uplink's, in a million.
const OVERFLOW: u32 = 100_000;
/// Full datagrams of one burst: some 6 Mbit/s.
const DATAGRAMS: u32 = 500;
/// Whom the copy goes to: the gateway, from where it leaves the site.
const GATEWAY: HostId = 0;
