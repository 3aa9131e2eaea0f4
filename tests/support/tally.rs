//! Adds up what many reports are worth, and prints it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::figures::{Median, Rate, Share};
use crate::judge::{Judgement, OFFLINE, Outcome};

/// What some sites gave.
#[derive(Debug, Default)]
pub struct Tally {
    sites: u64,
    device_seconds: u64,
    /// By cause.
    causes: BTreeMap<String, Cause>,
    /// By incident and finding: how many of each outcome.
    due: BTreeMap<(String, String), BTreeMap<Outcome, u64>>,
    /// By incident and finding, what was said where it was not right.
    confusion: BTreeMap<(String, String), BTreeMap<String, u64>>,
    /// By finding and what happened beside it.
    wrong: BTreeMap<(String, String), u64>,
    again: BTreeMap<(String, String), u64>,
    false_offlines: u64,
    gone: BTreeMap<String, Median>,
    /// Cameras that always send.
    streaming: Median,
    settled: Median,
    behind_proof: Median,
    /// By what is wrong: where to see it.
    examples: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default)]
struct Cause {
    /// Findings that say so, and are right.
    said_right: u64,
    /// And all that say so.
    said: u64,
    /// Findings due where it was proved.
    due: u64,
    found: u64,
    unknown: u64,
}

impl Tally {
    /// Adds the judgement on the site that `arguments` order.
    pub fn add(&mut self, judgement: Judgement, arguments: &str) {
        self.sites += 1;
        self.device_seconds += judgement.device_seconds;
        for due in judgement.due {
            let key = (due.incident.clone(), due.finding.clone());
            *self.due.entry(key.clone()).or_default().entry(due.outcome).or_default() += 1;
            let mut instead = None;
            match (due.outcome, &due.proved) {
                (Outcome::Right | Outcome::Wrong | Outcome::Unknown, Some(proved)) => {
                    let is_right = due.outcome == Outcome::Right;
                    let said = due.said.as_deref().unwrap_or(proved);
                    let cause = self.causes.entry(said.to_owned()).or_default();
                    cause.said += 1;
                    cause.said_right += u64::from(is_right);
                    let cause = self.causes.entry(proved.clone()).or_default();
                    cause.due += 1;
                    cause.found += u64::from(is_right);
                    cause.unknown += u64::from(due.outcome == Outcome::Unknown);
                    if !is_right {
                        instead = Some(format!("{said}, not {proved}"));
                    }
                }
                (Outcome::Missed, Some(proved)) => {
                    self.causes.entry(proved.clone()).or_default().due += 1;
                    let others: Vec<&str> = due.instead.iter().map(String::as_str).collect();
                    let others = if others.is_empty() { "nothing".to_owned() } else { others.join(" + ") };
                    instead = Some(format!("said {others}"));
                }
                _ => {}
            }
            if let Some(instead) = instead {
                let example = format!("{} ({}): {instead}", due.incident, due.subject);
                self.example(format!("{} of {}: {instead}", due.finding, due.incident), &example, arguments);
                *self.confusion.entry(key).or_default().entry(instead).or_default() += 1;
            }
            if !matches!(due.outcome, Outcome::Right | Outcome::Wrong | Outcome::Unknown) {
                continue;
            }
            if let Some(after) = due.gone_after {
                self.gone.entry(due.said_by.clone()).or_default().0.push(after);
                if due.is_streaming && due.said_by == OFFLINE[0] {
                    self.streaming.0.push(after);
                }
            }
            if due.outcome == Outcome::Right {
                self.settled.0.extend(due.final_after);
                self.behind_proof.0.extend(due.behind_proof);
            }
        }
        for wrong in judgement.wrong {
            if let Some(cause) = &wrong.cause {
                self.causes.entry(cause.clone()).or_default().said += 1;
            }
            self.false_offlines += wrong.false_offlines;
            let key = format!("false {} beside {}", wrong.finding, wrong.beside);
            self.example(key, &wrong.what, arguments);
            *self.wrong.entry((wrong.finding, wrong.beside)).or_default() += 1;
        }
        for again in judgement.again {
            *self.again.entry(again).or_default() += 1;
        }
    }

    fn example(&mut self, key: String, what: &str, arguments: &str) {
        let examples = self.examples.entry(key).or_default();
        if examples.len() < EXAMPLES {
            examples.push(format!("{what}\n      spanwatch simulate -w site.pcapng {arguments}"));
        }
    }

    /// How many findings were due, and how many of them were missed or have another cause.
    pub fn due(&self) -> (u64, u64) {
        let of = |outcomes: &[Outcome]| {
            self.due
                .values()
                .flatten()
                .filter(|(outcome, _)| outcomes.contains(outcome))
                .map(|(_, count)| count)
                .sum()
        };
        (of(PROVED), of(&[Outcome::Missed, Outcome::Wrong]))
    }

    /// How many findings nothing bears out, and how many devices they call gone that are there.
    pub fn wrong(&self) -> (u64, u64) {
        (self.wrong.values().sum(), self.false_offlines)
    }

    /// Where to see what is wrong.
    pub fn examples(&self) -> String {
        self.examples.iter().fold(String::new(), |mut text, (key, examples)| {
            let _ = writeln!(text, "  {key}");
            for example in examples {
                let _ = writeln!(text, "    {example}");
            }
            text
        })
    }

    fn write_causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| cause | precision: right of all that say so | recall: found of all proved | left unknown |\n| --- | --- | --- | --- |"
        )?;
        for (name, cause) in &self.causes {
            writeln!(
                f,
                "| {name} | {} | {} | {} |",
                if name == UNKNOWN {
                    "-".to_owned()
                } else {
                    Share(cause.said_right, cause.said).to_string()
                },
                Share(cause.found, cause.due),
                if name == UNKNOWN { "-".to_owned() } else { Share(cause.unknown, cause.due).to_string() }
            )?;
        }
        let sum = |of: fn(&Cause) -> u64| self.causes.values().map(of).sum::<u64>();
        let is_known = |(name, _): &(&String, &Cause)| name.as_str() != UNKNOWN;
        let known = |of: fn(&Cause) -> u64| {
            self.causes.iter().filter(is_known).map(|(_, cause)| of(cause)).sum::<u64>()
        };
        writeln!(
            f,
            "| all | {} | {} | {} |",
            Share(known(|it| it.said_right), known(|it| it.said)),
            Share(sum(|it| it.found), sum(|it| it.due)),
            Share(known(|it| it.unknown), known(|it| it.due))
        )
    }

    fn write_incidents(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| incident | finding due | right | missed | unknown | wrong | cannot be seen: silent, said | no such kind yet | otherwise |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for (key, outcomes) in &self.due {
            let of = |outcome: Outcome| outcomes.get(&outcome).copied().unwrap_or(0);
            let proved = PROVED.iter().map(|outcome| of(*outcome)).sum();
            let mut others: Vec<_> = self.confusion.get(key).into_iter().flatten().collect();
            others.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let others: Vec<String> =
                others.iter().take(4).map(|(what, count)| format!("{count} × {what}")).collect();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {}, {} | {} | {} |",
                key.0,
                key.1,
                Share(of(Outcome::Right), proved),
                of(Outcome::Missed),
                of(Outcome::Unknown),
                of(Outcome::Wrong),
                of(Outcome::Hidden),
                of(Outcome::Beyond),
                of(Outcome::NotDelivered),
                others.join("; ")
            )?;
        }
        Ok(())
    }

    fn write_wrong(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.wrong.is_empty() {
            writeln!(f, "\n| false finding | beside | how many |\n| --- | --- | --- |")?;
        }
        for ((finding, beside), count) in &self.wrong {
            writeln!(f, "| {finding} | {beside} | {count} |")?;
        }
        if !self.again.is_empty() {
            writeln!(f, "\n| said more than once | of | how many |\n| --- | --- | --- |")?;
        }
        for ((incident, finding), count) in &self.again {
            writeln!(f, "| {finding} | {incident} | {count} |")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device_days = self.device_seconds as f64 / 86_400.0;
        writeln!(f, "{} sites, {device_days:.1} device-days\n", self.sites)?;
        writeln!(
            f,
            "false offlines per 10,000 device-days: {}",
            Rate { count: self.false_offlines, within: device_days / 10_000.0 }
        )?;
        writeln!(f, "false findings: {}", self.wrong.values().sum::<u64>())?;
        if self.due.is_empty() {
            return self.write_wrong(f);
        }
        writeln!(f, "time to \"gone\", of a camera that always sends: {}", self.streaming)?;
        for (kind, times) in &self.gone {
            writeln!(f, "time to {kind}: {times}")?;
        }
        writeln!(f, "time to the right cause, from the beginning: {}", self.settled)?;
        writeln!(f, "time to the right cause, from its proof: {}", self.behind_proof)?;
        self.write_causes(f)?;
        self.write_incidents(f)?;
        self.write_wrong(f)
    }
}

/// What can become of a finding that this mirror proves.
const PROVED: &[Outcome] = &[Outcome::Missed, Outcome::Unknown, Outcome::Wrong, Outcome::Right];
const UNKNOWN: &str = "unknown";
/// So many examples of each mistake are enough.
const EXAMPLES: usize = 3;
