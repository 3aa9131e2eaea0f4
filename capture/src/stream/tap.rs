//! A file or pipe as given: [`Tap`] counts its bytes and, where that is asked for, hashes them on the way.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::Bound;

/// The bytes of an input before anything is unpacked.
pub(crate) struct Tap {
    source: Box<dyn Read + Send>,
    hasher: Option<Sha256>,
    bytes: u64,
    progress: Option<Arc<AtomicU64>>,
    bound: Option<Bound>,
}

/// What an input is, once it was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    /// In lower-case hexadecimal; `None` where nothing was to be hashed.
    pub(crate) sha256: Option<String>,
    pub(crate) bytes: u64,
}

impl Tap {
    /// Reads `source`, without a hash.
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, hasher: None, bytes: 0, progress: None, bound: None }
    }

    /// Hashes what is read.
    pub(crate) fn hashed(mut self) -> Self {
        self.hasher = Some(Sha256::new());
        self
    }

    /// Bounds what it unpacks to.
    pub(crate) fn bounded(mut self, bound: Option<Bound>) -> Self {
        self.bound = bound;
        self
    }

    pub(crate) const fn bound(&self) -> Option<&Bound> {
        self.bound.as_ref()
    }

    /// Hashes no more, and forgets what was hashed.
    pub(crate) fn unhash(&mut self) {
        self.hasher = None;
    }

    /// Adds what is read, and what was read before, to `progress`.
    pub(crate) fn report_to(&mut self, progress: &Arc<AtomicU64>) {
        progress.fetch_add(self.bytes, Ordering::Relaxed);
        self.progress = Some(Arc::clone(progress));
    }

    /// Bytes read so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads on to the end, or to the first error, and tells what it was.
    pub(crate) fn finish(mut self) -> Digest {
        let mut buffer = vec![0; DRAIN];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
                _ => {}
            }
        }
        Digest { sha256: self.hasher.map(|hasher| hex(&hasher.finalize())), bytes: self.bytes }
    }
}

impl Read for Tap {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        let new = out.get(..read).unwrap_or_default();
        if let Some(hasher) = &mut self.hasher {
            hasher.update(new);
        }
        self.bytes = self.bytes.saturating_add(read as u64);
        if let Some(progress) = &self.progress {
            progress.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Bytes read at a time where only the hash is wanted.
const DRAIN: usize = 64 << 10;
