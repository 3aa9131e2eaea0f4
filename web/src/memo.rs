//! What was found out of a picture once: lists in their order, counts, the map ([`Memo`]). A picture never changes, so that neither do they.
//!
//! Who comes first makes it, who comes meanwhile waits for that. What was asked of a picture is made of the next one before that is shown.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::Picture;

/// What was asked last.
#[derive(Default)]
pub struct Memo {
    known: Mutex<VecDeque<Arc<Entry>>>,
}

type Made = Arc<dyn Any + Send + Sync>;
type Make = Arc<dyn Fn(&Picture) -> Made + Send + Sync>;

/// One of them, made or being made.
struct Entry {
    key: String,
    make: Make,
    made: OnceLock<Made>,
    /// Whether anybody asked for it, and it was not only made ahead.
    is_asked: AtomicBool,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Memo {
    /// What `make` makes of a picture, or made before under this key.
    pub fn of<T: Any + Send + Sync>(
        &self,
        picture: &Picture,
        key: &str,
        make: impl Fn(&Picture) -> T + Send + Sync + 'static,
    ) -> Arc<T> {
        let make = Arc::new(make);
        let own = Arc::clone(&make);
        let entry = self.entry(key, || Arc::new(move |picture| Arc::new(own(picture)) as Made));
        entry.is_asked.store(true, Ordering::Relaxed);
        let made = Arc::clone(entry.made.get_or_init(|| (entry.make)(picture)));
        made.downcast().unwrap_or_else(|_| Arc::new(make(picture)))
    }

    /// Makes of a picture what was asked of the one before; what cannot be made is left to who asks.
    pub fn ahead(&self, picture: &Picture, before: &Self) {
        let asked: Vec<Arc<Entry>> = before.lock().iter().map(Arc::clone).collect();
        // What was asked last is asked first here, too.
        for old in asked.iter().rev().filter(|it| it.is_asked.load(Ordering::Relaxed)) {
            let entry = self.entry(&old.key, || Arc::clone(&old.make));
            let _ = catch_unwind(AssertUnwindSafe(|| entry.made.get_or_init(|| (entry.make)(picture))));
        }
    }

    fn entry(&self, key: &str, make: impl FnOnce() -> Make) -> Arc<Entry> {
        let mut known = self.lock();
        let at = known.iter().position(|it| it.key == key);
        let entry = at.and_then(|at| known.remove(at)).unwrap_or_else(|| {
            let (made, is_asked) = (OnceLock::new(), AtomicBool::new(false));
            Arc::new(Entry { key: key.to_owned(), make: make(), made, is_asked })
        });
        known.truncate(KNOWN_MAX - 1);
        known.push_front(Arc::clone(&entry));
        entry
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something is made under a key.
    #[cfg(test)]
    pub fn has(&self, key: &str) -> bool {
        self.lock().iter().any(|it| it.key == key && it.made.get().is_some())
    }
}

/// Some dozen lists with their counts; each is a hundred kilobytes or two of a large site.
const KNOWN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::test::picture;

    #[test]
    fn it_is_made_once_and_what_was_not_asked_for_goes_first() {
        let (memo, picture, made) = (Memo::default(), picture(), Arc::new(AtomicUsize::new(0)));
        let count = || made.load(Ordering::Relaxed);
        let ask = |key: usize| {
            let made = Arc::clone(&made);
            *memo.of(&picture, &key.to_string(), move |_| {
                made.fetch_add(1, Ordering::Relaxed);
                key
            })
        };
        assert_eq!((ask(1), ask(1), count()), (1, 1, 1));
        for key in 2..=KNOWN_MAX {
            ask(key);
        }
        assert_eq!((ask(1), count()), (1, KNOWN_MAX));
        ask(KNOWN_MAX + 1);
        assert_eq!((ask(1), count()), (1, KNOWN_MAX + 1));
        ask(2);
        assert_eq!(count(), KNOWN_MAX + 2, "it was asked for longest ago");
        assert_eq!(memo.lock().len(), KNOWN_MAX);
    }

    #[test]
    fn who_comes_while_it_is_made_gets_the_same() {
        let (memo, picture) = (Memo::default(), picture());
        let (begun, begins) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let goes = Mutex::new(goes);
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                let making = move |_: &Picture| {
                    begun.send(()).unwrap();
                    goes.lock().unwrap().recv().unwrap();
                    1
                };
                *memo.of(&picture, "a", making)
            });
            begins.recv().unwrap();
            let (asks, asked) = mpsc::channel();
            let second = scope.spawn({
                let (memo, picture) = (&memo, &picture);
                move || {
                    asks.send(()).unwrap();
                    *memo.of(picture, "a", |_| 2)
                }
            });
            asked.recv().unwrap();
            go.send(()).unwrap();
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 1));
        });
    }

    #[test]
    fn what_was_asked_is_made_ahead_and_what_nobody_asked_again_is_not() {
        let (before, picture) = (Memo::default(), picture());
        before.of(&picture, "a", |_| 1);
        before.of(&picture, "b", |picture| {
            assert_eq!(picture.number, 1, "of another it cannot be made");
            2
        });
        let (next, mut other) = (Memo::default(), crate::test::picture());
        other.number = 2;
        next.ahead(&other, &before);
        assert_eq!((next.has("a"), next.has("b")), (true, false));
        assert_eq!(*next.of(&other, "a", |_| 3), 1);
        let (third, fourth) = (Memo::default(), Memo::default());
        third.ahead(&other, &next);
        assert!(third.has("a"));
        fourth.ahead(&other, &third);
        assert!(!fourth.has("a"));
    }
}
