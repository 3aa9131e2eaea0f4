//! A picture of one finding over time, as SVG: who was silent when.
//!
//! ```text
//!  Gate camera ......|████████████|........   a bar from the last sign of life to the first after
//!  Yard camera ......|███████████████|.....   one row a device of the finding
//!  what shows it ....|.'..''.......|.......   a tick for each piece of evidence
//!               03:40:30  03:41:00  03:41:30  UTC; hatched where nobody watched
//! ```
//!
//! Made from the report alone, so that a stored one draws the same. One file: no script, no font, no image, no link.
//! Colours follow the reader's scheme, and print on white. Every text from the wire is escaped. Coordinates are
//! integers, so that the same report gives the same bytes.

use std::fmt::Write as _;
use std::io::{self, Write};

use spanwatch_parsers::{Span, Time};

use super::time::{clock_time, day_time, length, parse};
use super::{Device, Finding, Report};

/// Draws one finding of `report`.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let picture = Picture::of(report, finding);
    out.write_all(picture.drawn().as_bytes())?;
    out.flush()
}

/// One row.
struct Row {
    name: String,
    bars: Vec<Bar>,
}

/// A time in which something held.
struct Bar {
    from: Time,
    /// `None` where it held to the end.
    to: Option<Time>,
    /// Whether the device was silent; else only the finding held.
    is_silence: bool,
}

struct Picture<'a> {
    finding: &'a Finding,
    rows: Vec<Row>,
    /// Devices without a row of their own.
    left_out: usize,
    blind: Vec<(Time, Time, &'a str)>,
    ticks: Vec<(Time, String)>,
    from: Time,
    to: Time,
}

impl<'a> Picture<'a> {
    fn of(report: &'a Report, finding: &'a Finding) -> Self {
        let time = |text: &str| parse(text).unwrap_or_default();
        let begin = time(&finding.first_seen);
        let end = finding.ended.as_deref().or(Some(&finding.last_seen)).map_or(begin, time);
        let ticks: Vec<(Time, String)> =
            finding.evidence.iter().take(TICKS_MAX).map(|it| (time(&it.time), it.text.clone())).collect();
        let shown = ticks.iter().map(|(at, _)| *at).chain([begin, end, time(&finding.detected)]);
        let (first, last) = (shown.clone().min().unwrap_or(begin), shown.max().unwrap_or(end));
        let margin = Span(((last - first).0 / 10).max(Span::seconds(5).0));
        let (from, to) = (first - margin, last + margin);
        let own = Bar { from: begin, to: finding.ended.as_deref().and_then(parse), is_silence: false };
        let named = finding.devices.iter().take(ROWS_MAX);
        let mut rows: Vec<Row> = named
            .map(|id| {
                let device = report.devices.iter().find(|device| device.id == *id);
                let bars = device.map_or_else(Vec::new, |device| silences(device, (from, to)));
                Row { name: device.map_or_else(|| id.clone(), |device| called(device)), bars }
            })
            .collect();
        if rows.iter().all(|row| row.bars.is_empty()) {
            match rows.first_mut() {
                Some(row) => row.bars.push(own),
                None => rows.push(Row { name: finding.kind.to_owned(), bars: vec![own] }),
            }
        }
        let blind = report.capture.blind.iter().map(|it| (time(&it.from), time(&it.to), it.reason));
        Self {
            finding,
            rows,
            left_out: finding.devices.len().saturating_sub(ROWS_MAX),
            blind: blind.filter(|(start, stop, _)| *stop >= from && *start <= to).take(BLIND_MAX).collect(),
            ticks,
            from,
            to,
        }
    }

    fn drawn(&self) -> String {
        let mut svg = String::new();
        let lanes = i64::try_from(self.rows.len()).unwrap_or(0).saturating_add(1);
        let bottom = TOP.saturating_add(lanes.saturating_mul(LANE));
        let height = bottom.saturating_add(FOOT);
        let key = key(self.finding);
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
             id=\"timeline-{key}\" aria-labelledby=\"title-{key} desc-{key}\" font-family=\"system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif\" font-size=\"12\">"
        );
        let _ = writeln!(svg, "<title id=\"title-{key}\">{}</title>", escaped(&self.finding.title));
        let _ = writeln!(svg, "<desc id=\"desc-{key}\">{}</desc>", escaped(&self.described()));
        style(&key, &mut svg);
        let _ =
            writeln!(svg, "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>");
        for (line, text) in (0..).zip(lines(&self.finding.title)) {
            let y = 22_i64.saturating_add(18_i64.saturating_mul(line));
            let _ = writeln!(
                svg,
                "<text class=\"ink\" x=\"{EDGE}\" y=\"{y}\" font-size=\"14\" font-weight=\"600\" fill=\"#1b1f24\">{}</text>",
                escaped(&text)
            );
        }
        self.axis(bottom, &mut svg);
        for (lane, row) in (0..).zip(&self.rows) {
            self.row(lane, row, &mut svg);
        }
        for (start, stop, why) in &self.blind {
            let (x, width) = (self.x(*start), self.width(*start, *stop));
            let (y, tall) = (TOP, bottom.saturating_sub(TOP));
            let told = format!("nobody watched from {} to {} UTC: {why}", day_time(*start), day_time(*stop));
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{tall}\" fill=\"url(#hatch-{key})\"><title>{}</title></rect>",
                escaped(&told)
            );
        }
        self.evidence(lanes.saturating_sub(1), &mut svg);
        self.marks(bottom, &mut svg);
        self.legend(bottom, &mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn row(&self, lane: i64, row: &Row, svg: &mut String) {
        let y = TOP.saturating_add(lane.saturating_mul(LANE));
        label(y, (&row.name, "ink", "#1b1f24"), svg);
        for bar in &row.bars {
            let to = bar.to.unwrap_or(self.to);
            let (x, width) = (self.x(bar.from), self.width(bar.from, to));
            let (class, fill) = if bar.is_silence { ("silent", "#c0362c") } else { ("holds", "#b26a00") };
            let what = if bar.is_silence { "silent" } else { "this finding holds" };
            let until = bar.to.map_or_else(
                || "not over".to_owned(),
                |to| format!("to {} UTC ({})", clock_time(to), length(to - bar.from)),
            );
            let told = format!("{}: {what} from {} UTC, {until}", row.name, day_time(bar.from));
            let (top, tall) = (y.saturating_add(5), LANE.saturating_sub(10));
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{tall}\" rx=\"2\" fill=\"{fill}\"><title>{}</title></rect>",
                escaped(&told)
            );
        }
    }

    fn evidence(&self, lane: i64, svg: &mut String) {
        let y = TOP.saturating_add(lane.saturating_mul(LANE));
        label(y, ("what shows it", "faint", "#57606a"), svg);
        for (at, text) in &self.ticks {
            let (x, top, end) = (self.x(*at), y.saturating_add(4), y.saturating_add(LANE).saturating_sub(4));
            let _ = writeln!(
                svg,
                "<path class=\"tick\" d=\"M{x} {top}V{end}\" stroke=\"#1b1f24\" stroke-width=\"2\"><title>{} UTC: {}</title></path>",
                clock_time(*at),
                escaped(text)
            );
        }
    }

    /// Where it was detected.
    fn marks(&self, bottom: i64, svg: &mut String) {
        let Some(at) = parse(&self.finding.detected) else { return };
        let x = self.x(at);
        let _ = writeln!(
            svg,
            "<path class=\"sure\" d=\"M{x} {TOP}V{bottom}\" stroke=\"#1b1f24\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"><title>detected {} UTC</title></path>",
            day_time(at)
        );
    }

    fn axis(&self, bottom: i64, svg: &mut String) {
        let _ = writeln!(
            svg,
            "<path class=\"line\" d=\"M{PLOT} {TOP}V{bottom}H{}\" fill=\"none\" stroke=\"#8c959f\"/>",
            PLOT.saturating_add(SPAN)
        );
        let step = step(self.to - self.from);
        let days = step.0 >= Span::seconds(86_400).0;
        let mut at = Time(self.from.0.div_euclid(step.0).saturating_mul(step.0));
        for _ in 0..LABELS_MAX {
            at = at + step;
            if at > self.to {
                break;
            }
            let x = self.x(at);
            let day = day_time(at);
            let words = if days { day.get(5..10).unwrap_or_default().to_owned() } else { clock_time(at) };
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x} {TOP}V{bottom}\" stroke=\"#d8dee4\"/><text class=\"faint\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#57606a\">{words}</text>",
                bottom.saturating_add(16)
            );
        }
    }

    fn legend(&self, bottom: i64, svg: &mut String) {
        let y = bottom.saturating_add(40);
        let _ = writeln!(
            svg,
            "<text class=\"faint\" x=\"{EDGE}\" y=\"{y}\" fill=\"#57606a\">UTC, {}</text>",
            escaped(&days(self.from, self.to))
        );
        let has =
            |is_silence| self.rows.iter().flat_map(|row| &row.bars).any(|bar| bar.is_silence == is_silence);
        let signs = [
            (has(true), "class=\"silent\" fill=\"#c0362c\"".to_owned(), "silent"),
            (has(false), "class=\"holds\" fill=\"#b26a00\"".to_owned(), "the finding holds"),
            (!self.blind.is_empty(), format!("fill=\"url(#hatch-{})\"", key(self.finding)), "nobody watched"),
        ];
        let mut x = PLOT;
        for (_, paint, words) in signs.into_iter().filter(|(is_shown, ..)| *is_shown) {
            let _ = writeln!(
                svg,
                "<rect {paint} x=\"{x}\" y=\"{}\" width=\"18\" height=\"10\"/><text class=\"faint\" x=\"{}\" y=\"{y}\" fill=\"#57606a\">{words}</text>",
                y.saturating_sub(9),
                x.saturating_add(24)
            );
            x = x.saturating_add(140);
        }
        let _ = writeln!(
            svg,
            "<path class=\"sure\" d=\"M{x} {}h18\" stroke=\"#1b1f24\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/><text class=\"faint\" x=\"{}\" y=\"{y}\" fill=\"#57606a\">detected</text>",
            y.saturating_sub(4),
            x.saturating_add(24)
        );
        if self.left_out > 0 {
            let _ = writeln!(
                svg,
                "<text class=\"faint\" x=\"{EDGE}\" y=\"{}\" fill=\"#57606a\">and {} more devices</text>",
                y.saturating_add(18),
                self.left_out
            );
        }
    }

    /// The picture in words, for who cannot see it.
    fn described(&self) -> String {
        let mut told = format!("From {} to {} UTC.", day_time(self.from), day_time(self.to));
        for row in &self.rows {
            for bar in &row.bars {
                let what = if bar.is_silence { "silent" } else { "the finding holds" };
                let until = bar.to.map_or_else(|| "on".to_owned(), |to| format!("to {}", clock_time(to)));
                let _ = write!(told, " {}: {what} from {} {until}.", row.name, clock_time(bar.from));
            }
        }
        if self.left_out > 0 {
            let _ = write!(told, " And {} more devices.", self.left_out);
        }
        for (start, stop, _) in &self.blind {
            let _ = write!(told, " Nobody watched from {} to {}.", clock_time(*start), clock_time(*stop));
        }
        let _ = write!(told, " {} pieces of evidence.", self.ticks.len());
        told
    }

    /// Where a moment lies, within the plot.
    fn x(&self, at: Time) -> i64 {
        let whole = i128::from((self.to - self.from).0.max(1));
        let part = i128::from((at - self.from).0).clamp(0, whole);
        PLOT.saturating_add(i64::try_from(part * i128::from(SPAN) / whole).unwrap_or(0))
    }

    fn width(&self, from: Time, to: Time) -> i64 {
        self.x(to).saturating_sub(self.x(from)).max(2)
    }
}

/// What tells the names inside one picture from those of another on the same page.
fn key(finding: &Finding) -> String {
    finding.id.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The dark scheme, and the pattern of times without a watch.
fn style(key: &str, svg: &mut String) {
    svg.push_str("<style>@media screen and (prefers-color-scheme:dark){");
    for (class, colour) in DARK {
        let _ = write!(svg, "#timeline-{key} .{class}{{{colour}}}");
    }
    let _ = writeln!(svg, "}}#timeline-{key}{{print-color-adjust:exact}}</style>");
    let _ = writeln!(
        svg,
        "<defs><pattern id=\"hatch-{key}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <path class=\"hatch\" d=\"M0 0V8\" stroke=\"#6e7781\" stroke-width=\"3\"/></pattern></defs>"
    );
}

/// When a device was silent within the time shown. What was offline and then unknown, as nobody watched, was not heard
/// before it was online again.
fn silences(device: &Device, (from, to): (Time, Time)) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut is_open = false;
    for it in &device.history {
        let at = it.from.0;
        match (it.state, is_open) {
            ("offline", false) => {
                bars.push(Bar { from: at, to: None, is_silence: true });
                is_open = true;
            }
            ("offline" | "unknown", _) => {}
            _ => {
                if let Some(bar) = bars.last_mut().filter(|_| is_open) {
                    bar.to = Some(at);
                }
                is_open = false;
            }
        }
    }
    bars.retain(|bar| bar.from <= to && bar.to.is_none_or(|end| end >= from));
    bars.truncate(BARS_MAX);
    bars
}

/// What to call a device in a row.
fn called(device: &Device) -> String {
    let listed = device.inventory.as_ref().and_then(|row| row.get("name"));
    let own = device.name.as_ref().or(device.hostname.as_ref());
    let words = match (listed, &device.vendor, &device.model) {
        (Some(name), ..) => vec![name],
        (None, Some(vendor), Some(model)) => vec![vendor, model],
        (None, vendor, _) => vendor.iter().chain(own).collect(),
    };
    let name = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let address = device.ips.iter().find(|ip| !ip.starts_with("fe80:")).unwrap_or(&device.id);
    if name.is_empty() { address.clone() } else { format!("{name} ({address})") }
}

/// A row's name: whole in its tooltip, its end, which tells the address, where it does not fit.
fn label(y: i64, (name, class, fill): (&str, &str, &str), svg: &mut String) {
    let count = name.chars().count();
    let shown = if count > NAME_MAX {
        let (head, tail) = (NAME_MAX / 2 - 2, NAME_MAX / 2 + 1);
        let start: String = name.chars().take(head).collect();
        let end: String = name.chars().skip(count.saturating_sub(tail)).collect();
        format!("{start}…{end}")
    } else {
        name.to_owned()
    };
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{fill}\">{}<title>{}</title></text>",
        PLOT.saturating_sub(8),
        y.saturating_add(LANE / 2).saturating_add(4),
        escaped(&shown),
        escaped(name)
    );
}

/// A title in lines that fit.
fn lines(title: &str) -> Vec<String> {
    super::table::wrapped(title, TITLE_MAX).into_iter().take(2).collect()
}

/// The length between two labels of the axis: the first round one that leaves room for all.
fn step(shown: Span) -> Span {
    let wanted = shown.0 / 7;
    let round = STEPS_S.into_iter().map(Span::seconds).find(|step| step.0 >= wanted);
    round.unwrap_or_else(|| {
        let day = Span::seconds(86_400).0;
        Span(wanted.div_euclid(day).saturating_add(1).saturating_mul(day))
    })
}

/// The day shown, or the first and the last.
fn days(from: Time, to: Time) -> String {
    let day = |at| day_time(at).get(..10).unwrap_or_default().to_owned();
    let (first, last) = (day(from), day(to));
    if first == last { first } else { format!("{first} to {last}") }
}

/// Text as XML holds it: no mark of it is a tag, and what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Colours of the dark scheme, by class; on paper the light ones count, which the attributes say.
const DARK: [(&str, &str); 10] = [
    ("ground", "fill:#0d1117"),
    ("ink", "fill:#e6edf3"),
    ("faint", "fill:#9da7b3"),
    ("line", "stroke:#6e7681"),
    ("grid", "stroke:#30363d"),
    ("tick", "stroke:#e6edf3"),
    ("silent", "fill:#f47067"),
    ("holds", "fill:#d9a441"),
    ("sure", "stroke:#e6edf3"),
    ("hatch", "stroke:#9da7b3"),
];

/// Of the picture.
const WIDTH: i64 = 960;
/// From its edge to any text.
const EDGE: i64 = 16;
/// Where the plot begins ...
const PLOT: i64 = 268;
/// ... and how wide it is.
const SPAN: i64 = WIDTH - PLOT - 40;
/// Above the plot: two lines of title.
const TOP: i64 = 56;
/// Below it: the axis and what the signs mean.
const FOOT: i64 = 68;
/// One row.
const LANE: i64 = 26;
/// Letters of a name that fit.
const NAME_MAX: usize = 38;
/// Letters of the title that fit in a line.
const TITLE_MAX: usize = 120;
/// Rows drawn; more fit no page.
const ROWS_MAX: usize = 40;
/// Bars of one row.
const BARS_MAX: usize = 200;
/// Pieces of evidence drawn.
const TICKS_MAX: usize = 400;
/// Times without a watch drawn.
const BLIND_MAX: usize = 200;
/// Labels of the axis.
const LABELS_MAX: usize = 12;
/// Round lengths, in seconds.
const STEPS_S: [i64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::test::report;
    use crate::report::time::Stamp;

    fn drawn(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &report.findings[0], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_silence_is_a_bar_and_each_piece_of_evidence_a_tick() {
        let svg = drawn(&report());
        assert_eq!(svg.matches("<rect class=\"silent\" x=").count(), 2, "{svg}");
        assert_eq!(svg.matches("class=\"tick\"").count(), 2);
        assert!(svg.contains("silent from 2026-11-22 03:40:37 UTC, to 03:41:24 UTC (47 s)"), "{svg}");
        assert!(svg.contains("nobody watched from 2026-11-22 03:41:00 to"), "{svg}");
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn a_silence_goes_on_while_nobody_watches_and_until_something_is_heard() {
        let mut report = report();
        for device in &mut report.devices {
            let at = Stamp(parse("2026-11-22T03:41:00Z").unwrap());
            (device.history[1].to, device.history[2].from) = (Some(at), at);
            device.history[2].state = "unknown";
        }
        let svg = drawn(&report);
        assert!(svg.contains("silent from 2026-11-22 03:40:37 UTC, not over"), "{svg}");
    }

    #[test]
    fn texts_are_escaped_and_nothing_is_loaded_or_run() {
        let mut report = report();
        report.findings[0].title = "</title><script>alert('x')</script>\u{1b}".into();
        let svg = drawn(&report);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{svg}");
        assert!(!svg.replace("http://www.w3.org/2000/svg", "").contains("://"), "{svg}");
    }

    #[test]
    fn a_finding_without_silence_is_drawn_as_long_as_it_holds() {
        let mut report = report();
        report.devices.iter_mut().for_each(|device| device.history.clear());
        let svg = drawn(&report);
        assert_eq!(svg.matches("<rect class=\"holds\" x=").count(), 1, "{svg}");
        report.findings[0].devices.clear();
        assert!(drawn(&report).contains("devices-offline-together: this finding holds"));
    }

    #[test]
    fn who_cannot_see_it_is_told() {
        let svg = drawn(&report());
        assert!(svg.contains("role=\"img\"") && svg.contains("aria-labelledby=\"title-abc123 desc-abc123\""));
        assert!(svg.contains("silent from 03:40:37 to 03:41:24."), "{svg}");
    }

    #[test]
    fn rows_are_bounded_and_the_rest_is_counted() {
        let mut report = report();
        report.findings[0].devices = (0..100).map(|n| format!("device-{n}")).collect();
        let svg = drawn(&report);
        assert!(svg.contains("and 60 more devices"), "{svg}");
        assert!(!svg.contains("device-40"));
    }

    #[test]
    fn the_axis_has_round_labels_however_long_it_is() {
        let steps = [10, 60, 700, 90_000, 40 * 86_400].map(|s| step(Span::seconds(s)).0 / 1_000_000_000);
        assert_eq!(steps, [2, 10, 120, 21_600, 6 * 86_400]);
        for seconds in [1, 7, 59, 3_600, 86_400, 400 * 86_400] {
            let step = step(Span::seconds(seconds)).0;
            assert!(Span::seconds(seconds).0 / step <= LABELS_MAX as i64, "{seconds}");
        }
    }
}
