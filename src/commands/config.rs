//! `spanwatch config`: what a watch goes by, held to what it can be.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use spanwatch_appliance::outputs;

use super::Failure;
use super::analysis::Common;

/// Check what a watch goes by
///
/// Examples:
///   spanwatch config check /etc/spanwatch.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Command {
    #[command(subcommand)]
    command: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    Check(Check),
}

/// Say what is wrong in a configuration, with its line and what would be right
///
/// Opens every file that it names, and no port and no connection. Exits with 1 where something is wrong.
///
/// Examples:
///   spanwatch config check /etc/spanwatch.toml
///   spanwatch watch --config /etc/spanwatch.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Check {
    /// The file: docs/config.md tells its keys
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Where the configuration cannot be used.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let Which::Check(Check { file }) = &self.command;
        let common = Common::configured(file);
        let data = common.data()?;
        outputs::check(&data.config).map_err(Failure::Config)?;
        super::stored::certificate(&data.config)?;
        writeln!(io::stdout(), "{}: nothing is wrong", file.display())?;
        Ok(ExitCode::SUCCESS)
    }
}
