//! `weak-password`: a device takes a password that everybody tries.
//!
//! ## What it says
//! A device of the site accepted a login whose password stands for that account in the list of those that worms and installers use, or is another maker's default.
//! Basic and Digest (HTTP, RTSP, SIP), UsernameTokens (ONVIF) and plain logins (Telnet, FTP, mail, MQTT) are compared; nobody is asked anything. `--no-password-test` leaves it out.
//!
//! ## Why it matters
//! Worms try these passwords on every address that they reach, and get in.
//!
//! ## Where it is wrong
//! A server that takes any password for a UsernameToken proves nothing by accepting one: of an account that is taken with two passwords nothing is told, but as
//! long as all log in with the same one it is. A password that is not in the list may be as weak.
//!
//! ## State
//! See [`super::weakness`]. The password is in no observation: rows of a list are.

use super::default_password::{self, is_proved, see};
use super::weakness::{Rule, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;

/// The kind.
pub const KIND: Kind = Kind {
    id: "weak-password",
    category: "weakness",
    severity: Severity::High,
    source: include_str!("weak_password.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 98,
    is_common: false,
    reads: default_password::reads,
    applies,
};

fn applies(rows: &[u16], device: &Device) -> bool {
    !rows.is_empty() && is_proved(rows) && !default_password::applies(rows, device)
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Commonly used password at {who}"),
        summary: format!(
            "{who} takes a password that everybody tries: whoever reaches it has it soon. {turn}: change the password this week."
        ),
        detail: format!("{what}, accepted with a commonly used password."),
        remedy: "Give the device a password of its own, 12 characters or more, and set recorders and viewers to it; use HTTPS or RTSP over TLS where it can. Look whether its settings or accounts were changed.".to_owned(),
        verify: "A login with the old password is refused.".to_owned(),
    }
}
