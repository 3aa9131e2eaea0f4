//! What a store is like after its process or the power died, and while no room is left.
//!
//! The feeder is this test program itself, as a process of its own: it tells in each second of a made-up time of
//! [`DEVICES`] devices and a finding, all of which bear the second's number. So a store that holds half a batch is found out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

use rusqlite::Connection;
use spanwatch_engine::report::picture::Picture;
use spanwatch_engine::report::time::Stamp;
use spanwatch_engine::report::{Device, Finding};

use super::test::{Folder, at, device, finding, history, told_all};
use super::*;

/// What is told in a second.
fn told(second: i64) -> (Vec<(u32, Picture)>, Finding) {
    let devices = (1..=DEVICES).map(|number| {
        let state = if (second + i64::from(number)) % 2 == 0 { "online" } else { "offline" };
        let packets = second.unsigned_abs();
        let it = Device { history: vec![history(second, None, state)], packets, ..device(number) };
        (u32::from(number), Picture::Is(Box::new(it)))
    });
    // Another switch each time: what merely counts on is not written each second.
    let switch = Some(second.to_string());
    (devices.collect(), Finding { count: second.unsigned_abs(), switch, ..finding("a") })
}

fn open(dir: &Path, limits: Limits, second: i64) -> Store {
    let say: Say = Arc::new(|what| println!("said {what}"));
    Store::open(dir, limits, at(second), &say).unwrap().0
}

/// The last second that a store holds; all of it must be whole.
fn held(dir: &Path) -> i64 {
    let db = Connection::open(file(dir)).unwrap();
    let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let of = |sql: &str| db.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).unwrap();
    let second = of("SELECT max(until) FROM sessions").map_or(0, |until| until / SECOND);
    let rows = of("SELECT count(*) FROM devices WHERE packets > 0").unwrap();
    if rows > 0 {
        assert_eq!(rows, i64::from(DEVICES));
        let bounds = [of("SELECT min(packets) FROM devices"), of("SELECT max(packets) FROM devices")];
        let count = of("SELECT count FROM findings");
        assert_eq!([bounds[0], bounds[1], count], [Some(second); 3], "half a batch");
    }
    second
}

/// This program as a process that does what `role` does with a folder.
fn process(role: &str, dir: &Path, before: &[&str]) -> Child {
    let own = std::env::current_exe().unwrap();
    let words = before.iter().map(|word| (*word).to_owned());
    let mut words = words.chain([own.to_str().unwrap().to_owned()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", &format!("store::deaths::{role}"), "--ignored", "--nocapture"]);
    command.env(FOLDER, dir).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// The folder that this process is to work in.
fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("it is started by another test").into()
}

/// Tells as fast as it can, and says what is written, until it is killed.
#[test]
#[ignore = "the process that another test kills"]
fn feeds_until_killed() {
    let dir = folder();
    let from = if file(&dir).exists() { held(&dir) + 1 } else { 1 };
    let mut store = open(&dir, Limits::default(), from);
    let mut written = Time(0);
    for second in from.. {
        let (devices, finding) = told(second);
        store.take(at(second), devices, &[finding], &told_all);
        let status = store.status();
        assert_eq!(status.failing, None);
        if status.written > written {
            written = status.written;
            println!("written {}", written.0 / SECOND);
        }
    }
}

#[test]
fn killed_at_any_moment_it_is_whole_and_holds_what_was_written() {
    let folder = Folder::new();
    let mut last = 0;
    let kills = if std::env::var_os("SPANWATCH_SOAK").is_some() { KILLS * 20 } else { KILLS };
    for round in 0..kills {
        let mut child = process("feeds_until_killed", &folder.0, &[]);
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        // Somewhere else in each round.
        for _ in 0..=round * 7 % 23 {
            while !said.contains("written") {
                said.clear();
                assert!(lines.read_line(&mut said).unwrap() > 0, "it ended by itself");
            }
            said = said.replace("written", "seen");
            last = last.max(number(&said));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        // The last line may be cut.
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        last = whole.lines().filter(|line| line.contains("written")).map(number).max().unwrap_or(0).max(last);
        let held = held(&folder.0);
        assert!(held >= last, "round {round}: {held} is held, {last} was written");
        last = held;
    }
    assert!(last > i64::from(kills), "{last}");
}

fn number(line: &str) -> i64 {
    line.split_whitespace().last().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Tells of a minute after the other, each written and put into the file before the next.
#[test]
#[ignore = "the process whose writes another test records"]
fn feeds_by_the_minute() {
    let mut store = open(&folder(), Limits::default(), 1);
    for minute in 1..=MINUTES {
        let second = minute * 61;
        let (devices, finding) = told(second);
        store.take(at(second), devices, &[finding], &told_all);
        store.wait(at(second));
    }
    assert!(store.finish(Duration::from_secs(60)));
}

/// What a process did to a file.
#[derive(Debug, Clone)]
enum Did {
    Write { path: String, from: usize, bytes: Vec<u8> },
    Cut { path: String, to: usize },
    Sync { path: String },
    Remove { path: String },
}

/// Reads what strace(1) recorded of the files in a folder.
fn recorded(log: &str, dir: &str) -> Vec<Did> {
    let mut files: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, String> = BTreeMap::new();
    let mut all = Vec::new();
    for line in log.lines() {
        let Some((process, call)) = line.trim_start().split_once(' ') else { continue };
        let mut call = call.trim_start().to_owned();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            waiting.insert(process, begun.to_owned());
            continue;
        }
        if let Some((_, rest)) = call.split_once(" resumed>") {
            call = waiting.remove(process).unwrap_or_default() + rest;
        }
        let Some((head, result)) = call.rsplit_once(" = ") else { continue };
        let Some((name, words)) = head.trim_end().trim_end_matches(')').split_once('(') else { continue };
        let Ok(result) = result.split_whitespace().next().unwrap_or_default().parse::<i64>() else {
            continue;
        };
        if result < 0 {
            continue;
        }
        let fd = words.split(',').next().unwrap_or_default().trim().to_owned();
        let text = words.split('"').nth(1).map(unescaped).unwrap_or_default();
        let last = || words.rsplit(", ").next().and_then(|it| it.parse::<usize>().ok());
        match name {
            "openat" => {
                let path = String::from_utf8(text).unwrap_or_default();
                if path.starts_with(dir) {
                    files.insert(result.to_string(), (path, 0));
                }
            }
            "close" => drop(files.remove(&fd)),
            "unlink" => all.push(Did::Remove { path: String::from_utf8(text).unwrap_or_default() }),
            _ => {
                let Some((path, position)) = files.get_mut(&fd) else { continue };
                let path = path.clone();
                match name {
                    "lseek" => *position = usize::try_from(result).unwrap_or(0),
                    "pwrite64" => all.push(Did::Write { path, from: last().unwrap_or(0), bytes: text }),
                    "write" => {
                        let from = *position;
                        *position += text.len();
                        all.push(Did::Write { path, from, bytes: text });
                    }
                    "ftruncate" => all.push(Did::Cut { path, to: last().unwrap_or(0) }),
                    "fsync" | "fdatasync" => all.push(Did::Sync { path }),
                    _ => {}
                }
            }
        }
    }
    all
}

/// A string of `\x2a`.
fn unescaped(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).filter_map(|it| u8::from_str_radix(it.get(..2)?, 16).ok()).collect()
}

/// The files that a power cut leaves: what was synced, and of what came since those writes that `survives` says.
fn left(done: &[Did], mut survives: impl FnMut() -> bool) -> BTreeMap<String, Vec<u8>> {
    let (mut durable, mut since) = (BTreeMap::<String, Vec<u8>>::new(), BTreeMap::<&str, Vec<&Did>>::new());
    let put = |bytes: &mut Vec<u8>, did: &Did| match did {
        Did::Write { from, bytes: new, .. } => {
            bytes.resize(bytes.len().max(from + new.len()), 0);
            bytes[*from..from + new.len()].copy_from_slice(new);
        }
        Did::Cut { to, .. } => bytes.resize(*to, 0),
        Did::Sync { .. } | Did::Remove { .. } => {}
    };
    let mut removed = BTreeSet::new();
    for did in done {
        match did {
            Did::Write { path, .. } | Did::Cut { path, .. } => since.entry(path).or_default().push(did),
            Did::Remove { path } => drop(removed.insert(path.as_str())),
            Did::Sync { path } if path.ends_with(".db") || path.contains(".db-") => {
                let bytes = durable.entry(path.clone()).or_default();
                since.remove(path.as_str()).into_iter().flatten().for_each(|did| put(bytes, did));
            }
            Did::Sync { .. } => {
                // The folder: what was removed is.
                for path in std::mem::take(&mut removed) {
                    durable.remove(path);
                    since.remove(path);
                }
            }
        }
    }
    for (path, writes) in since {
        for did in writes.into_iter().filter(|_| survives()) {
            put(durable.entry(path.to_owned()).or_default(), did);
        }
    }
    durable
}

#[test]
fn whenever_the_power_fails_what_is_left_is_whole() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let log = folder.0.with_extension("log");
    let calls = "trace=openat,close,write,pwrite64,lseek,ftruncate,fsync,fdatasync,unlink";
    let strace = ["strace", "-f", "-qq", "-xx", "-s", "1000000", "-e", calls, "-o", log.to_str().unwrap()];
    if !Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).status().is_ok_and(|it| it.success())
    {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "must not be skipped in CI");
        eprintln!("SKIPPED: strace is missing, or may trace nothing here");
        return;
    }
    let ran = process("feeds_by_the_minute", &folder.0, &strace).wait_with_output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let done = recorded(&fs::read_to_string(&log).unwrap(), folder.0.to_str().unwrap());
    fs::remove_file(&log).unwrap();
    assert_eq!(held(&folder.0), MINUTES * 61);
    let syncs: Vec<usize> =
        (0..done.len()).filter(|at| matches!(done[*at], Did::Sync { .. })).map(|at| at + 1).collect();
    assert!(syncs.len() > usize::try_from(MINUTES).unwrap(), "{} syncs", syncs.len());

    let check = |files: BTreeMap<String, Vec<u8>>| {
        let cut = Folder::new();
        fs::create_dir_all(&cut.0).unwrap();
        for (path, bytes) in files {
            fs::write(cut.0.join(Path::new(&path).file_name().unwrap()), bytes).unwrap();
        }
        let said = Arc::new(Mutex::new(Vec::<String>::new()));
        let hears = Arc::clone(&said);
        let say: Say = Arc::new(move |what| hears.lock().unwrap().push(what.to_owned()));
        let (store, _) = Store::open(&cut.0, Limits::default(), at(1), &say).unwrap();
        assert!(store.finish(Duration::from_secs(60)));
        assert_eq!(*said.lock().unwrap(), [""; 0], "it is damaged");
        held(&cut.0)
    };
    let (mut seed, mut before) = (1_u64, 0);
    for cut in syncs {
        let second = check(left(&done[..cut], || false));
        assert!(second >= before, "{second} is held, {before} was before");
        before = second;
        // Until the next sync the disk writes what it likes.
        let next = done[cut..].iter().position(|did| matches!(did, Did::Sync { .. }));
        let until = next.map_or(done.len(), |next| cut + next);
        for _ in 0..2 {
            let second = check(left(&done[..until], || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                seed >> 63 == 1
            }));
            assert!(second >= before, "{second} is held, {before} was synced");
        }
    }
    assert!(before >= (MINUTES - 1) * 61, "{before}");
}

/// Works where no room is left, and when there is some again. Its folder is a file system of its own.
#[test]
#[ignore = "needs a small file system, which another test makes"]
fn works_on_a_full_disk() {
    let dir = folder();
    let ballast = dir.join("ballast");
    let fill = || {
        let mut file = fs::File::create(&ballast).unwrap();
        while io::Write::write_all(&mut file, &[1; 4_096]).is_ok() {}
    };
    let until_it = |store: &Store, what: &dyn Fn(&Status) -> bool| {
        while !what(&store.status()) {
            thread::sleep(Duration::from_millis(5));
        }
    };
    // Full from the first.
    fill();
    let store_dir = dir.join("store");
    let mut store = open(&store_dir, Limits::default(), 1);
    let tell = |store: &mut Store, second| {
        let (devices, finding) = told(second);
        store.take(at(second), devices, &[finding], &told_all);
    };
    tell(&mut store, 1);
    until_it(&store, &|status| status.failing.is_some());
    (2..=500).for_each(|second| tell(&mut store, second));
    fs::remove_file(&ballast).unwrap();
    until_it(&store, &|status| status.written == at(500));
    // Full later.
    fill();
    let mut second = 500;
    while store.status().failing.is_none() {
        second += 1;
        tell(&mut store, second);
        thread::sleep(Duration::from_millis(1));
    }
    fs::remove_file(&ballast).unwrap();
    until_it(&store, &|status| status.written == at(second));
    assert!(store.finish(Duration::from_secs(60)));
    assert_eq!(held(&store_dir), second);
    let audit = Store::open_reader(&store_dir).unwrap().audit(None, 100).unwrap();
    assert!(audit.iter().any(|it| it.what == "history-goes-on"), "{audit:?}");
}

#[test]
fn a_full_disk_stops_history_and_says_so_and_room_lets_it_go_on() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let dir = folder.0.to_str().unwrap();
    let script = format!("mount -t tmpfs -o size=3m tmpfs {dir} && exec \"$@\"");
    let own = ["unshare", "--mount", "sh", "-c", script.as_str(), "sh"];
    let may = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "tmpfs", dir]).output();
    if !may.is_ok_and(|it| it.status.success()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "must not be skipped in CI");
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    let ran = process("works_on_a_full_disk", &folder.0, &own).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("no history is written, the watch goes on"), "{said}");
    assert!(said.contains("history is written again"), "{said}");
}

#[test]
fn a_reader_sees_one_moment_and_is_in_nobodys_way() {
    let folder = Folder::new();
    let mut store = open(&folder.0, Limits::default(), 1);
    let tell = |store: &mut Store, second| {
        let (devices, finding) = told(second);
        store.take(at(second), devices, &[finding], &told_all);
        store.wait(at(second));
        assert_eq!(store.status().failing, None);
    };
    tell(&mut store, 1);
    let long = Connection::open(file(&folder.0)).unwrap();
    long.execute_batch("BEGIN; SELECT count(*) FROM devices").unwrap();
    let moment =
        || long.query_row("SELECT max(packets) FROM devices", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(moment(), 1);
    (2..=200).for_each(|minute| tell(&mut store, minute * 61));
    assert_eq!(moment(), 1, "it is in its transaction");
    assert_eq!(Store::open_reader(&folder.0).unwrap().watched().unwrap(), [(at(1), at(200 * 61))]);
    assert!(store.finish(Duration::from_secs(60)));
}

#[test]
fn the_budget_holds_and_the_oldest_goes() {
    let folder = Folder::new();
    let limits = Limits { bytes_max: 512 << 10, ..Limits::default() };
    let mut store = open(&folder.0, limits, 1);
    for second in 1..=600 {
        let (devices, finding) = told(second);
        store.take(at(second), devices, &[finding], &told_all);
        store.wait(at(second));
        assert_eq!(store.status().failing, None);
        assert!(fs::metadata(file(&folder.0)).unwrap().len() <= limits.bytes_max);
    }
    assert!(store.finish(Duration::from_secs(60)));
    assert_eq!(held(&folder.0), 600);
    let oldest = "SELECT min(since) FROM availability";
    let db = Connection::open(file(&folder.0)).unwrap();
    let oldest: i64 = db.query_row(oldest, [], |row| row.get(0)).unwrap();
    assert!(oldest > at(60).0, "the oldest went");
}

#[test]
fn a_flood_of_made_up_devices_does_not_crowd_out_those_that_are_there() {
    let folder = Folder::new();
    let limits = Limits { bytes_max: 1 << 20, ..Limits::default() };
    let mut store = open(&folder.0, limits, 1);
    let known = Device { last_seen: Stamp(at(9_000)), ..device(1) };
    store.take(at(1), vec![(0, Picture::Is(Box::new(known)))], &[], &told_all);
    let made_up = |number: u32| {
        let mac = format!("02:ff:00:00:{:02x}:{:02x}", number >> 8, number & 255);
        Device { id: mac.clone(), mac: Some(mac), state: "unknown", ips: vec![], ..device(2) }
    };
    for round in 1..=30_u32 {
        let new = (0..200).map(|n| round * 200 + n);
        let mut told: Vec<_> = new.map(|n| (n, Picture::Is(Box::new(made_up(n))))).collect();
        // Some are forgotten, some are not.
        told.extend((0..100).map(|n| ((round - 1) * 200 + n, Picture::Gone)).filter(|(n, _)| *n > 200));
        let now = at(i64::from(round) * 61);
        store.take(now, told, &[], &told_all);
        store.wait(now);
        assert_eq!(store.status().failing, None);
    }
    // Who was let go of may be told of again.
    let late = at(9_000);
    store.take(
        late,
        vec![(400, Picture::Is(Box::new(made_up(400)))), (0, Picture::Is(Box::new(device(1))))],
        &[],
        &told_all,
    );
    store.wait(late);
    assert!(store.finish(Duration::from_secs(60)));
    assert!(fs::metadata(file(&folder.0)).unwrap().len() <= limits.bytes_max);
    let reader = Store::open_reader(&folder.0).unwrap();
    for number in [made_up(400), made_up(30 * 200), device(1)] {
        assert!(reader.device(&number.id).unwrap().is_some(), "{}", number.id);
    }
    let kept = reader.devices("", 10_000).unwrap().len();
    assert!((100..3_000).contains(&kept), "{kept}");
}

/// Of each second.
const DEVICES: u8 = 40;
const KILLS: u32 = 25;
const MINUTES: i64 = 12;
const FOLDER: &str = "SPANWATCH_TEST_FOLDER";
