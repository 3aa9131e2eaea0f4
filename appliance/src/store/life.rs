//! What becomes of findings when a watch starts anew: [`Life`].
//!
//! ```text
//! held by the store, open ──► told as it is, until ──┬─► the engine finds the same again: it goes on under its old id
//!                                                    └─► all its devices are heard again: it ended
//! held, not open, of a standing kind (a weakness, say) ─► found again: it goes on under its old id, open again
//! ```
//!
//! The same is what has the same kind and the same subject. That a device is heard ends what says that it is gone
//! ([`GONE`]), and that anything is heard ends what says that the mirror is dead; all else that was open stays so until a person
//! resolves it: whether it still holds, nobody watched.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use spanwatch_engine::report::{Finding, revive, time};
use spanwatch_parsers::Time;

use super::{Trouble, subject};

/// A finding of an earlier run.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// As it was last written.
    pub finding: Finding,
    /// Whether it neither ended nor was withdrawn.
    pub is_open: bool,
    /// Whether nobody was told of it.
    pub is_untold: bool,
}

/// What of earlier runs goes on.
#[derive(Debug, Default)]
pub struct Life {
    /// Those of earlier runs that this one has not found again.
    carried: BTreeMap<String, Earlier>,
    /// Ids of earlier runs by kind and subject.
    by_subject: BTreeMap<(&'static str, String), String>,
    /// What findings of this run are called by, where an earlier run found them first: that id, and since when.
    called: BTreeMap<String, (String, String)>,
    /// Ids of this run that go by no other.
    own: BTreeSet<String>,
}

impl Life {
    /// Goes on with what a store held.
    #[must_use]
    pub fn new(held: Vec<Earlier>) -> Self {
        let mut life = Self::default();
        for earlier in held {
            let key = (earlier.finding.kind, subject(&earlier.finding).to_owned());
            let id = earlier.finding.id.clone();
            // The open one, else the latest, which comes first.
            if earlier.is_open || !life.by_subject.contains_key(&key) {
                life.by_subject.insert(key, id.clone());
            }
            life.carried.insert(id, earlier);
        }
        life
    }

    /// The findings that are open, as they were left.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.carried.values().filter(|it| it.is_open).map(|it| &it.finding)
    }

    /// Those of them that nobody was told of.
    pub fn untold(&self) -> impl Iterator<Item = &Finding> {
        self.carried.values().filter(|it| it.is_open && it.is_untold).map(|it| &it.finding)
    }

    /// All findings as they are: those that this run has made, by the ids that they are known by, and those of
    /// earlier runs that go on. `heard` tells since when this run has heard a device.
    pub fn joined(&mut self, found: Vec<Finding>, heard: &dyn Fn(&str) -> Option<Time>) -> Vec<Finding> {
        let ids: BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
        self.own.retain(|id| ids.contains(id.as_str()));
        self.called.retain(|id, _| ids.contains(id.as_str()));
        let mut all: Vec<Finding> = found.into_iter().map(|finding| self.known(finding)).collect();
        for earlier in self.carried.values_mut().filter(|it| it.is_open && it.finding.ended.is_none()) {
            let finding = &mut earlier.finding;
            let back: Option<Time> = match finding.kind {
                kind if GONE.contains(&kind) => {
                    let heard = finding.devices.iter().map(|id| heard(id));
                    heard.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max())
                }
                _ => None,
            };
            if let Some(back) = back {
                finding.ended = Some(time::rfc3339(back));
                finding.last_seen = time::rfc3339(back);
                finding.detail.push_str(BACK);
            }
        }
        all.extend(self.open().cloned());
        all
    }

    /// Ends what says that the mirror is dead, once it is not.
    pub fn mirror_lives(&mut self, at: Time) {
        let is_dead = |it: &&mut Earlier| it.is_open && it.finding.kind == "mirror-lost";
        for earlier in self.carried.values_mut().filter(is_dead) {
            earlier.finding.ended.get_or_insert_with(|| time::rfc3339(at));
        }
    }

    /// A finding of this run by the id that it is known by.
    fn known(&mut self, mut finding: Finding) -> Finding {
        if !self.own.contains(&finding.id) && !self.called.contains_key(&finding.id) {
            let key = (finding.kind, subject(&finding).to_owned());
            let is_same = |id: &&String| {
                let earlier = self.carried.get(*id);
                earlier.is_some_and(|it| {
                    it.is_open && it.finding.ended.is_none() || is_standing(it.finding.category)
                })
            };
            match self.by_subject.get(&key).filter(is_same).cloned() {
                Some(id) => {
                    let earlier = self.carried.remove(&id);
                    let since =
                        earlier.map_or_else(|| finding.first_seen.clone(), |it| it.finding.first_seen);
                    self.by_subject.remove(&key);
                    self.called.insert(finding.id.clone(), (id, since));
                }
                None => {
                    self.own.insert(finding.id.clone());
                }
            }
        }
        if let Some((id, since)) = self.called.get(&finding.id) {
            finding.id.clone_from(id);
            finding.first_seen.clone_from(since);
        }
        for id in &mut finding.supersedes {
            if let Some((known, _)) = self.called.get(id) {
                id.clone_from(known);
            }
        }
        finding
    }
}

/// Whether findings of a category hold until something is changed, so that one that comes again is the same.
pub(super) fn is_standing(category: &str) -> bool {
    STANDING.contains(&category)
}

/// What a store holds for a run to go on with: what is open, and what would be the same if it came again.
pub(super) fn earlier(db: &Connection) -> Result<Vec<Earlier>, Trouble> {
    let sql = "SELECT document, coalesce(ended, withdrawn) IS NULL, untold FROM findings WHERE coalesce(ended, withdrawn) IS NULL
         OR category IN ('weakness', 'vulnerability', 'lifecycle', 'inventory') ORDER BY last_seen DESC, id LIMIT ?1";
    let mut statement = db.prepare(sql)?;
    let rows =
        statement.query_map([EARLIER_MAX], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    let mut earlier = Vec::new();
    for row in rows {
        let (document, is_open, is_untold) = row?;
        // One that a later version wrote is left as it is.
        earlier.extend(revive::finding(&document).map(|finding| Earlier { finding, is_open, is_untold }));
    }
    Ok(earlier)
}

/// Kinds that say of their devices that no sign of life came from them.
const GONE: [&str; 4] =
    ["device-offline", "recorder-offline", "devices-offline-together", "admission-refused"];
const STANDING: [&str; 4] = ["weakness", "vulnerability", "lifecycle", "inventory"];
const BACK: &str =
    " The watch was away meanwhile: when it came back is not known, only that it has been heard since.";
/// As many as the ledger keeps.
const EARLIER_MAX: i64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test::{finding, of_kind};

    fn earlier(finding: Finding, is_open: bool) -> Earlier {
        Earlier { finding, is_open, is_untold: false }
    }

    fn told(findings: &[Finding]) -> Vec<(&str, Option<&str>)> {
        findings.iter().map(|it| (it.id.as_str(), it.ended.as_deref())).collect()
    }

    fn nobody(_: &str) -> Option<Time> {
        None
    }

    #[test]
    fn what_is_found_again_goes_on_under_its_old_id() {
        let mut life = Life::new(vec![earlier(finding("old"), true)]);
        assert_eq!(told(&life.joined(vec![], &nobody)), [("old", None)]);
        let again = life.joined(vec![finding("new")], &nobody);
        assert_eq!(told(&again), [("old", None)]);
        let other = life.joined(vec![finding("new"), finding("later")], &nobody);
        assert_eq!(told(&other), [("old", None), ("later", None)], "one goes on, the next is another");
    }

    #[test]
    fn who_is_heard_again_was_not_gone_and_dies_anew() {
        let mut life = Life::new(vec![earlier(finding("old"), true)]);
        let since = |id: &str| Some(Time(if id == "192.0.2.7" { 2_000_000_000 } else { 1_000_000_000 }));
        let one = |id: &str| Some(Time(1)).filter(|_| id == "192.0.2.7");
        assert_eq!(told(&life.joined(vec![], &one)), [("old", None)], "not all of them were");
        let back = Some("1970-01-01T00:00:02.000000000Z");
        assert_eq!(told(&life.joined(vec![], &since)), [("old", back)]);
        assert_eq!(told(&life.joined(vec![finding("new")], &since)), [("new", None), ("old", back)]);
    }

    #[test]
    fn a_weakness_that_ended_is_the_same_when_it_comes_again_and_an_outage_is_not() {
        let weakness = |id| of_kind(id, "telnet-open", "weakness");
        let held = vec![earlier(weakness("old"), false), earlier(finding("gone"), false)];
        let mut life = Life::new(held);
        assert_eq!(told(&life.joined(vec![], &nobody)), []);
        let again = life.joined(vec![weakness("new"), finding("new-outage")], &nobody);
        assert_eq!(told(&again), [("old", None), ("new-outage", None)]);
    }

    #[test]
    fn a_mirror_that_shows_something_is_not_dead() {
        let dead = of_kind("old", "mirror-lost", "capture");
        let mut life = Life::new(vec![earlier(dead, true)]);
        life.mirror_lives(Time(0));
        assert_eq!(told(&life.joined(vec![], &nobody)), [("old", Some("1970-01-01T00:00:00.000000000Z"))]);
    }
}
