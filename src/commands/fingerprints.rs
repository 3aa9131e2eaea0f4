//! `spanwatch fingerprints`: what devices are known by, held to its proof; and why one was identified so.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use spanwatch_capture::Inputs;
use spanwatch_engine::report::explain::{self, Named};
use spanwatch_fingerprints::{Fingerprints, Problem};

use super::Failure;
use super::analysis::{Options, analysed, say_skipped};

/// Check what devices are known by, or explain one device
///
/// Examples:
///   spanwatch fingerprints check ours/
///   spanwatch fingerprints explain 192.0.2.51 office.pcapng
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Command {
    #[command(subcommand)]
    command: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    Check(Check),
    Explain(Explain),
}

/// Hold fingerprints to their proof: the shipped ones, and your own files beside them
///
/// A file is named for what it reads, as rtsp.server.toml; its entries speak before the shipped ones.
///
/// Examples:
///   spanwatch fingerprints check
///   spanwatch fingerprints check ours/
///   spanwatch replay office.pcapng --fingerprints ours/
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Check {
    /// Your own files, or folders of them
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Say who says what of one device, for and against, with the packets
///
/// Examples:
///   spanwatch fingerprints explain 192.0.2.51 office.pcapng
///   spanwatch fingerprints explain b8:a4:4f:3a:91:0c captures/
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Explain {
    /// The device: its id, MAC, address, name or host name
    #[arg(value_name = "DEVICE")]
    device: String,
    /// Captures, folders of captures, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Where an input cannot be read or nothing is called so.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        match &self.command {
            Which::Check(check) => check.run(),
            Which::Explain(explain) => explain.run(),
        }
    }
}

impl Check {
    fn run(&self) -> Result<ExitCode, Failure> {
        let fingerprints = read(&self.paths)?;
        let problems = fingerprints.check();
        let mut out = io::stdout().lock();
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        let (entries, files) = (fingerprints.len(), fingerprints.lists().count());
        match problems.len() {
            0 => writeln!(out, "{entries} entries in {files} files: all proved")?,
            faults => writeln!(out, "{entries} entries in {files} files: {faults} faults")?,
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Explain {
    fn run(&self) -> Result<ExitCode, Failure> {
        let data = self.options.common.data()?;
        let inputs = Inputs::find(&self.paths)?;
        say_skipped(&inputs);
        let (report, _) = analysed(inputs, &self.options, &data)?;
        let shown: String = self.device.chars().filter(|it| !it.is_control()).take(WORD_SHOWN).collect();
        match explain::named(&report, &self.device) {
            Named::Device(device) => {
                let mut out = BufWriter::new(io::stdout().lock());
                explain::write(&report, device, data.fingerprints, &mut out)?;
                out.flush()?;
                Ok(ExitCode::SUCCESS)
            }
            Named::Several(devices) => {
                let mut text = format!("several devices are called {shown}: say which by its id");
                for device in devices.iter().take(DEVICES_SHOWN) {
                    text += &format!("\n  {}", explain::line(device));
                }
                Err(Failure::Device(text))
            }
            Named::Nothing => {
                let count = report.devices.len();
                Err(Failure::Device(format!(
                    "none of the {count} devices is called {shown}: give an id, a MAC, an address or a name that \
                     `spanwatch replay` shows"
                )))
            }
        }
    }
}

/// Reads a site's own fingerprints beside the shipped ones.
///
/// # Errors
/// Where a file cannot be read or used; each fault is named.
pub fn read(paths: &[PathBuf]) -> Result<Fingerprints, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let is_folder = fs::metadata(path).map_err(|error| unread(path, &error))?.is_dir();
        if !is_folder {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        for entry in fs::read_dir(path).map_err(|error| unread(path, &error))? {
            let file = entry.map_err(|error| unread(path, &error))?.path();
            if file.extension().is_some_and(|it| it == "toml") {
                files.push(file);
            }
        }
        if files.len() == before {
            let what = format!("{}: no .toml file is in this folder", path.display());
            return Err(Failure::Fingerprints(what));
        }
    }
    let mut texts = Vec::new();
    for file in files {
        let length = fs::metadata(&file).map_err(|error| unread(&file, &error))?.len();
        if length > FILE_BYTES_MAX {
            let what = format!("{}: longer than {FILE_BYTES_MAX} bytes, which no list is", file.display());
            return Err(Failure::Fingerprints(what));
        }
        let text = fs::read_to_string(&file).map_err(|error| unread(&file, &error))?;
        texts.push((file.display().to_string(), text));
    }
    let texts: Vec<(&str, &str)> = texts.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    Fingerprints::with_files(&texts).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        Failure::Fingerprints(lines.join("\n"))
    })
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::Fingerprints(format!("{}: {error}", path.display()))
}

/// A file of fingerprints is this long at most; the longest shipped one has 20 kB.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// As much of a wrong word is repeated.
const WORD_SHOWN: usize = 64;
/// So many devices of one name are listed.
const DEVICES_SHOWN: usize = 5;
