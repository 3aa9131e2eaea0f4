//! The store as the pages need it: read as often as somebody looks, and written where somebody does something ([`Desk`]).
//!
//! It holds a connection of its own beside the one that a watch writes with, and opens it anew where the file is another one
//! than before: a damaged one is put aside by its watch.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use rusqlite::{OpenFlags, Row};
use spanwatch_engine::expected::Peer;
use spanwatch_engine::report::minutes::StreamSum;
use spanwatch_engine::report::{DataList, Finding};
use spanwatch_parsers::Time;

use super::act::{Act, act};
use super::users::By;
use super::{Lists, Reader, Trouble, connect, file, read, schema};
use crate::access::Role;

/// A store at which people work.
#[derive(Debug)]
pub struct Desk {
    dir: PathBuf,
    held: Mutex<Option<(u64, Reader)>>,
}

/// What people made of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Standing {
    pub id: String,
    /// `new`, `acknowledged`, `in-progress`, `resolved`, `suppressed` or `false-positive`.
    pub status: String,
    pub status_at: Time,
    pub status_by: String,
    pub reason: Option<String>,
    pub expires: Option<Time>,
    /// Whose turn people say it is, where they say another than the finding.
    pub turn: Option<String>,
    pub assigned: Option<String>,
}

/// What a store knows of one device over time.
#[derive(Debug, Default)]
pub struct Past {
    /// online, offline or unknown, the oldest first.
    pub states: Vec<read::Interval>,
    /// What it was taken for; `of` is the attribute.
    pub attributes: Vec<read::Interval>,
    /// Which addresses it had.
    pub addresses: Vec<read::Interval>,
    /// When somebody watched: from when, until when.
    pub watched: Vec<(Time, Time)>,
}

/// What came of one stream, piece by piece.
#[derive(Debug)]
pub struct Course {
    /// Which stream.
    pub stream: read::StreamRow,
    /// Each piece that anything is known of: when it began, how many seconds of it are known, and what came in them.
    pub pieces: Vec<(Time, u32, StreamSum)>,
}

/// All that a store holds of a site, as a report has it.
#[derive(Debug, Default)]
pub struct Kept {
    /// Objects of the report's `devices`, with the history that the store holds.
    pub devices: Vec<serde_json::Value>,
    /// Objects of its `findings`.
    pub findings: Vec<serde_json::Value>,
    /// Whether there are more findings than these, the latest.
    pub has_more_findings: bool,
    /// What came of streams in the last day that somebody watched.
    pub streams: Vec<read::StreamHours>,
    /// Who was learned to be expected.
    pub learned: Vec<Peer>,
    /// When somebody watched: from when, until when.
    pub watched: Vec<(Time, Time)>,
    /// The data lists that the last watch went by.
    pub lists: Lists,
}

impl Desk {
    /// Opens the store of a folder.
    ///
    /// # Errors
    /// Where there is none, it is of a later version, or cannot be written.
    pub fn open(dir: &Path) -> Result<Self, Trouble> {
        if !file(dir).exists() {
            return Err(Trouble::Missing);
        }
        let mut db = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if !schema::is_present(&db)? {
            schema::migrate(&mut db)?;
        }
        Ok(Self { dir: dir.to_owned(), held: Mutex::default() })
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How much its history takes on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let own = file(&self.dir);
        let mut log = own.clone().into_os_string();
        log.push("-wal");
        [own, log.into()].iter().filter_map(|path| fs::metadata(path).ok()).map(|it| it.len()).sum()
    }

    /// Asks, or changes, with the connection that is held.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Reader) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let present = fs::metadata(file(&self.dir)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Trouble::Missing,
            _ => Trouble::Folder(error),
        })?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|(inode, _)| *inode != present.ino()) {
            let db = connect(&self.dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            *held = Some((present.ino(), Reader { db }));
        }
        let (_, reader) = held.as_mut().ok_or(Trouble::Missing)?;
        work(reader)
    }

    /// Does something to a finding; gives what was before.
    ///
    /// # Errors
    /// As [`act`].
    pub fn act(
        &self,
        id: &str,
        what: &Act,
        (by, role): (&By<'_>, Role),
        note: Option<&str>,
    ) -> Result<String, Trouble> {
        act(&self.dir, id, what, (by, role), note).map(|(_, before)| before)
    }

    /// Changes whenever something was written by anybody.
    ///
    /// # Errors
    /// SQLite's, as of all that follow.
    pub fn version(&self) -> Result<i64, Trouble> {
        // What this connection writes itself moves its own count of changes.
        self.with(|reader| Ok(reader.version()?.wrapping_mul(1 << 20) ^ reader.db.total_changes() as i64))
    }

    /// What people made of findings: of all that are not as they came.
    ///
    /// # Errors
    /// As above.
    pub fn standings(&self) -> Result<Vec<Standing>, Trouble> {
        let sql = "SELECT id, status, status_at, status_by, reason, expires, turn, assigned FROM findings INDEXED BY findings_standing
             WHERE status <> 'new' OR status_by <> 'spanwatch' OR turn IS NOT NULL OR assigned IS NOT NULL
             ORDER BY last_seen DESC LIMIT ?1";
        self.with(|reader| reader.all(sql, [STANDINGS_MAX], standing))
    }

    /// Who did what, the latest first: of one finding, or of all; those before a row.
    ///
    /// # Errors
    /// As above.
    pub fn audit(
        &self,
        finding: Option<&str>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<read::AuditRow>, Trouble> {
        self.with(|reader| reader.audit_before(before, finding, limit))
    }

    /// When somebody watched: from when, until when.
    ///
    /// # Errors
    /// As above.
    pub fn watched(&self) -> Result<Vec<(Time, Time)>, Trouble> {
        self.with(|reader| reader.watched())
    }

    /// Findings that are over, the latest so many, as they can be told again.
    ///
    /// # Errors
    /// As above.
    pub fn past(&self, limit: u32) -> Result<Vec<Finding>, Trouble> {
        let sql = "SELECT document FROM findings INDEXED BY findings_past WHERE ended IS NOT NULL AND withdrawn IS NULL
             ORDER BY last_seen DESC LIMIT ?1";
        let documents = self.with(|reader| reader.all(sql, [limit], |row| row.get::<_, String>(0)))?;
        Ok(documents
            .iter()
            .filter_map(|document| spanwatch_engine::report::revive::finding(document))
            .collect())
    }

    /// What is known of one device over time; `None` where the store has none of that id.
    ///
    /// # Errors
    /// As above.
    pub fn past_of(&self, id: &str) -> Result<Option<Past>, Trouble> {
        self.with(|reader| {
            let Some(device) = reader.device(id)? else { return Ok(None) };
            Ok(Some(Past {
                states: reader.availability(device.row)?,
                attributes: reader.attributes(device.row)?,
                addresses: reader.addresses(device.row)?,
                watched: reader.watched()?,
            }))
        })
    }

    /// What came of the streams from or to a device, those of so many streams that were there last, in pieces of `piece`
    /// seconds up to `until`: each of sums of `span` seconds (60, 3,600 or 86,400), of which `count` are asked for.
    ///
    /// # Errors
    /// As above.
    pub fn courses(
        &self,
        id: &str,
        streams: u32,
        (span, piece, count): (u32, u32, u32),
        until: Time,
    ) -> Result<Vec<Course>, Trouble> {
        self.with(|reader| {
            let (mut courses, told) = (Vec::new(), reader.told()?);
            for stream in reader.streams_of(id, streams)? {
                let pieces = reader.course(stream.row, (span, piece, count), until, &told)?;
                courses.push(Course { stream, pieces });
            }
            Ok(courses)
        })
    }

    /// All that is known of a site. Of a large one it takes seconds, in nobody's way: it is read by a connection of its own.
    ///
    /// # Errors
    /// As above.
    pub fn kept(&self) -> Result<Kept, Trouble> {
        let reader = Reader::open(&self.dir)?;
        let mut kept = Kept { watched: reader.watched()?, learned: reader.learned()?, ..Kept::default() };
        let lists = reader.all("SELECT name, date, sha256 FROM lists", [], |row| {
            Ok((row.get(0)?, DataList { date: row.get(1)?, sha256: row.get(2)? }))
        })?;
        kept.lists = lists.into_iter().collect();
        let findings =
            "SELECT document FROM findings WHERE withdrawn IS NULL ORDER BY last_seen DESC LIMIT ?1";
        let mut documents = reader.all(findings, [FINDINGS_MAX + 1], |row| row.get::<_, String>(0))?;
        kept.has_more_findings = documents.len() > FINDINGS_MAX as usize;
        documents.truncate(FINDINGS_MAX as usize);
        kept.findings = documents.iter().filter_map(|it| serde_json::from_str(it).ok()).collect();
        let until = kept.watched.iter().map(|(_, until)| *until).max();
        if let Some(until) = until {
            kept.streams = reader.streams_since(Time(until.0.saturating_sub(DAY)), STREAMS_MAX)?;
        }
        let mut after = String::new();
        while kept.devices.len() < DEVICES_MAX {
            let some = reader.devices(&after, SOME)?;
            let Some(last) = some.last() else { break };
            after.clone_from(&last.id);
            for row in &some {
                let Ok(mut device) = serde_json::from_str::<serde_json::Value>(&row.document) else {
                    continue;
                };
                device["state"] = row.state.clone().into();
                device["history"] = history(&reader.availability(row.row)?);
                kept.devices.push(device);
            }
        }
        Ok(kept)
    }
}

/// As the report tells it.
fn history(intervals: &[read::Interval]) -> serde_json::Value {
    let told = |it: &read::Interval| {
        let mut entry = serde_json::json!({
            "from": spanwatch_engine::report::time::rfc3339(it.since), "state": it.what,
        });
        if let Some(until) = it.until {
            entry["to"] = spanwatch_engine::report::time::rfc3339(until).into();
        }
        if let Some(cause) = &it.of {
            entry["cause"] = cause.clone().into();
        }
        entry
    };
    intervals.iter().map(told).collect()
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(Standing {
        id: row.get(0)?,
        status: row.get(1)?,
        status_at: Time(row.get(2)?),
        status_by: row.get(3)?,
        reason: row.get(4)?,
        expires: row.get::<_, Option<i64>>(5)?.map(Time),
        turn: row.get(6)?,
        assigned: row.get(7)?,
    })
}

/// As many as a ledger keeps, eight times over.
const STANDINGS_MAX: u32 = 131_072;
/// Of findings that a page can show.
pub const FINDINGS_MAX: u32 = 16_384;
const STREAMS_MAX: u32 = 65_536;
const DAY: i64 = 86_400_000_000_000;
const DEVICES_MAX: usize = 65_536;
/// Devices that are read at a time.
const SOME: u32 = 1_000;
