//! What a return shows: that the device ran all the time, that it started anew, or that its way was cut for a moment.
//!
//! ```text
//!            ┌─ what one does after a start ──► it started anew, unless its clock says otherwise
//!  silence ──┼─ its clock as it should be ────► it ran all the time
//!            └─ too short to be missed, and something was lost in it or waited ──► a short cut
//! ```

use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use super::Verdict;
use super::running::Reading;
use super::watch::Watch;
use crate::ledger::directory::Number;
use crate::observation::Cite;

/// A silence too short to be an absence, in which something was lost or had to wait: the way was cut for a moment.
#[derive(Debug, Clone)]
pub struct Hole {
    /// Who.
    pub device: Number,
    /// Its last frame before.
    pub from: (Time, Cite),
    /// Its first frame after.
    pub to: (Time, Cite),
    /// The frame that shows it: media with a gap in its numbers, bytes sent again, or media that makes up for the silence.
    pub lost: Cite,
}

/// A start that made no absence: the device was away for too short a time, or nobody asked for it.
#[derive(Debug, Clone)]
pub struct Restart {
    /// Who.
    pub device: Number,
    /// Its last frame before.
    pub since: (Time, Cite),
    /// Its first word after, and what that was.
    pub sign: (Time, Cite, Start),
    /// Whether it would have been heard meanwhile had it run: else nobody knows since when it was away.
    pub was_expected: bool,
    /// Whether its own clock showed later that it had run all the time.
    is_denied: bool,
}

/// What one does after a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// It asks for an address (DHCP DISCOVER, or a REQUEST that names no server: RFC 2131, 4.3.2).
    Lease,
    /// It asks whether its address is free (RFC 5227, 2.1.1; RFC 4862, 5.4).
    Probe,
    /// It tells everybody its address, unasked (RFC 5227, 2.3). Some do so whenever their link comes up.
    Announcement,
    /// It says hello (WS-Discovery 1.1, 4). Some do so whenever something of theirs changes.
    Hello,
    /// It counts its starts, and tells another number than before (WS-Discovery 1.1, 7).
    Instance,
}

impl Start {
    /// Whether others than who starts do it.
    #[must_use]
    pub const fn is_faint(self) -> bool {
        matches!(self, Self::Announcement | Self::Hello)
    }

    /// In words, after a name.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Lease => "asks for an address as after a start",
            Self::Probe => "asks whether its address is free, as after a start",
            Self::Announcement => "tells everybody its address unasked, as after a start",
            Self::Hello => "says hello to everybody, as after a start",
            Self::Instance => "tells another number of its start than before",
        }
    }

    /// The protocol that shows it.
    #[must_use]
    pub const fn protocol(self, is_ipv6: bool) -> &'static str {
        match self {
            Self::Lease => "dhcp",
            Self::Probe if is_ipv6 => "nd",
            Self::Probe | Self::Announcement => "arp",
            Self::Hello | Self::Instance => "ws-discovery",
        }
    }
}

impl Verdict {
    /// Says that a device sent again what was not acknowledged.
    pub fn resent(&mut self, device: Number, at: Time, cite: Cite) {
        let Some(watch) = self.watches.get_mut(device) else { return };
        watch.past.fill().resent = Some((at, cite));
        let hole = watch.hole(device, at, cite);
        self.keep_hole(hole);
    }

    pub(super) fn keep_hole(&mut self, hole: Option<Hole>) {
        let Some(hole) = hole else { return };
        if let Some(watch) = self.watches.get_mut(hole.device) {
            let past = watch.past.fill();
            (past.silence, past.cut) = (None, Some(hole.to.0));
        }
        if self.holes.len() < HOLES_MAX {
            self.holes.push(hole);
        } else {
            self.refused[1] = self.refused[1].saturating_add(1);
        }
    }

    /// Takes what a device's clock showed `peer` at `at`, in the frame `cite`.
    pub fn stamped(&mut self, device: Number, peer: IpAddr, (at, cite): (Time, Cite), stamp: u32) {
        let Some(watch) = self.watches.get_mut(device) else { return };
        let reading = watch.clocks.read(peer, at, stamp);
        if reading == Reading::Anew
            && watch.was_expected
            && let Some(restart) = watch.announced_since(at - START_SIGNS)
        {
            return self.keep_restart(restart);
        }
        let before = match reading {
            Reading::RanOn(before) => Some(before),
            Reading::Anew | Reading::Nothing => None,
        };
        if let Some(past) = watch.past.get_mut() {
            past.unnamed.take_if(|it| before.is_some_and(|before| before <= it.since.0));
        }
        let restart = watch.past.restart.and_then(|index| self.restarts.get_mut(index));
        if let Some(restart) = restart.filter(|it| before.is_some_and(|before| before <= it.since.0)) {
            restart.is_denied = true;
        }
        let Some(absence) = watch.past.was_absent.and_then(|index| self.absences.get_mut(index)) else {
            return;
        };
        let is_back = absence.ended.is_some_and(|(ended, _)| at >= ended);
        if is_back && absence.ran_on.is_none() && before.is_some_and(|before| before <= absence.since) {
            absence.ran_on = Some((at, cite));
        }
    }

    /// Says that the device asked to keep the address that it has.
    pub fn renewed(&mut self, device: Number, at: Time) {
        if let Some(watch) = self.watches.get_mut(device) {
            watch.renewed = Some(at).into();
        }
    }

    /// Says that the device did what one does after a start. Of who belongs to physical security (`is_guarded`) that is
    /// told though nothing was expected of him: of an office's machines it is no news. Whether it was heard before: else it
    /// starts for all we know for the first time.
    pub fn started(&mut self, device: Number, sign: (Time, Cite), how: Start, is_guarded: bool) -> bool {
        let was_heard = self.watches.get(device).is_some();
        self.start(device, sign, how, is_guarded);
        was_heard
    }

    fn start(&mut self, device: Number, (at, cite): (Time, Cite), how: Start, is_guarded: bool) {
        let Some(watch) = self.watches.get_mut(device) else { return };
        if how == Start::Announcement && watch.renewed.get().is_some_and(|renewed| at - renewed <= TELLS) {
            return;
        }
        let counts_for = if how == Start::Announcement { FIRST_WORD } else { START_SIGNS };
        // What was heard since its start may have been known by its MAC alone, and what was before by its address.
        let last = watch.last_before(at - self.offset);
        let silence = at - self.offset - last.0;
        // Who had begun to work, and is silent again, starts once more.
        let worked = watch.sent_media.get().filter(|_| silence >= RESTART_MIN);
        let is_of = |start: Time| at - start <= START_SIGNS && worked.is_none_or(|worked| worked < start);
        // Who is given no address asks again and again; that is one start.
        let asked = if how == Start::Lease { watch.asked_lease.replace(at) } else { None };
        let is_retry =
            |before: Time| at - before <= LEASE_RETRY && worked.is_none_or(|worked| worked < before);
        let is_asked_again = asked.is_some_and(is_retry);
        let absence = watch.past.was_absent.and_then(|index| self.absences.get_mut(index));
        if let Some(absence) = absence.filter(|it| it.ended.is_none_or(|(ended, _)| is_of(ended))) {
            let is_first = absence.ended.is_none_or(|(ended, _)| at - ended <= counts_for);
            let is_surer = absence.restarted.is_none_or(|(_, _, it)| it.is_faint() && !how.is_faint());
            if is_first && is_surer && at - self.offset > absence.watched_since {
                absence.restarted = Some((at, cite, how));
            }
            return;
        }
        if is_asked_again {
            return;
        }
        let is_told = watch.past.restart.and_then(|index| self.restarts.get(index));
        if is_told.is_some_and(|it| is_of(it.sign.0)) {
            return;
        }
        let is_of_interest = watch.was_expected || is_guarded;
        let sign = (at, cite, how);
        // What an announcement alone leaves open, a question beside it settles.
        let announced = if how.is_faint() { None } else { watch.announced_since(at - START_SIGNS) };
        let restart = match announced {
            Some(announced) => Restart { sign, ..announced },
            None if silence < RESTART_MIN => return,
            None => {
                let since = (last.1, last.2);
                let was_expected = watch.expectation.is_strange(silence);
                Restart { device, since, sign, was_expected, is_denied: false }
            }
        };
        if how.is_faint() {
            watch.past.fill().announced = Some(restart);
        } else if is_of_interest {
            self.keep_restart(restart);
        } else {
            watch.past.fill().unnamed.get_or_insert(restart);
        }
    }

    fn keep_restart(&mut self, restart: Restart) {
        let Some(watch) = self.watches.get_mut(restart.device) else { return };
        let past = watch.past.fill();
        past.announced = None;
        if self.restarts.len() >= RESTARTS_MAX {
            self.refused[2] = self.refused[2].saturating_add(1);
            return;
        }
        past.restart = Some(self.restarts.len());
        self.restarts.push(restart);
    }

    /// Every short cut, in the order in which they were seen.
    #[must_use]
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Every start without an absence, in the order in which they were seen.
    pub fn restarts(&self) -> impl Iterator<Item = &Restart> {
        self.restarts.iter().filter(|restart| !restart.is_denied)
    }

    /// Starts of who was then not known to belong to physical security: the first of each, in order of devices.
    pub fn unnamed_starts(&self) -> impl Iterator<Item = &Restart> {
        self.watches.iter().filter_map(|(_, watch)| watch.past.unnamed.as_ref())
    }
}

impl Restart {
    /// The frame with which it begins: its last before, where it would have been heard had it run; else its first after.
    #[must_use]
    pub fn from(&self) -> (Time, Cite) {
        if self.was_expected { self.since } else { (self.sign.0, self.sign.1) }
    }
}

#[cfg(test)]
impl Restart {
    /// A start that asks for a lease.
    pub(crate) fn for_test(device: Number, since: Time, at: Time) -> Self {
        let cite = Cite::default();
        let sign = (at, cite, Start::Lease);
        Self { device, since: (since, cite), sign, was_expected: true, is_denied: false }
    }
}

impl Watch {
    /// The silence just over, where what `cite` shows at `at` proves that something was lost in it.
    pub(super) fn hole(&self, device: Number, at: Time, lost: Cite) -> Option<Hole> {
        let [from, to] = self.past.silence?;
        (at >= to.0 && at - to.0 <= LOSS_SHOWS).then_some(Hole { device, from, to, lost })
    }

    /// Takes out the start that only an announcement showed, at `from` or after.
    fn announced_since(&mut self, from: Time) -> Option<Restart> {
        self.past.get_mut()?.announced.take_if(|it| it.sign.0 >= from)
    }

    /// Whether the longest pause of a flow, summed from `first` to `last`, may be that of its last short cut.
    pub(super) fn was_cut(&self, (first, last): (Time, Time), longest_gap: Span) -> bool {
        longest_gap >= HOLE_MIN && self.past.cut.is_some_and(|to| first - longest_gap <= to && to <= last)
    }
}

/// Signs of a start count until this long after the first frame: DHCP retries up to about 60 s (RFC 2131, 4.1).
const START_SIGNS: Span = Span::seconds(60);

/// ... but an announcement only as the first word of all: some repeat it for as long as they run.
const FIRST_WORD: Span = Span::seconds(3);

/// A client asks again at doubled distances, of 64 s and one at most (RFC 2131, 4.1).
const LEASE_RETRY: Span = Span::seconds(66);

/// A silence in which a link can go down and come up again.
pub(super) const HOLE_MIN: Span = Span::millis(1_500);

/// What was lost in it shows within this time.
const LOSS_SHOWS: Span = Span::seconds(3);

/// Some clients tell everybody their address whenever their lease is renewed (dhcpcd does), within this time.
const TELLS: Span = Span::seconds(5);

/// Nothing starts anew within less (facts, offline_and_switch 4: 20 to 120 s).
const RESTART_MIN: Span = Span::seconds(5);

/// Short cuts kept.
pub(super) const HOLES_MAX: usize = 16_384;

/// Starts without an absence kept.
pub(super) const RESTARTS_MAX: usize = 16_384;
