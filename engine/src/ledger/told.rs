//! Findings as they were last told: [`Told`]. Where they cannot be asked for the next time they hold on, of the devices that theirs
//! turned out to be.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::Number;
use crate::finding::Finding;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Told {
    findings: Vec<Finding>,
    /// Devices that turned out to be others since, [`RENUMBERED_MAX`] at most: findings may be many, and are seldom asked for.
    renumbered: BTreeMap<Number, Number>,
}

impl Told {
    /// This is told now.
    pub(super) const fn new(findings: Vec<Finding>) -> Self {
        Self { findings, renumbered: BTreeMap::new() }
    }

    /// Says that a device turned out to be another.
    pub(super) fn renumber(&mut self, gone: Number, kept: Number) {
        if self.findings.is_empty() {
            return;
        }
        self.renumbered.insert(gone, kept);
        if self.renumbered.len() >= RENUMBERED_MAX {
            let renumbered = std::mem::take(&mut self.renumbered);
            self.findings.iter_mut().for_each(|it| renumber(it, &renumbered));
        }
    }

    /// Those of which this is so, of devices as they turned out to be.
    pub(super) fn those(&self, is_meant: impl Fn(&&Finding) -> bool) -> Vec<Finding> {
        let mut those: Vec<Finding> = self.findings.iter().filter(is_meant).cloned().collect();
        those.iter_mut().for_each(|it| renumber(it, &self.renumbered));
        those
    }
}

/// Names the devices of a finding that turned out to be others by these, each once.
fn renumber(finding: &mut Finding, renumbered: &BTreeMap<Number, Number>) {
    let mut seen = BTreeSet::new();
    let devices = std::mem::take(&mut finding.devices).into_iter().map(|mut number| {
        // No number is used again, so that this ends.
        while let Some(kept) = renumbered.get(&number) {
            number = *kept;
        }
        number
    });
    finding.devices = devices.filter(|number| seen.insert(*number)).collect();
}

/// Renumbered devices before the findings themselves are: each second begins with none.
const RENUMBERED_MAX: usize = 4_096;
