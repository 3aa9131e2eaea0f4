//! Several inputs are one capture, in an order that depends on names and contents alone.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use spanwatch_capture::{Event, EventKind, Inputs, OPEN_MAX, ReadError, Reader, Source};
use spanwatch_parsers::Time;
use support::forge::*;
use support::{Everything, folder, read_all, read_to_end};

/// A capture with one frame at each of these seconds, holding `name`.
fn capture(name: &str, seconds: &[u32]) -> Vec<u8> {
    let order = Order::Little;
    let records = seconds.iter().flat_map(|second| record(order, *second, 0, name.as_bytes()));
    pcap(order, MICRO, 65_535, 1).into_iter().chain(records).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn read(paths: &[PathBuf]) -> Everything {
    read_all(Inputs::find(paths).unwrap(), None)
}

/// Each frame as `name@second`, in order.
fn order(all: &Everything) -> String {
    let frames = all.frames.iter().map(|(head, bytes)| {
        format!("{}@{}", String::from_utf8_lossy(bytes), head.at.0.div_euclid(1_000_000_000))
    });
    frames.collect::<Vec<_>>().join(" ")
}

/// Each event as `name+second` (opened) or `name-second` (ended), behind the number of frames before it.
fn events(all: &Everything) -> String {
    let events = all.events.iter().map(|(before, Event { input, kind, at })| {
        let kind = match kind {
            EventKind::Opened => "+",
            EventKind::Ended => "-",
            EventKind::Damaged { .. } => "!",
            other => panic!("no file says {other:?}"),
        };
        let name = &all.reports[*input as usize].name;
        format!("{before}:{name}{kind}{}", at.0.div_euclid(1_000_000_000))
    });
    events.collect::<Vec<_>>().join(" ")
}

#[test]
fn frames_are_merged_by_time_and_equal_times_by_name() {
    let folder = folder("merged_by_time");
    let a = write(&folder, "a", &capture("a", &[10, 20, 30]));
    let b = write(&folder, "b", &capture("b", &[10, 15, 30]));
    let all = read(&[b.clone(), a.clone()]);
    assert_eq!(order(&all), "a@10 b@10 b@15 a@20 a@30 b@30");
    assert_eq!(all.frames.iter().map(|(head, _)| head.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(all.frames.iter().map(|(head, _)| head.frame).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
    assert_eq!(events(&all), "0:a+10 1:b+10 5:a-30 6:b-30");
    assert_eq!(all, read(&[a, b]));
}

#[test]
fn events_tell_time_that_no_input_covers() {
    let folder = folder("holes");
    let a = write(&folder, "a", &capture("a", &[10, 20]));
    let b = write(&folder, "b", &capture("b", &[15, 25]));
    let c = write(&folder, "c", &capture("c", &[90, 95]));
    assert_eq!(events(&read(&[a, b, c])), "0:a+10 1:b+15 3:a-20 4:b-25 4:c+90 6:c-95");
}

#[test]
fn frames_of_one_input_stay_in_their_order() {
    let folder = folder("own_order");
    let a = write(&folder, "a", &capture("a", &[10, 30, 20, 31]));
    let b = write(&folder, "b", &capture("b", &[25, 30, 31]));
    assert_eq!(order(&read(&[a, b])), "a@10 b@25 a@30 a@20 b@30 a@31 b@31");
}

#[test]
fn one_wrong_stamp_does_not_hold_an_input_back() {
    let folder = folder("wrong_stamp");
    let day = 86_400;
    let a = write(&folder, "a", &capture("a", &[10, 20 * day, 12, 14]));
    let b = write(&folder, "b", &capture("b", &[11, 13, 15]));
    assert_eq!(order(&read(&[a, b])), format!("a@10 a@{} b@11 a@12 b@13 a@14 b@15", 20 * day));
    let a = write(&folder, "a", &capture("a", &[20 * day, 12, 14]));
    let b = write(&folder, "b", &capture("b", &[11, 13, 15]));
    assert_eq!(order(&read(&[a, b])), format!("b@11 a@{} a@12 b@13 a@14 b@15", 20 * day));
}

#[test]
fn leap_that_stays_moves_the_clock() {
    let folder = folder("leap");
    let later = 20 * 86_400;
    let a = write(&folder, "a", &capture("a", &[10, later + 10, later + 12]));
    let b = write(&folder, "b", &capture("b", &[11, later + 11]));
    let expected = format!("a@10 b@11 a@{} b@{} a@{}", later + 10, later + 11, later + 12);
    assert_eq!(order(&read(&[a, b])), expected);
}

#[test]
fn days_of_silence_are_no_wrong_stamps() {
    let folder = folder("days");
    let a = write(&folder, "a", &capture("a", &[0, 400_000, 800_000]));
    let b = write(&folder, "b", &capture("b", &[200_000, 600_000, 1_000_000]));
    assert_eq!(order(&read(&[a, b])), "a@0 b@200000 a@400000 b@600000 a@800000 b@1000000");
}

#[test]
fn clock_that_is_set_back_goes_on_from_there() {
    let folder = folder("set_back");
    let a = write(&folder, "a", &capture("a", &[900_000, 900_001, 10, 20, 30]));
    let b = write(&folder, "b", &capture("b", &[899_999, 900_002]));
    assert_eq!(order(&read(&[a, b])), "b@899999 a@900000 a@900001 a@10 a@20 a@30 b@900002");
}

#[test]
fn names_are_relative_to_the_argument_and_the_order_of_arguments_does_not_show() {
    let folder = folder("names");
    let one = write(&folder, "one/x.pcap", &capture("1", &[10]));
    write(&folder, "site/b/x.pcap", &capture("2", &[10]));
    write(&folder, "site/a.pcap", &capture("3", &[10]));
    let two = write(&folder, "two/x.pcap", &capture("4", &[10]));
    let site = folder.join("site");
    let all = read(&[one.clone(), site.clone(), two.clone()]);
    let names: Vec<_> = all.reports.iter().map(|report| report.name.as_str()).collect();
    assert_eq!(names, ["a.pcap", "b/x.pcap", "x.pcap", "x.pcap"]);
    assert!(all.reports[2].sha256 < all.reports[3].sha256);
    assert_eq!(all, read(&[two.clone(), one.clone(), site.clone()]));
    let unhashed =
        |paths: &[PathBuf]| read_to_end(Reader::new(Inputs::find(paths).unwrap(), None).without_hashes());
    let mut expected = all;
    expected.reports.iter_mut().for_each(|report| report.sha256 = None);
    assert_eq!(expected, unhashed(&[one.clone(), two.clone(), site.clone()]));
    assert_eq!(expected, unhashed(&[two, site, one]));
}

#[test]
fn same_contents_under_the_same_name_are_two_inputs() {
    let folder = folder("twins");
    let one = write(&folder, "one/x", &capture("x", &[10]));
    let two = write(&folder, "two/x", &capture("x", &[10]));
    assert_eq!(order(&read(&[one, two])), "x@10 x@10");
}

#[test]
fn more_inputs_than_can_be_open_are_read_one_after_the_other() {
    let folder = folder("many");
    for n in 0..600_u32 {
        write(&folder, &format!("{n:03}"), &capture("x", &[10 * n, 10 * n + 5]));
    }
    let all = read(&[folder]);
    assert_eq!((all.frames.len(), all.reports.len()), (1_200, 600));
    assert!(all.frames.is_sorted_by_key(|(head, _)| head.at));
}

#[test]
fn more_overlapping_inputs_than_can_be_open_are_refused_aloud() {
    let folder = folder("overlap");
    for n in 0..OPEN_MAX as u32 {
        write(&folder, &format!("{n:03}"), &capture("x", &[n, 1_000]));
    }
    assert_eq!(read(std::slice::from_ref(&folder)).frames.len(), 2 * OPEN_MAX);
    write(&folder, "last", &capture("x", &[999, 1_000]));
    let error = Reader::new(Inputs::find(&[folder]).unwrap(), None).finish().unwrap_err();
    assert!(matches!(&error, ReadError::TooMany { name } if name == "last"), "{error}");
    assert!(error.to_string().starts_with("more than 256 captures overlap in time"), "{error}");
}

#[test]
fn filter_keeps_numbers_and_is_compiled_for_each_link_type() {
    let folder = folder("filter");
    let ip = b"\x45\0\0\x14\0\0\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x02";
    let ethernet = [&b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0"[..], ip].concat();
    let little = Order::Little;
    let file = [
        section(little),
        interface(little, 1, 0, &[]),
        interface(little, 101, 0, &[]),
        enhanced(little, 0, 1, b"other", &[]),
        enhanced(little, 0, 2, &ethernet, &[]),
        enhanced(little, 1, 3, b"other", &[]),
        enhanced(little, 1, 4, ip, &[]),
    ]
    .concat();
    let path = write(&folder, "a", &file);
    let all = read_all(Inputs::find(&[path]).unwrap(), Some("host 192.0.2.1 and udp"));
    let read: Vec<_> = all.frames.iter().map(|(head, _)| (head.number, head.frame, head.link.0)).collect();
    assert_eq!(read, [(2, 2, 1), (4, 4, 101)]);
    assert_eq!((all.reports[0].packets, all.reports[0].filtered), (4, 2));
    assert_eq!(all.events.len(), 2);
}

#[test]
fn each_input_can_be_read_by_itself() {
    let folder = folder("each");
    write(&folder, "b", &capture("b", &[10]));
    write(&folder, "a", &capture("a", &[20]));
    let each = Inputs::find(&[folder]).unwrap().each();
    let read: Vec<_> = each.into_iter().map(|inputs| order(&read_all(inputs, None))).collect();
    assert_eq!(read, ["a@20", "b@10"]);
}

#[test]
fn progress_reaches_the_total() {
    let folder = folder("progress");
    write(&folder, "a", &capture("a", &[10]));
    write(&folder, "b", &gzip(&capture("b", &[10, 20])));
    let inputs = Inputs::find(&[&folder]).unwrap();
    let total = inputs.total_bytes().unwrap();
    let mut reader = Reader::new(inputs, None);
    let progress = reader.progress();
    assert_eq!((progress.read(), progress.total()), (0, Some(total)));
    reader.finish().unwrap();
    assert_eq!(progress.read(), total);
}

#[test]
fn empty_capture_takes_part_without_events() {
    let folder = folder("empty");
    write(&folder, "a", &capture("a", &[]));
    write(&folder, "b", &capture("b", &[10]));
    let all = read(&[folder]);
    assert_eq!(events(&all), "0:b+10 1:b-10");
    assert_eq!((all.reports[0].packets, all.reports[0].first), (0, None));
    assert_eq!(all.reports[1].last, Some(Time(10_000_000_000)));
}

#[test]
fn batch_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<spanwatch_capture::Batch>();
    fn is_sent<T: Send>() {}
    is_sent::<Reader>();
}
