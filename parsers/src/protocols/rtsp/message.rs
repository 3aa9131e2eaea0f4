//! One message of RTSP, or of SIP, which is written alike: a start line, headers, an empty line, a body.
//!
//! ```text
//! DESCRIBE rtsp://192.0.2.7/live RTSP/1.0    or    RTSP/1.0 200 OK
//! CSeq: 2                                    names in any case
//! Accept: application/sdp,
//!   application/x-other                      a line that begins with blank goes on with the one before
//!
//! body, Content-Length bytes of it
//! ```
//!
//! Lines end with CR LF or with LF alone. A header line that has no colon is
//! stepped over and remembered in [`Message::fault`].
//!
//! Source: RFC 2326, 4 to 7; RFC 7826, 5 and 20. SIP: RFC 3261, 7 and 25; its short header names by 7.3.3.

use std::borrow::Cow;

use crate::protocols::sdp;
use crate::vocabulary::{Malformed, Probe};

/// What tells the messages of one protocol from those of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands before a version.
    word: &'static [u8],
    /// The front of an answer's start line, `0` for any digit.
    answer: &'static [u8],
    /// With what a request's URL begins, in any case.
    scheme: &'static [u8],
    /// Methods, each with the blank behind it.
    methods: &'static [&'static [u8]],
}

impl Dialect {
    /// RTSP; methods by RFC 2326, 10, RFC 7826, 13, and REGISTER of live555.
    pub const RTSP: Self = Self {
        word: b"RTSP/",
        answer: b"RTSP/0.0 000",
        scheme: b"rtsp",
        methods: &[
            b"OPTIONS ",
            b"DESCRIBE ",
            b"SETUP ",
            b"PLAY ",
            b"PAUSE ",
            b"TEARDOWN ",
            b"GET_PARAMETER ",
            b"SET_PARAMETER ",
            b"ANNOUNCE ",
            b"RECORD ",
            b"REDIRECT ",
            b"PLAY_NOTIFY ",
            b"REGISTER ",
            b"DEREGISTER ",
        ],
    };

    /// SIP; methods by IANA's registry.
    pub const SIP: Self = Self {
        word: b"SIP/",
        answer: b"SIP/0.0 000",
        scheme: b"sip",
        methods: &[
            b"INVITE ",
            b"ACK ",
            b"OPTIONS ",
            b"BYE ",
            b"CANCEL ",
            b"REGISTER ",
            b"INFO ",
            b"PRACK ",
            b"SUBSCRIBE ",
            b"NOTIFY ",
            b"UPDATE ",
            b"MESSAGE ",
            b"REFER ",
            b"PUBLISH ",
        ],
    };
}

/// One message, borrowed from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Request or answer.
    pub start: Start<'a>,
    /// Major and minor version, as `1.0`.
    pub version: &'a [u8],
    /// The headers in order, at most [`HEADERS_MAX`]; folded ones unfolded.
    pub headers: Vec<Header<'a>>,
    /// As much of the body as is there, at most [`BODY_KEPT`].
    pub body: &'a [u8],
    /// The body's length as promised.
    pub body_length: usize,
    /// The first break of the grammar in a header.
    pub fault: Option<Malformed>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// Somebody wants something.
    Request {
        /// In upper case by the specification.
        method: &'a [u8],
        /// A URL, or `*`.
        url: &'a [u8],
    },
    /// Somebody answers.
    Answer {
        /// Three digits.
        status: u16,
        /// The same in words.
        reason: &'a [u8],
    },
}

/// One header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// In the sender's case.
    pub name: &'a [u8],
    /// Without blanks at its ends.
    pub value: Cow<'a, [u8]>,
}

impl<'a> Message<'a> {
    /// Reads a message of RTSP whose head is `head_length` bytes long, as [`head_length`] says.
    ///
    /// # Errors
    /// Those of [`Message::parse_as`].
    pub fn parse(bytes: &'a [u8], head_length: usize) -> Result<Self, Malformed> {
        Self::parse_as(&Dialect::RTSP, bytes, head_length)
    }

    /// Reads a message whose head is `head_length` bytes long, as [`head_length`] says.
    ///
    /// # Errors
    /// `Invalid` where the start line is none, or the length of the body is no
    /// number or more than [`BODY_MAX`].
    pub fn parse_as(dialect: &Dialect, bytes: &'a [u8], head_length: usize) -> Result<Self, Malformed> {
        let (head, behind) = bytes.split_at_checked(head_length).unwrap_or((bytes, &[]));
        let mut lines =
            head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let (start, version) = start(dialect, lines.next().unwrap_or_default())
            .ok_or(Malformed::Invalid { field: "start line" })?;
        let mut message =
            Self { start, version, headers: Vec::new(), body: &[], body_length: 0, fault: None };
        for line in lines.filter(|line| !line.is_empty()) {
            message.add(line);
        }
        if let Some(length) = message.either(b"content-length", b"l") {
            let length = sdp::number(length).and_then(|length| usize::try_from(length).ok());
            message.body_length = length
                .filter(|&length| length <= BODY_MAX)
                .ok_or(Malformed::Invalid { field: "Content-Length" })?;
        }
        let kept = message.body_length.min(BODY_KEPT).min(behind.len());
        message.body = behind.get(..kept).unwrap_or_default();
        Ok(message)
    }

    fn add(&mut self, line: &'a [u8]) {
        let colon = line.iter().position(|&byte| byte == b':');
        let is_full = self.headers.len() >= HEADERS_MAX;
        match (line, colon, self.headers.last_mut()) {
            ([b' ' | b'\t', ..], _, Some(header)) => {
                let value = header.value.to_mut();
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            ([b' ' | b'\t', ..], _, None) | (_, None | Some(0), _) => {
                self.fault = self.fault.or(Some(Malformed::Invalid { field: "header" }));
            }
            (_, Some(_), _) if is_full => {}
            (_, Some(colon), _) => {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                let header = Header { name: name.trim_ascii(), value: Cow::Borrowed(value.trim_ascii()) };
                self.headers.push(header);
            }
        }
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header<'b>(&'b self, name: &'b [u8]) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// The first header of this name, or of its short form, both in lower case.
    #[must_use]
    pub fn either<'b>(&'b self, name: &'b [u8], short: &'b [u8]) -> Option<&'b [u8]> {
        self.header(name).or_else(|| self.header(short))
    }

    /// Every header of this name, in lower case.
    pub fn all<'b>(&'b self, name: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        let named = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| &*header.value)
    }

    /// The number that ties an answer to its request.
    #[must_use]
    pub fn cseq(&self) -> Option<u32> {
        sdp::number(self.header(b"cseq")?)
    }
}

/// The length of the head at the front of `bytes`, its empty line included; `None` where it
/// does not end within `bytes` or within [`HEAD_MAX`].
#[must_use]
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..HEAD_MAX).unwrap_or(bytes);
    let mut is_at_line_start = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if is_at_line_start => return at.checked_add(1),
            b'\n' => is_at_line_start = true,
            b'\r' => {}
            _ => is_at_line_start = false,
        }
    }
    None
}

/// Whether a message of RTSP begins here; see [`probe_start_as`].
#[must_use]
pub fn probe_start(bytes: &[u8]) -> Probe {
    probe_start_as(&Dialect::RTSP, bytes)
}

/// Whether a message begins here; `Maybe` where more bytes must tell, at most [`LINE_MAX`].
#[must_use]
pub fn probe_start_as(dialect: &Dialect, bytes: &[u8]) -> Probe {
    if bytes.first().is_some_and(|first| !is_method_byte(*first)) {
        return Probe::No;
    }
    let line_end = bytes.iter().take(LINE_MAX).position(|&byte| byte == b'\n');
    let line = bytes.get(..line_end.unwrap_or(bytes.len()).min(LINE_MAX)).unwrap_or_default();
    if line.first() == dialect.word.first() && agrees(line, dialect.word) {
        return probe_status_line(dialect, line, line_end.is_some());
    }
    let Some(space) = line.iter().take(METHOD_MAX.saturating_add(1)).position(|&byte| byte == b' ') else {
        let is_method = line.len() <= METHOD_MAX && line.iter().copied().all(is_method_byte);
        return if is_method && line_end.is_none() { Probe::Maybe } else { Probe::No };
    };
    let (method, target) = line.split_at(space);
    if method.is_empty() || !method.iter().copied().all(is_method_byte) {
        return Probe::No;
    }
    let target = target.trim_ascii_start();
    if target.len() >= dialect.scheme.len() && agrees_without_case(target, dialect.scheme) {
        return Probe::Yes;
    }
    let is_text = line.iter().all(|&byte| byte == b'\r' || byte >= b' ');
    if is_text && line_end.is_some() && start(dialect, line.strip_suffix(b"\r").unwrap_or(line)).is_some() {
        return Probe::Yes;
    }
    let is_open = is_text && line_end.is_none() && line.len() < LINE_MAX;
    if is_open { Probe::Maybe } else { Probe::No }
}

/// Whether `bytes` begin, as far as they go, with a method that the protocol knows or with its name:
/// it tells it from other protocols that speak in lines.
#[must_use]
pub fn has_known_start(dialect: &Dialect, bytes: &[u8]) -> bool {
    agrees(bytes, dialect.word) || dialect.methods.iter().any(|method| agrees(bytes, method))
}

fn probe_status_line(dialect: &Dialect, line: &[u8], is_ended: bool) -> Probe {
    let fits = line.iter().zip(dialect.answer).all(|(&byte, &shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    match fits {
        true if line.len() >= dialect.answer.len() => Probe::Yes,
        true if !is_ended => Probe::Maybe,
        _ => Probe::No,
    }
}

/// Reads a start line; gives the version, too.
fn start<'a>(dialect: &Dialect, line: &'a [u8]) -> Option<(Start<'a>, &'a [u8])> {
    if let Some(rest) = line.strip_prefix(dialect.word) {
        let mut fields = rest.splitn(3, |&byte| byte == b' ');
        let version = fields.next().filter(|version| is_version(version))?;
        let digits = fields.next().filter(|digits| digits.len() == 3)?;
        let status = u16::try_from(sdp::number(digits)?).ok()?;
        return Some((Start::Answer { status, reason: fields.next().unwrap_or_default() }, version));
    }
    let space = line.iter().position(|&byte| byte == b' ')?;
    let last = line.trim_ascii_end().iter().rposition(|&byte| byte == b' ').filter(|&last| last > space)?;
    let method = line.get(..space)?;
    let url = line.get(space..last)?.trim_ascii();
    let version =
        line.get(last..)?.trim_ascii().strip_prefix(dialect.word).filter(|version| is_version(version))?;
    let is_method = !method.is_empty() && method.iter().copied().all(is_method_byte);
    (is_method && !url.is_empty()).then_some((Start::Request { method, url }, version))
}

fn is_version(version: &[u8]) -> bool {
    matches!(version, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

const fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_' || byte == b'-'
}

/// Whether one begins with the other.
fn agrees(bytes: &[u8], word: &[u8]) -> bool {
    bytes.iter().zip(word).all(|(a, b)| a == b)
}

fn agrees_without_case(bytes: &[u8], word: &[u8]) -> bool {
    bytes.iter().zip(word).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// The longest method known has 13 letters.
const METHOD_MAX: usize = 24;

/// The longest start line that is waited for.
pub const LINE_MAX: usize = 4096;

/// The longest head that is read; more is malformed.
pub const HEAD_MAX: usize = 16 * 1024;

/// Headers of one message that are kept; players send about ten.
pub const HEADERS_MAX: usize = 128;

/// How much of a body is read; the rest is stepped over.
pub const BODY_KEPT: usize = 64 * 1024;

/// A longer body is not believed: it would hide all that follows.
pub const BODY_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &[u8] = b"DESCRIBE rtsp://192.0.2.7/live RTSP/1.0\r\nCSeq: 2\r\n\
        Accept: application/sdp,\r\n\t application/other\r\ncontent-LENGTH:4\r\n\r\nbodyNEXT";

    fn message(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
        Message::parse(bytes, head_length(bytes).unwrap())
    }

    #[test]
    fn request_is_read_in_full() {
        let message = message(REQUEST).unwrap();
        assert_eq!(message.start, Start::Request { method: b"DESCRIBE", url: b"rtsp://192.0.2.7/live" });
        assert_eq!((message.version, message.cseq()), (&b"1.0"[..], Some(2)));
        assert_eq!(message.header(b"accept"), Some(&b"application/sdp, application/other"[..]));
        assert_eq!((message.body, message.body_length), (&b"body"[..], 4));
        assert_eq!((message.headers.len(), message.fault), (3, None));
    }

    #[test]
    fn answer_with_bare_line_feeds_is_read() {
        let message = message(b"RTSP/2.0 401 No entry here\nCseq : 7\nA:\nA: b\n\n").unwrap();
        assert_eq!(message.start, Start::Answer { status: 401, reason: b"No entry here" });
        assert_eq!((message.version, message.cseq()), (&b"2.0"[..], Some(7)));
        assert_eq!(message.all(b"a").collect::<Vec<_>>(), [&b""[..], b"b"]);
    }

    #[test]
    fn url_with_blanks_is_kept_whole() {
        let message = message(b"PLAY rtsp://h/a b c RTSP/1.0\r\n\r\n").unwrap();
        assert_eq!(message.start, Start::Request { method: b"PLAY", url: b"rtsp://h/a b c" });
    }

    #[test]
    fn header_without_colon_is_stepped_over_and_told() {
        let message = message(b"RTSP/1.0 200 OK\r\nnonsense\r\nCSeq: 1\r\n\r\n").unwrap();
        assert_eq!(message.fault, Some(Malformed::Invalid { field: "header" }));
        assert_eq!(message.cseq(), Some(1));
    }

    #[test]
    fn length_that_is_no_length_is_invalid() {
        for length in ["x", "-1", "", "99999999999", "16777217"] {
            let bytes = format!("RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(message(bytes.as_bytes()), Err(Malformed::Invalid { field: "Content-Length" }));
        }
    }

    #[test]
    fn head_must_end_within_its_cap() {
        let mut long = b"RTSP/1.0 200 OK\r\nA: ".to_vec();
        long.resize(HEAD_MAX - 4, b'x');
        long.extend(b"\r\n\r\n");
        assert_eq!(head_length(&long), Some(HEAD_MAX));
        long.insert(30, b'x');
        assert_eq!(head_length(&long), None);
    }

    #[test]
    fn start_of_a_message_is_told_from_other_protocols() {
        use Probe::{Maybe, No, Yes};
        let cases: [(&[u8], Probe); 19] = [
            (b"RTSP/1.0 200 OK\r\n", Yes),
            (b"RTSP/2.0 404", Yes),
            (b"RTSP/1.0 20", Maybe),
            (b"R", Maybe),
            (b"RTSP/1.0 2\r\n", No),
            (b"DESCRIBE rtsp://h/x", Yes),
            (b"OPTIONS * RTSP/1.0\r", Maybe),
            (b"OPTIONS * RTSP/1.0\r\n", Yes),
            (b"OPTIONS /live RTSP/1.0\r\n", Yes),
            (b"OPTIONS * RT", Maybe),
            (b"OPTIONS * HTTP/1.1\r\n", No),
            (b"OPTIONS sip:u@h SIP/2.0\r\n", No),
            (b"GET / HTTP/1.1\r\n", No),
            (b"HTTP/1.1 200 OK\r\n", No),
            (b"X-NEW rtsp://h/x RTSP/1.0\r\n", Yes),
            (b"\x16\x03\x01", No),
            (b"OPTIONS \x01", No),
            (b"THISMETHODISLONGERTHANANYONEUSES", No),
            (b"", Maybe),
        ];
        for (bytes, answer) in cases {
            assert_eq!(probe_start(bytes), answer, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn endless_start_line_is_not_waited_for() {
        let mut line = b"PLAY ".to_vec();
        line.resize(LINE_MAX - 1, b'x');
        assert_eq!(probe_start(&line), Probe::Maybe);
        line.push(b'x');
        assert_eq!(probe_start(&line), Probe::No);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..REQUEST.len() {
            let prefix = &REQUEST[..end];
            assert_ne!(probe_start(prefix), Probe::No);
            if let Some(length) = head_length(prefix) {
                let _ = Message::parse(prefix, length);
            }
        }
    }

    proptest! {
        /// On this rests that a stream can be cut anywhere.
        #[test]
        fn more_bytes_never_change_a_certain_answer(line in "(RTSP/1.0|[A-Z]{1,9})[ -~\r]{0,40}\n?.{0,9}", cut in 0_usize..60) {
            let bytes = line.as_bytes();
            let earlier = probe_start(&bytes[..cut.min(bytes.len())]);
            prop_assert!(earlier == Probe::Maybe || earlier == probe_start(bytes));
        }
    }
}
