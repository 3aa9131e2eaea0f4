//! Spanning tree messages behind their LLC header (IEEE 802.1D-2004, 9.3).
//!
//! ```text
//! 0          3          5         6      7       8      16     20       28     30    32        34      36             38
//! | 42 42 03 | protocol | version | type | flags | root | cost | bridge | port | age | max age | hello | forward delay | version 1 length
//! ```
//!
//! Times are in 1/256 s. A rapid message ends with the version 1 length, which is 0.

use super::Mac;

/// Flags: the topology changes.
pub const TOPOLOGY_CHANGE: u8 = 0x01;
/// Proposal.
pub const PROPOSAL: u8 = 0x02;
/// Role of the sending port: alternate or backup.
pub const ALTERNATE: u8 = 0x04;
/// Role: root port.
pub const ROOT: u8 = 0x08;
/// Role: designated.
pub const DESIGNATED: u8 = 0x0c;
/// The port learns.
pub const LEARNING: u8 = 0x10;
/// The port forwards.
pub const FORWARDING: u8 = 0x20;
/// Agreement.
pub const AGREEMENT: u8 = 0x40;
/// The change has been noted.
pub const ACKNOWLEDGED: u8 = 0x80;

/// A bridge: its priority, with the VLAN number in the low 12 bits where there is one, and its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bridge(pub u16, pub Mac);

/// What a bridge says on one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bpdu {
    /// Whom it holds for the root.
    pub root: Bridge,
    /// Cost of its way there.
    pub root_cost: u32,
    /// Itself.
    pub bridge: Bridge,
    /// The port: priority in the high 4 bits, number below.
    pub port: u16,
    /// Age of what is said.
    pub message_age_s: u8,
    /// Age at which it is forgotten.
    pub max_age_s: u8,
    /// Interval of sending.
    pub hello_s: u8,
    /// Time a port takes to listen, and again to learn.
    pub forward_delay_s: u8,
    /// Flags; the first version knows only the first and the last.
    pub flags: u8,
}

/// A rapid message, version 2.
#[must_use]
pub fn rapid(bpdu: &Bpdu) -> Vec<u8> {
    let mut out = message(2, 2);
    bpdu.write(bpdu.flags, &mut out);
    out.push(0);
    out
}

/// A configuration message, version 0.
#[must_use]
pub fn config(bpdu: &Bpdu) -> Vec<u8> {
    let mut out = message(0, 0);
    bpdu.write(bpdu.flags & (TOPOLOGY_CHANGE | ACKNOWLEDGED), &mut out);
    out
}

/// A topology change notification.
#[must_use]
pub fn tcn() -> Vec<u8> {
    message(0, 0x80)
}

impl Bpdu {
    fn write(&self, flags: u8, out: &mut Vec<u8>) {
        out.push(flags);
        self.root.write(out);
        out.extend_from_slice(&self.root_cost.to_be_bytes());
        self.bridge.write(out);
        out.extend_from_slice(&self.port.to_be_bytes());
        for seconds in [self.message_age_s, self.max_age_s, self.hello_s, self.forward_delay_s] {
            out.extend_from_slice(&[seconds, 0]);
        }
    }
}

impl Bridge {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&self.1.0);
    }
}

fn message(version: u8, kind: u8) -> Vec<u8> {
    vec![0x42, 0x42, 0x03, 0, 0, version, kind]
}
