//! What people did to findings, and what a program does to them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;
use spanwatch_appliance::store::read::AuditRow;
use spanwatch_engine::report::Finding;
use spanwatch_engine::report::time::rfc3339;
use utoipa::ToSchema;

use super::page::Before;
use super::problem::{self, Problem};
use super::{Answer, Here, Named, Served, no_finding, told};
use crate::pages::{Can, Wish, done, parsed};
use crate::{Picture, Site};

/// A finding, with what people made of it where there is a store. `owner` is whose turn they say it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    /// new, acknowledged, in-progress, resolved, suppressed or false-positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    /// Who said so; spanwatch where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_by: Option<&'a str>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    status_time: Option<String>,
    /// Why it is suppressed, or a false positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// When a suppression is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// Who is at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<&'a str>,
    /// Whose turn the analysis says it is, where people say another.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_owner: Option<&'static str>,
}

impl<'a> Told<'a> {
    pub fn of(picture: &'a Picture, finding: &'a Finding) -> Self {
        let standing = picture.standing(&finding.id);
        Self {
            finding,
            status: standing.map(|it| it.status.as_str()),
            status_by: standing.map(|it| it.status_by.as_str()),
            status_time: standing.map(|it| rfc3339(it.status_at)),
            reason: standing.and_then(|it| it.reason.as_deref()),
            expires: standing.and_then(|it| it.expires).map(rfc3339),
            assigned: standing.and_then(|it| it.assigned.as_deref()),
            first_owner: picture.first_turn(finding),
        }
    }
}

/// What who asks can do to a finding, and what makes sense as it stands.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Possible {
    /// As `act` has them.
    acts: Vec<&'static str>,
    /// The teams that it can be handed over to.
    hand_over_to: Vec<&'static str>,
    /// Whom it can be given to.
    assign_to: Vec<String>,
}

impl From<Can> for Possible {
    fn from(can: Can) -> Self {
        let acts = [
            ("note", can.note),
            ("acknowledge", can.acknowledge),
            ("begin", can.begin),
            ("assign", can.act),
            ("hand-over", !can.hand_over.is_empty()),
            ("resolve", can.settle),
            ("suppress", can.settle),
            ("false-positive", can.settle),
            ("reopen", can.reopen),
        ];
        Self {
            acts: acts.into_iter().filter(|(_, is_possible)| *is_possible).map(|(act, _)| act).collect(),
            hand_over_to: can.hand_over.into_iter().map(|(team, _)| team).collect(),
            assign_to: can.people.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// Its number; later ones are higher.
    number: i64,
    #[schema(format = DateTime)]
    time: String,
    /// A user, a program, or spanwatch.
    who: String,
    /// From which address; absent where it was done on the machine itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// As `acknowledged`, `handed-over`, `user-added`.
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A list whose next part is asked for by its last number.
#[derive(Debug, Serialize, ToSchema)]
pub struct Doings {
    /// The latest first.
    items: Vec<Done>,
    /// Give it as `before` for older ones; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

fn history_of(site: &Site, finding: Option<&str>, before: Before) -> Result<Doings, Problem> {
    let access = site.access().ok_or_else(|| problem::not_found("there is no store here"))?;
    let rows = access.desk.audit(finding, before.before.unwrap_or(i64::MAX), LIMIT)?;
    let is_full = rows.len() >= usize::try_from(LIMIT).unwrap_or(usize::MAX);
    let next = rows.last().map(|row| row.row).filter(|_| is_full);
    let done = |row: AuditRow| Done {
        number: row.row,
        time: rfc3339(row.at),
        who: row.who,
        origin: row.origin,
        what: row.what,
        finding: row.finding,
        before: row.before,
        after: row.after,
        note: row.note,
    };
    Ok(Doings { items: rows.into_iter().map(done).collect(), next })
}

/// Does something to a finding, as its page does; the answer is the finding as it is then. For operators of the team whose turn it
/// is, and admins; any operator may leave a note.
#[utoipa::path(post, path = "/api/v1/findings/{id}/acts", params(("id" = String, Path,)), request_body = Wish, responses((status = 200, body = Told), problem::Changes))]
pub async fn act(
    State(site): Served,
    here: Here,
    id: Named,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Answer {
    let (Path(id), Json(wish)) = (id?, wish?);
    let id = site.picture().finding(&id).map(|it| it.id.clone()).ok_or_else(no_finding)?;
    let access = site.access().ok_or_else(|| problem::not_found("there is no store here"))?;
    let what = parsed(&wish, access.now()).map_err(|(status, why)| problem::of(status, why))?;
    done(&site, id.clone(), what, (here, wish.note)).await?;
    let picture = site.picture();
    told(&Told::of(&picture, picture.finding(&id).ok_or_else(no_finding)?))
}

/// What who asks can do to a finding.
#[utoipa::path(get, path = "/api/v1/findings/{id}/acts", params(("id" = String, Path,)), responses((status = 200, body = Possible), problem::Finds))]
pub async fn possible(State(site): Served, here: Here, id: Named) -> Answer {
    let Path(id) = id?;
    let picture = site.picture();
    let finding = picture.finding(&id).ok_or_else(no_finding)?;
    site.access().ok_or_else(|| problem::not_found("there is no store here"))?;
    told(&Possible::from(Can::of(&site, finding, (picture.status(finding), &here))))
}

/// Who did what to a finding.
#[utoipa::path(get, path = "/api/v1/findings/{id}/history", params(("id" = String, Path,), Before), responses((status = 200, body = Doings), problem::Finds))]
pub async fn history(
    State(site): Served,
    id: Named,
    before: Result<Query<Before>, QueryRejection>,
) -> Answer {
    let (Path(id), Query(before)) = (id?, before?);
    let picture = site.picture();
    let finding = picture.finding(&id).ok_or_else(no_finding)?;
    told(&history_of(&site, Some(&finding.id), before)?)
}

/// Who did what. For admins.
#[utoipa::path(get, path = "/api/v1/audit", params(Before), responses((status = 200, body = Doings), problem::Finds))]
pub async fn audit(State(site): Served, before: Result<Query<Before>, QueryRejection>) -> Answer {
    let Query(before) = before?;
    told(&history_of(&site, None, before)?)
}

/// Of an answer.
const LIMIT: u32 = 100;
