//! A [`Finding`]: a claim with its evidence, ready for the report but for names.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use spanwatch_parsers::Time;

use crate::detectors::Detector;
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// One kind of finding. [`crate::detectors::ALL`] lists them.
#[derive(Debug)]
pub struct Kind {
    /// Its id, as `device-offline`.
    pub id: &'static str,
    /// The contract's category.
    pub category: &'static str,
    /// Its severity unless the site's list says otherwise.
    pub severity: Severity,
    /// The detector's source; its module documentation is the kind's help page.
    pub source: &'static str,
    /// Begins to watch for it; `None` where another room finds it.
    pub start: Option<fn() -> Box<dyn Detector>>,
}

impl Kind {
    /// The help page: the module documentation down to `## State`, which is for us.
    #[must_use]
    pub fn help(&self) -> String {
        let docs = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let lines: Vec<&str> = docs.map(str::trim).take_while(|line| *line != "## State").collect();
        lines.join("\n").trim().to_owned()
    }
}

/// How bad it is; worst first, which is the report's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Act now.
    Critical,
    /// Act today.
    High,
    /// Plan it.
    Medium,
    /// Know it.
    Low,
    /// For the record.
    Info,
}

impl Severity {
    /// All, worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

/// Why something is gone; the contract's vocabulary as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The device itself.
    Device,
    /// It restarted, for whatever reason.
    DeviceRestart,
    /// The recorder or VMS.
    Recorder,
    /// A program of a device that lives.
    Service,
    /// Its power, or the supply of its port.
    Power,
    /// The switch it hangs on.
    Switch,
    /// What connects that switch to the rest.
    Uplink,
    /// Its cable or port.
    Link,
    /// Somewhere on the way between two.
    NetworkPath,
    /// The server that gives out addresses, or the way to it.
    Dhcp,
    /// Another device on the same address.
    AddressConflict,
    /// Our own mirror.
    Mirror,
    /// Cannot be told.
    Unknown,
}

impl Cause {
    /// All.
    pub const ALL: [Self; 13] = [
        Self::Device,
        Self::DeviceRestart,
        Self::Recorder,
        Self::Service,
        Self::Power,
        Self::Switch,
        Self::Uplink,
        Self::Link,
        Self::NetworkPath,
        Self::Dhcp,
        Self::AddressConflict,
        Self::Mirror,
        Self::Unknown,
    ];

    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::DeviceRestart => "device-restart",
            Self::Recorder => "recorder",
            Self::Service => "service",
            Self::Power => "power",
            Self::Switch => "switch",
            Self::Uplink => "uplink",
            Self::Link => "link",
            Self::NetworkPath => "network-path",
            Self::Dhcp => "dhcp",
            Self::AddressConflict => "address-conflict",
            Self::Mirror => "mirror",
            Self::Unknown => "unknown",
        }
    }

    /// Whose turn it is.
    #[must_use]
    pub const fn owner(self) -> Owner {
        match self {
            Self::Device | Self::DeviceRestart | Self::Service | Self::Recorder => Owner::PhysicalSecurity,
            Self::Power
            | Self::Switch
            | Self::Uplink
            | Self::Link
            | Self::NetworkPath
            | Self::Dhcp
            | Self::AddressConflict
            | Self::Mirror => Owner::It,
            Self::Unknown => Owner::Unknown,
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The network's team.
    It,
    /// The cameras' team.
    PhysicalSecurity,
    /// Both see it; `first_check` says who looks first.
    Unknown,
}

impl Owner {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::It => "it",
            Self::PhysicalSecurity => "physical-security",
            Self::Unknown => "unknown",
        }
    }
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When.
    pub at: Time,
    /// The frame that shows it; silence cites the last one heard.
    pub cite: Option<Cite>,
    /// The protocol that shows it.
    pub protocol: Option<&'static str>,
    /// In words.
    pub text: String,
}

/// A cause that could be meant, weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The cause.
    pub cause: Cause,
    /// In per cent.
    pub confidence: u8,
    /// Indices of the evidence for it.
    pub speaks_for: Vec<usize>,
    /// Indices of the evidence against it.
    pub speaks_against: Vec<usize>,
    /// What would settle it.
    pub would_change: &'static str,
}

/// How the judgement changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// When.
    pub at: Time,
    /// To what.
    pub cause: Cause,
    /// In per cent.
    pub confidence: u8,
    /// Why.
    pub because: String,
}

/// One claim.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable over runs and revisions; see [`id`].
    pub id: String,
    /// What kind.
    pub kind: &'static Kind,
    /// How bad.
    pub severity: Severity,
    /// In per cent.
    pub confidence: u8,
    /// Who acts.
    pub owner: Owner,
    /// Where the owner is unknown: what to look at first, by whom.
    pub first_check: Option<String>,
    /// Whether to send a technician to the device.
    pub dispatch: Option<&'static str>,
    /// The subject first.
    pub devices: Vec<Number>,
    /// The switch it concerns.
    pub switch: Option<String>,
    /// Why.
    pub cause: Option<Cause>,
    /// Why else, the likeliest first.
    pub alternatives: Vec<Alternative>,
    /// How the judgement changed.
    pub revisions: Vec<Revision>,
    /// Ids of what was said before it was clear.
    pub supersedes: Vec<String>,
    /// One line.
    pub title: String,
    /// For the person who looks after the cameras.
    pub summary: String,
    /// For the network engineer.
    pub detail: String,
    /// The next step.
    pub remedy: String,
    /// How to see that it is mended.
    pub verify: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
    /// When it began; of an absence the last sign of life.
    pub first_seen: Time,
    /// When we became sure.
    pub detected: Time,
    /// When it was last seen to hold.
    pub last_seen: Time,
    /// When it was over.
    pub ended: Option<Time>,
    /// How often.
    pub count: u64,
}

impl Finding {
    /// A finding of the network that has no words yet: IT's turn, and nobody is sent out.
    ///
    /// `subject` is what was known first of whom it concerns; see [`id`].
    #[must_use]
    pub fn of_network(kind: &'static Kind, subject: &str, first_seen: Time, detected: Time) -> Self {
        Self {
            id: id(kind.id, subject, first_seen),
            kind,
            severity: kind.severity,
            confidence: 0,
            owner: Owner::It,
            first_check: None,
            dispatch: None,
            devices: Vec::new(),
            switch: None,
            cause: None,
            alternatives: Vec::new(),
            revisions: Vec::new(),
            supersedes: Vec::new(),
            title: String::new(),
            summary: String::new(),
            detail: String::new(),
            remedy: String::new(),
            verify: String::new(),
            evidence: Vec::new(),
            first_seen,
            detected,
            last_seen: detected,
            ended: None,
            count: 1,
        }
    }
}

/// A finding's id: a hash of its kind, its subject and its time at opening.
///
/// The subject is what was known first (an address, an input's name), so that
/// the id survives what is learned later.
#[must_use]
pub fn id(kind: &str, subject: &str, opened: Time) -> String {
    let mut hash = Sha256::new();
    for part in [kind.as_bytes(), subject.as_bytes(), &opened.0.to_be_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = String::with_capacity(16);
    for byte in &hash.finalize()[..8] {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_kind_subject_and_time() {
        let first = id("device-offline", "a", Time(1));
        assert_eq!(first.len(), 16);
        assert_eq!(first, id("device-offline", "a", Time(1)));
        assert_ne!(first, id("device-offline", "b", Time(1)));
        assert_ne!(first, id("device-offline", "a", Time(2)));
        assert_ne!(id("x", "ab", Time(1)), id("xa", "b", Time(1)));
    }
}
