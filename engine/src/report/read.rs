//! A report that was written is read again: [`report`].
//!
//! What the report says in words of closed vocabularies is `&'static str` ([`Word`]). Words that are read are kept
//! for the life of the program, each once, and no more than [`WORDS_MAX`] of them: a file with more is none of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use spanwatch_parsers::Text;

use super::time::{Stamp, parse};
use super::{Decimal, Report};

/// A word that lives as long as the program.
pub type Word = &'static str;

/// Reads a report as [`super::json`] writes it.
///
/// # Errors
/// In words: where it is no JSON, no report, or one of another schema.
pub fn report(bytes: &[u8]) -> Result<Report, String> {
    let report: Report = serde_json::from_slice(bytes).map_err(|error| format!("no report: {error}"))?;
    match report.schema {
        "spanwatch/report/1" => Ok(report),
        other => Err(format!("the report's schema is {other}, not spanwatch/report/1")),
    }
}

static WORDS: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

fn kept<E: Error>(word: &str) -> Result<Word, E> {
    if word.len() > WORD_BYTES_MAX {
        return Err(E::custom("a word of the report is too long"));
    }
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word) {
        return Ok(known);
    }
    if words.len() >= WORDS_MAX {
        return Err(E::custom("too many different words for a report"));
    }
    let word: Word = Box::leak(Box::from(word));
    words.insert(word);
    Ok(word)
}

pub(crate) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    kept(&String::deserialize(deserializer)?)
}

pub(crate) fn maybe_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Word>, D::Error> {
    Option::<String>::deserialize(deserializer)?.as_deref().map(kept).transpose()
}

pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Word>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|word| kept(word)).collect()
}

pub(super) fn words_counted<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Word, u64>, D::Error> {
    let counted = BTreeMap::<String, u64>::deserialize(deserializer)?;
    counted.into_iter().map(|(word, count)| Ok((kept(&word)?, count))).collect()
}

pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    Ok(Text::from(String::deserialize(deserializer)?.as_str()))
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::invalid_value(Unexpected::Str(&text), &"a time as RFC 3339 has it");
        parse(&text).map(Self).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a number is not as the report writes it");
        let (whole, part) = raw.get().split_once('.').unwrap_or((raw.get(), ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if part.len() > DECIMALS_MAX || !are_digits(whole) || !are_digits(part) {
            return Err(wrong());
        }
        let scaled = format!("{whole}{part}").parse().ok().filter(|scaled| *scaled <= Self::MAX);
        let decimals = part.len().try_into().ok();
        scaled.zip(decimals).map(|(scaled, decimals)| Self::new(scaled, decimals)).ok_or_else(wrong)
    }
}

/// A few hundred are ours.
const WORDS_MAX: usize = 4_096;
/// Some are sentences.
const WORD_BYTES_MAX: usize = 512;
/// The report has two and three.
const DECIMALS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::{json, test};
    use super::*;

    fn written(report: &Report) -> Vec<u8> {
        let mut out = Vec::new();
        json::write(report, &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_written_is_read_to_the_byte() {
        let bytes = written(&test::report());
        assert_eq!(written(&report(&bytes).unwrap()), bytes);
    }

    #[test]
    fn what_is_no_report_is_told_so() {
        for (bytes, due) in [("", "no report: "), ("{}", "missing field"), ("[1]", "no report")] {
            let why = report(bytes.as_bytes()).unwrap_err();
            assert!(why.contains(due), "{why}");
        }
        let other = String::from_utf8(written(&test::report())).unwrap().replace("report/1", "report/2");
        assert!(report(other.as_bytes()).unwrap_err().contains("report/2"));
    }

    #[test]
    fn words_are_bounded() {
        let long = "x".repeat(WORD_BYTES_MAX + 1);
        assert!(kept::<serde_json::Error>(&long).is_err());
        let numbers = ["1e3", "-1", "0.1234567", "9999999999999999999", "true"];
        assert!(numbers.iter().all(|it| serde_json::from_str::<Decimal>(it).is_err()));
    }
}
