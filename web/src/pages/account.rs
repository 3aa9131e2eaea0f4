//! *Account*: who one is, one's password, and the way out.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::login::{refusal, told, with_cookie};
use super::{Head, Served, rendered, sorry};
use crate::Site;
use crate::access::{Here, Refused, Who};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    head: Head,
    name: Shown,
    role: &'static str,
    wrong: Option<String>,
    is_changed: bool,
}

/// Another password.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Change {
    present: String,
    password: String,
    again: String,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    shown(&site, &here, (StatusCode::OK, None, false))
}

fn shown(
    site: &Site,
    here: &Here,
    (status, wrong, is_changed): (StatusCode, Option<String>, bool),
) -> Response {
    let page = Page {
        head: Head::new(site, &site.picture(), ("/account", "Account"), here),
        name: words::shown(here.who.name()),
        role: here.who.role().map_or("", words::role),
        wrong,
        is_changed,
    };
    (status, rendered(&page)).into_response()
}

pub async fn change(State(site): Served, here: Here, form: Result<Form<Change>, FormRejection>) -> Response {
    let (Some(access), Ok(Form(form))) = (site.access(), form) else {
        return sorry(&site, (StatusCode::BAD_REQUEST, "This form cannot be understood."), &here);
    };
    let name = here.who.name().to_owned();
    if let Some(wrong) = refusal(&form.password, &form.again, &name) {
        return shown(&site, &here, (StatusCode::UNPROCESSABLE_ENTITY, Some(wrong.to_owned()), false));
    }
    if let Err(refused) = access.is_right(&here.origin, &name, form.present).await {
        let (status, wrong) = match refused {
            Refused::Wrong => (StatusCode::FORBIDDEN, Some("The present password is another.".to_owned())),
            other => told(other),
        };
        return shown(&site, &here, (status, wrong, false));
    }
    let set = match access.kept(form.password).await {
        Ok(kept) => access.desk.set_password(&access.by(&here), &name, &kept).map_err(Refused::from),
        Err(why) => Err(Refused::Trouble(why)),
    };
    // All sessions end, this one too; it goes on under another secret.
    match set.and_then(|()| access.enter(&name)) {
        Ok(cookie) => with_cookie(shown(&site, &here, (StatusCode::OK, None, true)), &cookie),
        Err(refused) => {
            let (status, wrong) = told(refused);
            shown(&site, &here, (status, wrong, false))
        }
    }
}

pub async fn leave(State(site): Served, here: Here) -> Response {
    let (Some(access), Who::User { secret, .. }) = (site.access(), &here.who) else {
        return Redirect::to("/").into_response();
    };
    access.leave(&secret.0);
    let _ = access.desk.came(&access.by(&here), "logged-out");
    with_cookie(Redirect::to("/login").into_response(), &access.no_cookie())
}
