//! A fault of the mirror: what is missing, since when, and what shows that it is there all the same.

use std::collections::BTreeMap;

use spanwatch_parsers::{Span, Time};

use crate::ledger::directory::Number;
use crate::observation::Cite;

/// What of the traffic is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// One direction of nearly all conversations.
    OneWay,
    /// All that some devices send.
    Partial,
}

/// How somebody shows that he hears another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// He goes on with a TCP connection: so many packets in 10 s.
    GoesOn(u64),
    /// He sends bytes, after so long others, and never the same again: they were acknowledged.
    IsAnswered(Span),
    /// He reports to have received so many more packets of its media.
    Receives(u32),
}

/// Somebody hears a device that we do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proof {
    /// When we last heard the device.
    pub since: Time,
    /// When at the latest it fell out of sight: the other side spoke alone then.
    pub until: Time,
    /// The device.
    pub device: Option<Number>,
    /// Who hears it.
    pub by: Option<Number>,
    /// When he showed it.
    pub at: Time,
    /// In which frame.
    pub cite: Cite,
    /// By what.
    pub how: How,
    /// Whether we ever heard the device in that conversation.
    pub was_seen: bool,
}

/// A fault of the mirror, from what is missing last seen to what came back first.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What is missing.
    pub what: What,
    /// When it was last there, as of the first that fell out; the beginning of the capture where it never was.
    pub since: Time,
    /// The frame of that.
    pub last_frame: Option<Cite>,
    /// When we became sure.
    pub detected: Time,
    /// When it was there again, and the frame.
    pub ended: Option<(Time, Cite)>,
    /// Who is not seen, the earliest known first; [`MEMBERS_MAX`] at most.
    pub members: Vec<Number>,
    /// What shows that they live, [`PROOFS_MAX`] at most.
    pub proofs: Vec<Proof>,
    /// How many conversations showed one side, of how many, when it was detected.
    pub talks: (usize, usize),
    /// Members that were not heard again, and when they were last.
    missing: BTreeMap<Number, Time>,
    back: Option<(Time, Cite)>,
}

impl Fault {
    /// A fault without members.
    pub(super) const fn new(what: What, since: Time, detected: Time, talks: (usize, usize)) -> Self {
        Self {
            what,
            since,
            last_frame: None,
            detected,
            ended: None,
            members: Vec::new(),
            proofs: Vec::new(),
            talks,
            missing: BTreeMap::new(),
            back: None,
        }
    }

    /// Whether it was there from the first packet on.
    #[must_use]
    pub fn is_from_the_start(&self) -> bool {
        !self.proofs.iter().any(|proof| proof.was_seen)
    }

    /// Who was not heard again, and when he was last.
    pub fn missing(&self) -> impl Iterator<Item = (Number, Time)> + '_ {
        self.missing.iter().map(|(number, last)| (*number, *last))
    }

    /// Takes what shows that its members live.
    pub(super) fn prove(&mut self, proofs: &[Proof]) {
        for proof in proofs {
            if let Some(device) = proof.device {
                if !self.members.contains(&device) && self.proofs.len() < PROOFS_MAX {
                    self.proofs.push(*proof);
                }
                self.add(device, proof.since);
            }
        }
    }

    /// Adds who is not seen.
    pub(super) fn add(&mut self, device: Number, last: Time) {
        if self.members.len() < MEMBERS_MAX && !self.members.contains(&device) {
            self.members.push(device);
            self.missing.insert(device, last);
        }
    }

    /// Says that somebody was heard, first in this frame.
    pub(super) fn heard(&mut self, who: Number, first: (Time, Cite)) {
        if self.missing.is_empty() || self.missing.remove(&who).is_none() {
            return;
        }
        self.back = Some(self.back.map_or(first, |back| back.min(first)));
        let is_half = self.missing.len().saturating_mul(2) <= self.members.len();
        if self.what == What::Partial && is_half {
            self.ended = self.back;
        }
    }

    /// Lets go of who was not heard for a while after its end: his silence is his own.
    pub(super) fn settle(&mut self, now: Time) {
        if self.ended.is_some_and(|(ended, _)| now - ended > RETURN) {
            self.missing.clear();
        }
    }

    /// Says that one device turned out to be another.
    pub(super) fn renumber(&mut self, gone: Number, kept: Number) {
        for proof in &mut self.proofs {
            rename(&mut proof.device, gone, kept);
            rename(&mut proof.by, gone, kept);
        }
        if self.members.contains(&gone) {
            let last = self.missing.remove(&gone);
            self.members.retain(|member| *member != gone && *member != kept);
            self.members.push(kept);
            self.missing.extend(last.map(|last| (kept, last)));
        }
    }
}

/// Gives the kept number where the other stood.
fn rename(who: &mut Option<Number>, gone: Number, kept: Number) {
    if *who == Some(gone) {
        *who = Some(kept);
    }
}

/// Who lives is heard again so soon after the mirror is whole.
const RETURN: Span = Span::seconds(30);

/// Devices named; of a larger site's one direction a part is enough.
const MEMBERS_MAX: usize = 1_024;

/// Frames cited.
const PROOFS_MAX: usize = 12;
