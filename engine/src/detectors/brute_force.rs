//! `brute-force`: somebody tries passwords.
//!
//! ## What it says
//! One client had [`FAST`] logins refused by one server within a minute, or by one or more servers [`MANY`] for [`ACCOUNTS`] accounts at least within ten minutes
//! (spraying), in any protocol whose logins can be seen: RTSP, HTTP, ONVIF, SIP, FTP, Telnet, mail, MQTT, vendors' own. What SSH refuses is encrypted: there
//! [`SSH`] connections within a minute are told, at less confidence. If the same client was let in soon after, the finding says so and as whom.
//! One finding for a client, with all that it tried at.
//!
//! ## Why it matters
//! Worms take cameras over this way. Where it succeeded, the device is theirs until it is reset.
//!
//! ## Where it is wrong
//! A recorder that holds an old password tries it again and again: with one account, and seldom thirty times a minute. A login whose nonce was too old is refused and
//! then accepted; what was refused of an account goes when the account is let in.
//!
//! ## State
//! [`CLIENTS_MAX`] clients, of each [`REFUSED_MAX`] refusals in the last ten minutes, [`SERVERS_SHOWN`] servers and pieces of evidence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use spanwatch_parsers::{Fact, Outcome, Span, Text, Time};

use super::{Detector, Known};
use crate::finding::{Evidence, Finding, Kind, Owner, Severity};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};
use crate::report::time::clock_time;

/// The kind.
pub const KIND: Kind = Kind {
    id: "brute-force",
    category: "behavior",
    severity: Severity::High,
    source: include_str!("brute_force.rs"),
    start: Some(|| Box::<Guessing>::default()),
};

/// Logins refused within [`MINUTE`] by one server: nobody types so fast, and no recorder tries so often.
const FAST: usize = 30;
/// Logins refused within [`WINDOW`] where several accounts are tried.
const MANY: usize = 6;
/// Accounts: a person has one or two.
const ACCOUNTS: usize = 3;
/// Connections of SSH to one server within [`MINUTE`]: programs that manage servers keep theirs open.
const SSH: usize = 30;
const MINUTE: Span = Span::seconds(60);
const WINDOW: Span = Span::seconds(600);

/// Who tries passwords where.
#[derive(Debug, Default)]
pub struct Guessing {
    clients: BTreeMap<IpAddr, Client>,
    refused: u64,
}

#[derive(Debug, Default)]
struct Client {
    /// What was refused within [`WINDOW`], oldest first.
    recent: VecDeque<Refused>,
    attack: Option<Attack>,
}

#[derive(Debug, Clone)]
struct Refused {
    at: Time,
    cite: Cite,
    server: Number,
    source: &'static str,
    account: Option<Text>,
}

/// An attack, from when it is sure.
#[derive(Debug)]
struct Attack {
    first: Time,
    detected: Time,
    last: Time,
    count: u64,
    confidence: u8,
    /// Whether it is one of connections that are encrypted: they are counted by themselves.
    is_ssh: bool,
    accounts: BTreeSet<Text>,
    protocols: BTreeSet<&'static str>,
    servers: Vec<Number>,
    evidence: Vec<Evidence>,
    /// Where it got in, and as whom.
    entered: Vec<(Number, String)>,
}

impl Client {
    fn forget(&mut self, now: Time) {
        while self.recent.front().is_some_and(|it| now - it.at > WINDOW) {
            self.recent.pop_front();
        }
        while self.recent.len() > REFUSED_MAX {
            self.recent.pop_front();
        }
    }

    /// Whether the last one makes it an attack, and how sure that is.
    fn judge(&self) -> Option<u8> {
        let last = self.recent.back()?;
        let is_ssh = |it: &&Refused| it.source == SSH_SOURCE;
        let near = self.recent.iter().filter(|it| it.server == last.server && last.at - it.at <= MINUTE);
        let of_ssh = near.clone().filter(is_ssh).count();
        if near.count() - of_ssh >= FAST {
            return Some(95);
        }
        let seen = self.recent.iter().filter(|it| !is_ssh(it));
        let accounts: BTreeSet<&Text> = seen.clone().filter_map(|it| it.account.as_ref()).collect();
        if accounts.len() >= ACCOUNTS && seen.count() >= MANY {
            return Some(90);
        }
        (last.source == SSH_SOURCE && of_ssh >= SSH).then_some(60)
    }

    fn refuse(&mut self, refused: Refused, known: &Known<'_>) {
        self.forget(refused.at);
        self.recent.push_back(refused.clone());
        // What follows soon belongs to it; what begins anew must be one again.
        let is_ssh = refused.source == SSH_SOURCE;
        let is_same = |attack: &&Attack| attack.is_ssh == is_ssh && refused.at - attack.last <= WINDOW;
        let goes_on = self.attack.as_ref().is_some_and(|attack| is_same(&attack));
        let judged = if goes_on { None } else { self.judge() };
        match (&mut self.attack, judged) {
            (Some(attack), None) if goes_on => attack.add(&refused, known),
            (Some(attack), Some(confidence)) if attack.is_ssh == is_ssh => {
                attack.confidence = attack.confidence.max(confidence);
                attack.add(&refused, known);
            }
            // What is refused in clear is surer than what is encrypted.
            (Some(attack), Some(confidence)) if attack.is_ssh => {
                self.attack = Attack::of(&self.recent, confidence, known);
            }
            (None, Some(confidence)) => self.attack = Attack::of(&self.recent, confidence, known),
            (_, _) => {}
        }
    }

    fn enter(&mut self, at: Time, server: Number, (source, account): (&'static str, Option<&Text>)) {
        self.forget(at);
        let tried = self.recent.iter().filter(|it| it.server == server && at - it.at <= MINUTE).count();
        match &mut self.attack {
            Some(attack) if !attack.is_ssh && tried >= TRIED && at - attack.last <= MINUTE => {
                let whom = account.map_or_else(String::new, |account| format!(" as {account}"));
                let told = (server, format!("{}{whom}", source.to_uppercase()));
                if attack.entered.len() < SERVERS_SHOWN && !attack.entered.contains(&told) {
                    attack.entered.push(told);
                }
            }
            _ => self.recent.retain(|it| (it.server, it.account.as_ref()) != (server, account)),
        }
    }
}

impl Attack {
    fn of(recent: &VecDeque<Refused>, confidence: u8, known: &Known<'_>) -> Option<Self> {
        let last = recent.back()?;
        let is_ssh = last.source == SSH_SOURCE;
        let first = recent.iter().find(|it| (it.source == SSH_SOURCE) == is_ssh)?;
        let mut attack = Self {
            first: first.at,
            detected: last.at,
            last: first.at,
            count: 0,
            confidence,
            is_ssh,
            accounts: BTreeSet::new(),
            protocols: BTreeSet::new(),
            servers: Vec::new(),
            evidence: Vec::new(),
            entered: Vec::new(),
        };
        recent.iter().for_each(|refused| attack.add(refused, known));
        Some(attack)
    }

    fn add(&mut self, refused: &Refused, known: &Known<'_>) {
        if (refused.source == SSH_SOURCE) != self.is_ssh {
            return;
        }
        self.last = self.last.max(refused.at);
        self.count = self.count.saturating_add(1);
        self.protocols.insert(refused.source);
        if let Some(account) = refused.account.as_ref().filter(|_| self.accounts.len() < ACCOUNTS_MAX) {
            self.accounts.insert(account.clone());
        }
        if self.servers.len() < SERVERS_MAX && !self.servers.contains(&refused.server) {
            self.servers.push(refused.server);
        }
        if self.evidence.len() < SERVERS_SHOWN {
            let whom = refused.account.as_ref().map_or_else(String::new, |account| format!(" as {account}"));
            let server = known.directory.device(refused.server).map(|device| device.title());
            let what = if refused.source == SSH_SOURCE { "connection" } else { "login" };
            let end = if refused.source == SSH_SOURCE { "opened" } else { "refused" };
            self.evidence.push(Evidence {
                at: refused.at,
                cite: Some(refused.cite),
                protocol: Some(refused.source),
                text: format!(
                    "{} {what}{whom} {end} at {}",
                    refused.source.to_uppercase(),
                    server.unwrap_or_default()
                ),
            });
        }
    }

    fn finding(&self, client: IpAddr, known: &Known<'_>) -> Option<Finding> {
        let (attacker, called) = known.holder(client, None);
        let title_of = |number: Number| known.directory.device(number).map(|device| device.title());
        let at = match &self.servers[..] {
            [one] => title_of(*one)?,
            all => format!("{} devices", all.len()),
        };
        let entered =
            self.entered.iter().filter_map(|(server, how)| Some(format!("{} ({how})", title_of(*server)?)));
        let entered: Vec<String> = entered.collect();
        let is_in = !entered.is_empty();
        let protocols: Vec<String> = self.protocols.iter().map(|it| it.to_uppercase()).collect();
        let accounts: Vec<&str> = self.accounts.iter().take(SERVERS_SHOWN).map(Text::as_str).collect();
        let tried = match &accounts[..] {
            [] => String::new(),
            _ => format!(", as {}", accounts.join(", ")),
        };
        let result = match is_in {
            true => format!(" It then got in: {}.", entered.join("; ")),
            false => " None of them was seen to be accepted.".to_owned(),
        };
        Some(Finding {
            confidence: self.confidence,
            owner: Owner::It,
            devices: self.servers.iter().copied().chain(attacker.filter(|it| !self.servers.contains(it))).collect(),
            title: match is_in {
                true => format!("Passwords guessed at {at}, from {called}"),
                false => format!("Passwords tried at {at}, from {called}"),
            },
            summary: match is_in {
                true => format!("Somebody at {called} tried passwords at {at} until one was taken: treat what it got into as lost. It is IT's turn: cut it off and look who uses it."),
                false => format!("Somebody at {called} tries passwords at {at}. It is IT's turn: find out who uses {called}."),
            },
            detail: format!(
                "From {} to {} UTC {client} {} {} times over {}{tried}.{result}",
                clock_time(self.first),
                clock_time(self.last),
                if self.is_ssh { "connected" } else { "was refused" },
                self.count,
                protocols.join(", "),
            ),
            remedy: match is_in {
                true => "Cut the client off, change the passwords of the devices it got into, look for changed settings and accounts, and set them back to factory state where their maker advises it; let devices lock out who fails.".to_owned(),
                false => "Find the client and stop what runs there; let devices be reached by their recorder alone, and lock out who fails. Where it is a recorder with an old password, give it the new one.".to_owned(),
            },
            verify: format!("No login from {client} is refused for a day."),
            evidence: self.evidence.clone(),
            last_seen: self.last,
            count: self.count,
            ..Finding::of_network(&KIND, &client.to_string(), self.first, self.detected)
        })
    }
}

impl Detector for Guessing {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Login(_) | Fact::KeyExchange(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let (outcome, account) = match &seen.fact {
            Fact::Login(login) if login.scheme != "anonymous" => (login.outcome, login.account.as_ref()),
            Fact::KeyExchange(exchange) if exchange.is_server => (Outcome::Rejected, None),
            _ => return,
        };
        let Some(client) = seen.peer.ip else { return };
        if outcome == Outcome::Unknown
            || (outcome == Outcome::Accepted && !self.clients.contains_key(&client))
        {
            return;
        }
        let Some(server) = known.directory.find(&seen.subject) else { return };
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            // Who was refused longest ago, and never attacked, is forgotten first.
            let quiet = self.clients.iter().filter(|(_, it)| it.attack.is_none());
            let oldest =
                quiet.min_by_key(|(ip, it)| (it.recent.back().map(|it| it.at), **ip)).map(|(ip, _)| *ip);
            self.refused = self.refused.saturating_add(1);
            let Some(oldest) = oldest else { return };
            self.clients.remove(&oldest);
        }
        let entry = self.clients.entry(client).or_default();
        match outcome {
            Outcome::Rejected => entry.refuse(
                Refused {
                    at: seen.at,
                    cite: seen.cite,
                    server,
                    source: seen.source,
                    account: account.cloned(),
                },
                known,
            ),
            _ => entry.enter(seen.at, server, (seen.source, account)),
        }
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        for client in self.clients.values_mut() {
            let of_recent = client.recent.iter_mut().map(|it| &mut it.server);
            let of_attack = client
                .attack
                .iter_mut()
                .flat_map(|it| it.servers.iter_mut().chain(it.entered.iter_mut().map(|(server, _)| server)));
            of_recent.chain(of_attack).filter(|number| **number == gone).for_each(|number| *number = kept);
            if let Some(attack) = &mut client.attack {
                let mut seen = BTreeSet::new();
                attack.servers.retain(|number| seen.insert(*number));
            }
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let each = self.clients.iter();
        each.filter_map(|(ip, client)| client.attack.as_ref()?.finding(*ip, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("clients whose logins were refused", CLIENTS_MAX, self.refused)]
    }
}

const SSH_SOURCE: &str = "ssh";
/// Before a login counts as guessed, so many were refused in the minute before.
const TRIED: usize = 3;
const CLIENTS_MAX: usize = 1_024;
const REFUSED_MAX: usize = 256;
const ACCOUNTS_MAX: usize = 64;
const SERVERS_MAX: usize = 256;
const SERVERS_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Login;

    use super::super::bench::{Bench, mac, ms, party};
    use super::*;
    use crate::observation::Party;

    /// A login at host 7 or another: when, as whom, and what came of it.
    fn log_in(bench: &mut Bench, at_ms: i64, host: u8, account: &str, outcome: Outcome) {
        let login = Login { account: Some(account.into()), scheme: "digest-md5", outcome };
        let server = Party { port: 554, ..party(mac(host), &format!("192.0.2.{host}"), None) };
        let client = Party { port: 40_000, ..party(mac(99), "192.0.2.99", None) };
        bench.claims(ms(at_ms), mac(host), &format!("192.0.2.{host}"), None);
        bench.claims(ms(at_ms), mac(99), "192.0.2.99", None);
        bench.sees_in("rtsp", ms(at_ms), (server, client), Fact::Login(Box::new(login)));
    }

    #[test]
    fn thirty_a_minute_are_an_attack_and_who_is_let_in_then_has_succeeded() {
        let mut bench = Bench::new();
        for at in 0..40 {
            log_in(&mut bench, at * 1_000, 7, "admin", Outcome::Rejected);
        }
        let [tried] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(tried.count, 40);
        assert!(tried.title.starts_with("Passwords tried at"), "{}", tried.title);
        log_in(&mut bench, 40_500, 7, "admin", Outcome::Accepted);
        let [guessed] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert!(
            guessed.detail.contains("got in") && guessed.detail.contains("RTSP as admin"),
            "{}",
            guessed.detail
        );
        assert_eq!((&guessed.id, guessed.devices.len()), (&tried.id, 2));
    }

    #[test]
    fn several_accounts_at_several_servers_are_an_attack_of_one_finding() {
        let mut bench = Bench::new();
        for at in 0..6 {
            let account = ["root", "admin", "service"][at as usize % 3];
            log_in(&mut bench, at * 20_000, 7 + at as u8, account, Outcome::Rejected);
        }
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!(finding.devices.len(), 7, "six, and who did it");
    }

    #[test]
    fn a_recorder_with_an_old_password_is_none() {
        let mut bench = Bench::new();
        for at in 0..200 {
            for host in 7..11 {
                log_in(&mut bench, at * 5_000, host, "recorder", Outcome::Rejected);
            }
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn what_is_refused_and_then_accepted_each_time_is_none() {
        let mut bench = Bench::new();
        for at in 0..200 {
            log_in(&mut bench, at * 200, 7, "recorder", Outcome::Rejected);
            log_in(&mut bench, at * 200 + 20, 7, "recorder", Outcome::Accepted);
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn connections_of_ssh_are_counted_by_themselves() {
        let mut bench = Bench::new();
        let server = Party { port: 22, ..party(mac(7), "192.0.2.7", None) };
        let client = Party { port: 40_000, ..party(mac(99), "192.0.2.99", None) };
        bench.claims(ms(0), mac(7), "192.0.2.7", None);
        let (version, none): (Text, Box<[Text]>) = ("2.0".into(), Box::new([]));
        let exchange = spanwatch_parsers::KeyExchange {
            is_server: true,
            version,
            keys: none.clone(),
            host_keys: none.clone(),
            ciphers: none.clone(),
            sums: none,
        };
        let connects = |bench: &mut Bench, at: i64| {
            bench.sees_in("ssh", ms(at), (server, client), Fact::KeyExchange(Box::new(exchange.clone())));
        };
        (0..29).for_each(|at| connects(&mut bench, at * 100));
        assert!(bench.of(&KIND).is_empty());
        connects(&mut bench, 3_000);
        let [ssh] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert!(ssh.confidence == 60 && ssh.detail.contains("connected 30 times over SSH"), "{}", ssh.detail);
        (0..40).for_each(|at| log_in(&mut bench, 4_000 + at * 100, 7, "admin", Outcome::Rejected));
        let [clear] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert!(clear.confidence == 95 && clear.detail.contains("over RTSP"), "{}", clear.detail);
    }

    #[test]
    fn clients_are_bounded_and_the_others_counted() {
        let mut guessing = Guessing::default();
        for client in 0..CLIENTS_MAX as u32 + 5 {
            guessing.clients.insert(IpAddr::V4(client.into()), Client::default());
        }
        let mut bench = Bench::new();
        for at in 0..3 {
            log_in(&mut bench, at * 100, 7, "a", Outcome::Rejected);
        }
        assert!(bench.of(&KIND).is_empty());
        assert_eq!(guessing.limits()[0].1, CLIENTS_MAX);
    }
}
