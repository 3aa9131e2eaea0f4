//! Files, folders, pipes and what is none of them.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use spanwatch_capture::{Inputs, OpenError};
use support::forge::*;
use support::{folder, read_all};

fn capture(second: u32) -> Vec<u8> {
    [pcap(Order::Little, MICRO, 0, 1), record(Order::Little, second, 0, b"frame")].concat()
}

fn error(path: &Path) -> String {
    Inputs::find(&[path]).unwrap_err().to_string().replace(&path.display().to_string(), "X")
}

#[test]
fn named_file_that_is_no_capture_is_refused_with_what_it_looks_like() {
    let folder = folder("no_capture");
    let path = folder.join("x");
    let cases: [(&[u8], &str); 7] = [
        (b"\x89PNG\r\n\x1a\n", "looks like a PNG image"),
        (b"", "is an empty file"),
        (b"a text\n", "looks like text"),
        (b"snoop\0\0\0\0\0\0\x02", "looks like a Snoop capture, which is not read"),
        (&gzip(b"a text\n"), "is packed with gzip, and what is inside looks like text"),
        (b"\x1f\x8b\x08\0\0", "looks like a damaged gzip file: the gzip data end early"),
        (b"\x0a\x0d\x0d\x0a\0\0\0\x1c....", "looks like a pcapng capture whose first block is damaged"),
    ];
    for (bytes, looks) in cases {
        fs::write(&path, bytes).unwrap();
        assert_eq!(error(&path), format!("X is no capture: it {looks}"));
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = folder("not_there");
    assert!(error(&folder.join("missing")).starts_with("X: No such file"));
    assert_eq!(error(&folder), "no capture is in X (0 other files)");
    fs::write(folder.join("notes.txt"), "text").unwrap();
    assert_eq!(error(&folder), "no capture is in X (1 other files)");
}

#[test]
fn folder_is_searched_to_its_depth_and_other_files_are_told() {
    let folder = folder("search");
    fs::create_dir_all(folder.join("a/b/c")).unwrap();
    fs::write(folder.join("a/b/c/deep"), capture(1)).unwrap();
    fs::write(folder.join("z.pcap"), gzip(&capture(2))).unwrap();
    fs::write(folder.join("a/notes.txt"), "text").unwrap();
    fs::write(folder.join("a/empty"), "").unwrap();
    symlink(&folder, folder.join("a/b/circle")).unwrap();
    symlink(folder.join("z.pcap"), folder.join("a/latest")).unwrap();
    symlink("nowhere", folder.join("a/dangling")).unwrap();
    let inputs = Inputs::find(&[&folder]).unwrap();
    assert_eq!(inputs.names().collect::<Vec<_>>(), ["a/b/c/deep", "a/latest"]);
    let skipped: Vec<_> =
        inputs.skipped().iter().map(|skipped| format!("{} {}", skipped.name, skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            "a/b/circle is neither a file nor a folder",
            "a/dangling is neither a file nor a folder",
            "a/empty is an empty file",
            "a/notes.txt looks like text",
            "z.pcap is found twice and read once",
        ]
    );
}

#[test]
fn standard_input_twice_is_refused() {
    // The first look at it meets no capture, or the second is one too many.
    let error = Inputs::find(&["-", "-"]).unwrap_err();
    assert!(matches!(error, OpenError::StandardInputTwice | OpenError::NotACapture { .. }));
}

#[test]
fn pipe_is_read_as_it_comes() {
    let folder = folder("pipe");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The shell waits with its output until the pipe is opened for reading.
    let mut shell =
        Command::new("sh").args(["-c", "cat > \"$0\""]).arg(&pipe).stdin(Stdio::piped()).spawn().unwrap();
    let mut feed = shell.stdin.take().unwrap();
    feed.write_all(&zstd(&capture(1))).unwrap();
    drop(feed);
    fs::write(folder.join("file"), capture(0)).unwrap();
    let inputs = Inputs::find(&[&pipe, &folder.join("file")]).unwrap();
    assert_eq!(inputs.total_bytes(), None);
    let all = read_all(inputs, None);
    assert_eq!(
        all.frames.iter().map(|(head, _)| (head.input, head.at.0)).collect::<Vec<_>>(),
        [(0, 0), (1, 1_000_000_000)]
    );
    assert_eq!((all.reports[1].name.as_str(), all.reports[1].format.as_str()), ("pipe", "pcap+zstd"));
    assert_eq!(all.reports[1].bytes, zstd(&capture(1)).len() as u64);
    assert!(shell.wait().unwrap().success());
}
