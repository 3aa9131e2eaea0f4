//! The report as one JSON document.

use std::io::{BufWriter, Result, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::Report;

/// Writes `report`, indented, with a line feed at its end.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> Result<()> {
    // It comes in millions of pieces of a few bytes.
    let mut out = BufWriter::new(out);
    report.serialize(&mut Serializer::with_formatter(&mut out, Indented::default()))?;
    writeln!(out)?;
    out.flush()
}

/// Writes what [`serde_json::ser::PrettyFormatter`] does, each line's beginning in one piece.
#[derive(Debug, Default)]
struct Indented {
    depth: usize,
    has_value: bool,
}

impl Indented {
    fn begin<W: Write + ?Sized>(&mut self, out: &mut W, bracket: &[u8]) -> Result<()> {
        self.depth = self.depth.saturating_add(1);
        self.has_value = false;
        out.write_all(bracket)
    }

    fn end<W: Write + ?Sized>(&mut self, out: &mut W, bracket: &[u8]) -> Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.has_value {
            self.line(out, true)?;
        }
        out.write_all(bracket)
    }

    /// Begins a line, which is the first of its kind or comes behind a comma.
    fn line<W: Write + ?Sized>(&self, out: &mut W, is_first: bool) -> Result<()> {
        let end = self.depth.saturating_add(1).saturating_mul(2);
        out.write_all(LINE.get(usize::from(is_first)..end).unwrap_or(LINE))
    }
}

/// A comma, the line's end, and as many spaces as a report is ever indented by.
const LINE: &[u8] = b",\n                                                                ";

impl Formatter for Indented {
    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, is_first: bool) -> Result<()> {
        self.line(out, is_first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, is_first: bool) -> Result<()> {
        self.line(out, is_first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_indented_as_by_the_library() {
        let mut deep = serde_json::json!([{}, [], {"a": [1, {"b": null}], "c": {"d": "e"}}]);
        for _ in 0..12 {
            deep = serde_json::json!({"in": [deep, {}], "and": []});
        }
        let mut out = Vec::new();
        deep.serialize(&mut Serializer::with_formatter(&mut out, Indented::default())).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&deep).unwrap());
    }
}
