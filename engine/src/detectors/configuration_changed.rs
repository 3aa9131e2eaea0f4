//! `configuration-changed`: a device's settings were changed over the network.
//!
//! ## What it says
//! A device of the site did what a request ordered that changes its settings, loads firmware into it or sets it back to factory state: over HTTP in the interfaces of Hikvision, Dahua,
//! Axis and Hanwha, or by ONVIF. Who, from where and what is in the evidence; values are not.
//!
//! ## Why it matters
//! Changes are rare and planned. One that nobody planned may be somebody who got in, or a mistake that takes pictures away.
//!
//! ## Where it is wrong
//! What is ordered inside TLS, in makers' own protocols or in JSON is not seen. A recorder that is set up anew changes settings of all its cameras.
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
    id: "configuration-changed",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("configuration_changed.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule =
    Rule { kind: &KIND, see, words, confidence: 95, is_common: false, reads: orders::reads, applies: ALWAYS };

fn see(seen: &Observation) -> Option<Sight> {
    obeyed(seen, &[Order::Configure, Order::Firmware, Order::Reset])
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Settings changed at {who}"),
        summary: format!(
            "{who} was set otherwise over the network. {turn}: see whether it was planned."
        ),
        detail: format!("It did as ordered: {what}."),
        remedy: "Compare the order, the account and where it came from with the planned work. If nobody planned it, look at the settings, change the passwords and set the device back to factory state where firmware was loaded.".to_owned(),
        verify: "Each change has its entry in the record of planned work.".to_owned(),
    }
}
