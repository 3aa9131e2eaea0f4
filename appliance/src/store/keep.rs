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
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 2 << 30, history_days: 400, findings_days: 1_100 }
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
        let days = if table.is_history { limits.history_days } else { limits.findings_days };
        table.shorten(db, before(days))?;
    }
    trim(db, limits)?;
    let mut freed = db.prepare_cached("PRAGMA incremental_vacuum(1024)")?;
    let mut pages = freed.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

/// Lets go of the oldest while there is too much: devices only where there is nothing else.
pub(super) fn trim(db: &Connection, limits: &Limits) -> Result<(), Trouble> {
    let tenth = limits.bytes_max / 10;
    if used(db)? <= tenth.saturating_mul(9) {
        return Ok(());
    }
    for _ in 0..ROUNDS_MAX {
        let mut gone = 0;
        for table in TABLES {
            if gone == 0 || !table.is_last {
                gone += table.shorten(db, i64::MAX)?;
            }
        }
        if gone == 0 || used(db)? <= tenth.saturating_mul(8) {
            break;
        }
    }
    Ok(())
}

/// What may go of a table.
struct Table {
    name: &'static str,
    key: &'static str,
    /// What tells its age.
    age: &'static str,
    /// Which rows may go.
    may_go: &'static str,
    is_history: bool,
    /// Whether it stays as long as anything else can go.
    is_last: bool,
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
    Table { name, key, age: "until", may_go: "until IS NOT NULL", is_history: true, is_last: false }
}

const TABLES: [Table; 7] = [
    history("availability", "device, since"),
    history("attributes", "device, attribute, since"),
    history("addresses", "device, ip, since"),
    Table { may_go: "id < (SELECT max(id) FROM sessions)", ..history("sessions", "id") },
    Table {
        name: "findings",
        key: "id",
        age: "last_seen",
        may_go: "coalesce(ended, withdrawn) IS NOT NULL AND status NOT IN ('suppressed', 'false-positive')",
        is_history: false,
        is_last: false,
    },
    Table {
        name: "audit",
        key: "id",
        age: "at",
        // The last stay whatever they take.
        may_go: "id < (SELECT max(id) FROM audit) - 1000",
        is_history: false,
        is_last: false,
    },
    Table {
        name: "devices",
        key: "id",
        age: "last_seen",
        may_go: "state = 'unknown' AND NOT EXISTS (SELECT 1 FROM findings
             WHERE subject = devices.name AND ended IS NULL AND withdrawn IS NULL)",
        is_history: true,
        is_last: true,
    },
];
/// Rows of each table that go at a time.
const CHUNK: i64 = 1_000;
const ROUNDS_MAX: usize = 10_000;
const DAY: i64 = 86_400 * 1_000_000_000;
