//! Messages on their way to one receiver: [`Queue`], bounded.
//!
//! A message stays in front until it was delivered or refused for good. When the queue is full the least severe message gives
//! way, of several the last; it is counted, and the next message that is delivered says how many did.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spanwatch_engine::finding::Severity;

use super::outbox::{Message, Waiting};

/// A message, and how many were dropped since one was last delivered.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) message: Arc<Message>,
    pub(super) lost: u64,
}

/// How a receiver is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Messages delivered.
    pub sent: u64,
    /// Messages dropped because the queue was full.
    pub dropped: u64,
    /// Messages that the receiver would not have.
    pub refused: u64,
    /// Messages that wait.
    pub waiting: usize,
    /// Whether the last attempt failed.
    pub is_failing: bool,
}

/// Messages on their way to one receiver.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    messages_max: usize,
}

#[derive(Debug, Default)]
struct State {
    /// By numbers that grow.
    waiting: VecDeque<(u64, Arc<Message>)>,
    /// The next message's number.
    next: u64,
    /// Whether what waits is another than when it was last asked for.
    is_changed: bool,
    /// Dropped, and not said yet.
    lost: u64,
    /// None that waits is less severe, as of when it was last looked: so a flood of them costs one look.
    least: Option<Severity>,
    status: Status,
    /// No more messages come.
    is_closed: bool,
    /// Nobody takes messages any more.
    is_over: bool,
}

impl State {
    /// Which message gives way to one that is so severe: of the least severe the last, but never the first of all, which
    /// may be on its way.
    fn giving_way(&mut self, severity: Severity) -> Option<usize> {
        if self.least.is_some_and(|least| least <= severity) {
            return None;
        }
        let waiting = self.waiting.iter().enumerate().skip(1);
        let (at, least) = waiting.map(|(at, (_, it))| (at, it.severity())).max_by_key(|(_, least)| *least)?;
        self.least = Some(least);
        (least > severity).then_some(at)
    }
}

impl Queue {
    pub(super) fn new(messages_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), messages_max }
    }

    /// Puts a message at the end, if need be in the place of another. Never waits.
    pub(super) fn push(&self, message: Arc<Message>) {
        let mut state = self.state();
        if state.waiting.len() >= self.messages_max {
            state.status.dropped = state.status.dropped.saturating_add(1);
            state.lost = state.lost.saturating_add(1);
            state.is_changed = true;
            let Some(at) = state.giving_way(message.severity()) else { return };
            state.waiting.remove(at);
        }
        state.least = state.least.max(Some(message.severity()));
        let number = state.next;
        state.next = number.saturating_add(1);
        state.waiting.push_back((number, message));
        state.is_changed = true;
        self.changed.notify_all();
    }

    /// Takes up what an earlier run left, before anything else is put into it. What finds no room is dropped and counted.
    pub(super) fn resume(&self, left: Waiting) {
        let mut state = self.state();
        state.next = left.messages.last().map_or(0, |(number, _)| number.saturating_add(1));
        state.lost = left.lost;
        for (number, message) in left.messages {
            if state.waiting.len() < self.messages_max {
                state.waiting.push_back((number, message));
            } else {
                state.status.dropped = state.status.dropped.saturating_add(1);
                state.lost = state.lost.saturating_add(1);
            }
        }
        state.is_changed = true;
        self.changed.notify_all();
    }

    /// Whether something waits, or did when [`Queue::waiting`] was last asked.
    pub(super) fn is_changed(&self) -> bool {
        let state = self.state();
        state.is_changed || !state.waiting.is_empty()
    }

    /// What waits.
    pub(super) fn waiting(&self) -> Waiting {
        let mut state = self.state();
        state.is_changed = false;
        Waiting { lost: state.lost, messages: state.waiting.iter().cloned().collect() }
    }

    /// Waits for the message in front; `None` where there is none and none will come.
    pub(super) fn front(&self) -> Option<Letter> {
        let waits = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        state.waiting.front().map(|(_, message)| Letter { message: Arc::clone(message), lost: state.lost })
    }

    /// The message in front was delivered, and that so many were lost.
    pub(super) fn sent(&self, lost: u64) {
        let mut state = self.state();
        state.waiting.pop_front();
        state.is_changed = true;
        state.lost = state.lost.saturating_sub(lost);
        state.status.sent = state.status.sent.saturating_add(1);
        state.status.is_failing = false;
    }

    /// The receiver will never have the message in front.
    pub(super) fn refused(&self) {
        let mut state = self.state();
        state.waiting.pop_front();
        state.is_changed = true;
        state.status.refused = state.status.refused.saturating_add(1);
        state.status.is_failing = false;
    }

    /// The message in front could not be delivered.
    pub(super) fn failed(&self) {
        self.state().status.is_failing = true;
    }

    /// Waits so long, or until no more messages come.
    pub(super) fn rest(&self, pause: Duration) {
        let rests = |state: &mut State| !state.is_closed;
        drop(self.changed.wait_timeout_while(self.state(), pause, rests));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// No more messages come.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Nobody takes messages any more.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// Waits until nobody takes messages any more, for so long at most, and says how many are left.
    pub(super) fn left(&self, patience: Duration) -> usize {
        let waits = |state: &mut State| !state.is_over;
        let waited = self.changed.wait_timeout_while(self.state(), patience, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting.len()
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state();
        Status { waiting: state.waiting.len(), ..state.status }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::message;
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_counted_and_said_once() {
        let queue = Queue::new(2);
        (0..5).for_each(|_| queue.push(message("made", "high")));
        assert_eq!(queue.status(), Status { dropped: 3, waiting: 2, ..Status::default() });
        assert_eq!(queue.front().map(|letter| letter.lost), Some(3));
        queue.push(message("made", "high"));
        queue.sent(3);
        assert_eq!(queue.front().map(|letter| letter.lost), Some(1), "it was dropped meanwhile");
        queue.refused();
        let status = Status { sent: 1, dropped: 4, refused: 1, waiting: 0, is_failing: false };
        assert_eq!(queue.status(), status);
    }

    #[test]
    fn the_least_severe_gives_way_but_for_the_first() {
        let queue = Queue::new(4);
        for severity in ["info", "low", "info", "medium", "critical", "high", "low", "critical"] {
            queue.push(message("made", severity));
        }
        let mut told = Vec::new();
        while queue.status().waiting > 0 {
            told.extend(queue.front().map(|letter| letter.message.change.finding.severity));
            queue.sent(0);
        }
        assert_eq!(told, ["info", "critical", "high", "critical"]);
        assert_eq!(queue.status().dropped, 4);
    }

    #[test]
    fn what_is_left_goes_on_in_its_order_before_what_comes() {
        let queue = Queue::new(3);
        ["high", "low", "info"].iter().for_each(|severity| queue.push(message("made", severity)));
        queue.push(message("made", "critical"));
        queue.sent(0);
        assert!(queue.is_changed());
        let left = queue.waiting();
        let told = |left: &Waiting| -> Vec<(u64, &str)> {
            left.messages.iter().map(|(number, it)| (*number, it.change.finding.severity)).collect()
        };
        assert_eq!((told(&left), left.lost), (vec![(1, "low"), (3, "critical")], 1));
        (0..2).for_each(|_| queue.sent(0));
        assert!(queue.is_changed() && queue.waiting().messages.is_empty() && !queue.is_changed());
        let next = Queue::new(3);
        next.resume(left);
        next.push(message("ended", "high"));
        let left = next.waiting();
        assert_eq!((told(&left), left.lost), (vec![(1, "low"), (3, "critical"), (4, "high")], 1));
        let small = Queue::new(2);
        small.resume(left);
        assert_eq!((small.status().waiting, small.status().dropped, small.waiting().lost), (2, 1, 2));
    }

    #[test]
    fn a_closed_queue_is_emptied_and_then_over() {
        let queue = Queue::new(2);
        queue.push(message("made", "high"));
        queue.close();
        queue.rest(Duration::from_secs(3_600));
        assert!(queue.front().is_some());
        queue.sent(0);
        assert!(queue.front().is_none());
        queue.end();
        assert_eq!(queue.left(Duration::from_secs(3_600)), 0);
    }
}
