//! Who was learned to be expected in a role ([`spanwatch_engine::expected`]), over restarts; and that people accepted it.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};
use spanwatch_engine::expected::{Peer, Role, STORE_LEARNS};
use spanwatch_parsers::Time;

use super::users::{By, Changed, audit};
use super::{Reader, Trouble, connect, schema};

/// How far a store has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learning {
    /// When it began.
    pub began: Time,
    /// When people accepted what was learned, and who did.
    pub accepted: Option<(Time, String)>,
}

/// Who was learned so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lesson {
    pub(super) peers: Vec<Peer>,
    /// Who turned out not to belong in a role.
    pub(super) refuted: BTreeSet<(Role, String)>,
}

impl Learning {
    /// The same where a run begins at `now`: what began later than that begins anew.
    pub(super) fn at(self, now: Time) -> Self {
        Self { began: self.began.min(now), ..self }
    }

    /// Until when it goes on.
    #[must_use]
    pub fn until(&self) -> Time {
        self.accepted.as_ref().map_or(self.began + STORE_LEARNS, |(at, _)| *at)
    }
}

impl Reader {
    /// How far it has learned; `None` where no watch has begun to.
    ///
    /// # Errors
    /// SQLite's.
    pub fn learning(&self) -> Result<Option<Learning>, Trouble> {
        learning(&self.db)
    }

    /// Who was learned, by role and name.
    ///
    /// # Errors
    /// SQLite's.
    pub fn learned(&self) -> Result<Vec<Peer>, Trouble> {
        peers(&self.db)
    }

    /// The kind of who has an id or holds an address, and the object of the report's `devices` that is his, as JSON.
    ///
    /// # Errors
    /// SQLite's.
    pub fn holder(&self, who: &str) -> Result<Option<(String, String)>, Trouble> {
        let sql =
            "SELECT kind, document FROM devices JOIN documents ON device = id WHERE merged_into IS NULL AND
             (name = ?1 OR id IN (SELECT device FROM addresses WHERE ip = ?1 AND until IS NULL))
             ORDER BY last_seen DESC LIMIT 1";
        Ok(self.db.query_row(sql, [who], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}

/// Says that what the store of a folder has learned is all, which ends its learning. How far it had learned before.
///
/// # Errors
/// Where there is no store, nothing was learned yet, or it cannot be written.
pub fn accept(dir: &Path, by: &By<'_>) -> Result<Learning, Trouble> {
    if !super::file(dir).exists() {
        return Err(Trouble::Missing);
    }
    let mut db = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if !schema::is_present(&db)? {
        return Err(Trouble::Missing);
    }
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before =
        learning(&step)?.ok_or_else(|| Trouble::Refused("no watch has learned anything yet".to_owned()))?;
    step.execute("UPDATE learning SET accepted = ?1, accepted_by = ?2", params![by.at.0, by.who])?;
    audit(&step, by, "learned-accepted", Changed::default())?;
    step.commit()?;
    Ok(before)
}

/// How far a store has learned.
pub(super) fn learning(db: &Connection) -> Result<Option<Learning>, Trouble> {
    let sql = "SELECT began, accepted, accepted_by FROM learning";
    let row = db.query_row(sql, [], |row| {
        let accepted = row.get::<_, Option<i64>>(1)?.map(Time).zip(row.get(2)?);
        Ok(Learning { began: Time(row.get(0)?), accepted })
    });
    Ok(row.optional()?)
}

/// Who was learned.
pub(super) fn peers(db: &Connection) -> Result<Vec<Peer>, Trouble> {
    let mut statement = db.prepare_cached("SELECT role, who, since FROM learned ORDER BY role, who")?;
    let mut rows = statement.query([])?;
    let mut peers = Vec::new();
    while let Some(row) = rows.next()? {
        // What a later version learned is left alone.
        if let Some(role) = Role::named(&row.get::<_, String>(0)?) {
            peers.push(Peer { role, who: row.get(1)?, since: Time(row.get(2)?) });
        }
    }
    Ok(peers)
}

/// Says that a run begins, the first of which begins to learn. Where that is yet to come the clock was wrong, and learning begins anew.
pub(super) fn begin(step: &Transaction<'_>, began: Time) -> Result<(), Trouble> {
    let sql = "INSERT INTO learning (id, began) VALUES (1, ?1)
         ON CONFLICT DO UPDATE SET began = excluded.began WHERE began > excluded.began AND accepted IS NULL";
    step.execute(sql, [began.0])?;
    Ok(())
}

/// Writes who was learned, and forgets who was refuted.
pub(super) fn write(step: &Transaction<'_>, Lesson { peers, refuted }: &Lesson) -> Result<(), Trouble> {
    let mut forget = step.prepare_cached("DELETE FROM learned WHERE (role, who) = (?1, ?2)")?;
    for (role, who) in refuted {
        forget.execute(params![role.name(), who])?;
    }
    let sql = "INSERT INTO learned SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM learned) < ?4
         ON CONFLICT DO UPDATE SET since = min(since, excluded.since)";
    let mut statement = step.prepare_cached(sql)?;
    for peer in peers {
        statement.execute(params![peer.role.name(), peer.who, peer.since.0, PEERS_MAX])?;
    }
    Ok(())
}

/// Servers of a pool change each day: more are no site's.
const PEERS_MAX: i64 = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        db
    }

    fn peer(role: Role, who: &str, since: i64) -> Peer {
        Peer { role, who: who.to_owned(), since: Time(since) }
    }

    #[test]
    fn who_was_learned_is_kept_since_he_was_first_seen() {
        let mut db = store();
        let step = db.transaction().unwrap();
        let learned = |peers: &[Peer]| Lesson { peers: peers.to_vec(), ..Lesson::default() };
        let first = [peer(Role::Dns, "192.0.2.53", 5), peer(Role::Viewer, "02:00:00:00:00:07", 6)];
        write(&step, &learned(&first)).unwrap();
        let then = [peer(Role::Dns, "192.0.2.53", 9), peer(Role::Dns, "192.0.2.54", 8)];
        write(&step, &learned(&then)).unwrap();
        step.execute("INSERT INTO learned VALUES ('a later role', 'x', 1)", []).unwrap();
        step.commit().unwrap();
        let due = [
            peer(Role::Dns, "192.0.2.53", 5),
            peer(Role::Dns, "192.0.2.54", 8),
            peer(Role::Viewer, "02:00:00:00:00:07", 6),
        ];
        assert_eq!(peers(&db).unwrap(), due);
    }

    #[test]
    fn who_turned_out_not_to_belong_is_forgotten_in_that_role_alone() {
        let mut db = store();
        let step = db.transaction().unwrap();
        let both = [peer(Role::Dhcp, "192.0.2.66", 5), peer(Role::Dns, "192.0.2.66", 5)];
        write(&step, &Lesson { peers: both.to_vec(), ..Lesson::default() }).unwrap();
        let refuted = [(Role::Dhcp, "192.0.2.66".to_owned())].into();
        write(&step, &Lesson { peers: both[1..].to_vec(), refuted }).unwrap();
        step.commit().unwrap();
        assert_eq!(peers(&db).unwrap(), both[1..]);
    }

    #[test]
    fn learning_lasts_a_day_from_the_first_run_on() {
        let mut db = store();
        assert_eq!(learning(&db).unwrap(), None);
        for began in [7, 90] {
            let step = db.transaction().unwrap();
            begin(&step, Time(began)).unwrap();
            step.commit().unwrap();
        }
        let learning = learning(&db).unwrap().unwrap();
        assert_eq!((learning.began, learning.until()), (Time(7), Time(7) + STORE_LEARNS));
        // What the clock of an earlier run put into the future begins anew.
        let step = db.transaction().unwrap();
        begin(&step, Time(3)).unwrap();
        assert_eq!(super::learning(&step).unwrap().unwrap().began, Time(3));
        step.execute("UPDATE learning SET accepted = 4, accepted_by = 'kim'", []).unwrap();
        begin(&step, Time(2)).unwrap();
        assert_eq!(super::learning(&step).unwrap().unwrap().until(), Time(4), "unless it is over");
        drop(step);
        assert_eq!(learning.clone().at(Time(3)).until(), Time(3) + STORE_LEARNS);
        let accepted = Learning { accepted: Some((Time(9), "kim".to_owned())), ..learning };
        assert_eq!(accepted.until(), Time(9));
    }
}
