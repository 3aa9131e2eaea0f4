//! `account-changed`: an account of a device was made, changed or taken away.
//!
//! ## What it says
//! A device of the site did what a request ordered about its accounts or their passwords: over HTTP in the interfaces of Hikvision, Dahua, Axis and Hanwha, or by ONVIF (CreateUsers,
//! SetUser, DeleteUsers). Who, from where and what is in the evidence; names and passwords of the new account are not.
//!
//! ## Why it matters
//! Who got in makes an account of his own, so that he stays when the password is changed.
//!
//! ## Where it is wrong
//! What is ordered inside TLS or in makers' own protocols is not seen. Changing default passwords is the work that other findings ask for.
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
    id: "account-changed",
    category: "behavior",
    severity: Severity::Medium,
    source: include_str!("account_changed.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule =
    Rule { kind: &KIND, see, words, confidence: 95, is_common: false, reads: orders::reads, applies: ALWAYS };

fn see(seen: &Observation) -> Option<Sight> {
    obeyed(seen, &[Order::Account])
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Account changed at {who}"),
        summary: format!(
            "An account of {who} was made, changed or taken away over the network. {turn}: see whether it was planned."
        ),
        detail: format!("It did as ordered: {what}."),
        remedy: "Look at the list of accounts of the device and take away what nobody knows; where the change was not planned, change the other passwords too.".to_owned(),
        verify: "The device's accounts are those of the record.".to_owned(),
    }
}
