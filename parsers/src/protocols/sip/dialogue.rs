//! Requests and their answers, and what they say together.
//!
//! An answer belongs to the request of the other side with the same `Call-ID` and `CSeq`.
//!
//! | fact | about | said when |
//! | --- | --- | --- |
//! | Service | who answers | from the protocol's own port |
//! | Attribute | who sent the header | it is his own: see below |
//! | Exchange | who is asked | his answer is final, or never came when the flow ends |
//! | Login | who is asked | a request with credentials is answered |
//!
//! **An exchange passes on what others say**, and their software with it. A request is its sender's own where nobody
//! else is named as having sent it (one `Via`); an answer where it is only to the next hop (100), to a registration, or
//! names its sender's address as where to be reached (`Contact`).
//!
//! A login is refused where the answer is 403, or asks again with the nonce that was answered to: who asks with another
//! may only have found the first too old.
//!
//! Source: RFC 3261, 8.1.1, 16.6, 17.1.3, 20 and 22. Left out: ACK and CANCEL, which have no answer of their own.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::PORT;
use crate::Proof;
use crate::protocols::rtsp::message::{Message, Start};
use crate::protocols::rtsp::{Challenge, Credentials};
use crate::protocols::sdp::Description;
use crate::vocabulary::{About, Envelope, Exchange, Fact, Key, Login, Outcome, Sink, Text, Way};

/// One flow's.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// Address and port of originator and responder.
    ends: [(Option<IpAddr>, u16); 2],
    has_answered: [bool; 2],
    /// Requests that wait for an answer, oldest first.
    waiting: VecDeque<Asked>,
    accepted: Option<Login>,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Asked {
    way: Way,
    call: Text,
    sequence: Text,
    method: Text,
    target: Option<Text>,
    credentials: Option<(Credentials, Vec<u8>)>,
    proof: Option<Proof>,
}

impl Dialogue {
    /// One between the ends of this envelope.
    pub(super) fn new(envelope: &Envelope) -> Self {
        let ends =
            [(envelope.source, envelope.source_port), (envelope.destination, envelope.destination_port)];
        Self { ends, has_answered: [false; 2], waiting: VecDeque::new(), accepted: None }
    }

    /// Takes a message of `way`.
    pub(super) fn hear(&mut self, way: Way, message: &Message<'_>, sink: &mut Sink) {
        let text = |value: Option<&[u8]>| value.map(Text::new).unwrap_or_default();
        let call = text(message.either(b"call-id", b"i"));
        let sequence = text(message.header(b"cseq"));
        match message.start {
            Start::Request { method, url } => {
                self.hear_request(way, message, (method, url), (call, sequence), sink);
            }
            Start::Answer { status, .. } => self.hear_answer(way, message, status, (call, sequence), sink),
        }
    }

    fn hear_request(
        &mut self,
        way: Way,
        message: &Message<'_>,
        line: (&[u8], &[u8]),
        key: (Text, Text),
        sink: &mut Sink,
    ) {
        let ((method, url), (call, sequence)) = (line, key);
        if vias(message) == 1 {
            describe(message, sink);
        }
        let is_known =
            |asked: &Asked| asked.way == way && (&asked.call, &asked.sequence) == (&call, &sequence);
        if matches!(method, b"ACK" | b"CANCEL") || self.waiting.iter().any(is_known) {
            return;
        }
        let credentials = message.header(b"authorization").or(message.header(b"proxy-authorization"));
        let proof = credentials.and_then(|it| Proof::of_header(it, method));
        let credentials =
            credentials.map(|it| (Credentials::parse(it), nonce(it).unwrap_or_default().to_vec()));
        let target = Text::some(&Uri::parse(url).shown());
        self.waiting.push_back(Asked {
            way,
            call,
            sequence,
            method: Text::new(method),
            target,
            credentials,
            proof,
        });
        if self.waiting.len() > WAITING_MAX
            && let Some(asked) = self.waiting.pop_front()
        {
            let about = if asked.way == way { About::Receiver } else { About::Sender };
            asked.unanswered(about, sink);
        }
    }

    fn hear_answer(
        &mut self,
        way: Way,
        message: &Message<'_>,
        status: u16,
        key: (Text, Text),
        sink: &mut Sink,
    ) {
        let (call, sequence) = key;
        let (address, port) = *way.of(&mut self.ends);
        if port == PORT && !std::mem::replace(way.of(&mut self.has_answered), true) {
            sink.fact(About::Sender, Fact::Service { protocol: "sip" });
        }
        let contact = message.either(b"contact", b"m").and_then(|value| Uri::find(value)?.address());
        let is_registration = sequence.as_str().ends_with("REGISTER");
        if status == 100 || is_registration || (address.is_some() && contact == address) {
            describe(message, sink);
        }
        if status < 200 {
            return;
        }
        let is_it = |asked: &Asked| asked.way != way && asked.call == call && asked.sequence == sequence;
        let place = self.waiting.iter().position(is_it);
        let Some(asked) = place.and_then(|place| self.waiting.remove(place)) else { return };
        let Asked { method, target, credentials, proof, .. } = asked;
        sink.fact(About::Sender, Fact::Exchange(Box::new(Exchange { method, target, status: Some(status) })));
        if let Some((credentials, used)) = credentials {
            self.judge_login(message, status, (credentials, &used), sink);
        }
        // Only a digest shows that the server asked for it.
        if let Some(proof) = proof.filter(|proof| (200..300).contains(&status) && !proof.is_plain()) {
            sink.proof(About::Sender, proof);
        }
    }

    fn judge_login(&mut self, message: &Message<'_>, status: u16, by: (Credentials, &[u8]), sink: &mut Sink) {
        let (Credentials { account, scheme }, used) = by;
        let asks_again = |value: &[u8]| {
            let is_stale = Challenge::parse_all(value).iter().any(|challenge| challenge.is_stale);
            !is_stale && nonce(value) == Some(used)
        };
        let mut challenges = message.all(b"www-authenticate").chain(message.all(b"proxy-authenticate"));
        let outcome = match status {
            200..=299 => Outcome::Accepted,
            403 => Outcome::Rejected,
            401 | 407 if challenges.any(asks_again) => Outcome::Rejected,
            _ => return,
        };
        let login = Login { account, scheme, outcome };
        if self.accepted.as_ref() != Some(&login) {
            self.accepted = Some(login.clone()).filter(|_| outcome == Outcome::Accepted);
            sink.fact(About::Sender, Fact::Login(Box::new(login)));
        }
    }

    /// Says what was never answered; [`About::Sender`] is the originator.
    pub(super) fn end(&mut self, sink: &mut Sink) {
        for asked in std::mem::take(&mut self.waiting) {
            let about = if asked.way == Way::Orig { About::Receiver } else { About::Sender };
            asked.unanswered(about, sink);
        }
    }
}

impl Asked {
    fn unanswered(self, about: About, sink: &mut Sink) {
        let Self { method, target, .. } = self;
        sink.fact(about, Fact::Exchange(Box::new(Exchange { method, target, status: None })));
    }
}

/// Says what a message tells of its sender's software.
fn describe(message: &Message<'_>, sink: &mut Sink) {
    for (name, key) in [(&b"user-agent"[..], Key::SipUserAgent), (b"server", Key::SipServer)] {
        if let Some(value) = message.header(name) {
            sink.attribute(About::Sender, key, value);
        }
    }
    let kind = message.either(b"content-type", b"c").unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with(b"application/sdp") && !message.body.is_empty() {
        let description = Description::parse(message.body);
        description.properties(|key, value| sink.attribute(About::Sender, key, value));
        if let Some(fault) = description.fault {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
    }
}

/// How many have sent a request on.
fn vias(message: &Message<'_>) -> usize {
    let lines = message.all(b"via").chain(message.all(b"v"));
    lines.map(|line| line.split(|byte| *byte == b',').count()).sum()
}

/// The `nonce` of credentials, or of a challenge.
#[must_use]
pub fn nonce(value: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"nonce=";
    let named = value.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME));
    let mut at = named?;
    // `cnonce`, which the client made up, ends so too.
    if at.checked_sub(1).and_then(|before| value.get(before)).is_some_and(u8::is_ascii_alphanumeric) {
        let rest = value.get(at.saturating_add(1)..)?;
        let next = rest.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
        at = at.saturating_add(1).saturating_add(next);
    }
    let rest = value.get(at.saturating_add(NAME.len())..)?;
    match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next(),
        None => rest.split(|byte| *byte == b',' || byte.is_ascii_whitespace()).next(),
    }
}

/// A URI, as far as it may be shown: `sip:user:password@host:port;parameters?headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    scheme: &'a [u8],
    user: Option<&'a [u8]>,
    host: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI; any bytes will do. A password may hold anything: all from the user to the last `@` is taken for one.
    #[must_use]
    pub fn parse(uri: &'a [u8]) -> Self {
        let scheme_end = uri.iter().position(|byte| *byte == b':').map_or(0, |colon| colon.saturating_add(1));
        let (scheme, rest) = uri.split_at(scheme_end);
        let (user, host) = match rest.iter().rposition(|byte| *byte == b'@') {
            Some(at) => (
                Some(rest.get(..at).unwrap_or_default()),
                rest.get(at.saturating_add(1)..).unwrap_or_default(),
            ),
            None => (None, rest),
        };
        let first =
            |bytes: &'a [u8], ends: &[u8]| bytes.split(|byte| ends.contains(byte)).next().unwrap_or_default();
        Self { scheme, user: user.map(|user| first(user, b":;?")), host: first(host, b";?> ,") }
    }

    /// The URI of a header such as `"Door" <sip:door@192.0.2.7>;tag=1`.
    #[must_use]
    pub fn find(value: &'a [u8]) -> Option<Self> {
        let inner = match value.iter().position(|byte| *byte == b'<') {
            Some(open) => value.get(open.saturating_add(1)..)?.split(|byte| *byte == b'>').next()?,
            None => value.split(|byte| *byte == b';').next()?,
        };
        Some(Self::parse(inner.trim_ascii()))
    }

    /// Without password, parameters and headers.
    #[must_use]
    pub fn shown(&self) -> Vec<u8> {
        let mut shown = self.scheme.to_vec();
        if let Some(user) = self.user {
            shown.extend_from_slice(user);
            shown.push(b'@');
        }
        shown.extend_from_slice(self.host);
        shown
    }

    /// The host, where it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let host = std::str::from_utf8(self.host).ok()?;
        match host.strip_prefix('[') {
            Some(ipv6) => ipv6.split(']').next()?.parse().ok(),
            None => host.split(':').next()?.parse().ok(),
        }
    }
}

/// An exchange asks for many things at once; one that is never answered is soon pushed out.
const WAITING_MAX: usize = 64;
