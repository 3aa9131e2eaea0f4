//! `device-offline`: no sign of life from one device though it was expected.
//!
//! ## What it says
//! A device that had sent media steadily for 10 s or more, or had served a connection steadily for a minute,
//! has been silent for longer than
//! three times its longest normal pause (5 s at least), who dealt with it asked it and got no answer
//! (repeated ARP or neighbour requests, connection attempts, resent data, or a router's repeated
//! "host unreachable"), and other devices than he were heard meanwhile. Two attempts are enough where media
//! stopped for longer than it would by chance in 10,000 days. Or its media over UDP and its own reports on it (RTCP
//! sender reports) stopped together, so long that both do so by chance less than once in 10,000 days of one device, and
//! who receives it reports that no more came than we saw. The first sign of life ends it.
//! The cause stays unknown unless the return tells it: a stream that simply goes on
//! means that the device ran all the time and only its link was cut, or the uplink where others
//! were silent at the same time; questions for an address, or whether one is free, mean that it restarted.
//! A clock that went on (TCP time stamps) outweighs these: some devices ask anew whenever their link comes up.
//! Signs of life of less than five seconds, with no media, are no return: the device runs, and the way to it is cut.
//!
//! ## Why it matters
//! Nothing is seen or recorded from a camera that is gone. Whether its switch port has link and
//! power takes IT a minute to see, and saves a trip to a camera that is fine.
//!
//! ## Where it is wrong
//! Where the mirror lost only this device's port while its recorder reconnects for another
//! reason. A device whose program stands still for more than 5 s, so that neither media nor reports come, is gone until it
//! goes on; as none of its packets is missing then, the finding says so afterwards. Devices that neither streamed nor served anybody steadily for a minute are not judged.
//!
//! ## State
//! None of its own: [`crate::verdict`] judges, and this words what it judged.

use spanwatch_parsers::Time;

use crate::detectors::recorder_offline;
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Owner, Revision, Severity, id};
use crate::ledger::directory::Directory;
use crate::report::time::{clock_time, length};
use crate::verdict::Absence;
use crate::verdict::account::{asked, evidence, others, subject_of, title_of};
use crate::verdict::witness::How;

/// The kind.
pub const KIND: Kind = Kind {
    id: "device-offline",
    category: "availability",
    severity: Severity::High,
    source: include_str!("device_offline.rs"),
    start: None,
};

/// What the ledger knows around an absence.
#[derive(Debug)]
pub struct Around<'a> {
    /// The device's id when the absence was detected.
    pub opened_as: &'a str,
    /// Who is who.
    pub directory: &'a Directory,
    /// The id of the switch that the device hangs on.
    pub switch: Option<String>,
    /// What to call that switch, where all that fell silent together hang on it.
    pub shared: Option<String>,
    /// The last packet's time.
    pub now: Time,
}

/// Puts an absence into words.
#[must_use]
pub fn finding(absence: &Absence, around: Around<'_>) -> Finding {
    let Around { opened_as, directory, switch, shared, now } = around;
    let name = title_of(absence.device, directory);
    let kind = directory.device(absence.device).map_or("unknown", |device| device.kind().0);
    let who = subject_of(absence.device, directory);
    let judgement = Judgement::of(absence, kind);
    let evidence = evidence(absence, directory);
    let since = clock_time(absence.since);
    let alone = absence.together_count < MANY;

    let went = match absence.ended {
        None => format!("{who} has given no sign of life since {since} UTC."),
        Some((ended, _)) => format!(
            "{who} gave no sign of life from {since} to {} UTC ({}).",
            clock_time(ended),
            length(ended - absence.since)
        ),
    };
    let neighbours = if alone {
        format!("{} heard on the network meanwhile.", others(absence.others_heard))
    } else {
        let names: Vec<String> =
            absence.together.iter().take(NAMED_MAX).map(|number| title_of(*number, directory)).collect();
        format!(
            "{} more fell silent within seconds of it ({}{}): {}.",
            absence.together_count,
            names.join(", "),
            if absence.together_count > NAMED_MAX { ", ..." } else { "" },
            shared.map_or_else(
                || "look for what they share".to_owned(),
                |name| format!("all hang on switch {name}")
            )
        )
    };
    let turn = match (judgement.cause.owner(), alone) {
        (Owner::It, true) => "It is IT's turn: the device ran all the time, its connection was cut.",
        (Owner::It, false) => {
            "It is IT's turn: it ran all the time, the switch it hangs on or that switch's uplink was cut off."
        }
        (Owner::PhysicalSecurity, _) if judgement.cause == Cause::Recorder => {
            "It is physical security's turn: look at the recorder. Its cameras are not at fault."
        }
        (Owner::PhysicalSecurity, _) if judgement.cause == Cause::Device => {
            "It stood still by itself, for none of its packets is missing. It is physical security's turn if it happens again."
        }
        (Owner::PhysicalSecurity, _) => {
            "It started anew, so it had lost its power or restarted by itself. It is physical security's turn; if it happens again, IT looks at the power of its switch port."
        }
        (_, true) => {
            "It is IT's turn first: check its switch port for link and power, before a technician goes out."
        }
        (_, false) => "It is IT's turn first: check the switch they hang on, before anybody visits a camera.",
    };
    let first_check = (judgement.cause == Cause::Unknown).then(|| {
        if alone {
            "IT: read link, PoE and errors of the switch port; if link and power are there, physical security visits the device.".to_owned()
        } else {
            "IT: read the state of the switch and uplink that these devices share.".to_owned()
        }
    });
    let asked = asked(absence, directory);
    let kind_of_finding = kind_of(kind);
    Finding {
        id: id(kind_of_finding.id, opened_as, absence.since),
        kind: kind_of_finding,
        severity: kind_of_finding.severity,
        confidence: judgement.gone,
        owner: judgement.cause.owner(),
        first_check,
        dispatch: Some(if absence.ended.is_some() { "no" } else { "wait" }),
        devices: vec![absence.device],
        switch,
        cause: Some(judgement.cause),
        alternatives: judgement.alternatives(absence, &evidence),
        revisions: judgement.revisions(absence),
        supersedes: Vec::new(),
        title: match absence.ended {
            None => format!("{name}: no sign of life since {since} UTC"),
            Some((ended, _)) => format!("{name}: no sign of life from {since} to {} UTC", clock_time(ended)),
        },
        summary: format!("{went} {neighbours} {turn}"),
        detail: format!(
            "{} ran for {} before it stopped; silence of more than {} was not normal. Unanswered since: {asked}.",
            if absence.is_of_media { "Media" } else { "A connection that it serves" },
            length(absence.streamed),
            length(absence.patience)
        ),
        remedy: "Look up the device's switch port: link state, PoE state, error counters. No link: cable or port. Link but no power draw: PoE or the device. Link and power: restart the device by switching PoE off and on.".to_owned(),
        verify: "The device answers ARP again and its media runs on; this finding then gets an end.".to_owned(),
        evidence,
        first_seen: absence.since,
        detected: absence.detected,
        last_seen: absence.ended.map_or(now, |(ended, _)| ended),
        ended: absence.ended.map(|(ended, _)| ended),
        count: 1,
    }
}

/// Which kind of finding the absence of a device of this kind is.
#[must_use]
pub fn kind_of(device: &str) -> &'static Kind {
    if matches!(device, "recorder" | "vms") { &recorder_offline::KIND } else { &KIND }
}

/// What the evidence allows to say.
struct Judgement {
    /// How sure we are that it was gone, in per cent.
    gone: u8,
    cause: Cause,
}

impl Judgement {
    fn of(absence: &Absence, kind: &str) -> Self {
        let mut ways: Vec<How> = absence.asks.iter().map(|ask| ask.how).collect();
        ways.sort_unstable();
        ways.dedup();
        let gone = if ways.len() > 1 { TWO_REFUSALS } else { ONE_REFUSAL };
        let ran_on = absence.lived().is_some();
        let is_recorder = kind_of(kind).id == recorder_offline::KIND.id;
        let cause = match (ran_on, absence.together_count >= MANY) {
            // It reaches us, and those who ask for it reach us; they do not reach one another.
            (true, _) if absence.stood_still => Cause::Device,
            (true, false) if !absence.glimpses.is_empty() => Cause::NetworkPath,
            (true, false) => Cause::Link,
            (true, true) => Cause::Uplink,
            (false, false) if is_recorder => Cause::Recorder,
            (false, _) if absence.began_anew().is_some() => Cause::DeviceRestart,
            (false, _) => Cause::Unknown,
        };
        Self { gone, cause }
    }

    fn alternatives(&self, absence: &Absence, evidence: &[Evidence]) -> Vec<Alternative> {
        let refusals: Vec<usize> = (1..=absence.asks.len()).collect();
        let others = vec![absence.asks.len() + 1];
        let last: Vec<usize> = (others[0] + 1..evidence.len()).collect();
        let weigh =
            |cause, confidence, speaks_for: &[usize], speaks_against: &[usize], would_change| Alternative {
                cause,
                confidence,
                speaks_for: speaks_for.to_vec(),
                speaks_against: speaks_against.to_vec(),
                would_change,
            };
        let port = "the switch port's state: link down says cable or device, no power draw says power";
        if self.cause == Cause::Link {
            vec![
                weigh(Cause::Link, CUT, &last, &[], "link flaps in the port's log"),
                weigh(
                    Cause::Switch,
                    20,
                    &last,
                    &others,
                    "other devices of the same switch silent at the same time",
                ),
            ]
        } else if self.cause == Cause::Device {
            vec![
                weigh(Cause::Device, CUT, &last, &[], "the device's own log"),
                weigh(Cause::Link, 20, &refusals, &last, "link flaps in the port's log"),
            ]
        } else if self.cause == Cause::NetworkPath {
            vec![
                weigh(
                    Cause::NetworkPath,
                    CUT_TOGETHER,
                    &last,
                    &[],
                    "the VLAN and the state of its port, and of the ways between the two",
                ),
                weigh(Cause::Link, 30, &refusals, &last, "link flaps in the port's log"),
                weigh(Cause::Device, 15, &refusals, &last, "it answers who asks it from the same switch"),
            ]
        } else if self.cause == Cause::Uplink {
            vec![
                weigh(
                    Cause::Uplink,
                    CUT_TOGETHER,
                    &last,
                    &[],
                    "the switch's log: it ran on, its uplink was down",
                ),
                weigh(
                    Cause::Switch,
                    40,
                    &others,
                    &last,
                    "the switch's log: it was down, and its devices are powered elsewhere",
                ),
            ]
        } else if self.cause == Cause::DeviceRestart {
            vec![
                weigh(Cause::DeviceRestart, RESTARTED, &last, &[], "the device's own log"),
                weigh(
                    Cause::Power,
                    35,
                    &last,
                    &[],
                    "the port's PoE log, or others of its switch restarting too",
                ),
            ]
        } else if self.cause == Cause::Recorder {
            vec![
                weigh(Cause::Recorder, RESTARTED, &refusals, &[], "the recorder answers on its console"),
                weigh(Cause::Link, 20, &refusals, &[], port),
                weigh(Cause::Power, 15, &refusals, &[], "its power supply"),
            ]
        } else if absence.together_count < MANY {
            vec![
                weigh(Cause::Device, 40, &refusals, &[], port),
                weigh(Cause::Power, 25, &refusals, &[], port),
                weigh(Cause::Link, 25, &refusals, &[], port),
                weigh(
                    Cause::Switch,
                    10,
                    &refusals,
                    &others,
                    "other devices of the same switch falling silent too",
                ),
            ]
        } else {
            vec![
                weigh(Cause::Switch, 55, &others, &[], "the switch answers and its port counters ran on"),
                weigh(Cause::Power, 30, &others, &[], "the switch's own log"),
                weigh(Cause::Device, 10, &refusals, &others, "the others returning without it"),
            ]
        }
    }

    fn revisions(&self, absence: &Absence) -> Vec<Revision> {
        let is_recorder = self.cause == Cause::Recorder;
        let first = Revision {
            at: absence.detected,
            cause: if is_recorder { Cause::Recorder } else { Cause::Unknown },
            confidence: if is_recorder { RESTARTED } else { self.gone },
            because: "silent and not answering; only its return or the switch can tell why".to_owned(),
        };
        let told = match (absence.lived(), absence.began_anew()) {
            (Some((at, _)), _) if self.cause == Cause::NetworkPath => {
                Some((at, "it was heard while nobody reached it: it runs, and the way to it is cut"))
            }
            (Some((at, _)), _) if self.cause == Cause::Device => Some((
                at,
                "it went on as before, and none of its packets is missing: it stood still by itself",
            )),
            (Some((at, _)), _) => {
                Some((at, "it went on as before: it never restarted, only its connection was cut"))
            }
            (_, Some((at, ..))) => {
                Some((at, "it did what one does after a start: it was without power or restarted"))
            }
            (None, None) => None,
        };
        let revised = told.map(|(at, because)| Revision {
            at,
            cause: self.cause,
            confidence: match self.cause {
                Cause::DeviceRestart => RESTARTED,
                Cause::Link | Cause::Device => CUT,
                Cause::Uplink | Cause::NetworkPath => CUT_TOGETHER,
                _ => self.gone,
            },
            because: because.to_owned(),
        });
        std::iter::once(first).chain(revised).collect()
    }
}

/// Media silence and one refused way of asking, in per cent (facts, offline_and_switch 7).
const ONE_REFUSAL: u8 = 80;
/// Media silence and two refused ways of asking, in per cent.
const TWO_REFUSALS: u8 = 92;
/// It started anew, or it is the recorder that everybody misses, in per cent: power may be behind either.
const RESTARTED: u8 = 60;
/// One device ran on while it was away: its cable or port, in per cent.
const CUT: u8 = 70;
/// Several ran on while they were away: their uplink, or a switch that does not power them, in per cent.
const CUT_TOGETHER: u8 = 50;
/// So many others that are silent too share something with it.
const MANY: usize = 2;
/// Names in one sentence.
const NAMED_MAX: usize = 4;
