//! [`Scribe`]: stamps facts and hands them up.

use spanwatch_parsers::{About, Fact, Time};

use crate::observation::{Cite, Observation, Party, Place};

/// Who said it to whom, and by which protocol.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// Who sent the message.
    pub sender: Party,
    /// Whom it was sent to.
    pub receiver: Party,
    /// IP protocol number.
    pub transport: Option<u8>,
    /// The parser's name, or the engine's part.
    pub source: &'static str,
}

impl Talk {
    /// The subject and the other side of a fact.
    #[must_use]
    pub fn about(&self, about: About) -> (Party, Party) {
        match about {
            About::Sender => (self.sender, self.receiver),
            About::Receiver => (self.receiver, self.sender),
            About::Named { mac, ip } => {
                (Party { mac, ip, vlan: self.sender.vlan, ..Party::default() }, self.sender)
            }
        }
    }
}

/// Writes observations of one frame, or of one tick.
#[derive(Debug)]
pub struct Scribe<'a> {
    out: &'a mut Vec<Observation>,
    place: Place,
    at: Time,
    cite: Cite,
}

impl<'a> Scribe<'a> {
    /// One that begins at `place`.
    #[must_use]
    pub fn new(out: &'a mut Vec<Observation>, place: Place, at: Time, cite: Cite) -> Self {
        Self { out, place, at, cite }
    }

    /// The time of the frame or tick.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }

    /// The frame or tick.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The frame's place in its input.
    #[must_use]
    pub const fn cite(&self) -> Cite {
        self.cite
    }

    /// Writes a fact about whom `about` says.
    pub fn write(&mut self, talk: &Talk, about: About, fact: Fact) {
        self.write_at(self.cite, talk, about, fact);
    }

    /// Writes a fact that another frame is cited for.
    pub fn write_at(&mut self, cite: Cite, talk: &Talk, about: About, fact: Fact) {
        let (subject, peer) = talk.about(about);
        self.out.push(Observation {
            place: self.place,
            at: self.at,
            cite,
            subject,
            peer,
            transport: talk.transport,
            source: talk.source,
            fact,
        });
        self.place.index = self.place.index.saturating_add(1);
    }
}
