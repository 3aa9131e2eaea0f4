//! Recorders that are gone. Their cameras are not: nobody asks them any more.
//!
//! A recorder that is gone is seen by its cameras: what they send inside RTSP is not acknowledged, they send it
//! again, and then ask in vain who has its address.

use super::{Case, Draft, Expected, Family, Kind, MustNot, Scene, Visible};
use crate::fabric::HostId;
use crate::options::SECOND;
use crate::site::Role;
use crate::world::Change;

pub(super) const RECORDER_DOWN: Kind = Kind {
    name: "recorder-down",
    about: "a recorder loses its power and boots a minute after it has it back; its cameras live",
    family: Family::Recorder,
    lasts_s: (30, 90),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit(subject, |host| scene.host(host).role == Role::Recorder),
    draft: |scene, case| {
        let mut draft = gone(scene, case);
        draft.changes.insert(0, (case.at, Change::PowerOff(case.host())));
        draft.what = format!("{} loses its power.", scene.name(case.subject));
        draft
    },
};

pub(super) const RECORDER_HANG: Kind = Kind {
    name: "recorder-hang",
    about: "a recorder hangs with its link up until somebody restarts it; its cameras live",
    family: Family::Recorder,
    lasts_s: (30, 90),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit(subject, |host| scene.host(host).role == Role::Recorder),
    draft: |scene, case| {
        let mut draft = gone(scene, case);
        draft.changes.insert(0, (case.at, Change::Hang(case.host())));
        draft.what = format!("{} hangs until somebody restarts it.", scene.name(case.subject));
        draft
    },
};

fn gone(scene: &Scene, case: Case) -> Draft {
    let host = case.host();
    let back = case.end.saturating_add(BOOT);
    let cameras: Vec<HostId> = scene.recorded_by(host);
    let mut draft = Draft {
        changes: vec![(case.end, Change::PowerOn(host, BOOT))],
        ended: Some(back),
        expected: vec![Expected::new("recorder-offline", "recorder", vec![host], (case.at, back))],
        may: vec![
            "not-recorded",
            "stream-stalled",
            "stream-loss",
            "stream-loss-downstream",
            "device-restarted",
        ],
        must_not: MustNot::new(&["device-offline", "devices-offline-together"], &cameras),
        touches: std::iter::once(host).chain(cameras).collect(),
        ..Draft::default()
    };
    if scene.proves_gone(host, case.at, back) {
        draft.visible.push(Visible::new(case.at, "recorder").or(&["unknown"]));
    }
    draft
}

/// A recorder checks its disks before it starts.
const BOOT: i64 = 60 * SECOND;
