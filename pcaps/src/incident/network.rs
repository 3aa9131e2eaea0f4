//! What concerns the network as a whole: its tree, its floods, its segments, its addresses.
//!
//! Each of these is said by frames that go to everybody; the mirror shows it if it hears who says it.

use super::{Case, Draft, Expected, Family, Fit, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::HostId;
use crate::mirror::Tags;
use crate::options::SECOND;
use crate::site::{Habit, Role, vlan};
use crate::world::Change;

pub(super) const STP_STORM: Kind = Kind {
    name: "stp-storm",
    about: "the topology changes every few seconds, as with a flapping port that is no edge port",
    family: Family::Network,
    lasts_s: (40, 120),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| super::switch::is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let own = scene.site.switches[switch].host;
        let mut draft = Draft {
            ended: Some(case.end),
            what: format!("{} says again and again that the topology changes.", scene.name(case.subject)),
            expected: vec![
                Expected::new("stp-topology-change", "switch", vec![own], (case.at, case.end))
                    .at_switch(switch),
            ],
            may: vec!["port-flapping", "switch-fault"],
            must_not: MustNot::new(&["devices-offline-together", "switching-loop"], &[]),
            ..Draft::default()
        };
        let mut at = case.at;
        while at < case.end.min(scene.ends()) {
            draft.changes.push((at, Change::Topology(switch)));
            at = scene.later(at, (4, 8));
        }
        if scene.hears_switch(switch) || scene.hears_switch(0) {
            draft.visible.push(Visible::new(case.at, "switch").or(&["link", "uplink"]));
        }
        draft
    },
};

pub(super) const ROOT_CHANGE: Kind = Kind {
    name: "root-change",
    about: "an access switch becomes the root of the spanning tree, and ceases to be",
    family: Family::Network,
    lasts_s: (40, 120),
    needs: |_| (),
    fits: |scene, subject| super::fit_switch(subject, |switch| super::switch::is_access(scene, switch)),
    draft: |scene, case| {
        let Subject::Switch(switch) = case.subject else { return Draft::default() };
        let own = scene.site.switches[switch].host;
        let mut draft = Draft {
            changes: vec![
                (case.at, Change::ClaimRoot(switch, true)),
                (case.end, Change::ClaimRoot(switch, false)),
            ],
            ended: Some(case.end),
            what: format!("{} becomes the root of the spanning tree.", scene.name(case.subject)),
            expected: vec![
                Expected::new("stp-root-change", "switch", vec![own], (case.at, case.end)).at_switch(switch),
            ],
            may: vec!["stp-topology-change"],
            must_not: MustNot::new(&["devices-offline-together"], &[]),
            ..Draft::default()
        };
        if scene.hears_switch(switch) || scene.hears_switch(0) {
            draft.visible.push(Visible::new(case.at, "switch"));
        }
        draft
    },
};

pub(super) const LOOP: Kind = Kind {
    name: "loop",
    about: "somebody closes a loop: whatever goes to everybody circles",
    family: Family::Network,
    lasts_s: (15, 40),
    needs: |_| (),
    fits: |_, subject| if subject == Subject::Switch(0) { Fit::Good } else { Fit::No },
    draft: |scene, case| Draft {
        changes: circling(scene, case),
        ended: Some(case.end),
        what: "A cable closes a loop that the spanning tree does not see; broadcasts circle.".to_owned(),
        expected: vec![Expected::new(
            "switching-loop",
            "link",
            vec![scene.site.switches[0].host],
            (case.at, case.end),
        )],
        visible: vec![Visible::new(case.at, "link").or(&["switch", "network-path"])],
        may: vec!["broadcast-storm", "mac-moving", "path-congestion"],
        must_not: MustNot::new(&["mirror-duplicates", "devices-offline-together"], &[]),
        is_everywhere: true,
        ..Draft::default()
    },
};

pub(super) const BROADCAST_STORM: Kind = Kind {
    name: "broadcast-storm",
    about: "a host floods its VLAN with more than a thousand broadcasts a second",
    family: Family::Network,
    lasts_s: (10, 30),
    needs: |_| (),
    fits: |scene, subject| {
        super::fit_or(
            subject,
            |host| matches!(scene.host(host).role, Role::Workstation | Role::Viewer | Role::Printer),
            |host| super::is_at_access(scene, host),
        )
    },
    draft: |scene, case| {
        let host = case.host();
        let name = scene.name(case.subject);
        let mut draft = Draft {
            ended: Some(case.end),
            what: format!("{name} floods its VLAN with broadcasts."),
            expected: vec![Expected::new("broadcast-storm", "device", vec![host], (case.at, case.end))],
            may: vec!["path-congestion"],
            must_not: MustNot::new(&["switching-loop", "devices-offline-together"], &[]),
            touches: vec![host],
            is_everywhere: true,
            ..Draft::default()
        };
        let mut at = case.at;
        while at < case.end.min(scene.ends()) {
            draft.changes.push((at, Change::Storm(host, STORM)));
            at += SECOND;
        }
        if scene.hears(host) {
            draft.visible.push(Visible::new(case.at, "device"));
        }
        draft
    },
};

pub(super) const VLAN_MISTAKE: Kind = Kind {
    name: "vlan-mistake",
    about: "a camera's port is put into the office's VLAN: it lives, and nobody reaches it",
    family: Family::Network,
    lasts_s: (40, 120),
    // Without tags nobody sees VLANs.
    needs: |options| {
        if options.form.tags == Tags::None {
            options.form.tags = Tags::Both;
        }
    },
    fits: |scene, subject| {
        let is_leased = |host: HostId| scene.is_steady(host) && scene.host(host).has_lease;
        super::fit_or(subject, is_leased, |host| scene.is_steady(host))
    },
    draft: |scene, case| {
        let host = case.host();
        let mut draft = Draft {
            changes: vec![
                (case.at, Change::Vlan(host, vlan::OFFICE)),
                (case.end, Change::Vlan(host, scene.host(host).vlan)),
            ],
            ended: Some(case.end),
            what: format!(
                "The port of {} is put into VLAN {} and later back.",
                scene.name(case.subject),
                vlan::OFFICE
            ),
            expected: vec![Expected::new("wrong-segment", "switch", vec![host], (case.at, case.end)).or(&[
                "device-offline",
                "not-recorded",
                "identity-changed",
            ])],
            may: [super::power::ONE_GONE, &["identity-changed", "device-offline", "mac-moving"]].concat(),
            must_not: MustNot::new(&["devices-offline-together", "address-conflict"], &[]),
            touches: vec![host],
            ..Draft::default()
        };
        // What it says to everybody when its link comes up bears another tag than what it said before.
        if scene.hears(host) && scene.was_heard(host) && scene.shows_tags(host) {
            draft.visible.push(Visible::new(case.at + 2 * SECOND, "switch").or(&["network-path"]));
        }
        draft
    },
};

pub(super) const DUPLICATE_ADDRESS: Kind = Kind {
    name: "duplicate-address",
    about: "a second device takes the address of a camera",
    family: Family::Network,
    lasts_s: (40, 120),
    needs: |_| (),
    fits: |scene, subject| {
        super::fit(subject, |host| scene.is_steady(host) && intruder(scene, host).is_some())
    },
    draft: duplicate_address,
};

fn duplicate_address(scene: &mut Scene, case: Case) -> Draft {
    let host = case.host();
    let Some(intruder) = intruder(scene, host) else { return Draft::default() };
    let (taken, own) = (scene.host(host).ip, scene.host(intruder).ip);
    let mut draft = Draft {
        changes: vec![
            (case.at, Change::TakeAddress(intruder, taken)),
            (case.end, Change::TakeAddress(intruder, own)),
        ],
        ended: Some(case.end),
        others: vec![Subject::Host(intruder)],
        what: format!(
            "{} takes {taken}, the address of {}.",
            scene.host(intruder).name,
            scene.name(case.subject)
        ),
        expected: vec![Expected::new(
            "address-conflict",
            "address-conflict",
            vec![host, intruder],
            (case.at, case.end),
        )],
        may: [super::power::ONE_GONE, &["identity-changed", "device-flapping"]].concat(),
        must_not: MustNot::new(&["device-offline", "devices-offline-together"], &[host, intruder]),
        touches: vec![host, intruder],
        ..Draft::default()
    };
    let is_known = scene.askers(host).iter().any(|asker| scene.shows(host, *asker));
    if scene.hears(intruder) && is_known {
        draft.visible.push(Visible::new(case.at, "address-conflict"));
    }
    draft
}

/// A loop is closed; who loses somebody in the flood asks for him.
fn circling(scene: &mut Scene, case: Case) -> Vec<(i64, Change)> {
    let hosts: Vec<HostId> =
        (0..scene.site.hosts.len()).filter(|host| super::is_at_access(scene, *host)).collect();
    let mut changes = vec![(case.at, Change::Loop(CIRCLES)), (case.end, Change::Loop(0))];
    let mut at = case.at + SECOND / 10;
    while at < case.end.min(scene.ends()) && !hosts.is_empty() {
        changes.push((at, Change::Storm(*scene.random.pick(&hosts), ASKS)));
        at += SECOND;
    }
    changes
}

/// Who would take a camera's address: one of its VLAN that nobody records, else any other camera.
fn intruder(scene: &Scene, host: HostId) -> Option<HostId> {
    let others = |is_idle: bool| {
        scene.site.all(Role::Camera).find(|other| {
            let habit = scene.host(*other).media.map(|media| media.habit);
            *other != host && (!is_idle || habit == Some(Habit::OnDemand))
        })
    };
    others(true).or_else(|| others(false))
}

/// How often a broadcast comes by again.
const CIRCLES: u8 = 200;
/// Who loses somebody asks so many times a second.
const ASKS: u32 = 6;
/// Broadcasts a second.
const STORM: u32 = 1_500;
