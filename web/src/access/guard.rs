//! What every request passes before it is answered, and what every answer bears.
//!
//! Source: RFC 9110, 7.4 (misdirected requests); RFC 6750 (bearer tokens); RFC 6797 (HSTS); W3C, "Content Security Policy Level 3"
//! and "Fetch Metadata Request Headers"; OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet". A page of elsewhere that lets
//! its name point here (DNS rebinding) is refused by its `Host` where only this machine is answered, and has no cookie elsewhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use spanwatch_appliance::access::Role;
use spanwatch_appliance::access::secret::is_same;

use super::{Access, Door, Here, Secret, Who};
use crate::api::problem;
use crate::rules::{Need, Rules};
use crate::server::Known;
use crate::{Site, pages};

/// What the guard goes by.
#[derive(Debug)]
pub struct Guard {
    pub site: Arc<Site>,
    pub rules: Rules,
    pub door: Door,
}

/// Answers only who may ask, and only with what cannot be turned against who reads it.
pub async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = if guard.door.is_local && !host.is_some_and(is_this_machine) {
        let why = "This server answers only as 127.0.0.1, [::1] or localhost.\n";
        (StatusCode::MISDIRECTED_REQUEST, why).into_response()
    } else {
        match admitted(&guard, request, is_api).await {
            Ok(request) => next.run(request).await,
            Err(response) => *response,
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if guard.door.is_own {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR));
    }
    let policy = if is_api { POLICY_OF_DATA } else { POLICY };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The request, with who asks; or what to answer instead.
async fn admitted(guard: &Guard, request: Request, is_api: bool) -> Result<Request, Box<Response>> {
    let (mut parts, mut body) = request.into_parts();
    let need = need(&guard.rules, &parts);
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD);
    let refused =
        |parts: &Parts, status, why: &str| Err(Box::new(refusal(guard, parts, is_api, (status, why))));
    let Some(access) = guard.site.access() else {
        parts.extensions.insert(Who::Anybody);
        return match need {
            Need::Nothing | Need::Look => Ok(Request::from_parts(parts, body)),
            _ => refused(&parts, StatusCode::NOT_FOUND, NO_STORE),
        };
    };
    let who = who(access, &parts, is_api);
    if who != Who::Nobody
        && let Some(known) = parts.extensions.get::<Known>()
    {
        known.set();
    }
    parts.extensions.insert(who.clone());
    if !is_safe && !matches!(who, Who::Program { .. }) && !is_from_here(&parts.headers) {
        return refused(&parts, StatusCode::FORBIDDEN, "This came from a page that is not ours.");
    }
    if need == Need::Bring {
        // A page's form holds its mark before the file, where its handler looks.
        let is_form = !is_api && !parts.headers.contains_key(CSRF_HEADER);
        let is_user = matches!(who, Who::User { .. }) && may(need, &who);
        if is_user && !is_form && !bears(&parts, &Bytes::new(), who.csrf()).await {
            return refused(&parts, StatusCode::FORBIDDEN, ANOTHER_SESSION);
        }
    } else if !is_safe {
        let bytes = whole(body).await;
        let Ok(bytes) = bytes else {
            return refused(&parts, StatusCode::PAYLOAD_TOO_LARGE, "That is too long, or too slow.");
        };
        if matches!(who, Who::User { .. }) && !bears(&parts, &bytes, who.csrf()).await {
            return refused(&parts, StatusCode::FORBIDDEN, ANOTHER_SESSION);
        }
        body = Body::from(bytes);
    }
    match (may(need, &who), &who) {
        (true, _) => Ok(Request::from_parts(parts, body)),
        (false, Who::Nobody) if is_api => Err(Box::new(unknown(&parts))),
        (false, Who::Nobody) => Err(Box::new(pages::to_login(&parts, is_safe))),
        (false, _) => refused(&parts, StatusCode::FORBIDDEN, words(need)),
    }
}

/// What one must be for a request. What is not known is shown to nobody who may not look.
fn need(rules: &Rules, parts: &Parts) -> Need {
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = if parts.method == Method::HEAD { "GET" } else { parts.method.as_str() };
    rules.get(&(method.to_owned(), path.to_owned())).copied().unwrap_or(Need::Look)
}

/// Whether somebody is what one must be.
pub fn may(need: Need, who: &Who) -> bool {
    match (need, who) {
        (Need::Nothing, _) | (Need::Look, Who::User { .. } | Who::Program { .. }) => true,
        (Need::Own, who) => matches!(who, Who::User { .. }),
        (Need::Act | Need::Bring, who) => matches!(who.role(), Some(Role::Operator(_) | Role::Admin)),
        (Need::Rule, who) => who.role() == Some(Role::Admin),
        (Need::Look, _) => false,
    }
}

const fn words(need: Need) -> &'static str {
    match need {
        Need::Rule => "Only an admin may.",
        Need::Act | Need::Bring => "Only an operator or an admin may.",
        _ => "Only a person may, and not a program.",
    }
}

/// Who asks: a program by its token, of the API alone; a person by his cookie.
fn who(access: &Access, parts: &Parts, is_api: bool) -> Who {
    let headers = &parts.headers;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(bearer) = text(header::AUTHORIZATION) {
        let secret =
            bearer.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer ")).and(bearer.get(7..));
        let Some(secret) = secret.map(str::trim).filter(|_| is_api) else { return Who::Nobody };
        let known = access.desk.token(secret, access.now()).ok().flatten();
        return known.map_or(Who::Nobody, |it| Who::Program {
            name: it.name,
            role: it.role,
            secret: Secret(secret.to_owned()),
        });
    }
    // A page that keeps itself fresh is no sign of a person.
    let is_asked = !headers.contains_key("hx-request") || parts.method != Method::GET;
    let person = cookie(headers, &access.cookie_name()).and_then(|secret| access.person(secret, is_asked));
    person.unwrap_or(Who::Nobody)
}

/// The value of a cookie; of several of one name none.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// Whether a change is asked for by a page of ours, as far as the browser tells; programs tell nothing.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return true };
    let host = text("host").unwrap_or("?");
    origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
}

/// A body, whole.
async fn whole(body: Body) -> Result<Bytes, ()> {
    let bytes = tokio::time::timeout(BODY_PATIENCE, to_bytes(body, BODY_MAX)).await;
    bytes.map_err(|_| ())?.map_err(|_| ())
}

/// What a form of ours holds beside its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mark {
    csrf: String,
}

/// Whether a change bears its session's mark, in a header or in the form.
async fn bears(parts: &Parts, bytes: &Bytes, due: &str) -> bool {
    if let Some(value) = parts.headers.get(CSRF_HEADER) {
        return value.to_str().is_ok_and(|value| is_same(value, due));
    }
    let request = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    Form::<Mark>::from_request(request, &()).await.is_ok_and(|form| is_same(&form.csrf, due))
}

fn refusal(guard: &Guard, parts: &Parts, is_api: bool, (status, why): (StatusCode, &str)) -> Response {
    if is_api {
        return problem::of(status, why).into_response();
    }
    pages::sorry(&guard.site, (status, why), &Here::of(parts))
}

/// To a program that nobody knows.
fn unknown(parts: &Parts) -> Response {
    let is_wrong = parts.headers.contains_key(header::AUTHORIZATION);
    let told = if is_wrong {
        "Bearer realm=\"spanwatch\", error=\"invalid_token\""
    } else {
        "Bearer realm=\"spanwatch\""
    };
    let mut response = problem::of(StatusCode::UNAUTHORIZED, "log in, or show a token").into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(told));
    response
}

/// Whether a `Host` names this machine, with any port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What pages that ask by themselves show a form's mark in.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Of a form that bears another's mark, or none.
pub const ANOTHER_SESSION: &str = "This form is of another session: load the page anew.";
const NO_STORE: &str = "There are no users here: this is a report without a store.";
/// Of a form, or of a request to the API.
const BODY_MAX: usize = 65_536;
const BODY_PATIENCE: Duration = Duration::from_secs(10);
const A_YEAR: &str = "max-age=31536000";
/// Nothing but our own, no inline script and no inline style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Of what is no page.
const POLICY_OF_DATA: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// Of every answer. A page of ours tells its address to our own alone: without it no form would tell where it came from.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        header::HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_meant() {
        for host in
            ["127.0.0.1", "127.0.0.1:8443", "localhost:1", "LOCALHOST", "[::1]:8443", "[::1]", "127.9.9.9:80"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.net",
            "example.net:8443",
            "127.0.0.1.example.net",
            "192.0.2.1:8443",
            "localhost.evil",
            ":80",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_cookie_that_comes_twice_is_none() {
        let of =
            |line: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
        assert_eq!(cookie(&of("a=1; b=2"), "b"), Some("2"));
        assert_eq!(cookie(&of("a=1; a=2"), "a"), None);
        assert_eq!(cookie(&of("ab=1"), "a"), None);
    }

    #[test]
    fn a_page_of_elsewhere_changes_nothing() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(key, value)| (key.parse().unwrap(), HeaderValue::from_static(value))).collect()
        };
        let mut headers: HeaderMap = of(&[("host", "a:1")]);
        assert!(is_from_here(&headers), "no browser");
        headers.extend::<HeaderMap>(of(&[("origin", "https://a:1")]));
        assert!(is_from_here(&headers));
        for origin in ["https://b:1", "null", "https://a", "https://a:1.b"] {
            assert!(!is_from_here(&of(&[("host", "a:1"), ("origin", origin)])), "{origin}");
        }
        assert!(is_from_here(&of(&[("host", "a:1"), ("sec-fetch-site", "same-origin"), ("origin", "null")])));
        for site in ["cross-site", "same-site", "?"] {
            assert!(!is_from_here(&of(&[("sec-fetch-site", site)])), "{site}");
        }
    }
}
