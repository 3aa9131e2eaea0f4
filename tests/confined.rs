//! What a running watch cannot do any more, as the kernel shows it, and what it tells the service manager.
//!
//! Needs root, iproute2 and python3.

use crate::support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use support::capture::Frame;
use support::run::{SPANWATCH, Scratch};
use support::wire::{End, arp};
use support::wires::Wires;

/// Who has 192.0.2.2?
fn question() -> Vec<u8> {
    let [asks, asked] = [1, 2].map(|last| End::new([192, 0, 2, last], 0));
    arp(asks, asked, [0xff; 6])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_watch_has_no_capability_in_any_thread_once_it_listens_and_still_survives_a_lost_link() {
    let Some(wires) = Wires::silent("confined") else { return };
    let scratch = Scratch::new("confined");
    let store = scratch.path().join("store");
    wires.run("ip link set lo up");
    let configuration = scratch.file(
        "spanwatch.toml",
        b"[metrics]\n[web]\nlisten = \"127.0.0.1:8444\"\n[[syslog]]\nto = \"tcp://127.0.0.1:9\"\n",
    );
    let mut watch = wires.watch(&["-i", "b0", "--store", text(&store), "--config", text(&configuration)]);
    watch.until_it_says("pages at");
    let folder = format!("/proc/{}/task", watch.process());
    let threads: Vec<_> =
        fs::read_dir(folder).expect("it runs").map(|it| it.expect("it runs").path()).collect();
    assert!(threads.len() > 3, "{threads:?}");
    for thread in threads {
        let status = fs::read_to_string(thread.join("status")).expect("it runs");
        for line in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert!(status.contains(&format!("{line}:\t0000000000000000\n")), "{status}");
        }
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    }
    // Figures and pages are answered for all that.
    for asked in ["http://127.0.0.1:9947/metrics", "http://127.0.0.1:8444/system"] {
        let answer = wires.inside(["python3", "-c", ASK, asked]).output().expect("python3 is there");
        assert!(answer.status.success(), "{asked}: {}", String::from_utf8_lossy(&answer.stderr));
    }
    wires.run("ip link set b0 down");
    watch.until_it_says("the port has no link");
    wires.run("ip link set b0 up");
    watch.until_it_says("the port has a link again");
    wires.send("a0", &question(), 4);
    let (capture, said) = watch.end();
    assert_eq!(capture["packets"], 4);
    assert!(said.contains("confined: no capabilities"), "{said}");
    assert!(store.join("spanwatch.db").is_file());
}

#[test]
fn a_store_elsewhere_than_said_at_the_start_cannot_be_written() {
    let Some(wires) = Wires::silent("landlock") else { return };
    let scratch = Scratch::new("landlock");
    let [store, elsewhere] = ["store", "elsewhere"].map(|name| scratch.path().join(name));
    fs::create_dir(&elsewhere).expect("it is ours");
    // The report goes where the link leads at the end, which is another folder than at the start.
    let (out, link) = (scratch.path().join("out"), scratch.path().join("link"));
    fs::create_dir(&out).expect("it is ours");
    std::os::unix::fs::symlink(&out, &link).expect("it is ours");
    let report = link.join("report.json");
    let watch = wires.watch(&["-i", "b0", "--store", text(&store), "-o", text(&report)]);
    let said = watch.said().to_owned();
    fs::remove_file(&link).expect("it is ours");
    std::os::unix::fs::symlink(&elsewhere, &link).expect("it is ours");
    let said_after = watch.failed(1);
    if said.contains("files and connections are not") {
        support::skipped("this kernel has no Landlock");
        return;
    }
    assert!(said.contains("writes only in "), "{said}");
    assert!(said_after.contains("Permission denied"), "{said_after}");
    assert_eq!(fs::read_dir(&elsewhere).expect("it is ours").count(), 0);
}

#[test]
fn a_service_manager_hears_that_the_watch_is_ready_beats_while_nothing_comes_and_ends() {
    let Some(wires) = Wires::silent("notify") else { return };
    let scratch = Scratch::new("notify");
    let path = scratch.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("it is ours");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let environment = format!("NOTIFY_SOCKET={}", text(&path));
    let watch = ["env", &environment, "WATCHDOG_USEC=2000000", SPANWATCH, "watch", "-i", "b0"];
    let mut child = wires.inside(watch).spawn().expect("ip is there");
    let heard = || {
        let mut bytes = [0; 512];
        let length = manager.recv(&mut bytes).expect("it was told in a minute");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let until = |what: &str| while !heard().starts_with(what) {};
    until("READY=1");
    wires.play("a0", &[0, 1_500, 3_000].map(|ms| Frame::new(ms * 1_000_000, question())));
    until("STATUS=1 devices, 0 offline; 0 findings; 0 packets dropped; ");
    // Nothing comes any more, and the beats go on.
    (0..8).for_each(|_| until("WATCHDOG=1"));
    let end = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(end.is_ok_and(|status| status.success()));
    until("STOPPING=1");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn mirrors_that_are_addressed_to_a_port_are_read_and_the_kernel_answers_none() {
    use support::forms::{Tunnel, tunnelled};
    let Some(wires) = Wires::silent("tunnels") else { return };
    let own = wires.inside(["cat", "/sys/class/net/b1/address"]).output().expect("ip is there");
    let own: Vec<u8> = String::from_utf8_lossy(&own.stdout)
        .trim()
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).expect("a MAC"))
        .collect();
    let address = support::forms::SINK.ip;
    wires.run("ip link set b1 arp on");
    for port in ["a1", "b1"] {
        wires.run(&format!("ip link set {port} mtu 9000"));
    }
    wires.run(&format!("ip address add {address}/24 dev b1"));
    wires.run("ip neighbour add 198.51.100.1 lladdr 02:00:00:00:ee:01 dev b1");
    let inside: Vec<Frame> = (0..6).map(|n| Frame::new(n * 1_000_000, question())).collect();
    let forms = [Tunnel::Erspan1, Tunnel::Erspan2, Tunnel::Erspan3, Tunnel::Gre, Tunnel::Vxlan];
    let addressed = |form| {
        let mut frames = tunnelled(&inside, form, 1_500);
        frames.iter_mut().for_each(|frame| frame.bytes[..6].copy_from_slice(&own));
        frames
    };
    let frames: Vec<Frame> = forms.into_iter().flat_map(addressed).collect();

    // With nobody there the kernel answers: what the test looks for can be seen.
    for form in [Tunnel::Gre, Tunnel::Vxlan] {
        assert!(answers(&wires, &addressed(form)) > 0, "the kernel answers {form:?} that nobody takes");
    }

    let watch = wires.watch(&["-i", "b0", "--tunnel", "b1"]);
    assert!(watch.said().contains("b1 (mirrors addressed to it)"), "{}", watch.said());
    assert_eq!(answers(&wires, &frames), 0);
    // What else comes to the port is none of ours.
    wires.send("a1", &question(), 3);
    let (capture, said) = watch.end();
    assert_eq!(capture["packets"], frames.len(), "{said}");
    let inputs: Vec<&Value> = capture["inputs"].as_array().expect("inputs").iter().collect();
    assert_eq!((&inputs[1]["name"], &inputs[1]["format"]), (&"b1".into(), &"live tunnel".into()));
    assert_eq!((&inputs[0]["sent"], &inputs[1]["sent"]), (&0.into(), &Value::Null));
    for (form, count) in [("erspan1", 6), ("erspan2", 6), ("erspan3", 6), ("vxlan", 6)] {
        assert_eq!(capture["encapsulations"][form], count, "{form}: {capture}");
    }
}

#[test]
fn a_port_without_an_address_is_no_end_of_a_mirror() {
    let Some(wires) = Wires::silent("no-address") else { return };
    let refused = wires.inside([SPANWATCH, "watch", "--tunnel", "b1"]).output().expect("ip is there");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("b1 is not ready: it has no address to which a mirror could send"), "{said}");
    let both =
        wires.inside([SPANWATCH, "watch", "-i", "b1", "--tunnel", "b1"]).output().expect("ip is there");
    assert_eq!(both.status.code(), Some(2), "{}", String::from_utf8_lossy(&both.stderr));
}

/// How many ICMP errors come back to the sender of frames.
fn answers(wires: &Wires, frames: &[Frame]) -> usize {
    let listener = wires.inside(["python3", "-c", COUNT, "a1"]).stdout(std::process::Stdio::piped()).spawn();
    let mut listener = listener.expect("ip is there");
    let mut said = BufReader::new(listener.stdout.take().expect("it is piped")).lines();
    let mut line = || said.next().expect("it goes on").expect("text");
    assert_eq!(line(), "listening");
    wires.play("a1", frames);
    let count = line();
    assert!(listener.wait().expect("it ends").success());
    count.parse().expect("a number")
}

/// Asks for a page.
const ASK: &str = "\
import sys, urllib.request
assert urllib.request.urlopen(sys.argv[1], timeout=20).status == 200";

/// Counts for three seconds what comes in at a port that is IPv4.
const COUNT: &str = "\
import socket, sys, time
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
port.bind((sys.argv[1], 0))
port.settimeout(0.1)
print('listening', flush=True)
count, until = 0, time.monotonic() + 3
while time.monotonic() < until:
    try:
        frame, where = port.recvfrom(9216)
    except socket.timeout:
        continue
    if where[2] != socket.PACKET_OUTGOING and frame[12:14] == b'\\x08\\x00':
        count += 1
print(count)";
