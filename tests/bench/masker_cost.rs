//! What it costs to mask frames before they are written: `masker_cost CAPTURE…` masks every frame of captures, in their order.
//!
//! It prints a Markdown table, a row for a capture: frames, bytes overwritten, nanoseconds for each frame (the median of all
//! rounds, least and most in brackets) and for each byte, and beside it the time to copy the frames, which masking begins with.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use spanwatch_capture::{Batch, Inputs, Reader, Source};
use spanwatch_engine::mask::Masker;
use spanwatch_engine::peel::{Peeled, Peeler};
use spanwatch_parsers::{LinkType, Time};

/// A frame as it was captured.
struct Frame {
    link: LinkType,
    at: Time,
    peeled: Peeled,
    bytes: Vec<u8>,
}

fn main() {
    println!(
        "| capture | frames | bytes a frame | overwritten | mask, ns a frame | ns a byte | copy, ns a frame |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let frames = read(&path);
        if frames.is_empty() {
            continue;
        }
        let (mut mask, mut copy, mut overwritten) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (masked, ns) = masked(&frames);
            overwritten = masked;
            mask.push(ns);
            copy.push(copied(&frames));
        }
        mask.sort_by(f64::total_cmp);
        copy.sort_by(f64::total_cmp);
        let bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        let each = bytes as f64 / frames.len() as f64;
        let median = mask[ROUNDS / 2];
        println!(
            "| {} | {} | {each:.0} | {:.0} % | {median:.0} ({:.0}-{:.0}) | {:.2} | {:.0} |",
            path.file_name().unwrap_or_default().display(),
            frames.len(),
            overwritten as f64 * 100.0 / bytes as f64,
            mask[0],
            mask[ROUNDS - 1],
            median / each,
            copy[ROUNDS / 2],
        );
    }
}

/// Bytes overwritten, and nanoseconds for each frame.
fn masked(frames: &[Frame]) -> (usize, f64) {
    let (mut masker, mut bytes, mut overwritten) = (Masker::new(1), Vec::new(), 0);
    let start = Instant::now();
    for frame in frames {
        bytes.clear();
        bytes.extend_from_slice(&frame.bytes);
        overwritten += masker.mask(frame.link, frame.at, &frame.peeled, &mut bytes).bytes;
        black_box(&bytes);
    }
    (overwritten, start.elapsed().as_nanos() as f64 / frames.len() as f64)
}

fn copied(frames: &[Frame]) -> f64 {
    let mut bytes = Vec::new();
    let start = Instant::now();
    for frame in frames {
        bytes.clear();
        bytes.extend_from_slice(&frame.bytes);
        black_box(&bytes);
    }
    start.elapsed().as_nanos() as f64 / frames.len() as f64
}

/// The first frames of a capture, peeled.
fn read(path: &PathBuf) -> Vec<Frame> {
    let mut reader = Reader::new(Inputs::find(&[path]).expect("a capture"), None).without_hashes();
    let (mut peeler, mut batch, mut frames) = (Peeler::new(), Batch::default(), Vec::new());
    while frames.len() < FRAMES_MAX && reader.fill(&mut batch).expect("it can be read") {
        frames.extend(batch.frames().map(|(head, bytes)| Frame {
            link: head.link,
            at: head.at,
            peeled: peeler.peel(head.link, head.at, bytes, head.wire_length),
            bytes: bytes.to_vec(),
        }));
        batch.clear();
    }
    frames
}

const ROUNDS: usize = 9;
/// As many as memory holds anywhere.
const FRAMES_MAX: usize = 300_000;
