//! The entries of one key, in order.

use std::sync::OnceLock;

use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;
use spanwatch_parsers::{Key, Label, Text};

use crate::Problem;
use crate::entry::{Entry, SaidEntry};
use crate::identifiers::Identifiers;

/// The entries of one key.
#[derive(Debug)]
pub struct KeyList {
    /// What its values are values of.
    pub key: Key,
    /// Its entries, as ordered in their files.
    pub entries: Vec<Entry>,
    /// Their patterns as one automaton, so that the number of entries costs nothing, once it was made.
    patterns: OnceLock<RegexSet>,
}

impl KeyList {
    /// Reads the file that is named for its key, and says when it was last changed.
    ///
    /// # Errors
    /// Where the name is no key's, the text no TOML of this shape, or an entry
    /// cannot speak. Of a file that is proved, patterns are compiled when they are first asked for.
    pub fn read(file: &str, text: &str, is_proved: bool) -> Result<(Self, String), Vec<Problem>> {
        let mut key = Key::ALL.iter().copied().filter(|key| !key.is_outright());
        let named = last_part(file).strip_suffix(".toml");
        let Some(key) = key.find(|key| named == Some(key.name())) else {
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
            match Entry::new(file, said, is_proved) {
                Ok(entry) => entries.push(entry),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let patterns = if is_proved { OnceLock::new() } else { together(file, &entries)?.into() };
        Ok((Self { key, entries, patterns }, said.date))
    }

    /// Adds entries that speak after its own.
    ///
    /// # Errors
    /// Where all patterns together are too many.
    pub fn join(&mut self, file: &str, later: Self) -> Result<(), Vec<Problem>> {
        self.entries.extend(later.entries);
        self.patterns = together(file, &self.entries)?.into();
        Ok(())
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
        self.patterns().matches(value.as_bytes()).iter().next()
    }

    /// Whether the entry at `place` matches, be it the first or not.
    pub fn is_match(&self, place: usize, value: &str) -> bool {
        place < self.entries.len() && self.patterns().matches(value.as_bytes()).matched(place)
    }

    fn patterns(&self) -> &RegexSet {
        // What is not compiled yet is proved.
        self.patterns.get_or_init(|| together("", &self.entries).unwrap_or_default())
    }
}

/// The patterns of `entries` as one.
fn together(file: &str, entries: &[Entry]) -> Result<RegexSet, Vec<Problem>> {
    RegexSetBuilder::new(entries.iter().map(|entry| &entry.pattern))
        .unicode(false)
        .size_limit(PATTERNS_BYTES_MAX)
        .build()
        .map_err(|error| {
            let what = format!("the patterns together: {error}");
            vec![Problem::in_file(file, what, "make the longest simpler")]
        })
}

/// A file's name without its folders.
pub fn last_part(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
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
