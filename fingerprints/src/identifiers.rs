//! The vocabulary: which kinds of device there are, and one name for each vendor.
//!
//! ```toml
//! date  = "2026-11-22"
//! kinds = ["camera", "encoder"]
//! modules = ["Espressif Inc."]            # whose address blocks name no maker of devices
//!
//! [vendors]
//! Axis = ["Axis Communications AB"]       # the one name, and what else it is called
//! ```
//!
//! Names are compared without case.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Problem;

/// The vocabulary, ready for look-ups.
#[derive(Debug, Default)]
pub struct Identifiers {
    kinds: Vec<String>,
    /// Organisations whose address blocks tell who made a module.
    modules: BTreeSet<String>,
    /// The vendors' own names, as written.
    names: Vec<String>,
    /// Lower-case name or alias, and the vendor's place in `names`.
    vendors: BTreeMap<String, usize>,
    /// Names and aliases that two vendors claim.
    contested: Vec<String>,
}

impl Identifiers {
    /// Adds the words of a file, and says when it was last changed. A vendor that is there already gets more aliases.
    ///
    /// # Errors
    /// Where it is no TOML of this shape.
    pub fn add(&mut self, file: &str, text: &str) -> Result<String, Problem> {
        let said: Said = toml::from_str(text).map_err(|error| {
            Problem::in_file(file, error.to_string(), "write it as the shipped identifiers.toml is")
        })?;
        self.kinds.extend(said.kinds);
        self.modules.extend(said.modules);
        for (name, aliases) in said.vendors {
            let known = self.names.iter().position(|it| *it == name);
            let place = known.unwrap_or(self.names.len());
            for called in aliases.iter().chain([&name]) {
                let before = self.vendors.insert(called.to_lowercase(), place);
                if before.is_some_and(|before| before != place || known.is_none()) {
                    self.contested.push(called.clone());
                }
            }
            if known.is_none() {
                self.names.push(name);
            }
        }
        Ok(said.date)
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

    /// Whether an organisation makes network modules and cards for the devices of others.
    pub fn is_module_maker(&self, organisation: &str) -> bool {
        self.modules.contains(organisation)
    }

    /// The organisations that do.
    pub fn module_makers(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(String::as_str)
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
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    vendors: BTreeMap<String, Vec<String>>,
}
