//! Recorders that are gone, and one that forgets a camera. Where one is gone its cameras are not: nobody asks them
//! any more.
//!
//! A recorder that is gone is seen by its cameras: what they send inside RTSP is not acknowledged, they send it
//! again, and then ask in vain who has its address.

use super::{Case, Draft, Expected, Family, Kind, MustNot, Scene, Subject, Visible};
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

pub(super) const RECORDING_STOPPED: Kind = Kind {
    name: "recording-stopped",
    about: "a recorder drops one camera from its list, in order, and records the others; takes 70 minutes at least",
    family: Family::Recorder,
    lasts_s: (300, 420),
    needs: |options| {
        super::has_recorders(options);
        options.length = options.length.max(LONG);
    },
    fits: |scene, subject| {
        super::fit(subject, |host| {
            let others = |recorder| scene.recorded_by(recorder).into_iter().filter(|it| scene.is_steady(*it));
            scene.is_steady(host)
                && scene.host(host).has_lease
                && scene.recorder_of(host).is_some_and(|it| others(it).count() > 2)
        })
    },
    draft: |scene, case| {
        let host = case.host();
        let Some(recorder) = scene.recorder_of(host) else { return Draft::default() };
        let name = scene.name(case.subject);
        let mut draft = Draft {
            changes: vec![
                (case.at, Change::Record(host, false)),
                // Otherwise nobody could tell that it lives.
                (case.at + SHOWS_LIFE, Change::RenewLease(host)),
                (case.end, Change::Record(host, true)),
            ],
            ended: Some(case.end),
            others: vec![Subject::Host(recorder)],
            what: format!("{} drops {name} from its list.", scene.name(Subject::Host(recorder))),
            expected: vec![Expected::new("not-recorded", "recorder", vec![host], (case.at, case.end))],
            must_not: MustNot::new(
                &["device-offline", "device-restarted", "stream-stalled", "recorder-offline", "service-down"],
                &[host, recorder],
            ),
            touches: vec![host],
            ..Draft::default()
        };
        let was_always = case.at - scene.options.start >= ALWAYS && case.end - case.at >= MISSED;
        if was_always && scene.shows(host, recorder) {
            draft.visible.push(Visible::new(case.at, "recorder"));
        }
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
/// Long enough that a camera was always recorded, and is missed.
const LONG: i64 = 70 * 60 * SECOND;
/// What was recorded for so long is always recorded.
const ALWAYS: i64 = 61 * 60 * SECOND;
/// A camera that nobody asks shows that it lives by renewing its lease.
const SHOWS_LIFE: i64 = 60 * SECOND;
/// Nobody pulls for so long: no other recorder stands in.
const MISSED: i64 = 150 * SECOND;
