//! What every page and every answer of the API is to be.

use serde_json::Value;
use spanwatch_engine::report::courses::Kept;
use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
use spanwatch_engine::report::time;

use crate::lists::Devices;
use crate::test::{asked, site};
use crate::{Picture, Site};

const PAGES: &[&str] = &[
    "/",
    "/devices",
    "/devices?q=gate&state=online&sort=name",
    "/devices?group=switch",
    "/devices?columns=mac,serial&importance=critical",
    "/devices/02:00:00:00:00:0a",
    "/streams",
    "/streams?show=lossy",
    "/network",
    "/findings",
    "/findings?category=incident",
    "/findings/abc123",
    "/findings/def456",
    "/kinds",
    "/kinds/device-offline",
    "/system",
];

#[test]
fn every_page_is_drawn_has_one_heading_and_is_small() {
    for path in PAGES {
        let (status, body) = asked(site(), path);
        assert_eq!(status, 200, "{path}");
        assert_eq!(body.matches("<h1").count(), 1, "{path}");
        assert!(body.contains("<html lang=\"en\">") && body.contains("id=\"main\""), "{path}");
        assert!(body.len() < 150_000, "{path}: {} bytes", body.len());
        assert!(!body.contains("style=") && !body.contains("<style"), "{path}: the policy forbids it");
    }
}

/// The address and the number of a link that counts.
fn counted(link: &str) -> (String, u64) {
    let (link, rest) = link.split_once('"').unwrap();
    let count = rest.split("<b>").nth(1).unwrap().split('<').next().unwrap();
    (link.replace("&#38;", "&").replace("&amp;", "&"), count.parse().unwrap())
}

#[test]
fn counts_lead_to_lists_of_as_many() {
    let (_, now) = asked(site(), "/");
    let tiles = now.split("class=\"tiles\"").nth(1).unwrap().split("</ul>").next().unwrap();
    let tiles: Vec<(String, u64)> = tiles.split("<a href=\"").skip(1).map(counted).collect();
    assert_eq!(tiles.len(), 6);
    let changes = now.split("class=\"changes\"").nth(1).unwrap().split("</ul>").next().unwrap();
    let changes: Vec<(String, u64)> = changes.split("<a href=\"").skip(1).map(counted).collect();
    assert_eq!(changes.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 1]);
    for (link, count) in tiles.into_iter().chain(changes) {
        let (status, list) = asked(site(), &link);
        assert_eq!(status, 200);
        assert!(list.contains(&format!("{count} in all")), "{link}: {count}");
    }
}

#[test]
fn the_incident_says_whose_turn_it_is_what_speaks_for_it_and_against_it() {
    let (_, page) = asked(site(), "/findings/abc123");
    for due in [
        "<b>IT</b>",
        "No: nobody has to visit a device.",
        "Look at the switch.",
        "power <span class=\"sure\">90\u{a0}%",
        "<b>against</b> <bdi>sw-dock tells of a change</bdi>",
        "would settle it</b> the uplink&#39;s counters",
        "class=\"mark stp\"",
        "class=\"mark dhcp\"",
        "Text for a ticket",
        "NEXT STEP",
        "T1040",
    ] {
        assert!(page.contains(due), "{due}: {page}");
    }
    let (status, old) = asked(site(), "/findings/0aa0");
    assert!(status == 200 && old.contains("is now this finding"));
    let (_, text) = asked(site(), "/findings/abc123/text?for=physical-security");
    assert!(text.contains("Whose turn  IT") && !text.contains("packet"), "{text}");
}

#[test]
fn a_list_is_exported_as_it_is_filtered() {
    let rows = |path: &str| asked(site(), path).1.lines().count() - 1;
    assert_eq!(rows("/devices.csv"), 2);
    assert_eq!(rows("/devices.csv?q=gate"), 1);
    assert_eq!(rows("/devices.csv?location=Quay%204"), 1);
    assert_eq!(rows("/devices.csv?since=2026-11-22T03:37:00Z"), 0);
    assert_eq!(rows("/findings.csv?category=weakness"), 1);
    assert_eq!(rows("/streams.csv?show=lossy"), 1);
}

#[test]
fn devices_are_counted_in_groups_that_lead_to_their_lists_and_show_the_columns_chosen() {
    let (_, page) = asked(site(), "/devices?group=location&kind=camera");
    assert!(page.contains("href=\"/devices?kind=camera&#38;location=Quay%204\""), "{page}");
    assert!(page.contains("href=\"/devices?kind=camera&#38;location=-\""), "{page}");
    let (_, page) = asked(site(), "/devices?columns=mac");
    let heads: Vec<&str> =
        page.split("<th scope=\"col\">").skip(1).map(|it| it.split('<').next().unwrap()).collect();
    assert_eq!(heads, ["Name", "Hardware address"]);
}

#[test]
fn each_audience_has_its_own_report() {
    let of = |key: &str| asked(site(), &format!("/report.html?for={key}")).1;
    let whole = |page: &str| page.contains("id=\"f-abc123\"");
    let (everybody, cameras, it, auditors) = (of(""), of("physical-security"), of("it"), of("security"));
    assert!(whole(&everybody) && whole(&it) && whole(&auditors) && !whole(&cameras), "{cameras}");
    assert!(cameras.contains("With the other team") && cameras.contains("Quay 4"), "{cameras}");
    for network in ["02:00:00:00:00:0a</td>", "ge9", "Their last frames", "packet 12"] {
        assert!(!cameras.contains(network) && auditors.contains(network), "{network}: {cameras}");
    }
    assert!(!it.contains("Password in clear text") && !it.contains("00ff"), "{it}");
    for method in ["CWE-319", "sha256 00ff", "rtsp.server", "flows: 3 gone", "When nobody watched"] {
        assert!(auditors.contains(method), "{method}: {auditors}");
    }
}

#[test]
fn a_stream_with_loss_tells_where_and_who_records_it() {
    let (_, page) = asked(site(), "/streams?show=lossy");
    // No finding of loss is on it, and an outage is.
    assert!(page.contains("<a href=\"/findings/abc123\">something was down meanwhile</a>"), "{page}");
    assert!(page.contains(">25, 2.43 %<") && !page.contains("Who records"), "{page}");
    let mut report = crate::test::report();
    report.devices[1].kind = "recorder".into();
    report.streams[1].destination = report.devices[1].id.clone();
    let site = Site::still(Picture::new(report, None), None);
    let (_, page) = asked(site, "/streams?show=recorded&sort=loss");
    let due = ["Who records", "recorded (1)", "all (2)", "1 in all", "<span class=\"kind\">records</span>"];
    assert!(due.iter().all(|it| page.contains(it)), "{page}");
}

#[test]
fn where_no_capture_is_at_hand_the_page_says_how_to_get_packets() {
    let (status, page) = asked(site(), "/findings/abc123/packets");
    assert!(status == 404 && page.contains("spanwatch carve --finding"), "{page}");
}

#[test]
fn every_address_of_the_description_answers_as_described() {
    let (_, text) = asked(site(), "/api/v1/openapi.json");
    let description: Value = serde_json::from_str(&text).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 38);
    for name in text.split("#/components/schemas/").skip(1).filter_map(|it| it.split('"').next()) {
        assert!(description["components"]["schemas"][name].is_object(), "{name} is named and not described");
    }
    let device = &description["components"]["schemas"]["Device"];
    assert_eq!(device["properties"]["first_seen"]["format"], "date-time");
    assert!(device["properties"].get("role").is_none() && device["properties"]["identity"].is_object());
    // What there is without a store; the rest is `access/tests.rs`'.
    let of_report = |path: &str| {
        ["audit", "history", "users", "tokens", "/acts", "captures", "packets", "/live", "/labels"]
            .iter()
            .all(|it| !path.contains(it))
    };
    for (path, item) in paths.iter().filter(|(path, _)| of_report(path)) {
        let id = if path.contains("kinds") {
            "device-offline"
        } else if path.contains("devices") {
            "02:00:00:00:00:0a"
        } else {
            "abc123"
        };
        let needed = if path.contains("groups") { "?group=kind" } else { "" };
        let (status, body) = asked(site(), &format!("{}{needed}", path.replace("{id}", id)));
        assert_eq!(status, 200, "{path}: {body}");
        if path.contains("{id}") {
            assert_eq!(asked(site(), &path.replace("{id}", "no-such")).0, 404, "{path}");
        }
        if item["get"]["responses"]["200"]["content"]["application/json"].is_null() {
            continue;
        }
        let answer: Value = serde_json::from_str(&body).unwrap();
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        if parameters.iter().any(|it| it["name"] == "cursor") {
            assert_eq!(answer["total"], answer["items"].as_array().unwrap().len(), "{path}");
            let path = path.replace("{id}", id);
            let joint = if needed.is_empty() { "?" } else { "&" };
            let (status, problem) = asked(site(), &format!("{path}{needed}{joint}limit=0"));
            let problem: Value = serde_json::from_str(&problem).unwrap();
            assert_eq!((status, problem["status"].as_u64()), (400, Some(400)), "{path}");
        }
    }
}

/// What the API says at an address.
fn told(site: Site, path: &str) -> Value {
    let (status, body) = asked(site, &format!("/api/v1{path}"));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn the_api_tells_what_pages_reckon() {
    let overview = told(site(), "/overview");
    assert_eq!(overview["verdict"], "Something is down.");
    assert_eq!((&overview["sight"]["is_good"], &overview["health"]), (&true.into(), &"critical".into()));
    assert_eq!(overview["changes"]["since"], "2026-11-22T03:37:00.000000000Z");
    let changes = overview["changes"]["items"].as_array().unwrap().iter();
    assert_eq!(
        changes.map(|it| (it["count"].as_u64().unwrap(), it["told"].as_str().unwrap())).collect::<Vec<_>>(),
        [(1, "incident began"), (1, "weakness was found")]
    );
    assert_eq!(told(site(), "/switches")["items"][0]["health"], "failed");
    assert_eq!(told(site(), "/devices/02:00:00:00:00:0a")["open_findings"], 2);
    let groups = told(site(), "/devices/groups?group=location&kind=camera");
    assert_eq!(groups["total"], 2);
    let of = |value: &Value| (value["value"].clone(), value["devices"].clone(), value["online"].clone());
    let groups: Vec<_> = groups["items"].as_array().unwrap().iter().map(of).collect();
    assert!(groups.contains(&("Quay 4".into(), 1.into(), 1.into())), "{groups:?}");
    assert_eq!(asked(site(), "/api/v1/devices/groups?group=colour").0, 400);
    let lossy = told(site(), "/streams?show=lossy");
    let place = &lossy["items"][0]["lost_at"];
    assert_eq!((&place["finding"], &lossy["items"][0].get("purpose")), (&"abc123".into(), &None));
    assert_eq!(told(site(), "/sessions?device=02:00:00:00:00:0a")["total"], 1);
    assert_eq!(told(site(), "/sessions?device=02:00:00:00:00:0b")["total"], 0);
    assert!(told(site(), "/kinds/cleartext-login")["references"]["cwe"][0].as_str().is_some());
    assert_eq!(told(site(), "/system")["configuration"], "c0");
    for (text, page) in [
        ("/api/v1/findings/abc123/text?for=it", "/findings/abc123/text?for=it"),
        ("/api/v1/report.html?for=security", "/report.html?for=security"),
    ] {
        assert_eq!(asked(site(), text), asked(site(), page));
    }
    assert_eq!(asked(site(), "/api/v1/report.html?for=nobody").0, 400);
}

#[test]
fn the_api_tells_who_gets_streams() {
    let site = || {
        let mut report = crate::test::report();
        report.devices[1].kind = "recorder".into();
        let id = report.devices[1].id.clone();
        report.streams.iter_mut().for_each(|stream| stream.destination.clone_from(&id));
        Site::still(Picture::new(report, None), None)
    };
    let receivers = told(site(), "/streams/receivers");
    let it = &receivers["items"][0];
    assert_eq!(receivers["total"], 1);
    assert_eq!((&it["id"], &it["purpose"]), (&"02:00:00:00:00:0b".into(), &"records".into()));
    assert_eq!((&it["senders"], &it["streams"], &it["lost"]), (&1.into(), &2.into(), &25.into()));
    assert_eq!(told(site(), "/streams?show=recorded")["items"][0]["purpose"], "records");
}

#[test]
fn the_api_tells_of_a_device_over_time_without_a_store() {
    let device = "/devices/02:00:00:00:00:0a";
    let life = told(site(), &format!("{device}/life"));
    let [period] = &life["periods"].as_array().unwrap()[..] else { panic!("one period: {life}") };
    assert_eq!(
        (&period["name"], &period["online_ms"], &period["offline_ms"], &period["unknown_ms"]),
        (&"All that was watched".into(), &253_000.into(), &47_000.into(), &0.into())
    );
    let states = told(site(), &format!("{device}/states?limit=2"));
    let of = |at: usize| states["items"][at]["state"].as_str().unwrap();
    assert_eq!((&states["total"], of(0), of(1)), (&3.into(), "online", "offline"));
    let next = states["next"].as_str().unwrap();
    let rest = told(site(), &format!("{device}/states?limit=2&cursor={}", next.replace('%', "%25")));
    assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("next")), (1, None));
    assert_eq!(told(site(), &format!("{device}/changes"))["total"], 0);
    for wrong in ["over=1y", "over=", "streams=0", "streams=17"] {
        assert_eq!(asked(site(), &format!("/api/v1{device}/courses?{wrong}")).0, 400, "{wrong}");
    }
}

#[test]
fn what_is_shown_is_the_latest_picture() {
    let site = site();
    let mut report = crate::test::report();
    report.devices.truncate(1);
    site.show(Picture::new(report, None));
    assert_eq!(site.picture().number, 2);
    assert!(asked(site, "/devices").1.contains("1 in all"));
}

#[test]
fn a_picture_is_shown_once_what_is_asked_of_it_is_found_out() {
    let site = site();
    let wanted = Devices { q: "gate".into(), sort: "name".into(), ..Devices::default() };
    assert_eq!(wanted.of(&site.picture()).len(), 1);
    let by_name = Devices { sort: "name".into(), ..Devices::default() };
    for due in [true, true, false] {
        assert_eq!(site.picture().has("devices?q=gate&sort=name"), due, "asked of the first alone");
        site.show(Picture::new(crate::test::report(), None));
    }
    by_name.of(&site.picture());
    site.show(Picture::new(crate::test::report(), None));
    let picture = site.picture();
    for key in [
        "devices?sort=name",
        "devices",
        "device makers",
        "streams",
        "streams?show=lossy",
        "Who records streams",
        "now",
        "map",
        "faults over time",
        "findings?category=incident&state=open",
        "finding kinds",
    ] {
        assert!(picture.has(key), "{key}");
    }
    assert!(!picture.has("devices?q=gate&sort=name"));
}

#[test]
fn how_the_streams_of_a_capture_went_is_drawn_without_a_store() {
    let report = crate::test::report();
    let stream = &report.streams[0];
    let key = StreamKey {
        source: stream.source.clone(),
        destination: stream.destination.clone(),
        transport: stream.transport,
        payload_type: stream.payload_type,
    };
    let first = time::parse(report.capture.first.as_deref().unwrap()).unwrap();
    let sum = StreamSum { packets: 90, bytes: 250_000, lost: 10, jitter_us: 1_500 };
    let (page, pieces) = (format!("/devices/{}", stream.source), vec![(first, 2, sum)]);
    let picture = || Picture::new(crate::test::report(), None);
    let drawn = || {
        let streams = [(key.clone(), pieces.clone())].into();
        Site::still(picture().with_courses(Kept { seconds: 2, streams }), None)
    };
    let (status, told) = asked(drawn(), &page);
    assert!(status == 200 && told.contains("Over the capture, by 2 seconds"), "{told}");
    let row = format!("<tr><td>{}<td>1000<td>10.00<td>1.50", &time::day_time(first)[..19]);
    assert!(told.contains(&row), "{row}: {told}");
    let (status, told) = asked(drawn(), &format!("/api/v1{page}/courses"));
    let told: Value = serde_json::from_str(&told).unwrap();
    let piece = &told["items"][0]["pieces"][0];
    assert_eq!((status, &told["piece_s"], &piece["known_s"]), (200, &2.into(), &2.into()), "{told}");
    assert_eq!(
        (&piece["bitrate_bps"], &piece["lost"], &piece["jitter_ms"]),
        (&1_000_000.into(), &10.into(), &1.5.into())
    );
    assert!(!asked(Site::still(picture(), None), &page).1.contains("How its streams went"));
}

#[test]
fn what_is_not_ours_is_as_it_was_published() {
    let table = include_str!("../assets/vendor/README.md");
    for (name, bytes) in [
        ("htmx-2.0.11.min.js", &include_bytes!("../assets/vendor/htmx-2.0.11.min.js")[..]),
        ("htmx-ext-sse-2.2.4.min.js", include_bytes!("../assets/vendor/htmx-ext-sse-2.2.4.min.js")),
        ("uplot-1.6.32.min.js", include_bytes!("../assets/vendor/uplot-1.6.32.min.js")),
        ("uplot-1.6.32.min.css", include_bytes!("../assets/vendor/uplot-1.6.32.min.css")),
    ] {
        let sha256 = spanwatch_engine::report::build::sha256(bytes);
        assert!(table.lines().any(|row| row.contains(name) && row.contains(&sha256)), "{name}: {sha256}");
        assert_eq!(asked(site(), &format!("/assets/vendor/{name}")).0, 200);
    }
    assert_eq!(asked(site(), "/assets/../Cargo.toml").0, 404);
}

#[test]
fn fifty_thousand_devices_are_a_page_of_a_hundred() {
    let mut report = crate::test::report();
    let one = serde_json::to_value(&*report.devices[0]).unwrap();
    report.devices = (0..50_000_u32)
        .map(|n| {
            let mut device = one.clone();
            device["id"] = format!("02:00:00:{:02x}:{:02x}:{:02x}", n >> 16, n >> 8 & 255, n & 255).into();
            Box::new(serde_json::from_str(&device.to_string()).unwrap())
        })
        .collect();
    let site = Site::still(Picture::new(report, None), None);
    let (status, page) = asked(site, "/devices?q=gate&page=500");
    assert!(status == 200 && page.contains("50,000 in all, page 500 of 500"));
    assert!(page.len() < 150_000, "{}", page.len());
}
