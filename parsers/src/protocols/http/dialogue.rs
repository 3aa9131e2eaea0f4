//! Requests and their answers, and what they say together.
//!
//! Answers come in the order of their requests. After a loss nobody knows whose answer comes next: requests
//! that wait are then told as unanswered.
//!
//! | fact | about | said when |
//! | --- | --- | --- |
//! | Service | server | it first answers; `onvif` and `rtsp` where that is inside |
//! | Attribute | who says it | new in this connection |
//! | Exchange | server | a request is answered, or never was when the flow ends |
//! | Command | server | what was ordered was answered with 2xx, and by no fault |
//! | Login | server | a request with `Authorization` or a UsernameToken is answered |
//! | Anonymous | server | it gives pictures, video or ONVIF's answers, or refuses, before any login in this connection |
//! | TimeOfDay | server | it tells its clock (ONVIF GetSystemDateAndTime); it dates an answer, a minute after the last one at least |
//! | Interfaces | server | it tells them (ONVIF GetNetworkInterfaces) |
//! | MediaProfiles | server | it tells them (ONVIF GetProfiles) |
//! | PortMapped | client | a router did as asked for (UPnP AddPortMapping, AddAnyPortMapping) |
//! | Origin | server | a recorder lists its channels |
//! | Notice | who notifies | a fault of its own is pulled from it (ONVIF PullMessages), or it posts it (Notify) |
//!
//! A login counts as accepted where the server was seen to ask for one, or had to: Digest answers a challenge. A name
//! and password that nobody asked for in this connection may be right or wrong: what proves them is passed on with an unknown outcome,
//! for the server may have asked in another connection.
//!
//! Of a path the first parts are told, without what follows `?`: the rest is of no use to anybody but its reader.
//!
//! Source: RFC 9110; RFC 7235; RFC 7616.

use std::collections::VecDeque;

use super::body::{Content, Kind};
use super::head::{Head, Start};
use super::{channels, date, maker, order, page};
use crate::Proof;
use crate::protocols::onvif;
use crate::protocols::rtsp::{Challenge, Credentials, credentials, url};
use crate::protocols::upnp;
use crate::time::{Span, Time};
use crate::vocabulary::{
    About, Command, Exchange, Fact, Key, Notice, Outcome, PortMapped, Sink, Text, TimeTold,
};
use crate::xml;

/// One connection's.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    /// Whether the connection speaks something else from here on.
    pub(super) is_left: bool,
    has_answered: bool,
    has_answered_onvif: bool,
    /// Whether the server was seen to ask for a login.
    has_challenged: bool,
    /// Whether the client showed anything by which it may be known.
    has_login: bool,
    /// Requests that wait for their answers, oldest first.
    waiting: VecDeque<Asked>,
    asked: u32,
    said: VecDeque<(Key, Text)>,
    /// The date that was told last.
    dated: Option<Time>,
    accepted: Option<Credentials>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Asked {
    number: u32,
    method: Text,
    /// As it came, [`TARGET_MAX`] bytes of it: it may hold secrets.
    target: Vec<u8>,
    credentials: Option<Credentials>,
    proof: Option<Proof>,
    onvif: Option<onvif::Request>,
    /// The way from outside that it asks a router for.
    mapping: Option<Box<PortMapped>>,
}

/// What the body of an answer answers.
#[derive(Debug)]
pub(super) struct Answered {
    asked: Option<Asked>,
    status: u16,
}

impl Dialogue {
    /// Takes the head of a request; whether its body is wanted.
    pub(super) fn hear_request(&mut self, head: &Head<'_>, sink: &mut Sink) -> Option<Content> {
        let Start::Request { method, target } = head.start else { return None };
        self.say(About::Sender, Key::HttpUserAgent, head.header("user-agent"), sink);
        self.asked = self.asked.wrapping_add(1);
        let target = target.as_bytes();
        let names = head.headers.iter().map(|(name, _)| name.as_bytes());
        self.has_login |= url::without_secrets(target) != target || credentials::are_among(names);
        let asked = Asked {
            number: self.asked,
            method: Text::from(method),
            target: target.get(..TARGET_MAX).unwrap_or(target).to_vec(),
            credentials: head.header("authorization").map(Credentials::parse),
            proof: head.header("authorization").and_then(|value| Proof::of_header(value, method.as_bytes())),
            onvif: None,
            mapping: None,
        };
        self.waiting.push_back(asked);
        if self.waiting.len() > WAITING_MAX
            && let Some(forgotten) = self.waiting.pop_front()
        {
            forgotten.unanswered(About::Receiver, sink);
        }
        let is_read = is_plain(head) && is_xml(&head.content_type());
        is_read.then(|| Content::new(Kind::Asked(self.asked)))
    }

    /// Takes the head of an answer; whether a body follows, and is wanted.
    pub(super) fn hear_answer(
        &mut self,
        head: &Head<'_>,
        status: u16,
        sink: &mut Sink,
    ) -> (Option<Content>, bool) {
        let mut asked = self.waiting.pop_front();
        if self.waiting.is_empty() {
            // A connection lasts for days and asks twice a minute.
            self.waiting = VecDeque::new();
        }
        if !self.has_answered {
            self.has_answered = true;
            sink.fact(About::Sender, Fact::Service { protocol: "http" });
        }
        let is_own =
            asked.as_ref().is_none_or(|asked| !asked.is_for_a_proxy()) && head.header("via").is_none();
        let kind = head.content_type();
        if is_own {
            self.say(About::Sender, Key::HttpServer, head.header("server"), sink);
            self.date(head, sink);
        }
        let challenges: Vec<_> = head.all("www-authenticate").flat_map(Challenge::parse_all).collect();
        if is_own {
            for challenge in &challenges {
                self.say(About::Sender, Key::HttpRealm, Some(&challenge.realm), sink);
            }
        }
        let is_stale = challenges.iter().any(|challenge| challenge.is_stale);
        if let Some(asked) = &mut asked {
            let exchange =
                Exchange { method: asked.method.clone(), target: asked.shown(), status: Some(status) };
            sink.fact(About::Sender, Fact::Exchange(Box::new(exchange)));
            self.judge_login(asked, status, is_stale, sink);
            if is_own && is_success(status) {
                asked.told_order(sink);
                if let Some(mapping) = asked.mapping.take() {
                    sink.fact(About::Receiver, Fact::PortMapped(mapping));
                }
            }
            if is_own && is_success(status) && !is_page(&kind) {
                self.say(About::Sender, Key::HttpPath, asked.path().as_deref(), sink);
            }
        }
        if is_own && !self.has_login && matches!(status, 401 | 403) {
            sink.fact(About::Sender, Fact::Anonymous { given: None });
        }
        let is_picture = is_success(status) && kind == b"image/jpeg";
        if is_own && !self.has_login && is_picture && asked.as_ref().is_some_and(Asked::is_for_a_snapshot) {
            sink.fact(About::Sender, Fact::Anonymous { given: Some(Text::from("HTTP snapshot")) });
        }
        self.has_challenged |= status == 401;
        let method = asked.as_ref().map_or("", |asked| asked.method.as_str());
        self.is_left = status == 101 || (method == "CONNECT" && is_success(status));
        let has_body = method != "HEAD" && !matches!(status, 204 | 304);
        let kind = match &kind[..] {
            _ if !is_own || !is_plain(head) => None,
            kind if is_page(kind) => is_success(status).then_some(Kind::Page),
            b"multipart/x-mixed-replace" => (is_success(status) && !self.has_login).then_some(Kind::Parts),
            kind if is_xml(kind) || kind.is_empty() => {
                Some(Kind::Answered(Box::new(Answered { asked, status })))
            }
            _ if is_success(status) && asked.as_ref().is_some_and(Asked::is_of_maker) => {
                Some(Kind::Answered(Box::new(Answered { asked, status })))
            }
            _ => None,
        };
        (kind.map(Content::new), has_body)
    }

    /// Reads what is there of a body that came from who `about` is.
    pub(super) fn tell(&mut self, content: Option<Content>, about: About, sink: &mut Sink) {
        let Some(Content { kind, bytes }) = content.filter(|content| !content.bytes.is_empty()) else {
            return;
        };
        match kind {
            Kind::Page => self.say(about, Key::HttpTitle, page::title(&bytes).as_deref(), sink),
            Kind::Parts if page::is_of_pictures(&bytes) => {
                sink.fact(about, Fact::Anonymous { given: Some(Text::from("HTTP video (MJPEG)")) });
            }
            Kind::Parts => {}
            Kind::Asked(number) => {
                let waiting = self.waiting.iter_mut().find(|asked| asked.number == number);
                if let (Some(asked), true) = (waiting, xml::is_xml(&bytes)) {
                    asked.onvif = onvif::Request::read(&bytes);
                    asked.mapping = upnp::mapping(&bytes).map(Box::new);
                    self.has_login |= asked.onvif.as_ref().is_some_and(|request| request.has_security);
                    let said = asked.onvif.as_mut().map(|request| std::mem::take(&mut request.notices));
                    notify(said.unwrap_or_default(), about, sink);
                }
            }
            Kind::Answered(answered) => {
                let Answered { asked, status } = *answered;
                match onvif::Answer::read(&bytes, asked.as_ref().is_some_and(|asked| asked.onvif.is_some())) {
                    Some(answer) => {
                        self.answer(asked.and_then(|asked| asked.onvif), status, answer, (about, sink))
                    }
                    None if is_success(status) => {
                        let is_list = asked.as_ref().is_some_and(|asked| channels::is_known(&asked.target));
                        let mut said =
                            asked.map_or_else(Vec::new, |asked| maker::answer(&asked.target, &bytes));
                        let mut origins = if is_list { channels::in_lines(&bytes) } else { Vec::new() };
                        if xml::is_xml(&bytes) {
                            said.extend(upnp::description(&bytes));
                            said.extend(maker::device_info(&bytes));
                            origins.extend(channels::in_xml(&bytes));
                        }
                        for origin in origins {
                            sink.fact(about, Fact::Origin(Box::new(origin)));
                        }
                        for (key, value) in said {
                            self.say(about, key, Some(value.as_str().as_bytes()), sink);
                        }
                    }
                    None => {}
                }
            }
        }
    }

    fn answer(
        &mut self,
        asked: Option<onvif::Request>,
        status: u16,
        answer: onvif::Answer,
        (about, sink): (About, &mut Sink),
    ) {
        if !self.has_answered_onvif {
            self.has_answered_onvif = true;
            sink.fact(about, Fact::Service { protocol: "onvif" });
        }
        for (key, value) in answer.attributes {
            self.say(about, key, Some(value.as_str().as_bytes()), sink);
        }
        if let Some(utc) = answer.clock.and_then(|clock| clock.time()) {
            sink.fact(about, Fact::TimeOfDay { utc, told: TimeTold::Asked });
        }
        if !answer.interfaces.is_empty() {
            sink.fact(about, Fact::Interfaces(answer.interfaces.into()));
        }
        if !answer.profiles.is_empty() {
            sink.fact(about, Fact::MediaProfiles(answer.profiles.into()));
        }
        notify(answer.notices, about, sink);
        let Some(asked) = asked else { return };
        if !self.has_login
            && (answer.is_refused || (is_success(status) && asked.is_served_by(&answer.operation)))
        {
            let given = Text::from(format!("ONVIF {}", asked.operation).as_str());
            sink.fact(about, Fact::Anonymous { given: Some(given).filter(|_| !answer.is_refused) });
        }
        let is_done = !answer.is_refused && is_success(status);
        if let Some(order) = order::of_operation(asked.operation.as_str()).filter(|_| is_done) {
            let what = Text::from(format!("ONVIF {}", asked.operation).as_str());
            let account = asked.credentials.as_ref().and_then(|it| it.account.clone());
            let account = account.or_else(|| self.accepted.as_ref().and_then(|it| it.account.clone()));
            sink.fact(about, Fact::Command(Box::new(Command { order, what, account })));
        }
        let outcome = match (answer.is_refused || status == 401, is_success(status)) {
            (true, _) => Outcome::Rejected,
            (false, true) if asked.needs_login() => Outcome::Accepted,
            _ => return,
        };
        if let Some(credentials) = asked.credentials {
            self.log_in((&credentials, asked.proof), outcome, about, sink);
        }
    }

    fn judge_login(&mut self, asked: &mut Asked, status: u16, is_stale: bool, sink: &mut Sink) {
        let Some(credentials) = &asked.credentials else { return };
        let is_asked_for = self.has_challenged || credentials.scheme.starts_with("digest");
        let outcome = match status {
            200..=399 if is_asked_for => Outcome::Accepted,
            200..=399 => Outcome::Unknown,
            401 if !is_stale => Outcome::Rejected,
            _ => return,
        };
        let proof = asked.proof.take().filter(|_| is_success(status));
        self.log_in((credentials, proof), outcome, About::Sender, sink);
    }

    fn log_in(
        &mut self,
        (credentials, proof): (&Credentials, Option<Proof>),
        outcome: Outcome,
        about: About,
        sink: &mut Sink,
    ) {
        if outcome != Outcome::Rejected && self.accepted.as_ref() == Some(credentials) {
            return;
        }
        self.accepted = Some(credentials.clone()).filter(|_| outcome != Outcome::Rejected);
        credentials.say(outcome, about, sink);
        // Whether the server asked for it in another connection the engine knows.
        let may_be_right =
            outcome == Outcome::Accepted || (outcome == Outcome::Unknown && credentials.scheme == BASIC);
        if let Some(proof) = proof.filter(|_| may_be_right) {
            sink.proof(about, proof);
        }
    }

    /// Says the date of an answer that the server made now: who stored it says its age (RFC 9111, 5.1).
    fn date(&mut self, head: &Head<'_>, sink: &mut Sink) {
        let date = head.header("date").filter(|_| head.header("age").is_none());
        let Some(utc) = date.and_then(date::parse) else { return };
        let is_near = |last: Time| (0..DATED_AGAIN.0).contains(&utc.0.saturating_sub(last.0));
        if !self.dated.is_some_and(is_near) {
            self.dated = Some(utc);
            sink.fact(About::Sender, Fact::TimeOfDay { utc, told: TimeTold::Dated });
        }
    }

    /// Says what will not be answered any more; [`About::Sender`] is the originator, who mostly asks.
    pub(super) fn forget_waiting(&mut self, sink: &mut Sink) {
        for asked in std::mem::take(&mut self.waiting) {
            asked.unanswered(About::Receiver, sink);
        }
    }

    /// Says a property that was not said before in this connection.
    fn say(&mut self, about: About, key: Key, value: Option<&[u8]>, sink: &mut Sink) {
        let Some(value) = value.and_then(Text::some) else { return };
        let said = (key, value);
        if self.said.contains(&said) {
            return;
        }
        if self.said.len() >= SAID_MAX {
            self.said.pop_front();
        }
        sink.attribute(about, key, said.1.as_str().as_bytes());
        self.said.reserve_exact(1);
        self.said.push_back(said);
    }
}

impl Asked {
    /// Whether its answer is read though it is no XML.
    fn is_of_maker(&self) -> bool {
        maker::is_known(&self.target) || channels::is_known(&self.target)
    }

    /// Whether it is the camera's picture of now, by its maker's path.
    fn is_for_a_snapshot(&self) -> bool {
        let path = self.target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let is_isapi = path.starts_with(b"/ISAPI/Streaming/") && path.ends_with(b"/picture");
        is_isapi || SNAPSHOTS.contains(&path)
    }

    /// Says what was ordered by a request that succeeded.
    fn told_order(&self, sink: &mut Sink) {
        let Some(order) = order::of_request(self.method.as_str(), &self.target) else { return };
        let path = self.path().unwrap_or_default();
        let what = Text::new(&[self.method.as_str().as_bytes(), b" ", &path].concat());
        let account = self.credentials.as_ref().and_then(|it| it.account.clone());
        sink.fact(About::Sender, Fact::Command(Box::new(Command { order, what, account })));
    }

    /// Whether a whole URL is asked for, as of a proxy.
    fn is_for_a_proxy(&self) -> bool {
        self.method.as_str() == "CONNECT" || !matches!(self.target.first(), Some(b'/' | b'*') | None)
    }

    /// The path, secrets and all behind `?` cut out.
    fn path(&self) -> Option<Vec<u8>> {
        let target = url::without_secrets(&self.target);
        let path = url::path(&target);
        let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
        path.get(..end).filter(|path| !matches!(*path, b"" | b"/" | b"*")).map(<[u8]>::to_vec)
    }

    /// Its first parts.
    fn shown(&self) -> Option<Text> {
        let path = self.path()?;
        let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let end = slashes.nth(PARTS_SHOWN).map_or(path.len(), |(at, _)| at);
        Text::some(path.get(..end)?)
    }

    fn unanswered(self, about: About, sink: &mut Sink) {
        let exchange = Exchange { target: self.shown(), method: self.method, status: None };
        sink.fact(about, Fact::Exchange(Box::new(exchange)));
        let of_body = self.onvif.and_then(|request| request.credentials);
        for credentials in [self.credentials, of_body].into_iter().flatten() {
            credentials.say(Outcome::Unknown, about, sink);
        }
    }
}

/// As [`Credentials`] names it.
const BASIC: &str = "basic";

fn notify(notices: Vec<Notice>, about: About, sink: &mut Sink) {
    notices.into_iter().for_each(|notice| sink.fact(about, Fact::Notice(Box::new(notice))));
}

/// Whether a body is neither compressed nor otherwise wrapped.
fn is_plain(head: &Head<'_>) -> bool {
    head.all("content-encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity"))
}

fn is_page(kind: &[u8]) -> bool {
    matches!(kind, b"text/html" | b"application/xhtml+xml")
}

fn is_xml(kind: &[u8]) -> bool {
    kind.ends_with(b"/xml") || kind.ends_with(b"+xml")
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

/// A camera's picture of now: Axis VAPIX, Dahua HTTP API, Vivotek, Hanwha SUNAPI.
const SNAPSHOTS: &[&[u8]] = &[
    b"/axis-cgi/jpg/image.cgi",
    b"/cgi-bin/snapshot.cgi",
    b"/cgi-bin/viewer/video.jpg",
    b"/stw-cgi/video.cgi",
];

/// Clients wait for each answer; those that pipeline send a handful.
const WAITING_MAX: usize = 32;

/// Clocks go wrong slowly.
const DATED_AGAIN: Span = Span::seconds(60);

/// Properties remembered so as to say each once.
const SAID_MAX: usize = 128;

/// More of a path and its parameters is of no use.
const TARGET_MAX: usize = 1_024;

/// As in `/ISAPI/System/deviceInfo`.
const PARTS_SHOWN: usize = 3;
