//! What a store holds, for who reads it: [`Reader`]. It sees what was written when it asks, and is in nobody's way.

use std::net::IpAddr;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use spanwatch_engine::carve::Addresses;
use spanwatch_engine::ledger::memory::{Memory, Witness};
use spanwatch_engine::report::minutes::StreamSum;
use spanwatch_engine::report::time;
use spanwatch_parsers::{Mac, Time};

use super::{Rules, Trouble, connect, file, learned, schema};

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    pub(super) db: Connection,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DeviceRow {
    /// Its row, which it keeps for good.
    pub row: i64,
    /// Its id in the report: its MAC, else its address.
    pub id: String,
    pub kind: String,
    /// `online`, `offline` or `unknown`; of who was not heard since the watch began, the last.
    pub state: String,
    pub first_seen: Time,
    pub last_seen: Time,
    /// An object of the report's `devices`, as JSON.
    pub document: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FindingRow {
    pub id: String,
    pub kind: String,
    pub severity: String,
    pub owner: String,
    pub title: String,
    pub first_seen: Time,
    pub last_seen: Time,
    pub ended: Option<Time>,
    pub withdrawn: Option<Time>,
    pub count: u64,
    /// `new`, `acknowledged`, `in-progress`, `resolved`, `suppressed` or `false-positive`.
    pub status: String,
    pub status_at: Time,
    pub status_by: String,
    pub reason: Option<String>,
    pub expires: Option<Time>,
    /// Whose turn people say it is, where they say another than `owner`.
    pub turn: Option<String>,
    /// Who is at it.
    pub assigned: Option<String>,
    /// How often it came again after it was resolved.
    pub reopened: u64,
    /// An object of the report's `findings`, as JSON.
    pub document: String,
}

/// A stream, as it is known for years.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StreamRow {
    pub row: i64,
    /// A device's id, else an address.
    pub source: String,
    /// The same.
    pub destination: String,
    pub transport: String,
    pub payload_type: u8,
}

/// What came of a stream in some hours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StreamHours {
    pub stream: StreamRow,
    /// When the first of them began.
    pub first: Time,
    /// When the last of them began.
    pub last: Time,
    pub sum: StreamSum,
}

/// For how long something held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Interval {
    pub since: Time,
    /// `None` where it still holds.
    pub until: Option<Time>,
    /// A state; an address; an attribute's value.
    pub what: String,
    /// The cause of a state; an attribute's name.
    pub of: Option<String>,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AuditRow {
    /// Its number; later rows have higher ones.
    pub row: i64,
    pub at: Time,
    /// `spanwatch` where nobody did.
    pub who: String,
    /// From which address; `None` where it was done on this machine's console.
    pub origin: Option<String>,
    pub what: String,
    pub finding: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub note: Option<String>,
}

impl Reader {
    pub(super) fn open(dir: &Path) -> Result<Self, Trouble> {
        if !file(dir).exists() {
            return Err(Trouble::Missing);
        }
        let db = connect(dir, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if !schema::is_present(&db)? {
            return Err(Trouble::Missing);
        }
        Ok(Self { db })
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Trouble> {
        let mut statement = self.db.prepare_cached(sql)?;
        Ok(statement.query_map(values, read)?.collect::<Result<_, _>>()?)
    }

    /// Devices in the report's order; `after` the one with this id, so many at most.
    ///
    /// # Errors
    /// SQLite's, as of all that follow.
    pub fn devices(&self, after: &str, limit: u32) -> Result<Vec<DeviceRow>, Trouble> {
        let sql = "SELECT id, name, kind, state, first_seen, last_seen, document FROM devices
             JOIN documents ON device = id WHERE merged_into IS NULL AND name > ?1 ORDER BY name LIMIT ?2";
        self.all(sql, params![after, limit], device)
    }

    /// A device by its id in the report.
    ///
    /// # Errors
    /// As above.
    pub fn device(&self, id: &str) -> Result<Option<DeviceRow>, Trouble> {
        let sql = "SELECT id, name, kind, state, first_seen, last_seen, document FROM devices
             JOIN documents ON device = id WHERE merged_into IS NULL AND name = ?1";
        Ok(self.all(sql, [id], device)?.into_iter().next())
    }

    /// When a device was online, offline or unknown; the oldest first.
    ///
    /// # Errors
    /// As above.
    pub fn availability(&self, row: i64) -> Result<Vec<Interval>, Trouble> {
        let sql = "SELECT since, until, state, cause FROM availability WHERE device = ?1 ORDER BY since";
        self.all(sql, [row], interval)
    }

    /// Which addresses a device had.
    ///
    /// # Errors
    /// As above.
    pub fn addresses(&self, row: i64) -> Result<Vec<Interval>, Trouble> {
        let sql = "SELECT since, until, ip, NULL FROM addresses WHERE device = ?1 ORDER BY since, ip";
        self.all(sql, [row], interval)
    }

    /// What a device was taken for: kind, vendor, model, firmware, serial, name, hostname, and where it hung.
    ///
    /// # Errors
    /// As above.
    pub fn attributes(&self, row: i64) -> Result<Vec<Interval>, Trouble> {
        let sql = "SELECT since, until, value, attribute FROM attributes WHERE device = ?1 ORDER BY since, attribute";
        self.all(sql, [row], interval)
    }

    /// Streams by their rows, from row `after` on, so many at most: who sends what to whom.
    ///
    /// # Errors
    /// As above.
    pub fn streams(&self, after: i64, limit: u32) -> Result<Vec<StreamRow>, Trouble> {
        let sql = "SELECT id, source, destination, transport, payload_type FROM streams WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.all(sql, params![after, limit], stream)
    }

    /// Streams from or to a device, by its id, those that were there last first.
    ///
    /// # Errors
    /// As above.
    pub fn streams_of(&self, id: &str, limit: u32) -> Result<Vec<StreamRow>, Trouble> {
        // Each by its index.
        let sql = "SELECT id, source, destination, transport, payload_type FROM (
                 SELECT * FROM streams WHERE source = ?1 UNION SELECT * FROM streams WHERE destination = ?1)
             ORDER BY last_seen DESC, id LIMIT ?2";
        self.all(sql, params![id, limit], stream)
    }

    /// What came of a stream in pieces of `piece` seconds, of `count` sums of `span` seconds up to `until`; as
    /// [`Course`](super::desk::Course) has it. Of each sum so much is known as was `watched`, as [`Reader::told`] has that.
    ///
    /// # Errors
    /// As above.
    pub fn course(
        &self,
        row: i64,
        (span, piece, count): (u32, u32, u32),
        until: Time,
        watched: &[(Time, Time)],
    ) -> Result<Vec<(Time, u32, StreamSum)>, Trouble> {
        // Sums lie by time, then by stream: each is looked up by itself, so that a site of thousands is no slower.
        let sql = "SELECT packets, bytes, lost, jitter_us FROM stream_sums WHERE span = ?1 AND at = ?2 AND stream = ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        let [length, of_piece] =
            [span, piece].map(|seconds| i64::from(seconds).max(1).saturating_mul(SECOND));
        let last = until.0.saturating_sub(until.0.rem_euclid(length));
        let mut pieces: Vec<(Time, u32, StreamSum)> = Vec::new();
        for back in (0..i64::from(count)).rev() {
            let at = last.saturating_sub(back.saturating_mul(length));
            let Some(sum) = statement.query_row(params![span, at, row], |row| sum(row, 0)).optional()? else {
                continue;
            };
            let end = at.saturating_add(length);
            let within = |(from, to): &(Time, Time)| to.0.min(end).saturating_sub(from.0.max(at)).max(0);
            let seconds = watched.iter().map(within).fold(0, i64::saturating_add) / SECOND;
            // Of what came while nobody is known to have watched, the whole is taken.
            let seconds = u32::try_from(seconds).ok().filter(|it| (1..=span).contains(it)).unwrap_or(span);
            let began = Time(at.saturating_sub(at.rem_euclid(of_piece)));
            match pieces.last_mut().filter(|(of, ..)| *of == began) {
                Some((_, known, whole)) => {
                    *known = known.saturating_add(seconds);
                    whole.add(&sum);
                }
                None => pieces.push((began, seconds, sum)),
            }
        }
        Ok(pieces)
    }

    /// When a watch was there, as far as what came of streams is told: not in a minute that goes on.
    ///
    /// # Errors
    /// As above.
    pub fn told(&self) -> Result<Vec<(Time, Time)>, Trouble> {
        let sql = "SELECT at FROM running LIMIT 1";
        let running = self.db.prepare_cached(sql)?.query_row([], |row| row.get(0).map(Time)).optional()?;
        let until = running.unwrap_or(Time::MAX);
        Ok(self.watched()?.into_iter().map(|(from, to)| (from, to.min(until))).collect())
    }

    /// What came of a stream by minute, hour or day (`span`: 60, 3,600 or 86,400 s) that began from `from` to before `to`.
    ///
    /// # Errors
    /// As above.
    pub fn sums(
        &self,
        row: i64,
        span: u32,
        (from, to): (Time, Time),
    ) -> Result<Vec<(Time, StreamSum)>, Trouble> {
        let sql = "SELECT at, packets, bytes, lost, jitter_us FROM stream_sums
             WHERE span = ?1 AND at >= ?2 AND at < ?3 AND stream = ?4 ORDER BY at";
        self.all(sql, params![span, from.0, to.0, row], |row| Ok((Time(row.get(0)?), sum(row, 1)?)))
    }

    /// What came of each stream in the hours that began from `from` on, so many streams at most.
    ///
    /// # Errors
    /// As above.
    pub fn streams_since(&self, from: Time, limit: u32) -> Result<Vec<StreamHours>, Trouble> {
        let sql = "SELECT streams.id, source, destination, transport, payload_type, min(at), max(at), sum(packets), sum(bytes),
             sum(lost), max(jitter_us) FROM stream_sums JOIN streams ON streams.id = stream
             WHERE span = 3600 AND at >= ?1 GROUP BY stream ORDER BY source, destination, stream LIMIT ?2";
        self.all(sql, params![from.0, limit], |row| {
            let (first, last) = (Time(row.get(5)?), Time(row.get(6)?));
            Ok(StreamHours { stream: stream(row)?, first, last, sum: sum(row, 7)? })
        })
    }

    /// Findings, the worst first; those that are over only where they are asked for.
    ///
    /// # Errors
    /// As above.
    pub fn findings(&self, with_past: bool) -> Result<Vec<FindingRow>, Trouble> {
        let sql = "SELECT id, kind, severity, owner, title, first_seen, last_seen, ended, withdrawn, count, status, status_at,
             status_by, reason, expires, reopened, document, turn, assigned FROM findings
             WHERE ?1 OR withdrawn IS NULL AND (ended IS NULL OR status IN ('new', 'acknowledged', 'in-progress'))
             ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END,
             first_seen, id";
        self.all(sql, [with_past], finding)
    }

    /// The finding whose id begins so; `None` where there is none, or several.
    ///
    /// # Errors
    /// As above.
    pub fn finding(&self, id: &str) -> Result<Option<FindingRow>, Trouble> {
        let sql = "SELECT id, kind, severity, owner, title, first_seen, last_seen, ended, withdrawn, count, status, status_at,
             status_by, reason, expires, reopened, document, turn, assigned FROM findings
             WHERE id >= ?1 AND id < ?1 || char(1114111) LIMIT 2";
        let mut found = self.all(sql, [id], finding)?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// What a device was addressed by between the two, by its id in the report: what it is called, where no more is known.
    ///
    /// # Errors
    /// As above.
    pub fn addressed(&self, id: &str, (from, to): (Time, Time)) -> Result<Addresses, Trouble> {
        let mut addresses = Addresses::default();
        let called = id.split_once('@').map_or(id, |(ip, _)| ip);
        addresses.0.extend(Mac::from_text(called.as_bytes()));
        addresses.1.extend(called.parse::<IpAddr>());
        // One that turned out to be another is found under that one's name.
        let sql = "SELECT coalesce(merged_into, id), mac FROM devices WHERE name = ?1";
        for (row, mac) in
            self.all(sql, [id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))?
        {
            addresses.0.extend(mac.and_then(|mac| Mac::from_text(mac.as_bytes())));
            let sql = "SELECT mac, NULL FROM devices WHERE id = ?1 UNION ALL SELECT NULL, ip FROM addresses
                 WHERE device = ?1 AND since <= ?3 AND coalesce(until, ?2) >= ?2";
            let read =
                |row: &Row<'_>| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?));
            for (mac, ip) in self.all(sql, params![row, from.0, to.0], read)? {
                addresses.0.extend(mac.and_then(|mac| Mac::from_text(mac.as_bytes())));
                addresses.1.extend(ip.and_then(|ip| ip.parse::<IpAddr>().ok()));
            }
        }
        Ok(addresses)
    }

    /// Who did what, the latest first; of one finding where one is given.
    ///
    /// # Errors
    /// As above.
    pub fn audit(&self, finding: Option<&str>, limit: u32) -> Result<Vec<AuditRow>, Trouble> {
        self.audit_before(i64::MAX, finding, limit)
    }

    /// The same, of rows before one.
    ///
    /// # Errors
    /// As above.
    pub fn audit_before(
        &self,
        row: i64,
        finding: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Trouble> {
        // Each by its index.
        let sql = if finding.is_some() {
            "SELECT id, at, who, what, finding, before, after, note, origin FROM audit
             WHERE finding = ?1 AND id < ?3 ORDER BY id DESC LIMIT ?2"
        } else {
            "SELECT id, at, who, what, finding, before, after, note, origin FROM audit
             WHERE ?1 IS NULL AND id < ?3 ORDER BY id DESC LIMIT ?2"
        };
        self.all(sql, params![finding, limit, row], |row| {
            Ok(AuditRow {
                row: row.get(0)?,
                at: Time(row.get(1)?),
                who: row.get(2)?,
                what: row.get(3)?,
                finding: row.get(4)?,
                before: row.get(5)?,
                after: row.get(6)?,
                note: row.get(7)?,
                origin: row.get(8)?,
            })
        })
    }

    /// When a watch was there: from when, and until when as far as is known.
    ///
    /// # Errors
    /// As above.
    pub fn watched(&self) -> Result<Vec<(Time, Time)>, Trouble> {
        let times = |row: &Row<'_>| Ok((Time(row.get(0)?), Time(row.get(1)?)));
        self.all("SELECT began, until FROM sessions ORDER BY id", [], times)
    }

    /// Changes whenever something was written by anybody else.
    ///
    /// # Errors
    /// As above.
    pub fn version(&self) -> Result<i64, Trouble> {
        Ok(self.db.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }
}

fn device(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        row: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        state: row.get(3)?,
        first_seen: Time(row.get(4)?),
        last_seen: Time(row.get(5)?),
        document: row.get(6)?,
    })
}

fn stream(row: &Row<'_>) -> rusqlite::Result<StreamRow> {
    Ok(StreamRow {
        row: row.get(0)?,
        source: row.get(1)?,
        destination: row.get(2)?,
        transport: row.get(3)?,
        payload_type: row.get(4)?,
    })
}

/// A sum whose columns begin with that one.
pub(super) fn sum(row: &Row<'_>, first: usize) -> rusqlite::Result<StreamSum> {
    let count = |at: usize| row.get::<_, i64>(first.saturating_add(at)).map(i64::unsigned_abs);
    Ok(StreamSum { packets: count(0)?, bytes: count(1)?, lost: count(2)?, jitter_us: count(3)? })
}

fn interval(row: &Row<'_>) -> rusqlite::Result<Interval> {
    Ok(Interval {
        since: Time(row.get(0)?),
        until: row.get::<_, Option<i64>>(1)?.map(Time),
        what: row.get(2)?,
        of: row.get(3)?,
    })
}

fn finding(row: &Row<'_>) -> rusqlite::Result<FindingRow> {
    let time = |at| row.get::<_, Option<i64>>(at).map(|it| it.map(Time));
    Ok(FindingRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        severity: row.get(2)?,
        owner: row.get(3)?,
        title: row.get(4)?,
        first_seen: Time(row.get(5)?),
        last_seen: Time(row.get(6)?),
        ended: time(7)?,
        withdrawn: time(8)?,
        count: row.get::<_, i64>(9)?.unsigned_abs(),
        status: row.get(10)?,
        status_at: Time(row.get(11)?),
        status_by: row.get(12)?,
        reason: row.get(13)?,
        expires: time(14)?,
        reopened: row.get::<_, i64>(15)?.unsigned_abs(),
        document: row.get(16)?,
        turn: row.get(17)?,
        assigned: row.get(18)?,
    })
}

/// Whom nobody is to be told of.
pub(super) fn rules(db: &Connection) -> Result<Rules, Trouble> {
    let sql = "SELECT id, kind, subject, status, expires FROM findings WHERE status IN ('suppressed', 'false-positive')";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let learns_until = learned::learning(db)?.map(|it| it.until());
    let mut rules = Rules { learns_until, ..Rules::default() };
    while let Some(row) = rows.next()? {
        let until = row.get::<_, Option<i64>>(4)?.map_or(Time(i64::MAX), Time);
        rules.findings.insert(row.get(0)?, until);
        if row.get::<_, String>(3)? == "suppressed" {
            let of = rules.subjects.entry((row.get(1)?, row.get(2)?)).or_insert(until);
            *of = (*of).max(until);
        }
    }
    Ok(rules)
}

/// Who devices are, for the next run.
pub(super) fn memory(db: &Connection) -> Result<Memory, Trouble> {
    let sql = "SELECT mac, document FROM devices JOIN documents ON device = id
         WHERE mac IS NOT NULL AND merged_into IS NULL ORDER BY last_seen DESC";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut memory = Memory::default();
    while let Some(row) = rows.next()? {
        let (mac, document): (String, String) = (row.get(0)?, row.get(1)?);
        let Some(mac) = Mac::from_text(mac.as_bytes()) else { continue };
        memory.meet(mac);
        let Ok(device) = serde_json::from_str::<serde_json::Value>(&document) else { continue };
        for it in device["identity"].as_array().into_iter().flatten() {
            let text = |key: &str| it[key].as_str().unwrap_or_default();
            let share = it["confidence"].as_f64().unwrap_or_default().clamp(0.0, 1.0);
            memory.add(
                mac,
                Witness {
                    attribute: text("attribute"),
                    value: text("value"),
                    strength: (share * 100.0).round() as u8,
                    source: text("source"),
                    at: time::parse(text("time")).unwrap_or_default(),
                },
            );
        }
    }
    Ok(memory)
}

/// How a finding stands.
pub(super) struct Stands {
    pub status: String,
    /// Whose turn it is.
    pub turn: String,
    pub assigned: Option<String>,
    pub is_over: bool,
}

pub(super) fn stands(db: &Connection, id: &str) -> Result<Option<Stands>, Trouble> {
    let sql = "SELECT status, coalesce(turn, owner), assigned, coalesce(ended, withdrawn) IS NOT NULL
         FROM findings WHERE id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Stands { status: row.get(0)?, turn: row.get(1)?, assigned: row.get(2)?, is_over: row.get(3)? })
    };
    Ok(db.query_row(sql, [id], read).optional()?)
}

const SECOND: i64 = 1_000_000_000;
