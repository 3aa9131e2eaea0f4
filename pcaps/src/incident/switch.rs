//! Switches that die or hang, and the cables between them.
//!
//! Behind a dead switch everybody is silent at once, and so is the switch. Before anything comes back the traffic
//! cannot tell the switch from its uplink; the neighbour's trap about the port says no more. What comes back tells:
//! a cold-start trap, or fed devices that all boot, is `power`; devices that never noticed are `uplink`. A switch
//! that hung and woke looks like a cut uplink, unless traps are seen and none told of a lost link: then `switch`.

use super::power::{TRAP, started_together};
use super::scene::GROUP;
use super::{Draft, Expected, Family, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::{HostId, SwitchId};
use crate::options::{MILLISECOND, SECOND, Shape, View};
use crate::site::Role;
use crate::world::Change;

pub(super) const SWITCH_POWER: Kind = Kind {
    name: "switch-power",
    about: "a switch loses its power, and with it whatever it feeds; later it boots, and they boot after it",
    family: Family::Switch,
    lasts_s: (60, 150),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let members = scene.cut_off(|fabric| fabric.forwards[switch] = false);
        let fed: Vec<HostId> = scene.site.behind(switch).filter(|host| scene.is_fed(*host)).collect();
        let backs: Vec<i64> = fed
            .iter()
            .enumerate()
            .map(|(index, host)| {
                let boot = scene.host(*host).boot_time() + index as i64 * SECOND / 2;
                case.end.saturating_add(boot)
            })
            .collect();
        let last = backs.iter().copied().max().unwrap_or(case.end);
        let mut draft = dark(scene, (switch, &members), (case.at, last), "power");
        // It forwards before they have booted.
        draft.blind.iter_mut().for_each(|blind| blind.1 = case.end);
        draft.changes = vec![(case.at, Change::SwitchOff(switch)), (case.end, Change::SwitchOn(switch))];
        draft.what = format!(
            "{} loses its power; {} devices are cut off until it is back and they have booted.",
            scene.name(case.subject),
            members.len().saturating_sub(1)
        );
        if !draft.visible.is_empty() {
            if scene.traps(neighbor(scene, switch)) {
                draft.visible.push(Visible::new(case.at + TRAP, "uplink").or(&["switch", "power"]));
            }
            if scene.traps(switch) {
                draft
                    .visible
                    .push(Visible::new(case.end.saturating_add(COLD_START), "power").or(&["switch"]));
            } else if scene.hears_switch(switch) {
                draft
                    .visible
                    .push(Visible::new(case.end.saturating_add(LLDP), "switch").or(&["power", "uplink"]));
            }
        }
        if draft.visible.iter().all(|visible| visible.cause != "power") {
            draft.visible.extend(started_together(scene, &fed, &backs));
        }
        draft
    },
};

pub(super) const SWITCH_HANG: Kind = Kind {
    name: "switch-hang",
    about: "a switch forwards nothing for a while though all its links are up; its devices never notice",
    family: Family::Switch,
    lasts_s: (30, 120),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let members = scene.cut_off(|fabric| fabric.forwards[switch] = false);
        let mut draft = dark(scene, (switch, &members), (case.at, case.end), "switch");
        draft.changes = vec![(case.at, Change::SwitchHang(switch)), (case.end, Change::SwitchWake(switch))];
        draft.what = format!("{} hangs, its links up, and wakes again.", scene.name(case.subject));
        until_other_way(scene, switch, &mut draft);
        if !draft.visible.is_empty() {
            draft.visible.push(hung(scene, switch, case.end));
        }
        draft
    },
};

pub(super) const INTERMITTENT_SWITCH: Kind = Kind {
    name: "intermittent-switch",
    about: "the same switch hangs twice or more, half a minute each",
    family: Family::Switch,
    lasts_s: (120, 180),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let members = scene.cut_off(|fabric| fabric.forwards[switch] = false);
        let mut at = case.at;
        let mut times = Vec::new();
        while at < case.end.min(scene.ends()) || times.len() < 2 {
            let back = scene.later(at, (28, 36));
            times.push((at, back));
            at = scene.later(back, (45, 70));
        }
        let last = times.last().map_or(case.end, |(_, back)| *back);
        let mut draft = dark(scene, (switch, &members), times[0], "switch");
        draft.ended = Some(last);
        draft.changes = times
            .iter()
            .flat_map(|(at, back)| [(*at, Change::SwitchHang(switch)), (*back, Change::SwitchWake(switch))])
            .collect();
        draft.what = format!("{} hangs {} times, half a minute each.", scene.name(case.subject), times.len());
        draft.expected = vec![
            Expected::new("switch-fault", "switch", with_switch(scene, switch, &members), (case.at, last))
                .at_switch(switch),
        ];
        draft.may.push("devices-offline-together");
        if !draft.blind.is_empty() {
            draft.blind.clone_from(&times);
        }
        until_other_way(scene, switch, &mut draft);
        if !draft.visible.is_empty() {
            draft.visible.push(hung(scene, switch, times[0].1));
            // The same group a second time.
            draft.visible.push(Visible::new(times[1].0 + SECOND * 20, "switch").or(&["uplink"]));
        }
        draft
    },
};

pub(super) const UPLINK_CUT: Kind = Kind {
    name: "uplink-cut",
    about: "the only cable of a switch towards the core is cut and mended; the switch and its devices run on",
    family: Family::Switch,
    lasts_s: (20, 120),
    needs: |options| options.shape = Shape::Tree,
    fits: |scene, subject| super::fit_switch(subject, |switch| is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let Some(trunk) = scene.uplink(switch) else { return Draft::default() };
        let members = scene.cut_off(|fabric| fabric.trunks[trunk].is_up = false);
        let mut draft = dark(scene, (switch, &members), (case.at, case.end), "uplink");
        draft.changes = vec![(case.at, Change::Trunk(trunk, false)), (case.end, Change::Trunk(trunk, true))];
        draft.what = format!("The uplink of {} is cut and mended.", scene.name(case.subject));
        if !draft.visible.is_empty() {
            if scene.traps(neighbor(scene, switch)) {
                draft.visible.push(Visible::new(case.at + TRAP, "uplink").or(&["switch", "power"]));
            }
            draft.visible.push(Visible::new(case.end, "uplink"));
        }
        draft
    },
};

pub(super) const UPLINK_FAILOVER: Kind = Kind {
    name: "uplink-failover",
    about: "one of two ways of a switch towards the core fails; the other takes over within a second",
    family: Family::Switch,
    lasts_s: (60, 120),
    needs: |options| {
        if options.shape == Shape::Tree {
            options.shape = Shape::Redundant;
        }
    },
    fits: |scene, subject| {
        super::fit_switch(subject, |switch| {
            let is_last = scene
                .uplink(switch)
                .is_none_or(|trunk| !scene.cut_off(|fabric| fabric.trunks[trunk].is_up = false).is_empty());
            is_access(scene, switch) && !is_last
        })
    },
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let Some(trunk) = scene.uplink(switch) else { return Draft::default() };
        let members: Vec<HostId> = scene.site.behind(switch).collect();
        let own = scene.site.switches[switch].host;
        // Who is on the new way passes on that it changed, and may be all that the mirror shows of it.
        let others = scene.way_over(switch, |fabric| fabric.trunks[trunk].is_up = false);
        let mut draft = Draft {
            changes: vec![(case.at, Change::Trunk(trunk, false)), (case.end, Change::Trunk(trunk, true))],
            ended: Some(case.end),
            others: others.into_iter().map(Subject::Switch).collect(),
            what: format!("One uplink of {} fails, and the other takes over.", scene.name(case.subject)),
            expected: vec![
                Expected::new("stp-topology-change", "uplink", vec![own], (case.at, case.end))
                    .or(&["redundancy-lost"])
                    .at_switch(switch),
            ],
            may: vec!["stream-loss", "stream-loss-shared", "redundancy-lost", "stp-topology-change"],
            must_not: MustNot::new(
                &["device-offline", "devices-offline-together", "recorder-offline", "switch-fault"],
                &[],
            ),
            touches: members,
            ..Draft::default()
        };
        if scene.hears_switch(switch) || scene.traps(neighbor(scene, switch)) {
            let cause = Visible::new(case.at + RECONVERGENCE, "uplink").or(&["switch", "link"]);
            draft.visible.push(cause);
        }
        draft
    },
};

/// What is true whenever a switch and all behind it are cut off.
fn dark(
    scene: &Scene,
    (switch, members): (SwitchId, &[HostId]),
    (at, back): (i64, i64),
    cause: &'static str,
) -> Draft {
    let devices = with_switch(scene, switch, members);
    let others: Vec<HostId> = devices[1..].to_vec();
    let expected = Expected::new("devices-offline-together", cause, devices, (at, back)).at_switch(switch);
    let mut draft = Draft {
        ended: Some(back),
        expected: vec![expected],
        may: SWITCH_GONE.to_vec(),
        touches: members.to_vec(),
        ..Draft::default()
    };
    let is_blind = blinds(scene, members);
    if is_blind {
        draft.may.extend(["mirror-lost", "mirror-partial"]);
        draft.blind.push((at, back));
    }
    let are_gone =
        !is_blind && others.iter().filter(|host| scene.proves_gone(**host, at, back)).count() >= GROUP;
    if are_gone {
        draft.visible.push(Visible::new(at, "unknown"));
        draft.must_not = MustNot::new(&["device-offline"], &others);
    } else {
        draft.may.push("device-offline");
    }
    draft.must_not.extend(MustNot::new(&["recorder-offline"], &[]));
    draft
}

/// The mirror of a switch that is cut off shows nothing, of nobody.
fn blinds(scene: &Scene, members: &[HostId]) -> bool {
    scene.options.view == View::Uplink && members.contains(&scene.site.switches[1].host)
}

/// Those whose way leads over a switch that hangs are silent until its neighbours miss its BPDUs, 6 s, and use
/// another one.
fn until_other_way(scene: &Scene, switch: SwitchId, draft: &mut Draft) {
    let passing: Vec<HostId> =
        scene.over(switch).into_iter().filter(|host| !draft.touches.contains(host)).collect();
    if !passing.is_empty() {
        draft.may.extend(["device-offline", "devices-offline-together"]);
        draft.others.extend(passing.into_iter().map(Subject::Host));
    }
}

/// What is proved once a switch that hung forwards again.
fn hung(scene: &Scene, switch: SwitchId, woke: i64) -> Visible {
    if scene.traps(neighbor(scene, switch)) {
        Visible::new(woke, "switch").or(&["uplink"])
    } else {
        Visible::new(woke, "uplink").or(&["switch"])
    }
}

/// The switch's own address first, then its devices.
fn with_switch(scene: &Scene, switch: SwitchId, members: &[HostId]) -> Vec<HostId> {
    let own = scene.site.switches[switch].host;
    std::iter::once(own).chain(members.iter().copied().filter(|member| *member != own)).collect()
}

/// The switch above.
fn neighbor(scene: &Scene, switch: SwitchId) -> SwitchId {
    let other = scene.uplink(switch).and_then(|trunk| scene.site.trunks[trunk].other(switch));
    other.map_or(0, |plug| plug.switch)
}

/// Whether a switch has devices, and a way to the core.
pub(super) fn is_access(scene: &Scene, switch: SwitchId) -> bool {
    let is_device = |host: HostId| !matches!(scene.host(host).role, Role::Switch(_) | Role::Internet);
    switch != 0 && scene.site.behind(switch).any(is_device) && scene.uplink(switch).is_some()
}

/// What follows when a switch is gone.
const SWITCH_GONE: &[&str] = &[
    "device-restarted",
    "not-recorded",
    "service-down",
    "stp-topology-change",
    "stream-loss",
    "stream-loss-shared",
    "stream-stalled",
    "switch-fault",
];
/// A switch tells of its cold start so long after it forwards again, and speaks LLDP after this.
const COLD_START: i64 = 5 * SECOND;
const LLDP: i64 = SECOND;
/// The spanning tree has found its other way.
const RECONVERGENCE: i64 = 300 * MILLISECOND;
