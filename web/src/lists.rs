//! What lists can be narrowed to: the same for a page, its CSV and its JSON.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use spanwatch_engine::report::{Device, Finding, Session, Stream, time};
use utoipa::IntoParams;

use crate::Picture;
use crate::picture::{Said, is_incident};
use crate::words;

/// Which devices.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Devices {
    /// Words that must all be met with.
    pub q: String,
    /// online, degraded, offline or unknown.
    pub state: String,
    /// camera, recorder, …
    pub kind: String,
    /// Who made it; `-` where that is not known.
    pub vendor: String,
    /// The id of a switch; `-` where it is not known.
    pub switch: String,
    /// Its number.
    pub vlan: String,
    /// Where it is, as people say, else as the site's list does; `-` where nobody says.
    pub location: String,
    /// Whose it is, likewise.
    pub owner: String,
    /// critical, normal or unimportant, likewise.
    pub importance: String,
    /// RFC 3339: first heard after it.
    pub since: String,
    /// state, name, vendor, seen or id.
    pub sort: String,
    /// From 1.
    pub page: String,
    /// Counts by switch, location, owner, vendor or kind, and no devices.
    #[param(ignore)]
    pub group: String,
    /// Which columns, with commas between.
    #[param(ignore)]
    pub columns: String,
    /// How many were changed just now.
    #[param(ignore)]
    pub changed: String,
}

/// Which findings.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Findings {
    /// Words that must all be met with.
    pub q: String,
    /// critical, high, medium, low or info.
    pub severity: String,
    /// availability, network, weakness, …
    pub category: String,
    /// device-offline, …
    pub kind: String,
    /// it, physical-security or unknown.
    pub owner: String,
    /// open or over; what people resolved, suppressed or called false is over.
    pub state: String,
    /// new, acknowledged, in-progress, resolved, suppressed or false-positive.
    pub status: String,
    /// The id of a device.
    pub device: String,
    /// RFC 3339: began after it.
    pub since: String,
    /// RFC 3339: over since then.
    pub ended_since: String,
    /// From 1.
    pub page: String,
}

/// Which streams.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Streams {
    /// Words that must all be met with, in what is known of its two ends.
    pub q: String,
    /// lossy, or recorded, watched: by who gets it.
    pub show: String,
    /// The id of a device at either end.
    pub device: String,
    /// loss, jitter or rate: the most first.
    pub sort: String,
    /// From 1.
    pub page: String,
}

/// Which conversations.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Sessions {
    /// The id of a device at either end.
    pub device: String,
}

impl Devices {
    /// The devices meant, in the order wanted.
    pub fn of<'a>(&self, picture: &'a Picture) -> Vec<&'a Device> {
        let (own, key) = (self.clone(), self.link("devices", ("", "")));
        let places = match self.is_of_report() {
            true => picture.once_of_report(&key, move |picture| own.places(picture)),
            false => picture.once(&key, move |picture| own.places(picture)),
        };
        let devices = places.iter().filter_map(|place| picture.report.devices.get(*place as usize));
        devices.map(|it| &**it).collect()
    }

    /// Whether what people say and made of findings is nothing to it.
    fn is_of_report(&self) -> bool {
        let labels = [&self.q, &self.location, &self.owner, &self.importance];
        labels.iter().all(|it| it.is_empty())
            && matches!(self.sort.as_str(), "id" | "name" | "vendor" | "seen")
    }

    /// Their places in the report.
    fn places(&self, picture: &Picture) -> Vec<u32> {
        let words = wanted(&self.q);
        let all = picture.report.devices.iter().enumerate();
        let since = time::parse(&self.since);
        let is_labelled = |said: Said<'_>| {
            is(&self.location, said.location)
                && is(&self.owner, said.owner)
                && is(&self.importance, said.importance)
        };
        let asks_labels = [&self.location, &self.owner, &self.importance].iter().any(|it| !it.is_empty());
        let is_told = |index: usize, device: &Device, word: &str| {
            let labels = || [picture.said(device).location, picture.said(device).owner].into_iter().flatten();
            picture.searched(index).contains(word)
                || labels().map(str::to_lowercase).any(|label| label.contains(word))
        };
        let is_meant = |index: usize, device: &Device| {
            self.matches(device)
                && (!asks_labels || is_labelled(picture.said(device)))
                && (self.since.is_empty() || since.is_some_and(|since| device.first_seen.0 > since))
                && words.iter().all(|word| is_told(index, device, word))
        };
        let mut meant: Vec<(usize, &Device)> = all
            .filter(|(index, device)| is_meant(*index, device))
            .map(|(at, device)| (at, &**device))
            .collect();
        match self.sort.as_str() {
            "id" => {}
            "name" => meant.sort_by_cached_key(|(_, device)| words::called(device).as_str().to_lowercase()),
            "vendor" => meant.sort_by(|(_, a), (_, b)| {
                (a.vendor.is_none(), &a.vendor, &a.model).cmp(&(b.vendor.is_none(), &b.vendor, &b.model))
            }),
            "seen" => meant.sort_by_key(|(_, device)| std::cmp::Reverse(device.last_seen)),
            _ => meant.sort_by_cached_key(|(at, device)| (rank(device.state), picture.open_at(*at) == 0)),
        }
        places(meant.into_iter().map(|(at, _)| at))
    }

    /// Whether a device is meant, its texts apart.
    fn matches(&self, device: &Device) -> bool {
        let switch =
            device.switch.as_ref().and_then(|switch| switch.id.as_deref().or(switch.name.as_deref()));
        is(&self.state, Some(device.state))
            && is(&self.kind, Some(&device.kind))
            && is(&self.vendor, device.vendor.as_deref())
            && is(&self.switch, switch)
            && (self.vlan.is_empty() || device.vlans.iter().any(|vlan| vlan.to_string() == self.vlan))
    }

    /// The address of this list on `path`, with one filter changed.
    pub fn link(&self, path: &str, change: (&str, &str)) -> String {
        let own = [
            ("q", &self.q),
            ("state", &self.state),
            ("kind", &self.kind),
            ("vendor", &self.vendor),
            ("switch", &self.switch),
            ("vlan", &self.vlan),
            ("location", &self.location),
            ("owner", &self.owner),
            ("importance", &self.importance),
            ("since", &self.since),
            ("sort", &self.sort),
            ("columns", &self.columns),
            ("group", &self.group),
        ];
        link(path, &own, change)
    }

    /// The filters in force, each with its key and its name.
    pub fn filters(&self) -> Vec<(&'static str, &'static str, &str)> {
        let all = [
            ("q", "search", &self.q),
            ("state", "state", &self.state),
            ("kind", "kind", &self.kind),
            ("vendor", "maker", &self.vendor),
            ("switch", "switch", &self.switch),
            ("vlan", "VLAN", &self.vlan),
            ("location", "location", &self.location),
            ("owner", "owner", &self.owner),
            ("importance", "importance", &self.importance),
            ("since", "first heard after", &self.since),
        ];
        let chosen = all.into_iter().filter(|(.., value)| !value.is_empty());
        chosen.map(|(key, name, value)| (key, name, value.as_str())).collect()
    }
}

impl Findings {
    /// The findings meant, in the report's order.
    pub fn of<'a>(&self, picture: &'a Picture) -> Vec<&'a Finding> {
        let own = self.clone();
        let places = picture.once(&self.link("findings", ("", "")), move |picture| own.places(picture));
        places.iter().filter_map(|place| picture.findings.get(*place as usize)).collect()
    }

    /// Their places in the picture.
    fn places(&self, picture: &Picture) -> Vec<u32> {
        let words = wanted(&self.q);
        let is_told = |finding: &Finding| {
            let text = format!("{}\n{}\n{}\n{}", finding.title, finding.summary, finding.kind, finding.id)
                .to_lowercase();
            words.iter().all(|word| text.contains(word.as_str()))
        };
        let state = |finding: &Finding| if picture.is_open(finding) { "open" } else { "over" };
        let is_since = |wanted: &str, at: Option<&str>| {
            wanted.is_empty()
                || at.and_then(time::parse).zip(time::parse(wanted)).is_some_and(|(at, since)| at > since)
        };
        let all = picture.findings.iter().enumerate();
        let meant = all.filter(|(_, it)| {
            is(&self.severity, Some(it.severity))
                && (is(&self.category, Some(it.category)) || self.category == "incident" && is_incident(it))
                && is(&self.kind, Some(it.kind))
                && is(&self.owner, Some(it.owner))
                && is(&self.state, Some(state(it)))
                && is(&self.status, Some(picture.status(it)))
                && (self.device.is_empty() || it.devices.contains(&self.device))
                && is_since(&self.since, Some(&it.first_seen))
                && is_since(&self.ended_since, it.ended.as_deref())
                && (words.is_empty() || is_told(it))
        });
        places(meant.map(|(at, _)| at))
    }

    /// The address of this list on `path`, with one filter changed.
    pub fn link(&self, path: &str, change: (&str, &str)) -> String {
        let own = [
            ("q", &self.q),
            ("severity", &self.severity),
            ("category", &self.category),
            ("kind", &self.kind),
            ("owner", &self.owner),
            ("state", &self.state),
            ("status", &self.status),
            ("device", &self.device),
            ("since", &self.since),
            ("ended_since", &self.ended_since),
        ];
        link(path, &own, change)
    }
}

impl Streams {
    /// The streams meant, in the report's order.
    pub fn of<'a>(&self, picture: &'a Picture) -> Vec<&'a Stream> {
        let own = self.clone();
        let places =
            picture.once_of_report(&self.link("streams", ("", "")), move |picture| own.places(picture));
        places.iter().filter_map(|place| Some(&**picture.report.streams.get(*place as usize)?)).collect()
    }

    /// Their places in the report.
    fn places(&self, picture: &Picture) -> Vec<u32> {
        let words = wanted(&self.q);
        let mut told: BTreeMap<&str, String> = BTreeMap::new();
        let mut is_told = |at: usize| {
            let Some(stream) = picture.report.streams.get(at) else { return false };
            for id in [&stream.source, &stream.destination] {
                told.entry(id).or_insert_with(|| format!("{id}\n{}", picture.called(id)).to_lowercase());
            }
            let ends = [&stream.source, &stream.destination].map(|id| told.get(id.as_str()));
            words.iter().all(|word| ends.iter().flatten().any(|text| text.contains(word.as_str())))
        };
        let is_shown = |it: &Stream| match self.show.as_str() {
            "lossy" => it.lost > 0,
            "recorded" => purpose(picture, it) == Purpose::Records,
            "watched" => purpose(picture, it) == Purpose::Watches,
            _ => true,
        };
        let all = picture.report.streams.iter().map(|it| &**it).enumerate();
        let mut meant: Vec<(usize, &Stream)> = all
            .filter(|(at, it)| {
                (self.device.is_empty() || it.source == self.device || it.destination == self.device)
                    && is_shown(it)
                    && (words.is_empty() || is_told(*at))
            })
            .collect();
        match self.sort.as_str() {
            "loss" => meant.sort_by_key(|(_, it)| std::cmp::Reverse(lost_share(it.packets, it.lost))),
            "jitter" => meant.sort_by_key(|(_, it)| std::cmp::Reverse(it.jitter_ms.thousandths())),
            "rate" => meant.sort_by_key(|(_, it)| std::cmp::Reverse(it.bitrate_bps)),
            _ => {}
        }
        places(meant.into_iter().map(|(at, _)| at))
    }

    /// The address of this list on `path`, with one filter changed.
    pub fn link(&self, path: &str, change: (&str, &str)) -> String {
        let own = [("q", &self.q), ("show", &self.show), ("device", &self.device), ("sort", &self.sort)];
        link(path, &own, change)
    }
}

impl Sessions {
    /// The conversations meant, in the report's order.
    pub fn of<'a>(&self, picture: &'a Picture) -> Vec<&'a Session> {
        let own = match picture.device(&self.device) {
            Some(device) => addresses(device),
            None => self.device.parse().into_iter().collect(),
        };
        let is_meant =
            |it: &&Session| self.device.is_empty() || own.contains(&it.client) || own.contains(&it.server);
        picture.report.sessions.iter().map(|it| &**it).filter(is_meant).collect()
    }
}

/// By which addresses a device is at an end of a conversation.
pub fn addresses(device: &Device) -> Vec<IpAddr> {
    std::iter::once(&device.id).chain(&device.ips).filter_map(|it| it.parse().ok()).collect()
}

/// What who gets a stream does with it, by what he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A recorder keeps it.
    Records,
    /// Somebody looks at it.
    Watches,
    /// That is not known.
    Unknown,
}

impl Purpose {
    /// In a word, where it is known.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Records => Some("records"),
            Self::Watches => Some("watches"),
            Self::Unknown => None,
        }
    }
}

/// What a stream is for.
pub fn purpose(picture: &Picture, stream: &Stream) -> Purpose {
    match picture.device(&stream.destination).map(|it| it.kind.as_str()) {
        Some("recorder" | "vms" | "storage") => Purpose::Records,
        Some("viewer" | "workstation" | "decoder" | "phone") => Purpose::Watches,
        _ => Purpose::Unknown,
    }
}

/// Lost packets among all that were sent, in hundredths of a percent.
pub fn lost_share(packets: u64, lost: u64) -> u64 {
    lost.saturating_mul(10_000) / packets.saturating_add(lost).max(1)
}

/// A filter's value with how often it is met, for people to choose from.
#[derive(Debug)]
pub struct Choice {
    /// As the address has it.
    pub value: String,
    /// As people read it.
    pub shown: words::Shown,
    /// How often.
    pub count: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// How often each value of something is met, the most frequent first; `-` stands for none.
pub type Counts = Vec<(String, u64)>;

/// The values of something, for people to choose from, with the one that is chosen.
pub fn choices(counts: &Counts, chosen: &str) -> Vec<Choice> {
    let is_new =
        !chosen.is_empty() && can_be_chosen(chosen) && counts.iter().all(|(value, _)| value != chosen);
    let mut counts: Vec<(&str, u64)> = counts.iter().map(|(value, count)| (value.as_str(), *count)).collect();
    if is_new {
        counts.push((chosen, 0));
    }
    let at = counts.iter().position(|(value, _)| *value == chosen);
    if let Some(at) = at.filter(|at| *at >= CHOICES_MAX) {
        counts.swap(at, 0);
    }
    let choice = |(value, count): (&str, u64)| Choice {
        value: value.to_owned(),
        shown: if value == "-" { words::shown("not known") } else { words::shown(value) },
        count: words::count(count),
        is_chosen: value == chosen,
    };
    counts.into_iter().take(CHOICES_MAX).map(choice).collect()
}

/// Counts values.
pub fn counted<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Counts {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for value in values.filter(|value| value.is_none_or(can_be_chosen)) {
        *counts.entry(value.unwrap_or("-")).or_default() += 1;
    }
    let mut counts: Counts = counts.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// Whether a value stands in a page as it is.
fn can_be_chosen(value: &str) -> bool {
    value.len() <= VALUE_MAX && !value.chars().any(words::is_hidden)
}

/// One page of a list.
#[derive(Debug)]
pub struct Paged {
    /// From 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
    /// How many rows all of them have.
    pub rows: String,
    /// Of the page before.
    pub before: Option<String>,
    /// Of the page behind.
    pub behind: Option<String>,
}

/// The rows of one page, and where the others are.
pub fn paged<T>(all: Vec<T>, page: &str, link: impl Fn(&str) -> String) -> (Vec<T>, Paged) {
    let rows = all.len();
    let pages = rows.div_ceil(PAGE).max(1);
    let page = page.parse::<usize>().unwrap_or(1).clamp(1, pages);
    let beside = |page: usize| (1..=pages).contains(&page).then(|| link(&page.to_string()));
    let paged = Paged {
        page,
        pages,
        rows: words::count(rows as u64),
        before: beside(page.saturating_sub(1)),
        behind: beside(page.saturating_add(1)),
    };
    (all.into_iter().skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE).collect(), paged)
}

/// Half as long as they come: each list of a large site is held for as long as its picture.
fn places(places: impl Iterator<Item = usize>) -> Vec<u32> {
    places.filter_map(|place| u32::try_from(place).ok()).collect()
}

/// Percent-encodes what is not unreserved (RFC 3986, 2.3).
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn link(path: &str, own: &[(&str, &String)], (changed, to): (&str, &str)) -> String {
    let mut query: Vec<String> = Vec::new();
    let kept = own.iter().filter(|(key, _)| *key != changed).map(|(key, value)| (*key, value.as_str()));
    for (key, value) in
        kept.chain([(changed, to)]).filter(|(key, value)| !key.is_empty() && !value.is_empty())
    {
        query.push(format!("{key}={}", encoded(value)));
    }
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// Whether a value is the wanted one; no wish is met by all, `-` by none.
fn is(wanted: &str, value: Option<&str>) -> bool {
    match wanted {
        "" => true,
        "-" => value.is_none(),
        wanted => value == Some(wanted),
    }
}

fn wanted(q: &str) -> Vec<String> {
    q.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect()
}

/// Who is gone first.
fn rank(state: &str) -> u8 {
    match state {
        "offline" => 0,
        "degraded" => 1,
        "unknown" => 2,
        _ => 3,
    }
}

/// Rows of a page: some fifty kilobytes.
pub const PAGE: usize = 100;
/// Values that can be chosen of; the others are found by searching.
const CHOICES_MAX: usize = 50;
/// Of a value, in bytes; the wire's are no longer.
const VALUE_MAX: usize = 256;
/// Words of a search that are heeded.
const WORDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_other_filters() {
        let list = Devices { q: "a b&c".into(), state: "offline".into(), ..Devices::default() };
        assert_eq!(
            list.link("/devices", ("kind", "camera")),
            "/devices?q=a%20b%26c&state=offline&kind=camera"
        );
        assert_eq!(list.link("/devices", ("state", "")), "/devices?q=a%20b%26c");
        assert_eq!(Devices::default().link("/devices", ("", "")), "/devices");
    }

    #[test]
    fn pages_go_no_further_than_the_list() {
        let page = |page: &str| paged((0..250).collect::<Vec<_>>(), page, |it| it.to_owned());
        let (rows, paged) = page("3");
        assert_eq!((rows.len(), paged.before.as_deref(), paged.behind), (50, Some("2"), None));
        assert_eq!(page("99").1.page, 3);
        assert_eq!(page("-1").1.page, 1);
        assert_eq!(page("").0.len(), PAGE);
    }

    #[test]
    fn devices_are_found_by_what_people_know_of_them() {
        let picture = crate::test::picture();
        let found = |q: &str| Devices { q: q.into(), ..Devices::default() }.of(&picture).len();
        assert_eq!(found(""), 2);
        assert_eq!(found("GATE"), 1);
        assert_eq!(found("axis 192.0.2.7"), 1);
        assert_eq!(found("axis nothing"), 0);
    }
}
