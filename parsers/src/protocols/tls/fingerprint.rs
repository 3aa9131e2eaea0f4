//! JA3, JA3S and JA4: which program speaks TLS, told by what it offers and in which order.
//!
//! ```text
//! JA3    MD5 of  version,ciphers,extensions,groups,point formats     decimal, joined by '-'
//! JA3S   MD5 of  version,cipher,extensions
//! JA4    t13d1516h2_8daaf6152771_e5627efa2ab1
//!        |||  | | |  |            SHA-256 of extensions, sorted, less server name and ALPN, '_' and signature algorithms
//!        |||  | | |  SHA-256 of ciphers, sorted                      hexadecimal, joined by ',', cut after 12 digits
//!        |||  | | first and last character of the first protocol of ALPN, `00` without
//!        |||  how many ciphers and extensions, 99 at most
//!        ||d with a server name, i without
//!        |highest version
//!        TLS over TCP
//! ```
//!
//! Values without meaning (RFC 8701) do not count. Browsers shuffle their extensions, so that their JA3 is another each
//! time; JA4 stays.
//!
//! Source: `salesforce/ja3`, README; `FoxIO-LLC/ja4`, `technical_details/JA4.md`, and its published results, which have
//! `9` for a character of ALPN that is not ASCII. Left out: all others of FoxIO's family, which are under another licence.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::hello::{self, ClientHello, ServerHello, is_grease};
use crate::vocabulary::{Digest, Text, TlsVersion};

/// JA3 of a client.
#[must_use]
pub fn ja3(hello: &ClientHello<'_>) -> Digest<16> {
    let mut text = String::with_capacity(TYPICAL);
    let extensions = hello.extensions.iter().map(|extension| extension.kind);
    let groups = hello.extensions.shorts(hello::GROUPS);
    let formats = hello.extensions.point_formats().iter().map(|format| u16::from(*format));
    decimal(&mut text, [hello.version.0]);
    text.push(',');
    decimal(&mut text, hello.ciphers.without_grease());
    text.push(',');
    decimal(&mut text, extensions.filter(|kind| !is_grease(*kind)));
    text.push(',');
    decimal(&mut text, groups.without_grease());
    text.push(',');
    decimal(&mut text, formats);
    Digest(md5::Digest::finalize(<Md5 as md5::Digest>::new_with_prefix(text)).into())
}

/// JA3S of a server.
#[must_use]
pub fn ja3s(hello: &ServerHello<'_>) -> Digest<16> {
    let mut text = String::new();
    for number in [hello.version.0, hello.cipher.0] {
        decimal(&mut text, [number]);
        text.push(',');
    }
    let extensions = hello.extensions.iter().map(|extension| extension.kind);
    decimal(&mut text, extensions.filter(|kind| !is_grease(*kind)));
    Digest(md5::Digest::finalize(<Md5 as md5::Digest>::new_with_prefix(text)).into())
}

/// JA4 of a client.
#[must_use]
pub fn ja4(hello: &ClientHello<'_>) -> Text {
    let mut ciphers: Vec<u16> = hello.ciphers.without_grease().collect();
    ciphers.sort_unstable();
    let kinds = hello.extensions.iter().map(|extension| extension.kind);
    let mut extensions: Vec<u16> = kinds.filter(|kind| !is_grease(*kind)).collect();
    let name = if extensions.contains(&hello::SERVER_NAME) { 'd' } else { 'i' };
    let counts = [ciphers.len(), extensions.len()].map(|count| count.min(COUNT_MAX) as u32);
    extensions.retain(|kind| ![hello::SERVER_NAME, hello::PROTOCOLS].contains(kind));
    extensions.sort_unstable();
    let mut offer = hexadecimal(extensions.into_iter());
    let signatures = hexadecimal(hello.extensions.shorts(hello::SIGNATURES).without_grease());
    if !offer.is_empty() && !signatures.is_empty() {
        offer.push('_');
        offer.push_str(&signatures);
    }
    let version = version(hello.highest_version());
    let protocol = hello.extensions.protocols().next().unwrap_or_default();
    let (ciphers, offer) = (cut_hash(&hexadecimal(ciphers.into_iter())), cut_hash(&offer));
    let mut text = String::with_capacity(JA4);
    text.extend(["t", version]);
    text.push(name);
    for count in counts {
        text.extend([count / 10, count % 10].map(|digit| char::from_digit(digit, 10).unwrap_or('0')));
    }
    text.extend(protocol_ends(protocol));
    text.extend(["_", &*ciphers, "_", &*offer]);
    Text::from(&*text)
}

fn version(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion(0x0002) => "s2",
        TlsVersion::SSL_3_0 => "s3",
        TlsVersion::TLS_1_0 => "10",
        TlsVersion::TLS_1_1 => "11",
        TlsVersion::TLS_1_2 => "12",
        TlsVersion::TLS_1_3 => "13",
        _ => "00",
    }
}

fn protocol_ends(name: &[u8]) -> [char; 2] {
    [name.first(), name.last()].map(|byte| match byte {
        Some(byte) if byte.is_ascii() => char::from(*byte),
        Some(_) => '9',
        None => '0',
    })
}

fn cut_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(CUT_HASH);
    }
    let mut hash = String::with_capacity(CUT_HASH);
    for byte in Sha256::digest(text).into_iter().take(CUT_HASH / 2) {
        digits(&mut hash, byte.into(), &[4, 0]);
    }
    hash
}

// Digit by digit: a client's first message has dozens of numbers, and a site thousands of such messages.
fn decimal(text: &mut String, numbers: impl IntoIterator<Item = u16>) {
    for (n, number) in numbers.into_iter().enumerate() {
        text.extend((n > 0).then_some('-'));
        let places = [10_000, 1_000, 100, 10, 1].into_iter().skip_while(|place| *place > number.max(1));
        let digits =
            places.filter_map(|place| char::from_digit(u32::from(number.checked_div(place)? % 10), 10));
        digits.for_each(|digit| text.push(digit));
    }
}

fn hexadecimal(numbers: impl Iterator<Item = u16>) -> String {
    let mut text = String::with_capacity(TYPICAL);
    for (n, number) in numbers.enumerate() {
        text.extend((n > 0).then_some(','));
        digits(&mut text, number, &[12, 8, 4, 0]);
    }
    text
}

/// Adds the hexadecimal digits of a number that stand so many bits from its end.
fn digits(text: &mut String, number: u16, at: &[u32]) {
    let digits = at.iter().filter_map(|at| char::from_digit(u32::from(number >> at & 0xf), 16));
    digits.for_each(|digit| text.push(digit));
}

/// Bytes of most lists of numbers.
const TYPICAL: usize = 256;
const COUNT_MAX: usize = 99;
const CUT_HASH: usize = 12;
/// Bytes of a JA4.
const JA4: usize = 36;
