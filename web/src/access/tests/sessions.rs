//! Sessions and their cookies: how they begin, and all that ends them.

use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::store::desk::Desk;
use spanwatch_appliance::store::users::By;

use super::{House, PASSWORD, Person, SECURE, clock, later};
use crate::access::{Access, Door, Who};

#[test]
fn a_session_begins_with_a_secret_of_its_own_and_the_old_one_ends() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let planted = ("cookie", "spanwatch-8443=planted");
    let answer =
        house.post("/login", &[planted], &format!("name=jo&password={}", PASSWORD.replace(' ', "+")));
    let first = answer.cookie();
    assert_ne!(first, "spanwatch-8443=planted");
    assert_eq!(house.ask("GET", "/", &[planted], "").status, 303, "what somebody planted is worth nothing");
    let person = house.person("jo");
    let again = format!("name=jo&csrf={}&password={}", person.csrf, PASSWORD.replace(' ', "+"));
    let second = house.post("/login", &[("cookie", &person.cookie)], &again).cookie();
    assert_ne!(second, person.cookie);
    assert_eq!(house.ask("GET", "/", &[("cookie", &person.cookie)], "").status, 303, "it was rotated");
    assert_eq!(house.ask("GET", "/", &[("cookie", &second)], "").status, 200);
}

#[test]
fn sessions_end_by_logging_out_by_time_by_another_password_and_by_another_role() {
    let house = House::new();
    house.user("ada", Role::Admin);
    house.user("jo", Role::Viewer);
    let is_in = |person: &Person| house.ask("GET", "/", &[("cookie", &person.cookie)], "").status == 200;
    let jo = house.person("jo");
    let out = house.post("/logout", &[("cookie", &jo.cookie), ("x-csrf-token", &jo.csrf)], "");
    assert!(out.status == 303 && out.header("set-cookie").contains("Max-Age=0") && !is_in(&jo));
    let (jo, other) = (house.person("jo"), house.person("jo"));
    let form = format!(
        "csrf={}&present={}&password=five+doors+of+elm&again=five+doors+of+elm",
        jo.csrf,
        PASSWORD.replace(' ', "+")
    );
    let wrong = house.post("/account", &[("cookie", &jo.cookie)], &form.replace("four", "nine"));
    assert!(wrong.status == 403 && is_in(&jo), "{}", wrong.body);
    let changed = house.post("/account", &[("cookie", &jo.cookie)], &form);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(!is_in(&jo) && !is_in(&other));
    assert_eq!(house.ask("GET", "/", &[("cookie", &changed.cookie())], "").status, 200);
    assert_eq!(house.log_in("jo", PASSWORD).status, 403);
    let by = By { who: "ada", origin: None, at: clock() };
    house.desk.set_role(&by, "jo", Role::Operator(Team::It)).unwrap();
    assert_eq!(house.ask("GET", "/", &[("cookie", &changed.cookie())], "").status, 303);
    let ada = house.person("ada");
    later(29);
    assert_eq!(house.ask("GET", "/", &[("cookie", &ada.cookie), ("hx-request", "true")], "").status, 200);
    later(1);
    assert!(!is_in(&ada), "a page that keeps itself fresh keeps nobody logged in");
}

#[test]
fn cookies_are_for_this_server_alone() {
    let (plain, secure) = (House::new(), House::with(SECURE));
    for house in [&plain, &secure] {
        house.user("jo", Role::Viewer);
    }
    let of = |house: &House| house.log_in("jo", PASSWORD).header("set-cookie").to_owned();
    let (plain, secure) = (of(&plain), of(&secure));
    assert!(
        plain.starts_with("spanwatch-8443=") && plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{plain}"
    );
    assert!(
        secure.starts_with("__Host-spanwatch-443=")
            && secure.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"),
        "{secure}"
    );
}

#[test]
fn one_s_own_certificate_is_asked_for_for_good_and_ours_is_not() {
    let due =
        [(SECURE, "max-age=31536000"), (Door { is_own: false, ..SECURE }, ""), (crate::test::LOCAL, "")];
    for (door, due) in due {
        let answer = House::with(door).ask("GET", "/login", &[], "");
        assert_eq!(answer.header("strict-transport-security"), due);
    }
}

#[test]
fn whoever_is_not_let_in_any_more_hears_no_changes() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let jo = house.person("jo");
    assert_eq!(house.ask("GET", "/live", &[("cookie", &jo.cookie)], "").status, 200);
    let access = Access::new(Desk::open(&house.folder).unwrap(), clock);
    assert!(!access.still(&Who::Nobody) && !access.still(&Who::Anybody));
    let cookie = access.enter("jo").unwrap();
    let who = access.person(cookie.split(['=', ';']).nth(1).unwrap(), true).unwrap();
    assert!(access.still(&who));
    house.user("ada", Role::Admin);
    house.desk.remove_user(&By { who: "ada", origin: None, at: clock() }, "jo").unwrap();
    assert!(!access.still(&who));
}
