//! *Device*: who it is and how that is known, whether it was there, what it streams, offers and has wrong.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use spanwatch_engine::report::time::{day_time, parse};
use spanwatch_engine::report::{Device, Tls};
use spanwatch_parsers::{Span, Time};

use super::{Card, Head, Served, devices, rendered, sorry, streams};
use crate::Picture;
use crate::access::Here;
use crate::lists::encoded;
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    head: Head,
    row: devices::Row,
    sure: String,
    facts: Vec<(&'static str, Shown)>,
    listed: Vec<(Shown, Shown)>,
    identity: Vec<Witness>,
    periods: Vec<Period>,
    history: Vec<(String, String, Shown, Shown)>,
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

pub async fn page(State(site): Served, here: Here, Path(id): Path<String>) -> Response {
    let picture = site.picture();
    let Some(device) = picture.device(&id) else {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such device."), &here);
    };
    let own = crate::lists::Streams { device: device.id.clone(), ..Default::default() };
    let flows = own.of(&picture);
    let row = devices::Row::of(&picture, device);
    rendered(&Page {
        head: Head::new(&site, &picture, ("/devices", row.name.as_str()), &here),
        row,
        sure: words::percent(&device.confidence),
        facts: facts(device),
        listed: device
            .inventory
            .iter()
            .flatten()
            .map(|(key, value)| (words::shown(key), words::shown(value)))
            .collect(),
        identity: device.identity.iter().take(ROWS_MAX).map(witness).collect(),
        periods: periods(&picture, device),
        history: history(device),
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

fn facts(device: &Device) -> Vec<(&'static str, Shown)> {
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
        ("Firmware", text(&device.firmware)),
        ("Serial number", text(&device.serial)),
        ("Says its name is", text(&device.name)),
        ("Host name", text(&device.hostname)),
        ("Addresses", Some(device.ips.join(" "))),
        ("Hardware address", text(&device.mac)),
        ("VLAN", Some(vlans.join(" "))),
        ("Hangs on", switch),
        ("Also known as", Some(device.aliases.join(" "))),
        ("First heard", Some(format!("{} UTC", words::moment(&device.first_seen.to_string())))),
        ("Last heard", Some(format!("{} UTC", words::moment(&device.last_seen.to_string())))),
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

fn history(device: &Device) -> Vec<(String, String, Shown, Shown)> {
    let rows = device.history.iter().rev().take(ROWS_MAX).map(|it| {
        let to = it.to.as_deref().map_or_else(|| "now".to_owned(), words::moment);
        let cause = it.cause.map(words::cause).unwrap_or_default();
        (words::moment(&it.from), to, words::shown(it.state), words::shown(cause))
    });
    rows.collect()
}

/// A day, a week, thirty days, where so much was watched; else all that was.
fn periods(picture: &Picture, device: &Device) -> Vec<Period> {
    let report = &picture.report;
    let (Some(first), Some(end)) = (report.capture.first.as_deref().and_then(parse), words::end(report))
    else {
        return Vec::new();
    };
    let whole = end - first;
    let day = Span::seconds(86_400);
    let spans = [("24 hours", day), ("7 days", Span(day.0 * 7)), ("30 days", Span(day.0 * 30))];
    let mut periods: Vec<Period> = spans
        .into_iter()
        .filter(|(_, span)| span.0 < whole.0)
        .map(|(name, span)| period(device, name, (end - span, end)))
        .collect();
    if periods.len() < spans.len() {
        periods.push(period(device, "All that was watched", (first, end)));
    }
    periods
}

fn period(device: &Device, name: &'static str, (from, to): (Time, Time)) -> Period {
    let whole = i128::from((to - from).0.max(1));
    let x = |at: Time| i64::try_from(i128::from((at - from).0).clamp(0, whole) * 1_000 / whole).unwrap_or(0);
    let (mut online, mut unknown, mut bars) = (0_i128, 0_i128, Vec::new());
    let mut known = Vec::new();
    for it in &device.history {
        let Some(begin) = parse(&it.from) else { continue };
        let end = it.to.as_deref().and_then(parse).unwrap_or(to).min(to);
        let begin = begin.max(from);
        if end < begin {
            continue;
        }
        known.push((begin, end));
        let length = i128::from((end - begin).0);
        let state = match it.state {
            "online" | "degraded" => {
                online += length;
                "online"
            }
            "offline" => "offline",
            _ => {
                unknown += length;
                "unknown"
            }
        };
        let told = format!("{state} from {} UTC to {} UTC", day_time(begin), day_time(end));
        bars.push((x(begin), x(end).saturating_sub(x(begin)).max(2), state, told));
    }
    // Before it was first heard nothing is known.
    let covered: i128 = known.iter().map(|(begin, end)| i128::from((*end - *begin).0)).sum();
    unknown += (whole - covered).max(0);
    let watched = (whole - unknown).max(1);
    let share = |part: i128, of: i128| format!("{}.{} %", part * 100 / of, part * 1_000 / of % 10);
    let told = if whole - unknown <= 0 {
        "nothing is known of this time".to_owned()
    } else {
        format!(
            "there for {} of the time known; nothing is known of {}",
            share(online, watched),
            share(unknown, whole)
        )
    };
    bars.truncate(BARS_MAX);
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

/// Rows of one table of the page.
const ROWS_MAX: usize = 60;
const STREAMS_MAX: usize = 30;
const TALKS_MAX: usize = 30;
const TLS_MAX: usize = 16;
const BARS_MAX: usize = 300;
