//! Whose address block a MAC is from.
//!
//! IEEE assigns blocks by their first 24, 28 or 36 bits (MA-L, MA-M, MA-S); a
//! smaller block lies inside a larger one that belongs to the registry itself,
//! so the longest prefix tells the maker. `oui.tsv` has the makers whose names
//! the vocabulary knows, one block a line, sorted:
//!
//! ```text
//! prefix <tab> vendor <tab> class       prefix = 6, 7 or 9 hexadecimal digits
//! ```
//!
//! Source: the public IEEE registries, as named in the file's header. The class
//! says what the maker is known for; no kind of device is drawn from it.

use std::sync::OnceLock;

use spanwatch_parsers::Mac;

use crate::Problem;
use crate::Source;
use crate::identifiers::Identifiers;
use crate::shipped;

/// The blocks of each length, sorted by prefix.
#[derive(Debug, Default)]
pub struct Oui {
    blocks: [Vec<Block>; LENGTHS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    prefix: u64,
    vendor: &'static str,
}

impl Oui {
    /// The table that Spanwatch ships with, read once.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Oui> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let mut oui = Self::default();
            for row in rows(shipped::OUI.1).flatten() {
                oui.add(row);
            }
            for blocks in &mut oui.blocks {
                blocks.sort_unstable();
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
        self.blocks.iter().zip(LENGTHS).find_map(|(blocks, digits)| {
            let prefix = address >> (48 - 4 * digits);
            let place = blocks.binary_search_by_key(&prefix, |block| block.prefix).ok()?;
            blocks.get(place).map(|block| block.vendor)
        })
    }

    fn add(&mut self, row: Row) {
        for (blocks, digits) in self.blocks.iter_mut().zip(LENGTHS) {
            if digits == row.prefix.len() as u32 {
                blocks.extend(
                    u64::from_str_radix(row.prefix, 16).map(|prefix| Block { prefix, vendor: row.vendor }),
                );
            }
        }
    }
}

/// The files that the table is made of.
pub fn sources() -> Vec<Source> {
    let (file, text) = shipped::OUI;
    vec![Source::new(file, date(text), text)]
}

/// What is wrong with the files.
pub fn check(identifiers: &Identifiers) -> Vec<Problem> {
    let (file, text) = shipped::OUI;
    let mut problems = Vec::new();
    let mut before = "";
    for (number, row) in rows(text).enumerate() {
        let Some(row) = row else {
            problems.push(Problem::in_file(
                file,
                format!("row {} is no row", number + 1),
                "write prefix, vendor and class, with tabs between",
            ));
            continue;
        };
        if row.prefix <= before {
            problems.push(Problem::in_file(
                file,
                format!("{} comes after {before}", row.prefix),
                "sort the rows, each prefix once",
            ));
        }
        if identifiers.vendor(row.vendor) != Some(row.vendor) {
            problems.push(Problem::in_file(
                file,
                format!("no vendor is called `{}`", row.vendor),
                "add it to identifiers.toml",
            ));
        }
        before = row.prefix;
    }
    problems
}

struct Row {
    prefix: &'static str,
    vendor: &'static str,
}

/// The rows below the header; `None` where a line is no row.
fn rows(text: &'static str) -> impl Iterator<Item = Option<Row>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut cells = line.split('\t');
        let (prefix, vendor, class) = (cells.next()?, cells.next()?, cells.next()?);
        let is_prefix = LENGTHS.contains(&(prefix.len() as u32))
            && prefix.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        let is_row = is_prefix && !vendor.is_empty() && !class.is_empty() && cells.next().is_none();
        is_row.then_some(Row { prefix, vendor })
    })
}

fn date(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# date: ")).unwrap_or_default()
}

/// Hexadecimal digits of a prefix, the longest first.
const LENGTHS: [u32; 3] = [9, 7, 6];
