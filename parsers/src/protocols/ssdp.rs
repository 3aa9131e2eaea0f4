//! Simple Service Discovery Protocol (SSDP) of UPnP, UDP port 1900, groups 239.255.255.250 and ff02::c.
//!
//! A device tells every few minutes, and whoever asks, what it is and where its description lies. One datagram is
//!
//! ```text
//! NOTIFY * HTTP/1.1          or: M-SEARCH * HTTP/1.1, HTTP/1.1 200 OK
//! LOCATION: http://192.0.2.7:80/rootdesc.xml
//! SERVER: Linux/4.9 UPnP/1.0 Acme/1.0
//! NT: urn:schemas-upnp-org:device:Basic:1        ST in questions and answers
//! NTS: ssdp:alive                                or: ssdp:byebye, ssdp:update
//! USN: uuid:...::urn:schemas-upnp-org:device:Basic:1
//! ```
//!
//! Lines end with CR LF or with LF alone, names are in any case. The description itself is fetched over HTTP.
//!
//! Source: UPnP Device Architecture 2.0, 1.2 and 1.3. Checked against tshark.
//! Left out: how long an advertisement holds, the ids. What names another address than the sender's own as the
//! place of the description is somebody else's, passed on, and gives no fact.

use std::net::IpAddr;

use crate::vocabulary::{About, Envelope, Fact, Key, Malformed, On, Parser, Probe, Sink, Start};

/// What the engine knows of this protocol.
pub const SSDP: Parser = Parser {
    name: "ssdp",
    about: "what UPnP devices advertise: their software and their types",
    source: "UPnP Device Architecture 2.0",
    on: &[On::Udp(PORT)],
    probe,
    start: Start::Datagram(observe),
};

/// One datagram, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: Kind,
    /// Names and values in order, without blanks around them; [`HEADERS_MAX`] at most.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// The first line that is no header.
    pub damage: Option<Malformed>,
}

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A device advertises itself, or leaves.
    Notify,
    /// Somebody looks for devices.
    Search,
    /// A device answers him.
    Answer,
}

impl<'a> Message<'a> {
    /// Reads one datagram. A line that is no header does not hide the others: it is told in [`Message::damage`].
    ///
    /// # Errors
    /// `Invalid` where the first line is none of SSDP.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let kind = kind(bytes).ok_or(Malformed::Invalid { field: "start line" })?;
        let mut message = Self { kind, headers: Vec::new(), damage: None };
        let lines = bytes.split(|byte| *byte == b'\n').skip(1).map(<[u8]>::trim_ascii);
        for line in lines.take_while(|line| !line.is_empty()).take(HEADERS_MAX) {
            match line.iter().position(|byte| *byte == b':') {
                Some(colon) if colon > 0 => {
                    let (name, value) = line.split_at(colon);
                    let value = value.strip_prefix(b":").unwrap_or(value);
                    message.headers.push((name.trim_ascii(), value.trim_ascii()));
                }
                _ => message.damage = message.damage.or(Some(Malformed::Invalid { field: "header" })),
            }
        }
        Ok(message)
    }

    /// The first header of this name, capitals aside.
    #[must_use]
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers.iter().find(|(named, _)| named.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The address at which the description lies; `None` where it is said by name or not at all.
    #[must_use]
    pub fn location(&self) -> Option<IpAddr> {
        let location = std::str::from_utf8(self.header(b"location")?).ok()?;
        let authority = location.split_once("://")?.1.split(['/', '?', '#']).next()?;
        let host = match authority.strip_prefix('[') {
            Some(ipv6) => ipv6.split([']', '%']).next()?,
            None => authority.split(':').next()?,
        };
        host.parse().ok()
    }
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    let starts: [(&[u8], Kind); 3] = [
        (b"NOTIFY * HTTP/1.", Kind::Notify),
        (b"M-SEARCH * HTTP/1.", Kind::Search),
        (b"HTTP/1.", Kind::Answer),
    ];
    starts.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| kind)
}

fn probe(_: &Envelope, bytes: &[u8]) -> Probe {
    if kind(bytes).is_some() { Probe::Yes } else { Probe::No }
}

/// Turns one datagram into facts.
fn observe(envelope: &Envelope, bytes: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let message = Message::parse(bytes)?;
    if message.kind == Kind::Answer && envelope.source_port == PORT {
        sink.fact(About::Sender, Fact::Service { protocol: "ssdp" });
    }
    let is_anothers = match (message.location(), envelope.source) {
        (Some(location), Some(source)) => location.is_ipv4() == source.is_ipv4() && location != source,
        _ => false,
    };
    if message.kind != Kind::Search && !is_anothers {
        if let Some(server) = message.header(b"server") {
            sink.attribute(About::Sender, Key::SsdpServer, server);
        }
        let kinds = [&b"nt"[..], b"st"].into_iter().filter_map(|name| message.header(name));
        for kind in kinds.filter(|kind| kind.starts_with(b"urn:")) {
            sink.attribute(About::Sender, Key::SsdpType, kind);
        }
    }
    match message.damage {
        Some(_) if envelope.is_cut => Ok(()),
        Some(damage) => Err(damage),
        None => Ok(()),
    }
}

const PORT: u16 = 1900;
/// Lines looked at; a device sends ten.
const HEADERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nLocation:http://192.0.2.7:80/d.xml\r\n\
        SERVER: Linux UPnP/1.0 Acme/1.0\r\nNT: urn:schemas-upnp-org:device:Basic:1\r\nNTS: ssdp:alive\r\nEXT:\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\nST: upnp:rootdevice\nSERVER: A/1\n";

    fn told(source: [u8; 4], bytes: &[u8]) -> (Vec<(About, Fact)>, Result<(), Malformed>) {
        let envelope = Envelope { source: Some(source.into()), source_port: 1900, ..Envelope::default() };
        let mut sink = Sink::default();
        let result = observe(&envelope, bytes, &mut sink);
        (sink.facts, result)
    }

    fn attribute(key: Key, value: &str) -> (About, Fact) {
        (About::Sender, Fact::Attribute { key, value: value.into() })
    }

    #[test]
    fn headers_are_read_whatever_their_case_and_their_ends() {
        let message = Message::parse(NOTIFY).unwrap();
        assert_eq!((message.kind, message.headers.len(), message.damage), (Kind::Notify, 6, None));
        assert_eq!(message.header(b"nts"), Some(&b"ssdp:alive"[..]));
        assert_eq!(message.header(b"ext"), Some(&b""[..]));
        assert_eq!(message.location(), Some([192, 0, 2, 7].into()));
        let message = Message::parse(ANSWER).unwrap();
        assert_eq!((message.kind, message.header(b"server")), (Kind::Answer, Some(&b"A/1"[..])));
    }

    #[test]
    fn advertisement_tells_software_and_type() {
        let expected = [
            attribute(Key::SsdpServer, "Linux UPnP/1.0 Acme/1.0"),
            attribute(Key::SsdpType, "urn:schemas-upnp-org:device:Basic:1"),
        ];
        assert_eq!(told([192, 0, 2, 7], NOTIFY), (expected.to_vec(), Ok(())));
    }

    #[test]
    fn advertisement_of_another_address_is_nobodys() {
        assert_eq!(told([192, 0, 2, 1], NOTIFY), (vec![], Ok(())));
    }

    #[test]
    fn answer_shows_a_server() {
        let service = (About::Sender, Fact::Service { protocol: "ssdp" });
        assert_eq!(told([192, 0, 2, 7], ANSWER).0, [service, attribute(Key::SsdpServer, "A/1")]);
    }

    #[test]
    fn who_searches_tells_nothing() {
        let search = b"M-SEARCH * HTTP/1.1\r\nST: urn:schemas-upnp-org:device:Basic:1\r\nServer: x\r\n\r\n";
        assert_eq!(told([192, 0, 2, 7], search), (vec![], Ok(())));
    }

    #[test]
    fn place_of_the_description_may_be_an_address_of_six() {
        let message = |location: &str| format!("HTTP/1.1 200 OK\r\nLOCATION: {location}\r\n");
        let location = |text: &str| Message::parse(message(text).as_bytes()).unwrap().location();
        assert_eq!(location("http://[fe80::7%eth0]:80/"), Some("fe80::7".parse().unwrap()));
        assert_eq!(location("http://192.0.2.7"), Some([192, 0, 2, 7].into()));
        assert_eq!(location("http://cam7.local/"), None);
        assert_eq!(location("nowhere"), None);
    }

    #[test]
    fn line_without_a_colon_is_told_and_hides_nothing() {
        let (facts, result) = told([192, 0, 2, 7], b"HTTP/1.1 200 OK\r\nwhat\r\nSERVER: A/1\r\n\r\n");
        assert!(facts.contains(&attribute(Key::SsdpServer, "A/1")));
        assert_eq!(result, Err(Malformed::Invalid { field: "header" }));
    }

    #[test]
    fn other_texts_are_not_ours() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"NOTIFY sip:7@192.0.2.7 SIP/2.0\r\n", b"<?xml", b""] {
            assert_eq!(probe(&Envelope::default(), bytes), Probe::No);
            assert_eq!(Message::parse(bytes), Err(Malformed::Invalid { field: "start line" }));
        }
        assert_eq!(probe(&Envelope::default(), NOTIFY), Probe::Yes);
    }

    #[test]
    fn headers_are_bounded() {
        let many = [b"HTTP/1.1 200 OK\n".as_slice(), &b"a:b\n".repeat(500)].concat();
        assert_eq!(Message::parse(&many).unwrap().headers.len(), HEADERS_MAX);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..NOTIFY.len() {
            let _ = told([192, 0, 2, 7], &NOTIFY[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(
            at in 0_usize..NOTIFY.len(),
            byte in any::<u8>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut bent = NOTIFY.to_vec();
            bent[at] = byte;
            let _ = told([192, 0, 2, 7], &bent);
            let _ = told([192, 0, 2, 7], &[b"HTTP/1.1 200\n", bytes.as_slice()].concat());
        }
    }
}
