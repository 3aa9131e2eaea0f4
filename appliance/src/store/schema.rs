//! How the store's tables are, and how they came to be so: [`STEPS`].
//!
//! `PRAGMA user_version` counts the steps that a file has taken. A step that was released is never changed; what is to be
//! otherwise is a step more. A file of a later version is left alone.
//!
//! Times are nanoseconds since 1970 in UTC. What is open has no `until`, no `ended`.

use rusqlite::{Connection, TransactionBehavior};

use super::Trouble;

/// The steps, the oldest first.
const STEPS: &[&str] = &["
-- A run of the watch; `until` is moved on with each batch, so that it tells when the watch went away.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, began INTEGER NOT NULL, until INTEGER NOT NULL, version TEXT NOT NULL
) STRICT;

-- A device keeps its row over restarts: by its MAC, else by its address. `name` is its id in the report. One that turned out
-- to be another points at it.
CREATE TABLE devices (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, mac TEXT, kind TEXT NOT NULL, state TEXT NOT NULL,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,
    session INTEGER NOT NULL, merged_into INTEGER REFERENCES devices(id) ON DELETE SET NULL
) STRICT;
CREATE UNIQUE INDEX devices_by_mac ON devices(mac) WHERE mac IS NOT NULL AND merged_into IS NULL;
CREATE INDEX devices_by_name ON devices(name);
CREATE INDEX devices_merged ON devices(merged_into) WHERE merged_into IS NOT NULL;

-- The device as it was last told: an object of the report's `devices`.
CREATE TABLE documents (
    device INTEGER PRIMARY KEY REFERENCES devices(id) ON DELETE CASCADE, document TEXT NOT NULL
) STRICT;

CREATE TABLE addresses (
    device INTEGER NOT NULL REFERENCES devices(id) ON DELETE CASCADE, ip TEXT NOT NULL,
    since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (device, ip, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX addresses_held ON addresses(ip) WHERE until IS NULL;

CREATE TABLE attributes (
    device INTEGER NOT NULL REFERENCES devices(id) ON DELETE CASCADE, attribute TEXT NOT NULL,
    value TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (device, attribute, since)
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    device INTEGER NOT NULL REFERENCES devices(id) ON DELETE CASCADE, transport TEXT NOT NULL,
    port INTEGER NOT NULL, protocol TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    PRIMARY KEY (device, transport, port, protocol)
) STRICT, WITHOUT ROWID;

-- online, offline or unknown, from when to when.
CREATE TABLE availability (
    device INTEGER NOT NULL REFERENCES devices(id) ON DELETE CASCADE, since INTEGER NOT NULL,
    until INTEGER, state TEXT NOT NULL, cause TEXT, PRIMARY KEY (device, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX availability_open ON availability(device) WHERE until IS NULL;

-- `document` is an object of the report's `findings`. `status` is new, acknowledged, in-progress, resolved, suppressed or
-- false-positive; `status_count` is `count` when it last became another.
CREATE TABLE findings (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, category TEXT NOT NULL, severity TEXT NOT NULL, owner TEXT NOT NULL,
    subject TEXT NOT NULL, title TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    ended INTEGER, withdrawn INTEGER, count INTEGER NOT NULL,
    status TEXT NOT NULL, status_at INTEGER NOT NULL, status_by TEXT NOT NULL, status_count INTEGER NOT NULL,
    reason TEXT, expires INTEGER, reopened INTEGER NOT NULL DEFAULT 0, document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX findings_by_subject ON findings(kind, subject);
CREATE INDEX findings_by_status ON findings(status);
CREATE INDEX findings_by_time ON findings(last_seen);

-- How the judgement on a finding changed.
CREATE TABLE revisions (
    finding TEXT NOT NULL REFERENCES findings(id) ON DELETE CASCADE, time INTEGER NOT NULL, cause TEXT NOT NULL,
    confidence TEXT NOT NULL, because TEXT NOT NULL, PRIMARY KEY (finding, time, cause)
) STRICT, WITHOUT ROWID;

-- Who did what to the store; `who` is spanwatch where nobody did.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, finding TEXT,
    before TEXT, after TEXT, note TEXT
) STRICT;
CREATE INDEX audit_by_finding ON audit(finding);
", "
-- Whether nobody was told of it yet: it was suppressed, or its device in maintenance, from the first.
ALTER TABLE findings ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
", "
-- Who may use the pages. `role` is a word of `access::Role`; `password` is a PHC string, absent until its owner chose one;
-- `epoch` grows with his password and with what he may, and ends his sessions.
CREATE TABLE users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT, epoch INTEGER NOT NULL, created INTEGER NOT NULL, seen INTEGER
) STRICT, WITHOUT ROWID;

-- Links that work once: with one a user chooses his password, or, where `user` is absent, the first admin his name. Of the secret
-- in it the hash is kept, as of programs' below.
CREATE TABLE links (hash TEXT PRIMARY KEY, user TEXT, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Programs that ask the API.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL, used INTEGER
) STRICT;

-- From where somebody did it: an address, or absent where it was on this machine.
ALTER TABLE audit ADD COLUMN origin TEXT;
-- Whose turn people say it is, where they say another than `owner`, and who is at it.
ALTER TABLE findings ADD COLUMN turn TEXT;
ALTER TABLE findings ADD COLUMN assigned TEXT;
", "
-- Who is told, and how many messages to him were dropped that he was not told of.
CREATE TABLE receivers (receiver TEXT PRIMARY KEY, lost INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Messages that wait, by numbers that grow; `body` is a line of `--format jsonl`.
CREATE TABLE outbox (
    receiver TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, site TEXT,
    change TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (receiver, number)
) STRICT;
", "
-- A stream by what tells it from others for years: SSRCs come and go. `last_seen` is right to a day.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL, transport TEXT NOT NULL,
    payload_type INTEGER NOT NULL, last_seen INTEGER NOT NULL, UNIQUE (source, destination, transport, payload_type)
) STRICT;
CREATE INDEX streams_by_time ON streams(last_seen);

-- What came of a stream in a minute, an hour or a day (`span`, in seconds) that began at `at`; the greatest jitter.
CREATE TABLE stream_sums (
    span INTEGER NOT NULL, at INTEGER NOT NULL, stream INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,
    lost INTEGER NOT NULL, jitter_us INTEGER NOT NULL, PRIMARY KEY (span, at, stream)
) STRICT, WITHOUT ROWID;
", "
-- What people say of a device, by its id in the report; `at` and `who` of what was said last.
CREATE TABLE labels (
    device TEXT PRIMARY KEY, location TEXT, owner TEXT, importance TEXT, at INTEGER NOT NULL, who TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX streams_by_destination ON streams(destination);
", "
-- What pages ask of findings each second, so that it costs what people made of them and not what there is. Their conditions are
-- those of the statements, word for word.
CREATE INDEX findings_standing ON findings(last_seen)
    WHERE status <> 'new' OR status_by <> 'spanwatch' OR turn IS NOT NULL OR assigned IS NOT NULL;
CREATE INDEX findings_past ON findings(last_seen) WHERE ended IS NOT NULL AND withdrawn IS NULL;
", "
-- The data lists that the last watch went by: of when each is, and SHA-256 of it in hex.
CREATE TABLE lists (name TEXT PRIMARY KEY, date TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
", "
-- Who was learned to be expected in a role of `expected::Role`: an address, or the id of a device.
CREATE TABLE learned (
    role TEXT NOT NULL, who TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (role, who)
) STRICT, WITHOUT ROWID;

-- The one row says when learning began, and when and by whom what was learned was accepted, which ended it.
CREATE TABLE learning (
    id INTEGER PRIMARY KEY CHECK (id = 1), began INTEGER NOT NULL, accepted INTEGER, accepted_by TEXT
) STRICT;
", "
-- What came so far of streams in the minute that goes on and began at `at`; `frame` and `place` are a stream's number in its run.
CREATE TABLE running (
    frame INTEGER NOT NULL, place INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL,
    transport TEXT NOT NULL, payload_type INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,
    lost INTEGER NOT NULL, jitter_us INTEGER NOT NULL, PRIMARY KEY (frame, place)
) STRICT, WITHOUT ROWID;
"];

/// Brings a file to the present version, in one transaction.
///
/// # Errors
/// Where it is of a later version, or SQLite's.
pub(super) fn migrate(db: &mut Connection) -> Result<(), Trouble> {
    let behavior = TransactionBehavior::Immediate;
    let step = db.transaction_with_behavior(behavior)?;
    let taken = version(&step)?;
    if taken > STEPS.len() {
        return Err(Trouble::Later(taken));
    }
    for (number, sql) in (1..).zip(STEPS).skip(taken) {
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", number)?;
    }
    Ok(step.commit()?)
}

/// The steps that a file has taken.
pub(super) fn version(db: &Connection) -> Result<usize, Trouble> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Whether a file is of the present version.
pub(super) fn is_present(db: &Connection) -> Result<bool, Trouble> {
    match version(db)? {
        taken if taken > STEPS.len() => Err(Trouble::Later(taken)),
        taken => Ok(taken == STEPS.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_once_and_a_later_file_is_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        assert!(!is_present(&db).unwrap());
        migrate(&mut db).unwrap();
        migrate(&mut db).unwrap();
        assert!(is_present(&db).unwrap());
        db.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(migrate(&mut db), Err(Trouble::Later(99))));
    }
}
