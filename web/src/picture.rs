//! One moment of a site: a report, and where to find what in it.

use std::collections::BTreeMap;

use spanwatch_engine::report::mirror_check::Remark;
use spanwatch_engine::report::{Device, Finding, Report};

use crate::words;

/// One moment of a site, never changed. What pages show is all of one picture.
#[derive(Debug)]
pub struct Picture {
    /// All that is known.
    pub report: Report,
    /// What the mirror check says; only a whole capture has one.
    pub remarks: Option<Vec<Remark>>,
    /// Which picture of its site it is, from 1.
    pub(crate) number: u64,
    /// Devices by id and former id.
    ids: BTreeMap<String, usize>,
    /// Findings by device, in the report's order.
    findings: BTreeMap<usize, Vec<usize>>,
    /// What of each device can be searched for, in small letters.
    searched: Vec<String>,
}

impl Picture {
    /// Of a report, with what the mirror check says where there is one.
    #[must_use]
    pub fn new(report: Report, remarks: Option<Vec<Remark>>) -> Self {
        let mut ids = BTreeMap::new();
        for (index, device) in report.devices.iter().enumerate() {
            for alias in &device.aliases {
                ids.entry(alias.clone()).or_insert(index);
            }
        }
        for (index, device) in report.devices.iter().enumerate() {
            ids.insert(device.id.clone(), index);
        }
        let mut findings: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, finding) in report.findings.iter().enumerate() {
            for index in finding.devices.iter().filter_map(|id| ids.get(id)) {
                findings.entry(*index).or_default().push(number);
            }
        }
        let searched = report.devices.iter().map(|device| searched(device)).collect();
        Self { report, remarks, number: 1, ids, findings, searched }
    }

    /// The device of an id, or of a former one.
    pub(crate) fn device(&self, id: &str) -> Option<&Device> {
        self.ids.get(id).and_then(|index| self.report.devices.get(*index)).map(|it| &**it)
    }

    /// What to call the device of an id.
    pub(crate) fn called(&self, id: &str) -> words::Shown {
        self.device(id).map_or_else(|| words::shown(id), words::called)
    }

    /// The findings on a device.
    pub(crate) fn findings_on(&self, id: &str) -> impl Iterator<Item = &Finding> {
        let numbers = self.ids.get(id).and_then(|index| self.findings.get(index));
        numbers.into_iter().flatten().filter_map(|number| self.report.findings.get(*number))
    }

    /// Findings of a device that are not over.
    pub(crate) fn open_on(&self, id: &str) -> usize {
        self.findings_on(id).filter(|it| it.ended.is_none() && it.severity != "info").count()
    }

    /// A finding by its id; where it was superseded, the one that took its place.
    pub(crate) fn finding(&self, id: &str) -> Option<&Finding> {
        let findings = &self.report.findings;
        let is_it = |it: &&Finding| it.id == id;
        findings
            .iter()
            .find(is_it)
            .or_else(|| findings.iter().find(|it| it.supersedes.iter().any(|old| old == id)))
    }

    /// What a device can be searched by.
    pub(crate) fn searched(&self, index: usize) -> &str {
        self.searched.get(index).map_or("", String::as_str)
    }

    /// What to call a switch.
    pub(crate) fn switch_called(&self, id: &str) -> words::Shown {
        let named = self.report.switches.iter().find(|switch| switch.id == id);
        words::shown(named.and_then(|switch| switch.name.as_deref()).unwrap_or(id))
    }
}

/// Whether a finding is an incident: something stopped working, or may have.
pub fn is_incident(finding: &Finding) -> bool {
    matches!(finding.category, "availability" | "network")
}

/// All that people know a device by.
fn searched(device: &Device) -> String {
    let texts = [&device.mac, &device.vendor, &device.model, &device.serial, &device.name, &device.hostname];
    let listed = device.inventory.iter().flat_map(|row| row.values());
    let hangs = device.switch.iter().flat_map(|it| it.name.iter().chain(&it.port));
    let parts = [&device.id, &device.kind].into_iter().chain(&device.ips).chain(texts.into_iter().flatten());
    let mut text = String::new();
    for part in parts.chain(listed).chain(hangs) {
        text.extend(part.chars().take(PART_MAX).flat_map(char::to_lowercase));
        text.push('\n');
    }
    text
}

/// Letters of one text that are searched.
const PART_MAX: usize = 256;
