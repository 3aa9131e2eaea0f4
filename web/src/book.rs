//! The report as one HTML file: no script, nothing loaded, prints clean. For a mail, an auditor, a folder of years.
//!
//! | version | has |
//! | --- | --- |
//! | for everybody | all of it |
//! | for the camera team | what waits for them in plain words, each device with where it is; no protocols, no packets |
//! | for IT | what waits for them with evidence, the switches, where each device hangs |
//! | for security and auditors | every finding with its references, what was watched and what was not, how sure each device is, all hashes |

use std::io::{self, Write};

use askama::Template;
use spanwatch_engine::report::incident::Audience;
use spanwatch_engine::report::{Finding, Report};

use crate::pages::{Card, View, stylesheet};
use crate::picture::is_incident;
use crate::words::{self, Shown};
use crate::{Picture, pages};

#[derive(Template)]
#[template(path = "book.html")]
struct Book {
    style: Style,
    title: Shown,
    version_of: &'static Version,
    blind: Vec<(String, String, Shown)>,
    limits: Vec<Shown>,
    lists: Vec<(Shown, Shown)>,
    switches: Vec<(Shown, String, Shown)>,
    elsewhere: Vec<Card>,
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

/// Who reads it, and what that version has.
pub(crate) struct Version {
    audience: Audience,
    /// In addresses; as `replay --for` has it.
    pub(crate) key: &'static str,
    /// In words.
    pub(crate) name: &'static str,
    /// Evidence, causes and protocols.
    has_detail: bool,
    /// Where devices hang, and the switches.
    has_network: bool,
    /// What was watched, what was not, hashes, references.
    has_method: bool,
}

/// All versions.
pub(crate) const VERSIONS: [Version; 4] = [
    Version {
        audience: Audience::Everybody,
        key: "",
        name: "for everybody",
        has_detail: true,
        has_network: true,
        has_method: true,
    },
    Version {
        audience: Audience::PhysicalSecurity,
        key: "physical-security",
        name: "for the camera team",
        has_detail: false,
        has_network: false,
        has_method: false,
    },
    Version {
        audience: Audience::It,
        key: "it",
        name: "for IT",
        has_detail: true,
        has_network: true,
        has_method: false,
    },
    Version {
        audience: Audience::Security,
        key: "security",
        name: "for security and auditors",
        has_detail: true,
        has_network: true,
        has_method: true,
    },
];

impl Version {
    /// Whether a finding is told whole, and not in a line.
    fn is_for(&self, finding: &Finding) -> bool {
        match self.audience {
            Audience::It => finding.owner != "physical-security",
            Audience::PhysicalSecurity => finding.owner != "it",
            Audience::Everybody | Audience::Security => true,
        }
    }

    fn of(audience: Audience) -> &'static Self {
        VERSIONS.iter().find(|it| it.audience == audience).unwrap_or(&VERSIONS[0])
    }

    /// The version of a key; of none that of everybody.
    pub(crate) fn named(key: &str) -> &'static Self {
        VERSIONS.iter().find(|it| it.key == key).unwrap_or(&VERSIONS[0])
    }
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

/// Writes a report as one HTML file, for some audience.
///
/// # Errors
/// Those of `out`.
pub fn write(report: Report, audience: Audience, out: &mut dyn Write) -> io::Result<()> {
    let text = text(&Picture::new(report, None), Version::of(audience)).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(crate) fn text(picture: &Picture, version: &'static Version) -> askama::Result<String> {
    let report = &picture.report;
    let (own, elsewhere): (Vec<_>, Vec<_>) = picture.findings.iter().partition(|it| version.is_for(it));
    let (incidents, others): (Vec<_>, Vec<_>) = own.into_iter().partition(|it| is_incident(it));
    let shown = |findings: &[&Finding]| -> Vec<View> {
        findings.iter().take(FINDINGS_MAX).map(|finding| View::of(picture, finding)).collect()
    };
    let summary = &report.summary;
    let capture = &report.capture;
    Book {
        style: Style(stylesheet()),
        title: words::shown(report.site.as_deref().unwrap_or("This site")),
        version_of: version,
        blind: capture
            .blind
            .iter()
            .take(ROWS_MAX)
            .map(|it| (words::moment(&it.from), words::moment(&it.to), words::shown(it.reason)))
            .collect(),
        limits: capture
            .limits
            .iter()
            .map(|it| words::shown(&format!("{}: {} gone at a cap of {}", it.what, it.evicted, it.cap)))
            .collect(),
        lists: report
            .data
            .iter()
            .map(|(name, list)| (words::shown(name), words::shown(&list.date)))
            .collect(),
        switches: report
            .switches
            .iter()
            .take(ROWS_MAX)
            .map(|it| {
                let parent = it.parent.as_deref().map(|id| picture.switch_called(id)).unwrap_or_default();
                (picture.switch_called(&it.id), words::count(it.members.len() as u64), parent)
            })
            .collect(),
        elsewhere: elsewhere
            .iter()
            .filter(|it| is_incident(it))
            .take(ROWS_MAX)
            .map(|it| Card::of(picture, it))
            .collect(),
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
/// Of a list beside them.
const ROWS_MAX: usize = 200;
