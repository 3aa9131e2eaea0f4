//! What somebody does to a finding, by a form: with script or without, the same.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spanwatch_appliance::access::Team;
use spanwatch_appliance::store::Trouble;
use spanwatch_appliance::store::act::Act;
use spanwatch_engine::report::time;
use spanwatch_parsers::{Span, Time};
use utoipa::ToSchema;

use super::{Served, incident, sorry};
use crate::Site;
use crate::access::Here;

/// What is to be done.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Wish {
    /// acknowledge, begin, resolve, suppress, false-positive, reopen, note, assign or hand-over.
    #[schema(
        required = true,
        pattern = "^(acknowledge|begin|resolve|suppress|false-positive|reopen|note|assign|hand-over)$"
    )]
    pub act: String,
    /// Why, or what is to be remembered; suppress, false-positive, note and hand-over need it.
    pub note: String,
    /// Of suppress: until when, as RFC 3339 has it, or for how long, as 4h, 7d.
    pub until: String,
    /// Of hand-over: it or physical-security. Of assign: whose it is; nobody's where it is empty.
    pub to: String,
}

/// What a wish means at `now`.
///
/// # Errors
/// In a sentence with its status: where it means nothing, or something is missing.
pub fn parsed(wish: &Wish, now: Time) -> Result<Act, (StatusCode, &'static str)> {
    let lacking = |what| (StatusCode::CONFLICT, what);
    Ok(match wish.act.as_str() {
        "acknowledge" => Act::Acknowledge,
        "begin" => Act::Begin,
        "resolve" => Act::Resolve,
        "suppress" => Act::Suppress {
            until: until(&wish.until, now)
                .ok_or(lacking("until when? As 4h, 7d, or 2026-12-01T08:00:00Z"))?,
        },
        "false-positive" => Act::FalsePositive,
        "reopen" => Act::Reopen,
        "note" => Act::Note,
        "assign" => Act::Assign { to: Some(wish.to.trim().to_owned()).filter(|to| !to.is_empty()) },
        "hand-over" => {
            Act::HandOver { to: Team::named(&wish.to).ok_or(lacking("to whom? it, or physical-security"))? }
        }
        _ => return Err((StatusCode::BAD_REQUEST, "what is to be done? That is not known here")),
    })
}

/// A moment, or how far it is away.
fn until(text: &str, now: Time) -> Option<Time> {
    let hours = match text.chars().last()? {
        'h' => 1,
        'd' => 24,
        _ => return time::parse(text).filter(|at| *at < now + LATEST),
    };
    let count: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    let span = Span::seconds(count.checked_mul(hours)?.checked_mul(3_600)?);
    (count > 0 && span < LATEST).then(|| now + span)
}

/// Does it, and shows it to everybody. Waits for the store.
///
/// # Errors
/// The store's.
pub async fn done(
    site: &Arc<Site>,
    id: String,
    act: Act,
    (here, note): (Here, String),
) -> Result<(), Trouble> {
    let site = Arc::clone(site);
    let doing = tokio::task::spawn_blocking(move || {
        let (Some(access), Some(role)) = (site.access(), here.who.role()) else {
            return Err(Trouble::Missing);
        };
        access.desk.act(&id, &act, (&access.by(&here), role), Some(&note))?;
        site.refresh();
        Ok(())
    });
    doing.await.unwrap_or(Err(Trouble::Missing))
}

pub async fn act(
    State(site): Served,
    here: Here,
    Path(id): Path<String>,
    wish: Result<Form<Wish>, FormRejection>,
) -> Response {
    let Ok(Form(wish)) = wish else {
        return sorry(&site, (StatusCode::BAD_REQUEST, "This form cannot be understood."), &here);
    };
    let Some(id) = site.picture().finding(&id).map(|it| it.id.clone()) else {
        return sorry(&site, (StatusCode::NOT_FOUND, "There is no such finding."), &here);
    };
    let now = site.access().map_or(Time::default(), |access| access.now());
    let done = match parsed(&wish, now) {
        Err((status, why)) => Err((status, why.to_owned())),
        Ok(act) => done(&site, id.clone(), act, (here.clone(), wish.note))
            .await
            .map_err(|it| (status(&it), it.to_string())),
    };
    match done {
        Ok(()) => Redirect::to(&format!("/findings/{}", crate::lists::encoded(&id))).into_response(),
        Err((status, why)) => (status, incident::shown(&site, &here, &id, Some(why))).into_response(),
    }
}

/// What a trouble is to who asks.
pub fn status(trouble: &Trouble) -> StatusCode {
    match trouble {
        Trouble::Refused(_) => StatusCode::CONFLICT,
        Trouble::Forbidden(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Ten years.
const LATEST: Span = Span::seconds(3_653 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_understood_or_answered_with_a_sentence() {
        let wish = |act: &str, until: &str, to: &str| Wish {
            act: act.into(),
            until: until.into(),
            to: to.into(),
            ..Wish::default()
        };
        let now = Time(0);
        let hour = Act::Suppress { until: now + Span::seconds(3_600) };
        assert_eq!(parsed(&wish("suppress", "1h", ""), now), Ok(hour.clone()));
        assert_eq!(parsed(&wish("suppress", "1970-01-01T01:00:00Z", ""), now), Ok(hour));
        for bad in ["", "h", "0h", "-1d", "9999999999999999d", "tomorrow", "99999d", "9999-01-01T00:00:00Z"] {
            assert!(parsed(&wish("suppress", bad, ""), now).is_err(), "{bad}");
        }
        assert_eq!(parsed(&wish("assign", "", " "), now), Ok(Act::Assign { to: None }));
        assert!(
            parsed(&wish("hand-over", "", "unknown"), now).is_err()
                && parsed(&wish("", "", ""), now).is_err()
        );
    }
}
