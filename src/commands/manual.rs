//! `spanwatch manual`: the manual pages, made of what `--help` says.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;

/// Write the manual pages, one for each command
///
/// Examples:
///   spanwatch manual . && man ./spanwatch-watch.1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, hide = true)]
pub struct Manual {
    /// Where to
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Manual {
    /// Does it: `all` is the program's whole command line.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn run(&self, all: clap::Command) -> Result<ExitCode, Failure> {
        clap_mangen::generate_to(all, &self.folder)
            .map_err(|error| Failure::Report(format!("{}: {error}", self.folder.display())))?;
        Ok(ExitCode::SUCCESS)
    }
}
