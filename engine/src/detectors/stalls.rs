//! Media that stopped though nobody ended it: what is told of it, whether its packets could be read
//! ([`super::stream_stalled`]) or not ([`super::silent_connections`]).

use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use super::Known;
use super::stream_stalled::KIND;
use crate::finding::{Alternative, Cause, Evidence, Finding, Revision, id};
use crate::ledger::directory::Number;
use crate::observation::Cite;
use crate::report::time::{clock_time, length};
use crate::verdict::account::{subject_of, title_of};

/// No pause shorter than this is a stall: encoders drop to few pictures where nothing moves
/// (facts, offline_and_switch 1 and 9.2, D6).
pub const PATIENCE_MIN: Span = Span::seconds(10);
/// Otherwise this many times the longest normal pause.
pub const PATIENCE_GAPS: i64 = 3;
/// A client that was cut off asks anew before what was sent to him before has all arrived.
pub const OVERLAP: Span = Span::seconds(30);
/// Who paused by himself may do so again for this long (facts, offline_and_switch 9.2, D1).
const OCCASIONAL: Span = Span::seconds(3_600);
/// So many devices do not stop at once by themselves ...
const MANY: usize = 3;
/// ... within this time.
const AT_ONCE: Span = Span::seconds(5);
/// Stalls kept.
const STALLS_MAX: usize = 4_096;
/// The session lives and its picture does not, in per cent.
const SURE: u8 = 85;
/// So it seems, by volume alone.
const SURE_BY_VOLUME: u8 = 70;

/// Whether what ran until `last` sends only now and then: it paused, and `went_on` by itself.
pub fn is_occasional(went_on: Option<Time>, last: Time) -> bool {
    went_on.is_some_and(|at| last - at < OCCASIONAL)
}

/// What shows that the device lives and should be sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered its client (RTSP).
    Answered,
    /// It agreed to send anew (PLAY).
    Agreed,
    /// It answers keep-alives in a connection that carried so many bytes a second, and nobody can read.
    KeptAlive { rate: u64 },
}

impl Sign {
    const fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered its client",
            Self::Agreed => "agreed to send anew (PLAY)",
            Self::KeptAlive { .. } => "still answered its client in the same connection",
        }
    }

    const fn is_by_volume(self) -> bool {
        matches!(self, Self::KeptAlive { .. })
    }
}

/// One device's media to one client, from its last packet on. All times are packet time.
#[derive(Debug)]
pub struct Stall {
    /// Who stopped.
    pub device: Number,
    /// What it was called then.
    pub opened_as: String,
    /// Who received it.
    pub to: IpAddr,
    /// Last media.
    pub since: Time,
    /// Where that is.
    pub last_frame: Cite,
    /// When it was sure.
    pub detected: Time,
    /// How long it had run.
    pub ran: Span,
    /// Longest pause until then.
    pub pause: Span,
    /// When and where it showed that it lives, and how.
    pub sign: (Time, Cite, Sign),
    /// When and where it ran again.
    pub ended: Option<(Time, Cite)>,
}

/// All stalls, [`STALLS_MAX`] at most; of each device one at a time.
#[derive(Debug, Default)]
pub struct Told {
    stalls: Vec<Stall>,
    refused: u64,
}

impl Told {
    /// Takes a stall; the number of it, or of the one of the same device that lasts. `None` where there is no room.
    pub fn tell(&mut self, stall: Stall) -> Option<usize> {
        let is_told = |it: &Stall| it.device == stall.device && it.ended.is_none();
        if let Some(index) = self.stalls.iter().position(is_told) {
            return Some(index);
        }
        if self.stalls.len() >= STALLS_MAX {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        self.stalls.push(stall);
        Some(self.stalls.len() - 1)
    }

    /// Says that the media of a stall runs again.
    pub fn end(&mut self, index: usize, at: Time, cite: Cite) {
        if let Some(stall) = self.stalls.get_mut(index)
            && stall.ended.is_none()
        {
            stall.ended = Some((at, cite));
        }
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        for stall in self.stalls.iter_mut().filter(|stall| stall.device == gone) {
            stall.device = kept;
        }
    }

    /// What is to be said of them.
    pub fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let alone = self.stalls.iter().filter(|stall| !self.is_shared(stall));
        alone.map(|stall| stall.finding(known)).collect()
    }

    /// Stalls for which there was no room.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether others stopped with it towards the same client.
    fn is_shared(&self, stall: &Stall) -> bool {
        let near = |it: &&Stall| it.to == stall.to && (it.since - stall.since).0.abs() <= AT_ONCE.0;
        let mut devices: Vec<Number> = self.stalls.iter().filter(near).map(|it| it.device).collect();
        devices.sort_unstable();
        devices.dedup();
        devices.len() >= MANY
    }
}

impl Stall {
    fn finding(&self, known: &Known<'_>) -> Finding {
        let name = title_of(self.device, known.directory);
        let who = subject_of(self.device, known.directory);
        let since = clock_time(self.since);
        let span = match self.ended {
            Some((at, _)) => format!("from {since} to {} UTC ({})", clock_time(at), length(at - self.since)),
            None => format!("since {since} UTC"),
        };
        let to =
            if self.to.is_multicast() { "its viewers".to_owned() } else { known.holder(self.to, None).1 };
        let (shown_at, shown_cite, sign) = self.sign;
        let said = sign.words();
        let (media, words) = if sign.is_by_volume() { ("tcp", "tcp") } else { ("rtp", "rtsp") };
        let mut evidence = vec![
            Evidence {
                at: self.since,
                cite: Some(self.last_frame),
                protocol: Some(media),
                text: format!("last media to {}", self.to),
            },
            Evidence {
                at: shown_at,
                cite: Some(shown_cite),
                protocol: Some(words),
                text: format!("the device {said}, and nothing came"),
            },
        ];
        evidence.extend(self.ended.map(|(at, cite)| Evidence {
            at,
            cite: Some(cite),
            protocol: Some(media),
            text: "media runs again".to_owned(),
        }));
        let sure = if sign.is_by_volume() { SURE_BY_VOLUME } else { SURE };
        let weigh = |cause, confidence, speaks_against: &[usize], would_change| Alternative {
            cause,
            confidence,
            speaks_for: vec![0, 1],
            speaks_against: speaks_against.to_vec(),
            would_change,
        };
        let (ran, pause, shown) = (length(self.ran), length(self.pause), clock_time(shown_at));
        let detail = match sign {
            Sign::KeptAlive { rate } => format!(
                "A connection to {} that cannot be read carried {} kbit/s for {ran} with pauses of {pause} at most and fell under 5 % of that at {since} UTC; it was not closed: at {shown} UTC the device {said}.",
                self.to,
                rate.saturating_mul(8) / 1_000,
            ),
            Sign::Answered | Sign::Agreed => format!(
                "Media to {} ran for {ran} with pauses of {pause} at most and stopped at {since} UTC without TEARDOWN or BYE; at {shown} UTC the device {said}.",
                self.to,
            ),
        };
        Finding {
            id: id(KIND.id, &self.opened_as, self.since),
            confidence: sure,
            owner: Cause::Device.owner(),
            dispatch: Some(if self.ended.is_some() { "no" } else { "wait" }),
            devices: vec![self.device],
            switch: known.switch_of(self.device),
            cause: Some(Cause::Device),
            alternatives: vec![
                weigh(Cause::Device, sure, &[], "a picture on the device's own page: then the way is to blame"),
                weigh(Cause::Mirror, 10, &[1], "the recorder shows a picture meanwhile"),
            ],
            revisions: vec![Revision {
                at: self.detected,
                cause: Cause::Device,
                confidence: sure,
                because: "the device answers and sends no picture".to_owned(),
            }],
            title: format!("{name}: answers, but sends no picture {span}"),
            summary: format!(
                "{who} is switched on and answers, but {span} it sends no picture to {to}. Its encoder or its sensor has stopped. It is physical security's turn: restart the camera from its own page before anybody goes there."
            ),
            detail,
            remedy: "Restart the device. If it stalls again: firmware, bit rate and number of streams it is asked for, temperature.".to_owned(),
            verify: "Media runs to its client again; this finding then gets an end.".to_owned(),
            evidence,
            last_seen: self.ended.map_or(known.now, |(at, _)| at),
            ended: self.ended.map(|(at, _)| at),
            count: 1,
            ..Finding::of_network(&KIND, "", self.since, self.detected)
        }
    }
}
