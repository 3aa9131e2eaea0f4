//! What people do to findings, by their own forms alone, and what pages and API say of it then.

use serde_json::Value;
use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::store::users::By;

use super::{House, Person, ROLES, clock};

#[test]
fn a_form_that_is_not_ones_own_does_nothing() {
    let house = House::new();
    house.user("ada", Role::Admin);
    house.user("jo", Role::Viewer);
    let (ada, jo) = (house.person("ada"), house.person("jo"));
    let body = |csrf: &str| format!("csrf={csrf}&act=acknowledge");
    let act = |headers: &[(&str, &str)], body: &str| {
        let mut all = vec![("cookie", &*ada.cookie)];
        all.extend_from_slice(headers);
        house.post("/findings/abc123/act", &all, body).status.as_u16()
    };
    for csrf in ["", "x", &jo.csrf] {
        assert_eq!(act(&[], &body(csrf)), 403, "{csrf}");
        assert_eq!(act(&[("x-csrf-token", csrf)], &body(&ada.csrf)), 403, "{csrf}");
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(act(&[(name, value)], &body(&ada.csrf)), 403, "{name}: {value}");
    }
    let login = [("origin", "https://evil.example")];
    assert_eq!(
        house.post("/login", &login, "name=jo&password=x").status,
        403,
        "nobody is logged in by another page"
    );
    let json = [("cookie", &*ada.cookie), ("content-type", "application/json")];
    let api = "/api/v1/findings/abc123/acts";
    assert_eq!(house.ask("POST", api, &json, "{\"act\":\"acknowledge\"}").status, 403);
    assert!(house.desk.standings().unwrap().is_empty(), "nothing was done");
    assert_eq!(
        act(&[("origin", "http://127.0.0.1:8443"), ("sec-fetch-site", "same-origin")], &body(&ada.csrf)),
        303
    );
    assert_eq!(house.desk.standings().unwrap()[0].status, "acknowledged");
    let long = format!("csrf={}&note={}", ada.csrf, "x".repeat(70_000));
    assert_eq!(act(&[], &long), 413);
}

#[test]
fn a_finding_is_handed_over_and_pages_and_api_say_the_same() {
    let house = House::new();
    for (name, role) in ROLES {
        house.user(name, role);
    }
    let (ian, carla) = (house.person("ian"), house.person("carla"));
    let act = |person: &Person, form: &str| {
        let form = format!("csrf={}&{form}", person.csrf);
        house.post("/findings/abc123/act", &[("cookie", &person.cookie)], &form)
    };
    let page = |person: &Person, path: &str| house.ask("GET", path, &[("cookie", &person.cookie)], "").body;
    let lane = |now: &str, team: &str| {
        let lane = now.split(&format!("<h2 id=\"lane-{team}\"")).nth(1).unwrap();
        lane.split("</section>").next().unwrap().contains("/findings/abc123")
    };
    assert!(lane(&page(&ian, "/"), "it"));
    assert!(!page(&carla, "/findings/abc123").contains("Hand over to"), "it is IT's turn");
    assert_eq!(act(&carla, "act=resolve").status, 403);
    let lacking = act(&ian, "act=hand-over&to=physical-security&note=");
    assert!(lacking.status == 409 && lacking.body.contains("Not done: say why"), "{}", lacking.body);
    assert_eq!(act(&ian, "act=hand-over&to=physical-security&note=%3Cb%3Ethe+camera").status, 303);
    let now = page(&ian, "/");
    assert!(!lane(&now, "it") && lane(&now, "physical-security"));
    let incident = page(&carla, "/findings/abc123");
    for due in
        ["<b>Physical security</b>", "IT → Physical security", "&#60;b&#62;the camera", "Hand over to IT"]
    {
        assert!(incident.contains(due), "{due}: {incident}");
    }
    let (_, secret) =
        house.desk.add_token(&By { who: "ada", origin: None, at: clock() }, "siem", Role::Admin).unwrap();
    let bearer = format!("Bearer {secret}");
    let api = |method: &str, path: &str, body: &str| -> Value {
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        serde_json::from_str(&house.ask(method, path, &headers, body).body).unwrap()
    };
    let told = api("GET", "/api/v1/findings/abc123", "");
    assert_eq!((&told["owner"], &told["first_owner"]), (&"physical-security".into(), &"it".into()));
    let possible = api("GET", "/api/v1/findings/abc123/acts", "");
    let all = r#"{"acts":["note","acknowledge","begin","assign","hand-over","resolve","suppress","false-positive"],
        "hand_over_to":["it"],"assign_to":["ada","carla"]}"#;
    assert_eq!(possible, serde_json::from_str::<Value>(all).unwrap());
    let of = |person: &Person| page(person, "/api/v1/findings/abc123/acts");
    assert_eq!(of(&ian), r#"{"acts":["note"],"hand_over_to":[],"assign_to":[]}"#);
    let assigned = api("POST", "/api/v1/findings/abc123/acts", r#"{"act":"assign","to":"carla"}"#);
    assert_eq!(assigned["assigned"], "carla");
    assert_eq!(act(&carla, "act=resolve&note=mended").status, 303);
    let told = api("GET", "/api/v1/findings/abc123", "");
    assert_eq!((&told["status"], &told["status_by"]), (&"resolved".into(), &"carla".into()));
    assert!(
        !lane(&page(&ian, "/"), "physical-security") && page(&ian, "/findings").contains("resolved, carla")
    );
    let history = api("GET", "/api/v1/findings/abc123/history", "");
    let done: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(done, ["resolved", "assigned", "handed-over"]);
    let problem = api("POST", "/api/v1/findings/abc123/acts", r#"{"act":"dance"}"#);
    assert_eq!((&problem["status"], &problem["type"]), (&400.into(), &"about:blank".into()));
    assert_eq!(act(&ian, "act=note&note=thanks").status, 303, "whoever is operator leaves notes");
}

#[test]
fn what_was_handed_over_names_the_team_that_it_is_now() {
    let house = House::new();
    house.user("ian", Role::Operator(Team::It));
    let ian = house.person("ian");
    let form = format!("csrf={}&act=hand-over&to=physical-security&note=not+the+switch", ian.csrf);
    assert_eq!(house.post("/findings/abc123/act", &[("cookie", &ian.cookie)], &form).status, 303);
    for path in [
        "/findings/abc123",
        "/",
        "/findings/abc123/text?for=physical-security",
        "/api/v1/findings/abc123",
        "/findings.csv",
    ] {
        let page = house.ask("GET", path, &[("cookie", &ian.cookie)], "").body;
        assert!(!page.contains("It is IT&#39;s turn") && !page.contains("It is IT's turn"), "{path}: {page}");
        let words: Vec<&str> = page.split_whitespace().collect();
        let told = words.join(" ").replace("&#39;", "'").contains("it is physical security's turn");
        assert!(told, "{path}: {page}");
    }
}
