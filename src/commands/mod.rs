//! One file a subcommand.

mod analysis;
mod brought;
pub mod carve;
pub mod config;
pub mod doctor;
pub mod findings;
pub mod fingerprints;
mod kept;
pub mod kinds;
pub mod learned;
mod list;
pub mod manual;
mod packet;
mod port;
pub mod protocols;
pub mod replay;
pub mod serve;
pub mod simulate;
mod stored;
pub mod users;
pub mod watch;

use std::io;

use spanwatch_appliance::config::Fault;

/// Why a command could not do its work; its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No input could be read at all.
    #[error(transparent)]
    Input(#[from] spanwatch_capture::OpenError),
    /// The site's own list.
    #[error(transparent)]
    List(#[from] list::ListError),
    /// What the configuration says: a line for each fault.
    #[error("{}", lines(.0))]
    Config(Vec<Fault>),
    /// A network port.
    #[error("{0}{remedy}", remedy = remedy(.0))]
    Port(#[from] spanwatch_capture::PortError),
    /// Rights that are no longer needed.
    #[error(transparent)]
    Unconfined(#[from] spanwatch_appliance::confine::Unconfined),
    /// The filter expression.
    #[error(transparent)]
    Filter(#[from] spanwatch_capture::FilterError),
    /// The output file.
    #[error(transparent)]
    Output(#[from] spanwatch_appliance::outputs::file::Unwritten),
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[from] io::Error),
    /// What was ordered of the simulator.
    #[error(transparent)]
    Plan(#[from] spanwatch_simulator::incident::PlanError),
    /// No finding, or several, are called so.
    #[error("{0}")]
    Incident(String),
    /// No device, or several, are called so.
    #[error("{0}")]
    Device(String),
    /// A report that is to be read again.
    #[error("{0}")]
    Report(String),
    /// The pages.
    #[error(transparent)]
    Web(#[from] spanwatch_web::Refusal),
    /// A site's own fingerprints.
    #[error("{0}")]
    Fingerprints(String),
    /// The store of a folder.
    #[error("the store in {}: {trouble}", dir.display())]
    Store {
        /// Which.
        dir: std::path::PathBuf,
        /// What is wrong with it.
        trouble: spanwatch_appliance::store::Trouble,
    },
    /// Options that do not go together.
    #[error("{0}")]
    Usage(String),
    /// The analysis could not go on.
    #[error(transparent)]
    Stopped(#[from] crate::pipeline::Stopped),
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn remedy(error: &spanwatch_capture::PortError) -> String {
    let commands = error.remedy();
    if commands.is_empty() { commands } else { format!("\nMake it so, as root:\n{}", commands.trim_end()) }
}

impl Failure {
    /// Whether the command line was wrong, though each of its words was right.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Plan(_) | Self::Usage(_))
    }

    /// Whether the reader of our output went away, as `head` does: no failure of ours.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
