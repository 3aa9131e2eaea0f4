//! *Now*: is the site well, and whose turn is it?

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use spanwatch_engine::report::mirror_check::Grade;
use spanwatch_engine::report::time::{self, Stamp};
use spanwatch_engine::report::{Device, Finding, History};
use spanwatch_parsers::Span;

use super::{Card, Head, Served};
use crate::Picture;
use crate::access::Here;
use crate::lists::{self, encoded};
use crate::picture::is_incident;
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "now.html")]
struct Page {
    head: Head,
    now: Arc<Now>,
}

/// All that a picture has to say.
pub struct Now {
    pub verdict: &'static str,
    pub mirror: Mirror,
    tiles: Vec<Tile>,
    lanes: Vec<Lane>,
    over: Vec<Card>,
    over_more: usize,
    pub changes: Option<Changes>,
}

/// How well we see.
pub struct Mirror {
    pub is_good: bool,
    pub verdict: &'static str,
    pub told: Shown,
    link: String,
}

/// A count that leads to its list.
struct Tile {
    count: String,
    told: &'static str,
    link: String,
    class: &'static str,
}

/// One team's turn.
struct Lane {
    owner: &'static str,
    title: &'static str,
    cards: Vec<Card>,
    more: usize,
    /// What else is theirs: words, count, link.
    rest: Vec<(String, String)>,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    let picture = site.picture();
    super::rendered(&Page { head: Head::new(&site, &picture, ("/", "Now"), &here), now: found(&picture) })
}

/// What it shows of a picture.
pub fn found(picture: &Picture) -> Arc<Now> {
    picture.once("now", now)
}

fn now(picture: &Picture) -> Now {
    let report = &picture.report;
    let open: Vec<&Finding> =
        picture.findings.iter().filter(|it| is_incident(it) && picture.is_open(it)).collect();
    let is_over = |it: &&Finding| is_incident(it) && !picture.is_open(it) && it.severity != "info";
    let mut over: Vec<&Finding> = picture.findings.iter().filter(is_over).collect();
    over.sort_by_key(|it| std::cmp::Reverse(it.ended.as_ref().unwrap_or(&it.last_seen)));
    let over_more = over.len().saturating_sub(CARDS_MAX);
    let is_grave = open.iter().any(|it| matches!(it.severity, "critical" | "high"));
    let is_down = open.iter().any(|it| it.category == "availability") || report.summary.offline > 0;
    let verdict = match (is_down || is_grave, open.is_empty()) {
        (true, _) if is_down => "Something is down.",
        (true, _) => "Everything answers, but something is failing.",
        (_, false) => "Something needs a look.",
        _ => "Everything works, as far as can be seen.",
    };
    Now {
        verdict,
        mirror: mirror(picture),
        tiles: tiles(picture, open.len()),
        lanes: lanes(picture, &open),
        over: over.into_iter().take(CARDS_MAX).map(|it| Card::of(picture, it)).collect(),
        over_more,
        changes: changes(picture),
    }
}

/// What our own eyes miss comes before all else.
fn mirror(picture: &Picture) -> Mirror {
    let capture = &picture.report.capture;
    let own = || picture.findings.iter().filter(|it| it.category == "capture");
    let faults = own().filter(|it| picture.is_open(it) && matches!(it.severity, "critical" | "high"));
    let bad: Vec<_> =
        picture.remarks.iter().flat_map(|it| it.iter()).filter(|it| it.grade == Grade::Bad).collect();
    let dropped = capture.dropped.unwrap_or(0);
    let system = || "/system".to_owned();
    let and_more = |more: usize| if more > 0 { format!(" And {more} more.") } else { String::new() };
    if let Some(fault) = faults.clone().next() {
        let told = format!("{}{}", fault.title, and_more(faults.count().saturating_sub(1)));
        return Mirror {
            is_good: false,
            verdict: FAULT,
            told: words::said(&told),
            link: format!("/findings/{}", encoded(&fault.id)),
        };
    }
    let (is_good, told) = match (bad.first(), dropped, own().count(), capture.packets) {
        (Some(remark), ..) => (false, format!("{}{}", remark.text, and_more(bad.len().saturating_sub(1)))),
        (_, 1.., ..) => (false, format!("{} packets were dropped on this machine.", words::count(dropped))),
        (.., 0) if !picture.report.devices.is_empty() => {
            let told = "A store was read: how well its watch saw, the watch itself says.".to_owned();
            return Mirror { is_good: true, verdict: KEPT, told: words::said(&told), link: system() };
        }
        (.., 0) => (false, "No packet was read yet, so that nothing can be said.".to_owned()),
        (.., 0, packets) => (
            true,
            format!(
                "{} packets were read, none was dropped here, no fault was noticed.",
                words::count(packets)
            ),
        ),
        (.., faults, _) => {
            let what = if faults == 1 { "1 fault" } else { &format!("{faults} faults") };
            (true, format!("It had {what} before: of that time less is known."))
        }
    };
    let verdict = if is_good { FINE } else { FAULT };
    Mirror { is_good, verdict, told: words::said(&told), link: system() }
}

fn tiles(picture: &Picture, open: usize) -> Vec<Tile> {
    let (report, summary) = (&picture.report, &picture.report.summary);
    let lossy = report.streams.iter().filter(|it| it.lost > 0).count();
    let weak = picture.findings.iter().filter(|it| it.category == "weakness" && picture.is_open(it));
    let tile = |count: u64, told, link: &str, class| Tile {
        count: words::count(count),
        told,
        link: link.to_owned(),
        class: if count == 0 { "none" } else { class },
    };
    vec![
        tile(
            open as u64,
            if open == 1 { "incident now" } else { "incidents now" },
            "/findings?category=incident&state=open",
            "bad",
        ),
        tile(summary.offline, "devices offline", "/devices?state=offline", "bad"),
        tile(
            summary.degraded.saturating_add(summary.unknown),
            "not known",
            "/devices?state=unknown",
            "unsure",
        ),
        tile(summary.online, "devices online", "/devices?state=online", "good"),
        tile(lossy as u64, "streams with loss", "/streams?show=lossy", "unsure"),
        tile(weak.count() as u64, "weaknesses", "/findings?category=weakness&state=open", "unsure"),
    ]
}

fn lanes(picture: &Picture, open: &[&Finding]) -> Vec<Lane> {
    let lane = |(owner, title): (&'static str, &'static str)| {
        let own: Vec<&Finding> = open.iter().copied().filter(|it| it.owner == owner).collect();
        let rest = |category: &str, told: &str| {
            let findings = picture.findings.iter();
            let count = findings
                .filter(|it| it.owner == owner && it.category == category && picture.is_open(it))
                .count();
            let link = format!("/findings?owner={owner}&category={category}&state=open");
            let told = if count == 1 { format!("finding {told}") } else { format!("findings {told}") };
            (count > 0).then(|| (format!("{} {told}", words::count(count as u64)), link))
        };
        Lane {
            owner,
            title,
            more: own.len().saturating_sub(CARDS_MAX),
            cards: own.into_iter().take(CARDS_MAX).map(|it| Card::of(picture, it)).collect(),
            rest: [
                rest("weakness", "of security to mend"),
                rest("behavior", "of behaviour to look at"),
                rest("capture", "on the mirror port"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    };
    let both = lane(("unknown", "Both teams: not clear yet"));
    let mut lanes = vec![lane(("it", "IT")), lane(("physical-security", "Physical security"))];
    if !both.cards.is_empty() {
        lanes.insert(0, both);
    }
    lanes
}

/// What became otherwise since yesterday.
pub struct Changes {
    pub at: Stamp,
    /// Since when, in words.
    since: String,
    pub lines: Vec<Line>,
}

/// How many, of what, and where they are.
pub struct Line {
    pub count: u64,
    pub told: &'static str,
    link: String,
}

/// What is new since a day before the picture's end, or since it began.
fn changes(picture: &Picture) -> Option<Changes> {
    let (report, end) = (&picture.report, words::end(&picture.report)?);
    let first = report.capture.first.as_deref().and_then(time::parse)?;
    let (day_ago, is_day) = (end - DAY, first <= end - DAY);
    let since = if is_day { day_ago } else { first };
    let at = time::rfc3339(since);
    let listed = |wanted: lists::Findings| {
        let link = wanted.link("/findings", ("", ""));
        (wanted.of(picture).len(), link)
    };
    let began = |category: &str| {
        listed(lists::Findings { category: category.into(), since: at.clone(), ..Default::default() })
    };
    let ended = || {
        let ended_since = at.clone();
        listed(lists::Findings { category: "incident".into(), ended_since, ..Default::default() })
    };
    let heard = || {
        let wanted = lists::Devices { since: at.clone(), ..Default::default() };
        (wanted.of(picture).len(), wanted.link("/devices", ("", "")))
    };
    let gone = || {
        let was_there = |device: &Device| {
            let began = |it: &&History| it.from.0 <= since;
            device.history.iter().rfind(began).is_some_and(|it| it.state == "online")
        };
        let gone = report.devices.iter().filter(|it| it.state == "offline" && was_there(it)).count();
        (gone, "/devices?state=offline".to_owned())
    };
    let told = |(count, link): (usize, String), [one, several]: [&'static str; 2]| {
        let told = if count == 1 { one } else { several };
        (count > 0).then_some(Line { count: count as u64, told, link })
    };
    let lines = [
        told(began("incident"), ["incident began", "incidents began"]),
        told(ended(), ["incident ended", "incidents ended"]),
        told(gone(), ["device that was there is offline", "devices that were there are offline"]),
        told(heard(), ["device was heard for the first time", "devices were heard for the first time"]),
        told(began("weakness"), ["weakness was found", "weaknesses were found"]),
        told(began("vulnerability"), ["vulnerability was found", "vulnerabilities were found"]),
        told(began("behavior"), ["thing happened that is unusual", "things happened that are unusual"]),
        told(began("lifecycle"), ["device came of age or changed", "devices came of age or changed"]),
        told(began("inventory"), ["difference to the site's list", "differences to the site's list"]),
        told(began("capture"), ["thing was amiss with the mirror", "things were amiss with the mirror"]),
    ];
    let whence = if is_day { "Since yesterday" } else { "Since it began" };
    Some(Changes {
        at: Stamp(since),
        since: format!("{whence}, {} UTC", words::moment(&at)),
        lines: lines.into_iter().flatten().collect(),
    })
}

const DAY: Span = Span::seconds(86_400);
const FINE: &str = "The mirror is fine.";
const FAULT: &str = "The mirror has a fault.";
const KEPT: &str = "This is what was kept.";
/// In each lane: what a person reads; the others are in the list.
const CARDS_MAX: usize = 12;
