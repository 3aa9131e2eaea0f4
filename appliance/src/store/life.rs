//! What becomes of findings when a watch starts anew: [`Life`].
//!
//! ```text
//! held by the store, open ──► told as it is, until ──┬─► the engine finds the same again: it goes on under its old id
//!                                                    └─► this run proves that it is over: it ended
//! held, not open, of a standing kind (a weakness, say) ─► found again: it goes on under its old id, open again
//! ```
//!
//! The same is what has the same kind and the same subject. That a device is heard ends what says that it is gone
//! ([`GONE`]), and that anything is heard ends what says that the mirror is dead. Of some kinds more can be known ([`proof`]): a device
//! that shows certificates for an hour and none that is expired has another one. All else that was open stays so until a
//! person resolves it: whether it still holds, nobody watched.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::report::{Finding, revive, time};
use spanwatch_parsers::{Span, Time};

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
    /// When this run began to see.
    began: Option<Time>,
    /// When it was last looked what is over.
    looked: Option<Time>,
}

/// What this run has seen of devices, by their ids.
pub trait Seen {
    /// Since when a device has been heard.
    fn heard(&self, id: &str) -> Option<Time>;
    /// Since when it has been sending media.
    fn media(&self, id: &str) -> Option<Time>;
    /// Since when it has shown certificates.
    fn certificate(&self, id: &str) -> Option<Time>;
}

impl Seen for Ledger {
    fn heard(&self, id: &str) -> Option<Time> {
        self.heard_since(id)
    }

    fn media(&self, id: &str) -> Option<Time> {
        self.media_since(id)
    }

    fn certificate(&self, id: &str) -> Option<Time> {
        self.certified_since(id)
    }
}

/// What proves that a finding of an earlier run is over, where this run has not made it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// All of its devices are heard.
    Heard,
    /// They have been for so long.
    HeardFor(Span),
    /// They have been sending media for so long.
    MediaFor(Span),
    /// They have been showing certificates for so long.
    CertificateFor(Span),
    /// The watch has been there for so long.
    WatchedFor(Span),
}

/// What proves that a finding of a kind is over. Where its absence proves nothing, as of a server that answers when it is asked, it
/// is not among them.
fn proof(kind: &str) -> Option<Proof> {
    Some(match kind {
        kind if GONE.contains(&kind) => Proof::Heard,
        "device-flapping" | "boot-loop" => Proof::HeardFor(HOUR),
        "stream-stalled" => Proof::MediaFor(MINUTE),
        "stream-loss" | "stream-loss-shared" | "stream-loss-downstream" => Proof::MediaFor(HOUR),
        "certificate-expired"
        | "certificate-expiring"
        | "certificate-not-yet-valid"
        | "certificate-weak-key"
        | "certificate-weak-signature"
        | "certificate-wrong-name"
        | "certificate-long-lived" => Proof::CertificateFor(HOUR),
        "broadcast-storm" | "switching-loop" | "mirror-one-way" | "mirror-partial" | "mirror-drops" => {
            Proof::WatchedFor(HOUR)
        }
        // They tell of the run that made them.
        "limit-reached" | "mirror-clock" => Proof::WatchedFor(Span::ZERO),
        _ => return None,
    })
}

impl Proof {
    fn over(self, finding: &Finding, seen: &dyn Seen, (began, now): (Time, Time)) -> bool {
        let lasts = |since: Option<Time>, span: Span| since.is_some_and(|since| now - since >= span);
        match self {
            Self::Heard => of_all(finding, &|id| seen.heard(id)).is_some(),
            Self::HeardFor(span) => lasts(of_all(finding, &|id| seen.heard(id)), span),
            Self::MediaFor(span) => lasts(of_all(finding, &|id| seen.media(id)), span),
            Self::CertificateFor(span) => lasts(of_all(finding, &|id| seen.certificate(id)), span),
            Self::WatchedFor(span) => lasts(Some(began), span),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Heard => BACK,
            Self::HeardFor(_) => {
                " The watch was away meanwhile. Since it came back the devices have been heard, and it did not come again."
            }
            Self::MediaFor(_) => {
                " The watch was away meanwhile. Since it came back media has come, and it was not so any more."
            }
            Self::CertificateFor(_) => {
                " The watch was away meanwhile. Since it came back no certificate that was shown was so."
            }
            Self::WatchedFor(_) => {
                " The watch was away meanwhile. Since it came back it has not been so any more."
            }
        }
    }
}

/// When something held of the last of a finding's devices; `None` where it does not hold of all, or there are none.
fn of_all(finding: &Finding, since: &dyn Fn(&str) -> Option<Time>) -> Option<Time> {
    let all: Option<Vec<Time>> = finding.devices.iter().map(|id| since(id)).collect();
    all?.into_iter().max()
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

    /// All findings as they are at `now`: those that this run has made, by the ids that they are known by, and those of
    /// earlier runs that go on. `seen` is what this run has seen.
    pub fn joined(&mut self, found: Vec<Finding>, seen: &dyn Seen, now: Time) -> Vec<Finding> {
        let ids: BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
        self.own.retain(|id| ids.contains(id.as_str()));
        self.called.retain(|id, _| ids.contains(id.as_str()));
        let mut all: Vec<Finding> = found.into_iter().map(|finding| self.known(finding)).collect();
        let began = *self.began.get_or_insert(now);
        let is_due = self.looked.is_none_or(|looked| now - looked >= LOOKED_AT);
        if is_due {
            self.looked = Some(now);
        }
        for earlier in self.carried.values_mut().filter(|it| it.is_open && it.finding.ended.is_none()) {
            let finding = &mut earlier.finding;
            let over = match proof(finding.kind) {
                Some(Proof::Heard) => of_all(finding, &|id| seen.heard(id)).map(|back| (back, BACK)),
                Some(proof) if is_due => {
                    proof.over(finding, seen, (began, now)).then(|| (now, proof.words()))
                }
                _ => None,
            };
            if let Some((over, words)) = over {
                finding.ended = Some(time::rfc3339(over));
                finding.last_seen = time::rfc3339(over);
                finding.detail.push_str(words);
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
const MINUTE: Span = Span::seconds(60);
const HOUR: Span = Span::seconds(3_600);
/// After which it is looked again what is over, where that costs more than a look.
const LOOKED_AT: Span = Span::seconds(10);
/// As many as the ledger keeps.
const EARLIER_MAX: i64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test::{at, finding, of_kind};

    fn earlier(finding: Finding, is_open: bool) -> Earlier {
        Earlier { finding, is_open, is_untold: false }
    }

    fn told(findings: &[Finding]) -> Vec<(&str, Option<&str>)> {
        findings.iter().map(|it| (it.id.as_str(), it.ended.as_deref())).collect()
    }

    /// Devices, since when each was heard, has sent media, has shown certificates, in seconds.
    #[derive(Default)]
    struct Eyes {
        heard: Vec<(&'static str, i64)>,
        media: Vec<(&'static str, i64)>,
        certificates: Vec<(&'static str, i64)>,
    }

    fn of(list: &[(&str, i64)], id: &str) -> Option<Time> {
        list.iter().find(|(of, _)| *of == id).map(|(_, since)| at(*since))
    }

    impl Seen for Eyes {
        fn heard(&self, id: &str) -> Option<Time> {
            of(&self.heard, id)
        }

        fn media(&self, id: &str) -> Option<Time> {
            of(&self.media, id)
        }

        fn certificate(&self, id: &str) -> Option<Time> {
            of(&self.certificates, id)
        }
    }

    const BOTH: [&str; 2] = ["02:00:00:00:00:01", "192.0.2.7"];

    fn since(second: i64) -> Vec<(&'static str, i64)> {
        BOTH.map(|id| (id, second)).to_vec()
    }

    /// When it ends what an earlier run found, looked at in these seconds.
    fn over(kind: &'static str, eyes: &Eyes, seconds: &[i64]) -> Option<String> {
        let mut life = Life::new(vec![earlier(of_kind("old", kind, "network"), true)]);
        seconds.iter().find_map(|second| life.joined(vec![], eyes, at(*second)).remove(0).ended)
    }

    #[test]
    fn what_is_found_again_goes_on_under_its_old_id() {
        let (mut life, nobody) = (Life::new(vec![earlier(finding("old"), true)]), Eyes::default());
        assert_eq!(told(&life.joined(vec![], &nobody, at(1))), [("old", None)]);
        let again = life.joined(vec![finding("new")], &nobody, at(2));
        assert_eq!(told(&again), [("old", None)]);
        let other = life.joined(vec![finding("new"), finding("later")], &nobody, at(3));
        assert_eq!(told(&other), [("old", None), ("later", None)], "one goes on, the next is another");
    }

    #[test]
    fn who_is_heard_again_however_late_was_not_gone_and_dies_anew() {
        let mut life = Life::new(vec![earlier(finding("old"), true)]);
        let mut eyes = Eyes { heard: vec![(BOTH[1], 2)], ..Eyes::default() };
        assert_eq!(told(&life.joined(vec![], &eyes, at(3))), [("old", None)], "not all of them were");
        eyes.heard.push((BOTH[0], 86_400));
        let back = Some("1970-01-02T00:00:00.000000000Z");
        assert_eq!(told(&life.joined(vec![], &eyes, at(86_401))), [("old", back)]);
        let all = life.joined(vec![finding("new")], &eyes, at(86_402));
        assert_eq!(told(&all), [("new", None), ("old", back)]);
    }

    #[test]
    fn a_weakness_that_ended_is_the_same_when_it_comes_again_and_an_outage_is_not() {
        let weakness = |id| of_kind(id, "telnet-open", "weakness");
        let held = vec![earlier(weakness("old"), false), earlier(finding("gone"), false)];
        let (mut life, nobody) = (Life::new(held), Eyes::default());
        assert_eq!(told(&life.joined(vec![], &nobody, at(1))), []);
        let again = life.joined(vec![weakness("new"), finding("new-outage")], &nobody, at(2));
        assert_eq!(told(&again), [("old", None), ("new-outage", None)]);
    }

    #[test]
    fn another_certificate_ends_what_was_said_of_the_old_one_and_the_old_one_opens_it_again() {
        let weak = |id| of_kind(id, "certificate-weak-key", "weakness");
        let mut life = Life::new(vec![earlier(weak("old"), true)]);
        let eyes = Eyes { heard: since(1), certificates: since(100), ..Eyes::default() };
        assert_eq!(
            told(&life.joined(vec![], &Eyes { certificates: vec![], ..eyes }, at(9_000))),
            [("old", None)]
        );
        let eyes = Eyes { certificates: since(100), ..Eyes::default() };
        let over = life.joined(vec![], &eyes, at(9_010));
        assert_eq!(told(&over), [("old", Some("1970-01-01T02:30:10.000000000Z"))]);
        assert!(over[0].detail.ends_with("no certificate that was shown was so."), "{}", over[0].detail);
        assert_eq!(told(&life.joined(vec![weak("new")], &eyes, at(9_020))), [("old", None)], "it is back");
    }

    #[test]
    fn what_passes_is_over_when_it_has_not_come_again_for_as_long_as_it_takes() {
        let eyes = || Eyes { heard: since(10), media: since(10), certificates: vec![] };
        let hour = [10, 3_000, 3_609, 3_611];
        let (at_hour, at_minute) = ("1970-01-01T01:00:11.000000000Z", "1970-01-01T00:01:15.000000000Z");
        for kind in ["device-flapping", "boot-loop", "stream-loss-shared", "switching-loop", "mirror-drops"] {
            assert_eq!(over(kind, &eyes(), &hour[..3]), None, "{kind}");
            // What was looked at two seconds before waits.
            assert_eq!(over(kind, &eyes(), &[10, 3_000, 3_611]).as_deref(), Some(at_hour), "{kind}");
        }
        assert_eq!(over("stream-stalled", &eyes(), &[10, 65]), None);
        assert_eq!(over("stream-stalled", &eyes(), &[10, 75]).as_deref(), Some(at_minute));
        assert!(over("limit-reached", &Eyes::default(), &[10]).is_some());
    }

    #[test]
    fn what_silence_does_not_disprove_stays_open() {
        let eyes = Eyes { heard: since(10), media: since(10), certificates: since(10) };
        for kind in ["rogue-dhcp", "address-conflict", "default-password", "weak-tls-version", "service-down"]
        {
            assert_eq!(over(kind, &eyes, &[10, 100_000, 9_000_000]), None, "{kind}");
        }
        let silent = Eyes { media: vec![(BOTH[0], 10)], ..Eyes::default() };
        for kind in ["device-flapping", "stream-stalled", "stream-loss", "certificate-expired"] {
            assert_eq!(over(kind, &silent, &[10, 100_000]), None, "{kind}: not all of them");
        }
    }

    #[test]
    fn a_mirror_that_shows_something_is_not_dead() {
        let dead = of_kind("old", "mirror-lost", "capture");
        let mut life = Life::new(vec![earlier(dead, true)]);
        life.mirror_lives(Time(0));
        assert_eq!(
            told(&life.joined(vec![], &Eyes::default(), at(0))),
            [("old", Some("1970-01-01T00:00:00.000000000Z"))]
        );
    }
}
