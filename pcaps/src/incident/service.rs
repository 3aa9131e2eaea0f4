//! What a network offers its devices beside addresses: the time, and a way out over IPv6.
//!
//! That a server tells nobody the time is proved by questions without an answer, where an answer before was seen:
//! eight, for then a client takes its server for unreachable (RFC 5905, 9.2). That a router is not meant to be one
//! is proved by its starting to announce itself, twice within 16 s (RFC 4861, 6.2.4), when whoever was there before
//! had the time to do so.

use super::{Case, Draft, Expected, Family, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::HostId;
use crate::options::SECOND;
use crate::site::Role;
use crate::world::{Change, Clock};

pub(super) const TIME_LOST: Kind = Kind {
    name: "time-lost",
    about: "the gateway's time service fails, or has lost its own source: devices ask for the time in vain",
    family: Family::Network,
    lasts_s: (100, 160),
    needs: |_| (),
    fits: |scene, subject| super::fit(subject, |host| host == GATEWAY && clients(scene).count() >= CLIENTS),
    draft: time_lost,
};

fn time_lost(scene: &mut Scene, case: Case) -> Draft {
    let clients: Vec<HostId> = clients(scene).take(CLIENTS).collect();
    let is_mute = scene.random.chance(500_000);
    let mut draft = Draft {
        changes: vec![
            (case.at, Change::Time(if is_mute { Clock::Mute } else { Clock::Unset })),
            (case.end, Change::Time(Clock::Set)),
        ],
        ended: Some(case.end),
        what: if is_mute {
            "The gateway's time service answers nobody.".to_owned()
        } else {
            "The gateway's clock has lost its source: it tells nobody the time.".to_owned()
        },
        expected: vec![Expected::new("time-source-lost", "service", vec![GATEWAY], (case.at, case.end))],
        others: clients.iter().copied().map(Subject::Host).collect(),
        must_not: MustNot::new(&["device-offline", "devices-offline-together", "dhcp-failed"], &[]),
        touches: vec![GATEWAY],
        ..Draft::default()
    };
    // Some ask before it, some after, so that both can be seen.
    let turn = |n: usize| n as i64 * 2 * SECOND;
    for (n, client) in clients.iter().enumerate() {
        draft.changes.push((case.at - turn(n + 1), Change::AskTime(*client)));
        draft.changes.push((case.at + turn(n + 1), Change::AskTime(*client)));
        draft.changes.push((case.at + turn(n + 1) + ROUND, Change::AskTime(*client)));
        draft.changes.push((case.end.saturating_add(turn(n + 1)), Change::AskTime(*client)));
    }
    let is_asked = |client: &&HostId| scene.hears(**client) && scene.shows(GATEWAY, **client);
    let shown = clients.iter().filter(is_asked).count();
    let proved = case.at + ROUND + turn(CLIENTS) + ANSWER;
    if shown * 2 >= QUESTIONS && proved < case.end {
        draft.visible.push(Visible::new(proved, "service").or(&["network-path"]));
    }
    draft
}

pub(super) const ROGUE_ROUTER: Kind = Kind {
    name: "rogue-router",
    about: "a host announces itself as an IPv6 router with a prefix of its own, and at last says goodbye",
    family: Family::Network,
    lasts_s: (40, 120),
    needs: |_| (),
    fits: |scene, subject| {
        let speaks = |host: HostId| super::is_at_access(scene, host) && scene.host(host).ip6.is_some();
        let is_office =
            |host: HostId| speaks(host) && matches!(scene.host(host).role, Role::Workstation | Role::Viewer);
        super::fit_or(subject, is_office, speaks)
    },
    draft: |scene, case| {
        let host = case.host();
        let name = scene.name(case.subject);
        let mut draft = Draft {
            ended: Some(case.end),
            what: format!("{name} announces itself as an IPv6 router."),
            expected: vec![Expected::new("rogue-ra", "network-path", vec![host], (case.at, case.end))],
            must_not: MustNot::new(&["rogue-dhcp", "address-conflict", "devices-offline-together"], &[]),
            touches: vec![host],
            ..Draft::default()
        };
        let mut at = case.at;
        for n in 0.. {
            if at >= case.end.min(scene.ends()) {
                break;
            }
            draft.changes.push((at, Change::Advertise(host, LIFETIME_S)));
            at = if n < 2 { at + STARTING } else { scene.later(at, (200, 600)) };
        }
        draft.changes.push((case.end, Change::Advertise(host, 0)));
        let is_new = case.at - scene.options.start >= KNOWN_AFTER && case.end - case.at > STARTING;
        if scene.hears(host) && is_new {
            draft.visible.push(Visible::new(case.at + STARTING, "network-path"));
        }
        draft
    },
};

/// Who asks the gateway for the time, those first whose question and answer the mirror shows.
fn clients<'a>(scene: &'a Scene) -> impl Iterator<Item = HostId> + use<'a> {
    let all = || (0..scene.site.hosts.len()).filter(|host| super::is_at_access(scene, *host));
    let is_shown = |host: &HostId| scene.shows(GATEWAY, *host) && scene.shows(*host, GATEWAY);
    let (shown, others): (Vec<_>, Vec<_>) = all().partition(is_shown);
    shown.into_iter().chain(others)
}

/// The gateway tells the time.
const GATEWAY: HostId = 0;
/// So many clients ask, each twice.
const CLIENTS: usize = 5;
/// So many questions without an answer prove that there is none.
const QUESTIONS: usize = 8;
/// From one question of a client to the next (RFC 5905, 7.2).
const ROUND: i64 = 64 * SECOND;
/// An answer that is not there by now does not come.
const ANSWER: i64 = 5 * SECOND;
/// Who starts to announce itself does so twice 16 s apart (RFC 4861, 10).
const STARTING: i64 = 16 * SECOND;
/// How long an announcement holds.
const LIFETIME_S: u16 = 1_800;
/// Who was a router before has been heard to be one by now.
const KNOWN_AFTER: i64 = 130 * SECOND;
