//! The capture readers: any file ends, and says the same however it is delivered.
//!
//! The input is the file.

use std::io::{self, ErrorKind, Read};

use spanwatch_capture::FRAME_MAX;
use spanwatch_capture::fuzz;

/// Holds a classic capture to the laws.
///
/// # Panics
/// Where a law is broken.
pub fn pcap(file: &[u8]) {
    hold(file, |source| fuzz::pcap(source));
}

/// Holds a pcapng capture to the laws.
///
/// # Panics
/// Where a law is broken.
pub fn pcapng(file: &[u8]) {
    hold(file, |source| fuzz::pcapng(source));
}

fn hold(file: &[u8], read: impl Fn(&mut dyn Read) -> (u64, u64)) {
    let whole = read(&mut &*file);
    let (frames, bytes) = whole;
    let length = file.len() as u64;
    assert!(bytes <= length, "{frames} frames of {bytes} bytes come from a file of {length}");
    assert!(frames <= length / RECORD_MIN, "{frames} frames come from a file of {length} bytes");
    let dripped = read(&mut Drip { rest: file, turn: 0, ending: Ending::Good });
    assert_eq!(whole, dripped, "a slow source gives the same");
    let (frames, bytes) = read(&mut Drip { rest: file, turn: 0, ending: Ending::Failure });
    assert!(frames <= whole.0 && bytes <= whole.1, "a source that fails gives no more");
    if file.len().is_multiple_of(LONG_ONE_IN) {
        let filler = FILLERS[file.len() / LONG_ONE_IN % FILLERS.len()];
        let (frames, bytes) = read(&mut file.chain(io::repeat(filler).take(LONG)));
        assert!(bytes <= frames * u64::from(FRAME_MAX), "{frames} frames have {bytes} bytes");
    }
}

/// A source that gives a few bytes at a time, is interrupted now and then, and may fail at the end.
struct Drip<'a> {
    rest: &'a [u8],
    turn: usize,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    Good,
    Failure,
}

impl Read for Drip<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(5) {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.rest.is_empty() && matches!(self.ending, Ending::Failure) {
            return Err(io::Error::other("the source fails"));
        }
        let n = (self.turn % 13 + 1).min(room.len());
        self.rest.read(&mut room[..n])
    }
}

/// No record is shorter: a header of classic captures, an empty simple packet of pcapng.
const RECORD_MIN: u64 = 16;

/// Longer than the longest frame, so that one can be promised that is too long.
const LONG: u64 = FRAME_MAX as u64 + (64 << 10);

/// Such files take long to read, and what they try depends little on what stands before.
const LONG_ONE_IN: usize = 61;
const FILLERS: [u8; 3] = [0, 0x20, 0xff];
