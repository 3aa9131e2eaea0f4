//! The report as one JSON document.

use std::io::{BufWriter, Write};

use super::Report;

/// Writes `report`, indented, with a line feed at its end.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    // It comes in millions of pieces of a few bytes.
    let mut out = BufWriter::new(out);
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)?;
    out.flush()
}
