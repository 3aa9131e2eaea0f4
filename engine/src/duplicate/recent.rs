//! The packets of the last moments, by hash: [`Recent`].
//!
//! It is a cache and no table: sets of [`WAYS`] entries, the oldest of a set
//! overwritten. It starts small, to stay in the processor's cache, and doubles
//! while it would have to forget what is younger than the horizon.

use spanwatch_parsers::{Span, Time};

use super::Face;

/// The last packets.
#[derive(Debug)]
pub(super) struct Recent {
    sets: Vec<Set>,
    forgotten: u64,
}

#[derive(Debug, Clone, Copy)]
struct Set {
    keys: [u64; WAYS],
    entries: [Option<Entry>; WAYS],
    next: u8,
}

/// One packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// How it first looked.
    pub first: Face,
    /// When it was last seen.
    pub last: Time,
    /// How often it was really sent.
    pub sent: u32,
    /// How often a copy was seen.
    pub copies: u32,
    faces: [Seen; FACES],
}

/// How often a packet showed one face.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    face: u32,
    /// How often, less what came within the mirror's delay.
    pub times: u32,
    /// When last.
    pub last: Time,
}

impl Entry {
    pub fn new(at: Time, face: Face) -> Self {
        let faces =
            [Seen { face: face.all, times: 1, last: at }, Seen::default(), Seen::default(), Seen::default()];
        Self { first: face, last: at, sent: 1, copies: 0, faces }
    }

    pub fn seen(&self, face: u32) -> Option<Seen> {
        self.faces.iter().find(|seen| seen.times > 0 && seen.face == face).copied()
    }

    /// Notes that it was really sent once more.
    pub fn send(&mut self, face: Face, at: Time) {
        self.sent = self.sent.saturating_add(1);
        self.show(face.all, at);
    }

    /// Notes a face; of more than [`FACES`] the second oldest is forgotten.
    pub fn show(&mut self, face: u32, at: Time) {
        let sent = self.sent;
        if let Some(seen) = self.faces.iter_mut().find(|seen| seen.times > 0 && seen.face == face) {
            seen.times = seen.times.saturating_add(1).min(sent);
            seen.last = seen.last.max(at);
        } else {
            let [_, second, third, fourth] = &mut self.faces;
            (*fourth, *third, *second) = (*third, *second, Seen { face, times: 1, last: at });
        }
    }
}

impl Recent {
    /// The most packets.
    pub const CAPACITY: usize = SETS_MAX * WAYS;

    pub fn new() -> Self {
        Self { sets: Vec::new(), forgotten: 0 }
    }

    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn find(&mut self, key: u64) -> Option<&mut Entry> {
        let place = self.place(key);
        let Set { keys, entries, .. } = self.sets.get_mut(place)?;
        let way = keys.iter().position(|other| *other == key)?;
        entries.get_mut(way)?.as_mut()
    }

    pub fn insert(&mut self, key: u64, entry: Entry, horizon: Span) {
        if self.sets.is_empty() {
            self.sets.resize(SETS_MIN, EMPTY);
        }
        let place = self.place(key);
        if self.sets.get_mut(place).is_some_and(|set| set.replace(key, entry, horizon)) {
            return;
        }
        if self.sets.len() < SETS_MAX {
            self.grow();
        } else {
            self.forgotten = self.forgotten.saturating_add(1);
        }
        let place = self.place(key);
        if let Some(set) = self.sets.get_mut(place) {
            set.put(key, entry);
        }
    }

    fn place(&self, key: u64) -> usize {
        key as usize & self.sets.len().saturating_sub(1)
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.sets.len().saturating_mul(2)];
        for set in std::mem::replace(&mut self.sets, larger) {
            // From the one that would have gone next on, so that the order stays.
            let next = usize::from(set.next);
            for way in (0..WAYS).map(|n| n.wrapping_add(next) % WAYS) {
                if let (Some(key), Some(Some(entry))) = (set.keys.get(way), set.entries.get(way)) {
                    let place = self.place(*key);
                    if let Some(set) = self.sets.get_mut(place) {
                        set.put(*key, *entry);
                    }
                }
            }
        }
    }
}

impl Set {
    /// Overwrites the oldest, unless that is younger than the horizon.
    fn replace(&mut self, key: u64, entry: Entry, horizon: Span) -> bool {
        let oldest = self.entries.get(usize::from(self.next)).copied().flatten();
        let is_free =
            oldest.is_none_or(|oldest| entry.last - oldest.last > horizon || entry.last < oldest.last);
        if is_free {
            self.put(key, entry);
        }
        is_free
    }

    fn put(&mut self, key: u64, entry: Entry) {
        let way = usize::from(self.next);
        if let (Some(old_key), Some(old)) = (self.keys.get_mut(way), self.entries.get_mut(way)) {
            *old_key = key;
            *old = Some(entry);
        }
        self.next = (self.next.wrapping_add(1)) % WAYS as u8;
    }
}

const EMPTY: Set = Set { keys: [0; WAYS], entries: [None; WAYS], next: 0 };

const WAYS: usize = 4;
const FACES: usize = 4;

/// 256 packets at first, 16,384 at most: 160,000 packets a second of one shard in 100 ms.
const SETS_MIN: usize = 64;
const SETS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_entries_are_young_and_no_further_than_its_cap() {
        let mut recent = Recent::new();
        let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20);
        for n in 0..100_000 {
            recent.insert(mixed(n), Entry::new(Time(0), Face::default()), Span::millis(100));
        }
        assert_eq!(recent.sets.len(), SETS_MAX);
        assert!(recent.forgotten() > 80_000);
        assert!(recent.find(mixed(99_999)).is_some());
    }

    #[test]
    fn old_entries_make_room_without_growth() {
        let mut recent = Recent::new();
        for n in 0..100_000_u32 {
            let key = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20);
            recent.insert(
                key,
                Entry::new(Time(i64::from(n) * 10_000_000), Face::default()),
                Span::millis(100),
            );
        }
        assert_eq!((recent.sets.len(), recent.forgotten()), (SETS_MIN, 0));
    }
}
