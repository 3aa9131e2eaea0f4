//! *Findings*: all of them, narrowed, a page at a time; the same as CSV.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use spanwatch_engine::report::{Finding, csv};

use super::{Card, Head, Served, download, rendered};
use crate::Picture;
use crate::access::Here;
use crate::lists::{self, Choice, Paged, choices, counted, paged};
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

/// Finds out what its first page shows, and that of the incidents which the start page leads to.
pub fn ahead(picture: &Picture) {
    let all = lists::Findings::default();
    let _ = (all.of(picture), filters(picture, &all, true));
    let open = lists::Findings { category: "incident".to_owned(), state: "open".to_owned(), ..all };
    open.of(picture);
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Findings>) -> Response {
    let picture = site.picture();
    let (rows, paged) = paged(list.of(&picture), &list.page, |page| list.link("/findings", ("page", page)));
    let filters = filters(&picture, &list, site.access().is_some());
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

/// What the list can be narrowed to; `has_status` where people say something of findings.
fn filters(
    picture: &Picture,
    list: &lists::Findings,
    has_status: bool,
) -> Vec<(&'static str, &'static str, Vec<Choice>)> {
    type Of = for<'a> fn(&'a Picture, &'a Finding) -> &'a str;
    let of = |key: &str, of: Of, chosen: &str| {
        let counts = move |it: &Picture| counted(it.findings.iter().map(|finding| Some(of(it, finding))));
        choices(&picture.once(key, counts), chosen)
    };
    let state = |picture: &Picture, it: &Finding| if picture.is_open(it) { "open" } else { "over" };
    let mut owners = of("finding owners", |_, it| it.owner, &list.owner);
    for owner in &mut owners {
        owner.shown = words::shown(words::turn(&owner.value));
    }
    let mut filters = vec![
        ("severity", "Severity", of("finding severities", |_, it| it.severity, &list.severity)),
        ("owner", "Whose turn", owners),
        ("category", "About", of("finding categories", |_, it| it.category, &list.category)),
        ("kind", "Kind", of("finding kinds", |_, it| it.kind, &list.kind)),
        ("state", "State", of("finding states", state, &list.state)),
    ];
    if has_status {
        let statuses = of("finding statuses", |picture, it| picture.status(it), &list.status);
        filters.push(("status", "Said of it", statuses));
    }
    filters
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Findings>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    let _ = csv::write_findings(list.of(&picture).into_iter(), &mut out);
    download(out, "text/csv; charset=utf-8", "findings.csv")
}
