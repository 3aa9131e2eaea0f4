//! The rules for cases that fool: what each raises, and what it must not (facts, offline_and_switch 9.1 to 9.5).
//!
//! One row for each side of a rule, by its id; what cannot be held against the program yet stands in [`ONE_SIDED`] and
//! [`NOT_YET`].

use crate::support;

use std::collections::BTreeSet;
use std::path::Path;

use support::capture::{Frame, Pcap};
use support::cases;
use support::run::{Scratch, replay, spanwatch};
use support::story::list;

/// One side of a rule.
struct Row {
    /// The rule.
    rule: &'static str,
    /// The case.
    case: Case,
    /// Kinds that must be raised.
    raises: &'static [&'static str],
    /// Kinds that must not be.
    never: &'static [&'static str],
}

/// What happens.
enum Case {
    /// As the simulator is ordered to make it; what it leaves open is of [`SITE`].
    Order(&'static str),
    /// Frame by frame, and its name.
    Frames(&'static str, fn() -> Vec<Frame>),
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
    row("N2", "--devices 25 --length 9m --incident poe-budget@1m", &[], &["device-flapping"]),
    row(
        "N3",
        "--devices 25 --incident uplink-cut@2m+60s",
        &["devices-offline-together"],
        &["device-offline"],
    ),
    row(
        "N3",
        "--devices 25 --length 5m --transport udp --incident loss-uplink@1m+120s",
        &["stream-loss-shared"],
        OFFLINE,
    ),
    row("N7", "--length 5m --incident listening-port@1m+10s", &["device-offline"], STARTS),
    row("V2", STANDING_IN, &[], &["not-recorded", "device-offline", "recorder-offline"]),
    row("T9", "--incident maintenance-reboots@1m", &[], &["boot-loop", "device-flapping"]),
    row("T8", "--incident maintenance-reboots@1m", &[], &["devices-offline-together", "boot-loop"]),
];

/// The same, frame by frame.
const FRAMES: &[Row] = &[
    frames("Q2", "the same SYN again", || cases::connects(true), &["device-offline"], &["recorder-offline"]),
    frames("Q2", "a SYN whose answer is out of sight", || cases::connects(false), &[], OFFLINE),
    frames("Q4", "host unreachable", || cases::far(Some([3, 1])), &["device-offline"], &["recorder-offline"]),
    frames("Q4", "network unreachable", || cases::far(Some([3, 0])), &[], OFFLINE),
    frames("Q4", "time exceeded", || cases::far(Some([11, 0])), &[], OFFLINE),
    frames("N13", "the far router does not find it", || cases::far(Some([3, 1])), &["device-offline"], &[]),
    frames("N13", "a far host is quiet", || cases::far(None), &[], OFFLINE),
    frames("Q5", "refused over both", || cases::over_ipv6(true), &["device-offline"], &[]),
    frames("Q5", "it speaks over IPv6", || cases::over_ipv6(false), &[], OFFLINE),
    frames("D2", "no report for a night", cases::reports_rarely, &[], QUIET),
    frames("D5", "quiet each night", cases::reports_rarely, &[], QUIET),
    frames("D7", "all channels and control are gone", || cases::encoder(true), &["device-offline"], &[]),
    frames("D7", "one of four channels is dark", || cases::encoder(false), &[], OFFLINE),
    frames("D8", "all cloud flows stop", cases::cloud_flows_stop, &[], OFFLINE),
    frames("V1", "a camera that is named alone", cases::behind_a_recorder, &[], OFFLINE),
    frames("V5", "a new recorder", cases::another_recorder, &[], REPLACED),
    frames("V7", "the client closed it", cases::closed_by_the_client, &[], QUIET),
    frames("N4", "half of the flows for 2.5 s", cases::half_a_bundle, &[], QUIET),
    frames("N5", "a unit is lost", || cases::stack(true), &["devices-offline-together"], &["device-offline"]),
    frames("N5", "another unit leads", || cases::stack(false), &[], STACK),
    frames("N6", "the virtual router moves", cases::virtual_router_moves, &[], VIRTUAL),
    frames("N10", "copies in a VLAN", cases::copies_in_a_vlan, &["mirror-duplicates"], COPIES),
    frames("T5", "an hour off", || cases::clock(|n| cases::SINCE_1900 + 3_600 + n), &[], QUIET),
    frames(
        "T6",
        "1970, then right",
        || cases::clock(|n| cases::SINCE_1900 + if n < 60 { n } else { 1_767_600_000 + n }),
        &[],
        QUIET,
    ),
    frames("T7", "its uptime", || cases::clock(|n| 5_000 + n), &[], QUIET),
];

/// Rules of which only what must not be raised is tested, and why.
const ONE_SIDED: &[(&str, &str)] = &[
    ("D2", "channels of events are not read"),
    ("D5", "nothing is learned by the hour of the week"),
    ("D8", "flows out of the site are not waited for"),
    ("V1", "members of a recorder behind it are not read"),
    ("V2", "that nobody takes over is Q6's row"),
    ("V5", "there is no unexpected-viewer"),
    ("V7", "media inside TLS is not measured"),
    ("N4", "bundles of links are not read (LACP)"),
    ("N6", "virtual routers are not followed"),
    ("T5", "what RTCP tells of clocks is not judged"),
    ("T6", "what RTCP tells of clocks is not judged"),
    ("T7", "what RTCP tells of clocks is not judged"),
    ("T9", "there is no firmware-changed"),
];

/// Rules without a row, and why.
const NOT_YET: &[(&str, &str)] = &[
    ("D3", "filling a gap from the camera's card is not recognised"),
    ("N14", "a new device in the place of a dead one does not end what was said of that one"),
];

const fn row(
    rule: &'static str,
    order: &'static str,
    raises: &'static [&'static str],
    never: &'static [&'static str],
) -> Row {
    Row { rule, case: Case::Order(order), raises, never }
}

const fn frames(
    rule: &'static str,
    name: &'static str,
    make: fn() -> Vec<Frame>,
    raises: &'static [&'static str],
    never: &'static [&'static str],
) -> Row {
    Row { rule, case: Case::Frames(name, make), raises, never }
}

impl Row {
    /// Makes the capture; its name.
    fn make(&self, path: &Path) -> &'static str {
        match &self.case {
            Case::Order(order) => {
                let mut arguments = vec!["simulate", "--no-progress", "-w", path.to_str().expect("a name")];
                arguments.extend(order.split(' '));
                for (name, value) in SITE {
                    if !order.contains(name) {
                        arguments.extend([*name, *value]);
                    }
                }
                let made = spanwatch(arguments);
                assert_eq!(made.code, 0, "{}: {}", self.rule, made.stderr);
                order
            }
            Case::Frames(name, make) => {
                let pcap = Pcap { is_nano: true, ..Pcap::PLAIN };
                std::fs::write(path, pcap.bytes(&make())).expect("the scratch folder can be written");
                name
            }
        }
    }
}

#[test]
fn each_case_raises_what_its_rule_says_and_nothing_that_it_forbids() {
    let scratch = Scratch::new("rules");
    let mut broken = Vec::new();
    for row in ROWS.iter().chain(FRAMES) {
        let path = scratch.path().join("case.pcapng");
        let name = row.make(&path);
        let report = replay(&path);
        let kinds: BTreeSet<&str> =
            list(&report, "findings").filter_map(|finding| finding["kind"].as_str()).collect();
        let missing: Vec<_> = row.raises.iter().filter(|kind| !kinds.contains(*kind)).collect();
        let wrong: Vec<_> = row.never.iter().filter(|kind| kinds.contains(*kind)).collect();
        if !missing.is_empty() || !wrong.is_empty() {
            broken.push(format!(
                "{} ({name}): not raised {missing:?}, wrongly raised {wrong:?}, in all {kinds:?}",
                row.rule
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
    let rows = || ROWS.iter().chain(FRAMES);
    let tested: BTreeSet<String> = rows().map(|row| row.rule.to_owned()).collect();
    let not_yet: BTreeSet<String> = NOT_YET.iter().map(|(rule, _)| (*rule).to_owned()).collect();
    assert_eq!(tested.intersection(&not_yet).next(), None);
    assert_eq!(tested.union(&not_yet).cloned().collect::<BTreeSet<_>>(), all);
    for (rule, _) in ONE_SIDED {
        let raises = rows().filter(|row| row.rule == *rule).map(|row| row.raises.len()).sum::<usize>();
        assert!(tested.contains(*rule) && raises == 0, "{rule} is on the list and has both sides, or none");
    }
    eprintln!("{} of {} rules are tested, {} on one side", tested.len(), all.len(), ONE_SIDED.len());
}

/// A small site.
const SITE: &[(&str, &str)] =
    &[("--seed", "4"), ("--devices", "12"), ("--length", "4m"), ("--bit-rate", "40000")];
const RECORDING_STOPPED: &str =
    "--devices 6 --length 70m --bit-rate 20000 --incident recording-stopped@65m+4m";

const STANDING_IN: &str = "--devices 12 --length 70m --bit-rate 20000 --incident stand-in@65m+4m";

/// What a slow start is not.
const STARTS: &[&str] =
    &["boot-loop", "device-flapping", "service-down", "dhcp-failed", "devices-offline-together"];
const STACK: &[&str] =
    &["device-offline", "devices-offline-together", "switch-fault", "neighbor-changed", "redundancy-lost"];
const VIRTUAL: &[&str] = &[
    "device-offline",
    "devices-offline-together",
    "mac-moving",
    "address-conflict",
    "switching-loop",
    "stream-stalled",
];
const REPLACED: &[&str] = &["device-offline", "devices-offline-together", "not-recorded", "recorder-offline"];
const COPIES: &[&str] =
    &["mac-moving", "broadcast-storm", "switching-loop", "stream-loss", "address-conflict"];
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
