//! The data that Spanwatch ships with, held to its own proof.

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Concluded, Key, Label, Mac};

fn labels(key: Key, value: &str) -> Vec<Label> {
    let mut labels = Vec::new();
    Fingerprints::builtin().labels(key, value, &mut labels);
    labels
}

fn said(key: Key, value: &str, attribute: Concluded) -> Option<String> {
    let labels = labels(key, value);
    labels.iter().find(|label| label.attribute == attribute).map(|label| label.value.to_string())
}

#[test]
fn shipped_data_is_proved() {
    let problems: Vec<String> = Fingerprints::builtin().check().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn label_carries_strength_key_and_entry() {
    let labels = labels(Key::RtspRealm, "AXIS_B8A44F000000");
    let label = labels.first().unwrap();
    assert_eq!((label.attribute, label.value.as_str()), (Concluded::Vendor, "Axis"));
    assert_eq!((label.strength, label.key, *label.entry), (90, Key::RtspRealm, "rtsp-realm-axis"));
}

#[test]
fn labels_are_ordered_by_attribute() {
    let labels = labels(Key::DhcpVendorClass, "AXIS,Network Camera,P3343,5.20.3");
    let attributes: Vec<_> = labels.iter().map(|label| label.attribute).collect();
    assert_eq!(attributes, [Concluded::Vendor, Concluded::Model, Concluded::Firmware, Concluded::Kind]);
}

#[test]
fn group_that_captured_nothing_gives_no_label() {
    assert_eq!(said(Key::DhcpVendorClass, "AXIS,Bullet Camera,P1468-LE", Concluded::Firmware), None);
    assert_eq!(
        said(Key::DhcpVendorClass, "AXIS,Bullet Camera,P1468-LE", Concluded::Kind).as_deref(),
        Some("camera")
    );
}

#[test]
fn vendor_from_the_wire_is_given_its_one_name() {
    let class = "Mfg=LEXMARK;Typ=Printer;Mod=Lexmark MS310dn;Ser=123456AB7C8DE;";
    assert_eq!(said(Key::DhcpVendorClass, class, Concluded::Vendor).as_deref(), Some("Lexmark"));
    assert_eq!(Fingerprints::builtin().vendor_named("axis communications AB"), Some("Axis"));
    assert_eq!(Fingerprints::builtin().vendor_named("nobody we know"), None);
}

#[test]
fn unknown_value_and_key_without_a_list_give_nothing() {
    assert!(labels(Key::RtspServer, "").is_empty());
    assert!(labels(Key::RtspServer, "something else").is_empty());
    assert!(labels(Key::RtcpCname, "camera@192.0.2.7").is_empty());
    assert!(labels(Key::Vendor, "Axis").is_empty());
}

#[test]
fn every_list_tells_its_date_and_bytes() {
    let lists: Vec<_> = Fingerprints::builtin().lists().collect();
    assert!(lists.iter().any(|list| list.name == "rtsp.server"));
    assert!(lists.iter().any(|list| list.name == "oui" && list.date == "2026-11-22"));
    assert!(lists.iter().any(|list| list.name == "identifiers"));
    assert!(lists.iter().all(|list| list.date.len() == 10 && !list.bytes.is_empty()));
    assert!(lists.is_sorted_by_key(|list| list.name));
}

#[test]
fn hostile_values_are_answered_without_panic() {
    let hostile = [
        "\u{0}\u{7f}·\u{fffd}".to_owned(),
        "é".repeat(300),
        "AXIS,".repeat(400),
        format!("Login to {}", "A".repeat(100_000)),
        format!("/user={}_password={}channel=1stream=0", "a".repeat(9_000), "_password=".repeat(9_000)),
        "Cisco IOS Software, Version ".repeat(4_000),
        "{vendor}{model}{0}$1(?<a>".to_owned(),
        "1,".repeat(70_000),
    ];
    let mut out = Vec::new();
    for &key in Key::ALL {
        for value in &hostile {
            Fingerprints::builtin().labels(key, value, &mut out);
        }
    }
    assert!(out.iter().all(|label| label.value.as_str().len() <= 256));
}

#[test]
fn every_maker_address_is_answered_without_panic() {
    for high in 0..=u16::MAX {
        let [a, b] = high.to_be_bytes();
        let _ = Fingerprints::builtin().vendor_of(Mac([a, b, 0xff, 0, 0x80, b]));
    }
}
