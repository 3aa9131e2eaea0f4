//! `spanwatch doctor`: is this mirror any good?

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use spanwatch_capture::Inputs;
use spanwatch_engine::report::mirror_check::{Grade, remarks};

use super::Failure;
use super::analysis::{Options, analysed};

/// Say whether a mirror is any good: directions, copies, tags, cut packets, tunnels, holes
///
/// Examples:
///   spanwatch doctor first-minute.pcapng
///   tcpdump -i eth1 -c 20000 -w - | spanwatch doctor -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Doctor {
    /// Captures, folders of captures, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl Doctor {
    /// Does it.
    ///
    /// # Errors
    /// Where no input can be read.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let inputs = Inputs::find(&self.paths)?;
        super::analysis::say_skipped(&inputs);
        let (report, counts) = analysed(inputs, &self.options)?;
        let remarks = remarks(&report, &counts);
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &remarks).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            Format::Table => {
                for remark in remarks {
                    let grade = match remark.grade {
                        Grade::Good => "good",
                        Grade::Note => "note",
                        Grade::Bad => "BAD",
                    };
                    writeln!(out, "{grade:<5} {:<15} {}", remark.topic, remark.text)?;
                    if let Some(remedy) = remark.remedy {
                        writeln!(out, "{:21} -> {remedy}", "")?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
