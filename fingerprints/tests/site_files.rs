//! A site's own files beside the shipped ones.

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Concluded, Key, Label, Mac};

const IDENTIFIERS: (&str, &str) = (
    "ours/identifiers.toml",
    "date = \"2026-11-26\"\n[vendors]\nAcme = [\"ACME GmbH\"]\nAxis = [\"Our Axis\"]\n",
);

/// An entry for what the shipped `rtsp-server-dahua` answers too.
const SERVER: (&str, &str) = (
    "ours/rtsp.server.toml",
    r#"
date = "2026-11-26"
[[entry]]
id       = "site-acme"
match    = '^Dahua Rtsp Server$'
labels   = { vendor = "Acme", kind = "encoder" }
strength = 90
source   = "our own purchase"
examples = ["Dahua Rtsp Server"]
"#,
);

fn labels(fingerprints: &Fingerprints, key: Key, value: &str) -> Vec<(&'static str, String)> {
    let mut labels: Vec<Label> = Vec::new();
    fingerprints.labels(key, value, &mut labels);
    labels.into_iter().map(|label| (*label.entry, label.value.as_str().to_owned())).collect()
}

#[test]
fn the_sites_entry_speaks_before_the_shipped_one_and_leaves_the_others() {
    let both = Fingerprints::with_files(&[SERVER, IDENTIFIERS]).unwrap();
    let said = labels(&both, Key::RtspServer, "Dahua Rtsp Server");
    assert_eq!(said, [("site-acme", "Acme".to_owned()), ("site-acme", "encoder".to_owned())]);
    let other = "AvigilonOnvifNvt/2.6.0.130";
    let shipped = labels(Fingerprints::builtin(), Key::RtspServer, other);
    assert!(!shipped.is_empty());
    assert_eq!(labels(&both, Key::RtspServer, other), shipped);
    assert_eq!(both.len(), Fingerprints::builtin().len() + 1);
}

#[test]
fn the_sites_words_are_added_to_the_vocabulary() {
    let both = Fingerprints::with_files(&[IDENTIFIERS]).unwrap();
    assert_eq!(both.vendor_named("acme gmbh"), Some("Acme"));
    assert_eq!(both.vendor_named("our axis"), Some("Axis"));
    assert_eq!(both.vendor_named("Axis Communications AB"), Some("Axis"));
    assert_eq!(both.check(), []);
}

#[test]
fn the_reports_list_tells_the_sites_files_from_the_shipped_ones() {
    let both = Fingerprints::with_files(&[SERVER, IDENTIFIERS]).unwrap();
    let names: Vec<&str> = both.lists().map(|list| list.name).collect();
    for name in ["site/rtsp.server", "rtsp.server", "site/identifiers", "identifiers"] {
        assert_eq!(names.iter().filter(|it| **it == name).count(), 1, "{name} in {names:?}");
    }
}

#[test]
fn the_sites_entries_are_held_to_their_proof_and_override_shipped_ones_freely() {
    assert_eq!(Fingerprints::with_files(&[SERVER, IDENTIFIERS]).unwrap().check(), []);
    let faults: Vec<String> =
        Fingerprints::with_files(&[SERVER]).unwrap().check().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        ["ours/rtsp.server.toml, entry `site-acme`: no vendor is called `Acme`; use the vendor's name in \
          identifiers.toml, or add it there"]
    );
}

#[test]
fn an_entry_and_the_keys_that_conclude_an_attribute_can_be_looked_up() {
    let shipped = Fingerprints::builtin();
    let entry = shipped.entry("rtsp-server-avigilon").unwrap();
    assert_eq!(entry.file, "rtsp.server.toml");
    assert!(entry.pattern.starts_with("^AvigilonOnvifNvt/"));
    assert!(shipped.keys_for(Concluded::Serial).any(|key| key == "rtsp.realm"));
    assert!(!shipped.keys_for(Concluded::Serial).any(|key| key == "sdp.media"));
}

#[test]
fn a_block_of_a_maker_of_modules_names_nobody() {
    let vendor = |mac| Fingerprints::builtin().vendor_of(Mac(mac));
    assert_eq!(vendor([0x5c, 0xcf, 0x7f, 0x07, 0xae, 0xfb]), None, "Espressif's module in a coffee machine");
    assert_eq!(vendor([0x0c, 0xc4, 0x7a, 0, 0, 1]), Some("Supermicro"));
}
