//! What people say of devices: where they are, whose they are, how much they matter. Said of many at once ([`Desk::label`]).
//!
//! It stands over the site's own list in pages and exports. The watch does not read it: how severe a finding is goes by the list.

use std::collections::BTreeMap;

use rusqlite::{OpenFlags, TransactionBehavior, params};

use super::desk::Desk;
use super::users::{By, Changed, audit};
use super::{Reader, Trouble, connect};

/// What people say of one device; absent is what they left to the site's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Where it is.
    pub location: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// `critical`, `normal` or `unimportant`.
    pub importance: Option<String>,
}

/// What is to be said: `None` leaves what was said before, an empty text takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Where they are: [`TEXT_LETTERS_MAX`] letters at most, on one line.
    pub location: Option<String>,
    /// Whose they are; as long.
    pub owner: Option<String>,
    /// One of [`IMPORTANCES`].
    pub importance: Option<String>,
}

impl Change {
    /// The columns that change, each with what it becomes.
    fn columns(&self) -> Vec<(&'static str, Option<&str>)> {
        let all = [("location", &self.location), ("owner", &self.owner), ("importance", &self.importance)];
        let said = all.into_iter().filter_map(|(column, value)| Some((column, value.as_deref()?.trim())));
        said.map(|(column, value)| (column, Some(value).filter(|it| !it.is_empty()))).collect()
    }

    fn lack(&self) -> Option<String> {
        let columns = self.columns();
        if columns.is_empty() {
            return Some("nothing is to be changed: give a location, an owner or an importance".to_owned());
        }
        let bad = |(column, value): &(&str, Option<&str>)| match (*column, *value) {
            ("importance", Some(value)) => !IMPORTANCES.contains(&value),
            (_, Some(value)) => {
                value.chars().count() > TEXT_LETTERS_MAX || value.chars().any(char::is_control)
            }
            (_, None) => false,
        };
        columns.iter().find(|it| bad(it)).map(|(column, _)| match *column {
            "importance" => format!("an importance is one of {}", IMPORTANCES.join(", ")),
            column => format!("{column} has {TEXT_LETTERS_MAX} letters at most, on one line"),
        })
    }
}

impl Desk {
    /// What people say of devices, by the id that each had when it was said.
    ///
    /// # Errors
    /// SQLite's.
    pub fn labels(&self) -> Result<BTreeMap<String, Label>, Trouble> {
        let sql = "SELECT device, location, owner, importance FROM labels ORDER BY device LIMIT ?1";
        // There may be as many as devices: no request waits for them.
        let rows = Reader::open(self.dir())?.all(sql, [LABELS_MAX], |row| {
            let label = Label { location: row.get(1)?, owner: row.get(2)?, importance: row.get(3)? };
            Ok((row.get::<_, String>(0)?, label))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Says something of these devices, all of them or none; `which` tells in the audit which they are.
    ///
    /// # Errors
    /// Where nothing is said, it is too long, or there is no room for more labels; SQLite's.
    pub fn label(
        &self,
        by: &By<'_>,
        devices: &[String],
        change: &Change,
        which: &str,
    ) -> Result<(), Trouble> {
        if let Some(lack) = change.lack() {
            return Err(Trouble::Refused(lack));
        }
        // By a connection of its own, so that whoever asks meanwhile goes on; and what is long is done before the store is locked.
        let mut db = connect(self.dir(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.execute_batch("CREATE TEMP TABLE meant (device TEXT PRIMARY KEY) WITHOUT ROWID; BEGIN")?;
        {
            let mut statement = db.prepare("INSERT OR IGNORE INTO temp.meant VALUES (?1)")?;
            for device in devices {
                statement.execute([device])?;
            }
        }
        db.execute_batch("COMMIT")?;
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let columns = change.columns();
        for (column, value) in &columns {
            let sql = format!(
                "INSERT INTO labels (device, {column}, at, who) SELECT device, ?1, ?2, ?3 FROM temp.meant WHERE true
                 ON CONFLICT DO UPDATE SET {column} = excluded.{column}, at = excluded.at, who = excluded.who"
            );
            step.execute(&sql, params![value, by.at.0, by.who])?;
        }
        step.execute(
            "DELETE FROM labels WHERE location IS NULL AND owner IS NULL AND importance IS NULL",
            [],
        )?;
        let count: u32 = step.query_row("SELECT count(*) FROM labels", [], |row| row.get(0))?;
        if count > LABELS_MAX {
            return Err(Trouble::Refused(format!(
                "{LABELS_MAX} devices can be labelled, and these would be more"
            )));
        }
        let said: Vec<String> = columns
            .iter()
            .map(|(column, value)| format!("{column}: {}", value.unwrap_or("nothing")))
            .collect();
        let after = said.join("; ");
        let changed = Changed { after: Some(&after), note: Some(which), ..Changed::default() };
        audit(&step, by, "devices-labelled", changed)?;
        Ok(step.commit()?)
    }
}

/// What a device's importance can be.
pub const IMPORTANCES: [&str; 3] = ["critical", "normal", "unimportant"];
/// Of a location or an owner: as long as the site's list has them.
pub const TEXT_LETTERS_MAX: usize = 256;
/// As many as a page's picture has devices.
const LABELS_MAX: u32 = 65_536;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use spanwatch_parsers::Time;

    use super::*;
    use crate::store::test::Folder;
    use crate::store::{Limits, Store};

    fn change(location: &str, importance: &str) -> Change {
        Change { location: Some(location.to_owned()), owner: None, importance: Some(importance.to_owned()) }
    }

    #[test]
    fn what_is_said_of_many_is_kept_changed_taken_away_and_audited() {
        let folder = std::env::temp_dir().join(format!("spanwatch-labels-{}", std::process::id()));
        let say: crate::outputs::Say = std::sync::Arc::new(|_| {});
        let (store, _) = Store::open(&folder, Limits::default(), Time(1), &say).unwrap();
        assert!(store.finish(Duration::from_secs(60)));
        let desk = Desk::open(&folder).unwrap();
        let by = By { who: "ada", origin: Some("192.0.2.1"), at: Time(5) };
        let both = ["a".to_owned(), "b".to_owned()];
        desk.label(&by, &both, &change(" Dock 4 ", "critical"), "2 devices").unwrap();
        let owned = Change { owner: Some("Harbour police".into()), ..Change::default() };
        desk.label(&by, &both[..1], &owned, "1 device").unwrap();
        let labels = desk.labels().unwrap();
        let of = |id: &str| {
            let label = &labels[id];
            [&label.location, &label.owner, &label.importance].map(|it| it.clone().unwrap_or_default())
        };
        assert_eq!(of("a"), ["Dock 4", "Harbour police", "critical"]);
        assert_eq!(of("b"), ["Dock 4", "", "critical"]);
        desk.label(&by, &both[1..], &change("", ""), "1 device").unwrap();
        assert_eq!(desk.labels().unwrap().len(), 1);
        for bad in [
            change("Dock", "huge"),
            change("two\nlines", ""),
            change(&"x".repeat(257), ""),
            Change::default(),
        ] {
            assert!(matches!(desk.label(&by, &both, &bad, ""), Err(Trouble::Refused(_))), "{bad:?}");
        }
        let audit = desk.audit(None, i64::MAX, 9).unwrap();
        let told = audit
            .iter()
            .map(|it| (it.what.as_str(), it.after.as_deref().unwrap(), it.note.as_deref().unwrap()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("devices-labelled", "location: nothing; importance: nothing", "1 device"),
                ("devices-labelled", "owner: Harbour police", "1 device"),
                ("devices-labelled", "location: Dock 4; importance: critical", "2 devices"),
            ]
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn who_asks_does_not_wait_for_labels_that_wait() {
        let folder = Folder::new();
        let say: crate::outputs::Say = std::sync::Arc::new(|_| {});
        let (store, _) = Store::open(&folder.0, Limits::default(), Time(1), &say).unwrap();
        assert!(store.finish(Duration::from_secs(60)));
        let desk = Desk::open(&folder.0).unwrap();
        let ids: Vec<String> = (0..2_000).map(|id| id.to_string()).collect();
        let mut other = connect(&folder.0, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let writing = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        std::thread::scope(|scope| {
            let by = By { who: "ada", origin: None, at: Time(5) };
            let (begins, begun) = std::sync::mpsc::channel();
            let (desk, ids) = (&desk, &ids);
            let saying = scope.spawn(move || {
                begins.send(()).unwrap();
                desk.label(&by, ids, &change("Dock", "critical"), "2000 devices")
            });
            begun.recv().unwrap();
            for _ in 0..500 {
                assert!(desk.user("ada").unwrap().is_none() && !saying.is_finished());
                std::thread::yield_now();
            }
            writing.commit().unwrap();
            saying.join().unwrap().unwrap();
        });
        assert_eq!(desk.labels().unwrap().len(), 2_000);
    }
}
