//! `video-signal-lost`: a device says that no picture comes from one of its inputs.
//!
//! ## What it says
//! A camera, encoder or recorder notified (ONVIF event `VideoSource/SignalLoss`) that an input has no video signal, and for 10 s it did not say that
//! it was over. One finding for each input; the device's own word ends it, and what comes again is counted.
//!
//! ## Why it matters
//! The device lives and may even stream, but what it sends is black or a notice: nobody sees anything there, and nothing is recorded.
//!
//! ## Where it is wrong
//! An input that nothing was ever connected to. Events are not signed and can be forged. Who asks a device for no events hears of none.
//!
//! ## State
//! See [`super::notices`].

use spanwatch_parsers::NoticeKind;

use super::notices::{Rule, Watch, Words};
use crate::finding::{Kind, Severity};

/// The kind.
pub const KIND: Kind = Kind {
    id: "video-signal-lost",
    category: "availability",
    severity: Severity::High,
    source: include_str!("video_signal_lost.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule { kind: &KIND, notice: NoticeKind::VideoSignalLost, dispatch: "yes", words };

fn words(who: &str, place: &str) -> Words {
    Words {
        title: format!("{who}: no picture at its video input{place}"),
        summary: format!(
            "{who} says itself that no picture comes from its video input{place}. The device and the network work; there is no recording of what that input should show. It is physical security's turn."
        ),
        remedy: "Look at the picture. Where a camera is connected to the input by cable, check that cable, the camera and its power; where the input is the camera's own sensor, restart the camera, and replace it if that does not help.",
        verify: "The device tells that the signal is back; then this finding gets an end.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, s};
    use super::super::notices::bench::tells;
    use super::*;

    #[test]
    fn an_input_without_a_signal_is_told_with_its_name_and_another_notice_is_not() {
        let mut bench = Bench::new();
        tells(&mut bench, 10, NoticeKind::VideoSignalLost, "VideoSource/SignalLoss", true);
        tells(&mut bench, 30, NoticeKind::Tampering, "RuleEngine/TamperDetector/Tamper", true);
        bench.tick(s(60));
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert!(finding.title.contains("(source_1) since"), "{}", finding.title);
        assert_eq!(finding.dispatch, Some("yes"));
    }
}
