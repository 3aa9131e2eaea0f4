//! What a kind of finding is called elsewhere: techniques of MITRE ATT&CK, weaknesses of CWE, clauses of standards.

use serde::{Deserialize, Serialize};

use crate::report::read::{self, Word};

/// The `references` of a finding; the numbers as their publishers write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct References {
    /// Techniques that the weakness lets in, or that were seen, as `T1040`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read::words")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub mitre: Vec<Word>,
    /// Weaknesses, as `CWE-319`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read::words")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub cwe: Vec<Word>,
    /// Clauses, as `IEC 62443-3-3 SR 4.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read::words")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub standard: Vec<Word>,
}

impl References {
    /// Those of a kind; `None` where it has none.
    #[must_use]
    pub fn of(kind: &str) -> Option<Self> {
        let row = rows().find(|row| row.first() == Some(&kind))?;
        let cell = |column: usize| {
            let cell = row.get(column).copied().unwrap_or_default();
            cell.split(';').filter(|it| !it.is_empty()).collect()
        };
        Some(Self { mitre: cell(1), cwe: cell(2), standard: cell(3) })
    }
}

fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let lines = include_str!("references.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

#[cfg(test)]
mod tests {
    use super::super::ALL;
    use super::*;

    #[test]
    fn every_row_is_of_a_kind_and_every_weakness_has_one() {
        for row in rows() {
            assert_eq!(row.len(), 4, "{row:?}");
            assert!(ALL.iter().any(|kind| kind.id == row[0]), "{row:?} is of no kind");
        }
        let bare = ALL.iter().filter(|it| it.category == "weakness" && References::of(it.id).is_none());
        assert_eq!(bare.map(|kind| kind.id).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn a_plain_outage_is_no_technique() {
        let outages = ALL.iter().filter(|it| ["availability", "capture"].contains(&it.category));
        for kind in outages {
            let own = References::of(kind.id);
            assert!(own.is_none_or(|own| own.mitre.is_empty() && own.cwe.is_empty()), "{}", kind.id);
        }
        let expected = References {
            mitre: vec!["T1040", "T1552", "T0842", "T0859"],
            cwe: vec!["CWE-319", "CWE-522"],
            standard: vec!["IEC 62443-3-3 SR 1.5", "IEC 62443-3-3 SR 4.1", "IEC 62443-3-3 SR 4.3"],
        };
        assert_eq!(References::of("cleartext-login"), Some(expected));
    }
}
