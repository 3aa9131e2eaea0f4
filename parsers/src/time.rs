//! Packet time: [`Time`], a moment, and [`Span`], a length of it.
//!
//! Both are whole nanoseconds in an `i64`, which reaches from 1677 to 2262.
//! Arithmetic saturates: a damaged time stamp can be wrong, never fatal.

use std::ops::{Add, Sub};

/// A moment: nanoseconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

/// A length of time in nanoseconds; negative where it points backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl Time {
    /// The earliest moment that can be written.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment that can be written.
    pub const MAX: Self = Self(i64::MAX);

    /// The whole second at or before this moment.
    #[must_use]
    pub const fn floor_second(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(SECOND)))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(s: i64) -> Self {
        Self(s.saturating_mul(SECOND))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// This span `n` times.
    #[must_use]
    pub const fn times(self, n: i64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

const SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_second_rounds_towards_the_past_on_both_sides_of_1970() {
        assert_eq!(Time(1_999_999_999).floor_second(), Time(1_000_000_000));
        assert_eq!(Time(-1).floor_second(), Time(-1_000_000_000));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Time::MAX + Span::seconds(1), Time::MAX);
        assert_eq!(Time::MIN - Time::MAX, Span(i64::MIN));
        assert_eq!(Time::MIN.floor_second(), Time::MIN);
    }
}
