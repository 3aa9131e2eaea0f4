//! What one shard counted: [`Counts`].

use spanwatch_parsers::Way;

use crate::duplicate;
use crate::flow::Flow;

/// Sums over the frames of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames, copies included.
    pub frames: u64,
    /// Copies, which were dropped.
    pub copies: duplicate::Counts,
    /// Connections of which both sides were heard.
    pub two_way: u64,
    /// Connections, more than an opening, of which one side alone was heard.
    pub one_way: u64,
    /// Of those of which both sides were heard, with a VLAN tag on one direction only.
    pub tagged_one_way: u64,
}

impl Counts {
    /// Adds what another shard counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.frames, other.frames),
            (&mut self.two_way, other.two_way),
            (&mut self.one_way, other.one_way),
            (&mut self.tagged_one_way, other.tagged_one_way),
        ] {
            *sum = sum.saturating_add(count);
        }
        self.copies.merge(&other.copies);
    }

    /// Notes that a flow is no more.
    pub(super) fn ended(&mut self, flow: &Flow) {
        let Some(connection) = flow.tcp().map(|tcp| &tcp.connection) else { return };
        if connection.is_two_way() {
            self.two_way = self.two_way.saturating_add(1);
            let [orig, resp] = [Way::Orig, Way::Resp].map(|way| flow.head.side(way).vlan.is_some());
            self.tagged_one_way = self.tagged_one_way.saturating_add(u64::from(orig != resp));
        } else if !connection.is_embryonic() {
            self.one_way = self.one_way.saturating_add(1);
        }
    }
}
