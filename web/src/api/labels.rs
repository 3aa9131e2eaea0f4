//! What people say of devices: as items of lists, and said of many at once.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use spanwatch_appliance::store::labels::Change;
use spanwatch_engine::report::Device;
use utoipa::ToSchema;

use super::problem;
use super::{Answer, Here, Served, told};
use crate::Picture;
use crate::lists::Devices;
use crate::pages::labelled;

/// A device, with where it is, whose it is and how much it matters: as people say, else as the site's list does.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceTold<'a> {
    #[serde(flatten)]
    device: &'a Device,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    /// critical, normal or unimportant.
    #[serde(skip_serializing_if = "Option::is_none")]
    importance: Option<&'a str>,
    /// Findings on it that ask for somebody, those for information apart.
    open_findings: usize,
}

impl<'a> DeviceTold<'a> {
    pub fn of(picture: &'a Picture, device: &'a Device) -> Self {
        let said = picture.said(device);
        Self {
            device,
            location: said.location,
            owner: said.owner,
            importance: said.importance,
            open_findings: picture.open_on(&device.id),
        }
    }
}

/// What is to be said, and of which devices. A key that is absent leaves what is; an empty text takes it away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct LabelWish {
    /// Their ids; those that are not known are left out.
    #[schema(max_items = 3_000)]
    devices: Vec<String>,
    /// All that the filters of the address leave, and not `devices`.
    all: bool,
    /// 256 letters at most, on one line.
    location: Option<String>,
    /// 256 letters at most, on one line.
    owner: Option<String>,
    /// critical, normal or unimportant.
    importance: Option<String>,
}

/// How many were changed.
#[derive(Debug, Serialize, ToSchema)]
struct Labelled {
    changed: usize,
}

/// Says where devices are, whose they are, how much they matter: all of them or none. For operators and admins.
#[utoipa::path(post, path = "/api/v1/devices/labels", params(Devices), request_body = LabelWish,
    responses((status = 200, body = Labelled), problem::Changes))]
pub async fn label(
    State(site): Served,
    here: Here,
    list: Result<Query<Devices>, QueryRejection>,
    wish: Result<Json<LabelWish>, JsonRejection>,
) -> Answer {
    let Query(list) = list?;
    let Json(wish) = wish?;
    if site.access().is_none() {
        return Err(problem::not_found("there is no store here"));
    }
    let change = Change { location: wish.location, owner: wish.owner, importance: wish.importance };
    let ids = (!wish.all).then_some(wish.devices);
    let changed = labelled(&site, list, ids, (here, change)).await?;
    told(&Labelled { changed })
}
