//! The same frames in every form of capture give the same frames.

mod support;

use std::fs;
use std::process::Command;

use spanwatch_capture::FrameHead;
use spanwatch_parsers::{LinkType, Time};
use support::forge::*;
use support::{Everything, folder, has_program, read_bytes};

const BASE: u64 = 1_700_000_000;

/// Three frames at whole microseconds, the last one empty.
fn frames() -> Vec<(u64, Vec<u8>)> {
    vec![
        (BASE * 1_000_000 + 1, noise(1, 61)),
        (BASE * 1_000_000 + 2, noise(2, 1514)),
        (BASE * 1_000_000 + 999_999, vec![]),
    ]
}

fn pcap_of(order: Order, magic: u32, unit: u32) -> Vec<u8> {
    let mut file = pcap(order, magic, 65_535, 1);
    for (micro, bytes) in frames() {
        let (second, fraction) = ((micro / 1_000_000) as u32, (micro % 1_000_000) as u32 * unit);
        let mut record = record(order, second, fraction, &bytes);
        if magic == MODIFIED {
            record.splice(16..16, [0; 8]);
        }
        file.extend(record);
    }
    file
}

/// A section with one interface whose ticks are `ticks` of a microsecond's number.
fn section_of(order: Order, options: &[u8], ticks: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut file = section(order);
    file.extend(interface(order, 1, 0, options));
    for (micro, bytes) in frames() {
        file.extend(enhanced(order, 0, ticks(micro), &bytes, &[]));
    }
    file
}

fn assert_same(all: &Everything, format: &str) {
    let expected: Vec<_> =
        frames().into_iter().map(|(micro, bytes)| (Time(micro as i64 * 1_000), bytes)).collect();
    let read: Vec<_> = all.frames.iter().map(|(head, bytes)| (head.at, bytes.clone())).collect();
    assert_eq!(read, expected, "{format}");
    for ((head, bytes), number) in all.frames.iter().zip(1..) {
        let FrameHead { input, wire_length, link, frame, .. } = *head;
        assert_eq!((input, wire_length, link, frame), (0, bytes.len() as u32, LinkType::ETHERNET, number));
    }
    let report = &all.reports[0];
    assert_eq!((report.format.as_str(), report.link_type.as_str(), report.packets), (format, "ethernet", 3));
    assert_eq!((report.first, report.last), (Some(expected[0].0), Some(expected[2].0)));
    assert_eq!(report.error, None);
}

#[test]
fn pcap_of_any_order_and_resolution() {
    for order in BOTH {
        assert_same(&read_bytes(&pcap_of(order, MICRO, 1)), "pcap");
        assert_same(&read_bytes(&pcap_of(order, NANO, 1_000)), "pcap-ns");
        assert_same(&read_bytes(&pcap_of(order, MODIFIED, 1)), "pcap");
    }
}

#[test]
fn pcapng_of_any_order_resolution_and_offset() {
    for order in BOTH {
        let unit = |unit: u8| option(order, 9, &[unit]);
        assert_same(&read_bytes(&section_of(order, &[], |micro| micro)), "pcapng");
        assert_same(&read_bytes(&section_of(order, &unit(9), |micro| micro * 1_000)), "pcapng");
        assert_same(&read_bytes(&section_of(order, &unit(7), |micro| micro * 10)), "pcapng");
        let offset = [unit(6), option(order, 14, &order.u64(BASE))].concat();
        assert_same(&read_bytes(&section_of(order, &offset, |micro| micro - BASE * 1_000_000)), "pcapng");
        let picoseconds = [unit(12), option(order, 14, &order.u64(BASE))].concat();
        let ticks = |micro| (micro - BASE * 1_000_000) * 1_000_000;
        assert_same(&read_bytes(&section_of(order, &picoseconds, ticks)), "pcapng");
    }
}

#[test]
fn packed_captures_of_any_kind() {
    for (file, name) in
        [(pcap_of(Order::Little, MICRO, 1), "pcap"), (section_of(Order::Big, &[], |micro| micro), "pcapng")]
    {
        assert_same(&read_bytes(&gzip(&file)), &format!("{name}+gzip"));
        assert_same(&read_bytes(&zstd(&file)), &format!("{name}+zstd"));
        assert_same(&read_bytes(&gzip(&zstd(&file))), &format!("{name}+zstd+gzip"));
        let (front, back) = file.split_at(100);
        assert_same(&read_bytes(&[gzip(front), gzip(back)].concat()), &format!("{name}+gzip"));
        assert_same(&read_bytes(&[zstd(front), zstd(back)].concat()), &format!("{name}+zstd"));
    }
}

#[test]
fn forms_made_by_other_programs() {
    if !has_program("editcap") || !has_program("gzip") || !has_program("zstd") {
        return;
    }
    let folder = folder("other_programs");
    let source = folder.join("source");
    fs::write(&source, section_of(Order::Little, &[], |micro| micro)).unwrap();
    for (form, format) in
        [("pcap", "pcap"), ("modpcap", "pcap"), ("nsecpcap", "pcap-ns"), ("pcapng", "pcapng")]
    {
        let made = folder.join(form);
        let mut editcap = Command::new("editcap");
        assert!(editcap.args(["-F", form]).args([&source, &made]).output().unwrap().status.success());
        assert_same(&read_bytes(&fs::read(&made).unwrap()), format);
        for packing in ["gzip", "zstd"] {
            let packed = Command::new(packing).arg("-c").arg(&made).output().unwrap().stdout;
            assert_same(&read_bytes(&packed), &format!("{format}+{packing}"));
        }
    }
}

#[test]
fn old_versions_of_pcap_have_the_lengths_the_other_way_round() {
    for (minor, is_swapped) in [(2, true), (3, true), (3, false), (4, false)] {
        let mut file = pcap(Order::Big, MICRO, 100, 1);
        file[7] = minor;
        let lengths = if is_swapped { [200_u32, 50] } else { [50, 200] };
        file.extend([[0, 0, 0, 9], [0; 4]].concat());
        file.extend(lengths.iter().flat_map(|length| length.to_be_bytes()));
        file.extend(noise(1, 50));
        let all = read_bytes(&file);
        assert_eq!((all.frames[0].0.wire_length, all.frames[0].1.len()), (200, 50), "{minor} {is_swapped}");
    }
}

#[test]
fn sections_and_interfaces_keep_what_is_theirs() {
    let little = Order::Little;
    let file = [
        section(Order::Big),
        interface(Order::Big, 1, 0, &[]),
        interface(Order::Big, 113, 0, &option(Order::Big, 9, &[9])),
        enhanced(Order::Big, 1, 5_000, b"cooked", &[]),
        enhanced(Order::Big, 0, 5, b"ethernet", &[]),
        section(little),
        interface(little, 101, 0, &option(little, 9, &[3])),
        enhanced(little, 0, 7, b"raw", &[]),
    ]
    .concat();
    let all = read_bytes(&file);
    let read: Vec<_> = all
        .frames
        .iter()
        .map(|(head, bytes)| (head.at.0, head.link.0, head.interface, bytes.as_slice()))
        .collect();
    let expected = [(5_000, 113, 1, &b"cooked"[..]), (5_000, 1, 0, b"ethernet"), (7_000_000, 101, 2, b"raw")];
    assert_eq!(read, expected);
    assert_eq!(all.reports[0].link_type, "ethernet, raw, linux-sll");
}

#[test]
fn simple_packets_carry_the_time_beside_them_and_are_cut_at_the_snaplen() {
    let order = Order::Little;
    let file = [
        section(order),
        interface(order, 1, 4, &[]),
        simple(order, 3, b"abc"),
        enhanced(order, 0, 8, b"later", &[]),
        simple(order, 9, b"abcd"),
    ]
    .concat();
    let all = read_bytes(&file);
    let read: Vec<_> =
        all.frames.iter().map(|(head, bytes)| (head.at.0, head.wire_length, bytes.as_slice())).collect();
    assert_eq!(read, [(8_000, 3, &b"abc"[..]), (8_000, 5, b"later"), (8_000, 9, b"abcd")]);
    assert_eq!((all.reports[0].first, all.reports[0].last), (Some(Time(8_000)), Some(Time(8_000))));
}

#[test]
fn other_blocks_are_stepped_over_and_counted_however_long() {
    let order = Order::Big;
    let file = [
        section(order),
        block(order, 0x8000_0001, &noise(1, 3 << 20)),
        interface(order, 1, 0, &[]),
        block(order, 4, b"\0\0\0\0"),
        block(order, 0xbad, b"\0\0\x7e\xd9"),
        enhanced(order, 0, 1, b"a", &[]),
        block(order, 10, &noise(2, 700_000)),
        old(order, 0, 3, 2, b"b"),
        enhanced(order, 0, 3, b"c", &option(order, 4, &4_u64.to_be_bytes())),
    ]
    .concat();
    let all = read_bytes(&file);
    let read: Vec<_> = all.frames.iter().map(|(head, bytes)| (head.frame, bytes.as_slice())).collect();
    assert_eq!(read, [(2, &b"a"[..]), (3, b"b"), (4, b"c")], "a custom block has a number of its own");
    let report = &all.reports[0];
    assert_eq!((report.packets, report.other_blocks, report.dropped, &report.error), (3, 4, Some(7), &None));
}

#[test]
fn drops_are_summed_over_interfaces_and_sections() {
    let order = Order::Little;
    let counts = |interface: u32, drops: u64| {
        block(order, 5, &[&order.u32(interface)[..], &[0; 8], &option(order, 5, &order.u64(drops))].concat())
    };
    let one = [
        section(order),
        interface(order, 1, 0, &[]),
        interface(order, 1, 0, &[]),
        counts(0, 1),
        counts(0, 10),
        counts(1, 100),
    ]
    .concat();
    let other = [section(order), interface(order, 1, 0, &[]), counts(0, 1_000)].concat();
    assert_eq!(read_bytes(&[one, other].concat()).reports[0].dropped, Some(1_110));
}

#[test]
fn check_sequence_bits_are_no_link_type_and_raw_ip_has_one_number() {
    for (number, link) in [(0x3400_0001, 1), (0x4000_0001, 1), (12, 101), (14, 101), (228, 228)] {
        let file = [pcap(Order::Little, MICRO, 0, number), record(Order::Little, 1, 0, b"a")].concat();
        assert_eq!(read_bytes(&file).frames[0].0.link, LinkType(link));
    }
}

#[test]
fn longest_frame_is_read_and_a_longer_one_is_damage() {
    let order = Order::Little;
    for (length, is_read) in [(262_144, true), (262_145, false)] {
        let bytes = noise(1, length);
        let file = [pcap(order, MICRO, 262_144, 1), record(order, 1, 0, &bytes)].concat();
        assert_eq!(read_bytes(&file).frames.len(), usize::from(is_read));
        let file = [section(order), interface(order, 1, 0, &[]), enhanced(order, 0, 1, &bytes, &[])].concat();
        let all = read_bytes(&file);
        assert_eq!((all.frames.len(), all.reports[0].error.is_none()), (usize::from(is_read), is_read));
    }
}

#[test]
fn capture_without_frames_is_a_capture() {
    for file in [pcap(Order::Big, NANO, 0, 276), section(Order::Big)] {
        let all = read_bytes(&file);
        assert_eq!((all.frames.len(), all.events.len()), (0, 0));
        let report = &all.reports[0];
        assert_eq!((report.first, report.packets, &report.error), (None, 0, &None));
    }
}
