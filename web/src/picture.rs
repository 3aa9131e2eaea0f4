//! One moment of a site: a report, and where to find what in it.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use spanwatch_appliance::access::Team;
use spanwatch_appliance::store::desk::Standing;
use spanwatch_appliance::store::labels::Label;
use spanwatch_engine::finding::Severity;
use spanwatch_engine::report::mirror_check::Remark;
use spanwatch_engine::report::{Device, Finding, Report, courses};
use utoipa::ToSchema;

use crate::memo::Memo;
use crate::words;

/// Who is told what becomes of findings, and how that goes.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Receiver {
    /// As it may be shown.
    pub name: String,
    /// Messages delivered.
    pub sent: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages dropped because too many waited.
    pub dropped: u64,
    /// Messages that it would not have.
    pub refused: u64,
    /// Whether the last attempt failed.
    pub is_failing: bool,
}

/// One moment of a site, never changed. What pages show is all of one picture.
#[derive(Debug)]
pub struct Picture {
    /// All that the analysis knows.
    pub report: Arc<Report>,
    /// What the mirror check says; only a whole capture has one.
    pub remarks: Option<Arc<Vec<Remark>>>,
    /// The report's findings with what people made of them: whose turn it is; those of earlier runs, too.
    pub(crate) findings: Findings,
    /// What people made of findings, by id.
    pub(crate) life: Arc<Life>,
    /// Who is told, of a watch.
    pub receivers: Vec<Receiver>,
    /// How streams went, of a capture that was read just now.
    pub(crate) courses: Arc<courses::Kept>,
    /// Which picture of its site it is, from 1.
    pub(crate) number: u64,
    /// Devices by id and former id.
    ids: Arc<BTreeMap<String, usize>>,
    /// Findings by device, in the report's order.
    by_device: BTreeMap<usize, Vec<usize>>,
    /// What of each device can be searched for, in small letters.
    searched: Arc<Vec<String>>,
    /// What was found out of the report alone.
    of_report: Arc<Memo>,
    /// What was found out of it with what people made of it.
    of_all: Memo,
}

/// What a store knows of findings beside what they say.
#[derive(Debug, Default)]
pub struct Life {
    /// What people made of them, by id.
    pub standings: BTreeMap<String, Standing>,
    /// Those of earlier runs that are over.
    pub past: Vec<Finding>,
    /// What people say of devices, by the id that each had then.
    pub labels: BTreeMap<String, Label>,
}

/// Where a device is, whose it is and how much it matters: as people say, else as the site's list does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said<'a> {
    /// Where it is.
    pub location: Option<&'a str>,
    /// Whose it is.
    pub owner: Option<&'a str>,
    /// critical, normal or unimportant.
    pub importance: Option<&'a str>,
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
        let searched = report.devices.iter().map(|device| searched(device)).collect();
        let still = Self {
            report: Arc::new(report),
            remarks: remarks.map(Arc::new),
            receivers: Vec::new(),
            courses: Arc::default(),
            findings: Findings::default(),
            life: Arc::default(),
            number: 1,
            ids: Arc::new(ids),
            by_device: BTreeMap::new(),
            searched: Arc::new(searched),
            of_report: Arc::default(),
            of_all: Memo::default(),
        };
        still.living(&Arc::default())
    }

    /// The same with those who are told.
    #[must_use]
    pub fn telling(self, receivers: Vec<Receiver>) -> Self {
        Self { receivers, ..self }
    }

    /// The same with how its streams went.
    #[must_use]
    pub fn with_courses(self, courses: courses::Kept) -> Self {
        Self { courses: Arc::new(courses), ..self }
    }

    /// The same moment, with what people made of findings.
    #[must_use]
    pub(crate) fn living(&self, life: &Arc<Life>) -> Self {
        let findings = Findings::new(&self.report, life);
        let mut by_device: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, finding) in findings.iter().enumerate() {
            for index in finding.devices.iter().filter_map(|id| self.ids.get(id)) {
                by_device.entry(*index).or_default().push(number);
            }
        }
        Self {
            report: Arc::clone(&self.report),
            remarks: self.remarks.clone(),
            receivers: self.receivers.clone(),
            courses: Arc::clone(&self.courses),
            findings,
            life: Arc::clone(life),
            number: self.number,
            ids: Arc::clone(&self.ids),
            by_device,
            searched: Arc::clone(&self.searched),
            of_report: Arc::clone(&self.of_report),
            of_all: Memo::default(),
        }
    }

    /// What `make` makes of it, once for each key.
    pub(crate) fn once<T: Any + Send + Sync>(
        &self,
        key: &str,
        make: impl Fn(&Self) -> T + Send + Sync + 'static,
    ) -> Arc<T> {
        self.of_all.of(self, key, make)
    }

    /// The same of what `make` makes of the report alone, whatever people make of it.
    pub(crate) fn once_of_report<T: Any + Send + Sync>(
        &self,
        key: &str,
        make: impl Fn(&Self) -> T + Send + Sync + 'static,
    ) -> Arc<T> {
        self.of_report.of(self, key, make)
    }

    /// Makes what was asked of the picture before, so that nobody waits for it once this one is shown.
    pub(crate) fn ahead(&self, before: &Self) {
        if !Arc::ptr_eq(&self.of_report, &before.of_report) {
            self.of_report.ahead(self, &before.of_report);
        }
        self.of_all.ahead(self, &before.of_all);
    }

    /// Whether something was found out of it.
    #[cfg(test)]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.of_all.has(key) || self.of_report.has(key)
    }

    /// What people made of a finding, where they made anything of it.
    pub(crate) fn standing(&self, id: &str) -> Option<&Standing> {
        self.life.standings.get(id)
    }

    /// Whether a finding still asks for somebody: it is not over, and nobody said that it is mended, wrong or to be left alone.
    pub(crate) fn is_open(&self, finding: &Finding) -> bool {
        finding.ended.is_none()
            && !matches!(self.status(finding), "resolved" | "suppressed" | "false-positive")
    }

    /// What people made of it, in a word.
    pub(crate) fn status(&self, finding: &Finding) -> &str {
        self.standing(&finding.id).map_or("new", |it| it.status.as_str())
    }

    /// Whose turn the analysis says it is, where people say another.
    pub(crate) fn first_turn(&self, finding: &Finding) -> Option<&'static str> {
        self.standing(&finding.id)?.turn.as_ref()?;
        let own = self.report.findings.iter().chain(&self.life.past).find(|it| it.id == finding.id)?;
        (own.owner != finding.owner).then_some(own.owner)
    }

    /// The device of an id, or of a former one.
    pub(crate) fn device(&self, id: &str) -> Option<&Device> {
        self.ids.get(id).and_then(|index| self.report.devices.get(*index)).map(|it| &**it)
    }

    /// The device that has an address.
    pub(crate) fn at_address(&self, address: IpAddr) -> Option<&Device> {
        let places = self.once_of_report("devices by address", |picture| {
            let mut places: BTreeMap<IpAddr, usize> = BTreeMap::new();
            for (place, device) in picture.report.devices.iter().enumerate() {
                for ip in device.ips.iter().filter_map(|ip| ip.parse().ok()) {
                    places.entry(ip).or_insert(place);
                }
            }
            places
        });
        places.get(&address).and_then(|place| self.report.devices.get(*place)).map(|it| &**it)
    }

    /// Where a device is, whose it is and how much it matters.
    pub(crate) fn said<'a>(&'a self, device: &'a Device) -> Said<'a> {
        let mut labels = std::iter::once(&device.id).chain(&device.aliases);
        let label =
            if self.life.labels.is_empty() { None } else { labels.find_map(|id| self.life.labels.get(id)) };
        let of = |own: Option<&'a String>, column: &str| {
            own.or_else(|| device.inventory.as_ref()?.get(column)).map(String::as_str)
        };
        Said {
            location: of(label.and_then(|it| it.location.as_ref()), "location"),
            owner: of(label.and_then(|it| it.owner.as_ref()), "owner"),
            importance: of(label.and_then(|it| it.importance.as_ref()), "importance"),
        }
    }

    /// What to call the device of an id.
    pub(crate) fn called(&self, id: &str) -> words::Shown {
        self.device(id).map_or_else(|| words::shown(id), words::called)
    }

    /// The findings on a device.
    pub(crate) fn findings_on(&self, id: &str) -> impl Iterator<Item = &Finding> {
        let numbers = self.ids.get(id).and_then(|index| self.by_device.get(index));
        numbers.into_iter().flatten().filter_map(|number| self.findings.get(*number))
    }

    /// Findings of a device that are not over.
    pub(crate) fn open_on(&self, id: &str) -> usize {
        self.ids.get(id).map_or(0, |index| self.open_at(*index))
    }

    /// The same of the device at a place of the report.
    pub(crate) fn open_at(&self, index: usize) -> usize {
        let findings =
            self.by_device.get(&index).into_iter().flatten().filter_map(|it| self.findings.get(*it));
        findings.filter(|it| self.is_open(it) && it.severity != "info").count()
    }

    /// A finding by its id; where it was superseded, the one that took its place.
    pub(crate) fn finding(&self, id: &str) -> Option<&Finding> {
        let findings = &self.findings;
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

/// The findings of a picture, the worst first. Those of the report and of earlier runs are where they were: with each act of
/// somebody this is made anew, of a hundred thousand.
#[derive(Debug, Default)]
pub struct Findings {
    report: Option<Arc<Report>>,
    life: Arc<Life>,
    /// Those that were handed over, as they are told then.
    handed_over: Vec<Finding>,
    order: Vec<Place>,
}

/// Where a finding is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Report(usize),
    Past(usize),
    HandedOver(usize),
}

impl Findings {
    fn new(report: &Arc<Report>, life: &Arc<Life>) -> Self {
        let mut past: BTreeMap<&str, usize> =
            life.past.iter().enumerate().map(|(at, it)| (it.id.as_str(), at)).collect();
        if !past.is_empty() {
            report.findings.iter().for_each(|it| {
                past.remove(it.id.as_str());
            });
        }
        let order = (0..report.findings.len()).map(Place::Report);
        let order = order.chain(past.into_values().map(Place::Past)).collect();
        let (report, life) = (Some(Arc::clone(report)), Arc::clone(life));
        let mut findings = Self { report, life, handed_over: Vec::new(), order };
        findings.sort();
        findings.hand_over();
        findings
    }

    /// As reports have them; what is only the report's is so.
    fn sort(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        if order.iter().any(|it| matches!(it, Place::Past(_))) {
            order.sort_by_cached_key(|place| self.at(*place).map(|it| (rank(it), &it.first_seen, &it.id)));
        }
        self.order = order;
    }

    /// Tells anew of those that people say are another team's turn.
    fn hand_over(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        for place in &mut order {
            let turn = |it: &&Finding| {
                let turn = self.life.standings.get(&it.id)?.turn.as_deref();
                turn.and_then(Team::named).filter(|team| team.name() != it.owner)
            };
            let Some((finding, team)) = self.at(*place).and_then(|it| Some((it, turn(&it)?))) else {
                continue;
            };
            let handed_over = Finding {
                owner: team.name(),
                summary: words::handed_over(&finding.summary, team),
                // What it was to find out: whose turn it is.
                first_check: None,
                ..finding.clone()
            };
            *place = Place::HandedOver(self.handed_over.len());
            self.handed_over.push(handed_over);
        }
        self.order = order;
    }

    fn at(&self, place: Place) -> Option<&Finding> {
        match place {
            Place::Report(at) => self.report.as_ref()?.findings.get(at),
            Place::Past(at) => self.life.past.get(at),
            Place::HandedOver(at) => self.handed_over.get(at),
        }
    }

    /// One of them.
    pub(crate) fn get(&self, at: usize) -> Option<&Finding> {
        self.order.get(at).and_then(|place| self.at(*place))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> + Clone {
        self.order.iter().filter_map(|place| self.at(*place))
    }
}

/// Whether a finding is an incident: something stopped working, or may have.
pub fn is_incident(finding: &Finding) -> bool {
    matches!(finding.category, "availability" | "network")
}

/// The worst first.
fn rank(finding: &Finding) -> Option<usize> {
    Severity::ALL.into_iter().position(|it| it.name() == finding.severity)
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
