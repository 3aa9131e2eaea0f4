//! The rules for cases that fool: what each raises, and what it must not (facts, offline_and_switch 9.1 to 9.5).
//!
//! One row for each side of a rule, by its id; what cannot be held against the program yet stands in [`NOT_YET`].

mod support;

use std::collections::BTreeSet;

use support::run::{Scratch, replay, spanwatch};
use support::story::list;

/// One side of a rule.
struct Row {
    /// The rule.
    rule: &'static str,
    /// The case, as the simulator is ordered to make it; what it leaves open is of [`SITE`].
    order: &'static str,
    /// Kinds that must be raised.
    raises: &'static [&'static str],
    /// Kinds that must not be.
    never: &'static [&'static str],
}

const ROWS: &[Row] = &[
    row("Q1", "--incident power-cycle@2m+forever", &["device-offline"], &["recorder-offline"]),
    row("Q1", "--incident mirror-one-way@1m+80s", &[], OFFLINE),
    row("Q3", "--incident process-crash@2m+60s", &["service-down"], OFFLINE),
    row("Q6", RECORDING_STOPPED, &["not-recorded"], OFFLINE),
    row("Q6", "--from-boot --incident recorder-down@2m+80s", &["recorder-offline"], CAMERAS),
    row("D1", "--incident motion-stream", &[], QUIET),
    row("D1", "--incident on-demand-stream@1m", &[], QUIET),
    row("D4", "--incident sleeping-device", &[], QUIET),
    row("D6", "--incident stream-stall@2m+60s", &["stream-stalled"], OFFLINE),
    row("D6", "--frame-rate 1", &[], QUIET),
    row("D9", "--incident controller-offline@2m+70s", &["device-offline"], &["recorder-offline"]),
    row("V3", "--incident recorder-reconnect@2m", &[], QUIET),
    row("V4", "--incident recorder-reconnect@2m", &[], &["brute-force", "port-scan"]),
    row("V6", "--transport multicast", &[], QUIET),
    row("N1", "--incident power-cycle@2m+20s", &[], &["boot-loop", "device-flapping"]),
    row("N8", "--shape redundant --devices 25 --incident uplink-failover@2m", &["redundancy-lost"], OFFLINE),
    row("N9", "--devices 25 --incident uplink-view", &[], QUIET),
    row("N11", "--form snap=128", &["mirror-truncated"], LOSS),
    row("N12", "--devices 25 --incident mirror-partial@1m+80s", &["mirror-partial"], OFFLINE),
    row("N12", "--incident mirror-lost@1m+60s", &["mirror-lost"], OFFLINE),
    row("N12", "--devices 25 --incident mirror-one-way@1m+80s", &["mirror-one-way"], OFFLINE),
    row("N15", "--incident duplicate-address@2m+60s", &["address-conflict"], &["device-flapping"]),
    row("T1", "--incident power-cycle@1ms+forever", &[], OFFLINE),
    row("T2", "--incident power-cycle@238s+forever", &[], OFFLINE),
    row("T3", "--incident mirror-lost@1m+60s", &[], OFFLINE),
    // A short step forward cannot be told from silence, which is T3.
    row("T4", "--incident clock-step-forward@2m", &["mirror-lost"], OFFLINE),
    row("T4", "--incident clock-step-back@2m", &["mirror-clock"], OFFLINE),
    row("T8", "--incident maintenance-reboots@1m", &[], &["devices-offline-together", "boot-loop"]),
];

/// Rules without a row, and why.
const NOT_YET: &[(&str, &str)] = &[
    ("Q2", "no row yet: a SYN sent again with and without its answer in sight"),
    ("Q4", "no row yet: ICMP unreachable from the gateway and from elsewhere"),
    ("Q5", "the simulator's hosts do not talk over IPv6"),
    ("D2", "channels of events are not read"),
    ("D3", "filling a gap from the camera's card is not recognised"),
    ("D5", "nothing is learned by the hour of the week"),
    ("D7", "the simulator has no encoder of several channels; stream-stalled is tested by itself"),
    ("D8", "flows out of the site are not waited for"),
    ("V1", "members of a recorder behind it are not read"),
    ("V2", "the simulator has one recorder for each camera; a stand-in is tested in not-recorded itself"),
    ("V5", "there is no unexpected-viewer"),
    ("V7", "media inside TLS is not measured"),
    ("N2", "restarts are not compared over evenings"),
    ("N3", "wireless bridges are not recognised"),
    ("N4", "the simulator has no bundles of links"),
    ("N5", "the simulator has no stacks"),
    ("N6", "virtual routers are not followed"),
    ("N7", "the simulator's ports forward at once"),
    ("N10", "VLANs that carry copies are not recognised"),
    ("N13", "the simulator has no far site"),
    ("N14", "there is no identity-changed"),
    ("T5", "there is no clock-wrong"),
    ("T6", "there is no clock-wrong"),
    ("T7", "there is no clock-wrong"),
    ("T9", "there is no firmware-changed"),
];

const fn row(
    rule: &'static str,
    order: &'static str,
    raises: &'static [&'static str],
    never: &'static [&'static str],
) -> Row {
    Row { rule, order, raises, never }
}

#[test]
fn each_case_raises_what_its_rule_says_and_nothing_that_it_forbids() {
    let scratch = Scratch::new("rules");
    let mut broken = Vec::new();
    for row in ROWS {
        let path = scratch.path().join("case.pcapng");
        let mut arguments = vec!["simulate", "--no-progress", "-w", path.to_str().expect("a name")];
        arguments.extend(row.order.split(' '));
        for (name, value) in SITE {
            if !row.order.contains(name) {
                arguments.extend([*name, *value]);
            }
        }
        let made = spanwatch(arguments);
        assert_eq!(made.code, 0, "{}: {}", row.rule, made.stderr);
        let report = replay(&path);
        let kinds: BTreeSet<&str> =
            list(&report, "findings").filter_map(|finding| finding["kind"].as_str()).collect();
        let missing: Vec<_> = row.raises.iter().filter(|kind| !kinds.contains(*kind)).collect();
        let wrong: Vec<_> = row.never.iter().filter(|kind| kinds.contains(*kind)).collect();
        if !missing.is_empty() || !wrong.is_empty() {
            broken.push(format!(
                "{} ({}): not raised {missing:?}, wrongly raised {wrong:?}",
                row.rule, row.order
            ));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_rule_has_a_row_or_a_reason() {
    let count = |letter: char, last: usize| (1..=last).map(move |n| format!("{letter}{n}"));
    let all: BTreeSet<String> = count('Q', 6)
        .chain(count('D', 9))
        .chain(count('V', 7))
        .chain(count('N', 15))
        .chain(count('T', 9))
        .collect();
    let tested: BTreeSet<String> = ROWS.iter().map(|row| row.rule.to_owned()).collect();
    let not_yet: BTreeSet<String> = NOT_YET.iter().map(|(rule, _)| (*rule).to_owned()).collect();
    assert_eq!(tested.intersection(&not_yet).next(), None);
    assert_eq!(tested.union(&not_yet).cloned().collect::<BTreeSet<_>>(), all);
    eprintln!("{} of {} rules are tested", tested.len(), all.len());
}

/// A small site.
const SITE: &[(&str, &str)] =
    &[("--seed", "4"), ("--devices", "12"), ("--length", "4m"), ("--bit-rate", "40000")];
const RECORDING_STOPPED: &str =
    "--devices 6 --length 70m --bit-rate 20000 --incident recording-stopped@65m+4m";

const OFFLINE: &[&str] = &["device-offline", "devices-offline-together", "recorder-offline"];
const CAMERAS: &[&str] = &["device-offline", "devices-offline-together", "not-recorded"];
const LOSS: &[&str] = &["stream-loss", "stream-loss-shared", "stream-loss-downstream", "mirror-drops"];
/// Whatever is wrong with a device or its media.
const QUIET: &[&str] = &[
    "device-offline",
    "devices-offline-together",
    "recorder-offline",
    "device-flapping",
    "device-restarted",
    "boot-loop",
    "service-down",
    "stream-stalled",
    "not-recorded",
    "stream-loss",
    "stream-loss-shared",
    "stream-loss-downstream",
];
