//! The report as one HTML file: no script, nothing loaded, prints clean. For a mail, an auditor, a folder of years.

use std::io::{self, Write};

use askama::Template;
use spanwatch_engine::report::Report;

use crate::pages::{View, stylesheet};
use crate::picture::is_incident;
use crate::words::{self, Shown};
use crate::{Picture, pages};

#[derive(Template)]
#[template(path = "book.html")]
struct Book {
    style: Style,
    title: Shown,
    span: Option<(String, String)>,
    summary: Vec<(String, &'static str)>,
    incidents: Vec<View>,
    more_incidents: usize,
    others: Vec<View>,
    more_others: usize,
    devices: Vec<pages::DeviceRow>,
    more_devices: usize,
    inputs: Vec<(Shown, String, Shown)>,
    version: Shown,
    configuration: Shown,
}

/// Our own stylesheet: the only text that stands in a page as it is.
struct Style(String);

impl std::fmt::Display for Style {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Style {}

impl askama::FastWritable for Style {
    fn write_into(&self, dest: &mut dyn std::fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

/// Writes a report as one HTML file.
///
/// # Errors
/// Those of `out`.
pub fn write(report: Report, out: &mut dyn Write) -> io::Result<()> {
    let text = text(&Picture::new(report, None)).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(crate) fn text(picture: &Picture) -> askama::Result<String> {
    let report = &picture.report;
    let (incidents, others): (Vec<_>, Vec<_>) = picture.findings.iter().partition(|it| is_incident(it));
    let shown = |findings: &[&spanwatch_engine::report::Finding]| -> Vec<View> {
        findings.iter().take(FINDINGS_MAX).map(|finding| View::of(picture, finding)).collect()
    };
    let summary = &report.summary;
    let capture = &report.capture;
    Book {
        style: Style(stylesheet()),
        title: words::shown(report.site.as_deref().unwrap_or("This site")),
        span: capture
            .first
            .as_deref()
            .zip(capture.last.as_deref())
            .map(|(from, to)| (words::moment(from), words::moment(to))),
        summary: vec![
            (words::count(incidents.len() as u64), "incidents"),
            (words::count(others.len() as u64), "other findings"),
            (words::count(summary.devices), "devices"),
            (words::count(summary.online), "online"),
            (words::count(summary.offline), "offline"),
            (words::count(summary.unknown), "not known"),
        ],
        more_incidents: incidents.len().saturating_sub(FINDINGS_MAX),
        more_others: others.len().saturating_sub(FINDINGS_MAX),
        incidents: shown(&incidents),
        others: shown(&others),
        devices: report
            .devices
            .iter()
            .take(DEVICES_MAX)
            .map(|it| pages::DeviceRow::of(picture, it))
            .collect(),
        more_devices: report.devices.len().saturating_sub(DEVICES_MAX),
        inputs: capture
            .inputs
            .iter()
            .map(|it| {
                let sha256 = words::shown(it.sha256.as_deref().unwrap_or("not taken"));
                (words::shown(&it.name), words::count(it.packets), sha256)
            })
            .collect(),
        version: words::shown(report.version),
        configuration: words::shown(&report.configuration),
    }
    .render()
}

/// A book that a person can read; the others are told by number and stand in the JSON.
const FINDINGS_MAX: usize = 200;
const DEVICES_MAX: usize = 2_000;
