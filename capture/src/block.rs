//! A stream seen through big recycled buffers: [`Window`] over [`Block`]s of a [`Pool`].
//!
//! ```text
//! block 1  | record | record | rec          a record that does not fit is copied
//!                             '--.           to the front of the next block
//! block 2                     | record | record | …
//! ```
//!
//! Frames are positions in a block. A block is filled while nobody else sees
//! it, then only read, and its buffer goes back to the pool when the last
//! batch that points into it is dropped: memory does not grow with the file.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex};

/// Buffers that wait to be used again.
#[derive(Debug)]
pub(crate) struct Pool {
    size: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// Makes a pool of buffers of `size` bytes each.
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self { size, free: Mutex::new(Vec::new()) })
    }

    /// Takes a block of the pool's size, or of `least` bytes where that is more.
    pub(crate) fn take(self: &Arc<Self>, least: usize) -> Block {
        let recycled =
            if least <= self.size { self.free.lock().ok().and_then(|mut f| f.pop()) } else { None };
        let bytes = recycled.unwrap_or_else(|| vec![0; least.max(self.size)]);
        Block { bytes, pool: Arc::clone(self) }
    }

    fn give(&self, buffer: Vec<u8>) {
        if buffer.len() != self.size {
            return;
        }
        if let Ok(mut free) = self.free.lock()
            && free.len() < FREE_MAX
        {
            free.push(buffer);
        }
    }
}

/// One buffer, filled once and read by many.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl Block {
    /// The bytes from `start`, `length` of them; empty where the block is shorter.
    pub(crate) fn slice(&self, start: usize, length: usize) -> &[u8] {
        start.checked_add(length).and_then(|end| self.bytes.get(start..end)).unwrap_or_default()
    }
}

impl Block {
    /// The bytes from `start` to the end, to be filled while nobody else sees them.
    pub(crate) fn room(&mut self, start: usize) -> &mut [u8] {
        self.bytes.get_mut(start..).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.bytes));
    }
}

/// A place in a stream, with as many bytes ahead of it in view as one asks for.
#[derive(Debug)]
pub(crate) struct Window<R> {
    source: R,
    pool: Arc<Pool>,
    block: Arc<Block>,
    at: usize,
    end: usize,
    offset: u64,
    is_over: bool,
    failure: Option<String>,
}

impl<R: Read> Window<R> {
    /// Looks at the front of `source`.
    pub(crate) fn new(source: R, pool: &Arc<Pool>) -> Self {
        Self {
            source,
            block: Arc::new(Block { bytes: Vec::new(), pool: Arc::clone(pool) }),
            pool: Arc::clone(pool),
            at: 0,
            end: 0,
            offset: 0,
            is_over: false,
            failure: None,
        }
    }

    /// Bytes passed since the front of the stream.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `n` bytes in one piece; `None` where the stream ends before.
    #[inline]
    pub(crate) fn peek(&mut self, n: usize) -> Option<&[u8]> {
        if self.in_view() < n {
            self.load(n);
        }
        (self.in_view() >= n).then(|| self.block.slice(self.at, n))
    }

    /// The bytes in view, without reading on.
    #[inline]
    pub(crate) fn view(&self) -> &[u8] {
        self.block.slice(self.at, self.in_view())
    }

    /// How many bytes are in view without reading on; after [`Window::peek`]
    /// said `None`, all that are left.
    pub(crate) const fn in_view(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Passes `n` bytes that are in view.
    pub(crate) fn pass(&mut self, n: usize) {
        let n = n.min(self.in_view());
        self.at = self.at.saturating_add(n);
        self.offset = self.offset.saturating_add(n as u64);
    }

    /// Passes `n` bytes, in view or not; tells whether there were so many.
    pub(crate) fn skip(&mut self, mut n: usize) -> bool {
        loop {
            let step = n.min(self.in_view());
            self.pass(step);
            n = n.saturating_sub(step);
            if n == 0 {
                return true;
            }
            if self.peek(1).is_none() {
                return false;
            }
        }
    }

    /// The block that holds the bytes in view.
    pub(crate) const fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Where in the block the next byte is.
    pub(crate) const fn place(&self) -> usize {
        self.at
    }

    /// Why the stream ended, where that was not its own end.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The stream, read a little further than the window was moved.
    pub(crate) const fn source(&self) -> &R {
        &self.source
    }

    /// The stream, to be changed but not read.
    pub(crate) const fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// Gives the stream back.
    pub(crate) fn into_source(self) -> R {
        self.source
    }

    /// Brings at least `n` bytes in view, where the stream has them.
    #[cold]
    fn load(&mut self, n: usize) {
        if self.is_over {
            return;
        }
        let left = self.in_view();
        // Half as much again, or a search byte by byte would copy all of it at every step.
        let n = n.saturating_add(n >> 1);
        match Arc::get_mut(&mut self.block) {
            Some(block) if block.bytes.len() >= n => block.bytes.copy_within(self.at..self.end, 0),
            _ => {
                let mut block = self.pool.take(n);
                if let Some(front) = block.bytes.get_mut(..left) {
                    front.copy_from_slice(self.block.slice(self.at, left));
                }
                self.block = Arc::new(block);
            }
        }
        self.at = 0;
        self.end = left;
        let Some(block) = Arc::get_mut(&mut self.block) else { return };
        while let Some(room) = block.bytes.get_mut(self.end..).filter(|room| !room.is_empty()) {
            match self.source.read(room) {
                Ok(0) => self.is_over = true,
                Ok(read) => self.end = self.end.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_over = true;
                    self.failure = Some(error.to_string());
                }
            }
            if self.is_over {
                return;
            }
        }
    }
}

/// The most free buffers a pool keeps; what is more was a burst.
const FREE_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(pool: &Arc<Pool>, bytes: &'static [u8]) -> Window<&'static [u8]> {
        Window::new(bytes, pool)
    }

    #[test]
    fn peek_crosses_blocks() {
        let pool = Pool::new(4);
        let mut window = window(&pool, b"abcdefghij");
        assert_eq!(window.peek(3), Some(&b"abc"[..]));
        window.pass(3);
        assert_eq!(window.peek(3), Some(&b"def"[..]));
        window.pass(2);
        assert_eq!((window.offset(), window.peek(5)), (5, Some(&b"fghij"[..])));
        assert_eq!(window.peek(6), None);
        assert_eq!(window.in_view(), 5);
    }

    #[test]
    fn shared_block_is_not_overwritten() {
        let pool = Pool::new(4);
        let mut window = window(&pool, b"abcdefgh");
        window.peek(4).unwrap();
        let kept = Arc::clone(window.block());
        window.pass(4);
        assert_eq!(window.peek(4), Some(&b"efgh"[..]));
        assert_eq!(kept.slice(0, 4), b"abcd");
    }

    #[test]
    fn buffers_return_to_the_pool() {
        let pool = Pool::new(6);
        let mut window = window(&pool, b"abcdefghijkl");
        window.peek(4).unwrap();
        let kept = Arc::clone(window.block());
        window.pass(4);
        window.peek(4).unwrap();
        assert_eq!(pool.free.lock().unwrap().len(), 0);
        drop(kept);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }

    /// Counts how often it is read from.
    struct Counted<'a>(&'a [u8], usize);

    impl Read for Counted<'_> {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            self.1 += 1;
            self.0.read(room)
        }
    }

    #[test]
    fn search_far_ahead_does_not_read_byte_by_byte() {
        let bytes = [7; 10_000];
        let mut window = Window::new(Counted(&bytes, 0), &Pool::new(64));
        for n in 1..=5_000 {
            assert!(window.peek(n).is_some());
        }
        assert!(window.source().1 < 1_000, "looking ever further took {} reads", window.source().1);
        let before = window.source().1;
        for _ in 0..5_000 {
            window.pass(1);
            assert!(window.peek(5_000).is_some());
        }
        assert!(window.source().1 - before < 1_000, "moving on took {} reads", window.source().1 - before);
    }

    #[test]
    fn skip_says_whether_there_was_so_much() {
        let pool = Pool::new(4);
        let mut window = window(&pool, b"abcdefghij");
        assert!(window.skip(9));
        assert_eq!(window.peek(1), Some(&b"j"[..]));
        assert!(!window.skip(2));
        assert_eq!(window.offset(), 10);
    }
}
