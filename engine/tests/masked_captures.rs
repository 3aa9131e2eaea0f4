//! No secret of real logins is in frames that were masked, and they can be read elsewhere.

#[path = "../../tests/support/secrets.rs"]
mod secrets;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use secrets::forms;
use spanwatch_capture::{Batch, FRAME_MAX, Inputs, PcapngWriter, Reader, Source, WrittenFrame};
use spanwatch_engine::mask::Masker;
use spanwatch_engine::peel::Peeler;
use support::{captures, has_program};

/// Captures of the project, and every secret in them.
const OURS: &[(&str, &[&str])] = &[
    ("http-dialogues.pcap", &["hidden", "wrong"]),
    ("rtsp-dialogues.pcap", &["visible"]),
    ("greetings.pcap", &["secret"]),
    ("switch-talk.pcap", &["public"]),
    ("site-six-behind-a-switch.pcapng", LAB),
    ("site-camera-then-switch.pcapng", LAB),
];

/// As `tests/lab/plan.py` invents them.
const LAB: &[&str] =
    &["Lab-entrance-51", "Lab-lobby-52", "Lab-corridor-53", "Lab-ramp-54", "Lab-yard-55", "Lab-gate-56"];

/// The same of public captures.
const OTHERS: &[(&str, &[&str])] = &[
    ("ShellCode33__CredSLayer/tests/samples/http-basic-auth.pcap", &["test:test", "test:fail"]),
    ("ShellCode33__CredSLayer/tests/samples/http-post-auth.pcap", &["Str0ngP4ssw0rd"]),
    ("ShellCode33__CredSLayer/tests/samples/telnet-cooked.pcap", &["user"]),
];

/// What was captured, masked, as a capture of its own.
fn masked(path: &Path) -> (PathBuf, Vec<u8>, Vec<u8>) {
    let inputs = Inputs::find(&[path]).expect("a capture");
    let mut reader = Reader::new(inputs, None).without_hashes();
    let (mut peeler, mut masker, mut batch) = (Peeler::new(), Masker::new(1), Batch::default());
    let mut writer = PcapngWriter::new(Vec::new(), "test").expect("memory");
    let (mut plain, mut shown, mut links) = (Vec::new(), Vec::new(), Vec::new());
    while reader.fill(&mut batch).expect("it reads") {
        for (head, captured) in batch.frames() {
            let peeled = peeler.peel(head.link, head.at, captured, head.wire_length);
            let mut bytes = captured.to_vec();
            masker.mask(head.link, head.at, &peeled, &mut bytes);
            assert_eq!(bytes.len(), captured.len());
            if !links.contains(&head.link) {
                links.push(head.link);
                writer.interface(head.link, FRAME_MAX, "").expect("memory");
            }
            let interface = links.iter().position(|link| *link == head.link).expect("just added") as u32;
            let (at, wire_length) = (head.at, head.wire_length);
            let frame = WrittenFrame { interface, at, wire_length, bytes: &bytes, comment: None };
            writer.frame(frame).expect("memory");
            plain.extend_from_slice(captured);
            shown.extend_from_slice(&bytes);
        }
        batch.clear();
    }
    let name = path.file_name().expect("a file").to_string_lossy();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("masked-{name}"));
    std::fs::write(&out, writer.finish().expect("memory")).expect("the target folder can be written");
    (out, plain, shown)
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn assert_hidden(path: &Path, secrets: &[&str]) -> PathBuf {
    let (out, plain, shown) = masked(path);
    let mut is_met = false;
    for (secret, form) in
        secrets.iter().flat_map(|secret| forms(secret).into_iter().map(move |it| (secret, it)))
    {
        is_met |= has(&plain, &form);
        assert!(
            !has(&shown, &form),
            "{secret} is in {} as {}",
            out.display(),
            String::from_utf8_lossy(&form)
        );
    }
    assert!(is_met, "{}: no secret is in it before", path.display());
    for proof in proofs(&plain) {
        assert!(!has(&shown, proof), "a proof is in {}: {}", out.display(), String::from_utf8_lossy(proof));
    }
    out
}

/// What Digest logins prove a password by, with which it can be guessed at home.
fn proofs(plain: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEFORE: &[u8] = b"response=\"";
    let found = plain.windows(BEFORE.len()).enumerate().filter(|(_, window)| *window == BEFORE);
    found.map(|(at, _)| plain[at + BEFORE.len()..].split(|byte| *byte == b'"').next().unwrap_or_default())
}

#[test]
fn no_secret_of_our_captures_is_shown_and_tshark_reads_the_same_protocols() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps");
    for (name, secrets) in OURS {
        let path = folder.join(name);
        let out = assert_hidden(&path, secrets);
        if !has_program("tshark") {
            continue;
        }
        let (before, after) = (dissected(&path), dissected(&out));
        assert_eq!(before.len(), after.len(), "{name}");
        for (number, (before, after)) in (1..).zip(before.iter().zip(&after)) {
            assert!(after.1 <= before.1, "{name}: frame {number} is malformed, or its checksum wrong");
            assert_eq!(before.0, after.0, "{name}: frame {number}");
        }
    }
}

#[test]
fn no_secret_of_public_captures_is_shown() {
    let Some(folder) = captures() else { return };
    for (name, secrets) in OTHERS {
        assert_hidden(&folder.join(name), secrets);
    }
}

/// Of each frame its addresses and ports, and whether something in it is wrong.
fn dissected(path: &Path) -> Vec<(String, bool)> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-T", "fields"]);
    for sum in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{sum}.check_checksum:TRUE")]);
    }
    let wrong = ["_ws.malformed", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"];
    let same = [
        "eth.src",
        "eth.dst",
        "ip.src",
        "ipv6.src",
        "ip.dst",
        "tcp.srcport",
        "tcp.seq_raw",
        "tcp.len",
        "udp.port",
        "udp.length",
    ];
    for field in wrong.iter().chain(&same) {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark is there");
    let read = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let is_wrong =
            !fields[0].is_empty() || fields[1..4].iter().any(|sums| sums.split(',').any(|sum| sum == "0"));
        (fields[4..].join(" "), is_wrong)
    };
    String::from_utf8_lossy(&output.stdout).lines().map(read).collect()
}
