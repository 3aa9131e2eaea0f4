//! What happens to our own eyes: the mirror's sources, its port, its form, and the clock of who captures.
//!
//! Nobody at the site notices any of it. While the mirror shows nothing, or not all, nobody may be called gone.

use super::{Case, Draft, Expected, Family, Fit, Kind, MustNot, Scene, Subject, Visible};
use crate::fabric::{Fabric, HostId};
use crate::mirror::{Tags, Tunnel};
use crate::options::{SECOND, View};
use crate::world::Change;

pub(super) const MIRROR_LOST: Kind = Kind {
    name: "mirror-lost",
    about: "the mirror session is gone for a while: nothing at all is copied",
    family: Family::Mirror,
    lasts_s: (20, 60),
    needs: |_| (),
    fits: mirror_only,
    draft: |_, case| {
        let mut draft = fault(case, "mirror-lost", "The mirror copies nothing.");
        draft.changes = vec![(case.at, Change::MirrorLost(true)), (case.end, Change::MirrorLost(false))];
        draft.blind = vec![(case.at, case.end)];
        // Only what comes after it shows that there was a hole.
        draft.visible = vec![Visible::new(case.end, "mirror")];
        draft
    },
};

pub(super) const MIRROR_ONE_WAY: Kind = Kind {
    name: "mirror-one-way",
    about: "one direction of most conversations is no longer copied",
    family: Family::Mirror,
    lasts_s: (60, 150),
    needs: core_or_uplink,
    fits: mirror_only,
    draft: |scene, case| {
        let mut draft = fault(case, "mirror-one-way", "The mirror copies one direction only.");
        draft.changes = if scene.options.view == View::Uplink {
            vec![(case.at, Change::MirrorWays(1, true, false)), (case.end, Change::MirrorWays(1, true, true))]
        } else {
            // What recorders, servers and the gateway send enters the core at their own ports.
            let ports = scene.site.behind(0).map(|host| scene.host(host).plug.port).collect();
            vec![(case.at, Change::MirrorMissing(0, ports)), (case.end, Change::MirrorMissing(0, Vec::new()))]
        };
        // What falls out is all that some devices send, and one side of what all others are in.
        draft.expected[0].or.push("mirror-partial");
        draft
    },
};

pub(super) const MIRROR_PARTIAL: Kind = Kind {
    name: "mirror-partial",
    about: "the port of one uplink falls out of the mirror's source list",
    family: Family::Mirror,
    lasts_s: (60, 150),
    needs: |options| {
        if options.view != View::Core {
            options.view = View::Core;
        }
    },
    fits: |scene, subject| {
        let has_uplinks = scene.site.trunks.iter().any(|trunk| trunk.end(0).is_some());
        if subject == Subject::Mirror && has_uplinks { Fit::Good } else { Fit::No }
    },
    draft: |scene, case| {
        let mut draft = fault(case, "mirror-partial", "");
        let uplinks: Vec<usize> = (1..scene.site.switches.len())
            .filter(|switch| {
                let trunk = scene.uplink(*switch).map(|trunk| &scene.site.trunks[trunk]);
                trunk.is_some_and(|trunk| trunk.end(0).is_some())
            })
            .collect();
        let switch = *scene.random.pick(&uplinks);
        let trunks = &scene.site.trunks;
        // All cables of this switch, so that a second one does not show what the first one hides.
        let ports: Vec<u16> = trunks
            .iter()
            .filter(|trunk| trunk.end(switch).is_some())
            .filter_map(|trunk| trunk.end(0))
            .map(|plug| plug.port)
            .collect();
        let name = scene.name(Subject::Switch(switch));
        draft.what = format!("The mirror no longer copies what comes from {name}.");
        draft.others = vec![Subject::Switch(switch)];
        draft.expected[0].switch = Some(switch);
        let falls_out = |fabric: &mut Fabric| {
            for source in fabric.sources.iter_mut().filter(|source| source.switch == 0) {
                source.missing.clone_from(&ports);
            }
        };
        let talks = scene.asked();
        let shows = |ends: (HostId, HostId)| scene.shows_routed(ends, |_| ());
        let still_shows = |ends: (HostId, HostId)| scene.shows_routed(ends, falls_out);
        // A router's copy of what they send is still seen; and of one alone it may be another way.
        let hidden = talks.iter().filter(|ends| shows(**ends) && !still_shows(**ends)).count();
        if hidden < ALONE {
            draft.visible.clear();
        }
        // Where all that is left shows one side, nobody can tell that it is only some who are not seen.
        let is_two_way =
            |(host, asker): &(HostId, HostId)| still_shows((*host, *asker)) && still_shows((*asker, *host));
        if !talks.iter().any(is_two_way) {
            draft.expected[0].or.push("mirror-one-way");
        }
        draft.may.push("mirror-one-way");
        draft.changes = vec![
            (case.at, Change::MirrorMissing(0, ports)),
            (case.end, Change::MirrorMissing(0, Vec::new())),
        ];
        draft
    },
};

pub(super) const MIRROR_DROPS: Kind = Kind {
    name: "mirror-drops",
    about: "the mirror port is overloaded: one copy in twenty is lost, of everything alike",
    family: Family::Mirror,
    lasts_s: (40, 90),
    needs: |_| (),
    fits: mirror_only,
    draft: |scene, case| {
        let mut draft = fault(case, "mirror-drops", "The mirror port loses one copy in twenty.");
        // Media is numbered or acknowledged, and there is enough of it. What is polled now and then over a router is
        // copied on both its sides, and of its few words hardly one is missing twice.
        let shows_media =
            |(host, asker): &(HostId, HostId)| scene.is_steady(*host) && scene.shows(*host, *asker);
        if !scene.asked().iter().any(shows_media) {
            draft.visible.clear();
        }
        draft.changes = vec![(case.at, Change::MirrorLoss(50_000)), (case.end, Change::MirrorLoss(0))];
        draft.must_not.extend(MustNot::new(&["stream-loss", "stream-loss-shared"], &[]));
        draft
    },
};

pub(super) const MIRROR_DUPLICATES: Kind = Kind {
    name: "mirror-duplicates",
    about: "every frame is copied twice for a while, microseconds apart",
    family: Family::Mirror,
    lasts_s: (40, 120),
    needs: |_| (),
    fits: mirror_only,
    draft: |_, case| {
        let mut draft = fault(case, "mirror-duplicates", "The mirror copies every frame twice.");
        draft.changes = vec![(case.at, Change::MirrorCopies(1)), (case.end, Change::MirrorCopies(0))];
        draft.must_not.extend(MustNot::new(&["switching-loop", "broadcast-storm", "mac-moving"], &[]));
        draft
    },
};

pub(super) const MIRROR_TAG_ONE_SIDE: Kind = Kind {
    name: "mirror-tag-one-side",
    about: "both directions are copied, and only one of them bears VLAN tags: each frame twice, with and without",
    family: Family::Mirror,
    lasts_s: (0, 0),
    needs: |options| {
        options.view = View::CoreBothWays;
        if !matches!(options.form.tags, Tags::IngressOnly | Tags::EgressOnly) {
            options.form.tags = Tags::IngressOnly;
        }
    },
    fits: mirror_only,
    draft: |_, case| {
        let mut draft =
            fault(case, "mirror-duplicates", "Every frame is copied with and without its VLAN tag.");
        draft.must_not.extend(MustNot::new(&["wrong-segment", "mac-moving", "switching-loop"], &[]));
        draft
    },
};

pub(super) const MIRROR_TRUNCATED: Kind = Kind {
    name: "mirror-truncated",
    about: "copies are cut after their first bytes",
    family: Family::Mirror,
    lasts_s: (0, 0),
    needs: |options| options.form.snap = options.form.snap.or(Some(128)),
    fits: mirror_only,
    draft: |_, case| {
        let mut draft = fault(case, "mirror-truncated", "Copies are cut after their first bytes.");
        draft.must_not.extend(MustNot::new(&["stream-loss", "stream-stalled"], &[]));
        draft
    },
};

pub(super) const MIRROR_ENCAPSULATED: Kind = Kind {
    name: "mirror-encapsulated",
    about: "copies come through a tunnel (ERSPAN II unless another is ordered): no fault, the same answer",
    family: Family::Mirror,
    lasts_s: (0, 0),
    needs: |options| options.form.tunnel = options.form.tunnel.or(Some(Tunnel::Erspan2)),
    fits: mirror_only,
    draft: |_, case| {
        let mut draft = fault(case, "mirror-lost", "Copies come through a tunnel.");
        draft.expected.clear();
        draft.visible.clear();
        draft
    },
};

pub(super) const CLOCK_STEP_BACK: Kind = Kind {
    name: "clock-step-back",
    about: "the clock of who captures steps back by some seconds",
    family: Family::Mirror,
    lasts_s: (3, 20),
    needs: |_| (),
    fits: mirror_only,
    draft: |scene, case| {
        let step = (case.end - case.at).min(scene.options.length);
        let mut draft = fault(case, "mirror-clock", "");
        draft.what = format!("The capturing clock steps back by {} s.", step / SECOND);
        draft.changes = vec![(case.at, Change::ClockStep(-step))];
        draft.for_good(case.at);
        draft
    },
};

pub(super) const CLOCK_STEP_FORWARD: Kind = Kind {
    name: "clock-step-forward",
    about: "the clock of who captures steps forward by a minute or more",
    family: Family::Mirror,
    lasts_s: (60, 150),
    needs: |_| (),
    fits: mirror_only,
    draft: |_, case| {
        let step = (case.end - case.at).min(86_400 * SECOND);
        let mut draft = fault(case, "mirror-clock", "");
        draft.what = format!("The capturing clock steps forward by {} s.", step / SECOND);
        draft.changes = vec![(case.at, Change::ClockStep(step))];
        // Nobody can tell it from a hole in the mirror of that length.
        draft.expected[0].or.push("mirror-lost");
        draft.for_good(case.at);
        draft
    },
};

impl Draft {
    /// A step of a clock takes no time, and all that follows is stamped by the other clock.
    fn for_good(&mut self, at: i64) {
        self.expected[0].until = None;
        self.ended = None;
        self.visible = vec![Visible::new(at, "mirror")];
        self.is_everywhere = true;
    }
}

fn fault(case: Case, kind: &'static str, what: &str) -> Draft {
    Draft {
        ended: Some(case.end),
        what: what.to_owned(),
        expected: vec![Expected::new(kind, "mirror", Vec::new(), (case.at, case.end))],
        visible: vec![Visible::new(case.at, "mirror")],
        must_not: MustNot::new(NOBODY_IS_GONE, &[]),
        is_everywhere: true,
        ..Draft::default()
    }
}

fn mirror_only(_: &Scene, subject: Subject) -> Fit {
    if subject == Subject::Mirror { Fit::Good } else { Fit::No }
}

/// One direction can be missing where each frame is copied once, by its way in.
fn core_or_uplink(options: &mut crate::options::Options) {
    if !matches!(options.view, View::Core | View::Uplink) {
        options.view = View::Core;
    }
}

/// Fewer devices that are seen no more may have their answers on another way.
const ALONE: usize = 2;

/// Kinds that would blame the site for what the mirror does.
const NOBODY_IS_GONE: &[&str] =
    &["device-offline", "devices-offline-together", "recorder-offline", "switch-fault", "not-recorded"];
