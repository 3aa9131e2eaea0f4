//! What waits for receivers, over restarts: the queues as they are, written with the findings that they tell of.
//!
//! A quarter of the store's budget is theirs at most. Those in front are kept first; the others are in memory alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};
use spanwatch_parsers::Time;

use super::Trouble;
use crate::outputs::outbox::{Message, Outbox};

/// Writes what waits, and lets go of what does not any more. How many are kept.
pub(super) fn write(step: &Transaction<'_>, outbox: &Outbox, bytes_max: u64) -> Result<u64, Trouble> {
    let mut room = usize::try_from(bytes_max / 4).unwrap_or(usize::MAX);
    let mut kept = 0_u64;
    for receiver in receivers(step)?.iter().filter(|receiver| !outbox.contains_key(*receiver)) {
        step.execute("DELETE FROM outbox WHERE receiver = ?1", [receiver])?;
        step.execute("DELETE FROM receivers WHERE receiver = ?1", [receiver])?;
    }
    for (receiver, waiting) in outbox {
        let lost = i64::try_from(waiting.lost).unwrap_or(i64::MAX);
        let sql = "INSERT INTO receivers VALUES (?1, ?2) ON CONFLICT DO UPDATE SET lost = excluded.lost";
        step.prepare_cached(sql)?.execute(params![receiver, lost])?;
        let mut gone = ids(step, receiver)?;
        for (number, message) in &waiting.messages {
            let Some(less) = room.checked_sub(message.body.len()) else { break };
            (room, kept) = (less, kept.saturating_add(1));
            let number = i64::try_from(*number).unwrap_or(i64::MAX);
            if gone.remove(&number).as_ref() != Some(&message.id) {
                let Message { id, at, site, change, body } = &**message;
                step.prepare_cached("INSERT OR REPLACE INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                    .execute(params![receiver, number, id, at.0, site, change.change, body])?;
            }
        }
        for number in gone.into_keys() {
            step.prepare_cached("DELETE FROM outbox WHERE receiver = ?1 AND number = ?2")?
                .execute(params![receiver, number])?;
        }
    }
    Ok(kept)
}

/// What an earlier run left. What this version could not have written is counted as lost.
pub(super) fn read(db: &Connection) -> Result<Outbox, Trouble> {
    let mut outbox = Outbox::default();
    let mut statement = db.prepare("SELECT receiver, lost FROM receivers")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        outbox.entry(row.get(0)?).or_default().lost = row.get::<_, i64>(1)?.unsigned_abs();
    }
    let sql = "SELECT receiver, number, id, at, site, change, body FROM outbox ORDER BY receiver, number";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let waiting = outbox.entry(row.get(0)?).or_default();
        let change = row.get::<_, String>(5)?;
        match Message::kept(row.get(2)?, Time(row.get(3)?), row.get(4)?, &change, row.get(6)?) {
            Some(message) => waiting.messages.push((row.get::<_, i64>(1)?.unsigned_abs(), Arc::new(message))),
            None => waiting.lost = waiting.lost.saturating_add(1),
        }
    }
    Ok(outbox)
}

fn receivers(db: &Connection) -> Result<Vec<String>, Trouble> {
    let mut statement = db.prepare_cached("SELECT receiver FROM receivers")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn ids(db: &Connection, receiver: &str) -> Result<BTreeMap<i64, String>, Trouble> {
    let mut statement = db.prepare_cached("SELECT number, id FROM outbox WHERE receiver = ?1")?;
    Ok(statement.query_map([receiver], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use spanwatch_engine::report::changes::Change;

    use super::*;
    use crate::outputs::outbox::Waiting;
    use crate::store::schema;
    use crate::store::test::finding;

    fn message(number: u64) -> (u64, Arc<Message>) {
        let change = Change { change: "made", finding: finding(&format!("f{number}")) };
        (number, Arc::new(Message::new(Time(1), 1, None, change)))
    }

    /// Who is told, how many he lost, and the numbers and findings of his messages.
    type Told<'a> = (&'a str, u64, Vec<(u64, &'a str)>);

    fn told(outbox: &Outbox) -> Vec<Told<'_>> {
        let messages = |it: &'_ Waiting| it.messages.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        outbox
            .iter()
            .map(|(receiver, it)| {
                let ids = it.messages.iter().map(|(_, it)| it.change.finding.id.as_str());
                (receiver.as_str(), it.lost, messages(it).into_iter().zip(ids).collect())
            })
            .collect()
    }

    fn of(all: &[(&str, u64, &[u64])]) -> Outbox {
        all.iter()
            .map(|(receiver, lost, numbers)| {
                let messages = numbers.iter().map(|number| message(*number)).collect();
                ((*receiver).to_owned(), Waiting { lost: *lost, messages })
            })
            .collect()
    }

    fn written(db: &mut Connection, outbox: &Outbox, bytes_max: u64) -> u64 {
        let step = db.transaction().unwrap();
        let kept = write(&step, outbox, bytes_max).unwrap();
        step.commit().unwrap();
        kept
    }

    #[test]
    fn the_queues_are_as_they_were_last_told() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        assert_eq!(written(&mut db, &of(&[("a", 0, &[1, 2, 30]), ("b", 0, &[1])]), 1 << 20), 4);
        let next = of(&[("a", 7, &[2, 30, 31]), ("c", 1, &[])]);
        assert_eq!(written(&mut db, &next, 1 << 20), 3);
        let due = [("a", 7, vec![(2, "f2"), (30, "f30"), (31, "f31")]), ("c", 1, vec![])];
        assert_eq!(told(&read(&db).unwrap()), due);
    }

    #[test]
    fn a_number_that_another_message_had_is_no_message_that_is_kept() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        written(&mut db, &of(&[("a", 0, &[1])]), 1 << 20);
        let other = Waiting { lost: 0, messages: vec![(1, message(2).1)] };
        written(&mut db, &Outbox::from([("a".to_owned(), other)]), 1 << 20);
        assert_eq!(told(&read(&db).unwrap()), [("a", 0, vec![(1, "f2")])]);
    }

    #[test]
    fn more_than_a_quarter_of_the_budget_is_not_kept() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        let size = message(1).1.body.len() as u64;
        let all = of(&[("a", 0, &[1, 2, 3, 4])]);
        assert_eq!(written(&mut db, &all, 4 * (size * 2 + 1)), 2);
        assert_eq!(told(&read(&db).unwrap()), [("a", 0, vec![(1, "f1"), (2, "f2")])], "those in front");
    }

    #[test]
    fn a_message_of_another_version_is_counted_as_lost() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        written(&mut db, &of(&[("a", 2, &[1, 2])]), 1 << 20);
        db.execute(
            "UPDATE outbox SET body = replace(body, 'devices-offline-together', 'sunset') WHERE number = 1",
            [],
        )
        .unwrap();
        assert_eq!(told(&read(&db).unwrap()), [("a", 3, vec![(2, "f2")])]);
    }
}
