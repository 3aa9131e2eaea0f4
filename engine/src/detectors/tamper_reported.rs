//! `tamper-reported`: a camera says that somebody seems to have covered, moved or blinded it.
//!
//! ## What it says
//! A device notified (ONVIF events `RuleEngine/TamperDetector/Tamper`, `RuleEngine/CellMotionDetector/Tamper`, `VideoSource/GlobalSceneChange/…`)
//! that its view was tampered with, and for 10 s it did not say that it was over. One finding for each source; the device's own word ends it, and what
//! comes again is counted.
//!
//! ## Why it matters
//! Whoever does not want to be seen turns the camera away, covers or sprays it first. The camera goes on sending, and only a person who looks notices.
//!
//! ## Where it is wrong
//! A camera that pans, a lamp that goes on or off, a lorry that stops close by. Events are not signed and can be forged. Who asks a device
//! for no events hears of none.
//!
//! ## State
//! See [`super::notices`].

use spanwatch_parsers::NoticeKind;

use super::notices::{Rule, Watch, Words};
use crate::finding::{Kind, Severity};

/// The kind.
pub const KIND: Kind = Kind {
    id: "tamper-reported",
    category: "availability",
    severity: Severity::High,
    source: include_str!("tamper_reported.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule { kind: &KIND, notice: NoticeKind::Tampering, dispatch: "wait", words };

fn words(who: &str, place: &str) -> Words {
    Words {
        title: format!("{who} reports tampering{place}"),
        summary: format!(
            "{who} says itself that its view{place} changed as if somebody had covered, moved or blinded it. It is physical security's turn: look at the picture now, and at what was recorded just before."
        ),
        remedy: "Look at the picture. If it does not show what it should, send somebody. If it does, set the tamper detection to be less sensitive, or leave out where the camera pans or lamps switch.",
        verify: "The device tells that its view is as before; then this finding gets an end.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, s};
    use super::super::notices::bench::tells;
    use super::*;

    #[test]
    fn a_view_that_was_tampered_with_is_told_and_somebody_looks_before_anybody_goes() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, NoticeKind::Tampering, "RuleEngine/TamperDetector/Tamper", true);
        bench.tick(s(60));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(finding.dispatch, Some("wait"));
        assert!(finding.detail.contains("TamperDetector"), "{}", finding.detail);
    }
}
