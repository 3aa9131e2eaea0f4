//! Fact to labels: who makes what, as data with its proof.
//!
//! A raw attribute, such as what a camera's RTSP server calls itself, goes in;
//! labels (vendor, model, firmware, kind and so on) come out, each with the
//! strength of one sight of it. All knowledge is in `data/`: one TOML file per
//! [`Key`], its entries in order, each with its source and its own examples,
//! which [`Fingerprints::check`] holds it to. The first entry that matches
//! speaks alone.
//!
//! Everything here is a pure function of one fact. Values come from a network
//! that may be hostile: matching takes time linear in the value, no value
//! panics, and what comes out is a [`Text`](spanwatch_parsers::Text), capped as
//! all texts are.
//!
//! Left out on purpose: what a device *is* by its MAC alone. A block of
//! addresses tells the maker, never the kind.

mod check;
mod entry;
mod identifiers;
mod list;
mod oui;
mod problem;
mod shipped;

use std::borrow::Cow;
use std::sync::OnceLock;

use spanwatch_parsers::{Key, Label, Mac};

pub use problem::Problem;

use identifiers::Identifiers;
use list::KeyList;
use oui::Oui;

/// All fingerprints: the lists of entries, the vocabulary and the address blocks.
#[derive(Debug)]
pub struct Fingerprints {
    lists: Vec<KeyList>,
    identifiers: Identifiers,
    sources: Vec<Source>,
}

/// One file of data, as the report names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<'a> {
    /// The file's name less its ending, as `rtsp.server`.
    pub name: &'a str,
    /// When it was last changed, as it says itself: `2026-11-22`.
    pub date: &'a str,
    /// All of it.
    pub bytes: &'a [u8],
}

impl Fingerprints {
    /// The data that Spanwatch ships with, read once.
    ///
    /// # Panics
    /// Where the shipped data cannot be read, which a test rules out.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Fingerprints> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            // The data is part of the program; `shipped_data_is_proved` reads all of it.
            Self::from_files(shipped::ENTRIES).expect("the shipped fingerprints can be read")
        })
    }

    /// Reads files given as name and text. A file is named for its key, as
    /// `rtsp.server.toml`; an `identifiers.toml` among them stands in for the
    /// vocabulary that Spanwatch ships with. The address blocks are always the
    /// shipped ones.
    ///
    /// The ids of the entries are kept for the life of the program.
    ///
    /// # Errors
    /// All that makes a file unusable, in the order of the files' names: it is
    /// no TOML, there is no such key, a pattern is no regular expression, a
    /// label names a group that its pattern lacks. What is merely unproved is
    /// for [`Fingerprints::check`] to say.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let mut files = files.to_vec();
        if !files.iter().any(|(file, _)| *file == shipped::IDENTIFIERS.0) {
            files.push(shipped::IDENTIFIERS);
        }
        files.sort_unstable();

        let mut identifiers = Identifiers::default();
        let mut lists: Vec<KeyList> = Vec::new();
        let mut sources = oui::sources();
        let mut problems = Vec::new();
        for (file, text) in files {
            if file == shipped::IDENTIFIERS.0 {
                match Identifiers::read(file, text) {
                    Ok(read) => identifiers = read,
                    Err(problem) => problems.push(problem),
                }
                sources.push(Source::new(file, &identifiers.date, text.to_owned()));
                continue;
            }
            match KeyList::read(file, text) {
                Ok(list) if lists.iter().any(|other| other.key == list.key) => problems.push(
                    Problem::in_file(file, "there is a file for this key already", "join the two files"),
                ),
                Ok(list) => {
                    sources.push(Source::new(file, &list.date, text.to_owned()));
                    lists.push(list);
                }
                Err(found) => problems.extend(found),
            }
        }
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        if problems.is_empty() { Ok(Self { lists, identifiers, sources }) } else { Err(problems) }
    }

    /// Adds what the first matching entry of `key`'s list says of `value`: at
    /// most one label an attribute, in the order of [`Concluded`]. Of a longer
    /// value only the first [`Text::MAX`] bytes are read.
    ///
    /// [`Concluded`]: spanwatch_parsers::Concluded
    /// [`Text::MAX`]: spanwatch_parsers::Text::MAX
    pub fn labels(&self, key: Key, value: &str, out: &mut Vec<Label>) {
        if let Some(list) = self.lists.iter().find(|list| list.key == key) {
            list.labels(value, &self.identifiers, out);
        }
    }

    /// The maker to whom IEEE assigned the block of `mac`, by the longest listed
    /// prefix: by the name used everywhere here where we know the maker, else
    /// the organisation as registered. `None` for groups, for addresses made up
    /// locally, and for blocks that are not listed.
    #[must_use]
    pub fn vendor_of(&self, mac: Mac) -> Option<&'static str> {
        Oui::shipped().vendor_of(mac)
    }

    /// The name used everywhere here for the vendor that a device calls `said`,
    /// where we know it: `HIKVISION` is `Hikvision`.
    #[must_use]
    pub fn vendor_named(&self, said: &str) -> Option<&str> {
        self.identifiers.vendor(said)
    }

    /// Everything that is unproved or outside the vocabulary, in the order of
    /// the files and their entries. Data fit to ship has none.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        check::check(&self.lists, &self.identifiers)
    }

    /// The files behind all this, in the order of their names.
    pub fn lists(&self) -> impl Iterator<Item = List<'_>> {
        self.sources.iter().map(|source| List {
            name: &source.name,
            date: &source.date,
            bytes: source.text.as_bytes(),
        })
    }
}

/// A file that was read.
#[derive(Debug)]
struct Source {
    /// The file's name less its ending.
    name: String,
    date: String,
    text: Cow<'static, str>,
}

impl Source {
    fn new(file: &str, date: &str, text: impl Into<Cow<'static, str>>) -> Self {
        let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
        Self { name: name.to_owned(), date: date.to_owned(), text: text.into() }
    }
}
