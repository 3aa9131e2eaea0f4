//! Times as the report writes them.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};
use spanwatch_parsers::{Span, Time};

/// A time that is put into words where it is written: a large site's report has half a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp(pub Time);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Offset::UTC.to_datetime(timestamp(self.0));
        let [year, month, day] = [at.year().into(), at.month().into(), at.day().into()];
        let [hour, minute, second] = [at.hour(), at.minute(), at.second()].map(i32::from);
        // Digit by digit: in general words it takes four times as long.
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let parts = [year, month, day, hour, minute, second, at.subsec_nanosecond()];
        for (part, (from, until)) in parts.into_iter().zip(PARTS) {
            let mut rest = part.unsigned_abs();
            for digit in text.get_mut(from..until).unwrap_or_default().iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// RFC 3339 in UTC with nanoseconds.
#[must_use]
pub fn rfc3339(time: Time) -> String {
    Stamp(time).to_string()
}

/// The same of whole seconds since 1970: certificates hold until the year 9999, and that is as far as this goes.
#[must_use]
pub fn rfc3339_of_seconds(seconds: i64) -> String {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let time = jiff::Span::new().try_seconds(seconds).and_then(|span| epoch.checked_add(span));
    let nearest = if seconds < 0 { jiff::civil::DateTime::MIN } else { jiff::civil::DateTime::MAX };
    format!("{:.9}Z", time.unwrap_or(nearest))
}

/// Reads RFC 3339; `None` where it is not that, or lies outside 1677 to 2262.
#[must_use]
pub fn parse(text: &str) -> Option<Time> {
    let timestamp: Timestamp = text.parse().ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok().map(Time)
}

/// The time of day, for sentences: `09:14:03`.
#[must_use]
pub fn clock_time(time: Time) -> String {
    timestamp(time).strftime("%H:%M:%S").to_string()
}

/// The day and the time of day, for tables: `2026-11-22 09:14:03`.
#[must_use]
pub fn day_time(time: Time) -> String {
    timestamp(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A length of time for sentences: `1.5 s`, `75 s`, `12 min`, `3 h 20 min`.
#[must_use]
pub fn length(span: Span) -> String {
    let tenths = span.0.max(0) / 100_000_000;
    match tenths {
        ..100 => format!("{}.{} s", tenths / 10, tenths % 10),
        100..1_200 => format!("{} s", tenths / 10),
        1_200..36_000 => format!("{} min", tenths / 600),
        _ => format!("{} h {} min", tenths / 36_000, tenths / 600 % 60),
    }
}

fn timestamp(time: Time) -> Timestamp {
    // Every i64 of nanoseconds lies between 1677 and 2262, which jiff holds.
    Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Where the numbers of a time stand in its text.
const PARTS: [(usize, usize); 7] = [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 29)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_decimals() {
        assert_eq!(rfc3339(Time(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(Time(1_700_000_000_123_456_789)), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(rfc3339(Time(-1)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(Time::MIN), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(rfc3339(Time::MAX), "2262-04-11T23:47:16.854775807Z");
    }

    #[test]
    fn seconds_go_to_the_end_of_the_calendar() {
        assert_eq!(rfc3339_of_seconds(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339_of_seconds(1_700_000_000), "2023-11-14T22:13:20.000000000Z");
        assert_eq!(rfc3339_of_seconds(-1), "1969-12-31T23:59:59.000000000Z");
        assert_eq!(rfc3339_of_seconds(253_402_300_799), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(rfc3339_of_seconds(i64::MAX), "9999-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn what_is_written_can_be_read() {
        for time in [Time(0), Time(1_700_000_000_123_456_789), Time(-1), Time::MIN, Time::MAX] {
            assert_eq!(parse(&rfc3339(time)), Some(time));
        }
        assert_eq!(parse("2023-11-14T23:13:20+01:00"), Some(Time(1_700_000_000_000_000_000)));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("9999-01-01T00:00:00Z"), None);
    }

    #[test]
    fn lengths_read_well() {
        let lengths = [Span::millis(1_540), Span::seconds(75), Span::seconds(720), Span::seconds(12_000)];
        assert_eq!(lengths.map(length), ["1.5 s", "75 s", "12 min", "3 h 20 min"]);
    }
}
