//! Captures as pcapng: one section, one Ethernet interface, one enhanced packet block a frame.
//!
//! ```text
//! section    | 0a0d0d0a | length | 1a2b3c4d | 1, 0 | section length -1 | options | length |
//! interface  | 1        | length | link type 1, 0 | snaplen | options              | length |
//! packet     | 6        | length | interface 0 | time high | time low | captured | on the wire
//!            | bytes, padded to 4                                                  | length |
//! option     | code 2 | length 2 | value, padded to 4 |
//! ```
//!
//! all numbers little-endian, of 4 bytes where not said. Times are nanoseconds since 1970.
//!
//! Source: draft-ietf-opsawg-pcapng-02, 4.1 to 4.3.

use std::io::{self, BufWriter, Write};

/// A capture that is being written.
///
/// A failed write is kept and told by [`Writer::finish`]; what comes after it is not written.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    failure: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Begins a capture of frames that are cut at `snap` bytes; 0 for whole frames.
    ///
    /// # Errors
    /// If `out` takes no more bytes.
    pub fn new(out: W, snap: u32) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER, out);

        let mut section = Vec::new();
        section.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        section.extend_from_slice(&[1, 0, 0, 0]);
        section.extend_from_slice(&(-1_i64).to_le_bytes());
        option(4, b"spanwatch simulate", &mut section);
        block(0x0a0d_0d0a, section, &mut out)?;

        let mut interface = vec![1, 0, 0, 0];
        interface.extend_from_slice(&snap.to_le_bytes());
        option(2, b"span0", &mut interface);
        option(9, &[9], &mut interface);
        block(1, interface, &mut out)?;
        Ok(Self { out, failure: None })
    }

    /// Writes one frame, captured at `at_ns`, of which `captured` was kept.
    pub fn frame(&mut self, at_ns: i64, captured: &[u8], wire_length: u32) {
        if self.failure.is_none() {
            self.failure = self.packet(at_ns as u64, captured, wire_length).err();
        }
    }

    /// Whether a write has failed, so that it is of no use to go on.
    pub const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Writes what is still held and gives the output back.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn finish(self) -> io::Result<W> {
        match self.failure {
            Some(failure) => Err(failure),
            None => self.out.into_inner().map_err(io::IntoInnerError::into_error),
        }
    }

    fn packet(&mut self, at: u64, captured: &[u8], wire_length: u32) -> io::Result<()> {
        let padding = captured.len().wrapping_neg() % 4;
        let length = ((32 + captured.len() + padding) as u32).to_le_bytes();
        let mut header = [0; 28];
        header[0] = 6;
        header[4..8].copy_from_slice(&length);
        header[12..16].copy_from_slice(&((at >> 32) as u32).to_le_bytes());
        header[16..20].copy_from_slice(&(at as u32).to_le_bytes());
        header[20..24].copy_from_slice(&(captured.len() as u32).to_le_bytes());
        header[24..28].copy_from_slice(&wire_length.to_le_bytes());
        let mut trailer = [0; 7];
        trailer[padding..padding + 4].copy_from_slice(&length);
        self.out.write_all(&header)?;
        self.out.write_all(captured)?;
        self.out.write_all(&trailer[..padding + 4])
    }
}

/// Appends one option.
fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Writes a block whose options end here.
fn block(kind: u32, mut body: Vec<u8>, out: &mut impl Write) -> io::Result<()> {
    body.extend_from_slice(&[0; 4]);
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(&body)?;
    out.write_all(&length)
}

/// Large enough that a write to a file costs little.
const BUFFER: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_its_blocks() {
        let mut writer = Writer::new(Vec::new(), 128).unwrap();
        writer.frame(0x0102_0304_0506_0708, b"abcde", 1_500);
        let capture = writer.finish().unwrap();
        let section = [
            b"\x0a\x0d\x0d\x0a\x38\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0".as_slice(),
            &[0xff; 8],
            b"\x04\0\x12\0spanwatch simulate\0\0",
            b"\0\0\0\0\x38\0\0\0",
        ];
        let interface = [
            b"\x01\0\0\0\x2c\0\0\0\x01\0\0\0\x80\0\0\0".as_slice(),
            b"\x02\0\x05\0span0\0\0\0",
            b"\x09\0\x01\0\x09\0\0\0",
            b"\0\0\0\0\x2c\0\0\0",
        ];
        let packet = [
            b"\x06\0\0\0\x28\0\0\0\0\0\0\0".as_slice(),
            b"\x04\x03\x02\x01\x08\x07\x06\x05",
            b"\x05\0\0\0\xdc\x05\0\0",
            b"abcde\0\0\0\x28\0\0\0",
        ];
        assert_eq!(capture, [section.concat(), interface.concat(), packet.concat()].concat());
    }

    #[test]
    fn every_block_is_padded() {
        for length in 0..9 {
            let empty = Writer::new(Vec::new(), 0).unwrap().finish().unwrap().len();
            let mut writer = Writer::new(Vec::new(), 0).unwrap();
            writer.frame(0, &[7; 9][..length], 9);
            assert_eq!(writer.finish().unwrap().len() - empty, 32 + length.next_multiple_of(4));
        }
    }

    #[test]
    fn a_failed_write_is_told_at_the_end() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = Writer::new(Full, 0).unwrap();
        writer.frame(0, b"held", 4);
        assert!(!writer.has_failed());
        writer.frame(0, &[0; BUFFER], 4);
        assert!(writer.has_failed());
        writer.frame(0, b"", 4);
        assert_eq!(writer.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
