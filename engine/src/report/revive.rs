//! A finding that was written as JSON, by an earlier run, made a [`Finding`] again.
//!
//! What it says of kind, severity, owner, dispatch and cause must be words of this version. Which protocols showed its
//! evidence, its alternatives and references are left out: they can be read where it was written.

use serde_json::Value;

use super::{Decimal, Evidence, Finding, Revision};
use crate::detectors;
use crate::detectors::references::References;
use crate::finding::{Cause, Owner, Severity};

/// Reads a finding; `None` where this version could not have written it.
#[must_use]
pub fn finding(document: &str) -> Option<Finding> {
    let value: Value = serde_json::from_str(document).ok()?;
    let kind = detectors::ALL.iter().find(|kind| value["kind"] == kind.id)?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let texts = |key: &str| strings(&value[key]);
    Some(Finding {
        id: text("id")?,
        kind: kind.id,
        category: kind.category,
        severity: Severity::ALL.into_iter().map(Severity::name).find(|name| value["severity"] == *name)?,
        confidence: confidence(&value),
        owner: OWNERS.into_iter().map(Owner::name).find(|name| value["owner"] == *name)?,
        first_check: text("first_check"),
        dispatch: DISPATCHES.into_iter().find(|word| value["dispatch"] == *word),
        devices: texts("devices"),
        switch: text("switch"),
        cause: cause(&value),
        alternatives: Vec::new(),
        revisions: value["revisions"].as_array().into_iter().flatten().filter_map(revision).collect(),
        supersedes: texts("supersedes"),
        title: text("title")?,
        summary: text("summary")?,
        detail: text("detail")?,
        remedy: text("remedy")?,
        verify: text("verify")?,
        evidence: value["evidence"].as_array().into_iter().flatten().filter_map(evidence).collect(),
        first_seen: text("first_seen")?,
        detected: text("detected")?,
        last_seen: text("last_seen")?,
        ended: text("ended"),
        count: value["count"].as_u64()?,
        references: References::of(kind.id),
    })
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|it| Some(it.as_str()?.to_owned())).collect()
}

fn revision(value: &Value) -> Option<Revision> {
    Some(Revision {
        time: value["time"].as_str()?.to_owned(),
        cause: cause(value)?,
        confidence: confidence(value),
        because: value["because"].as_str()?.to_owned(),
    })
}

fn evidence(value: &Value) -> Option<Evidence> {
    Some(Evidence {
        time: value["time"].as_str()?.to_owned(),
        input: None,
        frame: None,
        protocol: None,
        text: value["text"].as_str()?.to_owned(),
    })
}

fn cause(value: &Value) -> Option<&'static str> {
    Cause::ALL.into_iter().map(Cause::name).find(|name| value["cause"] == *name)
}

fn confidence(value: &Value) -> Decimal {
    let share = value["confidence"].as_f64().unwrap_or_default().clamp(0.0, 1.0);
    // 0 to 100.
    Decimal::confidence((share * 100.0).round() as u8)
}

const OWNERS: [Owner; 3] = [Owner::It, Owner::PhysicalSecurity, Owner::Unknown];
const DISPATCHES: [&str; 3] = ["yes", "no", "wait"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::test;

    #[test]
    fn what_was_written_is_read_again() {
        let written = test::finding("abc123");
        let read = finding(&serde_json::to_string(&written).unwrap()).unwrap();
        let whole = |finding: &Finding| {
            let mut value = serde_json::to_value(finding).unwrap();
            for lost in ["alternatives", "evidence", "references"] {
                value.as_object_mut().unwrap().remove(lost);
            }
            value
        };
        assert_eq!(whole(&read), whole(&written));
        assert_eq!(read.evidence.len(), written.evidence.len());
    }

    #[test]
    fn what_this_version_could_not_have_written_is_none() {
        let written = serde_json::to_string(&test::finding("a")).unwrap();
        for (word, other) in
            [("critical", "grave"), ("devices-offline-together", "sunset"), ("\"it\"", "\"me\"")]
        {
            assert!(finding(&written.replace(word, other)).is_none(), "{other}");
        }
        assert!(finding("").is_none() && finding("[]").is_none());
    }
}
