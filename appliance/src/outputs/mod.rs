//! Where a report goes, and who is told what becomes of findings.
//!
//! ```text
//! watch ──Change──► tell ──► queue, bounded ──► a thread for each receiver ──► syslog, webhook
//!                        └─► queue, bounded ──► …          (waits, tries again, gives up when told to end)
//! ```
//!
//! Telling never waits: where a queue is full the least severe message is dropped, counted, and said with the next one that
//! gets through.

pub mod file;
mod forward;
pub mod metrics;
mod queue;
pub mod quiet;
mod syslog;
#[cfg(test)]
pub(crate) mod test;
pub(crate) mod tls;
mod webhook;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::changes::Change;
use spanwatch_parsers::Time;

use crate::config::{self, Config, Fault};
use forward::Receiver;
use queue::Queue;
pub use queue::Status;

/// What became of one finding, as receivers are told.
#[derive(Debug)]
pub struct Message {
    /// When, in packet time.
    pub at: Time,
    /// Of the site, where it has a name.
    pub site: Option<String>,
    /// The finding and what became of it.
    pub change: Change,
}

impl Message {
    fn severity(&self) -> Severity {
        let named = Severity::ALL.into_iter().find(|it| it.name() == self.change.finding.severity);
        named.unwrap_or(Severity::Info)
    }
}

/// Hears in a sentence what befalls a receiver.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Why an output cannot be set up.
#[derive(Debug)]
struct Unfit {
    /// The key at fault.
    key: &'static str,
    /// What is wrong, and what would be right.
    why: String,
}

/// Everybody who is told.
#[derive(Debug, Default)]
pub struct Outputs {
    receivers: Vec<Told>,
}

/// One who is told.
#[derive(Debug)]
struct Told {
    name: String,
    at_least: Severity,
    /// Ids of findings that it knows of: it hears their end, too.
    known: BTreeSet<String>,
    queue: Arc<Queue>,
}

impl Outputs {
    /// Starts a thread for each receiver of a configuration; none is asked whether it is there.
    ///
    /// # Errors
    /// All secrets and certificates that cannot be used.
    pub fn start(config: &Config, say: &Say) -> Result<Self, Vec<Fault>> {
        let mut outputs = Self::default();
        for Named { name, place, at_least, messages_max, receiver } in receivers(config)? {
            let queue = Arc::new(Queue::new(messages_max));
            forward::start(&name, receiver, &queue, say)
                .map_err(|error| vec![config.fault((place.0, place.1, "to"), error.to_string())])?;
            outputs.receivers.push(Told { name, at_least, known: BTreeSet::new(), queue });
        }
        Ok(outputs)
    }

    /// Tells what became of findings. Never waits.
    pub fn tell(&mut self, at: Time, site: Option<&str>, changes: Vec<Change>) {
        for change in changes {
            let message = Arc::new(Message { at, site: site.map(str::to_owned), change });
            self.receivers.iter_mut().for_each(|receiver| receiver.tell(&message));
        }
    }

    /// How each receiver is served, by name.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, Status)> {
        self.receivers.iter().map(|receiver| (receiver.name.as_str(), receiver.queue.status()))
    }

    /// Lets every queue run empty, for so long at most, and gives by name how many messages were left.
    #[must_use]
    pub fn finish(self, patience: Duration) -> Vec<(String, usize)> {
        self.receivers.iter().for_each(|receiver| receiver.queue.close());
        let left = self.receivers.into_iter().map(|it| {
            let left = it.queue.left(patience);
            (it.name, left)
        });
        left.filter(|(_, left)| *left > 0).collect()
    }
}

impl Told {
    fn tell(&mut self, message: &Arc<Message>) {
        let Change { change, finding } = &message.change;
        if message.severity() > self.at_least && !self.known.contains(&finding.id) {
            return;
        }
        if *change == "withdrawn" {
            self.known.remove(&finding.id);
        } else if !self.known.contains(&finding.id) {
            self.known.insert(finding.id.clone());
        }
        self.queue.push(Arc::clone(message));
    }
}

/// Whether every secret and certificate of a configuration can be used.
///
/// # Errors
/// All that cannot.
pub fn check(config: &Config) -> Result<(), Vec<Fault>> {
    receivers(config).map(drop)
}

/// A receiver that is not served yet.
struct Named {
    /// What it is called: no two are called alike.
    name: String,
    /// The table that configures it, and its number among its like.
    place: (&'static str, usize),
    at_least: Severity,
    messages_max: usize,
    receiver: Box<dyn Receiver>,
}

fn receivers(config: &Config) -> Result<Vec<Named>, Vec<Fault>> {
    let (mut all, mut faults) = (Vec::<Named>::new(), Vec::new());
    let mut add = |place: (&'static str, usize), to: String, rules: (config::Severity, u32), made| {
        let like = all.iter().filter(|other| other.name.split(' ').next() == Some(&to)).count();
        let name = if like == 0 { to } else { format!("{to} ({})", like.saturating_add(1)) };
        match made {
            Err(Unfit { key, why }) => {
                faults.push(config.fault((place.0, place.1, key), format!("{key}: {why}")))
            }
            Ok(receiver) => all.push(Named {
                name,
                place,
                at_least: rules.0.0,
                messages_max: usize::try_from(rules.1).unwrap_or(usize::MAX),
                receiver,
            }),
        }
    };
    for (index, to) in config.syslog.iter().enumerate() {
        let made = syslog::Syslog::new(to).map(|it| Box::new(it) as Box<dyn Receiver>);
        add(("syslog", index), to.to.to_string(), (to.severity, to.queue_messages.get()), made);
    }
    for (index, to) in config.webhook.iter().enumerate() {
        let made = webhook::Webhook::new(to).map(|it| Box::new(it) as Box<dyn Receiver>);
        add(("webhook", index), to.to.to_string(), (to.severity, to.queue_messages.get()), made);
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One receiver of findings of medium weight and more.
    fn outputs() -> Outputs {
        let queue = Arc::new(Queue::new(10));
        let told = Told { name: "a".to_owned(), at_least: Severity::Medium, known: BTreeSet::new(), queue };
        Outputs { receivers: vec![told] }
    }

    fn told(outputs: &mut Outputs, turns: &[(&str, &str)]) -> usize {
        for (change, severity) in turns {
            let message = test::message(change, severity);
            outputs.receivers[0].tell(&message);
        }
        outputs.receivers[0].queue.status().waiting
    }

    #[test]
    fn who_hears_of_a_finding_hears_of_its_end() {
        assert_eq!(told(&mut outputs(), &[("made", "low"), ("revised", "info"), ("ended", "low")]), 0);
        assert_eq!(told(&mut outputs(), &[("made", "medium"), ("revised", "low"), ("ended", "low")]), 3);
        assert_eq!(told(&mut outputs(), &[("made", "low"), ("revised", "high"), ("withdrawn", "low")]), 2);
        assert_eq!(told(&mut outputs(), &[("made", "critical"), ("withdrawn", "low"), ("made", "low")]), 2);
    }

    #[test]
    fn receivers_that_are_called_alike_are_numbered() {
        let text =
            "[[syslog]]\nto = \"udp://a\"\n[[syslog]]\nto = \"udp://a\"\n[[syslog]]\nto = \"tcp://a\"\n";
        let config = Config::parse(text, std::path::Path::new("x.toml")).unwrap();
        let names: Vec<String> = receivers(&config).unwrap().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["udp://a:514", "udp://a:514 (2)", "tcp://a:514"]);
    }

    #[test]
    fn every_secret_and_certificate_that_cannot_be_used_is_told() {
        let text = "[[syslog]]\nto = \"tls://a\"\nca_file = \"/dev/null\"\n\n[[webhook]]\nto = \"https://a/\"\n\
                    secret_file = \"/no/secret\"\n";
        let config = Config::parse(text, std::path::Path::new("x.toml")).unwrap();
        let faults: Vec<String> = check(&config).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "x.toml:3: ca_file: /dev/null: no certificate is in it; it must be PEM",
                "x.toml:7: secret_file: /no/secret: No such file or directory (os error 2)"
            ]
        );
    }
}
