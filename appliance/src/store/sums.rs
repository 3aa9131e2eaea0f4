//! What came of streams by minute, hour and day.
//!
//! A minute is added to its hour and its day as it is written, so that no sum ever has to be made of others.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction, params};
use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
use spanwatch_parsers::Time;

use super::Trouble;

/// Minutes that wait to be written, by when they began.
pub(super) type Sums = BTreeMap<(Time, StreamKey), StreamSum>;

/// Writes what came in some minutes.
pub(super) fn write(step: &Transaction<'_>, sums: &Sums) -> Result<(), Trouble> {
    for ((at, key), sum) in sums {
        let stream = row(step, key, *at)?;
        for span in SPANS {
            let began = at.0.saturating_sub(at.0.rem_euclid(span.saturating_mul(SECOND)));
            let [packets, bytes, lost, jitter] = [sum.packets, sum.bytes, sum.lost, sum.jitter_us]
                .map(|it| i64::try_from(it).unwrap_or(i64::MAX));
            let sql = "INSERT INTO stream_sums VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
                 packets = packets + excluded.packets, bytes = bytes + excluded.bytes, lost = lost + excluded.lost,
                 jitter_us = max(jitter_us, excluded.jitter_us)";
            step.prepare_cached(sql)?.execute(params![span, began, stream, packets, bytes, lost, jitter])?;
        }
    }
    Ok(())
}

fn row(step: &Transaction<'_>, key: &StreamKey, at: Time) -> Result<i64, Trouble> {
    let StreamKey { source, destination, transport, payload_type } = key;
    let find = "SELECT id, last_seen FROM streams WHERE source = ?1 AND destination = ?2 AND transport = ?3 AND payload_type = ?4";
    let known = step
        .prepare_cached(find)?
        .query_row(params![source, destination, transport, payload_type], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    if let Some((id, last_seen)) = known {
        if at.0.saturating_sub(last_seen) > DAY.saturating_mul(SECOND) {
            step.prepare_cached("UPDATE streams SET last_seen = ?2 WHERE id = ?1")?.execute([id, at.0])?;
        }
        return Ok(id);
    }
    let make = "INSERT INTO streams (source, destination, transport, payload_type, last_seen) VALUES (?1, ?2, ?3, ?4, ?5)";
    step.prepare_cached(make)?.execute(params![source, destination, transport, payload_type, at.0])?;
    Ok(step.last_insert_rowid())
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// A minute, an hour, a day, in seconds.
const SPANS: [i64; 3] = [60, 3_600, DAY];
