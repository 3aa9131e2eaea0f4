//! Where a report goes, and who is told what becomes of findings.
//!
//! ```text
//! watch ──Change──► tell ──► queue, bounded ──► a thread for each receiver ──► syslog, webhook
//!                        └─► queue, bounded ──► …          (waits, tries again, gives up when told to end)
//! ```
//!
//! With a store the queues survive restarts: [`outbox`]. Telling never waits: where a queue is full the least severe message is dropped, counted, and said with the next one that
//! gets through.

pub mod file;
mod forward;
pub mod metrics;
pub mod outbox;
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

use ring::digest::{SHA256, digest};
use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::changes::Change;
use spanwatch_parsers::Time;

use crate::config::{self, Config, Fault};
use forward::Receiver;
use outbox::{Message, Outbox};
use queue::Queue;
pub use queue::Status;

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
    /// Of the last message.
    stamp: i64,
}

/// One who is told.
#[derive(Debug)]
struct Told {
    name: String,
    /// What tells it from all others, also after a restart.
    key: String,
    at_least: Severity,
    /// Ids of findings that it knows of: it hears their end, too.
    known: BTreeSet<String>,
    queue: Arc<Queue>,
}

/// Those who will be told, their secrets and certificates read.
#[derive(Debug)]
pub struct Ready(Vec<Named>);

impl Ready {
    /// Reads what the receivers of a configuration need; none is asked whether it is there.
    ///
    /// # Errors
    /// All secrets and certificates that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Vec<Fault>> {
        receivers(config).map(Self)
    }
}

impl Outputs {
    /// Starts a thread for each receiver.
    ///
    /// # Errors
    /// Where there are no more threads to be had.
    pub fn start(ready: Ready, config: &Config, say: &Say) -> Result<Self, Vec<Fault>> {
        let mut outputs = Self::default();
        for Named { name, key, place, at_least, messages_max, receiver } in ready.0 {
            let queue = Arc::new(Queue::new(messages_max));
            forward::start(&name, receiver, &queue, say)
                .map_err(|error| vec![config.fault((place.0, place.1, "to"), error.to_string())])?;
            outputs.receivers.push(Told { name, key, at_least, known: BTreeSet::new(), queue });
        }
        Ok(outputs)
    }

    /// Tells what became of findings. Never waits.
    pub fn tell(&mut self, at: Time, site: Option<&str>, changes: Vec<Change>) {
        for change in changes {
            self.stamp = at.0.max(self.stamp.saturating_add(1));
            let message = Arc::new(Message::new(at, self.stamp, site, change));
            self.receivers.iter_mut().for_each(|receiver| receiver.tell(&message));
        }
    }

    /// Takes up what an earlier run left, before anything is told; says for whom messages waited who is not told any more.
    pub fn resume(&mut self, mut left: Outbox, say: &Say) {
        for receiver in &self.receivers {
            if let Some(left) = left.remove(&receiver.key).filter(|it| !it.messages.is_empty() || it.lost > 0)
            {
                say(&format!("{}: {} messages wait since before", receiver.name, left.messages.len()));
                receiver.queue.resume(left);
            }
        }
        for (key, left) in left.into_iter().filter(|(_, left)| !left.messages.is_empty()) {
            let count = left.messages.len();
            say(&format!(
                "{key}: it is not in the configuration any more; {count} messages that waited for it are dropped"
            ));
        }
    }

    /// What waits for whom; `None` where nothing does, nor did when this was last asked.
    #[must_use]
    pub fn outbox(&self) -> Option<Outbox> {
        let is_any = self.receivers.iter().any(|receiver| receiver.queue.is_changed());
        is_any.then(|| self.receivers.iter().map(|it| (it.key.clone(), it.queue.waiting())).collect())
    }

    /// How each receiver is served, by name.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, Status)> {
        self.receivers.iter().map(|receiver| (receiver.name.as_str(), receiver.queue.status()))
    }

    /// Lets every queue run empty, for so long at most, and gives by name how many messages were left.
    #[must_use]
    pub fn finish(&self, patience: Duration) -> Vec<(String, usize)> {
        self.receivers.iter().for_each(|receiver| receiver.queue.close());
        let left = self.receivers.iter().map(|it| (it.name.clone(), it.queue.left(patience)));
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

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A receiver that is not served yet.
struct Named {
    /// What it is called: no two are called alike.
    name: String,
    /// What tells it from all others: with all of its address, of which the name shows no secret part.
    key: String,
    /// The table that configures it, and its number among its like.
    place: (&'static str, usize),
    at_least: Severity,
    messages_max: usize,
    receiver: Box<dyn Receiver>,
}

fn receivers(config: &Config) -> Result<Vec<Named>, Vec<Fault>> {
    let (mut all, mut faults) = (Vec::<Named>::new(), Vec::new());
    let mut add =
        |place: (&'static str, usize), to: String, whole: &str, rules: (config::Severity, u32), made| {
            let numbered = |text: String, like: usize| {
                if like == 0 { text } else { format!("{text} ({})", like.saturating_add(1)) }
            };
            let like = all.iter().filter(|other| other.name.split(' ').next() == Some(&to)).count();
            let digest = hex(digest(&SHA256, whole.as_bytes()).as_ref().get(..8).unwrap_or_default());
            let key = format!("{to} {digest}");
            let same = all.iter().filter(|other| other.key.starts_with(&key)).count();
            let (name, key) = (numbered(to, like), numbered(key, same));
            match made {
                Err(Unfit { key, why }) => {
                    faults.push(config.fault((place.0, place.1, key), format!("{key}: {why}")))
                }
                Ok(receiver) => all.push(Named {
                    name,
                    key,
                    place,
                    at_least: rules.0.0,
                    messages_max: usize::try_from(rules.1).unwrap_or(usize::MAX),
                    receiver,
                }),
            }
        };
    for (index, to) in config.syslog.iter().enumerate() {
        let made = syslog::Syslog::new(to).map(|it| Box::new(it) as Box<dyn Receiver>);
        add(
            ("syslog", index),
            to.to.to_string(),
            &to.to.to_string(),
            (to.severity, to.queue_messages.get()),
            made,
        );
    }
    for (index, to) in config.webhook.iter().enumerate() {
        let made = webhook::Webhook::new(to).map(|it| Box::new(it) as Box<dyn Receiver>);
        add(
            ("webhook", index),
            to.to.to_string(),
            to.to.as_str(),
            (to.severity, to.queue_messages.get()),
            made,
        );
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One receiver of findings of medium weight and more.
    fn outputs() -> Outputs {
        let queue = Arc::new(Queue::new(10));
        let (name, key) = ("a".to_owned(), "a 1".to_owned());
        let told = Told { name, key, at_least: Severity::Medium, known: BTreeSet::new(), queue };
        Outputs { receivers: vec![told], stamp: 0 }
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
    fn who_is_known_by_all_of_his_address_shows_none_of_its_secret() {
        let folder = std::env::temp_dir().join(format!("spanwatch-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let secret = folder.join("secret");
        std::fs::write(&secret, "0123456789 0123456789 0123").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let hook = |path: &str| format!("[[webhook]]\nto = \"http://a/{path}\"\nsecret_file = {secret:?}\n");
        let keys = |paths: &[&str]| -> Vec<String> {
            let text: String = paths.iter().map(|path| hook(path)).collect();
            let config = Config::parse(&text, std::path::Path::new("x.toml")).unwrap();
            receivers(&config).unwrap_or_default().into_iter().map(|it| it.key).collect()
        };
        let (one, other) = (keys(&["token-1", "token-2"]), keys(&["token-2", "token-1", "token-1"]));
        assert_eq!((one.len(), other.len()), (2, 3));
        assert_eq!([&one[0], &one[1]], [&other[1], &other[0]], "the order says nothing");
        assert_eq!(other[2], format!("{} (2)", other[1]));
        assert!(one.iter().chain(&other).all(|key| key.starts_with("http://a ") && !key.contains("token")));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn no_two_messages_of_a_finding_have_the_same_id() {
        let mut outputs = outputs();
        let changes = || vec![Change { change: "made", finding: test::finding("critical") }];
        outputs.tell(Time(5), None, changes());
        outputs.tell(Time(5), None, changes());
        outputs.tell(Time(3), None, changes());
        let left = outputs.outbox().unwrap().remove("a 1").unwrap();
        let ids: Vec<&str> = left.messages.iter().map(|(_, it)| it.id.as_str()).collect();
        assert_eq!(ids, ["4dfc782a684a1893-5", "4dfc782a684a1893-6", "4dfc782a684a1893-7"]);
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
