//! What is told of an absence: its evidence, and the words that several kinds of findings share.

use std::net::IpAddr;

use super::witness::How;
use super::{Absence, OTHERS_COUNTED};
use crate::finding::Evidence;
use crate::ledger::directory::{Directory, Number};
use crate::report::time::length;

/// What people call a device.
#[must_use]
pub fn title_of(number: Number, directory: &Directory) -> String {
    directory.device(number).map_or_else(|| "a forgotten device".to_owned(), |device| device.title())
}

/// The same at the beginning of a sentence, its kind before it unless its name says that: `Camera Axis (10.0.0.5)`.
#[must_use]
pub fn subject_of(number: Number, directory: &Directory) -> String {
    let title = title_of(number, directory);
    let kind = directory.device(number).map_or("unknown", |device| device.kind().0);
    let is_said = title.to_lowercase().contains(&kind.to_lowercase());
    match kind {
        _ if is_said => capitalised(&title),
        "unknown" => format!("Device {title}"),
        kind => format!("{} {title}", capitalised(kind)),
    }
}

/// The address of a device, where it has one.
#[must_use]
pub fn address(number: Number, directory: &Directory) -> Option<IpAddr> {
    directory.device(number)?.address()
}

/// The last sign of life; each unanswered ask; that others were heard; then what the return showed.
#[must_use]
pub fn evidence(absence: &Absence, directory: &Directory) -> Vec<Evidence> {
    let asker = |number: Number| {
        directory.device(number).map_or_else(
            || "somebody".to_owned(),
            |device| device.address().map_or_else(|| device.id(), |ip| ip.to_string()),
        )
    };
    let is_ipv6 = address(absence.device, directory).is_some_and(|ip| ip.is_ipv6());
    let mut evidence = vec![Evidence {
        at: absence.since,
        cite: Some(absence.last_frame),
        protocol: None,
        text: "last frame from the device".to_owned(),
    }];
    evidence.extend(absence.asks.iter().map(|ask| {
        let by = asker(ask.by);
        let (protocol, text) = match ask.how {
            How::Resolve => (
                if is_ipv6 { "nd" } else { "arp" },
                format!("{by} asks for its hardware address again and gets no answer"),
            ),
            How::Connect => {
                ("tcp", format!("{by} tries to connect, attempt {}, and gets no answer", ask.attempt))
            }
            How::Resend => (
                "tcp",
                format!("{by} sends the same data again, attempt {}, and gets no answer", ask.attempt),
            ),
            How::HostUnreachable => {
                ("icmp", format!("{by} says that the device does not answer on its link"))
            }
            How::ReceivesNothing => {
                ("rtcp", format!("{by} reports that no more of its media came than we saw"))
            }
        };
        Evidence { at: ask.at, cite: Some(ask.cite), protocol: Some(protocol), text }
    }));
    evidence.push(Evidence {
        at: absence.detected,
        cite: None,
        protocol: None,
        text: if absence.together.is_empty() {
            format!(
                "{} other devices were heard after its last frame: our view was whole",
                absence.others_heard
            )
        } else {
            format!(
                "{} more streaming devices fell silent within 5 s of it; {} heard",
                absence.together_count,
                others(absence.others_heard)
            )
        },
    });
    evidence.extend(absence.glimpses.iter().map(|(at, cite)| Evidence {
        at: *at,
        cite: Some(*cite),
        protocol: None,
        text: "heard for a moment, and still nobody reaches it".to_owned(),
    }));
    let returned =
        absence.ended.map(|(at, cite)| (at, cite, None, "first frame after the silence".to_owned()));
    let restarted = absence
        .restarted
        .map(|(at, cite, how)| (at, cite, Some(how.protocol(is_ipv6)), format!("it {}", how.words())));
    let resumed = absence
        .resumed
        .map(|(at, cite)| (at, cite, Some("rtp"), "media of the same source as before goes on".to_owned()));
    let clock = "its clock (TCP time stamps) shows that it ran all the time";
    let ran_on = absence.ran_on.map(|(at, cite)| (at, cite, Some("tcp"), clock.to_owned()));
    evidence.extend(
        [returned, restarted, resumed, ran_on]
            .into_iter()
            .flatten()
            .map(|(at, cite, protocol, text)| Evidence { at, cite: Some(cite), protocol, text }),
    );
    evidence
}

/// What was asked in vain, by whom, how often and how long.
#[must_use]
pub fn asked(absence: &Absence, directory: &Directory) -> String {
    let runs = absence.asks.chunk_by(|a, b| (a.how, a.by) == (b.how, b.by));
    let said = runs.filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let by = directory.device(first.by).map_or_else(|| "somebody".to_owned(), |device| device.title());
        let what = match first.how {
            How::Resolve => "requests for its hardware address",
            How::Connect => "attempts to connect",
            How::Resend => "times the same data",
            How::HostUnreachable => "times \"host unreachable\"",
            How::ReceivesNothing => "reports that nothing came",
        };
        let count = run.len().max(run.iter().map(|ask| usize::from(ask.attempt)).max().unwrap_or(0));
        Some(format!("{count} {what} in {} by {by}", length(last.at - first.at)))
    });
    said.collect::<Vec<_>>().join("; ")
}

/// `1 other device was` or `7 other devices were`.
#[must_use]
pub fn others(count: usize) -> String {
    match count {
        1 => "1 other device was".to_owned(),
        OTHERS_COUNTED => format!("{count} or more other devices were"),
        _ => format!("{count} other devices were"),
    }
}

/// The same words with a capital letter in front.
#[must_use]
pub fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
