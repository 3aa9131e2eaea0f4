//! What the whole-product tests share: frames, captures, the wire, the program, its reports and the truth.
//!
//! Nothing here comes from the product: a reader, a writer and a dissector of
//! our own, so that no fault of the product hides in its own test.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod acts;
pub mod capture;
pub mod cases;
pub mod faults;
pub mod forms;
pub mod machine;
pub mod run;
pub mod secrets;
pub mod server;
pub mod site;
pub mod story;
pub mod truth;
pub mod weak;
pub mod wire;
pub mod wires;

use std::path::PathBuf;

/// A path below the project's root.
pub fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The public captures beside the project; says so and gives `None` where they are missing.
pub fn shared_captures() -> Option<PathBuf> {
    let folder = project("../shared/pcaps");
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    skipped("the public captures are missing");
    None
}

/// Says loudly why a test is skipped; in CI nothing may be.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "must not be skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Looks until it is there, for two minutes at most.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("it never came: {what}");
}

/// Whether the longer form of a test is asked for by an environment variable.
pub fn is_asked_for(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}
