//! One keyed hash for every table, so that nobody outside can aim at a bucket.
//!
//! Each word, or pair of words, is folded in by a 64 × 64 → 128 bit multiplication
//! whose halves are added without carry. It is fast and mixes well; it is no cryptographic hash,
//! and its values show nowhere: of a table that is gone through, what is told is sorted.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// Makes [`Mixer`]s that start from one seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keyed(u64);

impl Keyed {
    /// A family of hashes chosen by `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(fold(seed ^ ODD, ODD_TOO))
    }

    /// The hash of one value.
    #[must_use]
    pub fn of<T: Hash + ?Sized>(self, value: &T) -> u64 {
        self.hash_one(value)
    }
}

/// A seed by chance, against who would fill one bucket of a table; no result depends on it.
#[must_use]
pub fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl BuildHasher for Keyed {
    type Hasher = Mixer;

    fn build_hasher(&self) -> Mixer {
        Mixer(self.0)
    }
}

/// The hash under way.
#[derive(Debug, Clone, Copy)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        fold(self.0, ODD)
    }

    fn write(&mut self, bytes: &[u8]) {
        for pair in bytes.as_chunks().0 {
            self.write_u128(u128::from_le_bytes(*pair));
        }
        // Of what is longer than a pair the last pair whole, which is quicker than what is left.
        let last = bytes.last_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; 16];
            for (to, from) in last.iter_mut().zip(bytes) {
                *to = *from;
            }
            last
        });
        self.write_u128(u128::from_le_bytes(last) ^ (bytes.len() as u128).rotate_right(8));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value, ODD_TOO).wrapping_add(value);
    }

    fn write_u128(&mut self, value: u128) {
        let (low, high) = (value as u64, (value >> 64) as u64);
        // Where the seed is a secret, nobody outside knows what makes either factor zero.
        let folded = fold(self.0 ^ low, self.0.rotate_left(32) ^ ODD ^ high);
        self.0 = folded.wrapping_add(low ^ high);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// Multiplies to 128 bits and joins the halves.
#[must_use]
pub const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Two odd numbers without a pattern: the fractions of the square roots of 2 and 3.
const ODD: u64 = 0x6a09_e667_f3bc_c909;
const ODD_TOO: u64 = 0xbb67_ae85_84ca_a73b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_give_other_hashes() {
        assert_ne!(Keyed::new(1).of(&7_u64), Keyed::new(2).of(&7_u64));
        assert_eq!(Keyed::new(1).of(&7_u64), Keyed::new(1).of(&7_u64));
    }

    #[test]
    fn zeros_at_the_end_change_the_hash() {
        let keyed = Keyed::new(0);
        assert_ne!(keyed.of(&[0_u8; 3][..]), keyed.of(&[0_u8; 4][..]));
    }

    #[test]
    fn near_values_fall_into_all_buckets_alike() {
        let mut buckets = [0_u32; 64];
        for value in 0..64_000_u64 {
            let hash = Keyed::new(9).of(&(value << 20));
            buckets[(hash >> 58) as usize] += 1;
        }
        assert!(buckets.iter().all(|count| (800..1_200).contains(count)), "{buckets:?}");
    }
}
