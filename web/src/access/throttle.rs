//! How often somebody may fail: so many tries in a while, then a pause ([`Throttle`]). Bounded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use spanwatch_parsers::{Span, Time};

/// Counts tries by a key: an account, or an address.
#[derive(Debug)]
pub struct Throttle {
    tries: Mutex<BTreeMap<String, Tries>>,
    max: u32,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    since: Time,
}

impl Throttle {
    /// Lets `max` tries pass in [`WHILE`].
    pub const fn new(max: u32) -> Self {
        Self { tries: Mutex::new(BTreeMap::new()), max }
    }

    /// Counts a try before it is made, so that many at once are no way around it.
    ///
    /// # Errors
    /// How long to wait, where it is one too many; that one is not counted.
    pub fn begin(&self, key: &str, now: Time) -> Result<(), Span> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, it| now < it.since + WHILE && it.since <= now);
        if let Some(known) = tries.get_mut(key) {
            if known.count >= self.max {
                return Err((known.since + WHILE) - now);
            }
            known.count = known.count.saturating_add(1);
            // The pause is counted from the last try that was heard.
            if known.count >= self.max {
                known.since = now;
            }
            return Ok(());
        }
        if tries.len() >= KEYS_MAX {
            let rarest = tries.iter().min_by_key(|(_, it)| (it.count, it.since)).map(|(key, _)| key.clone());
            rarest.and_then(|key| tries.remove(&key));
        }
        tries.insert(key.to_owned(), Tries { count: 1, since: now });
        Ok(())
    }

    /// Forgets one's tries: the last was right.
    pub fn forget(&self, key: &str) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// In which tries are counted, and for how long there is a pause.
const WHILE: Span = Span::seconds(15 * 60);
/// Keys that are kept; who failed least and longest ago goes first.
const KEYS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(second * 1_000_000_000)
    }

    #[test]
    fn after_so_many_tries_there_is_a_pause() {
        let throttle = Throttle::new(3);
        for second in 0..3 {
            assert_eq!(throttle.begin("jo", at(second)), Ok(()));
        }
        assert_eq!(throttle.begin("jo", at(3)), Err(Span::seconds(15 * 60 - 1)));
        assert_eq!(throttle.begin("kim", at(3)), Ok(()), "nobody else's");
        assert!(throttle.begin("jo", at(15 * 60 + 1)).is_err());
        assert_eq!(throttle.begin("jo", at(15 * 60 + 2)), Ok(()));
        throttle.forget("jo");
        assert_eq!(throttle.begin("jo", at(15 * 60 + 3)), Ok(()));
    }

    #[test]
    fn many_keys_push_nobody_out_who_failed_often() {
        let throttle = Throttle::new(2);
        let _ = (throttle.begin("jo", at(0)), throttle.begin("jo", at(0)));
        for key in 0..10_000 {
            assert_eq!(throttle.begin(&key.to_string(), at(1)), Ok(()));
        }
        assert!(throttle.begin("jo", at(2)).is_err());
        assert!(throttle.tries.lock().unwrap().len() <= KEYS_MAX);
    }
}
