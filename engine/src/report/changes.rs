//! What becomes of findings while a capture goes on: [`Changes`].
//!
//! A finding is *made*, *revised* as its cause, owner, weight or devices turn out otherwise, and *ended* when what it tells is
//! over; it is *withdrawn* where another says it anew or it proved wrong. What merely counts on is no change: a figure in its
//! title, its last time, one more packet of evidence.

use std::collections::BTreeMap;

use super::Finding;

/// What became of one finding.
#[derive(Debug)]
pub struct Change {
    /// `made`, `revised`, `ended` or `withdrawn`.
    pub change: &'static str,
    /// As it is; where it was withdrawn, as it was last told.
    pub finding: Finding,
}

/// The findings as last told, by id.
#[derive(Debug, Default)]
pub struct Changes {
    told: BTreeMap<String, Finding>,
}

impl Changes {
    /// Goes on where another left off, which last told these.
    #[must_use]
    pub fn resumed(told: impl IntoIterator<Item = Finding>) -> Self {
        Self { told: told.into_iter().map(|finding| (finding.id.clone(), finding)).collect() }
    }

    /// Compares with all `findings` as they are, and gives what became of them: in their order, those withdrawn last.
    pub fn since(&mut self, findings: Vec<Finding>) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.told);
        let mut changes = Vec::new();
        for finding in findings {
            let change = match before.remove(&finding.id) {
                None => Some("made"),
                Some(told) if told.ended.is_none() && finding.ended.is_some() => Some("ended"),
                Some(told) => (essence(&told) != essence(&finding)).then_some("revised"),
            };
            if let Some(change) = change {
                changes.push(Change { change, finding: finding.clone() });
            }
            self.told.insert(finding.id.clone(), finding);
        }
        changes.extend(before.into_values().map(|finding| Change { change: "withdrawn", finding }));
        changes
    }
}

/// What makes a finding another when it differs.
fn essence(finding: &Finding) -> impl PartialEq {
    let Finding { severity, owner, dispatch, cause, ended, .. } = finding;
    let (devices, supersedes) = (finding.devices.clone(), finding.supersedes.clone());
    let switch = finding.switch.clone();
    (
        *severity,
        *owner,
        *dispatch,
        *cause,
        ended.is_some(),
        devices,
        supersedes,
        switch,
        finding.revisions.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::test::finding;

    fn open(id: &str) -> Finding {
        Finding { ended: None, owner: "unknown", ..finding(id) }
    }

    fn told(changes: &[Change]) -> Vec<(&str, &str)> {
        changes.iter().map(|change| (change.change, change.finding.id.as_str())).collect()
    }

    #[test]
    fn each_turn_of_a_finding_is_told_once() {
        let mut changes = Changes::default();
        assert_eq!(told(&changes.since(vec![open("a"), open("b")])), [("made", "a"), ("made", "b")]);
        assert_eq!(told(&changes.since(vec![open("a"), open("b")])), []);
        let revised = Finding { owner: "it", ..open("a") };
        assert_eq!(told(&changes.since(vec![revised, open("b")])), [("revised", "a")]);
        let ended = Finding { owner: "it", ended: Some("later".to_owned()), ..open("a") };
        assert_eq!(told(&changes.since(vec![ended])), [("ended", "a"), ("withdrawn", "b")]);
    }

    #[test]
    fn who_goes_on_for_another_tells_nothing_twice() {
        let mut changes = Changes::resumed([open("a"), open("b")]);
        let ended = Finding { ended: Some("later".to_owned()), ..open("b") };
        assert_eq!(told(&changes.since(vec![open("a"), ended])), [("ended", "b")]);
    }

    #[test]
    fn what_counts_on_is_no_change() {
        let mut changes = Changes::default();
        changes.since(vec![open("a")]);
        let more =
            Finding { count: 9, last_seen: "later".to_owned(), title: "9 of 100".to_owned(), ..open("a") };
        assert_eq!(told(&changes.since(vec![more])), []);
    }
}
