//! `spanwatch users`: who may use the pages of a store, from the console: for who lost the last admin's password, too.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use spanwatch_appliance::config::STORE;
use spanwatch_appliance::store::Trouble;
use spanwatch_appliance::store::desk::Desk;
use spanwatch_appliance::store::users::By;
use spanwatch_capture::wall_clock;
use spanwatch_parsers::Span;

use super::Failure;

/// Say who may use the pages of a store, and make links with which they choose a password
///
/// Examples:
///   spanwatch users list
///   spanwatch users link ada --url https://spanwatch.example:8443
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub struct Command {
    /// The folder of the store
    #[arg(long, value_name = "DIR", default_value = STORE, global = true)]
    store: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Who they are, and what they may
    ///
    /// Example: spanwatch users list --store /var/lib/spanwatch
    List,
    /// A link with which somebody chooses another password; it works once, within an hour
    ///
    /// Example: spanwatch users link ada
    Link {
        /// Who
        name: String,
        /// Where the pages are
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8443")]
        url: String,
    },
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Where there is no store, or no such user.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let trouble = |trouble: Trouble| Failure::Store { dir: self.store.clone(), trouble };
        let desk = Desk::open(&self.store).map_err(trouble)?;
        let mut out = io::stdout().lock();
        match &self.what {
            What::List => {
                for user in desk.users().map_err(trouble)? {
                    writeln!(out, "{:26}  {}", user.role.name(), user.name)?;
                }
            }
            What::Link { name, url } => {
                let who = super::findings::user();
                let by = By { who: &who, origin: None, at: wall_clock() };
                let secret = desk.link(&by, name, by.at + LASTS).map_err(trouble)?;
                writeln!(out, "{}/welcome?key={secret}", url.trim_end_matches('/'))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whoever asks for it stands at the console.
const LASTS: Span = Span::seconds(3_600);
