//! One entry: a pattern, the labels it stands for, and its proof.
//!
//! ```toml
//! [[entry]]
//! id       = "acme-camera"              # unique, kebab case
//! match    = '^AcmeRTSP/(?<firmware>\d+\.\d+)'
//! labels   = { vendor = "Acme", kind = "camera", firmware = "{firmware}" }
//! strength = { vendor = 80, kind = 40, firmware = 80 }   # per cent; or one number for all
//! source   = "vendor manual, 2024 edition, p. 12"
//! examples = ["AcmeRTSP/3.0", { text = "AcmeRTSP/2.4 (build 7)", firmware = "2.4" }]
//! not      = ["AcmeRTSPd/2.4"]
//! note     = "why it concludes nothing, or where it is wrong"
//! ```
//!
//! `{group}` in a label is what that group of the pattern captured. A label
//! whose groups captured nothing is not said.
//!
//! Patterns are of bytes: `\w`, `\d`, `\s`, `\b`, `.` and `(?i)` know ASCII alone, which is what devices call themselves by, and
//! what keeps matching as fast with ten times the entries. A class with another character says so: `(?u:[^·])`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use spanwatch_parsers::{Concluded, Key, Label, Text};

use crate::Problem;
use crate::identifiers::Identifiers;

/// One entry, ready to speak.
#[derive(Debug)]
pub struct Entry {
    /// Its id, for ever.
    pub id: &'static &'static str,
    /// The file that it stands in.
    pub file: String,
    /// Its pattern.
    pub pattern: String,
    /// What it concludes, in the order of the attributes.
    pub templates: Vec<Template>,
    /// Where it was learned.
    pub source: String,
    /// What it says beside its labels.
    pub note: String,
    /// Values that it must be the first to match.
    pub examples: Vec<Example>,
    /// Values that it must not match.
    pub not: Vec<String>,
    /// Whether labels quote from what the pattern captured.
    quotes: bool,
    /// The pattern, once it was compiled.
    compiled: OnceLock<Option<Regex>>,
}

/// A label in waiting.
#[derive(Debug)]
pub struct Template {
    pub attribute: Concluded,
    pub strength: u8,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Group(String),
}

/// A value, and what the entry must conclude from it.
#[derive(Debug, Deserialize)]
#[serde(from = "SaidExample")]
pub struct Example {
    pub text: String,
    pub expected: BTreeMap<String, String>,
}

/// An entry as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidEntry {
    id: String,
    #[serde(rename = "match")]
    pattern: String,
    labels: BTreeMap<String, String>,
    strength: Option<SaidStrength>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    examples: Vec<Example>,
    #[serde(default)]
    not: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "strength is a number, or a table with one for each label")]
enum SaidStrength {
    All(i64),
    Each(BTreeMap<String, i64>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an example is a string, or a table with `text` and the labels expected")]
enum SaidExample {
    Text(String),
    Labelled {
        text: String,
        #[serde(flatten)]
        expected: BTreeMap<String, String>,
    },
}

impl From<SaidExample> for Example {
    fn from(said: SaidExample) -> Self {
        match said {
            SaidExample::Text(text) => Self { text, expected: BTreeMap::new() },
            SaidExample::Labelled { text, expected } => Self { text, expected },
        }
    }
}

impl Entry {
    /// Makes an entry of what `file` says.
    ///
    /// # Errors
    /// Each thing that keeps it from speaking: a pattern that is none, an
    /// attribute that there is not, a strength that is missing or out of
    /// bounds, a group that the pattern lacks.
    ///
    /// The pattern of one that is proved is compiled when it is first asked for.
    pub fn new(file: &str, said: SaidEntry, is_proved: bool) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |what: String, fix: &str| problems.push(Problem::in_entry(file, &said.id, what, fix));
        let pattern = if is_proved { None } else { Some(compile(&said.pattern)) };
        let pattern = pattern.and_then(|compiled| {
            let wrong = |error| {
                wrong(format!("`match` is no pattern: {error}"), "write it as the regex crate reads it");
            };
            compiled.map_err(wrong).ok()
        });

        let mut templates = Vec::new();
        for (name, value) in &said.labels {
            let Some(attribute) = attribute(name) else {
                wrong(format!("no label is called `{name}`"), ATTRIBUTES_FIX);
                continue;
            };
            let Some(parts) = parts(value) else {
                wrong(format!("`{value}` has a brace that is never closed"), "write a group as `{group}`");
                continue;
            };
            let Some(strength) = said.strength.as_ref().and_then(|strength| strength.of(name)) else {
                wrong(
                    format!("`{name}` has no strength from 1 to 99"),
                    "say what one sight of it is worth, in per cent",
                );
                continue;
            };
            for group in groups(&parts) {
                if pattern.as_ref().is_some_and(|pattern| !has_group(pattern, group)) {
                    wrong(format!("`match` has no group `{group}`"), "name it there, as `(?<name>...)`");
                }
            }
            templates.push(Template { attribute, strength, parts });
        }
        if let Some(SaidStrength::Each(each)) = &said.strength {
            for name in each.keys().filter(|name| !said.labels.contains_key(*name)) {
                wrong(
                    format!("the strength of `{name}` belongs to no label"),
                    "add the label or drop its strength",
                );
            }
        }
        templates.sort_by_key(|template| template.attribute);

        let quotes = templates.iter().any(Template::quotes);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            id: Box::leak(Box::new(&*Box::leak(said.id.into_boxed_str()))),
            file: file.to_owned(),
            pattern: said.pattern,
            templates,
            source: said.source,
            note: said.note,
            examples: said.examples,
            not: said.not,
            quotes,
            compiled: pattern.map_or_else(OnceLock::new, |pattern| Some(pattern).into()),
        })
    }

    /// Adds the labels of `value`, which the pattern matches.
    pub fn speak(&self, key: Key, value: &str, identifiers: &Identifiers, out: &mut Vec<Label>) {
        let pattern = || self.compiled.get_or_init(|| compile(&self.pattern).ok()).as_ref();
        let pattern = if self.quotes { pattern() } else { None };
        let captures = pattern.and_then(|pattern| pattern.captures(value.as_bytes()));
        for template in &self.templates {
            let Some(said) = template.fill(captures.as_ref()) else { continue };
            let said = match template.attribute {
                Concluded::Vendor => identifiers.vendor(&said).map_or(said.clone(), str::to_owned),
                _ => said,
            };
            if let Some(value) = Text::some(said.as_bytes()) {
                let Template { attribute, strength, .. } = *template;
                out.push(Label { attribute, value, strength, key, entry: self.id });
            }
        }
    }
}

impl Template {
    /// Whether the value is made of what the pattern captured.
    pub fn quotes(&self) -> bool {
        groups(&self.parts).next().is_some()
    }

    /// The value as written, where it quotes nothing.
    pub fn literal(&self) -> Option<String> {
        self.fill(None)
    }

    fn fill(&self, captures: Option<&Captures<'_>>) -> Option<String> {
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => value.push_str(text),
                Part::Group(name) => {
                    let found = captures?.name(name)?;
                    let text = std::str::from_utf8(found.as_bytes()).ok()?;
                    value.push_str(Some(text).filter(|text| !text.is_empty())?);
                }
            }
        }
        Some(value)
    }
}

impl SaidStrength {
    /// The strength of the label `name`, where it is one.
    fn of(&self, name: &str) -> Option<u8> {
        let per_cent = match self {
            Self::All(strength) => *strength,
            Self::Each(each) => *each.get(name)?,
        };
        u8::try_from(per_cent).ok().filter(|per_cent| (1..=99).contains(per_cent))
    }
}

/// Compiles one pattern, within [`PATTERN_BYTES_MAX`].
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_BYTES_MAX).build()
}

fn has_group(pattern: &Regex, group: &str) -> bool {
    pattern.capture_names().flatten().any(|name| name == group)
}

/// The name of an attribute in `labels`.
pub fn attribute_name(attribute: Concluded) -> &'static str {
    match attribute {
        Concluded::Vendor => "vendor",
        Concluded::Model => "model",
        Concluded::Firmware => "firmware",
        Concluded::Serial => "serial",
        Concluded::Name => "name",
        Concluded::Kind => "kind",
    }
}

fn attribute(name: &str) -> Option<Concluded> {
    use Concluded::{Firmware, Kind, Model, Name, Serial, Vendor};
    [Vendor, Model, Firmware, Serial, Name, Kind]
        .into_iter()
        .find(|&attribute| attribute_name(attribute) == name)
}

/// Cuts `AXIS {model}` into its parts; `None` where a brace is never closed.
fn parts(value: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('{') {
        let (group, after) = after.split_once('}')?;
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        parts.push(Part::Group(group.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Some(parts)
}

fn groups(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Group(name) => Some(name.as_str()),
        Part::Literal(_) => None,
    })
}

const ATTRIBUTES_FIX: &str = "use vendor, model, firmware, serial, name or kind";

/// A compiled pattern's most memory: five times what the largest shipped one takes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
