//! `spanwatch kinds`: what can be found, from the detectors' own documentation.

use std::io::Write;
use std::process::ExitCode;

use spanwatch_engine::detectors;

use super::Failure;

/// List the kinds of findings, or explain one
///
/// Examples: spanwatch kinds; spanwatch kinds device-offline
#[derive(Debug, clap::Args)]
pub struct Kinds {
    /// Explain this kind in full
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(detectors::ALL.iter().map(|kind| kind.id)))]
    kind: Option<String>,
}

impl Kinds {
    /// Prints one line a kind, or one kind's page.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let mut out = std::io::stdout().lock();
        let width = detectors::ALL.iter().map(|kind| kind.id.len()).max().unwrap_or(0);
        for kind in detectors::ALL {
            let help = kind.help();
            match &self.kind {
                Some(wanted) if wanted == kind.id => writeln!(out, "{help}")?,
                Some(_) => {}
                None => {
                    let first = help.lines().next().unwrap_or_default();
                    let said = first.split_once(": ").map_or(first, |(_, said)| said);
                    let (id, category) = (kind.id, kind.category);
                    writeln!(out, "{id:<width$} {category:<13} {:<9} {said}", kind.severity.name())?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
