//! [`Number`], by which a device is known inside, and [`Numbered`], the table of what is held on each.
//!
//! ```text
//! number (nth, place) ──► slot of the newest at this place ──► of an older one whose place it was
//! ```
//!
//! A device's number says its place among all, so that nothing is hashed. The place of one that is
//! gone goes to another; what is held on both stands in one line. Whoever walks through all goes by
//! number.

use std::num::NonZeroU32;

use crate::ahead::fetch;
use crate::slots::Slots;

/// A device's number inside: which one it is, and its place among all that there are.
///
/// No other device is ever the nth; its place goes to another once it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// Counted from 1.
    nth: NonZeroU32,
    place: u32,
}

/// Numbers that are given, and places.
#[derive(Debug, Default)]
pub struct Numbers {
    given: u32,
    places: u32,
    /// Places of devices that are gone.
    free: Vec<u32>,
}

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

impl Number {
    /// The nth, counted from 1, which has this place.
    #[must_use]
    pub const fn new(nth: NonZeroU32, place: u32) -> Self {
        Self { nth, place }
    }

    /// The one that comes after `before` others, all of which are still there.
    #[cfg(test)]
    pub(crate) const fn for_test(before: u32) -> Self {
        Self::new(NonZeroU32::MIN.saturating_add(before), before)
    }

    /// Which one it is, counted from 1.
    #[must_use]
    pub const fn nth(self) -> NonZeroU32 {
        self.nth
    }

    /// How many came before it.
    #[must_use]
    pub const fn before(self) -> u32 {
        self.nth.get().saturating_sub(1)
    }

    /// Its place among all that there are.
    #[must_use]
    pub const fn place(self) -> usize {
        self.place as usize
    }
}

impl Numbers {
    /// The next device's.
    pub fn give(&mut self) -> Number {
        let place = self.free.pop().unwrap_or_else(|| {
            let place = self.places;
            self.places = place.saturating_add(1);
            place
        });
        let number = Number::new(NonZeroU32::MIN.saturating_add(self.given), place);
        self.given = self.given.saturating_add(1);
        number
    }

    /// Says that a device is gone, so that its place may go to another.
    pub fn give_back(&mut self, number: Number) {
        self.free.push(number.place);
    }
}

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
        self.find(number).and_then(|(_, slot)| slot.item.as_ref())
    }

    /// What has this number.
    pub fn get_mut(&mut self, number: Number) -> Option<&mut T> {
        let (at, _) = self.find(number)?;
        self.slots.get_mut(at as usize)?.item.as_mut()
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
        let at = match self.find(number) {
            Some((at, _)) => at,
            None => self.put(number, make()),
        };
        self.slots.get_mut(at as usize)?.item.as_mut()
    }

    /// Takes out what has this number.
    pub fn remove(&mut self, number: Number) -> Option<T> {
        let (at, _) = self.find(number)?;
        let before =
            self.line(self.first(number)).find(|(_, slot)| slot.next == at).map(|(before, _)| before);
        let slot = self.slots.get_mut(at as usize)?;
        let (next, item) = (slot.next, slot.item.take());
        if let Some(before) = before.and_then(|before| self.slots.get_mut(before as usize)) {
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
        self.numbers()
            .into_iter()
            .filter_map(|(number, at)| Some((number, self.slots.get(at as usize)?.item.as_ref()?)))
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
            all.extend(self.line(*first).map(|(at, slot)| (Number::new(slot.nth, place), at)));
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    fn first(&self, number: Number) -> u32 {
        self.lines.get(number.place()).copied().unwrap_or(NONE)
    }

    /// The slots of a line from one on.
    fn line(&self, first: u32) -> impl Iterator<Item = (u32, &Slot<T>)> {
        let at = |at: u32| self.slots.get(at as usize).map(|slot| (at, slot));
        std::iter::successors(at(first), move |(_, slot)| at(slot.next))
    }

    #[inline]
    fn find(&self, number: Number) -> Option<(u32, &Slot<T>)> {
        self.line(self.first(number)).find(|(_, slot)| slot.nth == number.nth())
    }
}

/// No slot: the end of a line.
const NONE: u32 = u32::MAX;

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
    fn the_place_of_one_that_is_gone_goes_to_another_who_is_not_taken_for_it() {
        let (mut numbers, mut table) = (Numbers::default(), Numbered::default());
        let [first, second] = [numbers.give(), numbers.give()];
        table.insert(first, 'a');
        numbers.give_back(first);
        let third = numbers.give();
        assert_eq!((third.place(), third.before(), second.place()), (first.place(), 2, 1));
        assert_eq!(table.get(third), None);
        table.insert(third, 'c');
        assert_eq!((table.get(first), table.get(third)), (Some(&'a'), Some(&'c')));
    }
}
