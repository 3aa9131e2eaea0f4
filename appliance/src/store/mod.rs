//! What a watch remembers: one SQLite file that one thread writes ([`Store`]) and anybody reads ([`Reader`]).
//!
//! ```text
//! tick ─► slate: the latest word on each device and finding ──► writer's thread ──► spanwatch.db (WAL)
//!         (never waits; what is slow makes history coarser)     one batch, one transaction    ▲        ▲
//!                                                                                       readers   what people do
//! ```
//!
//! **What can be lost.** A batch is what was told since the one before, a second of a live watch; it is whole in the file or not
//! at all. When the process dies the batches that were written stay. When the power fails those since the last checkpoint may go,
//! a minute's, and what is left is whole (`synchronous=NORMAL`; <https://sqlite.org/pragma.html#pragma_synchronous>).
//!
//! **When nothing can be written** (the disk or the budget is full) the watch goes on and it is said once; what waits is
//! bounded, and is written when there is room again.
//!
//! **After a restart** devices keep their rows, and what was open goes on: [`Held`], [`life::Life`]. The time away is *unknown*.

pub mod act;
#[cfg(test)]
mod deaths;
pub mod desk;
mod keep;
pub mod labels;
pub mod learned;
pub mod life;
mod page;
#[cfg(test)]
mod plans;
mod post;
pub mod read;
mod schema;
mod slate;
mod sums;
#[cfg(test)]
pub(crate) mod test;
pub mod users;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use spanwatch_engine::expected::{Peer, Role};
use spanwatch_engine::ledger::memory::Memory;
use spanwatch_engine::report::minutes::{self, StreamKey, StreamSum};
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::{DataList, Finding};
use spanwatch_parsers::Time;

use crate::outputs::Say;
use crate::outputs::outbox::Outbox;
pub use keep::Limits;
use learned::Lesson;
pub use read::Reader;
pub use slate::Status;
use slate::{Beside, Shared, Word};
use write::Writer;

/// Why a store cannot be opened, or something cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// What SQLite says.
    #[error("{}", words(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// The folder.
    #[error("{0}")]
    Folder(#[from] io::Error),
    /// It was written by a later version.
    #[error("a later version of Spanwatch wrote it (schema {0})")]
    Later(usize),
    /// Another watch writes it.
    #[error("another watch is writing it")]
    Taken,
    /// There is none.
    #[error("there is no store; `spanwatch watch --store DIR` makes one")]
    Missing,
    /// Somebody reads for so long that what is written cannot be put where it belongs.
    #[error("somebody has been reading for too long")]
    LogTooLong,
    /// What somebody asks of it cannot be done.
    #[error("{0}")]
    Refused(String),
    /// Who asks may not.
    #[error("{0}")]
    Forbidden(String),
}

impl Trouble {
    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    /// Whether it is the disk's, not ours: one that is full or ailing keeps no watch from watching.
    fn is_of_disk(&self) -> bool {
        use ErrorCode::{DatabaseBusy, DiskFull, ReadOnly, SystemIoFailure};
        match self {
            Self::Sqlite(_) => self
                .code()
                .is_some_and(|code| [DiskFull, SystemIoFailure, DatabaseBusy, ReadOnly].contains(&code)),
            Self::Folder(error) => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem)
            }
            _ => false,
        }
    }

    /// Whether the file is no store, or none any more.
    fn is_damage(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }
}

fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "no room is left, on the disk or in the store's own budget".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "somebody else is writing".to_owned(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the file is damaged".to_owned(),
        _ => error.to_string(),
    }
}

/// Data lists by name, as a report has them.
pub type Lists = BTreeMap<String, DataList>;

/// What a store held when it was opened.
#[derive(Debug, Default)]
pub struct Held {
    /// Findings that go on, and those that would be the same if they came again.
    pub findings: Vec<life::Earlier>,
    /// Who devices are.
    pub memory: Memory,
    /// What receivers were still to be told.
    pub outbox: Outbox,
    /// When the watch before went away.
    pub left: Option<Time>,
}

/// Whom nobody is to be told of: what people suppressed or called false; and for how long it is learned who is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Findings by id, until when.
    findings: BTreeMap<String, Time>,
    /// Kind and subject, until when.
    subjects: BTreeMap<(String, String), Time>,
    /// Until when the picture is being learned; `None` where no run has begun to.
    learns_until: Option<Time>,
}

impl Rules {
    /// Whether nobody is told of a finding at `now`.
    #[must_use]
    pub fn is_quiet(&self, finding: &Finding, now: Time) -> bool {
        let of_subject = || self.subjects.get(&(finding.kind.to_owned(), subject(finding).to_owned()));
        self.findings.get(&finding.id).or_else(of_subject).is_some_and(|until| now < *until)
    }
}

/// Whom a finding is about: its first device, else its switch.
pub(crate) fn subject(finding: &Finding) -> &str {
    finding.devices.first().or(finding.switch.as_ref()).map_or("", String::as_str)
}

/// A store that a watch writes.
#[derive(Debug)]
pub struct Store {
    slate: Shared,
    rules: Arc<Mutex<Rules>>,
    /// Of each finding that was told: what it says, and how often and how lately.
    told: BTreeMap<String, (u64, u64)>,
    /// Who was learned, as it was last told.
    learned: Lesson,
    /// What is written with what is next taken.
    beside: Beside,
}

impl Store {
    /// Opens the store of a folder, which is made where there is none, and begins to write. `now` is the wall clock's time.
    /// Where no room is left it begins as soon as there is.
    ///
    /// # Errors
    /// Where it cannot be written by this process, now or ever.
    pub fn open(dir: &Path, limits: Limits, now: Time, say: &Say) -> Result<(Self, Held), Trouble> {
        let rules = Arc::<Mutex<Rules>>::default();
        let mut writer = Writer::new(dir, limits, Arc::clone(&rules), now);
        let shown = dir.display().to_string();
        let held = match writer.held() {
            Ok(held) => held,
            Err(trouble) if trouble.is_damage() => {
                let aside = writer.set_aside(now)?;
                say(&format!("the store in {shown} is damaged; it is kept as {aside}, and a new one begins"));
                writer.held()?
            }
            Err(trouble) if trouble.is_of_disk() => {
                say(&format!("the store in {shown} cannot be read yet: {trouble}"));
                Held::default()
            }
            Err(trouble) => return Err(trouble),
        };
        let slate = Shared::default();
        let (shared, say) = (Arc::clone(&slate), Arc::clone(say));
        thread::Builder::new().name("store".to_owned()).spawn(move || {
            write::serve(&mut writer, &shared, &|what| say(&format!("the store in {shown}: {what}")));
            drop(writer);
            shared.end();
        })?;
        Ok((
            Self {
                slate,
                rules,
                told: BTreeMap::new(),
                learned: Lesson::default(),
                beside: Beside::default(),
            },
            held,
        ))
    }

    /// Makes a store's folder, where there is none.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn folder(dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(dir)
    }

    /// Opens the store of a folder to read: as many may as like, beside the one that writes.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn open_reader(dir: &Path) -> Result<Reader, Trouble> {
        Reader::open(dir)
    }

    /// How many devices can be told anew.
    #[must_use]
    pub fn room(&self) -> usize {
        self.slate.room()
    }

    /// Takes what waits for receivers: it is written with what is next taken.
    pub fn waiting(&mut self, outbox: Option<Outbox>) {
        self.beside.outbox = outbox.or(self.beside.outbox.take());
    }

    /// Takes the data lists that this run goes by: they are written with what is next taken.
    pub fn goes_by(&mut self, lists: Lists) {
        self.beside.lists = Some(lists);
    }

    /// Takes what came of streams in the minute that began then, and is over: it is written with what is next taken.
    pub fn minute(&mut self, began: Time, sums: BTreeMap<StreamKey, StreamSum>) {
        self.beside.running.over();
        for (key, sum) in sums {
            // Where the clock was set back a minute comes twice.
            self.beside.sums.entry((began, key)).or_default().add(&sum);
        }
    }

    /// Takes how far the minute is that goes on: it is written with what is next taken, and counts where it never comes to its end.
    pub fn running(&mut self, (began, streams): minutes::Running) {
        let streams = streams.into_iter().map(|(id, (key, sum))| (id, (began, key, sum)));
        self.beside.running.streams.extend(streams);
    }

    /// Takes who was learned to be expected, and who turned out not to be, by role and name: it is written with what is next taken.
    pub fn learned(&mut self, peers: Vec<Peer>, refuted: BTreeSet<(Role, String)>) {
        let lesson = Lesson { peers, refuted };
        if self.learned != lesson {
            self.beside.learned = Some(lesson.clone());
            self.learned = lesson;
        }
    }

    /// Takes what is known at `now`: what became of devices, and all findings as they are; `is_untold` says of which nobody
    /// has heard yet. Never waits.
    pub fn take(
        &mut self,
        now: Time,
        devices: Vec<(u32, Picture)>,
        findings: &[Finding],
        is_untold: &dyn Fn(&str) -> bool,
    ) {
        let mut words = Vec::new();
        let turn = now.0.div_euclid(SECOND).unsigned_abs() % TURNS;
        let mut before = std::mem::take(&mut self.told);
        for finding in findings {
            let is_untold = is_untold(&finding.id);
            let (essence, counts) = (essence(finding, is_untold), counts(finding));
            let told = before.remove(&finding.id);
            let is_due = told.is_none_or(|(known, counted)| {
                known != essence || counted != counts && essence % TURNS == turn
            });
            if is_due {
                words.push((finding.id.clone(), Word::Is(Box::new(finding.clone()), is_untold)));
            }
            let counted = if is_due { counts } else { told.map_or(counts, |(_, counted)| counted) };
            self.told.insert(finding.id.clone(), (essence, counted));
        }
        words.extend(before.into_keys().map(|id| (id, Word::Withdrawn)));
        self.slate.tell(now, devices, words, std::mem::take(&mut self.beside));
    }

    /// Whom nobody is to be told of.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Until when the picture is being learned; `None` where nothing was written yet.
    #[must_use]
    pub fn learns_until(&self) -> Option<Time> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).learns_until
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.slate.status()
    }

    /// Waits until all that was told up to `until` is written.
    #[cfg(test)]
    fn wait(&self, until: Time) {
        self.slate.wait(until);
    }

    /// Lets all that waits be written, for so long at most. Whether it was.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> bool {
        let beside = std::mem::take(&mut self.beside);
        if !beside.is_empty() {
            self.slate.tell(Time::MIN, [], [], beside);
        }
        self.slate.close();
        self.slate.is_over(patience)
    }
}

/// What a finding says, and whether anybody has heard it.
fn essence(finding: &Finding, is_untold: bool) -> u64 {
    let Finding { severity, owner, dispatch, cause, ended, devices, supersedes, switch, .. } = finding;
    let mut hasher = DefaultHasher::new();
    (severity, owner, dispatch, cause, ended, devices, supersedes, switch).hash(&mut hasher);
    (finding.revisions.len(), is_untold).hash(&mut hasher);
    hasher.finish()
}

/// How often and how lately it was seen to hold.
fn counts(finding: &Finding) -> u64 {
    let mut hasher = DefaultHasher::new();
    (finding.count, &finding.last_seen, &finding.title, finding.evidence.len()).hash(&mut hasher);
    hasher.finish()
}

/// Gives a file that was made in a store's folder to whom the folder belongs: where root did, his account must open it. SQLite
/// does so itself with what it makes beside a store's file.
///
/// # Errors
/// Where root may not, or the file went away.
pub(crate) fn made_in(dir: &Path, made: fs::File) -> io::Result<()> {
    let (about, folder) = (made.metadata()?, fs::metadata(dir)?);
    if rustix::process::geteuid().is_root() && about.uid() == 0 && folder.uid() != 0 {
        fchown(&made, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

/// The file of a folder's store.
fn file(dir: &Path) -> PathBuf {
    dir.join("spanwatch.db")
}

/// A connection with what all of them go by.
fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection, Trouble> {
    let db = Connection::open_with_flags(file(dir), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    // What a statement needs besides its pages goes into no file: a watch that gave up its rights could make none.
    db.pragma_update(None, "temp_store", "memory")?;
    #[cfg(test)]
    plans::noted(&db);
    Ok(db)
}

/// Somebody else's transaction is over by then.
const BUSY: Duration = Duration::from_secs(5);
const SECOND: i64 = 1_000_000_000;
/// Seconds after which it is written that a finding merely counted on.
const TURNS: u64 = 60;
