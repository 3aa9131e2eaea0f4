//! `clock-wrong`: a device's clock is off by more than a minute.
//!
//! ## What it says
//! A device told its time over ONVIF, twice and a minute apart at least, and was off by the same amount, more than `LIMIT`, while another
//! device's clock was right. An offset of whole quarters of an hour is told as a wrong time zone. It ends when the device tells the right time.
//! Where nobody asks a camera, a recorder or the like for its time, the clock in its reports on its media (RTCP) is taken instead, else the
//! stamps of its NTP packets, else the dates of its HTTP answers.
//!
//! ## Why it matters
//! Pictures bear the wrong time, and what happened cannot be put in order; as evidence they are worth little. Logins that carry
//! a time fail, and certificates are taken for expired.
//!
//! ## Where it is wrong
//! The clock that it is held against is the capture's. Where that was wrong itself all devices seem to be off by as much: then no other is right, and
//! nothing is told; where it leapt, who was right before is none that is right now. Many servers date their answers in local time and call it GMT: dates that
//! are off by whole quarters of an hour count for nothing, and so do such reports. Reports of before the year 2000 count from the device's start and tell no
//! time (RFC 3550, 6.4.1). Many clients send a random time, or none, when they ask for it (RFC 8633, 3.3): such stamps are never off by the same amount twice.
//!
//! ## State
//! As many devices as the directory holds; what is kept of a clock that was always right is that it was.

use std::collections::BTreeMap;

use spanwatch_parsers::{Fact, Span, Time, TimeTold};

use super::{Detector, Known};
use crate::finding::{Cause, Evidence, Finding, Kind, Severity};
use crate::ledger::device::Device;
use crate::ledger::directory::{DEVICES_MAX, Number};
use crate::observation::{Cite, Observation};
use crate::report::time::{clock_time, day_time, length};

/// The kind.
pub const KIND: Kind = Kind {
    id: "clock-wrong",
    category: "behavior",
    severity: Severity::Low,
    source: include_str!("clock_wrong.rs"),
    start: Some(|| Box::new(Clocks::default())),
};

/// What cameras' logins still allow, and what witnesses of an incident do not notice.
const LIMIT: Span = Span::seconds(60);
/// Told twice so far apart, it is no answer that came late.
const AGAIN: Span = Span::seconds(60);
/// Offsets that differ by less are one: the answer takes its time, and the clock is told in whole seconds.
const STEADY: Span = Span::seconds(5);
/// Zones differ by quarters of an hour, by 14 hours at most; so near is one (facts, offline_and_switch 9.5, T5).
const ZONE: Span = Span::seconds(900);
const ZONE_MAX: Span = Span::seconds(14 * 3_600);
const ZONE_NEAR: Span = Span::seconds(2);
/// From 1900 to 1970 (RFC 5905, figure 4).
const NTP_EPOCH_S: i64 = 2_208_988_800;
/// No device of before is set to the time of then.
const YEAR_2000_S: i64 = 946_684_800;
/// It says so itself, against the capture's clock, in per cent.
const SAID: u8 = 85;

/// A time that was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Time,
    cite: Cite,
    utc: Time,
}

/// A device that tells its time. Most are right, and take no more than this.
#[derive(Debug)]
struct Clock {
    /// How it tells its time; where it does so in several ways, the first of them.
    way: TimeTold,
    /// Whether it was right when it last told so.
    is_right: bool,
    /// How often the capture's clock had leapt by then, or may have.
    leaps: u64,
    /// Of one that is not right, or was not.
    off: Option<Box<Off>>,
}

/// A clock that is off.
#[derive(Debug)]
struct Off {
    /// What the device was called when that was first seen.
    id: String,
    source: &'static str,
    /// Since when it is off by what it is off by.
    since: Told,
    wrong: Option<Wrong>,
}

/// When it was wrong, the first and the second time that it told so.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    told: [Told; 2],
    last: Time,
    ended: Option<Told>,
}

/// All devices that tell their time.
#[derive(Debug, Default)]
pub struct Clocks {
    devices: BTreeMap<Number, Clock>,
    refused: u64,
    /// How often the capture's clock leapt, or may have: what was told before is not held against what is told after.
    leaps: u64,
}

impl Told {
    fn offset(self) -> Span {
        self.utc - self.at
    }

    fn is_right(self) -> bool {
        is_within(self.offset(), LIMIT)
    }
}

impl Clocks {
    fn told(
        &mut self,
        number: Number,
        (told, way): (Told, TimeTold),
        source: &'static str,
        known: &Known<'_>,
    ) {
        if way != TimeTold::Asked && is_zone(told.offset()) && !told.is_right() {
            return;
        }
        let mut others = self.devices.iter().filter(|(other, _)| **other != number);
        let is_right = |clock: &Clock| clock.leaps == self.leaps && clock.is_right;
        let is_other_right = !told.is_right() && others.any(|(_, clock)| is_right(clock));
        if !self.devices.contains_key(&number) && self.devices.len() >= DEVICES_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let leaps = self.leaps;
        let clock = self.devices.entry(number).or_insert(Clock { way, is_right: false, leaps, off: None });
        if clock.way < way {
            return;
        }
        let is_anew = clock.way > way || clock.leaps != leaps;
        (clock.way, clock.is_right, clock.leaps) = (way, told.is_right(), leaps);
        if told.is_right() {
            match &mut clock.off {
                Some(off) if off.wrong.is_some() => off.is_over(told),
                off => *off = None,
            }
            return;
        }
        let begun = || Box::new(Off { id: known.id_of(number), source, since: told, wrong: None });
        let off = clock.off.get_or_insert_with(begun);
        if is_anew || !is_within(Span(told.offset().0.saturating_sub(off.since.offset().0)), STEADY) {
            (off.since, off.source) = (told, source);
        }
        match &mut off.wrong {
            Some(wrong) if wrong.ended.is_none() => wrong.last = told.at,
            _ if told.at - off.since.at >= AGAIN && is_other_right => {
                off.wrong = Some(Wrong { told: [off.since, told], last: told.at, ended: None });
            }
            _ => {}
        }
    }
}

impl Off {
    /// Says that it is right again.
    fn is_over(&mut self, told: Told) {
        self.since = told;
        if let Some(wrong) = &mut self.wrong {
            wrong.ended = wrong.ended.or(Some(told));
        }
    }

    fn finding(&self, (number, told_by): (Number, TimeTold), wrong: Wrong, known: &Known<'_>) -> Finding {
        let called = known.directory.device(number).map_or_else(|| self.id.clone(), Device::title);
        let [first, second] = wrong.told;
        let offset = second.offset();
        let by = length(Span(offset.0.saturating_abs()));
        let way = if offset.0 > 0 { "ahead" } else { "behind" };
        let (title, why) = if is_zone(offset) {
            let title = format!("{called} has the wrong time zone: its clock is {by} {way}");
            (title, "It seems to show local time as if it were UTC, or daylight saving is set wrong.")
        } else {
            (format!("The clock of {called} is {by} {way}"), "It seems that nobody sets its clock.")
        };
        let is_over = wrong.ended.map_or("", |_| " It is right again.");
        let by_what = match told_by {
            TimeTold::Asked => "Over ONVIF (GetSystemDateAndTime)",
            TimeTold::Reported => "By its reports on its media (RTCP)",
            TimeTold::Stamped => "By the stamps of its NTP packets",
            TimeTold::Dated => "By the dates of its HTTP answers",
        };
        let evidence = |told: &Told| Evidence {
            at: told.at,
            cite: Some(told.cite),
            protocol: Some(self.source),
            text: format!("{called} tells {} UTC at {} UTC", day_time(told.utc), day_time(told.at)),
        };
        Finding {
            confidence: SAID,
            owner: Cause::Device.owner(),
            cause: Some(Cause::Device),
            devices: vec![number],
            switch: known.switch_of(number),
            title,
            summary: format!(
                "The clock of {called} is {by} {way}, so what it records bears the wrong time. {why}{is_over}"
            ),
            detail: format!(
                "{by_what} {called} has told a time {by} {way} of the capture's since {} UTC; another device's clock is right within {}.",
                clock_time(first.at),
                length(LIMIT)
            ),
            remedy: "Set time zone and time server (NTP) of the device, best to the same server as the recorder's, and check that it reaches that server.".to_owned(),
            verify: "The device tells the right time when it is asked next; then this finding gets an end.".to_owned(),
            evidence: wrong.told.iter().chain(&wrong.ended).map(evidence).collect(),
            last_seen: wrong.ended.map_or(wrong.last, |told| told.at),
            ended: wrong.ended.map(|told| told.at),
            ..Finding::of_network(&KIND, &self.id, first.at, second.at)
        }
    }
}

impl Detector for Clocks {
    fn reads(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::TimeOfDay { .. } | Fact::Clock(_) | Fact::Timekeeping(_))
    }

    fn observe(&mut self, seen: &Observation, known: &Known<'_>) {
        let (utc, told) = match &seen.fact {
            Fact::TimeOfDay { utc, told } => (Some(*utc), *told),
            Fact::Clock(clock) => (wall_clock(clock.ntp), TimeTold::Reported),
            Fact::Timekeeping(told) => (wall_clock(told.sent), TimeTold::Stamped),
            _ => return,
        };
        let Some(utc) = utc else { return };
        if let Some(number) = known.directory.find(&seen.subject) {
            // A recorder that plays back tells the recording's time.
            let kind = known.directory.device(number).map_or("", |device| device.kind().0);
            if told == TimeTold::Reported && matches!(kind, "recorder" | "vms" | "server") {
                return;
            }
            self.told(number, (Told { at: seen.at, cite: seen.cite, utc }, told), seen.source, known);
        }
    }

    fn unwatched(&mut self, _from: Time, _to: Time) {
        self.leaps = self.leaps.saturating_add(1);
    }

    fn renumber(&mut self, gone: Number, kept: Number) {
        if let Some(clock) = self.devices.remove(&gone) {
            self.devices.entry(kept).or_insert(clock);
        }
    }

    fn findings(&self, known: &Known<'_>) -> Vec<Finding> {
        let wrong = self.devices.iter().filter_map(|(number, clock)| {
            let off = clock.off.as_ref()?;
            Some(((*number, clock.way), off, off.wrong?))
        });
        // Printers and the like need no clock, and many have none.
        let is_meant = |number: Number| known.directory.device(number).is_some_and(Device::is_guarded);
        wrong
            .filter(|((number, way), ..)| *way == TimeTold::Asked || is_meant(*number))
            .map(|(whose, off, wrong)| off.finding(whose, wrong, known))
            .collect()
    }

    fn limits(&self) -> Vec<(&'static str, usize, u64)> {
        vec![("devices that tell their time", DEVICES_MAX, self.refused)]
    }
}

/// The moment of an NTP time stamp; `None` of one that counts from somewhere else than 1900.
fn wall_clock(ntp: u64) -> Option<Time> {
    let seconds = i64::try_from(ntp >> 32).ok()?.checked_sub(NTP_EPOCH_S)?;
    let nanoseconds = i64::try_from(((ntp & 0xffff_ffff) * 1_000_000_000) >> 32).ok()?;
    let at = Time(seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?);
    (seconds >= YEAR_2000_S).then_some(at)
}

fn is_within(offset: Span, limit: Span) -> bool {
    offset.0.saturating_abs() <= limit.0
}

fn is_zone(offset: Span) -> bool {
    let beyond = Span(offset.0.saturating_abs() % ZONE.0);
    let is_near = beyond <= ZONE_NEAR || beyond >= Span(ZONE.0 - ZONE_NEAR.0);
    is_near && is_within(offset, Span(ZONE_MAX.0 + ZONE_NEAR.0))
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, cite, mac, party, s};
    use super::*;
    use crate::observation::Party;
    use spanwatch_parsers::{TimeStep, Timekeeping};

    const CAMERA: u8 = 7;
    const OTHER: u8 = 8;

    /// A device tells a time that is off by so many seconds.
    fn tells(bench: &mut Bench, at: i64, device: u8, off: i64) {
        tells_so(bench, at, device, (off, TimeTold::Asked));
    }

    fn tells_so(bench: &mut Bench, at: i64, device: u8, (off, told): (i64, TimeTold)) {
        let ip = format!("192.0.2.{device}");
        bench.claims(s(at), mac(device), &ip, None);
        let fact = Fact::TimeOfDay { utc: s(at + off), told };
        bench.sees(s(at), party(mac(device), &ip, None), Party::default(), fact);
    }

    #[test]
    fn a_clock_that_is_right_takes_hardly_any_room() {
        assert!(size_of::<Clock>() <= 24);
    }

    /// What is found after a camera told times that are off by these seconds, every 40 s, beside one that is off by `other`.
    fn after(off: &[i64], other: i64) -> Vec<Finding> {
        let mut bench = Bench::new();
        for (at, off) in (1_000..).step_by(40).zip(off) {
            tells(&mut bench, at, OTHER, other);
            tells(&mut bench, at, CAMERA, *off);
        }
        bench.of(&KIND)
    }

    #[test]
    fn a_clock_that_is_off_is_told_until_it_is_right() {
        let found = after(&[-400, -401, -400, -400], 1);
        let [finding] = &found[..] else { panic!("one finding: {found:?}") };
        assert_eq!((finding.first_seen, finding.detected, finding.ended), (s(1_000), s(1_080), None));
        assert_eq!((finding.cause, finding.evidence[0].cite), (Some(Cause::Device), Some(cite(s(1_000)))));
        assert!(finding.title.contains("behind"), "{}", finding.title);
        assert_eq!(after(&[-400, -401, -400, 0], 1)[0].ended, Some(s(1_120)));
    }

    #[test]
    fn whole_hours_are_a_zone() {
        assert!(after(&[7_200, 7_201, 7_200], 0)[0].title.contains("time zone"));
        assert!(!after(&[7_210, 7_211, 7_210], 0)[0].title.contains("time zone"));
    }

    /// What is found after dates that are off by these seconds, every 40 s, of somebody who serves `protocol`.
    fn after_dates(off: &[i64], protocol: &'static str) -> Vec<Finding> {
        let mut bench = Bench::new();
        let camera = party(mac(CAMERA), "192.0.2.7", None);
        bench.claims(s(990), mac(CAMERA), "192.0.2.7", None);
        bench.sees(s(990), camera, Party::default(), Fact::Service { protocol });
        for (at, off) in (1_000..).step_by(40).zip(off) {
            tells(&mut bench, at, OTHER, 0);
            tells_so(&mut bench, at, CAMERA, (*off, TimeTold::Dated));
        }
        bench.of(&KIND)
    }

    #[test]
    fn dates_of_a_camera_count_and_those_of_others_do_not() {
        let found = after_dates(&[-400, -400, -401], "rtsp");
        let [finding] = &found[..] else { panic!("one finding: {found:?}") };
        assert!(finding.detail.contains("HTTP") && finding.title.contains("behind"), "{finding:?}");
        assert!(after_dates(&[-400; 4], "ipp").is_empty());
    }

    #[test]
    fn dates_in_local_time_are_none() {
        assert!(after_dates(&[7_200; 4], "rtsp").is_empty());
        assert!(after_dates(&[-19_800; 4], "rtsp").is_empty());
    }

    /// What is found after reports on media whose clock is off by these seconds, every 40 s; `epoch_s` is what it counts from.
    fn after_reports(off: &[i64], epoch_s: i64) -> Vec<Finding> {
        let mut bench = Bench::new();
        let camera = party(mac(CAMERA), "192.0.2.7", None);
        bench.claims(s(YEAR_2000_S), mac(CAMERA), "192.0.2.7", None);
        bench.sees(s(YEAR_2000_S), camera, Party::default(), Fact::Service { protocol: "rtsp" });
        for (at, off) in (YEAR_2000_S + 1_000..).step_by(40).zip(off) {
            tells(&mut bench, at, OTHER, 0);
            let ntp = u64::try_from(at + off + epoch_s).unwrap() << 32 | 1 << 31;
            let clock = spanwatch_parsers::Clock { ssrc: 7, ntp, rtp_ticks: 0 };
            bench.sees_in("rtcp", s(at), (camera, Party::default()), Fact::Clock(clock));
        }
        bench.of(&KIND)
    }

    #[test]
    fn the_clock_of_its_reports_counts_unless_it_counts_from_elsewhere_or_shows_a_zone() {
        let found = after_reports(&[-400, -400, -401], NTP_EPOCH_S);
        let [finding] = &found[..] else { panic!("one finding: {found:?}") };
        assert!(finding.detail.contains("RTCP") && finding.title.contains("behind"), "{finding:?}");
        assert_eq!(finding.evidence[0].protocol, Some("rtcp"));
        assert!(after_reports(&[3_600; 4], NTP_EPOCH_S).is_empty());
        assert!(after_reports(&[0, 1, 0, 0], NTP_EPOCH_S).is_empty());
        // Since its start.
        assert!(after_reports(&[-400; 4], -YEAR_2000_S).is_empty());
    }

    /// What is found of a camera whose NTP packets bear these stamps, one every 40 s.
    fn after_stamps(step: TimeStep, sent: impl Fn(i64) -> u64) -> Vec<Finding> {
        let mut bench = Bench::new();
        let camera = party(mac(CAMERA), "192.0.2.7", None);
        bench.claims(s(YEAR_2000_S), mac(CAMERA), "192.0.2.7", None);
        bench.sees(s(YEAR_2000_S), camera, Party::default(), Fact::Service { protocol: "rtsp" });
        for at in (YEAR_2000_S + 1_000..).step_by(40).take(8) {
            tells(&mut bench, at, OTHER, 0);
            let told =
                Timekeeping { step, stratum: 0, is_set: false, source: None, sent: sent(at), answers: 0 };
            bench.sees_in("ntp", s(at), (camera, Party::default()), Fact::Timekeeping(Box::new(told)));
        }
        bench.of(&KIND)
    }

    #[test]
    fn the_stamps_of_a_clock_count_and_random_ones_do_not() {
        let stamp = |at: i64| u64::try_from(at + NTP_EPOCH_S).unwrap() << 32;
        for step in [TimeStep::Asked, TimeStep::Answered, TimeStep::Told] {
            let found = after_stamps(step, |at| stamp(at - 400));
            let [finding] = &found[..] else { panic!("one finding: {found:?}") };
            assert!(finding.detail.contains("NTP") && finding.title.contains("behind"), "{finding:?}");
            assert_eq!(finding.evidence[0].protocol, Some("ntp"));
        }
        assert!(after_stamps(TimeStep::Asked, stamp).is_empty());
        // Random (RFC 8633, 3.3), the same each time, none, since its start.
        let random = |at: i64| at.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert!(after_stamps(TimeStep::Asked, random).is_empty());
        assert!(after_stamps(TimeStep::Asked, |_| stamp(YEAR_2000_S)).is_empty());
        assert!(after_stamps(TimeStep::Asked, |_| 0).is_empty());
        assert!(after_stamps(TimeStep::Asked, |at| stamp(at - YEAR_2000_S - NTP_EPOCH_S)).is_empty());
    }

    #[test]
    fn who_is_asked_too_is_believed_there() {
        let mut bench = Bench::new();
        for at in (1_000..1_400).step_by(40) {
            tells(&mut bench, at, OTHER, 0);
            tells_so(&mut bench, at, CAMERA, (-400, TimeTold::Dated));
            tells(&mut bench, at + 1, CAMERA, 0);
        }
        assert!(bench.of(&KIND).is_empty());
    }

    #[test]
    fn a_capture_whose_own_clock_is_wrong_makes_nobody_wrong() {
        assert!(after(&[-400; 4], -400).is_empty());
    }

    #[test]
    fn who_was_right_before_the_captures_clock_leapt_makes_nobody_wrong_after() {
        let mut bench = Bench::new();
        tells(&mut bench, 1_000, OTHER, 0);
        tells(&mut bench, 1_000, CAMERA, 0);
        bench.unwatched(s(1_010), s(1_410));
        for at in (1_420..1_600).step_by(40) {
            tells(&mut bench, at, CAMERA, -400);
        }
        assert!(bench.of(&KIND).is_empty());
        tells(&mut bench, 1_610, OTHER, 0);
        tells(&mut bench, 1_620, CAMERA, -400);
        assert_eq!(bench.of(&KIND)[0].first_seen, s(1_420));
    }

    #[test]
    fn a_clock_that_is_set_in_between_or_told_once_is_none() {
        assert!(after(&[-400, 0, -400], 0).is_empty());
        assert!(after(&[-400, -400], 0).is_empty());
        assert!(after(&[-50, 50, -50, 50], 0).is_empty());
    }
}
