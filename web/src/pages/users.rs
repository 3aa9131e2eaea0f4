//! *Users*: who may do what, and which programs may ask the API. For admins.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use spanwatch_appliance::access::Role;
use spanwatch_appliance::store::Trouble;
use spanwatch_engine::report::time;
use spanwatch_parsers::Time;

use super::act::status;
use super::{Head, Served, rendered, sorry};
use crate::Site;
use crate::access::{Access, Here, LINK};
use crate::words::{self, Shown};

#[derive(Template)]
#[template(path = "users.html")]
struct Page {
    head: Head,
    users: Vec<Row>,
    tokens: Vec<Program>,
    roles: Vec<(&'static str, &'static str)>,
    told: Told,
}

struct Row {
    name: Shown,
    role: &'static str,
    role_name: &'static str,
    created: String,
    seen: Option<String>,
    has_password: bool,
    is_me: bool,
}

struct Program {
    id: i64,
    name: Shown,
    role_name: &'static str,
    created: String,
    created_by: Shown,
    used: Option<String>,
}

/// What a change gave. Secrets are shown with the answer, and never again.
#[derive(Default)]
struct Told {
    wrong: Option<String>,
    /// For whom, and the path of a link that works once.
    link: Option<(Shown, String)>,
    /// For which program, and its secret.
    token: Option<(Shown, String)>,
}

/// What is to be changed.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub struct Change {
    what: String,
    name: String,
    role: String,
    id: i64,
}

pub async fn page(State(site): Served, here: Here) -> Response {
    shown(&site, &here, (StatusCode::OK, Told::default()))
}

fn shown(site: &Site, here: &Here, (status, told): (StatusCode, Told)) -> Response {
    let Some(access) = site.access() else {
        return sorry(site, (StatusCode::NOT_FOUND, "There are no users here."), here);
    };
    let moment = |at: Time| words::moment(&time::rfc3339(at));
    let users = access.desk.users().unwrap_or_default();
    let tokens = access.desk.tokens().unwrap_or_default();
    let page = Page {
        head: Head::new(site, &site.picture(), ("/users", "Users"), here),
        users: users
            .into_iter()
            .map(|it| Row {
                is_me: it.name == here.who.name(),
                name: words::shown(&it.name),
                role: it.role.name(),
                role_name: words::role(it.role),
                created: moment(it.created),
                seen: it.seen.map(moment),
                has_password: it.has_password,
            })
            .collect(),
        tokens: tokens
            .into_iter()
            .map(|it| Program {
                id: it.id,
                name: words::shown(&it.name),
                role_name: words::role(it.role),
                created: moment(it.created),
                created_by: words::shown(&it.created_by),
                used: it.used.map(moment),
            })
            .collect(),
        roles: Role::ALL.map(|role| (role.name(), words::role(role))).to_vec(),
        told,
    };
    (status, rendered(&page)).into_response()
}

pub async fn change(State(site): Served, here: Here, form: Result<Form<Change>, FormRejection>) -> Response {
    let (Some(access), Ok(Form(change))) = (site.access(), form) else {
        return sorry(&site, (StatusCode::BAD_REQUEST, "This form cannot be understood."), &here);
    };
    match changed(access, &here, &change) {
        Ok(told) => shown(&site, &here, (StatusCode::OK, told)),
        Err(trouble) => {
            let wrong = Told { wrong: Some(trouble.to_string()), ..Told::default() };
            shown(&site, &here, (status(&trouble), wrong))
        }
    }
}

fn changed(access: &Access, here: &Here, change: &Change) -> Result<Told, Trouble> {
    let (by, desk, name) = (access.by(here), &access.desk, change.name.trim());
    let role =
        || Role::named(&change.role).ok_or_else(|| Trouble::Refused("there is no such role".to_owned()));
    let until = by.at + LINK;
    let mut told = Told::default();
    match change.what.as_str() {
        "add" => {
            let secret = desk.add_user(&by, name, role()?, until)?;
            told.link = Some((words::shown(name), access.link(here, &secret)));
        }
        "link" => told.link = Some((words::shown(name), access.link(here, &desk.link(&by, name, until)?))),
        "role" => {
            desk.set_role(&by, name, role()?)?;
            access.leave_all(name);
        }
        "remove" => {
            desk.remove_user(&by, name)?;
            access.leave_all(name);
        }
        "token" => told.token = Some((words::shown(name), desk.add_token(&by, name, role()?)?.1)),
        "revoke" => desk.revoke_token(&by, change.id)?,
        _ => return Err(Trouble::Refused("what is to be changed? That is not known here".to_owned())),
    }
    Ok(told)
}
