//! What is wrong with a request, as RFC 9457 has it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use spanwatch_appliance::store::Trouble;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// A problem; its `type` is `about:blank`, so that `title` is the status in words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
}

/// How whoever looks may be refused, for the description: he is not logged in.
pub struct Looks;
/// The same of who asks for a part of a list.
pub struct Parts;
/// The same of who asks for one thing.
pub struct Finds;
/// The same of who asks for a part of what one thing has.
pub struct PartsOfOne;
/// The same of who changes something.
pub struct Changes;

impl IntoResponses for Looks {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[401])
    }
}

impl IntoResponses for Parts {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[400, 401, 409])
    }
}

impl IntoResponses for Finds {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[400, 401, 403, 404, 503])
    }
}

impl IntoResponses for PartsOfOne {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[400, 401, 404, 409])
    }
}

impl IntoResponses for Changes {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        described(&[400, 401, 403, 404, 409, 413, 415, 422, 503])
    }
}

/// Each a problem, and what it is about.
fn described(statuses: &[u16]) -> BTreeMap<String, RefOr<Described>> {
    let one = |status: &u16| {
        let words =
            StatusCode::from_u16(*status).ok().and_then(|it| it.canonical_reason()).unwrap_or_default();
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description(words).content(KIND, content);
        (status.to_string(), response.build().into())
    };
    statuses.iter().map(one).collect()
}

/// Of a request that cannot be understood.
pub fn bad(detail: &str) -> Problem {
    of(StatusCode::BAD_REQUEST, detail)
}

/// Of something that there is not.
pub fn not_found(detail: &str) -> Problem {
    of(StatusCode::NOT_FOUND, detail)
}

/// Of what does not fit to how things stand by now.
pub fn outdated(detail: &str) -> Problem {
    of(StatusCode::CONFLICT, detail)
}

/// Of something that went wrong here.
pub fn failed(detail: &str) -> Problem {
    of(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

/// Of a method that an address does not know.
pub fn not_allowed() -> Problem {
    of(StatusCode::METHOD_NOT_ALLOWED, "this address does not know that method")
}

/// Of a status.
pub fn of(status: StatusCode, detail: &str) -> Problem {
    let title = status.canonical_reason().unwrap_or_default();
    Problem { kind: "about:blank", title, status: status.as_u16(), detail: detail.to_owned() }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        bad(&rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        of(rejection.status(), &rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        bad(&rejection.body_text())
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        of(crate::pages::status_of(&trouble), &trouble.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static(KIND);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// RFC 9457, 3.
const KIND: &str = "application/problem+json";
