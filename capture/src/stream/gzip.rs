//! gzip, member after member, giving every byte before damage.
//!
//! ```text
//! member 0    2        3       4      8       9    10
//!        | id | method | flags | time | extra | os | [extra field] [name] [comment] [crc16] deflate… | crc32 | length |
//! ```
//!
//! Source: RFC 1952. Zeros behind the last member are padding.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Unpacks gzip from `input`.
#[derive(Debug)]
pub(super) struct Gzip<R> {
    input: R,
    state: State,
    inflate: Decompress,
    crc: Crc,
}

/// ```text
/// Header --> Body --> Trailer --> Header … --> End
///   \---------\---------\--> Failed --> End
/// ```
#[derive(Debug, Clone, Copy)]
enum State {
    Header { is_first: bool },
    Body,
    Trailer,
    Failed(&'static str),
    End,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            state: State::Header { is_first: true },
            inflate: Decompress::new(false),
            crc: Crc::new(),
        }
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

    /// Reads a member's header; says what follows it.
    fn header(&mut self, is_first: bool) -> io::Result<State> {
        let mut next = self.byte()?;
        if !is_first {
            while next == Some(0) {
                next = self.byte()?;
            }
        }
        match next {
            None if !is_first => return Ok(State::End),
            Some(0x1f) if self.byte()? == Some(0x8b) && self.byte()? == Some(DEFLATE) => {}
            _ => return Ok(State::Failed("bytes that are no gzip member follow the compressed data")),
        }
        match self.rest_of_header() {
            Ok(()) => {
                self.inflate.reset(false);
                self.crc.reset();
                Ok(State::Body)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(State::Failed(EARLY)),
            Err(error) => Err(error),
        }
    }

    fn rest_of_header(&mut self) -> io::Result<()> {
        let [flags, ..] = self.bytes::<7>()?;
        if flags & HAS_EXTRA != 0 {
            for _ in 0..u16::from_le_bytes(self.bytes()?) {
                self.bytes::<1>()?;
            }
        }
        for text in [HAS_NAME, HAS_COMMENT] {
            while flags & text != 0 && self.bytes()? != [0] {}
        }
        if flags & HAS_CRC != 0 {
            self.bytes::<2>()?;
        }
        Ok(())
    }

    /// Unpacks into `out`; says how much, and what follows.
    fn body(&mut self, out: &mut [u8]) -> io::Result<(usize, State)> {
        let input = self.input.fill_buf()?;
        let is_over = input.is_empty();
        let (used, made) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self.inflate.decompress(input, out, FlushDecompress::None);
        let used = self.inflate.total_in().saturating_sub(used) as usize;
        let made = self.inflate.total_out().saturating_sub(made) as usize;
        self.input.consume(used);
        self.crc.update(out.get(..made).unwrap_or_default());
        let next = match result {
            Ok(Status::StreamEnd) => State::Trailer,
            Ok(_) if is_over && made == 0 => State::Failed(EARLY),
            Ok(_) if used > 0 || made > 0 => State::Body,
            _ => State::Failed("the gzip data are damaged"),
        };
        Ok((made, next))
    }

    fn trailer(&mut self) -> io::Result<State> {
        match self.bytes::<8>() {
            Ok([a, b, c, d, length @ ..]) => {
                let is_sound = self.crc.sum() == u32::from_le_bytes([a, b, c, d])
                    && self.crc.amount() == u32::from_le_bytes(length);
                Ok(if is_sound {
                    State::Header { is_first: false }
                } else {
                    State::Failed("the gzip checksum differs: the data before it were changed")
                })
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(State::Failed(EARLY)),
            Err(error) => Err(error),
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Header { is_first } => self.state = self.header(is_first)?,
                State::Body => {
                    let (made, next) = self.body(out)?;
                    self.state = next;
                    if made > 0 {
                        return Ok(made);
                    }
                }
                State::Trailer => self.state = self.trailer()?,
                State::Failed(text) => {
                    self.state = State::End;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                State::End => return Ok(0),
            }
        }
    }
}

const EARLY: &str = "the gzip data end early";
const DEFLATE: u8 = 8;
const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
