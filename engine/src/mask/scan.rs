//! One direction of a connection, in order: what of it may be seen.
//!
//! ```text
//! Start --first line of HTTP, RTSP or SIP--> Headers --empty line--> Body, Chunks --all of it--> Start
//!   |--TLS--> records: handshakes and alerts are seen, the rest is not
//!   |--`$`, behind RTSP--> frames: the header of what is inside is seen
//!   \--anything else--> Blind: nothing is seen, until a piece begins with such a first line
//! ```
//!
//! What is seen is named here; all else is overwritten. Lines are judged whole: the part of a line that a segment
//! ends with goes out before the rest is known, so that nothing of it is seen. Of a body SDP is seen by lines and
//! XML by names; other bodies are not.
//!
//! Source: RFC 9112 (HTTP), RFC 2326 and 7826 (RTSP), RFC 3261 (SIP), RFC 8446, 5.1 (TLS records), RFC 4253, 4.2 (SSH),
//! RFC 7616 (Digest).

use super::cover;
use super::lines::{Value, cover_login, cover_text, cover_url, cover_urls, of_description, show, treatment};
use super::xml::Xml;

/// A reader of one direction, fed in pieces.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// The beginning of a line, or of a record's header, that came before; never more than [`LINE_MAX`].
    held: Vec<u8>,
    form: Form,
    /// Whether `$` begins a frame.
    is_rtsp: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    Headers(Head),
    /// So many bytes of a body, or of a chunk of it.
    Body {
        left: u64,
        is_chunk: bool,
    },
    ChunkSize,
    ChunkEnd,
    Trailers,
    /// The header of the next TLS record.
    Tls,
    /// So many bytes of a TLS record or of an interleaved frame, of which the first are seen.
    Record {
        shown: usize,
        left: usize,
        is_tls: bool,
    },
    Blind,
}

/// What the headers said so far.
#[derive(Debug, Clone, Copy)]
struct Head {
    protocol: Protocol,
    /// The status of an answer.
    status: Option<u16>,
    length: Option<u64>,
    is_chunked: bool,
    is_tunnel: bool,
    /// Where a body ends is unclear.
    is_ambiguous: bool,
    is_packed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Rtsp,
    Sip,
}

/// How a body is read.
#[derive(Debug, Clone, Default)]
enum Form {
    #[default]
    Closed,
    Xml(Box<Xml>),
    Sdp,
}

impl Scanner {
    /// One that knows nothing of what came before.
    pub fn blind() -> Self {
        Self { state: State::Blind, ..Self::default() }
    }

    /// Forgets where it was: bytes are missing.
    pub fn lose(&mut self) {
        *self = Self::blind();
    }

    /// Whether nothing can be seen as it stands.
    pub const fn is_blind(&self) -> bool {
        matches!(self.state, State::Blind)
    }

    /// Bytes it holds.
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Overwrites what may be secret in the next piece.
    pub fn scan(&mut self, piece: &mut [u8]) {
        if self.is_blind() && opens(piece) {
            self.state = State::Start;
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = self.step(rest).clamp(1, rest.len());
            rest = rest.split_at_mut(taken).1;
        }
    }

    /// Reads some of `bytes`, and says how many.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        match self.state {
            State::Blind => {
                cover(bytes);
                bytes.len()
            }
            State::Body { left, is_chunk } => self.body(bytes, left, is_chunk),
            State::Record { shown, left, is_tls } => {
                let taken = left.min(bytes.len());
                let (bytes, _) = bytes.split_at_mut(taken);
                let (_, covered) = bytes.split_at_mut(shown.min(taken));
                cover(covered);
                let (shown, left) = (shown.saturating_sub(taken), left.saturating_sub(taken));
                self.state = match (left, is_tls) {
                    (0, true) => State::Tls,
                    (0, false) => State::Start,
                    _ => State::Record { shown, left, is_tls },
                };
                taken
            }
            State::Tls => self.head_of_record(bytes),
            State::Start if self.begins_record(bytes) => self.head_of_record(bytes),
            State::Start | State::Headers(_) | State::ChunkSize | State::ChunkEnd | State::Trailers => {
                self.line(bytes)
            }
        }
    }

    fn begins_record(&self, bytes: &[u8]) -> bool {
        match self.held.first().or(bytes.first()) {
            Some(b'$') => self.is_rtsp,
            Some(kind) => TLS_KINDS.contains(kind),
            None => false,
        }
    }

    /// Reads the header of a TLS record or of a frame; what comes of it before it is whole is not seen.
    fn head_of_record(&mut self, bytes: &mut [u8]) -> usize {
        let is_tls = self.held.first().or(bytes.first()) != Some(&b'$') || matches!(self.state, State::Tls);
        let due = if is_tls { TLS_HEADER } else { FRAME_HEADER };
        let taken = due.saturating_sub(self.held.len()).min(bytes.len());
        let (here, _) = bytes.split_at_mut(taken);
        self.held.extend_from_slice(here);
        if self.held.len() < due {
            cover(here);
            return taken;
        }
        let header = std::mem::take(&mut self.held);
        self.state = match *header {
            [kind, 3, 0..=4, high, low] if TLS_KINDS.contains(&kind) => {
                let left = usize::from(u16::from_be_bytes([high, low]));
                let shown = if kind == TLS_APPLICATION { 0 } else { left };
                if left == 0 { State::Tls } else { State::Record { shown, left, is_tls } }
            }
            [b'$', _, high, low] => {
                let left = usize::from(u16::from_be_bytes([high, low]));
                if left == 0 { State::Start } else { State::Record { shown: RTP_HEADER, left, is_tls } }
            }
            _ => {
                cover(here);
                State::Blind
            }
        };
        taken
    }

    /// Reads up to the end of a line.
    fn line(&mut self, bytes: &mut [u8]) -> usize {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end.saturating_add(1));
        let (here, _) = bytes.split_at_mut(taken);
        self.held.extend_from_slice(here);
        if self.held.len() > LINE_MAX {
            cover(here);
            self.lose();
        } else if end.is_none() {
            cover(here);
        } else {
            let mut line = std::mem::take(&mut self.held);
            self.judge(&mut line);
            show(&line, here);
        }
        taken
    }

    /// Overwrites what may be secret in a whole line, and goes on from there.
    fn judge(&mut self, line: &mut [u8]) {
        let is_empty = matches!(&*line, b"\r\n" | b"\n");
        self.state = match std::mem::replace(&mut self.state, State::Blind) {
            State::Start if is_empty => State::Start,
            State::Start => match first_line(line) {
                Some(head) => {
                    self.is_rtsp |= head.protocol == Protocol::Rtsp;
                    self.form = Form::Closed;
                    State::Headers(head)
                }
                None => {
                    if !line.starts_with(b"SSH-") {
                        cover(line);
                    }
                    State::Blind
                }
            },
            State::Headers(head) if is_empty => self.behind(head),
            State::Headers(mut head) => {
                self.header(line, &mut head);
                State::Headers(head)
            }
            State::ChunkSize => match size(line) {
                Some(0) => State::Trailers,
                Some(left) => State::Body { left, is_chunk: true },
                None => {
                    cover(line);
                    State::Blind
                }
            },
            State::ChunkEnd if is_empty => State::ChunkSize,
            State::Trailers if is_empty => State::Start,
            State::Trailers => {
                cover(line);
                State::Trailers
            }
            _ => {
                cover(line);
                State::Blind
            }
        };
    }

    /// What follows the headers.
    fn behind(&mut self, head: Head) -> State {
        if head.is_ambiguous || head.status == Some(101) {
            return State::Blind;
        }
        if head.is_tunnel {
            // The answer's way carries RTSP as it is, the other one Base64 of it.
            self.is_rtsp = true;
            return if head.status.is_some() { State::Start } else { State::Blind };
        }
        if head.is_packed {
            self.form = Form::Closed;
        }
        let is_bare = matches!(head.status, None | Some(100..=199 | 204 | 304));
        match head.length {
            _ if head.is_chunked => State::ChunkSize,
            Some(0) => State::Start,
            Some(left) => State::Body { left, is_chunk: false },
            None if head.protocol == Protocol::Http && !is_bare => {
                State::Body { left: u64::MAX, is_chunk: false }
            }
            None => State::Start,
        }
    }

    fn body(&mut self, bytes: &mut [u8], left: u64, is_chunk: bool) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (part, _) = bytes.split_at_mut(taken);
        let left = left.saturating_sub(taken as u64);
        match &mut self.form {
            Form::Closed => cover(part),
            Form::Xml(xml) => xml.scan(part),
            Form::Sdp => self.description(part, left == 0),
        }
        self.state = match (left, is_chunk) {
            (0, true) => State::ChunkEnd,
            (0, false) => State::Start,
            _ => State::Body { left, is_chunk },
        };
        taken
    }

    /// Overwrites what may be secret in lines of a session description.
    fn description(&mut self, part: &mut [u8], is_end: bool) {
        for here in part.split_inclusive_mut(|byte| *byte == b'\n') {
            self.held.extend_from_slice(here);
            let is_whole = here.ends_with(b"\n") || is_end;
            if self.held.len() > LINE_MAX || !is_whole {
                cover(here);
                self.held.truncate(LINE_MAX);
            } else {
                let mut line = std::mem::take(&mut self.held);
                of_description(&mut line);
                show(&line, here);
            }
            if is_whole {
                self.held.clear();
            }
        }
    }

    fn header(&mut self, line: &mut [u8], head: &mut Head) {
        let Some(colon) = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0) else {
            cover_text(line);
            return;
        };
        let (name, value) = line.split_at_mut(colon);
        let value = value.get_mut(1..).unwrap_or_default();
        let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        let name = name.to_ascii_lowercase();
        if !is_name {
            cover_text(line);
            return;
        }
        let name = full_name(&name, head.protocol);
        let said = value.trim_ascii().to_ascii_lowercase();
        match name {
            b"content-length" => {
                let length = std::str::from_utf8(&said).ok().and_then(|said| said.parse().ok());
                head.is_ambiguous |= length.is_none() || head.length.is_some_and(|it| Some(it) != length);
                head.length = length;
            }
            b"transfer-encoding" => {
                head.is_chunked = said == b"chunked";
                head.is_ambiguous |= !head.is_chunked;
            }
            b"content-encoding" => head.is_packed = said != b"identity",
            b"content-type" => {
                let kind = said.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                head.is_tunnel = kind == b"application/x-rtsp-tunnelled";
                self.form = match kind {
                    b"application/sdp" => Form::Sdp,
                    _ if kind.ends_with(b"/xml") || kind.ends_with(b"+xml") => Form::Xml(Box::default()),
                    _ => Form::Closed,
                };
            }
            _ => {}
        }
        head.is_ambiguous |= head.is_chunked && head.length.is_some();
        match treatment(name) {
            Value::Seen => {}
            Value::Urls => cover_urls(value),
            Value::Login => cover_login(value),
            Value::Covered => cover_text(value),
        }
    }
}

/// Whether a piece begins with a whole first line.
pub(super) fn opens(piece: &[u8]) -> bool {
    let line = piece.iter().take(LINE_MAX).position(|byte| *byte == b'\n');
    line.and_then(|end| piece.get(..=end)).is_some_and(|line| first_line(&mut line.to_vec()).is_some())
}

/// Reads the first line of a message and overwrites what may be secret in it.
fn first_line(line: &mut [u8]) -> Option<Head> {
    let text = line.trim_ascii_end();
    let length = text.len();
    let mut words = text.split(|byte| *byte == b' ');
    let (first, second) = (words.next()?, words.next()?);
    let last = words.next_back();
    let head = |protocol, status| Head {
        protocol,
        status,
        length: None,
        is_chunked: false,
        is_tunnel: false,
        is_ambiguous: false,
        is_packed: false,
    };
    if let Some(protocol) = version(first) {
        let digits = std::str::from_utf8(second).ok().filter(|it| it.len() == 3)?;
        return Some(head(protocol, Some(digits.parse().ok()?)));
    }
    let version_length = last?.len();
    let protocol = version(last?)?;
    METHODS.split(' ').find(|method| method.as_bytes() == first)?;
    let target = first.len().saturating_add(1)..length.saturating_sub(version_length).saturating_sub(1);
    cover_url(line.get_mut(target)?);
    Some(head(protocol, None))
}

fn version(word: &[u8]) -> Option<Protocol> {
    Some(match word {
        b"HTTP/1.0" | b"HTTP/1.1" => Protocol::Http,
        b"RTSP/1.0" | b"RTSP/2.0" => Protocol::Rtsp,
        b"SIP/2.0" => Protocol::Sip,
        _ => return None,
    })
}

/// The size of a chunk; what may follow it is overwritten.
fn size(line: &mut [u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_mut(digits);
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    cover_text(rest);
    Some(size)
}

/// SIP has short forms of some names (RFC 3261, 7.3.3).
fn full_name(name: &[u8], protocol: Protocol) -> &[u8] {
    match (protocol, name) {
        (Protocol::Sip, b"l") => b"content-length",
        (Protocol::Sip, b"c") => b"content-type",
        (Protocol::Sip, b"e") => b"content-encoding",
        (Protocol::Sip, b"i") => b"call-id",
        (Protocol::Sip, b"v") => b"via",
        (Protocol::Sip, b"f" | b"t" | b"m") => b"contact",
        (_, name) => name,
    }
}

/// No line of honest clients is as long.
const LINE_MAX: usize = 8 << 10;

/// Kinds of TLS records that begin one, and the one that carries what is protected.
const TLS_KINDS: [u8; 4] = [20, 21, 22, TLS_APPLICATION];
const TLS_APPLICATION: u8 = 23;
const TLS_HEADER: usize = 5;

/// `$`, channel, length; then an RTP header, or the beginning of a report.
const FRAME_HEADER: usize = 4;
const RTP_HEADER: usize = 12;

const METHODS: &str = "\
    ACK ANNOUNCE BYE CANCEL CONNECT DELETE DESCRIBE GET GET_PARAMETER HEAD INFO INVITE M-SEARCH MESSAGE NOTIFY OPTIONS \
    PATCH PAUSE PLAY PLAY_NOTIFY POST PRACK PUBLISH PUT RECORD REDIRECT REFER REGISTER SETUP SET_PARAMETER SUBSCRIBE \
    TEARDOWN UNSUBSCRIBE UPDATE";

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(pieces: &[&[u8]]) -> Vec<u8> {
        let mut scanner = Scanner::default();
        let scan = |piece: &&[u8]| {
            let mut bytes = piece.to_vec();
            scanner.scan(&mut bytes);
            bytes
        };
        pieces.iter().flat_map(scan).collect()
    }

    fn assert_shown(bytes: &[u8], shown: &[u8]) {
        let got = scanned(&[bytes]);
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(shown));
    }

    #[test]
    fn logins_lose_their_secret_alone() {
        for (line, shown) in [
            ("Authorization: Basic aHVudGVyMg==", "Authorization: Basic ************"),
            ("authorization:Basic x", "authorization:Basic *"),
            (
                "Authorization: Digest username=\"a,b\", realm=\"r\", response=\"0a1b\", uri=\"/x?pwd=1\"",
                "Authorization: Digest username=\"a,b\", realm=\"r\", response=\"****\", uri=\"/x?pwd=*\"",
            ),
            ("WWW-Authenticate: Basic realm=\"cam\"", "WWW-Authenticate: Basic realm=\"cam\""),
            ("Authorization: hunter2", "Authorization: *******"),
            ("X-Api-Key: k1", "X-Api-Key:***"),
            ("Cookie: s=1", "Cookie:****"),
            (" folded", "*******"),
            ("Location: http://u:p@192.0.2.1/a", "Location: http://***@192.0.2.1/a"),
        ] {
            let head = |line: &str| format!("GET / HTTP/1.1\r\n{line}\r\n\r\nGET / HTTP/1.1\r\n");
            assert_shown(head(line).as_bytes(), head(shown).as_bytes());
        }
    }

    #[test]
    fn targets_lose_secrets() {
        for (line, shown) in [
            ("GET /a?user=u&pwd=x1 HTTP/1.1", "GET /a?user=u&pwd=** HTTP/1.1"),
            (
                "SETUP rtsp://u:p/w@192.0.2.1/live/track1 RTSP/1.0",
                "SETUP rtsp://*****@192.0.2.1/live/track1 RTSP/1.0",
            ),
            ("REGISTER sip:100:pw@192.0.2.1 SIP/2.0", "REGISTER sip:100:**@192.0.2.1 SIP/2.0"),
            ("PASS hunter2 now", "****************"),
            ("USER hunter2", "************"),
        ] {
            assert_shown(
                format!("{line}\r\n").as_bytes(),
                format!("{shown}{}", if shown.starts_with('*') { "**" } else { "\r\n" }).as_bytes(),
            );
        }
    }

    #[test]
    fn bodies_are_read_by_their_kind_and_the_next_message_is_found() {
        let message = |kind: &str, body: &str| {
            format!(
                "POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}GET /b HTTP/1.1\r\n",
                body.len()
            )
        };
        for (kind, body, shown) in [
            ("application/json", "{\"pw\":1}", "********"),
            ("text/xml", "<a>x</a>", "<a>*</a>"),
            (
                "application/sdp",
                "v=0\r\nk=clear:x\r\na=crypto:1 x\r\na=range:npt=0-",
                "v=0\r\n*********\r\na=crypto:***\r\na=range:npt=0-",
            ),
        ] {
            assert_shown(message(kind, body).as_bytes(), message(kind, shown).as_bytes());
        }
        assert_shown(
            b"HTTP/1.1 200 OK\r\nContent-Type: a/xml\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<a>x<\r\n4;x=1\r\n/a>y\r\n0\r\n\r\nHTTP/1.1 204 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: a/xml\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<a>**\r\n4****\r\n/a>*\r\n0\r\n\r\nHTTP/1.1 204 OK\r\n",
        );
    }

    #[test]
    fn bodies_without_a_clear_end_hide_all_that_follows() {
        for headers in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: x",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ] {
            let message = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\nabcGET / HTTP/1.1\r\n");
            let shown = scanned(&[message.as_bytes()]);
            assert!(shown.ends_with(b"\r\n\r\n*******************"), "{}", String::from_utf8_lossy(&shown));
        }
    }

    #[test]
    fn records_show_handshakes_and_frames_their_headers() {
        assert_shown(
            b"\x16\x03\x01\0\x02hi\x17\x03\x03\0\x02hi\x15\x03\x03\0\x01a\x99hidden",
            b"\x16\x03\x01\0\x02hi\x17\x03\x03\0\x02**\x15\x03\x03\0\x01a*******",
        );
        let frame = b"RTSP/1.0 200 OK\r\n\r\n$\0\0\x0e0123456789abXY$\x01\0\0RTSP/1.0 200 OK\r\n";
        let shown = b"RTSP/1.0 200 OK\r\n\r\n$\0\0\x0e0123456789ab**$\x01\0\0RTSP/1.0 200 OK\r\n";
        assert_shown(frame, shown);
        assert_shown(b"$\0\0\x03abc", b"*******");
        assert_shown(b"SSH-2.0-x\r\nsecret", b"SSH-2.0-x\r\n******");
    }

    #[test]
    fn a_way_in_the_middle_is_seen_from_a_first_line_on() {
        let mut scanner = Scanner::blind();
        for (piece, shown) in [
            (&b"pw\r\nGET / HTTP/1.1\r\n"[..], &b"**********************"[..]),
            (b"GET / HTTP/1.1\r\nX: y\r\n", b"GET / HTTP/1.1\r\nX:**\r\n"),
        ] {
            let mut bytes = piece.to_vec();
            scanner.scan(&mut bytes);
            assert_eq!(
                bytes.get(..shown.len().min(bytes.len())),
                shown.get(..bytes.len()),
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    #[test]
    fn no_cut_shows_more() {
        let message = b"POST /x?pw=hidden HTTP/1.1\r\nAuthorization: Basic hidden==\r\nContent-Type: text/xml\r\nContent-Length: 27\r\n\r\n<Password>hidden</Password>"
            .as_slice();
        let whole = scanned(&[message]);
        for first in 0..message.len() {
            let (one, rest) = message.split_at(first);
            for second in [rest.len() / 3, rest.len() / 2, rest.len()] {
                let (two, three) = rest.split_at(second);
                let cut = scanned(&[one, two, three]);
                assert!(!String::from_utf8_lossy(&cut).contains("hid"), "{}", String::from_utf8_lossy(&cut));
                assert!(cut.iter().zip(&whole).all(|(cut, whole)| cut == whole || *cut == b'*'));
            }
        }
    }
}
