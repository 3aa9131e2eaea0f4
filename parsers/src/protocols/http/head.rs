//! The head of one message: a start line and headers, up to the empty line.
//!
//! ```text
//! GET /onvif/device_service HTTP/1.1    or    HTTP/1.1 401 Unauthorized
//! Host: 192.0.2.7                             names in any case
//!
//! ```
//!
//! Where a message begins is told by its first line alone: `METHOD target HTTP/1.x`, or `HTTP/1.x` and three digits.
//! Headers that break the grammar are stepped over.
//!
//! Source: RFC 9112, 2 to 5. Left out: HTTP/0.9, which has no head, and HTTP/2, which has no lines.

use httparse::{Header, ParserConfig, Request, Response, Status};

use crate::vocabulary::{Malformed, Probe};

/// A head, borrowed from the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// Request or answer.
    pub start: Start<'a>,
    /// The minor version: of HTTP/1.1 it is 1.
    pub minor: u8,
    /// The headers in order, names in the sender's case.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// Somebody wants something.
    Request {
        /// As `GET`.
        method: &'a str,
        /// A path, a URL where a proxy is asked, or `*`.
        target: &'a str,
    },
    /// Somebody answers.
    Answer {
        /// Three digits.
        status: u16,
    },
}

impl<'a> Head<'a> {
    /// Reads a head, its empty line included.
    ///
    /// # Errors
    /// `Invalid` where the start line is none, or there are more headers than [`HEADERS_MAX`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut lenient = ParserConfig::default();
        lenient
            .allow_multiple_spaces_in_request_line_delimiters(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_requests(true)
            .ignore_invalid_headers_in_responses(true);
        let fault = |error| match error {
            httparse::Error::TooManyHeaders => Malformed::Invalid { field: "header" },
            _ => Malformed::Invalid { field: "start line" },
        };
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let (start, minor, headers) = if bytes.starts_with(b"HTTP/") {
            let mut answer = Response::new(&mut headers);
            let read = lenient.parse_response(&mut answer, bytes).map_err(fault)?;
            match (read, answer.code, answer.version) {
                (Status::Complete(_), Some(status), Some(minor)) => {
                    (Start::Answer { status }, minor, owned(answer.headers))
                }
                _ => return Err(Malformed::Truncated { field: "header" }),
            }
        } else {
            let mut request = Request::new(&mut headers);
            let read = lenient.parse_request(&mut request, bytes).map_err(fault)?;
            match (read, request.method, request.path, request.version) {
                (Status::Complete(_), Some(method), Some(target), Some(minor)) => {
                    (Start::Request { method, target }, minor, owned(request.headers))
                }
                _ => return Err(Malformed::Truncated { field: "header" }),
            }
        };
        Ok(Self { start, minor, headers })
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.headers.iter().filter(move |(each, _)| each.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }

    /// Whether a header that lists words, whatever their case, holds this one.
    #[must_use]
    pub fn lists(&self, name: &str, word: &[u8]) -> bool {
        let words = self.all(name).flat_map(|value| value.split(|&byte| byte == b','));
        words.map(<[u8]>::trim_ascii).any(|each| each.eq_ignore_ascii_case(word))
    }

    /// The type of the body without its parameters, in lower case; empty where none is told.
    #[must_use]
    pub fn content_type(&self) -> Vec<u8> {
        let value = self.header("content-type").unwrap_or_default();
        let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
        value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
    }
}

fn owned<'a>(headers: &[Header<'a>]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|header| (header.name, header.value.trim_ascii())).collect()
}

/// Whether a message begins here; `Maybe` where more bytes must tell, at most [`LINE_MAX`].
#[must_use]
pub fn probe_start(bytes: &[u8]) -> Probe {
    let line = bytes.get(..LINE_MAX).unwrap_or(bytes);
    if line.first() == Some(&b'H') && agrees(line, b"HTTP/") {
        return probe_status_line(line);
    }
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    let length = line.iter().take(METHOD_MAX).take_while(|byte| is_method(byte)).count();
    match line.get(length) {
        None if length < METHOD_MAX => return Probe::Maybe,
        Some(b' ') if length > 0 => {}
        _ => return Probe::No,
    }
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        let is_text = line.iter().all(|&byte| byte >= b' ' || byte == b'\r');
        return if is_text && line.len() < LINE_MAX { Probe::Maybe } else { Probe::No };
    };
    let line = line.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (target, version) = line.split_at(line.len().saturating_sub(VERSION.len()));
    let is_line = version.starts_with(VERSION_BEGINS)
        && matches!(version.last(), Some(b'0' | b'1'))
        && target.len() > length.saturating_add(1)
        && line.iter().all(|&byte| byte >= b' ');
    if is_line { Probe::Yes } else { Probe::No }
}

/// Whether `bytes` begin, as far as they go, with a method that HTTP knows or with its name:
/// it tells HTTP from other protocols that speak in lines.
#[must_use]
pub fn has_known_start(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && (agrees(bytes, VERSION_BEGINS.trim_ascii_start())
            || METHODS.iter().any(|method| agrees(bytes, method)))
}

fn probe_status_line(line: &[u8]) -> Probe {
    // HTTP/1.1 200
    const SHAPE: &[u8] = b"HTTP/1.v 000";
    let fits = line.iter().zip(SHAPE).all(|(&byte, &shape)| match shape {
        b'v' => matches!(byte, b'0' | b'1'),
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    match fits {
        true if line.len() >= SHAPE.len() => Probe::Yes,
        true => Probe::Maybe,
        false => Probe::No,
    }
}

/// The length of the head at the front of `bytes`, its empty line included; `None` where it
/// does not end within `bytes` or within [`HEAD_MAX`].
#[must_use]
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    crate::protocols::rtsp::message::head_length(bytes)
}

/// Whether one begins with the other.
fn agrees(bytes: &[u8], word: &[u8]) -> bool {
    bytes.iter().zip(word).all(|(a, b)| a == b)
}

const VERSION_BEGINS: &[u8] = b" HTTP/1.";
const VERSION: &[u8] = b" HTTP/1.1";

/// RFC 9110, 9; RFC 5789; UPnP Device Architecture 2.0, 4; RFC 4918, 9 (the first).
const METHODS: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"DELETE ",
    b"PATCH ",
    b"CONNECT ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"NOTIFY ",
    b"PROPFIND ",
];

/// The longest method in use, `VERSION-CONTROL`, has 15 letters.
const METHOD_MAX: usize = 24;

/// The longest start line that is waited for.
pub const LINE_MAX: usize = 4096;

/// The longest head that is read; more is malformed.
pub const HEAD_MAX: usize = crate::protocols::rtsp::message::HEAD_MAX;

/// Headers of one message; browsers send about twenty.
pub const HEADERS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn request_is_read_in_full() {
        let head = Head::parse(
            b"POST /x?y HTTP/1.1\r\nHost: h\r\nContent-TYPE: Text/XML; a=b\r\nX: 1\r\nx:2\r\n\r\n",
        );
        let head = head.unwrap();
        assert_eq!(head.start, Start::Request { method: "POST", target: "/x?y" });
        assert_eq!((head.minor, head.headers.len(), head.content_type()), (1, 4, b"text/xml".to_vec()));
        assert_eq!(head.all("x").collect::<Vec<_>>(), [b"1", b"2"]);
    }

    #[test]
    fn answer_of_a_careless_server_is_read() {
        let head =
            Head::parse(b"HTTP/1.0 401\nServer : a\nno header at all\nB: c\n d\nConnection: x, CLOSE\n\n");
        let head = head.unwrap();
        assert_eq!((head.start, head.minor), (Start::Answer { status: 401 }, 0));
        assert_eq!(head.header("server"), Some(&b"a"[..]));
        assert!(head.lists("connection", b"close") && !head.lists("connection", b"keep-alive"));
    }

    #[test]
    fn headers_are_bounded() {
        let many = ["HTTP/1.1 200 OK\r\n", &"a: b\r\n".repeat(HEADERS_MAX + 1), "\r\n"].concat();
        assert_eq!(Head::parse(many.as_bytes()), Err(Malformed::Invalid { field: "header" }));
    }

    #[test]
    fn start_of_a_message_is_told_from_other_protocols() {
        use Probe::{Maybe, No, Yes};
        let cases: [(&[u8], Probe); 20] = [
            (b"HTTP/1.1 200 OK\r\n", Yes),
            (b"HTTP/1.0 404", Yes),
            (b"HTTP/1.1 20", Maybe),
            (b"H", Maybe),
            (b"HTTP/2.0 200", No),
            (b"HTTP/1.1 2x0", No),
            (b"GET / HTTP/1.1\r\n", Yes),
            (b"GET /a b HTTP/1.0\n", Yes),
            (b"NOTIFY /x HTTP/1.1\r", Maybe),
            (b"X-NEW * HTTP/1.1\r\n", Yes),
            (b"GET / HT", Maybe),
            (b"GET  HTTP/1.1\r\n", No),
            (b"GET /\r\n", No),
            (b"GET / HTTP/1.2\r\n", No),
            (b"OPTIONS * RTSP/1.0\r\n", No),
            (b"OPTIONS sip:u@h SIP/2.0\r\n", No),
            (b"SSH-2.0-x\r\n", No),
            (b"\x16\x03\x01", No),
            (b"THISMETHODISLONGERTHANANYONEUSES", No),
            (b"", Maybe),
        ];
        for (bytes, answer) in cases {
            assert_eq!(probe_start(bytes), answer, "{}", bytes.escape_ascii());
        }
        assert!(has_known_start(b"GET /") && has_known_start(b"H") && !has_known_start(b"SSH-2.0"));
    }

    #[test]
    fn endless_start_line_is_not_waited_for() {
        let mut line = b"GET /".to_vec();
        line.resize(LINE_MAX - 1, b'x');
        assert_eq!(probe_start(&line), Probe::Maybe);
        line.push(b'x');
        assert_eq!(probe_start(&line), Probe::No);
    }

    proptest! {
        /// On this rests that a stream can be cut anywhere.
        #[test]
        fn more_bytes_never_change_a_certain_answer(line in "(HTTP/1.1|[A-Z]{1,9})[ -~\r]{0,20}( HTTP/1.[0-2])?\r?\n?.{0,9}", cut in 0_usize..60) {
            let bytes = line.as_bytes();
            let earlier = probe_start(&bytes[..cut.min(bytes.len())]);
            prop_assert!(earlier == Probe::Maybe || earlier == probe_start(bytes));
        }

        #[test]
        fn any_head_is_read_without_panic(head in "(HTTP/1.1|GET /|[A-Z]{1,5}) [ -~]{0,20}(\r?\n([A-Za-z-]{0,9} ?: ?[ -~é]{0,20}|[ -~]{0,20})){0,9}\r?\n\r?\n") {
            let _ = Head::parse(head.as_bytes());
        }
    }
}
