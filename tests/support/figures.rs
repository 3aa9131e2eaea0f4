//! Figures with how sure they are: shares, rates and medians, each with its 95 % interval.

use std::fmt;

/// So many of so many, with Wilson's interval (E. B. Wilson, "Probable inference", 1927).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share(pub u64, pub u64);

impl Share {
    /// The interval, in per cent.
    pub fn interval(self) -> (f64, f64) {
        let (part, whole) = (self.0 as f64, self.1 as f64);
        let share = part / whole;
        let spread = NORMAL * NORMAL / whole;
        let middle = (share + spread / 2.0) / (1.0 + spread);
        let half = NORMAL * (share * (1.0 - share) / whole + spread / (4.0 * whole)).sqrt() / (1.0 + spread);
        ((middle - half).max(0.0) * 100.0, (middle + half).min(1.0) * 100.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == 0 {
            return f.pad("-");
        }
        let (low, high) = self.interval();
        let share = self.0 as f64 / self.1 as f64 * 100.0;
        f.pad(&format!("{share:.1} % ({low:.1}–{high:.1}) of {}", self.1))
    }
}

/// So many within so much, with the exact interval of a Poisson count (F. Garwood, 1936); none at all is bounded by
/// the rule of three (J. A. Hanley and A. Lippman-Hand, 1983).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Within how many units.
    pub within: f64,
}

impl Rate {
    /// The interval, per unit.
    pub fn interval(self) -> (f64, f64) {
        if self.count == 0 {
            return (0.0, 3.0 / self.within);
        }
        let low = solve(|mean| 1.0 - at_most(self.count - 1, mean), TAIL);
        let high = solve(|mean| 1.0 - at_most(self.count, mean), 1.0 - TAIL);
        (low / self.within, high / self.within)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval();
        f.pad(&format!("{:.2} ({low:.2}–{high:.2}): {}", self.count as f64 / self.within, self.count))
    }
}

/// The median of some times, in nanoseconds, with the interval of order statistics (W. R. Thompson, 1936).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Median(pub Vec<i64>);

impl Median {
    /// The median and its interval; no interval of fewer than six.
    pub fn of(&self) -> Option<(i64, Option<(i64, i64)>)> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let median = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
        let rank = (1..=sorted.len() / 2).take_while(|rank| fewer_heads(sorted.len(), *rank) <= TAIL).last();
        Some((median, rank.map(|rank| (sorted[rank - 1], sorted[sorted.len() - rank]))))
    }
}

impl fmt::Display for Median {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: i64| time as f64 / 1e9;
        match self.of() {
            None => f.pad("-"),
            Some((median, None)) => f.pad(&format!("{:.1} s of {}", seconds(median), self.0.len())),
            Some((median, Some((low, high)))) => f.pad(&format!(
                "{:.1} s ({:.1}–{:.1}) of {}",
                seconds(median),
                seconds(low),
                seconds(high),
                self.0.len()
            )),
        }
    }
}

/// The chance of fewer than `rank` heads in so many throws of a coin.
fn fewer_heads(throws: usize, rank: usize) -> f64 {
    let mut log = -(throws as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for heads in 0..rank {
        sum += log.exp();
        log += ((throws - heads) as f64).ln() - ((heads + 1) as f64).ln();
    }
    sum
}

/// The chance of at most `count` where `mean` are expected.
fn at_most(count: u64, mean: f64) -> f64 {
    let mut log = -mean;
    let mut sum = 0.0;
    for number in 0..=count {
        sum += log.exp();
        log += mean.ln() - ((number + 1) as f64).ln();
    }
    sum
}

/// Where a function that grows takes a value.
fn solve(grows: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while grows(high) < value {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if grows(middle) < value { low = middle } else { high = middle }
    }
    low
}

/// Half of what lies outside of the interval.
const TAIL: f64 = 0.025;
/// The normal distribution's quantile of it.
const NORMAL: f64 = 1.959_964;

/// Figures that are in textbooks.
#[test]
fn intervals_are_those_of_the_textbooks() {
    let near = |(low, high): (f64, f64), expected: (f64, f64)| {
        assert!((low - expected.0).abs() < 0.01 && (high - expected.1).abs() < 0.01, "{low} {high}");
    };
    near(Share(8, 10).interval(), (49.02, 94.33));
    near(Share(0, 10).interval(), (0.0, 27.75));
    near(Rate { count: 10, within: 1.0 }.interval(), (4.80, 18.39));
    near(Rate { count: 1, within: 1.0 }.interval(), (0.03, 5.57));
    near(Rate { count: 0, within: 100.0 }.interval(), (0.0, 0.03));
    assert_eq!(Median((1..=10).collect()).of(), Some((5, Some((2, 9)))));
    assert_eq!(Median(vec![3, 1, 2]).of(), Some((2, None)));
}
