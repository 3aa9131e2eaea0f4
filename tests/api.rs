//! The API as its description has it: Schemathesis, which nobody here wrote, asks all of it for what it allows and for what it
//! does not, with a fixed seed. It finds no server error and no answer that is not described.

use crate::support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::run::Scratch;
use support::server::{Admin, Server};
use support::{project, skipped};

/// What makes a capture's store, and the sample itself.
const SAMPLE: &str = "pcaps/site-six-behind-a-switch.pcapng";

/// Each value that the description bounds, at its bounds and beyond them, and values at random.
const WHOLE: [&str; 2] = ["--phases", "examples,coverage,fuzzing"];
/// Values at random: of who may less, who is refused is of interest.
const RANDOM: [&str; 2] = ["--phases", "examples,fuzzing"];

/// Asks a server for what `only` selects.
fn asked_at_random(scratch: &Scratch, url: &str, token: Option<&str>, only: &[&str]) {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "240"]).arg(project("tests/web/venv/bin/schemathesis"));
    command.args(["run", &format!("{url}/api/v1/openapi.json"), "--seed", "1", "--no-color"]);
    // A stream of changes does not end.
    command.args(["--exclude-path", "/api/v1/live"]);
    command.args(["--max-examples", "8", "--continue-on-failure"]).args(only);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    let output =
        command.current_dir(scratch.path()).stdin(Stdio::null()).output().expect("timeout(1) is there");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{only:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("generated"), "{said}");
}

fn has_schemathesis() -> bool {
    let is_there = project("tests/web/venv/requirements.txt").is_file();
    if !is_there {
        skipped("nothing to ask the API at random with: make install-test");
    }
    is_there
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_report_answers_as_described() {
    if has_schemathesis() {
        let server = Server::start(&[text(&project(SAMPLE))]);
        asked_at_random(&Scratch::new("api-report"), server.url(), None, &WHOLE);
    }
}

#[test]
fn a_store_answers_each_role_as_described() {
    if !has_schemathesis() {
        return;
    }
    let scratch = Scratch::new("api-store");
    let (store, sample) = (scratch.path().join("case"), project(SAMPLE));
    // The findings of a capture, as a store of its own: what was kept is shown, and what people do to it.
    let first = Server::start(&[text(&sample), "--store", text(&store)]);
    let admin = Admin::enter(first.url(), first.first().expect("nobody can log in yet"));
    let roles = ["viewer", "operator-it", "operator-physical-security", "admin"];
    let tokens = roles.map(|role| admin.token(role, role));
    drop(first);
    let server = Server::start(&["--store", text(&store)]);
    // A token that is revoked answers nothing more: that is asked for last.
    let revokes = "/api/v1/tokens/{id}";
    for (token, phases) in tokens.iter().zip([RANDOM, RANDOM, RANDOM, WHOLE]) {
        let only = [phases.as_slice(), &["--exclude-path", revokes]].concat();
        asked_at_random(&scratch, server.url(), Some(token), &only);
    }
    let only = [WHOLE.as_slice(), &["--include-path", revokes]].concat();
    asked_at_random(&scratch, server.url(), Some(&tokens[3]), &only);
}
