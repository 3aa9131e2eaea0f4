//! Random numbers that are the same on every machine: xoshiro256** (Blackman and Vigna,
//! "Scrambled linear pseudorandom number generators", 2021), seeded by splitmix64.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random([u64; 4]);

impl Random {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| splitmix(&mut state)))
    }

    /// A stream of its own for `purpose`, whatever was drawn from this one before: what one part of a site
    /// draws never changes another part.
    #[must_use]
    pub fn of(seed: u64, purpose: &str, number: u64) -> Self {
        let named = purpose.bytes().fold(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15), |all, byte| {
            let mut state = all ^ u64::from(byte);
            splitmix(&mut state)
        });
        Self::new(named)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit.max(1))) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(high.abs_diff(low).saturating_add(1)))
    }

    /// Whether something happens that happens so many times in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// One of `all`, which is not empty.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_the_authors_publish() {
        // xoshiro256** from the state 1, 2, 3, 4, as the reference implementation prints it.
        let mut random = Random([1, 2, 3, 4]);
        let first: [u64; 4] = std::array::from_fn(|_| random.bits());
        assert_eq!(first, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut random = Random::new(7);
        let drawn: Vec<i64> = (0..1_000).map(|_| random.between(-2, 3)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&3)));
        assert!((0..1_000).all(|_| random.below(1) == 0));
    }

    #[test]
    fn purposes_do_not_disturb_one_another() {
        let mut a = Random::of(1, "site", 0);
        let mut b = Random::of(1, "world", 0);
        let mut again = Random::of(1, "site", 0);
        b.bits();
        let first = a.bits();
        assert_eq!(first, again.bits());
        assert_ne!(first, Random::of(1, "site", 1).bits());
        assert_ne!(first, Random::of(2, "site", 0).bits());
    }
}
