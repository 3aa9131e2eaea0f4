//! What the pages ask of a large store: by which index, and how many rows that touches.

use std::cell::RefCell;

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, OpenFlags, StatementStatus};
use spanwatch_parsers::Time;

use super::act::Act;
use super::desk::Desk;
use super::test::{Folder, at};
use super::users::By;
use super::{connect, schema};
use crate::access::Role;

/// A statement that was run.
struct Ran {
    sql: String,
    /// Rows of loops that no condition narrows.
    unbounded: i32,
    /// Instructions of SQLite's machine: a handful a row.
    steps: i32,
}

thread_local! {
    static RAN: RefCell<Vec<Ran>> = const { RefCell::new(Vec::new()) };
}

/// Notes what a connection runs.
pub(super) fn noted(db: &Connection) {
    db.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note));
}

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Profile(statement, _) = event {
        let ran = Ran {
            sql: statement.sql().into_owned(),
            unbounded: statement.get_status(StatementStatus::FullscanStep),
            steps: statement.get_status(StatementStatus::VmStep),
        };
        RAN.with(|it| it.borrow_mut().push(ran));
    }
}

const DEVICES: u32 = 50_000;
const FINDINGS: u32 = 100_000;

/// 50,000 devices and as many streams, 100,000 findings and as many rows of audit; people did something about 200.
fn large(folder: &Folder) {
    let mut db = Connection::open(folder.0.join("spanwatch.db")).unwrap();
    schema::migrate(&mut db).unwrap();
    db.execute_batch(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
         CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {FINDINGS}) SELECT i FROM n;
         INSERT INTO sessions (began, until, version) VALUES (0, 90000000000000, '0');
         INSERT INTO devices SELECT i, format('02:00:00:%02x:%02x:%02x', i >> 16, i >> 8 & 255, i & 255), NULL, 'camera', 'online',
             i, i, 1, 1, 1, NULL FROM n WHERE i <= {DEVICES};
         INSERT INTO documents SELECT id, '{{}}' FROM devices;
         INSERT INTO availability SELECT id, 0, NULL, 'online', NULL FROM devices;
         INSERT INTO findings SELECT format('%016x', i * 2654435761 % 4294967296), 'device-offline', 'availability', 'high', 'it', i, 't', i, i,
             iif(i % 3 = 0, i, NULL), NULL, 1, iif(i % 500 = 0, 'acknowledged', 'new'), i,
             iif(i % 500 = 0, 'ada', 'spanwatch'), 1, NULL, NULL, 0, '{{}}', 0, NULL, NULL FROM n;
         INSERT INTO audit (at, who, what, finding) SELECT i, 'ada', 'noted', format('%016x', (i / 100) * 2654435761 % 4294967296) FROM n;
         INSERT INTO streams SELECT i, i, 'r', 'udp', 96, 90000000000000 FROM n WHERE i <= {DEVICES};
         INSERT INTO stream_sums SELECT 3600, 86400000000000, i, 1, 1, 0, 0 FROM n WHERE i <= {DEVICES};
         INSERT INTO stream_sums SELECT 60, 60000000000 * (i / {DEVICES}), i % {DEVICES}, 1, 1, 0, 0 FROM n;
         COMMIT;"
    ))
    .unwrap();
}

#[test]
fn no_page_scans_a_large_store() {
    let folder = Folder::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    large(&folder);
    let desk = Desk::open(&folder.0).unwrap();
    let finding = format!("{:016x}", 500_u64 * 2_654_435_761 % 4_294_967_296);
    let by = By { who: "ada", origin: None, at: at(9) };
    let link = desk.first_link(at(99)).unwrap();
    let _ = desk.linked(&link, at(1)).unwrap();
    desk.take_link(("192.0.2.1", at(1)), &link, "ada", "$hash").unwrap();
    let (_, token) = desk.add_token(&by, "siem", Role::Admin).unwrap();
    RAN.with(|it| it.borrow_mut().clear());
    // What each request asks, and what it may ask besides; once each, for a statement that is kept counts on.
    assert!(desk.has_users().unwrap() && desk.user("ada").unwrap().is_some());
    assert!(desk.password("ada").unwrap().is_some() && desk.token(&token, at(2)).unwrap().is_some());
    assert_eq!((desk.users().unwrap().len(), desk.tokens().unwrap().len()), (1, 1));
    assert_eq!(desk.audit(None, i64::MAX, 100).unwrap().len(), 100);
    assert_eq!(desk.audit(None, 50, 100).unwrap().len(), 49);
    assert!(desk.audit(Some(&finding), i64::MAX, 100).unwrap().len() >= 99);
    assert_eq!(desk.standings().unwrap().len(), 200);
    assert_eq!(desk.past(500).unwrap().len(), 0, "documents of nothing");
    assert_eq!(desk.watched().unwrap().len(), 1);
    assert!(desk.past_of("02:00:00:00:00:07").unwrap().is_some());
    let day = (3_600, 3_600, 24);
    assert!(desk.courses("7", 8, day, Time(86_400 * 1_000_000_000)).unwrap().len() <= 8);
    assert!(desk.labels().unwrap().is_empty());
    desk.act(&finding, &Act::Acknowledge, (&by, Role::Admin), None).unwrap();
    desk.came(&by, "logged-in").unwrap();
    desk.came(&by, "login-failed").unwrap();
    let asked = RAN.with(RefCell::take);
    assert!(asked.len() > 20, "{}", asked.len());
    for ran in &asked {
        // 500 of the past, 200 standings, 100 of the audit: each some ten instructions.
        assert!(ran.unbounded <= 500 && ran.steps < 20_000, "{}: {} {}", ran.sql, ran.unbounded, ran.steps);
    }
    // What is read when a watch wrote: as much as is shown, and in the order of an index.
    let kept = desk.kept().unwrap();
    assert_eq!((kept.devices.len(), kept.findings.len()), (DEVICES as usize, 16_384));
    assert!(kept.has_more_findings && kept.streams.len() == DEVICES as usize);
    let read = RAN.with(RefCell::take);
    for ran in &read {
        assert!(ran.unbounded <= 16_385, "{}: {}", ran.sql, ran.unbounded);
    }
    let db = connect(&folder.0, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut plans = std::collections::BTreeSet::new();
    for ran in asked.iter().chain(&read).filter(|it| it.sql.trim_start().starts_with("SELECT")) {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {}", ran.sql)).unwrap();
        let mut rows = explain.raw_query();
        while let Some(row) = rows.next().unwrap() {
            plans.insert((row.get::<_, String>(3).unwrap(), ran.sql.clone()));
        }
    }
    // Of these there are few: 256 users and tokens at most, a session for each start of a watch, some tens of data lists. Of labels,
    // which people gave, and of who was learned all are wanted; a connection of its own reads them. Of what is running one row is.
    const SMALL: &[&str] =
        &["users", "tokens", "sessions", "lists", "labels", "learned", "running", "CONSTANT ROW"];
    for (step, sql) in plans {
        let is_scan =
            step.starts_with("SCAN ") && !step.contains(" USING ") && !step.starts_with("SCAN (subquery");
        assert!(!is_scan || SMALL.iter().any(|it| step.ends_with(it)), "{step}: {sql}");
    }
}
