//! How people come in: by the first link, by a password, and how often they may fail.

use spanwatch_appliance::access::Role;
use spanwatch_appliance::store::desk::Desk;

use super::{House, PASSWORD, clock, filled, later};
use crate::access::Access;
use crate::server;

#[test]
fn the_first_link_makes_the_admin_once_and_is_over_after_an_hour() {
    let house = House::new();
    let access = Access::new(Desk::open(&house.folder).unwrap(), clock);
    let late = access.first_link().unwrap().unwrap();
    later(60);
    assert_eq!(house.ask("GET", &late, &[], "").status, 404);
    let link = access.first_link().unwrap().unwrap();
    let page = house.ask("GET", &link, &[], "");
    assert!(page.status == 200 && page.body.contains("Set up this Spanwatch"), "{}", page.body);
    let key = link.split('=').nth(1).unwrap();
    let form = |password: &str, again: &str| format!("key={key}&name=ada&password={password}&again={again}");
    for (password, again, due) in [
        ("short", "short", "12 letters"),
        ("four+doors+of+oak", "four+doors+of+elm", "not the same"),
        ("spanwatch-ada", "spanwatch-ada", "others would try"),
    ] {
        let answer = house.post("/welcome", &[], &form(password, again));
        assert!(answer.status == 422 && answer.body.contains(due), "{password}: {}", answer.body);
    }
    let answer = house.post("/welcome", &[], &form("four+doors+of+oak", "four+doors+of+oak"));
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{}", answer.body);
    assert_eq!(house.ask("GET", "/users", &[("cookie", &answer.cookie())], "").status, 200);
    assert_eq!(
        house.post("/welcome", &[], &form("four+doors+of+oak", "four+doors+of+oak")).status,
        404,
        "used"
    );
    assert_eq!(house.ask("GET", &link, &[], "").status, 404);
    assert_eq!(access.first_link().unwrap(), None);
}

#[test]
fn after_ten_wrong_passwords_the_account_waits_and_so_does_one_that_there_is_not() {
    let house = House::new();
    house.user("jo", Role::Viewer);
    let (mut told, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        told.push(house.log_in("jo", "wrong wrong wrong").status.as_u16());
    }
    for _ in 0..11 {
        unknown.push(house.log_in("nobody", "wrong wrong wrong").status.as_u16());
    }
    let due: Vec<u16> = [403; 10].into_iter().chain([429]).collect();
    assert_eq!((&told, &unknown), (&due, &due));
    let right = house.log_in("jo", PASSWORD);
    assert!(
        right.status == 429 && right.body.contains("Wait for 1") && !right.headers.contains_key("set-cookie")
    );
    let case = house.log_in("JO", PASSWORD);
    assert_eq!(case.status, 429);
    later(15);
    assert_eq!(house.log_in("jo", PASSWORD).status, 303);
    let audit = house.desk.audit(None, i64::MAX, 100).unwrap();
    assert_eq!(audit.iter().filter(|it| it.what == "login-failed" && it.who == "jo").count(), 10);
    assert!(audit.iter().all(|it| it.who != "nobody"), "a name that may be a password is not kept");
    let unknown = audit.iter().filter(|it| it.what == "login-failed" && it.who == "(unknown)").count();
    assert_eq!(unknown, 10, "as much is written as of a name that there is");
}

#[test]
fn an_address_that_tries_many_names_waits() {
    let house = House::new();
    let tries: Vec<u16> =
        (0..31).map(|number| house.log_in(&format!("u{number}"), "wrong wrong").status.as_u16()).collect();
    assert_eq!((tries[29], tries[30]), (403, 429));
}

#[test]
fn passwords_and_secrets_are_in_no_page_no_file_and_no_audit() {
    let house = House::new();
    house.user("ada", Role::Admin);
    let ada = house.person("ada");
    let canary = "canary of nine lives";
    let users = |form: &str| {
        let form = format!("csrf={}&{form}", ada.csrf);
        house.post("/users", &[("cookie", &ada.cookie)], &form)
    };
    let added = users("what=add&name=jo&role=viewer");
    let key = added.body.split("/welcome?key=").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let token = users("what=token&name=siem&role=viewer");
    let token = token.body.split("spanwatch_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let chosen = canary.replace(' ', "+");
    let welcomed = house.post("/welcome", &[], &format!("key={key}&password={chosen}&again={chosen}"));
    assert_eq!(welcomed.status, 303, "{}", welcomed.body);
    let cookie = welcomed.cookie();
    let secret = cookie.split('=').nth(1).unwrap().to_owned();
    let mut told = vec![house.log_in("jo", "canary of ten lives").body, house.log_in(&chosen, &chosen).body];
    let (_, rules) = server::routes();
    for (method, path) in rules.keys().filter(|(method, path)| method == "GET" && !path.ends_with("/live")) {
        told.push(house.ask(method, &filled(path), &[("cookie", &ada.cookie)], "").body);
    }
    // The name that was tried is shown to who tried it.
    told[1] = told[1].replace(canary, "");
    for secret in [canary, &*key, &*token, &*secret, ada.cookie.split('=').nth(1).unwrap()] {
        for page in &told {
            assert!(!page.contains(secret), "{secret}: {page}");
        }
        let entries = std::fs::read_dir(&house.folder).unwrap().map(|it| it.unwrap().path());
        for file in entries.filter(|path| path.is_file()) {
            let bytes = std::fs::read(file).unwrap();
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{secret}");
        }
    }
}
