//! What waits for receivers, so that a store can keep it over restarts: [`Outbox`].
//!
//! A store keeps the queues as they are at each tick, in the same transaction as the findings that the messages tell of: what
//! was found is either told anew after a restart, or waits in its queue. A message that was delivered goes with the next tick;
//! when the process dies in between it is delivered twice, under the same id.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanwatch_engine::report::changes::Change;
use spanwatch_engine::report::{jsonl, revive};
use spanwatch_parsers::Time;

/// What became of one finding, as receivers are told.
#[derive(Debug)]
pub struct Message {
    /// The same each time that it is tried again, also after a restart; no other message has it.
    pub id: String,
    /// When, in packet time.
    pub at: Time,
    /// Of the site, where it has a name.
    pub site: Option<String>,
    /// The finding and what became of it.
    pub change: Change,
    /// The same as a line of `--format jsonl`.
    pub body: String,
}

impl Message {
    /// A message that nobody has seen. Of one finding `stamp` is another each time.
    #[must_use]
    pub fn new(at: Time, stamp: i64, site: Option<&str>, change: Change) -> Self {
        let mut body = Vec::new();
        // Into memory.
        let _ = jsonl::change(&change, &mut body);
        Self {
            id: format!("{}-{stamp}", change.finding.id),
            at,
            site: site.map(str::to_owned),
            body: String::from_utf8(body).unwrap_or_default(),
            change,
        }
    }

    /// A message that a store kept; `None` where this version could not have written it.
    #[must_use]
    pub fn kept(id: String, at: Time, site: Option<String>, change: &str, body: String) -> Option<Self> {
        let change = CHANGES.into_iter().find(|word| *word == change)?;
        let change = Change { change, finding: revive::finding(&body)? };
        Some(Self { id, at, site, change, body })
    }
}

/// What waits for one receiver.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// Messages that were dropped, and of which it was not told yet.
    pub lost: u64,
    /// The messages, the first first, by a number that no other of them ever had.
    pub messages: Vec<(u64, Arc<Message>)>,
}

/// What waits for each receiver, by what tells it from all others.
pub type Outbox = BTreeMap<String, Waiting>;

const CHANGES: [&str; 4] = ["made", "revised", "ended", "withdrawn"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::test::finding;

    #[test]
    fn a_message_that_was_kept_says_what_it_said() {
        let made =
            Message::new(Time(7), 8, Some("Dock"), Change { change: "made", finding: finding("high") });
        let Message { id, at, site, body, .. } = &made;
        let kept = Message::kept(id.clone(), *at, site.clone(), "made", body.clone()).unwrap();
        assert_eq!(
            (kept.id.as_str(), kept.at, kept.site.as_deref()),
            ("4dfc782a684a1893-8", Time(7), Some("Dock"))
        );
        assert_eq!((&kept.body, kept.change.change), (body, "made"));
        assert_eq!(kept.change.finding.title, made.change.finding.title);
        assert!(body.ends_with("}\n") && body.contains("\"change\":\"made\""), "{body}");
    }

    #[test]
    fn a_message_of_another_version_is_none() {
        let made = Message::new(Time(7), 8, None, Change { change: "made", finding: finding("high") });
        assert!(Message::kept(made.id.clone(), made.at, None, "sung", made.body.clone()).is_none());
        assert!(Message::kept(made.id, made.at, None, "made", "{}".to_owned()).is_none());
    }
}
