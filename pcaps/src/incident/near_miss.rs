//! What looks like an incident and is none: nothing of it may be reported as a fault.

use super::{Draft, Expected, Family, Fit, Kind, MustNot, Subject, Visible};
use crate::fabric::HostId;
use crate::options::{Mix, Options, SECOND, View};
use crate::site::{Habit, Role};
use crate::world::Change;

pub(super) const MAINTENANCE_REBOOTS: Kind = Kind {
    name: "maintenance-reboots",
    about: "cameras are restarted one after another, on purpose, as for new firmware",
    family: Family::NearMiss,
    lasts_s: (90, 160),
    needs: super::has_recorders,
    fits: |scene, subject| {
        super::fit(subject, |host| {
            if scene.host(host).role != Role::Recorder {
                return false;
            }
            let cameras = scene.recorded_by(host);
            cameras.into_iter().filter(|camera| scene.is_steady(*camera)).count() >= 3
        })
    },
    draft: |scene, case| {
        let recorder = case.host();
        let mut cameras: Vec<HostId> =
            scene.recorded_by(recorder).into_iter().filter(|host| scene.is_steady(*host)).collect();
        cameras.truncate(REBOOTS);
        let mut draft = Draft {
            others: cameras.iter().copied().map(Subject::Host).collect(),
            what: format!("{} cameras are restarted one after another, on purpose.", cameras.len()),
            may: [super::power::ONE_GONE, &["device-offline"]].concat(),
            must_not: MustNot::new(
                &["devices-offline-together", "switch-fault", "boot-loop", "power-fault", "recorder-offline"],
                &[],
            ),
            touches: cameras.clone(),
            ..Draft::default()
        };
        let mut at = case.at;
        let mut ended = case.at;
        for camera in &cameras {
            let back = at + scene.host(*camera).boot_time();
            draft.changes.push((at, Change::ShutDown(*camera)));
            draft.changes.push((back, Change::PowerOn(*camera, 0)));
            draft.expected.push(
                Expected::new("device-restarted", "device-restart", vec![*camera], (at, back))
                    .or(&["device-offline"]),
            );
            // Each says goodbye before.
            if scene.hears(*camera) {
                draft.visible.push(Visible::new(back, "device-restart"));
            }
            ended = back;
            at = scene.later(back, (8, 15));
        }
        draft.ended = Some(ended);
        draft
    },
};

pub(super) const MOTION_STREAM: Kind = Kind {
    name: "motion-stream",
    about: "a camera is recorded only while something moves",
    family: Family::NearMiss,
    lasts_s: (0, 0),
    needs: |options| habit(options, Habit::OnMotion),
    fits: |scene, subject| {
        super::fit(subject, |host| scene.host(host).media.is_some_and(|media| media.habit == Habit::OnMotion))
    },
    draft: |scene, case| {
        quiet(case.host(), format!("{} is recorded only while something moves.", scene.name(case.subject)))
    },
};

pub(super) const ON_DEMAND_STREAM: Kind = Kind {
    name: "on-demand-stream",
    about: "a viewer looks at a camera that nobody records, twice, and looks away again",
    family: Family::NearMiss,
    lasts_s: (80, 140),
    needs: |options| habit(options, Habit::OnDemand),
    fits: |scene, subject| {
        let has_viewer = scene.site.all(Role::Viewer).next().is_some();
        super::fit(subject, |host| {
            has_viewer && scene.host(host).media.is_some_and(|media| media.habit == Habit::OnDemand)
        })
    },
    draft: |scene, case| {
        let host = case.host();
        let name = scene.name(case.subject);
        let mut draft = quiet(host, format!("A viewer looks at {name} twice, and away again."));
        let Some(viewer) = scene.site.all(Role::Viewer).next() else { return draft };
        let third = (case.end - case.at) / 3;
        draft.changes = vec![
            (case.at, Change::Look(viewer, host, true)),
            (case.at + third, Change::Look(viewer, host, false)),
            (case.at + 2 * third, Change::Look(viewer, host, true)),
            (case.end, Change::Look(viewer, host, false)),
        ];
        draft.others = vec![Subject::Host(viewer)];
        draft.ended = Some(case.end);
        draft
    },
};

pub(super) const SLEEPING_DEVICE: Kind = Kind {
    name: "sleeping-device",
    about: "a camera sleeps, radio and all, and wakes every two minutes to hand its pictures over",
    family: Family::NearMiss,
    lasts_s: (0, 0),
    needs: |options| habit(options, Habit::Sleeping),
    fits: |scene, subject| {
        super::fit(subject, |host| scene.host(host).media.is_some_and(|media| media.habit == Habit::Sleeping))
    },
    draft: |scene, case| {
        quiet(case.host(), format!("{} sleeps and wakes every two minutes.", scene.name(case.subject)))
    },
};

pub(super) const RECORDER_RECONNECT: Kind = Kind {
    name: "recorder-reconnect",
    about: "a recorder's program restarts: all its sessions end in order and begin again",
    family: Family::NearMiss,
    lasts_s: (4, 5),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit(subject, |host| scene.host(host).role == Role::Recorder),
    draft: |scene, case| {
        let host = case.host();
        let cameras = scene.recorded_by(host);
        let ended = case.at + 15 * SECOND;
        let mut must_not = MustNot::new(&["recorder-offline"], &[host]);
        must_not.extend(MustNot::new(
            &["device-offline", "devices-offline-together", "not-recorded", "stream-stalled", "service-down"],
            &cameras,
        ));
        must_not.extend(MustNot::new(&["brute-force", "port-scan"], &[host]));
        Draft {
            changes: vec![(case.at, Change::Reconnect(host))],
            ended: Some(ended),
            what: format!("The program of {} restarts.", scene.name(case.subject)),
            must_not,
            touches: std::iter::once(host).chain(cameras).collect(),
            ..Draft::default()
        }
    },
};

pub(super) const LISTENING_PORT: Kind = Kind {
    name: "listening-port",
    about: "a camera is restarted at a port without portfast: it runs, and nobody hears it for 30 s more",
    family: Family::NearMiss,
    lasts_s: (8, 20),
    needs: super::has_recorders,
    fits: |scene, subject| super::fit(subject, |host| scene.is_steady(host) && scene.host(host).has_lease),
    draft: |scene, case| {
        let host = case.host();
        let ready = case.end + scene.host(host).boot_time();
        let back = ready + FORWARDS;
        let mut draft = Draft {
            changes: vec![
                (case.at, Change::ShutDown(host)),
                (case.end, Change::PowerOn(host, ready - case.end)),
                (ready - LINK_BEFORE, Change::Listens(host, true)),
                (ready - LINK_BEFORE + FORWARDS, Change::Listens(host, false)),
            ],
            ended: Some(back),
            what: format!(
                "{} is restarted, and its port listens for 30 s before it forwards.",
                scene.name(case.subject)
            ),
            expected: vec![
                Expected::new("device-restarted", "device-restart", vec![host], (case.at, back))
                    .or(&["device-offline"]),
            ],
            may: [super::power::ONE_GONE, &["device-offline"]].concat(),
            must_not: MustNot::new(
                &["boot-loop", "device-flapping", "dhcp-failed", "devices-offline-together"],
                &[],
            ),
            touches: vec![host],
            ..Draft::default()
        };
        if scene.proves_start(host) {
            draft.visible.push(Visible::new(back, "device-restart"));
        }
        draft
    },
};

pub(super) const STAND_IN: Kind = Kind {
    name: "stand-in",
    about: "a recorder leaves a camera, and 40 s later another machine takes its picture instead",
    family: Family::NearMiss,
    lasts_s: (120, 200),
    needs: |options| options.mix = Mix::Site,
    fits: |scene, subject| {
        let has_viewer = scene.site.all(Role::Viewer).next().is_some();
        super::fit(subject, |host| has_viewer && scene.is_steady(host))
    },
    draft: |scene, case| {
        let host = case.host();
        let name = scene.name(case.subject);
        let mut draft =
            quiet(host, format!("The recorder leaves {name}, and another machine takes its picture."));
        let Some(viewer) = scene.site.all(Role::Viewer).next() else { return draft };
        draft.changes = vec![
            (case.at, Change::Record(host, false)),
            (case.at + TAKES_OVER, Change::Look(viewer, host, true)),
            (case.end, Change::Record(host, true)),
            (case.end + 10 * SECOND, Change::Look(viewer, host, false)),
        ];
        draft.others = vec![Subject::Host(viewer)];
        draft.ended = Some(case.end + 10 * SECOND);
        draft
    },
};

pub(super) const UPLINK_VIEW: Kind = Kind {
    name: "uplink-view",
    about: "the mirror copies one access switch's uplink and nothing else: most of the site is out of sight",
    family: Family::NearMiss,
    lasts_s: (0, 0),
    needs: |options| options.view = View::Uplink,
    fits: |scene, subject| {
        if subject == Subject::Mirror && scene.site.switches.len() > 1 { Fit::Good } else { Fit::No }
    },
    draft: |_, _| Draft {
        what: "The mirror copies one uplink only.".to_owned(),
        must_not: MustNot::new(
            &[
                "device-offline",
                "devices-offline-together",
                "recorder-offline",
                "mirror-lost",
                "mirror-drops",
            ],
            &[],
        ),
        ..Draft::default()
    },
};

pub(super) const SHORT_BLIP: Kind = Kind {
    name: "short-blip",
    about: "a device's link is lost for one second",
    family: Family::NearMiss,
    lasts_s: (1, 1),
    needs: |_| (),
    fits: |scene, subject| {
        super::fit_or(subject, |host| scene.is_steady(host), |host| super::is_at_access(scene, host))
    },
    draft: |scene, case| super::cable::blip(scene, case.subject, case.at),
};

/// Sees to it that a camera of the site has this habit.
fn habit(options: &mut Options, habit: Habit) {
    if options.mix == Mix::Control || (options.mix == Mix::Video && habit == Habit::OnDemand) {
        options.mix = Mix::Site;
    }
    if !options.habits.contains(&habit) {
        options.habits.push(habit);
    }
}

/// A device that may be silent.
fn quiet(host: HostId, what: String) -> Draft {
    Draft {
        what,
        must_not: MustNot::new(
            &["device-offline", "device-flapping", "device-restarted", "stream-stalled", "not-recorded"],
            &[host],
        ),
        touches: vec![host],
        ..Draft::default()
    }
}

/// Twice the forward delay (IEEE 802.1D-2004, table 17-1): a port listens, learns, and then forwards.
const FORWARDS: i64 = 30 * SECOND;
/// The link of a camera comes up so long before it asks for its address: its fourth question, 28 s on, is heard.
const LINK_BEFORE: i64 = 10 * SECOND;
/// A stand-in notices that its recorder left, and takes over.
const TAKES_OVER: i64 = 40 * SECOND;
/// Cameras restarted by one round of maintenance.
const REBOOTS: usize = 4;
