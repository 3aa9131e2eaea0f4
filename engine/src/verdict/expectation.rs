//! What a device led us to expect: the pace of its media, learned per source, and of what else it says steadily.
//!
//! ```text
//! media    |||||||||||||||||||||                      an encoder that stalls, or rests until something moves,
//! reports    |    |    |    |    |    |    |          reports on (RFC 3550, 6.2): it lives
//!
//! media    |||||||||||||||||||||                      both stop together, and for longer than they ever did
//! reports    |    |    |    |    .    .    .          as living devices do
//!                              └ 5 s ┘
//! ```
//!
//! How rare a pause is follows from those before: from their number and from the longest ([`Pace::rarity`]). The longer
//! somebody was watched, and the evener he speaks, the sooner his silence is beyond the [budget](BUDGET_DAYS).

use std::net::IpAddr;

use spanwatch_parsers::{Activity, Span, StreamActivity, StreamTransport, Time};

use crate::ahead::fetch;
use crate::few::FewBy;

/// The media of one device, and its other steady flows, as far as they ran without a pause.
#[derive(Debug)]
pub struct Expectation {
    sources: FewBy<u32, Pace>,
    /// By flow.
    signs: FewBy<u64, Pace>,
    /// The sender's own reports, by source.
    reports: FewBy<u32, Pace>,
    newest: Time,
    learned: Option<Learned>,
    /// Whether a source of its media went on after a pause in which nothing was lost.
    pauses: bool,
}

/// What holds of all that is expected to go on, until one of them changes.
#[derive(Debug, Clone, Copy)]
struct Learned {
    /// The liveliest's.
    longest_gap: Span,
    /// None of them was last heard before.
    oldest: Time,
}

/// The pace of one RTP source, or of one side of a flow.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Who receives it.
    to: IpAddr,
    first: Time,
    last: Time,
    longest_gap: Span,
    /// Packets lost of it, from its start: as many as this can tell.
    lost: u32,
    /// The highest sequence number of media in datagrams: inside a connection more may be under way.
    sequence: Option<u16>,
    /// Seconds in which it was heard.
    seconds: u32,
    packets: u64,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            sources: FewBy::default(),
            signs: FewBy::default(),
            reports: FewBy::default(),
            newest: Time::MIN,
            learned: None,
            pauses: false,
        }
    }
}

impl Expectation {
    /// Fetches what each sign is held against.
    pub fn foresee(&self) {
        if let Some(first) = self.signs.keys().next() {
            fetch(first);
        }
    }

    /// Takes one second of media, and whether its way was cut in it; `offset` is packet time less watched time.
    pub fn media(&mut self, second: &StreamActivity, is_cut: bool, offset: Span) {
        let (first, last) = (second.first - offset, second.last - offset);
        if make_room(&mut self.sources, second.ssrc) {
            self.learn();
        }
        let newest = self.newest;
        let lost = u32::try_from(second.lost).unwrap_or(u32::MAX);
        let is_in_datagrams = second.transport != StreamTransport::Interleaved;
        let begun = Pace {
            lost,
            sequence: is_in_datagrams.then_some(second.sequence),
            ..Pace::new(second.destination, (first, last), second.packets)
        };
        let Some(pace) = self.sources.or_insert(second.ssrc, begun) else { return };
        let before = pace.expected(Pace::has_run, newest);
        if first - pace.last > PAUSE {
            // It paused and began again: what ran before is no measure of what runs now.
            self.pauses |= lost <= pace.lost;
            *pace = begun;
        } else {
            pace.sequence = begun.sequence;
            // A pause in which something was lost is not the sender's own.
            if lost <= pace.lost && !is_cut {
                pace.went_on(second.longest_gap, (first, last));
            }
            pace.lost = lost;
            pace.last = pace.last.max(last);
            pace.packets = pace.packets.saturating_add(second.packets);
        }
        let newest = newest.max(pace.last);
        let after = pace.expected(Pace::has_run, newest);
        self.changed(newest, before != after);
    }

    /// Takes one second of a flow to `to` that the device serves or by which it receives media; whether it is steady
    /// enough to be expected to go on. Whether its way was cut in it; `offset` is packet time less watched time.
    pub fn sign(&mut self, second: &Activity, (to, is_cut): (IpAddr, bool), offset: Span) -> bool {
        let (first, last) = (second.first - offset, second.last - offset);
        if make_room(&mut self.signs, second.flow) {
            self.learn();
        }
        let newest = self.newest;
        let begun = Pace::new(to, (first, last), second.packets);
        let Some(pace) = self.signs.or_insert(second.flow, begun) else { return false };
        let before = pace.expected(Pace::is_steady, newest);
        if first - pace.last > PAUSE {
            *pace = begun;
        } else {
            if !is_cut {
                pace.went_on(second.longest_gap, (first, last));
            }
            pace.last = pace.last.max(last);
        }
        let newest = newest.max(pace.last);
        let (is_steady, after) = (pace.is_steady(), pace.expected(Pace::is_steady, newest));
        self.changed(newest, before != after);
        is_steady
    }

    /// Takes a report of the device's own on a source that it sends; `at` in watched time.
    pub fn report(&mut self, ssrc: u32, to: IpAddr, at: Time) {
        make_room(&mut self.reports, ssrc);
        let begun = Pace::new(to, (at, at), 1);
        let Some(pace) = self.reports.or_insert(ssrc, begun) else { return };
        let pause = at - pace.last;
        if pause > PAUSE {
            *pace = begun;
        } else if pause > Span::ZERO {
            pace.went_on(pause, (pace.last, at));
            pace.last = at;
        }
    }

    /// Whether the last datagram of a source that was seen bore this sequence number.
    #[must_use]
    pub fn ended_with(&self, ssrc: u32, sequence: u16) -> bool {
        self.sources.get(&ssrc).is_some_and(|pace| pace.has_run() && pace.sequence == Some(sequence))
    }

    /// Whether media stopped so long before `now`, in watched time, and its reports with it, that a living source does so
    /// less often by chance than the [budget](BUDGET_DAYS) allows.
    #[must_use]
    pub fn is_beyond_chance(&self, now: Time) -> bool {
        self.sources.iter().any(|source| self.has_stopped(source, now))
    }

    /// Whether that is no pause of the encoder's alone: one that [stalls](STALL_DAYS) reports on, and of such stalls too few
    /// come with a first report so late.
    #[must_use]
    pub fn is_no_stall(&self, now: Time) -> bool {
        let in_a_stall = bits(BUDGET_DAYS / STALL_DAYS);
        let is_none = |source: (&u32, &Pace)| {
            self.has_stopped(source, now)
                && self.reports.get(source.0).is_some_and(|reports| {
                    // A report that came since is a sign of life.
                    reports.last <= source.1.last
                        && reports.beats(reports.last - reports.first)
                        && reports.rarity(now - reports.last) >= in_a_stall
                })
        };
        !self.pauses && self.sources.iter().any(is_none)
    }

    fn has_stopped(&self, (ssrc, media): (&u32, &Pace), now: Time) -> bool {
        let reports = self.reports.get(ssrc).map_or(0, |reports| reports.rarity(now - reports.last));
        let by_chance = bits(BUDGET_DAYS.saturating_mul(LOOKS_A_DAY));
        media.has_run() && media.rarity(now - media.last).saturating_add(reports) >= by_chance
    }

    /// Takes out what was ended on purpose: what went to `client`, and the source `ssrc`.
    pub fn end(&mut self, client: Option<IpAddr>, ssrc: Option<u32>) {
        self.sources.retain(|source, pace| Some(pace.to) != client && Some(*source) != ssrc);
        self.signs.retain(|_, pace| Some(pace.to) != client);
        self.learn();
    }

    /// Whether a source has been expected for long enough.
    #[must_use]
    pub fn has_source(&self, ssrc: u32) -> bool {
        self.sources.get(&ssrc).is_some_and(Pace::has_run)
    }

    /// Whether this second of a source, the first after a pause that began by `from`, makes up for most of what it
    /// would have sent in the pause: it was made then, and waited. `offset` is packet time less watched time.
    #[must_use]
    pub fn makes_up(&self, second: &StreamActivity, from: Time, offset: Span) -> bool {
        let Some(pace) = self.sources.get(&second.ssrc).filter(|pace| pace.has_run()) else { return false };
        let is_its_pause = from - (pace.last + offset) <= TURN;
        let ran = i128::from((pace.last - pace.first).0);
        let due = |span: Span| i128::from(span.0) * i128::from(pace.packets) / ran.max(1);
        // Half of the pause, and what is due since.
        let since = (second.first - from).0 / 2 + (second.last - second.first).0;
        is_its_pause && i128::from(second.packets) >= due(Span(since))
    }

    /// Packets lost so far of a source.
    #[must_use]
    pub fn lost(&self, ssrc: u32) -> u64 {
        self.sources.get(&ssrc).map_or(0, |pace| pace.lost.into())
    }

    /// Its sources of media.
    #[must_use]
    pub fn sources(&self) -> Vec<u32> {
        self.sources.keys().copied().collect()
    }

    /// Whether media ran long enough to be expected to go on.
    #[must_use]
    pub const fn is_learned(&self) -> bool {
        self.learned.is_some()
    }

    /// How long the device may be silent before that is strange. The liveliest source sets the pace.
    #[must_use]
    pub fn patience(&self) -> Span {
        let pace = self.learned.map_or(PATIENCE_MIN, |it| it.longest_gap);
        pace.times(PATIENCE_GAPS).max(PATIENCE_MIN)
    }

    /// The longest time between two signs that was normal for the liveliest of what is expected.
    #[must_use]
    pub fn gap(&self) -> Span {
        self.learned.map_or(Span::ZERO, |it| it.longest_gap)
    }

    /// Whether so long a silence is out of the ordinary, though perhaps not yet beyond patience.
    #[must_use]
    pub fn is_strange(&self, silence: Span) -> bool {
        self.learned.is_some_and(|it| silence > it.longest_gap.times(PATIENCE_GAPS).max(STRANGE_MIN))
    }

    /// How long what is expected of it ran.
    #[must_use]
    pub fn length(&self) -> Span {
        let all = self.sources.values().chain(self.signs.values());
        all.map(|pace| pace.last - pace.first).max().unwrap_or(Span::ZERO)
    }

    /// Whether media is expected of it, rather than other signs alone.
    #[must_use]
    pub fn is_of_media(&self) -> bool {
        self.sources.values().any(Pace::has_run)
    }

    /// Says that one of them was heard: most go on as before, and who hears of a hundred must not look at all of them.
    fn changed(&mut self, newest: Time, is_other: bool) {
        self.newest = newest;
        if is_other || self.learned.is_some_and(|it| newest - it.oldest > PAUSE) {
            self.learn();
        }
    }

    fn learn(&mut self) {
        let all = self.sources.values().chain(self.signs.values());
        self.newest = all.map(|pace| pace.last).max().unwrap_or(Time::MIN);
        let media = self.sources.values().filter(|pace| pace.has_run());
        let signs = self.signs.values().filter(|pace| pace.is_steady());
        let expected = media.chain(signs).filter(|pace| self.newest - pace.last <= PAUSE);
        self.learned = expected
            .map(|pace| Learned { longest_gap: pace.longest_gap, oldest: pace.last })
            .reduce(|one, other| Learned {
                longest_gap: one.longest_gap.min(other.longest_gap),
                oldest: one.oldest.min(other.oldest),
            });
    }
}

/// Lets the one that was heard longest ago go, where there is no room for one more; whether one had to.
fn make_room<K: Copy + Ord>(paces: &mut FewBy<K, Pace>, key: K) -> bool {
    if paces.len() < SOURCES_MAX || paces.contains_key(&key) {
        return false;
    }
    let oldest = paces.iter().min_by_key(|(key, pace)| (pace.last, **key)).map(|(key, _)| *key);
    oldest.is_some_and(|oldest| paces.remove(&oldest).is_some())
}

/// The binary logarithm in thousandths, or a little less: straight between the powers of two; 0 of 0.
fn bits(n: u64) -> u64 {
    let Some(whole) = n.checked_ilog2() else { return 0 };
    let power = 1_u64 << whole;
    let rest = u128::from(n - power) * 1_000 / u128::from(power);
    u64::from(whole) * 1_000 + u64::try_from(rest).unwrap_or(0)
}

impl Pace {
    const fn new(to: IpAddr, (first, last): (Time, Time), packets: u64) -> Self {
        Self { to, first, last, longest_gap: Span::ZERO, lost: 0, sequence: None, seconds: 1, packets }
    }

    /// How rare so long a pause is: once in two to the power of so many thousandths.
    ///
    /// The longest of n pauses is exceeded once in n times. Taken that long ones become rarer as with random arrivals
    /// (P(longer than t) = e^(−t/τ)), one of x times the longest comes once in n^x times.
    fn rarity(&self, silence: Span) -> u64 {
        let (silence, longest) = (silence.0.max(0).unsigned_abs(), self.longest_gap.0.max(1).unsigned_abs());
        let rarity =
            u128::from(bits(self.seconds.into())).saturating_mul(silence.into()) / u128::from(longest);
        if silence <= longest { 0 } else { u64::try_from(rarity).unwrap_or(u64::MAX) }
    }

    /// Learns a pause of packet time, as far as anybody watched.
    fn went_on(&mut self, longest_gap: Span, (first, last): (Time, Time)) {
        let watched = last - first.min(self.last);
        self.longest_gap = self.longest_gap.max(longest_gap.min(watched));
        self.seconds = self.seconds.saturating_add(1);
    }

    /// What is expected of it, if something is: `newest` is the last sign of all.
    fn expected(&self, is_learned: impl Fn(&Self) -> bool, newest: Time) -> Option<Span> {
        (is_learned(self) && newest - self.last <= PAUSE).then_some(self.longest_gap)
    }

    /// Whether media ran long enough to be missed.
    fn has_run(&self) -> bool {
        self.last - self.first >= LEARNED
    }

    /// Whether a flow ran long and closely enough to be missed.
    fn is_steady(&self) -> bool {
        let length = self.last - self.first;
        self.longest_gap <= STEADY_GAP && (length >= STEADY || (length >= STEADY_BEAT && self.beats(length)))
    }

    /// Whether it goes as evenly as a machine's poll: never a pause of twice its mean.
    fn beats(&self, length: Span) -> bool {
        let pauses = self.seconds.saturating_sub(1);
        pauses >= BEATS && self.longest_gap.times(pauses.into()) < length.times(2)
    }
}

/// Media is expected to go on once it ran this long.
const LEARNED: Span = Span::seconds(10);

/// Another flow is expected to go on once it ran this long ...
const STEADY: Span = Span::seconds(60);

/// ... or half as long with so many even pauses, as a host polls a door controller ...
const STEADY_BEAT: Span = Span::seconds(30);
const BEATS: u32 = 6;

/// ... and never paused for longer: polls of door controllers and reports of receivers come every few seconds.
const STEADY_GAP: Span = Span::seconds(10);

/// Of all that a device sends, media is sent last within this time.
const TURN: Span = Span::millis(500);

/// The budget of false alarms: less than one in so many days of one device.
const BUDGET_DAYS: u64 = 10_000;

/// A silence is judged once a second.
const LOOKS_A_DAY: u64 = 86_400;

/// An encoder stands still for seconds while all else goes on at most once in so many days.
const STALL_DAYS: u64 = 100;

/// A source silent for longer than this has paused.
const PAUSE: Span = Span::seconds(30);

/// No silence shorter than this is ever strange: products take 5 to 10 s (facts, offline_and_switch 1).
const PATIENCE_MIN: Span = Span::seconds(5);

/// Shorter silences may only be the second that is not yet summed up.
const STRANGE_MIN: Span = Span::seconds(1);

/// Otherwise this many times the longest gap that was normal.
const PATIENCE_GAPS: i64 = 3;

/// Sources kept of one device; a multi-sensor camera has about a dozen.
const SOURCES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn media(expectation: &mut Expectation, ssrc: u32, first: Time, last: Time, longest_gap: Span) {
        let second = super::super::tests::second(ssrc, first, last, longest_gap);
        expectation.media(&second, false, Span::ZERO);
    }

    #[test]
    fn media_is_expected_after_ten_seconds() {
        let mut expectation = Expectation::default();
        media(&mut expectation, 1, s(0), s(9), Span::millis(200));
        assert!(!expectation.is_learned());
        media(&mut expectation, 1, s(9), s(10), Span::millis(200));
        assert!(expectation.is_learned());
        assert_eq!(expectation.patience(), Span::seconds(5));
    }

    #[test]
    fn a_slow_stream_is_given_more_patience() {
        let mut expectation = Expectation::default();
        media(&mut expectation, 1, s(0), s(60), Span::seconds(4));
        assert_eq!(expectation.patience(), Span::seconds(12));
    }

    fn is_missed_after(times: &[i64]) -> bool {
        let mut expectation = Expectation::default();
        let to = "192.0.2.9".parse().unwrap();
        let mut before = None;
        for at in times {
            let gap = before.map_or(Span::ZERO, |before| s(*at) - before);
            before = Some(s(*at));
            let second =
                Activity { first: s(*at), longest_gap: gap, ..crate::detectors::bench::activity(s(*at), 1) };
            expectation.sign(&second, (to, false), Span::ZERO);
        }
        expectation.is_learned()
    }

    #[test]
    fn even_polls_are_missed_after_half_a_minute_and_others_after_a_whole() {
        assert!(is_missed_after(&[0, 5, 10, 15, 20, 25, 30]));
        assert!(!is_missed_after(&[0, 5, 10, 15, 20, 25]));
        assert!(!is_missed_after(&[0, 1, 2, 3, 12, 21, 22, 30]));
        assert!(is_missed_after(&[0, 1, 2, 3, 12, 21, 22, 30, 38, 46, 54, 60]));
    }

    #[test]
    fn the_liveliest_source_sets_the_pace() {
        let mut expectation = Expectation::default();
        media(&mut expectation, 1, s(0), s(60), Span::seconds(20));
        media(&mut expectation, 2, s(0), s(60), Span::millis(100));
        assert_eq!(expectation.patience(), Span::seconds(5));
    }

    #[test]
    fn a_pause_begins_the_learning_anew() {
        let mut expectation = Expectation::default();
        media(&mut expectation, 1, s(0), s(60), Span::millis(100));
        media(&mut expectation, 1, s(600), s(605), Span::millis(100));
        assert!(!expectation.is_learned());
    }

    /// Whether it is no stall that a device whose media ran for so long, and whose reports came each 5 s from 2 s
    /// on until `reports` s, says nothing until `now` s.
    fn is_no_stall(media_s: i64, reports_s: i64, now_s: i64) -> bool {
        let to = "192.0.2.9".parse().unwrap();
        let mut expectation = Expectation::default();
        (0..=media_s).for_each(|at| media(&mut expectation, 1, s(at), s(at), Span::millis(40)));
        (2..=reports_s).step_by(5).for_each(|at| expectation.report(1, to, s(at)));
        assert!(!expectation.is_no_stall(s(now_s)) || expectation.is_beyond_chance(s(now_s)));
        expectation.is_no_stall(s(now_s))
    }

    #[test]
    fn media_and_reports_that_stop_together_are_no_stall() {
        assert!(is_no_stall(100, 100, 105));
        assert!(!is_no_stall(100, 100, 102));
    }

    #[test]
    fn who_still_reports_or_has_reported_rarely_only_rests() {
        assert!(!is_no_stall(100, 105, 108));
        assert!(!is_no_stall(30, 22, 35));
        assert!(!is_no_stall(100, 0, 105));
    }

    #[test]
    fn the_longer_the_history_the_sooner_it_is_no_stall() {
        let after = |media_s: i64| (1..60).find(|more| is_no_stall(media_s, media_s, media_s + more));
        assert_eq!([20, 42, 62, 102, 502].map(after), [None, Some(11), Some(10), Some(8), Some(6)]);
    }

    #[test]
    fn who_ever_rested_may_rest_again() {
        let to = "192.0.2.9".parse().unwrap();
        let mut expectation = Expectation::default();
        for at in (0..100).chain(140..1_000) {
            media(&mut expectation, 1, s(at), s(at), Span::millis(40));
        }
        (2..=997).step_by(5).for_each(|at| expectation.report(1, to, s(at)));
        assert!(!expectation.is_no_stall(s(1_010)));
    }

    #[test]
    fn a_client_who_ends_his_media_ends_nobody_elses() {
        let mut expectation = Expectation::default();
        media(&mut expectation, 1, s(0), s(60), Span::millis(100));
        expectation.end(Some("192.0.2.200".parse().unwrap()), None);
        assert!(expectation.is_learned());
        expectation.end(Some("192.0.2.9".parse().unwrap()), None);
        assert!(!expectation.is_learned());
    }

    #[test]
    fn sources_are_bounded() {
        let mut expectation = Expectation::default();
        for ssrc in 0..1_000 {
            media(&mut expectation, ssrc, s(0), s(11), Span::ZERO);
        }
        assert_eq!(expectation.sources.len(), SOURCES_MAX);
    }
}
