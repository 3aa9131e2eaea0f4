//! Sessions: who asked whom for what, as which account, and what came of it.
//!
//! One row for each client, server, protocol, account, scheme and target; what
//! repeats moves its last time. A secret never reaches this room.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashbrown::HashMap;
use spanwatch_parsers::{Login, Outcome, Text, Time};

use super::refusals::Refusals;
use crate::few::FewBy;
use crate::hash::Keyed;

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
    /// What was ordered in it and done, as `ONVIF ContinuousMove`; [`COMMANDS_MAX`] different ones.
    pub commands: Option<Box<BTreeSet<Text>>>,
}

/// All sessions, [`SESSIONS_MAX`] at most: further ones are counted, not kept.
#[derive(Debug, Default)]
pub struct Sessions {
    talks: HashMap<Ends, Talk, Keyed>,
    /// How many there are.
    count: usize,
    logins: usize,
    /// What was not kept.
    pub refused: Refusals,
}

/// Client, server and protocol.
type Ends = (IpAddr, IpAddr, &'static str);

/// All that two say in one protocol.
#[derive(Debug, Default)]
struct Talk {
    /// It comes beside the exchange that it allows.
    login: Option<Box<Login>>,
    /// By what was asked for.
    sessions: FewBy<Option<Text>, Session>,
    /// The place of what was asked for last, where something was.
    latest: u16,
}

impl Talk {
    /// What was asked for last.
    fn latest(&mut self) -> Option<&mut Session> {
        self.sessions.at(self.latest.into())
    }
}

impl Sessions {
    /// An empty one whose table nobody outside can aim at.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { talks: HashMap::with_hasher(Keyed::new(seed)), ..Self::default() }
    }

    /// Takes an exchange.
    pub fn exchanged(&mut self, key: Key, at: Time) {
        let Key { client, server, protocol, target } = key;
        let ends = (client, server, protocol);
        let talk = self.talks.get(&ends);
        if talk.is_none_or(|talk| !talk.sessions.contains_key(&target)) {
            let limits = [
                ("sessions in the report", SESSIONS_MAX, self.count),
                ("sessions of one pair", OF_A_PAIR_MAX, talk.map_or(0, |talk| talk.sessions.len())),
            ];
            if let Some((what, most, _)) = limits.iter().find(|(_, most, count)| count >= most) {
                self.refused.count(what, *most);
                return;
            }
            self.count = self.count.saturating_add(1);
        }
        let talk = self.talks.entry(ends).or_default();
        let fresh = Session { bytes: 0, first_seen: at, last_seen: at, commands: None };
        talk.latest = u16::try_from(talk.sessions.place_or_insert(target, fresh)).unwrap_or(u16::MAX);
        let Some(session) = talk.latest() else { return };
        session.first_seen = session.first_seen.min(at);
        session.last_seen = session.last_seen.max(at);
    }

    /// Says that two sent each other `bytes` in `protocol`: they count for what was asked for last.
    pub fn carried(&mut self, ends: (IpAddr, IpAddr), protocol: &'static str, bytes: u64) {
        let (one, other) = ends;
        for (client, server) in [(one, other), (other, one)] {
            let talk = self.talks.get_mut(&(client, server, protocol));
            let Some(session) = talk.and_then(Talk::latest) else { continue };
            session.bytes = session.bytes.saturating_add(bytes);
            return;
        }
    }

    /// Says that `client` gave `server` an order: it belongs to what was asked for last.
    pub fn ordered(&mut self, client: IpAddr, server: IpAddr, protocol: &'static str, what: &Text) {
        let talk = self.talks.get_mut(&(client, server, protocol));
        let Some(session) = talk.and_then(Talk::latest) else { return };
        let commands = session.commands.get_or_insert_default();
        if commands.len() < COMMANDS_MAX {
            commands.insert(what.clone());
        } else if !commands.contains(what) {
            self.refused.count("orders of one session", COMMANDS_MAX);
        }
    }

    /// Takes a login of `client` at `server`; an accepted one is not displaced by one without answer.
    pub fn logged_in(&mut self, client: IpAddr, server: IpAddr, protocol: &'static str, login: &Login) {
        let ends = (client, server, protocol);
        let known = self.talks.get(&ends).and_then(|talk| talk.login.as_ref());
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
        self.talks.entry(ends).or_default().login = Some(Box::new(login.clone()));
    }

    /// Every session in the order of its key, with the last login.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Session, Option<&Login>)> {
        let mut talks: Vec<_> = self.talks.iter().collect();
        talks.sort_unstable_by_key(|(ends, _)| *ends);
        talks.into_iter().flat_map(|((client, server, protocol), talk)| {
            talk.sessions.iter().map(|(target, session)| {
                let key = Key { client: *client, server: *server, protocol, target: target.clone() };
                (key, session, talk.login.as_deref())
            })
        })
    }
}

/// Sessions kept: two of each device of a site of 50,000 and more.
pub const SESSIONS_MAX: usize = 131_072;
/// Of one client with one server in one protocol: who asks for more looks for what is there.
pub const OF_A_PAIR_MAX: usize = 4_096;

/// Different orders kept of one session; an installer's tool gives some dozens.
pub const COMMANDS_MAX: usize = 16;

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
    fn orders_belong_to_what_was_asked_for_last_and_are_bounded_and_counted() {
        let mut sessions = Sessions::default();
        sessions.ordered(CLIENT, SERVER, "rtsp", &"before any exchange".into());
        sessions.exchanged(key("/one"), Time(1));
        sessions.exchanged(key("/two"), Time(2));
        for n in 0..=COMMANDS_MAX {
            sessions.ordered(CLIENT, SERVER, "rtsp", &Text::from(format!("order {n}").as_str()));
            sessions.ordered(CLIENT, SERVER, "rtsp", &"order 0".into());
        }
        let orders = |session: &Session| session.commands.as_ref().map_or(0, |it| it.len());
        let kept: Vec<_> = sessions.iter().map(|(_, session, _)| orders(session)).collect();
        assert_eq!(kept, [0, COMMANDS_MAX]);
        assert_eq!(
            sessions.refused.take().collect::<Vec<_>>(),
            [("orders of one session", COMMANDS_MAX as u64, 1)]
        );
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
