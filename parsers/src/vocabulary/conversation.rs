//! What is asked and answered.

use super::Text;

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The method, as `DESCRIBE`.
    pub method: Text,
    /// URL or path, secrets cut out.
    pub target: Option<Text>,
    /// The answer's code; `None` where no answer was seen.
    pub status: Option<u16>,
}

/// A login; the secret itself is never part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub account: Option<Text>,
    /// How it was proved: `basic`, `digest-md5`, `digest-sha-256`, `wsse-digest`, `wsse-text`; `plain` is a password as it
    /// is, `anonymous` an account that is for everybody.
    pub scheme: &'static str,
    /// What the server said.
    pub outcome: Outcome,
}

/// What is known of a password that was accepted; the password itself is never part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPassword {
    /// User name.
    pub account: Option<Text>,
    /// The rows of the list of known passwords in which it stands, by their numbers; of a UsernameToken none where it is
    /// another one.
    pub rows: Box<[u16]>,
    /// Whether it was proved by a UsernameToken: a server that takes the account with two passwords looks at neither.
    pub is_token: bool,
}

/// What somebody ordered a device to do, and it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it comes to.
    pub order: Order,
    /// As it was ordered: `PUT /ISAPI/System/factoryReset`, `ONVIF SetUser`; no value is part of it.
    pub what: Text,
    /// As whom, where a login came with it.
    pub account: Option<Text>,
}

/// What an order comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Settings are changed.
    Configure,
    /// An account is made, changed or taken away.
    Account,
    /// Firmware is loaded.
    Firmware,
    /// Everything is set back to what it was in the factory.
    Reset,
    /// The camera turns or zooms.
    Move,
    /// A door, or another output, is switched.
    Door,
}

/// How one side of SSH agrees on keys, as it says itself (RFC 4253, 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExchange {
    /// Whether it is the server.
    pub is_server: bool,
    /// The version of the protocol: `2.0`, `1.99` of who speaks both, `1.5`. Of who speaks version 2 not at all the lists are empty.
    pub version: Text,
    /// Ways to agree on keys, the best one first; of each list [`KeyExchange::NAMES_MAX`] at most.
    pub keys: Box<[Text]>,
    /// Kinds of the server's own key.
    pub host_keys: Box<[Text]>,
    /// Ciphers of what the server sends.
    pub ciphers: Box<[Text]>,
    /// Sums that protect what the server sends.
    pub sums: Box<[Text]>,
}

impl KeyExchange {
    /// Names kept of one list; servers offer a dozen.
    pub const NAMES_MAX: usize = 24;
}

/// What came of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The server accepted it.
    Accepted,
    /// The server refused it.
    Rejected,
    /// No answer was seen.
    Unknown,
}

/// Who keeps the time for whom (RFC 5905).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timekeeping {
    /// Asked or told.
    pub step: TimeStep,
    /// How far the sender is from a reference clock; 0 where it says nothing of that.
    pub stratum: u8,
    /// Whether the sender says that its clock is set.
    pub is_set: bool,
    /// Where the sender has its time from: a clock's name, an address, or why it tells none (kiss code).
    pub source: Option<Text>,
    /// When it was sent by the sender's clock: seconds since 1900 in the upper, fraction in the lower 32 bits. 0 is
    /// nothing, and of who asks it may be anything (RFC 8633, 3.3).
    pub sent: u64,
    /// The `sent` that is answered.
    pub answers: u64,
}

/// How a device tells what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeTold {
    /// It is asked for that (ONVIF GetSystemDateAndTime).
    Asked,
    /// Its reports on what it sends bear it (RTCP, RFC 3550, 6.4.1).
    Reported,
    /// What it asks or tells of the time bears it (NTP, RFC 5905, 7.3).
    Stamped,
    /// It dates its answers (HTTP, RFC 9110, 6.6.1).
    Dated,
}

/// A step of who keeps the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeStep {
    /// It asks its peer.
    Asked,
    /// It answers.
    Answered,
    /// It tells unasked: another server, or everybody.
    Told,
}
