//! The bytes of an input, unpacked: [`Stream`].
//!
//! ```text
//! file or pipe → Tap (counts, hashes) → Head → [gzip or zstd → Head → [gzip or zstd → Head]]
//! ```
//!
//! What packs an input is told by its first bytes, never by its name. A packed
//! file may be packed once more; deeper nests are not opened. How much may come
//! out of it can be bounded ([`Bound`]): a few kilobytes unpack to gigabytes.

mod gzip;
mod tap;
mod zstd;

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gzip::Gzip;
use zstd::Zstd;

pub(crate) use tap::{Digest, Tap};

/// How much each input may unpack to, whatever is in it: frames or not.
#[derive(Debug, Clone)]
pub struct Bound {
    bytes_max: u64,
    is_over: Arc<AtomicBool>,
}

impl Bound {
    /// So many bytes at most.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, is_over: Arc::default() }
    }

    /// Whether an input was more, and was read no further.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// An input's bytes behind whatever packs them.
#[derive(Debug)]
pub(crate) struct Stream {
    layer: Layer,
    /// The first bytes, read ahead to see what they are.
    head: Vec<u8>,
    at: usize,
    /// Why reading ahead ended early, kept until the head is read.
    failed: Option<io::Error>,
    /// Bytes that were unpacked here.
    unpacked: u64,
    bound: Option<Bound>,
}

#[derive(Debug)]
enum Layer {
    Plain(Tap),
    Gzip(Box<Gzip<BufReader<Stream>>>),
    Zstd(Box<Zstd<BufReader<Stream>>>),
}

impl Stream {
    /// Unpacks `tap`.
    ///
    /// # Errors
    /// What the decoder says where it cannot be set up.
    pub(crate) fn open(tap: Tap) -> io::Result<Self> {
        let bound = tap.bound().cloned();
        let mut stream = Self::over(Layer::Plain(tap), None);
        for _ in 0..NESTED_MAX {
            let layer = match stream.head.as_slice() {
                [0x1f, 0x8b, 0x08, ..] => {
                    Layer::Gzip(Box::new(Gzip::new(BufReader::with_capacity(PACKED_BUFFER, stream))))
                }
                [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                    Layer::Zstd(Box::new(Zstd::new(BufReader::with_capacity(PACKED_BUFFER, stream))?))
                }
                _ => break,
            };
            stream = Self::over(layer, bound.clone());
        }
        Ok(stream)
    }

    fn over(mut layer: Layer, bound: Option<Bound>) -> Self {
        let mut head = vec![0; HEAD];
        let mut end = 0_usize;
        let mut failed = None;
        while let Some(room) = head.get_mut(end..).filter(|room| !room.is_empty()) {
            match layer.read(room) {
                Ok(0) => break,
                Ok(read) => end = end.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        head.truncate(end);
        Self { layer, head, at: 0, failed, unpacked: end as u64, bound }
    }

    /// The first bytes, as far as they are there.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Why the first bytes could not all be read.
    pub(crate) const fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// What packs the input, outermost last: `["gzip"]`.
    pub(crate) fn packing(&self) -> Vec<&'static str> {
        let (mut inner, name) = match &self.layer {
            Layer::Plain(_) => return Vec::new(),
            Layer::Gzip(gzip) => (gzip.input().get_ref().packing(), "gzip"),
            Layer::Zstd(zstd) => (zstd.input().get_ref().packing(), "zstd"),
        };
        inner.insert(0, name);
        inner
    }

    /// Bytes of the file as given that have been used, where it is packed.
    pub(crate) fn packed_offset(&self) -> Option<u64> {
        let input = match &self.layer {
            Layer::Plain(_) => return None,
            Layer::Gzip(gzip) => gzip.input(),
            Layer::Zstd(zstd) => zstd.input(),
        };
        Some(match &input.get_ref().layer {
            Layer::Plain(tap) => {
                let ahead = input.get_ref().head.len().saturating_sub(input.get_ref().at);
                let ahead = ahead.saturating_add(input.buffer().len());
                tap.bytes().saturating_sub(ahead as u64)
            }
            _ => input.get_ref().packed_offset().unwrap_or_default(),
        })
    }

    /// The file as given.
    pub(crate) fn tap_mut(&mut self) -> &mut Tap {
        match &mut self.layer {
            Layer::Plain(tap) => tap,
            Layer::Gzip(gzip) => gzip.input_mut().get_mut().tap_mut(),
            Layer::Zstd(zstd) => zstd.input_mut().get_mut().tap_mut(),
        }
    }

    /// Reads the file as given to its end and tells what it is.
    pub(crate) fn finish(self) -> Digest {
        match self.layer {
            Layer::Plain(tap) => tap.finish(),
            Layer::Gzip(gzip) => gzip.into_input().into_inner().finish(),
            Layer::Zstd(zstd) => zstd.into_input().into_inner().finish(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(mut rest) = self.head.get(self.at..).filter(|rest| !rest.is_empty()) {
            let read = rest.read(out)?;
            self.at = self.at.saturating_add(read);
            return Ok(read);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some(bound) = self.bound.as_ref().filter(|bound| self.unpacked > bound.bytes_max) {
            bound.is_over.store(true, Ordering::Relaxed);
            return Err(io::Error::other("it unpacks to more than it may"));
        }
        let read = self.layer.read(out)?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        Ok(read)
    }
}

impl Read for Layer {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tap) => tap.read(out),
            Self::Gzip(gzip) => gzip.read(out),
            Self::Zstd(zstd) => zstd.read(out),
        }
    }
}

/// Bytes read ahead; enough for every signature (tar's stands at 257).
const HEAD: usize = 4096;
/// Packed bytes read at a time.
const PACKED_BUFFER: usize = 64 << 10;
/// How often a capture may be packed.
const NESTED_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ::zstd::encode_all(bytes, 3).unwrap()
    }

    fn stream(bytes: Vec<u8>) -> Stream {
        Stream::open(Tap::new(Box::new(io::Cursor::new(bytes))).hashed()).unwrap()
    }

    /// What can be read, and the error at its end.
    fn read(stream: &mut Stream) -> (Vec<u8>, Option<String>) {
        let mut out = Vec::new();
        let error = stream.read_to_end(&mut out).err();
        (out, error.map(|error| error.to_string()))
    }

    /// Bytes that do not pack well, so that packed positions mean something.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn plain_bytes_pass() {
        let mut stream = stream(b"abc".to_vec());
        assert_eq!(read(&mut stream), (b"abc".to_vec(), None));
        assert_eq!((stream.packing(), stream.packed_offset()), (vec![], None));
    }

    #[test]
    fn packed_bytes_are_unpacked_over_all_members() {
        let bytes = noise(300_000);
        let (front, back) = bytes.split_at(100_000);
        for pack in [gzip, zstd] {
            let packed = [pack(front), pack(b""), pack(back)].concat();
            let mut stream = stream(packed);
            assert_eq!(read(&mut stream), (bytes.clone(), None));
        }
    }

    #[test]
    fn packed_twice_is_unpacked_twice_and_no_more() {
        let mut twice = stream(zstd(&gzip(b"abc")));
        assert_eq!(read(&mut twice).0, b"abc");
        assert_eq!(twice.packing(), ["gzip", "zstd"]);
        let mut thrice = stream(gzip(&zstd(&gzip(b"abc"))));
        assert_eq!(read(&mut thrice).0, gzip(b"abc"));
    }

    #[test]
    fn digest_is_of_the_file_as_given() {
        let packed = gzip(&noise(100_000));
        let length = packed.len() as u64;
        let expected = tap::hex(&<sha2::Sha256 as sha2::Digest>::digest(&packed));
        let digest = stream(packed).finish();
        assert_eq!((digest.bytes, digest.sha256), (length, Some(expected)));
    }

    #[test]
    fn cut_packed_bytes_give_what_is_there() {
        let bytes = noise(300_000);
        for pack in [gzip, zstd] {
            let packed = pack(&bytes);
            let cut = &packed[..packed.len() / 2];
            let mut stream = stream(cut.to_vec());
            let (out, error) = read(&mut stream);
            assert!(bytes.starts_with(&out) && out.len() > 100_000 && out.len() < 200_000, "{}", out.len());
            assert!(error.unwrap().contains("data end early"));
            assert_eq!(stream.packed_offset(), Some(cut.len() as u64));
        }
    }

    #[test]
    fn damaged_checksum_is_told_after_all_bytes() {
        let mut gzip = gzip(b"abc");
        let place = gzip.len() - 5;
        gzip[place] ^= 1;
        let mut options = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
        options.include_checksum(true).unwrap();
        options.write_all(b"abc").unwrap();
        let mut zstd = options.finish().unwrap();
        *zstd.last_mut().unwrap() ^= 1;
        for packed in [gzip, zstd] {
            let (out, error) = read(&mut stream(packed));
            assert_eq!(out, b"abc");
            assert!(error.unwrap().contains("checksum"));
        }
    }

    #[test]
    fn zeros_behind_a_gzip_member_are_padding_and_other_bytes_are_not() {
        let padded = [gzip(b"abc"), vec![0; 600]].concat();
        assert_eq!(read(&mut stream(padded)), (b"abc".to_vec(), None));
        let followed = [gzip(b"abc"), b"def".to_vec()].concat();
        let (out, error) = read(&mut stream(followed));
        assert_eq!(out, b"abc");
        assert!(error.unwrap().contains("no gzip member"));
    }

    #[test]
    fn what_unpacks_to_more_than_it_may_is_read_no_further_at_any_depth() {
        const MAX: u64 = 1 << 20;
        let zeros = vec![0; 4 << 20];
        // A member with nothing in it, and zeros behind it that a reader of gzip steps over.
        let padded = [gzip(b""), zeros.clone()].concat();
        for (packed, due) in [
            (gzip(&zeros), true),
            (zstd(&gzip(&zeros)), true),
            (zstd(&padded), true),
            (zstd(&zeros[..1 << 19]), false),
            (zeros.clone(), false),
        ] {
            let bound = Bound::new(MAX);
            let tap = Tap::new(Box::new(io::Cursor::new(packed))).bounded(Some(bound.clone()));
            let (out, error) = read(&mut Stream::open(tap).unwrap());
            assert_eq!((bound.is_over(), error.is_some()), (due, due));
            assert!(!due || out.len() < zeros.len(), "{}", out.len());
        }
    }

    #[test]
    fn every_flipped_byte_is_answered_without_panic() {
        for pack in [gzip, zstd] {
            let packed = pack(&noise(2_000));
            for place in 0..packed.len() {
                let mut packed = packed.clone();
                packed[place] ^= 0x55;
                let _ = read(&mut stream(packed));
            }
        }
    }
}
