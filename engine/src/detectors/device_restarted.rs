//! `device-restarted`: a device rebooted, with the signs of it.
//!
//! ## What it says
//! A device of physical security, or one from which something was expected, was silent for five seconds at least and then
//! did what one does after a start: it asked for an address, or whether its own is free. It was away too briefly to be called offline, or nobody missed it. A clock that ran on
//! (TCP time stamps) takes it back.
//!
//! ## Why it matters
//! It explains a hole in a recording, and three of them are a boot loop.
//!
//! ## Where it is wrong
//! Some devices ask whether their address is free whenever their link comes up.
//!
//! ## State
//! None of its own: [`crate::verdict`] notes starts, and this words them.

use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Revision, Severity, id};
use crate::ledger::directory::Directory;
use crate::report::time::{clock_time, length};
use crate::verdict::account::{address, subject_of, title_of};
use crate::verdict::returns::Restart;

/// The kind.
pub const KIND: Kind = Kind {
    id: "device-restarted",
    category: "availability",
    severity: Severity::Info,
    source: include_str!("device_restarted.rs"),
    start: None,
};

/// Puts it into words.
#[must_use]
pub fn finding(restart: &Restart, directory: &Directory, switch: Option<String>) -> Finding {
    let ((since, last_frame), (at, cite, how)) = (restart.since, restart.sign);
    let (first_seen, _) = restart.from();
    let silence = if restart.was_expected {
        format!("it was silent from {} to {} UTC and then started anew", clock_time(since), clock_time(at))
    } else {
        format!("it started anew at {} UTC; it was last heard at {} UTC", clock_time(at), clock_time(since))
    };
    let name = title_of(restart.device, directory);
    let who = subject_of(restart.device, directory);
    let is_ipv6 = address(restart.device, directory).is_some_and(|ip| ip.is_ipv6());
    let opened_as = directory.device(restart.device).map_or_else(String::new, |device| device.id());
    Finding {
        id: id(KIND.id, &opened_as, first_seen),
        confidence: LIKELY,
        owner: Cause::DeviceRestart.owner(),
        dispatch: Some("no"),
        devices: vec![restart.device],
        switch,
        cause: Some(Cause::DeviceRestart),
        alternatives: vec![
            Alternative {
                cause: Cause::DeviceRestart,
                confidence: LIKELY,
                speaks_for: vec![0, 1],
                speaks_against: Vec::new(),
                would_change: "the device's own log or uptime",
            },
            Alternative {
                cause: Cause::Power,
                confidence: 25,
                speaks_for: vec![0, 1],
                speaks_against: Vec::new(),
                would_change: "the port's PoE log",
            },
        ],
        revisions: vec![Revision {
            at,
            cause: Cause::DeviceRestart,
            confidence: LIKELY,
            because: "it did what one does after a start".to_owned(),
        }],
        title: format!("{name}: restarted at {} UTC", clock_time(at)),
        summary: format!("{who} restarted: {silence}. Nobody needs to do anything unless it happens again."),
        detail: format!("Not heard for {}; then it {}.", length(at - since), how.words()),
        remedy: "None. Three times within an hour are told as a boot loop.".to_owned(),
        verify: "It is heard as before.".to_owned(),
        evidence: vec![
            Evidence {
                at: since,
                cite: Some(last_frame),
                protocol: None,
                text: "last frame before".to_owned(),
            },
            Evidence {
                at,
                cite: Some(cite),
                protocol: Some(how.protocol(is_ipv6)),
                text: format!("it {}", how.words()),
            },
        ],
        last_seen: at,
        ended: Some(at),
        count: 1,
        ..Finding::of_network(&KIND, "", first_seen, at)
    }
}

/// A silence and one sign of a start, in per cent.
const LIKELY: u8 = 65;
