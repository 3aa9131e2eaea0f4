//! A site of 50,000 devices and 100,000 findings, by its pages: each is small, and costs what it shows.
//! What its store is asked is `appliance/src/store/plans.rs`', and how long it takes `make bench`'s.

use crate::support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::project;
use support::run::{Scratch, replay};
use support::server::{Admin, Server};

const PAGES: &[&str] = &[
    "/",
    "/devices",
    "/devices?sort=name",
    "/devices?sort=vendor",
    "/devices?sort=seen",
    "/devices?page=500",
    "/devices?q=camera&switch=sw-0001",
    "/streams",
    "/streams?show=lossy&q=camera",
    "/network",
    "/findings",
    "/findings?category=incident&state=open",
    "/findings?q=power&owner=it",
    "/findings?page=160",
    "/kinds",
    "/kinds/device-offline",
    "/evidence",
    "/system",
    "/users",
    "/audit",
    "/account",
];

#[test]
fn pages_of_a_large_site_are_small() {
    let scratch = Scratch::new("budget");
    let (store, sample) = (scratch.path().join("store"), project("pcaps/discovery.pcap"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    // It makes the tables.
    let first = Server::start(&[&path(&sample), "--store", &path(&store)]);
    let link = first.first().expect("nobody can log in yet").to_owned();
    let admin = Admin::enter(first.url(), &link);
    let token = admin.token("budget", "viewer");
    drop(first);
    let report = scratch.path().join("report.json");
    let pattern = replay(&project("pcaps/site-six-behind-a-switch.pcapng"));
    std::fs::write(&report, pattern.to_string()).expect("a file");
    let made = Command::new("python3")
        .args([project("tests/bench/large_store.py"), report, store.clone()])
        .output()
        .expect("python3 is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = Server::start(&["--store", &path(&store)]);
    let bearer = format!("Authorization: Bearer {token}");
    let api = |path: &str| -> Value {
        let (status, answer) =
            support::server::curl(&["-H", &bearer, &format!("{}/api/v1/{path}", server.url())]);
        assert_eq!(status, "200", "{path}: {answer}");
        let body = answer.split_once("\r\n\r\n").expect("a head").1;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let total = |list: &str| api(&format!("{list}?limit=1"))["total"].as_u64().expect("a number");
    assert_eq!((total("devices"), total("streams"), total("switches")), (50_000, 20_000, 1_000));
    // Of the store's 100,000 the latest are shown, and that is said.
    assert!((16_384..17_000).contains(&total("findings")), "{}", total("findings"));
    assert!(api("overview")["capture"]["limits"][0]["what"].as_str().expect("a limit").contains("findings"));
    let finding = &api("findings?limit=1")["items"][0];
    let own = [
        format!("/findings/{}", finding["id"].as_str().expect("an id")),
        format!("/devices/{}", finding["devices"][0].as_str().expect("a device")),
    ];
    let admin = admin.at(server.url());
    for path in PAGES.iter().copied().chain(own.iter().map(String::as_str)) {
        let (status, answer) = admin.curl(path, &[]);
        assert_eq!(status, "200", "{path}");
        assert!(answer.len() < 150_000, "{path}: {} bytes", answer.len());
    }
}
