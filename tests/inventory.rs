//! The site's own list of devices: names, places, importance, and what is wrong with a row.

use crate::support;

use serde_json::Value;
use support::run::{Outcome, Scratch, replayed, sample, spanwatch};
use support::site::text;
use support::story::list;

/// Replays the sample with a list, as JSON.
fn with_list(scratch: &Scratch, csv: &[u8], more: &[&str]) -> Outcome {
    let path = scratch.file("cameras.csv", csv);
    let sample = sample();
    let plain = ["replay", sample.to_str().unwrap(), "--format=json", "--inventory", path.to_str().unwrap()];
    spanwatch(plain.iter().chain(more))
}

fn finding<'a>(report: &'a Value, kind: &str) -> &'a Value {
    list(report, "findings").find(|it| it["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn device<'a>(report: &'a Value, id: &str) -> &'a Value {
    list(report, "devices").find(|it| it["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

/// Leaves out what names a switch on the wire.
const NO_SWITCH: &str = "--filter=not udp port 67 and not udp port 68 and not ether proto 0x88cc";

const LIST: &[u8] = b"Name;MAC Address;IP;Location;Switch;Port;Importance;Serial No;Password\n\
    Gate camera;44-19-B6-7C-20-E5;;North gate;sw-hall;3;critical;S1;hunter2\n\
    Dock one;;192.0.2.54;Dock;SW-DOCK;1;;;\n\
    Dock two;;192.0.2.55;Dock;SW-DOCK;2;;;\n\
    Dock three;ac:cc:8e:d2:06:7b;192.0.2.56;Dock;SW-DOCK;3;;;\n";

#[test]
fn names_of_the_list_stand_in_every_sentence() {
    let scratch = Scratch::new("list-names");
    let report = with_list(&scratch, LIST, &[]).report();
    let gone = finding(&report, "device-offline");
    assert!(text(gone, "title").starts_with("Gate camera (192.0.2.52): no sign of life"), "{gone}");
    let together = finding(&report, "devices-offline-together");
    for name in ["Dock one (192.0.2.54)", "Dock two (192.0.2.55)", "Dock three (192.0.2.56)"] {
        assert!(text(together, "summary").contains(name), "{name}: {together}");
    }
    let gate = device(&report, "44:19:b6:7c:20:e5");
    assert_eq!(gate["name"], "Gate camera");
    assert_eq!(gate["inventory"]["location"], "North gate");
    assert_eq!(gate["inventory"]["Serial No"], "S1");
    assert!(!gate.to_string().contains("hunter2"));
    assert_eq!(gate["switch"]["source"], "inventory");
    assert_eq!((&gate["switch"]["name"], &gate["switch"]["port"]), (&"sw-hall".into(), &"3".into()));
}

#[test]
fn what_the_wire_says_of_a_switch_outweighs_the_list() {
    let scratch = Scratch::new("list-wire");
    let report = with_list(&scratch, LIST, &[]).report();
    let dock = device(&report, "3c:ef:8c:0b:d6:42");
    assert_eq!(
        (&dock["switch"]["source"], &dock["switch"]["port"]),
        (&"dhcp option 82".into(), &"ge1".into())
    );
}

#[test]
fn the_lists_switches_group_absences_where_the_wire_names_none() {
    let scratch = Scratch::new("list-switch");
    let bare = replayed(&["--format=json", NO_SWITCH]).report();
    let together = finding(&bare, "devices-offline-together");
    assert!(together["switch"].is_null(), "{together}");
    let report = with_list(&scratch, LIST, &[NO_SWITCH]).report();
    let together = finding(&report, "devices-offline-together");
    assert_eq!(together["switch"], "SW-DOCK", "{together}");
    assert!(text(together, "title").contains("behind switch SW-DOCK"), "{together}");
    let switch = list(&report, "switches").find(|it| it["id"] == "SW-DOCK").expect("the switch");
    assert_eq!((list(switch, "members").count(), &switch["source"]), (3, &"inventory".into()));
}

#[test]
fn importance_moves_the_severity_by_one() {
    let scratch = Scratch::new("list-importance");
    let severity = |importance: &str| {
        let csv = format!("mac,importance\n44:19:b6:7c:20:e5,{importance}\n");
        let report = with_list(&scratch, csv.as_bytes(), &[]).report();
        text(finding(&report, "device-offline"), "severity").to_owned()
    };
    assert_eq!(["critical", "", "unimportant"].map(severity), ["critical", "high", "medium"]);
}

#[test]
fn the_same_list_gives_the_same_bytes_and_another_another_configuration() {
    let scratch = Scratch::new("list-bytes");
    let one = with_list(&scratch, LIST, &["--threads=1"]);
    assert_eq!(one.stdout, with_list(&scratch, LIST, &["--threads=4"]).stdout);
    let other = with_list(&scratch, b"mac\n44:19:b6:7c:20:e5\n", &[]).report();
    let none = replayed(&["--format=json"]).report();
    let seen = [&one.report(), &other, &none].map(|report| text(report, "configuration").to_owned());
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2], "{seen:?}");
}

#[test]
fn bad_rows_are_named_and_counted_and_the_rest_goes_on() {
    let scratch = Scratch::new("list-bad");
    let csv = b"mac,ip,name\n1.12E+09,,a\n,192.0.2.52,Gate\n,,b\n,192.0.2.52,c\n";
    let outcome = with_list(&scratch, csv, &["--no-progress"]);
    let said: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(said.len(), 4, "{}", outcome.stderr);
    assert!(
        said[0].contains("cameras.csv, line 2, column mac: \"1.12E+09\" is no hardware address"),
        "{}",
        said[0]
    );
    assert!(said[1].contains("line 4: names neither mac nor ip"), "{}", said[1]);
    assert!(said[2].contains("line 5, column ip: is listed further up"), "{}", said[2]);
    assert!(said[3].ends_with("cameras.csv: 3 of 4 rows are left out"), "{}", said[3]);
    assert_eq!(device(&outcome.report(), "44:19:b6:7c:20:e5")["name"], "Gate");
}

#[test]
fn a_list_that_cannot_be_used_exits_with_1_and_says_why() {
    let scratch = Scratch::new("list-wrong");
    for (csv, why) in [
        (&b"camera,place\na,b\n"[..], "line 1: the first row must name the columns, one of them mac or ip"),
        (b"", "the file is empty"),
        (b"PK\x03\x04", "this is a workbook and no CSV"),
    ] {
        let outcome = with_list(&scratch, csv, &[]);
        assert_eq!((outcome.code, outcome.stdout.len()), (1, 0));
        assert!(
            outcome.stderr.contains("cameras.csv: ") && outcome.stderr.contains(why),
            "{}",
            outcome.stderr
        );
    }
    let outcome = spanwatch(["replay", "x.pcap", "--inventory=no-such-list.csv"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("no-such-list.csv: No such file"), "{}", outcome.stderr);
}

#[test]
fn formulas_and_control_characters_in_a_list_are_harmless() {
    let scratch = Scratch::new("list-hostile");
    let csv = b"mac,name\n44:19:b6:7c:20:e5,\"=HYPERLINK(\"\"http://x\"\")\x1b[31m\"\n\x1b]0;x\x07,y\n";
    let path = scratch.file("cameras.csv", csv);
    for format in ["csv", "table", "json"] {
        let outcome = replayed(&["--format", format, "--inventory", path.to_str().unwrap()]);
        assert_eq!(outcome.code, 0);
        for out in [outcome.text(), &outcome.stderr] {
            assert!(!out.contains(['\u{1b}', '\u{7}']), "{format}: {out}");
        }
        if format == "csv" {
            assert!(outcome.text().contains("\"'=HYPERLINK("), "{}", outcome.text());
        }
    }
}
