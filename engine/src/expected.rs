//! Whom a site expects to do what only few do: [`Role`], [`Peer`].
//!
//! ```text
//! learned while the picture is ──► the report's `learned` ──► the store ──► the next run expects them
//!                                                   `spanwatch learned` ──► `[expected]` of the configuration
//! ```
//!
//! While the picture is being learned whoever takes a role is one of the site's: the first [`LEARNS`] of a run, or the whole first day of a
//! store ([`crate::ledger::Ledger::learns_until`]), which no restart and no gap begins anew. Who is learned is never forgotten by a store. A role that the configuration lists is not learned: those
//! who are listed are all.

use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use crate::ledger::device::Device;

/// For how long each run learns: a replay's first two minutes (contract, `new-device`).
pub const LEARNS: Span = Span::seconds(120);
/// For how long a new store does: each day has its rounds of guards, its backups and its spare servers.
pub const STORE_LEARNS: Span = Span::seconds(86_400);

/// What only few do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Watches cameras: recorders, guards' stations.
    Viewer,
    /// Answers questions for names.
    Dns,
    /// Tells the time.
    Ntp,
    /// Takes mail.
    Smtp,
    /// Gives out addresses.
    Dhcp,
}

/// Somebody who is expected in a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The role.
    pub role: Role,
    /// A server's address; of others what a device is called in the report: the MAC, else the address.
    pub who: String,
    /// When he was first seen in it.
    pub since: Time,
}

impl Role {
    /// All.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Dns, Self::Ntp, Self::Smtp, Self::Dhcp];

    /// What the configuration, the store and the report call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewers",
            Self::Dns => "dns",
            Self::Ntp => "ntp",
            Self::Smtp => "smtp",
            Self::Dhcp => "dhcp",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Who may be expected: an address, and the device that holds it, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The device.
    pub device: Option<&'a Device>,
}

impl Candidate<'_> {
    /// By which names a [`Peer`] may be meant.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        let device = self.device.into_iter();
        let macs = device.flat_map(|device| device.macs.iter().map(ToString::to_string));
        self.ip.map(|ip| ip.to_string()).into_iter().chain(macs.collect::<Vec<_>>())
    }
}
