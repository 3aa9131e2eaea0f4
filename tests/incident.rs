//! One finding by itself: as text for a ticket, as a picture.

use crate::support;

use support::run::{Outcome, Scratch, replayed};
use support::site::text;
use support::story::list;

/// The id of the sample's finding of this kind, and its whole self.
fn finding(kind: &str) -> (String, serde_json::Value) {
    let report = replayed(&["--format=json"]).report();
    let found = list(&report, "findings").find(|it| it["kind"] == kind).expect("the finding").clone();
    (text(&found, "id").to_owned(), found)
}

fn incident(id: &str, more: &[&str]) -> Outcome {
    let plain = ["--no-progress", "--incident", id];
    replayed(&plain.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn a_ticket_says_whose_turn_it_is_and_what_shows_it() {
    let (id, found) = finding("devices-offline-together");
    let outcome = incident(&id, &[]);
    let ticket = outcome.text();
    let plain = ticket.split_whitespace().collect::<Vec<_>>().join(" ");
    for key in ["title", "summary", "detail", "remedy", "verify"] {
        assert!(plain.contains(text(&found, key)), "{key}: {ticket}");
    }
    for piece in list(&found, "evidence") {
        assert!(plain.contains(text(piece, "text")), "{piece}");
        let frame = piece["frame"].as_u64().map(|frame| format!("packet {frame}]"));
        assert!(frame.is_none_or(|frame| plain.contains(&frame)), "{piece}");
    }
    assert!(ticket.contains("\nWhose turn  IT\n"), "{ticket}");
    assert!(ticket.contains("\nTechnician  no"), "{ticket}");
    assert!(ticket.contains("1. the switch's uplink (90 %)"), "{ticket}");
    assert!(ticket.lines().all(|line| line.chars().count() <= 76), "{ticket}");
    assert_eq!(outcome.stdout, incident(&id, &["--threads=1"]).stdout);
}

#[test]
fn a_unique_beginning_of_an_id_works_and_what_it_superseded_too() {
    let (id, found) = finding("devices-offline-together");
    let whole = incident(&id, &[]);
    assert_eq!(whole.stdout, incident(&id[..6].to_uppercase(), &[]).stdout);
    for before in list(&found, "supersedes") {
        let before = before.as_str().expect("an id");
        let outcome = incident(before, &[]);
        assert!(outcome.text().contains(&format!("Finding     {id} ")), "{}", outcome.text());
        assert!(outcome.text().contains(&format!("Note        {before}, said before")), "{}", outcome.text());
    }
}

#[test]
fn each_audience_has_its_own_order_and_depth() {
    let (id, _) = finding("device-offline");
    let told = |audience: &str| incident(&id, &["--for", audience]).text().to_owned();
    let place = |text: &str, of: &str| text.find(of).unwrap_or_else(|| panic!("no {of}: {text}"));
    let it = told("it");
    assert!(place(&it, "FOR THE NETWORK TEAM") < place(&it, "WHAT HAPPENED"));
    let cameras = told("physical-security");
    assert!(!cameras.contains("packet") && !cameras.contains("sha256"), "{cameras}");
    assert!(place(&cameras, "WHAT HAPPENED") < place(&cameras, "NEXT STEP"));
    let security = told("security");
    assert!(place(&security, "WHAT SHOWS IT") < place(&security, "NEXT STEP"));
    assert!(security.contains("sha256 ") && !security.contains("sha256 not taken"));
    assert!(incident(&id, &["--for=security", "--no-file-hash"]).text().contains("sha256 not taken"));
}

#[test]
fn a_finding_alone_as_json_is_that_of_the_report() {
    let (id, found) = finding("device-offline");
    assert_eq!(incident(&id, &["--format=json"]).report(), found);
}

#[test]
fn an_unknown_id_exits_with_1_and_names_those_there_are() {
    let (id, _) = finding("device-offline");
    let outcome = incident("no-such-id", &[]);
    assert_eq!((outcome.code, outcome.stdout.len()), (1, 0));
    assert!(
        outcome.stderr.starts_with("spanwatch: no finding has the id no-such-id:\n"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains(&id) && outcome.stderr.contains("--table findings"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_does_not_go_with_an_incident_exits_with_2() {
    for wrong in [&["--each"][..], &["--format=csv"], &["--format=jsonl"], &["--for=nobody"]] {
        assert_eq!(incident("0", wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(replayed(&["--for=it"]).code, 2);
    assert_eq!(replayed(&["--format=svg"]).code, 2);
}

#[test]
fn the_table_names_the_ids() {
    let (id, _) = finding("device-offline");
    assert!(replayed(&["--format=table"]).text().contains(&format!("device-offline {id} · confidence")));
}

#[test]
fn a_picture_is_one_file_with_a_bar_for_each_silence() {
    let (id, found) = finding("devices-offline-together");
    let outcome = incident(&id, &["--format=svg"]);
    let svg = outcome.text();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert!(svg.contains(&format!("<title id=\"title-{id}\">{}</title>", text(&found, "title"))), "{svg}");
    assert_eq!(svg.matches("<rect class=\"silent\" x=").count(), list(&found, "devices").count(), "{svg}");
    assert_eq!(svg.matches("class=\"tick\" d=").count(), list(&found, "evidence").count(), "{svg}");
    assert!(!svg.contains("<script") && svg.matches("://").count() == 1, "{svg}");
    assert_eq!(outcome.stdout, incident(&id, &["--format=svg", "--threads=1"]).stdout);
}

#[test]
fn an_output_called_svg_gets_the_picture() {
    let (id, _) = finding("device-offline");
    let scratch = Scratch::new("incident-svg");
    let path = scratch.path().join("incident.svg");
    let outcome = incident(&id, &["-o", path.to_str().expect("a path")]);
    assert_eq!((outcome.code, outcome.stdout.len()), (0, 0), "{}", outcome.stderr);
    let written = std::fs::read(path).expect("the picture");
    assert_eq!(written, incident(&id, &["--format=svg"]).stdout);
}
