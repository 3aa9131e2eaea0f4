//! Who is logged in: sessions by the hash of their secret, in memory alone, so that a restart ends them all.
//!
//! Source: OWASP ASVS 4.0.3, 3.2 and 3.3. A session ends after [`IDLE`] in which its person asked for nothing, after [`WHOLE`] in any
//! case, when he logs out, and when his password or his role changes (`epoch`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use spanwatch_appliance::access::secret::{NoRandomness, fresh, hashed};
use spanwatch_parsers::{Span, Time};

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By the hash of the secret that the cookie holds.
    held: Mutex<BTreeMap<String, Session>>,
}

/// One browser that somebody is logged in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    /// The user's when he logged in.
    pub epoch: i64,
    /// What a form must bear to be his.
    pub csrf: String,
    began: Time,
    used: Time,
}

impl Sessions {
    /// Begins a session, and gives its secret: never one that a browser brought.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn begin(&self, user: &str, epoch: i64, now: Time) -> Result<String, NoRandomness> {
        let (secret, csrf) = (fresh()?, fresh()?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, it| it.lives(now));
        make_room(&mut held, SESSIONS_OF_USER_MAX, |it| it.user == user);
        make_room(&mut held, SESSIONS_MAX, |_| true);
        let session = Session { user: user.to_owned(), epoch, csrf, began: now, used: now };
        held.insert(hashed(&secret), session);
        Ok(secret)
    }

    /// The session of a secret; `is_asked` where a person asks, and not a page that keeps itself fresh.
    pub fn of(&self, secret: &str, now: Time, is_asked: bool) -> Option<Session> {
        let key = hashed(secret);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let session = held.get_mut(&key)?;
        if !session.lives(now) {
            held.remove(&key);
            return None;
        }
        if is_asked {
            session.used = now;
        }
        Some(session.clone())
    }

    /// Ends a session.
    pub fn end(&self, secret: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&hashed(secret));
    }

    /// Ends all of a user.
    pub fn end_all(&self, user: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, it| it.user != user);
    }
}

impl Session {
    fn lives(&self, now: Time) -> bool {
        self.began <= now && now < self.began + WHOLE && now < self.used + IDLE
    }
}

/// Ends those of some that were used longest ago, until there is room for one more.
fn make_room(held: &mut BTreeMap<String, Session>, max: usize, is_one: impl Fn(&Session) -> bool) {
    while held.values().filter(|it| is_one(it)).count() >= max {
        let own = held.iter().filter(|(_, it)| is_one(it));
        let Some(oldest) = own.min_by_key(|(_, it)| it.used).map(|(key, _)| key.clone()) else { return };
        held.remove(&oldest);
    }
}

/// Without a person asking.
const IDLE: Span = Span::seconds(30 * 60);
/// A long day's work.
const WHOLE: Span = Span::seconds(12 * 3_600);
/// Browsers of one person.
const SESSIONS_OF_USER_MAX: usize = 16;
const SESSIONS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Time {
        Time(minute * 60_000_000_000)
    }

    #[test]
    fn a_session_ends_when_nobody_asks_and_in_any_case() {
        let sessions = Sessions::default();
        let secret = sessions.begin("jo", 1, at(0)).unwrap();
        assert!(sessions.of(&secret, at(29), false).is_some());
        assert!(sessions.of(&secret, at(30), false).is_none(), "that page kept itself fresh");
        let secret = sessions.begin("jo", 1, at(0)).unwrap();
        for minute in (0..720).step_by(20) {
            assert!(sessions.of(&secret, at(minute), true).is_some(), "{minute}");
        }
        assert!(sessions.of(&secret, at(720), true).is_none());
    }

    #[test]
    fn a_session_is_known_by_nothing_but_its_secret() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin("jo", 1, at(0)).unwrap(), sessions.begin("jo", 1, at(0)).unwrap());
        assert_ne!(
            sessions.of(&one, at(0), true).unwrap().csrf,
            sessions.of(&other, at(0), true).unwrap().csrf
        );
        assert!(!format!("{sessions:?}").contains(&one) && sessions.of("", at(0), true).is_none());
        sessions.end(&one);
        assert!(sessions.of(&one, at(0), true).is_none() && sessions.of(&other, at(0), true).is_some());
        sessions.end_all("jo");
        assert!(sessions.of(&other, at(0), true).is_none());
    }

    #[test]
    fn sessions_are_so_many_at_most() {
        let sessions = Sessions::default();
        let first = sessions.begin("jo", 1, at(0)).unwrap();
        for minute in 1..40 {
            sessions.begin("jo", 1, Time(minute)).unwrap();
        }
        assert!(sessions.of(&first, at(0), true).is_none());
        assert_eq!(sessions.held.lock().unwrap().len(), SESSIONS_OF_USER_MAX);
    }
}
