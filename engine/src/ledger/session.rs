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
    /// By client, server and protocol.
    talks: BTreeMap<(IpAddr, IpAddr, &'static str), Talk>,
    logins: usize,
    /// What was not kept.
    pub refused: Refusals,
}

/// All that two say in one protocol.
#[derive(Debug, Default)]
struct Talk {
    /// It comes beside the exchange that it allows.
    login: Option<Login>,
    /// What was asked for last, where something was.
    latest: Option<Option<Text>>,
}

impl Sessions {
    /// Takes an exchange.
    pub fn exchanged(&mut self, key: Key, at: Time) {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&key) {
            self.refused.count("sessions in the report", SESSIONS_MAX);
            return;
        }
        let talk = self.talks.entry((key.client, key.server, key.protocol)).or_default();
        talk.latest = Some(key.target.clone());
        let begun = Session { bytes: 0, first_seen: at, last_seen: at };
        let session = self.sessions.entry(key).or_insert(begun);
        session.first_seen = session.first_seen.min(at);
        session.last_seen = session.last_seen.max(at);
    }

    /// Says that two sent each other `bytes` in `protocol`: they count for what was asked for last.
    pub fn carried(&mut self, ends: (IpAddr, IpAddr), protocol: &'static str, bytes: u64) {
        let (one, other) = ends;
        for (client, server) in [(one, other), (other, one)] {
            let talk = self.talks.get(&(client, server, protocol));
            let Some(target) = talk.and_then(|talk| talk.latest.clone()) else { continue };
            let key = Key { client, server, protocol, target };
            if let Some(session) = self.sessions.get_mut(&key) {
                session.bytes = session.bytes.saturating_add(bytes);
            }
            return;
        }
    }

    /// Takes a login of `client` at `server`; an accepted one is not displaced by one without answer.
    pub fn logged_in(&mut self, client: IpAddr, server: IpAddr, protocol: &'static str, login: &Login) {
        let who = (client, server, protocol);
        let known = self.talks.get(&who).and_then(|talk| talk.login.as_ref());
        let is_accepted = known.is_some_and(|known| known.outcome == Outcome::Accepted);
        if is_accepted && login.outcome == Outcome::Unknown {
            return;
        }
        if known.is_none() {
            if self.logins >= SESSIONS_MAX {
                self.refused.count("logins", SESSIONS_MAX);
                return;
            }
            self.logins = self.logins.saturating_add(1);
        }
        self.talks.entry(who).or_default().login = Some(login.clone());
    }

    /// Every session in the order of its key, with the last login.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Session, Option<&Login>)> {
        self.sessions.iter().map(|(key, session)| {
            let talk = self.talks.get(&(key.client, key.server, key.protocol));
            (key, session, talk.and_then(|talk| talk.login.as_ref()))
        })
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
        let logins: Vec<_> = sessions.iter().map(|(.., login)| login.cloned()).collect();
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
        let bytes: Vec<_> = sessions.iter().map(|(_, session, _)| session.bytes).collect();
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
