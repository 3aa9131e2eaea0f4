//! `spanwatch doctor`: is this mirror any good? Of captures, or of two minutes at the port itself.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use spanwatch_appliance::confine::Needs;
use spanwatch_appliance::outputs::file;
use spanwatch_capture::Inputs;
use spanwatch_engine::report::doctor::{self, Letter, letter};
use spanwatch_engine::report::mirror_manuals::{FAMILIES, Family, named};

use super::Failure;
use super::analysis::{Options, analysed};
use super::port::Listening;

/// Say whether a mirror is any good, what it cannot show, and what to change on the switch
///
/// The verdict comes first, then what was measured: directions, copies, tags, cut packets, tunnels, losses, holes, how much of each device is seen; then what to do. Where the switch is known, or named with --switch, its commands follow, with the manual they stand in. Exits with 0 where the mirror could be judged.
///
/// Examples:
///   spanwatch doctor first-minute.pcapng
///   spanwatch doctor first-minute.pcapng --switch cisco-ios
///   spanwatch doctor -i eth1
///   tcpdump -i eth1 -c 20000 -w - | spanwatch doctor -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Doctor {
    /// Captures, folders of captures, or - for standard input
    #[arg(required_unless_present_any = ["interfaces", "tunnels"], value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Listen on a mirror port instead; on several as one site
    #[arg(short, long = "interface", value_name = "IF", conflicts_with = "paths")]
    interfaces: Vec<String>,
    /// Listen for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    duration: u32,
    #[command(flatten)]
    listening: Listening,
    /// How to write the letter [default: table on a terminal, json otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the commands of this family of switches
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    switch: Option<&'static Family>,
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
    /// Where no input can be read, no port listened on, or the letter cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let (options, data) = (&self.options, self.options.common.data()?);
        let (report, counts) = if !self.paths.is_empty() {
            let inputs = Inputs::find(&self.paths)?;
            super::analysis::say_skipped(&inputs);
            analysed(inputs, options, &data)?
        } else {
            let needs = Needs::output(self.output.as_deref());
            let (source, _) = self.listening.open(&self.interfaces, Some(self.duration), &data, &needs)?;
            data.analysed(source, None, &mut |_, _| {})?
        };
        let letter = letter(&report, &counts, self.switch);
        match &self.output {
            None => self.write(&letter, &mut BufWriter::new(io::stdout().lock()))?,
            Some(path) => file::replace(path, |out| self.write(&letter, out))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, letter: &Letter, out: &mut dyn Write) -> io::Result<()> {
        let is_shown = self.output.is_none() && io::stdout().is_terminal();
        match self.format.unwrap_or(if is_shown { Format::Table } else { Format::Json }) {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, letter)?;
                writeln!(out)?;
            }
            Format::Table => {
                let terminal = terminal_size::terminal_size().filter(|_| is_shown);
                let width = terminal.map_or(PLAIN_WIDTH, |(width, _)| width.0.min(PLAIN_WIDTH));
                doctor::write(letter, width.into(), out)?;
            }
        }
        out.flush()
    }
}

fn family(text: &str) -> Result<&'static Family, String> {
    let names = || FAMILIES.iter().map(|family| family.id).collect::<Vec<_>>().join(", ");
    named(text).ok_or_else(|| format!("one of {}", names()))
}

/// Longer lines are no letter.
const PLAIN_WIDTH: u16 = 110;
