//! One table of the report as CSV (RFC 4180), for spreadsheets.
//!
//! Every text from the wire is hostile: a cell that a spreadsheet would take
//! for a formula gets an apostrophe before it.

use std::io::{Error, Write};

use super::{Decimal, Report};

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Table {
    /// One row a device.
    #[default]
    Devices,
    /// One row a finding.
    Findings,
    /// One row a stream.
    Streams,
}

/// Writes one table of `report`; `with_header` unless it goes on from another.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, table: Table, with_header: bool, out: &mut dyn Write) -> std::io::Result<()> {
    match table {
        Table::Devices => rows(with_header, DEVICES, report.devices.iter().map(|it| device(it)), out),
        Table::Findings => rows(with_header, FINDINGS, report.findings.iter().map(finding), out),
        Table::Streams => rows(with_header, STREAMS, report.streams.iter().map(|it| stream(it)), out),
    }
}

/// Writes these devices, each with where it is, whose it is and how much it matters.
///
/// # Errors
/// Those of `out`.
pub fn write_devices<'a>(
    devices: impl Iterator<Item = (&'a super::Device, [&'a str; 3])>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let header = [DEVICES, &["location", "owner", "importance"]].concat();
    let row = |(it, said): (&super::Device, [&str; 3])| {
        device(it).into_iter().chain(said.map(str::to_owned)).collect()
    };
    rows(true, &header, devices.map(row), out)
}

/// Writes these findings.
///
/// # Errors
/// Those of `out`.
pub fn write_findings<'a>(
    findings: impl Iterator<Item = &'a super::Finding>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    rows(true, FINDINGS, findings.map(finding), out)
}

/// Writes these streams.
///
/// # Errors
/// Those of `out`.
pub fn write_streams<'a>(
    streams: impl Iterator<Item = &'a super::Stream>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    rows(true, STREAMS, streams.map(stream), out)
}

fn rows(
    with_header: bool,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    if with_header {
        writer.write_record(header).map_err(Error::other)?;
    }
    for row in rows {
        writer.write_record(row.iter().map(|cell| safe(cell))).map_err(Error::other)?;
    }
    writer.flush()
}

fn device(device: &super::Device) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let switch = device.switch.as_ref();
    vec![
        device.id.clone(),
        text(&device.name),
        device.kind.clone(),
        text(&device.vendor),
        text(&device.model),
        text(&device.serial),
        text(&device.firmware),
        text(&device.mac),
        device.ips.join(" "),
        text(&device.hostname),
        device.vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        switch.and_then(|switch| switch.name.clone().or(switch.id.clone())).unwrap_or_default(),
        switch.and_then(|switch| switch.port.clone()).unwrap_or_default(),
        device.state.to_owned(),
        device.confidence.to_string(),
        device.first_seen.to_string(),
        device.last_seen.to_string(),
        device.packets.to_string(),
        device.bytes.to_string(),
    ]
}

fn finding(finding: &super::Finding) -> Vec<String> {
    vec![
        finding.id.clone(),
        finding.severity.to_owned(),
        finding.kind.to_owned(),
        finding.owner.to_owned(),
        finding.devices.join(" "),
        finding.cause.unwrap_or_default().to_owned(),
        finding.confidence.to_string(),
        finding.title.clone(),
        finding.summary.clone(),
        finding.first_seen.clone(),
        finding.detected.clone(),
        finding.ended.clone().unwrap_or_default(),
        finding.count.to_string(),
    ]
}

fn stream(stream: &super::Stream) -> Vec<String> {
    let count = |it: Option<u64>| it.as_ref().map(ToString::to_string).unwrap_or_default();
    let decimal = |it: &Option<Decimal>| it.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![
        stream.source.clone(),
        stream.destination.clone(),
        stream.transport.to_owned(),
        stream.codec.clone().unwrap_or_default(),
        stream.payload_type.to_string(),
        count(stream.ssrc.map(u64::from)),
        stream.packets.to_string(),
        stream.lost.to_string(),
        count(stream.out_of_order),
        count(stream.duplicates),
        stream.jitter_ms.to_string(),
        stream.bitrate_bps.to_string(),
        decimal(&stream.frame_rate),
        decimal(&stream.longest_gap_ms),
        stream.first_seen.to_string(),
        stream.last_seen.to_string(),
    ]
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").
fn safe(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

const DEVICES: &[&str] = &[
    "id",
    "name",
    "kind",
    "vendor",
    "model",
    "serial",
    "firmware",
    "mac",
    "ips",
    "hostname",
    "vlans",
    "switch",
    "port",
    "state",
    "confidence",
    "first_seen",
    "last_seen",
    "packets",
    "bytes",
];
const FINDINGS: &[&str] = &[
    "id",
    "severity",
    "kind",
    "owner",
    "devices",
    "cause",
    "confidence",
    "title",
    "summary",
    "first_seen",
    "detected",
    "ended",
    "count",
];
const STREAMS: &[&str] = &[
    "source",
    "destination",
    "transport",
    "codec",
    "payload_type",
    "ssrc",
    "packets",
    "lost",
    "out_of_order",
    "duplicates",
    "jitter_ms",
    "bitrate_bps",
    "frame_rate",
    "longest_gap_ms",
    "first_seen",
    "last_seen",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_neutralised() {
        assert_eq!(safe("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(safe("@sum"), "'@sum");
        assert_eq!(safe("Axis P3245"), "Axis P3245");
    }
}
