//! Captures that people bring: who may, what is kept, and how their reports are read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::uploads::Analysed;
use spanwatch_engine::report::{Finding, Report, read};

use super::{House, Person, clock, later};
use crate::{Analyst, Carved, Packets, Picture, Site};

/// Reads whatever is no "nothing" as the small site of the tests.
pub struct Reads;

impl Analyst for Reads {
    fn analysed(&self, capture: &Path) -> Result<Analysed, String> {
        match std::fs::read(capture).unwrap().as_slice() {
            b"nothing" => Err("no <b>capture".to_owned()),
            b"panic" => panic!("a fault"),
            _ => Ok(Analysed { report: crate::test::REPORT.as_bytes().to_vec(), courses: Vec::new() }),
        }
    }

    fn site(&self, capture: &Path, Analysed { report, .. }: &Analysed) -> Result<Site, String> {
        let packets = Box::new(Bytes(std::fs::read(capture).unwrap()));
        Ok(Site::still(Picture::new(read::report(report).unwrap(), None), Some(packets)))
    }
}

/// A capture whose packets are all of it.
struct Bytes(Vec<u8>);

impl Packets for Bytes {
    fn carve(&self, _: &Report, _: &Finding) -> Result<Carved, String> {
        Ok(Carved { packets: vec![], count: 0, file: self.0.clone() })
    }
}

const MULTIPART: &str = "multipart/form-data; boundary=x";

fn form(csrf: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--x\r\nContent-Disposition: form-data; \
         name=\"capture\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--x--\r\n");
    body
}

fn bring(house: &House, person: &Person, body: Vec<u8>) -> super::Answer {
    house.send("/evidence", &[("cookie", &person.cookie), ("content-type", MULTIPART)], body)
}

/// The captures, once none is being read.
fn read_all(house: &House, bearer: &str) -> Vec<Value> {
    for _ in 0..12_000 {
        let answer = house.ask("GET", "/api/v1/captures", &[("authorization", bearer)], "");
        let all: Value = serde_json::from_str(&answer.body).unwrap();
        let all = all["items"].as_array().unwrap().clone();
        if all.iter().all(|it| it["stage"] != "waiting") {
            return all;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it is read for a minute and more");
}

fn token(house: &House, role: Role) -> String {
    let by = By { who: "test", origin: None, at: clock() };
    format!("Bearer {}", house.desk.add_token(&by, "siem", role).unwrap().1)
}

#[test]
fn a_capture_is_brought_by_a_form_read_in_the_same_pages_and_removed() {
    let house = House::new();
    house.user("ian", Role::Operator(Team::It));
    let (ian, bearer) = (house.person("ian"), token(&house, Role::Viewer));
    let large = vec![7; 3 << 20];
    assert_eq!(bring(&house, &ian, form(&ian.csrf, "../door.pcapng", &large)).status, 303);
    let all = read_all(&house, &bearer);
    assert_eq!(
        (&all[0]["name"], &all[0]["stage"], &all[0]["by"]),
        (&"door.pcapng".into(), &"read".into(), &"ian".into())
    );
    assert_eq!(all[0]["bytes"], 3 << 20);
    let id = all[0]["id"].as_str().unwrap();
    let page = |path: &str| {
        let answer = house.ask("GET", path, &[("cookie", &ian.cookie)], "");
        let said = answer.headers.get("content-length").map(|it| it.to_str().unwrap().to_owned());
        assert!(
            said.is_none_or(|said| said == answer.body.len().to_string()),
            "{path}: {:?}",
            answer.headers
        );
        answer
    };
    assert!(page("/evidence").body.contains(&format!("href=\"/evidence/{id}/\"")));
    let findings = page(&format!("/evidence/{id}/findings?category=weakness"));
    assert_eq!(findings.status, 200);
    for due in [
        format!("href=\"/evidence/{id}/findings/def456\""),
        "A capture that somebody brought: <bdi>door.pcapng</bdi>".to_owned(),
        "href=\"/assets/style.css\"".to_owned(),
        "action=\"/logout\"".to_owned(),
    ] {
        assert!(findings.body.contains(&due), "{due}: {}", findings.body);
    }
    assert!(!findings.body.contains("href=\"/findings"), "{}", findings.body);
    assert_eq!(page(&format!("/evidence/{id}/")).status, 200);
    assert_eq!(page(&format!("/evidence/{id}/devices.csv")).body.lines().count(), 3);
    let carved = page(&format!("/evidence/{id}/findings/abc123/packets.pcapng"));
    assert_eq!((carved.status.as_u16(), carved.body.len()), (200, large.len()));
    for absent in
        [format!("/evidence/{id}/users"), format!("/evidence/{id}/login"), "/evidence/zz/".to_owned()]
    {
        assert_eq!(page(&absent).status, 404, "{absent}");
    }
    // The same by a program.
    let api = |path: &str| {
        let answer =
            house.ask("GET", &format!("/api/v1/captures/{id}{path}"), &[("authorization", &bearer)], "");
        (answer.status.as_u16(), answer.body)
    };
    assert_eq!(api("/report"), (200, crate::test::asked(crate::test::site(), "/api/v1/report").1));
    let (status, finding) = api("/findings/abc123");
    assert!(status == 200 && finding.contains("\"id\":\"abc123\""), "{finding}");
    assert_eq!(api("/findings/abc123/packets").0, 200);
    assert_eq!((api("/users").0, api("/captures").0), (404, 404));
    assert_eq!(
        house
            .post(
                &format!("/evidence/{id}/remove"),
                &[("cookie", &ian.cookie)],
                &format!("csrf={}", ian.csrf)
            )
            .status,
        303
    );
    assert_eq!(page(&format!("/evidence/{id}/")).status, 404);
    assert!(read_all(&house, &bearer).is_empty());
    let audit = house.desk.audit(None, i64::MAX, 9).unwrap();
    let told: Vec<_> = audit.iter().filter(|it| it.what.starts_with("capture-")).collect();
    assert_eq!([&*told[0].what, &*told[1].what], ["capture-removed", "capture-brought"]);
    assert!(told.iter().all(|it| it.who == "ian" && it.note.as_deref() == Some("door.pcapng")));
}

#[test]
fn a_program_brings_a_capture_and_what_cannot_be_read_is_told() {
    let house = House::new();
    let operator = token(&house, Role::Operator(Team::PhysicalSecurity));
    let send =
        |bearer: &str, path: &str, body: &[u8]| house.send(path, &[("authorization", bearer)], body.to_vec());
    let brought = send(&operator, "/api/v1/captures?name=a.pcap", b"nothing");
    assert!(brought.status == 200 && brought.body.contains("\"stage\":\"waiting\""), "{}", brought.body);
    assert_eq!(send(&operator, "/api/v1/captures?name=b.pcap", b"panic").status, 200);
    assert_eq!(send(&operator, "/api/v1/captures", b"").status, 400);
    assert_eq!(send(&token(&house, Role::Viewer), "/api/v1/captures", b"x").status, 403);
    let all = read_all(&house, &operator);
    let told: Vec<_> =
        all.iter().map(|it| (it["stage"].as_str().unwrap(), it["error"].as_str().unwrap())).collect();
    assert!(told.contains(&("failed", "no <b>capture")) && told.len() == 2, "{told:?}");
    house.user("ada", Role::Admin);
    let ada = house.person("ada");
    let page = house.ask("GET", "/evidence", &[("cookie", &ada.cookie)], "").body;
    assert!(page.contains("no &#60;b&#62;capture") && page.contains("a fault of ours"), "{page}");
    let id = all[0]["id"].as_str().unwrap();
    assert_eq!(house.ask("GET", &format!("/evidence/{id}/"), &[("cookie", &ada.cookie)], "").status, 409);
    let path = format!("/api/v1/captures/{id}");
    assert_eq!(house.ask("DELETE", &path, &[("authorization", &operator)], "").status, 204);
    assert_eq!(house.ask("DELETE", &path, &[("authorization", &operator)], "").status, 404);
}

#[test]
fn a_capture_that_another_page_sends_is_not_taken() {
    let house = House::new();
    for (name, role) in [("ian", Role::Operator(Team::It)), ("vera", Role::Viewer)] {
        house.user(name, role);
    }
    let (ian, vera) = (house.person("ian"), house.person("vera"));
    for csrf in ["", &*vera.csrf] {
        assert_eq!(bring(&house, &ian, form(csrf, "a.pcap", b"x")).status, 403);
    }
    assert_eq!(bring(&house, &vera, form(&vera.csrf, "a.pcap", b"x")).status, 403);
    let mut reversed = form(&ian.csrf, "a.pcap", b"x");
    reversed.splice(
        ..,
        b"--x\r\nContent-Disposition: form-data; name=\"capture\"; filename=\"a\"\r\n\r\nx\r\n--x--\r\n"
            .iter()
            .copied(),
    );
    assert_eq!(bring(&house, &ian, reversed).status, 403, "without a mark");
    let elsewhere = [("cookie", &*ian.cookie), ("content-type", MULTIPART), ("sec-fetch-site", "cross-site")];
    assert_eq!(house.send("/evidence", &elsewhere, form(&ian.csrf, "a.pcap", b"x")).status, 403);
    let by_api = [("cookie", &*ian.cookie), ("content-type", "application/octet-stream")];
    assert_eq!(house.send("/api/v1/captures", &by_api, b"x".to_vec()).status, 403);
    assert_eq!(house.send("/evidence", &[("content-type", MULTIPART)], form("", "a.pcap", b"x")).status, 303);
    let cut = form(&ian.csrf, "a.pcap", b"x");
    let cut = bring(&house, &ian, cut[..cut.len() - 12].to_vec());
    assert_eq!(cut.status, 400, "{}", cut.body);
    assert!(read_all(&house, &token(&house, Role::Viewer)).is_empty(), "nothing was kept");
}

#[test]
fn a_capture_goes_when_its_time_is_over() {
    let house = House::new();
    let operator = token(&house, Role::Admin);
    assert_eq!(house.send("/api/v1/captures", &[("authorization", &operator)], b"x".to_vec()).status, 200);
    assert_eq!(read_all(&house, &operator).len(), 1);
    let site = Arc::clone(&house.site);
    later(7 * 24 * 60);
    site.tidy();
    assert_eq!(read_all(&house, &operator).len(), 1);
    later(1);
    site.tidy();
    assert!(read_all(&house, &operator).is_empty());
    let audit = house.desk.audit(None, i64::MAX, 1).unwrap();
    assert_eq!((&*audit[0].who, &*audit[0].what), ("spanwatch", "capture-removed"));
}
