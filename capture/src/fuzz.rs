//! The capture readers by themselves, for fuzzing.

use std::io::Read;

use crate::FRAME_MAX;
use crate::block::{Pool, Window};
use crate::format::{Format, Frame};
use crate::harm::Harm;
use crate::pcap::Pcap;
use crate::pcapng::Pcapng;

/// Reads `source` as pcap; gives the frames in it and their captured bytes.
pub fn pcap(source: impl Read) -> (u64, u64) {
    let (mut window, mut harm) = (Window::new(source, &Pool::new(BLOCK)), Harm::default());
    match Pcap::start(&mut window, &mut harm) {
        Some(pcap) => drain(Format::Pcap(pcap), window, harm),
        None => (0, 0),
    }
}

/// Reads `source` as pcapng; gives the frames in it and their captured bytes.
pub fn pcapng(source: impl Read) -> (u64, u64) {
    let (window, harm) = (Window::new(source, &Pool::new(BLOCK)), Harm::default());
    drain(Format::Pcapng(Box::<Pcapng>::default()), window, harm)
}

fn drain<R: Read>(mut format: Format, mut window: Window<R>, mut harm: Harm) -> (u64, u64) {
    let (mut frames, mut bytes) = (0_u64, 0_u64);
    while let Some(Frame { start, length, .. }) = format.next(&mut window, &mut harm) {
        frames = frames.saturating_add(1);
        let frame = window.block().slice(start, length);
        assert_eq!(frame.len(), length, "a frame lies in its block");
        assert!(length <= FRAME_MAX as usize, "no frame has more than {FRAME_MAX} bytes");
        bytes = bytes.saturating_add(frame.len() as u64);
    }
    (frames, bytes)
}

/// Small, so that many frames cross blocks.
const BLOCK: usize = 4096;
