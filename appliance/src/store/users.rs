//! Who may use the pages: users, links with which they choose their password, and programs that ask the API.
//!
//! Each change is in the audit within its own transaction. Passwords come hashed; of links and programs' secrets the hash is
//! kept, and the secret is given away once, by who makes it.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use spanwatch_parsers::Time;

use super::Trouble;
use super::desk::Desk;
use crate::access::Role;
use crate::access::secret::{fresh, hashed};

/// Who does something, and from where.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// A user, a program, or who is at the console.
    pub who: &'a str,
    /// The address; `None` on this machine's console.
    pub origin: Option<&'a str>,
    /// The wall clock's time.
    pub at: Time,
}

/// What is written of a change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changed<'a> {
    pub finding: Option<&'a str>,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
    pub note: Option<&'a str>,
}

/// Who may use the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Changes with the password and the role.
    pub epoch: i64,
    pub created: Time,
    /// When he logged in last.
    pub seen: Option<Time>,
    /// Whether he has chosen a password.
    pub has_password: bool,
}

/// A program that asks the API.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub created: Time,
    pub created_by: String,
    pub used: Option<Time>,
}

/// Whom a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Whoever sets this machine up: he becomes an admin.
    First,
    /// A user who chooses his password.
    Of(String),
}

impl Desk {
    /// Whether anybody can log in.
    ///
    /// # Errors
    /// SQLite's, as of all that follow.
    pub fn has_users(&self) -> Result<bool, Trouble> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE password IS NOT NULL AND role = 'admin')";
        self.with(|it| Ok(it.db.query_row(sql, [], |row| row.get(0))?))
    }

    /// All users by name.
    ///
    /// # Errors
    /// As above.
    pub fn users(&self) -> Result<Vec<User>, Trouble> {
        let sql = "SELECT name, role, epoch, created, seen, password IS NOT NULL FROM users ORDER BY name";
        self.with(|it| it.all(sql, [], user))
    }

    /// A user.
    ///
    /// # Errors
    /// As above.
    pub fn user(&self, name: &str) -> Result<Option<User>, Trouble> {
        let sql = "SELECT name, role, epoch, created, seen, password IS NOT NULL FROM users WHERE name = ?1";
        self.with(|it| Ok(it.db.prepare_cached(sql)?.query_row([name], user).optional()?))
    }

    /// What is kept of a user's password.
    ///
    /// # Errors
    /// As above.
    pub fn password(&self, name: &str) -> Result<Option<String>, Trouble> {
        let sql = "SELECT password FROM users WHERE name = ?1";
        self.with(|it| {
            let found = it.db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?;
            Ok(found.flatten())
        })
    }

    /// Makes the link with which the first admin sets this machine up; one that was made before is void.
    ///
    /// # Errors
    /// As above.
    pub fn first_link(&self, until: Time) -> Result<String, Trouble> {
        self.change(|step| {
            step.execute("DELETE FROM links WHERE user IS NULL", [])?;
            linked(step, None, until)
        })
    }

    /// Adds a user, and gives the secret of the link with which he chooses his password.
    ///
    /// # Errors
    /// Where there is one of that name, or the name is none; as above.
    pub fn add_user(&self, by: &By<'_>, name: &str, role: Role, until: Time) -> Result<String, Trouble> {
        fit(name)?;
        self.change(|step| {
            let count: i64 = step.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
            if count >= USERS_MAX {
                return refused(&format!("there are {USERS_MAX} users, which is all there can be"));
            }
            let added = step.execute(
                "INSERT INTO users (name, role, epoch, created) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING",
                params![name, role.name(), by.at.0],
            )?;
            if added == 0 {
                return refused("there is a user of that name");
            }
            audit(step, by, "user-added", Changed { after: Some(role.name()), note: Some(name), ..NOTHING })?;
            linked(step, Some(name), until)
        })
    }

    /// Makes a link with which a user chooses another password; those that he had are void, and so is nothing else of his yet.
    ///
    /// # Errors
    /// Where there is no such user; as above.
    pub fn link(&self, by: &By<'_>, name: &str, until: Time) -> Result<String, Trouble> {
        self.change(|step| {
            role_of(step, name)?;
            audit(step, by, "link-made", Changed { note: Some(name), ..NOTHING })?;
            linked(step, Some(name), until)
        })
    }

    /// Whom the link of a secret is for; `None` where it was used, is over, or never was.
    ///
    /// # Errors
    /// As above.
    pub fn linked(&self, secret: &str, now: Time) -> Result<Option<Link>, Trouble> {
        self.with(|it| link_of(&it.db, secret, now))
    }

    /// Uses a link up: its user has this password from now on. `name` is what the first admin calls himself. Gives his name.
    ///
    /// # Errors
    /// Where the link is void, or the name cannot be had; as above.
    pub fn take_link(
        &self,
        (origin, at): (&str, Time),
        secret: &str,
        name: &str,
        password: &str,
    ) -> Result<String, Trouble> {
        self.change(|step| {
            let link = link_of(step, secret, at)?;
            let name = match link {
                None => return refused("this link was used already, or is over"),
                Some(Link::Of(name)) => name,
                Some(Link::First) => {
                    fit(name)?;
                    step.execute(
                        "INSERT INTO users (name, role, epoch, created) VALUES (?1, 'admin', ?2, ?2)
                         ON CONFLICT DO UPDATE SET role = 'admin'",
                        params![name, at.0],
                    )?;
                    name.to_owned()
                }
            };
            step.execute("DELETE FROM links WHERE hash = ?1 OR user = ?2", params![hashed(secret), name])?;
            let by = By { who: &name, origin: Some(origin), at };
            set_password(step, &by, &name, password)?;
            Ok(name)
        })
    }

    /// Gives a user another password, which ends his sessions.
    ///
    /// # Errors
    /// As above.
    pub fn set_password(&self, by: &By<'_>, name: &str, password: &str) -> Result<(), Trouble> {
        self.change(|step| set_password(step, by, name, password))
    }

    /// Gives a user another role, which ends his sessions.
    ///
    /// # Errors
    /// Where there is no such user, or nobody would be admin; as above.
    pub fn set_role(&self, by: &By<'_>, name: &str, role: Role) -> Result<(), Trouble> {
        self.change(|step| {
            let before = role_of(step, name)?;
            step.execute(
                "UPDATE users SET role = ?2, epoch = max(epoch + 1, ?3) WHERE name = ?1",
                params![name, role.name(), by.at.0],
            )?;
            needs_admin(step)?;
            let after = Some(role.name());
            audit(
                step,
                by,
                "role-changed",
                Changed { before: Some(&before), after, note: Some(name), ..NOTHING },
            )
        })
    }

    /// Removes a user, with his links.
    ///
    /// # Errors
    /// As above.
    pub fn remove_user(&self, by: &By<'_>, name: &str) -> Result<(), Trouble> {
        self.change(|step| {
            let before = role_of(step, name)?;
            step.execute("DELETE FROM users WHERE name = ?1", [name])?;
            step.execute("DELETE FROM links WHERE user = ?1", [name])?;
            needs_admin(step)?;
            audit(step, by, "user-removed", Changed { before: Some(&before), note: Some(name), ..NOTHING })
        })
    }

    /// Writes that a user came in, went, or could not come in.
    ///
    /// # Errors
    /// As above.
    pub fn came(&self, by: &By<'_>, what: &str) -> Result<(), Trouble> {
        self.change(|step| {
            if what == "logged-in" {
                step.execute("UPDATE users SET seen = ?2 WHERE name = ?1", params![by.who, by.at.0])?;
            }
            audit(step, by, what, NOTHING)
        })
    }

    /// Writes that somebody did something else, and to what.
    ///
    /// # Errors
    /// As above.
    pub fn tell(&self, by: &By<'_>, what: &str, note: &str) -> Result<(), Trouble> {
        self.change(|step| audit(step, by, what, Changed { note: Some(note), ..NOTHING }))
    }

    /// All programs.
    ///
    /// # Errors
    /// As above.
    pub fn tokens(&self) -> Result<Vec<Token>, Trouble> {
        let sql = "SELECT id, name, role, created, created_by, used FROM tokens ORDER BY id";
        self.with(|it| it.all(sql, [], token))
    }

    /// The program of a secret.
    ///
    /// # Errors
    /// As above.
    pub fn token(&self, secret: &str, now: Time) -> Result<Option<Token>, Trouble> {
        let sql = "SELECT id, name, role, created, created_by, used FROM tokens WHERE hash = ?1";
        self.with(|it| {
            let found = it.db.prepare_cached(sql)?.query_row([hashed(secret)], token).optional()?;
            if let Some(found) = &found
                && found.used.is_none_or(|used| now.0.saturating_sub(used.0) > USED_EVERY)
            {
                // Who may come in does not depend on whether that can be noted.
                let _ = it.db.execute("UPDATE tokens SET used = ?2 WHERE id = ?1", params![found.id, now.0]);
            }
            Ok(found)
        })
    }

    /// Adds a program, and gives its number and its secret.
    ///
    /// # Errors
    /// Where the name is none, or there are too many; as above.
    pub fn add_token(&self, by: &By<'_>, name: &str, role: Role) -> Result<(i64, String), Trouble> {
        fit(name)?;
        self.change(|step| {
            let count: i64 = step.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
            if count >= USERS_MAX {
                return refused(&format!("there are {USERS_MAX} tokens, which is all there can be"));
            }
            let secret = format!("{TOKEN}{}", fresh().map_err(|error| Trouble::Refused(error.to_string()))?);
            step.execute(
                "INSERT INTO tokens (name, hash, role, created, created_by) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, hashed(&secret), role.name(), by.at.0, by.who],
            )?;
            let id = step.last_insert_rowid();
            audit(step, by, "token-made", Changed { after: Some(role.name()), note: Some(name), ..NOTHING })?;
            Ok((id, secret))
        })
    }

    /// Takes a program's secret away from it.
    ///
    /// # Errors
    /// Where there is none of that number; as above.
    pub fn revoke_token(&self, by: &By<'_>, id: i64) -> Result<(), Trouble> {
        self.change(|step| {
            let name: Option<String> =
                step.query_row("SELECT name FROM tokens WHERE id = ?1", [id], |row| row.get(0)).optional()?;
            let Some(name) = name else { return refused("there is no such token") };
            step.execute("DELETE FROM tokens WHERE id = ?1", [id])?;
            audit(step, by, "token-revoked", Changed { note: Some(&name), ..NOTHING })
        })
    }

    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        self.with(|reader| {
            let step = reader.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&step)?;
            step.commit()?;
            Ok(done)
        })
    }
}

/// Writes who did what.
pub(super) fn audit(db: &Connection, by: &By<'_>, what: &str, changed: Changed<'_>) -> Result<(), Trouble> {
    let sql = "INSERT INTO audit (at, who, what, finding, before, after, note, origin)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Changed { finding, before, after, note } = changed;
    db.prepare_cached(sql)?
        .execute(params![by.at.0, by.who, what, finding, before, after, note, by.origin])?;
    Ok(())
}

fn set_password(step: &Connection, by: &By<'_>, name: &str, password: &str) -> Result<(), Trouble> {
    let changed = step.execute(
        "UPDATE users SET password = ?2, epoch = max(epoch + 1, ?3) WHERE name = ?1",
        params![name, password, by.at.0],
    )?;
    if changed == 0 {
        return refused("there is no such user");
    }
    audit(step, by, "password-set", Changed { note: Some(name), ..NOTHING })
}

fn linked(step: &Connection, user: Option<&str>, until: Time) -> Result<String, Trouble> {
    let secret = fresh().map_err(|error| Trouble::Refused(error.to_string()))?;
    step.execute("DELETE FROM links WHERE user = ?1", [user])?;
    step.execute(
        "INSERT INTO links (hash, user, expires) VALUES (?1, ?2, ?3)",
        params![hashed(&secret), user, until.0],
    )?;
    Ok(secret)
}

fn link_of(db: &Connection, secret: &str, now: Time) -> Result<Option<Link>, Trouble> {
    let sql = "SELECT user FROM links WHERE hash = ?1 AND expires > ?2";
    let found = db
        .query_row(sql, params![hashed(secret), now.0], |row| row.get::<_, Option<String>>(0))
        .optional()?;
    Ok(found.map(|user| user.map_or(Link::First, Link::Of)))
}

fn role_of(step: &Connection, name: &str) -> Result<String, Trouble> {
    let found =
        step.query_row("SELECT role FROM users WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    found.ok_or_else(|| Trouble::Refused("there is no such user".to_owned()))
}

fn needs_admin(step: &Connection) -> Result<(), Trouble> {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND password IS NOT NULL";
    let count: i64 = step.query_row(sql, [], |row| row.get(0))?;
    if count == 0 { refused("somebody must be admin, and this is the last who is") } else { Ok(()) }
}

fn refused<T>(why: &str) -> Result<T, Trouble> {
    Err(Trouble::Refused(why.to_owned()))
}

/// A name that stands in a page, a log and an audit as it is.
fn fit(name: &str) -> Result<(), Trouble> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-@".contains(letter);
    let is_own = name.eq_ignore_ascii_case("spanwatch");
    if (1..=NAME_LETTERS_MAX).contains(&name.len()) && name.chars().all(is_fit) && !is_own {
        return Ok(());
    }
    refused("a name has 1 to 64 letters, of a to z, digits, and . _ - @; spanwatch is ours")
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get(0)?,
        role: role(row, 1)?,
        epoch: row.get(2)?,
        created: Time(row.get(3)?),
        seen: row.get::<_, Option<i64>>(4)?.map(Time),
        has_password: row.get(5)?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        created: Time(row.get(3)?),
        created_by: row.get(4)?,
        used: row.get::<_, Option<i64>>(5)?.map(Time),
    })
}

/// A role that this version does not know may do the least.
fn role(row: &Row<'_>, at: usize) -> rusqlite::Result<Role> {
    Ok(Role::named(&row.get::<_, String>(at)?).unwrap_or(Role::Viewer))
}

const NOTHING: Changed<'_> = Changed { finding: None, before: None, after: None, note: None };
/// Of users, and of programs: more than two teams have.
const USERS_MAX: i64 = 256;
const NAME_LETTERS_MAX: usize = 64;
/// How exactly it is known when a program asked last: a minute.
const USED_EVERY: i64 = 60 * 1_000_000_000;
/// What a program's secret begins with, so that who finds one knows what it is.
const TOKEN: &str = "spanwatch_";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test::Folder;

    const BY: By<'_> = By { who: "ada", origin: Some("192.0.2.1"), at: Time(100) };

    fn desk(folder: &Folder) -> Desk {
        folder.made();
        Desk::open(&folder.0).unwrap()
    }

    #[test]
    fn the_first_link_makes_an_admin_once() {
        let folder = Folder::new();
        let desk = desk(&folder);
        assert!(!desk.has_users().unwrap());
        let void = desk.first_link(Time(50)).unwrap();
        let secret = desk.first_link(Time(50)).unwrap();
        assert_eq!(desk.linked(&void, Time(1)).unwrap(), None, "a newer one was made");
        assert_eq!(desk.linked(&secret, Time(49)).unwrap(), Some(Link::First));
        assert_eq!(desk.linked(&secret, Time(50)).unwrap(), None, "over");
        let late = desk.take_link(("192.0.2.1", Time(50)), &secret, "ada", "$hash");
        assert!(late.unwrap_err().to_string().contains("over"));
        assert!(desk.take_link(("", Time(2)), &secret, "a b", "$hash").is_err(), "that is no name");
        assert_eq!(desk.take_link(("192.0.2.1", Time(2)), &secret, "ada", "$hash").unwrap(), "ada");
        assert!(desk.has_users().unwrap());
        assert!(desk.take_link(("192.0.2.1", Time(3)), &secret, "eve", "$hash").is_err(), "used");
        assert_eq!(desk.users().unwrap().len(), 1);
    }

    #[test]
    fn somebody_is_always_admin_and_each_change_ends_sessions_and_is_told() {
        let folder = Folder::new();
        let desk = desk(&folder);
        let first = desk.first_link(Time(50)).unwrap();
        desk.take_link(("192.0.2.1", Time(2)), &first, "ada", "$hash").unwrap();
        let secret = desk.add_user(&BY, "jo", Role::Viewer, Time(200)).unwrap();
        assert!(desk.add_user(&BY, "jo", Role::Admin, Time(200)).is_err());
        assert_eq!(desk.linked(&secret, Time(1)).unwrap(), Some(Link::Of("jo".into())));
        desk.set_role(&BY, "jo", Role::Admin).unwrap();
        assert!(desk.remove_user(&BY, "ada").is_err(), "jo has no password yet");
        let before = desk.user("jo").unwrap().unwrap().epoch;
        desk.take_link(("192.0.2.1", Time(2)), &secret, "other", "$of-jo").unwrap();
        assert!(desk.user("jo").unwrap().unwrap().epoch > before);
        assert_eq!(desk.user("other").unwrap(), None);
        desk.remove_user(&BY, "ada").unwrap();
        assert!(desk.set_role(&BY, "jo", Role::Viewer).is_err());
        assert_eq!(desk.password("jo").unwrap().as_deref(), Some("$of-jo"));
        let audit = desk.audit(None, i64::MAX, 99).unwrap();
        let told: Vec<&str> = audit.iter().rev().map(|row| row.what.as_str()).collect();
        assert_eq!(told, ["password-set", "user-added", "role-changed", "password-set", "user-removed"]);
        assert!(audit.iter().all(|row| row.origin.as_deref() == Some("192.0.2.1")), "{audit:?}");
        assert!(!format!("{audit:?}").contains("$of-jo"));
    }

    #[test]
    fn a_program_is_known_by_its_secret_until_that_is_revoked() {
        let folder = Folder::new();
        let desk = desk(&folder);
        let (id, secret) = desk.add_token(&BY, "siem", Role::Operator(crate::access::Team::It)).unwrap();
        let known = desk.token(&secret, Time(7)).unwrap().unwrap();
        assert_eq!((known.id, known.name.as_str(), known.role.name()), (id, "siem", "operator-it"));
        assert_eq!(desk.tokens().unwrap()[0].used, Some(Time(7)));
        assert_eq!(desk.token("spanwatch_x", Time(7)).unwrap(), None);
        let file = std::fs::read(folder.0.join("spanwatch.db-wal")).unwrap();
        assert!(!file.windows(secret.len()).any(|it| it == secret.as_bytes()), "it is not kept");
        desk.revoke_token(&BY, id).unwrap();
        assert_eq!(desk.token(&secret, Time(8)).unwrap(), None);
        assert!(desk.revoke_token(&BY, id).is_err());
    }
}
