//! Syslog over UDP, TCP or TLS: a line for each thing that becomes of a finding.
//!
//! ```text
//! <26>1 2026-11-22T03:40:50.000000Z box spanwatch 812 devices-offline-together [finding@32473 id="…" change="made" …] made: …
//!  │  │  when                       │             │   kind                     what programs read              what people read
//!  │  version                       host          process
//!  facility × 8 + severity
//! UDP: one datagram      TCP, TLS: | length in decimal | space | line |
//! ```
//!
//! Source: RFC 5424 sections 6 (format) and 6.3.3 (escapes), RFC 5426 (UDP), RFC 6587 section 3.4.1 (octet counting),
//! RFC 5425 (TLS). 32473 is the enterprise number that RFC 5612 leaves to documents: Spanwatch has none of its own.
//!
//! A line has 2,048 bytes at most, which every receiver should take (RFC 5424 section 6.1), over UDP 1,180, which no way
//! cuts in pieces (RFC 5426 section 3.2); what people read is cut first. Over UDP nobody learns whether a line arrived, and
//! each goes to where the name leads by then. Over TCP and TLS a connection that the receiver closed is noticed
//! before a line is written; what was on its way when a receiver died is lost, for syslog has no receipts.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::time::rfc3339;

use super::forward::{Receiver, Undelivered};
use super::queue::Letter;
use super::{Unfit, tls};
use crate::config::{self, SyslogTarget};

/// One receiver of syslog.
pub(super) struct Syslog {
    to: SyslogTarget,
    /// As RFC 5424 numbers it.
    facility: u8,
    hostname: String,
    tls: Option<Arc<ClientConfig>>,
    link: Option<Link>,
}

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Syslog {
    /// Reads certificates; does not connect.
    ///
    /// # Errors
    /// Where they cannot be used.
    pub(super) fn new(config: &config::Syslog) -> Result<Self, Unfit> {
        let to = config.to.clone();
        let own = config.certificate_file.as_deref().zip(config.key_file.as_deref());
        let tls = match &to {
            SyslogTarget::Tls(_) => {
                let unfit = |(key, why)| Unfit { key, why };
                Some(tls::client(&config.ca_file, own).map_err(unfit)?)
            }
            SyslogTarget::Udp(_) | SyslogTarget::Tcp(_) => None,
        };
        let hostname = config.hostname.clone().map_or_else(machine, |name| name.to_string());
        Ok(Self { to, facility: config.facility.code(), hostname, tls, link: None })
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let open = self.link.take().and_then(|mut link| link.is_open().then_some(link));
        let mut link = open.map_or_else(|| self.connect(), Ok)?;
        link.send(line)?;
        self.link = Some(link);
        Ok(())
    }

    fn connect(&self) -> io::Result<Link> {
        let (SyslogTarget::Udp(at) | SyslogTarget::Tcp(at) | SyslogTarget::Tls(at)) = &self.to;
        let mut refused = io::Error::other("the name has no address");
        for address in (at.host.as_str(), at.port).to_socket_addrs()? {
            let stream = match &self.to {
                SyslogTarget::Udp(_) => {
                    let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                    let socket = UdpSocket::bind(own)?;
                    match socket.connect(address) {
                        Ok(()) => return Ok(Link::Udp(socket)),
                        Err(error) => Err(error),
                    }
                }
                SyslogTarget::Tcp(_) | SyslogTarget::Tls(_) => TcpStream::connect_timeout(&address, PATIENCE),
            };
            match stream {
                Ok(stream) => return self.greet(stream),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn greet(&self, stream: TcpStream) -> io::Result<Link> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (SyslogTarget::Tls(at), Some(tls)) = (&self.to, &self.tls) else { return Ok(Link::Tcp(stream)) };
        let name = ServerName::try_from(at.host.clone()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Link::Tls(Box::new(stream)))
    }
}

impl Receiver for Syslog {
    fn deliver(&mut self, letter: &Letter) -> Result<(), Undelivered> {
        let length = if matches!(self.to, SyslogTarget::Udp(_)) { DATAGRAM_MAX } else { LINE_MAX };
        let line = line((self.facility, &self.hostname), letter, length);
        self.send(line.as_bytes()).map_err(|error| {
            Undelivered::Unreached(match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    format!("no answer in {} s", PATIENCE.as_secs())
                }
                _ => error.to_string(),
            })
        })
    }
}

impl Link {
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let framed = || [format!("{} ", line.len()).as_bytes(), line].concat();
        match self {
            Self::Udp(socket) => socket.send(line).map(drop),
            Self::Tcp(stream) => stream.write_all(&framed()),
            Self::Tls(stream) => stream.write_all(&framed()).and_then(|()| stream.flush()),
        }
    }

    /// Whether it is good for another line: the receiver has not hung up. What it says is of no interest.
    fn is_open(&mut self) -> bool {
        match self {
            Self::Udp(_) => false,
            Self::Tcp(stream) => is_silent(stream, |stream| stream.read(&mut [0; 512])),
            Self::Tls(stream) => {
                let StreamOwned { conn, sock } = stream.as_mut();
                is_silent(sock, |sock| {
                    let read = conn.read_tls(sock)?;
                    let state = conn.process_new_packets().map_err(io::Error::other)?;
                    let mut said = [0; 512];
                    while conn.reader().read(&mut said).is_ok_and(|read| read > 0) {}
                    Ok(if state.peer_has_closed() { 0 } else { read })
                })
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            // To who has hung up there is nothing more to say.
            let _ = stream.conn.write_tls(&mut stream.sock);
        }
    }
}

/// Whether nothing more comes for now and the connection stands; reads some times at most.
fn is_silent(socket: &mut TcpStream, mut read: impl FnMut(&mut TcpStream) -> io::Result<usize>) -> bool {
    let mut is_silent = socket.set_nonblocking(true).is_ok();
    for _ in 0..READS_MAX {
        match read(socket) {
            Ok(1..) => {}
            Ok(0) => is_silent = false,
            Err(error) => {
                is_silent &= error.kind() == ErrorKind::WouldBlock;
                break;
            }
        }
        if !is_silent {
            break;
        }
    }
    is_silent && socket.set_nonblocking(false).is_ok()
}

/// The line of a message, of so many bytes at most.
fn line((facility, hostname): (u8, &str), letter: &Letter, length: usize) -> String {
    let (change, finding) = (letter.message.change.change, &letter.message.change.finding);
    let mut line = format!(
        "<{}>1 {} {hostname} spanwatch {} {} [finding@32473",
        u16::from(facility) * 8 + u16::from(severity(change, finding.severity)),
        timestamp(letter),
        std::process::id(),
        finding.kind,
    );
    parameter(&mut line, "id", &finding.id);
    parameter(&mut line, "change", change);
    parameter(&mut line, "message", &letter.message.id);
    parameter(&mut line, "severity", finding.severity);
    parameter(&mut line, "owner", finding.owner);
    parameter(&mut line, "confidence", &finding.confidence.to_string());
    let optional = [
        ("cause", finding.cause),
        ("dispatch", finding.dispatch),
        ("switch", finding.switch.as_deref()),
        ("site", letter.message.site.as_deref()),
        ("ended", finding.ended.as_deref()),
    ];
    optional.into_iter().filter_map(|(name, value)| Some((name, value?))).for_each(|(name, value)| {
        parameter(&mut line, name, value);
    });
    parameter(&mut line, "count", &finding.devices.len().to_string());
    finding.devices.iter().take(DEVICES_NAMED).for_each(|id| parameter(&mut line, "device", id));
    if letter.lost > 0 {
        parameter(&mut line, "lost", &letter.lost.to_string());
    }
    line += "] ";
    let lost = match letter.lost {
        0 => String::new(),
        lost => format!(" ({lost} messages before this one were lost)"),
    };
    let owner = finding.owner;
    let told =
        format!("{change}: {}{lost} [{}, {owner}] {}", finding.title, finding.severity, finding.summary);
    if !told.is_ascii() {
        line.push('\u{feff}');
    }
    let room = length.saturating_sub(line.len());
    line += cut(&plain(&told), room);
    line
}

/// As RFC 5424 numbers them: what is over is a notice.
fn severity(change: &str, severity: &str) -> u8 {
    let number = match Severity::ALL.into_iter().find(|it| it.name() == severity) {
        Some(Severity::Critical) => 2,
        Some(Severity::High) => 3,
        Some(Severity::Medium) => 4,
        Some(Severity::Low) => 5,
        Some(Severity::Info) | None => 6,
    };
    if matches!(change, "ended" | "withdrawn") { number.max(5) } else { number }
}

/// With microseconds, which are as fine as it goes.
fn timestamp(letter: &Letter) -> String {
    let nanoseconds = rfc3339(letter.message.at);
    format!("{}Z", cut(&nanoseconds, "2026-11-22T03:40:50.000000".len()))
}

fn parameter(line: &mut String, name: &str, value: &str) {
    *line += " ";
    *line += name;
    *line += "=\"";
    let end = line.len().saturating_add(VALUE_MAX);
    for letter in plain(value).chars() {
        let is_escaped = matches!(letter, '"' | '\\' | ']');
        if line.len() + usize::from(is_escaped) + letter.len_utf8() > end {
            break;
        }
        line.extend(is_escaped.then_some('\\'));
        line.push(letter);
    }
    line.push('"');
}

/// Without what breaks a line or turns its direction.
fn plain(text: &str) -> String {
    let is_plain = |letter: &char| {
        !letter.is_control()
            && !matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|letter| if is_plain(&letter) { letter } else { ' ' }).collect()
}

/// The beginning of a text, of so many bytes at most.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// What the machine calls itself; `-` where it does not say.
fn machine() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().parse::<config::Hostname>().map_or_else(|_| "-".to_owned(), |name| name.to_string())
}

/// To connect, to greet, to write.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a line.
const LINE_MAX: usize = 2_048;
/// Bytes of a line over UDP.
const DATAGRAM_MAX: usize = 1_180;
/// Bytes of a value with its escapes: with all of them there is room for a title.
const VALUE_MAX: usize = 64;
/// Devices that are named one by one.
const DEVICES_NAMED: usize = 6;
/// Reads after which a receiver that goes on speaking is left to speak.
const READS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use spanwatch_engine::report::Finding;
    use spanwatch_engine::report::changes::Change;

    use super::super::outbox::Message;
    use super::super::test::{finding, message};
    use super::*;

    fn of(change: &str, severity: &str) -> String {
        line((3, "box"), &Letter { message: message(change, severity), lost: 0 }, LINE_MAX)
    }

    fn told(finding: Finding, site: &str, lost: u64, length: usize) -> String {
        let at = spanwatch_parsers::Time(1_795_318_850_123_456_789);
        let message = Message::new(at, at.0, Some(site), Change { change: "made", finding });
        line((23, "box"), &Letter { message: Arc::new(message), lost }, length)
    }

    #[test]
    fn a_line_is_for_programs_and_for_people() {
        let due = format!(
            "<26>1 2026-11-22T03:40:50.123456Z box spanwatch {} devices-offline-together [finding@32473 \
             id=\"4dfc782a684a1893\" change=\"made\" message=\"4dfc782a684a1893-1795318850123456789\" \
             severity=\"critical\" owner=\"it\" confidence=\"0.92\" cause=\"uplink\" \
             dispatch=\"no\" switch=\"sw-dock\" count=\"2\" device=\"02:00:00:00:00:01\" device=\"192.0.2.7\"] made: 2 cameras \
             behind switch sw-dock: no sign of life since 03:40:36 UTC [critical, it] They are silent together.",
            std::process::id()
        );
        assert_eq!(of("made", "critical"), due);
    }

    #[test]
    fn what_is_over_is_a_notice() {
        let priorities = [
            ("made", "critical", 26),
            ("made", "high", 27),
            ("revised", "medium", 28),
            ("revised", "low", 29),
            ("made", "info", 30),
            ("ended", "critical", 29),
            ("withdrawn", "high", 29),
            ("ended", "info", 30),
        ];
        for (change, severity, priority) in priorities {
            assert!(of(change, severity).starts_with(&format!("<{priority}>1 ")), "{change} {severity}");
        }
    }

    #[test]
    fn lost_messages_are_told() {
        let line = told(finding("high"), "Harbour", 12, LINE_MAX);
        assert!(line.contains(" lost=\"12\"] made: "), "{line}");
        assert!(line.contains(" (12 messages before this one were lost) "), "{line}");
    }

    #[test]
    fn texts_from_the_wire_break_neither_line_nor_data() {
        let hostile = "a\"] \\\r\n<0>1 - - \u{202e}\u{2028}\u{0}é";
        let finding = Finding { switch: Some(hostile.into()), title: hostile.into(), ..finding("high") };
        let line = told(finding, "", 0, LINE_MAX);
        assert!(line.contains(" switch=\"a\\\"\\] \\\\  <0>1 - -    é\" site=\"\" "), "{line}");
        assert!(line.contains("] \u{feff}made: a\"] \\  <0>1"), "a text that is not ASCII says so: {line}");
        assert!(!line.chars().any(char::is_control), "{line}");
    }

    #[test]
    fn a_line_is_never_longer_than_receivers_take() {
        for text in ["é".repeat(5_000), "]".repeat(5_000), "\u{10ffff}".repeat(5_000)] {
            let finding = Finding {
                switch: Some(text.clone()),
                devices: vec![text.clone(); 300],
                title: text.clone(),
                ended: Some(text.clone()),
                ..finding("high")
            };
            for length in [DATAGRAM_MAX, LINE_MAX] {
                let line = told(finding.clone(), &text, u64::MAX, length);
                assert!((length - 4..=length).contains(&line.len()), "{}", line.len());
                let (data, said) = line.split_once("] ").unwrap();
                assert!(data.ends_with(&format!("lost=\"{}\"", u64::MAX)) && said.len() > 200, "{line}");
            }
        }
    }

    #[test]
    fn a_receiver_that_hung_up_is_found_out_and_one_that_babbles_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = || TcpStream::connect(listener.local_addr().unwrap()).map(Link::Tcp).unwrap();
        let (mut link, (mut receiver, _)) = (link(), listener.accept().unwrap());
        assert!(link.is_open());
        receiver.write_all(&[b'x'; 100]).unwrap();
        assert!(link.is_open());
        link.send(b"a line").unwrap();
        let mut got = [0; 8];
        receiver.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"6 a line");
        drop(receiver);
        // The end of a connection takes a moment, even on one machine.
        while link.is_open() {
            std::thread::yield_now();
        }
    }
}
