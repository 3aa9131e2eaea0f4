//! *System*: is the mirror any good, what was read, what had to make room, and what this is.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use spanwatch_engine::report::mirror_check::Remark;
use spanwatch_engine::report::time::Stamp;
use utoipa::ToSchema;

use super::{Card, Head, Served, download, rendered};
use crate::access::Here;
use crate::words::{self, Shown};
use crate::{Site, book};

#[derive(Template)]
#[template(path = "system.html")]
struct Page {
    head: Head,
    remarks: Option<Vec<Told>>,
    cards: Vec<Card>,
    inputs: Vec<Input>,
    counters: Vec<(Shown, String)>,
    blind: Vec<(String, String, Shown)>,
    limits: Vec<(Shown, String, String, String)>,
    receivers: Vec<Receiver>,
    store: Vec<(&'static str, String)>,
    lists: Vec<(Shown, Shown)>,
    about: Vec<(&'static str, Shown)>,
}

/// A remark on the mirror.
struct Told {
    grade: &'static str,
    topic: &'static str,
    text: Shown,
    remedy: Option<Shown>,
}

/// Who is told.
struct Receiver {
    name: Shown,
    is_failing: bool,
    /// Delivered, waiting, dropped, refused.
    counts: [String; 4],
}

/// One capture, or one port.
struct Input {
    name: Shown,
    packets: String,
    bytes: String,
    format: Shown,
    first: String,
    last: String,
    dropped: Option<String>,
    sha256: Shown,
    error: Option<Shown>,
    /// Blocks without packets.
    others: Option<String>,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    let picture = site.picture();
    let (report, capture) = (&picture.report, &picture.report.capture);
    let mirror = picture.findings.iter().filter(|it| it.category == "capture");
    let inputs = capture.inputs.iter().take(ROWS_MAX).map(|it| Input {
        name: words::shown(&it.name),
        packets: words::count(it.packets),
        bytes: words::bytes(it.bytes),
        format: words::shown(&[it.format.as_str(), it.link_type.as_str()].join(" ")),
        first: it.first.as_deref().map(words::moment).unwrap_or_default(),
        last: it.last.as_deref().map(words::moment).unwrap_or_default(),
        dropped: it.dropped.map(words::count),
        sha256: words::shown(it.sha256.as_deref().unwrap_or("not taken")),
        error: it.error.as_deref().map(words::said),
        others: it.other_blocks.map(words::count),
    });
    let blind = capture.blind.iter().take(ROWS_MAX);
    let limits = capture.limits.iter().take(ROWS_MAX);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/system", "System"), &here),
        remarks: picture.remarks.as_ref().map(|remarks| remarks.iter().map(told).collect()),
        cards: mirror.take(ROWS_MAX).map(|it| Card::of(&picture, it)).collect(),
        inputs: inputs.collect(),
        counters: counters(capture),
        blind: blind
            .map(|it| (words::moment(&it.from), words::moment(&it.to), words::shown(it.reason)))
            .collect(),
        limits: limits
            .map(|it| {
                (
                    words::shown(&it.what),
                    words::count(it.cap),
                    words::count(it.evicted),
                    words::moment(&it.first),
                )
            })
            .collect(),
        receivers: picture
            .receivers
            .iter()
            .take(ROWS_MAX)
            .map(|it| Receiver {
                name: words::shown(&it.name),
                is_failing: it.is_failing,
                counts: [it.sent, it.waiting, it.dropped, it.refused].map(words::count),
            })
            .collect(),
        store: stored(&site).map(|it| it.rows()).unwrap_or_default(),
        lists: report
            .data
            .iter()
            .map(|(name, list)| (words::shown(name), words::shown(&list.date)))
            .collect(),
        about: vec![
            ("Spanwatch", words::shown(report.version)),
            ("Report", words::shown(report.schema)),
            ("Configuration", words::shown(&report.configuration)),
            ("Licence", words::shown("Apache-2.0 OR MIT; htmx and its extension under 0BSD")),
        ],
    })
}

/// What a store holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stored {
    /// Of its history, on the disk.
    bytes: u64,
    /// When somebody watched first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    watched_from: Option<Stamp>,
    /// Until when somebody watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    watched_until: Option<Stamp>,
    /// How often a watch began.
    watches: u64,
    /// Captures that people brought.
    captures: u64,
    /// Of them.
    captures_bytes: u64,
}

/// What the store holds, where there is one. Reads it.
pub fn stored(site: &Site) -> Option<Stored> {
    let desk = &site.access()?.desk;
    let watched = desk.watched().unwrap_or_default();
    let brought = site.brought().map(|it| it.all()).unwrap_or_default();
    Some(Stored {
        bytes: desk.bytes(),
        watched_from: watched.first().map(|(from, _)| Stamp(*from)),
        watched_until: watched.iter().map(|(_, until)| Stamp(*until)).max(),
        watches: watched.len() as u64,
        captures: brought.len() as u64,
        captures_bytes: brought.iter().map(|(about, _)| about.bytes).fold(0, u64::saturating_add),
    })
}

impl Stored {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let moment = |at: Stamp| words::moment(&at.to_string());
        let span = self.watched_from.zip(self.watched_until);
        let brought = format!("{}, {}", words::count(self.captures), words::bytes(self.captures_bytes));
        [
            Some(("History", words::bytes(self.bytes))),
            span.map(|(from, until)| ("Watched", format!("{} to {} UTC", moment(from), moment(until)))),
            Some(("Times that a watch began", words::count(self.watches))),
            Some(("Captures that people brought", brought)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn told(remark: &Remark) -> Told {
    use spanwatch_engine::report::mirror_check::Grade;
    Told {
        grade: match remark.grade {
            Grade::Good => "good",
            Grade::Note => "note",
            Grade::Bad => "bad",
        },
        topic: remark.topic,
        text: words::said(&remark.text),
        remedy: remark.remedy.map(words::said),
    }
}

fn counters(capture: &spanwatch_engine::report::Capture) -> Vec<(Shown, String)> {
    let own = [
        ("packets analysed", Some(capture.packets)),
        ("bytes of them", Some(capture.bytes)),
        ("copies that the mirror made", Some(capture.duplicates)),
        ("dropped on this machine", capture.dropped),
        ("cut short", Some(capture.truncated)),
    ];
    let own = own.into_iter().filter_map(|(name, count)| Some((words::shown(name), words::count(count?))));
    let named = |what: &str, counts: &std::collections::BTreeMap<String, u64>| -> Vec<(Shown, String)> {
        counts
            .iter()
            .take(ROWS_MAX)
            .map(|(name, count)| (words::shown(&format!("{what}: {name}")), words::count(*count)))
            .collect()
    };
    own.chain(named("inside", &capture.encapsulations))
        .chain(named("not decoded", &capture.undecodable))
        .chain(named("broke its specification", &capture.malformed))
        .chain(named("failed, and should be reported", &capture.panics))
        .collect()
}

/// For whom the report is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reader {
    #[serde(rename = "for")]
    audience: String,
}

/// The whole report as one file.
pub async fn page_of_all(site: Served, Query(reader): Query<Reader>) -> Response {
    book(site, &reader.audience)
}

/// The version of an audience, to be kept.
pub fn book(State(site): Served, audience: &str) -> Response {
    let version = book::Version::named(audience);
    let name = match version.key {
        "" => "spanwatch-report.html".to_owned(),
        key => format!("spanwatch-report-{key}.html"),
    };
    let text = book::text(&site.picture(), version).unwrap_or_default();
    download(text.into_bytes(), "text/html; charset=utf-8", &name)
}

/// Rows of one table of the page.
const ROWS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use crate::Site;
    use crate::picture::Receiver;
    use crate::test::{asked, picture, site};

    #[test]
    fn who_is_told_and_how_many_messages_wait_is_shown() {
        let name = "http://<b>hook".to_owned();
        let dead = Receiver { name, waiting: 1_024, dropped: 7, is_failing: true, ..Receiver::default() };
        let (status, page) = asked(Site::still(picture().telling(vec![dead]), None), "/system");
        assert_eq!(status, 200);
        for due in ["Who is told", "http://&#60;b&#62;hook", "1,024", ">7<", "cannot be reached"] {
            assert!(page.contains(due), "{due}: {page}");
        }
        assert!(!asked(site(), "/system").1.contains("Who is told"), "nobody is");
    }
}
