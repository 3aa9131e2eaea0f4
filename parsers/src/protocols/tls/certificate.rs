//! The first certificate of a TLS message: whose it is, who signed it, and how strong.
//!
//! ```text
//! | length u24 | (length u24 | certificate)* |     the sender's own first, then those of its signers; big-endian
//! ```
//!
//! What is inside is read by `x509-parser`. Whether a signature holds is not checked: a certificate that names itself as
//! its signer is called self-signed.
//!
//! Source: RFC 5246, 7.4.2; RFC 5280, 4; names as RFC 4514, 2 writes them.

use std::net::{Ipv4Addr, Ipv6Addr};

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::complete::be_u24;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, SubjectPublicKeyInfo, X509Certificate, X509Name};

use crate::ber;
use crate::vocabulary::{Certificate, Digest, Malformed, Text};

/// The sender's own certificate in the body of a message, of which not all need be there; `None` where it is not whole.
#[must_use]
pub fn first(body: &[u8]) -> Option<&[u8]> {
    sender(body).ok().map(|(_, certificate)| certificate)
}

fn sender(i: &[u8]) -> IResult<&[u8], &[u8]> {
    let (i, _length) = be_u24(i)?;
    let (i, length) = be_u24(i)?;
    take(length)(i)
}

/// Reads one certificate.
///
/// # Errors
/// `Invalid` where it is none.
pub fn parse(der: &[u8]) -> Result<Certificate, Malformed> {
    let (_, read) =
        X509Certificate::from_der(der).map_err(|_| Malformed::Invalid { field: "certificate" })?;
    let key = read.public_key();
    let (kind, bits) = key_of(key);
    Ok(Certificate {
        subject: Text::new(name(read.subject()).as_bytes()),
        issuer: Text::new(name(read.issuer()).as_bytes()),
        names: names(&read),
        not_before_s: read.validity().not_before.timestamp(),
        not_after_s: read.validity().not_after.timestamp(),
        key: kind,
        key_bits: bits,
        signature: signature(&read.signature_algorithm.algorithm.to_id_string()),
        is_self_signed: read.subject().as_raw() == read.issuer().as_raw(),
        sha256: Digest(Sha256::digest(der).into()),
        key_sha256: Digest(Sha256::digest(key.raw).into()),
    })
}

/// A name as RFC 4514 writes it: the most particular first.
fn name(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (n, part) in parts.into_iter().rev().enumerate() {
        for (m, attribute) in part.iter().enumerate() {
            match (n, m) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                _ => text.push('+'),
            }
            let identifier = attribute.attr_type().to_id_string();
            let short = ATTRIBUTES.iter().find(|(known, _)| *known == identifier).map(|(_, short)| *short);
            text.push_str(short.unwrap_or(&identifier));
            text.push('=');
            escape(&value(attribute.attr_value().header.tag().0, attribute.as_slice()), &mut text);
        }
        if text.len() > Text::MAX {
            break;
        }
    }
    text
}

/// A string by its tag; T.61 is read as Latin-1, as it is really used.
fn value(tag: u32, bytes: &[u8]) -> String {
    match tag {
        BMP_STRING => {
            let units = bytes.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        T61_STRING => bytes.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

pub(super) fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (n, character) in value.chars().enumerate() {
        let is_edge = (n == 0 && matches!(character, ' ' | '#')) || (n == last && character == ' ');
        if is_edge || matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            text.push('\\');
        }
        text.push(character);
    }
}

fn names(read: &X509Certificate<'_>) -> Vec<Text> {
    let Ok(Some(extension)) = read.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => Text::some(name.as_bytes()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| Text::from(&*address)),
        _ => None,
    });
    names.take(Certificate::NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).to_string()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        _ => None,
    }
}

fn key_of(key: &SubjectPublicKeyInfo<'_>) -> (&'static str, Option<u32>) {
    match &*key.algorithm.algorithm.to_id_string() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            ("rsa", first_number(&key.subject_public_key.data))
        }
        "1.2.840.10040.4.1" => ("dsa", prime_bits(key)),
        "1.2.840.10045.2.1" => ("ec", curve_bits(key)),
        "1.3.101.112" => ("ed25519", Some(256)),
        "1.3.101.113" => ("ed448", Some(456)),
        _ => ("unknown", None),
    }
}

/// The length of the first number of a sequence: of an RSA key its modulus, which some write as if it were negative.
fn first_number(sequence: &[u8]) -> Option<u32> {
    let (_, sequence) = ber::whole(sequence, ber::SEQUENCE, "key").ok()?;
    let (_, number) = ber::whole(sequence.value, ber::INTEGER, "number").ok()?;
    bits(number.value)
}

fn prime_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let parameters = key.algorithm.parameters.as_ref()?;
    let (_, number) = ber::whole(parameters.data, ber::INTEGER, "prime").ok()?;
    bits(number.value)
}

/// The length of a number.
fn bits(number: &[u8]) -> Option<u32> {
    let start = number.iter().position(|byte| *byte != 0)?;
    let first = number.get(start)?;
    let bytes = u32::try_from(number.len().saturating_sub(start)).ok()?;
    bytes.checked_mul(8)?.checked_sub(first.leading_zeros())
}

fn curve_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
    CURVES.iter().find(|(known, _)| *known == curve).map(|(_, bits)| *bits)
}

fn signature(identifier: &str) -> Text {
    let known = SIGNATURES.iter().find(|(known, _)| *known == identifier);
    Text::from(known.map_or(identifier, |(_, name)| *name))
}

const T61_STRING: u32 = 20;
const BMP_STRING: u32 = 30;

/// Short names of attributes (RFC 4514, 3), and of those that others than it write so too.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// Named curves (SEC 2; RFC 5639, 4.1; RFC 5480, 2.1.1.1).
const CURVES: &[(&str, u32)] = &[
    ("1.2.840.10045.3.1.1", 192),
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.6", 112),
    ("1.3.132.0.8", 160),
    ("1.3.132.0.9", 160),
    ("1.3.132.0.10", 256),
    ("1.3.132.0.30", 160),
    ("1.3.132.0.31", 192),
    ("1.3.132.0.32", 224),
    ("1.3.132.0.33", 224),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
    ("1.3.36.3.3.2.8.1.1.7", 256),
    ("1.3.36.3.3.2.8.1.1.11", 384),
    ("1.3.36.3.3.2.8.1.1.13", 512),
];

/// Algorithms of signatures (RFC 8017, A.2.4; RFC 5758, 3; RFC 8410, 3), by OpenSSL's names.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.3", "md4WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.3.14.3.2.29", "sha1WithRSA"),
    ("1.2.840.10040.4.3", "dsaWithSHA1"),
    ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
];
