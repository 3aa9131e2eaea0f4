//! *Devices*: all of them, searched and narrowed, a page at a time or counted in groups; the same as CSV; and what people say of
//! many of them at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use spanwatch_appliance::store::Trouble;
use spanwatch_appliance::store::labels::{Change, IMPORTANCES, TEXT_LETTERS_MAX};
use spanwatch_engine::report::{Device, csv};

use super::{Head, Served, act, download, rendered, sorry};
use crate::access::{Here, Who};
use crate::lists::{self, Choice, Paged, choices, counted, encoded, paged};
use crate::picture::Said;
use crate::words::{self, Shown};
use crate::{Picture, Site};

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    head: Head,
    list: lists::Devices,
    chips: Vec<(String, Shown, String)>,
    filters: Vec<(&'static str, &'static str, Vec<Choice>)>,
    /// What another search leaves as it is.
    kept: Vec<(&'static str, String)>,
    columns: Vec<Toggle>,
    rows: Vec<Line>,
    groups: Vec<Group>,
    groupings: Vec<Toggle>,
    paged: Paged,
    csv: String,
    sorts: Vec<(&'static str, &'static str, String)>,
    can: Option<Can>,
    told: Option<String>,
    refused: Option<String>,
}

/// What can be switched on and off by a link.
struct Toggle {
    key: &'static str,
    name: &'static str,
    link: String,
    is_on: bool,
}

/// What who looks can say of devices.
struct Can {
    /// Where it is sent to.
    to: String,
    importances: [&'static str; 3],
    letters_max: usize,
}

/// A row of the table.
struct Line {
    id: Shown,
    link: String,
    name: Shown,
    cells: Vec<Cell>,
}

/// What stands in a column.
struct Cell {
    class: &'static str,
    text: Shown,
}

/// Devices that have something in common.
struct Group {
    name: Shown,
    link: String,
    count: String,
    /// By state: offline, degraded, unknown, online.
    states: [u64; 4],
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
    pub location: Shown,
    pub state: Shown,
    pub firmware: Shown,
    pub sure: String,
    pub seen: String,
    pub open: usize,
}

impl Row {
    pub fn of(picture: &Picture, device: &Device) -> Self {
        Self {
            link: format!("/devices/{}", encoded(&device.id)),
            name: words::called(device),
            kind: words::shown(&device.kind),
            made: words::shown(&made(device)),
            address: words::shown(words::address(device)),
            mac: words::shown(device.mac.as_deref().unwrap_or_default()),
            place: words::shown(&place(device)),
            location: words::shown(picture.said(device).location.unwrap_or_default()),
            state: words::shown(device.state),
            firmware: words::shown(device.firmware.as_deref().unwrap_or_default()),
            sure: words::percent(&device.confidence),
            seen: words::moment(&device.last_seen.to_string()),
            open: picture.open_on(&device.id),
        }
    }
}

fn made(device: &Device) -> String {
    let made: Vec<&str> = [&device.vendor, &device.model].into_iter().flatten().map(String::as_str).collect();
    made.join(" ")
}

fn place(device: &Device) -> String {
    let place: Vec<&str> = device
        .switch
        .iter()
        .flat_map(|it| [it.name.as_ref().or(it.id.as_ref()), it.port.as_ref()])
        .flatten()
        .map(String::as_str)
        .collect();
    place.join(" ")
}

/// What stands in a column, by its key.
fn cell(picture: &Picture, device: &Device, column: &str) -> Cell {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let said = || picture.said(device);
    let (class, text) = match column {
        "state" => ("state", device.state.to_owned()),
        "kind" => ("", device.kind.clone()),
        "made" => ("", made(device)),
        "address" => ("code", words::address(device).clone()),
        "mac" => ("code", text(&device.mac)),
        "firmware" => ("", text(&device.firmware)),
        "serial" => ("", text(&device.serial)),
        "vlan" => ("number", device.vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        "place" => ("", place(device)),
        "location" => ("", said().location.unwrap_or_default().to_owned()),
        "owner" => ("", said().owner.unwrap_or_default().to_owned()),
        "importance" => ("", said().importance.unwrap_or_default().to_owned()),
        "first" => ("time", words::moment(&device.first_seen.to_string())),
        "seen" => ("time", words::moment(&device.last_seen.to_string())),
        _ => match picture.open_on(&device.id) {
            0 => ("number", String::new()),
            count => ("number", count.to_string()),
        },
    };
    Cell { class, text: words::shown(&text) }
}

/// The columns that are shown: those asked for, else those that most people read.
fn columns(list: &lists::Devices) -> Vec<Toggle> {
    let wanted: Vec<&str> = match list.columns.as_str() {
        "" => USUAL.to_vec(),
        columns => columns.split(',').collect(),
    };
    let toggled = |key: &'static str| {
        let keys = COLUMNS.iter().map(|(key, _)| *key);
        let on: Vec<&str> = keys.filter(|it| wanted.contains(it) != (*it == key)).collect();
        // None at all would be the usual ones again.
        let on = if on.is_empty() { "name".to_owned() } else { on.join(",") };
        list.link("/devices", ("columns", if on == USUAL.join(",") { "" } else { &on }))
    };
    let toggle = |(key, name): &(&'static str, &'static str)| Toggle {
        key,
        name,
        link: toggled(key),
        is_on: wanted.contains(key),
    };
    COLUMNS.iter().map(toggle).collect()
}

/// Finds out what its first page shows.
pub fn ahead(picture: &Picture) {
    let all = lists::Devices::default();
    let _ = (all.of(picture), filters(picture, &all));
}

pub async fn page(State(site): Served, here: Here, Query(list): Query<lists::Devices>) -> Response {
    shown(&site, &here, list, None)
}

/// The list; `refused` is why something was not said of devices.
fn shown(site: &Site, here: &Here, list: lists::Devices, refused: Option<String>) -> Response {
    let picture = site.picture();
    let meant = list.of(&picture);
    let groups = if list.group.is_empty() { Vec::new() } else { groups(&picture, &list, &meant) };
    let (rows, paged) = paged(meant, &list.page, |page| list.link("/devices", ("page", page)));
    let filters = filters(&picture, &list);
    let chip = |(key, name, value): (&'static str, &'static str, &str)| {
        (name.to_owned(), words::shown(value), list.link("/devices", (key, "")))
    };
    let columns = columns(&list);
    let line = |device: &Device| Line {
        id: words::shown(&device.id),
        link: format!("/devices/{}", encoded(&device.id)),
        name: words::called(device),
        cells: columns.iter().filter(|it| it.is_on).map(|it| cell(&picture, device, it.key)).collect(),
    };
    let is_operator = matches!(&here.who, Who::User { .. })
        && crate::access::guard::may(crate::rules::Need::Act, &here.who);
    rendered(&Page {
        head: Head::new(site, &picture, ("/devices", "Devices"), here),
        chips: list.filters().into_iter().map(chip).collect(),
        filters,
        kept: vec![
            ("columns", list.columns.clone()),
            ("group", list.group.clone()),
            ("sort", list.sort.clone()),
            ("since", list.since.clone()),
        ],
        rows: if groups.is_empty() { rows.into_iter().map(line).collect() } else { Vec::new() },
        groupings: GROUPINGS
            .iter()
            .map(|(key, name)| Toggle {
                key,
                name,
                link: list.link("/devices", ("group", key)),
                is_on: list.group == *key,
            })
            .collect(),
        can: (is_operator && groups.is_empty()).then(|| Can {
            to: list.link("/devices", ("", "")),
            importances: IMPORTANCES,
            letters_max: TEXT_LETTERS_MAX,
        }),
        groups,
        paged,
        csv: list.link("/devices.csv", ("", "")),
        sorts: SORTS.iter().map(|(key, name)| (*key, *name, list.link("/devices", ("sort", key)))).collect(),
        told: list.changed.parse::<u64>().ok().map(|count| {
            let devices = if count == 1 { "device was" } else { "devices were" };
            format!("{} {devices} changed.", words::count(count))
        }),
        refused,
        columns,
        list,
    })
}

/// What the list can be narrowed to.
fn filters(picture: &Picture, list: &lists::Devices) -> Vec<(&'static str, &'static str, Vec<Choice>)> {
    type Of = fn(&Device) -> Option<&str>;
    let of_report = |key: &str, of: Of, chosen: &str| {
        let counts = move |it: &Picture| counted(it.report.devices.iter().map(|device| of(device)));
        choices(&picture.once_of_report(key, counts), chosen)
    };
    let said = |key: &str, of: fn(Said<'_>) -> Option<&str>, chosen: &str| {
        let counts = move |it: &Picture| counted(it.report.devices.iter().map(|device| of(it.said(device))));
        choices(&picture.once(key, counts), chosen)
    };
    let mut switches = of_report("device switches", switch_of, &list.switch);
    for choice in switches.iter_mut().filter(|choice| choice.value != "-") {
        choice.shown = picture.switch_called(&choice.value);
    }
    let mut filters = vec![
        ("state", "State", of_report("device states", |it| Some(it.state), &list.state)),
        ("kind", "Kind", of_report("device kinds", |it| Some(&it.kind), &list.kind)),
        ("vendor", "Maker", of_report("device makers", |it| it.vendor.as_deref(), &list.vendor)),
        ("switch", "Switch", switches),
    ];
    let labelled = [
        ("location", "Location", said("device locations", |it| it.location, &list.location)),
        ("owner", "Owner", said("device owners", |it| it.owner, &list.owner)),
        ("importance", "Importance", said("device importances", |it| it.importance, &list.importance)),
    ];
    // Of what nobody said anything there is nothing to choose.
    filters.extend(labelled.into_iter().filter(|(.., choices)| choices.iter().any(|it| it.value != "-")));
    filters
}

fn groups(picture: &Picture, list: &lists::Devices, meant: &[&Device]) -> Vec<Group> {
    let key = GROUPINGS.iter().map(|(key, _)| *key).find(|key| *key == list.group).unwrap_or("kind");
    let by = GROUPS.iter().find(|(name, _)| *name == key).map_or(GROUPS[0].1, |(_, by)| *by);
    let ungrouped = lists::Devices { group: String::new(), ..list.clone() };
    let group = |(value, states): (Option<&str>, [u64; 4])| Group {
        name: match (value, key) {
            (None, _) => words::shown("not known"),
            (Some(id), "switch") => picture.switch_called(id),
            (Some(value), _) => words::shown(value),
        },
        link: ungrouped.link("/devices", (key, value.unwrap_or("-"))),
        count: words::count(states.iter().sum()),
        states,
    };
    grouped(picture, meant, by).into_iter().take(GROUPS_MAX).map(group).collect()
}

/// What a device has in common with others, of which none is `None`.
pub type By = for<'a> fn(&'a Picture, &'a Device) -> Option<&'a str>;

/// How many devices are in which state, by what they have in common: offline, degraded, unknown, online. Where most are offline
/// first, then where most are.
pub fn grouped<'a>(picture: &'a Picture, meant: &[&'a Device], by: By) -> Vec<(Option<&'a str>, [u64; 4])> {
    let mut counts: BTreeMap<Option<&str>, [u64; 4]> = BTreeMap::new();
    for device in meant {
        let states = counts.entry(by(picture, device)).or_default();
        let at = STATES.iter().position(|state| *state == device.state).unwrap_or(2);
        if let Some(count) = states.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, states)| std::cmp::Reverse((states[0], states.iter().sum::<u64>())));
    counts
}

/// What devices can be counted by.
pub const GROUPS: &[(&str, By)] = &[
    ("kind", |_, it| Some(&it.kind)),
    ("vendor", |_, it| it.vendor.as_deref()),
    ("switch", |_, it| switch_of(it)),
    ("location", |picture, it| picture.said(it).location),
    ("owner", |picture, it| picture.said(it).owner),
    ("importance", |picture, it| picture.said(it).importance),
];

fn switch_of(device: &Device) -> Option<&str> {
    device.switch.as_ref().and_then(|it| it.id.as_deref().or(it.name.as_deref()))
}

pub async fn csv(State(site): Served, Query(list): Query<lists::Devices>) -> Response {
    let picture = site.picture();
    let mut out = Vec::new();
    let said = |device| {
        let said = picture.said(device);
        (device, [said.location, said.owner, said.importance].map(Option::unwrap_or_default))
    };
    // Nothing fails that is written to memory.
    let _ = csv::write_devices(list.of(&picture).into_iter().map(said), &mut out);
    download(out, "text/csv; charset=utf-8", "devices.csv")
}

/// Says something of devices, those of these ids or all of a list, and shows it to everybody; how many they are. Waits for the
/// store.
///
/// # Errors
/// The store's; where none is meant.
pub async fn labelled(
    site: &Arc<Site>,
    list: lists::Devices,
    ids: Option<Vec<String>>,
    (here, change): (Here, Change),
) -> Result<usize, Trouble> {
    let site = Arc::clone(site);
    let doing = tokio::task::spawn_blocking(move || {
        let picture = site.picture();
        let Some(access) = site.access() else { return Err(Trouble::Missing) };
        let (devices, told): (Vec<&Device>, String) = match ids {
            Some(ids) => (ids.iter().filter_map(|id| picture.device(id)).collect(), ids.join(" ")),
            None => (list.of(&picture), list.link("all of /devices", ("", ""))),
        };
        if devices.is_empty() {
            return Err(Trouble::Refused(
                "no device is meant: mark some, or change all of the list".to_owned(),
            ));
        }
        let count = devices.len();
        let which: String = format!("{count} devices: {told}").chars().take(WHICH_LETTERS_MAX).collect();
        let devices: Vec<String> = devices.into_iter().map(|it| it.id.clone()).collect();
        access.desk.label(&access.by(&here), &devices, &change, &which)?;
        site.refresh();
        Ok(count)
    });
    doing.await.unwrap_or(Err(Trouble::Missing))
}

/// What a field of the form means: nothing leaves what is, a dash takes it away.
fn meant(written: &str) -> Option<String> {
    match written.trim() {
        "" => None,
        "-" => Some(String::new()),
        text => Some(text.to_owned()),
    }
}

pub async fn label(
    State(site): Served,
    here: Here,
    Query(list): Query<lists::Devices>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let Ok(Form(fields)) = form else {
        return sorry(&site, (StatusCode::BAD_REQUEST, "This form cannot be understood."), &here);
    };
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let change = Change {
        location: meant(field("location")),
        owner: meant(field("owner")),
        importance: meant(field("importance")),
    };
    let ids = fields.iter().filter(|(key, _)| key == "device").map(|(_, id)| id.clone()).collect();
    let ids = (field("which") != "all").then_some(ids);
    match labelled(&site, list.clone(), ids, (here.clone(), change)).await {
        Ok(count) => Redirect::to(&list.link("/devices", ("changed", &count.to_string()))).into_response(),
        Err(trouble) => {
            (act::status(&trouble), shown(&site, &here, list, Some(trouble.to_string()))).into_response()
        }
    }
}

/// Columns beside the name, each with its heading.
const COLUMNS: &[(&str, &str)] = &[
    ("state", "State"),
    ("kind", "Kind"),
    ("made", "Make"),
    ("address", "Address"),
    ("mac", "Hardware address"),
    ("firmware", "Firmware"),
    ("serial", "Serial number"),
    ("vlan", "VLAN"),
    ("place", "Hangs on"),
    ("location", "Location"),
    ("owner", "Owner"),
    ("importance", "Importance"),
    ("first", "First heard"),
    ("seen", "Last heard"),
    ("open", "Open"),
];
/// Those that are shown where nobody chose.
const USUAL: &[&str] = &["state", "kind", "made", "address", "place", "location", "seen", "open"];
const GROUPINGS: &[(&str, &str)] = &[
    ("", "nothing"),
    ("switch", "switch"),
    ("location", "location"),
    ("vendor", "maker"),
    ("kind", "kind"),
    ("owner", "owner"),
];
const SORTS: &[(&str, &str)] =
    &[("", "what is wrong"), ("name", "name"), ("vendor", "maker"), ("seen", "last seen"), ("id", "address")];
/// The worst first.
const STATES: [&str; 4] = ["offline", "degraded", "unknown", "online"];
/// Of one page; the largest and those with the most trouble.
const GROUPS_MAX: usize = 500;
/// Of what the audit says of the devices that were meant: as long as a note.
const WHICH_LETTERS_MAX: usize = 1_000;
