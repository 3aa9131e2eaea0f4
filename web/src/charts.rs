//! How a stream went: rate, loss and jitter over time, each a line, and a table of the same for who needs no drawing.
//!
//! ```text
//!  Rate, kbit/s   ──╮  ╭────    a piece of time of which nothing is known is a gap, and no zero
//!    top 4,120      ╰──╯
//! ```
//!
//! Drawn as SVG here; `assets/charts.js` makes of the table what can be looked into with a pointer.

use spanwatch_appliance::store::desk::Course;
use spanwatch_engine::report::time::day_time;
use spanwatch_parsers::{Span, Time};

use crate::Picture;
use crate::lists::encoded;
use crate::words::{self, Shown};

/// How long a time is looked at, and in which pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// In addresses.
    pub key: &'static str,
    /// In words.
    pub name: &'static str,
    /// Of the sums that are read, in seconds.
    pub span: u32,
    /// Of a piece that is drawn, in seconds.
    pub piece: u32,
    /// How many sums.
    pub count: u32,
}

/// A day by ten minutes, a week by hours, thirty days by days: as a store has them.
pub const SCOPES: [Scope; 3] = [
    Scope { key: "24h", name: "24 hours", span: 60, piece: 600, count: 1_440 },
    Scope { key: "7d", name: "7 days", span: 3_600, piece: 3_600, count: 168 },
    Scope { key: "30d", name: "30 days", span: 86_400, piece: 86_400, count: 30 },
];

/// The scope of an address.
pub fn scope(key: &str) -> Option<Scope> {
    SCOPES.into_iter().find(|it| it.key == key)
}

impl Scope {
    /// How long it is.
    pub fn length(&self) -> Span {
        Span::seconds(i64::from(self.span).saturating_mul(i64::from(self.count)))
    }
}

/// One stream over time.
#[derive(Debug)]
pub struct Chart {
    /// Whether the device sends or gets it.
    pub is_sent: bool,
    /// Who is at the other end, and where that leads.
    pub other: (String, Shown),
    /// How it is carried.
    pub media: Shown,
    /// From, to.
    pub axis: (String, String),
    /// What is drawn.
    pub plots: [Plot; 3],
    /// Of the table: when, kbit/s, share lost in percent, jitter in ms.
    pub rows: Vec<[String; 4]>,
}

/// One line.
#[derive(Debug)]
pub struct Plot {
    /// What it shows, with its unit.
    pub name: &'static str,
    /// In the stylesheet.
    pub class: &'static str,
    /// As SVG has it, in a field of [`WIDTH`] by [`HEIGHT`].
    pub path: String,
    /// The greatest value.
    pub top: String,
    /// Which column of the table it is, from 1.
    pub column: usize,
}

/// One piece of time, in the units of the table, each times a hundred.
struct Piece {
    at: Time,
    values: [u64; 3],
}

/// Draws what came of a stream of `device` until then.
pub fn chart(picture: &Picture, device: &str, course: &Course, (scope, until): (Scope, Time)) -> Chart {
    let from = until - scope.length();
    let pieces: Vec<Piece> = course.pieces.iter().map(piece).collect();
    let stream = &course.stream;
    let is_sent = stream.source == device;
    let other = if is_sent { &stream.destination } else { &stream.source };
    let link = picture.device(other).map(|it| format!("/devices/{}", encoded(&it.id))).unwrap_or_default();
    let plot = |(name, class, column): (&'static str, &'static str, usize)| {
        let values = pieces.iter().map(|it| (it.at, it.values.get(column).copied().unwrap_or(0)));
        let values: Vec<(Time, u64)> = values.collect();
        let top = values.iter().map(|(_, value)| *value).max().unwrap_or(0);
        let path = path(&values, top, (from, until), Span::seconds(i64::from(scope.piece)));
        Plot { name, class, path, top: figure(column, top), column: column.saturating_add(1) }
    };
    let moment = |at| if scope.piece < 60 { second(at) } else { minute(at) };
    let row = |it: &Piece| {
        let [rate, lost, jitter] = it.values;
        [moment(it.at), figure(0, rate), figure(1, lost), figure(2, jitter)]
    };
    Chart {
        is_sent,
        other: (link, picture.called(other)),
        media: words::shown(&format!("payload type {} over {}", stream.payload_type, stream.transport)),
        axis: (moment(from), moment(until)),
        plots: [("Rate, kbit/s", "rate", 0), ("Lost, %", "lost", 1), ("Jitter, ms", "jitter", 2)].map(plot),
        rows: pieces.iter().map(row).collect(),
    }
}

fn piece((at, seconds, sum): &(Time, u32, spanwatch_engine::report::minutes::StreamSum)) -> Piece {
    let hundredths = |part: u128, whole: u128| u64::try_from(part * 100 / whole.max(1)).unwrap_or(u64::MAX);
    let (bits, seconds) = (u128::from(sum.bytes) * 8, u128::from(*seconds));
    let all = u128::from(sum.packets) + u128::from(sum.lost);
    Piece {
        at: *at,
        values: [
            hundredths(bits, seconds * 1_000),
            hundredths(u128::from(sum.lost) * 100, all),
            hundredths(u128::from(sum.jitter_us), 1_000),
        ],
    }
}

/// A value of a column as it is read: kbit/s whole, the others with two digits.
fn figure(column: usize, hundredths: u64) -> String {
    if column == 0 {
        return (hundredths / 100).to_string();
    }
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// `2026-11-22 03:40`; UTC.
fn minute(at: Time) -> String {
    day_time(at).get(..16).unwrap_or_default().to_owned()
}

/// `2026-11-22 03:40:36`; UTC.
fn second(at: Time) -> String {
    day_time(at).get(..19).unwrap_or_default().to_owned()
}

fn path(values: &[(Time, u64)], top: u64, (from, to): (Time, Time), piece: Span) -> String {
    let whole = i128::from((to - from).0.max(1));
    let x = |at: Time| i128::from((at - from).0).clamp(0, whole) * i128::from(WIDTH) / whole;
    let y = |value: u64| {
        let room = i128::from(HEIGHT) - 4;
        i128::from(HEIGHT) - 2 - i128::from(value) * room / i128::from(top.max(1))
    };
    let mut path = String::new();
    let mut last: Option<Time> = None;
    for (at, value) in values {
        let goes_on = last.is_some_and(|last| (*at - last).0 <= piece.0);
        let end = (*at + piece).min(to);
        let verb = if goes_on { 'L' } else { 'M' };
        path.push_str(&format!("{verb}{} {}H{}", x(*at), y(*value), x(end)));
        last = Some(*at);
    }
    path
}

/// Of a plot.
pub const WIDTH: i64 = 720;
/// Of a plot.
pub const HEIGHT: i64 = 56;

#[cfg(test)]
mod tests {
    use spanwatch_appliance::store::read::StreamRow;
    use spanwatch_engine::report::minutes::StreamSum;

    use super::*;

    #[test]
    fn what_is_not_known_is_a_gap_and_what_is_known_in_part_is_no_lower_rate() {
        let hour = 3_600_000_000_000;
        let sum = |bytes, lost| StreamSum { packets: 99, bytes, lost, jitter_us: 1_500 };
        let course = Course {
            stream: StreamRow {
                row: 1,
                source: "02:00:00:00:00:0a".into(),
                destination: "192.0.2.10".into(),
                transport: "udp".into(),
                payload_type: 96,
            },
            // A whole piece, one that is known for a minute, and after a gap another.
            pieces: vec![
                (Time(0), 600, sum(75_000_000, 0)),
                (Time(hour / 6), 60, sum(7_500_000, 1)),
                (Time(hour), 600, sum(0, 0)),
            ],
        };
        let until = Time(24 * hour);
        let drawn = chart(&crate::test::picture(), "02:00:00:00:00:0a", &course, (SCOPES[0], until));
        assert!(drawn.is_sent && drawn.other.1.as_str() == "192.0.2.10");
        assert_eq!(
            drawn.rows,
            [
                ["1970-01-01 00:00", "1000", "0.00", "1.50"],
                ["1970-01-01 00:10", "1000", "1.00", "1.50"],
                ["1970-01-01 01:00", "0", "0.00", "1.50"],
            ]
        );
        assert_eq!(drawn.plots[0].path, "M0 2H5L5 2H10M30 54H35");
        assert_eq!((drawn.plots[0].top.as_str(), drawn.plots[1].top.as_str()), ("1000", "1.00"));
    }
}
