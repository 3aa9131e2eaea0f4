//! What more fingerprints cost: `matcher_cost` reads every value that the shipped entries give as an example, by the shipped
//! entries and by ten times as many.
//!
//! The nine others of each entry are made from it: the same pattern behind the name of a maker that is not there, or with an
//! ending that is not. It prints a Markdown table: entries, values, nanoseconds for each value, and the time to read the data.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::Key;
use toml::{Table, Value};

fn main() {
    let files = shipped();
    let values: Vec<(Key, String)> = files.iter().flat_map(|(name, table)| examples(name, table)).collect();
    let sets = [1, TIMES].map(|times| {
        let texts: Vec<(String, String)> =
            files.iter().map(|(name, table)| (name.clone(), multiplied(table, times).to_string())).collect();
        let borrowed: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        let start = Instant::now();
        let fingerprints = match Fingerprints::from_files(&borrowed) {
            Ok(fingerprints) => fingerprints,
            Err(problems) => panic!("the entries cannot be read: {problems:?}"),
        };
        (fingerprints, start.elapsed().as_secs_f64() * 1e3)
    });
    // In turns, so that whatever else the machine does meets both.
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for ((fingerprints, _), times) in sets.iter().zip(&mut rounds) {
            times.push(one_round(fingerprints, &values));
        }
    }
    println!("| entries | values | ns a value | to read the data, ms |");
    println!("| ---: | ---: | ---: | ---: |");
    for ((fingerprints, read_ms), mut times) in sets.iter().zip(rounds) {
        times.sort_by(f64::total_cmp);
        let (lowest, median, highest) = (times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
        let count = fingerprints.len();
        println!("| {count} | {} | {median:.0} ({lowest:.0}-{highest:.0}) | {read_ms:.0} |", values.len());
    }
}

/// Nanoseconds for each value.
fn one_round(fingerprints: &Fingerprints, values: &[(Key, String)]) -> f64 {
    let mut labels = Vec::new();
    let start = Instant::now();
    for _ in 0..REPEATS {
        for (key, value) in values {
            labels.clear();
            fingerprints.labels(*key, value, &mut labels);
            black_box(&labels);
        }
    }
    start.elapsed().as_nanos() as f64 / (REPEATS * values.len()) as f64
}

/// The shipped files of entries, read as TOML.
fn shipped() -> Vec<(String, Table)> {
    let named = |name: &str| Key::ALL.iter().any(|key| key.name() == name && !key.is_outright());
    Fingerprints::builtin()
        .lists()
        .filter(|list| named(list.name))
        .map(|list| {
            let text = std::str::from_utf8(list.bytes).expect("the data is text");
            (format!("{}.toml", list.name), text.parse().expect("the data is TOML"))
        })
        .collect()
}

fn entries(table: &Table) -> impl Iterator<Item = &Table> {
    table.get("entry").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn examples(file: &str, table: &Table) -> Vec<(Key, String)> {
    let key = Key::ALL.iter().copied().find(|key| Some(key.name()) == file.strip_suffix(".toml"));
    let key = key.expect("a file is named for its key");
    entries(table)
        .filter_map(|entry| entry.get("examples")?.as_array())
        .flatten()
        .filter_map(|example| example.as_str().or_else(|| example.get("text")?.as_str()))
        .map(|text| (key, text.to_owned()))
        .collect()
}

/// The table with `times` entries for each of its own, those that are new behind it.
fn multiplied(table: &Table, times: usize) -> Table {
    let mut all: Vec<Value> = entries(table).cloned().map(Value::Table).collect();
    for number in 1..times {
        all.extend(entries(table).map(|entry| Value::Table(like(entry, number))));
    }
    let mut table = table.clone();
    table.insert("entry".into(), Value::Array(all));
    table
}

fn like(entry: &Table, number: usize) -> Table {
    let mut entry = entry.clone();
    let text =
        |entry: &Table, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, pattern) = (text(&entry, "id"), text(&entry, "match"));
    let pattern = if number.is_multiple_of(2) {
        format!("^Maker {number} of {id} (?:{})", pattern.replacen('^', "", 1))
    } else {
        format!("(?:{})-of-maker-{number}$", pattern.trim_end_matches('$'))
    };
    entry.insert("id".into(), Value::String(format!("{id}-{number}")));
    entry.insert("match".into(), Value::String(pattern));
    entry.insert("examples".into(), Value::Array(Vec::new()));
    entry
}

const TIMES: usize = 10;
const ROUNDS: usize = 9;
const REPEATS: usize = 50;
