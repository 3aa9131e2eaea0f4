//! The thread that serves one receiver: takes messages from its queue and delivers them, one after the other.
//!
//! A receiver that cannot be reached is tried again after 1 s, 2 s, 4 s, … 60 s; meanwhile messages wait. Once no more
//! come, each attempt that fails is the last.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Say;
use super::queue::{Letter, Queue};

/// Takes messages out of the program.
pub(super) trait Receiver: Send {
    /// Delivers a message; waits some seconds at most.
    fn deliver(&mut self, letter: &Letter) -> Result<(), Undelivered>;
}

/// Why a message was not delivered.
#[derive(Debug)]
pub(super) enum Undelivered {
    /// It may be later.
    Unreached(String),
    /// It never will be.
    Refused(String),
}

/// Starts to serve a receiver.
///
/// # Errors
/// Where the machine has no more threads.
pub(super) fn start(
    name: &str,
    mut receiver: Box<dyn Receiver>,
    queue: &Arc<Queue>,
    say: &Say,
) -> io::Result<()> {
    let (name, queue, say) = (name.to_owned(), Arc::clone(queue), Arc::clone(say));
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let say = |what: &str| say(&format!("{name}: {what}"));
        serve(receiver.as_mut(), &queue, &say);
        // A connection ends with a word.
        drop(receiver);
        queue.end();
    })?;
    Ok(())
}

fn serve(receiver: &mut dyn Receiver, queue: &Queue, say: &dyn Fn(&str)) {
    let mut pause = PAUSE_MIN;
    // Why the last attempt failed; said again only where it becomes another.
    let mut fault = None;
    while let Some(letter) = queue.front() {
        let is_last = queue.is_closed();
        match receiver.deliver(&letter) {
            Ok(()) => {
                queue.sent(letter.lost);
                pause = PAUSE_MIN;
                if fault.take().is_some() {
                    say("messages are delivered again");
                }
            }
            Err(Undelivered::Refused(why)) => {
                queue.refused();
                pause = PAUSE_MIN;
                if fault.as_ref() != Some(&why) {
                    say(&format!("a message was refused: {why}"));
                }
                fault = Some(why);
            }
            Err(Undelivered::Unreached(why)) => {
                queue.failed();
                if fault.as_ref() != Some(&why) {
                    say(&format!("{why}; messages wait"));
                }
                fault = Some(why);
                if is_last {
                    return;
                }
                queue.rest(pause);
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }
}

/// Rests between attempts.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::test::message;
    use super::*;

    /// Answers in turn, then with success.
    struct Script(Vec<Result<(), Undelivered>>);

    impl Receiver for Script {
        fn deliver(&mut self, _: &Letter) -> Result<(), Undelivered> {
            self.0.pop().unwrap_or(Ok(()))
        }
    }

    fn served(mut answers: Vec<Result<(), Undelivered>>, messages: usize) -> (Queue, Vec<String>) {
        let queue = Queue::new(10);
        (0..messages).for_each(|_| queue.push(message("made", "high")));
        queue.close();
        answers.reverse();
        let said = RefCell::new(Vec::new());
        serve(&mut Script(answers), &queue, &|what| said.borrow_mut().push(what.to_owned()));
        (queue, said.into_inner())
    }

    #[test]
    fn messages_go_out_one_after_the_other() {
        let (queue, said) = served(vec![], 3);
        assert_eq!((queue.status().sent, queue.status().waiting, said.len()), (3, 0, 0));
    }

    #[test]
    fn a_refused_message_does_not_hold_up_the_next() {
        let refusals = ["400", "400", "404"].map(|why| Err(Undelivered::Refused(why.into())));
        let (queue, said) = served(refusals.into(), 5);
        assert_eq!((queue.status().sent, queue.status().refused), (2, 3));
        assert_eq!(
            said,
            ["a message was refused: 400", "a message was refused: 404", "messages are delivered again"]
        );
    }

    #[test]
    fn who_cannot_be_reached_in_the_end_leaves_messages_behind() {
        let (queue, said) = served(vec![Ok(()), Err(Undelivered::Unreached("no route".into()))], 3);
        assert_eq!((queue.status().sent, queue.status().waiting), (1, 2));
        assert_eq!(said, ["no route; messages wait"]);
    }
}
