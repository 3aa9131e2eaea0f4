//! How long after a packet its copy comes: [`Delay`], learned from the copies themselves.

use spanwatch_parsers::Span;

use super::Kind;

/// What is known of the mirror's delay.
#[derive(Debug, Default)]
pub(super) struct Delay {
    learned: Option<Span>,
    /// Packets seen for the first time in this lesson.
    firsts: u32,
    /// Bucket n: repetitions less than 2^n microseconds after the packet.
    repeated: [u32; BUCKETS],
}

impl Delay {
    /// Within which time a repetition is a copy.
    pub fn of(&self, kind: Kind) -> Span {
        let default = match kind {
            Kind::Identified => IDENTIFIED,
            Kind::Plain => PLAIN,
            Kind::Stream => STREAM,
            Kind::Acknowledgement => ACKNOWLEDGEMENT,
        };
        self.learned.map_or(default, |learned| learned.max(default))
    }

    /// Notes a packet that is no copy.
    #[inline]
    pub fn first(&mut self, kind: Kind) {
        if kind == Kind::Acknowledgement {
            return;
        }
        self.firsts = self.firsts.saturating_add(1);
        if self.firsts >= LESSON {
            self.learn();
        }
    }

    /// Notes that a packet came again, looking the same.
    pub fn repeated(&mut self, kind: Kind, apart: Span) {
        if kind == Kind::Acknowledgement {
            return;
        }
        let us = u64::try_from(apart.0 / 1_000).unwrap_or(0);
        let bucket = (u64::BITS.saturating_sub(us.leading_zeros())) as usize;
        if let Some(count) = self.repeated.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// Where a third of all packets came again, takes the time within which nearly all of those did, doubled.
    fn learn(&mut self) {
        let mut sum = 0_u32;
        let all: u32 = self.repeated.iter().fold(0, |sum, count| sum.saturating_add(*count));
        self.learned = None;
        if all >= self.firsts / 3 {
            let most = all.saturating_sub(all / 20);
            let bucket = self.repeated.iter().position(|count| {
                sum = sum.saturating_add(*count);
                sum >= most
            });
            self.learned = bucket.map(|bucket| Span(2_000_i64 << bucket));
        }
        self.firsts = 0;
        self.repeated = [0; BUCKETS];
    }
}

/// Packets after which the delay is judged anew.
const LESSON: u32 = 128;

/// The last one ends at 33 ms, doubled 66: below [`super::HORIZON`].
const BUCKETS: usize = 16;

/// Copies of one switch come within microseconds; a queue in the mirror adds some more.
const IDENTIFIED: Span = Span::millis(2);
const PLAIN: Span = Span::millis(1);

/// TCP repeats after the third duplicate acknowledgement, on a fast link within a round trip.
const STREAM: Span = Span(200_000);

/// Each answers a segment of its own, and a full one lasts 12 microseconds on a gigabit link.
const ACKNOWLEDGEMENT: Span = Span(10_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn taught(apart: Span, of: u32) -> Delay {
        let mut delay = Delay::default();
        for n in 0..LESSON {
            if n % of == 0 {
                delay.repeated(Kind::Plain, apart);
            }
            delay.first(Kind::Plain);
        }
        delay
    }

    #[test]
    fn slow_mirror_is_learned() {
        let delay = taught(Span::millis(9), 1).of(Kind::Stream);
        assert!(delay > Span::millis(16) && delay < Span::millis(70), "{delay:?}");
    }

    #[test]
    fn few_repetitions_teach_nothing() {
        assert_eq!(taught(Span::millis(9), 4).of(Kind::Stream), STREAM);
    }

    #[test]
    fn what_was_learned_is_forgotten_with_the_copies() {
        let mut delay = taught(Span::millis(9), 1);
        (0..LESSON).for_each(|_| delay.first(Kind::Plain));
        assert_eq!(delay.of(Kind::Stream), STREAM);
    }

    #[test]
    fn learned_delay_never_reaches_a_retransmission() {
        assert!(taught(Span::millis(33), 1).of(Kind::Identified) < super::super::HORIZON);
        assert!(taught(Span::millis(99), 1).of(Kind::Identified) < super::super::HORIZON);
    }
}
