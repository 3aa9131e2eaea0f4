//! What was found out of a picture once: lists in their order, counts, the map ([`Memo`]). A picture never changes, so that neither do they.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What was asked last.
#[derive(Default)]
pub struct Memo {
    known: Mutex<VecDeque<(String, Arc<dyn Any + Send + Sync>)>>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Memo {
    /// What `make` makes, or made before under this key. Who asks at the same time may make it twice, and waits for nobody.
    pub fn of<T: Any + Send + Sync>(&self, key: &str, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.known(key) {
            return known;
        }
        let made = Arc::new(make());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(KNOWN_MAX - 1);
        known.push_front((key.to_owned(), Arc::clone(&made) as _));
        made
    }

    fn known<T: Any + Send + Sync>(&self, key: &str) -> Option<Arc<T>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|(own, _)| own == key)?;
        let found = known.remove(at)?;
        let value = Arc::clone(&found.1);
        known.push_front(found);
        value.downcast().ok()
    }
}

/// A dozen lists with their counts; each is some hundred kilobytes of a large site.
const KNOWN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_what_was_not_asked_for_goes_first() {
        let (memo, made) = (Memo::default(), std::cell::Cell::new(0));
        let ask = |key: usize| {
            *memo.of(&key.to_string(), || {
                made.set(made.get() + 1);
                key
            })
        };
        assert_eq!((ask(1), ask(1), made.get()), (1, 1, 1));
        for key in 2..=KNOWN_MAX {
            ask(key);
        }
        assert_eq!((ask(1), made.get()), (1, KNOWN_MAX));
        ask(KNOWN_MAX + 1);
        assert_eq!((ask(1), made.get()), (1, KNOWN_MAX + 1));
        ask(2);
        assert_eq!(made.get(), KNOWN_MAX + 2, "it was asked for longest ago");
        assert_eq!(memo.known.lock().unwrap().len(), KNOWN_MAX);
    }
}
