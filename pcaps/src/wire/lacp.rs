//! Link aggregation control (IEEE 802.1AX-2014, 6.4.2), behind Ethernet type 0x8809, to 01:80:c2:00:00:02.
//!
//! ```text
//! 0         1         2                  22                 42                 58
//! | subtype | version | actor: 1, 20, .. | partner: 2, 20.. | collector: 3, 16 | terminator: 0, 0, zeros up to 110
//!
//! actor, partner: | system priority 2 | system 6 | key 2 | port priority 2 | port 2 | state 1 | zeros 3 |
//! ```

use super::Mac;

/// Type number of slow protocols (IEEE 802.3-2018, 57A.4).
pub const ETHERTYPE: u16 = 0x8809;

/// State bits: speaks without being spoken to.
pub const ACTIVE: u8 = 0x01;
/// Wants a message every second.
pub const SHORT_TIMEOUT: u8 = 0x02;
/// May be aggregated.
pub const AGGREGATION: u8 = 0x04;
/// Is in its aggregate.
pub const SYNCHRONIZATION: u8 = 0x08;
/// Takes frames.
pub const COLLECTING: u8 = 0x10;
/// Gives frames.
pub const DISTRIBUTING: u8 = 0x20;
/// Has heard of no partner and takes a default.
pub const DEFAULTED: u8 = 0x40;
/// Has not heard of its partner for too long.
pub const EXPIRED: u8 = 0x80;

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Priority and address of the system.
    pub system: (u16, Mac),
    /// Key of the aggregate.
    pub key: u16,
    /// Priority and number of the port.
    pub port: (u16, u16),
    /// State.
    pub state: u8,
}

/// What `actor` says of itself and of its partner.
#[must_use]
pub fn message(actor: &End, partner: &End) -> Vec<u8> {
    let mut out = vec![1, 1];
    for (kind, end) in [(1, actor), (2, partner)] {
        out.extend_from_slice(&[kind, 20]);
        out.extend_from_slice(&end.system.0.to_be_bytes());
        out.extend_from_slice(&end.system.1.0);
        for word in [end.key, end.port.0, end.port.1] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&[end.state, 0, 0, 0]);
    }
    out.extend_from_slice(&[3, 16]);
    out.resize(110, 0);
    out
}
