//! Reads captures and says how many frames and bytes they hold; to be timed from outside.
//!
//! `throughput PATH…` reads as the product does; `throughput --bare FILE` reads
//! one file's frames alone, without a hash, a merge or batches.

use std::error::Error;
use std::fs::File;

use spanwatch_capture::{Batch, Inputs, Reader, Source, fuzz};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [bare, file] = arguments.as_slice()
        && bare == "--bare"
    {
        let (frames, bytes) = match fuzz::pcap(File::open(file)?) {
            (0, _) => fuzz::pcapng(File::open(file)?),
            counted => counted,
        };
        println!("{frames} frames, {bytes} bytes");
        return Ok(());
    }
    let mut reader = Reader::new(Inputs::find(&arguments)?, None);
    let mut batch = Batch::default();
    let (mut frames, mut bytes) = (0, 0);
    while reader.fill(&mut batch)? {
        for (_, frame) in batch.frames() {
            frames += 1;
            bytes += frame.len();
        }
    }
    println!("{frames} frames, {bytes} bytes");
    for report in reader.finish()? {
        println!("{:?} {} {} {:?}", report.sha256, report.format, report.name, report.error);
    }
    Ok(())
}
