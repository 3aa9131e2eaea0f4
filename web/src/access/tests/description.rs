//! The description of the API, held against its answers.

use axum::http::Method;
use serde_json::Value;
use spanwatch_appliance::access::Role;
use spanwatch_appliance::store::users::By;

use super::{House, clock, filled};
use crate::server;

#[test]
fn every_answer_of_the_description_that_needs_a_store_is_as_described() {
    let house = House::new();
    house.user("ada", Role::Admin);
    let (_, secret) =
        house.desk.add_token(&By { who: "ada", origin: None, at: clock() }, "siem", Role::Admin).unwrap();
    let bearer = format!("Bearer {secret}");
    let ask = |method: &str, path: &str, body: &str| {
        house.ask(method, path, &[("authorization", &*bearer), ("content-type", "application/json")], body)
    };
    let description: Value = serde_json::from_str(&ask("GET", "/api/v1/openapi.json", "").body).unwrap();
    let (_, rules) = server::routes();
    let own = rules.keys().filter(|(_, path)| path.starts_with("/api/v1/"));
    for (method, path) in own {
        let described = &description["paths"][path.replace("{*", "{")][method.to_lowercase()];
        assert!(described.is_object(), "{method} {path} is not described");
        for (path, body) in [(filled(path), "{}"), (filled(path), "["), (path.replace("{id}", "zz"), "{}")] {
            let answer = ask(method, &path, body);
            let status = answer.status.as_u16().to_string();
            assert!(
                described["responses"][&status].is_object(),
                "{method} {path} {body}: {status} {}",
                answer.body
            );
            assert!(
                answer.status.is_success() || answer.header("content-type") == "application/problem+json"
            );
        }
    }
    for (method, path, body) in [
        (Method::POST, "/api/v1/users", r#"{"name":"kim","role":"viewer"}"#),
        (Method::POST, "/api/v1/users/kim/link", ""),
        (Method::POST, "/api/v1/users/kim/role", r#"{"role":"operator-it"}"#),
        (Method::DELETE, "/api/v1/users/kim", ""),
        (Method::POST, "/api/v1/tokens", r#"{"name":"b","role":"viewer"}"#),
        (Method::DELETE, "/api/v1/tokens/2", ""),
        (Method::GET, "/api/v1/audit?before=3", ""),
    ] {
        let answer = ask(method.as_str(), path, body);
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    }
}
