//! The README's list of what is found is what the detectors say of themselves.
//!
//! `SPANWATCH_WRITE=1` writes it anew.

use crate::support;

use std::fmt::Write as _;

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
