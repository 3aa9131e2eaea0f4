//! `recorder-storage-fault`: a device says that what it records to fails.
//!
//! ## What it says
//! A recorder, or a camera with a card, notified (ONVIF event `Device/HardwareFailure/StorageFailure`) that a disk or card has failed, and for 10 s it
//! did not say that it was over. One finding for each disk; the device's own word ends it, and what comes again is counted.
//!
//! ## Why it matters
//! Live pictures look as ever, but what happens now may not be recorded, and what was recorded may be lost. It is mostly noticed when
//! somebody needs the recording.
//!
//! ## Where it is wrong
//! A camera whose card slot is empty on purpose, where its maker calls that a failure. Events are not signed and can be forged. Who asks a device for no
//! events hears of none.
//!
//! ## State
//! See [`super::notices`].

use spanwatch_parsers::NoticeKind;

use super::notices::{Rule, Watch, Words};
use crate::finding::{Kind, Severity};

/// The kind.
pub const KIND: Kind = Kind {
    id: "recorder-storage-fault",
    category: "availability",
    severity: Severity::High,
    source: include_str!("recorder_storage_fault.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule { kind: &KIND, notice: NoticeKind::StorageFault, dispatch: "yes", words };

fn words(who: &str, place: &str) -> Words {
    Words {
        title: format!("{who}: a disk or card fails{place}"),
        summary: format!(
            "{who} says itself that a disk or card{place} fails. Live pictures go on; recordings may be missing or lost. It is physical security's turn."
        ),
        remedy: "Look at the storage page of the device: which disk or card, and whether it still records. Save recordings that are needed, then replace the disk or card.",
        verify: "The device tells that its storage works; then this finding gets an end. Play back what was recorded since.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, s};
    use super::super::notices::bench::tells;
    use super::*;

    #[test]
    fn a_disk_that_fails_is_told_and_one_that_works_is_not() {
        let (topic, mut bench) = ("Device/HardwareFailure/StorageFailure", Bench::new());
        tells(&mut bench, 10, NoticeKind::StorageFault, topic, false);
        bench.tick(s(60));
        assert!(bench.of(&KIND).is_empty());
        tells(&mut bench, 70, NoticeKind::StorageFault, topic, true);
        bench.tick(s(90));
        assert_eq!(bench.of(&KIND).len(), 1);
    }
}
