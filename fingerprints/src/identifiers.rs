//! The vocabulary: which kinds of device there are, and one name for each vendor.
//!
//! ```toml
//! date  = "2026-11-22"
//! kinds = ["camera", "encoder"]
//!
//! [vendors]
//! Axis = ["Axis Communications AB"]       # the one name, and what else it is called
//! ```
//!
//! Names are compared without case.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Problem;

/// The vocabulary, ready for look-ups.
#[derive(Debug, Default)]
pub struct Identifiers {
    /// When the file was last changed.
    pub date: String,
    kinds: Vec<String>,
    /// The vendors' own names, as written.
    names: Vec<String>,
    /// Lower-case name or alias, and the vendor's place in `names`.
    vendors: BTreeMap<String, usize>,
    /// Names and aliases that two vendors claim.
    contested: Vec<String>,
}

impl Identifiers {
    /// Reads the vocabulary's file.
    ///
    /// # Errors
    /// Where it is no TOML of this shape.
    pub fn read(file: &str, text: &str) -> Result<Self, Problem> {
        let said: Said = toml::from_str(text).map_err(|error| {
            Problem::in_file(file, error.to_string(), "write it as the shipped identifiers.toml is")
        })?;
        let mut identifiers = Self { date: said.date, kinds: said.kinds, ..Self::default() };
        for (place, (name, aliases)) in said.vendors.into_iter().enumerate() {
            for called in aliases.iter().chain([&name]) {
                if identifiers.vendors.insert(called.to_lowercase(), place).is_some() {
                    identifiers.contested.push(called.clone());
                }
            }
            identifiers.names.push(name);
        }
        Ok(identifiers)
    }

    /// The vendor's one name, for its name or one of its aliases.
    pub fn vendor(&self, said: &str) -> Option<&str> {
        let &place = self.vendors.get(&said.to_lowercase())?;
        self.names.get(place).map(String::as_str)
    }

    /// Whether there is such a kind of device.
    pub fn is_kind(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| known == kind)
    }

    /// Names and aliases that stand in the file twice.
    pub fn contested(&self) -> &[String] {
        &self.contested
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    date: String,
    kinds: Vec<String>,
    vendors: BTreeMap<String, Vec<String>>,
}
