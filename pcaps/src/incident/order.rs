//! Orders as a command line gives them, and orders by number, for thousands of sites.

use std::fmt;
use std::str::FromStr;

use super::plan::FOREVER;
use crate::mirror::{Form, Tags, Tunnel};
use crate::options::{IncidentOrder, MILLISECOND, Mix, Options, SECOND, Shape, Transport, View};
use crate::random::Random;

/// Why an order of an incident cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderError {
    /// A time or a length.
    Time(String),
    /// A second word on the same thing, or an empty one.
    Shape(String),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(written) => write!(f, "\"{written}\" is no time; write 90s, 5m, 1m30s, 2h or 1d"),
            Self::Shape(written) => {
                write!(f, "\"{written}\" is no incident; write KIND[@TIME][:SUBJECT][+LENGTH]")
            }
        }
    }
}

impl std::error::Error for OrderError {}

impl FromStr for IncidentOrder {
    type Err = OrderError;

    /// Reads `KIND[@TIME][:SUBJECT][+LENGTH]`, the parts behind the kind in any order, as
    /// "power-cycle@2m:cam-007+40s"; the length may be "forever".
    fn from_str(text: &str) -> Result<Self, OrderError> {
        let shape = || OrderError::Shape(text.to_owned());
        let marks = ['@', ':', '+'];
        let end = text.find(marks).unwrap_or(text.len());
        let (kind, mut rest) = text.split_at(end);
        let mut order = Self { kind: kind.to_owned(), after: None, subject: None, length: None };
        if kind.is_empty() {
            return Err(shape());
        }
        while let Some(mark) = rest.chars().next() {
            let end = rest[1..].find(marks).map_or(rest.len(), |at| at + 1);
            let value = &rest[1..end];
            rest = &rest[end..];
            let is_twice = match mark {
                '@' => order.after.replace(time(value)?).is_some(),
                '+' if value == "forever" => order.length.replace(FOREVER).is_some(),
                '+' => order.length.replace(time(value)?).is_some(),
                _ => order.subject.replace(value.to_owned()).is_some(),
            };
            if is_twice || value.is_empty() {
                return Err(shape());
            }
        }
        Ok(order)
    }
}

impl fmt::Display for IncidentOrder {
    /// Writes what [`IncidentOrder::from_str`] reads, times to the millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: i64| format!("{}ms", time / MILLISECOND);
        write!(f, "{}", self.kind)?;
        if let Some(after) = self.after {
            write!(f, "@{}", milliseconds(after))?;
        }
        if let Some(subject) = &self.subject {
            write!(f, ":{subject}")?;
        }
        match self.length {
            Some(FOREVER) => write!(f, "+forever"),
            Some(length) => write!(f, "+{}", milliseconds(length)),
            None => Ok(()),
        }
    }
}

/// Reads a length of time: numbers with d, h, m, s or ms behind them, as "1m30s"; in nanoseconds.
///
/// # Errors
/// Where it is none, or longer than a hundred years.
pub fn time(text: &str) -> Result<i64, OrderError> {
    let wrong = || OrderError::Time(text.to_owned());
    let mut rest = text;
    let mut all = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = match unit {
            "ms" => SECOND / 1_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            "d" => 86_400 * SECOND,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        all = number.checked_mul(unit).and_then(|it| all.checked_add(it)).ok_or_else(wrong)?;
        rest = behind;
    }
    let is_sane = !text.is_empty() && all <= 36_525 * 86_400 * SECOND;
    is_sane.then_some(all).ok_or_else(wrong)
}

/// Whether a seed is kept for reporting and never looked at while a reader is tuned: every third.
#[must_use]
pub const fn is_reserved(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

/// The site of a seed among thousands: everything about it is drawn.
#[must_use]
pub fn random_order(seed: u64) -> Options {
    let mut random = Random::of(seed, "order", 0);
    let mut tenths = |shares: &[u64]| {
        let mut draw = random.below(shares.iter().sum());
        shares
            .iter()
            .position(|share| {
                let is_it = draw < *share;
                draw = draw.saturating_sub(*share);
                is_it
            })
            .unwrap_or(0)
    };
    let mix = [Mix::Site, Mix::Video, Mix::Control][tenths(&[7, 2, 1])];
    let shape = [Shape::Tree, Shape::Ring, Shape::Redundant][tenths(&[6, 2, 2])];
    let view = [View::Core, View::CoreBothWays, View::TwoSwitches, View::Uplink][tenths(&[5, 2, 2, 1])];
    let transport = [None, Some(Transport::Udp), Some(Transport::Interleaved), Some(Transport::Multicast)]
        [tenths(&[6, 2, 2, 1])];
    let tags = [Tags::None, Tags::Both, Tags::IngressOnly, Tags::EgressOnly, Tags::Double { outer: 3_001 }]
        [tenths(&[4, 4, 1, 1, 1])];
    let tunnel = [
        None,
        Some(Tunnel::Erspan1),
        Some(Tunnel::Erspan2),
        Some(Tunnel::Erspan3),
        Some(Tunnel::Gre),
        Some(Tunnel::Vxlan { vni: 7_001 }),
    ][tenths(&[14, 1, 2, 1, 1, 1])];
    let snap = [None, Some(128)][tenths(&[19, 1])];
    let random_incidents = [0, 1, 2, 3][tenths(&[3, 4, 2, 1])];
    Options {
        seed,
        devices: random.between(8, 60) as u32,
        length: random.between(300, 480) * SECOND,
        start: Options::default().start + random.between(0, 86_400 * 300) * SECOND,
        mix,
        shape,
        view,
        transport,
        form: Form { tags, tunnel, snap, sequence: 0 },
        bit_rate: Some(random.between(60_000, 300_000) as u64),
        is_settled: random.chance(700_000),
        random_incidents: random_incidents as u32,
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_in_any_order() {
        let whole = IncidentOrder {
            kind: "power-cycle".into(),
            after: Some(120 * SECOND),
            subject: Some("cam-007".into()),
            length: Some(40 * SECOND),
        };
        assert_eq!("power-cycle@2m:cam-007+40s".parse(), Ok(whole.clone()));
        assert_eq!("power-cycle+40s:cam-007@2m".parse(), Ok(whole));
        let bare: IncidentOrder = "loop".parse().unwrap();
        assert_eq!((bare.after, bare.subject, bare.length), (None, None, None));
        assert_eq!("loop+forever".parse::<IncidentOrder>().unwrap().length, Some(FOREVER));
    }

    #[test]
    fn orders_are_written_as_they_are_read() {
        for text in ["power-cycle@120000ms:cam-007+40000ms", "loop+forever", "mirror-lost"] {
            assert_eq!(text.parse::<IncidentOrder>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn orders_that_say_nothing_or_twice_are_refused() {
        for text in ["", "@2m", "loop@", "loop:", "loop@1s@2s", "loop+1s+forever", "loop@two", "loop@5"] {
            assert!(text.parse::<IncidentOrder>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_added_up() {
        assert_eq!(time("1m30s"), Ok(90 * SECOND));
        assert_eq!(time("1d2h"), Ok(26 * 3_600 * SECOND));
        assert_eq!(time("250ms"), Ok(SECOND / 4));
        for text in ["", "s", "5", "5x", "-5s", "99999999999999999999s", "40000d", "5 s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_third_of_the_seeds_is_reserved() {
        assert_eq!((1..=300).filter(|seed| is_reserved(*seed)).count(), 100);
    }

    #[test]
    fn orders_by_number_differ_and_repeat() {
        assert_eq!(random_order(7), random_order(7));
        let sizes: std::collections::BTreeSet<u32> = (0..50).map(|seed| random_order(seed).devices).collect();
        assert!(sizes.len() > 20 && sizes.iter().all(|size| (8..=60).contains(size)));
    }
}
