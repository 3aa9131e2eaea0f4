//! Unix time as a date, in the forms that protocols write it in. UTC, Gregorian, from 1970 on.
//!
//! ```text
//! iso   2025-06-15T15:06:40Z               (RFC 3339, 5.6)
//! http  Sun, 15 Jun 2025 15:06:40 GMT      (RFC 9110, 5.6.7)
//! ```

/// A second of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Day of the week, 0 for Sunday.
    pub weekday: u8,
}

impl Date {
    /// The date of a Unix time, which is not before 1970.
    #[must_use]
    pub fn of(unix_s: i64) -> Self {
        let (days, second) = (unix_s / 86_400, unix_s % 86_400);
        // 1 January 1970 was a Thursday.
        let weekday = ((days + 4) % 7) as u8;
        let (mut year, mut left) = (1970, days);
        while left >= 365 + i64::from(is_leap(year)) {
            left -= 365 + i64::from(is_leap(year));
            year += 1;
        }
        let mut month = 1;
        while left >= length(year, month) {
            left -= length(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: left as u8 + 1,
            hour: (second / 3_600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            weekday,
        }
    }

    /// The form of RFC 3339.
    #[must_use]
    pub fn iso(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// The form of HTTP, SIP and RTSP.
    #[must_use]
    pub fn http(&self) -> String {
        let (weekday, month) = (WEEKDAYS[usize::from(self.weekday)], MONTHS[usize::from(self.month) - 1]);
        let Self { year, day, hour, minute, second, .. } = self;
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn length(year: u16, month: u8) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_seconds_have_their_dates() {
        assert_eq!(Date::of(0).http(), "Thu, 01 Jan 1970 00:00:00 GMT");
        // RFC 9110, 5.6.7, and the last second of a leap February.
        assert_eq!(Date::of(784_111_777).http(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Date::of(1_709_251_199).iso(), "2024-02-29T23:59:59Z");
        assert_eq!(Date::of(1_709_251_200).iso(), "2024-03-01T00:00:00Z");
    }
}
