//! What follows a head: how far it goes, and as much of it as is read.

use super::dialogue::Answered;
use super::head::{Head, Start};
use crate::vocabulary::Malformed;

/// A body on its way.
#[derive(Debug)]
pub(super) struct Body {
    left: Left,
    /// What it is, and what is there of it.
    pub(super) content: Option<Content>,
}

/// What is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// So many bytes.
    Counted(u64),
    /// The size of a chunk.
    Size,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Headers behind the last chunk, up to an empty line.
    Trailer,
    /// Whatever comes.
    All,
    /// Nothing.
    Nothing,
}

/// A body that is read.
#[derive(Debug)]
pub(super) struct Content {
    /// What it is.
    pub(super) kind: Kind,
    /// Its first bytes, at most [`KEPT_MAX`].
    pub(super) bytes: Vec<u8>,
}

/// What a body is, and what of it is waited for.
#[derive(Debug)]
pub(super) enum Kind {
    /// A page for people: its title.
    Page,
    /// Parts that replace each other, given to one who had shown no login: what the first one is.
    Parts,
    /// XML of a client, in its request of this number.
    Asked(u32),
    /// What a server answers.
    Answered(Box<Answered>),
}

impl Content {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, bytes: Vec::new() }
    }

    const fn room(&self) -> usize {
        let most = match self.kind {
            Kind::Page => PAGE_MAX,
            Kind::Parts => PARTS_MAX,
            Kind::Asked(_) | Kind::Answered(_) => KEPT_MAX,
        };
        most.saturating_sub(self.bytes.len())
    }

    /// Keeps what there is room for; whether there is room for more.
    fn keep(&mut self, bytes: &[u8]) -> bool {
        let kept = bytes.get(..self.room()).unwrap_or(bytes);
        self.bytes.extend_from_slice(kept);
        self.room() > 0
    }
}

impl Body {
    /// The body behind a head; `None` where none follows.
    ///
    /// # Errors
    /// `Invalid` where its length is no number, or more than [`LENGTH_MAX`].
    pub(super) fn of(head: &Head<'_>, content: Option<Content>) -> Result<Option<Self>, Malformed> {
        let length = head.header("content-length").map(length).transpose()?;
        let left = match (head.lists("transfer-encoding", b"chunked"), length, head.start) {
            (true, _, _) => Left::Size,
            (false, Some(0), _) | (false, None, Start::Request { .. }) => return Ok(None),
            (false, Some(length), _) => Left::Counted(length),
            (false, None, Start::Answer { .. }) => Left::All,
        };
        Ok(Some(Self { left, content }))
    }

    /// Reads the front of `bytes`: how many are done with, more than there are where the rest is of no interest;
    /// `None` where a line is not whole.
    ///
    /// # Errors
    /// `Invalid` where chunks are not framed as they must.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        match self.left {
            Left::Counted(left) => Ok(Some(self.take(bytes, left, (Left::Counted, Left::Nothing)))),
            Left::Chunk(left) => Ok(Some(self.take(bytes, left, (Left::Chunk, Left::ChunkEnd)))),
            Left::All => Ok(Some(self.take(bytes, super::ALL as u64, (|_| Left::All, Left::All)))),
            Left::Size => {
                let Some((size, line)) = line(bytes)? else { return Ok(None) };
                self.left = match chunk_size(size).ok_or(Malformed::Invalid { field: "chunk-size" })? {
                    0 => Left::Trailer,
                    size => Left::Chunk(size),
                };
                Ok(Some(line))
            }
            Left::ChunkEnd => {
                let end = match bytes {
                    [b'\r', b'\n', ..] => 2,
                    [b'\n', ..] => 1,
                    [b'\r'] => return Ok(None),
                    _ => return Err(Malformed::Invalid { field: "chunk" }),
                };
                self.left = Left::Size;
                Ok(Some(end))
            }
            Left::Trailer => {
                let Some((trailer, line)) = line(bytes)? else { return Ok(None) };
                if trailer.is_empty() {
                    self.left = Left::Nothing;
                }
                Ok(Some(line))
            }
            Left::Nothing => Ok(Some(bytes.len())),
        }
    }

    fn take(&mut self, bytes: &[u8], left: u64, (more, over): (fn(u64) -> Left, Left)) -> usize {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let is_wanted = self.content.as_mut().is_some_and(|it| it.keep(bytes.get(..here).unwrap_or(bytes)));
        let rest = left.saturating_sub(here as u64);
        if is_wanted && rest > 0 {
            self.left = more(rest);
            return here;
        }
        self.left = over;
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Bytes that are kept of it.
    pub(super) fn held(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.bytes.capacity())
    }

    /// Steps over bytes that were lost; whether it is known where the body goes on.
    pub(super) fn skip(&mut self, missing: u64) -> bool {
        self.left = match self.left {
            Left::Counted(left) if missing < left => Left::Counted(left.saturating_sub(missing)),
            Left::Chunk(left) if missing < left => Left::Chunk(left.saturating_sub(missing)),
            Left::All => Left::All,
            _ => return false,
        };
        true
    }

    /// Whether nothing more of it is waited for: all is there, or all that is kept.
    pub(super) fn is_read(&self) -> bool {
        self.is_over() || self.content.as_ref().is_some_and(|content| content.room() == 0)
    }

    /// Whether the next message follows.
    pub(super) fn is_over(&self) -> bool {
        self.left == Left::Nothing
    }
}

/// A line without its end, and its length with it.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Malformed> {
    let Some(end) = bytes.iter().take(LINE_MAX).position(|&byte| byte == b'\n') else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(Malformed::Invalid { field: "chunk" }) };
    };
    let line = bytes.get(..end).unwrap_or_default();
    Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end.saturating_add(1))))
}

/// `1a0;extension`
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|&byte| byte == b';').unwrap_or(line.len());
    let digits = std::str::from_utf8(line.get(..end)?.trim_ascii()).ok()?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|&size| is_number && size <= LENGTH_MAX)
}

/// Proxies join the same length said twice: `5, 5` (RFC 9112, 6.3).
fn length(value: &[u8]) -> Result<u64, Malformed> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let mut lengths = text.split(',').map(|length| {
        let digits = length.trim();
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|&length| is_number && length <= LENGTH_MAX)
    });
    let first = lengths.next().flatten();
    first
        .filter(|first| lengths.all(|other| other == Some(*first)))
        .ok_or(Malformed::Invalid { field: "Content-Length" })
}

/// How much of a body is kept: the longest answers of cameras about themselves have some 12 KB.
pub const KEPT_MAX: usize = 16 << 10;

/// A title stands near the top.
const PAGE_MAX: usize = 4 << 10;

/// The boundary and headers of a part.
const PARTS_MAX: usize = 256;

/// A terabyte; a longer body is not believed: it would hide all that follows.
const LENGTH_MAX: u64 = 1 << 40;

/// Sizes of chunks, and trailers.
const LINE_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(headers: &str) -> Result<Option<Body>, Malformed> {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        Body::of(&Head::parse(head.as_bytes()).unwrap(), Some(Content::new(Kind::Page)))
    }

    /// Feeds it all; what was kept, and what was left over.
    fn read(headers: &str, mut bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut body = body(headers).unwrap().unwrap();
        while !body.is_over() && !bytes.is_empty() {
            match body.read(bytes).unwrap() {
                Some(count) => bytes = bytes.get(count..).unwrap_or_default(),
                None => break,
            }
        }
        (body.content.unwrap().bytes, bytes.len())
    }

    #[test]
    fn counted_body_ends_where_it_says() {
        assert_eq!(read("Content-Length: 3\r\n", b"abcNEXT"), (b"abc".to_vec(), 4));
        assert_eq!(read("Content-Length: 3, 3\r\n", b"ab"), (b"ab".to_vec(), 0));
        assert!(body("Content-Length: 0\r\n").unwrap().is_none());
    }

    #[test]
    fn chunks_are_joined() {
        let chunks = b"3;x=y\r\nabc\r\n2\nde\n0\r\nX: y\r\n\r\nNEXT";
        assert_eq!(read("Transfer-Encoding: gzip, Chunked\r\n", chunks), (b"abcde".to_vec(), 4));
    }

    #[test]
    fn body_without_length_is_all_that_comes() {
        assert_eq!(read("", b"abc"), (b"abc".to_vec(), 0));
    }

    #[test]
    fn length_that_is_no_length_is_invalid() {
        for length in ["x", "-1", "+1", "", "1, 2", "99999999999999999999", "1099511627777"] {
            let fault = body(&format!("Content-Length: {length}\r\n")).unwrap_err();
            assert_eq!(fault, Malformed::Invalid { field: "Content-Length" });
        }
        let mut body = body("Transfer-Encoding: chunked\r\n").unwrap().unwrap();
        assert_eq!(body.read(b"+1\r\n"), Err(Malformed::Invalid { field: "chunk-size" }));
    }

    #[test]
    fn what_is_not_kept_is_stepped_over_at_once() {
        let mut body = body("Content-Length: 100000\r\n").unwrap().unwrap();
        assert_eq!(body.read(&[b'x'; 5_000]).unwrap(), Some(100_000));
        assert!(body.is_over() && body.content.unwrap().bytes.len() == PAGE_MAX);
    }

    #[test]
    fn loss_inside_a_body_is_stepped_over() {
        let mut body = body("Content-Length: 10\r\n").unwrap().unwrap();
        assert_eq!((body.read(b"ab").unwrap(), body.skip(5), body.skip(3)), (Some(2), true, false));
        assert_eq!(body.read(b"xyz").unwrap(), Some(3));
        assert!(body.is_over());
    }
}
