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
pub mod clouds;
mod entry;
mod identifiers;
mod list;
mod oui;
pub mod passwords;
mod problem;
mod shipped;

use std::borrow::Cow;
use std::sync::OnceLock;

use spanwatch_parsers::{Concluded, Key, Label, Mac};

pub use problem::Problem;

use entry::Entry;
use identifiers::Identifiers;
use list::{KeyList, last_part};
use oui::Oui;

/// All fingerprints: the lists of entries, the vocabulary and the address blocks.
#[derive(Debug, Default)]
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
            // The data is part of the program; `shipped_data_is_proved` and a test beside it read all of it.
            let mut problems = Vec::new();
            let mut all = Self::with_vocabulary(&mut problems);
            all.layer("", shipped::ENTRIES, true, &mut problems);
            all.done(problems).expect("the shipped fingerprints can be read")
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
        let mut problems = Vec::new();
        let mut all = match files.iter().any(|(file, _)| is_vocabulary(file)) {
            true => Self { sources: tables(), ..Self::default() },
            false => Self::with_vocabulary(&mut problems),
        };
        all.layer("", files, false, &mut problems);
        all.done(problems)
    }

    /// Reads a site's own files, whose entries speak before the shipped ones of
    /// their keys; an `identifiers.toml` among them adds to the shipped
    /// vocabulary. They are named as the reader knows them, folders included.
    ///
    /// # Errors
    /// Those of [`Fingerprints::from_files`].
    pub fn with_files(files: &[(&str, &str)]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut all = Self::with_vocabulary(&mut problems);
        all.layer("site/", files, false, &mut problems);
        all.layer("", shipped::ENTRIES, true, &mut problems);
        all.done(problems)
    }

    /// No entries, and the shipped vocabulary.
    fn with_vocabulary(problems: &mut Vec<Problem>) -> Self {
        let mut all = Self { sources: tables(), ..Self::default() };
        all.layer("", &[shipped::IDENTIFIERS], true, problems);
        all
    }

    /// Adds files whose entries speak after those that are there; their names in the report begin with `prefix`. What a test
    /// proves is compiled when it is first asked for.
    fn layer(&mut self, prefix: &str, files: &[(&str, &str)], is_proved: bool, problems: &mut Vec<Problem>) {
        let mut files = files.to_vec();
        // The vocabulary stands before what is said in it.
        files.sort_unstable_by_key(|(file, text)| (!is_vocabulary(file), *file, *text));
        let mut keys = Vec::new();
        for (file, text) in files {
            let date = if is_vocabulary(file) {
                self.identifiers.add(file, text).map_err(|problem| vec![problem])
            } else {
                KeyList::read(file, text, is_proved).and_then(|(list, date)| {
                    if keys.contains(&list.key) {
                        let what = "there is a file for this key already";
                        return Err(vec![Problem::in_file(file, what, "join the two files")]);
                    }
                    keys.push(list.key);
                    match self.lists.iter_mut().find(|earlier| earlier.key == list.key) {
                        Some(earlier) => earlier.join(file, list)?,
                        None => self.lists.push(list),
                    }
                    Ok(date)
                })
            };
            match date {
                Ok(date) => self.sources.push(Source::new(prefix, file, &date, text.to_owned())),
                Err(found) => problems.extend(found),
            }
        }
    }

    fn done(mut self, problems: Vec<Problem>) -> Result<Self, Vec<Problem>> {
        self.lists.sort_by_key(|list| list.key.name());
        self.sources.sort_by(|a, b| a.name.cmp(&b.name));
        if problems.is_empty() { Ok(self) } else { Err(problems) }
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
    /// locally, for blocks that are not listed, and for those of makers of network
    /// modules, who tell nothing of the device around the module.
    #[must_use]
    pub fn vendor_of(&self, mac: Mac) -> Option<&'static str> {
        Oui::shipped().vendor_of(mac).filter(|maker| !self.identifiers.is_module_maker(maker))
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
        let dates = self.sources.iter().map(|source| (source.file.as_str(), source.date.as_str()));
        check::check(&self.lists, &self.identifiers, dates)
    }

    /// The entry of this id, for a person to read.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<Shown<'_>> {
        let entry = self.entries().find(|entry| *entry.id == id)?;
        Some(Shown {
            file: &entry.file,
            pattern: &entry.pattern,
            source: &entry.source,
            note: Some(entry.note.as_str()).filter(|note| !note.is_empty()),
        })
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the keys whose entries can conclude `attribute`, in their order.
    pub fn keys_for(&self, attribute: Concluded) -> impl Iterator<Item = &'static str> {
        let says = move |entry: &Entry| entry.templates.iter().any(|it| it.attribute == attribute);
        self.lists.iter().filter(move |list| list.entries.iter().any(says)).map(|list| list.key.name())
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lists.iter().flat_map(|list| &list.entries)
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

/// An entry as a person reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The file that it stands in.
    pub file: &'a str,
    /// Its pattern.
    pub pattern: &'a str,
    /// Where it was learned.
    pub source: &'a str,
    /// Where it is wrong, or whom else it fits.
    pub note: Option<&'a str>,
}

fn is_vocabulary(file: &str) -> bool {
    last_part(file) == shipped::IDENTIFIERS.0
}

/// A file that was read.
#[derive(Debug)]
struct Source {
    /// The file's name less folders and ending, behind where it is from.
    name: String,
    /// The file's name as given.
    file: String,
    date: String,
    text: Cow<'static, str>,
}

/// The tables that are always the shipped ones.
fn tables() -> Vec<Source> {
    oui::sources().into_iter().chain([passwords::source(), clouds::source()]).collect()
}

impl Source {
    fn new(prefix: &str, file: &str, date: &str, text: impl Into<Cow<'static, str>>) -> Self {
        let last = last_part(file);
        let name = last.rsplit_once('.').map_or(last, |(name, _)| name);
        Self {
            name: format!("{prefix}{name}"),
            file: file.to_owned(),
            date: date.to_owned(),
            text: text.into(),
        }
    }
}
