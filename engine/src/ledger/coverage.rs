//! [`Coverage`]: how much of each device the mirror shows.

use serde::Serialize;

use super::Ledger;

/// How much of each device the mirror shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Devices of which both sides of conversations are seen.
    pub full: u64,
    /// Devices heard only by what they send to groups and to all.
    pub groups_only: u64,
    /// Devices of which only their own side is seen.
    pub own_side_only: u64,
    /// Devices of which only the other side is seen, and what they send to groups.
    pub other_side_only: u64,
}

impl Ledger {
    /// Of how many devices of the site we see what they send and what is sent to them, of how many only
    /// what they send to groups, and of how many only one side.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for (_, device) in self.directory.devices().filter(|(_, device)| device.packets > 0) {
            let sum = match (device.speaks, device.is_spoken_to) {
                (true, true) => &mut coverage.full,
                (false, false) => &mut coverage.groups_only,
                (true, false) => &mut coverage.own_side_only,
                (false, true) => &mut coverage.other_side_only,
            };
            *sum = sum.saturating_add(1);
        }
        coverage
    }
}
