//! Users and programs, for admins; and who one is.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use spanwatch_appliance::access::Role;
use spanwatch_engine::report::time::rfc3339;
use utoipa::ToSchema;

use super::problem::{self, Problem};
use super::{All, Answer, Here, Named, Served, told};
use crate::Site;
use crate::access::{Access, LINK};

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct Me<'a> {
    /// Empty where there are no logins.
    name: &'a str,
    /// viewer, operator-it, operator-physical-security or admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

/// Who may use the pages.
#[derive(Debug, Serialize, ToSchema)]
struct UserOf {
    name: String,
    /// viewer, operator-it, operator-physical-security or admin.
    role: &'static str,
    #[schema(format = DateTime)]
    created: String,
    /// When he logged in last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    seen: Option<String>,
    /// Whether he has chosen one.
    has_password: bool,
}

/// A program that asks the API.
#[derive(Debug, Serialize, ToSchema)]
struct TokenOf {
    id: i64,
    name: String,
    role: &'static str,
    #[schema(format = DateTime)]
    created: String,
    created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    used: Option<String>,
}

/// A user, or a program, to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Newcomer {
    /// 1 to 64 letters of a to z, digits, and . _ - @
    #[schema(pattern = "^[A-Za-z0-9._@-]{1,64}$")]
    name: String,
    /// viewer, operator-it, operator-physical-security or admin.
    #[schema(pattern = "^(viewer|operator-it|operator-physical-security|admin)$")]
    role: String,
}

/// A role to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Another {
    /// viewer, operator-it, operator-physical-security or admin.
    #[schema(pattern = "^(viewer|operator-it|operator-physical-security|admin)$")]
    role: String,
}

/// A link that works once, within a day: with it a user chooses his password.
#[derive(Debug, Serialize, ToSchema)]
struct LinkOf {
    link: String,
}

/// A token, which is not told again.
#[derive(Debug, Serialize, ToSchema)]
struct SecretOf {
    id: i64,
    token: String,
}

type Given<T> = Result<Json<T>, JsonRejection>;

fn access(site: &Site) -> Result<&Access, Problem> {
    site.access().ok_or_else(|| problem::not_found("there is no store here"))
}

fn role_of(word: &str) -> Result<Role, Problem> {
    let all = "role: viewer, operator-it, operator-physical-security or admin";
    Role::named(word).ok_or_else(|| problem::bad(all))
}

/// Who asks, and what he may.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me), problem::Looks))]
pub async fn me(here: Here) -> Answer {
    told(&Me { name: here.who.name(), role: here.who.role().map(Role::name) })
}

/// Users. For admins, as all that follow.
#[utoipa::path(get, path = "/api/v1/users", responses((status = 200, body = All<UserOf>), problem::Finds))]
pub async fn users(State(site): Served) -> Answer {
    let items = access(&site)?.desk.users()?.into_iter().map(|it| UserOf {
        name: it.name,
        role: it.role.name(),
        created: rfc3339(it.created),
        seen: it.seen.map(rfc3339),
        has_password: it.has_password,
    });
    told(&All { items: items.collect() })
}

/// Adds a user.
#[utoipa::path(post, path = "/api/v1/users", request_body = Newcomer, responses((status = 200, body = LinkOf), problem::Changes))]
pub async fn add(State(site): Served, here: Here, given: Given<Newcomer>) -> Answer {
    let (Json(given), access) = (given?, access(&site)?);
    let by = access.by(&here);
    let secret = access.desk.add_user(&by, &given.name, role_of(&given.role)?, by.at + LINK)?;
    told(&LinkOf { link: access.link(&here, &secret) })
}

/// Gives a user another role, which ends his sessions.
#[utoipa::path(post, path = "/api/v1/users/{name}/role", params(("name" = String, Path,)), request_body = Another, responses((status = 204), problem::Changes))]
pub async fn role(State(site): Served, here: Here, name: Named, given: Given<Another>) -> Answer {
    let (Path(name), Json(given), access) = (name?, given?, access(&site)?);
    access.desk.set_role(&access.by(&here), &name, role_of(&given.role)?)?;
    access.leave_all(&name);
    Ok(nothing())
}

/// Makes a link with which a user chooses another password.
#[utoipa::path(post, path = "/api/v1/users/{name}/link", params(("name" = String, Path,)), responses((status = 200, body = LinkOf), problem::Changes))]
pub async fn link(State(site): Served, here: Here, name: Named) -> Answer {
    let (Path(name), access) = (name?, access(&site)?);
    let by = access.by(&here);
    let secret = access.desk.link(&by, &name, by.at + LINK)?;
    told(&LinkOf { link: access.link(&here, &secret) })
}

/// Removes a user.
#[utoipa::path(delete, path = "/api/v1/users/{name}", params(("name" = String, Path,)), responses((status = 204), problem::Changes))]
pub async fn remove(State(site): Served, here: Here, name: Named) -> Answer {
    let (Path(name), access) = (name?, access(&site)?);
    access.desk.remove_user(&access.by(&here), &name)?;
    access.leave_all(&name);
    Ok(nothing())
}

/// Programs.
#[utoipa::path(get, path = "/api/v1/tokens", responses((status = 200, body = All<TokenOf>), problem::Finds))]
pub async fn tokens(State(site): Served) -> Answer {
    let items = access(&site)?.desk.tokens()?.into_iter().map(|it| TokenOf {
        id: it.id,
        name: it.name,
        role: it.role.name(),
        created: rfc3339(it.created),
        created_by: it.created_by,
        used: it.used.map(rfc3339),
    });
    told(&All { items: items.collect() })
}

/// Makes a token.
#[utoipa::path(post, path = "/api/v1/tokens", request_body = Newcomer, responses((status = 200, body = SecretOf), problem::Changes))]
pub async fn add_token(State(site): Served, here: Here, given: Given<Newcomer>) -> Answer {
    let (Json(given), access) = (given?, access(&site)?);
    let (id, token) = access.desk.add_token(&access.by(&here), &given.name, role_of(&given.role)?)?;
    told(&SecretOf { id, token })
}

/// Revokes a token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", params(("id" = i64, Path,)), responses((status = 204), problem::Changes))]
pub async fn revoke(State(site): Served, here: Here, id: Result<Path<i64>, PathRejection>) -> Answer {
    let (Path(id), access) = (id?, access(&site)?);
    access.desk.revoke_token(&access.by(&here), id)?;
    Ok(nothing())
}

fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
