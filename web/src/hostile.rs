//! A site whose every text means harm: names, addresses, kinds, findings with script, quotes, control characters, formulas,
//! letters that turn a line around, 64 kB of one letter.

use serde_json::Value;
use spanwatch_engine::report::read;

use crate::test::{REPORT, asked};
use crate::{Picture, Site, book};

/// What is put in each text's place. The last is for texts of any length alone.
const HARM: &[&str] = &[
    "\"><script>alert(1)</script><img src=x onerror=alert(1)>'",
    "</title></style></svg><svg onload=alert(1)>&lt;script&gt;",
    "=cmd|' /C calc'!A0",
    "＝1+1\r\nSet-Cookie: a=b\r\n\r\n<b>",
    "cam\u{202e}gpj.exe\u{200f}\u{2066}\u{0}\u{7}\u{1b}[31m\u{9b}31m",
    "javascript:alert(1)//{{7*7}}{% raw %}../../etc/passwd",
];
/// What stays: times, addresses that can be no other text, and what makes it a report.
const KEPT: &[&str] = &[
    "schema",
    "time",
    "from",
    "to",
    "first",
    "last",
    "first_seen",
    "last_seen",
    "detected",
    "ended",
    "not_before",
    "not_after",
    "client",
    "server",
];

fn harmed(value: &mut Value, harm: &str, key: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&key) => harm.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|it| harmed(it, harm, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, it)| harmed(it, harm, key)),
        _ => {}
    }
}

fn site(harm: &str) -> Site {
    let mut report: Value = serde_json::from_str(REPORT).unwrap();
    harmed(&mut report, harm, "");
    // Whose conversations are shown.
    let client = report["sessions"][0]["client"].clone();
    for device in report["devices"].as_array_mut().unwrap() {
        device["ips"].as_array_mut().unwrap().push(client.clone());
    }
    // Pages that depend on a word of ours are to be drawn as well.
    report["findings"][0]["category"] = "availability".into();
    report["findings"][0]["owner"] = "it".into();
    let report = read::report(report.to_string().as_bytes()).unwrap();
    Site::still(Picture::new(report, None), None)
}

/// The same, with 64 kB of a letter wherever a text has no vocabulary.
fn long() -> Site {
    let mut report: Value = serde_json::from_str(REPORT).unwrap();
    let long = "W".repeat(65_536);
    for device in report["devices"].as_array_mut().unwrap() {
        for key in ["name", "hostname", "vendor", "model", "firmware", "serial", "kind"] {
            device[key] = long.as_str().into();
        }
        device["ips"][0] = long.as_str().into();
    }
    for key in ["title", "summary", "detail", "remedy", "verify"] {
        report["findings"][0][key] = long.as_str().into();
    }
    report["findings"][0]["evidence"][0]["text"] = long.as_str().into();
    report["site"] = long.as_str().into();
    report["switches"][0]["name"] = long.as_str().into();
    report["sessions"][0]["target"] = long.as_str().into();
    Site::still(Picture::new(read::report(report.to_string().as_bytes()).unwrap(), None), None)
}

fn pages(site: impl Fn() -> Site) -> Vec<(String, u16, String)> {
    let picture = site().picture();
    let of = |id: &str| crate::lists::encoded(id);
    let (finding, device) = (of(&picture.report.findings[0].id), of(&picture.report.devices[0].id));
    let mut paths: Vec<String> = [
        "/",
        "/devices",
        "/streams",
        "/network",
        "/findings",
        "/kinds",
        "/kinds/device-offline",
        "/system",
        "/report.html",
        "/report.html?for=security",
    ]
    .map(str::to_owned)
    .to_vec();
    let asked_for = of(HARM[0]);
    paths.extend([
        format!("/findings/{finding}"),
        format!("/devices/{device}"),
        format!("/devices?q={asked_for}&kind={asked_for}&sort={asked_for}&page={asked_for}"),
        format!("/findings?q={asked_for}&owner={asked_for}&severity={asked_for}"),
        format!("/streams?q={asked_for}&show={asked_for}&device={asked_for}"),
        format!("/kinds/{asked_for}"),
        format!("/findings/{asked_for}/packets"),
        format!("/{asked_for}"),
    ]);
    paths
        .into_iter()
        .map(|path| {
            let (status, body) = asked(site(), &path);
            (path, status, body)
        })
        .collect()
}

#[test]
fn no_page_is_turned_against_who_reads_it() {
    for harm in HARM {
        for (path, status, body) in pages(|| site(harm)) {
            assert!(matches!(status, 200 | 404), "{path}: {status}");
            let own = body.matches("<script").count() - body.matches("<script src=\"/assets/").count();
            assert_eq!(own, 0, "{path}: a script of somebody else's");
            for wrong in
                ["<img", "onload=alert(1)>", "onerror=alert(1)>", "<svg onload", "href=\"javascript:"]
            {
                assert!(!body.contains(wrong), "{path}: {wrong}");
            }
            let hidden = body.chars().find(|it| crate::words::is_hidden(*it) && *it != '\n');
            assert_eq!(hidden, None, "{path}");
        }
    }
}

#[test]
fn what_stays_is_no_place_for_it() {
    let places = [
        ("/sessions/0/client", "invalid IP address"),
        ("/sessions/0/server", "invalid IP address"),
        ("/sessions/0/last_seen", "a time as RFC 3339 has it"),
        ("/devices/0/history/0/from", "a time as RFC 3339 has it"),
        ("/devices/0/history/0/to", "a time as RFC 3339 has it"),
    ];
    for (place, due) in places {
        for harm in HARM {
            let mut report: Value = serde_json::from_str(REPORT).unwrap();
            *report.pointer_mut(place).unwrap() = (*harm).into();
            let why = read::report(report.to_string().as_bytes()).unwrap_err();
            assert!(why.contains(due) && !why.contains(char::is_control), "{place}: {why}");
        }
    }
}

#[test]
fn no_export_has_a_formula_or_breaks_its_lines() {
    for harm in HARM {
        for path in ["/devices.csv", "/findings.csv", "/streams.csv"] {
            let (status, body) = asked(site(harm), path);
            assert_eq!(status, 200);
            let mut rows = csv::Reader::from_reader(body.as_bytes());
            let columns = rows.headers().unwrap().len();
            for row in rows.records() {
                let row = row.unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(row.len(), columns, "{path}");
                let is_formula = |cell: &str| {
                    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
                };
                assert!(row.iter().all(|cell| !is_formula(cell)), "{path}: {row:?}");
            }
        }
        for path in [
            "/api/v1/overview",
            "/api/v1/devices",
            "/api/v1/findings",
            "/api/v1/streams",
            "/api/v1/switches",
            "/api/v1/sessions",
        ] {
            let (status, body) = asked(site(harm), path);
            assert!(status == 200 && serde_json::from_str::<Value>(&body).is_ok(), "{path}: {body}");
        }
    }
}

#[test]
fn long_texts_are_cut() {
    for (path, _, body) in pages(long) {
        assert!(body.len() < 150_000, "{path}: {} bytes", body.len());
        assert!(!body.contains(&"W".repeat(5_000)), "{path}");
    }
}

#[test]
fn a_report_that_is_one_file_loads_nothing_and_runs_nothing() {
    for harm in HARM {
        for version in &book::VERSIONS {
            let text = book::text(&site(harm).picture(), version).unwrap();
            for wrong in ["<script", "src=", "url(http", "@import", "<link", "<iframe"] {
                assert!(!text.replace("&#60;", "&").contains(wrong) || harm.contains(wrong), "{wrong}");
            }
        }
    }
}
