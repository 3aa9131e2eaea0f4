//! DNS messages with compressed names (RFC 1035, 4), as DNS, mDNS and LLMNR share them.
//!
//! ```text
//! 0    2       4           6         8           10           12
//! | id | flags | questions | answers | authority | additional | question* record*
//!
//! question = | name | type 2 | class 2 |
//! record   = | name | type 2 | class 2 | ttl 4 | length 2 | data |
//! ```
//!
//! A dot always parts two labels: no name here has one inside a label.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Record types (IANA): an IPv4 address.
pub const A: u16 = 1;
/// A pointer to a name.
pub const PTR: u16 = 12;
/// Texts.
pub const TXT: u16 = 16;
/// An IPv6 address.
pub const AAAA: u16 = 28;
/// A service's host and port (RFC 2782).
pub const SRV: u16 = 33;

/// Response codes: the server failed.
pub const SERVER_FAILED: u16 = 2;
/// The name does not exist.
pub const NO_NAME: u16 = 3;
/// The server does not want to.
pub const REFUSED: u16 = 5;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Whose it is.
    pub name: &'a str,
    /// How long it holds.
    pub ttl_s: u32,
    /// Whether nobody else has records of this name and type (RFC 6762, 10.2); only mDNS says it.
    pub is_unique: bool,
    /// What it says.
    pub data: Data<'a>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// `A`.
    A(Ipv4Addr),
    /// `AAAA`.
    Aaaa(Ipv6Addr),
    /// `PTR`.
    Ptr(&'a str),
    /// `TXT`.
    Txt(&'a [&'a str]),
    /// `SRV`: host and port.
    Srv(&'a str, u16),
}

impl From<IpAddr> for Data<'_> {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::A(ip),
            IpAddr::V6(ip) => Self::Aaaa(ip),
        }
    }
}

/// A question to a name server, who may ask others.
#[must_use]
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    message(id, RECURSE, &[(name, kind)], &[])
}

/// Its answer; no record means that the name has none of this type.
#[must_use]
pub fn response(id: u16, name: &str, kind: u16, records: &[Record]) -> Vec<u8> {
    message(id, RESPONSE | RECURSE | CAN_RECURSE, &[(name, kind)], records)
}

/// The answer that there is no answer.
#[must_use]
pub fn failure(id: u16, name: &str, kind: u16, code: u16) -> Vec<u8> {
    message(id, RESPONSE | RECURSE | CAN_RECURSE | code, &[(name, kind)], &[])
}

/// Any message with questions and answers.
#[must_use]
pub fn message(id: u16, flags: u16, questions: &[(&str, u16)], records: &[Record]) -> Vec<u8> {
    let mut out = Message::default();
    for word in [id, flags, questions.len() as u16, records.len() as u16, 0, 0] {
        out.word(word);
    }
    for (name, kind) in questions {
        out.name(name);
        out.word(*kind);
        out.word(INTERNET);
    }
    for record in records {
        out.record(record);
    }
    out.bytes
}

/// Bytes, and where in them which name stands.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
    names: Vec<(String, u16)>,
}

impl Message {
    fn word(&mut self, word: u16) {
        self.bytes.extend_from_slice(&word.to_be_bytes());
    }

    /// A name, as far as it has not been written before (RFC 1035, 4.1.4).
    fn name(&mut self, name: &str) {
        let mut rest = name.trim_end_matches('.');
        while !rest.is_empty() {
            if let Some((_, at)) = self.names.iter().find(|(written, _)| written == rest) {
                return self.word(0xc000 | *at);
            }
            self.names.push((rest.to_owned(), self.bytes.len() as u16));
            let (label, after) = rest.split_once('.').unwrap_or((rest, ""));
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label.as_bytes());
            rest = after;
        }
        self.bytes.push(0);
    }

    fn record(&mut self, record: &Record) {
        self.name(record.name);
        self.word(match record.data {
            Data::A(_) => A,
            Data::Aaaa(_) => AAAA,
            Data::Ptr(_) => PTR,
            Data::Txt(_) => TXT,
            Data::Srv(..) => SRV,
        });
        self.word(INTERNET | if record.is_unique { UNIQUE } else { 0 });
        self.bytes.extend_from_slice(&record.ttl_s.to_be_bytes());
        self.word(0);
        let start = self.bytes.len();
        match &record.data {
            Data::A(ip) => self.bytes.extend_from_slice(&ip.octets()),
            Data::Aaaa(ip) => self.bytes.extend_from_slice(&ip.octets()),
            Data::Ptr(name) => self.name(name),
            // One text at least, if an empty one (RFC 6763, 6.1).
            Data::Txt([]) => self.bytes.push(0),
            Data::Txt(texts) => {
                for text in *texts {
                    self.bytes.push(text.len() as u8);
                    self.bytes.extend_from_slice(text.as_bytes());
                }
            }
            Data::Srv(host, port) => {
                self.bytes.extend_from_slice(&[0; 4]);
                self.word(*port);
                self.name(host);
            }
        }
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start - 2..start].copy_from_slice(&length.to_be_bytes());
    }
}

/// Flags (RFC 1035, 4.1.1).
const RESPONSE: u16 = 0x8000;
const RECURSE: u16 = 0x0100;
const CAN_RECURSE: u16 = 0x0080;
const INTERNET: u16 = 1;
const UNIQUE: u16 = 0x8000;
