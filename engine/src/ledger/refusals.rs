//! What the ledger's rooms did not keep because a cap was reached.
//!
//! A room counts where it refuses or forgets; after each observation the ledger
//! takes the counts, so that the report knows when a cap was first reached.

use std::collections::BTreeMap;

use spanwatch_parsers::Time;

use super::Ledger;
use crate::detectors::limit_reached::Limit;

/// Counts by what was not kept. It holds one entry for each cap at most, as their names are in the code.
#[derive(Debug, Default)]
pub struct Refusals(BTreeMap<&'static str, (u64, u64)>);

impl Refusals {
    /// Says that one more of `what` was not kept, or had to go, because of `cap`.
    pub fn count(&mut self, what: &'static str, cap: usize) {
        let (_, count) = self.0.entry(what).or_insert((cap as u64, 0));
        *count = count.saturating_add(1);
    }

    /// Whether nothing was counted since the last time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what was counted since the last time: what, its cap, how often.
    pub fn take(&mut self) -> impl Iterator<Item = (&'static str, u64, u64)> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|(what, (cap, count))| (what, cap, count))
    }
}

impl Ledger {
    /// Every cap that was reached.
    #[must_use]
    pub fn all_limits(&self) -> BTreeMap<&'static str, Limit> {
        let mut limits = self.limits.clone();
        let all = self.verdict.limits().into_iter().chain(self.watchers.limits());
        for (what, cap, evicted) in all.filter(|(_, _, evicted)| *evicted > 0) {
            limits.insert(what, Limit { cap: cap as u64, evicted, first: self.now, last: self.now });
        }
        limits
    }

    /// Notes that a cap was reached at `at`, `count` times.
    pub(super) fn limit(&mut self, what: &'static str, cap: u64, count: u64, at: Time) {
        let limit = self.limits.entry(what).or_insert(Limit { cap, evicted: 0, first: at, last: at });
        limit.evicted = limit.evicted.saturating_add(count);
        limit.last = limit.last.max(at);
    }

    /// Takes what the rooms counted since the last time.
    pub(super) fn note_refusals(&mut self, at: Time) {
        let rooms = [
            &mut self.refused,
            &mut self.directory.refused,
            &mut self.streams.refused,
            &mut self.losses.refused,
            &mut self.sessions.refused,
            &mut self.handshakes.refused,
            &mut self.switches.refused,
        ];
        if rooms.iter().all(|room| room.is_empty()) {
            return;
        }
        for (what, cap, count) in rooms.map(Refusals::take).into_iter().flatten() {
            self.limit(what, cap, count, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once() {
        let mut refused = Refusals::default();
        refused.count("switches", 8);
        refused.count("switches", 8);
        assert_eq!(refused.take().collect::<Vec<_>>(), [("switches", 8, 2)]);
        assert_eq!(refused.take().count(), 0);
    }
}
