//! Files of [`crate::PcapngWriter`] read back, with names of interfaces and comments: [`WrittenFile`].
//!
//! One section in little-endian order, time in nanoseconds. A file whose writer died ends with its last whole block:
//! what follows is told by [`WrittenFile::whole`] and read by nobody. [`crate::Reader`] reads captures of others.

use std::io::{self, ErrorKind, Read};

use spanwatch_parsers::{LinkType, Time};

use crate::FRAME_MAX;
use crate::bytes::Order;
use crate::write::{BYTE_ORDER, COMMENT, ENHANCED, FRAMING, INTERFACE, INTERFACE_NAME, SECTION};

/// A file that is read back.
#[derive(Debug)]
pub struct WrittenFile<R> {
    source: R,
    interfaces: Vec<(String, LinkType)>,
    body: Vec<u8>,
    whole: u64,
}

/// A frame as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFrame<'a> {
    /// What its interface was called.
    pub interface: &'a str,
    /// Its link type.
    pub link: LinkType,
    /// Its time stamp.
    pub at: Time,
    /// Bytes it had on the wire.
    pub wire_length: u32,
    /// What is in the file of it.
    pub bytes: &'a [u8],
    /// Its comment; empty where it has none.
    pub comment: &'a str,
}

impl<R: Read> WrittenFile<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// `InvalidData` where it is none of [`crate::PcapngWriter`]; what `source` says. A file that ends in its head has no frame.
    pub fn open(source: R) -> io::Result<Self> {
        let mut file = Self { source, interfaces: Vec::new(), body: Vec::new(), whole: 0 };
        match file.block()? {
            None => Ok(file),
            Some(SECTION) if ORDER.u32(&file.body, 0) == Some(BYTE_ORDER) => Ok(file),
            Some(_) => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// Bytes of all whole blocks read so far: a file that goes on behind them broke off there.
    pub const fn whole(&self) -> u64 {
        self.whole
    }

    /// What the interfaces read so far are called, in their order.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(|(name, _)| name.as_str())
    }

    /// The next frame; `None` behind the last whole one.
    ///
    /// # Errors
    /// What `source` says.
    pub fn next_frame(&mut self) -> io::Result<Option<ReadFrame<'_>>> {
        loop {
            match self.block()? {
                None => return Ok(None),
                Some(INTERFACE) => {
                    let link = ORDER.u16(&self.body, 0).unwrap_or_default();
                    let name = option(self.body.get(8..).unwrap_or_default(), INTERFACE_NAME);
                    self.interfaces.push((name.to_owned(), LinkType(link.into())));
                }
                Some(ENHANCED) if frame(&self.interfaces, &self.body).is_some() => {
                    return Ok(frame(&self.interfaces, &self.body));
                }
                Some(_) => {}
            }
        }
    }

    /// Reads a block's body and gives its type; `None` where no whole one follows.
    fn block(&mut self) -> io::Result<Option<u32>> {
        self.body.clear();
        let mut head = [0; 8];
        if !filled(&mut self.source, &mut head)? {
            return Ok(None);
        }
        let [kind, length] = [0, 4].map(|at| ORDER.u32(&head, at).unwrap_or_default());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(rest) = length.checked_sub(head.len()).filter(|rest| (4..=BLOCK_MAX).contains(rest)) else {
            return Ok(None);
        };
        self.body.resize(rest, 0);
        if !filled(&mut self.source, &mut self.body)? {
            return Ok(None);
        }
        let end = rest.saturating_sub(4);
        let closes = ORDER.u32(&self.body, end).and_then(|it| usize::try_from(it).ok());
        if closes != Some(length) {
            return Ok(None);
        }
        self.body.truncate(end);
        self.whole = self.whole.saturating_add(length as u64);
        Ok(Some(kind))
    }
}

/// An enhanced packet block's body.
fn frame<'a>(interfaces: &'a [(String, LinkType)], body: &'a [u8]) -> Option<ReadFrame<'a>> {
    let number = |at| ORDER.u32(body, at);
    let (name, link) = interfaces.get(usize::try_from(number(0)?).ok()?)?;
    let ticks = u64::from(number(4)?) << 32 | u64::from(number(8)?);
    let length = usize::try_from(number(12)?).ok()?;
    let end = length.checked_add(HEAD)?;
    Some(ReadFrame {
        interface: name,
        link: *link,
        at: Time(i64::try_from(ticks).ok()?),
        wire_length: number(16)?,
        bytes: body.get(HEAD..end)?,
        comment: option(body.get(end.next_multiple_of(4)..).unwrap_or_default(), COMMENT),
    })
}

/// The text of the first option of a kind; empty where there is none.
fn option(mut options: &[u8], wanted: u16) -> &str {
    while let (Some(code), Some(length)) = (ORDER.u16(options, 0), ORDER.u16(options, 2)) {
        let value = options.get(4..).and_then(|rest| rest.get(..length.into())).unwrap_or_default();
        if code == wanted {
            return std::str::from_utf8(value).unwrap_or_default();
        }
        let next = usize::from(length).next_multiple_of(4).saturating_add(4);
        options = options.get(next..).unwrap_or_default();
    }
    ""
}

/// Fills `room`; whether there was so much.
fn filled(source: &mut impl Read, room: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(room) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

const ORDER: Order = Order::Little;
/// Of a packet block, before the frame.
const HEAD: usize = 20;
/// A frame, its comment, and what is around them.
const BLOCK_MAX: usize = FRAME_MAX as usize + (u16::MAX as usize) + HEAD + FRAMING + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PcapngWriter, WrittenFrame};

    fn file() -> Vec<u8> {
        let mut writer = PcapngWriter::new(Vec::new(), "test").unwrap();
        for (number, (name, link)) in (0..).zip([("eth1", LinkType::ETHERNET), ("", LinkType::RAW)]) {
            writer.interface(link, 0, name).unwrap();
            let comment = Some(name).filter(|name| !name.is_empty());
            let head = WrittenFrame {
                interface: number,
                at: Time(7),
                wire_length: 9,
                bytes: &[1, 2, 3, 4, 5],
                comment,
            };
            writer.frame(head).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Name, link type, time, length and comment.
    type Told = (String, LinkType, i64, u32, String);

    fn read(bytes: &[u8]) -> (Vec<Told>, u64) {
        let mut file = WrittenFile::open(bytes).unwrap();
        let mut all: Vec<Told> = Vec::new();
        while let Some(it) = file.next_frame().unwrap() {
            assert_eq!(it.bytes, [1, 2, 3, 4, 5]);
            all.push((it.interface.to_owned(), it.link, it.at.0, it.wire_length, it.comment.to_owned()));
            assert!(file.interfaces().eq(all.iter().map(|it| it.0.as_str())));
        }
        (all, file.whole())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = file();
        let (all, whole) = read(&bytes);
        let eth = ("eth1".to_owned(), LinkType::ETHERNET, 7, 9, "eth1".to_owned());
        assert_eq!(all, [eth, (String::new(), LinkType::RAW, 7, 9, String::new())]);
        assert_eq!(whole, bytes.len() as u64);
    }

    #[test]
    fn a_file_cut_anywhere_is_read_to_its_last_whole_frame() {
        let bytes = file();
        let mut counts = [0; 3];
        for cut in 0..=bytes.len() {
            let (all, whole) = read(&bytes[..cut]);
            counts[all.len()] += 1;
            assert!(whole <= cut as u64);
            assert_eq!(read(&bytes[..usize::try_from(whole).unwrap()]).0, all);
        }
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        assert_eq!(counts[2], 1);
    }

    #[test]
    fn what_is_no_such_file_is_refused_and_damage_ends_it() {
        assert!(WrittenFile::open(&[7; 64][..]).is_ok_and(|mut it| it.next_frame().unwrap().is_none()));
        let mut other = file();
        other[8] = 0;
        assert_eq!(WrittenFile::open(&other[..]).unwrap_err().kind(), ErrorKind::InvalidData);
        let mut bytes = file();
        let last = bytes.len() - 1;
        bytes[last] = 1;
        assert_eq!(read(&bytes).0.len(), 1);
    }
}
