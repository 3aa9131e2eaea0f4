//! A hostile flood on a watched port, the store on: a new MAC, a new flow, a new fragment, a header that never ends, one
//! after the other as fast as the sender can.
//!
//! 30 seconds; with `SPANWATCH_SOAK=1` five minutes. Bytes are asserted, never seconds. A binary of its own, for it leaves no
//! processor to others. Needs root, iproute2 and python3.

mod support;

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use support::is_asked_for;
use support::run::Scratch;
use support::weak;
use support::wires::Wires;

#[test]
fn a_flood_costs_bounded_memory_and_disk_and_the_watch_goes_on() {
    let Some(wires) = Wires::silent("flood") else { return };
    let scratch = Scratch::new("flood");
    let configuration =
        scratch.file("flood.toml", format!("[store]\nsize_max_mib = {STORE_MIB}\n").as_bytes());
    let store = scratch.path().join("store");
    let texts = [&configuration, &store].map(|path| path.to_str().expect("UTF-8"));
    let watch = wires.watch(&["-i", "b0", "--config", texts[0], "--store", texts[1]]);
    let seconds = if is_asked_for("SPANWATCH_SOAK") { "300" } else { "30" };
    let flood = wires.inside(["python3", "-c", FLOOD, "a0", seconds]).stderr(Stdio::inherit()).output();
    let flood = flood.expect("python3 is there");
    assert!(flood.status.success());
    let sent: u64 = String::from_utf8_lossy(&flood.stdout).trim().parse().expect("a number");
    let after = weak::snmp_default_community(true);
    wires.play("a0", &after);

    let peak = watch.memory("VmHWM");
    let (lines, said) = watch.lines();
    let size = |name: &str| fs::metadata(store.join(name)).map_or(0, |file| file.len());
    let (held, log) = (size("spanwatch.db"), size("spanwatch.db-wal"));
    let capture = lines.iter().find(|line| line["type"] == "capture").expect("a report");
    let count = |key: &str| capture[key].as_u64().unwrap_or_default();
    let (seen, dropped) = (count("packets"), count("dropped"));
    eprintln!(
        "{sent} frames in {seconds} s: {seen} seen, {dropped} dropped, peak {} MiB, store {} KiB, limits {}",
        peak >> 20,
        held >> 10,
        capture["limits"]
    );
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
    assert!(held <= STORE_MIB << 20, "{held} bytes");
    assert_eq!(log, 0, "what was written is where it belongs");
    assert_eq!(seen + dropped, sent + after.len() as u64, "every frame is accounted for");
    assert!(!said.contains("panic"), "{said}");
    let of_kind = |kind: &str| lines.iter().any(|line| line["type"] == "finding" && line["kind"] == kind);
    assert!(of_kind("snmp-default-community"), "it watches on");
    assert!(of_kind("limit-reached"), "it says what had to make room");
    let limits = capture["limits"].as_array().expect("a list");
    let is_of = |what: &str| limits.iter().any(|it| it["what"] == what && it["evicted"].as_u64() > Some(0));
    assert!(is_of("devices"), "{limits:?}");
    assert_ne!(capture["inputs"][0]["packets"], Value::Null);
}

/// The most that a flood may make a watch hold: what it may make a replay hold, the ring of a port, and the store's.
const MEMORY_MAX: u64 = (768 + 64 + 64) << 20;
/// The least budget that a store can have.
const STORE_MIB: u64 = 16;

/// Sends on a port for so many seconds, and says how many frames.
const FLOOD: &str = "\
import socket, struct, sys, time
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
end, sent = time.monotonic() + float(sys.argv[2]), 0
def ipv4(protocol, length, number, place, source, target):
    return struct.pack('>BBHHHBBHII', 0x45, 0, 20 + length, number & 0xffff, place, 64, protocol, 0, source, target)
def ethernet(number, kind, body):
    return b'\\x02\\xff\\xff\\xff\\xff\\xfe\\x02\\x0a' + struct.pack('>IH', number, kind) + body
def tcp(ports, sequence, flags, body):
    return struct.pack('>HHIIBBHHH', *ports, sequence & 0xffffffff, 1, 0x50, flags, 8192, 0, 0) + body
TEN, NEVER = 10 << 24, b'OPTIONS rtsp://192.0.2.1/ RTSP/1.0\\r\\nCSeq: 1\\r\\nX-Never: '
def mac(n):
    sender = b'\\x02\\x0a' + struct.pack('>I', n)
    return b'\\xff' * 6 + sender + b'\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x01' + sender + struct.pack('>I', TEN | n & 0xffffff) + bytes(6) + struct.pack('>I', TEN | 1)
def flow(n):
    mixed = n * 2654435761 & 0xffffff
    return ethernet(n, 0x800, ipv4(6, 20, n, 0, TEN | mixed, TEN | ~mixed & 0xffffff) + tcp((1024 + n % 60000, 554), mixed, 2, b''))
def fragment(n):
    return ethernet(n & 0xfff, 0x800, ipv4(17, 800, n, 0x2000 + n % 7 * 100, TEN | n & 0xfff, TEN | 0xff0000) + b'\\x5a' * 800)
def header(n):
    connection, turn = n % 500, n // 500
    ends = ethernet(connection, 0x800, b''), (TEN | 0x10000 + connection, TEN | 0xff0001), (40000, 554)
    body = [b'', NEVER][turn] if turn < 2 else b'a' * 1400
    at = 0 if turn == 0 else 1 if turn == 1 else 1 + len(NEVER) + (turn - 2) * 1400
    segment = tcp(ends[2], at, 2 if turn == 0 else 16, body)
    return ends[0] + ipv4(6, len(segment), n, 0, *ends[1]) + segment
while time.monotonic() < end:
    for _ in range(64):
        for make in (mac, flow, fragment, header):
            out.send(make(sent // 4))
            sent += 1
print(sent)";
