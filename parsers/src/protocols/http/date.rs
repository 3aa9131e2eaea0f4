//! The date of an answer, by the server's own clock.
//!
//! ```text
//! Date: Sun, 06 Nov 1994 08:49:37 GMT
//! ```
//!
//! Source: RFC 9110, 5.6.7 (the preferred form, which is the only one that servers may send) and 6.6.1.
//! Left out: the two older forms.

use crate::protocols::onvif::Clock;
use crate::time::Time;

/// Reads a date; `None` where it is none in the preferred form.
pub(super) fn parse(value: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let mut word = || words.next();
    let (day, month, year, time) = (word()?, word()?, word()?, word()?);
    if word()? != "GMT" || word().is_some() {
        return None;
    }
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
    let mut parts = time.split(':').map(|part| part.parse().ok());
    let mut part = || parts.next().flatten();
    let time = [part()?, part()?, part()?];
    Clock { date: [year.parse().ok()?, month, day.parse().ok()?], time }.time()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_preferred_form_is_read_in_seconds() {
        let seconds = |text: &str| parse(text.as_bytes()).map(|time| time.0 / 1_000_000_000);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn other_forms_and_what_is_no_time_are_none() {
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Tue, Dec 21 2021 12:08:36 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(Sun, |0[0-9] |Nov |[0-9]{1,9}|:|GMT| |[ -~é]{0,3}){0,12}") {
            let _ = parse(text.as_bytes());
        }
    }
}
