//! Cables in a network namespace of our own, and a watch at their ends. Needs root, iproute2 and python3.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::capture::Frame;
use super::run::SPANWATCH;
use super::skipped;

/// Two cables in a namespace of their own: what is sent on `a0` comes in at the mirror port `b0`; so with `a1` and `b1`.
#[derive(Debug)]
pub struct Wires(String);

impl Wires {
    /// `None`, and said so, where this machine makes no namespaces for us.
    pub fn new(name: &str) -> Option<Self> {
        let wires = Self(format!("swtest-{}-{name}", std::process::id()));
        let is_made = Command::new("ip").args(["netns", "add", &wires.0]).output();
        if !is_made.is_ok_and(|output| output.status.success()) {
            skipped("network namespaces cannot be made here");
            return None;
        }
        for pair in ["0", "1"] {
            wires.run(&format!("ip link add a{pair} type veth peer name b{pair}"));
            wires.run(&format!("sysctl -qw net/ipv6/conf/a{pair}/disable_ipv6=1"));
            wires.run(&format!("ip link set a{pair} up arp off"));
        }
        Some(wires)
    }

    /// The same with both mirror ports as they must be.
    pub fn silent(name: &str) -> Option<Self> {
        let wires = Self::new(name)?;
        for port in ["b0", "b1"] {
            wires.run(&format!("sysctl -qw net/ipv6/conf/{port}/disable_ipv6=1"));
            wires.run(&format!("ip link set {port} up arp off"));
        }
        Some(wires)
    }

    pub fn inside<'a>(&'a self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).args(words).stdin(Stdio::null());
        command
    }

    pub fn run(&self, line: &str) {
        let output = self.inside(line.split(' ')).output().expect("ip is there");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a frame so many times.
    pub fn send(&self, port: &str, frame: &[u8], times: u32) {
        let frame = Frame::new(0, frame.to_vec());
        self.play(port, &vec![frame; times as usize]);
    }

    /// Sends frames one after the other, as far apart as they are stamped.
    pub fn play(&self, port: &str, frames: &[Frame]) {
        let mut sender = self.inside(["python3", "-c", SEND, port]);
        let mut sender = sender.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ip is there");
        let mut lines = BufWriter::new(sender.stdin.take().expect("piped"));
        lines.write_all(lines_of(frames).as_bytes()).expect("it reads");
        drop(lines);
        let output = sender.wait_with_output().expect("python3 is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Watches, and gives back once it listens.
    pub fn watch(&self, arguments: &[&str]) -> Watch {
        self.begun(&[], arguments)
    }

    /// The same where a folder is a small file system of the watch's own; `None`, and said so, where none can be mounted.
    pub fn watch_on_its_own_disk(
        &self,
        folder: &std::path::Path,
        size: &str,
        arguments: &[&str],
    ) -> Option<Watch> {
        let folder = folder.to_str().expect("UTF-8");
        // Each `ip netns exec` has mounts of its own.
        let may = self.inside(["mount", "-t", "tmpfs", "tmpfs", folder]).output();
        if !may.is_ok_and(|output| output.status.success()) {
            skipped("no file system can be mounted here");
            return None;
        }
        let script = format!("mount -t tmpfs -o size={size} tmpfs {folder} && exec \"$@\"");
        Some(self.begun(&["sh", "-c", &script, "sh"], arguments))
    }

    fn begun(&self, around: &[&str], arguments: &[&str]) -> Watch {
        let all = ["timeout", "--kill-after=5", LONGEST_S, SPANWATCH, "watch", "--format=jsonl"];
        let mut child = self
            .inside(around.iter().copied().chain(all).chain(arguments.iter().copied()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ip is there");
        let mut words = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("listening on") {
            assert!(words.read_line(&mut said).is_ok_and(|read| read > 0), "it ended: {said}");
        }
        Watch { child, words: Some(words), said }
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
    }
}

/// After so long a watch that nobody ended is: longer than the longest flood.
const LONGEST_S: &str = "600";

/// A running watch.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    /// `None` where nobody listens any more.
    words: Option<BufReader<std::process::ChildStderr>>,
    said: String,
}

impl Watch {
    pub fn signal(&self, name: &str) {
        // timeout(1) has one child, which is the watch.
        let parent = self.child.id().to_string();
        let sent = Command::new("pkill").args([name, "-P", &parent]).status();
        assert!(sent.is_ok_and(|status| status.success()), "nobody to signal");
    }

    /// What the kernel says of its memory, in bytes: `VmRSS` is what it holds, `VmHWM` the most that it held.
    pub fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("the kernel says it");
        line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a size") << 10
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        let parent = self.child.id().to_string();
        let child = Command::new("pgrep").args(["-P", &parent]).output().expect("pgrep is there");
        String::from_utf8_lossy(&child.stdout).trim().parse().expect("it runs")
    }

    /// Ends it where that fails, and gives what it said.
    pub fn failed(mut self, code: i32) -> String {
        self.signal("-INT");
        self.rest(code);
        self.said
    }

    /// What it said so far on standard error.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Closes what it says things on.
    pub fn stop_listening(&mut self) {
        self.words = None;
    }

    /// Waits until it says something on standard error.
    pub fn until_it_says(&mut self, what: &str) {
        while !self.said.contains(what) {
            let read = self.words.as_mut().expect("somebody listens").read_line(&mut self.said);
            assert!(read.is_ok_and(|read| read > 0), "it ended: {}", self.said);
        }
    }

    /// Ends it, and gives the `capture` line of its report, and what it said.
    pub fn end(self) -> (Value, String) {
        self.signal("-INT");
        self.ended(0)
    }

    /// Kills it as a power cut would, and nothing else.
    pub fn kill(mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }

    /// Ends it, and gives all lines, and what it said.
    pub fn lines(mut self) -> (Vec<Value>, String) {
        self.signal("-INT");
        let lines = self.rest(0);
        (lines, self.said)
    }

    /// Waits for its own end.
    pub fn ended(mut self, code: i32) -> (Value, String) {
        let lines = self.rest(code);
        let capture = lines.into_iter().find(|line| line["type"] == "capture");
        (capture.expect("the report was written"), self.said)
    }

    fn rest(&mut self, code: i32) -> Vec<Value> {
        let mut lines = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut lines).expect("text");
        if let Some(words) = &mut self.words {
            words.read_to_string(&mut self.said).expect("text");
        }
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(code), "{}", self.said);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// Frames as [`SEND`] reads them.
pub fn lines_of(frames: &[Frame]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    frames.iter().map(|frame| format!("{} {}\n", frame.at, hex(&frame.bytes))).collect()
}

/// Sends frames on a port: each a line of its nanosecond and itself in hex.
pub const SEND: &str = "\
import socket, sys, time
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
begun = None
for line in sys.stdin:
    at, frame = line.split()
    if begun is None:
        begun = time.monotonic() - int(at) / 1e9
    late = begun + int(at) / 1e9 - time.monotonic()
    if late > 0.001:
        time.sleep(late)
    out.send(bytes.fromhex(frame))";
