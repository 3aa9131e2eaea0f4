//! Every public capture that lies beside the project, against what others count in it.

use std::fs;
use std::path::{Path, PathBuf};

use spanwatch_capture::{Batch, FrameHead, InputReport, Inputs, Reader};

/// The folder of public captures; `None`, said loudly, where it is not there.
fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the public captures are missing");
    println!("SKIPPED: the public captures are missing");
    None
}

/// Path below the folder, and packets, of every row of the index.
fn index(folder: &Path) -> Vec<(String, u64)> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        (fields[0].to_owned(), fields[5].parse().unwrap())
    });
    rows.collect()
}

fn read(path: &Path) -> (Vec<(FrameHead, Vec<u8>)>, InputReport) {
    let inputs = Inputs::find(&[path]).unwrap_or_else(|error| panic!("{error}"));
    let mut reader = Reader::new(inputs, None);
    let mut batch = Batch::default();
    let mut frames = Vec::new();
    while reader.fill(&mut batch).unwrap() {
        frames.extend(batch.frames().map(|(head, bytes)| (*head, bytes.to_vec())));
    }
    (frames, reader.finish().unwrap().remove(0))
}

/// Captures of which the index counts other packets than we do, with ours.
const DIFFERENCES: &[(&str, u64, &str)] = &[
    ("hadrielk__pcapng-test-generator/output_be/advanced/test102.pcapng", 5, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_be/basic/test017.pcapng", 0, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_be/difficult/test202.pcapng", 8, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/advanced/test102.pcapng", 5, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/basic/test017.pcapng", 0, CUSTOM),
    ("hadrielk__pcapng-test-generator/output_le/difficult/test202.pcapng", 8, CUSTOM),
    ("the-tcpdump-group__tcpdump/tests/brcm-tag.pcap", 23, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/dsa-high-vid.pcap", 4, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/edsa-high-vid.pcap", 4, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/hoobr_juniper3.pcap", 1, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/juniper_monitor_invalid_cookie_length.pcap", 1, UNKNOWN),
    ("the-tcpdump-group__tcpdump/tests/kday6.pcap", 1, UNKNOWN),
];
const CUSTOM: &str = "custom blocks are no frames, though the index counts them";
const UNKNOWN: &str = "the index could not open the link type";

#[test]
fn packets_are_as_many_as_the_index_says() {
    let Some(folder) = captures() else { return };
    let mut wrong = Vec::new();
    for (path, packets) in index(&folder) {
        let (frames, report) = read(&folder.join(&path));
        assert_eq!(frames.len() as u64, report.packets, "{path}");
        let difference = DIFFERENCES.iter().find(|(known, ..)| *known == path);
        let expected = difference.map_or(packets, |(_, packets, _)| *packets);
        if expected != report.packets {
            wrong.push(format!("{path}: {expected} expected, {} read, {:?}", report.packets, report.error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
