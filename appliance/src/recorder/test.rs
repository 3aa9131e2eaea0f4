//! A recorder in a folder of its own: what it keeps, in what bounds, and what is left when it died or the disk was full.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use spanwatch_capture::WrittenFile;
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::Evidence;
use spanwatch_engine::report::time::rfc3339;
use spanwatch_parsers::LinkType;

use super::*;
use crate::outputs::test as outputs;
use crate::store::test::Folder;

/// Frames that are peeled when they are asked for.
#[derive(Default)]
struct Made(Vec<(FrameHead, Vec<u8>)>);

impl Frames for Made {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn each(&self, take: &mut dyn FnMut(&FrameHead, &Peeled, &[u8])) {
        let mut peeler = Peeler::new();
        for (head, bytes) in &self.0 {
            take(head, &peeler.peel(head.link, head.at, bytes, head.wire_length), bytes);
        }
    }
}

fn at(tenths: i64) -> Time {
    Time(BEGAN.0 + tenths * 100_000_000)
}

/// A datagram of the camera to port `port`, which is the input's frame of the same number as its tenth of a second.
fn frame(tenth: i64, port: u16, payload: &[u8]) -> (FrameHead, Vec<u8>) {
    let mut bytes = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 7, 8, 0, 0x45, 0];
    let length = u16::try_from(payload.len()).unwrap();
    bytes.extend((length + 28).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 7, 192, 0, 2, 9]);
    bytes.extend(5_000_u16.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    bytes.extend((length + 8).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    let number = tenth.unsigned_abs();
    let wire_length = u32::try_from(bytes.len()).unwrap();
    let head = FrameHead {
        at: at(tenth),
        number,
        frame: number,
        link: LinkType::ETHERNET,
        wire_length,
        ..FrameHead::default()
    };
    (head, bytes)
}

fn media(tenth: i64) -> (FrameHead, Vec<u8>) {
    frame(tenth, 6_000, &[&[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[0xab; 1_388]].concat())
}

/// One whose payload is seen whole.
fn signalling(tenth: i64) -> (FrameHead, Vec<u8>) {
    frame(tenth, 53, &[7; 300])
}

/// An outage that cites frames, by their tenths.
fn finding(id: &str, cited: &[i64]) -> Finding {
    let evidence = cited.iter().map(|tenth| Evidence {
        time: rfc3339(at(*tenth)),
        input: Some(0),
        frame: Some(tenth.unsigned_abs()),
        protocol: None,
        text: format!("frame of tenth {tenth}"),
    });
    let first = rfc3339(at(cited[0]));
    let it = Finding { id: id.to_owned(), evidence: evidence.collect(), ..outputs::finding("critical") };
    Finding { detected: first.clone(), last_seen: first.clone(), first_seen: first, ..it }
}

fn camera(_: &str) -> Addresses {
    (BTreeSet::new(), BTreeSet::from([[192, 0, 2, 7].into()]))
}

fn start(dir: &Path, limits: Limits) -> (Recorder, Feed) {
    fs::create_dir_all(dir).unwrap();
    let say: Say = Arc::new(|what| println!("said {what}"));
    Recorder::start(dir, limits, vec!["eth1".to_owned()], (BEGAN, 1), &say).unwrap()
}

/// Leaves frames, as often as it takes.
fn record(recorder: &Recorder, feed: &Feed, frames: Vec<(FrameHead, Vec<u8>)>) {
    let due = recorder.status();
    let due = due.written + due.unwritten + frames.len() as u64;
    feed.offer(Arc::new(Made(frames)));
    until_it(recorder, &|status| status.written + status.unwritten >= due);
}

fn until_it(recorder: &Recorder, what: &dyn Fn(&Status) -> bool) {
    while !what(&recorder.status()) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// What a file holds: the numbers of its frames, and their kept and whole lengths.
fn held(path: &Path) -> Vec<(u64, usize, u32)> {
    let bytes = fs::read(path).unwrap();
    let mut file = WrittenFile::open(&bytes[..]).unwrap();
    let mut all = Vec::new();
    while let Some(frame) = file.next_frame().unwrap() {
        assert_eq!(frame.interface, "eth1");
        all.push((ring::said(frame.comment).0, frame.bytes.len(), frame.wire_length));
    }
    assert_eq!(file.whole(), bytes.len() as u64, "{} is torn", path.display());
    all
}

fn kept(dir: &Path, id: &str) -> Vec<Frozen> {
    let path = evidence(dir, id).unwrap().expect("it is frozen");
    frames(&fs::read(path).unwrap()[..]).unwrap()
}

#[test]
fn signalling_is_kept_whole_and_of_media_the_headers_as_its_comment_says() {
    for (media_bytes, media_kept) in [(0, 54), (100, 154), (2_000, 1_442)] {
        let folder = Folder::new();
        let (recorder, feed) = start(&folder.0, Limits { media_bytes, free_min: 0, ..Limits::default() });
        record(&recorder, &feed, vec![media(1), signalling(2)]);
        assert!(recorder.finish(PATIENCE));
        let [path] = &files(&folder.0.join("frames"))[..] else { panic!("one file") };
        assert_eq!(held(path), [(1, media_kept, 1_442), (2, 342, 342)]);
        let bytes = fs::read(path).unwrap();
        let mut file = WrittenFile::open(&bytes[..]).unwrap();
        let comment = file.next_frame().unwrap().unwrap().comment;
        assert_eq!(comment, "masked: 1388 bytes overwritten, checksums recomputed; frame 1 of eth1");
    }
}

#[test]
fn recent_frames_go_round_within_their_budget_and_their_age() {
    let folder = Folder::new();
    let limits = Limits { frames_bytes_max: 64 << 10, free_min: 0, ..Limits::default() };
    let (recorder, feed) = start(&folder.0, limits);
    let ring = folder.0.join("frames");
    for batch in 0..20 {
        record(&recorder, &feed, (batch * 50..batch * 50 + 50).map(|it| signalling(it / 10)).collect());
        let bytes: u64 = files(&ring).iter().map(|it| fs::metadata(it).unwrap().len()).sum();
        assert!(bytes <= limits.frames_bytes_max, "{bytes}");
    }
    let numbers: Vec<u64> = files(&ring).iter().flat_map(|it| held(it)).map(|(number, ..)| number).collect();
    assert!(numbers.is_sorted() && numbers.len() > 100, "{numbers:?}");
    assert!(numbers[0] > 50 && numbers.last() == Some(&99), "the oldest went: {numbers:?}");
    record(&recorder, &feed, vec![signalling(10 * 3_600 * 25)]);
    assert!(recorder.finish(PATIENCE));
    assert_eq!(files(&ring).len(), 1, "a day is over");
}

#[test]
fn what_is_behind_a_finding_stays_when_the_ring_has_gone_round_and_its_end_comes_to_it() {
    let folder = Folder::new();
    let limits = Limits { frames_bytes_max: 64 << 10, free_min: 0, ..Limits::default() };
    let (mut recorder, feed) = start(&folder.0, limits);
    record(&recorder, &feed, (0..60).map(signalling).collect());
    let mut it = finding("aa", &[40]);
    recorder.take(at(60), &[it.clone()], &camera);
    until_it(&recorder, &|status| status.findings == 1);
    let before = kept(&folder.0, "aa");
    let comments: Vec<_> = before.iter().filter(|it| it.frame == 40).map(|it| it.comment.as_str()).collect();
    let words = "evidence 1 of 1: frame of tenth 40; frame 40 of eth1";
    assert_eq!(comments, [format!("devices-offline-together aa, {words}")]);
    assert_eq!(before.iter().map(|it| it.frame).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    assert!(before[0].comment.ends_with(", context; frame 0 of eth1"), "{}", before[0].comment);

    for batch in 1..20 {
        record(&recorder, &feed, (0..50).map(|it| signalling(batch * 1_000 + it)).collect());
    }
    it.ended = Some(rfc3339(at(19_040)));
    recorder.take(at(19_050), &[it], &camera);
    assert!(recorder.finish(PATIENCE));
    let after = kept(&folder.0, "aa");
    assert_eq!(after[..before.len()], before[..], "it stays");
    let rest: Vec<_> = after[before.len()..].iter().map(|it| it.frame).collect();
    assert_eq!(rest, (19_000..19_050).collect::<Vec<_>>());
}

#[test]
fn a_frame_that_another_run_counted_is_not_taken_for_one_of_this() {
    let folder = Folder::new();
    let (mut recorder, feed) = start(&folder.0, Limits { free_min: 0, ..Limits::default() });
    record(&recorder, &feed, (0..60).map(signalling).collect());
    let mut it = finding("aa", &[-9_000, 50]);
    it.evidence[0].frame = Some(3);
    let nobody = |_: &str| Addresses::default();
    recorder.take(at(60), &[it, finding("bb", &[-9_000])], &nobody);
    assert!(recorder.finish(PATIENCE));
    assert_eq!(kept(&folder.0, "aa").iter().map(|it| it.frame).collect::<Vec<_>>(), [50]);
    assert!(evidence(&folder.0, "bb").unwrap().is_none(), "nothing of it is of this run");
}

#[test]
fn what_is_behind_a_finding_is_found_before_it_is_frozen_and_where_that_is_lost() {
    let folder = Folder::new();
    let (mut recorder, feed) = start(&folder.0, Limits { free_min: 0, ..Limits::default() });
    let it = finding("aa", &[40]);
    let ask = || behind(&folder.0, &it, &camera(""), &[BEGAN]).unwrap();
    assert_eq!((ask().frames, ask().gone, ask().since), (vec![], vec![1], None));
    record(&recorder, &feed, (0..60).map(signalling).collect());
    let found = ask();
    assert_eq!(found.frames.iter().map(|it| it.frame).collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    assert_eq!((found.cited, found.gone, found.since, found.left_out), (1, vec![], Some(at(0)), 0));
    let words = "devices-offline-together aa, evidence 1 of 1: frame of tenth 40; frame 40 of eth1";
    assert_eq!(found.frames[40].comment, words);
    recorder.take(at(60), std::slice::from_ref(&it), &camera);
    assert!(recorder.finish(PATIENCE));
    assert_eq!(kept(&folder.0, "aa"), found.frames, "so it is frozen");
    assert_eq!(ask().frames, found.frames, "nothing is there twice");
    let mut written = Vec::new();
    write(&mut written, &found.frames).unwrap();
    assert_eq!(frames(&written[..]).unwrap(), found.frames);
    fs::remove_file(evidence(&folder.0, "aa").unwrap().unwrap()).unwrap();
    assert_eq!(ask().frames, found.frames);
    fs::remove_dir_all(folder.0.join("frames")).unwrap();
    assert_eq!((ask().frames, ask().gone, ask().since), (vec![], vec![1], None));
}

#[test]
fn what_the_ring_let_go_of_is_told_to_be_gone_unless_it_was_frozen() {
    let folder = Folder::new();
    let limits = Limits { frames_bytes_max: 64 << 10, free_min: 0, ..Limits::default() };
    let (mut recorder, feed) = start(&folder.0, limits);
    record(&recorder, &feed, (0..60).map(signalling).collect());
    recorder.take(at(60), &[finding("aa", &[40])], &camera);
    until_it(&recorder, &|status| status.findings == 1);
    for batch in 1..20 {
        record(&recorder, &feed, (0..50).map(|it| signalling(batch * 1_000 + it)).collect());
    }
    let later = finding("aa", &[40, 19_040]);
    let found = behind(&folder.0, &later, &camera(""), &[BEGAN]).unwrap();
    let numbers: Vec<u64> = found.frames.iter().map(|it| it.frame).collect();
    assert_eq!(numbers, (0..60).chain(19_000..19_050).collect::<Vec<_>>());
    assert!(found.gone.is_empty() && found.since > Some(at(60)), "{:?}", found.since);
    fs::remove_file(evidence(&folder.0, "aa").unwrap().unwrap()).unwrap();
    let found = behind(&folder.0, &later, &camera(""), &[BEGAN]).unwrap();
    assert_eq!((found.frames.len(), found.cited, found.gone), (50, 2, vec![1]));
    assert!(recorder.finish(PATIENCE));
}

#[test]
fn each_run_of_the_ring_is_asked_for_what_it_counted_and_inputs_are_known_that_were_silent() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let say: Say = Arc::new(|what| println!("said {what}"));
    let runs = [BEGAN, at(2_000)];
    for began in runs {
        let names = vec!["eth0".to_owned(), "eth1".to_owned()];
        let limits = Limits { free_min: 0, ..Limits::default() };
        let (recorder, feed) = Recorder::start(&folder.0, limits, names, (began, 1), &say).unwrap();
        let of_second = |tenth: i64| {
            let (head, bytes) = signalling(tenth);
            (FrameHead { at: began + Span(head.at.0 - BEGAN.0), input: 1, ..head }, bytes)
        };
        record(&recorder, &feed, (0..60).map(of_second).collect());
        assert!(recorder.finish(PATIENCE));
    }
    let nobody = Addresses::default();
    let cites = |cited: &[(i64, u64)]| {
        let mut it = finding("aa", &cited.iter().map(|(tenth, _)| *tenth).collect::<Vec<_>>());
        for (evidence, (_, frame)) in it.evidence.iter_mut().zip(cited) {
            (evidence.input, evidence.frame) = (Some(1), Some(*frame));
        }
        let found = behind(&folder.0, &it, &nobody, &runs).unwrap();
        let frames = found.frames.iter().map(|it| (it.at, it.frame, it.input.clone()));
        (frames.collect::<Vec<_>>(), found.gone)
    };
    let frame = |tenth: i64, frame: u64| (at(tenth), frame, "eth1".to_owned());
    assert_eq!(cites(&[(40, 40)]), (vec![frame(40, 40)], vec![]));
    assert_eq!(cites(&[(2_040, 40)]), (vec![frame(2_040, 40)], vec![]));
    assert_eq!(cites(&[(41, 41), (2_040, 40)]), (vec![frame(41, 41), frame(2_040, 40)], vec![]));
    assert_eq!(cites(&[(40, 40), (1_000, 900)]), (vec![frame(40, 40)], vec![2]), "it was never recorded");
}

#[test]
fn evidence_that_is_too_much_goes_and_the_oldest_that_is_over_first() {
    let folder = Folder::new();
    let limits = Limits { findings_max: 3, free_min: 0, ..Limits::default() };
    let (mut recorder, feed) = start(&folder.0, limits);
    record(&recorder, &feed, (0..60).map(signalling).collect());
    let mut all = Vec::new();
    for (id, is_over) in [("aa", false), ("bb", true), ("cc", true), ("dd", false), ("ee", false)] {
        let ended = is_over.then(|| rfc3339(at(50)));
        all.push(Finding { ended, ..finding(id, &[40]) });
        recorder.take(at(60), &all, &camera);
        let count = all.len() as u64;
        until_it(&recorder, &|status| status.findings + status.let_go == count);
    }
    assert_eq!((recorder.status().findings, recorder.status().let_go), (3, 2));
    assert!(recorder.finish(PATIENCE));
    let left: Vec<_> = files(&folder.0.join("evidence"));
    let left: Vec<_> = left.iter().filter_map(|it| it.file_stem()?.to_str()).collect();
    assert_eq!(left, ["aa", "dd", "ee"]);
}

#[test]
fn what_the_recorder_is_too_slow_for_is_dropped_and_counted_and_nobody_waits() {
    struct Slow(Barrier);
    impl Frames for Slow {
        fn count(&self) -> usize {
            1
        }
        fn each(&self, _: &mut dyn FnMut(&FrameHead, &Peeled, &[u8])) {
            self.0.wait();
            self.0.wait();
        }
    }
    let folder = Folder::new();
    let (recorder, feed) = start(&folder.0, Limits { free_min: 0, ..Limits::default() });
    let slow = Arc::new(Slow(Barrier::new(2)));
    feed.offer(Arc::<Slow>::clone(&slow));
    slow.0.wait();
    // It is at work now, and its queue is empty.
    for _ in 0..QUEUE + 7 {
        feed.offer(Arc::new(Made(vec![signalling(1), signalling(2)])));
    }
    assert_eq!(recorder.status().dropped, 14);
    slow.0.wait();
    until_it(&recorder, &|status| status.written == QUEUE as u64 * 2);
    assert!(recorder.finish(PATIENCE));
}

#[test]
fn frames_that_make_the_recorder_panic_are_counted_and_those_after_them_are_kept() {
    struct Broken;
    impl Frames for Broken {
        fn count(&self) -> usize {
            3
        }
        fn each(&self, take: &mut dyn FnMut(&FrameHead, &Peeled, &[u8])) {
            Made(vec![signalling(1)]).each(take);
            panic!("a frame that goes wrong on purpose")
        }
    }
    let folder = Folder::new();
    let (recorder, feed) = start(&folder.0, Limits { free_min: 0, ..Limits::default() });
    feed.offer(Arc::new(Broken));
    feed.offer(Arc::new(Made(vec![signalling(2)])));
    until_it(&recorder, &|status| status.written == 2);
    assert_eq!(recorder.status().unwritten, 2);
    assert!(recorder.finish(PATIENCE));
    let [path] = &files(&folder.0.join("frames"))[..] else { panic!("one file") };
    assert_eq!(held(path).iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_segment_whose_writer_died_is_cut_behind_its_last_whole_frame_wherever_that_was() {
    let folder = Folder::new();
    let (recorder, feed) = start(&folder.0, Limits { free_min: 0, ..Limits::default() });
    record(&recorder, &feed, (0..4).map(signalling).collect());
    assert!(recorder.finish(PATIENCE));
    let [path] = &files(&folder.0.join("frames"))[..] else { panic!("one file") };
    let whole = fs::read(path).unwrap();
    let mut counts = BTreeSet::new();
    for cut in 0..whole.len() {
        fs::write(path, &whole[..cut]).unwrap();
        let ring = Ring::new(&folder.0, Limits::default(), Vec::new(), BEGAN, 1);
        assert!(ring.held() <= cut as u64);
        counts.insert(held(path).len());
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

/// Works where no room is left, and when there is some again. Its folder is a file system of its own.
#[test]
#[ignore = "needs a small file system, which another test makes"]
fn records_on_a_full_disk() {
    let dir = PathBuf::from(std::env::var_os(FOLDER).expect("it is started by another test"));
    let (ballast, store) = (dir.join("ballast"), dir.join("store"));
    let fill = || {
        let mut file = fs::File::create(&ballast).unwrap();
        while io::Write::write_all(&mut file, &[1; 4_096]).is_ok() {}
    };
    for free_min in [0, 512 << 10] {
        let limits = Limits { frames_bytes_max: 1 << 20, free_min, ..Limits::default() };
        let (mut recorder, feed) = start(&store, limits);
        record(&recorder, &feed, (0..600).map(signalling).collect());
        recorder.take(at(600), &[finding("aa", &[599])], &camera);
        until_it(&recorder, &|status| status.findings == 1);
        assert!(recorder.status().frames_bytes > 0);
        fill();
        let mut tenth = 600;
        while recorder.status().failing.is_none() {
            tenth += 100;
            record(&recorder, &feed, (tenth..tenth + 100).map(signalling).collect());
        }
        // Where room is left to others recent frames go first.
        until_it(&recorder, &|it| if free_min > 0 { it.frames_bytes == 0 } else { it.unwritten > 0 });
        assert_eq!(kept(&store, "aa").len(), 201, "what is open stays");
        fs::remove_file(&ballast).unwrap();
        while recorder.status().failing.is_some() {
            tenth += 100;
            record(&recorder, &feed, (tenth..tenth + 100).map(signalling).collect());
        }
        assert!(recorder.finish(PATIENCE));
        files(&store.join("frames")).iter().for_each(|path| drop(held(path)));
    }
}

#[test]
fn a_full_disk_stops_the_recorder_and_says_so_and_room_lets_it_go_on() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let dir = folder.0.to_str().unwrap();
    let script = format!("mount -t tmpfs -o size=3m tmpfs {dir} && exec \"$@\"");
    let may = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "tmpfs", dir]).output();
    if !may.is_ok_and(|it| it.status.success()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "must not be skipped in CI");
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh"]).arg(own);
    command.args(["--exact", "recorder::test::records_on_a_full_disk", "--ignored", "--nocapture"]);
    let ran = command.env(FOLDER, &folder.0).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("no frames are recorded, history and the watch go on"), "{said}");
    assert!(said.contains("said frames are recorded again"), "{said}");
}

/// When recording begins.
const BEGAN: Time = Time(1_795_000_000_000_000_000);
const PATIENCE: Duration = Duration::from_secs(60);
const FOLDER: &str = "SPANWATCH_TEST_FOLDER";
