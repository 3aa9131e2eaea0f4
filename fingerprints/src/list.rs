//! The entries of one key, in order.

use regex::{RegexSet, RegexSetBuilder};
use serde::Deserialize;
use spanwatch_parsers::{Key, Label, Text};

use crate::Problem;
use crate::entry::{Entry, SaidEntry};
use crate::identifiers::Identifiers;

/// One file of entries.
#[derive(Debug)]
pub struct KeyList {
    /// Its name.
    pub file: String,
    /// When it was last changed.
    pub date: String,
    /// What its values are values of.
    pub key: Key,
    /// Its entries, as ordered in the file.
    pub entries: Vec<Entry>,
    /// Their patterns as one automaton, so that the number of entries costs nothing.
    patterns: RegexSet,
}

impl KeyList {
    /// Reads the file that is named for its key.
    ///
    /// # Errors
    /// Where the name is no key's, the text no TOML of this shape, or an entry
    /// cannot speak.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let key = Key::ALL.iter().copied().filter(|key| !key.is_outright());
        let Some(key) = key.into_iter().find(|key| file.strip_suffix(".toml") == Some(key.name())) else {
            return Err(vec![Problem::in_file(
                file,
                "no attribute is called so",
                "name the file for its attribute, as rtsp.server.toml",
            )]);
        };
        let said: SaidList = toml::from_str(text).map_err(|error| {
            vec![Problem::in_file(file, error.to_string(), "write entries as the shipped files have them")]
        })?;

        let mut entries = Vec::new();
        let mut problems = Vec::new();
        for said in said.entry {
            match Entry::new(file, said) {
                Ok(entry) => entries.push(entry),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let patterns = RegexSetBuilder::new(entries.iter().map(|entry| &entry.pattern))
            .size_limit(PATTERNS_BYTES_MAX)
            .build()
            .map_err(|error| {
                vec![Problem::in_file(
                    file,
                    format!("the patterns together: {error}"),
                    "make the longest simpler",
                )]
            })?;
        Ok(Self { file: file.to_owned(), date: said.date, key, entries, patterns })
    }

    /// Adds the labels of the first entry that matches.
    pub fn labels(&self, value: &str, identifiers: &Identifiers, out: &mut Vec<Label>) {
        let value = cut(value);
        if let Some(entry) = self.first(value).and_then(|place| self.entries.get(place)) {
            entry.speak(self.key, value, identifiers, out);
        }
    }

    /// The place of the first entry that matches.
    pub fn first(&self, value: &str) -> Option<usize> {
        self.patterns.matches(value).iter().next()
    }

    /// Whether the entry at `place` matches, be it the first or not.
    pub fn is_match(&self, place: usize, value: &str) -> bool {
        place < self.entries.len() && self.patterns.matches(value).matched(place)
    }
}

/// The first [`Text::MAX`] bytes, less what would be half a character.
fn cut(value: &str) -> &str {
    (0..=value.len().min(Text::MAX)).rev().find_map(|end| value.get(..end)).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidList {
    date: String,
    #[serde(default)]
    entry: Vec<SaidEntry>,
}

/// The most memory of a list's patterns together: forty times what the largest shipped list takes.
const PATTERNS_BYTES_MAX: usize = 16 << 20;
