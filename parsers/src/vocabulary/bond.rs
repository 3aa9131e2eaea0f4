//! Several cables that are used as one.

use super::Mac;

/// How one cable of a bond stands, as one end of it tells (IEEE 802.1AX-2020, 6.4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// Who tells.
    pub actor: BondSide,
    /// What he last heard from the other end; zero where he never did.
    pub partner: BondSide,
}

/// One end of a cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BondSide {
    /// Lower decides which cables are used.
    pub system_priority: u16,
    /// The switch or host.
    pub system: Mac,
    /// Ports of a system with the same key may be used as one.
    pub key: u16,
    /// Lower is used first.
    pub port_priority: u16,
    /// The port's number in its system.
    pub port: u16,
    /// How it stands.
    pub state: BondState,
}

/// What an end does and wants (6.4.2.3, m).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BondState(pub u8);

impl BondState {
    /// Whether it speaks unasked.
    #[must_use]
    pub const fn is_active(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Whether it wants to hear every second, else every 30 s.
    #[must_use]
    pub const fn is_fast(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Whether it may be used together with others.
    #[must_use]
    pub const fn may_aggregate(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Whether it takes and sends traffic, in step with an other end that it hears.
    #[must_use]
    pub const fn is_in_use(self) -> bool {
        self.0 & 0xf8 == 0x38
    }

    /// Whether it hears nobody and goes by its own settings.
    #[must_use]
    pub const fn is_defaulted(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Whether it has not heard the other end for longer than agreed.
    #[must_use]
    pub const fn is_expired(self) -> bool {
        self.0 & 0x80 != 0
    }
}
