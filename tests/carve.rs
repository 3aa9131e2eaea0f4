//! `spanwatch carve`: what it writes others can read, and no secret is in it.

use crate::support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use support::capture::{Frame, Pcap};
use support::forms::{self, Tunnel};
use support::run::{Outcome, Scratch, piped, replay, spanwatch};
use support::site::{Site, text};
use support::story::list;
use support::{skipped, weak};

/// What the made-up logins must not show, in all forms in which it travels.
const SECRETS: &[&str] = &["hunter2", "YWRtaW46aHVudGVyMg", "68756e74657232", "a long word", "public"];

fn carve(id: &str, capture: &Path, out: &Path, more: &[&str]) -> Outcome {
    let plain = ["carve", "--no-progress", "--finding", id, "-w"].map(Into::into);
    let paths = [out.as_os_str().to_owned(), capture.as_os_str().to_owned()];
    spanwatch(plain.into_iter().chain(paths).chain(more.iter().map(Into::into)))
}

fn written(frames: &[Frame]) -> Vec<u8> {
    Pcap { is_nano: true, ..Pcap::PLAIN }.bytes(frames)
}

/// The id of a capture's finding of this kind, and its whole self.
fn finding(capture: &Path, kind: &str) -> (String, Value) {
    let report = replay(capture);
    let found = list(&report, "findings").find(|it| it["kind"] == kind).expect("the finding").clone();
    (text(&found, "id").to_owned(), found)
}

/// Fields of every frame as tshark reads them; `None`, and said so, where it is missing.
fn dissected(capture: &Path, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-T", "fields"]);
    for sum in ["tcp", "udp"] {
        command.args(["-o", &format!("{sum}.check_checksum:TRUE")]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        skipped("tshark is missing");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("appears"), "{said}");
    let lines = String::from_utf8(output.stdout).expect("text");
    Some(lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

#[test]
fn each_piece_of_evidence_is_there_with_its_words_among_its_context() {
    let (site, scratch) = (Site::sample(), Scratch::new("carved"));
    let (id, found) = finding(&site.path, "cleartext-login");
    let out = scratch.path().join("out.pcapng");
    let outcome = carve(&id[..6], &site.path, &out, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let Some(frames) = dissected(&out, &["frame.comment", "frame.time_epoch", "_ws.col.Info"]) else {
        return;
    };
    for piece in list(&found, "evidence") {
        let (words, frame) = (text(piece, "text"), &piece["frame"]);
        let comment = frames.iter().map(|fields| &fields[0]).find(|comment| comment.contains(words));
        let comment = comment.unwrap_or_else(|| panic!("{piece} is not there"));
        assert!(comment.starts_with(&format!("cleartext-login {id}, evidence 1 of ")), "{comment}");
        let name = site.path.file_name().expect("a file").to_string_lossy();
        assert!(comment.ends_with(&format!("; frame {frame} of {name}")), "{comment}");
    }
    let context = format!("cleartext-login {id}, context");
    let login = format!("{context}; masked: ");
    let login =
        frames.iter().find(|fields| fields[2].starts_with("DESCRIBE ") && fields[0].starts_with(&login));
    assert!(login.is_some_and(|fields| fields[0].contains(" bytes overwritten, checksums recomputed")));
    assert!(frames.iter().filter(|fields| fields[0].starts_with(&context)).count() > 10);
    assert!(
        frames.is_sorted_by_key(|fields| fields[1].parse::<f64>().map(|s| (s * 1e6) as i64).expect("a time"))
    );
}

#[test]
fn threads_change_no_byte() {
    let (site, scratch) = (Site::sample(), Scratch::new("carved-alike"));
    let (id, _) = finding(&site.path, "devices-offline-together");
    let carved = |threads: &str| {
        let out = scratch.path().join("out.pcapng");
        let outcome = carve(&id, &site.path, &out, &["--threads", threads]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        std::fs::read(out).expect("it was written")
    };
    assert_eq!(carved("1"), carved("8"));
}

#[test]
fn no_secret_is_carved_in_any_mirror_form() {
    type Form = fn(&[Frame]) -> Vec<Frame>;
    let forms: [(&str, Form); 10] = [
        ("plain", <[Frame]>::to_vec),
        ("copied", |frames| forms::with_copies(frames, |frame| Some(frame.bytes.clone()))),
        ("tagged copies", |frames| {
            forms::with_copies(frames, |frame| Some(support::wire::tagged(&frame.bytes, 0x8100, 30)))
        }),
        ("double-tagged", forms::double_tagged),
        ("out of order", forms::out_of_order),
        ("erspan1", |frames| forms::tunnelled(frames, Tunnel::Erspan1, 65_535)),
        ("erspan2", |frames| forms::tunnelled(frames, Tunnel::Erspan2, 65_535)),
        ("erspan3 in parts", |frames| forms::tunnelled(frames, Tunnel::Erspan3, 100)),
        ("gre", |frames| forms::tunnelled(frames, Tunnel::Gre, 65_535)),
        ("vxlan", |frames| forms::tunnelled(frames, Tunnel::Vxlan, 65_535)),
    ];
    let weak: [(&str, Vec<Frame>); 3] = [
        ("cleartext-login", weak::cleartext_login(true)),
        ("plaintext-token", weak::plaintext_token(true)),
        ("snmp-default-community", weak::snmp_default_community(true)),
    ];
    let scratch = Scratch::new("carved-forms");
    for ((form, change), (kind, frames)) in
        forms.iter().flat_map(|form| weak.iter().map(move |weak| (form, weak)))
    {
        let capture = scratch.file("in.pcap", &written(&change(frames)));
        let (id, _) = finding(&capture, kind);
        let out = scratch.path().join("out.pcapng");
        let outcome = carve(&id, &capture, &out, &[]);
        assert_eq!(outcome.code, 0, "{kind} {form}: {}", outcome.stderr);
        let bytes = std::fs::read(&out).expect("it was written");
        for secret in SECRETS {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{kind} {form}: {secret}");
        }
        let fields = ["frame.comment", "_ws.malformed", "tcp.checksum.status"];
        let Some(frames) = dissected(&out, &fields) else { continue };
        assert!(frames.iter().any(|fields| fields[0].contains(", evidence 1 of 1: ")), "{kind} {form}");
        for fields in frames.iter().filter(|_| !form.contains("parts")) {
            let is_bad = !fields[1].is_empty() || fields[2].split(',').any(|sum| sum == "0");
            assert!(!is_bad, "{kind} {form}: {fields:?}");
        }
    }
}

#[test]
fn secret_cut_over_segments_is_not_carved() {
    let scratch = Scratch::new("carved-cuts");
    let frames = weak::cleartext_login(true);
    let login = frames.iter().position(|frame| has(&frame.bytes, b"Basic YW")).expect("a login");
    let payload = 54..frames[login].bytes.len();
    let secret = frames[login].bytes.windows(6).position(|window| window == b"YWRtaW").expect("its secret");
    // Every cut through the secret, and the halves in either order.
    for (cut, is_swapped) in (secret - 1..secret + 18).flat_map(|cut| [(cut, false), (cut, true)]) {
        let mut parts = [payload.start..cut, cut..payload.end].map(|part| segment(&frames[login], part));
        if is_swapped {
            parts.reverse();
            let [first, second] = &mut parts;
            std::mem::swap(&mut first.at, &mut second.at);
        }
        let mut all = frames.clone();
        all.splice(login..=login, parts);
        let capture = scratch.file("in.pcap", &written(&all));
        let (id, _) = finding(&capture, "cleartext-login");
        let out = scratch.path().join("out.pcapng");
        assert_eq!(carve(&id, &capture, &out, &[]).code, 0);
        let bytes = std::fs::read(&out).expect("it was written");
        for part in [&b"YWRtaW46aHV"[..], b"dGVyMg", b"YWRt", b"aHVu"] {
            assert!(!has(&bytes, part), "cut at {cut}: {}", String::from_utf8_lossy(part));
        }
    }
}

/// A part of a frame's TCP payload as a segment of its own, half a microsecond later where it is not the first.
fn segment(frame: &Frame, part: std::ops::Range<usize>) -> Frame {
    let before = part.start - 54;
    let bytes = &frame.bytes;
    let end = |at: usize, port: usize| support::wire::End {
        mac: bytes[if at == 26 { 6..12 } else { 0..6 }].try_into().expect("six"),
        ip: <[u8; 4]>::try_from(&bytes[at..at + 4]).expect("four").into(),
        port: u16::from_be_bytes([bytes[port], bytes[port + 1]]),
    };
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
    let numbers = [number(38) + before as u32, number(42)];
    let cut = support::wire::tcp(end(26, 34), end(30, 36), bytes[47], numbers, &bytes[part]);
    Frame { at: frame.at + if before == 0 { 0 } else { 500 }, bytes: cut, ..frame.clone() }
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn wrong_id_names_those_that_there_are_and_nothing_is_written() {
    let (site, scratch) = (Site::sample(), Scratch::new("carved-wrong"));
    let out = scratch.path().join("out.pcapng");
    let outcome = carve("zzz", &site.path, &out, &[]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.starts_with("spanwatch: no finding has the id zzz:\n  "), "{}", outcome.stderr);
    let (id, _) = finding(&site.path, "devices-offline-together");
    assert!(outcome.stderr.contains(&id), "{}", outcome.stderr);
    assert!(!out.exists());
}

#[test]
fn standard_input_is_refused() {
    let arguments = ["carve", "--finding", "a", "-w", "never-written.pcapng", "-"];
    let outcome = piped(&arguments, |input| {
        let bytes = written(&Site::sample().frames[..50]);
        drop(input.write_all(&bytes));
    });
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("reads its inputs twice"), "{}", outcome.stderr);
    assert!(!PathBuf::from("never-written.pcapng").exists());
}
