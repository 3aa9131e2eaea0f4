//! What every command that analyses packets does alike: options in, report out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spanwatch_appliance::config::{self, Config, Named};
use spanwatch_appliance::recorder::Feed;
use spanwatch_capture::{Filter, FilterError, InputReport, Inputs, Reader, Source};
use spanwatch_engine::clock::Moment;
use spanwatch_engine::expected::Role;
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::ledger::memory::Memory;
use spanwatch_engine::networks::Networks;
use spanwatch_engine::policy::{Policy, Rule};
use spanwatch_engine::report::build::{Run, report, sha256};
use spanwatch_engine::report::{self, CaptureCounts, DataList, Input, Report};
use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::Time;

use super::Failure;
use super::list::{self, List};
use crate::health::Health;
use crate::pipeline::{Analysis, Knowledge, Watcher, analyse};
use crate::progress;
use crate::stderr;

/// Options of every analysis.
#[derive(Debug, Default, clap::Args)]
pub struct Common {
    /// A file that says the same and more, as `spanwatch config check` reads it; what the command line says goes first
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Analyse only packets that match this expression, as tcpdump's
    #[arg(long, value_name = "BPF", value_parser = expression)]
    filter: Option<String>,
    /// The site's own list of devices: a CSV file whose first row names its columns: mac or ip, name, location,
    /// switch, port, importance
    #[arg(long, value_name = "FILE.csv")]
    inventory: Option<PathBuf>,
    /// Your own fingerprints beside the shipped ones: a file such as rtsp.server.toml, or a folder of them
    #[arg(long, value_name = "PATH")]
    fingerprints: Vec<PathBuf>,
    /// Compare no accepted login with known passwords: findings of default and weak passwords are then left out
    #[arg(long)]
    no_password_test: bool,
    /// Worker threads [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// The site's name, for the report
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
}

/// Options of every analysis of captures.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// Let time go on until then if the capture ends before, as 2026-11-22T09:14:03Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Time>,
    /// Take no SHA-256 of the inputs, which on video is most of the work. The report then names none, so that
    /// nobody can prove by it which files it was made of
    #[arg(long)]
    no_file_hash: bool,
    /// Show no progress bar
    #[arg(long)]
    no_progress: bool,
}

/// Analyses the inputs as one site.
///
/// # Errors
/// Where reading has to stop.
pub fn analysed(inputs: Inputs, options: &Options, data: &Data) -> Result<(Report, CaptureCounts), Failure> {
    analysed_before(inputs, options, data, &mut |_, _| {})
}

/// The same before the eyes of `watcher`.
pub fn analysed_before(
    inputs: Inputs,
    options: &Options,
    data: &Data,
    watcher: &mut (dyn FnMut(&mut Ledger, &Moment) + Send),
) -> Result<(Report, CaptureCounts), Failure> {
    let mut reader = Reader::new(inputs, data.bpf()?);
    if options.no_file_hash {
        reader = reader.without_hashes();
    }
    let progress = reader.progress();
    progress::during(&progress, !options.no_progress, || {
        data.analysed(Box::new(reader), options.until, &mut |ledger, moment| {
            moment.into_iter().for_each(|moment| watcher(ledger, moment));
        })
    })
}

impl Data {
    /// The filter, where one is given.
    ///
    /// # Errors
    /// Where libpcap does not understand it.
    pub fn bpf(&self) -> Result<Option<Filter>, FilterError> {
        self.filter.as_deref().map(Filter::new).transpose()
    }

    /// Analyses what a source gives as one site, until `until` where that is later; `watcher` sees how it goes.
    ///
    /// # Errors
    /// Where reading has to stop.
    pub fn analysed(
        &self,
        source: Box<dyn Source>,
        until: Option<Time>,
        watcher: Watcher<'_>,
    ) -> Result<(Report, CaptureCounts), Failure> {
        let list = &self.list;
        let known = Knowledge {
            fingerprints: self.fingerprints,
            inventory: Arc::clone(&list.inventory),
            tests_passwords: self.tests_passwords,
            memory: Arc::clone(&self.memory),
            recorder: self.recorder.clone(),
            health: Arc::clone(&self.health),
            parsers: spanwatch_parsers::ALL,
            kinds: spanwatch_engine::detectors::ALL,
            policy: Arc::new(self.policy()),
            networks: Arc::clone(&self.networks),
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or(processors, usize::from);
        let analysis = analyse(source, threads, &known, until, watcher)?;
        for refusal in &analysis.filter_refusals {
            stderr::say(refusal);
        }
        let run = Run {
            inputs: analysis.inputs.iter().map(input).collect(),
            counts: counts(&analysis),
            until: until.filter(|until| Some(*until) > analysis.clock),
            clock: analysis.clock,
            ..self.run(until)
        };
        Ok((report(analysis.ledger, &run), run.counts))
    }

    /// What a capture that somebody brings is analysed by: the same list, fingerprints and configuration, in one thread, and
    /// nothing of what goes on besides.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            list: self.list.clone(),
            fingerprints: self.fingerprints,
            networks: Arc::clone(&self.networks),
            lists: self.lists.clone(),
            filter: None,
            config: self.config.clone(),
            site: None,
            memory: Arc::default(),
            recorder: None,
            health: Arc::default(),
            tests_passwords: self.tests_passwords,
            threads: Some(1),
        }
    }

    /// What the configuration allows, forbids and expects.
    fn policy(&self) -> Policy {
        let names = |named: &[Named]| named.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        let rule = |it: &config::Policy| Rule {
            from: names(&it.from),
            to: names(&it.to),
            ports: it.ports.iter().filter_map(|port| u16::try_from(port.get()).ok()).collect(),
            may: it.may,
        };
        let listed = &self.config.expected;
        let expected = [
            (Role::Viewer, &listed.viewers),
            (Role::Dns, &listed.dns),
            (Role::Ntp, &listed.ntp),
            (Role::Smtp, &listed.smtp),
            (Role::Dhcp, &listed.dhcp),
        ];
        let expected = expected.into_iter().filter_map(|(role, named)| Some((role, names(named.as_ref()?))));
        Policy {
            rules: self.config.policy.iter().map(rule).collect(),
            expected: expected.collect(),
            hours: self.config.working_hours.iter().map(|it| it.0).collect(),
        }
    }

    /// What the report says of a run before it begins.
    fn run(&self, until: Option<Time>) -> Run {
        let policy = self.policy();
        let rules = (!policy.rules.is_empty()).then(|| ("policy", format!("{:?}", policy.rules)));
        let hours = (!policy.hours.is_empty()).then(|| ("working_hours", format!("{:?}", policy.hours)));
        let expected = (!policy.expected.is_empty()).then(|| ("expected", format!("{:?}", policy.expected)));
        let options = [
            ("filter", self.filter.clone().unwrap_or_default()),
            ("until", until.map_or_else(String::new, report::time::rfc3339)),
            ("inventory", self.list.sha256.clone()),
            ("no-password-test", (!self.tests_passwords).to_string()),
        ];
        Run {
            site: self.site.clone(),
            options: options.into_iter().chain(rules).chain(expected).chain(hours).collect(),
            lists: self.lists.clone(),
            ..Run::default()
        }
    }

    /// What the report says of a watch that goes on, of its ports and as of now.
    pub fn run_so_far(&self, ports: &[InputReport], now: Time) -> Run {
        let sum = |of: fn(&InputReport) -> u64| ports.iter().map(of).sum();
        Run {
            inputs: ports.iter().map(input).collect(),
            counts: CaptureCounts {
                packets: sum(|port| port.packets),
                bytes: sum(|port| port.bytes),
                ..CaptureCounts::default()
            },
            clock: Some(now),
            ..self.run(None)
        }
    }
}

/// What an analysis goes by beside the packets.
#[derive(Debug)]
pub struct Data {
    /// The site's own list of devices.
    pub list: List,
    /// What devices are known by.
    pub fingerprints: &'static Fingerprints,
    /// Who has which public addresses.
    pub networks: Arc<Networks>,
    /// Of when the data lists are, and what they are.
    pub lists: BTreeMap<String, DataList>,
    /// Only packets that match are analysed.
    pub filter: Option<String>,
    /// What the configuration says; nothing where there is none.
    pub config: Config,
    /// The site's name.
    pub site: Option<String>,
    /// What an earlier run knew of devices.
    pub memory: Arc<Memory>,
    /// Where frames are recorded.
    pub recorder: Option<Feed>,
    /// How far an analysis is.
    pub health: Arc<Health>,
    tests_passwords: bool,
    threads: Option<u16>,
}

impl Common {
    /// What a configuration says and nothing else.
    pub fn configured(file: &Path) -> Self {
        Self { config: Some(file.to_owned()), ..Self::default() }
    }

    /// Reads configuration and data. What is read of fingerprints is kept for the life of the program.
    ///
    /// # Errors
    /// Where they cannot be read or understood.
    pub fn data(&self) -> Result<Data, Failure> {
        let config = self.config.as_deref().map(Config::read).transpose().map_err(Failure::Config)?;
        let config = config.unwrap_or_default();
        let of = |given: bool, key, failure: Failure| match given {
            true => failure,
            false => Failure::Config(vec![config.fault(("", 0, key), format!("{key}: {failure}"))]),
        };
        let list = self.inventory.as_deref().or(config.inventory.as_deref());
        let list = list.map_or_else(|| Ok(List::default()), List::read);
        let paths = if self.fingerprints.is_empty() { &config.fingerprints } else { &self.fingerprints };
        let fingerprints = match paths.is_empty() {
            true => Ok(Fingerprints::builtin()),
            false => super::fingerprints::read(paths).map(|it| &*Box::leak(Box::new(it))),
        };
        let fingerprints =
            fingerprints.map_err(|failure| of(!self.fingerprints.is_empty(), "fingerprints", failure))?;
        let data_list = |date: &str, bytes: &[u8]| DataList { date: date.to_owned(), sha256: sha256(bytes) };
        let mut lists: BTreeMap<String, DataList> =
            fingerprints.lists().map(|it| (it.name.to_owned(), data_list(it.date, it.bytes))).collect();
        let mut networks = Arc::default();
        if let Some(path) = &config.networks {
            let (read, bytes) =
                list::networks(path).map_err(|failure| of(false, "networks", failure.into()))?;
            lists.insert("networks".to_owned(), data_list(&read.date, &bytes));
            networks = Arc::new(read);
        }
        Ok(Data {
            networks,
            lists,
            list: list.map_err(|failure| of(self.inventory.is_some(), "inventory", failure))?,
            fingerprints,
            filter: self.filter.clone().or_else(|| config.filter.clone().map(|it| it.0)),
            site: self.site.clone().or_else(|| config.site.clone()),
            memory: Arc::default(),
            recorder: None,
            health: Arc::default(),
            tests_passwords: !(self.no_password_test || config.no_password_test),
            threads: self.threads.or_else(|| u16::try_from(config.threads?.get()).ok()),
            config,
        })
    }
}

/// Says on stderr which files of folders are no captures: the first by name, all by number.
pub fn say_skipped(inputs: &Inputs) {
    let skipped = inputs.skipped();
    for file in skipped.iter().take(SKIPPED_SHOWN) {
        stderr::say(format_args!("{} is left out: it {}", file.name, file.reason));
    }
    if skipped.len() > SKIPPED_SHOWN {
        stderr::say(format_args!(
            "{} more files are no captures and are left out",
            skipped.len() - SKIPPED_SHOWN
        ));
    }
}

fn input(report: &InputReport) -> Input {
    Input {
        name: report.name.clone(),
        sha256: report.sha256.clone(),
        bytes: report.bytes,
        packets: report.packets,
        format: report.format.clone(),
        link_type: report.link_type.clone(),
        first: report.first,
        last: report.last,
        dropped: report.dropped,
        other_blocks: report.other_blocks,
        error: report.error.as_ref().map(ToString::to_string),
        sent: report.port.and_then(|port| port.sent),
        joined: report.port.map(|port| port.joined),
    }
}

fn counts(analysis: &Analysis) -> CaptureCounts {
    let (counts, shards) = (&analysis.peeled, &analysis.shards);
    CaptureCounts {
        packets: counts.frames,
        bytes: counts.bytes,
        duplicates: shards.copies.copies,
        truncated: counts.truncated,
        undecodable: counts.undecodable(),
        encapsulations: counts
            .encapsulations()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        vlans: counts.vlans(),
        flows: shards.two_way + shards.one_way,
        one_way: shards.one_way,
        tagged_one_way: shards.tagged_one_way,
        unicast: counts.unicast,
        oversized: counts.oversized,
        multicast: counts.multicast,
        broadcast: counts.broadcast,
        copies: shards.copies,
        cut_by_mirror: counts.cut_by_mirror,
        cut: counts.cut,
        coverage: analysis.ledger.coverage(),
        words_of_switches: analysis.ledger.words_of_switches,
        tunnel_packets_incomplete: counts.tunnel_packets_incomplete,
        cut_at: counts.cut_at,
        lost_by_mirror: counts.lost_by_mirror,
    }
}

fn expression(text: &str) -> Result<String, FilterError> {
    Filter::new(text).map(|_| text.to_owned())
}

/// Reads a moment as RFC 3339 writes it.
pub fn time(text: &str) -> Result<Time, String> {
    report::time::parse(text).ok_or_else(|| "write it as 2026-11-22T09:14:03Z".to_owned())
}

/// Files left out that are named one by one.
const SKIPPED_SHOWN: usize = 5;
