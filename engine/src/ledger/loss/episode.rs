//! An [`Episode`]: packets lost in one place, from the first to the last of them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use super::track::{Judged, Report, Track};
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// Where packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Between one device and us.
    Device,
    /// Between several devices and us, on the way that they share.
    Path,
    /// Between us and a receiver.
    Receiver,
    /// Between the network and us: nowhere.
    Mirror,
}

/// Loss in one place.
#[derive(Debug, Clone)]
pub struct Episode {
    /// Where.
    pub place: Place,
    /// The device, the receiver; of a path the first device that was known to suffer.
    pub subject: Option<IpAddr>,
    /// The VLAN in which it was seen.
    pub vlan: Option<u16>,
    /// The switch that all of them hang on.
    pub switch: Option<String>,
    /// The first loss.
    pub since: Time,
    /// When it was clear.
    pub detected: Time,
    /// The last loss.
    pub last: Time,
    /// From when on the quiet is measured.
    pub quiet_from: Time,
    /// When it was over.
    pub ended: Option<Time>,
    /// Who sends what is lost, by address.
    pub members: BTreeMap<IpAddr, Member>,
    /// Streams that lost nothing of that in the same time, and their packets.
    pub others: (usize, u64),
    /// Whether nobody misses enough by himself: of the mirror, so little that losses elsewhere can still be told.
    pub is_slight: bool,
    /// Whether a wider one says the same.
    pub is_superseded: bool,
    /// Indices of those that this one says anew.
    pub supersedes: Vec<usize>,
}

/// Who sends what is lost.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// The device; `None` where it is none of the site.
    pub number: Option<Number>,
    /// Packets lost.
    pub lost: u64,
    /// Of so many.
    pub expected: u64,
    /// The first and the last second with a loss.
    pub cited: Option<[(Time, Cite); 2]>,
    /// What the receiver reported last.
    pub report: Option<(IpAddr, Report)>,
    /// Packets since the last loss.
    since: u64,
}

impl Member {
    /// Counts lost packets, and all up to the last of them.
    const fn count(&mut self, lost: u64, expected: u64) {
        self.since = self.since.saturating_add(expected);
        if lost > 0 {
            self.lost = self.lost.saturating_add(lost);
            self.expected = self.expected.saturating_add(self.since);
            self.since = 0;
        }
    }
}

impl Episode {
    /// Adds what a stream lost in its last window, or, without that, in the last second.
    pub fn add(&mut self, track: &Track, judged: Option<&Judged>, tick: Time) {
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&track.source_ip) {
            return;
        }
        let member = self.members.entry(track.source_ip).or_default();
        member.number = track.source.or(member.number);
        let reported = track.reported().filter(|it| Some(*it) != member.report.map(|(_, before)| before));
        match (self.place, judged) {
            (Place::Receiver, Some(judged)) => member.count(judged.lost_behind(), judged.expected),
            (Place::Receiver, None) => {
                if let Some(report) = reported {
                    member.count(report.lost, report.expected);
                }
            }
            (_, Some(judged)) => member.count(judged.lost, judged.lost.saturating_add(judged.packets_since)),
            (_, None) => {
                let (packets, lost) = track.second(tick);
                member.count(lost, packets.saturating_add(lost));
            }
        }
        if let Some((by, report)) = track.reporter().zip(track.reported()) {
            member.report = Some((by, report));
        }
        let losses = match self.place {
            Place::Receiver => {
                track.reported_first().zip(track.reported().map(|it| it.seen)).map(<[_; 2]>::from)
            }
            _ => track.losses(),
        };
        if let Some([first, last]) = losses {
            member.cited = Some([member.cited.map_or(first, |[first, _]| first), last]);
        }
        let [first, last] = losses.map_or([tick; 2], |losses| losses.map(|(at, _)| at));
        if judged.is_some() {
            self.since = self.since.min(first);
        }
        if last > self.last {
            (self.last, self.quiet_from) = (last, last);
        }
    }

    /// Packets lost, and of how many.
    #[must_use]
    pub fn sum(&self) -> (u64, u64) {
        self.members.values().fold((0, 0), |(lost, expected), member| {
            (lost.saturating_add(member.lost), expected.saturating_add(member.expected))
        })
    }

    /// Whether it goes on.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.ended.is_none() && !self.is_superseded
    }

    /// Ends it if nothing was lost for long enough.
    pub fn end(&mut self, tick: Time) {
        if self.is_open() && tick - self.quiet_from >= QUIET {
            self.ended = Some(self.last);
        }
    }
}

/// Without a loss for so long it is over.
const QUIET: Span = Span::seconds(60);
/// Devices named of one path or receiver.
const MEMBERS_MAX: usize = 1_024;
