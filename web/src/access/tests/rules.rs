//! What each address asks of who wants it: of nobody, of each role, of programs.

use spanwatch_appliance::access::Role;
use spanwatch_appliance::store::users::By;

use super::{FORM, House, ROLES, clock, filled};
use crate::rules::Need;
use crate::server;

/// What each address asks of who wants it, written down a second time: an address that is not here fails the test.
const DUE: &[(&str, Need, &[&str])] = &[
    (
        "GET",
        Need::Look,
        &[
            "/",
            "/devices",
            "/devices.csv",
            "/devices/{id}",
            "/streams",
            "/streams.csv",
            "/network",
            "/findings",
            "/findings.csv",
            "/findings/{id}",
            "/findings/{id}/text",
            "/findings/{id}/packets",
            "/findings/{id}/packets.pcapng",
            "/kinds",
            "/kinds/{id}",
            "/system",
            "/report.html",
            "/live",
            "/evidence",
            "/evidence/{id}/",
            "/evidence/{id}/{*page}",
            "/api/v1/overview",
            "/api/v1/system",
            "/api/v1/devices",
            "/api/v1/devices/groups",
            "/api/v1/devices/{id}",
            "/api/v1/devices/{id}/life",
            "/api/v1/devices/{id}/states",
            "/api/v1/devices/{id}/changes",
            "/api/v1/devices/{id}/courses",
            "/api/v1/streams",
            "/api/v1/streams/receivers",
            "/api/v1/switches",
            "/api/v1/sessions",
            "/api/v1/findings",
            "/api/v1/findings/{id}",
            "/api/v1/findings/{id}/acts",
            "/api/v1/findings/{id}/history",
            "/api/v1/findings/{id}/text",
            "/api/v1/findings/{id}/packets",
            "/api/v1/findings/{id}/packets.pcapng",
            "/api/v1/captures",
            "/api/v1/captures/{id}",
            "/api/v1/captures/{id}/{*what}",
            "/api/v1/kinds",
            "/api/v1/kinds/{id}",
            "/api/v1/report",
            "/api/v1/report.html",
            "/api/v1/openapi.json",
            "/api/v1/live",
            "/api/v1/me",
        ],
    ),
    ("GET", Need::Nothing, &["/login", "/welcome", "/assets/{*path}"]),
    ("POST", Need::Nothing, &["/login", "/welcome"]),
    ("GET", Need::Own, &["/account"]),
    ("POST", Need::Own, &["/account", "/logout"]),
    (
        "POST",
        Need::Act,
        &[
            "/devices",
            "/findings/{id}/act",
            "/evidence/{id}/remove",
            "/api/v1/findings/{id}/acts",
            "/api/v1/devices/labels",
        ],
    ),
    ("DELETE", Need::Act, &["/api/v1/captures/{id}"]),
    ("POST", Need::Bring, &["/evidence", "/api/v1/captures"]),
    ("GET", Need::Rule, &["/users", "/audit", "/api/v1/users", "/api/v1/tokens", "/api/v1/audit"]),
    (
        "POST",
        Need::Rule,
        &[
            "/users",
            "/api/v1/users",
            "/api/v1/users/{name}/role",
            "/api/v1/users/{name}/link",
            "/api/v1/tokens",
        ],
    ),
    ("DELETE", Need::Rule, &["/api/v1/users/{name}", "/api/v1/tokens/{id}"]),
];

#[test]
fn every_address_asks_of_each_role_what_it_should() {
    let (_, rules) = server::routes();
    let due: std::collections::BTreeMap<_, _> = DUE
        .iter()
        .flat_map(|(method, need, paths)| {
            paths.iter().map(move |path| (((*method).to_owned(), (*path).to_owned()), *need))
        })
        .collect();
    assert_eq!(rules, due, "an address without a rule in this test");
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let by = By { who: "test", origin: None, at: clock() };
    let persons = ROLES.map(|(name, _)| (name, house.person(name)));
    for (role, need, method, path) in [None]
        .into_iter()
        .chain(ROLES.map(Some))
        .flat_map(|role| due.iter().map(move |(at, need)| (role, *need, &at.0, &at.1)))
    {
        let path = filled(path);
        let may = match (role, need) {
            (_, Need::Nothing) => true,
            (None, _) => false,
            (_, Need::Look | Need::Own) => true,
            (Some((_, role)), Need::Act | Need::Bring) => role != Role::Viewer,
            (Some((_, role)), Need::Rule) => role == Role::Admin,
        };
        let is_api = path.starts_with("/api/");
        let kind = if is_api { "application/json" } else { FORM };
        let body = if is_api { "{}" } else { "" };
        let answer = match role {
            None => house.ask(method, &path, &[("content-type", kind)], body),
            Some((name, _)) => {
                let leaving = (path == "/logout").then(|| house.person(name));
                let person = leaving.as_ref().unwrap_or(&persons.iter().find(|it| it.0 == name).unwrap().1);
                let headers =
                    [("cookie", &*person.cookie), ("content-type", kind), ("x-csrf-token", &person.csrf)];
                house.ask(method, &path, &headers, body)
            }
        };
        let told = format!("{role:?} {method} {path}: {} {}", answer.status, answer.body);
        match (may, role) {
            (true, _) => assert!(!matches!(answer.status.as_u16(), 401 | 405), "{told}"),
            (false, Some(_)) => assert_eq!(answer.status, 403, "{told}"),
            (false, None) if is_api => assert_eq!(answer.status, 401, "{told}"),
            (false, None) => {
                assert_eq!(answer.status, 303, "{told}");
                assert!(answer.header("location").starts_with("/login"), "{told}");
            }
        }
        let is_refusal =
            answer.body.contains("Only a") || answer.body.contains("session: load the page anew");
        assert!(!may || !is_refusal, "{told}");
    }
    // Programs, of the API alone.
    for (name, role) in ROLES {
        let (_, secret) = house.desk.add_token(&by, name, role).unwrap();
        let bearer = format!("Bearer {secret}");
        for ((method, path), need) in &due {
            let (path, headers) =
                (filled(path), [("authorization", &*bearer), ("content-type", "application/json")]);
            let answer = house.ask(method, &path, &headers, "{}");
            let told = format!("{role:?} {method} {path}: {} {}", answer.status, answer.body);
            let may = match need {
                Need::Nothing => true,
                Need::Look => true,
                Need::Own => false,
                Need::Act | Need::Bring => role != Role::Viewer,
                Need::Rule => role == Role::Admin,
            };
            if !path.starts_with("/api/") {
                assert!(*need == Need::Nothing || answer.status == 303, "{told}");
            } else if may {
                assert!(
                    !matches!(answer.status.as_u16(), 401 | 405) && !answer.body.contains("Only a"),
                    "{told}"
                );
            } else {
                assert_eq!(answer.status, 403, "{told}");
            }
        }
    }
    for wrong in ["Bearer spanwatch_nobodys", "Bearer", "Basic YTpi", "bearer  "] {
        let answer = house.ask("GET", "/api/v1/overview", &[("authorization", wrong)], "");
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate").contains("invalid_token")),
            (401, true)
        );
    }
}

#[test]
fn what_is_not_known_is_not_told_to_who_is_nobody() {
    let house = House::new();
    for path in ["/no-such", "/findings/no-such", "/login/x"] {
        assert_eq!(house.ask("GET", path, &[], "").status, 303, "{path}");
    }
    assert_eq!(house.ask("GET", "/api/v1/no-such", &[], "").status, 401);
    assert_eq!(house.ask("PUT", "/", &[], "").status, 303);
    let elsewhere = house.ask("GET", "/login", &[("host", "rebound.example")], "");
    assert_eq!(elsewhere.status, 421);
    let fresh = house.ask("GET", "/", &[("hx-request", "true")], "");
    assert_eq!((fresh.status.as_u16(), fresh.header("hx-redirect")), (401, "/login"));
}

#[test]
fn a_site_without_a_store_has_no_doors_to_open() {
    let (_, rules) = server::routes();
    for ((method, path), need) in rules.iter().filter(|((method, _), _)| method == "GET") {
        let is_stream = path.ends_with("/live");
        if matches!(need, Need::Own | Need::Rule) && !is_stream {
            let (status, _) = crate::test::asked(crate::test::site(), &filled(path));
            assert_eq!(status, 404, "{method} {path}");
        }
    }
}
