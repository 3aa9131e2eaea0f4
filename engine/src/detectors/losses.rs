//! Words and evidence that the kinds about lost packets share; the measuring is [`crate::ledger::loss`]'s.

use std::net::IpAddr;

use spanwatch_parsers::Time;

use super::Known;
use crate::finding::{Alternative, Cause, Evidence, Finding, Kind};
use crate::ledger::directory::Number;
use crate::ledger::loss::episode::{Episode, Member, Place};
use crate::observation::Cite;
use crate::report::time::clock_time;

/// A finding without words about an episode.
pub fn begun(kind: &'static Kind, episode: &Episode, subject: &str) -> Finding {
    let (lost, _) = episode.sum();
    Finding {
        dispatch: (kind.category == "availability").then_some("no"),
        last_seen: episode.last.max(episode.detected),
        ended: episode.ended,
        count: lost,
        switch: episode.switch.clone(),
        ..Finding::of_network(kind, subject, episode.since, episode.detected)
    }
}

/// `Since 09:14:03 UTC`, or `From 09:14:03 to 09:15:00 UTC`.
pub fn when(episode: &Episode) -> String {
    from_to(episode.since, episode.ended)
}

/// The same of two times.
pub fn from_to(since: Time, ended: Option<Time>) -> String {
    let since = clock_time(since);
    ended.map_or_else(
        || format!("Since {since} UTC"),
        |ended| format!("From {since} to {} UTC", clock_time(ended)),
    )
}

/// `3.0 %`.
pub fn share((lost, expected): (u64, u64)) -> String {
    let thousandths = lost.saturating_mul(1_000) / expected.max(1);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// What to call who sends, or receives.
pub fn called(ip: IpAddr, number: Option<Number>, episode: &Episode, known: &Known<'_>) -> String {
    let device = number.and_then(|number| known.directory.device(number));
    device.map_or_else(|| known.holder(ip, episode.vlan).1, crate::ledger::device::Device::title)
}

/// Those who suffer, the worst first.
pub fn worst(episode: &Episode) -> Vec<(IpAddr, &Member)> {
    let mut members: Vec<_> = episode.members.iter().map(|(ip, member)| (*ip, member)).collect();
    members.sort_by_key(|(ip, member)| (std::cmp::Reverse(member.lost), *ip));
    members
}

/// Their names, and how many more there are.
pub fn names(episode: &Episode, known: &Known<'_>) -> String {
    let members = worst(episode);
    let named: Vec<String> =
        members.iter().take(NAMED).map(|(ip, member)| called(*ip, member.number, episode, known)).collect();
    let more = members.len().saturating_sub(named.len());
    if more == 0 { named.join("; ") } else { format!("{}; and {more} more", named.join("; ")) }
}

/// The same with what each lost.
pub fn shares(episode: &Episode, known: &Known<'_>) -> String {
    let of = |(ip, member): &(IpAddr, &Member)| {
        let name = called(*ip, member.number, episode, known);
        format!(
            "{name}: {} of {} packets ({})",
            member.lost,
            member.expected,
            share((member.lost, member.expected))
        )
    };
    worst(episode).iter().take(NAMED).map(of).collect::<Vec<_>>().join("; ")
}

/// The devices of the site among them.
pub fn devices(episode: &Episode) -> Vec<Number> {
    episode.members.values().filter_map(|member| member.number).collect()
}

/// The first and the last loss of each, and what the receiver says of it.
pub fn evidence(episode: &Episode, known: &Known<'_>) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    for (ip, member) in worst(episode).into_iter().take(CITED) {
        let name = called(ip, member.number, episode, known);
        if let Some([first, last]) = member.cited {
            evidence.push(said(first, format!("{name}: the first second with missing packets")));
            evidence.push(said(last, format!("{name}: the last second with missing packets")));
        }
        if let Some((by, report)) = member.report {
            let by = known.holder(by, episode.vlan).1;
            let (lost, expected) = (report.lost, report.expected);
            let (protocol, text) = if report.is_tcp {
                (
                    "tcp",
                    format!(
                        "{name} sends {lost} of {expected} segments to {by} again, for he did not get them"
                    ),
                )
            } else {
                ("rtcp", format!("{by} reports that {lost} of {expected} packets of {name} are missing"))
            };
            evidence.push(Evidence { protocol: Some(protocol), ..said(report.seen, text) });
        }
    }
    let (streams, packets) = episode.others;
    if streams > 0 && episode.place == Place::Device {
        let text = format!("meanwhile {streams} other streams lost nothing, {packets} packets in all");
        evidence.push(Evidence { at: episode.detected, cite: None, protocol: None, text });
    }
    evidence
}

/// A cause that could be meant as well.
pub fn instead(cause: Cause, confidence: u8, would_change: &'static str) -> Alternative {
    Alternative { cause, confidence, speaks_for: vec![0], speaks_against: Vec::new(), would_change }
}

fn said((at, cite): (Time, Cite), text: String) -> Evidence {
    Evidence { at, cite: Some(cite), protocol: None, text }
}

/// Devices named in a sentence.
const NAMED: usize = 8;
/// Devices whose losses are cited.
const CITED: usize = 4;
