//! Commands in lines and replies by number: what FTP and SMTP have in common.
//!
//! ```text
//! USER gate CR LF                a command and what it is about
//! 331 Password please CR LF      a reply: three digits, a blank, text
//! 220-Welcome CR LF              one of several lines: a hyphen; what is between may be anything
//! 220 ready CR LF                until the same number comes with a blank
//! ```
//!
//! A line may end with LF alone. Of one that is longer than [`LINE_MAX`] only the front is read.
//!
//! Source: RFC 959, 4.2 and 5.3; RFC 5321, 2.3.8, 4.2.1 and 4.5.3.1.

use super::tls::TLS;
use crate::vocabulary::{Envelope, Progress, Session, Sink, Start, Way};

/// The front of what a side sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front<'a> {
    /// A line without its end, and how many bytes it takes with it.
    Line(&'a [u8], usize),
    /// So many bytes belong to a line that was read before.
    Passed(usize),
    /// Its end is not there yet.
    More,
}

/// Where one side stands in its lines.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Lines {
    /// The front of a long line was read, and its end did not come yet.
    is_inside: bool,
}

impl Lines {
    /// Reads a line; `bytes` holds one at least.
    pub(super) fn front<'a>(&mut self, bytes: &'a [u8]) -> Front<'a> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        if self.is_inside {
            self.is_inside = end.is_none();
            return Front::Passed(end.map_or(bytes.len(), |end| end.saturating_add(1)));
        }
        match end.filter(|end| *end < LINE_MAX) {
            Some(end) => {
                let line = bytes.get(..end).unwrap_or_default();
                Front::Line(line.strip_suffix(b"\r").unwrap_or(line), end.saturating_add(1))
            }
            None if bytes.len() < LINE_MAX => Front::More,
            None => {
                self.is_inside = true;
                Front::Line(bytes.get(..LINE_MAX).unwrap_or(bytes), LINE_MAX)
            }
        }
    }

    /// Says that bytes are missing: what follows begins anywhere.
    pub(super) const fn tear(&mut self) {
        self.is_inside = true;
    }
}

/// Puts the lines of a reply together.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Replies {
    /// The number of a reply of which more lines come.
    open: Option<u16>,
}

impl Replies {
    /// Takes the next line; the number of the reply where it ends it.
    pub(super) fn take(&mut self, line: &[u8]) -> Option<u16> {
        match (self.open, reply(line)) {
            (None, Some((code, true))) => {
                self.open = Some(code);
                None
            }
            (None, Some((code, false))) => Some(code),
            (Some(open), Some((code, false))) if open == code => {
                self.open = None;
                Some(code)
            }
            _ => None,
        }
    }
}

/// A line's number, and whether more lines of its reply come.
pub(super) fn reply(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = (line.get(..3)?, line.get(3..)?);
    let is_number = digits.iter().all(u8::is_ascii_digit) && matches!(digits.first(), Some(b'1'..=b'5'));
    let code = std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_number)?;
    match rest.first() {
        None | Some(b' ') => Some((code, false)),
        Some(b'-') => Some((code, true)),
        Some(_) => None,
    }
}

/// A line's first word in upper case, and what stands behind it.
pub(super) fn command(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at(end.min(WORD_MAX));
    (word.to_ascii_uppercase(), rest.strip_prefix(b" ").unwrap_or(rest))
}

/// What is said from where both sides agreed to speak TLS.
pub(super) struct Inside(Box<dyn Session>);

impl Inside {
    /// Begins with the next byte of both.
    pub(super) fn new(envelope: &Envelope) -> Option<Self> {
        match TLS.start {
            Start::Session(start) => Some(Self(start(envelope))),
            Start::Datagram(_) => None,
        }
    }

    pub(super) fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        self.0.data(way, bytes, sink)
    }

    pub(super) fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) {
        self.0.gap(way, missing, sink);
    }

    pub(super) fn held(&self) -> usize {
        self.0.held()
    }

    pub(super) fn end(&mut self, sink: &mut Sink) {
        self.0.end(sink);
    }
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

/// RFC 5321, 4.5.3.1.5 asks for 512 of a reply, and 12,288 of an AUTH command (RFC 4954, 4) that no mail client sends.
pub(super) const LINE_MAX: usize = 1_024;
/// Commands have three or four letters, `STARTTLS` eight.
const WORD_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_or_without_a_return() {
        let mut lines = Lines::default();
        assert_eq!(lines.front(b"USER a\r\nx"), Front::Line(b"USER a", 8));
        assert_eq!(lines.front(b"\nx"), Front::Line(b"", 1));
        assert_eq!(lines.front(b"USER a\r"), Front::More);
    }

    #[test]
    fn of_a_long_line_the_front_is_read() {
        let long = [vec![b'a'; LINE_MAX + 7], b"\nQUIT\n".to_vec()].concat();
        let mut lines = Lines::default();
        assert_eq!(lines.front(&long), Front::Line(&long[..LINE_MAX], LINE_MAX));
        assert_eq!(lines.front(&long[LINE_MAX..]), Front::Passed(8));
        assert_eq!(lines.front(&long[LINE_MAX + 8..]), Front::Line(b"QUIT", 5));
    }

    #[test]
    fn a_reply_ends_where_its_number_comes_with_a_blank() {
        let mut replies = Replies::default();
        let lines = [&b"220-Welcome"[..], b"221 is no end", b" 220 nor this", b"220-more", b"220 ready"];
        let codes: Vec<_> = lines.iter().filter_map(|line| replies.take(line)).collect();
        assert_eq!(codes, [220]);
        assert_eq!(
            [&b"220"[..], b"2201", b"620 x", b"22"].map(reply),
            [Some((220, false)), None, None, None]
        );
    }
}
