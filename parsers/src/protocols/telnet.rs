//! Telnet, TCP port 23: who logs in, and what came of it.
//!
//! ```text
//! ff fb 01            IAC WILL option (also WONT, DO, DONT): what each side can
//! ff fa 18 … ff f0    IAC SB option … IAC SE: what it is set to
//! ff ff               the byte 255 itself
//! "gate login: "      all else is text
//! ```
//!
//! Nothing says where a login begins or ends, so it is told by who speaks when. What a server has shown when its client
//! begins to type is what he was asked:
//!
//! ```text
//!            "login:"          return           "Password:"            return
//! Greeted ─────────────► User ────────► Greeted ─────────────► Secret ────────► Tried
//!    ▲                                                                            │ what is shown next:
//!    └──── "incorrect", or asked again: refused ──────────────────────────────────┤
//!          a prompt (`$ # > %`), "Last login": accepted ───────► In, no more read ┘
//! ```
//!
//! What is typed is kept from its prompt until its return, and the password until it is known what came of it.
//!
//! Source: RFC 854; RFC 855; RFC 1123, 3.3.1 for the end of a line; prompts as in the captures that are compared.
//! Checked against tshark. Left out: what is typed and shown after a login.

use crate::Proof;
use crate::vocabulary::{
    About, Envelope, Fact, Key, Login, On, Outcome, Parser, Probe, Progress, Session, Sink, Start, Text, Way,
};

/// What the engine knows of this protocol.
pub const TELNET: Parser = Parser {
    name: "telnet",
    about: "what the server shows before it asks who comes, logins and what came of them",
    source: "RFC 854, RFC 855",
    on: &[On::Tcp(PORT), On::Tcp(2_323), On::Tcp(9_527), On::AnyTcp(&[IAC])],
    probe,
    start: Start::Session(|envelope| Box::new(Connection::new(envelope))),
};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    server: Way,
    /// Where each side stands between options and text.
    commands: [Command; 2],
    state: State,
    /// What the server showed last, since its client typed.
    shown: Vec<u8>,
    account: Option<Vec<u8>>,
    has_served: bool,
    /// Whether it asked for a login, or nobody knows.
    has_asked: bool,
    /// Whether the server's options were seen, with which a connection begins.
    has_begun: bool,
    /// A return came just before.
    is_after_return: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Greeted,
    /// What is typed of a name, or of a password.
    User(Typed),
    Secret(Typed),
    /// A password waits for what comes of it.
    Tried(Box<Proof>),
    In,
}

/// A line while it is typed, overwritten when it goes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Typed(Vec<u8>);

impl Drop for Typed {
    fn drop(&mut self) {
        self.0.fill(0);
        // Nobody reads them any more, so that the compiler might leave the line above out.
        std::hint::black_box(&mut self.0);
    }
}

/// What comes next of one side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Command {
    #[default]
    Text,
    Iac,
    Option,
    Setting,
    SettingIac,
}

impl Connection {
    /// A connection whose originator sent from this envelope: who has the port of the protocol is the server, else who
    /// was called.
    fn new(envelope: &Envelope) -> Self {
        let is_called_back = envelope.source_port == PORT && envelope.destination_port != PORT;
        Self {
            server: if is_called_back { Way::Orig } else { Way::Resp },
            commands: Default::default(),
            state: State::Greeted,
            shown: Vec::new(),
            account: None,
            has_served: false,
            has_asked: false,
            has_begun: false,
            is_after_return: false,
        }
    }

    /// Takes a byte of text that the server shows.
    fn show(&mut self, byte: u8) {
        if self.shown.len() >= SHOWN_MAX {
            // The newer half is kept: prompts are short.
            self.shown.drain(..SHOWN_MAX / 2);
        }
        self.shown.push(byte);
    }

    /// Takes a byte that the client types.
    fn type_in(&mut self, byte: u8, sink: &mut Sink) {
        let is_of_return = std::mem::replace(&mut self.is_after_return, byte == b'\r');
        if is_of_return && matches!(byte, b'\n' | 0) {
            return;
        }
        if matches!(self.state, State::Greeted | State::Tried(_)) {
            self.judge(About::Receiver, sink);
        }
        let (State::User(typed) | State::Secret(typed)) = &mut self.state else {
            self.shown.clear();
            return;
        };
        match byte {
            b'\r' | b'\n' => {
                self.shown.clear();
                self.enter();
            }
            0x08 | 0x7f => drop(typed.0.pop()),
            // Kill line.
            0x15 => typed.0.clear(),
            _ if typed.0.len() < TYPED_MAX => typed.0.push(byte),
            _ => {}
        }
    }

    /// Ends what is typed.
    fn enter(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Greeted) {
            State::User(typed) => {
                self.account = Some(typed.0.clone());
                State::Greeted
            }
            State::Secret(typed) => {
                let proof = Proof::plain(self.account.as_deref().unwrap_or_default(), &typed.0);
                State::Tried(Box::new(proof))
            }
            other => other,
        };
    }

    /// Judges what was shown, now that the client answers it or nothing more comes.
    fn judge(&mut self, about: About, sink: &mut Sink) {
        let text = self.shown.to_ascii_lowercase();
        let asked = Asked::of(&text);
        if !self.has_served && (asked.is_some() || self.has_begun) {
            self.has_served = true;
            sink.fact(about, Fact::Service { protocol: TELNET.name });
            if !self.has_asked && matches!(asked, Some(Asked::User | Asked::Secret)) {
                sink.attribute(about, Key::TelnetBanner, &greeting(&self.shown));
            }
        }
        if let State::Tried(proof) = &self.state {
            let outcome = match asked {
                _ if REFUSALS.iter().any(|word| has(&text, word)) => Outcome::Rejected,
                Some(Asked::User | Asked::Secret) => Outcome::Rejected,
                Some(Asked::Command) => Outcome::Accepted,
                None if has(&text, LAST_LOGIN) => Outcome::Accepted,
                None => return,
            };
            let account = self.account.as_deref().and_then(Text::some);
            sink.fact(about, Fact::Login(Box::new(Login { account, scheme: "plain", outcome })));
            if outcome == Outcome::Accepted {
                sink.proof(about, (**proof).clone());
            }
            self.state = if outcome == Outcome::Accepted { State::In } else { State::Greeted };
        }
        if self.state != State::Greeted {
            return;
        }
        self.state = match asked {
            Some(Asked::User) => State::User(Typed::default()),
            Some(Asked::Secret) => State::Secret(Typed::default()),
            Some(Asked::Command) => {
                if self.has_begun && !self.has_asked {
                    let given = Some(Text::from("a Telnet prompt"));
                    sink.fact(about, Fact::Anonymous { given });
                }
                State::In
            }
            None => return,
        };
        if matches!(self.state, State::User(_)) {
            self.account = None;
        }
        self.has_asked = true;
    }
}

/// What a server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    User,
    Secret,
    Command,
}

impl Asked {
    /// By the end of what it shows, in lower case.
    fn of(text: &[u8]) -> Option<Self> {
        let end = text.trim_ascii_end();
        let ends = |words: &[&[u8]]| words.iter().any(|word| end.ends_with(word));
        match end.last()? {
            _ if ends(&[LAST_LOGIN]) => None,
            _ if ends(SECRETS) => Some(Self::Secret),
            _ if ends(USERS) => Some(Self::User),
            b'$' | b'#' | b'>' | b'%' => Some(Self::Command),
            _ => None,
        }
    }
}

impl Session for Connection {
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress {
        if self.state == State::In {
            return Progress::Done;
        }
        for (at, &byte) in bytes.iter().enumerate() {
            let is_server = way == self.server;
            let command = way.of(&mut self.commands);
            let (next, text) = command.step(byte);
            self.has_begun |= is_server && *command == Command::Option;
            *command = next;
            match text {
                Some(byte) if is_server => self.show(byte),
                Some(byte) => self.type_in(byte, sink),
                None => {}
            }
            if self.state == State::In {
                return Progress::Consumed(at.saturating_add(1));
            }
        }
        if bytes.is_empty() { Progress::NeedMore } else { Progress::Consumed(bytes.len()) }
    }

    fn gap(&mut self, way: Way, _missing: Option<u64>, _sink: &mut Sink) {
        *way.of(&mut self.commands) = Command::Text;
        self.state = State::Greeted;
        self.shown.clear();
        self.account = None;
        // A login may be among what is lost.
        self.has_asked = true;
    }

    fn held(&self) -> usize {
        let own = match &self.state {
            State::User(typed) | State::Secret(typed) => typed.0.len(),
            State::Tried(proof) => proof.held(),
            State::Greeted | State::In => 0,
        };
        own.saturating_add(self.shown.len()).saturating_add(self.account.as_ref().map_or(0, Vec::len))
    }

    fn end(&mut self, sink: &mut Sink) {
        let about = if self.server == Way::Orig { About::Sender } else { About::Receiver };
        self.judge(about, sink);
        if matches!(self.state, State::Tried(_)) {
            let account = self.account.as_deref().and_then(Text::some);
            let login = Login { account, scheme: "plain", outcome: Outcome::Unknown };
            sink.fact(about, Fact::Login(Box::new(login)));
        }
    }
}

impl Command {
    /// What comes after a byte, and the byte where it is text.
    const fn step(self, byte: u8) -> (Self, Option<u8>) {
        match (self, byte) {
            (Self::Text, IAC) => (Self::Iac, None),
            (Self::Text, _) => (Self::Text, Some(byte)),
            (Self::Iac, IAC) => (Self::Text, Some(IAC)),
            (Self::Iac, WILL..=DONT) => (Self::Option, None),
            (Self::Iac, SB) => (Self::Setting, None),
            (Self::Iac | Self::Option, _) | (Self::SettingIac, SE) => (Self::Text, None),
            (Self::Setting, IAC) => (Self::SettingIac, None),
            (Self::Setting | Self::SettingIac, _) => (Self::Setting, None),
        }
    }
}

/// What was shown, its lines joined by blanks.
fn greeting(shown: &[u8]) -> Vec<u8> {
    let lines = shown.split(|byte| matches!(byte, b'\r' | b'\n')).map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(&b' ')
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|it| it == word)
}

fn probe(envelope: &Envelope, bytes: &[u8]) -> Probe {
    let is_negotiating = match bytes {
        [IAC] | [IAC, WILL..=DONT] | [IAC, WILL..=DONT, ..=OPTION_MAX] => Probe::Maybe,
        [IAC, WILL..=DONT, ..=OPTION_MAX, IAC] => Probe::Maybe,
        [IAC, WILL..=DONT, ..=OPTION_MAX, IAC, SB..=DONT, ..] => Probe::Yes,
        _ => Probe::No,
    };
    match bytes.first() {
        // Text on its own port; what encrypts begins with a control or says its name.
        Some(&first) if envelope.has_port(&[PORT]) && !bytes.starts_with(b"SSH") => match first {
            b'S' if b"SSH".starts_with(bytes) => Probe::Maybe,
            IAC | b'\r' | b'\n' | b'\t' | 0x1b | b' '..=b'~' => Probe::Yes,
            _ => Probe::No,
        },
        Some(_) => is_negotiating,
        None => Probe::Maybe,
    }
}

const PORT: u16 = 23;

/// RFC 854; WILL, WONT, DO and DONT are 251 to 254.
const IAC: u8 = 255;
const DONT: u8 = 254;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
/// IANA's telnet options in use (0 to 49).
const OPTION_MAX: u8 = 49;

const USERS: &[&[u8]] = &[
    b"login:",
    b"username:",
    b"user name:",
    b"user:",
    b"userid:",
    b"account:",
    b"login as:",
    b"login name:",
];
const SECRETS: &[&[u8]] = &[b"password:", b"passwd:", b"passcode:"];
const LAST_LOGIN: &[u8] = b"last login:";
/// What servers say of a wrong password.
const REFUSALS: &[&[u8]] = &[
    b"incorrect",
    b"invalid",
    b"failed",
    b"failure",
    b"denied",
    b"bad pass",
    b"wrong",
    b"refused",
    b"unknown user",
];

/// A greeting is some lines long; of a longer one the end is kept.
const SHOWN_MAX: usize = 1_024;
/// Names and passwords are shorter.
const TYPED_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::feeder::{self, Blocks, Feeder, Heard};

    const CLIENT: Way = Way::Orig;
    const SERVER: Way = Way::Resp;

    fn heard(blocks: &Blocks) -> Heard {
        feeder::heard(&TELNET, blocks)
    }

    fn said(turns: &[(Way, &[u8])]) -> Blocks {
        turns.iter().map(|(way, text)| (*way, text.to_vec())).collect()
    }

    const BEGIN: (Way, &[u8]) = (SERVER, b"\xff\xfd\x18\xff\xfb\x01");

    fn dialogue() -> Blocks {
        said(&[
            BEGIN,
            (CLIENT, b"\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0"),
            (SERVER, b"\r\nWelcome\r\n192.0.0.64 login: "),
            (CLIENT, b"rooz\x7ft\r\0"),
            (SERVER, b"root\r\nPassword: "),
            (CLIENT, b"hunter2\r\0"),
            (SERVER, b"\r\nLogin incorrect\r\n192.0.0.64 login: "),
            (CLIENT, b"root\r\n"),
            (SERVER, b"root\r\nPassword: "),
            (CLIENT, b"letmein\r\n"),
            (SERVER, b"\r\nLast login: Thu Jan 1\r\n# "),
            (CLIENT, b"ls\r\n"),
            (SERVER, b"Password: "),
        ])
    }

    fn anonymous(heard: &Heard) -> usize {
        heard.of(|fact| matches!(fact, Fact::Anonymous { .. })).len()
    }

    #[test]
    fn logins_are_told_with_what_came_of_them_and_without_their_secret() {
        let heard = heard(&dialogue());
        let root = || Some("root".to_owned());
        assert_eq!(
            heard.logins(),
            [(root(), "plain", Outcome::Rejected), (root(), "plain", Outcome::Accepted)]
        );
        assert_eq!(heard.attributes(Key::TelnetBanner), ["Welcome 192.0.0.64 login:"]);
        assert_eq!(anonymous(&heard), 0);
        assert!(heard.is_done);
        let told = format!("{:?}", heard.facts);
        assert!(!told.contains("hunter2") && !told.contains("letmein"), "{told}");
    }

    #[test]
    fn an_accepted_password_is_proved_and_a_refused_one_not() {
        let mut feeder = Feeder::new(&TELNET);
        for (way, bytes) in dialogue() {
            feeder.feed(way, &bytes);
        }
        let [(About::Receiver, proof)] = &feeder.sink.proofs[..] else { panic!("one proof") };
        assert!(proof.is_of(b"letmein") && proof.user() == b"root");
    }

    #[test]
    fn a_prompt_without_a_login_is_told_and_not_where_the_login_may_have_been_missed() {
        let open = said(&[BEGIN, (SERVER, b"\r\nBusyBox\r\n# "), (CLIENT, b"ls\r\n")]);
        assert_eq!(anonymous(&heard(&open)), 1);
        let joined = said(&[(SERVER, b"# "), (CLIENT, b"ls\r\n")]);
        assert_eq!(anonymous(&heard(&joined)), 0);
        let mut feeder = Feeder::new(&TELNET);
        feeder.feed(BEGIN.0, BEGIN.1);
        feeder.gap(SERVER);
        feeder.feed(SERVER, b"# ");
        feeder.feed(CLIENT, b"ls\r\n");
        assert_eq!(anonymous(&feeder.end()), 0);
    }

    #[test]
    fn a_login_whose_end_was_not_seen_is_unknown() {
        let cut = said(&[
            BEGIN,
            (SERVER, b"login: "),
            (CLIENT, b"a\r\n"),
            (SERVER, b"Password: "),
            (CLIENT, b"b\r\n"),
            (SERVER, b"\r\n"),
        ]);
        assert_eq!(heard(&cut).logins(), [(Some("a".into()), "plain", Outcome::Unknown)]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut connection = Connection::new(&Envelope::default());
        let mut sink = Sink::default();
        connection.data(SERVER, b"login: ", &mut sink);
        for _ in 0..100 {
            connection.data(CLIENT, &[b'x'; 700], &mut sink);
            connection.data(SERVER, &[b'x'; 700], &mut sink);
        }
        assert!(connection.held() <= SHOWN_MAX + TYPED_MAX);
    }

    #[test]
    fn probe_takes_text_on_its_own_port_and_options_everywhere() {
        let home = Envelope { destination_port: PORT, ..Envelope::default() };
        assert_eq!(
            [&b"\xff"[..], b"login", b"SS", b"SSH-2.0", b"\x16\x03"].map(|it| probe(&home, it)),
            [Probe::Yes, Probe::Yes, Probe::Maybe, Probe::No, Probe::No]
        );
        let away = Envelope { destination_port: 5_000, ..Envelope::default() };
        assert_eq!(
            [&b"\xff\xfd\x18\xff\xfb"[..], b"\xff\xfd\x18", b"\xff\xd8\xff\xe0", b"login"]
                .map(|it| probe(&away, it)),
            [Probe::Yes, Probe::Maybe, Probe::No, Probe::No]
        );
    }

    #[test]
    fn byte_by_byte_says_the_same_as_whole() {
        assert_eq!(feeder::heard_in_pieces(&TELNET, &dialogue(), || 1), heard(&dialogue()));
        feeder::read_prefixes(&TELNET, &dialogue());
    }

    proptest! {
        #[test]
        fn damaged_streams_say_the_same_however_they_are_cut(
            damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
            sizes in proptest::collection::vec(1_usize..60, 1..20),
        ) {
            prop_assert!(feeder::says_the_same_damaged(&TELNET, &dialogue(), &damage, &sizes));
        }
    }
}
