//! One stream's losses: what we miss of it, and what its receiver says that he misses.
//!
//! ```text
//! seconds    ──┬────┬────┬────┬────┬────┬────┬──►  lost by our count, one bin each
//! reports      │  r0               r1        │
//! at least          └── r0 < … < r1 ──┘            bins wholly between two reports
//! at most      └──────── r0 … r1 ─────────┘        with the two in which they came
//! ```
//!
//! Of TCP each second is a report: what is sent again is what the receiver misses.
//!
//! A receiver's count is cumulative and its reports come each 2 to 6 s (RFC 3550, 6.2 and 6.4.1), our sums once a
//! second: only what lies outside both bounds is a difference.

use std::collections::VecDeque;
use std::net::IpAddr;

use spanwatch_parsers::{ReceiverReport, Segments, Span, StreamActivity, Time};

use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};

/// One stream.
#[derive(Debug)]
pub struct Track {
    /// Who sends it, where that is a device of the site.
    pub source: Option<Number>,
    /// Where from.
    pub source_ip: IpAddr,
    /// The VLAN it was seen in.
    pub vlan: Option<u16>,
    /// Where to.
    pub destination: IpAddr,
    /// Which source of that address.
    pub ssrc: u32,
    /// When it was first seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
    lost: u64,
    bins: VecDeque<Bin>,
    now: Option<Bin>,
    reports: Option<Box<Reports>>,
    /// The last seconds in which it lost something, the first and the last of them cited.
    losses: VecDeque<(Time, Cite)>,
    /// The first and the last loss of those that came one soon after another.
    row: Option<(Time, Time)>,
    /// Where what is missing here was lost, if that is known without a report.
    known: Option<Known>,
    /// Whether media goes by it.
    pub is_media: bool,
}

/// What TCP shows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Its peer has what we miss.
    Acknowledged,
    /// Its peer missed it too, until it was sent again.
    SentAgain,
}

/// What its receiver says of it.
#[derive(Debug)]
struct Reports {
    /// Who reports.
    by: IpAddr,
    base: Option<Base>,
    /// A report that came in this second.
    said: Option<(Time, Cite, ReceiverReport)>,
    /// Reports that wait for what comes after them, by the second's end.
    pending: VecDeque<(Time, (Time, Cite), ReceiverReport)>,
    intervals: VecDeque<Interval>,
    /// What the second under way shows of TCP.
    second: Option<Interval>,
    /// The last report of a loss.
    loss: Option<Report>,
}

/// One second.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    tick: Time,
    /// Packets by which the count of lost ones rose, or fell as late ones came.
    lost: i32,
    /// [`OF_CUT`] where it came back after a silence: what is missing was not lost one by one.
    packets: u32,
}

/// From where on the receiver's next report counts.
#[derive(Debug, Clone, Copy)]
struct Base {
    tick: Time,
    lost: i32,
    highest: u32,
}

/// Between two reports.
#[derive(Debug, Clone, Copy, Default)]
struct Interval {
    tick: Time,
    seen: (Time, Cite),
    expected: u64,
    reported: u64,
    at_least: u64,
    at_most: u64,
}

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When, and in which frame.
    pub seen: (Time, Cite),
    /// Packets lost since the report before.
    pub lost: u64,
    /// Of so many.
    pub expected: u64,
    /// Whether he asked for them again and again (TCP), or counts them (RTCP).
    pub is_tcp: bool,
}

/// What is held of a stream's last [`WINDOW`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// Packets lost by our count.
    pub lost: u64,
    /// Packets seen.
    pub packets: u64,
    /// Those of them that were seen after the first loss.
    pub packets_since: u64,
    /// The most of them in one second.
    pub burst: u64,
    /// Bit n: something was lost in the second n before this.
    pub lossy: u64,
    /// How many times the receiver reported.
    pub reports: usize,
    /// What he reported lost …
    pub reported: u64,
    /// … of so many …
    pub expected: u64,
    /// … while we missed so many at least …
    pub at_least: u64,
    /// … and at most.
    pub at_most: u64,
    /// Reports of more than we missed.
    pub behind: usize,
    /// What we missed was acknowledged.
    pub is_acknowledged: bool,
    /// What is missing was sent again, and counted so.
    pub is_sent_again: bool,
}

impl Judged {
    /// Whether we miss enough of it, often enough, its worst second left aside.
    #[must_use]
    pub const fn is_lossy(&self) -> bool {
        let expected = self.lost.saturating_add(self.packets);
        is_loss(self.lost.saturating_sub(self.burst), expected) && self.lossy.count_ones() >= SECONDS_MIN
    }

    /// What the receiver says of what we miss.
    #[must_use]
    pub const fn where_lost(&self) -> Where {
        if !self.is_lossy() {
            return Where::Nowhere;
        }
        if self.is_acknowledged {
            return Where::Mirror;
        }
        if self.is_sent_again {
            return Where::Before;
        }
        if self.reports == 0 {
            return Where::Unsaid;
        }
        if self.reports < REPORTS_MIN || self.at_least < LOST_MIN {
            return Where::Unclear;
        }
        if self.reported.saturating_mul(2) >= self.at_least {
            Where::Before
        } else if self.reported.saturating_mul(4) <= self.at_least {
            Where::Mirror
        } else {
            Where::Unclear
        }
    }

    /// Whether all that we miss of it, however little, was received.
    #[must_use]
    pub const fn is_received(&self) -> bool {
        let is_reported = self.reports >= REPORTS_MIN
            && self.at_least > 0
            && self.reported.saturating_mul(4) <= self.at_least;
        self.lost > 0 && (self.is_acknowledged || is_reported)
    }

    /// Packets that the receiver misses and we do not.
    #[must_use]
    pub const fn lost_behind(&self) -> u64 {
        self.reported.saturating_sub(self.at_most)
    }

    /// Whether he misses enough of what we saw.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        let enough = if self.is_sent_again { SECONDS_MIN as usize } else { REPORTS_MIN };
        self.behind >= enough && is_loss(self.lost_behind(), self.expected)
    }
}

/// Where a stream's packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// They are not.
    Nowhere,
    /// Before they come by us: the receiver misses them too.
    Before,
    /// He has them.
    Mirror,
    /// Nobody reports.
    Unsaid,
    /// The reports are too few, or fit nothing.
    Unclear,
}

impl Track {
    /// A stream whose first second this is.
    #[must_use]
    pub fn of_stream(
        source: Option<Number>,
        source_ip: IpAddr,
        seen: &Observation,
        second: &StreamActivity,
    ) -> Self {
        let ends = (source_ip, second.destination);
        // What was lost before it was first heard of is not seen second by second.
        let (ssrc, lost) = (second.ssrc, second.lost);
        Self { ssrc, lost, first: second.first, ..Self::of_connections(source, ends, seen) }
    }

    /// What one host sends another in TCP connections, nothing of it yet.
    #[must_use]
    pub fn of_connections(source: Option<Number>, ends: (IpAddr, IpAddr), seen: &Observation) -> Self {
        Self {
            source,
            source_ip: ends.0,
            vlan: seen.subject.vlan,
            destination: ends.1,
            ssrc: 0,
            first: seen.at,
            last: seen.at,
            lost: 0,
            bins: VecDeque::new(),
            now: None,
            reports: None,
            losses: VecDeque::new(),
            row: None,
            known: None,
            is_media: false,
        }
    }

    /// Takes one second.
    pub fn take(&mut self, second: &StreamActivity, cite: Cite) {
        let more = i64::try_from(second.lost).unwrap_or(i64::MAX).saturating_sub_unsigned(self.lost);
        self.lost = second.lost;
        let is_cut = second.longest_gap >= CUT;
        self.count((second.packets, more), is_cut, (second.last, cite));
    }

    /// Takes one second of a connection: what its peer acknowledged and we did not see.
    pub fn carried(&mut self, segments: Segments, seen: (Time, Cite)) {
        self.known = Some(Known::Acknowledged);
        let more = i64::try_from(segments.unseen).unwrap_or(i64::MAX);
        self.count((segments.carrying, more), false, seen);
    }

    /// Takes one second of the same connections: what was sent again.
    pub fn sent_again(&mut self, segments: Segments, seen: (Time, Cite)) {
        self.known = Some(Known::SentAgain);
        let more = i64::try_from(segments.late).unwrap_or(i64::MAX);
        self.count((segments.carrying, more), false, seen);
        let reports = self.reports.get_or_insert_with(|| Box::new(Reports::by(self.destination)));
        let interval = reports.second.get_or_insert(Interval { seen, ..Interval::default() });
        interval.expected = interval.expected.saturating_add(segments.carrying);
        // Who sends little else than the same again has no peer.
        let again = if segments.again > segments.carrying / 2 { 0 } else { segments.again };
        interval.reported = interval.reported.saturating_add(segments.late).saturating_add(again);
        interval.at_least = interval.at_least.saturating_add(segments.late);
        interval.at_most = interval.at_least;
    }

    fn count(&mut self, (packets, more): (u64, i64), is_cut: bool, (last, cite): (Time, Cite)) {
        let bin = self.now.get_or_insert_default();
        bin.lost = bin.lost.saturating_add(i32::try_from(more).unwrap_or(i32::MAX));
        let packets = if is_cut { OF_CUT } else { u32::try_from(packets).unwrap_or(OF_CUT) };
        bin.packets = bin.packets.saturating_add(packets);
        if more > 0 && !bin.is_cut() {
            if self.losses.len() >= LOSSES_MAX {
                self.losses.pop_front();
            }
            self.losses.push_back((last, cite));
            let row = self.row.filter(|(_, before)| last - *before <= ROW);
            self.row = Some((row.map_or(last, |(first, _)| first), last));
        }
        self.last = self.last.max(last);
    }

    /// Takes a report of its receiver.
    pub fn report(&mut self, report: &ReceiverReport, seen: &Observation) {
        let Some(by) = seen.subject.ip else { return };
        let reports = self.reports.get_or_insert_with(|| Box::new(Reports::by(by)));
        // Of a group the first member's reports are followed.
        if reports.by == by {
            reports.said = Some((seen.at, seen.cite, *report));
        }
    }

    /// Ends a second.
    pub fn end(&mut self, tick: Time) {
        if let Some(bin) = self.now.take() {
            if self.bins.len() == self.bins.capacity() {
                self.bins.reserve_exact(BINS_MORE);
            }
            self.bins.push_back(Bin { tick, ..bin });
        }
        while self.bins.front().is_some_and(|bin| tick - bin.tick > KEPT) {
            self.bins.pop_front();
        }
        while self.losses.front().is_some_and(|(at, _)| tick - *at > WINDOW) {
            self.losses.pop_front();
        }
        if let Some(reports) = &mut self.reports {
            reports.end(tick, &self.bins);
        }
    }

    /// What is held of its last [`WINDOW`].
    #[must_use]
    pub fn judge(&self, tick: Time) -> Judged {
        let mut judged = Judged {
            is_acknowledged: self.known == Some(Known::Acknowledged),
            is_sent_again: self.known == Some(Known::SentAgain),
            ..Judged::default()
        };
        let mut lost: i64 = 0;
        for bin in self.bins.iter().filter(|bin| tick - bin.tick < WINDOW && !bin.is_cut()) {
            lost = lost.saturating_add(bin.lost.into());
            judged.packets = judged.packets.saturating_add(bin.packets.into());
            if bin.lost > 0 || judged.lossy != 0 {
                judged.packets_since = judged.packets_since.saturating_add(bin.packets.into());
            }
            if bin.lost > 0 {
                judged.burst = judged.burst.max(bin.lost.unsigned_abs().into());
                let ago = (tick - bin.tick).0 / SECOND_NS;
                judged.lossy |= 1_u64.checked_shl(u32::try_from(ago).unwrap_or(u32::MAX)).unwrap_or(0);
            }
        }
        judged.lost = lost.max(0).unsigned_abs();
        for it in self.intervals() {
            judged.reports = judged.reports.saturating_add(1);
            judged.reported = judged.reported.saturating_add(it.reported);
            judged.expected = judged.expected.saturating_add(it.expected);
            judged.at_least = judged.at_least.saturating_add(it.at_least);
            judged.at_most = judged.at_most.saturating_add(it.at_most);
            judged.behind = judged.behind.saturating_add(usize::from(it.reported > it.at_most));
        }
        judged
    }

    /// Whether anything is lost of it in its last [`WINDOW`], here or there.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        !self.losses.is_empty() || self.intervals().any(|it| it.reported > 0)
    }

    /// Packets seen and lost in the second that ended at `tick`.
    #[must_use]
    pub fn second(&self, tick: Time) -> (u64, u64) {
        let bin = self.bins.back().filter(|bin| bin.tick == tick && !bin.is_cut());
        bin.map_or((0, 0), |bin| (bin.packets.into(), u64::try_from(bin.lost).unwrap_or(0)))
    }

    /// The first and the last second of loss in its last [`WINDOW`].
    #[must_use]
    pub fn losses(&self) -> Option<[(Time, Cite); 2]> {
        Some([*self.losses.front()?, *self.losses.back()?])
    }

    /// When it began to lose something, without a longer pause since.
    #[must_use]
    pub fn began_to_lose(&self) -> Option<Time> {
        self.row.map(|(first, _)| first)
    }

    /// When the receiver first reported what we do not miss, in its last [`WINDOW`].
    #[must_use]
    pub fn reported_first(&self) -> Option<(Time, Cite)> {
        self.intervals().find(|it| it.reported > it.at_most).map(|it| it.seen)
    }

    /// The receiver's last report of a loss.
    #[must_use]
    pub fn reported(&self) -> Option<Report> {
        self.reports.as_ref().and_then(|reports| reports.loss)
    }

    /// Who reports on it.
    #[must_use]
    pub fn reporter(&self) -> Option<IpAddr> {
        self.reports.as_ref().map(|reports| reports.by)
    }

    fn intervals(&self) -> impl Iterator<Item = &Interval> {
        self.reports.iter().flat_map(|reports| &reports.intervals)
    }

    /// Says that nobody watched: nothing can be compared over it.
    pub fn forget(&mut self) {
        self.bins.clear();
        self.losses.clear();
        (self.now, self.row) = (None, None);
        if let Some(reports) = &mut self.reports {
            reports.forget();
        }
    }
}

impl Reports {
    fn by(by: IpAddr) -> Self {
        let (pending, intervals) = (VecDeque::new(), VecDeque::new());
        Self { by, base: None, said: None, pending, intervals, second: None, loss: None }
    }

    /// Ends a second of a stream of which these seconds are kept.
    fn end(&mut self, tick: Time, bins: &VecDeque<Bin>) {
        if let Some(second) = self.second.take() {
            let Interval { seen, reported: lost, expected, .. } = second;
            if lost > 0 {
                self.loss = Some(Report { seen, lost, expected, is_tcp: true });
            }
            self.intervals.push_back(Interval { tick, ..second });
        }
        while self.intervals.front().is_some_and(|interval| tick - interval.tick > WINDOW) {
            self.intervals.pop_front();
        }
        if let Some((at, cite, report)) = self.said.take() {
            self.pending.reserve_exact(1);
            self.pending.push_back((tick, (at, cite), report));
        }
        // Where the stream breaks off the receiver may know of a loss that we only see when it goes on.
        while let Some((at, seen, report)) = self.pending.front().copied()
            && (tick - at > CUT || self.pending.len() > PENDING_MAX)
        {
            self.pending.pop_front();
            self.compare((at, seen), &report, bins);
        }
    }

    fn compare(&mut self, (tick, seen): (Time, (Time, Cite)), report: &ReceiverReport, bins: &VecDeque<Bin>) {
        let now = Base { tick, lost: report.lost, highest: report.highest_sequence };
        let Some(base) = self.base.replace(now) else { return };
        let expected = u64::from(now.highest.wrapping_sub(base.highest));
        let is_restart = expected == 0 || expected > EXPECTED_MAX || now.lost < base.lost;
        let oldest = bins.front().map(|bin| bin.tick);
        if is_restart || tick == base.tick || oldest.is_none_or(|oldest| oldest > base.tick) {
            return;
        }
        let between = bins.iter().filter(|bin| (base.tick..=tick).contains(&bin.tick));
        let mut after = bins.iter().filter(|bin| bin.tick > tick && bin.tick - tick <= CUT);
        let goes_on = after.next().is_some_and(|bin| !bin.is_cut());
        if !goes_on || between.clone().any(|bin| bin.is_cut()) {
            return;
        }
        let sum = |bins: &mut dyn Iterator<Item = &Bin>| {
            let lost: i64 = bins.map(|bin| i64::from(bin.lost)).sum();
            lost.max(0).unsigned_abs()
        };
        let at_most = sum(&mut between.clone());
        let at_least = sum(&mut between.filter(|bin| bin.tick > base.tick && bin.tick < tick));
        let reported = u64::from(now.lost.saturating_sub(base.lost).unsigned_abs());
        if reported > 0 {
            self.loss = Some(Report { seen, lost: reported, expected, is_tcp: false });
        }
        self.intervals.reserve_exact(1);
        self.intervals.push_back(Interval { tick, seen, expected, reported, at_least, at_most });
    }

    fn forget(&mut self) {
        self.intervals.clear();
        self.pending.clear();
        (self.base, self.said, self.second) = (None, None, None);
    }
}

impl Bin {
    const fn is_cut(&self) -> bool {
        self.packets == OF_CUT
    }
}

/// Whether so many packets, missed in such seconds, are missing in the mirror, of so many of all conversations. Each was
/// received, so that one in a thousand is enough.
#[must_use]
pub const fn is_drop(lost: u64, seconds: u64, all: u64) -> bool {
    lost >= LOST_MIN && seconds.count_ones() >= SECONDS_MIN && lost.saturating_mul(DROPPED_ONE_IN) >= all
}

/// Whether so many of so many are a loss that is told.
const fn is_loss(lost: u64, expected: u64) -> bool {
    lost >= LOST_MIN && lost.saturating_mul(LOST_ONE_IN) >= expected
}

/// What is looked back on: a stream of ten packets a second that loses one in thirty needs half of it for [`LOST_MIN`].
pub const WINDOW: Span = Span::seconds(60);
/// What is kept: a report's interval may have begun before.
const KEPT: Span = Span::seconds(70);
/// Room for so many seconds is made at a time: doubled, it would end at nearly twice what is kept.
const BINS_MORE: usize = 8;
/// Losses so near to one another have one beginning: of ten packets a second one in thirty is missing each 3 s.
const ROW: Span = Span::seconds(15);
/// A stream that was silent for so long was interrupted (facts: offline and switch, section 1: RTP video).
const CUT: Span = Span::seconds(2);
/// Packets: fewer may be chance …
pub const LOST_MIN: u64 = 10;
/// … and one in so many: half a per cent, just more than the least that a report can tell (1 in 256, RFC 3550, 6.4.1).
pub const LOST_ONE_IN: u64 = 200;
/// Of what all conversations show, one in so many.
const DROPPED_ONE_IN: u64 = 1_000;
/// In so many different seconds (facts, section 6): one burst is no lossy path.
const SECONDS_MIN: u32 = 5;
/// A receiver's word counts once he gave it twice.
const REPORTS_MIN: usize = 2;
/// Packets between two reports; a greater step is another stream.
const EXPECTED_MAX: u64 = 1 << 20;
/// Reports that wait.
const PENDING_MAX: usize = 8;
/// Seconds of loss cited.
const LOSSES_MAX: usize = 60;
/// Packets of a second that was cut.
const OF_CUT: u32 = u32::MAX;
const SECOND_NS: i64 = 1_000_000_000;
