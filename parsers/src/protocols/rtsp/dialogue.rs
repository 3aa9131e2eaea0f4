//! Requests and their answers, and what they say together.
//!
//! An answer belongs to the request of the other side with the same `CSeq`; where
//! one of them has none, to the oldest. Which side is the server is told by what
//! is asked for (only a client wants DESCRIBE or SETUP), not by who spoke first.
//!
//! | fact | about | said when |
//! | --- | --- | --- |
//! | Service | server | it first answers |
//! | Attribute | who sent the header | new in this connection; the path only once it was found |
//! | Exchange | server | a client's request is answered, or never was when the flow ends |
//! | Login | server | a request with `Authorization` is answered |
//! | Anonymous | server | it gives a description, or plays, or refuses, before any login in this connection |
//! | StreamAnnounced | who will send the media | SETUP is answered with 2xx |
//! | Origin | server | its description names an address as the origin |
//! | StreamEnded | who sent it | TEARDOWN is answered with 2xx |
//!
//! A 401 to a request without `Authorization` is a challenge and no failed login;
//! nor is one that says `stale`. OPTIONS is mostly answered to anybody: that it was
//! answered is no accepted login, unless this server was seen to refuse it.
//!
//! Source: RFC 2326, 10 to 12; RFC 7826, 13 and 18; RFC 2617, 3.2.1.
//! Left out: requests of the server other than for pairing.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Proof;
use crate::protocols::rtsp::credentials::{self, Challenge, Credentials};
use crate::protocols::rtsp::message::{Message, Start};
use crate::protocols::rtsp::tracks::Tracks;
use crate::protocols::rtsp::transport::Transport;
use crate::protocols::rtsp::url;
use crate::protocols::sdp::Description;
use crate::vocabulary::{About, Ended, Exchange, Fact, Key, Origin, Outcome, Sink, Text, Way};

/// One connection's.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    server: Option<Server>,
    has_answered: bool,
    /// Requests of originator and responder that wait for an answer, oldest first.
    waiting: [VecDeque<Asked>; 2],
    pub(super) tracks: Tracks,
    /// Hashes of what was said, for a connection lasts for days: of two properties with one hash the second is not said.
    said: VecDeque<u64>,
    accepted: Option<Credentials>,
    /// Whether the client showed anything by which it may be known.
    has_login: bool,
    has_set_up: bool,
    has_challenged: bool,
    refuses_options: bool,
    has_back_channel: bool,
}

/// Who the server is.
#[derive(Debug, Clone, Copy)]
struct Server {
    way: Way,
    is_certain: bool,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Asked {
    cseq: Option<u32>,
    method: Text,
    /// Without secrets.
    url: Vec<u8>,
    credentials: Option<Credentials>,
    proof: Option<Proof>,
    transports: Vec<Transport>,
}

impl Dialogue {
    /// Takes a message of `way`.
    pub(super) fn hear(&mut self, way: Way, message: &Message<'_>, sink: &mut Sink) {
        match message.start {
            Start::Request { method, url } => self.hear_request(way, message, (method, url), sink),
            Start::Answer { status: 100..=199, .. } => {}
            Start::Answer { status, .. } => self.hear_answer(way, message, status, sink),
        }
    }

    fn hear_request(&mut self, way: Way, message: &Message<'_>, line: (&[u8], &[u8]), sink: &mut Sink) {
        let (method, url) = line;
        self.suppose_server(match method {
            b"DESCRIBE" | b"SETUP" | b"PLAY" | b"PAUSE" | b"RECORD" | b"TEARDOWN" => {
                Server { way: way.other(), is_certain: true }
            }
            b"REDIRECT" | b"PLAY_NOTIFY" => Server { way, is_certain: true },
            _ => Server { way: way.other(), is_certain: false },
        });
        let names = message.headers.iter().map(|header| header.name);
        let shown = url::without_secrets(url);
        self.has_login |= shown != url || credentials::are_among(names);
        let url = shown;
        if !self.is_server(way) {
            self.say(About::Sender, Key::RtspUserAgent, message.header(b"user-agent"), sink);
        }
        self.has_back_channel |= message.all(b"require").any(|tag| tag.ends_with(BACK_CHANNEL));
        if method == b"ANNOUNCE" {
            self.describe(message, &url, sink);
        }
        let asked = Asked {
            cseq: message.cseq(),
            method: Text::new(method),
            url,
            credentials: message.header(b"authorization").map(Credentials::parse),
            proof: message.header(b"authorization").and_then(|value| Proof::of_header(value, method)),
            transports: message.all(b"transport").flat_map(Transport::parse_all).collect(),
        };
        let is_server = self.is_server(way);
        let waiting = self.waiting_of(way);
        waiting.push_back(asked);
        if waiting.len() > WAITING_MAX {
            let forgotten = waiting.pop_front();
            forgotten
                .filter(|_| !is_server)
                .into_iter()
                .for_each(|asked| asked.unanswered(About::Receiver, sink));
        }
    }

    fn hear_answer(&mut self, way: Way, message: &Message<'_>, status: u16, sink: &mut Sink) {
        self.suppose_server(Server { way, is_certain: false });
        let asked = self.take_asked(way.other(), message.cseq());
        if !self.is_server(way) {
            return;
        }
        if !self.has_answered {
            self.has_answered = true;
            sink.fact(About::Sender, Fact::Service { protocol: "rtsp" });
        }
        for (name, key) in ATTRIBUTES {
            self.say(About::Sender, *key, message.header(name), sink);
        }
        let challenges: Vec<_> = message.all(b"www-authenticate").flat_map(Challenge::parse_all).collect();
        for challenge in &challenges {
            self.say(About::Sender, Key::RtspRealm, Some(&challenge.realm), sink);
        }
        let is_success = (200..300).contains(&status);
        let Some(mut asked) = asked else {
            // The mirror may show one direction only: what the answer says alone still holds.
            if is_success {
                self.describe(message, b"", sink);
                self.set_up(message, b"", &[], sink);
            }
            return;
        };
        let target = Some(&asked.url[..]).filter(|url| *url != b"*").and_then(Text::some);
        let exchange = Exchange { method: asked.method.clone(), target, status: Some(status) };
        sink.fact(About::Sender, Fact::Exchange(Box::new(exchange)));
        let is_stale = challenges.iter().any(|challenge| challenge.is_stale);
        self.judge_login(&mut asked, status, is_stale, sink);
        self.judge_anonymous(asked.method.as_str(), status, sink);
        if !is_success {
            return;
        }
        // OPTIONS is answered for paths that do not exist.
        if asked.url != b"*" && asked.method.as_str() != "OPTIONS" {
            self.say(About::Sender, Key::RtspPath, Some(url::path(&asked.url)), sink);
        }
        match asked.method.as_str() {
            "DESCRIBE" => self.describe(message, &asked.url, sink),
            "SETUP" => self.set_up(message, &asked.url, &asked.transports, sink),
            "TEARDOWN" => self.tear_down(&asked.url, sink),
            _ => {}
        }
    }

    fn judge_login(&mut self, asked: &mut Asked, status: u16, is_stale: bool, sink: &mut Sink) {
        let is_options = asked.method.as_str() == "OPTIONS";
        self.refuses_options |= is_options && status == 401;
        self.has_challenged |= status == 401;
        let Some(credentials) = &asked.credentials else { return };
        let outcome = match status {
            200..=299 if is_options && !self.refuses_options => return,
            200..=299 if self.accepted.as_ref() == Some(credentials) => return,
            200..=299 => Outcome::Accepted,
            401 if !is_stale => Outcome::Rejected,
            _ => return,
        };
        self.accepted = Some(credentials.clone()).filter(|_| outcome == Outcome::Accepted);
        credentials.say(outcome, About::Sender, sink);
        // A password that nobody asked for may be wrong.
        let is_proved =
            |proof: &Proof| outcome == Outcome::Accepted && (self.has_challenged || !proof.is_plain());
        if let Some(proof) = asked.proof.take().filter(is_proved) {
            sink.proof(About::Sender, proof);
        }
    }

    /// Says what the server does for one who has not logged in. Who plays what was set up before the capture began may
    /// have logged in there.
    fn judge_anonymous(&mut self, method: &str, status: u16, sink: &mut Sink) {
        let is_success = (200..300).contains(&status);
        let has_set_up = self.has_set_up;
        self.has_set_up |= method == "SETUP" && is_success;
        let given = match (method, status) {
            _ if self.has_login => return,
            (_, 401 | 403) => None,
            ("DESCRIBE", 200..=299) => Some(Text::from("RTSP DESCRIBE")),
            ("PLAY", 200..=299) if has_set_up => Some(Text::from("RTSP PLAY")),
            _ => return,
        };
        sink.fact(About::Sender, Fact::Anonymous { given });
    }

    /// Reads the SDP of a message, if it has one.
    fn describe(&mut self, message: &Message<'_>, url: &[u8], sink: &mut Sink) {
        let kind = message.header(b"content-type").unwrap_or_default().to_ascii_lowercase();
        if message.body.is_empty()
            || !(kind.starts_with(b"application/sdp") || message.body.starts_with(b"v=0"))
        {
            return;
        }
        let description = Description::parse(message.body);
        let base = message.header(b"content-base").or_else(|| message.header(b"content-location"));
        let base = base.map_or_else(|| url.to_vec(), url::without_secrets);
        self.tracks.describe(&base, &description, self.has_back_channel);
        description.properties(|key, value| self.say(About::Sender, key, Some(value), sink));
        if let Some(ip) = description.origin.filter(|ip| !ip.is_unspecified() && !ip.is_loopback()) {
            let origin = Origin { ip, attributes: Vec::new(), by: "sdp.origin" };
            sink.fact(About::Sender, Fact::Origin(Box::new(origin)));
        }
        if let Some(fault) = description.fault {
            sink.fact(About::Sender, Fact::Malformed(fault));
        }
    }

    fn set_up(&mut self, message: &Message<'_>, url: &[u8], requested: &[Transport], sink: &mut Sink) {
        let answered = message.header(b"transport").map(Transport::parse_all).unwrap_or_default();
        let agreed = match answered.into_iter().next() {
            Some(answered) => Some(answered.completed_by(requested)),
            None => requested.first().filter(|_| requested.len() == 1).cloned(),
        };
        let Some(transport) = agreed.filter(|transport| transport.is_rtp) else { return };
        let (stream, sent_by_client) = self.tracks.set_up(url, &transport);
        let about = if sent_by_client { About::Receiver } else { About::Sender };
        sink.fact(about, Fact::StreamAnnounced(Box::new(stream)));
    }

    fn tear_down(&mut self, url: &[u8], sink: &mut Sink) {
        let mut ended = self.tracks.tear_down(url);
        ended.sort_unstable_by_key(|ended| (ended.sent_by_client, ended.ssrc));
        ended.dedup();
        if ended.is_empty() {
            sink.fact(About::Sender, Fact::StreamEnded { ssrc: None, by: Ended::Teardown });
        }
        for ended in ended {
            let about = if ended.sent_by_client { About::Receiver } else { About::Sender };
            sink.fact(about, Fact::StreamEnded { ssrc: ended.ssrc, by: Ended::Teardown });
        }
    }

    /// Says what was never answered; [`About::Sender`] is the originator.
    pub(super) fn end(&mut self, sink: &mut Sink) {
        for way in [Way::Orig, Way::Resp] {
            let asked = std::mem::take(self.waiting_of(way));
            let about = if way == Way::Orig { About::Receiver } else { About::Sender };
            if !self.is_server(way) {
                asked.into_iter().for_each(|asked| asked.unanswered(about, sink));
            }
        }
    }

    /// Says a property that was not said before in this connection.
    fn say(&mut self, about: About, key: Key, value: Option<&[u8]>, sink: &mut Sink) {
        let Some(value) = value.and_then(Text::some) else { return };
        let mut hasher = DefaultHasher::new();
        (key, &value).hash(&mut hasher);
        let said = hasher.finish();
        if self.said.contains(&said) {
            return;
        }
        if self.said.len() >= SAID_MAX {
            self.said.pop_front();
        }
        self.said.reserve_exact(1);
        self.said.push_back(said);
        sink.fact(about, Fact::Attribute { key, value });
    }

    fn suppose_server(&mut self, server: Server) {
        if self.server.is_none_or(|known| server.is_certain && !known.is_certain) {
            self.server = Some(server);
        }
    }

    fn is_server(&self, way: Way) -> bool {
        self.server.is_some_and(|server| server.way == way)
    }

    fn waiting_of(&mut self, way: Way) -> &mut VecDeque<Asked> {
        way.of(&mut self.waiting)
    }

    fn take_asked(&mut self, way: Way, cseq: Option<u32>) -> Option<Asked> {
        let waiting = self.waiting_of(way);
        let by_number = waiting.iter().position(|asked| cseq.is_some() && asked.cseq == cseq);
        let by_order = || match cseq {
            None => Some(0),
            Some(_) => waiting.iter().position(|asked| asked.cseq.is_none()),
        };
        let at = by_number.or_else(by_order)?;
        let asked = waiting.remove(at);
        if waiting.is_empty() {
            // A connection lasts for days and asks twice a minute.
            *waiting = VecDeque::new();
        }
        asked
    }
}

impl Asked {
    fn unanswered(self, about: About, sink: &mut Sink) {
        let target = Some(&self.url[..]).filter(|url| *url != b"*").and_then(Text::some);
        sink.fact(about, Fact::Exchange(Box::new(Exchange { method: self.method, target, status: None })));
        if let Some(credentials) = self.credentials {
            credentials.say(Outcome::Unknown, about, sink);
        }
    }
}

const ATTRIBUTES: &[(&[u8], Key)] = &[
    (b"server", Key::RtspServer),
    (b"public", Key::RtspPublic),
    (b"session", Key::RtspSession),
    (b"date", Key::RtspDate),
];

/// ONVIF Streaming Specification, 5.3.1.
const BACK_CHANNEL: &[u8] = b"/backchannel";

/// Clients wait for each answer; those that pipeline send a handful.
const WAITING_MAX: usize = 32;

/// Properties remembered so as to say each once; a talkative SDP has fifty.
const SAID_MAX: usize = 256;
