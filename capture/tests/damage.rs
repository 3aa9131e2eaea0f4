//! Damaged and cut captures: what is whole is read, nothing is made up, and the place is told.

mod support;

use std::ops::Range;

use proptest::prelude::*;
use spanwatch_capture::EventKind;
use support::forge::*;
use support::{Everything, read_bytes};

/// A capture, its frames' bytes, and where in the file each one's record lies.
struct Sample {
    file: Vec<u8>,
    frames: Vec<Vec<u8>>,
    records: Vec<Range<usize>>,
}

/// Frames of different lengths, ten a second.
fn sample(start: Vec<u8>, count: u32, record: impl Fn(u32, &[u8]) -> Vec<u8>) -> Sample {
    let mut sample = Sample { file: start, frames: Vec::new(), records: Vec::new() };
    for n in 0..count {
        let bytes = noise(n, 60 + (n as usize * 7) % 50);
        let from = sample.file.len();
        sample.file.extend(record(n, &bytes));
        sample.frames.push(bytes);
        sample.records.push(from..sample.file.len());
    }
    sample
}

fn pcap_sample(order: Order, count: u32) -> Sample {
    let time = |n: u32| (1_700_000_000 + n / 10, n % 10 * 100_000);
    sample(pcap(order, MICRO, 65_535, 1), count, |n, bytes| record(order, time(n).0, time(n).1, bytes))
}

fn pcapng_sample(order: Order, count: u32) -> Sample {
    let start = [section(order), interface(order, 1, 65_535, &[])].concat();
    let ticks = |n: u32| 1_700_000_000_000_000 + u64::from(n) * 100_000;
    sample(start, count, |n, bytes| enhanced(order, 0, ticks(n), bytes, &option(order, 1, b"note")))
}

fn samples(count: u32) -> Vec<Sample> {
    BOTH.into_iter().flat_map(|order| [pcap_sample(order, count), pcapng_sample(order, count)]).collect()
}

/// Two lists of frames are the same; said without their bytes where not.
#[track_caller]
fn assert_frames(read: &[Vec<u8>], expected: &[Vec<u8>], what: &str) {
    let lengths = |frames: &[Vec<u8>]| frames.iter().map(Vec::len).collect::<Vec<_>>();
    assert!(read == expected, "{what}: lengths {:?}, expected {:?}", lengths(read), lengths(expected));
}

fn bytes_of(all: &Everything) -> Vec<Vec<u8>> {
    all.frames.iter().map(|(_, bytes)| bytes.clone()).collect()
}

#[test]
fn cut_anywhere_gives_all_whole_frames_and_tells_the_place() {
    for Sample { file, frames, records } in samples(5) {
        for end in records[0].start..=file.len() {
            let all = read_bytes(&file[..end]);
            let whole = records.iter().filter(|record| record.end <= end).count();
            assert_frames(&bytes_of(&all), &frames[..whole], &format!("cut at {end}"));
            let place = records.iter().find(|record| record.start < end && end < record.end);
            let error = all.reports[0].error.as_ref();
            assert_eq!(
                error.map(|error| error.offset),
                place.map(|record| record.start as u64),
                "cut at {end}"
            );
            assert_eq!(error.map(|error| error.skipped), place.map(|record| (end - record.start) as u64));
        }
    }
}

#[test]
fn cut_file_header_is_damage_without_frames() {
    let Sample { file, .. } = pcap_sample(Order::Little, 1);
    for end in 4..24 {
        let all = read_bytes(&file[..end]);
        let error = all.reports[0].error.as_ref().unwrap();
        assert_eq!((all.frames.len(), error.offset, error.skipped), (0, 0, end as u64));
    }
}

#[test]
fn any_flipped_bit_leaves_the_frames_before_it() {
    for Sample { file, frames, records } in samples(4) {
        for place in records[0].start..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[place] ^= 1 << bit;
                let read = bytes_of(&read_bytes(&file));
                let before = records.iter().filter(|record| record.end <= place).count();
                assert!(read.starts_with(&frames[..before]), "bit {bit} of byte {place}");
            }
        }
    }
}

#[test]
fn flipped_length_costs_no_other_frame() {
    for Sample { file, frames, records } in [pcap_sample(Order::Little, 40), pcap_sample(Order::Big, 40)] {
        for field in 8..12 {
            for bit in 0..8 {
                let mut file = file.clone();
                file[records[10].start + field] ^= 1 << bit;
                let all = read_bytes(&file);
                let others = [&frames[..10], &frames[11..]].concat();
                assert_frames(&bytes_of(&all), &others, &format!("bit {bit} of byte {field}"));
                let error = all.reports[0].error.as_ref().unwrap();
                let skipped = records[10].len() as u64;
                assert_eq!((error.offset, error.skipped), (records[10].start as u64, skipped));
            }
        }
    }
    for Sample { file, frames, records } in [pcapng_sample(Order::Little, 40), pcapng_sample(Order::Big, 40)]
    {
        for field in (4..8).chain(20..24) {
            for bit in 0..8 {
                let mut file = file.clone();
                file[records[10].start + field] ^= 1 << bit;
                let all = read_bytes(&file);
                let read = bytes_of(&all);
                // A captured length that still fits in its block cannot be told from a true one.
                let others = [&frames[..10], &frames[11..]].concat();
                let is_believed =
                    read.len() == 40 && read[..10] == frames[..10] && read[11..] == frames[11..];
                assert!(read == others || (field >= 20 && is_believed), "bit {bit} of byte {field}");
            }
        }
    }
}

#[test]
fn overwritten_stretch_costs_only_what_it_touches() {
    for mut sample in samples(40) {
        let stretch = sample.records[9].start + 5..sample.records[14].end - 5;
        let garbage = noise(99, stretch.len());
        sample.file[stretch].copy_from_slice(&garbage);
        let all = read_bytes(&sample.file);
        let others = [&sample.frames[..9], &sample.frames[15..]].concat();
        assert_frames(&bytes_of(&all), &others, "overwritten");
        let error = all.reports[0].error.as_ref().unwrap();
        assert_eq!(error.offset, sample.records[9].start as u64);
        assert_eq!(error.skipped, (sample.records[14].end - sample.records[9].start) as u64);
        let (before, event) = all.events[1];
        assert_eq!((before, event.kind), (9, EventKind::Damaged { from: all.frames[8].0.at }));
    }
}

#[test]
fn removed_bytes_cost_only_the_frames_they_were_in() {
    for mut sample in samples(40) {
        let stretch = sample.records[9].start + 30..sample.records[12].start + 30;
        sample.file.drain(stretch);
        let others = [&sample.frames[..9], &sample.frames[13..]].concat();
        let all = read_bytes(&sample.file);
        // The two halves of frames make one that cannot be told from a true one, if lengths agree.
        let read = bytes_of(&all);
        assert!(read == others || (read.len() == 37 && read[10..] == sample.frames[13..]));
    }
}

#[test]
fn zeros_in_a_pcap_are_numbered_and_told() {
    let Sample { mut file, frames, records } = pcap_sample(Order::Little, 20);
    let zeros = records[5].start..records[5].start + 64;
    file.splice(zeros.start..zeros.start, vec![0; 64]);
    let all = read_bytes(&file);
    assert_eq!(all.frames.len(), 24);
    assert_eq!(
        all.frames[5..9].iter().map(|(head, bytes)| (head.at, bytes.len())).collect::<Vec<_>>(),
        vec![(all.frames[4].0.at, 0); 4]
    );
    assert_frames(&bytes_of(&all)[9..], &frames[5..], "behind zeros");
    let error = all.reports[0].error.as_ref().unwrap();
    assert_eq!((error.offset, error.places, error.skipped), (records[5].start as u64, 1, 64));
}

#[test]
fn capture_inside_a_cut_frame_is_not_taken_for_frames() {
    for order in BOTH {
        let inner = pcap_sample(order, 20);
        let mut file = pcap(order, MICRO, 65_535, 1);
        file.extend(record(order, 1_700_000_000, 0, b"first"));
        file.extend(record(order, 1_700_000_000, 1, &inner.file));
        let all = read_bytes(&file[..file.len() - 1]);
        assert_eq!(bytes_of(&all), [b"first"]);
        let inner = pcapng_sample(order, 20);
        let mut file = [section(order), interface(order, 1, 0, &[])].concat();
        file.extend(enhanced(order, 0, 1_700_000_000_000_000, b"first", &[]));
        file.extend(enhanced(order, 0, 1_700_000_000_000_001, &inner.file, &[]));
        let all = read_bytes(&file[..file.len() - 5]);
        assert_eq!(bytes_of(&all), [b"first"]);
    }
}

#[test]
fn packet_of_an_unknown_interface_is_stepped_over() {
    let order = Order::Big;
    let file = [
        section(order),
        interface(order, 1, 0, &[]),
        enhanced(order, 0, 1, b"a", &[]),
        enhanced(order, 7, 2, b"b", &[]),
        enhanced(order, 0, 3, b"c", &[]),
    ]
    .concat();
    let all = read_bytes(&file);
    assert_eq!(bytes_of(&all), [b"a", b"c"]);
    let error = all.reports[0].error.as_ref().unwrap();
    assert_eq!(error.text, "a packet names interface 7, which is not there");
    assert_eq!((error.offset, error.skipped), (28 + 20 + 36, 36));
}

#[test]
fn next_section_is_found_behind_damage() {
    let Sample { mut file, records, .. } = pcapng_sample(Order::Big, 3);
    file[records[1].start + 7] ^= 0xff;
    file.truncate(records[2].end - 2);
    let other = pcapng_sample(Order::Little, 2);
    let all = read_bytes(&[file, other.file].concat());
    assert_frames(&bytes_of(&all)[1..], &other.frames, "next section");
}

#[test]
fn frames_behind_a_damaged_section_header_are_not_taken_for_the_old_sections() {
    let order = Order::Little;
    let old = [section(order), interface(order, 1, 0, &[]), enhanced(order, 0, 1, b"old", &[])].concat();
    let new = [section(order), interface(order, 101, 0, &[]), enhanced(order, 0, 2, b"new", &[])].concat();
    for place in 4..12 {
        let mut new = new.clone();
        new[place] ^= 0x10;
        let all = read_bytes(&[old.clone(), new].concat());
        let read: Vec<_> = all.frames.iter().map(|(head, bytes)| (head.link.0, bytes.as_slice())).collect();
        assert_eq!(read, [(1, &b"old"[..]), (101, b"new")], "{place}");
    }
}

#[test]
fn cut_packed_capture_gives_both_places() {
    let Sample { file, frames, .. } = pcap_sample(Order::Little, 2_000);
    for packed in [gzip(&file), zstd(&file)] {
        let cut = packed.len() - packed.len() / 3;
        let all = read_bytes(&packed[..cut]);
        let read = bytes_of(&all);
        assert!(frames.starts_with(&read) && read.len() > 500, "{}", read.len());
        let error = all.reports[0].error.as_ref().unwrap();
        assert_eq!(error.compressed_offset, Some(cut as u64));
        assert!(error.text.ends_with("data end early"), "{}", error.text);
        assert_eq!(all.reports[0].bytes, cut as u64);
    }
}

#[test]
fn digest_is_of_the_whole_file_however_damaged() {
    use sha2::Digest;
    let Sample { mut file, .. } = pcap_sample(Order::Little, 3);
    file[24 + 8..24 + 12].fill(0xff);
    file.extend(vec![0xff; 40 << 20]);
    let all = read_bytes(&file);
    let expected: String = sha2::Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&all.reports[0].sha256, all.reports[0].bytes), (&Some(expected), file.len() as u64));
}

fn any_sample() -> impl Strategy<Value = (usize, u32)> {
    (0..4_usize, 2..30_u32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_of_any_kind_leaves_the_frames_before_it(
        (which, count) in any_sample(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let Sample { mut file, frames, records } = samples(count).swap_remove(which);
        let start = records[0].start;
        let mut first = file.len();
        for (place, byte) in places {
            let place = start + place.index(file.len() - start);
            if file[place] != byte {
                file[place] = byte;
                first = first.min(place);
            }
        }
        let end = start + cut.index(file.len() - start);
        file.truncate(end);
        let all = read_bytes(&file);
        let before = records.iter().filter(|record| record.end <= first.min(end)).count();
        prop_assert!(bytes_of(&all).starts_with(&frames[..before]));
        prop_assert!(all.frames.len() <= frames.len());
    }

    #[test]
    fn any_bytes_behind_a_header_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for start in [pcap(Order::Big, NANO, 0, 1), [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat()] {
            let all = read_bytes(&[start, bytes.clone()].concat());
            prop_assert_eq!(all.frames.len() as u64, all.reports[0].packets);
            spanwatch_capture::fuzz::pcap(bytes.as_slice());
            spanwatch_capture::fuzz::pcapng(bytes.as_slice());
        }
    }
}
