//! Where nothing is wrong nothing is found, and everybody whom the mirror shows is there: made-up sites of several
//! sizes, shapes and mirrors, each without an incident. `SPANWATCH_ALL=1` adds the largest.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::run::{Scratch, replay, spanwatch};
use support::story::{incidents, list};

/// What is ordered of the simulator. The seeds are none of those kept for reporting.
const SITES: &[&str] = &[
    "--seed 4 --devices 6 --length 4m",
    "--seed 5 --devices 25 --length 4m --from-boot",
    "--seed 7 --devices 40 --length 3m --shape ring --form tagged --bit-rate 100000",
    "--seed 8 --devices 40 --length 3m --shape redundant --view core-both-ways --bit-rate 100000",
    "--seed 10 --devices 60 --length 2m --mix control --from-boot",
    "--seed 11 --devices 120 --length 90s --mix video --form erspan2 --bit-rate 60000 --frame-rate 5",
    "--seed 13 --devices 1000 --length 60s --from-boot --bit-rate 40000 --frame-rate 5",
];

/// And of these where there is time.
const LARGE: &[&str] = &[
    "--seed 14 --devices 10000 --length 40s --from-boot --bit-rate 20000 --frame-rate 5",
    "--seed 16 --devices 50000 --length 30s --mix control --from-boot",
];

#[test]
fn a_healthy_site_of_any_size_is_told_whole_and_without_fault() {
    let scratch = Scratch::new("healthy");
    let is_all = support::is_asked_for("SPANWATCH_ALL");
    let mut wrong = Vec::new();
    for order in SITES.iter().chain(LARGE.iter().filter(|_| is_all)) {
        let capture = scratch.path().join("site.pcapng");
        let mut arguments = vec!["simulate", "--no-progress", "-w", capture.to_str().expect("a path")];
        arguments.extend(order.split(' '));
        let made = spanwatch(arguments);
        assert_eq!(made.code, 0, "{order}: {}", made.stderr);
        let truth =
            std::fs::read(scratch.path().join("site.truth.json")).expect("the truth is beside the capture");
        let truth: Value = serde_json::from_slice(&truth).expect("it is JSON");
        let report = replay(&capture);
        wrong.extend(differences(&truth, &report).into_iter().map(|it| format!("{order}: {it}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the report says that is not so, or leaves out. What the mirror's own form is said to show is so.
fn differences(truth: &Value, report: &Value) -> Vec<String> {
    let is_so = |finding: &&Value| list(&truth["mirror"], "faults").any(|fault| *fault == finding["kind"]);
    // Nor does anybody do there what he should not.
    let done = list(report, "findings").filter(|finding| finding["category"] == "behavior");
    let mut wrong: Vec<String> = incidents(report)
        .chain(done)
        .filter(|finding| !is_so(finding))
        .map(|finding| format!("{} {}: {}", finding["kind"], finding["devices"], finding["summary"]))
        .collect();
    let shown: Vec<&Value> = list(truth, "devices").filter(|device| device.get("mirror").is_some()).collect();
    let by_id: BTreeMap<&str, &Value> =
        list(report, "devices").filter_map(|device| Some((device["id"].as_str()?, device))).collect();
    let mut explained = BTreeSet::new();
    for device in &shown {
        let mac = device["mac"].as_str().expect("a MAC");
        // Whose MAC no frame on its own link showed is known by its address.
        let ips = list(device, "ips").filter_map(Value::as_str);
        let names: Vec<&str> = std::iter::once(mac).chain(ips).collect();
        if !names.iter().any(|name| by_id.contains_key(name)) {
            wrong.push(format!("{} {mac} is missing", device["name"]));
        }
        explained.extend(names);
    }
    let strangers = by_id.keys().filter(|id| !explained.contains(*id));
    wrong.extend(strangers.map(|id| format!("{id} is nobody: {}", by_id[id])));
    wrong
}
