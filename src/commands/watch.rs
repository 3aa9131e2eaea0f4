//! `spanwatch watch`: a mirror port, live.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use spanwatch_appliance::config::{Config, Within};
use spanwatch_appliance::confine::Needs;
use spanwatch_appliance::outputs::metrics::{Figures, Metrics, Own};
use spanwatch_appliance::outputs::quiet::Quiet;
use spanwatch_appliance::outputs::{Outputs, Ready, Say, file};
use spanwatch_appliance::recorder::{self, Recorder};
use spanwatch_appliance::service::{Manager, resident_bytes};
use spanwatch_appliance::store::life::{Life, Seen};
use spanwatch_appliance::store::{Held, Store};
use spanwatch_capture::{Control, wall_clock};
use spanwatch_engine::carve;
use spanwatch_engine::clock::Moment;
use spanwatch_engine::finding::Severity;
use spanwatch_engine::hash::seed;
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::report::changes::{Change, Changes};
use spanwatch_engine::report::minutes::Minutes;
use spanwatch_engine::report::picture::{self, Pictures};
use spanwatch_engine::report::{Finding, Report, build, json, jsonl, table, time};
use spanwatch_parsers::{Span, Time};
use spanwatch_web::{Maker, Picture, Receiver, Site, Web};

use super::Failure;
use super::analysis::{Common, Data};
use super::kept::Kept;
use super::port::{Listening, PORT_GONE};
use super::replay::style;
use super::{brought, stored};
use crate::health::Health;
use crate::stderr;

/// Watch mirror ports and say what goes dark, until stopped
///
/// Findings are told as they are made, revised and ended: a JSON line each, or on a terminal a sentence. SIGINT or SIGTERM ends it with the report that replay would give of the same packets. Nothing is ever transmitted: a port that has an address, answers ARP or has IPv6 on is refused, with the commands that make it silent. Exits with 4 where a port was removed. A configuration also names who is told by syslog and webhooks.
///
/// Examples:
///   spanwatch watch -i eth1
///   spanwatch watch -i eth1 -i eth2 --inventory cameras.csv
///   spanwatch watch -i eth1 --listen 127.0.0.1:8443
///   spanwatch watch -i eth1 --format json -o report.json > findings.jsonl
///   spanwatch watch -i eth1 --store /var/lib/spanwatch
///   spanwatch watch -i eth1 --tunnel eth0
///   spanwatch watch --config /etc/spanwatch/spanwatch.toml
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
    /// Serve the pages and the API there, such as 127.0.0.1:8443
    #[arg(long, visible_alias = "http", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How to write the report in the end [default: table on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep what is seen in a folder, and go on with what it holds
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
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
        let mut data = self.common.data()?;
        let config = data.config.clone();
        let interfaces = if self.interfaces.is_empty() { &config.watch.interfaces } else { &self.interfaces };
        if interfaces.is_empty() && self.listening.tunnels.is_empty() && config.watch.tunnels.is_empty() {
            return Err(Failure::Usage("which port? -i eth1, or interfaces in the configuration".to_owned()));
        }
        let say: Say = Arc::new(|what| stderr::say(what));
        let manager = Manager::of_environment();
        let ready = Ready::new(&config).map_err(Failure::Config)?;
        let pages = self.listen.or(config.web.as_ref().map(|it| it.listen));
        let is_shown = io::stdout().is_terminal();
        let duration = self.duration.or(config.watch.duration_s.map(Within::get));
        let dir = self.store_dir(&config);
        let needs = self.needs(&config, dir.as_deref(), pages);
        let (source, control) = self.listening.open(interfaces, duration, &data, &needs)?;
        let mut outputs = Outputs::start(ready, &config, &say).map_err(Failure::Config)?;
        let metrics = config.metrics.as_ref().map(|it| Metrics::listen(it.listen)).transpose();
        let metrics = metrics.map_err(|error| {
            let why = format!("listen: figures cannot be told there: {error}");
            Failure::Config(vec![config.fault(("metrics", 0, "listen"), why)])
        })?;
        let kept = dir.as_deref().map(|dir| store(dir, &config, &say));
        let (mut store, held) = kept.unwrap_or_else(|| Ok(Default::default()))?;
        if let Some(store) = &mut store {
            store.goes_by(data.lists.clone());
        }
        let recorder = self.recorder(&config, &control, &say)?.map(|(recorder, feed)| {
            data.recorder = Some(feed);
            recorder
        });
        outputs.resume(held.outbox, &say);
        let life = Life::new(held.findings);
        let mut quiet = Quiet::new(&config);
        life.untold().for_each(|it| quiet.waits(it.clone()));
        data.memory = Arc::new(held.memory);
        let recorded = dir.as_deref().filter(|_| !config.recorder.is_off);
        let pages = pages
            .map(|listen| Pages::open(listen, (&data, &config), (dir.as_deref(), recorded)))
            .transpose()?;
        let health = Arc::clone(&data.health);
        manager.beat(move || health.kept())?;
        manager.ready();
        let mut teller = Teller {
            changes: Changes::resumed(life.open().cloned()),
            life,
            store,
            recorder,
            pictures: Pictures::default(),
            rest: Vec::new(),
            minutes: Minutes::default(),
            quiet,
            is_read: is_shown,
            failure: None,
            outputs,
            metrics,
            pages,
            site: data.site.clone(),
            control: control.clone(),
            now: Time::default(),
            health: Arc::clone(&data.health),
            manager,
        };
        let (report, _) = data.analysed(source, None, &mut |ledger, moment| {
            match moment {
                _ if teller.failure.is_some() => {}
                Some(moment) => teller.failure = teller.tell(ledger, moment).err(),
                None => teller.is_over(ledger),
            }
            if teller.failure.is_some() {
                control.stop();
            }
        })?;
        teller.manager.stopping();
        if let Some(failure) = teller.failure.take() {
            return Err(failure.into());
        }
        teller.tell_the_rest(&report)?;
        if let Some(recorder) = teller.recorder.take() {
            let (status, is_whole) = (recorder.status(), recorder.finish(PATIENCE));
            if status.dropped > 0 {
                stderr::say(format_args!(
                    "{} packets were not recorded: the recorder was behind",
                    status.dropped
                ));
            }
            if !is_whole {
                stderr::say(format_args!("not all packets behind findings could be kept"));
            }
        }
        if let Some(pages) = teller.pages.take() {
            pages.web.stop();
        }
        teller.finish();
        let format = self.format.unwrap_or(if is_shown { Format::Table } else { Format::Jsonl });
        match &self.output {
            None => write(&report, format, is_shown, &mut io::stdout().lock())?,
            Some(path) => file::replace(path, |out| write(&report, format, false, out))?,
        }
        for input in &report.capture.inputs {
            let dropped = input.dropped.unwrap_or(0);
            let sent = input.sent.map(|sent| format!("; packets sent: {sent}")).unwrap_or_default();
            stderr::say(format_args!(
                "{}: {} packets, {dropped} dropped on this machine{sent}",
                input.name, input.packets
            ));
        }
        if let Some(port) = control.removed() {
            stderr::say(format_args!("{port} was removed, so the watch is over"));
            return Ok(ExitCode::from(PORT_GONE));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Watch {
    /// The store's folder, where one is wanted.
    fn store_dir(&self, config: &Config) -> Option<PathBuf> {
        self.store.clone().or_else(|| config.store.as_ref().map(|it| it.path.clone()))
    }

    /// What is written and who is spoken to, once all ports are open.
    fn needs(&self, config: &Config, store: Option<&Path>, pages: Option<SocketAddr>) -> Needs {
        let mut needs = Needs::output(self.output.as_deref());
        needs.of(config);
        needs.listens.extend(pages.map(|it| it.port()));
        needs.keeps_in(store);
        needs
    }

    /// The flight recorder, where there is a store.
    fn recorder(
        &self,
        config: &Config,
        control: &Control,
        say: &Say,
    ) -> Result<Option<(Recorder, recorder::Feed)>, Failure> {
        let rules = &config.recorder;
        let Some(dir) = self.store_dir(config).filter(|_| !rules.is_off) else { return Ok(None) };
        let limits = recorder::Limits {
            frames_bytes_max: u64::from(rules.size_max_mib.get()) << 20,
            frames_age: Span::seconds(i64::from(rules.hours.get()) * 3_600),
            media_bytes: rules.media_bytes.get() as usize,
            evidence_bytes_max: u64::from(rules.evidence_max_mib.get()) << 20,
            findings_max: rules.evidence_findings.get().into(),
            free_min: u64::from(rules.free_min_mib.get()) << 20,
        };
        let names = control.reports().into_iter().map(|it| it.name).collect();
        Ok(Some(Recorder::start(&dir, limits, names, (wall_clock(), seed()), say)?))
    }
}

/// The store of a folder, and what it held.
fn store(dir: &Path, config: &Config, say: &Say) -> Result<(Option<Store>, Held), Failure> {
    let now = wall_clock();
    let opened = Store::open(dir, stored::limits(config), now, say);
    let (store, held) = opened.map_err(|trouble| Failure::Store { dir: dir.to_owned(), trouble })?;
    if let Some(left) = held.left {
        let open = held.findings.iter().filter(|it| it.is_open).count();
        say(&format!(
            "the store in {} holds {open} open findings and knows {} devices; the watch was away for {}",
            dir.display(),
            held.memory.devices(),
            time::length(now - left)
        ));
    }
    Ok((Some(store), held))
}

/// Tells what becomes of findings.
struct Teller<'a> {
    changes: Changes,
    /// What of earlier runs goes on.
    life: Life,
    store: Option<Store>,
    recorder: Option<Recorder>,
    /// What the store was told of devices.
    pictures: Pictures,
    /// What the end of the watch has made of devices.
    rest: Vec<(u32, picture::Picture)>,
    minutes: Minutes,
    quiet: Quiet,
    /// Whether people read it as it comes.
    is_read: bool,
    failure: Option<io::Error>,
    outputs: Outputs,
    metrics: Option<Metrics>,
    pages: Option<Pages<'a>>,
    site: Option<String>,
    control: Control,
    /// All is told up to then.
    now: Time,
    health: Arc<Health>,
    manager: Manager,
}

impl Teller<'_> {
    fn tell(&mut self, ledger: &mut Ledger, moment: &Moment) -> io::Result<()> {
        let now = match *moment {
            Moment::Tick(at) | Moment::Blind { at, .. } => at,
            Moment::Gap { .. } | Moment::Leap { .. } | Moment::Dropped(_) => return Ok(()),
        };
        self.now = now;
        // People may have accepted meanwhile what was learned.
        if let Some(until) = self.store.as_ref().and_then(Store::learns_until) {
            ledger.learns_until(until);
        }
        if matches!(moment, Moment::Tick(_)) {
            self.life.mirror_lives(now);
        }
        let is_asked = self.store.is_some() || self.quiet.asks_for_names();
        let room = is_asked.then(|| self.store.as_ref().map_or(usize::MAX, Store::room));
        let (found, pictures) = build::tick(ledger, now, &mut self.pictures, room);
        pictures.iter().for_each(|(number, picture)| self.quiet.knows(*number, picture));
        let findings = self.life.joined(found, &*ledger, now);
        let figures = self.figures(ledger, &findings);
        self.manager.status(&figures.to_string());
        if let Some(metrics) = &self.metrics {
            metrics.show(figures);
        }
        if let Some(pages) = &mut self.pages {
            pages.show(ledger, (&self.control, now), &findings, &self.outputs);
        }
        self.tell_all(&findings)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.take(now, &findings, &|id| ledger.addresses(id));
        }
        if let Some(store) = &mut self.store {
            store.waiting(self.outputs.outbox());
            if let Some((began, sums)) = self.minutes.since(ledger, &self.pictures, now) {
                store.minute(began, sums);
            }
            if let Some(running) = self.minutes.running(ledger, &self.pictures) {
                store.running(running);
            }
            store.learned(ledger.learned(), ledger.refuted());
            store.take(now, pictures, &findings, &|id| self.quiet.is_untold(id));
        }
        Ok(())
    }

    /// Takes what came since the last second.
    fn is_over(&mut self, ledger: &mut Ledger) {
        let Some(store) = &mut self.store else { return };
        self.now = self.now.max(ledger.now());
        (_, self.rest) = build::tick(ledger, self.now, &mut self.pictures, Some(store.room()));
        if let Some((began, sums)) = self.minutes.rest(ledger, &self.pictures) {
            store.minute(began, sums);
        }
        store.learned(ledger.learned(), ledger.refuted());
    }

    /// Tells what the end of the watch has made of findings.
    fn tell_the_rest(&mut self, report: &Report) -> io::Result<()> {
        let findings = self.life.joined(report.findings.clone(), &AtLast(report), self.now);
        self.tell_all(&findings)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.take(self.now, &findings, &|id| carve::addresses(report, |known| known == id));
        }
        if let Some(store) = &mut self.store {
            store.waiting(self.outputs.outbox());
            let of_ticks = findings.into_iter().filter(|it| !OF_THE_WHOLE.contains(&it.kind));
            let rest = std::mem::take(&mut self.rest);
            store.take(self.now, rest, &of_ticks.collect::<Vec<_>>(), &|id| self.quiet.is_untold(id));
        }
        Ok(())
    }

    /// Lets messages be delivered and all be written, for a while.
    fn finish(&mut self) {
        let left = self.outputs.finish(PATIENCE);
        let fate = if self.store.is_some() { "wait for the next start" } else { "could not be delivered" };
        left.iter().for_each(|(name, left)| stderr::say(format_args!("{name}: {left} messages {fate}")));
        if let Some(mut store) = self.store.take() {
            store.waiting(self.outputs.outbox());
            if !store.finish(PATIENCE) {
                stderr::say(format_args!("not all could be written to the store"));
            }
        }
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
            store: self.store.as_ref().map(Store::status),
            recorder: self.recorder.as_ref().map(Recorder::status),
            panics: ledger.panics(),
            own: Own {
                lag: wall_clock() - self.now,
                batches_waiting: self.health.waiting(),
                resident_bytes: resident_bytes(),
            },
        }
    }

    fn tell_all(&mut self, findings: &[Finding]) -> io::Result<()> {
        let changes = self.changes.since(findings.to_vec());
        if !changes.is_empty() {
            let mut out = io::stdout().lock();
            for change in &changes {
                if self.is_read { say(change, &mut out)? } else { jsonl::change(change, &mut out)? }
            }
            out.flush()?;
        }
        let (rules, now) = (self.store.as_ref().map(Store::rules).unwrap_or_default(), self.now);
        let changes = self.quiet.told(now, changes, &|finding| rules.is_quiet(finding, now));
        self.outputs.tell(now, self.site.as_deref(), changes);
        Ok(())
    }
}

/// What a watch has seen when it ends.
struct AtLast<'a>(&'a Report);

impl Seen for AtLast<'_> {
    fn heard(&self, id: &str) -> Option<Time> {
        let device = self.0.devices.iter().find(|device| device.id == id && device.packets > 0)?;
        Some(device.first_seen.0)
    }

    fn media(&self, _: &str) -> Option<Time> {
        None
    }

    fn certificate(&self, _: &str) -> Option<Time> {
        None
    }
}

/// The pages of a watch that goes on.
struct Pages<'a> {
    maker: Maker,
    web: Web,
    data: &'a Data,
    /// When the next picture is due, in packet time.
    next: Time,
}

impl<'a> Pages<'a> {
    /// `store` is where people are known, and `recorded` where packets are.
    fn open(
        listen: SocketAddr,
        (data, config): (&'a Data, &Config),
        (store, recorded): (Option<&Path>, Option<&Path>),
    ) -> Result<Self, Failure> {
        let nothing =
            build::snapshot(&Ledger::new(data.fingerprints), &data.run_so_far(&[], Time::default()));
        let packets = recorded.map(|dir| Box::new(Kept { dir: dir.to_owned() }) as _);
        let site = Site::live(Picture::new(nothing, None), packets);
        let site = Arc::new(match store {
            Some(dir) => site.with(stored::access(dir)?).bringing(brought::captures(dir, data)?),
            None => site,
        });
        let web = Web::start(listen, Arc::clone(&site), stored::certificate(config)?)?;
        web.told().iter().for_each(stderr::say);
        Ok(Self { maker: Maker::new(site)?, web, data, next: Time::default() })
    }

    /// Takes a picture, where one is due: more devices take longer, and the watch goes first.
    fn show(
        &mut self,
        ledger: &Ledger,
        (control, now): (&Control, Time),
        findings: &[Finding],
        outputs: &Outputs,
    ) {
        if now < self.next || self.maker.is_busy() {
            return;
        }
        let mut report = build::snapshot(ledger, &self.data.run_so_far(&control.reports(), now));
        // Those that earlier runs began go on.
        report.findings = findings.to_vec();
        let pause = i64::try_from(report.devices.len() / DEVICES_A_SECOND).unwrap_or(0).saturating_add(1);
        self.next = now + Span::seconds(pause);
        let receivers = outputs.statuses().map(|(name, it)| Receiver {
            name: name.to_owned(),
            sent: it.sent,
            waiting: it.waiting as u64,
            dropped: it.dropped,
            refused: it.refused,
            is_failing: it.is_failing,
        });
        self.maker.make(report, receivers.collect());
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

/// A picture of so many devices is worth a second of packet time: it takes a hundredth of one.
const DEVICES_A_SECOND: usize = 1_000;
/// Kinds that only the counts of a whole run make: each run tells them anew.
const OF_THE_WHOLE: [&str; 3] = ["mirror-duplicates", "mirror-truncated", "input-damaged"];
/// In the end, for messages that are still to be delivered, and for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(5);
