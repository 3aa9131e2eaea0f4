//! The report as a person likes to read it on a terminal.
//!
//! First what is wrong, in sentences; then who is there; then the streams; last
//! how good the view was. Colour only where the caller says that a terminal shows it.
//! Sentences wrap at the width; addresses never break, see `columns`.

mod columns;

use std::io::Write;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};

use super::{Decimal, Device, Report};
use columns::{Column, Form, Give};

/// How the terminal looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns to fill at most.
    pub width: u16,
    /// Whether colours are shown.
    pub is_coloured: bool,
}

/// Writes `report`.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    findings(report, style, out)?;
    devices(report, style, out)?;
    streams(report, style, out)?;
    capture(report, style, out)
}

fn findings(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    if report.findings.is_empty() {
        return writeln!(out, "Nothing is wrong as far as this capture shows.\n");
    }
    for finding in &report.findings {
        let width = usize::from(style.width).saturating_sub(MARK_WIDTH + 1).max(SENTENCE_MIN);
        let mut mark =
            paint(&format!("{:<MARK_WIDTH$}", finding.severity), severity_color(finding.severity), style);
        for line in wrapped(&finding.title, width) {
            writeln!(out, "{mark} {}", paint(&line, None, style))?;
            mark = " ".repeat(MARK_WIDTH);
        }
        for line in wrapped(&finding.summary, width) {
            writeln!(out, "         {line}")?;
        }
        let mut cited: Vec<u64> = finding.evidence.iter().filter_map(|evidence| evidence.frame).collect();
        cited.dedup();
        let frames: Vec<String> = cited.iter().take(FRAMES_SHOWN).map(ToString::to_string).collect();
        if !frames.is_empty() {
            let (kind, confidence) = (finding.kind, &finding.confidence);
            let proof =
                format!("{kind} {} · confidence {confidence} · packets {}", finding.id, frames.join(", "));
            for line in wrapped(&proof, width) {
                writeln!(out, "         {line}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn devices(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    let summary = &report.summary;
    writeln!(
        out,
        "{} devices: {} online, {} offline, {} unknown",
        summary.devices, summary.online, summary.offline, summary.unknown
    )?;
    let mut table = plain_table(&DEVICE_COLUMNS, style);
    let mut rows: Vec<&Device> = report.devices.iter().map(AsRef::as_ref).collect();
    rows.sort_by_key(|device| (rank(&device.kind), address_order(device)));
    for device in rows.iter().take(ROWS_MAX) {
        let switch = device.switch.as_ref().map_or_else(String::new, |switch| {
            let name = switch.name.clone().or(switch.id.clone()).unwrap_or_default();
            let port = switch.port.as_ref().map(|port| format!(" {port}")).unwrap_or_default();
            name + &port
        });
        let name = device.name.as_ref().or(device.hostname.as_ref());
        table.add_row(vec![
            coloured(device.state, state_color(device.state), style),
            Cell::new(&device.kind),
            Cell::new(device.vendor.as_deref().unwrap_or("-")),
            Cell::new(device.model.as_deref().unwrap_or("-")),
            Cell::new(device.firmware.as_deref().unwrap_or("-")),
            Cell::new(name.map_or("-", String::as_str)),
            Cell::new(shown_address(device)),
            Cell::new(device.mac.as_deref().unwrap_or("-")),
            Cell::new(if switch.is_empty() { "-" } else { &switch }),
            Cell::new(&device.confidence),
        ]);
    }
    let left_out = columns::fit(&mut table, &DEVICE_COLUMNS, style.width, &DEVICES_GIVE);
    write_table(&table, &left_out, rows.len(), out)
}

fn streams(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    if report.streams.is_empty() {
        return Ok(());
    }
    writeln!(out, "{} streams", report.streams.len())?;
    let mut table = plain_table(&STREAM_COLUMNS, style);
    let address = |id: &String| {
        report.devices.iter().find(|device| device.id == *id).map_or_else(
            || id.clone(),
            |device| device.ips.first().map_or_else(|| id.clone(), |_| shown_address(device)),
        )
    };
    let known = |it: &Option<Decimal>| it.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    for stream in report.streams.iter().take(ROWS_MAX) {
        table.add_row(vec![
            Cell::new(address(&stream.source)),
            Cell::new(address(&stream.destination)),
            Cell::new(stream.codec.as_deref().unwrap_or("-")),
            Cell::new(stream.transport),
            Cell::new(stream.packets),
            Cell::new(stream.lost),
            Cell::new(&stream.jitter_ms),
            Cell::new(stream.bitrate_bps / 1_000),
            Cell::new(known(&stream.frame_rate)),
            Cell::new(known(&stream.longest_gap_ms)),
        ]);
    }
    let left_out = columns::fit(&mut table, &STREAM_COLUMNS, style.width, &STREAMS_GIVE);
    write_table(&table, &left_out, report.streams.len(), out)
}

fn capture(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    let capture = &report.capture;
    let span = match (&capture.first, &capture.last) {
        (Some(first), Some(last)) => format!(", {} to {} UTC", short(first), short(last)),
        _ => String::new(),
    };
    let inputs = match capture.inputs.as_slice() {
        [one] => one.name.clone(),
        many => format!("{} captures", many.len()),
    };
    let width = usize::from(style.width).max(SENTENCE_MIN);
    for line in wrapped(&format!("{inputs}: {} packets{span}", capture.packets), width) {
        writeln!(out, "{line}")?;
    }
    let mut notes = Vec::new();
    if capture.duplicates > 0 {
        notes.push(format!("{} copies made by the mirror were set aside", capture.duplicates));
    }
    if capture.truncated > 0 {
        notes.push(format!("{} packets were cut short by the capture", capture.truncated));
    }
    notes.extend(capture.encapsulations.iter().map(|(name, count)| format!("{count} packets in {name}")));
    notes.extend(capture.undecodable.iter().map(|(reason, count)| format!("{count} not read: {reason}")));
    notes.extend(
        capture.panics.iter().map(|(name, count)| format!("{name} failed {count} times: please report it")),
    );
    notes.extend(
        capture
            .blind
            .iter()
            .map(|it| format!("blind from {} to {}: {}", short(&it.from), short(&it.to), it.reason)),
    );
    for note in notes {
        for (index, line) in wrapped(&note, width.saturating_sub(4)).into_iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

fn plain_table(columns: &[Column], style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width);
    if style.is_coloured {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(columns.iter().map(|column| {
        let cell = Cell::new(column.name);
        if style.is_coloured { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    table
}

fn write_table(table: &Table, left_out: &[&str], rows: usize, out: &mut dyn Write) -> std::io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    if !left_out.is_empty() {
        writeln!(out, " No room for {}", left_out.join(", "))?;
    }
    if rows > ROWS_MAX {
        writeln!(out, "... and {} more: use --format csv or json", rows - ROWS_MAX)?;
    }
    writeln!(out)
}

fn shown_address(device: &Device) -> String {
    let is_link_local = |ip: &&String| ip.starts_with("fe80:");
    let first = device.ips.iter().find(|ip| !is_link_local(ip)).or_else(|| device.ips.first());
    first.map_or_else(|| "-".to_owned(), Clone::clone)
}

/// Addresses in numeric order, so that 10.0.0.9 comes before 10.0.0.10.
fn address_order(device: &Device) -> (Option<std::net::IpAddr>, String) {
    (shown_address(device).parse().ok(), device.id.clone())
}

/// What people look for first comes first.
fn rank(kind: &str) -> usize {
    const ORDER: [&str; 9] = [
        "camera",
        "encoder",
        "recorder",
        "vms",
        "viewer",
        "access-controller",
        "intercom",
        "switch",
        "router",
    ];
    let is_unknown = usize::from(kind == "unknown");
    ORDER.iter().position(|it| *it == kind).unwrap_or(ORDER.len() + is_unknown)
}

pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn short(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ")
}

fn coloured(text: &str, color: Option<Color>, style: Style) -> Cell {
    match color {
        Some(color) if style.is_coloured => Cell::new(text).fg(color),
        _ => Cell::new(text),
    }
}

fn paint(text: &str, color: Option<Color>, style: Style) -> String {
    let code = match color {
        Some(Color::Red) => "1;31",
        Some(Color::Yellow) => "1;33",
        Some(Color::Cyan) => "1;36",
        _ => "1",
    };
    if style.is_coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn state_color(state: &str) -> Option<Color> {
    match state {
        "online" => Some(Color::Green),
        "offline" => Some(Color::Red),
        "degraded" => Some(Color::Yellow),
        _ => None,
    }
}

fn severity_color(severity: &str) -> Option<Color> {
    match severity {
        "critical" | "high" => Some(Color::Red),
        "medium" => Some(Color::Yellow),
        _ => Some(Color::Cyan),
    }
}

/// What is said of a device.
const DEVICE_COLUMNS: [Column; 10] = [
    Column { name: "STATE", form: Form::Whole },
    Column { name: "KIND", form: Form::Whole },
    Column { name: "VENDOR", form: Form::Text },
    Column { name: "MODEL", form: Form::Text },
    Column { name: "FIRMWARE", form: Form::Text },
    Column { name: "NAME", form: Form::Text },
    Column { name: "ADDRESS", form: Form::Whole },
    Column { name: "MAC", form: Form::Whole },
    Column { name: "SWITCH", form: Form::Text },
    Column { name: "SURE", form: Form::Number },
];

/// How devices give way: the address finds a device without its MAC, the state is the last to miss.
const DEVICES_GIVE: [Give; 10] = [
    Give::Shorten(TEXT_AMPLE),
    Give::Drop("MAC"),
    Give::Drop("FIRMWARE"),
    Give::Drop("SWITCH"),
    Give::Shorten(TEXT_MIN),
    Give::Drop("MODEL"),
    Give::Drop("NAME"),
    Give::Drop("VENDOR"),
    Give::Drop("SURE"),
    Give::Drop("KIND"),
];

/// What is said of a stream.
const STREAM_COLUMNS: [Column; 10] = [
    Column { name: "FROM", form: Form::Whole },
    Column { name: "TO", form: Form::Whole },
    Column { name: "CODEC", form: Form::Text },
    Column { name: "OVER", form: Form::Whole },
    Column { name: "PACKETS", form: Form::Number },
    Column { name: "LOST", form: Form::Number },
    Column { name: "JITTER ms", form: Form::Number },
    Column { name: "KBIT/S", form: Form::Number },
    Column { name: "FRAMES/S", form: Form::Number },
    Column { name: "LONGEST GAP ms", form: Form::Number },
];

/// How streams give way: who, and what was lost, stay.
const STREAMS_GIVE: [Give; 9] = [
    Give::Shorten(TEXT_AMPLE),
    Give::Drop("LONGEST GAP ms"),
    Give::Drop("JITTER ms"),
    Give::Drop("FRAMES/S"),
    Give::Drop("OVER"),
    Give::Shorten(TEXT_MIN),
    Give::Drop("KBIT/S"),
    Give::Drop("PACKETS"),
    Give::Drop("CODEC"),
];

/// Room in which most names stand whole.
const TEXT_AMPLE: u16 = 24;
/// Less of a name says nothing.
const TEXT_MIN: u16 = 8;
/// The longest name of a severity.
const MARK_WIDTH: usize = 8;
/// Sentences are not squeezed into less.
const SENTENCE_MIN: usize = 40;
/// Rows of one table; beyond, a spreadsheet reads better.
const ROWS_MAX: usize = 200;
/// Packets named under a finding; all stand in the JSON.
const FRAMES_SHOWN: usize = 6;

#[cfg(test)]
mod tests;
