//! File Transfer Protocol (FTP), the control connection, TCP port 21: who logs in, and whether in clear.
//!
//! ```text
//! server  220 AXIS M1011 Network Camera 5.20 ready.     greeting
//! client  AUTH TLS          234 …                       from here on it is TLS, read as such
//! client  USER gate         331 a password is wanted    230 none is
//! client  PASS …            230 accepted                530 refused
//! ```
//!
//! A reply belongs to the oldest command without one. The password goes with its reply: into a [`Proof`] where it was
//! accepted, else nowhere. Who enters as `anonymous` or `ftp` needs none (RFC 1635).
//!
//! Source: RFC 959, 4 and 5.4; RFC 4217, 4. Checked against tshark. Left out: files and where they go.

use std::collections::VecDeque;

use super::command::{Front, Inside, Lines, Replies, command, reply};
use crate::Proof;
use crate::vocabulary::{
    About, Envelope, Fact, Key, Login, On, Outcome, Parser, Probe, Progress, Session, Sink, Start, Text, Way,
};

/// What the engine knows of this protocol.
pub const FTP: Parser = Parser {
    name: "ftp",
    about: "what the server says it is, logins and what came of them, where TLS begins",
    source: "RFC 959, RFC 4217",
    on: &[On::Tcp(PORT), On::AnyTcp(b"2")],
    probe,
    start: Start::Session(|envelope| Box::new(Connection::new(envelope))),
};

/// One control connection.
#[derive(Debug)]
pub struct Connection {
    envelope: Envelope,
    server: Way,
    lines: [Lines; 2],
    replies: Replies,
    has_spoken: bool,
    /// Commands without a reply, oldest first.
    waiting: VecDeque<Command>,
    /// Who is about to log in.
    account: Option<Vec<u8>>,
    inside: Option<Inside>,
}

/// A command whose reply means something.
#[derive(Debug)]
enum Command {
    User(Vec<u8>),
    Password(Option<Proof>, Option<Text>),
    StartTls,
    Other,
}

impl Connection {
    /// A connection whose originator sent from this envelope: who has the port of the protocol is the server, else who
    /// was called.
    fn new(envelope: &Envelope) -> Self {
        let is_called_back = envelope.source_port == PORT && envelope.destination_port != PORT;
        Self {
            envelope: *envelope,
            server: if is_called_back { Way::Orig } else { Way::Resp },
            lines: Default::default(),
            replies: Replies::default(),
            has_spoken: false,
            waiting: VecDeque::new(),
            account: None,
            inside: None,
        }
    }

    fn hear_client(&mut self, line: &[u8]) {
        let (word, rest) = command(line);
        let told = match &word[..] {
            b"" => return,
            b"USER" => Command::User(rest.to_vec()),
            b"PASS" => {
                let account = self.account.take();
                let proof = account.as_deref().map(|account| Proof::plain(account, rest));
                Command::Password(proof, account.as_deref().and_then(Text::some))
            }
            b"AUTH" => Command::StartTls,
            _ => Command::Other,
        };
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.clear();
        }
        self.waiting.push_back(told);
    }

    fn hear_server(&mut self, line: &[u8], sink: &mut Sink) {
        if !self.has_spoken && reply(line).is_some() {
            self.has_spoken = true;
            sink.fact(About::Sender, Fact::Service { protocol: FTP.name });
            if line.starts_with(b"220") {
                sink.attribute(About::Sender, Key::FtpBanner, line.get(4..).unwrap_or_default());
            }
        }
        let is_preliminary = |code: u16| code < 200;
        let Some(code) = self.replies.take(line).filter(|code| !is_preliminary(*code)) else { return };
        match self.waiting.pop_front() {
            Some(Command::User(account)) => self.hear_of_user(account, code, sink),
            Some(Command::Password(proof, account)) => {
                let outcome = match code {
                    200..=299 => Outcome::Accepted,
                    530 => Outcome::Rejected,
                    _ => return,
                };
                log_in(account.as_ref(), outcome, sink);
                if let Some(proof) = proof.filter(|_| outcome == Outcome::Accepted)
                    && !is_anonymous(proof.user())
                {
                    sink.proof(About::Sender, proof);
                }
            }
            Some(Command::StartTls) if code == 234 => self.inside = Inside::new(&self.envelope),
            _ => {}
        }
    }

    fn hear_of_user(&mut self, account: Vec<u8>, code: u16, sink: &mut Sink) {
        match code {
            331 | 332 => self.account = Some(account),
            200..=299 => {
                let name = Text::new(&account);
                let given = Text::from(&*format!("FTP login as {name} without a password"));
                sink.fact(About::Sender, Fact::Anonymous { given: Some(given) });
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
        self.account = None;
    }

    fn held(&self) -> usize {
        let waiting = self.waiting.iter().map(|command| match command {
            Command::User(account) => account.len(),
            Command::Password(proof, _) => proof.as_ref().map_or(0, Proof::held),
            Command::StartTls | Command::Other => 0,
        });
        let own = waiting.fold(self.account.as_ref().map_or(0, Vec::len), usize::saturating_add);
        own.saturating_add(self.inside.as_ref().map_or(0, Inside::held))
    }

    fn end(&mut self, sink: &mut Sink) {
        if let Some(inside) = &mut self.inside {
            return inside.end(sink);
        }
        let about = if self.server == Way::Orig { About::Sender } else { About::Receiver };
        for command in self.waiting.drain(..) {
            if let Command::Password(_, account) = command {
                let login = Login { scheme: scheme(account.as_ref()), account, outcome: Outcome::Unknown };
                sink.fact(about, Fact::Login(Box::new(login)));
            }
        }
    }
}

/// Says what came of a password.
fn log_in(account: Option<&Text>, outcome: Outcome, sink: &mut Sink) {
    let login = Login { account: account.cloned(), scheme: scheme(account), outcome };
    if login.scheme == ANONYMOUS && outcome == Outcome::Accepted {
        let given = Some(Text::from("FTP login as anonymous"));
        sink.fact(About::Sender, Fact::Anonymous { given });
    }
    sink.fact(About::Sender, Fact::Login(Box::new(login)));
}

fn scheme(account: Option<&Text>) -> &'static str {
    match account {
        Some(account) if is_anonymous(account.as_str().as_bytes()) => ANONYMOUS,
        _ => "plain",
    }
}

fn is_anonymous(account: &[u8]) -> bool {
    account.eq_ignore_ascii_case(ANONYMOUS.as_bytes()) || account.eq_ignore_ascii_case(b"ftp")
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let is_at_home = envelope.has_port(&[PORT]);
    let front = bytes.get(..PROBED_MAX).unwrap_or(bytes);
    let is_begun = match is_at_home {
        true => front.first().is_none_or(u8::is_ascii_alphanumeric),
        false => front.iter().zip(b"220").all(|(byte, known)| byte == known),
    };
    if !is_begun {
        return Probe::No;
    }
    let line = front.iter().position(|byte| *byte == b'\n').and_then(|end| front.get(..end));
    if !is_at_home {
        return match line {
            None if bytes.len() < PROBED_MAX => Probe::Maybe,
            None => Probe::No,
            Some(line) if reply(trimmed(line)).is_some() && names_it(line) => Probe::Yes,
            Some(_) => Probe::No,
        };
    }
    match line {
        None if bytes.len() < PROBED_MAX => Probe::Maybe,
        None => Probe::No,
        Some(line) => {
            let (word, _) = command(trimmed(line));
            let is_command = (3..=4).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase);
            if reply(trimmed(line)).is_some() || is_command { Probe::Yes } else { Probe::No }
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn names_it(line: &[u8]) -> bool {
    line.windows(3).any(|word| word.eq_ignore_ascii_case(b"ftp"))
}

const PORT: u16 = 21;
const ANONYMOUS: &str = "anonymous";
/// A first line is a greeting or a command.
const PROBED_MAX: usize = 512;
/// Clients wait for each reply; a few send two commands at once.
const WAITING_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder, Heard};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    fn heard(blocks: &Blocks) -> Heard {
        feeder::heard(&FTP, blocks)
    }

    fn said(turns: &[(Way, &str)]) -> Blocks {
        turns.iter().map(|(way, text)| (*way, text.as_bytes().to_vec())).collect()
    }

    fn dialogue() -> Blocks {
        said(&[
            (SERVER, "220-AXIS M1011 Network Camera 5.20 ready.\r\n220 go on\r\n"),
            (CLIENT, "SYST\r\nUSER root\r\n"),
            (SERVER, "215 UNIX Type: L8\r\n331 Password please\r\n"),
            (CLIENT, "PASS hunter2\r\n"),
            (SERVER, "530 Login incorrect\r\n"),
            (CLIENT, "user root\r\n"),
            (SERVER, "331 Password please\r\n"),
            (CLIENT, "pass letmein\r\n"),
            (SERVER, "230-hello\r\n530 is no end\r\n230 ok\r\n"),
        ])
    }

    #[test]
    fn logins_are_told_with_what_came_of_them_and_without_their_secret() {
        let heard = heard(&dialogue());
        let root = || Some("root".to_owned());
        assert_eq!(
            heard.logins(),
            [(root(), "plain", Outcome::Rejected), (root(), "plain", Outcome::Accepted)]
        );
        assert_eq!(heard.attributes(Key::FtpBanner), ["AXIS M1011 Network Camera 5.20 ready."]);
        let told = format!("{:?}", heard.facts);
        assert!(!told.contains("hunter2") && !told.contains("letmein"), "{told}");
    }

    #[test]
    fn an_accepted_password_is_proved_and_a_refused_one_not() {
        let mut feeder = Feeder::new(&FTP);
        for (way, bytes) in dialogue() {
            feeder.feed(way, &bytes);
        }
        let [(About::Sender, proof)] = &feeder.sink.proofs[..] else { panic!("one proof") };
        assert!(proof.is_of(b"letmein") && proof.user() == b"root" && proof.is_plain());
    }

    #[test]
    fn who_may_enter_without_a_password_is_told() {
        let anonymous = said(&[
            (SERVER, "220 x\r\n"),
            (CLIENT, "USER anonymous\r\n"),
            (SERVER, "331 mail address\r\n"),
            (CLIENT, "PASS a@b\r\n"),
            (SERVER, "230 ok\r\n"),
        ]);
        let heard = heard(&anonymous);
        let given = |fact: &Fact| matches!(fact, Fact::Anonymous { given: Some(_) });
        assert_eq!(heard.of(given).len(), 1);
        assert_eq!(heard.logins(), [(Some("anonymous".into()), "anonymous", Outcome::Accepted)]);
        let bare = said(&[(SERVER, "220 x\r\n"), (CLIENT, "USER guest\r\n"), (SERVER, "230 ok\r\n")]);
        assert_eq!(feeder::heard(&FTP, &bare).of(given).len(), 1);
    }

    #[test]
    fn what_is_said_from_auth_on_is_tls() {
        let start = said(&[
            (SERVER, "220 x\r\n"),
            (CLIENT, "AUTH TLS\r\n"),
            (SERVER, "234 go\r\n"),
            (CLIENT, "USER root\r\n"),
        ]);
        let heard = heard(&start);
        assert!(heard.logins().is_empty());
        assert_eq!(heard.facts.len(), 2, "{:?}", heard.facts);
    }

    #[test]
    fn a_password_without_its_reply_is_told_as_unknown_and_none_behind_a_loss() {
        let mut feeder = Feeder::new(&FTP);
        for (way, text) in [(SERVER, "220 x\r\n"), (CLIENT, "USER a\r\n"), (SERVER, "331 x\r\n")] {
            feeder.feed(way, text.as_bytes());
        }
        feeder.feed(CLIENT, b"PASS b\r\n");
        assert_eq!(feeder.end().logins(), [(Some("a".into()), "plain", Outcome::Unknown)]);
        let mut feeder = Feeder::new(&FTP);
        feeder.feed(SERVER, b"220 x\r\n");
        feeder.feed(CLIENT, b"USER a\r\n");
        feeder.gap(SERVER);
        feeder.feed(SERVER, b"x\r\n230 ok\r\n");
        assert!(feeder.end().of(|fact| matches!(fact, Fact::Anonymous { .. })).is_empty());
    }

    #[test]
    fn probe_knows_a_greeting() {
        let home = Envelope { destination_port: PORT, ..Envelope::default() };
        assert_eq!(probe(&home, b"220 hello\r\n"), Probe::Yes);
        assert_eq!(probe(&home, b"USER a\r\n"), Probe::Yes);
        assert_eq!(probe(&home, b"220 hel"), Probe::Maybe);
        assert_eq!(probe(&home, b"GET / HTTP/1.1\r\n"), Probe::Yes, "three letters: on its port it is taken");
        assert_eq!(probe(&home, b"\x16\x03\x01"), Probe::No);
        let away = Envelope { destination_port: 2_121, ..Envelope::default() };
        assert_eq!(probe(&away, b"220 ProFTPD ready\r\n"), Probe::Yes);
        assert_eq!(probe(&away, b"220 mail ESMTP\r\n"), Probe::No);
        assert_eq!(probe(&away, b"22"), Probe::Maybe);
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        assert_eq!(feeder::heard_in_pieces(&FTP, &dialogue(), || 1), heard(&dialogue()));
        feeder::read_prefixes(&FTP, &dialogue());
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            prop_assert!(feeder::says_the_same_damaged(&FTP, &dialogue(), &damage, &sizes));
        }
    }
}
