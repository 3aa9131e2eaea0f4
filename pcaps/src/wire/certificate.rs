//! Self-signed X.509 certificates with RSA keys (RFC 5280, 4.1). Keys and signatures are made up: they have
//! the right sizes and verify nothing.
//!
//! ```text
//! SEQUENCE / tbs    / version, serial, algorithm, issuer, validity, subject, key, extensions
//!          / algorithm
//!          / signature
//! ```

use super::calendar::Date;
use super::der::{INTEGER, OCTETS, SEQUENCE, SET, number, oid, positive, value};
use crate::random::Random;

/// What a certificate says.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// Common name of subject and issuer.
    pub common_name: &'a str,
    /// Their organization; empty for none.
    pub organization: &'a str,
    /// Serial number; key and signature follow from it.
    pub serial: u64,
    /// First second, Unix time.
    pub not_before_s: i64,
    /// Last second, Unix time.
    pub not_after_s: i64,
    /// Length of the RSA key, a multiple of 8.
    pub key_bits: u16,
    /// Whether SHA-1 is signed rather than SHA-256.
    pub is_sha1: bool,
}

impl Certificate<'_> {
    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let mut random = Random::of(self.serial, "certificate", u64::from(self.key_bits));
        let mut modulus = noise(&mut random, usize::from(self.key_bits) / 8);
        let last = modulus.len() - 1;
        modulus[0] |= 0x80;
        modulus[last] |= 1;
        let signature = noise(&mut random, modulus.len());

        let hash = if self.is_sha1 { 5 } else { 11 };
        let algorithm = value(SEQUENCE, &[&oid(&[1, 2, 840, 113_549, 1, 1, hash]), &NULL]);
        let name = self.name();
        let validity = value(SEQUENCE, &[&time(self.not_before_s), &time(self.not_after_s)]);
        let body = value(
            SEQUENCE,
            &[
                // Version 3.
                &value(0xa0, &[&number(INTEGER, 2)]),
                &positive(&self.serial.to_be_bytes()[self.serial.leading_zeros().min(56) as usize / 8..]),
                &algorithm,
                &name,
                &validity,
                &name,
                &key(&modulus),
                &extensions(),
            ],
        );
        value(SEQUENCE, &[&body, &algorithm, &bits(&signature)])
    }

    fn name(&self) -> Vec<u8> {
        let part = |attribute: u32, text: &str| {
            let pair = value(SEQUENCE, &[&oid(&[2, 5, 4, attribute]), &value(UTF8, &[text.as_bytes()])]);
            value(SET, &[&pair])
        };
        let organization =
            if self.organization.is_empty() { Vec::new() } else { part(10, self.organization) };
        value(SEQUENCE, &[&organization, &part(3, self.common_name)])
    }
}

/// An RSA key (RFC 3279, 2.3.1).
fn key(modulus: &[u8]) -> Vec<u8> {
    let algorithm = value(SEQUENCE, &[&oid(&[1, 2, 840, 113_549, 1, 1, 1]), &NULL]);
    let key = value(SEQUENCE, &[&positive(modulus), &number(INTEGER, 65_537)]);
    value(SEQUENCE, &[&algorithm, &bits(&key)])
}

/// One extension, which says that the certificate signs itself (RFC 5280, 4.2.1.9).
fn extensions() -> Vec<u8> {
    let constraints = value(SEQUENCE, &[&value(BOOLEAN, &[&[0xff]])]);
    let extension = value(SEQUENCE, &[&oid(&[2, 5, 29, 19]), &value(OCTETS, &[&constraints])]);
    value(0xa3, &[&value(SEQUENCE, &[&extension])])
}

/// A moment; from 2050 on with all digits of its year (RFC 5280, 4.1.2.5).
fn time(unix_s: i64) -> Vec<u8> {
    let Date { year, month, day, hour, minute, second, .. } = Date::of(unix_s);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        value(UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        value(GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()])
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    value(BITS, &[&[0], bytes])
}

fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.bits().to_be_bytes()).flatten().take(length).collect()
}

const BOOLEAN: u8 = 0x01;
const BITS: u8 = 0x03;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const NULL: [u8; 2] = [5, 0];
