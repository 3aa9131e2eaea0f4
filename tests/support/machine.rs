//! A machine of our own: User Mode Linux, a kernel that runs as a process and takes a folder for its disk. It has its own clock and
//! its own ports, and is gone when it is switched off. Needs user-mode-linux.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skipped;

/// Whether there can be one; says so where not.
pub fn is_there() -> bool {
    let is_there = Command::new("linux.uml").arg("--version").output().is_ok_and(|it| it.status.success());
    if !is_there {
        skipped("User Mode Linux is missing");
    }
    is_there
}

/// The kernel's module for cables (veth), which the machine has to load itself.
pub fn cables() -> PathBuf {
    let version = Command::new("linux.uml").arg("--version").output().expect("it is there").stdout;
    let version = String::from_utf8_lossy(&version);
    Path::new("/usr/lib/uml/modules").join(version.trim()).join("kernel/drivers/net/veth.ko")
}

/// Runs a machine with `root` as its disk until it switches itself off: `init` is its first program, `set` its environment. What it
/// said on its console goes to `log`.
pub fn run(root: &Path, init: &Path, set: &[(&str, &str)], log: &Path) {
    let log = File::create(log).expect("it is ours");
    let folder = root.to_str().expect("UTF-8");
    let status = Command::new("timeout")
        .args(["--kill-after=5", "240", "linux.uml", "mem=512M", "rootfstype=hostfs", "rw"])
        .args([&format!("rootflags={folder}"), "con=null", "con0=null,fd:1"])
        .arg(format!("init={}", init.display()))
        .args(set.iter().map(|(name, value)| format!("{name}={value}")))
        .env("HOME", root.join("root"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("it is ours"))
        .stderr(log)
        .status();
    assert!(status.is_ok_and(|it| it.code() != Some(124)), "the machine did not switch itself off in time");
}
