//! Clouds of cameras by the names that devices ask for: makers' relays (P2P), remote access, dynamic names.
//!
//! ```text
//! name <tab> vendor <tab> service <tab> high, medium or low
//! ```
//!
//! A name stands for itself and for all below it.
//!
//! Source: the fact base's list of clouds; see the file's head.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::oui::date;
use crate::{Source, shipped};

/// A cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cloud {
    /// Whose.
    pub vendor: &'static str,
    /// What it is called.
    pub service: &'static str,
}

/// The cloud of which a name is, where it is of one.
#[must_use]
pub fn of_name(name: &str) -> Option<Cloud> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let mut rest = name.as_str();
    loop {
        if let Some(cloud) = rows().get(rest) {
            return Some(*cloud);
        }
        rest = rest.split_once('.')?.1;
    }
}

fn rows() -> &'static HashMap<&'static str, Cloud> {
    static ROWS: OnceLock<HashMap<&'static str, Cloud>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let lines = shipped::CLOUDS.1.lines().filter(|line| !line.starts_with('#'));
        let row = |line: &'static str| {
            let mut cells = line.split('\t');
            Some((cells.next()?, Cloud { vendor: cells.next()?, service: cells.next()? }))
        };
        lines.filter_map(row).collect()
    })
}

/// The file that the list is made of.
pub(crate) fn source() -> Source {
    let (file, text) = shipped::CLOUDS;
    Source::new("", file, date(text), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole_and_stands_once() {
        let lines: Vec<&str> = shipped::CLOUDS.1.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 4, "{line}");
            assert!(cells.iter().all(|cell| !cell.is_empty() && cell.trim() == *cell), "{line}");
            assert!(cells[0].contains('.') && cells[0] == cells[0].to_ascii_lowercase(), "{line}");
            assert!(["high", "medium", "low"].contains(&cells[3]), "{line}");
        }
        assert_eq!(rows().len(), lines.len());
    }

    #[test]
    fn a_name_stands_for_all_below_it_and_for_no_other() {
        let vendor = |name| of_name(name).map(|cloud| cloud.vendor);
        assert_eq!(vendor("litedev.HIK-connect.com."), Some("Hikvision"));
        assert_eq!(vendor("easy4ipcloud.com"), Some("Dahua"));
        for other in ["nothik-connect.com", "axis.com", "com", "", ".", "hik-connect.com.example.net"] {
            assert_eq!(vendor(other), None, "{other}");
        }
    }
}
