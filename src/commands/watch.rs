//! `spanwatch watch`: a mirror port, live.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use spanwatch_appliance::config::Within;
use spanwatch_appliance::outputs::metrics::{Figures, Metrics};
use spanwatch_appliance::outputs::{Outputs, Say, file};
use spanwatch_capture::Control;
use spanwatch_engine::clock::Moment;
use spanwatch_engine::finding::Severity;
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::report::changes::{Change, Changes};
use spanwatch_engine::report::{Finding, Report, build, json, jsonl, table};
use spanwatch_parsers::Time;

use super::Failure;
use super::analysis::Common;
use super::port::{Listening, PORT_GONE};
use super::replay::style;

/// Watch mirror ports and say what goes dark, until stopped
///
/// Findings are told as they are made, revised and ended: a JSON line each, or on a terminal a sentence. SIGINT or
/// SIGTERM ends it with the report that replay would give of the same packets. Nothing is ever transmitted: a
/// port that has an address, answers ARP or has IPv6 on is refused, with the commands that make it silent.
/// Exits with 4 where a port was removed. A configuration also names who is told by syslog and webhooks.
///
/// Examples:
///   spanwatch watch -i eth1
///   spanwatch watch -i eth1 -i eth2 --inventory cameras.csv
///   spanwatch watch -i eth1 --format json -o report.json > findings.jsonl
///   spanwatch watch --config /etc/spanwatch.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Watch {
    /// A mirror port; several are one site, merged by packet time
    #[arg(short, long = "interface", value_name = "IF")]
    interfaces: Vec<String>,
    #[command(flatten)]
    listening: Listening,
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    duration: Option<u32>,
    /// How to write the report in the end [default: table on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
}

impl Watch {
    /// Does it.
    ///
    /// # Errors
    /// Where a port cannot be listened on, or something cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let data = self.common.data()?;
        let config = &data.config;
        let interfaces = if self.interfaces.is_empty() { &config.watch.interfaces } else { &self.interfaces };
        if interfaces.is_empty() {
            return Err(Failure::Usage("which port? -i eth1, or interfaces in the configuration".to_owned()));
        }
        let say: Say = Arc::new(|what| eprintln!("spanwatch: {what}"));
        let outputs = Outputs::start(config, &say).map_err(Failure::Config)?;
        let metrics = config.metrics.as_ref().map(|it| Metrics::listen(it.listen)).transpose();
        let metrics = metrics.map_err(|error| {
            let why = format!("listen: figures cannot be told there: {error}");
            Failure::Config(vec![config.fault(("metrics", 0, "listen"), why)])
        })?;
        let is_shown = io::stdout().is_terminal();
        let duration = self.duration.or(config.watch.duration_s.map(Within::get));
        let (source, control) = self.listening.open(interfaces, duration, &data)?;
        let mut teller = Teller {
            changes: Changes::default(),
            is_read: is_shown,
            failure: None,
            outputs,
            metrics,
            site: data.site.clone(),
            control: control.clone(),
            now: Time::default(),
        };
        let (report, _) = data.analysed(source, None, &mut |ledger, moment| {
            if teller.failure.is_none() {
                teller.failure = teller.tell(ledger, moment).err();
            }
            if teller.failure.is_some() {
                control.stop();
            }
        })?;
        if let Some(failure) = teller.failure.take() {
            return Err(failure.into());
        }
        teller.tell_all(report.findings.clone())?;
        for (name, left) in teller.outputs.finish(PATIENCE) {
            eprintln!("spanwatch: {name}: {left} messages could not be delivered");
        }
        let format = self.format.unwrap_or(if is_shown { Format::Table } else { Format::Jsonl });
        match &self.output {
            None => write(&report, format, is_shown, &mut io::stdout().lock())?,
            Some(path) => file::replace(path, |out| write(&report, format, false, out))?,
        }
        for input in &report.capture.inputs {
            let [sent, dropped] = [input.sent, input.dropped].map(Option::unwrap_or_default);
            eprintln!(
                "spanwatch: {}: {} packets, {dropped} dropped on this machine; packets sent: {sent}",
                input.name, input.packets
            );
        }
        if let Some(port) = control.removed() {
            eprintln!("spanwatch: {port} was removed, so the watch is over");
            return Ok(ExitCode::from(PORT_GONE));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Tells what becomes of findings.
struct Teller {
    changes: Changes,
    /// Whether people read it as it comes.
    is_read: bool,
    failure: Option<io::Error>,
    outputs: Outputs,
    metrics: Option<Metrics>,
    site: Option<String>,
    control: Control,
    /// All is told up to then.
    now: Time,
}

impl Teller {
    fn tell(&mut self, ledger: &Ledger, moment: &Moment) -> io::Result<()> {
        let now = match *moment {
            Moment::Tick(at) | Moment::Blind { at, .. } => at,
            Moment::Gap { .. } | Moment::Leap { .. } | Moment::Dropped(_) => return Ok(()),
        };
        self.now = now;
        let findings = build::findings(ledger, now);
        if let Some(metrics) = &self.metrics {
            metrics.show(self.figures(ledger, &findings));
        }
        self.tell_all(findings)
    }

    fn figures(&self, ledger: &Ledger, findings: &[Finding]) -> Figures {
        let open = |severity: Severity| {
            let is_open = |it: &&Finding| it.ended.is_none() && it.severity == severity.name();
            findings.iter().filter(is_open).count() as u64
        };
        let limits = ledger.all_limits();
        Figures {
            at: self.now,
            devices: build::states(ledger, self.now),
            findings: Severity::ALL.into_iter().map(|severity| (severity.name(), open(severity))).collect(),
            limits: limits.into_iter().map(|(what, limit)| (what, limit.evicted)).collect(),
            ports: self.control.reports(),
            receivers: self.outputs.statuses().map(|(name, status)| (name.to_owned(), status)).collect(),
        }
    }

    fn tell_all(&mut self, findings: Vec<Finding>) -> io::Result<()> {
        let changes = self.changes.since(findings);
        if changes.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        for change in &changes {
            if self.is_read { say(change, &mut out)? } else { jsonl::change(change, &mut out)? }
        }
        out.flush()?;
        self.outputs.tell(self.now, self.site.as_deref(), changes);
        Ok(())
    }
}

/// Says in one line what became of a finding.
fn say(Change { change, finding }: &Change, out: &mut dyn Write) -> io::Result<()> {
    let owner = finding.owner;
    writeln!(out, "{change:9}  {:8}  {owner:17}  {}  [{}]", finding.severity, finding.title, finding.id)
}

fn write(report: &Report, format: Format, is_shown: bool, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(report, style(is_shown), out)?,
        Format::Json => json::write(report, out)?,
        Format::Jsonl => jsonl::write(report, None, out)?,
    }
    out.flush()
}

/// In the end, for messages that are still to be delivered.
const PATIENCE: Duration = Duration::from_secs(5);
