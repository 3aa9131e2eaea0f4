//! Holds the data to its proof.
//!
//! An entry is proved by its examples: each must be a value that the wire can
//! give, the entry must be the first of its list to match it, and what it
//! captures must be what the example states. It has a source, words from the
//! vocabulary, and matches none of the values it says it does not.

use std::collections::BTreeSet;

use spanwatch_parsers::{Concluded, Text};

use crate::Problem;
use crate::entry::{Entry, attribute_name};
use crate::identifiers::Identifiers;
use crate::list::KeyList;
use crate::oui;
use crate::shipped;

/// Everything that is wrong, in the order of the lists and their entries; `dates` are those of the files.
pub fn check<'a>(
    lists: &[KeyList],
    identifiers: &Identifiers,
    dates: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in identifiers.contested() {
        problems.push(Problem::in_file(
            shipped::IDENTIFIERS.0,
            format!("`{name}` stands here twice"),
            "leave it with the vendor whose name it is",
        ));
    }
    problems.extend(dates.filter_map(|(file, date)| check_date(file, date)));
    problems.extend(oui::check(identifiers));

    let mut ids = BTreeSet::new();
    for list in lists {
        for (place, entry) in list.entries.iter().enumerate() {
            let mut found = Found { file: &entry.file, id: entry.id, problems: &mut problems };
            if !ids.insert(entry.id) {
                found.add("another entry has this id", "give each entry, in all files, an id of its own");
            }
            check_words(entry, identifiers, &mut found);
            check_examples(list, place, entry, identifiers, &mut found);
        }
    }
    problems
}

/// Where problems of one entry go.
struct Found<'a> {
    file: &'a str,
    id: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, what: impl Into<String>, fix: &str) {
        self.problems.push(Problem::in_entry(self.file, self.id, what, fix));
    }
}

fn check_date(file: &str, date: &str) -> Option<Problem> {
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    (!is_date).then(|| {
        Problem::in_file(
            file,
            format!("`{date}` is no date"),
            "say when the file was last changed, as 2026-11-22",
        )
    })
}

fn check_words(entry: &Entry, identifiers: &Identifiers, found: &mut Found<'_>) {
    let is_kebab = entry.id.split('-').all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    if !is_kebab {
        found.add("its id is not in kebab case", "use lower-case letters and digits, joined by hyphens");
    }
    if entry.source.trim().is_empty() {
        found.add("it has no source", "say where it was learned");
    }
    if entry.templates.is_empty() && entry.note.trim().is_empty() {
        found.add("it concludes nothing", "add a label, or a note that says why there is none");
    }
    for template in &entry.templates {
        match (template.attribute, template.literal()) {
            (Concluded::Vendor, Some(vendor)) if identifiers.vendor(&vendor) != Some(&vendor) => found.add(
                format!("no vendor is called `{vendor}`"),
                "use the vendor's name in identifiers.toml, or add it there",
            ),
            (Concluded::Kind, Some(kind)) if !identifiers.is_kind(&kind) => {
                found.add(
                    format!("no kind of device is called `{kind}`"),
                    "use one of the kinds in identifiers.toml",
                );
            }
            (Concluded::Kind, None) => {
                found.add("its kind is taken from the wire", "write one entry for each kind");
            }
            _ => {}
        }
    }
}

fn check_examples(
    list: &KeyList,
    place: usize,
    entry: &Entry,
    identifiers: &Identifiers,
    found: &mut Found<'_>,
) {
    if entry.examples.is_empty() {
        found.add("it has no example", "add a value it was seen with");
    }
    let mut stated = BTreeSet::new();
    for example in &entry.examples {
        let text = example.text.as_str();
        if Text::from(text).as_str() != text {
            found.add(
                format!("the wire cannot give the example `{}`", text.escape_debug()),
                "values have 256 bytes at most, no control characters and no spaces around them",
            );
        }
        match list.first(text).and_then(|first| list.entries.get(first)) {
            None => found.add(format!("nothing matches its example `{text}`"), "mend `match` or the example"),
            // A site's own entry overrides a shipped one on purpose.
            Some(first) if first.file != entry.file && list.is_match(place, text) => {}
            Some(first) if first.id != entry.id && list.is_match(place, text) => found.add(
                format!("`{}` speaks first for its example `{text}`", first.id),
                "put the more particular entry before the more general",
            ),
            Some(first) if first.id != entry.id => {
                found.add(format!("it does not match its example `{text}`"), "mend `match` or the example");
            }
            Some(_) => {}
        }

        let mut labels = Vec::new();
        entry.speak(list.key, text, identifiers, &mut labels);
        for (name, expected) in &example.expected {
            stated.insert(name.as_str());
            let said = labels.iter().find(|label| attribute_name(label.attribute) == name);
            match said.map(|label| label.value.as_str()) {
                Some(said) if said == expected => {}
                Some(said) => found.add(
                    format!("from `{text}` it concludes the {name} `{said}`, not `{expected}`"),
                    "mend `match` or what the example states",
                ),
                None => found.add(
                    format!("from `{text}` it concludes no {name}"),
                    "mend `match` or drop the statement",
                ),
            }
        }
    }
    for template in entry.templates.iter().filter(|template| template.quotes()) {
        let name = attribute_name(template.attribute);
        if !stated.contains(name) {
            found.add(
                format!("no example states the {name} it captures"),
                "state it beside an example's text",
            );
        }
    }
    for text in entry.not.iter().filter(|text| list.is_match(place, text)) {
        found.add(format!("it matches `{text}`, which it says it does not"), "narrow `match`");
    }
}
