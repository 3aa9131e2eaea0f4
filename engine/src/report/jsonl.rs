//! The report as JSON lines: one object a line, each with its `type`.
//!
//! `report` (schema, version, configuration), `capture`, then every device,
//! switch, stream, session and finding, then `summary`.

use std::io::Write;

use serde::Serialize;

use super::Report;
use super::changes::Change;

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    r#type: &'static str,
    /// The input a line is about, where each input is reported by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    /// What became of a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
    #[serde(flatten)]
    record: &'a T,
}

type Nothing = serde_json::Map<String, serde_json::Value>;

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a String>,
    configuration: &'a str,
    data: &'a std::collections::BTreeMap<String, super::DataList>,
}

/// Writes `report`; `of` names the input it is about where there are several reports.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, of: Option<&str>, out: &mut dyn Write) -> std::io::Result<()> {
    let head = Head {
        schema: report.schema,
        version: report.version,
        site: report.site.as_ref(),
        configuration: &report.configuration,
        data: &report.data,
    };
    line("report", of, &head, out)?;
    line("capture", of, &report.capture, out)?;
    lines("device", of, &report.devices, out)?;
    lines("switch", of, &report.switches, out)?;
    lines("stream", of, &report.streams, out)?;
    lines("session", of, &report.sessions, out)?;
    lines("learned", of, &report.learned, out)?;
    lines("finding", of, &report.findings, out)?;
    line("summary", of, &report.summary, out)
}

/// Writes what became of a finding while a capture goes on: the finding's line with `change`.
///
/// # Errors
/// Those of `out`.
pub fn change(change: &Change, out: &mut dyn Write) -> std::io::Result<()> {
    let head = Line { r#type: "finding", of: None, change: Some(change.change), record: &Nothing::new() };
    write_line(&head, &change.finding, out)
}

fn lines<T: Serialize>(
    r#type: &'static str,
    of: Option<&str>,
    records: &[T],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    records.iter().try_for_each(|record| line(r#type, of, record, out))
}

fn line<T: Serialize>(
    r#type: &'static str,
    of: Option<&str>,
    record: &T,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    write_line(&Line { r#type, of, change: None, record: &Nothing::new() }, record, out)
}

fn write_line<T: Serialize>(
    head: &Line<'_, Nothing>,
    record: &T,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    // Through a text: serde's flatten does not carry numbers of fixed decimals otherwise.
    let body = serde_json::to_string(record)?;
    let head = serde_json::to_string(head)?;
    let (head, body) = (head.trim_end_matches('}'), body.trim_start_matches('{'));
    let comma = if body == "}" { "" } else { "," };
    writeln!(out, "{head}{comma}{body}")
}
