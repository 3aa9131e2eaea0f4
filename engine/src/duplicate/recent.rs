//! The packets of the last moments, by hash: [`Recent`].
//!
//! It is a cache and no table: sets of [`WAYS`] entries, the oldest of a set
//! overwritten. A packet goes into the first set of its hash, or where that is
//! full of what is young into the second, and the first notes when it was so. It
//! starts small, to stay in the processor's cache, and doubles while it would have
//! to forget what is younger than the horizon. A set's marks, sixteen bits of each
//! hash, lie together with the times of its entries, so that a packet that was not
//! seen reads one line, and writes half of one. Most are never seen again: what is kept
//! of those that are lies apart.

use spanwatch_parsers::{Span, Time};

use super::Face;
use crate::ahead::fetch;

/// The last packets.
#[derive(Debug)]
pub(super) struct Recent {
    sets: Vec<Set>,
    entries: Vec<Entry>,
    /// For each entry; of those that came again.
    repeats: Vec<Repeats>,
    forgotten: u64,
}

/// What is looked at first of [`WAYS`] entries; as large as a line of the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Set {
    marks: [u16; WAYS],
    /// When each was last seen, in [`MOMENT`]s, modulo 2^32.
    lasts: [u32; WAYS],
    /// When something last had to go into another set instead, likewise; 0 for never.
    spilled: u32,
    /// A bit for each way that was ever used.
    used: u8,
    /// A bit for each way whose packet came again.
    repeated: u8,
    next: u8,
}

/// One packet; two of them are as large as a line of the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
pub(super) struct Entry {
    key: u64,
    /// When it was last seen.
    last: Time,
    /// How it first looked.
    first: Face,
}

/// How a packet came again.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Repeats {
    /// How often it was seen again, copy or not.
    again: u16,
    /// When it was first seen, in [`AGE`]s, modulo 2^16.
    born: u16,
    /// How often it was really sent.
    sent: u8,
    /// How often each face was seen, less what came within the mirror's delay; 0 for none.
    times: [u8; FACES],
    faces: [u32; FACES],
    /// When each face was last seen, in [`TICK`]s, modulo 2^32.
    lasts: [u32; FACES],
}

/// A packet that came again.
#[derive(Debug)]
pub(super) struct Known<'a> {
    entry: &'a mut Entry,
    repeats: &'a mut Repeats,
}

/// How often a packet showed one face, and how long ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub times: u8,
    pub ago: Span,
}

impl Entry {
    pub const fn new(key: u64, at: Time, face: Face) -> Self {
        Self { key, last: at, first: face }
    }
}

impl Known<'_> {
    /// When it was last seen.
    pub const fn last(&self) -> Time {
        self.entry.last
    }

    /// How it first looked.
    pub const fn first(&self) -> &Face {
        &self.entry.first
    }

    /// How often it was really sent.
    pub const fn sent(&self) -> u8 {
        self.repeats.sent
    }

    /// How often it was seen again, copy or not.
    pub const fn again(&self) -> u16 {
        self.repeats.again
    }

    /// Begins anew: the same packet, sent at another time.
    pub fn renew(&mut self, at: Time, face: Face) {
        *self.entry = Entry::new(self.entry.key, at, face);
        *self.repeats = Repeats::of(self.entry);
    }

    /// Notes that it was seen again.
    pub fn returned(&mut self, at: Time) {
        self.entry.last = self.entry.last.max(at);
        self.repeats.again = self.repeats.again.saturating_add(1);
    }

    /// How many of its sights were copies.
    pub fn copies(&self) -> u32 {
        u32::from(self.again().saturating_sub(u16::from(self.sent()).saturating_sub(1)))
    }

    /// For how long it has been coming again and again; of more than a minute, what is over the last whole one.
    pub fn lasting(&self, at: Time) -> Span {
        Span(i64::from(ages(at).wrapping_sub(self.repeats.born)).saturating_mul(AGE))
    }

    /// What is known of a face, if it was seen.
    pub fn seen(&self, face: u32, at: Time) -> Option<Seen> {
        self.repeats.seen(face, at)
    }

    /// Notes that it was really sent once more.
    pub fn send(&mut self, face: Face, at: Time) {
        self.repeats.sent = self.repeats.sent.saturating_add(1);
        self.repeats.show(face.all, at);
    }

    /// Notes a face; of more than [`FACES`] the last but one is forgotten.
    pub fn show(&mut self, face: Face, at: Time) {
        self.repeats.show(face.all, at);
    }
}

impl Repeats {
    /// None so far.
    fn of(entry: &Entry) -> Self {
        Self {
            again: 0,
            born: ages(entry.last),
            sent: 1,
            times: [1, 0, 0],
            faces: [entry.first.all, 0, 0],
            lasts: [ticks(entry.last), 0, 0],
        }
    }

    fn seen(&self, face: u32, at: Time) -> Option<Seen> {
        let seen = self.times.iter().zip(&self.faces).zip(&self.lasts);
        let ((times, _), last) = seen.into_iter().find(|((times, seen), _)| **times > 0 && **seen == face)?;
        let ago = ticks(at).wrapping_sub(*last) as i32;
        Some(Seen { times: *times, ago: Span(i64::from(ago.unsigned_abs()).saturating_mul(TICK)) })
    }

    fn show(&mut self, face: u32, at: Time) {
        let known = self.times.iter().zip(&self.faces).position(|(times, seen)| *times > 0 && *seen == face);
        let place = known.or_else(|| self.times.iter().position(|times| *times == 0)).unwrap_or(FACES - 2);
        let (Some(times), Some(seen), Some(last)) =
            (self.times.get_mut(place), self.faces.get_mut(place), self.lasts.get_mut(place))
        else {
            return;
        };
        *times = if known.is_some() { times.saturating_add(1).min(self.sent) } else { 1 };
        (*seen, *last) = (face, ticks(at));
    }
}

/// A moment, coarse enough for 32 bits to tell those of some minutes apart.
fn ticks(at: Time) -> u32 {
    (at.0 >> TICK.ilog2()) as u32
}

/// A time, coarse enough for 32 bits to tell those of some days apart.
fn moments(at: Time) -> u32 {
    (at.0 >> MOMENT.ilog2()) as u32
}

/// A moment, coarse enough for 16 bits to tell those of one minute apart.
fn ages(at: Time) -> u16 {
    (at.0 >> AGE.ilog2()) as u16
}

impl Recent {
    /// The most packets.
    pub const CAPACITY: usize = SETS_MAX * WAYS;

    pub fn new() -> Self {
        Self { sets: Vec::new(), entries: Vec::new(), repeats: Vec::new(), forgotten: 0 }
    }

    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The packet with this hash, seen at `at`: what is as old as `horizon` will begin anew.
    pub fn find(&mut self, key: u64, at: Time, horizon: Span) -> Option<Known<'_>> {
        let [first, second] = self.places(key);
        let spilled = self.sets.get(first)?.spilled;
        let mut found = self.look(first, key);
        if found.is_none() && spilled != 0 && apart(moments(at), spilled) <= moments(Time(horizon.0)) {
            found = self.look(second, key);
        }
        let (place, way) = found?;
        let number = number(place, way);
        let (entry, repeats) = (self.entries.get_mut(number)?, self.repeats.get_mut(number)?);
        let set = self.sets.get_mut(place)?;
        let is_old = super::apart(entry.last, at) > horizon;
        *set.lasts.get_mut(way)? = moments(if is_old { at } else { at.max(entry.last) });
        if !is_set(set.repeated, way) {
            set.repeated |= 1 << way;
            *repeats = Repeats::of(entry);
        }
        Some(Known { entry, repeats })
    }

    /// Fetches what [`Recent::find`] will look at.
    pub fn foresee(&self, key: u64) {
        let [first, _] = self.places(key);
        if let Some(set) = self.sets.get(first) {
            fetch(set);
        }
    }

    /// Fetches what [`Recent::insert`] will overwrite.
    pub fn foresee_more(&self, key: u64) {
        let [first, _] = self.places(key);
        let next = self.sets.get(first).map_or(0, |set| usize::from(set.next));
        if let Some(entry) = self.entries.get(number(first, next)) {
            fetch(entry);
        }
    }

    /// The set and the way of a hash, if it is in the set at `place`.
    fn look(&self, place: usize, key: u64) -> Option<(usize, usize)> {
        let set = self.sets.get(place)?;
        let mark = mark(key);
        let mut hits = hits(&set.marks, mark);
        while hits != 0 {
            let way = way_of(hits);
            let found = self.entries.get(number(place, way));
            if found.is_some_and(|entry| entry.key == key) && is_set(set.used, way) {
                return Some((place, way));
            }
            hits &= hits.wrapping_sub(1);
        }
        None
    }

    pub fn insert(&mut self, entry: &Entry, horizon: Span) {
        if self.sets.is_empty() {
            self.sets.resize(SETS_MIN, Set::default());
            self.entries.resize(SETS_MIN * WAYS, Entry::default());
            self.repeats.resize(SETS_MIN * WAYS, Repeats::default());
        }
        while !self.put((entry, None), entry.last, horizon) {
            if self.sets.len() < SETS_MAX {
                self.grow(entry.last, horizon);
            } else {
                let [first, _] = self.places(entry.key);
                if !self.put_at(first, (entry, None), Some((entry.last, NEARLY_ALL))) {
                    self.forgotten = self.forgotten.saturating_add(1);
                    self.put_at(first, (entry, None), None);
                }
                return;
            }
        }
    }

    /// Puts an entry where nothing young has to go for it; whether there is such a place.
    fn put(&mut self, what: (&Entry, Option<&Repeats>), now: Time, horizon: Span) -> bool {
        let (entry, _) = what;
        let [first, second] = self.places(entry.key);
        if self.put_at(first, what, Some((now, horizon))) {
            return true;
        }
        let is_put = self.put_at(second, what, Some((now, horizon)));
        if let Some(set) = self.sets.get_mut(first).filter(|_| is_put) {
            set.spilled = moments(entry.last).max(1);
        }
        is_put
    }

    /// Puts an entry into a set, where what it overwrites is old enough for that at a time; whether it is.
    fn put_at(
        &mut self,
        place: usize,
        (entry, repeats): (&Entry, Option<&Repeats>),
        where_free: Option<(Time, Span)>,
    ) -> bool {
        let Some(set) = self.sets.get_mut(place) else { return false };
        if where_free.is_some_and(|(now, horizon)| !set.is_free(now, horizon)) {
            return false;
        }
        let way = usize::from(set.next);
        if let (Some(to), Some(last)) = (set.marks.get_mut(way), set.lasts.get_mut(way)) {
            (*to, *last) = (mark(entry.key), moments(entry.last));
        }
        set.used |= 1 << set.next;
        set.repeated = set.repeated & !(1 << set.next) | u8::from(repeats.is_some()) << set.next;
        set.next = set.next.wrapping_add(1) % WAYS as u8;
        if let Some(to) = self.entries.get_mut(number(place, way)) {
            *to = *entry;
        }
        if let (Some(to), Some(repeats)) = (self.repeats.get_mut(number(place, way)), repeats) {
            *to = *repeats;
        }
        true
    }

    /// The two sets of a hash.
    fn places(&self, key: u64) -> [usize; 2] {
        let mask = self.sets.len().saturating_sub(1);
        [key as usize & mask, (key >> 24) as usize & mask]
    }

    /// Doubles until all that is young at `now` has a place.
    fn grow(&mut self, now: Time, horizon: Span) {
        let ways = self
            .sets
            .iter()
            .flat_map(|set| (0..WAYS).map(|way| (is_set(set.used, way), is_set(set.repeated, way))));
        let all = self.entries.iter().zip(&self.repeats).zip(ways);
        let is_young = |entry: &Entry| super::apart(entry.last, now) <= horizon;
        let mut young: Vec<(Entry, Option<Repeats>)> = all
            .filter(|((entry, _), (is_used, _))| *is_used && is_young(entry))
            .map(|((entry, repeats), (_, is_repeated))| (*entry, is_repeated.then_some(*repeats)))
            .collect();
        // The oldest of a set is to go first again.
        young.sort_by_key(|(entry, _)| entry.last);
        loop {
            let sets = self.sets.len().saturating_mul(2);
            self.sets = vec![Set::default(); sets];
            self.entries = vec![Entry::default(); sets.saturating_mul(WAYS)];
            self.repeats = vec![Repeats::default(); sets.saturating_mul(WAYS)];
            let has_room =
                young.iter().all(|(entry, repeats)| self.put((entry, repeats.as_ref()), now, horizon));
            if has_room || sets >= SETS_MAX {
                return;
            }
        }
    }
}

impl Set {
    /// Whether the next entry may be overwritten at `now`.
    fn is_free(&self, now: Time, horizon: Span) -> bool {
        let last = self.lasts.get(usize::from(self.next)).copied().unwrap_or(0);
        // What is later than now is as free as what is long ago.
        let ago = moments(now).wrapping_sub(last);
        !is_set(self.used, self.next.into()) || ago > moments(Time(horizon.0))
    }
}

/// The moments between two.
const fn apart(one: u32, other: u32) -> u32 {
    (one.wrapping_sub(other) as i32).unsigned_abs()
}

/// The number of a way of a set among all entries.
const fn number(place: usize, way: usize) -> usize {
    place.wrapping_mul(WAYS).wrapping_add(way)
}

/// Whether the bit of a way is set.
const fn is_set(bits: u8, way: usize) -> bool {
    bits >> way & 1 == 1
}

/// A bit for each way whose mark is `mark`, told apart by [`way_of`]: four marks are compared at once. One above a right one may be
/// wrong, which its entry shows.
fn hits(marks: &[u16; WAYS], mark: u16) -> u64 {
    const EACH: u64 = 0x0001_0001_0001_0001;
    let [a, b, c, d, e, f, g, h] = marks.map(u64::from);
    let [first, last] = [[a, b, c, d], [e, f, g, h]].map(|[a, b, c, d]| {
        let differ = (a | b << 16 | c << 32 | d << 48) ^ EACH.wrapping_mul(mark.into());
        differ.wrapping_sub(EACH) & !differ & EACH << 15
    });
    first >> 15 | last >> 14
}

/// The way of the lowest bit that [`hits`] set.
const fn way_of(hits: u64) -> usize {
    let bit = hits.trailing_zeros() as usize;
    bit / 16 + bit % 16 * (WAYS / 2)
}

/// The part of a hash that does not choose the set.
const fn mark(key: u64) -> u16 {
    (key >> 48) as u16
}

const WAYS: usize = 8;
const FACES: usize = 3;

/// 64 packets at first, 16,384 at most: 160,000 packets a second of one shard in 100 ms.
const SETS_MIN: usize = 8;
const SETS_MAX: usize = 2_048;

/// Nearly all copies come within this time; to forget an older packet is no loss.
const NEARLY_ALL: Span = Span::millis(10);

/// Nanoseconds; 32 bits of them are 274 seconds.
const TICK: i64 = 64;

/// Nanoseconds; 32 bits of them are three days.
const MOMENT: i64 = 1 << 16;

/// Nanoseconds, a little more than a millisecond; 16 bits of them are 69 seconds.
const AGE: i64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::HORIZON;
    use super::*;

    fn mixed(n: u64) -> u64 {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(20)
    }

    #[test]
    fn every_way_whose_mark_it_is_is_hit() {
        let of = |mut hits: u64| {
            let mut ways = Vec::new();
            while hits != 0 {
                ways.push(way_of(hits));
                hits &= hits - 1;
            }
            ways.sort_unstable();
            ways
        };
        for mark in [0, 1, 0x7fff, 0x8000, u16::MAX] {
            assert_eq!(of(hits(&[mark; WAYS], mark)), Vec::from_iter(0..WAYS));
            assert!(of(hits(&[mark ^ 0x0100; WAYS], mark)).is_empty());
            for way in 0..WAYS {
                let mut marks = [mark ^ 0x0100; WAYS];
                marks[way] = mark;
                assert_eq!(of(hits(&marks, mark)), [way]);
            }
        }
    }

    #[test]
    fn it_grows_while_entries_are_young_and_no_further_than_its_cap() {
        let mut recent = Recent::new();
        for n in 0..100_000 {
            recent.insert(&Entry::new(mixed(n), Time(0), Face::default()), Span::millis(100));
        }
        assert_eq!(recent.sets.len(), SETS_MAX);
        assert!(recent.forgotten() > 80_000);
        assert!(recent.find(mixed(99_999), Time(0), HORIZON).is_some());
        assert!(recent.find(mixed(0), Time(0), HORIZON).is_none());
    }

    #[test]
    fn what_is_young_is_found_while_it_grows() {
        let mut recent = Recent::new();
        for n in 0..4_000 {
            recent.insert(&Entry::new(mixed(n), Time(0), Face::default()), Span::millis(100));
        }
        assert!((0..4_000).all(|n| recent.find(mixed(n), Time(0), HORIZON).is_some()));
    }

    #[test]
    fn how_a_packet_came_again_is_remembered_while_it_grows() {
        let mut recent = Recent::new();
        recent.insert(&Entry::new(mixed(0), Time(0), Face::default()), HORIZON);
        (0..3).for_each(|n| recent.find(mixed(0), Time(n), HORIZON).unwrap().returned(Time(n)));
        (1..4_000).for_each(|n| recent.insert(&Entry::new(mixed(n), Time(2), Face::default()), HORIZON));
        assert!(recent.sets.len() > SETS_MIN);
        let again = |recent: &mut Recent, n| recent.find(mixed(n), Time(2), HORIZON).unwrap().again();
        assert_eq!([0, 1].map(|n| again(&mut recent, n)), [3, 0]);
    }

    #[test]
    fn a_packet_in_the_place_of_one_that_came_again_never_did() {
        let mut recent = Recent::new();
        for n in 0..10 * (SETS_MIN * WAYS) as u64 {
            let at = Time(n as i64 * HORIZON.0);
            recent.insert(&Entry::new(mixed(n), at, Face::default()), HORIZON);
            let mut known = recent.find(mixed(n), at, HORIZON).unwrap();
            assert_eq!((known.again(), known.sent(), known.copies()), (0, 1, 0));
            known.returned(at);
        }
        assert_eq!(recent.sets.len(), SETS_MIN);
    }

    #[test]
    fn old_entries_make_room_without_growth() {
        let mut recent = Recent::new();
        for n in 0..100_000_u32 {
            let at = Time(i64::from(n) * 10_000_000);
            recent.insert(&Entry::new(mixed(n.into()), at, Face::default()), Span::millis(100));
        }
        assert_eq!((recent.sets.len(), recent.forgotten()), (SETS_MIN, 0));
    }

    #[test]
    fn a_set_fills_a_line_and_an_entry_half_of_one() {
        assert_eq!((size_of::<Set>(), size_of::<Entry>(), size_of::<Repeats>()), (64, 32, 32));
    }
}
