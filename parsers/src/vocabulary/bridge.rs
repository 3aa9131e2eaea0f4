//! What bridges say of their spanning tree.

use std::fmt;

use super::{Mac, Text};
use crate::time::Span;

/// A bridge's word on the tree it is part of (IEEE 802.1D-2004, clause 17; 802.1Q, clause 13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// 0 STP, 2 RSTP, 3 MSTP, 4 SPT.
    pub version: u8,
    /// Whose tree it is, where each VLAN has its own (PVST+).
    pub vlan: Option<u16>,
    /// The root.
    pub root: BridgeId,
    /// Cost of the path to it; of MSTP, that outside the region.
    pub root_cost: u32,
    /// Who sends.
    pub bridge: BridgeId,
    /// The sender's port: priority in the upper 4 bits, number in the lower 12.
    pub port: u16,
    /// What that port does and wants.
    pub flags: PortFlags,
    /// How old the root's word is.
    pub message_age: Span,
    /// How old it may become.
    pub max_age: Span,
    /// Time between two words of the root.
    pub hello: Span,
    /// How long a port listens and learns.
    pub forward_delay: Span,
    /// The region of MSTP.
    pub region: Option<Box<TreeRegion>>,
}

/// A bridge in a tree; of two, the lower one is the better root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BridgeId {
    /// Priority in the upper 4 bits; the lower 12 are the VLAN's or the instance's number.
    pub priority: u16,
    /// The bridge's own MAC.
    pub mac: Mac,
}

impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.priority, self.mac)
    }
}

impl fmt::Debug for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a port does and wants (IEEE 802.1D-2004, 9.3.3). Of STP only the topology change and its acknowledgment
/// are said; its port is designated, for no other sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PortFlags(pub u8);

impl PortFlags {
    /// Those that a configuration BPDU knows.
    pub const OF_CONFIGURATION: u8 = 0x81;

    /// Whether the topology changed.
    #[must_use]
    pub const fn is_topology_change(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Whether it asks to forward at once.
    #[must_use]
    pub const fn is_proposal(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Its role: 0 unknown, 1 alternate or backup (MSTP: master), 2 root, 3 designated.
    #[must_use]
    pub const fn role(self) -> u8 {
        self.0 >> 2 & 3
    }

    /// Whether it learns.
    #[must_use]
    pub const fn is_learning(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Whether it forwards.
    #[must_use]
    pub const fn is_forwarding(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Whether it agrees to a proposal.
    #[must_use]
    pub const fn is_agreement(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Whether it has heard that the topology changed.
    #[must_use]
    pub const fn is_acknowledgment(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Bridges that share one configuration of several trees (MSTP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRegion {
    /// What the configuration is called.
    pub name: Text,
    /// Which revision of it.
    pub revision: u16,
    /// A digest over which VLAN is in which tree.
    pub digest: [u8; 16],
    /// The region's root.
    pub root: BridgeId,
    /// Cost of the path to it.
    pub root_cost: u32,
    /// The trees beside the common one, 64 at most.
    pub instances: Vec<Instance>,
}

/// One tree of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Its root; the lower 12 bits of the priority are the tree's number.
    pub root: BridgeId,
    /// Cost of the path to it.
    pub root_cost: u32,
    /// What the sending port does in it.
    pub flags: PortFlags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_priority_then_lower_mac_is_the_better_root() {
        let id = |priority, last| BridgeId { priority, mac: Mac([2, 0, 0, 0, 0, last]) };
        assert!(id(0x1000, 9) < id(0x8000, 1));
        assert!(id(0x8000, 1) < id(0x8000, 9));
    }

    #[test]
    fn flags_are_told_apart() {
        let flags = PortFlags(0x3e);
        assert_eq!((flags.role(), flags.is_learning(), flags.is_forwarding()), (3, true, true));
        assert!(flags.is_proposal() && !flags.is_topology_change());
        assert!(!flags.is_agreement() && !flags.is_acknowledgment());
    }
}
