//! *Devices*: all of them, searched and narrowed, a page at a time; the same as CSV.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use spanwatch_engine::report::{Device, csv};

use super::{Head, Served, download, rendered};
use crate::Picture;
use crate::access::Here;
use crate::lists::{self, Choice, Paged, choices, encoded, paged};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    head: Head,
    list: lists::Devices,
    chips: Vec<(String, Shown, String)>,
    filters: Vec<(&'static str, &'static str, Vec<Choice>)>,
    rows: Vec<Row>,
    paged: Paged,
    csv: String,
    sorts: Vec<(&'static str, &'static str, String)>,
}

/// One device.
pub struct Row {
    pub link: String,
    pub name: Shown,
    pub kind: Shown,
    pub made: Shown,
    pub address: Shown,
    pub mac: Shown,
    pub place: Shown,
    pub state: Shown,
    pub seen: String,
    pub open: usize,
}

impl Row {
    pub fn of(picture: &Picture, device: &Device) -> Self {
        let made: Vec<&str> =
            [&device.vendor, &device.model].into_iter().flatten().map(String::as_str).collect();
        let switch = device.switch.as_ref();
        let place: Vec<&str> = switch
            .into_iter()
            .flat_map(|it| [it.name.as_ref().or(it.id.as_ref()), it.port.as_ref()])
            .flatten()
            .map(String::as_str)
            .collect();
        Self {
            link: format!("/devices/{}", encoded(&device.id)),
            name: words::called(device),
            kind: words::shown(&device.kind),
            made: words::shown(&made.join(" ")),
            address: words::shown(words::address(device)),
            mac: words::shown(device.mac.as_deref().unwrap_or_default()),
            place: words::shown(&place.join(" ")),
            state: words::shown(device.state),
            seen: words::moment(&device.last_seen.to_string()),
            open: picture.open_on(&device.id),
        }
    }
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Devices>) -> Response {
    let picture = site.picture();
    let all = || picture.report.devices.iter().map(|it| &**it);
    let (rows, paged) = paged(list.of(&picture), &list.page, |page| list.link("/devices", ("page", page)));
    let filters = vec![
        ("state", "State", choices(all().map(|it| Some(it.state)), &list.state)),
        ("kind", "Kind", choices(all().map(|it| Some(it.kind.as_str())), &list.kind)),
        ("vendor", "Maker", choices(all().map(|it| it.vendor.as_deref()), &list.vendor)),
        ("switch", "Switch", switches(&picture, &list.switch)),
    ];
    let chosen = [
        ("q", "search", &list.q),
        ("state", "state", &list.state),
        ("kind", "kind", &list.kind),
        ("vendor", "maker", &list.vendor),
        ("switch", "switch", &list.switch),
        ("vlan", "VLAN", &list.vlan),
    ];
    let chips = chosen.into_iter().filter(|(.., value)| !value.is_empty());
    let sorts = [
        ("", "what is wrong"),
        ("name", "name"),
        ("vendor", "maker"),
        ("seen", "last seen"),
        ("id", "address"),
    ];
    rendered(&Page {
        head: Head::new(&site, &picture, ("/devices", "Devices"), &here),
        chips: chips
            .map(|(key, name, value)| {
                (name.to_owned(), words::shown(value), list.link("/devices", (key, "")))
            })
            .collect(),
        filters,
        rows: rows.into_iter().map(|device| Row::of(&picture, device)).collect(),
        paged,
        csv: list.link("/devices.csv", ("", "")),
        sorts: sorts
            .into_iter()
            .map(|(key, name)| (key, name, list.link("/devices", ("sort", key))))
            .collect(),
        list,
    })
}

fn switches(picture: &Picture, chosen: &str) -> Vec<Choice> {
    let at = |device: &'_ Device| -> Option<String> {
        device.switch.as_ref().and_then(|it| it.id.clone().or(it.name.clone()))
    };
    let ids: Vec<Option<String>> = picture.report.devices.iter().map(|it| at(it)).collect();
    let mut choices = choices(ids.iter().map(Option::as_deref), chosen);
    for choice in choices.iter_mut().filter(|choice| choice.value != "-") {
        choice.shown = picture.switch_called(&choice.value);
    }
    choices
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Devices>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    // Nothing fails that is written to memory.
    let _ = csv::write_devices(list.of(&picture).into_iter(), &mut out);
    download(out, "text/csv; charset=utf-8", "devices.csv")
}
