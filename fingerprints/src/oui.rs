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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use spanwatch_parsers::Mac;

use crate::identifiers::Identifiers;
use crate::{Problem, Source, shipped};

/// Who holds each block, by the address bits of its prefix behind a one, which tells prefixes of different length apart.
/// Every run needs all of them, some fifty thousand, so that they are not sorted.
#[derive(Debug, Default)]
pub struct Oui {
    blocks: HashMap<u64, &'static str>,
}

impl Oui {
    /// The table that Spanwatch ships with, read once.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Oui> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let mut oui = Self { blocks: HashMap::with_capacity(BLOCKS) };
            for row in makers().flatten() {
                oui.add(row.prefix, row.vendor);
            }
            for (organisation, prefixes) in others().flatten() {
                for prefix in prefixes.split(' ') {
                    oui.add(prefix, organisation);
                }
            }
            oui
        })
    }

    /// The maker by the longest prefix; `None` for groups and local addresses.
    pub fn vendor_of(&self, mac: Mac) -> Option<&'static str> {
        if !mac.is_device() || mac.is_local() {
            return None;
        }
        let address = mac.0.iter().fold(0_u64, |address, &byte| address << 8 | u64::from(byte));
        DIGITS
            .into_iter()
            .find_map(|digits| self.blocks.get(&numbered(address >> (48 - 4 * digits), digits)).copied())
    }

    fn add(&mut self, prefix: &str, vendor: &'static str) {
        if DIGITS.contains(&prefix.len())
            && let Ok(bits) = u64::from_str_radix(prefix, 16)
        {
            self.blocks.insert(numbered(bits, prefix.len()), vendor);
        }
    }
}

const fn numbered(bits: u64, digits: usize) -> u64 {
    1 << (4 * digits) | bits
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
    let of_makers = makers().flatten().map(|row| (row.prefix, row.vendor));
    let of_others =
        others().flatten().flat_map(|(maker, prefixes)| prefixes.split(' ').map(move |it| (it, maker)));
    let mut holders = BTreeMap::new();
    for (prefix, maker) in of_makers.chain(of_others) {
        if let Some(other) = holders.insert(prefix, maker) {
            wrong(file, format!("{prefix} is of `{other}` and of `{maker}`"), "write it with tools/ieee.py");
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

/// Room for all of them.
const BLOCKS: usize = 56_000;

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
        assert_eq!(Oui::shipped().blocks.len(), makers().flatten().count() + of_others);
    }
}
