//! Sessions: who asked whom for what, as which account, and what came of it.
//!
//! One row for each client, server, protocol, account, scheme and target; what
//! repeats moves its last time. A secret never reaches this room.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Login, Outcome, Text, Time};

use super::refusals::Refusals;

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
    /// Bytes of the connections it ran over, both ways, as on the wire.
    pub bytes: u64,
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
    /// What was asked for last, by client, server and protocol.
    latest: BTreeMap<(IpAddr, IpAddr, &'static str), Option<Text>>,
    /// What was not kept.
    pub refused: Refusals,
}

impl Sessions {
    /// Takes an exchange.
    pub fn exchanged(&mut self, key: Key, at: Time) {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&key) {
            self.refused.count("sessions in the report", SESSIONS_MAX);
            return;
        }
        self.latest.insert((key.client, key.server, key.protocol), key.target.clone());
        let login = self.logins.get(&(key.client, key.server, key.protocol)).cloned();
        let session = self.sessions.entry(key).or_insert(Session {
            login: None,
            bytes: 0,
            first_seen: at,
            last_seen: at,
        });
        session.first_seen = session.first_seen.min(at);
        session.last_seen = session.last_seen.max(at);
        session.login = login.or(session.login.take());
    }

    /// Says that two sent each other `bytes` in `protocol`: they count for what was asked for last.
    pub fn carried(&mut self, ends: (IpAddr, IpAddr), protocol: &'static str, bytes: u64) {
        let (one, other) = ends;
        for (client, server) in [(one, other), (other, one)] {
            let Some(target) = self.latest.get(&(client, server, protocol)) else { continue };
            let key = Key { client, server, protocol, target: target.clone() };
            if let Some(session) = self.sessions.get_mut(&key) {
                session.bytes = session.bytes.saturating_add(bytes);
            }
            return;
        }
    }

    /// Takes a login of `client` at `server`; an accepted one is not displaced by one without answer.
    pub fn logged_in(&mut self, client: IpAddr, server: IpAddr, protocol: &'static str, login: &Login) {
        let who = (client, server, protocol);
        let accepted = |login: &Login| login.outcome == Outcome::Accepted;
        let stale = login.outcome == Outcome::Unknown && self.logins.get(&who).is_some_and(accepted);
        if stale {
            return;
        }
        if self.logins.len() >= SESSIONS_MAX && !self.logins.contains_key(&who) {
            self.refused.count("logins", SESSIONS_MAX);
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

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));
    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn key(target: &str) -> Key {
        Key { client: CLIENT, server: SERVER, protocol: "rtsp", target: Some(target.into()) }
    }

    #[test]
    fn a_login_counts_for_what_was_asked_before_and_after_it() {
        let mut sessions = Sessions::default();
        let login = Login { account: Some("viewer".into()), scheme: "basic", outcome: Outcome::Accepted };
        sessions.exchanged(key("/one"), Time(1));
        sessions.logged_in(CLIENT, SERVER, "rtsp", &login);
        sessions.exchanged(key("/two"), Time(2));
        let logins: Vec<_> = sessions.iter().map(|(_, session)| session.login.clone()).collect();
        assert_eq!(logins, [Some(login.clone()), Some(login)]);
    }

    #[test]
    fn bytes_count_for_what_was_asked_last_whoever_sent_them() {
        let mut sessions = Sessions::default();
        sessions.exchanged(key("/one"), Time(1));
        sessions.exchanged(key("/two"), Time(2));
        sessions.carried((CLIENT, SERVER), "rtsp", 100);
        sessions.carried((SERVER, CLIENT), "rtsp", 1_000);
        sessions.carried((SERVER, CLIENT), "http", 5);
        let bytes: Vec<_> = sessions.iter().map(|(_, session)| session.bytes).collect();
        assert_eq!(bytes, [0, 1_100]);
    }

    #[test]
    fn logins_are_bounded_and_counted() {
        let mut sessions = Sessions::default();
        let login = Login { account: None, scheme: "basic", outcome: Outcome::Unknown };
        for n in 0..=SESSIONS_MAX as u32 {
            sessions.logged_in(std::net::Ipv4Addr::from(n).into(), SERVER, "rtsp", &login);
        }
        assert_eq!(sessions.refused.take().collect::<Vec<_>>(), [("logins", SESSIONS_MAX as u64, 1)]);
    }
}
