//! What the tests of this crate share.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod forge;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use spanwatch_capture::{Batch, Event, Filter, FrameHead, InputReport, Inputs, Item, Reader, Source};

/// All that a reader gave.
#[derive(Debug, Default, PartialEq)]
pub struct Everything {
    pub frames: Vec<(FrameHead, Vec<u8>)>,
    /// Each with the frames before it.
    pub events: Vec<(usize, Event)>,
    pub reports: Vec<InputReport>,
}

/// Reads `inputs` to their end.
pub fn read_all(inputs: Inputs, filter: Option<&str>) -> Everything {
    let filter = filter.map(|filter| Filter::new(filter).unwrap());
    read_to_end(Reader::new(inputs, filter))
}

/// Reads all that `reader` gives.
pub fn read_to_end(mut reader: Reader) -> Everything {
    let mut batch = Batch::default();
    let mut all = Everything::default();
    while reader.fill(&mut batch).unwrap() {
        for item in batch.items() {
            match item {
                Item::Frame(head, bytes) => all.frames.push((*head, bytes.to_vec())),
                Item::Event(event) => all.events.push((all.frames.len(), *event)),
            }
        }
    }
    all.reports = reader.finish().unwrap();
    all
}

/// Reads one file.
pub fn read_file(path: &Path) -> Everything {
    read_all(Inputs::find(&[path]).unwrap_or_else(|error| panic!("{error}")), None)
}

/// Reads bytes as a stream.
pub fn read_bytes(bytes: &[u8]) -> Everything {
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    read_all(Inputs::stream("stream", source).unwrap_or_else(|error| panic!("{error}")), None)
}

/// The folder of public captures; `None`, said loudly, where it is not there.
pub fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    skip("the public captures are missing");
    None
}

/// Path below the folder, and packets, of every row of its index.
pub fn index(folder: &Path) -> Vec<(String, u64)> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        (fields[0].to_owned(), fields[5].parse().unwrap())
    });
    rows.collect()
}

/// Whether a program can be run; where not, that is said loudly.
pub fn has_program(name: &str) -> bool {
    let is_there = Command::new(name).arg("--version").output().is_ok();
    if !is_there {
        skip(&format!("{name} is missing"));
    }
    is_there
}

fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("SKIPPED: {why}");
}

/// A folder for one test's files, empty.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
