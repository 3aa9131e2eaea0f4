//! A batch's words into tables, within one transaction.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction, params};
use spanwatch_engine::report::{Device, Finding, time};
use spanwatch_parsers::Time;

use super::write::audit;
use super::{Trouble, life, subject};

/// Rows by number, as they were before a transaction that fails.
pub(super) struct Rows<'a> {
    rows: &'a mut BTreeMap<u32, i64>,
    undo: Vec<(u32, Option<i64>)>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(rows: &'a mut BTreeMap<u32, i64>) -> Self {
        Self { rows, undo: Vec::new() }
    }

    fn put(&mut self, number: u32, row: Option<i64>) {
        let before = match row {
            Some(row) => self.rows.insert(number, row),
            None => self.rows.remove(&number),
        };
        self.undo.push((number, before));
    }

    pub(super) fn undo(&mut self) {
        for (number, before) in self.undo.drain(..).rev() {
            match before {
                Some(row) => self.rows.insert(number, row),
                None => self.rows.remove(&number),
            };
        }
    }
}

/// A batch that is being written.
pub(super) struct Page<'a, 'b, 'c> {
    step: &'a Transaction<'a>,
    rows: &'b mut Rows<'c>,
    session: i64,
    now: Time,
}

impl<'a, 'b, 'c> Page<'a, 'b, 'c> {
    pub(super) fn new(step: &'a Transaction<'a>, rows: &'b mut Rows<'c>, session: i64, now: Time) -> Self {
        Self { step, rows, session, now }
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, Trouble> {
        Ok(self.step.prepare_cached(sql)?.execute(values)?)
    }

    fn row(&self, sql: &str, values: impl rusqlite::Params) -> Result<Option<i64>, Trouble> {
        Ok(self.step.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
    }

    pub(super) fn device(&mut self, number: u32, device: &Device) -> Result<(), Trouble> {
        let row = match self.rows.rows.get(&number).copied() {
            Some(row) if self.is_there(row)? => self.identified(row, device)?,
            _ => self.found(device)?,
        };
        self.rows.put(number, Some(row));
        let (first, last) = (device.first_seen.0.0, device.last_seen.0.0);
        self.run(
            "UPDATE devices SET name = ?2, mac = ?3, kind = ?4, state = ?5, first_seen = min(first_seen, ?6),
             last_seen = max(last_seen, ?7), packets = ?8, bytes = ?9, session = ?10 WHERE id = ?1",
            params![
                row,
                device.id,
                device.mac,
                device.kind,
                device.state,
                first,
                last,
                number_of(device.packets),
                number_of(device.bytes),
                self.session
            ],
        )?;
        let document = serde_json::to_string(device).map_err(|error| Trouble::Refused(error.to_string()))?;
        self.run(
            "INSERT INTO documents VALUES (?1, ?2) ON CONFLICT DO UPDATE SET document = excluded.document",
            params![row, document],
        )?;
        self.addresses(row, device)?;
        self.attributes(row, device)?;
        for it in &device.services {
            self.run(
                "INSERT INTO services VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
                 SET last_seen = max(last_seen, excluded.last_seen)",
                params![row, it.transport, it.port, it.protocol, it.first_seen.0.0, it.last_seen.0.0],
            )?;
        }
        self.availability(row, device)
    }

    /// Whether a row was not let go of to make room.
    fn is_there(&self, row: i64) -> Result<bool, Trouble> {
        Ok(self.row("SELECT 1 FROM devices WHERE id = ?1", [row])?.is_some())
    }

    /// The row of a device that this run has not told of before.
    fn found(&self, device: &Device) -> Result<i64, Trouble> {
        let known = match &device.mac {
            Some(mac) => self.of_mac(mac)?,
            None => self.row(
                "SELECT id FROM devices WHERE mac IS NULL AND name = ?1 AND merged_into IS NULL",
                [&device.id],
            )?,
        };
        if let Some(row) = known {
            return Ok(row);
        }
        // Whom an earlier run knew by his address alone.
        for ip in device.ips.iter().filter(|_| device.mac.is_some()) {
            let row = self.row(
                "SELECT id FROM devices WHERE mac IS NULL AND name = ?1 AND merged_into IS NULL AND session <> ?2",
                params![ip, self.session],
            )?;
            if let Some(row) = row {
                return Ok(row);
            }
        }
        self.run(
            "INSERT INTO devices (name, kind, state, first_seen, last_seen, packets, bytes, session)
             VALUES (?1, ?2, ?3, ?4, ?4, 0, 0, ?5)",
            params![device.id, device.kind, device.state, device.first_seen.0.0, self.session],
        )?;
        Ok(self.step.last_insert_rowid())
    }

    /// The row of a device that is told again: another's where its MAC turns out to be known.
    fn identified(&self, row: i64, device: &Device) -> Result<i64, Trouble> {
        let Some(mac) = &device.mac else { return Ok(row) };
        match self.of_mac(mac)?.filter(|other| *other != row) {
            Some(other) => {
                self.merge(row, other)?;
                Ok(other)
            }
            None => Ok(row),
        }
    }

    fn of_mac(&self, mac: &str) -> Result<Option<i64>, Trouble> {
        self.row("SELECT id FROM devices WHERE mac = ?1 AND merged_into IS NULL", [mac])
    }

    fn merge(&self, row: i64, into: i64) -> Result<(), Trouble> {
        // What this run knew of it the other has, too.
        let is_of_now = self.run(
            "DELETE FROM devices WHERE id = ?1 AND first_seen >= (SELECT began FROM sessions WHERE id = ?2)",
            [row, self.session],
        )?;
        if is_of_now > 0 {
            return Ok(());
        }
        self.run("UPDATE devices SET merged_into = ?2 WHERE id = ?1", [row, into])?;
        for table in ["availability", "addresses", "attributes"] {
            let sql =
                format!("UPDATE {table} SET until = max(since, ?2) WHERE device = ?1 AND until IS NULL");
            self.run(&sql, params![row, self.now.0])?;
        }
        Ok(())
    }

    pub(super) fn heard(&self, number: u32, (last, packets, bytes): (Time, u64, u64)) -> Result<(), Trouble> {
        let Some(row) = self.rows.rows.get(&number) else { return Ok(()) };
        self.run(
            "UPDATE devices SET last_seen = max(last_seen, ?2), packets = ?3, bytes = ?4 WHERE id = ?1",
            params![row, last.0, number_of(packets), number_of(bytes)],
        )?;
        Ok(())
    }

    /// A device that the ledger does not know any more: who holds its address is it, else it was forgotten.
    pub(super) fn gone(&mut self, number: u32) -> Result<(), Trouble> {
        let Some(row) = self.rows.rows.get(&number).copied() else { return Ok(()) };
        self.rows.put(number, None);
        if !self.is_there(row)? {
            return Ok(());
        }
        let into = self.row(
            "SELECT other.device FROM addresses own JOIN addresses other ON other.ip = own.ip AND other.until IS NULL
             JOIN devices d ON d.id = other.device AND d.merged_into IS NULL AND d.mac IS NOT NULL
             JOIN devices o ON o.id = own.device AND o.mac IS NULL
             WHERE own.device = ?1 AND own.until IS NULL AND other.device <> ?1 LIMIT 1",
            [row],
        )?;
        if let Some(into) = into {
            return self.merge(row, into);
        }
        // Who came and went, as made-up senders do, is not kept.
        let passed = self.run(
            "DELETE FROM devices WHERE id = ?1 AND last_seen - first_seen < ?2
             AND NOT EXISTS (SELECT 1 FROM findings WHERE subject = devices.name)",
            params![row, BRIEF],
        )?;
        if passed > 0 {
            return Ok(());
        }
        self.run(
            "UPDATE availability SET until = ?2 WHERE device = ?1 AND until IS NULL AND state <> 'unknown' AND since < ?2",
            params![row, self.now.0],
        )?;
        self.run(
            "INSERT INTO availability (device, since, state) SELECT ?1, ?2, 'unknown'
             WHERE NOT EXISTS (SELECT 1 FROM availability WHERE device = ?1 AND until IS NULL) ON CONFLICT DO NOTHING",
            params![row, self.now.0],
        )?;
        self.run("UPDATE devices SET state = 'unknown' WHERE id = ?1", [row])?;
        Ok(())
    }

    fn addresses(&self, row: i64, device: &Device) -> Result<(), Trouble> {
        for ip in &device.ips {
            self.run(
                "INSERT INTO addresses (device, ip, since) SELECT ?1, ?2, ?3
                 WHERE NOT EXISTS (SELECT 1 FROM addresses WHERE device = ?1 AND ip = ?2 AND until IS NULL)
                 ON CONFLICT DO UPDATE SET until = NULL",
                params![row, ip, self.now.0],
            )?;
            // Who held it in an earlier run, and was not heard in this one.
            self.run(
                "UPDATE addresses SET until = max(since, ?3) WHERE ip = ?2 AND until IS NULL AND device <> ?1
                 AND device IN (SELECT id FROM devices WHERE session <> ?4)",
                params![row, ip, self.now.0, self.session],
            )?;
        }
        for ip in device.aliases.iter().filter(|alias| !device.ips.contains(alias)) {
            self.run(
                "UPDATE addresses SET until = max(since, ?3) WHERE device = ?1 AND ip = ?2 AND until IS NULL",
                params![row, ip, self.now.0],
            )?;
        }
        Ok(())
    }

    /// What is not known for the moment is taken to be as it was.
    fn attributes(&self, row: i64, device: &Device) -> Result<(), Trouble> {
        let kind = Some(&device.kind).filter(|kind| *kind != "unknown").cloned();
        let port = device.switch.as_ref().map(|at| {
            let switch = at.name.as_ref().or(at.id.as_ref()).map_or("", String::as_str);
            [switch, at.port.as_deref().unwrap_or_default()].join(" ").trim().to_owned()
        });
        for (attribute, value) in [
            ("kind", &kind),
            ("vendor", &device.vendor),
            ("model", &device.model),
            ("firmware", &device.firmware),
            ("serial", &device.serial),
            ("name", &device.name),
            ("hostname", &device.hostname),
            ("switch", &port),
        ] {
            let Some(value) = value else { continue };
            let is_open = self.row(
                "SELECT 1 FROM attributes WHERE device = ?1 AND attribute = ?2 AND until IS NULL AND value = ?3",
                params![row, attribute, value],
            )?;
            if is_open.is_some() {
                continue;
            }
            self.run(
                "UPDATE attributes SET until = max(since, ?3) WHERE device = ?1 AND attribute = ?2 AND until IS NULL",
                params![row, attribute, self.now.0],
            )?;
            self.run(
                "INSERT INTO attributes (device, attribute, value, since) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET value = excluded.value, until = NULL",
                params![row, attribute, value, self.now.0],
            )?;
        }
        Ok(())
    }

    /// The last of the device's times stand for all that the store has of them.
    fn availability(&self, row: i64, device: &Device) -> Result<(), Trouble> {
        let tail = device.history.len().saturating_sub(HISTORY_TOLD);
        let times: Vec<_> = device
            .history
            .iter()
            .skip(tail)
            .map(|it| (it.from.0.0, it.to.map(|to| to.0.0), it.state, it.cause))
            .collect();
        let Some((first, ..)) = times.first() else { return Ok(()) };
        self.run("DELETE FROM availability WHERE device = ?1 AND since >= ?2", [row, *first])?;
        self.run(
            "UPDATE availability SET until = ?2 WHERE device = ?1 AND (until IS NULL OR until > ?2)",
            [row, *first],
        )?;
        for (from, to, state, cause) in times {
            self.run(
                "INSERT OR REPLACE INTO availability VALUES (?1, ?2, ?3, ?4, ?5)",
                params![row, from, to, state, cause],
            )?;
        }
        Ok(())
    }

    pub(super) fn finding(&self, finding: &Finding, is_untold: bool) -> Result<(), Trouble> {
        let at = |text: &str| time::parse(text).map_or(self.now.0, |at| at.0);
        let document = serde_json::to_string(finding).map_err(|error| Trouble::Refused(error.to_string()))?;
        let count = number_of(finding.count);
        let is_new = self.row("SELECT 1 FROM findings WHERE id = ?1", [&finding.id])?.is_none();
        self.run(
            "INSERT INTO findings (id, kind, category, severity, owner, subject, title, first_seen, last_seen, ended, withdrawn,
             count, status, status_at, status_by, status_count, reason, expires, reopened, document, untold) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, ?11,
             'new', ?12, 'spanwatch', ?11, NULL, NULL, 0, ?13, ?14)
             ON CONFLICT DO UPDATE SET severity = excluded.severity, owner = excluded.owner, subject = excluded.subject,
             title = excluded.title, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
             ended = excluded.ended, withdrawn = NULL, count = excluded.count, document = excluded.document,
             untold = excluded.untold",
            params![
                finding.id,
                finding.kind,
                finding.category,
                finding.severity,
                finding.owner,
                subject(finding),
                finding.title,
                at(&finding.first_seen),
                at(&finding.last_seen),
                finding.ended.as_deref().map(at),
                count,
                self.now.0,
                document,
                is_untold
            ],
        )?;
        for it in &finding.revisions {
            self.run(
                "INSERT OR IGNORE INTO revisions VALUES (?1, ?2, ?3, ?4, ?5)",
                params![finding.id, at(&it.time), it.cause, it.confidence.to_string(), it.because],
            )?;
        }
        if is_new {
            self.inherit(finding)?;
        }
        if finding.ended.is_some() {
            return self.over(&finding.id);
        }
        // What a person resolved comes again: of what merely goes on by its being seen, of the rest by its count.
        let is_standing = life::is_standing(finding.category);
        let is_again = self.row(
            "SELECT 1 FROM findings WHERE id = ?1 AND status = 'resolved' AND
             (status_by = 'spanwatch' OR count > status_count OR ?2 AND last_seen > status_at)",
            params![finding.id, is_standing],
        )?;
        if is_again.is_some() {
            self.run("UPDATE findings SET reopened = reopened + 1 WHERE id = ?1", [&finding.id])?;
            self.turn(&finding.id, "reopened", "new", None)?;
        }
        Ok(())
    }

    /// A kind that was suppressed of a subject is so of what comes anew.
    fn inherit(&self, finding: &Finding) -> Result<(), Trouble> {
        let by = "SELECT reason, expires FROM findings WHERE kind = ?1 AND subject = ?2 AND id <> ?3
             AND status = 'suppressed' AND expires > ?4 ORDER BY expires DESC LIMIT 1";
        let values = params![finding.kind, subject(finding), finding.id, self.now.0];
        let rule = self
            .step
            .prepare_cached(by)?
            .query_row(values, |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        let Some((reason, expires)) = rule else { return Ok(()) };
        self.turn(&finding.id, "suppressed", "suppressed", reason.as_deref())?;
        self.run(
            "UPDATE findings SET reason = ?2, expires = ?3 WHERE id = ?1",
            params![finding.id, reason, expires],
        )?;
        Ok(())
    }

    pub(super) fn withdrawn(&self, id: &str) -> Result<(), Trouble> {
        self.run("UPDATE findings SET withdrawn = ?2 WHERE id = ?1", params![id, self.now.0])?;
        self.over(id)
    }

    /// What ended is resolved by itself, unless a person said what it is.
    fn over(&self, id: &str) -> Result<(), Trouble> {
        let is_open = self.row(
            "SELECT 1 FROM findings WHERE id = ?1 AND status IN ('new', 'acknowledged', 'in-progress')",
            [id],
        )?;
        if is_open.is_some() {
            self.turn(id, "resolved", "resolved", None)?;
        }
        Ok(())
    }

    /// Gives a finding another status, by ourselves.
    fn turn(&self, id: &str, what: &str, status: &str, note: Option<&str>) -> Result<(), Trouble> {
        let before: String = self
            .step
            .prepare_cached("SELECT status FROM findings WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        self.run(
            "UPDATE findings SET status = ?2, status_at = ?3, status_by = 'spanwatch', status_count = count,
             reason = NULL, expires = NULL WHERE id = ?1",
            params![id, status, self.now.0],
        )?;
        audit(self.step, self.now, ("spanwatch", what), (Some(id), Some(&before), Some(status)), note)
    }
}

fn number_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Who was forgotten after less than an hour had to make room for others like him.
const BRIEF: i64 = 3_600 * 1_000_000_000;
/// Of a device's history so many entries are told: those before stay as they were written.
const HISTORY_TOLD: usize = 16;
