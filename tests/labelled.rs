//! Devices whose vendor, model, firmware and kind somebody else wrote down, held against what a replay says.
//!
//! Of vendor and kind nothing may be wrong, and nobody who is no camera may be called one: precision comes before
//! recall. How much is right, and how often a claim of which confidence is, stands as two tables in `docs/identity.md`,
//! which must be what a run gives.

use crate::support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::run::replay;
use support::story::list;
use support::{project, shared_captures};

/// What is compared, in the columns' order.
const ATTRIBUTES: [&str; 4] = ["vendor", "model", "firmware", "kind"];

/// A device and what its label says, in the order of [`ATTRIBUTES`].
struct Labelled<'a> {
    source: &'a str,
    path: PathBuf,
    device: &'a str,
    said: [&'a str; 4],
}

/// How often a label was met.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: usize,
    unknown: usize,
}

/// Claims of one confidence.
#[derive(Default, Clone, Copy)]
struct Claims {
    right: usize,
    wrong: usize,
}

/// The lowest confidence of each row, in per cent.
const LEVELS: [u8; 6] = [1, 40, 55, 70, 85, 95];

#[test]
fn labelled_devices_are_told_rightly_or_not_at_all() {
    let Some(shared) = shared_captures() else { return };
    let text = std::fs::read_to_string(project("tests/labelled.tsv")).expect("the labels are there");
    let labels: Vec<Labelled<'_>> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| labelled(line, &shared)).collect();
    let mut scores: BTreeMap<(&str, usize), Score> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut claims: BTreeMap<u8, [Claims; 2]> = BTreeMap::new();
    let mut reports: BTreeMap<PathBuf, Value> = BTreeMap::new();
    for label in &labels {
        for path in captures(&label.path) {
            let report = reports.entry(path.clone()).or_insert_with(|| replay(&path));
            let device = found(report, label.device);
            for (column, attribute) in ATTRIBUTES.into_iter().enumerate() {
                let truth = label.said[column];
                if truth.is_empty() {
                    continue;
                }
                let said = device.and_then(|device| said(device, attribute, label.source));
                let witnesses = device.map_or_else(Vec::new, |it| witnesses(it, attribute, label.source));
                count(&mut claims, &witnesses, said, truth);
                let score = scores.entry((label.source, column)).or_default();
                match said {
                    // What is no kind of ours is rightly unknown.
                    None if truth == "-" => score.right += 1,
                    None => score.unknown += 1,
                    Some(said) if truth.split('|').any(|it| it.eq_ignore_ascii_case(said)) => {
                        score.right += 1
                    }
                    Some(said) => {
                        score.wrong += 1;
                        wrong.push(format!(
                            "{} {}: {attribute} {said}, not {truth}",
                            path.display(),
                            label.device
                        ));
                    }
                }
            }
        }
    }
    let calibration = calibration(&claims);
    let is_grave = |line: &&String| line.contains(": vendor ") || line.contains(": kind ");
    assert_eq!(wrong.iter().filter(is_grave).collect::<Vec<_>>(), Vec::<&String>::new());
    let table = table(&scores);
    let page = std::fs::read_to_string(project("docs/identity.md")).expect("the page is there");
    assert!(
        page.contains(&table) && page.contains(&calibration),
        "docs/identity.md has other tables; they are now\n\n{table}\n{calibration}\nwrong: {wrong:#?}"
    );
}

fn labelled<'a>(line: &'a str, shared: &Path) -> Labelled<'a> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [source, path, device, vendor, model, firmware, kind] = cells[..] else {
        panic!("{line} has {} cells", cells.len());
    };
    let path = if path.starts_with("pcaps/") { project(path) } else { shared.join(path) };
    Labelled { source, path, device, said: [vendor, model, firmware, kind] }
}

/// The captures of a label, in the order of their names.
fn captures(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = path.read_dir().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut captures: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    captures.retain(|path| path.extension().is_some_and(|it| it == "pcap"));
    captures.sort();
    assert!(!captures.is_empty(), "{}: no capture", path.display());
    captures
}

/// The device of this MAC or address, where it was seen.
fn found<'a>(report: &'a Value, device: &str) -> Option<&'a Value> {
    list(report, "devices").find(|it| {
        it["id"] == device || it["mac"] == device || list(it, "ips").any(|ip| ip.as_str() == Some(device))
    })
}

/// What the report says; `None` where that is nothing.
fn said<'a>(device: &'a Value, attribute: &str, source: &str) -> Option<&'a str> {
    let said = device[attribute].as_str().filter(|said| *said != "unknown")?;
    // A MAC that was made up names no maker.
    let is_made_up = source == "UniversalScanner" && attribute == "vendor";
    let mut witnesses =
        list(device, "identity").filter(|it| it["attribute"] == attribute && it["value"] == said);
    (!is_made_up || witnesses.any(|it| it["source"] != "mac.oui")).then_some(said)
}

/// Each value of an attribute with each witness's confidence in per cent.
fn witnesses<'a>(device: &'a Value, attribute: &str, source: &str) -> Vec<(&'a str, u8)> {
    let counts = |it: &&Value| {
        it["attribute"] == attribute && !(source == "UniversalScanner" && it["source"] == "mac.oui")
    };
    let percent = |it: &Value| (it["confidence"].as_f64().expect("a number") * 100.0).round() as u8;
    let said = list(device, "identity").filter(counts);
    said.map(|it| (it["value"].as_str().expect("a value"), percent(it))).collect()
}

/// Counts what each witness said, and what was shown of all together, by how sure it was.
fn count(claims: &mut BTreeMap<u8, [Claims; 2]>, witnesses: &[(&str, u8)], shown: Option<&str>, truth: &str) {
    let mut add = |percent: u8, which: usize, said: &str| {
        let level = LEVELS.into_iter().rfind(|level| *level <= percent).unwrap_or(LEVELS[0]);
        let claims = &mut claims.entry(level).or_default()[which];
        let is_right = truth.split('|').any(|it| it.eq_ignore_ascii_case(said));
        *(if is_right { &mut claims.right } else { &mut claims.wrong }) += 1;
    };
    witnesses.iter().for_each(|(said, percent)| add(*percent, 0, said));
    let Some(shown) = shown else { return };
    let of_shown = witnesses.iter().filter(|(said, _)| *said == shown).map(|(_, percent)| *percent);
    // What a device does is no witness in the report.
    let together = spanwatch_engine::ledger::identity::confidence(of_shown);
    if together > 0 {
        add(together, 1, shown);
    }
}

fn calibration(claims: &BTreeMap<u8, [Claims; 2]>) -> String {
    let mut table = String::from(
        "| confidence | one witness: right | wrong | share right | all together: right | wrong | share right |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (place, level) in LEVELS.into_iter().enumerate() {
        let end = LEVELS.get(place + 1).map_or(99, |next| next - 1);
        let _ = write!(table, "| 0.{level:02}–0.{end:02} |");
        for Claims { right, wrong } in claims.get(&level).copied().unwrap_or_default() {
            let share = if right + wrong == 0 {
                "–".to_owned()
            } else {
                format!("{:.2}", right as f64 / (right + wrong) as f64)
            };
            let _ = write!(table, " {right} | {wrong} | {share} |");
        }
        table.push('\n');
    }
    table
}

fn table(scores: &BTreeMap<(&str, usize), Score>) -> String {
    let mut table = String::from(
        "| source | attribute | right | wrong | unknown |\n| --- | --- | ---: | ---: | ---: |\n",
    );
    for ((source, column), score) in scores {
        let Score { right, wrong, unknown } = score;
        let _ = writeln!(table, "| {source} | {} | {right} | {wrong} | {unknown} |", ATTRIBUTES[*column]);
    }
    table
}
