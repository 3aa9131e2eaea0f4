//! What came of streams by minute, hour and day.
//!
//! A minute is added to its hour and its day as it is written, so that no sum ever has to be made of others. How far one is that
//! goes on is kept beside, and goes when it is over; where its watch died the next one adds it ([`fold`]).

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction, params};
use spanwatch_engine::ledger::stream::StreamId;
use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
use spanwatch_parsers::Time;

use super::Trouble;

/// Minutes that wait to be written, by when they began.
pub(super) type Sums = BTreeMap<(Time, StreamKey), StreamSum>;

/// How far the minute is that goes on.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Whether what was told of it before is over.
    pub(super) is_new: bool,
    /// Of each stream the latest word, by its number in this run.
    pub(super) streams: BTreeMap<StreamId, (Time, StreamKey, StreamSum)>,
}

impl Running {
    /// Takes what was told since.
    pub(super) fn add(&mut self, since: Self) {
        if since.is_new {
            self.over();
        }
        self.streams.extend(since.streams);
    }

    /// It is over.
    pub(super) fn over(&mut self) {
        self.is_new = true;
        self.streams.clear();
    }
}

/// Writes what came in some minutes, and how far the present one is.
pub(super) fn write(step: &Transaction<'_>, sums: &Sums, running: &Running) -> Result<(), Trouble> {
    for ((at, key), sum) in sums {
        let StreamKey { source, destination, transport, payload_type } = key;
        add(step, (source, destination, transport, *payload_type), *at, sum)?;
    }
    if running.is_new {
        step.execute("DELETE FROM running", [])?;
    }
    let sql = "INSERT OR REPLACE INTO running VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    for ((frame, place), (at, key, sum)) in &running.streams {
        let StreamKey { source, destination, transport, payload_type } = key;
        let [packets, bytes, lost, jitter] = counts(sum);
        let frame = i64::try_from(*frame).unwrap_or(i64::MAX);
        step.prepare_cached(sql)?.execute(params![
            frame,
            place,
            at.0,
            source,
            destination,
            transport,
            payload_type,
            packets,
            bytes,
            lost,
            jitter
        ])?;
    }
    Ok(())
}

/// Adds how far the last minute was of a watch that died.
pub(super) fn fold(step: &Transaction<'_>) -> Result<(), Trouble> {
    let sql = "SELECT source, destination, transport, payload_type, at, packets, bytes, lost, jitter_us FROM running";
    let mut statement = step.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let [source, destination, transport]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
        add(
            step,
            (&source, &destination, &transport, row.get(3)?),
            Time(row.get(4)?),
            &super::read::sum(row, 5)?,
        )?;
    }
    step.execute("DELETE FROM running", [])?;
    Ok(())
}

/// Source, destination, transport, payload type.
type Key<'a> = (&'a str, &'a str, &'a str, u8);

/// Adds what came of a stream in a minute.
fn add(step: &Transaction<'_>, key: Key<'_>, at: Time, sum: &StreamSum) -> Result<(), Trouble> {
    let stream = row(step, key, at)?;
    let [packets, bytes, lost, jitter] = counts(sum);
    for span in SPANS {
        let began = at.0.saturating_sub(at.0.rem_euclid(span.saturating_mul(SECOND)));
        let sql = "INSERT INTO stream_sums VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
             packets = packets + excluded.packets, bytes = bytes + excluded.bytes, lost = lost + excluded.lost,
             jitter_us = max(jitter_us, excluded.jitter_us)";
        step.prepare_cached(sql)?.execute(params![span, began, stream, packets, bytes, lost, jitter])?;
    }
    Ok(())
}

/// Packets, bytes, losses, jitter.
fn counts(sum: &StreamSum) -> [i64; 4] {
    [sum.packets, sum.bytes, sum.lost, sum.jitter_us].map(|it| i64::try_from(it).unwrap_or(i64::MAX))
}

fn row(step: &Transaction<'_>, key: Key<'_>, at: Time) -> Result<i64, Trouble> {
    let (source, destination, transport, payload_type) = key;
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
