//! [`Slots`]: a table's room, in pieces that stay where they are, so that what grows copies nothing and holds no
//! second room meanwhile.

/// Things that stay where they are, found by their place.
#[derive(Debug)]
pub struct Slots<T>(Vec<Vec<T>>);

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
    use super::*;

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
