//! `spanwatch findings`: what a store holds, and what people do about it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};
use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::config::STORE;
use spanwatch_appliance::store::act::{Act, act};
use spanwatch_appliance::store::read::{AuditRow, FindingRow};
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::store::{Reader, Store, Trouble};
use spanwatch_capture::wall_clock;
use spanwatch_engine::report::time::{day_time, rfc3339};
use spanwatch_parsers::{Span, Time};

use super::Failure;
use super::analysis::time;

/// The findings of a store: list them, and say what becomes of them
///
/// A finding is new, acknowledged, in-progress, resolved, suppressed or false-positive. What ended is resolved by itself, and what comes again after it was resolved is new again. Who changed what, and why, is kept.
///
/// Examples:
///   spanwatch findings list
///   spanwatch findings acknowledge 4dfc78
///   spanwatch findings suppress 4dfc78 --until 7d --reason 'the roof is being mended'
///   spanwatch findings audit --finding 4dfc78
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
    /// List findings that are open, or that nobody has said anything about
    ///
    /// Example: spanwatch findings list --status new
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// Only those of this status
        #[arg(long)]
        status: Option<Status>,
        /// How [default: table on a terminal, jsonl otherwise]
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// Somebody has seen it
    ///
    /// Example: spanwatch findings acknowledge 4dfc78
    Acknowledge(Change),
    /// Somebody is at it
    ///
    /// Example: spanwatch findings begin 4dfc78 --note 'ticket 812'
    Begin(Change),
    /// It is mended; where it comes again it is new again
    ///
    /// Example: spanwatch findings resolve 4dfc78
    Resolve(Change),
    /// Tell nobody of it, nor of its like on the same device, until then
    ///
    /// Example: spanwatch findings suppress 4dfc78 --until 7d --reason 'the roof is being mended'
    Suppress {
        #[command(flatten)]
        change: Because,
        /// Until when: 2026-12-01T08:00:00Z, or 90m, 12h, 7d from now
        #[arg(long, value_name = "WHEN", value_parser = when)]
        until: When,
    },
    /// It is wrong; tell nobody of it any more
    ///
    /// Example: spanwatch findings false-positive 4dfc78 --reason 'that server is ours'
    FalsePositive(Because),
    /// It is new again
    ///
    /// Example: spanwatch findings reopen 4dfc78
    Reopen(Change),
    /// Leave a note
    ///
    /// Example: spanwatch findings note 4dfc78 --reason 'the ladder is in the shed'
    Note(Because),
    /// It is somebody's
    ///
    /// Example: spanwatch findings assign 4dfc78 --to kim
    Assign {
        #[command(flatten)]
        change: Change,
        /// Whose
        #[arg(long, value_name = "NAME")]
        to: String,
    },
    /// It is the other team's turn
    ///
    /// Example: spanwatch findings hand-over 4dfc78 --to physical-security --reason 'the port is fine, the camera is not'
    HandOver {
        #[command(flatten)]
        change: Because,
        /// it or physical-security
        #[arg(long, value_name = "TEAM", value_parser = team)]
        to: Team,
    },
    /// Who changed what, the latest first
    ///
    /// Example: spanwatch findings audit --finding 4dfc78
    Audit {
        /// Of one finding
        #[arg(long, value_name = "ID")]
        finding: Option<String>,
        /// So many at most
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// How [default: table on a terminal, jsonl otherwise]
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
}

/// What is changed, and by whom.
#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    whom: Whom,
    /// For the record
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// What is changed, by whom, and why.
#[derive(Debug, clap::Args)]
struct Because {
    #[command(flatten)]
    whom: Whom,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct Whom {
    /// Ids of findings, or how they begin
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Who does it [default: the user who runs this]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    New,
    Acknowledged,
    InProgress,
    Resolved,
    Suppressed,
    FalsePositive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Jsonl,
}

/// A moment, or how far it is away.
#[derive(Debug, Clone, Copy)]
enum When {
    At(Time),
    In(Span),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be done.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let now = wall_clock();
        match &self.what {
            What::List { all, status, format } => self.list(*all, *status, *format)?,
            What::Audit { finding, limit, format } => self.audit(finding.as_deref(), *limit, *format)?,
            What::Acknowledge(it) => self.change(&it.whom, &Act::Acknowledge, (now, it.note.as_deref()))?,
            What::Begin(it) => self.change(&it.whom, &Act::Begin, (now, it.note.as_deref()))?,
            What::Resolve(it) => self.change(&it.whom, &Act::Resolve, (now, it.note.as_deref()))?,
            What::Reopen(it) => self.change(&it.whom, &Act::Reopen, (now, it.note.as_deref()))?,
            What::Note(it) => self.change(&it.whom, &Act::Note, (now, Some(&it.reason)))?,
            What::Assign { change, to } => {
                let act = Act::Assign { to: Some(to.clone()) };
                self.change(&change.whom, &act, (now, change.note.as_deref()))?;
            }
            What::HandOver { change, to } => {
                self.change(&change.whom, &Act::HandOver { to: *to }, (now, Some(&change.reason)))?;
            }
            What::FalsePositive(it) => self.change(&it.whom, &Act::FalsePositive, (now, Some(&it.reason)))?,
            What::Suppress { change, until } => {
                let until = match *until {
                    When::At(at) => at,
                    When::In(span) => now + span,
                };
                self.change(&change.whom, &Act::Suppress { until }, (now, Some(&change.reason)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn trouble(&self, trouble: Trouble) -> Failure {
        Failure::Store { dir: self.store.clone(), trouble }
    }

    fn reader(&self) -> Result<Reader, Failure> {
        Store::open_reader(&self.store).map_err(|trouble| self.trouble(trouble))
    }

    fn change(&self, whom: &Whom, change: &Act, (now, note): (Time, Option<&str>)) -> Result<(), Failure> {
        let who = whom.by.clone().unwrap_or_else(user);
        for id in &whom.ids {
            let by = By { who: &who, origin: None, at: now };
            // Whoever may write the store's files may do all of it.
            let done = act(&self.store, id, change, (&by, Role::Admin), note);
            let (id, before) = done.map_err(|trouble| self.trouble(trouble))?;
            match (change, change.status()) {
                (_, Some(after)) => writeln!(io::stdout(), "{id}  {before} → {after}")?,
                (Act::HandOver { to }, _) => writeln!(io::stdout(), "{id}  handed over to {}", to.name())?,
                (Act::Assign { to: Some(to) }, _) => {
                    writeln!(io::stdout(), "{id}  assigned to {}", plain(to))?
                }
                _ => writeln!(io::stdout(), "{id}  noted")?,
            }
        }
        Ok(())
    }

    fn list(&self, all: bool, status: Option<Status>, format: Option<Format>) -> Result<(), Failure> {
        let status = status.and_then(|it| Some(it.to_possible_value()?.get_name().to_owned()));
        let with_past = all || status.is_some();
        let found = self.reader()?.findings(with_past).map_err(|trouble| self.trouble(trouble))?;
        let found = found.into_iter().filter(|it| status.as_ref().is_none_or(|status| it.status == *status));
        let mut out = io::stdout().lock();
        for it in found {
            match shown(format) {
                Format::Table => line(&it, &mut out)?,
                Format::Jsonl => writeln!(out, "{}", object(&it))?,
            }
        }
        Ok(())
    }

    fn audit(&self, finding: Option<&str>, limit: u32, format: Option<Format>) -> Result<(), Failure> {
        let reader = self.reader()?;
        let id = finding.map(|id| match reader.finding(id) {
            Ok(Some(found)) => Ok(found.id),
            Ok(None) => Err(Failure::Incident(format!(
                "no finding, or more than one, has an id that begins with {id:?}"
            ))),
            Err(trouble) => Err(self.trouble(trouble)),
        });
        let rows =
            reader.audit(id.transpose()?.as_deref(), limit).map_err(|trouble| self.trouble(trouble))?;
        let mut out = io::stdout().lock();
        for AuditRow { at, who, what, finding, before, after, note, origin, .. } in rows {
            match shown(format) {
                Format::Table => {
                    let [finding, note] = [finding, note].map(|it| plain(&it.unwrap_or_default()));
                    writeln!(out, "{}  {:12}  {what:14}  {finding:16}  {note}", day_time(at), plain(&who))?;
                }
                Format::Jsonl => {
                    let mut row = json!({ "type": "audit", "time": rfc3339(at), "who": who, "what": what });
                    for (key, value) in [
                        ("finding", finding),
                        ("before", before),
                        ("after", after),
                        ("note", note),
                        ("origin", origin),
                    ] {
                        if let Some(value) = value {
                            row[key] = value.into();
                        }
                    }
                    writeln!(out, "{row}")?;
                }
            }
        }
        Ok(())
    }
}

fn shown(format: Option<Format>) -> Format {
    format.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Jsonl })
}

fn line(it: &FindingRow, out: &mut dyn Write) -> io::Result<()> {
    let id: String = it.id.chars().take(ID_SHOWN).collect();
    let until = it.expires.map_or_else(String::new, |at| format!(" until {} UTC", day_time(at)));
    let why = it.reason.as_ref().map_or_else(String::new, |why| format!(": {}", plain(why)));
    writeln!(out, "{:8}  {id}  {:14}  {}{until}{why}", it.severity, it.status, plain(&it.title))
}

/// The finding as in the report, with what the store adds.
fn object(it: &FindingRow) -> Value {
    let mut object: Value = serde_json::from_str(&it.document).unwrap_or_default();
    object["type"] = "finding".into();
    object["status"] = it.status.clone().into();
    object["status_time"] = rfc3339(it.status_at).into();
    object["status_by"] = it.status_by.clone().into();
    let more = [
        ("reason", it.reason.clone()),
        ("expires", it.expires.map(rfc3339)),
        ("withdrawn", it.withdrawn.map(rfc3339)),
        ("turn", it.turn.clone()),
        ("assigned", it.assigned.clone()),
    ];
    for (key, value) in more {
        if let Some(value) = value {
            object[key] = value.into();
        }
    }
    if it.reopened > 0 {
        object["reopened"] = it.reopened.into();
    }
    object
}

/// Without what would move a terminal's cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Who runs this, as the machine calls him.
pub fn user() -> String {
    let Ok(own) = fs::metadata("/proc/self") else { return "unknown".to_owned() };
    let uid = own.uid().to_string();
    let known = fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let name = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

fn team(text: &str) -> Result<Team, String> {
    Team::named(text).ok_or_else(|| "it, or physical-security".to_owned())
}

fn when(text: &str) -> Result<When, String> {
    let why = || "write it as 2026-12-01T08:00:00Z, or as 90m, 12h, 7d".to_owned();
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return time(text).map(When::At).map_err(|_| why()),
    };
    let count: i64 = text.get(..text.len() - 1).and_then(|count| count.parse().ok()).ok_or_else(why)?;
    let is_fit = (1..=LATEST_S / unit).contains(&count);
    is_fit.then(|| When::In(Span::seconds(count * unit))).ok_or_else(why)
}

/// Letters of an id in a table.
const ID_SHOWN: usize = 8;
/// Ten years.
const LATEST_S: i64 = 3_653 * 86_400;
