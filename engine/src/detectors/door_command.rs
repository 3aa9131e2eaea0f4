//! `door-command`: a door, or another output, was switched over the network.
//!
//! ## What it says
//! A device of the site did as ordered and switched a door or a relay: over HTTP in the interfaces of Hikvision, Dahua, Axis and Hanwha, or by ONVIF (AccessDoor, UnlockDoor,
//! SetRelayOutputState and their like). Who, when and from where is in the evidence.
//! Where the configuration says when people work (`working_hours`), what was ordered at another time is told as out of hours.
//!
//! ## Why it matters
//! Who can send this to a door in clear, or repeat what he heard, opens it.
//!
//! ## Where it is wrong
//! Intercom stations and operators open doors this way all day; outputs also switch lights. What is ordered inside TLS is not seen.
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
    id: "door-command",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("door_command.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule =
    Rule { kind: &KIND, see, words, confidence: 95, is_common: false, reads: orders::reads, applies: ALWAYS };

fn see(seen: &Observation) -> Option<Sight> {
    obeyed(seen, &[Order::Door])
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Door or output switched at {who}"),
        summary: format!(
            "A door or another output at {who} was switched over the network. {turn}: see whether somebody meant it."
        ),
        detail: format!("It did as ordered: {what}."),
        remedy: "Compare time, account and address with the door system's own record. Where nobody meant it, change the password, use HTTPS and let the device be reached by its controller alone.".to_owned(),
        verify: "Each order has its entry in the door system's own record.".to_owned(),
    }
}
