//! A capture in memory, and tshark, which reads it with eyes that are not ours.

#![allow(dead_code)] // Each test file uses its part.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use spanwatch_simulator::mirror::Writer;
use spanwatch_simulator::tap::Sink;

/// Frames: when, what, how long on the wire.
#[derive(Default, PartialEq, Eq)]
pub struct Capture {
    pub frames: Vec<(i64, Vec<u8>, u32)>,
}

impl Sink for Capture {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        self.frames.push((at, bytes.to_vec(), wire_length));
        Ok(())
    }
}

/// Whether tshark is there. Where it is not, that is said; in CI it is a failure.
pub fn has_tshark() -> bool {
    let is_there = Command::new("tshark").arg("--version").output().is_ok();
    if !is_there {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "tshark is missing");
        eprintln!("SKIPPED: tshark is missing, so nothing was checked against it");
    }
    is_there
}

/// The fields of all frames that pass a display filter, a row a frame.
pub fn tshark(capture: &Capture, options: &[&str], filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("site-{}-{}.pcapng", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut writer = Writer::new(File::create(&path).unwrap(), 0).unwrap();
    for (at, bytes, wire_length) in &capture.frames {
        writer.frame(*at, bytes, *wire_length);
    }
    writer.finish().unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields"]).args(options).arg("-r").arg(&path);
    if !filter.is_empty() {
        command.args(["-Y", filter]);
    }
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
