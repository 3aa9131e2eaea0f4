//! DHCP servers that are dead, empty, or not the site's.
//!
//! Clients whose leases run out meanwhile ask everybody, 4, 8 and 16 s apart, and go without an address. That
//! nobody answers is proved only where the mirror would show an answer.

use super::{Case, Draft, Expected, Family, Fit, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::HostId;
use crate::options::SECOND;
use crate::site::Role;
use crate::world::Change;

pub(super) const DHCP_DEAD: Kind = Kind {
    name: "dhcp-dead",
    about: "the DHCP server answers nobody; whose lease runs out stays without an address",
    family: Family::Dhcp,
    lasts_s: (40, 100),
    needs: |_| (),
    fits: fits_vlan,
    draft: |scene, case| {
        let Subject::Vlan(vlan) = case.subject else { return Draft::default() };
        let changes =
            vec![(case.at, Change::DhcpDead(vlan, true)), (case.end, Change::DhcpDead(vlan, false))];
        let asking = clients(scene, vlan).collect();
        let mut draft = without_leases(scene, case, changes, asking);
        draft.what = format!("The DHCP server of VLAN {vlan} answers nobody.");
        draft.expected = vec![
            Expected::new("dhcp-failed", "dhcp", about(&draft), (case.at + ASK, case.end))
                .or(&["dhcp-exhausted"]),
        ];
        draft
    },
};

pub(super) const DHCP_EXHAUSTED: Kind = Kind {
    name: "dhcp-exhausted",
    about: "the DHCP server has no lease left for who is new; whom it knows it still answers",
    family: Family::Dhcp,
    lasts_s: (40, 100),
    needs: |_| (),
    fits: fits_vlan,
    draft: |scene, case| {
        let Subject::Vlan(vlan) = case.subject else { return Draft::default() };
        let mut changes = vec![
            (case.at, Change::DhcpExhausted(vlan, true)),
            (case.end, Change::DhcpExhausted(vlan, false)),
        ];
        let mut asking: Vec<HostId> = clients(scene, vlan).collect();
        // One that still has its lease renews it.
        let known = asking.pop();
        changes.extend(known.map(|host| (case.at + ASK + 6 * SECOND, Change::RenewLease(host))));
        let mut draft = without_leases(scene, case, changes, asking);
        draft.what = format!("The DHCP server of VLAN {vlan} has no lease left.");
        draft.expected = vec![
            Expected::new("dhcp-exhausted", "dhcp", about(&draft), (case.at + ASK, case.end))
                .or(&["dhcp-failed"]),
        ];
        draft
    },
};

pub(super) const DHCP_ROGUE: Kind = Kind {
    name: "dhcp-rogue",
    about: "a host answers DHCP beside the server, with itself as the gateway",
    family: Family::Dhcp,
    lasts_s: (40, 100),
    needs: |_| (),
    fits: |scene, subject| {
        let has_clients = |host: HostId| {
            super::is_at_access(scene, host)
                && clients(scene, scene.host(host).vlan).any(|client| client != host)
        };
        let is_office = |host: HostId| {
            has_clients(host) && matches!(scene.host(host).role, Role::Workstation | Role::Viewer)
        };
        super::fit_or(subject, is_office, has_clients)
    },
    draft: |scene, case| {
        let host = case.host();
        let vlan = scene.host(host).vlan;
        let asking: Vec<HostId> =
            clients(scene, vlan).filter(|client| *client != host).take(ASKING).collect();
        let mut draft = Draft {
            changes: vec![
                (case.at, Change::RogueDhcp(host, true)),
                (case.end, Change::RogueDhcp(host, false)),
            ],
            ended: Some(case.end),
            what: format!("{} answers DHCP in VLAN {vlan}.", scene.name(case.subject)),
            expected: vec![Expected::new("rogue-dhcp", "dhcp", vec![host], (case.at + ASK, case.end))],
            others: asking.iter().copied().map(Subject::Host).collect(),
            may: ADDRESS_LOST.to_vec(),
            touches: asking.clone(),
            ..Draft::default()
        };
        for (index, client) in asking.iter().enumerate() {
            let after = index as i64 * 4 * SECOND;
            draft.changes.push((case.at + ASK + after, Change::AskAddress(*client)));
            draft.changes.push((case.end.saturating_add(ASK + after), Change::AskAddress(*client)));
        }
        if asking.iter().any(|client| scene.shows(host, *client)) {
            draft.visible.push(Visible::new(case.at + ASK, "dhcp"));
        }
        draft
    },
};

fn fits_vlan(scene: &Scene, subject: Subject) -> Fit {
    match subject {
        Subject::Vlan(vlan) => match clients(scene, vlan).take(3).count() {
            0 | 1 => Fit::No,
            2 => Fit::Allowed,
            _ => Fit::Good,
        },
        _ => Fit::No,
    }
}

/// Who has a lease in a VLAN.
fn clients<'a>(scene: &'a Scene, vlan: u16) -> impl Iterator<Item = HostId> + use<'a> {
    (0..scene.site.hosts.len()).filter(move |id| {
        let host = scene.host(*id);
        host.vlan == vlan && host.has_lease && !matches!(host.role, Role::Switch(_) | Role::Internet)
    })
}

/// Some clients' leases run out while nobody gives new ones.
fn without_leases(
    scene: &Scene,
    case: Case,
    mut changes: Vec<(i64, Change)>,
    mut asking: Vec<HostId>,
) -> Draft {
    asking.truncate(ASKING);
    for (index, client) in asking.iter().enumerate() {
        changes.push((case.at + ASK + index as i64 * 3 * SECOND, Change::AskAddress(*client)));
    }
    let is_shown = asking.iter().any(|client| scene.hears(*client) && scene.shows(GATEWAY, *client));
    let visible = if is_shown { vec![Visible::new(case.at + ASK, "dhcp")] } else { Vec::new() };
    Draft {
        changes,
        ended: Some(case.end),
        others: asking.iter().copied().map(Subject::Host).collect(),
        visible,
        may: ADDRESS_LOST.to_vec(),
        must_not: MustNot::new(&["rogue-dhcp", "switch-fault"], &[]),
        touches: asking,
        ..Draft::default()
    }
}

/// The server, then who asks it in vain.
fn about(draft: &Draft) -> Vec<HostId> {
    std::iter::once(GATEWAY).chain(draft.touches.iter().copied()).collect()
}

/// The gateway serves DHCP.
const GATEWAY: HostId = 0;
/// The first lease runs out so long after the server failed.
const ASK: i64 = 3 * SECOND;
/// So many leases run out.
const ASKING: usize = 4;
/// What follows when a device has no address, or another one.
const ADDRESS_LOST: &[&str] = &[
    "address-conflict",
    "device-offline",
    "device-restarted",
    "devices-offline-together",
    "dhcp-exhausted",
    "dhcp-failed",
    "identity-changed",
    "not-recorded",
    "service-down",
    "stream-loss",
    "stream-stalled",
];
