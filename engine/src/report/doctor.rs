//! The doctor's letter on a mirror: the verdict first, then what was measured, what this mirror cannot show, and what
//! to do about it, with the commands of the switch's family and the manual they stand in.

use std::io::{self, Write};

use serde::Serialize;

use super::mirror_check::{Grade, Remark, remarks};
use super::mirror_manuals::{FAMILIES, Family, of_vendor};
use super::table::wrapped;
use super::{CaptureCounts, Report};

/// Whether a mirror is any good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing of note is missing.
    Good,
    /// It serves, and something cannot be seen.
    Limited,
    /// So much is missing that what is said rests on little.
    Poor,
    /// There was nothing to judge.
    Unknown,
}

/// The letter.
#[derive(Debug, Serialize)]
pub struct Letter {
    /// `spanwatch/doctor/1`.
    pub schema: &'static str,
    /// In a word.
    pub verdict: Verdict,
    /// In a sentence.
    pub summary: String,
    /// What was measured, topic by topic.
    pub measured: Vec<Remark>,
    /// What it cannot show.
    pub cannot_show: Vec<String>,
    /// What to do, the most urgent first.
    pub to_do: Vec<&'static str>,
    /// How the switch is told, where its family is known or was named.
    pub switches: Vec<Family>,
}

/// Writes the letter; `family` is the switch's, where it was named.
#[must_use]
pub fn letter(report: &Report, counts: &CaptureCounts, family: Option<&Family>) -> Letter {
    let measured = remarks(report, counts);
    let bad: Vec<&str> = measured.iter().filter(|it| it.grade == Grade::Bad).map(|it| it.topic).collect();
    let verdict = match bad[..] {
        _ if counts.packets == 0 => Verdict::Unknown,
        [] => Verdict::Good,
        _ if bad.iter().any(|topic| VITAL.contains(topic)) => Verdict::Poor,
        _ => Verdict::Limited,
    };
    let summary = match verdict {
        Verdict::Unknown => "There was nothing to judge: no packet came.".to_owned(),
        Verdict::Good => {
            "This mirror is good: the conversations that pass it are seen whole, in both directions."
                .to_owned()
        }
        Verdict::Limited => format!("This mirror serves, with limits: see {}.", listed(&bad)),
        Verdict::Poor => format!(
            "This mirror is not good enough: see {}. What Spanwatch says of this site rests on little.",
            listed(&bad)
        ),
    };
    let mut to_do: Vec<&'static str> = Vec::new();
    for grade in [Grade::Bad, Grade::Note] {
        let remedies = measured.iter().filter(|it| it.grade == grade).filter_map(|it| it.remedy);
        for remedy in remedies {
            if !to_do.contains(&remedy) {
                to_do.push(remedy);
            }
        }
    }
    let switches = match family {
        Some(family) => vec![*family],
        None if to_do.is_empty() => Vec::new(),
        None => seen(report),
    };
    Letter {
        schema: "spanwatch/doctor/1",
        verdict,
        summary,
        cannot_show: cannot_show(counts, &bad),
        measured,
        to_do,
        switches,
    }
}

/// Writes it for people, in lines of at most `width` columns.
///
/// # Errors
/// Those of `out`.
pub fn write(letter: &Letter, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let paragraph = |first: &str, rest: usize, text: &str, out: &mut dyn Write| {
        let lines = wrapped(text, width.saturating_sub(rest).max(WIDTH_MIN));
        lines.iter().enumerate().try_for_each(|(index, line)| {
            if index == 0 { writeln!(out, "{first}{line}") } else { writeln!(out, "{:rest$}{line}", "") }
        })
    };
    paragraph("", 0, &letter.summary, out)?;
    writeln!(out, "\nMeasured")?;
    for remark in &letter.measured {
        let grade = match remark.grade {
            Grade::Good => "good",
            Grade::Note => "note",
            Grade::Bad => "BAD",
        };
        paragraph(&format!("  {grade:<5}{:<16}", remark.topic), 23, &remark.text, out)?;
    }
    writeln!(out, "\nWhat this mirror cannot show")?;
    for text in &letter.cannot_show {
        paragraph("  - ", 4, text, out)?;
    }
    writeln!(out, "\nWhat to do")?;
    if letter.to_do.is_empty() {
        writeln!(out, "  Nothing.")?;
    }
    for (number, text) in (1..).zip(&letter.to_do) {
        paragraph(&format!("  {number}. "), 5, text, out)?;
    }
    for family in &letter.switches {
        writeln!(out, "\n{}", family.name)?;
        family.commands.iter().try_for_each(|command| writeln!(out, "    {command}"))?;
        for note in family.notes {
            paragraph("  - ", 4, note, out)?;
        }
        paragraph("  Source: ", 4, family.source, out)?;
        writeln!(out, "    {}", family.url)?;
    }
    if letter.switches.is_empty() && !letter.to_do.is_empty() {
        let names: Vec<&str> = FAMILIES.iter().map(|family| family.id).collect();
        writeln!(out)?;
        let text = format!("For the commands of your switch add --switch and one of: {}.", names.join(", "));
        paragraph("", 0, &text, out)?;
    }
    Ok(())
}

/// The families of the switches that were seen.
fn seen(report: &Report) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for device in report.devices.iter().filter(|device| device.kind == "switch") {
        for family in device.vendor.iter().flat_map(|vendor| of_vendor(vendor)) {
            if !families.contains(family) {
                families.push(*family);
            }
        }
    }
    families
}

fn cannot_show(counts: &CaptureCounts, bad: &[&str]) -> Vec<String> {
    let mut lacks = Vec::new();
    let coverage = counts.coverage;
    let all = coverage
        .full
        .saturating_add(coverage.groups_only)
        .saturating_add(coverage.own_side_only)
        .saturating_add(coverage.other_side_only);
    if coverage.full < all {
        lacks.push(format!(
            "{} of {all} devices in full: only what they send to groups ({}) or one side of what is said ({}) passes here. Talk that stays within one switch does not pass its uplink.",
            all.saturating_sub(coverage.full),
            coverage.groups_only,
            coverage.own_side_only.saturating_add(coverage.other_side_only)
        ));
    }
    if bad.contains(&"directions") {
        lacks
            .push("Answers: whether a device refuses, is silent or is gone cannot be told apart.".to_owned());
    }
    if bad.contains(&"cut packets") {
        lacks.push("What stands behind the cut: names, versions and logins are missed.".to_owned());
    }
    let (neighbours, trees) = counts.words_of_switches;
    if neighbours == 0 {
        lacks.push("Which port of which switch a device hangs on, unless DHCP (option 82) or the site's list says it: no LLDP or CDP passes.".to_owned());
    }
    if trees == 0 {
        lacks.push("Changes of the spanning tree: no BPDU passes.".to_owned());
    }
    if counts.vlans.is_empty() {
        lacks.push("VLANs: no tag passes.".to_owned());
    }
    lacks.push(
        "Link state, PoE and errors on the cable: a mirror copies frames, and these stand in the switch's log."
            .to_owned(),
    );
    lacks
}

fn listed(topics: &[&str]) -> String {
    match topics {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Topics without which a mirror is worth little.
const VITAL: [&str; 3] = ["mirror", "directions", "losses"];
/// Narrower columns are no reading.
const WIDTH_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::report::build::{Run, report};
    use spanwatch_fingerprints::Fingerprints;

    fn of(counts: CaptureCounts, family: Option<&Family>) -> Letter {
        let run = Run { counts, ..Run::default() };
        letter(&report(Ledger::new(Fingerprints::builtin()), &run), &run.counts, family)
    }

    fn whole() -> CaptureCounts {
        CaptureCounts { packets: 1_000, unicast: 900, flows: 40, ..CaptureCounts::default() }
    }

    #[test]
    fn nothing_is_no_verdict() {
        assert_eq!(of(CaptureCounts::default(), None).verdict, Verdict::Unknown);
    }

    #[test]
    fn what_is_missing_makes_the_verdict() {
        assert_eq!(of(whole(), None).verdict, Verdict::Good);
        assert_eq!(of(CaptureCounts { truncated: 500, ..whole() }, None).verdict, Verdict::Limited);
        assert_eq!(of(CaptureCounts { one_way: 38, ..whole() }, None).verdict, Verdict::Poor);
        assert_eq!(of(CaptureCounts { unicast: 10, ..whole() }, None).verdict, Verdict::Poor);
    }

    #[test]
    fn the_letter_begins_with_the_verdict_and_ends_with_the_manual() {
        let mut text = Vec::new();
        let letter =
            of(CaptureCounts { one_way: 38, ..whole() }, super::super::mirror_manuals::named("cisco-ios"));
        write(&letter, 80, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("This mirror is not good enough: see directions."), "{text}");
        assert!(text.trim_end().lines().last().unwrap().contains("https://www.cisco.com/"), "{text}");
    }
}
