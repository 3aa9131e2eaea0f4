//! `devices-offline-together`: several devices gone by one cause.
//!
//! ## What it says
//! Devices that were each found offline fell silent at the same time: two that hang on one switch and
//! stopped within 1.5 s, or three and more that stopped within 5 s behind one switch, or within 1.5 s anywhere.
//! It is one outage and not many. Which of switch, uplink and power failed is often told by the return only:
//! streams that simply go on mean that the devices ran all the time and their uplink was cut; devices that ask for
//! an address as after a start were without power.
//!
//! ## Why it matters
//! A technician sent to six cameras finds six cameras that are fine. One look at the switch tells more.
//!
//! ## Where it is wrong
//! Where people switch several devices off at once, or restart them together from a recorder. Which
//! switch they share is known only where DHCP (option 82) or LLDP told it.
//!
//! ## State
//! None of its own: [`crate::verdict::fate`] sorts absences, and this words what belongs together.

use spanwatch_parsers::{Text, Time};

use crate::finding::{Alternative, Cause, Evidence, Finding, Kind, Owner, Revision, Severity, id};
use crate::ledger::directory::{Directory, Number};
use crate::report::time::{clock_time, length};
use crate::verdict::account::{address, asked, capitalised, evidence, others, title_of};
use crate::verdict::{Absence, fate::Fate};

/// The kind.
pub const KIND: Kind = Kind {
    id: "devices-offline-together",
    category: "availability",
    severity: Severity::Critical,
    source: include_str!("devices_offline_together.rs"),
    start: None,
};

/// What the ledger knows around an incident.
#[derive(Debug)]
pub struct Around<'a> {
    /// The id of its first device when that absence was detected.
    pub opened_as: &'a str,
    /// Who is who.
    pub directory: &'a Directory,
    /// What to call the switch that they share.
    pub switch_name: Option<&'a str>,
    /// When that switch itself was last heard, where it has an address or speaks LLDP.
    pub switch_heard: Option<Time>,
    /// Findings on single devices that were made before it was clear.
    pub supersedes: Vec<String>,
    /// The last packet's time.
    pub now: Time,
}

/// Puts an incident into words. `members` are its absences in order of the last sign of life, at least one.
#[must_use]
pub fn finding(fate: &Fate, members: &[&Absence], around: Around<'_>) -> Option<Finding> {
    let Around { opened_as, directory, switch_name, switch_heard, supersedes, now } = around;
    let (first, last) = (members.first()?, members.iter().map(|member| member.since).max()?);
    let back = members.iter().filter(|member| member.ended.is_some()).count();
    let ended = members.iter().map(|member| member.ended.map(|(at, _)| at)).max().flatten();
    let ended = ended.filter(|_| back == members.len());
    let (evidence, marks) = all_evidence(members, directory, switch_heard.filter(|_| switch_name.is_some()));
    let judgement = Judgement::of(members, switch_heard.is_some_and(|heard| heard > first.since + AFTER));

    let what = counted(members.iter().map(|member| member.device), directory);
    let place = switch_name.map_or_else(String::new, |name| format!(" behind switch {name}"));
    let since = clock_time(first.since);
    let until = match ended {
        Some(ended) => format!("from {since} to {} UTC ({})", clock_time(ended), length(ended - first.since)),
        None => format!("since {since} UTC"),
    };
    let names: Vec<String> =
        members.iter().take(NAMED_MAX).map(|member| title_of(member.device, directory)).collect();
    let more = if members.len() > NAMED_MAX { ", ..." } else { "" };
    let returned = match (back, ended) {
        (0, _) | (_, Some(_)) => String::new(),
        (some, None) => format!(" {some} of them are back."),
    };
    let told = judgement.cause.owner() != Owner::Unknown;
    let thing = switch_name.map_or_else(|| "what they share".to_owned(), |name| format!("switch {name}"));
    let turn = match judgement.cause {
        Cause::Uplink => format!(
            "They ran all the time: the way between them and the rest of the network was cut. It is IT's turn: check the uplink of {thing}."
        ),
        Cause::Power => {
            format!("They lost their power and started again. It is IT's turn: check the power of {thing}.")
        }
        Cause::Switch => format!("It is IT's turn: check {thing}."),
        _ => format!("It is IT's turn first: check {thing} before anybody visits a camera."),
    };
    Some(Finding {
        id: id(KIND.id, opened_as, first.since),
        kind: &KIND,
        severity: KIND.severity,
        confidence: if members.len() > 2 || switch_name.is_some() { SURE } else { LIKELY },
        owner: judgement.cause.owner(),
        first_check: (!told).then(|| format!("IT: read the state of {thing}: is it up, is its uplink up, does it supply power?")),
        dispatch: Some(if ended.is_some() || told { "no" } else { "wait" }),
        devices: members.iter().map(|member| member.device).collect(),
        switch: fate.switch.as_ref().map(|switch| switch.as_str().to_owned()),
        cause: Some(judgement.cause),
        alternatives: judgement.alternatives(&marks),
        revisions: judgement.revisions(fate.detected),
        supersedes,
        title: format!("{what}{place}: no sign of life {until}"),
        summary: format!(
            "{what}{place} {} silent together {until}: {}{more}.{returned} {turn}",
            if ended.is_some() { "were" } else { "are" },
            names.join(", ")
        ),
        detail: format!(
            "Their last frames lie within {} of one another, from {since} UTC on. {} heard meanwhile. Unanswered since: {}.",
            length(last - first.since),
            capitalised(&others(first.others_heard)),
            asked(first, directory)
        ),
        remedy: "Look at the switch that they share: power, uplink, port states, log. If it is up and its uplink too, look at the power it supplies (PoE budget) and at the VLAN.".to_owned(),
        verify: "All of the devices answer again and their media runs on; this finding then gets an end.".to_owned(),
        evidence,
        first_seen: first.since,
        detected: fate.detected,
        last_seen: ended.unwrap_or(now),
        ended,
        count: 1,
    })
}

/// Which evidence shows what, by index.
struct Marks {
    silences: Vec<usize>,
    resumed: Vec<usize>,
    restarted: Vec<usize>,
    switch: Vec<usize>,
}

/// The last sign of life of each; the unanswered asks of the first; what the returns showed.
fn all_evidence(
    members: &[&Absence],
    directory: &Directory,
    switch_heard: Option<Time>,
) -> (Vec<Evidence>, Marks) {
    let mut all: Vec<Evidence> = members
        .iter()
        .take(SHOWN_MAX)
        .map(|member| Evidence {
            at: member.since,
            cite: Some(member.last_frame),
            protocol: None,
            text: format!("last frame from {}", title_of(member.device, directory)),
        })
        .collect();
    let mut marks =
        Marks { silences: (0..all.len()).collect(), resumed: vec![], restarted: vec![], switch: vec![] };
    if let Some(first) = members.first() {
        let own = evidence(first, directory);
        let asks = own.into_iter().skip(1).take(first.asks.len().saturating_add(1));
        all.extend(asks);
    }
    if let Some(at) = switch_heard {
        marks.switch.push(all.len());
        all.push(Evidence {
            at,
            cite: None,
            protocol: None,
            text: "the switch itself was last heard then".to_owned(),
        });
    }
    for member in members.iter().take(SHOWN_MAX) {
        let name = title_of(member.device, directory);
        if let Some((at, cite, how)) = member.began_anew() {
            marks.restarted.push(all.len());
            let text = format!("{name} {}", how.words());
            let is_ipv6 = address(member.device, directory).is_some_and(|ip| ip.is_ipv6());
            all.push(Evidence { at, cite: Some(cite), protocol: Some(how.protocol(is_ipv6)), text });
        }
        if let Some((at, cite)) = member.lived() {
            marks.resumed.push(all.len());
            let (protocol, text) = match member.ran_on {
                Some(_) => {
                    ("tcp", format!("the clock of {name} (TCP time stamps) shows that it ran all the time"))
                }
                None => ("rtp", format!("media of {name} goes on from the same source as before")),
            };
            all.push(Evidence { at, cite: Some(cite), protocol: Some(protocol), text });
        }
    }
    (all, marks)
}

/// What the evidence allows to say.
struct Judgement {
    cause: Cause,
    confidence: u8,
    /// When it was clear, and why.
    clear: Option<(Time, &'static str)>,
    /// Whether the switch they share spoke after they fell silent.
    switch_lived: bool,
}

impl Judgement {
    fn of(members: &[&Absence], switch_lived: bool) -> Self {
        let restarted: Vec<Time> =
            members.iter().filter_map(|member| member.began_anew()).map(|(at, ..)| at).collect();
        let ran_on: Vec<Time> =
            members.iter().filter_map(|member| member.lived()).map(|(at, _)| at).collect();
        let (cause, confidence, clear) = match (restarted.len(), ran_on.len()) {
            (0, 0) => (Cause::Unknown, 0, None),
            (0, count) => {
                let because = "they went on as before: they ran all the time, only their way was cut";
                (
                    Cause::Uplink,
                    if count > 1 { TWO_WITNESSES } else { ONE_WITNESS },
                    ran_on.iter().min().map(|at| (*at, because)),
                )
            }
            (count, 0) => {
                let because = "they did what one does after a start: they had lost their power";
                (
                    Cause::Power,
                    if count > 1 { TWO_WITNESSES } else { ONE_WITNESS },
                    restarted.iter().min().map(|at| (*at, because)),
                )
            }
            (_, _) => {
                let because = "some started again and some went on: the switch failed, and with it the power of those it feeds";
                let at = restarted.iter().chain(&ran_on).max();
                (Cause::Switch, ONE_WITNESS, at.map(|at| (*at, because)))
            }
        };
        Self { cause, confidence, clear, switch_lived }
    }

    fn alternatives(&self, marks: &Marks) -> Vec<Alternative> {
        let weigh =
            |cause, confidence, speaks_for: &[usize], speaks_against: &[usize], would_change| Alternative {
                cause,
                confidence,
                speaks_for: speaks_for.to_vec(),
                speaks_against: speaks_against.to_vec(),
                would_change,
            };
        let log = "the switch's own log and uptime";
        let uplink = "the uplink's port counters and log on both of its ends";
        let supply = "the switch's PoE log and its power supplies";
        let Marks { silences, resumed, restarted, switch } = marks;
        match self.cause {
            Cause::Uplink => vec![
                weigh(Cause::Uplink, self.confidence, resumed, &[], uplink),
                weigh(Cause::Switch, 15, silences, resumed, log),
            ],
            Cause::Power => vec![
                weigh(Cause::Power, self.confidence, restarted, &[], supply),
                weigh(Cause::Switch, 15, silences, &[], log),
            ],
            Cause::Switch => vec![
                weigh(Cause::Switch, self.confidence, silences, &[], log),
                weigh(Cause::Power, 25, restarted, resumed, supply),
            ],
            _ if self.switch_lived => vec![
                weigh(Cause::Power, 60, silences, &[], supply),
                weigh(Cause::Switch, 25, silences, switch, log),
                weigh(Cause::Uplink, 10, silences, switch, uplink),
            ],
            _ => vec![
                weigh(Cause::Switch, 40, silences, &[], log),
                weigh(Cause::Uplink, 35, silences, &[], uplink),
                weigh(Cause::Power, 20, silences, &[], supply),
            ],
        }
    }

    fn revisions(&self, detected: Time) -> Vec<Revision> {
        let first = Revision {
            at: detected,
            cause: Cause::Unknown,
            confidence: SURE,
            because: "silent at the same time and not answering: one cause, and only the return or the switch can tell which"
                .to_owned(),
        };
        let told = self.clear.map(|(at, because)| Revision {
            at: at.max(detected),
            cause: self.cause,
            confidence: self.confidence,
            because: because.to_owned(),
        });
        std::iter::once(first).chain(told).collect()
    }
}

/// `6 cameras`, or `6 devices` where they are of several kinds.
#[must_use]
pub fn counted(devices: impl Iterator<Item = Number> + Clone, directory: &Directory) -> String {
    let kind = |device| directory.device(device).map_or("unknown", |device| device.kind().0);
    let mut kinds: Vec<&str> = devices.clone().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let word = match kinds[..] {
        [kind] if kind != "unknown" => plural(kind),
        _ => Text::from("devices"),
    };
    format!("{} {word}", devices.count())
}

fn plural(kind: &str) -> Text {
    let ending = if kind.ends_with(['s', 'x', 'h']) { "es" } else { "s" };
    Text::from(format!("{kind}{ending}").as_str())
}

/// Several independent silences and refusals, in per cent (facts, offline_and_switch 7).
const SURE: u8 = 92;
/// Two devices whose switch nobody named.
const LIKELY: u8 = 80;
/// One return that shows the cause.
const ONE_WITNESS: u8 = 75;
/// Two and more.
const TWO_WITNESSES: u8 = 90;
/// A switch that is heard so long after its devices lives without them.
const AFTER: spanwatch_parsers::Span = spanwatch_parsers::Span::seconds(5);
/// Names in one sentence.
const NAMED_MAX: usize = 6;
/// Members whose frames are cited one by one.
const SHOWN_MAX: usize = 12;
