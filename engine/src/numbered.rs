//! [`Numbered`], the table of what is held on each device, and [`Slots`], which it stands in.
//!
//! ```text
//! number (nth, place) ──► slot of the newest at this place ──► of an older one whose place it was
//! ```
//!
//! A device's number says its place among all, so that nothing is hashed. The place of one that is
//! gone goes to another; what is held on both stands in one line. Whoever walks through all goes by
//! number. Slots lie in pieces that stay where they are: a table that grows copies nothing and holds
//! no second room meanwhile.

use std::num::NonZeroU32;

use crate::ahead::fetch;
use crate::ledger::directory::Number;

/// One thing for each number.
#[derive(Debug)]
pub struct Numbered<T> {
    /// By place, the first slot of its line.
    lines: Vec<u32>,
    slots: Slots<Slot<T>>,
    free: Vec<u32>,
    count: usize,
}

#[derive(Debug)]
struct Slot<T> {
    /// Which device it is of; its place is that of the line.
    nth: NonZeroU32,
    /// The next slot of the same place.
    next: u32,
    /// `None` where it is free.
    item: Option<T>,
}

/// Things that stay where they are, found by their place.
#[derive(Debug)]
pub struct Slots<T>(Vec<Vec<T>>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), slots: Slots::default(), free: Vec::new(), count: 0 }
    }
}

impl<T> Numbered<T> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What has this number.
    #[must_use]
    pub fn get(&self, number: Number) -> Option<&T> {
        let mut slot = self.slot(self.first(number))?;
        while slot.nth != number.nth() {
            slot = self.slot(slot.next)?;
        }
        slot.item.as_ref()
    }

    /// What has this number.
    pub fn get_mut(&mut self, number: Number) -> Option<&mut T> {
        let slot = self.find(number)?;
        self.slots.get_mut(slot as usize)?.item.as_mut()
    }

    /// Fetches where it begins, for who will ask for it.
    pub fn foresee(&self, number: Number) {
        if let Some(slot) = self.slots.get(self.first(number) as usize) {
            fetch(slot);
            fetch(&slot.nth);
        }
    }

    /// Puts something in under a number that has nothing yet; what had it goes.
    pub fn insert(&mut self, number: Number, item: T) {
        self.remove(number);
        self.put(number, item);
    }

    fn put(&mut self, number: Number, item: T) -> u32 {
        let place = number.place();
        if self.lines.len() <= place {
            self.lines.resize(place.saturating_add(1), NONE);
        }
        let slot = Slot { nth: number.nth(), next: self.first(number), item: Some(item) };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at as usize) {
                    *place = slot;
                }
                at
            }
            None => u32::try_from(self.slots.push(slot)).unwrap_or(NONE),
        };
        if let Some(first) = self.lines.get_mut(place) {
            *first = at;
        }
        self.count = self.count.saturating_add(1);
        at
    }

    /// What has this number, made where there is nothing yet; `None` never is.
    pub fn or_insert_with(&mut self, number: Number, make: impl FnOnce() -> T) -> Option<&mut T> {
        let slot = match self.find(number) {
            Some(slot) => slot,
            None => self.put(number, make()),
        };
        self.slots.get_mut(slot as usize)?.item.as_mut()
    }

    /// Takes out what has this number.
    pub fn remove(&mut self, number: Number) -> Option<T> {
        let at = self.find(number)?;
        let slot = self.slots.get_mut(at as usize)?;
        let (next, item) = (slot.next, slot.item.take());
        if let Some(before) = self.before(number, at).and_then(|it| self.slots.get_mut(it as usize)) {
            before.next = next;
        } else if let Some(first) = self.lines.get_mut(number.place()) {
            *first = next;
        }
        self.free.push(at);
        self.count = self.count.saturating_sub(1);
        item
    }

    /// All of them by number.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &T)> {
        self.numbers().into_iter().filter_map(|(number, at)| Some((number, self.slot(at)?.item.as_ref()?)))
    }

    /// All of them in no particular order, for who counts them.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.item.as_ref())
    }

    /// All of them by number, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Number, &mut T)> {
        let mut numbers = self.numbers();
        numbers.sort_unstable_by_key(|(_, at)| *at);
        let mut numbers = numbers.into_iter().peekable();
        let of_slot = (0..).zip(self.slots.iter_mut()).filter_map(|(at, slot)| {
            let (number, _) = numbers.next_if(|(_, of)| *of == at)?;
            Some((number, slot.item.as_mut()?))
        });
        let mut all: Vec<(Number, &mut T)> = of_slot.collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter()
    }

    /// All numbers in their order, each with its slot.
    fn numbers(&self) -> Vec<(Number, u32)> {
        let mut all = Vec::with_capacity(self.count);
        for (place, first) in (0..).zip(&self.lines) {
            let mut at = *first;
            while let Some(slot) = self.slot(at) {
                all.push((Number::new(slot.nth, place), at));
                at = slot.next;
            }
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    fn first(&self, number: Number) -> u32 {
        self.lines.get(number.place()).copied().unwrap_or(NONE)
    }

    fn slot(&self, at: u32) -> Option<&Slot<T>> {
        self.slots.get(at as usize)
    }

    /// The slot in the line of `number` that is followed by the one at `at`, if that is not the first.
    fn before(&self, number: Number, at: u32) -> Option<u32> {
        let mut before = self.first(number);
        while before != at {
            let next = self.slot(before)?.next;
            if next == at {
                return Some(before);
            }
            before = next;
        }
        None
    }

    fn find(&self, number: Number) -> Option<u32> {
        let mut at = self.first(number);
        loop {
            let slot = self.slot(at)?;
            if slot.nth == number.nth() {
                return Some(at);
            }
            at = slot.next;
        }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * PIECE + last.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one at `place`.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place / PIECE)?.get(place % PIECE)
    }

    /// The one at `place`.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.0.get_mut(place / PIECE)?.get_mut(place % PIECE)
    }

    /// Adds one and tells its place.
    pub fn push(&mut self, item: T) -> usize {
        let place = self.len();
        match self.0.last_mut().filter(|last| last.len() < PIECE) {
            // The first piece grows as it is needed: most tables of most captures stay small.
            Some(last) => last.push(item),
            None => {
                let mut piece = Vec::with_capacity(if place == 0 { PIECE / 16 } else { PIECE });
                piece.push(item);
                self.0.push(piece);
            }
        }
        place
    }

    /// Takes all out, and keeps room for as many as most tables need.
    pub fn clear(&mut self) {
        self.0.truncate(1);
        self.0.iter_mut().for_each(Vec::clear);
    }

    /// All of them, in order of place.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// All of them, in order of place, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }
}

impl<T> IntoIterator for Slots<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

/// No slot: the end of a line.
const NONE: u32 = u32::MAX;

/// Slots in one piece.
const PIECE: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of 200 numbers eight have each place.
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((any::<bool>(), 0_u32..200), 0..600)) {
            let (mut table, mut tree) = (Numbered::default(), BTreeMap::new());
            for (is_added, n) in steps {
                let number = Number::new(NonZeroU32::MIN.saturating_add(n), n % 25);
                if is_added {
                    table.insert(number, n);
                    tree.insert(number, n);
                } else {
                    prop_assert_eq!(table.remove(number), tree.remove(&number));
                }
                prop_assert_eq!(table.get(number), tree.get(&number));
                prop_assert_eq!(table.get_mut(number).copied(), tree.get(&number).copied());
                prop_assert_eq!(table.len(), tree.len());
            }
            let all: Vec<_> = tree.iter().map(|(number, item)| (*number, item)).collect();
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), all);
            let changed: Vec<_> = table.iter_mut().map(|(number, item)| (number, *item)).collect();
            prop_assert_eq!(changed, tree.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn slots_keep_their_places() {
        let mut slots = Slots::default();
        for n in 0..1_000_usize {
            assert_eq!((slots.len(), slots.push(n)), (n, n));
        }
        assert!((0..1_000).all(|n| slots.get(n) == Some(&n)));
        assert!(slots.iter().copied().eq(0..1_000));
        assert_eq!(slots.get(1_000), None);
    }
}
