//! What is wrong with a file of fingerprints, for the person who wrote it.

/// One fault: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}; {fix}", entry.as_ref().map(|id| format!(", entry `{id}`")).unwrap_or_default())]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// The entry's id; `None` where the whole file is meant.
    pub entry: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Problem {
    /// A fault of the whole file.
    pub fn in_file(file: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: file.to_owned(), entry: None, what: what.into(), fix: fix.into() }
    }

    /// A fault of one entry.
    pub fn in_entry(file: &str, id: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { entry: Some(id.to_owned()), ..Self::in_file(file, what, fix) }
    }
}
