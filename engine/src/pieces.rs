//! [`Pieces`]: bytes that arrived before their turn, in order and without overlap.
//!
//! Of bytes that come twice the first are kept: a later copy can fill holes, and
//! change nothing.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::BTreeMap;

/// Stretches of bytes by their offset. Most connections never wait for one: those hold nothing but the place for it.
#[derive(Debug, Default)]
pub struct Pieces(Option<Box<Held>>);

#[derive(Debug, Default)]
struct Held {
    pieces: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
}

impl Pieces {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many stretches there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.pieces.len())
    }

    /// The memory in use, the book-keeping included.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.bytes)
    }

    /// The first offset.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.0.as_ref()?.pieces.keys().next().copied()
    }

    /// The offset behind the last byte.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        let (at, piece) = self.0.as_ref()?.pieces.last_key_value()?;
        Some(at.saturating_add(piece.len() as u64))
    }

    /// Whether everything from 0 up to `length` is here.
    #[must_use]
    pub fn reaches(&self, length: u64) -> bool {
        if (self.held() as u64) < length {
            return false;
        }
        let mut reached = 0;
        for (at, piece) in self.0.iter().flat_map(|held| &held.pieces) {
            if *at > reached {
                break;
            }
            reached = at.saturating_add(piece.len() as u64);
        }
        reached >= length
    }

    /// Takes out the first stretch.
    pub fn pop_first(&mut self) -> Option<(u64, Box<[u8]>)> {
        let held = self.0.as_mut()?;
        let (at, piece) = held.pieces.pop_first()?;
        held.bytes = held.bytes.saturating_sub(cost(piece.len()));
        if held.pieces.is_empty() {
            self.0 = None;
        }
        Some((at, piece))
    }

    /// Adds what is new of `bytes`, which begin at `at`.
    pub fn add(&mut self, at: u64, bytes: &[u8]) {
        self.0.get_or_insert_default().add(at, bytes);
    }
}

impl Held {
    fn add(&mut self, at: u64, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len() as u64);
        let mut from = match self.pieces.range(..=at).next_back() {
            Some((before, piece)) => before.saturating_add(piece.len() as u64).max(at),
            None => at,
        };
        while from < end {
            let next = self.pieces.range(from..end).next();
            let (to, beyond) = match next {
                Some((next, piece)) => (*next, next.saturating_add(piece.len() as u64)),
                None => (end, end),
            };
            if from < to {
                self.keep(from, bytes, (from.saturating_sub(at), to.saturating_sub(at)));
            }
            from = beyond;
        }
    }

    fn keep(&mut self, at: u64, bytes: &[u8], (from, to): (u64, u64)) {
        let part = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        if let Some(part) = part.and_then(|(from, to)| bytes.get(from..to)) {
            self.bytes = self.bytes.saturating_add(cost(part.len()));
            self.pieces.insert(at, part.into());
        }
    }
}

fn cost(length: usize) -> usize {
    length.saturating_add(OVERHEAD)
}

/// What a stretch costs besides its bytes: its place in the tree and the allocator's rounding.
const OVERHEAD: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut pieces: Pieces) -> Vec<(u64, Vec<u8>)> {
        std::iter::from_fn(|| pieces.pop_first()).map(|(at, piece)| (at, piece.into())).collect()
    }

    #[test]
    fn first_bytes_win() {
        let mut pieces = Pieces::default();
        pieces.add(2, b"cd");
        pieces.add(6, b"g");
        pieces.add(0, b"XXXXXXXX");
        let expected = [
            (0, b"XX".to_vec()),
            (2, b"cd".to_vec()),
            (4, b"XX".to_vec()),
            (6, b"g".to_vec()),
            (7, b"X".to_vec()),
        ];
        assert_eq!(pieces.end(), Some(8));
        assert_eq!(all(pieces), expected);
    }

    #[test]
    fn nothing_is_held_once_all_is_taken() {
        let mut pieces = Pieces::default();
        pieces.add(5, b"abc");
        pieces.add(5, b"abc");
        assert_eq!((pieces.len(), pieces.held()), (1, 3 + OVERHEAD));
        pieces.pop_first();
        assert_eq!((pieces.is_empty(), pieces.held()), (true, 0));
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_byte_array(adds in prop::collection::vec((0_u64..64, prop::collection::vec(any::<u8>(), 0..24)), 0..20)) {
            let mut model = [None; 128];
            let mut pieces = Pieces::default();
            for (at, bytes) in &adds {
                pieces.add(*at, bytes);
                for (place, byte) in bytes.iter().enumerate() {
                    model[usize::try_from(*at).unwrap() + place].get_or_insert(*byte);
                }
            }
            let mut found = [None; 128];
            for (at, bytes) in all(pieces) {
                for (place, byte) in bytes.iter().enumerate() {
                    let cell = &mut found[usize::try_from(at).unwrap() + place];
                    prop_assert!(cell.is_none());
                    *cell = Some(*byte);
                }
            }
            prop_assert_eq!(model, found);
        }
    }
}
