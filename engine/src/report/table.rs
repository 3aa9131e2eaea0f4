//! The report as a person likes to read it on a terminal.
//!
//! First what is wrong, in sentences; then who is there; then the streams; last
//! how good the view was. Colour only where the caller says that a terminal shows it.

use std::io::Write;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use super::{Device, Report};

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
    capture(report, out)
}

fn findings(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    if report.findings.is_empty() {
        return writeln!(out, "Nothing is wrong as far as this capture shows.\n");
    }
    for finding in &report.findings {
        let mark = paint(&format!("{:<8}", finding.severity), severity_color(finding.severity), style);
        writeln!(out, "{mark} {}", paint(&finding.title, None, style))?;
        let width = usize::from(style.width).saturating_sub(9).max(40);
        for line in wrapped(&finding.summary, width) {
            writeln!(out, "         {line}")?;
        }
        let frames: Vec<String> = finding
            .evidence
            .iter()
            .filter_map(|evidence| evidence.frame)
            .take(FRAMES_SHOWN)
            .map(|frame| frame.to_string())
            .collect();
        if !frames.is_empty() {
            writeln!(
                out,
                "         {} · confidence {} · packets {}",
                finding.kind,
                finding.confidence,
                frames.join(", ")
            )?;
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
    let mut table = plain_table(style);
    table.set_header(header(
        &["STATE", "KIND", "VENDOR", "MODEL", "NAME", "ADDRESS", "MAC", "SWITCH", "SURE"],
        style,
    ));
    let mut rows: Vec<&Device> = report.devices.iter().collect();
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
            Cell::new(name.map_or("-", String::as_str)),
            Cell::new(shown_address(device)),
            Cell::new(device.mac.as_deref().unwrap_or("-")),
            Cell::new(if switch.is_empty() { "-" } else { &switch }),
            Cell::new(&device.confidence).set_alignment(CellAlignment::Right),
        ]);
    }
    write_table(&table, rows.len(), out)
}

fn streams(report: &Report, style: Style, out: &mut dyn Write) -> std::io::Result<()> {
    if report.streams.is_empty() {
        return Ok(());
    }
    writeln!(out, "{} streams", report.streams.len())?;
    let mut table = plain_table(style);
    table.set_header(header(
        &["FROM", "TO", "CODEC", "OVER", "PACKETS", "LOST", "JITTER ms", "KBIT/S", "LONGEST GAP ms"],
        style,
    ));
    let address = |id: &String| {
        report.devices.iter().find(|device| device.id == *id).map_or_else(
            || id.clone(),
            |device| device.ips.first().map_or_else(|| id.clone(), |_| shown_address(device)),
        )
    };
    for stream in report.streams.iter().take(ROWS_MAX) {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row(vec![
            Cell::new(address(&stream.source)),
            Cell::new(address(&stream.destination)),
            Cell::new(stream.codec.as_deref().unwrap_or("-")),
            Cell::new(stream.transport),
            right(stream.packets.to_string()),
            right(stream.lost.to_string()),
            right(stream.jitter_ms.to_string()),
            right((stream.bitrate_bps / 1_000).to_string()),
            right(stream.longest_gap_ms.to_string()),
        ]);
    }
    write_table(&table, report.streams.len(), out)
}

fn capture(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let capture = &report.capture;
    let span = match (&capture.first, &capture.last) {
        (Some(first), Some(last)) => format!(", {} to {} UTC", short(first), short(last)),
        _ => String::new(),
    };
    let inputs = match capture.inputs.as_slice() {
        [one] => one.name.clone(),
        many => format!("{} captures", many.len()),
    };
    writeln!(out, "{inputs}: {} packets{span}", capture.packets)?;
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
        capture
            .blind
            .iter()
            .map(|it| format!("blind from {} to {}: {}", short(&it.from), short(&it.to), it.reason)),
    );
    for note in notes {
        writeln!(out, "  {note}")?;
    }
    Ok(())
}

fn plain_table(style: Style) -> Table {
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
    table
}

fn header(names: &[&str], style: Style) -> Vec<Cell> {
    names
        .iter()
        .map(
            |name| {
                if style.is_coloured {
                    Cell::new(name).add_attribute(Attribute::Bold)
                } else {
                    Cell::new(name)
                }
            },
        )
        .collect()
}

fn write_table(table: &Table, rows: usize, out: &mut dyn Write) -> std::io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
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

fn wrapped(text: &str, width: usize) -> Vec<String> {
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

/// Rows of one table; beyond, a spreadsheet reads better.
const ROWS_MAX: usize = 200;
/// Packets named under a finding; all stand in the JSON.
const FRAMES_SHOWN: usize = 6;
