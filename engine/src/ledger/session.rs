//! Sessions: who asked whom for what, as which account, and what came of it.
//!
//! One row for each client, server, protocol, account, scheme and target; what
//! repeats moves its last time. A secret never reaches this room.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Login, Outcome, Text, Time};

/// What tells one session row from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Who asked.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// In which protocol.
    pub protocol: &'static str,
    /// URL or path, secrets cut out.
    pub target: Option<Text>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Account, scheme and outcome of the last login.
    pub login: Option<Login>,
    /// First exchange.
    pub first_seen: Time,
    /// Last exchange.
    pub last_seen: Time,
}

/// All sessions, [`SESSIONS_MAX`] at most: further ones are counted, not kept.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: BTreeMap<Key, Session>,
    /// Logins by client, server and protocol: they come beside the exchange that they allow.
    logins: BTreeMap<(IpAddr, IpAddr, &'static str), Login>,
    /// Sessions that were not kept.
    pub refused: u64,
}

impl Sessions {
    /// Takes an exchange.
    pub fn exchanged(&mut self, key: Key, at: Time) {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&key) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let login = self.logins.get(&(key.client, key.server, key.protocol)).cloned();
        let session =
            self.sessions.entry(key).or_insert(Session { login: None, first_seen: at, last_seen: at });
        session.first_seen = session.first_seen.min(at);
        session.last_seen = session.last_seen.max(at);
        session.login = login.or(session.login.take());
    }

    /// Takes a login of `client` at `server`; an accepted one is not displaced by one without answer.
    pub fn logged_in(&mut self, client: IpAddr, server: IpAddr, protocol: &'static str, login: &Login) {
        let who = (client, server, protocol);
        let accepted = |login: &Login| login.outcome == Outcome::Accepted;
        let stale = login.outcome == Outcome::Unknown && self.logins.get(&who).is_some_and(accepted);
        if stale || (self.logins.len() >= SESSIONS_MAX && !self.logins.contains_key(&who)) {
            return;
        }
        self.logins.insert(who, login.clone());
        let from = Key { client, server, protocol, target: None };
        let rows = self
            .sessions
            .range_mut(from..)
            .take_while(|(key, _)| (key.client, key.server, key.protocol) == (client, server, protocol));
        for (_, session) in rows {
            session.login = Some(login.clone());
        }
    }

    /// Every session in the order of its key.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Session)> {
        self.sessions.iter()
    }
}

/// Sessions kept.
pub const SESSIONS_MAX: usize = 65_536;
