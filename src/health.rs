//! How far an analysis that goes on is, for who looks at it from outside: [`Health`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Rounds on their way from the capture to the ledger; a live capture makes one a second at least.
#[derive(Debug, Default)]
pub struct Health {
    read: AtomicU64,
    kept: AtomicU64,
}

impl Health {
    /// Says that the capture gave another round.
    pub fn has_read(&self) {
        self.read.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the ledger is done with another round.
    pub fn has_kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds that the ledger is done with. It moves only where the capture, the workers and the ledger all do.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Rounds between the capture and the ledger.
    pub fn waiting(&self) -> u64 {
        self.read.load(Ordering::Relaxed).saturating_sub(self.kept())
    }
}
