//! The one who writes: batches into tables, a transaction each.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::time;
use spanwatch_parsers::Time;

use super::keep::{Limits, guard, keep, trim};
use super::page::{Page, Rows};
use super::slate::{Batch, Slate, Word};
use super::users::{By, Changed};
use super::{Held, Rules, Store, Trouble, connect, file, learned, life, made_in, post, read, schema, sums};

/// Writes all that comes, until nothing will.
pub(super) fn serve(writer: &mut Writer, slate: &Slate, say: &dyn Fn(&str)) {
    let mut fault: Option<String> = None;
    while let Some(batch) = slate.take() {
        match writer.write(&batch) {
            Ok(messages) => {
                if let Some(why) = fault.take() {
                    say("history is written again");
                    writer.note(batch.now, "history-goes-on", &why);
                }
                slate.written(batch.now, messages);
                if let Err(trouble) = writer.upkeep(batch.now) {
                    say(&format!("what is old cannot be let go of: {trouble}"));
                }
            }
            Err(trouble) if trouble.is_damage() => {
                let told = match writer.set_aside(batch.now) {
                    Ok(aside) => format!("the file is damaged; it is kept as {aside}, and a new one begins"),
                    Err(error) => format!("the file is damaged, and cannot be put aside: {error}"),
                };
                say(&told);
                slate.failed(batch, &told, REST);
            }
            // What cannot be written now will not be later either.
            Err(trouble) if !trouble.is_of_disk() && !matches!(trouble, Trouble::LogTooLong) => {
                say(&format!("some of what was told at {} is lost: {trouble}", time::rfc3339(batch.now)));
                slate.failed(Batch::default(), &trouble.to_string(), REST);
            }
            Err(trouble) => {
                let why = trouble.to_string();
                if fault.as_ref() != Some(&why) {
                    say(&format!("{why}; no history is written, the watch goes on"));
                }
                slate.failed(batch, &why, REST);
                fault = Some(why);
            }
        }
    }
    writer.close();
}

/// Who writes.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    /// `None` until it can be opened.
    db: Option<Connection>,
    /// Held as long as we write, so that nobody else does.
    lock: Option<Connection>,
    limits: Limits,
    began: Time,
    /// This run's row; `None` until it is written.
    session: Option<i64>,
    /// Rows of devices by number.
    rows: BTreeMap<u32, i64>,
    rules: Arc<Mutex<Rules>>,
    /// Whether it is known what waited for receivers. Else that stays as it is until the next start.
    is_outbox_read: bool,
    /// Changes when another wrote.
    version: Option<i64>,
    upkept: Time,
}

impl Writer {
    pub(super) fn new(dir: &Path, limits: Limits, rules: Arc<Mutex<Rules>>, began: Time) -> Self {
        Self {
            dir: dir.to_owned(),
            db: None,
            lock: None,
            limits,
            began,
            session: None,
            rows: BTreeMap::new(),
            rules,
            is_outbox_read: false,
            version: None,
            upkept: Time::MIN,
        }
    }

    /// Takes the lock, which goes with the process.
    fn lock(&self) -> Result<Connection, Trouble> {
        Store::folder(&self.dir)?;
        let file = self.dir.join("watch.lock");
        // SQLite does not tell why it could not.
        made_in(&self.dir, fs::OpenOptions::new().create(true).append(true).open(&file)?)?;
        let lock = Connection::open(file)?;
        lock.busy_timeout(Duration::ZERO)?;
        lock.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE").map_err(|error| {
            let trouble = Trouble::from(error);
            let is_taken = trouble.code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            if is_taken { Trouble::Taken } else { trouble }
        })?;
        Ok(lock)
    }

    /// Opens the file where that was not done yet.
    fn open(&mut self) -> Result<&mut Connection, Trouble> {
        if self.lock.is_none() {
            self.lock = Some(self.lock()?);
        }
        if self.db.is_none() {
            // Whoever closes a file that is there gives up the locks of all who have it open in this process.
            match fs::OpenOptions::new().create_new(true).write(true).mode(0o644).open(file(&self.dir)) {
                Ok(made) => made_in(&self.dir, made)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
            let mut db = connect(&self.dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            // Before the first table is made.
            db.pragma_update(None, "auto_vacuum", "incremental")?;
            db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            db.pragma_update(None, "synchronous", "normal")?;
            db.query_row(&format!("PRAGMA journal_size_limit = {LOG_KEPT}"), [], |_| Ok(()))?;
            guard(&db, &self.limits)?;
            schema::migrate(&mut db)?;
            self.db = Some(db);
        }
        self.db.as_mut().ok_or(Trouble::Missing)
    }

    /// What the store held, before this run wrote anything.
    pub(super) fn held(&mut self) -> Result<Held, Trouble> {
        let began = self.began;
        let db = self.open()?;
        let left = db.query_row("SELECT max(until) FROM sessions", [], |row| row.get::<_, Option<i64>>(0))?;
        let (findings, mut memory, outbox) = (life::earlier(db)?, read::memory(db)?, post::read(db)?);
        learned::peers(db)?.into_iter().for_each(|peer| memory.expect(peer));
        let new = learned::Learning { began, accepted: None };
        memory.learns_until = Some(learned::learning(db)?.unwrap_or(new).at(began).until());
        let held = Held { findings, memory, outbox, left: left.map(Time) };
        self.read_rules()?;
        self.is_outbox_read = true;
        Ok(held)
    }

    /// Puts a damaged file aside, and gives its name there.
    pub(super) fn set_aside(&mut self, now: Time) -> Result<String, Trouble> {
        (self.db, self.session, self.version) = (None, None, None);
        self.rows.clear();
        let name = format!("spanwatch.db.damaged-{}", now.0 / 1_000_000_000);
        for end in ["", "-wal"] {
            let from = self.dir.join(format!("spanwatch.db{end}"));
            if from.exists() {
                fs::rename(from, self.dir.join(format!("{name}{end}")))?;
            }
        }
        let _ = fs::remove_file(self.dir.join("spanwatch.db-shm"));
        Ok(name)
    }

    /// Writes a batch, all of it or nothing; and how many messages are kept, where the queues are another.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<Option<u64>, Trouble> {
        let (limits, began, session) = (self.limits, self.began, self.session);
        self.open()?;
        let log = fs::metadata(self.dir.join("spanwatch.db-wal")).map_or(0, |log| log.len());
        if log > (limits.bytes_max / 4).max(LOG_MAX) && !self.checkpoint()? {
            return Err(Trouble::LogTooLong);
        }
        let Self { db: Some(db), rows, is_outbox_read, .. } = self else { return Err(Trouble::Missing) };
        let work = |db: &mut Connection, rows: &mut Rows<'_>| -> Result<(i64, Option<u64>), Trouble> {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let session = session.map_or_else(|| begin(&step, began), Ok)?;
            step.prepare_cached("UPDATE sessions SET until = max(until, ?2) WHERE id = ?1")?
                .execute(params![session, batch.now.0])?;
            let mut page = Page::new(&step, rows, session, batch.now);
            for (number, picture) in &batch.devices {
                match picture {
                    Picture::Is(device) => page.device(*number, device)?,
                    Picture::Heard(last, packets, bytes) => page.heard(*number, (*last, *packets, *bytes))?,
                    Picture::Gone => {}
                }
            }
            for number in batch.devices.iter().filter(|(_, it)| matches!(it, Picture::Gone)).map(|(it, _)| it)
            {
                page.gone(*number)?;
            }
            for (id, word) in &batch.findings {
                match word {
                    Word::Is(finding, is_untold) => page.finding(finding, *is_untold)?,
                    Word::Withdrawn => page.withdrawn(id)?,
                }
            }
            sums::write(&step, &batch.beside.sums, &batch.beside.running)?;
            if let Some(lists) = &batch.beside.lists {
                step.execute("DELETE FROM lists", [])?;
                let mut insert = step.prepare_cached("INSERT INTO lists VALUES (?1, ?2, ?3)")?;
                for (name, list) in lists {
                    insert.execute(params![name, list.date, list.sha256])?;
                }
            }
            if let Some(lesson) = &batch.beside.learned {
                learned::write(&step, lesson)?;
            }
            let outbox = batch.beside.outbox.as_ref().filter(|_| *is_outbox_read);
            let kept = outbox.map(|it| post::write(&step, it, limits.bytes_max)).transpose()?;
            step.commit()?;
            Ok((session, kept))
        };
        let mut noted = Rows::new(rows);
        let mut done = work(db, &mut noted);
        for tenths in MADE_ROOM {
            let is_full = |trouble: &Trouble| trouble.code() == Some(rusqlite::ErrorCode::DiskFull);
            if !done.as_ref().is_err_and(is_full) {
                break;
            }
            noted.undo();
            trim(db, &limits, tenths)?;
            done = work(db, &mut noted);
        }
        let kept = match done {
            Ok((session, kept)) => {
                if self.session.replace(session).is_none() {
                    // Learning may have begun.
                    self.version = None;
                }
                kept
            }
            Err(trouble) => {
                noted.undo();
                return Err(trouble);
            }
        };
        self.read_rules()?;
        Ok(kept)
    }

    /// Reads what people suppressed, where somebody wrote since.
    fn read_rules(&mut self) -> Result<(), Trouble> {
        let Some(db) = &self.db else { return Ok(()) };
        let version = db.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version.replace(version) != Some(version) {
            let rules = read::rules(db)?;
            *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules;
        }
        Ok(())
    }

    /// Once a minute: what has expired, what is too old, and the log into the file.
    pub(super) fn upkeep(&mut self, now: Time) -> Result<(), Trouble> {
        if now.0.saturating_sub(self.upkept.0) < MINUTE && now >= self.upkept {
            return Ok(());
        }
        self.upkept = now;
        let limits = self.limits;
        let Some(db) = &mut self.db else { return Ok(()) };
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let has_expired = expire(&step, now)?;
        keep(&step, &limits, now)?;
        step.commit()?;
        if has_expired {
            self.version = None;
            self.read_rules()?;
        }
        self.checkpoint().map(drop)
    }

    /// Puts what is in the log where it belongs, as far as no reader is in the way. Whether all is.
    fn checkpoint(&mut self) -> Result<bool, Trouble> {
        let Some(db) = &self.db else { return Ok(true) };
        let whole = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
        })?;
        Ok(whole)
    }

    /// Writes that nothing could be written, as far as that can be.
    fn note(&self, now: Time, what: &str, why: &str) {
        if let Some(db) = &self.db {
            let _ = audit(db, now, ("spanwatch", what), (None, None, None), Some(why));
        }
    }

    fn close(&mut self) {
        if let Some(db) = self.db.take() {
            let _ = db.execute_batch("PRAGMA optimize");
            // The last who closes moves the log into the file, and says in vain that he cannot.
            let _ = db.close();
        }
    }
}

/// Begins a run: what was open when the last one went away is unknown since.
fn begin(step: &Transaction<'_>, began: Time) -> Result<i64, Trouble> {
    let left: Option<i64> = step.query_row("SELECT max(until) FROM sessions", [], |row| row.get(0))?;
    if let Some(left) = left {
        step.execute(
            "UPDATE availability SET state = 'unknown', cause = NULL WHERE until IS NULL AND since >= ?1",
            [left],
        )?;
        step.execute(
            "INSERT INTO availability (device, since, state) SELECT device, ?1, 'unknown' FROM availability
             WHERE until IS NULL AND state <> 'unknown' ON CONFLICT DO NOTHING",
            [left],
        )?;
        step.execute(
            "UPDATE availability SET until = ?1 WHERE until IS NULL AND state <> 'unknown' AND since < ?1",
            [left],
        )?;
        step.execute("UPDATE devices SET state = 'unknown'", [])?;
    }
    learned::begin(step, began)?;
    sums::fold(step)?;
    step.execute(
        "INSERT INTO sessions (began, until, version) VALUES (?1, ?1, ?2)",
        params![began.0, env!("CARGO_PKG_VERSION")],
    )?;
    Ok(step.last_insert_rowid())
}

/// Whose suppression is over is new again, or resolved where it ended meanwhile. Whether there were any.
fn expire(step: &Transaction<'_>, now: Time) -> Result<bool, Trouble> {
    step.execute(
        "INSERT INTO audit (at, who, what, finding, before, after) SELECT ?1, 'spanwatch', 'expired', id, status,
         iif(coalesce(ended, withdrawn) IS NULL, 'new', 'resolved') FROM findings WHERE status = 'suppressed' AND expires <= ?1",
        [now.0],
    )?;
    let expired = step.execute(
        "UPDATE findings SET status = iif(coalesce(ended, withdrawn) IS NULL, 'new', 'resolved'), status_at = ?1,
         status_by = 'spanwatch', status_count = count, reason = NULL, expires = NULL
         WHERE status = 'suppressed' AND expires <= ?1",
        [now.0],
    )?;
    Ok(expired > 0)
}

/// Writes what was done by nobody.
pub(super) fn audit(
    db: &Connection,
    at: Time,
    (who, what): (&str, &str),
    (finding, before, after): (Option<&str>, Option<&str>, Option<&str>),
    note: Option<&str>,
) -> Result<(), Trouble> {
    let by = By { who, origin: None, at };
    super::users::audit(db, &by, what, Changed { finding, before, after, note })
}

/// Where a batch finds no room: to so many tenths of the budget what is there is cut, one after the other, until it does.
const MADE_ROOM: [u64; 2] = [8, 6];
/// After what could not be written.
const REST: Duration = Duration::from_secs(5);
const MINUTE: i64 = 60 * 1_000_000_000;
/// The log is cut to this when it was put where it belongs.
const LOG_KEPT: u32 = 4 << 20;
/// The log that a reader may cause, at least.
const LOG_MAX: u64 = 64 << 20;
