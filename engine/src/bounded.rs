//! [`Expiring`], the table for everything that traffic can make grow, and [`Table`], the same of what has its key in it.
//!
//! It takes its capacity and its idle time at birth. When it is full the oldest
//! entry goes and is handed to the caller, who says what was lost; [`Expiring::expire`]
//! hands out what was idle too long. Entries stand in a line:
//!
//! ```text
//! oldest ──► … ──► newest      found by key through a hash table of slot numbers
//! ```
//!
//! A use only notes the time; an entry that was used since it took its place is
//! sent to the end of the line when its turn to go has come (second chance). So
//! the order depends on what happened alone, never on a hash, and a use costs no
//! more than the lookup.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use std::hash::Hash;

use hashbrown::HashTable;
use spanwatch_parsers::{Span, Time};

use crate::ahead::fetch;
use crate::hash::Keyed;
use crate::slots::Slots;

/// A table of values that are found by keys beside them.
pub type Expiring<K, V> = Table<(K, V)>;

/// A table that holds at most `capacity` entries, and none much longer than it is idle.
#[derive(Debug)]
pub struct Table<E> {
    index: HashTable<u32>,
    slots: Slots<Slot<E>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    capacity: usize,
    idle: Span,
    keyed: Keyed,
    evicted: u64,
}

/// What a table holds.
pub trait Entry {
    /// By what it is found.
    type Key: Hash + Eq;
    /// What its user sees.
    type Value;

    /// By what it is found: the same as long as it is held.
    fn key(&self) -> &Self::Key;

    /// What its user sees.
    fn value(&self) -> &Self::Value;

    /// What its user sees, to be changed in all but its key.
    fn value_mut(&mut self) -> &mut Self::Value;
}

impl<K: Hash + Eq, V> Entry for (K, V) {
    type Key = K;
    type Value = V;

    fn key(&self) -> &K {
        &self.0
    }

    fn value(&self) -> &V {
        &self.1
    }

    fn value_mut(&mut self) -> &mut V {
        &mut self.1
    }
}

#[derive(Debug)]
struct Slot<E> {
    entry: Option<E>,
    used: Time,
    /// The next older one; with [`USED`] where this was used since it took its place.
    older: u32,
    newer: u32,
}

impl<E> Slot<E> {
    const fn older(&self) -> u32 {
        self.older & NONE
    }

    const fn was_used(&self) -> bool {
        self.older & USED != 0
    }

    fn touch(&mut self, now: Time) {
        if now > self.used {
            self.used = now;
            self.older |= USED;
        }
    }
}

impl<E: Entry> Table<E> {
    /// A table for at most `capacity` entries (at least one), each kept for `idle` after its last use.
    #[must_use]
    pub fn new(capacity: usize, idle: Span, seed: u64) -> Self {
        Self {
            index: HashTable::new(),
            slots: Slots::default(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            capacity: capacity.clamp(1, NONE as usize),
            idle,
            keyed: Keyed::new(seed),
            evicted: 0,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The most entries it holds.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many entries had to go for want of room, since it was made.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The entry of `key`, without counting as a use.
    #[must_use]
    pub fn peek(&self, key: &E::Key) -> Option<&E::Value> {
        self.look(self.find(key)?)
    }

    /// The entry of `key`, used at `now`.
    pub fn get(&mut self, key: &E::Key, now: Time) -> Option<&mut E::Value> {
        let slot = self.find(key)?;
        self.touch(slot, now)
    }

    /// The slot of `key`: where it stays until it is removed.
    #[must_use]
    pub fn find(&self, key: &E::Key) -> Option<usize> {
        let hash = self.keyed.of(key);
        let slots = &self.slots;
        self.index.find(hash, |slot| slot_key(slots, *slot) == Some(key)).map(|slot| *slot as usize)
    }

    /// Whether the entry of `key` stands in a slot.
    #[must_use]
    pub fn stands(&self, slot: u32, key: &E::Key) -> bool {
        slot_key(&self.slots, slot) == Some(key)
    }

    /// Fetches what stands where `key` may stand, and tells the slot: another may stand there.
    pub fn foresee(&self, key: &E::Key) -> Option<usize> {
        let at = *self.index.iter_hash(self.keyed.of(key)).next()? as usize;
        if let Some(slot) = self.slots.get(at) {
            fetch(slot);
            fetch(&slot.used);
        }
        Some(at)
    }

    /// When the entry in a slot was last used.
    #[must_use]
    pub fn used(&self, slot: usize) -> Option<Time> {
        self.slots.get(slot).filter(|slot| slot.entry.is_some()).map(|slot| slot.used)
    }

    /// The entry in a slot, used at `now`.
    pub fn touch(&mut self, slot: usize, now: Time) -> Option<&mut E::Value> {
        let slot = self.slots.get_mut(slot)?;
        slot.touch(now);
        slot.entry.as_mut().map(E::value_mut)
    }

    /// The entry in a slot, to be looked at.
    #[must_use]
    pub fn look(&self, slot: usize) -> Option<&E::Value> {
        self.slots.get(slot)?.entry.as_ref().map(E::value)
    }

    /// The entry in a slot, without counting as a use.
    pub fn at(&mut self, slot: usize) -> Option<&mut E::Value> {
        self.slots.get_mut(slot)?.entry.as_mut().map(E::value_mut)
    }

    /// Adds an entry and tells its slot, and what had to go: the entry of the
    /// same key, or the oldest where there was no room.
    pub fn put(&mut self, entry: E, now: Time) -> (usize, Option<E>) {
        match self.find(entry.key()) {
            Some(slot) => {
                let gone = self.take(slot);
                (self.add(entry, now).0, gone)
            }
            None => self.add(entry, now),
        }
    }

    /// The same of an entry whose key is not there.
    pub fn add(&mut self, entry: E, now: Time) -> (usize, Option<E>) {
        let is_full = self.len() >= self.capacity;
        self.evicted = self.evicted.saturating_add(is_full.into());
        let gone = if is_full { self.pop_oldest() } else { None };
        let hash = self.keyed.of(entry.key());
        let slot = Slot { entry: Some(entry), used: now, older: NONE, newer: NONE };
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(place) = self.slots.get_mut(number as usize) {
                    *place = slot;
                }
                number
            }
            None => u32::try_from(self.slots.push(slot)).unwrap_or(NONE),
        };
        let (slots, keyed) = (&self.slots, self.keyed);
        self.index.insert_unique(hash, number, |slot| slot_key(slots, *slot).map_or(0, |key| keyed.of(key)));
        self.queue(number);
        (number as usize, gone)
    }

    /// Takes the entry of a slot out.
    pub fn take(&mut self, slot: usize) -> Option<E> {
        let number = u32::try_from(slot).ok()?;
        let entry = self.slots.get_mut(slot)?.entry.take()?;
        let hash = self.keyed.of(entry.key());
        if let Ok(found) = self.index.find_entry(hash, |other| *other == number) {
            found.remove();
        }
        self.unqueue(number);
        self.free.push(number);
        Some(entry)
    }

    /// Takes out one entry that was idle too long at `now`; call it until it says `None`.
    ///
    /// An entry stays for the idle time at least and twice that at most.
    pub fn expire(&mut self, now: Time) -> Option<E> {
        self.pass_used();
        let oldest = self.slots.get(self.oldest as usize)?;
        if now.0.saturating_sub(oldest.used.0) > self.idle.0 { self.take(self.oldest as usize) } else { None }
    }

    /// Takes the entry out whose turn it is to go.
    pub fn pop_oldest(&mut self) -> Option<E> {
        self.pass_used();
        self.take(self.oldest as usize)
    }

    /// Everything in it, in the order of the line.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &E> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            next = slot.newer;
            slot.entry.as_ref()
        })
    }

    /// Sends what was used since it took its place to the end, until the oldest is one that was not.
    fn pass_used(&mut self) {
        for _ in 0..self.len() {
            let number = self.oldest;
            if !self.slots.get(number as usize).is_some_and(Slot::was_used) {
                return;
            }
            self.unqueue(number);
            self.queue(number);
        }
    }

    fn queue(&mut self, number: u32) {
        let newest = std::mem::replace(&mut self.newest, number);
        if let Some(slot) = self.slots.get_mut(number as usize) {
            (slot.older, slot.newer) = (newest, NONE);
        }
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = number,
            None => self.oldest = number,
        }
    }

    fn unqueue(&mut self, number: u32) {
        let Some(slot) = self.slots.get(number as usize) else { return };
        let (older, newer) = (slot.older(), slot.newer);
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older | slot.older & USED,
            None => self.newest = older,
        }
    }
}

impl<K: Hash + Eq, V> Expiring<K, V> {
    /// The same of a key and its value.
    pub fn insert(&mut self, key: K, value: V, now: Time) -> (usize, Option<(K, V)>) {
        self.put((key, value), now)
    }
}

fn slot_key<E: Entry>(slots: &Slots<Slot<E>>, number: u32) -> Option<&E::Key> {
    slots.get(number as usize)?.entry.as_ref().map(E::key)
}

/// No slot: the end of the line.
const NONE: u32 = u32::MAX >> 1;

/// A mark beside a slot's number.
const USED: u32 = !NONE;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn second(s: i64) -> Time {
        Time(s * 1_000_000_000)
    }

    fn table(capacity: usize) -> Expiring<u32, &'static str> {
        Expiring::new(capacity, Span::seconds(10), 1)
    }

    #[test]
    fn full_table_gives_back_its_oldest_and_counts_it() {
        let mut table = table(2);
        table.insert(1, "a", second(0));
        table.insert(2, "b", second(1));
        let (_, gone) = table.insert(3, "c", second(2));
        assert_eq!((gone, table.len(), table.evicted()), (Some((1, "a")), 2, 1));
    }

    #[test]
    fn entry_in_use_outlives_one_that_is_not() {
        let mut table = table(2);
        table.insert(1, "a", second(0));
        table.insert(2, "b", second(1));
        table.get(&1, second(2));
        assert_eq!(table.insert(3, "c", second(3)).1, Some((2, "b")));
    }

    #[test]
    fn replaced_entry_is_given_back_and_not_counted() {
        let mut table = table(2);
        table.insert(1, "a", second(0));
        assert_eq!(table.insert(1, "b", second(0)).1, Some((1, "a")));
        assert_eq!((table.len(), table.evicted()), (1, 0));
    }

    #[test]
    fn idle_entries_expire_after_their_time() {
        let mut table = table(8);
        table.insert(1, "a", second(0));
        table.insert(2, "b", second(0));
        table.get(&1, second(5));
        assert_eq!(table.expire(second(10)), None);
        assert_eq!(table.expire(second(11)), Some((2, "b")));
        assert_eq!(table.expire(second(11)), None);
        assert_eq!(table.expire(second(16)), Some((1, "a")));
        assert!(table.is_empty());
    }

    proptest! {
        /// Against a queue that is searched from end to end.
        #[test]
        fn it_behaves_like_a_simple_queue(steps in prop::collection::vec((0_u8..4, 0_u32..12), 0..300)) {
            let mut table: Expiring<u32, u64> = Expiring::new(5, Span::seconds(1_000), 3);
            let mut model: VecDeque<(u32, u64, bool)> = VecDeque::new();
            for (time, (step, key)) in (0_u64..).zip(steps) {
                let now = second(i64::try_from(time).unwrap());
                let known = model.iter().position(|(other, ..)| *other == key);
                match step {
                    0 | 1 => {
                        let mut gone = None;
                        if let Some(place) = known {
                            gone = model.remove(place).map(|(key, value, _)| (key, value));
                        } else if model.len() == 5 {
                            while model[0].2 {
                                let (key, value, _) = model.pop_front().unwrap();
                                model.push_back((key, value, false));
                            }
                            gone = model.pop_front().map(|(key, value, _)| (key, value));
                        }
                        model.push_back((key, time, false));
                        prop_assert_eq!(table.insert(key, time, now).1, gone);
                    }
                    2 => {
                        let found = table.get(&key, now).copied();
                        prop_assert_eq!(found, known.map(|place| model[place].1));
                        if let Some(place) = known {
                            model[place].2 = true;
                        }
                    }
                    _ => {
                        let gone = known.and_then(|place| model.remove(place)).map(|(_, value, _)| value);
                        let taken = table.find(&key).and_then(|slot| table.take(slot));
                        prop_assert_eq!(taken.map(|(_, value)| value), gone);
                    }
                }
                let line: Vec<_> = table.iter().copied().collect();
                let expected: Vec<_> = model.iter().map(|(key, value, _)| (*key, *value)).collect();
                prop_assert_eq!(line, expected);
            }
        }
    }
}
