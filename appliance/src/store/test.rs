//! A store in a folder of its own, and what is told to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, process};

use rusqlite::Connection;
use spanwatch_engine::report::minutes::{StreamKey, StreamSum};
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::time::{Stamp, rfc3339};
use spanwatch_engine::report::{Decimal, Device, Finding, History, Service};
use spanwatch_parsers::Time;

use super::act::{Act, act as act_by};
use super::users::By;
use super::*;
use crate::access::{Role, Team};
use crate::outputs::test as outputs;

pub(crate) fn at(second: i64) -> Time {
    Time(second * SECOND)
}

/// A camera that has been online since the first second.
pub(crate) fn device(last: u8) -> Device {
    let mac = format!("02:00:00:00:00:{last:02x}");
    Device {
        id: mac.clone(),
        aliases: vec![],
        mac: Some(mac),
        ips: vec![format!("192.0.2.{last}")],
        vlans: vec![],
        kind: "camera".to_owned(),
        vendor: Some("Axis".to_owned()),
        model: None,
        firmware: None,
        serial: None,
        name: None,
        hostname: None,
        confidence: Decimal::confidence(50),
        role: None,
        identity: vec![],
        services: vec![Service {
            transport: "tcp",
            port: 554,
            protocol: "rtsp",
            first_seen: Stamp(at(1)),
            last_seen: Stamp(at(1)),
        }],
        state: "online",
        history: vec![history(1, None, "online")],
        switch: None,
        inventory: None,
        tls: vec![],
        profiles: vec![],
        first_seen: Stamp(at(1)),
        last_seen: Stamp(at(1)),
        packets: 1,
        bytes: 100,
    }
}

pub(crate) fn history(from: i64, to: Option<i64>, state: &'static str) -> History {
    History { from: Stamp(at(from)), to: to.map(|to| Stamp(at(to))), state, cause: None }
}

pub(crate) fn finding(id: &str) -> Finding {
    Finding { id: id.to_owned(), ..outputs::finding("critical") }
}

pub(crate) fn of_kind(id: &str, kind: &'static str, category: &'static str) -> Finding {
    Finding { kind, category, ..finding(id) }
}

/// Does something to a finding, as somebody who may.
fn act(
    dir: &Path,
    id: &str,
    what: &Act,
    (who, at): (&str, Time),
    note: Option<&str>,
) -> Result<(String, String), Trouble> {
    let by = By { who, origin: None, at };
    act_by(dir, id, what, (&by, Role::Admin), note)
}

/// A folder that is removed with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// With a store in it that holds nothing.
    pub(crate) fn made(&self) {
        end(self.open(1).0);
    }

    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("spanwatch-store-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self, second: i64) -> (Store, Held) {
        self.with(Limits::default(), second)
    }

    fn with(&self, limits: Limits, second: i64) -> (Store, Held) {
        let say: Say = Arc::new(|what| eprintln!("{what}"));
        Store::open(&self.0, limits, at(second), &say).unwrap()
    }

    fn reader(&self) -> Reader {
        Store::open_reader(&self.0).unwrap()
    }

    /// One number that SQL gives.
    fn count(&self, sql: &str) -> i64 {
        Connection::open(file(&self.0)).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everybody has heard of everything.
pub(crate) fn told_all(_: &str) -> bool {
    false
}

fn is(device: Device) -> Picture {
    Picture::Is(Box::new(device))
}

fn end(store: Store) {
    assert!(store.finish(PATIENT), "all is written");
}

const PATIENT: Duration = Duration::from_secs(60);

fn states(reader: &Reader, id: &str) -> Vec<(i64, Option<i64>, String)> {
    let row = reader.device(id).unwrap().unwrap().row;
    let times = reader.availability(row).unwrap().into_iter();
    times.map(|it| (it.since.0 / SECOND, it.until.map(|at| at.0 / SECOND), it.what)).collect()
}

fn state(from: i64, to: Option<i64>, what: &str) -> (i64, Option<i64>, String) {
    (from, to, what.to_owned())
}

#[test]
fn what_is_told_can_be_read() {
    let folder = Folder::new();
    assert!(matches!(Store::open_reader(&folder.0), Err(Trouble::Missing)));
    let (mut store, held) = folder.open(1);
    assert!(held.findings.is_empty() && held.left.is_none());
    store.take(at(2), vec![(0, is(device(7)))], &[finding("a")], &told_all);
    end(store);
    let reader = folder.reader();
    let devices = reader.devices("", 10).unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].id.as_str(), devices[0].state.as_str()), ("02:00:00:00:00:07", "online"));
    assert!(devices[0].document.contains("\"vendor\":\"Axis\""));
    let row = devices[0].row;
    assert_eq!(reader.addresses(row).unwrap()[0].what, "192.0.2.7");
    let attributes: Vec<_> = reader.attributes(row).unwrap().into_iter().map(|it| it.what).collect();
    assert_eq!(attributes, ["camera", "Axis"]);
    let findings = reader.findings(false).unwrap();
    assert_eq!((findings.len(), findings[0].status.as_str()), (1, "new"));
    assert_eq!(reader.watched().unwrap(), [(at(1), at(2))]);
}

#[test]
fn devices_keep_their_rows_and_the_time_away_is_unknown() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    store.take(at(5), vec![(0, is(device(7))), (1, is(device(8)))], &[], &told_all);
    end(store);
    let rows = |reader: &Reader| reader.devices("", 9).unwrap().iter().map(|it| it.row).collect::<Vec<_>>();
    let before = rows(&folder.reader());
    let (mut store, held) = folder.open(100);
    assert_eq!(held.left, Some(at(5)));
    // Another number, the same device.
    let back =
        Device { history: vec![history(103, None, "online")], first_seen: Stamp(at(103)), ..device(8) };
    store.take(at(104), vec![(0, is(back))], &[], &told_all);
    end(store);
    let reader = folder.reader();
    assert_eq!(rows(&reader), before);
    assert_eq!(
        states(&reader, "02:00:00:00:00:07"),
        [state(1, Some(5), "online"), state(5, None, "unknown")]
    );
    assert_eq!(
        states(&reader, "02:00:00:00:00:08"),
        [state(1, Some(5), "online"), state(5, Some(103), "unknown"), state(103, None, "online")]
    );
    assert_eq!(reader.device("02:00:00:00:00:07").unwrap().unwrap().state, "unknown");
    assert_eq!(reader.device("02:00:00:00:00:08").unwrap().unwrap().first_seen, at(1));
}

#[test]
fn what_turns_out_otherwise_is_written_anew_and_what_was_before_stays() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    store.take(at(2), vec![(0, is(device(7)))], &[], &told_all);
    store.wait(at(2));
    let gone = vec![history(1, Some(9), "online"), history(9, None, "offline")];
    let gone = Device { history: gone, firmware: Some("1".to_owned()), state: "offline", ..device(7) };
    store.take(at(20), vec![(0, is(gone))], &[], &told_all);
    end(store);
    let reader = folder.reader();
    assert_eq!(
        states(&reader, "02:00:00:00:00:07"),
        [state(1, Some(9), "online"), state(9, None, "offline")]
    );
    let (mut store, _) = folder.open(30);
    let new =
        Device { history: vec![history(31, None, "online")], firmware: Some("2".to_owned()), ..device(7) };
    store.take(at(32), vec![(5, is(new))], &[], &told_all);
    end(store);
    let row = reader.device("02:00:00:00:00:07").unwrap().unwrap().row;
    let firmware =
        reader.attributes(row).unwrap().into_iter().filter(|it| it.of.as_deref() == Some("firmware"));
    let firmware: Vec<_> = firmware.map(|it| (it.what, it.until.is_some())).collect();
    assert_eq!(firmware, [("1".to_owned(), true), ("2".to_owned(), false)]);
}

#[test]
fn who_was_known_by_his_address_becomes_who_has_the_mac() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    let nameless = Device { id: "192.0.2.7".to_owned(), mac: None, ..device(7) };
    store.take(at(2), vec![(0, is(nameless))], &[], &told_all);
    end(store);
    let (mut store, _) = folder.open(3);
    store.take(at(4), vec![(0, is(device(7)))], &[], &told_all);
    let nameless = |last: u8, first| Device {
        id: format!("192.0.2.{last}"),
        mac: None,
        first_seen: Stamp(at(first)),
        ..device(last)
    };
    // One of this run, and one that an earlier run knew.
    // At a time of their own, so that it is them who are waited for: what is still to be written takes what comes after it in.
    store.take(at(5), vec![(1, is(nameless(9, 4))), (3, is(nameless(8, 1)))], &[], &told_all);
    store.wait(at(5));
    let gone = [(1, Picture::Gone), (3, Picture::Gone)];
    store.take(
        at(6),
        [(2, is(device(9))), (4, is(device(8)))].into_iter().chain(gone).collect(),
        &[],
        &told_all,
    );
    end(store);
    let ids: Vec<_> = folder.reader().devices("", 9).unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["02:00:00:00:00:07", "02:00:00:00:00:08", "02:00:00:00:00:09"]);
    assert_eq!(folder.count("SELECT count(*) FROM devices"), 4);
    assert_eq!(folder.count("SELECT count(*) FROM devices WHERE merged_into IS NOT NULL"), 1);
}

#[test]
fn a_finding_lives() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    let weakness = of_kind("a1", "telnet-open", "weakness");
    let seen = |second| Finding { last_seen: rfc3339(at(second)), count: 2, ..weakness.clone() };
    store.take(at(2), vec![], &[weakness.clone(), finding("b1")], &told_all);
    end(store);
    let by = |second| ("jo", at(second));
    let status = || {
        let all = folder.reader().findings(true).unwrap().into_iter();
        all.map(|it| format!("{} {} {}", it.id, it.status, it.reopened)).collect::<Vec<_>>()
    };
    assert_eq!(act(&folder.0, "a", &Act::Acknowledge, by(1_795_399_998), None).unwrap().1, "new");
    act(&folder.0, "a", &Act::Begin, by(1_795_399_999), None).unwrap();
    act(&folder.0, "a", &Act::Resolve, by(1_795_400_000), Some("switched off")).unwrap();
    assert!(act(&folder.0, "c", &Act::Resolve, by(5), None).is_err());
    assert!(act(&folder.0, "b", &Act::FalsePositive, by(5), None).is_err(), "it needs a reason");
    assert!(act(&folder.0, "b", &Act::Suppress { until: at(5) }, by(5), Some("x")).is_err());
    assert_eq!(status(), ["a1 resolved 0", "b1 new 0"]);
    // It is seen again, and the outage ends.
    let (mut store, _) = folder.open(1_795_400_010);
    let ended = Finding { ended: Some(rfc3339(at(9))), ..finding("b1") };
    store.take(at(1_795_400_011), vec![], &[seen(1_795_400_011), ended], &told_all);
    end(store);
    assert_eq!(status(), ["a1 new 1", "b1 resolved 0"]);
    let audit = folder.reader().audit(Some("a1"), 9).unwrap().into_iter();
    let audit: Vec<_> = audit.map(|it| (it.who, it.what, it.note)).collect();
    let said = |who: &str, what: &str, note: Option<&str>| {
        (who.to_owned(), what.to_owned(), note.map(str::to_owned))
    };
    assert_eq!(
        audit,
        [
            said("spanwatch", "reopened", None),
            said("jo", "resolved", Some("switched off")),
            said("jo", "in-progress", None),
            said("jo", "acknowledged", None)
        ]
    );
}

#[test]
fn a_finding_is_handed_over_by_whose_turn_it_is_and_stays_so_when_it_is_told_again() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    let of_it = Finding { owner: "it", ..finding("a1") };
    store.take(at(2), vec![], std::slice::from_ref(&of_it), &told_all);
    store.wait(at(2));
    let (by, dir) = (By { who: "jo", origin: Some("192.0.2.9"), at: at(3) }, &folder.0);
    let over = Act::HandOver { to: Team::PhysicalSecurity };
    let as_role = |what: &Act, role, note| act_by(dir, "a1", what, (&by, role), note);
    let cameras = Role::Operator(Team::PhysicalSecurity);
    assert!(matches!(as_role(&over, Role::Viewer, Some("x")), Err(Trouble::Forbidden(_))));
    assert!(matches!(as_role(&Act::Resolve, cameras, None), Err(Trouble::Forbidden(_))));
    assert!(matches!(as_role(&over, cameras, Some("not ours")), Err(Trouble::Forbidden(_))));
    as_role(&Act::Note, cameras, Some("seen")).unwrap();
    let it = Role::Operator(Team::It);
    assert!(as_role(&over, it, Some("  ")).is_err(), "it needs a reason");
    as_role(&Act::Assign { to: Some("kim".into()) }, it, None).unwrap();
    as_role(&over, it, Some("the camera itself")).unwrap();
    assert!(matches!(as_role(&Act::Resolve, it, None), Err(Trouble::Forbidden(_))));
    store.take(at(4), vec![], &[Finding { ended: None, count: 9, severity: "high", ..of_it }], &told_all);
    end(store);
    let row = folder.reader().finding("a1").unwrap().unwrap();
    assert_eq!(
        (row.owner.as_str(), row.turn.as_deref(), row.assigned),
        ("it", Some("physical-security"), None)
    );
    as_role(&Act::HandOver { to: Team::It }, cameras, Some("it is the switch")).unwrap();
    assert_eq!(folder.reader().finding("a1").unwrap().unwrap().turn, None);
    let audit = folder.reader().audit(Some("a1"), 9).unwrap();
    let told: Vec<_> =
        audit.iter().map(|it| (it.what.as_str(), it.before.as_deref(), it.after.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("handed-over", Some("physical-security"), Some("it")),
            ("handed-over", Some("it"), Some("physical-security")),
            ("assigned", None, Some("kim")),
            ("noted", None, None),
        ]
    );
    assert!(audit.iter().all(|it| it.origin.as_deref() == Some("192.0.2.9")));
}

#[test]
fn what_is_suppressed_is_so_of_its_like_until_it_expires() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    store.take(at(2), vec![], &[finding("a")], &told_all);
    end(store);
    let (mut store, held) = folder.open(4);
    assert!(!store.rules().is_quiet(&finding("a"), at(4)));
    assert_eq!(store.learns_until(), Some(at(86_401)), "for a day from the first run on");
    act(&folder.0, "a", &Act::Suppress { until: at(500) }, ("jo", at(3)), Some("works on the roof")).unwrap();
    store.take(at(4), vec![], &[finding("a")], &told_all);
    store.wait(at(4));
    let rules = store.rules();
    assert!(rules.is_quiet(&finding("a"), at(5)) && !rules.is_quiet(&finding("a"), at(500)));
    assert!(rules.is_quiet(&finding("b"), at(5)) && !rules.is_quiet(&of_kind("b", "boot-loop", ""), at(5)));
    assert_eq!(held.findings.len(), 1);
    store.take(at(5), vec![], &[finding("a"), finding("b")], &told_all);
    end(store);
    let all = |reader: &Reader| {
        let all = reader.findings(true).unwrap().into_iter();
        all.map(|it| (it.status, it.reason.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(all(&folder.reader()), vec![("suppressed".to_owned(), "works on the roof".to_owned()); 2]);
    let (mut store, _) = folder.open(501);
    store.take(at(600), vec![], &[finding("a"), finding("b")], &told_all);
    end(store);
    assert_eq!(all(&folder.reader()), vec![("new".to_owned(), String::new()); 2]);
    assert_eq!(folder.reader().audit(Some("b"), 1).unwrap()[0].what, "expired");
}

#[test]
fn a_withdrawn_finding_is_kept_and_not_open() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    store.take(at(2), vec![], &[finding("a")], &told_all);
    store.wait(at(2));
    store.take(at(3), vec![], &[], &told_all);
    end(store);
    let reader = folder.reader();
    assert!(reader.findings(false).unwrap().is_empty());
    let kept = reader.finding("a").unwrap().unwrap();
    assert_eq!((kept.status.as_str(), kept.withdrawn), ("resolved", Some(at(3))));
    assert!(folder.open(4).1.findings.is_empty());
}

#[test]
fn the_lists_that_a_watch_goes_by_are_kept_until_the_next_goes_by_others() {
    let folder = Folder::new();
    let list = |name: &str, date: &str| {
        (name.to_owned(), DataList { date: date.to_owned(), sha256: format!("sum of {name} of {date}") })
    };
    let first = Lists::from([list("networks", "2026-11-01"), list("mac.oui", "2026-10-01")]);
    for (second, lists) in [(1, first), (3, Lists::from([list("mac.oui", "2026-10-02")]))] {
        let (mut store, _) = folder.open(second);
        store.goes_by(lists.clone());
        store.take(at(second + 1), Vec::new(), &[], &told_all);
        end(store);
        assert_eq!(desk::Desk::open(&folder.0).unwrap().kept().unwrap().lists, lists);
    }
}

#[test]
fn one_watch_at_a_time_writes() {
    let folder = Folder::new();
    let first = folder.open(1);
    let say: Say = Arc::new(|_| ());
    let second = Store::open(&folder.0, Limits::default(), at(1), &say);
    assert!(matches!(second, Err(Trouble::Taken)));
    end(first.0);
    end(folder.open(2).0);
}

#[test]
fn a_damaged_file_is_put_aside() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(file(&folder.0), vec![7; 100_000]).unwrap();
    let (mut store, _) = folder.open(9);
    store.take(at(10), vec![(0, is(device(7)))], &[], &told_all);
    end(store);
    assert_eq!(folder.reader().devices("", 9).unwrap().len(), 1);
    assert_eq!(fs::read(folder.0.join("spanwatch.db.damaged-9")).unwrap().len(), 100_000);
}

#[test]
fn what_is_too_old_goes_and_what_is_open_stays() {
    let folder = Folder::new();
    let limits = Limits { history_days: 1, findings_days: 2, ..Limits::default() };
    let (mut store, _) = folder.with(limits, 1);
    let past = vec![history(1, Some(9), "offline"), history(9, None, "online")];
    let ended = Finding { ended: Some(rfc3339(at(9))), last_seen: rfc3339(at(9)), ..finding("past") };
    let open = Finding { last_seen: rfc3339(at(9)), ..finding("open") };
    store.take(
        at(10),
        vec![(0, is(Device { history: past, ..device(7) })), (1, is(device(8)))],
        &[ended, open],
        &told_all,
    );
    end(store);
    let (mut store, _) = folder.with(limits, 86_400 * 4);
    let now = at(86_400 * 4 + 1);
    let back =
        Device { history: vec![history(86_400 * 4, None, "online")], last_seen: Stamp(now), ..device(7) };
    store.take(now, vec![(0, is(back))], &[finding("open")], &told_all);
    end(store);
    let reader = folder.reader();
    let findings: Vec<_> = reader.findings(true).unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(findings, ["open"]);
    assert_eq!(states(&reader, "02:00:00:00:00:07").len(), 2, "when nobody watched, and since");
    assert!(reader.device("02:00:00:00:00:08").unwrap().is_none());
}

#[test]
fn what_nobody_was_told_of_is_known_to_be_so_after_a_restart() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    store.take(at(2), vec![], &[finding("a"), finding("b")], &|id| id == "a");
    store.wait(at(2));
    store.take(at(3), vec![], &[finding("a"), finding("b")], &|id| id == "b");
    end(store);
    let life = life::Life::new(folder.open(4).1.findings);
    assert_eq!(life.untold().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

/// A stream of one camera, and what came of it.
fn came(packets: u64, jitter_us: u64) -> BTreeMap<StreamKey, StreamSum> {
    let (source, destination) = ("02:00:00:00:00:01".to_owned(), "192.0.2.9".to_owned());
    let key = StreamKey { source, destination, transport: "udp", payload_type: 96 };
    BTreeMap::from([(key, StreamSum { packets, bytes: packets * 1_000, lost: 1, jitter_us })])
}

#[test]
fn minutes_of_streams_make_hours_and_days_and_go_before_them() {
    let folder = Folder::new();
    let limits = Limits { minutes_days: 1, hours_days: 2, history_days: 3, ..Limits::default() };
    let (mut store, _) = folder.with(limits, 1);
    let minute = |store: &mut Store, began: i64, packets, jitter| {
        store.minute(at(began), came(packets, jitter));
        store.take(at(began + 61), vec![], &[], &told_all);
        store.wait(at(began + 61));
        // What is old goes after a batch was written, and before the next is.
        store.take(at(began + 62), vec![], &[], &told_all);
        store.wait(at(began + 62));
    };
    minute(&mut store, 3_540, 10, 700);
    minute(&mut store, 3_600, 20, 500);
    minute(&mut store, 3_660, 30, 600);
    let reader = folder.reader();
    let streams = reader.streams(0, 10).unwrap();
    assert_eq!(
        (streams.len(), streams[0].source.as_str(), streams[0].payload_type),
        (1, "02:00:00:00:00:01", 96)
    );
    let sums = |span| {
        let sums = reader.sums(streams[0].row, span, (at(0), at(i64::from(u32::MAX)))).unwrap();
        sums.iter().map(|(at, it)| (at.0 / SECOND, it.packets, it.lost, it.jitter_us)).collect::<Vec<_>>()
    };
    assert_eq!(sums(60), [(3_540, 10, 1, 700), (3_600, 20, 1, 500), (3_660, 30, 1, 600)]);
    assert_eq!(sums(3_600), [(0, 10, 1, 700), (3_600, 50, 2, 600)]);
    assert_eq!(sums(86_400), [(0, 60, 3, 700)]);
    const DAY: i64 = 86_400;
    minute(&mut store, DAY + 3_540, 40, 0);
    assert_eq!((sums(60).len(), sums(3_600).len(), sums(DAY as u32).len()), (2, 3, 2), "minutes went");
    minute(&mut store, 2 * DAY + 3_600, 50, 0);
    assert_eq!((sums(60).len(), sums(3_600).len(), sums(DAY as u32).len()), (1, 2, 3), "hours went");
    minute(&mut store, 3 * DAY + 3_000, 60, 0);
    assert_eq!((sums(60).len(), sums(3_600).len(), sums(DAY as u32).len()), (2, 2, 3), "a day went");
    end(store);
}

#[test]
fn a_minute_goes_on_where_a_watch_ended_in_it_or_died_and_counts_once() {
    let folder = Folder::new();
    let so_far = |packets| {
        let (key, sum) = came(packets, 500).into_iter().next().unwrap();
        BTreeMap::from([((7, 0), (key, sum))])
    };
    let sums = || {
        let (reader, mut all) = (folder.reader(), Vec::new());
        for stream in reader.streams(0, 10).unwrap() {
            for span in [60, 3_600, 86_400] {
                let sums = reader.sums(stream.row, span, (at(0), at(86_400))).unwrap();
                all.extend(sums.into_iter().map(|(began, it)| (began.0 / SECOND, it.packets, it.lost)));
            }
        }
        all
    };
    let (mut store, _) = folder.open(60);
    for (second, packets) in [(61, 10), (62, 25)] {
        store.running((at(60), so_far(packets)));
        store.take(at(second), vec![], &[], &told_all);
        store.wait(at(second));
    }
    assert_eq!(sums(), [], "it is not over");
    store.minute(at(60), came(40, 500));
    end(store);
    assert_eq!(sums(), [(60, 40, 1), (0, 40, 1), (0, 40, 1)]);
    // One that dies.
    let mut writer = Writer::new(&folder.0, Limits::default(), Arc::default(), at(75));
    writer.held().unwrap();
    for (second, packets) in [(76, 2), (77, 5)] {
        let streams = so_far(packets).into_iter().map(|(id, (key, sum))| (id, (at(60), key, sum)));
        let running = sums::Running { is_new: false, streams: streams.collect() };
        let beside = Beside { running, ..Beside::default() };
        writer.write(&slate::Batch { now: at(second), beside, ..slate::Batch::default() }).unwrap();
    }
    drop(writer);
    assert_eq!(sums(), [(60, 40, 1), (0, 40, 1), (0, 40, 1)]);
    let (mut store, _) = folder.open(90);
    store.minute(at(60), came(7, 500));
    end(store);
    assert_eq!(sums(), [(60, 52, 3), (0, 52, 3), (0, 52, 3)]);
    end(folder.open(200).0);
    assert_eq!(sums(), [(60, 52, 3), (0, 52, 3), (0, 52, 3)], "it was added once");
}

#[test]
fn of_a_course_so_much_is_known_as_was_watched_and_told() {
    let folder = Folder::new();
    let (hour, day) = ((3_600, 3_600, 24), (86_400, 86_400, 2));
    let known = |sums: (u32, u32, u32), until: i64| {
        let (reader, told) = (folder.reader(), folder.reader().told().unwrap());
        let stream = reader.streams(0, 1).unwrap().remove(0);
        let course = reader.course(stream.row, sums, at(until), &told).unwrap();
        course
            .into_iter()
            .map(|(began, seconds, it)| (began.0 / SECOND, seconds, it.packets))
            .collect::<Vec<_>>()
    };
    let (mut store, _) = folder.open(3_000);
    for minute in [3_000, 3_060, 3_600] {
        store.minute(at(minute), came(40, 500));
    }
    let (key, sum) = came(9, 500).into_iter().next().unwrap();
    store.running((at(3_660), BTreeMap::from([((7, 0), (key, sum))])));
    store.take(at(3_690), vec![], &[], &told_all);
    store.wait(at(3_690));
    // The minute that goes on is in no sum yet.
    assert_eq!(known(hour, 3_690), [(0, 600, 80), (3_600, 60, 40)]);
    assert_eq!(known(day, 3_690), [(0, 660, 120)]);
    store.minute(at(3_660), came(20, 500));
    store.take(at(3_690), vec![], &[], &told_all);
    end(store);
    assert_eq!(known(hour, 3_690), [(0, 600, 80), (3_600, 90, 60)]);
    // Of another watch the rest, and what lies between is not known.
    let (mut store, _) = folder.open(7_000);
    store.minute(at(7_020), came(40, 500));
    store.take(at(7_100), vec![], &[], &told_all);
    end(store);
    assert_eq!(known(hour, 7_100), [(0, 600, 80), (3_600, 190, 100)]);
}

#[test]
fn what_was_told_beside_devices_last_is_written_when_a_watch_ends() {
    let folder = Folder::new();
    let (mut store, _) = folder.open(1);
    let role = spanwatch_engine::expected::Role::Dns;
    let who = Peer { role, who: "192.0.2.53".to_owned(), since: at(2) };
    store.learned(vec![who.clone()], BTreeSet::new());
    end(store);
    assert_eq!(folder.reader().learned().unwrap(), [who]);
}

#[test]
fn where_room_is_short_minutes_of_streams_go_first() {
    let folder = Folder::new();
    let limits = Limits { bytes_max: 512 << 10, ..Limits::default() };
    let (mut store, _) = folder.with(limits, 1);
    store.take(at(1), vec![(1, is(device(1)))], &[finding("a")], &told_all);
    let key = |number: u32| {
        let (source, destination) = (format!("camera {number}"), "recorder".to_owned());
        StreamKey { source, destination, transport: "udp", payload_type: 96 }
    };
    for minute in 1..=120 {
        let sums = (0..300).map(|number| (key(number), StreamSum { packets: 1, ..StreamSum::default() }));
        store.minute(at(minute * 60), sums.collect());
        store.take(at(minute * 60 + 61), vec![], &[], &told_all);
        store.wait(at(minute * 60 + 61));
        assert_eq!(store.status().failing, None);
        assert!(fs::metadata(file(&folder.0)).unwrap().len() <= limits.bytes_max);
    }
    end(store);
    let of = |span: u32| folder.count(&format!("SELECT count(*) FROM stream_sums WHERE span = {span}"));
    assert!((300..20_000).contains(&of(60)), "{}", of(60));
    assert_eq!((of(3_600), of(86_400)), (900, 300), "all of them");
    assert_eq!(folder.count("SELECT count(*) FROM devices"), 1);
}
