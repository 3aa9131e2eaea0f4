//! How long things are kept, and how much of them: [`Limits`].
//!
//! What is older than its age goes once a minute. Beyond nine tenths of the budget the oldest goes, whatever its age, until
//! eight tenths are left: devices last, and none that is known to be online or offline. What is open stays. A page count that SQLite never exceeds is
//! the last guard: there writing fails as on a full disk.

use rusqlite::Connection;
use spanwatch_parsers::Time;

use super::Trouble;

/// How much a store may hold, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The file's size at most.
    pub bytes_max: u64,
    /// For how long it is known when a device was offline, what it was called, which addresses it held, and the
    /// device itself if it is not heard any more.
    pub history_days: u32,
    /// For how long a finding that is over is kept, and who did what.
    pub findings_days: u32,
    /// For how long it is known what came of a stream in a minute; of a day it is as long as other history.
    pub minutes_days: u32,
    /// The same of an hour.
    pub hours_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 2 << 30, history_days: 400, findings_days: 1_100, minutes_days: 7, hours_days: 90 }
    }
}

/// Sets the budget of a connection.
pub(super) fn guard(db: &Connection, limits: &Limits) -> Result<(), Trouble> {
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = limits.bytes_max / page.unsigned_abs().max(1);
    // It answers with the count that holds, which is no less than the file has.
    db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    Ok(())
}

/// The bytes in use, without pages that are free.
fn used(db: &Connection) -> Result<u64, Trouble> {
    let of = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = of("page_count")?.saturating_sub(of("freelist_count")?);
    Ok(pages.saturating_mul(of("page_size")?).unsigned_abs())
}

/// Lets go of what is too old, and, where there is too much, of the oldest. Of what is too old so much goes at a time that
/// a clock that is wrong for a minute costs a minute's.
pub(super) fn keep(db: &Connection, limits: &Limits, now: Time) -> Result<(), Trouble> {
    let before = |days: u32| now.0.saturating_sub(i64::from(days).saturating_mul(DAY));
    for table in TABLES {
        for _ in 0..table.chunks {
            if table.shorten(db, before((table.days)(limits)))? < CHUNK {
                break;
            }
        }
    }
    if used(db)? > limits.bytes_max / 10 * 9 {
        trim(db, limits, 8)?;
    }
    let mut freed = db.prepare_cached("PRAGMA incremental_vacuum(1024)")?;
    let mut pages = freed.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

/// Lets go of the oldest until so many tenths of the budget are in use: minutes of streams first, devices only where there is nothing else.
pub(super) fn trim(db: &Connection, limits: &Limits, tenths: u64) -> Result<(), Trouble> {
    let tenth = limits.bytes_max / 10;
    for worth in Worth::ALL {
        // Of minutes there are so many that what is let go of is no more than has to be.
        let enough = tenth.saturating_mul(if worth == Worth::Minutes { tenths + 1 } else { tenths });
        for _ in 0..ROUNDS_MAX {
            if used(db)? <= enough {
                return Ok(());
            }
            let mut gone = 0;
            for table in TABLES.iter().filter(|table| table.worth == worth) {
                gone += table.shorten(db, i64::MAX)?;
            }
            if gone == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// What goes first where there is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Minutes,
    Sums,
    History,
    Devices,
}

impl Worth {
    const ALL: [Self; 4] = [Self::Minutes, Self::Sums, Self::History, Self::Devices];
}

/// What may go of a table.
struct Table {
    name: &'static str,
    key: &'static str,
    /// What tells its age.
    age: &'static str,
    /// Which rows may go.
    may_go: &'static str,
    days: fn(&Limits) -> u32,
    worth: Worth,
    /// Chunks that go of what is too old at a time.
    chunks: usize,
}

impl Table {
    /// Lets go of the oldest rows, of before a time.
    fn shorten(&self, db: &Connection, before: i64) -> Result<usize, Trouble> {
        let Self { name, key, age, may_go, .. } = self;
        let sql = format!(
            "DELETE FROM {name} WHERE ({key}) IN
             (SELECT {key} FROM {name} WHERE {age} < ?1 AND {may_go} ORDER BY {age} LIMIT {CHUNK})"
        );
        Ok(db.prepare_cached(&sql)?.execute([before])?)
    }
}

const fn history(name: &'static str, key: &'static str) -> Table {
    let (may_go, days) = ("until IS NOT NULL", history_days as fn(&Limits) -> u32);
    Table { name, key, age: "until", may_go, days, worth: Worth::History, chunks: 1 }
}

/// Of streams, of a site of some ten thousand of them.
const fn sums(may_go: &'static str, days: fn(&Limits) -> u32, worth: Worth) -> Table {
    Table { name: "stream_sums", key: "span, at, stream", age: "at", may_go, days, worth, chunks: 200 }
}

const fn history_days(limits: &Limits) -> u32 {
    limits.history_days
}

const fn findings_days(limits: &Limits) -> u32 {
    limits.findings_days
}

const fn minutes_days(limits: &Limits) -> u32 {
    limits.minutes_days
}

const fn hours_days(limits: &Limits) -> u32 {
    limits.hours_days
}

const TABLES: [Table; 11] = [
    sums("span = 60", minutes_days, Worth::Minutes),
    sums("span = 3600", hours_days, Worth::Sums),
    sums("span = 86400", history_days, Worth::Sums),
    Table {
        name: "streams",
        key: "id",
        age: "last_seen",
        may_go: "true",
        days: history_days,
        worth: Worth::Sums,
        chunks: 1,
    },
    history("availability", "device, since"),
    history("attributes", "device, attribute, since"),
    history("addresses", "device, ip, since"),
    Table { may_go: "id < (SELECT max(id) FROM sessions)", ..history("sessions", "id") },
    Table {
        name: "findings",
        key: "id",
        age: "last_seen",
        may_go: "coalesce(ended, withdrawn) IS NOT NULL AND status NOT IN ('suppressed', 'false-positive')",
        days: findings_days,
        worth: Worth::History,
        chunks: 1,
    },
    Table {
        name: "audit",
        key: "id",
        age: "at",
        // The last stay whatever they take.
        may_go: "id < (SELECT max(id) FROM audit) - 1000",
        days: findings_days,
        worth: Worth::History,
        chunks: 1,
    },
    Table {
        name: "devices",
        key: "id",
        age: "last_seen",
        may_go: "state = 'unknown' AND NOT EXISTS (SELECT 1 FROM findings
             WHERE subject = devices.name AND ended IS NULL AND withdrawn IS NULL)",
        days: history_days,
        worth: Worth::Devices,
        chunks: 1,
    },
];
/// Rows of each table that go at a time.
const CHUNK: usize = 1_000;
const ROUNDS_MAX: usize = 10_000;
const DAY: i64 = 86_400 * 1_000_000_000;
