//! What a watch remembers: killed in the middle of an outage, and begun anew.
//!
//! The file is read by Python's own SQLite, not by ours. Needs root, iproute2 and python3.

use crate::support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::capture;
use support::run::{Outcome, Scratch, spanwatch};
use support::until;
use support::wire::{End, arp};
use support::wires::Wires;

/// All rows that SQL gives of a store, as Python's SQLite reads it.
fn rows(store: &Path, sql: &str) -> Vec<Vec<Value>> {
    let output =
        Command::new("python3").args(["-c", ASK]).arg(store).arg(sql).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn findings(store: &Path, words: &[&str]) -> Outcome {
    spanwatch(["findings", "--store", text(store)].iter().chain(words))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_watch_that_was_killed_goes_on_where_it_was() {
    let Some(wires) = Wires::silent("store") else { return };
    let scratch = Scratch::new("store");
    let (capture, store) = (scratch.path().join("site.pcapng"), scratch.path().join("store"));
    let ordered =
        ["--devices=12", "--length=45s", "--bit-rate=20000", "--incident=switch-power@30s:sw-01+forever"];
    let made = spanwatch(["simulate", "-w", text(&capture)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let frames = capture::read(&capture);
    let watch = ["-i", "b0", "--store", text(&store)];

    let first = wires.watch(&watch);
    wires.play("a0", &frames);
    first.kill();
    assert_eq!(rows(&store, "PRAGMA integrity_check"), [["ok"]]);
    let told = findings(&store, &["list", "--format=jsonl"]).lines();
    let outage = told.iter().find(|it| it["kind"] == "devices-offline-together").expect("the switch died");
    assert_eq!((&outage["status"], &outage["ended"]), (&"new".into(), &Value::Null));
    let gone = outage["devices"].as_array().expect("devices");
    let id = outage["id"].as_str().expect("an id");
    assert_eq!(findings(&store, &["acknowledge", &id[..8], "--by", "jo"]).code, 0);
    let devices = rows(&store, "SELECT id, name FROM devices ORDER BY id");
    assert!(devices.len() >= 12, "{devices:?}");
    let dark = "SELECT count(*) FROM availability WHERE until IS NULL AND state = 'offline'";
    assert_eq!(rows(&store, dark), [[gone.len()]]);

    // All are heard again.
    let begun = frames[0].at;
    let heard: Vec<_> = frames.iter().filter(|frame| frame.at - begun < 20_000_000_000).cloned().collect();
    let second = wires.watch(&watch);
    wires.play("a0", &heard);
    let (lines, said) = second.lines();
    assert!(said.contains("open findings and knows"), "{said}");
    let changes: Vec<_> = lines.iter().filter(|line| line["change"].is_string()).collect();
    let of_outage: Vec<_> = changes.iter().filter(|it| it["id"] == id).collect();
    assert_eq!(of_outage.len(), 1, "{changes:#?}");
    assert_eq!(of_outage[0]["change"], "ended");
    let after = findings(&store, &["list", "--all", "--format=jsonl"]).lines();
    let after = after.iter().find(|it| it["id"] == id).expect("it is kept");
    assert_eq!((&after["status"], &after["status_by"]), (&"resolved".into(), &"spanwatch".into()));
    assert!(after["detail"].as_str().expect("a text").contains("The watch was away"));
    assert_eq!(rows(&store, "PRAGMA integrity_check"), [["ok"]]);
    let known = rows(&store, "SELECT id, name FROM devices WHERE session = 1 OR session = 2 ORDER BY id");
    assert_eq!(known[..devices.len()], devices, "every device keeps its row");
    let offline = "SELECT name FROM availability JOIN devices ON device = id
         WHERE availability.state = 'offline' AND since >= (SELECT until FROM sessions WHERE id = 1)";
    assert!(rows(&store, offline).is_empty(), "nobody was offline while nobody watched");
    let name = gone[0].as_str().expect("an id");
    let past = format!(
        "SELECT state FROM availability JOIN (SELECT id, name FROM devices) ON device = id WHERE name = '{name}' ORDER BY since"
    );
    assert_eq!(rows(&store, &past), [["online"], ["offline"], ["unknown"], ["online"]]);
    let audit = findings(&store, &["audit", "--finding", id, "--format=jsonl"]).lines();
    let audit: Vec<_> = audit.iter().map(|it| (it["who"].as_str(), it["what"].as_str())).collect();
    assert_eq!(audit, [(Some("spanwatch"), Some("resolved")), (Some("jo"), Some("acknowledged"))]);
    what_was_learned_is_a_configuration_and_is_accepted(&scratch, &store);
}

/// Whom both watches learned to expect.
fn what_was_learned_is_a_configuration_and_is_accepted(scratch: &Scratch, store: &Path) {
    let learned = spanwatch(["learned", "--store", text(store)]);
    assert_eq!(learned.code, 0, "{}", learned.stderr);
    let kept = rows(store, "SELECT role, who FROM learned");
    assert!(kept.iter().any(|it| it[0] == "viewers"), "{kept:?}");
    for who in kept.iter().map(|it| it[1].as_str().expect("a text")) {
        assert!(learned.text().contains(&format!("    \"{who}\",  # ")), "{who}: {}", learned.text());
    }
    let config = scratch.path().join("expected.toml");
    std::fs::write(&config, learned.text()).expect("it can be written");
    let checked = spanwatch(["config", "check", text(&config)]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let day = rows(store, "SELECT began, accepted IS NULL FROM learning");
    let began = rows(store, "SELECT began FROM sessions WHERE id = 1");
    assert_eq!(day, [[began[0][0].clone(), 1.into()]], "the first run began to learn");
    assert_eq!(spanwatch(["learned", "accept", "--by", "jo", "--store", text(store)]).code, 0);
    let after = spanwatch(["learned", "--store", text(store)]);
    assert!(
        after
            .text()
            .lines()
            .next()
            .is_some_and(|line| line.contains("accepted at") && line.ends_with("by jo.")),
        "{}",
        after.text()
    );
}

#[test]
fn what_came_of_streams_is_the_same_where_a_watch_ended_or_was_killed_in_a_minute() {
    let Some(wires) = Wires::silent("sums") else { return };
    let scratch = Scratch::new("sums");
    let (capture, store) = (scratch.path().join("site.pcapng"), scratch.path().join("store"));
    let ordered = ["--devices=8", "--length=4s", "--bit-rate=50000", "--transport=udp"];
    let made = spanwatch(["simulate", "-w", text(&capture)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut frames = capture::read(&capture);
    // One more, so that the second of the last of them is over.
    let last = frames.last().expect("frames").clone();
    frames.push(capture::Frame::new(last.at + 1_500_000_000, [&[0xff; 6], &last.bytes[6..]].concat()));
    let watch = ["-i", "b0", "--store", text(&store)];
    let sums = || rows(&store, "SELECT span, sum(packets) FROM stream_sums GROUP BY span ORDER BY span");

    let first = wires.watch(&watch);
    wires.play("a0", &frames);
    let (lines, _) = first.lines();
    let streams = lines.iter().filter(|line| line["type"] == "stream");
    let came: u64 = streams.map(|line| line["packets"].as_u64().expect("a count")).sum();
    assert!(came > 100, "{came}");
    let spans = |packets: u64| [60, 3_600, 86_400].map(|span| vec![Value::from(span), packets.into()]);
    assert_eq!(sums(), spans(came));

    let second = wires.watch(&watch);
    wires.play("a0", &frames);
    let so_far = "SELECT coalesce(sum(packets), 0) FROM running
         UNION ALL SELECT sum(packets) FROM stream_sums WHERE span = 60";
    let whole = || rows(&store, so_far).iter().filter_map(|row| row[0].as_u64()).sum::<u64>();
    until("all that came, in the store", || (whole() == 2 * came).then_some(()));
    second.kill();

    wires.watch(&watch).end();
    assert_eq!(sums(), spans(2 * came));
    assert_eq!(rows(&store, "SELECT count(*) FROM running"), [[0]]);
}

#[test]
fn what_came_in_the_last_second_of_a_watch_is_in_its_store() {
    let Some(wires) = Wires::silent("last") else { return };
    let scratch = Scratch::new("last");
    let store = scratch.path().join("store");
    let ends = [1, 2, 3].map(|last| End::new([192, 0, 2, last], 0));
    for asks in &ends[..2] {
        let watch = wires.watch(&["-i", "b0", "--store", text(&store)]);
        wires.send("a0", &arp(*asks, ends[2], [0xff; 6]), 1);
        let (capture, said) = watch.end();
        assert_eq!(capture["packets"], 1, "{said}");
    }
    let known = "SELECT mac, ip, session FROM devices JOIN addresses ON device = id WHERE mac IS NOT NULL ORDER BY ip";
    assert_eq!(
        rows(&store, known),
        [1, 2].map(|n: u64| {
            let mac = ends[n as usize - 1].mac.map(|byte| format!("{byte:02x}")).join(":");
            vec![Value::from(mac), format!("192.0.2.{n}").into(), n.into()]
        })
    );
}

#[test]
fn a_store_of_1_000_devices_goes_on_under_a_watch_that_gave_up_its_rights() {
    let Some(wires) = Wires::silent("thousand") else { return };
    let scratch = Scratch::new("thousand");
    wires.run("ip link set lo up");
    let (capture, store) = (scratch.path().join("site.pcapng"), scratch.path().join("store"));
    // So few frames a second that a busy machine loses none of them.
    let ordered = ["--devices=1500", "--length=4s", "--bit-rate=10000", "--frame-rate=1"];
    let made = spanwatch(["simulate", "-w", text(&capture)].into_iter().chain(ordered));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let frames = capture::read(&capture);
    scratch.file("networks.csv", b"# 2026-11-01\nnetwork,country,owner\n198.18.0.0/15,NL,Example B.V.\n");
    let configuration = scratch.file("spanwatch.toml", b"networks = \"networks.csv\"\n[metrics]\n");
    let watch = ["-i", "b0", "--store", text(&store), "--config", text(&configuration)];
    let first = wires.watch(&watch);
    wires.play("a0", &frames);
    let (capture, said) = first.end();
    assert_eq!(capture["packets"], frames.len(), "{said}");
    let known = rows(&store, "SELECT id, name FROM devices ORDER BY id");
    assert!(known.len() >= 1_000, "{}", known.len());

    let second = wires.watch(&watch);
    let said = second.said().to_owned();
    let status = std::fs::read_to_string(format!("/proc/{}/status", second.process())).expect("it runs");
    for line in ["CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"] {
        assert!(status.contains(line), "{status}");
    }
    wires.play("a0", &frames);
    let told = wires.inside(["python3", "-c", FIGURES]).output().expect("python3 is there").stdout;
    assert!(
        !told.is_empty() && told.len() < 32 << 10,
        "figures are no list of devices: {} bytes",
        told.len()
    );
    let (capture, said_after) = second.end();
    assert_eq!(capture["packets"], frames.len(), "{said_after}");
    assert!(said.contains("confined: no capabilities"), "{said}");
    let is_known =
        |line: &str| line.contains(" and knows ") && line.contains(" devices; the watch was away for ");
    assert!(said_after.lines().any(is_known), "{said_after}");
    let after = rows(&store, "SELECT id, name FROM devices ORDER BY id");
    let others: Vec<_> = known.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(others.is_empty() && after.len() >= known.len(), "every device keeps its row: {others:?}");
    let heard = rows(&store, "SELECT count(*) FROM devices WHERE session = 2");
    assert!(heard[0][0].as_u64().is_some_and(|heard| heard >= 1_000), "{heard:?}");
    assert_eq!(rows(&store, "SELECT count(*) FROM availability WHERE state = 'offline'"), [[0]]);
    let lists = "SELECT date, length(sha256) FROM lists WHERE name = 'networks'";
    assert_eq!(rows(&store, lists), [[Value::from("2026-11-01"), 64.into()]]);
    assert_eq!(rows(&store, "PRAGMA integrity_check"), [["ok"]]);
}

#[test]
fn what_root_serves_of_another_accounts_store_stays_that_accounts() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let scratch = Scratch::new("owned");
    let store = scratch.path().join("store");
    std::fs::create_dir(&store).expect("it is ours");
    if chown(&store, Some(65_534), Some(65_534)).is_err() {
        return support::skipped("only root gives a folder to another account");
    }
    let sample = support::run::sample();
    let serve = ["serve", text(&sample), "--store", text(&store), "--listen=0.0.0.0:0", "--duration=1"];
    let served = spanwatch(serve.iter().copied().chain(["--no-progress"]));
    assert_eq!(served.code, 0, "{}", served.stderr);
    let names = ["spanwatch.db", "watch.lock", "web-certificate.pem", "web-key.pem"];
    for name in names {
        let about = std::fs::metadata(store.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((about.uid(), about.gid()), (65_534, 65_534), "{name}");
    }
    let others = std::fs::read_dir(&store).expect("it is there").map(|it| it.expect("it is there"));
    for file in others {
        assert_eq!(file.metadata().expect("it is there").uid(), 65_534, "{}", file.path().display());
    }
}

#[test]
fn two_watches_cannot_write_one_store_and_a_store_that_is_none_is_said_to_be_so() {
    let Some(wires) = Wires::silent("stores") else { return };
    let scratch = Scratch::new("stores");
    let store = scratch.path().join("store");
    let missing = findings(&store, &["list"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("there is no store; `spanwatch watch --store DIR` makes one"),
        "{}",
        missing.stderr
    );
    let first = wires.watch(&["-i", "b0", "--store", text(&store)]);
    let second = wires
        .inside(["timeout", "60", support::run::SPANWATCH, "watch", "-i", "b1", "--store", text(&store)])
        .output()
        .expect("ip is there");
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another watch is writing it"), "{said}");
    first.end();
}

/// Prints all rows as JSON.
const ASK: &str = "\
import json, sqlite3, sys
store = sqlite3.connect(f'file:{sys.argv[1]}/spanwatch.db?mode=ro', uri=True)
print(json.dumps([list(row) for row in store.execute(sys.argv[2])]))";

/// Asks for the figures.
const FIGURES: &str = "\
import urllib.request
print(urllib.request.urlopen('http://127.0.0.1:9947/metrics', timeout=20).read().decode())";
