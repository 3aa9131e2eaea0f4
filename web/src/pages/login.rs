//! How people come in: with a password, or with a link that works once, with which they choose one.

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spanwatch_appliance::access::password;
use spanwatch_appliance::store::users::Link;

use super::{Served, rendered, sorry};
use crate::Site;
use crate::access::{Access, Here, Refused, Who};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    name: Shown,
    next: String,
    wrong: Option<String>,
    is_empty: bool,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome {
    key: String,
    /// Whose link it is; the first admin has no name yet.
    name: Option<Shown>,
    chosen: Shown,
    wrong: Option<String>,
}

/// Who wants to come in, and where to.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Try {
    name: String,
    password: String,
    next: String,
}

/// Who was given a link.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Guest {
    key: String,
    name: String,
    password: String,
    again: String,
}

/// To the login, and back from there.
pub fn to_login(parts: &Parts, is_safe: bool) -> Response {
    let next = parts.uri.path_and_query().filter(|_| is_safe).map_or("/", |it| it.as_str());
    let to = if next == "/" {
        "/login".to_owned()
    } else {
        format!("/login?next={}", crate::lists::encoded(next))
    };
    if !parts.headers.contains_key("hx-request") {
        return Redirect::to(&to).into_response();
    }
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    // Not back to a part of a page that kept itself fresh.
    response.headers_mut().insert("hx-redirect", HeaderValue::from_static("/login"));
    response
}

pub async fn page(State(site): Served, here: Here, Query(to): Query<Try>) -> Response {
    let Some(access) = site.access() else { return Redirect::to("/").into_response() };
    if matches!(here.who, Who::User { .. }) {
        return Redirect::to(inside(&to.next)).into_response();
    }
    shown(access, &to, (StatusCode::OK, None))
}

fn shown(access: &Access, tried: &Try, (status, wrong): (StatusCode, Option<String>)) -> Response {
    let page = Login {
        name: words::shown(&tried.name),
        next: inside(&tried.next).to_owned(),
        wrong,
        is_empty: !access.desk.has_users().unwrap_or(true),
    };
    (status, rendered(&page)).into_response()
}

pub async fn enter(State(site): Served, here: Here, form: Result<Form<Try>, FormRejection>) -> Response {
    let (Some(access), Ok(Form(mut tried))) = (site.access(), form) else { return nothing(&site, &here) };
    let password = std::mem::take(&mut tried.password);
    let entered = match access.is_right(&here.origin, &tried.name, password).await {
        Ok(()) => access.enter(&tried.name),
        Err(refused) => Err(refused),
    };
    match entered {
        Ok(cookie) => came(access, (&here, &tried.name), &cookie, inside(&tried.next)),
        Err(refused) => shown(access, &tried, told(refused)),
    }
}

/// Lets somebody in: what he came with is void.
fn came(access: &Access, (here, name): (&Here, &str), cookie: &str, to: &str) -> Response {
    if let Who::User { secret, .. } = &here.who {
        access.leave(&secret.0);
    }
    let mut by = access.by(here);
    by.who = name;
    let _ = access.desk.came(&by, "logged-in");
    with_cookie(Redirect::to(to).into_response(), cookie)
}

/// An answer that gives a browser a cookie, or takes it away.
pub fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Why somebody does not come in, for him to read; of which account, it does not tell.
pub fn told(refused: Refused) -> (StatusCode, Option<String>) {
    match refused {
        Refused::Wrong => (StatusCode::FORBIDDEN, Some("The name or the password is wrong.".to_owned())),
        Refused::Wait(span) => {
            let minutes = span.0.div_euclid(60_000_000_000).saturating_add(1);
            let told = format!("There were too many tries. Wait for {minutes} minutes.");
            (StatusCode::TOO_MANY_REQUESTS, Some(told))
        }
        Refused::Trouble(why) => (StatusCode::SERVICE_UNAVAILABLE, Some(why)),
    }
}

pub async fn welcome(State(site): Served, here: Here, Query(guest): Query<Guest>) -> Response {
    let Some(access) = site.access() else { return nothing(&site, &here) };
    greeted(&site, access, (&here, &guest), (StatusCode::OK, None))
}

/// The form of a link, where it is good.
fn greeted(
    site: &Site,
    access: &Access,
    (here, guest): (&Here, &Guest),
    (status, wrong): (StatusCode, Option<String>),
) -> Response {
    let name = match access.desk.linked(&guest.key, access.now()) {
        Ok(Some(Link::First)) => None,
        Ok(Some(Link::Of(name))) => Some(words::shown(&name)),
        _ => {
            let _ = access.tried(&here.origin, None);
            return sorry(site, (StatusCode::NOT_FOUND, VOID), here);
        }
    };
    let page = Welcome { key: guest.key.clone(), name, chosen: words::shown(&guest.name), wrong };
    (status, rendered(&page)).into_response()
}

pub async fn welcomed(State(site): Served, here: Here, form: Result<Form<Guest>, FormRejection>) -> Response {
    let (Some(access), Ok(Form(mut guest))) = (site.access(), form) else { return nothing(&site, &here) };
    let (password, again) = (std::mem::take(&mut guest.password), std::mem::take(&mut guest.again));
    if let Err(refused) = access.tried(&here.origin, None) {
        let (status, why) = told(refused);
        return sorry(&site, (status, &why.unwrap_or_default()), &here);
    }
    let name = match access.desk.linked(&guest.key, access.now()) {
        Ok(Some(Link::Of(name))) => name,
        Ok(Some(Link::First)) => guest.name.trim().to_owned(),
        _ => return sorry(&site, (StatusCode::NOT_FOUND, VOID), &here),
    };
    if let Some(wrong) = refusal(&password, &again, &name) {
        let wrong = Some(wrong.to_owned());
        return greeted(&site, access, (&here, &guest), (StatusCode::UNPROCESSABLE_ENTITY, wrong));
    }
    let taken = match access.kept(password).await {
        Ok(kept) => access.desk.take_link((&here.origin, access.now()), &guest.key, &name, &kept),
        Err(why) => return sorry(&site, (StatusCode::SERVICE_UNAVAILABLE, &why), &here),
    };
    match taken.map_err(Refused::from).and_then(|name| Ok((access.enter(&name)?, name))) {
        Ok((cookie, name)) => {
            access.was_right(&here.origin, &name);
            came(access, (&here, &name), &cookie, "/")
        }
        Err(refused) => {
            let wrong = told(refused).1;
            greeted(&site, access, (&here, &guest), (StatusCode::UNPROCESSABLE_ENTITY, wrong))
        }
    }
}

/// Why a new password is not taken.
pub fn refusal(password: &str, again: &str, name: &str) -> Option<&'static str> {
    if password != again {
        return Some("The two passwords are not the same.");
    }
    password::refusal(password, name)
}

fn nothing(site: &Site, here: &Here) -> Response {
    sorry(site, (StatusCode::BAD_REQUEST, "This form cannot be understood."), here)
}

/// A path of ours, and no other place.
fn inside(next: &str) -> &str {
    let is_path = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(|letter: char| letter == '\\' || letter.is_ascii_control());
    let is_inner = !next.starts_with("/login") && !next.starts_with("/welcome") && next.is_ascii();
    if is_path && is_inner { next } else { "/" }
}

const VOID: &str = "This link was used already, or is over. Who looks after the users can make another.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for good in ["/", "/findings/a?b=c", "/devices/02:00"] {
            assert_eq!(inside(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "/login?next=/x",
            "x",
        ] {
            assert_eq!(inside(bad), "/", "{bad}");
        }
    }
}
