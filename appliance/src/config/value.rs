//! Values of a configuration, each read from a text or a number that must be right.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use spanwatch_capture::Filter;
use spanwatch_engine::finding;
use spanwatch_engine::policy::Hours;
use spanwatch_engine::report::time;
use spanwatch_parsers::Time;

/// A whole number of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Within<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Within<MIN, MAX> {
    /// One that is known to be of the range when the program is built.
    #[must_use]
    pub const fn of<const VALUE: u32>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX) }
        Self(VALUE)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<i64> for Within<MIN, MAX> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let fits = u32::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        fits.map(Self).ok_or_else(|| format!("{number} is out of range: {MIN} to {MAX}"))
    }
}

/// A filter expression, as tcpdump's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Expression(pub String);

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Filter::new(&text).map_err(|error| error.to_string())?;
        Ok(Self(text))
    }
}

/// The least severe finding that somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Severity(pub finding::Severity);

impl Default for Severity {
    fn default() -> Self {
        Self(finding::Severity::Info)
    }
}

impl TryFrom<String> for Severity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let all = finding::Severity::ALL;
        let named = all.into_iter().find(|severity| severity.name() == text);
        named.map(Self).ok_or_else(|| one_of(&text, all.map(finding::Severity::name)))
    }
}

/// A facility of syslog, by its common name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Facility(u8);

impl Facility {
    /// As RFC 5424 section 6.2.1 numbers it.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl Default for Facility {
    fn default() -> Self {
        Self(3)
    }
}

impl TryFrom<String> for Facility {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let named = FACILITIES.iter().find(|(name, _)| *name == text);
        named.map(|(_, code)| Self(*code)).ok_or_else(|| one_of(&text, FACILITIES.map(|(name, _)| name)))
    }
}

/// What devices are named by: lower-case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Named(pub String);

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let why = "an empty name names no device: write a MAC, an address, a name, a kind or a switch";
        if text.is_empty() { Err(why.to_owned()) } else { Ok(Self(text)) }
    }
}

/// A moment, as RFC 3339 writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Moment(pub Time);

/// As TOML has it: a text, or its own form of a moment.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Moment(toml::value::Datetime),
}

impl TryFrom<Written> for Moment {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Text(text) => text,
            Written::Moment(moment) => moment.to_string(),
        };
        let why = || format!("{text:?} is no moment: write it as 2026-11-28T22:00:00Z");
        time::parse(&text).map(Self).ok_or_else(why)
    }
}

/// A time of each week, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Weekly {
    /// Minutes since Monday, 00:00.
    minute: i64,
}

impl Weekly {
    /// Whether a moment is less than so many minutes after it, of this week or of the last.
    #[must_use]
    pub fn holds(self, at: Time, minutes: u32) -> bool {
        // The first of January 1970 was a Thursday.
        let minute = at.0.div_euclid(60_000_000_000).saturating_add(3 * 1_440).rem_euclid(WEEK);
        minute.saturating_sub(self.minute).rem_euclid(WEEK) < i64::from(minutes)
    }
}

impl TryFrom<String> for Weekly {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (day, clock) = text.split_once(' ')?;
            Some(day_of(day)? * 1_440 + minute_of(clock)?)
        };
        let minute =
            read().ok_or_else(|| format!("{text:?} is no time of a week: write it as \"sun 02:00\""))?;
        Ok(Self { minute })
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes.
const WEEK: i64 = 7 * 1_440;

/// Hours of some days of the week, as `mon-fri 06:00-18:00`, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Working(pub Hours);

impl TryFrom<String> for Working {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (days, clocks) = text.split_once(' ')?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let (from, to) = clocks.split_once('-')?;
            let until = if to == "24:00" { Some(1_440) } else { minute_of(to) };
            let minutes = (u16::try_from(minute_of(from)?).ok()?, u16::try_from(until?).ok()?);
            let days = (u8::try_from(day_of(first)?).ok()?, u8::try_from(day_of(last)?).ok()?);
            Some(Hours { days, minutes })
        };
        let why = || format!("{text:?} are no hours of a week: write them as \"mon-fri 06:00-18:00\"");
        read().map(Self).ok_or_else(why)
    }
}

/// A day of the week, 0 from Monday on.
fn day_of(text: &str) -> Option<i64> {
    (0..).zip(DAYS).find(|(_, name)| *name == text.to_lowercase()).map(|(day, _)| day)
}

/// The minute of a day that `02:00` is.
fn minute_of(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let of = |digits: &str, below: i64| {
        let is_fit = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| is_fit && *number < below)
    };
    Some(of(hour, 24)? * 60 + of(minute, 60)?)
}

/// A machine's name as syslog bears it: 1 to 255 printable letters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hostname(String);

impl TryFrom<String> for Hostname {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Hostname {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_fit = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let why = || format!("{text:?} is no host name: write 1 to 255 letters without spaces");
        is_fit.then(|| Self(text.to_owned())).ok_or_else(why)
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl At {
    fn read(text: &str, port: u16) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => text.split_once(']')?,
            None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => rest.is_empty().then_some(port)?,
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        let is_host = !host.is_empty() && host.bytes().all(is_name);
        is_host.then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where syslog goes, and by which transport.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[allow(missing_docs)]
pub enum SyslogTarget {
    Udp(At),
    Tcp(At),
    Tls(At),
}

impl TryFrom<String> for SyslogTarget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let target = match text.split_once("://") {
            Some(("udp", at)) => At::read(at, 514).map(Self::Udp),
            Some(("tcp", at)) => At::read(at, 514).map(Self::Tcp),
            Some(("tls", at)) => At::read(at, 6_514).map(Self::Tls),
            _ => None,
        };
        target.ok_or_else(|| {
            format!(
                "{text:?} is no receiver of syslog: write udp://HOST:514, tcp://HOST:514 or tls://HOST:6514"
            )
        })
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(at) => write!(f, "udp://{at}"),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::Tls(at) => write!(f, "tls://{at}"),
        }
    }
}

/// Where webhooks go. Shown without its path, in which there may be a token.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Url {
    whole: String,
    /// Bytes up to the path.
    shown: usize,
}

impl Url {
    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// Whether others on the way cannot read what is sent.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.whole.starts_with("https://")
    }

    /// The TCP port that it leads to.
    #[must_use]
    pub fn port(&self) -> u16 {
        let usual = if self.is_secret() { 443 } else { 80 };
        let host = self.whole.get(..self.shown).and_then(|shown| shown.split_once("://"));
        host.and_then(|(_, host)| At::read(host, usual)).map_or(usual, |at| at.port)
    }
}

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(whole: String) -> Result<Self, String> {
        let after = whole.strip_prefix("https://").or_else(|| whole.strip_prefix("http://"));
        let host = after.map(|after| after.split(['/', '?', '#']).next().unwrap_or_default());
        let is_fit = host.is_some_and(|host| At::read(host, 443).is_some())
            && whole.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_fit {
            return Err(
                "this is no receiver of webhooks: write https://HOST/PATH, without account".to_owned()
            );
        }
        let shown = whole.len() - after.map_or(0, str::len) + host.map_or(0, str::len);
        Ok(Self { whole, shown })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.whole.get(..self.shown).unwrap_or_default())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/…")
    }
}

fn one_of<const N: usize>(text: &str, names: [&str; N]) -> String {
    format!("{text:?} is none of {}", names.join(", "))
}

/// Those that are for programs like this one.
const FACILITIES: [(&str, u8); 10] = [
    ("user", 1),
    ("daemon", 3),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_of_webhooks_has_a_port() {
        for (text, port) in [
            ("https://a/b:7", 443),
            ("http://a", 80),
            ("https://a:8443/x", 8_443),
            ("http://[2001:db8::1]:81/", 81),
        ] {
            assert_eq!(Url::try_from(text.to_owned()).unwrap().port(), port, "{text}");
        }
    }

    #[test]
    fn hours_of_a_week_are_read() {
        let read = |text: &str| Working::try_from(text.to_owned()).map(|it| (it.0.days, it.0.minutes));
        assert_eq!(read("mon-fri 06:00-18:00"), Ok(((0, 4), (360, 1_080))));
        assert_eq!(read("Sat 22:30-24:00"), Ok(((5, 5), (1_350, 1_440))));
        for wrong in
            ["", "mon", "mon-fri", "mon-fri 6-18", "mon-xyz 06:00-18:00", "24:00-06:00", "mon 24:00-06:00"]
        {
            assert!(read(wrong).unwrap_err().contains("mon-fri 06:00-18:00"), "{wrong}");
        }
    }

    #[test]
    fn a_time_of_each_week_holds_across_its_end() {
        let weekly = Weekly::try_from("Sun 23:30".to_owned()).unwrap();
        let at = |text| time::parse(text).unwrap();
        for (moment, holds) in [
            ("2026-11-29T23:29:59Z", false),
            ("2026-11-29T23:30:00Z", true),
            ("2026-11-30T00:29:59Z", true),
            ("2026-11-30T00:30:00Z", false),
        ] {
            assert_eq!(weekly.holds(at(moment), 60), holds, "{moment}");
        }
        for wrong in ["", "sun", "sunday 02:00", "sun 2:00", "sun 24:00", "sun +1:00", "sun 02:60"] {
            assert!(Weekly::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
