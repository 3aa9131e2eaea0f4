//! `ptz-command`: a camera was turned or zoomed.
//!
//! ## What it says
//! A camera of the site did as ordered and turned, zoomed or went to a preset: over HTTP in the interfaces of Hikvision, Dahua, Axis and Hanwha, or by ONVIF. Who and from where is in the
//! evidence; one finding for a camera, with how often.
//! Where the configuration says when people work (`working_hours`), what was ordered at another time is told as out of hours.
//!
//! ## Why it matters
//! A camera that somebody turned away sees nothing of what follows.
//!
//! ## Where it is wrong
//! Guard tours that a recorder runs are orders too. What is ordered inside TLS or in makers' own protocols is not seen.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Order;

use super::orders::{self, obeyed};
use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "ptz-command",
    category: "behavior",
    severity: Severity::Info,
    source: include_str!("ptz_command.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule =
    Rule { kind: &KIND, see, words, confidence: 95, is_common: false, reads: orders::reads, applies: ALWAYS };

fn see(seen: &Observation) -> Option<Sight> {
    obeyed(seen, &[Order::Move])
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} was turned or zoomed"),
        summary: format!(
            "{who} was turned or zoomed over the network. {turn}: where it now looks the wrong way, see who did it."
        ),
        detail: format!("It did as ordered: {what}."),
        remedy: "Nothing where operators did it. Otherwise see who uses the address that it came from, and give turning the camera to operators alone.".to_owned(),
        verify: "The camera's picture shows what it should.".to_owned(),
    }
}
