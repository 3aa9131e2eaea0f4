//! The flight recorder of a watch: the packets behind a finding, kept while it runs, and no secret among them.
//!
//! What is kept is read by tshark, not by ours. Needs root, iproute2, python3 and tshark.

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use support::capture::{self, Frame};
use support::run::{Outcome, Scratch, spanwatch};
use support::secrets::forms;
use support::wires::Wires;
use support::{project, shared_captures, skipped, until};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// All files of a folder, and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// The findings of a store.
fn findings(store: &Path) -> Vec<Value> {
    spanwatch(["findings", "--store", text(store), "list", "--all", "--format=jsonl"]).lines()
}

fn carve(store: &Path, id: &str, out: &Path) -> Outcome {
    spanwatch(["carve", "--store", text(store), "--finding", id, "-w", text(out)])
}

/// Comment, malformed, and states of checksums of each frame, as tshark reads them.
fn dissected(path: &Path) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-T", "fields"]);
    for sum in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{sum}.check_checksum:TRUE")]);
    }
    let fields = [
        "frame.comment",
        "_ws.malformed",
        "ip.checksum.status",
        "tcp.checksum.status",
        "udp.checksum.status",
    ];
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("appears"), "{}: {said}", path.display());
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn assert_sound(path: &Path) -> Vec<Vec<String>> {
    let frames = dissected(path);
    for fields in &frames {
        let is_bad =
            !fields[1].is_empty() || fields[2..].iter().any(|sums| sums.split(',').any(|sum| sum == "0"));
        assert!(!is_bad, "{}: {fields:?}", path.display());
    }
    frames
}

/// The frames that a finding cites: the words of each, and how its comment ends.
fn cited(finding: &Value) -> impl Iterator<Item = (&str, String)> {
    let pieces = finding["evidence"].as_array().into_iter().flatten();
    pieces
        .filter(|it| it["frame"].is_u64())
        .map(|it| (it["text"].as_str().expect("a text"), format!("; frame {} of b0", it["frame"])))
}

fn has_comment(frames: &[Vec<String>], words: &str, end: &str) -> bool {
    frames.iter().any(|fields| fields[0].contains(words) && fields[0].ends_with(end))
}

/// Whether tshark is there; says so where it is not.
fn has_tshark() -> bool {
    let is_there = Command::new("tshark").arg("--version").output().is_ok_and(|it| it.status.success());
    if !is_there {
        skipped("tshark is missing");
    }
    is_there
}

#[test]
fn packets_behind_an_outage_are_kept_and_carved_while_it_is_watched_and_when_it_was_killed() {
    let Some(wires) = Wires::silent("recorder").filter(|_| has_tshark()) else { return };
    let scratch = Scratch::new("recorder");
    let (made, store) = (scratch.path().join("site.pcapng"), scratch.path().join("store"));
    let ordered =
        ["--devices=12", "--length=45s", "--bit-rate=20000", "--incident=switch-power@30s:sw-01+forever"];
    let outcome = spanwatch(["simulate", "-w", text(&made)].into_iter().chain(ordered));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let watch = wires.watch(&["-i", "b0", "--store", text(&store)]);
    wires.play("a0", &capture::read(&made));

    let kind = "devices-offline-together";
    let finding = || findings(&store).into_iter().find(|it| it["kind"] == kind);
    let id = until(kind, finding)["id"].as_str().expect("an id").to_owned();
    let (out, frozen) = (scratch.path().join("out.pcapng"), store.join(format!("evidence/{id}.pcapng")));
    // It may be revised meanwhile.
    let as_cited = |path: &Path| {
        let (finding, frames) = (finding()?, assert_sound(path));
        let are_there = cited(&finding).all(|(words, end)| has_comment(&frames, words, &end));
        (are_there && cited(&finding).count() > 3).then_some(frames)
    };
    let carved = || Some(carve(&store, &id, &out)).filter(|it| (it.code, it.stderr.as_str()) == (0, ""));
    let frames = until("what is frozen", || frozen.exists().then(|| as_cited(&frozen))?);
    let called = format!("{kind} {id}, ");
    assert!(frames.iter().all(|fields| fields[0].starts_with(&called)), "{frames:?}");
    assert!(frames.iter().any(|fields| fields[0].contains(", context; ")), "{frames:?}");
    until("what is carved", || carved().and_then(|_| as_cited(&out)));
    let aside = scratch.path().join("aside");
    fs::copy(&frozen, &aside).expect("it is there");
    until("what is recent", || {
        let _ = fs::remove_file(&frozen);
        carved().and_then(|_| as_cited(&out))
    });

    watch.kill();

    let _ = fs::remove_file(&frozen);
    let recent = carved().and_then(|_| as_cited(&out)).expect("what is recent outlives the watch");
    assert!(recent.iter().any(|fields| fields[0].contains(", context; ")));
    // The next watch mends what the last one could not finish.
    wires.watch(&["-i", "b0", "--store", text(&store)]).end();
    let ring = files(&store.join("frames"));
    assert!(!ring.is_empty());
    ring.iter().for_each(|path| drop(assert_sound(path)));
    fs::remove_dir_all(store.join("frames")).expect("it is there");
    let gone = carve(&store, &id, &out);
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains(&format!("no packets are kept for the finding {id}")), "{}", gone.stderr);
    fs::rename(&aside, &frozen).expect("it is there");
    assert_eq!(carve(&store, &id[..8], &out).code, 0, "what was frozen outlives the recent ones");
    assert_eq!(assert_sound(&out), assert_sound(&frozen));
    let unknown = carve(&store, "ffff", &out);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("no packets are kept for the finding ffff"), "{}", unknown.stderr);
}

#[test]
fn no_secret_is_in_any_file_of_a_store() {
    let Some(wires) = Wires::silent("canary").filter(|_| has_tshark()) else { return };
    for port in ["a0", "b0"] {
        wires.run(&format!("ip link set {port} mtu 9000"));
    }
    let scratch = Scratch::new("canary");
    let store = scratch.path().join("store");
    let shared = shared_captures().map(|folder| folder.join("ShellCode33__CredSLayer/tests/samples"));
    let others = OTHERS.iter().filter_map(|(name, secrets)| Some((shared.as_ref()?.join(name), *secrets)));
    let ours = OURS.iter().map(|(name, secrets)| (project("pcaps").join(name), *secrets));
    let (mut secrets, mut plain) = (Vec::new(), Vec::new());
    let watch = wires.watch(&["-i", "b0", "--store", text(&store)]);
    for (path, of_it) in ours.chain(others) {
        let copy = scratch.path().join("in.pcapng");
        let made =
            Command::new("tshark").arg("-r").arg(&path).args(["-F", "pcapng", "-w"]).arg(&copy).output();
        assert!(made.is_ok_and(|it| it.status.success()), "{}", path.display());
        // A millisecond apart, in their order.
        let frames = capture::read(&copy).into_iter().filter(|it| it.bytes.len() <= 9_000);
        let frames: Vec<Frame> =
            (0..).zip(frames).map(|(ms, it)| Frame { at: ms * 1_000_000, ..it }).collect();
        frames.iter().for_each(|frame| plain.extend_from_slice(&frame.bytes));
        secrets.extend(of_it);
        wires.play("a0", &frames);
    }
    let (capture, _) = watch.end();
    assert!(capture["packets"].as_u64().is_some_and(|packets| packets > 1_000), "{capture}");
    let kept = files(&store);
    for room in ["frames", "evidence"] {
        assert!(kept.iter().any(|path| path.starts_with(store.join(room))), "{room}: {kept:?}");
    }
    for secret in secrets {
        let forms = forms(secret);
        assert!(forms.iter().any(|form| has(&plain, form)), "{secret} was not sent");
        for (path, form) in kept.iter().flat_map(|path| forms.iter().map(move |form| (path, form))) {
            let bytes = fs::read(path).expect("it is there");
            assert!(
                !has(&bytes, form),
                "{secret} is in {} as {}",
                path.display(),
                String::from_utf8_lossy(form)
            );
        }
    }
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Captures of the project, and secrets in them that are no words of anything else.
const OURS: &[(&str, &[&str])] = &[
    ("http-dialogues.pcap", &["hidden"]),
    ("rtsp-dialogues.pcap", &["visible"]),
    ("greetings.pcap", &["secret"]),
];

/// The same of public captures.
const OTHERS: &[(&str, &[&str])] =
    &[("http-basic-auth.pcap", &["test:test", "test:fail"]), ("http-post-auth.pcap", &["Str0ngP4ssw0rd"])];
