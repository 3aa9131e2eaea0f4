//! `spanwatch replay`: captures in, the report out.

use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use spanwatch_appliance::outputs::file;
use spanwatch_capture::Inputs;
use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::incident::{self, Audience, Named};
use spanwatch_engine::report::{Finding, Report, csv, json, jsonl, table, timeline};
use spanwatch_web::book;

use super::Failure;
use super::analysis::{Data, Options, analysed};

/// Read captures and report devices, streams and what went dark
///
/// Several inputs are one site, merged by packet time.
///
/// Examples:
///   spanwatch replay office.pcapng
///   spanwatch replay captures/ --format json -o report.json
///   spanwatch replay office.pcapng --format html -o report.html
///   spanwatch replay office.pcapng --format html --for it -o for-it.html
///   spanwatch replay office.pcapng --inventory cameras.csv
///   spanwatch replay office.pcapng --incident 3f2a --for it
///   spanwatch replay office.pcapng --incident 3f2a -o incident.svg
///   tcpdump -r big.pcap -w - port 554 | spanwatch replay -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Replay {
    /// Captures, folders of captures, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Report on each input by itself
    #[arg(long)]
    each: bool,
    /// How to write the report [default: table on a terminal, json otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Which table csv writes
    #[arg(long, value_enum, default_value_t = CsvTable::Devices)]
    table: CsvTable,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 3 if a finding is at least this severe: critical, high, medium, low or info
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// Write one finding as text for a ticket: its id, or the beginning of it
    #[arg(long, value_name = "ID", conflicts_with = "each")]
    incident: Option<String>,
    /// For whom, with --incident or --format html: whose parts come first, and how deep; security is for auditors, too
    /// [default: everything]
    #[arg(long = "for", value_enum, value_name = "AUDIENCE")]
    audience: Option<For>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum For {
    It,
    PhysicalSecurity,
    Security,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
    Csv,
    /// One file for people, with the pictures of all incidents: no script, nothing loaded, prints clean
    Html,
    /// A picture of one finding over time; with --incident
    Svg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CsvTable {
    Devices,
    Findings,
    Streams,
}

impl Replay {
    /// Does it.
    ///
    /// # Errors
    /// Where no input can be read or the output cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        match (&self.incident, self.format) {
            (Some(_), Some(Format::Jsonl | Format::Csv | Format::Html)) => {
                let why = "--incident writes text, with --format json the finding alone, with --format svg its picture";
                return Err(Failure::Usage(why.to_owned()));
            }
            (None, Some(Format::Svg)) => {
                return Err(Failure::Usage(
                    "--format svg draws one finding: say which with --incident ID".to_owned(),
                ));
            }
            (None, Some(Format::Html)) if self.each => {
                let why = "--format html writes one file of one site: leave out --each, or name one input";
                return Err(Failure::Usage(why.to_owned()));
            }
            (None, format) if self.audience.is_some() && format != Some(Format::Html) => {
                let why = "--for is for a text or one file to read: give --incident ID, or --format html";
                return Err(Failure::Usage(why.to_owned()));
            }
            _ => {}
        }
        let data = self.options.common.data()?;
        let inputs = Inputs::find(&self.paths)?;
        super::analysis::say_skipped(&inputs);
        let parts = if self.each { inputs.each() } else { vec![inputs] };
        let worst = match &self.output {
            None => self.write_all((parts, &data), &mut BufWriter::new(io::stdout().lock()))?,
            Some(path) => {
                let mut worst = None;
                let mut failure = None;
                let written = file::replace(path, |out| match self.write_all((parts, &data), out) {
                    Ok(found) => {
                        worst = found;
                        Ok(())
                    }
                    Err(Failure::Stdout(error)) => Err(error),
                    Err(other) => {
                        failure = Some(other);
                        Err(io::Error::other("the analysis failed"))
                    }
                });
                if let Some(failure) = failure {
                    return Err(failure);
                }
                written?;
                worst
            }
        };
        let is_reached = self.fail_on.is_some_and(|limit| worst.is_some_and(|worst| worst <= limit));
        Ok(if is_reached { ExitCode::from(REACHED) } else { ExitCode::SUCCESS })
    }

    /// Analyses and writes part by part, and says how severe the worst finding is.
    fn write_all(
        &self,
        (parts, data): (Vec<Inputs>, &Data),
        out: &mut dyn Write,
    ) -> Result<Option<Severity>, Failure> {
        let format = self.format();
        let is_array = self.each && format == Format::Json;
        let mut worst = None;
        let last = parts.len().saturating_sub(1);
        for (index, inputs) in parts.into_iter().enumerate() {
            let name = inputs.names().next().unwrap_or_default().to_owned();
            let (report, _) = analysed(inputs, &self.options, data)?;
            let severities = report.findings.iter().filter_map(|finding| severity(finding.severity).ok());
            worst = severities.chain(worst).min();
            if let Some(id) = &self.incident {
                self.write_incident(&report, id, out)?;
                continue;
            }
            if is_array {
                writeln!(out, "{}", if index == 0 { "[" } else { "," })?;
            }
            if format == Format::Html {
                book::write(report, self.audience(), out)?;
                continue;
            }
            self.write(&report, format, &name, index, out)?;
            if index == last {
                // The process ends, and all that it holds at once; piece by piece a large report takes its time.
                std::mem::forget(report);
            }
        }
        if is_array {
            writeln!(out, "]")?;
        }
        out.flush()?;
        Ok(worst)
    }

    fn write(
        &self,
        report: &Report,
        format: Format,
        name: &str,
        index: usize,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match format {
            Format::Json => json::write(report, out),
            Format::Jsonl => jsonl::write(report, self.each.then_some(name), out),
            Format::Csv => {
                let table = match self.table {
                    CsvTable::Devices => csv::Table::Devices,
                    CsvTable::Findings => csv::Table::Findings,
                    CsvTable::Streams => csv::Table::Streams,
                };
                csv::write(report, table, index == 0, out)
            }
            // A picture is of one finding, which `write_incident` draws; a book takes the report.
            Format::Svg | Format::Html => Ok(()),
            Format::Table => {
                if self.each {
                    writeln!(out, "== {name}")?;
                }
                table::write(report, style(self.is_shown()), out)
            }
        }
    }

    /// Writes the finding called `id` alone.
    fn write_incident(&self, report: &Report, id: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let (finding, asked) = finding_named(report, id)?;
        let audience = self.audience();
        let is_picture = |path: &PathBuf| path.extension().is_some_and(|it| it.eq_ignore_ascii_case("svg"));
        match self.format {
            Some(Format::Svg) => timeline::write(report, finding, out)?,
            None if self.output.as_ref().is_some_and(is_picture) => timeline::write(report, finding, out)?,
            Some(Format::Json) => {
                serde_json::to_writer_pretty(&mut *out, finding).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            _ => incident::write(report, finding, (audience, asked), out)?,
        }
        Ok(())
    }

    const fn audience(&self) -> Audience {
        match self.audience {
            None => Audience::Everybody,
            Some(For::It) => Audience::It,
            Some(For::PhysicalSecurity) => Audience::PhysicalSecurity,
            Some(For::Security) => Audience::Security,
        }
    }

    fn format(&self) -> Format {
        self.format.unwrap_or(if self.is_shown() { Format::Table } else { Format::Json })
    }

    /// Whether a person sees the output as it comes.
    fn is_shown(&self) -> bool {
        self.output.is_none() && io::stdout().is_terminal()
    }
}

/// The finding called `id`, or beginning so; with it the id by which it is asked for where that was superseded.
///
/// # Errors
/// Where there is none, or several are called so: it lists those that come near.
pub fn finding_named<'a>(report: &'a Report, id: &str) -> Result<(&'a Finding, Option<&'a str>), Failure> {
    let (why, findings) = match incident::named(report, id) {
        Named::Finding(finding) => return Ok((finding, None)),
        Named::Superseded(finding, asked) => return Ok((finding, Some(asked))),
        Named::Several(all) => ("several findings have ids that begin with", all),
        Named::None(near) => ("no finding has the id", near),
    };
    Err(Failure::Incident(unnamed(id, why, &findings)))
}

/// Why an id names no finding, and which ids there are.
fn unnamed(id: &str, why: &str, findings: &[&Finding]) -> String {
    let id: String = id.chars().filter(|it| !it.is_control()).take(ID_SHOWN).collect();
    if findings.is_empty() {
        return format!("{why} {id}: there are no findings");
    }
    let mut text = format!("{why} {id}:");
    for finding in findings.iter().take(IDS_SHOWN) {
        let _ = write!(text, "\n  {}  {}", finding.id, finding.title);
    }
    text.push_str("\nspanwatch replay --format csv --table findings lists all with their ids");
    text
}

pub fn style(is_shown: bool) -> table::Style {
    let terminal = terminal_size::terminal_size().filter(|_| is_shown);
    let width = terminal.map_or(PLAIN_WIDTH, |(width, _)| width.0.max(WIDTH_MIN));
    let is_colour_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    table::Style { width, is_coloured: is_shown && is_colour_wanted }
}

fn severity(text: &str) -> Result<Severity, String> {
    let names = Severity::ALL.map(Severity::name).join(", ");
    Severity::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| format!("one of {names}"))
}

/// As much of a wrong id is repeated ...
const ID_SHOWN: usize = 64;
/// ... and so many right ones are named.
const IDS_SHOWN: usize = 5;
/// A finding reached `--fail-on`.
const REACHED: u8 = 3;
/// Columns where there is no terminal to ask.
const PLAIN_WIDTH: u16 = 160;
/// A narrower terminal breaks lines itself better than we do.
const WIDTH_MIN: u16 = 60;
