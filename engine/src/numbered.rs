//! [`Numbered`], the table of what is held on each device, and [`Slots`], which it stands in.
//!
//! Numbers are given in order and never again, so that they need no keyed hash;
//! whoever walks through all goes by number. Slots lie in pieces that stay where
//! they are: a table that grows copies nothing and holds no second room meanwhile.

use hashbrown::HashTable;

use crate::hash::fold;
use crate::ledger::directory::Number;

/// One thing for each number.
#[derive(Debug)]
pub struct Numbered<T> {
    /// Numbers, and their slots.
    index: HashTable<(Number, u32)>,
    slots: Slots<Option<(Number, T)>>,
    free: Vec<u32>,
}

/// Things that stay where they are, found by their place.
#[derive(Debug)]
pub struct Slots<T>(Vec<Vec<T>>);

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { index: HashTable::new(), slots: Slots::default(), free: Vec::new() }
    }
}

impl<T> Numbered<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What has this number.
    #[must_use]
    pub fn get(&self, number: Number) -> Option<&T> {
        let slot = self.find(number)?;
        self.slots.get(slot as usize)?.as_ref().map(|(_, item)| item)
    }

    /// What has this number.
    pub fn get_mut(&mut self, number: Number) -> Option<&mut T> {
        let slot = self.find(number)?;
        self.slots.get_mut(slot as usize)?.as_mut().map(|(_, item)| item)
    }

    /// Puts something in under a number that has nothing yet; what had it goes.
    pub fn insert(&mut self, number: Number, item: T) {
        self.remove(number);
        self.put(number, item);
    }

    fn put(&mut self, number: Number, item: T) -> u32 {
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.slots.get_mut(slot as usize) {
                    *place = Some((number, item));
                }
                slot
            }
            None => u32::try_from(self.slots.push(Some((number, item)))).unwrap_or(u32::MAX),
        };
        self.index.insert_unique(hash(number), (number, slot), |(number, _)| hash(*number));
        slot
    }

    /// What has this number, made where there is nothing yet; `None` never is.
    pub fn or_insert_with(&mut self, number: Number, make: impl FnOnce() -> T) -> Option<&mut T> {
        let slot = match self.find(number) {
            Some(slot) => slot,
            None => self.put(number, make()),
        };
        self.slots.get_mut(slot as usize)?.as_mut().map(|(_, item)| item)
    }

    /// Takes out what has this number.
    pub fn remove(&mut self, number: Number) -> Option<T> {
        let found = self.index.find_entry(hash(number), |(of, _)| *of == number).ok()?;
        let ((_, slot), _) = found.remove();
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take().map(|(_, item)| item)
    }

    /// All of them by number.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &T)> {
        let mut all: Vec<(Number, &T)> =
            self.slots.iter().flatten().map(|(number, item)| (*number, item)).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter()
    }

    /// All of them in no particular order, for who counts them.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten().map(|(_, item)| item)
    }

    /// All of them by number, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Number, &mut T)> {
        let mut all: Vec<(Number, &mut T)> =
            self.slots.iter_mut().flatten().map(|(number, item)| (*number, item)).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter()
    }

    fn find(&self, number: Number) -> Option<u32> {
        self.index.find(hash(number), |(of, _)| *of == number).map(|(_, slot)| *slot)
    }
}

/// Numbers are ours and come in order: nobody aims at a bucket with them.
fn hash(number: Number) -> u64 {
    fold(u64::from(number.0) ^ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93)
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

/// Slots in one piece.
const PIECE: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((any::<bool>(), 0_u32..200), 0..600)) {
            let (mut table, mut tree) = (Numbered::default(), BTreeMap::new());
            for (is_added, number) in steps {
                if is_added {
                    table.insert(Number(number), number);
                    tree.insert(Number(number), number);
                } else {
                    prop_assert_eq!(table.remove(Number(number)), tree.remove(&Number(number)));
                }
                prop_assert_eq!(table.get(Number(number)), tree.get(&Number(number)));
                prop_assert_eq!(table.len(), tree.len());
            }
            let all: Vec<_> = tree.iter().map(|(number, item)| (*number, item)).collect();
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), all);
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
