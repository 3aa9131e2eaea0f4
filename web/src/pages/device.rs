//! *Device*: who it is and how that is known, whether it was there, what it streams, offers and has wrong.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use spanwatch_engine::report::time::{Stamp, day_time};
use spanwatch_engine::report::{Device, Tls};
use spanwatch_parsers::{Span, Time};

use super::{Card, Head, Served, devices, rendered, sorry, streams};
use crate::Picture;
use crate::access::Here;
use crate::charts::{self, Chart, SCOPES, Scope};
use crate::lists::{addresses, encoded};
use crate::past::{self, Changed, Held, Life};
use crate::words::{self, Shown};

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
    let kept = past::kept(&site, &device.id).await;
    let wanted = (wanted.over != "none").then(|| charts::scope(&wanted.over).unwrap_or(SCOPES[0]));
    let (courses, scope) = match wanted {
        Some(scope) => past::courses(&site, &picture, &device.id, (scope, CHARTS_MAX)).await,
        None => (Vec::new(), SCOPES[0]),
    };
    let until = words::end(&picture.report);
    let known = courses.iter().filter(|it| !it.pieces.is_empty());
    let drawn =
        |until: Time| known.map(|it| charts::chart(&picture, &device.id, it, (scope, until))).collect();
    let states = past::states(device, kept.as_ref());
    let serves = past::life(&picture, device, kept.as_ref());
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
        periods: serves.periods.iter().map(|it| period(&states, it)).collect(),
        history: states.iter().rev().take(ROWS_MAX).map(history).collect(),
        changes: past::changes(kept.as_ref()).iter().take(ROWS_MAX).map(change).collect(),
        charts: until.map(drawn).unwrap_or_default(),
        scope,
        life: life(device, &serves),
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

fn moment(at: Stamp) -> String {
    words::moment(&at.to_string())
}

fn history(it: &Held) -> (String, String, Shown, Shown) {
    let to = it.to.map_or_else(|| "now".to_owned(), moment);
    let cause = it.cause.as_deref().map(words::cause).unwrap_or_default();
    (moment(it.from), to, words::shown(&it.state), words::shown(cause))
}

fn change(it: &Changed) -> (String, Shown, Shown) {
    (moment(it.time), words::shown(&it.what), words::shown(&it.value))
}

/// How long it serves, and what is known of how long it may.
fn life(device: &Device, life: &Life) -> Vec<(&'static str, Shown)> {
    let days = (life.last_heard.0 - life.first_heard.0).0 / Span::seconds(86_400).0;
    let firmware = device.firmware.as_ref().map(|firmware| {
        let since = life.firmware_since.map(|it| format!(", since {} UTC at the latest", moment(it)));
        format!("{firmware}{}", since.unwrap_or_default())
    });
    [
        ("First heard", Some(format!("{} UTC", moment(life.first_heard)))),
        ("Last heard", Some(format!("{} UTC", moment(life.last_heard)))),
        ("Known for", (days > 0).then(|| format!("{} days", words::count(days.unsigned_abs())))),
        ("Firmware", firmware),
        ("Restarts seen", (life.restarts > 0).then(|| words::count(life.restarts))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, words::shown(&value?))))
    .collect()
}

/// What is not known shows as the ground does.
fn period(states: &[Held], it: &past::Period) -> Period {
    let (from, to) = (it.from.0, it.to.0);
    let whole = i128::from((to - from).0.max(1));
    let x = |at: Time| i64::try_from(i128::from((at - from).0) * 1_000 / whole).unwrap_or(0);
    let bar = |(state, begin, end)| {
        let told = format!("{state} from {} UTC to {} UTC", day_time(begin), day_time(end));
        (x(begin), x(end).saturating_sub(x(begin)).max(2), state, told)
    };
    let mut bars: Vec<_> = past::known(states, (from, to)).map(bar).collect();
    let share = |part: u64, of: u64| {
        let thousandths = u128::from(part) * 1_000 / u128::from(of.max(1));
        format!("{}.{} %", thousandths / 10, thousandths % 10)
    };
    let known = it.online_ms.saturating_add(it.offline_ms);
    let told = if known == 0 {
        "nothing is known of this time".to_owned()
    } else {
        format!(
            "there for {} of the time known; nothing is known of {}",
            share(it.online_ms, known),
            share(it.unknown_ms, known.saturating_add(it.unknown_ms))
        )
    };
    // The latest are what people look for.
    let bars = bars.split_off(bars.len().saturating_sub(BARS_MAX));
    Period { name: it.name, told, bars, from: day_time(from), to: day_time(to) }
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
    let sessions = crate::lists::Sessions { device: device.id.clone() }.of(picture);
    let own = addresses(device);
    let talk = |it: &spanwatch_engine::report::Session| {
        let (role, other) =
            if own.contains(&it.client) { ("asks", it.server) } else { ("answers", it.client) };
        let with = picture.at_address(other).map_or_else(
            || (String::new(), words::shown(&other.to_string())),
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
    sessions.into_iter().take(TALKS_MAX).map(talk).collect()
}

/// Streams that are drawn: as many as a page of 150 kB has room for.
const CHARTS_MAX: u32 = 4;
/// Rows of one table of the page.
const ROWS_MAX: usize = 60;
const STREAMS_MAX: usize = 30;
const TALKS_MAX: usize = 30;
const TLS_MAX: usize = 16;
const BARS_MAX: usize = 300;
