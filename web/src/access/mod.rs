//! Who comes in, and as whom.
//!
//! ```text
//! request ─► guard: whose host, which rule (rules.rs) ─► a program's token? a person's session? ─► is it his own form? ─► handler
//!                                                        nobody: to the login
//! ```
//!
//! Who there is, is in the store ([`Desk`]) and asked anew for each request, so that a change holds at once, whichever process
//! made it. Sessions and counts of tries are in memory.

pub mod guard;
mod sessions;
#[cfg(test)]
mod tests;
mod throttle;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::Uri;
use axum::http::header::HOST;
use axum::http::request::Parts;
use spanwatch_appliance::access::{Role, password};
use spanwatch_appliance::store::Trouble;
use spanwatch_appliance::store::desk::Desk;
use spanwatch_appliance::store::users::By;
use spanwatch_parsers::{Span, Time};
use tokio::sync::Semaphore;

use sessions::Sessions;
use throttle::Throttle;

/// How people come in.
pub struct Access {
    /// The store at which they work.
    pub desk: Arc<Desk>,
    clock: fn() -> Time,
    sessions: Sessions,
    accounts: Throttle,
    addresses: Throttle,
    /// Passwords that are hashed at one time: each takes 19 MiB.
    hashing: Semaphore,
    door: OnceLock<Door>,
}

/// Where people come in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Door {
    /// Only this machine does.
    pub is_local: bool,
    /// Over TLS.
    pub is_secure: bool,
    /// With a certificate of one's own, so that it may be asked for for good.
    pub is_own: bool,
    /// Its port, so that two of us on one machine do not take each other's cookies.
    pub port: u16,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever is on this machine, where there are no logins.
    Anybody,
    /// Somebody who is not logged in.
    Nobody,
    /// A person.
    User {
        /// His name.
        name: String,
        /// What he may.
        role: Role,
        /// What his forms bear.
        csrf: String,
        /// His session's secret.
        secret: Secret,
    },
    /// A program.
    Program {
        /// Its name.
        name: String,
        /// What it may.
        role: Role,
        /// Its token.
        secret: Secret,
    },
}

/// What is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Who {
    /// What he may; nobody may nothing.
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::User { role, .. } | Self::Program { role, .. } => Some(*role),
            Self::Anybody | Self::Nobody => None,
        }
    }

    /// What the audit calls him.
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } => name,
            Self::Program { name, .. } => name,
            Self::Anybody | Self::Nobody => "",
        }
    }

    /// What his forms bear.
    pub fn csrf(&self) -> &str {
        if let Self::User { csrf, .. } = self { csrf } else { "" }
    }
}

/// From where a request comes.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What was asked for, by whom, from where.
#[derive(Debug, Clone)]
pub struct Here {
    /// The address, as the browser has it.
    pub uri: Uri,
    /// Who asks.
    pub who: Who,
    /// From where, as the audit has it.
    pub origin: String,
    /// What the browser calls this machine.
    pub host: String,
}

impl Here {
    /// Of a request whose guard has said who asks.
    pub fn of(parts: &Parts) -> Self {
        let uri = parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.clone(), |it| it.0.clone());
        let who = parts.extensions.get::<Who>().cloned().unwrap_or(Who::Nobody);
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        Self { uri, who, origin: peer(parts).to_string(), host }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Here {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// The address that a request comes from.
fn peer(parts: &Parts) -> IpAddr {
    parts.extensions.get::<Peer>().map_or(IpAddr::from([127, 0, 0, 1]), |it| it.0.to_canonical())
}

/// Why somebody does not come in.
#[derive(Debug)]
pub enum Refused {
    /// The name or the password is wrong; which, is not said.
    Wrong,
    /// There were too many tries: so long to wait.
    Wait(Span),
    /// The store, or the machine.
    Trouble(String),
}

impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble.to_string())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl Access {
    /// For those whom a store knows; `clock` is the wall clock.
    #[must_use]
    pub fn new(desk: Desk, clock: fn() -> Time) -> Self {
        Self {
            desk: Arc::new(desk),
            clock,
            sessions: Sessions::default(),
            accounts: Throttle::new(TRIES_OF_ACCOUNT),
            addresses: Throttle::new(TRIES_OF_ADDRESS),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            door: OnceLock::new(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// Where people come in; it is said once, when it opens.
    pub(crate) fn open(&self, door: Door) {
        let _ = self.door.set(door);
    }

    fn door(&self) -> Door {
        self.door.get().copied().unwrap_or_default()
    }

    /// The path of the link that makes the first admin, where there is none.
    ///
    /// # Errors
    /// The store's.
    pub fn first_link(&self) -> Result<Option<String>, Trouble> {
        if self.desk.has_users()? {
            return Ok(None);
        }
        Ok(Some(welcome(&self.desk.first_link(self.now() + FIRST_LINK)?)))
    }

    /// The link of a secret, as somebody elsewhere can open it.
    pub(crate) fn link(&self, here: &Here, secret: &str) -> String {
        let scheme = if self.door().is_secure { "https" } else { "http" };
        format!("{scheme}://{}{}", here.host, welcome(secret))
    }

    /// Whether who came in may still.
    pub(crate) fn still(&self, who: &Who) -> bool {
        match who {
            Who::User { secret, .. } => self.person(&secret.0, false).is_some(),
            Who::Program { secret, .. } => {
                self.desk.token(&secret.0, self.now()).is_ok_and(|it| it.is_some())
            }
            Who::Anybody | Who::Nobody => false,
        }
    }

    /// Who does something, for the audit.
    pub(crate) fn by<'a>(&self, here: &'a Here) -> By<'a> {
        By { who: here.who.name(), origin: Some(&here.origin), at: self.now() }
    }

    /// Counts a try to come in.
    ///
    /// # Errors
    /// Where there were too many.
    pub(crate) fn tried(&self, origin: &str, account: Option<&str>) -> Result<(), Refused> {
        let now = self.now();
        self.addresses.begin(&place(origin), now).map_err(Refused::Wait)?;
        // A name of any length is counted, and none is kept.
        let account = account.map(|it| spanwatch_appliance::access::secret::hashed(&it.to_lowercase()));
        account.map_or(Ok(()), |account| self.accounts.begin(&account, now).map_err(Refused::Wait))
    }

    /// The last try was right.
    pub(crate) fn was_right(&self, origin: &str, account: &str) {
        self.addresses.forget(&place(origin));
        self.accounts.forget(&spanwatch_appliance::access::secret::hashed(&account.to_lowercase()));
    }

    /// Whether a password is a user's. Counted; hashed where nobody else waits for it.
    ///
    /// # Errors
    /// As [`Refused`] says.
    pub(crate) async fn is_right(&self, origin: &str, name: &str, tried: String) -> Result<(), Refused> {
        self.tried(origin, Some(name))?;
        let kept = self.desk.password(name)?;
        let Ok(_turn) = self.hashing.acquire().await else { return Err(Refused::Wrong) };
        let right = tokio::task::spawn_blocking(move || password::is_right(&tried, kept.as_deref())).await;
        if right.unwrap_or(false) {
            self.was_right(origin, name);
            return Ok(());
        }
        // A row is written in any case, or the time that it takes would tell names apart. A name that there is not may be a password.
        let is_known = self.desk.user(name)?.is_some();
        let by = By { who: if is_known { name } else { UNKNOWN }, origin: Some(origin), at: self.now() };
        self.desk.came(&by, "login-failed")?;
        Err(Refused::Wrong)
    }

    /// What is kept of a password.
    ///
    /// # Errors
    /// The machine's.
    pub(crate) async fn kept(&self, password: String) -> Result<String, String> {
        let Ok(_turn) = self.hashing.acquire().await else { return Err("we are closing".to_owned()) };
        let kept = tokio::task::spawn_blocking(move || password::kept(&password)).await;
        kept.unwrap_or_else(|_| Err("the password cannot be hashed".to_owned()))
    }

    /// Begins a session of a user, and gives what to tell his browser.
    ///
    /// # Errors
    /// The store's, the machine's.
    pub(crate) fn enter(&self, name: &str) -> Result<String, Refused> {
        let user = self.desk.user(name)?.ok_or(Refused::Wrong)?;
        let secret = self.sessions.begin(&user.name, user.epoch, self.now());
        let secret = secret.map_err(|error| Refused::Trouble(error.to_string()))?;
        Ok(self.cookie(&secret))
    }

    /// Ends a session, where one was brought.
    pub(crate) fn leave(&self, secret: &str) {
        self.sessions.end(secret);
    }

    /// Ends all sessions of a user.
    pub(crate) fn leave_all(&self, name: &str) {
        self.sessions.end_all(name);
    }

    /// Whose session a secret is.
    pub(crate) fn person(&self, secret: &str, is_asked: bool) -> Option<Who> {
        let session = self.sessions.of(secret, self.now(), is_asked)?;
        let user = self.desk.user(&session.user).ok().flatten();
        let Some(user) = user.filter(|user| user.epoch == session.epoch) else {
            self.sessions.end(secret);
            return None;
        };
        let (csrf, secret) = (session.csrf, Secret(secret.to_owned()));
        Some(Who::User { name: user.name, role: user.role, csrf, secret })
    }

    /// What a browser is told to bring back, on this door alone.
    fn cookie(&self, secret: &str) -> String {
        let secure = if self.door().is_secure { "; Secure" } else { "" };
        format!("{}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}", self.cookie_name())
    }

    /// What a browser is told to forget.
    pub(crate) fn no_cookie(&self) -> String {
        format!("{}; Max-Age=0", self.cookie(""))
    }

    fn cookie_name(&self) -> String {
        let Door { is_secure, port, .. } = self.door();
        format!("{}spanwatch-{port}", if is_secure { "__Host-" } else { "" })
    }
}

/// The path of a link that works once.
fn welcome(secret: &str) -> String {
    format!("/welcome?key={secret}")
}

/// Who is counted as one.
fn place(origin: &str) -> String {
    origin.parse().map_or_else(|_| origin.to_owned(), |ip| crate::server::place(ip).to_string())
}

/// What the audit calls who gave a name that there is not; no user can have it.
const UNKNOWN: &str = "(unknown)";
/// Tries in a quarter of an hour: forty an hour, where ASVS 2.2.1 allows a hundred.
const TRIES_OF_ACCOUNT: u32 = 10;
const TRIES_OF_ADDRESS: u32 = 30;
const HASHED_AT_ONCE: usize = 2;
/// Somebody stands at the console.
const FIRST_LINK: Span = Span::seconds(3_600);
/// Somebody reads his mail the next day.
pub const LINK: Span = Span::seconds(24 * 3_600);
