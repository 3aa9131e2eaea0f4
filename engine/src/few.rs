//! [`Few`] and [`FewBy`]: sets and maps that mostly hold one thing or a handful, in order.
//!
//! A device has one address and one VLAN, sometimes two. A tree's node for eleven
//! of them would be most of what a device takes; here the first lies in the set
//! itself, and more than one in a vector, sorted. Inserting moves what comes
//! behind, so that they are for sets with caps of some hundred at most.
//!
//! [`Seldom`]: what most have nothing of, and then takes a pointer.
//! [`Sometime`]: a time that may not be known, in the room of one.

use std::ops::Deref;

use spanwatch_parsers::Time;

/// A sorted set of few.
#[derive(Debug, Clone)]
pub enum Few<T> {
    /// One of them; most sets have no more.
    One(T),
    /// None, or several, each once, the least first.
    Several(Vec<T>),
}

/// What most have nothing of: read as if it were empty, and in a box of its own from the first change.
#[derive(Debug, Clone)]
pub struct Seldom<T>(Option<Box<T>>);

/// What reads like a thing that has nothing in it.
pub trait Empty: Default + 'static {
    /// Such a one.
    const EMPTY: &'static Self;
}

/// A time, if it is known: what is not sorts first, and takes no room of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sometime(Time);

/// A map of few, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FewBy<K, V>(Vec<(K, V)>);

impl Default for Sometime {
    fn default() -> Self {
        Self(Time::MIN)
    }
}

impl From<Option<Time>> for Sometime {
    fn from(time: Option<Time>) -> Self {
        time.map_or_else(Self::default, Self)
    }
}

impl Sometime {
    /// The time.
    #[must_use]
    pub fn get(self) -> Option<Time> {
        Some(self.0).filter(|time| *time != Time::MIN)
    }

    /// Makes it this one, and says what it was.
    pub fn replace(&mut self, time: Time) -> Option<Time> {
        std::mem::replace(self, Self(time)).get()
    }

    /// Makes it unknown, and says what it was.
    pub fn take(&mut self) -> Option<Time> {
        std::mem::take(self).get()
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Empty> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: 'static> Empty for Vec<T> {
    const EMPTY: &'static Self = &Self::new();
}

impl<T: Empty> Seldom<T> {
    /// To put something in.
    pub fn fill(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// To change or take out what there is, if anything.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// All of it, if anything.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.0.map(|it| *it)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T> Few<T> {
    /// None.
    pub const NONE: Self = Self::Several(Vec::new());

    /// All of them, the least first.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The least.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.as_slice().first()
    }

    /// All of them, the least first.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Keeps those that `is_kept` says.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        match self {
            Self::One(one) if is_kept(one) => {}
            Self::One(_) => *self = Self::default(),
            Self::Several(several) => several.retain(is_kept),
        }
    }
}

impl<T: Ord> Few<T> {
    /// Whether `item` is in it.
    #[must_use]
    pub fn contains(&self, item: &T) -> bool {
        match self {
            Self::One(one) => one == item,
            Self::Several(several) => several.binary_search(item).is_ok(),
        }
    }

    /// Adds `item`; whether it was not in it.
    pub fn insert(&mut self, item: T) -> bool {
        let several = match self {
            Self::One(one) if *one == item => return false,
            Self::One(_) => {
                let Self::One(one) = std::mem::take(self) else { return false };
                *self = Self::Several(if one < item { vec![one, item] } else { vec![item, one] });
                return true;
            }
            Self::Several(several) => several,
        };
        if several.is_empty() {
            *self = Self::One(item);
            return true;
        }
        let Err(place) = several.binary_search(&item) else { return false };
        several.insert(place, item);
        true
    }

    /// Takes `item` out; whether it was in it.
    pub fn remove(&mut self, item: &T) -> bool {
        let before = self.len();
        self.retain(|other| other != item);
        self.len() < before
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        for item in items {
            few.insert(item);
        }
        few
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, several) = match self {
            Self::One(one) => (Some(one), Vec::new()),
            Self::Several(several) => (None, several),
        };
        one.into_iter().chain(several)
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V> Default for FewBy<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> FewBy<K, V> {
    /// How many they are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// All values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Keeps those that `is_kept` says.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| is_kept(key, value));
    }
}

impl<K: Ord, V> FewBy<K, V> {
    /// Whether there is one of this key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// The one of this key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The one of this key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// The one of this key, made where there is none; `None` never is.
    pub fn or_insert(&mut self, key: K, value: V) -> Option<&mut V> {
        let place = self.place_or_insert(key, value);
        self.at(place)
    }

    /// The place of the one of this key, made where there is none; it holds until another is made or taken out.
    pub fn place_or_insert(&mut self, key: K, value: V) -> usize {
        self.place(&key).unwrap_or_else(|place| {
            if self.0.len() < EXACT {
                self.0.reserve_exact(1);
            }
            self.0.insert(place, (key, value));
            place
        })
    }

    /// The one in a place.
    pub fn at(&mut self, place: usize) -> Option<&mut V> {
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Takes the one of this key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        Some(self.0.remove(place).1)
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }
}

impl<K, V> IntoIterator for FewBy<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Up to so many, room is made for one at a time: most maps end there.
const EXACT: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((0_u8..3, 0_u8..6), 0..60)) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            let (mut few_by, mut map) = (FewBy::default(), BTreeMap::new());
            for (step, item) in steps {
                match step {
                    0 => {
                        prop_assert_eq!(few.remove(&item), set.remove(&item));
                        prop_assert_eq!(few_by.remove(&item), map.remove(&item));
                    }
                    1 => {
                        few.retain(|other| other % 2 == item % 2);
                        set.retain(|other| other % 2 == item % 2);
                    }
                    _ => {
                        prop_assert_eq!(few.insert(item), set.insert(item));
                        prop_assert_eq!(few_by.or_insert(item, step).copied(), Some(*map.entry(item).or_insert(step)));
                    }
                }
                prop_assert_eq!(few.contains(&item), set.contains(&item));
                prop_assert_eq!(few.as_slice(), set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(few_by.iter().collect::<Vec<_>>(), map.iter().collect::<Vec<_>>());
            }
            prop_assert_eq!(few.into_iter().collect::<Vec<_>>(), set.into_iter().collect::<Vec<_>>());
        }
    }
}
