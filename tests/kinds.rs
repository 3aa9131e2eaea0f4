//! The README's list of what is found is what the detectors say of themselves, and `docs/references.md` what each kind is called elsewhere.
//!
//! `SPANWATCH_WRITE=1` writes both anew.

use crate::support;

use std::fmt::Write as _;

use spanwatch_engine::detectors::ALL;
use spanwatch_engine::detectors::references::References;
use support::project;
use support::run::spanwatch;

const BEGIN: &str = "<!-- what it finds: written by tests/kinds.rs -->\n";
const END: &str = "<!-- end of what it finds -->\n";

/// The list, of what `spanwatch kinds` prints: id, category, severity, and what it says.
fn list() -> String {
    let kinds = spanwatch(["kinds"]);
    let mut list = "| | | severity | |\n| --- | --- | --- | --- |\n".to_owned();
    let text = kinds.text();
    let mut before = "";
    for line in text.lines() {
        let mut words = line.splitn(2, ' ');
        let (id, rest) = (words.next().expect("an id"), words.next().expect("more").trim_start());
        let (category, rest) = rest.split_once(' ').expect("a category");
        let (severity, says) = rest.trim_start().split_once(' ').expect("a severity");
        let shown = if category == before { "" } else { category };
        let says = says.trim().trim_end_matches('.');
        writeln!(list, "| {shown} | `{id}` | {severity} | {says} |").expect("a string grows");
        before = category;
    }
    list
}

#[test]
fn the_readme_lists_what_the_detectors_say_they_find() {
    let path = project("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README is text");
    let (front, rest) = readme.split_once(BEGIN).expect("the list begins");
    let (own, behind) = rest.split_once(END).expect("the list ends");
    let list = list();
    if support::is_asked_for("SPANWATCH_WRITE") {
        std::fs::write(&path, [front, BEGIN, &list, END, behind].concat()).expect("it can be written");
        return;
    }
    assert!(own == list, "README.md differs from `spanwatch kinds`: run this test with SPANWATCH_WRITE=1");
}

/// The page of what each kind is called elsewhere.
fn references() -> String {
    let mut page = REFERENCES.to_owned();
    for kind in ALL {
        let Some(own) = References::of(kind.id) else { continue };
        let [mitre, cwe, standard] = [own.mitre, own.cwe, own.standard].map(|it| it.join(", "));
        let row = format!("| `{}` | {mitre} | {cwe} | {standard} |", kind.id).replace("  ", " ");
        writeln!(page, "{row}").expect("a string grows");
    }
    page
}

#[test]
fn the_page_of_references_is_what_findings_carry() {
    let path = project("docs/references.md");
    if support::is_asked_for("SPANWATCH_WRITE") {
        std::fs::write(&path, references()).expect("it can be written");
        return;
    }
    let own = std::fs::read_to_string(&path).expect("the page is text");
    assert!(own == references(), "docs/references.md differs: run this test with SPANWATCH_WRITE=1");
}

/// No technique, weakness or clause is made up: each is the fact base's for that kind, and techniques stand only where it says that
/// the kind is the behaviour itself, or a weakness that lets it in.
#[test]
fn references_are_those_of_the_fact_base() {
    let Some(shared) = support::shared_captures() else { return };
    let path = shared.join("../facts/attack_mapping.tsv");
    let Ok(text) = std::fs::read_to_string(path) else {
        return support::skipped("the fact base is not here");
    };
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut compared = 0;
    for kind in ALL {
        let Some(own) = References::of(kind.id) else { continue };
        let row = rows.iter().find(|row| row[0] == kind.id);
        let row = row.unwrap_or_else(|| panic!("{} is not in the fact base", kind.id));
        let may_be_named = ["enables", "evidence"].contains(&row[6]);
        assert!(may_be_named || own.mitre.is_empty(), "{} is {} of an attack", kind.id, row[6]);
        let is_there = |columns: &[usize], id: &str| {
            let clause = id.trim_start_matches("IEC 62443-3-3 ");
            columns.iter().any(|column| row[*column].split(';').any(|it| it == clause))
        };
        assert!(own.mitre.iter().all(|id| is_there(&[1, 2], id)), "{}: {:?}", kind.id, own.mitre);
        assert!(own.cwe.iter().all(|id| is_there(&[3], id)), "{}: {:?}", kind.id, own.cwe);
        assert!(own.standard.iter().all(|id| is_there(&[4], id)), "{}: {:?}", kind.id, own.standard);
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

const REFERENCES: &str = "\
# What the kinds are called elsewhere

Written by `tests/kinds.rs` from what findings carry as `references` (`engine/src/detectors/references.tsv`). A technique stands only
at a kind that is an attacker's behaviour, or a weakness that lets it in: a device that is merely offline, or whose settings
somebody changed, is no attack, and has clauses at most. ATT&CK: Enterprise 18.0 (`T1…`) and ICS 18.1 (`T0…`); CWE; IEC 62443-3-3:2013.

| kind | ATT&CK | CWE | clauses |
| --- | --- | --- | --- |
";
