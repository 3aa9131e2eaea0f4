//! Devices by what they have in common: counted, and by state.

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{Page, Part, cut};
use super::problem;
use super::{Answer, Parted, Served, Wanted, told};
use crate::lists::Devices;
use crate::pages::{DEVICE_GROUPS, grouped};

/// What devices are counted by.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Grouping {
    /// kind, vendor, switch, location, owner or importance.
    #[param(pattern = "^(kind|vendor|switch|location|owner|importance)$")]
    group: String,
}

/// Devices that have something in common.
#[derive(Debug, Serialize, ToSchema)]
struct GroupOf<'a> {
    /// As a filter takes it; absent of those of which it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    devices: u64,
    online: u64,
    degraded: u64,
    offline: u64,
    unknown: u64,
}

/// How many devices of a list are in which state, by what they have in common.
#[utoipa::path(get, path = "/api/v1/devices/groups", params(Grouping, Devices, Part), responses((status = 200, body = Page<GroupOf>), problem::Parts))]
pub async fn groups(
    State(site): Served,
    grouping: Wanted<Grouping>,
    wanted: Wanted<Devices>,
    part: Parted,
) -> Answer {
    let (Query(grouping), Query(wanted)) = (grouping?, wanted?);
    let by = DEVICE_GROUPS.iter().find(|(name, _)| *name == grouping.group).map(|(_, by)| *by);
    let by = by.ok_or_else(|| problem::bad("group: kind, vendor, switch, location, owner or importance"))?;
    let picture = site.picture();
    let group = |(value, [offline, degraded, unknown, online]): (_, [u64; 4])| GroupOf {
        value,
        devices: offline.saturating_add(degraded).saturating_add(unknown).saturating_add(online),
        online,
        degraded,
        offline,
        unknown,
    };
    let groups = grouped(&picture, &wanted.of(&picture), by).into_iter().map(group).collect();
    told(&cut(groups, part, |it: &GroupOf<'_>| it.value.unwrap_or("-").to_owned())?)
}
