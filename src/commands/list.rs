//! Reads the site's own list of its devices, and says on stderr what is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spanwatch_engine::ledger::inventory::{BYTES_MAX, Inventory, Unreadable, read};
use spanwatch_engine::networks::{self, Networks};
use spanwatch_engine::report::build::sha256;

use crate::stderr;

/// A list that was read, or none.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Its rows.
    pub inventory: Arc<Inventory>,
    /// Of the file as given, in hex; empty where there is none.
    pub sha256: String,
}

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file.
    #[error("{}: {error}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is in it.
    #[error("{}: {error}", .path.display())]
    Understand {
        /// Which.
        path: PathBuf,
        /// Why.
        error: Unreadable,
    },
    /// A line of it.
    #[error("{}, {error}", .path.display())]
    Line {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: networks::Unreadable,
    },
}

impl List {
    /// Reads a list. Rows that cannot be used are named and counted on stderr.
    ///
    /// # Errors
    /// Where the file cannot be read or no row of it can be understood.
    pub fn read(path: &Path) -> Result<Self, super::Failure> {
        let failed = |error| ListError::Read { path: path.to_owned(), error };
        let mut bytes = Vec::new();
        let longest = BYTES_MAX as u64 + 1;
        File::open(path).and_then(|file| file.take(longest).read_to_end(&mut bytes)).map_err(failed)?;
        let listed = read(&bytes).map_err(|error| ListError::Understand { path: path.to_owned(), error })?;
        let shown = path.display();
        for remark in listed.remarks.iter().take(REMARKS_SHOWN) {
            let column = remark.column.as_ref().map(|name| format!(", column {name}")).unwrap_or_default();
            stderr::say(format_args!("{shown}, line {}{column}: {}", remark.line, remark.text));
        }
        if listed.left_out > 0 {
            stderr::say(format_args!("{shown}: {} of {} rows are left out", listed.left_out, listed.rows));
        }
        Ok(Self { inventory: Arc::new(listed.inventory), sha256: sha256(&bytes) })
    }
}

/// Reads a list of networks; and what is in the file.
///
/// # Errors
/// Where it cannot be read, is too long, or a line of it cannot be understood.
pub fn networks(path: &Path) -> Result<(Networks, Vec<u8>), ListError> {
    let failed = |error| ListError::Read { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let longest = networks::BYTES_MAX as u64 + 1;
    File::open(path).and_then(|file| file.take(longest).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > networks::BYTES_MAX {
        let why = format!("it is larger than {} MiB: leave networks out", networks::BYTES_MAX >> 20);
        return Err(failed(io::Error::other(why)));
    }
    let read = Networks::read(&bytes).map_err(|error| ListError::Line { path: path.to_owned(), error })?;
    Ok((read, bytes))
}

/// What is wrong is said so often; rows left out are counted.
const REMARKS_SHOWN: usize = 10;
