//! What becomes of the truth where incidents that were ordered overlap.
//!
//! ```text
//! switch-power  ├──────── its cameras are dark ────────┤
//! cable-pull        ├── of one of them ──┤                  nobody can see it: it may be said, it is not due
//! loss-camera       ├──────── of one of them ──────────────────┤
//!                                                      ├ due ──┤
//! ```
//!
//! Whatever the earlier one has made dark cannot fail a second time. And what one incident makes due, or lets
//! follow for whom it touches, is no mistake beside another.

use super::{Expected, Incident, MustNot};
use crate::fabric::HostId;

/// Makes the truths of incidents fit together; they come by their start.
pub(super) fn reconcile(incidents: &mut [Incident]) {
    for index in 1..incidents.len() {
        let (before, later) = incidents.split_at_mut(index);
        hide_what_is_dark(before, &mut later[0]);
    }
    let all: Vec<Incident> = incidents.to_vec();
    for (index, incident) in incidents.iter_mut().enumerate() {
        let others = all.iter().enumerate().filter(|(other, it)| *other != index && it.overlaps(incident));
        let others: Vec<&Incident> = others.map(|(_, it)| it).collect();
        incident.must_not.retain_mut(|must_not| others.iter().all(|other| is_left(must_not, other)));
    }
}

/// What a later incident expects of devices that are dark already.
fn hide_what_is_dark(before: &mut [Incident], later: &mut Incident) {
    let mut kept = Vec::new();
    let mut is_hidden = false;
    for mut expected in std::mem::take(&mut later.expected) {
        let darkness = |host: HostId| darkness(before, host, expected.since);
        let others: Vec<HostId> = expected.devices.iter().skip(1).copied().collect();
        let dark: Vec<HostId> = others.into_iter().filter(|host| darkness(*host).is_some()).collect();
        let subject = expected.devices.first().copied().filter(|host| darkness(*host).is_some());
        expected.devices.retain(|host| Some(*host) == subject || !dark.contains(host));
        let Some(subject) = subject else {
            kept.push(expected);
            continue;
        };
        is_hidden = true;
        let back = darkness(subject).flatten();
        let outlasts = back.filter(|back| expected.until.is_none_or(|until| until > *back));
        match outlasts {
            // It is lit again, and only then can be seen what else is wrong with it.
            Some(back) if !is_dark(&expected) => {
                for visible in &mut later.visible {
                    visible.from = visible.from.max(back);
                }
                expected.since = back;
                kept.push(expected);
            }
            outlasts => {
                if outlasts.is_some() {
                    prolong(before, subject, &expected);
                }
                later.may.push(expected.kind);
                later.may.extend(expected.or);
            }
        }
    }
    later.expected = kept;
    if is_hidden && later.expected.is_empty() {
        later.visible.clear();
    }
    later.may.sort_unstable();
    later.may.dedup();
}

/// Whether a host is dark at a time, and when it is lit again, if it is.
fn darkness(before: &[Incident], host: HostId, at: i64) -> Option<Option<i64>> {
    let all = before.iter().flat_map(|incident| &incident.expected);
    let dark = all.filter(|it| is_dark(it) && it.devices.contains(&host) && it.since <= at);
    // Without an end it outlasts all others.
    dark.map(|it| it.until)
        .filter(|until| until.is_none_or(|until| at < until))
        .max_by_key(|until| until.unwrap_or(i64::MAX))
}

/// A device that was dark by itself stays so until the later incident lets it go.
fn prolong(before: &mut [Incident], host: HostId, later: &Expected) {
    for incident in before {
        let mut is_longer = false;
        for expected in &mut incident.expected {
            let is_current = expected.until.is_some_and(|until| later.since < until);
            if is_dark(expected) && is_current && expected.since <= later.since && expected.devices == [host]
            {
                expected.until = later.until;
                is_longer = true;
            }
        }
        if is_longer {
            incident.ended = incident.ended.zip(later.until).map(|(ended, until)| ended.max(until));
        }
    }
}

fn is_dark(expected: &Expected) -> bool {
    DARK.contains(&expected.kind)
}

/// Takes out what another incident makes right; whether anything is left.
fn is_left(must_not: &mut MustNot, other: &Incident) -> bool {
    for expected in &other.expected {
        if expected.kind == must_not.kind || expected.or.contains(&must_not.kind) {
            if must_not.devices.is_empty() {
                return false;
            }
            must_not.devices.retain(|host| !expected.devices.contains(host));
        }
    }
    // Of anybody it stays wrong, but for whom the other touches.
    let was_of_anybody = must_not.devices.is_empty();
    if other.may.contains(&must_not.kind) {
        must_not.devices.retain(|host| !other.touches.contains(host));
    }
    was_of_anybody || !must_not.devices.is_empty()
}

/// Findings about devices of which nothing comes meanwhile.
const DARK: &[&str] = &["device-offline", "recorder-offline", "devices-offline-together", "device-restarted"];

#[cfg(test)]
mod tests {
    use super::super::plan;
    use crate::incident::Plan;
    use crate::options::{Options, SECOND};

    fn planned(orders: &[&str]) -> Plan {
        let incidents = orders.iter().map(|order| order.parse().expect("a kind")).collect();
        let options = Options { seed: 5, devices: 30, is_settled: true, incidents, ..Options::default() };
        plan(&options).expect("it can be done")
    }

    /// A camera behind the first access switch.
    fn behind() -> String {
        let site = planned(&[]).site;
        let host = site.recordings.iter().find(|it| site.hosts[it.camera].plug.switch == 1);
        site.hosts[host.expect("one that is recorded").camera].name.clone()
    }

    #[test]
    fn who_is_dark_behind_a_dead_switch_cannot_fail_a_second_time() {
        let second = format!("cable-pull@120s:{}+20s", behind());
        let plan = planned(&["switch-power@100s:sw-01+60s", &second]);
        let [first, second] = &plan.incidents[..] else { panic!("two were ordered") };
        assert!(first.expected.iter().any(|it| it.kind == "devices-offline-together"));
        assert!(second.expected.is_empty() && second.visible.is_empty());
        assert!(second.may.contains(&"device-offline"));
        let host = plan.site.host(&behind()).expect("it is there");
        let forbids = |it: &&super::MustNot| it.kind == "device-offline" && it.devices.contains(&host);
        assert!(!first.must_not.iter().any(|it| forbids(&it)), "what may be said is no mistake");
    }

    #[test]
    fn a_device_that_fails_twice_is_dark_until_the_last_one_ends() {
        let camera = behind();
        let (one, two) = (format!("cable-pull@100s:{camera}+40s"), format!("power-cycle@120s:{camera}+60s"));
        let plan = planned(&[&one, &two]);
        let start = plan.options.start;
        let until = plan.incidents[0].expected[0].until.expect("it returns");
        assert!(until >= start + 180 * SECOND && plan.incidents[0].ended == Some(until));
        assert!(plan.incidents[1].expected.is_empty());
    }

    #[test]
    fn what_a_dark_camera_loses_is_due_once_it_is_lit_again() {
        let camera = behind();
        let (one, two) = (format!("cable-pull@100s:{camera}+40s"), format!("loss-camera@120s:{camera}+60s"));
        let plan = planned(&[&one, &two]);
        let lit = plan.options.start + 140 * SECOND;
        let second = &plan.incidents[1];
        assert_eq!(second.expected[0].since, lit);
        assert!(second.visible.iter().all(|it| it.from >= lit));
    }

    #[test]
    fn who_fails_beside_a_recorder_is_no_mistake_and_its_other_cameras_are() {
        let camera = behind();
        let recorders = planned(&[]).site;
        let recording = recorders.recordings.iter().find(|it| recorders.hosts[it.camera].name == camera);
        let recorder = &recorders.hosts[recording.expect("it is recorded").recorder].name;
        let (one, two) =
            (format!("recorder-hang@100s:{recorder}+60s"), format!("cable-pull@120s:{camera}+60s"));
        let alone = planned(&[&one]).incidents[0].must_not[0].devices.len();
        let plan = planned(&[&one, &two]);
        let both = &plan.incidents[0].must_not[0];
        assert_eq!((both.kind, both.devices.len()), ("device-offline", alone - 1));
        assert_eq!(plan.incidents[1].expected.len(), 1);
    }

    #[test]
    fn what_keeps_apart_stays_as_it_is() {
        let camera = behind();
        let plan = planned(&["switch-hang@60s:sw-01+30s", &format!("cable-pull@200s:{camera}+30s")]);
        assert!(!plan.incidents[1].expected.is_empty());
        let host = plan.site.host(&camera).expect("it is there");
        assert!(plan.incidents[0].must_not.iter().any(|it| it.devices.contains(&host)));
    }
}
