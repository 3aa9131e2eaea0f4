//! Zstandard, frame after frame, giving every byte before damage.
//!
//! The decoder is given one of zstd's own blocks at a time, as it asks for
//! them, so that a damaged block takes no sound one with it. Skippable frames
//! are skipped; a window above the format's recommended 128 MiB is refused.
//!
//! Source: RFC 8878.

use std::fmt;
use std::io::{self, BufRead, Read};

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Unpacks zstd from `input`.
pub(super) struct Zstd<R> {
    input: R,
    decoder: Decoder<'static>,
    /// Bytes the decoder wants next; 0 between frames.
    wanted: usize,
    is_over: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Sets a decoder up.
    ///
    /// # Errors
    /// Where the decoder finds no memory.
    pub(super) fn new(input: R) -> io::Result<Self> {
        Ok(Self { input, decoder: Decoder::new()?, wanted: 0, is_over: false })
    }

    pub(super) const fn input(&self) -> &R {
        &self.input
    }

    pub(super) const fn input_mut(&mut self) -> &mut R {
        &mut self.input
    }

    pub(super) fn into_input(self) -> R {
        self.input
    }

    /// Unpacks one step into `out`; `None` at the end.
    fn step(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        let input = self.input.fill_buf()?;
        if input.is_empty() && self.wanted == 0 {
            return Ok(None);
        }
        let next = input.get(..self.wanted.max(FIRST).min(input.len())).unwrap_or_default();
        let is_end = next.is_empty();
        let mut given = InBuffer::around(next);
        let mut made = OutBuffer::around(out);
        self.wanted = self.decoder.run(&mut given, &mut made).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the zstd data are damaged: {error}"))
        })?;
        let (used, made) = (given.pos(), made.pos());
        self.input.consume(used);
        if is_end && made == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the zstd data end early"));
        }
        Ok(Some(made))
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.is_over || out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.step(out) {
                Ok(Some(0)) => {}
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {
                    self.is_over = true;
                    return Ok(0);
                }
                Err(error) => {
                    self.is_over = true;
                    return Err(error);
                }
            }
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Zstd<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").field("input", &self.input).finish_non_exhaustive()
    }
}

/// Bytes given to a new frame, before its decoder says what it wants: what the shortest frame has.
const FIRST: usize = 6;
