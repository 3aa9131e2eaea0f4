//! How long things are kept, and how much of them: [`Limits`].
//!
//! What is older than its age goes once a minute. Beyond nine tenths of the budget the oldest goes, whatever its age, until
//! eight tenths are left. Devices that were heard lately, and what is open, stay. A page count that SQLite never exceeds is
//! the last guard: there writing fails as on a full disk.

use rusqlite::{Connection, params};
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

/// Lets go of what is too old, and, where there is too much, of the oldest.
pub(super) fn keep(db: &Connection, limits: &Limits, now: Time) -> Result<(), Trouble> {
    let before = |days: u32| now.0.saturating_sub(i64::from(days).saturating_mul(DAY));
    let (history, findings) = (before(limits.history_days), before(limits.findings_days));
    for (sql, cutoff) in [
        ("DELETE FROM availability WHERE until < ?1", history),
        ("DELETE FROM attributes WHERE until < ?1", history),
        ("DELETE FROM addresses WHERE until < ?1", history),
        ("DELETE FROM sessions WHERE until < ?1", history),
        (FORGOTTEN_DEVICES, history),
        (PAST_FINDINGS, findings),
        ("DELETE FROM audit WHERE at < ?1", findings),
    ] {
        db.prepare_cached(sql)?.execute([cutoff])?;
    }
    trim(db, limits)?;
    db.execute_batch("PRAGMA incremental_vacuum(1024)")?;
    Ok(())
}

/// Lets go of the oldest while there is too much.
pub(super) fn trim(db: &Connection, limits: &Limits) -> Result<(), Trouble> {
    let tenth = limits.bytes_max / 10;
    if used(db)? <= tenth.saturating_mul(9) {
        return Ok(());
    }
    for _ in 0..ROUNDS_MAX {
        let mut gone = 0;
        for sql in [OLDEST_AVAILABILITY, OLDEST_ATTRIBUTES, OLDEST_ADDRESSES, OLDEST_FINDINGS, OLDEST_AUDIT] {
            gone += db.prepare_cached(sql)?.execute(params![CHUNK])?;
        }
        if gone == 0 || used(db)? <= tenth.saturating_mul(8) {
            break;
        }
    }
    Ok(())
}

/// Nothing of theirs is open.
const FORGOTTEN_DEVICES: &str =
    "DELETE FROM devices WHERE last_seen < ?1 AND NOT EXISTS (SELECT 1 FROM findings
     WHERE subject = devices.name AND ended IS NULL AND withdrawn IS NULL)";
const PAST_FINDINGS: &str =
    "DELETE FROM findings WHERE last_seen < ?1 AND coalesce(ended, withdrawn) IS NOT NULL
     AND (expires IS NULL OR expires < ?1)";
const OLDEST_AVAILABILITY: &str = "DELETE FROM availability WHERE (device, since) IN
     (SELECT device, since FROM availability WHERE until IS NOT NULL ORDER BY until LIMIT ?1)";
const OLDEST_ATTRIBUTES: &str = "DELETE FROM attributes WHERE (device, attribute, since) IN
     (SELECT device, attribute, since FROM attributes WHERE until IS NOT NULL ORDER BY until LIMIT ?1)";
const OLDEST_ADDRESSES: &str = "DELETE FROM addresses WHERE (device, ip, since) IN
     (SELECT device, ip, since FROM addresses WHERE until IS NOT NULL ORDER BY until LIMIT ?1)";
const OLDEST_FINDINGS: &str = "DELETE FROM findings WHERE id IN (SELECT id FROM findings
     WHERE coalesce(ended, withdrawn) IS NOT NULL AND status NOT IN ('suppressed', 'false-positive')
     ORDER BY last_seen LIMIT ?1)";
/// The last thousand entries stay whatever they take.
const OLDEST_AUDIT: &str = "DELETE FROM audit WHERE id IN
     (SELECT id FROM audit WHERE id < (SELECT max(id) FROM audit) - 1000 ORDER BY id LIMIT ?1)";
/// Rows of each table that go at a time.
const CHUNK: i64 = 1_000;
const ROUNDS_MAX: usize = 10_000;
const DAY: i64 = 86_400 * 1_000_000_000;
