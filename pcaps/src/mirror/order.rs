//! Frames in order of time, from pushes that come a little out of order.
//!
//! ```text
//!            | slice | slice | slice |       slices of SLICE_NS, the oldest first
//! push --->      bytes of frames, one behind another; entries that say when and where
//! release <--- entries of whole slices, sorted by time
//! ```
//!
//! Devices that are simulated one after another each run ahead of the others, a little and never more
//! than 2 seconds. Within a slice the frames lie as they were pushed and are sorted when they leave;
//! the memory of a slice that is empty is used again.

use std::collections::VecDeque;

/// Frames that wait for earlier ones, each with a note for whom they are handed to: the length on the wire
/// of captured bytes, or what a [`Form`](super::Form) must know of a whole frame.
///
/// A tunnel numbers its copies, so a form is written when frames are released, not when they are pushed.
#[derive(Debug)]
pub struct Order<T = u32> {
    /// Those that hold frames, by number.
    slices: VecDeque<Slice<T>>,
    /// Those that were emptied.
    spare: Vec<Slice<T>>,
    /// No frame before this can come any more.
    released: Option<i64>,
}

/// The frames of one slice of time.
#[derive(Debug)]
struct Slice<T> {
    number: i64,
    bytes: Vec<u8>,
    entries: Vec<Entry<T>>,
}

/// One frame in a slice.
#[derive(Debug)]
struct Entry<T> {
    at: i64,
    from: u32,
    to: u32,
    note: T,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { slices: VecDeque::new(), spare: Vec::new(), released: None }
    }
}

impl<T> Order<T> {
    /// Takes a frame of the time `at`.
    ///
    /// # Panics
    /// If frames up to `at` were released already: it comes too late.
    pub fn push(&mut self, at: i64, bytes: &[u8], note: T) {
        self.push_with(at, |out| {
            out.extend_from_slice(bytes);
            note
        });
    }

    /// Takes a frame that `write` appends to what it is given, returning the note; that spares a copy.
    ///
    /// # Panics
    /// If frames up to `at` were released already: it comes too late.
    pub fn push_with(&mut self, at: i64, write: impl FnOnce(&mut Vec<u8>) -> T) {
        assert!(self.released.is_none_or(|released| at >= released), "a frame that is too late: {at}");
        let slice = self.slice(at.div_euclid(SLICE_NS));
        let from = position(&slice.bytes);
        let note = write(&mut slice.bytes);
        let to = position(&slice.bytes);
        slice.entries.push(Entry { at, from, to, note });
    }

    /// Hands on all frames before `before`, in order of time, those of the same time as they were pushed.
    pub fn release(&mut self, before: i64, mut sink: impl FnMut(i64, &[u8], T)) {
        self.released = self.released.max(Some(before));
        let number = before.div_euclid(SLICE_NS);
        let whole = self.slices.partition_point(|slice| slice.number < number);
        for mut slice in self.slices.drain(..whole) {
            slice.release(None, &mut sink);
            self.spare.push(slice);
        }
        if let Some(slice) = self.slices.front_mut().filter(|slice| slice.number == number) {
            slice.release(Some(before), &mut sink);
        }
    }

    /// Hands on all that is left.
    pub fn finish(mut self, mut sink: impl FnMut(i64, &[u8], T)) {
        for slice in &mut self.slices {
            slice.release(None, &mut sink);
        }
    }

    /// The slice with this number, made if there is none.
    fn slice(&mut self, number: i64) -> &mut Slice<T> {
        let index = match self.slices.back() {
            Some(last) if last.number == number => self.slices.len() - 1,
            Some(last) if last.number > number => self.slices.partition_point(|slice| slice.number < number),
            _ => self.slices.len(),
        };
        if self.slices.get(index).is_none_or(|slice| slice.number != number) {
            let empty = Slice { number, bytes: Vec::new(), entries: Vec::new() };
            let slice = Slice { number, ..self.spare.pop().unwrap_or(empty) };
            self.slices.insert(index, slice);
        }
        &mut self.slices[index]
    }
}

impl<T> Slice<T> {
    /// Hands on the frames before a time, or all.
    fn release(&mut self, before: Option<i64>, sink: &mut impl FnMut(i64, &[u8], T)) {
        self.entries.sort_by_key(|entry| entry.at);
        let count = before
            .map_or(self.entries.len(), |before| self.entries.partition_point(|entry| entry.at < before));
        for entry in self.entries.drain(..count) {
            sink(entry.at, &self.bytes[entry.from as usize..entry.to as usize], entry.note);
        }
        if self.entries.is_empty() {
            self.bytes.clear();
        }
    }
}

fn position(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a slice of time holds less than 4 GiB")
}

/// Short enough that few frames are sorted at once and that they are still in the cache.
const SLICE_NS: i64 = 1_000_000;
