//! Memory does not grow with what is read.

mod support;

use std::fs;
use std::io::Read;

use spanwatch_capture::{Batch, Inputs, Reader, Source};
use support::forge::*;

/// A capture that is made as it is read, `left` records long.
struct Endless {
    ready: Vec<u8>,
    at: usize,
    left: u32,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.ready.len() && self.left > 0 {
            self.left -= 1;
            self.ready = record(Order::Little, self.left, 0, &[0x55; 1_400]);
            self.at = 0;
        }
        let read = (&self.ready[self.at..]).read(out)?;
        self.at += read;
        Ok(read)
    }
}

/// The most memory this process ever had, in kilobytes.
fn peak_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn read(records: u32) -> u64 {
    let source = Endless { ready: pcap(Order::Little, MICRO, 65_535, 1), at: 0, left: records };
    let mut reader = Reader::new(Inputs::stream("endless", Box::new(source)).unwrap(), None);
    // As many batches on their way as a pipeline may have.
    let mut batches: Vec<_> = std::iter::repeat_with(Batch::default).take(8).collect();
    let mut frames = 0;
    for turn in 0.. {
        let batch = &mut batches[turn % 8];
        if !reader.fill(batch).unwrap() {
            break;
        }
        frames += batch.len() as u64;
    }
    assert_eq!(frames, u64::from(records));
    peak_kb()
}

#[test]
fn memory_is_the_same_for_ten_times_as_much() {
    let small = read(30_000);
    let large = read(300_000);
    assert!(large < small + 2_048, "{small} kB for 40 MB, {large} kB for 400 MB");
    assert!(large < 40_000, "{large} kB");
}
