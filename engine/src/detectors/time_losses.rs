//! Time servers that tell nobody the time any more: [`Lost`], and what is said of one, for `time-source-lost`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Mac, Text, Time};

use super::Known;
use super::time_source_lost::{KIND, PATIENCE, PORT};
use crate::finding::{Alternative, Cause, Evidence, Finding};
use crate::ledger::directory::Number;
use crate::observation::Cite;
use crate::report::time::{clock_time, length};

pub(super) type Sight = (Time, Cite);

/// One that tells nobody the time any more.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    pub(super) server: IpAddr,
    pub(super) vlan: Option<u16>,
    pub(super) mac: Option<Mac>,
    pub(super) last_told: Sight,
    pub(super) proof: Proof,
    /// The first unanswered question of each client, [`CLIENTS_MAX`](super::time_source_lost::CLIENTS_MAX) at most.
    pub(super) clients: BTreeMap<IpAddr, Sight>,
    pub(super) questions: u64,
    pub(super) since: Time,
    pub(super) detected: Time,
    pub(super) last: Time,
    pub(super) ended: Option<Time>,
}

/// What shows that an answer would have been seen, the last sight of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    /// Its clock is not set, for this reason.
    pub(super) unset: Option<(Sight, Option<Text>)>,
    /// Somebody says that nobody takes the questions there.
    pub(super) refused: Option<Sight>,
    /// It sent something else to one of those who ask it.
    pub(super) speaks: Option<Sight>,
    /// It sent something to somebody.
    pub(super) lives: Option<Sight>,
    /// It is not found on the link.
    pub(super) missing: Option<Sight>,
}

impl Lost {
    /// Whether both were lost at one time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let is_over = |it: &Self, at: Time| it.ended.is_some_and(|ended| ended < at);
        !is_over(self, other.since) && !is_over(other, self.since)
    }

    /// Takes over what is said of another address of the same server.
    pub(super) fn join(&mut self, other: &Self) {
        self.clients.extend(&other.clients);
        self.questions = self.questions.saturating_add(other.questions);
        self.since = self.since.min(other.since);
        self.detected = self.detected.min(other.detected);
        // Who tells one of its networks the time has it for all.
        self.ended = match (self.ended, other.ended) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (Some(ended), None) if other.last <= ended => Some(ended),
            (None, Some(ended)) if self.last <= ended => Some(ended),
            _ => None,
        };
        self.last = self.last.max(other.last);
        self.proof.unset = self.proof.unset.take().or_else(|| other.proof.unset.clone());
        self.proof.refused = self.proof.refused.or(other.proof.refused);
        self.proof.speaks = self.proof.speaks.or(other.proof.speaks);
        self.proof.lives = self.proof.lives.or(other.proof.lives);
        self.proof.missing = self.proof.missing.or(other.proof.missing);
    }

    /// What is said of it, `number` the server.
    pub(super) fn finding(&self, number: Option<Number>, known: &Known<'_>) -> Finding {
        let server = known.holder(self.server, self.vlan).1;
        let clients: Vec<(Option<Number>, String)> =
            self.clients.keys().map(|ip| known.holder(*ip, self.vlan)).collect();
        let named: Vec<&str> = clients.iter().take(NAMED).map(|(_, name)| name.as_str()).collect();
        let more = match clients.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let shown = self.proof.after(self.since);
        let (cause, other, why) = match &shown {
            Some(Shown::Unset(reason)) => {
                let reason = reason.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
                let why = format!("It answers that its own clock is not set{reason}.");
                (Cause::Service, Cause::NetworkPath, why)
            }
            Some(Shown::Refused) => (
                Cause::Service,
                Cause::NetworkPath,
                "An ICMP error says that nobody takes the questions there.".to_owned(),
            ),
            Some(Shown::Missing) => {
                (Cause::Device, Cause::NetworkPath, "It is not found on its link.".to_owned())
            }
            Some(Shown::Speaks) => (
                Cause::Service,
                Cause::NetworkPath,
                "It sends other things to them, and answers no question for the time.".to_owned(),
            ),
            None => (
                Cause::Service,
                Cause::NetworkPath,
                "It answered them before and is still heard, and answers no question for the time."
                    .to_owned(),
            ),
        };
        let (since, many) = (clock_time(self.since), clients.len());
        let is_over = self.ended.map_or("", |_| " It tells the time again.");
        Finding {
            confidence: SAID,
            devices: number.into_iter().chain(clients.iter().filter_map(|(number, _)| *number)).collect(),
            cause: Some(cause),
            alternatives: vec![Alternative {
                cause: other,
                confidence: 40,
                speaks_for: vec![1],
                speaks_against: Vec::new(),
                would_change: "whether the server answers somebody beside it",
            }],
            title: format!("{server} tells nobody the time since {since} UTC"),
            summary: format!(
                "Since {since} UTC {} nowhere the right time: {}{more}. Their clocks run away from now on, and recordings will bear wrong times.{is_over} It is IT's turn: check the time service (NTP) of {server}.",
                if many == 1 { "1 device gets".to_owned() } else { format!("{many} devices get") },
                named.join("; "),
            ),
            detail: format!(
                "{} NTP questions of {many} clients to {} without the time, none answered within {}. It last told it at {} UTC. {why}",
                self.questions,
                self.server,
                length(PATIENCE),
                clock_time(self.last_told.0),
            ),
            remedy: format!(
                "Check that the NTP service of {server} runs and has a source itself (its stratum must be below 16), then the filters for UDP port 123 on the way. Give the devices a second server."
            ),
            verify: "The next question is answered with the time; this finding then gets an end.".to_owned(),
            evidence: self.evidence(&server, known),
            last_seen: self.ended.unwrap_or(self.last),
            ended: self.ended,
            count: self.questions,
            ..Finding::of_network(&KIND, &self.server.to_string(), self.since, self.detected)
        }
    }

    fn evidence(&self, server: &str, known: &Known<'_>) -> Vec<Evidence> {
        let said = |(at, cite): Sight, protocol, text| Evidence {
            at,
            cite: Some(cite),
            protocol: Some(protocol),
            text,
        };
        let mut evidence =
            vec![said(self.last_told, "ntp", format!("{server} tells the time, for the last time"))];
        for (client, first) in self.clients.iter().take(NAMED) {
            let client = known.holder(*client, self.vlan).1;
            evidence.push(said(
                *first,
                "ntp",
                format!("{client} asks {server} for the time, in vain from here on"),
            ));
        }
        if let Some((sight, _)) = &self.proof.unset {
            evidence.push(said(*sight, "ntp", format!("{server} says that its clock is not set")));
        }
        evidence.extend(self.proof.speaks.map(|(at, cite)| Evidence {
            at,
            cite: Some(cite),
            protocol: None,
            text: format!("{server} sends something else to one of those who wait for its answer"),
        }));
        if let (None, Some((at, cite))) = (self.proof.after(self.since), self.proof.lives) {
            let text = format!("{server} is still heard");
            evidence.push(Evidence { at, cite: Some(cite), protocol: None, text });
        }
        if let Some(sight) = self.proof.missing {
            evidence.push(said(sight, "arp", format!("{server} is looked for on the link, again and again")));
        }
        if let Some(sight) = self.proof.refused {
            evidence.push(said(sight, "icmp", format!("{server} cannot be reached on UDP port {PORT}")));
        }
        evidence
    }
}

/// What shows best that an answer would have been seen.
pub(super) enum Shown {
    Unset(Option<Text>),
    Refused,
    Speaks,
    Missing,
}

impl Proof {
    /// What of it was seen after `since`.
    pub(super) fn after(&self, since: Time) -> Option<Shown> {
        let is_after = |sight: &Option<Sight>| sight.is_some_and(|(at, _)| at >= since);
        match &self.unset {
            Some(((at, _), reason)) if *at >= since => Some(Shown::Unset(reason.clone())),
            _ if is_after(&self.refused) => Some(Shown::Refused),
            _ if is_after(&self.speaks) => Some(Shown::Speaks),
            _ if is_after(&self.missing) => Some(Shown::Missing),
            _ => None,
        }
    }
}

/// Clients named in a sentence, and their questions cited.
const NAMED: usize = 4;
/// The server shows that it lives or is gone, or says itself that its clock is not set, in per cent.
pub(super) const SAID: u8 = 85;
