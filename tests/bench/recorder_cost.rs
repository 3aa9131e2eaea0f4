//! What it costs to record packets: `recorder_cost CAPTURE…` has every packet of captures recorded, in their order, into a
//! temporary folder.
//!
//! It prints a Markdown table, a row for a capture: frames, their bytes, bytes on disk for each, and the processor time that the
//! recorder's thread took for each (the median of all rounds, least and most in brackets), with what one processor holds by that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use spanwatch_appliance::outputs::Say;
use spanwatch_appliance::recorder::{Frames, Limits, Recorder};
use spanwatch_capture::{Batch, FrameHead, Inputs, Reader, Source};
use spanwatch_engine::peel::{Peeled, Peeler};
use spanwatch_parsers::Time;

/// Frames as a watch leaves them to its recorder.
struct Round {
    batch: Batch,
    peeled: Vec<Peeled>,
}

impl Frames for Round {
    fn count(&self) -> usize {
        self.peeled.len()
    }

    fn each(&self, take: &mut dyn FnMut(&FrameHead, &Peeled, &[u8])) {
        self.batch.frames().zip(&self.peeled).for_each(|((head, bytes), peeled)| take(head, peeled, bytes));
    }
}

fn main() {
    println!(
        "| capture | frames | bytes a frame | on disk | recorder, ns a frame | frames a second of one processor |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let rounds = read(&path);
        let frames: usize = rounds.iter().map(|round| round.count()).sum();
        let bytes: usize = rounds.iter().map(|round| round.batch.bytes()).sum();
        let mut took: Vec<(f64, u64)> = (0..ROUNDS).map(|_| recorded(&rounds, frames)).collect();
        took.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ns, on_disk) = took[ROUNDS / 2];
        println!(
            "| {} | {frames} | {} | {} | {ns:.0} ({:.0}-{:.0}) | {:.0} |",
            path.file_name().unwrap_or_default().display(),
            bytes / frames.max(1),
            on_disk / frames.max(1) as u64,
            took[0].0,
            took[ROUNDS - 1].0,
            1e9 / ns,
        );
    }
}

/// Nanoseconds of the recorder's thread for each frame, and bytes on disk.
fn recorded(rounds: &[Arc<Round>], frames: usize) -> (f64, u64) {
    let dir = std::env::temp_dir().join(format!("spanwatch-recorder-cost-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a temporary folder");
    let limits = Limits { frames_bytes_max: 1 << 30, free_min: 0, ..Limits::default() };
    let say: Say = Arc::new(|what| eprintln!("{what}"));
    let names = vec!["eth1".to_owned()];
    let (recorder, feed) = Recorder::start(&dir, limits, names, (Time(0), 1), &say).expect("a thread");
    let mut given = 0;
    for round in rounds {
        feed.offer(Arc::<Round>::clone(round));
        given += round.count() as u64;
        while given.saturating_sub(recorder.status().written) > AHEAD {
            sleep(Duration::from_millis(1));
        }
    }
    while recorder.status().written < frames as u64 {
        sleep(Duration::from_millis(10));
    }
    let (used, on_disk) = (processor_ns(), recorder.status().frames_bytes);
    assert!(recorder.status().dropped == 0 && recorder.finish(Duration::from_secs(60)));
    fs::remove_dir_all(&dir).expect("it is ours");
    (used as f64 / frames as f64, on_disk)
}

/// Nanoseconds of processor time that the recorder's thread took so far (proc(5): `schedstat`).
fn processor_ns() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("proc").map(|it| it.expect("a thread").path());
    let is_it = |thread: &PathBuf| {
        fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == "recorder")
    };
    let recorder = threads.into_iter().find(is_it).expect("it runs");
    let told = fs::read_to_string(recorder.join("schedstat")).expect("it runs");
    told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
}

/// The first frames of a capture, peeled.
fn read(path: &Path) -> Vec<Arc<Round>> {
    let mut reader = Reader::new(Inputs::find(&[path]).expect("a capture"), None).without_hashes();
    let (mut peeler, mut rounds, mut frames) = (Peeler::new(), Vec::new(), 0);
    while frames < FRAMES_MAX {
        let mut batch = Batch::default();
        if !reader.fill(&mut batch).expect("it can be read") {
            break;
        }
        let peel =
            |(head, bytes): (&FrameHead, &[u8])| peeler.peel(head.link, head.at, bytes, head.wire_length);
        let peeled: Vec<Peeled> = batch.frames().map(peel).collect();
        frames += peeled.len();
        rounds.push(Arc::new(Round { batch, peeled }));
    }
    rounds
}

const ROUNDS: usize = 5;
/// As many as memory holds anywhere.
const FRAMES_MAX: usize = 300_000;
/// Frames by which it may be behind: half of its queue.
const AHEAD: u64 = 128 * 256;
