//! Frames to a capture file: [`PcapngWriter`].
//!
//! One section in little-endian order, time in nanoseconds, enhanced packet
//! blocks with a comment where one is given. See [`crate`]'s reader of the same
//! format for the layout of blocks.

use std::io::{self, Write};

use spanwatch_parsers::{LinkType, Time};

/// Writes frames as pcapng.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    interfaces: u32,
    /// Room for its header, and its body as far as that is gathered.
    block: Vec<u8>,
    written: u64,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a section that names `application` as its writer.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: W, application: &str) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: 0, block: vec![0; HEADER], written: 0 };
        writer.block.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        writer.block.extend_from_slice(&1_u16.to_le_bytes());
        writer.block.extend_from_slice(&0_u16.to_le_bytes());
        writer.block.extend_from_slice(&(-1_i64).to_le_bytes());
        writer.option(SECTION_APPLICATION, application.as_bytes());
        writer.end_options();
        writer.write_block(SECTION)?;
        Ok(writer)
    }

    /// Adds an interface; gives the number that frames name it by.
    ///
    /// # Errors
    /// What `out` says; `InvalidInput` for a link type above 65535.
    pub fn interface(&mut self, link: LinkType, snaplen: u32, name: &str) -> io::Result<u32> {
        let number = u16::try_from(link.0).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.block.extend_from_slice(&number.to_le_bytes());
        self.block.extend_from_slice(&0_u16.to_le_bytes());
        self.block.extend_from_slice(&snaplen.to_le_bytes());
        if !name.is_empty() {
            self.option(INTERFACE_NAME, name.as_bytes());
        }
        self.option(INTERFACE_UNIT, &[NANOSECONDS]);
        self.end_options();
        self.write_block(INTERFACE)?;
        let id = self.interfaces;
        self.interfaces = self.interfaces.saturating_add(1);
        Ok(id)
    }

    /// Adds a frame. A time before 1970 is written as 1970; a comment is cut at 65,535 bytes.
    ///
    /// # Errors
    /// What `out` says; `InvalidInput` for an interface that was not added.
    pub fn frame(&mut self, head: WrittenFrame<'_>) -> io::Result<()> {
        if head.interface >= self.interfaces {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let ticks = u64::try_from(head.at.0).unwrap_or(0).to_le_bytes();
        let (lower, upper) = ticks.split_at(4);
        let captured = u32::try_from(head.bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.block.extend_from_slice(&head.interface.to_le_bytes());
        self.block.extend_from_slice(upper);
        self.block.extend_from_slice(lower);
        self.block.extend_from_slice(&captured.to_le_bytes());
        self.block.extend_from_slice(&head.wire_length.to_le_bytes());
        self.block.extend_from_slice(head.bytes);
        self.pad();
        if let Some(comment) = head.comment {
            self.option(COMMENT, comment.as_bytes());
            self.end_options();
        }
        self.write_block(ENHANCED)
    }

    /// Bytes written so far.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Lets others see all that was written.
    ///
    /// # Errors
    /// What `out` says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Gives back where it was written to, as it is.
    pub fn into_out(self) -> W {
        self.out
    }

    /// Gives back where it was written to, flushed.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(value);
        self.pad();
    }

    fn end_options(&mut self) {
        self.block.extend_from_slice(&[0; 4]);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Writes the gathered body as a block of `kind`.
    fn write_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len().saturating_add(FRAMING.saturating_sub(HEADER)))
            .map_err(|_| io::ErrorKind::InvalidInput)?
            .to_le_bytes();
        let header = kind.to_le_bytes().into_iter().chain(length);
        self.block.iter_mut().zip(header).for_each(|(place, byte)| *place = byte);
        self.block.extend_from_slice(&length);
        let written = self.out.write_all(&self.block);
        let length = u32::from_le_bytes(length);
        self.block.truncate(HEADER);
        self.written = self.written.saturating_add(length.into());
        written
    }
}

/// A frame to be written.
#[derive(Debug, Clone, Copy)]
pub struct WrittenFrame<'a> {
    /// The interface, as [`PcapngWriter::interface`] numbered it.
    pub interface: u32,
    /// Its time stamp.
    pub at: Time,
    /// Bytes it had on the wire.
    pub wire_length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Shown beside the frame in Wireshark.
    pub comment: Option<&'a str>,
}

/// Bytes of a block before its body: type and length.
const HEADER: usize = 8;
/// Bytes of a block around its body: type, length, and length again.
pub(crate) const FRAMING: usize = 12;
pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
pub(crate) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
pub(crate) const INTERFACE: u32 = 1;
pub(crate) const ENHANCED: u32 = 6;
pub(crate) const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
pub(crate) const INTERFACE_NAME: u16 = 2;
const INTERFACE_UNIT: u16 = 9;
/// Ten to the power of minus nine seconds.
const NANOSECONDS: u8 = 9;
