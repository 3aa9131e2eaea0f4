//! What of one direction came by: [`Passed`] tells bytes that only we did not see from bytes that were lost, and where.
//!
//! ```text
//!  seen          hole          seen
//! ─────────┬ ─ ─ ─ ─ ─ ─ ─┬──────────   sent again, and seen then      lost before us
//!                         └─► next      acknowledged, never seen       dropped by the mirror
//!  seen, not acknowledged, seen again                                  lost behind us
//! ```
//!
//! What fills a hole was sent again where the peer asked for it (three acknowledgements of what comes before it: RFC 5681, 3.2), or
//! where it comes later than neighbours that were swapped on their way.
//!
//! Only holes between two segments that follow soon on one another count: what is missing for longer is another
//! fault of the mirror than a dropped packet. Nothing of it depends on who reads the bytes.

use spanwatch_parsers::{Segments, Span, Time};

use super::half::{Stretch, apart};
use crate::ahead::fetch;
use crate::few::{Empty, Seldom};

/// What came by of one direction.
#[derive(Debug, Default)]
pub struct Passed {
    seen: Option<(u64, Time)>,
    holes: Seldom<Holes>,
    sum: Sum,
}

/// [`Segments`] of a second, by far not as many as fit.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    carrying: u32,
    unseen: u32,
    late: u32,
    again: u32,
}

#[derive(Debug, Default)]
struct Holes(Vec<Hole>);

impl Empty for Holes {
    const EMPTY: &'static Self = &Self(Vec::new());
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    start: u64,
    end: u64,
    since: Time,
    acknowledged: Option<Time>,
    /// Acknowledgements of all before it since it is there.
    asked: u8,
}

impl Hole {
    /// Whether bytes that fill it at `at` were sent again.
    fn is_late(&self, at: Time) -> bool {
        self.acknowledged.is_none() && (self.asked >= ASKED || apart(self.since, at) >= SWAPPED_FOR)
    }

    /// What is left of it where these bytes are there.
    fn without(self, start: u64, end: u64) -> impl Iterator<Item = Self> {
        let before = Self { end: self.end.min(start), ..self };
        let after = Self { start: self.start.max(end), ..self };
        [before, after].into_iter().filter(|hole| hole.start < hole.end)
    }
}

impl Passed {
    /// Fetches what is looked at of it with each segment.
    pub fn foresee(&self) {
        fetch(&self.seen);
        fetch(&self.sum);
    }

    /// Takes a segment; `acknowledged` says up to where its peer has what was sent. Whether bytes of it were
    /// missing until now.
    pub fn take(&mut self, stretch: &Stretch<'_>, acknowledged: Option<u64>) -> bool {
        self.settle(stretch.at);
        let length = (stretch.bytes.len() as u64).saturating_add(stretch.cut);
        let Some(start) = u64::try_from(stretch.offset).ok().filter(|_| length > 0) else { return false };
        let end = start.saturating_add(length);
        self.sum.carrying = self.sum.carrying.saturating_add(1);
        let Some((seen, before)) = self.seen else {
            self.seen = Some((end, stretch.at));
            return true;
        };
        if start > seen && apart(before, stretch.at) <= FOLLOWS_WITHIN {
            let Holes(holes) = self.holes.fill();
            if holes.len() >= HOLES_MAX {
                holes.remove(0);
            }
            let is_had = acknowledged.is_some_and(|reached| reached >= start);
            holes.push(Hole {
                start: seen,
                end: start,
                since: stretch.at,
                acknowledged: is_had.then_some(stretch.at),
                asked: 0,
            });
        }
        let is_filling = self.fill(start, end, stretch.at);
        self.seen = Some((seen.max(end), before.max(stretch.at)));
        let is_new = is_filling || end > seen;
        // A byte alone may be a question whether the peer lives (RFC 9293, 3.8.4).
        if !is_new && length > 1 && acknowledged.is_none_or(|reached| reached < end) {
            self.sum.again = self.sum.again.saturating_add(1);
        }
        is_new
    }

    /// Takes bytes for the holes that they fill, and says whether there were any.
    fn fill(&mut self, start: u64, end: u64, at: Time) -> bool {
        let is_of = |hole: &Hole| start < hole.end && hole.start < end;
        let Some(Holes(holes)) = self.holes.get_mut().filter(|holes| holes.0.iter().any(is_of)) else {
            return false;
        };
        let late = &mut self.sum.late;
        *holes = std::mem::take(holes)
            .into_iter()
            .flat_map(|hole| {
                if is_of(&hole) && hole.is_late(at) {
                    let filled = hole.end.min(end).saturating_sub(hole.start.max(start));
                    *late = late.saturating_add(segments(filled));
                }
                hole.without(start, end)
            })
            .take(HOLES_MAX)
            .collect();
        true
    }

    /// Takes an acknowledgement of all before `reached`.
    pub fn acknowledge(&mut self, reached: u64, at: Time) {
        for hole in self.holes.get_mut().into_iter().flat_map(|holes| &mut holes.0) {
            if hole.end <= reached {
                hole.acknowledged.get_or_insert(at);
            } else if hole.start == reached {
                hole.asked = hole.asked.saturating_add(1);
            }
        }
    }

    /// What there was since it was last asked.
    pub fn sum(&mut self, at: Time) -> Segments {
        self.settle(at);
        let Sum { carrying, unseen, late, again } = std::mem::take(&mut self.sum);
        let [carrying, unseen, late, again] = [carrying, unseen, late, again].map(u64::from);
        Segments { carrying, unseen, late, again }
    }

    /// Counts holes of which it is clear that nothing will fill them; a mirror may swap neighbours.
    fn settle(&mut self, at: Time) {
        let sum = &mut self.sum;
        let Some(Holes(holes)) = self.holes.get_mut() else { return };
        holes.retain(|hole| {
            let is_had = hole.acknowledged.is_some_and(|acknowledged| apart(acknowledged, at) >= SWAPPED_FOR);
            if is_had {
                sum.unseen = sum.unseen.saturating_add(segments(hole.end.saturating_sub(hole.start)));
            }
            !is_had && apart(hole.since, at) < FORGOTTEN
        });
    }
}

/// So many segments carry these bytes.
fn segments(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(FULL)).unwrap_or(u32::MAX)
}

/// The next segment comes so soon after the one before the hole.
const FOLLOWS_WITHIN: Span = Span::seconds(1);
/// As [`super::half`] has it.
const SWAPPED_FOR: Span = Span::millis(20);
/// Nobody acknowledges: he is not heard.
const FORGOTTEN: Span = Span::seconds(10);
/// Bytes of a full segment on Ethernet, time stamps included (RFC 9293, 3.7.1; RFC 7323, 3).
const FULL: u64 = 1_448;
/// So often the peer acknowledges the same where something is missing (RFC 5681, 3.2).
const ASKED: u8 = 3;
/// Holes at once in one direction.
const HOLES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn take(passed: &mut Passed, ms: i64, offset: i64, length: usize, acknowledged: Option<u64>) -> bool {
        let bytes = vec![0; length];
        let stretch = Stretch { offset, bytes: &bytes, cut: 0, at: Time(ms * 1_000_000) };
        passed.take(&stretch, acknowledged)
    }

    fn sums(passed: &mut Passed, ms: i64) -> (u64, u64) {
        let sum = passed.sum(Time(ms * 1_000_000));
        (sum.carrying, sum.unseen)
    }

    #[test]
    fn bytes_acknowledged_and_never_seen_are_unseen() {
        let mut passed = Passed::default();
        take(&mut passed, 0, 0, 1_448, None);
        take(&mut passed, 1, 4_344, 1_448, None);
        passed.acknowledge(5_792, Time(2_000_000));
        assert_eq!(sums(&mut passed, 10), (2, 0));
        assert_eq!(sums(&mut passed, 30), (0, 2));
    }

    #[test]
    fn bytes_sent_again_were_lost_before_us_and_those_swapped_were_not_lost() {
        let mut passed = Passed::default();
        take(&mut passed, 0, 0, 100, None);
        take(&mut passed, 1, 200, 100, None);
        passed.acknowledge(100, Time(2_000_000));
        assert!(take(&mut passed, 200, 100, 100, Some(100)), "they were missing");
        passed.acknowledge(300, Time(201_000_000));
        assert!(!take(&mut passed, 400, 200, 100, Some(300)), "they were not");
        take(&mut passed, 401, 400, 100, Some(300));
        take(&mut passed, 402, 300, 100, Some(300));
        let sum = passed.sum(Time(900_000_000));
        assert_eq!((sum.carrying, sum.unseen, sum.late, sum.again), (6, 0, 1, 0));
    }

    #[test]
    fn what_the_peer_asks_for_thrice_was_lost_however_soon_it_comes() {
        let late = |asked: usize| {
            let mut passed = Passed::default();
            take(&mut passed, 0, 0, 1_448, None);
            take(&mut passed, 1, 4_344, 1_448, None);
            (0..asked).for_each(|_| passed.acknowledge(1_448, Time(2_000_000)));
            take(&mut passed, 3, 1_448, 1_448, Some(1_448));
            take(&mut passed, 3, 2_896, 1_448, Some(1_448));
            let sum = passed.sum(Time(900_000_000));
            assert_eq!((sum.unseen, sum.again), (0, 0), "a hole is filled piece by piece");
            sum.late
        };
        assert_eq!((late(2), late(3)), (0, 2));
    }

    #[test]
    fn what_came_by_and_is_sent_again_unacknowledged_was_lost_behind_us() {
        let mut passed = Passed::default();
        take(&mut passed, 0, 0, 1_448, None);
        take(&mut passed, 1, 1_448, 1_448, None);
        assert!(!take(&mut passed, 200, 1_448, 1_448, Some(1_448)), "not new");
        assert!(!take(&mut passed, 400, 0, 1_448, Some(2_896)), "what the peer has was sent in vain");
        assert!(!take(&mut passed, 500, 2_895, 1, Some(2_895)), "a question whether he lives");
        let sum = passed.sum(Time(900_000_000));
        assert_eq!((sum.carrying, sum.unseen, sum.late, sum.again), (5, 0, 0, 1));
    }

    #[test]
    fn silence_is_no_hole_and_who_is_not_heard_acknowledges_nothing() {
        let mut passed = Passed::default();
        take(&mut passed, 0, 0, 100, None);
        take(&mut passed, 2_000, 9_000, 100, Some(9_100));
        take(&mut passed, 2_001, 10_000, 100, None);
        assert_eq!(sums(&mut passed, 60_000), (3, 0));
        assert!(passed.holes.0.is_empty());
    }

    #[test]
    fn state_is_bounded() {
        let mut passed = Passed::default();
        (0..1_000).for_each(|n| {
            take(&mut passed, n, n * 1_000, 1, None);
        });
        assert_eq!(passed.holes.0.len(), HOLES_MAX);
    }
}
