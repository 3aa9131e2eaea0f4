//! Whether a device ran on: the clock behind its TCP time stamps.
//!
//! A TCP sender stamps its segments by a clock that ticks evenly for as long as it runs (RFC 7323, 5.4). Where that
//! clock shows after a silence what it would have shown without one, the device was never without power and never
//! restarted, whatever else begins anew: within a minute every client opens a new session, though only the way was cut.
//!
//! The reverse proves nothing. Some systems give each connection an offset of its own (Linux from 4.10; from 4.12 one
//! for each pair of addresses), so a clock that shows something else may be another connection's. Clocks are
//! therefore read by peer. That a clock which was set anew fits by chance is a matter of one in 100,000.

use std::net::IpAddr;

use spanwatch_parsers::{Span, Time};

use crate::ahead::fetch;

/// The clock that a device shows to each of its peers, of which it remembers a few.
#[derive(Debug, Default)]
pub struct Clocks(Vec<(IpAddr, Clock)>);

/// What a reading shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It ran on since this reading.
    RanOn(Time),
    /// Its pace was known, and it shows something else: set anew, or the clock of another connection.
    Anew,
    /// Nothing yet.
    Nothing,
}

/// A clock as one peer sees it.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// The last reading that went with those before.
    at: Time,
    stamp: u32,
    /// Its pace in ticks per second, once two readings showed it.
    pace: Option<u16>,
}

impl Clocks {
    /// Fetches what is read.
    pub fn foresee(&self) {
        if let Some(first) = self.0.first() {
            fetch(first);
        }
    }

    /// Reads the clock.
    pub fn read(&mut self, peer: IpAddr, at: Time, stamp: u32) -> Reading {
        let Some((_, clock)) = self.0.iter_mut().find(|(of, _)| *of == peer) else {
            self.meet(peer, Clock { at, stamp, pace: None });
            return Reading::Nothing;
        };
        let before = clock.at;
        let passed = at - before;
        if passed < READ_AGAIN {
            return Reading::Nothing;
        }
        let ticks = stamp.wrapping_sub(clock.stamp);
        let pace = match clock.pace {
            Some(pace) => Some(pace).filter(|pace| fits(*pace, passed, ticks)),
            None => PACES.into_iter().find(|pace| fits(*pace, passed, ticks)),
        };
        let was_known = clock.pace.is_some();
        *clock = Clock { at, stamp, pace };
        match (was_known, pace) {
            (true, Some(_)) => Reading::RanOn(before),
            (true, None) => Reading::Anew,
            (false, _) => Reading::Nothing,
        }
    }

    /// Remembers a peer's view, where there is no room in the place of the one that was read longest ago; but not of one
    /// that is still read: who has many peers would else read none of them twice.
    fn meet(&mut self, peer: IpAddr, clock: Clock) {
        if self.0.len() < CLOCKS_MAX {
            self.0.reserve_exact(1);
            self.0.push((peer, clock));
            return;
        }
        let is_forgotten = |(_, known): &(IpAddr, Clock)| clock.at - known.at > READ_STILL;
        if self.0.iter().any(is_forgotten)
            && let Some(oldest) = self.0.iter_mut().min_by_key(|(peer, clock)| (clock.at, *peer))
        {
            *oldest = (peer, clock);
        }
    }

    /// Takes over the clocks of a device that turned out to be this one.
    pub fn absorb(&mut self, other: Self) {
        for (peer, clock) in other.0 {
            let has_room = self.0.len() < CLOCKS_MAX;
            match self.0.iter_mut().find(|(of, _)| *of == peer) {
                Some((_, own)) if own.at < clock.at => *own = clock,
                Some(_) => {}
                None if has_room => self.meet(peer, clock),
                None => {}
            }
        }
    }
}

/// Whether a clock of this pace shows so many ticks after so long.
fn fits(pace: u16, passed: Span, ticks: u32) -> bool {
    let due = i128::from(passed.0) * i128::from(pace) / 1_000_000_000;
    let off = i128::from(pace) * SLACK_MS / 1_000 + due / DRIFT;
    (i128::from(ticks) - due).abs() <= off.max(1)
}

/// Ticks per second that systems in use have: RFC 7323, 5.4 allows 1 to 1,000; Linux counts 1,000, before
/// 4.13 its own 100, 250, 300 or 1,000, Windows and the BSDs 10, 100 or 1,000.
const PACES: [u16; 5] = [1_000, 300, 250, 100, 10];
/// A segment lies for so long before it is sent, and a virtual clock stands so long.
const SLACK_MS: i128 = 150;
/// A quartz is off by one in 10,000; this part of the time is allowed.
const DRIFT: i128 = 2_000;
/// Readings closer together show no pace.
const READ_AGAIN: Span = Span::seconds(2);
/// A peer who was read so short a time ago is likely to be read again: a heartbeat, a keepalive.
const READ_STILL: Span = Span::seconds(300);
/// Peers of one device whose view is kept.
const CLOCKS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    const fn s(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn ran_on(pace: u32, before: &[i64], after: (i64, u32)) -> bool {
        let mut clocks = Clocks::default();
        for at in before {
            clocks.read(PEER, s(*at), 4_294_900_000_u32.wrapping_add(*at as u32 * pace));
        }
        before.last().is_some_and(|at| clocks.read(PEER, s(after.0), after.1) == Reading::RanOn(s(*at)))
    }

    fn due(at: u32, pace: u32) -> u32 {
        4_294_900_000_u32.wrapping_add(at * pace)
    }

    #[test]
    fn a_clock_that_shows_what_it_should_ran_on() {
        for pace in [10, 100, 250, 300, 1_000] {
            assert!(ran_on(pace, &[0, 2, 60], (600, due(600, pace))), "{pace}");
        }
        assert!(ran_on(1_000, &[0, 2, 60], (600, due(600, 1_000) + 200)));
    }

    #[test]
    fn a_clock_that_began_anew_did_not() {
        assert!(!ran_on(1_000, &[0, 2, 60], (150, 20_000)));
        assert!(!ran_on(1_000, &[0, 2, 60], (150, due(150, 1_000) + 2_000)));
        assert!(!ran_on(1_000, &[0, 2, 60], (150, due(150, 1_000) - 2_000)));
    }

    #[test]
    fn one_reading_shows_no_pace() {
        assert!(!ran_on(1_000, &[60], (600, due(600, 1_000))));
    }

    #[test]
    fn a_clock_is_read_by_peer() {
        let mut clocks = Clocks::default();
        let other = IpAddr::from([192, 0, 2, 10]);
        for at in [0, 10, 20] {
            clocks.read(PEER, s(at), at as u32 * 1_000);
            clocks.read(other, s(at), 77_000 + at as u32 * 1_000);
        }
        assert_eq!(clocks.read(other, s(30), 107_000), Reading::RanOn(s(20)));
        assert_eq!(clocks.read(PEER, s(30), 107_000), Reading::Anew);
    }

    #[test]
    fn peers_are_bounded_and_who_was_read_longest_ago_goes() {
        let mut clocks = Clocks::default();
        for n in 0..100 {
            clocks.read(IpAddr::from([192, 0, 2, n]), s(i64::from(n) * 60), 0);
        }
        assert_eq!(clocks.0.len(), CLOCKS_MAX);
        assert!(clocks.0.iter().any(|(peer, _)| *peer == IpAddr::from([192, 0, 2, 99])));
    }

    /// A recorder of a hundred cameras, each of which it asks once a minute.
    #[test]
    fn who_has_many_peers_still_shows_that_he_ran_on() {
        let mut clocks = Clocks::default();
        let ask = |clocks: &mut Clocks, from: i64| {
            let readings = (0..100).map(|n| {
                let at = from + i64::from(n) / 2;
                let own = u32::from(n) * 1_000_000;
                clocks.read(IpAddr::from([192, 0, 2, n]), s(at), own + at as u32 * 1_000)
            });
            readings.filter(|reading| matches!(reading, Reading::RanOn(_))).count()
        };
        assert_eq!([0, 60, 120].map(|from| ask(&mut clocks, from)), [0, 0, CLOCKS_MAX]);
        assert_eq!(ask(&mut clocks, 900), CLOCKS_MAX, "after a silence");
    }
}
