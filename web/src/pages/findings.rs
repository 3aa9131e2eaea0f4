//! *Findings*: all of them, narrowed, a page at a time; the same as CSV.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use spanwatch_engine::report::csv;

use super::{Card, Head, Served, download, rendered};
use crate::access::Here;
use crate::lists::{self, Choice, Paged, choices, paged};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "findings.html")]
struct Page {
    head: Head,
    list: lists::Findings,
    chips: Vec<(String, Shown, String)>,
    filters: Vec<(&'static str, &'static str, Vec<Choice>)>,
    /// What another search leaves as it is.
    kept: Vec<(&'static str, String)>,
    cards: Vec<Card>,
    paged: Paged,
    csv: String,
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Findings>) -> Response {
    let picture = site.picture();
    let all = || picture.findings.iter();
    let (rows, paged) = paged(list.of(&picture), &list.page, |page| list.link("/findings", ("page", page)));
    let state = |is_open| Some(if is_open { "open" } else { "over" });
    let mut owners = choices((&picture, "finding owner"), || all().map(|it| Some(it.owner)), &list.owner);
    for owner in &mut owners {
        owner.shown = words::shown(words::turn(&owner.value));
    }
    let mut filters = vec![
        (
            "severity",
            "Severity",
            choices((&picture, "finding severity"), || all().map(|it| Some(it.severity)), &list.severity),
        ),
        ("owner", "Whose turn", owners),
        (
            "category",
            "About",
            choices((&picture, "finding category"), || all().map(|it| Some(it.category)), &list.category),
        ),
        ("kind", "Kind", choices((&picture, "finding kind"), || all().map(|it| Some(it.kind)), &list.kind)),
        (
            "state",
            "State",
            choices((&picture, "finding state"), || all().map(|it| state(picture.is_open(it))), &list.state),
        ),
    ];
    if site.access().is_some() {
        let statuses =
            choices((&picture, "finding status"), || all().map(|it| Some(picture.status(it))), &list.status);
        filters.push(("status", "Said of it", statuses));
    }
    let chosen = [
        ("q", "search", &list.q),
        ("severity", "severity", &list.severity),
        ("owner", "whose turn", &list.owner),
        ("category", "about", &list.category),
        ("kind", "kind", &list.kind),
        ("state", "state", &list.state),
        ("status", "said of it", &list.status),
        ("device", "device", &list.device),
        ("since", "began after", &list.since),
        ("ended_since", "over since", &list.ended_since),
    ];
    let chips = chosen.into_iter().filter(|(.., value)| !value.is_empty());
    rendered(&Page {
        head: Head::new(&site, &picture, ("/findings", "Findings"), &here),
        chips: chips
            .map(|(key, name, value)| {
                (name.to_owned(), words::shown(value), list.link("/findings", (key, "")))
            })
            .collect(),
        filters,
        kept: vec![
            ("device", list.device.clone()),
            ("since", list.since.clone()),
            ("ended_since", list.ended_since.clone()),
        ],
        cards: rows.into_iter().map(|finding| Card::of(&picture, finding)).collect(),
        paged,
        csv: list.link("/findings.csv", ("", "")),
        list,
    })
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Findings>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    let _ = csv::write_findings(list.of(&picture).into_iter(), &mut out);
    download(out, "text/csv; charset=utf-8", "findings.csv")
}
