//! The site's list as a CSV file (RFC 4180), as spreadsheets write it.
//!
//! Separated by comma, semicolon or tab; UTF-8, with or without its mark, or Windows-1252. The first row that is
//! not empty names the columns, in any order. A row that cannot be used is left out, said and counted; the rest
//! goes on. A quotation mark that is never closed costs its own row, not those after it.

use std::borrow::Cow;
use std::fmt;

use csv::{ReaderBuilder, StringRecord};
use spanwatch_parsers::Text;

use super::{Inventory, Row, cells};

/// A list, and what there is to say of it.
#[derive(Debug, Default)]
pub struct Listed {
    /// What could be used.
    pub inventory: Inventory,
    /// Rows that are not empty, the header apart.
    pub rows: u64,
    /// Those of them that are not used.
    pub left_out: u64,
    /// What is wrong, in order of the lines; [`REMARKS_MAX`] at most.
    pub remarks: Vec<Remark>,
}

/// One thing that is wrong in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1.
    pub line: u64,
    /// The column as the header calls it, where it is about one.
    pub column: Option<Text>,
    /// What is wrong and what to do.
    pub text: String,
}

/// Why a list cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing is in it.
    Empty,
    /// A workbook and no text.
    Workbook,
    /// UTF-16.
    Utf16,
    /// More than [`BYTES_MAX`].
    TooLarge,
    /// The header has neither column by which a device can be known.
    NoAddress {
        /// Where.
        line: u64,
        /// What stands there.
        said: String,
    },
    /// The header has a column twice.
    Twice {
        /// Where.
        line: u64,
        /// The columns' numbers, from 1.
        at: (usize, usize),
        /// What they are called.
        name: Text,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                write!(
                    f,
                    "the file is empty: its first row must name the columns, as mac,ip,name,location,switch,port"
                )
            }
            Self::Workbook => write!(f, "this is a workbook and no CSV: save the sheet as \"CSV UTF-8\""),
            Self::Utf16 => write!(f, "the text is UTF-16: save the list as \"CSV UTF-8\""),
            Self::TooLarge => {
                write!(f, "the file is larger than {} MiB: leave columns or rows out", BYTES_MAX >> 20)
            }
            Self::NoAddress { line, said } => {
                write!(
                    f,
                    "line {line}: the first row must name the columns, one of them mac or ip; it says {said}"
                )
            }
            Self::Twice { line, at: (first, second), name } => {
                write!(
                    f,
                    "line {line}: columns {first} and {second} say the same, {name}: rename one of them"
                )
            }
        }
    }
}

impl std::error::Error for Unreadable {}

/// Reads a list.
///
/// # Errors
/// Where no row of it can be understood.
pub fn read(bytes: &[u8]) -> Result<Listed, Unreadable> {
    if bytes.len() > BYTES_MAX {
        return Err(Unreadable::TooLarge);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(Unreadable::Workbook);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unreadable::Utf16);
    }
    let text = decoded(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut lines = Lines::of(&text);
    let mut listed = Listed::default();
    let Some((line, record)) = lines.next(None) else { return Err(Unreadable::Empty) };
    let header = Header::of(line, &record)?;
    for name in &header.secret {
        let text = "is not kept: such a column may hold secrets".to_owned();
        listed.remark(line, Some(name.clone()), text);
    }
    if header.left_out > 0 {
        let text = format!("{} columns beyond the first {FURTHER_MAX} are not kept", header.left_out);
        listed.remark(line, None, text);
    }
    while let Some((line, record)) = lines.next(Some(header.columns.len())) {
        listed.rows = listed.rows.saturating_add(1);
        if listed.rows > ROWS_MAX {
            listed.left_out = listed.left_out.saturating_add(1);
            if listed.rows == ROWS_MAX + 1 {
                let text = format!("the list is longer than {ROWS_MAX} rows: the rest is left out");
                listed.remark(line, None, text);
            }
            continue;
        }
        if !listed.row(line, &record, &header) {
            listed.left_out = listed.left_out.saturating_add(1);
        }
    }
    Ok(listed)
}

impl Listed {
    /// Takes one row; whether it can be used.
    fn row(&mut self, line: u64, record: &StringRecord, header: &Header) -> bool {
        if is_swallowed(record, header.columns.len()) {
            let text = "a quotation mark is opened and not closed: close it, or write it twice".to_owned();
            return self.remark(line, None, text);
        }
        if record.iter().skip(header.columns.len()).any(|cell| !cell.trim().is_empty()) {
            let (count, named) = (record.len(), header.columns.len());
            let text = format!(
                "the row has {count} cells and the header {named}: put a cell that holds the separator in quotation marks"
            );
            return self.remark(line, None, text);
        }
        let mut row = Row::default();
        for ((name, column), written) in header.columns.iter().zip(record) {
            let Some(cell) = cells::cell(written) else { continue };
            if let Err(text) = take(&mut row, (name, *column), cell) {
                let is_left_out = *column != Column::Importance;
                self.remark(line, Some(name.clone()), text);
                if is_left_out {
                    return false;
                }
            }
        }
        if row.mac.is_none() && row.ip.is_none() {
            return self.remark(line, None, "names neither mac nor ip: fill in one of them".to_owned());
        }
        if let Some(column) = self.inventory.add(row) {
            let text = "is listed further up already: keep one of the two rows".to_owned();
            return self.remark(line, Some(column.into()), text);
        }
        true
    }

    /// Notes what is wrong with a row; `false`, as for a row that is left out.
    fn remark(&mut self, line: u64, column: Option<Text>, text: String) -> bool {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(Remark { line, column, text });
        }
        false
    }
}

fn take(row: &mut Row, (name, column): (&Text, Column), cell: Text) -> Result<(), String> {
    match column {
        Column::Mac => {
            let mac = cells::mac(cell.as_str());
            let hint = "write it as 00:11:22:33:44:55, and format the column as text, lest a spreadsheet makes a number of it";
            row.mac =
                Some(mac.ok_or_else(|| format!("\"{cell}\" is no hardware address of a device: {hint}"))?);
        }
        Column::Ip => {
            let ip = cells::ip(cell.as_str());
            row.ip = Some(
                ip.ok_or_else(|| format!("\"{cell}\" is no address of a device: write it as 192.0.2.7"))?,
            );
        }
        Column::Name => row.name = Some(cell),
        Column::Location => row.location = Some(cell),
        Column::Switch => row.switch = Some(cell),
        Column::Port => row.port = Some(cell),
        Column::Importance => {
            let importance = cells::importance(cell.as_str());
            row.importance = importance.ok_or_else(|| {
                format!("\"{cell}\" is none of critical, normal, unimportant: it counts as normal")
            })?;
        }
        Column::Further => {
            row.further.insert(name.clone(), cell);
        }
        Column::None => {}
    }
    Ok(())
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Mac,
    Ip,
    Name,
    Location,
    Switch,
    Port,
    Importance,
    /// Kept as it is.
    Further,
    /// Not kept: it has no name, may hold secrets, or is one too many.
    None,
}

/// The first row.
#[derive(Debug, Default)]
struct Header {
    columns: Vec<(Text, Column)>,
    secret: Vec<Text>,
    left_out: usize,
}

impl Header {
    fn of(line: u64, record: &StringRecord) -> Result<Self, Unreadable> {
        let mut header = Self::default();
        let mut further = 0_usize;
        for name in record.iter().map(|name| Text::new(name.as_bytes())) {
            let mut column = column(name.as_str());
            if column == Column::Further && cells::is_secret(name.as_str()) {
                header.secret.push(name.clone());
                column = Column::None;
            }
            if column == Column::Further {
                further = further.saturating_add(1);
                if further > FURTHER_MAX {
                    header.left_out = header.left_out.saturating_add(1);
                    column = Column::None;
                }
            }
            let is_same = |(other_name, other): &(Text, Column)| {
                *other == column && (column != Column::Further || *other_name == name)
            };
            if let Some(first) = header.columns.iter().position(is_same).filter(|_| column != Column::None) {
                let at = (first.saturating_add(1), header.columns.len().saturating_add(1));
                return Err(Unreadable::Twice { line, at, name });
            }
            header.columns.push((name, column));
        }
        if !header.columns.iter().any(|(_, column)| matches!(column, Column::Mac | Column::Ip)) {
            let said: Vec<String> =
                header.columns.iter().take(SAID_MAX).map(|(name, _)| format!("\"{name}\"")).collect();
            return Err(Unreadable::NoAddress { line, said: said.join(", ") });
        }
        Ok(header)
    }
}

/// What a column is by its name; case and how words are joined do not matter.
fn column(name: &str) -> Column {
    let plain: String = name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "" => Column::None,
        "mac" | "macaddress" | "hardwareaddress" | "ethernetaddress" => Column::Mac,
        "ip" | "ipaddress" | "ipv4" | "ipv4address" => Column::Ip,
        "name" | "devicename" | "cameraname" => Column::Name,
        "location" | "area" | "locationarea" => Column::Location,
        "switch" | "switchname" => Column::Switch,
        "port" | "switchport" => Column::Port,
        "importance" | "criticality" => Column::Importance,
        _ => Column::Further,
    }
}

/// The text of a file; what is no UTF-8 is Windows-1252, as older spreadsheets write.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
    }
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252.get(usize::from(byte & 0x1f)).copied().unwrap_or('\u{fffd}'),
        _ => char::from(byte),
    }
}

/// The rows of a text, each with its line.
struct Lines<'a> {
    /// What is not read yet, and the number of its first line.
    rest: &'a str,
    line: u64,
    separator: u8,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let (first, after) = text.split_once('\n').unwrap_or((text, ""));
        if let [separator @ (b',' | b';' | b'\t')] =
            first.trim_end_matches('\r').strip_prefix("sep=").unwrap_or_default().as_bytes()
        {
            return Self { rest: after, line: 2, separator: *separator };
        }
        let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let count = |separator: u8| header.bytes().filter(|byte| *byte == separator).count();
        let separator = [b',', b';', b'\t'].into_iter().rev().max_by_key(|it| count(*it)).unwrap_or(b',');
        Self { rest: text, line: 1, separator }
    }

    /// The next row that is not empty. One that swallowed others, for want of a quotation mark, ends at its line's
    /// end: those after it come next.
    fn next(&mut self, columns: Option<usize>) -> Option<(u64, StringRecord)> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start_matches(['\r', '\n']).len();
            self.skip(blank);
            if self.rest.is_empty() {
                return None;
            }
            let mut builder = ReaderBuilder::new();
            builder.has_headers(false).flexible(true).delimiter(self.separator);
            let mut reader = builder.from_reader(self.rest.as_bytes());
            let mut record = StringRecord::new();
            if !reader.read_record(&mut record).ok()? {
                return None;
            }
            let line = self.line;
            let whole = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
            let first_line = self.rest.find('\n').map_or(self.rest.len(), |end| end.saturating_add(1));
            let is_swallowed = columns.is_some_and(|columns| is_swallowed(&record, columns));
            self.skip(if is_swallowed { first_line } else { whole });
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                return Some((line, record));
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(skipped.bytes().filter(|byte| *byte == b'\n').count() as u64);
        self.rest = rest;
    }
}

/// Whether a row took others into one cell: more lines than people write into one, or its own other cells are missing.
fn is_swallowed(record: &StringRecord, columns: usize) -> bool {
    let breaks = |cell: &str| cell.bytes().filter(|byte| *byte == b'\n').count();
    let most = record.iter().map(breaks).max().unwrap_or_default();
    most > BREAKS_MAX || (most > 0 && record.len() < columns)
}

/// A list of 65,536 devices with a dozen columns has 12 MiB.
pub const BYTES_MAX: usize = 32 << 20;
/// Rows used: as many as devices are held.
const ROWS_MAX: u64 = crate::ledger::directory::DEVICES_MAX as u64;
/// Columns kept beside those that are understood.
const FURTHER_MAX: usize = 32;
/// What is wrong is said so often; the rest is counted.
const REMARKS_MAX: usize = 64;
/// Lines in one cell; notes have a few.
const BREAKS_MAX: usize = 12;
/// Names of columns in one sentence.
const SAID_MAX: usize = 8;
/// 0x80 to 0x9f (WHATWG Encoding, index windows-1252).
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "mac,ip,name,location,switch,port,importance\n";

    fn listed(rows: &str) -> Listed {
        read(format!("{HEADER}{rows}").as_bytes()).unwrap()
    }

    fn names(listed: &Listed) -> Vec<String> {
        let rows = listed.inventory.by_mac.values().chain(listed.inventory.by_ip.values());
        let mut names: Vec<String> =
            rows.filter_map(|row| row.name.as_ref().map(ToString::to_string)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn remarks(listed: &Listed) -> Vec<(u64, &str)> {
        listed.remarks.iter().map(|it| (it.line, it.column.as_ref().map_or("", Text::as_str))).collect()
    }

    #[test]
    fn columns_come_in_any_order_and_further_ones_are_kept() {
        let csv = "Serial No,Switch-Port,MAC Address,Name\r\nS1,7,00-11-22-33-44-55,\"Gate, north\"\r\n";
        let listed = read(csv.as_bytes()).unwrap();
        let row = listed.inventory.by_mac.values().next().unwrap();
        assert_eq!(row.name, Some("Gate, north".into()));
        assert_eq!(row.port, Some("7".into()));
        assert_eq!(row.shown()["Serial No"], "S1");
        assert_eq!((listed.rows, listed.left_out, listed.remarks.len()), (1, 0, 0));
    }

    #[test]
    fn separators_marks_and_code_pages_of_spreadsheets_are_read() {
        for csv in [
            &b"\xef\xbb\xbfip;name\n192.0.2.7;T\xc3\xbcr\n"[..],
            b"ip\tname\r\n192.0.2.7\tT\xfcr\r\n",
            b"sep=;\r\nip;name\r\n192.0.2.7;T\xfcr\r\n",
            b"\n\nname,ip\nT\xc3\xbcr,192.0.2.7",
        ] {
            assert_eq!(names(&read(csv).unwrap()), ["Tür"]);
        }
    }

    #[test]
    fn a_bad_row_is_left_out_with_its_line_and_column_and_the_rest_goes_on() {
        let listed = listed(
            "02:00:00:00:00:07,,gate,,,,\n\nnot a mac,,yard,,,,\n,192.0.2.300,roof,,,,\n,,nobody,,,,\n,192.0.2.8,hall,,,,urgent\n",
        );
        assert_eq!(names(&listed), ["gate", "hall"]);
        assert_eq!((listed.rows, listed.left_out), (5, 3));
        assert_eq!(remarks(&listed), [(4, "mac"), (5, "ip"), (6, ""), (7, "importance")]);
    }

    #[test]
    fn a_row_with_too_many_cells_is_left_out_and_one_with_too_few_is_not() {
        let listed = listed("02:00:00:00:00:07,,gate\n,192.0.2.8,yard,Dock 2, east,sw,7,normal,\n");
        assert_eq!(names(&listed), ["gate"]);
        assert_eq!(remarks(&listed), [(3, "")]);
    }

    #[test]
    fn what_is_listed_twice_counts_once() {
        let listed = listed(
            "02:00:00:00:00:07,,gate,,,,\n02-00-00-00-00-07,,yard,,,,\n,192.0.2.8,hall,,,,\n,192.0.2.8,roof,,,,\n",
        );
        assert_eq!(names(&listed), ["gate", "hall"]);
        assert_eq!(remarks(&listed), [(3, "mac"), (5, "ip")]);
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_one_row() {
        let mut rows = ",192.0.2.1,first,,,,\n,192.0.2.2,\"19 inch,,,,\n".to_owned();
        for n in 3..40 {
            rows.push_str(&format!(",192.0.2.{n},camera {n},,,,\n"));
        }
        let whole = listed(&rows);
        assert_eq!((names(&whole).len(), whole.left_out), (38, 1));
        assert_eq!(remarks(&whole), [(3, "")]);
        let short = listed(",192.0.2.2,\"19 inch,,,,\n,192.0.2.3,gate,,,,\n");
        assert_eq!((names(&short), remarks(&short)), (vec!["gate".to_owned()], vec![(2, "")]));
        let fine = listed(",192.0.2.2,\"two\nlines\",,,,\n,192.0.2.3,gate,,,,\n");
        assert_eq!((names(&fine), fine.left_out), (vec!["gate".to_owned(), "two·lines".to_owned()], 0));
    }

    #[test]
    fn columns_of_secrets_are_not_kept() {
        let csv = "HardwareAddress,HardwarePassword,Notes\n02:00:00:00:00:07,hunter2,x\n";
        let listed = read(csv.as_bytes()).unwrap();
        let row = listed.inventory.by_mac.values().next().unwrap();
        assert_eq!(row.further.len(), 1);
        assert_eq!(remarks(&listed), [(1, "HardwarePassword")]);
    }

    #[test]
    fn what_is_no_list_says_why() {
        let why = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(why(b"").starts_with("the file is empty"));
        assert!(why(b"\n\r\n").starts_with("the file is empty"));
        assert!(why(b"PK\x03\x04...").contains("workbook"));
        assert!(why(b"\xff\xfem\0a\0c\0").contains("UTF-16"));
        assert!(why(b"camera,place\n").ends_with("it says \"camera\", \"place\""));
        assert!(why(b"mac,name,MAC address\n").contains("columns 1 and 3"));
        assert!(why(&vec![b'a'; BYTES_MAX + 1]).contains("32 MiB"));
    }

    #[test]
    fn rows_are_bounded_and_counted() {
        let mut csv = "mac\n".to_owned();
        for n in 0..ROWS_MAX + 5 {
            csv.push_str(&format!("02000{n:07x}\n"));
        }
        let listed = read(csv.as_bytes()).unwrap();
        assert_eq!(listed.inventory.by_mac.len() as u64, ROWS_MAX);
        assert_eq!((listed.left_out, listed.remarks.len()), (5, 1));
    }

    #[test]
    fn any_bytes_are_answered() {
        let csv = b"mac,name\n02:00:00:00:00:07,\"a\"\"b\",,\n\"\",\"\xff\n;;\t";
        for end in 0..csv.len() {
            let _ = read(&csv[..end]);
        }
    }
}
