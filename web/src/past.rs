//! A device over time, and how its streams went: as the store of its site has it, else as its report and its capture do.
//!
//! ```text
//!  store:   availability, attributes, addresses, sums of streams ──┐
//!  report:  history            capture:  courses ──────────────────┴─► states, changes, periods, life, courses
//! ```

use std::sync::Arc;

use serde::Serialize;
use spanwatch_appliance::store::desk::{Course, Past};
use spanwatch_appliance::store::read::StreamRow;
use spanwatch_engine::report::Device;
use spanwatch_engine::report::courses::Course as Pieces;
use spanwatch_engine::report::minutes::StreamKey;
use spanwatch_engine::report::time::{Stamp, parse};
use spanwatch_parsers::{Span, Time};
use utoipa::ToSchema;

use crate::charts::Scope;
use crate::{Picture, Site, words};

/// A time in which a device was in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Held {
    #[schema(value_type = String, format = DateTime)]
    pub from: Stamp,
    /// Absent where it is so still.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Stamp>,
    /// online, degraded, offline or unknown.
    pub state: String,
    /// As a finding has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Something that became otherwise with a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Changed {
    #[schema(value_type = String, format = DateTime)]
    pub time: Stamp,
    /// As `firmware`, `switch`; `address`, `address given up`.
    pub what: String,
    /// What it is since then.
    pub value: String,
}

/// Whether a device was there in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Period {
    /// As `24 hours`.
    pub name: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub from: Stamp,
    #[schema(value_type = String, format = DateTime)]
    pub to: Stamp,
    /// How long it was there, be it degraded.
    pub online_ms: u64,
    /// How long it was gone.
    pub offline_ms: u64,
    /// Of how long nothing is known.
    pub unknown_ms: u64,
}

/// How long a device serves, and whether it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Life {
    #[schema(value_type = String, format = DateTime)]
    pub first_heard: Stamp,
    #[schema(value_type = String, format = DateTime)]
    pub last_heard: Stamp,
    /// Since when, at the latest, it has the firmware that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub firmware_since: Option<Stamp>,
    /// How often it was seen to start again.
    pub restarts: u64,
    /// A day, a week, thirty days: all of them of a store, else those that were watched, or all that was.
    pub periods: Vec<Period>,
}

/// What a store has of a device; `None` where there is no store, or it does not know the device.
pub async fn kept(site: &Arc<Site>, id: &str) -> Option<Past> {
    let (site, id) = (Arc::clone(site), id.to_owned());
    // Who writes may be in the way.
    let read = move || site.access()?.desk.past_of(&id).ok().flatten();
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// How the streams from or to a device went, of so many that were there last, and over which time: as wanted where a store has
/// them, else over the whole capture.
pub async fn courses(
    site: &Arc<Site>,
    picture: &Picture,
    id: &str,
    (wanted, streams_max): (Scope, u32),
) -> (Vec<Course>, Scope) {
    let (store, own, until) = (Arc::clone(site), id.to_owned(), words::end(&picture.report));
    let read = move || {
        let sums = (wanted.span, wanted.piece, wanted.count);
        store.access()?.desk.courses(&own, streams_max, sums, until?).ok()
    };
    let courses = tokio::task::spawn_blocking(read).await.ok().flatten().unwrap_or_default();
    if courses.is_empty() { captured(picture, id, streams_max) } else { (courses, wanted) }
}

/// The same of a capture that was read just now: all of it, from its beginning.
fn captured(picture: &Picture, id: &str, streams_max: u32) -> (Vec<Course>, Scope) {
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
    let courses = own.take(usize::try_from(streams_max).unwrap_or(usize::MAX)).map(course).collect();
    let first = picture.report.capture.first.as_deref().and_then(parse);
    let whole = words::end(&picture.report).zip(first).map_or(0, |(end, first)| (end - first).0);
    let piece = picture.courses.seconds.max(1);
    let count =
        u32::try_from(whole / Span::seconds(i64::from(piece)).0).unwrap_or(u32::MAX).saturating_add(1);
    (courses, Scope { key: "", name: "", span: piece, piece, count })
}

/// When a device was there, the oldest first.
pub fn states(device: &Device, past: Option<&Past>) -> Vec<Held> {
    let Some(past) = past else {
        let held = device.history.iter().map(|it| Held {
            from: it.from,
            to: it.to,
            state: it.state.to_owned(),
            cause: it.cause.map(str::to_owned),
        });
        return held.collect();
    };
    let held = past.states.iter().map(|it| Held {
        from: Stamp(it.since),
        to: it.until.map(Stamp),
        state: it.what.clone(),
        cause: it.of.clone(),
    });
    held.collect()
}

/// What became otherwise with a device since its store knows it, the latest first.
pub fn changes(past: Option<&Past>) -> Vec<Changed> {
    let Some(past) = past else { return Vec::new() };
    let changed = |at, what: &str, value: &String| Changed {
        time: Stamp(at),
        what: what.to_owned(),
        value: value.clone(),
    };
    let attributes =
        past.attributes.iter().map(|it| changed(it.since, it.of.as_deref().unwrap_or_default(), &it.what));
    let begun = past.addresses.iter().map(|it| changed(it.since, "address", &it.what));
    let ended = past.addresses.iter().filter_map(|it| Some(changed(it.until?, "address given up", &it.what)));
    let mut changes: Vec<_> = attributes.chain(begun).chain(ended).collect();
    changes.sort_by(|a, b| b.cmp(a));
    changes
}

/// How long a device serves, and whether it was there.
pub fn life(picture: &Picture, device: &Device, past: Option<&Past>) -> Life {
    let first = past.and_then(|past| past.states.first()).map_or(device.first_seen.0, |it| it.since);
    let firmware_since = device.firmware.as_ref().and_then(|firmware| {
        let mut known = past?.attributes.iter().rev();
        known
            .find(|it| it.of.as_deref() == Some("firmware") && it.what == *firmware)
            .map(|it| Stamp(it.since))
    });
    let starts = picture.findings_on(&device.id).filter(|it| it.kind == "device-restarted");
    Life {
        first_heard: Stamp(first.min(device.first_seen.0)),
        last_heard: device.last_seen,
        firmware_since,
        restarts: starts.map(|it| it.count).fold(0_u64, u64::saturating_add),
        periods: periods(picture, device, past),
    }
}

/// A day, a week, thirty days: of a store, where nothing is known of what is longer ago than it; else where so much was watched, and
/// all that was.
fn periods(picture: &Picture, device: &Device, past: Option<&Past>) -> Vec<Period> {
    let (states, end) = (states(device, past), words::end(&picture.report));
    let watched = past.and_then(|past| past.watched.iter().map(|(_, until)| *until).max());
    let Some(end) = end.max(watched) else { return Vec::new() };
    let of = |(name, span): (&'static str, Span)| period(&states, name, (end - span, end));
    if past.is_some() {
        return LENGTHS.map(of).to_vec();
    }
    let Some(first) = picture.report.capture.first.as_deref().and_then(parse) else { return Vec::new() };
    let shorter = LENGTHS.into_iter().filter(|(_, span)| span.0 < (end - first).0);
    let mut periods: Vec<Period> = shorter.map(of).collect();
    if periods.len() < LENGTHS.len() {
        periods.push(period(&states, "All that was watched", (first, end)));
    }
    periods
}

fn period(states: &[Held], name: &'static str, (from, to): (Time, Time)) -> Period {
    let of = |wanted: &str| {
        let lengths = known(states, (from, to)).filter(|(state, ..)| *state == wanted);
        lengths.map(|(_, begin, end)| (end - begin).0).fold(0, i64::saturating_add)
    };
    let (online, offline) = (of("online"), of("offline"));
    let ms = |nanos: i64| nanos.max(0).unsigned_abs() / 1_000_000;
    Period {
        name,
        from: Stamp(from),
        to: Stamp(to),
        online_ms: ms(online),
        offline_ms: ms(offline),
        unknown_ms: ms((to - from).0.saturating_sub(online).saturating_sub(offline)),
    }
}

/// When in some time it is known that a device was there, be it degraded, or gone: `online` or `offline`, from, to.
pub fn known(states: &[Held], (from, to): (Time, Time)) -> impl Iterator<Item = (&'static str, Time, Time)> {
    states.iter().filter_map(move |it| {
        let (begin, end) = (it.from.0.max(from), it.to.map_or(to, |it| it.0).min(to));
        let state = match it.state.as_str() {
            "online" | "degraded" => "online",
            "offline" => "offline",
            _ => return None,
        };
        (end > begin).then_some((state, begin, end))
    })
}

const LENGTHS: [(&str, Span); 3] = [
    ("24 hours", Span::seconds(86_400)),
    ("7 days", Span::seconds(7 * 86_400)),
    ("30 days", Span::seconds(30 * 86_400)),
];
