//! What the ledger's rooms did not keep because a cap was reached.
//!
//! A room counts where it refuses or forgets; after each observation the ledger
//! takes the counts, so that the report knows when a cap was first reached.

use std::collections::BTreeMap;

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
