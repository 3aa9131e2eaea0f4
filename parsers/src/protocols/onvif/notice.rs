//! What a device notifies of (PullMessages, Notify).
//!
//! ```text
//! NotificationMessage / Topic                                     tns1:VideoSource/SignalLoss
//!                     / Message / Message / Source / SimpleItem@Name, @Value    which source, which disk
//!                                         / Data   / SimpleItem@Name, @Value    State true
//! ```
//!
//! Topics that tell of a fault of the device's own are said, with the first truth value in their data: whether it lasts.
//!
//! Source: ONVIF Core Specification 23.12, 9; OASIS WS-BaseNotification 1.3, 3.2; topics: ONVIF Imaging Service
//! Specification, 6 (SignalLoss, GlobalSceneChange), Device Management (HardwareFailure), Analytics (TamperDetector);
//! CellMotionDetector/Tamper is what TP-Link's cameras say (onvif-parsers 2.5.0, tests/test_tapo.py).

use crate::vocabulary::{Notice, NoticeKind, Text};
use crate::xml::{Path, Piece};

/// Takes notifications piece by piece.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was said, [`NOTICES_MAX`] at most.
    pub(super) notices: Vec<Notice>,
    /// The topic that is read, and its kind.
    topic: Option<(Text, NoticeKind)>,
    /// Of what.
    place: Option<Text>,
}

impl Reader {
    pub(super) fn take(&mut self, path: &Path, piece: &Piece<'_>) {
        match piece {
            Piece::Open(_) if path.name() == "NotificationMessage" => (self.topic, self.place) = (None, None),
            Piece::Text(text) if path.name() == "Topic" => {
                let topic = without_prefixes(text);
                self.topic = kind_of(&topic).map(|kind| (Text::from(topic.as_str()), kind));
            }
            Piece::Open(attributes) if path.ends_with(&["Source", "SimpleItem"]) => {
                let value = attributes.value("Value");
                self.place = self.place.take().or_else(|| Text::some(value?.as_bytes()));
            }
            Piece::Open(attributes) if path.ends_with(&["Data", "SimpleItem"]) => {
                let lasts = match attributes.value("Value").as_deref().map(str::trim) {
                    Some("true" | "1") => true,
                    Some("false" | "0") => false,
                    _ => return,
                };
                let Some((identity, kind)) = self.topic.take() else { return };
                if self.notices.len() < NOTICES_MAX {
                    let port = self.place.take();
                    self.notices.push(Notice {
                        kind,
                        identity,
                        port,
                        lasts: Some(lasts),
                        ..Notice::default()
                    });
                }
            }
            _ => {}
        }
    }
}

/// A topic less the prefixes of its parts, which every maker chooses for himself.
fn without_prefixes(topic: &str) -> String {
    let parts = topic.split('/').take(PARTS_MAX).map(|part| part.rsplit(':').next().unwrap_or(part));
    parts.collect::<Vec<_>>().join("/")
}

fn kind_of(topic: &str) -> Option<NoticeKind> {
    Some(match topic {
        "VideoSource/SignalLoss" => NoticeKind::VideoSignalLost,
        "RuleEngine/TamperDetector/Tamper" | "RuleEngine/CellMotionDetector/Tamper" => NoticeKind::Tampering,
        "Device/HardwareFailure/StorageFailure" => NoticeKind::StorageFault,
        _ if topic.starts_with("VideoSource/GlobalSceneChange/") => NoticeKind::Tampering,
        _ => return None,
    })
}

/// As many sources as a recorder of 64 channels has.
const NOTICES_MAX: usize = 64;

/// Topics have three or four.
const PARTS_MAX: usize = 8;
