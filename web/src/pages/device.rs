//! *Device*: who it is and how that is known, whether it was there, what it streams, offers and has wrong.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use spanwatch_appliance::store::desk::{Course, Past};
use spanwatch_appliance::store::read::StreamRow;
use spanwatch_engine::report::courses::Course as Pieces;
use spanwatch_engine::report::minutes::StreamKey;
use spanwatch_engine::report::time::{day_time, parse, rfc3339};
use spanwatch_engine::report::{Device, Tls};
use spanwatch_parsers::{Span, Time};

use super::{Card, Head, Served, devices, rendered, sorry, streams};
use crate::access::Here;
use crate::charts::{self, Chart, SCOPES, Scope};
use crate::lists::encoded;
use crate::words::{self, Shown};
use crate::{Picture, Site};

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    head: Head,
    row: devices::Row,
    sure: String,
    facts: Vec<(&'static str, Shown)>,
    life: Vec<(&'static str, Shown)>,
    listed: Vec<(Shown, Shown)>,
    identity: Vec<Witness>,
    periods: Vec<Period>,
    history: Vec<(String, String, Shown, Shown)>,
    changes: Vec<(String, Shown, Shown)>,
    charts: Vec<Chart>,
    scope: Scope,
    cards: Vec<Card>,
    streams: Vec<streams::Row>,
    more_streams: Option<String>,
    services: Vec<(Shown, Shown, String, String)>,
    tls: Vec<Vec<(&'static str, Shown)>>,
    sessions: Vec<Talk>,
}

/// Who says what.
struct Witness {
    attribute: Shown,
    value: Shown,
    sure: String,
    source: Shown,
    time: String,
    packet: u64,
}

/// Whether it was there in a time.
struct Period {
    name: &'static str,
    told: String,
    bars: Vec<(i64, i64, &'static str, String)>,
    from: String,
    to: String,
}

/// A conversation.
struct Talk {
    with: (String, Shown),
    role: &'static str,
    protocol: Shown,
    account: Shown,
    outcome: Shown,
    target: Shown,
    orders: Shown,
    bytes: String,
    last: String,
}

/// How much of its streams is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// 24h, 7d or 30d; `none` of a page that keeps itself fresh, which leaves charts as they are.
    over: String,
}

pub async fn page(
    State(site): Served,
    here: Here,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let picture = site.picture();
    let Some(device) = picture.device(&id) else {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such device."), &here);
    };
    let scope = charts::scope(&wanted.over);
    let sums = (wanted.over != "none").then_some((scope.span, scope.piece, scope.count));
    let (past, courses) = kept(&site, &device.id, (sums, words::end(&picture.report))).await;
    let (courses, scope) = match courses.is_empty() && sums.is_some() {
        true => read(&picture, &device.id),
        false => (courses, scope),
    };
    let own = crate::lists::Streams { device: device.id.clone(), ..Default::default() };
    let flows = own.of(&picture);
    let row = devices::Row::of(&picture, device);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/devices", row.name.as_str()), &here),
        row,
        sure: words::percent(&device.confidence),
        facts: facts(&picture, device),
        listed: device
            .inventory
            .iter()
            .flatten()
            .map(|(key, value)| (words::shown(key), words::shown(value)))
            .collect(),
        identity: device.identity.iter().take(ROWS_MAX).map(witness).collect(),
        periods: match &past {
            Some(past) => kept_periods(&picture, past),
            None => periods(&picture, device),
        },
        history: history(&times(device, past.as_ref())),
        changes: past.as_ref().map(changes).unwrap_or_default(),
        charts: drawn(&picture, device, &courses, scope),
        scope,
        life: life(&picture, device, past.as_ref()),
        cards: picture.findings_on(&device.id).take(ROWS_MAX).map(|it| Card::of(&picture, it)).collect(),
        more_streams: (flows.len() > STREAMS_MAX).then(|| own.link("/streams", ("", ""))),
        streams: flows.into_iter().take(STREAMS_MAX).map(|it| streams::Row::of(&picture, it)).collect(),
        services: device
            .services
            .iter()
            .map(|it| {
                let seen = |at: &dyn ToString| words::moment(&at.to_string());
                (
                    words::shown(&format!("{}/{}", it.port, it.transport)),
                    words::shown(it.protocol),
                    seen(&it.first_seen),
                    seen(&it.last_seen),
                )
            })
            .collect(),
        tls: device.tls.iter().take(TLS_MAX).map(tls).collect(),
        sessions: talks(&picture, device),
    })
}

fn facts(picture: &Picture, device: &Device) -> Vec<(&'static str, Shown)> {
    let said = picture.said(device);
    let switch = device.switch.as_ref().map(|it| {
        let name = it.name.as_ref().or(it.id.as_ref()).map_or("", String::as_str);
        let port = it.port.as_ref().map(|port| format!(", port {port}")).unwrap_or_default();
        format!("{name}{port} (by {}, {})", it.source, words::percent(&it.confidence))
    });
    let vlans: Vec<String> = device.vlans.iter().map(ToString::to_string).collect();
    let text = |value: &Option<String>| value.clone();
    [
        ("Kind", Some(device.kind.clone())),
        ("Maker", text(&device.vendor)),
        ("Model", text(&device.model)),
        ("Serial number", text(&device.serial)),
        ("Says its name is", text(&device.name)),
        ("Host name", text(&device.hostname)),
        ("Addresses", Some(device.ips.join(" "))),
        ("Hardware address", text(&device.mac)),
        ("VLAN", Some(vlans.join(" "))),
        ("Hangs on", switch),
        ("Location", said.location.map(str::to_owned)),
        ("Owner", said.owner.map(str::to_owned)),
        ("Importance", said.importance.map(str::to_owned)),
        ("Also known as", Some(device.aliases.join(" "))),
        (
            "Traffic",
            Some(format!("{} packets, {}", words::count(device.packets), words::bytes(device.bytes))),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, words::said(&value?))))
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn witness(it: &spanwatch_engine::report::Identity) -> Witness {
    let source = it.entry.map_or_else(|| it.source.to_owned(), |entry| format!("{} ({entry})", it.source));
    Witness {
        attribute: words::shown(it.attribute),
        value: words::shown(it.value.as_str()),
        sure: words::percent(&it.confidence),
        source: words::shown(&source),
        time: words::moment(&it.time.to_string()),
        packet: it.frame,
    }
}

/// A time in which a device was in one state.
struct Held {
    from: Time,
    /// `None` where it is so still.
    to: Option<Time>,
    state: String,
    cause: Option<String>,
}

/// When it was there: as the store has it, else as the report does.
fn times(device: &Device, past: Option<&Past>) -> Vec<Held> {
    if let Some(past) = past {
        let held = past.states.iter().map(|it| Held {
            from: it.since,
            to: it.until,
            state: it.what.clone(),
            cause: it.of.clone(),
        });
        return held.collect();
    }
    let held = device.history.iter().filter_map(|it| {
        Some(Held {
            from: parse(&it.from)?,
            to: it.to.as_deref().and_then(parse),
            state: it.state.to_owned(),
            cause: it.cause.map(str::to_owned),
        })
    });
    held.collect()
}

fn moment(at: Time) -> String {
    words::moment(&rfc3339(at))
}

fn history(times: &[Held]) -> Vec<(String, String, Shown, Shown)> {
    let rows = times.iter().rev().take(ROWS_MAX).map(|it| {
        let to = it.to.map_or_else(|| "now".to_owned(), moment);
        let cause = it.cause.as_deref().map(words::cause).unwrap_or_default();
        (moment(it.from), to, words::shown(&it.state), words::shown(cause))
    });
    rows.collect()
}

/// What became otherwise with it since the store knows it, the latest first.
fn changes(past: &Past) -> Vec<(String, Shown, Shown)> {
    let attributes =
        past.attributes.iter().map(|it| (it.since, it.of.as_deref().unwrap_or_default(), &it.what));
    let begun = past.addresses.iter().map(|it| (it.since, "address", &it.what));
    let ended = past.addresses.iter().filter_map(|it| Some((it.until?, "address given up", &it.what)));
    let mut changes: Vec<_> = attributes.chain(begun).chain(ended).collect();
    changes.sort_by(|a, b| b.cmp(a));
    let shown = changes.into_iter().take(ROWS_MAX);
    shown.map(|(at, what, value)| (moment(at), words::shown(what), words::shown(value))).collect()
}

/// How long it serves, and what is known of how long it may.
fn life(picture: &Picture, device: &Device, past: Option<&Past>) -> Vec<(&'static str, Shown)> {
    let first = past.and_then(|past| past.states.first()).map_or(device.first_seen.0, |it| it.since);
    let first = first.min(device.first_seen.0);
    let days = (device.last_seen.0 - first).0 / Span::seconds(86_400).0;
    let firmware = device.firmware.as_ref().map(|firmware| {
        let known = past.map(|past| past.attributes.iter()).into_iter().flatten();
        let since = known.rev().find(|it| it.of.as_deref() == Some("firmware") && it.what == *firmware);
        let since = since.map(|it| format!(", since {} UTC at the latest", moment(it.since)));
        format!("{firmware}{}", since.unwrap_or_default())
    });
    let starts = picture.findings_on(&device.id).filter(|it| it.kind == "device-restarted");
    let starts = starts.map(|it| it.count).fold(0_u64, u64::saturating_add);
    [
        ("First heard", Some(format!("{} UTC", moment(first)))),
        ("Last heard", Some(format!("{} UTC", words::moment(&device.last_seen.to_string())))),
        ("Known for", (days > 0).then(|| format!("{} days", words::count(days.unsigned_abs())))),
        ("Firmware", firmware),
        ("Restarts seen", (starts > 0).then(|| words::count(starts))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, words::shown(&value?))))
    .collect()
}

/// What a store has of it: how it was, and where `sums` are asked for what came of its streams until then.
async fn kept(
    site: &Arc<Site>,
    id: &str,
    (sums, until): (Option<(u32, u32, u32)>, Option<Time>),
) -> (Option<Past>, Vec<Course>) {
    let (site, id) = (Arc::clone(site), id.to_owned());
    let read = move || {
        let desk = &site.access()?.desk;
        let courses =
            sums.zip(until).and_then(|(sums, until)| desk.courses(&id, CHARTS_MAX, sums, until).ok());
        Some((desk.past_of(&id).ok().flatten(), courses.unwrap_or_default()))
    };
    // Who writes may be in the way.
    tokio::task::spawn_blocking(read).await.ok().flatten().unwrap_or_default()
}

/// The same of a capture that was read just now: all of it, from its beginning.
fn read(picture: &Picture, id: &str) -> (Vec<Course>, Scope) {
    let own = picture.courses.streams.iter().filter(|(key, _)| key.source == id || key.destination == id);
    let course = |(key, pieces): (&StreamKey, &Pieces)| Course {
        stream: StreamRow {
            row: 0,
            source: key.source.clone(),
            destination: key.destination.clone(),
            transport: key.transport.to_owned(),
            payload_type: key.payload_type,
        },
        pieces: pieces.clone(),
    };
    let courses: Vec<Course> = own.take(CHARTS_MAX as usize).map(course).collect();
    let first = picture.report.capture.first.as_deref().and_then(parse);
    let whole = words::end(&picture.report).zip(first).map_or(0, |(end, first)| (end - first).0);
    let piece = picture.courses.seconds.max(1);
    let count =
        u32::try_from(whole / Span::seconds(i64::from(piece)).0).unwrap_or(u32::MAX).saturating_add(1);
    (courses, Scope { key: "", name: "", span: piece, piece, count })
}

/// Its streams over time.
fn drawn(picture: &Picture, device: &Device, courses: &[Course], scope: Scope) -> Vec<Chart> {
    let Some(until) = words::end(&picture.report) else { return Vec::new() };
    let known = courses.iter().filter(|it| !it.pieces.is_empty());
    known.map(|it| charts::chart(picture, &device.id, it, (scope, until))).collect()
}

/// A day, a week, thirty days, where so much was watched; else all that was.
fn periods(picture: &Picture, device: &Device) -> Vec<Period> {
    let report = &picture.report;
    let (Some(first), Some(end)) = (report.capture.first.as_deref().and_then(parse), words::end(report))
    else {
        return Vec::new();
    };
    let (times, whole) = (times(device, None), end - first);
    let mut periods: Vec<Period> = LENGTHS
        .into_iter()
        .filter(|(_, span)| span.0 < whole.0)
        .map(|(name, span)| period(&times, name, (end - span, end)))
        .collect();
    if periods.len() < LENGTHS.len() {
        periods.push(period(&times, "All that was watched", (first, end)));
    }
    periods
}

/// A day, a week and thirty days of what a store has; of what is longer ago than it knows, nothing is known.
fn kept_periods(picture: &Picture, past: &Past) -> Vec<Period> {
    let watched = past.watched.iter().map(|(_, until)| *until).max();
    let Some(end) = words::end(&picture.report).max(watched) else { return Vec::new() };
    let times: Vec<Held> = past
        .states
        .iter()
        .map(|it| Held { from: it.since, to: it.until, state: it.what.clone(), cause: None })
        .collect();
    LENGTHS.into_iter().map(|(name, span)| period(&times, name, (end - span, end))).collect()
}

fn period(times: &[Held], name: &'static str, (from, to): (Time, Time)) -> Period {
    let whole = i128::from((to - from).0.max(1));
    let x = |at: Time| i64::try_from(i128::from((at - from).0).clamp(0, whole) * 1_000 / whole).unwrap_or(0);
    let (mut online, mut offline, mut bars) = (0_i128, 0_i128, Vec::new());
    for it in times {
        let (begin, end) = (it.from.max(from), it.to.unwrap_or(to).min(to));
        if end <= begin {
            continue;
        }
        let length = i128::from((end - begin).0);
        let state = match it.state.as_str() {
            "online" | "degraded" => {
                online = online.saturating_add(length);
                "online"
            }
            "offline" => {
                offline = offline.saturating_add(length);
                "offline"
            }
            // What is not known shows as the ground does.
            _ => continue,
        };
        let told = format!("{state} from {} UTC to {} UTC", day_time(begin), day_time(end));
        bars.push((x(begin), x(end).saturating_sub(x(begin)).max(2), state, told));
    }
    let known = (online + offline).min(whole);
    let share =
        |part: i128, of: i128| format!("{}.{} %", part * 100 / of.max(1), part * 1_000 / of.max(1) % 10);
    let told = if known == 0 {
        "nothing is known of this time".to_owned()
    } else {
        format!(
            "there for {} of the time known; nothing is known of {}",
            share(online, known),
            share(whole - known, whole)
        )
    };
    // The latest are what people look for.
    let bars = bars.split_off(bars.len().saturating_sub(BARS_MAX));
    Period { name, told, bars, from: day_time(from), to: day_time(to) }
}

fn tls(it: &Tls) -> Vec<(&'static str, Shown)> {
    let certificate = it.certificate.as_ref();
    let of_certificate = |of: fn(&spanwatch_engine::report::Certificate) -> String| certificate.map(of);
    [
        ("As", Some(it.role.to_owned())),
        ("Version", it.version.clone()),
        ("Offers", it.offered.clone()),
        ("Cipher", it.cipher.clone()),
        ("Asks for", it.sni.clone()),
        ("JA3", it.ja3.clone()),
        ("JA3S", it.ja3s.clone()),
        ("JA4", it.ja4.clone()),
        ("Certificate of", of_certificate(|it| it.subject.clone())),
        (
            "Issued by",
            of_certificate(|it| if it.self_signed { "itself".to_owned() } else { it.issuer.clone() }),
        ),
        (
            "Valid",
            of_certificate(|it| {
                format!("{} to {}", words::moment(&it.not_before), words::moment(&it.not_after))
            }),
        ),
        (
            "Key",
            of_certificate(|it| {
                format!("{} {}", it.key, it.key_bits.map(|bits| bits.to_string()).unwrap_or_default())
            }),
        ),
        ("Signature", of_certificate(|it| it.signature.clone())),
        ("SHA-256", of_certificate(|it| it.sha256.clone())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, words::said(&value?))))
    .collect()
}

fn talks(picture: &Picture, device: &Device) -> Vec<Talk> {
    let own = |address: &String| device.ips.contains(address) || *address == device.id;
    let sessions = picture.report.sessions.iter().filter(|it| own(&it.client) || own(&it.server));
    let talk = |it: &spanwatch_engine::report::Session| {
        let (role, other) = if own(&it.client) { ("asks", &it.server) } else { ("answers", &it.client) };
        let there = picture.report.devices.iter().find(|device| device.ips.contains(other));
        let with = there.map_or_else(
            || (String::new(), words::shown(other)),
            |it| (format!("/devices/{}", encoded(&it.id)), words::called(it)),
        );
        Talk {
            with,
            role,
            protocol: words::shown(it.protocol),
            account: words::shown(it.account.as_deref().unwrap_or_default()),
            outcome: words::shown(
                &[it.scheme, it.outcome].into_iter().flatten().collect::<Vec<_>>().join(", "),
            ),
            target: words::shown(it.target.as_deref().unwrap_or_default()),
            orders: words::shown(&it.commands.join(", ")),
            bytes: words::bytes(it.bytes),
            last: words::moment(&it.last_seen.to_string()),
        }
    };
    sessions.take(TALKS_MAX).map(talk).collect()
}

const LENGTHS: [(&str, Span); 3] = [
    ("24 hours", Span::seconds(86_400)),
    ("7 days", Span::seconds(7 * 86_400)),
    ("30 days", Span::seconds(30 * 86_400)),
];
/// Streams that are drawn: as many as a page of 150 kB has room for.
const CHARTS_MAX: u32 = 4;
/// Rows of one table of the page.
const ROWS_MAX: usize = 60;
const STREAMS_MAX: usize = 30;
const TALKS_MAX: usize = 30;
const TLS_MAX: usize = 16;
const BARS_MAX: usize = 300;
