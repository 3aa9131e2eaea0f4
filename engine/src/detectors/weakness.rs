//! What the weaknesses of devices have in common: each is something that a device shows whenever it is used, and is told
//! once for each device, however often it is seen.
//!
//! ```text
//! observation ──Rule::see──► Sight ──by device──► Held ──Rule::words──► one finding a device
//!                                                        └─ is common ─► one finding for all of a site
//! ```
//!
//! A weakness has no end: nothing seen later shows that nobody can use it any more.

use std::borrow::Cow;
use std::collections::BTreeSet;

use smallvec::SmallVec;
use spanwatch_parsers::{Fact, Time};

use super::{Detector, Known, Look};
use crate::few::Seldom;
use crate::finding::{Evidence, Finding, Kind, Owner};
use crate::ledger::binding::Bond;
use crate::ledger::device::{Device, id_of};
use crate::ledger::directory::Number;
use crate::numbered::Numbered;
use crate::observation::{Cite, Observation, Party};
use crate::report::time::clock_time;

/// One kind of weakness: how it is seen, and how it is told.
#[derive(Debug)]
pub struct Rule {
    /// Its kind.
    pub kind: &'static Kind,
    /// Who is weak, and in what exactly, as one observation shows it.
    pub see: fn(&Observation) -> Option<Sight>,
    /// What to say of the devices that are; see [`Told`].
    pub words: fn(&Told<'_>) -> Words,
    /// How sure it is, in per cent.
    pub confidence: u8,
    /// Whether it is told once for the site where many are so: what is the rule there is nothing to mend one by one.
    pub is_common: bool,
    /// See [`Detector::reads`]; of seconds of traffic, those in which one side has an address that is none of a site's.
    pub reads: fn(&Fact) -> bool,
    /// Whether what was seen is told of a device, as far as he is known by now; the numbers are a sight's rows.
    pub applies: fn(&[u16], &Device) -> bool,
}

/// What one observation shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Who is weak.
    pub who: Party,
    /// In what, as `TLS 1.0`; different ones of a device are told together. `None` shows that he is not weak after all: of that
    /// protocol of his nothing is told, whatever was seen and will be.
    pub what: Option<Cow<'static, str>>,
    /// Rows of the list of known passwords, for [`Rule::applies`].
    pub rows: Vec<u16>,
}

impl Sight {
    /// Of whom an observation is about.
    pub fn of(seen: &Observation, what: impl Into<Cow<'static, str>>) -> Self {
        Self { who: seen.subject, what: Some(what.into()), rows: Vec::new() }
    }

    /// Of whom an observation is about: he is not weak after all.
    pub fn none_of(seen: &Observation) -> Self {
        Self { who: seen.subject, what: None, rows: Vec::new() }
    }
}

/// What a sentence may be made of.
#[derive(Debug)]
pub struct Told<'a> {
    /// Who, as `Axis P3245-LV (192.0.2.7)`, or `5 devices`.
    pub who: &'a str,
    /// In what, joined by commas, what was seen first coming first.
    pub what: &'a str,
    /// Whose turn it is, as a sentence without its end: `It is IT's turn`.
    pub turn: &'static str,
}

/// What is said of it.
#[derive(Debug)]
pub struct Words {
    /// One line.
    pub title: String,
    /// For the person who looks after the cameras.
    pub summary: String,
    /// For the network engineer: why it is weak, and by which standard.
    pub detail: String,
    /// The next step.
    pub remedy: String,
    /// How to see that it is mended.
    pub verify: String,
}

/// Watches for one kind of weakness.
#[derive(Debug)]
pub struct Watch {
    rule: &'static Rule,
    held: Numbered<Held>,
    /// In which protocols who is not weak after all.
    cleared: BTreeSet<(Number, &'static str)>,
    refused: u64,
}

/// A device's weakness.
#[derive(Debug, Clone)]
struct Held {
    /// What was known first of who it is; see [`crate::finding::id`].
    subject: Option<Bond>,
    /// One at least, what was seen first coming first.
    sights: SmallVec<[Seen; 1]>,
}

/// One form of it, as it was seen first.
#[derive(Debug, Clone)]
struct Seen {
    what: Cow<'static, str>,
    at: Time,
    cite: Cite,
    source: &'static str,
    last: Time,
    count: u64,
    rows: Seldom<Vec<u16>>,
}

impl Watch {
    /// Watches by a rule.
    #[must_use]
    pub fn new(rule: &'static Rule) -> Self {
        Self { rule, held: Numbered::default(), cleared: BTreeSet::new(), refused: 0 }
    }

    fn add(&mut self, number: Number, held: Held) {
        let Some(known) = self.held.get_mut(number) else {
            if self.held.len() >= DEVICES_MAX {
                self.refused = self.refused.saturating_add(1);
            } else {
                self.held.insert(number, held);
            }
            return;
        };
        if held.first() < known.first() {
            known.subject = held.subject;
        }
        for seen in held.sights {
            known.add(seen);
        }
        known.sights.sort_by(|a, b| (a.at, a.cite, &a.what).cmp(&(b.at, b.cite, &b.what)));
    }

    /// Says that a device is not weak in a protocol.
    fn clear(&mut self, number: Number, source: &'static str) {
        if self.cleared.len() >= DEVICES_MAX && !self.cleared.contains(&(number, source)) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.cleared.insert((number, source));
        if let Some(held) = self.held.get_mut(number) {
            held.sights.retain(|seen| seen.source != source);
            if held.sights.is_empty() {
                self.held.remove(number);
            }
        }
    }

    /// The devices that are told together: all where it is common, else one by one.
    fn groups(&self, known: &Known<'_>) -> Vec<Vec<(Number, &Held)>> {
        let each = self.held.iter().filter(|one| self.told(one, known).next().is_some());
        if self.rule.is_common && self.held.len() >= COMMON {
            let mut all: Vec<(Number, &Held)> = each.collect();
            all.sort_by_cached_key(|(_, held)| (held.first(), id_of(held.subject)));
            return vec![all];
        }
        each.map(|one| vec![one]).collect()
    }

    /// The sights that are told of a device.
    fn told<'a>(
        &'a self,
        &(number, held): &(Number, &'a Held),
        known: &'a Known<'_>,
    ) -> impl Iterator<Item = (Number, &'a Seen)> {
        let is_out = OF_THE_INTERNET.contains(&self.rule.kind.id);
        let is_meant = |device: &&Device| !(is_out && known.policy.allows_out(device));
        let device = known.directory.device(number).filter(is_meant);
        let applies =
            move |seen: &&Seen| device.is_some_and(|device| (self.rule.applies)(&seen.rows, device));
        held.sights.iter().filter(applies).map(move |seen| (number, seen))
    }

    /// What was seen, with country and owner of the Internet's address that it ends with, where a list names them.
    fn named<'a>(&self, seen: &'a Seen, known: &Known<'_>) -> Cow<'a, str> {
        let is_far = ABOUT_THE_INTERNET.contains(&self.rule.kind.id);
        let far = seen.what.rsplit(' ').next().filter(|_| is_far).and_then(|word| word.parse().ok());
        match far.and_then(|far| known.networks.name_of(far)) {
            Some(name) => format!("{} ({name})", seen.what).into(),
            None => Cow::Borrowed(&seen.what),
        }
    }

    fn finding(&self, group: &[(Number, &Held)], known: &Known<'_>) -> Option<Finding> {
        let (number, earliest) = group.first()?;
        let first = self.told(group.first()?, known).next()?.1.at;
        let all = || group.iter().flat_map(|one| self.told(one, known));
        let who = match group {
            [_] => known.directory.device(*number)?.title(),
            _ => format!("{} devices", group.len()),
        };
        let mut what: Vec<Cow<'_, str>> = Vec::new();
        for (_, seen) in all() {
            let named = self.named(seen, known);
            if !what.contains(&named) {
                what.push(named);
            }
        }
        let more = if what.len() > SHOWN { " and more" } else { "" };
        what.truncate(SHOWN);
        let owner = match self.rule.kind.category {
            "behavior" if OF_DEVICES.contains(&self.rule.kind.id) => Owner::PhysicalSecurity,
            "behavior" => Owner::It,
            _ => owner(group.iter().map(|(number, _)| *number), known),
        };
        let turn = match owner {
            Owner::It => "It is IT's turn",
            _ => "It is the camera team's turn",
        };
        let words = (self.rule.words)(&Told { who: &who, what: &format!("{}{more}", what.join(", ")), turn });
        let evidence = |number: Number, seen: &Seen| Evidence {
            at: seen.at,
            cite: Some(seen.cite),
            protocol: Some(seen.source),
            text: match group {
                [_] => self.named(seen, known).into_owned(),
                _ => {
                    let of = known.directory.device(number).map_or_else(String::new, Device::title);
                    format!("{of}: {}", self.named(seen, known))
                }
            },
        };
        let count = all().fold(0_u64, |sum, (_, seen)| sum.saturating_add(seen.count));
        Some(Finding {
            confidence: self.rule.confidence,
            owner,
            devices: group.iter().map(|(number, _)| *number).collect(),
            title: words.title,
            summary: words.summary,
            detail: format!("{} First seen at {} UTC, {}.", words.detail, clock_time(first), times(count)),
            remedy: words.remedy,
            verify: words.verify,
            evidence: all().take(SHOWN).map(|(number, seen)| evidence(number, seen)).collect(),
            last_seen: all().map(|(_, seen)| seen.last).max()?,
            count,
            ..Finding::of_network(self.rule.kind, &id_of(earliest.subject), first, first)
        })
    }
}

impl Held {
    fn first(&self) -> Option<Time> {
        self.sights.first().map(|seen| seen.at)
    }

    /// A form that there is no room for counts with the last one.
    fn add(&mut self, seen: Seen) {
        let is_full = self.sights.len() >= SIGHTS_MAX;
        let same = self.sights.iter().position(|it| (&it.what, it.source) == (&seen.what, seen.source));
        match same.or(is_full.then_some(SIGHTS_MAX - 1)).and_then(|at| self.sights.get_mut(at)) {
            Some(known) => {
                known.last = known.last.max(seen.last);
                known.count = known.count.saturating_add(seen.count);
                // Rows of another form say nothing of this one.
                if let Some(more) = seen.rows.into_inner().filter(|_| same.is_some()) {
                    let rows = known.rows.fill();
                    rows.extend(more);
                    rows.sort_unstable();
                    rows.dedup();
                }
            }
            None => self.sights.push(seen),
        }
    }
}

impl Detector for Watch {
    fn reads(&self, fact: &Fact) -> bool {
        (self.rule.reads)(fact)
    }

    fn heeds(&self, look: Look) -> bool {
        look.is_remote
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let Some(sight) = (self.rule.see)(seen) else { return };
        let Some(number) = known.directory.find(&sight.who) else { return };
        let (at, cite, source) = (seen.at, seen.cite, seen.source);
        let Some(what) = sight.what else {
            self.clear(number, source);
            return;
        };
        let is_late = matches!(seen.fact, Fact::Command(_)) && known.policy.is_out_of_hours(at);
        let what = if is_late { format!("{what}, out of hours").into() } else { what };
        if self.cleared.contains(&(number, source)) {
            return;
        }
        let mut seen = Seen { what, at, cite, source, last: at, count: 1, rows: Seldom::default() };
        if !sight.rows.is_empty() {
            *seen.rows.fill() = sight.rows;
        }
        if let Some(held) = self.held.get_mut(number) {
            held.add(seen);
            return;
        }
        let Some(subject) = known.directory.device(number).map(Device::bearing) else { return };
        self.add(number, Held { subject, sights: SmallVec::from_iter([seen]) });
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(held) = self.held.remove(gone) {
            self.add(kept, held);
        }
        let of_both = self.cleared.iter().filter(|(number, _)| [gone, kept].contains(number));
        for (number, source) in of_both.copied().collect::<Vec<_>>() {
            self.cleared.remove(&(number, source));
            self.clear(kept, source);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        self.groups(known).iter().filter_map(|group| self.finding(group, known)).collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices with a weakness of one kind", DEVICES_MAX, self.refused)]
    }
}

/// How often, in words.
fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times in all") }
}

/// Whose turn it is: the camera team's where any of the devices is theirs (contract: *subject*).
pub fn owner(mut devices: impl Iterator<Item = Number>, known: &Known<'_>) -> Owner {
    let is_theirs = |number: Number| known.directory.device(number).is_some_and(Device::is_guarded);
    if devices.any(is_theirs) { Owner::PhysicalSecurity } else { Owner::It }
}

/// For [`Rule::applies`]: whoever it is.
pub const ALWAYS: fn(&[u16], &Device) -> bool = |_, _| true;

/// What was done to devices is told to those who look after them; other behavior is IT's (contract).
const OF_DEVICES: &[&str] = &["configuration-changed", "account-changed", "ptz-command", "door-command"];
/// What is told of addresses on the Internet, which stand last.
const ABOUT_THE_INTERNET: &[&str] = &["internet-egress", "internet-exposed"];
/// What the site's rules may allow.
const OF_THE_INTERNET: &[&str] = &["internet-egress", "p2p-cloud"];
/// Devices watched for one kind.
const DEVICES_MAX: usize = 65_536;
/// Forms kept of one device's weakness.
const SIGHTS_MAX: usize = 8;
/// Forms, and pieces of evidence, that are shown.
const SHOWN: usize = 8;
/// From so many devices on a weakness is the rule of a site.
const COMMON: usize = 3;

#[cfg(test)]
pub mod bench {
    //! Handshakes of a device, and what is found of them.

    use spanwatch_parsers::{Certificate, CipherSuite, Digest, Fact, Mac, TlsRole, TlsSide, TlsVersion};

    use super::super::bench::Bench;
    use super::*;

    /// 2026-11-26.
    pub const NOW_S: i64 = 1_795_651_200;

    /// A device's address, and what it said.
    pub type Said = (u8, Fact);

    /// The host with number 1 answers a handshake.
    pub fn server(change: impl FnOnce(&mut TlsSide)) -> Said {
        server_of(1, change)
    }

    /// A host answers a handshake.
    pub fn server_of(host: u8, change: impl FnOnce(&mut TlsSide)) -> Said {
        let mut side = TlsSide {
            role: TlsRole::Server,
            version: Some(TlsVersion::TLS_1_2),
            offered: None,
            cipher: Some(CipherSuite(0xc02f)),
            ja3: Digest([7; 16]),
            ja4: None,
            server_name: None,
            protocols: None,
            certificate: None,
        };
        change(&mut side);
        (host, Fact::Tls(Box::new(side)))
    }

    /// The host with number 1 asks for one.
    pub fn client(change: impl FnOnce(&mut TlsSide)) -> Said {
        server(|side| {
            (side.role, side.version, side.cipher) = (TlsRole::Client, None, None);
            change(side);
        })
    }

    /// The host with number 1 shows a certificate, in which nothing is wrong but what is changed.
    pub fn certified(change: impl FnOnce(&mut Certificate)) -> Said {
        certified_of(1, change)
    }

    /// A host does.
    pub fn certified_of(host: u8, change: impl FnOnce(&mut Certificate)) -> Said {
        let mut certificate = Certificate {
            subject: "CN=camera".into(),
            issuer: "CN=authority".into(),
            names: Vec::new(),
            not_before_s: NOW_S - 300 * 86_400,
            not_after_s: NOW_S + 300 * 86_400,
            key: "rsa",
            key_bits: Some(2048),
            signature: "sha256WithRSAEncryption".into(),
            is_self_signed: false,
            sha256: Digest([host; 32]),
            key_sha256: Digest([host; 32]),
        };
        change(&mut certificate);
        server_of(host, |side| side.certificate = Some(Box::new(certificate)))
    }

    /// The host with number 1 is asked for by a name and shows a certificate with these.
    pub fn asked_for(name: &str, names: &[&str]) -> Said {
        let (host, mut fact) = certified(|it| it.names = names.iter().map(|name| (*name).into()).collect());
        let Fact::Tls(side) = &mut fact else { unreachable!("a handshake") };
        side.server_name = Some(name.into());
        (host, fact)
    }

    /// What is found of one kind, when each is said once a second by a known host to another one.
    pub fn kinds(kind: &Kind, said: &[&Said]) -> Vec<Finding> {
        kinds_at(443, kind, said)
    }

    /// The same, said from a port.
    pub fn kinds_at(port: u16, kind: &Kind, said: &[&Said]) -> Vec<Finding> {
        kinds_in("test", port, kind, said)
    }

    /// The same, said from a port in a protocol.
    pub fn kinds_in(source: &'static str, port: u16, kind: &Kind, said: &[&Said]) -> Vec<Finding> {
        let mut bench = Bench::new();
        let party = |host: u8| Party {
            mac: Some(Mac([2, 0, 0, 0, 0, host])),
            ip: format!("192.0.2.{host}").parse().ok(),
            hop_limit: 64,
            port,
            ..Party::default()
        };
        for (at, (host, fact)) in (NOW_S..).zip(said) {
            let at = Time(at * 1_000_000_000);
            bench.claims(at, Mac([2, 0, 0, 0, 0, *host]), &format!("192.0.2.{host}"), None);
            bench.sees_in(source, at, (party(*host), Party { port: 40_000, ..party(200) }), fact.clone());
            bench.tick(at);
        }
        bench.of(kind)
    }
}
