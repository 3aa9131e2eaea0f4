//! What devices say of themselves as the report tells it: an intercom and an exchange in TLS, SSH and SIP, a camera over ONVIF.

use crate::support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::run::{replay, spanwatch};
use support::story::list;

const INTERCOM: &str = "b8:a4:4f:00:00:00";
const EXCHANGE: &str = "02:00:00:00:6b:09";

fn capture() -> PathBuf {
    support::project("pcaps/greetings.pcap")
}

fn report() -> Value {
    replay(&capture())
}

fn device<'a>(report: &'a Value, id: &str) -> &'a Value {
    list(report, "devices").find(|device| device["id"] == id).expect("a device of the capture")
}

#[test]
fn a_camera_tells_who_it_is_and_how_it_sends_its_pictures() {
    let report = replay(&support::project("pcaps/onvif-dialogues.pcap"));
    let camera = device(&report, "192.0.2.7");
    let who = ["vendor", "model", "firmware", "serial", "name", "hostname"].map(|key| &camera[key]);
    let expected =
        ["Mockup Manufacturer", "Mockup Model", "Mockup_15_14_13", "00000000", "PREDATOR", "IPNC-RDK"];
    assert_eq!(who, expected);
    let profile = json!({
        "token": "main", "name": "main", "codec": "H264", "width": 1_920, "height": 1_080, "frame_rate": 5,
        "bitrate_bps": 1_000_000,
    });
    assert_eq!(camera["profiles"], json!([profile]));
    assert_eq!(device(&report, "192.0.2.9")["profiles"], Value::Null);
}

#[test]
fn handshakes_are_told_of_both_sides() {
    let report = report();
    let told = |id: &str| -> Vec<Value> {
        list(device(&report, id), "tls")
            .map(|row| {
                json!([
                    row["role"],
                    row["version"],
                    row["offered"],
                    row["sni"],
                    row["certificate"]["subject"]
                ])
            })
            .collect()
    };
    let own = "CN=axis-b8a44f000000,O=Axis Communications AB";
    assert_eq!(
        told(INTERCOM),
        [
            json!(["server", "TLS 1.2", null, null, own]),
            json!(["server", "TLS 1.2", null, "door.example", own]),
            json!(["server", "TLS 1.3", null, "door.example", null]),
        ]
    );
    assert_eq!(
        told(EXCHANGE),
        [
            json!(["client", null, "TLS 1.0", null, null]),
            json!(["client", "TLS 1.2", "TLS 1.2", "door.example", null]),
            json!(["client", "TLS 1.2", "TLS 1.2", null, "CN=exchange,O=Example"]),
            json!(["client", "TLS 1.3", "TLS 1.3", "door.example", null]),
        ]
    );
    let row = list(device(&report, INTERCOM), "tls").next().expect("a row");
    let certificate = &row["certificate"];
    assert_eq!((&certificate["key"], &certificate["key_bits"]), (&json!("rsa"), &json!(2048)));
    assert_eq!(
        (&certificate["self_signed"], &certificate["names"]),
        (&json!(true), &json!(["door.example", "192.0.2.7"]))
    );
    assert_eq!(row["cipher"], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    let ja4s: Vec<_> = list(device(&report, EXCHANGE), "tls").filter_map(|row| row["ja4"].as_str()).collect();
    assert!(ja4s.iter().all(|ja4| ja4.len() == 36) && ja4s.len() == 4, "{ja4s:?}");
}

#[test]
fn intercom_is_known_by_what_it_says() {
    let report = report();
    let intercom = device(&report, INTERCOM);
    for (attribute, value) in [("vendor", "Axis"), ("model", "A8105-E"), ("kind", "intercom")] {
        assert_eq!(intercom[attribute], value);
    }
    let sources: Vec<_> = list(intercom, "identity").filter_map(|it| it["source"].as_str()).collect();
    for source in ["sip.user-agent", "tls.subject"] {
        assert!(sources.contains(&source), "{sources:?}");
    }
    let services: Vec<_> =
        list(intercom, "services").map(|it| json!([it["transport"], it["port"], it["protocol"]])).collect();
    assert_eq!(
        services,
        [
            json!(["tcp", 22, "ssh"]),
            json!(["tcp", 443, "tls"]),
            json!(["tcp", 5060, "sip"]),
            json!(["tcp", 8443, "tls"]),
            json!(["tcp", 9443, "tls"]),
        ]
    );
}

#[test]
fn logins_are_told_and_no_secret_is() {
    let outcome = spanwatch([Path::new("replay"), &capture(), Path::new("--format=json")]);
    for secret in ["hidden", "secret", "wrong"] {
        assert!(!outcome.text().contains(secret), "{secret}");
    }
    let report = outcome.report();
    let sessions: Vec<_> = list(&report, "sessions")
        .filter(|session| session["protocol"] == "sip" && session["server"] == "192.0.2.9")
        .map(|it| json!([it["target"], it["account"], it["scheme"], it["outcome"]]))
        .collect();
    assert_eq!(
        sessions,
        [
            json!(["sip:desk@pbx.example", "door", "digest-md5", "accepted"]),
            json!(["sip:pbx.example", "door", "digest-md5", "accepted"]),
        ]
    );
}
