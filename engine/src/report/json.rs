//! The report as one JSON document.

use super::Report;

/// Writes `report`, indented, with a line feed at its end.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
