//! What people say of devices, and what a store tells of one.

use std::sync::Arc;

use serde_json::Value;
use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::store::{Limits, Store};
use spanwatch_parsers::Time;

use super::{House, ROLES, clock};

#[test]
fn devices_are_labelled_those_marked_or_all_of_a_list_by_operators_and_by_programs() {
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let carla = house.person("carla");
    let cookie = ("cookie", &*carla.cookie);
    let page = house.ask("GET", "/devices", &[cookie], "").body;
    assert!(
        page.contains("name=\"device\" value=\"02:00:00:00:00:0a\"") && page.contains("Change all 2"),
        "{page}"
    );
    let vera = house.person("vera");
    let page = house.ask("GET", "/devices", &[("cookie", &vera.cookie)], "").body;
    assert!(!page.contains("type=\"checkbox\"") && !page.contains("Change all"), "{page}");
    let label =
        |path: &str, fields: &str| house.post(path, &[cookie], &format!("csrf={}&{fields}", carla.csrf));
    assert_eq!(
        house.post("/devices", &[cookie], "which=all&location=x").status,
        403,
        "no mark of his session"
    );
    let done = label(
        "/devices?q=gate",
        "which=marked&device=02%3A00%3A00%3A00%3A00%3A0a&location=Quay+9&importance=critical&owner=",
    );
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/devices?q=gate&changed=1"),
        "{}",
        done.body
    );
    let list = |path: &str| house.ask("GET", path, &[cookie], "").body;
    assert!(list("/devices?importance=critical&changed=1").contains("1 device was changed."));
    // What people say stands over the site's list, which has the other one at Quay 4.
    assert_eq!(
        label("/devices?location=Quay+4", "which=all&location=Quay+9&owner=Harbour+police").status,
        303
    );
    let csv = list("/devices.csv?location=Quay%209");
    let rows: Vec<&str> = csv.lines().map(|row| row.rsplitn(4, ',').collect::<Vec<_>>()[2]).collect();
    assert_eq!((rows.len(), csv.lines().nth(1).unwrap().ends_with(",Quay 9,,critical")), (3, true), "{csv}");
    assert!(
        list("/devices?q=police").contains("1 in all")
            && list("/devices/02:00:00:00:00:0b").contains("Harbour police")
    );
    // A dash takes it away; the list's own is there again.
    assert_eq!(label("/devices", "which=marked&device=02:00:00:00:00:0b&location=-&owner=-").status, 303);
    assert!(list("/devices?location=Quay%204").contains("1 in all"));
    for (fields, due) in [
        ("which=marked&location=x", "no device is meant"),
        ("which=all", "nothing is to be changed"),
        ("which=all&importance=huge", "an importance is one of"),
    ] {
        let refused = label("/devices", fields);
        assert!(refused.status == 409 && refused.body.contains(due), "{fields}: {}", refused.body);
    }
    // A program.
    let by = By { who: "test", origin: None, at: clock() };
    let (_, secret) = house.desk.add_token(&by, "cmdb", Role::Operator(Team::It)).unwrap();
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let api = |path: &str, body: &str| house.ask("POST", path, &headers, body);
    let done = api("/api/v1/devices/labels?kind=camera", r#"{"all":true,"owner":"=cmd()"}"#);
    assert_eq!((done.status.as_u16(), done.body.as_str()), (200, r#"{"changed":2}"#));
    let items: Value =
        serde_json::from_str(&house.ask("GET", "/api/v1/devices?owner=%3Dcmd()", &headers, "").body).unwrap();
    assert_eq!((&items["total"], &items["items"][0]["location"]), (&2.into(), &"Quay 9".into()), "{items}");
    assert!(list("/devices.csv").contains(",'=cmd(),"), "no formula");
    assert_eq!(api("/api/v1/devices/labels", r#"{"devices":["nobody"],"owner":"x"}"#).status, 409);
    let audit = house.desk.audit(None, i64::MAX, 20).unwrap();
    let told: Vec<_> = audit.iter().filter(|it| it.what == "devices-labelled").collect();
    assert_eq!(told.len(), 4);
    let last = (told[0].who.as_str(), told[0].after.as_deref(), told[0].note.as_deref());
    let which = "2 devices: all of /devices?kind=camera";
    assert_eq!(last, ("cmdb", Some("owner: =cmd()"), Some(which)));
    assert!(told[3].note.as_deref().is_some_and(|it| it.contains("02:00:00:00:00:0a")), "{told:?}");
}

#[test]
fn a_device_of_a_store_is_shown_with_its_days_its_changes_and_its_streams() {
    use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
    use spanwatch_engine::report::picture::Picture;
    let house = House::new();
    let mut report = crate::test::report();
    let minute = |minute: i64| Time(1_795_318_620_000_000_000 - minute * 60_000_000_000);
    let say: spanwatch_appliance::outputs::Say = Arc::new(|_| {});
    let (mut store, _) = Store::open(&house.folder, Limits::default(), clock(), &say).unwrap();
    let mut device = report.devices.remove(0);
    device.firmware = Some("10.12".to_owned());
    let key = StreamKey {
        source: device.id.clone(),
        destination: "192.0.2.10".into(),
        transport: "udp",
        payload_type: 96,
    };
    for ago in 1..4 {
        let sum = StreamSum { packets: 990, bytes: 7_500_000, lost: 10, jitter_us: 1_500 };
        store.minute(minute(ago), [(key.clone(), sum)].into());
    }
    store.take(clock(), vec![(1, Picture::Is(device))], &report.findings, &|_| false);
    assert!(store.finish(std::time::Duration::from_secs(60)));
    house.user("vera", Role::Viewer);
    let vera = house.person("vera");
    let page = house.ask("GET", "/devices/02:00:00:00:00:0a", &[("cookie", &vera.cookie)], "").body;
    for due in [
        "24 hours: there for 84.3 % of the time known; nothing is known of 99.6 %",
        "30 days: there for",
        "model: <bdi>P3265</bdi>",
        "firmware: <bdi>10.12</bdi>",
        "How its streams went",
        "Lost, % <span class=\"peak\">up to 1.00</span>",
        "<td>1000<td>1.00<td>1.50",
        "/assets/vendor/uplot-1.6.32.min.js",
    ] {
        assert!(page.contains(due), "{due}: {page}");
    }
    assert!(page.len() < 150_000 && !page.contains("style="));
    let api = |path: &str| -> Value {
        let path = format!("/api/v1/devices/02:00:00:00:00:0a/{path}");
        let answer = house.ask("GET", &path, &[("cookie", &vera.cookie)], "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let life = api("life");
    let of = |at: usize, key: &str| life["periods"][at][key].as_i64().unwrap();
    assert_eq!(
        (life["periods"].as_array().unwrap().len(), &life["periods"][0]["name"]),
        (3, &"24 hours".into())
    );
    assert_eq!(
        (of(0, "online_ms") + of(0, "offline_ms") + of(0, "unknown_ms"), of(0, "offline_ms")),
        (86_400_000, 47_000)
    );
    assert_eq!(api("states")["items"][1]["state"], "offline");
    let changes = api("changes");
    let values: Vec<_> =
        changes["items"].as_array().unwrap().iter().map(|it| it["value"].as_str().unwrap()).collect();
    assert!(values.contains(&"P3265") && values.contains(&"10.12"), "{changes}");
    let courses = api("courses?over=24h");
    assert_eq!(
        (&courses["piece_s"], &courses["items"][0]["destination"]),
        (&600.into(), &"192.0.2.10".into())
    );
    let pieces = courses["items"][0]["pieces"].as_array().unwrap();
    assert_eq!(pieces.iter().map(|it| it["packets"].as_u64().unwrap()).sum::<u64>(), 3 * 990);
    let days = house.ask("GET", "/devices/02:00:00:00:00:0a?over=30d", &[("cookie", &vera.cookie)], "").body;
    // A day's sum is of all of it, as far as it is known.
    assert!(
        days.contains("data-piece=\"86400\"") && days.contains("<td>2026-11-22 00:00<td>2<td>1.00"),
        "{days}"
    );
}

#[test]
fn the_system_page_says_what_the_store_holds() {
    let house = House::new();
    house.user("vera", Role::Viewer);
    let vera = house.person("vera");
    let page = house.ask("GET", "/system", &[("cookie", &vera.cookie)], "").body;
    assert!(
        page.contains("<h2>Store</h2>")
            && page.contains("<dt>Times that a watch began</dt><dd>1</dd>")
            && page.contains("<dt>Captures that people brought</dt><dd>0, 0 B</dd>"),
        "{page}"
    );
    assert!(!crate::test::asked(crate::test::site(), "/system").1.contains("<h2>Store</h2>"));
    let told = house.ask("GET", "/api/v1/system", &[("cookie", &vera.cookie)], "").body;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["store"]["watches"], &told["store"]["captures"]), (&1.into(), &0.into()), "{told}");
}
