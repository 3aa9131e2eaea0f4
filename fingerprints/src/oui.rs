//! Whose address block a MAC is from.
//!
//! IEEE assigns blocks by their first 24, 28 or 36 bits (MA-L, MA-M, MA-S); a
//! smaller block lies inside a larger one that belongs to the registry itself,
//! so the longest prefix tells the maker. A prefix is written as 6, 7 or 9
//! hexadecimal digits, in two files, both sorted:
//!
//! ```text
//! oui.tsv        prefix <tab> vendor <tab> class          makers by their name in the vocabulary
//! oui-ieee.tsv   organisation <tab> prefix prefix ...     all others, as registered
//! ```
//!
//! Source: the public IEEE registries, as named in the files' headers. The class
//! says what the maker is known for; no kind of device is drawn from it. Blocks
//! assigned in private are left out.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use spanwatch_parsers::Mac;

use crate::identifiers::Identifiers;
use crate::{Problem, Source, shipped};

/// The blocks of each length in [`DIGITS`], sorted by prefix.
#[derive(Debug, Default)]
pub struct Oui {
    blocks: [Vec<Block>; DIGITS.len()],
}

/// One block: the address bits of its prefix, and who holds it.
type Block = (u64, &'static str);

impl Oui {
    /// The table that Spanwatch ships with, read once.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Oui> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let mut oui = Self::default();
            for row in makers().flatten() {
                oui.add(row.prefix, row.vendor);
            }
            for (organisation, prefixes) in others().flatten() {
                for prefix in prefixes.split(' ') {
                    oui.add(prefix, organisation);
                }
            }
            oui.blocks.iter_mut().for_each(|blocks| blocks.sort_unstable_by_key(|block| block.0));
            oui
        })
    }

    /// The maker by the longest prefix; `None` for groups and local addresses.
    pub fn vendor_of(&self, mac: Mac) -> Option<&'static str> {
        if !mac.is_device() || mac.is_local() {
            return None;
        }
        let address = mac.0.iter().fold(0_u64, |address, &byte| address << 8 | u64::from(byte));
        self.blocks.iter().zip(DIGITS).find_map(|(blocks, digits)| {
            let prefix = address >> (48 - 4 * digits);
            let place = blocks.binary_search_by_key(&prefix, |block| block.0).ok()?;
            blocks.get(place).map(|block| block.1)
        })
    }

    fn add(&mut self, prefix: &str, vendor: &'static str) {
        let length = DIGITS.iter().position(|&digits| digits == prefix.len());
        let blocks = length.and_then(|length| self.blocks.get_mut(length));
        if let (Some(blocks), Ok(prefix)) = (blocks, u64::from_str_radix(prefix, 16)) {
            blocks.push((prefix, vendor));
        }
    }
}

/// The files that the table is made of.
pub fn sources() -> Vec<Source> {
    [shipped::OUI, shipped::OUI_IEEE].map(|(file, text)| Source::new("", file, date(text), text)).into()
}

/// What is wrong with the files: rows that are none, prefixes out of order or
/// given twice, makers that the vocabulary lacks.
pub fn check(identifiers: &Identifiers) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |file: &str, what: String, fix: &str| problems.push(Problem::in_file(file, what, fix));

    let (file, _) = shipped::OUI;
    let mut before = "";
    for (row, number) in makers().zip(1..) {
        let Some(Row { prefix, vendor }) = row else {
            wrong(
                file,
                format!("row {number} is none"),
                "write prefix, vendor and class with tabs between them",
            );
            continue;
        };
        if prefix <= before {
            wrong(file, format!("{prefix} comes after {before}"), "sort the rows; each prefix once");
        }
        if identifiers.vendor(vendor) != Some(vendor) {
            wrong(
                file,
                format!("no vendor is called `{vendor}`"),
                "use the name in identifiers.toml, or add it",
            );
        }
        before = prefix;
    }

    let (file, _) = shipped::OUI_IEEE;
    for (row, number) in others().zip(1..) {
        if !row.is_some_and(|(_, prefixes)| prefixes.split(' ').all(is_prefix)) {
            wrong(file, format!("row {number} is none"), "write it with tools/ieee.py");
        }
    }
    let holders: BTreeSet<&str> = others().flatten().map(|(organisation, _)| organisation).collect();
    for maker in identifiers.module_makers().filter(|maker| !holders.contains(maker)) {
        let fix = "write it as the registries do, or leave it out";
        wrong(shipped::IDENTIFIERS.0, format!("`{maker}` among the modules holds no block"), fix);
    }
    for blocks in &Oui::shipped().blocks {
        for pair in blocks.windows(2) {
            if let [(first, maker), (second, other)] = pair
                && first == second
            {
                wrong(
                    file,
                    format!("{first:X} is of `{maker}` and of `{other}`"),
                    "write it with tools/ieee.py",
                );
            }
        }
    }
    problems
}

struct Row {
    prefix: &'static str,
    vendor: &'static str,
}

/// The rows of `oui.tsv`; `None` where a line is no row.
fn makers() -> impl Iterator<Item = Option<Row>> {
    lines(shipped::OUI.1).map(|line| {
        let mut cells = line.split('\t');
        let (prefix, vendor, class) = (cells.next()?, cells.next()?, cells.next()?);
        let is_row =
            is_prefix(prefix) && !vendor.is_empty() && CLASSES.contains(&class) && cells.next().is_none();
        is_row.then_some(Row { prefix, vendor })
    })
}

/// The rows of `oui-ieee.tsv`: organisation and prefixes.
fn others() -> impl Iterator<Item = Option<(&'static str, &'static str)>> {
    lines(shipped::OUI_IEEE.1)
        .map(|line| line.split_once('\t').filter(|(organisation, _)| !organisation.is_empty()))
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

pub fn date(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# date: ")).unwrap_or_default()
}

fn is_prefix(prefix: &str) -> bool {
    DIGITS.contains(&prefix.len()) && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// Hexadecimal digits of a prefix, the longest first.
const DIGITS: [usize; 3] = [9, 7, 6];

/// What a maker can be known for.
const CLASSES: &[&str] =
    &["access", "alarm", "home", "intercom", "phone", "physec", "serialgw", "server", "switch", "virt"];

#[cfg(test)]
mod tests {
    use super::*;

    fn vendor(mac: [u8; 6]) -> Option<&'static str> {
        Oui::shipped().vendor_of(Mac(mac))
    }

    #[test]
    fn maker_is_named_by_the_vocabulary() {
        assert_eq!(vendor([0xb8, 0xa4, 0x4f, 0, 0, 1]), Some("Axis"));
        assert_eq!(vendor([0x44, 0x19, 0xb6, 0, 0, 1]), Some("Hikvision"));
    }

    #[test]
    fn other_maker_is_named_as_registered() {
        assert_eq!(vendor([0, 0, 0x01, 0, 0, 1]), Some("XEROX CORPORATION"));
    }

    #[test]
    fn longest_prefix_wins() {
        assert_eq!(vendor([0x1c, 0xca, 0xe3, 0x70, 0, 1]), Some("DoorBird"));
        assert_eq!(vendor([0x70, 0xb3, 0xd5, 0x61, 0x60, 1]), Some("Axxess"));
        assert_ne!(vendor([0x70, 0xb3, 0xd5, 0x61, 0x70, 1]), Some("Axxess"));
    }

    #[test]
    fn block_moved_to_another_holder_keeps_the_maker_of_its_devices() {
        assert_eq!(vendor([0x00, 0x18, 0x85, 0, 0, 1]), Some("Avigilon"));
        assert_eq!(vendor([0x00, 0x04, 0x7d, 0, 0, 1]), Some("Pelco"));
    }

    #[test]
    fn group_local_and_zero_addresses_have_no_maker() {
        assert_eq!(vendor([0xff; 6]), None);
        assert_eq!(vendor([0x01, 0x00, 0x5e, 0, 0, 1]), None);
        assert_eq!(vendor([0xba, 0xa4, 0x4f, 0, 0, 1]), None);
        assert_eq!(vendor([0; 6]), None);
    }

    #[test]
    fn every_block_of_both_files_is_in_the_table() {
        let of_others = others().flatten().flat_map(|(_, prefixes)| prefixes.split(' ')).count();
        let in_table: usize = Oui::shipped().blocks.iter().map(Vec::len).sum();
        assert_eq!(in_table, makers().flatten().count() + of_others);
    }
}
