//! What is said of faulty files: which, where, and what to do.

use spanwatch_fingerprints::{Fingerprints, Problem};
use spanwatch_parsers::{Key, Label};

/// A sound entry, to be spoilt line by line.
const ACME: &str = r#"
[[entry]]
id       = "acme-camera"
match    = '^AcmeRTSP/(?<firmware>\d+\.\d+)'
labels   = { vendor = "Axis", kind = "camera", firmware = "{firmware}" }
strength = { vendor = 80, kind = 40, firmware = 70 }
source   = "vendor manual, 2024 edition, p. 12"
examples = ["AcmeRTSP/3.0", { text = "AcmeRTSP/2.4 (build 7)", firmware = "2.4" }]
not      = ["AcmeRTSPd/2.4"]
"#;

fn file(entries: &str) -> String {
    format!("date = \"2026-11-22\"\n{entries}")
}

fn read(entries: &str) -> Result<Fingerprints, Vec<Problem>> {
    Fingerprints::from_files(&[("rtsp.server.toml", &file(entries))])
}

/// What is wrong, be it found on reading or on checking.
fn faults(entries: &str) -> Vec<String> {
    let problems = read(entries).map_or_else(|problems| problems, |fingerprints| fingerprints.check());
    problems.into_iter().map(|problem| problem.what).collect()
}

/// The first fault that [`ACME`] has once `good` is `bad`.
fn fault(good: &str, bad: &str) -> String {
    assert!(ACME.contains(good));
    faults(&ACME.replace(good, bad)).swap_remove(0)
}

#[test]
fn sound_entry_has_no_fault() {
    assert_eq!(faults(ACME), Vec::<String>::new());
}

#[test]
fn file_without_entries_is_sound() {
    assert_eq!(faults(""), Vec::<String>::new());
}

#[test]
fn problem_names_file_entry_fault_and_remedy() {
    let problems = read(&ACME.replace("80,", "0,")).unwrap_err();
    assert_eq!(
        problems.first().unwrap().to_string(),
        "rtsp.server.toml, entry `acme-camera`: `vendor` has no strength from 1 to 99; \
         say what one sight of it is worth, in per cent"
    );
}

#[test]
fn what_cannot_be_read_is_a_fault() {
    assert!(fault(r"\d+\.\d+)'", r"\d+\.\d+'").contains("is no pattern"));
    assert!(fault("vendor = \"Axis\"", "maker = \"Axis\"").contains("no label is called `maker`"));
    assert!(fault("\"{firmware}\"", "\"{version}\"").contains("no group `version`"));
    assert!(fault("\"{firmware}\"", "\"{firmware\"").contains("never closed"));
    assert!(fault("firmware = 70", "firmware = 100").contains("no strength"));
    assert!(fault("firmware = 70", "firmware = 70, model = 70").contains("belongs to no label"));
    assert!(fault("source   =", "sauce    =").contains("unknown field"));
    assert!(fault("examples = [", "examples = [7, ").contains("an example is a string"));
}

#[test]
fn what_is_not_proved_is_a_fault() {
    assert!(fault("acme-camera", "Acme Camera").contains("kebab case"));
    assert!(fault("vendor manual, 2024 edition, p. 12", " ").contains("no source"));
    assert!(fault("\"Axis\"", "\"AXIS\"").contains("no vendor is called `AXIS`"));
    assert!(fault("\"camera\"", "\"toaster\"").contains("no kind of device is called `toaster`"));
    assert!(fault("\"camera\"", "\"{firmware}\"").contains("taken from the wire"));
    assert!(fault("\"AcmeRTSP/3.0\"", "\"BcmeRTSP/3.0\"").contains("nothing matches its example"));
    assert!(fault("\"AcmeRTSP/3.0\"", "\" AcmeRTSP/3.0\"").contains("the wire cannot give"));
    assert!(
        fault("firmware = \"2.4\"", "firmware = \"2.5\"")
            .contains("it concludes the firmware `2.4`, not `2.5`")
    );
    assert!(
        fault("firmware = \"2.4\" }", "firmware = \"2.4\", model = \"x\" }").contains("concludes no model")
    );
    assert!(fault(", firmware = \"2.4\" }", " }").contains("no example states the firmware"));
    assert!(fault("AcmeRTSPd/2.4", "AcmeRTSP/2.4").contains("which it says it does not"));
}

#[test]
fn entry_without_example_is_a_fault() {
    let entry = ACME.lines().filter(|line| !line.starts_with("examples")).collect::<Vec<_>>().join("\n");
    assert!(faults(&entry).iter().any(|fault| fault.contains("no example")));
}

#[test]
fn entry_that_concludes_nothing_needs_a_note() {
    let entry = "[[entry]]\nid = \"x\"\nmatch = 'x'\nlabels = {}\nsource = \"y\"\nexamples = [\"x\"]\n";
    assert_eq!(faults(entry), ["it concludes nothing"]);
    assert!(faults(&format!("{entry}note = \"too common\"")).is_empty());
}

#[test]
fn id_used_twice_is_a_fault() {
    let again = ACME.replace("Acme", "Bcme");
    assert_eq!(faults(&format!("{ACME}{again}")), ["another entry has this id"]);
}

#[test]
fn example_that_another_entry_answers_first_is_a_fault() {
    let general = ACME
        .replace("acme-camera", "acme-any")
        .replace(r"^AcmeRTSP/(?<firmware>\d+", r"RTSP/(?<firmware>\d+");
    assert_eq!(
        faults(&format!("{ACME}{}", general.replace("[\"AcmeRTSP/3.0\", ", "[\"XRTSP/1.0\", "))),
        ["`acme-camera` speaks first for its example `AcmeRTSP/2.4 (build 7)`"]
    );
}

#[test]
fn first_entry_that_matches_speaks_alone() {
    let general = ACME.replace("acme-camera", "acme-any").replace("\"camera\"", "\"encoder\"");
    let fingerprints = read(&format!("{ACME}{general}")).unwrap();
    let mut labels: Vec<Label> = Vec::new();
    fingerprints.labels(Key::RtspServer, "AcmeRTSP/2.4", &mut labels);
    assert!(labels.iter().all(|label| *label.entry == "acme-camera"));
    assert_eq!(labels.len(), 3);
}

#[test]
fn order_of_the_files_does_not_matter() {
    let (server, realm) = (file(ACME), file(&ACME.replace("acme-camera", "acme-realm")));
    let files = [("rtsp.server.toml", server.as_str()), ("rtsp.realm.toml", realm.as_str())];
    let forth = Fingerprints::from_files(&files).unwrap();
    let back = Fingerprints::from_files(&[files[1], files[0]]).unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for key in [Key::RtspServer, Key::RtspRealm] {
        forth.labels(key, "AcmeRTSP/2.4", &mut first);
        back.labels(key, "AcmeRTSP/2.4", &mut second);
    }
    assert_eq!(first, second);
    assert!(forth.lists().eq(back.lists()));
}

#[test]
fn file_that_is_named_for_no_key_is_a_fault() {
    let problems =
        Fingerprints::from_files(&[("rtsp.color.toml", &file(ACME)), ("vendor.toml", "")]).unwrap_err();
    let said: Vec<_> =
        problems.iter().map(|problem| (problem.file.as_str(), problem.what.as_str())).collect();
    assert_eq!(
        said,
        [("rtsp.color.toml", "no attribute is called so"), ("vendor.toml", "no attribute is called so")]
    );
}

#[test]
fn second_file_of_one_key_is_a_fault() {
    let problems =
        Fingerprints::from_files(&[("rtsp.server.toml", &file("")), ("rtsp.server.toml", &file(ACME))]);
    assert!(problems.unwrap_err().iter().any(|problem| problem.what.contains("a file for this key already")));
}

#[test]
fn text_that_is_no_toml_is_a_fault_with_its_line() {
    let problems =
        Fingerprints::from_files(&[("rtsp.server.toml", "date = \"2026-11-22\"\n[[entry\n")]).unwrap_err();
    assert!(problems.first().unwrap().what.contains("line 2"), "{problems:?}");
}

#[test]
fn own_vocabulary_stands_in_for_the_shipped_one() {
    let own = "date = \"2026-11-22\"\nkinds = [\"camera\"]\n[vendors]\nAcme = [\"Acme Inc.\"]\n";
    let entries = file(&ACME.replace("\"Axis\"", "\"Acme\""));
    let fingerprints =
        Fingerprints::from_files(&[("identifiers.toml", own), ("rtsp.server.toml", &entries)]).unwrap();
    assert_eq!(fingerprints.vendor_named("ACME INC."), Some("Acme"));
    assert!(!fingerprints.check().iter().any(|problem| problem.file == "rtsp.server.toml"));
}

#[test]
fn name_of_two_vendors_is_a_fault() {
    let own = "date = \"2026-11-22\"\nkinds = []\n[vendors]\nAcme = [\"Both\"]\nBcme = [\"both\"]\n";
    let fingerprints = Fingerprints::from_files(&[("identifiers.toml", own)]).unwrap();
    assert!(fingerprints.check().iter().any(|problem| problem.what.contains("`both` stands here twice")));
}

#[test]
fn date_that_is_none_is_a_fault() {
    let text = file(ACME).replace("2026-11-22", "yesterday");
    let fingerprints = Fingerprints::from_files(&[("rtsp.server.toml", &text)]).unwrap();
    assert_eq!(fingerprints.check().first().unwrap().what, "`yesterday` is no date");
}

#[test]
fn pattern_that_would_take_too_much_memory_is_a_fault() {
    assert!(fault(r"\d+\.\d+)'", r"\d+\.\d+)(\w{500}){500}'").contains("is no pattern"));
}
