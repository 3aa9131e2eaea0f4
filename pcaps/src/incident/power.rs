//! Devices that die, restart or lose their power.
//!
//! What the traffic proves of one device that is gone: that it is gone, not why (`unknown`), until it comes back.
//! A start is seen by its questions to everybody (DHCP, ARP probes, IPv6's start, mDNS, Hello); one that was announced by a
//! goodbye by whatever is said after it. Whether power or a
//! person made it restart cannot be seen: `device-restart`. A switch's trap says that the port lost its link.

use super::scene::GROUP;
use super::{Case, Draft, Expected, Family, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::{HostId, SwitchId};
use crate::options::{MILLISECOND, SECOND};
use crate::site::Role;
use crate::world::Change;

pub(super) const PROCESS_CRASH: Kind = Kind {
    name: "process-crash",
    about: "the programs of a camera die, the machine lives: what was open is reset, what is new refused",
    family: Family::Power,
    lasts_s: (25, 90),
    needs: |_| (),
    fits: |scene, subject| super::fit(subject, |host| scene.is_steady(host)),
    draft: |scene, case| {
        let host = case.host();
        let name = scene.name(case.subject);
        let mut draft = Draft {
            changes: vec![(case.at, Change::Crash(host)), (case.end, Change::Recover(host))],
            ended: Some(case.end),
            what: format!("The programs of {name} crash and start again later; the machine runs on."),
            expected: vec![Expected::new("service-down", "service", vec![host], (case.at, case.end))],
            may: vec!["stream-stalled", "not-recorded", "stream-loss"],
            must_not: MustNot::new(&["device-offline", "device-restarted"], &[host]),
            touches: vec![host],
            ..Draft::default()
        };
        // The refusals come from the device itself.
        if scene.askers(host).iter().any(|asker| scene.shows(host, *asker)) {
            draft.visible.push(Visible::new(case.at, "service"));
        }
        draft
    },
};

pub(super) const CAMERA_REBOOT: Kind = Kind {
    name: "camera-reboot",
    about: "a camera restarts in order: it says goodbye, is silent, and starts anew; its link stays up",
    family: Family::Power,
    lasts_s: (25, 70),
    needs: |_| (),
    fits: |scene, subject| super::fit(subject, |host| scene.is_steady(host)),
    draft: |scene, case| {
        let host = case.host();
        Draft {
            changes: vec![(case.at, Change::ShutDown(host)), (case.end, Change::PowerOn(host, 0))],
            ended: Some(case.end),
            what: format!("{} restarts in order.", scene.name(case.subject)),
            expected: vec![
                Expected::new("device-restarted", "device-restart", vec![host], (case.at, case.end))
                    .or(&["device-offline"]),
            ],
            visible: gone_and_started(scene, host, (case.at, case.end), scene.hears(host)),
            may: ONE_GONE.to_vec(),
            must_not: MustNot::new(&["boot-loop", "device-flapping"], &[host]),
            touches: vec![host],
            ..Draft::default()
        }
    },
};

pub(super) const POWER_CYCLE: Kind = Kind {
    name: "power-cycle",
    about: "a device loses its power, gets it back, and boots",
    family: Family::Power,
    lasts_s: (8, 60),
    needs: |_| (),
    fits: |scene, subject| super::fit_or(subject, |host| scene.is_steady(host), |host| scene.is_fed(host)),
    draft: |scene, case| {
        let host = case.host();
        let boot = scene.host(host).boot_time();
        let back = case.end.saturating_add(boot);
        let mut visible = gone_and_started(scene, host, (case.at, back), scene.proves_start(host));
        // The port's link is lost with the power, and the switch says so.
        if scene.traps(scene.host(host).plug.switch) && !visible.is_empty() {
            visible.push(Visible::new(case.at + TRAP, "link").or(&["power"]));
        }
        Draft {
            changes: vec![(case.at, Change::PowerOff(host)), (case.end, Change::PowerOn(host, boot))],
            ended: Some(back),
            what: format!("{} loses its power, gets it back, and boots.", scene.name(case.subject)),
            expected: vec![
                Expected::new("device-offline", "power", vec![host], (case.at, back))
                    .or(&["device-restarted"]),
            ],
            visible,
            may: ONE_GONE.to_vec(),
            must_not: MustNot::new(&["devices-offline-together", "switch-fault"], &[host]),
            touches: vec![host],
            ..Draft::default()
        }
    },
};

pub(super) const BOOT_LOOP: Kind = Kind {
    name: "boot-loop",
    about: "a camera hangs, its watchdog restarts it, and so on again and again",
    family: Family::Power,
    lasts_s: (150, 200),
    needs: |_| (),
    fits: |scene, subject| super::fit(subject, |host| scene.is_steady(host)),
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            what: format!(
                "{} hangs and is restarted by its watchdog, again and again.",
                scene.name(case.subject)
            ),
            may: [ONE_GONE, &["device-restarted", "device-offline", "device-flapping"]].concat(),
            touches: vec![host],
            ..Draft::default()
        };
        let mut at = case.at;
        let mut starts = Vec::new();
        while at < case.end.min(scene.ends()) || starts.len() < STARTS {
            let back = scene.later(at, (8, 12));
            draft.changes.push((at, Change::Hang(host)));
            draft.changes.push((back, Change::PowerOn(host, 0)));
            starts.push(back);
            at = scene.later(back, (22, 30));
        }
        let last = starts.last().copied().unwrap_or(case.end);
        let ended = if case.end >= scene.ends() { case.end } else { last };
        draft.ended = Some(ended);
        draft.expected = vec![Expected::new("boot-loop", "device", vec![host], (case.at, ended))];
        if scene.proves_start(host) {
            draft.visible.push(Visible::new(starts[0], "device-restart"));
            draft.visible.push(Visible::new(starts[STARTS - 1], "device").or(&["device-restart", "power"]));
        }
        draft
    },
};

pub(super) const CONTROLLER_OFFLINE: Kind = Kind {
    name: "controller-offline",
    about: "a door controller hangs until somebody restarts it; its host polls in vain",
    family: Family::Power,
    lasts_s: (60, 120),
    needs: |_| (),
    fits: |scene, subject| super::fit(subject, |host| scene.host(host).role == Role::Controller),
    draft: |scene, case| {
        let host = case.host();
        let boot = scene.host(host).boot_time();
        let back = case.end.saturating_add(boot);
        Draft {
            changes: vec![(case.at, Change::Hang(host)), (case.end, Change::PowerOn(host, boot))],
            ended: Some(back),
            what: format!("{} hangs until somebody restarts it.", scene.name(case.subject)),
            expected: vec![
                Expected::new("device-offline", "device", vec![host], (case.at, back))
                    .or(&["device-restarted"]),
            ],
            visible: gone_and_started(scene, host, (case.at, back), scene.proves_start(host)),
            may: ONE_GONE.to_vec(),
            touches: vec![host],
            ..Draft::default()
        }
    },
};

pub(super) const POE_BUDGET: Kind = Kind {
    name: "poe-budget",
    about: "several cameras of one living switch lose their power together, as at dusk when their lamps go on",
    family: Family::Power,
    lasts_s: (10, 40),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| fed_cameras(scene, switch).len() >= GROUP),
    draft: poe_budget,
};

fn poe_budget(scene: &mut Scene, case: Case) -> Draft {
    let Subject::Switch(switch) = case.subject else { return Draft::default() };
    let mut cameras = fed_cameras(scene, switch);
    let most = cameras.len().min(6) as i64;
    let count = scene.random.between(GROUP as i64, most) as usize;
    while cameras.len() > count {
        let index = scene.random.below(cameras.len() as u64) as usize;
        cameras.remove(index);
    }
    let mut draft = Draft {
        others: cameras.iter().copied().map(Subject::Host).collect(),
        what: format!(
            "{} has more to feed than it can: {count} of its cameras lose their power together.",
            scene.name(case.subject)
        ),
        may: [ONE_GONE, &["device-offline", "device-restarted", "power-fault"]].concat(),
        must_not: MustNot::new(&["switch-fault"], &[]),
        touches: cameras.clone(),
        ..Draft::default()
    };
    let mut backs = Vec::new();
    for (index, camera) in cameras.iter().enumerate() {
        let (port_after, boot) = (index as i64 * 300 * MILLISECOND, scene.host(*camera).boot_time());
        let on = case.end.saturating_add(2 * port_after);
        draft.changes.push((case.at + port_after, Change::PowerOff(*camera)));
        draft.changes.push((on, Change::PowerOn(*camera, boot)));
        backs.push(on.saturating_add(boot));
    }
    let last = backs.iter().copied().max().unwrap_or(case.end);
    draft.ended = Some(last);
    draft.expected = vec![
        Expected::new("devices-offline-together", "power", cameras.clone(), (case.at, last))
            .or(&["power-fault"])
            .at_switch(switch),
    ];
    let are_gone = cameras.iter().filter(|it| scene.proves_gone(**it, case.at, last)).count() >= GROUP;
    if are_gone {
        draft.must_not.extend(MustNot::new(&["device-offline"], &cameras));
        draft.visible.push(Visible::new(case.at, "unknown"));
        // Several ports of a switch that itself says so; or of a switch that lives, as its other devices show.
        if scene.traps(switch) {
            draft.visible.push(Visible::new(case.at + 4 * SECOND, "power").or(&["link"]));
        } else if scene.knows_group(&cameras) {
            draft.visible.push(Visible::new(case.at + 5 * SECOND, "power").or(&["switch"]));
        }
    }
    if draft.visible.iter().all(|visible| visible.cause != "power") {
        draft.visible.extend(started_together(scene, &cameras, &backs));
    }
    draft
}

/// Cameras of a switch that always send and that it feeds.
fn fed_cameras(scene: &Scene, switch: SwitchId) -> Vec<HostId> {
    scene.site.behind(switch).filter(|host| scene.is_fed(*host) && scene.is_steady(*host)).collect()
}

/// Several start anew within seconds: that they share their power is sure once their switch is known.
pub(super) fn started_together(scene: &Scene, hosts: &[HostId], backs: &[i64]) -> Vec<Visible> {
    let mut seen: Vec<i64> = hosts
        .iter()
        .zip(backs)
        .filter(|(host, _)| scene.proves_start(**host))
        .map(|(_, back)| *back)
        .collect();
    seen.sort_unstable();
    let Some(third) = seen.get(GROUP - 1) else { return Vec::new() };
    let is_one_switch = scene.names_ports() || scene.names_group(hosts);
    if is_one_switch {
        vec![Visible::new(*third, "power").or(&["device-restart", "switch"])]
    } else {
        vec![Visible::new(*third, "device-restart").or(&["power", "switch"])]
    }
}

/// What the traffic proves of one device that is gone from `at` and starts anew at `back`, which may be shown.
fn gone_and_started(scene: &Scene, host: HostId, (at, back): (i64, i64), is_shown: bool) -> Vec<Visible> {
    let mut visible = Vec::new();
    if scene.proves_gone(host, at, back) {
        visible.push(Visible::new(at, "unknown"));
    }
    if is_shown {
        visible.push(Visible::new(back, "device-restart"));
    }
    visible
}

/// What follows when one device is gone: its media, its records, its recorder's complaints.
pub(super) const ONE_GONE: &[&str] = &["stream-loss", "stream-stalled", "not-recorded", "service-down"];
/// A switch sends its trap so long after it saw what it tells.
pub(super) const TRAP: i64 = 20 * MILLISECOND;
/// So many restarts are a loop.
const STARTS: usize = 3;
