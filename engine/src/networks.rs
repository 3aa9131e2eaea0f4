//! Who has which public addresses: [`Networks`], an offline list of the site's own choosing.
//!
//! ```text
//! # 2026-11-01                    of when it is
//! network,country,owner           in this order
//! 198.18.0.0/15,NL,Example B.V.   country and owner may be empty
//! 2001:db8::/32,,Documentation
//! ```
//!
//! CSV (RFC 4180), UTF-8. A network is an address with the length of its prefix, or an address alone; of two that hold an address
//! the longer one counts. The list only names: no finding comes or goes with it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};

/// A list of networks.
#[derive(Debug, Default)]
pub struct Networks {
    /// Of when it is, as its first line says.
    pub date: String,
    /// By length of the prefix in 128 bits, the longest last; each sorted by address.
    by_length: BTreeMap<u8, Vec<(u128, u32)>>,
    /// What networks are called, each once.
    names: Vec<Arc<str>>,
    rows: usize,
}

/// Why a list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what to do.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Unreadable {}

impl Networks {
    /// Reads a list.
    ///
    /// # Errors
    /// At the first line that cannot be understood, or where it has more than [`ROWS_MAX`] networks.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (first, body) = bytes.split_at(end);
        let body = body.strip_prefix(b"\n").unwrap_or_default();
        let date = std::str::from_utf8(first).ok().and_then(|line| line.strip_prefix('#')).map(str::trim);
        let Some(date) = date.filter(|date| is_date(date)) else {
            let why = "the first line must say of when the list is: write it as # 2026-11-01";
            return Err(Unreadable { line: 1, why: why.to_owned() });
        };
        let mut networks = Self { date: date.to_owned(), ..Self::default() };
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(body);
        let mut known: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        let mut record = StringRecord::new();
        let mut is_header = true;
        loop {
            let is_read = reader.read_record(&mut record);
            let line = record.position().or(Some(reader.position())).map_or(1, |it| line_of(body, it));
            let fault = |why: String| Unreadable { line, why };
            match is_read {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(fault(format!("{error}: save the list as CSV in UTF-8"))),
            }
            if std::mem::take(&mut is_header) {
                if !record.iter().map(str::to_ascii_lowercase).eq(COLUMNS) {
                    let said: Vec<&str> = record.iter().collect();
                    let why = format!(
                        "the first row must be {}, and is {}: name the columns so, in this order",
                        COLUMNS.join(","),
                        said.join(",").chars().take(SHOWN).collect::<String>()
                    );
                    return Err(fault(why));
                }
                continue;
            }
            networks.row(&record, &mut known).map_err(fault)?;
        }
        if is_header {
            let why = format!("the list is empty: its first row must be {}", COLUMNS.join(","));
            return Err(Unreadable { line: 1, why });
        }
        networks.by_length.values_mut().for_each(|rows| rows.sort_unstable());
        Ok(networks)
    }

    fn row(&mut self, record: &StringRecord, known: &mut BTreeMap<Arc<str>, u32>) -> Result<(), String> {
        let of = |column: usize| record.get(column).unwrap_or_default();
        let shown = of(0).chars().take(SHOWN).collect::<String>();
        let (first, length) = network(of(0)).ok_or_else(|| {
            format!("{shown} is no network: write it as 198.51.100.0/24 or 2001:db8::/32, without bits behind its prefix")
        })?;
        if record.len() > COLUMNS.len() {
            return Err(format!(
                "{} columns are too many: put a name with a comma in quotation marks",
                record.len()
            ));
        }
        if self.rows >= ROWS_MAX {
            return Err(format!(
                "the list has more than {ROWS_MAX} networks: leave some out, or join neighbours"
            ));
        }
        self.rows = self.rows.saturating_add(1);
        let called: Vec<String> = [of(1), of(2)].into_iter().filter(|it| !it.is_empty()).map(plain).collect();
        let called = called.join(", ");
        let number = match known.get(called.as_str()) {
            Some(number) => *number,
            None => {
                let (number, name) =
                    (u32::try_from(self.names.len()).unwrap_or(u32::MAX), Arc::<str>::from(called));
                self.names.push(Arc::clone(&name));
                known.insert(name, number);
                number
            }
        };
        self.by_length.entry(length).or_default().push((first, number));
        Ok(())
    }

    /// How many networks it has.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Country and owner of an address, as far as they are known: `NL, Example B.V.`.
    #[must_use]
    pub fn name_of(&self, ip: IpAddr) -> Option<&str> {
        // Networks of IPv6 hold no address of IPv4, which lies in ::ffff:0:0/96.
        let (ip, shortest) = (bits(ip), if ip.is_ipv4() { 96 } else { 0 });
        let name = self.by_length.range(shortest..).rev().find_map(|(length, rows)| {
            let at = rows.partition_point(|(first, _)| *first < masked(ip, *length));
            let (first, number) = rows.get(at)?;
            (*first == masked(ip, *length)).then(|| self.names.get(*number as usize))?
        })?;
        Some(&**name).filter(|name| !name.is_empty())
    }
}

/// The line of the file, from 1, of what stands there in the body, which begins in the second; empty lines are stepped over.
fn line_of(body: &[u8], at: &csv::Position) -> u64 {
    let from = usize::try_from(at.byte()).ok().and_then(|at| body.get(at..)).unwrap_or_default();
    let ends = from.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let empty = ends.filter(|byte| **byte == b'\n').count() as u64;
    at.line().saturating_add(empty).saturating_add(1)
}

/// A network's first address and the length of its prefix, both of 128 bits.
fn network(text: &str) -> Option<(u128, u8)> {
    let (ip, length) = text.split_once('/').map_or((text, None), |(ip, length)| (ip, Some(length)));
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { 32_u8 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok())?;
    let length = length.checked_add(128_u8.checked_sub(most)?).filter(|_| length <= most)?;
    let first = bits(ip);
    (masked(first, length) == first).then_some((first, length))
}

/// An address of 128 bits: of IPv4 the mapped one (RFC 4291, 2.5.5.2).
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn masked(ip: u128, length: u8) -> u128 {
    let behind = 128_u32.saturating_sub(length.into());
    ip & u128::MAX.checked_shl(behind).unwrap_or(0)
}

/// Without what would turn a line, or be too long to be read.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect()
}

/// `2026-11-01`.
fn is_date(text: &str) -> bool {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.len() == 10
        && (0..10)
            .all(|at| if at == 4 || at == 7 { text.as_bytes().get(at) == Some(&b'-') } else { is_digit(at) })
}

/// Networks of a list: all that are routed in the world are about as many, each 32 bytes.
pub const ROWS_MAX: usize = 2_000_000;
/// Bytes of a list that are read.
pub const BYTES_MAX: usize = 256 << 20;
const COLUMNS: [&str; 3] = ["network", "country", "owner"];
/// Letters of a name that are kept.
const NAME_MAX: usize = 64;
/// Letters of what is wrong that are shown.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# 2026-11-01\nnetwork,country,owner\n198.18.0.0/15,NL,\"Example, B.V.\"\n198.18.7.0/24,DE,\n\
                        198.18.7.9,,One host\n2001:db8::/32,FR,Example S.A.\n0.0.0.0/0,,\n";

    fn fault(list: &str) -> (u64, String) {
        let fault = Networks::read(list.as_bytes()).unwrap_err();
        (fault.line, fault.why)
    }

    #[test]
    fn the_longest_network_that_holds_an_address_names_it() {
        let networks = Networks::read(LIST.as_bytes()).unwrap();
        let of = |ip: &str| networks.name_of(ip.parse().unwrap());
        assert_eq!(of("198.19.255.255"), Some("NL, Example, B.V."));
        assert_eq!(of("198.18.7.1"), Some("DE"));
        assert_eq!(of("198.18.7.9"), Some("One host"));
        assert_eq!(of("2001:db8:ffff::1"), Some("FR, Example S.A."));
        assert_eq!((of("198.20.0.0"), of("2001:db9::")), (None, None));
        assert_eq!((networks.date.as_str(), networks.rows()), ("2026-11-01", 5));
    }

    #[test]
    fn a_network_without_a_name_takes_its_addresses_from_the_one_around_it() {
        let list = b"# 2026-11-01\nnetwork,country,owner\n198.18.0.0/15,NL,A\n198.18.1.0/24,,\n::/0,XX,\n";
        let networks = Networks::read(list).unwrap();
        let of = |ip: &str| networks.name_of(ip.parse().unwrap());
        assert_eq!((of("198.18.1.1"), of("198.18.2.1")), (None, Some("NL, A")));
        assert_eq!((of("192.0.2.1"), of("2001:db8::1")), (None, Some("XX")), "::/0 holds no address of IPv4");
    }

    #[test]
    fn a_list_as_spreadsheets_write_it_is_read() {
        let list = b"\xef\xbb\xbf# 2026-11-01\r\nNetwork, Country, Owner\r\n192.0.2.0/24,XX,A\r\n";
        assert_eq!(Networks::read(list).unwrap().name_of([192, 0, 2, 1].into()), Some("XX, A"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_to_do() {
        let undated = "the first line must say of when the list is: write it as # 2026-11-01";
        for list in ["", "network,country,owner\n", "# of November\nnetwork,country,owner\n"] {
            assert_eq!(fault(list), (1, undated.to_owned()));
        }
        assert_eq!(
            fault("# 2026-11-01\n").1,
            "the list is empty: its first row must be network,country,owner"
        );
        let (line, why) = fault("# 2026-11-01\nnet,country\n");
        assert!(line == 2 && why.contains("must be network,country,owner, and is net,country"), "{why}");
        let head = "# 2026-11-01\nnetwork,country,owner\n10.0.0.0/8,,A\n";
        for bad in ["10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "example.com", "", "10.0.0.0/"] {
            let (line, why) = fault(&format!("{head}\"{bad}\",XX,B\n"));
            assert!(
                line == 4 && why.starts_with(&format!("{bad} is no network: write it as")),
                "{line} {why}"
            );
        }
        assert_eq!(fault(&format!("{head}10.0.0.0/8,XX,B,C\n")).0, 4);
        assert_eq!(fault(&format!("{head}\n\r\n10.0.0.0/8,\"a\nb\",\nx,,\n")).0, 8);
    }

    #[test]
    fn names_turn_no_line_and_are_short() {
        let list =
            format!("# 2026-11-01\nnetwork,country,owner\n192.0.2.0/24,\"A\nB\",{}\n", "x".repeat(500));
        let networks = Networks::read(list.as_bytes()).unwrap();
        assert_eq!(networks.name_of([192, 0, 2, 1].into()).map(str::len), Some("AB, ".len() + NAME_MAX));
    }

    #[test]
    fn whatever_the_bytes_it_does_not_panic() {
        for end in 0..LIST.len() {
            let _ = Networks::read(&LIST.as_bytes()[..end]);
            let mut bytes = LIST.as_bytes().to_vec();
            bytes[end] ^= 0x80;
            let _ = Networks::read(&bytes);
        }
    }
}
