//! What a parser is, what it is given and where it puts what it found.

use std::fmt;
use std::net::IpAddr;

use super::{About, Fact, Key, Mac, Media, Text};
use crate::Proof;

/// How a message breaks its specification: where, not prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// `field` promises more bytes than there are.
    Truncated {
        /// The field, in the words of the specification.
        field: &'static str,
    },
    /// `field` holds what its specification forbids.
    Invalid {
        /// The field, in the words of the specification.
        field: &'static str,
    },
}

impl Malformed {
    /// The field, whichever way it is wrong.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Truncated { field } | Self::Invalid { field } => field,
        }
    }
}

/// Where a parser's messages are found; it orders the probes, the probe decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// Payload of an Ethernet frame with this type (or SNAP with OUI 0).
    EtherType(u16),
    /// Payload of an LLC frame with this DSAP and SSAP.
    Llc(u8),
    /// Payload of a SNAP frame with an organization's OUI and its own protocol id.
    Snap([u8; 3], u16),
    /// Payload of an IP packet with this protocol number, neither TCP's nor UDP's (58 is ICMPv6).
    Ip(u8),
    /// Datagrams with this port on either side.
    Udp(u16),
    /// Datagrams of any port: probed where no port parser said yes.
    AnyUdp,
    /// Streams with this port on either side.
    Tcp(u16),
    /// Streams of any port, of which a direction begins with one of these bytes: probed where no port parser said yes.
    AnyTcp(&'static [u8]),
}

/// For [`On::AnyTcp`]: what a line of text may begin with whose first word is a method, or names the protocol.
pub const OF_METHODS: &[u8] = b"\t\n\x0c\r -ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

/// A probe's honest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// Certainly this protocol.
    Yes,
    /// Could be: a stream waits for more bytes; a datagram is given to the
    /// parser on trial where no other says yes.
    Maybe,
    /// Certainly not.
    No,
}

/// What lower layers say of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Source port; 0 without one.
    pub source_port: u16,
    /// Destination port; 0 without one.
    pub destination_port: u16,
    /// TTL or hop limit; 0 without IP.
    pub hop_limit: u8,
    /// The frame's source MAC.
    pub source_mac: Option<Mac>,
    /// The frame's destination MAC; `None` where it is a group's.
    pub destination_mac: Option<Mac>,
    /// The sender's IP address.
    pub source: Option<IpAddr>,
    /// The receiver's IP address.
    pub destination: Option<IpAddr>,
    /// Whether the capture cut this message short: what is missing is not the sender's fault.
    pub is_cut: bool,
    /// Whether it is of a stream (TCP), whose messages may begin and end anywhere.
    pub is_stream: bool,
}

impl Envelope {
    /// Whether either end has one of these ports.
    #[inline]
    #[must_use]
    pub fn has_port(&self, ports: &[u16]) -> bool {
        ports.iter().any(|port| *port == self.source_port || *port == self.destination_port)
    }
}

/// One protocol.
pub struct Parser {
    /// Its name in lower case, as in `spanwatch protocols`.
    pub name: &'static str,
    /// One line on what is read from it.
    pub about: &'static str,
    /// What it is read by: the documents that define it.
    pub source: &'static str,
    /// Where to look for it.
    pub on: &'static [On],
    /// Tells whether these first bytes are it.
    pub probe: fn(&Envelope, &[u8]) -> Probe,
    /// How it is read.
    pub start: Start,
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parser({})", self.name)
    }
}

/// How a parser reads.
#[derive(Clone, Copy)]
pub enum Start {
    /// Message by message, without memory.
    Datagram(fn(&Envelope, &[u8], &mut Sink) -> Result<(), Malformed>),
    /// Flow by flow, with memory: TCP bytes in order, or a UDP flow's datagrams one at a time.
    Session(fn(&Envelope) -> Box<dyn Session>),
}

/// The memory of one flow.
///
/// For TCP, `data` is given all bytes of one direction that are in order and
/// not yet consumed; it is called again with the rest for as long as it
/// consumes. For UDP it is given exactly one datagram and must consume it.
pub trait Session: Send {
    /// Reads the front of `bytes`, sent by `way`.
    fn data(&mut self, way: Way, bytes: &[u8], sink: &mut Sink) -> Progress;

    /// Says that bytes of `way` will never come (lost by the capture, or more
    /// than a buffer holds); what follows starts anywhere. `missing` is their
    /// number where it is known.
    fn gap(&mut self, way: Way, missing: Option<u64>, sink: &mut Sink);

    /// Bytes that it keeps of what it consumed. They count with those that wait to be consumed; where there is no room
    /// for all, a [`Session::gap`] of unknown length makes it part with them.
    fn held(&self) -> usize {
        0
    }

    /// Says that the flow is over (FIN, RST, idle or evicted). What is said here and in
    /// [`Session::gap`] belongs to no message: [`About::Sender`] is the originator.
    fn end(&mut self, _sink: &mut Sink) {}
}

/// Who speaks: the one who sent the flow's first frame, or the other. After a
/// mid-stream start that says nothing of client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Originator.
    Orig,
    /// Responder.
    Resp,
}

impl Way {
    /// This side's of what both have: originator's and responder's.
    pub const fn of<T>(self, both: &mut [T; 2]) -> &mut T {
        let [orig, resp] = both;
        match self {
            Self::Orig => orig,
            Self::Resp => resp,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Orig => Self::Resp,
            Self::Resp => Self::Orig,
        }
    }
}

/// What a session made of the bytes it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The first `n` bytes are done with, `n` at least 1. It may be more than
    /// was given: the rest is thrown away as it arrives, without being kept.
    Consumed(usize),
    /// A whole message is not there yet.
    NeedMore,
    /// This is not, or no longer, my protocol: do not call again.
    Done,
}

/// Where parsers put what they found, bounded.
#[derive(Debug, Default)]
pub struct Sink {
    /// Facts, in the order of the message.
    pub facts: Vec<(About, Fact)>,
    /// Media packets, all by the sender of the message.
    pub media: Vec<Media>,
    /// Logins that the server accepted, of whom the facts are about: for who compares them with known passwords.
    pub proofs: Vec<(About, Proof)>,
    /// How many were not kept because the sink was full.
    pub refused: u64,
}

impl Sink {
    /// The most facts, and the most media packets, between two [`Sink::clear`].
    pub const MAX: usize = 4096;

    /// Adds a fact.
    pub fn fact(&mut self, about: About, fact: Fact) {
        if self.facts.len() < Self::MAX {
            self.facts.push((about, fact));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Adds a property of `about`, where there is anything printable in `value`. What is used as it is
    /// must also not be a placeholder.
    pub fn attribute(&mut self, about: About, key: Key, value: &[u8]) {
        let is_said = |value: &Text| !(key.is_outright() && value.is_placeholder());
        if let Some(value) = Text::some(value).filter(is_said) {
            self.fact(about, Fact::Attribute { key, value });
        }
    }

    /// Adds a media packet of the sender.
    pub fn media(&mut self, media: Media) {
        if self.media.len() < Self::MAX {
            self.media.push(media);
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Adds a login that was accepted; `about` is the server.
    pub fn proof(&mut self, about: About, proof: Proof) {
        if self.proofs.len() < Self::MAX {
            self.proofs.push((about, proof));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.media.clear();
        self.proofs.clear();
        self.refused = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_nobody_filled_in_says_nothing() {
        let mut sink = Sink::default();
        for value in [&b"Unknown"[..], b"To be filled by O.E.M.", b"7.80 B128"] {
            sink.attribute(About::Sender, Key::Firmware, value);
        }
        let said = Fact::Attribute { key: Key::Firmware, value: "7.80 B128".into() };
        assert_eq!(sink.facts, [(About::Sender, said)]);
    }
}
