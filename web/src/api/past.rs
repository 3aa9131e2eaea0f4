//! A device over time, and how its streams went.

use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use spanwatch_appliance::store::desk::Course;
use spanwatch_engine::report::Decimal;
use spanwatch_engine::report::minutes::StreamSum;
use spanwatch_engine::report::time::Stamp;
use spanwatch_parsers::Time;
use utoipa::ToSchema;

use super::page::{Page, Part, cut};
use super::problem;
use super::{Answer, Named, Parted, Served, Wanted, no_device, told};
use crate::charts::{SCOPES, scope};
use crate::past::{self, Changed, Held, Life};
use crate::words;

/// How the streams of a device went.
#[derive(Debug, Serialize, ToSchema)]
struct CoursesOf {
    /// When the time begins that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Stamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Stamp>,
    /// How long each piece is.
    piece_s: u32,
    items: Vec<CourseOf>,
}

/// How one stream went.
#[derive(Debug, Serialize, ToSchema)]
struct CourseOf {
    source: String,
    destination: String,
    /// udp, multicast or interleaved.
    transport: String,
    payload_type: u8,
    /// Those of which anything is known.
    pieces: Vec<PieceOf>,
}

/// What came in a piece of time.
#[derive(Debug, Serialize, ToSchema)]
struct PieceOf {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    time: Stamp,
    /// How much of it is known.
    known_s: u32,
    packets: u64,
    lost: u64,
    bytes: u64,
    /// Over what is known.
    bitrate_bps: u64,
    /// The greatest in it.
    #[schema(value_type = f64)]
    jitter_ms: Decimal,
}

impl From<Course> for CourseOf {
    fn from(Course { stream, pieces }: Course) -> Self {
        Self {
            source: stream.source,
            destination: stream.destination,
            transport: stream.transport,
            payload_type: stream.payload_type,
            pieces: pieces.into_iter().map(PieceOf::from).collect(),
        }
    }
}

impl From<(Time, u32, StreamSum)> for PieceOf {
    fn from((time, known_s, sum): (Time, u32, StreamSum)) -> Self {
        Self {
            time: Stamp(time),
            known_s,
            packets: sum.packets,
            lost: sum.lost,
            bytes: sum.bytes,
            bitrate_bps: sum.bytes.saturating_mul(8) / u64::from(known_s).max(1),
            jitter_ms: Decimal::milliseconds(sum.jitter_us),
        }
    }
}

/// Which time, and how many streams.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Over {
    /// 24h by ten minutes, unless given; 7d by hours, 30d by days. Of a capture all of it, whatever is given.
    #[param(pattern = "^(24h|7d|30d)$")]
    over: Option<String>,
    /// How many streams at most, 1 to 16, those that were there last; 4 unless given.
    #[param(minimum = 1, maximum = 16)]
    streams: Option<u32>,
}

/// How long a device serves, and whether it was there in a day, a week and thirty days; what is not known is apart.
#[utoipa::path(get, path = "/api/v1/devices/{id}/life", params(("id" = String, Path,)), responses((status = 200, body = Life), problem::Finds))]
pub async fn life(State(site): Served, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(no_device)?;
    told(&past::life(&picture, device, past::kept(&site, &device.id).await.as_ref()))
}

/// When a device was in which state, the latest first.
#[utoipa::path(get, path = "/api/v1/devices/{id}/states", params(("id" = String, Path,), Part), responses((status = 200, body = Page<Held>), problem::PartsOfOne))]
pub async fn states(State(site): Served, id: Named, part: Parted) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(no_device)?;
    let mut states = past::states(device, past::kept(&site, &device.id).await.as_ref());
    states.reverse();
    told(&cut(states, part, |it| it.from.to_string())?)
}

/// What became otherwise with a device since the store knows it, the latest first; nothing where there is no store.
#[utoipa::path(get, path = "/api/v1/devices/{id}/changes", params(("id" = String, Path,), Part), responses((status = 200, body = Page<Changed>), problem::PartsOfOne))]
pub async fn changes(State(site): Served, id: Named, part: Parted) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(no_device)?;
    let changes = past::changes(past::kept(&site, &device.id).await.as_ref());
    told(&cut(changes, part, |it| format!("{} {} {}", it.time, it.what, it.value))?)
}

/// How the streams from and to a device went: of a store, or of a capture that was read just now.
#[utoipa::path(get, path = "/api/v1/devices/{id}/courses", params(("id" = String, Path,), Over), responses((status = 200, body = CoursesOf), problem::Finds))]
pub async fn courses(State(site): Served, id: Named, over: Wanted<Over>) -> Answer {
    let (Path(id), Query(over)) = (id?, over?);
    let wanted = over.over.map_or(Some(SCOPES[0]), |key| scope(&key));
    let wanted = wanted.ok_or_else(|| problem::bad("over: 24h, 7d or 30d"))?;
    let streams = over.streams.unwrap_or(STREAMS);
    if !(1..=STREAMS_MAX).contains(&streams) {
        return Err(problem::bad("streams: 1 to 16"));
    }
    let picture = site.picture();
    let device = picture.device(&id).ok_or_else(no_device)?;
    let (courses, scope) = past::courses(&site, &picture, &device.id, (wanted, streams)).await;
    let to = words::end(&picture.report);
    told(&CoursesOf {
        from: to.map(|to| Stamp(to - scope.length())),
        to: to.map(Stamp),
        piece_s: scope.piece,
        items: courses.into_iter().map(CourseOf::from).collect(),
    })
}

/// As many as a device's page draws.
const STREAMS: u32 = 4;
/// Each is some 1,440 sums that are looked up.
const STREAMS_MAX: u32 = 16;
