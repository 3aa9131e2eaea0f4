//! What is written can be read, here and elsewhere.

mod support;

use std::process::Command;

use proptest::prelude::*;
use spanwatch_capture::{PcapngWriter, WrittenFrame};
use spanwatch_parsers::{LinkType, Time};
use support::forge::noise;
use support::{folder, has_program, read_bytes};

fn frame<'a>(interface: u32, at: i64, bytes: &'a [u8], comment: Option<&'a str>) -> WrittenFrame<'a> {
    WrittenFrame { interface, at: Time(at), wire_length: bytes.len() as u32 + 4, bytes, comment }
}

#[test]
fn tshark_reads_time_lengths_interface_and_comment() {
    if !has_program("tshark") {
        return;
    }
    let path = folder("written").join("out.pcapng");
    let mut writer = PcapngWriter::new(std::fs::File::create(&path).unwrap(), "Spanwatch").unwrap();
    let one = writer.interface(LinkType::ETHERNET, 65_535, "span0").unwrap();
    let two = writer.interface(LinkType::LINUX_SLL2, 0, "").unwrap();
    writer.frame(frame(one, 1_700_000_000_123_456_789, &noise(1, 61), Some("last sign of life"))).unwrap();
    writer.frame(frame(two, 1_700_000_001_000_000_000, &noise(2, 60), None)).unwrap();
    writer.finish().unwrap();
    let fields = [
        "frame.time_epoch",
        "frame.cap_len",
        "frame.len",
        "frame.interface_id",
        "frame.interface_name",
        "frame.comment",
    ];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-r"]).arg(&path).args(fields.iter().flat_map(|field| ["-e", field]));
    assert_eq!(
        String::from_utf8(tshark.output().unwrap().stdout).unwrap(),
        "1700000000.123456789\t61\t65\t0\tspan0\tlast sign of life\n1700000001.000000000\t60\t64\t1\tunknown\t\n"
    );
}

#[test]
fn interface_that_was_not_added_is_refused() {
    let mut writer = PcapngWriter::new(Vec::new(), "Spanwatch").unwrap();
    assert!(writer.frame(frame(0, 0, b"", None)).is_err());
    assert!(writer.interface(LinkType(70_000), 0, "").is_err());
}

#[test]
fn nothing_but_a_section_is_a_capture() {
    let bytes = PcapngWriter::new(Vec::new(), "").unwrap().finish().unwrap();
    let all = read_bytes(&bytes);
    assert_eq!((all.frames.len(), &all.reports[0].error), (0, &None));
}

proptest! {
    #[test]
    fn written_frames_are_read_back(
        frames in prop::collection::vec(
            (0..3_u32, 0..i64::MAX, prop::collection::vec(any::<u8>(), 0..200), any::<Option<String>>()),
            0..20,
        ),
    ) {
        let mut writer = PcapngWriter::new(Vec::new(), "Spanwatch").unwrap();
        for (link, name) in [(1, "one"), (113, ""), (101, "three")] {
            writer.interface(LinkType(link), 0, name).unwrap();
        }
        for (interface, at, bytes, comment) in &frames {
            writer.frame(frame(*interface, *at, bytes, comment.as_deref())).unwrap();
        }
        let all = read_bytes(&writer.finish().unwrap());
        prop_assert_eq!(&all.reports[0].error, &None);
        prop_assert_eq!(all.frames.len(), frames.len());
        for ((head, its_bytes), (interface, at, bytes, _)) in all.frames.iter().zip(&frames) {
            prop_assert_eq!((head.interface, head.at.0, its_bytes), (*interface, *at, bytes));
            prop_assert_eq!(head.wire_length as usize, bytes.len() + 4);
        }
    }
}
