//! Simple Mail Transfer Protocol (SMTP), TCP ports 25 and 587: who logs in, and where TLS begins.
//!
//! ```text
//! server  220 mail.example ESMTP                  greeting
//! client  EHLO camera       250-STARTTLS …
//! client  STARTTLS          220 …                 from here on it is TLS, read as such
//! client  AUTH PLAIN …      235 accepted          535 refused; base64 of [zero] user [zero] password
//! client  AUTH LOGIN        334 …  user  334 …  password  235
//! client  DATA              354 …  the message, until a line with a dot alone, which nobody reads
//! ```
//!
//! A reply belongs to the oldest command without one. The password goes with its reply: into a [`Proof`] where it was
//! accepted, else nowhere.
//!
//! Source: RFC 5321, 4; RFC 3207; RFC 4954, 4; RFC 4616; BDAT by RFC 3030, 2. Checked against tshark. Left out: who writes to
//! whom, and the message.

use std::collections::VecDeque;

use super::command::{Front, Inside, Lines, Replies, command, reply};
use crate::Proof;
use crate::base64::Decoder;
use crate::vocabulary::{
    About, Envelope, Fact, Key, Login, On, Outcome, Parser, Probe, Progress, Session, Sink, Start, Text, Way,
};

/// What the engine knows of this protocol.
pub const SMTP: Parser = Parser {
    name: "smtp",
    about: "what the server says it is, logins and what came of them, where TLS begins",
    source: "RFC 5321, RFC 3207, RFC 4954",
    on: &[On::Tcp(25), On::Tcp(587), On::AnyTcp(b"2")],
    probe,
    start: Start::Session(|envelope| Box::new(Connection::new(envelope))),
};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    envelope: Envelope,
    server: Way,
    lines: [Lines; 2],
    replies: Replies,
    has_spoken: bool,
    /// Commands without a reply, oldest first.
    waiting: VecDeque<Command>,
    login: Option<Attempt>,
    /// Whether a message comes, line by line.
    is_message: bool,
    /// Bytes of a message that comes in chunks.
    chunk: u64,
    inside: Option<Inside>,
}

/// A command whose reply means something.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Auth,
    StartTls,
    Data,
    Other,
}

/// A login as far as it came.
#[derive(Debug)]
struct Attempt {
    mechanism: &'static str,
    account: Option<Vec<u8>>,
    proof: Option<Proof>,
}

impl Attempt {
    /// Takes what the client answers, in base64.
    fn take(&mut self, answer: &[u8]) {
        let mut plain = Vec::with_capacity(answer.len());
        if !Decoder::default().decode(answer.trim_ascii(), &mut plain) {
            return;
        }
        match (self.mechanism, &self.account) {
            ("plain", None) => {
                let mut parts = plain.splitn(3, |byte| *byte == 0).skip(1);
                if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
                    (self.account, self.proof) = (Some(user.to_vec()), Some(Proof::plain(user, password)));
                }
            }
            ("login", None) => self.account = Some(plain.clone()),
            ("login", Some(user)) if self.proof.is_none() => self.proof = Some(Proof::plain(user, &plain)),
            ("cram-md5", None) => {
                self.account = plain.split(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
            }
            _ => {}
        }
        plain.fill(0);
        std::hint::black_box(&mut plain);
    }

    fn held(&self) -> usize {
        let proof = self.proof.as_ref().map_or(0, Proof::held);
        proof.saturating_add(self.account.as_ref().map_or(0, Vec::len))
    }

    fn told(&self, outcome: Outcome) -> Fact {
        let scheme = if matches!(self.mechanism, "plain" | "login") { "plain" } else { self.mechanism };
        let account = self.account.as_deref().and_then(Text::some);
        Fact::Login(Box::new(Login { account, scheme, outcome }))
    }
}

impl Connection {
    /// A connection whose originator sent from this envelope: who has a port of the protocol is the server, else who was
    /// called.
    fn new(envelope: &Envelope) -> Self {
        let is_called_back =
            PORTS.contains(&envelope.source_port) && !PORTS.contains(&envelope.destination_port);
        Self {
            envelope: *envelope,
            server: if is_called_back { Way::Orig } else { Way::Resp },
            lines: Default::default(),
            replies: Replies::default(),
            has_spoken: false,
            waiting: VecDeque::new(),
            login: None,
            is_message: false,
            chunk: 0,
            inside: None,
        }
    }

    fn hear_client(&mut self, line: &[u8]) {
        if self.is_message {
            self.is_message = line != b".";
            if !self.is_message {
                self.wait(Command::Other);
            }
            return;
        }
        if let Some(login) = self.login.as_mut().filter(|_| self.waiting.is_empty()) {
            if line != b"*" {
                login.take(line);
            }
            return self.wait(Command::Auth);
        }
        let (word, rest) = command(line);
        match &word[..] {
            b"AUTH" => {
                let (mechanism, initial) = command(rest);
                let mechanism = mechanism_of(&mechanism);
                let mut login = Attempt { mechanism, account: None, proof: None };
                if !initial.is_empty() && initial != b"=" {
                    login.take(initial);
                }
                self.login = Some(login);
                self.wait(Command::Auth);
            }
            b"STARTTLS" => self.wait(Command::StartTls),
            b"DATA" => self.wait(Command::Data),
            b"BDAT" => {
                let size = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
                self.chunk = std::str::from_utf8(size).ok().and_then(|it| it.parse().ok()).unwrap_or(0);
                self.wait(Command::Other);
            }
            b"" => {}
            _ => self.wait(Command::Other),
        }
    }

    fn wait(&mut self, told: Command) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.clear();
        }
        self.waiting.push_back(told);
    }

    fn hear_server(&mut self, line: &[u8], sink: &mut Sink) {
        if !self.has_spoken && reply(line).is_some() {
            self.has_spoken = true;
            sink.fact(About::Sender, Fact::Service { protocol: SMTP.name });
            if line.starts_with(b"220") {
                sink.attribute(About::Sender, Key::SmtpBanner, line.get(4..).unwrap_or_default());
            }
        }
        let Some(code) = self.replies.take(line) else { return };
        match (self.waiting.pop_front(), code) {
            (Some(Command::Data), 354) => self.is_message = true,
            (Some(Command::StartTls), 220) => self.inside = Inside::new(&self.envelope),
            (Some(Command::Auth), 300..=399) => {}
            (Some(Command::Auth), _) => {
                let Some(login) = self.login.take() else { return };
                match code {
                    235 => {
                        sink.fact(About::Sender, login.told(Outcome::Accepted));
                        login.proof.into_iter().for_each(|proof| sink.proof(About::Sender, proof));
                    }
                    535 => sink.fact(About::Sender, login.told(Outcome::Rejected)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if let Some(inside) = &mut self.inside {
            return inside.data(way, bytes, sink);
        }
        if bytes.is_empty() {
            return Progress::NeedMore;
        }
        if way != self.server && self.chunk > 0 {
            let length = usize::try_from(self.chunk).unwrap_or(usize::MAX).min(bytes.len());
            self.chunk = self.chunk.saturating_sub(length as u64);
            return Progress::Consumed(length);
        }
        match way.of(&mut self.lines).front(bytes) {
            Front::More => Progress::NeedMore,
            Front::Passed(length) => Progress::Consumed(length),
            Front::Line(line, length) => {
                if way == self.server {
                    self.hear_server(line, sink);
                } else {
                    self.hear_client(line);
                }
                Progress::Consumed(length)
            }
        }
    }

    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink) {
        if let Some(inside) = &mut self.inside {
            return inside.gap(way, missing, sink);
        }
        way.of(&mut self.lines).tear();
        self.replies = Replies::default();
        self.waiting.clear();
        self.login = None;
        if way != self.server {
            self.chunk = missing.map_or(0, |missing| self.chunk.saturating_sub(missing));
        }
    }

    fn held(&self) -> usize {
        let login = self.login.as_ref().map_or(0, Attempt::held);
        login.saturating_add(self.inside.as_ref().map_or(0, Inside::held))
    }

    fn end(&mut self, sink: &mut Sink) {
        if let Some(inside) = &mut self.inside {
            return inside.end(sink);
        }
        let about = if self.server == Way::Orig { About::Sender } else { About::Receiver };
        if let Some(login) = self.login.take().filter(|login| login.account.is_some()) {
            sink.fact(about, login.told(Outcome::Unknown));
        }
    }
}

fn mechanism_of(name: &[u8]) -> &'static str {
    match name {
        b"PLAIN" => "plain",
        b"LOGIN" => "login",
        b"CRAM-MD5" => "cram-md5",
        b"NTLM" => "ntlm",
        b"XOAUTH2" | b"OAUTHBEARER" => "bearer",
        b"SCRAM-SHA-1" | b"SCRAM-SHA-256" => "scram",
        _ => "other",
    }
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let is_at_home = envelope.has_port(&PORTS);
    let front = bytes.get(..PROBED_MAX).unwrap_or(bytes);
    let is_begun = |word: &[u8]| front.iter().zip(word).all(|(byte, known)| byte.eq_ignore_ascii_case(known));
    let is_open = is_begun(b"220") || (is_at_home && [&b"EHLO "[..], b"HELO "].into_iter().any(is_begun));
    if !is_open {
        return Probe::No;
    }
    match front.iter().position(|byte| *byte == b'\n').and_then(|end| front.get(..end)) {
        None if bytes.len() < PROBED_MAX => Probe::Maybe,
        None => Probe::No,
        Some(line) if is_at_home && (line.len() > 4) => Probe::Yes,
        Some(line) if line.windows(4).any(|word| word.eq_ignore_ascii_case(b"smtp")) => Probe::Yes,
        Some(_) => Probe::No,
    }
}

const PORTS: [u16; 2] = [25, 587];
/// A first line is a greeting or a command.
const PROBED_MAX: usize = 512;
/// Clients that do not wait send a handful of commands at once (RFC 2920).
const WAITING_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder, Heard};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    fn heard(blocks: &Blocks) -> Heard {
        feeder::heard(&SMTP, blocks)
    }

    fn said(turns: &[(Way, &str)]) -> Blocks {
        turns.iter().map(|(way, text)| (*way, text.as_bytes().to_vec())).collect()
    }

    /// `camera` with `hunter2`, by both ways.
    fn dialogue() -> Blocks {
        said(&[
            (SERVER, "220 mail.example ESMTP\r\n"),
            (CLIENT, "EHLO camera\r\n"),
            (SERVER, "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n"),
            (CLIENT, "AUTH PLAIN AGNhbWVyYQBodW50ZXIy\r\n"),
            (SERVER, "535 5.7.8 no\r\n"),
            (CLIENT, "AUTH LOGIN\r\n"),
            (SERVER, "334 VXNlcm5hbWU6\r\n"),
            (CLIENT, "Y2FtZXJh\r\n"),
            (SERVER, "334 UGFzc3dvcmQ6\r\n"),
            (CLIENT, "aHVudGVyMg==\r\n"),
            (SERVER, "235 ok\r\n"),
            (CLIENT, "MAIL FROM:<a@b>\r\nDATA\r\n"),
            (SERVER, "250 ok\r\n354 go\r\n"),
            (CLIENT, "AUTH PLAIN AGNhbWVyYQBodW50ZXIy\r\n.\r\nQUIT\r\n"),
            (SERVER, "250 ok\r\n221 bye\r\n"),
        ])
    }

    #[test]
    fn logins_are_told_with_what_came_of_them_and_without_their_secret() {
        let heard = heard(&dialogue());
        let camera = || Some("camera".to_owned());
        assert_eq!(
            heard.logins(),
            [(camera(), "plain", Outcome::Rejected), (camera(), "plain", Outcome::Accepted)]
        );
        assert_eq!(heard.attributes(Key::SmtpBanner), ["mail.example ESMTP"]);
        assert!(!format!("{:?}", heard.facts).contains("hunter2"));
    }

    #[test]
    fn an_accepted_password_is_proved() {
        let mut feeder = Feeder::new(&SMTP);
        for (way, bytes) in dialogue() {
            feeder.feed(way, &bytes);
        }
        let [(About::Sender, proof)] = &feeder.sink.proofs[..] else { panic!("one proof") };
        assert!(proof.is_of(b"hunter2") && proof.user() == b"camera");
    }

    #[test]
    fn what_is_said_from_starttls_on_is_tls() {
        let start = said(&[
            (SERVER, "220 x\r\n"),
            (CLIENT, "STARTTLS\r\n"),
            (SERVER, "220 go\r\n"),
            (CLIENT, "AUTH PLAIN AGNhbWVyYQBodW50ZXIy\r\n"),
        ]);
        assert!(heard(&start).logins().is_empty());
    }

    #[test]
    fn a_message_in_chunks_is_passed_over() {
        let chunk = said(&[
            (SERVER, "220 x ESMTP\r\n"),
            (CLIENT, "BDAT 12 LAST\r\nAUTH LOGIN\r\nNOOP\r\n"),
            (SERVER, "250 ok\r\n250 ok\r\n"),
        ]);
        assert!(heard(&chunk).logins().is_empty());
        assert_eq!(feeder::heard_in_pieces(&SMTP, &chunk, || 1), heard(&chunk));
    }

    #[test]
    fn probe_knows_a_greeting() {
        let home = Envelope { destination_port: 25, ..Envelope::default() };
        assert_eq!(
            [&b"220 hello\r\n"[..], b"EHLO x\r\n", b"22", b"\x16\x03"].map(|it| probe(&home, it)),
            [Probe::Yes, Probe::Yes, Probe::Maybe, Probe::No]
        );
        let away = Envelope { destination_port: 2_525, ..Envelope::default() };
        assert_eq!(
            [&b"220 x ESMTP\r\n"[..], b"220 FTP\r\n", b"EHLO x\r\n"].map(|it| probe(&away, it)),
            [Probe::Yes, Probe::No, Probe::No]
        );
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        assert_eq!(feeder::heard_in_pieces(&SMTP, &dialogue(), || 1), heard(&dialogue()));
        feeder::read_prefixes(&SMTP, &dialogue());
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            prop_assert!(feeder::says_the_same_damaged(&SMTP, &dialogue(), &damage, &sizes));
        }
    }
}
