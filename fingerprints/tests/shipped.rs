//! The data that Spanwatch ships with, held to its own proof.

use spanwatch_fingerprints::Fingerprints;

#[test]
fn shipped_data_is_proved() {
    let problems: Vec<String> = Fingerprints::builtin().check().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
